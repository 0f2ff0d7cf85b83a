"""What if: the score of a grid after something that service can change, within what the model has seen.

Only the backlog can be changed: open and overdue cases can be closed, what has happened cannot be undone, and visits or silence
never lower a score. The answer is what the model would say, not what would happen.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from riskwarn.errors import DataError, did_you_mean
from riskwarn.explanation.saying import saying_of
from riskwarn.feature import Feature
from riskwarn.model import RiskModel
from riskwarn.taxonomy import Words

CAVEAT = Words(
    "这是模型按以往规律的估算，不是承诺：办结能否见效须由后续核实，只作安排工作的线索。",
    "This is what the model would say by past patterns, not a promise: whether closing helps has to be checked afterwards. Use it to plan work only.",
)
"""Stands beside every answer."""
_KINDS = frozenset({"Open", "Overdue"})


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
    action: Words

    def sentence(self, language: str) -> str:
        """The answer in a sentence; the caveat is apart (:data:`CAVEAT`)."""
        numbers = {
            "before": self.rank_before,
            "now": self.rank,
            "was": f"{self.expected_before:.2f}",
            "is": f"{self.expected:.2f}",
        }
        moved = "same" if self.rank == self.rank_before else "down" if self.rank > self.rank_before else "up"
        return self.action[language] + _MOVES[moved][language].format(**numbers)

    def to_dict(self) -> dict[str, object]:
        """Plain values, with sentences and caveat in both languages."""
        return {
            "grid_id": self.grid_id, "changed": {n: {"before": b, "after": a} for n, (b, a) in self.changed.items()},
            "rank_before": self.rank_before, "rank": self.rank, "expected_before": self.expected_before, "expected": self.expected,
            "zh": self.sentence("zh"), "en": self.sentence("en"), "caveat": {"zh": CAVEAT.zh, "en": CAVEAT.en},
        }  # fmt: skip


_MOVES = {
    "down": Words(
        "，该网格由第{before}位降至第{now}位（预期起数由{was}降为{is}）", " moves this grid from rank {before} down to {now} (expected count {was} to {is})"
    ),
    "up": Words(
        "，模型反而把该网格由第{before}位升至第{now}位（预期起数由{was}变为{is}）",
        " moves this grid from rank {before} up to {now}, against what one would expect (expected count {was} to {is})",
    ),
    "same": Words("，该网格位次不变，仍为第{now}位（预期起数由{was}变为{is}）", " leaves this grid at rank {now} (expected count {was} to {is})"),
}  # fmt: skip


def actionable(model: RiskModel) -> list[str]:
    """Names of the features that service can change: open and overdue cases of the grid itself."""
    return [f.name for f in model.features if _changeable(f)]


def seen_ranges(model: RiskModel) -> dict[str, tuple[float, float]]:
    """Least and greatest value of each feature the model was trained on; features that never varied are left out."""
    return {name: (low, high) for name, (low, high) in model.facts.get("ranges", {}).items() if low < high}


def what_if(
    model: RiskModel, night: pd.DataFrame, grid_id: str, values: Mapping[str, float], *, margins: np.ndarray | None = None
) -> WhatIf:  # fmt: skip
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
        grid_id, {n: (float(row[n].iloc[0]), float(v)) for n, v in wanted.items()}, _rank(margins, at, margins[at]), _rank(margins, at, now),
        float(np.exp(margins[at])), float(np.exp(now)), _action(model, row, wanted),
    )  # fmt: skip


def what_ifs(model: RiskModel, night: pd.DataFrame, grid_id: str, *, margins: np.ndarray | None = None) -> list[WhatIf]:
    """What can be done for a grid, the greatest fall first: closing its overdue cases, or all its open ones, feed by feed."""
    row, margins = _row(night, grid_id), _margins(model, night, margins)
    found = []
    for name in actionable(model):
        least = seen_ranges(model).get(name, (0.0, 0.0))[0]
        floor = (
            max(least, 0.0) if "Overdue" in _kind(model, name) else max(least, 0.0, _pair(model, row, name, "Overdue"))
        )
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


def _changeable(feature: Feature) -> bool:
    return type(feature).__name__ in _KINDS or bool(getattr(feature, "actionable", False))


def _kind(model: RiskModel, name: str) -> str:
    return type(next(f for f in model.features if f.name == name)).__name__


def _partner(model: RiskModel, name: str, kind: str) -> str | None:
    """The feature of the other kind on the same stream."""
    own = next(f for f in model.features if f.name == name)
    same = [
        f.name
        for f in model.features
        if type(f).__name__ == kind and getattr(f, "stream", None) == getattr(own, "stream", 0)
    ]
    return same[0] if same else None


def _pair(model: RiskModel, row: pd.DataFrame, name: str, kind: str) -> float:
    other = _partner(model, name, kind)
    return float(row[other].iloc[0]) if other else 0.0


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
    found = {name: float(value) for name, value in values.items()}
    for name, value in values.items():
        opened = _partner(model, name, "Open") if _kind(model, name) == "Overdue" else None
        if opened and opened not in found:
            found[opened] = float(row[opened].iloc[0]) - (float(row[name].iloc[0]) - value)
    return found


def _check(model: RiskModel, row: pd.DataFrame, wanted: Mapping[str, float]) -> None:
    ranges = seen_ranges(model)
    for name, value in wanted.items():
        low, high = ranges.get(name, (float(row[name].iloc[0]),) * 2)
        if not low <= value <= high:
            raise DataError(
                f"{name} = {value:g} lies outside what the model has seen, {low:g} to {high:g}; its answer would be a guess."
            )
        if value != round(value):
            raise DataError(f"{name} counts cases: wanted a whole number, got {value:g}.")
        late = _partner(model, name, "Overdue") if _kind(model, name) == "Open" else None
        if late and value < wanted.get(late, float(row[late].iloc[0])):
            raise DataError(f"{name} = {value:g} leaves fewer open cases than overdue ones; give {late} too.")


def _rank(margins: np.ndarray, at: int, margin: float) -> int:
    others = np.delete(margins, at)
    return 1 + int((others > margin).sum()) + int((others[:at] == margin).sum())


def _action(model: RiskModel, row: pd.DataFrame, wanted: Mapping[str, float]) -> Words:
    """What is done, in words; open cases that close with overdue ones are not said twice."""
    said: list[Words] = []
    for name, value in wanted.items():
        saying = saying_of(next(f for f in model.features if f.name == name))
        late = _partner(model, name, "Overdue") if _kind(model, name) == "Open" else None
        n = round(float(row[name].iloc[0]) - value)
        if late in wanted and n == round(float(row[late].iloc[0]) - wanted[str(late)]):
            continue
        if n and saying["kind"] == "standing":
            some_late = _kind(model, name) == "Open" and late not in wanted and _pair(model, row, name, "Overdue") > 0
            said.append(_closing(n, _not_late(saying) if some_late else saying))
    return (
        Words("若" + "、".join(w.zh for w in said), _capital(" and ".join(w.en for w in said)))
        if said
        else Words("若保持现状", "Leaving all as it is")
    )


def _closing(n: int, saying: Mapping[str, str]) -> Words:
    verb = Words("办结", "closing") if n > 0 else Words("新增", "adding")
    noun = saying["one" if abs(n) == 1 else "many"]
    return Words(
        f"{verb.zh}{abs(n)}件{saying['what_zh'].replace('未办结', '')}",
        f"{verb.en} {_how_many(n)}{noun}",
    )


def _not_late(saying: Mapping[str, str]) -> dict[str, str]:
    """The noun of open cases where others of them are overdue and stay."""
    return {
        **saying, "what_zh": f"未超期的{saying['what_zh'].replace('未办结', '')}",
        "one": f"{saying['one']} that is not overdue", "many": f"{saying['many']} that are not overdue",
    }  # fmt: skip


def _how_many(n: int) -> str:
    """Before the noun: the very cases that are there, or so many more."""
    if n > 0:
        return "the " if n == 1 else f"the {n} "
    return "one more " if n == -1 else f"{-n} more "


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
