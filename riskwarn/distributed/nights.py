"""A store made into one night of it, in files: what of each event holds then, and the rows of its other tables that were known."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from riskwarn.clock import micros
from riskwarn.distributed.engine import seeing
from riskwarn.distributed.firsts import shares_of
from riskwarn.distributed.held import Files, HeldNight
from riskwarn.distributed.holding import Holding, hold
from riskwarn.distributed.outline import Outline
from riskwarn.distributed.panel import gathered
from riskwarn.distributed.reading import EVENTS
from riskwarn.distributed.task import Running
from riskwarn.gaps.evidence import check_fresh
from riskwarn.history.tables import CLOCKS, Stored, known
from riskwarn.store import Store
from riskwarn.store.remote import Folder, put


@dataclass(frozen=True, eq=False)
class Written:
    """Tables of a night, a file each.

    Parameters
    ----------
    folder
        Where they lie.
    names
        Those that the city has, though none of their rows need be known.
    """

    folder: Folder
    names: frozenset[str]

    def has(self, name: str) -> bool:
        """Whether the city has such a table."""
        return name in self.names

    def arrow(self, name: str, *, columns: Sequence[str] | None = None) -> pa.Table:
        """A table, or some columns of it."""
        with _file(self.folder, name).open("rb") as file:
            return pq.read_table(file, columns=None if columns is None else list(columns))


def held_night(
    outline: Outline,
    store: Store,
    n_buckets: int,
    at: pd.Timestamp,
    pieces: Folder,
    scratch: Path,
    running: Running,
    *,
    told: bool = False,
) -> tuple[HeldNight, dict[str, int]]:
    """Bring a night of a store into files, of which each kind of gap reads what it looks at.

    Parameters
    ----------
    outline, store, n_buckets
        The city, and in how many buckets its events lie (:func:`riskwarn.distributed.streaming.surveyed`).
    at
        The night.
    pieces
        For the files, where all workers see it.
    scratch
        For the buckets, on this machine; within `pieces` where that is a folder.
    running
        The engine that takes the events out of the buckets.
    told
        Whether events are written as they first became known, too.

    Returns
    -------
    night, last
        Without any record; and when each feed spoke last, where events are written as they first became known.

    Raises
    ------
    StaleDataError
        Nothing is known at the night, or nothing new.
    """
    grids, words = outline.grids, outline.vocabulary[EVENTS.name]
    share = shares_of(outline.n_records, n_buckets) if told else None
    job = Holding(scratch, pieces, words, outline.carry(words["grid_id"]), len(grids), micros(at), n_buckets, share)
    with seeing(running, pieces) as emptying:
        parts = gathered(emptying, hold, range(n_buckets), job, desc="night")
    check_fresh(sum(one.n for one in parts), max(one.known for one in parts), at)
    numbers = tuple(number for number, one in enumerate(parts) if one.n)
    n_shares = 0 if share is None else int(share.max(initial=0)) + 1
    filled = frozenset().union(*(one.filled for one in parts))
    files = Files(pieces, numbers, words, filled, n_buckets, n_shares, all(one.whole for one in parts))
    last: dict[str, int] = {}
    for one in parts:
        last |= {source: max(known, last.get(source, known)) for source, known in one.last.items()}
    shapeless = grids.drop(columns=[c for c in ("geometry",) if c in grids])
    beside = _written(store, at, pieces)
    night = HeldNight(shapeless, outline.until, outline.timezone, outline.crosswalk, outline.calendar, beside, files)
    return night, last


def _written(store: Store, at: pd.Timestamp, folder: Folder) -> Written:
    """The other tables of a store, as they were known at a night, one after the other."""
    beside = Stored(store)
    names = frozenset(name for name in CLOCKS if beside.has(name))
    for name in sorted(names):
        rows = known(beside.arrow(name), name, micros(at))

        def write(file: BinaryIO, rows: pa.Table = rows) -> None:
            pq.write_table(rows, file, compression="lz4")

        put(_file(folder, name), write)
    return Written(folder, names)


def _file(folder: Folder, name: str) -> Folder:
    return folder / f"table-{name}.parquet"
