"""Poisson regression on the logs of the features: what a model must add to be worth its trees."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pandas as pd

from riskwarn.baseline.protocol import columns, predicted, settled
from riskwarn.calibration import Calibration
from riskwarn.errors import DefinitionError
from riskwarn.feature import Feature, Own, Season
from riskwarn.history import Stream

_TINY = 1e-6


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
    def fit(
        cls, panel: pd.DataFrame, features: Sequence[str], *, l2: float = 1e-3, start: "Line | None" = None
    ) -> "Line":
        """Fit to the rows of `panel` and their `y`; features are standardised before the penalty `l2`.

        From a `start`, a line of the same features fitted to some of the rows, the same optimum is reached sooner.
        """
        from sklearn.linear_model import PoissonRegressor  # noqa: PLC0415

        y = panel["y"].to_numpy(dtype=np.float32)
        if not features:
            return cls(constant=float(np.log(y.mean())))
        names = list(features)
        # half the digits say a log well enough, at half the time and memory
        logs, centre, scale = _standardised(panel[names].to_numpy(dtype=np.float32))
        fitted = PoissonRegressor(alpha=l2, max_iter=500, solver="newton-cholesky", warm_start=start is not None)
        if start is not None:
            begun = np.array([start.weights[n] for n in names])
            fitted.coef_ = (begun * scale).astype(np.float32)
            moved = centre - np.array([start.centres[n] for n in names])
            fitted.intercept_ = np.float32(start.constant + moved @ begun)
        fitted.fit(logs, y)
        weights = np.where(scale > _TINY, fitted.coef_ / scale, 0.0)
        return cls(
            dict(zip(names, weights.tolist(), strict=True)),
            dict(zip(names, centre.tolist(), strict=True)),
            float(fitted.intercept_),
        )

    @classmethod
    def plain(cls, panel: pd.DataFrame, features: Sequence[str]) -> "Line":
        """Signed logs as they are, each with weight 1, about their means in `panel`."""
        names = list(features)
        logs = _signed_log(panel[names].to_numpy(dtype=float))
        centre = np.nan_to_num(np.nanmean(np.where(np.isnan(logs).all(axis=0), 0.0, logs), axis=0))
        return cls(dict.fromkeys(names, 1.0), dict(zip(names, centre.tolist(), strict=True)))

    def times(self, weights: Sequence[float]) -> "Line":
        """With each feature's weight times one of `weights`, in the order of the features; those without weight fall out."""
        found = {n: w * float(by) for (n, w), by in zip(self.weights.items(), weights, strict=True) if by > 0}
        return Line(found, {n: self.centres[n] for n in found}, self.constant)

    def only(self, features: Sequence[str]) -> "Line":
        """The terms of `features` alone, without the constant."""
        weights = {n: w for n, w in self.weights.items() if n in features}
        return Line(weights, {n: self.centres[n] for n in weights})

    @property
    def columns(self) -> list[str]:
        """The features it reads."""
        return list(self.weights)

    def parts(self, panel: pd.DataFrame) -> np.ndarray:
        """(n, features) what each feature adds to the log rate; with the constant they make :meth:`margin`."""
        names = list(self.weights)
        logs = _signed_log(panel[names].to_numpy(dtype=float))
        centre = np.array([self.centres[n] for n in names])
        return (np.where(np.isnan(logs), centre, logs) - centre) * np.array([self.weights[n] for n in names])

    def margin(self, panel: pd.DataFrame) -> np.ndarray:
        """(n,) log rate."""
        return self.constant + self.parts(panel).sum(axis=1)


@dataclass(frozen=True)
class Linear:
    """Poisson regression on the logs of the features: what a model must add to be worth its trees."""

    features: tuple[str, ...]
    l2: float = 1e-3
    line: Line | None = None
    calibration: Calibration = field(default_factory=Calibration)

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
        return predicted(panel, expected, expected, self.calibration.probability(expected))


def _signed_log(values: np.ndarray) -> np.ndarray:
    return np.sign(values) * np.log1p(np.abs(values))


def _standardised(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(n, m) signed logs about their means in units of their spread, 0 where missing; (m,) means; (m,) spreads."""
    logs = np.log1p(np.abs(values))
    np.copysign(logs, values, out=logs)
    missing = np.isnan(logs)
    known = len(logs) - missing.sum(axis=0)
    logs[missing] = 0
    centre = logs.sum(axis=0, dtype=float) / np.maximum(known, 1)
    logs -= centre.astype(np.float32)
    logs[missing] = 0
    scale = np.maximum(np.sqrt(np.einsum("ij,ij->j", logs, logs, dtype=float) / len(logs)), _TINY)
    logs /= scale.astype(np.float32)
    return logs, centre, scale


@dataclass(frozen=True)
class Surroundings:
    """Poisson regression on the label's own counts, those of the neighbours, and one harmonic of the year.

    ``log mu = c + sum_k a_k log(1 + n_k) + sum_k b_k log(1 + mean of the neighbours' n_k) + s sin + t cos`` with a small ridge penalty,
    scikit-learn's ``PoissonRegressor`` (counts with lags in time and space and a harmonic season: Held, Höhle & Hofmann 2005,
    Statistical Modelling 5, 187–199, who add their parts up where this multiplies them). A missing value counts as the mean. With less
    than a year of training the harmonic stands for the trend.

    Examples
    --------
    >>> [f.name for f in Surroundings((Stream("dispute"),), weeks=(4, 52)).needs]
    ['prior_4w', 'prior_4w_nearby', 'prior_52w', 'prior_52w_nearby', 'season_sin', 'season_cos']
    """

    is_baseline: ClassVar[bool] = True
    streams: tuple[Stream, ...]
    weeks: tuple[int, ...] = (4, 15, 52, 104)
    linear: Linear | None = None

    @property
    def name(self) -> str:
        """How reports call it."""
        return "glm with space and season"

    @property
    def needs(self) -> tuple[Feature, ...]:
        """Counts, neighbours' counts, and the season."""
        counts = [Own(self.streams, w) for w in self.weeks]
        return (*(f for own in counts for f in (own, own.nearby())), Season("sin"), Season("cos"))

    def fit(self, panel: pd.DataFrame) -> "Surroundings":
        """A fitted copy."""
        columns(panel, self.needs, self.name)
        return dataclasses.replace(self, linear=Linear(tuple(f.name for f in self.needs)).fit(panel))

    def predict(self, panel: pd.DataFrame) -> pd.DataFrame:
        """Columns `score`, `expected`, `probability`."""
        if self.linear is None:
            raise DefinitionError(f"{self.name} is not fitted; call fit first.")
        return self.linear.predict(panel)
