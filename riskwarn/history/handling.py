"""How cases are handled: what is open, overdue or closed at each date, how long it took, and what came again."""

import numpy as np
import pandas as pd

from riskwarn.history import kernel
from riskwarn.history.facts import DAY_US, NEVER, Facts
from riskwarn.history.kernel import Cells
from riskwarn.history.pairs import pairs_within, union
from riskwarn.history.planes import Planes, span, weight_of
from riskwarn.history.stream import Stream

_SLIP = 1e-4
"""What sums of shares may lack by rounding."""


class Handling(Planes):
    """Cases of a snapshot."""

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
            length = -1 if days is None else span(days)
            end = np.minimum(rows.end, rows.closed)
            kernel.count(
                self._axis, cells, rows.start, end, out, anchor=rows.occurred, length=length, weight=weight_of(rows)
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
            kernel.count(self._axis, cells, start, end, out, weight=weight_of(rows))

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
            kernel.count(self._axis, cells, start, end, out, weight=weight_of(rows))

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
            end = np.minimum(rows.end, rows.known + span(days))
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
        known = np.minimum(cases.closed, NEVER - span(within + days)) + span(within)
        start, end = np.maximum(cases.start, known), np.minimum(cases.end, known + span(days))
        followed, again = np.empty(self.shape, np.float32), np.empty(self.shape, np.float32)
        kernel.count(self._axis, Cells.of(cases.grid, self.shape[0]), start, end, followed)
        events = self._of("facts", stream)[0]
        late, case = pairs_within(events, events.occurred, cases, cases.closed, ("place",), span(within))
        began, ended = np.maximum(start[case], events.start[late]), np.minimum(end[case], events.end[late])
        grid, began, ended = union(case, cases.grid[case], began, ended)
        kernel.count(self._axis, Cells.of(grid, self.shape[0]), began, ended, again)
        return again, followed

    def unsettled(self, streams: tuple[Stream, ...], closed: Stream, *, days: float, at_least: float) -> np.ndarray:
        """Places with `at_least` events or more in the last `days`, and after the last closing of a case there.

        Parameters
        ----------
        streams
            Whose events are counted; those without a place are left out.
        closed
            Whose closings settle what occurred before them at the same place.
        days
            Length of the window before the date, days.
        at_least
            Fewest events of a place, above 0.

        Returns
        -------
        count
            (n_grids, n_dates) places.
        """

        def fill(out: np.ndarray) -> None:
            out[:] = 0
            owner, standing = self._standing(streams, closed, days)
            first = np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]]) if len(owner) else owner
            if len(first):
                enough = (standing >= at_least - _SLIP).astype(np.float32)
                out[owner[first]] = np.add.reduceat(enough, first, axis=0)

        return self._plane(("unsettled", streams, closed, float(days), float(at_least)), fill)

    def _standing(self, streams: tuple[Stream, ...], closed: Stream, days: float) -> tuple[np.ndarray, np.ndarray]:
        """Grid of each place, sorted, and (n_places, n_dates) the weight of what stands at it; the last one asked for is kept."""
        key = (streams, closed, days)
        if self._stood is None or self._stood[0] != key:
            self._stood = (key, *self._standing_anew(streams, closed, days))
        return self._stood[1:]

    def _standing_anew(self, streams: tuple[Stream, ...], closed: Stream, days: float) -> tuple[np.ndarray, np.ndarray]:
        rows = self._of("facts", streams)[0]
        start, end = np.maximum(rows.start, rows.occurred), np.minimum(rows.end, rows.occurred + span(days))
        live = np.flatnonzero((rows.place >= 0) & (start <= self.micros[-1]) & (end >= self.micros[0]))
        if len(live) == 0:
            return np.zeros(0, np.int64), np.zeros((0, self.shape[1]), np.float32)
        rows, start, end = rows[live], start[live], end[live]
        wide = int(rows.place.max()) + 1
        places, at = np.unique(rows.grid.astype(np.int64) * wide + rows.place, return_inverse=True)
        standing = self._at_places(at, len(places), start, end, rows.weight)
        cases = self._closed(closed)[0]
        cases = cases[np.flatnonzero((cases.closed >= rows.occurred.min()) & (cases.closed <= self.micros[-1]))]
        case, event = pairs_within(cases, cases.closed, rows, rows.occurred, ("place",), span(days))
        began, ended = np.maximum(rows.start[event], cases.start[case]), np.minimum(end[event], cases.end[case])
        event, began, ended = union(event, event, np.maximum(began, cases.closed[case]), ended)
        standing -= self._at_places(at[event], len(places), began, ended, rows.weight[event])
        return places // wide, standing

    def _at_places(
        self, at: np.ndarray, n_places: int, start: np.ndarray, end: np.ndarray, weight: np.ndarray
    ) -> np.ndarray:
        """(n_places, n_dates) weight of the rows that hold."""
        order = np.argsort(at, kind="stable")
        held = np.empty((n_places, self.shape[1]), np.float32)
        cells = Cells.of(at[order], n_places)
        kernel.count(self._axis, cells, start[order], end[order], held, weight=weight[order])
        return held

    def tells_closings(self, source: str) -> np.ndarray:
        """Whether a feed tells closings, where each grid lies, by what was known before each date.

        It does where at least one case in a hundred of those past their limit is closed (:mod:`riskwarn.history.closings`); a county
        whose part of the feed tells none is told from the others.

        Parameters
        ----------
        source
            The feed.

        Returns
        -------
        told
            (n_grids, n_dates) bool; of fewer than twenty cases nothing can be said, and they are believed.
        """
        tells = self.kept.get(("closings", source))
        if tells is None:
            tells = self.kept["closings", source] = self._closings_told(source)
        return tells

    def _closings_told(self, source: str) -> np.ndarray:
        told, county = self.history.closings(source, self.micros)
        return told[county]

    def _closed(self, stream: Stream) -> tuple[Facts, Cells]:
        def make() -> Facts:
            rows = self._of("cases", stream)[0]
            return rows[np.flatnonzero(rows.closed != NEVER)]

        return self._selected(("closed", stream), make)

    def _closing(self, rows: Facts, days: float) -> tuple[np.ndarray, np.ndarray]:
        return np.maximum(rows.start, rows.closed), np.minimum(rows.end, rows.closed + span(days))

    def _age(
        self, cells: Cells, start: np.ndarray, end: np.ndarray, born: np.ndarray, q: float, out: np.ndarray
    ) -> None:
        """The quantile of an age is the date less the opposite quantile of birth."""
        zero = int(self.micros[0])
        live = np.flatnonzero(start < end)
        cells_of_live = Cells.of(cells.row[live], len(cells))
        kernel.quantile(self._axis, cells_of_live, start[live], end[live], (born[live] - zero) / DAY_US, out, q=1 - q)
        np.subtract((self.micros - zero) / DAY_US, out, out=out, casting="same_kind")

    def _day(self, instants: np.ndarray) -> np.ndarray:
        """Day of the city's calendar, counted from 1970."""
        zone = self.history.timezone
        if zone == "UTC":
            return instants // DAY_US
        local = pd.DatetimeIndex(instants.view("datetime64[us]")).tz_localize("UTC").tz_convert(zone).tz_localize(None)
        return local.to_numpy().astype("datetime64[D]").astype(np.int64)
