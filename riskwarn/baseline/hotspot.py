"""Prospective hotspots: what happened near and lately will happen again near and soon."""

from dataclasses import dataclass

from riskwarn.baseline.number import Number
from riskwarn.feature import Harmonic, Spread
from riskwarn.history import Stream


@dataclass(frozen=True)
class Hotspot(Number):
    """Ranks by past events, each weighted by one over its distance and its age.

    ``x_i = sum over events of 1 / (1 + b) * 1 / (1 + w)``: `b` whole half grid widths between the centres, up to `reach` widths, `w`
    whole weeks, up to `weeks` (Bowers, Johnson & Pease 2004, British Journal of Criminology 44, 641–658; theirs are cells of 50 m, 400 m
    and two months). Widths are the median spacing of the grids.

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
