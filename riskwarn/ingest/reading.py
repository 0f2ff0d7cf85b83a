"""Files as they come: opened, told apart by content, and read in pieces so that a large one fits into little memory.

A reader gives text as it stands; what it means is for the mapping to say. Every piece carries the number of each row in its file,
counted from 1 after the header, so that whatever is refused later can be found.
"""

import codecs
import csv
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
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
_DELIMITERS = ",\t;|，"


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
        CSV (any usual encoding and delimiter) or Parquet.
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
    delimiter = max(_DELIMITERS, key=lambda mark: max(line.count(mark) for line in lines))
    cells = [next(csv.reader([line], delimiter=delimiter), []) for line in lines]
    at = header_row(cells, known)
    header = unique_header(cells[at])

    def read(columns: Sequence[str]) -> Iterator[Piece]:
        return _read_text(path, encoding, delimiter, at + 1, header, columns)

    return Delivery(path.name, digest, tuple(header), read, encoding=encoding)


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


def header_row(cells: Sequence[Sequence[object]], known: Sequence[str]) -> int:
    """Which of the first rows of a sheet is the header: the one with most known names, else the first one that is widest."""
    names = {fold(name) for name in known}
    hits = [sum(fold(cell) in names for cell in row if cell is not None) for row in cells]
    if max(hits) > 0:
        return hits.index(max(hits))
    widths = [len({str(cell).strip() for cell in row if cell is not None and str(cell).strip()}) for row in cells]
    return widths.index(max(widths))


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
    rows.index = pd.RangeIndex(1, len(rows) + 1)

    def read(columns: Sequence[str]) -> Iterator[Piece]:
        yield Piece(rows[list(columns)])

    return Delivery(path.name, file_digest(path), tuple(map(str, rows.columns)), read, len(rows))


_OPENERS: dict[str, Callable[[Path, Sequence[str]], Delivery]] = {
    ".csv": _open_text, ".txt": _open_text, ".tsv": _open_text, ".parquet": _open_parquet, ".pq": _open_parquet,
    ".geojson": _open_areas, ".gpkg": _open_areas, ".shp": _open_areas,
}  # fmt: skip
ENDINGS = frozenset(_OPENERS)
"""Endings of files that are read."""
