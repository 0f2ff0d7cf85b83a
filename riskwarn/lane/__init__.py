"""The list of a night in lanes: what each proposes, what lasts from the nights before, and who gets the places there are.

::

    need ───── readings of the lanes that questions fill ┐
    trigger ── rules                                     ├─ lasting ─ room ─ explore ─ due ─▶ alerts
    memory ─── alerts of the nights before               ┘
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from riskwarn.alerting import groups
from riskwarn.calling import checked
from riskwarn.gaps.calendar import Workdays
from riskwarn.label import Label
from riskwarn.lane.explore import drawn
from riskwarn.lane.lasting import CANDIDATE, Memory, alert_id, candidates, gravity
from riskwarn.lane.need import readings
from riskwarn.lane.room import Room, apportioned, bounds_of, slots_of
from riskwarn.lane.trigger import triggered
from riskwarn.plan import LANES, LEVELS, Mode, Plan
from riskwarn.working import WorkingTime, budget_of

__all__ = [
    "Listed",
    "Memory",
    "Night",
    "alert_id",
    "apportioned",
    "bounds_of",
    "candidates",
    "drawn",
    "gravity",
    "list_night",
    "readings",
    "slots_of",
    "triggered",
]
_ASKED = ("escalating", "first", "rising", "standing")
"""Lanes that questions fill, in the order in which they take their places; standing takes what is left."""
_AGAIN = ("escalating", "first", "rising")


@dataclass(frozen=True, eq=False)
class Night:
    """What a list is made of.

    Parameters
    ----------
    as_of
        The night.
    grids
        Table `grids`, one row a grid.
    scores
        Table `scores` of all targets that were answered.
    labels
        Of these targets.
    triggers
        What :func:`triggered` found; no rows where no rule is looked at.
    memory
        Alerts of the nights before.
    links
        (n_grids, n_grids) which grids touch, in the order of `grids`; without it every alert is of one grid.
    """

    as_of: pd.Timestamp
    grids: pd.DataFrame
    scores: pd.DataFrame
    labels: Mapping[str, Label]
    triggers: pd.DataFrame
    memory: Memory
    links: sparse.csr_matrix | None = None


@dataclass(frozen=True, eq=False)
class Listed:
    """A list: its `alerts`, without what reasons and gaps add to them, and `facts` of how it came about."""

    alerts: pd.DataFrame
    facts: dict[str, Any] = field(default_factory=dict)


@checked
def list_night(night: Night, plan: Plan, mode: Mode, workdays: Workdays | None = None) -> Listed:
    """The list of a night.

    Parameters
    ----------
    night
        What is known.
    plan, mode
        What was planned, and how the centre works tonight.
    workdays
        For the clocks; without it nothing is due.

    Returns
    -------
    listed
        Graver alerts first.
    """
    by_lane = readings(night.scores, plan, night.labels, horizon_days=mode.horizon_days)
    asked = _candidates(night, plan, by_lane)
    ruled = _ruled(night)
    room = Room(bounds_of(plan.capacity, night.grids, mode.capacity), _areas(night.grids))
    taken, n_over = _filled(room, slots_of(mode.capacity, plan.lanes), asked, ruled)
    explored, propensity = _explored(night, plan, mode, room, by_lane)
    rows = [row for lane in _ASKED if lane in taken for row in _rows(lane, taken[lane], night, by_lane.get(lane))]
    rows += [_row("triggered", c, [c.grid_id], _parts_of(night, c.grid_id)) for c in ruled.itertuples()]
    rows += [_row("explore", c, [c.grid_id], {"propensity": propensity}) for c in explored.itertuples()]
    alerts = _finished(pd.DataFrame(rows, columns=_COLUMNS), night, plan, mode, workdays)
    return Listed(alerts, _facts(mode, n_over, alerts, asked, taken, propensity))


_COLUMNS = (
    "alert_id",
    "grid_ids",
    "lane",
    "level",
    "level_tonight",
    "trend",
    "since",
    "reading",
    "parts",
    "propensity",
    "target",
    "probability",
    "rank",
    "model_version",
)


def _candidates(night: Night, plan: Plan, by_lane: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Who may be listed, by lane; a lane whose questions all failed keeps what it listed."""
    empty = pd.DataFrame({name: pd.Series(dtype="str") for name in ("grid_id", "level", "state")} | {"reading": []})
    wanted = {question.lane for question in plan.questions}
    valid = set(night.grids["grid_id"].astype("str"))
    return {
        lane: candidates(
            by_lane.get(lane, empty),
            night.memory.of_lane(lane).pipe(lambda rows: rows[rows["grid_id"].isin(valid)]),
            plan.stay,
            night.as_of,
        )
        for lane in _ASKED
        if lane in wanted
    }


def _ruled(night: Night) -> pd.DataFrame:
    """Grids where a rule holds, graver first, as candidates: they come with their rule and go with it."""
    holding = night.triggers.assign(grave=gravity(night.triggers["level"]))
    by = holding.groupby("grid_id", as_index=False).agg(grave=("grave", "max"), reading=("event_id", "nunique"))
    by = by.assign(level=by["grave"].map(dict(zip((4, 3, 2, 1), LEVELS, strict=True))))
    return _lasting_as_it_holds(by, night.memory.of_lane("triggered"), night.as_of).sort_values(
        ["grave", "reading", "grid_id"], ascending=[False, False, True]
    )


def _lasting_as_it_holds(rows: pd.DataFrame, memory: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Rows with trend and since, where what is listed follows from tonight alone."""
    before = memory[memory["night"] == 1].drop_duplicates("grid_id").set_index("grid_id").reindex(rows["grid_id"])
    then, now = before["reading"].to_numpy(dtype=float), rows["reading"].to_numpy(dtype=float)
    lasting = before["since"].notna().to_numpy()
    trend = np.select([~lasting, now > then, now < then], ["new", "worse", "better"], "same")
    since = before["since"].where(lasting, as_of).to_numpy()
    return rows.assign(level_tonight=rows["level"], trend=trend, since=since, lasting=lasting)


def _areas(grids: pd.DataFrame) -> dict[str, dict[str, str]]:
    return {
        level: dict(zip(grids["grid_id"].astype("str"), grids[level].astype("str"), strict=True))
        for level in ("county_id", "township_id")
        if level in grids
    }


def _filled(
    room: Room, slots: Mapping[str, int], asked: Mapping[str, pd.DataFrame], ruled: pd.DataFrame
) -> tuple[dict[str, pd.DataFrame], int]:
    """Who is listed by lane, and by how many grids triggered alerts pass their share."""
    for grid in ruled["grid_id"]:
        room.take(str(grid))
    n_over = max(len(room.taken) - slots["triggered"], 0)
    left = sum(slots.values()) - slots["explore"] - (len(room.taken) - n_over)
    taken: dict[str, pd.DataFrame] = {}
    for lane in (*_AGAIN, "standing", *_AGAIN):
        if lane in asked and left >= 0:
            most = slots[lane] if lane in _AGAIN and lane not in taken else left
            before = len(room.taken)
            listed = room.fill(asked[lane]["grid_id"].astype("str"), min(most, left))
            left -= len(room.taken) - before
            taken[lane] = asked[lane][asked[lane]["grid_id"].isin(listed)]
    return taken, n_over


def _explored(
    night: Night, plan: Plan, mode: Mode, room: Room, by_lane: Mapping[str, pd.DataFrame]
) -> tuple[pd.DataFrame, float]:
    """Grids drawn from those not listed."""
    valid = night.grids["grid_id"].astype("str")
    n = slots_of(mode.capacity, plan.lanes)["explore"] if by_lane else 0
    chosen, propensity = drawn(valid[~valid.isin(list(room.taken))], n, night.as_of)
    rows = pd.DataFrame({"grid_id": pd.Series(chosen, dtype="str"), "level": "blue", "reading": np.nan})
    return _lasting_as_it_holds(rows, night.memory.of_lane("explore"), night.as_of), propensity


def _rows(
    lane: str, taken: pd.DataFrame, night: Night, lane_readings: pd.DataFrame | None
) -> Iterator[dict[str, object]]:
    """The alerts of one lane, adjacent grids together, each led by the place it was led by before."""
    said = pd.DataFrame(columns=["target"]) if lane_readings is None else lane_readings.set_index("grid_id")
    ranks = night.scores.set_index(["target", "grid_id"])["rank"]
    for members in groups(_links(night, taken), taken["lasting"].to_numpy(dtype=bool)):
        lead = taken.iloc[members[0]]
        grid = str(lead["grid_id"])
        more = (
            said.loc[grid, ["parts", "target", "probability", "model_version"]].to_dict() if grid in said.index else {}
        )
        more["rank"] = ranks.get((more.get("target"), grid), pd.NA)
        yield _row(lane, lead, taken["grid_id"].iloc[members].astype("str").tolist(), more)


def _links(night: Night, taken: pd.DataFrame) -> np.ndarray:
    """(n, n) which of the grids touch."""
    if night.links is None:
        return np.zeros((len(taken), len(taken)), dtype=bool)
    place = pd.Index(night.grids["grid_id"].astype("str")).get_indexer(taken["grid_id"].astype("str"))
    return np.asarray(night.links[place][:, place].toarray() > 0)


def _row(lane: str, lead: Any, grid_ids: list[str], more: Mapping[str, object]) -> dict[str, object]:
    candidate = {name: getattr(lead, name) for name in CANDIDATE if name not in {"grid_id", "lasting"}}
    return {"alert_id": alert_id(lane, grid_ids[0]), "grid_ids": " ".join(grid_ids), "lane": lane, **candidate, **more}


def _parts_of(night: Night, grid_id: str) -> dict[str, object]:
    """How many records each rule holds by."""
    holding = night.triggers[night.triggers["grid_id"] == grid_id]
    return {"parts": json.dumps({str(rule): int(n) for rule, n in holding.groupby("rule").size().items()})}


def _finished(rows: pd.DataFrame, night: Night, plan: Plan, mode: Mode, workdays: Workdays | None) -> pd.DataFrame:
    """The table `alerts`, graver ones first, within a level in the order of lanes."""
    order = rows.assign(grave=gravity(rows["level"]), lane_order=rows["lane"].map({n: i for i, n in enumerate(LANES)}))
    rows = rows.loc[
        order.sort_values(
            ["grave", "lane_order", "reading", "grid_ids"], ascending=[False, True, False, True], na_position="last"
        ).index
    ].reset_index(drop=True)
    times = {level: _due(night.as_of, level, plan, mode, workdays) for level in LEVELS}
    kinds = {"rank": "Int64", "probability": "float64", "reading": "float64", "propensity": "float64"}
    constants = {"as_of": night.as_of, "state": "published", "owner": None, "action": "A1", "gap_kinds": ""}
    since = pd.to_datetime(rows["since"], utc=True).dt.tz_convert(night.as_of.tz)
    due = pd.to_datetime(rows["level"].map(times), utc=True).dt.tz_convert(night.as_of.tz)
    filled = rows.assign(**constants, since=since, due_at=due).astype(kinds)
    for name, word in (("target", ""), ("model_version", ""), ("parts", "{}")):
        filled[name] = filled[name].astype(object).where(filled[name].notna(), word).astype("str")
    return filled


def _due(as_of: pd.Timestamp, level: str, plan: Plan, mode: Mode, workdays: Workdays | None) -> pd.Timestamp | None:
    if workdays is None:
        return None
    budget = budget_of(plan.clocks, level, "acknowledge_hours", mode)
    return budget and WorkingTime(workdays, plan.calendar, str(as_of.tz)).due(as_of, budget)


def _facts(
    mode: Mode,
    n_over: int,
    alerts: pd.DataFrame,
    asked: Mapping[str, pd.DataFrame],
    taken: Mapping[str, pd.DataFrame],
    propensity: float,
) -> dict[str, Any]:
    """How the list came about, as plain values."""
    grids = {grid for ids in alerts["grid_ids"] for grid in str(ids).split()}
    crowded_out = sum(
        int((rows["lasting"].astype(bool)).sum() - taken[lane]["lasting"].astype(bool).sum())
        for lane, rows in asked.items()
        if lane in taken
    )
    return {
        "capacity": mode.capacity,
        "grids": len(grids),
        "extended_by": n_over,
        "by_lane": {str(lane): int(n) for lane, n in alerts["lane"].value_counts().items()},
        "trends": {str(trend): int(n) for trend, n in alerts["trend"].value_counts().items()},
        "rules": _rules_of(alerts),
        "crowded_out": crowded_out,
        "propensity": propensity,
    }


def _rules_of(alerts: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """By rule in how many places it holds, how many of them are new tonight, and since when the oldest has been listed."""
    ruled = alerts[alerts["lane"] == "triggered"]
    held = ruled.assign(rule=[[*json.loads(parts)] for parts in ruled["parts"]]).explode("rule")
    return {
        str(rule): {
            "places": len(of),
            "new": int((of["trend"] == "new").sum()),
            "oldest": of["since"].min().isoformat(),
        }
        for rule, of in held.groupby("rule", sort=True)
    }
