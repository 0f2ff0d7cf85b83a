"""How a table becomes a file: Arrow types, and files that are whole or not there."""

import os
from collections.abc import Collection, Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from riskwarn.schema import Table

_ARROW = {
    "text": pa.string(),
    "time": pa.timestamp("us", "UTC"),
    "integer": pa.int64(),
    "number": pa.float64(),
    "flag": pa.bool_(),
    "geometry": pa.string(),
}


def full(table: Table, frame: pd.DataFrame) -> pd.DataFrame:
    """All columns of the table in order, absent ones empty; times in UTC."""
    columns = {}
    for column in table.columns:
        if column.name in frame:
            values = frame[column.name]
            columns[column.name] = values.dt.tz_convert("UTC") if column.kind == "time" and len(values) else values
        else:
            absent = column.blank if column.kind == "flag" else _ABSENT[column.kind]
            columns[column.name] = pd.Series(absent, index=frame.index, dtype=_PANDAS[column.kind])
    full = pd.DataFrame(columns, index=frame.index)
    return full.astype({c.name: _PANDAS[c.kind] for c in table.columns})


_PANDAS = {
    "text": "str",
    "time": "datetime64[us, UTC]",
    "integer": "Int64",
    "number": "float64",
    "flag": "bool",
    "geometry": "str",
}
_ABSENT = {"text": None, "time": pd.NaT, "integer": pd.NA, "number": float("nan"), "geometry": None}


def to_arrow(table: Table, frame: pd.DataFrame) -> pa.Table:
    """A full frame as Arrow, in the types of its table."""
    return pa.table({c.name: _arrow_column(frame[c.name], _ARROW[c.kind]) for c in table.columns})


def _arrow_column(values: pd.Series, kind: pa.DataType) -> pa.Array:
    if pa.types.is_timestamp(kind):
        return pa.array(values.dt.tz_convert(None).to_numpy(), from_pandas=True).cast(kind)
    return pa.array(values, type=kind, from_pandas=True)


def plain_arrow(rows: pd.DataFrame) -> pa.Table:
    """Any frame as an Arrow table, times in UTC."""
    aware = {name for name in rows if isinstance(rows[name].dtype, pd.DatetimeTZDtype)}
    columns = {
        str(name): _arrow_column(rows[name], _ARROW["time"])
        if name in aware
        else pa.array(rows[name], from_pandas=True)
        for name in rows
    }
    return pa.table(columns)


def column_bytes(path: Path, *, without: Collection[str]) -> Iterator[bytes]:
    """The columns of a file as they lie on disk, some left out."""
    groups = pq.read_metadata(path)
    with path.open("rb") as handle:
        for group in map(groups.row_group, range(groups.num_row_groups)):
            for column in map(group.column, range(group.num_columns)):
                if column.path_in_schema not in without:
                    handle.seek(column.dictionary_page_offset or column.data_page_offset)
                    yield handle.read(column.total_compressed_size)


def write_table(target: Path, table: pa.Table, *, n_together: int | None = None) -> None:
    """Write Parquet beside its place, flush, rename; in parts of `n_together` rows where some of them are to be found without the others."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", row_group_size=n_together)
    write_bytes(target, sink.getvalue())


def to_frame(table: Table, rows: pa.Table, timezone: str) -> pd.DataFrame:
    """Rows of a table as pandas has them: times in `timezone`, whole numbers and words that may be missing."""
    frame = rows.to_pandas(
        types_mapper=lambda t: pd.StringDtype(na_value=float("nan")) if pa.types.is_string(t) else None
    )
    for column in table.columns:
        if column.name in frame:
            values = frame[column.name]
            if column.kind == "time":
                frame[column.name] = values.dt.tz_convert(timezone)
            elif column.kind == "integer":
                frame[column.name] = values.astype("Int64")
            elif column.kind == "flag":
                frame[column.name] = values.fillna(value=column.blank).astype("bool")
    return frame


def write_bytes(target: Path, content: object) -> None:
    """Write a file beside its place, flush, rename: readers see the old one or the new one."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as handle:
            handle.write(content)  # type: ignore[arg-type]
            handle.flush()
            os.fsync(handle.fileno())
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    if os.name == "posix":  # elsewhere a folder cannot be opened, nor need it be flushed
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
