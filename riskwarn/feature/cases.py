"""How cases are handled: what is open, late, old, and how long it takes."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

import numpy as np
import pandas as pd
from pydantic import Field

from riskwarn.declaring import MAX_DAYS, Days, NotNegative, Number, Quantile
from riskwarn.feature.base import measured
from riskwarn.feature.clause import Clause, Noun, noun_of, window
from riskwarn.feature.held import matching, still_open, within
from riskwarn.feature.observing import divided
from riskwarn.feature.reach import Reach
from riskwarn.feature.windowed import Streamed, Windowed
from riskwarn.history import CITY, Snapshot, Stream
from riskwarn.language import UNSAID, Phrase, Spoken, measure_word, phrase

_AMBER = 0.8
"""Share of its time after which a case turns amber."""
_URGENCY = 2.0
"""An overdue case is told rather than open ones, unless those pull more than so many times as hard."""


def opened(stream: Stream, days: float = 0) -> Hashable:
    """What a count of open cases counts (:attr:`Feature.counts`)."""
    return "open", stream, float(days)


@dataclass(frozen=True)
class _Handled(Streamed):
    """A feature of how the cases of a stream are handled; missing where its feed tells no closings (:meth:`Snapshot.tells_closings`)."""

    code: ClassVar[str] = "RC03"
    remedy: ClassVar[str] = "A3"

    @property
    def family(self) -> str:
        return f"{self.stream.name}_handling"

    def _noun(self, state: Phrase) -> Noun:
        """Cases of the stream in a state."""
        return Noun(state.filled(noun=noun_of(self.stream).words), measure_word("case"))

    def _standing(self, state: Phrase, remedy: str) -> Clause:
        """What stands now, beside the city. Few open cases never ease: a place whose matters nobody records has none."""
        return Clause("standing", self._noun(state), eases="never", remedy=remedy)

    def _told(self, snapshot: Snapshot) -> np.ndarray:
        return snapshot.tells_closings(self.stream.source)

    def _known(self, snapshot: Snapshot, values: np.ndarray) -> np.ndarray:
        complete = self._told(snapshot)
        return values if complete.all() else np.where(complete, values, np.float32(np.nan))

    def _open(self, events: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
        held = matching(events, self.stream)
        return held[still_open(held, at)]

    def _overdue(self, events: pd.DataFrame, at: pd.Timestamp, *, elapsed: float = 1.0) -> pd.DataFrame:
        """Open cases that have used `elapsed` of their time."""
        held = self._open(events, at)
        if "due_at" not in held:
            return held.iloc[:0].assign(due_at=at)
        return held[held["occurred_at"] + elapsed * (held["due_at"] - held["occurred_at"]) < at]


@dataclass(frozen=True)
class Open(_Handled):
    """Cases of a stream that are open; of the last `days` days, where given.

    Examples
    --------
    >>> feature = Open(Stream("dispute"))
    >>> feature.name, feature.words["en"]
    ('dispute_open_n', 'open disputes')
    """

    days: Annotated[Number, Field(ge=0, le=MAX_DAYS)] = 0
    actionable: ClassVar[bool] = True
    monotone: ClassVar[int] = 1

    @property
    def name(self) -> str:
        return f"{self.stream.name}_open_n" + (f"_{self.days:g}d" if self.days else "")

    @property
    def words(self) -> Spoken:
        return phrase("open {events}{since}", events=self.stream.words, since=self._since)

    @property
    def _since(self) -> Spoken:
        return phrase(" of {window}", window=window(self.days)) if self.days else UNSAID

    @property
    def clause(self) -> Clause:
        opened = phrase("open {noun}{since}", plural="open {noun}{since}", context="noun", since=self._since)
        handled = phrase("open {noun}{since}", plural="open {noun}{since}", context="what if", since=self._since)
        standing = self._standing(opened, "open")
        return replace(standing, handled=self._noun(handled), rest=phrase("not overdue"))

    @property
    def counts(self) -> Hashable:
        return opened(self.stream, self.days)

    def rows(self, events: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
        held = within(self._open(events, at), at, self.days) if self.days else self._open(events, at)
        return held.assign(adds=held["weight"])

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        return self._known(snapshot, snapshot.open(self.stream, days=self.days or None))

    def plane(self, snapshot: Snapshot) -> Hashable:
        return ("open", self.stream, self.days or None) if self._told(snapshot).all() else None


@dataclass(frozen=True)
class Overdue(_Handled):
    """Open cases past their due time.

    Examples
    --------
    >>> feature = Overdue(Stream("hotline"))
    >>> feature.name, feature.words["en"]
    ('hotline_overdue_n', 'overdue hotline requests')
    """

    remedy: ClassVar[str] = "A4"
    actionable: ClassVar[bool] = True
    monotone: ClassVar[int] = 1

    @property
    def name(self) -> str:
        return f"{self.stream.name}_overdue_n"

    @property
    def words(self) -> Spoken:
        return phrase("overdue {events}", events=self.stream.words)

    @property
    def clause(self) -> Clause:
        standing = self._standing(phrase("overdue {noun}", plural="overdue {noun}", context="noun"), "overdue")
        handled = self._noun(phrase("overdue {noun}", plural="overdue {noun}", context="what if"))
        return replace(standing, urgency=_URGENCY, handled=handled)

    @property
    def counts(self) -> Hashable:
        return "overdue", self.stream

    @property
    def wholes(self) -> tuple[Hashable, ...]:
        return (opened(self.stream),)

    def rows(self, events: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
        return self._overdue(events, at).assign(adds=lambda held: held["weight"])

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        return self._known(snapshot, snapshot.overdue(self.stream))


@dataclass(frozen=True)
class Amber(_Handled):
    """Open cases that have used four fifths of their time and are not overdue.

    Examples
    --------
    >>> feature = Amber(Stream("hotline"))
    >>> feature.name, feature.words["en"]
    ('hotline_amber_n', 'hotline requests close to their due time')
    """

    remedy: ClassVar[str] = "A4"
    monotone: ClassVar[int] = 1

    @property
    def name(self) -> str:
        return f"{self.stream.name}_amber_n"

    @property
    def words(self) -> Spoken:
        return phrase("{events} close to their due time", events=self.stream.words)

    @property
    def clause(self) -> Clause:
        return self._standing(phrase("{noun} close to the due time", context="noun"), "overdue")

    def rows(self, events: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
        late = self._overdue(events, at)
        return self._overdue(events, at, elapsed=_AMBER).drop(late.index).assign(adds=lambda held: held["weight"])

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        amber = snapshot.overdue(self.stream, elapsed=_AMBER) - snapshot.overdue(self.stream)
        return self._known(snapshot, amber)


@dataclass(frozen=True)
class OverdueShare(_Handled):
    """Share of the open cases that are overdue, drawn towards the city's by `weight` pseudo-cases.

    Examples
    --------
    >>> feature = OverdueShare(Stream("hotline"))
    >>> feature.name, feature.words["en"]
    ('hotline_overdue_share', 'share of open hotline requests that are overdue')
    """

    weight: NotNegative = 2
    unit: ClassVar[str] = "share"
    remedy: ClassVar[str] = "A4"
    looks: ClassVar[Reach] = "city"
    areas: ClassVar[tuple[str, ...]] = (CITY,)
    monotone: ClassVar[int] = 1

    @property
    def name(self) -> str:
        return f"{self.stream.name}_overdue_share"

    @property
    def words(self) -> Spoken:
        return phrase("share of open {events} that are overdue", events=self.stream.words)

    def rows(self, events: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
        """The part; what it is a share of stands in the value alone."""
        return self._overdue(events, at).assign(adds=np.nan)

    @property
    def clause(self) -> Clause:
        name = phrase("share of open {events} that are overdue", context="measure", events=noun_of(self.stream).many)
        return replace(measured(self), noun=Noun(name))

    def terms(self, snapshot: Snapshot) -> Sequence[np.ndarray]:
        return [self._known(snapshot, n) for n in (snapshot.overdue(self.stream), snapshot.open(self.stream))]

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        late, held = self.terms(snapshot)
        total = self.totals(snapshot, CITY, (late, held))
        city = total.spread(total.sums[0] / np.maximum(total.sums[1], 1))
        return (late + np.float32(self.weight) * city) / (held + np.float32(self.weight))


@dataclass(frozen=True)
class OverdueDays(_Handled):
    """Days by which the longest overdue open case is late; 0 where none is.

    Examples
    --------
    >>> feature = OverdueDays(Stream("hotline"))
    >>> feature.name, feature.words["en"]
    ('hotline_overdue_days', 'days the longest overdue of hotline requests is late')
    """

    unit: ClassVar[str] = "days"
    remedy: ClassVar[str] = "A4"
    monotone: ClassVar[int] = 1

    @property
    def name(self) -> str:
        return f"{self.stream.name}_overdue_days"

    @property
    def words(self) -> Spoken:
        return phrase("days the longest overdue of {events} is late", events=self.stream.words)

    @property
    def clause(self) -> Clause:
        name = phrase("delay of the longest overdue {event}", event=noun_of(self.stream).one)
        return replace(measured(self), noun=Noun(name))

    def rows(self, events: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
        """The longest overdue one."""
        late = self._overdue(events, at)
        return late.sort_values("due_at", kind="stable").groupby("grid_id").head(1).assign(adds=np.nan)

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        return self._known(snapshot, snapshot.overdue_days(self.stream))


@dataclass(frozen=True)
class OpenAge(_Handled):
    """Quantile `q` of the age of the open cases, days; NaN where none is open.

    Examples
    --------
    >>> feature = OpenAge(Stream("dispute"), q=0.9)
    >>> feature.name, feature.words["en"]
    ('dispute_open_age_p90', 'age of open disputes, 90th percentile')
    """

    q: Quantile = 0.9
    unit: ClassVar[str] = "days"
    monotone: ClassVar[int] = 1

    @property
    def name(self) -> str:
        return f"{self.stream.name}_open_age_p{100 * self.q:g}"

    @property
    def words(self) -> Spoken:
        return phrase(
            "age of open {events}, {percentile:g}th percentile", events=self.stream.words, percentile=100 * self.q
        )

    def rows(self, events: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
        """All open ones."""
        return self._open(events, at).assign(adds=np.nan)

    @property
    def clause(self) -> Clause:
        noun, share = noun_of(self.stream), f"{100 * self.q:g}"
        name = phrase("age that {share} % of the open {events} have not passed", share=share, events=noun.many)
        return replace(measured(self), noun=Noun(name))

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        return self._known(snapshot, snapshot.open_age(self.stream, q=self.q))


@dataclass(frozen=True)
class _HandledWithin(_Handled):
    days: Days = 28

    def rows(self, events: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
        """The cases closed in the window."""
        held = matching(events, self.stream)
        if "closed_at" not in held:
            return held.iloc[:0].assign(adds=np.nan)
        first = at - pd.Timedelta(days=self.days)
        return held[(held["closed_at"] >= first) & (held["closed_at"] < at)].assign(adds=np.nan)


@dataclass(frozen=True)
class Closed(_HandledWithin):
    """Cases closed within the last `days` days.

    Examples
    --------
    >>> feature = Closed(Stream("dispute"), days=28)
    >>> feature.name, feature.words["en"]
    ('dispute_closed_n_28d', 'disputes closed in the last 28 days')
    """

    @property
    def name(self) -> str:
        return f"{self.stream.name}_closed_n_{self.days:g}d"

    @property
    def words(self) -> Spoken:
        return phrase("{events} closed in {window}", events=self.stream.words, window=window(self.days))

    @property
    def clause(self) -> Clause:
        done = self._noun(phrase("{noun} closed", context="noun"))
        return Clause("lasting", done, self.days, side=0, eases="never", remedy="open")

    def rows(self, events: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
        return super().rows(events, at).assign(adds=lambda held: held["weight"])

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        return self._known(snapshot, snapshot.closed(self.stream, self.days))


@dataclass(frozen=True)
class Handling(_HandledWithin):
    """Quantile `q` of the days from occurring to closing, of the cases closed within `days`; calendar days; NaN where none was.

    Examples
    --------
    >>> feature = Handling(Stream("dispute"), days=91, q=0.9)
    >>> feature.name, feature.words["en"]
    ('dispute_handling_p90_91d', '90th percentile of days taken by disputes closed in the last 91 days')
    """

    q: Quantile = 0.5
    unit: ClassVar[str] = "days"

    @property
    def name(self) -> str:
        return f"{self.stream.name}_handling_p{100 * self.q:g}_{self.days:g}d"

    @property
    def words(self) -> Spoken:
        middle = (
            phrase("median ") if self.q == 0.5 else phrase("{percentile:g}th percentile of ", percentile=100 * self.q)
        )
        return phrase(
            "{middle}days taken by {events} closed in {window}",
            middle=middle,
            events=self.stream.words,
            window=window(self.days),
        )

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        return self._known(snapshot, snapshot.handling(self.stream, self.days, q=self.q))

    def plane(self, snapshot: Snapshot) -> Hashable:
        return ("handling", self.stream, float(self.days), self.q) if self._told(snapshot).all() else None


@dataclass(frozen=True)
class Delay(Windowed):
    """Quantile `q` of the days from occurring to being known, of what became known within `days`; NaN where nothing did.

    Examples
    --------
    >>> feature = Delay(Stream("police_call"), days=91, q=0.5)
    >>> feature.name, feature.words["en"]
    ('police_call_delay_p50_91d', 'days police calls took to reach the centre, 50th percentile over the last 91 days')
    """

    q: Quantile = 0.5
    unit: ClassVar[str] = "days"
    code: ClassVar[str] = "RC15"
    remedy: ClassVar[str] = "A8"

    @property
    def name(self) -> str:
        return f"{self.stream.name}_delay_p{100 * self.q:g}_{self.days:g}d"

    @property
    def family(self) -> str:
        return f"{self.stream.name}_feed"

    @property
    def words(self) -> Spoken:
        return phrase(
            "days {events} took to reach the centre, {percentile:g}th percentile over {window}",
            events=self.stream.words,
            percentile=100 * self.q,
            window=window(self.days),
        )

    @property
    def clause(self) -> Clause:
        name = phrase(
            "time in which {share} % of the {events} of {last} reached the centre",
            share=f"{100 * self.q:g}",
            events=noun_of(self.stream).many,
            last=window(self.days),
        )
        return replace(measured(self), noun=Noun(name))

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        return snapshot.delay(self.stream, self.days, q=self.q)


@dataclass(frozen=True)
class Recurrence(_HandledWithin):
    """Share of the cases closed in the last `days` days, and followed for `within` days, after which the same place reported again.

    A case counts as followed once `within` days have passed since its closing. Drawn towards the city's share by `weight` cases.

    Examples
    --------
    >>> feature = Recurrence(Stream("dispute"), days=182, within=91)
    >>> feature.name, feature.words["en"]
    ('dispute_recurred_91d_share_182d', 'share of disputes after whose closing the same place reported again within 91 days')
    """

    within: Days = 30
    weight: NotNegative = 5
    unit: ClassVar[str] = "share"
    code: ClassVar[str] = "RC06"
    remedy: ClassVar[str] = "A2"
    looks: ClassVar[Reach] = "city"
    areas: ClassVar[tuple[str, ...]] = (CITY,)

    @property
    def name(self) -> str:
        return f"{self.stream.name}_recurred_{self.within:g}d_share_{self.days:g}d"

    @property
    def words(self) -> Spoken:
        return phrase(
            "share of {events} after whose closing the same place reported again within {within:g} days",
            events=self.stream.words,
            within=self.within,
            window=window(self.days),
        )

    @property
    def clause(self) -> Clause:
        name = phrase(
            "share of {events} after whose closing the same place reported again within {within:g} days",
            context="measure",
            events=noun_of(self.stream).many,
            within=self.within,
            window=window(self.days),
        )
        return replace(measured(self), noun=Noun(name))

    def terms(self, snapshot: Snapshot) -> Sequence[np.ndarray]:
        n = snapshot.recurred(self.stream, days=self.days, within=self.within)
        return [self._known(snapshot, cases) for cases in n]

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        again, followed = self.terms(snapshot)
        total = self.totals(snapshot, CITY, (again, followed))
        city = np.nan_to_num(total.spread(divided(*total.sums)))
        return (again + np.float32(self.weight) * city) / (followed + np.float32(self.weight))
