"""The look back as a page: of each serious event, whether its place was on the list, how early, and what kept it off."""

from typing import Annotated

import pandas as pd
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import Field

from riskwarn.access import Visitor
from riskwarn.explanation import Review, review_sentences
from riskwarn.web.api.review import reviewed_of
from riskwarn.web.api.shared import nights_of
from riskwarn.web.held import named
from riskwarn.web.lines import pager
from riskwarn.web.narrow import narrowed
from riskwarn.web.page import PageQuery, language_of, page_of_night
from riskwarn.web.policy import may
from riskwarn.web.problems import Problem
from riskwarn.web.schemas.queries import DATE, ReviewQuery

DAYS = 28
"""How far back a look reaches where nothing is asked for."""
SPANS = (7, 28, 91)
review_page = APIRouter(include_in_schema=False)


class ReviewPageQuery(PageQuery):
    """Parameters of the look back."""

    page: int = Field(1, ge=1, le=1_000_000)
    since: str | None = Field(None, pattern=DATE, max_length=19, description="events from then on")
    severity: int = Field(2, ge=2, le=3)


@review_page.get("/review")
def look_back(
    request: Request,
    query: Annotated[ReviewPageQuery, Query()],
    visitor: Annotated[Visitor, may("review:read", "own")],
) -> Response:
    """Serious events of the last weeks: was the place listed, and if not, why not."""
    nights, language = nights_of(request), language_of(request)
    night = narrowed(nights.at(query.as_of, target=query.target), visitor)
    since = query.since or named(night.as_of - pd.DateOffset(days=DAYS))
    asked = ReviewQuery.model_validate({"since": since, "severity": query.severity})
    try:
        found: Review | None = reviewed_of(nights, asked, visitor)
    except Problem as problem:
        if problem.code != "no_events":
            raise
        found = None
    frame = found.frame.iloc[::-1] if found else pd.DataFrame()
    pages = pager(len(frame), query.page)
    shown = frame.iloc[pages["start"] : pages["end"]]
    texts = review_sentences(Review(shown, found.horizon_days), language) if found else pd.Series(dtype="str")
    return page_of_night(
        request,
        "review.html",
        night,
        found=found,
        summary=found.sentence(language) if found else "",
        since=since,
        spans=[(days, named(night.as_of - pd.DateOffset(days=days))) for days in SPANS],
        asked=query,
        pages=pages,
        lines=shown.assign(text=texts).astype(object).to_dict("records") if found else [],
    )
