"""The best of several baselines, chosen on the latest part of the training dates."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from riskwarn.baseline.face import Baseline, settled
from riskwarn.errors import DefinitionError, LabelError
from riskwarn.feature import Feature

LATEST = 0.25
"""Share of the training dates, the latest, on which the choice is made."""


@dataclass(frozen=True)
class Choice:
    """Of some candidates the one with the least Poisson deviance on the latest quarter of the training dates, fitted to all of them.

    Each candidate trains on the dates whose outcome had settled before that quarter began and forecasts it; ties go to the first.
    The test dates have no part in it (Hastie, Tibshirani & Friedman 2009, Elements of Statistical Learning, section 7.2).

    Parameters
    ----------
    called
        How reports call it.
    candidates
        What it chooses from.
    wait_days
        Days from a date until its outcome is settled.
    chosen
        The choice, fitted; None before :meth:`fit`.

    Examples
    --------
    >>> from riskwarn.baseline import Ewma
    >>> from riskwarn.history import Stream
    >>> rivals = tuple(Ewma((Stream("dispute"),), days) for days in (7, 28))
    >>> [f.name for f in Choice("ewma", rivals, wait_days=35).needs]
    ['prior_faded_7d', 'prior_faded_28d']
    """

    is_baseline: ClassVar[bool] = True
    called: str
    candidates: tuple[Baseline, ...]
    wait_days: float
    chosen: Baseline | None = None

    @property
    def name(self) -> str:
        """How reports call it."""
        return self.called

    @property
    def needs(self) -> tuple[Feature, ...]:
        """What all candidates need, each once."""
        return tuple({f.name: f for c in self.candidates for f in c.needs}.values())

    def fit(self, panel: pd.DataFrame) -> "Choice":
        """A copy with the choice made and fitted.

        Raises
        ------
        LabelError
            No settled outcome, one class, or too few dates to choose on.
        """
        rows = settled(panel)
        early, late = self._parted(rows)
        losses = [_deviance(late["y"], c.fit(early).predict(late)["expected"]) for c in self.candidates]
        return dataclasses.replace(self, chosen=self.candidates[int(np.argmin(losses))].fit(rows))

    def predict(self, panel: pd.DataFrame) -> pd.DataFrame:
        """What the chosen one predicts."""
        if self.chosen is None:
            raise DefinitionError(f"{self.name} is not fitted; call fit first.")
        return self.chosen.predict(panel)

    def _parted(self, rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        dates = np.sort(rows["as_of"].unique())
        cut = pd.Timestamp(dates[int(len(dates) * (1 - LATEST))])
        early = rows[rows["as_of"] + pd.Timedelta(days=self.wait_days) <= cut]
        if early["y"].nunique() < 2:
            raise LabelError(
                f"{self.name}: {len(dates)} settled dates are too few to choose on the latest quarter of them, when outcomes take "
                f"{self.wait_days:g} days; give earlier dates."
            )
        return early, rows[rows["as_of"] >= cut]


def _deviance(y: Sequence[float] | pd.Series, expected: Sequence[float] | pd.Series) -> float:
    from sklearn.metrics import mean_poisson_deviance  # noqa: PLC0415

    return float(mean_poisson_deviance(y, expected))
