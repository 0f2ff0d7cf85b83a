"""Roll-ups that add up: grids by community, township and county, and the whole city."""

from typing import Annotated, Any

import numpy as np
import pandas as pd
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from riskwarn.access import Visitor, roll_up
from riskwarn.web import schemas
from riskwarn.web.api.scores import in_parent
from riskwarn.web.api.shared import answer, nights_of, seen
from riskwarn.web.held import Night
from riskwarn.web.policy import may
from riskwarn.web.schemas import AreasQuery

_LEVELS = ("red", "orange", "yellow", "blue")
_PARTS = 1_000_000
"""An expected count is added up in millionths, as whole numbers, so that areas add up exactly."""
router = APIRouter(prefix="/api/v1")


@router.get("/areas", response_model=schemas.Areas)
def areas(
    request: Request,
    query: Annotated[AreasQuery, Query()],
    visitor: Annotated[Visitor, may("totals:read", "own", "safe")],
) -> Response:
    """Areas with what their grids add up to, the most expected first, and all of them together."""
    night = nights_of(request).at(query.as_of, target=query.target)
    counted = _counted(night, _chosen(night, query, visitor))
    total = _row(counted.drop(columns="area_id").sum(), None, counted["best_rank"].min())
    items = [_row(row, row["area_id"], row["best_rank"]) for row in counted.to_dict("records")]
    if not visitor.small_counts:
        without_small(night, query.by, items, total)
    return answer(request, night, by=query.by, total=total, items=items)


def _chosen(night: Night, query: AreasQuery, visitor: Visitor) -> pd.DataFrame:
    """The scores that are added up, with the area of each."""
    masks = [
        mask
        for mask in (seen(night, visitor), in_parent(night, query.parent) if query.parent else None)
        if mask is not None
    ]
    scores = night.scores if not masks else night.scores[np.logical_and.reduce(masks)]
    column = f"{query.by}_id"
    area = "*" if query.by == "city" else scores.get(column, None)
    return scores.assign(area_id=area)


def _counted(night: Night, scores: pd.DataFrame) -> pd.DataFrame:
    """One row an area: grids, expected millionths, best rank, alerts led by its grids."""
    leads = scores["leads"].to_numpy(dtype=bool)
    columns = {
        "area_id": scores["area_id"],
        "n_grids": 1,
        "n_scored": scores["rank"].notna().astype("int64"),
        "millionths": (scores["expected"].fillna(0.0) * _PARTS).round().astype("int64"),
        "best_rank": scores["rank"].astype("float64"),
    } | {f"n_{level}": (leads & (scores["level"] == level).to_numpy(dtype=bool)).astype(np.int64) for level in _LEVELS}
    sums = {name: "min" if name == "best_rank" else "sum" for name in columns if name != "area_id"}
    counted = pd.DataFrame(columns, index=scores.index).groupby("area_id", dropna=False).agg(sums).reset_index()
    if night.alerts is None:
        counted[[f"n_{level}" for level in _LEVELS]] = 0
    return counted.sort_values(["millionths", "area_id"], ascending=[False, True], ignore_index=True)


def _row(sums: Any, area_id: object, best_rank: float) -> dict[str, Any]:
    n_grids, n_scored = int(sums["n_grids"]), int(sums["n_scored"])
    return {
        "area_id": area_id if isinstance(area_id, str) else None,
        "n_grids": n_grids,
        "n_scored": n_scored,
        "n_unscored": n_grids - n_scored,
        "expected": int(sums["millionths"]) / _PARTS,
        "best_rank": None if pd.isna(best_rank) else int(best_rank),
        **{f"n_{level}": int(sums[f"n_{level}"]) for level in _LEVELS},
    }


def without_small(night: Night, by: str, items: list[dict[str, Any]], total: dict[str, Any]) -> None:
    """Leave out the counts that :func:`riskwarn.access.roll_up` hides in the whole city, and the totals of what is left out.

    Parameters
    ----------
    night
        All of it: a part that was narrowed first would be one more sum to subtract.
    by
        What the items are.
    items, total
        Areas and all of them together; null is put for what is left out, and for an area of which only a part was added up.
    """
    scores, column = night.scores, f"{by}_id"
    sizes = {"*": len(scores)} if by == "city" else scores[column].value_counts().to_dict() if column in scores else {}
    for level in _LEVELS:
        name, shown = f"n_{level}", _shown(night, level)
        for item in items:
            is_whole = item["n_grids"] == sizes.get(item["area_id"])
            item[name] = shown.get((column if by != "city" else "city", item["area_id"])) if is_whole else None
        total[name] = None if any(item[name] is None for item in items) else sum(item[name] for item in items)


def _shown(night: Night, level: str) -> dict[tuple[str, str], int]:
    """The counts of alerts of a level that may be shown, by kind and code of the area."""
    made, key = night.ranked.made, ("rolled up", level)
    if key not in made:
        scores = night.scores
        led = (scores["leads"] & (scores["level"] == level)).astype("int64")
        rolled = roll_up(scores.assign(n=led), "n")
        hidden = set(rolled.loc[rolled["n"].isna(), ["level", "code"]].itertuples(index=False, name=None))
        told = rolled.dropna(subset=["n"]).groupby(["level", "code"])["n"].sum()
        made[key] = {where: int(n) for where, n in told.items() if where not in hidden}
    shown: dict[tuple[str, str], int] = made[key]
    return shown
