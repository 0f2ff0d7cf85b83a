"""Which order of day, month and year the dates of a column are written in: that which can be read, and where several can, the one that is meant."""

from collections.abc import Sequence
from functools import lru_cache

import pandas as pd

from riskwarn.ingest.clock import Order, read_times
from riskwarn.ingest.folding import cleaned

ORDERS: tuple[Order, ...] = ("year first", "month first", "day first")
MOSTLY_TIMES = 0.95
"""Share of a column's values that must be read as times."""
_LONGEST_TIME = 40
_CLEARLY = 0.1
"""Share of a span that another order must not exceed to be the one meant: days of a month taken for years spread a year of records over thirty."""
_LONG_DAYS = 730
"""Spans up to this tell nothing: any order may give them."""


def order_of(columns: Sequence[pd.Series], zone: str) -> tuple[Order, bool, list[str]]:
    """The order of dates that do not begin with a year of four digits, and whether years have two; where several can be read, that of the clock's country, and a question.

    Examples
    --------
    >>> order_of([pd.Series(["13/08/24", "02/09/24"])], "Europe/Stockholm")[:2]
    ('day first', True)
    """
    texts = [cleaned(column).dropna() for column in columns]
    odd = [t for t in texts if "year first" not in orders_of(t) and (orders_of(t) or _has_short_years(t))]
    if not odd:
        return "year first", False, []
    values = pd.concat(odd)
    short_years = not all(map(orders_of, odd))
    orders = orders_of(values, short_years=short_years) or ("month first",)
    if len(orders) == 1:
        return orders[0], short_years, []
    is_american = zone.startswith(("America/", "US/")) or values.str.contains(r"(?i)\d\s*[ap]\.?m\b").any()
    asian = zone.startswith("Asia/") and "year first" in orders
    order: Order = "year first" if asian else "month first" if is_american or not zone else "day first"
    order = order if order in orders else orders[0]
    readings = f"dates can be read {' and '.join(map(repr, orders))}"
    why = "the year may be first or last" if "year first" in orders else "no day in the rows looked at is above 12"
    return order, short_years, [f"{readings}; {why}. The file is read {order!r}."]


def orders_of(values: pd.Series, *, least: float | None = None, short_years: bool = False) -> tuple[Order, ...]:
    """In which orders nearly all texts of a column, or at `least` a share of them, can be read as times; none where they are no times.

    With `short_years` also those whose years have two digits.

    Examples
    --------
    >>> orders_of(pd.Series(["01/08/2024 01:05:00 PM"])), orders_of(pd.Series(["13/08/2024"])), orders_of(pd.Series(["2024-08-13"]))
    (('month first', 'day first'), ('day first',), ('year first',))
    """
    texts = cleaned(values).dropna()
    is_dated = len(texts) and texts.str.len().max() <= _LONGEST_TIME and texts.str.contains(r"\d").all()
    return _orders(tuple(texts), MOSTLY_TIMES if least is None else least, short_years) if is_dated else ()


@lru_cache(maxsize=256)
def _orders(texts: tuple[str, ...], least: float, short_years: bool) -> tuple[Order, ...]:  # noqa: FBT001 - keys of the cache
    """:func:`orders_of`, once for the presets that ask the same of a column."""
    values = pd.Series(texts, dtype="str")
    readable = tuple(
        o for o in ORDERS if read_times(values, "UTC", order=o, short_years=short_years)[1].mean() < 1 - least
    )
    if not short_years:
        return readable[:1] if "year first" in readable else readable
    read = _read_in(values, readable)
    plain = _narrowest(read) or (
        readable[0] if readable and all(read[readable[0]].equals(at) for at in read.values()) else ""
    )
    return (plain,) if plain else readable


def _has_short_years(texts: pd.Series) -> bool:
    """Whether years have two digits throughout: a few of them beside years of four are faults of the file."""
    return bool(orders_of(texts, short_years=True)) and not orders_of(texts, least=1 - MOSTLY_TIMES)


def meant(values: pd.Series, order: Order, *, short_years: bool) -> Order:
    """The order in which the dates of a column are plainly written where that is not `order`; empty where nothing says so.

    Another order is meant where it reads every date, over no more years, and the one stated does not; or where both do and
    the dates lie close together in it, but over many years in the one stated.

    Examples
    --------
    >>> meant(pd.Series([f"25/{m:02d}/{d:02d}" for m in range(1, 13) for d in (3, 14, 26)]), "day first", short_years=True)
    'year first'
    """
    if not order:
        return ""
    stated, n_lost = _read(values, order, short_years=short_years)
    others = [o for o in ORDERS if o != order] if short_years or n_lost else []
    whole = {o: at for o, (at, n) in ((o, _read(values, o, short_years=short_years)) for o in others) if n == 0}
    span = _span_days(stated)
    if n_lost:
        near = {o: at for o, at in whole.items() if _span_days(at) <= max(span, _LONG_DAYS)}
        return next(iter(near)) if len(near) == 1 else _narrowest(near)
    narrow: dict[Order, pd.Series] = {o: at for o, at in whole.items() if _span_days(at) <= _CLEARLY * span}
    return _narrowest(narrow) or (next(iter(narrow)) if narrow else "") if span > _LONG_DAYS else ""


def _narrowest(read: dict[Order, pd.Series]) -> Order:
    """The one order in which times lie clearly closer together than in each other; empty where there is no such one."""
    spans = sorted((_span_days(at), order) for order, at in read.items())
    if len(spans) < 2 or spans[1][0] <= _LONG_DAYS or spans[0][0] > _CLEARLY * spans[1][0]:
        return ""
    return spans[0][1]


def _read_in(values: pd.Series, orders: tuple[Order, ...]) -> dict[Order, pd.Series]:
    """Times of a column in each order, years of two digits among them."""
    return {order: read_times(values, "UTC", order=order, short_years=True)[0] for order in orders}


def _read(values: pd.Series, order: Order, *, short_years: bool) -> tuple[pd.Series, int]:
    at, bad = read_times(values, "UTC", order=order, short_years=short_years)
    return at, int(bad.sum())


def _span_days(at: pd.Series) -> float:
    """Days between the first and the last but for the outermost twentieths, so that a slip of the pen does not count."""
    ends = at.dropna().quantile([0.05, 0.95])
    return float((ends.iloc[1] - ends.iloc[0]) / pd.Timedelta(days=1)) if at.notna().any() else 0.0
