"""Unusual: is a week's count a surge, and has a feed stopped; each by one law, for finders, monitors, checks and pages alike.

A count of a week is negative binomial about the unit's own level. The law knows what the naive ones forget:

- **Level.** The mean of up to :data:`PAST_WEEKS` weeks, shrunk towards that of all units by as much as they differ [1]_.
- **City.** A week in which all units rise is nobody's surge: the level moves with the sum of the *other* units.
- **Spread.** Counts scatter more than Poisson's. Variance over mean is measured on the weeks before, each unit's
  own shrunk towards that of all.
- **Unrest.** A week in which all units stray farther than that from their means is nobody's surge either: the nine tenths of them nearest
  to their means say how far this week strays.
- **Doubt.** A level that few events told is itself uncertain; its variance is added.
- **Past.** What its small chances were worth in weeks that are over corrects tonight's (:func:`weekly_tail`), where it is asked to.

References
----------
.. [1] Clayton & Kaldor (1987), Biometrics 43, 671-681 (gamma-Poisson shrinkage of rates by area).
.. [2] Noufaily, Enki, Farrington, Garthwaite, Andrews & Charlett (2013), Statistics in Medicine 32, 1206-1222 (an
   over-dispersed law for the detection of outbreaks, and why a Poisson law cries out too often).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from riskwarn.tail import Tail

PAST_WEEKS, LEAST_WEEKS = 15, 4
"""Weeks before the last that tell what is usual, and how few of them say nothing."""
TAIL_WEEKS = 52
"""Weeks before the last, every other of which is asked how often the law cries out."""
_MEASURED = ("mean", "change", "p_high", "p_low", "lower", "upper")
WORDS = ("no_history", "low", "usual", "high", "very_high")
ODD, VERY_ODD = 0.0228, 0.00135
"""Probabilities beyond two and three standard deviations of a normal law: below them a week is high, and very high."""
HABIT_DAYS, LEAST_HABIT_DAYS = 182, 14
"""Days before a silence that tell a feed's habit, and how few of them say nothing."""
STOPPED_P = 1e-4
"""A feed has stopped when so long a run of empty days has at most this probability."""
_SIZES = 0.5, 50.0
_SPREAD_WEEKS = 15.0
"""The unit's own spread weighs as much as that of all units after so many weeks."""
_CITY_EVENTS = 10.0
"""Events a week by which the city's own movement is held to none."""
_NEAREST, _UNREST_UNITS = 0.9, 20
_LEAST_MEAN = 1e-6


def weekly_reading(counts: ArrayLike, tail: Tail | None = None) -> pd.DataFrame:
    """How unusual the last week of each unit is, and the plain word for it.

    Parameters
    ----------
    counts
        (n, weeks) Counts of the units of *one* feed, oldest week first, the last column the week that is judged. Give the grids
        of a city together: what they share is no one's surge. A city total is one unit of its own, ``counts.sum(axis=0)[None]``.
    tail
        What small chances were worth in earlier weeks of the feed (:func:`weekly_tail`), which corrects `p_high` and the words it
        gives; without it the law's word stands.

    Returns
    -------
    reading
        One row a unit: `n` (the last week), `mean` (what was expected of it), `change` (``n / mean - 1``), `p_high` and `p_low`
        (probability of so many or more, of so few or less, in [0, 1]), `lower` and `upper` (the 90 % interval of a usual week), and
        `word`: ``low``, ``usual``, ``high``, ``very_high``, or ``no_history`` where the feed has fewer than four weeks before the last; there all numbers but `n` are missing.

    Raises
    ------
    ValueError
        `counts` is not a table of two dimensions, or holds a negative number.

    Examples
    --------
    >>> weekly_reading([[10] * 15 + [30], [10] * 15 + [11]])["word"].tolist()
    ['very_high', 'usual']
    """
    past, now = _parted(_table(counts))
    if past.shape[1] < LEAST_WEEKS:
        return pd.DataFrame({"n": now} | dict.fromkeys(_MEASURED, np.nan) | {"word": "no_history"})
    mean, variance = _law(past, now)
    measured = dict(zip(_MEASURED, (mean, now / mean - 1, *_tails(now, mean, variance)), strict=True))
    if tail is not None:
        measured["p_high"] = tail.worth(measured["p_high"])
    high, low = measured["p_high"], measured["p_low"]
    word = np.select([high < VERY_ODD, high < ODD, low < ODD], ["very_high", "high", "low"], "usual")
    return pd.DataFrame({"n": now} | measured | {"word": word})


def weekly_tail(counts: ArrayLike) -> Tail:
    """What the law's small chances were worth: the chance of so many events or more, of every unit in every other week of the year before the last week, each told from the weeks before it alone.

    Parameters
    ----------
    counts
        (n, weeks) As for :func:`weekly_reading`; :data:`PAST_WEEKS` and :data:`TAIL_WEEKS` weeks before the last are all that is looked at.

    Returns
    -------
    tail
        Sums over units and weeks; empty, so that the law's word stands, where no week has four weeks before it.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> wild = rng.poisson(4 * rng.lognormal(-1.0, 1.4, (300, 60))).astype(float)
    >>> tail = weekly_tail(wild)
    >>> tail.n, bool(tail.worth(np.array([1e-4]))[0] > 1e-4)
    (7800, True)
    """
    table = _table(counts)
    last = table.shape[1] - 1
    return sum((_tail_of(table[:, : week + 1]) for week in range(last - 2, max(last - TAIL_WEEKS, 0) - 1, -2)), Tail())


@dataclass(frozen=True)
class Stop:
    """A feed that fell silent: `days` without a record, `a_day` records that were usual before, and the chance `p` of so long a pause."""

    days: int
    a_day: float
    p: float


def stopped(daily: ArrayLike) -> Stop | None:
    """Whether a feed has stopped: it brings nothing for longer than its habit lets one expect.

    The habit is that of the :data:`HABIT_DAYS` days *before* the silence, so a dead feed is told as long as it is dead: silence never
    becomes the habit. Daily records are negative binomial of the habit's mean and variance; the feed has stopped where so many empty days have
    at most the probability :data:`STOPPED_P` and outlast nine in ten of its pauses (a feed that rests on Sundays, or comes monthly).

    Parameters
    ----------
    daily
        (days,) Records of each day, oldest first; the last day ends at the night.

    Returns
    -------
    stop
        None where the feed is not silent, not surely, or spoke for less than two weeks before.

    Examples
    --------
    >>> stop = stopped([5, 3, 4, 6] * 10 + [0] * 3)
    >>> stop.days, stop.a_day, round(stop.p, 7)
    (3, 4.5, 1.4e-06)
    >>> stopped([5, 3, 4, 6] * 10 + [0] * 300).days
    300
    >>> stopped([30, *[0] * 29] * 6) is None
    True
    """
    chances, a_day = stop_chances(daily)
    if not len(chances) or chances[-1] > STOPPED_P:
        return None
    rows = np.asarray(daily, dtype=float)
    days = len(rows) - 1 - int(np.flatnonzero(rows)[-1])
    return Stop(days, float(a_day[-1]), float(chances[-1]))


def stop_chances(daily: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Of every day: the chance of a silence as long as the one it stands in, and the records a day that were usual before it.

    Parameters
    ----------
    daily
        (days,) Records of each day, oldest first.

    Returns
    -------
    p, a_day
        (days,) 1 and 0 where the feed speaks, where its silence does not outlast its pauses, or where it spoke for less than two weeks.

    Notes
    -----
    Days are taken as independent negative binomial counts of the mean and variance of the habit, so `run` empty days in a row have
    the chance ``(1 + mean / size) ** (-size * run)``, with ``size = mean**2 / (variance - mean)``. Where
    counts are less spread than Poisson's the size is as good as infinite, and the chance is Poisson's ``exp(-mean * run)``.

    Examples
    --------
    >>> p, a_day = stop_chances([4] * 20 + [0, 0])
    >>> p[-3:].round(6).tolist(), float(a_day[-1])
    ([1.0, 0.018316, 0.000335], 4.0)
    """
    rows = np.asarray(daily, dtype=float)
    p, a_day, spoke = np.ones(len(rows)), np.zeros(len(rows)), np.flatnonzero(rows)
    for last, after in zip(spoke, np.r_[spoke[1:], len(rows)][: len(spoke)], strict=True):
        past = rows[max(0, last + 1 - HABIT_DAYS) : last + 1]
        if after - last < 2 or last - spoke[0] + 1 < LEAST_HABIT_DAYS:
            continue
        run = np.arange(1, after - last)
        mean = past.mean()
        size = mean**2 / max(past.var() - mean, 1e-9)
        chance = np.exp(-size * np.log1p(mean / size) * run)
        p[last + 1 : after] = np.where(run > _usual_pause(past), chance, 1.0)
        a_day[last + 1 : after] = mean
    return p, a_day


def _usual_pause(past: np.ndarray) -> float:
    """Nine tenths of the pauses between days with records are at most this long, days; 0 for a daily feed."""
    pauses = np.diff(np.flatnonzero(past)) - 1
    return float(np.quantile(pauses, 0.9)) if len(pauses) else 0.0


def _table(counts: ArrayLike) -> np.ndarray:
    table = np.asarray(counts, dtype=float)
    if table.ndim != 2 or (table < 0).any():
        raise ValueError(f"counts must be (units, weeks) and not negative, got shape {table.shape}.")
    return table


def _parted(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The weeks before the last from the first in which the feed spoke, and the last."""
    spoke = np.flatnonzero(table.any(axis=0))
    return table[:, spoke[0] if len(spoke) else table.shape[1] - 1 : -1][:, -PAST_WEEKS:], table[:, -1]


def _tail_of(table: np.ndarray) -> Tail:
    """Of the last week of a table. What lies at its mean or below is no small chance, so the law is asked of the rest alone."""
    from scipy import special  # noqa: PLC0415 - scipy is heavy

    past, now = _parted(table)
    if past.shape[1] < LEAST_WEEKS:
        return Tail()
    mean, variance = _law(past, now)
    more = now > mean
    n, due = now[more], mean[more]
    size = due**2 / np.maximum(variance[more] - due, 1e-9)
    p = np.ones(len(now))
    p[more] = special.betainc(n, size, due / (size + due))
    return Tail.of(p)


def _law(past: np.ndarray, now: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n,) mean and variance of the last week's counts, from the weeks before and the other units' last week."""
    weeks = past.shape[1]
    total, size = past.sum(axis=1), _size(past)
    # half an event more (Jeffreys): a feed that was empty for fifteen weeks is rare, not impossible
    usual = (float(past.sum()) + 0.5) / past.size
    rate = (total + size) / (weeks + size / usual)
    mean = rate * _city(past, now)
    spread = _spread(past, rate)
    # the level is known as well as a gamma law of `total + size` events, each worth 1 / spread of a Poisson one
    variance = spread * mean + spread * mean**2 / (total + size)
    return mean, variance * _unrest(now, mean, variance)


def _unrest(now: np.ndarray, mean: np.ndarray, variance: np.ndarray) -> float:
    """How many times its variance the week strays over all units, at least 1; 1 where they are too few to say.

    The mean square of the nine tenths of units nearest to their means, over what it is of a normal law cut off there: a tenth may surge
    and does not hide itself.
    """
    if len(now) < _UNREST_UNITS:
        return 1.0
    from scipy import stats  # noqa: PLC0415

    square = np.sort((now - mean) ** 2 / variance)[: int(np.ceil(_NEAREST * len(now)))]
    cut = stats.chi2.ppf(_NEAREST, 1)
    return max(float(square.mean() * _NEAREST / stats.chi2.cdf(cut, 3)), 1.0)


def _size(past: np.ndarray) -> float:
    """Shape of the gamma law of the units' levels, by moments: their variance beyond that of counts is ``mean² / size``."""
    level = past.mean(axis=1)
    within = past.var(axis=1, ddof=1).mean() / past.shape[1]
    between = level.var() - within if len(level) > 1 else 0.0
    return float(np.clip(level.mean() ** 2 / max(between, 1e-9), *_SIZES)) if len(level) > 1 else _SIZES[0]


def _city(past: np.ndarray, now: np.ndarray) -> np.ndarray:
    """(n,) last week over the weeks before, of all *other* units together; 1 where there are none."""
    other_now, other_past = now.sum() - now, past.mean(axis=1).sum() - past.mean(axis=1)
    return np.asarray((other_now + _CITY_EVENTS) / (other_past + _CITY_EVENTS))


def _spread(past: np.ndarray, rate: np.ndarray) -> np.ndarray:
    """(n,) variance over mean of the weeks before, at least 1."""
    shared = (
        past.sum(axis=0) / max(float(past.sum(axis=0).mean()), _LEAST_MEAN) if len(past) > 1 else np.ones(past.shape[1])
    )
    due = np.maximum(rate[:, None] * shared, _LEAST_MEAN)
    excess = ((past - due) ** 2 / due).sum(axis=1)
    freedom = past.shape[1] - 1
    together = max(float(excess.mean()) / freedom, 1.0)
    return np.maximum((excess + _SPREAD_WEEKS * together) / (freedom + _SPREAD_WEEKS), 1.0)


def _tails(now: np.ndarray, mean: np.ndarray, variance: np.ndarray) -> tuple[np.ndarray, ...]:
    """(n,) chances of at least and at most so many events, and the ends of the 90 % interval, of the negative binomial law."""
    from scipy import stats  # noqa: PLC0415 - scipy.stats is heavy

    size = mean**2 / np.maximum(variance - mean, 1e-9)
    law = stats.nbinom(size, size / (size + mean))
    return law.sf(now - 1), law.cdf(now), law.ppf(0.05), law.ppf(0.95)
