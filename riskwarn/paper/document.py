"""A bulletin as a document of Word: A4, the caution at the foot of every page, fonts that Chinese offices have."""

import io
import zipfile
from datetime import UTC
from typing import Any

import docx
import pandas as pd
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt, RGBColor

from riskwarn.paper.form import Bulletin, Row, Section

_LATIN, _EAST_ASIAN = "Arial", "SimSun"
_BODY, _SMALL, _HEADING, _TITLE = Pt(7), Pt(6.5), Pt(8.5), Pt(13)
_COLOURS = {"red": "C62828", "orange": "B85A00", "yellow": "806600", "blue": "1F5FA8"}
_OLDEST = (1980, 1, 1, 0, 0, 0)
"""The date of the parts within the file: the first a zip archive can state."""


def document(bulletin: Bulletin) -> bytes:
    """The bytes of a .docx; the same for the same bulletin."""
    paper = docx.Document()
    _prepare(paper, bulletin)
    _line(paper, bulletin.title, size=_TITLE, bold=True, centred=True)
    _line(paper, bulletin.subtitle, centred=True)
    _line(paper, bulletin.caution, centred=True, bold=True)
    for section in bulletin.sections:
        _section(paper, section)
    written = io.BytesIO()
    paper.save(written)
    return _undated(written.getvalue())


def _prepare(paper: Any, bulletin: Bulletin) -> None:
    made = pd.Timestamp(bulletin.facts["as_of"]).tz_convert(UTC).tz_localize(None).to_pydatetime()
    about = paper.core_properties
    about.title, about.author, about.last_modified_by, about.comments = bulletin.title, "riskwarn", "riskwarn", ""
    about.created = about.modified = made
    page = paper.sections[0]
    page.page_width, page.page_height = Mm(210), Mm(297)
    page.top_margin, page.bottom_margin, page.left_margin, page.right_margin = Mm(10), Mm(13), Mm(12), Mm(12)
    page.header_distance = page.footer_distance = Mm(6)
    style = paper.styles["Normal"]
    style.font.name, style.font.size = _LATIN, _BODY
    style.element.rPr.rFonts.set(qn("w:eastAsia"), _EAST_ASIAN)
    style.paragraph_format.space_after = style.paragraph_format.space_before = Pt(0)
    style.paragraph_format.line_spacing = 1.0
    _foot(page.footer.paragraphs[0], bulletin)


def _foot(paragraph: Any, bulletin: Bulletin) -> None:
    paragraph.add_run(f"{bulletin.caution}  ").font.size = _SMALL
    before, _, rest = bulletin.page_words.partition("{page}")
    between, _, after = rest.partition("{n}")
    for text, code in ((before, "PAGE"), (between, "NUMPAGES"), (after, "")):
        paragraph.add_run(text).font.size = _SMALL
        if code:
            field = OxmlElement("w:fldSimple")
            field.set(qn("w:instr"), code)
            paragraph._p.append(field)  # noqa: SLF001 - the library has no fields


def _section(paper: Any, section: Section) -> None:
    heading = paper.add_heading(level=1)
    _run(heading, section.heading, _HEADING, bold=True)
    heading.paragraph_format.space_before, heading.paragraph_format.space_after = Pt(3), Pt(1)
    for line in section.lines:
        _line(paper, line)
    if section.name == "totals":  # its sentences are the lines
        return
    place = 0
    for table in section.tables:
        if table.heading:
            _line(paper, table.heading, bold=True, with_next=True)
        for row in table.rows:
            place += 1
            _row(paper, place, row)


def _row(paper: Any, place: int, row: Row) -> None:
    paragraph = paper.add_paragraph()
    paragraph.paragraph_format.keep_together = True
    paragraph.paragraph_format.left_indent, paragraph.paragraph_format.first_line_indent = Mm(5), Mm(-5)
    _run(paragraph, f"{place}. {row.head}  ", _BODY, bold=True, colour=_COLOURS.get(row.level, ""))
    _run(paragraph, row.text, _BODY)


def _line(
    paper: Any, text: str, *, size: Pt = _BODY, bold: bool = False, centred: bool = False, with_next: bool = False
) -> None:
    paragraph = paper.add_paragraph()
    paragraph.alignment = 1 if centred else None
    paragraph.paragraph_format.keep_with_next = with_next
    _run(paragraph, text, size, bold=bold)


def _run(paragraph: Any, text: str, size: Pt, *, bold: bool = False, colour: str = "") -> None:
    run = paragraph.add_run(text)
    run.font.size, run.font.bold, run.font.name = size, bold, _LATIN
    run.font.color.rgb = RGBColor.from_string(colour or "000000")
    run._element.rPr.rFonts.set(qn("w:eastAsia"), _EAST_ASIAN)  # noqa: SLF001 - the library knows Latin fonts alone


def _undated(body: bytes) -> bytes:
    """The same archive with one fixed date in every part."""
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(body)) as parts, zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as fixed:
        for name in parts.namelist():
            fixed.writestr(zipfile.ZipInfo(name, _OLDEST), parts.read(name), zipfile.ZIP_DEFLATED)
    return written.getvalue()
