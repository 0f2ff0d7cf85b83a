"""From tables as they were written to facts: which revision holds when, and in which of today's grids."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from riskwarn.errors import DataError
from riskwarn.history.facts import (
    NEVER,
    ROW_COLUMNS,
    WORD_COLUMNS,
    Facts,
    constant,
    encode,
    facts_of,
    instants,
    numbers,
)
from riskwarn.history.sorting import in_order
from riskwarn.schema import TABLES

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
_JOINED = ("grid", "occurred", "severity", "source", "category", "origin", "tags", "outcome", "near", "place", "case")
"""What must stay the same for a count not to see a revision."""
_KINDS = {"time": pa.timestamp("us", "UTC"), "integer": pa.int64(), "number": pa.float64(), "flag": pa.bool_()}
_LEAST_SHARE = 1e-9


@dataclass(frozen=True, eq=False)
class Carry:
    """Where the records of each grid id go: the grid itself, or those that took over from it, with their shares."""

    first: np.ndarray
    grid: np.ndarray
    weight: np.ndarray

    @classmethod
    def of(cls, written: np.ndarray, grid_ids: np.ndarray, crosswalk: pd.DataFrame | None) -> "Carry":
        """The way of each id in `written` to `grid_ids`; what leads nowhere stays unplaced.

        Parameters
        ----------
        written
            Grid ids as records write them, each once.
        grid_ids
            (n_grids,) ids of the grids that hold.
        crosswalk
            Table `crosswalk`, where there is one.

        Returns
        -------
        carry
            By the number of each written id.
        """
        place = {str(g): i for i, g in enumerate(grid_ids)}
        heirs: dict[str, list[tuple[str, float]]] = {}
        if crosswalk is not None and len(crosswalk):
            for old, new, share in zip(
                crosswalk["from_grid_id"], crosswalk["to_grid_id"], crosswalk["weight"], strict=True
            ):
                heirs.setdefault(str(old), []).append((str(new), float(share)))
        ways = [_way(str(word), place, heirs) for word in written]
        count = np.array([len(way) for way in ways], dtype=np.int64)
        flat = [step for way in ways for step in way]
        return cls(
            np.r_[0, np.cumsum(count)],
            np.array([g for g, _ in flat], dtype=np.int32),
            np.array([w for _, w in flat], dtype=np.float32),
        )

    def rows(self, code: np.ndarray) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
        """For each record its row (repeated where its grid was split; None where every row is kept once), grid and share.

        Parameters
        ----------
        code
            (n,) number of the written id of each record.

        Returns
        -------
        row, grid, share
            (m,) each; shares in (0, 1].
        """
        count = np.diff(self.first)
        if len(count) and (count == 1).all():
            whole = bool((self.weight >= 1).all())
            return None, self.grid[code], constant(1, len(code), np.float32) if whole else self.weight[code]
        times = count[code] if len(count) else np.zeros(0, np.int64)
        row = np.repeat(np.arange(len(code)), times)
        at = np.arange(len(row)) - np.repeat(np.cumsum(times) - times, times) + self.first[:-1][code[row]]
        return row, self.grid[at], self.weight[at]

    def matrix(self, n_grids: int) -> sparse.csr_matrix:
        """(n_grids, n_codes) share of each written id that lies in each grid.

        Parameters
        ----------
        n_grids
            Of the city.

        Returns
        -------
        shares
            Sparse, in (0, 1].
        """
        return sparse.csr_matrix(
            (self.weight.astype(float), self.grid.astype(np.int64), self.first), shape=(len(self.first) - 1, n_grids)
        ).T.tocsr()

    @cached_property
    def largest(self) -> np.ndarray:
        """(n_codes,) grid with the largest share of each written id, the first of two as large; -1 for none."""
        code = np.repeat(np.arange(len(self.first) - 1), np.diff(self.first))
        order = np.lexsort((-self.grid, self.weight))
        best = np.full(len(self.first) - 1, -1, dtype=np.int64)
        best[code[order]] = self.grid[order]
        return best


def _way(word: str, place: Mapping[str, int], heirs: Mapping[str, list[tuple[str, float]]]) -> list[tuple[int, float]]:
    """Grids and shares a grid id leads to, following splits and merges; a circle ends where it closes."""
    found: dict[int, float] = {}
    ahead = [(word, 1.0, frozenset([word]))]
    while ahead:
        here, share, seen = ahead.pop()
        if here in place:
            found[place[here]] = found.get(place[here], 0.0) + share
            continue
        ahead += [(new, share * part, seen | {new}) for new, part in heirs.get(here, []) if new not in seen]
    return [(g, w) for g, w in sorted(found.items()) if w > _LEAST_SHARE]


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
        return _flags(self.table["retracted"])[self.order] if "retracted" in self.filled else np.zeros(len(self), bool)

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
            self._keys[name] = _numbered_keys(self.table[name]) if name in self.filled else nothing
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


def revisions(log: Log, carry: Carry, n_grids: int) -> tuple[Facts, Facts]:
    """Facts and cases of a log.

    A case is a revision on the interval it holds. Facts join the revisions between which only handling changed, so that counts
    have fewer rows to look at.
    """
    row, grid, weight = carry.rows(log.coded("grid_id")[0][log.order])
    rows = np.arange(len(log)) if row is None else row
    held = ~log.retracted[rows]
    if not held.all():
        rows, grid, weight = rows[held], grid[held], weight[held] if len(weight) else weight
    source_rows = log.order[rows]
    occurred = log.times("occurred_at")[source_rows]
    cases = facts_of(
        words=_words(log),
        grid=grid,
        start=np.maximum(log.known[rows], occurred),
        end=log.end[rows],
        occurred=occurred,
        weight=weight,
        known=np.maximum(log.first_known[rows], occurred),
        **_columns(log, source_rows),
    )
    facts = _coalesced(cases, log.event[rows])
    return in_order(facts, n_grids), in_order(cases, n_grids)


def punctual(log: Log, carry: Carry, n_grids: int) -> Facts:
    """Facts of a log of one row an event, each known when it occurs, its closing when it is closed."""
    row, grid, weight = carry.rows(log.coded("grid_id")[0])
    rows: np.ndarray | slice = slice(None) if row is None else row
    occurred = log.known[rows]
    columns = _columns(log, rows)
    return in_order(
        facts_of(words=_words(log), grid=grid, start=occurred, occurred=occurred, weight=weight, **columns), n_grids
    )


def _words(log: Log) -> dict[str, np.ndarray]:
    return {name: log.coded(name)[1] for name in WORD_COLUMNS if name in log.filled}


def _columns(log: Log, rows: np.ndarray | slice) -> dict[str, np.ndarray]:
    """The other columns of facts, as far as the table has them: an empty column takes no memory and no time."""
    columns = {name: log.coded(name)[0][rows] for name in WORD_COLUMNS if name in log.filled}
    for name in ("closed", "due"):
        if f"{name}_at" in log.filled:
            columns[name] = log.times(f"{name}_at")[rows]
    if "severity" in log.filled:
        columns["severity"] = log.severity()[rows]
    if "near_grid_id" in log.filled:
        near, near_words = log.coded("near_grid_id")
        columns["near"] = (near_words != "")[near][rows]
    for name, column in (("place", "place_key"), ("case", "case_id")):
        if column in log.filled:
            columns[name] = log.keyed(column)[0][rows]
    return columns


def _numbered_keys(column: pa.ChunkedArray) -> tuple[np.ndarray, pa.Array]:
    """Number of each key, -1 for the empty one and for none, without a Python object for any."""
    array = column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
    array = array.combine_chunks()
    array = array.chunk(0) if isinstance(array, pa.ChunkedArray) else array
    keyed = array.dictionary_encode()
    number = keyed.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    blank = pc.index(keyed.dictionary, "").as_py()
    return np.where(number == blank, np.int32(-1), number).astype(np.int32), keyed.dictionary


def _flags(column: pa.ChunkedArray) -> np.ndarray:
    return column.cast(pa.bool_()).fill_null(False).combine_chunks().to_numpy(zero_copy_only=False).astype(bool)


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


def _coalesced(rows: Facts, event: np.ndarray) -> Facts:
    if len(event) < 2:
        return rows
    joined = event[1:] == event[:-1]
    for name in (*_JOINED, "weight"):
        values = getattr(rows, name)
        if values.strides[0]:
            joined &= values[1:] == values[:-1]
    joined &= (rows.end[:-1] == rows.start[1:]) | (rows.start[:-1] == rows.start[1:])
    if not joined.any():
        return rows
    first = np.flatnonzero(np.r_[True, ~joined])
    last = np.r_[first[1:] - 1, len(event) - 1]
    merged = rows[first]
    return Facts(**{**{n: getattr(merged, n) for n in ROW_COLUMNS}, "end": rows.end[last]}, words=rows.words)


def arrow_of(name: str, frame: pd.DataFrame) -> pa.Table:
    """A table of the schema as Arrow, times in UTC, with an empty column for what is absent."""
    columns = {}
    for column in TABLES[name].columns:
        kind = _KINDS.get(column.kind, pa.string())
        if column.name not in frame:
            columns[column.name] = pa.nulls(len(frame), kind)
        elif column.kind == "time":
            columns[column.name] = pa.array(
                frame[column.name].dt.tz_convert(None).dt.as_unit("us").to_numpy(), pa.timestamp("us"), from_pandas=True
            ).cast(kind)
        else:
            columns[column.name] = pa.array(frame[column.name], kind, from_pandas=True)
    return pa.table(columns)


def table_facts(name: str, table: pa.Table, carry: Callable[[np.ndarray], Carry], n_grids: int) -> Facts:
    """Facts of the tables that are not events: visits, steps of handling, diverted calls, the roster.

    Raises
    ------
    DataError
        A table no stream is made of.
    """
    makers = {"visits": _visits, "workflow": _steps, "diversions": _diversions, "roster": _roster}
    if name not in makers:
        raise DataError(f"no stream is read from table {name!r}; streams are read from {', '.join(makers)}.")
    columns, words, known = makers[name](table)
    grid_code, written = encode(table["grid_id"])
    row, grid, weight = carry(written).rows(grid_code)
    rows = np.arange(len(grid_code)) if row is None else row
    chosen = {key: values[rows] for key, values in columns.items()}
    start = np.maximum(known[rows], chosen["occurred"])
    return in_order(facts_of(words=words, grid=grid, start=start, weight=weight, **chosen), n_grids)


_Made = tuple[dict[str, np.ndarray], dict[str, np.ndarray], np.ndarray]


def _named_source(word: str) -> np.ndarray:
    return np.array([word], dtype=object)


def _visits(table: pa.Table) -> _Made:
    category, kinds = encode(table["kind"])
    purpose, purposes = encode(table["purpose"])
    valid = _flags(table["valid"])
    columns = {
        "occurred": instants(table["started_at"]),
        "category": category,
        "tags": purpose + valid * np.int32(len(purposes)),
        "amount": numbers(table["n_households"], 0).astype(np.float32),
    }
    tags = np.array([*purposes, *(f"{p} valid".strip() for p in purposes)], dtype=object)
    return columns, {"source": _named_source("visit"), "category": kinds, "tags": tags}, instants(table["known_at"])


def _steps(table: pa.Table) -> _Made:
    category, actions = encode(table["action"])
    at, known = instants(table["at"]), instants(table["known_at"])
    case = _numbered_keys(table["case_id"])[0]
    start = np.maximum(np.where(known == NEVER, at, known), at)
    nth = _nth(case, category, start, numbers(table["step"], 0))
    columns = {
        "occurred": at,
        "category": category,
        "case": case,
        "due": instants(table["limit_at"]),
        "tags": (nth == 1).astype(np.int32),
    }
    words = {"source": _named_source("step"), "category": actions, "tags": np.array(["", "again"], dtype=object)}
    return columns, words, np.where(known == NEVER, at, known)


def _nth(case: np.ndarray, action: np.ndarray, start: np.ndarray, step: np.ndarray) -> np.ndarray:
    """How many steps of the same action of the case were known before."""
    order = np.lexsort((step, start, action, case))
    changed = np.r_[True, (case[order][1:] != case[order][:-1]) | (action[order][1:] != action[order][:-1])]
    first = np.maximum.accumulate(np.where(changed, np.arange(len(order)), 0)) if len(order) else order
    nth = np.empty(len(order), np.int64)
    nth[order] = np.arange(len(order)) - first
    return nth


def _diversions(table: pa.Table) -> _Made:
    sent = instants(table["sent_at"])
    category, orgs = encode(table["to_org"])
    columns = {"occurred": sent, "category": category, "closed": instants(table["received_at"])}
    return columns, {"source": _named_source("diversion"), "category": orgs}, sent


def _roster(table: pa.Table) -> _Made:
    day = instants(table["day_at"])
    workers = numbers(table["n_workers"], 0).astype(np.float32)
    columns = {"occurred": day, "amount": workers, "tags": (workers > 0).astype(np.int32)}
    return columns, {"source": _named_source("roster"), "tags": np.array(["", "staffed"], dtype=object)}, day
