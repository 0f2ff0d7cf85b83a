"""One law for instants: what a date means on a city's clock."""

import numbers

import pandas as pd

from riskwarn.errors import DataError


def instant(as_of: object, timezone: str) -> pd.Timestamp:
    """`as_of` as an instant on the clock of `timezone`; a date means its local midnight.

    Where clocks were put forward over midnight the day begins with the first instant there was; of an hour that came twice
    the first is meant. An instant of another zone is itself.

    Parameters
    ----------
    as_of
        A date or time, as text, :class:`datetime.date`, :class:`datetime.datetime` or :class:`pandas.Timestamp`.
    timezone
        IANA zone of the city.

    Returns
    -------
    at
        In `timezone`, to the microsecond.

    Raises
    ------
    DataError
        Not a date or time.

    Examples
    --------
    Paraguay's clocks went from 23:59 straight to 01:00.

    >>> instant("2023-10-01", "America/Asuncion")
    Timestamp('2023-10-01 01:00:00-0300', tz='America/Asuncion')
    """
    try:
        # a bare number would be read as nanoseconds since 1970
        at = pd.NaT if isinstance(as_of, numbers.Number) else pd.Timestamp(as_of)
    except (ValueError, TypeError, OverflowError):
        raise DataError(f"as_of must be a date such as '2025-03-03', got {as_of!r}.") from None
    if at is pd.NaT:
        raise DataError(f"as_of must be a date such as '2025-03-03', got {as_of!r}.")
    if at.tzinfo is None:
        at = at.tz_localize(timezone, ambiguous=True, nonexistent="shift_forward")
    return at.tz_convert(timezone).as_unit("us")


def micros(at: pd.Timestamp) -> int:
    """An instant as µs since 1970 UTC.

    Examples
    --------
    >>> micros(pd.Timestamp("1970-01-01 08:00:01", tz="Asia/Shanghai"))
    1000000
    """
    return int(at.tz_convert("UTC").tz_localize(None).as_unit("us").to_datetime64().astype("int64"))
