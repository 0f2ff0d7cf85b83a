"""Small worlds for property tests: three grids, one whose id begins another's, and logs of a few revisions."""

import numpy as np
import pandas as pd
from hypothesis import strategies as st

ZONE = "Asia/Shanghai"
START = pd.Timestamp("2025-01-01", tz=ZONE)
AS_OF = START + pd.Timedelta(days=40)
GRID_IDS = ("G1", "G10", "G2")
SOURCES = ("dispute", "police_call")
CATEGORIES = ("D02", "D07", "P04")
GRIDS = pd.DataFrame(
    {
        "grid_id": GRID_IDS,
        "valid_from": START - pd.Timedelta(days=9),
        "township_id": ["T1", "T1", "T2"],
        "community_id": ["C1", "C2", "C3"],
        "county_id": "K1",
        "area_km2": [1.0, 2.0, 0.5],
        "households": [100.0, 300.0, 50.0],
        "population": [300.0, 800.0, 120.0],
        "urban_class": ["111", "112", "220"],
        "x_km": [0.0, 1.0, 2.0],
        "y_km": [0.0, 0.0, 0.0],
    }
)


def hours(n):
    return pd.Timedelta(hours=n)


def revision(
    source="dispute",
    event_id="a",
    known=0,
    lag=0,
    grid="G1",
    category="D02",
    closed=None,
    due=None,
    severity=0,
    origin="citizen",
    tags="",
    *,
    retracted=False,
    place="",
    case="",
    outcome="unknown",
    near="",
):
    """One row of table events; `known` in hours from the start, `lag` hours from occurring to being known."""
    known_at = START + hours(known)
    return {
        "source": source,
        "event_id": event_id,
        "known_at": known_at,
        "occurred_at": known_at - hours(lag),
        "grid_id": grid,
        "category": category,
        "closed_at": known_at - hours(lag) + hours(closed) if closed is not None else pd.NaT,
        "due_at": known_at + hours(due) if due is not None else pd.NaT,
        "severity": severity,
        "origin": origin,
        "tags": tags,
        "retracted": retracted,
        "place_key": place,
        "case_id": case,
        "outcome": outcome,
        "near_grid_id": near,
    }


def table(rows):
    events = pd.DataFrame(rows)
    for column in ("known_at", "occurred_at", "closed_at", "due_at"):
        events[column] = pd.to_datetime(events[column], utc=True).dt.tz_convert(ZONE).dt.as_unit("us")
    return events


BASE = [
    revision(source=s, event_id="base", known=k, grid="G2", category="P04", place="p0") for k, s in enumerate(SOURCES)
]
"""Every feed speaks from the first day."""

_revisions = st.builds(
    revision,
    source=st.sampled_from(SOURCES),
    event_id=st.sampled_from(["a", "ab", "b", "c"]),
    known=st.integers(2, 50 * 24),
    lag=st.integers(-48, 400),
    grid=st.sampled_from([*GRID_IDS, ""]),
    category=st.sampled_from(CATEGORIES),
    closed=st.none() | st.integers(0, 900),
    due=st.none() | st.integers(0, 300),
    severity=st.integers(0, 3),
    origin=st.sampled_from(["citizen", "proactive", "unknown"]),
    tags=st.sampled_from(["", "weapon", "repeat weapon", "many_people"]),
    retracted=st.sampled_from([False, False, False, True]),
    place=st.sampled_from(["", "p0", "p1"]),
    case=st.sampled_from(["", "k0", "k1"]),
    outcome=st.sampled_from(["success", "fail", "unknown"]),
    near=st.sampled_from(["", "G2"]),
)


def _distinct(rows):
    return list({(r["source"], r["event_id"], r["known_at"]): r for r in rows}.values())


logs = st.lists(_revisions, max_size=14).map(lambda rows: table(_distinct([*BASE, *rows])))
"""Tables of at most 16 revisions: late, early, moved, closed, retracted, unplaced, and known at hours that collide."""


def crowd(n=600, *, seed=0, n_days=120, grids=GRID_IDS):
    """A seeded log of many revisions, for tests that want numbers rather than corners."""
    rng = np.random.default_rng(seed)
    rows = [
        revision(
            source=str(rng.choice(SOURCES)),
            event_id=f"e{rng.integers(n // 2)}",
            known=int(k),
            lag=int(rng.integers(0, 200)),
            grid=str(rng.choice(grids)),
            category=str(rng.choice(CATEGORIES)),
            closed=int(rng.integers(0, 900)) if rng.random() < 0.6 else None,
            due=int(rng.integers(0, 400)) if rng.random() < 0.5 else None,
            severity=int(rng.integers(0, 4)),
            origin=str(rng.choice(["citizen", "proactive"])),
            tags=str(rng.choice(["", "weapon"])),
            retracted=bool(rng.random() < 0.05),
            place=str(rng.choice(["", "p0", "p1", "p2"])),
            case=str(rng.choice(["", "k0", "k1"])),
            outcome=str(rng.choice(["success", "fail", "unknown"])),
        )
        for k in rng.integers(2, n_days * 24, n)
    ]
    return table(_distinct([*BASE, *rows]))
