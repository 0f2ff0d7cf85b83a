"""The values of a datasheet: what the store held when a model was trained, feed by feed, and what of it the model read."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.feature import Feature
from riskwarn.history import History
from riskwarn.history.deliveries import HALF_DAY
from riskwarn.history.facts import DAY_US
from riskwarn.history.pauses import LONG_AGO
from riskwarn.ingest import tally
from riskwarn.ingest.checking import refusals
from riskwarn.label import Label
from riskwarn.language import in_every_language
from riskwarn.store import Store

MOST_SILENCES = 10
"""Stretches a feed's line names, the longest; the others are only counted."""
_OF_FEED = (
    "source",
    "events",
    "revisions",
    "first",
    "last",
    "delay_p50",
    "delay_p99",
    "unknown_share",
    "unplaced_share",
    "missing_days",
    "received",
    "accepted",
    "quarantined",
    "duplicate",
)


@checked
def make_datasheet(
    store: Store,
    history: History,
    panel: pd.DataFrame,
    *,
    label: Label,
    features: Iterable[Feature],
    data_digest: str,
) -> dict[str, Any]:
    """What a training learns from, as plain values fit for JSON.

    Parameters
    ----------
    store
        The city.
    history
        Of the whole store, or its outline: it is asked for silences alone.
    panel
        The rows, with `y` where it is settled.
    label, features
        What is predicted, and what the model reads.
    data_digest
        Digest of the store, taken before its history was read: records that came later were not learnt.

    Returns
    -------
    datasheet
        `data_digest` as given; `question`, by language; `rows`, of `grids` and `dates`, `unsettled` of them without an outcome, not settled or
        not asked for there; `first` and `last` date;
        `horizon_days` and `settle_days`; `counted` and `read`, feeds of the outcome and of all that the model reads; `feeds`, a line each as
        :class:`riskwarn.ingest.CheckReport` has it, with `n_silences`, stretches
        in which it told nothing of some grids, and `silences`, the longest of them; `sensitive`, whether there are events that no feature counts; `refused`, rows in quarantine by reason.

    Raises
    ------
    NotFoundError
        The store holds no events.
    """
    lines = tally(store)
    counted = sorted({stream.source for stream in label.streams})
    read = {stream.source for feature in features for stream in feature.reads}
    feeds = [_feed(line, history) for line in lines]
    return {
        "data_digest": data_digest,
        "question": in_every_language(label.question),
        "rows": len(panel),
        "grids": int(panel["grid_id"].nunique()),
        "dates": int(panel["as_of"].nunique()),
        "unsettled": int(panel["y"].isna().sum()),
        "first": str(panel["as_of"].min()),
        "last": str(panel["as_of"].max()),
        "horizon_days": label.days,
        "settle_days": label.settle_days,
        "counted": counted,
        "read": sorted(read | set(counted)),
        "feeds": feeds,
        "sensitive": any(line["sensitive"] for line in lines),
        "refused": _refused(refusals(store)),
    }


def _feed(line: dict[str, Any], history: History) -> dict[str, Any]:
    """One feed, its silences in the order of time."""
    silences = _silences(history, str(line["source"]), pd.Timestamp(line["first"]))
    longest = sorted(silences, key=lambda silence: -silence["days"])[:MOST_SILENCES]
    return {
        **{name: line[name] for name in _OF_FEED},
        "n_silences": len(silences),
        "silences": sorted(longest, key=lambda silence: silence["from"]),
    }


def _silences(history: History, source: str, first: pd.Timestamp) -> list[dict[str, Any]]:
    """Stretches within a feed's time in which it told nothing of some grids, those of the same days as one.

    Its time goes from when it was first heard of anywhere, at `first` where a part of the city has no beginning, to when it was last.
    """
    parts = history.silences(source)
    begun = min(_begun(part.spans, first) for part in parts)
    ended = max(int(part.spans[-1, 0]) for part in parts)
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for part in parts:
        spans = np.clip(part.spans, begun, ended)
        for a, b in spans[spans[:, 1] - spans[:, 0] > HALF_DAY].tolist():
            days = (_day(history, a), _day(history, b))
            told = found.setdefault(days, {"from": days[0], "to": days[1], "days": 0.0, "grids": 0})
            told["days"] = max(told["days"], round((b - a) / DAY_US, 1))
            told["grids"] += int(part.grids.sum())
    return list(found.values())


def _begun(spans: np.ndarray, first: pd.Timestamp) -> int:
    """When a feed was first heard of by a part of the city, µs."""
    return int(spans[0, 1]) if spans[0, 0] == LONG_AGO else first.value // 1000


def _day(history: History, micros: int) -> str:
    return f"{pd.Timestamp(micros, unit='us', tz='UTC').tz_convert(history.timezone):%Y-%m-%d}"


def _refused(reasons: pd.DataFrame) -> dict[str, int]:
    """Rows in quarantine by reason, over all files, the most first."""
    if reasons.empty:
        return {}
    rows = reasons.groupby("reason")["rows"].sum().sort_values(ascending=False, kind="stable")
    return {str(reason): int(n) for reason, n in rows.items()}
