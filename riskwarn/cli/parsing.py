"""All verbs with their options."""

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from riskwarn import __version__
from riskwarn.cli import verbs as run
from riskwarn.cli import why


def parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    about = "Risk early warning for places: where trouble is likely next, why, and where the centre is blind."
    top = argparse.ArgumentParser(prog="riskwarn", description=about)
    top.add_argument("--version", action="version", version=f"riskwarn {__version__}")
    verbs = top.add_subparsers(metavar="VERB", required=True)
    for group in (_records, _features, _backtests, _models, _nights, _around):
        group(verbs)
    return top


def _records(verbs: Any) -> None:
    v = _verb(
        verbs,
        "init",
        run.init,
        "write the starter, features/ and experiments/, into a folder",
        "riskwarn init city-config",
        store=False,
    )
    v.add_argument("folder", type=Path)

    v = _verb(
        verbs,
        "ingest",
        run.ingest,
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
    v.add_argument("--arrived-at", metavar="TIME", help="when the files arrived; now by default")
    v.add_argument(
        "--again", action="store_true", help="read a known file once more, through a mended mapping or with new grids"
    )
    _out(v)

    v = _verb(
        verbs, "check", run.check, "say what the feeds of a store are like", "riskwarn check --store city --language en"
    )
    _language(v)
    v.add_argument("--html", type=Path, metavar="FILE", help="write the report as a page")


def _features(verbs: Any) -> None:
    v = _verb(
        verbs,
        "features",
        run.features,
        "print the catalogue of features",
        "riskwarn features --folder features",
        store=False,
    )
    v.add_argument("--folder", type=Path, help="folder of feature groups; the starter's by default")
    _language(v)
    _out(v)

    v = _verb(
        verbs,
        "panel",
        run.panel,
        "write the feature matrix",
        "riskwarn panel weekly.toml --as-of 2025-03-03 --out panel.parquet",
    )
    v.add_argument(
        "experiment", type=Path, nargs="?", help="an experiment file (TOML); without one, the raw matrix of --features"
    )
    v.add_argument("--as-of", help="dates separated by commas; the experiment's own by default")
    v.add_argument("--features", type=Path, help="folder of feature groups; beside the experiment by default")
    v.add_argument(
        "--out",
        type=Path,
        required=True,
        help="a .parquet, .csv or .xlsx file, or a folder to fill with one Parquet file a date, resumable",
    )


def _backtests(verbs: Any) -> None:
    v = _verb(
        verbs,
        "backtest",
        run.backtest,
        "compare the model with every baseline on past dates",
        "riskwarn backtest experiments/weekly.toml --out report.html --store city",
    )
    v.add_argument("experiment", type=Path, help="an experiment file (TOML)")
    v.add_argument(
        "--split", default="rolling-origin", choices=("rolling-origin", "leave-area-out", "worst-season"),
        help="forward in time (default), whole areas held out, or whole seasons",
    )  # fmt: skip
    v.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="the whole report as a .html page, or its figures as .parquet, .csv or .xlsx",
    )
    _add_horizon(v)

    v = _verb(
        verbs,
        "tune",
        run.tune,
        "search settings of the model on dates before the backtest's test dates",
        "riskwarn tune experiments/weekly.toml --trials 30 --out model.toml --store city",
    )
    v.add_argument("experiment", type=Path, help="an experiment file (TOML)")
    v.add_argument("--trials", type=int, default=30, help="sets of settings tried, 30 by default")
    v.add_argument("--seconds", type=float, help="CPU time after which no further trial starts")
    v.add_argument("--metric", default="poisson_deviance", help="what is to be best; poisson_deviance by default")
    v.add_argument("--out", type=Path, metavar="FILE", help="write section [model] to a .toml file")


def _models(verbs: Any) -> None:
    v = _verb(
        verbs,
        "train",
        run.train,
        "backtest, train, log to MLflow and register as @candidate",
        "riskwarn train experiments/weekly.toml --store city",
    )
    v.add_argument("experiment", type=Path, help="an experiment file (TOML)")
    v.add_argument("--no-backtest", action="store_true", help="skip the backtest; such a model cannot be promoted")
    _add_horizon(v)

    v = _verb(
        verbs,
        "promote",
        run.promote,
        "make the candidate the champion, if it passed the gate",
        "riskwarn promote dispute_28d --store city",
    )
    v.add_argument("target", help="name of the label")
    v.add_argument("--version", dest="model_version", help="a registered version; the candidate by default")


def _add_horizon(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--horizon", type=float, metavar="DAYS", help="ask the same over so many days; the model's name says how many"
    )


def _nights(verbs: Any) -> None:
    v = _night(verbs, "score", run.score, "score the grids of a date")
    _model(v)
    _out(v)

    _reasons(verbs)

    v = _night(verbs, "find-gaps", run.find_gaps, "say where not to trust calm")
    v.add_argument("--kinds", help="only these kinds, as G01,G08")
    _out(v)

    v = _night(verbs, "monitor", run.monitor, "say what of a date is unlike what came before, in feeds and scores")
    v.add_argument("--feeds", action="store_true", help="only the feeds; needs no model")
    v.add_argument("--all", action="store_true", help="also what is as usual")
    _model(v)
    _language(v)
    _out(v)

    v = _night(verbs, "raise-alerts", run.raise_alerts, "raise the alerts of a date under a capacity")
    _model(v)
    _capacity(v)
    _out(v)

    v = _night(verbs, "nightly", run.nightly, "do it all for a date and publish; safe to run twice")
    _model(v)
    _capacity(v)
    v.add_argument(
        "--run", dest="earlier_run", metavar="RUN", help="roll back: let this earlier run of the date hold again"
    )


def _reasons(verbs: Any) -> None:
    v = _night(verbs, "explain", why.explain, "say why grids have their score")
    v.add_argument("--rows", action="store_true", help="show the records behind one grid instead")
    v.add_argument("grids", nargs="*", metavar="GRID", help="only these grids")
    _model(v)
    _language(v)
    _out(v)

    v = _night(verbs, "changes", why.changes, "split what changed since an earlier night")
    v.add_argument("--since", help="the earlier night; the one before by default")
    _model(v)
    _capacity(v)
    _language(v)
    _out(v)

    v = _night(verbs, "what-if", why.what_if, "say where a grid would stand after closing cases", of="B036026 ")
    v.add_argument("grids", nargs=1, metavar="GRID")
    v.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="FEATURE=VALUE",
        help="a change to try; every sensible one by default",
    )
    _model(v)
    _language(v)
    _out(v)

    v = _verb(
        verbs,
        "review",
        why.review,
        "look back: was each serious event on the list",
        "riskwarn review --since 2025-03-01 --store city",
    )
    v.add_argument("--since", required=True, help="first day looked at")
    v.add_argument("--until", help="first day no longer looked at")
    v.add_argument("--source", help="only this feed")
    v.add_argument("--severity", type=int, default=2, help="least severity, 1 to 3")
    _out(v)


def _around(verbs: Any) -> None:
    v = _verb(
        verbs, "serve", run.serve, "show the published nights on a page", "riskwarn serve --store city --port 8000"
    )
    v.add_argument("--host", default="127.0.0.1")
    v.add_argument("--port", type=int, default=8000)
    _language(v)

    v = _verb(
        verbs,
        "simulate",
        run.simulate,
        "make a synthetic city with known truth",
        "riskwarn simulate --preset tiny --seed 7 --out town",
        store=False,
    )
    v.add_argument("--preset", choices=("tiny", "small", "city"), default="tiny")
    v.add_argument("--seed", type=int, default=7)
    v.add_argument(
        "--reports-per-year", type=float, default=60.0, help="all-type reports of a grid worker a year, 60 by default"
    )
    v.add_argument(
        "--dirty",
        action="store_true",
        help="write files as departments export them, faults included, instead of a store",
    )
    v.add_argument("--out", type=Path, required=True)

    v = _verb(verbs, "demo", run.demo, "run the main job on Boston 2015", "riskwarn demo --store demo/boston")
    v.add_argument("--serve", action="store_true", help="serve the page at the end")
    v.add_argument("--port", type=int, default=8000)

    _verb(verbs, "doctor", run.doctor, "say what is installed and what the store holds", "riskwarn doctor --store city")


def _verb(
    verbs: Any, name: str, does: Callable[[argparse.Namespace], None], what: str, example: str, *, store: bool = True
) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = verbs.add_parser(
        name, help=what, description=what[0].upper() + what[1:] + ".", epilog=f"example: {example}"
    )
    made.set_defaults(run=does)
    made.add_argument("--json", action="store_true", help="print JSON for machines")
    if store:
        made.add_argument(
            "--store",
            type=Path,
            default=os.environ.get("RISKWARN_STORE"),
            help="folder of the store, or RISKWARN_STORE",
        )
    return made


def _night(
    verbs: Any, name: str, does: Callable[[argparse.Namespace], None], what: str, *, of: str = ""
) -> argparse.ArgumentParser:
    made = _verb(verbs, name, does, what, f"riskwarn {name} {of}--as-of 2025-03-03 --store city")
    made.add_argument("--as-of", required=True, help="the night; a date means its local midnight")
    return made


def _model(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--target", help="name of the label; may be left out when one model is kept")
    verb.add_argument("--alias", default="champion", help="champion (default) or candidate")


def _capacity(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--capacity", type=int, default=50, help="grids that can be attended to")


def _language(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--language", choices=("zh", "en"), default="zh")


def _out(verb: argparse.ArgumentParser, *, required: bool = False) -> None:
    verb.add_argument("--out", type=Path, required=required, help="write the table to a .parquet, .csv or .xlsx file")
