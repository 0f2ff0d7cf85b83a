"""Spreadsheets as offices keep them: a title on top, merged headers, several sheets, codes stored as numbers."""

import io
import re
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from riskwarn.errors import DataError
from riskwarn.ingest.delivery import (
    PEEK_ROWS,
    SHEET_ROWS,
    Delivery,
    Piece,
    Stated,
    cell_pieces,
    file_digest,
    find_header,
    folded_name,
)
from riskwarn.privacy import shown

_ROWS_AT_ONCE = 1000
_FORMULA = re.compile(rb"<(?:\w{1,9}:)?f[ >/]")
NO_VALUE = "a formula without a stored value"


class _Unstored:
    """A cell with a formula whose value was never computed: the workbook was written by a program and not opened since."""

    def __str__(self) -> str:
        return ""


_UNSTORED = _Unstored()


class _Merged(_Unstored):
    """A cell that is part of a larger one: what it says stands in the first of them alone."""


_MERGED = _Merged()
MERGED = "merged with another cell"
_EMPTY = (None, "", _UNSTORED, _MERGED)
_MERGES = re.compile(rb'<(?:\w{1,9}:)?mergeCell\b[^>]{0,99}?\bref="([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})"')


@dataclass(frozen=True)
class _Area:
    """Cells that are merged into one: rows and columns from the first to the last, counted from 0."""

    top: int
    bottom: int
    left: int
    right: int


@dataclass(frozen=True)
class _Sheet:
    """One sheet: its name, whether it is hidden, and its rows, read anew at every call."""

    name: str
    hidden: bool
    rows: Callable[[], Iterator[Sequence[object]]]


@dataclass(frozen=True)
class _Table:
    """A filled sheet: its header, and the row of it."""

    sheet: _Sheet
    header: list[str]
    last: int

    def places(self) -> dict[str, int]:
        """Where each column stands, by folded name; of two with one name the first."""
        return {folded_name(name): place for place, name in reversed(list(enumerate(self.header)))}


def open_workbook(path: Path, known: Sequence[str], _stated: Stated) -> Delivery:
    """Open ``.xlsx`` or ``.xls``.

    The sheet with most known names leads. Every sheet that has its known columns, in whatever order and case and with whatever beside,
    is read after it; the other ones are named in the notes. With no known names only the first filled sheet is read.

    Raises
    ------
    DataError
        The file is no workbook, defines XML entities, or all its sheets are empty.
    """
    sheets, date1904 = _xls(path) if path.suffix.lower() == ".xls" and not zipfile.is_zipfile(path) else _xlsx(path)
    tables = [_Table(sheet, *find_header(head, known)) for sheet in sheets if (head := _head(sheet.rows()))]
    if not tables:
        raise DataError(f"{path}: the workbook has no filled cell; an export without events still has a header.")
    names = {folded_name(name) for name in known}
    lead = max(tables, key=lambda table: len(names & set(table.places())))
    needed = names & set(lead.places())
    alike = [table for table in tables if table is lead or (needed and needed <= set(table.places()))]
    header = list(lead.header)
    for table in alike:
        header += [n for n in table.header if folded_name(n) in names - {folded_name(known_n) for known_n in header}]
    notes: dict[str, int] = {}

    def read(columns: Sequence[str]) -> Iterator[Piece]:
        notes.clear()
        yield from cell_pieces(header, columns, _lines(alike, header, columns, notes))
        for table in tables:
            if table not in alike:
                lacking = ", ".join(sorted(needed - set(table.places()))) or "a known column"
                notes[f"sheet {shown(table.sheet.name)} is not read: it lacks {lacking}"] = _n_filled(table)

    return Delivery(path.name, file_digest(path), tuple(header), read, date1904=date1904, notes=notes)


def _lines(
    tables: Sequence[_Table], header: Sequence[str], columns: Sequence[str], notes: dict[str, int]
) -> Iterator[tuple[list[object], str]]:
    """The rows of the sheets, one sheet after the other, each with its cells in the order of the header; a column read has a value or is empty."""
    wanted, read = [folded_name(name) for name in header], [list(header).index(name) for name in columns]
    for table in tables:
        here = table.places()
        places = list(range(len(header))) if table.header == header else [here.get(name, -1) for name in wanted]
        n_rows, n_filled = table.last + 1, 0
        for cells in islice(table.sheet.rows(), table.last + 1, None):
            n_rows += 1
            n_filled += any(cell not in _EMPTY for cell in cells)
            row = [cells[place] if 0 <= place < len(cells) else None for place in places]
            lost = next((place for place in read if isinstance(row[place], _Unstored)), None)
            yield row, "" if lost is None else f"{shown(header[lost])}: {MERGED if row[lost] is _MERGED else NO_VALUE}"
        name = shown(table.sheet.name)
        if n_rows in SHEET_ROWS:
            notes[f"sheet {name} is full to its last row: rows may be cut off"] = n_filled
        if table.sheet.hidden:
            notes[f"sheet {name} is hidden, and was read"] = n_filled
        unread = [n for n in table.header if folded_name(n) not in wanted and not n.startswith("unnamed:")]
        if unread:
            notes[f"sheet {name}: {', '.join(map(shown, unread))} not read, no other sheet has it"] = n_filled


def _n_filled(table: _Table) -> int:
    rows = islice(table.sheet.rows(), table.last + 1, None)
    return max(1, sum(any(cell not in _EMPTY for cell in cells) for cells in rows))


def _head(rows: Iterator[Sequence[object]]) -> list[Sequence[object]]:
    head = list(islice(rows, PEEK_ROWS))
    return head if any(cell is not None and str(cell).strip() for row in head for cell in row) else []


# -- .xlsx ------------------------------------------------------------------------------------------------------------


def _xlsx(path: Path) -> tuple[list[_Sheet], bool]:
    import openpyxl  # noqa: PLC0415

    try:
        content = io.BytesIO(path.read_bytes())
        _refuse_entities(path, content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(content, read_only=True, data_only=True)
            has_formulas, merges = _formulas_and_merges(content)
            formulas = openpyxl.load_workbook(content, read_only=True) if has_formulas else None
    except DataError:
        raise
    except Exception as error:  # noqa: BLE001 the library raises many kinds on a damaged file
        raise DataError(f"{path}: not an .xlsx workbook ({type(error).__name__}); open it and save it again.") from None

    def rows_of(name: str) -> Iterator[Sequence[object]]:
        values = _rows(book[name])
        whole = values if formulas is None else map(_valued, values, _rows(formulas[name]))
        return _quietly(_unmerged(whole, merges.get(_part_of(book[name]), ())))

    sheets = [
        _Sheet(sheet.title, sheet.sheet_state != "visible", partial(rows_of, sheet.title)) for sheet in book.worksheets
    ]
    return sheets, book.epoch.year == 1904


def _rows(sheet: Any) -> Iterator[Sequence[object]]:
    sheet.reset_dimensions()  # what a sheet says of its own size is often wrong, and would cut rows off
    return iter(sheet.iter_rows(values_only=True))


def _part_of(sheet: Any) -> str:
    """The part of the workbook that holds a sheet."""
    return str(getattr(sheet, "_worksheet_path", "")).lstrip("/")


def _formulas_and_merges(content: io.BytesIO) -> tuple[bool, dict[str, list[_Area]]]:
    """Whether any sheet has a formula, for which it is read a second time, and the merged cells of each, by its part of the workbook."""
    has_formulas, merges = False, dict[str, list[_Area]]()
    with zipfile.ZipFile(content) as packed:
        for name in packed.namelist():
            if name.startswith("xl/worksheets/") and name.endswith(".xml"):
                with packed.open(name) as part:
                    tail = b""
                    while block := part.read(1 << 20):
                        has_formulas = has_formulas or _FORMULA.search(tail + block) is not None
                        merges.setdefault(name, []).extend(_areas(tail + block))
                        tail = block[-200:]
    return has_formulas, merges


def _areas(text: bytes) -> Iterator[_Area]:
    from openpyxl.utils import column_index_from_string  # noqa: PLC0415

    for left, top, right, bottom in _MERGES.findall(text):
        first, last = (column_index_from_string(name.decode()) - 1 for name in (left, right))
        yield _Area(int(top) - 1, int(bottom) - 1, first, last)


def _unmerged(rows: Iterator[Sequence[object]], areas: Sequence[_Area]) -> Iterator[Sequence[object]]:
    """The rows, with a mark in every cell but the first of those that are merged and say something."""
    if not areas:
        yield from rows
        return
    opening: dict[int, list[_Area]] = {}
    for area in set(areas):
        opening.setdefault(area.top, []).append(area)
    open_areas: list[_Area] = []
    for number, cells in enumerate(rows):
        row = list(cells)
        said = [a for a in opening.get(number, ()) if a.left < len(row) and row[a.left] not in _EMPTY]
        open_areas = [area for area in (*open_areas, *said) if area.bottom >= number]
        for area in open_areas:
            for place in range(area.left + (number == area.top), min(area.right + 1, len(row))):
                row[place] = _MERGED
        yield row


def _valued(values: Sequence[object], formulas: Sequence[object]) -> list[object]:
    """A row with the stored values of its formulas, where there are any."""
    return [
        _UNSTORED if value is None and formula is not None else value
        for value, formula in zip(values, formulas, strict=True)
    ]


def _refuse_entities(path: Path, content: io.BytesIO) -> None:
    """Refuse XML that defines entities: a workbook has none, and a few lines of them fill any memory."""
    with zipfile.ZipFile(content) as packed:
        for name in packed.namelist():
            if name.endswith((".xml", ".rels")):
                with packed.open(name) as part:
                    start = part.read(4096).replace(b"\0", b"")
                if b"<!DOCTYPE" in start or b"<!ENTITY" in start:
                    raise DataError(
                        f"{path}: {name} defines XML entities, which no spreadsheet program writes; refused."
                    )


def _quietly(rows: Iterator[Sequence[object]]) -> Iterator[Sequence[object]]:
    """The rows, without the library's warnings: an impossible date is refused later, with its row."""
    while True:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            some = list(islice(rows, _ROWS_AT_ONCE))
        if not some:
            return
        yield from some


# -- .xls -------------------------------------------------------------------------------------------------------------


def _xls(path: Path) -> tuple[list[_Sheet], bool]:
    import xlrd  # noqa: PLC0415

    try:
        book = xlrd.open_workbook(path, logfile=io.StringIO(), formatting_info=True)
    except Exception as error:  # noqa: BLE001 the library raises many kinds on a damaged file
        raise DataError(f"{path}: not an .xls workbook ({type(error).__name__}); open it and save it again.") from None

    def value(cell: xlrd.sheet.Cell) -> object:
        if cell.ctype == xlrd.XL_CELL_DATE:
            return _xls_time(cell.value, book.datemode)
        return None if cell.ctype in {xlrd.XL_CELL_EMPTY, xlrd.XL_CELL_BLANK, xlrd.XL_CELL_ERROR} else cell.value

    def rows_of(number: int) -> Iterator[Sequence[object]]:
        sheet = book.sheet_by_index(number)
        areas = [_Area(top, bottom - 1, left, right - 1) for top, bottom, left, right in sheet.merged_cells]
        return _unmerged(([value(cell) for cell in sheet.row(row)] for row in range(sheet.nrows)), areas)

    sheets = [_Sheet(sheet.name, sheet.visibility != 0, partial(rows_of, n)) for n, sheet in enumerate(book.sheets())]
    return sheets, bool(book.datemode)


def _xls_time(days: float, datemode: int) -> datetime | time | float:
    """A date cell; a time alone where it is less than a day, the bare number where there is no such date."""
    import xlrd  # noqa: PLC0415

    seconds = round(days * 86_400)
    if 0 <= days < 1:
        return time(seconds // 3600 % 24, seconds // 60 % 60, seconds % 60)
    try:
        return xlrd.xldate_as_datetime(days, datemode)
    except (xlrd.xldate.XLDateError, OverflowError, ValueError):
        return days
