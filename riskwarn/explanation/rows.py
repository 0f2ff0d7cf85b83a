"""The events behind a number: for one grid and night, which rows of the store make up each feature."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.errors import DataError, did_you_mean
from riskwarn.feature import Feature
from riskwarn.history import TABLE_OF, History
from riskwarn.model import RiskModel
from riskwarn.store import Store

COLUMNS = (
    "source",
    "event_id",
    "grid_id",
    "occurred_at",
    "known_at",
    "category",
    "severity",
    "origin",
    "tags",
    "status",
    "due_at",
    "closed_at",
)
"""What is shown of an event: nothing that tells a person or an address."""
_OPTIONAL = frozenset({"severity", "origin", "tags", "status", "due_at", "closed_at"})
_CHOOSING = ("outcome", "near_grid_id", "case_id", "place_key")
"""What streams and counts of places choose by beside them."""


@checked
def rows(
    store: Store,
    model: RiskModel,
    grid_id: str,
    as_of: object,
    *,
    features: Iterable[str] | None = None,
    history: History | None = None,
) -> pd.DataFrame:
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
        Only these; by default all but the totals of the city, which every event of it is in.
    history
        The city's history, where it is at hand.

    Returns
    -------
    rows
        One row a feature and event, newest first: `feature`, `value` (of the feature), `adds` (what the row adds to it), `days_ago`,
        and the event's :data:`COLUMNS`. Where the value is a sum or a mean, `adds` sums to `value`: each event of a count adds 1. It is
        missing where the number is none (a rise, a share, the days since the last). After a split an event adds its share. Features of the calendar, of the grid and of tables
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
    weights = {f.name: _weights(f, history, grid_id) for f in chosen}
    held = held_events(history, chosen, at, {grid for w in weights.values() for grid in w.index})
    parts = [_of_feature(f, float(values[f.name]), held, weights[f.name], at) for f in chosen]
    behind = pd.concat([p for p in parts if len(p)], ignore_index=True) if any(len(p) for p in parts) else parts[0]
    return behind[["feature", "value", "adds", "days_ago", *(c for c in COLUMNS if c in behind)]]


def _chosen(model: RiskModel, names: Iterable[str] | None) -> list[Feature]:
    if names is None:
        return list(model.shape_features)
    wanted = list(dict.fromkeys(names))
    unknown = [n for n in wanted if n not in model.feature_names]
    if unknown:
        raise DataError(f"the model has no feature {unknown[0]!r}{did_you_mean(unknown[0], model.feature_names)}.")
    return [f for f in model.features if f.name in wanted]


def held_events(history: History, features: Iterable[Feature], at: pd.Timestamp, grids: Iterable[str]) -> pd.DataFrame:
    """The events of the features' feeds that hold at `at` in some grids, each with its share of the event as `weight`."""
    sources = {s.source for f in features for s in f.reads} - set(TABLE_OF)
    events = history.events_at(at)
    numbers = np.flatnonzero(np.isin(history.grid_ids.astype(str), list(grids)))
    here = events.take(np.flatnonzero(events.of(*sorted(sources)) & np.isin(events.grid, numbers)))
    columns = [c for c in COLUMNS if c not in _OPTIONAL or events.has(c)]
    return here.frame((*columns, *_CHOOSING, "weight"))


def _of_feature(
    feature: Feature, value: float, events: pd.DataFrame, weights: pd.Series, at: pd.Timestamp
) -> pd.DataFrame:
    """The rows behind one value: those of each grid that enters it, by the grid's weight."""
    held = events[events["grid_id"].isin(weights.index)]
    behind = feature.rows(held, at) if len(held) else held.assign(adds=np.nan)
    adds = behind["adds"] * behind["grid_id"].map(weights).astype(float)
    if feature.scaled and len(behind):
        adds = adds * (value / max(float(adds.sum()), 1e-12))
    days = (at - behind["occurred_at"]) / pd.Timedelta(days=1) if len(behind) else pd.Series(dtype="float64")
    rows = behind.assign(feature=feature.name, value=value, adds=adds, days_ago=days)
    return rows.sort_values("days_ago", kind="stable")


def _weights(feature: Feature, history: History, grid_id: str) -> pd.Series:
    """Weight of each grid that enters the value, by `grid_id`."""
    grids = history.grids["grid_id"].astype("str").to_numpy()
    row = feature.weights(history, int(np.flatnonzero(grids == grid_id)[0])).tocsr()
    return pd.Series(row.data, index=grids[row.indices])


# -- one moment --------------------------------------------------------------------------------------------------------------


def features_at(history: History, features: Iterable[Feature], as_of: object) -> pd.DataFrame:
    """One row a grid, one column a feature, as known at `as_of`; the index is `grid_id`."""
    snapshot = history.at([as_of])
    columns = {f.name: np.asarray(f.compute(snapshot))[:, 0] for f in features}
    return pd.DataFrame(
        columns, index=pd.Index(history.grids["grid_id"].astype("str"), name="grid_id"), dtype="float32"
    )
