"""What the trees are grown for: a count, whether there is any, or the order within a night. All give a score that the calibration makes a rate."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

_MOST = 30
"""Largest count that a ranking tells from others."""


def outcome_of(objective: str, y: np.ndarray) -> np.ndarray:
    """(n,) What the trees are told of counts (n,): for ``binary`` whether there was any, for ``lambdarank`` at most 30."""
    if objective == "binary":
        return (y > 0).astype(float)
    return np.minimum(np.round(y), _MOST) if objective == "lambdarank" else y


def options_of(objective: str, y: np.ndarray, level: np.ndarray) -> dict[str, Any]:
    """LightGBM's options for an objective; `level` (n,) are the log rates the trees start from."""
    if objective == "negative_binomial":
        mean = np.exp(level)
        dispersion = max(float(((y - mean) ** 2 - y).sum() / (mean**2).sum()), 0.0)
        return {"objective": negative_binomial(dispersion)}
    known: dict[str, dict[str, Any]] = {
        "poisson": {"objective": "poisson"},
        "tweedie": {"objective": "tweedie", "tweedie_variance_power": 1.2},
        "binary": {"objective": "binary"},
        "lambdarank": {"objective": "lambdarank", "label_gain": list(range(_MOST + 1)), "lambdarank_truncation_level": 100},
    }  # fmt: skip
    return known[objective]


def nights_of(dates: pd.Series) -> np.ndarray:
    """Sizes of the nights of rows in the order of their dates."""
    return dates.groupby(dates, sort=False, observed=True).size().to_numpy()


def negative_binomial(dispersion: float) -> Callable[[np.ndarray, Any], tuple[np.ndarray, np.ndarray]]:
    """Slope and curvature of the negative binomial's loss in the log mean, variance ``mu + dispersion * mu**2``.

    Examples
    --------
    >>> slope, curvature = negative_binomial(0.0)(np.zeros(1), type("Two", (), {"get_label": lambda self: np.array([2.0])})())
    >>> float(slope[0]), float(curvature[0])  # Poisson's: mu - y, mu
    (-1.0, 1.0)
    """

    def loss(log_mean: np.ndarray, data: Any) -> tuple[np.ndarray, np.ndarray]:
        y, mean = data.get_label(), np.exp(np.clip(log_mean, -30, 30))
        spread = 1 + dispersion * mean
        return (mean - y) / spread, mean * (1 + dispersion * y) / spread**2

    return loss
