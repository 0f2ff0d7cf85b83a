"""From a raw log rate to the distribution of the count: level, slope and dispersion, fitted on outcomes the rate has not seen."""

from dataclasses import dataclass

import numpy as np

_TINY = 1e-6


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
