"""From tables as they were written to facts: which revision holds when, and in which of today's grids."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

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
    "source", "event_id", "known_at", "occurred_at", "grid_id", "category", "closed_at", "due_at", "severity", "origin", "tags",
    "outcome", "near_grid_id", "place_key", "case_id", "retracted",
)  # fmt: skip
"""Columns of table `events` a feature may depend on."""
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
        """The way of each id in `written` to `grid_ids`; what leads nowhere stays unplaced."""
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
        """For each record its row (repeated where its grid was split; None where every row is kept once), grid and share."""
        count = np.diff(self.first)
        if len(count) and (count == 1).all():
            whole = bool((self.weight >= 1).all())
            return None, self.grid[code], constant(1, len(code), np.float32) if whole else self.weight[code]
        times = count[code] if len(count) else np.zeros(0, np.int64)
        row = np.repeat(np.arange(len(code)), times)
        at = np.arange(len(row)) - np.repeat(np.cumsum(times) - times, times) + self.first[:-1][code[row]]
        return row, self.grid[at], self.weight[at]


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


def revisions(events: pa.Table, grid_ids: np.ndarray, crosswalk: pd.DataFrame | None) -> tuple[Facts, Facts]:
    """Facts and cases of a table of revisions.

    A case is a revision on the interval it holds. Facts join the revisions between which only handling changed, so that counts
    have fewer rows to look at.
    """
    codes, words = _encoded(events)
    known = instants(events["known_at"])
    event = _events(events["event_id"], codes["source"])
    order = _by_event(event, known)
    event, known = event[order], known[order]
    same = event[1:] == event[:-1]
    end = np.full(len(known), NEVER)
    end[:-1][same] = known[1:][same]
    grid_code, written = encode(events["grid_id"])
    begins = np.r_[True, ~same][: len(known)]
    first_known = known[begins][np.cumsum(begins) - 1] if len(known) else known
    row, grid, weight = Carry.of(written, grid_ids, crosswalk).rows(grid_code[order])
    rows = np.arange(len(order)) if row is None else row
    held = ~(_flags(events["retracted"])[order][rows])
    if not held.all():
        rows, grid, weight = rows[held], grid[held], weight[held] if len(weight) else weight
    source_rows = order[rows]
    occurred = instants(events["occurred_at"])[source_rows]
    cases = facts_of(
        words=words, grid=grid, start=np.maximum(known[rows], occurred), end=end[rows], occurred=occurred, weight=weight,
        known=np.maximum(first_known[rows], occurred), **_columns(events, codes, source_rows),
    )  # fmt: skip
    facts = _coalesced(cases, event[rows])
    return in_order(facts, len(grid_ids)), in_order(cases, len(grid_ids))


def punctual(events: pa.Table, grid_ids: np.ndarray, crosswalk: pd.DataFrame | None) -> Facts:
    """Facts of a table of one row an event, each known when it occurs, its closing when it is closed."""
    codes, words = _encoded(events)
    grid_code, written = encode(events["grid_id"])
    row, grid, weight = Carry.of(written, grid_ids, crosswalk).rows(grid_code)
    rows: np.ndarray | slice = slice(None) if row is None else row
    occurred = instants(events["occurred_at"])[rows]
    found = facts_of(
        words=words, grid=grid, start=occurred, occurred=occurred, weight=weight, **_columns(events, codes, rows)
    )
    return in_order(found, len(grid_ids))


def _columns(events: pa.Table, codes: Mapping[str, np.ndarray], rows: np.ndarray | slice) -> dict[str, np.ndarray]:
    """The other columns of facts, as far as the table has them: an empty column takes no memory and no time."""
    found = {name: codes[name][rows] for name in WORD_COLUMNS if name in codes}
    names = set(events.column_names)
    filled = {n for n in names if events[n].null_count < len(events)}
    for name in ("closed", "due"):
        if f"{name}_at" in filled:
            found[name] = instants(events[f"{name}_at"])[rows]
    if "severity" in filled:
        found["severity"] = numbers(events["severity"], 0)[rows].astype(np.int8)
    if "near_grid_id" in filled:
        near, near_words = encode(events["near_grid_id"])
        found["near"] = (near_words != "")[near][rows]
    for name, column in (("place", "place_key"), ("case", "case_id")):
        if column in filled:
            found[name] = named(events[column])[rows]
    return found


def named(column: pa.ChunkedArray) -> np.ndarray:
    """Numbers of the words of a column, -1 for the empty one."""
    code, words = encode(column)
    empty = np.flatnonzero(words == "")
    return np.where(np.isin(code, empty), -1, code).astype(np.int32) if len(empty) else code


def _encoded(events: pa.Table) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    codes, words = {}, {}
    for name in WORD_COLUMNS:
        if name in events.column_names and events[name].null_count < len(events):
            codes[name], words[name] = encode(events[name])
    return codes, words


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


def table_facts(name: str, table: pa.Table, grid_ids: np.ndarray, crosswalk: pd.DataFrame | None) -> Facts:
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
    row, grid, weight = Carry.of(written, grid_ids, crosswalk).rows(grid_code)
    rows = np.arange(len(grid_code)) if row is None else row
    chosen = {key: values[rows] for key, values in columns.items()}
    start = np.maximum(known[rows], chosen["occurred"])
    return in_order(facts_of(words=words, grid=grid, start=start, weight=weight, **chosen), len(grid_ids))


_Made = tuple[dict[str, np.ndarray], dict[str, np.ndarray], np.ndarray]


def _named_source(word: str) -> np.ndarray:
    return np.array([word], dtype=object)


def _visits(table: pa.Table) -> _Made:
    category, kinds = encode(table["kind"])
    purpose, purposes = encode(table["purpose"])
    valid = _flags(table["valid"])
    columns = {
        "occurred": instants(table["started_at"]), "category": category, "tags": purpose + valid * np.int32(len(purposes)),
        "amount": numbers(table["n_households"], 0).astype(np.float32),
    }  # fmt: skip
    tags = np.array([*purposes, *(f"{p} valid".strip() for p in purposes)], dtype=object)
    return columns, {"source": _named_source("visit"), "category": kinds, "tags": tags}, instants(table["known_at"])


def _steps(table: pa.Table) -> _Made:
    category, actions = encode(table["action"])
    at, known = instants(table["at"]), instants(table["known_at"])
    case = named(table["case_id"])
    start = np.maximum(np.where(known == NEVER, at, known), at)
    nth = _nth(case, category, start, numbers(table["step"], 0))
    columns = {
        "occurred": at, "category": category, "case": case, "due": instants(table["limit_at"]),
        "tags": (nth == 1).astype(np.int32),
    }  # fmt: skip
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
