"""Kernel density: past events spread over the map."""

from dataclasses import dataclass

from riskwarn.baseline.number import Number
from riskwarn.feature import Own, Spread
from riskwarn.history import Stream


@dataclass(frozen=True)
class Kernel(Number):
    """Ranks by the density of the last `weeks` weeks' events under a Gaussian kernel over the centres of grids.

    ``x_i = sum_j n_j K(d_ij) / sum_k K(d_kj)``, ``K(d) = exp(-d² / 2 reach²)``, distances in spacings of the grids (Silverman 1986,
    Density Estimation; Chainey, Tompson & Uhlig 2008, Security Journal 21, 4–28). Each event's mass of one is spread over the grids, so
    none leaks out of the city. Own code because events carry a grid and no coordinates: ``sklearn.neighbors.KernelDensity`` would
    give the density at the centres without that correction.

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
