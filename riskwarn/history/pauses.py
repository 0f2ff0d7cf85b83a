"""Pauses: when a feed, by its own habit, should have told something and did not.

A pause is an outage when it is longer than a fortnight, as no holiday is, and :data:`_RARE` times the feed's usual pause, which for
records that come by chance happens once in a million pauses.
"""

import numpy as np

from riskwarn.history.facts import DAY_US

LONG_AGO = int(np.iinfo(np.int64).min)
_RARE, _LEAST_PAUSE_DAYS, _LEAST_PAUSES = 14.0, 14, 30
STRAY = 3
"""Fewer days with records after an outage than this do not say that the feed is back: a date typed wrong looks like it."""


def outages(known: np.ndarray) -> np.ndarray:
    """(k, 2) Stretches of whole days, µs, in which no record became known and by the feed's habit some should have.

    Parameters
    ----------
    known
        (n,) Instants at which records became known, µs, in any order.

    Returns
    -------
    outages
        In the order of time; none for a feed of fewer than 31 days with records.

    Notes
    -----
    A pause is an outage where it is longer than a fortnight and fourteen times the mean of the feed's other pauses.

    Examples
    --------
    A feed of every day that stood still for a month:

    >>> days = np.r_[0:60, 90:120]
    >>> (outages(days * DAY_US) // DAY_US).tolist()
    [[60, 90]]
    """
    if len(known) == 0:
        return np.zeros((0, 2), np.int64)
    day = known // DAY_US
    day = np.flatnonzero(np.bincount(day - day.min())) + day.min()
    pause = np.diff(day)
    if len(pause) < _LEAST_PAUSES:
        return np.zeros((0, 2), np.int64)
    usual = (pause.sum() - pause) / (len(pause) - 1)
    long = np.flatnonzero((pause > _LEAST_PAUSE_DAYS) & (pause > _RARE * usual))
    return np.column_stack([day[long] + 1, day[long + 1]]) * DAY_US


def last_spoken(known: np.ndarray) -> int:
    """The last instant at which a feed spoke, µs; what follows its last outage on fewer than three days is a date typed wrong.

    Parameters
    ----------
    known
        (n,) Instants at which records became known, µs, in any order.

    Returns
    -------
    instant
        µs; :data:`LONG_AGO` where there is no record.

    Examples
    --------
    >>> int(last_spoken(np.r_[0:60, 4000] * DAY_US) // DAY_US)
    59
    """
    for begin, end in outages(known)[::-1]:
        after = np.unique(known[known >= end] // DAY_US)
        if len(after) >= STRAY:
            break
        known = known[known < begin]
    return int(known.max(initial=LONG_AGO))


def starts_late(known: np.ndarray, first: int) -> bool:
    """Whether a feed began so long after `first`, µs, when the city's records begin, that its habit does not explain it.

    Parameters
    ----------
    known
        (n,) Instants at which records became known, µs.
    first
        When the city's records begin.

    Returns
    -------
    late
        False where there is no record.

    Examples
    --------
    >>> starts_late(np.arange(400, 500) * DAY_US, 0), starts_late(np.arange(5, 105) * DAY_US, 0)
    (True, False)
    """
    return bool(len(known)) and len(outages(np.r_[first, known])) > len(outages(known))


def stopped(known: np.ndarray, at: int) -> bool:
    """Whether a feed has been silent at `at`, µs, for longer than its habit allows.

    Parameters
    ----------
    known
        (n,) Instants at which records became known, µs.
    at
        The instant looked at.

    Returns
    -------
    stopped
        False where there is no record.

    Examples
    --------
    >>> days = np.arange(100) * DAY_US
    >>> stopped(days, 105 * DAY_US), stopped(days, 200 * DAY_US)
    (False, True)
    """
    return bool(len(known)) and len(outages(np.r_[known, at])) > len(outages(known))
