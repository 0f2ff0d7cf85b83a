"""One law for instants: what a date means on a city's clock."""

import datetime as dt
import re

import numpy as np
import pandas as pd

from riskwarn.errors import DataError

_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d(?!\d)")


def instant(as_of: object, timezone: str) -> pd.Timestamp:
    """`as_of` as an instant on the clock of `timezone`; a date means its local midnight.

    Where clocks were put forward over midnight the day begins with the first instant there was; of an hour that came twice
    the first is meant. An instant of another zone is itself.

    Parameters
    ----------
    as_of
        A date or time, as ISO text (``2025-03-03``, ``2025-03-03 06:00``), ``today``, :class:`datetime.date`,
        :class:`datetime.datetime` or :class:`pandas.Timestamp`.
    timezone
        IANA zone of the city.

    Returns
    -------
    at
        In `timezone`, to the microsecond.

    Raises
    ------
    DataError
        Not a date or time, or one that may be read in two ways, as ``11/12``.

    Examples
    --------
    Paraguay's clocks went from 23:59 straight to 01:00.

    >>> instant("2023-10-01", "America/Asuncion")
    Timestamp('2023-10-01 01:00:00-0300', tz='America/Asuncion')
    """
    try:
        at = _read(as_of, timezone)
        if at.tzinfo is None:
            at = at.tz_localize(timezone, ambiguous=True, nonexistent="shift_forward")
        return at.tz_convert(timezone).as_unit("us")
    except (ValueError, TypeError, OverflowError, AttributeError):
        given = " ".join(repr(as_of).split())[:60]
        remedy = "write year-month-day, a time behind it where it matters, or 'today'"
        raise DataError(f"as_of must be a date such as '2025-03-03', got {given}; {remedy}.") from None


def _read(as_of: object, timezone: str) -> pd.Timestamp:
    """A timestamp of what is a date beyond doubt: 11/12 is two days of the year, and 20250303 or 1741.5 may be anything."""
    if isinstance(as_of, str):
        if as_of.strip().casefold() == "today":
            return pd.Timestamp.now(timezone).tz_localize(None).normalize()
        if not _ISO_DATE.match(as_of.strip()):
            raise ValueError(as_of)
        return pd.Timestamp(dt.datetime.fromisoformat(as_of.strip()))
    if not isinstance(as_of, dt.date | np.datetime64) or pd.isna(as_of):
        raise TypeError(as_of)
    return pd.Timestamp(as_of)


def micros(at: pd.Timestamp) -> int:
    """An instant as µs since 1970 UTC.

    Examples
    --------
    >>> micros(pd.Timestamp("1970-01-01 08:00:01", tz="Asia/Shanghai"))
    1000000
    """
    return int(at.tz_convert("UTC").tz_localize(None).as_unit("us").to_datetime64().astype("int64"))
