"""By when an alert is to be acknowledged: hours that count while the centre works, or at all hours."""

import datetime as dt

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.gaps.calendar import Workdays
from riskwarn.plan import Calendar

_MINUTES = 60


@checked
def due_at(
    as_of: pd.Timestamp, hours: float, workdays: Workdays, calendar: Calendar, *, round_the_clock: bool = False
) -> pd.Timestamp:
    """The instant at which a clock that starts with the night's working day has run out.

    Parameters
    ----------
    as_of
        The night; the clock starts when the centre next opens, or at once where it runs round the clock.
    hours
        How long it runs.
    workdays
        Which days are worked.
    calendar
        Opening hours.
    round_the_clock
        Whether it runs at all hours.

    Returns
    -------
    due_at
        On the city's clock.

    Examples
    --------
    >>> from riskwarn.gaps.calendar import workdays
    >>> march = workdays(dt.date(2025, 3, 1), dt.date(2025, 4, 30), basis="plain")
    >>> friday = pd.Timestamp("2025-03-07", tz="Asia/Shanghai")
    >>> str(due_at(friday, 2, march, Calendar())), str(due_at(friday, 24, march, Calendar()))
    ('2025-03-07 10:00:00+08:00', '2025-03-11 12:00:00+08:00')
    >>> str(due_at(friday, 24, march, Calendar(), round_the_clock=True))
    '2025-03-08 00:00:00+08:00'
    """
    if round_the_clock:
        return as_of + pd.Timedelta(hours=hours)
    opens, closes = (_of_day(calendar.opens), _of_day(calendar.closes))
    wall, left = as_of.tz_localize(None), pd.Timedelta(hours=hours)
    day = wall.normalize()
    if not _worked(workdays, day) or wall >= day + closes:
        day = _next(workdays, day)
    start = max(wall, day + opens)
    while left > day + closes - start:
        left -= day + closes - start
        day = _next(workdays, day)
        start = day + opens
    return (start + left).tz_localize(as_of.tz, ambiguous=True, nonexistent="shift_forward")


def _of_day(time: dt.time) -> pd.Timedelta:
    return pd.Timedelta(minutes=_MINUTES * time.hour + time.minute)


def _worked(workdays: Workdays, day: pd.Timestamp) -> bool:
    number = (np.array([day.date()], "datetime64[D]") - workdays.first).astype(int)
    return bool(workdays.working[number][0])


def _next(workdays: Workdays, day: pd.Timestamp) -> pd.Timestamp:
    return pd.Timestamp(workdays.after(np.array([day.date()], "datetime64[D]"), 1)[0])
