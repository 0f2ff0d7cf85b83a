"""Thirteen ways a feature goes wrong, planted in a count of the last 28 days. The relations must kill every one."""

import numpy as np
import pandas as pd
from towns.events import GRIDS

from riskwarn.feature import Count
from riskwarn.testing import measure_of

HONEST = measure_of(Count("dispute", days=28), GRIDS)


def _events(log, **changes):
    return {**log, "events": log["events"].assign(**changes)}


def occurred_only(log, as_of):
    """Takes an event as known when it occurred."""
    return HONEST(
        _events(log, known_at=log["events"]["occurred_at"] + pd.to_timedelta(np.arange(len(log["events"])), "us")),
        as_of,
    )


def at_the_instant(log, as_of):
    """Counts what becomes known at as_of itself: <= for <."""
    return HONEST(log, pd.Timestamp(as_of) + pd.Timedelta(microseconds=1))


def whole_day(log, as_of):
    """Counts all that becomes known on the day of as_of."""
    return HONEST(log, pd.Timestamp(as_of).floor("D") + pd.Timedelta(days=1))


def centred_window(log, as_of):
    """Lays the window around as_of."""
    return HONEST(log, pd.Timestamp(as_of) + pd.Timedelta(days=14))


def global_scaler(log, as_of):
    """Divides by the largest value of the whole log."""
    return HONEST(log, as_of) / max(log["events"].groupby("grid_id").size().max(), 1)


def dedup_before_visibility(log, as_of):
    """Keeps the newest revision of all, then asks which are known."""
    events = log["events"].sort_values("known_at").drop_duplicates(["source", "event_id"], keep="last")
    return HONEST({**log, "events": events}, as_of)


def vocabulary_of_all(log, as_of):
    """A share among the categories of the whole log, later ones too."""
    events = log["events"]
    return HONEST(log, as_of) / events.groupby(["source", "category"]).ngroups


def filled_from_later(log, as_of):
    """Fills an empty value from the next week."""
    now, later = HONEST(log, as_of), HONEST(log, pd.Timestamp(as_of) + pd.Timedelta(days=7))
    return np.where(now == 0, later, now)


def last_row_wins(log, as_of):
    """Takes the last row of an event for its newest revision."""
    return HONEST({**log, "events": log["events"].drop_duplicates(["source", "event_id"], keep="last")}, as_of)


def counts_rows(log, as_of):
    """Counts rows, not events: a row written twice counts twice."""
    ids = [f"{e}-{n}" for n, e in enumerate(log["events"]["event_id"])]
    return HONEST(_events(log, event_id=ids), as_of)


def prefix_match(log, as_of):
    """Takes G10 for a part of G1."""
    values = HONEST(log, as_of)
    ids = GRIDS["grid_id"]
    return np.array([values[ids.str.startswith(g).to_numpy()].sum() for g in ids])


def hidden_now(log, as_of):
    """Looks at the clock on the wall."""
    del as_of
    return HONEST(log, pd.Timestamp("2025-02-10", tz="Asia/Shanghai"))


def wrong_zone(log, as_of):
    """Reads the local date as one of Greenwich: eight hours of the future come in."""
    return HONEST(log, pd.Timestamp(as_of).tz_localize(None).tz_localize("UTC"))


MUTANTS = (
    occurred_only,
    at_the_instant,
    whole_day,
    centred_window,
    global_scaler,
    dedup_before_visibility,
    vocabulary_of_all,
    filled_from_later,
    last_row_wins,
    counts_rows,
    prefix_match,
    hidden_now,
    wrong_zone,
)
