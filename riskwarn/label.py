"""What counts as an outcome, over how many days, and when it is settled."""

from collections.abc import Mapping
from dataclasses import replace
from functools import reduce
from typing import Annotated, Any, Literal, get_args

import numpy as np
from pydantic import Field, model_validator

from riskwarn.declaring import MAX_DAYS, AtLeastOne, Days, Name, Number, Share, declared, read
from riskwarn.errors import ArgumentError, DefinitionError
from riskwarn.feature import (
    YEAR_DAYS,
    Count,
    Cusum,
    DaysSince,
    Ewma,
    Faded,
    Feature,
    LastYear,
    OfCity,
    Own,
    OwnNormal,
    Part,
    Rise,
    Trend,
)
from riskwarn.history import AnyStream, History, Snapshot, Stream
from riskwarn.language import Spoken, listed, phrase

Kind = Literal["count", "emergence", "first", "escalation"]
PAST_DAYS = {"count": 0.0, "emergence": float(YEAR_DAYS), "first": 182.0, "escalation": 91.0}
"""Days a kind looks back, where a label says nothing else."""
_BLOCKS = 3
"""Horizons a normal must look back for (:class:`riskwarn.feature.OwnNormal`)."""
_WEEKS = (4, 15, 52, 104)
HALF_LIVES = (7, 28, 91, 364)
"""Days, from a week to a year, after which an event of the label's own past counts half."""
_HEARD = 0.9
"""Least share of those days for which the feeds must have spoken, before silence counts as calm."""


@declared
class Label:
    """Events of some streams that occur in ``[as_of, as_of + days)``, counted once they are settled; or what they mean for the grid.

    Parameters
    ----------
    name
        Target name, as scores carry it.
    streams
        What is counted, added up.
    days
        Horizon, days.
    settle_days
        Records arrive late: the count is read `settle_days` after the horizon ended, and a row trains only from then on.
    kind
        ``count``: the number of events. The others are 1 or 0, and NaN where the question does not arise:

        - ``emergence``: more events than the grid's own normal (:class:`riskwarn.feature.OwnNormal`), as known at `as_of`;
        - ``first``: any event, where none occurred in the last `past_days`;
        - ``escalation``: any event of `streams`, the graver rung, where none occurred in the last `past_days` but one of `lower` did.
    past_days
        How far back the kind looks: by default 364 days for the normal, 182 for a first event, 91 for an escalation.
    quantile, at_least
        Of the normal: its level, in 0 to 1, and the fewest events that may exceed it.
    lower
        Streams of the lower rungs, for an escalation.

    Raises
    ------
    DefinitionError
        No stream, a horizon or wait that is not a positive number, an unknown kind, or a parameter of another kind.

    Examples
    --------
    >>> label = Label("dispute_28d", (Stream("dispute"),), days=28, settle_days=7)
    >>> label.wait_days
    35
    >>> Label("first_burglary_28d", (Stream("police_call"),), days=28, kind="first").past_days
    182.0
    >>> Label.from_dict(label.to_dict()) == label
    True

    Outcomes are read from a snapshot, here of two grids; the fortnight from 30 January is not over when the log ends:

    >>> import pandas as pd
    >>> from riskwarn.history import History
    >>> days = pd.to_datetime(["2025-01-01", "2025-01-03", "2025-01-08", "2025-02-01"]).tz_localize("Asia/Shanghai")
    >>> events = pd.DataFrame({"source": "dispute", "event_id": [*"abcd"], "known_at": days, "occurred_at": days,
    ...                        "grid_id": ["A", "A", "A", "B"], "category": "D02"})
    >>> history = History.of(events, pd.DataFrame({"grid_id": ["A", "B"], "valid_from": days[0]}))
    >>> snapshot = history.at(["2025-01-02", "2025-01-30"])
    >>> fortnight = Label("fortnight", (Stream("dispute"),), days=14)
    >>> fortnight.outcome(snapshot).tolist(), fortnight.settled(snapshot).tolist()
    ([[2.0, nan], [0.0, nan]], [[True, False], [True, False]])
    """

    name: Name
    streams: Annotated[tuple[AnyStream, ...], Field(min_length=1)]
    days: Days
    settle_days: Annotated[Number, Field(ge=0, le=MAX_DAYS)] = 0
    kind: Kind = "count"
    past_days: Annotated[Number, Field(ge=0, le=MAX_DAYS)] = 0
    quantile: Share = 0.95
    at_least: AtLeastOne = 2
    lower: tuple[AnyStream, ...] = ()

    @model_validator(mode="after")
    def _of_its_kind(self) -> "Label":
        """A kind has what it needs and nothing of another kind; what it looks back is its own where nothing is said."""
        foreign = [n for n, default, kinds in _OF_KIND if getattr(self, n) != default and self.kind not in kinds]
        if foreign:
            raise ValueError(f"{', '.join(foreign)} has no meaning for kind {self.kind!r}")
        if self.kind == "escalation" and not self.lower:
            raise ValueError("an escalation needs the streams of the lower rungs: give lower")
        object.__setattr__(self, "past_days", self.past_days or PAST_DAYS[self.kind])
        if self.kind == "emergence" and self.past_days < _BLOCKS * self.days:
            wanted = f"past_days of at least {_BLOCKS} times the horizon"
            raise ValueError(f"a normal of {self.days:g} days needs {wanted}, got {self.past_days:g}")
        return self

    def check(self, history: History) -> None:
        """Refuse a history in which nothing can ever be counted, because no record of a feed says who brought it to light.

        Parameters
        ----------
        history
            The city's.

        Raises
        ------
        DefinitionError
            A stream chooses an origin, and its feed tells none.
        """
        for stream in (*self.streams, *self.lower):
            if stream.origin and stream.source in history.sources and not history.origins(stream.source):
                raise DefinitionError(
                    f"label {self.name!r} counts records of {stream.source!r} with origin {stream.origin!r}, and no record of that feed tells its origin: "
                    "every outcome would be zero. Fill `origin` in its mapping (where all come from residents, under [constants]) and ingest again, "
                    "or leave `origin` out of the label."
                )

    @property
    def wait_days(self) -> float:
        """Days after `as_of` from which the outcome is settled."""
        return self.days + self.settle_days

    @property
    def is_count(self) -> bool:
        """Whether the outcome is a number of events; otherwise it is 1, 0 or unjudged."""
        return self.kind == "count"

    @property
    def words(self) -> Spoken:
        """What is counted, for staff."""
        events: Spoken = phrase("{events} in the next {days} days", events=_joined(self.streams), days=f"{self.days:g}")
        past = f"{self.past_days:g}"
        if self.kind == "emergence":
            return phrase("more {events} than the grid's own normal", events=events)
        if self.kind == "first":
            return phrase("first {events} after {days} days without", events=events, days=past)
        if self.kind == "escalation":
            lower = _joined(self.lower)
            return phrase("{events} after {days} days of {lower} alone", events=events, days=past, lower=lower)
        return events

    @property
    def question(self) -> Spoken:
        """What is asked of the grids, for staff."""
        events, days = _joined(self.streams), f"{self.days:g}"
        past = f"{self.past_days:g}"
        if self.kind == "emergence":
            return phrase(
                "Which grids will go furthest beyond their usual number of {events} in the next {days} days",
                events=events,
                days=days,
            )
        if self.kind == "first":
            return phrase(
                "Which grids will see {events} again in the next {days} days after {past} days without",
                events=events,
                days=days,
                past=past,
            )
        if self.kind == "escalation":
            return phrase(
                "In which grids will {lower} of the last {past} days grow into {events} in the next {days} days",
                lower=_joined(self.lower),
                events=events,
                days=days,
                past=past,
            )
        return phrase("Which grids will see the most {events}", events=self.words)

    @property
    def normal(self) -> OwnNormal:
        """The count above which an emergence begins, known at `as_of`."""
        return OwnNormal(
            self.streams, self.days, self.past_days or PAST_DAYS["emergence"], self.quantile, self.at_least
        )

    @property
    def signs(self) -> tuple[Feature, ...]:
        """Features in which such an outcome announces itself: change against the grid's own past, and what happens around it.

        None for a count, whose features the experiment chooses.
        """
        if self.is_count:
            return ()
        normals = tuple(replace(self.normal, part=part) for part in get_args(Part)) if self.kind == "emergence" else ()
        counts = tuple(Own(self.streams, weeks) for weeks in _WEEKS)
        signs = [*normals, *counts, *(sign for s in (*self.streams, *self.lower) for sign in _signs(s, self.days))]
        return tuple(dict.fromkeys(signs))

    @property
    def totals(self) -> tuple[OfCity, ...]:
        """Totals of the city that tell its level, the shortest memory first: its own events fading with :data:`HALF_LIVES`; none but for a count."""
        return tuple(OfCity(Faded(self.streams, half_life)) for half_life in HALF_LIVES if self.is_count)

    @property
    def columns(self) -> tuple[str, ...]:
        """What a panel keeps of it: the outcome `y`, and `n_events`, the count, where that is something else."""
        return ("y",) if self.is_count else ("y", "n_events")

    def outcomes(self, snapshot: Snapshot) -> np.ndarray:
        """(n_columns, n_grids, n_dates) the values of :attr:`columns`.

        Parameters
        ----------
        snapshot
            What was known at the dates, and what came after them.

        Returns
        -------
        outcomes
            (n_columns, n_grids, n_dates) float32.
        """
        return np.stack([self.outcome(snapshot), self.n_events(snapshot)][: len(self.columns)])

    def outcome(self, snapshot: Snapshot, *, from_days: float = 0) -> np.ndarray:
        """(n_grids, n_dates) counts, or 0 and 1; NaN where the outcome is not settled yet or the question does not arise.

        Parameters
        ----------
        snapshot
            What was known at the dates, and what came after them.
        from_days
            Days after each date before which nothing counts, from 0 to less than the horizon: of a forecast that was sealed later than
            its date.

        Returns
        -------
        outcome
            (n_grids, n_dates) float32, at least 0.

        Raises
        ------
        ArgumentError
            `from_days` is not within the horizon.
        """
        total = self.n_events(snapshot, from_days=from_days)
        if self.kind == "emergence":
            exceeded = self.normal.compute(snapshot)
            return np.where(np.isnan(total + exceeded), np.nan, total > exceeded).astype(np.float32)
        if self.is_count:
            return total
        return np.where(self.arises(snapshot) & ~np.isnan(total), total > 0, np.nan).astype(np.float32)

    def n_events(self, snapshot: Snapshot, *, from_days: float = 0) -> np.ndarray:
        """(n_grids, n_dates) events within the horizon, whatever the kind; NaN where they are not settled yet.

        Parameters
        ----------
        snapshot
            What was known at the dates, and what came after them.
        from_days
            Days after each date before which nothing counts, from 0 to less than the horizon.

        Returns
        -------
        n_events
            (n_grids, n_dates) float32, at least 0.

        Raises
        ------
        ArgumentError
            `from_days` is not within the horizon.
        """
        if not 0 <= from_days < self.days:
            raise ArgumentError(
                f"from_days must be from 0 to less than the horizon of {self.days:g} days, got {from_days:g}."
            )
        total = np.sum([snapshot.coming(s, days=self.days, settle_days=self.settle_days) for s in self.streams], axis=0)
        if from_days:
            wait = self.wait_days - from_days
            total -= np.sum([snapshot.coming(s, days=from_days, settle_days=wait) for s in self.streams], axis=0)
        return np.where(self.settled(snapshot), total, np.float32(np.nan)).astype(np.float32)

    def settled(self, snapshot: Snapshot) -> np.ndarray:
        """(n_grids, n_dates) whether every feed of the label has spoken, in each grid, through horizon and settling time.

        Parameters
        ----------
        snapshot
            What was known at the dates, and what came after them.

        Returns
        -------
        settled
            (n_grids, n_dates) bool.
        """
        sources = dict.fromkeys(s.source for s in self.streams)
        spoke = [snapshot.settled(s, days=self.days, settle_days=self.settle_days) for s in sources]
        return np.asarray(np.logical_and.reduce(spoke))

    def arises(self, snapshot: Snapshot) -> np.ndarray:
        """(n_grids, n_dates) where the question arises: of a first event or an escalation, where nothing of the streams is known to have
        occurred of late; of an escalation, where something lower did. Anywhere for the other kinds.

        Parameters
        ----------
        snapshot
            What was known at the dates.

        Returns
        -------
        arises
            (n_grids, n_dates) bool.
        """
        if self.kind in {"count", "emergence"}:
            return np.ones(snapshot.shape, dtype=bool)
        heard = [snapshot.exposure(s.source, self.past_days) >= _HEARD * self.past_days for s in self.streams]
        calm = sum(snapshot.count(s, self.past_days) for s in self.streams) == 0
        if self.kind == "escalation":
            calm &= sum(snapshot.count(s, self.past_days) for s in self.lower) > 0
        return np.asarray(reduce(np.logical_and, heard, calm))

    def to_dict(self) -> dict[str, Any]:
        """Plain values from which :meth:`from_dict` makes an equal label; what a count does not need is left out.

        Returns
        -------
        values
            Fit for JSON.
        """
        values = {
            "name": self.name,
            "streams": [s.to_dict() for s in self.streams],
            "days": self.days,
            "settle_days": self.settle_days,
        }
        if self.is_count:
            return values
        values |= {"kind": self.kind, "past_days": self.past_days, "lower": [s.to_dict() for s in self.lower]}
        return values | {"quantile": self.quantile, "at_least": self.at_least}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Label":
        """The label that :meth:`to_dict` described.

        Parameters
        ----------
        values
            Names and values of the parameters.

        Returns
        -------
        label
            Equal to the one described.

        Raises
        ------
        DefinitionError
            A name is unknown, or a value out of range.
        """
        return read(cls, values, "label")


_OF_KIND = (
    ("past_days", 0, ("emergence", "first", "escalation")),
    ("quantile", 0.95, ("emergence",)),
    ("at_least", 2, ("emergence",)),
    ("lower", (), ("escalation",)),
)
"""Parameters, their defaults, and the kinds they mean something for."""


def _joined(streams: tuple[Stream, ...]) -> Spoken:
    return listed([s.words for s in streams], "kinds")


def _signs(stream: Stream, days: float) -> list[Feature]:
    """How a stream moves: counts short and long, short over long, above normal, how lately, around, and a year ago."""
    shift = Trend(stream, days=28, over=YEAR_DAYS)
    return [
        *(Count(stream, days=n) for n in (7, 14, 28, 56, 105, 182, YEAR_DAYS)),
        *(Rise(stream, days=n) for n in (7, 28)),
        *(Cusum(stream, weeks=n) for n in (4, 8)),
        *(Ewma(stream, half_life=n) for n in (7, 28)),
        DaysSince(stream, cap=2 * YEAR_DAYS),
        Trend(stream, days=28, over=105),
        shift,
        Trend(stream, days=105, over=2 * YEAR_DAYS),
        LastYear(stream, days=min(days, YEAR_DAYS)),
        shift.nearby(),
        Rise(stream, days=28).nearby(),
        Count(stream, days=28).nearby(),
        Count(stream, days=YEAR_DAYS).nearby(),
    ]
