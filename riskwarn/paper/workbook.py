"""A bulletin as a workbook: a sheet to read and print, and one for each section that lists; every cell is text."""

import io
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import xlsxwriter

from riskwarn.paper.form import Bulletin, Section

_OPTIONS = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
_A4, _LONGEST = 9, 31
_LEVELS = {"red": "#c62828", "orange": "#d9730d", "yellow": "#9a7b00", "blue": "#1f5fa8"}
_WIDTHS = {"place": 30, "proof": 60, "expected": 26, "do": 28, "who": 26}
_REASON_WIDTH, _WIDTH, _READING_WIDTH = 34, 12, 110


def workbook(bulletin: Bulletin) -> bytes:
    """The bytes of an .xlsx; the same for the same bulletin."""
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, _OPTIONS)
    book.set_properties({"title": bulletin.title, "author": "riskwarn", "created": _made(bulletin)})
    formats = {
        "wrap": book.add_format({"text_wrap": True, "valign": "top"}),
        "bold": book.add_format({"bold": True, "text_wrap": True, "valign": "top"}),
        "title": book.add_format({"bold": True, "font_size": 15}),
    } | {level: book.add_format({"bold": True, "font_color": c, "valign": "top"}) for level, c in _LEVELS.items()}
    _read(book, bulletin, formats)
    for section in bulletin.sections:
        if section.tables:
            _list(book, bulletin, section, formats)
    book.close()
    return buffer.getvalue()


def _made(bulletin: Bulletin) -> datetime:
    """The instant of the night, so that the file does not tell when it was written."""
    return pd.Timestamp(bulletin.facts["as_of"]).tz_convert(UTC).tz_localize(None).to_pydatetime()


def _sheet(book: Any, bulletin: Bulletin, name: str) -> Any:
    sheet = book.add_worksheet(_fitting(name, {sheet.name.casefold() for sheet in book.worksheets()}))
    sheet.set_paper(_A4)
    sheet.fit_to_pages(1, 0)
    sheet.set_footer(f"&L{bulletin.caution.replace('&', '&&')}&R&P/&N")
    return sheet


def _fitting(name: str, taken: set[str]) -> str:
    """A name as sheets may have it: at most 31 letters, none of seven signs, and unlike any other."""
    plain = name[:_LONGEST].translate(str.maketrans("[]:*?/\\'", "        ")).strip()
    return plain if plain.casefold() not in taken else f"{plain[: _LONGEST - 3]} {len(taken) + 1}"


def _read(book: Any, bulletin: Bulletin, formats: dict[str, Any]) -> None:
    """All of it as text, as the document has it."""
    sheet = _sheet(book, bulletin, bulletin.title)
    sheet.set_column(0, 0, _READING_WIDTH)
    lines = [(bulletin.title, "title"), (bulletin.subtitle, "wrap"), (bulletin.caution, "wrap")]
    for section in bulletin.sections:
        lines += [(section.heading, "bold"), *((line, "wrap") for line in section.lines)]
    for n, (text, style) in enumerate(lines):
        sheet.write_string(n, 0, text, formats[style])


def _list(book: Any, bulletin: Bulletin, section: Section, formats: dict[str, Any]) -> None:
    sheet = _sheet(book, bulletin, section.heading.partition("、")[2] or section.heading.partition(". ")[2])
    sheet.set_landscape()
    columns = section.tables[0].columns
    for n, (column, header) in enumerate(columns.items()):
        width = _REASON_WIDTH if column.startswith("reason_") else _WIDTHS.get(column, _WIDTH)
        sheet.set_column(n, n, width)
        sheet.write_string(0, n, header, formats["bold"])
    sheet.freeze_panes(1, 1)
    sheet.repeat_rows(0)
    line = 1
    for table in section.tables:
        for row in table.rows:
            for n, column in enumerate(columns):
                style = row.level if column == "level" and row.level in _LEVELS else "wrap"
                sheet.write_string(line, n, row.cells[column], formats[style])
            line += 1
    sheet.autofilter(0, 0, line - 1, len(columns) - 1)
    sheet.write_string(line + 1, 0, bulletin.caution)
