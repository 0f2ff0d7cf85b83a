"""The label's own past: its count, which is the rival's score, and other shapes of it that baselines read (:mod:`riskwarn.baseline`).

Events of several streams are added up.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

import numpy as np
import pandas as pd
from pydantic import Field

from riskwarn.declaring import AtLeastOne, Days, Number
from riskwarn.feature.base import Feature
from riskwarn.feature.clause import Clause, Noun, joined, window
from riskwarn.feature.counts import Count
from riskwarn.feature.held import halved, matching, within
from riskwarn.feature.recent import fading
from riskwarn.feature.telling import step_of
from riskwarn.feature.windowed import nearest
from riskwarn.history import AnyStream, Snapshot, Stream
from riskwarn.language import Spoken, listed, phrase

_WEEK = 7
_LONG_DAYS = 728
_YEAR = 364
"""Fifty-two weeks, so that a weekday stays one."""
_STEPS, _PER_HALF_LIFE = 64, 8
_LONGEST_DAYS = 1e6


_Some = Annotated[tuple[AnyStream, ...], Field(min_length=1)]


@dataclass(frozen=True)
class _OfLabel(Feature):
    """Speaks of the streams of a label, together."""

    streams: tuple[AnyStream, ...]

    @property
    def family(self) -> str:
        return "_and_".join(s.name for s in self.streams)

    @property
    def reads(self) -> tuple[Stream, ...]:
        return self.streams

    @property
    def _nouns(self) -> Spoken:
        return listed([s.words for s in self.streams], "and")

    @property
    def _noun(self) -> Noun:
        together = phrase("{first} or {second}", plural="{first} and {second}", context="nouns together")
        return joined(self.streams, together)

    def _held(self, events: pd.DataFrame) -> pd.DataFrame:
        return pd.concat([matching(events, s) for s in self.streams])


@dataclass(frozen=True)
class Own(_OfLabel):
    """The label's own events in the last `weeks` weeks: the rival's score, and the level a model starts from.

    Where the feed spoke for a part of the window the count is scaled up to it, so a short past does not look calm; where it spoke
    for less than a day of it, the mean of the last two years stands in.

    Examples
    --------
    >>> feature = Own((Stream("dispute"),), 15)
    >>> feature.name, feature.words["en"]
    ('prior_15w', 'disputes in the last 105 days')
    """

    weeks: AtLeastOne
    scaled: ClassVar[bool] = True
    monotone: ClassVar[int] = 1

    @property
    def name(self) -> str:
        return f"prior_{self.weeks}w"

    @property
    def words(self) -> Spoken:
        nouns = self._nouns
        last = window(self.window)
        return phrase("{nouns} in {last}", nouns=nouns, last=last)

    @property
    def clause(self) -> Clause:
        return Clause("lasting", self._noun, self.window, remedy=step_of(self.streams[0].source))

    def easier(self, family: Sequence[Feature]) -> Feature | None:
        """The longest plain count."""
        return nearest(family, _LONGEST_DAYS, Count)

    @property
    def window(self) -> float:
        return _WEEK * self.weeks

    def rows(self, events: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
        return within(self._held(events), at, self.window).assign(adds=lambda held: held["weight"])

    def recency(self, values: np.ndarray) -> np.ndarray:
        return np.full(len(values), self.window)

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        return np.asarray(sum(self._whole(snapshot, s) for s in self.streams), dtype=np.float32)

    def _whole(self, snapshot: Snapshot, stream: Stream) -> np.ndarray:
        days = _WEEK * self.weeks
        exposed = snapshot.exposure(stream.source, days)
        scaled = snapshot.count(stream, days) * np.float32(days) / np.maximum(exposed, 1).astype(np.float32)
        gone = exposed < 1
        if gone.any():
            observed = snapshot.observed(stream.source, _LONG_DAYS)
            lasting = snapshot.count(stream, _LONG_DAYS) * (days / observed).astype(np.float32)
            scaled = np.where(gone, lasting, scaled)
        return scaled


@dataclass(frozen=True)
class Faded(_OfLabel):
    """The label's own events, each weighted by one half to the power of its age over `half_life` days.

    ``sum_i 2 ** (-age_i / half_life)``, scaled up where the feed spoke for a part of the past: divided by the share of that weight
    which falls on observed days (read in steps of an eighth of the half-life, back to eight half-lives). NaN where it never spoke.

    Examples
    --------
    >>> Faded(("dispute",), half_life=28).name
    'prior_faded_28d'
    """

    streams: _Some
    half_life: Days = 28
    unit: ClassVar[str] = "weighted count"
    scaled: ClassVar[bool] = True
    monotone: ClassVar[int] = 1

    @property
    def name(self) -> str:
        return f"prior_faded_{self.half_life:g}d".replace(".", "p")

    @property
    def words(self) -> Spoken:
        nouns = self._nouns
        return phrase("{nouns}, weighted with a half-life of {half_life:g} days", nouns=nouns, half_life=self.half_life)

    @property
    def clause(self) -> Clause:
        return replace(fading(self.streams[0], self.half_life), noun=self._noun)

    def easier(self, family: Sequence[Feature]) -> Feature | None:
        """The plain count, else the prior count, of about twice the half-life; without either, the one that fades last."""
        plain = nearest(family, self.window, Count) or nearest(family, self.window, Own)
        return plain or nearest(family, _LONGEST_DAYS, Faded)

    @property
    def window(self) -> float:
        return 2 * self.half_life

    def rows(self, events: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
        return self._held(events).assign(adds=lambda held: halved(held, at, self.half_life))

    def recency(self, values: np.ndarray) -> np.ndarray:
        return np.full(len(values), self.window)

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        step = self.half_life / _PER_HALF_LIFE
        edges = 0.5 ** (np.arange(_STEPS + 1) / _PER_HALF_LIFE)
        weight = (edges[:-1] - edges[1:]) / (1 - edges[-1])
        return _scaled(self, snapshot, lambda s: snapshot.decayed(s, self.half_life), step, weight)


@dataclass(frozen=True)
class Harmonic(_OfLabel):
    """The label's own events of the last `weeks` weeks, each weighted by one over the number of its week.

    ``sum_w n_w / (1 + w)``, `n_w` the events of week `w`, the latest being 0 (Bowers, Johnson & Pease 2004, British Journal of
    Criminology 44, 641–658); scaled up where the feed spoke for a part of the time, NaN where it was silent for all of it.

    Examples
    --------
    >>> Harmonic(("dispute",), weeks=8).name
    'prior_harmonic_8w'
    """

    streams: _Some
    weeks: AtLeastOne = 8
    unit: ClassVar[str] = "weighted count"
    scaled: ClassVar[bool] = True

    @property
    def name(self) -> str:
        return f"prior_harmonic_{self.weeks}w"

    @property
    def words(self) -> Spoken:
        nouns = self._nouns
        return phrase("{nouns} in the last {weeks} weeks, the latest week weighing most", nouns=nouns, weeks=self.weeks)

    @property
    def window(self) -> float:
        return _WEEK * self.weeks

    def rows(self, events: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
        held = within(self._held(events), at, self.window)
        # a week holds its first instant, as the count of it does
        week = (at - held["occurred_at"] - pd.Timedelta(1, "us")) // pd.Timedelta(days=_WEEK)
        return held.assign(adds=held["weight"] / (1 + week))

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        weight = 1 / (1 + np.arange(self.weeks))

        def total(stream: Stream) -> np.ndarray:
            counts = (snapshot.count(stream, _WEEK, ago=_WEEK * w) for w in range(self.weeks))
            return np.asarray(sum(np.float32(v) * n for v, n in zip(weight, counts, strict=True)), dtype=np.float32)

        return _scaled(self, snapshot, total, _WEEK, weight / weight.sum())


@dataclass(frozen=True)
class SameSeason(_OfLabel):
    """The label's own events in the same `days` days of the last `years` years, as a mean of the years for which the feed speaks.

    A year is 364 days, so weekdays stay weekdays: ``sum_y n([as_of - 364 y, as_of - 364 y + days))`` over the observed days in
    these windows, times `days`. NaN where the feed spoke in none of them: a feed younger than a year has no season.

    Examples
    --------
    >>> SameSeason(("dispute",), days=28, years=3).name
    'prior_same_28d_3y'
    """

    streams: _Some
    days: Annotated[Number, Field(gt=0, le=_YEAR)] = 28
    years: AtLeastOne = 3
    scaled: ClassVar[bool] = True
    monotone: ClassVar[int] = 1

    @property
    def name(self) -> str:
        return f"prior_same_{self.days:g}d_{self.years}y".replace(".", "p")

    @property
    def words(self) -> Spoken:
        nouns = self._nouns
        return phrase(
            "{nouns} in the same {days:g} days of the last {years} years, mean of a year",
            nouns=nouns,
            days=self.days,
            years=self.years,
        )

    @property
    def window(self) -> float:
        return _YEAR * self.years

    def rows(self, events: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
        ago = [_YEAR * y - self.days for y in range(1, self.years + 1)]
        held = pd.concat([within(self._held(events), at, self.days, ago=a) for a in ago])
        return held.assign(adds=held["weight"])

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        ago = [_YEAR * y - self.days for y in range(1, self.years + 1)]
        scaled = np.zeros(snapshot.shape, np.float32)
        for stream in self.streams:
            exposed = np.asarray(sum(snapshot.exposure(stream.source, self.days, ago=a) for a in ago))
            total = np.asarray(sum(snapshot.count(stream, self.days, ago=a) for a in ago))
            scaled += total * np.divide(self.days, exposed, out=np.full(exposed.shape, np.nan), where=exposed > 0)
        return scaled


def _scaled(
    feature: _OfLabel, snapshot: Snapshot, total: Callable[[Stream], np.ndarray], step: float, weight: np.ndarray
) -> np.ndarray:
    """Totals of the streams, each over the share of `weight` (one a step of days back) for which its feed speaks."""
    scaled = np.zeros(snapshot.shape, np.float32)
    for stream in feature.streams:
        key = ("observed weight", type(feature).__name__, stream.source, step, len(weight))
        seen = snapshot.kept.get(key)
        if seen is None:
            exposed = (snapshot.exposure(stream.source, step, ago=step * k) / step for k in range(len(weight)))
            seen = snapshot.kept[key] = np.asarray(sum(w * share for w, share in zip(weight, exposed, strict=True)))
        scaled += total(stream) / np.where(seen > 0, seen, np.nan).astype(np.float32)
    return scaled
