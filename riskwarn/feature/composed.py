"""Features made of features, and features of the feeds themselves."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

import numpy as np
from pydantic import InstanceOf

from riskwarn.declaring import Days, Name, Text, one_of
from riskwarn.feature.base import Feature, measured
from riskwarn.feature.clause import Clause, Eases, Noun, noun_of, window
from riskwarn.feature.observing import divided, per_observed, unless_silent
from riskwarn.feature.reach import LEVELS, REACHES, ParentLevel, Reach
from riskwarn.feature.windowed import Streamed, Windowed
from riskwarn.history import TABLE_OF, Snapshot, Stream
from riskwarn.language import UNSAID, Spoken, measure_word, phrase
from riskwarn.taxonomy import NEVER_FEATURES


@dataclass(frozen=True)
class _Pair(Feature):
    one: InstanceOf[Feature]
    other: InstanceOf[Feature]

    @property
    def family(self) -> str:
        return self.one.family

    @property
    def parts(self) -> tuple[Feature, ...]:
        return (self.one, self.other)

    @property
    def looks(self) -> Reach:  # type: ignore[override]
        return max((p.looks for p in self.parts), key=REACHES.index)


@dataclass(frozen=True)
class Ratio(_Pair):
    """One feature divided by another; NaN where the other is 0.

    Examples
    --------
    >>> from riskwarn.feature import Count
    >>> feature = Ratio(Count(Stream("police_call"), days=28), Count(Stream("police_call"), days=364))
    >>> feature.name, feature.words["en"]
    ('police_call_n_28d_over_police_call_n_364d', 'ratio of police calls in the last 28 days to police calls in the past year')
    """

    unit: ClassVar[str] = "ratio"

    @property
    def name(self) -> str:
        return f"{self.one.name}_over_{self.other.name}"

    @property
    def words(self) -> Spoken:
        return phrase("ratio of {one} to {other}", one=self.one.words, other=self.other.words)

    @property
    def clause(self) -> Clause:
        one, other = self.one.core.words, self.other.core.words
        area = LEVELS.get(f"{self.one.around}_id")
        where = phrase(" in the {area}", area=area) if area else UNSAID
        name = phrase("{one} for each of the {other}{where}", one=one, other=other, where=where)
        return replace(measured(self), noun=Noun(name))

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        top, bottom = self.one.compute(snapshot), self.other.compute(snapshot)

        def fill(out: np.ndarray) -> None:
            divided(top, bottom, out)

        return snapshot.made(self, fill)

    def plane(self, snapshot: Snapshot) -> Hashable:
        del snapshot
        return self


@dataclass(frozen=True)
class Product(_Pair):
    """One feature times another: what only both together tell.

    Examples
    --------
    >>> from riskwarn.feature import Count, Window
    >>> feature = Product(Count(Stream("police_call"), days=28), Window("heating"))
    >>> feature.name, feature.words["en"]
    ('police_call_n_28d_times_heating_window', 'heating season, during police calls in the last 28 days')
    """

    unit: ClassVar[str] = "product"

    @property
    def name(self) -> str:
        return f"{self.one.name}_times_{self.other.name}"

    @property
    def family(self) -> str:
        return self.other.family

    @property
    def words(self) -> Spoken:
        return phrase("{other}, during {one}", other=self.other.words, one=self.one.words)

    @property
    def clause(self) -> Clause:
        if not self.one.dated:
            return measured(self)
        clause, one = self.other.clause, self.one.words
        eases: Eases = "never" if self.reads else "always"
        return Clause("during", clause.noun, side=0, eases=eases, remedy="calendar", key=clause.kind, during=one)

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        return np.asarray(self.one.compute(snapshot) * self.other.compute(snapshot), dtype=np.float32)


@dataclass(frozen=True)
class Trend(Windowed):
    """Events a day in the last `days` days over events a day in the last `over`, of the grid or of its parent at `level`.

    1 where nothing changed; NaN where nothing happened in the longer window. Each rate is per observed day.

    Examples
    --------
    >>> feature = Trend(Stream("police_call"), days=28, over=364)
    >>> feature.name, feature.words["en"]
    ('police_call_trend_28d_in_364d', 'police calls a day over 28 days, in times the daily mean of 364 days')
    """

    over: Days = 84
    level: ParentLevel = ""
    unit: ClassVar[str] = "ratio"

    @property
    def looks(self) -> Reach:  # type: ignore[override]
        return "parent" if self.level else "own"

    @property
    def name(self) -> str:
        where = f"_{self.level.removesuffix('_id')}" if self.level else ""
        return f"{self.stream.name}_trend_{self.days:g}d_in_{self.over:g}d{where}"

    @property
    def family(self) -> str:
        return f"{self.stream.name}_trend"

    @property
    def words(self) -> Spoken:
        return phrase(
            "{events}{where} a day over {days:g} days, in times the daily mean of {over:g} days",
            events=self.stream.words,
            where=self._where,
            days=self.days,
            over=self.over,
            window=window(self.days),
        )

    @property
    def _where(self) -> Spoken:
        return phrase(" in the {area}", area=LEVELS[self.level]) if self.level else UNSAID

    @property
    def clause(self) -> Clause:
        name = phrase(
            "{events} a day{where} over {days:g} days, in times the daily mean of {over:g} days",
            events=noun_of(self.stream).many,
            where=self._where,
            days=self.days,
            over=self.over,
        )
        return replace(measured(self), noun=Noun(name), unit=measure_word("multiple"))

    @property
    def areas(self) -> tuple[str, ...]:  # type: ignore[override]
        return (self.level,) if self.level else ()

    def terms(self, snapshot: Snapshot) -> Sequence[np.ndarray]:
        return [snapshot.count(self.stream, days) for days in self._windows]

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        if self.level:
            total = self.totals(snapshot, self.level)
            counts = [total.spread(count) for count in total.sums]
        else:
            counts = [*self.terms(snapshot)]
        rates = (per_observed(c, snapshot, self.stream.source, d) for c, d in zip(counts, self._windows, strict=True))
        return divided(*rates)

    @property
    def _windows(self) -> tuple[float, float]:
        return self.days, self.over


@dataclass(frozen=True)
class MixTrend(Windowed):
    """Trend of each kind of event in the parent, weighted by the grid's own mix of kinds over the last year.

    ``sum_k share_k * rate_k(days) / rate_k(over)``, `rate_k` the parent's events of kind `k` a day; 1 where nothing changed. NaN
    where the grid had no event in the year.

    Examples
    --------
    >>> feature = MixTrend(Stream("police_call"), days=91)
    >>> feature.name, feature.words["en"]
    ('police_call_mix_trend_91d_county', "how the grid's usual kinds of police calls moved around it over 91 days")
    """

    over: Days = 84
    level: Annotated[Text, one_of(LEVELS)] = "county_id"
    unit: ClassVar[str] = "ratio"
    looks: ClassVar[Reach] = "parent"

    @property
    def name(self) -> str:
        return f"{self.stream.name}_mix_trend_{self.days:g}d_{self.level.removesuffix('_id')}"

    @property
    def words(self) -> Spoken:
        return phrase(
            "how the grid's usual kinds of {events} moved around it over {days:g} days",
            events=self.stream.words,
            days=self.days,
            window=window(self.days),
        )

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        whole, total = snapshot.count(self.stream, 365), self.totals(snapshot, self.level)
        weighted = np.zeros(snapshot.shape, np.float32)
        for kind, near, far in zip(self._kinds(snapshot), total.sums[::2], total.sums[1::2], strict=True):
            trend = np.where(far > 0, near / np.maximum(far, 1) * self.over / self.days, 1)
            weighted += snapshot.count(kind, 365) * total.spread(trend)
        return divided(weighted, whole)

    @property
    def areas(self) -> tuple[str, ...]:  # type: ignore[override]
        return (self.level,)

    def terms(self, snapshot: Snapshot) -> Sequence[np.ndarray]:
        return [snapshot.count(kind, d) for kind in self._kinds(snapshot) for d in (self.days, self.over)]

    def _kinds(self, snapshot: Snapshot) -> list[Stream]:
        """The stream, kind by kind: of all kinds the feed has in the city, so that they are the same for any of its grids."""
        source = self.stream.source
        if source in TABLE_OF:
            there = {str(word) for word in snapshot.history.rows("facts", self.stream).words["category"]}
        else:
            there = set(snapshot.history.categories(source) - NEVER_FEATURES)
        kinds = sorted(there & set(self.stream.categories) if self.stream.categories else there)
        return [Stream.parse({**self.stream.to_dict(), "categories": [kind]}) for kind in kinds]


@dataclass(frozen=True)
class Observed(Feature):
    """Share of the last `days` days for which a feed speaks: 1 where every day was delivered.

    Examples
    --------
    >>> feature = Observed("grid_report", days=28)
    >>> feature.name, feature.words["en"]
    ('grid_report_observed_28d', 'share of the last 28 days that the feed of grid reports covers')
    """

    source: Name
    days: Days = 28
    unit: ClassVar[str] = "share"
    code: ClassVar[str] = "RC15"
    remedy: ClassVar[str] = "A8"
    monotone: ClassVar[int] = -1

    @property
    def name(self) -> str:
        return f"{self.source}_observed_{self.days:g}d"

    @property
    def family(self) -> str:
        return f"{self.source}_feed"

    @property
    def reads(self) -> tuple[Stream, ...]:
        return (Stream(self.source),)

    @property
    def words(self) -> Spoken:
        what = Stream(self.source).words
        return phrase("share of {window} that the feed of {what} covers", window=window(self.days), what=what)

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        share = snapshot.exposure(self.source, self.days) / self.days
        return np.broadcast_to(share.astype(np.float32), snapshot.shape)


@dataclass(frozen=True)
class Coverage(Windowed):
    """Households visited in the last `days` days per household of the grid.

    Examples
    --------
    >>> feature = Coverage(Stream("visits"), days=28)
    >>> feature.name, feature.words["en"]
    ('visits_coverage_28d', 'households visited per household in the last 28 days')
    """

    unit: ClassVar[str] = "ratio"
    code: ClassVar[str] = "RC07"

    @property
    def name(self) -> str:
        return f"{self.stream.name}_coverage_{self.days:g}d"

    @property
    def words(self) -> Spoken:
        return phrase("households visited per household in {window}", window=window(self.days))

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        return divided(snapshot.summed(self.stream, self.days), snapshot.attribute("households"))


@dataclass(frozen=True)
class Staff(Feature):
    """Mean workers on duty a day over the last `days` days of the roster; NaN where it has no day.

    Examples
    --------
    >>> feature = Staff(days=28)
    >>> feature.name, feature.words["en"]
    ('staff_per_day_28d', 'workers on duty a day over the last 28 days')
    """

    days: Days = 28
    unit: ClassVar[str] = "workers"
    code: ClassVar[str] = "RC11"
    remedy: ClassVar[str] = "A9"

    @property
    def name(self) -> str:
        return f"staff_per_day_{self.days:g}d"

    @property
    def family(self) -> str:
        return "staff"

    @property
    def reads(self) -> tuple[Stream, ...]:
        return (Stream("roster"),)

    @property
    def words(self) -> Spoken:
        return phrase("workers on duty a day over {window}", window=window(self.days))

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        roster = Stream("roster")
        return divided(snapshot.summed(roster, self.days), snapshot.count(roster, self.days))


@dataclass(frozen=True)
class Unstaffed(Streamed):
    """Days of the last `days` that the roster covers and on which nobody was on duty.

    Examples
    --------
    >>> feature = Unstaffed(Stream("police_call"), days=28)
    >>> feature.name, feature.words["en"]
    ('police_call_unstaffed_28d', 'days without anybody on duty, of the last 28 days')
    """

    days: Days = 28
    unit: ClassVar[str] = "days"
    code: ClassVar[str] = "RC11"
    remedy: ClassVar[str] = "A9"

    @property
    def name(self) -> str:
        return f"{self.stream.name}_unstaffed_{self.days:g}d"

    @property
    def family(self) -> str:
        return "staff"

    @property
    def words(self) -> Spoken:
        return phrase("days without anybody on duty, of {window}", window=window(self.days))

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        staffed = snapshot.count(Stream("roster", tag="staffed"), self.days)
        there = np.round(snapshot.exposure("roster", self.days)).astype(np.float32)
        return unless_silent(snapshot, "roster", self.days, np.maximum(there - staffed, 0))
