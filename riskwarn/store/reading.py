"""The files of a table read a batch at a time: never more than a batch of its rows is in memory."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from riskwarn.errors import BusyError, DataError
from riskwarn.store.tables import Tables

BATCH_ROWS = 1 << 18


def batches(store: Tables, name: str, columns: Sequence[str], source: str | None = None) -> Iterator[pa.Table]:
    """The rows of a table in batches, in the order in which the whole table is read.

    Parameters
    ----------
    store
        The city.
    name
        Of the table.
    columns
        Those that are read.
    source
        For `events`: only this feed.

    Yields
    ------
    rows
        The columns as the files have them.

    Raises
    ------
    DataError
        A file is damaged.
    BusyError
        A delivery was committed meanwhile.
    """
    stamp = store.files.stamp()
    for place in places(store, name, source):
        with _reading(store, place), pq.ParquetFile(place) as file:
            for batch in file.iter_batches(BATCH_ROWS, columns=[*columns]):
                yield pa.Table.from_batches([batch])
    if store.files.stamp() != stamp:
        raise _changed(store)


def n_rows(store: Tables, name: str, source: str | None = None) -> int:
    """Rows of a table, as its files say.

    Parameters
    ----------
    store, name, source
        As for :func:`batches`.

    Returns
    -------
    n_rows
        In all files.
    """
    n = 0
    for place in places(store, name, source):
        with _reading(store, place):
            n += pq.read_metadata(place).num_rows
    return n


def places(store: Tables, name: str, source: str | None = None) -> list[Path]:
    """The files of a table, or of one feed of `events`."""
    parts = [part for part in store.parts_of(name) if source is None or part.split("/")[2] == source]
    return [place for part in parts if (place := store.files.find(part)) is not None]


@contextmanager
def _reading(store: Tables, place: Path) -> Iterator[None]:
    """Within it, what is wrong with a file is said in a sentence."""
    try:
        yield
    except FileNotFoundError:  # moved into its place between finding and opening it
        raise _changed(store) from None
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise DataError(
            f"{place} is damaged and cannot be read ({type(error).__name__}); put it back from a copy, or ingest its deliveries "
            "again into a new store."
        ) from None


def _changed(store: Tables) -> BusyError:
    return BusyError(f"store {store.path} changed while it was read; run again when the job that writes is done.")
