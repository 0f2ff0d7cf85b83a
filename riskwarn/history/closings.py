"""Whether a feed tells closings. Where it does not, a case that is not closed is not known to be open."""

import numpy as np

from riskwarn.calling import checked
from riskwarn.history.facts import DAY_US, NEVER, Facts

LEAST_CASES, MANY_CASES, LEAST_CLOSED = 20, 100, 0.01
LIMIT_DAYS = 60
"""When a case counts as old enough to be closed whose source gives no limit: the longest of the schemes shipped."""


@checked
def tells_closings(cases: np.ndarray, closed: np.ndarray) -> np.ndarray:
    """Whether `closed` of so many `cases` that are old enough say that closings are told at all.

    Not one closing among twenty, or of a hundred and more less than one in a hundred, is a column that is not delivered, and no neglect.

    Parameters
    ----------
    cases, closed
        (n,) cases that are closed or past their limit, and the closed ones among them.

    Returns
    -------
    told
        (n,) bool; of fewer than twenty cases nothing can be said, and they are believed.

    Examples
    --------
    >>> tells_closings(np.array([19, 20, 99, 100, 100]), np.array([0, 0, 1, 0, 1])).tolist()
    [True, False, True, False, True]
    """
    return (cases < LEAST_CASES) | ((closed > 0) & ((cases < MANY_CASES) | (closed >= LEAST_CLOSED * cases)))


def counted(rows: Facts, group: np.ndarray, n_groups: int, dates: np.ndarray) -> np.ndarray:
    """(2, n_groups, n_dates) cases old enough to be closed and closed ones among them, by what was known before each date.

    Those of several parts of a city add up to those of the city.

    Parameters
    ----------
    rows
        Revisions of one feed's cases.
    group
        (n,) group of each row.
    n_groups
        How many there are.
    dates
        (n_dates,) instants, µs.

    Returns
    -------
    counts
        Whole numbers.
    """
    limit = np.where(rows.due == NEVER, rows.occurred + LIMIT_DAYS * DAY_US, rows.due)
    old_from = np.maximum(rows.start, np.minimum(limit, rows.closed))
    closed_from = np.maximum(rows.start, rows.closed)
    parts = [np.flatnonzero(group == g) for g in range(n_groups)]
    counts = [[_holding(since[p], rows.end[p], dates) for p in parts] for since in (old_from, closed_from)]
    return np.array(counts, dtype=np.int64).reshape(2, n_groups, len(dates))


def closings(cases: np.ndarray, closed: np.ndarray) -> np.ndarray:
    """(n_groups, n_dates) whether the cases of each group tell closings, by what :func:`counted` gives.

    A group of fewer than twenty cases is judged with the others.

    Parameters
    ----------
    cases, closed
        (n_groups, n_dates) cases old enough to be closed, and closed ones among them.

    Returns
    -------
    told
        bool.
    """
    city = tells_closings(cases.sum(axis=0), closed.sum(axis=0))
    return np.where((cases < LEAST_CASES) | ~city, city, tells_closings(cases, closed))


def _holding(start: np.ndarray, end: np.ndarray, dates: np.ndarray) -> np.ndarray:
    """(n_dates,) intervals ``(start, end]`` that hold at each date."""
    live = start < end
    begun, over = (np.searchsorted(np.sort(ends[live]), dates, side="left") for ends in (start, end))
    return begun - over
