"""The label's own count over the last weeks: the rival of every report."""

import dataclasses
from dataclasses import dataclass

import numpy as np
import pandas as pd

from riskwarn.baseline.face import predicted, settled
from riskwarn.calibration import Calibration
from riskwarn.errors import DefinitionError

PRIOR = "prior_{weeks}w"
"""Column of a prior count (:class:`riskwarn.feature.Own`)."""


@dataclass(frozen=True)
class PriorCount:
    """Ranks grids by the label's own events over the last `weeks` weeks; its count and probability are calibrated on the past."""

    weeks: int
    calibration: Calibration | None = None

    @property
    def name(self) -> str:
        """How reports call it."""
        return f"prior count {self.weeks} weeks"

    def fit(self, panel: pd.DataFrame) -> "PriorCount":
        """A copy with its calibration fitted."""
        rows = settled(panel)
        return dataclasses.replace(
            self, calibration=Calibration.fit(self._margin(rows), rows["y"].to_numpy(dtype=float))
        )

    def predict(self, panel: pd.DataFrame) -> pd.DataFrame:
        """Columns `score` (the count itself), `expected`, `probability`."""
        if self.calibration is None:
            raise DefinitionError(f"{self.name} is not fitted; call fit first.")
        expected = self.calibration.expected(self._margin(panel))
        count = panel[PRIOR.format(weeks=self.weeks)].to_numpy(dtype=float)
        return predicted(panel, count, expected, self.calibration.probability(expected))

    def _margin(self, panel: pd.DataFrame) -> np.ndarray:
        return np.log(panel[PRIOR.format(weeks=self.weeks)].to_numpy(dtype=float) + 0.5)
