"""When the feeds of a city spoke, told from the records of its blocks: what each block adds, and what they add up to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from riskwarn.distributed.survey import greatest
from riskwarn.history import DAY_US, NEVER
from riskwarn.history.closings import counted
from riskwarn.history.deliveries import area_of, parts
from riskwarn.history.facts import Facts
from riskwarn.history.feeds import beginning, counties_of
from riskwarn.history.silences import Arrivals, tardy_quarters
from riskwarn.taxonomy import NEVER_FEATURES


@dataclass(frozen=True, eq=False)
class Cells:
    """How finely a feed is listened to: no organisation and no county speaks for a part of a cell.

    Parameters
    ----------
    cell
        (n_grids,) number of the cell of each grid.
    county, n_counties
        (n_grids,) number of its county, and how many there are.
    """

    cell: np.ndarray
    county: np.ndarray
    n_counties: int

    @classmethod
    def of(cls, log: pd.DataFrame | None, grids: pd.DataFrame) -> "Cells":
        """The cells of a feed, by its rows of table `feed_log`, where there are any."""
        county, n_counties = counties_of(grids)
        heard = np.zeros(len(grids), np.int64)
        for number, part in enumerate([] if log is None else parts(log, grids)):
            heard[part.grids] = number
        _, cell = np.unique(heard * n_counties + county, return_inverse=True)
        return cls(cell.ravel(), county, n_counties)

    def part(self, numbers: np.ndarray) -> "Cells":
        """Those of some grids."""
        return Cells(self.cell[numbers], self.county[numbers], self.n_counties)


@dataclass(frozen=True, eq=False)
class Heard:
    """What some grids tell of when a feed spoke; that of several parts of a city adds up to that of the city.

    Parameters
    ----------
    days
        (k, 3) by cell and day on which records became known: cell, number of the day, and the last instant of them.
    earliest
        (j, 2) by cell: cell, and when the earliest record occurred.
    quarters
        By quarter's length in days (i, 3): number of the quarter, records that occurred in it, and those that came late.
    begun
        By cell as :meth:`riskwarn.history.History.begun`.
    closings
        (2, n_counties, n_dates) as :func:`riskwarn.history.closings.counted`.
    """

    days: np.ndarray
    earliest: np.ndarray
    quarters: dict[float, np.ndarray]
    begun: dict[int, tuple[np.ndarray, np.ndarray]]
    closings: np.ndarray


def heard(view: tuple[Facts, Facts], source: str, cells: Cells, late_days: Sequence[float], dates: np.ndarray) -> Heard:
    """What the grids of a block tell of a feed.

    Parameters
    ----------
    view
        Facts and cases of its grids, as a history has them.
    source
        The feed.
    cells
        Where these grids lie.
    late_days
        Lengths of quarters that are asked for, days.
    dates
        (n_dates,) at which closings are asked for, µs.

    Returns
    -------
    heard
        Of these grids.
    """
    facts, cases = view
    every = _rows(cases, source)
    cell, known, occurred = cells.cell[cases.grid[every]], cases.start[every], cases.occurred[every]
    told = cases[_rows(cases, source, without=NEVER_FEATURES)]
    counting = _rows(facts, source, without=NEVER_FEATURES)
    begun = cells.cell[facts.grid[counting]], facts.start[counting], facts.occurred[counting]
    return Heard(
        greatest(cell, known // DAY_US, known),
        _least(cell, occurred),
        {days: _quarters(known, occurred, round(days * DAY_US)) for days in late_days},
        {int(c): beginning(begun[1][begun[0] == c], begun[2][begun[0] == c]) for c in _numbers(begun[0])},
        counted(told, cells.county[told.grid], cells.n_counties, dates),
    )


def together(some: Sequence[Heard]) -> Heard:
    """What the blocks of a city tell of a feed, together."""
    days, earliest = (np.vstack([getattr(one, name) for one in some]) for name in ("days", "earliest"))
    begun = {
        cell: beginning(*(np.concatenate([one.begun[cell][i] for one in some if cell in one.begun]) for i in (0, 1)))
        for cell in sorted({cell for one in some for cell in one.begun})
    }
    quarters = {key: _summed(np.vstack([one.quarters[key] for one in some])) for key in some[0].quarters}
    closings = np.sum([one.closings for one in some], axis=0)
    return Heard(greatest(*days.T), _least(*earliest.T), quarters, begun, closings)


@dataclass(frozen=True, eq=False)
class ToldArrivals(Arrivals):
    """Arrivals of which only the last of each day and cell are at hand: all that silences depend on, beside how many came late."""

    quarters: Mapping[float, np.ndarray] = field(default_factory=dict)

    def late(self, days: float) -> np.ndarray:
        """Stretches of which most came later than `days`."""
        told = self.quarters.get(days)
        if told is None or len(told) == 0:
            return np.zeros((0, 2), np.int64)
        first = int(told[0, 0])
        n, n_late = (np.bincount(told[:, 0] - first, weights=told[:, i]) for i in (1, 2))
        return tardy_quarters(first, n, n_late, round(days * DAY_US))

    def within(self, grids: np.ndarray) -> "ToldArrivals":
        """Those of some grids."""
        here = super().within(grids)
        return ToldArrivals(here.known, here.occurred, here.grid, here.first, self.quarters)


def arrivals(told: Heard | None, cells: Cells, first: int) -> ToldArrivals:
    """The arrivals of a feed; none where nothing is told of it.

    Parameters
    ----------
    told
        Of all blocks.
    cells
        Where the grids of the city lie.
    first
        When the city's first record became known, µs.

    Returns
    -------
    arrivals
        Each in some grid of its cell, and as early as the earliest of it.
    """
    if told is None or len(told.days) == 0:
        nothing = np.zeros(0, np.int64)
        return ToldArrivals(nothing, nothing, nothing, first)
    cell, _, known = told.days.T
    _, some_grid = np.unique(cells.cell, return_index=True)
    occurred = np.full(len(some_grid), NEVER)
    occurred[told.earliest[:, 0]] = told.earliest[:, 1]
    return ToldArrivals(known, occurred[cell], some_grid[cell], first, told.quarters)


def begun_of(told: Heard | None, cells: Cells, org: str, grids: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """When the earliest record of a feed became known, of the area of an organisation, or of the whole city."""
    here = np.unique(cells.cell[area_of(org, grids)] if org else cells.cell)
    some = [] if told is None else [told.begun[int(c)] for c in here if int(c) in told.begun]
    if not some:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    known, occurred = (np.concatenate([one[i] for one in some]) for i in (0, 1))
    return beginning(known, occurred)


def _rows(facts: Facts, source: str, without: frozenset[str] = frozenset()) -> np.ndarray:
    pieces = facts.pieces(source, frozenset(map(str, facts.words["category"])) - without)
    return np.concatenate([np.arange(p.start, p.stop) for p in pieces]) if pieces else np.zeros(0, np.int64)


def _least(cell: np.ndarray, occurred: np.ndarray) -> np.ndarray:
    """(k, 2) the first instant of each cell."""
    cells = _numbers(cell)
    least = np.full(int(cell.max(initial=-1)) + 1, NEVER)
    np.minimum.at(least, cell, occurred)
    return np.column_stack([cells, least[cells]]).astype(np.int64)


def _numbers(cell: np.ndarray) -> np.ndarray:
    """Those that occur, rising."""
    return np.flatnonzero(np.bincount(cell))


def _quarters(known: np.ndarray, occurred: np.ndarray, quarter: int) -> np.ndarray:
    late = (known - occurred > quarter).astype(np.int64)
    return _summed(np.column_stack([occurred // quarter, np.ones(len(known), np.int64), late]))


def _summed(rows: np.ndarray) -> np.ndarray:
    """(k, 3) counts of each quarter."""
    if len(rows) == 0:
        return np.zeros((0, 3), np.int64)
    first = int(rows[:, 0].min())
    n, late = (np.bincount(rows[:, 0] - first, weights=rows[:, i]) for i in (1, 2))
    there = np.flatnonzero(n)
    return np.column_stack([there + first, n[there], late[there]]).astype(np.int64)
