"""What was ever known of a city, with the instant each thing became known."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import pandas as pd
import pyarrow as pa

from riskwarn.clock import instant, micros, zone_of
from riskwarn.errors import DataError
from riskwarn.history.carry import Carry
from riskwarn.history.coverage import last_told
from riskwarn.history.feeds import Feeds
from riskwarn.history.log import COLUMNS, Log
from riskwarn.history.memory import give_back
from riskwarn.history.revisions import punctual, revisions
from riskwarn.history.tables import Frames, Stored, Tables, arrow_of
from riskwarn.schema import conform
from riskwarn.store import Store


@dataclass(frozen=True, eq=False, repr=False)
class Past(Feeds):
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
    >>> import numpy as np
    >>> from riskwarn.history import Stream
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
    >>> history.neighbors("nearest").toarray().tolist(), history.coverage("dispute")[1].tolist()
    ([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0]], [0, 0, 0])
    """

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
            A table breaks its contract, two rows stand for one grid, or there is no event, or none in the grids.
        DefinitionError
            No such zone, or `known_at` carries a mere offset and no zone is given.
        """
        for name, table in (("events", events), ("grids", grids)):
            if not isinstance(table, pd.DataFrame):
                raise DataError(
                    f"History.of: {name} must be a table (a pandas DataFrame), got {type(table).__name__}; store.read({name!r}) gives one."
                )
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
        made = cls._make(
            lambda: log, grids, last, zone, others.get("crosswalk"), Frames(others), stated=until is not None
        )
        written = events["grid_id"].loc[events["grid_id"] != ""]
        if not len(made.facts) and len(written) and not len(made.carry(written.unique()).grid):
            raise DataError(
                f"none of {events['event_id'].nunique():,} events lies in the given grids: events name grids such as {written.iloc[0]!r}, "
                f"the grids are such as {grids['grid_id'].iloc[0]!r}. Write both alike, or give the crosswalk from one to the other."
            )
        return made

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
        last = micros(until) if stated else last_told(log, beside, micros(until))
        give_back()
        return cls(grids, facts, cases, last, timezone, crosswalk, calendar, beside, stated, again)

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
