"""Rules of thumb for outcomes that are no counts: what an analyst with a spreadsheet would rank by.

A rule may be chosen on the past among many, and an experiment names rules and baselines by a word (:data:`RULES`).
"""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from riskwarn.baseline.exciting import SelfExciting
from riskwarn.baseline.line import Surroundings
from riskwarn.baseline.number import Ewma, Hotspot, Kernel, People, PriorCount, Season
from riskwarn.baseline.protocol import Baseline, predicted, settled
from riskwarn.baseline.repeat import NearRepeat
from riskwarn.calibration import Calibration
from riskwarn.calling import checked
from riskwarn.errors import DataError, DefinitionError, LabelError
from riskwarn.feature import YEAR_DAYS, Count, Cusum, DaysSince, Feature, LastYear, Own, Rise, Trend
from riskwarn.feature import Ewma as EwmaFeature
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

    Examples
    --------
    >>> rule = Rule("last year", (Count("dispute", days=YEAR_DAYS),))
    >>> panel = pd.DataFrame({rule.needs[0].name: [0.0, 2.0, 8.0] * 20, "y": [0, 0, 1] * 20})
    >>> rule.fit(panel).predict(panel[:3])["score"].tolist()
    [0.0, 2.0, 8.0]
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
        """A copy with its calibration fitted.

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
            The panel lacks a column.
        """
        rows = settled(panel)
        score = self._score(rows)
        middle = float(np.nanmedian(score)) if np.isfinite(score).any() else 0.0
        margin = _signed_log(np.nan_to_num(score, nan=middle))
        return dataclasses.replace(
            self, middle=middle, calibration=Calibration.fit(margin, rows["y"].to_numpy(dtype=float))
        )

    def predict(self, panel: pd.DataFrame) -> pd.DataFrame:
        """Columns `score` (the rule itself), `expected`, `probability`.

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


@checked
def rules_of(label: Label) -> list[Rule]:
    """Rules of thumb for a label that is no count; none for one that is, whose rivals are prior counts.

    All read columns that the panel of the label has. For an emergence: ratios of short to long counts, deviation from the fifteen
    weeks before, CUSUM, EWMA, the same season a year before, the neighbours, and the bare chance that the grid's own normal is
    exceeded, which knows how counts that are whole numbers make some normals easier to exceed. Where no event was of late those of
    these that cannot tell are left out, and of an escalation the lower rungs are looked at too.

    Parameters
    ----------
    label
        Of any kind.

    Returns
    -------
    rules
        Unfitted, each with a name of its own.

    Examples
    --------
    >>> from riskwarn.history import Stream
    >>> [rule.name for rule in rules_of(Label("first", (Stream("dispute"),), days=28, kind="first"))]
    ['rule neighbours 28 days', 'rule neighbours 364 days', 'rule ewma 28 days', 'rule last year', 'rule days since the last']
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
        Rule("ewma 28 days to a year", tuple(EwmaFeature(s, half_life=28) for s in streams), year, 1 / YEAR_DAYS),
        Rule("same season last year", tuple(LastYear(s, days=min(days, YEAR_DAYS)) for s in streams)),
        Rule("neighbours above 15 weeks", tuple(Rise(s, days=28).nearby() for s in streams)),
        Rule("neighbours 4 to 52 weeks", tuple(Trend(s, days=28, over=YEAR_DAYS).nearby() for s in streams)),
    ]


def _lately(streams: Sequence, of: str) -> list[Rule]:
    return [
        Rule(f"ewma 28 days{of}", tuple(EwmaFeature(s, half_life=28) for s in streams)),
        Rule(f"last year{of}", tuple(Count(s, days=YEAR_DAYS) for s in streams)),
        Rule(f"days since the last{of}", tuple(DaysSince(s, cap=2 * YEAR_DAYS) for s in streams), falling=True),
    ]


def _around(streams: Sequence, of: str) -> list[Rule]:
    return [
        Rule(f"neighbours {n} days{of}", tuple(Count(s, days=n).nearby() for s in streams)) for n in (28, YEAR_DAYS)
    ]


def _signed_log(values: np.ndarray) -> np.ndarray:
    return np.sign(values) * np.log1p(np.abs(values))


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
    >>> choice = Choice("ewma", rivals, wait_days=35)
    >>> [f.name for f in choice.needs]
    ['prior_faded_7d', 'prior_faded_28d']

    The weeks tell nothing, the months all:

    >>> dates = pd.date_range("2025-01-06", periods=40, freq="7D", tz="UTC").repeat(3)
    >>> panel = pd.DataFrame({"as_of": dates, "prior_faded_7d": 1.0, "prior_faded_28d": [0.0, 2.0, 6.0] * 40, "y": [0, 2, 6] * 40})
    >>> fitted = choice.fit(panel)
    >>> fitted.chosen.needs[0].name, fitted.predict(panel[:3])["score"].tolist()
    ('prior_faded_28d', [0.0, 2.0, 6.0])
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

        Parameters
        ----------
        panel
            Rows with `y` and `as_of` and the columns of :attr:`needs`; those without a settled outcome are left out.

        Returns
        -------
        fitted
            The baseline itself stays as it was.

        Raises
        ------
        LabelError
            No settled outcome, one class, or too few dates to choose on.
        DataError
            The panel lacks a column.
        """
        rows = settled(panel)
        early, late = self._parted(rows)
        losses = [_deviance(late["y"], c.fit(early).predict(late)["expected"]) for c in self.candidates]
        return dataclasses.replace(self, chosen=self.candidates[int(np.argmin(losses))].fit(rows))

    def predict(self, panel: pd.DataFrame) -> pd.DataFrame:
        """What the chosen one predicts.

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


SPANS = (2, 4, 8, 15, 26, 52, 104, 156)
HALF_LIVES = (14, 28, 91, 182, 364)
REACHES = (0.25, 0.5, 1.0, 2.0)


def _best_span(label: Label) -> Choice:
    counts = tuple(PriorCount(weeks, streams=label.streams) for weeks in SPANS)
    return Choice("best span", counts, label.wait_days)


def _ewma(label: Label) -> Choice:
    return Choice("ewma", tuple(Ewma(label.streams, days) for days in HALF_LIVES), label.wait_days)


def _kernel(label: Label) -> Choice:
    return Choice("kernel density", tuple(Kernel(label.streams, reach) for reach in REACHES), label.wait_days)


RULES: dict[str, Callable[[Label], Baseline]] = {
    "fifteen_week_mean": lambda label: PriorCount(15, streams=label.streams),
    "best_span": _best_span,
    "ewma": _ewma,
    "seasonal_naive": lambda label: Season(label.streams, label.days, years=1),
    "same_season": lambda label: Season(label.streams, label.days),
    "population": lambda _: People("population"),
    "households": lambda _: People("households"),
    "kde": _kernel,
    "prospective_hotspot": lambda label: Hotspot(label.streams),
    "near_repeat": lambda label: NearRepeat(label.streams),
    "self_exciting": lambda label: SelfExciting(label.streams, label.days),
    "glm": lambda label: Surroundings(label.streams),
}
"""By the name a TOML file gives it, the unfitted baseline of a label."""
