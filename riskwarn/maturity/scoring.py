"""How a sealed forecast came out: one row a part of the city."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
from scipy.special import xlogy

from riskwarn import metrics
from riskwarn.feature import YEAR_DAYS, Own
from riskwarn.history import History
from riskwarn.label import Label
from riskwarn.maturity.pooling import SUMS
from riskwarn.metrics.count import FLOOR
from riskwarn.register import Seal

_AREAS = ("county_id", "urban_class")
_OWN_LANES = ("triggered", "explore")
"""Lanes that no question fills: every question is asked what it says of them."""
_WEEKS = 52
_HALF_AN_EVENT = 0.5


@dataclass(frozen=True, eq=False)
class Forecast:
    """A sealed forecast whose horizon has closed.

    Parameters
    ----------
    seal
        Its line in the register.
    content
        What was sealed (:func:`riskwarn.register.sealed_content`).
    holds
        Whether its run is the one that is shown for its night.
    prospective
        Whether it speaks for what was to come (:func:`riskwarn.register.is_prospective`).
    """

    seal: Seal
    content: pd.DataFrame
    holds: bool
    prospective: bool

    @property
    def at(self) -> pd.Timestamp:
        """The night."""
        return pd.Timestamp(self.seal.as_of)

    @property
    def from_days(self) -> float:
        """Days of the window that were over when it was sealed, where that matters."""
        return max(self.seal.hours_late, 0.0) / 24 if self.prospective else 0.0

    def of(self, label: Label) -> "Forecast":
        """As it counts for a question: sealed when its window was over, it speaks for nothing that was to come."""
        return replace(self, prospective=self.prospective and self.from_days < label.days)


def scored(
    forecasts: Sequence[Forecast], label: Label, lane: str, history: History, *, patience_until: pd.Timestamp
) -> pd.DataFrame:
    """The rows of forecasts of one question whose outcomes have settled.

    Parameters
    ----------
    forecasts
        Of nights whose horizon and settling time are over.
    label
        Of the question.
    lane
        Which the question fills.
    history
        What was known tonight.
    patience_until
        Of forecasts that should have settled before this, what has is scored; of younger ones all of it must have.

    Returns
    -------
    rows
        Columns of table `matured` but `as_of`; no row of a forecast that has not settled yet.
    """
    parts: list[pd.DataFrame] = []
    grids = history.grids.set_index(history.grids["grid_id"].astype("str"))
    for from_days, together in _by_seal([forecast.of(label) for forecast in forecasts]):
        nights = sorted({forecast.at for forecast in together})
        snapshot = history.at(nights)
        outcomes, settled = snapshot.each(partial(label.outcome, from_days=from_days)), snapshot.each(label.settled)
        prior = _prior(label.days - from_days, snapshot.each(Own(label.streams, _WEEKS).compute))
        for forecast in together:
            i, asked = nights.index(forecast.at), _asked(forecast, label)
            place = grids.index.get_indexer(asked["grid_id"])
            asked, place = asked[place >= 0], place[place >= 0]
            late = forecast.at + pd.Timedelta(days=label.wait_days) < patience_until
            if late or (len(asked) and settled[place, i].all()):
                rows = asked.assign(y=outcomes[place, i].astype(float), prior=prior[place, i], **_areas(grids, place))
                parts.append(_rows(forecast, rows.dropna(subset=["y"]), label, lane))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _by_seal(forecasts: Sequence[Forecast]) -> Iterator[tuple[float, list[Forecast]]]:
    """Forecasts by the part of their window that had passed: those of whole windows are counted in one go."""
    by: dict[float, list[Forecast]] = {}
    for forecast in sorted(forecasts, key=lambda f: f.at):
        by.setdefault(forecast.from_days, []).append(forecast)
    yield from by.items()


def _prior(days: float, counts: np.ndarray) -> np.ndarray:
    """(n_grids, n_dates) what a count of 52 weeks would have expected: half an event more, over the share of the year that was to come."""
    return (np.maximum(counts.astype(float), 0) + _HALF_AN_EVENT) * days / YEAR_DAYS


def _asked(forecast: Forecast, label: Label) -> pd.DataFrame:
    """The grids that were forecast, the riskiest first, and in which lanes they were listed."""
    content = forecast.content
    rows = content[(content["lane"] == "") & (content["target"] == label.name) & (content["state"] == "ok")]
    rows = rows.sort_values("rank", kind="stable", ignore_index=True)
    left = 1 - forecast.from_days / label.days
    return rows[["grid_id", "expected", "model_version"]].assign(expected=rows["expected"] * left)


def _areas(grids: pd.DataFrame, place: np.ndarray) -> dict[str, np.ndarray]:
    return {by: grids[by].to_numpy(dtype=object)[place] for by in _AREAS if by in grids and grids[by].notna().any()}


def _rows(forecast: Forecast, rows: pd.DataFrame, label: Label, lane: str) -> pd.DataFrame:
    """City, lanes and areas of one forecast."""
    listed = forecast.content[forecast.content["lane"] != ""]
    y, prior = rows["y"].to_numpy(), _levelled(rows["prior"].to_numpy(), rows["y"].to_numpy(), label)
    k = min(listed["grid_id"].nunique(), len(rows))
    rows = rows.assign(
        n_events=y,
        listed=np.arange(len(rows)) < k,
        by_prior=metrics.listed(y, prior, k=k, ties="mean") if k else 0.0,
        deviance=_deviances(y, rows["expected"].to_numpy()),
        deviance_prior=_deviances(y, prior),
    )
    parts = [("city", "", _sums(rows))]
    for name in dict.fromkeys((lane, *_OWN_LANES)):
        within = rows["grid_id"].isin(listed.loc[listed["lane"] == name, "grid_id"]).to_numpy()
        if n := int(within.sum()):
            shown = rows.assign(listed=within, by_prior=metrics.listed(y, prior, k=n, ties="mean"))
            parts.append(("lane", name, _sums(shown) | _sums(shown[within], ("n_events", "expected"))))
    for by in (column for column in _AREAS if column in rows):
        parts += [(by, str(group), _sums(of)) for group, of in rows.groupby(by, sort=True)]
    return pd.DataFrame([_told(forecast, label, part, group) | sums for part, group, sums in parts])


def _levelled(prior: np.ndarray, y: np.ndarray, label: Label) -> np.ndarray:
    """Of a label that is no count a count has no level: it is given that of what came, more than anybody could know."""
    if label.is_count or not len(y):
        return prior
    return np.asarray(prior * max(y.mean(), FLOOR) / prior.mean())


def _deviances(y: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """(n,) what each grid adds to the Poisson deviance (:func:`riskwarn.metrics.poisson_deviance`)."""
    mu = np.maximum(expected, FLOOR)
    return np.asarray(2 * (xlogy(y, y / mu) - (y - mu)))


def _sums(rows: pd.DataFrame, names: Sequence[str] = SUMS) -> dict[str, float]:
    y, listed = rows["y"].to_numpy(), rows["listed"].to_numpy()
    of_lists = {
        "n_grids": len(rows),
        "n_listed": int(listed.sum()),
        "n_hit": int((y[listed] > 0).sum()),
        "caught": float(y[listed].sum()),
        "caught_prior": float(y @ rows["by_prior"].to_numpy()),
    }
    sums = of_lists | {name: float(rows[name].sum()) for name in ("n_events", "expected", "deviance", "deviance_prior")}
    return {name: sums[name] for name in names}


def _told(forecast: Forecast, label: Label, part: str, group: str) -> dict[str, object]:
    model: Mapping[str, object] = forecast.seal.models.get(label.name) or {}
    return {
        "night_at": forecast.at,
        "run": forecast.seal.run,
        "target": label.name,
        "part": part,
        "part_id": group,
        "holds": forecast.holds,
        "prospective": forecast.prospective,
        "model_version": str(model.get("version", "")),
        "age_days": _age_days(model.get("trained_until"), forecast.at),
        "horizon_days": float(label.days),
    }


def _age_days(trained_until: object, at: pd.Timestamp) -> float:
    """Days from the last date a model learnt from to a night."""
    if not trained_until:
        return float("nan")
    last = pd.Timestamp(str(trained_until))
    last = last.tz_localize(at.tz) if last.tzinfo is None else last
    return max(float((at - last) / pd.Timedelta(days=1)), 0.0)
