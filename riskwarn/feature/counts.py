"""How many, how recently, above or below normal: what the events of a stream come to."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from riskwarn.errors import DefinitionError
from riskwarn.feature.base import (
    AUDIT_ONLY,
    NORMAL_WEEKS,
    Feature,
    Reach,
    Streamed,
    Windowed,
    divided,
    per_observed,
    positive,
    silent,
    unless_silent,
)
from riskwarn.history import Snapshot, Stream
from riskwarn.taxonomy import Words

_WEEK = 7


def usual(snapshot: Snapshot, stream: Stream, days: float) -> np.ndarray:
    """What `days` days of a stream usually bring to each grid: the mean of the fifteen weeks before them, per observed day.

    Where the feed was silent for some of the `days`, only the observed ones are expected to bring something.
    """
    weeks = _WEEK * NORMAL_WEEKS
    before = snapshot.count(stream, weeks, ago=days)
    exposed = snapshot.exposure(stream.source, weeks, ago=days)
    now = snapshot.exposure(stream.source, days)
    return np.asarray(before * np.divide(now, exposed, out=np.full_like(now, np.nan), where=exposed > 0), np.float32)


@dataclass(frozen=True)
class Count(Windowed):
    """Events of a stream that occurred in the last `days` days; NaN where the feed was silent for all of them.

    Examples
    --------
    >>> Count("dispute", days=28).name
    'dispute_n_28d'
    >>> Count("police_call", days=7).nearby().name
    'police_call_n_7d_nearby'
    """

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
        return self.days > _WEEK * NORMAL_WEEKS / 2

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        return unless_silent(snapshot, self.stream.source, self.days, snapshot.count(self.stream, self.days))

    def plane(self, snapshot: Snapshot) -> Hashable:
        if silent(snapshot, self.stream.source, self.days).any():
            return None
        return ("count", self.stream, float(self.days), 0.0)

    def normal(self, snapshot: Snapshot) -> np.ndarray:
        return super().normal(snapshot) if self._lasting else usual(snapshot, self.stream, self.days)


@dataclass(frozen=True)
class Rate(Windowed):
    """Events a week over the last `days` days, counted on the days for which the feed speaks; NaN where it speaks for none."""

    unit: ClassVar[str] = "per week"

    @property
    def name(self) -> str:
        return f"{self.stream.name}_per_week_{self.days:g}d"

    @property
    def words(self) -> Words:
        return Words(
            f"近{self.days:g}天{self.stream.words.zh}周均数",
            f"{self.stream.words.en} a week over the last {self.days:g} days",
        )

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        count = snapshot.count(self.stream, self.days)
        return per_observed(count * np.float32(_WEEK), snapshot, self.stream.source, self.days)


@dataclass(frozen=True)
class Level(Streamed):
    """Mean events a week over the fifteen weeks before the last one: the field's idea of normal."""

    unit: ClassVar[str] = "per week"

    @property
    def name(self) -> str:
        return f"{self.stream.name}_level_15w"

    @property
    def words(self) -> Words:
        return Words(
            f"{self.stream.words.zh}此前15周周均数",
            f"{self.stream.words.en} a week over the fifteen weeks before the last",
        )

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        weeks = _WEEK * NORMAL_WEEKS
        count = snapshot.count(self.stream, weeks, ago=_WEEK) * np.float32(_WEEK)
        return per_observed(count, snapshot, self.stream.source, weeks, ago=_WEEK)


@dataclass(frozen=True)
class Rise(Streamed):
    """How far the last `days` days lie above the mean of the fifteen weeks before: ``(n - m) / sqrt(m + 1)``, no unit."""

    days: float = 7
    unit: ClassVar[str] = "z"

    def __post_init__(self) -> None:
        super().__post_init__()
        positive(self, "days")

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
        rise = (snapshot.count(self.stream, self.days) - mean) / np.sqrt(mean + 1)
        return unless_silent(snapshot, self.stream.source, self.days, rise)


@dataclass(frozen=True)
class Cusum(Streamed):
    """Sum of what each of the last `weeks` weeks lay above normal by more than half a deviation, started again at zero.

    ``s = max(0, s + (n - m) / sqrt(m + 1) - 0.5)`` from the oldest week to the newest, `m` the mean of the fifteen weeks before
    them (Page 1954, Biometrika 41, 100-115).
    """

    weeks: int = 4
    unit: ClassVar[str] = "z"

    def __post_init__(self) -> None:
        super().__post_init__()
        positive(self, "weeks")

    @property
    def name(self) -> str:
        return f"{self.stream.name}_cusum_{self.weeks}w"

    @property
    def words(self) -> Words:
        return Words(
            f"近{self.weeks}周{self.stream.words.zh}持续偏高的累积程度",
            f"how far {self.stream.words.en} have kept above normal over {self.weeks} weeks",
        )

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        before, past = _WEEK * self.weeks, _WEEK * NORMAL_WEEKS
        count = snapshot.count(self.stream, past, ago=before) * np.float32(_WEEK)
        mean = per_observed(count, snapshot, self.stream.source, past, ago=before)
        total = np.zeros(snapshot.shape, np.float32)
        for week in reversed(range(self.weeks)):
            there = snapshot.exposure(self.stream.source, _WEEK, ago=_WEEK * week) / _WEEK
            n = snapshot.count(self.stream, _WEEK, ago=_WEEK * week)
            step = (n - mean * there) / np.sqrt(mean * there + 1) - 0.5
            total = np.where(there > 0, np.maximum(total + step, 0), total)
        return unless_silent(snapshot, self.stream.source, before, total.astype(np.float32))


@dataclass(frozen=True)
class DaysSince(Streamed):
    """Days since the last event of a stream, at most `cap`; NaN where it never was, if `cap` is infinite. `whole`: days begun."""

    cap: float = 365
    whole: bool = False
    unit: ClassVar[str] = "days"

    def __post_init__(self) -> None:
        super().__post_init__()
        positive(self, "cap")

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
        return snapshot.days_since(self.stream, cap=self.cap, whole=self.whole)

    def plane(self, snapshot: Snapshot) -> Hashable:
        del snapshot
        return ("days_since", self.stream, float(self.cap), self.whole)


@dataclass(frozen=True)
class Recent(Streamed):
    """Past events weighted by one half to the power of age over `half_life` days: near events count most."""

    half_life: float = 14
    unit: ClassVar[str] = "weighted count"

    def __post_init__(self) -> None:
        super().__post_init__()
        positive(self, "half_life")

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

    def plane(self, snapshot: Snapshot) -> Hashable:
        del snapshot
        return ("decayed", self.stream, float(self.half_life))


@dataclass(frozen=True)
class Ewma(Recent):
    """Exponentially weighted mean events a day: :class:`Recent` divided by the weight of all past days."""

    unit: ClassVar[str] = "per day"

    @property
    def name(self) -> str:
        return f"{self.stream.name}_ewma_{self.half_life:g}d"

    @property
    def words(self) -> Words:
        return Words(
            f"{self.stream.words.zh}日均数（指数加权，半衰期{self.half_life:g}天）",
            f"{self.stream.words.en} a day, exponentially weighted with a half-life of {self.half_life:g} days",
        )

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        return snapshot.decayed(self.stream, self.half_life) * np.float32(np.log(2) / self.half_life)

    def plane(self, snapshot: Snapshot) -> Hashable:
        del snapshot
        return None


@dataclass(frozen=True)
class MeanSeverity(Windowed):
    """Mean severity of the events of the last `days` days; NaN where there was none."""

    unit: ClassVar[str] = "0 to 3"
    code: ClassVar[str] = "RC09"

    @property
    def name(self) -> str:
        return f"{self.stream.name}_severity_{self.days:g}d"

    @property
    def words(self) -> Words:
        return Words(
            f"近{self.days:g}天{self.stream.words.zh}平均严重程度",
            f"mean severity of {self.stream.words.en} over the last {self.days:g} days",
        )

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        return divided(snapshot.graded(self.stream, self.days), snapshot.count(self.stream, self.days))


@dataclass(frozen=True)
class Total(Windowed):
    """What the records of the last `days` days amount to: households visited, worker-days on duty."""

    @property
    def name(self) -> str:
        return f"{self.stream.name}_total_{self.days:g}d"

    @property
    def words(self) -> Words:
        what = {"visit": Words("走访户次", "households visited"), "roster": Words("在岗人天", "worker-days on duty")}
        noun = what.get(self.stream.source, self.stream.words)
        return Words(f"近{self.days:g}天{noun.zh}", f"{noun.en} in the last {self.days:g} days")

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        return snapshot.summed(self.stream, self.days)


@dataclass(frozen=True)
class Share(Feature):
    """Share of one stream in another over the last `days` days, drawn towards the share of the parent, or the city, by `weight` pseudo-events."""

    part: Stream
    whole: Stream
    days: float
    weight: float = 5
    level: str = ""
    unit: ClassVar[str] = "share"
    looks: ClassVar[Reach] = "city"

    def __post_init__(self) -> None:
        for side in ("part", "whole"):
            object.__setattr__(self, side, Stream.parse(getattr(self, side)))
        positive(self, "days")
        if self.weight < 0:
            raise DefinitionError(f"Share: weight must be at least 0, got {self.weight!r}.")

    @property
    def name(self) -> str:
        return f"{self.part.name}_share_of_{self.whole.name}_{self.days:g}d"

    @property
    def family(self) -> str:
        return self.part.name

    @property
    def reads(self) -> tuple[Stream, ...]:
        return (self.part, self.whole)

    @property
    def for_model(self) -> bool:
        return not any(s.source in AUDIT_ONLY for s in self.reads)

    @property
    def words(self) -> Words:
        return Words(
            f"近{self.days:g}天{self.part.words.zh}占{self.whole.words.zh}的比例",
            f"share of {self.part.words.en} in {self.whole.words.en} over {self.days:g} days",
        )

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        part, whole = snapshot.count(self.part, self.days), snapshot.count(self.whole, self.days)
        share = (part + np.float32(self.weight) * self._prior(snapshot, part, whole)) / (
            whole + np.float32(self.weight)
        )
        return unless_silent(snapshot, self.whole.source, self.days, share)

    def _prior(self, snapshot: Snapshot, part: np.ndarray, whole: np.ndarray) -> np.ndarray:
        city = part.sum(axis=0, keepdims=True) / np.maximum(whole.sum(axis=0, keepdims=True), 1)
        if not self.level:
            return city
        k = np.float32(self.weight)
        above = [snapshot.of_parent(values, self.level, mean=False) for values in (part, whole)]
        return (above[0] + k * city) / (above[1] + k)
