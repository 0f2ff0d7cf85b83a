"""The time of year, by hand."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from riskwarn.errors import DefinitionError
from riskwarn.feature import DatePart, Season, SinceChange, SpringFestival, WageWindow, Window, Workdays
from riskwarn.feature.calendar import _WINDOWS, spring_festivals

YEAR = 2025


def at(feature, *days):
    """Values of a feature on days of the city's clock, at the last minute of each."""
    local = pd.DatetimeIndex([pd.Timestamp(f"{day} 23:59", tz="Asia/Shanghai") for day in days])
    return np.asarray(feature.compute(SimpleNamespace(local=local, calendar=np.asarray))).tolist()


def around(month_day, *days):
    """A day of the year and the days so far from it."""
    return [f"{pd.Timestamp(f'{YEAR}-{month_day}') + pd.Timedelta(days=n):%Y-%m-%d}" for n in days]


@pytest.mark.parametrize(("of", "span"), [(of, span) for of, (_, spans) in _WINDOWS.items() for span in spans])
def test_a_time_of_year_holds_both_its_ends(of, span):
    """From its first day to its last it is on, the day before and the day after it is off; where two of its parts meet at new year it goes on."""
    first, last = span
    meets = {"12-31": 1, "01-01": 1} if of == "heating" else {}

    assert at(Window(of), *around(first, -1, 0)) == [meets.get(first, 0), 1]
    assert at(Window(of), *around(last, 0, 1)) == [1, meets.get(last, 0)]


def test_the_season_goes_once_round_in_a_year():
    """Sine and cosine of one angle, the day of the year in 365.25 parts of a circle: the first of April is a quarter, the second of July half."""
    days = ("2025-01-01", "2025-04-01", "2025-07-02", "2025-12-31")
    angle = 2 * np.pi * np.array([1, 91, 183, 365]) / 365.25

    assert at(Season("sin"), *days) == pytest.approx(np.sin(angle).tolist())
    assert at(Season("cos"), *days) == pytest.approx(np.cos(angle).tolist())
    assert at(Season("sin"), "2025-04-01") == pytest.approx([1], abs=1e-3)


def test_the_parts_of_a_date_by_hand():
    """The last Monday of 2024 lies in the first week of the next year, as weeks are numbered; Monday is 0 and Sunday 6."""
    parts = {part: at(DatePart(part), "2024-12-30", "2025-03-02") for part in ("month", "week", "weekday", "quarter")}

    assert parts == {"month": [12, 3], "week": [1, 9], "weekday": [0, 6], "quarter": [4, 1]}
    assert at(DatePart("day_of_year"), "2024-12-30", "2025-03-02") == [365, 61]


def test_wages_are_settled_towards_the_festival():
    """Sixty days before the festival of 2025 nothing, thirty days before half, on its first day all, and nothing from the day after on."""
    days = ("2024-11-29", "2024-11-30", "2024-12-30", "2025-01-28", "2025-01-29", "2025-01-30", "2025-06-01")

    assert at(WageWindow(), *days) == pytest.approx([0, 0, 0.5, 1 - 1 / 60, 1, 0, 0])


def test_days_from_the_festival_end_at_the_reach():
    """Signed days up to the reach on either side; between two festivals the nearer is meant, halfway the one before."""
    days = ("2025-01-22", "2025-01-23", "2025-02-03", "2025-02-06", "2025-08-09", "2025-08-10")

    assert at(SpringFestival(reach=6), *days) == [-6, -6, 5, 6, 6, -6]
    assert at(SpringFestival(reach=400), *days[-2:]) == [192, -191]


def test_what_lies_beyond_the_festivals_that_are_known_is_refused():
    """Half a year before the first and two hundred days after the last are told, a day more is not."""
    first, last = spring_festivals()[[0, -1]]

    assert at(SpringFestival(reach=400), first - 183, last + 200) == [-183, 200]
    for day in (first - 184, last + 201):
        with pytest.raises(DefinitionError, match=f"no festival is known near {day}; known: {first} to {last}"):
            at(SpringFestival(), "2025-01-01", day)


def test_working_days_are_counted_from_the_day_on():
    """The day itself is the first: of three from a Friday on one is worked, of four two; a working Sunday of the exchange counts."""
    assert at(Workdays(3), "2025-03-07", "2025-01-24") == [1, 2]
    assert at(Workdays(4), "2025-03-07", "2025-03-08") == [2, 2]


def test_days_since_a_change_begin_with_it_and_end():
    """0 before and on the day, one the day after, at most the cap."""
    days = ("2023-12-31", "2024-01-01", "2024-01-02", "2024-01-31", "2024-02-01", "2025-01-01")

    assert at(SinceChange("2024-01-01", cap=30), *days) == [0, 0, 1, 30, 30, 30]


@pytest.mark.parametrize(
    "feature", [Season("sin"), SpringFestival(), WageWindow(), Window("farm"), DatePart("week"), Workdays(28)]
)
def test_the_time_of_year_is_told_as_no_fault_of_a_place(feature):
    """It has no side, may always ease, is answered by the calendar and is one reason with all others of its kind."""
    clause = feature.clause

    assert (clause.side, clause.eases, clause.remedy) == (0, "always", "calendar")
    assert clause.days == {"festival": 60, "workdays": 28}.get(clause.kind, 0)
    assert (feature.family, feature.clock, feature.dated) == ("calendar", True, True)
