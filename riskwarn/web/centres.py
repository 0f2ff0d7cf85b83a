"""The centres: each county and township with what lies before it, and a morning page of its own for whoever sees so much."""

from typing import Annotated, Any

import pandas as pd
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import Field

from riskwarn.access import Visitor
from riskwarn.ledger import CITY, board, within
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
    ledger = books_of(request).ledger()
    late = pd.DataFrame(columns=["path", "light", "item_id"])
    if ledger is not None:
        late = board(ledger, at=request.app.state.clock(), area=visitor.area).drop_duplicates("item_id")
    gaps = pd.Series(dtype=object) if night.gaps is None else area_of(found_gaps(night.gaps), night)
    lines = []
    for path in seen:
        code = path.rpartition("/")[2]
        mine = [lead == path or lead.startswith(f"{path}/") for lead in led]
        levels = alerts.loc[pd.array(mine, dtype=bool), "level"].value_counts()
        red = late[(late["light"] == "red").to_numpy()]
        below = [other == path or other.startswith(f"{path}/") for other in red["path"]]
        parts = {other.rpartition("/")[2] for other in paths if other == path or other.startswith(f"{path}/")}
        lines.append(
            {
                "code": code,
                "is_county": "/" not in path,
                "levels": {level: int(levels.get(level, 0)) for level in LEVELS},
                "overdue": sum(below),
                "gaps": int(gaps.isin(parts).sum()),
            }
        )
    return lines


def _morning(request: Request, visitor: Visitor, night: Night, area: str) -> Response:
    """The morning of one centre: its alerts in their lanes, what became of those of the night before, what it can do about gaps today."""
    path = night.places.areas.of_body.get(area)
    if path is None or path.count("/") > 1 or not (visitor.sees_all or within(path, visitor.area)):
        raise unknown_item()
    nights, language = nights_of(request), language_of(request)
    own = of_area(night, area) if visitor.area == CITY or area != visitor.area else night
    before = nights.before(nights.at(night.date))
    ledger = books_of(request).ledger()
    late = None if ledger is None else board(ledger, at=request.app.state.clock(), area=area).drop_duplicates("item_id")
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
