"""What baselines that rank by one number of the panel share: the number is the score, and the past says what it amounts to."""

import dataclasses
from dataclasses import dataclass, field
from typing import ClassVar, Self

import numpy as np
import pandas as pd

from riskwarn.baseline.face import check_known, columns, predicted, settled
from riskwarn.calibration import Calibration
from riskwarn.errors import DefinitionError
from riskwarn.feature import Feature

HALF_AN_EVENT = 0.5
"""Added before the log is taken, so that no event yet is not minus infinity."""


@dataclass(frozen=True)
class Number:
    """Ranks grids by one feature; its count and probability are calibrated on the past, ``log mu = a + b log(x + 0.5)``.

    The score is the number itself, so grids it cannot tell apart tie. Where the number is unknown a grid counts as a usual one: it is
    expected to see the mean of the training rows, and ranks with those that are; never as calm.

    Parameters
    ----------
    calibration
        From the log of the number to the distribution of the count; None before :meth:`fit`.
    usual
        Mean count of the training rows.
    """

    is_baseline: ClassVar[bool] = True
    calibration: Calibration | None = field(default=None, kw_only=True)
    usual: float = field(default=float("nan"), kw_only=True)

    @property
    def name(self) -> str:
        """How reports call it."""
        raise DefinitionError(f"{type(self).__name__} does not say its name.")

    @property
    def feature(self) -> Feature:
        """The number."""
        raise DefinitionError(f"{type(self).__name__} does not say what it ranks by.")

    @property
    def needs(self) -> tuple[Feature, ...]:
        """The number's column."""
        return (self.feature,)

    def fit(self, panel: pd.DataFrame) -> Self:
        """A copy with its calibration fitted to the settled rows where the number is known.

        Raises
        ------
        LabelError
            No settled outcome, or one class.
        DataError
            The panel lacks the number, or it is unknown in every row.
        """
        rows = settled(panel)
        margin = self._margin(self._values(rows))
        known = np.isfinite(margin)
        check_known(known, self.needs, self.name)
        y = rows["y"].to_numpy(dtype=float)
        return dataclasses.replace(self, calibration=Calibration.fit(margin[known], y[known]), usual=float(y.mean()))

    def predict(self, panel: pd.DataFrame) -> pd.DataFrame:
        """Columns `score` (the number itself), `expected`, `probability`."""
        if self.calibration is None:
            raise DefinitionError(f"{self.name} is not fitted; call fit first.")
        values = self._values(panel)
        expected = self.calibration.expected(self._margin(values))
        known = np.isfinite(values)
        score = np.where(known, values, self._usual_number(self.calibration))
        expected = np.where(known, expected, self.usual)
        return predicted(panel, score, expected, self.calibration.probability(expected))

    def _values(self, panel: pd.DataFrame) -> np.ndarray:
        return columns(panel, self.needs, self.name)[:, 0]

    @staticmethod
    def _margin(values: np.ndarray) -> np.ndarray:
        return np.log(np.maximum(values, 0) + HALF_AN_EVENT)

    def _usual_number(self, calibration: Calibration) -> float:
        """The number from which the mean of the training rows is expected."""
        return float(np.exp((np.log(self.usual) - calibration.level) / calibration.slope) - HALF_AN_EVENT)
