"""The verbs that keep a store in order."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from riskwarn.cli.options import Json, StoreFolder, example, verbs
from riskwarn.cli.shared import open_store, say
from riskwarn.errors import DataError

if TYPE_CHECKING:
    from riskwarn.store.backup import Backup

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


@app.command(epilog=example("riskwarn stop --by shift_leader --why half-the-calls-are-missing --store city"))
def stop(
    *,
    by: Annotated[str, typer.Option(metavar="ROLE", help="Who does it: a role, never a person.")] = "",
    why: Annotated[str, typer.Option(help="The reason, which every page says.")] = "",
    release: Annotated[bool, typer.Option("--release", help="Let it go on.")] = False,
    store: StoreFolder = None,
    json: Json = False,
) -> None:
    """Stop publishing and showing scores, or say whether it is stopped."""
    opened = open_store(store)
    if by or why or release:
        _ = opened.go_on(by=by, why=why) if release else opened.stop(by=by, why=why)
    held = opened.stopped
    text = f"{held.said}. {held.lift}" if held else "not stopped"
    say({"stopped": held is not None, **(vars(held) if held else {})}, text, as_json=json)


@app.command(
    epilog=example(
        "riskwarn approve --until 2027-06-30 --by admin --why yearly-review-of-the-steering-group --store city"
    )
)
def approve(
    *,
    until: Annotated[str, typer.Option(metavar="DATE", help="The last day; the day after, it stops.")] = "",
    by: Annotated[str, typer.Option(metavar="ROLE", help="Who approves: a role, never a person.")] = "",
    why: Annotated[str, typer.Option(help="What was looked at.")] = "",
    store: StoreFolder = None,
    json: Json = False,
) -> None:
    """Approve publishing and showing scores until a day, or say until when."""
    opened = open_store(store)
    made = opened.approve(until=until, by=by, why=why) if until or by or why else opened.approval
    text = (
        f"approved until {made.until or 'a day that cannot be read'} ({made.by}: {made.why})"
        if made
        else "nothing was published yet"
    )
    say(vars(made) if made else {"until": None}, text, as_json=json)


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
    went = "would go" if dry_run else "is gone" if len(gone) == 1 else "are gone"
    end = (
        f"{len(gone)} night{'' if len(gone) == 1 else 's'} {went}, {n_bytes / 1e6:,.1f} MB; {len(opened.nights())} left"
    )
    dates = [night.as_of.date().isoformat() for night in gone]
    say(
        {"dry_run": dry_run, "nights": dates, "bytes": n_bytes, "left": len(opened.nights())},
        "\n".join([*lines, end]),
        as_json=json,
    )


@app.command(epilog=example("riskwarn backup city.zip --store city"))
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The zip file to write.")],
    *,
    with_keys: Annotated[
        bool, typer.Option("--with-keys", help="Put the keys in too; keep such a file secret.")
    ] = False,
    store: StoreFolder = None,
    json: Json = False,
) -> None:
    """Write the store into one file, with the digest of each of its files."""
    from riskwarn.store.backup import back_up

    made = back_up(open_store(store), file, with_keys=with_keys)
    say(
        {"file": str(file), **vars(made)},
        f"{file}: {made.n_files} files, {made.n_bytes / 1e6:,.1f} MB; {_of_keys(made)}",
        as_json=json,
    )


@app.command(epilog=example("riskwarn restore city.zip city-again"))
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file of riskwarn backup.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the new store.")],
    *,
    json: Json = False,
) -> None:
    """Make a store of a backup; a damaged one is refused."""
    from riskwarn.store.backup import restore

    made = restore(file, folder)
    say({"store": str(folder), **vars(made)}, f"{folder}: {made.n_files} files; {_of_keys(made)}", as_json=json)


def _of_keys(made: "Backup") -> str:
    """Which keys a backup holds, and what follows."""
    if made.keys:
        return f"WITH the keys {', '.join(made.keys)}: whoever has the file can sign models and undo hashing; keep it secret"
    return "without the keys: kept models must be promoted again, or .key and place.key put back by hand"


@app.command(epilog=example("riskwarn migrate --store city"))
def migrate(*, store: StoreFolder = None, json: Json = False) -> None:
    """Bring a store of an older version up to today's format."""
    opened = open_store(store)
    done = opened.migrate()
    lines = done or [f"{opened.path}: store format {opened.format}, nothing to do."]
    say({"store": str(opened.path), "format": opened.format, "done": done}, "\n".join(lines), as_json=json)
