"""The look back: serious events, and what the nights before made of their grid."""

from dataclasses import replace
from typing import Annotated

import pandas as pd
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from riskwarn.access import Visitor
from riskwarn.errors import DataError, NotFoundError
from riskwarn.explanation import LEAST_SEVERITY, REACH_DAYS, Review, review, review_sentences
from riskwarn.language import LANGUAGES
from riskwarn.web import schemas
from riskwarn.web.api.shared import api_answer, finite, nights_of, page_of, seen
from riskwarn.web.nights import Nights
from riskwarn.web.policy import may
from riskwarn.web.problems import no_events, of_faults
from riskwarn.web.schemas import ReviewQuery, fields, rows
from riskwarn.web.words import PHRASES

MOST_DAYS = 800
"""How far a look back may reach, days: each night in it is read."""
router = APIRouter(prefix="/api/v1")


@router.get("/review", response_model=schemas.Review)
def look_back(
    request: Request, query: Annotated[ReviewQuery, Query()], visitor: Annotated[Visitor, may("review:read", "own")]
) -> Response:
    """Serious events after the first published night: was the grid on the list, how early, and what kept it off."""
    reviewed = reviewed_of(nights_of(request), query, visitor)
    page = page_of(reviewed.frame, query)
    texts = {language: review_sentences(reviewed, language).reindex(page.index) for language in LANGUAGES}
    return api_answer(
        request,
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
        items=rows(page.assign(**texts), fields(schemas.ReviewedEvent)),
    )


def reviewed_of(nights: Nights, query: ReviewQuery, visitor: Visitor) -> Review:
    """What the nights made of the events asked for, in the visitor's area.

    Parameters
    ----------
    nights
        Of the store.
    query
        Which events.
    visitor
        Who asks.

    Returns
    -------
    review
        Of the events that the newest night published, as far as they reach; else of those of the store.

    Raises
    ------
    Problem
        404 where there is no such event.
    """
    since, until = _span(nights, query)
    asked = {"since": since, "until": until, "source": query.source, "severity": query.severity}
    try:
        found = review(nights.store, **asked, events=_published(nights, since, query.severity))
    except (DataError, NotFoundError):
        raise no_events() from None
    return _seen(nights, found, visitor)


def _published(nights: Nights, since: pd.Timestamp, severity: int) -> pd.DataFrame | None:
    """Serious events as the newest night published them; None where they do not reach as far, or it published none."""
    night = nights.newest()
    reaches = severity >= LEAST_SEVERITY and since >= night.as_of - pd.Timedelta(days=REACH_DAYS)
    return night.held.serious_events if reaches else None


def _seen(nights: Nights, reviewed: Review, visitor: Visitor) -> Review:
    """The events of the visitor's area alone."""
    night = nights.newest()
    mask = seen(night, visitor)
    if mask is None:
        return reviewed
    own = reviewed.frame["grid_id"].isin(night.scores.loc[mask, "grid_id"])
    if not own.any():
        raise no_events()
    return replace(reviewed, frame=reviewed.frame[own].reset_index(drop=True))


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
