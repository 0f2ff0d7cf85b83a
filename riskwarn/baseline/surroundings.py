"""A plain regression that knows the place, what lies beside it, and the time of year."""

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from riskwarn.baseline.face import columns
from riskwarn.baseline.line import Linear
from riskwarn.errors import DefinitionError
from riskwarn.feature import Feature, Own, Season
from riskwarn.history import Stream


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
