"""The events that hold at an instant, and those of them that a feature counts: what stands behind a number.

A table of held events has one row an event and grid, its `weight` in that grid (1 unless a change of boundaries parted it), and the
event's own columns.
"""

import numpy as np
import pandas as pd

from riskwarn.history import Stream
from riskwarn.taxonomy import NEVER_FEATURES


def matching(events: pd.DataFrame, stream: Stream) -> pd.DataFrame:
    """The held events of a stream, by the rules of :meth:`riskwarn.history.History.select`.

    Parameters
    ----------
    events
        Held events.
    stream
        Which of them.

    Returns
    -------
    events
        The rows that belong to it.
    """
    mask = (events["source"] == stream.source) & ~events["category"].isin(NEVER_FEATURES)
    if stream.categories:
        mask &= events["category"].isin(stream.categories)
    if stream.origin:
        mask &= text(events, "origin") == stream.origin
    if stream.tag:
        mask &= _tagged(events, stream.tag)
    if stream.without:
        mask &= ~_tagged(events, stream.without)
    if stream.severity:
        mask &= events["severity"].fillna(0) >= stream.severity if "severity" in events else False
    if stream.outcome:
        mask &= text(events, "outcome") == stream.outcome
    if stream.border:
        mask &= text(events, "near_grid_id") != ""
    if stream.linked:
        mask &= text(events, "case_id") != ""
    if stream.hours:
        mask &= _between(events["occurred_at"].dt.hour, *stream.hours)
    return events[mask.fillna(value=False)]


def within(events: pd.DataFrame, at: pd.Timestamp, days: float, *, ago: float = 0) -> pd.DataFrame:
    """The events of the `days` days that end `ago` days before `at`."""
    last = at - pd.Timedelta(days=ago)
    return events[(events["occurred_at"] >= last - pd.Timedelta(days=days)) & (events["occurred_at"] < last)]


def still_open(events: pd.DataFrame, at: pd.Timestamp) -> pd.Series:
    """Whether each event's case is open at `at`."""
    if "closed_at" not in events:
        return pd.Series(True, index=events.index)
    return events["closed_at"].isna() | (events["closed_at"] >= at)


def text(events: pd.DataFrame, column: str) -> pd.Series:
    """A column of words, empty where nothing is said."""
    return events[column].fillna("").astype("str") if column in events else pd.Series("", index=events.index)


def halved(events: pd.DataFrame, at: pd.Timestamp, half_life: float) -> pd.Series:
    """(n,) weight of each event, times one half to the power of its age over `half_life` days."""
    return events["weight"] * 0.5 ** ((at - events["occurred_at"]) / pd.Timedelta(days=half_life))


def _between(hour: pd.Series, first: int, last: int) -> pd.Series:
    """Hours from `first` to `last`, exclusive; over midnight where `first` is the later."""
    return (hour >= first) & (hour < last) if first <= last else (hour >= first) | (hour < last)


def _tagged(events: pd.DataFrame, tag: str) -> pd.Series:
    """Whether each event bears a tag."""
    code, said = pd.factorize(text(events, "tags"))
    bears = np.array([tag in str(tags).split() for tags in said], dtype=bool)
    return pd.Series(bears[code], index=events.index)
