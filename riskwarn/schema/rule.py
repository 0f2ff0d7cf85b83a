"""Frames held to the rules of their tables."""

import pandas as pd

from riskwarn.calling import checked
from riskwarn.errors import DataError, did_you_mean
from riskwarn.schema.city import CROSSWALK, DIVERSIONS, EVENTS, FEED_LOG, GRIDS, PLACES, ROSTER, VISITS, WORKFLOW
from riskwarn.schema.column import DTYPES, Column, Table
from riskwarn.schema.guest import pa
from riskwarn.schema.night import (
    ALERTS,
    CATEGORY_COUNTS,
    EVENTS_BEHIND,
    GAPS,
    MARKS,
    MATURED,
    REASONS,
    SCORES,
    SERIOUS_EVENTS,
    TRIGGERS,
    WEEKLY_READINGS,
    WEEKS,
    WHAT_IFS,
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        EVENTS,
        GRIDS,
        CROSSWALK,
        VISITS,
        WORKFLOW,
        DIVERSIONS,
        ROSTER,
        PLACES,
        FEED_LOG,
        SCORES,
        REASONS,
        GAPS,
        ALERTS,
        TRIGGERS,
        MARKS,
        WEEKS,
        WEEKLY_READINGS,
        CATEGORY_COUNTS,
        SERIOUS_EVENTS,
        WHAT_IFS,
        EVENTS_BEHIND,
        MATURED,
    )
}


@checked
def table_of(name: str) -> Table:
    """The table called `name`.

    Parameters
    ----------
    name
        A key of :data:`TABLES`.

    Returns
    -------
    table
        Its columns and rules.

    Raises
    ------
    DataError
        There is no such table.

    Examples
    --------
    >>> table_of("grids").key
    ('grid_id', 'valid_from')
    >>> table_of("event")
    Traceback (most recent call last):
        ...
    riskwarn.errors.DataError: unknown table 'event' (did you mean 'events'?); known tables: ...
    """
    if name not in TABLES:
        raise DataError(f"unknown table {name!r}{did_you_mean(name, TABLES)}; known tables: {', '.join(TABLES)}.")
    return TABLES[name]


@checked
def conform(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """`frame` in the canonical form of table `name`: columns in order, dtypes set, every rule checked.

    Parameters
    ----------
    name
        Table name, a key of :data:`TABLES`.
    frame
        Required columns present; times timezone-aware, any zone. Optional columns may be absent and stay absent.

    Returns
    -------
    conformed
        A new frame; `frame` is not touched.

    Raises
    ------
    DataError
        A column is missing or unknown, a time has no zone, or a value breaks a rule. All faults are named at once.

    Examples
    --------
    >>> place = pd.DataFrame({"valid_from": pd.to_datetime(["2025-01-01"], utc=True), "grid_id": ["A"]})
    >>> conform("grids", place).columns.tolist()
    ['grid_id', 'valid_from']
    >>> conform("grids", place.assign(area_km=1.0))
    Traceback (most recent call last):
        ...
    riskwarn.errors.DataError: table 'grids': unknown column 'area_km' (did you mean 'area_km2'?). Its columns are: ...
    """
    table = table_of(name)
    _check_columns(table, frame)
    typed = _typed(table, frame).reset_index(drop=True)
    try:
        return table.schema.validate(typed, lazy=True)
    except pa.errors.SchemaErrors as error:
        raise DataError(f"table {name!r}: " + "; ".join(_faults(error, len(typed))) + ".") from None


@checked
def typed(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """`frame` with the columns and dtypes of table `name`, its values unchecked: for rows that were checked before.

    Parameters
    ----------
    name
        A key of :data:`TABLES`.
    frame
        Rows.

    Returns
    -------
    typed
        A new frame.

    Raises
    ------
    DataError
        A column is missing or unknown, or does not fit its dtype.

    Examples
    --------
    >>> place = pd.DataFrame({"grid_id": ["A"], "valid_from": pd.to_datetime(["2025-01-01"], utc=True), "area_km2": [1]})
    >>> typed("grids", place)["area_km2"].dtype.name
    'float64'
    """
    table = table_of(name)
    _check_columns(table, frame)
    return _typed(table, frame).reset_index(drop=True)


@checked
def sift(name: str, frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Part the rows of `frame` that keep the rules of table `name` from those that do not.

    Parameters
    ----------
    name
        A key of :data:`TABLES`.
    frame
        Rows.

    Returns
    -------
    good
        Conforming rows in canonical form.
    bad
        The other rows with a column `reason` in front; several reasons are joined by "; ".

    Raises
    ------
    DataError
        The fault concerns a whole column (missing, unknown, wrong type), not single rows.

    Examples
    --------
    >>> places = pd.DataFrame({"grid_id": ["A", "B"], "valid_from": pd.to_datetime(["2025-01-01"] * 2, utc=True), "area_km2": [1.0, -1.0]})
    >>> good, bad = sift("grids", places)
    >>> good["grid_id"].tolist(), bad["reason"].tolist()
    (['A'], ['area_km2: wanted at least 0'])
    """
    table = table_of(name)
    _check_columns(table, frame)
    typed = _typed(table, frame).reset_index(drop=True)
    try:
        return table.schema.validate(typed, lazy=True), typed.iloc[:0].assign(reason=pd.Series(dtype="str"))
    except pa.errors.SchemaErrors as error:
        cases = error.failure_cases
    if cases["index"].isna().any():
        raise DataError(f"table {name!r}: " + "; ".join(sorted({_fault(case) for case in cases.itertuples()})) + ".")
    cases = cases.assign(reason=[_fault(case) for case in cases.itertuples()], row=cases["index"].astype(int))
    reasons = cases.drop_duplicates(["row", "reason"]).groupby("row")["reason"].agg("; ".join)
    bad = typed.loc[reasons.index].copy()
    bad.insert(0, "reason", reasons)
    return conform(name, typed.drop(index=reasons.index)).reset_index(drop=True), bad.reset_index(drop=True)


def _check_columns(table: Table, frame: pd.DataFrame) -> None:
    known = table.column_names
    faults = [
        f"column {c.name!r} is missing ({c.meaning})" for c in table.columns if c.required and c.name not in frame
    ]
    faults += [
        f"unknown column {name!r}{did_you_mean(str(name), known)}" for name in frame.columns if name not in known
    ]
    if faults:
        raise DataError(f"table {table.name!r}: {'; '.join(faults)}. Its columns are: {', '.join(known)}.")


def _typed(table: Table, frame: pd.DataFrame) -> pd.DataFrame:
    present = [c for c in table.columns if c.name in frame]
    return pd.DataFrame({c.name: _cast(table, c, frame[c.name]) for c in present}, index=frame.index)


def _cast(table: Table, column: Column, values: pd.Series) -> pd.Series:
    where = f"table {table.name!r}, column {column.name!r}"
    if column.kind == "time":
        return _aware(values, where)
    try:
        if column.kind == "flag":
            return values if values.dtype == "bool" else _flags(values, blank=column.blank)
        return values.astype(DTYPES[column.kind])
    except (TypeError, ValueError) as error:
        raise DataError(f"{where}: wanted {column.kind}, found {values.dtype} ({type(error).__name__}).") from None


def _flags(values: pd.Series, *, blank: bool) -> pd.Series:
    """Flags from booleans, 0 and 1; empty is `blank`. Words are refused: the text "false" would be true."""
    if not values.dropna().isin([True, False]).all():
        raise ValueError(values.dtype)
    return values.where(values.notna(), other=blank).astype("bool")


def _aware(values: pd.Series, where: str) -> pd.Series:
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return values.dt.as_unit("us")
    if values.isna().all():
        return pd.Series(pd.NaT, index=values.index).dt.tz_localize("UTC").dt.as_unit("us")
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        raise DataError(
            f"{where}: timestamps have no time zone; say which clock they were read from, "
            f"for example df[column].dt.tz_localize('Asia/Shanghai')."
        )
    raise DataError(f"{where}: wanted timezone-aware timestamps, found {values.dtype}.")


def _faults(error: pa.errors.SchemaErrors, n_rows: int) -> list[str]:
    cases = error.failure_cases
    words = cases.assign(fault=[_fault(case) for case in cases.itertuples()])
    counts = words.groupby("fault", sort=True).agg(n=("index", "nunique"), first=("index", "first"))
    return [
        f"{fault} ({row.n} of {n_rows} rows, first at row {row.first})" if row.n else str(fault)
        for fault, row in counts.iterrows()
    ]


def _fault(case: object) -> str:
    column, check = getattr(case, "column", None), str(getattr(case, "check", ""))
    if "multiple_fields_uniqueness" in check or "unique" in check:
        return "two rows with one key"
    if "not_nullable" in check:
        return f"{column} is empty"
    if getattr(case, "schema_context", "") == "DataFrameSchema":
        return check
    return f"{column}: wanted {check}"
