"""How often: events of a stream in windows before each date, and, for labels, after it."""

import numpy as np

from riskwarn.history import kernel
from riskwarn.history.facts import DAY_US, NEVER
from riskwarn.history.planes import Planes, span, weight_of
from riskwarn.history.stream import Stream


class Counting(Planes):
    """Counts of a snapshot."""

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
                ago=span(ago),
                length=span(days),
                weight=weight_of(rows),
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
                length=span(days),
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
                length=span(days),
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
            kernel.faded(self._axis, cells, rows.start, rows.end, rows.occurred, out, rate=rate, weight=weight_of(rows))

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
        wait = span(days + settle_days)
        start = np.maximum(rows.occurred - span(days), _sooner(rows.start, wait))
        out = np.empty(self.shape, np.float32)
        end = np.minimum(rows.occurred, _sooner(rows.end, wait))
        kernel.count(self._axis, cells, start, end, out, weight=weight_of(rows))
        return out


def _sooner(instants: np.ndarray, wait: int) -> np.ndarray:
    return np.where(instants == NEVER, NEVER, instants - wait)
