"""Gaps: where the centre is blind, late or passing the parcel, and what became of it."""

import json
import re
from typing import Annotated, Any

import pandas as pd
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from riskwarn.access import Visitor
from riskwarn.gaps.gap import KINDS
from riskwarn.language import LANGUAGES, Words, in_every_language
from riskwarn.web import schemas
from riskwarn.web.api.items import books_of, work_of
from riskwarn.web.api.shared import answer, answer_page, finite, nights_of, page_of
from riskwarn.web.held import Night
from riskwarn.web.narrow import narrowed
from riskwarn.web.policy import may
from riskwarn.web.problems import unknown_gap
from riskwarn.web.schemas import GapsQuery, NightQuery, fields, rows

router = APIRouter(prefix="/api/v1")
_ITEM = ("item_id", "item_state", "version")


@router.get("/gaps", response_model=schemas.Gaps)
def gaps(
    request: Request, query: Annotated[GapsQuery, Query()], visitor: Annotated[Visitor, may("gaps:read", "own")]
) -> Response:
    """Gaps, most severe first."""
    night = nights_of(request).at(query.as_of, target=query.target)
    found = seen_gaps(night, visitor)
    found = found[found["kind"] == query.kind] if query.kind else found
    items = books_of(request).beside("gap", gap_rows(page_of(found, query)), "gap_id", visitor)
    return answer_page(request, night, items, len(found), query, made=night.gaps is not None)


@router.get("/gaps/{gap_id}", response_model=schemas.OneGap)
def gap(
    request: Request,
    gap_id: schemas.Code,
    query: Annotated[NightQuery, Query()],
    visitor: Annotated[Visitor, may("gaps:read", "own")],
) -> Response:
    """One gap, with what became of it."""
    night = nights_of(request).at(query.as_of, target=query.target)
    found = seen_gaps(night, visitor)
    found = found[found["gap_id"] == gap_id] if len(found) else found
    if found.empty:
        raise unknown_gap()
    items = books_of(request).beside("gap", gap_rows(found), "gap_id", visitor)
    return answer(request, night, gap=items[0], work=work_of(request, items[0]["item_id"], visitor))


def seen_gaps(night: Night, visitor: Visitor) -> pd.DataFrame:
    """The gaps a visitor sees: those of grids and bodies in the own area; of the whole city all."""
    found = narrowed(night, visitor).gaps
    return pd.DataFrame(columns=["kind", "gap_id", "scope"]) if found is None else found


def gap_rows(gaps: pd.DataFrame) -> list[dict[str, Any]]:
    """Gaps with the words of their kind and their evidence read; their work items are not known yet."""
    names = [name for name in fields(schemas.Gap) if name not in {*LANGUAGES, *_ITEM}]
    listed = rows(gaps, names)
    for gap in listed:
        name = KINDS[gap["kind"]].words if gap["kind"] in KINDS else Words(en=gap["kind"])
        gap.update(in_every_language(name), **dict.fromkeys(_ITEM))
        gap["evidence"] = evidence(gap["evidence"])
    return listed


def evidence(text: object) -> dict[str, Any]:
    """The numbers behind a gap; text that is no JSON object is kept under ``text``."""
    try:
        numbers = json.loads(str(text))
    except ValueError:
        numbers = str(text)
    return finite(numbers) if isinstance(numbers, dict) else {"text": finite(numbers)}


def touching(scope: pd.Series, grid_id: str) -> pd.Series:
    """Which scopes name the grid, alone or in a pair."""
    texts = [str(text) for text in scope.tolist()]
    named = [grid_id in text and grid_id in re.split(r"[/|, ]", text.partition(":")[2]) for text in texts]
    return pd.Series(named, index=scope.index, dtype=bool)
