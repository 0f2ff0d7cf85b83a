"""The words of a feature. A feature is a function from what was known at `as_of` to one number per grid.

A feature is a frozen value: it names itself, says its unit and its words in Chinese and English, computes itself from a
:class:`riskwarn.history.Snapshot`, and survives a trip through JSON, so a trained model carries its own. New kinds are
added here as a class of a few lines; the sentences made of these words stand in ``features/*.py``.
"""

import dataclasses
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from riskwarn.errors import DefinitionError, did_you_mean
from riskwarn.history import Snapshot, Stream
from riskwarn.taxonomy import Words

NORMAL_WEEKS = 15
"""The habit of the field: what is normal is the mean of the fifteen weeks before."""
SPRING_FESTIVAL = ("2011-02-03", "2012-01-23", "2013-02-10", "2014-01-31", "2015-02-19", "2016-02-08", "2017-01-28", "2018-02-16", "2019-02-05", "2020-01-25", "2021-02-12", "2022-02-01", "2023-01-22", "2024-02-10", "2025-01-29", "2026-02-17", "2027-02-06", "2028-01-26", "2029-02-13", "2030-02-03")  # fmt: skip
"""First day of the lunar year."""


@dataclass(frozen=True)
class Feature:
    """Base of all features. Subclasses define :meth:`compute`, :attr:`name` and :attr:`words`."""

    unit: ClassVar[str] = "count"
    code: ClassVar[str] = "RC01"
    remedy: ClassVar[str] = "A1"
    monotone: ClassVar[int] = 0
    """1 where a rise of the feature may only raise the score, -1 where it may only lower it, 0 where both may be."""

    @property
    def name(self) -> str:
        """Column name, derived from the parameters."""
        raise DefinitionError(f"{type(self).__name__} does not say its name.")

    @property
    def words(self) -> Words:
        """What the number is, for staff."""
        raise DefinitionError(f"{type(self).__name__} does not say its words.")

    @property
    def family(self) -> str:
        """Features of one family explain one thing, and are one reason."""
        return self.name

    @property
    def template(self) -> Words:
        """Sentence of a reason, with ``{value}`` and ``{normal}`` to fill in."""
        return Words(f"{self.words.zh}：{{value}}（常态{{normal}}）", f"{self.words.en}: {{value}} (normal {{normal}})")

    def compute(self, snapshot: Snapshot) -> np.ndarray:  # noqa: ARG002 - subclasses read it
        """(n_grids, n_dates) float32 values."""
        raise DefinitionError(f"{type(self).__name__} does not say how it is computed.")

    def normal(self, snapshot: Snapshot) -> np.ndarray:
        """What the value is compared with in a reason: the median over all grids, unless the feature knows the grid's own."""
        median = np.nanmedian(self.compute(snapshot), axis=0, keepdims=True)
        return np.broadcast_to(median, snapshot.shape)

    def nearby(self) -> "Nearby":
        """The same, as the mean over the neighbouring grids."""
        return Nearby(self)

    def of_parent(self, level: str) -> "OfParent":
        """The same, as the mean over the grids with the same parent: ``community_id``, ``township_id`` or ``county_id``."""
        return OfParent(self, level)

    def to_dict(self) -> dict[str, Any]:
        """Plain values from which :func:`from_dict` makes an equal feature."""
        values = {f.name: _plain(getattr(self, f.name)) for f in dataclasses.fields(self)}
        return {"kind": type(self).__name__, **values}


@dataclass(frozen=True)
class _Streamed(Feature):
    stream: Stream

    def __post_init__(self) -> None:
        object.__setattr__(self, "stream", Stream.parse(self.stream))

    @property
    def family(self) -> str:
        return self.stream.name


def usual(snapshot: Snapshot, stream: Stream, days: float) -> np.ndarray:
    """What `days` days of a stream usually bring to each grid: the mean of the fifteen weeks before them."""
    weeks = 7 * NORMAL_WEEKS
    return snapshot.count(stream, weeks, ago=days) * np.float32(days / weeks)


@dataclass(frozen=True)
class Count(_Streamed):
    """Events of a stream that occurred in the last `days` days.

    Examples
    --------
    >>> Count("dispute", days=28).name
    'dispute_n_28d'
    >>> Count("police_call", days=7).nearby().name
    'police_call_n_7d_nearby'
    """

    days: float

    def __post_init__(self) -> None:
        super().__post_init__()
        _positive(self, "days")

    @property
    def name(self) -> str:
        return f"{self.stream.name}_n_{self.days:g}d"

    @property
    def words(self) -> Words:
        return Words(
            f"近{self.days:g}天{self.stream.words.zh}", f"{self.stream.words.en} in the last {self.days:g} days"
        )

    @property
    def template(self) -> Words:
        zh, en = ("全市中位数", "city median") if self._lasting else ("此前15周同期均值", "mean of the 15 weeks before")
        return Words(
            f"近{self.days:g}天{self.stream.words.zh}{{value}}起，{zh}{{normal}}起",
            f"{{value}} {self.stream.words.en} in the last {self.days:g} days; {en} {{normal}}",
        )

    @property
    def _lasting(self) -> bool:
        """A long count tells a grid's lasting level, which is compared with the city; a short one with the grid's own past."""
        return self.days > 7 * NORMAL_WEEKS / 2

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        return snapshot.count(self.stream, self.days)

    def normal(self, snapshot: Snapshot) -> np.ndarray:
        return super().normal(snapshot) if self._lasting else usual(snapshot, self.stream, self.days)


@dataclass(frozen=True)
class Own(Feature):
    """The label's own events in the last `weeks` weeks: the rival's score, and the level a model starts from.

    Where the feed is younger than the window the count is scaled up to it, so a short past does not look calm.
    """

    streams: tuple[Stream, ...]
    weeks: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "streams", tuple(Stream.parse(s) for s in self.streams))
        _positive(self, "weeks")

    @property
    def name(self) -> str:
        return f"prior_{self.weeks}w"

    @property
    def family(self) -> str:
        return "_and_".join(s.name for s in self.streams)

    @property
    def words(self) -> Words:
        zh, en = ("和".join(s.words.zh for s in self.streams), " and ".join(s.words.en for s in self.streams))
        return Words(f"近{self.weeks}周{zh}", f"{en} in the last {self.weeks} weeks")

    @property
    def template(self) -> Words:
        return Words(
            f"{self.words.zh}{{value}}起，全市中位数{{normal}}起", f"{{value}} {self.words.en}; city median {{normal}}"
        )

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        days = 7 * self.weeks
        return np.asarray(
            sum(snapshot.count(s, days) * (days / snapshot.observed(s.source, days)) for s in self.streams),
            dtype=np.float32,
        )


@dataclass(frozen=True)
class Rise(_Streamed):
    """How far the last `days` days lie above the mean of the fifteen weeks before: ``(n - m) / sqrt(m + 1)``, no unit."""

    days: float = 7
    unit: ClassVar[str] = "z"

    def __post_init__(self) -> None:
        super().__post_init__()
        _positive(self, "days")

    @property
    def name(self) -> str:
        return f"{self.stream.name}_rise_{self.days:g}d"

    @property
    def words(self) -> Words:
        return Words(
            f"近{self.days:g}天{self.stream.words.zh}偏离常态程度",
            f"rise of {self.stream.words.en} over {self.days:g} days above normal",
        )

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        mean = usual(snapshot, self.stream, self.days)
        return (snapshot.count(self.stream, self.days) - mean) / np.sqrt(mean + 1)


@dataclass(frozen=True)
class DaysSince(_Streamed):
    """Days since the last event of a stream, at most `cap`."""

    cap: float = 365
    unit: ClassVar[str] = "days"
    code: ClassVar[str] = "RC01"

    @property
    def name(self) -> str:
        return f"{self.stream.name}_days_since"

    @property
    def words(self) -> Words:
        return Words(f"距上一起{self.stream.words.zh}的天数", f"days since the last of: {self.stream.words.en}")

    @property
    def template(self) -> Words:
        return Words(
            f"距上一起{self.stream.words.zh}{{value}}天", f"{{value}} days since the last of: {self.stream.words.en}"
        )

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        return snapshot.days_since(self.stream, cap=self.cap)


@dataclass(frozen=True)
class Recent(_Streamed):
    """Past events weighted by one half to the power of age over `half_life` days: near events count most."""

    half_life: float = 14
    unit: ClassVar[str] = "weighted count"

    def __post_init__(self) -> None:
        super().__post_init__()
        _positive(self, "half_life")

    @property
    def name(self) -> str:
        return f"{self.stream.name}_recent_{self.half_life:g}d"

    @property
    def words(self) -> Words:
        return Words(
            f"近期{self.stream.words.zh}强度（半衰期{self.half_life:g}天）",
            f"recent {self.stream.words.en}, weighted with a half-life of {self.half_life:g} days",
        )

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        return snapshot.decayed(self.stream, self.half_life)


@dataclass(frozen=True)
class Open(_Streamed):
    """Cases of a stream that are open."""

    code: ClassVar[str] = "RC03"
    remedy: ClassVar[str] = "A3"

    @property
    def name(self) -> str:
        return f"{self.stream.name}_open_n"

    @property
    def family(self) -> str:
        return f"{self.stream.name}_handling"

    @property
    def words(self) -> Words:
        return Words(f"未办结{self.stream.words.zh}", f"open {self.stream.words.en}")

    @property
    def template(self) -> Words:
        return Words(
            f"未办结{self.stream.words.zh}{{value}}件，全市中位数{{normal}}件",
            f"{{value}} open {self.stream.words.en}; city median {{normal}}",
        )

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        return snapshot.open(self.stream)


@dataclass(frozen=True)
class Overdue(_Streamed):
    """Open cases past their due time."""

    code: ClassVar[str] = "RC03"
    remedy: ClassVar[str] = "A4"

    @property
    def name(self) -> str:
        return f"{self.stream.name}_overdue_n"

    @property
    def family(self) -> str:
        return f"{self.stream.name}_handling"

    @property
    def words(self) -> Words:
        return Words(f"超期未办结{self.stream.words.zh}", f"overdue {self.stream.words.en}")

    @property
    def template(self) -> Words:
        return Words(
            f"超期未办结{self.stream.words.zh}{{value}}件，全市中位数{{normal}}件",
            f"{{value}} overdue {self.stream.words.en}; city median {{normal}}",
        )

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        return snapshot.overdue(self.stream)


@dataclass(frozen=True)
class Share(Feature):
    """Share of one stream in another over the last `days` days, drawn towards the city's share by `weight` pseudo-events."""

    part: Stream
    whole: Stream
    days: float
    weight: float = 5
    unit: ClassVar[str] = "share"

    def __post_init__(self) -> None:
        for side in ("part", "whole"):
            object.__setattr__(self, side, Stream.parse(getattr(self, side)))
        _positive(self, "days")

    @property
    def name(self) -> str:
        return f"{self.part.name}_share_of_{self.whole.name}_{self.days:g}d"

    @property
    def family(self) -> str:
        return self.part.name

    @property
    def words(self) -> Words:
        return Words(
            f"近{self.days:g}天{self.part.words.zh}占{self.whole.words.zh}的比例",
            f"share of {self.part.words.en} in {self.whole.words.en} over {self.days:g} days",
        )

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        part, whole = snapshot.count(self.part, self.days), snapshot.count(self.whole, self.days)
        city = part.sum(axis=0, keepdims=True) / np.maximum(whole.sum(axis=0, keepdims=True), 1)
        return (part + self.weight * city) / (whole + np.float32(self.weight))


@dataclass(frozen=True)
class Attribute(Feature):
    """A numeric fact of the grid itself: ``area_km2``, ``households`` or ``population``."""

    column: str
    unit: ClassVar[str] = "as the column says"
    code: ClassVar[str] = "RC12"

    def __post_init__(self) -> None:
        if self.column not in {"area_km2", "households", "population"}:
            raise DefinitionError(f"Attribute: wanted area_km2, households or population, got {self.column!r}.")

    @property
    def name(self) -> str:
        return f"grid_{self.column}"

    @property
    def family(self) -> str:
        return "grid"

    @property
    def words(self) -> Words:
        zh = {"area_km2": "面积（平方公里）", "households": "户数", "population": "人口"}[self.column]
        return Words(f"网格{zh}", f"{self.column.replace('_km2', ', km²')} of the grid")

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        return snapshot.attribute(self.column)


@dataclass(frozen=True)
class Season(Feature):
    """Place in the year as one wave: ``sin`` or ``cos`` of the day of year."""

    wave: str
    unit: ClassVar[str] = "-1 to 1"
    code: ClassVar[str] = "RC08"

    def __post_init__(self) -> None:
        if self.wave not in {"sin", "cos"}:
            raise DefinitionError(f"Season: wave must be 'sin' or 'cos', got {self.wave!r}.")

    @property
    def name(self) -> str:
        return f"season_{self.wave}"

    @property
    def family(self) -> str:
        return "calendar"

    @property
    def words(self) -> Words:
        return Words("时令", "time of year")

    @property
    def template(self) -> Words:
        return Words("时令影响：每年此时的常见水平", "time of year: the usual level of this season")

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        angle = 2 * np.pi * snapshot.local.day_of_year.to_numpy() / 365.25
        return snapshot.calendar(np.sin(angle) if self.wave == "sin" else np.cos(angle))


@dataclass(frozen=True)
class SpringFestival(Feature):
    """Signed days to the nearest Spring Festival, within `reach`: negative before it.

    Raises
    ------
    DefinitionError
        When computed for a year the table of festivals does not hold.
    """

    reach: float = 60
    unit: ClassVar[str] = "days"
    code: ClassVar[str] = "RC08"

    @property
    def name(self) -> str:
        return "spring_festival_days"

    @property
    def family(self) -> str:
        return "calendar"

    @property
    def words(self) -> Words:
        return Words("距春节天数", "days from Spring Festival")

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        feasts = np.array(SPRING_FESTIVAL, dtype="datetime64[D]")
        days = snapshot.local.tz_localize(None).to_numpy().astype("datetime64[D]")
        beyond = (days < feasts[0] - 366) | (days > feasts[-1] + 200)
        if beyond.any():
            raise DefinitionError(
                f"SpringFestival: no festival is known near {days[beyond][0]}; known: {feasts[0]} to {feasts[-1]}."
            )
        away = (days[:, None] - feasts[None, :]).astype(float)
        nearest = away[np.arange(len(days)), np.abs(away).argmin(axis=1)]
        return snapshot.calendar(np.clip(nearest, -self.reach, self.reach))


@dataclass(frozen=True)
class Nearby(Feature):
    """Another feature, as the mean over the neighbouring grids."""

    of: Feature
    code: ClassVar[str] = "RC05"

    @property
    def name(self) -> str:
        return f"{self.of.name}_nearby"

    @property
    def family(self) -> str:
        return f"{self.of.family}_nearby"

    @property
    def words(self) -> Words:
        return Words(f"邻近网格平均：{self.of.words.zh}", f"mean of the neighbouring grids: {self.of.words.en}")

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        return snapshot.nearby(self.of.compute(snapshot))

    def normal(self, snapshot: Snapshot) -> np.ndarray:
        return snapshot.nearby(self.of.normal(snapshot))


@dataclass(frozen=True)
class OfParent(Feature):
    """Another feature, as the mean over the grids with the same parent."""

    of: Feature
    level: str = "township_id"
    code: ClassVar[str] = "RC05"

    def __post_init__(self) -> None:
        levels = ("community_id", "township_id", "county_id")
        if self.level not in levels:
            raise DefinitionError(
                f"of_parent: unknown level {self.level!r}{did_you_mean(self.level, levels)}; known: {', '.join(levels)}."
            )

    @property
    def name(self) -> str:
        return f"{self.of.name}_{self.level.removesuffix('_id')}"

    @property
    def family(self) -> str:
        return f"{self.of.family}_{self.level.removesuffix('_id')}"

    @property
    def words(self) -> Words:
        where = {
            "community_id": Words("所在社区", "community"),
            "township_id": Words("所在乡镇街道", "township"),
            "county_id": Words("所在县区", "county"),
        }[self.level]
        return Words(
            f"{where.zh}各网格平均：{self.of.words.zh}", f"mean over the grids of the {where.en}: {self.of.words.en}"
        )

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        return snapshot.of_parent(self.of.compute(snapshot), self.level)


KINDS: dict[str, type[Feature]] = {
    cls.__name__: cls
    for cls in (
        Count,
        Own,
        Rise,
        DaysSince,
        Recent,
        Open,
        Overdue,
        Share,
        Attribute,
        Season,
        SpringFestival,
        Nearby,
        OfParent,
    )
}


def from_dict(values: Mapping[str, Any]) -> Feature:
    """The feature that :meth:`Feature.to_dict` described.

    Raises
    ------
    DefinitionError
        Unknown kind or parameter.

    Examples
    --------
    >>> feature = Count("dispute", days=28).nearby()
    >>> from_dict(feature.to_dict()) == feature
    True
    """
    kind = str(values.get("kind"))
    if kind not in KINDS:
        raise DefinitionError(
            f"unknown kind of feature {kind!r}{did_you_mean(kind, KINDS)}; known: {', '.join(KINDS)}."
        )
    known = {f.name for f in dataclasses.fields(KINDS[kind])}
    given = {k: v for k, v in values.items() if k != "kind"}
    unknown = sorted(set(given) - known)
    if unknown:
        raise DefinitionError(f"feature {kind}: unknown parameter {unknown[0]!r}{did_you_mean(unknown[0], known)}.")
    return KINDS[kind](**{k: _rich(v) for k, v in given.items()})


def load_group(folder: Path, group: str) -> tuple[Feature, ...]:
    """The `FEATURES` of the file ``folder/group.py``.

    Raises
    ------
    DefinitionError
        No such file, no `FEATURES` in it, or something in it that is not a feature.
    """
    path = folder / f"{group}.py"
    if not path.exists():
        known = sorted(p.stem for p in folder.glob("*.py"))
        raise DefinitionError(
            f"{folder}: no feature group {group!r}{did_you_mean(group, known)}; known: {', '.join(known)}."
        )
    module = types.ModuleType(f"riskwarn_features.{group}")
    exec(compile(path.read_text("utf-8"), str(path), "exec"), module.__dict__)  # noqa: S102 - a declaration file of the user's own
    features = getattr(module, "FEATURES", None)
    if not isinstance(features, Sequence) or not all(isinstance(f, Feature) for f in features):
        raise DefinitionError(f"{path}: wanted FEATURES, a list of features, found {type(features).__name__}.")
    return tuple(features)


def check_names(features: Sequence[Feature]) -> None:
    """Refuse two features of one name.

    Raises
    ------
    DefinitionError
        Two features share a name.
    """
    names = [f.name for f in features]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise DefinitionError(f"two features are called {twice[0]!r}; declare it once.")


def _positive(feature: Feature, name: str) -> None:
    value = getattr(feature, name)
    if not value > 0:
        raise DefinitionError(f"{type(feature).__name__}: {name} must be above 0, got {value!r}.")


def _plain(value: object) -> object:
    if isinstance(value, Feature):
        return value.to_dict()
    if isinstance(value, Stream):
        return value.to_dict()
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    return value


def _rich(value: object) -> object:
    if isinstance(value, list):
        return tuple(_rich(v) for v in value)
    if isinstance(value, Mapping):
        return from_dict(value) if "kind" in value else Stream.parse(value)
    return value
