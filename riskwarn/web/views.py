"""The pages: rendered on the server, readable without scripts, each in Chinese and English."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import pandas as pd
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import Field

from riskwarn.access import Visitor, is_small
from riskwarn.datasheet import audit_sections, sections_of
from riskwarn.naming import LESS_IS_BETTER
from riskwarn.releasing import releases_of
from riskwarn.web.api.shared import nights_of
from riskwarn.web.atlas import atlas
from riskwarn.web.desk import at_hand
from riskwarn.web.held import Night
from riskwarn.web.lines import (
    by_kind,
    feed_lines,
    found_gaps,
    gap_lines,
    pager,
    riskiest,
    sentences_of,
    untold,
)
from riskwarn.web.morning import feed_changes, sections, shown_alerts, turnover
from riskwarn.web.narrow import narrowed
from riskwarn.web.nights import Nights
from riskwarn.web.outcomes import outcomes_of
from riskwarn.web.page import PageQuery, language_of, page_of_night
from riskwarn.web.policy import may
from riskwarn.web.worklist import area_of, work_items

ITEMS_TODAY = 10
views = APIRouter(include_in_schema=False)


class ListPageQuery(PageQuery):
    """Parameters of a page of a list."""

    page: int = Field(1, ge=1, le=1_000_000)


class GapsPageQuery(ListPageQuery):
    """Parameters of the gap list."""

    kind: str | None = Field(None, pattern=r"^G\d\d$")
    area: str | None = Field(None, max_length=200, description="township or body")


@views.get("/")
def today(
    request: Request,
    query: Annotated[PageQuery, Query()],
    visitor: Annotated[Visitor, may("alerts:read", "own")],
) -> Response:
    """Today: can the numbers be trusted, where to look, why, and where we are blind."""
    nights, language = nights_of(request), language_of(request)
    night = narrowed(nights.at(query.as_of, target=query.target), visitor)
    gaps = None if night.gaps is None else found_gaps(night.gaps)
    return page_of_night(
        request,
        "today.html",
        night,
        sections=sections(night, language),
        atlas=atlas(night, visitor, alerts=shown_alerts(night)),
        at_hand=at_hand(request, night),
        entries=riskiest(nights, night, language) if night.alerts is None else [],
        feed_changes=feed_changes(night),
        turnover=turnover(night, _before(nights, night, visitor)),
        feeds=feed_lines(night),
        of_city=visitor.sees_all,
        items=None if gaps is None else work_items(night, language, most=ITEMS_TODAY),
        gap_counts=by_kind(gaps),
        gaps_untold=untold(night.gaps),
    )


def _before(nights: Nights, night: Night, visitor: Visitor) -> Night | None:
    """The night before as the visitor sees it."""
    before = nights.before(night)
    return None if before is None else narrowed(before, visitor)


@views.get("/grids")
def grids(
    request: Request,
    query: Annotated[ListPageQuery, Query()],
    visitor: Annotated[Visitor, may("scores:read", "own", "safe")],
) -> Response:
    """All grids by rank; the reasons hold counts, and are left out for who may not know small ones."""
    night = narrowed(nights_of(request).at(query.as_of, target=query.target), visitor)
    pages = pager(len(night.scores), query.page)
    shown = night.scores.iloc[pages["start"] : pages["end"]]
    explained = shown["grid_id"].tolist() if visitor.small_counts else []
    told_of = sentences_of(night, explained, language_of(request))
    return page_of_night(request, "grids.html", night, pages=pages, lines=shown.to_dict("records"), told=told_of)


@views.get("/gaps")
def gaps(
    request: Request,
    query: Annotated[GapsPageQuery, Query()],
    visitor: Annotated[Visitor, may("gaps:read", "own")],
) -> Response:
    """Where the centre is blind, late or passing the parcel."""
    night = narrowed(nights_of(request).at(query.as_of, target=query.target), visitor)
    every = night.gaps if night.gaps is not None else pd.DataFrame(columns=["kind", "evidence", "scope", "state"])
    chosen = every[every["kind"] == query.kind] if query.kind else found_gaps(every)
    if query.area is not None:
        chosen = chosen[area_of(chosen, night) == query.area]
    whole = not query.kind and query.area is None
    if whole:
        chosen = chosen.iloc[:0]
    pages = pager(len(chosen), query.page)
    return page_of_night(
        request,
        "gaps.html",
        night,
        made=night.gaps is not None,
        counts=by_kind(found_gaps(every)),
        untold=untold(every),
        kind=query.kind,
        area=query.area,
        items=work_items(night, language_of(request)) if whole else [],
        pages=pages,
        lines=gap_lines(chosen.iloc[pages["start"] : pages["end"]], night.places.called, language_of(request)),
    )


@views.get("/model", dependencies=[may("model:read", "any", "safe")])
def model(request: Request, query: Annotated[PageQuery, Query()]) -> Response:
    """What the night says of its model."""
    night = nights_of(request).at(query.as_of, target=query.target)
    outcomes = outcomes_of(night, language_of(request))
    backtest = _backtest(night.facts.get("backtest") or {})
    sheet = night.facts.get("datasheet")
    learnt = sections_of(sheet) if sheet else ()
    made = night.facts.get("audit")
    audited = audit_sections(made) if made else ()
    papers = {"learnt": learnt, "audited": audited, "released": _released(request, night) if made else []}
    return page_of_night(request, "model.html", night, backtest=backtest, outcomes=outcomes, **papers)


def _released(request: Request, night: Night) -> list[dict[str, Any]]:
    """Who released the hold of an audit, from the last date the model learnt from until the night was made."""
    store, trained = nights_of(request).store, night.facts.get("trained") or {}
    since, until = (store.instant(at or night.as_of) for at in (trained.get("last"), night.facts.get("made_at")))
    return releases_of(store, night.target, ("audit",), since=since, until=until)


def _backtest(table: Mapping[str, Mapping[str, float]]) -> list[dict[str, Any]]:
    """Rows of the backtest table, the best of each metric marked; prior counts know their weeks."""
    frame = pd.DataFrame.from_dict(table, orient="index")
    less = [m for m in frame if m in LESS_IS_BETTER]
    best = frame.assign(**{m: -frame[m] for m in less}).pipe(lambda f: f == f.max())
    return [
        {
            "name": name,
            "weeks": re.sub(r"^prior count (\d+) weeks$", r"\1", name) if name.startswith("prior count") else "",
            "cells": [{"name": m, "value": frame.loc[name, m], "best": bool(best.loc[name, m])} for m in frame],
        }
        for name in frame.index
    ]


@views.get("/feeds")
def feeds(
    request: Request,
    query: Annotated[PageQuery, Query()],
    visitor: Annotated[Visitor, may("feeds:read", "any", "safe")],
) -> Response:
    """State of each feed; the weeks of a feed with small counts are left out for who may not know them."""
    night = nights_of(request).at(query.as_of, target=query.target)
    lines = feed_lines(night)
    if not visitor.small_counts:
        lines = [
            line | ({"weekly": [], "reading": None} if is_small(np.array(line["weekly"])).any() else {})
            for line in lines
        ]
    return page_of_night(request, "feeds.html", night, lines=lines)
