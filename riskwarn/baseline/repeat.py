"""Near repeats: how much more a grid sees after an event in it, or beside it."""

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from riskwarn.baseline.number import HALF_AN_EVENT
from riskwarn.baseline.protocol import check_known, columns, predicted, settled
from riskwarn.calibration import Calibration
from riskwarn.errors import DefinitionError
from riskwarn.feature import Feature, Own
from riskwarn.history import Stream

_PSEUDO_EVENTS = 10.0


@dataclass(frozen=True)
class NearRepeat:
    """Ranks by a long count times what an event of the last `weeks` weeks, in the grid or only beside it, multiplied it by in the past.

    ``mu = m_s * exp(a + b log(n + 0.5))``: `n` the count of `long` weeks, `s` whether the grid itself had an event lately, only a
    neighbour had, or neither had; ``m_s`` observed over expected events of the training rows in that state, drawn towards 1 by ten
    pseudo-events. The multipliers are Knox ratios given the long count (Townsley, Homel & Chaseling 2003, British Journal of
    Criminology 43, 615–633; Johnson et al. 2007, Journal of Quantitative Criminology 23, 201–219). Where almost every grid
    had an event lately the state tells nothing, and it ranks as the long count does. A grid of which a count is unknown stands at the
    mean of the training rows.

    Parameters
    ----------
    streams
        What is counted.
    weeks, long
        Weeks in which an event is near, and weeks of the count.
    multipliers
        Of a grid with an event lately, of one beside such a grid, and of others.
    base, calibration
        From the long count to the expected one, and from the product to the distribution.
    usual
        Mean count of the training rows.

    Examples
    --------
    >>> model = NearRepeat((Stream("dispute"),))
    >>> [f.name for f in model.needs]
    ['prior_52w', 'prior_2w', 'prior_2w_nearby_total']

    Grids with an event lately see two more, those beside one, and others, one:

    >>> counts = {"prior_52w": 5.0, "prior_2w": [1.0, 0.0, 0.0] * 40, "prior_2w_nearby_total": [0.0, 1.0, 0.0] * 40}
    >>> fitted = model.fit(pd.DataFrame({**counts, "y": [3, 1, 1] * 40}))
    >>> [round(m, 2) for m in fitted.multipliers]
    [1.7, 0.65, 0.65]
    >>> fitted.predict(pd.DataFrame(counts))["expected"][:3].round(1).tolist()
    [3.0, 1.0, 1.0]
    """

    is_baseline: ClassVar[bool] = True
    streams: tuple[Stream, ...]
    weeks: int = 2
    long: int = 52
    multipliers: tuple[float, float, float] = (1.0, 1.0, 1.0)
    base: Calibration | None = None
    calibration: Calibration | None = None
    usual: float = float("nan")

    @property
    def name(self) -> str:
        """How reports call it."""
        return "near repeat"

    @property
    def needs(self) -> tuple[Feature, ...]:
        """The long count, the short one, and that of the neighbours."""
        lately = Own(self.streams, self.weeks)
        return (Own(self.streams, self.long), lately, lately.nearby(total=True))

    def fit(self, panel: pd.DataFrame) -> "NearRepeat":
        """A copy with multipliers and calibrations fitted.

        Parameters
        ----------
        panel
            Rows with `y` and the columns of :attr:`needs`; those without a settled outcome are left out.

        Returns
        -------
        fitted
            The baseline itself stays as it was.

        Raises
        ------
        LabelError
            No settled outcome, or one class.
        DataError
            The panel lacks a column, or no row knows all counts.
        """
        rows = settled(panel)
        values, y = columns(rows, self.needs, self.name), rows["y"].to_numpy(dtype=float)
        known = np.isfinite(values).all(axis=1)
        check_known(known, self.needs, self.name)
        values, usual, y = values[known], float(y.mean()), y[known]
        base = Calibration.fit(self._long(values), y)
        expected, state = base.expected(self._long(values)), self._state(values)
        seen, due = (np.bincount(state, weights=w, minlength=3) + _PSEUDO_EVENTS for w in (y, expected))
        fitted = dataclasses.replace(self, base=base, usual=usual, multipliers=tuple((seen / due).tolist()))
        return dataclasses.replace(fitted, calibration=Calibration.fit(np.log(fitted._risk(values)), y))  # noqa: SLF001 - a copy of itself

    def predict(self, panel: pd.DataFrame) -> pd.DataFrame:
        """Columns `score`, `expected`, `probability`.

        Parameters
        ----------
        panel
            Rows with the columns of :attr:`needs`.

        Returns
        -------
        predicted
            On the index of `panel`: `score` (higher is riskier), `expected` (events in the horizon), `probability` (of at least one, in
            [0, 1]).

        Raises
        ------
        DefinitionError
            It is not fitted.
        DataError
            The panel lacks a column.
        """
        if self.calibration is None:
            raise DefinitionError(f"{self.name} is not fitted; call fit first.")
        risk = self._risk(columns(panel, self.needs, self.name))
        expected = self.calibration.expected(np.log(risk))
        return predicted(panel, risk, expected, self.calibration.probability(expected))

    def _risk(self, values: np.ndarray) -> np.ndarray:
        if self.base is None:
            raise DefinitionError(f"{self.name} is not fitted; call fit first.")
        risk = self.base.expected(self._long(values)) * np.array(self.multipliers)[self._state(values)]
        return np.where(np.isfinite(values).all(axis=1), risk, self.usual)

    @staticmethod
    def _long(values: np.ndarray) -> np.ndarray:
        return np.log(values[:, 0] + HALF_AN_EVENT)

    @staticmethod
    def _state(values: np.ndarray) -> np.ndarray:
        """0 where the grid had an event lately, 1 where only a neighbour had, else 2."""
        return np.where(values[:, 1] > 0, 0, np.where(values[:, 2] > 0, 1, 2))
