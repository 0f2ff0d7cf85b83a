"""The answers of a night: each question's model, its scores, and why; all of them from one panel.

The panel holds the union of the features of all models, each computed once. What fails in one question fails in that question alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from riskwarn import tracking
from riskwarn.calling import checked
from riskwarn.errors import EngineError, NotFoundError
from riskwarn.explanation import events_behind, pick_reasons, what_if_table
from riskwarn.feature import Feature
from riskwarn.history import History
from riskwarn.level import level_of
from riskwarn.model import RiskModel
from riskwarn.panel import NORMAL, night_panels
from riskwarn.plan import Plan, Question
from riskwarn.scoring import score
from riskwarn.store import Store


@dataclass(frozen=True, eq=False)
class Answer:
    """What one question was answered: its `model`, the night's `panel` with its features and others, its `scores`."""

    question: Question
    model: RiskModel
    panel: pd.DataFrame
    scores: pd.DataFrame

    @property
    def target(self) -> str:
        """Name of its label."""
        return self.question.target


@checked
def model_of(
    store: Store, target: str, *, alias: str = tracking.CHAMPION, tracking_folder: str | Path | None = None
) -> RiskModel:
    """The registered model of a store.

    Parameters
    ----------
    store
        The city.
    target
        Name of the label.
    alias
        ``champion`` or ``candidate``.
    tracking_folder
        Where MLflow's file lies; the store's folder by default.

    Returns
    -------
    model
        Fitted.

    Raises
    ------
    NotFoundError
        Nothing was trained, or no version holds the alias.
    """
    folder = tracking_folder or store.path
    registered = tracking.kept(folder, target, alias=alias)
    if registered is not None:
        return registered
    uri = tracking.default_uri(folder)
    file = tracking.sqlite_file(uri)
    if file is not None and not file.exists():
        raise NotFoundError(
            f"no model {target!r} @{alias} in {folder}: train one with `riskwarn train`, then `riskwarn promote`."
        )
    return tracking.fetch(target, uri=uri, alias=alias)


@checked
def answers(
    history: History, plan: Plan, models: dict[str, RiskModel], as_of: object, *, capacity: int
) -> tuple[list[Answer], dict[str, str]]:
    """The scores of every question, from one panel.

    Parameters
    ----------
    history
        What was known.
    plan
        The questions.
    models
        By target, those there are.
    as_of
        The night.
    capacity
        Grids that can be attended to.

    Returns
    -------
    answers, failed
        In the order of the plan; by target why a question was not answered.

    Raises
    ------
    RiskwarnError
        No question was answered: what the first one met.
    """
    answered: list[Answer] = []
    failed: dict[str, str] = {}
    errors = []
    asked = [question for question in plan.questions if question.target in models]
    for members, panel in _panels(history, [models[q.target] for q in asked], as_of):
        for question in [q for q in asked if models[q.target] in members]:
            model = models[question.target]
            try:
                arises = history.at([as_of]).each(model.label.arises)[:, 0]
                scores = score(model, panel, capacity=capacity, asked=None if arises.all() else arises)
                answered.append(Answer(question, model, panel, scores))
            except EngineError:
                raise  # the fault of no question
            except Exception as error:  # noqa: BLE001 - whatever one model meets, the others answer
                failed[question.target] = f"{type(error).__name__}: {error}"
                errors.append(error)
    if not answered:
        raise errors[0]
    return sorted(answered, key=lambda answer: plan.targets.index(answer.target)), failed


def _panels(
    history: History, models: Sequence[RiskModel], as_of: object
) -> Iterator[tuple[list[RiskModel], pd.DataFrame]]:
    """The panel of all models; several where features of one name are defined in several ways, each feature computed once."""
    left, members, unions = list(models), [], []
    while left:
        union: dict[str, Feature] = {}
        together = []
        for model in left:
            features_of_model = {feature.name: feature for feature in model.features}
            if all(union.get(name, feature) == feature for name, feature in features_of_model.items()):
                union |= features_of_model
                together.append(model)
        left = [model for model in left if model not in together]
        members.append(together)
        unions.append(tuple(union.values()))
    yield from zip(members, night_panels(history, unions, as_of), strict=True)


@checked
def reasons_of(answer: Answer, history: History, grid_ids: Sequence[str] | None) -> pd.DataFrame:
    """Why grids have their scores.

    Parameters
    ----------
    answer
        Of one question.
    history
        What was known.
    grid_ids
        Grids asked for; all that have a score by default.

    Returns
    -------
    reasons
        As :func:`riskwarn.explain`, without the sentences.
    """
    scored = answer.scores.loc[answer.scores["state"] == "ok", "grid_id"]
    wanted = scored if grid_ids is None else scored[scored.isin(list(grid_ids))]
    names = answer.model.feature_names
    columns = ["grid_id", "as_of", *names, *(NORMAL.format(feature=name) for name in names)]
    rows = answer.panel.loc[answer.panel["grid_id"].astype("str").isin(wanted), columns]
    return pick_reasons(answer.model, rows, history=history)


@checked
def levelled(answer: Answer) -> list[str]:
    """The grids of an answer that reach a level.

    Parameters
    ----------
    answer
        Of one question.

    Returns
    -------
    grid_ids
        The riskiest first.
    """
    return answer.scores.loc[level_of(answer.scores) != "", "grid_id"].tolist()


@checked
def beside(
    answered: Sequence[Answer], history: History, reasons: pd.DataFrame, at: pd.Timestamp
) -> dict[str, pd.DataFrame]:
    """What pages show beside the reasons: what-ifs, and the events behind each number.

    Parameters
    ----------
    answered
        Of all questions.
    history
        What was known.
    reasons
        Of all questions.
    at
        The night.

    Returns
    -------
    tables
        `what_ifs` and `events_behind`.
    """
    changes = [_what_ifs(answer).assign(as_of=at) for answer in answered]
    return {
        "what_ifs": pd.concat([table for table in changes if len(table)] or changes[:1], ignore_index=True),
        "events_behind": events_behind(history, [answer.model for answer in answered], reasons, at),
    }


def _what_ifs(answer: Answer) -> pd.DataFrame:
    scored = answer.scores.loc[answer.scores["rank"].notna(), "grid_id"]
    return what_if_table(answer.model, answer.panel[answer.panel["grid_id"].astype("str").isin(scored)])
