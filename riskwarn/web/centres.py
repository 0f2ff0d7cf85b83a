"""The centres: each county and township with what lies before it, and a morning page of its own for whoever sees so much."""

from collections import Counter
from typing import Annotated, Any

import pandas as pd
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import Field

from riskwarn.access import Visitor
from riskwarn.ledger import CITY, within
from riskwarn.web.api.items import books_of
from riskwarn.web.api.shared import nights_of
from riskwarn.web.desk import at_hand
from riskwarn.web.duty import duty_page
from riskwarn.web.held import Night
from riskwarn.web.lines import feed_lines, found_gaps, untold
from riskwarn.web.morning import sections, turnover
from riskwarn.web.narrow import narrowed, of_area
from riskwarn.web.page import PageQuery, language_of
from riskwarn.web.policy import may
from riskwarn.web.problems import unknown_item
from riskwarn.web.schemas import LONGEST_NAME
from riskwarn.web.worklist import area_of, day_items

MOST_GAPS = 8
"""Gaps of the work list on the page of a centre."""
centres = APIRouter(include_in_schema=False)
Reader = Annotated[Visitor, may("alerts:read", "own")]
LEVELS = ("red", "orange", "yellow", "blue")


class CentresQuery(PageQuery):
    """Parameters of the centres."""

    area: str | None = Field(None, max_length=LONGEST_NAME, description="one county or township")


@centres.get("/centres")
def centres_page(request: Request, visitor: Reader, query: Annotated[CentresQuery, Query()]) -> Response:
    """Every centre of the visitor's area; of one that is named, its morning."""
    night = narrowed(nights_of(request).at(query.as_of), visitor)
    if query.area is not None:
        return _morning(request, visitor, night, query.area)
    return duty_page(request, "centres.html", night, centres=_centres(request, visitor, night))


def _centres(request: Request, visitor: Visitor, night: Night) -> list[dict[str, Any]]:
    """A line a county and township, townships below their county: alerts by level, overdue items, gaps."""
    paths = sorted({path for path in night.places.areas.of_body.values() if path and path.count("/") < 2})
    seen = [path for path in paths if visitor.sees_all or within(path, visitor.area)]
    of_grid = night.places.areas.of_grid
    alerts = pd.DataFrame(columns=["grid_ids", "level"]) if night.alerts is None else night.alerts
    led = [of_grid.get(str(grids).split(" ", maxsplit=1)[0], "") for grids in alerts["grid_ids"]]
    alerts_in = Counter(zip(led, alerts["level"], strict=True))
    overdue_in = Counter(_overdue(request, visitor))
    gaps = pd.Series(dtype=object) if night.gaps is None else area_of(found_gaps(night.gaps), night)
    gaps_in = gaps.value_counts().to_dict()
    return [
        {
            "code": path.rpartition("/")[2],
            "is_county": "/" not in path,
            "levels": {
                level: sum(n for (lead, of), n in alerts_in.items() if of == level and _below(lead, path))
                for level in LEVELS
            },
            "overdue": sum(n for other, n in overdue_in.items() if _below(other, path)),
            "gaps": sum(gaps_in.get(other.rpartition("/")[2], 0) for other in paths if _below(other, path)),
        }
        for path in seen
    ]


def _overdue(request: Request, visitor: Visitor) -> list[str]:
    """Where each item lies that is overdue."""
    ledger = books_of(request).ledger()
    if ledger is None:
        return []
    late = books_of(request).board(ledger, visitor.area).drop_duplicates("item_id")
    red: list[str] = late.loc[late["light"] == "red", "path"].tolist()
    return red


def _below(path: str, area: str) -> bool:
    """Whether a path of areas leads to an area, or to one within it."""
    return path == area or path.startswith(f"{area}/")


def _morning(request: Request, visitor: Visitor, night: Night, area: str) -> Response:
    """The morning of one centre: its alerts in their lanes, what became of those of the night before, what it can do about gaps today."""
    path = night.places.areas.of_body.get(area)
    if path is None or path.count("/") > 1 or not (visitor.sees_all or within(path, visitor.area)):
        raise unknown_item()
    nights, language = nights_of(request), language_of(request)
    own = of_area(night, area) if visitor.area == CITY or area != visitor.area else night
    before = nights.before(nights.at(night.date))
    ledger = books_of(request).ledger()
    late = None if ledger is None else books_of(request).board(ledger, area).drop_duplicates("item_id")
    return duty_page(
        request,
        "centre.html",
        own,
        area=area,
        sections=sections(own, language),
        at_hand=at_hand(request, own),
        turnover=turnover(own, None if before is None else of_area(narrowed(before, visitor), area)),
        n_overdue=0 if late is None else int((late["light"] == "red").sum()),
        n_soon=0 if late is None else int((late["light"] == "amber").sum()),
        items=[] if own.gaps is None else day_items(own, language, most=MOST_GAPS),
        untold=untold(own.gaps),
        feeds=feed_lines(own),
    )
