"""How mixed and how concentrated: kinds of events, and places that report again and again."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import numpy as np
import pandas as pd
from pydantic import BeforeValidator, Field

from riskwarn.declaring import AtLeastOne, Days, NotNegative, Whole
from riskwarn.feature.base import Feature
from riskwarn.feature.clause import Clause, Noun, joined, noun_of, window
from riskwarn.feature.counts import counted
from riskwarn.feature.held import matching, text, within
from riskwarn.feature.observing import unless_silent
from riskwarn.feature.owner import AUDIT_ONLY
from riskwarn.feature.reach import Reach
from riskwarn.feature.telling import step_of
from riskwarn.feature.windowed import Windowed
from riskwarn.history import CITY, AnyStream, Snapshot, Stream
from riskwarn.language import Spoken, listed, measure_word, phrase

REPEATED = 2
"""From so many events on a place is a repeated one."""
_SLACK = 1.1
"""Windows that differ by less than a tenth count as the same."""


def _sums(counts: np.ndarray, first: np.ndarray) -> np.ndarray:
    return np.add.reduceat(counts, first, axis=0)


@dataclass(frozen=True)
class Entropy(Windowed):
    """Entropy of the categories of the last `days` days, nats: 0 where all are of one kind, ``log(k)`` where k kinds are equal; NaN without events.

    Examples
    --------
    >>> feature = Entropy(Stream("police_call"), days=91)
    >>> feature.name, feature.words["en"]
    ('police_call_entropy_91d', 'how mixed the kinds of police calls were over the last 91 days')
    """

    unit: ClassVar[str] = "nats"

    @property
    def name(self) -> str:
        return f"{self.stream.name}_entropy_{self.days:g}d"

    @property
    def words(self) -> Spoken:
        return phrase(
            "how mixed the kinds of {events} were over {window}", events=self.stream.words, window=window(self.days)
        )

    @property
    def clause(self) -> Clause:
        noun, step = noun_of(self.stream), step_of(self.stream.source)
        return Clause("mixed", noun, self.days, side=0, eases="never", remedy=step)

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        values = snapshot.grouped((self.stream,), "category", _entropy, (self.days, 0))
        return np.where(snapshot.count(self.stream, self.days) > 0, values, np.float32(np.nan))


def _entropy(counts: np.ndarray, first: np.ndarray) -> np.ndarray:
    n = counts[0].astype(float)
    total = _sums(n, first)
    part = _sums(n * np.log(np.where(n > 0, n, 1)), first)
    some = np.where(total > 0, total, 1)
    return np.asarray(np.log(some) - part / some)


@dataclass(frozen=True)
class NewKinds(Windowed):
    """Categories seen in the last `days` days and not in the `past` days before them.

    Examples
    --------
    >>> feature = NewKinds(Stream("police_call"), days=28)
    >>> feature.name, feature.words["en"]
    ('police_call_new_kinds_28d', 'kinds of police calls that are new in the last 28 days')
    """

    past: Days = 365

    @property
    def name(self) -> str:
        return f"{self.stream.name}_new_kinds_{self.days:g}d"

    @property
    def words(self) -> Spoken:
        return phrase("kinds of {events} that are new in {window}", events=self.stream.words, window=window(self.days))

    @property
    def clause(self) -> Clause:
        noun = noun_of(self.stream)
        new = phrase("new kind of {event}", plural="new kinds of {event}", context="noun", event=noun.one)
        kinds = Noun(new, measure_word("kind"))
        return Clause("lasting", kinds, self.days, eases="never", remedy=step_of(self.stream.source))

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        values = snapshot.grouped((self.stream,), "category", _fresh, (self.days, 0), (self.past, self.days))
        return unless_silent(snapshot, self.stream.source, self.days, values)


def _fresh(counts: np.ndarray, first: np.ndarray) -> np.ndarray:
    return _sums((counts[0] > 0) & (counts[1] == 0), first).astype(np.float32)


def _several(declared: object) -> object:
    """One stream as a tuple of one."""
    return declared if isinstance(declared, tuple | list) else (declared,)


@dataclass(frozen=True)
class _OfStreams(Feature):
    of: Annotated[tuple[AnyStream, ...], Field(min_length=1), BeforeValidator(_several)]
    days: Days

    @property
    def reads(self) -> tuple[Stream, ...]:
        return self.of

    @property
    def _label(self) -> str:
        return "_".join(s.name for s in self.of)

    @property
    def _what(self) -> Spoken:
        return listed([s.words for s in self.of], "kinds")

    @property
    def for_model(self) -> bool:
        return not any(s.source in AUDIT_ONLY for s in self.of)

    @property
    def _noun(self) -> Noun:
        return joined(self.of, phrase("{first} or {second}", context="noun"))


@dataclass(frozen=True)
class _AtPlaces(_OfStreams):
    code: ClassVar[str] = "RC02"
    remedy: ClassVar[str] = "A3"

    @property
    def family(self) -> str:
        return "same_place"

    def _placed(self, events: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
        """The events of the streams in the window that have a place, with `here`, how many lie at it."""
        held = pd.concat([within(matching(events, s), at, self.days) for s in self.of])
        held = held.assign(place_key=text(held, "place_key"))
        held = held[held["place_key"] != ""]
        return held.assign(here=held.groupby(["grid_id", "place_key"])["weight"].transform("sum"))


@dataclass(frozen=True)
class MostAtOnePlace(_AtPlaces):
    """Most events of the streams at one place of the grid within the last `days` days.

    Examples
    --------
    >>> feature = MostAtOnePlace((Stream("police_call"),), days=91)
    >>> feature.name, feature.words["en"]
    ('police_call_most_at_one_place_91d', 'most police calls at one place in the last 91 days')
    """

    monotone: ClassVar[int] = 1

    @property
    def name(self) -> str:
        return f"{self._label}_most_at_one_place_{self.days:g}d"

    @property
    def words(self) -> Spoken:
        return phrase("most {what} at one place in {window}", what=self._what, window=window(self.days))

    @property
    def clause(self) -> Clause:
        return Clause("place", self._noun, self.days, eases="never", remedy="place")

    @property
    def wholes(self) -> tuple[Hashable, ...]:
        return tuple(counted(s, self.days) for s in self.of)

    def draws_on(self, other: Feature, values: np.ndarray) -> np.ndarray:
        """Numbers of the grid's recent events, of feeds that the place counts, that look back no further than it does."""
        same = {s.source for s in other.reads} <= {s.source for s in self.of} and bool(other.reads)
        return (other.recency(values) <= _SLACK * self.days) & same & (other.family != self.family)

    def part_of(self, values: np.ndarray, whole: np.ndarray) -> np.ndarray:
        """One event at a place is no repetition, and no part of anything."""
        return np.where(values >= REPEATED, super().part_of(values, whole), 0)

    def rows(self, events: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
        """The events of the place with most; of two with as many, of the one with the latest."""
        held = self._placed(events, at).sort_values(["here", "occurred_at"], kind="stable")
        most = held["place_key"] == held.groupby("grid_id")["place_key"].transform("last")
        return held[most].assign(adds=held["weight"])

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        return snapshot.grouped(self.of, "place", _largest, (self.days, 0))


def _largest(counts: np.ndarray, first: np.ndarray) -> np.ndarray:
    return np.maximum.reduceat(counts[0], first, axis=0)


@dataclass(frozen=True)
class RepeatedPlaces(_AtPlaces):
    """Places of the grid with `at_least` events of the streams or more within the last `days` days.

    Records without a place are left out; an event that a change of boundaries shares out among grids counts by its share.

    Examples
    --------
    >>> feature = RepeatedPlaces((Stream("police_call"),), days=91, at_least=3)
    >>> feature.name, feature.words["en"]
    ('police_call_repeated_places_3_times_91d', 'places with 3 or more police calls in the last 91 days')
    """

    at_least: Annotated[Whole, Field(ge=2)] = 2
    monotone: ClassVar[int] = 1

    @property
    def name(self) -> str:
        times = "" if self.at_least == 2 else f"_{self.at_least}_times"
        return f"{self._label}_repeated_places{times}_{self.days:g}d"

    @property
    def words(self) -> Spoken:
        return phrase(
            "places with {at_least} or more {what} in {window}",
            at_least=self.at_least,
            what=self._what,
            window=window(self.days),
        )

    @property
    def clause(self) -> Clause:
        noun, least = self._noun, self.at_least
        repeated = phrase(
            "place with {least} or more {events}",
            plural="places with {least} or more {events}",
            context="noun",
            least=least,
            events=noun.many,
            measure=noun.measure,
        )
        return Clause("lasting", Noun(repeated, measure_word("place")), self.days, eases="never", remedy="places")

    def rows(self, events: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
        """The events of every repeated place, which add up to 1 at each."""
        held = self._placed(events, at)
        return held[held["here"] >= self.at_least].assign(adds=lambda repeated: repeated["weight"] / repeated["here"])

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        return snapshot.grouped(self.of, "place", self._number, (self.days, 0))

    def _number(self, counts: np.ndarray, first: np.ndarray) -> np.ndarray:
        return _sums(counts[0] >= self.at_least, first)


@dataclass(frozen=True)
class UnsettledPlaces(_AtPlaces):
    """Places of the grid with `at_least` events of the streams or more within the last `days` days, and after the last closing there.

    An event no longer counts from when a case of `closed` at its place was closed after it, as far as that is known: what was settled
    weighs no more. Records without a place are left out; an event that a change of boundaries shares out among grids counts by its share.

    Examples
    --------
    >>> feature = UnsettledPlaces("police_call", days=28, at_least=2)
    >>> feature.name, feature.words["en"]
    ('police_call_unsettled_places_2_times_28d', 'places with 2 or more police calls in the last 28 days and no dispute closed since')
    """

    days: Days = 28
    at_least: AtLeastOne = 1
    closed: AnyStream = field(default_factory=lambda: Stream("dispute"))
    monotone: ClassVar[int] = 1

    @property
    def name(self) -> str:
        by = "" if self.closed == Stream("dispute") else f"_by_{self.closed.name}"
        times = "" if self.at_least == 1 else f"_{self.at_least}_times"
        return f"{self._label}_unsettled_places{times}_{self.days:g}d{by}"

    @property
    def reads(self) -> tuple[Stream, ...]:
        return tuple(dict.fromkeys((*self.of, self.closed)))

    @property
    def words(self) -> Spoken:
        return phrase(
            "places with {at_least} or more {what} in {window} and no {case} closed since",
            at_least=self.at_least,
            what=self._what,
            window=window(self.days),
            case=noun_of(self.closed).one,
        )

    @property
    def clause(self) -> Clause:
        noun, least = self._noun, self.at_least
        unsettled = phrase(
            "unsettled place with {least} or more {events}",
            plural="unsettled places with {least} or more {events}",
            context="noun",
            least=least,
            events=noun.many,
            measure=noun.measure,
        )
        return Clause("lasting", Noun(unsettled, measure_word("place")), self.days, eases="never", remedy="places")

    def rows(self, events: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
        """The events since the last closing at every such place, which add up to 1 at each."""
        cases = matching(events, self.closed)
        cases = cases.assign(place_key=text(cases, "place_key"))
        cases = cases[cases["closed_at"] < at] if "closed_at" in cases else cases[:0].assign(closed_at=at)
        last = cases.groupby(["grid_id", "place_key"])["closed_at"].max().rename("settled_at").reset_index()
        held = self._placed(events, at).drop(columns="here").reset_index().merge(last, how="left").set_index("index")
        held = held[~(held["occurred_at"] < held["settled_at"])]
        held = held.assign(here=held.groupby(["grid_id", "place_key"])["weight"].transform("sum"))
        return held[held["here"] >= self.at_least].assign(adds=lambda some: some["weight"] / some["here"])

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        return snapshot.unsettled(self.of, self.closed, days=self.days, at_least=self.at_least)


@dataclass(frozen=True)
class RepeatShare(Windowed):
    """Share of the events of the last `days` days that one of the same place and kind preceded within `within` days.

    Drawn towards the city's share by `weight` pseudo-events.

    Examples
    --------
    >>> feature = RepeatShare(Stream("police_call"), days=91, within=14)
    >>> feature.name, feature.words["en"]
    ('police_call_repeat_share_91d', 'share of police calls with one of the same place and kind in the 14 days before')
    """

    within: Days = 30
    weight: NotNegative = 5
    unit: ClassVar[str] = "share"
    code: ClassVar[str] = "RC02"
    looks: ClassVar[Reach] = "city"
    areas: ClassVar[tuple[str, ...]] = (CITY,)

    @property
    def name(self) -> str:
        return f"{self.stream.name}_repeat_share_{self.days:g}d"

    @property
    def family(self) -> str:
        return "same_place"

    @property
    def words(self) -> Spoken:
        return phrase(
            "share of {events} with one of the same place and kind in the {within:g} days before",
            events=self.stream.words,
            within=self.within,
            window=window(self.days),
        )

    @property
    def clause(self) -> Clause:
        again = phrase("of the same place and kind as one in the {within:g} days before", within=self.within)
        return Clause("share", Noun(again), self.days, whole=noun_of(self.stream), scale="percent", remedy="places")

    def terms(self, snapshot: Snapshot) -> Sequence[np.ndarray]:
        by = ("place", "category")
        again = snapshot.followed(self.stream, self.stream, by=by, days=self.within, window=self.days)
        return again, snapshot.count(self.stream, self.days)

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        again, whole = self.terms(snapshot)
        total = self.totals(snapshot, CITY, (again, whole))
        city = total.spread(total.sums[0] / np.maximum(total.sums[1], 1))
        k = np.float32(self.weight)
        return (again + k * city) / (whole + k)
