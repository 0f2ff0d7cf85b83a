"""Time: what was known, when. :class:`History` is the only door to the past.

A revision of an event is known at every instant after its `known_at` until the next revision of the event is. Of the
revisions known at `as_of` the newest holds; a retracted one holds nothing. So every fact is true on one interval
``(start, end]`` of the `as_of` axis, and every count is two index look-ups, one scatter and one cumulative sum, for one
date as for a thousand::

    known_at ──────┬───────────────┬──────────▶ as_of
                   (start      end]
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy import sparse

from riskwarn import grid
from riskwarn.errors import DataError, DefinitionError, StaleDataError, did_you_mean
from riskwarn.schema import conform
from riskwarn.store import Store
from riskwarn.taxonomy import NEVER_FEATURES, TAGS, Words, words_of

DAY_US = 86_400_000_000
"""One day, µs. A window of `days` is `days` times 24 hours."""
_NEVER = np.iinfo(np.int64).max
_ABSENT = {"origin": pa.string(), "tags": pa.string(), "retracted": pa.bool_()}
_LONG_AGO = np.iinfo(np.int64).min // 2
_WORD_COLUMNS = ("source", "category", "origin", "tags")
_COLUMNS = ("source", "event_id", "known_at", "occurred_at", "grid_id", "category", "closed_at", "due_at", "severity", "origin", "tags", "retracted")  # fmt: skip


@dataclass(frozen=True)
class Stream:
    """Which events a feature or label speaks of. An empty choice means all.

    Parameters
    ----------
    source
        The feed.
    categories
        Canonical categories; sensitive ones are refused.
    tag
        One word of :data:`riskwarn.taxonomy.TAGS` the event must carry.
    origin
        ``citizen`` or ``proactive``.
    severity
        Least severity, 1 to 3.

    Raises
    ------
    DefinitionError
        A sensitive category, an unknown tag, origin or severity.
    """

    source: str
    categories: tuple[str, ...] = ()
    tag: str = ""
    origin: str = ""
    severity: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "categories", tuple(self.categories))
        forbidden = sorted(NEVER_FEATURES & set(self.categories))
        if forbidden:
            raise DefinitionError(
                f"stream {self.source!r}: categories {', '.join(forbidden)} are sensitive and are never a feature or target."
            )
        if self.tag and self.tag not in TAGS:
            raise DefinitionError(
                f"stream {self.source!r}: unknown tag {self.tag!r}{did_you_mean(self.tag, TAGS)}; known: {', '.join(TAGS)}."
            )
        if self.origin not in {"", "citizen", "proactive"}:
            raise DefinitionError(
                f"stream {self.source!r}: origin must be 'citizen' or 'proactive', got {self.origin!r}."
            )
        if self.severity not in {0, 1, 2, 3}:
            raise DefinitionError(f"stream {self.source!r}: severity must be 0 to 3, got {self.severity!r}.")

    @classmethod
    def parse(cls, declared: "str | Mapping[str, Any] | Stream") -> "Stream":
        """A stream from a source name or from plain values.

        Examples
        --------
        >>> Stream.parse({"source": "dispute", "categories": ["D07"]}).name
        'dispute_d07'
        """
        if isinstance(declared, Stream):
            return declared
        return cls(declared) if isinstance(declared, str) else cls(**declared)

    def to_dict(self) -> dict[str, Any]:
        """Plain values from which :meth:`parse` makes an equal stream; choices left open are left out."""
        chosen = {name: getattr(self, name) for name in self.__dataclass_fields__ if getattr(self, name)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in chosen.items()}

    @property
    def name(self) -> str:
        """The stream as a part of a feature's name.

        Examples
        --------
        >>> Stream("police_call", categories=("P04",), tag="weapon").name
        'police_call_p04_weapon'
        """
        parts = [
            self.source,
            *(c.lower() for c in self.categories),
            self.tag,
            self.origin,
            f"sev{self.severity}" if self.severity else "",
        ]
        return "_".join(p for p in parts if p)

    @property
    def words(self) -> Words:
        """The stream in words."""
        source = words_of(self.source)
        kinds = [words_of(c) for c in self.categories]
        zh = ("、".join(k.zh for k in kinds) + "类" if kinds else "") + source.zh
        en = (" and ".join(k.en for k in kinds) + " " if kinds else "") + source.en
        if self.severity:
            zh, en = f"较重{zh}", f"serious {en}"
        if self.origin:
            zh, en = (
                ("群众反映的" if self.origin == "citizen" else "主动发现的") + zh,
                f"{en} ({'asked for by residents' if self.origin == 'citizen' else 'found by staff'})",
            )
        if self.tag:
            zh, en = f"{zh}（{TAGS[self.tag].zh}）", f"{en} ({TAGS[self.tag].en})"
        return Words(zh, en)


@dataclass(frozen=True, eq=False)
class Facts:
    """Rows true on ``(start, end]``, instants in µs since 1970 UTC; words as codes into the history's vocabulary."""

    grid: np.ndarray
    start: np.ndarray
    end: np.ndarray
    occurred: np.ndarray
    closed: np.ndarray
    due: np.ndarray
    severity: np.ndarray
    source: np.ndarray
    category: np.ndarray
    origin: np.ndarray
    tags: np.ndarray

    def __getitem__(self, rows: np.ndarray) -> "Facts":
        return Facts(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


@dataclass(frozen=True, eq=False)
class History:
    """Everything that was ever known of a city, with the instant each thing became known.

    Use :meth:`of` or :meth:`load` to make one.
    """

    grids: pd.DataFrame
    facts: Facts
    cases: Facts
    words: Mapping[str, np.ndarray]
    until: int
    timezone: str
    _links: dict[str, sparse.csr_matrix] = field(default_factory=dict)

    @classmethod
    def load(cls, store: Store, *, as_of: object = None) -> "History":
        """The history of a store, over the grids valid at `as_of` (the newest by default)."""
        events = store.arrow("events", columns=_COLUMNS)
        return cls._make(events, store.grids(as_of), store.known_until(), store.timezone)

    @classmethod
    def of(cls, events: pd.DataFrame, grids: pd.DataFrame, *, timezone: str = "Asia/Shanghai") -> "History":
        """The history of a table of events over a table of grids (one row a grid).

        Raises
        ------
        DataError
            A table breaks its contract, two rows stand for one grid, or there is no event.
        """
        events, grids = conform("events", events), conform("grids", grids)
        if events.empty:
            raise DataError("table 'events' has no rows; there is no history to compute features from.")
        if grids["grid_id"].duplicated().any():
            twice = grids.loc[grids["grid_id"].duplicated(), "grid_id"].iloc[0]
            raise DataError(
                f"table 'grids': several versions of grid {twice!r}; give the version to use, one row a grid."
            )
        table = _arrow_of(events)
        return cls._make(table, grids, events["known_at"].max(), timezone)

    @classmethod
    def _make(cls, events: pa.Table, grids: pd.DataFrame, until: pd.Timestamp, timezone: str) -> "History":
        grids = grids.sort_values("grid_id", ignore_index=True)
        revisions, words, event = _revisions(events, grids["grid_id"].to_numpy(dtype=object))
        placed = revisions.grid >= 0
        cases = revisions[placed]
        facts = _coalesce(cases, event[placed])
        return cls(grids, facts, cases, words, _micros(pd.Series([until]))[0], timezone)

    def __repr__(self) -> str:
        """Size and span at a glance."""
        return f"History({len(self.cases.grid):,} revisions, {len(self.grids):,} grids, until {pd.Timestamp(self.until, unit='us', tz=self.timezone)})"

    @property
    def sources(self) -> list[str]:
        """Feeds with events."""
        return sorted(self.words["source"][np.unique(self.cases.source)])

    def neighbors(self, how: str = "auto") -> sparse.csr_matrix:
        """(n, n) 0/1 matrix of grids beside each other."""
        if how not in self._links:
            self._links[how] = grid.neighbors(self.grids, how=how)  # type: ignore[arg-type]
        return self._links[how]

    def at(self, as_ofs: Iterable[object]) -> "Snapshot":
        """What was known at each of `as_ofs`.

        Raises
        ------
        DataError
            No date, a date twice, or dates out of order.
        StaleDataError
            A date lies after everything the history speaks for by more than a day.
        """
        dates = pd.DatetimeIndex([_instant(a, self.timezone) for a in as_ofs]).as_unit("us")
        if len(dates) == 0 or not dates.is_monotonic_increasing or not dates.is_unique:
            raise DataError(f"as_of dates must be at least one, increasing and distinct; got {len(dates)}.")
        late = dates[-1] - pd.Timestamp(self.until, unit="us", tz="UTC")
        if late > pd.Timedelta(days=1):
            raise StaleDataError(
                f"nothing is known for as_of {dates[-1].date()}: the data end at {pd.Timestamp(self.until, unit='us', tz=self.timezone)}, "
                f"{late.days} days before. Bring newer deliveries in, or choose an earlier date."
            )
        return Snapshot(self, dates)

    def select(self, facts: Facts, stream: Stream) -> np.ndarray:
        """Indices of the rows of `facts` that belong to `stream`.

        Raises
        ------
        DefinitionError
            The history holds no such source; a feed that is absent is not a feed of zeros.
        """
        if stream.source not in self.sources:
            raise DefinitionError(
                f"stream {stream.name!r}: the store holds no source {stream.source!r}{did_you_mean(stream.source, self.sources)}; "
                f"it has: {', '.join(self.sources)}. Leave the feature group out, or ingest the feed."
            )
        mask = _is(self.words["source"], stream.source)[facts.source]
        mask &= ~np.isin(self.words["category"], list(NEVER_FEATURES))[facts.category]
        if stream.categories:
            mask &= np.isin(self.words["category"], stream.categories)[facts.category]
        if stream.origin:
            mask &= _is(self.words["origin"], stream.origin)[facts.origin]
        if stream.tag:
            mask &= np.array([stream.tag in str(t).split() for t in self.words["tags"]], dtype=bool)[facts.tags]
        if stream.severity:
            mask &= facts.severity >= stream.severity
        return np.flatnonzero(mask)


class Snapshot:
    """What was known at each of some dates. Every method gives one number per grid and date: (n_grids, n_dates) float32."""

    def __init__(self, history: History, dates: pd.DatetimeIndex) -> None:
        self.history = history
        self.dates = dates
        self.micros = dates.tz_convert("UTC").tz_localize(None).to_numpy().astype(np.int64)
        self.shape = (len(history.grids), len(dates))
        self._rows: dict[tuple[str, Stream], Facts] = {}
        self._counts: dict[tuple[Stream, float, float], np.ndarray] = {}

    @property
    def local(self) -> pd.DatetimeIndex:
        """The dates on the city's clock."""
        return self.dates.tz_convert(self.history.timezone)

    def count(self, stream: Stream, days: float, *, ago: float = 0) -> np.ndarray:
        """Events that occurred within `days` before the date, or before `ago` days earlier."""
        key = (stream, days, ago)
        if key not in self._counts:
            rows = self._of("facts", stream)
            start = np.maximum(rows.start, rows.occurred + int(ago * DAY_US))
            self._counts[key] = self._sum(
                rows.grid, start, np.minimum(rows.end, rows.occurred + int((days + ago) * DAY_US))
            )
        return self._counts[key]

    def observed(self, source: str, days: float) -> np.ndarray:
        """(n_dates,) days of the last `days` for which the source speaks: from its first record on, never below one."""
        own = np.flatnonzero(_is(self.history.words["source"], source))
        cases = self.history.cases
        first = cases.occurred[np.isin(cases.source, own)].min(initial=_NEVER)
        return np.clip((self.micros - first) / DAY_US, 1, days)

    def coming(self, stream: Stream, *, days: float, settle_days: float) -> np.ndarray:
        """Events that occur in the `days` from the date on, as known `settle_days` after their end. For labels only."""
        rows = self._of("facts", stream)
        wait = int((days + settle_days) * DAY_US)
        start = np.maximum(rows.occurred - int(days * DAY_US), _sooner(rows.start, wait))
        return self._sum(rows.grid, start, np.minimum(rows.occurred, _sooner(rows.end, wait)))

    def days_since(self, stream: Stream, *, cap: float) -> np.ndarray:
        """Days since the last event, at most `cap`; `cap` where there was none."""
        rows = self._of("facts", stream)
        age = (self.micros[None, :] - self._last(rows)) / DAY_US
        return np.minimum(age, cap).astype(np.float32)

    def open(self, stream: Stream) -> np.ndarray:
        """Cases known and not closed."""
        rows = self._of("cases", stream)
        return self._sum(rows.grid, rows.start, np.minimum(rows.end, rows.closed))

    def overdue(self, stream: Stream) -> np.ndarray:
        """Open cases past their due time; cases without one are never overdue."""
        rows = self._of("cases", stream)
        return self._sum(rows.grid, np.maximum(rows.start, rows.due), np.minimum(rows.end, rows.closed))

    def closed(self, stream: Stream, days: float) -> np.ndarray:
        """Cases closed within `days` before the date."""
        rows = self._of("cases", stream)
        done = rows[rows.closed != _NEVER]
        return self._sum(
            done.grid, np.maximum(done.start, done.closed), np.minimum(done.end, done.closed + int(days * DAY_US))
        )

    def decayed(self, stream: Stream, half_life_days: float) -> np.ndarray:
        """Sum over past events of one half to the power of age over `half_life_days`."""
        rows = self._of("facts", stream)
        rate = np.log(2) / (half_life_days * DAY_US)
        first, last = self._index(rows.start), self._index(rows.end)
        steps = np.zeros((self.shape[1] + 1, self.shape[0]))
        for at, sign in ((first, 1.0), (last, -1.0)):
            here = (first < last) & (at < self.shape[1])
            age = self.micros[at[here]] - rows.occurred[here]
            np.add.at(steps, (at[here], rows.grid[here]), sign * np.exp(-rate * age))
        fade = np.exp(-rate * np.diff(self.micros, prepend=self.micros[0]))
        for t in range(1, self.shape[1]):
            steps[t] += steps[t - 1] * fade[t]
        return np.ascontiguousarray(np.maximum(steps[:-1].T, 0), dtype=np.float32)

    def nearby(self, values: np.ndarray) -> np.ndarray:
        """Mean of `values` over the neighbours of each grid; zero for a grid without any."""
        links = self.history.neighbors()
        degree = np.maximum(np.diff(links.indptr), 1).astype(np.float32)
        return (links @ values) / degree[:, None]

    def of_parent(self, values: np.ndarray, level: str) -> np.ndarray:
        """Sum of `values` over the grids with the same parent at `level`, spread evenly: the mean a grid of that parent has."""
        column = self.history.grids.get(level)
        if column is None or column.isna().all():
            raise DefinitionError(f"the grids have no {level!r}; leave the feature out, or give the parents.")
        parent = pd.factorize(column.fillna(""))[0]
        member = sparse.csr_matrix((np.ones(len(parent), np.float32), (parent, np.arange(len(parent)))))
        size = np.asarray(member.sum(axis=1))
        return np.asarray(((member @ values) / size)[parent], dtype=np.float32)

    def attribute(self, column: str) -> np.ndarray:
        """A numeric fact of the grid itself, the same at every date."""
        if column not in self.history.grids or self.history.grids[column].isna().all():
            raise DefinitionError(f"the grids have no {column!r}; leave the feature out, or give the column.")
        values = pd.to_numeric(self.history.grids[column]).to_numpy(dtype=np.float32, na_value=np.nan)
        return np.broadcast_to(values[:, None], self.shape)

    def calendar(self, values: np.ndarray) -> np.ndarray:
        """One value a date, the same in every grid."""
        return np.broadcast_to(np.asarray(values, dtype=np.float32)[None, :], self.shape)

    def _of(self, view: str, stream: Stream) -> Facts:
        key = (view, stream)
        if key not in self._rows:
            facts: Facts = getattr(self.history, view)
            self._rows[key] = facts[self.history.select(facts, stream)]
        return self._rows[key]

    @cached_property
    def _step(self) -> int:
        steps = np.unique(np.diff(self.micros))
        return int(steps[0]) if len(steps) == 1 else 0

    def _index(self, instants: np.ndarray) -> np.ndarray:
        """Number of dates at or before each instant: the first date strictly after it."""
        if not self._step:
            return np.searchsorted(self.micros, instants, side="right")
        return np.clip((instants - self.micros[0]) // self._step + 1, 0, self.shape[1])

    def _sum(self, cell: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        """How many intervals ``(start, end]`` of each grid hold each date."""
        first, last = self._index(start), self._index(end)
        here = first < last
        n_grids, n_dates = self.shape
        base = cell[here].astype(np.int64) * (n_dates + 1)
        size = n_grids * (n_dates + 1)
        change = np.bincount(base + first[here], minlength=size) - np.bincount(base + last[here], minlength=size)
        return np.cumsum(change.reshape(n_grids, n_dates + 1)[:, :-1], axis=1, dtype=np.float32)

    def _last(self, rows: Facts) -> np.ndarray:
        """Latest `occurred` among the rows that hold at each date, long ago where there is none."""
        first, last = self._index(rows.start), self._index(rows.end)
        latest = np.full(self.shape, _LONG_AGO)
        lasting = (first < last) & (last == self.shape[1])
        order = np.flatnonzero(lasting)[np.argsort(rows.occurred[lasting], kind="stable")]
        latest[rows.grid[order], first[order]] = rows.occurred[order]
        np.maximum.accumulate(latest, axis=1, out=latest)
        passing = np.flatnonzero((first < last) & ~lasting)
        length = (last - first)[passing]
        cell = np.repeat(passing, length)
        date = (
            np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length) + np.repeat(first[passing], length)
        )
        np.maximum.at(latest, (rows.grid[cell], date), rows.occurred[cell])
        return latest


def _sooner(instants: np.ndarray, wait: int) -> np.ndarray:
    return np.where(instants == _NEVER, _NEVER, instants - wait)


def _is(vocabulary: np.ndarray, word: str) -> np.ndarray:
    return np.array([v == word for v in vocabulary], dtype=bool)


def _instant(as_of: object, timezone: str) -> pd.Timestamp:
    at = pd.Timestamp(as_of)
    return (at.tz_localize(timezone) if at.tzinfo is None else at).tz_convert("UTC")


def _micros(values: pd.Series) -> np.ndarray:
    return values.dt.tz_convert(None).dt.as_unit("us").to_numpy().astype(np.int64)


def _arrow_of(events: pd.DataFrame) -> pa.Table:
    columns = {}
    for name in _COLUMNS:
        if name not in events:
            columns[name] = pa.nulls(len(events), _ABSENT.get(name, pa.int64()))
        elif name.endswith("_at"):
            columns[name] = pa.array(events[name].dt.tz_convert(None).to_numpy(), from_pandas=True)
        else:
            columns[name] = pa.array(events[name], from_pandas=True)
    return pa.table(columns)


def _revisions(events: pa.Table, grid_ids: np.ndarray) -> tuple[Facts, dict[str, np.ndarray], np.ndarray]:
    """Every revision on its interval, in the order (event, known_at), and the number of its event."""
    codes, words = {}, {}
    for name in _WORD_COLUMNS:
        codes[name], words[name] = _encode(events[name])
    known, occurred = _instants(events["known_at"]), _instants(events["occurred_at"])
    event = _events(events["event_id"], codes["source"])
    order = np.lexsort((known, event))
    event, known = event[order], known[order]
    same = np.flatnonzero(event[1:] == event[:-1])
    end = np.full(len(known), _NEVER)
    end[same] = known[same + 1]
    grid_code, grid_words = _encode(events["grid_id"])
    at = pd.Index(grid_ids).get_indexer(grid_words)[grid_code]
    retracted = _numbers(events["retracted"], 0).astype(bool)
    at = np.where(retracted, -1, at)[order].astype(np.int32)
    rows = Facts(
        grid=at, start=np.maximum(known, occurred[order]), end=end, occurred=occurred[order],
        closed=_instants(events["closed_at"])[order], due=_instants(events["due_at"])[order],
        severity=_numbers(events["severity"], 0)[order].astype(np.int8),
        source=codes["source"][order], category=codes["category"][order], origin=codes["origin"][order], tags=codes["tags"][order],
    )  # fmt: skip
    return rows, words, event


def _coalesce(rows: Facts, event: np.ndarray) -> Facts:
    """Join a row with the one before it where only handling (closing, due time) changed: counts need not see the seam."""
    if len(event) == 0:
        return rows
    kept = ("grid", "occurred", "severity", "source", "category", "origin", "tags")
    joined = event[1:] == event[:-1]
    for name in kept:
        values = getattr(rows, name)
        joined = joined & (values[1:] == values[:-1])
    joined &= (rows.end[:-1] == rows.start[1:]) | (rows.start[:-1] == rows.start[1:])
    first = np.flatnonzero(np.r_[True, ~joined])
    last = np.r_[first[1:] - 1, len(event) - 1]
    merged = rows[first]
    return Facts(**{**{n: getattr(merged, n) for n in Facts.__dataclass_fields__}, "end": rows.end[last]})


def _events(event_id: pa.ChunkedArray, source: np.ndarray) -> np.ndarray:
    number, ids = _encode(event_id)
    return source.astype(np.int64) * max(len(ids), 1) + number


def _encode(column: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    array = array.chunk(0) if isinstance(array, pa.ChunkedArray) else array
    if not isinstance(array, pa.DictionaryArray) or array.null_count:
        array = array.cast(pa.string()).fill_null("").dictionary_encode()
    return array.indices.to_numpy(zero_copy_only=False).astype(np.int32), np.array(
        array.dictionary.to_pylist(), dtype=object
    )


def _instants(column: pa.ChunkedArray) -> np.ndarray:
    return column.cast(pa.int64()).fill_null(_NEVER).to_numpy()


def _numbers(column: pa.ChunkedArray, missing: int) -> np.ndarray:
    return column.cast(pa.int64()).fill_null(missing).to_numpy()
