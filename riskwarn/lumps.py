"""Lumps: a feed that comes by the month, say, is held against its own deliveries, not against its days."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from riskwarn.arrivals import lower_tail, upper_tail

LUMP_DAYS, LEAST_LUMPS, LEAST_LUMP = 10, 3, 5.0
"""Days between deliveries from which a feed comes in lumps, how many must be known, and records a delivery."""
_REGULAR, _LUMPS = (0.5, 1.6), 13


@dataclass(frozen=True)
class Lump:
    """A delivery of a feed that comes in lumps: the day it ended, what it brought, what was due, and the two-sided chance of so odd a number."""

    day: int
    observed: float
    expected: float
    p: float


def lumps(daily: ArrayLike) -> list[Lump]:
    """The deliveries of a feed that comes in lumps, at least ten days apart and about as far from each other; none of any other feed.

    Parameters
    ----------
    daily
        (days,) Records of each day, oldest first.

    Returns
    -------
    deliveries
        One a delivery that has two or more before it, oldest first.

    Examples
    --------
    >>> month = [0.0] * 29 + [3100.0]
    >>> found = lumps([*month * 6, *[0.0] * 29, 964.0])
    >>> len(found), found[-1].day, found[-1].observed, found[-1].expected, found[-1].p < 0.01
    (5, 209, 964.0, 3100.0, True)
    >>> lumps([3.0, 0.0, 4.0] * 80)
    []
    """
    bears, first, last, brought = _deliveries(daily)
    ends = range(LEAST_LUMPS - 1, len(first))
    return [_lump(bears, last, brought, k) for k in ends if _lumpy(bears, first, last, brought, k)]


def newest_lump(daily: ArrayLike) -> Lump | None:
    """The newest delivery of :func:`lumps`.

    Parameters
    ----------
    daily
        (days,) Records of each day, oldest first.

    Returns
    -------
    delivery
        None where the newest records are no delivery of a feed that comes in lumps.
    """
    bears, first, last, brought = _deliveries(daily)
    k = len(first) - 1
    return _lump(bears, last, brought, k) if k >= LEAST_LUMPS - 1 and _lumpy(bears, first, last, brought, k) else None


def _deliveries(daily: ArrayLike) -> tuple[np.ndarray, ...]:
    """Days with records; of each delivery the places of its first and last among them; and what it brought."""
    rows = np.asarray(daily, dtype=float)
    bears = np.flatnonzero(rows)
    if not len(bears):
        return bears, bears, bears, rows[:0]
    first = np.flatnonzero(np.diff(bears, prepend=bears[0] - LUMP_DAYS) >= LUMP_DAYS)
    return bears, first, np.r_[first[1:], len(bears)] - 1, np.add.reduceat(rows[bears], first)


def _lumpy(bears: np.ndarray, first: np.ndarray, last: np.ndarray, brought: np.ndarray, k: int) -> bool:
    """Whether the deliveries up to the k-th come at an interval."""
    some = slice(max(0, k + 1 - _LUMPS), k + 1)
    apart, span = np.diff(bears[first[some]]), bears[last[some]] - bears[first[some]] + 1
    usual = float(np.median(apart))
    regular = (apart >= _REGULAR[0] * usual) & (apart <= _REGULAR[1] * usual)
    few = np.median(span) <= usual / 3 and np.median(brought[some]) >= LEAST_LUMP
    return bool(usual >= LUMP_DAYS and regular.mean() >= 0.8 and few)


def _lump(bears: np.ndarray, last: np.ndarray, brought: np.ndarray, k: int) -> Lump:
    past = brought[max(0, k - _LUMPS) : k]
    due = float(np.median(past))
    # a fifth either way is usual of a month, whatever few deliveries showed; an odd one among them counts for little
    odd = np.clip(past / max(due, 1e-9), 0.5, 2.0)
    spread = max(float(((odd - 1) ** 2).sum() + 2 * 0.2**2) / (len(past) + 2), 0.1**2)
    variance = np.array([due + spread * due**2 * (1 + 1 / len(past))])
    now = brought[[k]]
    p = min(2 * min(lower_tail(now, np.array([due]), variance)[0], upper_tail(now, np.array([due]), variance)[0]), 1.0)
    return Lump(int(bears[last[k]]), float(now[0]), due, float(p))
