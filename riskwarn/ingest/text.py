"""Delimited text: every physical record is either a row or broken with a reason; one stray quote costs its row, not the file.

::

    bytes ─ encoding ─ lines ┬ no quotes: one line, one record ───────────────┬ Arrow ─ as many rows as records? ─ Piece
                             └ quotes: which lines belong together, which one │            └ no: cell by cell
                               was never closed (broken)  ────────────────────┘
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from pathlib import Path
from statistics import mode

import numpy as np
import pyarrow as pa
import pyarrow.csv

from riskwarn.errors import DataError
from riskwarn.ingest.delivery import (
    LONGEST_NAME,
    PEEK_ROWS,
    SHEET_ROWS,
    Delivery,
    Piece,
    Stated,
    as_frame,
    file_digest,
    find_header,
    folded_name,
)
from riskwarn.ingest.encoding import BAD, BLOCK_BYTES, sniff_encoding, utf8_blocks

_DELIMITERS = b",\t;|"
_MOST_COLUMNS = 20_000
"""Columns of a table; a sheet has 16,384 at most."""
_HEADER_LINES = 5
"""Lines over which the cells of one header may spread."""
_PEEK_BYTES = 64 << 20
_LINE_BYTES = 1 << 30
_OPEN_BYTES = BLOCK_BYTES
"""Bytes a record may have; a quote that is open for longer was never meant to open."""
_UNCLOSED = "a quote is opened and not closed in the row"
_STRANGE = (
    (BAD.encode(), "the row has bytes that are no character in the file's encoding"),
    (b"\0", "the row has zero bytes: the file was cut or damaged"),
)


@dataclass(frozen=True)
class _Layout:
    """How a file is written: encoding, delimiter, header, and the bytes (as UTF-8) before the first row."""

    path: Path
    encoding: str
    known_valid: bool
    delimiter: bytes
    header: tuple[str, ...]
    skip: int
    n_above: int

    def blocks(self) -> Iterator[bytes]:
        """The text below the header."""
        skip = self.skip
        for block in utf8_blocks(self.path, self.encoding, known_valid=self.known_valid):
            yield block[skip:]
            skip = max(0, skip - len(block))


def open_text(path: Path, known: Sequence[str], stated: Stated) -> Delivery:
    """Open delimited text; comma, tab, semicolon and bar are told apart by what they make of the first lines.

    Parameters
    ----------
    path
        The file.
    known
        Names of columns that may be expected.
    stated
        Its encoding, if given, holds; else it is found, see :func:`sniff_encoding`.

    Raises
    ------
    DataError
        The file is empty, or its encoding cannot be told.
    """
    sniffed, digest = ("", file_digest(path)) if stated.encoding else sniff_encoding(path)
    chosen = stated.encoding or sniffed
    head = _head(path, chosen)
    if not head.strip(b"\xef\xbb\xbf\r\n\t \0"):
        raise DataError(f"{path}: the file is empty; an export without events still has a header.")
    layout = _layout(path, chosen, head, known, known_valid=sniffed == "utf-8" and b"\xef\xb7\x90" not in head)
    notes: dict[str, int] = {}

    def read(columns: Sequence[str]) -> Iterator[Piece]:
        notes.clear()
        total = 0
        for piece in _pieces(layout, columns):
            total += len(piece.rows) + len(piece.broken)
            yield piece
        if sniffed in {"cp1252", "cp950"}:
            notes[f"read as {sniffed}, judged by the characters; state `encoding` in the mapping"] = total
        if total + layout.n_above in SHEET_ROWS:
            notes["the file has as many lines as a full sheet: rows may be cut off"] = total

    return Delivery(path.name, digest, layout.header, read, encoding=chosen, notes=notes)


# -- the header -------------------------------------------------------------------------------------------------------


def _head(path: Path, encoding: str) -> bytes:
    """The first lines as UTF-8."""
    head = b""
    for block in utf8_blocks(path, encoding):
        head += block
        if len(re.findall(rb"\r\n|\n|\r", head[: 1 << 20])) >= PEEK_ROWS or len(head) >= _PEEK_BYTES:
            break
    return head


def _layout(path: Path, encoding: str, head: bytes, known: Sequence[str], *, known_valid: bool) -> _Layout:
    lines = [line.span() for line in islice(re.finditer(rb"[^\r\n]+", head), PEEK_ROWS)]
    splits = {mark: _first_records(head, lines, mark) for mark in (bytes([b]) for b in _DELIMITERS)}
    delimiter = max(splits, key=lambda mark: _fit([cells for cells, _ in splits[mark]], known))
    records = [cells for cells, _ in splits[delimiter]]
    header, at = find_header(records, known)
    if max(map(len, header)) > LONGEST_NAME:
        raise DataError(
            f"{path}: a column would have a name of more than {LONGEST_NAME:,} characters: the file is no table, or its line ends are lost."
        )
    header = _fitted_header(header, [len(cells) for cells in records[at + 1 :]], records[at + 1 :])
    return _Layout(path, encoding, known_valid, delimiter, tuple(header), splits[delimiter][at][1], at + 1)


def _first_records(head: bytes, lines: Sequence[tuple[int, int]], delimiter: bytes) -> list[tuple[list[str], int]]:
    """Cells of the first records, each with the place where it ends; a quoted cell of a header may have several lines."""
    records, k = [], 0
    while k < len(lines):
        start, end = lines[k]
        after = k + 1
        if head.count(delimiter, start, end) >= _MOST_COLUMNS:
            records.append(([head[start:end].decode("utf-8", "replace")], end))
            k = after
            continue
        cells = split_record(head[start:end], delimiter)
        for last in range(k + 1, min(k + _HEADER_LINES, len(lines))) if cells is None else ():
            cells = split_record(head[start : lines[last][1]], delimiter)
            if cells is not None:
                end, after = lines[last][1], last + 1
                break
        plain = cells if cells is not None else head[start:end].split(delimiter)
        records.append(([unquoted(cell).decode("utf-8", "replace") for cell in plain], end))
        k = after
    return records


def _fit(records: Sequence[Sequence[str]], known: Sequence[str]) -> tuple[int, bool, int]:
    """How well a delimiter splits the lines: known names in the header, whether most lines have one width, and that width."""
    header, at = find_header(records, known)
    widths = [len(cells) for cells in records[at:]]
    usual = mode(widths)
    return (
        len({folded_name(name) for name in known} & {folded_name(name) for name in header}),
        usual > 1 and widths.count(usual) * 10 >= len(widths) * 9,
        sorted(widths)[len(widths) // 2],
    )


def _fitted_header(header: list[str], widths: Sequence[int], records: Sequence[Sequence[str]]) -> list[str]:
    """The header as wide as the rows, where one of both has trailing delimiters that hold nothing."""
    if not widths:
        return header
    usual, n = mode(widths), len(header)
    if usual > n and not any(any(cell.strip() for cell in cells[n:]) for cells in records):
        return header + [f"unnamed:{place}" for place in range(n + 1, usual + 1)]
    if usual < n and all(name.startswith("unnamed:") for name in header[usual:]):
        return header[:usual]
    return header


# -- cells ------------------------------------------------------------------------------------------------------------


@cache
def _cell(delimiter: bytes) -> re.Pattern[bytes]:
    mark = re.escape(delimiter)
    return re.compile(rb'("(?:[^"]++|"")*+"|(?!")[^' + mark + rb"\r\n]*+)(" + mark + rb"|\Z)")


def split_record(record: bytes, delimiter: bytes) -> list[bytes] | None:
    r"""Cells of one record, quotes and all; nothing where its quotes do not close.

    Examples
    --------
    >>> split_record(b'1,"a ""b"", c",5" pipe,', b","), split_record(b'1,"a', b",")
    ([b'1', b'"a ""b"", c"', b'5" pipe', b''], None)
    """
    cells, place, pattern = [], 0, _cell(delimiter)
    while True:
        cell = pattern.match(record, place)
        if cell is None:
            return None
        cells.append(cell[1])
        place = cell.end()
        if not cell[2]:
            return cells


def unquoted(cell: bytes) -> bytes:
    """What a cell says."""
    return cell[1:-1].replace(b'""', b'"') if len(cell) > 1 and cell[:1] == cell[-1:] == b'"' else cell


# -- records ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Records:
    """The records within some lines: where each begins and ends, and what is wrong with some, by place."""

    text: bytes
    starts: np.ndarray
    ends: np.ndarray
    faults: dict[int, str] = field(default_factory=dict)

    @property
    def sound(self) -> np.ndarray:
        """(n,) Records without a fault."""
        sound = np.ones(len(self.starts), dtype=bool)
        sound[list(self.faults)] = False
        return sound

    def sound_text(self) -> bytes:
        """The text without the faulty records."""
        if not self.faults:
            return self.text
        bounds = [0, *(edge for k in sorted(self.faults) for edge in (self.starts[k], self.ends[k])), len(self.text)]
        return b"".join(self.text[a:b] for a, b in zip(bounds[::2], bounds[1::2], strict=True))


def _pieces(layout: _Layout, columns: Sequence[str]) -> Iterator[Piece]:
    number, waiting = 1, b""
    for block, final in _with_end(layout.blocks()):
        records, waiting = _records(waiting + block, layout, final=final)
        if len(waiting) > _LINE_BYTES:
            raise DataError(f"{layout.path}: a line is longer than {_LINE_BYTES >> 20} MB; that is no table.")
        if len(records.starts):
            yield _piece(records, layout, columns, number)
        number += len(records.starts)


def _with_end(blocks: Iterator[bytes]) -> Iterator[tuple[bytes, bool]]:
    for block in blocks:
        yield block, False
    yield b"", True


def _records(text: bytes, layout: _Layout, *, final: bool) -> tuple[_Records, bytes]:
    """The records that are complete within a text, and the rest, which waits for more."""
    end = len(text) if final else max(text.rfind(b"\n"), text.rfind(b"\r")) + 1
    text, waiting = text[:end], text[end:]
    starts, ends = _lines(text)
    heads, faults = np.ones(len(starts), dtype=bool), dict[int, str]()
    if b'"' in text:
        heads, faults, opened = _joined_lines(text, starts, ends, layout, final=final)
        if opened is not None:
            text, waiting = text[: starts[opened]], text[starts[opened] :] + waiting
            starts, ends, heads = starts[:opened], ends[:opened], heads[:opened]
    first = np.flatnonzero(heads)
    last = np.r_[first[1:], len(starts)] - 1 if len(first) else first
    place = np.cumsum(heads) - 1
    records = _Records(text, starts[first], ends[last], {int(place[line]): why for line, why in faults.items()})
    _mark_strange(records)
    return records, waiting


def _lines(text: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Where each line that is not empty begins and ends; CR, LF and both end a line."""
    codes = np.frombuffer(text, dtype=np.uint8)
    ends = np.flatnonzero((codes == 10) | (codes == 13))
    if len(codes) and (not len(ends) or ends[-1] != len(codes) - 1):
        ends = np.r_[ends, len(codes)]
    starts = np.r_[0, ends[:-1] + 1] if len(ends) else ends
    filled = ends > starts
    return starts[filled], ends[filled]


def _joined_lines(
    text: bytes, starts: np.ndarray, ends: np.ndarray, layout: _Layout, *, final: bool
) -> tuple[np.ndarray, dict[int, str], int | None]:
    """Which lines begin a record, which have a quote that is never closed, and the line of one that may yet be closed.

    A line with an odd number of quotes opens a cell that the next such line closes; but only if the lines together make one whole
    record. If each of them is a whole record by itself, two stray quotes stand far apart, and the lines between are rows.
    """
    quotes = np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == ord('"'))
    odd = np.flatnonzero((np.searchsorted(quotes, ends) - np.searchsorted(quotes, starts)) % 2)
    heads, faults, k = np.ones(len(starts), dtype=bool), dict[int, str](), 0
    while k < len(odd):
        line = int(odd[k])
        k += 1
        if split_record(text[starts[line] : ends[line]], layout.delimiter) is not None:
            continue
        if k < len(odd) and _is_one_record(text, starts[line : odd[k] + 1], ends[line : odd[k] + 1], layout):
            heads[line + 1 : odd[k] + 1] = False
            k += 1
        elif k == len(odd) and not final and len(text) - starts[line] < _OPEN_BYTES:
            return heads, faults, line
        else:
            faults[line] = _UNCLOSED
    return heads, faults, None


def _is_one_record(text: bytes, starts: np.ndarray, ends: np.ndarray, layout: _Layout) -> bool:
    cells = split_record(text[starts[0] : ends[-1]], layout.delimiter)
    if cells is None or len(cells) != len(layout.header):
        return False
    lines = (text[a:b] for a, b in zip(starts.tolist(), ends.tolist(), strict=True))
    return len(layout.header) == 1 or any(_width_alone(line, layout.delimiter) != len(layout.header) for line in lines)


def _width_alone(line: bytes, delimiter: bytes) -> int:
    """Cells of a line that is read as a record by itself; from a quote that does not close on, quotes are letters."""
    place, n, pattern = 0, 1, _cell(delimiter)
    while cell := pattern.match(line, place):
        if not cell[2]:
            return n
        place, n = cell.end(), n + 1
    return n + line.count(delimiter, place)


def _mark_strange(records: _Records) -> None:
    for record in np.flatnonzero(records.ends - records.starts > _OPEN_BYTES).tolist():
        records.faults.setdefault(record, f"the row is longer than {_OPEN_BYTES >> 20} MB")
    for mark, why in _STRANGE:
        place = records.text.find(mark) if mark[:1] in records.text else -1
        while place >= 0:
            record = int(np.searchsorted(records.starts, place, side="right")) - 1
            records.faults.setdefault(record, why)
            place = records.text.find(mark, max(place + 1, int(records.ends[record])))


def _piece(records: _Records, layout: _Layout, columns: Sequence[str], number: int) -> Piece:
    text = records.sound_text()
    places = np.flatnonzero(records.sound)
    parsed = _by_arrow(text, layout, columns)
    if parsed is None or parsed[0].num_rows + len(parsed[1]) != len(places):
        parsed = _by_cell(records, places, layout, columns)
    table, odd = parsed
    rows = as_frame(table)
    broken = {number + k: why for k, why in records.faults.items()}
    broken |= {number + int(places[k]): why for k, why in odd.items()}
    whole = np.delete(places, list(odd)) if odd else places
    return Piece(rows.set_axis(number + whole), broken)


def _by_arrow(text: bytes, layout: _Layout, columns: Sequence[str]) -> tuple[pa.Table, dict[int, str]] | None:
    """Rows of a text, and those of another width by place; nothing where Arrow does not understand it."""
    odd: dict[int, str] = {}

    def note(row: pa.csv.InvalidRow) -> str:
        odd[row.number - 1] = _width_fault(row.actual_columns, row.expected_columns)
        return "skip"

    try:
        table = pa.csv.read_csv(
            pa.BufferReader(text),
            read_options=pa.csv.ReadOptions(
                use_threads=False, block_size=len(text) + 1, column_names=list(layout.header)
            ),
            parse_options=pa.csv.ParseOptions(
                delimiter=layout.delimiter.decode(), newlines_in_values=True, invalid_row_handler=note
            ),
            convert_options=pa.csv.ConvertOptions(
                include_columns=list(columns),
                column_types=dict.fromkeys(columns, pa.string()),
                strings_can_be_null=False,
            ),
        )
    except (pa.ArrowInvalid, pa.ArrowCapacityError):
        return None
    return table, odd


def _width_fault(actual: int, expected: int) -> str:
    return f"the row has {actual} cells, the header {expected}"


def _by_cell(
    records: _Records, places: np.ndarray, layout: _Layout, columns: Sequence[str]
) -> tuple[pa.Table, dict[int, str]]:
    """As :func:`_by_arrow`, record by record: slow, and never two records as one."""
    chosen = [layout.header.index(name) for name in columns]
    rows: list[list[str]] = []
    odd: dict[int, str] = {}
    for k, place in enumerate(places):
        cells = split_record(records.text[records.starts[place] : records.ends[place]], layout.delimiter)
        if cells is None:
            odd[k] = _UNCLOSED
        elif len(cells) != len(layout.header):
            odd[k] = _width_fault(len(cells), len(layout.header))
        else:
            rows.append([unquoted(cells[c]).decode() for c in chosen])
    data = {name: pa.array([row[c] for row in rows], pa.string()) for c, name in enumerate(columns)}
    return pa.table(data), odd
