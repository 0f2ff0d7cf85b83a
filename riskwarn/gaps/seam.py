"""G10: borders between jurisdictions where events gather and clerks disagree."""

import numpy as np
import pandas as pd

from riskwarn.gaps.evidence import Evidence
from riskwarn.gaps.gap import SEAM, discovered, gap_rows, no_gaps
from riskwarn.history import DAY_US

WINDOW_DAYS = 730
LEAST, SIR = 5, 2.0
P = 0.01


def pairs(evidence: Evidence) -> pd.DataFrame:
    """Pairs of grids with events near their common border in two years: `one`, `other` (positions), `n`, `expected`, `places`, `conflicts`.

    `n` counts events of either grid that name the other in `near_grid_id`; `expected` what all events of the two bring near a border,
    by the middle pair of the city; `places` are distinct places (or cases) among them, `conflicts` those coded to both grids.
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
    sides = frame.groupby(["one", "other", "key"])["side"].nunique()
    conflicts = (sides > 1).groupby(level=[0, 1]).sum()
    by["conflicts"] = conflicts.reindex(pd.MultiIndex.from_frame(by[["one", "other"]])).to_numpy()
    both = total[by["one"]] + total[by["other"]]
    share = float(np.median(by["n"] / np.maximum(both, 1))) if len(by) else 0.0
    return by.assign(expected=np.maximum(both * share, 0.2))


def seam_gaps(evidence: Evidence) -> pd.DataFrame:
    """G10: pairs with five events or more near their border, twice what is expected, p < 0.01 (false discovery rate 0.1).

    The p-value combines (Fisher) the upper tail of the events near the border, under a negative binomial with the spread that borders of
    all lengths have, and that of the places coded to both grids, against the share that the usual border has. `observed` are the
    events near the border.
    """
    from scipy import stats  # noqa: PLC0415

    table = pairs(evidence)
    if table.empty:
        return no_gaps(SEAM, evidence.as_of)
    few = table["conflicts"] <= table["conflicts"].quantile(0.95)
    usual = float((table["conflicts"][few].sum() + 1) / (table["places"][few].sum() + 1000))
    beyond = float(((table["n"] - table["expected"]) ** 2 - table["expected"]).sum() / (table["expected"] ** 2).sum())
    size = 1 / max(beyond, 1e-3)
    p_many = stats.nbinom.sf(table["n"] - 1, size, size / (size + table["expected"]))
    p_both = stats.binom.sf(table["conflicts"] - 1, table["places"], usual)
    joint = np.maximum(np.asarray(p_many) * np.asarray(p_both), 1e-300)
    p = joint * (1 - np.log(joint))
    enough = (table["n"] >= LEAST) & ((table["n"] >= SIR * table["expected"]) | (table["conflicts"] > 0))
    listed = np.flatnonzero(discovered(p) & (p < P) & enough.to_numpy())
    ids, rows = evidence.grid_ids, table.iloc[listed]
    numbers = [
        {
            "near_border": int(r.n),
            "expected": round(float(r.expected), 1),
            "places": int(r.places),
            "coded_to_both": int(r.conflicts),
            "window_days": WINDOW_DAYS,
            "p": float(q),
        }
        for r, q in zip(rows.itertuples(), p[listed], strict=True)
    ]
    return gap_rows(
        SEAM,
        evidence.as_of,
        [f"pair:{ids[a]}|{ids[b]}" for a, b in zip(rows["one"], rows["other"], strict=True)],
        observed=rows["n"].to_numpy(),
        expected=rows["expected"].to_numpy(),
        score=-np.log10(np.maximum(p[listed], 1e-12)),
        confidence=1 - p[listed],
        evidence=numbers,
    )
