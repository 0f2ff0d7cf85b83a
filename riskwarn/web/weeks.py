"""Events by week: what was known of each week when it ended, per feed and grid."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from riskwarn.errors import RiskwarnError
from riskwarn.history import History, Stream
from riskwarn.store import Store
from riskwarn.web.nights import Night

N_WEEKS = 52
_MEAN_WEEKS = 15
_LEAST_WEEKS = 4
_HIGH, _VERY_HIGH = 2.0, 3.0


@dataclass(frozen=True, eq=False)
class Weeks:
    """Counts of the weeks that end at `ends`.

    Parameters
    ----------
    ends
        End of each week, oldest first; the last is the night's `as_of`.
    grid_ids
        Grids, in the order of the rows of `counts`.
    counts
        By feed: (n_grids, n_weeks) events that occurred in the week and were known when it ended.
    """

    ends: list[pd.Timestamp]
    grid_ids: pd.Index
    counts: Mapping[str, np.ndarray]

    def of_grid(self, grid_id: str) -> dict[str, list[int]]:
        """Counts of one grid by feed; empty where the grid is not known."""
        if grid_id not in self.grid_ids:
            return {}
        row = self.grid_ids.get_loc(grid_id)
        return {source: counts[row].astype(int).tolist() for source, counts in self.counts.items()}

    def of_city(self) -> dict[str, list[int]]:
        """Counts of all grids together, by feed."""
        return {source: counts.sum(axis=0).astype(int).tolist() for source, counts in self.counts.items()}


def weeks_of(store: Store, night: Night) -> Weeks | None:
    """The weeks before a night; none where the store holds no events for it."""
    return _weeks(store, night.as_of, night.run)


@lru_cache(maxsize=2)
def history_of(store: Store, as_of: pd.Timestamp, run: str) -> History:  # noqa: ARG001 - part of the key
    """The history a run could know, read once for all that is asked of it."""
    return History.load(store, as_of=as_of)


@lru_cache(maxsize=4)
def _weeks(store: Store, as_of: pd.Timestamp, run: str) -> Weeks | None:
    ends = [as_of - pd.DateOffset(weeks=back) for back in range(N_WEEKS - 1, -1, -1)]
    try:
        history = history_of(store, as_of, run)
        known = history.at(ends)
        counts = {source: known.count(Stream(source), days=7) for source in history.sources}
    except RiskwarnError:
        return None
    return Weeks(ends, pd.Index(history.grids["grid_id"]), counts)


def reading(weekly: list[int]) -> dict[str, float | str | int]:
    """The last week against the mean of the 15 before: a plain word for how unusual it is.

    The distance is ``(n - mean) / max(sqrt(mean), s)``, `s` the standard deviation of the 15 weeks: the larger of the Poisson
    spread and the feed's own, so that neither quiet nor restless feeds cry out. Below -2 reads low, above 2 high, above 3 very
    high.

    Parameters
    ----------
    weekly
        Counts, oldest first. Weeks before the feed's first record do not count.

    Examples
    --------
    >>> reading([10] * 15 + [30])["word"], reading([10] * 15 + [11])["word"], reading([3, 4])["word"]
    ('very_high', 'usual', 'no_history')
    """
    started = next((i for i, n in enumerate(weekly) if n), len(weekly))
    past = np.array(weekly[started:-1][-_MEAN_WEEKS:], dtype=float)
    if len(past) < _LEAST_WEEKS:
        return {"n": weekly[-1], "mean": float("nan"), "change": float("nan"), "word": "no_history"}
    mean = float(past.mean())
    distance = (weekly[-1] - mean) / max(np.sqrt(max(mean, 1.0)), float(past.std(ddof=1)))
    word = (
        "very_high"
        if distance > _VERY_HIGH
        else "high"
        if distance > _HIGH
        else "low"
        if distance < -_HIGH
        else "usual"
    )
    return {"n": weekly[-1], "mean": mean, "change": weekly[-1] / mean - 1 if mean else float("nan"), "word": word}
