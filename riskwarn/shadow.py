"""The challenger in the shadow: scored every night on the champion's own panel, compared with it, and never shown as the list.

A night keeps what both would have listed until the outcomes are settled, and hands it on to the next; then it is told how many of the listed
places had events, by each.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from riskwarn import tracking
from riskwarn.answer import Answer
from riskwarn.calling import checked
from riskwarn.errors import DataError, NotFoundError, RiskwarnError
from riskwarn.history import History
from riskwarn.label import Label
from riskwarn.metrics import rank_correlation
from riskwarn.model import RiskModel
from riskwarn.panel import panel_of
from riskwarn.scoring import score
from riskwarn.store import LEAST_KEPT, Store


@dataclass(frozen=True)
class Challengers:
    """The challengers kept for the questions of a night: `models` by target, and why another cannot be read, `unread`."""

    models: dict[str, RiskModel]
    unread: dict[str, str]


_NONE_MATURED = {"nights": 0, "listed": 0, "champion": 0, "challenger": 0}


@checked
def challengers_of(folder: str | Path, models: Mapping[str, RiskModel]) -> Challengers:
    """The challengers kept for the questions of a night.

    Parameters
    ----------
    folder
        Where bundles are kept.
    models
        What the night runs with, by target.

    Returns
    -------
    challengers
        Where one is kept that is another model than the night's. A challenger's fault is never the night's.
    """
    challengers: dict[str, RiskModel] = {}
    failed: dict[str, str] = {}
    for target, model in models.items():
        try:
            challenger = tracking.kept(folder, target, alias=tracking.CHALLENGER)
        except RiskwarnError as error:
            failed[target] = str(error)
            continue
        if challenger is not None and challenger.version != model.version:
            challengers[target] = challenger
    return Challengers(challengers, failed)


@checked
def of_night(
    store: Store,
    answers: Sequence[Answer],
    challengers: Challengers,
    history: History,
    *,
    capacity: int,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """How the challengers of a night compare, as it stands in its facts.

    Parameters
    ----------
    store
        Whose night before is read, if it is one that the run's name knows (:data:`riskwarn.store.LEAST_KEPT`).
    answers, challengers, history, capacity
        As for :func:`compared`.
    say
        Called with a line for each.

    Returns
    -------
    facts
        `shadow`, where there is a challenger; nothing where there is none.
    """
    if not challengers.models and not challengers.unread:
        return {}
    before: dict[str, Any] = {}
    with suppress(DataError, NotFoundError):
        at = pd.Timestamp(answers[0].panel["as_of"].iloc[0])
        nights = [night for night in store.nights() if at - pd.Timedelta(days=LEAST_KEPT - 1) <= night < at]
        before = store.facts(nights[-1]).get("shadow", {}) if nights else {}
    told = compared(answers, challengers.models, history, capacity=capacity, before=before)
    told |= {target: {"challenger": "", "failed": why} for target, why in challengers.unread.items()}
    for line in summary(told):
        say(line)
    return {"shadow": told}


@checked
def compared(
    answers: Sequence[Answer],
    challengers: Mapping[str, RiskModel],
    history: History,
    *,
    capacity: int,
    before: Mapping[str, Any],
) -> dict[str, Any]:
    """What each challenger would have said tonight, beside its champion, and how both did on nights whose outcomes are settled.

    Parameters
    ----------
    answers
        Of the night.
    challengers
        By target.
    history
        What was known.
    capacity
        How many places of each list are compared.
    before
        What this gave the night before; empty where it gave nothing.

    Returns
    -------
    shadow
        By target: versions, `rank_correlation` (Spearman), `overlap` (share of the first `k` that both have), `seconds`, `matured` (nights,
        places listed by each, and those of them that had events), and the lists `waiting` for their outcomes. ``failed`` where the
        challenger met an error.
    """
    shadow: dict[str, Any] = {}
    for answer in answers:
        challenger = challengers.get(answer.target)
        if challenger is None:
            continue
        try:
            shadow[answer.target] = _beside(answer, challenger, history, capacity, before.get(answer.target) or {})
        except Exception as error:  # noqa: BLE001 - whatever the challenger meets, the night goes on
            shadow[answer.target] = {"challenger": challenger.version, "failed": f"{type(error).__name__}: {error}"}
    return shadow


def _beside(
    answer: Answer, challenger: RiskModel, history: History, capacity: int, before: Mapping[str, Any]
) -> dict[str, Any]:
    started = time.perf_counter()
    asked = answer.scores.loc[answer.scores["state"] == "ok"].set_index("grid_id")
    rivals = _scores(answer, challenger, history, [*asked.index], capacity).loc[asked.index]
    k = min(capacity, len(asked))
    lists = [_first(scores, k) for scores in (asked, rivals)]
    versions = {"champion": answer.model.version, "challenger": challenger.version}
    same = all(before.get(who) == version for who, version in versions.items())
    at = pd.Timestamp(answer.panel["as_of"].iloc[0])
    tonight = {"as_of": at.isoformat(), **dict(zip(versions, lists, strict=True))}
    waiting = [night for night in (before.get("waiting") or [] if same else []) if night["as_of"] != tonight["as_of"]]
    waiting, matured = _ripened(waiting, answer.model.label, history, (before.get("matured") if same else None))
    return {
        **versions,
        "k": k,
        "rank_correlation": round(
            float(rank_correlation(-asked["rank"].astype(float), -rivals["rank"].astype(float))), 4
        ),
        "overlap": round(len(set(lists[0]) & set(lists[1])) / k, 4),
        "matured": matured,
        "waiting": [*waiting, tonight],
        "seconds": round(time.perf_counter() - started, 2),
    }


def _scores(
    answer: Answer, challenger: RiskModel, history: History, grid_ids: Sequence[str], capacity: int
) -> pd.DataFrame:
    """The challenger's scores of the places that were asked for, from the champion's panel where that has the very same features."""
    features_of_champion = {feature.name: feature for feature in answer.model.features}
    is_there = all(features_of_champion.get(feature.name) == feature for feature in challenger.features)
    at = answer.panel["as_of"].iloc[0]
    panel = answer.panel if is_there else panel_of(history, challenger.features, [at])
    rows = panel[panel["grid_id"].astype("str").isin(list(grid_ids))]
    return score(challenger, rows, capacity=capacity).set_index("grid_id")


def _first(scores: pd.DataFrame, k: int) -> list[str]:
    return [str(grid) for grid in scores["rank"].astype(int).nsmallest(k).index]


def _ripened(
    waiting: Sequence[Mapping[str, Any]], label: Label, history: History, matured: Mapping[str, int] | None
) -> tuple[list[Mapping[str, Any]], dict[str, int]]:
    """The lists whose outcomes are not settled yet, and the tally with those that are."""
    tally = dict(matured or _NONE_MATURED)
    if not waiting:
        return [], tally
    outcomes = history.at([night["as_of"] for night in waiting]).each(label.outcome)
    grid_ids = [str(grid) for grid in history.grids["grid_id"]]
    left = []
    for night, column in zip(waiting, outcomes.T, strict=True):
        outcome = pd.Series(column, index=grid_ids)
        listed = {who: outcome.reindex(night[who]) for who in ("champion", "challenger")}
        if any(values.isna().any() for values in listed.values()):
            left.append(night)
            continue
        tally["nights"] += 1
        tally["listed"] += len(listed["champion"])
        for who, values in listed.items():
            tally[who] += int(np.count_nonzero(values > 0))
    return left, tally


@checked
def summary(shadow: Mapping[str, Any]) -> list[str]:
    """A line for each challenger.

    Parameters
    ----------
    shadow
        What :func:`compared` gave.

    Returns
    -------
    lines
        For the log of a night.

    Examples
    --------
    >>> summary({"calls_7d": {"challenger": "ab12", "failed": "DataError: no rows"}})
    ['challenger ab12 of calls_7d failed: DataError: no rows']
    """
    return [_line(target, told) for target, told in shadow.items()]


def _line(target: str, told: Mapping[str, Any]) -> str:
    if "failed" in told:
        return f"challenger {told.get('challenger', '')} of {target} failed: {told['failed']}".replace("  ", " ")
    matured = told["matured"]
    line = (
        f"challenger {told['challenger']} of {target}: rank correlation {told['rank_correlation']:.2f}, "
        f"{told['overlap']:.0%} of the first {told['k']} the same, {told['seconds']:.2f} s"
    )
    if not matured["nights"]:
        return line
    return f"{line}; over {matured['nights']} settled nights {matured['challenger']} of {matured['listed']} places hit, the champion {matured['champion']}"
