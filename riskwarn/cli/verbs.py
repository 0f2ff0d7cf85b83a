"""What each verb does: read the arguments, call one function, print."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from riskwarn.cli.shared import check_out, experiment_of, only_target, open_store, say, scored, show, store_path, write
from riskwarn.errors import DataError

if TYPE_CHECKING:
    from riskwarn.feature import Feature
    from riskwarn.store import Store


def init(parsed: argparse.Namespace) -> None:
    """Write the starter."""
    from riskwarn import pipeline

    folder = pipeline.init(parsed.folder)
    say(
        parsed,
        {"folder": str(folder)},
        f"features/ and experiments/ are in {folder}; edit experiments/weekly.toml for your city.",
    )


def ingest(parsed: argparse.Namespace) -> None:
    """Bring files in, or propose a mapping."""
    from riskwarn import ingest as bringing
    from riskwarn.store import Store

    if parsed.guess:
        _guess(parsed)
        return
    if parsed.mapping is None or not parsed.files:
        raise DataError("name at least one file and a --mapping; --guess FILE proposes one.")
    store = Store(store_path(parsed), timezone=parsed.timezone)
    mapping = bringing.load_mapping(parsed.mapping)
    with store.lock():
        report = bringing.ingest(store, parsed.files, mapping, arrived_at=parsed.arrived_at, again=parsed.again)
    say(parsed, report.to_dict(), repr(report))


def _guess(parsed: argparse.Namespace) -> None:
    from riskwarn.ingest import guess

    found = guess(parsed.guess, timezone=parsed.timezone or "")
    text = repr(found)
    if parsed.out:
        text += f"\n\nwritten to {found.write(parsed.out)}; read it before you use it."
    body = {
        "preset": found.preset,
        "confidence": found.confidence,
        "columns": found.columns.to_dict("records"),
        "toml": found.toml,
    }
    say(parsed, body, text)


def check(parsed: argparse.Namespace) -> None:
    """Report on the feeds."""
    from riskwarn import ingest as bringing

    report = bringing.check(open_store(parsed))
    if parsed.html:
        parsed.html.write_text(report.to_html(parsed.language), encoding="utf-8")
    lines = [f"- {line}" for line in report.words(parsed.language)]
    say(parsed, report.to_dict(), "\n".join([*lines, "", report.table(parsed.language).to_string(na_rep="–")]))


def features(parsed: argparse.Namespace) -> None:
    """Print the catalogue."""
    from riskwarn.feature import catalogue
    from riskwarn.pipeline import starter

    found = catalogue(parsed.folder or starter("features"))
    columns = ["group", "name", "unit", parsed.language, "for_model"]
    if parsed.out or parsed.json:
        show(parsed, found)
    else:
        print(found[columns].to_string(index=False))


def panel(parsed: argparse.Namespace) -> None:
    """Write the feature matrix."""
    from riskwarn.experiment import Experiment
    from riskwarn.history import History
    from riskwarn.panel import GRID, build_panel, dates_of, panel_of, write_panel

    if parsed.out.suffix:
        check_out(parsed)
    store = open_store(parsed)
    dates = dates_of(parsed.as_of.split(",")) if parsed.as_of else None
    if parsed.experiment:
        question = Experiment.load(parsed.experiment, features=parsed.features)
        if not parsed.out.suffix:
            done = write_panel(store, question, parsed.out, as_of=dates)
            text = f"{done.written} dates written, {done.kept} kept in {parsed.out}"
            say(parsed, {"written": done.written, "kept": done.kept, "out": str(parsed.out)}, text)
            return
        rows = build_panel(store, question, as_of=dates)
    else:
        rows = panel_of(History.load(store), _declared(parsed), dates or [])
    columns = [c for c in rows.columns if not str(c).startswith(GRID)]
    write(rows[columns], parsed.out)
    say(parsed, {"rows": len(rows), "columns": columns, "out": str(parsed.out)}, f"{len(rows):,} rows in {parsed.out}")


def _declared(parsed: argparse.Namespace) -> "list[Feature]":
    """All features of a folder, where no experiment chooses among them."""
    from riskwarn.feature import load_group

    if not parsed.features or not parsed.as_of or not parsed.out.suffix:
        raise DataError(
            "name an experiment, or --features DIR, --as-of DATE and --out FILE for the raw matrix of a folder of features."
        )
    groups = sorted(path.stem for path in parsed.features.glob("*.py"))
    return [feature for group in groups for feature in load_group(parsed.features, group)]


def backtest(parsed: argparse.Namespace) -> None:
    """Compare models on past dates."""
    from riskwarn.audit import events_of
    from riskwarn.backtesting import backtest
    from riskwarn.history import History
    from riskwarn.panel import build_panel
    from riskwarn.reporting import write_html

    page = parsed.out is not None and parsed.out.suffix == ".html"
    if not page:
        check_out(parsed)
    store, experiment = open_store(parsed), experiment_of(parsed)
    history = History.load(store)
    report = backtest(experiment, build_panel(history, experiment), split=parsed.split.replace("-", "_"))
    if page:
        write_html(
            report, parsed.out, events=events_of(history, experiment.label) if experiment.label.is_count else None
        )
    elif parsed.out:
        write(report.frame, parsed.out)
    found = report.differences()
    plain = found.astype(object).where(found.notna(), None)
    body = {"table": report.table.to_dict("index"), "differences": plain.to_dict("records")}
    say(parsed, body, repr(report))


def tune(parsed: argparse.Namespace) -> None:
    """Search settings of the model."""
    from riskwarn import tracking
    from riskwarn.panel import build_panel
    from riskwarn.tuning import tune

    if parsed.out and parsed.out.suffix != ".toml":
        raise DataError(f"cannot write {parsed.out}: wanted an ending of .toml, got {parsed.out.suffix!r}.")
    store, experiment = open_store(parsed), experiment_of(parsed)
    found = tune(
        experiment, build_panel(store, experiment), n_trials=parsed.trials, seconds=parsed.seconds, metric=parsed.metric
    )
    run = tracking.log_tuning(found, experiment, uri=tracking.default_uri(store.path))
    if parsed.out:
        parsed.out.write_text(found.toml, "utf-8")
    body = {
        "metric": found.metric,
        "declared": found.declared,
        "best": found.best,
        "settings": vars(found.settings),
        "mlflow_run": run,
    }
    say(
        parsed,
        body,
        f"{found!r}\nevery trial is in MLflow run {run}; put [model] into {parsed.experiment} and backtest again.",
    )


def train(parsed: argparse.Namespace) -> None:
    """Backtest, train, register."""
    from riskwarn.backtesting import backtest
    from riskwarn.panel import build_panel
    from riskwarn.pipeline import train

    store, experiment = open_store(parsed), experiment_of(parsed)
    panel = build_panel(store, experiment)
    report = None if parsed.no_backtest else backtest(experiment, panel)
    model = train(experiment, panel, report=report, tracking_folder=store.path, data_digest=store.digest())
    body = {
        "target": model.label.name,
        "model_version": model.version,
        **{k: model.facts[k] for k in ("mlflow_run", "mlflow_version", "gate", "gate_reason")},
    }
    text = f"{model} is registered as @candidate, version {model.facts['mlflow_version']}, MLflow run {model.facts['mlflow_run']}"
    say(parsed, body, f"{'' if report is None else repr(report)}\n\n{text}\ngate: {model.facts['gate_reason']}")


def promote(parsed: argparse.Namespace) -> None:
    """Make the candidate the champion."""
    from riskwarn import tracking

    folder = store_path(parsed)
    version = tracking.promote(
        parsed.target, uri=tracking.default_uri(folder), version=parsed.model_version, folder=folder
    )
    say(parsed, {"target": parsed.target, "champion": version}, f"version {version} of {parsed.target} is @champion")


def score(parsed: argparse.Namespace) -> None:
    """Score a date."""
    _, _, scores = scored(parsed)
    show(parsed, scores)


def find_gaps(parsed: argparse.Namespace) -> None:
    """Find the gaps of a date."""
    from riskwarn.gaps import find_gaps

    check_out(parsed)
    kinds = parsed.kinds.split(",") if parsed.kinds else None
    store = open_store(parsed)
    show(parsed, find_gaps(store, as_of=store.instant(parsed.as_of), kinds=kinds))


def raise_alerts(parsed: argparse.Namespace) -> None:
    """Raise the alerts of a date."""
    from riskwarn.alerting import raise_alerts
    from riskwarn.explanation import explain
    from riskwarn.gaps import find_gaps

    model, panel, scores = scored(parsed)
    store = open_store(parsed)
    alerts = raise_alerts(
        scores,
        explain(model, panel),
        find_gaps(store, scores),
        capacity=parsed.capacity,
        grids=store.grids(parsed.as_of),
    )
    show(parsed, alerts)


def nightly(parsed: argparse.Namespace) -> None:
    """Run and publish a night."""
    from riskwarn.pipeline import nightly

    store = open_store(parsed)
    if parsed.earlier_run:
        folder = store.roll_back(parsed.as_of, parsed.earlier_run)
        say(parsed, {"run": parsed.earlier_run, "folder": str(folder)}, f"run {parsed.earlier_run} holds again")
        return
    target = parsed.target or only_target(parsed)
    tell = (lambda _: None) if parsed.json else print
    night = nightly(store, target, as_of=parsed.as_of, capacity=parsed.capacity, alias=parsed.alias, say=tell)
    body = {
        "as_of": night.as_of.isoformat(), "run": night.run, "done_before": night.done_before, "grids": len(night.scores),
        "alerts": len(night.alerts), "gaps": len(night.gaps), "model_version": night.facts["model_version"],
    }  # fmt: skip
    say(
        parsed,
        body,
        f"run {night.run}: {len(night.scores):,} grids, {len(night.alerts)} alerts, {len(night.gaps)} gaps",
    )


def monitor(parsed: argparse.Namespace) -> None:
    """Show the monitors of a date."""
    from riskwarn import monitoring
    from riskwarn.pipeline import model_of

    check_out(parsed)
    store = open_store(parsed)
    target = None if parsed.feeds else parsed.target or only_target(parsed)
    model = model_of(store, target, alias=parsed.alias) if target else None
    marks = monitoring.check(store, model, store.instant(parsed.as_of))
    if parsed.out or parsed.json:
        show(parsed, marks)
        return
    shown = marks if parsed.all else marks[marks["state"] != "ok"]
    lines = [
        f"{r.state:<8}{text}"
        for r, text in zip(shown.itertuples(), monitoring.in_words(shown, parsed.language), strict=True)
    ]
    print("\n".join([*lines, monitoring.summary(marks)]))


def serve(parsed: argparse.Namespace) -> None:
    """Serve the page."""
    import uvicorn

    from riskwarn.web import create_app

    print(f"serving {store_path(parsed)} at http://{parsed.host}:{parsed.port}/  (Ctrl-C ends)")
    uvicorn.run(
        create_app(store_path(parsed), language=parsed.language),
        host=parsed.host,
        port=parsed.port,
        log_level="warning",
    )


def simulate(parsed: argparse.Namespace) -> None:
    """Make a synthetic city."""
    from riskwarn.simulation import city, dirty_export

    made = city(parsed.preset, seed=parsed.seed, reports_per_year=parsed.reports_per_year)
    if parsed.dirty:
        expected = dirty_export(made, parsed.out)
        say(
            parsed,
            {"folder": str(parsed.out), "rows": len(expected)},
            f"{len(expected):,} rows as departments export them, in {parsed.out}",
        )
        return
    store = made.write(parsed.out)
    say(
        parsed,
        {"store": str(store.path), "tables": store.tables()},
        f"{store}\nthe truth lies apart, beside it",
    )


def demo(parsed: argparse.Namespace) -> None:
    """Run the main job on Boston 2015."""
    from riskwarn.demo import run

    run(parsed.store or Path("demo/boston"), port=parsed.port)
    if parsed.serve:
        parsed.store, parsed.host, parsed.language = parsed.store or Path("demo/boston"), "127.0.0.1", "zh"
        serve(parsed)


def _monitors(store: "Store") -> dict[str, Any]:
    """What the monitors of the last night said, where there is one."""
    from riskwarn import monitoring

    if not store.nights():
        return {}
    night = store.newest_night()
    if not night.facts.get("monitors"):
        return {}
    marks = night.table("marks")
    loud = marks[marks["state"].isin(["warn", "alarm"])]
    told = [f"{state} {text}" for state, text in zip(loud["state"], monitoring.in_words(loud), strict=True)]
    return {"monitors": monitoring.summary(marks), "loud": told}


def doctor(parsed: argparse.Namespace) -> None:
    """Say what is installed."""
    import importlib.metadata
    import platform

    packages = ("riskwarn", "numpy", "pandas", "pyarrow", "lightgbm", "mlflow", "scikit-learn", "geopandas", "fastapi")
    body: dict[str, Any] = {"python": platform.python_version(), **{p: importlib.metadata.version(p) for p in packages}}
    if parsed.store:
        store = open_store(parsed)
        body |= {
            "store": str(store.path),
            "timezone": store.timezone,
            "tables": store.tables(),
            "nights": [str(n.date()) for n in store.nights()],
            "faults": store.faults(),
            **_monitors(store),
        }
    say(parsed, body, "\n".join(f"{key:<14}{value}" for key, value in body.items()))
