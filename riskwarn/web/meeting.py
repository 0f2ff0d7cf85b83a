"""The list of the weekly meeting (周会商): matters of several agencies, on a border, or sent to and fro, with the places and bodies named."""

from typing import Annotated, Any, Literal

import pandas as pd
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from riskwarn.access import Visitor
from riskwarn.ledger import Item, Ledger, concerning
from riskwarn.ledger.words import word
from riskwarn.paper import Bulletin, Section
from riskwarn.taxonomy import ACTIONS, words_of
from riskwarn.web.api.gaps import evidence
from riskwarn.web.api.items import books_of
from riskwarn.web.api.shared import nights_of
from riskwarn.web.books import Books
from riskwarn.web.duty import bodies_of, matters_of
from riskwarn.web.format import day
from riskwarn.web.held import Night
from riskwarn.web.lines import found_gaps, gap_lines, untold
from riskwarn.web.narrow import narrowed, narrowed_item
from riskwarn.web.page import PageQuery, language_of
from riskwarn.web.paper_page import paper_file, paper_of, paper_page, table_of
from riskwarn.web.policy import may
from riskwarn.web.words import PUNCTUATION, told

KINDS = {"G11": "m_cross", "G10": "m_seam", "G13": "m_bounce"}
MOST = 12
"""Matters of a kind on the list."""
meetings = APIRouter(include_in_schema=False)
_COLUMNS = {"place": "col_place", "seen": "col_seen", "who": "col_who", "ask": "col_ask", "state": "col_state"}


def bodies_at(line: dict[str, Any], night: Night, language: str) -> str:
    """The bodies a matter concerns, in words: whose grids and which feeds it lies in, or between which it went to and fro.

    Parameters
    ----------
    line
        A gap in words, with its evidence.
    night
        Whose grids name the areas.
    language
        Of the reader.

    Returns
    -------
    bodies
        In a row.
    """
    numbers, called = evidence(line["evidence"]), bodies_of(night, language)
    scope = str(line["scope"]).partition(":")[2]
    grids = numbers.get("grids") or (scope.split("|") if line["kind"] == "G10" else [scope.partition("/")[0]])
    paths = [night.places.areas.of_grid.get(str(grid), "") for grid in grids]
    towns = [called(path.split("/")[1]) for path in paths if path.count("/")]
    between = [called(str(org)) for org in numbers.get("between", ())]
    feeds = [words_of(feed)[language] for feed in numbers.get("feeds", ())]
    return PUNCTUATION["comma"][language].join(dict.fromkeys([*(between or towns), *feeds]))


def meeting_paper(night: Night, books: Books, visitor: Visitor, language: str) -> Bulletin:
    """The list of a night, for whoever sees so much.

    Parameters
    ----------
    night
        Narrowed to the visitor.
    books
        The ledger, with where each item stands.
    visitor
        Who reads.
    language
        Of the reader.

    Returns
    -------
    paper
        Four sections.
    """
    gaps = night.gaps if night.gaps is not None else pd.DataFrame()
    sections = [_of_kind(gaps, kind, night, books, visitor, language) for kind in KINDS]
    area = "" if visitor.sees_all else bodies_of(night, language)(visitor.area)
    title = told("meeting_of", language, area=area) if area else told("meeting", language)
    return paper_of(
        title,
        day(night.as_of, language),
        (*sections, _passed_up(night, books.ledger(), visitor, language)),
        language=language,
        at=night.as_of,
        name=f"meeting-{night.date}",
    )


def _of_kind(gaps: pd.DataFrame, kind: str, night: Night, books: Books, visitor: Visitor, language: str) -> Section:
    heading = told(KINDS[kind], language)
    if gaps.empty:
        return Section(kind, heading, (told("no_gaps_made", language),))
    mine = found_gaps(gaps[gaps["kind"] == kind])
    mine = mine[mine["suppressed_by"].fillna("") == ""].sort_values(["severity", "gap_id"], ascending=[False, True])
    unsaid = [told("m_untold", language)] if kind in untold(gaps) else []
    if mine.empty:
        return Section(kind, heading, (told("m_none", language), *unsaid))
    more = [told("m_more", language, n=len(mine) - MOST)] if len(mine) > MOST else []
    items = books.last_items("gap", mine["gap_id"].head(MOST).tolist(), visitor)
    state = {gap: word("state", code)[language] for gap, code in items["state"].items()}
    lines = [
        {
            "cells": {
                "place": line["place"]["text"],
                "seen": line["proof"],
                "who": bodies_at(line, night, language),
                "ask": ACTIONS[line["action"]][language] if line["action"] in ACTIONS else "",
                "state": state.get(line["gap_id"], ""),
            },
            "codes": {"gap_id": line["gap_id"], "item_id": items["item_id"].get(line["gap_id"], "")},
        }
        for line in gap_lines(mine.head(MOST), night.places.called, language, without=frozenset({"calendar"}))
    ]
    return Section(kind, heading, (*more, *unsaid), table_of(kind, _COLUMNS, lines, language))


def _passed_up(night: Night, ledger: Ledger | None, visitor: Visitor, language: str) -> Section:
    """Items passed up because several bodies are needed."""
    heading = told("m_passed", language)
    if ledger is None:
        return Section("passed", heading, (told("m_none", language),))
    trail = ledger.trail()
    asked = trail.loc[(trail["action"] == "escalate") & (trail["code"] == "several_bodies"), "item_id"]
    items = concerning(ledger.items(open_only=True), visitor.area)
    mine = items[items["item_id"].isin(asked).to_numpy()].head(MOST)
    grids = [narrowed_item(Item.of(row), night, visitor).grid_ids for row in mine.itertuples(index=False)]
    called = bodies_of(night, language)
    lines = [
        {
            "cells": {
                "place": row["title"],
                "seen": row["about"],
                "who": PUNCTUATION["comma"][language].join(called(part) for part in row["path"].split("/")[:2] if part),
                "ask": told("m_one_owner", language),
                "state": word("state", row["state"])[language],
            },
            "level": row["level"],
            "codes": {"item_id": row["item_id"]},
        }
        for row in matters_of(mine.assign(grid_ids=grids), night, language)
    ]
    return Section(
        "passed", heading, () if lines else (told("m_none", language),), table_of("passed", _COLUMNS, lines, language)
    )


def _paper(request: Request, visitor: Visitor, query: PageQuery) -> tuple[Night, Bulletin]:
    night = narrowed(nights_of(request).at(query.as_of), visitor)
    return night, meeting_paper(night, books_of(request), visitor, language_of(request))


@meetings.get("/meeting")
def meeting(
    request: Request, visitor: Annotated[Visitor, may("gaps:read", "own")], query: Annotated[PageQuery, Query()]
) -> Response:
    """What the weekly meeting is to decide."""
    night, paper = _paper(request, visitor, query)
    return paper_page(request, "paper.html", night, paper, files="/meeting")


@meetings.get("/meeting.{ending}")
def meeting_file(
    request: Request,
    visitor: Annotated[Visitor, may("export", "own")],
    ending: Literal["docx", "xlsx", "html"],
    query: Annotated[PageQuery, Query()],
) -> Response:
    """The same as a file."""
    return paper_file(_paper(request, visitor, query)[1], f".{ending}")
