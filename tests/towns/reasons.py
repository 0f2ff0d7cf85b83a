"""A town of forty grids and five hundred days: busy and quiet grids, cases that close late or never, records that come late or change."""

import numpy as np
import pandas as pd

from riskwarn.baseline import PriorCount
from riskwarn.experiment import Baselines, Dates, Experiment, ModelSettings
from riskwarn.feature import Attribute, Count, DaysSince, Open, Overdue, Recent, Rise, Season, Share
from riskwarn.history import Stream
from riskwarn.label import Label
from riskwarn.panel import build_panel
from riskwarn.store import Store

ZONE = "Asia/Shanghai"
START = pd.Timestamp("2024-01-01", tz=ZONE)
N_GRIDS, N_DAYS = 40, 500
NIGHT, YESTERDAY = "2025-05-10", "2025-05-09"
FEATURES = (
    *(Count("dispute", days=d) for d in (7, 28, 364)),
    Rise("dispute", days=28),
    Recent("dispute", half_life=28),
    DaysSince("dispute"),
    *(Count("petition", days=d) for d in (28, 364)),
    Open("dispute"),
    Overdue("dispute"),
    Open("petition"),
    Count("dispute", days=28).nearby(),
    Overdue("dispute").nearby(),
    Count("dispute", days=364).of_parent("township_id"),
    Share(Stream("dispute", categories=("D07",)), "dispute", days=364),
    Attribute("area_km2"),
    Season("sin"),
    Season("cos"),
)
LABEL = Label("dispute_28d", (Stream("dispute"),), days=28, settle_days=7)


def grids():
    number = np.arange(N_GRIDS)
    return pd.DataFrame(
        {
            "grid_id": [f"G{n:02d}" for n in number],
            "valid_from": START - pd.Timedelta(days=99),
            "name": [f"第{n}网格" for n in number],
            "township_id": [f"T{n // 10}" for n in number],
            "area_km2": 0.5 + 0.1 * (number % 5),
            "x_km": 1.0 * (number % 8),
            "y_km": 1.0 * (number // 8),
        }
    )


def events(*, seed=3):
    """Revisions: first as reported, for some a later one that closes, moves or retracts the event."""
    rng = np.random.default_rng(seed)
    n = 2600
    grid = np.minimum(rng.exponential(9, n), N_GRIDS - 1).astype(int)
    occurred = START + pd.to_timedelta(rng.integers(0, N_DAYS * 1440, n), unit="min")
    first = pd.DataFrame(
        {
            "source": rng.choice(["dispute", "petition"], n, p=[0.6, 0.4]),
            "event_id": [f"E{i:05d}" for i in range(n)],
            "known_at": occurred + pd.to_timedelta(rng.integers(1, 4000, n), unit="min"),
            "occurred_at": occurred,
            "grid_id": [f"G{g:02d}" for g in grid],
            "category": rng.choice(["D02", "D07", "D11"], n),
            "severity": rng.integers(0, 4, n),
            "due_at": occurred + pd.Timedelta(days=15),
            "closed_at": pd.NaT,
            "retracted": False,
            "place_key": [f"p{i % 9}" if i % 4 else "" for i in range(n)],
        }
    )
    later = first[rng.random(n) < 0.75].copy()
    wait = pd.to_timedelta(rng.integers(60, 40 * 1440, len(later)), unit="min")
    later["known_at"] = later["known_at"] + wait
    later["closed_at"] = later["known_at"]
    moved = rng.random(len(later)) < 0.05
    later.loc[moved, "grid_id"] = "G05"
    later["retracted"] = rng.random(len(later)) < 0.03
    found = pd.concat([first, later], ignore_index=True)
    found["closed_at"] = pd.to_datetime(found["closed_at"], utc=True).dt.tz_convert(ZONE)
    return found[found["known_at"] < START + pd.Timedelta(days=N_DAYS)].astype({"severity": "Int64"})


def store(folder):
    """The town on disk."""
    made = Store(folder, timezone=ZONE)
    made.write("grids", grids())
    made.write("events", events())
    return made


def experiment(*, seed=7, n_trees=40):
    settings = ModelSettings(n_trees=n_trees, learning_rate=0.1, min_rows_in_leaf=20, seed=seed)
    dates = Dates(pd.Timestamp("2024-06-03").date(), pd.Timestamp("2025-03-31").date(), 7)
    return Experiment("?", LABEL, dates, FEATURES, model=settings, baselines=Baselines((52,)))


def trained(history, **settings):
    """Panel and fitted model."""
    from riskwarn.model import RiskModel

    asked = experiment(**settings)
    panel = build_panel(history, asked)
    return panel, RiskModel.of(asked).fit(panel)


def rival():
    return PriorCount(52)
