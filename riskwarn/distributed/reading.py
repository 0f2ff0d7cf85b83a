"""The tables of a store in batches: words as numbers of one vocabulary, rows numbered as they lie, never more than a batch at once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from riskwarn.history.log import COLUMNS, WORDS
from riskwarn.history.sources import READ
from riskwarn.history.tables import arrow_of
from riskwarn.store import Store
from riskwarn.store import reading as files

ROW = "row"
"""Column that says where in the table a row lies: brought into its order again, rows are as they were read."""


@dataclass(frozen=True)
class Kind:
    """How a table is read.

    Parameters
    ----------
    name
        Of the table.
    columns, words
        Those that are read, and those of them that hold repeated words.
    key
        Rows that agree in these columns must be looked at together: the revisions of an event, the steps of a case.
    """

    name: str
    columns: tuple[str, ...]
    words: tuple[str, ...]
    key: tuple[str, ...] = ()


EVENTS = Kind("events", COLUMNS, WORDS, ("event_id",))
KINDS = {
    "events": EVENTS,
    "visits": Kind("visits", READ["visits"], ("grid_id", "kind", "purpose")),
    "workflow": Kind("workflow", READ["workflow"], ("grid_id", "action"), ("case_id",)),
    "diversions": Kind("diversions", READ["diversions"], ("grid_id", "to_org")),
    "roster": Kind("roster", READ["roster"], ("grid_id",)),
}
"""The tables that blocks are given records of."""


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """The words of some columns, numbered in the order in which they first come, as they are where a table is read whole."""

    words: dict[str, list[str]] = field(default_factory=dict)
    _numbers: dict[str, dict[str, int]] = field(default_factory=dict)

    def codes(self, name: str, column: pa.ChunkedArray) -> np.ndarray:
        """(n,) number of each word of a column; what is missing is the empty word."""
        words, numbers = self.words.setdefault(name, []), self._numbers.setdefault(name, {})
        plain = column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
        coded = pc.fill_null(plain, "").combine_chunks().dictionary_encode()
        coded = coded.combine_chunks() if isinstance(coded, pa.ChunkedArray) else coded
        here = coded.dictionary.to_pylist()
        for word in here:
            if word not in numbers:
                numbers[word] = len(words)
                words.append(word)
        renumbered = np.array([numbers[word] for word in here], dtype=np.int32)
        return renumbered[coded.indices.to_numpy(zero_copy_only=False)] if len(here) else np.zeros(0, np.int32)

    def known(self) -> dict[str, np.ndarray]:
        """The words by column."""
        return {name: np.array(words, dtype=object) for name, words in self.words.items()}


def batches(store: Store, kind: Kind, vocabulary: Vocabulary) -> Iterator[pa.Table]:
    """The rows of a table in batches, words as numbers, and where each row lies.

    Parameters
    ----------
    store
        The city.
    kind
        How the table is read.
    vocabulary
        Of the table; it grows.

    Yields
    ------
    rows
        In the order in which the whole table is read.

    Raises
    ------
    DataError
        A file is damaged.
    BusyError
        A delivery was committed meanwhile.
    """
    n = 0
    for rows in files.batches(store, kind.name, kind.columns):
        yield _coded(rows, kind, vocabulary, n)
        n += len(rows)


def n_rows(store: Store, name: str) -> int:
    """Rows of a table, as its files say."""
    return files.n_rows(store, name)


def _coded(rows: pa.Table, kind: Kind, vocabulary: Vocabulary, first: int) -> pa.Table:
    columns = {
        name: pa.array(vocabulary.codes(name, rows[name])) if name in kind.words else rows[name]
        for name in kind.columns
    }
    return pa.table({**columns, ROW: pa.array(np.arange(first, first + len(rows)))})


def spoken(rows: pa.Table, kind: Kind, words: Mapping[str, np.ndarray]) -> pa.Table:
    """Rows with their words again, in the order in which they lay.

    Parameters
    ----------
    rows
        As :func:`batches` gives them, in any order.
    kind
        How the table is read.
    words
        The whole vocabulary, so that codes made of these rows are those of all.

    Returns
    -------
    rows
        The columns of the kind.
    """
    rows = as_read(rows)
    columns = {
        name: pa.DictionaryArray.from_arrays(rows[name].combine_chunks(), pa.array(words[name], pa.string()))
        if name in kind.words
        else rows[name]
        for name in kind.columns
    }
    return pa.table(columns)


def as_read(rows: pa.Table) -> pa.Table:
    """Rows in the order in which they lay; left alone where they are in it."""
    at = rows[ROW].to_numpy()
    if bool((at[1:] >= at[:-1]).all()):
        return rows.combine_chunks()
    return rows.take(pa.array(np.argsort(at, kind="stable"))).combine_chunks()


def spoken_nothing(kind: Kind, words: Mapping[str, np.ndarray]) -> pa.Table:
    """No rows of a table, with the words of its vocabulary."""
    none = arrow_of(kind.name, pd.DataFrame())
    columns = {
        name: pa.DictionaryArray.from_arrays(pa.array([], pa.int32()), pa.array(words.get(name, ()), pa.string()))
        if name in kind.words
        else none[name]
        for name in kind.columns
    }
    return pa.table(columns)


def bucket_of(rows: pa.Table, key: Sequence[str], n_buckets: int) -> np.ndarray:
    """(n,) number of the bucket of each row: rows of one key are in one bucket."""
    if n_buckets == 1:
        return np.zeros(len(rows), np.int64)
    total = np.zeros(len(rows), np.uint64)
    with np.errstate(over="ignore"):
        for name in key:
            values = rows[name].to_numpy()
            if values.dtype == object:
                values = pd.util.hash_array(np.where(pd.isna(values), "", values), categorize=False)
            total = total * np.uint64(31) + values.astype(np.uint64)
    return (total % np.uint64(n_buckets)).astype(np.int64)
