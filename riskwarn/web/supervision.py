"""The supervision board (督办) as page and as JSON: what is late, with whom it lies, and what the next step is. It acts on nobody."""

from typing import Annotated, Any

import pandas as pd
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import Field

from riskwarn.access import Visitor
from riskwarn.ledger import Item, by_body, settled_cards
from riskwarn.web import schemas
from riskwarn.web.api.items import books_of
from riskwarn.web.api.shared import api_answer, nights_of
from riskwarn.web.desk import ledger_of
from riskwarn.web.duty import duty_page, matters_of
from riskwarn.web.format import age
from riskwarn.web.lines import pager
from riskwarn.web.narrow import narrowed_item
from riskwarn.web.page import PageQuery, language_of
from riskwarn.web.policy import may
from riskwarn.web.schemas import BoardQuery, fields, rows

ROWS = 40
SETTLED = pd.Timedelta(days=7)
"""How far back settled cards are shown."""
Reader = Annotated[Visitor, may("alerts:read", "own")]
supervision = APIRouter()
_ROW = fields(schemas.BoardRow)


class SupervisionQuery(PageQuery):
    """Parameters of the board."""

    page: int = Field(1, ge=1, le=1_000_000)
    body: str | None = Field(None, max_length=64, description="organisation an item lies with, * for none")
    clock: str = Field("", pattern=r"^[a-z_]{0,32}$")


@supervision.get("/supervision", include_in_schema=False)
def supervision_page(request: Request, visitor: Reader, query: Annotated[SupervisionQuery, Query()]) -> Response:
    """What is overdue and what soon will be, by organisation, overdue first."""
    ledger, now = ledger_of(request), request.app.state.clock()
    every = books_of(request).board(ledger, visitor.area)
    chosen = _with(every, query.body)
    chosen = chosen[chosen["clock"] == query.clock] if query.clock else chosen
    pages = pager(len(chosen), query.page, ROWS)
    cards = settled_cards(ledger, since=now - SETTLED, area=visitor.area).head(ROWS)
    return duty_page(
        request,
        "supervision.html",
        nights_of(request).newest(),
        asked=query,
        bodies=by_body(every).to_dict("records"),
        clocks=[c.name for c in ledger.workflow.clocks if (every["clock"] == c.name).any()],
        pages=pages,
        lines=_matters(request, chosen.iloc[pages["start"] : pages["end"]], visitor),
        settled=_matters(request, cards, visitor),
        age=lambda due: age(abs((now - due).total_seconds()) / 3600, language_of(request)),
    )


def _with(rows: pd.DataFrame, body: str | None) -> pd.DataFrame:
    """Rows that lie with an organisation; ``*`` for those of the whole city that lie with none, all where it is not asked for."""
    return rows if body is None else rows[rows["body"] == ("" if body == "*" else body)]


def _matters(request: Request, shown: pd.DataFrame, visitor: Visitor) -> list[dict[str, Any]]:
    """Rows in words; across a border with one's own grids alone."""
    night = nights_of(request).newest()
    seen = [narrowed_item(Item.of(row), night, visitor).grid_ids for row in shown.itertuples(index=False)]
    return matters_of(shown.assign(grid_ids=seen), night, language_of(request))


@supervision.get("/api/v1/supervision", response_model=schemas.Board)
def supervision_rows(request: Request, visitor: Reader, query: Annotated[BoardQuery, Query()]) -> Response:
    """Clocks that are amber or overdue, overdue first: item, organisation, since when, by when, the next step, the roles that may take it, the open card."""
    ledger = books_of(request).ledger()
    told: dict[str, Any] = {"kept": ledger is not None, "limit": query.limit, "offset": query.offset}
    if ledger is None:
        return api_answer(request, **told, total=0, items=[])
    every = books_of(request).board(ledger, visitor.area)
    chosen = _with(every, query.body)
    page = chosen.iloc[query.offset : query.offset + query.limit]
    return api_answer(request, **told, total=len(chosen), items=rows(page, _ROW))
