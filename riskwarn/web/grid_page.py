"""The page of one grid: where it stands and stood, why, what can be done, what was done, and where one is blind."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd
from fastapi import APIRouter, Query, Request
from fastapi import Path as InPath
from fastapi.responses import Response
from pydantic import Field

from riskwarn.access import Visitor
from riskwarn.explanation import MOST_EVENTS
from riskwarn.taxonomy import words_of
from riskwarn.web.api.alerts import alert_rows
from riskwarn.web.api.gaps import touching
from riskwarn.web.api.items import books_of
from riskwarn.web.api.shared import nights_of, score_of
from riskwarn.web.atlas import atlas
from riskwarn.web.chart import SMALL_HEIGHT, SMALL_WIDTH, course, small_bars, stacked
from riskwarn.web.held import Night
from riskwarn.web.lines import gap_lines
from riskwarn.web.listed import Why
from riskwarn.web.morning import lines_of
from riskwarn.web.narrow import narrowed
from riskwarn.web.nights import Nights
from riskwarn.web.page import PageQuery, language_of, page_of_night
from riskwarn.web.policy import may
from riskwarn.web.problems import not_worked_out, unknown_feature
from riskwarn.web.reasons import remedies, sentences
from riskwarn.web.record import record_of
from riskwarn.web.worklist import DETAILS
from riskwarn.weekly import period_ends

N_PAST_NIGHTS = 28
MOST_CATEGORIES = 12
"""Small charts on the page; the rest is told as one number."""
grid_page = APIRouter(include_in_schema=False)
GridId = Annotated[str, InPath(max_length=200)]


class EventsQuery(PageQuery):
    """Parameters of the events behind one number."""

    feature: str = Field(max_length=200, description="name of a feature, as reasons give it")


@grid_page.get("/grids/{grid_id}")
def grid(
    request: Request,
    grid_id: GridId,
    query: Annotated[PageQuery, Query()],
    visitor: Annotated[Visitor, may("scores:read", "own", "safe")],
) -> Response:
    """One grid. What holds counts of it is left out for who may not know small ones."""
    nights, language = nights_of(request), language_of(request)
    night = narrowed(nights.at(query.as_of, target=query.target), visitor)
    score = score_of(night, grid_id).iloc[0].to_dict()
    past = nights.past_scores(nights.upto(night, N_PAST_NIGHTS), grid_id, night.target)
    counted = _counted(request, nights, night, score, visitor) if visitor.small_counts else None
    return page_of_night(
        request,
        "grid.html",
        night,
        score=score,
        alert=_alert_of(night, score),
        atlas=atlas(night, visitor, focus=grid_id),
        counted=counted,
        past=past.iloc[::-1].to_dict("records"),
        course=course(
            [(at - night.as_of).days for at in past["as_of"]], past["expected"], past["lower"], past["upper"]
        ),
        neighbours=_neighbours(night, grid_id),
        called=lambda code: night.places.called.get(code) or words_of(str(code))[language],
    )


def _counted(
    request: Request, nights: Nights, night: Night, score: Mapping[str, Any], visitor: Visitor
) -> dict[str, Any]:
    """What holds counts of the grid: reasons, what changed, what-ifs, gaps, events, and what the ledger has."""
    grid_id, language = str(score["grid_id"]), language_of(request)
    reasons = night.reasons_of([grid_id])
    weekly = night.weeks.of_grid(grid_id) if night.weeks else {}
    mine = None if night.gaps is None else night.gaps[touching(night.gaps["scope"], grid_id)]
    return {
        "reasons": _reason_rows(night, reasons, language),
        "moved": _moved(nights, night, grid_id, language),
        "listed": _why_listed(night, score, language),
        "possible": _possible(night, score, language),
        "gap_lines": None if mine is None else gap_lines(mine, night.places.called, language, without=DETAILS),
        "weekly": weekly,
        "ends": night.weeks.ends if night.weeks else [],
        "chart": stacked(weekly) if weekly else None,
        "multiples": multiples(night, grid_id),
        "record": record_of(books_of(request).ledger(), grid_id, visitor, language, request.app.state.clock),
        "has_events": visitor.may("cases:read") and "events_behind" in night.published.tables,
    }


def _reason_rows(night: Night, reasons: pd.DataFrame, language: str) -> list[dict[str, Any]]:
    features = night.facts.get("features", {})
    worded = reasons.assign(
        text=sentences(reasons, features, language),
        step=remedies(reasons, features, language),
        factor=np.exp(reasons["contribution"].astype(float)),
    )
    return worded.to_dict("records")


def _moved(nights: Nights, night: Night, grid_id: str, language: str) -> dict[str, Any] | None:
    """What is told otherwise than the night before: reasons that came, and those that went; None where there is no such night."""
    before = nights.before(night)
    if before is None:
        return None
    now, then = (_raising(one, grid_id, language) for one in (night, before))
    return {
        "previous": before.date,
        "came": [now[name] for name in now if now[name] != then.get(name)],
        "went": [then[name] for name in then if name not in now],
    }


def _raising(night: Night, grid_id: str, language: str) -> dict[str, str]:
    """Raising reasons of a grid by feature, in words."""
    reasons = night.reasons_of([grid_id])
    reasons = reasons[reasons["contribution"] > 0]
    return dict(zip(reasons["feature"], sentences(reasons, night.facts.get("features", {}), language), strict=True))


def _possible(night: Night, score: Mapping[str, Any], language: str) -> list[str] | None:
    """What could be done for a grid and where it would stand then, a line each; none where the night worked nothing out."""
    answers = None if pd.isna(score["rank"]) else night.what_ifs_of(str(score["grid_id"]))
    return None if answers is None else [answer.sentence(language) for answer in answers]


def _alert_of(night: Night, score: Mapping[str, Any]) -> dict[str, Any] | None:
    if night.alerts is None or pd.isna(score["alert_id"]):
        return None
    return alert_rows(night.alerts[night.alerts["alert_id"] == score["alert_id"]])[0]


def _why_listed(night: Night, score: Mapping[str, Any], language: str) -> Why | None:
    """Why the grid is on the list now, and the next step; None where it is not."""
    if night.alerts is None or pd.isna(score["alert_id"]):
        return None
    return lines_of(night, night.alerts[night.alerts["alert_id"] == score["alert_id"]], language)[0].why


def _neighbours(night: Night, grid_id: str) -> list[dict[str, Any]]:
    """Scores of the grids that touch one, riskiest first; none where its polygon is not known."""
    return night.scores[night.scores["grid_id"].isin(night.places.beside(grid_id))].to_dict("records")


@dataclass(frozen=True)
class Multiple:
    """One small chart.

    Attributes
    ----------
    source, category
        What is counted.
    counts
        By period of four weeks, oldest first.
    bars
        As :func:`riskwarn.web.chart.small_bars` gives them, of one scale for all charts.
    """

    source: str
    category: str
    counts: tuple[int, ...]
    bars: list[dict[str, float]]


def multiples(night: Night, grid_id: str) -> dict[str, Any] | None:
    """A year of a grid's events by feed and category, the most first.

    Parameters
    ----------
    night
        With its table `category_counts`.
    grid_id
        The grid.

    Returns
    -------
    multiples
        `charts`, the `ends` of their periods, the `top` of their scale, the size of their box, and how many events the `rest` has; None
        where the night published none.
    """
    rows = night.categories_of(grid_id)
    if rows is None:
        return None
    ends = period_ends(night.as_of)
    table = rows.pivot_table(index=["source", "category"], columns="period_ends_at", values="n", aggfunc="sum")
    table = table.reindex(columns=pd.DatetimeIndex(ends)).fillna(0.0).round()
    table = table.loc[table.sum(axis=1).sort_values(ascending=False, kind="stable").index]
    shown = table.head(MOST_CATEGORIES)
    top = max(float(shown.to_numpy().max(initial=0)), 1.0)
    charts = [
        Multiple(source, category, tuple(map(int, counts)), small_bars(counts, top))
        for (source, category), counts in zip(shown.index, shown.to_numpy(), strict=True)
    ]
    rest = int(table.iloc[MOST_CATEGORIES:].to_numpy().sum())
    return {"charts": charts, "ends": ends, "top": int(top), "rest": rest, "width": SMALL_WIDTH, "height": SMALL_HEIGHT}


@grid_page.get("/grids/{grid_id}/events")
def events(
    request: Request,
    grid_id: GridId,
    query: Annotated[EventsQuery, Query()],
    visitor: Annotated[Visitor, may("cases:read", "own")],
) -> Response:
    """The events behind one number of a grid, newest first."""
    night = narrowed(nights_of(request).at(query.as_of, target=query.target), visitor)
    known = str(score_of(night, grid_id)["grid_id"].iloc[0])
    reasons = night.reasons_of([known])
    of_feature = reasons[reasons["feature"] == query.feature]
    if of_feature.empty:
        raise unknown_feature(reasons["feature"])
    found = night.events_behind(known, query.feature)
    if found is None:
        raise not_worked_out()
    found["grid_id"] = found["grid_id"].where(
        found["grid_id"].isin(night.by_grid.index)
    )  # a neighbour may lie in another area
    text = sentences(of_feature, night.facts.get("features", {}), language_of(request)).iloc[0]
    return page_of_night(
        request,
        "events.html",
        night,
        grid_id=known,
        text=text,
        events=found.astype(object).where(found.notna(), None).to_dict("records"),
        complete=len(found) < MOST_EVENTS,
    )
