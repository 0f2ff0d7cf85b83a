"""The time of year and what it brings."""

import datetime as dt
from dataclasses import dataclass
from functools import cache
from typing import Annotated, ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import BeforeValidator

from riskwarn.declaring import AtLeastOne, Cap, Day, Days, Text, one_of
from riskwarn.errors import DefinitionError
from riskwarn.feature.base import Feature
from riskwarn.feature.clause import Clause, Noun
from riskwarn.history import Snapshot
from riskwarn.language import Spoken, phrase

LUNAR_YEARS = range(1950, 2101)
"""Years whose lunar new year the package ``holidays`` knows."""
_FIRST_DAY = "Chinese New Year (Spring Festival)"
_WINDOWS = {
    "farm": (phrase("irrigation and harvest"), (("04-01", "06-30"), ("09-01", "09-30"))),
    "term": (
        phrase("start of term and exams"),
        (("02-20", "03-05"), ("06-01", "06-15"), ("08-25", "09-10")),
    ),
    "heating": (phrase("heating season"), (("10-25", "12-31"), ("01-01", "04-10"))),
    "summer_nights": (phrase("summer nights"), (("06-15", "08-31"),)),
    "year_end": (phrase("end of the year"), (("12-01", "12-31"),)),
}
"""Times of year, as month and day of the city's clock, both ends included."""
_WAGE_DAYS = 60
_BEFORE, _AFTER = np.timedelta64(183, "D"), np.timedelta64(200, "D")
"""How far before the first festival that is known, and after the last, the nearest one is certain."""


@dataclass(frozen=True)
class _OfCalendar(Feature):
    code: ClassVar[str] = "RC08"
    remedy: ClassVar[str] = "A10"

    @property
    def family(self) -> str:
        return "calendar"

    @property
    def clock(self) -> bool:
        return True

    def _timed(self, kind: str, days: float = 0) -> Clause:
        """The time of year, which moves all grids alike and comes from no record."""
        return Clause(kind, Noun(self.words), days, side=0, eases="always", remedy="calendar")


@dataclass(frozen=True)
class Season(_OfCalendar):
    """Place in the year as one wave: ``sin`` or ``cos`` of the day of year.

    Examples
    --------
    >>> feature = Season("sin")
    >>> feature.name, feature.words["en"]
    ('season_sin', 'time of year')
    """

    wave: Literal["sin", "cos"]
    unit: ClassVar[str] = "-1 to 1"

    @property
    def name(self) -> str:
        return f"season_{self.wave}"

    @property
    def words(self) -> Spoken:
        return phrase("time of year")

    @property
    def clause(self) -> Clause:
        return self._timed("season")

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        angle = 2 * np.pi * snapshot.local.day_of_year.to_numpy() / 365.25
        return snapshot.calendar(np.sin(angle) if self.wave == "sin" else np.cos(angle))


@dataclass(frozen=True)
class SpringFestival(_OfCalendar):
    """Signed days to the nearest Spring Festival, within `reach`: negative before it.

    Raises
    ------
    DefinitionError
        When computed for a date before 1950 or after 2100.

    Examples
    --------
    >>> feature = SpringFestival()
    >>> feature.name, feature.words["en"]
    ('spring_festival_days', 'days from Spring Festival')
    """

    reach: Days = 60
    unit: ClassVar[str] = "days"

    @property
    def name(self) -> str:
        return "spring_festival_days"

    @property
    def words(self) -> Spoken:
        return phrase("days from Spring Festival")

    @property
    def clause(self) -> Clause:
        return self._timed("festival", self.reach)

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        return snapshot.calendar(np.clip(_from_festival(snapshot), -self.reach, self.reach))


def _from_festival(snapshot: Snapshot) -> np.ndarray:
    """(n_dates,) days since the nearest first day of a lunar year, negative before it."""
    feasts, days = spring_festivals(), _days(snapshot)
    beyond = (days < feasts[0] - _BEFORE) | (days > feasts[-1] + _AFTER)
    if beyond.any():
        raise DefinitionError(
            f"SpringFestival: no festival is known near {days[beyond][0]}; known: {feasts[0]} to {feasts[-1]}."
        )
    away = (days[:, None] - feasts[None, :]).astype(float)
    return away[np.arange(len(days)), np.abs(away).argmin(axis=1)]


@cache
def spring_festivals() -> np.ndarray:
    """First day of every lunar year the library knows, 1950 to 2100.

    Returns
    -------
    days
        (151,) datetime64[D], increasing.

    Examples
    --------
    >>> [str(day) for day in spring_festivals() if str(day)[:4] in {"2025", "2099"}]
    ['2025-01-29', '2099-01-21']
    """
    import holidays  # noqa: PLC0415

    named = holidays.country_holidays("CN", years=LUNAR_YEARS, language="en_US").get_named(_FIRST_DAY)
    first: dict[int, dt.date] = {}
    for day in sorted(named):
        first.setdefault(day.year, day)
    return np.array(list(first.values()), dtype="datetime64[D]")


def _days(snapshot: Snapshot) -> np.ndarray:
    return snapshot.local.tz_localize(None).to_numpy().astype("datetime64[D]")


@dataclass(frozen=True)
class WageWindow(_OfCalendar):
    """How near the settling of wages is: 0 sixty days before Spring Festival, 1 on its eve, 0 after it.

    Examples
    --------
    >>> feature = WageWindow()
    >>> feature.name, feature.words["en"]
    ('wage_window', 'the season in which wages are settled')
    """

    unit: ClassVar[str] = "0 to 1"

    @property
    def name(self) -> str:
        return "wage_window"

    @property
    def words(self) -> Spoken:
        return phrase("the season in which wages are settled")

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        away = _from_festival(snapshot)
        return snapshot.calendar(np.where(away <= 0, np.clip(1 + away / _WAGE_DAYS, 0, 1), 0))


@dataclass(frozen=True)
class Window(_OfCalendar):
    """Whether the date lies in a time of year: ``farm``, ``term``, ``heating``, ``summer_nights`` or ``year_end``; 1 or 0.

    Examples
    --------
    >>> feature = Window("heating")
    >>> feature.name, feature.words["en"]
    ('heating_window', 'heating season')
    """

    of: Annotated[Text, one_of(_WINDOWS)]
    unit: ClassVar[str] = "0 or 1"

    @property
    def name(self) -> str:
        return f"{self.of}_window"

    @property
    def words(self) -> Spoken:
        return _WINDOWS[self.of][0]

    @property
    def clause(self) -> Clause:
        return self._timed("window")

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        day = np.array(snapshot.local.strftime("%m-%d"))
        inside = [(day >= first) & (day <= last) for first, last in _WINDOWS[self.of][1]]
        return snapshot.calendar(np.logical_or.reduce(inside))


@dataclass(frozen=True)
class DatePart(_OfCalendar):
    """A part of the date on the city's clock: ``month``, ``week``, ``weekday`` (0 is Monday), ``day_of_year`` or ``quarter``.

    Examples
    --------
    >>> feature = DatePart("weekday")
    >>> feature.name, feature.words["en"]
    ('date_weekday', 'day of the week')
    """

    part: Literal["month", "week", "weekday", "day_of_year", "quarter"]
    unit: ClassVar[str] = "number"

    @property
    def name(self) -> str:
        return f"date_{self.part}"

    @property
    def words(self) -> Spoken:
        return {
            "month": phrase("month"),
            "week": phrase("week of the year"),
            "weekday": phrase("day of the week"),
            "day_of_year": phrase("day of the year"),
            "quarter": phrase("quarter"),
        }[self.part]

    @property
    def clause(self) -> Clause:
        return self._timed("weekday" if self.part == "weekday" else "season")

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        local = snapshot.local
        attribute = {"weekday": "day_of_week"}.get(self.part, self.part)
        values = local.isocalendar().week if self.part == "week" else getattr(local, attribute)
        return snapshot.calendar(np.asarray(values, dtype=np.float32))


@dataclass(frozen=True)
class Workdays(_OfCalendar):
    """Working days among the `days` days from the date on, by the public calendar of China with its exchanged days.

    The State Council announces the exchanged days of a year in the November before; of years not yet announced the holidays that
    the law fixes count, without exchanged days.

    Examples
    --------
    >>> feature = Workdays(days=28)
    >>> feature.name, feature.words["en"]
    ('workdays_next_28d', 'working days in the next 28 days')
    """

    days: AtLeastOne = 1
    unit: ClassVar[str] = "days"

    @property
    def name(self) -> str:
        return f"workdays_next_{self.days}d"

    @property
    def words(self) -> Spoken:
        if self.days == 1:
            return phrase("whether the day is a working day")
        return phrase("working days in the next {days} days", days=self.days)

    @property
    def clause(self) -> Clause:
        return self._timed("workdays", self.days)

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        first = _days(snapshot)
        every = np.unique((first[:, None] + np.arange(self.days)[None, :]).ravel())
        works = dict(zip(every.tolist(), _workdays(every), strict=True))
        ahead = [[works[d] for d in (at + np.arange(self.days)).tolist()] for at in first]
        return snapshot.calendar(np.sum(ahead, axis=1))


def _workdays(days: np.ndarray) -> list[bool]:
    import holidays  # noqa: PLC0415

    china = holidays.country_holidays("CN")
    return [china.is_working_day(day) for day in days.tolist()]


def _day(value: object) -> object:
    """The day that a text or an instant names; anything else as it is."""
    try:
        return pd.Timestamp(value).date()
    except (ValueError, TypeError):
        return value


@dataclass(frozen=True)
class SinceChange(_OfCalendar):
    """Days since the rule of reporting changed on `date`, 0 before and at most `cap` after: a step a model may learn.

    Examples
    --------
    >>> feature = SinceChange("2024-01-01")
    >>> feature.name, feature.words["en"]
    ('days_since_change_20240101', 'days since the rule of reporting changed on 2024-01-01')
    """

    date: Annotated[Day, BeforeValidator(_day)]
    cap: Cap = 365
    unit: ClassVar[str] = "days"

    @property
    def name(self) -> str:
        return f"days_since_change_{self.date:%Y%m%d}"

    @property
    def words(self) -> Spoken:
        return phrase("days since the rule of reporting changed on {date}", date=self.date)

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        gone = (_days(snapshot) - np.datetime64(self.date)).astype(float)
        return snapshot.calendar(np.clip(gone, 0, self.cap))

    def to_dict(self) -> dict[str, object]:
        return {**super().to_dict(), "date": str(self.date)}
