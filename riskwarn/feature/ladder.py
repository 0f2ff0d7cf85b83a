"""The ladder an unresolved matter climbs: ledger, request for help, dispute call, violence."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from riskwarn.declaring import Days, NotNegative
from riskwarn.feature.base import Feature
from riskwarn.feature.clause import Clause, Noun, noun_of, window
from riskwarn.feature.reach import Reach
from riskwarn.history import CITY, Snapshot, Stream
from riskwarn.language import Spoken, measure_word, phrase

LADDER: tuple[tuple[Stream, ...], ...] = (
    (Stream("dispute"),),
    (Stream("hotline"), Stream("petition")),
    (Stream("police_call", ("P04",)),),
    (Stream("police_call", severity=3),),
)
"""Rungs an unresolved matter climbs: ledger, request for help, police call, violence."""


_MATTER = Noun(phrase("matter", plural="matters", context="noun"), measure_word("case"))


def _present(snapshot: Snapshot, streams: tuple[Stream, ...]) -> tuple[Stream, ...]:
    return tuple(s for s in streams if s.source in snapshot.history.sources)


@dataclass(frozen=True)
class _OfLadder(Feature):
    code: ClassVar[str] = "RC04"
    remedy: ClassVar[str] = "A3"

    @property
    def family(self) -> str:
        return "ladder"

    @property
    def reads(self) -> tuple[Stream, ...]:
        return (Stream("police_call", ("P04",)), Stream("dispute"))


@dataclass(frozen=True)
class Rung(_OfLadder):
    """Highest rung among the linked records of the last `days` days, 0 where there is none.

    1 ledger, 2 hotline or petition, 3 dispute call, 4 violence; a record is linked where its source names a case.

    Examples
    --------
    >>> feature = Rung(days=91)
    >>> feature.name, feature.words["en"]
    ('ladder_rung_91d', 'how far one matter went in the last 91 days: 1 ledger, 2 hotline or petition, 3 dispute call, 4 violence')
    """

    days: Days = 28
    unit: ClassVar[str] = "0 to 4"
    monotone: ClassVar[int] = 1

    @property
    def name(self) -> str:
        return f"ladder_rung_{self.days:g}d"

    @property
    def words(self) -> Spoken:
        return phrase(
            "how far one matter went in {window}: 1 ledger, 2 hotline or petition, 3 dispute call, 4 violence",
            window=window(self.days),
        )

    @property
    def clause(self) -> Clause:
        return Clause("rung", _MATTER, self.days, eases="never", remedy="open")

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        values = np.zeros(snapshot.shape, np.float32)
        for height, streams in enumerate(LADDER, start=1):
            for stream in _present(snapshot, streams):
                there = snapshot.count(_linked(stream), self.days) > 0
                values = np.where(there, np.float32(height), values)
        return values


def _linked(stream: Stream) -> Stream:
    return Stream.parse({**stream.to_dict(), "linked": True})


@dataclass(frozen=True)
class OpenMatters(_OfLadder):
    """Linked matters with an open record on the second rung or above; missing where one of these feeds tells no closings.

    Examples
    --------
    >>> feature = OpenMatters()
    >>> feature.name, feature.words["en"]
    ('ladder_open_n', 'matters that went beyond the ledger and are open')
    """

    monotone: ClassVar[int] = 1

    @property
    def name(self) -> str:
        return "ladder_open_n"

    @property
    def words(self) -> Spoken:
        return phrase("matters that went beyond the ledger and are open")

    @property
    def clause(self) -> Clause:
        still = phrase(
            "open matter that went beyond the ledger",
            plural="open matters that went beyond the ledger",
            context="noun",
        )
        return Clause("standing", Noun(still, measure_word("case")), eases="never", remedy="open")

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        streams = tuple(_linked(s) for rung in LADDER[1:] for s in _present(snapshot, rung))
        complete = np.logical_and.reduce(
            [np.ones(snapshot.shape, bool), *(snapshot.tells_closings(s.source) for s in streams)]
        )
        return np.where(complete, snapshot.open_matters(streams), np.float32(np.nan))


@dataclass(frozen=True)
class Climb(_OfLadder):
    """Least days from the first rung to a dispute call of one matter, among the calls of the last `days` days; NaN where none climbed.

    Examples
    --------
    >>> feature = Climb(days=364)
    >>> feature.name, feature.words["en"]
    ('ladder_climb_days_364d', 'least days from ledger to police call in the past year')
    """

    days: Days = 84
    within: Days = 365
    unit: ClassVar[str] = "days"

    @property
    def name(self) -> str:
        return f"ladder_climb_days_{self.days:g}d"

    @property
    def words(self) -> Spoken:
        return phrase("least days from ledger to police call in {window}", window=window(self.days))

    @property
    def clause(self) -> Clause:
        return Clause("climb", _MATTER, self.days, side=0, eases="never", remedy="open")

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        return snapshot.fastest(LADDER[2][0], LADDER[0], by=("case",), days=self.within, window=self.days)


@dataclass(frozen=True)
class Unheralded(_OfLadder):
    """Share of the dispute calls of the last `days` days that no other feed's record of the place preceded in the year before.

    Drawn towards the city's share by `weight` pseudo-calls.

    Examples
    --------
    >>> feature = Unheralded(days=91)
    >>> feature.name, feature.words["en"]
    ('ladder_skip_share_91d', 'share of dispute calls with no earlier record at the place in any other feed, the last 91 days')
    """

    days: Days = 365
    weight: NotNegative = 5
    unit: ClassVar[str] = "share"
    code: ClassVar[str] = "RC13"
    remedy: ClassVar[str] = "A6"
    looks: ClassVar[Reach] = "city"
    areas: ClassVar[tuple[str, ...]] = (CITY,)

    @property
    def name(self) -> str:
        return f"ladder_skip_share_{self.days:g}d"

    @property
    def words(self) -> Spoken:
        return phrase(
            "share of dispute calls with no earlier record at the place in any other feed, {window}",
            window=window(self.days),
        )

    @property
    def clause(self) -> Clause:
        calls = noun_of(LADDER[2][0])
        part = phrase("a call with no earlier record", plural="calls with no earlier record", context="noun")
        return Clause("share", Noun(part), self.days, whole=calls, scale="percent", eases="never", remedy="police_call")

    def terms(self, snapshot: Snapshot) -> Sequence[np.ndarray]:
        calls, before = LADDER[2][0], tuple(s for rung in LADDER[:2] for s in _present(snapshot, rung))
        whole = snapshot.count(calls, self.days)
        known = snapshot.followed(calls, before, by=("place",), days=365, window=self.days) if before else 0 * whole
        return whole - known, whole

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        skipped, whole = self.terms(snapshot)
        total = self.totals(snapshot, CITY, (skipped, whole))
        city = total.spread(total.sums[0] / np.maximum(total.sums[1], 1))
        k = np.float32(self.weight)
        return (skipped + k * city) / (whole + k)
