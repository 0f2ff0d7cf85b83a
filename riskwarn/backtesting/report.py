"""The report of a backtest: every model beside every rival, with intervals."""

import html
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd

from riskwarn import metrics
from riskwarn.calibration import by_group, by_level
from riskwarn.calling import checked
from riskwarn.errors import DefinitionError, NotFoundError, did_you_mean
from riskwarn.experiment import Experiment
from riskwarn.notebook import escaped

BETTER_LOW = frozenset({"brier", "poisson_deviance", "calibration_error"})
"""Metrics where less is better."""
Split = Literal["rolling_origin", "leave_area_out", "worst_season"]


@dataclass(frozen=True, eq=False)
class Report:
    """What a backtest found.

    Attributes
    ----------
    frame
        One row a model, date and metric: `model`, `fold`, `as_of`, `n_events`, `metric`, `value`.
    predictions
        One row a model, grid and test date: `model`, `fold`, `grid_id`, `as_of`, `y`, `score`, `expected`, `probability`, and
        `lower`, `upper` with their shares where the model gives an interval.
    experiment
        What was asked.
    baselines
        Those of the models that others must beat.
    grids
        Table `grids`, where it was given: slices and maps need it.
    split
        How dates and grids were kept apart.

    Examples
    --------
    A regression on last month's count against that count and against last year's, on made-up disputes:

    >>> import dataclasses
    >>> from riskwarn.backtesting import backtest
    >>> from riskwarn.baseline import Linear, PriorCount
    >>> from riskwarn.experiment import Experiment
    >>> rng = np.random.default_rng(0)
    >>> dates = pd.date_range("2024-01-01", periods=60, freq="7D", tz="UTC")
    >>> panel = pd.DataFrame({"as_of": np.tile(dates, 40), "grid_id": np.repeat([f"G{i:02}" for i in range(40)], 60)})
    >>> rate = np.repeat(rng.gamma(1.0, 2.0, 40), 60)
    >>> panel["prior_4w"], panel["prior_52w"], panel["y"] = rng.poisson(rate), rng.poisson(13 * rate), rng.poisson(rate)
    >>> weekly = Experiment.load("experiments/weekly.toml")
    >>> weekly = dataclasses.replace(weekly, folds=dataclasses.replace(weekly.folds, n_folds=2, test_dates=4, min_train_dates=20))
    >>> report = backtest(weekly, panel, models=[Linear(("prior_4w",)), PriorCount(4), PriorCount(52)], progress=False)
    >>> report.table[["capture_5", "poisson_deviance"]].round(2)
                          capture_5  poisson_deviance
    model
    poisson regression         0.20              1.87
    prior count 4 weeks        0.20              1.90
    prior count 52 weeks       0.21              1.04
    >>> report.best_baseline("poisson_deviance"), report.by_fold("poisson_deviance").shape
    ('prior count 52 weeks', (2, 3))
    >>> report.differences(["poisson_deviance"])[["model", "rival", "verdict"]].to_numpy().tolist()
    [['poisson regression', 'prior count 52 weeks', 'not clear']]
    >>> report.difference("poisson_deviance", "poisson regression", "prior count 4 weeks")["verdict"]
    'not clear'
    >>> report.bands("poisson regression").index.tolist()
    ['orange', 'yellow', 'blue', 'below', 'all']
    """

    frame: pd.DataFrame
    predictions: pd.DataFrame
    experiment: Experiment
    baselines: tuple[str, ...]
    grids: pd.DataFrame | None = None
    split: Split = "rolling_origin"

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

    @checked
    def rows_of(self, model: str) -> pd.DataFrame:
        """The predictions of one model.

        Parameters
        ----------
        model
            A model of the report.

        Returns
        -------
        rows
            Its rows of :attr:`predictions`.

        Raises
        ------
        NotFoundError
            The report has no such model; the message names those it has.
        """
        rows = self.predictions[self.predictions["model"] == model]
        if rows.empty:
            raise NotFoundError(f"the report has no model {model!r}; it has: {', '.join(self.table.index)}.")
        return rows

    @checked
    def bands(self, model: str = "riskwarn", *, areas: pd.Series | None = None) -> pd.DataFrame:
        """How honest a model's probabilities, counts and intervals are at each level of the list (:func:`riskwarn.calibration.by_level`).

        Parameters
        ----------
        model
            A model of the report.
        areas
            Kind of area by `grid_id` (such as ``grids.set_index("grid_id")["urban_class"]``): with it by kind instead of level.

        Returns
        -------
        bands
            One row a level or kind of area: expected and observed counts, probability and frequency (:func:`riskwarn.calibration.by_group`).

        Raises
        ------
        NotFoundError
            The report has no such model.
        """
        predicted = self.rows_of(model)
        return (
            by_level(predicted) if areas is None else by_group(predicted, predicted["grid_id"].astype("str").map(areas))
        )

    @checked
    def best_baseline(self, metric: str) -> str:
        """The baseline that did best at `metric`, with hindsight: of many rivals one is lucky, so the bar is rather too high than too low.

        Parameters
        ----------
        metric
            A column of :attr:`table`.

        Returns
        -------
        name
            Of the baseline.

        Raises
        ------
        DefinitionError
            None of the models is a baseline.
        """
        if not self.baselines:
            raise DefinitionError(
                "the report holds no baseline to compare with; give backtest a prior count among its models."
            )
        if metric not in self.table:
            self._known(metric)
        values = self.table.loc[list(self.baselines), metric]
        return str(values.idxmin() if metric in BETTER_LOW else values.idxmax())

    @checked
    def by_fold(self, metric: str) -> pd.DataFrame:
        """(folds, models) a metric within each fold, captures pooled: how steady a model is, or what its worst season is like.

        Parameters
        ----------
        metric
            One of :attr:`frame`.

        Returns
        -------
        values
            Indexed by fold, a column a model.
        """
        self._known(metric)
        values = self.frame[self.frame["metric"] == metric]
        weighed = values.assign(weight=_weights(values))
        weighed["value"] *= weighed["weight"]
        sums = weighed.groupby(["fold", "model"], sort=False)[["value", "weight"]].sum()
        return (sums["value"] / sums["weight"]).unstack(sort=False)  # noqa: PD010 - a series has no pivot_table

    @checked
    def differences(self, metrics_wanted: Iterable[str] | None = None) -> pd.DataFrame:
        """Every other model against the best baseline.

        Parameters
        ----------
        metrics_wanted
            All of :attr:`frame` by default.

        Returns
        -------
        differences
            One row a metric and model: `difference` (positive is better, whatever the metric's direction), `lower`, `upper` (95 %,
            paired, label windows overlapping: :func:`riskwarn.metrics.difference_interval`) and the test's `p_value`, `rival`,
            `clear`: the interval lies above zero, and `verdict`: ``clearly better``, ``clearly worse`` or ``not clear``.
        """
        wanted = list(metrics_wanted or self.frame["metric"].unique())
        rows = [
            self.difference(metric, model, self.best_baseline(metric))
            for metric in wanted
            for model in self.table.index
            if model not in self.baselines
        ]
        return pd.DataFrame(rows)

    def __repr__(self) -> str:
        """The table, and the differences where there is a baseline, as text."""
        shown = self.table.round(4).to_string()
        if not self.baselines:
            return f"{self.experiment.question}\n{self.span}\n\n{shown}"
        return f"{self.experiment.question}\n{self.span}\n\n{shown}\n\nAgainst the best baseline (positive is better, 95 % interval):\n{self._lines()}"

    def _repr_html_(self) -> str:
        """Both tables, the best of each metric in bold, and each interval drawn beside zero; the first alone where there is no baseline."""
        head = f"<h4>{html.escape(self.experiment.question)}</h4><p>{html.escape(self.span)}</p>"
        table = _bold_best(escaped(self.table)).to_html(escape=False)
        if not self.baselines:
            return head + table
        differences = self.differences()
        strips = [_strip(row, differences) for row in differences.to_dict("records")]
        drawn = escaped(differences.round(4)).assign(interval=strips)
        return f"{head}{table}<p>Against the best baseline (positive is better, 95 % interval)</p>{drawn.to_html(index=False, escape=False)}"

    @property
    def span(self) -> str:
        """Folds and test dates in words."""
        dates = self.frame["as_of"].unique()
        how = "" if self.split == "rolling_origin" else f", {self.split.replace('_', ' ')}"
        return f"{self.frame['fold'].nunique()} folds, {len(dates)} test dates from {min(dates):%Y-%m-%d} to {max(dates):%Y-%m-%d}{how}."

    def _lines(self) -> str:
        differences = self.differences()
        return "\n".join(
            f"  {r.metric:<18}{r.model:<20}{r.difference:+z.4f}  [{r.lower:+z.4f}, {r.upper:+z.4f}]  {r.verdict}  p {r.p_value:.3f}  ({r.rival})"
            for r in differences.itertuples()
        )

    @checked
    def difference(self, metric: str, model: str, rival: str) -> dict[str, Any]:
        """One row of :meth:`differences`: a model against a rival of your choice.

        Parameters
        ----------
        metric
            One of :attr:`frame`.
        model, rival
            Names of models of the report.

        Returns
        -------
        difference
            The columns of :meth:`differences` by name.
        """
        if (metric, model, rival) not in self._compared:
            self._compared[metric, model, rival] = self._difference(metric, model, rival)
        return dict(self._compared[metric, model, rival])

    @cached_property
    def _compared(self) -> dict[tuple[str, str, str], dict[str, Any]]:
        """Differences asked for so far: a page asks for the same ones many times."""
        return {}

    def _difference(self, metric: str, model: str, rival: str) -> dict[str, Any]:
        self._known(metric, model, rival)
        values = self.frame[self.frame["metric"] == metric]
        series = values.pivot_table(index="as_of", columns="model", values="value")
        weight = values.assign(weight=_weights(values)).groupby("as_of")["weight"].first().to_numpy()
        sign = -1.0 if metric in BETTER_LOW else 1.0
        interval = metrics.difference_interval(
            sign * series[model].to_numpy(),
            sign * series[rival].to_numpy(),
            weight=weight,
            shared=shared_by(series.index, self.experiment.label.days),
        )
        return {
            "metric": metric,
            "model": model,
            "difference": interval.estimate,
            "lower": interval.low,
            "upper": interval.high,
            "clear": bool(interval.low > 0),
            "verdict": verdict_of(interval.low, interval.high),
            "rival": rival,
            "p_value": interval.p_value,
        }

    def _known(self, metric: str, *models: str) -> None:
        """Refuse a metric that was not judged, and models that were not compared."""
        judged, compared = (self.frame[name].unique().tolist() for name in ("metric", "model"))
        for what, word, known in (("metric", metric, judged), *(("model", m, compared) for m in models)):
            if word not in known:
                near = did_you_mean(word, known)
                raise NotFoundError(f"the report has no {what} {word!r}{near}; it has {', '.join(known)}.")

    def _calibration(self, model: str) -> float:
        predicted = self.predictions[self.predictions["model"] == model]
        return metrics.calibration_error((predicted["y"] > 0).to_numpy(), predicted["probability"].to_numpy())


@checked
def shared_by(dates: pd.Index, horizon_days: float) -> np.ndarray:
    """(dates, dates) share of the label window that dates have in common, for :func:`riskwarn.metrics.difference_interval`.

    Parameters
    ----------
    dates
        Of the labels, in order.
    horizon_days
        Length of a label's window, days.

    Returns
    -------
    shared
        In [0, 1], 1 on the diagonal.

    Examples
    --------
    >>> shared_by(pd.DatetimeIndex(["2025-01-06", "2025-01-20"]), 28).tolist()
    [[1.0, 0.5], [0.5, 1.0]]
    """
    at = (pd.DatetimeIndex(dates) - dates[0]) / pd.Timedelta(days=1)
    return metrics.shared_windows(at.to_numpy(), horizon_days)


@checked
def verdict_of(low: float, high: float) -> str:
    """What an interval of a difference, positive is better, lets one say.

    Parameters
    ----------
    low, high
        Ends of the interval.

    Returns
    -------
    verdict
        ``clearly better``, ``clearly worse`` or ``not clear``.

    Examples
    --------
    >>> verdict_of(0.01, 0.03), verdict_of(-0.02, 0.01), verdict_of(-0.03, -0.01)
    ('clearly better', 'not clear', 'clearly worse')
    """
    return "clearly better" if low > 0 else "clearly worse" if high < 0 else "not clear"


def _bold_best(table: pd.DataFrame) -> pd.DataFrame:
    """The table as text, the best value of each metric in bold."""
    shown = table.map("{:.4f}".format)
    for metric in table:
        best = table[metric].min() if metric in BETTER_LOW else table[metric].max()
        shown[metric] = shown[metric].where(table[metric] != best, "<b>" + shown[metric] + "</b>")
    return shown


def _strip(row: dict[str, Any], among: pd.DataFrame) -> str:
    """An interval as a small picture: grey line at zero, purple where clear of it."""
    intervals = among[among["metric"] == row["metric"]]
    reach = float(np.abs(intervals[["lower", "upper", "difference"]].to_numpy()).max()) or 1.0
    low, mid, high = (60 + 55 * row[k] / reach for k in ("lower", "difference", "upper"))
    colour = "#4b2e83" if row["clear"] else "#9a8f7d"
    return (
        '<svg width="120" height="14"><line x1="60" x2="60" y1="0" y2="14" stroke="#ccc"/>'
        f'<line x1="{low:.1f}" x2="{high:.1f}" y1="7" y2="7" stroke="{colour}" stroke-width="2"/><circle cx="{mid:.1f}" cy="7" r="3" fill="{colour}"/></svg>'
    )


def _weights(frame: pd.DataFrame) -> pd.Series:
    """Captures are pooled: a date weighs as many events as it has."""
    return frame["n_events"].where(frame["metric"].str.startswith("capture"), 1.0)
