"""Papers of the duty as pages and as files: one form, read on the screen, printed, copied or written."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from fastapi import Request
from fastapi.responses import Response

from riskwarn.paper import Bulletin, Row, Section, Table, bulletin_bytes
from riskwarn.web.duty import duty_page
from riskwarn.web.held import Night
from riskwarn.web.words import PHRASES, PUNCTUATION, told

MEDIA = {
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".html": "text/html",
}
"""Files a paper can be taken as, and their media types."""


def paper_of(
    title: str, subtitle: str, sections: tuple[Section, ...], *, language: str, at: pd.Timestamp, name: str
) -> Bulletin:
    """A paper with the caution at its foot.

    Parameters
    ----------
    title, subtitle
        What it is, of where and when.
    sections
        In order.
    language
        In which it is written.
    at
        When it was made: the same instant gives the same file.
    name
        Of its file.

    Returns
    -------
    paper
        For :func:`paper_page` and :func:`paper_file`.
    """
    facts = {"as_of": at.isoformat(), "name": name}
    return Bulletin(title, subtitle, PHRASES["note"][language], sections, language, facts)


def table_of(name: str, columns: dict[str, str], lines: list[dict[str, Any]], language: str) -> tuple[Table, ...]:
    """One table of a paper; none without lines. A line has `cells`, and may have `level` and `codes`.

    Parameters
    ----------
    name
        Of the table.
    columns
        Key of the words of each column; the first heads a line.
    lines
        In their order.
    language
        Of the reader.

    Returns
    -------
    tables
        At most one.
    """
    if not lines:
        return ()
    headers = {code: told(key, language) for code, key in columns.items()}
    semicolon = PUNCTUATION["semicolon"][language]
    rows = []
    for line in lines:
        cells = {code: str(line["cells"].get(code, "")) for code in columns}
        first, *rest = cells
        text = semicolon.join(f"{headers[c]} {cells[c]}" for c in rest if cells[c])
        rows.append(Row(cells, cells[first], text, line.get("level", ""), line.get("codes", {})))
    return (Table(name, "", headers, tuple(rows)),)


def text_of(paper: Bulletin) -> str:
    """A paper as plain text, to be copied into a message."""
    lines = [paper.title, paper.subtitle]
    for section in paper.sections:
        lines += ["", section.heading, *section.lines]
        lines += [f"{n}. {row.head} {row.text}" for table in section.tables for n, row in enumerate(table.rows, 1)]
    return "\n".join([*lines, "", paper.caution])


def paper_page(
    request: Request,
    template: str,
    night: Night,
    paper: Bulletin,
    *,
    files: str = "",
    given: Mapping[str, object] | None = None,
    **context: Any,
) -> Response:
    """A paper as a page, with links to its `files`, whose address is `given` so much."""
    return duty_page(
        request, template, night, paper=paper, text=text_of(paper), files=files, given=dict(given or {}), **context
    )


def paper_file(paper: Bulletin, ending: str) -> Response:
    """A paper as a file of one of :data:`MEDIA`."""
    body = bulletin_bytes(paper, ending)
    headers = {
        "Content-Disposition": f'attachment; filename="{paper.facts["name"]}{ending}"',
        "Cache-Control": "private, no-store",
    }
    return Response(body, 200, headers, MEDIA[ending])
