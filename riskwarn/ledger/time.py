"""Time that counts: working hours, working days, hours and days, on the city's calendar."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from riskwarn.gaps.calendar import Workdays, workdays
from riskwarn.ledger.workflow import Hours, Mode
from riskwarn.store import Store

_CHINESE = frozenset({"Asia/Shanghai", "Asia/Chongqing", "Asia/Harbin", "Asia/Urumqi", "PRC"})
_ROUND_THE_CLOCK = {"wh": "h", "wd": "d"}
_HOURS = {"h": 1, "d": 24}
_DAY = np.timedelta64(1, "D")


@dataclass(frozen=True)
class Budget:
    """So much time of a unit: ``wh`` working hours, ``wd`` working days, ``h`` hours, ``d`` days."""

    amount: float
    unit: str


def budget_of(text: str, mode: Mode) -> Budget:
    """A budget as it is declared, in a mode of the centre.

    Examples
    --------
    >>> budget_of("3 wd", Mode()), budget_of("3 wd", Mode(share=0.5, round_the_clock=True))
    (Budget(amount=3.0, unit='wd'), Budget(amount=1.5, unit='d'))
    """
    amount, unit = text.split(" ")
    return Budget(float(amount) * mode.share, _ROUND_THE_CLOCK.get(unit, unit) if mode.round_the_clock else unit)


@dataclass(frozen=True)
class WorkingTime:
    """The clock on the wall of a centre.

    Attributes
    ----------
    days
        Which days are worked.
    hours
        Working hours of such a day.
    timezone
        IANA zone of the city.
    """

    days: Workdays
    hours: Hours
    timezone: str

    def spent(self, start: pd.Timestamp, end: pd.Timestamp, unit: str) -> float:
        """How much of a unit lies between two instants; working days are counted from the end of the day of `start`."""
        if unit in _HOURS:
            return max((end - start) / pd.Timedelta(hours=_HOURS[unit]), 0.0)
        return max(self._counted(end, unit) - self._counted(self._begun(start, unit), unit), 0.0)

    def due(self, start: pd.Timestamp, budget: Budget) -> pd.Timestamp:
        """When a budget begun at `start` is used up, to the second; a whole working day ends with that day's last moment."""
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
        return self.hours.opens, self.hours.closes, self.hours.closes - self.hours.opens

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


def working_time(store: Store, hours: Hours, now: pd.Timestamp) -> WorkingTime:
    """The working time of a store, from four years before `now` to two after; the file ``calendar.csv`` of the store holds."""
    own = store.path / "calendar.csv"
    days = workdays(
        (now - pd.Timedelta(days=4 * 366)).date(),
        (now + pd.Timedelta(days=2 * 366)).date(),
        basis="auto" if store.timezone in _CHINESE else "plain",
        changes=own if own.exists() else None,
    )
    return WorkingTime(days, hours, store.timezone)
