"""What if: the score of a grid after something that service can change, within what the model has seen.

Only the backlog can be changed: open and overdue cases can be closed, what has happened cannot be undone, and visits or silence
never lower a score. The answer is what the model would say, not what would happen.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.errors import DataError, did_you_mean
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
        """The answer in a sentence; the caveat is apart (:data:`CAVEAT`).

        Parameters
        ----------
        language
            ``zh``, ``en``, or another there is a catalogue of.

        Returns
        -------
        sentence
            What is done, and from which rank and expected count to which.
        """
        numbers = {
            "before": self.rank_before,
            "now": self.rank,
            "was": f"{self.expected_before:.2f}",
            "is": f"{self.expected:.2f}",
        }
        moved = "same" if self.rank == self.rank_before else "down" if self.rank > self.rank_before else "up"
        words = _MOVES if numbers["was"] != numbers["is"] else _MOVES_ALONE
        return _capital(phrase("{action}{moved}", action=self.action, moved=words[moved].filled(**numbers))[language])

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
_MOVES_ALONE = {
    "down": phrase(" moves this grid from rank {before} down to {now} (expected count still {is})"),
    "up": phrase(" moves this grid from rank {before} up to {now} (expected count still {is})"),
    "same": phrase(" leaves this grid at rank {now} (expected count still {is})"),
}
"""The same where the expected count, as it is told, stays."""


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
    """Least and greatest value of each feature the model was trained on; features that never varied are left out.

    Parameters
    ----------
    model
        A fitted model.

    Returns
    -------
    ranges
        (least, greatest) by name, in the unit of the feature, least below greatest.
    """
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

    Returns
    -------
    answer
        Ranks from 1, expected counts within the horizon.

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
    margins, now = margins_of(model, night, margins), float(model.margin(changed)[0])
    at = int(np.flatnonzero((night["grid_id"].astype("str") == grid_id).to_numpy())[0])
    was, then = model.calibration.of_rate(np.array([margins[at], now])).tolist()
    return WhatIf(
        grid_id,
        {n: (float(row[n].iloc[0]), float(v)) for n, v in wanted.items()},
        _rank(margins, at, margins[at]),
        _rank(margins, at, now),
        was,
        then,
        _action(model, row, wanted),
    )


@checked
def what_ifs(model: RiskModel, night: pd.DataFrame, grid_id: str, *, margins: np.ndarray | None = None) -> list[WhatIf]:
    """What can be done for a grid, the greatest fall first: closing its overdue cases, or all its open ones, feed by feed.

    Parameters
    ----------
    model
        A fitted model.
    night
        Panel of one night, all grids.
    grid_id
        The grid.
    margins
        (n_grids,) What ``model.margin(night)`` gave, where it is at hand.

    Returns
    -------
    answers
        By expected count, the least first; none where nothing is open.

    Raises
    ------
    DataError
        There is no such grid in the panel.
    """
    row, margins = _row(night, grid_id), margins_of(model, night, margins)
    answers = []
    for name in actionable(model):
        least = seen_ranges(model).get(name, (0.0, 0.0))[0]
        floor = max(least, 0.0, _n_of_part(model, row, name))
        if row[name].iloc[0] > floor:
            answers.append(what_if(model, night, grid_id, {name: floor}, margins=margins))
    return sorted(answers, key=lambda w: w.expected)


def margins_of(model: RiskModel, night: pd.DataFrame, at_hand: np.ndarray | None) -> np.ndarray:
    """(n_grids,) The margins that are at hand, else computed."""
    return model.margin(night) if at_hand is None else at_hand


def _row(night: pd.DataFrame, grid_id: str) -> pd.DataFrame:
    ids = night["grid_id"].astype("str")
    if grid_id not in set(ids):
        raise DataError(f"no grid {grid_id!r} in the panel{did_you_mean(grid_id, list(ids))}.")
    return night[ids == grid_id]


def _feature(model: RiskModel, name: str) -> Feature:
    return next(f for f in model.features if f.name == name)


def whole_of(model: RiskModel, name: str) -> str | None:
    """The feature that counts all of which this one counts a part, as open cases hold the overdue ones."""
    wholes = _feature(model, name).wholes
    return next((f.name for f in model.features if f.actionable and f.counts is not None and f.counts in wholes), None)


def part_of(model: RiskModel, name: str) -> str | None:
    """The feature that counts a part of what this one counts."""
    counts = _feature(model, name).counts
    return next((f.name for f in model.features if f.actionable and counts is not None and counts in f.wholes), None)


def _n_of_part(model: RiskModel, row: pd.DataFrame, name: str) -> float:
    part = part_of(model, name)
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
        whole = whole_of(model, name)
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
        late = part_of(model, name)
        if late and value < wanted.get(late, float(row[late].iloc[0])):
            raise DataError(f"{name} = {value:g} leaves fewer open cases than overdue ones; give {late} too.")


def _rank(margins: np.ndarray, at: int, margin: float) -> int:
    others = np.delete(margins, at)
    return 1 + int((others > margin).sum()) + int((others[:at] == margin).sum())


def _action(model: RiskModel, row: pd.DataFrame, wanted: Mapping[str, float]) -> Spoken:
    """What is done, in words; open cases that close with overdue ones are not said twice."""
    done: list[tuple[Clause, int, bool]] = []
    for name, value in wanted.items():
        part = part_of(model, name)
        n = round(float(row[name].iloc[0]) - value)
        if part in wanted and n == round(float(row[part].iloc[0]) - wanted[str(part)]):
            continue
        some_late = part not in wanted and _n_of_part(model, row, name) > 0
        done.append((_feature(model, name).clause, n, some_late))
    return action_of(done)


def action_of(parts: Iterable[tuple[Clause, int, bool]]) -> Spoken:
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
