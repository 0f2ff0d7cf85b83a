"""What becomes of the list where some places report less than others: the reports of a group are thinned, and its places on the list counted."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
import pandas as pd

from riskwarn.audit.evidence import FAILED, INSUFFICIENT, PASSED
from riskwarn.audit.listed import Apart, Lists, Places, grids_at, nights_of
from riskwarn.calling import checked
from riskwarn.experiment import Experiment
from riskwarn.history import History
from riskwarn.history.altering import thinned
from riskwarn.model import RiskModel
from riskwarn.store import Store

HALF = "half"
"""A group that every city has: half of its grids, in each draw others."""
SHARE, DRAWS, LEAST_PLACES, MOST_GROUPS = 0.5, 5, 5, 12
"""Of a group's reports every second is missing, in so many draws; a group with fewer places on the list is not judged; of a column's groups the largest are asked."""
_Member = Callable[[int], np.ndarray]
"""From the number of a draw to which grids are of a group."""


@checked
def under_reporting(
    model: RiskModel, records: Store | History | Apart, experiment: Experiment, *, as_of: object
) -> pd.DataFrame:
    """How many of its places on the list a group of grids keeps when every second of its reports is missing, and how many by the count.

    Nobody knows what was never reported [1]_. What can be known is how much the list hangs on it: the group's records are thinned by half, in
    all feeds and at all times, the model scores the night anew, and the rest of the city stays as it is. Every list made from reports loses such
    places; one that loses clearly more than the past year's count would makes under-reporting worse, and fails.

    Parameters
    ----------
    model
        Fitted.
    records
        The city's; or what makes lists of them where they are not at hand.
    experiment
        Says the list (the first of its `shares`), the groups (its `slices`, as far as the grids tell them) and the tolerance. Half of the grids,
        others in each draw, are a group of every city.
    as_of
        The night asked about.

    Returns
    -------
    under_reporting
        One row a column and group: `by`, `group`, `n_grids`, `listed` places of the group, `kept` share of them over the draws, `count_kept` by
        the count of the past year, `verdict`: failed if `kept` is less than tolerance times `count_kept` by more than two standard errors of the
        draws, ``insufficient_evidence`` with fewer than five places or where only the estimate is less.

    Raises
    ------
    StaleDataError, DataError
        As :func:`riskwarn.build_panel`.

    References
    ----------
    .. [1] Akpinar, De-Arteaga & Chouldechova (2021), FAccT, 838-849; Liu, Bhandaram & Garg (2023), Nature Computational Science 4, 57-65.
    """
    apart = records if isinstance(records, Apart) else _AtHand(records)
    with apart.lists(model, as_of, experiment.judge.shares[0]) as lists:
        whole = lists.whole()
        asked = _groups(lists.grids, experiment.gate.slices)
        return pd.DataFrame(
            [
                {"by": by, "group": group, "n_grids": int(member(0).sum())}
                | _judged(lists, whole, member, experiment.gate.tolerance)
                for by, group, member in asked
            ]
        )


def _groups(grids: pd.DataFrame, columns: tuple[str, ...]) -> Iterator[tuple[str, str, _Member]]:
    """Column, group and which grids are of it: the largest groups of each column that says something, then half of the city."""
    for by in columns:
        told = grids[by].astype("str").where(grids[by].notna()) if by in grids else pd.Series(dtype="str")
        for group in told.value_counts().index[:MOST_GROUPS]:
            yield by, str(group), _always((told == group).to_numpy())
    yield HALF, HALF, lambda draw: np.random.default_rng(draw).permutation(len(grids)) < len(grids) // 2


def _always(member: np.ndarray) -> _Member:
    return lambda _: member


class _AtHand(Apart):
    """Records that are loaded whole."""

    def __init__(self, records: Store | History) -> None:
        self._records = records

    def lists(self, model: RiskModel, as_of: object, share: float) -> AbstractContextManager[Lists]:
        """Made from the history in memory."""
        history = self._records if isinstance(self._records, History) else History.load(self._records)
        return nullcontext(_OfHistory(history.grids, share, model, history, as_of))


@dataclass(frozen=True, eq=False)
class _OfHistory(Lists):
    """The lists of a history."""

    model: RiskModel
    history: History
    as_of: object

    def whole(self) -> Places:
        """By all records."""
        return self._places(self.history)

    def thinned(self, members: Sequence[np.ndarray], share: float) -> list[Places]:
        """By fewer records, a night anew each time."""
        return [
            self._places(thinned(self.history, member, share=share, seed=seed)) for seed, member in enumerate(members)
        ]

    def _places(self, history: History) -> Places:
        scores = nights_of(self.model, history, self.as_of)
        return {by: grids_at(of.to_numpy(dtype=float), self.n) for by, of in scores.items()}


def _judged(lists: Lists, whole: Places, member: _Member, tolerance: float) -> dict[str, object]:
    """What a group keeps, by model and by count, and the verdict on it."""
    draws = [member(draw) for draw in range(DRAWS)]
    held = {by: [int(of[rows].sum()) for of in draws] for by, rows in whole.items()}
    asked = min(int(np.any(draws, axis=0)[rows].sum()) for rows in whole.values())
    row: dict[str, object] = {"listed": float(np.mean(held["model"]))}
    if asked < LEAST_PLACES or min(map(min, held.values())) == 0:
        return row | {"kept": np.nan, "count_kept": np.nan, "verdict": INSUFFICIENT}
    after = lists.thinned(draws, SHARE)
    kept, count = (
        np.array([of[now[by]].sum() / n for of, now, n in zip(draws, after, held[by], strict=True)])
        for by in ("model", "count")
    )
    return row | {"kept": kept.mean(), "count_kept": count.mean(), "verdict": _verdict(kept - tolerance * count)}


def _verdict(over: np.ndarray) -> str:
    """Of what is kept beyond the tolerance, by draw."""
    if over.mean() >= 0:
        return PASSED
    return FAILED if over.mean() + 2 * over.std(ddof=1) / np.sqrt(len(over)) < 0 else INSUFFICIENT
