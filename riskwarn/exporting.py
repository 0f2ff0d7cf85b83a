"""Tables to files that staff open: a cell is never a formula, whatever a record says."""

import os
import unicodedata
from pathlib import Path

import pandas as pd

from riskwarn.errors import DataError

ENDINGS = (".parquet", ".csv", ".xlsx")
SHEET_ROWS = 1_048_575
"""Most rows below the header of a sheet."""
_LIVE = frozenset("=+-@|%\t\r\n")


def write_table(table: pd.DataFrame, target: Path) -> None:
    """Write `table` to a ``.parquet``, ``.csv`` or ``.xlsx`` file, by ending; the file appears whole or not at all.

    Text that a spreadsheet could take for a formula gets a leading apostrophe in CSV, and stays text in XLSX. CSV is UTF-8 with a
    byte-order mark, so that spreadsheets open it.

    Parameters
    ----------
    table
        What to write.
    target
        The file.

    Raises
    ------
    DataError
        Another ending, or more rows than a sheet holds.
    """
    check_ending(target)
    if target.suffix == ".xlsx" and len(table) > SHEET_ROWS:
        raise DataError(
            f"cannot write {target}: a sheet holds {SHEET_ROWS:,} rows, got {len(table):,}; use .parquet or .csv."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.stem}.{os.getpid()}{target.suffix}")
    try:
        _write(table, partial)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def check_ending(target: Path) -> None:
    """Refuse a file name that says no known format, before anything is computed.

    Parameters
    ----------
    target
        The file.

    Raises
    ------
    DataError
        The ending is none of :data:`ENDINGS`.
    """
    if target.suffix not in ENDINGS:
        raise DataError(f"cannot write {target}: wanted an ending of {', '.join(ENDINGS)}, got {target.suffix!r}.")


def _write(table: pd.DataFrame, target: Path) -> None:
    if target.suffix == ".parquet":
        table.to_parquet(target, index=False)
    elif target.suffix == ".csv":
        # ended as RFC 4180 has it: with a bare line feed a carriage return within a cell would go unquoted and break the row
        plain_times(table).map(defused).to_csv(target, index=False, encoding="utf-8-sig", lineterminator="\r\n")
    else:
        options = {"options": {"strings_to_formulas": False, "strings_to_urls": False}}
        plain_times(table).to_excel(target, index=False, engine="xlsxwriter", engine_kwargs=options)


def defused(cell: object) -> object:
    """`cell`, with an apostrophe before text that a spreadsheet would take for a formula.

    Parameters
    ----------
    cell
        Any value.

    Returns
    -------
    cell
        Text with an apostrophe, or the value as it is.

    Examples
    --------
    >>> defused("=1+1"), defused("＝1+1"), defused(-3.5), defused("G012")
    ("'=1+1", "'＝1+1", -3.5, 'G012')
    """
    if not isinstance(cell, str):
        return cell
    start = unicodedata.normalize("NFKC", cell).lstrip(" ")[:1]
    return f"'{cell}" if start in _LIVE and start else cell


def plain_times(table: pd.DataFrame) -> pd.DataFrame:
    """Times with a zone as text with their offset: spreadsheets know no zones.

    Parameters
    ----------
    table
        Any table.

    Returns
    -------
    table
        Categories are text in it, too.
    """
    zoned = table.select_dtypes("datetimetz").columns
    plain = {c: table[c].map(lambda t: "" if pd.isna(t) else t.isoformat()).astype("str") for c in zoned}
    return table.assign(**plain).astype(dict.fromkeys(table.select_dtypes("category").columns, "str"))
