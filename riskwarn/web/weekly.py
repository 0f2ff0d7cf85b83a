"""The weeks before a night as it published them: events by feed and grid, and how unusual the last one is."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa


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


def weeks_of(weeks: pa.Table, readings: pd.DataFrame, ends: list[pd.Timestamp]) -> Weeks:
    """The tables `weeks` and `weekly_readings` of a night, made ready to be asked by grid.

    Parameters
    ----------
    weeks
        Words as dictionaries, times in UTC.
    readings
        As published.
    ends
        End of each week, oldest first; the first is the week a year before the last.

    Returns
    -------
    weeks
        Counts as small as they are without a loss.
    """
    by_source = readings.set_index("source")
    row, grid_ids = _coded(weeks["grid_id"])
    source, sources = _coded(weeks["source"])
    instants = pd.DatetimeIndex(weeks["week_ends_at"].cast(pa.int64()).to_numpy().view("datetime64[us]"), tz="UTC")
    week = pd.DatetimeIndex(ends).tz_convert("UTC").get_indexer(instants)
    n = weeks["n"].to_numpy().astype(np.float32)
    counts = {}
    for name in by_source.index:
        here = (source == sources.get_indexer([name])[0]) & (week >= 0)
        dense = np.zeros((len(grid_ids), len(ends)), dtype=np.float32)
        dense[row[here], week[here]] = n[here]
        counts[str(name)] = _narrow(dense)
    read = by_source[["n", "mean", "change", "reading"]].to_dict("index")
    year_ago = {name: float(dense[:, 0].sum()) for name, dense in counts.items()}
    return Weeks(ends[1:], {name: dense[:, 1:] for name, dense in counts.items()}, grid_ids, read, year_ago)


def _coded(words: pa.ChunkedArray) -> tuple[np.ndarray, pd.Index]:
    one = words.unify_dictionaries().combine_chunks()
    return one.indices.to_numpy(), pd.Index(one.dictionary.to_pylist())


def _narrow(counts: np.ndarray) -> np.ndarray:
    """Counts as they are, in two bytes where all are whole."""
    short = counts.astype(np.int16)
    return short if (short == counts).all() else counts
