"""The closings of a night: what can be done for every grid, worked out at once and kept as a table that a page reads without the model.

The answers are those that :func:`riskwarn.explanation.what_if` gives grid by grid.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.explanation.sentences import clause_of
from riskwarn.explanation.whatif import WhatIf, action_of, margins_of, part_of, seen_ranges, whole_of
from riskwarn.model import RiskModel

MOST_CLOSED = 20
"""A night works out the closing of one, two, and so on up to so many cases of a kind, and of all of them."""
_COLUMNS = (
    "grid_id",
    "as_of",
    "target",
    "place",
    "feature",
    "before",
    "after",
    "follows",
    "n_overdue_left",
    "suggested",
    "rank_before",
    "rank",
    "expected_before",
    "expected",
)


@dataclass(frozen=True, eq=False)
class _Closings:
    """Changes of one kind, one grid each: closing overdue cases of a feed, or open ones that are not overdue, or all of both.

    Parameters
    ----------
    rows
        (n,) Places of the grids in the panel; a grid comes once for each number of cases closed.
    after
        By feature: (n,) its value after the change.
    follows
        The feature of `after` that changes only because another does; empty where there is none.
    n_overdue_left
        (n,) Overdue cases that stay while others are closed; NaN where overdue cases are what is closed.
    suggested
        (n,) Whether all is closed that can be.
    """

    rows: np.ndarray
    after: dict[str, np.ndarray]
    follows: str
    n_overdue_left: np.ndarray
    suggested: np.ndarray

    def __getitem__(self, mask: np.ndarray) -> "_Closings":
        """Some of the changes."""
        after = {name: values[mask] for name, values in self.after.items()}
        return _Closings(self.rows[mask], after, self.follows, self.n_overdue_left[mask], self.suggested[mask])


@checked
def what_if_table(model: RiskModel, night: pd.DataFrame, *, margins: np.ndarray | None = None) -> pd.DataFrame:
    """What can be done for every grid of a night, worked out at once: table `what_ifs`, which a page reads without the model.

    Parameters
    ----------
    model
        A fitted model.
    night
        Panel of one night, all grids.
    margins
        (n_grids,) What ``model.margin(night)`` gave, where it is at hand.

    Returns
    -------
    what_ifs
        One row a grid, change and feature; grids with nothing open have none. A change closes overdue cases, or open ones that are
        not overdue: one case, two, up to :data:`MOST_CLOSED`, and all; or everything of a feed. Changes beyond what the model has
        seen are left out, as :func:`what_if` refuses them.
    """
    margins = margins_of(model, night, margins)
    worked_out = [
        _worked_out(model, night, margins, closings).assign(kind=number)
        for number, closings in enumerate(_closings_of(model, night))
    ]
    if not worked_out:
        return pd.DataFrame(columns=list(_COLUMNS))
    table = pd.concat(worked_out, ignore_index=True)
    table = table.sort_values(["row", "expected", "kind", "step"], kind="stable", ignore_index=True)
    change = table[["row", "kind", "step"]]
    first = (change != change.shift()).any(axis=1)
    return table.assign(place=first.groupby(table["row"]).cumsum())[list(_COLUMNS)]


def _closings_of(model: RiskModel, night: pd.DataFrame) -> list[_Closings]:
    ranges = seen_ranges(model)
    kinds = []
    for name in [f.name for f in model.features if f.actionable and f.unit == "count"]:
        overdue, opened = part_of(model, name), whole_of(model, name)
        if name in ranges:
            kinds.append(_one_kind(night, name, ranges[name][0], overdue, opened))
        if name in ranges and opened in ranges:
            kinds.append(_everything(night, name, str(opened), (ranges[name][0], ranges[str(opened)][0])))
    return [closings[_seen(closings, ranges)] for closings in kinds]


def _one_kind(night: pd.DataFrame, name: str, least: float, overdue: str | None, opened: str | None) -> _Closings:
    """Closing one case, two, and so on, of one feature."""
    value = _values(night, name)
    n_overdue = _values(night, overdue) if overdue else np.zeros(len(night))
    floor = np.ceil(np.maximum(max(least, 0.0), n_overdue))
    rows, after = _steps(value, floor)
    changed = {name: after}
    if opened:
        changed[opened] = _values(night, opened)[rows] - (value[rows] - after)
    left = np.full(len(rows), np.nan) if opened else n_overdue[rows]
    return _Closings(rows, changed, opened or "", left, after == floor[rows])


def _everything(night: pd.DataFrame, overdue: str, opened: str, least: tuple[float, float]) -> _Closings:
    """Closing all cases of a feed, where some are overdue and some are not."""
    late, every = _values(night, overdue), _values(night, opened)
    rows = np.flatnonzero((late > least[0]) & (every > late))
    after = {overdue: np.full(len(rows), max(least[0], 0.0)), opened: np.full(len(rows), max(*least, 0.0))}
    return _Closings(rows, after, "", np.full(len(rows), np.nan), np.zeros(len(rows), dtype=bool))


def _values(night: pd.DataFrame, name: str) -> np.ndarray:
    return night[name].to_numpy(dtype=np.float64)


def _steps(value: np.ndarray, floor: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every whole number from `floor` up to one case less than `value`, at most :data:`MOST_CLOSED` of them and the floor; and whose."""
    n = np.nan_to_num(np.maximum(np.ceil(value - floor - 0.5), 0)).astype(np.int64)
    taken = np.minimum(n, MOST_CLOSED + 1)
    rows = np.repeat(np.arange(len(value)), taken)
    number = np.arange(taken.sum()) - np.repeat(np.cumsum(taken) - taken, taken)
    return rows, floor[rows] + np.where(number == 0, 0, (n - taken)[rows] + number)


def _seen(closings: _Closings, ranges: Mapping[str, tuple[float, float]]) -> np.ndarray:
    """(n,) Which changes leave whole numbers within what the model has seen."""
    mask = np.ones(len(closings.rows), dtype=bool)
    for name, after in closings.after.items():
        low, high = ranges.get(name, (np.inf, -np.inf))
        mask &= (after >= low) & (after <= high) & (after == np.round(after))
    return mask


def _worked_out(model: RiskModel, night: pd.DataFrame, margins: np.ndarray, closings: _Closings) -> pd.DataFrame:
    """The changes with where the grid would stand, one row a change and feature."""
    rows = closings.rows
    changed = night.iloc[rows].assign(**{n: after.astype(np.float32) for n, after in closings.after.items()})
    now = model.margin(changed) if len(rows) else np.zeros(0)
    change = pd.DataFrame(
        {
            "grid_id": night["grid_id"].astype("str").to_numpy()[rows],
            "as_of": night["as_of"].iloc[rows].array,
            "target": model.label.name,
            "row": rows,
            "step": np.arange(len(rows)),
            "n_overdue_left": np.round(closings.n_overdue_left),
            "suggested": closings.suggested,
            "rank_before": _ranks(margins, rows, margins[rows]),
            "rank": _ranks(margins, rows, now),
            "expected_before": model.calibration.of_rate(margins[rows]),
            "expected": model.calibration.of_rate(now),
        }
    )
    return pd.concat(
        [
            change.assign(
                feature=name, before=_values(night, name)[rows], after=after, follows=name == closings.follows
            )
            for name, after in closings.after.items()
        ]
    )


def _ranks(margins: np.ndarray, rows: np.ndarray, now: np.ndarray) -> np.ndarray:
    """(n,) Rank of each of `rows` among all grids if its margin were `now`; ties in the order of the grids."""
    order = np.sort(margins)
    above = len(order) - np.searchsorted(order, now, side="right") - (margins[rows] > now)
    tied = np.flatnonzero(np.searchsorted(order, now, side="left") < np.searchsorted(order, now, side="right"))
    before = np.zeros(len(rows), dtype=np.int64)
    before[tied] = [(margins[: rows[i]] == now[i]).sum() for i in tied]
    return np.asarray(1 + above + before)


@checked
def read_what_ifs(table: pd.DataFrame, features: Mapping[str, Mapping[str, Any]]) -> list[WhatIf]:
    """The answers that rows of table `what_ifs` hold, in their order.

    Parameters
    ----------
    table
        Rows of one night.
    features
        What :func:`words_of_features` gave for the model that made them; a night keeps it among its facts.

    Returns
    -------
    answers
        One a grid and place.
    """
    return [_read(change, features) for _, change in table.groupby(["grid_id", "place"], sort=False)]


def _read(change: pd.DataFrame, features: Mapping[str, Mapping[str, Any]]) -> WhatIf:
    first = change.iloc[0]
    parts = [
        (clause_of(features[row.feature]), round(row.before - row.after), bool(row.n_overdue_left > 0))
        for row in change.fillna({"n_overdue_left": 0}).itertuples()
        if not row.follows and row.feature in features
    ]
    return WhatIf(
        str(first["grid_id"]),
        {row.feature: (float(row.before), float(row.after)) for row in change.itertuples()},
        int(first["rank_before"]),
        int(first["rank"]),
        float(first["expected_before"]),
        float(first["expected"]),
        action_of(parts),
    )
