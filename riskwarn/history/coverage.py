"""Coverage: which time deliveries say they speak for."""

import numpy as np
import pandas as pd

from riskwarn.history.deliveries import last_spoken
from riskwarn.history.facts import DAY_US, NEVER, instants
from riskwarn.history.log import Log
from riskwarn.history.tables import Tables


def spoken_of(log: pd.DataFrame, source: str) -> np.ndarray:
    """(n, 3) deliveries of a feed that say which time they speak for (:meth:`Feeds.coverage`)."""
    if not {"covers_from", "covers_to"} <= set(log):
        return np.zeros((0, 3), np.int64)
    own = log[(log["source"] == source) & log["covers_from"].notna() & log["covers_to"].notna()]
    times = [
        own[c].dt.tz_convert(None).dt.as_unit("us").to_numpy().astype(np.int64)
        for c in ("arrived_at", "covers_from", "covers_to")
    ]
    spoken = np.column_stack(times)
    return spoken[np.argsort(spoken[:, 1], kind="stable")]


def told_since(spoken: np.ndarray, at: np.ndarray) -> np.ndarray:
    """(n,) earliest time that deliveries arrived before each of `at` speak for, µs; :data:`NEVER` before the first delivery.

    Parameters
    ----------
    spoken
        (k, 3) as :meth:`Feeds.coverage` gives.
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
    order = np.argsort(spoken[:, 0], kind="stable")
    earliest = np.r_[NEVER, np.minimum.accumulate(spoken[order, 1])]
    return earliest[np.searchsorted(spoken[order, 0], at, side="left")]


def covered(spoken: np.ndarray, at: int, first: int, last: int) -> int:
    """µs of ``first`` to ``last`` that deliveries arrived before `at` cover.

    Parameters
    ----------
    spoken
        (k, 3) as :meth:`Feeds.coverage` gives, in the order of `from`.
    at, first, last
        Instants, µs.

    Returns
    -------
    covered
        In 0 to ``last - first``; time covered twice counts once.

    Examples
    --------
    >>> covered(np.array([[50, 10, 40], [60, 30, 45], [99, 0, 99]]), 70, 0, 100)
    35
    """
    known = spoken[spoken[:, 0] < at]
    a, b = np.clip(known[:, 1], first, last), np.clip(known[:, 2], first, last)
    if len(a) == 0:
        return 0
    reach = np.maximum.accumulate(b)
    before = np.r_[first, reach[:-1]]
    return int(np.maximum(reach - np.maximum(a, before), 0).sum())


def last_told(log: Log, beside: Tables, latest: int) -> int:
    """The last instant any feed spoke of, µs: a date typed wrong, in a record or in the cover of a delivery, does not move it."""
    source, words = log.coded("source")
    source = source[log.order]
    heard = [last_spoken(log.known[source == code]) for code in range(len(words))]
    if beside.has("feed_log"):
        deliveries = beside.arrow("feed_log", columns=["covers_to", "arrived_at", "last_at"])
        to, arrived, last = (instants(deliveries[c]) for c in ("covers_to", "arrived_at", "last_at"))
        # a delivery that covers no more than a day beyond its last row may have read that cover off the row
        heard += np.minimum(to, arrived)[(to != NEVER) & ((last == NEVER) | (to - last > DAY_US))].tolist()
    return min(max(heard, default=latest), latest)
