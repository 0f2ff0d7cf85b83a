"""Coverage: which time deliveries say they speak for, and for which grids."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from riskwarn.history.columns import instants
from riskwarn.history.deliveries import heard_by, parts
from riskwarn.history.facts import DAY_US, NEVER
from riskwarn.history.log import Log
from riskwarn.history.pauses import last_spoken
from riskwarn.history.tables import Tables


@dataclass(frozen=True, eq=False)
class Coverage:
    """What deliveries of a feed say of grids that hear from the same organisations.

    Parameters
    ----------
    grids
        (n_grids,) which grids.
    covers
        (k, 3) deliveries that say which time they speak for: arrived, from, to; µs, in the order of `from`.
    since
        When the first delivery of each organisation of their own arrived, µs.
    """

    grids: np.ndarray
    covers: np.ndarray
    since: Mapping[str, int]


def coverages(log: pd.DataFrame | None, grids: pd.DataFrame) -> list[Coverage]:
    """The coverage of each part of the city, by a feed's rows of table `feed_log`; none of these depends on another part's rows.

    Parameters
    ----------
    log
        Rows of table `feed_log`, where there are any.
    grids
        Table `grids`, one row a grid.

    Returns
    -------
    coverages
        Each grid is in one of them.

    Examples
    --------
    >>> days = pd.date_range("2025-01-01", periods=3, tz="UTC").as_unit("us")
    >>> log = pd.DataFrame({"org_code": ["K1", "police"], "arrived_at": days[1:], "covers_from": days[:2], "covers_to": days[1:]})
    >>> grids = pd.DataFrame({"grid_id": ["A", "B"], "county_id": ["K1", "K2"]})
    >>> [(c.grids.tolist(), len(c.covers)) for c in coverages(log, grids)]  # A hears from its county and from the police
    [([False, True], 1), ([True, False], 2)]
    """
    if log is None or not {"covers_from", "covers_to"} <= set(log):
        return [Coverage(np.ones(len(grids), dtype=bool), np.zeros((0, 3), np.int64), {})]
    return [Coverage(part.grids, _covers(log[part.rows]), _first(log[part.named])) for part in parts(log, grids)]


def _covers(log: pd.DataFrame) -> np.ndarray:
    said = log[log["covers_from"].notna() & log["covers_to"].notna()]
    covers = np.column_stack([_micros(said[c]) for c in ("arrived_at", "covers_from", "covers_to")])
    return covers[np.argsort(covers[:, 1], kind="stable")]


def _first(log: pd.DataFrame) -> dict[str, int]:
    arrived = pd.Series(_micros(log["arrived_at"]), index=log["org_code"].astype(str))
    return {str(org): int(at) for org, at in arrived.groupby(level=0).min().items()}


def _micros(times: pd.Series) -> np.ndarray:
    return np.asarray(times.dt.tz_convert(None).dt.as_unit("us").to_numpy().astype(np.int64))


def told_since(covers: np.ndarray, at: np.ndarray) -> np.ndarray:
    """(n,) earliest time that deliveries arrived before each of `at` speak for, µs; :data:`NEVER` before the first delivery.

    Parameters
    ----------
    covers
        (k, 3) as of :class:`Coverage`.
    at
        (n,) instants, µs.

    Returns
    -------
    earliest
        µs.

    Examples
    --------
    >>> told_since(np.array([[50, 10, 40], [90, 5, 80]]), np.array([60, 95])).tolist()
    [10, 5]
    """
    order = np.argsort(covers[:, 0], kind="stable")
    earliest = np.r_[NEVER, np.minimum.accumulate(covers[order, 1])]
    return earliest[np.searchsorted(covers[order, 0], at, side="left")]


def told_by(covers: np.ndarray, at: np.ndarray) -> np.ndarray:
    """(n, k, 2) stretches, µs, that deliveries arrived before each of `at` speak for; they do not overlap.

    Parameters
    ----------
    covers
        As of :class:`Coverage`.
    at
        (n,) instants, µs.

    Returns
    -------
    stretches
        From and to; where an instant has fewer than others, the rest are empty.

    Examples
    --------
    >>> told_by(np.array([[50, 10, 40], [60, 30, 45], [99, 0, 99]]), np.array([55, 70])).tolist()
    [[[10, 40]], [[10, 45]]]
    """
    heard = [heard_by(covers[covers[:, 0] < instant, 1:]) for instant in at]
    stretches = np.zeros((len(at), max(map(len, heard), default=0), 2), np.int64)
    for row, spans in zip(stretches, heard, strict=True):
        row[: len(spans)] = spans
    return stretches


def covered(stretches: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """(n,) µs of each window that stretches cover.

    Parameters
    ----------
    stretches
        (n, k, 2) as :func:`told_by` gives.
    first, last
        (n,) ends of the windows, µs.

    Returns
    -------
    covered
        In 0 to ``last - first``.

    Examples
    --------
    >>> covered(np.array([[[10, 45], [60, 99]]]), np.array([0]), np.array([70])).tolist()
    [45]
    """
    begin = np.maximum(stretches[:, :, 0], first[:, None])
    end = np.minimum(stretches[:, :, 1], last[:, None])
    return np.maximum(end - begin, 0).sum(axis=1)


def last_told(log: Log, beside: Tables, latest: int) -> int:
    """The last instant any feed spoke of, µs: a date typed wrong, in a record or in the cover of a delivery, does not move it."""
    source, words = log.coded("source")
    source = source[log.order]
    return last_of([log.known[source == code] for code in range(len(words))], beside, latest)


def last_of(known: Iterable[np.ndarray], beside: Tables, latest: int) -> int:
    """The last instant any feed spoke of, from when the records of each became known; of each day the last of them is enough, µs."""
    heard = [last_spoken(instants_of_feed) for instants_of_feed in known]
    if beside.has("feed_log"):
        deliveries = beside.arrow("feed_log", columns=["covers_to", "arrived_at", "last_at"])
        to, arrived, last = (instants(deliveries[c]) for c in ("covers_to", "arrived_at", "last_at"))
        # a delivery that covers no more than a day beyond its last row may have read that cover off the row
        heard += np.minimum(to, arrived)[(to != NEVER) & ((last == NEVER) | (to - last > DAY_US))].tolist()
    return min(max(heard, default=latest), latest)
