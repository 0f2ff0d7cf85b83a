"""An experiment: one question, read from TOML into one frozen value. Unknown keys are refused.

::

    question = "…?"
    purpose = "…"
    [label]      what is predicted: name, streams, days, settle_days, and kind with what it needs
    [dates]      dates of the panel: first, last, every_days or every_months
    [features]   groups: files of features/
    [folds]      rolling origin: n_folds, test_dates, min_train_dates
    [model]      settings of the model
    [baselines]  weeks of the prior counts, names of other rules
    [judge]      shares of grids watched, how ties count
    [gate]       what a champion must reach
"""

import dataclasses
import datetime as dt
import hashlib
import html
from dataclasses import field
from pathlib import Path
from typing import Annotated, Literal

import pandas as pd
from pydantic import Field, InstanceOf, model_validator

from riskwarn.baseline import RULES, Baseline, PriorCount, rules_of
from riskwarn.calling import checked
from riskwarn.declaring import (
    AtLeastOne,
    AtLeastZero,
    Day,
    NotNegative,
    Number,
    Positive,
    Share,
    Text,
    declared,
    one_of,
    read,
    read_toml,
)
from riskwarn.errors import DefinitionError, did_you_mean
from riskwarn.feature import Faded, Feature, Own, check_names, load_group
from riskwarn.label import HALF_LIVES, Label
from riskwarn.objective import size_of
from riskwarn.purpose import DEFAULT, Purpose

_FIRST, _LAST = dt.date(1900, 1, 1), dt.date(2200, 1, 1)
PanelDay = Annotated[Day, Field(ge=_FIRST, le=_LAST)]
Part = Annotated[Number, Field(gt=0, le=1)]
"""A share above 0; 1 is all."""
TIES = Literal["mean", "worst", "best", "order"]
OBJECTIVES = Literal["poisson", "tweedie", "negative_binomial", "binary", "lambdarank"]
GAIN_PER = Literal["grid", "household", "area"]
CITY_LEVEL = Literal["forecast", "latest"]
RATE_OF = Literal["label", "feeds"]
SLICES = ("urban_class", "county_id", "township_id", "community_id")
"""Columns of the grids that part a city."""


@declared
class Dates:
    """The dates of the panel: from `first` to `last`, one every `every_days` days, at local midnight.

    Where `every_months` is not 0, one that many months, on the day of the month of `first`: for records that come by the month.
    """

    first: PanelDay
    last: PanelDay
    every_days: AtLeastOne = 7
    every_months: AtLeastZero = 0

    @model_validator(mode="after")
    def _first_before_last(self) -> "Dates":
        if self.first > self.last:
            raise ValueError(f"first {self.first} lies after last {self.last}")
        return self

    def index(self) -> pd.DatetimeIndex:
        """The dates, without a zone.

        Returns
        -------
        dates
            Rising; `last` is among them only where a step meets it.

        Examples
        --------
        >>> Dates(dt.date(2025, 1, 6), dt.date(2025, 1, 27)).index().strftime("%m-%d").tolist()
        ['01-06', '01-13', '01-20', '01-27']
        """
        step = pd.DateOffset(months=self.every_months) if self.every_months else f"{self.every_days}D"
        return pd.date_range(self.first, self.last, freq=step)


@declared
class Folds:
    """Rolling origin: `n_folds` folds of `test_dates` dates at the end of the panel; the gap follows from the label."""

    n_folds: AtLeastOne = 4
    test_dates: AtLeastOne = 4
    min_train_dates: AtLeastOne = 8

    @model_validator(mode="after")
    def _more_than_one_test_date(self) -> "Folds":
        if self.n_folds * self.test_dates == 1:
            raise ValueError("one test date alone gives no interval; test at least two")
        return self


@declared
class ModelSettings:
    """Settings of the model. Depth is kept small so that contributions stay cheap and few effects are mixed.

    With ``objective = "lambdarank"``, `gain_per` says what a grid is worth at the head of a night: its events (``grid``), or those per
    ``household`` or per km² of its ``area``, so that a ranking does not merely find large grids.

    `city_level` says how many events the city as a whole is expected to have: what is ``forecast`` from its own totals at each date, which
    moves every night, or what the ``latest`` quarter of the training dates had. Of an outcome that is 1 or 0 it is always the latter.

    `rate_of` says what the additive rate of a count adds up: the past of the ``label`` alone, or what all ``feeds`` count. Of an outcome
    that is 1 or 0 it is always the former.
    """

    n_trees: AtLeastOne = 150
    learning_rate: Part = 0.03
    n_leaves: Annotated[AtLeastOne, Field(ge=2)] = 15
    max_depth: AtLeastOne = 5
    min_rows_in_leaf: AtLeastOne = 300
    l2: NotNegative = 20.0
    feature_share: Part = 0.7
    row_share: Part = 0.8
    line_l2: NotNegative = 0.01
    seed: AtLeastZero = 7
    objective: OBJECTIVES = "poisson"
    gain_per: GAIN_PER = "grid"
    city_level: CITY_LEVEL = "forecast"
    rate_of: RATE_OF = "label"

    @model_validator(mode="after")
    def _gain_of_a_ranking(self) -> "ModelSettings":
        if self.gain_per != "grid" and self.objective != "lambdarank":
            raise ValueError(
                f'gain_per = "{self.gain_per}" is for objective = "lambdarank", got objective = {self.objective!r}'
            )
        return self


@declared
class Baselines:
    """The rivals that every report prints: the label's own events over the last weeks, and `rules` by name (:data:`riskwarn.baseline.RULES`)."""

    weeks: tuple[AtLeastOne, ...] = (4, 15, 52, 104)
    rules: tuple[Annotated[Text, one_of(RULES)], ...] = ()


@declared
class Judge:
    """How models are compared: shares of grids watched, and how ties of a ranking count."""

    shares: tuple[Share, ...] = (0.05, 0.10)
    ties: TIES = "mean"


@declared
class Gate:
    """What a champion must reach; each check is described in :mod:`riskwarn.gate`.

    Parameters
    ----------
    metric
        What must beat the best baseline, the interval clear of zero.
    max_calibration_error
        Largest calibration error.
    tolerance
        Levels and groups of grids must keep within `tolerance` to 1 / `tolerance`; 0.8 is the four-fifths rule.
    min_events
        With fewer events a level, slice or group is not judged.
    slices
        Columns of the grids whose parts are looked at one by one.
    """

    metric: Text = "capture_5"
    max_calibration_error: Positive = 0.05
    tolerance: Share = 0.8
    min_events: AtLeastOne = 30
    slices: tuple[Annotated[Text, one_of(SLICES)], ...] = ("urban_class", "county_id")


@declared
class Experiment:
    """One question with everything needed to answer it again.

    Examples
    --------
    >>> Experiment.load("experiments/weekly.toml").label.days
    28
    """

    question: Text
    label: Label
    dates: Dates
    declared: tuple[InstanceOf[Feature], ...]
    groups: tuple[Text, ...] = ()
    folds: Folds = field(default_factory=Folds)
    model: ModelSettings = field(default_factory=ModelSettings)
    baselines: Baselines = field(default_factory=Baselines)
    judge: Judge = field(default_factory=Judge)
    gate: Gate = field(default_factory=Gate)
    name: Text = "experiment"
    text: Text = ""
    purpose: Purpose = DEFAULT

    @model_validator(mode="after")
    def _something_to_divide_a_gain_by(self) -> "Experiment":
        if self.model.gain_per != "grid":
            try:
                size_of(self.features, self.model.gain_per)
            except DefinitionError as error:
                raise ValueError(f"[model] {error}") from None
        return self

    @classmethod
    @checked
    def load(cls, path: str | Path, *, features: str | Path | None = None) -> "Experiment":
        """Read an experiment; feature groups come from `features`, by default the folder ``features`` beside ``experiments``.

        Parameters
        ----------
        path
            TOML.
        features
            Folder of the feature groups.

        Returns
        -------
        experiment
            Named after the file.

        Raises
        ------
        NotFoundError
            No such file.
        DefinitionError
            The file is not TOML, or a key or value in it is wrong; the message names the place.
        """
        path = Path(path)
        values, text = read_toml(path, "experiment", remedy="riskwarn init FOLDER writes some to begin with")
        said = read(_File, values, str(path))
        folder = Path(features) if features else path.resolve().parent.parent / "features"
        loaded = tuple(f for g in said.features.groups for f in load_group(folder, g))
        check_names(loaded)
        parts = {name: getattr(said, name) for name in ("question", "purpose", "label", "dates", *_SECTIONS)}
        known = {"declared": loaded, "groups": said.features.groups, "name": path.stem, "text": text}
        return read(cls, parts | known, str(path))

    def __repr__(self) -> str:
        facts = "; ".join(f"{name} {text}" for name, text in self._facts())
        return f"Experiment({self.name!r}: {facts})"

    def _repr_html_(self) -> str:
        """The same for notebooks, as a small table."""
        rows = "".join(f"<tr><th>{n}</th><td>{html.escape(text)}</td></tr>" for n, text in self._facts())
        return f"<table><caption>{html.escape(self.question or self.name)}</caption>{rows}</table>"

    def _facts(self) -> list[tuple[str, str]]:
        dates, label, folds = self.dates, self.label, self.folds
        return [
            ("label", f"{label.name} ({label.kind}, {label.days:g} days, settled after {label.settle_days:g})"),
            ("dates", f"{len(dates.index())} from {dates.first} to {dates.last}"),
            ("purpose", self.purpose),
            ("features", f"{len(self.features)} in {', '.join(self.groups) or 'no group'}"),
            ("folds", f"{folds.n_folds} of {folds.test_dates} dates"),
        ]

    @property
    def features(self) -> tuple[Feature, ...]:
        """What a model reads: the declared features, the signs of the label's kind, the label's own counts, plain and faded, and totals of the city."""
        declared = {feature.name for feature in self.declared}
        derived = (*self.priors, *(f for f in (*self.faded, *self.totals) if f.name not in declared))
        named = declared | {feature.name for feature in derived}
        return (*self.declared, *(sign for sign in self.label.signs if sign.name not in named), *derived)

    @property
    def priors(self) -> tuple[Own, ...]:
        """The label's own counts, one a baseline."""
        return tuple(Own(self.label.streams, weeks) for weeks in self.baselines.weeks)

    @property
    def faded(self) -> tuple[Feature, ...]:
        """The label's own events fading with time, in the grid and around it, of which a rate is made; none without prior counts."""
        if not self.baselines.weeks:
            return ()
        counts = [Faded(self.label.streams, half_life) for half_life in HALF_LIVES]
        return tuple(feature for one in counts for feature in (one, one.nearby()))

    @property
    def totals(self) -> tuple[Feature, ...]:
        """Totals of the city of which its level is forecast; none without prior counts, or where the latest level is to stay."""
        return self.label.totals if self.faded and self.model.city_level == "forecast" else ()

    @property
    def feature_names(self) -> list[str]:
        """Columns of the feature matrix, in order."""
        return [f.name for f in self.features]

    @property
    def rivals(self) -> tuple[Baseline, ...]:
        """The baselines, unfitted: a prior count for each of the weeks, rules of thumb where the label is no count, and those named."""
        baselines: list[Baseline] = [PriorCount(weeks, self.label.streams) for weeks in self.baselines.weeks]
        baselines += [*rules_of(self.label), *(RULES[rule](self.label) for rule in self.baselines.rules)]
        return tuple({rival.name: rival for rival in baselines}.values())

    @property
    def columns(self) -> tuple[Feature, ...]:
        """What the panel holds: what a model reads, then what baselines need beside it."""
        needed = {f.name: f for rival in self.rivals for f in rival.needs}
        read = set(self.feature_names)
        return (*self.features, *(f for name, f in needed.items() if name not in read))

    @checked
    def over(self, days: float) -> "Experiment":
        """The same question over another horizon: a label of its own, named by its days, the same dates and features.

        Parameters
        ----------
        days
            Horizon, days. Dates whose longer horizon is not settled yet neither train nor test.

        Returns
        -------
        experiment
            This one stays as it was.

        Raises
        ------
        DefinitionError
            The horizon is not above 0, or too long for the label's kind.

        Examples
        --------
        >>> Experiment.load("experiments/weekly.toml").over(7).label.name
        'dispute_7d'
        """
        name = self.label.name.removesuffix(f"_{self.label.days:g}d") + f"_{days:g}d"
        label = dataclasses.replace(self.label, name=name, days=days)
        return dataclasses.replace(self, label=label, name=f"{self.name}_{days:g}d")

    @property
    def digest(self) -> str:
        """SHA-256 of all that decides the answer; what the answer is for is told beside it."""
        parts = {
            "label": self.label.to_dict(),
            "features": [f.to_dict() for f in self.features],
            **{n: dataclasses.asdict(getattr(self, n)) for n in ("dates", *_SECTIONS)},
        }
        return hashlib.sha256(repr(sorted(parts.items())).encode()).hexdigest()


_SECTIONS = ("folds", "model", "baselines", "judge", "gate")


@declared
class _Groups:
    """The section of the features: files of the folder that declares them."""

    groups: Annotated[tuple[Text, ...], Field(min_length=1)]


@declared
class _File:
    """What a file of an experiment says: the sections of :class:`Experiment`, its features as names of groups."""

    question: Text
    label: Label
    dates: Dates
    features: _Groups
    folds: Folds = field(default_factory=Folds)
    model: ModelSettings = field(default_factory=ModelSettings)
    baselines: Baselines = field(default_factory=Baselines)
    judge: Judge = field(default_factory=Judge)
    gate: Gate = field(default_factory=Gate)
    purpose: Purpose = DEFAULT

    @model_validator(mode="after")
    def _can_be_promoted(self) -> "_File":
        """A gate needs a prior count to beat, in a metric that is judged."""
        if not self.baselines.weeks:
            raise ValueError("[baselines] weeks is empty: a model without a prior count to beat can never be promoted")
        judged = [f"{kind}_{100 * s:g}" for s in self.judge.shares for kind in ("capture", "pai", "pei")]
        judged += ["brier", "poisson_deviance", *([] if self.label.is_count else ["average_precision", "roc_auc"])]
        if self.gate.metric not in judged:
            near = did_you_mean(self.gate.metric, judged)
            raise ValueError(f"[gate] metric: wanted one of {', '.join(judged)}, got {self.gate.metric!r}{near}")
        return self
