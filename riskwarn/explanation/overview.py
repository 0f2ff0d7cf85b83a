"""What the model leans on as a whole: families by ablation with intervals, the shape of each effect, and how firm reasons are.

A family's importance is what is lost when the model is trained anew without it, on later dates it has not seen; families that
stand in for one another therefore each look small. It is a statement about the forecast, not about the world.
"""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from riskwarn import metrics
from riskwarn.backtesting import BETTER_LOW, Report, backtest, shared_by
from riskwarn.baseline import settled
from riskwarn.calling import checked
from riskwarn.errors import DataError, did_you_mean
from riskwarn.experiment import Experiment
from riskwarn.explanation.reasons import families_of, family_contributions
from riskwarn.model import RiskModel

if TYPE_CHECKING:
    from shap import Explanation


@dataclass(frozen=True)
class Without:
    """The model trained without one family (none: the whole model), with a name of its own in a report."""

    model: RiskModel
    family: str = ""

    @property
    def name(self) -> str:
        """How reports call it."""
        return f"without {self.family}" if self.family else "whole model"

    def fit(self, panel: pd.DataFrame) -> "Without":
        """A fitted copy."""
        left = tuple(f for f in self.model.features if f.family != self.family)
        return dataclasses.replace(self, model=dataclasses.replace(self.model, features=left).fit(panel))

    def predict(self, panel: pd.DataFrame) -> pd.DataFrame:
        """As :meth:`riskwarn.RiskModel.predict`."""
        return self.model.predict(panel)


@checked
def importance(
    experiment: Experiment,
    panel: pd.DataFrame,
    *,
    metric: str | None = None,
    families: Iterable[str] | None = None,
    progress: bool | None = None,
) -> pd.DataFrame:
    """What each family of features is worth on later dates.

    Parameters
    ----------
    experiment, panel
        As for :func:`riskwarn.backtest`.
    metric
        Of the report; the gate's by default.
    families
        Only these; all by default.
    progress
        Show a bar; on a terminal by default.

    Returns
    -------
    importance
        One row a family, the greatest loss first: `loss`, how much worse the metric is without it (positive: the family helps,
        whatever the metric's direction), `lower` and `upper` (95 %, paired over test dates), `whole` and `without`
        (the metric with and without it), `clear`: the interval excludes zero.

    Raises
    ------
    DataError
        Unknown family or metric, or a single family.
    """
    model = RiskModel.of(experiment)
    known = families_of(model)
    wanted = list(dict.fromkeys(families or known))
    unknown = [f for f in wanted if f not in known]
    if unknown or len(known) < 2:
        fault = (
            f"unknown family {unknown[0]!r}{did_you_mean(unknown[0], known)}"
            if unknown
            else "a single family cannot be left out"
        )
        raise DataError(f"importance: {fault}; families: {', '.join(known)}.")
    report = backtest(
        experiment, panel, models=[Without(model), *(Without(model, f) for f in wanted)], progress=progress
    )
    return _losses(report, metric or experiment.gate.metric, wanted)


def _losses(report: Report, metric: str, families: list[str]) -> pd.DataFrame:
    values = report.frame[report.frame["metric"] == metric]
    if values.empty:
        raise DataError(
            f"importance: the report has no metric {metric!r}; it has: {', '.join(report.frame['metric'].unique())}."
        )
    series = values.pivot_table(index="as_of", columns="model", values="value")
    events = values.groupby("as_of")["n_events"].first().to_numpy()
    weight = events if metric.startswith("capture") else np.ones(len(series))
    sign, shared = (-1.0 if metric in BETTER_LOW else 1.0), shared_by(series.index, report.experiment.label.days)
    losses = []
    for family in families:
        interval = metrics.difference_interval(
            sign * series["whole model"].to_numpy(),
            sign * series[f"without {family}"].to_numpy(),
            weight=weight,
            shared=shared,
        )
        mean = {m: float(np.average(series[m], weights=weight)) for m in ("whole model", f"without {family}")}
        losses.append(
            {
                "family": family,
                "metric": metric,
                "loss": interval.estimate,
                "lower": interval.low,
                "upper": interval.high,
                "whole": mean["whole model"],
                "without": mean[f"without {family}"],
                "clear": bool(interval.low > 0 or interval.high < 0),
            }
        )
    return pd.DataFrame(losses).sort_values("loss", ascending=False, ignore_index=True)


@checked
def dependence(
    model: RiskModel, panel: pd.DataFrame, feature: str, *, n_points: int = 12, n_rows: int = 2000, seed: int = 0
) -> pd.DataFrame:
    """How the expected count moves with one feature, the others as they are.

    Parameters
    ----------
    model, panel
        A fitted model, and rows to vary.
    feature
        The feature.
    n_points
        Points between the 1st and 99th percentile of its values.
    n_rows, seed
        At most so many rows, drawn with this seed.

    Returns
    -------
    dependence
        One row a value: `value`, `ratio` (geometric mean over the rows of the expected count there to that at the feature's median),
        `lower` and `upper` (5th and 95th percentile over rows: how much it depends on the other features).

    Raises
    ------
    DataError
        Unknown feature.
    """
    if feature not in model.feature_names:
        raise DataError(f"the model has no feature {feature!r}{did_you_mean(feature, model.feature_names)}.")
    rows = panel.sample(min(n_rows, len(panel)), random_state=seed)
    values = panel[feature].to_numpy(dtype=float)
    points = np.unique(np.nanquantile(values, np.linspace(0.01, 0.99, n_points)))
    base = model.margin(rows.assign(**{feature: np.float32(np.nanmedian(values))}))
    moved = np.array([model.margin(rows.assign(**{feature: np.float32(v)})) - base for v in points])
    return pd.DataFrame(
        {
            "feature": feature,
            "value": points,
            "ratio": np.exp(moved.mean(axis=1)),
            "lower": np.exp(np.quantile(moved, 0.05, axis=1)),
            "upper": np.exp(np.quantile(moved, 0.95, axis=1)),
        }
    )


@checked
def stability(
    experiment: Experiment,
    panel: pd.DataFrame,
    night: pd.DataFrame,
    *,
    n_models: int = 5,
    top: int = 50,
    resample: bool = True,
    seed: int = 0,
) -> pd.DataFrame:
    """How firm the reasons of the riskiest grids are when the model is trained anew.

    Parameters
    ----------
    experiment, panel, night
        The question, its panel, and the panel of the night whose reasons are compared.
    n_models
        How many models besides the first.
    top
        Riskiest grids, by the first model.
    resample
        Train each on dates drawn with replacement; else only the seed of the trees differs.
    seed
        Of the draws.

    Returns
    -------
    stability
        One row a new model, each against the first: `first_same` (share of grids whose first raising family stays), `top3_jaccard`
        (mean overlap of the three strongest raising families), `contribution_correlation` (rank correlation of all contributions), `list_jaccard` (overlap of
        the two lists of `top` grids). 1 is unmoved.
    """
    rows = settled(panel)
    first = RiskModel.of(experiment).fit(rows)
    base, chosen = _strongest(first, night, top, None)
    rng = np.random.default_rng(seed)
    retrained = []
    for n in range(1, n_models + 1):
        settings = dataclasses.replace(experiment.model, seed=experiment.model.seed + n)
        other = dataclasses.replace(RiskModel.of(experiment), settings=settings).fit(
            _drawn(rows, rng) if resample else rows
        )
        total, _ = _strongest(other, night, top, chosen)
        listed = np.argsort(-other.margin(night), kind="stable")[:top]
        retrained.append(
            {
                "model": n,
                **_likeness(base.to_numpy(), total.to_numpy()),
                "list_jaccard": metrics.jaccard(chosen.tolist(), listed.tolist()),
            }
        )
    return pd.DataFrame(retrained)


def _strongest(
    model: RiskModel, night: pd.DataFrame, top: int, chosen: np.ndarray | None
) -> tuple[pd.DataFrame, np.ndarray]:
    """Contributions by family of the riskiest grids (or of those chosen already), and their positions."""
    at = np.argsort(-model.margin(night), kind="stable")[:top] if chosen is None else chosen
    return family_contributions(model, night.iloc[at])[0], at


def _drawn(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Dates drawn with replacement, each keeping its place in time so that the calibration still lies last."""
    dates = np.sort(rows["as_of"].unique())
    drawn = pd.Series(rng.choice(dates, len(dates))).value_counts()
    times = rows["as_of"].map(drawn).fillna(0).astype(int)
    return rows.loc[rows.index.repeat(times)].reset_index(drop=True)


def _likeness(first: np.ndarray, second: np.ndarray) -> dict[str, float]:
    a, b = np.argsort(-first, axis=1, kind="stable"), np.argsort(-second, axis=1, kind="stable")
    overlaps = [metrics.jaccard(x[:3].tolist(), y[:3].tolist()) for x, y in zip(a, b, strict=True)]
    flat = pd.DataFrame({"first": first.ravel(), "second": second.ravel()}).rank()
    return {
        "first_same": float((a[:, 0] == b[:, 0]).mean()),
        "top3_jaccard": float(np.mean(overlaps)),
        "contribution_correlation": float(flat["first"].corr(flat["second"])),
    }


# -- for analysts ------------------------------------------------------------------------------------------------------------


@checked
def shap_explanation(model: RiskModel, panel: pd.DataFrame) -> "Explanation":
    """Contributions of every feature to the log of the expected count, for ``shap.plots``.

    Parameters
    ----------
    model
        A fitted model.
    panel
        Rows to explain.

    Returns
    -------
    explanation
        `values` (n, n_features), `base_values` (n,), `data` (n, n_features) and `feature_names`. Values and base sum to
        :meth:`riskwarn.RiskModel.margin`.

    Raises
    ------
    ImportError
        shap is not installed; it is an extra for analysts.

    Examples
    --------
    ``shap.plots.beeswarm(shap_explanation(model, panel))``
    """
    import shap  # noqa: PLC0415

    parts = model.contributions(panel)
    return shap.Explanation(
        values=parts[model.feature_names].to_numpy(),
        base_values=parts["base"].to_numpy(),
        data=panel[model.feature_names].to_numpy(dtype=float),
        feature_names=model.feature_names,
    )
