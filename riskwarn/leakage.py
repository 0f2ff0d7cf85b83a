"""Leakage: does a table of features made elsewhere know the outcome it is to forecast.

The features of riskwarn are proved one by one (:func:`riskwarn.testing.assert_no_leak`). A table that comes ready has no history to be
proved on, so it is judged by what it says: the part of an outcome that the unit's own past does not explain is news, and a column that was
known before can tell little of it. One that tells much has seen the news.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.errors import DataError

LEAK, SUSPECT = 0.5, 0.25
"""Correlation with the news above which a column has seen the outcome; above which, if its older value tells less than half, it may have."""
_LEAST_ROWS = 50


@checked
def audit(
    table: pd.DataFrame, *, unit: str, period: str, outcome: str, features: Sequence[str] | None = None
) -> pd.DataFrame:
    """Judge every column of a table of units and periods: does it know what happened in the row's own period.

    The news of a row is the log of its outcome less what a line in the unit's outcome of one period before, of two before (where there is
    one) and the mean of all before explains, within each period.

    Parameters
    ----------
    table
        One row a unit and period.
    unit, period, outcome
        Columns: the place; the period forecast, a year, a number or a time; what happened in it, at least 0.
    features
        Columns to judge; all numbers and times by default.

    Returns
    -------
    audit
        One row a column, the worst first: `feature`; `state`, ``leak``, ``suspect``, ``ok`` or ``unknown``; `outcome`, its rank correlation with the outcome;
        `news`, that of the column, or of what is new in it, with the news; `news_stale`, the news with the column's value of a period earlier; `reason`. All correlations in [0, 1], signs dropped.

    Raises
    ------
    DataError
        A column is missing, a unit has two rows of one period, or too few rows have a past.

    Notes
    -----
    A test of what a column says, not of how it was made: an honest column that truly foresees the news would be flagged too, and deserves
    the question. A leak that moves the outcome little is not seen. Several columns that know the outcome only together are told as
    ``all columns together``, by a line fitted on half of the units and judged on the others.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame({"town": np.repeat(range(100), 4), "year": [2021, 2022, 2023, 2024] * 100})
    >>> table["events"] = rng.poisson(np.repeat(rng.gamma(2, 5, 100), 4))
    >>> table["homes"] = np.repeat(rng.gamma(2, 100, 100), 4)
    >>> table["fines"] = 3 * table["events"] + rng.integers(0, 3, 400)  # written down as the events happened
    >>> audit(table, unit="town", period="year", outcome="events").set_index("feature")["state"][["fines", "homes"]].to_dict()
    {'fines': 'leak', 'homes': 'ok'}
    """
    _check(table, (unit, period, outcome))
    rows = table.sort_values([unit, period], kind="stable").reset_index(drop=True)
    judged = [c for c in features or rows.columns if c not in {unit, period, outcome} and _number_or_time(rows[c])]
    y, past = rows[outcome].to_numpy(dtype=float), _past(rows, unit, outcome)
    news = _unexplained(np.log1p(rows[outcome].astype(float)), past, rows[period])
    if np.isfinite(news).sum() < _LEAST_ROWS:
        raise DataError(
            f"only {np.isfinite(news).sum()} rows have an earlier period of the same {unit!r}; an audit wants {_LEAST_ROWS}."
        )
    verdicts = [_judge(rows, c, (unit, period), (y, news, past)) for c in judged]
    numbers = [c for c in judged if pd.api.types.is_numeric_dtype(rows[c])]
    if len(numbers) > 1:
        verdicts.append(_together(rows, numbers, unit, period, news))
    order = {"leak": 0, "suspect": 1, "unknown": 2, "ok": 3}
    result = pd.DataFrame(verdicts, columns=["feature", "state", "outcome", "news", "news_stale", "reason"])
    return result.sort_values(
        ["state", "news"], key=lambda c: c.map(order) if c.name == "state" else -c.fillna(0), ignore_index=True
    )


@checked
def refuse_leaks(
    table: pd.DataFrame, *, unit: str, period: str, outcome: str, features: Sequence[str] | None = None
) -> None:
    """Raise unless :func:`audit` finds no column that has seen the outcome.

    Parameters
    ----------
    table, unit, period, outcome, features
        As for :func:`audit`.

    Raises
    ------
    DataError
        Names the columns, and how much of the news each tells.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame({"town": np.repeat(range(100), 2), "year": [2023, 2024] * 100, "events": rng.poisson(9, 200)})
    >>> refuse_leaks(table.assign(homes=rng.poisson(50, 200)), unit="town", period="year", outcome="events")
    >>> refuse_leaks(table.assign(fines=3 * table["events"]), unit="town", period="year", outcome="events")
    Traceback (most recent call last):
        ...
    riskwarn.errors.DataError: 1 of 1 columns know the outcome of their own year: 'fines': ...
    """
    verdicts = audit(table, unit=unit, period=period, outcome=outcome, features=features)
    leaks = verdicts[verdicts["state"] == "leak"]
    if len(leaks):
        named = "; ".join(f"{r.feature!r}: {r.reason}" for r in leaks.itertuples())
        raise DataError(
            f"{len(leaks)} of {len(verdicts)} columns know the outcome of their own {period}: {named}. Compute them from what was known before it."
        )


def _check(table: pd.DataFrame, needed: tuple[str, ...]) -> None:
    missing = [c for c in needed if c not in table]
    if missing:
        raise DataError(f"the table has no column {', '.join(map(repr, missing))}.")
    twice = table.duplicated(list(needed[:2]))
    if twice.any():
        row = table[twice].iloc[0]
        raise DataError(
            f"two rows of {needed[0]} {str(row[needed[0]])!r} and {needed[1]} {row[needed[1]]}; give one each."
        )


def _number_or_time(column: pd.Series) -> bool:
    kind = pd.api.types
    return (kind.is_numeric_dtype(column) or kind.is_datetime64_any_dtype(column)) and not kind.is_bool_dtype(column)


def _past(rows: pd.DataFrame, unit: str, outcome: str) -> pd.DataFrame:
    """Logs of the unit's outcome one period before, two before, and the mean of all before."""
    by_unit = np.log1p(rows[outcome].astype(float)).groupby(rows[unit])
    mean = by_unit.transform(lambda s: s.shift(1).expanding().mean())
    return pd.DataFrame({"before": by_unit.shift(1), "two": by_unit.shift(2).fillna(mean), "mean": mean})


def _unexplained(values: pd.Series, by: pd.DataFrame, period: pd.Series) -> np.ndarray:
    """(n,) what a line in `by` leaves of `values` within each period; NaN where something is missing, or nothing is left."""
    known = by.assign(value=values)
    centred = known - known.groupby(period).transform("mean")
    usable = known.notna().all(axis=1).to_numpy()
    x, y = centred.loc[usable, list(by)].to_numpy(), centred.loc[usable, "value"].to_numpy()
    left = np.full(len(values), np.nan)
    if usable.sum() >= _LEAST_ROWS:
        rest = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
        left[usable] = rest if rest.std() > 1e-6 * y.std() else np.nan
    return left


def _judge(
    rows: pd.DataFrame, name: str, keys: tuple[str, str], known: tuple[np.ndarray, np.ndarray, pd.DataFrame]
) -> tuple[object, ...]:
    (unit, period), (y, news, past), column = keys, known, rows[name]
    late = _late(column, rows[period])
    if late:
        return name, "leak", np.nan, np.nan, np.nan, late
    values = column.astype(float) if pd.api.types.is_numeric_dtype(column) else column.astype("int64").astype(float)
    stale = values.groupby(rows[unit]).shift(1)
    with_outcome, news_share, before = (
        _agreement(v.to_numpy(), w, rows[period]) for v, w in ((values, y), (values, news), (stale, news))
    )
    # what is new in the column itself, once its own older value and the unit's past are known, may tell more
    fresh = _unexplained(
        np.sign(values) * np.log1p(values.abs()),
        past.assign(stale=np.sign(stale) * np.log1p(stale.abs())),
        rows[period],
    )
    news_share = float(np.fmax(news_share, _agreement(fresh, news, rows[period])))
    if np.isnan(news_share):
        return name, "unknown", with_outcome, news_share, before, "too few values, or one value alone"
    if news_share > LEAK or with_outcome > 0.999:
        return (
            name,
            "leak",
            with_outcome,
            news_share,
            before,
            f"it tells {news_share:.2f} of what its own past could not",
        )
    if news_share > SUSPECT and not before > news_share / 2:
        return (
            name,
            "suspect",
            with_outcome,
            news_share,
            before,
            f"it tells {news_share:.2f} of the news, its older value {before:.2f}",
        )
    return name, "ok", with_outcome, news_share, before, ""


def _late(column: pd.Series, period: pd.Series) -> str:
    """Why a column of times or years speaks of the period itself or later; empty where it does not."""
    times = pd.api.types.is_datetime64_any_dtype
    if times(column) and times(period):
        share = float((column >= period).mean())
    elif pd.api.types.is_integer_dtype(column) and pd.api.types.is_integer_dtype(period) and "year" in str(column.name):
        share = float(((column >= period) & (column <= period.max() + 1)).mean())
    else:
        return ""
    return f"it names a time within its own period or later in {share:.0%} of the rows" if share > 0 else ""


def _agreement(values: np.ndarray, target: np.ndarray, period: pd.Series) -> float:
    """Rank correlation within periods, without its sign; NaN where there is too little to say."""
    use = np.isfinite(values) & np.isfinite(target)
    if use.sum() < _LEAST_ROWS:
        return np.nan
    frame = pd.DataFrame({"a": values[use], "b": target[use]})
    ranks = frame.groupby(period.to_numpy()[use]).rank(pct=True)
    ranks -= ranks.groupby(period.to_numpy()[use]).transform("mean")
    size = np.sqrt((ranks["a"] ** 2).sum() * (ranks["b"] ** 2).sum())
    return float(abs((ranks["a"] * ranks["b"]).sum()) / size) if size > 0 else np.nan


def _together(rows: pd.DataFrame, names: list[str], unit: str, period: str, news: np.ndarray) -> tuple[object, ...]:
    """All columns in one line of their ranks and logs, fitted on half of the units and judged on the others."""
    x = rows[names].astype(float)
    x = np.sign(x) * np.log1p(x.abs())
    x = (x - x.groupby(rows[period]).transform("mean")).fillna(0.0).to_numpy()
    half = (pd.factorize(rows[unit])[0] % 2).astype(bool)
    use, forecast = np.isfinite(news), np.full(len(rows), np.nan)
    for fitted in (half, ~half):
        weights = np.linalg.lstsq(x[use & fitted], news[use & fitted], rcond=None)[0]
        forecast[~fitted] = x[~fitted] @ weights
    news_share = _agreement(forecast, news, rows[period])
    state, reason = (
        ("leak", f"together they tell {news_share:.2f} of what their own past could not")
        if news_share > LEAK
        else ("ok", "")
    )
    return "all columns together", state, np.nan, news_share, np.nan, reason
