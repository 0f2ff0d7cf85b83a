"""The protocol of models and baselines, and the rows they may learn from."""

from collections.abc import Iterable, Sequence
from typing import ClassVar, Protocol, Self

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.errors import DataError, LabelError
from riskwarn.feature import Feature
from riskwarn.rows import Rows


class Model(Protocol):
    """What every model and baseline can do."""

    @property
    def name(self) -> str:
        """How reports call it."""
        ...

    def fit(self, panel: pd.DataFrame) -> Self:
        """A fitted copy, trained on the rows of `panel` whose `y` is settled.

        Parameters
        ----------
        panel
            What :func:`riskwarn.build_panel` gave, or any frame with `y` and the columns it reads.

        Returns
        -------
        fitted
            The model itself stays as it was.
        """
        ...

    def predict(self, panel: pd.DataFrame) -> pd.DataFrame:
        """Columns `score`, `expected`, `probability`, one row a row of `panel`.

        Parameters
        ----------
        panel
            Rows with the columns it reads; `y` is not looked at.

        Returns
        -------
        predicted
            On the index of `panel`: `score` (higher is riskier), `expected` (events in the horizon), `probability` (of at least one, in
            [0, 1]).
        """
        ...


class Baseline(Model, Protocol):
    """A model that others must beat: it says so, and which columns of the panel it reads."""

    is_baseline: ClassVar[bool]

    @property
    def needs(self) -> tuple[Feature, ...]:
        """What the panel must hold for it."""
        ...


@checked
def is_baseline(model: Model) -> bool:
    """Whether a model says that it is one to beat.

    Parameters
    ----------
    model
        Any model.

    Returns
    -------
    is_baseline
        False where it does not say.

    Examples
    --------
    >>> from riskwarn.baseline import Linear, PriorCount
    >>> is_baseline(PriorCount(4)), is_baseline(Linear(()))
    (True, False)
    """
    return bool(getattr(model, "is_baseline", False))


@checked
def settled(panel: pd.DataFrame) -> pd.DataFrame:
    """The rows of `panel` a model may train on; the panel itself where all are settled.

    Parameters
    ----------
    panel
        Rows with `y`, NaN where it is not settled.

    Returns
    -------
    rows
        Not a copy where all are settled: do not write to it.

    Raises
    ------
    LabelError
        No row is settled, or all outcomes are alike.

    Examples
    --------
    >>> settled(pd.DataFrame({"y": [0.0, 2.0, np.nan]})).index.tolist()
    [0, 1]
    """
    known = panel["y"].notna()
    rows = panel if known.all() else panel[known]
    if rows.empty:
        raise LabelError(
            "no outcome is settled yet: every row's horizon ends after the data. Choose earlier dates, or bring newer data in."
        )
    if rows["y"].nunique() < 2:
        raise LabelError(
            f"all {len(rows)} settled outcomes are {rows['y'].iloc[0]:g}: one class cannot train a model. Check the label's streams, or widen the dates."
        )
    return rows


@checked
def settled_rows(panel: pd.DataFrame | Rows) -> Rows:
    """The rows of `panel` a model may train on, wherever they lie.

    Parameters
    ----------
    panel
        At hand, or rows of a panel on disk.

    Returns
    -------
    rows
        All of them where all are settled.

    Raises
    ------
    LabelError
        As :func:`settled`.

    Examples
    --------
    >>> len(settled_rows(pd.DataFrame({"y": [0.0, 2.0, np.nan]})))
    2
    """
    rows = Rows.of(panel)
    settled(rows.keys)
    return rows[rows.keys["y"].notna().to_numpy()]


def check_columns(held: Iterable[str], needs: Sequence[Feature], reader: str) -> None:
    """Refuse a panel that lacks what `reader` reads.

    Parameters
    ----------
    held
        Columns of the panel.
    needs
        Features whose columns are read.
    reader
        Name of the baseline, for the message.

    Raises
    ------
    DataError
        The panel lacks a column.
    """
    there = set(held)
    missing = [f.name for f in needs if f.name not in there]
    if missing:
        raise DataError(
            f"the panel lacks {missing[0]!r}, which baseline {reader!r} reads; name it in [baselines] rules and build the panel again."
        )


def columns(panel: pd.DataFrame, needs: Sequence[Feature], reader: str) -> np.ndarray:
    """(n, needs) values of what `reader` reads, NaN where unknown.

    Parameters
    ----------
    panel
        Rows.
    needs
        Features whose columns are read.
    reader
        Name of the baseline, for the message.

    Returns
    -------
    values
        (n, needs) float64.

    Raises
    ------
    DataError
        The panel lacks a column.

    Examples
    --------
    >>> from riskwarn.baseline import PriorCount
    >>> columns(pd.DataFrame({"prior_4w": [1, 2]}), PriorCount(4).needs, "prior 4 weeks").tolist()
    [[1.0], [2.0]]
    """
    check_columns(panel.columns, needs, reader)
    return panel[[f.name for f in needs]].to_numpy(dtype=float)


def check_known(known: np.ndarray, needs: Sequence[Feature], reader: str) -> None:
    """Refuse to fit `reader` where what it ranks by is `known` in no row.

    Parameters
    ----------
    known
        (n,) bool, a training row each.
    needs
        Features that it reads.
    reader
        Name of the baseline, for the message.

    Raises
    ------
    DataError
        Nothing is known.
    """
    if not known.any():
        names = " and ".join(repr(f.name) for f in needs)
        raise DataError(
            f"baseline {reader!r} knows nothing: {names} {'is' if len(needs) == 1 else 'are'} missing in all {len(known)} training rows. "
            "Bring an older past or the column in, or leave it out of [baselines] rules."
        )


@checked
def predicted(panel: pd.DataFrame, score: np.ndarray, expected: np.ndarray, probability: np.ndarray) -> pd.DataFrame:
    """What :meth:`Model.predict` returns, on the index of `panel`.

    Parameters
    ----------
    panel
        The rows that were asked for.
    score, expected, probability
        (n,) each.

    Returns
    -------
    predicted
        A column each.
    """
    return pd.DataFrame({"score": score, "expected": expected, "probability": probability}, index=panel.index)
