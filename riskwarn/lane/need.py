"""How much each lane says of each grid: the expected events of its questions, weighed and added up, with the parts shown.

The reading of a lane is ``sum(weight * expected)`` over its questions, expected events told for the days the plan looks ahead; of a
question whose answer is no count, ``weight * probability``. Weights are declared, with their source; nothing is learned here.
"""

import json
from collections.abc import Mapping

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.label import Label
from riskwarn.level import level_of
from riskwarn.plan import Plan, Question

COLUMNS = ("grid_id", "reading", "rank", "state", "level", "parts", "target", "probability", "model_version")


@checked
def readings(
    scores: pd.DataFrame, plan: Plan, labels: Mapping[str, Label], *, horizon_days: float
) -> dict[str, pd.DataFrame]:
    """The reading of every grid in every lane that has a question, by lane.

    Parameters
    ----------
    scores
        Table `scores` of one night, of all targets.
    plan
        Lanes and weights.
    labels
        Of the targets that were answered; a question without one is passed over.
    horizon_days
        How far the list looks ahead: a lane asks its questions that look no further, or all where none does.

    Returns
    -------
    readings
        One table a lane, riskiest first: `grid_id`, `reading`, `rank`, `state`, `level` (:func:`riskwarn.level.level_of` of the
        readings; empty below blue and where there is no reading), `parts` (JSON, reading by target), and `target`, `probability` and `model_version` of
        the largest part.
    """
    asked = [question for question in plan.questions if question.target in labels]
    by_target = {str(target): rows.set_index("grid_id") for target, rows in scores.groupby("target", observed=True)}
    by_lane = {}
    for lane in dict.fromkeys(question.lane for question in asked):
        questions = [question for question in asked if question.lane == lane]
        near = [question for question in questions if labels[question.target].days <= horizon_days] or questions
        by_lane[str(lane)] = _reading([(q, labels[q.target], by_target[q.target]) for q in near], horizon_days)
    return by_lane


def _reading(asked: list[tuple[Question, Label, pd.DataFrame]], horizon_days: float) -> pd.DataFrame:
    """The table of one lane."""
    grids = pd.Index(sorted(set().union(*(rows.index for _, _, rows in asked))), name="grid_id")
    names = [question.target for question, _, _ in asked]
    parts = np.column_stack([_part(q, label, rows.reindex(grids), horizon_days) for q, label, rows in asked])
    known = ~np.isnan(parts)
    reading = np.where(known.any(axis=1), np.nansum(parts, axis=1), np.nan)
    first = np.where(known, parts, -np.inf).argmax(axis=1)
    states = [rows["state"].reindex(grids).fillna("insufficient_data").to_numpy(dtype=object) for _, _, rows in asked]
    lane = pd.DataFrame({"grid_id": grids.to_numpy(), "reading": reading})
    lane["state"] = np.where(known.any(axis=1), "ok", _worst(states))
    order = lane.sort_values(["reading", "grid_id"], ascending=[False, True], na_position="last")
    lane["rank"] = (
        pd.Series(np.arange(1, len(lane) + 1), index=order.index).where(lane["reading"].notna()).astype("Int64")
    )
    lane["level"] = level_of(lane.rename(columns={"reading": "expected"}))
    lane["parts"] = [_told(names, row) for row in parts]
    for name in ("probability", "model_version"):
        columns = np.column_stack([rows[name].reindex(grids).to_numpy(dtype=object) for _, _, rows in asked])
        lane[name] = columns[np.arange(len(grids)), first]
    lane["target"] = np.array(names, dtype=object)[first]
    lane["probability"] = lane["probability"].astype(float)
    return lane.loc[order.index, list(COLUMNS)].reset_index(drop=True)


def _part(question: Question, label: Label, rows: pd.DataFrame, horizon_days: float) -> np.ndarray:
    """(n,) what one question adds; NaN where it has no answer."""
    known = (rows["state"] == "ok").to_numpy()
    amount = rows["expected"] * (horizon_days / label.days) if label.is_count else rows["probability"]
    return np.where(known, question.weight * amount.to_numpy(dtype=float), np.nan)


def _worst(states: list[np.ndarray]) -> np.ndarray:
    """Why a grid has no reading: a question without enough data goes before one that does not arise there."""
    return np.where(np.any([s == "insufficient_data" for s in states], axis=0), "insufficient_data", "not_asked")


def _told(names: list[str], parts: np.ndarray) -> str:
    return json.dumps({n: round(float(p), 6) for n, p in zip(names, parts, strict=True) if not np.isnan(p)})
