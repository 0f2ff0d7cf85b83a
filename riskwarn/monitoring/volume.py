"""Volume: does each feed, and each of its categories, bring what it usually brings, and each record once.

What a day, three days, five and a week are due, and how far they may scatter, says the one law of arrivals (:mod:`riskwarn.arrivals`), which the
gap finder asks too. The smallest of all probabilities is told as what it is among so many; an alarm needs beside it that at most half of
what was due came, or at least the double: less is a warning, however sure. Forty records of one place and hour are one matter: where a
day's records clump more than is usual, the variance of too many is larger by as much.

A feed that has stopped (:func:`riskwarn.unusual.stopped`, the law of the gap finder and of `riskwarn check`) is told by its habit before
the silence, for as long as it is silent. A feed that is delivered twice is told by its copies: records of one place, category and
instant. A feed that comes in lumps, by the month say, is held against its own deliveries (:func:`riskwarn.recording.lumps`). Counties are
followed as the city is; what all of them lack is missed of the city, not of one.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from riskwarn.arrivals import CHANGE_DAYS, HALF, TOLD_DAYS, WINDOWS, Reading, lower_tail, read, upper_tail
from riskwarn.calling import checked
from riskwarn.clock import local_days
from riskwarn.history import History
from riskwarn.holiday import holidays_of
from riskwarn.lumps import Lump, lumps, newest_lump
from riskwarn.monitoring.mark import A_MONTH, A_YEAR, marks
from riskwarn.monitoring.tally import COPY_DAYS, Tally, counties_of, tallies
from riskwarn.unusual import STOPPED_P, Stop, stop_chances, stopped

LEAST_DAYS = 84
"""A feed younger than this has no law yet."""
LEAST_A_YEAR = 26
"""A category with fewer records in a year counts in its feed alone."""
_WINDOWS_WORTH = 3
"""The windows overlap: in quiet feeds their smallest probability is as that of three independent ones."""
_YEAR_DAYS, _CLUMP_RECORDS = 364, 20.0
_COPY_FACTOR, _COPY_MORE, _COPY_MOST = 2.0, 0.02, 0.9
"""Copies are judged against twice their share of so many days and a fiftieth more, at most nine tenths."""
_SETTLED_DAYS, _LUMP_TOLD, _LUMP_HELD = 2, 8, 70
"""A delivery is judged when nothing came for two days, told for a week, and a feed keeps coming in lumps for two months after one."""
COUNTY = "county:"
_FACTS = ("scope", "fault", "observed", "expected", "days")


@dataclass(frozen=True, eq=False)
class Flow:
    """Records of one source by the local day they became known, oldest first; the last day ends at the night.

    Parameters
    ----------
    source
        Name of the feed.
    categories
        (n,) names, the first ``"*"``: all of them.
    counts
        (n, days) records, since the first of the feed.
    holidays
        (days,) The holiday each day lies on or beside, empty where there is none.
    clumps
        (n, days) Mean size of the matter that a record belongs to: of one grid, category and hour.
    copies
        (n_days,) Of the last days records of a grid, category and instant that another record has already.
    by_county
        Whether it is one source by county: `categories` are then these, and none is the whole.
    """

    source: str
    categories: np.ndarray
    counts: np.ndarray
    holidays: np.ndarray
    clumps: np.ndarray
    copies: np.ndarray
    by_county: bool = False

    @cached_property
    def stop(self) -> Stop | None:
        """The silence the feed has fallen into, if any."""
        return stopped(self._whole)

    @cached_property
    def in_lumps(self) -> bool:
        """Whether it ever came in lumps."""
        return bool(lumps(self._whole))

    def delivery(self, day: int) -> Lump | None:
        """The newest delivery known at the end of a day of a feed that comes in lumps; None while it does not."""
        newest = newest_lump(self._whole[: day + 1])
        return newest if newest and day - newest.day <= _LUMP_HELD else None

    @cached_property
    def _whole(self) -> np.ndarray:
        """(days,) records of the whole source."""
        return np.asarray(self.counts.sum(axis=0) if self.by_county else self.counts[0])

    @cached_property
    def reading(self) -> Reading:
        """What the law of arrivals says of each day."""
        whole = np.full(len(self.categories), True) if self.by_county else self.categories == "*"
        return read(self.counts, holidays=self.holidays, whole=whole, together=self.by_county)

    @property
    def scopes(self) -> list[str]:
        """``feed:source`` and ``feed:source/category``."""
        return [f"feed:{self.source}" + ("" if c == "*" else f"/{c}") for c in self.categories]

    @property
    def often(self) -> np.ndarray:
        """(n, days) which categories come often enough to be followed: half a record a week, over the year up to the day."""
        return _before(self.counts, _YEAR_DAYS - 1) + self.counts >= LEAST_A_YEAR

    @property
    def n_tests(self) -> np.ndarray:
        """(days,) independent looks at the feed on each day."""
        return np.asarray(self.often.sum(axis=0) * _WINDOWS_WORTH)

    def chances(self, last: int) -> tuple[np.ndarray, np.ndarray]:
        """(windows, n, last) two-sided probability of each window on the last days; and whether it shows half or the double of its due."""
        observed, due, variance = (
            x[:, :, -last:] for x in (self.reading.observed, self.reading.due, self.reading.variance)
        )
        p = np.full(observed.shape, np.nan)
        known = ~np.isnan(due + variance)
        wide = variance * self._clumped()[:, :, -last:]
        low = lower_tail(observed[known], due[known], variance[known])
        high = upper_tail(observed[known], due[known], wide[known])
        p[known] = np.minimum(2 * np.minimum(low, high), 1.0)
        return p, (observed < HALF * due) | (observed * HALF > due)

    def _clumped(self) -> np.ndarray:
        """(windows, n, days) how much more the records of a window's worst day clump than those of the year before, at least 1."""
        records, squares = self.counts, self.clumps * self.counts
        usual = (_before(squares, _YEAR_DAYS) + _CLUMP_RECORDS) / (_before(records, _YEAR_DAYS) + _CLUMP_RECORDS)
        more = np.maximum((squares + usual) / (records + 1) / usual, 1.0)
        return np.stack([_highest(more, w) for w in WINDOWS])


def flows(history: History, at: int, counted: Iterable[Tally]) -> Iterator[Flow]:
    """Every source that was counted before `at` (µs), each over no day before its first record; then, where there are several counties, by county."""
    names = counties_of(history)[1]
    counties = np.array([f"{COUNTY}{name}" for name in names], dtype=object)
    for tally in counted:
        kinds = np.flatnonzero(tally.kinds.any(axis=1))
        counts, squares = (
            np.vstack([x.sum(axis=0, keepdims=True), x]) for x in (tally.kinds[kinds], tally.kind_squares[kinds])
        )
        categories = np.r_[["*"], history.words["category"][kinds].astype(object)]
        yield _flow(history, at, tally, categories, counts, squares)
        if len(names) > 1:
            yield _flow(history, at, tally, counties, tally.counties, tally.county_squares, by_county=True)


def _flow(
    history: History,
    at: int,
    tally: Tally,
    categories: np.ndarray,
    counts: np.ndarray,
    squares: np.ndarray,
    *,
    by_county: bool = False,
) -> Flow:
    return Flow(
        tally.source,
        categories,
        counts,
        holidays_of(local_days(at, tally.days, history.timezone), history.timezone, history.calendar),
        np.divide(squares, counts, out=np.ones(counts.shape), where=counts > 0),
        np.zeros(0) if by_county else tally.copies,
        by_county=by_county,
    )


def _before(x: np.ndarray, days: int) -> np.ndarray:
    """Sum of the up to `days` days before each day."""
    total = np.cumsum(np.pad(x, ((0, 0), (days + 1, 0))), axis=1)
    return np.asarray(total[:, days:-1] - total[:, : -days - 1])


def _highest(x: np.ndarray, days: int) -> np.ndarray:
    """The highest of the `days` days up to each."""
    wide = np.pad(x, ((0, 0), (days - 1, 0)), constant_values=1.0)
    return np.asarray(np.lib.stride_tricks.sliding_window_view(wide, days, axis=1).max(axis=2))


def volume_marks(feeds: list[Flow]) -> pd.DataFrame:
    """Tonight's volume of every feed and category that comes often, each with the window that is oddest, and the copies of each feed.

    The value is -log10 of the probability that so odd a number comes up anywhere among all feeds, categories and windows.
    """
    still = [f for f in feeds if f.stop and not f.by_county]
    speaking = [f for f in feeds if not f.stop]
    old = [f for f in speaking if f.counts.shape[1] >= LEAST_DAYS]
    young = [f for f in speaking if f.counts.shape[1] < LEAST_DAYS]
    young = [f for f in young if not f.by_county]
    n_tests = sum(int(f.n_tests[-1]) for f in feeds if f.counts.shape[1] >= LEAST_DAYS)
    parts = [_stopped(f.scopes[0], f.stop, n_tests) for f in still if f.stop]
    parts += [_marks(f, n_tests) for f in old]
    parts += [_young(f) for f in young]
    whole = [f for f in old if not f.by_county]
    parts += [_copied(f, len(whole)) for f in whole]
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
    table = _tonight(flow, often, np.full(1, n_tests), last=1)
    return marks("volume", warn=A_MONTH, alarm=A_YEAR, **{c: table[c].to_numpy() for c in (*_FACTS, "value")})


def _tonight(flow: Flow, streams: np.ndarray, n_tests: np.ndarray, *, last: int) -> pd.DataFrame:
    """One row a stream and day of the last ones: the window that says most, and its value; a lasting fall that is news in its place."""
    p, much = (x[:, streams] for x in flow.chances(last))
    values = np.where(np.isnan(p), -np.inf, among(np.nan_to_num(p, nan=1.0), n_tests))
    values = np.where(much, values, np.minimum(values, A_YEAR))
    oddest = values.argmax(axis=0)
    stream, day = np.indices(oddest.shape)
    here = (oddest, streams[stream], flow.counts.shape[1] - last + day)
    observed, due = flow.reading.observed[here], flow.reading.due[here]
    facts = {
        "scope": np.array(flow.scopes, dtype=object)[streams][stream],
        "fault": np.where(observed < due, "fewer", "more").astype(object),
        "observed": observed,
        "expected": due,
        "days": np.asarray(WINDOWS, dtype=float)[oddest],
        "value": values[oddest, stream, day],
    }
    table = pd.DataFrame({name: column.ravel() for name, column in facts.items()})
    table = _with_falls(table.assign(day=day.ravel()), flow, streams, last)
    return _with_lumps(table, flow, n_tests, last) if flow.in_lumps else table


def _with_falls(table: pd.DataFrame, flow: Flow, streams: np.ndarray, last: int) -> pd.DataFrame:
    """A lasting fall is told for a week, as a warning, unless the day is an alarm by itself."""
    for place, night in zip(*np.nonzero(~np.isnan(flow.reading.lower[streams])), strict=True):
        left, first = float(flow.reading.lower[streams[place], night]), int(night) - flow.counts.shape[1] + last
        mine = table["scope"] == flow.scopes[streams[place]]
        news = mine & table["day"].between(first, first + TOLD_DAYS - 1) & ~(table["value"] > A_YEAR)
        came = float(flow.counts[streams[place], night - CHANGE_DAYS + 1 : night + 1].sum())
        table.loc[news, list(_FACTS[1:])] = ["lower", came, came / left, float(CHANGE_DAYS)]
        table.loc[news, "value"] = A_YEAR
    return table


def _with_lumps(table: pd.DataFrame, flow: Flow, n_tests: np.ndarray, last: int) -> pd.DataFrame:
    """While a feed comes in lumps its days are not judged: the whole is told by the newest delivery, its categories by the mix alone."""
    for day in table["day"].unique():
        if (lump := flow.delivery(flow.counts.shape[1] - last + int(day))) is None:
            continue
        mine = table["day"] == day
        ago = flow.counts.shape[1] - last + int(day) - lump.day
        much = lump.observed < HALF * lump.expected or lump.observed * HALF > lump.expected
        value = float(among(np.array([lump.p]), n_tests[int(day)])[0]) if _SETTLED_DAYS <= ago <= _LUMP_TOLD else 0.0
        few = much and lump.observed < lump.expected
        table.loc[mine, "value"] = 0.0
        whole = mine & (table["scope"] == f"feed:{flow.source}")
        said = ["partial" if few else "delivery", lump.observed, lump.expected, float(ago)]
        table.loc[whole, list(_FACTS[1:])] = said
        table.loc[whole, "value"] = value if much else min(value, A_YEAR)
    return table


def _copied(flow: Flow, n_feeds: int) -> pd.DataFrame:
    """The share of the last day's records that repeat another one, against that of the days before."""
    from scipy import stats  # noqa: PLC0415 - scipy.stats is heavy

    records = flow.counts[0, -COPY_DAYS - 1 :]
    n, k = np.round([records[-1], flow.copies[-1]])
    share = flow.copies[:-1].sum() / max(records[:-1].sum(), 1.0)
    p = np.asarray(stats.binom.sf(k - 1, n, min(_COPY_FACTOR * share + _COPY_MORE, _COPY_MOST)))
    return marks(
        "volume",
        [f"{flow.scopes[0]}@copies"],
        among(p[None], n_feeds) if n else [np.nan],
        warn=A_MONTH,
        alarm=A_YEAR,
        fault="copies",
        observed=k / n if n else np.nan,
        expected=share,
        days=1,
    )


def among(p: np.ndarray, n_tests: int | np.ndarray) -> np.ndarray:
    """-log10 of the probability that the smallest of `n_tests` independent probabilities is at most `p` (Šidák 1967).

    Examples
    --------
    >>> among(np.array([0.01]), 1).round(6).tolist()
    [2.0]
    """
    together = -np.expm1(np.maximum(n_tests, 1) * np.log1p(-np.minimum(p, 1 - 1e-16)))
    return np.asarray(-np.log10(np.fmax(together, 1e-300)))


@checked
def replay(history: History, *, until: object = None) -> pd.DataFrame:
    """What the volume monitor would have said on every night of a history, in one pass.

    Parameters
    ----------
    history
        The feeds.
    until
        The last night; the others lie whole days of the city's clock before it. The end of the history by default.

    Returns
    -------
    nights
        One row a night with a law, the index `as_of`: `value` as in :func:`volume_marks`, its `state`, and `scope`, `fault`, `observed`,
        `expected` and `days` of the oddest feed or category. Copies are not looked for.
    """
    at = pd.Timestamp(history.until, unit="us", tz="UTC") if until is None else pd.Timestamp(until)
    at = (at.tz_localize(history.timezone) if at.tzinfo is None else at).tz_convert(history.timezone).as_unit("us")
    night = int(at.value // 1000)
    feeds = list(flows(history, night, tallies(history, night)))
    days = max(f.counts.shape[1] for f in feeds)
    n_tests = sum((_looks(f, days) for f in feeds), start=np.zeros(days))
    each = pd.concat([_every_night(f, days, n_tests) for f in feeds], ignore_index=True)
    told = each.loc[each.groupby("day")["value"].idxmax()]
    nights = marks("volume", warn=A_MONTH, alarm=A_YEAR, **{c: told[c].to_numpy() for c in (*_FACTS, "value")})
    ago = pd.to_timedelta(days - 1 - told["day"].to_numpy(), unit="D")
    return nights.set_index(pd.DatetimeIndex((at.tz_localize(None) - ago).tz_localize(history.timezone), name="as_of"))


def _looks(flow: Flow, days: int) -> np.ndarray:
    """(days,) independent looks at a feed on each of the last days; none while it is young."""
    n_tests = np.where(np.arange(flow.counts.shape[1]) >= LEAST_DAYS - 1, flow.n_tests, 0)
    return np.pad(n_tests, (days - len(n_tests), 0)).astype(float)


def _every_night(flow: Flow, days: int, n_tests: np.ndarray) -> pd.DataFrame:
    """One row a night of a feed with a law: the oddest of its frequent categories, or that it had stopped."""
    span = flow.counts.shape[1]
    table = _tonight(flow, np.arange(len(flow.scopes)), n_tests[-span:], last=span)
    often = flow.often.ravel() & (table["day"].to_numpy() >= LEAST_DAYS - 1) & np.isfinite(table["value"].to_numpy())
    seen = table[often]
    table = seen.loc[seen.groupby("day")["value"].idxmax()]
    if not flow.by_county:
        table = _with_stops(table.set_index("day", drop=False), flow, n_tests[-span:])
    return table.assign(day=table["day"] + days - span)


def _with_stops(table: pd.DataFrame, flow: Flow, n_tests: np.ndarray) -> pd.DataFrame:
    """The days on which the feed had stopped are told by that alone, as in :func:`volume_marks`."""
    daily = flow.counts[0]
    p, a_day = stop_chances(daily)
    ran = np.arange(len(daily)) - np.maximum.accumulate(np.where(daily > 0, np.arange(len(daily)), 0))
    still = np.flatnonzero((p <= STOPPED_P) & (np.arange(len(daily)) >= LEAST_DAYS - 1))
    stops = pd.DataFrame({"scope": flow.scopes[0], "fault": "stopped", "observed": 0.0, "day": still}, index=still)
    stops["expected"], stops["days"] = (a_day * ran)[still], ran[still].astype(float)
    stops["value"] = among(p[still], n_tests[still])
    speaking = table.loc[table.index.difference(still)]
    return pd.concat([part for part in (speaking, stops) if len(part)])
