"""Which order of day, month and year the dates of a column are written in, where several can be read."""

import pandas as pd

from riskwarn.ingest.clock import Order, read_times

ORDERS: tuple[Order, ...] = ("year first", "month first", "day first")
_CLEARLY = 0.1
"""Share of a span that another order must not exceed to be the one meant: days of a month taken for years spread a year of records over thirty."""
_LONG_DAYS = 730
"""Spans up to this tell nothing: any order may give them."""


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
        return next(iter(near)) if len(near) == 1 else narrowest(near)
    narrow: dict[Order, pd.Series] = {o: at for o, at in whole.items() if _span_days(at) <= _CLEARLY * span}
    return narrowest(narrow) or (next(iter(narrow)) if narrow else "") if span > _LONG_DAYS else ""


def narrowest(read: dict[Order, pd.Series]) -> Order:
    """The one order in which times lie clearly closer together than in each other; empty where there is no such one."""
    spans = sorted((_span_days(at), order) for order, at in read.items())
    if len(spans) < 2 or spans[1][0] <= _LONG_DAYS or spans[0][0] > _CLEARLY * spans[1][0]:
        return ""
    return spans[0][1]


def read_in(values: pd.Series, orders: tuple[Order, ...]) -> dict[Order, pd.Series]:
    """Times of a column in each order, years of two digits among them."""
    return {order: read_times(values, "UTC", order=order, short_years=True)[0] for order in orders}


def _read(values: pd.Series, order: Order, *, short_years: bool) -> tuple[pd.Series, int]:
    at, bad = read_times(values, "UTC", order=order, short_years=short_years)
    return at, int(bad.sum())


def _span_days(at: pd.Series) -> float:
    """Days between the first and the last but for the outermost twentieths, so that a slip of the pen does not count."""
    ends = at.dropna().quantile([0.05, 0.95])
    return float((ends.iloc[1] - ends.iloc[0]) / pd.Timedelta(days=1)) if at.notna().any() else 0.0
