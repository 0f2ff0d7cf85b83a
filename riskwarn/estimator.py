"""The model on a plain matrix: trees, line, stack and calibration as a scikit-learn regressor of counts."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from riskwarn.errors import DefinitionError
from riskwarn.experiment import ModelSettings
from riskwarn.feature import Feature
from riskwarn.history import Snapshot, Stream
from riskwarn.label import Label
from riskwarn.language import Spoken, phrase
from riskwarn.model import RiskModel

_COUNT = Label("y", (Stream("row"),), days=1, settle_days=0)
"""A count with a horizon as long as the step between two blocks of rows, so that no two of them share an event."""
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
        ValueError
            A count is negative, all are alike, or there are too few rows.
        """
        matrix, counts = validate_data(
            self, X, y, dtype=np.float64, ensure_all_finite="allow-nan", ensure_min_samples=_BLOCKS, y_numeric=True
        )
        if (counts < 0).any():
            raise ValueError(f"y must be counts of at least 0, got {counts.min():g}: a rate cannot be negative.")
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

        Examples
        --------
        >>> y = np.random.default_rng(1).poisson(3, size=200)
        >>> law = RiskRegressor(n_trees=5).fit(np.arange(200.0)[:, None] % 7, y).predict_law([[3.0]])
        >>> law[["lower", "upper"]].to_numpy().tolist()
        [[0.0, 7.0]]
        """
        check_is_fitted(self)
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
