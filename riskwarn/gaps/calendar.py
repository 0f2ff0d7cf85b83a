"""Working days: Monday to Friday, less public holidays, with make-up days (调休), and what the operator says in a table of his own."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Literal

import numpy as np

from riskwarn.errors import DataError
from riskwarn.holiday import read_changes

Basis = Literal["auto", "china", "plain"]
DAY = np.timedelta64(1, "D")
"""A day, for numpy refuses spans without a unit."""
_CHINESE = frozenset({"Asia/Shanghai", "Asia/Chongqing", "Asia/Harbin", "Asia/Urumqi", "PRC"})


@dataclass(frozen=True, eq=False)
class Workdays:
    """Which days are worked, from `first` on, and how that is known.

    Parameters
    ----------
    first
        The first day.
    working
        (n_days,) bool.
    basis
        In codes: `days` is ``china`` or ``plain``; of ``china`` also the years announced, `first_year` and `last_year`, and `else`,
        what holds outside them; `table_days`, how many days the operator's table tells.
    """

    first: np.datetime64
    working: np.ndarray
    basis: dict[str, str | int]

    def between(self, earlier: np.ndarray, later: np.ndarray) -> np.ndarray:
        """(n,) working days after the day of `earlier`, up to and with the day of `later`; 0 where `later` is not later.

        Parameters
        ----------
        earlier, later
            (n,) local days, datetime64[D].

        Examples
        --------
        >>> week = workdays(date(2025, 3, 3), date(2025, 3, 31), basis="plain")
        >>> friday, monday = np.array(["2025-03-07"], "datetime64[D]"), np.array(["2025-03-10"], "datetime64[D]")
        >>> week.between(friday, monday).tolist()
        [1]
        """
        total = np.r_[0, np.cumsum(self.working)]
        a, b = (
            np.clip((np.asarray(d, "datetime64[D]") - self.first) // DAY + 1, 0, len(self.working))
            for d in (earlier, later)
        )
        return np.asarray(np.maximum(total[b] - total[a], 0))

    def after(self, start: np.ndarray, days: np.ndarray | int) -> np.ndarray:
        """(n,) the `days`-th working day after each day `start`, datetime64[D].

        Raises
        ------
        DataError
            It lies beyond the calendar's last day.

        Examples
        --------
        A make-up Sunday counts, and the seven days of Spring Festival do not.

        >>> winter = workdays(date(2025, 1, 1), date(2025, 3, 1))
        >>> winter.after(np.array(["2025-01-24"], "datetime64[D]"), 3)
        array(['2025-02-05'], dtype='datetime64[D]')
        """
        worked = np.flatnonzero(self.working)
        begun = np.searchsorted(worked, (np.asarray(start, "datetime64[D]") - self.first) // DAY, side="right")
        at = begun + np.asarray(days) - 1
        if at.size and at.max() >= len(worked):
            raise DataError(
                f"the calendar of working days ends on {self.first + (len(self.working) - 1) * DAY}; a deadline lies beyond it."
            )
        return np.asarray(self.first + worked[at] * DAY)


def workdays(
    first: date, last: date, *, basis: Basis = "auto", changes: Mapping[date, bool] | str | Path | None = None
) -> Workdays:
    """The calendar from `first` to `last`.

    Parameters
    ----------
    basis
        ``china``: public holidays and make-up days as announced by the State Council, from the package ``holidays``; ``plain``:
        Monday to Friday; ``auto``: the first for the years announced, else the second; `basis` of the result says which.
    changes
        Days that differ, True for worked; or a CSV with the columns `date` and `workday` (1 or 0). They come last and hold.

    Raises
    ------
    DataError
        ``china`` past the years announced, or a table that cannot be read.
    """
    days = np.arange(np.datetime64(first, "D"), np.datetime64(last, "D") + DAY)
    working = (days.astype("datetime64[D]").view("int64") + 3) % 7 < 5
    known_by: dict[str, str | int] = {"days": "plain"}
    if basis != "plain":
        working, known_by = _chinese(days, working, strict=basis == "china")
    listed = read_changes(changes) if isinstance(changes, str | Path) else dict(changes or {})
    for day, flag in listed.items():
        at = int((np.datetime64(day, "D") - days[0]) // DAY)
        if 0 <= at < len(days):
            working[at] = flag
    return Workdays(days[0], working, known_by | ({"table_days": len(listed)} if listed else {}))


def basis_of(timezone: str) -> Basis:
    """By which calendar the days of a city are worked: China's in a zone of China, else Monday to Friday.

    Examples
    --------
    >>> basis_of("Asia/Urumqi"), basis_of("Europe/Stockholm")
    ('auto', 'plain')
    """
    return "auto" if timezone in _CHINESE else "plain"


def _chinese(days: np.ndarray, working: np.ndarray, *, strict: bool) -> tuple[np.ndarray, dict[str, str | int]]:
    """Working days of China: make-up days are announced a year at a time, so years not announced are plain weeks."""
    from holidays.countries.china import ChinaStaticHolidays  # noqa: PLC0415 - a tenth of a second

    announced = sorted(ChinaStaticHolidays.special_public_holidays)
    year = days.astype("datetime64[Y]").astype(int) + 1970
    known = (year >= announced[0]) & (year <= announced[-1])
    if strict and not known.all():
        raise DataError(
            f"the calendar of Chinese public holidays knows {announced[0]} to {announced[-1]}, asked for {year.min()} to {year.max()}; "
            "update the package holidays, or give the days in a table (columns date, workday) with basis='auto'."
        )
    made = working.copy()
    if known.any():
        made[known] = _announced(*days[known][[0, -1]].tolist())
    basis: dict[str, str | int] = {"days": "china", "first_year": announced[0], "last_year": announced[-1]}
    return made, basis if known.all() else basis | {"else": "plain"}


@functools.lru_cache(maxsize=16)
def _announced(first: date, last: date) -> tuple[bool, ...]:
    """Whether each day of announced years is worked; asked for anew for every page that shows a clock, of the same years all day."""
    import holidays  # noqa: PLC0415 - a tenth of a second

    china = holidays.country_holidays("CN")
    return tuple(china.is_working_day(first + timedelta(n)) for n in range((last - first).days + 1))
