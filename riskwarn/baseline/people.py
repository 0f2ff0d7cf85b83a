"""Where most people live: what a place's size alone tells."""

from dataclasses import dataclass

from riskwarn.baseline.number import Number
from riskwarn.feature import Attribute


@dataclass(frozen=True)
class People(Number):
    """Ranks by ``population`` or ``households`` of the grid, whatever happened there: a rate that is everywhere the same.

    A model that does not beat it has found where people live. A grid without the number is unknown, not empty.

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
