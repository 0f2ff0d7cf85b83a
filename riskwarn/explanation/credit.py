"""Who is credited where two features count the same events: the one that says more of them.

An overdue case is an open one, and calls from one place are calls. A model that reads both kinds of number splits its pull between
them as its trees happened to grow. Here the pull goes by the events: of ten open cases four of which are overdue, four tenths of what
the open cases pull is the overdue ones'; where three of four recent events lie at one place, three quarters of what recent events pull
is that place's. What a row adds up to stays as it is.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from riskwarn.explanation.case import REPEATED
from riskwarn.feature import Feature
from riskwarn.history import Stream

_SLACK = 1.1
"""Windows that differ by less than a tenth count as the same."""
_RECENT_KINDS = frozenset({"Count", "Rise", "Recent", "Own", "Faded", "DaysSince"})


def credited(features: Sequence[Feature], parts: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Contributions with the pull of shared events where they say most.

    Parameters
    ----------
    features
        The model's.
    parts, values
        (n, n_features) contributions and values.

    Returns
    -------
    parts
        (n, n_features); each row has the same sum.
    """
    moved = parts.copy()
    for opened, late in _pairs(features):
        _move(moved, opened, late, _share(values[:, late], values[:, opened]))
    for place, counts in _places(features):
        most = values[:, place]
        share = np.where(most >= REPEATED, _share(most, values[:, counts].sum(axis=1)), 0)
        for k in _of_same_events(features, place):
            _move(
                moved,
                k,
                place,
                np.where(_reach(features[k], values[:, k]) <= _SLACK * _days(features[place]), share, 0),
            )
    return moved


def _move(parts: np.ndarray, giver: int, taker: int, share: np.ndarray) -> None:
    given = share * np.maximum(parts[:, giver], 0)
    parts[:, giver] -= given
    parts[:, taker] += given


def _share(some: np.ndarray, of: np.ndarray) -> np.ndarray:
    """Part of the events, in [0, 1]; none where a number is missing."""
    known = np.nan_to_num(of) > 0
    return np.clip(np.where(known, np.nan_to_num(some) / np.where(known, of, 1), 0), 0, 1)


def _pairs(features: Sequence[Feature]) -> list[tuple[int, int]]:
    """Open and overdue cases of the same stream, of the grid itself."""
    late = {_stream(f): k for k, f in enumerate(features) if type(f).__name__ == "Overdue"}
    return [
        (k, late[_stream(f)])
        for k, f in enumerate(features)
        if type(f).__name__ == "Open" and not getattr(f, "days", 0) and _stream(f) in late
    ]


def _places(features: Sequence[Feature]) -> list[tuple[int, list[int]]]:
    """Each count of most events at one place, with the plain counts of all its streams over its window, where the model has them."""
    found = []
    for k, f in enumerate(features):
        if type(f).__name__ == "MostAtOnePlace":
            counts = [_count_of(features, stream, _days(f)) for stream in f.reads]
            if None not in counts:
                found.append((k, [c for c in counts if c is not None]))
    return found


def _count_of(features: Sequence[Feature], stream: Stream, days: float) -> int | None:
    same = [
        k for k, f in enumerate(features) if type(f).__name__ == "Count" and _stream(f) == stream and _days(f) == days
    ]
    return same[0] if same else None


def _of_same_events(features: Sequence[Feature], place: int) -> list[int]:
    """Features of the grid's own recent events, all of feeds that the place counts."""
    sources = {s.source for s in features[place].reads}
    return [
        k
        for k, f in enumerate(features)
        if type(f).__name__ in _RECENT_KINDS and f.reads and {s.source for s in f.reads} <= sources
    ]


def _reach(feature: Any, values: np.ndarray) -> np.ndarray:
    """(n,) days back that a feature looks: its window, twice its half-life, or how long ago the last event was."""
    kind = type(feature).__name__
    if kind == "DaysSince":
        return values
    faded = dict.fromkeys(("Recent", "Faded"), 2 * getattr(feature, "half_life", 0))
    days = {"Own": 7 * getattr(feature, "weeks", 0), **faded}.get(kind, _days(feature))
    return np.full(len(values), days, dtype=float)


def _days(feature: Any) -> float:
    return float(getattr(feature, "days", 0))


def _stream(feature: Any) -> Stream | None:
    stream = getattr(feature, "stream", None)
    return stream if isinstance(stream, Stream) else None
