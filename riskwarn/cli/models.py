"""The verbs of models: the matrix they read, how well they would have done, and which one is the champion."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from riskwarn.cli.options import (
    Address,
    Blocks,
    EngineName,
    ExperimentFile,
    Horizon,
    Jobs,
    Json,
    Language,
    Quiet,
    StoreFolder,
    example,
    verbs,
)
from riskwarn.cli.shared import (
    check_out,
    engine_of,
    experiment_of,
    listed,
    only_target,
    open_store,
    say,
    store_path,
)
from riskwarn.errors import DataError, NotFoundError

if TYPE_CHECKING:
    from riskwarn.backtesting import Report
    from riskwarn.experiment import Experiment
    from riskwarn.feature import Feature
    from riskwarn.model import RiskModel
    from riskwarn.plan import Plan
    from riskwarn.store import Store

app = verbs()


@app.command(epilog=example("riskwarn panel weekly.toml --as-of 2025-03-03 --out panel.parquet"))
def panel(
    *,
    experiment: Annotated[
        Path | None, typer.Argument(help="An experiment file (TOML); without one, the raw matrix of --features.")
    ] = None,
    as_of: Annotated[
        str | None, typer.Option(metavar="DATE[,DATE…]", help="Dates; the experiment's own by default.")
    ] = None,
    features: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of feature groups; beside the experiment by default.")
    ] = None,
    out: Annotated[
        Path,
        typer.Option(
            help="A .parquet, .csv or .xlsx file, or a folder to fill with one Parquet file a date, resumable; "
            "also s3://bucket/panel."
        ),
    ],
    engine: EngineName = "local",
    address: Address = "",
    jobs: Jobs = 1,
    blocks: Blocks = None,
    store: StoreFolder = None,
    json: Json = False,
) -> None:
    """Write the feature matrix."""
    from riskwarn.experiment import Experiment
    from riskwarn.exporting import ENDINGS, write_table
    from riskwarn.history import History
    from riskwarn.panel import GRID, build_panel, dates_of, panel_of, write_panel
    from riskwarn.store.remote import folder_of, is_address, unsigned

    ending = Path(unsigned(out)).suffix
    into_file = ending in ENDINGS if is_address(out) else bool(ending)
    if into_file:
        check_out(out)
    place = folder_of(out) if is_address(out) else out
    opened = open_store(store)
    dates = None if as_of is None else dates_of(listed(as_of))
    asked_engine = engine_of(engine, address, jobs, blocks)
    if asked_engine is not None and (experiment is None or into_file):
        raise DataError(
            "an engine writes the panel of an experiment into a folder: name both, --out without an ending."
        )
    if experiment is None:
        rows = panel_of(History.load(opened), _declared(features, dated=dates is not None and into_file), dates or [])
    else:
        asked = Experiment.load(experiment, features=features)
        if not into_file:
            if asked_engine is None:
                done = write_panel(opened, asked, place, as_of=dates)
            else:
                from riskwarn.distributed import write_blocks

                done = write_blocks(opened, asked, place, as_of=dates, engine=asked_engine, n_blocks=blocks)
            what = "dates" if asked_engine is None else "files of dates and blocks"
            text = f"{done.written} {what} written, {done.kept} kept in {place}"
            say({"written": done.written, "kept": done.kept, "out": str(place)}, text, as_json=json)
            return
        rows = build_panel(opened, asked, as_of=dates)
    columns = [c for c in rows.columns if not str(c).startswith(GRID)]
    write_table(rows[columns], out)
    say({"rows": len(rows), "columns": columns, "out": str(out)}, f"{len(rows):,} rows in {out}", as_json=json)


def _declared(folder: Path | None, *, dated: bool) -> "list[Feature]":
    """All features of a folder, where no experiment chooses among them."""
    from riskwarn.feature import load_group

    if not folder or not dated:
        raise DataError(
            "name an experiment, or --features DIR, --as-of DATE and --out FILE for the raw matrix of a folder of features."
        )
    groups = sorted(path.stem for path in folder.glob("*.py"))
    return [feature for group in groups for feature in load_group(folder, group)]


@app.command(epilog=example("riskwarn backtest experiments/weekly.toml --out report.html --store city"))
def backtest(
    *,
    experiment: ExperimentFile,
    split: Annotated[
        Literal["rolling-origin", "leave-area-out", "worst-season"],
        typer.Option(help="Forward in time, whole areas held out, or whole seasons."),
    ] = "rolling-origin",
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="The whole report as a .html page, or its figures as .parquet, .csv or .xlsx."
        ),
    ] = None,
    panel: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Judge on a panel that was written into this folder, a part of it in memory at a time."
        ),
    ] = None,
    horizon: Horizon = None,
    store: StoreFolder = None,
    json: Json = False,
) -> None:
    """Compare the model with every baseline on past dates."""
    from riskwarn.audit import events_of
    from riskwarn.backtesting import backtest
    from riskwarn.exporting import ENDINGS, write_table
    from riskwarn.history import History
    from riskwarn.panel import build_panel, grids_in, rows_on_disk
    from riskwarn.reporting import write_html

    check_out(out, (*ENDINGS, ".html"))
    opened, asked = open_store(store), experiment_of(experiment, horizon)
    kind: Any = split.replace("-", "_")
    page, events = out is not None and out.suffix == ".html", None
    if panel is None:
        history = History.load(opened)
        report = backtest(asked, build_panel(history, asked), split=kind)
        events = events_of(history, asked.label) if page and asked.label.is_count else None
    else:
        with rows_on_disk(panel, [f.name for f in asked.columns], dates=asked.dates.index()) as rows:
            report = backtest(asked, rows, grids=grids_in(panel), split=kind)
    if out and page:
        write_html(report, out, events=events)
    elif out:
        write_table(report.frame, out)
    differences = report.differences()
    plain = differences.astype(object).where(differences.notna(), None)
    body = {"table": report.table.to_dict("index"), "differences": plain.to_dict("records")}
    say(body, "\n".join([repr(report), *([f"\nthe report is {out}"] if out else [])]), as_json=json)


@app.command(epilog=example("riskwarn tune experiments/weekly.toml --trials 30 --out model.toml --store city"))
def tune(
    *,
    experiment: ExperimentFile,
    trials: Annotated[int, typer.Option(min=1, help="Sets of settings tried.")] = 30,
    seconds: Annotated[float | None, typer.Option(min=0, help="CPU time after which no further trial starts.")] = None,
    metric: Annotated[str, typer.Option(help="What is to be best.")] = "poisson_deviance",
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write section [model] to a .toml file.")] = None,
    store: StoreFolder = None,
    json: Json = False,
) -> None:
    """Search settings on dates before the tests."""
    from riskwarn import tracking
    from riskwarn.panel import build_panel
    from riskwarn.tuning import tune

    check_out(out, (".toml",))
    opened, asked = open_store(store), experiment_of(experiment)
    tracking.check_answers(tracking.default_uri(opened.path))
    best = tune(asked, build_panel(opened, asked), n_trials=trials, seconds=seconds, metric=metric)
    run = tracking.log_tuning(best, asked, uri=tracking.default_uri(opened.path))
    if out:
        out.write_text(best.toml, "utf-8")
    settings = vars(best.settings)
    body = {
        "metric": best.metric,
        "declared": best.declared,
        "best": best.best,
        "settings": settings,
        "mlflow_run": run,
    }
    hint = f"every trial is in MLflow run {run}; put [model] into {experiment} and backtest again."
    say(body, f"{best!r}\n{hint}", as_json=json)


@app.command(epilog=example("riskwarn train experiments/weekly.toml --store city"))
def train(
    *,
    experiment: ExperimentFile,
    no_backtest: Annotated[
        bool, typer.Option("--no-backtest", help="Skip the backtest; such a model cannot be promoted.")
    ] = False,
    panel: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Keep the panel in this folder, in blocks, and learn from its files: for a panel that outgrows memory.",
        ),
    ] = None,
    spread: Annotated[
        bool,
        typer.Option(
            "--spread", help="Grow the trees on the workers of a Dask cluster; they differ from those grown here."
        ),
    ] = False,
    engine: EngineName = "local",
    address: Address = "",
    jobs: Jobs = 1,
    blocks: Blocks = None,
    horizon: Horizon = None,
    store: StoreFolder = None,
    json: Json = False,
) -> None:
    """Backtest, train, log to MLflow and register as @candidate."""
    opened, asked = open_store(store), experiment_of(experiment, horizon)
    asked_engine = engine_of(engine, address, jobs, blocks)
    if panel is not None:
        from riskwarn.distributed import train_blocks

        model, report = train_blocks(
            opened, asked, panel, engine=asked_engine, n_blocks=blocks, judged=not no_backtest, spread=spread
        )
    elif asked_engine is not None or spread:
        raise DataError(
            "an engine writes the panel into a folder from which the model learns: name it with --panel DIR."
        )
    else:
        model, report = _trained(opened, asked, judged=not no_backtest)
    facts = {k: model.facts[k] for k in ("mlflow_run", "mlflow_version", "gate", "gate_reason")}
    facts["gate_reason"] = facts["gate_reason"]["en"]
    version, run = facts["mlflow_version"], facts["mlflow_run"]
    text = f"{model} is registered as @candidate, version {version}, MLflow run {run}\ngate: {facts['gate_reason']}"
    body = {"target": model.label.name, "model_version": model.version, **facts}
    say(body, text if report is None else f"{report!r}\n\n{text}", as_json=json)


def _trained(store: "Store", asked: "Experiment", *, judged: bool) -> "tuple[RiskModel, Report | None]":
    """A model of the panel at hand, and how it would have done, where that is asked for."""
    from riskwarn import tracking
    from riskwarn.backtesting import backtest
    from riskwarn.training import described_panel, train

    tracking.check_answers(tracking.default_uri(store.path))
    rows, sheet = described_panel(store, asked)
    report = backtest(asked, rows) if judged else None
    digest = sheet["data_digest"]
    model = train(
        asked, rows, report=report, tracking_folder=store.path, data_digest=digest, datasheet=sheet, records=store
    )
    return model, report


@app.command(epilog=example("riskwarn retrain experiments/weekly.toml --store city"))
def retrain(
    *,
    experiment: Annotated[
        Path | None, typer.Argument(metavar="EXPERIMENT", help="An experiment file (TOML); or give --plan.")
    ] = None,
    plan: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Every question of a plan (TOML), by the folder experiments beside it."),
    ] = None,
    challenger: Annotated[
        bool, typer.Option("--challenger", help="Keep it as @challenger, not as @candidate.")
    ] = False,
    promote: Annotated[
        bool, typer.Option("--promote", help="Make it the champion if it passes the gate; exit code 16 if not.")
    ] = False,
    store: StoreFolder = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Train again on what there is now, beside the champion."""
    from riskwarn import tracking
    from riskwarn.errors import GateError
    from riskwarn.retraining import retrain

    opened = open_store(store)
    alias = tracking.CHALLENGER if challenger else tracking.CANDIDATE
    questions, bounds = _asked(experiment, plan, opened)
    done = [retrain(opened, asked, alias=alias, promote=promote, plan=bounds) for asked in questions]
    texts = "\n\n".join(repr(retraining) for retraining in done)
    kept_back = any(retraining.kept_back for retraining in done)
    body = {"retrained": [retraining.to_dict() for retraining in done]}
    say(body, texts, as_json=json, quiet=quiet and not kept_back)
    if kept_back:
        raise typer.Exit(GateError.exit_code)


def _asked(experiment: Path | None, plan: Path | None, store: "Store") -> "tuple[list[Experiment], Plan]":
    """The one experiment named, or those of a plan; and the plan that promotions are held to."""
    from riskwarn.plan import Plan
    from riskwarn.retraining import experiments_of
    from riskwarn.working import declared_plan

    if experiment is not None and plan is None:
        return [experiment_of(experiment)], declared_plan(store)
    if plan is not None and experiment is None:
        asked = Plan.load(plan)
        return experiments_of(asked, plan.parent / "experiments"), asked
    raise DataError("name an experiment file, or --plan FILE for every question of a plan.")


@app.command(epilog=example("riskwarn promote dispute_28d --store city"))
def promote(
    *,
    target: Annotated[str, typer.Argument(help="Name of the label.")],
    version: Annotated[
        str | None, typer.Option("--version", help="A registered version, or challenger; the candidate by default.")
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Make a count the champion where the candidate did not pass: 'prior count 52 weeks'."
        ),
    ] = None,
    store: StoreFolder = None,
    json: Json = False,
) -> None:
    """Make the candidate the champion, if it passed the gate."""
    from riskwarn.counted import promote_count
    from riskwarn.holds import promote
    from riskwarn.working import declared_plan

    if baseline and version:
        raise DataError("name a --version or a --baseline, not both.")
    opened = open_store(store)
    if baseline:
        model = promote_count(opened, target, baseline)
        body = {"target": target, "champion": baseline, "model_version": model.version}
        say(body, f"the {baseline} is @champion of {target}: every list says that it is a count", as_json=json)
        return

    champion = promote(opened, declared_plan(opened), target, version=version)
    say({"target": target, "champion": champion}, f"version {champion} of {target} is @champion", as_json=json)


@app.command(epilog=example("riskwarn card dispute_28d --datasheet --language en --store city"))
def card(
    *,
    target: Annotated[
        str | None, typer.Argument(help="Name of the label; may be left out when one model is kept.")
    ] = None,
    datasheet: Annotated[bool, typer.Option("--datasheet", help="Of what it learnt from, not of the model.")] = False,
    audit: Annotated[
        bool, typer.Option("--audit", help="Whom it serves worse, and what becomes of places that report less.")
    ] = False,
    alias: Annotated[str, typer.Option(help="champion, candidate or challenger.")] = "champion",
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write it to a .md file.")] = None,
    language: Language = None,
    store: StoreFolder = None,
    json: Json = False,
) -> None:
    """Print the card of a kept model, the datasheet of what it learnt from, or its audit."""
    from riskwarn import tracking
    from riskwarn.datasheet import paper_of

    check_out(out, (".md",))
    if datasheet and audit:
        raise DataError("name --datasheet or --audit, not both: one paper is printed at a time.")
    folder, spoken = store_path(store), str(language)
    name = target or only_target(store)
    model = tracking.kept(folder, name, alias=alias)
    if model is None:
        raise NotFoundError(f"no model {name!r} @{alias} is kept in {folder}; train one with `riskwarn train`.")
    kind = "datasheet" if datasheet else "audit" if audit else "card"
    text = paper_of(model.facts, kind, target=name, version=model.version, language=spoken)
    if out:
        out.write_text(text, "utf-8")
    body = {"target": name, "alias": alias, "model_version": model.version, "text": text}
    if kind != "card":
        body[kind] = model.facts[kind]
    say(body, f"the {kind} is {out}" if out else text, as_json=json)
