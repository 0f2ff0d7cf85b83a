"""What the pages of the duty share: their tabs, and how organisations and matters are called."""

from collections.abc import Callable
from typing import Any

import pandas as pd
from fastapi import Request
from fastapi.responses import Response

from riskwarn.ledger import Item, within
from riskwarn.web.desk import about_of, title_of
from riskwarn.web.format import part
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
    """How an organisation is called: by the name of its area, as a department of it, by its words, or by its code.

    Parameters
    ----------
    night
        Whose grids name the areas.
    language
        Of the reader.

    Returns
    -------
    called
        A function of the code; of none it says that no one is named.
    """
    names = night.places.called
    bodies = night.places.areas.of_body
    counties = [path for path in bodies.values() if "/" not in path]

    def called(code: str) -> str:
        if not code:
            return told("with_city", language)
        if code == "*" or (code not in bodies and counties and all(within(county, code) for county in counties)):
            return told("whole_city", language)
        return part(code, names, language)

    return called


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
    said = [{"title": title_of(item, names, language), "about": about_of(item)[language]} for item in items]
    return [row | words for row, words in zip(rows.to_dict("records"), said, strict=True)]
