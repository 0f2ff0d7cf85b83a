"""The verbs that answer why: reasons, changes, what if, and what was missed."""

from typing import Annotated

import typer

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
    StoreFolder,
    Target,
    Work,
    example,
    verbs,
)
from riskwarn.cli.shared import (
    check_capacity,
    check_grids,
    check_out,
    engine_of,
    only_target,
    open_store,
    say,
    scored,
    show,
)
from riskwarn.errors import DataError
from riskwarn.language import LANGUAGES

app = verbs()


@app.command(epilog=example("riskwarn explain G0417 --as-of 2025-03-03 --store city"))
def explain(
    *,
    grids: Annotated[list[str] | None, typer.Argument(metavar="GRID…", help="Only these grids.")] = None,
    as_of: Night,
    records: Annotated[bool, typer.Option("--rows", help="Show the records behind one grid instead.")] = False,
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
    """Say why grids have their score."""
    from riskwarn.explanation import explain, rows
    from riskwarn.history import History

    check_out(out)
    asked, asked_engine = grids or [], engine_of(engine, address, jobs, blocks, work)
    if records and len(asked) != 1:
        raise DataError(f"--rows shows the records behind one grid; name one, got {len(asked)}.")
    opened = open_store(store)
    at = opened.instant(as_of)
    if asked_engine is not None and not records:
        from riskwarn.distributed import explain_blocks
        from riskwarn.pipeline import model_of

        model = model_of(opened, target or only_target(store), alias=alias)
        reasons = explain_blocks(
            opened, model, at, grids=asked or None, engine=asked_engine, n_blocks=blocks, folder=work
        )
    else:
        model, panel, _ = scored(store, as_of, target, alias, DEFAULT_CAPACITY)
        check_grids(asked, panel)
        if records:
            show(rows(opened, model, asked[0], at), out=out, as_json=json)
            return
        reasons = explain(model, panel, grids=asked or None, history=History.load(opened, as_of=at))
    shown = reasons[["grid_id", "place", "contribution", str(language), f"remedy_{language}"]]
    show(reasons, out=out, as_json=json, shown=shown)


@app.command(epilog=example("riskwarn changes --as-of 2025-03-03 --since 2025-02-24 --store city"))
def changes(
    *,
    as_of: Night,
    since: Annotated[
        str | None, typer.Option(metavar="DATE", help="The earlier night; the one before by default.")
    ] = None,
    capacity: Capacity = DEFAULT_CAPACITY,
    target: Target = "",
    alias: Alias = "champion",
    language: Language = None,
    out: Out = None,
    store: StoreFolder = None,
    json: Json = False,
) -> None:
    """Split what changed since an earlier night."""
    from riskwarn.explanation import change_sentences, changes
    from riskwarn.pipeline import model_of

    check_out(out)
    check_capacity(capacity)
    opened = open_store(store)
    at, before = opened.instant(as_of), opened.instant(since) if since else None
    model = model_of(opened, target or only_target(store), alias=alias)
    table = changes(opened, model, at, since=before, capacity=capacity)
    table = table.assign(**{code: change_sentences(table, code) for code in LANGUAGES})
    moved = table["status"].isin(["entered", "left"])
    shown = table.loc[moved, ["grid_id", "status", "rank_before", "rank", str(language)]]
    n_entered, n_left = ((table["status"] == status).sum() for status in ("entered", "left"))
    said = f"{n_entered} grids entered and {n_left} left the list of {capacity}; {len(table):,} grids were compared"
    show(table, out=out, as_json=json, shown=shown, said=said)


@app.command("what-if", epilog=example("riskwarn what-if G0417 --as-of 2025-03-03 --store city"))
def what_if(
    *,
    grid: Annotated[str, typer.Argument(metavar="GRID")],
    as_of: Night,
    changed: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FEATURE=VALUE", help="A change to try; every sensible one by default."),
    ] = None,
    target: Target = "",
    alias: Alias = "champion",
    language: Language = None,
    store: StoreFolder = None,
    json: Json = False,
) -> None:
    """Say where a grid would stand after closing cases."""
    from riskwarn.explanation import CAVEAT, what_if, what_ifs

    values = _values(changed or [])
    model, panel, _ = scored(store, as_of, target, alias, DEFAULT_CAPACITY)
    check_grids([grid], panel)
    answers = [what_if(model, panel, grid, values)] if values else what_ifs(model, panel, grid)
    spoken = str(language)
    lines = [answer.sentence(spoken) for answer in answers]
    lines = lines or [f"{grid}: no open or overdue case that the model reads could be closed there, so nothing to try."]
    say([answer.to_dict() for answer in answers], "\n".join([*lines, "", CAVEAT[spoken]]), as_json=json)


def _values(pairs: list[str]) -> dict[str, float]:
    """Numbers by feature, from ``feature=number``."""
    values = {}
    for pair in pairs:
        name, _, number = pair.partition("=")
        try:
            values[name] = float(number)
        except ValueError:
            raise DataError(f"--set wants feature=number, got {pair!r}.") from None
    return values


@app.command(epilog=example("riskwarn review --since 2025-03-01 --store city"))
def review(
    *,
    since: Annotated[str, typer.Option(metavar="DATE", help="First day looked at.")],
    until: Annotated[str | None, typer.Option(metavar="DATE", help="First day no longer looked at.")] = None,
    source: Annotated[str | None, typer.Option(help="Only this feed.")] = None,
    severity: Annotated[int, typer.Option(min=1, max=3, help="Least severity.")] = 2,
    out: Out = None,
    store: StoreFolder = None,
    json: Json = False,
) -> None:
    """Look back: was each serious event on the list."""
    from riskwarn.explanation import review

    check_out(out)
    looked = review(open_store(store), since=since, until=until, source=source, severity=severity)
    if out or json:
        show(looked.frame, out=out, as_json=json)
        return
    print(repr(looked))
