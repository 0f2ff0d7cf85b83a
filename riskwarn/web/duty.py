"""What the pages of the duty share: their tabs, and how organisations and matters are called."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
from fastapi import Request
from fastapi.responses import Response

from riskwarn.ledger import Item, within
from riskwarn.taxonomy import words_of
from riskwarn.web.desk import about_of, title_of
from riskwarn.web.held import Night
from riskwarn.web.page import language_of, opens, page_of_night
from riskwarn.web.words import told

TABS = (
    ("/desk", "work"),
    ("/worklist", "worklist"),
    ("/supervision", "supervision"),
    ("/handover", "handover"),
    ("/meeting", "meeting"),
    ("/visits", "visits"),
    ("/summary", "summary"),
    ("/centres", "centres"),
)
"""Pages in the order of the tabs, and the words of each."""
_CODE = re.compile(r"\b\d{6,15}(-[A-Z]\w*)?\b")
_CASE = re.compile(r"\bcase:(\w+)")


def duty_page(request: Request, template: str, night: Night, **context: Any) -> Response:
    """A page of the duty, with the tabs that the visitor may open.

    Parameters
    ----------
    request
        Whose visitor is known by now.
    template
        Its name.
    night
        Before the reader.
    **context
        What the template wants.

    Returns
    -------
    page
        As HTML.
    """
    visitor = request.state.visitor
    tabs = [(path, key) for path, key in TABS if opens(request, path, visitor)]
    return page_of_night(request, template, night, tabs=tabs, body=bodies_of(night, language_of(request)), **context)


def bodies_of(night: Night, language: str) -> Callable[[str], str]:
    """How an organisation is called: by the name of its area, by its words, or by its code.

    Parameters
    ----------
    night
        Whose grids name the areas.
    language
        Of the reader.

    Returns
    -------
    called
        A function of the code.
    """
    names: Mapping[str, str] = night.places.called
    bodies = night.places.areas.of_body
    counties = [path for path in bodies.values() if "/" not in path]

    def called(code: str) -> str:
        if code in {"", "*"}:
            return told("with_city", language)
        if code not in bodies and counties and all(within(county, code) for county in counties):
            return told("whole_city", language)
        return names.get(code) or words_of(code)[language]

    return called


def in_words(text: str, night: Night, language: str) -> str:
    """A text with the codes of areas and bodies in it told by their names, and cases as cases.

    Parameters
    ----------
    text
        Words and codes.
    night
        Whose grids name the areas.
    language
        Of the reader.

    Returns
    -------
    text
        Codes without a name stay.
    """
    named = _CODE.sub(lambda code: org_name(code[0], night, language), text)
    return _CASE.sub(lambda case: told("case_of", language, name=case[1]), named)


def org_name(code: str, night: Night, language: str) -> str:
    """A body in words: its area, and the department after the dash."""
    area, dash, department = code.partition("-")
    known = next((a for a in (area, f"{area:0<12}") if a in night.places.called), area)
    called = bodies_of(night, language)(known)
    return told("department", language, body=called, name=department) if dash else called


def matters_of(rows: pd.DataFrame, night: Night, language: str) -> list[dict[str, Any]]:
    """Rows of items with their `title` and what they are `about`, in words.

    Parameters
    ----------
    rows
        With the columns of :class:`riskwarn.ledger.Item`.
    night
        Whose grids are named.
    language
        Of the reader.

    Returns
    -------
    matters
        One dictionary a row.
    """
    items, names = [Item.of(row) for row in rows.itertuples(index=False)], night.places.called
    said = [
        {"title": in_words(title_of(item, names, language), night, language), "about": about_of(item)[language]}
        for item in items
    ]
    return [row | words for row, words in zip(rows.to_dict("records"), said, strict=True)]
