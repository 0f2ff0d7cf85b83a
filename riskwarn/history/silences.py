"""Silences: when a feed did not speak, for which grids. What was not delivered is not known to be nothing.

What deliveries say (:mod:`riskwarn.history.deliveries`) is believed; between them nothing is known. Where the log tells no more than the
first and last row of each delivery, or where there is no log, the days on which records became known speak
(:mod:`riskwarn.history.pauses`).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from riskwarn.history.deliveries import BACKFILL_DAYS, HALF_DAY, Part, heard_by, parts, spoken
from riskwarn.history.facts import DAY_US, NEVER
from riskwarn.history.pauses import LONG_AGO, STRAY, last_spoken, outages, starts_late, stopped

MOST_COUNTIES = 64
"""With more of them than this each has too few records to be looked at alone."""


@dataclass(frozen=True, eq=False)
class Silence:
    """Stretches in which a feed told nothing of some grids.

    Parameters
    ----------
    grids
        (n_grids,) For which grids.
    spans
        (k, 2) From when to when, µs, in order; the last one goes on for ever.
    """

    grids: np.ndarray
    spans: np.ndarray


def tardy(known: np.ndarray, occurred: np.ndarray, days: float = BACKFILL_DAYS) -> np.ndarray:
    """(k, 2) Stretches, µs, of which most records became known more than `days` late, as of years brought in at once.

    Parameters
    ----------
    known, occurred
        (n,) When the records became known and when they occurred, µs.
    days
        How late, days.

    Returns
    -------
    stretches
        In the order of time. Times without records are like those before them, so that no stretch depends on whether something
        happened in it; the first and the last go on for ever.

    Notes
    -----
    Judged in quarters of :data:`BACKFILL_DAYS` days, or of `days`.

    Examples
    --------
    >>> days = np.array([0, 100, 900, 1000]) * DAY_US
    >>> (tardy(np.array([950, 950, 950, 1001]) * DAY_US, days)[0, 1:] // DAY_US).tolist()  # all before the quarter of day 900
    [828]
    """
    if len(known) == 0:
        return np.zeros((0, 2), np.int64)
    quarter = round(days * DAY_US)
    number = occurred // quarter
    first = int(number.min())
    n, late = (np.bincount(number - first, weights=w) for w in (None, known - occurred > quarter))
    return tardy_quarters(first, n, late, quarter)


def tardy_quarters(first: int, n: np.ndarray, n_late: np.ndarray, quarter: int) -> np.ndarray:
    """The stretches of :func:`tardy`, from how many records each quarter has, and how many of them came late.

    Parameters
    ----------
    first
        Number of the first quarter.
    n, n_late
        (k,) records of each, the first and the last having some.
    quarter
        Its length, µs.

    Returns
    -------
    stretches
        As :func:`tardy` gives them.
    """
    late = 2 * n_late > n
    state = late[np.maximum.accumulate(np.where(n > 0, np.arange(len(n)), 0))]
    change = np.flatnonzero(np.diff(np.r_[False, state, False]))
    spans = (first + change.reshape(-1, 2)) * quarter
    if state[0]:
        spans[0, 0] = LONG_AGO
    if state[-1]:
        spans[-1, 1] = NEVER
    return spans


@dataclass(frozen=True, eq=False)
class Arrivals:
    """The records of a feed: when each became known and occurred, µs, and in which grid; and when the city's first record became known."""

    known: np.ndarray
    occurred: np.ndarray
    grid: np.ndarray
    first: int

    def within(self, grids: np.ndarray) -> "Arrivals":
        """Those of some grids, (n_grids,)."""
        here = grids[self.grid]
        return Arrivals(self.known[here], self.occurred[here], self.grid[here], self.first)

    def late(self, days: float) -> np.ndarray:
        """Stretches of which most came later than `days` (:func:`tardy`)."""
        return tardy(self.known, self.occurred, days)

    @property
    def begun(self) -> int:
        """When the first of them occurred; long ago where they did not begin later than the city's other feeds."""
        return int(self.occurred.min()) if starts_late(self.known, self.first) else LONG_AGO


def silences(
    log: pd.DataFrame | None, grids: pd.DataFrame, records: Arrivals, *, end: int, stated: bool, late_days: float
) -> list[Silence]:
    """When a feed was silent, for each part of the city that hears from an organisation of its own.

    Parameters
    ----------
    log
        The feed's rows of table `feed_log`, where there are any. An organisation whose code is that of a county, township or
        community speaks for the grids under it, any other for the whole city.
    grids
        Table `grids`, one row a grid.
    records
        The feed's. Without a log they are looked at county by county.
    end
        Until when it speaks where deliveries do not tell.
    stated
        Whether somebody said so; else a county that has been silent for too long by then has stopped.
    late_days
        Records that come later than this were brought in afterwards: of their time nothing was known when it was asked for.

    Returns
    -------
    silences
        Each grid is in one of them.
    """
    split = [] if log is None else parts(log, grids)
    late = records.late(late_days)
    if log is None or not any(part.named.any() for part in split):
        stretches = np.zeros((0, 2), np.int64) if log is None else spoken(log, late)
        begun = records.begun
        areal = [(mask, stretches, begun) for mask in _counties(grids)]
    else:
        areal = [_heard_in(part, log, records, late) for part in split]
    whole = np.vstack([outages(records.known), late])
    return [
        Silence(mask, _spans(stretches, records.within(mask).known, whole, begun=begun, end=end, stated=stated))
        for mask, stretches, begun in areal
    ]


def _heard_in(part: Part, log: pd.DataFrame, records: Arrivals, late: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """The grids of a part, the stretches told of them, and since when its own organisations, or else the feed, told of them."""
    begun = (records.within(part.grids) if part.named.any() else records).begun
    return part.grids, spoken(log[part.rows], late), begun


def _counties(grids: pd.DataFrame) -> list[np.ndarray]:
    number = pd.factorize(grids["county_id"].fillna(""))[0] if "county_id" in grids else np.zeros(len(grids), np.int64)
    few = number.max(initial=0) < MOST_COUNTIES
    return [number == k for k in range(number.max(initial=0) + 1)] if few else [np.ones(len(grids), dtype=bool)]


def _spans(
    stretches: np.ndarray, known: np.ndarray, whole: np.ndarray, *, begun: int, end: int, stated: bool
) -> np.ndarray:
    quiet = np.vstack([outages(known), whole])
    if len(stretches) == 0:
        last = last_spoken(known) if not stated and stopped(known, end) else end
        return _united([(LONG_AGO, begun), *quiet[quiet[:, 0] < last], (last, NEVER)])
    first, last = int(stretches[0, 0]), int(stretches[-1, 1])
    after = known[known > last + HALF_DAY]
    if len(np.unique(after // DAY_US)) >= STRAY:  # deliveries that say nothing followed those that did
        last, stretches = last_spoken(after), np.vstack([stretches, [[last, last_spoken(after)]]])
        quiet_after = quiet[(quiet[:, 0] >= stretches[-1, 0]) & (quiet[:, 0] < last)]
    else:
        quiet_after = quiet[:0]
    older = [(a, min(b, first)) for a, b in quiet if a < first]
    between = zip(stretches[:-1, 1], stretches[1:, 0], strict=True)
    return _united([(LONG_AGO, min(begun, first)), *older, *between, *quiet_after, (last, NEVER)])


def _united(spans: Iterable[tuple[int, int]]) -> np.ndarray:
    return heard_by(np.array([(int(a), int(b)) for a, b in spans if a < b], dtype=np.int64).reshape(-1, 2))
