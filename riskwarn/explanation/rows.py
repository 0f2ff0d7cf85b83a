"""The events behind a number: for one grid and night, which rows of the store make up each feature."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd

from riskwarn.errors import DataError, did_you_mean
from riskwarn.explanation.moment import features_at
from riskwarn.explanation.saying import core_of, saying_of
from riskwarn.feature import NORMAL_WEEKS, Feature
from riskwarn.history import TABLE_OF, History, Stream
from riskwarn.model import RiskModel
from riskwarn.store import Store
from riskwarn.taxonomy import NEVER_FEATURES

COLUMNS = (
    "source", "event_id", "grid_id", "occurred_at", "known_at", "category", "severity", "origin", "tags", "status", "due_at", "closed_at",
)  # fmt: skip
"""What is shown of an event: nothing that tells a person or an address."""
_CHOOSING = ("outcome", "near_grid_id", "case_id", "place_key")
"""What streams and counts of places choose by beside them."""


def rows(
    store: Store, model: RiskModel, grid_id: str, as_of: object, *, features: Iterable[str] | None = None, history: History | None = None
) -> pd.DataFrame:  # fmt: skip
    """The events that make up each of a grid's numbers, as known at `as_of`.

    Parameters
    ----------
    store
        The city.
    model
        Whose features are asked for.
    grid_id
        The grid.
    as_of
        The night; a date means its local midnight.
    features
        Only these; all by default.
    history
        The city's history, where it is at hand.

    Returns
    -------
    rows
        One row a feature and event, newest first: `feature`, `value` (of the feature), `adds` (what the row adds to it), `days_ago`,
        and the event's :data:`COLUMNS`. Where the value is a sum or a mean, `adds` sums to `value`: each event of a count adds 1. It is
        missing where the number is none (a rise, a share, the days since the last). Features of the calendar, of the grid and of tables
        other than events have no rows.

    Raises
    ------
    DataError
        Unknown grid or feature.
    """
    history = history or History.load(store, as_of=as_of)
    chosen = _chosen(model, features)
    here = history.grids["grid_id"].astype("str")
    if grid_id not in set(here):
        raise DataError(f"no grid {grid_id!r} at {as_of}{did_you_mean(grid_id, list(here))}.")
    at = store.instant(as_of)
    values = features_at(history, chosen, at).loc[grid_id]
    known = _known(store, chosen, at)
    parts = [_of_feature(f, float(values[f.name]), known, history, grid_id, at) for f in chosen]
    found = pd.concat([p for p in parts if len(p)], ignore_index=True) if any(len(p) for p in parts) else parts[0]
    return found[["feature", "value", "adds", "days_ago", *(c for c in COLUMNS if c in found)]]


def _chosen(model: RiskModel, names: Iterable[str] | None) -> list[Feature]:
    if names is None:
        return list(model.features)
    wanted = list(dict.fromkeys(names))
    unknown = [n for n in wanted if n not in model.feature_names]
    if unknown:
        raise DataError(f"the model has no feature {unknown[0]!r}{did_you_mean(unknown[0], model.feature_names)}.")
    return [f for f in model.features if f.name in wanted]


def _known(store: Store, features: Iterable[Feature], at: pd.Timestamp) -> pd.DataFrame:
    """The newest revision known before `at` of every event of the features' feeds, retracted ones left out."""
    sources = sorted({s.source for f in features for s in _streams(core_of(f))} - set(TABLE_OF))
    if not sources:
        return pd.DataFrame({c: [] for c in COLUMNS})
    events = pd.concat([store.read("events", source=s) for s in sources], ignore_index=True)
    events = events[events["known_at"] < at].sort_values("known_at", kind="stable")
    newest = events.drop_duplicates(["source", "event_id"], keep="last")
    past = (
        newest[~newest["retracted"] & (newest["occurred_at"] < at)]
        if "retracted" in newest
        else newest[newest["occurred_at"] < at]
    )
    return past[[c for c in (*COLUMNS, *_CHOOSING) if c in past]]


def _streams(core: Any) -> list[Stream]:
    found = [
        getattr(core, "stream", None),
        getattr(core, "part", None),
        getattr(core, "whole", None),
        *getattr(core, "streams", ()),
        *(of if isinstance(of := getattr(core, "of", ()), tuple) else ()),
    ]
    return [s for s in found if isinstance(s, Stream)]


def _of_feature(
    feature: Feature, value: float, known: pd.DataFrame, history: History, grid_id: str, at: pd.Timestamp
) -> pd.DataFrame:
    core = core_of(feature)
    members = _members(feature, history, grid_id)
    own = known[known["grid_id"].isin(members)] if len(known) else known
    take = _ROWS.get(type(core).__name__, _windowed)
    found = take(core, own, at) if len(own) else own.assign(adds=np.nan)
    adds = found["adds"] / max(len(members), 1)
    if type(core).__name__ in {"Own", "Faded"} and len(found):
        adds = adds * (value / max(float(adds.sum()), 1e-12))
    days = (at - found["occurred_at"]) / pd.Timedelta(days=1) if len(found) else pd.Series(dtype="float64")
    told = found.assign(feature=feature.name, value=value, adds=adds, days_ago=days)
    return told.sort_values("days_ago", kind="stable")


def _members(feature: Feature, history: History, grid_id: str) -> list[str]:
    """The grids whose events a feature counts."""
    around = saying_of(feature)["around"]
    grids = history.grids["grid_id"].astype("str").to_numpy()
    at = int(np.flatnonzero(grids == grid_id)[0])
    if not around:
        return [grid_id]
    if around == "nearby":
        beside = history.neighbors()[[at]].indices
        return grids[beside].tolist()
    parent = history.grids[f"{around}_id"].fillna("").astype("str").to_numpy()
    return grids[parent == parent[at]].tolist()


def _matching(events: pd.DataFrame, stream: Stream) -> pd.DataFrame:
    """The events of a stream, by the rules of :meth:`riskwarn.history.History.select`."""
    mask = (events["source"] == stream.source) & ~events["category"].isin(NEVER_FEATURES)
    tags = _text(events, "tags").str.split()
    if stream.categories:
        mask &= events["category"].isin(stream.categories)
    if stream.origin:
        mask &= _text(events, "origin") == stream.origin
    if stream.tag:
        mask &= tags.map(lambda here: stream.tag in here).astype(bool)
    if stream.without:
        mask &= tags.map(lambda here: stream.without not in here).astype(bool)
    if stream.severity:
        mask &= events["severity"].fillna(0) >= stream.severity
    if stream.outcome:
        mask &= _text(events, "outcome") == stream.outcome
    if stream.border:
        mask &= _text(events, "near_grid_id") != ""
    if stream.linked:
        mask &= _text(events, "case_id") != ""
    if stream.hours:
        mask &= _between(events["occurred_at"].dt.hour, *stream.hours)
    return events[mask.fillna(value=False)]


def _text(events: pd.DataFrame, column: str) -> pd.Series:
    """A column of words, empty where nothing is said."""
    return events[column].fillna("").astype("str") if column in events else pd.Series("", index=events.index)


def _between(hour: pd.Series, first: int, last: int) -> pd.Series:
    """Hours from `first` to `last`, exclusive; over midnight where `first` is the later."""
    return (hour >= first) & (hour < last) if first <= last else (hour >= first) | (hour < last)


def _within(events: pd.DataFrame, at: pd.Timestamp, days: float) -> pd.DataFrame:
    return events[events["occurred_at"] >= at - pd.Timedelta(days=days)]


def _count(core: Any, events: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
    return _within(_matching(events, core.stream), at, core.days).assign(adds=1.0)


def _own(core: Any, events: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
    parts = [_within(_matching(events, s), at, 7 * core.weeks) for s in core.streams]
    return pd.concat(parts).assign(adds=1.0)


def _rise(core: Any, events: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
    """The window and the fifteen weeks before it."""
    return _within(_matching(events, core.stream), at, core.days + 7 * NORMAL_WEEKS).assign(adds=np.nan)


def _since(core: Any, events: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
    """The last event, within the cap."""
    near = _within(_matching(events, core.stream), at, core.cap)
    return near.sort_values("occurred_at", kind="stable").groupby("grid_id").tail(1).assign(adds=np.nan)


def _recent(core: Any, events: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
    own = _matching(events, core.stream)
    return own.assign(adds=0.5 ** ((at - own["occurred_at"]) / pd.Timedelta(days=core.half_life)))


def _faded(core: Any, events: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
    own = pd.concat([_matching(events, s) for s in core.streams])
    return own.assign(adds=0.5 ** ((at - own["occurred_at"]) / pd.Timedelta(days=core.half_life)))


def _open(core: Any, events: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
    own = _matching(events, core.stream)
    own = _within(own, at, core.days) if core.days else own
    return own[_still_open(own, at)].assign(adds=1.0)


def _overdue(core: Any, events: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
    own = _matching(events, core.stream)
    late = own["due_at"] < at if "due_at" in own else pd.Series(False, index=own.index)
    return own[_still_open(own, at) & late].assign(adds=1.0)


def _still_open(events: pd.DataFrame, at: pd.Timestamp) -> pd.Series:
    if "closed_at" not in events:
        return pd.Series(True, index=events.index)
    return events["closed_at"].isna() | (events["closed_at"] >= at)


def _share(core: Any, events: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
    """The part; what it is a share of stands in the value alone."""
    return _within(_matching(events, core.part), at, core.days).assign(adds=np.nan)


def _at_places(core: Any, events: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
    """The events of the streams in the window that have a place, with `here`, how many lie at it."""
    own = _windowed(core, events, at)
    own = own.assign(place_key=_text(own, "place_key"))
    own = own[own["place_key"] != ""]
    return own.assign(here=own.groupby(["grid_id", "place_key"])["place_key"].transform("size"))


def _most(core: Any, events: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
    """The events of the place with most; of two with as many, of the one with the latest."""
    own = _at_places(core, events, at).sort_values(["here", "occurred_at"], kind="stable")
    return own[own["place_key"] == own.groupby("grid_id")["place_key"].transform("last")].assign(adds=1.0)


def _repeated(core: Any, events: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
    """The events of every repeated place, which add up to 1 at each."""
    own = _at_places(core, events, at)
    return own[own["here"] >= core.at_least].assign(adds=lambda kept: 1 / kept["here"])


def _windowed(core: Any, events: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
    """For a kind that is not here: the events of its streams in its window, without a claim to what each adds."""
    streams = _streams(core)
    parts = [_within(_matching(events, s), at, float(getattr(core, "days", 365))) for s in streams]
    return (pd.concat(parts) if parts else events.iloc[:0]).assign(adds=np.nan)


_ROWS: dict[str, Callable[[Any, pd.DataFrame, pd.Timestamp], pd.DataFrame]] = {
    "Count": _count, "Own": _own, "Rise": _rise, "DaysSince": _since, "Recent": _recent, "Faded": _faded, "Open": _open, "Overdue": _overdue,
    "Share": _share, "MostAtOnePlace": _most, "RepeatedPlaces": _repeated,
}  # fmt: skip
