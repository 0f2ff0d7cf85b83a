"""A piece of a city: the records of some grids and their neighbours, and what was told of the rest."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy import sparse

from riskwarn.distributed.city import City, Places
from riskwarn.errors import DefinitionError
from riskwarn.history import CITY, History, Snapshot, Totals
from riskwarn.history.coverage import Coverage
from riskwarn.history.deliveries import BACKFILL_DAYS
from riskwarn.history.facts import Facts
from riskwarn.history.record import link_of
from riskwarn.history.silences import Silence

Key = TypeVar("Key", bound=Hashable)
Answer = TypeVar("Answer")
AUTO = "auto"
"""How :meth:`riskwarn.history.History.neighbors` is asked by features."""
_TABLE = "places"
"""The one table beside the events that features read as it is."""


class NotToldError(DefinitionError):
    """A feature asks a piece for something of the city that it was not told."""


@dataclass(frozen=True, eq=False, repr=False)
class Piece(History):
    """The history of some grids and the grids around them, cut out of a city. Its core, :meth:`core`, answers as the city does.

    What its features ask of the whole city it was told beforehand; what it was not told it refuses to answer.

    Parameters
    ----------
    elsewhere
        What was told of the city.
    places
        Where its grids lie.
    inside
        (n_core,) row numbers of the grids of the core; the others are their neighbours.
    of_city
        (n_grids,) row numbers that its grids have in the city.
    """

    elsewhere: City | None = None
    places: Places | None = None
    inside: np.ndarray | None = None
    of_city: np.ndarray | None = None

    @property
    def core(self) -> Self:
        """The history of the grids that are asked for."""
        assert self.inside is not None
        return self.part(self.inside)

    def at(self, as_ofs: Iterable[object]) -> Snapshot:
        """What was known at some of the dates the piece was told of; whether the city speaks for them was asked before."""
        dates = pd.DatetimeIndex([self.instant(a).tz_convert("UTC") for a in as_ofs]).as_unit("us")
        return PieceSnapshot(self, dates)

    def part(self, numbers: np.ndarray) -> Self:
        """The history of some of the grids, by row number, increasing."""
        some = super().part(numbers)
        of_city = None if self.of_city is None else self.of_city[numbers]
        return replace(some, places=self.told_places.part(numbers), of_city=of_city)

    @property
    def city_told(self) -> City:
        """What was told of the city."""
        assert self.elsewhere is not None
        return self.elsewhere

    @property
    def told_places(self) -> Places:
        """Where the grids lie."""
        assert self.places is not None
        return self.places

    @property
    def sources(self) -> list[str]:
        """Feeds with events anywhere in the city."""
        return list(self.city_told.sources)

    def categories(self, source: str) -> frozenset[str]:
        """Categories that the records of a feed carry anywhere in the city."""
        return self.city_told.categories.get(source, frozenset())

    def told(self, column: str) -> bool:
        """Whether the city gives a `column` of any grid."""
        return column in self.city_told.columns

    def coverage(self, source: str) -> tuple[list[Coverage], np.ndarray]:
        """Which time the deliveries of a feed say they speak for."""
        return _told(self.city_told.covers, source, "coverage"), self.told_places.coverage[source]

    def silences(self, source: str, *, settle_days: float = 0) -> list[Silence]:
        """When a feed did not speak."""
        key = source, max(settle_days, BACKFILL_DAYS)
        number = _told(self.told_places.silence, key, "silences")
        return [Silence(number == k, spans) for k, spans in enumerate(self.city_told.spans[key])]

    def begun(self, source: str, org: str = "") -> tuple[np.ndarray, np.ndarray]:
        """When the earliest record of a feed became known."""
        return _told(self.city_told.begun, (source, org), "beginning")

    def closings(self, source: str, dates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Whether a feed tells closings, county by county."""
        at = self.when(dates)
        return _told(self.city_told.closings, source, "closings")[:, at], self.told_places.county[source]

    def when(self, dates: np.ndarray) -> np.ndarray:
        """Numbers of dates among those the piece was told of."""
        at = np.searchsorted(self.city_told.dates, dates)
        if not np.array_equal(self.city_told.dates[np.minimum(at, len(self.city_told.dates) - 1)], dates):
            raise NotToldError("the block was told of other dates.")
        return at

    def neighbors(self, how: str = AUTO) -> sparse.csr_matrix:
        """(n_core, n_around) 0/1 matrix of the grids beside each grid of the core, among those of the piece."""
        if self.numbers is None or how != AUTO:
            raise NotToldError("looks at the neighbours of neighbours")
        return self.whole._links[AUTO][self.numbers]  # noqa: SLF001 - one class, two objects

    @property
    def around(self) -> Self:
        """The history of the core and its neighbours: the piece."""
        if self.numbers is None:
            raise NotToldError("looks at the neighbours of neighbours")
        return self.whole

    def reached(self, reach: float, shape: str) -> tuple[Self, sparse.csr_matrix]:
        """The piece, which holds the grids within reach of its core, and their weights."""
        if self.numbers is None:
            raise NotToldError("looks beyond the grids within reach")
        weights = _told(self.whole._links, link_of(reach, shape), "grids within reach")  # noqa: SLF001 - one class, two objects
        return self.whole, weights[self.numbers]

    def closeness(self, reach: float, shape: str) -> sparse.csr_matrix:
        """Refused: a piece does not hold all grids."""
        raise NotToldError(f"asks how close all grids are ({shape}, {reach:g})")

    def has(self, name: str) -> bool:
        """Whether the city has such a table, as far as it was told."""
        if name not in {"events", "grids", _TABLE}:
            raise NotToldError(f"reads table {name!r}")
        return super().has(name)

    def _arrow(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        if name != _TABLE:
            raise NotToldError(f"reads table {name!r}")
        return super()._arrow(name, columns)

    def arrow_at(self, name: str, as_of: object, *, columns: Sequence[str] | None = None) -> pa.Table | None:
        """Refused: a piece has no tables but what was counted of them."""
        del as_of, columns
        raise NotToldError(f"reads table {name!r}")

    def _table(self, name: str) -> Facts:
        if self.numbers is None and name not in self._tables:
            raise NotToldError(f"reads table {name!r}")
        return super()._table(name)


class PieceSnapshot(Snapshot):
    """Dates over a piece of a city: totals of areas are those of the whole city."""

    history: Piece

    def total(self, of: Hashable, area: str, terms: Callable[[], Sequence[np.ndarray]]) -> Totals:
        """What all grids of the city add up to in each area, as it was told."""
        del terms
        piece = self.history
        sums, numbers = _told(piece.city_told.totals, (of, area), "totals")
        at = piece.when(self.micros)
        return Totals(sums[..., at], numbers[..., at], None if area == CITY else piece.told_places.area[area])

    def median(self, of: Hashable, values: Callable[[], np.ndarray]) -> np.ndarray:
        """The median over all grids of the city, as it was told."""
        del values
        piece = self.history
        return _told(piece.city_told.medians, of, "median")[:, piece.when(self.micros)]

    def of_parent(self, values: np.ndarray, level: str, *, mean: bool = True) -> np.ndarray:
        """Refused: the piece does not hold all grids of a parent."""
        del values, level, mean
        raise NotToldError("takes the mean of a parent itself, and not by `areas` and `terms`")

    def areas(self, level: str) -> tuple[np.ndarray, int]:
        """Number of the parent of each grid among those of the city."""
        places = self.history.told_places
        return _told(places.area, level, "parents"), places.n_areas[level]


def _told(known: Mapping[Key, Answer], key: Key, what: str) -> Answer:
    if key not in known:
        raise NotToldError(f"asks for the {what} of {key!r}, which the city was not asked for")
    return known[key]
