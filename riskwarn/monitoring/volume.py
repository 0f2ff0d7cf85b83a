"""Volume: does each feed, and each of its categories, bring what it usually brings.

The law of a day is the level of the last eight weeks (their median, so that a week of unrest does not move it) by the weekday of the
last year, with as much spread as that law showed in the last year: a negative binomial whose variance is a multiple of its mean. A
day, two days and a week are held against it, and the smallest of all probabilities is told as what it is among so many.
It does what the outbreak detectors of public health do (Farrington, Andrews, Beale & Catchpole 1996, Journal of the Royal Statistical
Society A 159, 547–563: a quasi-Poisson level from comparable weeks, past outbreaks played down), by running sums in place of a regression
a feed and night, so that all nights of a history are replayed in one pass.

That law follows the feed, so a silence of some weeks would become the habit. A feed that has stopped (:func:`riskwarn.unusual.stopped`, the law
of the gap finder and of `riskwarn check`) is therefore told as such, by its habit before the silence, for as long as it is silent.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.history import DAY_US, History
from riskwarn.monitoring.mark import A_MONTH, A_YEAR, marks
from riskwarn.unusual import STOPPED_P, Stop, stop_chances, stopped

WINDOWS = (1, 2, 7)
"""Days looked at together."""
LEAST_DAYS = 84
"""A feed younger than this has no law yet."""
LEAST_A_YEAR = 26
"""A category with fewer records in a year counts in its feed alone."""
_LOOK_BACK = 2 * 364 + 70
_WEEKS, _YEAR = 8, 52
_SPARSE = 5.0
"""Records a week below which the level is a mean: the median of so few jumps."""
_PSEUDO_DAYS = 10
_LEAST_SPREAD = 1.0001
_LEAST_MEAN = 0.02


@dataclass(frozen=True, eq=False)
class Flow:
    """Records of one source by the day they became known, oldest first; the last day ends at the night.

    Parameters
    ----------
    source
        Name of the feed.
    categories
        (n,) names, the first ``"*"``: all of them.
    counts
        (n, days) records.
    daily
        (all days,) records of the whole feed since its first, also where `counts` looks back less far.
    """

    source: str
    categories: np.ndarray
    counts: np.ndarray
    daily: np.ndarray

    @cached_property
    def stop(self) -> Stop | None:
        """The silence the feed has fallen into, if any."""
        return stopped(self.daily)

    @property
    def scopes(self) -> list[str]:
        """``feed:source`` and ``feed:source/category``."""
        return [f"feed:{self.source}" + ("" if c == "*" else f"/{c}") for c in self.categories]

    @property
    def often(self) -> np.ndarray:
        """(n, days) which categories come often enough to be followed: half a record a week, over the year up to the day."""
        return np.asarray(_before(self.counts, 363, short=True) + self.counts >= LEAST_A_YEAR)


def flows(history: History, at: int, *, days: int = _LOOK_BACK) -> Iterator[Flow]:
    """Every source that spoke before `at` (µs), each over at most `days` days, and over no day before its first record."""
    cases = history.cases
    fresh = (cases.start == cases.known) & (cases.end > cases.start) & (cases.start < at)
    ago = (at - 1 - cases.start[fresh]) // DAY_US
    source, category, weight = cases.source[fresh], cases.category[fresh], cases.weight[fresh]
    for code in np.unique(source):
        mine = source == code
        every = int(ago[mine].max()) + 1
        daily = np.bincount(every - 1 - ago[mine], weights=weight[mine], minlength=every)
        span = min(every, days)
        mine &= ago < span
        kinds, kind = np.unique(category[mine], return_inverse=True)
        counts = np.bincount(
            kind * span + span - 1 - ago[mine], weights=weight[mine], minlength=len(kinds) * span
        ).reshape(len(kinds), span)
        names = history.words["category"][kinds].astype(object)
        whole = counts.sum(axis=0, keepdims=True)
        yield Flow(str(history.words["source"][code]), np.r_[["*"], names], np.vstack([whole, counts]), daily)


def expected(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The level of each day, and the share of a mean day that its weekday brings; both from earlier days alone.

    Parameters
    ----------
    counts
        (n, days) records a day, oldest first.

    Returns
    -------
    level, weekday
        (n, days) records of a mean day, NaN for the first eight weeks; factor around 1.
    """
    week = _before(counts, 7)
    weeks = np.stack([_lag(week, 7 * w) for w in range(_WEEKS)])
    median, mean = np.median(weeks, axis=0) / 7, weeks.mean(axis=0) / 7
    level = np.where(7 * mean < _SPARSE, mean, median)
    # one day counts for at most three times its level and five, or a riot would be the habit of its weekday
    tame = np.fmin(counts, 3 * level + 5)
    same = sum((np.nan_to_num(_lag(tame, 7 * w)) for w in range(1, _YEAR + 1)), start=np.zeros(counts.shape))
    whole = sum((_lag(same, d, fill=0.0) for d in range(7)), start=np.zeros(counts.shape)) / 7
    shrink = 7 * np.fmax(whole / _YEAR, 1e-9)
    return level, (same + shrink) / (whole + shrink)


def surprise(counts: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Records of the `window` days up to each day, what was expected of them, and how improbable so odd a number was.

    Returns
    -------
    observed, due, p
        (n, days) sums, the law's mean, and the two-sided probability in (0, 1]; NaN where there is no law yet.
    """
    from scipy import stats  # noqa: PLC0415 - scipy.stats is heavy

    level, weekday = expected(counts)
    observed = sum((_lag(counts, d) for d in range(window)), start=np.zeros(counts.shape))
    factor = sum((_lag(weekday, d) for d in range(window)), start=np.zeros(counts.shape))
    due = np.maximum(_lag(level, window - 1) * factor, _LEAST_MEAN * window)
    spread = _lag(_spread(np.fmin(observed, 3 * due + 5), due), window - 1)
    size, share = due / (spread - 1), 1 / spread
    low, high = stats.nbinom.cdf(observed, size, share), stats.nbinom.sf(observed - 1, size, share)
    return observed, due, np.minimum(2 * np.minimum(low, high), 1.0)


def _spread(observed: np.ndarray, due: np.ndarray) -> np.ndarray:
    """(n, days) variance over mean that the law showed in the year before each day, above 1."""
    ratio = (observed - due) ** 2 / due
    known = ~np.isnan(ratio)
    total, n = (_before(x, 364, short=True) for x in (np.where(known, ratio, 0.0), known.astype(float)))
    return np.fmax((total + _PSEUDO_DAYS) / (n + _PSEUDO_DAYS), _LEAST_SPREAD)


def _before(x: np.ndarray, days: int, *, short: bool = False) -> np.ndarray:
    """Sum of the `days` days before each day; NaN, or the sum of those there are, where there are fewer."""
    total = np.cumsum(np.pad(x, ((0, 0), (1, 0))), axis=1)[:, :-1]
    return total - _lag(total, days, fill=0.0 if short else np.nan)


def _lag(x: np.ndarray, days: int, fill: float = np.nan) -> np.ndarray:
    """Each day shows what was `days` days before."""
    if days == 0:
        return x
    return np.pad(x, ((0, 0), (days, 0)), constant_values=fill)[:, : x.shape[1]]


def volume_marks(feeds: list[Flow]) -> pd.DataFrame:
    """Tonight's volume of every feed and category that comes often, each with the window that is oddest.

    The value is -log10 of the probability that so odd a number comes up anywhere among all feeds, categories and windows.
    """
    still, speaking = [f for f in feeds if f.stop], [f for f in feeds if not f.stop]
    old = [f for f in speaking if f.counts.shape[1] >= LEAST_DAYS]
    young = [f for f in speaking if f.counts.shape[1] < LEAST_DAYS]
    n_tests = sum(int(f.often[:, -1].sum()) for f in feeds if f.counts.shape[1] >= LEAST_DAYS) * len(WINDOWS)
    parts = [_stopped(f.scopes[0], f.stop, n_tests) for f in still if f.stop]
    parts += [_marks(f, n_tests) for f in old]
    parts += [_young(f) for f in young]
    return pd.concat(parts, ignore_index=True)


def _stopped(scope: str, stop: Stop, n_tests: int) -> pd.DataFrame:
    return marks(
        "volume",
        [scope],
        among(np.array([stop.p]), n_tests),
        warn=A_MONTH,
        alarm=A_YEAR,
        fault="stopped",
        observed=0.0,
        expected=stop.a_day * stop.days,
        days=stop.days,
    )


def _young(flow: Flow) -> pd.DataFrame:
    return marks(
        "volume",
        flow.scopes[:1],
        [np.nan],
        warn=A_MONTH,
        alarm=A_YEAR,
        fault="young",
        observed=flow.counts[0, -1],
        days=1,
    )


def _marks(flow: Flow, n_tests: int) -> pd.DataFrame:
    often = np.flatnonzero(flow.often[:, -1])
    readings = [[part[:, -1] for part in surprise(flow.counts[often], w)] for w in WINDOWS]
    observed, due, p = (np.stack([t[i] for t in readings]) for i in range(3))
    oddest = p.argmin(axis=0)
    here = (oddest, np.arange(len(often)))
    return marks(
        "volume",
        [flow.scopes[k] for k in often],
        among(p[here], n_tests),
        warn=A_MONTH,
        alarm=A_YEAR,
        fault=np.where(observed[here] < due[here], "fewer", "more"),
        observed=observed[here],
        expected=due[here],
        days=np.asarray(WINDOWS)[oddest],
    )


def among(p: np.ndarray, n_tests: int) -> np.ndarray:
    """-log10 of the probability that the smallest of `n_tests` independent probabilities is at most `p` (Šidák 1967).

    Examples
    --------
    >>> among(np.array([0.01]), 1).round(6).tolist()
    [2.0]
    """
    together = -np.expm1(max(n_tests, 1) * np.log1p(-np.minimum(p, 1 - 1e-16)))
    return np.asarray(-np.log10(np.fmax(together, 1e-300)))


@checked
def replay(history: History, *, until: object = None) -> pd.DataFrame:
    """What the volume monitor would have said on every night of a history, in one pass.

    Parameters
    ----------
    history
        The feeds.
    until
        The last night; the others lie whole days of 24 hours before it. The end of the history by default.

    Returns
    -------
    nights
        One row a night with a law, the index `as_of`: `value` as in :func:`volume_marks`, its `state`, and `scope`, `fault`, `observed`,
        `expected` and `days` of the oddest feed or category.
    """
    at = pd.Timestamp(history.until, unit="us", tz="UTC") if until is None else pd.Timestamp(until)
    at = (at.tz_localize(history.timezone) if at.tzinfo is None else at).tz_convert(history.timezone).as_unit("us")
    oddest = [_oddest(flow) for flow in flows(history, int(at.value // 1000), days=10**6)]
    days = max(len(f) for f in oddest)
    p, n_tests = np.full(days, np.inf), np.zeros(days)
    facts = pd.DataFrame(
        {"scope": "", "fault": "", "observed": np.nan, "expected": np.nan, "days": np.nan}, index=range(days)
    )
    for one in oddest:
        here = np.arange(days - len(one), days)
        n_tests[here] += one["n_tests"].to_numpy()
        odder = here[one["p"].to_numpy() < p[here]]
        facts.loc[odder] = one[facts.columns].to_numpy(dtype=object)[odder - here[0]]
        p[odder] = one["p"].to_numpy()[odder - here[0]]
    known = np.isfinite(p)
    nights = marks(
        "volume",
        facts["scope"][known],
        [among(np.array([a]), int(n))[0] for a, n in zip(p[known], n_tests[known], strict=True)],
        warn=A_MONTH,
        alarm=A_YEAR,
        **{c: facts[c][known].to_numpy() for c in ("fault", "observed", "expected", "days")},
    )
    ago = days - 1 - np.flatnonzero(known)
    return nights.set_index(pd.DatetimeIndex(at - pd.to_timedelta(ago, unit="D"), name="as_of"))


def _oddest(flow: Flow) -> pd.DataFrame:
    """One row a day of a flow: the smallest p of its frequent categories and all windows (infinite where there is no law), and whose."""
    often, span = flow.often, flow.counts.shape[1]
    readings = [surprise(flow.counts, w) for w in WINDOWS]
    observed, due, p = (np.concatenate([t[i] for t in readings]) for i in range(3))
    p = np.where(np.tile(often, (len(WINDOWS), 1)) & ~np.isnan(p), p, np.inf)
    p[:, : LEAST_DAYS - 1] = np.inf
    row, day = p.argmin(axis=0), np.arange(span)
    table = pd.DataFrame(
        {
            "p": p[row, day],
            "n_tests": often.sum(axis=0) * len(WINDOWS) * (day >= LEAST_DAYS - 1),
            "scope": np.array(flow.scopes, dtype=object)[row % len(flow.scopes)],
            "fault": np.where(observed[row, day] < due[row, day], "fewer", "more"),
            "observed": observed[row, day],
            "expected": due[row, day],
            "days": np.asarray(WINDOWS, dtype=float)[row // len(flow.scopes)],
        }
    )
    return _with_stops(table, flow)


def _with_stops(table: pd.DataFrame, flow: Flow) -> pd.DataFrame:
    """The days on which the feed had stopped are told by that alone, as in :func:`volume_marks`."""
    p, a_day = (part[-len(table) :] for part in stop_chances(flow.daily))
    ran = np.arange(len(flow.daily)) - np.maximum.accumulate(np.where(flow.daily > 0, np.arange(len(flow.daily)), 0))
    still, days = p <= STOPPED_P, ran[-len(table) :].astype(float)
    table.loc[still, "p"] = p[still]
    table.loc[still, ["scope", "fault"]] = flow.scopes[0], "stopped"
    table.loc[still, "observed"] = 0.0
    table.loc[still, "expected"] = (a_day * days)[still]
    table.loc[still, "days"] = days[still]
    return table
