"""The same season of past years: what these weeks brought before."""

from dataclasses import dataclass

from riskwarn.baseline.number import Number
from riskwarn.feature import SameSeason
from riskwarn.history import Stream


@dataclass(frozen=True)
class Season(Number):
    """Ranks by the mean count of the same `days` days of the last `years` years; with one year it is the seasonal naive forecast.

    ``x = mean_y n([as_of - 364 y, as_of - 364 y + days))`` over the years for which the feed speaks (Hyndman & Athanasopoulos 2021,
    Forecasting: Principles and Practice, 3rd ed., section 5.2). A grid of a feed younger than a year is unknown, not calm.

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
