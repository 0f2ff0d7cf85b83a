"""Rows of tables as JSON knows them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel


def rows(frame: pd.DataFrame, columns: Sequence[str]) -> list[dict[str, Any]]:
    """Rows as JSON knows them: null for what is not known, times in ISO 8601 with their offset.

    Examples
    --------
    >>> rows(pd.DataFrame({"a": [1.5, float("nan")]}), ["a", "b"])
    [{'a': 1.5, 'b': None}, {'a': None, 'b': None}]
    """
    told = {name: _cells(frame[name]) if name in frame else [None] * len(frame) for name in columns}
    return [dict(zip(told, row, strict=True)) for row in zip(*told.values(), strict=True)]


def _cells(column: pd.Series) -> list[Any]:
    """The cells of a column as plain values."""
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        column = _iso(column)
    pairs = zip(column.tolist(), column.isna().tolist(), strict=True)
    return [None if absent else value.item() if isinstance(value, np.generic) else value for value, absent in pairs]


def fields(model: type[BaseModel]) -> list[str]:
    """Names of a shape's members, as the tables call them."""
    return list(model.model_fields)


def _iso(times: pd.Series) -> pd.Series:
    return times.map(lambda at: at.isoformat(), na_action="ignore").astype(object)


def stated(facts: Mapping[str, Any], key: str) -> str | None:
    """A fact as text; none where the night does not state it."""
    return str(facts[key]) if facts.get(key) is not None else None
