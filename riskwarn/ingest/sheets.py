"""Spreadsheets as offices keep them: a title on top, merged headers, several sheets, codes stored as numbers."""

import io
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from riskwarn.errors import DataError
from riskwarn.ingest.folding import fold
from riskwarn.ingest.reading import Delivery, file_digest, find_header, from_cells

_PEEK_ROWS = 30


def open_workbook(path: Path, known: Sequence[str]) -> Delivery:
    """Open ``.xlsx`` or ``.xls``.

    Sheets that share the first sheet's header are read one after the other; sheets without it (cover, notes) are passed over. With
    no known names only the first filled sheet is read.

    Raises
    ------
    DataError
        The file is no workbook, or all its sheets are empty.
    """
    sheets = _xls(path) if path.suffix.lower() == ".xls" else _xlsx(path)
    found = [(rows, *find_header(head, known)) for rows, head in sheets if head]
    if not found:
        raise DataError(f"{path}: the workbook has no filled cell; an export without events still has a header.")
    names = {fold(name) for name in known}
    hits = [sum(fold(name) in names for name in header) for _, header, _ in found]
    first = hits.index(max(hits))
    header = found[first][1]
    alike = [(rows, last) for rows, names_here, last in found if names_here == header]

    def lines() -> Iterator[tuple[Sequence[object], str]]:
        for rows, last in alike:
            for cells in islice(rows(), last + 1, None):
                yield cells, ""

    return from_cells(path.name, file_digest(path), header, lines)


def _xlsx(path: Path) -> list:
    import openpyxl  # noqa: PLC0415

    try:
        book = openpyxl.load_workbook(io.BytesIO(path.read_bytes()), read_only=True, data_only=True)
    except Exception as error:  # noqa: BLE001 the library raises many kinds on a damaged file
        raise DataError(f"{path}: not an .xlsx workbook ({type(error).__name__}); open it and save it again.") from None

    def rows_of(name: str) -> Iterator[Sequence[object]]:
        return book[name].iter_rows(values_only=True)

    return [(lambda name=name: rows_of(name), _head(rows_of(name))) for name in book.sheetnames]


def _xls(path: Path) -> list:
    import xlrd  # noqa: PLC0415

    try:
        book = xlrd.open_workbook(path)
    except Exception as error:  # noqa: BLE001 the library raises many kinds on a damaged file
        raise DataError(f"{path}: not an .xls workbook ({type(error).__name__}); open it and save it again.") from None

    def value(cell: xlrd.sheet.Cell) -> object:
        if cell.ctype == xlrd.XL_CELL_DATE:
            return xlrd.xldate_as_datetime(cell.value, book.datemode)
        return None if cell.ctype in {xlrd.XL_CELL_EMPTY, xlrd.XL_CELL_BLANK, xlrd.XL_CELL_ERROR} else cell.value

    def rows_of(number: int) -> Iterator[Sequence[object]]:
        sheet = book.sheet_by_index(number)
        return ([value(cell) for cell in sheet.row(row)] for row in range(sheet.nrows))

    return [(lambda n=n: rows_of(n), _head(rows_of(n))) for n in range(book.nsheets)]


def _head(rows: Iterator[Sequence[object]]) -> list[Sequence[object]]:
    head = list(islice(rows, _PEEK_ROWS))
    return head if any(cell is not None and str(cell).strip() for row in head for cell in row) else []
