"""What if: the score of a grid after something that service can change, within what the model has seen.

Only the backlog can be changed: open and overdue cases can be closed, what has happened cannot be undone, and visits or silence
never lower a score. The answer is what the model would say, not what would happen.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.errors import DataError, did_you_mean
from riskwarn.explanation.sentences import clause_of
from riskwarn.feature import Clause, Feature
from riskwarn.language import LANGUAGES, Spoken, in_every_language, listed, phrase
from riskwarn.model import RiskModel

CAVEAT = phrase(
    "This is what the model would say by past patterns, not a promise: whether closing helps has to be checked afterwards. Use it to plan work only."
)
"""Stands beside every answer."""


@dataclass(frozen=True)
class WhatIf:
    """The score of one grid as it is and as it would be, all other grids unchanged.

    Attributes
    ----------
    grid_id
        The grid.
    changed
        Feature, and its value before and after.
    rank_before, rank
        Among all grids; 1 is the riskiest.
    expected_before, expected
        Count in the horizon.
    action
        What would be done, in words.
    """

    grid_id: str
    changed: dict[str, tuple[float, float]]
    rank_before: int
    rank: int
    expected_before: float
    expected: float
    action: Spoken

    def sentence(self, language: str) -> str:
        """The answer in a sentence; the caveat is apart (:data:`CAVEAT`)."""
        numbers = {
            "before": self.rank_before,
            "now": self.rank,
            "was": f"{self.expected_before:.2f}",
            "is": f"{self.expected:.2f}",
        }
        moved = "same" if self.rank == self.rank_before else "down" if self.rank > self.rank_before else "up"
        return _capital(phrase("{action}{moved}", action=self.action, moved=_MOVES[moved].filled(**numbers))[language])

    def to_dict(self) -> dict[str, object]:
        """Plain values, with sentences and caveat in every language."""
        return {
            "grid_id": self.grid_id,
            "changed": {n: {"before": b, "after": a} for n, (b, a) in self.changed.items()},
            "rank_before": self.rank_before,
            "rank": self.rank,
            "expected_before": self.expected_before,
            "expected": self.expected,
            **{language: self.sentence(language) for language in LANGUAGES},
            "caveat": in_every_language(CAVEAT),
        }


_MOVES = {
    "down": phrase(" moves this grid from rank {before} down to {now} (expected count {was} to {is})"),
    "up": phrase(
        " moves this grid from rank {before} up to {now}, against what one would expect (expected count {was} to {is})"
    ),
    "same": phrase(" leaves this grid at rank {now} (expected count {was} to {is})"),
}


@checked
def actionable(model: RiskModel) -> list[str]:
    """Names of the features that service can change: open and overdue cases of the grid itself, and what else says so.

    Parameters
    ----------
    model
        A fitted model.

    Returns
    -------
    names
        In the order of the model's features.

    Examples
    --------
    >>> from riskwarn.feature import Count, Open
    >>> from riskwarn.label import Label
    >>> model = RiskModel((Open("dispute"), Count("dispute", days=28)), Label("dispute_7d", ("dispute",), days=7))
    >>> actionable(model)
    ['dispute_open_n']
    """
    return [f.name for f in model.features if f.actionable]


@checked
def seen_ranges(model: RiskModel) -> dict[str, tuple[float, float]]:
    """Least and greatest value of each feature the model was trained on; features that never varied are left out."""
    return {name: (low, high) for name, (low, high) in model.facts.get("ranges", {}).items() if low < high}


@checked
def what_if(
    model: RiskModel,
    night: pd.DataFrame,
    grid_id: str,
    values: Mapping[str, float],
    *,
    margins: np.ndarray | None = None,
) -> WhatIf:
    """The score of a grid if some of its actionable features had other values.

    Parameters
    ----------
    model
        A fitted model.
    night
        Panel of one night, all grids.
    grid_id
        The grid.
    values
        New values by feature. Closing overdue cases closes open ones: where overdue cases of a feed are changed, its open cases
        change by as many unless they are given too.
    margins
        What ``model.margin(night)`` gave, where it is at hand; then only the one grid is computed.

    Raises
    ------
    DataError
        Unknown grid; a feature that is not actionable; a value outside what the model has seen, not a whole number, or one that
        leaves more overdue cases than open ones.
    """
    row = _row(night, grid_id)
    wanted = _complete(model, row, values)
    _check(model, row, wanted)
    changed = row.assign(**{name: np.float32(value) for name, value in wanted.items()})
    margins, now = _margins(model, night, margins), float(model.margin(changed)[0])
    at = int(np.flatnonzero((night["grid_id"].astype("str") == grid_id).to_numpy())[0])
    return WhatIf(
        grid_id,
        {n: (float(row[n].iloc[0]), float(v)) for n, v in wanted.items()},
        _rank(margins, at, margins[at]),
        _rank(margins, at, now),
        float(np.exp(margins[at])),
        float(np.exp(now)),
        _action(model, row, wanted),
    )


@checked
def what_ifs(model: RiskModel, night: pd.DataFrame, grid_id: str, *, margins: np.ndarray | None = None) -> list[WhatIf]:
    """What can be done for a grid, the greatest fall first: closing its overdue cases, or all its open ones, feed by feed."""
    row, margins = _row(night, grid_id), _margins(model, night, margins)
    found = []
    for name in actionable(model):
        least = seen_ranges(model).get(name, (0.0, 0.0))[0]
        floor = max(least, 0.0, _n_of_part(model, row, name))
        if row[name].iloc[0] > floor:
            found.append(what_if(model, night, grid_id, {name: floor}, margins=margins))
    return sorted(found, key=lambda w: w.expected)


def _margins(model: RiskModel, night: pd.DataFrame, at_hand: np.ndarray | None) -> np.ndarray:
    return model.margin(night) if at_hand is None else at_hand


def _row(night: pd.DataFrame, grid_id: str) -> pd.DataFrame:
    ids = night["grid_id"].astype("str")
    if grid_id not in set(ids):
        raise DataError(f"no grid {grid_id!r} in the panel{did_you_mean(grid_id, list(ids))}.")
    return night[ids == grid_id]


def _feature(model: RiskModel, name: str) -> Feature:
    return next(f for f in model.features if f.name == name)


def _whole_of(model: RiskModel, name: str) -> str | None:
    """The feature that counts all of which this one counts a part, as open cases hold the overdue ones."""
    wholes = _feature(model, name).wholes
    return next((f.name for f in model.features if f.actionable and f.counts is not None and f.counts in wholes), None)


def _part_of(model: RiskModel, name: str) -> str | None:
    """The feature that counts a part of what this one counts."""
    counts = _feature(model, name).counts
    return next((f.name for f in model.features if f.actionable and counts is not None and counts in f.wholes), None)


def _n_of_part(model: RiskModel, row: pd.DataFrame, name: str) -> float:
    part = _part_of(model, name)
    return float(row[part].iloc[0]) if part else 0.0


def _complete(model: RiskModel, row: pd.DataFrame, values: Mapping[str, float]) -> dict[str, float]:
    """With the open cases that close as overdue ones do."""
    allowed = actionable(model)
    for name in values:
        if name not in model.feature_names:
            raise DataError(f"the model has no feature {name!r}{did_you_mean(name, allowed)}.")
        if name not in allowed:
            raise DataError(
                f"{name!r} cannot be changed by service: what happened stays. Changeable: {', '.join(allowed) or 'none'}."
            )
    complete = {name: float(value) for name, value in values.items()}
    for name, value in values.items():
        whole = _whole_of(model, name)
        if whole and whole not in complete:
            complete[whole] = float(row[whole].iloc[0]) - (float(row[name].iloc[0]) - value)
    return complete


def _check(model: RiskModel, row: pd.DataFrame, wanted: Mapping[str, float]) -> None:
    ranges = seen_ranges(model)
    for name, value in wanted.items():
        low, high = ranges.get(name, (float(row[name].iloc[0]),) * 2)
        if not low <= value <= high:
            raise DataError(
                f"{name} = {value:g} lies outside what the model has seen, {low:g} to {high:g}; its answer would be a guess."
            )
        if _feature(model, name).unit == "count" and value != round(value):
            raise DataError(f"{name} counts cases: wanted a whole number, got {value:g}.")
        late = _part_of(model, name)
        if late and value < wanted.get(late, float(row[late].iloc[0])):
            raise DataError(f"{name} = {value:g} leaves fewer open cases than overdue ones; give {late} too.")


def _rank(margins: np.ndarray, at: int, margin: float) -> int:
    others = np.delete(margins, at)
    return 1 + int((others > margin).sum()) + int((others[:at] == margin).sum())


def _action(model: RiskModel, row: pd.DataFrame, wanted: Mapping[str, float]) -> Spoken:
    """What is done, in words; open cases that close with overdue ones are not said twice."""
    done: list[tuple[Clause, int, bool]] = []
    for name, value in wanted.items():
        part = _part_of(model, name)
        n = round(float(row[name].iloc[0]) - value)
        if part in wanted and n == round(float(row[part].iloc[0]) - wanted[str(part)]):
            continue
        some_late = part not in wanted and _n_of_part(model, row, name) > 0
        done.append((_feature(model, name).clause, n, some_late))
    return _done(done)


def _done(parts: Iterable[tuple[Clause, int, bool]]) -> Spoken:
    """What is done in words: of each feature its clause, how many of its cases are closed, and whether overdue ones stay."""
    acts = [_closing(n, clause, some_late=some_late) for clause, n, some_late in parts if n]
    if not acts:
        return phrase("Leaving all as it is")
    return phrase("{acts}", context="what if", acts=listed(acts, "kinds"))


def _closing(n: int, clause: Clause, *, some_late: bool) -> Spoken:
    """Closing the very cases that are there, or adding so many more."""
    noun = clause.handled or clause.noun
    words = noun.words
    if some_late and clause.rest:
        words = phrase(
            "{noun} that is {rest}", plural="{noun} that are {rest}", context="noun", noun=words, rest=clause.rest
        )
    if n > 0:
        act = phrase("closing the {noun}", plural="closing the {n} {noun}", noun=words, measure=noun.measure)
    else:
        act = phrase("adding one more {noun}", plural="adding {n} more {noun}", noun=words, measure=noun.measure)
    return act.counted(abs(n))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


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
    margins = _margins(model, night, margins)
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
    found = []
    for name in [f.name for f in model.features if f.actionable and f.unit == "count"]:
        overdue, opened = _part_of(model, name), _whole_of(model, name)
        if name in ranges:
            found.append(_one_kind(night, name, ranges[name][0], overdue, opened))
        if name in ranges and opened in ranges:
            found.append(_everything(night, name, str(opened), (ranges[name][0], ranges[str(opened)][0])))
    return [closings[_seen(closings, ranges)] for closings in found]


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
            "expected_before": np.exp(margins[rows]),
            "expected": np.exp(now),
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
        _done(parts),
    )
