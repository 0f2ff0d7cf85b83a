"""What joins the others: train a model and log it; score a night, explain it, find its gaps, raise its alerts, look at its monitors, publish."""

import hashlib
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

import riskwarn
from riskwarn import monitoring, plan, tracking
from riskwarn.alerting import raise_alerts
from riskwarn.backtesting import Report
from riskwarn.calling import checked
from riskwarn.errors import DataError, NotFoundError
from riskwarn.experiment import Experiment
from riskwarn.explanation import events_behind, explain, in_words, what_if_table, words_of_features
from riskwarn.gaps import find_gaps
from riskwarn.gaps.states import feed_states
from riskwarn.gate import gate
from riskwarn.history import History
from riskwarn.language import LANGUAGES, in_every_language, phrase
from riskwarn.model import RiskModel
from riskwarn.panel import panel_of
from riskwarn.schema import REASONS
from riskwarn.scoring import score
from riskwarn.store import LEAST_KEPT, NIGHT_TABLES, Store
from riskwarn.weekly import weekly_counts, weekly_readings


@checked
def train(
    experiment: Experiment,
    panel: pd.DataFrame,
    *,
    report: Report | None = None,
    grids: pd.DataFrame | None = None,
    tracking_folder: str | Path = ".",
    data_digest: str = "",
) -> RiskModel:
    """Train on every settled row, log the training to MLflow and register the model as ``@candidate``.

    Parameters
    ----------
    experiment
        What was asked.
    panel
        What :func:`riskwarn.build_panel` gave for it.
    report
        What :func:`riskwarn.backtest` found. Without it the model cannot be promoted: nothing says that it beats a count.
    grids
        Table `grids`, of which the model learns what larger areas share (:meth:`riskwarn.RiskModel.totals`); what the panel carries by
        default.
    tracking_folder
        Where MLflow's SQLite file and artifacts lie; ``MLFLOW_TRACKING_URI`` goes before it.
    data_digest
        Digest of the store the panel came from; of the panel itself where none is given.

    Returns
    -------
    model
        Fitted, with its features, and its MLflow run in `facts`.

    Raises
    ------
    LabelError
        No settled outcome, one class only, or too few dates.
    """
    model = RiskModel.of(experiment).fit(panel, grids=grids)
    model.facts.update(_judged(report))
    digest = (
        data_digest or hashlib.sha256(pd.util.hash_pandas_object(panel, index=False).to_numpy().tobytes()).hexdigest()
    )
    uri = tracking.default_uri(tracking_folder)
    logged = tracking.log_training(model, experiment, panel, report=report, uri=uri, data_digest=digest)
    tracking.keep(logged, tracking_folder, alias=tracking.CANDIDATE)
    return logged


def _judged(report: Report | None) -> dict[str, Any]:
    if report is None:
        return {"gate": None, "gate_reason": "not backtested", "backtest": None}
    decision = gate(report)
    return {"gate": decision.passed, "gate_reason": decision.reason, "backtest": report.table.round(4).to_dict("index")}


@dataclass(frozen=True, eq=False)
class Night:
    """What a nightly run published.

    Attributes
    ----------
    as_of, run
        The night and the name of its run.
    scores, reasons, gaps, alerts, marks, weeks, weekly_readings, what_ifs, events_behind
        The tables, reasons with their sentences; marks are what the monitors of the night measured.
    facts
        What the page says of the run.
    done_before
        The same run was published earlier; nothing was computed again.
    """

    as_of: pd.Timestamp
    run: str
    scores: pd.DataFrame
    reasons: pd.DataFrame
    gaps: pd.DataFrame
    alerts: pd.DataFrame
    marks: pd.DataFrame
    weeks: pd.DataFrame
    weekly_readings: pd.DataFrame
    what_ifs: pd.DataFrame
    events_behind: pd.DataFrame
    facts: dict[str, Any]
    done_before: bool


@checked
def nightly(
    store: Store,
    target: str,
    *,
    as_of: object,
    capacity: int = 50,
    alias: str = tracking.CHAMPION,
    tracking_folder: str | Path | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Night:
    """Score, explain, find gaps, raise alerts and publish one night. Safe to run twice: the same night of the same data is one run.

    Parameters
    ----------
    store
        The city.
    target
        Name of the label whose model is used.
    as_of
        The night: a date means its local midnight.
    capacity
        Grids that can be attended to.
    alias
        ``champion``, or ``candidate`` for a model that has not earned promotion; the page says which.
    tracking_folder
        Where MLflow's file lies; the store's folder by default.
    say
        Called with a line at each step.

    Returns
    -------
    night
        What was published, this time or before.

    Raises
    ------
    NotFoundError
        No such model, or no data.
    StaleDataError
        The data end before the night.
    BusyError
        Another job holds the store.
    HeldError
        A rollback holds the night.
    """
    if capacity < 1:
        raise DataError(f"capacity must be at least 1, got {capacity}.")
    at = store.instant(as_of)
    with store.lock():
        model = model_of(store, target, alias=alias, tracking_folder=tracking_folder)
        run = run_key(store, model, at, capacity)
        if store.run_of(at) == run:
            say(f"{at:%Y-%m-%d}: run {run} is published already")
            return _published(store, model, at, run)
        store.check_free(at)
        return _compute(store, model, at, run, capacity, say)


@checked
def run_key(store: Store, model: RiskModel, at: pd.Timestamp, capacity: int) -> str:
    """Name of a run: sixteen hexadecimal digits of the SHA-256 of night, all that is read, model, capacity, code version and tables published.

    What is read are the tables, the log of deliveries, the city's own files and the nights before (:meth:`riskwarn.Store.fingerprint`).

    Parameters
    ----------
    store, model, at, capacity
        What the run reads, with what it scores, for which night and how many grids.

    Returns
    -------
    run
        Equal where everything the run depends on is equal.
    """
    alias = model.facts.get("alias")
    read = pd.Timedelta(days=LEAST_KEPT - 1)  # what pruning may take away names no run
    earlier = [(night.isoformat(), store.run_of(night)) for night in store.nights() if at - read <= night < at]
    parts = [
        at.isoformat(),
        store.fingerprint(),
        earlier,
        model.version,
        alias,
        capacity,
        riskwarn.__version__,
        NIGHT_TABLES,
    ]
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:16]


@checked
def model_of(
    store: Store, target: str, *, alias: str = tracking.CHAMPION, tracking_folder: str | Path | None = None
) -> RiskModel:
    """The registered model of a store.

    Parameters
    ----------
    store
        The city.
    target
        Name of the label.
    alias
        ``champion`` or ``candidate``.
    tracking_folder
        Where MLflow's file lies; the store's folder by default.

    Returns
    -------
    model
        Fitted.

    Raises
    ------
    NotFoundError
        Nothing was trained, or no version holds the alias.
    """
    folder = tracking_folder or store.path
    found = tracking.kept(folder, target, alias=alias)
    if found is not None:
        return found
    uri = tracking.default_uri(folder)
    file = tracking.sqlite_file(uri)
    if file is not None and not file.exists():
        raise NotFoundError(
            f"no model {target!r} @{alias} in {folder}: train one with `riskwarn train`, then `riskwarn promote`."
        )
    return tracking.fetch(target, uri=uri, alias=alias)


def _compute(
    store: Store, model: RiskModel, at: pd.Timestamp, run: str, capacity: int, say: Callable[[str], None]
) -> Night:
    started = time.perf_counter()
    history = History.load(store, as_of=at)
    say(f"{at:%Y-%m-%d}: {history}")
    panel = night_panel(history, model, at)
    scores = score(model, panel, capacity=capacity)
    say(f"{len(scores):,} grids scored by {model}")
    reasons = explain(model, panel, history=history)
    gaps = find_gaps(history, scores)
    say(f"{len(reasons):,} reasons, {len(gaps):,} gaps")
    alerts = raise_alerts(scores, reasons, gaps, capacity=capacity, grids=history.grids)
    marks = monitoring.check(history, model, at)
    say(f"{len(marks):,} monitors: {monitoring.summary(marks)}")
    facts = _facts(store, model, at, capacity) | {
        "feeds": feed_states(history, gaps, at),
        "monitors": monitoring.counts(marks),
        "seconds": round(time.perf_counter() - started, 2),
    }
    beside = _beside(history, model, at, panel, scores, reasons)
    plain = {
        "scores": scores,
        "reasons": reasons[[c for c in reasons if c in REASONS.column_names]],
        "gaps": gaps,
        "alerts": alerts,
        "marks": marks,
        **beside,
    }
    folder = store.publish(at, plain, run=run, facts=facts)
    say(f"{len(alerts):,} alerts published in {folder}")
    return Night(at, run, scores, reasons, gaps, alerts, marks, facts=facts, done_before=False, **beside)


def _beside(
    history: History,
    model: RiskModel,
    at: pd.Timestamp,
    panel: pd.DataFrame,
    scores: pd.DataFrame,
    reasons: pd.DataFrame,
) -> dict[str, pd.DataFrame]:
    """What pages show beside the lists, so that they need neither model nor history."""
    scored = scores.loc[scores["rank"].notna(), "grid_id"]
    weeks = weekly_counts(history, at)
    return {
        "weeks": weeks,
        "weekly_readings": weekly_readings(weeks, history.sources, at),
        "what_ifs": what_if_table(model, panel[panel["grid_id"].astype("str").isin(scored)]).assign(as_of=at),
        "events_behind": events_behind(history, model, reasons, at),
    }


@checked
def night_panel(store: Store | History, model: RiskModel, as_of: object) -> pd.DataFrame:
    """The panel of one night with the features the model carries.

    Parameters
    ----------
    store
        The city, or its history.
    model
        Whose features are computed.
    as_of
        The night.

    Returns
    -------
    panel
        As :func:`riskwarn.build_panel` for one night.
    """
    history = store if isinstance(store, History) else History.load(store)
    return panel_of(history, model.features, [as_of], label=model.label, normals=model.features)


def _facts(store: Store, model: RiskModel, at: pd.Timestamp, capacity: int) -> dict[str, Any]:
    """What a reader of the night should know; all of it plain values."""
    return {
        "target": model.label.name,
        "question": in_every_language(phrase("Which grids will see most {events}", events=model.label.words)),
        "horizon_days": model.label.days,
        "model_version": model.version,
        "mlflow_run": model.facts.get("mlflow_run"),
        "alias": model.facts.get("alias"),
        "gate": model.facts.get("gate"),
        "gate_reason": model.facts.get("gate_reason"),
        "backtest": model.facts.get("backtest"),
        "as_of": at.isoformat(),
        "data_until": str(min(at, store.known_until())),
        "made_at": pd.Timestamp.now(tz=store.timezone).isoformat(),
        "capacity": capacity,
        "trained": {k: model.facts.get(k) for k in ("first", "last", "n_rows", "n_events")},
        "features": words_of_features(model.features),
    }


def _published(store: Store, model: RiskModel, at: pd.Timestamp, run: str) -> Night:
    facts = store.facts(at)
    tables = {name: store.read(name, as_of=at) for name in NIGHT_TABLES}
    tables["reasons"] = in_words(tables["reasons"], model.features)
    return Night(at, run, facts=facts, done_before=True, **tables)


STARTER = (
    "weekly",
    "weekly_baselines",
    "city_violence",
    "city_calls",
    "city_petitions",
    "town_emergence",
    "town_first",
    "town_escalation",
)
"""Questions a new city starts from; the others of ``experiments/`` belong to the public data they were asked of."""


@checked
def init(folder: str | Path) -> Path:
    """Write the starter, ``features/``, the :data:`STARTER` of ``experiments/``, ``plan.toml`` and an empty ``words.csv``, into `folder`.

    Parameters
    ----------
    folder
        Made where it is not there.

    Returns
    -------
    folder
        The same.

    Raises
    ------
    DataError
        The folder holds one of them already.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     sorted(path.name for path in init(folder).iterdir())
    ['experiments', 'features', 'plan.toml', 'words.csv']
    """
    folder = Path(folder)
    for name in ("features", "experiments", "plan.toml", "words.csv"):
        if (folder / name).exists():
            raise DataError(f"{folder / name} exists; choose another folder, or take it away first.")
    shutil.copytree(starter("features"), folder / "features", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "experiments").mkdir(parents=True)
    for name in STARTER:
        shutil.copy(starter("experiments") / f"{name}.toml", folder / "experiments")
    shutil.copy(plan.STARTER, folder / "plan.toml")
    (folder / "words.csv").write_text(",".join(["code", *LANGUAGES]) + "\n", "utf-8")
    return folder


@checked
def starter(name: str) -> Path:
    """Folder of the starter shipped with the package: ``features`` or ``experiments``.

    Parameters
    ----------
    name
        ``features`` or ``experiments``.

    Returns
    -------
    folder
        In the package, or beside it where it runs from its sources.

    Examples
    --------
    >>> (starter("experiments") / "weekly.toml").exists()
    True
    """
    package = Path(riskwarn.__file__).parent
    shipped = package / "starter" / name
    return shipped if shipped.exists() else package.parent / name
