"""Files as they come: opened, told apart by content, and read in pieces so that a large one fits into little memory.

A reader gives text as it stands; what it means is for the mapping to say. Every piece carries the number of each row in its file,
counted from 1 after the header, so that whatever is refused later can be found.
"""

import codecs
import csv
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from riskwarn.errors import DataError, NotFoundError
from riskwarn.ingest.folding import fold

BLOCK_BYTES = 8 << 20
"""Bytes of a text file parsed at once."""
BATCH_ROWS = 100_000
"""Rows of any other file read at once."""
_PEEK_LINES = 30
_DELIMITERS = ",\t;|"


@dataclass(frozen=True)
class Piece:
    """Some rows of a file: `rows` indexed by row number, and those that could not be split into columns, number to reason."""

    rows: pd.DataFrame
    broken: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Delivery:
    """One file, opened: its name, the digest of its content, its header, and a function that reads chosen columns in pieces."""

    name: str
    digest: str
    header: tuple[str, ...]
    read: Callable[[Sequence[str]], Iterator[Piece]]
    n_rows: int | None = None
    encoding: str = ""


def open_delivery(path: str | Path, known: Sequence[str] = ()) -> Delivery:
    """Open a file of any kind that is read.

    Parameters
    ----------
    path
        CSV (any usual encoding and delimiter), ``.xlsx`` or ``.xls``, Parquet, JSON lines, or polygons as GeoJSON, Shapefile or GeoPackage.
    known
        Names of columns that may be expected; they help to find the header below title lines.

    Raises
    ------
    NotFoundError
        There is no such file.
    DataError
        The file is empty, damaged, or of a kind that is not read.
    """
    path = Path(path)
    if not path.is_file():
        raise NotFoundError(f"file {path} does not exist.")
    opener = _OPENERS.get(path.suffix.lower())
    if opener is None:
        raise DataError(f"{path}: files ending in {path.suffix!r} are not read; known endings: {', '.join(_OPENERS)}.")
    return opener(path, known)


# -- Parquet ----------------------------------------------------------------------------------------------------------


def _open_parquet(path: Path, _known: Sequence[str]) -> Delivery:
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{path}: not a Parquet file ({error}); send it again.") from None

    def read(columns: Sequence[str]) -> Iterator[Piece]:
        start = 1
        with pq.ParquetFile(path) as opened:
            for batch in opened.iter_batches(BATCH_ROWS, columns=list(columns), use_threads=False):
                rows = as_frame(pa.Table.from_batches([batch]))
                yield Piece(rows.set_axis(pd.RangeIndex(start, start + len(rows))))
                start += len(rows)

    with file:
        return Delivery(path.name, file_digest(path), tuple(file.schema_arrow.names), read, file.metadata.num_rows)


def as_frame(table: pa.Table) -> pd.DataFrame:
    """An Arrow table with text as pandas text; dictionaries unfolded."""
    plain = [f.type.value_type if pa.types.is_dictionary(f.type) else f.type for f in table.schema]
    table = table.cast(pa.schema([pa.field(f.name, kind) for f, kind in zip(table.schema, plain, strict=True)]))
    texts = pd.StringDtype(na_value=np.nan)
    return table.to_pandas(
        types_mapper=lambda t: texts if pa.types.is_string(t) or pa.types.is_large_string(t) else None
    )


def file_digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


# -- text -------------------------------------------------------------------------------------------------------------


def _open_text(path: Path, known: Sequence[str]) -> Delivery:
    encoding, digest = sniff_encoding(path)
    with path.open(encoding=encoding, errors="strict", newline="") as handle:
        lines = [line for _, line in zip(range(_PEEK_LINES), handle, strict=False)]
    if not any(line.strip() for line in lines):
        raise DataError(f"{path}: the file is empty; an export without events still has a header.")
    delimiter = max(_DELIMITERS, key=lambda mark: _fit(lines, mark, known))
    header, at = find_header(_split(lines, delimiter), known)

    def read(columns: Sequence[str]) -> Iterator[Piece]:
        return _read_text(path, encoding, delimiter, at + 1, header, columns)

    return Delivery(path.name, digest, tuple(header), read, encoding=encoding)


def _split(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    return [next(csv.reader([line], delimiter=delimiter), []) for line in lines]


def _fit(lines: Sequence[str], delimiter: str, known: Sequence[str]) -> tuple[int, int]:
    """How well a delimiter splits the lines: known names in the header, then the usual number of cells."""
    cells = _split(lines, delimiter)
    header, _ = find_header(cells, known)
    return len({fold(name) for name in known} & {fold(name) for name in header}), sorted(len(row) for row in cells)[
        len(cells) // 2
    ]


def sniff_encoding(path: Path) -> tuple[str, str]:
    """Encoding of a text file and the SHA-256 of its content, from reading all of it once.

    A byte order mark decides; else what is valid UTF-8 throughout is UTF-8; else it is GB18030. The order matters: nearly every
    UTF-8 file is also valid GB18030, with other characters.

    Raises
    ------
    DataError
        The bytes are none of these.
    """
    with path.open("rb") as handle:
        head = handle.read(4)
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if head.startswith(mark):
            _decode_all(path, name, strict=True)
            return name, file_digest(path)
    for name in ("utf-8", "gb18030"):
        fault = _decode_all(path, name, strict=name == "gb18030")
        if not fault:
            return name, file_digest(path)
    raise AssertionError


def _decode_all(path: Path, encoding: str, *, strict: bool) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    offset = 0
    with path.open("rb") as handle:
        try:
            while block := handle.read(BLOCK_BYTES):
                decoder.decode(block)
                offset += len(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            if strict:
                raise DataError(
                    f"{path}: byte {offset + error.start} is neither UTF-8, UTF-16 with a byte order mark nor GB18030; "
                    "the file is damaged or in another encoding: export it again as UTF-8."
                ) from None
            return True
    return False


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
    names = {fold(name) for name in known}
    filled = [[fold(cell) if cell is not None else "" for cell in row] for row in cells]
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


def unique_header(cells: Sequence[object]) -> list[str]:
    """Trimmed names of columns; an empty one becomes ``unnamed:3``, a second ``x`` becomes ``x:2``."""
    names: list[str] = []
    seen: dict[str, int] = {}
    for place, cell in enumerate(cells, start=1):
        name = " ".join(str(cell if cell is not None else "").lstrip("\ufeff").split()) or f"unnamed:{place}"
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name}:{seen[name]}")
    return names


def _read_text(
    path: Path, encoding: str, delimiter: str, skip: int, header: Sequence[str], columns: Sequence[str]
) -> Iterator[Piece]:
    broken: dict[int, str] = {}

    def note(row: pa.csv.InvalidRow) -> str:
        broken[row.number - skip] = f"the row has {row.actual_columns} cells, the header {row.expected_columns}"
        return "skip"

    reader = pa.csv.open_csv(
        path,
        read_options=pa.csv.ReadOptions(
            use_threads=False, block_size=BLOCK_BYTES, skip_rows=skip, column_names=list(header),
            encoding="utf8" if encoding.startswith("utf-8") else encoding,
        ),
        parse_options=pa.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=note),
        convert_options=pa.csv.ConvertOptions(
            include_columns=list(columns), column_types=dict.fromkeys(columns, pa.string()), strings_can_be_null=False
        ),
    )  # fmt: skip
    told, start = 0, 1
    for batch in reader:
        rows = as_frame(pa.Table.from_batches([batch]))
        numbers = _numbers(start, len(rows), broken)
        end = int(numbers[-1]) if len(numbers) else start - 1
        here = {row: why for row, why in list(broken.items())[told:] if row <= end}
        told += len(here)
        yield Piece(rows.set_axis(numbers), here)
        start = end + 1
    left = dict(list(broken.items())[told:])
    if left:
        yield Piece(pd.DataFrame({c: pd.Series(dtype="str") for c in columns}), left)


def _numbers(start: int, n: int, broken: dict[int, str]) -> np.ndarray:
    """The next `n` row numbers from `start` on that no broken row has."""
    taken = np.array([row for row in broken if row >= start], dtype=np.int64)
    numbers = np.arange(start, start + n + len(taken))
    return numbers[~np.isin(numbers, taken)][:n]


# -- polygons ---------------------------------------------------------------------------------------------------------


def _open_areas(path: Path, _known: Sequence[str]) -> Delivery:
    import geopandas as gpd  # noqa: PLC0415
    import shapely  # noqa: PLC0415

    areas = gpd.read_file(path)
    if areas.crs is None:
        raise DataError(f"{path}: the polygons have no CRS; write one into the file, for example EPSG:4326.")
    wkt = shapely.to_wkt(areas.to_crs(4326).geometry.to_numpy(), rounding_precision=7)
    rows = pd.DataFrame(areas.drop(columns=areas.geometry.name)).assign(geometry=pd.Series(wkt, dtype="str"))
    return in_memory(path.name, file_digest(path), rows)


def in_memory(name: str, digest: str, rows: pd.DataFrame) -> Delivery:
    """A delivery from rows that are read already."""
    rows = rows.set_axis(pd.RangeIndex(1, len(rows) + 1))

    def read(columns: Sequence[str]) -> Iterator[Piece]:
        for start in range(0, len(rows), BATCH_ROWS):
            yield Piece(rows.iloc[start : start + BATCH_ROWS][list(columns)])

    return Delivery(name, digest, tuple(map(str, rows.columns)), read, len(rows))


def from_cells(
    name: str, digest: str, header: Sequence[str], lines: Callable[[], Iterator[tuple[Sequence[object], str]]]
) -> Delivery:
    """A delivery from rows of cells that come one by one, each with the reason why it is broken, if it is.

    Rows without any filled cell are no rows.
    """

    def read(columns: Sequence[str]) -> Iterator[Piece]:
        places = [list(header).index(column) for column in columns]
        rows, numbers, broken, number = [], [], {}, 0
        for cells, fault in lines():
            texts = [] if fault else [cell_text(cells[p] if p < len(cells) else None) for p in range(len(header))]
            if not fault and not any(texts):
                continue
            number += 1
            if fault:
                broken[number] = fault
            else:
                rows.append([texts[p] for p in places])
                numbers.append(number)
            if len(rows) + len(broken) >= BATCH_ROWS:
                yield _piece(rows, columns, numbers, broken)
                rows, numbers, broken = [], [], {}
        if rows or broken:
            yield _piece(rows, columns, numbers, broken)

    return Delivery(name, digest, tuple(header), read)


def _piece(rows: list[list[str | None]], columns: Sequence[str], numbers: list[int], broken: dict[int, str]) -> Piece:
    return Piece(pd.DataFrame(rows, columns=list(columns), index=numbers, dtype="str"), broken)


def cell_text(cell: object) -> str | None:
    """A cell of a sheet, a JSON value or a database as text; whole numbers without fraction, times in ISO form.

    Examples
    --------
    >>> cell_text(320102001001.0), cell_text(datetime(2025, 1, 8, 13, 5)), cell_text(None), cell_text(True)
    ('320102001001', '2025-01-08 13:05:00', None, '1')
    """
    if cell is None or (isinstance(cell, float) and cell != cell):  # noqa: PLR0124
        return None
    if isinstance(cell, bool):
        return str(int(cell))
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53:
        return str(int(cell))
    if isinstance(cell, datetime | date):
        return cell.isoformat(sep=" ") if isinstance(cell, datetime) else cell.isoformat()
    return str(cell)


def open_sheet(path: Path, known: Sequence[str]) -> Delivery:
    """A spreadsheet; the import stands here because few feeds need it."""
    from riskwarn.ingest.sheets import open_workbook  # noqa: PLC0415

    return open_workbook(path, known)


def open_json(path: Path, _known: Sequence[str]) -> Delivery:
    """JSON lines, or one JSON list of records."""
    from riskwarn.ingest.records import open_records  # noqa: PLC0415

    return open_records(path)


_OPENERS: dict[str, Callable[[Path, Sequence[str]], Delivery]] = {
    ".csv": _open_text, ".txt": _open_text, ".tsv": _open_text, ".parquet": _open_parquet, ".pq": _open_parquet,
    ".geojson": _open_areas, ".gpkg": _open_areas, ".shp": _open_areas, ".xlsx": open_sheet, ".xlsm": open_sheet, ".xls": open_sheet,
    ".jsonl": open_json, ".ndjson": open_json, ".json": open_json,
}  # fmt: skip
ENDINGS = frozenset(_OPENERS)
"""Endings of files that are read."""
