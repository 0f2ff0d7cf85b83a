"""The command line: argument parsing only; each verb calls one function. Heavy imports wait until a verb needs them."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from riskwarn.errors import DataError, NotFoundError, RiskwarnError

if TYPE_CHECKING:
    import pandas as pd

    from riskwarn.experiment import Experiment
    from riskwarn.model import RiskModel
    from riskwarn.store import Store


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a verb; an error of ours ends with its exit code and one line, never a traceback."""
    parsed = parser().parse_args(arguments)
    try:
        parsed.run(parsed)
    except RiskwarnError as error:
        print(f"riskwarn: {type(error).__name__}: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        sys.stderr.close()
    return 0


def parser() -> argparse.ArgumentParser:
    """All verbs with their options."""
    top = argparse.ArgumentParser(
        prog="riskwarn",
        description="Risk early warning for places: where trouble is likely next, why, and where the centre is blind.",
    )
    top.add_argument("--version", action="version", version=f"riskwarn {_version()}")
    verbs = top.add_subparsers(metavar="VERB", required=True)

    v = _verb(
        verbs,
        "init",
        _init,
        "write the starter, features/ and experiments/, into a folder",
        "riskwarn init city-config",
        store=False,
    )
    v.add_argument("folder", type=Path)

    v = _verb(
        verbs,
        "ingest",
        _ingest,
        "bring files into a store through a mapping",
        "riskwarn ingest calls.csv --mapping calls.toml --store city",
    )
    v.add_argument(
        "files",
        nargs="*",
        help="CSV, XLS, XLSX, Parquet or JSON lines, folders of them, or a database as postgresql+psycopg://…",
    )
    v.add_argument("--mapping", type=Path, help="how the columns of the files become those of a table (TOML)")
    v.add_argument(
        "--guess",
        type=Path,
        metavar="FILE",
        help="propose a mapping for a file instead, and write it to --out for review",
    )
    v.add_argument("--timezone", help="zone of a store that is made anew, as Asia/Shanghai")
    _out_argument(v)

    v = _verb(
        verbs, "check", _check, "say what the feeds of a store are like", "riskwarn check --store city --language en"
    )
    v.add_argument("--language", choices=("zh", "en"), default="zh")
    v.add_argument("--html", type=Path, metavar="FILE", help="write the report as a page")

    v = _verb(
        verbs,
        "panel",
        _panel,
        "write the feature matrix",
        "riskwarn panel weekly.toml --as-of 2025-03-03 --out panel.parquet",
    )
    _experiment_argument(v)
    v.add_argument("--as-of", help="dates separated by commas; the experiment's own by default")
    v.add_argument("--features", type=Path, help="folder of feature groups; beside the experiment by default")
    _out_argument(v, required=True)

    v = _verb(
        verbs,
        "backtest",
        _backtest,
        "compare the model with every baseline on past dates",
        "riskwarn backtest experiments/weekly.toml --store city",
    )
    _experiment_argument(v)
    _out_argument(v)

    v = _verb(
        verbs,
        "train",
        _train,
        "backtest, train, log to MLflow and register as @candidate",
        "riskwarn train experiments/weekly.toml --store city",
    )
    _experiment_argument(v)
    v.add_argument("--no-backtest", action="store_true", help="skip the backtest; such a model cannot be promoted")

    v = _verb(
        verbs,
        "promote",
        _promote,
        "make the candidate the champion, if it passed the gate",
        "riskwarn promote dispute_28d --store city",
    )
    v.add_argument("target", help="name of the label")
    v.add_argument("--version", dest="model_version", help="a registered version; the candidate by default")

    for name, run, does in (
        ("score", _score, "score the grids of a date"),
        ("explain", _explain, "say why grids have their score"),
        ("find-gaps", _find_gaps, "say where not to trust calm"),
        ("raise-alerts", _raise_alerts, "raise the alerts of a date under a capacity"),
        ("nightly", _nightly, "do it all for a date and publish; safe to run twice"),
    ):
        v = _verb(verbs, name, run, does, f"riskwarn {name} --as-of 2025-03-03 --store city")
        v.add_argument("--as-of", required=True, help="the night; a date means its local midnight")
        if name != "find-gaps":
            v.add_argument("--target", help="name of the label; may be left out when one model is registered")
            v.add_argument("--alias", default="champion", help="champion (default) or candidate")
        if name in {"raise-alerts", "nightly"}:
            v.add_argument("--capacity", type=int, default=50, help="grids that can be attended to")
        if name == "explain":
            v.add_argument("grids", nargs="*", metavar="GRID", help="only these grids")
            v.add_argument("--language", choices=("zh", "en"), default="zh")
        if name == "find-gaps":
            v.add_argument("--kinds", help="only these kinds, as G01,G08")
        if name != "nightly":
            _out_argument(v)

    v = _verb(verbs, "serve", _serve, "show the published nights on a page", "riskwarn serve --store city --port 8000")
    v.add_argument("--host", default="127.0.0.1")
    v.add_argument("--port", type=int, default=8000)
    v.add_argument("--language", choices=("zh", "en"), default="zh")

    v = _verb(
        verbs,
        "simulate",
        _simulate,
        "make a synthetic city with known truth",
        "riskwarn simulate --preset tiny --seed 7 --out town",
        store=False,
    )
    v.add_argument("--preset", choices=("tiny", "small", "city"), default="tiny")
    v.add_argument("--seed", type=int, default=7)
    v.add_argument("--out", type=Path, required=True)

    v = _verb(verbs, "demo", _demo, "run the main job on Boston 2015", "riskwarn demo --store demo/boston")
    v.add_argument("--serve", action="store_true", help="serve the page at the end")
    v.add_argument("--port", type=int, default=8000)

    _verb(verbs, "doctor", _doctor, "say what is installed and what the store holds", "riskwarn doctor --store city")
    return top


def _verb(
    verbs: Any, name: str, run: Callable[[argparse.Namespace], None], does: str, example: str, *, store: bool = True
) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = verbs.add_parser(
        name, help=does, description=does[0].upper() + does[1:] + ".", epilog=f"example: {example}"
    )
    made.set_defaults(run=run)
    made.add_argument("--json", action="store_true", help="print JSON for machines")
    if store:
        made.add_argument(
            "--store",
            type=Path,
            default=os.environ.get("RISKWARN_STORE"),
            help="folder of the store, or RISKWARN_STORE",
        )
    return made


def _experiment_argument(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("experiment", type=Path, help="an experiment file (TOML)")


def _out_argument(verb: argparse.ArgumentParser, *, required: bool = False) -> None:
    verb.add_argument("--out", type=Path, required=required, help="write the table to a .parquet, .csv or .xlsx file")


# -- verbs ------------------------------------------------------------------------------------------------------------


def _init(parsed: argparse.Namespace) -> None:
    from riskwarn.pipeline import init

    folder = init(parsed.folder)
    _say(
        parsed,
        {"folder": str(folder)},
        f"features/ and experiments/ are in {folder}; edit experiments/weekly.toml for your city.",
    )


def _ingest(parsed: argparse.Namespace) -> None:
    from riskwarn.ingest import ingest, load_mapping
    from riskwarn.store import Store

    if parsed.guess:
        _guess(parsed)
        return
    if parsed.mapping is None or not parsed.files:
        raise DataError("name at least one file and a --mapping; --guess FILE proposes one.")
    store = Store(_store_path(parsed), timezone=parsed.timezone)
    report = ingest(store, parsed.files, load_mapping(parsed.mapping))
    _say(parsed, report.to_dict(), repr(report))


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
    _say(parsed, body, text)


def _check(parsed: argparse.Namespace) -> None:
    from riskwarn.ingest import check

    report = check(_store(parsed))
    if parsed.html:
        parsed.html.write_text(report.to_html(parsed.language), encoding="utf-8")
    lines = [f"- {line}" for line in report.words(parsed.language)]
    _say(parsed, report.to_dict(), "\n".join([*lines, "", report.table(parsed.language).to_string(na_rep="–")]))


def _panel(parsed: argparse.Namespace) -> None:
    import pandas as pd

    from riskwarn.experiment import Experiment
    from riskwarn.history import History
    from riskwarn.panel import build_panel

    experiment = Experiment.load(parsed.experiment, features=parsed.features)
    history = History.load(_store(parsed))
    dates = parsed.as_of.split(",") if parsed.as_of else [None]
    panel = pd.concat([build_panel(history, experiment, as_of=d) for d in dates], ignore_index=True)
    _write(panel[[c for c in panel.columns if not str(c).startswith("normal:")]], parsed.out)
    _say(parsed, {"rows": len(panel), "out": str(parsed.out)}, f"{len(panel):,} rows in {parsed.out}")


def _backtest(parsed: argparse.Namespace) -> None:
    from riskwarn.backtesting import backtest
    from riskwarn.panel import build_panel

    experiment = _experiment(parsed)
    report = backtest(experiment, build_panel(_store(parsed), experiment))
    if parsed.out:
        _write(report.frame, parsed.out)
    body = {"table": report.table.to_dict("index"), "differences": report.differences().to_dict("records")}
    _say(parsed, body, repr(report))


def _train(parsed: argparse.Namespace) -> None:
    from riskwarn.backtesting import backtest
    from riskwarn.panel import build_panel
    from riskwarn.pipeline import train

    store, experiment = _store(parsed), _experiment(parsed)
    panel = build_panel(store, experiment)
    report = None if parsed.no_backtest else backtest(experiment, panel)
    model = train(experiment, panel, report=report, tracking_folder=store.path, data_digest=store.digest())
    body = {
        "target": model.label.name,
        "model_version": model.version,
        **{k: model.facts[k] for k in ("mlflow_run", "mlflow_version", "gate", "gate_reason")},
    }
    text = f"{model} is registered as @candidate, version {model.facts['mlflow_version']}, MLflow run {model.facts['mlflow_run']}"
    _say(parsed, body, f"{'' if report is None else repr(report)}\n\n{text}\ngate: {model.facts['gate_reason']}")


def _promote(parsed: argparse.Namespace) -> None:
    from riskwarn import tracking

    folder = _store_path(parsed)
    version = tracking.promote(
        parsed.target, uri=tracking.default_uri(folder), version=parsed.model_version, folder=folder
    )
    _say(parsed, {"target": parsed.target, "champion": version}, f"version {version} of {parsed.target} is @champion")


def _score(parsed: argparse.Namespace) -> None:
    _, _, scores = _scored(parsed)
    _table(parsed, scores)


def _explain(parsed: argparse.Namespace) -> None:
    from riskwarn.explanation import explain

    model, panel, _ = _scored(parsed)
    reasons = explain(model, panel, grids=parsed.grids or None)
    columns = ["grid_id", "place", "contribution", parsed.language]
    _table(parsed, reasons, shown=reasons[columns])


def _find_gaps(parsed: argparse.Namespace) -> None:
    from riskwarn.gaps import find_gaps

    kinds = parsed.kinds.split(",") if parsed.kinds else None
    _table(parsed, find_gaps(_store(parsed), as_of=parsed.as_of, kinds=kinds))


def _raise_alerts(parsed: argparse.Namespace) -> None:
    from riskwarn.alerting import raise_alerts
    from riskwarn.explanation import explain
    from riskwarn.gaps import find_gaps

    model, panel, scores = _scored(parsed)
    store = _store(parsed)
    alerts = raise_alerts(
        scores,
        explain(model, panel),
        find_gaps(store, scores),
        capacity=parsed.capacity,
        grids=store.grids(parsed.as_of),
    )
    _table(parsed, alerts)


def _nightly(parsed: argparse.Namespace) -> None:
    from riskwarn.pipeline import nightly

    store = _store(parsed)
    target = parsed.target or _only_target(parsed)
    say = (lambda _: None) if parsed.json else print
    night = nightly(store, target, as_of=parsed.as_of, capacity=parsed.capacity, alias=parsed.alias, say=say)
    body = {
        "as_of": night.as_of.isoformat(), "run": night.run, "done_before": night.done_before, "grids": len(night.scores),
        "alerts": len(night.alerts), "gaps": len(night.gaps), "model_version": night.facts["model_version"],
    }  # fmt: skip
    _say(
        parsed,
        body,
        f"run {night.run}: {len(night.scores):,} grids, {len(night.alerts)} alerts, {len(night.gaps)} gaps",
    )


def _serve(parsed: argparse.Namespace) -> None:
    import uvicorn

    from riskwarn.web import create_app

    print(f"serving {_store_path(parsed)} at http://{parsed.host}:{parsed.port}/  (Ctrl-C ends)")
    uvicorn.run(
        create_app(_store_path(parsed), language=parsed.language),
        host=parsed.host,
        port=parsed.port,
        log_level="warning",
    )


def _simulate(parsed: argparse.Namespace) -> None:
    from riskwarn.simulation import city

    made = city(parsed.preset, seed=parsed.seed)
    store = made.write(parsed.out)
    _say(
        parsed, {"store": str(store.path), "tables": store.tables()}, f"{store}\nthe truth lies apart, beside the store"
    )


def _demo(parsed: argparse.Namespace) -> None:
    from riskwarn.demo import run

    run(parsed.store or Path("demo/boston"), port=parsed.port)
    if parsed.serve:
        parsed.store, parsed.host, parsed.language = parsed.store or Path("demo/boston"), "127.0.0.1", "zh"
        _serve(parsed)


def _doctor(parsed: argparse.Namespace) -> None:
    import importlib.metadata
    import platform

    packages = ("riskwarn", "numpy", "pandas", "pyarrow", "lightgbm", "mlflow", "scikit-learn", "geopandas", "fastapi")
    body: dict[str, Any] = {"python": platform.python_version(), **{p: importlib.metadata.version(p) for p in packages}}
    if parsed.store:
        store = _store(parsed)
        body |= {
            "store": str(store.path),
            "timezone": store.timezone,
            "tables": store.tables(),
            "nights": [str(n.date()) for n in store.nights()],
        }
    _say(parsed, body, "\n".join(f"{key:<14}{value}" for key, value in body.items()))


# -- what verbs share ---------------------------------------------------------------------------------------------------


def _version() -> str:
    from riskwarn import __version__

    return __version__


def _store_path(parsed: argparse.Namespace) -> Path:
    if not parsed.store:
        raise DataError("no store named: give --store DIR or set RISKWARN_STORE.")
    return Path(parsed.store)


def _store(parsed: argparse.Namespace) -> "Store":
    from riskwarn.store import Store

    return Store(_store_path(parsed))


def _experiment(parsed: argparse.Namespace) -> "Experiment":
    from riskwarn.experiment import Experiment

    return Experiment.load(parsed.experiment)


def _only_target(parsed: argparse.Namespace) -> str:
    from riskwarn import tracking

    names = tracking.kept_targets(_store_path(parsed))
    if len(names) != 1:
        found = (
            f"several models are kept, name one with --target: {', '.join(names)}"
            if names
            else "no model is kept; train one with `riskwarn train`"
        )
        raise NotFoundError(f"{_store_path(parsed)}: {found}.")
    return names[0]


def _scored(parsed: argparse.Namespace) -> "tuple[RiskModel, pd.DataFrame, pd.DataFrame]":
    from riskwarn.model import score
    from riskwarn.pipeline import model_of, night_panel

    store = _store(parsed)
    model = model_of(store, parsed.target or _only_target(parsed), alias=parsed.alias)
    panel = night_panel(store, model, parsed.as_of)
    return model, panel, score(model, panel)


def _table(parsed: argparse.Namespace, table: "pd.DataFrame", *, shown: "pd.DataFrame | None" = None) -> None:
    if parsed.out:
        _write(table, parsed.out)
    if parsed.json:
        print(table.to_json(orient="records", date_format="iso", force_ascii=False))
    elif not parsed.out:
        print((table if shown is None else shown).head(100).to_string(index=False))
        if len(table) > 100:
            print(f"… {len(table) - 100:,} more rows; write them all with --out FILE")


def _write(table: "pd.DataFrame", target: Path) -> None:
    from riskwarn.exporting import write_table

    write_table(table, target)


def _say(parsed: argparse.Namespace, body: Any, text: str) -> None:
    print(json.dumps(body, ensure_ascii=False, default=str) if parsed.json else text)
