"""Rules of thumb for outcomes that are no counts: what an analyst with a spreadsheet would rank by."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from riskwarn.baseline.face import predicted, settled
from riskwarn.calibration import Calibration
from riskwarn.errors import DataError, DefinitionError
from riskwarn.feature import YEAR_DAYS, Count, Cusum, DaysSince, Ewma, Feature, LastYear, Own, Rise, Trend
from riskwarn.label import Label

_RATIOS = ((4, 15), (4, 52), (15, 104))


@dataclass(frozen=True)
class Rule:
    """Ranks grids by a sum of features, or by its ratio to another; count and probability are calibrated on the past.

    The ratio of `features` to `over` is ``(n + 1) / (scale * m + 1)``, so that one event more or less does not decide where both are few.
    A grid without a value ranks as the middle of those it trained on.

    Parameters
    ----------
    called
        What it ranks by, in words.
    features, over
        Summed, and what their sum is compared with.
    scale
        What makes `over` as long as `features`.
    falling
        Whether less is riskier.
    """

    is_baseline: ClassVar[bool] = True
    called: str
    features: tuple[Feature, ...]
    over: tuple[Feature, ...] = ()
    scale: float = 1.0
    falling: bool = False
    middle: float = 0.0
    calibration: Calibration | None = None

    @property
    def name(self) -> str:
        """How reports call it."""
        return f"rule {self.called}"

    @property
    def needs(self) -> tuple[Feature, ...]:
        """Features whose columns it reads."""
        return (*self.features, *self.over)

    def fit(self, panel: pd.DataFrame) -> "Rule":
        """A copy with its calibration fitted."""
        rows = settled(panel)
        score = self._score(rows)
        middle = float(np.nanmedian(score)) if np.isfinite(score).any() else 0.0
        margin = _signed_log(np.nan_to_num(score, nan=middle))
        return dataclasses.replace(
            self, middle=middle, calibration=Calibration.fit(margin, rows["y"].to_numpy(dtype=float))
        )

    def predict(self, panel: pd.DataFrame) -> pd.DataFrame:
        """Columns `score` (the rule itself), `expected`, `probability`."""
        if self.calibration is None:
            raise DefinitionError(f"{self.name} is not fitted; call fit first.")
        score = np.nan_to_num(self._score(panel), nan=self.middle)
        expected = self.calibration.expected(_signed_log(score))
        return predicted(panel, score, expected, np.minimum(expected, 1))

    def _score(self, panel: pd.DataFrame) -> np.ndarray:
        missing = [f.name for f in self.needs if f.name not in panel]
        if missing:
            raise DataError(f"{self.name} reads {missing[0]!r}, which the panel lacks; build it for the same label.")
        total, other = (sum(panel[f.name].to_numpy(dtype=float) for f in fs) for fs in (self.features, self.over))
        score = (total + 1) / (self.scale * other + 1) if self.over else total
        return np.asarray(-score if self.falling else score, dtype=float)


def rules_of(label: Label) -> list[Rule]:
    """Rules of thumb for a label that is no count; none for one that is, whose rivals are prior counts.

    All read columns that the panel of the label has. For an emergence: ratios of short to long counts, deviation from the fifteen
    weeks before, CUSUM, EWMA, the same season a year before, the neighbours, and the bare chance that the grid's own normal is
    exceeded, which knows how counts that are whole numbers make some normals easier to exceed. Where no event was of late those of
    these that cannot tell are left out, and of an escalation the lower rungs are looked at too.
    """
    if label.is_count:
        return []
    rules = _around(label.streams, "") + _lately(label.streams, "")
    if label.kind == "emergence":
        return [
            Rule("chance above the own normal", (dataclasses.replace(label.normal, part="tail"),)),
            Rule("expected from the own past", (dataclasses.replace(label.normal, part="expected"),)),
            *(Rule(f"{a} to {b} weeks", (Own(label.streams, a),), (Own(label.streams, b),), a / b) for a, b in _RATIOS),
            *_movement(label.streams, label.days),
            *rules,
        ]
    return rules + (
        _around(label.lower, " of lower rungs") + _lately(label.lower, " of lower rungs") if label.lower else []
    )


def _movement(streams: Sequence, days: float) -> list[Rule]:
    year = tuple(Count(s, days=YEAR_DAYS) for s in streams)
    return [
        *(Rule(f"{n} days above 15 weeks", tuple(Rise(s, days=n) for s in streams)) for n in (7, 28)),
        *(Rule(f"cusum {n} weeks", tuple(Cusum(s, weeks=n) for s in streams)) for n in (4, 8)),
        Rule("ewma 28 days to a year", tuple(Ewma(s, half_life=28) for s in streams), year, 1 / YEAR_DAYS),
        Rule("same season last year", tuple(LastYear(s, days=min(days, YEAR_DAYS)) for s in streams)),
        Rule("neighbours above 15 weeks", tuple(Rise(s, days=28).nearby() for s in streams)),
        Rule("neighbours 4 to 52 weeks", tuple(Trend(s, days=28, over=YEAR_DAYS).nearby() for s in streams)),
    ]


def _lately(streams: Sequence, of: str) -> list[Rule]:
    return [
        Rule(f"ewma 28 days{of}", tuple(Ewma(s, half_life=28) for s in streams)),
        Rule(f"last year{of}", tuple(Count(s, days=YEAR_DAYS) for s in streams)),
        Rule(f"days since the last{of}", tuple(DaysSince(s, cap=2 * YEAR_DAYS) for s in streams), falling=True),
    ]


def _around(streams: Sequence, of: str) -> list[Rule]:
    return [
        Rule(f"neighbours {n} days{of}", tuple(Count(s, days=n).nearby() for s in streams)) for n in (28, YEAR_DAYS)
    ]


def _signed_log(values: np.ndarray) -> np.ndarray:
    return np.sign(values) * np.log1p(np.abs(values))
