"""How many: events of a stream in a window, and what their number is usually."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.declaring import Days, NotNegative
from riskwarn.feature.base import Feature
from riskwarn.feature.clause import Clause, noun_of, window
from riskwarn.feature.held import matching, within
from riskwarn.feature.observing import divided, per_observed, silent, unless_silent
from riskwarn.feature.owner import AUDIT_ONLY
from riskwarn.feature.reach import ParentLevel, Reach
from riskwarn.feature.telling import step_of
from riskwarn.feature.windowed import NORMAL_WEEKS, WEEK, Streamed, Windowed
from riskwarn.history import CITY, AnyStream, Snapshot, Stream
from riskwarn.language import Spoken, phrase


def counted(stream: Stream, days: float) -> Hashable:
    """What a plain count of a stream over `days` days counts (:attr:`Feature.counts`)."""
    return "events", stream, float(days)


@checked
def usual(snapshot: Snapshot, stream: Stream, days: float) -> np.ndarray:
    """What `days` days of a stream usually bring to each grid: the mean of the fifteen weeks before them, per observed day.

    Where the feed was silent for some of the `days`, only the observed ones are expected to bring something.

    Parameters
    ----------
    snapshot
        Of the dates.
    stream
        What is counted.
    days
        Length of the window, days.

    Returns
    -------
    usual
        (n_grids, n_dates) events, at least 0; NaN where the feed spoke for none of the fifteen weeks.
    """
    weeks = WEEK * NORMAL_WEEKS
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
        return self.days > WEEK * NORMAL_WEEKS / 2

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        return unless_silent(snapshot, self.stream.source, self.days, snapshot.count(self.stream, self.days))

    def plane(self, snapshot: Snapshot) -> Hashable:
        if silent(snapshot, self.stream.source, self.days).any():
            return None
        return ("count", self.stream, float(self.days), 0.0)

    def normal(self, snapshot: Snapshot) -> np.ndarray:
        return super().normal(snapshot) if self._lasting else usual(snapshot, self.stream, self.days)

    @property
    def medians(self) -> tuple[Feature, ...]:
        return (self,) if self._lasting else ()


@dataclass(frozen=True)
class Rate(Windowed):
    """Events a week over the last `days` days, counted on the days for which the feed speaks; NaN where it speaks for none.

    Examples
    --------
    >>> feature = Rate(Stream("police_call"), days=91)
    >>> feature.name, feature.words["en"]
    ('police_call_per_week_91d', 'police calls a week over the last 91 days')
    """

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
        return Clause("rate", noun_of(self.stream), self.days, per=WEEK, remedy=step_of(self.stream.source))

    def rows(self, events: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
        return within(matching(events, self.stream), at, self.days).assign(adds=lambda held: held["weight"])

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        count = snapshot.count(self.stream, self.days)
        return per_observed(count * np.float32(WEEK), snapshot, self.stream.source, self.days)


@dataclass(frozen=True)
class Level(Streamed):
    """Mean events a week over the fifteen weeks before the last one: the field's idea of normal.

    Examples
    --------
    >>> feature = Level(Stream("police_call"))
    >>> feature.name, feature.words["en"]
    ('police_call_level_15w', 'police calls a week over the fifteen weeks before the last')
    """

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
            WEEK * NORMAL_WEEKS,
            key="before",
            per=WEEK,
            remedy=step_of(self.stream.source),
        )

    @property
    def window(self) -> float:
        return WEEK * (NORMAL_WEEKS + 1)

    def rows(self, events: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
        before = within(matching(events, self.stream), at, WEEK * NORMAL_WEEKS, ago=WEEK)
        return before.assign(adds=before["weight"])

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        weeks = WEEK * NORMAL_WEEKS
        count = snapshot.count(self.stream, weeks, ago=WEEK) * np.float32(WEEK)
        return per_observed(count, snapshot, self.stream.source, weeks, ago=WEEK)


@dataclass(frozen=True)
class MeanSeverity(Windowed):
    """Mean severity of the events of the last `days` days; NaN where there was none.

    Examples
    --------
    >>> feature = MeanSeverity(Stream("police_call"), days=28)
    >>> feature.name, feature.words["en"]
    ('police_call_severity_28d', 'mean severity of police calls over the last 28 days')
    """

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
    """What the records of the last `days` days amount to: households visited, worker-days on duty.

    Examples
    --------
    >>> feature = Total(Stream("visits"), days=28)
    >>> feature.name, feature.words["en"]
    ('visits_total_28d', 'visits in the last 28 days')
    """

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
    """Share of one stream in another over the last `days` days, drawn towards the share of the parent, or the city, by `weight` pseudo-events.

    Examples
    --------
    >>> feature = Share(Stream("police_call", ("P02",)), Stream("police_call"), days=91)
    >>> feature.name, feature.words["en"]
    ('police_call_p02_share_of_police_call_91d', 'share of public order police calls in police calls over the last 91 days')
    """

    part: AnyStream
    whole: AnyStream
    days: Days
    weight: NotNegative = 5
    level: ParentLevel = ""
    unit: ClassVar[str] = "share"
    looks: ClassVar[Reach] = "city"

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

    @property
    def areas(self) -> tuple[str, ...]:  # type: ignore[override]
        return (CITY, self.level) if self.level else (CITY,)

    def terms(self, snapshot: Snapshot) -> Sequence[np.ndarray]:
        return snapshot.count(self.part, self.days), snapshot.count(self.whole, self.days)

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        part, whole = self.terms(snapshot)
        share = (part + np.float32(self.weight) * self._prior(snapshot)) / (whole + np.float32(self.weight))
        return unless_silent(snapshot, self.whole.source, self.days, share)

    def _prior(self, snapshot: Snapshot) -> np.ndarray:
        total = self.totals(snapshot, CITY)
        city = total.sums[0] / np.maximum(total.sums[1], 1)
        if not self.level:
            return total.spread(city)
        above = self.totals(snapshot, self.level)
        return above.spread((above.sums[0] + self.weight * city) / (above.sums[1] + self.weight))
