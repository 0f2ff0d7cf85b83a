"""The made-up city's calendar: Spring Festival, working days, seasons of each kind of dispute, hours of the day."""

import numpy as np
import pandas as pd

from riskwarn.simulation.setting import BURN_DAYS, START, Setting

SPRING_FESTIVALS = ("2022-02-01", "2023-01-22", "2024-02-10", "2025-01-29", "2026-02-17", "2027-02-06")
WEEKDAY = np.array([1.08, 1.07, 1.06, 1.05, 1.04, 0.88, 0.82])
"""Weight of Monday to Sunday in when disputes begin; mean 1."""
_FIXED_HOLIDAYS = ("01-01", "05-01", "05-02", "05-03", "10-01", "10-02", "10-03", "10-04", "10-05", "10-06", "10-07")
HOURS = {
    "day": np.array([1, 1, 1, 1, 1, 1, 2, 4, 8, 11, 13, 12, 8, 7, 8, 9, 8, 7, 6, 5, 5, 4, 3, 2], dtype=float),
    "night": np.array([5, 4, 3, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 4, 5, 7, 10, 13, 11, 8], dtype=float),
    "violent": np.array([4, 3, 2, 1, 1, 1, 1, 2, 3, 4, 5, 5, 4, 4, 4, 4, 5, 6, 7, 8, 10, 10, 8, 6], dtype=float),
    "office": np.array([0, 0, 0, 0, 0, 0, 0, 1, 8, 12, 12, 9, 2, 3, 10, 11, 10, 7, 2, 1, 0, 0, 0, 0], dtype=float),
}
"""Weight of each hour of the day, by what happens."""


def dates(setting: Setting) -> pd.DatetimeIndex:
    """Local days lived, burn-in first, without zone."""
    return pd.date_range(START.tz_localize(None) - pd.Timedelta(days=BURN_DAYS), periods=setting.n_days, freq="D")


def festival_days(days: pd.DatetimeIndex) -> np.ndarray:
    """(n,) signed days to the nearest Spring Festival: negative before it."""
    festivals = pd.DatetimeIndex(SPRING_FESTIVALS)
    away = (days.to_numpy()[:, None] - festivals.to_numpy()[None, :]) / np.timedelta64(1, "D")
    return away[np.arange(len(days)), np.abs(away).argmin(axis=1)]


def profiles(setting: Setting) -> tuple[np.ndarray, np.ndarray]:
    """Seasonal weight of each kind on each day lived, as (days, kinds) for other grids and for rural ones.

    The kinds are in the order of :data:`riskwarn.simulation.disputes.KINDS`.
    """
    days = dates(setting)
    if not setting.on("season"):
        return np.ones((len(days), 9)), np.ones((len(days), 9))
    month, festival = days.month.to_numpy(), festival_days(days)
    of_kind = np.ones((len(days), 9))
    of_kind[:, 0] = np.where(np.abs(festival) <= 10, 1.5, 1.0)
    of_kind[:, 1] = np.where(np.isin(month, (6, 7, 8)), 1.25, 1.0)
    of_kind[:, 3] = np.where((festival >= -60) & (festival <= 0), 1.0 + 2.5 * (festival + 60) / 60, 1.0)
    of_kind[:, 5] = np.where((month == 11) | ((month == 10) & (days.day >= 25)), 1.8, 1.0)
    of_kind[:, 6] = np.where(np.isin(month, (12, 1)), 1.4, 1.0)
    of_kind[:, 7] = np.where(month == 7, 1.5, np.where(np.isin(month, (6, 8)), 1.25, 1.0))
    rural = of_kind.copy()
    rural[:, 2] *= np.where(np.isin(month, (4, 5, 6, 9)), 1.8, 1.0)
    week, power = WEEKDAY[days.day_of_week.to_numpy()][:, None], setting.strength.season
    return of_kind**power * week, rural**power * week


def workdays(setting: Setting) -> np.ndarray:
    """(n,) whether each day lived, and the 60 after, is a working day."""
    days = pd.date_range(dates(setting)[0], periods=setting.n_days + 60, freq="D")
    festival = festival_days(days)
    fixed = days.strftime("%m-%d").isin(_FIXED_HOLIDAYS)
    return (days.day_of_week < 5) & ~fixed & ~((festival >= 0) & (festival < 7))


def after_workdays(setting: Setting, n: int) -> np.ndarray:
    """(days,) for each day lived (as a position), the position of the `n`-th working day after it."""
    working = np.flatnonzero(workdays(setting))
    first = np.searchsorted(working, np.arange(setting.n_days), side="right")
    return working[np.minimum(first + n - 1, len(working) - 1)]


def clock(u: np.ndarray, hours: str) -> np.ndarray:
    """Uniform draws as fractions of a day by the weights of :data:`HOURS`."""
    weights = HOURS[hours] / HOURS[hours].sum()
    return np.interp(u, np.concatenate([[0.0], np.cumsum(weights)]), np.arange(25) / 24) * 0.9999
