"""The verbs that keep a store in order."""

from typing import Annotated

import typer

from riskwarn.cli.options import Json, StoreFolder, example, verbs
from riskwarn.cli.shared import open_store, say
from riskwarn.errors import DataError

app = verbs()


@app.command(epilog=example("riskwarn rollback 2025-03-03 --run 4f1c0a5be2d97713 --why half-a-feed --store city"))
def rollback(
    as_of: Annotated[str, typer.Argument(metavar="DATE", help="The night.")],
    *,
    run: Annotated[str, typer.Option(help="The earlier run that is to hold.")] = "",
    why: Annotated[str, typer.Option(help="The reason, kept with the night.")] = "",
    release: Annotated[bool, typer.Option("--release", help="End a rollback: the next job publishes again.")] = False,
    store: StoreFolder = None,
    json: Json = False,
) -> None:
    """Hold a night at an earlier run until it is released."""
    opened = open_store(store)
    if release == bool(run):
        runs = ", ".join(opened.runs(as_of)) or "none"
        raise DataError(f"name a run with --run, or give --release; runs of {as_of}: {runs}.")
    if release:
        run = opened.release(as_of).run
        text = f"{as_of} is free; run {run} stays until the next `riskwarn nightly` of the date."
    else:
        opened.roll_back(as_of, run, why=why)
        text = f"{as_of} is held at run {run} until `riskwarn rollback {as_of} --release`."
    say({"as_of": as_of, "run": run, "held": not release}, text, as_json=json)


@app.command(epilog=example("riskwarn prune --keep 60 --dry-run --store city"))
def prune(
    *,
    keep: Annotated[int, typer.Option(help="Newest dates whose nights stay, 30 at least.")] = 30,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say which would go.")] = False,
    store: StoreFolder = None,
    json: Json = False,
) -> None:
    """Take old nights away, never one held by a rollback."""
    opened = open_store(store)
    gone = opened.prune(keep=keep, dry_run=dry_run)
    n_bytes = sum(night.n_bytes for night in gone)
    lines = [f"{night.as_of.date()}  {night.n_bytes / 1e6:,.1f} MB" for night in gone]
    end = f"{len(gone)} nights {'would go' if dry_run else 'are gone'}, {n_bytes / 1e6:,.1f} MB; {len(opened.nights())} are there"
    dates = [night.as_of.date().isoformat() for night in gone]
    say(
        {"dry_run": dry_run, "nights": dates, "bytes": n_bytes, "left": len(opened.nights())},
        "\n".join([*lines, end]),
        as_json=json,
    )


@app.command(epilog=example("riskwarn migrate --store city"))
def migrate(*, store: StoreFolder = None, json: Json = False) -> None:
    """Bring a store of an older version up to today's format."""
    opened = open_store(store)
    done = opened.migrate()
    lines = done or [f"{opened.path}: store format {opened.format}, nothing to do."]
    say({"store": str(opened.path), "format": opened.format, "done": done}, "\n".join(lines), as_json=json)
