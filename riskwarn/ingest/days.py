"""A date alone is a day, not its midnight: what ended by it, or was known by it, was so by the end of the day."""

import numpy as np
import pandas as pd

from riskwarn.ingest.folding import cleaned
from riskwarn.ingest.intake import Intake
from riskwarn.schema import table_of

ENDS = ("closed_at", "due_at", "ended_at", "limit_at", "feedback_at")
"""Times by which something was over: a date alone means the end of that day."""
_CLOCK = r"[:时時点點]|^\d{9,}(?:\.\d+)?$|^\d{5}\.\d"
_PERIOD = r"^\d{4}\s*年?$|^\d{4}\s*[-/.年]\s*\d{1,2}\s*月?$|^\d{6}$"


def without_clock(values: pd.Series, at: pd.Series, zone: str) -> np.ndarray:
    """(n,) Which times were written as a date alone: a day, not its midnight. Months and years are not days."""
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return np.zeros(len(values), dtype=bool)
    midnight = (at == at.dt.tz_convert(zone).dt.normalize()).to_numpy()
    alone = np.zeros(len(values), dtype=bool)
    texts = cleaned(values[midnight])
    alone[midnight] = ~(texts.str.contains(_CLOCK) | texts.str.contains(_PERIOD)).fillna(value=True).to_numpy(
        dtype=bool
    )
    return alone


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


def day_at_end(name: str, raw: pd.DataFrame, rows: pd.DataFrame, intake: Intake) -> pd.Series:
    """A time by when something was known: of a date alone the end of the day."""
    zone = intake.mapping.timezone
    if name not in intake.chosen:
        return rows[name]
    alone = without_clock(raw[intake.chosen[name]], rows[name], zone)
    return rows[name].mask(alone, day_end(rows[name], zone))
