"""A store made into one night of it, in files: what of each event holds then, and the rows of its other tables that were known."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from riskwarn.clock import micros
from riskwarn.distributed.engine import Engine
from riskwarn.distributed.held import HELD, Files, HeldNight, Holding, hold
from riskwarn.distributed.panel import gathered
from riskwarn.distributed.spilling import into_buckets
from riskwarn.distributed.survey import Survey
from riskwarn.distributed.task import Running
from riskwarn.gaps.evidence import check_fresh
from riskwarn.history.carry import Carry
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
    store: Store, at: pd.Timestamp, pieces: Folder, scratch: Path, running: Running, n_parts: int | None
) -> HeldNight:
    """Bring a night of a store into files, of which each kind of gap reads what it looks at.

    Parameters
    ----------
    store
        The city.
    at
        The night.
    pieces
        For the files, where all workers see it.
    scratch
        For the buckets, on this machine; within `pieces` where that is a folder.
    running
        The engine that takes the events out of the buckets.
    n_parts
        How many buckets; as many as keep each below four million rows by default.

    Returns
    -------
    night
        Without any record.

    Raises
    ------
    StaleDataError
        Nothing is known at the night, or nothing new.
    """
    until, survey = store.known_until(), Survey()
    n_buckets = into_buckets(store, HELD, scratch, survey.vocabulary, survey.look, n_parts)
    grids = store.grids(at).sort_values("grid_id", ignore_index=True)
    crosswalk = store.read("crosswalk") if store.has("crosswalk") else None
    crosswalk = None if crosswalk is None else crosswalk[crosswalk["effective_at"] <= at]
    words = survey.vocabulary.known()
    carry = Carry.of(words["grid_id"], grids["grid_id"].to_numpy(dtype=object), crosswalk)
    job = Holding(scratch, pieces, words, carry, micros(at))
    if isinstance(pieces, Path):
        told = gathered(running, hold, range(n_buckets), job, desc="night")
    else:  # buckets that lie on this machine alone
        with Engine().started() as here:
            told = gathered(here, hold, range(n_buckets), job, desc="night")
    check_fresh(sum(one.n for one in told), max(one.known for one in told), at)
    numbers = tuple(number for number, one in enumerate(told) if one.n)
    files = Files(pieces, numbers, words, frozenset().union(*(one.filled for one in told)))
    last = survey.last_told(Stored(store), micros(until))
    calendar = store.path / "calendar.csv"
    shapeless = grids.drop(columns=[c for c in ("geometry",) if c in grids])
    beside = _written(store, at, pieces)
    return HeldNight(shapeless, last, store.timezone, crosswalk, calendar if calendar.exists() else None, beside, files)


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
