"""The label's own count over the last weeks: the rival of every report."""

from dataclasses import dataclass

from riskwarn.baseline.number import Number
from riskwarn.feature import Own
from riskwarn.history import Stream


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
