"""A date alone is a day, not its midnight, a month a month: what ended by it, or was known by it, was so by its last second."""

import numpy as np
import pandas as pd

from riskwarn.ingest.folding import cleaned
from riskwarn.ingest.intake import Intake
from riskwarn.schema import table_of

ENDS = ("closed_at", "due_at", "ended_at", "limit_at", "feedback_at")
"""Times by which something was over: a date alone means the end of that day."""
HAPPENED = (
    "occurred_at",
    "recorded_at",
    "known_at",
    "closed_at",
    "feedback_at",
    "started_at",
    "ended_at",
    "at",
    "sent_at",
    "received_at",
)
"""Times that cannot lie after the delivery that tells them."""
_CLOCK = r"[:时時点點]|^\d{9,}(?:\.\d+)?$|^\d{5}\.\d"
_PERIOD = r"^\d{4}\s*年?$|^\d{4}\s*[-/.年]\s*\d{1,2}\s*月?$|^\d{6}$"
_YEAR = r"^\d{4}\D{0,2}$"
_A_DAY = pd.Timedelta(hours=26)
"""No day is longer, and every month and year is."""
_DATES_AS_TIMES = 5
"""Times of a column, all at midnight, from which on they are dates: that many events do not happen at midnight alone."""


def written_end(values: pd.Series, at: pd.Series, zone: str) -> pd.Series:
    """By when what was written was over: the last second of a day, a month or a year, the time itself where there is one."""
    days, periods = _days_and_periods(values, at, zone)
    at = at.mask(days, day_end(at, zone)) if days.any() else at
    if not periods.any():
        return at
    year = cleaned(values[periods]).str.contains(_YEAR).to_numpy(dtype=bool)
    wall = at[periods].dt.tz_convert(zone).dt.tz_localize(None)
    last = wall.dt.to_period("M").dt.end_time.mask(year, wall.dt.to_period("Y").dt.end_time).dt.floor("D")
    ends = day_end(last.dt.tz_localize(zone, ambiguous=np.ones(len(last), bool), nonexistent="shift_forward"), zone)
    return at.mask(periods, ends.reindex(at.index))


def _days_and_periods(values: pd.Series, at: pd.Series, zone: str) -> tuple[np.ndarray, np.ndarray]:
    """(n,) Which times were written as a day, and which as a month or a year.

    Where nothing of a column has a time of day but midnight, a program wrote its days as times.
    """
    midnight = (at == at.dt.tz_convert(zone).dt.normalize()).to_numpy()
    nowhere = np.zeros(len(values), dtype=bool)
    all_midnight = midnight.sum() == at.notna().sum() >= _DATES_AS_TIMES
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return (midnight if all_midnight else nowhere), nowhere
    texts = cleaned(values[midnight])
    period, clock = (texts.str.contains(p).fillna(value=False).to_numpy(dtype=bool) for p in (_PERIOD, _CLOCK))
    if all_midnight:
        clock = np.zeros(len(clock), dtype=bool)
    days, periods = nowhere.copy(), nowhere
    days[midnight], periods[midnight] = ~period & ~clock & texts.notna().to_numpy(), period
    return days, periods


def at_zero(at: pd.Series, zone: str) -> np.ndarray:
    """(n,) Times that a program writes for none: the first instant of 1970, in UTC or on the city's clock."""
    universal, local = pd.Timestamp(0, tz="UTC"), pd.Timestamp("1970-01-01", tz=zone)
    return ((at == universal) | (at == local)).to_numpy()


def day_end(at: pd.Series, zone: str) -> pd.Series:
    """The last second of the local day of each instant."""
    wall = at.dt.tz_convert(zone).dt.tz_localize(None).dt.floor("D") + pd.Timedelta(hours=24, seconds=-1)
    local = wall.dt.tz_localize(zone, ambiguous=np.ones(len(wall), dtype=bool), nonexistent="shift_forward")
    return local.dt.tz_convert("UTC").dt.as_unit("us")


def to_day_end(rows: pd.DataFrame, intake: Intake) -> None:
    """An end at the very midnight with which the day of its beginning starts is a date that a program wrote as a time."""
    for beginning, end in table_of(intake.mapping.table).ordered:
        if beginning in rows and end in ENDS and end in rows:
            day = rows[beginning].dt.tz_convert(intake.mapping.timezone).dt.normalize()
            rows[end] = rows[end].mask(rows[end] == day, day_end(rows[end], intake.mapping.timezone))


def recorded_by(raw: pd.DataFrame, rows: pd.DataFrame, intake: Intake) -> pd.Series:
    """When rows were known that do not say so: when recorded, else when they occurred, and what the mapping adds; never before it was over.

    A month or a year that is not over was known, as far as it goes, when the delivery that tells of it arrived.
    """
    known, delay, zone = None, pd.Timedelta(days=intake.mapping.known_delay_days), intake.mapping.timezone
    for name in [name for name in ("recorded_at", "occurred_at") if name in rows]:
        at = over = rows[name]
        if name in intake.chosen:
            over = written_end(raw[intake.chosen[name]], at, zone)
            at = over.mask(over - at > _A_DAY, at)
            over = over.mask((over > at) & (over > intake.arrived_at), at.clip(lower=intake.arrived_at))
        later = (at + delay).mask(at + delay < over, over)
        known = later if known is None else known.fillna(later)
    return known
