"""What a model reads of a panel: columns of numbers, each finite, or missing where it is not known."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from riskwarn.errors import DataError

_WANTED = "wanted a finite number, or a missing one where it is not known. Mend what made the column."


def check_holds(columns: Iterable[str], names: Sequence[str]) -> None:
    """Refuse the columns of a panel that lacks one the model reads.

    Raises
    ------
    DataError
        One is missing.
    """
    known = set(columns)
    missing = [n for n in names if n not in known]
    if missing:
        raise DataError(
            f"the panel lacks {len(missing)} features the model reads, first: {', '.join(missing[:3])}. Build it with the model's own features."
        )


def matrix(panel: pd.DataFrame, names: list[str]) -> np.ndarray:
    """(n, n_features) Values of the columns a model reads.

    Raises
    ------
    DataError
        One is missing, or holds what is no number or infinite as float32; the message names column, value, and grid and date.
    """
    check_holds(panel.columns, names)
    try:
        with np.errstate(over="ignore"):
            values = panel[names].to_numpy(dtype=np.float32)
    except (TypeError, ValueError):
        _refuse_text(panel, names)
        raise
    ends = (of.reduce(values, axis=0, initial=0.0) for of in (np.fmin, np.fmax))
    endless = np.any([np.isinf(end) for end in ends], axis=0)
    if endless.any():
        column = int(endless.argmax())
        _refuse(panel, names[column], int(np.isinf(values[:, column]).argmax()))
    return values


def _refuse_text(panel: pd.DataFrame, names: list[str]) -> None:
    """Of the first column whose values are no numbers, its first that is none."""
    for name in names:
        unread = pd.to_numeric(panel[name], errors="coerce").isna() & panel[name].notna()
        if unread.any():
            _refuse(panel, name, int(unread.to_numpy().argmax()))


def _refuse(panel: pd.DataFrame, name: str, row: int) -> None:
    at = panel.iloc[row]
    keyed = [f"{key} {at[key]}" for key in ("grid_id", "as_of") if key in panel]
    place = ", ".join(keyed) or f"row {row}"
    value = panel[name].iloc[row]
    told = repr(value) if isinstance(value, str) else f"{value}"
    raise DataError(f"feature {name} is {told[:60]} at {place}; {_WANTED}")
