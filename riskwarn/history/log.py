"""The log of events: every revision as it was written, by event and by the instant it became known."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

import numpy as np
import pyarrow as pa

from riskwarn.history.columns import encode, flags, instants, narrow, numbered_keys, numbers
from riskwarn.history.facts import NEVER, constant

COLUMNS = (
    "source",
    "event_id",
    "known_at",
    "occurred_at",
    "grid_id",
    "category",
    "closed_at",
    "due_at",
    "severity",
    "origin",
    "tags",
    "outcome",
    "near_grid_id",
    "place_key",
    "case_id",
    "retracted",
    "org_code",
    "status",
)
"""Columns of table `events` that are read: what features, gaps and reasons may depend on."""
WORDS = ("source", "grid_id", "category", "origin", "near_grid_id", "org_code", "status", "outcome", "tags")
"""Columns of repeated words."""
KEYS = ("place_key", "case_id")
"""Columns whose words say only what belongs together."""
_Read = TypeVar("_Read")


@dataclass(frozen=True, eq=False)
class Log:
    """Every revision of every event, by event and by the instant it became known.

    Words, keys and times are read from their columns as plain numbers when first asked for, and the columns let go: they are most of its memory.

    Parameters
    ----------
    schema
        Of table `events` as it was written; columns may be missing.
    filled
        Columns that say something of any row.
    columns
        Those of the table that are not read yet.
    order
        (n,) Row of the table; the other arrays are in this order.
    event
        (n,) Number of the event.
    known, end
        (n,) The revision holds on ``(known, end]``, µs.
    first_known
        (n,) When the event first became known, in whatever form, µs.
    """

    schema: pa.Schema
    filled: frozenset[str]
    columns: dict[str, pa.ChunkedArray]
    order: np.ndarray
    event: np.ndarray
    known: np.ndarray
    end: np.ndarray
    first_known: np.ndarray
    _coded: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    _times: dict[str, np.ndarray] = field(default_factory=dict)
    _keyed: dict[str, tuple[np.ndarray, pa.Array]] = field(default_factory=dict)

    @classmethod
    def of(cls, table: pa.Table) -> "Log":
        """The log of a table of revisions.

        Parameters
        ----------
        table
            Table `events`, in any order.

        Returns
        -------
        log
            By event and instant.
        """
        known = instants(table["known_at"])
        event = _events(table["event_id"], encode(table["source"])[0])
        order = _by_event(event, known)
        event, known = event[order], known[order]
        same = event[1:] == event[:-1]
        end = np.full(len(known), NEVER)
        end[:-1][same] = known[1:][same]
        begins = np.r_[True, ~same][: len(known)]
        number = np.cumsum(begins, dtype=np.int32) - np.int32(1)
        return cls(*_columns(table), order, number, known, end, known[begins][number])

    @classmethod
    def punctual(cls, table: pa.Table) -> "Log":
        """The log of a table of one row an event, each known when it occurs.

        Parameters
        ----------
        table
            With `occurred_at`.

        Returns
        -------
        log
            In the order of the table.
        """
        occurred, rows = instants(table["occurred_at"]), np.arange(len(table))
        never, times = constant(NEVER, len(rows), np.int64), {"occurred_at": occurred}
        return cls(*_columns(table), rows, rows, occurred, never, occurred, _times=times)

    def __len__(self) -> int:
        """Number of revisions."""
        return len(self.order)

    def coded(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Code of each row of the table, and the vocabulary; one empty word where the column says nothing.

        Parameters
        ----------
        name
            Column of repeated words.

        Returns
        -------
        codes, words
            (n_rows,) as few bytes as hold them, and the words they number.
        """
        if name not in self.filled:
            return constant(0, len(self), np.int8), np.array([""], dtype=object)
        return self._read(self._coded, name, _narrow_codes)

    def times(self, name: str) -> np.ndarray:
        """µs since 1970 UTC of each row of the table; :data:`NEVER` where empty.

        Parameters
        ----------
        name
            Column of times.

        Returns
        -------
        instants
            (n_rows,) µs.
        """
        if name not in self.filled:
            return constant(NEVER, len(self), np.int64)
        return self._read(self._times, name, instants)

    @cached_property
    def retracted(self) -> np.ndarray:
        """(n,) whether each revision, in the order of the log, withdraws its event."""
        return flags(self.columns["retracted"])[self.order] if "retracted" in self.filled else np.zeros(len(self), bool)

    def severity(self) -> np.ndarray:
        """Severity of each row of the table, 0 where unknown."""
        if "severity" not in self.filled:
            return constant(0, len(self), np.int8)
        return numbers(self.columns["severity"], 0).astype(np.int8)

    def keyed(self, name: str) -> tuple[np.ndarray, pa.Array]:
        """Number of the key of each row of the table, -1 for none; and the keys by number.

        Parameters
        ----------
        name
            ``place_key`` or ``case_id``.

        Returns
        -------
        numbers, keys
            (n_rows,) int32, and the keys they number.
        """
        if name not in self.filled:
            return constant(-1, len(self), np.int32), pa.array([], pa.string())
        return self._read(self._keyed, name, numbered_keys)

    def _read(self, held: dict[str, _Read], name: str, read: Callable[[pa.ChunkedArray], _Read]) -> _Read:
        """What a column says, read once; the column is let go."""
        column = self.columns.get(name)  # before the look at what is held: another thread may be done in between
        if name not in held:
            held[name] = read(column)
        self.columns.pop(name, None)
        return held[name]

    def held(self, at: int) -> np.ndarray:
        """Positions in the log of the revisions that hold at an instant: the newest known of each event, unless it withdraws it.

        Parameters
        ----------
        at
            The instant, µs.

        Returns
        -------
        positions
            (k,) rising.
        """
        occurred = self.times("occurred_at")[self.order]
        return np.flatnonzero((self.known < at) & (self.end >= at) & ~self.retracted & (occurred < at))


def _columns(table: pa.Table) -> tuple[pa.Schema, frozenset[str], dict[str, pa.ChunkedArray]]:
    filled = frozenset(name for name in table.column_names if table[name].null_count < len(table))
    return table.schema, filled, {name: table[name] for name in filled}


def _narrow_codes(column: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    codes, words = encode(column)
    return narrow(codes, len(words)), words


def _events(event_id: pa.ChunkedArray, source: np.ndarray) -> np.ndarray:
    number, ids = _numbered(event_id)
    return source.astype(np.int64) * max(ids, 1) + number


def _numbered(column: pa.ChunkedArray) -> tuple[np.ndarray, int]:
    """Number of each word, without a Python object for any."""
    array = column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
    array = array.combine_chunks()
    array = array.chunk(0) if isinstance(array, pa.ChunkedArray) else array
    coded = array.dictionary_encode()
    return coded.indices.to_numpy(zero_copy_only=False), len(coded.dictionary)


def _by_event(event: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The order of (event, known)."""
    by_time = np.argsort(known, kind="stable").astype(np.int32)
    return by_time[np.argsort(event[by_time], kind="stable")]
