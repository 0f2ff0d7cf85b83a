"""An additive rate: a background, and what each count of the past adds to it; of a count, or of the chance to exceed a threshold."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import pandas as pd

_TINY = 1e-9
_WIDEST = (-4.6, 1.6)
"""Range of the log of the dispersion, 0.01 to 5."""
_ROUNDS, _HALVINGS, _LEVELS, _GUESSES = 50, 8, 12, 20
_STEP = 1e-6
_ENOUGH = 1e-8
"""Gain of the mean log likelihood under which the search ends."""
_FLAT = 1e-7
"""Least bend of a quadratic beside its greatest: what single precision leaves of a sum."""

Told = tuple[np.ndarray, np.ndarray, np.ndarray]
"""What a law tells of its parameters: (n,) means, (n, k) their slopes, (n,) variances."""


@dataclass(frozen=True)
class Additive:
    """A rate ``background + sum_c weight_c * x_c``, weights at least 0: each event of the past raises the rate, whatever others did.

    It is the self-exciting process of :class:`riskwarn.baseline.SelfExciting` with its decays as columns, where trees and lines multiply.
    Of a count the margin is the log rate. Of an outcome that is 1 or 0 it is the log of the chance that a negative binomial count
    with this rate, variance ``rate + dispersion * rate**2``, exceeds the grid's threshold.

    Parameters
    ----------
    background
        Rate where no event is remembered.
    weights
        What one unit of each column adds.
    usual
        Mean of each column in training, which a missing value counts as; and of the threshold.
    exceeds
        None for a count; else the column of the threshold, or ``""`` where any event exceeds it.
    dispersion
        Of the count that must exceed; not used for a count.

    Examples
    --------
    >>> panel = pd.DataFrame({"recent": [0.0, 0.0, 2.0, 2.0], "y": [1.0, 1.0, 5.0, 5.0]})
    >>> rate = Additive.fit(panel, ["recent"])
    >>> round(rate.background, 3), round(rate.weights["recent"], 3)
    (1.0, 2.0)
    >>> np.exp(rate.margin(panel)).round(2).tolist()
    [1.0, 1.0, 5.0, 5.0]
    >>> np.exp(rate.constant + rate.parts(panel).sum(axis=1)).round(2).tolist()
    [1.0, 1.0, 5.0, 5.0]
    """

    background: float = 1.0
    weights: dict[str, float] = field(default_factory=dict)
    usual: dict[str, float] = field(default_factory=dict)
    exceeds: str | None = None
    dispersion: float = 0.0

    @classmethod
    def fit(cls, panel: pd.DataFrame, names: Sequence[str], *, exceeds: str | None = None) -> Self:
        """Maximum likelihood on the rows of `panel` and their `y`, by Fisher scoring within the bounds.

        Parameters
        ----------
        panel
            Settled rows.
        names
            Columns that add to the rate, such as faded counts.
        exceeds
            As above; `y` is then 1 or 0.

        Returns
        -------
        rate
            With a background and weights of at least 0.
        """
        y = panel["y"].to_numpy(dtype=float)
        values = panel[list(names)].to_numpy(dtype=float)
        usual = usual_of(values)
        offered = offered_by(values, usual)
        scale = np.maximum(offered.mean(axis=0), _TINY)
        # every term begins with an equal part of the mean
        start = np.full(len(scale), max(float(y.mean()), _TINY) / len(scale))
        known = dict(zip(names, usual.tolist(), strict=True))
        if exceeds is None:
            weights, dispersion = fisher_scoring(y, _count_of(offered / scale), start, _log_poisson), 0.0
        else:
            threshold = _threshold(panel, exceeds)
            known |= {exceeds: float(np.nanmedian(threshold))} if exceeds else {}
            chance = _chance_of(offered / scale, threshold)
            # how many events an outcome stands for is not known yet: the likeliest of some levels begins
            begun = [np.r_[start * 2.0**k, np.log(0.2)] for k in range(_LEVELS)]
            best = max(begun, key=lambda level: _log_bernoulli(y, chance(level)[0]))
            fitted = fisher_scoring(y, chance, best, _log_bernoulli, last=_WIDEST)
            weights, dispersion = fitted[:-1], float(np.exp(fitted[-1]))
        first, *rest = (weights / scale).tolist()
        return cls(first, dict(zip(names, rest, strict=True)), known, exceeds, dispersion)

    @property
    def columns(self) -> list[str]:
        """What it reads: the columns that add, and the threshold."""
        return [*self.weights, *([self.exceeds] if self.exceeds else [])]

    @property
    def _usual_limit(self) -> float:
        return self.usual.get(self.exceeds or "", 0.0)

    @property
    def constant(self) -> float:
        """Margin where every column is as usual."""
        usual = np.array([[self.usual[n] for n in self.weights]])
        return float(self._log(self._rate(usual), np.array([self._usual_limit]))[0])

    def margin(self, panel: pd.DataFrame) -> np.ndarray:
        """(n,) log rate, or log chance.

        Parameters
        ----------
        panel
            Rows with :attr:`columns`; a missing value counts as usual.

        Returns
        -------
        margin
            Above minus infinity: a rate is kept at 1e-9 or more.
        """
        return self._log(self._rate(self._values(panel)), self._limits(panel))

    def parts(self, panel: pd.DataFrame) -> np.ndarray:
        """(n, columns) what each of :attr:`columns` adds to the margin; with the constant they make :meth:`margin`.

        Along the straight way from the usual values to the row's, the log of a sum gives each term the share of its own rise
        (Aumann & Shapley 1974, Values of Non-Atomic Games); rate and threshold share what they make together as two players do
        (Shapley 1953).

        Parameters
        ----------
        panel
            Rows with :attr:`columns`.

        Returns
        -------
        parts
            0 where a column is as usual.
        """
        values, limits = self._values(panel), self._limits(panel)
        usual = np.array([[self.usual[n] for n in self.weights]])
        low, high = self._rate(usual), self._rate(values)
        met = (limits, np.full(len(values), self._usual_limit))
        by_rate = sum(self._log(high, limit) - self._log(np.broadcast_to(low, high.shape), limit) for limit in met) / 2
        rises = (values - usual) * np.array(list(self.weights.values()))
        moved = rises.sum(axis=1)
        apart = np.abs(moved) > _TINY * (low + high)
        # where rises cancel out, each still pulls by the slope of the margin
        slope = (self._log(high * (1 + _STEP), limits) - self._log(high, limits)) / (high * _STEP)
        pull = np.where(apart, by_rate / np.where(apart, moved, 1.0), slope)
        shares = pull[:, None] * rises
        if not self.exceeds:
            return shares
        return np.column_stack([shares, self.margin(panel) - self.constant - shares.sum(axis=1)])

    def _values(self, panel: pd.DataFrame) -> np.ndarray:
        values = panel[list(self.weights)].to_numpy(dtype=float)
        return offered_by(values, np.array([self.usual[n] for n in self.weights]))[:, 1:]

    def _rate(self, values: np.ndarray) -> np.ndarray:
        return np.maximum(self.background + values @ np.array(list(self.weights.values())), _TINY)

    def _limits(self, panel: pd.DataFrame) -> np.ndarray:
        return np.nan_to_num(_threshold(panel, self.exceeds or ""), nan=self._usual_limit)

    def _log(self, rate: np.ndarray, limits: np.ndarray) -> np.ndarray:
        return np.log(rate if self.exceeds is None else _exceeding(rate, limits, self.dispersion))


def fisher_scoring(
    y: np.ndarray,
    law: Callable[[np.ndarray], Told],
    start: np.ndarray,
    likelihood: Callable[[np.ndarray, np.ndarray], float],
    *,
    last: tuple[float, float] | None = None,
) -> np.ndarray:
    """Maximum likelihood by Fisher scoring: each step is the best one within the bounds for a quadratic of the likelihood.

    Parameters
    ----------
    y
        (n,) outcomes.
    law
        What the parameters tell of the rows: from (k,) to (n,) means, their (n, k) slopes and (n,) variances.
    start
        (k,) parameters to begin from; all are at least 0.
    likelihood
        Mean log likelihood of outcomes, given their means.
    last
        Bounds of the last parameter, where they are others.

    Returns
    -------
    parameters
        (k,) within the bounds; the likelihood is not below that of `start`.

    Notes
    -----
    Fisher's information ``J' V^-1 J`` stands for the negative second derivative [1]_: it needs no second slopes and is never indefinite,
    so the quadratic has a best point within the bounds, which least squares with bounds finds through its Cholesky root. A step that
    does not gain is halved.

    References
    ----------
    .. [1] McCullagh & Nelder (1989), Generalized Linear Models, section 2.5.

    Examples
    --------
    >>> offered, y = np.array([[1.0, 0.0], [1.0, 2.0]]), np.array([1.0, 5.0])
    >>> law, start = (lambda w: (offered @ w, offered, offered @ w)), np.ones(2)
    >>> fisher_scoring(y, law, start, lambda y, mean: float((y * np.log(mean) - mean).mean())).round(3).tolist()
    [1.0, 2.0]
    """
    low, high = np.zeros(len(start)), np.full(len(start), np.inf)
    if last:
        low[-1], high[-1] = last
    at, (mean, slopes, variance) = start, law(start)
    reached = likelihood(y, mean)
    for _ in range(_ROUNDS):
        information = slopes.T @ (slopes / variance[:, None]) / len(y)
        gradient = slopes.T @ ((y - mean) / variance) / len(y)
        step = bounded_step(information, gradient, low - at, high - at)
        for halving in range(_HALVINGS):
            tried = np.clip(at + step * 0.5**halving, low, high)
            tried_law = law(tried)
            gained = likelihood(y, tried_law[0]) - reached
            if gained > 0:
                break
        else:
            break
        at, (mean, slopes, variance), reached = tried, tried_law, reached + gained
        if gained < _ENOUGH:
            break
    return at


def bounded_step(information: np.ndarray, gradient: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The step between `low` and `high` that gains most for the quadratic ``gradient' step - step' information step / 2``.

    Parameters
    ----------
    information
        (k, k) symmetric, not indefinite.
    gradient
        (k,) slope where the step begins.
    low, high
        (k,) bounds of the step, infinite where there is none; 0 lies between them.

    Returns
    -------
    step
        (k,) within the bounds, up to 1e-9.

    Notes
    -----
    A guess which entries stand at a bound is solved for the others and mended by what comes out, until nothing is left to mend
    (the primal-dual active set of Hintermüller, Ito & Kunisch 2002, SIAM Journal on Optimization 13, 865–888): a handful of small
    systems. Where the guesses go round in a circle, it is the least squares problem ``min |L' step - L^-1 gradient|`` within bounds,
    with ``information = L L'``, which scipy solves; what bends downwards after sums in single precision counts as next to flat.

    Examples
    --------
    >>> none = np.full(2, np.inf)
    >>> bounded_step(np.eye(2), np.array([1.0, -2.0]), np.zeros(2), none).round(6).tolist()
    [1.0, 0.0]
    """
    curved = information + np.eye(len(gradient)) * (1e-10 + 1e-9 * information.trace())
    held = np.zeros(len(gradient), dtype=int)  # -1 at the lower bound, 1 at the upper one
    for _ in range(_GUESSES):
        step, free = np.select([held < 0, held > 0], [low, high], 0.0), held == 0
        step[free] = np.linalg.solve(curved[np.ix_(free, free)], gradient[free] - curved[free] @ step)
        pull = np.where(free, 0.0, gradient - curved @ step)
        mended = np.select([step < low, step > high, pull * held < 0], [-1, 1, 0], held)
        if (mended == held).all():
            return step
        held = mended
    return _least_squares(curved, gradient, low, high)


def _least_squares(curved: np.ndarray, gradient: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    from scipy.optimize import lsq_linear  # noqa: PLC0415

    bends, ways = np.linalg.eigh(curved)
    lengths = np.sqrt(np.maximum(bends, _FLAT * bends[-1]))
    root = lengths[:, None] * ways.T
    return np.asarray(lsq_linear(root, ways.T @ gradient / lengths, bounds=(low - _TINY, high + _TINY)).x)


def _count_of(offered: np.ndarray) -> Callable[[np.ndarray], Told]:
    def law(weights: np.ndarray) -> Told:
        rate = np.maximum(offered @ weights, _TINY)
        return rate, offered, rate

    return law


def _chance_of(offered: np.ndarray, threshold: np.ndarray) -> Callable[[np.ndarray], Told]:
    """Of rate and log dispersion: the chance to exceed, its slopes, its variance."""
    step = 1e-4

    def law(parameters: np.ndarray) -> Told:
        from scipy import stats  # noqa: PLC0415 - scipy.stats is heavy

        rate, dispersion = np.maximum(offered @ parameters[:-1], _TINY), np.exp(parameters[-1])
        chance, size = _exceeding(rate, threshold, dispersion), 1 / dispersion
        part = rate / (rate + size)
        # the tail of a negative binomial is a beta law's distribution function, so its slope is that law's density
        density = stats.beta.pdf(part, threshold + 1, size)
        by_rate = density * size / (rate + size) ** 2
        by_spread = (_exceeding(rate, threshold, dispersion * np.exp(step)) - chance) / step
        return chance, np.column_stack([offered * by_rate[:, None], by_spread]), chance * (1 - chance)

    return law


def _exceeding(rate: np.ndarray, threshold: np.ndarray, dispersion: float) -> np.ndarray:
    """Chance of more than `threshold` events, negative binomial, kept off 0 and 1."""
    from scipy.special import betainc  # noqa: PLC0415

    size = 1 / dispersion
    # scipy.stats.nbinom.sf at whole thresholds; the usual one, a median, may lie between two counts, and there this goes on smoothly
    return np.clip(betainc(threshold + 1, size, rate / (rate + size)), _TINY, 1 - _TINY)


def _log_poisson(y: np.ndarray, mean: np.ndarray) -> float:
    return float((y * np.log(mean) - mean).mean())


def _log_bernoulli(y: np.ndarray, mean: np.ndarray) -> float:
    return float((y * np.log(mean) + (1 - y) * np.log1p(-mean)).mean())


def _threshold(panel: pd.DataFrame, exceeds: str) -> np.ndarray:
    return panel[exceeds].to_numpy(dtype=float) if exceeds else np.zeros(len(panel))


def usual_of(values: np.ndarray) -> np.ndarray:
    """(k,) mean of each column of (n, k) values, missing ones aside; 0 where all are.

    Parameters
    ----------
    values
        (n, k), NaN where unknown.

    Returns
    -------
    usual
        (k,) never NaN.

    Examples
    --------
    >>> usual_of(np.array([[1.0, np.nan], [3.0, np.nan]])).tolist()
    [2.0, 0.0]
    """
    return np.nan_to_num(np.nanmean(np.where(np.isnan(values).all(axis=0), 0.0, values), axis=0))


def offered_by(values: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """(n, 1 + k) the background's 1, and the columns, at least 0.

    Parameters
    ----------
    values
        (n, k), NaN where unknown.
    usual
        (k,) what stands for an unknown value.

    Returns
    -------
    offered
        What each term of the rate adds for a weight of 1.

    Examples
    --------
    >>> offered_by(np.array([[2.0], [np.nan], [-1.0]]), np.array([0.5])).tolist()
    [[1.0, 2.0], [1.0, 0.5], [1.0, 0.0]]
    """
    known = np.where(np.isnan(values), usual, np.maximum(values, 0))
    return np.column_stack([np.ones(len(known)), known])
