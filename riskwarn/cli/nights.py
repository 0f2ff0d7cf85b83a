"""The verbs of a night: scores, gaps, monitors, alerts, and all of them published together."""

import contextlib
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from riskwarn.cli.logbook import teller
from riskwarn.cli.options import (
    DEFAULT_CAPACITY,
    Address,
    Alias,
    Blocks,
    Capacity,
    EngineName,
    Jobs,
    Json,
    Language,
    Night,
    Out,
    Quiet,
    StoreFolder,
    Target,
    Work,
    example,
    verbs,
)
from riskwarn.cli.shared import (
    check_capacity,
    check_out,
    engine_of,
    enter_nights,
    listed,
    only_target,
    open_store,
    plan_of,
    say,
    scored,
    show,
)
from riskwarn.errors import RiskwarnError

if TYPE_CHECKING:
    import pandas as pd

    from riskwarn.pipeline import Night as PublishedAnswer
    from riskwarn.store import Store

app = verbs()
LACKING = 3
"""Exit code of a night that was published without an answer to some of its questions."""


@app.command(epilog=example("riskwarn score --as-of 2025-03-03 --store city"))
def score(
    *,
    as_of: Night,
    target: Target = "",
    alias: Alias = "champion",
    out: Out = None,
    engine: EngineName = "local",
    address: Address = "",
    jobs: Jobs = 1,
    blocks: Blocks = None,
    work: Work = None,
    store: StoreFolder = None,
    json: Json = False,
) -> None:
    """Score the grids of a date."""
    check_out(out)
    asked_engine = engine_of(engine, address, jobs, blocks, work)
    if asked_engine is None:
        _, _, scores = scored(store, as_of, target, alias, DEFAULT_CAPACITY)
    else:
        from riskwarn.distributed import score_blocks
        from riskwarn.pipeline import model_of

        opened = open_store(store)
        model = model_of(opened, target or only_target(store), alias=alias)
        at = opened.instant(as_of)
        scores = score_blocks(
            opened, model, at, capacity=DEFAULT_CAPACITY, engine=asked_engine, n_blocks=blocks, folder=work
        )
    show(scores, out=out, as_json=json)


@app.command("find-gaps", epilog=example("riskwarn find-gaps --as-of 2025-03-03 --store city"))
def find_gaps(
    *,
    as_of: Night,
    kinds: Annotated[str | None, typer.Option(metavar="KIND[,KIND…]", help="Only these kinds, as G01,G08.")] = None,
    out: Out = None,
    engine: EngineName = "local",
    address: Address = "",
    jobs: Jobs = 1,
    blocks: Blocks = None,
    work: Work = None,
    store: StoreFolder = None,
    json: Json = False,
) -> None:
    """Say where not to trust calm."""
    from riskwarn.gaps import find_gaps

    check_out(out)
    asked_engine = engine_of(engine, address, jobs, blocks, work)
    opened = open_store(store)
    at = opened.instant(as_of)
    if asked_engine is None:
        table = find_gaps(opened, as_of=at, kinds=listed(kinds))
    else:
        from riskwarn.distributed import search_blocks

        table = search_blocks(opened, as_of=at, kinds=listed(kinds), engine=asked_engine, n_blocks=blocks, folder=work)
    show(table, out=out, as_json=json, said=_by_state(table))


def _shadow(facts: dict[str, Any]) -> dict[str, Any]:
    """How the challengers compare, without their lists."""
    told = facts.get("shadow", {})
    return {target: {name: v for name, v in of.items() if name != "waiting"} for target, of in told.items()}


def _by_state(gaps: "pd.DataFrame") -> str:
    """How many gaps are open, and how many kinds could not be judged: two numbers, for nothing found is not nothing known."""
    held = gaps["suppressed_by"].notna() & (gaps["suppressed_by"].astype("str") != "")
    n_unjudged = int((gaps["state"] == "insufficient_data").sum())
    n_open = int(((gaps["state"] == "open") & ~held).sum())
    return (
        f"{n_open} open, {int(held.sum())} suppressed by a graver one, {n_unjudged} not judgeable (insufficient_data)"
    )


@app.command(epilog=example("riskwarn monitor --as-of 2025-03-03 --store city"))
def monitor(
    *,
    as_of: Night,
    feeds: Annotated[bool, typer.Option("--feeds", help="Only the feeds; needs no model.")] = False,
    whole: Annotated[bool, typer.Option("--all", help="Also what is as usual.")] = False,
    outcomes: Annotated[
        bool, typer.Option("--outcomes", help="How earlier nights came out, as the night published it.")
    ] = False,
    target: Target = "",
    alias: Alias = "champion",
    language: Language = None,
    out: Out = None,
    engine: EngineName = "local",
    address: Address = "",
    jobs: Jobs = 1,
    blocks: Blocks = None,
    work: Work = None,
    store: StoreFolder = None,
    json: Json = False,
) -> None:
    """Say what is unlike what came before."""
    from riskwarn import monitoring
    from riskwarn.maturity import lines_of
    from riskwarn.pipeline import model_of

    check_out(out)
    asked_engine = engine_of(engine, address, jobs, blocks, work)
    opened = open_store(store)
    at = opened.instant(as_of)
    if outcomes:
        _show_outcomes(opened, at, target, out=out, as_json=json, language=str(language))
        return
    model = None if feeds else model_of(opened, target or only_target(store), alias=alias)
    if asked_engine is None:
        marks = monitoring.check(opened, model, at)
    else:
        from riskwarn.distributed import monitor_blocks

        marks = monitor_blocks(opened, model, at, engine=asked_engine, n_blocks=blocks, folder=work)
    if out or json:
        show(marks, out=out, as_json=json, said=monitoring.summary(marks))
        return
    shown = marks if whole else marks[marks["state"] != "ok"]
    texts = monitoring.in_words(shown, str(language))
    lines = [f"{state:<8}{text}" for state, text in zip(shown["state"], texts, strict=True)]
    print("\n".join([*lines, monitoring.summary(marks)]))
    if not feeds and opened.run_of(at):
        print("\n".join(lines_of(opened.facts(at).get("maturity") or {}, str(language))), end="")


def _show_outcomes(
    store: "Store", at: "pd.Timestamp", target: str, *, out: Path | None, as_json: bool, language: str
) -> None:
    """How earlier nights came out: a row a night and question, then the sentences."""
    from riskwarn.degraded import night_table
    from riskwarn.maturity import in_words, lines_of

    night = store.night(at)
    rows = night_table(night, "matured")
    rows = rows[rows["target"] == target] if target else rows
    city = rows[(rows["part"] == "city") & rows["holds"].astype(bool)].sort_values(["target", "night_at"])
    told = {name: of for name, of in (night.facts.get("maturity") or {}).items() if not target or name == target}
    columns = [
        "target",
        "night_at",
        "prospective",
        "n_listed",
        "n_hit",
        "n_events",
        "expected",
        "caught",
        "caught_prior",
    ]
    lines = lines_of(told, language) or [said[language] for said in in_words({})]
    broken = night.facts.get("unsealed") or []
    show(rows, out=out, as_json=as_json, shown=city[columns].round(1), said="\n".join([*lines, *broken]))


@app.command("raise-alerts", epilog=example("riskwarn raise-alerts --as-of 2025-03-03 --store city"))
def raise_alerts(
    *,
    as_of: Night,
    capacity: Capacity = DEFAULT_CAPACITY,
    target: Target = "",
    alias: Alias = "champion",
    out: Out = None,
    store: StoreFolder = None,
    json: Json = False,
) -> None:
    """Raise the alerts of a date under a capacity."""
    from riskwarn.alerting import raise_alerts
    from riskwarn.explanation import explain
    from riskwarn.gaps import find_gaps

    check_out(out)
    check_capacity(capacity)
    model, panel, scores = scored(store, as_of, target, alias, capacity)
    opened = open_store(store)
    reasons, gaps = explain(model, panel), find_gaps(opened, scores)
    alerts = raise_alerts(scores, reasons, gaps, capacity=capacity, grids=opened.grids(as_of))
    n_grids = len(" ".join(alerts["grid_ids"].astype("str")).split())
    show(
        alerts,
        out=out,
        as_json=json,
        said=f"{len(alerts)} alerts for {n_grids} grids, of {capacity} that can be attended to",
    )


@app.command(epilog=example("riskwarn nightly --as-of 2025-03-03 --store city"))
def nightly(
    *,
    as_of: Night,
    plan: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="What is asked (TOML); plan.toml of the store, where it has one, by default."
        ),
    ] = None,
    capacity: Annotated[
        int | None, typer.Option(help="Grids that can be attended to; by default what the plan says, 50 without one.")
    ] = None,
    target: Target = "",
    alias: Alias = "champion",
    force: Annotated[
        str, typer.Option(metavar="REASON", help="Publish though the night cannot be right; the reason is logged.")
    ] = "",
    bulletin: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Also write the bulletin there: .docx where it can be, .html, .xlsx, .json."
        ),
    ] = None,
    language: Language = None,
    engine: EngineName = "local",
    address: Address = "",
    jobs: Jobs = 1,
    blocks: Blocks = None,
    work: Work = None,
    store: StoreFolder = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Do it all for a date and publish; safe to run twice."""
    from riskwarn.pipeline import nightly

    asked_engine = engine_of(engine, address, jobs, blocks, work)
    opened = open_store(store)
    if capacity is not None:
        check_capacity(capacity)
    opened.instant(as_of)
    tell = teller(silent=json or quiet)
    with contextlib.suppress(
        RiskwarnError
    ):  # what an earlier job left; a fault of the ledger must not keep a night back
        enter_nights(opened)
    planned = None if target else plan_of(plan, store)
    asked = "" if planned else target or only_target(store)
    if asked_engine is not None:
        from riskwarn.distributed import nightly_blocks

        nightly = partial(nightly_blocks, engine=asked_engine, n_blocks=blocks, folder=work)
    night = nightly(opened, asked, as_of=as_of, plan=planned, capacity=capacity, alias=alias, force=force, say=tell)
    tell(enter_nights(opened))
    if bulletin:
        _write_bulletins(opened, night.as_of, bulletin, str(language), tell)
    _say_night(night, as_json=json, quiet=quiet)


def _say_night(night: "PublishedAnswer", *, as_json: bool, quiet: bool) -> None:
    """What was published, as text or JSON; ends with its own exit code where the night lacks something."""
    from riskwarn.degraded import in_words

    counts = {"grids": night.scores["grid_id"].nunique(), "alerts": len(night.alerts), "gaps": len(night.gaps)}
    when = {"as_of": night.as_of.isoformat(), "run": night.run, "done_before": night.done_before}
    text = f"run {night.run}: {counts['grids']:,} grids, {counts['alerts']} alerts; gaps: {_by_state(night.gaps)}"
    failed, fallen, lacks = night.facts.get("failed", {}), night.facts.get("fallen", {}), in_words(night.facts)
    state = {
        "state": night.facts.get("state", "ok"),
        "degraded": night.facts.get("degraded"),
        "failed": failed,
        "fallen": fallen,
        "shadow": _shadow(night.facts),
    }
    body = {**when, **counts, "model_version": night.facts["model_version"], **state}
    lacking = bool(failed or fallen or lacks)
    say(body, f"{text}; {lacks}" if lacks else text, as_json=as_json, quiet=quiet and not lacking)
    if lacking:
        raise typer.Exit(LACKING)


def _write_bulletins(
    store: "Store", as_of: "pd.Timestamp", folder: Path, language: str, tell: Callable[[str], None]
) -> None:
    """The bulletin of the night in each form; what cannot be written is said and keeps no night back."""
    from riskwarn.bulletin import ENDINGS, make_bulletin, write_bulletin

    made = None
    for ending in ENDINGS:
        target = folder / f"bulletin-{as_of:%Y-%m-%d}{ending}"
        try:
            made = made or make_bulletin(store, as_of, language=language)
            write_bulletin(made, target)
            tell(f"bulletin: {target}")
        except (RiskwarnError, OSError) as error:
            print(f"bulletin: {target.name} is not written: {error}", file=sys.stderr)


@app.command(epilog=example("riskwarn mode urgent --by shift_leader --why flood --store city"))
def mode(
    *,
    to: Annotated[
        str | None, typer.Argument(metavar="MODE", help="normal, urgent or war; without one, the mode that holds.")
    ] = None,
    by: Annotated[str, typer.Option(metavar="ROLE", help="Who switches: a role, never a person.")] = "",
    why: Annotated[str, typer.Option(help="The reason, in a few words.")] = "",
    at: Annotated[str | None, typer.Option(metavar="DATE", help="From when it holds; now by default.")] = None,
    store: StoreFolder = None,
    json: Json = False,
) -> None:
    """Say in which mode the centre works, or switch it."""
    from riskwarn.mode import mode_at, switch

    opened = open_store(store)
    held = mode_at(opened, at) if to is None else switch(opened, to, by=by, why=why, at=at)
    since = "" if held.at is None else f" since {held.at:%Y-%m-%d %H:%M} ({held.by}: {held.why})"
    body = {"mode": held.mode, "at": held.at and held.at.isoformat(), "by": held.by, "why": held.why}
    say(body, f"{held.mode}{since}", as_json=json)
