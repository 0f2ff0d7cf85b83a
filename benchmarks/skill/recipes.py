"""What others would build for the same question, each with the face of our models: ``fit(panel)``, ``predict(panel)``."""

import dataclasses
import os
import resource
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from riskwarn.baseline import Model, predicted, settled
from riskwarn.feature import Count, DaysSince, Feature, Own
from riskwarn.history import History, Stream
from riskwarn.label import Label

WINDOWS = (30, 91, 182, 365, 3650)
"""The recipe's windows, days: a month, a quarter, half a year, a year, all."""
WEEKS = (1, 2, 4, 8, 13, 26, 52, 104)
N_CATEGORIES = 12
WORKER = Path(__file__).parent / "mlforecast_worker.py"


def triage_features(history: History, label: Label) -> tuple[Feature, ...]:
    """Aggregates by category as dssg/triage makes them: counts over windows, days since the last; of the twelve most frequent categories and all."""
    found: list[Feature] = []
    for source in dict.fromkeys(s.source for s in label.streams):
        rows = history.rows("facts", Stream(source))
        number = pd.Series(rows.category[rows.category >= 0]).value_counts().head(N_CATEGORIES)
        kinds = [Stream(source), *(Stream(source, (str(rows.words["category"][c]),)) for c in number.index)]
        for stream in dict.fromkeys((*label.streams, *kinds)):
            found += [*(Count(stream, days=days) for days in WINDOWS), DaysSince(stream, cap=3650)]
    return tuple(dict.fromkeys(found))


def own_counts(label: Label) -> tuple[Feature, ...]:
    """The label's own events over eight windows."""
    return tuple(Own(label.streams, weeks) for weeks in WEEKS)


@dataclass
class Learned:
    """A learner of scikit-learn's face on some columns, trained on counts."""

    name: str
    make: Any
    columns: list[str]
    fitted: Any = None

    def fit(self, panel: pd.DataFrame) -> "Learned":
        rows = settled(panel)
        fitted = self.make(len(rows)).fit(self._matrix(rows), rows["y"].to_numpy(dtype=float))
        return dataclasses.replace(self, fitted=fitted)

    def predict(self, panel: pd.DataFrame) -> pd.DataFrame:
        score = np.asarray(self.fitted.predict(self._matrix(panel)), dtype=float)
        expected = np.maximum(score, 1e-6)
        return predicted(panel, score, expected, -np.expm1(-expected))

    def _matrix(self, panel: pd.DataFrame) -> np.ndarray:
        return np.nan_to_num(panel[self.columns].to_numpy(dtype=np.float32), nan=-1.0)


def forest(n_rows: int):
    """A hundred trees, each on half of the rows or, where that is less, 20,000 of them."""
    from sklearn.ensemble import RandomForestRegressor

    return RandomForestRegressor(
        100, max_features="sqrt", min_samples_leaf=10, max_samples=min(0.5, 20_000 / n_rows), n_jobs=1, random_state=0
    )


def boosted(n_rows: int):  # noqa: ARG001
    from lightgbm import LGBMRegressor

    return LGBMRegressor(
        n_estimators=300, learning_rate=0.05, num_leaves=31, min_child_samples=50, n_jobs=1, random_state=0, verbose=-1
    )


def histogram(n_rows: int):  # noqa: ARG001
    from sklearn.ensemble import HistGradientBoostingRegressor

    return HistGradientBoostingRegressor(loss="poisson", max_iter=300, learning_rate=0.05, random_state=0)


@dataclass
class MlForecast:
    """mlforecast with LightGBM on the weekly series of every grid, in a Python of its own.

    It forecasts the weeks of the horizon one after another and adds them up. `series` holds one row a grid and week: `grid_id`, `ds` (the
    end of the week), `y`, as known at that end.
    """

    name: str
    series: pd.DataFrame
    python: str
    label: Label
    train_until: pd.Timestamp | None = None

    def fit(self, panel: pd.DataFrame) -> "MlForecast":
        """Notes until when outcomes were settled; the learner sees the series up to then."""
        last = settled(panel)["as_of"].max()
        return dataclasses.replace(self, train_until=last + pd.Timedelta(days=self.label.wait_days))

    def predict(self, panel: pd.DataFrame) -> pd.DataFrame:
        with tempfile.TemporaryDirectory() as folder:
            given, asked, told = (Path(folder) / n for n in ("series.parquet", "dates.parquet", "forecast.parquet"))
            self.series.to_parquet(given)
            pd.DataFrame({"ds": _naive(pd.Series(panel["as_of"].unique()))}).to_parquet(asked)
            weeks = str(round(self.label.days / 7))
            until = str(_naive(pd.Series([self.train_until])).iloc[0])
            environment = {**os.environ, "PYTHONPATH": ""}
            subprocess.run(
                [self.python, WORKER, given, asked, told, weeks, until],
                check=True,
                env=environment,
                capture_output=True,
            )
            found = pd.read_parquet(told)
        keys = pd.DataFrame(
            {"grid_id": panel["grid_id"].astype(str).to_numpy(), "ds": _naive(panel["as_of"]).to_numpy()}
        )
        found["ds"] = found["ds"].astype(keys["ds"].dtype)
        score = keys.merge(found, on=["grid_id", "ds"], how="left", validate="one_to_one")["score"].to_numpy(
            dtype=float
        )
        score = np.nan_to_num(score)
        expected = np.maximum(score, 1e-6)
        return predicted(panel, score, expected, -np.expm1(-expected))


def weekly_series(history: History, label: Label, last: pd.Timestamp) -> pd.DataFrame:
    """Events of the label in each week that ends on a date of the experiment's week day, as known at its end."""
    first = min(history.begun(s.source)[1].min() for s in label.streams)
    begin = pd.Timestamp(int(first), unit="us", tz="UTC").tz_convert(history.timezone).tz_localize(None)
    dates = pd.date_range(last, begin + pd.Timedelta(days=8), freq="-7D")[::-1]
    snapshot = history.at(dates)
    count = sum(snapshot.count(s, 7) for s in label.streams)
    ids = history.grids["grid_id"].astype(str).to_numpy()
    return pd.DataFrame(
        {
            "grid_id": np.repeat(ids, len(dates)),
            "ds": np.tile(dates.to_numpy(), len(ids)),
            "y": count.ravel().astype(float),
        }
    )


@dataclass
class Timed:
    """A model that notes the CPU seconds it took, its own and those of the processes it started."""

    model: Model
    spent: dict[str, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.model.name

    @property
    def is_baseline(self) -> bool:
        return self.name.startswith("prior count")

    def fit(self, panel: pd.DataFrame) -> "Timed":
        started = _cpu()
        fitted = self.model.fit(panel)
        self.spent[self.name] = self.spent.get(self.name, 0) + _cpu() - started
        return Timed(fitted, self.spent)

    def predict(self, panel: pd.DataFrame) -> pd.DataFrame:
        started = _cpu()
        found = self.model.predict(panel)
        self.spent[self.name] = self.spent.get(self.name, 0) + _cpu() - started
        return found


def _cpu() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _naive(times: pd.Series) -> pd.Series:
    return pd.Series(pd.DatetimeIndex(times).tz_localize(None).normalize()).astype("datetime64[us]")
