"""Tables to files that staff open: a cell is never a formula, whatever a record says."""

import unicodedata
from pathlib import Path

import pandas as pd

from riskwarn.errors import DataError

_LIVE = frozenset("=+-@|%\t\r\n")


def write_table(table: pd.DataFrame, target: Path) -> None:
    """Write `table` to a ``.parquet``, ``.csv`` or ``.xlsx`` file, by ending.

    Text that a spreadsheet could take for a formula gets a leading apostrophe in CSV, and stays text in XLSX. CSV is UTF-8 with a
    byte-order mark, so that spreadsheets open it.

    Raises
    ------
    DataError
        Another ending.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.suffix == ".parquet":
        table.to_parquet(target, index=False)
    elif target.suffix == ".csv":
        _plain_times(table).map(defused).to_csv(target, index=False, encoding="utf-8-sig")
    elif target.suffix == ".xlsx":
        options = {"options": {"strings_to_formulas": False, "strings_to_urls": False}}
        _plain_times(table).to_excel(target, index=False, engine="xlsxwriter", engine_kwargs=options)
    else:
        raise DataError(f"cannot write {target}: wanted an ending of .parquet, .csv or .xlsx, got {target.suffix!r}.")


def defused(cell: object) -> object:
    """`cell`, with an apostrophe before text that a spreadsheet would take for a formula.

    Examples
    --------
    >>> defused("=1+1"), defused("＝1+1"), defused(-3.5), defused("G012")
    ("'=1+1", "'＝1+1", -3.5, 'G012')
    """
    if not isinstance(cell, str):
        return cell
    start = unicodedata.normalize("NFKC", cell).lstrip(" ")[:1]
    return f"'{cell}" if start in _LIVE and start else cell


def _plain_times(table: pd.DataFrame) -> pd.DataFrame:
    """Times with a zone as text with their offset: spreadsheets know no zones."""
    zoned = table.select_dtypes("datetimetz").columns
    plain = {c: table[c].map(lambda t: "" if pd.isna(t) else t.isoformat()).astype("str") for c in zoned}
    return table.assign(**plain).astype(dict.fromkeys(table.select_dtypes("category").columns, "str"))
