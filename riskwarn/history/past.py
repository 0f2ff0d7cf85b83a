"""What was ever known of a city, with the instant each thing became known."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy import sparse

from riskwarn import grid
from riskwarn.clock import instant, micros, zone_of
from riskwarn.errors import DataError, DefinitionError, NotFoundError, did_you_mean
from riskwarn.history.deliveries import LONG_AGO, Silence, last_spoken, silences, starts_late
from riskwarn.history.facts import DAY_US, NEVER, Facts, instants
from riskwarn.history.held import Events
from riskwarn.history.log import COLUMNS, Carry, Log, arrow_of, punctual, revisions, table_facts
from riskwarn.history.stream import TABLE_OF, Stream
from riskwarn.schema import conform
from riskwarn.store import Store
from riskwarn.taxonomy import NEVER_FEATURES

_CLOCKS: dict[str, tuple[str, ...]] = {
    "visits": ("started_at", "known_at"),
    "workflow": ("at", "known_at"),
    "diversions": ("sent_at",),
    "roster": ("day_at",),
    "feed_log": ("arrived_at",),
    "crosswalk": ("effective_at",),
    "alerts": ("as_of",),
}
"""Columns that must all lie before an instant for a row to be known; an empty one is the first."""
_LATER = {"diversions": ("received_at", "closed_at")}
"""Columns that become known at the time they tell."""


class Tables(Protocol):
    """What holds the tables beside the events; a :class:`riskwarn.Store` does."""

    def has(self, name: str) -> bool:
        """Whether a table holds rows."""

    def arrow(self, name: str, *, columns: Sequence[str] | None = None) -> pa.Table:
        """A table, or some columns of it."""


@dataclass(frozen=True, eq=False)
class Frames:
    """Tables at hand, by name."""

    frames: Mapping[str, pd.DataFrame]

    def has(self, name: str) -> bool:
        """Whether a table holds rows."""
        return name in self.frames and len(self.frames[name]) > 0

    def arrow(self, name: str, *, columns: Sequence[str] | None = None) -> pa.Table:
        """A table, or some columns of it."""
        table = arrow_of(name, self.frames[name])
        return table.select(list(columns)) if columns else table


@dataclass(frozen=True, eq=False)
class Stored:
    """The tables of a store, and the alerts of its nights as one table."""

    store: Store

    def has(self, name: str) -> bool:
        """Whether a table holds rows."""
        if name == "alerts":
            return any(name in self.store.night(at).tables for at in self.store.nights())
        return self.store.has(name)

    def arrow(self, name: str, *, columns: Sequence[str] | None = None) -> pa.Table:
        """A table, or some columns of it; the alerts of a damaged night are left out, as :meth:`riskwarn.Store.faults` says."""
        if name != "alerts":
            return self.store.arrow(name, columns=columns)
        nights = [frame for at in self.store.nights() if (frame := self._alerts(at)) is not None]
        table = pa.concat_tables([arrow_of(name, frame) for frame in nights or [pd.DataFrame()]])
        return table.select(list(columns)) if columns else table

    def _alerts(self, at: pd.Timestamp) -> pd.DataFrame | None:
        try:
            return self.store.night(at).table("alerts")
        except (DataError, NotFoundError):
            return None


@dataclass(frozen=True, eq=False)
class Past:
    """Everything that was ever known of a city, with the instant each thing became known: what :class:`riskwarn.history.History` looks back on.

    Parameters
    ----------
    grids
        One row a grid, in the order of `grid_id`.
    facts
        What counts count.
    cases
        Revisions, on the interval each holds: what open and overdue counts look at.
    until
        The instant up to which it speaks, µs.
    timezone
        Clock of the city.

    Examples
    --------
    >>> day = pd.to_datetime(["2025-01-01", "2025-01-03", "2025-01-09"]).tz_localize("Asia/Shanghai")
    >>> events = pd.DataFrame({"source": "dispute", "event_id": [*"abc"], "known_at": day, "occurred_at": day, "grid_id": [*"AAB"],
    ...                        "category": ["D02", "D07", "D02"]})
    >>> grids = pd.DataFrame({"grid_id": ["A", "B", "C"], "valid_from": day[0], "x_km": [0.0, 1.0, 9.0], "y_km": 0.0})
    >>> history = Past.of(events, grids, until="2025-02-01")
    >>> history.has("visits"), history.told("households"), sorted(history.categories("dispute"))
    (False, False, ['D02', 'D07'])
    >>> history.instant("2025-01-09")
    Timestamp('2025-01-09 00:00:00+0800', tz='Asia/Shanghai')
    >>> stream = Stream("dispute", categories=("D02",))
    >>> history.select(history.cases, stream).tolist(), len(history.rows("facts", stream))
    ([0, 1], 2)
    >>> history.part(np.array([1])).grid_ids.tolist(), len(history.known_before("2025-01-05").facts)
    (['B'], 2)
    >>> history.neighbors("nearest").toarray().tolist(), history.coverage("dispute").shape
    ([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0]], (0, 3))
    """

    grids: pd.DataFrame
    facts: Facts
    cases: Facts
    until: int
    timezone: str
    crosswalk: pd.DataFrame | None = None
    calendar: Path | None = None
    """The operator's table of working days, ``calendar.csv`` of the store, where there is one."""
    beside: Tables = field(default_factory=lambda: Frames({}))
    """The other tables; :meth:`table_at` tells what of them was known when."""
    stated: bool = False
    """Whether `until` was given, and not taken from the records."""
    _log: "Callable[[], Log | None]" = lambda: None
    _links: dict[str, sparse.csr_matrix] = field(default_factory=dict)
    _tables: dict[str, Facts] = field(default_factory=dict)
    _coverage: dict[str, np.ndarray] = field(default_factory=dict)
    _silences: dict[str, list[Silence]] = field(default_factory=dict)
    selected: dict[Any, Any] = field(default_factory=dict, init=False)
    """Rows of streams that were asked for, kept for the next snapshot."""
    _begun: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict, init=False)
    city: Self | None = None
    """The whole city's, where this is the history of some of its grids."""
    numbers: np.ndarray | None = None
    """Their row numbers among the city's grids."""

    @classmethod
    def load(cls, store: Store, *, as_of: object = None) -> Self:
        """The history of a store, over the grids valid at `as_of` (the newest by default).

        Records of grids that ended go to those that took over, by the shares of table `crosswalk`. A history loaded for a night
        keeps its records, which gaps and reasons look at; one loaded for training reads them again when :meth:`events_at` is asked.

        Parameters
        ----------
        store
            The city.
        as_of
            The night whose grids are used; a date means its local midnight.

        Returns
        -------
        history
            Of all events of the store.
        """
        grids = store.grids(as_of)
        crosswalk = store.read("crosswalk") if store.has("crosswalk") else None
        if crosswalk is not None and as_of is not None:
            crosswalk = crosswalk[crosswalk["effective_at"] <= store.instant(as_of)]

        def log() -> Log:
            return Log.of(store.arrow("events", columns=COLUMNS))

        return cls._make(
            log,
            grids,
            store.known_until(),
            store.timezone,
            crosswalk,
            Stored(store),
            keep=as_of is not None,
            calendar=calendar if (calendar := store.path / "calendar.csv").exists() else None,
        )

    @classmethod
    def of(
        cls,
        events: pd.DataFrame,
        grids: pd.DataFrame,
        *,
        timezone: str | None = None,
        until: object = None,
        tables: Mapping[str, pd.DataFrame] | None = None,
    ) -> Self:
        """The history of a table of events over a table of grids (one row a grid).

        Parameters
        ----------
        events, grids
            Tables of the schema; a row of `events` written twice counts once.
        timezone
            Clock of the city; that of `known_at` by default.
        until
            The instant up to which the tables speak; the last `known_at` by default.
        tables
            Other tables by name: `visits`, `workflow`, `diversions`, `roster`, `places`, `feed_log`, `crosswalk`.

        Returns
        -------
        history
            Its grids in the order of `grid_id`.

        Raises
        ------
        DataError
            A table breaks its contract, two rows stand for one grid, or there is no event.
        DefinitionError
            No such zone, or `known_at` carries a mere offset and no zone is given.
        """
        events, grids = conform("events", events.drop_duplicates()), conform("grids", grids)
        if events.empty:
            raise DataError("table 'events' has no rows; there is no history to compute features from.")
        if grids["grid_id"].duplicated().any():
            twice = grids.loc[grids["grid_id"].duplicated(), "grid_id"].iloc[0]
            raise DataError(
                f"table 'grids': several versions of grid {twice!r}; give the version to use, one row a grid."
            )
        zone = zone_of(events["known_at"], timezone)
        others = {name: conform(name, frame.drop_duplicates()) for name, frame in (tables or {}).items()}
        last = events["known_at"].max() if until is None else instant(until, zone)
        log = Log.of(arrow_of("events", events))
        return cls._make(
            lambda: log, grids, last, zone, others.get("crosswalk"), Frames(others), stated=until is not None
        )

    @classmethod
    def punctual(cls, events: pa.Table, grids: pd.DataFrame, *, timezone: str, until: object = None) -> Self:
        """The history of a log of one row an event, each known when it occurs and its closing when it is closed.

        For public data that tell no revisions. `events` needs `source`, `category`, `grid_id`, `occurred_at`, in UTC; it may have
        `closed_at`, `due_at`, `severity`, `origin`, `tags`, `outcome`.

        Parameters
        ----------
        events
            (n,) rows as Arrow.
        grids
            Table `grids`, one row a grid.
        timezone
            Clock of the city.
        until
            The instant up to which the log speaks; the last event by default.

        Returns
        -------
        history
            Its cases are its facts.

        Raises
        ------
        DataError
            Times without a zone, or no event.
        """
        if events["occurred_at"].type != pa.timestamp("us", "UTC") or len(events) == 0:
            raise DataError(
                f"a punctual log needs rows whose occurred_at is timestamp[us, UTC]; got {len(events)} rows of {events['occurred_at'].type}."
            )
        place, log = conform("grids", grids).sort_values("grid_id", ignore_index=True), Log.punctual(events)
        carry = Carry.of(log.coded("grid_id")[1], place["grid_id"].to_numpy(dtype=object), None)
        facts = punctual(log, carry, len(place))
        last = int(facts.occurred.max(initial=0)) if until is None else micros(instant(until, timezone))
        return cls(place, facts, facts, last, timezone, stated=until is not None, _log=lambda: log)

    @classmethod
    def _make(
        cls,
        make: Callable[[], Log],
        grids: pd.DataFrame,
        until: pd.Timestamp,
        timezone: str,
        crosswalk: pd.DataFrame | None,
        beside: Tables,
        *,
        keep: bool = True,
        calendar: Path | None = None,
        stated: bool = False,
    ) -> Self:
        log, grids = make(), grids.sort_values("grid_id", ignore_index=True)
        carry = Carry.of(log.coded("grid_id")[1], grids["grid_id"].to_numpy(dtype=object), crosswalk)
        facts, cases = revisions(log, carry, len(grids))
        again = (lambda: log) if keep else make
        last = micros(until) if stated else _last_told(log, beside, micros(until))
        return cls(grids, facts, cases, last, timezone, crosswalk, calendar, beside, stated, again)

    def __repr__(self) -> str:
        """Size and span at a glance."""
        return f"{type(self).__name__}({len(self.cases.grid):,} revisions, {len(self.grids):,} grids, until {pd.Timestamp(self.until, unit='us', tz=self.timezone)})"

    @property
    def words(self) -> Mapping[str, np.ndarray]:
        """Vocabulary of the events by column."""
        return self.cases.words

    def part(self, numbers: np.ndarray) -> Self:
        """The history of some of the grids, by row number, increasing; of the feeds it knows what the whole knows.

        It serves features that look at their own grid or its neighbours; for the others it is another city.

        Parameters
        ----------
        numbers
            (k,) row numbers.

        Returns
        -------
        history
            Of `k` grids, numbered anew.
        """
        if self.city is not None and self.numbers is not None:
            return self.city.part(self.numbers[numbers])
        facts = self.facts.of_grids(numbers, len(self.grids))
        cases = facts if self.cases is self.facts else self.cases.of_grids(numbers, len(self.grids))
        return replace(
            self,
            grids=self.grids.iloc[numbers].reset_index(drop=True),
            facts=facts,
            cases=cases,
            _links={},
            _tables={},
            city=self,
            numbers=numbers,
        )

    @property
    def around(self) -> Self:
        """The history of these grids and their neighbours: itself, where it is of a whole city."""
        return self._around or self

    @cached_property
    def _around(self) -> Self | None:
        if self.city is None or self.numbers is None:
            return None
        beside = self.city.neighbors()[self.numbers].indices
        return self.city.part(np.union1d(self.numbers, beside))

    @cached_property
    def sources(self) -> list[str]:
        """Feeds with events."""
        if self.city is not None:
            return self.city.sources
        return sorted({str(self.words["source"][source]) for source, _ in self.cases._slices})  # noqa: SLF001 - its own kind

    def categories(self, source: str) -> frozenset[str]:
        """Categories that the records of a feed carry.

        Parameters
        ----------
        source
            Of a feed; one that is not there has none.

        Returns
        -------
        categories
            Codes.
        """
        if self.city is not None:
            return self.city.categories(source)
        words = self.words
        return frozenset(str(words["category"][c]) for s, c in self.cases._slices if words["source"][s] == source)  # noqa: SLF001 - its own kind

    def told(self, column: str) -> bool:
        """Whether the city gives a `column` of its grids for any of them.

        Parameters
        ----------
        column
            Of table `grids`.

        Returns
        -------
        told
            False where all values are missing.
        """
        grids = self.grids if self.city is None else self.city.grids
        return column in grids and bool(grids[column].notna().any())

    def neighbors(self, how: str = "auto") -> sparse.csr_matrix:
        """(n, n_around) 0/1 matrix of the grids beside each grid, among these and their neighbours; (n, n) of a whole city.

        Parameters
        ----------
        how
            As for :func:`riskwarn.grid.neighbors`.

        Returns
        -------
        neighbors
            Made once.
        """
        if self.city is not None and how == "auto" and how not in self._links:
            self._links[how] = self.city.neighbors()[self.numbers][:, self.around.numbers]
        if how not in self._links:
            self._links[how] = grid.neighbors(self.grids, how=how)  # type: ignore[arg-type]
        return self._links[how]

    def closeness(self, reach: float, shape: str) -> sparse.csr_matrix:
        """(n, n) weights by distance between centres: :func:`riskwarn.grid.closeness`.

        Parameters
        ----------
        reach, shape
            As for :func:`riskwarn.grid.closeness`.

        Returns
        -------
        closeness
            Made once.
        """
        key = f"{shape} {reach!r}"
        if key not in self._links:
            self._links[key] = grid.closeness(self.grids, reach=reach, shape=shape)
        return self._links[key]

    @property
    def ends(self) -> str:
        """Until when each feed speaks, the one that ended first at the head."""
        ends = {s: min(int(part.spans[-1, 0]) for part in self.silences(s)) for s in self.sources}
        ordered = sorted(ends.items(), key=lambda item: item[1])
        days = [
            f"{s} {pd.Timestamp(end, unit='us', tz='UTC').tz_convert(self.timezone):%Y-%m-%d}" for s, end in ordered
        ]
        return f"its feeds: {', '.join(days)}"

    @cached_property
    def grid_ids(self) -> np.ndarray:
        """(n_grids,) ids of the grids by number."""
        return self.grids["grid_id"].to_numpy(dtype=object)

    def instant(self, as_of: object) -> pd.Timestamp:
        """`as_of` on the city's clock; a date means its local midnight (:func:`riskwarn.clock.instant`).

        Parameters
        ----------
        as_of
            Text, a date or a time.

        Returns
        -------
        instant
            With the city's time zone.
        """
        return instant(as_of, self.timezone)

    @cached_property
    def log(self) -> Log:
        """Every revision of every event.

        Raises
        ------
        DataError
            The history was made of counts alone.
        """
        log = self._log()
        if log is None:
            raise DataError("this history holds counts and no events; make it with History.load, of or punctual.")
        return log

    def carry(self, written: np.ndarray) -> Carry:
        """Where records written under some grid ids go among these grids.

        Parameters
        ----------
        written
            Grid ids as records write them, each once.

        Returns
        -------
        carry
            With shares where a grid was split.
        """
        return Carry.of(written, self.grid_ids, self.crosswalk)

    @cached_property
    def carried(self) -> Carry:
        """Where the events go, by the codes of their grids as written."""
        return self.carry(self.log.coded("grid_id")[1])

    def events_at(self, as_of: object) -> Events:
        """The events held at an instant: of each the newest revision known before it, without those withdrawn or yet to occur.

        One row an event and grid; an event of a grid that was split has a row in each heir, with its share as `weight`. The shares
        of the rows of a stream (:meth:`select`) that occurred within `days` add up to :meth:`Snapshot.count`.

        Parameters
        ----------
        as_of
            The instant; a date means its local midnight.

        Returns
        -------
        events
            In no particular order; :meth:`Events.frame` shows them as a table, :meth:`Events.largest` gives one row an event.

        Examples
        --------
        >>> day = pd.date_range("2025-01-06", periods=3, tz="Asia/Shanghai").as_unit("us")
        >>> events = pd.DataFrame({"source": "dispute", "event_id": ["a", "b", "c"], "known_at": day, "occurred_at": day,
        ...                        "grid_id": "G1", "category": "D02"})
        >>> history = Past.of(events, pd.DataFrame({"grid_id": ["G1"], "valid_from": day[:1]}))
        >>> history.events_at("2025-01-08").frame()["event_id"].tolist()
        ['a', 'b']
        """
        if self.city is not None and self.numbers is not None:
            return self._of_part(self.city.events_at(as_of))
        at = micros(self.instant(as_of))
        return Events.held_at(self.log, self.carried, at, grid_ids=self.grid_ids, timezone=self.timezone)

    def _of_part(self, events: Events) -> Events:
        number = np.full(len(self.city.grids) + 1, -1)  # type: ignore[union-attr]
        number[self.numbers] = np.arange(len(self.grids))
        here = number[events.grid]
        own = events.take(np.flatnonzero(here >= 0))
        own.grid, own.grid_ids = here[here >= 0], self.grid_ids
        return own

    def known_before(self, as_of: object) -> Self:
        """The history as if nothing had become known at `as_of` or later: what then held goes on holding.

        Parameters
        ----------
        as_of
            The instant; a date means its local midnight.

        Returns
        -------
        history
            The same grids, and the same last instant it speaks for, so that it can be asked for later dates; counts alone.
        """
        at = micros(self.instant(as_of))
        return replace(self, facts=self.facts.before(at), cases=self.cases.before(at), _log=lambda: None)

    def has(self, name: str) -> bool:
        """Whether there is such a table beside the events.

        Parameters
        ----------
        name
            Of a table.

        Returns
        -------
        has
            False for a table without rows.
        """
        return name in {"events", "grids"} or self.beside.has(name)

    def read(self, name: str) -> pd.DataFrame:
        """A table beside the events, all of it; what was known at an instant is :meth:`table_at`.

        Parameters
        ----------
        name
            Of a table.

        Returns
        -------
        rows
            Times on the city's clock.

        Raises
        ------
        DefinitionError
            There is none; a table that is absent is not a table of zeros.
        """
        return self._framed(self._arrow(name))

    def _arrow(self, name: str) -> pa.Table:
        if not self.beside.has(name):
            raise DefinitionError(f"the store holds no table {name!r}; leave the feature out, or ingest it.")
        return self.beside.arrow(name)

    def table_at(self, name: str, as_of: object, *, columns: Sequence[str] | None = None) -> pd.DataFrame | None:
        """The rows of a table beside the events that were known before an instant; none where there is no such table.

        What a row tells of a later time is blank: the receipt of a call that was handed over arrives like any other news.

        Parameters
        ----------
        name
            `visits`, `workflow`, `diversions`, `roster`, `feed_log`, `crosswalk`, or `alerts` of the nights before. Tables without a
            clock, such as `places`, are given whole.
        as_of
            The instant; a date means its local midnight.
        columns
            Only these; all by default.

        Returns
        -------
        rows
            Times on the city's clock; of a crosswalk also what takes effect at the very instant.
        """
        table = self.arrow_at(name, as_of, columns=columns)
        if table is None:
            return None
        rows, at = self._framed(table), self.instant(as_of)
        return rows.assign(**{c: rows[c].where(rows[c] < at) for c in _LATER.get(name, ()) if c in rows})

    def arrow_at(self, name: str, as_of: object, *, columns: Sequence[str] | None = None) -> pa.Table | None:
        """The same rows as an Arrow table, times in UTC; what a row tells of later is still in it.

        Parameters
        ----------
        name, as_of, columns
            As for :meth:`table_at`.

        Returns
        -------
        rows
            None where there is no such table.
        """
        if not self.beside.has(name):
            return None
        clocks, at = _CLOCKS.get(name, ()), micros(self.instant(as_of)) + (name == "crosswalk")
        wanted = [*dict.fromkeys((*columns, *clocks))] if columns else None
        table = self.beside.arrow(name, columns=wanted)
        when = [instants(table[clock]) for clock in clocks]
        known = [(w < at) | ((w == NEVER) & (i > 0)) for i, w in enumerate(when)]
        if known and not np.logical_and.reduce(known).all():
            table = table.take(pa.array(np.flatnonzero(np.logical_and.reduce(known))))
        return table.select(list(columns)) if columns else table

    def _framed(self, table: pa.Table) -> pd.DataFrame:
        plain = [c.cast(pa.string()) if pa.types.is_dictionary(c.type) else c for c in table.columns]
        frame = pa.table(plain, names=table.column_names).to_pandas(
            types_mapper=lambda t: pd.StringDtype(na_value=float("nan")) if pa.types.is_string(t) else None
        )
        for name, column in frame.items():
            if isinstance(column.dtype, pd.DatetimeTZDtype):
                frame[name] = column.dt.tz_convert(self.timezone)
        return frame

    def rows(self, view: str, stream: Stream) -> Facts:
        """The rows of a stream, sorted by grid; `view` is ``facts`` or ``cases``.

        Parameters
        ----------
        view
            ``facts``: what counts count; ``cases``: revisions, on the interval each holds.
        stream
            Which rows.

        Returns
        -------
        rows
            Without those of sensitive categories.

        Raises
        ------
        DefinitionError
            The history holds no such source; a feed that is absent is not a feed of zeros.
        """
        facts = self._facts(view, stream)
        wanted = frozenset(stream.categories or map(str, facts.words["category"])) - NEVER_FEATURES
        pieces = facts.pieces(stream.source, wanted)
        if len(pieces) == 1:
            found = facts[pieces[0]]
        else:
            rows = np.concatenate([np.arange(p.start, p.stop) for p in pieces]) if pieces else np.zeros(0, np.int64)
            found = facts[rows[np.argsort(facts.grid[rows], kind="stable")]]
        return found if stream.plain else found[_chosen(found, stream, self.timezone)]

    def select(self, facts: Facts | Events, stream: Stream) -> np.ndarray:
        """Indices of the rows of `facts`, or of events held at an instant, that belong to `stream`.

        Parameters
        ----------
        facts
            Rows of this history.
        stream
            Which of them.

        Returns
        -------
        indices
            (k,) rising.

        Raises
        ------
        DefinitionError
            The history holds no such source.
        """
        self._facts("cases", stream)
        mask = _is(facts.words["source"], {stream.source})[facts.source]
        mask &= ~_is(facts.words["category"], NEVER_FEATURES)[facts.category]
        if stream.categories:
            mask &= _is(facts.words["category"], set(stream.categories))[facts.category]
        return np.flatnonzero(mask & _chosen(facts, stream, self.timezone))

    def coverage(self, source: str) -> np.ndarray:
        """(n, 3) deliveries of a feed that say which time they speak for: arrived, from, to; µs, in the order of `from`.

        Parameters
        ----------
        source
            The feed.

        Returns
        -------
        coverage
            No rows where deliveries say nothing.
        """
        if source not in self._coverage:
            log = self.read("feed_log") if self.has("feed_log") else None
            self._coverage[source] = _spoken(log, source) if log is not None else np.zeros((0, 3), np.int64)
        return self._coverage[source]

    def silences(self, source: str) -> list[Silence]:
        """When a feed did not speak, for which grids: before it began, in outages, and after its last delivery.

        Outcomes are known only outside of these (:meth:`Snapshot.settled`). What the deliveries say decides; where they say nothing,
        the days on which records became known; where :meth:`of` or :meth:`punctual` were told `until`, the feed speaks up to it.

        Parameters
        ----------
        source
            The feed, or a table that is counted as one.

        Returns
        -------
        silences
            Each grid is in one of them.
        """
        if self.city is not None and self.numbers is not None:
            return [replace(s, grids=s.grids[self.numbers]) for s in self.city.silences(source)]
        if source not in self._silences:
            self._silences[source] = self._heard(source)
        return self._silences[source]

    def _heard(self, source: str) -> list[Silence]:
        if source in TABLE_OF:
            return [Silence(np.ones(len(self.grids), dtype=bool), np.array([[self.until, NEVER]]))]
        log = self.read("feed_log") if self.has("feed_log") else None
        mine = None if log is None else log[log["source"] == source]
        pieces = self._facts("cases", Stream(source)).pieces(source, frozenset(map(str, self.words["category"])))
        known = np.concatenate([self.cases.start[p] for p in pieces])
        grid = np.concatenate([self.cases.grid[p] for p in pieces])
        first = int(self.cases.start.min(initial=NEVER))
        late = starts_late(known, first)
        began = min(int(self.cases.occurred[p].min()) for p in pieces) if late else LONG_AGO
        end = self.until if self.stated else last_spoken(known)
        return silences(mine, self.grids, known, grid, begun=began, end=end, stated=self.stated)

    def begun(self, source: str) -> tuple[np.ndarray, np.ndarray]:
        """When the earliest record of a feed became known, and how early it is: (n,) instants known, increasing, and occurred, falling.

        A record that arrives late may tell of a time before all that was known, so the beginning moves back as it becomes known.

        Parameters
        ----------
        source
            The feed.

        Returns
        -------
        known, occurred
            µs.
        """
        if self.city is not None:
            return self.city.begun(source)
        if source not in self._begun:
            facts = self._facts("facts", Stream(source))
            pieces = facts.pieces(source, frozenset(map(str, facts.words["category"])) - NEVER_FEATURES)
            steps = sorted({step for piece in pieces for step in _records(facts.start[piece], facts.occurred[piece])})
            known, occurred = (np.array([step[i] for step in steps], dtype=np.int64) for i in (0, 1))
            self._begun[source] = known, np.minimum.accumulate(occurred) if len(occurred) else occurred
        return self._begun[source]

    def _facts(self, view: str, stream: Stream) -> Facts:
        if stream.source in TABLE_OF:
            return self._table(TABLE_OF[stream.source])
        if stream.source not in self.sources:
            raise DefinitionError(
                f"stream {stream.name!r}: the store holds no source {stream.source!r}{did_you_mean(stream.source, self.sources)}; "
                f"it has: {', '.join(self.sources)}. Leave the feature group out, or ingest the feed."
            )
        found: Facts = getattr(self, view)
        return found

    def _table(self, name: str) -> Facts:
        if name not in self._tables and self.city is not None and self.numbers is not None:
            self._tables[name] = self.city._table(name).of_grids(  # noqa: SLF001 - its own kind
                self.numbers, len(self.city.grids)
            )
        if name not in self._tables:
            self._tables[name] = table_facts(name, self._arrow(name), self.carry, len(self.grids))
        return self._tables[name]


def _records(start: np.ndarray, occurred: np.ndarray) -> Iterator[tuple[int, int]]:
    """The rows that, when they became known, told of an earlier time than all known before, the last first."""
    while len(start):
        earliest = occurred.min()
        known = start[occurred == earliest].min()
        yield int(known), int(earliest)
        before = start < known
        start, occurred = start[before], occurred[before]


def _chosen(facts: Facts | Events, stream: Stream, timezone: str) -> np.ndarray:
    """(n,) which rows the choices beside source and category keep."""
    mask = np.ones(len(facts), dtype=bool)
    if stream.origin:
        mask &= _is(facts.words["origin"], {stream.origin})[facts.origin]
    if stream.outcome:
        mask &= _is(facts.words["outcome"], {stream.outcome})[facts.outcome]
    if stream.tag:
        mask &= np.array([stream.tag in str(t).split() for t in facts.words["tags"]], dtype=bool)[facts.tags]
    if stream.without:
        mask &= np.array([stream.without not in str(t).split() for t in facts.words["tags"]], dtype=bool)[facts.tags]
    if stream.severity:
        mask &= facts.severity >= stream.severity
    if stream.border:
        mask &= facts.near
    if stream.linked:
        mask &= facts.case >= 0
    if stream.hours:
        hour = (
            pd.DatetimeIndex(facts.occurred.view("datetime64[us]"))
            .tz_localize("UTC")
            .tz_convert(timezone)
            .hour.to_numpy()
        )
        first, last = stream.hours
        mask &= (hour >= first) & (hour < last) if first <= last else (hour >= first) | (hour < last)
    return mask


def _spoken(log: pd.DataFrame, source: str) -> np.ndarray:
    if not {"covers_from", "covers_to"} <= set(log):
        return np.zeros((0, 3), np.int64)
    own = log[(log["source"] == source) & log["covers_from"].notna() & log["covers_to"].notna()]
    times = [
        own[c].dt.tz_convert(None).dt.as_unit("us").to_numpy().astype(np.int64)
        for c in ("arrived_at", "covers_from", "covers_to")
    ]
    spoken = np.column_stack(times)
    return spoken[np.argsort(spoken[:, 1], kind="stable")]


def _is(vocabulary: np.ndarray, words: "set[str] | frozenset[str]") -> np.ndarray:
    return np.array([str(v) in words for v in vocabulary], dtype=bool)


def told_since(spoken: np.ndarray, at: np.ndarray) -> np.ndarray:
    """(n,) earliest time that deliveries arrived before each of `at` speak for, µs; :data:`NEVER` before the first delivery.

    Parameters
    ----------
    spoken
        (k, 3) as :meth:`Past.coverage` gives.
    at
        (n,) instants, µs.

    Returns
    -------
    earliest
        µs.

    Examples
    --------
    >>> told_since(np.array([[50, 10, 40], [90, 5, 80]]), np.array([60, 95])).tolist()
    [10, 5]
    """
    order = np.argsort(spoken[:, 0], kind="stable")
    earliest = np.r_[NEVER, np.minimum.accumulate(spoken[order, 1])]
    return earliest[np.searchsorted(spoken[order, 0], at, side="left")]


def covered(spoken: np.ndarray, at: int, first: int, last: int) -> int:
    """µs of ``first`` to ``last`` that deliveries arrived before `at` cover.

    Parameters
    ----------
    spoken
        (k, 3) as :meth:`Past.coverage` gives, in the order of `from`.
    at, first, last
        Instants, µs.

    Returns
    -------
    covered
        In 0 to ``last - first``; time covered twice counts once.

    Examples
    --------
    >>> covered(np.array([[50, 10, 40], [60, 30, 45], [99, 0, 99]]), 70, 0, 100)
    35
    """
    known = spoken[spoken[:, 0] < at]
    a, b = np.clip(known[:, 1], first, last), np.clip(known[:, 2], first, last)
    if len(a) == 0:
        return 0
    reach = np.maximum.accumulate(b)
    before = np.r_[first, reach[:-1]]
    return int(np.maximum(reach - np.maximum(a, before), 0).sum())


def _last_told(log: Log, beside: Tables, latest: int) -> int:
    """The last instant any feed spoke of, µs: a date typed wrong, in a record or in the cover of a delivery, does not move it."""
    source, words = log.coded("source")
    source = source[log.order]
    heard = [last_spoken(log.known[source == code]) for code in range(len(words))]
    if beside.has("feed_log"):
        deliveries = beside.arrow("feed_log", columns=["covers_to", "arrived_at", "last_at"])
        to, arrived, last = (instants(deliveries[c]) for c in ("covers_to", "arrived_at", "last_at"))
        # a delivery that covers no more than a day beyond its last row may have read that cover off the row
        heard += np.minimum(to, arrived)[(to != NEVER) & ((last == NEVER) | (to - last > DAY_US))].tolist()
    return min(max(heard, default=latest), latest)
