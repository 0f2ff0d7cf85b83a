"""Backtest: every model beside every baseline on every fold, judged date by date, with intervals.

Numbers are honest in three ways: a fold trains only on outcomes settled before its first test date; ties of a ranking count at
their expectation unless the experiment says otherwise; and every report prints the difference to the best baseline with a block-bootstrap interval over dates.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from riskwarn import metrics
from riskwarn.baseline import Linear, Model, is_baseline, settled
from riskwarn.errors import DefinitionError, LabelError
from riskwarn.experiment import Experiment, Judge
from riskwarn.label import Label
from riskwarn.model import RiskModel
from riskwarn.split import Fold, rolling_origin

BETTER_LOW = frozenset({"brier", "poisson_deviance", "calibration_error"})
"""Metrics where less is better."""


@dataclass(frozen=True, eq=False)
class Report:
    """What a backtest found.

    Attributes
    ----------
    frame
        One row a model, date and metric: `model`, `fold`, `as_of`, `n_events`, `metric`, `value`.
    predictions
        One row a model, grid and test date: `model`, `fold`, `grid_id`, `as_of`, `y`, `score`, `expected`, `probability`.
    experiment
        What was asked.
    baselines
        Those of the models that others must beat.
    """

    frame: pd.DataFrame
    predictions: pd.DataFrame
    experiment: Experiment
    baselines: tuple[str, ...]

    @cached_property
    def table(self) -> pd.DataFrame:
        """Mean of each metric over the test dates, one row a model.

        Dates weigh alike, except in captures, which are shares of all events of all dates; the calibration error is over all rows.
        """
        weighed = self.frame.assign(weight=_weights(self.frame))
        weighed["value"] *= weighed["weight"]
        sums = weighed.groupby(["model", "metric"], sort=False)[["value", "weight"]].sum()
        means = (sums["value"] / sums["weight"]).unstack(sort=False)  # noqa: PD010 - a series has no pivot_table
        means["calibration_error"] = [self._calibration(m) for m in means.index]
        return means.rename_axis(columns=None)

    def best_baseline(self, metric: str) -> str:
        """The baseline that did best at `metric`, with hindsight: of many rivals one is lucky, so the bar is rather too high than too low.

        Raises
        ------
        DefinitionError
            None of the models is a baseline.
        """
        if not self.baselines:
            raise DefinitionError(
                "the report holds no baseline to compare with; give backtest a prior count among its models."
            )
        values = self.table.loc[list(self.baselines), metric]
        return str(values.idxmin() if metric in BETTER_LOW else values.idxmax())

    def differences(self, metrics_wanted: Iterable[str] | None = None) -> pd.DataFrame:
        """Every other model against the best baseline.

        Returns
        -------
        differences
            One row a metric and model: `difference` (positive is better, whatever the metric's direction), `lower`, `upper` (95 %
            block bootstrap over dates, paired), `rival`, and `clear`: the interval excludes zero on the good side.
        """
        wanted = list(metrics_wanted or self.frame["metric"].unique())
        rows = [
            self._difference(metric, model)
            for metric in wanted
            for model in self.table.index
            if model not in self.baselines
        ]
        return pd.DataFrame(rows)

    def __repr__(self) -> str:
        """The table and the differences, as text."""
        shown = self.table.round(4).to_string()
        return f"{self.experiment.question}\n{self._span}\n\n{shown}\n\nAgainst the best baseline (positive is better, 95 % interval):\n{self._lines()}"

    def _repr_html_(self) -> str:
        differences = self.differences().round(4).to_html(index=False)
        return f"<h4>{self.experiment.question}</h4><p>{self._span}</p>{self.table.round(4).to_html()}<p>Against the best baseline (positive is better)</p>{differences}"

    @property
    def _span(self) -> str:
        dates = self.frame["as_of"].unique()
        return f"{self.frame['fold'].nunique()} folds, {len(dates)} test dates from {min(dates):%Y-%m-%d} to {max(dates):%Y-%m-%d}."

    def _lines(self) -> str:
        found = self.differences()
        return "\n".join(
            f"  {r.metric:<18}{r.model:<20}{r.difference:+.4f}  [{r.lower:+.4f}, {r.upper:+.4f}]  {'clear' if r.clear else 'not clear'}  ({r.rival})"
            for r in found.itertuples()
        )

    def _difference(self, metric: str, model: str) -> dict[str, Any]:
        rival = self.best_baseline(metric)
        own = self.frame[self.frame["metric"] == metric]
        series = own.pivot_table(index="as_of", columns="model", values="value")
        weight = own.assign(weight=_weights(own)).groupby("as_of")["weight"].first().to_numpy()
        sign = -1.0 if metric in BETTER_LOW else 1.0
        judge = self.experiment.judge
        interval = metrics.difference_interval(
            sign * series[model].to_numpy(), sign * series[rival].to_numpy(), weight=weight, rng=np.random.default_rng(self.experiment.model.seed),
            n_draws=judge.bootstrap_draws, block_dates=min(judge.block_dates, len(series) - 1),
        )  # fmt: skip
        return {
            "metric": metric, "model": model, "difference": interval.estimate, "lower": interval.low, "upper": interval.high,
            "clear": bool(interval.low > 0), "rival": rival,
        }  # fmt: skip

    def _calibration(self, model: str) -> float:
        own = self.predictions[self.predictions["model"] == model]
        return metrics.calibration_error((own["y"] > 0).to_numpy(), own["probability"].to_numpy())


def backtest(
    experiment: Experiment, panel: pd.DataFrame, *, models: Sequence[Model] | None = None, progress: bool | None = None
) -> Report:
    """Rolling origin: train on what was settled, forecast the next dates, judge, move on.

    Parameters
    ----------
    experiment
        Folds, baselines and metrics.
    panel
        What :func:`riskwarn.build_panel` gave for the experiment.
    models
        Others than the product's model, the linear model and the baselines of the experiment.
    progress
        Show a bar; on a terminal by default.

    Raises
    ------
    LabelError
        Too few settled dates for the folds, or a test date without any event.
    """
    rows = settled(panel)
    contenders = list(models) if models is not None else contenders_of(experiment)
    folds = folds_of(experiment, rows)
    from tqdm.auto import tqdm  # noqa: PLC0415

    work = [(n, fold, model) for n, fold in enumerate(folds, 1) for model in contenders]
    hidden = None if progress is None else not progress
    parts = [
        _forecast(rows, n, fold, model)
        for n, fold, model in tqdm(work, desc="backtest", unit="fit", disable=hidden, leave=False)
    ]
    predictions = pd.concat(parts, ignore_index=True)
    baselines = tuple(model.name for model in contenders if is_baseline(model))
    return Report(_judge(predictions, experiment.judge, experiment.label), predictions, experiment, baselines)


def contenders_of(experiment: Experiment) -> list[Model]:
    """The model, the linear model and the baselines: prior counts, rules of thumb where the label is no count, and those named."""
    return [RiskModel.of(experiment), Linear(tuple(experiment.feature_names)), *experiment.rivals]


def folds_of(experiment: Experiment, rows: pd.DataFrame) -> list[Fold]:
    """The folds of an experiment over the dates of `rows`; the gap follows from the label."""
    plan, label = experiment.folds, experiment.label
    return rolling_origin(
        rows["as_of"], horizon_days=label.days, settle_days=label.settle_days, n_folds=plan.n_folds, test_dates=plan.test_dates,
        min_train_dates=plan.min_train_dates,
    )  # fmt: skip


def _forecast(rows: pd.DataFrame, number: int, fold: Fold, model: Model) -> pd.DataFrame:
    train, test = (rows.iloc[at] for at in fold.rows(rows["as_of"]))
    predicted = model.fit(train).predict(test)[["score", "expected", "probability"]]
    found = test[["grid_id", "as_of", "y"]].join(predicted)
    found.insert(0, "model", model.name)
    found.insert(1, "fold", number)
    return found


def _weights(frame: pd.DataFrame) -> pd.Series:
    """Captures are pooled: a date weighs as many events as it has."""
    return frame["n_events"].where(frame["metric"].str.startswith("capture"), 1.0)


def _judge(predictions: pd.DataFrame, judge: Judge, label: Label) -> pd.DataFrame:
    keys = ["model", "fold", "as_of"]
    rows = [
        (*key, float(date["y"].sum()), metric, value)
        for key, date in predictions.groupby(keys, sort=False, observed=True)
        for metric, value in (_judge_date(date, judge) if label.is_count else _judge_events(date, judge)).items()
    ]
    return pd.DataFrame(rows, columns=[*keys, "n_events", "metric", "value"])


def _judge_date(date: pd.DataFrame, judge: Judge) -> dict[str, float]:
    y, score, probability, expected = (date[c].to_numpy(dtype=float) for c in ("y", "score", "probability", "expected"))
    if not y.any():
        raise LabelError(
            f"no event follows {date['as_of'].iloc[0]:%Y-%m-%d}: such a date cannot be judged. Widen the horizon or the streams."
        )
    found = {}
    for share in judge.shares:
        percent = f"{100 * share:g}"
        found[f"capture_{percent}"] = metrics.capture(y, score, share=share, ties=judge.ties)
        found[f"pai_{percent}"] = metrics.pai(y, score, share=share, ties=judge.ties)
        found[f"pei_{percent}"] = metrics.pei(y, score, share=share, ties=judge.ties)
    found["brier"] = metrics.brier(y > 0, probability)
    found["poisson_deviance"] = metrics.poisson_deviance(y, expected)
    return found


def _judge_events(date: pd.DataFrame, judge: Judge) -> dict[str, float]:
    """Of an outcome that is 1 or 0. A date on which it is everywhere the same says nothing about the ranking, and is judged by Brier alone."""
    y, score, probability = (date[c].to_numpy(dtype=float) for c in ("y", "score", "probability"))
    if y.min() == y.max():
        return {"brier": metrics.brier(y > 0, probability)}
    return {
        "average_precision": metrics.average_precision(y, score, ties=judge.ties),
        "roc_auc": metrics.roc_auc(y, score, ties=judge.ties),
        **_judge_date(date, judge),
    }
