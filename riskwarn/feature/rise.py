"""Above normal: how far the last days of a stream lie over what they usually bring."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from riskwarn.declaring import AtLeastOne, Days
from riskwarn.feature.base import Feature
from riskwarn.feature.clause import Clause, noun_of, window
from riskwarn.feature.counts import Count, usual
from riskwarn.feature.held import matching, within
from riskwarn.feature.observing import per_observed, unless_silent
from riskwarn.feature.telling import step_of
from riskwarn.feature.windowed import NORMAL_WEEKS, WEEK, Streamed, nearest
from riskwarn.history import Snapshot
from riskwarn.language import Spoken, phrase


@dataclass(frozen=True)
class Rise(Streamed):
    """How far the last `days` days lie above the mean of the fifteen weeks before: ``(n - m) / sqrt(m + 1)``, no unit.

    Examples
    --------
    >>> from riskwarn.history import Stream
    >>> feature = Rise(Stream("police_call"), days=28)
    >>> feature.name, feature.words["en"]
    ('police_call_rise_28d', 'rise of police calls over 28 days above normal')
    """

    days: Days = 7
    unit: ClassVar[str] = "z"
    monotone: ClassVar[int] = 1

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
        return within(matching(events, self.stream), at, self.days + WEEK * NORMAL_WEEKS).assign(adds=np.nan)

    def recency(self, values: np.ndarray) -> np.ndarray:
        return np.full(len(values), float(self.days))

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        mean = usual(snapshot, self.stream, self.days)
        # a count has the variance of its mean; one is added so that a single event where none was usual is one deviation, not endless
        rise = (snapshot.count(self.stream, self.days) - mean) / np.sqrt(mean + 1)
        return unless_silent(snapshot, self.stream.source, self.days, rise)


@dataclass(frozen=True)
class Cusum(Streamed):
    """Sum of what each of the last `weeks` weeks lay above normal by more than half a deviation, started again at zero.

    ``s = max(0, s + (n - m) / sqrt(m + 1) - 0.5)`` from the oldest week to the newest, `m` the mean of the fifteen weeks before
    them (Page 1954, Biometrika 41, 100-115).

    Examples
    --------
    >>> from riskwarn.history import Stream
    >>> feature = Cusum(Stream("police_call"), weeks=8)
    >>> feature.name, feature.words["en"]
    ('police_call_cusum_8w', 'how far police calls have kept above normal over 8 weeks')
    """

    weeks: AtLeastOne = 4
    unit: ClassVar[str] = "z"
    monotone: ClassVar[int] = 1

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
        return WEEK * self.weeks

    @property
    def clause(self) -> Clause:
        step = step_of(self.stream.source)
        return Clause("rise", noun_of(self.stream), WEEK * self.weeks, key="kept", eases="never", remedy=step)

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        before, past = WEEK * self.weeks, WEEK * NORMAL_WEEKS
        count = snapshot.count(self.stream, past, ago=before) * np.float32(WEEK)
        mean = per_observed(count, snapshot, self.stream.source, past, ago=before)
        total = np.zeros(snapshot.shape, np.float32)
        for week in reversed(range(self.weeks)):
            there = snapshot.exposure(self.stream.source, WEEK, ago=WEEK * week) / WEEK
            n = snapshot.count(self.stream, WEEK, ago=WEEK * week)
            # half a deviation is let pass each week: the reference value that is quickest to see a shift of one deviation (Page 1954)
            step = (n - mean * there) / np.sqrt(mean * there + 1) - 0.5
            total = np.where(there > 0, np.maximum(total + step, 0), total)
        return unless_silent(snapshot, self.stream.source, before, total.astype(np.float32))
