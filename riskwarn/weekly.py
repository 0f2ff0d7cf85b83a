"""Events by week: what was known of each week when it ended, by feed and grid, and how unusual the last one is."""

from functools import partial

import numpy as np
import pandas as pd

from riskwarn.history import History, Stream
from riskwarn.taxonomy import CATEGORIES, NEVER_FEATURES
from riskwarn.unusual import weekly_reading

N_WEEKS = 53
"""A year of weeks, and before it the week that last week is compared with."""

PERIOD_WEEKS, N_PERIODS = 4, 13
"""Weeks of a period in which categories are counted, and how many of them: a year."""


def week_ends(as_of: pd.Timestamp) -> list[pd.Timestamp]:
    """Ends of the weeks before a night, oldest first; the last is the night itself.

    Parameters
    ----------
    as_of
        The night.

    Returns
    -------
    ends
        :data:`N_WEEKS` instants, at the same time of day.

    Examples
    --------
    >>> [at.strftime("%Y-%m-%d") for at in week_ends(pd.Timestamp("2025-01-08", tz="Asia/Shanghai"))[-2:]]
    ['2025-01-01', '2025-01-08']
    """
    return _ends(as_of, N_WEEKS, weeks=1)


def weekly_counts(history: History, as_of: pd.Timestamp) -> pd.DataFrame:
    """Events that occurred in each of the last :data:`N_WEEKS` weeks and were known when it ended: table `weeks`.

    Parameters
    ----------
    history
        What was known.
    as_of
        The night, timezone-aware.

    Returns
    -------
    weeks
        One row a grid, feed and week with an event.
    """
    weeks = history.apart(partial(_weeks_of, ends=week_ends(as_of)))
    return weeks.sort_values(["source", "grid_id", "week_ends_at"], ignore_index=True).assign(as_of=as_of)


def _weeks_of(history: History, ends: list[pd.Timestamp]) -> pd.DataFrame:
    known = history.at(ends)
    parts = [_of_feed(history, source, known.count(Stream(source), days=7), ends) for source in history.sources]
    return pd.concat(parts, ignore_index=True)


def period_ends(as_of: pd.Timestamp) -> list[pd.Timestamp]:
    """Ends of the periods of four weeks before a night, oldest first; the last is the night itself.

    Parameters
    ----------
    as_of
        The night.

    Returns
    -------
    ends
        :data:`N_PERIODS` instants, at the same time of day.

    Examples
    --------
    >>> [at.strftime("%Y-%m-%d") for at in period_ends(pd.Timestamp("2025-01-08", tz="Asia/Shanghai"))[-2:]]
    ['2024-12-11', '2025-01-08']
    """
    return _ends(as_of, N_PERIODS, weeks=PERIOD_WEEKS)


def _ends(as_of: pd.Timestamp, n: int, *, weeks: int) -> list[pd.Timestamp]:
    """Ends of `n` spans of so many weeks, the last of them the night itself; by the calendar, so that the time of day stays."""
    return [as_of - pd.DateOffset(weeks=weeks * back) for back in range(n - 1, -1, -1)]


def category_counts(history: History, as_of: pd.Timestamp) -> pd.DataFrame:
    """Events by category in each of the last :data:`N_PERIODS` periods of four weeks, as known when it ended: table `category_counts`.

    Parameters
    ----------
    history
        What was known.
    as_of
        The night, timezone-aware.

    Returns
    -------
    counts
        One row a grid, feed, category and period with an event, grid by grid.
    """
    whole = history.apart(partial(_periods_of, ends=period_ends(as_of)))
    by = ["grid_id", "source", "category", "period_ends_at"]
    return whole[[*by, "n"]].sort_values(by, ignore_index=True).assign(as_of=as_of)


def _periods_of(history: History, ends: list[pd.Timestamp]) -> pd.DataFrame:
    known = history.at(ends)
    counted = [
        (source, category, known.count(Stream(source, categories=(category,)), days=7 * PERIOD_WEEKS))
        for source in history.sources
        for category in sorted(set(CATEGORIES) - NEVER_FEATURES)
    ]
    parts = [_of_feed(history, source, n, ends).assign(category=category) for source, category, n in counted]
    return pd.concat(parts, ignore_index=True).rename(columns={"week_ends_at": "period_ends_at"})


def _of_feed(history: History, source: str, counts: np.ndarray, ends: list[pd.Timestamp]) -> pd.DataFrame:
    row, week = np.nonzero(counts)
    return pd.DataFrame(
        {
            "grid_id": history.grids["grid_id"].to_numpy()[row],
            "source": source,
            "week_ends_at": pd.DatetimeIndex(ends)[week],
            "n": counts[row, week].astype(np.float64),
        }
    )


def weekly_readings(weeks: pd.DataFrame, sources: list[str], as_of: pd.Timestamp) -> pd.DataFrame:
    """How unusual the last week of each feed is in the whole city, by :func:`riskwarn.unusual.weekly_reading`: table `weekly_readings`.

    Parameters
    ----------
    weeks
        What :func:`weekly_counts` gave.
    sources
        Feeds, those without an event in any week too.
    as_of
        The night.

    Returns
    -------
    readings
        One row a feed: the week's events `n`, their usual `mean`, the `change` and the `reading` in a word.
    """
    ends = week_ends(as_of)
    city = weeks.pivot_table(index="source", columns="week_ends_at", values="n", aggfunc="sum", fill_value=0.0)
    city = city.reindex(index=sources, columns=pd.DatetimeIndex(ends), fill_value=0.0)
    readings = pd.concat([weekly_reading(counts[None]) for counts in city.to_numpy()], ignore_index=True)
    return readings.rename(columns={"word": "reading"})[["n", "mean", "change", "reading"]].assign(
        source=sources, as_of=as_of
    )
