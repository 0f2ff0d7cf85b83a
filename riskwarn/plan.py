"""The plan of a night: what is asked, how many places can be attended to, by when, and what may change that: one frozen value, read from TOML.

::

    [[questions]]   target, lane, weight and its source, alias
    [capacity]      most grids of a county and a township, quotas by population, floor
    [lanes]         shares of the capacity; standing has what is left
    [stay]          when an alert enters, when it leaves
    [triggers]      which rules raise an alert by themselves, and their numbers
    [clocks.red]    hours to acknowledge and to visit, days to report and to verify; so for each level
    [calendar]      working days and hours
    [modes.normal]  capacity, horizon, cadence and clocks; so for `urgent` and `war`
    [holds]         beyond which bounds nothing is published or promoted before somebody has looked

A plan knows no model and no table; :mod:`riskwarn.pipeline` carries it out.
"""

import dataclasses
import datetime as dt
import hashlib
import json
from dataclasses import field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from riskwarn.calling import checked
from riskwarn.declaring import (
    AtLeastOne,
    AtLeastZero,
    Days,
    Flag,
    Name,
    NotNegative,
    Number,
    Positive,
    Share,
    Text,
    declared,
    one_of,
    read,
    read_toml,
)

Asked = Literal["standing", "rising", "first", "escalating"]
"""Lanes that questions fill."""
Level = Literal["red", "orange", "yellow", "blue"]
ModeName = Literal["normal", "urgent", "war"]
LEVELS: tuple[Level, ...] = ("red", "orange", "yellow", "blue")
"""The gravest first."""
LANES = ("triggered", "escalating", "first", "rising", "standing", "explore")
"""In the order in which they take their places."""
MODES: tuple[ModeName, ...] = ("normal", "urgent", "war")
RULES = (
    "weapon_call",
    "calls_at_one_place",
    "ladder_overdue",
    "wages_before_festival",
    "place_with_open_case",
    "county_overdue",
)
"""Rules that raise an alert by themselves (:mod:`riskwarn.lane.trigger`)."""
HOLDS_OF_NIGHTS = ("churn", "level", "unseen", "drift", "calibration", "golden")
"""What may stop a publication (:mod:`riskwarn.holds`)."""
HOLDS = (*HOLDS_OF_NIGHTS, "papers", "audit")
"""What may stop a promotion."""
STARTER = Path(__file__).with_name("plan.toml")
"""The plan a new city starts from."""
Part = Annotated[Number, Field(ge=0, lt=1)]
"""A share that may be 0, but not all."""


@declared
class Question:
    """One question of the night: the label whose model answers it, and the lane it fills.

    Parameters
    ----------
    target
        Name of the label.
    lane
        ``standing``, ``rising``, ``first`` or ``escalating``.
    weight
        What one expected event (or, of a label that is no count, a probability of one) weighs within its lane.
    source
        Where the weight is from: a decision of the city, a table of severities.
    alias
        Which version answers: ``champion``, or another alias.
    """

    target: Name
    lane: Asked = "standing"
    weight: Positive = 1
    source: Annotated[Text, Field(min_length=1)] = "one question, one weight"
    alias: Name = "champion"


@declared
class Capacity:
    """Most grids of one county and of one township (0: no bound), and whether counties have quotas by population, of at least `floor` each."""

    county: AtLeastZero = 0
    township: AtLeastZero = 0
    by_population: Flag = False
    floor: AtLeastZero = 1


@declared
class Lanes:
    """Shares of the capacity; ``standing`` has what is left, and what another lane cannot fill."""

    rising: Part = 0.2
    first: Part = 0.15
    escalating: Part = 0.15
    triggered: Part = 0.1
    explore: Part = 0.05

    @model_validator(mode="after")
    def _not_all(self) -> "Lanes":
        total = sum(dataclasses.astuple(self))
        if total > 1:
            raise ValueError(f"the shares add up to {total:g}; wanted at most 1, the rest is for standing")
        return self


@declared
class Stay:
    """When an alert enters the list and when it leaves it.

    Parameters
    ----------
    enter
        Least level at which it enters.
    leave
        It leaves when its place was below this level for `nights` nights in a row.
    nights
        So many; its own level, too, falls only after so many nights below.
    dwell
        Least nights it stays.
    cool_down
        Nights after it left in which the place does not enter the same lane again, unless at a graver level.
    change
        Share by which a reading must differ from the night before to be ``worse`` or ``better``.
    """

    enter: Level = "yellow"
    leave: Level = "blue"
    nights: AtLeastOne = 3
    dwell: AtLeastOne = 3
    cool_down: AtLeastZero = 7
    change: Annotated[Number, Field(ge=0, lt=1)] = 0.1

    @model_validator(mode="after")
    def _out_below_in(self) -> "Stay":
        if LEVELS.index(self.leave) < LEVELS.index(self.enter):
            raise ValueError(f"leave {self.leave!r} is graver than enter {self.enter!r}; it would leave as it enters")
        return self


@declared
class Triggers:
    """Which rules raise an alert by themselves, and their numbers (:mod:`riskwarn.lane.trigger`)."""

    rules: tuple[Annotated[Text, one_of(RULES)], ...] = RULES
    weapon_days: Days = 28
    place_days: Days = 14
    calls_red: AtLeastOne = 3
    calls_orange: AtLeastOne = 2
    ladder_days: Days = 28
    festival_days: AtLeastOne = 30
    county_overdue_days: AtLeastOne = 5


@declared
class Clock:
    """How long a level may take: to acknowledge and to visit, hours; to report what was found and to verify it, days. `verify_days` 0: no clock."""

    acknowledge_hours: Positive
    visit_hours: Positive
    report_days: Positive
    verify_days: NotNegative = 0


@declared
class Clocks:
    """A clock for each level."""

    red: Clock = field(default_factory=lambda: Clock(2, 24, 3, 2))
    orange: Clock = field(default_factory=lambda: Clock(4, 48, 5, 5))
    yellow: Clock = field(default_factory=lambda: Clock(24, 168, 14))
    blue: Clock = field(default_factory=lambda: Clock(70, 336, 28))


Hour = Annotated[dt.time, Field(strict=True)]


@declared
class Calendar:
    """Working days, and from when to when they are worked.

    Parameters
    ----------
    days
        ``china``, ``plain`` (Monday to Friday) or ``auto``: China's where the city lies there; the store's ``calendar.csv`` holds in all.
    opens, closes
        Local time.
    """

    days: Literal["auto", "china", "plain"] = "auto"
    opens: Hour = dt.time(8)
    closes: Hour = dt.time(18)

    @model_validator(mode="after")
    def _opens_first(self) -> "Calendar":
        if self.opens >= self.closes:
            raise ValueError(f"opens {self.opens:%H:%M} is not before closes {self.closes:%H:%M}")
        return self


@declared
class Mode:
    """How a centre works: normal (平), urgent (急) or as in war (战).

    Parameters
    ----------
    capacity
        Grids that can be attended to in a night, in all.
    horizon_days
        What the list looks ahead: expected events are told for so many days, by the questions that look no further where a lane has such.
    cadence_hours
        Hours from one night to the next: told as `next_at` of a night; what starts nights keeps it.
    clock_share
        What share of the clocks' time there is.
    round_the_clock
        Whether clocks run at all hours, and not only in those that are worked.
    """

    capacity: AtLeastOne = 40
    horizon_days: Days = 28
    cadence_hours: Positive = 24
    clock_share: Annotated[Number, Field(gt=0, le=1)] = 1
    round_the_clock: Flag = False


@declared
class Modes:
    """The three modes of a centre."""

    normal: Mode = field(default_factory=Mode)
    urgent: Mode = field(default_factory=lambda: Mode(80, 7, 12, 0.5, True))
    war: Mode = field(default_factory=lambda: Mode(160, 7, 4, 0.25, True))


@declared
class Holds:
    """Beyond which bounds nothing is published, or promoted, before somebody has looked (:mod:`riskwarn.holds`).

    Parameters
    ----------
    publication, promotion
        Which holds stop a night from being published, and a model from becoming champion.
    replaced, level
        Of ``churn`` and ``level``: share of the list that may be new from one night to the next, in (0, 1], and factor, above 1, by which the mean of what is
        expected may move either way, for a model that stays the same. The most measured was 0.35 of the list from one night to the next and 0.60 over seven
        nights (Boston with 926 grids and two questions, a simulated town of 200; lists of 5 to 50), and a factor of 1.15 over seven nights.
    unseen
        Of ``unseen``: share of a feed's week in categories not seen in a year.
    stability
        Of ``drift``: population stability of the scores, where it is also beyond what was usual in the training time.
    ratio_least, ratio_most, ratio_weeks
        Of ``calibration``: events over expected, over the last so many weeks of nights that have matured, its whole interval outside.
    """

    publication: tuple[Annotated[Text, one_of(HOLDS_OF_NIGHTS)], ...] = ("churn", "level")
    promotion: tuple[Annotated[Text, one_of(HOLDS)], ...] = (
        "unseen",
        "drift",
        "calibration",
        "golden",
        "papers",
        "audit",
    )
    replaced: Share = 0.8
    level: Annotated[Number, Field(gt=1)] = 2.0
    unseen: Share = 0.01
    stability: Positive = 0.2
    ratio_least: Annotated[Number, Field(gt=0, le=1)] = 0.8
    ratio_most: Annotated[Number, Field(ge=1)] = 1.25
    ratio_weeks: AtLeastOne = 4


@declared
class Plan:
    """What a night asks, and what its list may hold.

    Examples
    --------
    >>> plan = Plan.load(STARTER)
    >>> plan.targets[:2], plan.modes.normal.capacity, plan.stay.enter
    (('dispute_28d', 'calls7'), 40, 'yellow')
    >>> Plan((Question("a"), Question("a")))
    Traceback (most recent call last):
    riskwarn.errors.DefinitionError: Plan: target 'a' is asked twice; ask it once, in one lane.
    """

    questions: Annotated[tuple[Question, ...], Field(min_length=1)]
    capacity: Capacity = field(default_factory=Capacity)
    lanes: Lanes = field(default_factory=Lanes)
    stay: Stay = field(default_factory=Stay)
    triggers: Triggers = field(default_factory=Triggers)
    clocks: Clocks = field(default_factory=Clocks)
    calendar: Calendar = field(default_factory=Calendar)
    modes: Modes = field(default_factory=Modes)
    holds: Holds = field(default_factory=Holds)

    @model_validator(mode="after")
    def _each_once(self) -> "Plan":
        twice = next((t for t in self.targets if self.targets.count(t) > 1), None)
        if twice is not None:
            raise ValueError(f"target {twice!r} is asked twice; ask it once, in one lane")
        return self

    @classmethod
    @checked
    def load(cls, path: str | Path) -> "Plan":
        """Read a plan.

        Parameters
        ----------
        path
            TOML.

        Returns
        -------
        plan
            What the file leaves out is as the classes of this module say.

        Raises
        ------
        NotFoundError
            No such file.
        DefinitionError
            The file is not TOML, or a key or value in it is wrong; the message names each place.
        """
        values, _ = read_toml(path, "plan")
        return read(cls, values, str(path))

    @classmethod
    @checked
    def of_one(cls, target: str, *, capacity: int = 50, alias: str = "champion") -> "Plan":
        """The plan of a night with one question: its riskiest grids down to blue, no other lane.

        Parameters
        ----------
        target
            Name of the label.
        capacity
            Grids that can be attended to.
        alias
            Of the model.

        Returns
        -------
        plan
            Without triggers and exploration.

        Examples
        --------
        >>> Plan.of_one("dispute_28d", capacity=10).modes.normal.capacity
        10
        """
        return cls(
            questions=(Question(target, alias=alias),),
            lanes=Lanes(0, 0, 0, 0, 0),
            stay=Stay(enter="blue"),
            triggers=Triggers(rules=()),
            modes=Modes(normal=Mode(capacity=capacity)),
        )

    @checked
    def with_capacity(self, capacity: int) -> "Plan":
        """The same plan with another capacity, in whatever mode.

        Parameters
        ----------
        capacity
            Grids that can be attended to, at least 1.

        Returns
        -------
        plan
            This one stays as it was.
        """
        modes = {name: dataclasses.replace(getattr(self.modes, name), capacity=capacity) for name in MODES}
        return dataclasses.replace(self, modes=Modes(**modes))

    @classmethod
    @checked
    def of_dict(cls, values: dict[str, object]) -> "Plan":
        """A plan from what :meth:`to_dict` gave, as a night keeps it.

        Parameters
        ----------
        values
            By section.

        Returns
        -------
        plan
            Checked like any other.

        Raises
        ------
        DefinitionError
            A key or value is wrong.

        Examples
        --------
        >>> plan = Plan.load(STARTER)
        >>> Plan.of_dict(plan.to_dict()) == plan
        True
        """
        calendar: dict[str, object] = dict(values.get("calendar") or {})  # type: ignore[call-overload]
        times = {k: dt.time.fromisoformat(str(v)) for k, v in calendar.items() if k in {"opens", "closes"}}
        return read(cls, {**values, "calendar": {**calendar, **times}}, "the plan of a night")

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the labels, in the order of the plan."""
        return tuple(question.target for question in self.questions)

    @property
    def digest(self) -> str:
        """SHA-256 of all that is planned."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()

    def to_dict(self) -> dict[str, object]:
        """Plain values, fit for JSON.

        Returns
        -------
        values
            By section.
        """
        values: dict[str, object] = json.loads(json.dumps(dataclasses.asdict(self), default=str))
        return values
