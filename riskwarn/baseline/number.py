"""What baselines that rank by one number of the panel share: the number is the score, and the past says what it amounts to.

All rank by one number a grid: the label's own count over some weeks, an exponentially weighted mean, the same season of past
years, people, prospective hotspots and kernel densities.
"""

import dataclasses
from dataclasses import dataclass, field
from typing import ClassVar, Self

import numpy as np
import pandas as pd

from riskwarn.baseline.protocol import check_known, columns, predicted, settled
from riskwarn.calibration import Calibration
from riskwarn.errors import DefinitionError
from riskwarn.feature import Attribute, Faded, Feature, Harmonic, Own, SameSeason, Spread
from riskwarn.history import Stream

HALF_AN_EVENT = 0.5
"""Added before the log is taken, so that no event yet is not minus infinity."""


@dataclass(frozen=True)
class Number:
    """Ranks grids by one feature; its count and probability are calibrated on the past, ``log mu = a + b log(x + 0.5)``.

    The score is the number itself, so grids it cannot tell apart tie. Where the number is unknown a grid counts as a usual one: it is
    expected to see the mean of the training rows, and ranks with those that are; never as calm.

    Parameters
    ----------
    calibration
        From the log of the number to the distribution of the count; None before :meth:`fit`.
    usual
        Mean count of the training rows.

    Examples
    --------
    >>> panel = pd.DataFrame({"prior_4w": [0.0, 1.0, 4.0, np.nan] * 10, "y": [0, 1, 4, 1] * 10})
    >>> PriorCount(4).fit(panel).predict(panel[:4]).round(2)
       score  expected  probability
    0   0.00      0.13         0.12
    1   1.00      0.74         0.52
    2   4.00      4.13         0.98
    3   1.86      1.50         0.77
    """

    is_baseline: ClassVar[bool] = True
    calibration: Calibration | None = field(default=None, kw_only=True)
    usual: float = field(default=float("nan"), kw_only=True)

    @property
    def name(self) -> str:
        """How reports call it."""
        raise DefinitionError(f"{type(self).__name__} does not say its name.")

    @property
    def feature(self) -> Feature:
        """The number."""
        raise DefinitionError(f"{type(self).__name__} does not say what it ranks by.")

    @property
    def needs(self) -> tuple[Feature, ...]:
        """The number's column."""
        return (self.feature,)

    def fit(self, panel: pd.DataFrame) -> Self:
        """A copy with its calibration fitted to the settled rows where the number is known.

        Parameters
        ----------
        panel
            Rows with `y` and the columns of :attr:`needs`; those without a settled outcome are left out.

        Returns
        -------
        fitted
            The baseline itself stays as it was.

        Raises
        ------
        LabelError
            No settled outcome, or one class.
        DataError
            The panel lacks a column, or what it ranks by is unknown in every row.
        """
        rows = settled(panel)
        margin = self._margin(self._values(rows))
        known = np.isfinite(margin)
        check_known(known, self.needs, self.name)
        y = rows["y"].to_numpy(dtype=float)
        return dataclasses.replace(self, calibration=Calibration.fit(margin[known], y[known]), usual=float(y.mean()))

    def predict(self, panel: pd.DataFrame) -> pd.DataFrame:
        """Columns `score` (the number itself), `expected`, `probability`.

        Parameters
        ----------
        panel
            Rows with the columns of :attr:`needs`.

        Returns
        -------
        predicted
            On the index of `panel`: `score` (higher is riskier), `expected` (events in the horizon), `probability` (of at least one, in
            [0, 1]).

        Raises
        ------
        DefinitionError
            It is not fitted.
        DataError
            The panel lacks a column.
        """
        if self.calibration is None:
            raise DefinitionError(f"{self.name} is not fitted; call fit first.")
        values = self._values(panel)
        expected = self.calibration.expected(self._margin(values))
        known = np.isfinite(values)
        score = np.where(known, values, self._usual_number(self.calibration))
        expected = np.where(known, expected, self.usual)
        return predicted(panel, score, expected, self.calibration.probability(expected))

    def _values(self, panel: pd.DataFrame) -> np.ndarray:
        return columns(panel, self.needs, self.name)[:, 0]

    @staticmethod
    def _margin(values: np.ndarray) -> np.ndarray:
        return np.log(np.maximum(values, 0) + HALF_AN_EVENT)

    def _usual_number(self, calibration: Calibration) -> float:
        """The number from which the mean of the training rows is expected."""
        return float(np.exp((np.log(self.usual) - calibration.level) / calibration.slope) - HALF_AN_EVENT)


@dataclass(frozen=True)
class PriorCount(Number):
    """Ranks grids by the label's own events over the last `weeks` weeks.

    ``x = n([as_of - 7 weeks, as_of))``. With fifteen weeks it ranks as their mean does, the habit of the field. That a count is hard to
    beat: Wheeler & Steenbeek 2021, Journal of Quantitative Criminology 37, 445–480.

    Parameters
    ----------
    weeks
        How far back it counts.
    streams
        What is counted, for it to say what it needs; on a panel that has the column it may be left out.

    Examples
    --------
    >>> PriorCount(15).name, PriorCount(15).feature.name
    ('prior count 15 weeks', 'prior_15w')
    """

    weeks: int
    streams: tuple[Stream, ...] = ()

    @property
    def name(self) -> str:
        """How reports call it."""
        return f"prior count {self.weeks} weeks"

    @property
    def feature(self) -> Own:
        """The count."""
        return Own(self.streams, self.weeks)


@dataclass(frozen=True)
class Ewma(Number):
    """Ranks by past events, each weighted by one half to the power of its age over `half_life` days.

    ``x = sum_i 2 ** (-age_i / half_life)``: up to a constant the exponentially weighted mean of Roberts (1959, Technometrics 1,
    239–250), simple exponential smoothing in forecasting. Own code because the library's (``pandas.ewm``) wants equal steps, where
    events lie at instants and become known late.

    Parameters
    ----------
    streams
        What is counted.
    half_life
        Age at which an event counts half, days.

    Examples
    --------
    >>> rival = Ewma((Stream("dispute"),), half_life=28)
    >>> rival.name, [f.name for f in rival.needs]
    ('ewma 28 days', ['prior_faded_28d'])
    """

    streams: tuple[Stream, ...]
    half_life: float = 91

    @property
    def name(self) -> str:
        """How reports call it."""
        return f"ewma {self.half_life:g} days"

    @property
    def feature(self) -> Faded:
        """The faded count."""
        return Faded(self.streams, self.half_life)


@dataclass(frozen=True)
class Season(Number):
    """Ranks by the mean count of the same `days` days of the last `years` years; with one year it is the seasonal naive forecast.

    ``x = mean_y n([as_of - 364 y, as_of - 364 y + days))`` over the years for which the feed speaks (Hyndman & Athanasopoulos 2021,
    Forecasting: Principles and Practice, 3rd ed., section 5.2). A grid of a feed younger than a year is unknown, not calm.

    Parameters
    ----------
    streams
        What is counted.
    days
        Length of the window from the date on.
    years
        How many years back.

    Examples
    --------
    >>> Season((Stream("dispute"),), days=28).name, Season((Stream("dispute"),), days=28, years=1).name
    ('same season', 'seasonal naive')
    """

    streams: tuple[Stream, ...]
    days: float
    years: int = 3

    @property
    def name(self) -> str:
        """How reports call it."""
        return "seasonal naive" if self.years == 1 else "same season"

    @property
    def feature(self) -> SameSeason:
        """The count of that season."""
        return SameSeason(self.streams, self.days, self.years)


@dataclass(frozen=True)
class People(Number):
    """Ranks by ``population`` or ``households`` of the grid, whatever happened there: a rate that is everywhere the same.

    A model that does not beat it has found where people live. A grid without the number is unknown, not empty.

    Parameters
    ----------
    column
        ``population`` or ``households``, of table `grids`.

    Examples
    --------
    >>> People("households").name
    'households'
    """

    column: str = "population"

    @property
    def name(self) -> str:
        """How reports call it."""
        return self.column

    @property
    def feature(self) -> Attribute:
        """The number of people or homes."""
        return Attribute(self.column)


@dataclass(frozen=True)
class Hotspot(Number):
    """Ranks by past events, each weighted by one over its distance and its age.

    ``x_i = sum over events of 1 / (1 + b) * 1 / (1 + w)``: `b` whole half grid widths between the centres, up to `reach` widths, `w`
    whole weeks, up to `weeks` (Bowers, Johnson & Pease 2004, British Journal of Criminology 44, 641–658; theirs are cells of 50 m, 400 m
    and two months). Widths are the median spacing of the grids.

    Parameters
    ----------
    streams
        What is counted.
    reach
        How far an event is felt, in widths of the grids.
    weeks
        How long it is felt.

    Examples
    --------
    >>> [f.name for f in Hotspot((Stream("dispute"),)).needs]
    ['prior_harmonic_8w_bands_2']
    """

    streams: tuple[Stream, ...]
    reach: float = 2.0
    weeks: int = 8

    @property
    def name(self) -> str:
        """How reports call it."""
        return "prospective hotspot"

    @property
    def feature(self) -> Spread:
        """The weighted events."""
        return Spread(Harmonic(self.streams, self.weeks), self.reach, "bands")


@dataclass(frozen=True)
class Kernel(Number):
    """Ranks by the density of the last `weeks` weeks' events under a Gaussian kernel over the centres of grids.

    ``x_i = sum_j n_j K(d_ij) / sum_k K(d_kj)``, ``K(d) = exp(-d² / 2 reach²)``, distances in spacings of the grids (Silverman 1986,
    Density Estimation; Chainey, Tompson & Uhlig 2008, Security Journal 21, 4–28). Each event's mass of one is spread over the grids, so
    none leaks out of the city. Own code because events carry a grid and no coordinates: ``sklearn.neighbors.KernelDensity`` would
    give the density at the centres without that correction.

    Parameters
    ----------
    streams
        What is counted.
    reach
        Standard deviation of the kernel, in spacings of the grids.
    weeks
        How far back events count.

    Examples
    --------
    >>> rival = Kernel((Stream("dispute"),), reach=1)
    >>> rival.name, [f.name for f in rival.needs]
    ('kernel density 1', ['prior_52w_gauss_1'])
    """

    streams: tuple[Stream, ...]
    reach: float = 1.0
    weeks: int = 52

    @property
    def name(self) -> str:
        """How reports call it."""
        return f"kernel density {self.reach:g}"

    @property
    def feature(self) -> Spread:
        """The density."""
        return Spread(Own(self.streams, self.weeks), self.reach)
