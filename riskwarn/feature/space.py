"""What the grid is: its facts, its kind, the places in it, and what happens for each household."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Annotated, ClassVar

import numpy as np
import pandas as pd
from pydantic import Field

from riskwarn.calling import checked
from riskwarn.declaring import Flag, Positive, Text, one_of
from riskwarn.errors import DefinitionError, did_you_mean
from riskwarn.feature.base import Feature, measured
from riskwarn.feature.clause import Clause, Noun, Scale, noun_of, window
from riskwarn.feature.observing import divided
from riskwarn.feature.reach import LEVELS, ParentLevel, Reach
from riskwarn.feature.windowed import Windowed
from riskwarn.history import CITY, Snapshot
from riskwarn.language import UNSAID, Spoken, Words, measure_word, phrase

_COLUMNS = {
    "area_km2": phrase("area, km²"),
    "households": phrase("households"),
    "population": phrase("population"),
}
_FORBIDDEN = ("name", "sex", "age", "ethnicity", "religion", "registration", "health", "record")
_FRINGE = ("112", "122")
_PLACES = {
    "school": phrase("school", plural="schools", context="noun"),
    "hospital": phrase("hospital", plural="hospitals", context="noun"),
    "site": phrase("building site", plural="building sites", context="noun"),
    "market": phrase("market", plural="markets", context="noun"),
    "station": phrase("station", plural="stations", context="noun"),
    "mall": phrase("mall", plural="malls", context="noun"),
    "square": phrase("square", plural="squares", context="noun"),
    "park": phrase("park", plural="parks", context="noun"),
    "hotel": phrase("hotel", plural="hotels", context="noun"),
    "old_estate": phrase("old housing estate", plural="old housing estates", context="noun"),
    "urban_village": phrase("urban village", plural="urban villages", context="noun"),
}


_CLASSES = {
    "fringe": phrase("urban fringe"),
    "rural": phrase("rural"),
    "urban": phrase("inner city"),
    "town": phrase("town"),
    "special": phrase("special area"),
}


@dataclass(frozen=True)
class _OfGrid(Feature):
    code: ClassVar[str] = "RC12"
    unit: ClassVar[str] = "as the column says"

    @property
    def family(self) -> str:
        return "grid"


_FACTS = {
    "area_km2": phrase("area of the grid"),
    "households": phrase("households of the grid"),
    "population": phrase("population of the grid"),
    "density": phrase("residents per km² of the grid"),
}


def _fact(key: str, *, log: bool) -> Clause:
    """The clause of a number of the grid itself; a log is told as the number it is of."""
    scale: Scale = "log1p" if log else ""
    return Clause("attribute", Noun(_FACTS[key]), side=0, eases="always", key=key, scale=scale, remedy="grid")


def _check_column(feature: Feature, column: str) -> None:
    if column in _FORBIDDEN:
        raise DefinitionError(
            f"{type(feature).__name__}: {column!r} tells of people, and people are no feature; a grid has {', '.join(_COLUMNS)}."
        )
    if column not in _COLUMNS:
        raise DefinitionError(
            f"{type(feature).__name__}: wanted area_km2, households or population, got {column!r}{did_you_mean(column, _COLUMNS)}."
        )


@dataclass(frozen=True)
class Attribute(_OfGrid):
    """A numeric fact of the grid itself: ``area_km2``, ``households`` or ``population``; `log`: log of one more.

    Examples
    --------
    >>> feature = Attribute("households", log=True)
    >>> feature.name, feature.words["en"]
    ('grid_households_log', 'log of the households of the grid')
    """

    column: str
    log: Flag = False

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_column(self, self.column)

    @property
    def name(self) -> str:
        return f"grid_{self.column}" + ("_log" if self.log else "")

    @property
    def words(self) -> Spoken:
        what = _COLUMNS[self.column]
        if self.log:
            return phrase("log of the {what} of the grid", what=what)
        return phrase("{what} of the grid", what=what)

    @property
    def clause(self) -> Clause:
        return _fact(self.column, log=self.log)

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        values = snapshot.attribute(self.column)
        return np.log1p(values) if self.log else values


@dataclass(frozen=True)
class Density(_OfGrid):
    """Log of residents per km².

    Examples
    --------
    >>> feature = Density()
    >>> feature.name, feature.words["en"]
    ('grid_density_log', 'log of residents per km²')
    """

    unit: ClassVar[str] = "log per km²"

    @property
    def name(self) -> str:
        return "grid_density_log"

    @property
    def words(self) -> Spoken:
        return phrase("log of residents per km²")

    @property
    def clause(self) -> Clause:
        return _fact("density", log=True)

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        return np.log1p(divided(snapshot.attribute("population"), snapshot.attribute("area_km2")))


@dataclass(frozen=True)
class UrbanClass(_OfGrid):
    """Whether the grid's urban–rural class is one of `classes`: 1 or 0; NaN where it has none.

    Examples
    --------
    >>> UrbanClass(("112", "122"), "fringe").name
    'grid_is_fringe'
    """

    classes: Annotated[tuple[Text, ...], Field(min_length=1)] = _FRINGE
    called: Annotated[Text, Field(pattern=r"^[^\W\d]\w*$")] = "fringe"
    unit: ClassVar[str] = "0 or 1"

    @property
    def name(self) -> str:
        return f"grid_is_{self.called}"

    @property
    def words(self) -> Spoken:
        return phrase("whether the grid is {known}", known=self._known)

    @property
    def _known(self) -> Spoken:
        return _CLASSES.get(self.called, Words(en=self.called))

    @property
    def clause(self) -> Clause:
        return Clause("flag", Noun(self._known), side=0, eases="always", remedy="grid")

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        grids = snapshot.history.grids
        if not snapshot.history.told("urban_class"):
            raise DefinitionError("the grids have no 'urban_class'; leave the feature out, or give the column.")
        urban_class = grids["urban_class"]
        return snapshot.fixed(np.where(urban_class.isna(), np.nan, urban_class.isin(self.classes)))


@dataclass(frozen=True)
class Places(_OfGrid):
    """Key places of one kind in the grid; `per_1000_households` of them where wanted.

    Examples
    --------
    >>> feature = Places("school")
    >>> feature.name, feature.words["en"]
    ('grid_school_n', 'schools in the grid')
    """

    of: Annotated[Text, one_of(_PLACES)]
    per_1000_households: bool = False
    unit: ClassVar[str] = "count"

    @property
    def name(self) -> str:
        return f"grid_{self.of}_n" + ("_per_1000_households" if self.per_1000_households else "")

    @property
    def words(self) -> Spoken:
        what = _PLACES[self.of]
        per = phrase(" per 1000 households") if self.per_1000_households else UNSAID
        return phrase("{what} in the grid{per}", what=what, per=per)

    @property
    def clause(self) -> Clause:
        if self.per_1000_households:
            return measured(self)
        noun = Noun(_PLACES[self.of], measure_word("place"))
        return Clause("places", noun, side=0, eases="always", remedy="grid")

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        n = snapshot.fixed(snapshot.places(self.of))
        return 1000 * divided(n, snapshot.attribute("households")) if self.per_1000_households else n


@dataclass(frozen=True)
class PerHousehold(Windowed):
    """Events of the last `days` days per 1000 households, drawn towards the rate of the parent at `level` and the city.

    ``(n + k * r) / (households + k) * 1000``, `k` pseudo-households of the parent's rate `r`, itself drawn likewise (Clayton &
    Kaldor 1987, Biometrics 43, 671–681). Where the feed spoke for a part of the window, the rate is scaled up to it.

    Examples
    --------
    >>> from riskwarn.history import Stream
    >>> feature = PerHousehold(Stream("police_call"), days=91)
    >>> feature.name, feature.words["en"]
    ('police_call_per_1000_households_91d', 'police calls per 1000 households in the last 91 days')
    """

    weight: Positive = 100
    level: ParentLevel = ""
    unit: ClassVar[str] = "per 1000 households"
    looks: ClassVar[Reach] = "city"
    monotone: ClassVar[int] = 1

    @property
    def name(self) -> str:
        return f"{self.stream.name}_per_1000_households_{self.days:g}d"

    @property
    def words(self) -> Spoken:
        return phrase("{events} per 1000 households in {window}", events=self.stream.words, window=window(self.days))

    @property
    def clause(self) -> Clause:
        noun = noun_of(self.stream)
        name = phrase(
            "{events} per 1000 households in {window}", context="measure", events=noun.many, window=window(self.days)
        )
        return replace(measured(self), noun=Noun(name, noun.measure), unit=noun.measure)

    @property
    def areas(self) -> tuple[str, ...]:  # type: ignore[override]
        return (CITY, self.level) if self.level else (CITY,)

    def terms(self, snapshot: Snapshot) -> Sequence[np.ndarray]:
        return snapshot.count(self.stream, self.days), np.nan_to_num(snapshot.attribute("households"))

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        count, homes = self.terms(snapshot)
        k = np.float32(self.weight)
        city = self.totals(snapshot, CITY)
        rate = divided(*city.sums)
        if self.level:
            above = self.totals(snapshot, self.level)
            rate = above.spread((above.sums[0] + k * rate) / (above.sums[1] + k))
        exposure = snapshot.exposure(self.stream.source, self.days)
        scale = np.where(exposure > 0, self.days / np.maximum(exposure, 1e-9), np.nan)
        return np.asarray(1000 * scale * (count + k * rate) / (homes + k), dtype=np.float32)


@checked
def circular_parents(grids: pd.DataFrame) -> str:
    """An area that lies in itself by way of another, in words; empty where parents are a tree.

    Parameters
    ----------
    grids
        Table `grids`.

    Returns
    -------
    circle
        As ``A in B in A``.

    Examples
    --------
    >>> circular_parents(pd.DataFrame({"grid_id": ["A", "B"], "township_id": ["B", "A"]}))
    'A in B in A'
    """
    levels = [c for c in ("grid_id", *LEVELS) if c in grids]
    above: dict[str, set[str]] = {}
    for low, high in pairwise(levels):
        for child, parent in grids[[low, high]].dropna().drop_duplicates().itertuples(index=False):
            if child != parent:
                above.setdefault(str(child), set()).add(str(parent))
    parents = set().union(*above.values())
    for start in (area for area in above if area in parents):
        if way := _way_back(above, start):
            return " in ".join(way)
    return ""


def _way_back(above: Mapping[str, set[str]], start: str) -> list[str]:
    """The shortest way up from an area to itself; empty where there is none."""
    below, ahead = {start: ""}, [start]
    for here in ahead:
        for higher in sorted(above.get(here, ())):
            if higher == start:
                return [*_from(below, here), start]
            if higher not in below:
                below[higher] = here
                ahead.append(higher)
    return []


def _from(below: Mapping[str, str], area: str) -> list[str]:
    """The way that led up to an area, itself at its end."""
    way = [area]
    while lower := below[way[-1]]:
        way.append(lower)
    return way[::-1]
