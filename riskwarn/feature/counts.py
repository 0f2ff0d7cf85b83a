"""How many, how recently, above or below normal: what the events of a stream come to."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.errors import DefinitionError
from riskwarn.feature.base import (
    AUDIT_ONLY,
    NORMAL_WEEKS,
    Feature,
    Reach,
    Streamed,
    Windowed,
    divided,
    nearest,
    per_observed,
    positive,
    silent,
    step_of,
    unless_silent,
)
from riskwarn.feature.clause import Clause, noun_of, window
from riskwarn.feature.held import halved, matching, within
from riskwarn.history import Snapshot, Stream
from riskwarn.language import Spoken, phrase

_WEEK = 7
_LONG_HALF_LIFE = 90
"""Half-life, days, from which a faded count tells of a lasting level."""
_FOR_EVER = 36525


def counted(stream: Stream, days: float) -> Hashable:
    """What a plain count of a stream over `days` days counts (:attr:`Feature.counts`)."""
    return "events", stream, float(days)


def fading(stream: Stream, half_life: float) -> Clause:
    """The clause of a count faded by half in `half_life` days: the weekly rate that would keep it where it is.

    A steady stream of `r` events a day has a faded count of ``r * half_life / log(2)``, so the value stands for so many days.
    """
    key, days = "long" if half_life >= _LONG_HALF_LIFE else "lately", half_life / float(np.log(2))
    return Clause("rate", noun_of(stream), days, key=key, per=days, remedy=step_of(stream.source))


@checked
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

    monotone: ClassVar[int] = 1

    @property
    def name(self) -> str:
        return f"{self.stream.name}_n_{self.days:g}d"

    @property
    def words(self) -> Spoken:
        last = window(self.days)
        return phrase("{events} in {last}", events=self.stream.words, last=last)

    @property
    def clause(self) -> Clause:
        kind = "lasting" if self._lasting else "habit"
        return Clause(kind, noun_of(self.stream), self.days, remedy=step_of(self.stream.source))

    @property
    def counts(self) -> Hashable:
        return counted(self.stream, self.days)

    def rows(self, events: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
        return within(matching(events, self.stream), at, self.days).assign(adds=lambda held: held["weight"])

    def recency(self, values: np.ndarray) -> np.ndarray:
        return np.full(len(values), float(self.days))

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
    scaled: ClassVar[bool] = True
    monotone: ClassVar[int] = 1

    @property
    def name(self) -> str:
        return f"{self.stream.name}_per_week_{self.days:g}d"

    @property
    def words(self) -> Spoken:
        return phrase("{events} a week over {window}", events=self.stream.words, window=window(self.days))

    @property
    def clause(self) -> Clause:
        return Clause("rate", noun_of(self.stream), self.days, per=_WEEK, remedy=step_of(self.stream.source))

    def rows(self, events: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
        return within(matching(events, self.stream), at, self.days).assign(adds=lambda held: held["weight"])

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        count = snapshot.count(self.stream, self.days)
        return per_observed(count * np.float32(_WEEK), snapshot, self.stream.source, self.days)


@dataclass(frozen=True)
class Level(Streamed):
    """Mean events a week over the fifteen weeks before the last one: the field's idea of normal."""

    unit: ClassVar[str] = "per week"
    scaled: ClassVar[bool] = True
    monotone: ClassVar[int] = 1

    @property
    def name(self) -> str:
        return f"{self.stream.name}_level_15w"

    @property
    def words(self) -> Spoken:
        return phrase("{events} a week over the fifteen weeks before the last", events=self.stream.words)

    @property
    def clause(self) -> Clause:
        return Clause(
            "rate",
            noun_of(self.stream),
            _WEEK * NORMAL_WEEKS,
            key="before",
            per=_WEEK,
            remedy=step_of(self.stream.source),
        )

    @property
    def window(self) -> float:
        return _WEEK * (NORMAL_WEEKS + 1)

    def rows(self, events: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
        before = within(matching(events, self.stream), at, _WEEK * NORMAL_WEEKS, ago=_WEEK)
        return before.assign(adds=before["weight"])

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        weeks = _WEEK * NORMAL_WEEKS
        count = snapshot.count(self.stream, weeks, ago=_WEEK) * np.float32(_WEEK)
        return per_observed(count, snapshot, self.stream.source, weeks, ago=_WEEK)


@dataclass(frozen=True)
class Rise(Streamed):
    """How far the last `days` days lie above the mean of the fifteen weeks before: ``(n - m) / sqrt(m + 1)``, no unit."""

    days: float = 7
    unit: ClassVar[str] = "z"
    monotone: ClassVar[int] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        positive(self, "days")

    @property
    def name(self) -> str:
        return f"{self.stream.name}_rise_{self.days:g}d"

    @property
    def words(self) -> Spoken:
        return phrase(
            "rise of {events} over {days:g} days above normal",
            events=self.stream.words,
            days=self.days,
            window=window(self.days),
        )

    @property
    def clause(self) -> Clause:
        return Clause("rise", noun_of(self.stream), self.days, eases="never", remedy=step_of(self.stream.source))

    def easier(self, family: Sequence[Feature]) -> Feature | None:
        return nearest(family, self.days, Count)

    def rows(self, events: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
        """The window and the fifteen weeks before it."""
        return within(matching(events, self.stream), at, self.days + _WEEK * NORMAL_WEEKS).assign(adds=np.nan)

    def recency(self, values: np.ndarray) -> np.ndarray:
        return np.full(len(values), float(self.days))

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
    monotone: ClassVar[int] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        positive(self, "weeks")

    @property
    def name(self) -> str:
        return f"{self.stream.name}_cusum_{self.weeks}w"

    @property
    def words(self) -> Spoken:
        return phrase(
            "how far {events} have kept above normal over {weeks} weeks", events=self.stream.words, weeks=self.weeks
        )

    @property
    def window(self) -> float:
        return _WEEK * self.weeks

    @property
    def clause(self) -> Clause:
        step = step_of(self.stream.source)
        return Clause("rise", noun_of(self.stream), _WEEK * self.weeks, key="kept", eases="never", remedy=step)

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
    monotone: ClassVar[int] = -1

    def __post_init__(self) -> None:
        super().__post_init__()
        positive(self, "cap")

    @property
    def name(self) -> str:
        return f"{self.stream.name}_days_since"

    @property
    def words(self) -> Spoken:
        noun = noun_of(self.stream)
        return phrase("days since the last {noun}", noun=noun.one, measure=noun.measure)

    @property
    def clause(self) -> Clause:
        step = step_of(self.stream.source)
        return Clause("since", noun_of(self.stream), self.cap, side=-1, eases="never", remedy=step)

    @property
    def window(self) -> float:
        return self.cap

    def rows(self, events: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
        """The last event, within the cap."""
        near = within(matching(events, self.stream), at, min(self.cap, _FOR_EVER))
        return near.sort_values("occurred_at", kind="stable").groupby("grid_id").tail(1).assign(adds=np.nan)

    def recency(self, values: np.ndarray) -> np.ndarray:
        return values

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
    monotone: ClassVar[int] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        positive(self, "half_life")

    @property
    def name(self) -> str:
        return f"{self.stream.name}_recent_{self.half_life:g}d"

    @property
    def words(self) -> Spoken:
        return phrase(
            "recent {events}, weighted with a half-life of {half_life:g} days",
            events=self.stream.words,
            half_life=self.half_life,
        )

    @property
    def clause(self) -> Clause:
        return fading(self.stream, self.half_life)

    def easier(self, family: Sequence[Feature]) -> Feature | None:
        return nearest(family, self.window, Count)

    @property
    def window(self) -> float:
        return 2 * self.half_life

    def rows(self, events: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
        return matching(events, self.stream).assign(adds=lambda held: halved(held, at, self.half_life))

    def recency(self, values: np.ndarray) -> np.ndarray:
        return np.full(len(values), self.window)

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        return snapshot.decayed(self.stream, self.half_life)

    def plane(self, snapshot: Snapshot) -> Hashable:
        del snapshot
        return ("decayed", self.stream, float(self.half_life))


@dataclass(frozen=True)
class Ewma(Recent):
    """Exponentially weighted mean events a day: :class:`Recent` divided by the weight of all past days."""

    unit: ClassVar[str] = "per day"
    scaled: ClassVar[bool] = True

    @property
    def name(self) -> str:
        return f"{self.stream.name}_ewma_{self.half_life:g}d"

    @property
    def words(self) -> Spoken:
        return phrase(
            "{events} a day, exponentially weighted with a half-life of {half_life:g} days",
            events=self.stream.words,
            half_life=self.half_life,
        )

    @property
    def clause(self) -> Clause:
        return replace(super().clause, per=1.0)

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
    def words(self) -> Spoken:
        return phrase("mean severity of {events} over {window}", events=self.stream.words, window=window(self.days))

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        return divided(snapshot.graded(self.stream, self.days), snapshot.count(self.stream, self.days))


@dataclass(frozen=True)
class Total(Windowed):
    """What the records of the last `days` days amount to: households visited, worker-days on duty."""

    monotone: ClassVar[int] = 1

    @property
    def name(self) -> str:
        return f"{self.stream.name}_total_{self.days:g}d"

    @property
    def words(self) -> Spoken:
        what = {"visit": phrase("households visited"), "roster": phrase("worker-days on duty")}
        noun = what.get(self.stream.source, self.stream.words)
        return phrase("{noun} in {window}", noun=noun, window=window(self.days))

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
    def words(self) -> Spoken:
        return phrase(
            "share of {part} in {whole} over {window}",
            part=self.part.words,
            whole=self.whole.words,
            window=window(self.days),
        )

    @property
    def clause(self) -> Clause:
        return Clause(
            "share",
            noun_of(self.part),
            self.days,
            whole=noun_of(self.whole),
            scale="percent",
            remedy=step_of(self.part.source),
        )

    def rows(self, events: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
        """The part; what it is a share of stands in the value alone."""
        return within(matching(events, self.part), at, self.days).assign(adds=np.nan)

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
