"""All the events behind the reasons of a night: what :func:`riskwarn.explanation.rows` finds for one grid, found feature by feature.

A feature that several models read is looked at once, for the grids that any of them gives it as a reason for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from riskwarn.calling import checked
from riskwarn.explanation.rows import COLUMNS, held_events
from riskwarn.feature import Feature
from riskwarn.history import History
from riskwarn.model import RiskModel

_BEHIND = ("grid_id", "as_of", "target", "feature", "adds", "source", "event_id", "event_grid_id", *COLUMNS[3:])
MOST_EVENTS = 200
"""Events kept behind one number, the newest: a mean over a whole county would list the county again for each of its grids."""
_ROW = "row"
"""Column of the held events that numbers them."""


@checked
def events_behind(history: History, models: Sequence[RiskModel], reasons: pd.DataFrame, as_of: object) -> pd.DataFrame:
    """The events behind the number of every reason of a night: table `events_behind`.

    Parameters
    ----------
    history
        What was known.
    models
        Whose reasons they are.
    reasons
        Table `reasons` of the night.
    as_of
        The night; a date means its local midnight.

    Returns
    -------
    events_behind
        Model by model one row a reason and event, those of a reason newest first and at most :data:`MOST_EVENTS`; what :func:`rows`
        gives for the grid and the feature, with `event_grid_id`, the grid in which the event lies.
    """
    at = history.instant(as_of)
    parts = [_of_share(history, models, rows, at) for rows in history.batches(reasons)]
    if len(parts) == 1:
        return parts[0]
    found = [part for part in parts if len(part)]
    if not found:
        return parts[0]
    number = {model.label.name: place for place, model in enumerate(models)}
    whole = pd.concat(found, ignore_index=True)
    order = whole.assign(model=whole["target"].map(number)).sort_values(["model", "grid_id", "feature"], kind="stable")
    return whole.loc[order.index].reset_index(drop=True)


def _of_share(history: History, models: Sequence[RiskModel], reasons: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
    """The events behind some of the reasons."""
    asked = _asked(models, reasons, history)
    features = list(dict.fromkeys(feature for one in asked for feature in one))
    held = _Held.of(history.within(_entered(asked, history)), features, at)
    found: dict[Feature, pd.DataFrame] = {}
    for feature in sorted(features, key=_feeds):  # those that read the same feeds follow one another
        values = pd.concat([one[feature] for one in asked if feature in one])
        found[feature] = _behind(feature, values[~values.index.duplicated()], held, history, at)
    parts = [
        found[feature][found[feature]["grid"].isin(values.index)].assign(model=number, feature=feature.name)
        for number, one in enumerate(asked)
        for feature, values in one.items()
    ]
    parts = [part for part in parts if len(part)]
    if not parts:
        return pd.DataFrame(columns=list(_BEHIND))
    return _table(pd.concat(parts, ignore_index=True), models, held.events, history).assign(as_of=at)[
        [c for c in _BEHIND if c in held.events or c in _BEHIND[:5] or c == "event_grid_id"]
    ]


def _asked(models: Sequence[RiskModel], reasons: pd.DataFrame, history: History) -> list[dict[Feature, pd.Series]]:
    """Of each model, by feature that is a reason, its value in the grids that have it for one, by number of the grid."""
    ids = pd.Index(history.grids["grid_id"].astype("str"))
    asked = []
    for model in models:
        own = reasons[reasons["target"] == model.label.name]
        numbers = pd.Series(own["value"].to_numpy(dtype=float), ids.get_indexer(own["grid_id"].astype("str")))
        places = own.groupby("feature", sort=False).indices
        asked.append({f: numbers.iloc[places[f.name]] for f in model.features if f.name in places})
    return asked


@dataclass(frozen=True, eq=False)
class _Held:
    """The events that hold at the night, numbered in their order, those of some feeds at hand; `grid` and `occurred` of each."""

    events: pd.DataFrame
    grid: np.ndarray
    occurred: np.ndarray
    of_feeds: dict[tuple[str, ...], pd.DataFrame]

    @classmethod
    def of(cls, history: History, features: Sequence[Feature], at: pd.Timestamp) -> "_Held":
        held = held_events(history, features, at, history.grid_ids.astype(str))
        events = held.assign(**{_ROW: np.arange(len(held))})
        grid = pd.Index(history.grids["grid_id"].astype("str")).get_indexer(events["grid_id"])
        return cls(events, grid, events["occurred_at"].astype("int64").to_numpy(), {})

    def read_by(self, feature: Feature) -> pd.DataFrame:
        """Those of the feeds a feature reads."""
        feeds = _feeds(feature)
        if feeds not in self.of_feeds:
            self.of_feeds.clear()  # one choice of feeds at a time: each is a copy of most of the events
            self.of_feeds[feeds] = self.events[self.events["source"].isin(feeds)]
        return self.of_feeds[feeds]


def _feeds(feature: Feature) -> tuple[str, ...]:
    """The feeds a feature reads."""
    return tuple(sorted({stream.source for stream in feature.reads}))


def _behind(feature: Feature, values: pd.Series, held: _Held, history: History, at: pd.Timestamp) -> pd.DataFrame:
    """What the events behind one feature add to it: `grid`, `row` of the held events and `adds`, by grid, newest first."""
    behind = feature.rows(held.read_by(feature), at)
    row, adds = behind[_ROW].to_numpy(), behind["adds"].to_numpy()
    newest = np.argsort(-held.occurred[row], kind="stable")
    grid, enters, event = _joined(_entering(feature, history, values.index), held.grid[row[newest]])
    row, adds = row[newest][event], adds[newest][event] * enters
    if feature.scaled and len(adds):
        total = np.bincount(grid, weights=np.nan_to_num(adds))[grid]
        adds = adds * (values.reindex(grid).to_numpy() / np.maximum(total, 1e-12))
    order = np.lexsort((-held.occurred[row], grid))
    entered = _once(pd.DataFrame({"grid": grid[order], _ROW: row[order], "adds": adds[order]}))
    return entered[entered.groupby("grid", sort=False).cumcount() < MOST_EVENTS]


def _once(entered: pd.DataFrame) -> pd.DataFrame:
    """An event of two streams of one feature counts in both: one row with what it adds in all."""
    key = ["grid", _ROW]
    if not entered.duplicated(key).any():
        return entered
    total = entered.groupby(key, sort=False)["adds"].transform("sum", min_count=1)
    return entered.assign(adds=total).drop_duplicates(key)


def _entering(feature: Feature, history: History, grids: pd.Index) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers of grids, of the grids whose events enter their values, and by which weight."""
    number = grids.to_numpy(dtype=np.int64)
    if not feature.around:
        return number, number, np.ones(len(number))
    weights = sparse.vstack([feature.weights(history, int(row)) for row in number]).tocoo()
    return number[weights.row], weights.col.astype(np.int64), weights.data


def _joined(
    entering: tuple[np.ndarray, np.ndarray, np.ndarray], lies_in: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each grid with each event that enters it: grid, weight and number of the event, of which `lies_in` says the grid."""
    grid, source, weight = entering
    by_grid = np.argsort(lies_in, kind="stable")
    first = np.searchsorted(lies_in[by_grid], source, side="left")
    n = np.searchsorted(lies_in[by_grid], source, side="right") - first
    event = np.arange(n.sum()) - np.repeat(np.cumsum(n) - n - first, n)
    return np.repeat(grid, n), np.repeat(weight, n), by_grid[event]


def _entered(asked: Sequence[Mapping[Feature, pd.Series]], history: History) -> np.ndarray:
    """(n_grids,) whether the events of each grid enter any number that was asked for."""
    entered = np.zeros(len(history.grids), dtype=bool)
    for one in asked:
        for feature, values in one.items():
            entered[_entering(feature, history, values.index)[1]] = True
    return entered


def _table(found: pd.DataFrame, models: Sequence[RiskModel], events: pd.DataFrame, history: History) -> pd.DataFrame:
    """What was found, in the order of the table, with the columns of the events."""
    ids = history.grids["grid_id"].astype("str").to_numpy(dtype=object)
    rank = np.empty(len(ids), np.int64)
    rank[np.argsort(ids, kind="stable")] = np.arange(len(ids))
    codes, names = pd.factorize(found["feature"], sort=True)
    grid, model = found["grid"].to_numpy(), found["model"].to_numpy()
    order = np.lexsort((codes, rank[grid], model))
    targets = np.array([m.label.name for m in models], dtype=object)
    shown = events.iloc[found[_ROW].to_numpy()[order]].rename(columns={"grid_id": "event_grid_id"})
    return shown.reset_index(drop=True).assign(
        grid_id=pd.array(ids[grid[order]], dtype="str"),
        target=pd.array(targets[model[order]], dtype="str"),
        feature=pd.array(np.asarray(names, dtype=object)[codes[order]], dtype="str"),
        adds=found["adds"].to_numpy()[order],
    )
