"""Poisson regression on the logs of the features: what a model must add to be worth its trees."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from riskwarn.baseline.face import predicted, settled
from riskwarn.calibration import Calibration
from riskwarn.errors import DefinitionError

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
