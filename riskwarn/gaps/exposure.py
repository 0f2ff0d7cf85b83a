"""How much of what happened could have reached the centre: the denominator under every expected count.

For each feed, area and day the share of records that came: 0 where the feed stood still, a part where it thinned out, the delay curve for
the last days, nothing for days on which no worker was in the grid. An outage is missing exposure, never calm.

The exposure of the history (:meth:`riskwarn.history.Snapshot.exposure`) cannot stand for it: that is told by deliveries, a time is covered or
is not, and a feed that thins out to three tenths is delivered every day. Its silences are told with hindsight, and a night knows none of that.
"""

from dataclasses import dataclass

import numpy as np

from riskwarn.gaps.evidence import Evidence
from riskwarn.gaps.reporting import delay_curve
from riskwarn.history import Events

LOOK_BACK_DAYS = 1096
THIN = 0.3
"""A thinned feed is looked for as one that delivers three tenths."""
_SURE = 5.0
"""Log likelihood ratio above which days count as missing exposure."""
_SPARSE = 3.0
"""Records a fortnight below which the mean stands for the median."""
_LEAST_UNVISITED = 5.0
"""Visits that should have been made before a stretch without any counts as nobody being there."""


@dataclass(frozen=True, eq=False)
class Feed:
    """One source by area and day: `counts` and `expected` are (areas, days), the night's own 24 hours first."""

    source: str
    level: str
    areas: np.ndarray
    counts: np.ndarray
    expected: np.ndarray
    """Records to expect of a feed in order, before delay."""
    health: np.ndarray
    """(areas, days) share of records that came, in [0, 1]."""
    curve: np.ndarray
    """(days,) share of records known so many days after they occurred."""

    @property
    def exposure(self) -> np.ndarray:
        """(areas, days) share of records that can be known at the night."""
        return self.health * self.curve[None, :]


def feed_of(evidence: Evidence, source: str, *, level: str = "county_id", workers: bool = False) -> Feed:
    """Counts, expected counts and health of a source by area and day of occurrence.

    Parameters
    ----------
    workers
        Only what workers wrote of their own accord (`origin` proactive), where the source says so.
    """
    area, areas = evidence.parent(level)
    days = span_days(evidence)
    total, first = np.zeros(len(areas) * days), 0
    for events in evidence.shares(source):
        rows = own_rows(events, source, workers=workers)
        ago, grid = evidence.days_ago(events.occurred[rows]), events.grid[rows]
        here = (grid >= 0) & (ago < days)
        total += np.bincount(area[grid[here]] * days + ago[here], minlength=len(total))
        first = max(first, int(ago.max(initial=0)) + 1)
    counts, curve = total.reshape(len(areas), days), delay_curve(evidence, source)[:days]
    curve = np.pad(curve, (0, max(days - len(curve), 0)), constant_values=1.0)
    first = min(first, days)
    expected = normal_days(counts, curve, started=first)
    health = health_of(counts, expected * curve[None, :])
    health[:, first:] = 0.0
    return Feed(source, level, areas, counts, expected, health, curve)


def own_rows(events: Events, source: str, *, workers: bool) -> np.ndarray:
    """Rows of a source; only what workers wrote of their own accord, where they are asked for and the source says so."""
    mine = events.of(source)
    if workers and source != "grid_report":
        mine &= (events.words["origin"] == "proactive")[events.origin]
    return np.flatnonzero(mine)


def span_days(evidence: Evidence) -> int:
    """Days the events reach back, at most three years; one where there are none."""
    ago = (int(evidence.days_ago(events.occurred).max(initial=0)) for events in evidence.shares())
    return min(max(ago) + 1, LOOK_BACK_DAYS)


def normal_days(counts: np.ndarray, curve: np.ndarray, *, started: int) -> np.ndarray:
    """(areas, days) what each day should bring: the area's median level near it, by the weekday.

    The level is the median of the fourteen days' sums around a day, of the 84 days before and after it, so that neither an outage nor a
    flood moves it.
    """
    days = counts.shape[1]
    factor = _weekday_factors(counts[:, :started], curve[:started])[np.arange(days) % 7]
    fortnights = max(started // 14, 1)
    whole = counts[:, : fortnights * 14] if started >= 14 else counts[:, :started]
    known = (factor * curve)[: whole.shape[1]]
    blocks = whole.reshape(len(counts), fortnights, -1).sum(axis=2) / known.reshape(fortnights, -1).sum(axis=1)
    level = _running_median(blocks, half=6)
    index = np.minimum(np.arange(days) // 14, fortnights - 1)
    return level[:, index] * factor[None, :]


def _weekday_factors(counts: np.ndarray, curve: np.ndarray) -> np.ndarray:
    """(7,) share of a mean day that each weekday brings, by days ago."""
    weekday = np.arange(counts.shape[1]) % 7
    total = np.bincount(weekday, counts.sum(axis=0), minlength=7)
    share = np.bincount(weekday, curve, minlength=7)
    mean = total.sum() / max(share.sum(), 1e-9)
    return np.asarray((total + 7 * mean) / (share * mean + 7 * mean)) if mean > 0 else np.ones(7)


def _running_median(blocks: np.ndarray, *, half: int) -> np.ndarray:
    padded = np.pad(blocks, ((0, 0), (half, half)), constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1, axis=1)
    median, mean = np.nanmedian(windows, axis=2), np.nanmean(windows, axis=2)
    return np.asarray(np.where(14 * mean < _SPARSE, mean, median))


def health_of(counts: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """(areas, days) share of records that came: 1 in order, less within stretches that are surely thin.

    Each stretch is found by a cumulative sum of the log likelihood ratio of a feed at three tenths against one in order, over its
    dispersion; the days from where the sum left zero to its peak are the stretch, and their share is the quotient of counts and expected.
    """
    gain = thin_evidence(counts, expected)[:, ::-1]
    health = np.ones(counts.shape)
    for area in range(len(counts)):
        for first, last in _stretches(gain[area]):
            a, b = counts.shape[1] - 1 - last, counts.shape[1] - first
            came = counts[area, a:b].sum() / max(expected[area, a:b].sum(), 1e-9)
            health[area, a:b] = min(came, 1.0) if came > 0.02 else 0.0
    return health


def thin_evidence(counts: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Log likelihood ratio of each day, over the area's dispersion (variance over mean, by medians)."""
    spread = (counts - expected) ** 2 / np.maximum(expected, 0.1)
    dispersion = np.maximum(np.median(spread, axis=1, keepdims=True) / 0.455, 1.0)
    return np.asarray((counts * np.log(THIN) + (1 - THIN) * expected) / dispersion)


def _stretches(gain: np.ndarray) -> list[tuple[int, int]]:
    """Stretches (first, last) of days, oldest first, over which the cumulative sum climbs above :data:`_SURE`."""
    stretches, total, start, peak, top = [], 0.0, 0, 0, 0.0
    for day, value in enumerate(gain.tolist()):
        if total <= 0:
            total, start, top = 0.0, day, 0.0
        total += value
        if total > top:
            top, peak = total, day
        if top > _SURE and total < top - _SURE:
            stretches.append((start, peak))
            total = 0.0
    if top > _SURE and total > 0:
        stretches.append((start, peak))
    return stretches


def unvisited(visits: np.ndarray) -> np.ndarray:
    """(n_grids, bins) whether a bin lies in a stretch without visits too long to be chance.

    Parameters
    ----------
    visits
        (n_grids, bins) valid visits; bins of equal length.
    """
    rate = visits.mean(axis=1, keepdims=True)
    empty = visits == 0
    length = np.zeros(visits.shape)
    run = np.zeros(len(visits))
    for b in range(visits.shape[1]):
        run = np.where(empty[:, b], run + 1, 0)
        length[:, b] = run
    for b in range(visits.shape[1] - 2, -1, -1):
        length[:, b] = np.where(empty[:, b] & empty[:, b + 1], length[:, b + 1], length[:, b])
    return np.asarray((length * rate >= _LEAST_UNVISITED) & empty)
