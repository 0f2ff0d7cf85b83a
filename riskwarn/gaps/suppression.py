"""An outage silences silence: which gaps a feed that stands still explains."""

import json

import numpy as np
import pandas as pd

from riskwarn.gaps.evidence import CITIZENS, WORKERS, Evidence
from riskwarn.gaps.exposure import feed_of
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
    """`gaps` with `suppressed_by` set to the outage that explains each: of a feed it rests on, in the same area.

    A silence is judged by what could have come (:mod:`riskwarn.gaps.exposure`). Where the days of the outage are left out of that already,
    it stands without them, and is shown.
    """
    outages = stands_still(gaps)
    if outages.empty:
        return gaps
    by = gaps["suppressed_by"].to_numpy(dtype=object).copy()
    inside = {org: _members(evidence, org) for org in outages["org"].unique()}
    silent = (gaps["kind"] == SILENT.code).to_numpy()
    counted = ~_left_out(evidence, outages, inside) if silent.any() else np.ones(len(outages), dtype=bool)
    for row in np.flatnonzero(gaps["kind"].isin(list(_RESTS_ON)).to_numpy()):
        place = gaps["scope"].iloc[row].partition(":")[2].split("/")[0]
        here = np.array([place in inside[o] or o == "*" for o in outages["org"]])
        rests_on = _rests_on(gaps["kind"].iloc[row], gaps["evidence"].iloc[row])
        explains = outages[here & outages["source"].isin(rests_on).to_numpy() & (counted | ~silent[row])]
        if len(explains):
            by[row] = explains["gap_id"].iloc[0]
    return gaps.assign(suppressed_by=pd.array(by, dtype="str"))


def _rests_on(kind: str, evidence: str) -> tuple[str, ...]:
    """Feeds that a gap rests on: a silence on those of residents where there is none of workers."""
    by_residents = kind == SILENT.code and json.loads(evidence).get("subtype") == "residents"
    return CITIZENS if by_residents else _RESTS_ON[kind]


def _left_out(evidence: Evidence, outages: pd.DataFrame, inside: dict[str, set[str]]) -> np.ndarray:
    """(n_outages,) whether each day of an outage counts as missing in every county it concerns, so that no silence rests on it."""
    by_workers = any(events.of(*WORKERS).any() for events in evidence.shares(*WORKERS))
    told = np.zeros(len(outages), dtype=bool)
    for source in set(outages["source"]) & {*WORKERS, *CITIZENS}:
        feed = feed_of(evidence, source, workers=bool(by_workers))
        for i in np.flatnonzero((outages["source"] == source).to_numpy()):
            org, days = outages["org"].iloc[i], max(int(outages["days"].iloc[i]), 1)
            county = np.array([org == "*" or a == "*" or a in inside[org] for a in feed.areas])
            told[i] = county.any() and bool((feed.health[county, :days] < 1).all())
    return told


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
