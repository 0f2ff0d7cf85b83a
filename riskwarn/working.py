"""Time that counts: working hours, working days, hours and days, on the city's calendar; by the plan, for lists and for the ledger alike."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.errors import DataError, StaleDataError
from riskwarn.gaps.calendar import Workdays, basis_of, workdays
from riskwarn.plan import STARTER, Calendar, Clocks, Mode, Plan
from riskwarn.store import Store

UNITS = {"acknowledge_hours": "wh", "visit_hours": "h", "report_days": "wd", "verify_days": "wd"}
"""In which time the clocks of a plan run: working hours, hours, working days."""
_ROUND_THE_CLOCK = {"wh": "h", "wd": "d"}
_HOURS = {"h": 1, "d": 24}
_DAY = np.timedelta64(1, "D")


@dataclass(frozen=True)
class Budget:
    """So much time of a unit: ``wh`` working hours, ``wd`` working days, ``h`` hours, ``d`` days."""

    amount: float
    unit: str


@checked
def budget_of(clocks: Clocks, level: str, limit: str, mode: Mode) -> Budget | None:
    """How long a step may take for a level in a mode of the centre; none where the plan gives it no time.

    Parameters
    ----------
    clocks
        Of the plan.
    level
        Of the alert or gap.
    limit
        One of :data:`UNITS`.
    mode
        Of the centre, when the clock begins.

    Returns
    -------
    budget
        Round the clock a working hour is an hour and a working day a day.

    Examples
    --------
    >>> budget_of(Clocks(), "red", "report_days", Mode())
    Budget(amount=3, unit='wd')
    >>> budget_of(Clocks(), "red", "report_days", Mode(clock_share=0.5, round_the_clock=True))
    Budget(amount=1.5, unit='d')
    >>> budget_of(Clocks(), "blue", "verify_days", Mode()) is None
    True
    """
    amount = getattr(getattr(clocks, level, None), limit, 0) * mode.clock_share
    unit = UNITS[limit]
    return Budget(amount, _ROUND_THE_CLOCK.get(unit, unit) if mode.round_the_clock else unit) if amount else None


@dataclass(frozen=True)
class WorkingTime:
    """The clock on the wall of a centre.

    Attributes
    ----------
    days
        Which days are worked.
    calendar
        From when to when such a day is worked.
    timezone
        IANA zone of the city.
    """

    days: Workdays
    calendar: Calendar
    timezone: str

    def spent(self, start: pd.Timestamp, end: pd.Timestamp, unit: str) -> float:
        """How much of a unit lies between two instants; working days are counted from the end of the day of `start`.

        Parameters
        ----------
        start, end
            Instants, timezone-aware.
        unit
            ``wh``, ``wd``, ``h`` or ``d``, as of :class:`Budget`.

        Returns
        -------
        amount
            At least 0.
        """
        if unit in _HOURS:
            return max((end - start) / pd.Timedelta(hours=_HOURS[unit]), 0.0)
        return max(self._counted(end, unit) - self._counted(self._begun(start, unit), unit), 0.0)

    def due(self, start: pd.Timestamp, budget: Budget) -> pd.Timestamp:
        """When a budget begun at `start` is used up, to the second; a whole working day ends with that day's last moment.

        Parameters
        ----------
        start
            When it begins, timezone-aware.
        budget
            How long it is.

        Returns
        -------
        due
            An instant in the zone of the city.
        """
        if budget.unit in _HOURS:
            return start + pd.Timedelta(hours=budget.amount * _HOURS[budget.unit])
        first, last, size = self._window(budget.unit)
        total = (self._counted(self._begun(start, budget.unit), budget.unit) + budget.amount) / size
        n = max(int(np.ceil(round(total, 9))) - 1, 0)  # a full day is the end of it, not the beginning of the next
        day = self.days.first + self._worked[n] * _DAY
        hour = first + (total - n) * (last - first)
        return self._instant((pd.Timestamp(day) + pd.Timedelta(hours=hour)).round("s"))

    @cached_property
    def _worked(self) -> np.ndarray:
        return np.flatnonzero(self.days.working)

    @cached_property
    def _before(self) -> np.ndarray:
        """Working days before each day of the calendar."""
        return np.r_[0, np.cumsum(self.days.working)]

    def _window(self, unit: str) -> tuple[float, float, float]:
        """From which hour to which a working day counts, and how much of the unit it is."""
        if unit == "wd":
            return 0.0, 24.0, 1.0
        opens, closes = (time.hour + time.minute / 60 for time in (self.calendar.opens, self.calendar.closes))
        return opens, closes, closes - opens

    def _begun(self, start: pd.Timestamp, unit: str) -> pd.Timestamp:
        return start if unit == "wh" else self._instant(self._wall(start).normalize() + pd.Timedelta(days=1))

    def _counted(self, at: pd.Timestamp, unit: str) -> float:
        """How much of a unit lies between the first day of the calendar and an instant."""
        wall, (first, last, size) = self._wall(at), self._window(unit)
        day = int((wall.normalize().to_datetime64().astype("datetime64[D]") - self.days.first) // _DAY)
        day = min(max(day, 0), len(self.days.working) - 1)
        part = ((wall - wall.normalize()) / pd.Timedelta(hours=1) - first) / (last - first)
        return size * float(self._before[day] + self.days.working[day] * min(max(part, 0.0), 1.0))

    def _wall(self, at: pd.Timestamp) -> pd.Timestamp:
        return at.tz_convert(self.timezone).tz_localize(None)

    def _instant(self, wall: pd.Timestamp) -> pd.Timestamp:
        return wall.tz_localize(self.timezone, ambiguous=True, nonexistent="shift_forward").as_unit("us")


@checked
def plan_in_force(store: Store) -> Plan:
    """The plan by which a centre works now: that of its newest night, else ``plan.toml`` of the store, else the starter's.

    Parameters
    ----------
    store
        The city.

    Returns
    -------
    plan
        So the ledger counts by the same clocks as the list it enters.
    """
    return _published_plan(store) or kept_plan(store.path) or Plan.load(STARTER)


@checked
def kept_plan(folder: Path) -> Plan | None:
    """The plan that lies in a store's folder.

    Parameters
    ----------
    folder
        Of the store.

    Returns
    -------
    plan
        None where there is no ``plan.toml``.

    Raises
    ------
    DefinitionError
        The file is no plan.
    """
    place = folder / "plan.toml"
    return Plan.load(place) if place.is_file() else None


@checked
def declared_plan(store: Store) -> Plan:
    """The plan that a promotion is held to: ``plan.toml`` of the store, else that of its newest night, else the starter's.

    Parameters
    ----------
    store
        The city.

    Returns
    -------
    plan
        It may have been changed since the newest night; what is promoted now is held to its bounds.
    """
    return kept_plan(store.path) or _published_plan(store) or Plan.load(STARTER)


@checked
def working_time(store: Store, calendar: Calendar, now: pd.Timestamp) -> WorkingTime:
    """The working time of a store, from four years before `now` to two after; the file ``calendar.csv`` of the store holds.

    Parameters
    ----------
    store
        The city.
    calendar
        Of the plan.
    now
        An instant on the city's clock.

    Returns
    -------
    wall
        What lies between two instants, and when a budget is used up.
    """
    changes = store.path / "calendar.csv"
    days = workdays(
        (now - pd.Timedelta(days=4 * 366)).date(),
        (now + pd.Timedelta(days=2 * 366)).date(),
        basis=basis_of(store.timezone) if calendar.days == "auto" else calendar.days,
        changes=changes if changes.exists() else None,
    )
    return WorkingTime(days, calendar, store.timezone)


def _published_plan(store: Store) -> Plan | None:
    try:
        published = store.newest_night().facts.get("plan")
    except (DataError, StaleDataError):
        return None
    return Plan.of_dict(published) if published else None
