"""The face every model and baseline shows, and the rows they may learn from."""

from typing import Protocol, Self

import numpy as np
import pandas as pd

from riskwarn.errors import LabelError


class Model(Protocol):
    """The face every model and baseline shows."""

    @property
    def name(self) -> str:
        """How reports call it."""
        ...

    def fit(self, panel: pd.DataFrame) -> Self:
        """A fitted copy, trained on the rows of `panel` whose `y` is settled."""
        ...

    def predict(self, panel: pd.DataFrame) -> pd.DataFrame:
        """Columns `score`, `expected`, `probability`, one row a row of `panel`."""
        ...


def settled(panel: pd.DataFrame) -> pd.DataFrame:
    """The rows of `panel` a model may train on.

    Raises
    ------
    LabelError
        No row is settled, or all outcomes are alike.
    """
    rows = panel[panel["y"].notna()]
    if rows.empty:
        raise LabelError(
            "no outcome is settled yet: every row's horizon ends after the data. Choose earlier dates, or bring newer data in."
        )
    if rows["y"].nunique() < 2:
        raise LabelError(
            f"all {len(rows)} settled outcomes are {rows['y'].iloc[0]:g}: one class cannot train a model. Check the label's streams, or widen the dates."
        )
    return rows


def predicted(panel: pd.DataFrame, score: np.ndarray, expected: np.ndarray, probability: np.ndarray) -> pd.DataFrame:
    """What :meth:`Model.predict` returns, on the index of `panel`."""
    return pd.DataFrame({"score": score, "expected": expected, "probability": probability}, index=panel.index)
