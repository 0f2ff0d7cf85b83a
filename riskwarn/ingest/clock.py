"""Times as the field writes them, read into instants.

``2025-01-08 13:05:00``, ``2025/1/8 13:05``, ``20250108130500``, ``2025年1月8日13时05分``, spreadsheet serials, ISO with an offset, a month or a
year alone. A time without an offset is read on the clock the mapping states. Sentinels such as ``0001-01-01T00:00:00`` mean nothing.
"""

from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from riskwarn.ingest.folding import clean

Order = Literal["year first", "month first", "day first"]
FIRST_YEAR, LAST_YEAR = 1950, 2100
"""Years outside are not believed."""
SENTINEL_YEARS = (0, 1, 1899, 1900, 9999)
"""Years that programs write for a missing time."""
_ISO = r"^\d{4}-\d{2}-\d{2}(?:[ T]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?)?$"
_OFFSET = r"^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)? ?(?:Z|[+-]\d{2}:?\d{2})$"
_CLOCK = r"(?:[T ]\s*)?(?P<p>上午|下午|AM|PM|am|pm)?\s*(?:(?P<h>\d{1,2})\s*[:时時点點]\s*(?:(?P<i>\d{1,2})\s*分?\s*:?\s*(?:(?P<s>\d{1,2})(?:\.\d+)?\s*秒?)?)?)?\s*(?P<q>AM|PM|am|pm)?"
_YEAR_FIRST = r"^(?P<y>\d{4})\s*[-/.年]\s*(?P<m>\d{1,2})\s*[-/.月]\s*(?P<d>\d{1,2})\s*日?\s*" + _CLOCK + "$"
_COMPACT = r"^(?P<y>\d{4})(?P<m>[01]\d)(?P<d>[0-3]\d)(?:[ T]?(?P<h>\d{2}):?(?P<i>\d{2}):?(?P<s>\d{2})?\d{0,3})?$"
_MONTH = r"^(?P<y>\d{4})(?:\s*[-/.年]\s*(?P<m>\d{1,2})\s*月?|(?P<n>[01]\d))$"
_YEAR = r"^(?P<y>\d{4})年?$"
_SERIAL = r"^[2-7]\d{4}(?:\.\d+)?$"
_DATES = {
    "month first": r"^(?P<m>\d{1,2})[-/.](?P<d>\d{1,2})[-/.](?P<y>\d{4})\s*" + _CLOCK + "$",
    "day first": r"^(?P<d>\d{1,2})[-/.](?P<m>\d{1,2})[-/.](?P<y>\d{4})\s*" + _CLOCK + "$",
}
_SPREADSHEET_EPOCH = np.datetime64("1899-12-30", "us")
_DAY_US = 86_400_000_000


def read_times(values: pd.Series, zone: str, *, order: Order = "year first") -> tuple[pd.Series, np.ndarray]:
    """Instants read from a column.

    Parameters
    ----------
    values
        (n,) Text, numbers or timestamps.
    zone
        IANA name of the clock that times without an offset were read from. An hour that stands twice when summer time ends is taken
        as the first, one that does not exist when it begins as its end.
    order
        How dates that do not begin with the year are written; by default they are not guessed.

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
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return _believed(values.dt.tz_convert("UTC").dt.as_unit("us"), np.zeros(len(values), bool))
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return _believed(
            _localise(values.to_numpy().astype("datetime64[us]"), values.index, zone), values.isna().to_numpy() & False
        )
    texts = clean(values)
    wall, exact = _wall_times(texts, order), _offset_times(texts)
    at = _localise(wall, values.index, zone)
    at = at.where(np.isnat(exact), pd.Series(exact, index=values.index).dt.tz_localize("UTC"))
    there = pc.is_valid(texts).to_numpy(zero_copy_only=False)
    sentinel = _sentinels(texts)
    return _believed(at.mask(sentinel), there & at.isna().to_numpy() & ~sentinel)


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
    years = "|".join(f"{year:04d}" for year in SENTINEL_YEARS)
    return _matches(texts, rf"^(?:{years})[-/年.]?\d{{1,2}}[-/月.]?\d{{1,2}}")


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
    return at


def _wall_times(texts: pa.Array, order: Order) -> np.ndarray:
    at = _iso_times(texts)
    patterns = [_YEAR_FIRST, _COMPACT, _MONTH, _YEAR] + ([_DATES[order]] if order in _DATES else [])
    for pattern in patterns:
        left = np.flatnonzero(np.isnat(at) & pc.is_valid(texts).to_numpy(zero_copy_only=False))
        if not left.size:
            return at
        at[left] = _field_times(texts.take(pa.array(left)), pattern)
    left = np.flatnonzero(np.isnat(at) & _matches(texts, _SERIAL))
    days = pc.cast(texts.take(pa.array(left)), pa.float64()).to_numpy(zero_copy_only=False)
    at[left] = _SPREADSHEET_EPOCH + (np.round(days * 86_400) * 1_000_000).astype("timedelta64[us]")
    return at


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
    found = pc.extract_regex(texts, pattern)
    names = [field.name for field in found.type]

    def field(name: str, absent: int) -> np.ndarray:
        if name not in names:
            return np.full(len(texts), absent)
        digits = found.field(name)
        known = pc.if_else(pc.equal(pc.fill_null(digits, ""), ""), str(absent), digits)
        return pc.cast(known, pa.int64()).to_numpy(zero_copy_only=False)

    def after_noon(name: str) -> tuple[np.ndarray, np.ndarray]:
        words = np.asarray(found.field(name).to_pandas().fillna("").str.lower()) if name in names else np.array([""])
        return np.isin(words, ["下午", "pm"]), np.isin(words, ["上午", "am"])

    hour = field("h", 0)
    pm, am = (a | b for a, b in zip(after_noon("p"), after_noon("q"), strict=True))
    hour = np.where(pm & (hour < 12), hour + 12, np.where(am & (hour == 12), 0, hour))
    month = field("m", 0) + field("n", 0) if "n" in names else field("m", 1)
    matched = pc.is_valid(found).to_numpy(zero_copy_only=False)
    at = _compose(field("y", 0), month, field("d", 1), hour, field("i", 0), field("s", 0))
    return np.where(matched, at, np.datetime64("NaT", "us"))


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
