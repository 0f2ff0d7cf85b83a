"""An outage silences silence: which gaps a feed that stands still explains."""

import numpy as np
import pandas as pd

from riskwarn.gaps.evidence import CITIZENS, WORKERS, Evidence
from riskwarn.gaps.feed import stands_still
from riskwarn.gaps.gap import CATEGORY, LAG, SILENT, UNDER

_RESTS_ON: dict[str, tuple[str, ...]] = {
    SILENT.code: WORKERS,
    UNDER.code: ("dispute", *CITIZENS),
    LAG.code: ("dispute", *CITIZENS),
    CATEGORY.code: ("dispute", *CITIZENS),
}
"""Feeds whose standing still explains a gap of this kind."""


def suppress(evidence: Evidence, gaps: pd.DataFrame) -> pd.DataFrame:
    """`gaps` with `suppressed_by` set to the outage that explains each: of a feed it rests on, in the same area."""
    outages = stands_still(gaps)
    if outages.empty:
        return gaps
    by = gaps["suppressed_by"].to_numpy(dtype=object).copy()
    inside = {org: _members(evidence, org) for org in outages["org"].unique()}
    for row in np.flatnonzero(gaps["kind"].isin(list(_RESTS_ON)).to_numpy()):
        kind, scope = gaps["kind"].iloc[row], gaps["scope"].iloc[row]
        place = scope.partition(":")[2].split("/")[0]
        here = [place in inside[o] or o == "*" for o in outages["org"]]
        explains = outages[np.array(here) & outages["source"].isin(_RESTS_ON[kind]).to_numpy()]
        if len(explains):
            by[row] = explains["gap_id"].iloc[0]
    return gaps.assign(suppressed_by=pd.array(by, dtype="str"))


def _members(evidence: Evidence, org: str) -> set[str]:
    """Grids and bodies within an organisation: itself, its parents' children, and every grid of theirs."""
    grids = evidence.grids
    levels = [c for c in ("county_id", "township_id", "community_id") if c in grids]
    mine = np.zeros(len(grids), dtype=bool)
    for level in levels:
        mine |= (grids[level] == org).to_numpy(dtype=bool, na_value=False)
    inside = set(grids.loc[mine, "grid_id"])
    for level in levels:
        inside |= set(grids.loc[mine, level].dropna())
    return inside | {org}
