"""Trees, a rate, a line and counts, joined in one log rate and calibrated: what a fitted model says of the rows of a panel."""

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from riskwarn.baseline import Additive, Line
from riskwarn.calibration import Calibration
from riskwarn.calling import checked
from riskwarn.draws import totals
from riskwarn.errors import DataError, DefinitionError
from riskwarn.experiment import ModelSettings
from riskwarn.feature import Feature
from riskwarn.label import Label
from riskwarn.model import forest
from riskwarn.model.tide import Tide
from riskwarn.model.values import matrix

if TYPE_CHECKING:
    from lightgbm import Booster

_YEAR_DAYS = 364
_NOTHING = 1e-9
_CALENDAR = "calendar"
"""Family of the features that tell the time of year."""


@dataclass(frozen=True, eq=False)
class Joint:
    """What :class:`riskwarn.RiskModel` forecasts by; its parameters are described there."""

    features: tuple[Feature, ...]
    label: Label
    settings: ModelSettings = dataclasses.field(default_factory=ModelSettings)
    trees: str = ""
    rate: Additive = dataclasses.field(default_factory=Additive)
    rate_share: float = 0.0
    line: Line = dataclasses.field(default_factory=Line)
    line_share: float = 0.0
    counts: Line = dataclasses.field(default_factory=Line)
    calibration: Calibration = dataclasses.field(default_factory=Calibration)
    common: dict[str, float] = dataclasses.field(default_factory=dict)
    seen_days: int = 0
    facts: dict[str, Any] = dataclasses.field(default_factory=dict)
    tide: Tide = dataclasses.field(default_factory=Tide)

    @property
    def feature_names(self) -> list[str]:
        """Columns it reads, in order."""
        return [f.name for f in self.features]

    @property
    def shape_names(self) -> list[str]:
        """Those of which trees, rate, line and counts are made: all but the totals of the city, which are the tide's."""
        return [f.name for f in self.shape_features]

    @property
    def shape_features(self) -> tuple[Feature, ...]:
        """The features of :attr:`shape_names`."""
        totals = {f.name for f in self.label.totals}
        return tuple(f for f in self.features if f.name not in totals)

    @checked
    def predict(self, panel: pd.DataFrame) -> pd.DataFrame:
        """Columns `score` (log of the expected count; of an outcome that is 1 or 0, of the rate at which it comes), `expected`, `probability`, `lower`, `upper` (90 % of the count) and their shares.

        `lower_share` and `upper_share` say which part of an end lies within the 90 % (:func:`riskwarn.metrics.coverage`).

        Parameters
        ----------
        panel
            Rows with the features; more columns do no harm.

        Returns
        -------
        predicted
            On the index of `panel`. `expected` is in events of the horizon, `probability` and the shares are in [0, 1], `lower` and
            `upper` are whole numbers.

        Raises
        ------
        DefinitionError
            It is not fitted.
        DataError
            The panel is empty, lacks a feature, or holds what is no number or infinite.
        """
        margin = self.margin(panel)
        expected = self.calibration.of_rate(margin)
        lower, upper = self.calibration.interval(expected)
        lower_share, upper_share = self.calibration.ends(expected, lower, upper)
        return pd.DataFrame(
            {
                "score": margin,
                "expected": expected,
                "probability": self._probability(expected),
                "lower": lower,
                "upper": upper,
                "lower_share": lower_share,
                "upper_share": upper_share,
            },
            index=panel.index,
        )

    def _probability(self, expected: np.ndarray) -> np.ndarray:
        """Of any event; what is expected of an outcome that is 1 or 0 is its probability."""
        return self.calibration.probability(expected) if self.label.is_count else np.minimum(expected, 1)

    @checked
    def margin(self, panel: pd.DataFrame) -> np.ndarray:
        """(n,) log of the expected count, calibrated.

        Parameters
        ----------
        panel
            Rows with the features.

        Returns
        -------
        margin
            ``level + slope * raw`` of the calibration, and the tide; in `raw` the trees count by :attr:`tree_share`, the other parts by theirs.

        Raises
        ------
        DefinitionError
            It is not fitted.
        DataError
            The panel is empty, lacks a feature, or holds what is no number or infinite.
        """
        if panel.empty:
            raise DataError("the panel has no rows: there is no grid to score.")
        matrix(panel, self.tide.columns)
        return self.shape_margin(panel) + self.tide.margin(panel)

    @checked
    def shape_margin(self, panel: pd.DataFrame) -> np.ndarray:
        """(n,) log of the expected count with the level of the dates that calibrated it, before the tide.

        Parameters
        ----------
        panel
            Rows with the features.

        Returns
        -------
        margin
            ``level + slope * raw``.
        """
        raw = self.tree_share * self._trees(panel)
        for part, share in self._parts:
            raw += share * part.margin(panel)
        return self.calibration.level + self.calibration.slope * raw

    @property
    def season(self) -> Line:
        """What the line says of the calendar: counts and their rate know none, so they have its word for it, once it has seen a year."""
        return self.line.only([f.name for f in self.features if f.family == _CALENDAR and self.seen_days >= _YEAR_DAYS])

    @property
    def blind_share(self) -> float:
        """Share of rate and counts, which know no calendar, in the log rate, in [0, 1]."""
        return self.rate_share + sum(self.counts.weights.values())

    @property
    def _parts(self) -> tuple[tuple[Additive | Line, float], ...]:
        """All but the trees, and how often each counts."""
        return (
            (self.rate, self.tree_share + self.rate_share),
            (self.line, self.line_share),
            (self.counts, 1.0),
            (self.season, self.blind_share),
        )

    @property
    def tree_share(self) -> float:
        """Share of the trees, and the rate they start from, in the log rate, in [0, 1]."""
        return 1 - self.line_share - self.blind_share

    @checked
    def tree_margin(self, panel: pd.DataFrame) -> np.ndarray:
        """(n,) log rate of trees and the rate they start from, before the other parts and calibration.

        Parameters
        ----------
        panel
            Rows with the features.

        Returns
        -------
        margin
            Not calibrated.
        """
        return self._trees(panel) + self.rate.margin(panel)

    @property
    def is_plain(self) -> bool:
        """Whether it is a count alone: it has no trees, and nothing is left for them to say."""
        return not self.trees and bool(self.counts.weights) and abs(self.tree_share) < _NOTHING

    def _trees(self, panel: pd.DataFrame) -> np.ndarray:
        if self.is_plain:
            return np.zeros(len(matrix(panel, self.shape_names)))
        return forest.margin(self._booster(), matrix(panel, self.shape_names))

    @checked
    def contributions(self, panel: pd.DataFrame) -> pd.DataFrame:
        """What each feature adds to :meth:`margin`: a column a feature, and `base`; rows add up to the margin.

        Exact Shapley values of the trees given their paths (Lundberg et al. 2020, Nature Machine Intelligence 2, 56–67), and
        :meth:`riskwarn.baseline.Additive.parts` of the rate; the level of the city is what its totals add.

        Parameters
        ----------
        panel
            Rows with the features.

        Returns
        -------
        contributions
            On the index of `panel`; above 0 raises the expected count, and ``exp`` of it is the factor.

        Raises
        ------
        DefinitionError
            It is not fitted.
        DataError
            The panel is empty, lacks a feature, or holds what is no number or infinite.
        """
        if panel.empty:
            raise DataError("the panel has no rows: there is no grid to explain.")
        values = matrix(panel, self.shape_names)
        shape = (len(values), len(self.shape_names) + 1)
        parts = np.zeros(shape) if self.is_plain else forest.contributions(self._booster(), values)
        contributed = pd.DataFrame(parts, columns=[*self.shape_names, "base"], index=panel.index)
        contributed *= self.tree_share
        for part, share in self._parts:
            contributed[part.columns] += share * part.parts(panel)
            contributed["base"] += share * part.constant
        contributed *= self.calibration.slope
        contributed["base"] += self.calibration.level
        contributed = contributed.reindex(columns=[*self.feature_names, "base"], fill_value=0.0)
        contributed[self.tide.columns] += self.tide.parts(panel)
        return contributed

    @checked
    def totals(self, scores: pd.DataFrame, grids: pd.DataFrame, level: str) -> pd.DataFrame:
        """Expected counts and 90 % intervals of larger areas, or of the ``city``, that add up (:func:`riskwarn.draws.totals`).

        Parameters
        ----------
        scores
            Table `scores`, or what :meth:`predict` gave with `grid_id` and `as_of`.
        grids
            Table `grids`.
        level
            ``city``, ``county_id``, ``township_id`` or ``community_id``.

        Returns
        -------
        totals
            One row a night and area.

        Raises
        ------
        DataError
            The level is unknown, or a grid has no such parent.
        """
        seed = self.settings.seed
        return totals(scores, grids, level, calibration=self.calibration, common=self.common, seed=seed)

    def _booster(self) -> "Booster":
        if not self.trees:
            raise DefinitionError("the model is not fitted; call fit, or riskwarn.train.")
        cached = self.__dict__.get("_parsed")
        if cached is None:
            cached = forest.parsed(self.trees)
            object.__setattr__(self, "_parsed", cached)
        return cached
