"""Small worlds that break careless code: each a handful of tables with one trap, for property tests.

Every function takes nothing and returns tables by name, as :class:`riskwarn.simulation.City` holds them. All times are at
or near :data:`AS_OF`, a Monday midnight.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from riskwarn.schema import EVENTS
from riskwarn.simulation.setting import TIMEZONE

AS_OF = pd.Timestamp("2024-06-03", tz=TIMEZONE)
Tables = dict[str, pd.DataFrame]
_TICK = pd.Timedelta(microseconds=1)


def grids(*grid_ids: str) -> pd.DataFrame:
    """Square grids of 1 km in a row, valid since 2020."""
    n = len(grid_ids)
    west = -117.0 + np.arange(n) * 0.009
    ring = [f"POLYGON (({w:.4f} 3, {w + 0.009:.4f} 3, {w + 0.009:.4f} 3.009, {w:.4f} 3.009, {w:.4f} 3))" for w in west]
    return pd.DataFrame(
        {
            "grid_id": pd.array(list(grid_ids), dtype="str"),
            "valid_from": pd.DatetimeIndex([pd.Timestamp("2020-01-01", tz=TIMEZONE)] * n),
            "community_id": pd.array(["990101001001"] * n, dtype="str"),
            "township_id": pd.array(["990101001000"] * n, dtype="str"),
            "county_id": pd.array(["990101000000"] * n, dtype="str"),
            "area_km2": np.ones(n),
            "households": np.full(n, 300.0),
            "population": np.full(n, 800.0),
            "urban_class": pd.array(["111"] * n, dtype="str"),
            "x_km": np.arange(n) + 0.5,
            "y_km": np.full(n, 0.5),
            "geometry": pd.array(ring, dtype="str"),
        }
    )


def events(*rows: tuple[str, str, object, object], source: str = "police_call", **more: object) -> pd.DataFrame:
    """Events from (event_id, grid_id, occurred_at, known_at); further columns apply to all."""
    made = pd.DataFrame(
        {
            "source": pd.array([source] * len(rows), dtype="str"),
            "event_id": pd.array([r[0] for r in rows], dtype="str"),
            "known_at": _times([r[3] for r in rows]),
            "occurred_at": _times([r[2] for r in rows]),
            "grid_id": pd.array([r[1] for r in rows], dtype="str"),
            "category": pd.array(["P04"] * len(rows), dtype="str"),
        }
    )
    made = made.assign(**more)
    return made[[c for c in EVENTS.column_names if c in made]]


def _times(values: list[object]) -> pd.DatetimeIndex:
    return (
        pd.DatetimeIndex([pd.Timestamp(v) if v is not None else pd.NaT for v in values])
        .tz_convert(TIMEZONE)
        .as_unit("us")
        if values
        else pd.DatetimeIndex([], tz=TIMEZONE)
    )


def _days(n: float) -> pd.Timedelta:
    return pd.Timedelta(days=n)


def prefixes() -> Tables:
    """Grid ids that are prefixes of each other, look like numbers, or differ only by leading zeros."""
    ids = ["1", "10", "101", "01", "001", "1010", "1e3", "1.0"]
    rows = [(f"E{i}", g, AS_OF - _days(i + 1), AS_OF - _days(i + 0.5)) for i, g in enumerate(ids) for _ in range(1)]
    return {"grids": grids(*ids), "events": events(*rows)}


def empty() -> Tables:
    """Grids, and no event at all; a feed that said so aloud."""
    log = pd.DataFrame(
        {
            "source": pd.array(["police_call"], dtype="str"),
            "org_code": pd.array(["*"], dtype="str"),
            "batch_id": pd.array(["b0"], dtype="str"),
            "arrived_at": _times([AS_OF - _days(0.1)]),
            "received": [0],
            "accepted": [0],
            "quarantined": [0],
            "duplicate": [0],
            "covers_from": _times([AS_OF - _days(400)]),
            "covers_to": _times([AS_OF - _days(0.1)]),
        }
    )
    return {"grids": grids("A", "B", "C"), "events": events(), "feed_log": log}


def one_grid() -> Tables:
    """A single grid without neighbours."""
    return {"grids": grids("A"), "events": events(("E1", "A", AS_OF - _days(3), AS_OF - _days(2)))}


def simultaneous() -> Tables:
    """Many events at one and the same instant, in one grid and in two, over two sources."""
    at = AS_OF - _days(5)
    calls = events(*[(f"E{i}", "A" if i % 3 else "B", at, at + _days(1)) for i in range(9)])
    ledger = events(*[(f"E{i}", "A", at, at + _days(1)) for i in range(4)], source="dispute", category="D02")
    return {"grids": grids("A", "B"), "events": pd.concat([calls, ledger], ignore_index=True)}


def at_the_instant() -> Tables:
    """Events that occur, or become known, exactly at `as_of`, one microsecond before it and one after it."""
    steps = (("before", -_TICK), ("at", 0 * _TICK), ("after", _TICK))
    known = [(f"known {name}", "A", AS_OF - _days(2), AS_OF + tick) for name, tick in steps]
    occurred = [(f"occurred {name}", "B", AS_OF + tick, AS_OF + tick + _days(1)) for name, tick in steps]
    window = [(f"window {name}", "C", AS_OF - _days(28) + tick, AS_OF - _days(1)) for name, tick in steps]
    horizon = [(f"horizon {name}", "D", AS_OF + _days(28) + tick, AS_OF + _days(30)) for name, tick in steps]
    return {"grids": grids("A", "B", "C", "D"), "events": events(*known, *occurred, *window, *horizon)}


def revised() -> Tables:
    """Events that move, change category, are withdrawn, closed and reopened, each at another known time."""
    at = AS_OF - _days(10)
    first = events(*[(f"E{i}", "A", at, at + _days(0.5)) for i in range(5)], source="dispute")
    moved = events(("E0", "B", at, AS_OF - _days(3)), source="dispute")
    renamed = events(("E1", "A", at, AS_OF - _days(3)), source="dispute").assign(category="D01")
    withdrawn = events(("E2", "A", at, AS_OF - _days(3)), source="dispute").assign(retracted=True)
    closed = events(("E3", "A", at, AS_OF - _days(3)), source="dispute").assign(closed_at=_times([AS_OF - _days(4)]))
    reopened = events(("E3", "A", at, AS_OF + _days(1)), source="dispute")
    late = events(("E4", "A", at, AS_OF), source="dispute").assign(retracted=True)
    return {
        "grids": grids("A", "B"),
        "events": pd.concat([first, moved, renamed, withdrawn, closed, reopened, late], ignore_index=True),
    }


def late() -> Tables:
    """Events known long after they occurred, and events known before they occurred (a clerk's clock runs ahead)."""
    rows = [
        ("late", "A", AS_OF - _days(40), AS_OF - _days(1)),
        ("too late", "A", AS_OF - _days(40), AS_OF + _days(9)),
        ("ahead", "B", AS_OF + _days(1), AS_OF - _days(1)),
    ]
    return {"grids": grids("A", "B"), "events": events(*rows)}


def unplaced() -> Tables:
    """Events without a grid beside events with one."""
    rows = [(f"E{i}", "A" if i % 2 else "", AS_OF - _days(i + 1), AS_OF - _days(i + 0.5)) for i in range(6)]
    return {"grids": grids("A", "B"), "events": events(*rows)}


def changed() -> Tables:
    """A grid that splits, two that merge, one that is renamed, a week before `as_of`, with events under old codes after it."""
    on = AS_OF - _days(7)
    old, new = grids("S", "M1", "M2", "R"), grids("S1", "S2", "M", "R2", "K")
    old["valid_to"], new["valid_from"] = _times([on] * 4), _times([on] * 4 + [AS_OF - _days(1000)])
    walk = pd.DataFrame(
        {
            "from_grid_id": ["S", "S", "M1", "M2", "R"],
            "to_grid_id": ["S1", "S2", "M", "M", "R2"],
            "effective_at": _times([on] * 5),
            "weight": [0.25, 0.75, 1.0, 1.0, 1.0],
            "kind": ["split", "split", "merge", "merge", "rename"],
        }
    )
    rows = [
        (f"E{i}", g, AS_OF - _days(d), AS_OF - _days(d - 0.5))
        for i, (g, d) in enumerate(
            [("S", 20), ("S", 3), ("S1", 4), ("M1", 15), ("M2", 15), ("M", 2), ("R", 30), ("R", 1), ("K", 9)]
        )
    ]
    return {"grids": pd.concat([old, new], ignore_index=True), "crosswalk": walk, "events": events(*rows)}


WORLDS: dict[str, Callable[[], Tables]] = {
    f.__name__: f for f in (prefixes, empty, one_grid, simultaneous, at_the_instant, revised, late, unplaced, changed)
}
"""Every small world by name."""


def drawn(seed: int, *, n_grids: int = 6, n_events: int = 60) -> Tables:
    """A random small world: revisions, ties, microsecond steps around `as_of`, withdrawn and unplaced events.

    Parameters
    ----------
    seed
        Equal seeds give equal worlds.
    n_grids, n_events
        Size; several revisions of an event are possible.
    """
    rng = np.random.default_rng(seed)
    ids = [f"{'G' * (i % 3 + 1)}{i}" for i in range(n_grids)]
    day = rng.choice([-400, -28, -7, -1, 0, 1, 7, 28], n_events) + rng.choice([0.0, 0.25, rng.random()], n_events)
    occurred = [
        AS_OF + _days(float(d)) + int(t) * _TICK for d, t in zip(day, rng.integers(-1, 2, n_events), strict=True)
    ]
    known = [
        at + _days(float(lag)) for at, lag in zip(occurred, rng.choice([0.0, 0.5, 3.0, 40.0], n_events), strict=True)
    ]
    made = events(
        *[
            (f"E{e}", g, o, k)
            for e, g, o, k in zip(
                rng.integers(0, n_events // 2 + 1, n_events),
                rng.choice([*ids, ""], n_events),
                occurred,
                known,
                strict=True,
            )
        ]
    )
    made["category"] = pd.array(rng.choice(["P04", "P02"], n_events), dtype="str")
    made["severity"] = pd.array(rng.integers(0, 4, n_events), dtype="Int64")
    made["retracted"] = rng.random(n_events) < 0.1
    return {"grids": grids(*ids), "events": made.drop_duplicates(["source", "event_id", "known_at"], ignore_index=True)}
