"""Silences: when a feed did not speak, for which grids. What was not delivered is not known to be nothing.

A delivery that says which time it speaks for is believed, up to its own arrival; between such deliveries nothing is known. It speaks
for the area its organisation is named after, else for the whole city. What it says of times long before it arrived is believed where
the records of those times were known in time: a backfill makes the past complete, not what was known of it then. Where the log tells no more than the first and last row of each delivery, or where there is no log, the days on which records became known
speak: a pause is an outage when it is longer than a fortnight, as no holiday is, and :data:`_RARE` times the feed's usual pause, which
for records that come by chance happens once in a million pauses.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from riskwarn.history.facts import DAY_US, NEVER

LONG_AGO = int(np.iinfo(np.int64).min)
_RARE, _LEAST_PAUSE_DAYS, _LEAST_PAUSES = 14.0, 14, 30
_STRAY = 3
"""Fewer days with records after an outage than this do not say that the feed is back: a date typed wrong looks like it."""
_HALF_DAY = DAY_US // 2
_BULK_DAYS = 31
BACKFILL_DAYS = 92
"""Deliveries come each quarter at the least: records later than that were brought in afterwards."""
MOST_COUNTIES = 64
"""With more of them than this each has too few records to be looked at alone."""
PARENTS = ("county_id", "township_id", "community_id")


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
        if len(after) >= _STRAY:
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


@dataclass(frozen=True, eq=False)
class Part:
    """Grids that hear from the same organisations.

    Parameters
    ----------
    grids
        (n_grids,) which.
    rows
        (n,) rows of the log that speak for them.
    own
        (n,) those of them of organisations that are named after an area of theirs.
    """

    grids: np.ndarray
    rows: np.ndarray
    own: np.ndarray


def parts(log: pd.DataFrame, grids: pd.DataFrame) -> list[Part]:
    """The city, parted by who delivers for each grid: the organisations whose area it lies in, and those that name no area.

    Parameters
    ----------
    log
        Rows of table `feed_log`.
    grids
        Table `grids`, one row a grid.

    Returns
    -------
    parts
        Each grid is in one of them.

    Notes
    -----
    Organisations that name no area are heard together, and for the whole city: the log does not say for which grids one of them would be
    missed, and a name that was given up would silence the city for ever. That one of them fell silent beside the others is told as a
    gap (G08), which looks at each by itself.

    Examples
    --------
    >>> grids = pd.DataFrame({"grid_id": ["A", "B"], "county_id": ["K1", "K2"]})
    >>> [(p.grids.tolist(), p.rows.tolist(), p.own.tolist()) for p in parts(pd.DataFrame({"org_code": ["K1", "police"]}), grids)]
    [([False, True], [False, True], [False, False]), ([True, False], [True, True], [True, False])]
    """
    named = {org: mask for org, mask in areas(log, grids).items() if mask.any()}
    member = np.array([*named.values()], dtype=bool).reshape(len(named), len(grids))
    kinds, number = np.unique(member, axis=1, return_inverse=True)
    org = pd.Index(list(named), dtype=object).get_indexer(log["org_code"])
    found = []
    for k, kind in enumerate(kinds.T):
        own = np.r_[kind, False][org]
        found.append(Part(number.ravel() == k, own | (org < 0), own))
    return found


def spoken(log: pd.DataFrame, late: np.ndarray) -> np.ndarray:
    """(k, 2) Stretches, µs, that deliveries say they speak for, joined; those that repeat only their first and last row say nothing.

    Parameters
    ----------
    log
        Rows of table `feed_log`.
    late
        (n, 2) Stretches of which the records came late (:func:`tardy`), µs: what a delivery says of them is believed where it arrived
        within a quarter.

    Returns
    -------
    spans
        In the order of time; none reaches beyond the arrival of its delivery.

    Examples
    --------
    >>> days = pd.to_datetime(["2025-01-01", "2025-01-02", "2025-01-03", "2025-01-09"], utc=True)
    >>> log = pd.DataFrame({"covers_from": days[[0, 1]], "covers_to": days[[1, 2]], "arrived_at": days[3]})
    >>> (np.diff(spoken(log, np.zeros((0, 2), np.int64))) // DAY_US).tolist()  # two deliveries, one stretch of two days
    [[2]]
    """
    if not {"covers_from", "covers_to"} <= set(log):
        return np.zeros((0, 2), np.int64)
    said = log[log["covers_from"].notna() & log["covers_to"].notna()]
    begin, end, arrived = (_micros(said[c]) for c in ("covers_from", "covers_to", "arrived_at"))
    explicit = ~_by_rows(said, begin, end)
    end, soon = np.minimum(end, arrived), arrived - BACKFILL_DAYS * DAY_US
    recent = np.column_stack([np.maximum(begin, soon), end])[explicit]
    older = heard_by(np.column_stack([begin, np.minimum(end, soon)])[explicit & (begin < soon)])
    told = np.vstack([recent, _without(older, late)])
    return heard_by(told[told[:, 1] > told[:, 0]], apart=_HALF_DAY)


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
    n = np.bincount(number - first)
    late = 2 * np.bincount(number - first, weights=known - occurred > quarter) > n
    state = late[np.maximum.accumulate(np.where(n > 0, np.arange(len(n)), 0))]
    change = np.flatnonzero(np.diff(np.r_[False, state, False]))
    spans = (first + change.reshape(-1, 2)) * quarter
    if state[0]:
        spans[0, 0] = LONG_AGO
    if state[-1]:
        spans[-1, 1] = NEVER
    return spans


def _without(spans: np.ndarray, gaps: np.ndarray) -> np.ndarray:
    """(k, 2) what is left of spans outside of gaps, both in order."""
    left = []
    for begin, end in spans:
        at = begin
        for a, b in gaps[(gaps[:, 0] < end) & (gaps[:, 1] > begin)]:
            left.append((at, a))
            at = b
        left.append((at, end))
    return np.array(left, dtype=np.int64).reshape(-1, 2)


def _by_rows(log: pd.DataFrame, begin: np.ndarray, end: np.ndarray) -> np.ndarray:
    if not {"first_at", "last_at"} <= set(log):
        return np.zeros(len(log), dtype=bool)
    first, last = (_micros(log[c]) for c in ("first_at", "last_at"))
    rows = (log["first_at"].notna() & log["last_at"].notna()).to_numpy()
    bulk = (end - begin > _BULK_DAYS * DAY_US) & (first - begin < DAY_US) & (end - last <= DAY_US + _HALF_DAY)
    return np.asarray(rows & ((begin == first) | bulk))


def heard_by(spans: np.ndarray, *, apart: int = 0) -> np.ndarray:
    """(k, 2) spans in order, those made one that overlap or lie no more than `apart` µs from each other.

    Parameters
    ----------
    spans
        (n, 2) from and to, µs.
    apart
        What does not part them, µs.

    Returns
    -------
    spans
        In the order of time.

    Examples
    --------
    >>> heard_by(np.array([[5, 9], [0, 3], [2, 4]])).tolist()
    [[0, 4], [5, 9]]
    """
    spans = spans[np.argsort(spans[:, 0], kind="stable")]
    if len(spans) == 0:
        return spans
    reach = np.maximum.accumulate(spans[:, 1])
    begins = np.r_[True, spans[1:, 0] > reach[:-1] + apart]
    return np.column_stack([spans[begins, 0], reach[np.r_[begins[1:], True]]])


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
    late = tardy(records.known, records.occurred, late_days)
    if log is None or not any(part.own.any() for part in split):
        told = np.zeros((0, 2), np.int64) if log is None else spoken(log, late)
        begun = records.begun
        areal = [(mask, told, begun) for mask in _counties(grids)]
    else:
        areal = [_heard_in(part, log, records, late) for part in split]
    whole = np.vstack([outages(records.known), late])
    return [
        Silence(mask, _spans(told, records.within(mask).known, whole, begun=begun, end=end, stated=stated))
        for mask, told, begun in areal
    ]


def _heard_in(part: Part, log: pd.DataFrame, records: Arrivals, late: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """The grids of a part, the stretches told of them, and since when its own organisations, or else the feed, told of them."""
    begun = (records.within(part.grids) if part.own.any() else records).begun
    return part.grids, spoken(log[part.rows], late), begun


def _counties(grids: pd.DataFrame) -> list[np.ndarray]:
    number = pd.factorize(grids["county_id"].fillna(""))[0] if "county_id" in grids else np.zeros(len(grids), np.int64)
    few = number.max(initial=0) < MOST_COUNTIES
    return [number == k for k in range(number.max(initial=0) + 1)] if few else [np.ones(len(grids), dtype=bool)]


def _spans(told: np.ndarray, known: np.ndarray, whole: np.ndarray, *, begun: int, end: int, stated: bool) -> np.ndarray:
    quiet = np.vstack([outages(known), whole])
    if len(told) == 0:
        last = last_spoken(known) if not stated and stopped(known, end) else end
        return _united([(LONG_AGO, begun), *quiet[quiet[:, 0] < last], (last, NEVER)])
    first, last = int(told[0, 0]), int(told[-1, 1])
    after = known[known > last + _HALF_DAY]
    if len(np.unique(after // DAY_US)) >= _STRAY:  # deliveries that say nothing followed those that did
        last, told = last_spoken(after), np.vstack([told, [[last, last_spoken(after)]]])
        quiet_after = quiet[(quiet[:, 0] >= told[-1, 0]) & (quiet[:, 0] < last)]
    else:
        quiet_after = quiet[:0]
    older = [(a, min(b, first)) for a, b in quiet if a < first]
    between = zip(told[:-1, 1], told[1:, 0], strict=True)
    return _united([(LONG_AGO, min(begun, first)), *older, *between, *quiet_after, (last, NEVER)])


def _united(spans: Iterable[tuple[int, int]]) -> np.ndarray:
    return heard_by(np.array([(int(a), int(b)) for a, b in spans if a < b], dtype=np.int64).reshape(-1, 2))


def areas(log: pd.DataFrame, grids: pd.DataFrame) -> dict[str, np.ndarray]:
    """The grids of each organisation of a feed's log: those under the area of that name.

    Parameters
    ----------
    log
        Rows of table `feed_log`, with `org_code`.
    grids
        Table `grids`.

    Returns
    -------
    areas
        (n_grids,) bool by organisation; nowhere true for one that is no area.

    Examples
    --------
    >>> grids = pd.DataFrame({"grid_id": ["A", "B"], "county_id": ["K1", "K2"]})
    >>> {org: mask.tolist() for org, mask in areas(pd.DataFrame({"org_code": ["K1", "*", "police"]}), grids).items()}
    {'K1': [True, False], 'police': [False, False]}
    """
    return {str(org): area_of(str(org), grids) for org in sorted(set(log["org_code"].dropna()) - {"", "*"})}


def area_of(org: str, grids: pd.DataFrame) -> np.ndarray:
    """(n_grids,) bool which grids lie in the county, township or community of a name."""
    under = [(grids[level] == org).fillna(value=False).to_numpy(dtype=bool) for level in PARENTS if level in grids]
    return np.logical_or.reduce(under) if under else np.zeros(len(grids), dtype=bool)


def _micros(column: pd.Series) -> np.ndarray:
    return np.asarray(
        pd.to_datetime(column, utc=True).dt.tz_convert(None).to_numpy().astype("datetime64[us]").astype(np.int64)
    )
