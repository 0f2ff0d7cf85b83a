"""Made-up places the tests share, each built once and only read: a town with known truth, a street drawn by hand, and what follows.

A test that writes takes a copy: ``towns.copy(towns.street(), tmp_path / "city")``.
"""

import atexit
import multiprocessing
import shutil
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

import riskwarn as rw
from riskwarn import tracking
from riskwarn.baseline import Linear, PriorCount
from riskwarn.experiment import Dates, Folds, Gate
from riskwarn.history import Stream
from riskwarn.label import Label
from riskwarn.pipeline import nightly
from riskwarn.store import Store

ZONE = "Asia/Shanghai"
FEATURES = Path(__file__).parents[2] / "features"
TARGET = "dispute_call_14d"
NIGHT = "2024-01-22"
"""A Monday of the town after every date its model trains on is settled."""
STREET_NIGHT = "2025-12-15"
EXPERIMENT = """
question = "Where will most dispute calls be made in the next 14 days?"

[label]
name = "dispute_call_14d"
days = 14
settle_days = 7

[[label.streams]]
source = "police_call"
categories = ["P04"]

[dates]
first = 2023-03-06
last = 2023-12-18
every_days = 7

[features]
groups = ["police_calls", "disputes"]

[folds]
n_folds = 3
test_dates = 4
min_train_dates = 8

[model]
n_trees = 20

[baselines]
weeks = [4, 15, 52]

[judge]
shares = [0.05, 0.10]
"""
STREET_EXPERIMENT = (
    EXPERIMENT.replace("2023-03-06", "2025-02-03")
    .replace("2023-12-18", "2025-11-10")
    .replace('"police_calls", "disputes"', '"police_calls"')
)


@cache
def folder() -> Path:
    """A folder that goes when the tests end."""
    made = Path(tempfile.mkdtemp(prefix="riskwarn-tests-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


def copy(store: Store, target: Path) -> Store:
    """A store of one's own with the same content."""
    shutil.copytree(store.path, target, symlinks=True)
    return Store(target)


def write_experiment(target: Path, text: str = EXPERIMENT, **changes: str) -> Path:
    """An experiment file; each change replaces a text of it by another."""
    for old, new in changes.items():
        text = text.replace(old, new)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, "utf-8")
    return target


@cache
def city() -> Store:
    """The store of the simulated town of 200 grids and 400 days."""
    from riskwarn import simulation

    return simulation.city("tiny", seed=7).write(folder() / "city")


@cache
def experiment() -> rw.Experiment:
    """What the town is asked: dispute calls (P04) in the next 14 days."""
    return rw.Experiment.load(write_experiment(folder() / "experiments" / "town.toml"), features=FEATURES)


@cache
def panel() -> pd.DataFrame:
    """The town's weekly panel."""
    return rw.build_panel(city(), experiment())


@cache
def model() -> rw.RiskModel:
    """A small model of the town."""
    return rw.RiskModel.of(experiment()).fit(panel())


@cache
def night() -> pd.DataFrame:
    """The town's panel of one night."""
    return rw.build_panel(city(), experiment(), as_of=NIGHT)


@cache
def report():
    """The town's backtest."""
    return rw.backtest(experiment(), panel(), progress=False)


# --- a street: 12 grids in a row, each calling as often as its number says


def street_grids(n: int = 12) -> pd.DataFrame:
    """Table `grids`: squares of one kilometre side by side."""
    number = np.arange(n)
    return pd.DataFrame(
        {
            "grid_id": [f"G{i:02d}" for i in number],
            "valid_from": pd.Timestamp("2024-01-01", tz=ZONE),
            "name": [f"第{i}网格" for i in number],
            "community_id": [f"C{i // 4}" for i in number],
            "area_km2": 1.0,
            "x_km": number.astype(float),
            "y_km": 0.0,
        }
    )


def street_events(n: int = 12, *, first: str = "2024-12-30", days: int = 360, seed: int = 1) -> pd.DataFrame:
    """Table `events`: police calls; grid i makes (i + 1) / 40 a day, known an hour after they are made."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson((np.arange(n)[:, None] + 1) / 40, (n, days))
    grid, day = (np.repeat(a.ravel(), counts.ravel()) for a in np.indices(counts.shape))
    minute = rng.integers(0, 22 * 60, len(grid))
    at = pd.Timestamp(first, tz=ZONE) + pd.to_timedelta(day * 1440 + minute, unit="min")
    return pd.DataFrame(
        {
            "source": "police_call",
            "event_id": [f"e{i:06d}" for i in range(len(grid))],
            "known_at": at + pd.Timedelta(hours=1),
            "occurred_at": at,
            "grid_id": pd.Series(grid).map("G{:02d}".format).to_numpy(),
            "category": "P04",
        }
    )


@cache
def street() -> Store:
    """The street's store with a kept candidate, ready for a night; no MLflow. What its first night keeps of the model is there already."""
    store = Store(folder() / "street", timezone=ZONE)
    store.write("grids", street_grids())
    store.write("events", street_events())
    tracking.keep(street_model(store), store.path, alias=tracking.CANDIDATE)
    first = copy(store, folder() / "street-after-a-night")
    nightly(first, TARGET, as_of=STREET_NIGHT, capacity=4, alias=tracking.CANDIDATE)
    for noted in of_the_first_night(first):
        shutil.copy(noted, store.path / noted.relative_to(first.path))
    return store


def of_the_first_night(store: Store) -> list[Path]:
    """What a first night notes of its models, so that the next ones are quicker: golden rows that were right, and what is usual."""
    return [path for name in (".golden", ".usual-*") for path in (store.path / "models").glob(f"*/{name}")]


def new_street(target: Path) -> Store:
    """A copy of the street that has seen no night yet."""
    store = copy(street(), target)
    for noted in of_the_first_night(store):
        noted.unlink()
    return store


@cache
def street_experiment() -> rw.Experiment:
    """The town's question over the street's dates."""
    target = write_experiment(
        folder() / "experiments" / "street.toml", STREET_EXPERIMENT, **{"n_trees = 20": "n_trees = 5"}
    )
    return rw.Experiment.load(target, features=FEATURES)


@cache
def street_panel() -> pd.DataFrame:
    """The street's weekly panel."""
    return rw.build_panel(street(), street_experiment())


def street_model(store: Store) -> rw.RiskModel:
    """A model of five trees."""
    return rw.RiskModel.of(street_experiment()).fit(rw.build_panel(store, street_experiment()))


# --- panels drawn from a known rate, without any store


LABEL = Label("call_7d", (Stream("police_call"),), days=7)


def drawn_panel(n_grids: int = 30, n_dates: int = 40, *, seed: int = 3, effect: float = 1.0) -> pd.DataFrame:
    """A panel whose outcome is Poisson with log rate ``effect * prior level + date effect``; features are two prior counts and the faded ones."""
    rng = np.random.default_rng(seed)
    level = rng.gamma(2.0, 0.5, n_grids)
    y = rng.poisson(level[:, None] ** effect, (n_grids, n_dates + 8))
    sums = np.cumsum(np.concatenate([np.zeros((n_grids, 1)), y], axis=1), axis=1)
    at = np.arange(8, n_dates + 8)
    dates = pd.date_range("2025-01-06", periods=n_dates, freq="7D", tz=ZONE)
    return pd.DataFrame(
        {
            "grid_id": pd.Categorical(np.repeat([f"G{i:02d}" for i in range(n_grids)], n_dates)),
            "as_of": dates.append([dates] * (n_grids - 1)),
            "prior_4w": (sums[:, at] - sums[:, at - 4]).ravel().astype(np.float32),
            "prior_8w": (sums[:, at] - sums[:, at - 8]).ravel().astype(np.float32),
            **{name: values[:, at].ravel().astype(np.float32) for name, values in _faded(y).items()},
            "y": y[:, 8:].ravel().astype(np.float32),
        }
    )


def _faded(y: np.ndarray) -> dict[str, np.ndarray]:
    """Weekly counts fading with time, before each week, of each grid, of the next one and of all, as after a long past at the same level."""
    found = {}
    for half_life in (7, 28, 91, 364):
        kept = 0.5 ** (7 / half_life)
        faded = np.empty((len(y), y.shape[1] + 1))
        faded[:, 0] = y.mean(axis=1) * kept / (1 - kept)
        for week in range(y.shape[1]):
            faded[:, week + 1] = (faded[:, week] + y[:, week]) * kept
        city = np.broadcast_to(faded.sum(axis=0), faded.shape)
        name = f"prior_faded_{half_life}d"
        found |= {name: faded, f"{name}_nearby": np.roll(faded, 1, axis=0), f"{name}_city": city}
    return found


class Candidate(Linear):
    """A line over a column that stands for the model in a report."""

    name = "riskwarn"


def judged(column: str, *, grids: pd.DataFrame | None = None, split: str = "rolling_origin", **gate):
    """A backtest of a drawn panel whose model reads one column: `hint` knows the grid's rate and leaks some of the outcome, `noise` says nothing."""
    panel = drawn_panel(60, 60)
    noise = np.random.default_rng(2).normal(size=len(panel))
    rate = panel.groupby("grid_id", observed=True)["y"].transform("mean")
    panel = panel.assign(hint=rate + 0.2 * panel["y"], noise=noise)
    day = pd.Timestamp("2025-01-06").date()
    question = rw.Experiment(
        "?",
        LABEL,
        Dates(day, day),
        (),
        folds=Folds(4, 4, 8),
        gate=Gate(**{"max_calibration_error": 0.2, **gate}),
    )
    models = [Candidate((column,)), PriorCount(4), PriorCount(8)]
    return rw.backtest(question, panel, models=models, grids=grids, split=split, progress=False)


def quarters(n: int = 60, **columns) -> pd.DataFrame:
    """Table `grids` of a drawn panel: squares of one kilometre, ten a row, the first half in town and the other in the country."""
    number = np.arange(n)
    return pd.DataFrame(
        {
            "grid_id": [f"G{i:02d}" for i in number],
            "urban_class": np.where(number < n // 2, "111", "220"),
            "community_id": [f"C{i // 10}" for i in number],
            "area_km2": 1.0,
            "x_km": number % 10 + 0.5,
            "y_km": number // 10 + 0.5,
        }
    ).assign(**columns)


# --- jobs in processes of their own, which can be killed


@cache
def processes():
    """Where jobs come from: a server that has loaded the library once, so that a job starts at once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["towns", "riskwarn.pipeline", "lightgbm", "scipy.stats"])
    return context


def job(target, *arguments):
    """A started process that runs `target`, a function of this module."""
    made = processes().Process(target=target, args=arguments)
    made.start()
    return made


def hold(path: str, ready, free) -> None:
    """Hold the store until told to let go."""
    with Store(path).lock():
        ready.set()
        free.wait(60)


def write_and_publish(path: str, rows: pd.DataFrame, scores: pd.DataFrame, rounds: int, ready) -> None:
    """Write the rows in `rounds` parts and publish a run after each, whose facts say its number."""
    store = Store(path)
    ready.set()
    for n in range(rounds):
        store.write("events", rows.iloc[n::rounds])
        store.publish("2025-01-08", {"scores": scores.assign(rank=n + 1)}, run=f"run{n}", facts={"rank": n + 1})


def run_night(path: str, ready, told) -> None:
    """Run the street's night and tell the run's name, or the name of the error."""
    from riskwarn.errors import RiskwarnError
    from riskwarn.pipeline import nightly

    ready.wait(60)
    try:
        night = nightly(Store(path), TARGET, as_of=STREET_NIGHT, alias=tracking.CANDIDATE)
        told.put(("done" if night.done_before else "made", night.run))
    except RiskwarnError as error:
        told.put((type(error).__name__, ""))


@cache
def street_night() -> pd.DataFrame:
    """The street's panel of its night."""
    return rw.build_panel(street(), street_experiment(), as_of=STREET_NIGHT)


def load_and_score(path: str, night: pd.DataFrame, told) -> None:
    """Score a night with the kept candidate; tell how many rows, and whether MLflow was loaded on the way."""
    import sys

    model = tracking.kept(path, TARGET, alias=tracking.CANDIDATE)
    told.put((len(rw.score(model, night)), "mlflow" in sys.modules))
