"""The events behind a number: for one grid and night, which rows of the store make up each feature."""

import dataclasses
from collections.abc import Iterable

import numpy as np
import pandas as pd

from riskwarn.errors import DataError, did_you_mean
from riskwarn.feature import Feature
from riskwarn.history import TABLE_OF, Facts, History
from riskwarn.model import RiskModel
from riskwarn.store import Store

COLUMNS = (
    "source", "event_id", "grid_id", "occurred_at", "known_at", "category", "severity", "origin", "tags", "status", "due_at", "closed_at",
)  # fmt: skip
"""What is shown of an event: nothing that tells a person or an address."""
_CHOOSING = ("outcome", "near_grid_id", "case_id", "place_key")
"""What streams and counts of places choose by beside them."""
_NEVER = np.iinfo(np.int64).max


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
    sources = sorted({s.source for f in features for s in f.reads} - set(TABLE_OF))
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
    return past[[c for c in (*COLUMNS, *_CHOOSING) if c in past]].assign(share=1.0)


def _of_feature(
    feature: Feature, value: float, known: pd.DataFrame, history: History, grid_id: str, at: pd.Timestamp
) -> pd.DataFrame:
    """The rows behind one value: those of each grid that enters it, by the grid's weight."""
    weights = _weights(feature, history, grid_id)
    held = known[known["grid_id"].isin(weights.index)]
    behind = feature.rows(held, at) if len(held) else held.assign(adds=np.nan)
    adds = behind["adds"] * behind["grid_id"].map(weights).astype(float)
    if feature.scaled and len(behind):
        adds = adds * (value / max(float(adds.sum()), 1e-12))
    days = (at - behind["occurred_at"]) / pd.Timedelta(days=1) if len(behind) else pd.Series(dtype="float64")
    told = behind.assign(feature=feature.name, value=value, adds=adds, days_ago=days)
    return told.sort_values("days_ago", kind="stable")


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


def known_before(history: History, instant: pd.Timestamp) -> History:
    """The history as if nothing had become known at `instant` or later: what then held goes on holding.

    Parameters
    ----------
    history
        Everything ever known.
    instant
        Timezone-aware.

    Returns
    -------
    history
        The same grids, and the same last instant it speaks for, so that it can be asked for later dates.
    """
    micros = instant.value // 1000
    return dataclasses.replace(history, facts=_cut(history.facts, micros), cases=_cut(history.cases, micros))


def _cut(facts: Facts, micros: int) -> Facts:
    known = facts[np.flatnonzero(facts.start < micros)]
    return dataclasses.replace(known, end=np.where(known.end >= micros, _NEVER, known.end))
