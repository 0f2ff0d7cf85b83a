"""Poisson regression on the logs of the features: what a model must add to be worth its trees."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pandas as pd

from riskwarn.baseline.additive import bounded_step
from riskwarn.baseline.protocol import check_columns, predicted, settled_rows
from riskwarn.calibration import Calibration
from riskwarn.errors import DefinitionError
from riskwarn.feature import Feature, Own, Season
from riskwarn.history import Stream
from riskwarn.rows import Rows

_TINY = 1e-6
_ROUNDS, _HALVINGS = 50, 12
_ENOUGH = 1e-8
"""Gain of the mean log likelihood under which the search ends."""
_KEPT_BYTES = 192 * 2**20
"""Logs of rows that do not lie in memory are kept there up to so many, and worked out anew for every step beyond."""


@dataclass(frozen=True)
class Line:
    """A Poisson regression of counts on signed logs of features, ``sign(x) * log(1 + |x|)``: plain numbers, fit to be kept as JSON.

    Parameters
    ----------
    weights
        Weight of each feature's signed log.
    centres
        Mean of each feature's signed log in training; a missing value counts as the centre.
    constant
        Log rate where every feature is at its centre.

    Examples
    --------
    >>> panel = pd.DataFrame({"n": [0.0, 1.0, 3.0] * 20, "m": [1.0, 0.0] * 30, "y": [1, 2, 4] * 20})
    >>> line = Line.fit(panel, ["n", "m"])
    >>> round(line.weights["n"], 1), np.exp(line.margin(panel[:3])).round(1).tolist()
    (1.0, [1.0, 2.0, 4.0])
    >>> line.only(["n"]).parts(panel[:3]).shape
    (3, 1)
    >>> Line.plain(panel, ["n", "m"]).times([0.5, 0.0]).weights
    {'n': 0.5}
    """

    weights: dict[str, float] = field(default_factory=dict)
    centres: dict[str, float] = field(default_factory=dict)
    constant: float = 0.0

    @classmethod
    def fit(
        cls,
        panel: pd.DataFrame | Rows,
        features: Sequence[str],
        *,
        l2: float = 1e-3,
        signs: Sequence[int] = (),
        start: "Line | None" = None,
    ) -> "Line":
        """Fit to the rows of `panel` and their `y`.

        From a `start`, a line of the same features fitted to some of the rows, the same optimum is reached sooner.

        Parameters
        ----------
        panel
            Settled rows.
        features
            Columns to read; none give the log of the mean.
        l2
            Ridge penalty on the weights of standardised logs, at least 0.
        signs
            One a feature: 1 where its weight may not be below 0, -1 where it may not be above, 0 where it may be either; none where all may.
        start
            Where the search begins.

        Returns
        -------
        line
            Weights in the units of the logs, the standardisation undone; the best of all that have the signs.

        Notes
        -----
        A generalised linear model with the log link (McCullagh & Nelder 1989, Generalized Linear Models, chapter 6) and a ridge (Hoerl &
        Kennard 1970, Technometrics 12, 55–67): prior counts of 4, 15, 52 and 104 weeks say nearly the same, and without it their weights
        run off with opposite signs. Logs, because what doubles a count of 1 and of 100 is the same news.

        Newton's steps need no more than sums over the rows, which are added up a part at a time in double precision, in the same parts
        wherever the rows lie: a panel on disk gives the line of one at hand.
        """
        rows = Rows.of(panel)
        if not features:
            return cls(constant=float(np.log(rows.y.mean())))
        names = list(features)
        told = _Told.of(rows, names, l2)
        if start is None or not len(signs):
            best = _of_signs(told, np.asarray(signs), _climbed(told, told.begun(start)))
        else:  # with a start that has the signs the top within them is near, whatever the best without them is
            best = _climbed(told, told.begun(start), np.asarray(signs))
        known = np.where(told.scale > _TINY, best[1:] / told.scale, 0.0)
        return cls(
            dict(zip(names, known.tolist(), strict=True)),
            dict(zip(names, told.centre.tolist(), strict=True)),
            float(best[0]),
        )

    @classmethod
    def plain(cls, panel: pd.DataFrame, features: Sequence[str]) -> "Line":
        """Signed logs as they are, each with weight 1, about their means in `panel`.

        Parameters
        ----------
        panel
            Rows for the means.
        features
            Columns to read.

        Returns
        -------
        line
            Not fitted: its constant is 0.
        """
        names = list(features)
        logs = _signed_log(panel[names].to_numpy(dtype=float))
        centre = np.nan_to_num(np.nanmean(np.where(np.isnan(logs).all(axis=0), 0.0, logs), axis=0))
        return cls(dict.fromkeys(names, 1.0), dict(zip(names, centre.tolist(), strict=True)))

    def times(self, weights: Sequence[float]) -> "Line":
        """With each feature's weight times one of `weights`, in the order of the features; those without weight fall out.

        Parameters
        ----------
        weights
            One a feature, at least 0.

        Returns
        -------
        line
            With the features whose weight is above 0.
        """
        weighted = {n: w * float(by) for (n, w), by in zip(self.weights.items(), weights, strict=True) if by > 0}
        return Line(weighted, {n: self.centres[n] for n in weighted}, self.constant)

    def only(self, features: Sequence[str]) -> "Line":
        """The terms of `features` alone, without the constant.

        Parameters
        ----------
        features
            Names; those it does not read are passed over.

        Returns
        -------
        line
            A part of this one.
        """
        weights = {n: w for n, w in self.weights.items() if n in features}
        return Line(weights, {n: self.centres[n] for n in weights})

    @property
    def columns(self) -> list[str]:
        """The features it reads."""
        return list(self.weights)

    def parts(self, panel: pd.DataFrame) -> np.ndarray:
        """(n, features) what each feature adds to the log rate; with the constant they make :meth:`margin`.

        Parameters
        ----------
        panel
            Rows with the features.

        Returns
        -------
        parts
            0 where a feature is missing or at its centre.
        """
        names = list(self.weights)
        logs = _signed_log(panel[names].to_numpy(dtype=float))
        centre = np.array([self.centres[n] for n in names])
        return (np.where(np.isnan(logs), centre, logs) - centre) * np.array([self.weights[n] for n in names])

    def margin(self, panel: pd.DataFrame) -> np.ndarray:
        """(n,) log rate.

        Parameters
        ----------
        panel
            Rows with the features.

        Returns
        -------
        margin
            Log of events in the horizon.
        """
        return self.constant + self.parts(panel).sum(axis=1)


@dataclass(frozen=True)
class Linear:
    """Poisson regression on the logs of the features: what a model must add to be worth its trees.

    Parameters
    ----------
    features
        Columns of the panel it reads.
    l2
        Ridge penalty on the weights of the standardised logs, at least 0.
    line, calibration
        As fitted.

    Examples
    --------
    >>> panel = pd.DataFrame({"prior_4w": [0.0, 1.0, 3.0] * 20, "y": [1, 2, 4] * 20})
    >>> Linear(("prior_4w",)).fit(panel).predict(panel[:3])["expected"].round(1).tolist()
    [1.0, 2.0, 4.0]
    """

    features: tuple[str, ...]
    l2: float = 1e-3
    line: Line | None = None
    calibration: Calibration = field(default_factory=Calibration)

    @property
    def name(self) -> str:
        """How reports call it."""
        return "poisson regression"

    def fit(self, panel: pd.DataFrame | Rows) -> "Linear":
        """A fitted copy.

        Parameters
        ----------
        panel
            Rows with `y` and the columns `features`, at hand or on disk; those without a settled outcome are left out.

        Returns
        -------
        fitted
            The model itself stays as it was.

        Raises
        ------
        LabelError
            No settled outcome, or one class.
        KeyError
            The panel lacks a column.
        """
        rows = settled_rows(panel)
        line = Line.fit(rows, self.features, l2=self.l2)
        margin = rows.each(line.margin, line.columns)
        return dataclasses.replace(self, line=line, calibration=Calibration.fit(margin, rows.y))

    def predict(self, panel: pd.DataFrame) -> pd.DataFrame:
        """Columns `score`, `expected`, `probability`.

        Parameters
        ----------
        panel
            Rows with the columns `features`.

        Returns
        -------
        predicted
            On the index of `panel`: `score` (higher is riskier), `expected` (events in the horizon), `probability` (of at least one, in
            [0, 1]).

        Raises
        ------
        DefinitionError
            It is not fitted.
        KeyError
            The panel lacks a column.
        """
        if self.line is None:
            raise DefinitionError(f"{self.name} is not fitted; call fit first.")
        expected = self.calibration.expected(self.line.margin(panel))
        return predicted(panel, expected, expected, self.calibration.probability(expected))


@dataclass(frozen=True, eq=False)
class _Told:
    """What rows tell of a Poisson regression on their standardised logs: sums over them, a part at a time.

    Parameters
    ----------
    rows, names
        Rows, and the columns that are read.
    centre, scale
        (m,) means and spreads of the signed logs.
    l2
        Ridge penalty.
    kept
        The parts as standardised logs, where they are kept in memory.
    """

    rows: Rows
    names: list[str]
    centre: np.ndarray
    scale: np.ndarray
    l2: float
    kept: list[np.ndarray]

    @classmethod
    def of(cls, rows: Rows, names: list[str], l2: float) -> "_Told":
        centre, scale = _standards(rows, names)
        told = cls(rows, names, centre, scale, l2, [])
        if rows.at_hand or 4 * len(rows) * len(names) <= _KEPT_BYTES:
            told.kept.extend(told._logs())
        return told

    def _logs(self) -> Iterator[np.ndarray]:
        """(k, m) standardised logs of the parts; half the digits say a log well enough, at half the time and memory."""
        centre, scale = self.centre.astype(np.float32), self.scale.astype(np.float32)
        for part in self.rows.parts(self.names):
            logs = _logs_of(part)
            logs -= centre
            logs[np.isnan(logs)] = 0
            logs /= scale
            yield logs

    def begun(self, start: "Line | None") -> np.ndarray:
        """Constant and (m,) weights where a search begins: a line of the same columns, in units of these spreads, or the mean."""
        if start is None:
            return np.r_[np.log(max(float(self.rows.y.mean()), _TINY)), np.zeros(len(self.names))]
        weights = np.array([start.weights[n] for n in self.names])
        moved = self.centre - np.array([start.centres[n] for n in self.names])
        return np.r_[start.constant + moved @ weights, weights * self.scale]

    def __call__(self, at: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Mean penalised log likelihood at a constant and weights, its slope, and its negative second derivative."""
        n, m = len(self.rows), len(self.names)
        value, slope, curved, first = 0.0, np.zeros(m + 1), np.zeros((m + 1, m + 1)), 0
        weights = at[1:].astype(np.float32)
        with np.errstate(over="ignore", invalid="ignore"):
            for logs in self.kept or self._logs():
                y = self.rows.y[first : first + len(logs)]
                log_rate = at[0] + logs @ weights
                rate = np.exp(log_rate)
                left, weighed = y - rate, logs * rate.astype(np.float32)[:, None]
                value += float((y * log_rate - rate).sum())
                slope += np.r_[left.sum(), left.astype(np.float32) @ logs]
                curved[0, 0] += rate.sum()
                curved[0, 1:] += weighed.sum(axis=0, dtype=float)
                curved[1:, 1:] += weighed.T @ logs
                first += len(logs)
        curved[1:, 0] = curved[0, 1:]
        penalty = np.r_[0.0, np.full(m, self.l2)]
        return value / n - self.l2 / 2 * float(at[1:] @ at[1:]), slope / n - penalty * at, curved / n + np.diag(penalty)


def _of_signs(told: _Told, signs: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Constant and (m,) weights that are best among those of the `signs`; `free` are the best of all, and where they have the signs the answer."""
    return _climbed(told, free, signs) if len(signs) and (free[1:] * signs < 0).any() else free


def _climbed(told: _Told, begun: np.ndarray, signs: np.ndarray | None = None) -> np.ndarray:
    """Constant and (m,) weights that are best, among those of the `signs` where there are any, from those of them next to `begun` on.

    A ridge-penalised Poisson likelihood is concave, so Newton's steps, each the best within the bounds for the quadratic at hand
    (:func:`riskwarn.baseline.additive.bounded_step`), climb to the only top there is. A step that does not gain is halved.
    """
    free = np.zeros(len(begun) - 1) if signs is None else signs
    low = np.r_[-np.inf, np.where(free > 0, 0.0, -np.inf)]
    high = np.r_[np.inf, np.where(free < 0, 0.0, np.inf)]
    at = np.clip(begun, low, high)
    value, slope, curved = told(at)
    for _ in range(_ROUNDS):
        step = bounded_step(curved, slope, low - at, high - at)
        for halving in range(_HALVINGS):
            tried = np.clip(at + step * 0.5**halving, low, high)
            there, slope_there, curved_there = told(tried)
            if there > value:
                break
        else:
            break
        gain, at, value, slope, curved = there - value, tried, there, slope_there, curved_there
        if gain < _ENOUGH:
            break
    return at


def _signed_log(values: np.ndarray) -> np.ndarray:
    return np.sign(values) * np.log1p(np.abs(values))


def _logs_of(part: pd.DataFrame) -> np.ndarray:
    """(k, m) signed logs in single precision, NaN where missing."""
    values = part.to_numpy(dtype=np.float32)
    logs = np.log1p(np.abs(values))
    np.copysign(logs, values, out=logs)
    return logs


def _standards(rows: Rows, names: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """(m,) means of the signed logs that are known, and (m,) spreads about them, those that are missing counting as the mean."""

    def added(of: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        return np.sum([of(_logs_of(part)) for part in rows.parts(names)], axis=0)

    known = added(lambda logs: (~np.isnan(logs)).sum(axis=0))
    centre = added(lambda logs: np.nansum(logs, axis=0, dtype=float)) / np.maximum(known, 1)
    about = centre.astype(np.float32)
    squares = added(lambda logs: np.nansum((logs - about) ** 2, axis=0, dtype=float))
    return centre, np.maximum(np.sqrt(squares / len(rows)), _TINY)


@dataclass(frozen=True)
class Surroundings:
    """Poisson regression on the label's own counts, those of the neighbours, and one harmonic of the year.

    ``log mu = c + sum_k a_k log(1 + n_k) + sum_k b_k log(1 + mean of the neighbours' n_k) + s sin + t cos`` with a small ridge penalty,
    scikit-learn's ``PoissonRegressor`` (counts with lags in time and space and a harmonic season: Held, Höhle & Hofmann 2005,
    Statistical Modelling 5, 187–199, who add their parts up where this multiplies them). A missing value counts as the mean. With less
    than a year of training the harmonic stands for the trend.

    Parameters
    ----------
    streams
        What is counted.
    weeks
        Weeks of the counts.
    linear
        The fitted regression; None before :meth:`fit`.

    Examples
    --------
    >>> model = Surroundings((Stream("dispute"),), weeks=(4,))
    >>> [f.name for f in model.needs]
    ['prior_4w', 'prior_4w_nearby', 'season_sin', 'season_cos']
    >>> panel = pd.DataFrame({"prior_4w": [0.0, 3.0] * 20, "prior_4w_nearby": 1.0, "season_sin": 0.0, "season_cos": 1.0, "y": [1, 4] * 20})
    >>> model.fit(panel).predict(panel[:2])["expected"].round(1).tolist()
    [1.0, 4.0]
    """

    is_baseline: ClassVar[bool] = True
    streams: tuple[Stream, ...]
    weeks: tuple[int, ...] = (4, 15, 52, 104)
    linear: Linear | None = None

    @property
    def name(self) -> str:
        """How reports call it."""
        return "glm with space and season"

    @property
    def needs(self) -> tuple[Feature, ...]:
        """Counts, neighbours' counts, and the season."""
        counts = [Own(self.streams, w) for w in self.weeks]
        return (*(f for count in counts for f in (count, count.nearby())), Season("sin"), Season("cos"))

    def fit(self, panel: pd.DataFrame | Rows) -> "Surroundings":
        """A fitted copy.

        Parameters
        ----------
        panel
            Rows with `y` and the columns of :attr:`needs`, at hand or on disk; those without a settled outcome are left out.

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
        check_columns(panel.columns, self.needs, self.name)
        return dataclasses.replace(self, linear=Linear(tuple(f.name for f in self.needs)).fit(panel))

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
        if self.linear is None:
            raise DefinitionError(f"{self.name} is not fitted; call fit first.")
        return self.linear.predict(panel)
