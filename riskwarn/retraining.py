"""Training again: the same question of newer data, judged as ever, set beside the champion, and promoted only if one asks for it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from riskwarn import tracking
from riskwarn.audit import OWN
from riskwarn.backtesting import backtest
from riskwarn.calling import checked
from riskwarn.datasheet import lacking
from riskwarn.errors import DefinitionError, GateError, NotFoundError
from riskwarn.experiment import Experiment
from riskwarn.holds import promote as promote_unheld
from riskwarn.language import SOURCE_LANGUAGE
from riskwarn.model import RiskModel
from riskwarn.plan import Plan
from riskwarn.store import Store
from riskwarn.training import described_panel, train
from riskwarn.working import declared_plan


@dataclass(frozen=True, eq=False)
class Retraining:
    """What training again gave.

    Attributes
    ----------
    model
        The new one.
    before
        The champion it is compared with, as it was; none where there was none.
    alias
        Under which the new one is kept.
    done_before
        The same question of the same data was trained and kept with its papers under that alias before; nothing was computed again.
    promoted
        The version that is champion now because of this; empty where none is.
    kept_back
        Why it was not promoted though that was asked.
    """

    model: RiskModel
    before: RiskModel | None
    alias: str
    done_before: bool
    promoted: str
    kept_back: str

    @property
    def target(self) -> str:
        """Name of the label."""
        return self.model.label.name

    @property
    def figures(self) -> pd.DataFrame:
        """A row a metric of the backtests: `champion` and `new`, each over its own test dates."""
        new, old = (_own(model) for model in (self.model, self.before))
        return pd.DataFrame({"champion": old, "new": new}, index=new.index.union(old.index, sort=False), dtype=float)

    def to_dict(self) -> dict[str, object]:
        """Plain values, fit for JSON.

        Returns
        -------
        values
            Who was and is who, the gate, and the figures by metric.
        """
        figures = self.figures
        return {
            "target": self.target,
            "alias": self.alias,
            "new": _named(self.model),
            "champion": self.before and _named(self.before),
            "done_before": self.done_before,
            "promoted": self.promoted or None,
            "kept_back": self.kept_back or None,
            "figures": figures.astype(object).where(figures.notna(), None).to_dict("index"),
        }

    def __repr__(self) -> str:
        """Old beside new, then what became of it."""
        old = "none" if self.before is None else f"version {self.before.version}, dates to {_last(self.before)}"
        lines = [
            f"{self.target}: {'trained before, nothing has changed' if self.done_before else 'trained'}, kept as @{self.alias}",
            f"  champion  {old}",
            f"  new       version {self.model.version}, dates to {_last(self.model)}",
            *(["", self.figures.to_string(float_format="{:.4f}".format, na_rep="-"), ""] if len(self.figures) else []),
            f"gate: {_gate_reason(self.model)}",
        ]
        if self.before is not None and _is_same(self.before, self.model):
            lines.append("the champion is this very model already")
        if self.promoted:
            lines.append(f"version {self.promoted} is @{tracking.CHAMPION}")
        return "\n".join([*lines, *([f"not promoted: {self.kept_back}"] if self.kept_back else [])])


def _own(model: RiskModel | None) -> pd.Series:
    """Metrics of a model in its own backtest; none where it had none."""
    table = {} if model is None else model.facts.get("backtest") or {}
    return pd.Series(table.get(OWN, {}), dtype=float)


def _named(model: RiskModel) -> dict[str, object]:
    kept_facts = ("mlflow_version", "gate", "first", "last", "n_rows")
    facts = {name: model.facts.get(name) for name in kept_facts}
    return {"model_version": model.version, **facts, "gate_reason": _gate_reason(model)}


def _is_same(one: RiskModel, other: RiskModel) -> bool:
    """Whether two are one model: what they forecast, and what they were trained from and for. One that forecasts the same may be meant for other use."""
    return one.version == other.version and tracking.trained_as(one.facts) == tracking.trained_as(other.facts)


def _last(model: RiskModel) -> str:
    return str(model.facts.get("last"))[:10]


def _gate_reason(model: RiskModel) -> str:
    return str((model.facts.get("gate_reason") or {}).get(SOURCE_LANGUAGE, "not judged"))


@checked
def retrain(
    store: Store,
    experiment: Experiment,
    *,
    alias: str = tracking.CANDIDATE,
    promote: bool = False,
    tracking_folder: str | Path | None = None,
    plan: Plan | None = None,
) -> Retraining:
    """Train a question again on what the store has now: backtest, gate, train, register. The champion stays unless one asks.

    Parameters
    ----------
    store
        The city.
    experiment
        What is asked.
    alias
        ``candidate``, or ``challenger`` for a model that is to be scored beside the champion every night.
    promote
        Make it the champion if it passed the gate.
    tracking_folder
        Where MLflow's file lies; the store's folder by default.
    plan
        Whose holds stop a promotion (:mod:`riskwarn.holds`); the one declared by default (:func:`riskwarn.working.declared_plan`).

    Returns
    -------
    retraining
        The new model beside the champion. Where the same question of the same data was trained before, with all its papers, that model.

    Raises
    ------
    LabelError
        No settled outcome, one class only, or too few dates.
    NotFoundError
        The tracker does not answer.
    """
    folder = Path(tracking_folder or store.path)
    target = experiment.label.name
    champion = tracking.kept(folder, target, alias=tracking.CHAMPION)
    wanted = tracking.trained_from(experiment, store.digest())
    model = tracking.kept(folder, target, alias=alias)
    done_before = model is not None and wanted == tracking.trained_as(model.facts) and not lacking(model.facts)
    if model is None or not done_before:
        tracking.check_answers(tracking.default_uri(folder))
        model = _trained(store, experiment, folder, alias)
    promoted, kept_back = _promoted(store, plan, model, champion, folder) if promote else ("", "")
    return Retraining(model, champion, alias, done_before, promoted, kept_back)


def _trained(store: Store, experiment: Experiment, folder: Path, alias: str) -> RiskModel:
    """Backtested, trained, described and kept."""
    panel, sheet = described_panel(store, experiment)
    report = backtest(experiment, panel)
    digest = str(sheet["data_digest"])
    papers: dict[str, Any] = {"datasheet": sheet, "records": store}
    return train(experiment, panel, report=report, tracking_folder=folder, data_digest=digest, alias=alias, **papers)


def _promoted(
    store: Store, plan: Plan | None, model: RiskModel, champion: RiskModel | None, folder: Path
) -> tuple[str, str]:
    """The version promoted, or why it was not; neither where the champion is this very model."""
    version = str(model.facts["mlflow_version"])
    if champion is not None and _is_same(champion, model):
        return "", ""
    try:
        bounds = plan or declared_plan(store)
        return promote_unheld(store, bounds, model.label.name, version=version, tracking_folder=folder), ""
    except GateError as error:
        return "", str(error)


@checked
def experiments_of(plan: Plan, folder: str | Path) -> list[Experiment]:
    """The experiments that ask a plan's questions.

    Parameters
    ----------
    plan
        Its questions.
    folder
        Of experiment files; the first in the order of their names that has a question's label is the one.

    Returns
    -------
    experiments
        In the order of the plan.

    Raises
    ------
    NotFoundError
        No file asks one of the questions.
    """
    by_target: dict[str, Experiment] = {}
    for experiment in _readable(sorted(Path(folder).glob("*.toml"))):
        by_target.setdefault(experiment.label.name, experiment)
    unasked = [target for target in plan.targets if target not in by_target]
    if unasked:
        raise NotFoundError(
            f"no experiment in {folder} asks {', '.join(unasked)} of the plan; write one there, or retrain its experiment by name."
        )
    return [by_target[target] for target in plan.targets]


def _readable(files: Sequence[Path]) -> Iterator[Experiment]:
    """Those files that are experiments; another file that does not fit is not the plan's."""
    for file in files:
        try:
            yield Experiment.load(file)
        except (DefinitionError, NotFoundError):
            continue
