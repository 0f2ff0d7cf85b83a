"""Files of one table, of several stores, as one file: rows pass through, never more than a group of them at once."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from riskwarn.errors import DataError
from riskwarn.schema import Table

GROUP_ROWS = 1 << 20
"""Rows of a group, as :func:`riskwarn.store.parquet.write_table` has them: the same rows give the same file."""
_BATCH_ROWS = 1 << 16


def write_united(target: Path, table: Table, places: Sequence[Path]) -> None:
    """Write the rows of files, each in the order of the key, as one file in the order of the key.

    Within what the first column of the key tells apart, the keys of each file must follow those of the file before.

    Parameters
    ----------
    target
        The file; it is there when all of it is.
    table
        Whose rows they are.
    places
        The files.

    Raises
    ------
    DataError
        The keys of the files do not follow each other.
    """
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    target.parent.mkdir(parents=True, exist_ok=True)
    schema = pq.read_schema(places[0])
    try:
        with ExitStack() as open_:
            handle = open_.enter_context(partial.open("wb"))
            with pq.ParquetWriter(handle, schema, compression="zstd") as writer:
                for group in _groups(_checked(_batches(places, table), table, target.name), schema):
                    writer.write_table(group, row_group_size=GROUP_ROWS)
            handle.flush()
            os.fsync(handle.fileno())
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _batches(places: Sequence[Path], table: Table) -> Iterator[pa.Table]:
    """The rows, those of one first word of the key after those of another, and of each file after file."""
    lead = table.key[0]
    if len(table.key) == 1 or _follow(places, lead):
        for place in places:
            yield from map(_table, pq.ParquetFile(place).iter_batches(_BATCH_ROWS))
        return
    words = sorted(
        {word for place in places for word in pc.unique(pq.read_table(place, columns=[lead])[lead]).to_pylist()}
    )
    for word in words:
        for place in places:
            for batch in map(_table, pq.ParquetFile(place).iter_batches(_BATCH_ROWS)):
                yield batch.filter(pc.equal(batch[lead], word))


def _table(batch: pa.RecordBatch) -> pa.Table:
    return pa.Table.from_batches([batch])


def _follow(places: Sequence[Path], lead: str) -> bool:
    """Whether the first word of the key never falls from file to file."""
    ends = [pc.min_max(pq.read_table(place, columns=[lead])[lead]).as_py() for place in places]
    return all(one["max"] <= other["min"] for one, other in pairwise(ends))


def _checked(batches: Iterator[pa.Table], table: Table, name: str) -> Iterator[pa.Table]:
    """The rows, once it is seen that each begins after the one before ended."""
    last: tuple[object, ...] | None = None
    for batch in batches:
        if len(batch) == 0:
            continue
        first = _key(batch, table, 0)
        if last is not None and not last < first:
            raise DataError(
                f"{name}: the stores cannot be united, for key {first} of one does not follow {last} of another; they share keys, or are "
                "in another order."
            )
        last = _key(batch, table, len(batch) - 1)
        yield batch


def _key(batch: pa.Table, table: Table, row: int) -> tuple[object, ...]:
    return tuple(batch[name][row].as_py() for name in table.key)


def _groups(batches: Iterator[pa.Table], schema: pa.Schema) -> Iterator[pa.Table]:
    """The same rows in full groups, and what is left."""
    held, n_held = [schema.empty_table()], 0
    for batch in batches:
        held.append(batch)
        n_held += len(batch)
        while n_held >= GROUP_ROWS:
            rows = pa.concat_tables(held)
            yield rows.slice(0, GROUP_ROWS).combine_chunks()
            held, n_held = [rows.slice(GROUP_ROWS)], n_held - GROUP_ROWS
    if n_held:
        yield pa.concat_tables(held).combine_chunks()
