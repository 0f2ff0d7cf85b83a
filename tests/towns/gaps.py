"""Small worlds drawn by hand for the gap finders."""

import numpy as np
import pandas as pd

from riskwarn.store import Store

ZONE = "Asia/Shanghai"
NIGHT = pd.Timestamp("2024-06-03", tz=ZONE)


def days_before(days, *, hours=0.0):
    """The instant so many days (and hours) before the night."""
    return NIGHT - pd.Timedelta(days=days, hours=hours)


def grids(n=4, *, communities=1, counties=1):
    """`n` grids over some communities and counties, each county with one township."""
    county = np.arange(n) * counties // n + 1
    return pd.DataFrame(
        {
            "grid_id": [f"G{i}" for i in range(n)],
            "valid_from": days_before(2000),
            "community_id": [f"V{i % communities}" for i in range(n)],
            "township_id": [f"T{k}" for k in county],
            "county_id": [f"C{k}" for k in county],
            "population": 800.0,
            "households": 300.0,
        }
    )


def event(event_id, source, ago, *, grid="G0", category="D02", **more):
    """One row of `events`: occurred `ago` days before the night, known an hour later."""
    row = {
        "source": source,
        "event_id": event_id,
        "known_at": days_before(ago, hours=-1),
        "occurred_at": days_before(ago),
        "grid_id": grid,
        "category": category,
        "closed_at": pd.NaT,
        "due_at": pd.NaT,
        "severity": 1,
        "origin": "proactive" if source in {"dispute", "grid_report"} else "citizen",
        "near_grid_id": None,
        "place_key": None,
        "case_id": None,
        "org_code": "C1",
    }
    return row | more


def frame(rows):
    """Rows as a table whose time columns are of the city's clock."""
    table = pd.DataFrame(rows)
    for name in table:
        if name.endswith("_at"):
            table[name] = pd.to_datetime(table[name], utc=True).dt.tz_convert(ZONE).dt.as_unit("us")
    return table


def steady(source, days, per_day, *, n_grids=4, seed=0, start=1, factor=None, **more):
    """Poisson reports of every grid and day; `factor` (n_grids, days) thins them, day 0 the last before the night."""
    rng = np.random.default_rng(seed)
    mean = np.full((n_grids, days), per_day)
    n = rng.poisson(mean if factor is None else mean * factor)
    return [
        event(f"{source}-{g}-{d}-{k}", source, d + 0.5, grid=f"G{g}", category="D99", **more)
        for g, d in np.argwhere(n > 0)
        for k in range(n[g, d])
        if d >= start - 1
    ]


def delivery(source, org, ago, rows=4):
    """One row of `feed_log`: a delivery of an organisation that arrived before midnight so many days before the night."""
    return {
        "source": source,
        "org_code": org,
        "batch_id": f"{org}-{ago}",
        "arrived_at": days_before(ago, hours=0.4),
        "received": rows,
        "accepted": rows,
        "quarantined": 0,
        "duplicate": 0,
    }


def town(path, events, *, n_grids=4, communities=1, counties=1, **tables):
    """A store of these events and tables."""
    store = Store(path, timezone=ZONE)
    store.write("grids", grids(n_grids, communities=communities, counties=counties))
    store.write("events", frame(events))
    for name, rows in tables.items():
        store.write(name, rows if isinstance(rows, pd.DataFrame) else frame(rows))
    return store
