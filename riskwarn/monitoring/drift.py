"""Drift: do features, scores and the order of grids still look as they did when the model was trained.

What is usual is measured, not assumed: the largest drift between a date of the training time and the others. So a season the
model was trained through raises no alarm, and a city of few grids, whose distributions jump by chance, is given room.
The customary marks of the population stability index, 0.1 and 0.25, know no size of sample, and without drift the index is about
``(1 / n + 1 / m)`` times a chi-squared (Yurdakul 2018, Statistical properties of population stability index): a small city passes
them by chance, a large one not even by a fault.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd

from riskwarn import metrics
from riskwarn.history import History
from riskwarn.model import RiskModel
from riskwarn.monitoring.mark import drifted, marks
from riskwarn.panel import computed

N_DATES = 8
"""Dates of the training time that tonight is compared with."""
PSI_FLOOR, RANK_FLOOR, LIST_FLOOR, COUNT_FLOOR, ERROR_FLOOR = 0.1, 0.02, 0.1, 0.15, 0.05
"""Drifts below these are never a warning."""
_YEAR_DAYS, _N_SETTLED = 364, 4
ONE_DAY = pd.Timedelta(days=1)
Panels = Sequence[pd.DataFrame]
Days = dict[pd.Timestamp, pd.DataFrame]
Pair = tuple[pd.DataFrame, pd.DataFrame]
LIST_SHARE = 0.1
"""Share of grids that make the list whose overlap is measured."""
CHANGED = 9.0
"""Drift of a feature that was the same number everywhere and no longer is."""


def panels_of(
    history: History, dates: Sequence[Collection[pd.Timestamp]], models: Sequence[RiskModel]
) -> Iterator[Days]:
    """Features of each model at its own dates, the outcome where it is settled, and what the model says of them.

    A feature that several models read is computed once, for the dates of all of them.

    Parameters
    ----------
    history
        What was known.
    dates
        Of each model.
    models
        Read one after another, so that one panel is held at a time.

    Returns
    -------
    days
        Of each model by date: a column a feature, `y`, and the model's `score`, `expected`, `probability`; grids in one order at every date.
    """
    features = list({feature: None for model in models for feature in model.features})
    place = {feature: i for i, feature in enumerate(features)}
    snapshot = history.at(sorted(set().union(*dates)))
    matrix = snapshot.each(partial(computed, features=features))
    for model, asked in zip(models, dates, strict=True):
        at = np.flatnonzero(snapshot.local.isin(list(asked)))
        rows = np.empty((len(at), len(model.features), snapshot.shape[0]), np.float32)
        for column, feature in enumerate(model.features):
            rows[:, column] = matrix[place[feature]][:, at].T
        outcome = snapshot.each(model.label.outcome)
        # a date at a time: what the model makes of all of them at once would be held several times over
        yield {snapshot.local[t]: _said(model, of_date, outcome[:, t]) for t, of_date in zip(at, rows, strict=True)}


def _said(model: RiskModel, rows: np.ndarray, outcome: np.ndarray) -> pd.DataFrame:
    """The rows of a model at one date with what it says of them; no interval, which would cost more than all else."""
    panel = pd.DataFrame(rows.T, columns=model.feature_names)
    score = model.margin(panel)
    expected = model.calibration.of_rate(score)
    chance = model.calibration.probability(expected) if model.label.is_count else np.minimum(expected, 1)
    return panel.assign(y=outcome, score=score, expected=expected, probability=chance)


def training_dates(model: RiskModel, timezone: str) -> pd.DatetimeIndex:
    """Dates spread over the last year of the time a model was trained on, at most :data:`N_DATES`; none where it does not say."""
    first, last = model.facts.get("first"), model.facts.get("last")
    if first is None or last is None:
        return pd.DatetimeIndex([], tz=timezone)
    ends = [pd.Timestamp(t) for t in (first, last)]
    ends = [(t.tz_localize(timezone) if t.tzinfo is None else t).tz_convert(timezone) for t in ends]
    span = min(int((ends[1] - ends[0]).days), _YEAR_DAYS)
    return pd.DatetimeIndex(sorted({ends[1] - pd.Timedelta(days=int(d)) for d in np.linspace(0, span, N_DATES)}))


def settling_dates(model: RiskModel, at: pd.Timestamp, timezone: str) -> list[pd.Timestamp]:
    """The last dates since the training whose outcomes should have settled at `at`, a horizon apart."""
    wait, step = pd.Timedelta(days=model.label.wait_days), pd.Timedelta(days=model.label.days)
    trained = training_dates(model, timezone)
    return [d for d in (at - wait - k * step for k in range(_N_SETTLED)) if len(trained) and d > trained[-1]]


def dates_looked_at(model: RiskModel, at: pd.Timestamp, timezone: str) -> set[pd.Timestamp]:
    """All dates at which the monitors of a model look on a night."""
    trained = training_dates(model, timezone)
    return {at - ONE_DAY, at, *settling_dates(model, at, timezone), *trained, *(d + ONE_DAY for d in trained)}


def drift_marks(
    features: Sequence[str], usual: Panels, tonight: pd.DataFrame, *, apart: Mapping[str, float] | None = None
) -> pd.DataFrame:
    """Population stability of every feature and of the score between the training time and tonight.

    How far apart the dates of the training time are (:func:`dates_apart`) is worked out where it is not given.

    Features that are one number for all grids of a date, such as the month, are left out: they drift by design.
    """
    names = [n for n in features if any(_varies(rows[n]) for rows in (*usual, tonight))]
    looked = (*names, "score")
    limit = np.array([dates_apart(usual, n) if apart is None else apart[n] for n in looked])
    value = np.array([_stability(usual, tonight, n) for n in looked])
    mean = float(tonight["expected"].mean()), float(pd.concat([*usual, tonight.iloc[:0]])["expected"].mean())
    feature_marks = drifted("feature", [f"feature:{n}" for n in names], value[:-1], usual=limit[:-1], floor=PSI_FLOOR)
    score = drifted(
        "score", ["score"], value[-1:], usual=limit[-1:], floor=PSI_FLOOR, observed=mean[0], expected=mean[1]
    )
    return pd.concat([feature_marks, score], ignore_index=True)


def rank_marks(usual: Sequence[Pair], tonight: Pair) -> pd.DataFrame:
    """Order of grids and list of the riskiest tenth, tonight against the night before.

    Parameters
    ----------
    usual
        Panels of two nights running in the training time.
    tonight
        Those of the night before and tonight.
    """
    moved = np.array([_moves(*pair) for pair in (*usual, tonight)])
    largest = np.fmax.reduce(moved[:-1], axis=0, initial=0.0)
    return pd.concat(
        [
            drifted("rank", [scope], moved[-1:, i], usual=largest[i], floor=floor, observed=1 - moved[-1, i], days=1.0)
            for i, (scope, floor) in enumerate((("order", RANK_FLOOR), ("list", LIST_FLOOR)))
        ],
        ignore_index=True,
    )


def calibration_marks(usual: Panels, settled: Panels, *, days: float, doubt: float = np.inf) -> pd.DataFrame:
    """Whether as much happened as was forecast, at dates since the training whose outcome has settled.

    The value of scope ``count`` is |log(events / forecast)| at the newest of them, that of ``probability`` the calibration error over
    all. Unknown where nothing has settled since the training.

    Parameters
    ----------
    usual
        Settled panels of the training time, a date each.
    settled
        Those since, the newest first; without rows where a date has not settled.
    days
        The horizon.
    doubt
        Variance of the log of the city's total that the model itself states: two standard deviations, the luck of single events among them,
        are usual, however far the training time was off.
    """
    since = [rows for rows in settled if len(rows)]
    if not since:
        return marks(
            "calibration", ["count", "probability"], [np.nan] * 2, warn=np.nan, alarm=np.nan, fault="unsettled"
        )
    before, n = [rows for rows in usual if len(rows)], len(since)
    off = [_off(rows) for rows in before]
    errors = [_error(before[i : i + n]) for i in range(0, len(before) - n + 1, n)]
    newest = since[0]
    stated = 2 * np.sqrt(doubt + 1 / (float(newest["expected"].sum()) + 0.5))
    return pd.concat(
        [
            drifted(
                "calibration",
                ["count"],
                [_off(newest)],
                usual=min(max(off, default=0.0), stated),
                floor=COUNT_FLOOR,
                days=days,
                observed=newest["y"].sum(),
                expected=newest["expected"].sum(),
            ),
            drifted(
                "calibration",
                ["probability"],
                [_error(since)],
                usual=max(errors, default=0.0),
                floor=ERROR_FLOOR,
                days=days,
            ),
        ],
        ignore_index=True,
    )


def _varies(values: pd.Series) -> bool:
    return bool((values.fillna(np.inf) != values.fillna(np.inf).iloc[0]).any())


def dates_apart(usual: Panels, name: str) -> float:
    """The largest drift of one date from the others; unknown where there is but one."""
    dates = [rows[name].to_numpy(dtype=float) for rows in usual]
    if len(dates) < 2:
        return np.nan
    return max(_psi(np.concatenate(dates[:i] + dates[i + 1 :]), one) for i, one in enumerate(dates))


def _stability(usual: Panels, tonight: pd.DataFrame, name: str) -> float:
    """Drift of tonight from all dates."""
    dates = [rows[name].to_numpy(dtype=float) for rows in usual]
    return _psi(np.concatenate(dates), tonight[name].to_numpy(dtype=float)) if len(dates) > 1 else np.nan


def _moves(first: pd.DataFrame, second: pd.DataFrame) -> tuple[float, float]:
    """1 - rank correlation of the scores of two nights, and 1 - overlap of their lists; unknown where a score ranks nothing."""
    scores = [rows["score"].to_numpy() for rows in (first, second)]
    if any(np.ptp(s) == 0 for s in scores):
        return np.nan, np.nan
    lists = (np.flatnonzero(metrics.listed(np.zeros(len(s)), s, share=LIST_SHARE, ties="order")) for s in scores)
    return 1 - metrics.rank_correlation(*scores), 1 - metrics.jaccard(*lists)


def _psi(before: np.ndarray, now: np.ndarray) -> float:
    """Population stability; what is missing counts as a value of its own, below all others."""
    least = np.nanmin(np.concatenate([before, now]), initial=0.0) - 1
    before, now = (np.where(np.isnan(x), least, x) for x in (before, now))
    if np.ptp(before) == 0:
        return 0.0 if np.ptp(now) == 0 and now[0] == before[0] else CHANGED
    return metrics.population_stability(before, now)


def _off(rows: pd.DataFrame) -> float:
    """|log| of what happened over what was forecast, half an event added to both."""
    return float(abs(np.log((rows["y"].sum() + 0.5) / (rows["expected"].sum() + 0.5))))


def _error(dates: Panels) -> float:
    rows = pd.concat(dates)
    return metrics.calibration_error((rows["y"] > 0).to_numpy(), rows["probability"].to_numpy())
