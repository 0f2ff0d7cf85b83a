"""Arrivals: whether a feed brings what it usually brings; one law for the gap finder, the monitors and every night between.

A day is due its level, the median of the eight weeks before (so that a week of unrest does not move it), times its weekday, of the last
year, times its holiday, of earlier years. A day, three days, five and a week (:data:`WINDOWS`) are held against what was due by a negative
binomial whose variance over mean is that of the last year. What the law knows beyond that:

- **Memory.** A day that was told as too few enters every later reference with what it was due: an outage never becomes the norm.
- **Change of level.** Where three quarters of the last 28 days were told and records still come, the new level is told once and then accepted.
- **Holidays.** A holiday is due the share that it brought before, with the doubt that holidays showed; the first of its name is doubted most.
- **Company.** Where organisations are judged together, what falls with all the others is nobody's outage.

The last day is the only one that can be told by it: what the law says of a night is the same however much history follows.

It does what the outbreak detectors of public health do [1]_ [2]_, by running sums in place of a regression a feed and night, so that all
nights of a history are read in one pass.

References
----------
.. [1] Farrington, Andrews, Beale & Catchpole (1996), Journal of the Royal Statistical Society A 159, 547-563 (a quasi-Poisson
   level from comparable weeks, past outbreaks played down).
.. [2] Noufaily, Enki, Farrington, Garthwaite, Andrews & Charlett (2013), Statistics in Medicine 32, 1206-1222 (days of an
   outbreak are down-weighted in the reference, or the next one is not seen).
"""

from dataclasses import dataclass

import numpy as np

WINDOWS = (1, 3, 5, 7)
"""Days looked at together."""
FEW_P = 1e-4
"""A feed brings too few where so few have at most this probability, and at most half of what was due came."""
HALF = 0.5
"""Smaller falls and rises than by half, or to the double, are not told as faults."""
CHANGE_DAYS, CHANGE_SHARE = 28, 0.75
"""A change of level is told where at least this share of so many nights told too few."""
TOLD_DAYS = 7
"""Nights on which a change of level is told."""
_WEEKS, _LEAST_WEEKS, _YEAR_WEEKS, _YEAR_DAYS = 8, 4, 52, 364
_SPARSE = 5.0
"""Records a week below which the level is a mean: the median of so few jumps."""
_LEAST_MEAN = 0.02
_PSEUDO_DAYS, _LEAST_SPREAD = 10, 1.0001
_COMPANY_LEAST, _COMPANY_RECORDS = 0.5, 10.0
"""The others' fall excuses at most a half, and counts as little where they bring few records."""
_BACK_LEAST = 3.0
"""Records due below which a day on its own does not say that a feed is back."""
_HOLIDAY_DOUBT, _HOLIDAY_PSEUDO, _HOLIDAY_RECORDS, _HOLIDAY_LEAST, _HOLIDAY_MOST = 0.35, 2.0, 10.0, 0.1, 1.5


@dataclass(frozen=True, eq=False)
class Reading:
    """What came and what was due, of each of n streams and each day, the last day that of the night.

    Attributes
    ----------
    counts
        (n, days) records.
    observed, due
        (windows, n, days) records of the days up to each, and what was due of them; NaN where there is no law yet.
    variance
        (windows, n, days) of what was due.
    few
        (n, days) chance of so few in the oddest window that shows less than half; 1 where none does.
    told
        (n, days) whether that is too few.
    lower
        (n, days) on the night a lasting fall is told, the share of the level that is left; NaN on all others.
    """

    counts: np.ndarray
    observed: np.ndarray
    due: np.ndarray
    variance: np.ndarray
    few: np.ndarray
    told: np.ndarray
    lower: np.ndarray

    def since(self, stream: int) -> int:
        """Days for which a stream told tonight has brought too few: the nights told without a break of more than one, and the window of the first.

        Parameters
        ----------
        stream
            Its number.

        Returns
        -------
        days
            At least 1; the last is the one that ends with the night.
        """
        told = self.told[stream]
        nights = np.flatnonzero(told)
        first = nights[np.flatnonzero(np.diff(nights, prepend=-9) > 2)[-1]]
        short = (self.observed < HALF * self.due)[:, stream, first] & (self.due[:, stream, first] > 0)
        begun = first - max((w for w, s in zip(WINDOWS, short, strict=True) if s), default=1) + 1
        span = slice(begun, first + 1)
        sound = self.counts[stream, span] >= HALF * self.due[0, stream, span]
        return int(len(told) - begun - np.argmin(sound))

    def fallen(self, stream: int) -> "Fall | None":
        """The lasting fall of a stream, while it is news.

        Parameters
        ----------
        stream
            Its number.

        Returns
        -------
        fall
            None where there was none, or it was found more than a week ago.
        """
        lately = self.lower[stream, : -TOLD_DAYS - 1 : -1]
        nights = np.flatnonzero(~np.isnan(lately))
        return Fall(int(nights[0]), float(lately[nights[0]])) if len(nights) else None


@dataclass(frozen=True)
class Fall:
    """A lasting fall of a stream: told first so many nights ago, and the share of the level that is left."""

    nights_ago: int
    left: float


def read(
    counts: np.ndarray,
    *,
    holidays: np.ndarray | None = None,
    together: np.ndarray | bool = False,
    whole: np.ndarray | bool = True,
    limit: float = FEW_P,
) -> Reading:
    """Hold the records of each day against what was due, by what was known on that day.

    Parameters
    ----------
    counts
        (n, days) Records of each stream, oldest first.
    holidays
        (days,) As :func:`riskwarn.holiday.holidays_of` names them; none by default.
    together
        (n,) Whether a stream is one part of a feed among others: what all these lack is not missed of one.
    whole
        (n,) Whether a stream is a feed or an organisation's part of it, of which nothing at all never becomes the norm; a category may end.
    limit
        Probability at or below which so few are told.

    Returns
    -------
    reading
        Of every day.

    Examples
    --------
    >>> reading = read(np.array([[20.0] * 200 + [4.0] * 3]))
    >>> reading.told[0, -4:].tolist(), reading.since(0), float(reading.due[0, 0, -1])
    ([False, True, True, True], 3, 20.0)
    """
    rows = np.asarray(counts, dtype=float)
    share, doubt = _holiday_shares(rows, holidays)
    observed = np.stack([_last(rows, w) for w in WINDOWS])
    parts, never = (np.broadcast_to(np.asarray(flag), len(rows)) for flag in (together, whole))
    held, told, level = rows / share, np.zeros(rows.shape, dtype=bool), np.ones(rows.shape)
    # what a night tells depends on earlier nights alone, so repeating until nothing changes gives what one night after the other would
    while True:
        steady, weekday = expected(held, level)
        due, variance = _due(observed, steady, level, weekday * share, doubt, told)
        few = _few(observed, *_in_company(observed, due, variance, parts))
        now = few <= limit
        lower, left = _changes(now, rows, due[0], whole=never)
        before = held, told, level
        held, told, level = np.where(now, steady * weekday, rows / share / left), now, left
        if all(np.array_equal(x, y, equal_nan=True) for x, y in zip(before, (held, told, level), strict=True)):
            break
    return Reading(rows, observed, due, variance, few, told, lower)


def expected(counts: np.ndarray, scale: np.ndarray | float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """The level of each day, and the share of a mean day that its weekday brings; both from earlier days alone.

    Parameters
    ----------
    counts
        (n, days) records a day, oldest first.
    scale
        (n, days) Records that a unit of `counts` stands for; 1 by default.

    Returns
    -------
    level, weekday
        (n, days) records of a mean day, NaN for the first four weeks; factor around 1.
    """
    level = _levels(counts, np.broadcast_to(np.asarray(scale, dtype=float), counts.shape))
    # one day counts for at most three times its level and five, or a riot would be the habit of its weekday
    tame = np.fmin(counts, 3 * level + 5 / scale)
    same = sum((np.nan_to_num(_lag(tame, 7 * w)) for w in range(1, _YEAR_WEEKS + 1)), start=np.zeros(counts.shape))
    whole = sum((_lag(same, d, fill=0.0) for d in range(7)), start=np.zeros(counts.shape)) / 7
    shrink = 7 * np.fmax(whole / _YEAR_WEEKS, 1e-9)
    return level, (same + shrink) / (whole + shrink)


def _levels(counts: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Median of the weeks before each day, up to eight; the mean where they bring few."""
    week = _last(counts, 7)
    weeks = np.stack([_lag(week, 7 * w + 1) for w in range(_WEEKS)])
    level = np.full(counts.shape, np.nan)
    for n in range(_LEAST_WEEKS, _WEEKS + 1):
        here = slice(7 * n, None if n == _WEEKS else 7 * n + 7)
        some = weeks[:n, :, here]
        mean = some.mean(axis=0)
        level[:, here] = np.where(mean * scale[:, here] < _SPARSE, mean, np.median(some, axis=0)) / 7
    return level


def _due(
    observed: np.ndarray, steady: np.ndarray, level: np.ndarray, factor: np.ndarray, doubt: np.ndarray, told: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(windows, n, days) mean and variance of the days up to each, by what was known before the first of them."""
    levels = np.stack([_lag(steady, w - 1) * level for w in WINDOWS])
    due = np.stack([_last(factor, w) for w in WINDOWS]) * levels
    due = np.maximum(due, np.array(WINDOWS)[:, None, None] * _LEAST_MEAN)
    doubtful = np.stack([_last(factor * doubt, w) for w in WINDOWS]) * levels
    # an outage's first night counts as scatter, its further ones do not, or a long one would make the law blind
    later = (told & _lag(told.astype(float), 1, fill=0.0).astype(bool)).astype(float)
    usual = [
        np.where(_last(later, w) > 0, np.nan, np.fmin(o, 3 * d + 5))
        for w, o, d in zip(WINDOWS, observed, due, strict=True)
    ]
    spread = np.stack([_lag(_spread(o, d), w - 1) for w, o, d in zip(WINDOWS, usual, due, strict=True)])
    return due, spread * due + doubtful**2


def _spread(observed: np.ndarray, due: np.ndarray) -> np.ndarray:
    """(n, days) variance over mean that the law showed in the year before each day, above 1."""
    ratio = (observed - due) ** 2 / due
    known = ~np.isnan(ratio)
    total, n = (_before(x, _YEAR_DAYS) for x in (np.where(known, ratio, 0.0), known.astype(float)))
    return np.fmax((total + _PSEUDO_DAYS) / (n + _PSEUDO_DAYS), _LEAST_SPREAD)


def _few(observed: np.ndarray, due: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """(n, days) chance of so few in the oddest window; 1 where no window shows less than half of its due, or the feed is back."""
    short = observed < HALF * due
    # a window that reaches back into an outage is no sign of one once a day, or three, brought enough again
    for i, longer in enumerate(WINDOWS):
        for j in (j for j, w in enumerate(WINDOWS[:2]) if w < longer):
            short[i] &= (observed[j] < HALF * due[j]) | (due[j] < _BACK_LEAST)
    chances = np.ones(observed.shape)
    chances[short] = lower_tail(observed[short], due[short], variance[short])
    return np.asarray(chances.min(axis=0))


def _in_company(
    observed: np.ndarray, due: np.ndarray, variance: np.ndarray, parts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance, of parts of one feed less what all the other parts lack: from a half to all of it."""
    if parts.sum() < 2:
        return due, variance
    brought, wanted = (x[:, parts] for x in (observed, due))
    others = [x.sum(axis=1, keepdims=True) - x + _COMPANY_RECORDS for x in (brought, wanted)]
    left = np.ones(due.shape)
    left[:, parts] = np.clip(others[0] / others[1], _COMPANY_LEAST, 1.0)
    return due * left, variance * left


def _changes(
    told: np.ndarray, rows: np.ndarray, due: np.ndarray, *, whole: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(n, days) lasting falls on the night each is told, and the part of its first level that a stream has on each day."""
    lower, level = np.full(rows.shape, np.nan), np.ones(rows.shape)
    often = np.nan_to_num(_last(told.astype(float), CHANGE_DAYS)) >= CHANGE_SHARE * CHANGE_DAYS
    for stream in np.flatnonzero(often.any(axis=1)):
        free = 0
        for night in np.flatnonzero(often[stream]).tolist():
            span = slice(night - CHANGE_DAYS + 1, night + 1)
            weeks = rows[stream, span].reshape(-1, 7).sum(axis=1)
            if span.start < free or not told[stream, [span.start, night]].all() or (whole[stream] and not weeks.all()):
                continue
            left = max(float(weeks.sum() / np.nansum(due[stream, span])), 1e-3)
            lower[stream, night], free = left, night + 1
            level[stream, free:] *= left
    return lower, level


def _holiday_shares(rows: np.ndarray, holidays: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """(n, days) the share of a common day that each brings, and how far holidays have been from that; both from earlier days alone."""
    share, doubt = np.ones(rows.shape), np.zeros(rows.shape)
    if holidays is None:
        return share, doubt
    level, weekday = expected(rows)
    usual, seen = level * weekday, dict[str, list[np.ndarray]]()
    for day in np.flatnonzero(holidays != ""):
        name = str(holidays[day])
        kind = name.partition(" ")[0]
        every, same = (np.array(seen.get(key, [])).reshape(-1, len(rows)) for key in (kind, name))
        mean = (every.sum(axis=0) + _HOLIDAY_PSEUDO) / (len(every) + _HOLIDAY_PSEUDO)
        off = ((every - mean) ** 2).sum(axis=0) + _HOLIDAY_PSEUDO * _HOLIDAY_DOUBT**2
        share[:, day] = np.maximum((same.sum(axis=0) + mean) / (len(same) + 1), _HOLIDAY_LEAST)
        doubt[:, day] = np.maximum(np.sqrt(off / (len(every) + _HOLIDAY_PSEUDO)), 0 if len(same) else _HOLIDAY_DOUBT)
        if not np.isnan(usual[:, day]).any():
            brought = _brought(rows[:, day], usual[:, day])
            for key in (kind, name):
                seen.setdefault(key, []).append(brought)
    return share, doubt


def _brought(rows: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """(n,) the share of a common day that came, of streams with few records near that of all."""
    weight = usual / (usual + _HOLIDAY_RECORDS)
    both = weight * rows / np.maximum(usual, 1e-9) + (1 - weight) * rows.sum() / max(float(usual.sum()), 1e-9)
    return np.clip(both, 0.0, _HOLIDAY_MOST)


def lower_tail(observed: np.ndarray, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Chance of at most so many, by the negative binomial law of that mean and variance.

    Parameters
    ----------
    observed
        (n,) counts.
    mean, variance
        (n,) of the law; a variance below the mean is taken for the mean.

    Returns
    -------
    chances
        (n,) in [0, 1].

    Examples
    --------
    >>> lower_tail(np.array([0.0]), np.array([2.0]), np.array([2.0])).round(4).tolist()
    [0.1353]
    """
    from scipy import special  # noqa: PLC0415 - as heavy as scipy.stats

    size, share = _negative_binomial(mean, variance)
    return np.asarray(special.betainc(size, np.floor(observed) + 1, share))


def upper_tail(observed: np.ndarray, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Chance of at least so many, by the negative binomial law of that mean and variance.

    Parameters
    ----------
    observed
        (n,) counts.
    mean, variance
        (n,) of the law; a variance below the mean is taken for the mean.

    Returns
    -------
    chances
        (n,) in [0, 1].

    Examples
    --------
    >>> upper_tail(np.array([1.0]), np.array([2.0]), np.array([2.0])).round(4).tolist()
    [0.8647]
    """
    from scipy import special  # noqa: PLC0415

    size, share = _negative_binomial(mean, variance)
    some = np.floor(observed) > 0
    return np.where(some, 1 - special.betainc(size, np.where(some, np.floor(observed), 1.0), share), 1.0)


def _negative_binomial(mean: np.ndarray, variance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Size and success probability; as good as Poisson where the variance is not above the mean."""
    wide = np.maximum(variance, mean * _LEAST_SPREAD)
    return mean**2 / (wide - mean), mean / wide


def _last(x: np.ndarray, days: int) -> np.ndarray:
    """Sum of the `days` days up to each; NaN where there are fewer."""
    total = np.cumsum(np.nan_to_num(x), axis=-1)
    summed = total - _lag(total, days, fill=0.0)
    summed[..., : days - 1] = np.nan
    return summed + 0 * (x if days == 1 else np.zeros(x.shape))


def _before(x: np.ndarray, days: int) -> np.ndarray:
    """Sum of the up to `days` days before each."""
    total = _lag(np.cumsum(x, axis=-1), 1, fill=0.0)
    return total - _lag(total, days, fill=0.0)


def _lag(x: np.ndarray, days: int, fill: float = np.nan) -> np.ndarray:
    """Each day shows what was `days` days before."""
    if days == 0:
        return x
    return np.pad(x, ((0, 0), (days, 0)), constant_values=fill)[:, : x.shape[1]]
