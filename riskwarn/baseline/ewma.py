"""Exponentially weighted mean: past events fade by half every so many days."""

from dataclasses import dataclass

from riskwarn.baseline.number import Number
from riskwarn.feature import Faded
from riskwarn.history import Stream


@dataclass(frozen=True)
class Ewma(Number):
    """Ranks by past events, each weighted by one half to the power of its age over `half_life` days.

    ``x = sum_i 2 ** (-age_i / half_life)``: up to a constant the exponentially weighted mean of Roberts (1959, Technometrics 1,
    239–250), simple exponential smoothing in forecasting. Own code because the library's (``pandas.ewm``) wants equal steps, where
    events lie at instants and become known late.

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
