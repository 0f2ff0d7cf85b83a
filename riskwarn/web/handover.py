"""The handover of a shift: generated, read, printed, copied, and kept with the remarks of whoever hands over."""

from typing import Annotated, Literal

import pandas as pd
from anyio import to_thread
from fastapi import APIRouter, Query, Request
from fastapi import Path as InPath
from fastapi.responses import RedirectResponse, Response
from pydantic import Field

from riskwarn.access import Visitor
from riskwarn.errors import DataError, NotFoundError, PrivacyError
from riskwarn.ledger import CITY, Ledger, Note, Shift, keep_note, notes, shift
from riskwarn.paper import Bulletin, Section
from riskwarn.web.api.shared import nights_of
from riskwarn.web.desk import ledger_of
from riskwarn.web.duty import bodies_of
from riskwarn.web.format import moment
from riskwarn.web.held import Night
from riskwarn.web.narrow import narrowed
from riskwarn.web.page import PageQuery, language_of, root_of
from riskwarn.web.paper_page import paper_file, paper_of, paper_page
from riskwarn.web.policy import form_of, may, read_as
from riskwarn.web.problems import unknown_item
from riskwarn.web.shift_note import shift_sections
from riskwarn.web.words import told

HOURS = 12
"""Length of a shift, and of the next."""
handovers = APIRouter(include_in_schema=False)
Reader = Annotated[Visitor, may("alerts:read", "own")]
NoteId = Annotated[str, InPath(pattern=r"^[0-9a-f]{16}$")]


class HandoverQuery(PageQuery):
    """Parameters of a handover."""

    hours: int = Field(HOURS, ge=1, le=72, description="length of the shift that ends now")
    said: Literal["", "kept", "person", "long"] = ""


def _made(request: Request, visitor: Visitor, hours: int) -> tuple[Ledger, Shift]:
    ledger = ledger_of(request)
    until = pd.Timestamp(request.app.state.clock()).tz_convert(ledger.store.timezone).floor("min")
    return ledger, shift(ledger, until - pd.Timedelta(hours=hours), until, area=visitor.area, hours=HOURS)


def _title(night: Night, area: str, language: str) -> str:
    if area == CITY:
        return told("handover", language)
    return told("handover_of", language, area=bodies_of(night, language)(area))


def _paper(night: Night, made: Shift, sections: tuple[Section, ...], language: str) -> Bulletin:
    zone = str(night.as_of.tz)
    span = told("from_to", language, since=moment(made.since, zone), until=moment(made.until, zone))
    name = f"handover-{made.until:%Y%m%d-%H%M}"
    return paper_of(_title(night, made.area, language), span, sections, language=language, at=made.until, name=name)


def _written(
    request: Request, visitor: Visitor, hours: int, remarks: str = ""
) -> tuple[Ledger, Shift, Night, Bulletin]:
    ledger, made = _made(request, visitor, hours)
    night, language = narrowed(nights_of(request).newest(), visitor), language_of(request)
    parts = shift_sections(made, night, ledger.workflow, language, hours=HOURS, remarks=remarks)
    return ledger, made, night, _paper(night, made, parts, language)


@handovers.get("/handover")
def handover(request: Request, visitor: Reader, query: Annotated[HandoverQuery, Query()]) -> Response:
    """The shift that ends now, and the handovers that were kept."""
    ledger, _, night, paper = _written(request, visitor, query.hours)
    return paper_page(
        request,
        "handover.html",
        night,
        paper,
        asked=query,
        kept=notes(ledger, area=visitor.area),
        note=None,
        files="/handover",
        given={"hours": query.hours},
    )


@handovers.get("/handover.{ending}")
def handover_file(
    request: Request,
    visitor: Annotated[Visitor, may("export", "own")],
    ending: Literal["docx", "xlsx", "html"],
    query: Annotated[HandoverQuery, Query()],
) -> Response:
    """The same as a file."""
    return paper_file(_written(request, visitor, query.hours)[-1], f".{ending}")


@handovers.get("/handover/{note_id}")
def kept_handover(
    request: Request, visitor: Reader, note_id: NoteId, query: Annotated[HandoverQuery, Query()]
) -> Response:
    """One that was kept, as it was read then."""
    ledger, night = ledger_of(request), narrowed(nights_of(request).newest(), visitor)
    try:
        (note,) = notes(ledger, area=visitor.area, note_id=note_id)
    except NotFoundError:
        raise unknown_item() from None
    kept = notes(ledger, area=visitor.area)
    return paper_page(request, "handover.html", night, _of_note(night, note), asked=query, kept=kept, note=note)


def _of_note(night: Night, note: Note) -> Bulletin:
    """A kept note as the paper it was."""
    zone = str(night.as_of.tz)
    parts = tuple(Section(p["name"], p["heading"], tuple(p["lines"])) for p in note.body)
    span = told("from_to", note.language, since=moment(note.since, zone), until=moment(note.until, zone))
    title = _title(night, note.area, note.language)
    return paper_of(
        title, span, parts, language=note.language, at=note.until, name=f"handover-{note.until:%Y%m%d-%H%M}"
    )


@handovers.post("/handover")
async def hand_over(request: Request, visitor: Annotated[Visitor, may("alerts:act", "own")]) -> Response:
    """Keep the handover with remarks."""
    form = await form_of(request)
    asked = read_as(HandoverQuery, {"hours": form.get("hours", HOURS)})
    said = await to_thread.run_sync(_keep, request, visitor, asked.hours, form.get("remarks", ""))
    return RedirectResponse(f"{root_of(request)}/handover{said}", 303, {"Cache-Control": "no-store"})


def _keep(request: Request, visitor: Visitor, hours: int, remarks: str) -> str:
    ledger, made, _, paper = _written(request, visitor, hours, remarks)
    body = [
        {
            "name": section.name,
            "heading": section.heading,
            "lines": [*section.lines, *(f"{row.head} {row.text}" for table in section.tables for row in table.rows)],
        }
        for section in paper.sections
    ]
    try:
        note_id = keep_note(ledger, made, visitor.actor, remarks=remarks, language=language_of(request), body=body)
    except PrivacyError:
        return "?said=person"
    except DataError:
        return "?said=long"
    return f"/{note_id}?said=kept"
