"""What a model must beat: the label's own count over the last weeks, and a plain linear model of the same features.

Every model here and in :mod:`riskwarn.model` has one face: ``fit(panel)`` returns a fitted model, ``predict(panel)`` gives
`score` (what it ranks by), `expected` (count in the horizon) and `probability` (of at least one event).
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, Self

import numpy as np
import pandas as pd

from riskwarn.errors import DefinitionError, LabelError

_TINY = 1e-6


class Model(Protocol):
    """The face every model and baseline shows."""

    @property
    def name(self) -> str:
        """How reports call it."""
        ...

    def fit(self, panel: pd.DataFrame) -> Self:
        """A fitted copy, trained on the rows of `panel` whose `y` is settled."""
        ...

    def predict(self, panel: pd.DataFrame) -> pd.DataFrame:
        """Columns `score`, `expected`, `probability`, one row a row of `panel`."""
        ...


@dataclass(frozen=True)
class Calibration:
    """From a raw log rate `m` to a distribution of the count: negative binomial with log mean ``level + slope * m``.

    Parameters
    ----------
    level, slope
        Fitted by Poisson maximum likelihood.
    dispersion
        `k` of the negative binomial, variance ``mu + k * mu**2``, by moments; 0 is Poisson.
    """

    level: float = 0.0
    slope: float = 1.0
    dispersion: float = 0.0

    @classmethod
    def fit(cls, margin: np.ndarray, y: np.ndarray) -> "Calibration":
        """Fit to raw log rates (n,) and settled counts (n,)."""
        from sklearn.linear_model import PoissonRegressor  # noqa: PLC0415

        regression = PoissonRegressor(alpha=1e-6, max_iter=300).fit(margin[:, None], y)
        level, slope = float(regression.intercept_), float(regression.coef_[0])
        if slope <= 0:
            level, slope = float(np.log(max(y.mean(), _TINY)) - margin.mean()), 1.0
        mean = np.exp(level + slope * margin)
        dispersion = float(((y - mean) ** 2 - y).sum() / (mean**2).sum())
        return cls(level, slope, max(dispersion, 0.0))

    def expected(self, margin: np.ndarray) -> np.ndarray:
        """Mean count."""
        return np.exp(self.level + self.slope * margin)

    def probability(self, expected: np.ndarray) -> np.ndarray:
        """Probability of at least one event, given the mean.

        Examples
        --------
        >>> float(Calibration(dispersion=1.0).probability(np.array([1.0]))[0])
        0.5
        """
        if self.dispersion < _TINY:
            return -np.expm1(-expected)
        return -np.expm1(-np.log1p(self.dispersion * expected) / self.dispersion)

    def interval(self, expected: np.ndarray, *, cover: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper end of the central interval of the count that covers at least `cover`."""
        from scipy import stats  # noqa: PLC0415

        tail = (1 - cover) / 2
        if self.dispersion < _TINY:
            return stats.poisson.ppf(tail, expected), stats.poisson.ppf(1 - tail, expected)
        size = 1 / self.dispersion
        share = size / (size + expected)
        return stats.nbinom.ppf(tail, size, share), stats.nbinom.ppf(1 - tail, size, share)


def settled(panel: pd.DataFrame) -> pd.DataFrame:
    """The rows of `panel` a model may train on.

    Raises
    ------
    LabelError
        No row is settled, or all outcomes are alike.
    """
    rows = panel[panel["y"].notna()]
    if rows.empty:
        raise LabelError(
            "no outcome is settled yet: every row's horizon ends after the data. Choose earlier dates, or bring newer data in."
        )
    if rows["y"].nunique() < 2:
        raise LabelError(
            f"all {len(rows)} settled outcomes are {rows['y'].iloc[0]:g}: one class cannot train a model. Check the label's streams, or widen the dates."
        )
    return rows


PRIOR = "prior_{weeks}w"
"""Column of a prior count (:class:`riskwarn.feature.Own`)."""


@dataclass(frozen=True)
class PriorCount:
    """Ranks grids by the label's own events over the last `weeks` weeks; its count and probability are calibrated on the past."""

    weeks: int
    calibration: Calibration | None = None

    @property
    def name(self) -> str:
        """How reports call it."""
        return f"prior count {self.weeks} weeks"

    def fit(self, panel: pd.DataFrame) -> "PriorCount":
        """A copy with its calibration fitted."""
        rows = settled(panel)
        return dataclasses.replace(
            self, calibration=Calibration.fit(self._margin(rows), rows["y"].to_numpy(dtype=float))
        )

    def predict(self, panel: pd.DataFrame) -> pd.DataFrame:
        """Columns `score` (the count itself), `expected`, `probability`."""
        if self.calibration is None:
            raise DefinitionError(f"{self.name} is not fitted; call fit first.")
        expected = self.calibration.expected(self._margin(panel))
        count = panel[PRIOR.format(weeks=self.weeks)].to_numpy(dtype=float)
        return _predicted(panel, count, expected, self.calibration.probability(expected))

    def _margin(self, panel: pd.DataFrame) -> np.ndarray:
        return np.log(panel[PRIOR.format(weeks=self.weeks)].to_numpy(dtype=float) + 0.5)


@dataclass(frozen=True)
class Line:
    """A Poisson regression of counts on signed logs of features, ``sign(x) * log(1 + |x|)``: plain numbers, fit to be kept as JSON.

    Parameters
    ----------
    weights
        Weight of each feature's signed log.
    centres
        Mean of each feature's signed log in training; a missing value counts as the centre.
    constant
        Log rate where every feature is at its centre.
    """

    weights: dict[str, float] = field(default_factory=dict)
    centres: dict[str, float] = field(default_factory=dict)
    constant: float = 0.0

    @classmethod
    def fit(cls, panel: pd.DataFrame, features: Sequence[str], *, l2: float = 1e-3) -> "Line":
        """Fit to the rows of `panel` and their `y`; features are standardised before the penalty `l2`."""
        from sklearn.linear_model import PoissonRegressor  # noqa: PLC0415

        y = panel["y"].to_numpy(dtype=float)
        if not features:
            return cls(constant=float(np.log(y.mean())))
        logs = _signed_log(panel[list(features)].to_numpy(dtype=float))
        centre = np.nan_to_num(np.nanmean(np.where(np.isnan(logs).all(axis=0), 0.0, logs), axis=0))
        filled = np.where(np.isnan(logs), centre, logs) - centre
        scale = np.maximum(filled.std(axis=0), _TINY)
        fitted = PoissonRegressor(alpha=l2, max_iter=500, solver="newton-cholesky").fit(filled / scale, y)
        weights = np.where(scale > _TINY, fitted.coef_ / scale, 0.0)
        names = list(features)
        return cls(
            dict(zip(names, weights.tolist(), strict=True)),
            dict(zip(names, centre.tolist(), strict=True)),
            float(fitted.intercept_),
        )

    def parts(self, panel: pd.DataFrame) -> np.ndarray:
        """(n, features) what each feature adds to the log rate; with the constant they make :meth:`margin`."""
        names = list(self.weights)
        logs = _signed_log(panel[names].to_numpy(dtype=float))
        centre = np.array([self.centres[n] for n in names])
        return (np.where(np.isnan(logs), centre, logs) - centre) * np.array([self.weights[n] for n in names])

    def margin(self, panel: pd.DataFrame) -> np.ndarray:
        """(n,) log rate."""
        return self.constant + self.parts(panel).sum(axis=1)


def _signed_log(values: np.ndarray) -> np.ndarray:
    return np.sign(values) * np.log1p(np.abs(values))


@dataclass(frozen=True)
class Linear:
    """Poisson regression on the logs of the features: what a model must add to be worth its trees."""

    features: tuple[str, ...]
    l2: float = 1e-3
    line: Line | None = None
    calibration: Calibration = Calibration()

    @property
    def name(self) -> str:
        """How reports call it."""
        return "poisson regression"

    def fit(self, panel: pd.DataFrame) -> "Linear":
        """A fitted copy."""
        rows = settled(panel)
        line = Line.fit(rows, self.features, l2=self.l2)
        return dataclasses.replace(
            self, line=line, calibration=Calibration.fit(line.margin(rows), rows["y"].to_numpy(dtype=float))
        )

    def predict(self, panel: pd.DataFrame) -> pd.DataFrame:
        """Columns `score`, `expected`, `probability`."""
        if self.line is None:
            raise DefinitionError(f"{self.name} is not fitted; call fit first.")
        expected = self.calibration.expected(self.line.margin(panel))
        return _predicted(panel, expected, expected, self.calibration.probability(expected))


def _predicted(panel: pd.DataFrame, score: np.ndarray, expected: np.ndarray, probability: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"score": score, "expected": expected, "probability": probability}, index=panel.index)
