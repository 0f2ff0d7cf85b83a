"""The weeks before a night as it published them: events by feed and grid, and how unusual the last one is."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True, eq=False)
class Weeks:
    """Counts of the weeks that end at `ends`.

    Parameters
    ----------
    ends
        End of each week, oldest first; the last is the night's `as_of`.
    counts
        By feed: (n_grids, n_weeks) events that occurred in the week and were known when it ended; grids in the order of `grid_ids`.
    grid_ids
        Grids with an event in any week.
    readings
        By feed: `n`, `mean`, `change` and `reading` of the last week in the whole city.
    year_ago
        By feed: events of the whole city in the week that ended 52 weeks before the last.
    """

    ends: list[pd.Timestamp]
    counts: Mapping[str, np.ndarray]
    grid_ids: pd.Index
    readings: Mapping[str, Mapping[str, object]]
    year_ago: Mapping[str, float]

    def of_grid(self, grid_id: str) -> dict[str, list[int]]:
        """Counts of one grid by feed; zeros where it had no event."""
        here = self.grid_ids.get_indexer([grid_id])[0]
        nothing = np.zeros(len(self.ends))
        return {source: _whole(counts[here] if here >= 0 else nothing) for source, counts in self.counts.items()}

    def of_city(self) -> dict[str, list[int]]:
        """Counts of all grids together, by feed."""
        return {source: _whole(counts.sum(axis=0)) for source, counts in self.counts.items()}


def _whole(counts: np.ndarray) -> list[int]:
    """Counts as whole numbers; only where a grid was split is an event shared among several."""
    return np.round(counts).astype(int).tolist()


def weeks_of(weeks: pd.DataFrame, readings: pd.DataFrame, ends: list[pd.Timestamp]) -> Weeks:
    """The tables `weeks` and `weekly_readings` of a night, made ready to be asked by grid; the first of `ends` is the week a year before the last."""
    by_source = readings.set_index("source")
    row, grid_ids = pd.factorize(weeks["grid_id"], sort=True)
    week = pd.DatetimeIndex(ends).get_indexer(pd.DatetimeIndex(weeks["week_ends_at"]))
    counts = {}
    for source in by_source.index:
        here = (weeks["source"] == source).to_numpy() & (week >= 0)
        counts[str(source)] = np.zeros((len(grid_ids), len(ends)), dtype=np.float32)
        counts[str(source)][row[here], week[here]] = weeks["n"].to_numpy()[here]
    read = by_source[["n", "mean", "change", "reading"]].to_dict("index")
    a_year = {source: n[:, 1:] for source, n in counts.items()}
    return Weeks(
        ends[1:], a_year, pd.Index(grid_ids), read, {source: float(n[:, 0].sum()) for source, n in counts.items()}
    )
