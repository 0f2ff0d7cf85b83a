"""What can be done today about gaps, and how the visits of a week could be spread: the pages of hands."""

import io
from typing import Annotated, Any, Literal

import pandas as pd
from anyio import to_thread
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import Field

from riskwarn.access import Visitor
from riskwarn.exporting import defused
from riskwarn.ledger.words import word
from riskwarn.web.api.items import books_of
from riskwarn.web.api.shared import nights_of
from riskwarn.web.duty import duty_page
from riskwarn.web.held import Night
from riskwarn.web.lines import pager, untold
from riskwarn.web.narrow import narrowed
from riskwarn.web.page import PageQuery, language_of
from riskwarn.web.paper_page import MEDIA
from riskwarn.web.policy import form_of, may, read_as
from riskwarn.web.visits import DAYS, Proposal, edited, proposal_of
from riskwarn.web.words import PHRASES, told
from riskwarn.web.worklist import HANDS, day_items

ROWS = 40
"""Grids on a page, and so those whose visits can be edited at once."""
capacities = APIRouter(include_in_schema=False)
Reader = Annotated[Visitor, may("gaps:read", "own")]
_COLUMNS = {
    "grid_id": "v_grid_id",
    "name": "v_name",
    "body": "v_body",
    "now": "v_now",
    "proposed": "v_proposed",
    "drawn": "v_drawn",
    "change": "v_change",
}
"""Columns of the file, and the phrase above each."""
_SHEETS = {"csv": "text/csv; charset=utf-8", "xlsx": MEDIA[".xlsx"]}


class WorklistQuery(PageQuery):
    """Parameters of the work list."""

    hands: int = Field(HANDS, ge=1, le=500, description="what one area can do in a day, in telephone calls")


class VisitsQuery(PageQuery):
    """Parameters of the visits."""

    page: int = Field(1, ge=1, le=1_000_000)


@capacities.get("/worklist")
def worklist(request: Request, visitor: Reader, query: Annotated[WorklistQuery, Query()]) -> Response:
    """What can be done today with so many hands, what saves most first, each with where it stands."""
    night, language = narrowed(nights_of(request).at(query.as_of), visitor), language_of(request)
    items = [] if night.gaps is None else day_items(night, language, hands=query.hands)
    return duty_page(
        request,
        "worklist.html",
        night,
        asked=query,
        made=night.gaps is not None,
        items=items,
        states=_states(request, visitor, [item.worst["gap_id"] for item in items], language),
        untold=untold(night.gaps),
    )


def _states(request: Request, visitor: Visitor, gap_ids: list[str], language: str) -> dict[str, dict[str, Any]]:
    """By gap: the item it became, where it stands in words, and what may be done with it by one click."""
    books = books_of(request)
    ledger = books.ledger()
    if ledger is None:
        return {}
    told_of = {}
    for item in books.last_items("gap", gap_ids, visitor).itertuples():
        able = visitor.may("alerts:act") and ledger.workflow.step(
            "acknowledge", item.state, role=visitor.actor.role, kind=item.kind, level=item.level
        )
        told_of[item.Index] = {
            "item_id": item.item_id,
            "version": item.version,
            "state": word("state", item.state)[language],
            "able": bool(able),
        }
    return told_of


def _proposal(request: Request, visitor: Visitor, as_of: str | None) -> tuple[Night, Proposal | None]:
    night = narrowed(nights_of(request).at(as_of), visitor)
    key = ("visits", visitor.area)
    if key not in night.made:
        night.made[key] = proposal_of(night, nights_of(request).store, frozenset(night.scores["grid_id"].astype(str)))
    return night, night.made[key]


@capacities.get("/visits")
def visits(
    request: Request,
    visitor: Annotated[Visitor, may("scores:read", "own")],
    query: Annotated[VisitsQuery, Query()],
) -> Response:
    """How the visits of a week are spread, and how they could be, under the same budget."""
    night, proposal = _proposal(request, visitor, query.as_of)
    rows = pd.DataFrame() if proposal is None else proposal.rows
    pages = pager(len(rows), query.page, ROWS)
    return duty_page(
        request,
        "visits.html",
        night,
        asked=query,
        pages=pages,
        rows=rows.iloc[pages["start"] : pages["end"]].to_dict("records"),
        budget=0 if proposal is None else proposal.budget,
        days=DAYS,
        most=0 if proposal is None else proposal.most,
    )


@capacities.post("/visits.{ending}")
async def visits_file(
    request: Request, visitor: Annotated[Visitor, may("export", "own")], ending: Literal["csv", "xlsx"]
) -> Response:
    """The whole proposal as a file, with the numbers that were changed on the page."""
    form = await form_of(request)
    asked = read_as(VisitsQuery, {"as_of": form.get("as_of")})
    night, proposal = await to_thread.run_sync(_proposal, request, visitor, asked.as_of)
    body = await to_thread.run_sync(_file, night, proposal, form, language_of(request), ending)
    name = f'attachment; filename="visits-{night.date}.{ending}"'
    return Response(body, 200, {"Content-Disposition": name, "Cache-Control": "private, no-store"}, _SHEETS[ending])


def _file(night: Night, proposal: Proposal | None, form: dict[str, str], language: str, ending: str) -> bytes:
    rows = pd.DataFrame(columns=list(_COLUMNS)) if proposal is None else edited(proposal, form)
    names = night.places.called
    told_rows = rows.assign(
        name=[names.get(g, g) for g in rows.get("grid_id", ())],
        body=[names.get(t, t) for t in rows.get("township_id", ())],
    ).reindex(columns=list(_COLUMNS))
    table = (
        told_rows.astype(object).map(defused).rename(columns={c: told(key, language) for c, key in _COLUMNS.items()})
    )
    note = pd.DataFrame([[PHRASES["note"][language], *[""] * (len(_COLUMNS) - 1)]], columns=table.columns)
    whole = pd.concat([table, note], ignore_index=True)
    if ending == "csv":
        return whole.to_csv(index=False).encode("utf-8-sig")
    written = io.BytesIO()
    options = {"options": {"strings_to_formulas": False, "strings_to_urls": False}}
    with pd.ExcelWriter(written, engine="xlsxwriter", engine_kwargs=options) as book:
        whole.to_excel(book, index=False, sheet_name="visits", freeze_panes=(1, 0))
    return written.getvalue()
