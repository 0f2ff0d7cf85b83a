"""Search for settings of the model on the past of the past: the dates a backtest will test on are never looked at.

The search is nested. A backtest's first fold learns from dates whose outcomes were known before its first test date; the search sees these
rows alone, rehearses on folds within them, and hands its settings back as text for the experiment. The backtest then judges them on
dates they have not seen. Trials are proposed by Optuna's tree-structured Parzen estimator [1]_; one whose mean over the folds so far is
worse than the median of earlier trials is given up.

.. [1] Akiba et al. (2019), KDD, 2623-2631; Bergstra et al. (2011), NeurIPS 24, 2546-2554.
"""

import dataclasses
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from riskwarn.backtesting import BETTER_LOW, Report, folds_of, judged
from riskwarn.baseline import settled
from riskwarn.calling import checked
from riskwarn.errors import DefinitionError, LabelError
from riskwarn.experiment import Experiment, ModelSettings
from riskwarn.model import RiskModel
from riskwarn.notebook import text_html
from riskwarn.progress import bar
from riskwarn.split import Fold, rolling_origin

SPACE: dict[str, tuple[float, float, bool]] = {
    "n_trees": (40, 400, True),
    "learning_rate": (0.01, 0.15, True),
    "n_leaves": (4, 31, True),
    "max_depth": (2, 7, False),
    "min_rows_in_leaf": (50, 1000, True),
    "l2": (1.0, 100.0, True),
    "feature_share": (0.4, 1.0, False),
    "row_share": (0.5, 1.0, False),
    "line_l2": (1e-4, 1.0, True),
}
"""Settings that are searched: least, most, and whether evenly in the logarithm. The experiment's own always lie within."""
_MOST_FOLDS, _CALIBRATED = 3, 0.25


@dataclass(frozen=True, eq=False)
class Tuning:
    """What a search found.

    Attributes
    ----------
    settings
        The best of the trials that ran to the end.
    trials
        One row a trial, in order: `value` of the metric over the folds it ran, `state` (``complete`` or ``pruned``), `folds`, `cpu_seconds`,
        and its settings. The first is the experiment's own, so the best is never worse than it on these folds.
    metric
        What was looked at.
    folds
        The folds of the search, all before the first test date of the experiment.
    """

    settings: ModelSettings
    trials: pd.DataFrame
    metric: str
    folds: tuple[Fold, ...]

    @property
    def declared(self) -> float:
        """The metric with the experiment's own settings."""
        return float(self.trials["value"].iloc[0])

    @property
    def best(self) -> float:
        """The metric with the settings found."""
        done = self.trials[self.trials["state"] == "complete"]["value"]
        return float(done.min() if self.metric in BETTER_LOW else done.max())

    @property
    def toml(self) -> str:
        """The settings as section ``[model]`` of an experiment."""
        return "\n".join(["[model]", *(f"{key} = {value!r}" for key, value in vars(self.settings).items())]) + "\n"

    def __repr__(self) -> str:
        """The gain over the first trial, and the section to paste."""
        head = f"{len(self.trials)} trials on {len(self.folds)} folds before the test dates: {self.metric} {self.declared:.4f} as declared, {self.best:.4f} at best"
        return f"{head}\n\n{self.toml}"

    def _repr_html_(self) -> str:
        """The same for notebooks."""
        return text_html(repr(self))


@checked
def tune(
    experiment: Experiment,
    panel: pd.DataFrame,
    *,
    n_trials: int = 30,
    seconds: float | None = None,
    metric: str = "poisson_deviance",
    progress: bool | None = None,
) -> Tuning:
    """Search settings of the model on the dates before the first test date.

    Parameters
    ----------
    experiment, panel
        As for :func:`riskwarn.backtest`.
    n_trials
        Sets of settings tried, the experiment's own among them.
    seconds
        CPU time after which no further trial starts. The same seed and number of trials give the same result; a budget of time may not.
    metric
        One of those a backtest judges. The deviance is judged by every grid; a capture by a few, so on few dates it is mostly luck.
    progress
        Show a bar; on a terminal by default.

    Returns
    -------
    tuning
        The best settings of trials that ran to the end; never worse than the experiment's own on the folds of the search.

    Raises
    ------
    DefinitionError
        Optuna is not installed, no trial is asked for, or the metric is unknown.
    LabelError
        Too few dates before the first test date for two folds; the message says what to change.
    """
    if n_trials < 1:
        raise DefinitionError(f"n_trials must be at least 1, got {n_trials}.")
    optuna = _optuna()
    rows = training_rows(experiment, panel)
    folds = inner_folds(experiment, rows)
    sense = "minimize" if metric in BETTER_LOW else "maximize"
    sampler = optuna.samplers.TPESampler(seed=experiment.model.seed)
    study = optuna.create_study(direction=sense, sampler=sampler, pruner=optuna.pruners.MedianPruner())
    study.enqueue_trial({name: getattr(experiment.model, name) for name in SPACE})
    trials_run = []
    for _ in _budget(n_trials, seconds, progress=progress):
        trial, started = study.ask(), time.process_time()
        settings = proposed(experiment.model, trial)
        values = _rehearsed(experiment, rows, folds, settings, metric, trial)
        whole = len(values) == len(folds)
        study.tell(trial, values[-1] if whole else None, state=None if whole else optuna.trial.TrialState.PRUNED)
        cost = {"folds": len(values), "cpu_seconds": time.process_time() - started}
        trials_run.append({"value": values[-1], "state": "complete" if whole else "pruned", **cost, **vars(settings)})
    trials = pd.DataFrame(trials_run).rename_axis("trial")
    done = trials.loc[trials["state"] == "complete", "value"]
    best = trials_run[int(done.idxmin() if metric in BETTER_LOW else done.idxmax())]
    return Tuning(
        ModelSettings(**{f.name: best[f.name] for f in dataclasses.fields(ModelSettings)}), trials, metric, tuple(folds)
    )


@checked
def training_rows(experiment: Experiment, panel: pd.DataFrame) -> pd.DataFrame:
    """The rows a search may see: those the first fold of the experiment's backtest learns from.

    Parameters
    ----------
    experiment, panel
        As for :func:`riskwarn.backtest`.

    Returns
    -------
    rows
        Their outcomes were known before the first test date.
    """
    rows = settled(panel)
    return rows[rows["as_of"].isin(folds_of(experiment, rows)[0].train_dates)]


@checked
def inner_folds(experiment: Experiment, rows: pd.DataFrame) -> list[Fold]:
    """The most folds, three at most, that the rows allow, with the most test dates, no more than the experiment's.

    Parameters
    ----------
    experiment
        Label and wanted test dates.
    rows
        What :func:`training_rows` gave.

    Returns
    -------
    folds
        Two or three, the oldest first.

    Raises
    ------
    LabelError
        Not even two folds of one date.
    """
    label, plan = experiment.label, experiment.folds
    least = _least_dates(rows["as_of"], label.wait_days)
    for n_folds in range(_MOST_FOLDS, 1, -1):
        for test_dates in range(plan.test_dates, 0, -1):
            try:
                return rolling_origin(
                    rows["as_of"],
                    horizon_days=label.days,
                    settle_days=label.settle_days,
                    n_folds=n_folds,
                    test_dates=test_dates,
                    min_train_dates=least,
                )
            except LabelError:
                continue
    raise LabelError(
        f"tuning needs two folds before the first test date, but only {rows['as_of'].nunique()} dates were settled by then: "
        "give the experiment earlier dates, or fewer folds or test dates."
    )


def _least_dates(as_of: pd.Series, wait_days: float) -> int:
    """Fewest dates a model can learn from: the latest quarter calibrates what the settled ones before it taught."""
    steps = as_of.drop_duplicates().sort_values().diff().dropna() / pd.Timedelta(days=1)
    step = float(steps.median()) if len(steps) else 1.0
    return math.ceil((math.ceil(wait_days / step) + 1) / (1 - _CALIBRATED))


@checked
def proposed(settings: ModelSettings, trial: Any) -> ModelSettings:
    """Settings of one trial, fractions to three figures, so that the text of them says it all.

    Parameters
    ----------
    settings
        The experiment's settings, which lie within the ranges searched.
    trial
        Optuna's.

    Returns
    -------
    settings
        What is not searched stays as it was.
    """
    proposal: dict[str, Any] = {}
    for name, (least, most, log) in SPACE.items():
        now = getattr(settings, name)
        low, high = min(least, now), max(most, now)
        if isinstance(now, int):
            proposal[name] = trial.suggest_int(name, int(low), int(high), log=log)
        else:
            proposal[name] = float(f"{trial.suggest_float(name, low, high, log=log):.3g}")
    return dataclasses.replace(settings, **proposal)


def _rehearsed(
    experiment: Experiment, rows: pd.DataFrame, folds: list[Fold], settings: ModelSettings, metric: str, trial: Any
) -> list[float]:
    """The metric over the folds so far, fold after fold; shorter than `folds` if the trial was given up."""
    model, parts, values = dataclasses.replace(RiskModel.of(experiment), settings=settings), [], []
    for n, fold in enumerate(folds):
        train, test = (rows.iloc[at] for at in fold.rows(rows["as_of"]))
        predicted = model.fit(train).predict(test)[["score", "expected", "probability"]]
        parts.append(test[["grid_id", "as_of", "y"]].join(predicted).assign(model=model.name, fold=n))
        so_far = pd.concat(parts, ignore_index=True)
        table = Report(judged(so_far, experiment), so_far, experiment, ()).table
        if metric not in table:
            raise DefinitionError(f"no metric {metric!r} is judged; known: {', '.join(table)}.")
        values.append(float(table.loc[model.name, metric]))
        trial.report(values[-1], n)
        if n + 1 < len(folds) and trial.should_prune():
            break
    return values


def _budget(n_trials: int, seconds: float | None, *, progress: bool | None) -> Iterator[int]:
    """Numbers of the trials while there is time; the first always runs."""
    started = time.process_time()
    for n in bar(range(n_trials), desc="tune", unit="trial", progress=progress):
        if n and time.process_time() - started > (seconds or math.inf):
            return
        yield n


def _optuna() -> Any:
    import optuna  # noqa: PLC0415

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
