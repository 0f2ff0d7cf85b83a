"""Scores on demand: of some grids, of one grid as it would be, or with events that are only supposed."""

from typing import Annotated, Any

import numpy as np
import pandas as pd
from fastapi import APIRouter, Request
from fastapi.responses import Response

from riskwarn.access import Visitor
from riskwarn.explanation import WhatIf, read_what_ifs
from riskwarn.web import schemas
from riskwarn.web.api.grids import scored_grid
from riskwarn.web.api.posted import supposed
from riskwarn.web.api.scores import head, lines
from riskwarn.web.api.shared import JSON, NOT_WORKED_OUT, answer, finite, nights_of, row_of, seen, tagged
from riskwarn.web.held import Night
from riskwarn.web.policy import may
from riskwarn.web.problems import forbidden, not_changeable, not_worked_out
from riskwarn.web.schemas import ScoreRequest

router = APIRouter(prefix="/api/v1")


@router.post("/score", response_model=schemas.ScoreAnswer, responses=NOT_WORKED_OUT)
def score(
    request: Request, query: ScoreRequest, visitor: Annotated[Visitor, may("score:run", "own", "safe")]
) -> Response:
    """Scores of some grids of a night; of one grid with other open and overdue cases; or of some as they would be with posted events."""
    if not (visitor.small_counts or _tells_no_count(query)):
        raise forbidden()
    night = nights_of(request).at(query.as_of, target=query.target, said_in="body")
    if query.events is not None:
        told = supposed(request, night, query, visitor)
        return answer(request, night, items=None, what_if=None, supposed=told)
    if query.grid_id is not None:
        values = query.model_dump(include={"values"})["values"]
        told = _what_if(night, query.grid_id, values, visitor)
        return answer(request, night, items=None, what_if=told, supposed=None)
    items = lines(night).chosen(_rows(night, query, visitor)[: schemas.LARGEST_PAGE])
    end = b'],"what_if":null,"supposed":null}'
    return tagged(request, b"".join([head(request, night), b',"items":[', items, end]), JSON)


def _tells_no_count(query: ScoreRequest) -> bool:
    """Whether nothing is tried: whoever tries until a score is the published one knows how many events or cases a grid has."""
    return query.grid_id is None and query.events is None


def _rows(night: Night, query: ScoreRequest, visitor: Visitor) -> np.ndarray:
    """The rows of the grids asked for, riskiest first; of all that are seen where none are named."""
    if query.grids is not None:
        return np.array(sorted({row_of(night, grid_id, visitor) for grid_id in query.grids}), dtype=np.int64)
    mask = seen(night, visitor)
    return np.arange(len(night.ranked.rows)) if mask is None else np.flatnonzero(mask)


def _what_if(night: Night, grid_id: str, values: dict[str, float], visitor: Visitor) -> dict[str, Any]:
    """The answer to one change that the night worked out, overdue cases alone or with the open ones that close along."""
    known = scored_grid(night, grid_id, visitor)
    changes = night.changes_of(known)
    if changes is None:
        raise not_worked_out()
    for _, change in changes.groupby("place"):
        after = dict(zip(change["feature"], change["after"], strict=True))
        asked = dict(zip(change["feature"][~change["follows"]], change["after"][~change["follows"]], strict=True))
        if values in (after, asked):
            worked_out: dict[str, Any] = finite(_answer(night, change).to_dict())
            return worked_out
    raise not_changeable({str(n): sorted(set(after)) for n, after in changes.groupby("feature")["after"]})


def _answer(night: Night, change: pd.DataFrame) -> WhatIf:
    return read_what_ifs(change, night.facts.get("features", {}))[0]
