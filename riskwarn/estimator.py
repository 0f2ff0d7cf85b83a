"""The model on a plain matrix: trees, line, stack and calibration as a scikit-learn regressor of counts."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from riskwarn.errors import ArgumentError, DefinitionError
from riskwarn.experiment import ModelSettings
from riskwarn.feature import Feature
from riskwarn.history import Snapshot, Stream
from riskwarn.label import Label
from riskwarn.language import Spoken, phrase
from riskwarn.model import RiskModel

_COUNT = Label("y", (Stream("row"),), days=1, settle_days=0)
"""A count with a horizon as long as the step between two blocks of rows, so that no two of them share an event."""
_DATES = (dt.date, dt.time, dt.timedelta, np.datetime64, np.timedelta64, pd.Period)
_NAMES_DIFFER = "feature names should match"
"""In what scikit-learn says, line by line, of other names than those of training; its own checks ask for these lines."""
_BLOCKS = 8
"""Parts the rows are cut into; the trees never see the last two, which choose shares and calibration."""


@dataclass(frozen=True)
class Column(Feature):
    """A column of a matrix: a number worked out elsewhere, which no history can compute again.

    Examples
    --------
    >>> Column(3).name, Column(3).words.en
    ('x3', 'column 3 of the matrix')
    """

    number: int
    unit: ClassVar[str] = "number"

    @property
    def name(self) -> str:
        """``x0``, ``x1``, …."""
        return f"x{self.number}"

    @property
    def words(self) -> Spoken:
        """What it is called in a reason."""
        return phrase("column {number} of the matrix", number=self.number)

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        """Nothing: it raises :class:`riskwarn.errors.DefinitionError`."""
        del snapshot
        raise DefinitionError(
            f"{self.name} is a column of a matrix and nothing a history holds; predict from the matrix itself."
        )


class RiskRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Expected counts from any matrix, for pipelines, searches and comparisons of scikit-learn.

    Rows come in the order of time: the last quarter, which the trees never see, says how trees and line share the log rate and how
    it is calibrated; then the line learns from all rows. There are no prior counts to fall back to and no features to explain; for those use
    :class:`riskwarn.RiskModel`.

    Parameters
    ----------
    n_trees, learning_rate, n_leaves, max_depth, min_rows_in_leaf, l2, feature_share, row_share, line_l2, seed
        As in :class:`riskwarn.experiment.ModelSettings`.

    Attributes
    ----------
    model_
        The fitted :class:`riskwarn.RiskModel`, its columns named ``x0``, ``x1``, ….
    n_features_in_
        Columns seen in training.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(400, 2))
    >>> y = np.random.default_rng(1).poisson(np.exp(X[:, 0]))
    >>> model = RiskRegressor(n_trees=20).fit(X, y)
    >>> bool(model.predict(X[y > 2]).mean() > model.predict(X[y == 0]).mean())
    True
    """

    def __init__(
        self,
        *,
        n_trees: int = 150,
        learning_rate: float = 0.03,
        n_leaves: int = 15,
        max_depth: int = 5,
        min_rows_in_leaf: int = 300,
        l2: float = 20.0,
        feature_share: float = 0.7,
        row_share: float = 0.8,
        line_l2: float = 0.01,
        seed: int = 7,
    ) -> None:
        self.n_trees = n_trees
        self.learning_rate = learning_rate
        self.n_leaves = n_leaves
        self.max_depth = max_depth
        self.min_rows_in_leaf = min_rows_in_leaf
        self.l2 = l2
        self.feature_share = feature_share
        self.row_share = row_share
        self.line_l2 = line_l2
        self.seed = seed

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:  # noqa: N803 - scikit-learn's name
        """Fit to (n, m) numbers, which may be missing but not infinite, and (n,) counts of at least 0.

        Parameters
        ----------
        X
            (n, m) numbers, rows in the order of time; may be missing, not infinite.
        y
            (n,) counts, at least 0.

        Returns
        -------
        self
            Fitted.

        Raises
        ------
        ArgumentError
            `X` or `y` holds text, dates or nothing, a column's name stands twice, a count is negative, or there are too few rows; it is a
            ValueError, too.
        ValueError
            All counts are alike.
        """
        _check_matrix("fit", X, _BLOCKS)
        _check_counts(y)
        with _told("fit"):
            matrix, counts = validate_data(
                self, X, y, dtype=np.float64, ensure_all_finite="allow-nan", ensure_min_samples=_BLOCKS, y_numeric=True
            )
        if (counts < 0).any():
            raise ArgumentError(f"y must be counts of at least 0, got {counts.min():g}: a rate cannot be negative.")
        columns = tuple(Column(i) for i in range(matrix.shape[1]))
        rows = self._panel(matrix).assign(y=counts.astype(float))
        self.model_ = RiskModel(columns, _COUNT, ModelSettings(**self.get_params())).fit(rows)
        return self

    def predict(self, X: ArrayLike) -> np.ndarray:  # noqa: N803 - scikit-learn's name
        """(n,) expected counts.

        Parameters
        ----------
        X
            (n, m) numbers, columns as in training.

        Returns
        -------
        expected
            (n,) counts, above 0.

        Raises
        ------
        ArgumentError
            As :meth:`fit`; `X` may have one row.
        """
        return self.predict_law(X)["expected"].to_numpy()

    def predict_law(self, X: ArrayLike) -> pd.DataFrame:  # noqa: N803 - scikit-learn's name
        """Columns of :meth:`riskwarn.RiskModel.predict`: expected count, probability of any, 90 % interval.

        Parameters
        ----------
        X
            (n, m) numbers, columns as in training.

        Returns
        -------
        law
            `score`, `expected`, `probability`, `lower`, `upper`, `lower_share`, `upper_share`, a row a row of `X`.

        Raises
        ------
        ArgumentError
            As :meth:`predict`.

        Examples
        --------
        >>> y = np.random.default_rng(1).poisson(3, size=200)
        >>> law = RiskRegressor(n_trees=5).fit(np.arange(200.0)[:, None] % 7, y).predict_law([[3.0]])
        >>> law[["lower", "upper"]].to_numpy().tolist()
        [[0.0, 7.0]]
        """
        check_is_fitted(self)
        _check_matrix("predict", X, 1)
        with _told("predict"):
            matrix = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False)
        return self.model_.predict(self._panel(matrix))

    @staticmethod
    def _panel(matrix: np.ndarray) -> pd.DataFrame:
        """Rows as a panel: a date a block, a grid a row of it."""
        at = np.arange(len(matrix))
        block = at * _BLOCKS // max(len(matrix), 1)
        first = pd.Timestamp("2000-01-01", tz="UTC")
        panel = pd.DataFrame(matrix, columns=[Column(i).name for i in range(matrix.shape[1])])
        return panel.assign(grid_id=at, as_of=first + pd.to_timedelta(block, unit="D"))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.positive_only = True
        tags.input_tags.allow_nan = True
        return tags


@contextmanager
def _told(verb: str) -> Iterator[None]:
    """Within it, what scikit-learn refuses is told by an error of ours."""
    try:
        yield
    except (ValueError, TypeError) as error:
        if _NAMES_DIFFER in str(error):
            raise
        raise ArgumentError(f"RiskRegressor.{verb}: {' '.join(str(error).split())}") from error


def _check_matrix(verb: str, given: Any, least: int) -> None:
    """Refuse a matrix without rows or columns, one that names a column twice, and one that holds text or dates."""
    shape = getattr(given, "shape", None) or np.shape(np.asarray(given, dtype=object))
    if shape[:1] == (0,):
        raise ArgumentError(f"RiskRegressor.{verb}: X has no rows; wanted {least} or more, in the order of time.")
    if shape[1:] == (0,):
        raise ArgumentError(
            f"RiskRegressor.{verb}: X has 0 feature(s) (shape={tuple(shape)}) while a minimum of 1 is required."
        )
    if isinstance(given, pd.DataFrame):
        for name in given.columns[given.columns.duplicated()]:
            where = ", ".join(map(str, np.flatnonzero(given.columns == name)))
            raise ArgumentError(f"RiskRegressor.{verb}: X names columns {where} {name!r}; wanted a name for each.")
        for i, name in enumerate(given.columns):
            if not pd.api.types.is_numeric_dtype(given.dtypes.iloc[i]):
                _check_numbers(verb, f"column {name!r} of X", given.iloc[:, i].to_numpy())
        return
    cells = _cells(given)
    for i in range(cells.shape[1] if cells.ndim == 2 else 0):
        _check_numbers(verb, f"column {i} of X", cells[:, i])


def _check_counts(given: Any) -> None:
    """Refuse text and dates where counts are wanted."""
    if given is not None:
        _check_numbers("fit", "y", _cells(given).ravel())


def _cells(given: Any) -> np.ndarray:
    """What is given as an array: its numbers, or its values as they are; nothing of a sparse matrix."""
    if hasattr(given, "toarray"):
        return np.empty(0)
    cells = np.asarray(given, dtype=None if hasattr(given, "dtype") else object)
    return cells if cells.dtype.kind in "OmM" else cells.astype(object) if cells.dtype.kind in "US" else np.empty(0)


def _check_numbers(verb: str, what: str, values: np.ndarray) -> None:
    """Refuse text and dates, and say where the first is; never what it says."""
    for row, value in enumerate(values):
        if isinstance(value, (str, bytes)):
            raise ArgumentError(
                f"RiskRegressor.{verb}: {what} holds text, first in row {row}; wanted numbers: say it in numbers, or leave it out."
            )
        if isinstance(value, _DATES):
            raise ArgumentError(
                f"RiskRegressor.{verb}: {what} holds dates or times, first in row {row}; wanted numbers, such as days since a date."
            )
