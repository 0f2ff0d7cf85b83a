"""How mixed and how linked: events told apart by category, place or matter, and one after another."""

from collections.abc import Callable, Sequence

import numpy as np

from riskwarn.history import kernel
from riskwarn.history.facts import DAY_US, Facts
from riskwarn.history.kernel import Cells
from riskwarn.history.pairs import pairs_within, union
from riskwarn.history.planes import Planes, Streams, span, weight_of
from riskwarn.history.stream import Stream


class Linking(Planes):
    """Events of a snapshot that have something in common."""

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
                ago=span(ago),
                length=span(days),
                weight=weight_of(rows),
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
        second, first = pairs_within(after, after.occurred, before, before.occurred, by, span(days))
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
            end = np.minimum(np.minimum(second.end, first.end), second.occurred + span(window))
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
            end = np.minimum(np.minimum(second.end, first.end), second.occurred + span(window))
            took = (second.occurred - first.occurred) / DAY_US
            kernel.quantile(self._axis, Cells.of(second.grid, self.shape[0]), start, end, took, out, q=0.0)

        return self._plane(("fastest", later, earlier, by, float(days), float(window)), fill)
