"""It comes back: G07 places that return after closure, G15 closures on paper."""

import numpy as np
import pandas as pd

from riskwarn.gaps.evidence import Evidence
from riskwarn.gaps.gap import PAPER, REPEAT, discovered, gap_rows, no_gaps
from riskwarn.history import DAY_US, NEVER

FOLLOW_UP_DAYS = 30
REPEAT_WITHIN_DAYS, REPEAT_SHOWN_DAYS = 90, 60
PAPER_DAYS = 365
PAPER_Z = 3.0
_CASES_TELL = 0.1
LATE_DAYS = 1.0
"""A closing on the last day of its limit, days before it."""


def recurrences(evidence: Evidence) -> pd.DataFrame:
    """Closed ledger cases and their first return: `grid`, `closed`, `again` (µs, NEVER for none), `row` of the case.

    A return is a record of any feed, up to 30 days after the closing, of the same case, or of the same place and a category that can be the
    same matter.
    """
    events = evidence.events
    closed = np.flatnonzero(events.of("dispute") & (events.closed != NEVER) & (events.grid >= 0))
    again = np.full(len(closed), NEVER)
    for key in (events.case, events.place):
        again = np.minimum(again, _first_after(evidence, closed, key, alike=key is events.place))
    return pd.DataFrame({"row": closed, "grid": events.grid[closed], "closed": events.closed[closed], "again": again})


def _first_after(evidence: Evidence, closed: np.ndarray, key: np.ndarray, *, alike: bool) -> np.ndarray:
    events = evidence.events
    known = closed[key[closed] >= 0]
    wanted = np.zeros(int(key.max(initial=0)) + 2, dtype=bool)
    wanted[key[known]] = True
    rows = np.flatnonzero((key >= 0) & wanted[np.maximum(key, 0)] & ~events.of("grid_report"))
    left = pd.DataFrame(
        {"key": key[known], "at": events.closed[known], "row": known, "place": np.searchsorted(closed, known)}
    ).sort_values("at")
    right = pd.DataFrame({"key": key[rows], "at": events.occurred[rows], "met": rows}).sort_values("at")
    first = np.full(len(closed), NEVER)
    tolerance = FOLLOW_UP_DAYS * DAY_US
    for _ in range(2 if alike else 1):
        met = pd.merge_asof(
            left, right, on="at", by="key", direction="forward", allow_exact_matches=False, tolerance=tolerance
        ).dropna()
        hit = met["met"].to_numpy(dtype=int)
        fits = _alike(evidence, met["row"].to_numpy(), hit) if alike else np.ones(len(hit), dtype=bool)
        place = met["place"].to_numpy()[fits]
        first[place] = np.minimum(first[place], events.occurred[hit[fits]])
        again = ~fits
        left = met.loc[again, ["key", "row", "place"]].assign(at=events.occurred[hit[again]]).sort_values("at")
        left = left[left["at"] - events.closed[left["row"]] < tolerance]
    late = first - events.closed[closed] > tolerance
    return np.where(late, NEVER, first)


def _alike(evidence: Evidence, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Whether records of one place can be one matter: like categories, and no case that says otherwise.

    A police category says little of the matter; where calls carry cases, those tell it, and without one a call does not count.
    """
    events = evidence.events
    police = np.array([str(w).startswith("P") for w in events.words["category"]], dtype=bool)
    calls = events.of("police_call")
    linked = bool(calls.any()) and float((events.case[calls] >= 0).mean()) >= _CASES_TELL
    fits = (events.category[one] == events.category[other]) | (police[events.category[other]] & (not linked))
    shared = np.bincount(events.case[events.case >= 0], minlength=1) > 1
    case = events.case[other]
    numbered = events.of("dispute")[other] & ~(shared[np.maximum(case, 0)] & (case >= 0))
    elsewhere = (case >= 0) & (case != events.case[one]) & ~numbered
    return np.asarray(fits & ~elsewhere)


def repeat_gaps(evidence: Evidence) -> pd.DataFrame:
    """G07: grids with two returns within 90 days, the second at most 60 days ago.

    `observed` are the returns of the last 150 days, `expected` what the city's share of returns would bring from as many closings.
    """
    table = recurrences(evidence)
    back = table[table["again"] < NEVER].sort_values(["grid", "again"])
    before = back.groupby("grid")["again"].shift(1)
    second = (back["again"] - before <= REPEAT_WITHIN_DAYS * DAY_US) & (
        evidence.at - back["again"] <= REPEAT_SHOWN_DAYS * DAY_US
    )
    grids = back.loc[second, "grid"].unique()
    span = (REPEAT_WITHIN_DAYS + REPEAT_SHOWN_DAYS) * DAY_US
    recent = table[(evidence.at - table["closed"] <= span) & table["grid"].isin(grids)]
    rate = float((table["again"] < NEVER).mean()) if len(table) else 0.0
    by = (
        recent.groupby("grid")
        .agg(n=("row", "size"), back=("again", lambda a: int((a < NEVER).sum())))
        .reindex(np.sort(grids), fill_value=0)
    )
    numbers = [
        {
            "returns": int(r.back),
            "closed_cases": int(r.n),
            "window_days": REPEAT_WITHIN_DAYS + REPEAT_SHOWN_DAYS,
            "city_share": round(rate, 3),
        }
        for r in by.itertuples()
    ]
    observed, expected = by["back"].to_numpy(dtype=float), by["n"].to_numpy() * rate
    return gap_rows(
        REPEAT,
        evidence.as_of,
        [f"grid:{g}" for g in evidence.grid_ids[by.index]],
        observed=observed,
        expected=expected,
        score=observed,
        confidence=1.0,
        evidence=numbers,
    )


def paper_gaps(evidence: Evidence) -> pd.DataFrame:
    """G15: townships whose cases, closed as resolved, return more often than the city's, or are closed on the last day of their limit far more often.

    Both are scored as z over the binomial spread, the returns with thirty days of follow-up only; listed are townships whose larger z
    passes 3 with the false discovery rate at 0.1. A lead to a sample of files, nothing more.
    """
    events = evidence.events
    table = recurrences(evidence)
    table = table[
        (evidence.at - table["closed"] <= PAPER_DAYS * DAY_US)
        & (evidence.at - table["closed"] > FOLLOW_UP_DAYS * DAY_US)
    ]
    if table.empty:
        return no_gaps(PAPER, evidence.as_of)
    township, names = evidence.parent("township_id")
    unit = township[table["grid"]]
    due = events.due[table["row"]]
    last_day = (due < NEVER) & (table["closed"] <= due) & (due - table["closed"] <= LATE_DAYS * DAY_US)
    n = np.bincount(unit, minlength=len(names)).astype(float)
    back, late = (
        np.bincount(unit, m.to_numpy(dtype=float), minlength=len(names)) for m in (table["again"] < NEVER, last_day)
    )
    z_back, z_late = _z(back, n), _z(late, n)
    from scipy import stats  # noqa: PLC0415

    worst = np.maximum(z_back, z_late)
    p = np.minimum(2 * stats.norm.sf(worst), 1)
    listed = np.flatnonzero(discovered(p) & (worst >= PAPER_Z))
    numbers = [_on_paper(int(t), n, back, late, z_back, z_late) for t in listed]
    return gap_rows(
        PAPER,
        evidence.as_of,
        [f"org:{names[t]}" for t in listed],
        observed=late[listed],
        expected=(n * late.sum() / n.sum())[listed],
        score=worst[listed],
        confidence=1 - p[listed],
        evidence=numbers,
    )


def _on_paper(
    t: int, n: np.ndarray, back: np.ndarray, late: np.ndarray, z_back: np.ndarray, z_late: np.ndarray
) -> dict[str, object]:
    """The counts of one township beside the city's: cases closed, those that came back, those closed on their last day."""
    return {
        "returns": int(back[t]),
        "closed_cases": int(n[t]),
        "share": round(back[t] / n[t], 3),
        "city_share": round(back.sum() / n.sum(), 3),
        "last_day_closings": int(late[t]),
        "last_day_city_share": round(late.sum() / n.sum(), 3),
        "z_returns": round(float(z_back[t]), 1),
        "z_last_day": round(float(z_late[t]), 1),
    }


def _z(k: np.ndarray, n: np.ndarray) -> np.ndarray:
    """How far each share lies above the middle one, in units of its own spread and that between units (by the middle half)."""
    usual = n >= 20
    if usual.sum() < 2:
        return np.zeros(len(n))
    share = (k + 1) / (n + 2)
    middle = float(np.median(share[usual]))
    between = float(np.subtract(*np.quantile(share[usual], [0.75, 0.25]))) / 1.349
    chance = middle * (1 - middle) / np.maximum(n, 1)
    spread = np.sqrt(np.maximum(chance, between**2))
    return np.asarray(np.where(usual, (share - middle) / spread, 0.0))
