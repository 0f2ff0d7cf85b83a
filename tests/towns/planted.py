"""Three small worlds, each with one planted cause whose grids are known: an overdue backlog, a repeated place, a season."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from riskwarn.experiment import Baselines, Dates, Experiment
from riskwarn.explanation import explain
from riskwarn.feature import Count, DaysSince, Open, Overdue, Recent, Rise, Season
from riskwarn.history import History, Stream
from riskwarn.label import Label
from riskwarn.model import RiskModel
from riskwarn.panel import build_panel

ZONE = "Asia/Shanghai"
START = pd.Timestamp("2022-01-01", tz=ZONE)
REPEAT = Stream("dispute", tag="repeat")
FEATURES = (
    *(Count("dispute", days=d) for d in (7, 28, 84, 364)),
    Rise("dispute", days=28),
    Recent("dispute", half_life=28),
    DaysSince("dispute"),
    Count("petition", days=28),
    Count("petition", days=364),
    Open("petition"),
    Overdue("petition"),
    Count(REPEAT, days=28),
    Count("dispute", days=28).nearby(),
    Season("sin"),
    Season("cos"),
)
LABEL = Label("dispute_28d", (Stream("dispute"),), days=28, settle_days=7)


@dataclass(frozen=True)
class World:
    """Events, the night, the family that truly drives it, and the grids where it does."""

    events: pd.DataFrame
    night: pd.Timestamp
    family: str
    driven: np.ndarray
    n_grids: int
    n_days: int

    def share_first(self):
        """Shares of the driven grids, and of the others, whose first raising reason is the family planted."""
        history = History.of(self.events, _grids(self.n_grids), timezone=ZONE)
        first, last = START + pd.Timedelta(days=200), self.night - pd.Timedelta(days=42)
        asked = Experiment("?", LABEL, Dates(first.date(), last.date(), 7), FEATURES, baselines=Baselines((52,)))
        model = RiskModel.of(asked).fit(build_panel(history, asked))
        reasons = explain(model, build_panel(history, asked, as_of=self.night))
        top = reasons[(reasons["place"] == 1) & (reasons["contribution"] > 0)].set_index("grid_id")["feature"]
        families = {f.name: f.family for f in model.features}
        own = top.map(families).reindex([f"G{g:03d}" for g in range(self.n_grids)]) == self.family
        driven = np.isin(np.arange(self.n_grids), self.driven)
        return float(own[driven].mean()), float(own[~driven].mean())


def _grids(n):
    number = np.arange(n)
    return pd.DataFrame(
        {
            "grid_id": [f"G{g:03d}" for g in number],
            "valid_from": START - pd.Timedelta(days=9),
            "x_km": 1.0 * (number % 15),
            "y_km": 1.0 * (number // 15),
        }
    )


def _events(source, grid, day, rng, *, tags="", due=None, closed=None):
    occurred = START + pd.to_timedelta((day + rng.random(len(day))) * 86400, unit="s").round("us")
    return pd.DataFrame(
        {
            "source": source,
            "event_id": [f"{source}{tags}{i}" for i in range(len(day))],
            "known_at": occurred + pd.Timedelta(hours=1),
            "occurred_at": occurred,
            "grid_id": [f"G{g:03d}" for g in grid],
            "category": "D02",
            "tags": tags,
            "due_at": pd.NaT if due is None else occurred + pd.to_timedelta(due, unit="D"),
            "closed_at": pd.NaT if closed is None else occurred + pd.to_timedelta(closed, unit="D"),
        }
    )


def _poisson(rate, rng):
    """(grid, day) of events drawn at `rate` (n_grids, n_days)."""
    grid, day = np.nonzero(counts := rng.poisson(rate))
    times = counts[grid, day]
    return np.repeat(grid, times), np.repeat(day, times)


def _joined(*parts):
    found = pd.concat(parts, ignore_index=True)
    for column in ("due_at", "closed_at"):
        found[column] = pd.to_datetime(found[column], utc=True).dt.tz_convert(ZONE)
    return found


def _closing(cases, rng):
    """Cases closed later bring a revision then; before it they are open."""
    later = cases[cases["closed_at"].notna()].copy()
    later["known_at"] = later["closed_at"]
    first = cases.assign(closed_at=pd.NaT)
    first["closed_at"] = pd.to_datetime(first["closed_at"], utc=True).dt.tz_convert(ZONE)
    return pd.concat([first, later[later["known_at"] > cases.loc[later.index, "known_at"]]], ignore_index=True)


def overdue(seed=0, n_grids=180, n_days=560):
    """Petitions that run past their due time while disputes come five times as often until they are closed."""
    rng = np.random.default_rng(seed)
    rate = np.full((n_grids, n_days), 0.04)
    grid, day = _poisson(np.full((n_grids, n_days), 1 / 110), rng)
    late = rng.random(len(grid)) < 0.5
    takes = np.where(late, rng.integers(30, 60, len(grid)), rng.integers(2, 9, len(grid)))
    for g, d, w in zip(grid[late], day[late], takes[late], strict=True):
        rate[g, d + 10 : d + w] = 0.2
    petitions = _closing(_joined(_events("petition", grid, day, rng, due=np.full(len(grid), 10), closed=takes)), rng)
    disputes = _joined(_events("dispute", *_poisson(rate, rng), rng))
    at = n_days - 40
    ongoing = late & (day + 10 < at) & (day + takes > at)
    return World(
        pd.concat([petitions, disputes], ignore_index=True),
        START + pd.Timedelta(days=at),
        "petition_handling",
        np.unique(grid[ongoing]),
        n_grids,
        n_days,
    )


def repeated(seed=0, n_grids=180, n_days=560):
    """Disputes that come back to one place are marked as repeats; after each, disputes come often for five weeks."""
    rng = np.random.default_rng(seed)
    rate = np.full((n_grids, n_days), 0.05)
    grid, day = _poisson(np.full((n_grids, n_days), 1 / 250), rng)
    for g, d in zip(grid, day, strict=True):
        rate[g, d + 1 : d + 36] = 0.3
    disputes = _joined(
        _events("dispute", *_poisson(rate, rng), rng),
        _events("dispute", grid, day, rng, tags="repeat"),
        _quiet(rng, n_grids, n_days),
    )
    at = n_days - 40
    fresh = (day < at) & (day >= at - 7)
    return World(disputes, START + pd.Timedelta(days=at), "dispute_repeat", np.unique(grid[fresh]), n_grids, n_days)


def season(seed=0, n_grids=90, n_days=1250, night="2025-03-03"):
    """Disputes follow the year, six times as many at its height in early April as at its low in October; all grids are alike."""
    rng = np.random.default_rng(seed)
    angle = 2 * np.pi * (START + pd.to_timedelta(np.arange(n_days), unit="D")).day_of_year.to_numpy() / 365.25
    rate = np.broadcast_to(0.05 * np.exp(0.9 * np.sin(angle)), (n_grids, n_days))
    disputes = _joined(_events("dispute", *_poisson(rate, rng), rng), _quiet(rng, n_grids, n_days))
    return World(disputes, pd.Timestamp(night, tz=ZONE), "calendar", np.arange(n_grids - 1), n_grids, n_days)


def _quiet(rng, n_grids, n_days):
    """A feed of petitions that means nothing."""
    grid, day = _poisson(np.full((n_grids, n_days), 1 / 60), rng)
    return _events("petition", grid, day, rng, due=np.full(len(grid), 40), closed=np.full(len(grid), 5))
