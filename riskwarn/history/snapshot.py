"""A snapshot: what was known at each of some dates, counted."""

from collections.abc import Callable, Hashable, Sequence
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import sparse

from riskwarn.errors import DefinitionError
from riskwarn.history import kernel
from riskwarn.history.facts import DAY_US, NEVER, Facts, together
from riskwarn.history.kernel import Axis, Cells
from riskwarn.history.pairs import pairs_within, union
from riskwarn.history.past import Past, covered, told_since
from riskwarn.history.stream import Stream

_KEPT_BYTES = 256 * 2**20
"""Planes kept for the next feature beside those that have a home."""
Streams = Stream | tuple[Stream, ...]


class Snapshot:
    """What was known at each of some dates. Every method gives one number per grid and date: (n_grids, n_dates) float32.

    Results are kept and handed out again, so they are read-only; copy before you change one.

    Parameters
    ----------
    history
        Of a city, or some of its grids.
    dates
        In the order of time, with a time zone.

    Examples
    --------
    >>> from riskwarn.history import History
    >>> day = pd.Timestamp("2025-01-01", tz="Asia/Shanghai")
    >>> at = day + pd.to_timedelta([0, 2, 5, 8], unit="D")
    >>> events = pd.DataFrame({"source": "dispute", "event_id": [*"abcd"], "occurred_at": at, "known_at": at, "grid_id": [*"AAAB"],
    ...     "category": ["D02", "D02", "D07", "D02"], "severity": [1, 3, 2, 2], "place_key": ["x", "x", "y", "z"],
    ...     "closed_at": [day + pd.Timedelta(days=1), None, None, None], "due_at": [None, day + pd.Timedelta(days=4), None, None]})
    >>> grids = pd.DataFrame({"grid_id": ["A", "B"], "valid_from": day, "x_km": [0.0, 1.0], "y_km": 0.0, "households": [100, 50]})
    >>> snapshot = History.of(events, grids.assign(township_id="T1"), until="2025-02-01").at(["2025-01-05", "2025-01-12"])
    >>> dispute = Stream("dispute")
    >>> snapshot.count(dispute, 7).tolist()  # grid A: two in the week before the 5th, one in that before the 12th
    [[2.0, 1.0], [0.0, 1.0]]
    >>> snapshot.graded(dispute, 7).tolist(), snapshot.summed(dispute, 7).tolist()
    ([[4.0, 2.0], [0.0, 2.0]], [[2.0, 1.0], [0.0, 1.0]])
    >>> snapshot.decayed(dispute, 7).astype(float).round(2).tolist(), snapshot.days_since(dispute).tolist()
    ([[1.49, 1.3], [0.0, 0.74]], [[2.0, 6.0], [nan, 3.0]])
    >>> snapshot.coming(dispute, days=7, settle_days=0).tolist(), snapshot.settled("dispute", days=7, settle_days=0).tolist()
    ([[1.0, 0.0], [1.0, 0.0]], [[True, True], [True, True]])
    >>> snapshot.open(dispute).tolist(), snapshot.overdue(dispute).tolist(), snapshot.overdue_days(dispute).tolist()
    ([[1.0, 2.0], [0.0, 1.0]], [[0.0, 1.0], [0.0, 0.0]], [[0.0, 7.0], [0.0, 0.0]])
    >>> snapshot.closed(dispute, 7).tolist(), snapshot.handling(dispute, 7).tolist(), snapshot.delay(dispute, 7).tolist()
    ([[1.0, 0.0], [0.0, 0.0]], [[1.0, nan], [nan, nan]], [[0.0, 0.0], [nan, 0.0]])
    >>> snapshot.open_age(dispute).astype(float).round(1).tolist(), snapshot.exposure("dispute", 28).tolist(), snapshot.observed("dispute", 2).tolist()
    ([[2.0, 8.7], [nan, 3.0]], [4.0, 11.0], [2.0, 2.0])
    >>> snapshot.nearby(snapshot.count(dispute, 28)).tolist(), snapshot.of_parent(snapshot.count(dispute, 28), "township_id").tolist()
    ([[0.0, 1.0], [2.0, 3.0]], [[1.0, 2.0], [1.0, 2.0]])
    >>> snapshot.attribute("households").tolist(), snapshot.fixed([1, 2]).tolist(), snapshot.calendar([0.5, 1]).tolist()
    ([[100.0, 100.0], [50.0, 50.0]], [[1.0, 1.0], [2.0, 2.0]], [[0.5, 1.0], [0.5, 1.0]])
    >>> snapshot.followed(dispute, dispute, by=("place",), days=7, window=28).tolist()  # the second at place x
    [[1.0, 1.0], [0.0, 0.0]]
    >>> snapshot.fastest(dispute, dispute, by=("place",), days=7, window=28).tolist()
    [[2.0, 2.0], [nan, nan]]
    >>> [count.tolist() for count in snapshot.recurred(dispute, days=28, within=7)]  # again, followed
    [[[0.0, 1.0], [0.0, 0.0]], [[0.0, 1.0], [0.0, 0.0]]]
    """

    def __init__(self, history: Past, dates: pd.DatetimeIndex) -> None:
        self.history = history
        self.dates = dates
        self.micros = dates.tz_convert("UTC").tz_localize(None).to_numpy().astype(np.int64)
        self.shape = (len(history.grids), len(dates))
        self._axis = Axis(self.micros)
        self._rows = history.selected
        self._planes: dict[Hashable, np.ndarray] = {}
        self._homes: dict[Hashable, np.ndarray] = {}
        self._kept = 0
        self.kept: dict[Hashable, np.ndarray] = {}

    @property
    def local(self) -> pd.DatetimeIndex:
        """The dates on the city's clock."""
        return self.dates.tz_convert(self.history.timezone)

    @property
    def around(self) -> "Snapshot":
        """The same dates over these grids and their neighbours: itself, where it is of a whole city."""
        return self._around or self

    @cached_property
    def _around(self) -> "Snapshot | None":
        around = self.history.around
        return None if around is self.history else Snapshot(around, self.dates)

    def lend(self, key: Hashable, home: np.ndarray) -> None:
        """Have the result called `key` written into `home`, which the lender will not change: no copy is made of it later.

        Parameters
        ----------
        key
            As :meth:`riskwarn.feature.Feature.plane` names it.
        home
            (n_grids, n_dates) float32; passed over where the result is kept already.
        """
        if key not in self._planes:
            self._homes.setdefault(key, home)

    # -- how often ----------------------------------------------------------------------------------------------------

    def count(self, stream: Stream, days: float, *, ago: float = 0) -> np.ndarray:
        """Events that occurred within `days` before the date, or before `ago` days earlier.

        Parameters
        ----------
        stream
            What is counted.
        days
            Length of the window before the date, days.
        ago
            How many days before the date the window ends.

        Returns
        -------
        count
            (n_grids, n_dates) at least 0; not whole where grids were split.
        """

        def fill(out: np.ndarray) -> None:
            rows, cells = self._of("facts", stream)
            kernel.count(
                self._axis,
                cells,
                rows.start,
                rows.end,
                out,
                anchor=rows.occurred,
                ago=_span(ago),
                length=_span(days),
                weight=_weight(rows),
            )

        return self._plane(("count", stream, float(days), float(ago)), fill)

    def summed(self, stream: Stream, days: float) -> np.ndarray:
        """What the rows of the last `days` amount to: households visited, workers on duty.

        Parameters
        ----------
        stream
            What is counted.
        days
            Length of the window before the date, days.

        Returns
        -------
        amount
            (n_grids, n_dates), 1 a row where the rows carry no amount.
        """

        def fill(out: np.ndarray) -> None:
            rows, cells = self._of("facts", stream)
            kernel.count(
                self._axis,
                cells,
                rows.start,
                rows.end,
                out,
                anchor=rows.occurred,
                length=_span(days),
                weight=rows.amount * rows.weight,
            )

        return self._plane(("summed", stream, float(days)), fill)

    def graded(self, stream: Stream, days: float) -> np.ndarray:
        """Sum of the severities of the events of the last `days`.

        Parameters
        ----------
        stream
            What is counted.
        days
            Length of the window before the date, days.

        Returns
        -------
        severity
            (n_grids, n_dates) at least 0.
        """

        def fill(out: np.ndarray) -> None:
            rows, cells = self._of("facts", stream)
            kernel.count(
                self._axis,
                cells,
                rows.start,
                rows.end,
                out,
                anchor=rows.occurred,
                length=_span(days),
                weight=rows.severity * rows.weight,
            )

        return self._plane(("graded", stream, float(days)), fill)

    def decayed(self, stream: Stream, half_life_days: float) -> np.ndarray:
        """Sum over past events of one half to the power of age over `half_life_days`.

        Parameters
        ----------
        stream
            What is counted.
        half_life_days
            Age at which an event counts half, days.

        Returns
        -------
        faded
            (n_grids, n_dates) events, at least 0.
        """

        def fill(out: np.ndarray) -> None:
            rows, cells = self._of("facts", stream)
            rate = np.log(2) / (half_life_days * DAY_US)
            kernel.faded(self._axis, cells, rows.start, rows.end, rows.occurred, out, rate=rate, weight=_weight(rows))

        return self._plane(("decayed", stream, float(half_life_days)), fill)

    def days_since(self, stream: Stream, *, cap: float = np.inf, whole: bool = False) -> np.ndarray:
        """Days since the last event, at most `cap`; `cap` where there was none (NaN where that is infinite). `whole`: days begun.

        Parameters
        ----------
        stream
            What is counted.
        cap
            Most days told.
        whole
            Whether a day begun counts as a day.

        Returns
        -------
        days
            (n_grids, n_dates).
        """

        def fill(out: np.ndarray) -> None:
            rows, cells = self._of("facts", stream)
            kernel.since(self._axis, cells, rows.start, rows.end, rows.occurred, out, whole=whole)
            if np.isfinite(cap):
                np.fmin(out, np.float32(cap), out=out)

        return self._plane(("days_since", stream, float(cap), whole), fill)

    def coming(self, stream: Stream, *, days: float, settle_days: float) -> np.ndarray:
        """Events that occur in the `days` from the date on, as known `settle_days` after their end. For labels only.

        Parameters
        ----------
        stream
            What is counted.
        days
            Length of the window from the date on, days.
        settle_days
            How long after it records may still arrive.

        Returns
        -------
        count
            (n_grids, n_dates); whether it is final, :meth:`settled` says.
        """
        rows, cells = self._of("facts", stream)
        wait = _span(days + settle_days)
        start = np.maximum(rows.occurred - _span(days), _sooner(rows.start, wait))
        out = np.empty(self.shape, np.float32)
        end = np.minimum(rows.occurred, _sooner(rows.end, wait))
        kernel.count(self._axis, cells, start, end, out, weight=_weight(rows))
        return out

    # -- handling -----------------------------------------------------------------------------------------------------

    def open(self, stream: Stream, *, days: float | None = None) -> np.ndarray:
        """Cases known and not closed; only those that occurred within `days`, where given.

        Parameters
        ----------
        stream
            What is counted.
        days
            Most days since the case occurred; any by default.

        Returns
        -------
        count
            (n_grids, n_dates) cases.
        """

        def fill(out: np.ndarray) -> None:
            rows, cells = self._of("cases", stream)
            length = -1 if days is None else _span(days)
            end = np.minimum(rows.end, rows.closed)
            kernel.count(
                self._axis, cells, rows.start, end, out, anchor=rows.occurred, length=length, weight=_weight(rows)
            )

        return self._plane(("open", stream, days), fill)

    def overdue(self, stream: Stream, *, elapsed: float = 1.0) -> np.ndarray:
        """Open cases past `elapsed` of the time they were given; cases without a due time are never overdue.

        Parameters
        ----------
        stream
            What is counted.
        elapsed
            Share of the time from occurring to the due time; 1 is overdue, less is about to be.

        Returns
        -------
        count
            (n_grids, n_dates) cases.
        """

        def fill(out: np.ndarray) -> None:
            rows, cells = self._of("cases", stream)
            start, end = np.maximum(rows.start, rows.elapsed(elapsed)), np.minimum(rows.end, rows.closed)
            kernel.count(self._axis, cells, start, end, out, weight=_weight(rows))

        return self._plane(("overdue", stream, float(elapsed)), fill)

    def closed(self, stream: Stream, days: float) -> np.ndarray:
        """Cases closed within `days` before the date.

        Parameters
        ----------
        stream
            What is counted.
        days
            Length of the window before the date, days.

        Returns
        -------
        count
            (n_grids, n_dates) cases.
        """

        def fill(out: np.ndarray) -> None:
            rows, cells = self._closed(stream)
            start, end = self._closing(rows, days)
            kernel.count(self._axis, cells, start, end, out, weight=_weight(rows))

        return self._plane(("closed", stream, float(days)), fill)

    def handling(self, stream: Stream, days: float, *, q: float = 0.5) -> np.ndarray:
        """Quantile of the days from occurring to closing, of the cases closed within `days`; whole days of the city's calendar.

        Parameters
        ----------
        stream
            What is counted.
        days
            Length of the window before the date, days.
        q
            Which quantile, in [0, 1].

        Returns
        -------
        days
            (n_grids, n_dates); NaN where none was closed.
        """

        def fill(out: np.ndarray) -> None:
            rows, cells = self._closed(stream)
            start, end = self._closing(rows, days)
            took = self._day(rows.closed) - self._day(rows.occurred)
            kernel.quantile(self._axis, cells, start, end, took, out, q=q)

        return self._plane(("handling", stream, float(days), q), fill)

    def delay(self, stream: Stream, days: float, *, q: float = 0.5) -> np.ndarray:
        """Quantile of the days from occurring to being known, of the events that became known within `days`.

        Parameters
        ----------
        stream
            What is counted.
        days
            Length of the window before the date, days.
        q
            Which quantile, in [0, 1].

        Returns
        -------
        days
            (n_grids, n_dates); NaN where nothing became known.
        """

        def fill(out: np.ndarray) -> None:
            rows, cells = self._of("facts", stream)
            end = np.minimum(rows.end, rows.known + _span(days))
            kernel.quantile(self._axis, cells, rows.start, end, (rows.known - rows.occurred) / DAY_US, out, q=q)

        return self._plane(("delay", stream, float(days), q), fill)

    def open_age(self, stream: Stream, *, q: float = 0.9) -> np.ndarray:
        """Quantile of the age in days of the open cases.

        Parameters
        ----------
        stream
            What is counted.
        q
            Which quantile, in [0, 1].

        Returns
        -------
        days
            (n_grids, n_dates); NaN where none is open.
        """

        def fill(out: np.ndarray) -> None:
            rows, cells = self._of("cases", stream)
            self._age(cells, rows.start, np.minimum(rows.end, rows.closed), rows.occurred, q, out)

        return self._plane(("open_age", stream, q), fill)

    def overdue_days(self, stream: Stream) -> np.ndarray:
        """Days by which the longest overdue open case is late; 0 where none is.

        Parameters
        ----------
        stream
            What is counted.

        Returns
        -------
        days
            (n_grids, n_dates) at least 0.
        """

        def fill(out: np.ndarray) -> None:
            rows, cells = self._of("cases", stream)
            end = np.minimum(rows.end, rows.closed)
            self._age(cells, np.maximum(rows.start, rows.due), end, rows.due, 1.0, out)
            np.nan_to_num(out, copy=False, nan=0.0)

        return self._plane(("overdue_days", stream), fill)

    def open_matters(self, streams: tuple[Stream, ...]) -> np.ndarray:
        """Linked matters of which a record is open: each counts once in a grid.

        Parameters
        ----------
        streams
            Whose cases are looked at.

        Returns
        -------
        count
            (n_grids, n_dates) matters.
        """
        out = np.zeros(self.shape, np.float32)
        if not streams:
            return out
        rows = self._of("cases", streams)[0]
        end = np.minimum(rows.end, rows.closed)
        matter = np.unique(np.column_stack([rows.grid, rows.case]), axis=0, return_inverse=True)[1].ravel()
        grid, start, end = union(matter, rows.grid, rows.start, end)
        kernel.count(self._axis, Cells.of(grid, self.shape[0]), start, end, out)
        return out

    # -- how mixed, how linked ----------------------------------------------------------------------------------------

    def grouped(
        self,
        streams: Sequence[Stream],
        by: str,
        reduce: Callable[[np.ndarray, np.ndarray], np.ndarray],
        *windows: tuple[float, float],
    ) -> np.ndarray:
        """Counts of each grid by `category`, `place` or `case`, brought down to one number a grid.

        Parameters
        ----------
        streams
            What is counted.
        by
            What it is told apart by; rows without a place or case are left out.
        reduce
            From (n_windows, n_groups, n_dates) counts and the first group of each grid to (n_grids, n_dates).
        windows
            Days, and days ago, of each count.

        Returns
        -------
        values
            (n_grids, n_dates), 0 where a grid has no rows.
        """
        rows, _ = self._of("facts", tuple(streams))
        kind = getattr(rows, by).astype(np.int64)
        wide = int(kind.max(initial=0)) + 2
        key = rows.grid.astype(np.int64) * wide + kind
        order = np.flatnonzero(kind >= 0)
        order = order[np.argsort(key[order], kind="stable")]
        groups, group = np.unique(key[order], return_inverse=True)
        out = np.zeros(self.shape, np.float32)
        if len(groups) == 0:
            return out
        rows, cells = rows[order], Cells.of(group, len(groups))
        counts = np.empty((len(windows), len(groups), self.shape[1]), np.float32)
        for plane, (days, ago) in zip(counts, windows, strict=True):
            kernel.count(
                self._axis,
                cells,
                rows.start,
                rows.end,
                plane,
                anchor=rows.occurred,
                ago=_span(ago),
                length=_span(days),
                weight=_weight(rows),
            )
        owner = groups // wide
        first = np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]])
        out[owner[first]] = reduce(counts, first)
        return out

    def pairs(
        self, later: Stream, earlier: Streams, *, by: tuple[str, ...], days: float
    ) -> tuple[Facts, Facts, np.ndarray]:
        """Every two events of one grid, and of one `by`, of which the second occurred at most `days` after the first.

        Parameters
        ----------
        later, earlier
            What comes after what.
        by
            What both must share beside the grid, such as ``place`` or ``case``.
        days
            Most days between them.

        Returns
        -------
        later, earlier
            Rows in pairs, by grid; both hold only where their intervals meet.
        number
            Number of the later row of each pair.
        """
        after, before = (self._of("facts", s)[0] for s in (later, earlier))
        second, first = pairs_within(after, after.occurred, before, before.occurred, by, _span(days))
        return after[second], before[first], second

    def followed(
        self, later: Stream, earlier: Streams, *, by: tuple[str, ...], days: float, window: float
    ) -> np.ndarray:
        """Events of `later` in the last `window` days that an event of `earlier` preceded within `days`, at the same `by`.

        Parameters
        ----------
        later, earlier
            What comes after what.
        by
            What both must share beside the grid, such as ``place`` or ``case``.
        days
            Most days between them.
        window
            Days before the date in which the later one occurred.

        Returns
        -------
        count
            (n_grids, n_dates) events; each counts once, however many preceded it.
        """

        def fill(out: np.ndarray) -> None:
            second, first, number = self.pairs(later, earlier, by=by, days=days)
            start = np.maximum(second.start, first.start)
            end = np.minimum(np.minimum(second.end, first.end), second.occurred + _span(window))
            grid, start, end = union(number, second.grid, start, end)
            kernel.count(self._axis, Cells.of(grid, self.shape[0]), start, end, out)

        return self._plane(("followed", later, earlier, by, float(days), float(window)), fill)

    def fastest(
        self, later: Stream, earlier: Streams, *, by: tuple[str, ...], days: float, window: float
    ) -> np.ndarray:
        """Least days from an event of `earlier` to one of `later` in the last `window` days; NaN where there is none.

        Parameters
        ----------
        later, earlier
            What comes after what.
        by
            What both must share beside the grid, such as ``place`` or ``case``.
        days
            Most days between them.
        window
            Days before the date in which the later one occurred.

        Returns
        -------
        days
            (n_grids, n_dates).
        """

        def fill(out: np.ndarray) -> None:
            second, first, _ = self.pairs(later, earlier, by=by, days=days)
            start = np.maximum(second.start, first.start)
            end = np.minimum(np.minimum(second.end, first.end), second.occurred + _span(window))
            took = (second.occurred - first.occurred) / DAY_US
            kernel.quantile(self._axis, Cells.of(second.grid, self.shape[0]), start, end, took, out, q=0.0)

        return self._plane(("fastest", later, earlier, by, float(days), float(window)), fill)

    def recurred(self, stream: Stream, *, days: float, within: float) -> tuple[np.ndarray, np.ndarray]:
        """Cases followed for `within` days after closing, those days ending in the last `days`.

        Parameters
        ----------
        stream
            Whose cases and events are looked at.
        days
            Window in which the following ended, days.
        within
            How long a case is followed after it closed, days.

        Returns
        -------
        again, followed
            Those after whose closing the same place reported again in that time, and all.
        """
        cases = self._closed(stream)[0]
        cases = cases[np.flatnonzero(cases.place >= 0)]
        told = np.minimum(cases.closed, NEVER - _span(within + days)) + _span(within)
        start, end = np.maximum(cases.start, told), np.minimum(cases.end, told + _span(days))
        followed, again = np.empty(self.shape, np.float32), np.empty(self.shape, np.float32)
        kernel.count(self._axis, Cells.of(cases.grid, self.shape[0]), start, end, followed)
        events = self._of("facts", stream)[0]
        late, case = pairs_within(events, events.occurred, cases, cases.closed, ("place",), _span(within))
        began, ended = np.maximum(start[case], events.start[late]), np.minimum(end[case], events.end[late])
        grid, began, ended = union(case, cases.grid[case], began, ended)
        kernel.count(self._axis, Cells.of(grid, self.shape[0]), began, ended, again)
        return again, followed

    def settled(self, source: str, *, days: float, settle_days: float) -> np.ndarray:
        """(n_grids, n_dates) whether what a feed tells of the `days` from each date on is known.

        It is where the feed spoke, for each grid, from the date through the `days` and `settle_days` more
        (:meth:`~riskwarn.history.past.Past.silences`).

        Parameters
        ----------
        source
            The feed.
        days
            Length of the window from the date on, days.
        settle_days
            How long after it records may still arrive.

        Returns
        -------
        settled
            (n_grids, n_dates) bool.
        """
        begin, end = self.micros, self.micros + _span(days + settle_days)
        known = np.zeros(self.shape, dtype=bool)
        for silence in self.history.silences(source):
            spans = silence.spans
            # the first silence that ends after the date must not begin before what is asked for has ended
            after = np.minimum(np.searchsorted(spans[:, 1], begin, side="right"), len(spans) - 1)
            known[silence.grids] = (spans[after, 0] >= end)[None, :]
        return known

    # -- how long the feed spoke --------------------------------------------------------------------------------------

    def exposure(self, source: str, days: float, *, ago: float = 0) -> np.ndarray:
        """(n_dates,) days of the window for which the feed speaks, 0 to `days`, by what was known at each date.

        A feed speaks from its first record on. From where the deliveries arrived by then tell what each covers, only covered time
        counts: a delivery without rows says that nothing happened, no delivery says nothing. Before the first delivery, as when
        years of records are brought in at once, the records speak for themselves.

        Parameters
        ----------
        source
            The feed.
        days
            Length of the window before the date, days.
        ago
            How many days before the date the window ends.

        Returns
        -------
        days
            (n_dates,) in [0, `days`].
        """
        last = self.micros - _span(ago)
        first = last - _span(days)
        begun = self._begun(source)
        spoken = self.history.coverage(source)
        if len(spoken) == 0:
            return np.clip((last - np.maximum(first, begun)) / DAY_US, 0, days)
        told_from = told_since(spoken, self.micros)
        silent_from = np.maximum(np.minimum(begun, told_from), first)
        free = np.maximum(np.minimum(last, told_from) - silent_from, 0)
        told = np.array([covered(spoken, at, a, b) for at, a, b in zip(self.micros, first, last, strict=True)])
        return np.clip((free + told) / DAY_US, 0, days)

    def observed(self, source: str, days: float) -> np.ndarray:
        """(n_dates,) days of the last `days` for which the source speaks, never below one.

        Parameters
        ----------
        source
            The feed.
        days
            Length of the window before the date, days.

        Returns
        -------
        days
            (n_dates,) in [1, `days`]: fit to divide by.
        """
        return np.clip(self.exposure(source, days), 1, days)

    def _begun(self, source: str) -> np.ndarray:
        """(n_dates,) earliest `occurred` of the feed as known at each date; :data:`NEVER` before it spoke."""
        known, occurred = self.history.begun(source)
        return np.r_[NEVER, occurred][np.searchsorted(known, self.micros, side="left")]

    # -- space, attributes, calendar ----------------------------------------------------------------------------------

    def nearby(self, values: np.ndarray, *, mean: bool = True, out: np.ndarray | None = None) -> np.ndarray:
        """Mean (or sum) of `values`, those of :attr:`around`, over the neighbours of each grid, into `out` if given; zero without any.

        Parameters
        ----------
        values
            (n_grids, n_dates).
        mean
            Mean, or sum.
        out
            (n_grids, n_dates) float32 to write into.

        Returns
        -------
        nearby
            (n_grids, n_dates).
        """
        out = np.empty(self.shape, np.float32) if out is None else out
        kernel.linked(self.history.neighbors(), values, out, mean=mean)
        return out

    def of_parent(self, values: np.ndarray, level: str, *, mean: bool = True) -> np.ndarray:
        """Mean (or sum) of `values` over the grids with the same parent at `level`; a grid without one stands alone.

        Parameters
        ----------
        values
            (n_grids, n_dates), NaN where unknown.
        level
            ``community_id``, ``township_id`` or ``county_id``.
        mean
            Mean, or sum.

        Returns
        -------
        values
            (n_grids, n_dates), the grid itself among the others; NaN where nothing is known of any.

        Raises
        ------
        DefinitionError
            The grids have no such parent.
        """
        member, parent = self._parents(level)
        held = np.isfinite(values)
        total = member @ np.where(held, values, 0)
        number = np.maximum(member @ held.astype(np.float32), 1) if mean else np.ones_like(total)
        spread = np.where(member @ held.astype(np.float32) > 0, total / number, np.nan)
        return np.asarray(spread[parent], dtype=np.float32)

    def attribute(self, column: str) -> np.ndarray:
        """A numeric fact of the grid itself, the same at every date.

        Parameters
        ----------
        column
            Column of table `grids`.

        Returns
        -------
        values
            (n_grids, n_dates), NaN where the grid has none.

        Raises
        ------
        DefinitionError
            No grid has it.
        """
        if not self.history.told(column):
            raise DefinitionError(f"the grids have no {column!r}; leave the feature out, or give the column.")
        values = pd.to_numeric(self.history.grids[column]).to_numpy(dtype=np.float32, na_value=np.nan)
        return self.fixed(values)

    def fixed(self, values: np.ndarray) -> np.ndarray:
        """One value a grid, the same at every date.

        Parameters
        ----------
        values
            (n_grids,).

        Returns
        -------
        values
            (n_grids, n_dates), read-only.
        """
        return np.broadcast_to(np.asarray(values, dtype=np.float32)[:, None], self.shape)

    def calendar(self, values: np.ndarray) -> np.ndarray:
        """One value a date, the same in every grid.

        Parameters
        ----------
        values
            (n_dates,).

        Returns
        -------
        values
            (n_grids, n_dates), read-only.
        """
        return np.broadcast_to(np.asarray(values, dtype=np.float32)[None, :], self.shape)

    def places(self, kind: str) -> np.ndarray:
        """(n_grids,) key places of a kind, 0 where a grid lists none, NaN where no grid of the city does.

        Parameters
        ----------
        kind
            As in table `places`.

        Returns
        -------
        n
            (n_grids,) at least 0.
        """
        table = self.history.read("places")
        if kind not in set(table["kind"]):
            return np.full(self.shape[0], np.nan)
        own = table[table["kind"] == kind]
        at = pd.Index(self.history.grids["grid_id"]).get_indexer(own["grid_id"])
        return np.bincount(at[at >= 0], own["n"].to_numpy(dtype=float)[at >= 0], self.shape[0])

    def made(self, key: Hashable, fill: Callable[[np.ndarray], None]) -> np.ndarray:
        """The result called `key`, from `fill` the first time it is asked for; in the memory lent for it, where there is any.

        Parameters
        ----------
        key
            Equal keys have equal results.
        fill
            Writes the result into the (n_grids, n_dates) float32 it is given.

        Returns
        -------
        values
            (n_grids, n_dates), read-only.
        """
        return self._plane(key, fill)

    def _plane(self, key: Hashable, fill: Callable[[np.ndarray], None]) -> np.ndarray:
        found = self._planes.get(key)
        if found is None:
            home = self._homes.pop(key, None)
            out = np.empty(self.shape, np.float32) if home is None else home
            fill(out)
            found = out.view()
            found.flags.writeable = False
            if home is None and self._kept + out.nbytes > _KEPT_BYTES:
                return found
            self._kept += out.nbytes if home is None else 0
            self._planes[key] = found
        return found

    def _of(self, view: str, stream: Streams) -> tuple[Facts, Cells]:
        """Rows of one or several streams, sorted by grid, and where the rows of each grid stand."""

        def make() -> Facts:
            streams = stream if isinstance(stream, tuple) else (stream,)
            parts = [self.history.rows(view, s) for s in streams]
            return parts[0] if len(parts) == 1 else together(parts)

        return self._selected((view, stream), make)

    def _closed(self, stream: Stream) -> tuple[Facts, Cells]:
        def make() -> Facts:
            rows = self._of("cases", stream)[0]
            return rows[np.flatnonzero(rows.closed != NEVER)]

        return self._selected(("closed", stream), make)

    def _selected(self, key: tuple[str, Streams], make: Callable[[], Facts]) -> tuple[Facts, Cells]:
        found = self._rows.get(key)
        if found is None:
            rows = make()
            found = self._rows[key] = (rows, Cells.of(rows.grid, self.shape[0]))
        return found

    def _closing(self, rows: Facts, days: float) -> tuple[np.ndarray, np.ndarray]:
        return np.maximum(rows.start, rows.closed), np.minimum(rows.end, rows.closed + _span(days))

    def _age(
        self, cells: Cells, start: np.ndarray, end: np.ndarray, born: np.ndarray, q: float, out: np.ndarray
    ) -> None:
        """The quantile of an age is the date less the opposite quantile of birth."""
        zero = int(self.micros[0])
        live = np.flatnonzero(start < end)
        own = Cells.of(cells.row[live], len(cells))
        kernel.quantile(self._axis, own, start[live], end[live], (born[live] - zero) / DAY_US, out, q=1 - q)
        np.subtract((self.micros - zero) / DAY_US, out, out=out, casting="same_kind")

    def _day(self, instants: np.ndarray) -> np.ndarray:
        """Day of the city's calendar, counted from 1970."""
        zone = self.history.timezone
        if zone == "UTC":
            return instants // DAY_US
        local = pd.DatetimeIndex(instants.view("datetime64[us]")).tz_localize("UTC").tz_convert(zone).tz_localize(None)
        return local.to_numpy().astype("datetime64[D]").astype(np.int64)

    def _parents(self, level: str) -> tuple[sparse.csr_matrix, np.ndarray]:
        return (
            self._by_parent[level]
            if level in self._by_parent
            else self._by_parent.setdefault(level, self._members(level))
        )

    @cached_property
    def _by_parent(self) -> dict[str, tuple[sparse.csr_matrix, np.ndarray]]:
        return {}

    def _members(self, level: str) -> tuple[sparse.csr_matrix, np.ndarray]:
        column = self.history.grids.get(level)
        if column is None or column.isna().all():
            raise DefinitionError(f"the grids have no {level!r}; leave the feature out, or give the parents.")
        alone = "\0" + self.history.grids["grid_id"].astype(str)
        parent = pd.factorize(column.where(column.notna(), alone))[0]
        member = sparse.csr_matrix((np.ones(len(parent), np.float32), (parent, np.arange(len(parent)))))
        return member, parent


def _span(days: float) -> int:
    return round(days * DAY_US)


def _weight(rows: Facts) -> np.ndarray | None:
    return None if rows.whole else rows.weight


def _sooner(instants: np.ndarray, wait: int) -> np.ndarray:
    return np.where(instants == NEVER, NEVER, instants - wait)
