"""How much of what happens is reported, and how late: delay curve, capture-recapture, duplicates."""

from dataclasses import dataclass

import numpy as np

from riskwarn.gaps.evidence import Evidence

_MOST_DELAY_DAYS = 60
_MEMORY_DAYS = 182


def delay_curve(evidence: Evidence, source: str) -> np.ndarray:
    """(60,) share of a source's records known at the night among those that occurred 0, 1, 2 … whole days before it.

    Estimated from records of the last 182 days by the reverse-time product-limit estimator (Kalbfleisch & Lawless 1989, JASA 84, 360–372),
    which needs no record to be old enough: a delay of `d` is compared with the shorter ones of records that had the time to show it.
    Recent counts divided by the curve no longer look calm because their records are still under way.

    Examples
    --------
    A source that is told at once has a curve of ones; see also :func:`nowcast`.
    """
    delays, ages = [], []
    for events in evidence.shares(source):
        mine = np.flatnonzero(events.of(source))
        age = evidence.days_ago(events.occurred[mine])
        recent = age < _MEMORY_DAYS
        known = evidence.days_ago(events.first_known[mine[recent]])
        delays.append(np.maximum(age[recent] - known, 0))
        ages.append(age[recent])
    return product_limit(np.concatenate(delays), np.concatenate(ages))


def product_limit(delay: np.ndarray, age: np.ndarray, *, days: int = _MOST_DELAY_DAYS) -> np.ndarray:
    """(days,) share of records known within `d` nights after they occurred, `d` = 0, 1, 2 …

    Parameters
    ----------
    delay
        (n,) nights between a record's occurring and its being known; 0 where the first night knew it.
    age
        (n,) whole days between its occurring and tonight; `delay` never passes it.

    Examples
    --------
    >>> product_limit(np.array([0, 0, 1, 1]), np.array([9, 9, 9, 9]), days=3).tolist()
    [0.5, 1.0, 1.0]

    Records of the last day had no time to show a delay of one night, and do not count against it.

    >>> product_limit(np.array([0, 0, 1, 1, 0, 0]), np.array([9, 9, 9, 9, 0, 0]), days=2).tolist()
    [0.5, 1.0]
    """
    if len(delay) == 0:
        return np.ones(days)
    step = np.minimum(delay.astype(int), days)
    at = np.bincount(step, minlength=days + 1).astype(float)
    too_young = np.bincount(np.minimum(age.astype(int), days), minlength=days + 1).cumsum()
    at_risk = np.maximum(np.cumsum(at) - np.r_[0, too_young[:-1]], at)
    hazard = at / np.maximum(at_risk, 1)
    return np.clip(np.cumprod((1 - hazard)[:0:-1])[::-1], 0.01, 1.0)


def nowcast(counts: np.ndarray, curve: np.ndarray) -> np.ndarray:
    """Counts by day with what is still under way added.

    Parameters
    ----------
    counts
        (…, days) records known, the last 24 hours first.
    curve
        (days,) of :func:`delay_curve`.

    Examples
    --------
    >>> nowcast(np.array([5.0, 9.0, 10.0]), np.array([0.5, 0.9, 1.0])).tolist()
    [10.0, 10.0, 10.0]
    """
    return np.asarray(counts / curve[: counts.shape[-1]])


@dataclass(frozen=True)
class Capture:
    """Two lists of the same matters: sizes, overlap, and the matters on neither."""

    first: int
    second: int
    both: int

    @property
    def total(self) -> float:
        """Matters there are, Chapman's estimator (1951): ``(n1 + 1)(n2 + 1) / (m + 1) - 1``. Low where grave matters are on both."""
        return (self.first + 1) * (self.second + 1) / (self.both + 1) - 1

    @property
    def unseen(self) -> float:
        """Matters on neither list; a lower bound, as lists of one city are seldom independent."""
        return max(self.total - (self.first + self.second - self.both), 0.0)


def capture(first: np.ndarray, second: np.ndarray) -> Capture:
    """Capture-recapture of two lists of matters, by their codes.

    Examples
    --------
    >>> round(capture(np.array([1, 2, 3, 4]), np.array([3, 4, 5])).total, 2)
    5.67
    """
    one, two = np.unique(first), np.unique(second)
    return Capture(len(one), len(two), len(np.intersect1d(one, two)))


def duplicate_rate(delay: np.ndarray, follow_up: np.ndarray) -> float:
    """Reports a day on one known matter, from the reports that follow the first (Liu, Bhandaram & Garg 2023, arXiv 2204.08620).

    Once a matter has been reported it is known to exist, so the reports after the first tell the rate at which people report, free of
    the rate at which things happen.

    Parameters
    ----------
    delay
        (n,) number of reports after the first, by matter.
    follow_up
        (n,) days each matter stayed open after its first report.

    Examples
    --------
    >>> duplicate_rate(np.array([0, 2, 1]), np.array([10.0, 10.0, 10.0]))
    0.1
    """
    open_days = float(np.sum(follow_up))
    return float(np.sum(delay)) / open_days if open_days > 0 else float("nan")
