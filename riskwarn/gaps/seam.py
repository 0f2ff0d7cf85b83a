"""G10: borders between jurisdictions where events gather and clerks disagree, and places that two grids have again and again."""

import numpy as np
import pandas as pd

from riskwarn.gaps.evidence import Evidence
from riskwarn.gaps.gap import SEAM, discovered, gap_rows, no_gaps
from riskwarn.history import DAY_US

WINDOW_DAYS = 730
LEAST, SIR = 5, 2.0
P = 0.01
AGAIN, TURNS = 2, 2
"""Records of one place on each side, and changes of side, from which on it stands by itself."""


def placed(evidence: Evidence) -> np.ndarray:
    """(n_events,) whether the code written leads to one grid of tonight.

    The code of a grid that was split leads to several. Its records count in the largest, but nobody wrote that they are of it and not of the
    others; an old code that lingers after the split would make its own heirs a seam.
    """
    heirs = np.asarray((evidence.follow > 0).sum(axis=0)).ravel()
    return np.asarray(heirs[evidence.events.raw_grid] <= 1)


def pairs(evidence: Evidence) -> pd.DataFrame:
    """Pairs of grids with events near their common border in two years: `one`, `other` (positions), `n`, `expected`, `places`, `conflicts`.

    `n` counts events of either grid that name the other in `near_grid_id`; `expected` what all events of the two bring near a border,
    by the middle pair of the city; `places` are distinct places (or cases) among them, `conflicts` those coded to both grids by
    records that :func:`placed` knows.
    """
    events = evidence.events
    near = pd.Index(evidence.grid_ids).get_indexer(events.words["near_grid_id"])[events.near_grid]
    recent = (events.grid >= 0) & (evidence.at - events.occurred <= WINDOW_DAYS * DAY_US)
    rows = np.flatnonzero(recent & (near >= 0) & (near != events.grid))
    one, other = np.minimum(events.grid[rows], near[rows]), np.maximum(events.grid[rows], near[rows])
    key = np.where(events.place[rows] >= 0, events.place[rows], -1 - rows)
    frame = pd.DataFrame({"one": one, "other": other, "key": key, "side": events.grid[rows]})
    total = np.bincount(events.grid[recent], minlength=evidence.n_grids)
    by = frame.groupby(["one", "other"]).agg(n=("key", "size"), places=("key", "nunique")).reset_index()
    sides = frame[placed(evidence)[rows]].groupby(["one", "other", "key"])["side"].nunique()
    conflicts = (sides > 1).groupby(level=[0, 1]).sum()
    by["conflicts"] = conflicts.reindex(pd.MultiIndex.from_frame(by[["one", "other"]]), fill_value=0).to_numpy()
    both = total[by["one"]] + total[by["other"]]
    share = float(np.median(by["n"] / np.maximum(both, 1))) if len(by) else 0.0
    return by.assign(expected=np.maximum(both * share, 0.2))


def repeated(evidence: Evidence) -> pd.DataFrame:
    """Pairs of grids between which one place goes to and fro in two years: `one`, `other`, `again`, `records`.

    `again` counts the places that stand twice or more under each of the two and changed sides twice or more, `records` their records there. One
    wrong code is a slip, and one change for good a new code; a place that comes back to both is one that nobody owns. Only records that
    :func:`placed` knows are read. It needs no `near_grid_id`.
    """
    events = evidence.events
    recent = (events.grid >= 0) & (evidence.at - events.occurred <= WINDOW_DAYS * DAY_US)
    rows = np.flatnonzero(recent & (events.place >= 0) & placed(evidence))
    rows = rows[np.lexsort((events.occurred[rows], events.place[rows]))]
    place, grid = events.place[rows], events.grid[rows]
    turns = np.flatnonzero((place[1:] == place[:-1]) & (grid[1:] != grid[:-1]))
    sides = np.sort(np.column_stack([grid[turns], grid[turns + 1]]), axis=1)
    met = pd.DataFrame({"place": place[turns], "one": sides[:, 0], "other": sides[:, 1]}).value_counts().rename("turns")
    met = met[met >= TURNS].reset_index()
    counted = pd.DataFrame({"place": place, "grid": grid}).value_counts().rename("n")
    for side in ("one", "other"):
        met[f"n_{side}"] = counted.reindex(pd.MultiIndex.from_frame(met[["place", side]])).to_numpy()
    met = met[(met["n_one"] >= AGAIN) & (met["n_other"] >= AGAIN)].assign(n=lambda t: t["n_one"] + t["n_other"])
    return met.groupby(["one", "other"]).agg(again=("place", "size"), records=("n", "sum")).reset_index()


def seam_gaps(evidence: Evidence) -> pd.DataFrame:
    """G10: pairs with five events or more near their border, twice what is expected, p < 0.01; and those that :func:`repeated` tells.

    The p-value combines (Fisher) the upper tail of the events near the border, under a negative binomial with the spread that borders of
    all lengths have, and that of the places coded to both grids, against the share that the usual border has; false discovery rate 0.1. A
    pair that has a place again and again on each side is listed whatever its p. `observed` are the events near the border.
    """
    tested = pairs(evidence)
    tested = tested.assign(p=_chances(tested) if len(tested) else np.zeros(0))
    enough = (tested["n"] >= LEAST) & ((tested["n"] >= SIR * tested["expected"]) | (tested["conflicts"] > 0))
    beyond = discovered(tested["p"].to_numpy()) & (tested["p"] < P) & enough
    joined = tested.assign(beyond=beyond).merge(repeated(evidence), how="outer", on=["one", "other"])
    listed = joined[joined["beyond"].eq(True) | joined["again"].notna()]
    return _rows(evidence, listed) if len(listed) else no_gaps(SEAM, evidence.as_of)


def _chances(table: pd.DataFrame) -> np.ndarray:
    """(n_pairs,) p of so many events near a border and so many places coded to both of its grids."""
    from scipy import stats  # noqa: PLC0415

    few = table["conflicts"] <= table["conflicts"].quantile(0.95)
    usual = float((table["conflicts"][few].sum() + 1) / (table["places"][few].sum() + 1000))
    beyond = float(((table["n"] - table["expected"]) ** 2 - table["expected"]).sum() / (table["expected"] ** 2).sum())
    size = 1 / max(beyond, 1e-3)
    p_many = stats.nbinom.sf(table["n"] - 1, size, size / (size + table["expected"]))
    p_both = stats.binom.sf(table["conflicts"] - 1, table["places"], usual)
    joint = np.maximum(np.asarray(p_many) * np.asarray(p_both), 1e-300)
    p = joint * (1 - np.log(joint))
    return np.asarray(p)


def _rows(evidence: Evidence, listed: pd.DataFrame) -> pd.DataFrame:
    """Rows of the listed pairs; what stands by a repeated place alone has no p, and all of its records are beside its border."""
    ids, again = evidence.grid_ids, listed["again"].fillna(0).to_numpy(dtype=int)
    by_chance, stands = listed["p"].fillna(1.0).to_numpy(), again > 0
    observed = listed["n"].fillna(listed["records"]).to_numpy(dtype=float)
    numbers = [
        {
            "near_border": int(n),
            **({} if np.isnan(r.expected) else {"expected": round(float(r.expected), 1), "places": int(r.places)}),
            "coded_to_both": int(np.fmax(r.conflicts, k)),
            "coded_again": int(k),
            "window_days": WINDOW_DAYS,
            **({} if np.isnan(r.p) else {"p": float(r.p)}),
        }
        for r, n, k in zip(listed.itertuples(), observed, again, strict=True)
    ]
    return gap_rows(
        SEAM,
        evidence.as_of,
        [f"pair:{ids[a]}|{ids[b]}" for a, b in zip(listed["one"], listed["other"], strict=True)],
        observed=observed,
        expected=listed["expected"].fillna(0.0).to_numpy(dtype=float),
        score=np.maximum(-np.log10(np.maximum(by_chance, 1e-12)), np.where(stands, 1.0 + again, 0.0)),
        confidence=np.where(stands, 1.0, 1 - by_chance),
        evidence=numbers,
    )
