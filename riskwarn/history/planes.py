"""Planes: results of a snapshot, one number a grid and date, worked out once and handed out again."""

from collections.abc import Callable, Hashable
from functools import cached_property
from typing import Any, Self

import numpy as np
import pandas as pd
from scipy import sparse

from riskwarn.history.facts import DAY_US, Facts, together
from riskwarn.history.kernel import Axis, Cells
from riskwarn.history.past import Past
from riskwarn.history.stream import Stream

_KEPT_BYTES = 256 * 2**20
"""Planes kept for the next feature beside those that have a home."""
Streams = Stream | tuple[Stream, ...]


class Planes:
    """Some dates over the grids of a history, and what was worked out for them so far.

    Parameters
    ----------
    history
        Of a city, or some of its grids.
    dates
        In the order of time, with a time zone.
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
        self._stood: tuple[Hashable, np.ndarray, np.ndarray] | None = None
        self.kept: dict[Hashable, Any] = {}

    @property
    def local(self) -> pd.DatetimeIndex:
        """The dates on the city's clock."""
        return self.dates.tz_convert(self.history.timezone)

    def each(self, make: "Callable[[Self], np.ndarray]") -> np.ndarray:
        """What is made of the dates grid by grid. Where the records of a city lie in blocks it is made in each of them, so nothing else may be asked there.

        Parameters
        ----------
        make
            A function of a module, or of what is declared, from a snapshot to numbers (…, n_grids, n_dates).

        Returns
        -------
        made
            (…, n_grids, n_dates) of all grids.
        """
        return np.asarray(make(self))

    @property
    def around(self) -> Self:
        """The same dates over these grids and their neighbours: itself, where it is of a whole city."""
        return self._around or self

    @cached_property
    def _around(self) -> Self | None:
        around = self.history.around
        return None if around is self.history else type(self)(around, self.dates)

    def reached(self, reach: float, shape: str) -> tuple[Self, sparse.csr_matrix]:
        """The same dates over the grids within reach of these, and the weights of those: itself, where it is of a whole city.

        Parameters
        ----------
        reach, shape
            As for :func:`riskwarn.grid.closeness`.

        Returns
        -------
        snapshot, weights
            Of `k` grids, and (n_grids, k) of column for row.
        """
        history, weights = self.history.reached(reach, shape)
        if history is self.history:
            return self, weights
        key = "reached", reach, shape
        if key not in self.kept:
            self.kept[key] = type(self)(history, self.dates)
        return self.kept[key], weights

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
        plane = self._planes.get(key)
        if plane is None:
            home = self._homes.pop(key, None)
            out = np.empty(self.shape, np.float32) if home is None else home
            fill(out)
            plane = out.view()
            plane.flags.writeable = False
            if home is None and self._kept + out.nbytes > _KEPT_BYTES:
                return plane
            self._kept += out.nbytes if home is None else 0
            self._planes[key] = plane
        return plane

    def _of(self, view: str, stream: Streams) -> tuple[Facts, Cells]:
        """Rows of one or several streams, sorted by grid, and where the rows of each grid stand."""

        def make() -> Facts:
            streams = stream if isinstance(stream, tuple) else (stream,)
            parts = [self.history.rows(view, s) for s in streams]
            return parts[0] if len(parts) == 1 else together(parts)

        return self._selected((view, stream), make)

    def _selected(self, key: tuple[str, Streams], make: Callable[[], Facts]) -> tuple[Facts, Cells]:
        selected = self._rows.get(key)
        if selected is None:
            rows = make()
            selected = self._rows[key] = (rows, Cells.of(rows.grid, self.shape[0]))
        return selected


def span(days: float) -> int:
    """µs of some days, to the nearest."""
    return round(days * DAY_US)


def weight_of(rows: Facts) -> np.ndarray | None:
    """Shares of the rows; none where each belongs to one grid entirely, which spares a multiplication."""
    return None if rows.whole else rows.weight
