"""The days ahead: what is off, what is worked though a weekend, and how near the festival is."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from riskwarn.bulletin.words import joined, said
from riskwarn.calling import checked
from riskwarn.feature.calendar import spring_festivals
from riskwarn.gaps.calendar import basis_of, workdays
from riskwarn.web.format import short_day, weekday

N_DAYS = 7
FESTIVAL_DAYS, REST_DAYS = 60, 7
"""How long before the festival it is told, and for how many days after its first."""
_HOLIDAY_WORDS = {"zh": "zh_CN", "en": "en_US"}


@checked
def days_ahead(as_of: pd.Timestamp, timezone: str, language: str, changes: Path | None = None) -> list[str]:
    """The next seven days in sentences.

    Parameters
    ----------
    as_of
        The night; its own day is the first.
    timezone
        Of the city: the holidays of China are known for its zones.
    language
        Of the sentences.
    changes
        The city's own ``calendar.csv``, where it has one.

    Returns
    -------
    sentences
        At least one.
    """
    days = [as_of.date() + timedelta(days=n) for n in range(N_DAYS)]
    if basis_of(timezone) == "plain":
        weekend = [_told(day, "", language) for day in days if day.weekday() > 4]
        return [said("plain_week", language, days=joined(weekend, language))]
    worked = workdays(days[0], days[-1], basis="auto", changes=changes).working
    off = [_told(day, _name(day, language), language) for day, at_work in zip(days, worked, strict=True) if not at_work]
    made_up = [
        _told(day, "", language) for day, at_work in zip(days, worked, strict=True) if at_work and day.weekday() > 4
    ]
    lines = [said("free_days", language, days=joined(off, language))] if off else [said("no_special", language)]
    lines += [said("made_up", language, days=joined(made_up, language))] if made_up else []
    return [*lines, *_festival(days[0], language)]


def _told(day: date, name: str, language: str) -> str:
    at = pd.Timestamp(day)
    words = {"day": short_day(at, language), "weekday": weekday(at, language)}
    return said("day_named", language, **words, name=name) if name else said("day_plain", language, **words)


def _name(day: date, language: str) -> str:
    """The holiday of a day off; a weekend without one says so."""
    import holidays  # noqa: PLC0415 - a tenth of a second

    china = holidays.country_holidays("CN", years=day.year, language=_HOLIDAY_WORDS.get(language, "en_US"))
    return str(china.get(day, "")) or (said("weekend", language) if day.weekday() > 4 else "")


def _festival(first: date, language: str) -> list[str]:
    feasts = spring_festivals()
    days = (feasts - np.datetime64(first)).astype(int)
    near = int(np.argmax(days > -REST_DAYS))
    n, day = int(days[near]), short_day(pd.Timestamp(str(feasts[near])), language)
    if 0 < n <= FESTIVAL_DAYS:
        return [said("festival_ahead", language, day=day, n=n)]
    return [said("festival_now", language, day=day)] if -REST_DAYS < n <= 0 else []
