"""A redistribution of visits under the present budget: a proposal that can be edited and taken as a file. It orders nobody anywhere."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from riskwarn.gaps import redistribute
from riskwarn.store import Store
from riskwarn.web.held import Night

DAYS, WEEK = 28, 7
MOST_A_WEEK = 5
"""Visits planned for one grid in a week at most, one a working day; more only where the budget is more than that for every grid."""
_READ = ("grid_id", "started_at", "known_at", "valid")


@dataclass(frozen=True, eq=False)
class Proposal:
    """Visits of a week as they are made, and as they could be.

    Attributes
    ----------
    rows
        One row a grid, whoever gains most first: `grid_id`, `township_id`, `now` (mean a week of the last 28 days), `proposed` (of them `drawn` at
        random) and `change`.
    budget
        Visits a week, as now.
    most
        Visits planned for one grid at most; those drawn at random come on top.
    """

    rows: pd.DataFrame
    budget: int
    most: int


def proposal_of(night: Night, store: Store, area_ids: frozenset[str]) -> Proposal | None:
    """The proposal for some grids under the visits they get now.

    Parameters
    ----------
    night
        With its scores.
    store
        With the visits.
    area_ids
        Grids that share the budget.

    Returns
    -------
    proposal
        None where the store has no visits, or there were fewer than one a week.
    """
    if not store.has("visits"):
        return None
    scores = night.scores[night.scores["grid_id"].isin(area_ids)].drop_duplicates("grid_id")
    now = scores["grid_id"].map(_visits(night, store)).fillna(0).to_numpy(dtype=float) * WEEK / DAYS
    budget = int(np.floor(now.sum()))
    if budget < 1 or scores["expected"].notna().sum() == 0:
        return None
    expected = scores["expected"].fillna(scores["expected"].median()).to_numpy(dtype=float)
    town = scores["township_id"].fillna("").astype("str") if "township_id" in scores else pd.Series("", scores.index)
    table = pd.DataFrame({"grid_id": scores["grid_id"], "risk": expected, "visits": now, "township_id": town})
    least = 1 if budget >= 2 * len(table) else 0  # where hands are there for all, no grid is left without a visit
    most = max(MOST_A_WEEK, int(np.ceil(budget / len(table))))
    spread = redistribute(table, budget=budget - least * len(table), most=most - least, seed=night.as_of.day_of_year)
    rows = pd.DataFrame(
        {
            "grid_id": spread["grid_id"].astype("str"),
            "township_id": town.to_numpy(),
            "now": now.round(1),
            "proposed": spread["visits_suggested"].to_numpy() + least,
            "drawn": spread["of_them_random"].to_numpy(),
        }
    )
    rows["change"] = (rows["proposed"] - rows["now"]).round(1)
    return Proposal(rows.sort_values(["change", "grid_id"], ascending=[False, True], ignore_index=True), budget, most)


def _visits(night: Night, store: Store) -> Mapping[str, int]:
    """Valid visits of the last 28 days by grid, known by the night; read once."""
    made = night.made
    if "visits_of_late" not in made:
        since = night.as_of - pd.Timedelta(days=DAYS)
        table = store.read("visits", columns=_READ, since=since)
        known = (table["started_at"] < night.as_of) & (table["started_at"] >= since) & (table["known_at"] < night.as_of)
        known &= table["valid"].fillna(value=True).astype(bool)
        made["visits_of_late"] = table.loc[known, "grid_id"].astype("str").value_counts().to_dict()
    counted: Mapping[str, int] = made["visits_of_late"]
    return counted


def edited(proposal: Proposal, form: Mapping[str, str]) -> pd.DataFrame:
    """The proposal with what a form says of some grids: whole numbers from 0 to 99; anything else changes nothing.

    Parameters
    ----------
    proposal
        As it was made.
    form
        ``visits-GRID`` and a number.

    Returns
    -------
    rows
        As those of the proposal.
    """
    said = {
        name.removeprefix("visits-"): int(value)
        for name, value in form.items()
        if name.startswith("visits-") and value.isascii() and value.isdigit() and len(value) <= 2
    }
    proposed = [said.get(g, n) for g, n in zip(proposal.rows["grid_id"], proposal.rows["proposed"], strict=True)]
    rows = proposal.rows.assign(proposed=proposed)
    return rows.assign(change=(rows["proposed"] - rows["now"]).round(1))
