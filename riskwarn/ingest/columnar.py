"""Parquet: columns of any type as text, numbers or times; text stored as bytes is decoded as a text file is."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from riskwarn.errors import DataError
from riskwarn.ingest.delivery import (
    BATCH_ROWS,
    Delivery,
    Piece,
    Stated,
    as_frame,
    file_digest,
    unique_header,
)
from riskwarn.ingest.encoding import likely_encoding

_BYTES = "the row has bytes that are no character in an encoding that is known"


def open_parquet(path: Path, _known: Sequence[str], stated: Stated) -> Delivery:
    """Open a Parquet file; columns of one name get numbers, polygons of GeoParquet become WKT.

    Raises
    ------
    DataError
        The file is damaged.
    """
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{path}: not a Parquet file ({error}); send it again.") from None
    with file:
        names = file.schema_arrow.names
        header = tuple(unique_header(names))
        shapes = _geometry_columns(file.schema_arrow)
        n_rows = file.metadata.num_rows

    def read(columns: Sequence[str]) -> Iterator[Piece]:
        start = 1
        alike = len(set(names)) == len(names) and tuple(names) == header
        with pq.ParquetFile(path) as opened:
            wanted = list(columns) if alike else None
            for batch in opened.iter_batches(BATCH_ROWS, columns=wanted, use_threads=False):
                table = pa.Table.from_batches([batch])
                table = table if alike else table.rename_columns(list(header)).select(list(columns))
                rows, bad = _plain(table, shapes, stated.encoding)
                numbers = np.arange(start, start + len(rows))
                yield Piece(rows.set_axis(numbers)[~bad], dict.fromkeys(numbers[bad].tolist(), _BYTES))
                start += len(rows)

    return Delivery(path.name, file_digest(path), header, read, n_rows)


def _geometry_columns(schema: pa.Schema) -> frozenset[str]:
    said = json.loads((schema.metadata or {}).get(b"geo", b"{}"))
    return frozenset(name for name, how in said.get("columns", {}).items() if how.get("encoding") == "WKB")


def _plain(table: pa.Table, shapes: frozenset[str], encoding: str) -> tuple[pd.DataFrame, np.ndarray]:
    """The rows with every column as text, number or time, and which of them have bytes that are no text."""
    bad = np.zeros(table.num_rows, dtype=bool)
    columns = {}
    for name in table.column_names:
        column = table[name]
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if pa.types.is_string_view(column.type) or pa.types.is_large_string(column.type):
            column = column.cast(pa.string())
        if pa.types.is_string(column.type) and not _is_text(column):
            column = column.cast(pa.binary())
        if name in shapes:
            column = _wkt(column)
        elif (
            pa.types.is_binary(column.type)
            or pa.types.is_large_binary(column.type)
            or pa.types.is_fixed_size_binary(column.type)
        ):
            column, undecoded = _decoded(column, encoding)
            bad |= undecoded
        elif pa.types.is_nested(column.type):
            column = pa.chunked_array(
                [[None if v is None else json.dumps(v, ensure_ascii=False, default=str) for v in column.to_pylist()]],
                pa.string(),
            )
        elif pa.types.is_decimal(column.type) or pa.types.is_time(column.type):
            column = column.cast(pa.string())
        columns[name] = column
    return as_frame(pa.table(columns)), bad


def _is_text(column: pa.ChunkedArray) -> bool:
    """Whether a column that says it is UTF-8 is so; Arrow takes the writer's word."""
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _wkt(column: pa.ChunkedArray) -> pa.ChunkedArray:
    import shapely  # noqa: PLC0415

    shapes = shapely.from_wkb(np.array(column.to_pylist(), dtype=object))
    return pa.chunked_array([pa.array(shapely.to_wkt(shapes, rounding_precision=7), pa.string())])


def _decoded(column: pa.ChunkedArray, encoding: str) -> tuple[pa.ChunkedArray, np.ndarray]:
    """Text from bytes: UTF-8, else the encoding stated or found; a value that is not in it is missing and said to be bad."""
    values = column.to_pylist()
    strange = [value for value in values if value and not value.isascii()]
    name = encoding or likely_encoding(b"\n".join(strange[:5000])) or "ascii"
    texts: list[str | None] = []
    bad = np.zeros(len(values), dtype=bool)
    for k, value in enumerate(values):
        try:
            texts.append(None if value is None else value.decode(name))
        except UnicodeDecodeError:
            texts.append(None)
            bad[k] = True
    return pa.chunked_array([texts], pa.string()), bad
