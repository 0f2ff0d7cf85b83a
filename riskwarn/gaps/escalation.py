"""G09: disputes that climb from the ledger to the hotline, to the police, to violence, and are not resolved."""

import numpy as np
import pandas as pd

from riskwarn.gaps.evidence import Evidence
from riskwarn.gaps.gap import ESCALATION, gap_rows, no_gaps
from riskwarn.history import DAY_US, NEVER

RANKS = {"dispute": 1, "hotline": 2, "petition": 2, "police_call": 3}
"""Rung of a record by its feed; a violent one (severity 3) is 4."""
STEP_DAYS, MEMORY_DAYS = 28, 365
_PRIOR = 20.0


def chains(evidence: Evidence) -> pd.DataFrame:
    """Records of the last year that belong to one case, or one place, in order: `key`, `at`, `rank`, `before` (highest rung so far), `grid`, `row`."""
    events = evidence.events
    rows = np.flatnonzero(
        events.of(*RANKS)
        & (events.grid >= 0)
        & ((events.case >= 0) | (events.place >= 0))
        & (evidence.at - events.occurred <= MEMORY_DAYS * DAY_US)
    )
    rank = np.array([RANKS.get(str(w), 0) for w in events.words["source"]])[events.source[rows]]
    rank = np.where(events.severity[rows] >= 3, 4, rank)
    key = np.where(events.case[rows] >= 0, 2 * events.case[rows], 2 * events.place[rows] + 1)
    frame = pd.DataFrame(
        {"key": key, "at": events.occurred[rows], "rank": rank, "grid": events.grid[rows], "row": rows}
    ).sort_values(["key", "at"], kind="stable", ignore_index=True)
    before = frame.groupby("key")["rank"].cummax().groupby(frame["key"]).shift(1, fill_value=0)
    return frame.assign(before=before.to_numpy())


def escalation_gaps(evidence: Evidence) -> pd.DataFrame:
    """G09: grids with a matter that stepped up a rung in the last 28 days, to rung 2 or more, and was not resolved since.

    `observed` are such matters; `expected` the chance that one of them steps up again within 28 days, by the rung, from the year's own
    chains; the score is ``rung * chance / base``. `skipped` in the evidence is the share of the grid's matters first seen by the police.
    """
    table = chains(evidence)
    steps = table[(table["rank"] > table["before"]) & (table["before"] >= 1) & (table["rank"] >= 2)]
    recent = steps[evidence.at - steps["at"] <= STEP_DAYS * DAY_US].drop_duplicates("key", keep="last")
    recent = recent[~_resolved(evidence, recent)]
    if recent.empty:
        return no_gaps(ESCALATION, evidence.as_of)
    hazard = _hazards(evidence, table)
    base = hazard[1]
    recent = recent.assign(hazard=hazard[recent["rank"].to_numpy()])
    recent = recent.assign(score=recent["rank"] * recent["hazard"] / max(base, 1e-9))
    by = recent.groupby("grid").agg(
        n=("key", "size"),
        rank=("rank", "max"),
        score=("score", "sum"),
        none=("hazard", lambda h: float(np.prod(1 - h))),
        last=("at", "max"),
    )
    first = table[table["before"] == 0]
    skipped = first.groupby("grid")["rank"].agg(lambda r: float((r >= 3).mean())).reindex(by.index)
    numbers = [
        {
            "matters": int(r.n),
            "highest_rung": int(r.rank),
            "chance_of_next_step": round(1 - r.none, 3),
            "days_since_step": round((evidence.at - r.last) / DAY_US, 1),
            "skipped": round(float(s), 2),
        }
        for r, s in zip(by.itertuples(), skipped, strict=True)
    ]
    return gap_rows(
        ESCALATION,
        evidence.as_of,
        [f"grid:{g}" for g in evidence.grid_ids[by.index]],
        observed=by["n"].to_numpy(),
        expected=1 - by["none"].to_numpy(),
        score=by["score"].to_numpy(),
        confidence=0.7,
        evidence=numbers,
    )


def _resolved(evidence: Evidence, steps: pd.DataFrame) -> np.ndarray:
    """Whether a ledger case of the same matter was closed with success after the step."""
    events = evidence.events
    since = int(steps["at"].min()) if len(steps) else NEVER
    closed = events.of("dispute") & (events.closed >= since) & (events.closed < NEVER)
    done = np.flatnonzero(closed)
    done = done[(events.words["outcome"] != "fail")[events.outcome[done]]]
    last = pd.Series(dtype=float)
    keys = np.r_[2 * events.case[done], 2 * events.place[done] + 1]
    last = pd.Series(np.r_[events.closed[done], events.closed[done]]).groupby(keys).max()
    return np.asarray(
        steps["key"].map(last).to_numpy(dtype=float, na_value=-np.inf) >= steps["at"].to_numpy(dtype=float)
    )


def _hazards(evidence: Evidence, table: pd.DataFrame) -> np.ndarray:
    """(5,) chance that a matter on each rung steps up within 28 days, from steps with 28 days of follow-up, shrunk to the mean."""
    up = table[table["rank"] > table["before"]]
    old = up[evidence.at - up["at"] > STEP_DAYS * DAY_US]
    following = up.groupby("key")["at"].shift(-1).reindex(old.index)
    soon = (following - old["at"] <= STEP_DAYS * DAY_US).to_numpy(dtype=float)
    rank = old["rank"].to_numpy()
    open_ = rank < 4
    mean = float(soon[open_].mean()) if open_.any() else 0.0
    n, k = np.bincount(rank[open_], minlength=5), np.bincount(rank[open_], soon[open_], minlength=5)
    hazard = (k + _PRIOR * mean) / (n + _PRIOR)
    hazard[4] = hazard[3]
    return np.asarray(hazard)
