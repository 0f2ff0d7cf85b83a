"""A grid's own normal: what its past lets one expect of the next days, and the count that would be more than that."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Annotated, ClassVar, Literal, get_args

import numpy as np
from pydantic import Field

from riskwarn.declaring import AtLeastOne, Days, Number, Share
from riskwarn.errors import DefinitionError
from riskwarn.feature.base import measured
from riskwarn.feature.clause import Clause
from riskwarn.feature.observing import divided, unless_silent
from riskwarn.feature.own import _OfLabel
from riskwarn.feature.reach import Reach
from riskwarn.feature.telling import unit_of
from riskwarn.feature.windowed import Windowed
from riskwarn.history import CITY, Snapshot
from riskwarn.language import Spoken, measure_word, phrase

Part = Literal["expected", "threshold", "tail"]
YEAR_DAYS = 364
"""52 whole weeks, so that a year before is the same day of the week."""
_FEWEST_BLOCKS = 3
_FULL = 0.99
_TINY = 1e-6
_PARTS = {
    "expected": phrase("usual number of {nouns} in this grid in {days:g} days"),
    "threshold": phrase("most {nouns} still usual in this grid in {days:g} days"),
    "tail": phrase("chance of more {nouns} than usual in this grid in {days:g} days"),
}


@dataclass(frozen=True)
class OwnNormal(_OfLabel):
    """One number of the grid's own normal over `days` days: `expected`, `threshold`, or `tail`, the chance to exceed it.

    The last `past_days` days are cut into blocks of `days` days; only blocks for all of which the feeds spoke count, and with fewer
    than three nothing is known (NaN). Of `n` blocks, ``c`` the grid's events in them:

    1. *Within a grid* counts vary more than Poisson: ``f = max(sum(s2 - m) / sum(m**2 - s2 / n), 0)`` over all grids, `m` and `s2` the mean
       and variance of a grid's blocks.
    2. *Between grids* rates are Gamma with mean ``a / b`` and variance ``a / b**2``: the mean over the grids, and their variance less
       what counting alone makes of it.
    3. *Of this grid* one expects ``mu = (a + c) / (b + n)``, its own rate drawn towards the city's (Gamma–Poisson; Clayton & Kaldor 1987,
       Biometrics 43, 671-681), and the count to come is negative binomial with variance ``mu + (f + 1 / (a + c)) * mu**2``.

    `threshold` is the `quantile` of that distribution, and never below ``at_least - 1``: in a grid that hardly ever has an event one alone
    is no rise. `tail` is the probability of more; it differs between grids because counts are whole numbers.

    Examples
    --------
    >>> OwnNormal(("dispute",), days=28, part="tail").name
    'own_tail_28d'
    """

    days: Days
    past_days: Days = YEAR_DAYS
    quantile: Share = 0.95
    at_least: AtLeastOne = 2
    part: Part = "threshold"
    looks: ClassVar[Reach] = "city"
    areas: ClassVar[tuple[str, ...]] = (CITY,)
    unit: ClassVar[str] = "count or probability"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.past_days < _FEWEST_BLOCKS * self.days:
            raise DefinitionError(
                f"OwnNormal: past_days must hold {_FEWEST_BLOCKS} times {self.days:g} days, got {self.past_days:g}."
            )

    @property
    def name(self) -> str:
        return f"own_{self.part}_{self.days:g}d"

    @property
    def words(self) -> Spoken:
        return _PARTS[self.part].filled(nouns=self._nouns, days=self.days)

    @property
    def clause(self) -> Clause:
        if self.part == "tail":
            return replace(measured(self), unit=unit_of("share"), scale="percent")
        return replace(measured(self), unit=measure_word("event"))

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        key = ("normal", self.streams, self.days, self.past_days, self.quantile, self.at_least)
        parts = snapshot.kept.get(key)
        if parts is None:
            parts = snapshot.kept[key] = self._normal(snapshot)
        return parts[get_args(Part).index(self.part)]

    def _normal(self, snapshot: Snapshot) -> np.ndarray:
        """(3, n_grids, n_dates) expected count, threshold and tail."""
        from scipy import stats  # noqa: PLC0415

        n, total, squares = self._blocks(snapshot)
        known = n >= _FEWEST_BLOCKS
        city = self.totals(snapshot, CITY, moments_of(n, total, squares))
        mean, spread = _drawn(n, total, city.means)
        size = 1 / spread
        chance = size / (size + mean)
        threshold = np.maximum(stats.nbinom.ppf(self.quantile, size, chance), self.at_least - 1)
        tail = stats.nbinom.sf(threshold, size, chance)
        return np.where(known, np.stack([mean, threshold, tail]), np.nan).astype(np.float32)

    def terms(self, snapshot: Snapshot) -> Sequence[np.ndarray]:
        return moments_of(*self._blocks(snapshot))

    def _blocks(self, snapshot: Snapshot) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(n_grids or 1, n_dates) blocks for which every feed spoke, and (n_grids, n_dates) sums of their counts and squared counts."""
        n, total, squares = np.zeros((1, snapshot.shape[1])), np.zeros(snapshot.shape), np.zeros(snapshot.shape)
        sources = {s.source for s in self.streams}
        for block in range(int(self.past_days // self.days)):
            ago = block * self.days
            heard = (snapshot.exposure(s, self.days, ago=ago) >= _FULL * self.days for s in sources)
            spoke = reduce(np.logical_and, heard)
            count = sum(snapshot.count(s, self.days, ago=ago).astype(float) for s in self.streams) * spoke
            n, total, squares = n + spoke, total + count, squares + count**2
        return n, total, squares


def moments_of(n: np.ndarray, total: np.ndarray, squares: np.ndarray) -> Sequence[np.ndarray]:
    """What each grid says of the city: numbers whose means over the grids are all that its own are drawn towards.

    Parameters
    ----------
    n
        (n_dates,) or (n_grids, n_dates) blocks looked at.
    total, squares
        (n_grids, n_dates) sums of the counts of the blocks, and of their squares.

    Returns
    -------
    moments
        (n_grids, n_dates) each: variance beyond Poisson, squared rate without the noise in it, rate, squared rate, and one over the blocks
        looked at; NaN where they are fewer than three.
    """
    heard = np.broadcast_to(np.atleast_2d(n) >= _FEWEST_BLOCKS, total.shape)
    n = np.maximum(np.atleast_2d(n), _FEWEST_BLOCKS)
    means = total / n
    variance = np.maximum(squares - total * means, 0) / (n - 1)
    parts = (variance - means, means**2 - variance / n, means, means**2, 1 / n)
    return [np.where(heard, part, np.nan) for part in parts]


def _drawn(n: np.ndarray, total: np.ndarray, moments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean of the next block of each grid, and the dispersion `k` of its negative binomial, variance ``mu + k * mu**2``; both above 0.

    By the means of the city's moments, (5, 1, n_dates), 0 of a city of which nothing is known: the variance of the grids' means, less what
    counting alone brings, is that of a gamma distribution of rates (empirical Bayes; Robbins 1956). Grids with too few blocks tell nothing
    of the city, and their own numbers have no meaning.
    """
    n = np.maximum(np.atleast_2d(n), _FEWEST_BLOCKS)
    excess, squared, rate, rate_squared, one_over_n = np.nan_to_num(moments)
    within = np.maximum(excess / np.maximum(squared, _TINY), 0)
    city = np.maximum(rate, _TINY)
    counting = (city + within * rate_squared) * one_over_n
    between = np.maximum(rate_squared - rate**2 - counting, _TINY * city)
    shape, scale = city**2 / between, city / between
    return (shape + total) / (scale + n), within + 1 / (shape + total)


@dataclass(frozen=True)
class LastYear(Windowed):
    """What the `days` days from the date on brought a year before, against that year's own mean: ``(n + 1) / (m + 1)``.

    `n` counts the days from 364 days before the date on, `m` is the mean of as many days over the last 364; NaN where the feed was silent.

    Examples
    --------
    >>> from riskwarn.history import Stream
    >>> feature = LastYear(Stream("petition"), days=28)
    >>> feature.name, feature.words["en"]
    ('petition_last_year_28d', "petitions in the same 28 days of last year, in times that year's mean")
    """

    unit: ClassVar[str] = "ratio"

    days: Annotated[Number, Field(gt=0, le=YEAR_DAYS)]

    @property
    def name(self) -> str:
        return f"{self.stream.name}_last_year_{self.days:g}d"

    @property
    def words(self) -> Spoken:
        return phrase(
            "{events} in the same {days:g} days of last year, in times that year's mean",
            events=self.stream.words,
            days=self.days,
        )

    @property
    def clause(self) -> Clause:
        return replace(measured(self), unit=measure_word("multiple"))

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        ago = YEAR_DAYS - self.days
        then = snapshot.count(self.stream, self.days, ago=ago)
        mean = snapshot.count(self.stream, YEAR_DAYS) * np.float32(self.days / YEAR_DAYS)
        return unless_silent(snapshot, self.stream.source, self.days, divided(then + 1, mean + 1), ago=ago)
