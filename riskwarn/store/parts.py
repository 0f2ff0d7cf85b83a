"""The files a table lies in: which one a row goes to, and how one is read."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from riskwarn.errors import DataError, did_you_mean
from riskwarn.schema import Table, conform, table_of
from riskwarn.store.parquet import full

NIGHT_TABLES = (
    "scores",
    "reasons",
    "gaps",
    "alerts",
    "triggers",
    "marks",
    "weeks",
    "weekly_readings",
    "category_counts",
    "serious_events",
    "what_ifs",
    "events_behind",
    "matured",
)
"""Tables a night publishes together."""
MONTH_OF = {
    "events": "known_at",
    "visits": "known_at",
    "workflow": "at",
    "diversions": "sent_at",
    "roster": "day_at",
}
"""Tables kept in a file a month, and the column that says which."""
DATE_OF = {**MONTH_OF, "feed_log": "arrived_at"}
"""The column before which nothing of a row is known."""
LATER = {"diversions": ("received_at", "closed_at")}
"""Columns that become known at the time they tell."""


def check_columns(table: Table, columns: Sequence[str] | None) -> None:
    """Refuse columns a table cannot have.

    Raises
    ------
    DataError
        There is no such column.
    """
    for column in columns or ():
        if column not in table.column_names:
            raise DataError(f"table {table.name!r} has no column {column!r}{did_you_mean(column, table.column_names)}.")


def load(
    place: Path,
    columns: list[str] | None = None,
    words: Sequence[str] = (),
    where: list[tuple[str, str, str]] | None = None,
) -> pa.Table:
    """A Parquet file, columns `words` as dictionaries; only rows that are as `where` says.

    Raises
    ------
    FileNotFoundError
        It is not there.
    DataError
        It is damaged.
    """
    try:
        return pq.read_table(place, columns=columns, read_dictionary=[*words], filters=where)
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise DataError(
            f"{place} is damaged and cannot be read ({type(error).__name__}); put it back from a copy, or ingest its deliveries again into a new store."
        ) from None


def joined(parts: list[pa.Table], *, dictionary: bool) -> pa.Table:
    """Parts of a table under each other."""
    rows = pa.concat_tables(parts)
    return rows.unify_dictionaries() if dictionary else rows


def prepared(name: str, frame: pd.DataFrame) -> tuple[Table, pd.DataFrame]:
    """A source table and rows for it, checked against its contract, all columns in order.

    Raises
    ------
    DataError
        The frame breaks the table's contract, or the table is published by a night.
    """
    table = table_of(name)
    if name in NIGHT_TABLES:
        raise DataError(f"table {name!r} is published by a night; use Store.publish.")
    return table, full(table, conform(name, frame))


def split(table: Table, rows: pd.DataFrame) -> Iterator[tuple[str, np.ndarray]]:
    """Each file the rows go to, and the places of its rows."""
    if table.name not in MONTH_OF:
        yield f"tables/{table.name}.parquet", np.arange(len(rows))
        return
    place = pd.Series(_months(rows[MONTH_OF[table.name]]), index=rows.index, dtype="str")
    place = (rows["source"] + "/" + place) if table.name == "events" else place
    for part, here in sorted(place.groupby(place.to_numpy(dtype=object)).indices.items()):
        yield f"tables/{table.name}/{part}.parquet", here


def _months(at: pd.Series) -> np.ndarray:
    """Month of each instant in UTC, as 2025-01."""
    utc = at.dt.tz_convert(None).to_numpy().astype("datetime64[M]")
    months, place = np.unique(utc, return_inverse=True)
    return months.astype(str).astype(object)[place]
