"""What the trees are grown for: a count, whether there is any, or the order within a night. All give a score that the calibration makes a rate."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd

from riskwarn.errors import DataError, DefinitionError
from riskwarn.feature import Attribute, Feature

_MOST = 30
"""Largest count that a ranking tells from others, and most classes of a rate."""
_LARGEST_GAIN = 100.0
"""Of a class of rates, where the smallest has 1: so that a handful of events where hardly anyone lives is not all a ranking is grown for."""
_SIZES = {"household": "households", "area": "area_km2"}


def outcome_of(objective: str, y: np.ndarray) -> np.ndarray:
    """What the trees are told of counts: for ``binary`` whether there was any, for ``lambdarank`` at most 30.

    Parameters
    ----------
    objective
        One of those that an experiment may name.
    y
        (n,) counts.

    Returns
    -------
    outcome
        (n,) numbers.
    """
    if objective == "binary":
        return (y > 0).astype(float)
    return np.minimum(np.round(y), _MOST) if objective == "lambdarank" else y


def options_of(objective: str, y: np.ndarray, level: np.ndarray) -> dict[str, Any]:
    """LightGBM's options for an objective.

    Parameters
    ----------
    objective
        As of :func:`outcome_of`.
    y
        (n,) counts.
    level
        (n,) log rates the trees start from.

    Returns
    -------
    options
        For ``lightgbm.train``.
    """
    if objective == "negative_binomial":
        mean = np.exp(level)
        dispersion = max(float(((y - mean) ** 2 - y).sum() / (mean**2).sum()), 0.0)
        return {"objective": negative_binomial(dispersion)}
    known: dict[str, dict[str, Any]] = {
        "poisson": {"objective": "poisson"},
        "tweedie": {"objective": "tweedie", "tweedie_variance_power": 1.2},
        "binary": {"objective": "binary"},
        "lambdarank": {
            "objective": "lambdarank",
            "label_gain": list(range(_MOST + 1)),
            "lambdarank_truncation_level": 100,
        },
    }
    return known[objective]


def size_of(features: Iterable[Feature], gain_per: str) -> Attribute:
    """The feature that tells what a gain per ``household`` or ``area`` is divided by.

    Parameters
    ----------
    features
        Of the model.
    gain_per
        ``household`` or ``area``.

    Returns
    -------
    feature
        An attribute of the grids.

    Raises
    ------
    DefinitionError
        None of `features` does.
    """
    column = _SIZES[gain_per]
    attributes = [f for f in features if isinstance(f, Attribute) and f.column == column]
    if not attributes:
        raise DefinitionError(
            f'no feature tells the {column} of a grid, which gain_per = "{gain_per}" divides by; declare Attribute("{column}") in a group of features/'
        )
    return attributes[0]


def sizes(rows: pd.DataFrame, attribute: Attribute) -> np.ndarray:
    """Households, or km², of the grid of each row; an unknown one, and 0, is the median of the rows that have one.

    Parameters
    ----------
    rows
        Of a panel.
    attribute
        What :func:`size_of` gave.

    Returns
    -------
    sizes
        (n,) above 0.

    Raises
    ------
    DataError
        No row has one.
    """
    values = rows[attribute.name].to_numpy(dtype=float)
    values = np.expm1(values) if attribute.log else values
    known = values > 0
    if not known.any():
        raise DataError(
            f"{attribute.name} is unknown or 0 in all {len(rows)} rows, so no gain can be per {attribute.column}."
        )
    return np.where(known, values, np.median(values[known]))


def gain_classes(rates: np.ndarray) -> tuple[np.ndarray, list[float]]:
    """Rates as the small whole numbers LambdaRank wants, and the gain of each (Burges 2010, MSR-TR-2010-82).

    Parameters
    ----------
    rates
        (n,) events per household or km², at least 0, one above.

    Returns
    -------
    classes
        (n,) 0 where the rate is 0, then 1 … at most 30: quantiles of the different rates, so that up to 30 of them stay apart.
    gains
        Of the classes, 0 first: the mean rate of the rows of a class over that of class 1, at most 100.

    Examples
    --------
    >>> classes, gains = gain_classes(np.array([0, 2, 1, 4]) / 300)
    >>> classes.tolist(), gains
    ([0.0, 2.0, 1.0, 3.0], [0.0, 1.0, 2.0, 4.0])
    """
    some = rates > 0
    logs = np.log(rates[some])
    # rounded, so that what a unit or a logarithm loses in the last digits parts no equal rates
    logs = np.round(logs - np.median(logs), 4)
    edges = np.quantile(np.unique(logs), np.arange(1, _MOST) / _MOST)
    place = np.unique(np.searchsorted(edges, logs, side="right"), return_inverse=True)[1]
    classes = np.zeros(len(rates))
    classes[some] = place + 1
    means = np.bincount(place, rates[some]) / np.bincount(place)
    return classes, [0.0, *np.minimum(means / means[0], _LARGEST_GAIN).round(6).tolist()]


def nights_of(dates: pd.Series) -> np.ndarray:
    """Sizes of the nights of rows in the order of their dates.

    Parameters
    ----------
    dates
        In order.

    Returns
    -------
    sizes
        Rows of each date.
    """
    return dates.groupby(dates, sort=False, observed=True).size().to_numpy()


def negative_binomial(dispersion: float) -> Callable[[np.ndarray, Any], tuple[np.ndarray, np.ndarray]]:
    """Slope and curvature of the negative binomial's loss in the log mean, variance ``mu + dispersion * mu**2``.

    The NB2 of Cameron & Trivedi (1998, Regression Analysis of Count Data), of which LightGBM has none. The curvature is the
    observed one, not its mean, ``mean / spread``: it is above 0 wherever `y` is not negative, and knows each row's own count.

    Parameters
    ----------
    dispersion
        At least 0; 0 is Poisson's.

    Returns
    -------
    objective
        Of raw scores and a data set, as LightGBM calls it.

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
