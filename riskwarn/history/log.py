"""The log of events: every revision as it was written, by event and by the instant it became known."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pyarrow as pa

from riskwarn.history.columns import encode, flags, instants, numbered_keys, numbers
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


@dataclass(frozen=True, eq=False)
class Log:
    """Every revision of every event, by event and by the instant it became known.

    Parameters
    ----------
    table
        Table `events` as it was written; columns may be missing.
    order
        (n,) Row of `table`; the other arrays are in this order.
    event
        (n,) Number of the event.
    known, end
        (n,) The revision holds on ``(known, end]``, µs.
    first_known
        (n,) When the event first became known, in whatever form, µs.
    """

    table: pa.Table
    order: np.ndarray
    event: np.ndarray
    known: np.ndarray
    end: np.ndarray
    first_known: np.ndarray
    _coded: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)

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
        source, words = encode(table["source"])
        event = _events(table["event_id"], source)
        order = _by_event(event, known)
        event, known = event[order], known[order]
        same = event[1:] == event[:-1]
        end = np.full(len(known), NEVER)
        end[:-1][same] = known[1:][same]
        begins = np.r_[True, ~same][: len(known)]
        first_known = known[begins][np.cumsum(begins) - 1] if len(known) else known
        return cls(table, order, event, known, end, first_known, {"source": (source, words)})

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
        return cls(table, rows, rows, occurred, constant(NEVER, len(rows), np.int64), occurred)

    def __len__(self) -> int:
        """Number of revisions."""
        return len(self.order)

    @cached_property
    def filled(self) -> frozenset[str]:
        """Columns that say something of any row."""
        return frozenset(n for n in self.table.column_names if self.table[n].null_count < len(self.table))

    def coded(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Code of each row of `table`, and the vocabulary; one empty word where the column says nothing.

        Parameters
        ----------
        name
            Column of repeated words.

        Returns
        -------
        codes, words
            (n_rows,) int32, and the words they number.
        """
        if name not in self._coded:
            nothing = constant(0, len(self.table), np.int32), np.array([""], dtype=object)
            self._coded[name] = encode(self.table[name]) if name in self.filled else nothing
        return self._coded[name]

    def times(self, name: str) -> np.ndarray:
        """µs since 1970 UTC of each row of `table`; :data:`NEVER` where empty.

        Parameters
        ----------
        name
            Column of times.

        Returns
        -------
        instants
            (n_rows,) µs.
        """
        return instants(self.table[name]) if name in self.filled else constant(NEVER, len(self.table), np.int64)

    @cached_property
    def retracted(self) -> np.ndarray:
        """(n,) whether each revision, in the order of the log, withdraws its event."""
        return flags(self.table["retracted"])[self.order] if "retracted" in self.filled else np.zeros(len(self), bool)

    def severity(self) -> np.ndarray:
        """Severity of each row of `table`, 0 where unknown."""
        if "severity" not in self.filled:
            return constant(0, len(self.table), np.int8)
        return numbers(self.table["severity"], 0).astype(np.int8)

    @cached_property
    def _keys(self) -> dict[str, tuple[np.ndarray, pa.Array]]:
        return {}

    def keyed(self, name: str) -> tuple[np.ndarray, pa.Array]:
        """Number of the key of each row of `table`, -1 for none; and the keys by number.

        Parameters
        ----------
        name
            ``place_key`` or ``case_id``.

        Returns
        -------
        numbers, keys
            (n_rows,) int32, and the keys they number.
        """
        if name not in self._keys:
            nothing = constant(-1, len(self.table), np.int32), pa.array([], pa.string())
            self._keys[name] = numbered_keys(self.table[name]) if name in self.filled else nothing
        return self._keys[name]

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
    by_time = np.argsort(known, kind="stable")
    return by_time[np.argsort(event[by_time], kind="stable")]
