"""One grid: its scores, its reasons, its past, what could be done for it, and the events behind a number."""

from typing import Annotated, Any

import pandas as pd
from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from riskwarn.access import Visitor
from riskwarn.explanation import CAVEAT, MOST_EVENTS
from riskwarn.language import LANGUAGES, in_every_language
from riskwarn.web import schemas
from riskwarn.web.api.alerts import alert_rows
from riskwarn.web.api.gaps import gap_rows, touching
from riskwarn.web.api.scores import COLUMNS
from riskwarn.web.api.shared import NOT_WORKED_OUT, answer, answer_page, finite, nights_of, page_of, row_of
from riskwarn.web.held import Night, named
from riskwarn.web.narrow import narrowed
from riskwarn.web.nights import Nights
from riskwarn.web.policy import may
from riskwarn.web.problems import not_scored, not_worked_out, unknown_feature
from riskwarn.web.reasons import remedies, sentences
from riskwarn.web.schemas import LONGEST_NAME, NightQuery, RowsQuery, fields, rows

N_PAST_NIGHTS = 52
router = APIRouter(prefix="/api/v1")
GridId = Annotated[str, Path(max_length=LONGEST_NAME)]
_PLACE = [name for name in fields(schemas.Place) if name != "neighbours"]


@router.get("/grids/{grid_id}", response_model=schemas.OneGrid)
def grid(
    request: Request,
    grid_id: GridId,
    query: Annotated[NightQuery, Query()],
    visitor: Annotated[Visitor, may("scores:read", "own")],
) -> Response:
    """Everything a night says of one grid: scores of all questions, reasons, past, gaps and alerts."""
    nights = nights_of(request)
    night = nights.at(query.as_of, target=query.target)
    known = known_grid(night, grid_id, visitor)
    return answer(
        request,
        night,
        grid=_place(night, known, visitor),
        scores=[score for target in night.held.targets for score in _score_rows(night.held.night(target), known)],
        reasons=reason_rows(night, known),
        nights=past_rows(nights, night, known),
        weeks=week_rows(night, known),
        gaps=_gaps(narrowed(night, visitor), known) if visitor.may("gaps:read") else None,
        alerts=_alerts(narrowed(night, visitor), known) if visitor.may("alerts:read") else None,
    )


def known_grid(night: Night, grid_id: str, visitor: Visitor) -> str:
    """The grid's id.

    Raises
    ------
    Problem
        404 where the night has no such grid, or the visitor does not see it.
    """
    row_of(night, grid_id, visitor)
    return grid_id


def _place(night: Night, grid_id: str, visitor: Visitor) -> dict[str, Any]:
    grids = night.places.grids
    found: list[dict[str, Any]] = rows(grids[grids["grid_id"] == grid_id], _PLACE)
    place = found[0] if found else dict.fromkeys(_PLACE) | {"grid_id": grid_id}
    inside = narrowed(night, visitor).by_grid.index
    return place | {"neighbours": [g for g in night.places.beside(grid_id) if g in inside]}


def _score_rows(night: Night, grid_id: str) -> list[dict[str, Any]]:
    row = night.ranked.row(grid_id)
    if row < 0:
        return []
    told = night.ranked.rows.slice(row, 1).to_pylist()[0]
    return [{name: finite(told.get(name)) for name in COLUMNS}]


def _gaps(night: Night, grid_id: str) -> list[dict[str, Any]] | None:
    return None if night.gaps is None else gap_rows(night.gaps[touching(night.gaps["scope"], grid_id)])


def _alerts(night: Night, grid_id: str) -> list[dict[str, Any]] | None:
    if night.alerts is None:
        return None
    listed = night.alerts["grid_ids"].tolist()
    return alert_rows(night.alerts[[grid_id in ids and grid_id in ids.split() for ids in listed]])


@router.get("/grids/{grid_id}/reasons", response_model=schemas.Reasons)
def reasons(
    request: Request,
    grid_id: GridId,
    query: Annotated[NightQuery, Query()],
    visitor: Annotated[Visitor, may("scores:read", "own")],
) -> Response:
    """Why one grid has its score, in every language."""
    night = nights_of(request).at(query.as_of, target=query.target)
    known = known_grid(night, grid_id, visitor)
    return answer(request, night, grid_id=known, items=reason_rows(night, known))


def reason_rows(night: Night, grid_id: str) -> list[dict[str, Any]]:
    """Reasons of a grid with their sentences and next steps."""
    raw = night.reasons_of([grid_id])
    features = night.facts.get("features", {})
    steps = {f"remedy_{language}": remedies(raw, features, language) for language in LANGUAGES}
    worded = raw.assign(**{language: sentences(raw, features, language) for language in LANGUAGES}, **steps)
    return rows(worded, fields(schemas.Reason))


@router.get("/grids/{grid_id}/history", response_model=schemas.GridHistory)
def history(
    request: Request,
    grid_id: GridId,
    query: Annotated[NightQuery, Query()],
    visitor: Annotated[Visitor, may("scores:read", "own")],
) -> Response:
    """One grid's last nights and weeks."""
    nights = nights_of(request)
    night = nights.at(query.as_of, target=query.target)
    known = known_grid(night, grid_id, visitor)
    return answer(request, night, grid_id=known, nights=past_rows(nights, night, known), weeks=week_rows(night, known))


def past_rows(nights: Nights, night: Night, grid_id: str) -> list[dict[str, Any]]:
    """A grid's score on the last nights, oldest first."""
    past = nights.past_scores(nights.upto(night, N_PAST_NIGHTS), grid_id, night.target)
    return rows(past.assign(as_of=[named(at) for at in past["as_of"]]), fields(schemas.PastScore))


def week_rows(night: Night, grid_id: str) -> list[dict[str, Any]] | None:
    """A grid's events by week; None where they are not known."""
    weeks = night.weeks
    if weeks is None:
        return None
    counts = weeks.of_grid(grid_id)
    if "spans" not in night.made:
        night.made["spans"] = [(named(end - pd.DateOffset(weeks=1)), named(end)) for end in weeks.ends]
    return [
        {"from": begin, "until": end, "counts": {source: counted[week] for source, counted in counts.items()}}
        for week, (begin, end) in enumerate(night.made["spans"])
    ]


@router.get("/grids/{grid_id}/what-if", response_model=schemas.WhatIfs, responses=NOT_WORKED_OUT)
def whatever_can_be_done(
    request: Request,
    grid_id: GridId,
    query: Annotated[NightQuery, Query()],
    visitor: Annotated[Visitor, may("scores:read", "own")],
) -> Response:
    """Every sensible change for one grid: its overdue cases closed, or all its open ones, feed by feed."""
    night = nights_of(request).at(query.as_of, target=query.target)
    known = scored_grid(night, grid_id, visitor)
    answers = night.what_ifs_of(known)
    if answers is None:
        raise not_worked_out()
    items = [finite(w.to_dict()) for w in answers]
    return answer(request, night, grid_id=known, caveat=in_every_language(CAVEAT), items=items)


def scored_grid(night: Night, grid_id: str, visitor: Visitor) -> str:
    """The grid's id.

    Raises
    ------
    Problem
        404 where the night has no such grid; 409 where it has no score for it.
    """
    if row_of(night, grid_id, visitor) >= night.ranked.n_scored:
        raise not_scored()
    return grid_id


@router.get("/grids/{grid_id}/rows", response_model=schemas.Rows, responses=NOT_WORKED_OUT)
def rows_behind(
    request: Request,
    grid_id: GridId,
    query: Annotated[RowsQuery, Query()],
    visitor: Annotated[Visitor, may("cases:read", "own")],
) -> Response:
    """The events that make up one number of a grid, newest first."""
    night = nights_of(request).at(query.as_of, target=query.target)
    known = known_grid(night, grid_id, visitor)
    values = night.reasons_of([known]).set_index("feature")["value"]
    if query.feature not in values.index:
        raise unknown_feature(values.index)
    events = night.events_behind(known, query.feature)
    if events is None:
        raise not_worked_out()
    value = finite(float(values[query.feature]))
    items = rows(page_of(events.assign(value=value), query), fields(schemas.Row))
    told = {"grid_id": known, "feature": query.feature, "value": value, "complete": len(events) < MOST_EVENTS}
    return answer_page(request, night, items, len(events), query, **told)
