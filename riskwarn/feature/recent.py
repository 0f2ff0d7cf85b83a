"""How lately: the days since the last event, and events that fade with their age."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pandas as pd

from riskwarn.declaring import Cap, Days, Flag
from riskwarn.feature.base import Feature
from riskwarn.feature.clause import Clause, noun_of
from riskwarn.feature.counts import Count
from riskwarn.feature.held import halved, matching, within
from riskwarn.feature.telling import step_of
from riskwarn.feature.windowed import Streamed, nearest
from riskwarn.history import Snapshot, Stream
from riskwarn.language import Spoken, phrase

_LONG_HALF_LIFE = 90
"""Half-life, days, from which a faded count tells of a lasting level."""
_FOR_EVER = 36525


def fading(stream: Stream, half_life: float) -> Clause:
    """The clause of a count faded by half in `half_life` days: the weekly rate that would keep it where it is.

    A steady stream of `r` events a day has a faded count of ``r * half_life / log(2)``, so the value stands for so many days.
    """
    key, days = "long" if half_life >= _LONG_HALF_LIFE else "lately", half_life / float(np.log(2))
    return Clause("rate", noun_of(stream), days, key=key, per=days, remedy=step_of(stream.source))


@dataclass(frozen=True)
class DaysSince(Streamed):
    """Days since the last event of a stream, at most `cap`; NaN where it never was, if `cap` is infinite. `whole`: days begun.

    Examples
    --------
    >>> feature = DaysSince(Stream("dispute"), cap=364)
    >>> feature.name, feature.words["en"]
    ('dispute_days_since', 'days since the last dispute')
    """

    cap: Cap = 365
    whole: Flag = False
    unit: ClassVar[str] = "days"
    monotone: ClassVar[int] = -1

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
    """Past events weighted by one half to the power of age over `half_life` days: near events count most.

    Examples
    --------
    >>> feature = Recent(Stream("police_call"), half_life=28)
    >>> feature.name, feature.words["en"]
    ('police_call_recent_28d', 'recent police calls, weighted with a half-life of 28 days')
    """

    half_life: Days = 14
    unit: ClassVar[str] = "weighted count"
    monotone: ClassVar[int] = 1

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
    """Exponentially weighted mean events a day: :class:`Recent` divided by the weight of all past days.

    Examples
    --------
    >>> feature = Ewma(Stream("police_call"), half_life=28)
    >>> feature.name, feature.words["en"]
    ('police_call_ewma_28d', 'police calls a day, exponentially weighted with a half-life of 28 days')
    """

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
