"""An experiment: one question, read from TOML into one frozen value. Unknown keys are refused.

::

    question = "…?"
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
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import pandas as pd

from riskwarn.baseline import RULES, Baseline, PriorCount, rules_of
from riskwarn.errors import DefinitionError, NotFoundError, did_you_mean
from riskwarn.feature import Faded, Feature, Own, check_names, load_group
from riskwarn.history import Stream
from riskwarn.label import Label
from riskwarn.objective import size_of

T = TypeVar("T")
TIES = Literal["mean", "worst", "best", "order"]
OBJECTIVES = Literal["poisson", "tweedie", "negative_binomial", "binary", "lambdarank"]
GAIN_PER = Literal["grid", "household", "area"]
_HALF_LIVES = (7, 28, 91, 364)
"""Days, from a week to a year."""
SLICES = ("urban_class", "county_id", "township_id", "community_id")
"""Columns of the grids that part a city."""


@dataclass(frozen=True)
class Dates:
    """The dates of the panel: from `first` to `last`, one every `every_days` days, at local midnight.

    Where `every_months` is not 0, one that many months, on the day of the month of `first`: for records that come by the month.
    """

    first: dt.date
    last: dt.date
    every_days: int = 7
    every_months: int = 0

    def index(self) -> pd.DatetimeIndex:
        """The dates, without a zone."""
        step = pd.DateOffset(months=self.every_months) if self.every_months else f"{self.every_days}D"
        return pd.date_range(self.first, self.last, freq=step)


@dataclass(frozen=True)
class Folds:
    """Rolling origin: `n_folds` folds of `test_dates` dates at the end of the panel; the gap follows from the label."""

    n_folds: int = 4
    test_dates: int = 4
    min_train_dates: int = 8


@dataclass(frozen=True)
class ModelSettings:
    """Settings of the model. Depth is kept small so that contributions stay cheap and few effects are mixed.

    With ``objective = "lambdarank"``, `gain_per` says what a grid is worth at the head of a night: its events (``grid``), or those per
    ``household`` or per km² of its ``area``, so that a ranking does not merely find large grids.
    """

    n_trees: int = 150
    learning_rate: float = 0.03
    n_leaves: int = 15
    max_depth: int = 5
    min_rows_in_leaf: int = 300
    l2: float = 20.0
    feature_share: float = 0.7
    row_share: float = 0.8
    line_l2: float = 0.01
    seed: int = 7
    objective: OBJECTIVES = "poisson"
    gain_per: GAIN_PER = "grid"

    def __post_init__(self) -> None:
        if self.gain_per not in get_args(GAIN_PER):
            known = get_args(GAIN_PER)
            raise DefinitionError(
                f"gain_per must be one of {', '.join(known)}, got {self.gain_per!r}{did_you_mean(self.gain_per, known)}"
            )
        if self.gain_per != "grid" and self.objective != "lambdarank":
            raise DefinitionError(
                f'gain_per = "{self.gain_per}" is for objective = "lambdarank", got objective = {self.objective!r}'
            )


@dataclass(frozen=True)
class Baselines:
    """The rivals that every report prints: the label's own events over the last weeks, and `rules` by name (:data:`riskwarn.baseline.RULES`)."""

    weeks: tuple[int, ...] = (4, 15, 52, 104)
    rules: tuple[str, ...] = ()


@dataclass(frozen=True)
class Judge:
    """How models are compared: shares of grids watched, and how ties of a ranking count."""

    shares: tuple[float, ...] = (0.05, 0.10)
    ties: TIES = "mean"


@dataclass(frozen=True)
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

    metric: str = "capture_5"
    max_calibration_error: float = 0.05
    tolerance: float = 0.8
    min_events: int = 30
    slices: tuple[str, ...] = ("urban_class", "county_id")


@dataclass(frozen=True)
class Experiment:
    """One question with everything needed to answer it again.

    Examples
    --------
    >>> Experiment.load("experiments/weekly.toml").label.days
    28
    """

    question: str
    label: Label
    dates: Dates
    declared: tuple[Feature, ...]
    groups: tuple[str, ...] = ()
    folds: Folds = field(default_factory=Folds)
    model: ModelSettings = field(default_factory=ModelSettings)
    baselines: Baselines = field(default_factory=Baselines)
    judge: Judge = field(default_factory=Judge)
    gate: Gate = field(default_factory=Gate)
    name: str = "experiment"
    text: str = ""

    @classmethod
    def load(cls, path: str | Path, *, features: str | Path | None = None) -> "Experiment":
        """Read an experiment; feature groups come from `features`, by default the folder ``features`` beside ``experiments``.

        Raises
        ------
        NotFoundError
            No such file.
        DefinitionError
            The file is not TOML, or a key or value in it is wrong; the message names the place.
        """
        path = Path(path)
        if not path.exists():
            known = sorted(p.name for p in path.parent.glob("*.toml")) if path.parent.exists() else []
            raise NotFoundError(f"no experiment {path}{did_you_mean(path.name, known)}.")
        text = path.read_text("utf-8")
        try:
            values = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise DefinitionError(f"{path}: not TOML: {error}.") from None
        folder = Path(features) if features else path.resolve().parent.parent / "features"
        return _read(path, values, folder, text)

    @property
    def features(self) -> tuple[Feature, ...]:
        """What a model reads: the declared features, the signs of the label's kind, and the label's own counts, plain and faded."""
        declared = {feature.name for feature in self.declared}
        own = (*self.priors, *(f for f in self.faded if f.name not in declared))
        named = declared | {feature.name for feature in own}
        return (*self.declared, *(sign for sign in self.label.signs if sign.name not in named), *own)

    @property
    def priors(self) -> tuple[Own, ...]:
        """The label's own counts, one a baseline."""
        return tuple(Own(self.label.streams, weeks) for weeks in self.baselines.weeks)

    @property
    def faded(self) -> tuple[Feature, ...]:
        """The label's own events fading with time, in the grid and around it, of which a rate is made; none without prior counts."""
        if not self.baselines.weeks:
            return ()
        own = [Faded(self.label.streams, half_life) for half_life in _HALF_LIVES]
        return tuple(feature for one in own for feature in (one, one.nearby()))

    @property
    def feature_names(self) -> list[str]:
        """Columns of the feature matrix, in order."""
        return [f.name for f in self.features]

    @property
    def rivals(self) -> tuple[Baseline, ...]:
        """The baselines, unfitted: a prior count for each of the weeks, rules of thumb where the label is no count, and those named."""
        found: list[Baseline] = [PriorCount(weeks, self.label.streams) for weeks in self.baselines.weeks]
        found += [*rules_of(self.label), *(RULES[rule](self.label) for rule in self.baselines.rules)]
        return tuple({rival.name: rival for rival in found}.values())

    @property
    def columns(self) -> tuple[Feature, ...]:
        """What the panel holds: what a model reads, then what baselines need beside it."""
        needed = {f.name: f for rival in self.rivals for f in rival.needs}
        read = set(self.feature_names)
        return (*self.features, *(f for name, f in needed.items() if name not in read))

    def over(self, days: float) -> "Experiment":
        """The same question over another horizon: a label of its own, named by its days, the same dates and features.

        Parameters
        ----------
        days
            Horizon, days. Dates whose longer horizon is not settled yet neither train nor test.

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
        """SHA-256 of all that was declared."""
        parts = {
            "label": self.label.to_dict(), "features": [f.to_dict() for f in self.features],
            **{n: dataclasses.asdict(getattr(self, n)) for n in ("dates", "folds", "model", "baselines", "judge", "gate")},
        }  # fmt: skip
        return hashlib.sha256(repr(sorted(parts.items())).encode()).hexdigest()


_SECTIONS = {
    "dates": Dates, "folds": Folds, "model": ModelSettings, "baselines": Baselines, "judge": Judge, "gate": Gate,
}  # fmt: skip


def _read(path: Path, values: Mapping[str, Any], folder: Path, text: str) -> Experiment:
    known = ("question", "label", "features", *_SECTIONS)
    _known_keys(path, "", values, known)
    for needed in ("question", "label", "dates", "features"):
        if needed not in values:
            raise DefinitionError(f"{path}: {needed!r} is missing.")
    label = _label(path, values["label"])
    groups = _groups(path, values["features"])
    loaded = tuple(f for g in groups for f in load_group(folder, g))
    check_names(loaded)
    sections: dict[str, Any] = {n: _section(path, n, c, values[n]) for n, c in _SECTIONS.items() if n in values}
    _check_type(f"{path}: question", str, values["question"])
    found = Experiment(values["question"], label, declared=loaded, groups=groups, name=path.stem, text=text, **sections)
    faults = list(_out_of_range(found))
    if faults:
        raise DefinitionError(f"{path}: {'; '.join(faults)}.")
    return found


def _out_of_range(experiment: Experiment) -> Iterator[str]:
    """What no backtest could use, said before anything is computed."""
    dates, folds, judge, gate = experiment.dates, experiment.folds, experiment.judge, experiment.gate
    if dates.every_months < 0:
        yield f"[dates] every_months must be at least 0, got {dates.every_months}"
    if dates.first > dates.last:
        yield f"[dates] first {dates.first} lies after last {dates.last}"
    whole = (
        ("dates", "every_days", dates.every_days), ("folds", "n_folds", folds.n_folds), ("folds", "test_dates", folds.test_dates),
        ("folds", "min_train_dates", folds.min_train_dates), ("model", "n_trees", experiment.model.n_trees),
        *(("baselines", "weeks", w) for w in experiment.baselines.weeks),
    )  # fmt: skip
    yield from (
        f"[{section}] {key} must be a whole number of at least 1, got {value!r}"
        for section, key, value in whole
        if not isinstance(value, int) or isinstance(value, bool) or value < 1
    )
    if folds.n_folds * folds.test_dates < 2:
        yield "[folds] one test date alone gives no interval; test at least two"
    if not experiment.baselines.weeks:
        yield "[baselines] weeks is empty: a model without a prior count to beat can never be promoted"
    yield from (
        f"[baselines] rules: unknown rule {rule!r}{did_you_mean(str(rule), RULES)}; known: {', '.join(RULES)}"
        for rule in experiment.baselines.rules
        if str(rule) not in RULES
    )
    yield from (
        f"[judge] shares must lie between 0 and 1, got {share!r}"
        for share in judge.shares
        if not isinstance(share, float) or not 0 < share < 1
    )
    if judge.ties not in get_args(TIES):
        yield f"[judge] ties must be one of {', '.join(get_args(TIES))}, got {judge.ties!r}{did_you_mean(judge.ties, get_args(TIES))}"
    yield from _unknown_aim(experiment)
    known = [f"{kind}_{100 * s:g}" for s in judge.shares if isinstance(s, float) for kind in ("capture", "pai", "pei")]
    known += ["brier", "poisson_deviance", *([] if experiment.label.is_count else ["average_precision", "roc_auc"])]
    if not 0 < gate.tolerance < 1:
        yield f"[gate] tolerance must lie between 0 and 1, got {gate.tolerance!r}"
    if gate.min_events < 1:
        yield f"[gate] min_events must be at least 1, got {gate.min_events!r}"
    yield from (
        f"[gate] slices holds {column!r}{did_you_mean(str(column), SLICES)}; it may hold {', '.join(SLICES)}"
        for column in gate.slices
        if column not in SLICES
    )
    if gate.metric not in known:
        yield f"[gate] metric {gate.metric!r} is not among those judged{did_you_mean(gate.metric, known)}: {', '.join(known)}"


def _unknown_aim(experiment: Experiment) -> Iterator[str]:
    """What no trees can be grown for."""
    objective, gain_per = experiment.model.objective, experiment.model.gain_per
    if objective not in get_args(OBJECTIVES):
        yield f"[model] objective must be one of {', '.join(get_args(OBJECTIVES))}, got {objective!r}{did_you_mean(objective, get_args(OBJECTIVES))}"
    if gain_per != "grid":
        try:
            size_of(experiment.features, gain_per)
        except DefinitionError as error:
            yield f"[model] {error}"


def _label(path: Path, values: Mapping[str, Any]) -> Label:
    wanted = {
        "name": str,
        "days": float,
        "settle_days": float,
        "kind": str,
        "past_days": float,
        "quantile": float,
        "at_least": int,
    }
    _known_keys(path, "label", values, ("name", "streams", *[k for k in wanted if k != "name"], "lower"))
    streams = {key: _streams(path, key, values[key]) for key in ("streams", "lower") if key in values}
    for key in wanted.keys() & values.keys():
        _check_type(f"{path}: [label] {key}", wanted[key], values[key])
    try:
        return Label(**{"streams": (), **values, **streams})
    except (TypeError, DefinitionError) as error:
        raise DefinitionError(f"{path}: [label]: {error}") from None


def _streams(path: Path, key: str, values: Any) -> tuple[Any, ...]:
    if not isinstance(values, list):
        raise DefinitionError(f'{path}: [label] {key} must be a list such as ["dispute"], got {values!r}.')
    for stream in values:
        if not isinstance(stream, str):
            _known_keys(path, f"label.{key}", stream, [f.name for f in dataclasses.fields(Stream)])
    return tuple(values)


def _groups(path: Path, values: Mapping[str, Any]) -> tuple[str, ...]:
    _known_keys(path, "features", values, ("groups",))
    groups = values.get("groups")
    if not groups or not all(isinstance(g, str) for g in groups):
        raise DefinitionError(f"{path}: [features] groups must name at least one file of features/, got {groups!r}.")
    return tuple(groups)


def _section(path: Path, name: str, cls: type[T], values: Mapping[str, Any]) -> T:
    fields = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    _known_keys(path, name, values, fields)
    for key, value in values.items():
        _check_type(f"{path}: [{name}] {key}", fields[key].type, value)
    try:
        return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})
    except (TypeError, DefinitionError) as error:
        raise DefinitionError(f"{path}: [{name}]: {error}.") from None


def _check_type(where: str, wanted: object, value: object) -> None:
    fits = {
        int: (int,), float: (int, float), str: (str,), dt.date: (dt.date,), TIES: (str,), OBJECTIVES: (str,), GAIN_PER: (str,),
    }.get(wanted, (list,))  # fmt: skip
    if not isinstance(value, fits) or isinstance(value, bool | dt.datetime):
        raise DefinitionError(f"{where}: wanted {getattr(wanted, '__name__', wanted)}, got {value!r}.")


def _known_keys(path: Path, section: str, values: Mapping[str, Any], known: Any) -> None:
    if not isinstance(values, Mapping):
        raise DefinitionError(f"{path}: [{section}] must be a table, got {values!r}.")
    unknown = sorted(set(values) - set(known))
    if unknown:
        where = f" in [{section}]" if section else ""
        raise DefinitionError(
            f"{path}: unknown key {unknown[0]!r}{where}{did_you_mean(unknown[0], known)}; known: {', '.join(known)}."
        )
