"""A small country: forty grids on a lattice in two counties, records that move between them, and tables that tell of all of it."""

import datetime as dt

import numpy as np
import pandas as pd

from riskwarn.history import History
from riskwarn.store import Store
from towns.events import START, ZONE, crowd

IDS = tuple(f"G{i:02d}" for i in range(40))
UNTIL = START + pd.Timedelta(days=160)
DATES = [dt.date(2025, 2, 10), dt.date(2025, 3, 10), dt.date(2025, 4, 7)]


def grids():
    """A lattice of 8 by 5 whose order in the table is not that on the map; one grid has no township, one no households."""
    number = np.random.default_rng(5).permutation(len(IDS))
    x, y = number % 8, number // 8
    township = np.array([f"T{a // 3}{b // 2}" for a, b in zip(x, y, strict=True)], dtype=object)
    township[number == 7] = None
    return pd.DataFrame(
        {
            "grid_id": IDS,
            "valid_from": START - pd.Timedelta(days=9),
            "community_id": [f"C{n // 2}" for n in number],
            "township_id": township,
            "county_id": np.where(x < 4, "K1", "K2"),
            "area_km2": 0.5 + number % 4,
            "households": np.where(number == 11, np.nan, 50.0 + 10 * number),
            "population": 120.0 + 31 * number,
            "urban_class": np.where(number % 3 == 0, "220", "111"),
            "x_km": x * 1.0,
            "y_km": y * 1.0,
        }
    )


def events(n=3000):
    """Records of all grids, a third of them in four; events that were written anew in another grid are among them."""
    busy = IDS[:4] * 5
    return crowd(n, n_days=150, grids=(*IDS, *busy))


def tables():
    """Visits, steps, diverted calls, a roster, places, and deliveries: of one county's disputes from its own organisation."""
    rng = np.random.default_rng(8)
    day = START + pd.to_timedelta(np.sort(rng.integers(0, 150, 240)), unit="D")
    late, some = pd.to_timedelta(rng.integers(0, 9, 240), unit="D"), rng.choice(IDS, 240)
    begins = START + pd.to_timedelta(np.arange(-2, 154, 7), unit="D")
    weeks = pd.DataFrame({"covers_from": begins, "covers_to": begins + pd.Timedelta(days=7)})
    weeks = weeks.assign(
        arrived_at=weeks["covers_to"] - pd.Timedelta(hours=1), received=9, accepted=9, quarantined=0, duplicate=0
    )
    logs = [
        weeks.assign(source="dispute", org_code="K1"),
        weeks.assign(source="dispute", org_code="*").drop(index=[6, 7, 8]),
        weeks.assign(source="police_call", org_code="*"),
    ]
    feed_log = pd.concat(logs, ignore_index=True)
    return {
        "visits": pd.DataFrame(
            {
                "visit_id": [f"v{i}" for i in range(240)],
                "started_at": day,
                "known_at": day + late,
                "grid_id": some,
                "kind": rng.choice(["patrol", "household"], 240),
                "purpose": rng.choice(["routine", "alert"], 240),
                "n_households": rng.integers(1, 9, 240),
                "valid": rng.random(240) < 0.8,
            }
        ),
        "workflow": pd.DataFrame(
            {
                "case_id": [f"k{i // 3}" for i in range(240)],
                "step": np.arange(240) % 3,
                "action": "return",
                "at": day,
                "known_at": day + late,
                "grid_id": some,
            }
        ),
        "diversions": pd.DataFrame(
            {
                "call_id": [f"d{i}" for i in range(240)],
                "to_org": "o1",
                "sent_at": day,
                "received_at": (day + late).where(rng.random(240) < 0.6),
                "grid_id": some,
            }
        ),
        "roster": pd.DataFrame(
            {"grid_id": some, "day_at": day, "n_workers": rng.integers(0, 3, 240) / 2}
        ).drop_duplicates(["grid_id", "day_at"]),
        "places": pd.DataFrame({"grid_id": IDS[:2], "kind": ["school", "hotel"], "n": [2.0, 1.0]}),
        "feed_log": feed_log.assign(batch_id=[f"b{i}" for i in range(len(feed_log))]),
    }


def country(n=3000):
    """The history of the country, to whose records a grid that was split has been carried over."""
    crosswalk = pd.DataFrame(
        {
            "from_grid_id": ["OLD", "OLD"],
            "to_grid_id": [IDS[3], IDS[20]],
            "weight": [0.25, 0.75],
            "kind": "split",
            "effective_at": START + pd.Timedelta(days=30),
        }
    )
    told = events(n)
    told.loc[told.index[::50], "grid_id"] = "OLD"
    return History.of(told, grids(), timezone=ZONE, until=UNTIL, tables={**tables(), "crosswalk": crosswalk})


def stored(folder):
    """The country as a store: months of files, events corrected into other grids, withdrawn ones, one grid that was split."""
    made = Store(folder, timezone=ZONE)
    old = pd.DataFrame({"grid_id": ["OLD"], "valid_from": START - pd.Timedelta(days=99), "valid_to": START})
    told = events()
    told.loc[told.index[::50], "grid_id"] = "OLD"
    told.loc[told["grid_id"] == "G2", "grid_id"] = IDS[2]
    told["retracted"] = np.arange(len(told)) % 97 == 0
    made.write("grids", pd.concat([grids(), old], ignore_index=True))
    made.write("events", told)
    split = {"from_grid_id": ["OLD"] * 2, "to_grid_id": [IDS[3], IDS[20]], "weight": [0.25, 0.75], "kind": "split"}
    made.write("crosswalk", pd.DataFrame(split).assign(effective_at=START + pd.Timedelta(days=30)))
    for name, frame in tables().items():
        made.write(name, frame)
    return made
