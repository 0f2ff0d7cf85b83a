"""Each event as it first became known, in files: by feed and by share of the grids, so that who counts a feed holds one share of it at a time."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from riskwarn.distributed.spilling import OPTIONS
from riskwarn.history.facts import Facts, constant, facts_of
from riskwarn.history.sorting import in_order
from riskwarn.store.remote import Folder, put

_COLUMNS = ("grid", "start", "occurred", "weight", "category", "severity", "origin")


def shares_of(n_records: np.ndarray, n_shares: int) -> np.ndarray:
    """The grids in shares that lie beside each other and have about as many records each.

    Parameters
    ----------
    n_records
        (n_grids,) of each grid.
    n_shares
        How many shares.

    Returns
    -------
    share
        (n_grids,) number of the share of each grid, rising. A grid is never cut.

    Examples
    --------
    >>> shares_of(np.array([5, 1, 1, 3]), 2).tolist()
    [0, 1, 1, 1]
    """
    before = np.cumsum(n_records) - n_records
    return np.asarray(before * n_shares // max(int(n_records.sum()), 1), np.int32)


def write(folder: Folder, number: int, cases: Facts, share: np.ndarray, at: int) -> None:
    """Write the events of a bucket as they first became known before a night, a batch each feed and share.

    Parameters
    ----------
    folder, number
        Where to, and the bucket.
    cases
        Of its events.
    share
        (n_grids,) as :func:`shares_of` gives it.
    at
        The night, µs.
    """
    first = cases[np.flatnonzero((cases.start == cases.known) & (cases.end > cases.start) & (cases.start < at))]
    n_shares = int(share.max(initial=0)) + 1
    n_batches = len(cases.words["source"]) * n_shares
    batch = np.asarray(first.source, np.int64) * n_shares + share[first.grid]
    order = np.argsort(batch.astype(np.min_scalar_type(n_batches)), kind="stable")
    begin = np.r_[0, np.cumsum(np.bincount(batch, minlength=n_batches))]
    rows = pa.RecordBatch.from_arrays(
        [pa.array(np.asarray(getattr(first, name))[order]) for name in _COLUMNS], names=list(_COLUMNS)
    )

    def content(file: object) -> None:
        with pa.ipc.new_file(file, rows.schema, options=OPTIONS) as writer:
            for one in range(n_batches):
                writer.write_batch(rows.slice(int(begin[one]), int(begin[one + 1] - begin[one])))

    put(_file(folder, number), content)


def read(
    folder: Folder, numbers: Sequence[int], source: int, batch: int, words: Mapping[str, np.ndarray], at: int
) -> Facts:
    """The events of one feed and share, from the files of all buckets.

    Parameters
    ----------
    folder, numbers
        Where they lie, and which buckets have one.
    source, batch
        Code of the feed, and the number of the batch of feed and share in each file.
    words
        Vocabulary.
    at
        Those known before it, no later than the night, µs.

    Returns
    -------
    rows
        By category and grid, those of one grid as they lie in the files.
    """
    every = pa.Table.from_batches([_batch(folder, number, batch) for number in numbers])
    columns = {name: every[name].to_numpy() for name in _COLUMNS}
    known = columns["start"] < at
    if not known.all():
        columns = {name: column[known] for name, column in columns.items()}
    n = len(columns["start"])
    if bool((columns["weight"] >= 1).all()):
        columns["weight"] = constant(1, n, np.float32)
    rows = facts_of(words=words, source=constant(source, n, np.int32), **columns)
    return in_order(rows, int(rows.grid.max(initial=0)) + 1)


def _batch(folder: Folder, number: int, batch: int) -> pa.RecordBatch:
    with _file(folder, number).open("rb") as file, pa.ipc.open_file(file) as reader:
        return reader.get_batch(batch)


def _file(folder: Folder, number: int) -> Folder:
    return folder / f"firsts-{number:04d}.arrow"
