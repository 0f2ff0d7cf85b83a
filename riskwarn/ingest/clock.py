"""Times as the field writes them, read into instants.

``2025-01-08 13:05:00``, ``2025/1/8 13:05``, ``20250108130500``, ``2025年1月8日13时05分``, spreadsheet serials, seconds or milliseconds since 1970,
ISO with an offset, ``Wed Jan 08 13:05:00 CST 2025``, ``8 January 2025 1:05 p.m.``, a month or a year alone. The usual forms are read by column; what is
left, text by text. Two readings of one text are never weighed against each other: a day and a month in digits need `order`. A time without an offset is read on the clock the mapping states. Sentinels such as ``0001-01-01T00:00:00`` mean nothing.
"""

import re
import tomllib
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from riskwarn.ingest.folding import clean, cleaned

Order = Literal["", "year first", "month first", "day first"]
"""How dates in digits are written; where it is not said, only those that begin with a year of four digits are read."""
FIRST_YEAR, LAST_YEAR = 1950, 2100
"""Years outside are not believed."""
SENTINEL_YEARS = (0, 1, 1899, 1900, 9999)
"""Years that programs write for a missing time."""
_ISO = r"^\d{4}-\d{2}-\d{2}(?:[ T]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?)?$"
_OFFSET = r"^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)? ?(?:Z|[+-](?:0\d|1[0-4]):?[0-5]\d)$"
_MOST_HOURS_AHEAD = 14
"""No clock is further from UTC: Kiritimati is 14 hours ahead."""
_CLOCK = r"(?:[T ]\s*)?(?P<p>上午|下午|AM|PM|am|pm)?\s*(?:(?P<h>\d{1,2})\s*[:时時点點]\s*(?:(?P<i>\d{1,2})\s*分?\s*:?\s*(?:(?P<s>\d{1,2})(?:\.\d+)?\s*秒?)?)?)?\s*(?P<q>AM|PM|am|pm)?"
_YEAR_FIRST = r"^(?P<y>\d{4})\s*[-/.年]\s*(?P<m>\d{1,2})\s*[-/.月]\s*(?P<d>\d{1,2})\s*日?\s*" + _CLOCK + "$"
_COMPACT = r"^(?P<y>\d{4})(?P<m>[01]\d)(?P<d>[0-3]\d)(?:[ T]?(?P<h>\d{2}):?(?P<i>\d{2}):?(?P<s>\d{2})?\d{0,3})?$"
_MONTH = r"^(?P<y>\d{4})(?:\s*[-/.年]\s*(?P<m>\d{1,2})\s*月?|(?P<n>[01]\d))$"
_YEAR = r"^(?P<y>\d{4})年?$"
_SERIAL = r"^[2-7]\d{4}(?:\.\d+)?$"
_DATES = {
    "year first": r"^(?P<y>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})\s*" + _CLOCK + "$",
    "month first": r"^(?P<m>\d{1,2})[-/.](?P<d>\d{1,2})[-/.](?P<y>\d{4})\s*" + _CLOCK + "$",
    "day first": r"^(?P<d>\d{1,2})[-/.](?P<m>\d{1,2})[-/.](?P<y>\d{4})\s*" + _CLOCK + "$",
}
_SHORT_YEAR = r"(?P<w>\d{2})"
"""A year of two digits."""
_FIRST_SHORT = 69
"""Years of two digits from here on are of the last century, as C and POSIX read them."""
_LAST_COUNTED = 9999
"""Years beyond cannot be counted in microseconds, nor written."""
_SPREADSHEET_EPOCH = np.datetime64("1899-12-30", "us")
_DAYS_TO_1904 = np.timedelta64(1462, "D")
_EPOCH = r"^(?:/Date\()?(1\d{9}|1\d{12})(?:\.0*)?(?:[+-]\d{4})?(?:\)/)?$"
"""Seconds or milliseconds since 1970, from 2001 to 2033; no compact date has as many digits."""
_VOCABULARY = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
_MONTHS: dict[str, int] = _VOCABULARY["months"]
_HALVES = "|".join(re.escape(word) for word in sorted(_VOCABULARY["hours"], key=len, reverse=True))
_SENTINEL = (
    rf"^(?:{'|'.join(f'{year:04d}' for year in SENTINEL_YEARS)})"
    r"(?:[-/年.]\d{1,2}[-/月.]\d{1,2}日?(?:[T\s]*\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?)?|\d{4}(?:[T\s]?\d{2}:?\d{2}(?::?\d{2}(?:\.?\d{3})?)?)?)"
    r"\s*(?:Z|[+-]\d{2}:?\d{2})?$"
)
_MONTH_DIGITS, _SHORT_DATE = r"^(?:19|20)\d{2}(?:0[1-9]|1[0-2])$", r"^\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])$"
_MILLISECONDS = r"^1\d{12}$"
_REPUBLIC = r"^1(?:[01]\d|2[0-2])(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[01]\d|2[0-3])[0-5]\d[0-5]\d$"
"""Years of the Republic from 2011 to 2033, as 1140108130500; of whole seconds, milliseconds end with three zeros."""
_YEAR_LAST = r"^(?P<a>\d{1,2})[-/.](?P<b>\d{1,2})[-/.]\d{4}(?:\D|$)"
_YEAR_LAST_SHORT = _YEAR_LAST.replace(r"\d{4}", r"(?:\d{4}|\d{2})")
_ISO_DATE = r"^\d{4}-\d{2}-\d{2}(?:[ T]|$)"
_WORDY_CLOCK = rf"(?P<p>{_HALVES})?\s*(?P<h>\d{{1,2}})(?:[:.时時点點](?P<i>\d{{1,2}})分?(?:[:.]?(?P<s>\d{{2}})(?:[.,]\d+)?秒?)?|[时時点點])?\s*(?P<q>{_HALVES})?"
_WORDY_ZONE = r"(?P<z>[a-z]{1,5})?\s*(?P<o>[+-]\d{1,2}(?::?\d{2})?)?\s*(?:\([^)]*\))?"
_WEEKDAY = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,?\s*)?"
_MONTH_WORD = r"(?P<b>[a-z]{3,9})\.?"
_DAY = r"(?P<d>\d{1,2})(?:st|nd|rd|th)?"
_WORDY_DATES = {
    "": [
        rf"{_WEEKDAY}{_DAY}[\s/.,-]*{_MONTH_WORD}[\s/.,-]*(?P<y>\d{{4}})",
        rf"{_WEEKDAY}{_MONTH_WORD}[\s/.-]*{_DAY},?[\s/-]+(?P<y>\d{{4}})",
        rf"(?P<y>\d{{4}})[\s/.-]*{_MONTH_WORD}[\s/.-]*{_DAY}",
        r"(?P<y>\d{4})\s*[-/.年]\s*(?P<m>\d{1,2})\s*[-/.月]\s*(?P<d>\d{1,2})日?",
        r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})",
    ],
    "month first": [r"(?P<m>\d{1,2})[-/.](?P<d>\d{1,2})[-/.](?P<y>\d{4})"],
    "day first": [r"(?P<d>\d{1,2})[-/.](?P<m>\d{1,2})[-/.](?P<y>\d{4})"],
}
_JAVA = rf"{_WEEKDAY}{_MONTH_WORD}\s+{_DAY}\s+{_WORDY_CLOCK}\s+{_WORDY_ZONE}\s+(?P<y>\d{{4}})"


def read_times(
    values: pd.Series, zone: str, *, order: Order = "", date1904: bool = False, short_years: bool = False
) -> tuple[pd.Series, np.ndarray]:
    """Instants read from a column.

    Parameters
    ----------
    values
        (n,) Text, numbers or timestamps.
    zone
        IANA name of the clock that times without an offset were read from. An hour that stands twice when summer time ends is taken
        as the first, one that does not exist when it begins as its end.
    order
        How dates in digits are written; by default only those that begin with a year of four digits are read.
    date1904
        Spreadsheet serials count from 1904, not from 1900.
    short_years
        Years may have two digits, 00 to 68 of this century and 69 to 99 of the last; by default such dates are not read. In digits alone they need `order`.

    Returns
    -------
    at
        (n,) In UTC, whole microseconds; missing where there is nothing.
    bad
        (n,) True where something stands that cannot be read as a time, or not as one between 1950 and 2100.

    Examples
    --------
    >>> at, bad = read_times(pd.Series(["2025年1月8日13时05分", "45665.5", "0001-01-01T00:00:00", "8/1/25"]), "Asia/Shanghai")
    >>> [str(t) for t in at]
    ['2025-01-08 05:05:00+00:00', '2025-01-08 04:00:00+00:00', 'NaT', 'NaT']
    >>> bad.tolist()
    [False, False, False, True]
    """
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        far = (values.notna() & ~values.dt.year.between(1, _LAST_COUNTED)).to_numpy()
        near = values.copy()
        near[far] = pd.NaT
        if isinstance(values.dtype, pd.DatetimeTZDtype):
            return _believed(near.dt.tz_convert("UTC").dt.as_unit("us"), far)
        return _believed(_localise(near.to_numpy().astype("datetime64[us]"), values.index, zone), far)
    texts = clean(values)
    there = pc.is_valid(texts).to_numpy(zero_copy_only=False)
    wall = _iso_times(texts)
    if not (np.isnat(wall) & there).any():
        return _believed(_localise(wall, values.index, zone), np.zeros(len(values), bool))
    exact = _offset_times(texts)
    wall = _wall_times(texts, wall, _patterns(order, short_years=short_years), date1904=date1904)
    left = np.flatnonzero(there & np.isnat(wall) & np.isnat(exact))
    wall[left], exact[left] = _wordy_times(texts.take(pa.array(left)), zone, order, short_years=short_years)
    at = _localise(wall, values.index, zone)
    at = at.where(np.isnat(exact), pd.Series(exact, index=values.index).dt.tz_localize("UTC"))
    sentinel = _sentinels(texts)
    at = at.mask(sentinel | _dubious(texts, order, short_years=short_years))
    return _believed(at, there & at.isna().to_numpy() & ~sentinel)


def _believed(at: pd.Series, bad: np.ndarray) -> tuple[pd.Series, np.ndarray]:
    year = at.dt.year.to_numpy()
    sentinel = np.isin(year, SENTINEL_YEARS)
    odd = at.notna().to_numpy() & ~sentinel & ((year < FIRST_YEAR) | (year > LAST_YEAR))
    return at.mask(sentinel | odd), bad | odd


def _localise(wall: np.ndarray, index: pd.Index, zone: str) -> pd.Series:
    ZoneInfo(zone)
    naive = pd.DatetimeIndex(wall)
    first = np.ones(len(naive), dtype=bool)
    aware = naive.tz_localize(zone, ambiguous=first, nonexistent="shift_forward").tz_convert("UTC")
    return pd.Series(aware, index=index).dt.as_unit("us")


def _sentinels(texts: pa.Array) -> np.ndarray:
    return _matches(texts, _SENTINEL)


def _dubious(texts: pa.Array, order: Order, *, short_years: bool) -> np.ndarray:
    """(n,) Times that other times of the column show to be written in another way than the one in which they can be read.

    Six digits are year and month, unless others are plainly year, month and day of two digits each; thirteen are milliseconds, unless most are a date and
    time of the Republic's calendar. Where more dates fit the order that was not stated than the one that was, it was stated wrongly. And
    where all dates with a day up to the twelfth are whole and all others are left as text, a spreadsheet took days for months.
    """
    six = _matches(texts, _MONTH_DIGITS) & _matches(texts, _SHORT_DATE)
    if six.any() and not (_matches(texts, _SHORT_DATE) & ~_matches(texts, _MONTH_DIGITS)).any():
        six[:] = False
    republic = _matches(texts, _REPUBLIC)
    if republic.sum() * 2 <= _matches(texts, _MILLISECONDS).sum():
        republic[:] = False
    is_short = short_years and order != "year first"
    first, second = _leading_numbers(texts, _YEAR_LAST_SHORT if is_short else _YEAR_LAST)
    large_first, large_second, small = first > 12, second > 12, (first <= 12) & (second <= 12) & (first != second)
    stated, other = (large_first, large_second) if order == "day first" else (large_second, large_first)
    turned = small & (order in {"month first", "day first"} and other.sum() > stated.sum())
    whole = _matches(texts, _ISO_DATE)
    taken = whole & _matches(texts, r"^\d{4}-\d{2}-(?:0\d|1[0-2])")
    large = large_first | large_second
    if not (taken.sum() == whole.sum() >= 2 and large.sum() >= 2 and not small.any() and (whole | large).sum() >= 8):
        whole[:] = False
    return six | republic | turned | whole


def _leading_numbers(texts: pa.Array, pattern: str) -> tuple[np.ndarray, np.ndarray]:
    """The first two numbers of dates that end with the year; 0 where there is no such date."""
    parts = pc.extract_regex(texts, pattern)
    numbers = [pd.to_numeric(parts.field(name).to_pandas(), errors="coerce").fillna(0) for name in ("a", "b")]
    first, second = (number.to_numpy(dtype=np.int64) for number in numbers)
    return first, second


def _matches(texts: pa.Array, pattern: str) -> np.ndarray:
    return pc.fill_null(pc.match_substring_regex(texts, pattern), fill_value=False).to_numpy(zero_copy_only=False)


def _offset_times(texts: pa.Array) -> np.ndarray:
    at = np.full(len(texts), np.datetime64("NaT", "us"))
    mask = _matches(texts, _OFFSET)
    if mask.any():
        strings = pc.replace_substring_regex(
            texts.filter(pa.array(mask)), r" ?(Z|[+-]\d{2}:?\d{2})$", r"\1"
        ).to_pandas()
        read = pd.to_datetime(strings, format="ISO8601", utc=True, errors="coerce")
        at[mask] = read.dt.tz_convert(None).to_numpy().astype("datetime64[us]")
    mask = _matches(texts, _EPOCH)
    if mask.any():
        digits = pc.replace_substring_regex(texts.filter(pa.array(mask)), _EPOCH, r"\1")
        numbers = pc.cast(digits, pa.int64()).to_numpy(zero_copy_only=False)
        seconds = numbers < 10**12
        at[mask] = np.where(seconds, numbers * 10**6, numbers * 10**3).astype("datetime64[us]")
    return at


def _patterns(order: Order, *, short_years: bool) -> list[str]:
    """The usual forms of a date in digits; a year of two digits stands where the order stated has it, or before 年."""
    stated = [_DATES[order]] if order in _DATES else []
    short = [p.replace(r"(?P<y>\d{4})", _SHORT_YEAR) for p in (*stated, _YEAR_FIRST.replace("[-/.年]", "年"))]
    return [_YEAR_FIRST, _COMPACT, _MONTH, _YEAR, *stated, *(short if short_years else [])]


def _wall_times(texts: pa.Array, at: np.ndarray, patterns: list[str], *, date1904: bool) -> np.ndarray:
    for pattern in patterns:
        left = np.flatnonzero(np.isnat(at) & pc.is_valid(texts).to_numpy(zero_copy_only=False))
        if not left.size:
            return at
        at[left] = _field_times(texts.take(pa.array(left)), pattern)
    left = np.flatnonzero(np.isnat(at) & _matches(texts, _SERIAL))
    days = pc.cast(texts.take(pa.array(left)), pa.float64()).to_numpy(zero_copy_only=False)
    epoch = _SPREADSHEET_EPOCH + _DAYS_TO_1904 if date1904 else _SPREADSHEET_EPOCH
    at[left] = epoch + (np.round(days * 86_400) * 1_000_000).astype("timedelta64[us]")
    return at


def _wordy_times(texts: pa.Array, zone: str, order: Order, *, short_years: bool) -> tuple[np.ndarray, np.ndarray]:
    """Wall times, and instants where the text says its offset, of texts that no usual form fits; each distinct one is read once."""
    distinct = texts.dictionary_encode()
    patterns = _wordy_patterns(order, short_years)
    read = [_wordy_time(str(text).lower(), zone, patterns) for text in distinct.dictionary.to_pylist()]
    codes = distinct.indices.to_numpy(zero_copy_only=False)
    wall, exact = (
        np.array([pair[k] for pair in read], dtype="datetime64[us]")[codes] if read else np.empty(0, "datetime64[us]")
        for k in (0, 1)
    )
    return wall, exact


def _wordy_time(text: str, zone: str, patterns: tuple[re.Pattern[str], ...]) -> tuple[datetime | None, datetime | None]:
    """Wall time, or instant in UTC, of one text in lower case; neither where it is no time."""
    for pattern in patterns:
        if (parts := pattern.fullmatch(text)) and (wall := _wall_time(parts.groupdict())) is not None:
            return _with_offset(wall, parts.groupdict(), zone)
    return None, None


@cache
def _wordy_patterns(order: Order, short_years: bool) -> tuple[re.Pattern[str], ...]:  # noqa: FBT001 - keys of the cache
    """The forms with words, longest year first; a year of two digits stands last or, in digits, where the order says."""
    dates = _WORDY_DATES[""] + (_WORDY_DATES.get(order, []) if order else [])
    if short_years:
        ends = [date for date in dates if date.endswith(r"(?P<y>\d{4})")]
        dates = [*dates, *(date.replace(r"\d{4}", r"\d{2}") for date in ends)]
        dates += [r"(?P<y>\d{2})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})"] if order == "year first" else []
    rest = rf"(?:[\s,t]+{_WORDY_CLOCK})?\s*{_WORDY_ZONE}"
    return tuple(re.compile(pattern) for pattern in (*(date + rest for date in dates), _JAVA))


def _wall_time(parts: dict[str, str | None]) -> datetime | None:
    month = _MONTHS.get(parts["b"] or "") if parts.get("b") else int(parts.get("m") or 0)
    if not month or (parts["h"] and not parts["i"] and not (parts["p"] or parts["q"])):
        return None
    hour, half = int(parts["h"] or 0), parts["p"] or parts["q"] or ""
    if half:
        first, last = _VOCABULARY["hours"][half]
        hours = [h for h in ({hour, (hour + 12) % 24} if hour <= 12 else {hour}) if first <= h <= last]
        if len(hours) != 1:
            return None
        hour = hours[0]
    year, day, minute, second = (int(parts[part] or 0) for part in "ydis")
    year = int(_full_year(year)) if len(parts["y"] or "") == 2 else year
    try:
        return datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 the clock is joined to it later
    except ValueError:
        return None


def _with_offset(wall: datetime, parts: dict[str, str | None], zone: str) -> tuple[datetime | None, datetime | None]:
    """The wall time, or the instant where the text names an offset or a clock; neither where the clock is not known."""
    name, offset = parts["z"] or "", parts["o"] or ""
    if not name and not offset:
        return wall, None
    if name and name not in _VOCABULARY["universal"]:
        ahead = _ahead_of_utc(name, wall, zone) if not offset else None
        return (None, None) if ahead is None else (None, wall - ahead)
    digits = offset[1:].replace(":", "")
    hours, minutes = (int(digits[:-2]), int(digits[-2:])) if len(digits) > 2 else (int(digits or 0), 0)
    if hours > _MOST_HOURS_AHEAD or minutes > 59:
        return None, None
    ahead = timedelta(hours=hours, minutes=minutes)
    return None, wall + ahead if offset.startswith("-") else wall - ahead


def _ahead_of_utc(name: str, wall: datetime, zone: str) -> timedelta | None:
    """Offset of a clock such as CST, which means another one in China than in Chicago: only those of the mapping's zone are known."""
    local = ZoneInfo(zone)
    for moment in (wall, wall.replace(month=1, day=1), wall.replace(month=7, day=1)):
        aware = moment.replace(tzinfo=local)
        if str(aware.tzname()).lower() == name:
            return aware.utcoffset()
    return None


def join_times(parts: pd.DataFrame) -> pd.Series:
    """Times whose date and time of day stand in columns of their own, as one text each.

    Parameters
    ----------
    parts
        (n, k) The date, in one column or as year, month and day, then the time of day, if any.

    Returns
    -------
    texts
        (n,) What :func:`read_times` reads; a date without a time of day is a date, a time of day without a date is nothing.

    Examples
    --------
    >>> parts = pd.DataFrame({"d": ["2025-01-08", "1/8/2025", "2025-01-08 00:00:00"], "t": ["1305", "1:05 PM", "0.5"]})
    >>> join_times(parts).tolist()
    ['2025-01-08 13:05:00', '1/8/2025 1:05 PM', '2025-01-08 12:00:00']
    """
    texts = [cleaned(parts[name]).str.replace(r"^(\d+)\.0$", r"\1", regex=True) for name in parts]
    n_date = 3 if _mostly(texts[0], r"\d{4}年?") else 2 if _mostly(texts[0], r"\d{4}[-/.年]\d{1,2}月?") else 1
    date = texts[0]
    for text in texts[1:n_date]:
        date = date + "-" + text
    if len(texts) <= n_date:
        return date
    clock = texts[n_date]
    for text in texts[n_date + 1 :]:
        clock = clock + ":" + text.str.zfill(2)
    date = date.str.replace(r"[ T]00:00(?::00(?:\.0+)?)?$", "", regex=True)
    clock = _times_of_day(clock)
    return date.where(clock.isna(), date + " " + clock.fillna(""))


def _mostly(texts: pd.Series, pattern: str) -> bool:
    return bool(texts.str.fullmatch(pattern).fillna(value=False).mean() > 0.5)


def _times_of_day(texts: pd.Series) -> pd.Series:
    """Times of day as ``13:05:00`` where they are written as 1305, as a share of the day, or behind a date; other ones as they are."""
    texts = texts.str.replace(r"^\d{4}-\d{2}-\d{2}[ T](?=\d{2}:)", "", regex=True)
    share = texts.str.fullmatch(r"0?\.\d+").fillna(value=False)
    seconds = (pd.to_numeric(texts.where(share), errors="coerce") * 86_400).round()
    digits = texts.str.fullmatch(r"\d{1,6}").fillna(value=False)
    padded = texts.where(digits).str.zfill(4)
    if _mostly(texts, r"[01]?\d|2[0-4]") and not texts[digits].str.len().gt(2).any():
        padded = texts.where(digits).str.zfill(2) + "00"
    padded = padded.where(padded.str.len() == 6, padded.str.zfill(4) + "00").where(
        padded.str.len() != 5, padded.str.zfill(6)
    )
    clock = padded.str.replace(r"^(\d\d)(\d\d)(\d\d)$", r"\1:\2:\3", regex=True)
    clock = clock.where(~share, pd.to_datetime(seconds, unit="s").dt.strftime("%H:%M:%S"))
    return texts.where(~(digits | share), clock)


def _iso_times(texts: pa.Array) -> np.ndarray:
    at = np.full(len(texts), np.datetime64("NaT", "us"))
    mask = _matches(texts, _ISO)
    plain = texts.filter(pa.array(mask))
    try:
        at[mask] = pc.cast(plain, pa.timestamp("us")).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        at[mask] = (
            pd.to_datetime(plain.to_pandas(), format="ISO8601", errors="coerce").to_numpy().astype("datetime64[us]")
        )
    return at


def _field_times(texts: pa.Array, pattern: str) -> np.ndarray:
    groups = pc.extract_regex(texts, pattern)
    names = [field.name for field in groups.type]

    def field(name: str, absent: int) -> np.ndarray:
        if name not in names:
            return np.full(len(texts), absent)
        digits = groups.field(name)
        known = pc.if_else(pc.equal(pc.fill_null(digits, ""), ""), str(absent), digits)
        return pc.cast(known, pa.int64()).to_numpy(zero_copy_only=False)

    def after_noon(name: str) -> tuple[np.ndarray, np.ndarray]:
        words = np.asarray(groups.field(name).to_pandas().fillna("").str.lower()) if name in names else np.array([""])
        return np.isin(words, ["下午", "pm"]), np.isin(words, ["上午", "am"])

    hour = field("h", 0)
    pm, am = (a | b for a, b in zip(after_noon("p"), after_noon("q"), strict=True))
    contradicts = am & (hour > 12)
    hour = np.where(pm & (hour < 12), hour + 12, np.where(am & (hour == 12), 0, hour))
    month = field("m", 0) + field("n", 0) if "n" in names else field("m", 1)
    matched = pc.is_valid(groups).to_numpy(zero_copy_only=False)
    year, short = field("y", 0), field("w", -1)
    year = np.where(short >= 0, _full_year(short), year)
    at = _compose(year, month, field("d", 1), hour, field("i", 0), field("s", 0))
    return np.where(matched & ~contradicts, at, np.datetime64("NaT", "us"))


def _full_year(short: Any) -> Any:
    """The year that two digits mean."""
    return np.where(np.asarray(short) < _FIRST_SHORT, 2000, 1900) + short


def _compose(
    year: np.ndarray, month: np.ndarray, day: np.ndarray, hour: np.ndarray, minute: np.ndarray, second: np.ndarray
) -> np.ndarray:
    """Wall times from their parts; missing where there is no such date or time of day."""
    possible = (month >= 1) & (month <= 12) & (year >= 1) & (year <= 9999)
    months = ((np.where(possible, year, 1970) - 1970) * 12 + np.where(possible, month, 1) - 1).astype("datetime64[M]")
    date = months.astype("datetime64[D]") + (day - 1).astype("timedelta64[D]")
    right = possible & (day >= 1) & (date.astype("datetime64[M]") == months)
    right &= (hour <= 24) & (minute < 60) & (second < 60) & ((hour < 24) | ((minute == 0) & (second == 0)))
    at = date.astype("datetime64[us]") + ((hour * 60 + minute) * 60 + second).astype("timedelta64[s]")
    return np.where(right, at, np.datetime64("NaT", "us"))
