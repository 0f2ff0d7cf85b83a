"""The part of the API that answers why: what if, the rows behind a number, and the look back. It reads, and writes nothing."""

from typing import Annotated, Any

import pandas as pd
from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from riskwarn.errors import DataError, NotFoundError
from riskwarn.explanation import CAVEAT, MOST_EVENTS, WhatIf, read_what_ifs, review, review_sentences
from riskwarn.language import LANGUAGES, in_every_language
from riskwarn.web import schemas
from riskwarn.web.api import answer, answer_page, api_answer, finite, nights_of, page_of, score_of
from riskwarn.web.nights import Night, Nights
from riskwarn.web.policy import may
from riskwarn.web.problems import no_events, not_changeable, not_scored, not_worked_out, of_faults, unknown_feature
from riskwarn.web.schemas import LONGEST_NAME, NightQuery, ReviewQuery, RowsQuery, ScoreRequest, fields
from riskwarn.web.words import PHRASES

MOST_DAYS = 800
"""How far a look back may reach, days: each night in it is read."""
questions = APIRouter(prefix="/api/v1")
GridId = Annotated[str, Path(max_length=LONGEST_NAME)]


@questions.post("/score", response_model=schemas.ScoreAnswer, dependencies=[may("score:run")])
def score(request: Request, query: ScoreRequest) -> Response:
    """Scores of some grids of a night, or the score of one grid as it would be with other open and overdue cases."""
    night = nights_of(request).at(query.as_of, target=query.target, said_in="body")
    if query.grid_id is not None:
        values = query.model_dump(include={"values"})["values"]
        return answer(night, items=None, what_if=_what_if(night, query.grid_id, values))
    wanted = night.scores
    if query.grids is not None:
        asked = set(query.grids)
        for grid_id in sorted(asked):
            score_of(night, grid_id)
        wanted = wanted[wanted["grid_id"].isin(asked)]
    items = schemas.rows(wanted.head(schemas.LARGEST_PAGE), fields(schemas.Score))
    return answer(night, items=items, what_if=None)


@questions.get("/grids/{grid_id}/what-if", response_model=schemas.WhatIfs, dependencies=[may("scores:read")])
def whatever_can_be_done(request: Request, grid_id: GridId, query: Annotated[NightQuery, Query()]) -> Response:
    """Every sensible change for one grid: its overdue cases closed, or all its open ones, feed by feed."""
    night = nights_of(request).at(query.as_of, target=query.target)
    known = scored_grid(night, grid_id)
    answers = night.what_ifs_of(known)
    if answers is None:
        raise not_worked_out()
    items = [finite(w.to_dict()) for w in answers]
    return answer(night, grid_id=known, caveat=in_every_language(CAVEAT), items=items)


@questions.get("/grids/{grid_id}/rows", response_model=schemas.Rows, dependencies=[may("cases:read")])
def rows_behind(request: Request, grid_id: GridId, query: Annotated[RowsQuery, Query()]) -> Response:
    """The events that make up one number of a grid, newest first."""
    night = nights_of(request).at(query.as_of, target=query.target)
    known = str(score_of(night, grid_id)["grid_id"].iloc[0])
    values = night.reasons_of([known]).set_index("feature")["value"]
    if query.feature not in values.index:
        raise unknown_feature(values.index)
    events = night.events_behind(known, query.feature)
    if events is None:
        raise not_worked_out()
    value = finite(float(values[query.feature]))
    items = schemas.rows(page_of(events.assign(value=value), query), fields(schemas.Row))
    complete = len(events) < MOST_EVENTS
    return answer_page(
        night, items, len(events), query, grid_id=known, feature=query.feature, value=value, complete=complete
    )


@questions.get("/review", response_model=schemas.Review, dependencies=[may("review:read")])
def look_back(request: Request, query: Annotated[ReviewQuery, Query()]) -> Response:
    """Serious events after the first published night: was the grid on the list, how early, and what kept it off."""
    nights = nights_of(request)
    since, until = _span(nights, query)
    try:
        reviewed = review(nights.store, since=since, until=until, source=query.source, severity=query.severity)
    except (DataError, NotFoundError):
        raise no_events() from None
    page = page_of(reviewed.frame, query)
    texts = {language: review_sentences(reviewed, language).reindex(page.index) for language in LANGUAGES}
    return api_answer(
        since=query.since,
        until=query.until,
        severity=query.severity,
        horizon_days=reviewed.horizon_days,
        note=PHRASES["note"].en,
        summary=finite(reviewed.summary),
        **{language: reviewed.sentence(language) for language in LANGUAGES},
        total=len(reviewed.frame),
        limit=query.limit,
        offset=query.offset,
        items=schemas.rows(page.assign(**texts), fields(schemas.ReviewedEvent)),
    )


def scored_grid(night: Night, grid_id: str) -> str:
    """The grid's id.

    Raises
    ------
    Problem
        404 where the night has no such grid; 409 where it has no score for it.
    """
    known = score_of(night, grid_id).iloc[0]
    if pd.isna(known["rank"]):
        raise not_scored()
    return str(known["grid_id"])


def _what_if(night: Night, grid_id: str, values: dict[str, float]) -> dict[str, Any]:
    """The answer to one change that the night worked out, overdue cases alone or with the open ones that close along."""
    known = scored_grid(night, grid_id)
    if night.what_ifs is None:
        raise not_worked_out()
    changes = night.what_ifs[night.what_ifs["grid_id"] == known]
    for _, change in changes.groupby("place"):
        after = dict(zip(change["feature"], change["after"], strict=True))
        asked = dict(zip(change["feature"][~change["follows"]], change["after"][~change["follows"]], strict=True))
        if values in (after, asked):
            worked_out: dict[str, Any] = finite(_answer(night, change).to_dict())
            return worked_out
    raise not_changeable({str(n): sorted(set(after)) for n, after in changes.groupby("feature")["after"]})


def _answer(night: Night, change: pd.DataFrame) -> WhatIf:
    return read_what_ifs(change, night.facts.get("features", {}))[0]


def _span(nights: Nights, query: ReviewQuery) -> tuple[pd.Timestamp, pd.Timestamp | None]:
    last = nights.dates()[-1]
    since = _instant(nights, query.since, "since")
    until = None if query.until is None else _instant(nights, query.until, "until")
    if (until or last) - since > pd.Timedelta(days=MOST_DAYS):
        raise of_faults([{"loc": ("query", "since"), "type": "span_too_long"}])
    if until is not None and until <= since:
        raise of_faults([{"loc": ("query", "until"), "type": "not_after_since"}])
    return since, until


def _instant(nights: Nights, said: str, name: str) -> pd.Timestamp:
    try:
        return nights.store.instant(said)
    except (DataError, ValueError):
        raise of_faults([{"loc": ("query", name), "type": "date_invalid"}]) from None
