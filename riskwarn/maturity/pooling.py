"""Many matured nights together, each figure with what may be chance.

The windows of nights that follow each other overlap: an event is counted by every night that looked ahead to it. So no interval rests on the
number of nights, but on the whole windows that their days make; below :data:`LEAST_WINDOWS` of them a difference has none.
"""

from typing import Any

import numpy as np
import pandas as pd
from scipy.special import gammaincinv

from riskwarn import metrics
from riskwarn.calling import checked

LEAST_WINDOWS = 3.0
"""Whole windows below which nothing is said of a difference."""
FEW = 20
"""Events below which a part of the city is told as too few to judge."""
_WEEK, _BIN_WEEKS = 7.0, 4
SUMS = ("n_grids", "n_listed", "n_hit", "n_events", "expected", "caught", "caught_prior", "deviance", "deviance_prior")
"""Columns of table `matured` that add up over nights."""


@checked
def windows_of(nights: pd.Series, horizon_days: float) -> float:
    """How many whole windows the days make that any of the nights looked ahead to.

    Parameters
    ----------
    nights
        Instants, in any order.
    horizon_days
        Length of a window.

    Returns
    -------
    windows
        1 for one night, at most their number.

    Examples
    --------
    >>> windows_of(pd.Series(pd.date_range("2025-01-01", periods=29)), 28)
    2.0
    """
    days = np.sort(nights.unique())
    steps = np.diff(days) / np.timedelta64(1, "D") if len(days) else np.zeros(0)
    return float((np.minimum(steps, horizon_days).sum() + horizon_days) / horizon_days)


@checked
def pooled(rows: pd.DataFrame) -> dict[str, Any]:
    """Figures of the rows of one part over nights.

    Parameters
    ----------
    rows
        Of table `matured`: one question and part, one row a night.

    Returns
    -------
    figures
        `nights`, `windows`, sums, and each as value with `lower` and `upper` at 95 %, none where too few windows tell: `hit` (share of listed grids
        with an event, Wilson), `ratio` (events over expected, exact Poisson), `capture` and `capture_prior`, `gain` (their difference), `skill`
        (1 - deviance over that of the count). A lane holds what it lists and nothing else: it has none of the last four.
    """
    rows = rows.sort_values("night_at")
    sums = {name: float(rows[name].sum()) for name in SUMS}
    days = float(rows["horizon_days"].iloc[0])
    windows = windows_of(rows["night_at"], days)
    share = windows / len(rows)
    events = sums["n_events"]
    return {
        "nights": len(rows),
        "first": rows["night_at"].iloc[0].isoformat(),
        "last": rows["night_at"].iloc[-1].isoformat(),
        "windows": round(windows, 2),
        **{name: round(value, 4) for name, value in sums.items()},
        "events_once": round(events * share, 1),
        "hit": _figure(*_share(sums["n_hit"] * share, sums["n_listed"] * share)),
        "ratio": _figure(*_ratio(events * share, sums["expected"] * share)),
        **_against_the_count(rows, sums, windows, days),
    }


@checked
def staleness(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """The same figures by age of the model, in steps of four weeks, the freshest first.

    Parameters
    ----------
    rows
        Of table `matured`: one question, the city, one row a night.

    Returns
    -------
    curve
        `weeks`, where a step begins, `to_weeks`, and the figures of :func:`pooled`; nights whose model does not say its age are left out.
    """
    known = rows.dropna(subset=["age_days"])
    step = (known["age_days"].astype(float) // (_WEEK * _BIN_WEEKS)).astype(int) * _BIN_WEEKS
    return [
        {"weeks": int(weeks), "to_weeks": int(weeks) + _BIN_WEEKS, **pooled(of_age)}
        for weeks, of_age in known.groupby(step)
    ]


@checked
def summary(matured: pd.DataFrame, target: str) -> dict[str, Any]:
    """All that is told of one question.

    Parameters
    ----------
    matured
        Table `matured`.
    target
        Name of the label.

    Returns
    -------
    summary
        `city`, `lanes`, `areas` (by column, by name), `curve` (:func:`staleness`) of the nights as they are shown, and `prospective`, the city's
        figures of sealed forecasts alone; nothing where nothing has matured.
    """
    asked = matured[(matured["target"] == target) & (matured["n_grids"] > 0)]
    shown, sealed = asked[asked["holds"].astype(bool)], asked[asked["prospective"].astype(bool)]
    city = shown[shown["part"] == "city"]
    if city.empty:
        return {}
    areas = [by for by in ("urban_class", "county_id") if (shown["part"] == by).any()]
    of_seals = sealed[sealed["part"] == "city"]
    return {
        "city": pooled(city),
        "lanes": _by_part(shown, "lane"),
        "areas": {by: _by_part(shown, by) for by in areas},
        "curve": staleness(city),
        "prospective": pooled(of_seals) if len(of_seals) else None,
    }


def _by_part(rows: pd.DataFrame, part: str) -> dict[str, dict[str, Any]]:
    return {str(name): pooled(of) for name, of in rows[rows["part"] == part].groupby("part_id", sort=True)}


def _against_the_count(rows: pd.DataFrame, sums: dict[str, float], windows: float, days: float) -> dict[str, Any]:
    """What a list caught beside one as long by the count; of a lane, which is all list, nothing can be said."""
    whole, events = rows["part"].iloc[0] != "lane", sums["n_events"]
    caught, has_prior = whole and events > 0, whole and sums["deviance_prior"] > 0
    return {
        "capture": _rounded(sums["caught"] / events) if caught else None,
        "capture_prior": _rounded(sums["caught_prior"] / events) if caught else None,
        "gain": _figure(*_difference(rows, windows, days)) if caught else None,
        "skill": _figure(*_skill(rows, windows, days)) if has_prior else None,
    }


_Figure = tuple[float, float | None, float | None]


def _figure(value: float, lower: float | None, upper: float | None) -> dict[str, float | None] | None:
    if not np.isfinite(value):
        return None
    bounds = [None if bound is None or not np.isfinite(bound) else _rounded(bound) for bound in (lower, upper)]
    return {"value": _rounded(value), "lower": bounds[0], "upper": bounds[1]}


def _rounded(value: float) -> float:
    return round(float(value), 4)


def _share(k: float, n: float) -> _Figure:
    """A share with its interval; neither where nothing was listed."""
    if n <= 0:
        return float("nan"), None, None
    lower, upper = metrics.share_interval(k / n, n)
    return k / n, float(lower), float(upper)


def _ratio(events: float, expected: float) -> _Figure:
    """Events over expected with the exact Poisson interval (Garwood 1936, Biometrika 28, 437-442)."""
    if expected <= 0:
        return float("nan"), None, None
    lower = float(gammaincinv(events, 0.025)) if events > 0 else 0.0
    return events / expected, lower / expected, float(gammaincinv(events + 1, 0.975)) / expected


def _difference(rows: pd.DataFrame, windows: float, days: float) -> _Figure:
    """Capture less that of the count, events of all nights together."""
    events = rows["n_events"].to_numpy(dtype=float)
    own, prior = (
        np.divide(rows[name].to_numpy(dtype=float), events, out=np.zeros(len(rows)), where=events > 0)
        for name in ("caught", "caught_prior")
    )
    value = float(((own - prior) * events).sum() / events.sum())
    if windows < LEAST_WINDOWS:
        return value, None, None
    told = metrics.difference_interval(own, prior, weight=events, shared=_shared(rows, days))
    return value, told.low, told.high


def _skill(rows: pd.DataFrame, windows: float, days: float) -> _Figure:
    """1 - deviance over the count's."""
    sums = rows[["deviance", "deviance_prior"]].to_numpy(dtype=float)
    if windows < LEAST_WINDOWS:
        return float(_gained(sums.sum(axis=0))), None, None
    lower, value, upper = metrics.statistic_interval(sums, _gained, shared=_shared(rows, days))
    return value, lower, upper


def _gained(sums: np.ndarray) -> np.ndarray:
    return np.asarray(1 - sums[..., 0] / sums[..., 1])


def _shared(rows: pd.DataFrame, days: float) -> np.ndarray:
    at = rows["night_at"]
    return metrics.shared_windows(((at - at.iloc[0]) / pd.Timedelta(days=1)).to_numpy(), days)
