"""The records of a store brought to the blocks that need them, through files, so that no more than a bucket of them is in memory.

::

    store ── batches ── buckets: events whole ── blocks: events that ever lay in their grids, whole

An event may be written in one block and corrected into another; both need all of its revisions, for the one must know when it left. So
rows are first thrown into buckets by event, and from each bucket every event goes to all blocks that one of its revisions lies in.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
from scipy import sparse

from riskwarn.distributed.reading import ROW, Kind, Vocabulary, batches, bucket_of, n_rows
from riskwarn.history.carry import Carry
from riskwarn.store import Store
from riskwarn.store.remote import Folder, put

BUCKET_ROWS = 4_000_000
"""Rows of a bucket, about: half a gigabyte of events."""
OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")
"""How files on the way are written."""


def into_buckets(
    store: Store,
    kind: Kind,
    folder: Path,
    vocabulary: Vocabulary,
    look: Callable[[pa.Table], object] = len,
    n_buckets: int | None = None,
) -> int:
    """Read a table once, batch by batch, into buckets by key.

    Parameters
    ----------
    store
        The city.
    kind
        How the table is read.
    folder
        Of the buckets, on this machine.
    vocabulary
        Of the table; it grows.
    look
        Is shown each batch.
    n_buckets
        How many to make; as many as hold :data:`BUCKET_ROWS` each by default.

    Returns
    -------
    n_buckets
        How many there are.
    """
    folder.mkdir(parents=True, exist_ok=True)
    n_buckets = n_buckets or max(-(-n_rows(store, kind.name) // BUCKET_ROWS), 1)
    with ExitStack() as stack:
        writers: dict[int, pa.ipc.RecordBatchFileWriter] = {}
        for rows in batches(store, kind, vocabulary):
            look(rows)
            number = (
                bucket_of(rows, kind.key, n_buckets)
                if kind.key
                else np.full(len(rows), len(rows) and _turn(rows, n_buckets))
            )
            for bucket, here in _parted(rows, number):
                if bucket not in writers:
                    writers[bucket] = stack.enter_context(
                        pa.ipc.new_file(bucket_file(folder, kind, bucket), rows.schema, options=OPTIONS)
                    )
                writers[bucket].write_table(here)
    return n_buckets


def _turn(rows: pa.Table, n_buckets: int) -> int:
    """Where rows need not be together, a batch goes into one bucket."""
    return int(rows[ROW][0].as_py()) // BUCKET_ROWS % n_buckets


def reached(carry: Carry, reach: list[np.ndarray], n_grids: int) -> sparse.csr_matrix:
    """(n_codes, n_blocks) which blocks need the records that are written under each grid id.

    Parameters
    ----------
    carry
        Where the records of each id go.
    reach
        Of each block the row numbers of its grids and of those around them.
    n_grids
        Of the city.

    Returns
    -------
    reached
        Sparse, above 0 where the block needs them.
    """
    block = np.repeat(np.arange(len(reach)), [len(numbers) for numbers in reach])
    needs = sparse.csr_matrix((np.ones(len(block)), (np.concatenate(reach), block)), shape=(n_grids, len(reach)))
    return sparse.csr_matrix((carry.matrix(n_grids) > 0).astype(float).T @ needs)


def into_blocks(rows: pa.Table, event: np.ndarray, needed: sparse.csr_matrix) -> Iterator[tuple[int, pa.Table]]:
    """What each block needs of a bucket: every event of which a row lies in its grids, whole.

    Parameters
    ----------
    rows
        Of the bucket, `grid_id` as a number.
    event
        (n,) number of what each row belongs to, from 0.
    needed
        (n_codes, n_blocks) as :func:`reached` gives.

    Yields
    ------
    block, rows
        In the order of the blocks; none for a block that needs nothing.
    """
    n_blocks = needed.shape[1]
    by_event = np.argsort(event, kind="stable")
    code = rows["grid_id"].to_numpy()[by_event]
    first, size = needed.indptr[code], np.diff(needed.indptr)[code]
    at = np.repeat(first - (np.cumsum(size) - size), size) + np.arange(size.sum())
    pairs = np.sort(np.repeat(event[by_event], size).astype(np.int64) * n_blocks + needed.indices[at], kind="stable")
    pairs = pairs[np.r_[True, pairs[1:] != pairs[:-1]][: len(pairs)]]
    start = np.r_[0, np.cumsum(np.bincount(event))]
    whose, block = np.divmod(pairs, n_blocks)
    times = start[whose + 1] - start[whose]
    place = np.repeat(start[whose] - (np.cumsum(times) - times), times) + np.arange(times.sum())
    row, block = by_event[place], np.repeat(block, times)
    order = np.lexsort((row, block))  # rows lie in each block as they were read, and are copied once
    blocks, begin = np.unique(block[order], return_index=True)
    for one, here in zip(blocks, np.split(row[order], begin[1:]), strict=True):
        yield int(one), rows.take(pa.array(here))


def write(place: Folder, rows: pa.Table) -> None:
    """Write rows to a file that is there when all of it is."""

    def content(file: BinaryIO) -> None:
        with pa.ipc.new_file(file, rows.schema, options=OPTIONS) as writer:
            writer.write_table(rows)

    put(place, content)


def read(place: Folder) -> pa.Table:
    """The rows of a file."""
    with place.open("rb") as file, pa.ipc.open_file(file) as reader:
        return reader.read_all()


def bucket_file(folder: Path, kind: Kind, number: int) -> Path:
    """Where a bucket of a table lies."""
    return folder / f"{kind.name}-{number:04d}.bucket"


def _parted(rows: pa.Table, number: np.ndarray) -> Iterator[tuple[int, pa.Table]]:
    """The rows of each number."""
    if len(number) and (number == number[0]).all():
        yield int(number[0]), rows
        return
    order = np.argsort(number, kind="stable")
    numbers, first = np.unique(number[order], return_index=True)
    for one, here in zip(numbers, np.split(order, first[1:]), strict=True):
        yield int(one), rows.take(pa.array(here))
