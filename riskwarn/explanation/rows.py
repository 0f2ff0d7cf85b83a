"""The events behind a number: for one grid and night, which rows of the store make up each feature."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy import sparse

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
        Only these; all by default.
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
    held = _held(history, chosen, at, {grid for w in weights.values() for grid in w.index})
    parts = [_of_feature(f, float(values[f.name]), held, weights[f.name], at) for f in chosen]
    behind = pd.concat([p for p in parts if len(p)], ignore_index=True) if any(len(p) for p in parts) else parts[0]
    return behind[["feature", "value", "adds", "days_ago", *(c for c in COLUMNS if c in behind)]]


def _chosen(model: RiskModel, names: Iterable[str] | None) -> list[Feature]:
    if names is None:
        return list(model.features)
    wanted = list(dict.fromkeys(names))
    unknown = [n for n in wanted if n not in model.feature_names]
    if unknown:
        raise DataError(f"the model has no feature {unknown[0]!r}{did_you_mean(unknown[0], model.feature_names)}.")
    return [f for f in model.features if f.name in wanted]


def _held(history: History, features: Iterable[Feature], at: pd.Timestamp, grids: Iterable[str]) -> pd.DataFrame:
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


# -- all reasons of a night ------------------------------------------------------------------------------------------------

_BEHIND = ("grid_id", "as_of", "target", "feature", "adds", "source", "event_id", "event_grid_id", *COLUMNS[3:])
MOST_EVENTS = 200
"""Events kept behind one number, the newest: a mean over a whole county would list the county again for each of its grids."""


@checked
def events_behind(history: History, model: RiskModel, reasons: pd.DataFrame, as_of: object) -> pd.DataFrame:
    """The events behind the number of every reason of a night, found feature by feature: table `events_behind`.

    Parameters
    ----------
    history
        What was known.
    model
        Whose reasons they are.
    reasons
        Table `reasons` of the night.
    as_of
        The night; a date means its local midnight.

    Returns
    -------
    events_behind
        One row a reason and event, those of a reason newest first and at most :data:`MOST_EVENTS`; what :func:`rows` gives for the
        grid and the feature, with `event_grid_id`, the grid in which the event lies.
    """
    at = history.instant(as_of)
    named = set(reasons["feature"])
    asked = [f for f in model.features if f.name in named]
    held = _held(history, asked, at, history.grid_ids.astype(str))
    parts = [_behind_feature(f, reasons[reasons["feature"] == f.name], held, history, at) for f in asked]
    parts = [part for part in parts if len(part)]
    if not parts:
        return pd.DataFrame(columns=list(_BEHIND))
    table = pd.concat(parts, ignore_index=True).sort_values(["grid_id", "feature"], kind="stable", ignore_index=True)
    table = table.assign(as_of=at)
    return table[[c for c in _BEHIND if c in table]]


def _behind_feature(
    feature: Feature, reasons: pd.DataFrame, held: pd.DataFrame, history: History, at: pd.Timestamp
) -> pd.DataFrame:
    """The events behind one feature in all grids that have it for a reason."""
    behind = feature.rows(held[held["source"].isin([s.source for s in feature.reads])], at)
    if behind.empty:
        return behind
    behind = behind.sort_values("occurred_at", ascending=False, kind="stable").rename(
        columns={"grid_id": "event_grid_id"}
    )
    entering = _entering(feature, history, reasons["grid_id"].astype("str"))
    entered = entering.merge(behind, on="event_grid_id", sort=False)
    entered["adds"] = entered["adds"] * entered["enters"]
    if feature.scaled:
        value = entered["grid_id"].map(reasons.set_index("grid_id")["value"].astype(float))
        entered["adds"] *= value / entered.groupby("grid_id")["adds"].transform("sum").clip(lower=1e-12)
    key = ["grid_id", "source", "event_id", "event_grid_id"]
    entered = entered.sort_values("occurred_at", ascending=False, kind="stable")
    twice = entered.duplicated(key, keep=False).any()
    if twice:  # an event of two streams of one feature counts in both
        total = entered.groupby(key, sort=False)["adds"].transform("sum", min_count=1)
        entered = entered.assign(adds=total).drop_duplicates(key)
    newest = entered.groupby("grid_id", sort=False).head(MOST_EVENTS)
    return newest.assign(feature=feature.name, target=reasons["target"].iloc[0])


def _entering(feature: Feature, history: History, grid_ids: pd.Series) -> pd.DataFrame:
    """By grid the grids whose events enter its value, each with its weight."""
    grids = history.grids["grid_id"].astype("str").to_numpy()
    if not feature.around:
        return pd.DataFrame({"grid_id": grid_ids, "event_grid_id": grid_ids, "enters": 1.0})
    number = pd.Index(grids).get_indexer(grid_ids)
    weights = sparse.vstack([feature.weights(history, int(row)) for row in number]).tocoo()
    return pd.DataFrame(
        {"grid_id": grids[number[weights.row]], "event_grid_id": grids[weights.col], "enters": weights.data}
    )


# -- one moment --------------------------------------------------------------------------------------------------------------


def features_at(history: History, features: Iterable[Feature], as_of: object) -> pd.DataFrame:
    """One row a grid, one column a feature, as known at `as_of`; the index is `grid_id`."""
    snapshot = history.at([as_of])
    columns = {f.name: np.asarray(f.compute(snapshot))[:, 0] for f in features}
    return pd.DataFrame(
        columns, index=pd.Index(history.grids["grid_id"].astype("str"), name="grid_id"), dtype="float32"
    )
