"""A delivery: one file, opened, whose rows come in pieces; and what every reader does with headers and cells."""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from riskwarn.ingest.folding import fold

BATCH_ROWS = 100_000
"""Rows that are not text read at once."""
PEEK_ROWS = 30
"""Rows among which the header is sought."""
LONGEST_NAME = 1000
"""Characters a column may be named with; what is longer is no header."""
SHEET_ROWS = (65_536, 1_048_576)
"""Rows of a full sheet, old format and new: an export that ends there was probably cut."""
INVISIBLE = "[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]"
"""Marks without width: they make two equal codes differ, and nobody sees why."""
_EQUALS_GUARD = r'^\s*="(.*)"\s*$'
_QUOTE_GUARD = r"^\s*['`]([\w.:+/-]*\d[\w.:+/ -]*)$"
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Stated:
    """What a mapping states of its files because they may not say it themselves; empty where it is to be found.

    `encoding` is that of texts; `crs` that of points and polygons: where it is stated their numbers are left as they are.
    """

    encoding: str = ""
    crs: str = ""


@dataclass(frozen=True)
class Piece:
    """Some rows of a file: `rows` indexed by row number, and those that could not be split into columns, number to reason."""

    rows: pd.DataFrame
    broken: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Delivery:
    """One file, opened: its name, the digest of its content, its header, and a function that reads chosen columns in pieces.

    Every piece carries the number of each row in its file, counted from 1 after the header, so that whatever is refused later can be
    found. `notes` says how many rows or sheets were read with a reservation and is complete when the last piece has come. `date1904`:
    the file counts days from 1904, as workbooks of old Macs do.
    """

    name: str
    digest: str
    header: tuple[str, ...]
    read: Callable[[Sequence[str]], Iterator[Piece]]
    n_rows: int | None = None
    encoding: str = ""
    date1904: bool = False
    notes: dict[str, int] = field(default_factory=dict, compare=False)


def file_digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def as_frame(table: pa.Table) -> pd.DataFrame:
    """An Arrow table with text as pandas text; dictionaries unfolded."""
    plain = [f.type.value_type if pa.types.is_dictionary(f.type) else f.type for f in table.schema]
    table = table.cast(pa.schema([pa.field(f.name, kind) for f, kind in zip(table.schema, plain, strict=True)]))
    texts = pd.StringDtype(na_value=np.nan)
    return table.to_pandas(
        types_mapper=lambda t: texts if pa.types.is_string(t) or pa.types.is_large_string(t) else None
    )


# -- headers ----------------------------------------------------------------------------------------------------------


def find_header(cells: Sequence[Sequence[object]], known: Sequence[str]) -> tuple[list[str], int]:
    """Names of the columns, and the row of the last header line, found among the first rows of a sheet.

    Title lines stand above the row with most known names. Where merged cells spread the header over two rows, a column is named by the
    lowest cell that is filled. Without any known name the first row that is widest is the header.

    Examples
    --------
    >>> rows = [["2025年1月台账", None, None], ["编号", "时间", None], [None, "受理时间", "办结时间"], ["1", "2025-01-08", "2025-01-09"]]
    >>> find_header(rows, ["编号", "受理时间", "办结时间"])
    (['编号', '受理时间', '办结时间'], 2)
    """
    names = {fold(name).casefold() for name in known}
    filled = [[folded_name(cell) for cell in row] for row in cells]
    hits = [sum(cell in names for cell in row if cell) for row in filled]
    if max(hits) == 0:
        widths = [len({cell for cell in row if cell}) for row in filled]
        last = widths.index(max(widths))
        return unique_header(cells[last]), last
    last = hits.index(max(hits))
    while last + 1 < len(cells) and hits[last + 1] and all(cell in names for cell in filled[last + 1] if cell):
        last += 1
    first = last
    while first and len({cell for cell in filled[first - 1] if cell}) > 1:
        first -= 1
    width = max(len(row) for row in cells[first : last + 1])
    block = [[*row, *[None] * (width - len(row))] for row in cells[first : last + 1]]
    lowest = [
        next((cell for cell in column[::-1] if cell is not None and str(cell).strip()), None)
        for column in zip(*block, strict=True)
    ]
    return unique_header(lowest), last


def folded_name(cell: object) -> str:
    """A cell as names of columns are compared: folded, without guards, in lower case; empty for an empty cell."""
    return fold(unguarded(str(cell)[: LONGEST_NAME + 1])).casefold() if cell is not None and cell != "" else ""


def unique_header(cells: Sequence[object]) -> list[str]:
    r"""Trimmed names of columns without guards; an empty one becomes ``unnamed:3``, a second ``x`` becomes ``x:2``.

    Examples
    --------
    >>> unique_header(["\ufeffid", '="id"', None])
    ['id', 'id:2', 'unnamed:3']
    """
    names: list[str] = []
    seen: dict[str, int] = {}
    for place, cell in enumerate(cells, start=1):
        name = (
            " ".join(unguarded(str(cell if cell is not None else "")[: LONGEST_NAME + 1]).split()) or f"unnamed:{place}"
        )
        while name in seen:
            seen[name] += 1
            name = f"{name}:{seen[name]}"
        seen[name] = 1
        names.append(name)
    return names


# -- cells ------------------------------------------------------------------------------------------------------------


def unguarded(text: str) -> str:
    r"""The cell of a header without what spreadsheets put around codes to keep them text: ``="0211"``, ``'0211``, marks without width.

    Examples
    --------
    >>> unguarded('="0211"'), unguarded("'0211"), unguarded("\u200b0211"), unguarded("'s-Gravenhage")
    ('0211', '0211', '0211', "'s-Gravenhage")
    """
    if not text.isascii():
        text = re.sub(INVISIBLE, "", text)
    if text.lstrip()[:1] in {"=", "'", "`"}:
        text = re.sub(_QUOTE_GUARD, r"\1", re.sub(_EQUALS_GUARD, r"\1", text))
    return text


def has_half_character(text: str) -> bool:
    """Whether a text holds a lone surrogate, which no encoding can write."""
    return not text.isascii() and _SURROGATE.search(text) is not None


def cell_text(cell: object) -> str | None:
    """A cell of a sheet, a JSON value or a database as text; whole numbers without fraction, times in ISO form.

    Examples
    --------
    >>> cell_text(320102001001.0), cell_text(datetime(2025, 1, 8, 13, 5)), cell_text(None), cell_text(True)
    ('320102001001', '2025-01-08 13:05:00', None, '1')
    """
    if cell is None or (isinstance(cell, float) and cell != cell):  # noqa: PLR0124
        return None
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return str(int(cell))
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53:
        return str(int(cell))
    if isinstance(cell, datetime | date):
        return cell.isoformat(sep=" ") if isinstance(cell, datetime) else cell.isoformat()
    return str(cell)


def in_memory(name: str, digest: str, rows: pd.DataFrame) -> Delivery:
    """A delivery from rows that are read already."""
    rows = rows.set_axis(pd.RangeIndex(1, len(rows) + 1))

    def read(columns: Sequence[str]) -> Iterator[Piece]:
        for start in range(0, len(rows), BATCH_ROWS):
            yield Piece(rows.iloc[start : start + BATCH_ROWS][list(columns)])

    return Delivery(name, digest, tuple(map(str, rows.columns)), read, len(rows))


def cell_pieces(
    header: Sequence[str], columns: Sequence[str], lines: Iterator[tuple[Sequence[object], str]]
) -> Iterator[Piece]:
    """Pieces from rows of cells that come one by one, each with the reason why it is broken, if it is.

    Rows without any filled cell are no rows.
    """
    places = [list(header).index(column) for column in columns]
    rows: list[list[str | None]] = []
    numbers: list[int] = []
    broken: dict[int, str] = {}
    number = 0
    for cells, fault in lines:
        texts = [] if fault else [cell_text(cell) for cell in cells]
        if not fault and not any(texts):
            continue
        number += 1
        row = [texts[place] if place < len(texts) else None for place in places]
        if fault or any(text and has_half_character(text) for text in row):
            broken[number] = fault or "the row has half a character (a lone surrogate)"
        else:
            rows.append(row)
            numbers.append(number)
        if len(rows) + len(broken) >= BATCH_ROWS:
            yield _piece(rows, columns, numbers, broken)
            rows, numbers, broken = [], [], {}
    if rows or broken:
        yield _piece(rows, columns, numbers, broken)


def _piece(rows: list[list[str | None]], columns: Sequence[str], numbers: list[int], broken: dict[int, str]) -> Piece:
    return Piece(pd.DataFrame(rows, columns=list(columns), index=numbers, dtype="str"), broken)
