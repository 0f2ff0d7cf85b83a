"""Silences: when a feed did not speak, for which grids. What was not delivered is not known to be nothing.

A delivery that says which time it speaks for is believed, up to its own arrival; between such deliveries nothing is known. Where the
log tells no more than the first and last row of each delivery, or where there is no log, the days on which records became known
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
_MOST_COUNTIES = 64
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


def spoken(log: pd.DataFrame) -> np.ndarray:
    """(k, 2) Stretches, µs, that deliveries say they speak for, joined; those that repeat only their first and last row say nothing.

    Parameters
    ----------
    log
        Rows of table `feed_log`.

    Returns
    -------
    spans
        In the order of time; none reaches beyond the arrival of its delivery.

    Examples
    --------
    >>> days = pd.to_datetime(["2025-01-01", "2025-01-02", "2025-01-03", "2025-01-09"], utc=True)
    >>> log = pd.DataFrame({"covers_from": days[[0, 1]], "covers_to": days[[1, 2]], "arrived_at": days[3]})
    >>> (np.diff(spoken(log)) // DAY_US).tolist()  # two deliveries, one stretch of two days
    [[2]]
    """
    if not {"covers_from", "covers_to"} <= set(log):
        return np.zeros((0, 2), np.int64)
    said = log[log["covers_from"].notna() & log["covers_to"].notna()]
    begin, end, arrived = (_micros(said[c]) for c in ("covers_from", "covers_to", "arrived_at"))
    explicit = ~_by_rows(said, begin, end)
    end = np.minimum(end, arrived)
    return _joined(np.column_stack([begin, end])[explicit & (end > begin)])


def _by_rows(log: pd.DataFrame, begin: np.ndarray, end: np.ndarray) -> np.ndarray:
    if not {"first_at", "last_at"} <= set(log):
        return np.zeros(len(log), dtype=bool)
    first, last = (_micros(log[c]) for c in ("first_at", "last_at"))
    rows = (log["first_at"].notna() & log["last_at"].notna()).to_numpy()
    bulk = (end - begin > _BULK_DAYS * DAY_US) & (first - begin < DAY_US) & (end - last <= DAY_US + _HALF_DAY)
    return np.asarray(rows & ((begin == first) | bulk))


def _joined(spans: np.ndarray) -> np.ndarray:
    """Spans in order, those that touch or lie less than half a day apart made one."""
    spans = spans[np.argsort(spans[:, 0], kind="stable")]
    if len(spans) == 0:
        return spans
    reach = np.maximum.accumulate(spans[:, 1])
    begins = np.r_[True, spans[1:, 0] > reach[:-1] + _HALF_DAY]
    return np.column_stack([spans[begins, 0], reach[np.r_[begins[1:], True]]])


def silences(
    log: pd.DataFrame | None,
    grids: pd.DataFrame,
    known: np.ndarray,
    grid: np.ndarray,
    *,
    begun: int,
    end: int,
    stated: bool,
) -> list[Silence]:
    """When a feed was silent, for each part of the city that hears from an organisation of its own.

    Parameters
    ----------
    log
        The feed's rows of table `feed_log`, where there are any. An organisation whose code is that of a county, township or
        community speaks for the grids under it, any other for the whole city.
    grids
        Table `grids`, one row a grid.
    known, grid
        (n,) When its records became known, µs, and the grid of each. Without a log they are looked at county by county.
    begun
        When its first record occurred; long ago where it did not begin later than the city's other feeds.
    end
        Until when it speaks where deliveries do not tell.
    stated
        Whether somebody said so; else a county that has been silent for too long by then has stopped.

    Returns
    -------
    silences
        Each grid is in one of them.
    """
    masks = {} if log is None else areas(log, grids)
    own = {org: mask for org, mask in masks.items() if mask.any()}
    told = np.zeros((0, 2), np.int64) if log is None else spoken(log[~log["org_code"].isin(list(own))])
    parts = [(mask, _joined(np.vstack([told, spoken(log[log["org_code"] == org])]))) for org, mask in own.items()]  # type: ignore[index]
    if not parts:
        parts = [(mask, told) for mask in _counties(grids)]
    rest = ~np.logical_or.reduce([mask for mask, _ in parts])
    parts += [(rest, told)] if rest.any() else []
    whole = outages(known)
    return [
        Silence(mask, _spans(said, known[mask[grid]], whole, begun=begun, end=end, stated=stated))
        for mask, said in parts
    ]


def _counties(grids: pd.DataFrame) -> list[np.ndarray]:
    number = pd.factorize(grids["county_id"].fillna(""))[0] if "county_id" in grids else np.zeros(len(grids), np.int64)
    few = number.max(initial=0) < _MOST_COUNTIES
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
    return np.array([(int(a), int(b)) for a, b in spans if a < b], dtype=np.int64).reshape(-1, 2)


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
    masks = {}
    for org in sorted(set(log["org_code"].dropna()) - {"", "*"}):
        under = [(grids[level] == org).fillna(value=False).to_numpy(dtype=bool) for level in PARENTS if level in grids]
        mask = np.logical_or.reduce(under) if under else np.zeros(len(grids), dtype=bool)
        masks[str(org)] = mask
    return masks


def _micros(column: pd.Series) -> np.ndarray:
    return np.asarray(
        pd.to_datetime(column, utc=True).dt.tz_convert(None).to_numpy().astype("datetime64[us]").astype(np.int64)
    )
