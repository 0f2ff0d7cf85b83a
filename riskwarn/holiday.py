"""Public holidays of a city: which of its days lie on or beside one, by the public calendar of its country and the operator's table."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from riskwarn.errors import DataError

_BESIDE = ((0, "on"), (-1, "after"), (1, "before"))
"""The day itself, the day after and the day before, the nearest first."""


def holidays_of(days: Sequence[date], timezone: str, changes: Path | None = None) -> np.ndarray:
    """The holiday that each day lies on or beside.

    Parameters
    ----------
    days
        Local days.
    timezone
        The city's zone; its country's public holidays are taken from the package `holidays`. A zone of no country, such as UTC, has none.
    changes
        The operator's table, ``calendar.csv``: a weekday that is not worked is a holiday of the city's own.

    Returns
    -------
    names
        (n,) As ``on Christmas Day``, ``before Christmas Day``; empty for a common day.

    Raises
    ------
    DataError
        The table cannot be read.

    Examples
    --------
    >>> holidays_of([date(2024, 12, day) for day in (23, 24, 25, 26)], "America/New_York").tolist()
    ['', 'before Christmas Day', 'on Christmas Day', 'after Christmas Day']
    """
    if not len(days):
        return np.zeros(0, dtype=object)
    named = _public(timezone, range(min(days).year - 1, max(days).year + 2))
    named |= (
        {d: "own" for d, worked in read_changes(changes).items() if not worked and d.weekday() < 5} if changes else {}
    )
    at = np.array(days, dtype="datetime64[D]")
    names = np.full(len(at), "", dtype=object)
    for shift, where in reversed(_BESIDE):
        beside = [named.get(day) for day in (at + np.timedelta64(shift, "D")).tolist()]
        names = np.array([f"{where} {name}" if name else old for name, old in zip(beside, names, strict=True)], object)
    return names


def _public(timezone: str, years: range) -> dict[date, str]:
    """Public holidays of the country of a zone by day, one name each, without what moves it."""
    import holidays  # noqa: PLC0415 - a tenth of a second
    from babel.core import get_global  # noqa: PLC0415

    country = get_global("zone_territories").get(timezone)
    if country not in holidays.list_supported_countries():
        return {}
    public = holidays.country_holidays(country, years=years, language="en_US")
    named = {day: re.split(r" \(|; ", name)[0] for day, name in public.items()}
    true = sorted(day for day, name in named.items() if not name.startswith("Day off"))
    # a day off that was exchanged for a worked one belongs to the holiday beside it
    return {day: named[min(true, key=lambda other: abs(other - day))] for day in named} if true else named


def read_changes(path: str | Path) -> Mapping[date, bool]:
    """Days of the operator's table, True for worked.

    Parameters
    ----------
    path
        A CSV with the columns `date` and `workday` (1 or 0).

    Returns
    -------
    changes
        Whether each day of the table is worked.

    Raises
    ------
    DataError
        It cannot be read.
    """
    try:
        table = pd.read_csv(path, dtype=str, encoding="utf-8-sig")
        days = pd.to_datetime(table["date"]).dt.date
        flags = table["workday"].str.strip().map({"1": True, "0": False})
    except (OSError, KeyError, ValueError) as error:
        raise DataError(
            f"{path}: wanted a CSV with the columns date and workday (1 or 0); {type(error).__name__}: {error}."
        ) from None
    if flags.isna().any():
        raise DataError(f"{path}: workday must be 1 or 0, got {table.loc[flags.isna(), 'workday'].iloc[0]!r}.")
    return dict(zip(days, flags.astype(bool), strict=True))
