"""From a raw log rate to the distribution of the count: level, slope, clumping and dispersion, fitted on outcomes the rate has not seen."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from riskwarn import metrics
from riskwarn.calling import checked
from riskwarn.level import LEVELS, levels_of

_TINY = 1e-9
_SLOPE, _SLOPE_SPREAD, _LEAST_SLOPE = 0.9, 0.25, 0.05
"""What the slope of a chance is held to, how loosely, and its least value: a rank is never turned round."""
_MOST_SLOPE = 5.0
"""Steepest slope of a count: rates that hardly differ where it is fitted would else be drawn out to counts that no city has."""
_STEPS, _STEEPEST = 100, 5.0
_WIDEST = 20.0
"""Largest clumping and dispersion that are looked for."""


@dataclass(frozen=True)
class Calibration:
    """From a raw log rate `m` to a distribution of the count: negative binomial with log mean ``level + slope * m``.

    The variance is ``mu + clumping * mu + dispersion * mu**2``: `clumping` says how events come in company of each other (the same
    dispute calls twice), `dispersion` how far the rate itself may lie from `mu` (its squared coefficient of variation). With the
    second alone the quiet grids would be too calm and the top of the list too uncertain, or the other way about.

    Parameters
    ----------
    level, slope
        Fitted by Poisson maximum likelihood.
    dispersion, clumping
        At least 0; both 0 is Poisson.
    chance
        Whether the outcome is 1 or 0: then ``exp(level + slope * m)`` is the rate at which it comes, and its mean the chance ``1 - exp(-rate)``,
        which nears 1 and never passes it (a binomial regression with complementary log-log link).

    Notes
    -----
    The count is a gamma mixture of Poissons, hence negative binomial, of size ``mu / (clumping + dispersion * mu)``: `dispersion` alone is
    the usual NB2, `clumping` alone the NB1 of Cameron & Trivedi (1998, Regression Analysis of Count Data, section 3.2).

    Both are fitted by maximum likelihood with a boundary-avoiding prior on the standard deviation of the rate (Chung et al. 2013,
    Psychometrika 78, 685-709): few dates never prove that the rate is known exactly.

    Examples
    --------
    >>> mean = np.array([0.1, 4.0])
    >>> law = Calibration(dispersion=0.5)
    >>> law.at_most(0, mean).round(3).tolist(), law.quantile(0.95, mean).tolist(), law.interval(mean, cover=0.9)
    ([0.907, 0.111], [1.0, 11.0], (array([0., 0.]), array([ 1., 11.])))
    """

    level: float = 0.0
    slope: float = 1.0
    dispersion: float = 0.0
    clumping: float = 0.0
    chance: bool = False

    @classmethod
    def fit_chance(cls, margin: np.ndarray, y: np.ndarray, *, overlap: float = 1.0) -> "Calibration":
        """Fit to raw log rates and outcomes that are 1 or 0: level free, slope held to a little below 1.

        Parameters
        ----------
        margin, y
            (n,) raw log rates, and whether the outcome came.
        overlap
            As for :meth:`fit`; so many rows weigh as one beside what the slope is held to.

        Returns
        -------
        calibration
            With `chance`. The few dates that choose the shares also tell the slope, and told on them it is too steep: of later dates the
            top came less often. So it is the mode with a normal prior of mean 0.9 and standard deviation 0.25.

        Examples
        --------
        >>> rng = np.random.default_rng(0)
        >>> margin = rng.normal(-2, 1, size=9000)
        >>> law = Calibration.fit_chance(margin, rng.random(9000) < 1 - np.exp(-np.exp(0.5 + margin)))
        >>> round(law.level, 1), round(law.slope, 1), float(law.expected(np.array([9.0]))[0])
        (0.5, 1.0, 1.0)
        """
        came = np.asarray(y, dtype=float)
        level, slope = _chance_fit(margin, came, max(overlap, 1.0))
        expected = cls(level, slope, chance=True).expected(margin)
        return cls(level, slope, *_spread(expected, came, max(overlap, 1.0)), chance=True)

    @classmethod
    def fit(cls, margin: np.ndarray, y: np.ndarray, *, overlap: float = 1.0) -> "Calibration":
        """Fit to raw log rates (n,) and settled counts (n,).

        Parameters
        ----------
        margin, y
            (n,) raw log rates, and the counts that came of them.
        overlap
            How many rows count the same event, at least 1: horizon over days between dates. So many rows weigh as one beside the prior.

        Returns
        -------
        calibration
            Its slope is above 0 and at most 5: where the rates rank the rows the wrong way round they are only shifted to the mean, and where
            they hardly differ they are not drawn out without end. Few trees that learn slowly need a slope of 4.

        Examples
        --------
        >>> rng = np.random.default_rng(0)
        >>> margin = rng.normal(size=4000)
        >>> law = Calibration.fit(margin, rng.poisson(np.exp(0.5 + margin)))
        >>> round(law.level, 1), round(law.slope, 1), law.dispersion < 0.02
        (0.5, 1.0, True)
        """
        from sklearn.linear_model import PoissonRegressor  # noqa: PLC0415

        level, slope = 0.0, 0.0
        if np.any(y):  # the regression begins at the log of the mean, and no event at all has none
            regression = PoissonRegressor(alpha=1e-6, max_iter=300).fit(margin[:, None], y)
            level, slope = float(regression.intercept_), float(regression.coef_[0])
        if slope <= 0:
            level, slope = float(np.log(max(y.mean(), 1e-6)) - margin.mean()), 1.0
        if slope > _MOST_SLOPE:
            # the likeliest level of a Poisson law whose slope is given
            level, slope = float(np.log(y.sum()) - np.log(np.exp(_MOST_SLOPE * margin).sum())), _MOST_SLOPE
        return cls(level, slope, *_spread(np.exp(level + slope * margin), y, max(overlap, 1.0)))

    def expected(self, margin: np.ndarray) -> np.ndarray:
        """Mean count.

        Parameters
        ----------
        margin
            (n,) raw log rates.

        Returns
        -------
        expected
            (n,) events in the horizon, above 0.

        Examples
        --------
        >>> Calibration(level=np.log(2), slope=1.0).expected(np.array([0.0])).round(6).tolist()
        [2.0]
        """
        return self.of_rate(self.level + self.slope * margin)

    def of_rate(self, log_rate: np.ndarray) -> np.ndarray:
        """Mean of a calibrated log rate: the rate itself, or, of an outcome that is 1 or 0, the chance that it comes.

        Parameters
        ----------
        log_rate
            (n,) ``level + slope * m``.

        Returns
        -------
        expected
            (n,) above 0; at most 1 of a `chance`.

        Examples
        --------
        >>> rate = np.log([0.1, 2.0])
        >>> Calibration().of_rate(rate).round(3).tolist(), Calibration(chance=True).of_rate(rate).round(3).tolist()
        ([0.1, 2.0], [0.095, 0.865])
        """
        rate = np.exp(log_rate)
        return np.asarray(-np.expm1(-rate) if self.chance else rate)

    def to_dict(self) -> dict[str, float | bool]:
        """Its parameters, by name; `chance` only where it is one.

        Returns
        -------
        values
            As the class takes them.
        """
        return {name: value for name, value in vars(self).items() if name != "chance" or value}

    def probability(self, expected: np.ndarray) -> np.ndarray:
        """Probability of at least one event, given the mean; it rises with the mean.

        Parameters
        ----------
        expected
            (n,) mean counts, at least 0.

        Returns
        -------
        probability
            (n,) in [0, 1].

        Examples
        --------
        >>> float(Calibration(dispersion=1.0).probability(np.array([1.0]))[0])
        0.5
        """
        size, excess = self._shape(expected)
        return -np.expm1(-expected if size is None else -size * np.log1p(excess))

    def at_most(self, count: np.ndarray | float, expected: np.ndarray) -> np.ndarray:
        """Probability of at most `count` events, given the mean.

        Parameters
        ----------
        count
            One, or (n,); a negative one has probability 0.
        expected
            (n,) mean counts.

        Returns
        -------
        probability
            (n,) in [0, 1].
        """
        from scipy import stats  # noqa: PLC0415

        size, excess = self._shape(expected)
        if size is None:
            return np.asarray(stats.poisson.cdf(count, expected))
        return np.asarray(stats.nbinom.cdf(count, size, 1 / (1 + excess)))

    def quantile(self, level: np.ndarray | float, expected: np.ndarray) -> np.ndarray:
        """Least count that is not exceeded with probability `level`, given the mean.

        Parameters
        ----------
        level
            Probability, in (0, 1).
        expected
            (n,) mean counts.

        Returns
        -------
        count
            (n,) whole numbers.
        """
        from scipy import stats  # noqa: PLC0415

        size, excess = self._shape(expected)
        if size is None:
            return np.asarray(stats.poisson.ppf(level, expected))
        return np.asarray(stats.nbinom.ppf(level, size, 1 / (1 + excess)))

    def interval(self, expected: np.ndarray, *, cover: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper end of the central interval of the count, the narrowest whole numbers that cover at least `cover`.

        Parameters
        ----------
        expected
            (n,) mean counts.
        cover
            Least probability inside, in (0, 1); of what lies outside at most half is on each side.

        Returns
        -------
        lower, upper
            (n,) whole numbers, both inside.
        """
        tail = (1 - cover) / 2
        return self.quantile(tail, expected), self.quantile(1 - tail, expected)

    def ends(
        self, expected: np.ndarray, lower: np.ndarray, upper: np.ndarray, *, cover: float = 0.9
    ) -> tuple[np.ndarray, np.ndarray]:
        """Part of each end's own probability that lies within the central `cover`: what makes :func:`riskwarn.metrics.coverage` exact.

        Parameters
        ----------
        expected
            (n,) mean counts.
        lower, upper
            (n,) ends, as from :meth:`interval`.
        cover
            As there.

        Returns
        -------
        lower_share, upper_share
            (n,) in [0, 1].

        Examples
        --------
        >>> none = np.zeros(1)
        >>> low, high = Calibration().ends(np.array([0.01]), none, none)
        >>> float((low + high - 1)[0].round(3))  # of the 99 % without an event, what belongs to a cover of 90 %
        0.909
        """
        tail = (1 - cover) / 2
        below, above = self.at_most(lower - 1, expected), self.at_most(upper, expected)
        at_lower = self.at_most(lower, expected) - below
        at_upper = above - self.at_most(upper - 1, expected)
        return _part(below + at_lower - tail, at_lower), _part(at_upper - (above - (1 - tail)), at_upper)

    def _shape(self, expected: np.ndarray) -> tuple[np.ndarray | None, np.ndarray]:
        """Size of the negative binomial and excess of its variance over its mean, as a share of the mean; no size is Poisson."""
        excess = np.maximum(self.clumping + self.dispersion * np.asarray(expected, dtype=float), _TINY)
        return (None if max(self.clumping, self.dispersion) < _TINY else expected / excess), excess


@checked
def by_level(predictions: pd.DataFrame) -> pd.DataFrame:
    """How honest forecasts are at each level of the list, and below it: :func:`by_group` over the levels of each date.

    Parameters
    ----------
    predictions
        As for :func:`by_group`, with `as_of` and `score` too.

    Returns
    -------
    levels
        One row a level that occurs, reddest first, then ``below`` and ``all``; columns as :func:`by_group`.

    Examples
    --------
    >>> night = pd.DataFrame({"as_of": 1, "score": range(200), "expected": [0.2] * 199 + [4.0], "y": [0, 0, 0, 1] * 50})
    >>> by_level(night.assign(probability=1 - np.exp(-night["expected"])))[["n", "expected", "observed"]].round(2)
             n  expected  observed
    red      1      4.00      1.00
    blue    29      0.20      0.24
    below  170      0.20      0.25
    all    200      0.22      0.25
    """
    bands = by_group(predictions, levels_of(predictions).replace("", "below"))
    return bands.reindex([name for name in (*(name for name, *_ in LEVELS), "below", "all") if name in bands.index])


@checked
def by_group(predictions: pd.DataFrame, group: pd.Series) -> pd.DataFrame:
    """How honest forecasts are in each group of rows, such as the kind of area.

    Parameters
    ----------
    predictions
        Of one model: `y`, `expected`, `probability`, and, where intervals are judged, `lower`, `upper`, `lower_share`, `upper_share`.
    group
        Name of each row's group, on the index of `predictions`.

    Returns
    -------
    groups
        One row a group, and ``all``: `n` rows, `expected` and `observed` mean count, `probability` and `frequency` of at least one
        event, `gap` = frequency - probability, `low` and `high` (Wilson's 95 % interval of the frequency, as if rows were
        independent: too narrow where horizons overlap), `coverage` of the 90 % interval with its ends by share
        (:func:`riskwarn.metrics.coverage`; the honest value is 0.9).

    Examples
    --------
    >>> rows = pd.DataFrame({"y": [0, 1, 1, 0], "expected": 0.5, "probability": 0.5})
    >>> by_group(rows, pd.Series(["town", "town", "village", "village"]))[["n", "observed", "gap"]]
             n  observed  gap
    town     2       0.5  0.0
    village  2       0.5  0.0
    all      4       0.5  0.0
    """
    parts = {str(name): rows for name, rows in predictions.groupby(group.reindex(predictions.index), observed=True)}
    return pd.DataFrame({name: _honesty(rows) for name, rows in {**parts, "all": predictions}.items()}).T.astype(
        {"n": int}
    )


def _honesty(rows: pd.DataFrame) -> pd.Series:
    y = rows["y"].to_numpy(dtype=float)
    table = metrics.reliability(y > 0, rows["probability"].to_numpy(dtype=float), bands=1).iloc[0]
    measures = {
        "n": len(rows),
        "expected": float(rows["expected"].mean()),
        "observed": float(y.mean()),
        "probability": table["predicted"],
        "frequency": table["observed"],
        "gap": table["gap"],
        "low": table["observed_low"],
        "high": table["observed_high"],
    }
    if "lower_share" in rows and rows["lower_share"].notna().all():
        names = ("lower", "upper", "lower_share", "upper_share")
        lower, upper, at_lower, at_upper = (rows[c].to_numpy(dtype=float) for c in names)
        measures["coverage"] = metrics.coverage(y, lower, upper, lower_share=at_lower, upper_share=at_upper)
    return pd.Series(measures)


def _part(inside: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.clip(inside / np.maximum(whole, np.finfo(float).tiny), 0.0, 1.0)


def _chance_fit(margin: np.ndarray, came: np.ndarray, overlap: float) -> tuple[float, float]:
    """Level and slope by Fisher scoring of a binomial law with complementary log-log link, rows weighing as one in `overlap`."""
    centre = float(margin.mean())
    x, found = margin - centre, np.array([np.log(max(float(came.mean()), 1e-6)), _SLOPE])
    for _ in range(_STEPS):
        rate = np.exp(np.minimum(found[0] + found[1] * x, _STEEPEST))
        chance = np.maximum(-np.expm1(-rate), _TINY)
        pull, weight = rate * (came / chance - 1), rate**2 * (1 - chance) / chance
        slope = np.array([pull.sum(), (pull * x).sum()]) / overlap
        known = np.array([[weight.sum(), (weight * x).sum()], [(weight * x).sum(), (weight * x * x).sum()]]) / overlap
        slope[1] -= (found[1] - _SLOPE) / _SLOPE_SPREAD**2
        known += np.diag([_TINY, 1 / _SLOPE_SPREAD**2])
        step = np.clip(np.linalg.solve(known, slope), -0.5, 0.5)
        found = found + step
        if np.abs(step).max() < _TINY:
            break
    slope_found = max(float(found[1]), _LEAST_SLOPE)
    return float(found[0]) - slope_found * centre, slope_found


def _spread(mean: np.ndarray, y: np.ndarray, overlap: float) -> tuple[float, float]:
    """Dispersion and clumping of counts about their means."""
    from scipy import optimize, special  # noqa: PLC0415

    some = y > 0
    counted, seen = y[some], mean[some]

    def loss(logs: np.ndarray) -> float:
        dispersion, clumping = np.exp(logs)
        excess = clumping + dispersion * mean
        # log likelihood of the negative binomial, but for what no parameter moves; a row without events adds the last term alone
        size, at = seen / excess[some], np.log(excess[some]) - np.log1p(excess[some])
        likelihood = (special.gammaln(counted + size) - special.gammaln(size) + counted * at).sum()
        likelihood -= (mean / excess * np.log1p(excess)).sum()
        # the prior's density rises with the standard deviation itself (a gamma law of shape 2): its log is half that of the dispersion
        return float(-likelihood / overlap - 0.5 * logs[0])

    bounds = [(np.log(1e-5), np.log(_WIDEST))] * 2
    fine = {
        "ftol": 1e-14,
        "gtol": 1e-9,
    }  # to the end: where it stops early, the order of rows would show in the sixth digit
    fitted = optimize.minimize(
        loss, np.log([0.1, 0.1]), bounds=bounds, method="L-BFGS-B", jac="3-point", options=fine
    ).x
    dispersion, clumping = np.exp(fitted)
    return float(dispersion), float(clumping)
