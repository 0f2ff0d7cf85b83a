"""One law for instants: what a date means on a city's clock."""

import datetime as dt
import re
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import pandas as pd

from riskwarn.errors import DataError, DefinitionError, did_you_mean

_DAY_US = 86_400_000_000
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d(?!\d)")


def instant(as_of: object, timezone: str, *, name: str = "as_of") -> pd.Timestamp:
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
    name
        What the error calls it.

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
        raise DataError(f"{name} must be a date such as '2025-03-03', got {given}; {remedy}.") from None


def zone_named(name: object) -> str:
    """The IANA name of a city's clock.

    Parameters
    ----------
    name
        As ``Asia/Shanghai``.

    Returns
    -------
    zone
        The name, as it is known.

    Raises
    ------
    DefinitionError
        No such zone; the message proposes the nearest. An abbreviation such as CST names several clocks, and is refused.

    Examples
    --------
    >>> zone_named("Asia/Shanghai")
    'Asia/Shanghai'
    """
    try:
        return ZoneInfo(name).key  # type: ignore[arg-type]
    except (KeyError, ValueError, TypeError, OSError, AttributeError):
        given = " ".join(repr(name).split())[:60]
        raise DefinitionError(
            f"unknown time zone {given}{_nearest(str(name))}; use an IANA name such as 'Asia/Shanghai' or 'Europe/London'."
        ) from None


def zone_of(times: pd.Series, given: str | None = None) -> str:
    """The clock that times are written on, unless another is `given`.

    Parameters
    ----------
    times
        Timezone-aware.
    given
        IANA name; none to take that of `times`.

    Returns
    -------
    zone
        IANA name.

    Raises
    ------
    DefinitionError
        No such zone, or the times carry a mere offset, which says nothing of summer time.

    Examples
    --------
    >>> zone_of(pd.Series(pd.to_datetime(["2025-03-03"]).tz_localize("Europe/London")))
    'Europe/London'
    """
    return zone_named(given if given is not None else str(times.dt.tz))


def _nearest(name: str) -> str:
    """What an unknown name may mean: a name of Windows, a city of another spelling; nothing for CST, which names several clocks."""
    from babel.core import get_global  # noqa: PLC0415 - only a mistake needs it

    windows = get_global("windows_zone_mapping").get(name)
    if windows:
        return f" (did you mean {windows!r}?)"
    if name.isupper() and name.isalpha() and len(name) <= 5:
        return ", which may be several clocks"
    if name in {"Asia/Beijing", "Beijing", "PRC time", "China"}:
        return " (did you mean 'Asia/Shanghai'?)"
    return did_you_mean(name, sorted(available_timezones()))


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

    Parameters
    ----------
    at
        An instant, timezone-aware.

    Returns
    -------
    micros
        Whole microseconds.

    Examples
    --------
    >>> micros(pd.Timestamp("1970-01-01 08:00:01", tz="Asia/Shanghai"))
    1000000
    """
    return int(at.tz_convert("UTC").tz_localize(None).as_unit("us").to_datetime64().astype("int64"))


def days_before(instants: np.ndarray, at: int, timezone: str) -> np.ndarray:
    """Whole days by the city's clock between instants and a night: 0 for the day that ends with it, also where clocks are changed.

    Parameters
    ----------
    instants
        (n,) µs since 1970 UTC, none after the night.
    at
        The night, µs since 1970 UTC.
    timezone
        IANA zone of the city.

    Returns
    -------
    days
        (n,) from 0. A night at midnight cuts days at midnight, in summer and in winter.

    Examples
    --------
    A night in November and the last second of a day in October, when the clock had an hour more.

    >>> at = [pd.Timestamp(t, tz="America/New_York") for t in ("2024-11-10", "2024-10-31 23:59:59", "2024-11-01 00:00")]
    >>> night, *days = [micros(t) for t in at]
    >>> days_before(np.array(days), night, "America/New_York").tolist()
    [9, 8]
    """
    wall = np.asarray(_wall(np.append(instants, at), timezone).view("int64"))
    return np.maximum((wall[-1] - 1 - wall[:-1]) // _DAY_US, 0)


def local_days(at: int, n: int, timezone: str) -> list[dt.date]:
    """The `n` days of the city's clock before a night, oldest first.

    Parameters
    ----------
    at
        The night, µs since 1970 UTC.
    n
        How many.
    timezone
        IANA zone of the city.

    Returns
    -------
    days
        The last is the one that ends with the night.

    Examples
    --------
    >>> local_days(micros(pd.Timestamp("2024-03-01", tz="Asia/Shanghai")), 2, "Asia/Shanghai")
    [datetime.date(2024, 2, 28), datetime.date(2024, 2, 29)]
    """
    last = (_wall(np.array([at]), timezone)[0] - np.timedelta64(1, "us")).astype("datetime64[D]")
    days: list[dt.date] = (last - np.arange(n)[::-1]).tolist()
    return days


def _wall(instants: np.ndarray, timezone: str) -> np.ndarray:
    """Instants in µs as wall-clock time, datetime64[us]."""
    at = pd.DatetimeIndex(np.asarray(instants, dtype=np.int64).astype("datetime64[us]")).tz_localize("UTC")
    return np.asarray(at.tz_convert(timezone).tz_localize(None).as_unit("us"))
