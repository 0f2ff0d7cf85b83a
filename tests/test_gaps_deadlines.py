"""Deadlines: working days with make-up days, clocks that pause, schemes with their mark."""

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskwarn.errors import DataError, DefinitionError
from riskwarn.gaps.calendar import workdays
from riskwarn.gaps.deadlines import MARKS, Clock, Limit, clock, scheme, schemes

MARCH = workdays(date(2025, 3, 1), date(2025, 6, 30), basis="plain")


def test_make_up_days_are_worked_and_holidays_are_not():
    """The Sunday before the National Day week of 2025 is worked; its eight days off are not."""
    autumn = workdays(date(2025, 9, 1), date(2025, 10, 31), basis="china")
    worked = autumn.first + np.flatnonzero(autumn.working)
    assert np.datetime64("2025-09-28") in worked
    assert not set(np.arange("2025-10-01", "2025-10-09", dtype="datetime64[D]")) & set(worked)


def test_years_nobody_has_announced():
    """Asked for by name, unknown years are an error that says what to do; by default they are Monday to Friday and it is said."""
    with pytest.raises(DataError, match=r"columns date, workday"):
        workdays(date(2049, 1, 1), date(2049, 2, 1), basis="china")
    assert workdays(date(2049, 1, 1), date(2049, 2, 1)).basis["else"] == "plain"


def test_the_operators_table_holds(tmp_path):
    """Days of the operator's own table come last and hold; a faulty table is refused."""
    path = tmp_path / "calendar.csv"
    path.write_text("date,workday\n2025-03-04,0\n2025-03-08,1\n")
    own = workdays(date(2025, 3, 3), date(2025, 3, 9), basis="plain", changes=path)
    assert own.working.tolist() == [True, False, True, True, True, True, False]
    path.write_text("date,workday\n2025-03-04,maybe\n")
    with pytest.raises(DataError, match="maybe"):
        workdays(date(2025, 3, 3), date(2025, 3, 9), basis="plain", changes=path)


@given(st.integers(0, 60), st.integers(1, 15))
def test_a_deadline_is_as_far_as_it_says(day, budget):
    """Between a day and its n-th working day after there are n working days."""
    start = np.array([np.datetime64("2025-03-01") + np.timedelta64(day, "D")])
    end = MARCH.after(start, budget)
    assert MARCH.between(start, end).tolist() == [budget]
    assert MARCH.working[int((end[0] - MARCH.first).astype(int))]


def test_a_deadline_beyond_the_calendar_is_an_error():
    """A deadline that cannot be placed is said, not guessed."""
    with pytest.raises(DataError, match="ends on"):
        MARCH.after(np.array(["2025-06-27"], "datetime64[D]"), 9)


def test_amber_at_four_fifths_and_red_past_the_limit():
    """Five working days: green for three, amber from the fourth, red after the fifth."""
    start = np.array(["2025-03-03T09:00"], "datetime64[us]")
    states = [
        clock(MARCH, start, np.datetime64(f"2025-03-{d:02d}T00:00", "us"), budget=5).state[0] for d in (7, 8, 11, 12)
    ]
    assert states == ["green", "amber", "amber", "red"]


@pytest.mark.parametrize(("used", "state"), [(0.79, "green"), (0.8, "amber"), (1.0, "amber"), (1.01, "red")])
def test_the_last_instant_of_a_limit_is_within_it(used, state):
    """Amber from four fifths on, and at the limit itself; red past it."""
    assert Clock(np.array([used]), np.zeros(1)).state.tolist() == [state]


@pytest.mark.parametrize("budget", [0, -1])
def test_a_limit_without_time_is_none(budget):
    """A level has some time, or no limit."""
    assert Limit("L0", "handle", 0.5, "h").budget == 0.5
    with pytest.raises(DefinitionError, match=f"budget must be positive, got {budget}"):
        Limit("L0", "handle", budget, "wd")


def test_a_paused_clock_stands_still():
    """Time spent waiting for papers does not count."""
    start, now = np.array(["2025-03-03T09:00"], "datetime64[us]"), np.datetime64("2025-05-12T09:00", "us")
    assert clock(MARCH, start, now, budget=60, unit="d").state[0] == "red"
    assert clock(MARCH, start, now, budget=60, unit="d", paused=25).state[0] == "green"


def test_schemes_carry_their_mark():
    """Every scheme shipped says how well it is known, and the nine-day one of five levels says it is unverified."""
    assert {s.mark for s in schemes().values()} <= set(MARKS)
    assert scheme("dingxi_5x9").mark == "unverified"
    assert scheme("dingxi_5x9").by_level() == {"L0": 1, "L1": 3, "L2": 5, "L3": 7, "L4": 9}
    assert {"gaotai_4x7", "tianque_default", "mediation_1m", "petition_15_60_30", "hotline_a", "hotline_b"} <= set(
        schemes()
    )


def test_faulty_schemes_are_refused(tmp_path):
    """An unknown stage, unit, mark or name is an error that says what is wanted."""
    with pytest.raises(DefinitionError, match="did you mean 'handle'"):
        Limit("L0", "handel", 1, "wd")
    with pytest.raises(DefinitionError, match="unit must be"):
        Limit("L0", "handle", 1, "weeks")
    path = tmp_path / "own.toml"
    path.write_text('[a]\nwords = {zh="a", en="a"}\nmark = "sure"\nsource = "x"\nlimits = []\n')
    with pytest.raises(DefinitionError, match="mark must be"):
        schemes(path)
    with pytest.raises(DefinitionError, match="did you mean"):
        scheme("dingxi_5x8")


def test_the_table_holds_on_the_first_and_the_last_day_and_nowhere_else():
    """Days of the table before or after the calendar change nothing."""
    changes = {date(2025, 3, 2): False, date(2025, 3, 3): False, date(2025, 3, 9): True, date(2025, 3, 10): False}
    own = workdays(date(2025, 3, 3), date(2025, 3, 9), basis="plain", changes=changes)

    assert own.working.tolist() == [False, True, True, True, True, False, True]
    assert own.basis == {"days": "plain", "table_days": 4}


@given(st.integers(-5, 130), st.integers(-5, 130))
def test_working_days_between_are_counted_one_by_one(one, other):
    """Those after the first day, up to and with the second; days beyond the calendar are none."""
    earlier, later = (MARCH.first + np.timedelta64(n, "D") for n in (one, other))
    worked = [MARCH.first + np.timedelta64(n, "D") for n in np.flatnonzero(MARCH.working)]

    assert MARCH.between(np.array([earlier]), np.array([later])).tolist() == [sum(earlier < d <= later for d in worked)]


def test_the_last_worked_day_is_still_a_deadline():
    """The calendar ends on Monday the 30th of June: the first working day after Sunday is placed, the second is told with that day."""
    sunday = np.array(["2025-06-29"], "datetime64[D]")

    assert MARCH.after(sunday, 1).tolist() == [date(2025, 6, 30)]
    with pytest.raises(DataError, match="ends on 2025-06-30; a deadline lies beyond it"):
        MARCH.after(sunday, 2)


@pytest.mark.parametrize(
    ("unit", "budget", "paused", "now", "used", "overdue"),
    [
        ("h", 4, 0, "2025-03-07T12:00", 0.5, 0),
        ("h", 4, 0, "2025-03-07T14:00", 1, 0),
        ("h", 4, 1, "2025-03-11T10:00", 95 / 4, 2),
        ("d", 2, 0, "2025-03-08T10:00", 0.5, 0),
        ("d", 2, 0, "2025-03-12T10:00", 2.5, 3),
        ("d", 2, 1, "2025-03-12T10:00", 2, 2),
        ("wd", 2, 0, "2025-03-12T10:00", 1, 0),
        ("wd", 2, 0, "2025-03-13T10:00", 1.5, 1),
        ("wd", 2, 1, "2025-03-13T10:00", 1, 0),
    ],
)
def test_a_clock_in_each_unit(unit, budget, paused, now, used, overdue):
    """From ten on a Friday: the share used, less the time it stood still, and the working days since it ran out."""
    friday = np.array(["2025-03-07T10:00"], "datetime64[us]")
    read = clock(MARCH, friday, np.datetime64(now, "us"), budget=budget, unit=unit, paused=paused)

    assert (read.used.tolist(), read.overdue.tolist()) == ([pytest.approx(used)], [overdue])
