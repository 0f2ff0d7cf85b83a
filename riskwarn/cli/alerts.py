"""The verbs of the ledger: what people do about alerts and gaps, one by one or by a list that comes back, and the proof of it all."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from riskwarn.cli.options import Json, Language, Out, StoreFolder, example, verbs
from riskwarn.cli.shared import check_out, open_store, say, show
from riskwarn.errors import DataError, TamperedError

if TYPE_CHECKING:
    import pandas as pd

    from riskwarn.ledger import Ledger
    from riskwarn.ledger.item import Item

app = verbs()
alerts = verbs()
ledger = verbs()
app.add_typer(
    alerts,
    name="alerts",
    help="Acknowledge, assign, report and close alerts and gaps.",
    epilog=example("riskwarn alerts list --open --store city"),
)
app.add_typer(
    ledger,
    name="ledger",
    help="Verify, upgrade and move the ledger of what people did.",
    epilog=example("riskwarn ledger verify --store city"),
)

ItemId = Annotated[str, typer.Argument(metavar="ITEM", help="Name of the item, or the beginning of it.")]
Role = Annotated[
    str, typer.Option(envvar="RISKWARN_ROLE", help="Who acts: a role, such as township_centre. Never a person.")
]
Area = Annotated[
    str, typer.Option(envvar="RISKWARN_AREA", metavar="CODE", help="Area that is spoken for; * is the whole city.")
]
Account = Annotated[
    str,
    typer.Option(
        envvar="RISKWARN_ACCOUNT", help="Account that acts; a digest of it is kept. That of the system by default."
    ),
]
Seen = Annotated[int | None, typer.Option("--version", metavar="N", help="The version you looked at.")]
At = Annotated[str | None, typer.Option(metavar="TIME", help="When it was done; now by default.")]
Reason = Annotated[str, typer.Option(metavar="CODE", help="Reason, a code or its words.")]


@contextmanager
def _opened(store: Path | None) -> "Iterator[Ledger]":
    from riskwarn.ledger import Ledger

    with Ledger(open_store(store)) as opened:
        yield opened


def _act(store: Path | None, item: str, action: str, who: tuple[str, str, str], *, json: bool, **given: Any) -> None:
    """Take a step and say how the item stands."""
    from riskwarn.ledger import code_of

    role, area, account = who
    for what in ("reason", "outcome"):
        if given.get(what):
            given[what] = code_of(what, given[what])
    with _opened(store) as opened:
        actor = opened.actor(_role(role), area=area, account=account or getpass.getuser())
        done = opened.act(item, action, actor, **{k: v for k, v in given.items() if v not in {None, ""}})
        say(_body(done), f"{done.item_id}: {done.state}, version {done.version}", as_json=json)


def _role(role: str) -> str:
    from riskwarn.ledger import code_of

    if not role:
        raise DataError("who acts? Give --role, such as --role township_centre, or set RISKWARN_ROLE.")
    return code_of("role", role)


def _body(item: "Item") -> dict[str, Any]:
    return {**vars(item), "reading": dict(item.reading)}


# -- reading -------------------------------------------------------------------------------------------------------------


@alerts.command("list", epilog=example("riskwarn alerts list --open --area 320102 --out today.xlsx --store city"))
def list_(
    *,
    kind: Annotated[str | None, typer.Option(help="alert, gap or supervision; all by default.")] = None,
    level: Annotated[str | None, typer.Option(help="red, orange, yellow or blue; all by default.")] = None,
    state: Annotated[str | None, typer.Option(help="Only items in this state.")] = None,
    area: Annotated[str, typer.Option(metavar="CODE", help="Only what lies within this area.")] = "*",
    open_only: Annotated[bool, typer.Option("--open", help="Leave out what has ended.")] = False,
    out: Out = None,
    language: Language = None,
    store: StoreFolder = None,
    json: Json = False,
) -> None:
    """List items with their clocks; an .xlsx file can be filled in and brought back by `riskwarn alerts import`."""
    from riskwarn.ledger.sheet import sheet_of, write_sheet

    check_out(out)
    with _opened(store) as opened:
        items = opened.items(kind=kind, states=[state] if state else None, level=level, area=area, open_only=open_only)
        table = _with_clocks(opened, items)
        workflow = opened.workflow
    if out and out.suffix in {".xlsx", ".csv"}:
        write_sheet(sheet_of(table, language=str(language)), out, workflow=workflow, language=str(language))
        print(f"{len(table):,} rows in {out}")
        return
    if out:
        table = table.assign(reading=[dumps(r, ensure_ascii=False) for r in table["reading"]])
    shown = table[["item_id", "version", "kind", "level", "state", "topic", "grid_ids", "clock", "due_at", "late"]]
    show(table, out=out, as_json=json, shown=shown)


def _with_clocks(opened: "Ledger", items: "pd.DataFrame") -> "pd.DataFrame":
    """Items with the clock that ends first."""
    from riskwarn.ledger import clocks

    running = clocks(opened).sort_values("due_at", kind="stable").drop_duplicates("item_id")
    first = running.rename(columns={"state": "late"})[["item_id", "clock", "due_at", "late"]]
    return items.merge(first, on="item_id", how="left")


@alerts.command("show", epilog=example("riskwarn alerts show 3f9c01ab --store city"))
def show_(*, item: ItemId, language: Language = None, store: StoreFolder = None, json: Json = False) -> None:
    """Show an item and everything that happened to it."""
    from riskwarn.exporting import plain_times
    from riskwarn.ledger.sheet import in_words, trail_in_words

    with _opened(store) as opened:
        it = opened.item(item)
        trail = opened.trail(it.item_id)
    if json:
        rows = plain_times(trail).to_dict("records")
        say({**_body(it), "trail": rows}, "", as_json=True)
        return
    print(in_words(it, language=str(language)))
    print(trail_in_words(trail, language=str(language)).to_string(index=False))


# -- acting --------------------------------------------------------------------------------------------------------------


@alerts.command(epilog=example("riskwarn alerts ack 3f9c01ab --role township_centre --area 320102001 --store city"))
def ack(
    *,
    item: ItemId,
    role: Role = "",
    area: Area = "*",
    account: Account = "",
    version: Seen = None,
    at: At = None,
    store: StoreFolder = None,
    json: Json = False,
) -> None:
    """Acknowledge."""
    _act(store, item, "acknowledge", (role, area, account), version=version, at=at, json=json)


@alerts.command(epilog=example("riskwarn alerts assign 3f9c01ab --to 320102001 --role shift_leader --store city"))
def assign(
    *,
    item: ItemId,
    to: Annotated[str, typer.Option(metavar="CODE", help="Area or body that shall act.")],
    role: Role = "",
    area: Area = "*",
    account: Account = "",
    version: Seen = None,
    at: At = None,
    store: StoreFolder = None,
    json: Json = False,
) -> None:
    """Assign to an area or body."""
    _act(store, item, "assign", (role, area, account), area=to, version=version, at=at, json=json)


@alerts.command(epilog=example("riskwarn alerts start 3f9c01ab --role grid_head --area 320102001 --store city"))
def start(
    *,
    item: ItemId,
    role: Role = "",
    area: Area = "*",
    account: Account = "",
    version: Seen = None,
    at: At = None,
    store: StoreFolder = None,
    json: Json = False,
) -> None:
    """Say that the first visit or call was made."""
    _act(store, item, "start", (role, area, account), version=version, at=at, json=json)


@alerts.command(
    epilog=example("riskwarn alerts feedback 3f9c01ab --outcome O3 --role grid_head --area 320102001 --store city")
)
def feedback(
    *,
    item: ItemId,
    outcome: Annotated[str, typer.Option(metavar="CODE", help="What was found: O1 to O8, or its words.")],
    role: Role = "",
    area: Area = "*",
    account: Account = "",
    version: Seen = None,
    at: At = None,
    store: StoreFolder = None,
    json: Json = False,
) -> None:
    """Report the result."""
    _act(store, item, "feedback", (role, area, account), outcome=outcome, version=version, at=at, json=json)


@alerts.command(epilog=example("riskwarn alerts verify 3f9c01ab --role county_centre --area 320102 --store city"))
def verify(
    *,
    item: ItemId,
    role: Role = "",
    area: Area = "*",
    account: Account = "",
    version: Seen = None,
    at: At = None,
    store: StoreFolder = None,
    json: Json = False,
) -> None:
    """Verify a result; a gap is verified by evidence alone."""
    _act(store, item, "verify", (role, area, account), version=version, at=at, json=json)


@alerts.command(epilog=example("riskwarn alerts close 3f9c01ab --role township_centre --area 320102001 --store city"))
def close(
    *,
    item: ItemId,
    role: Role = "",
    area: Area = "*",
    account: Account = "",
    version: Seen = None,
    at: At = None,
    store: StoreFolder = None,
    json: Json = False,
) -> None:
    """Close what was verified."""
    _act(store, item, "close", (role, area, account), version=version, at=at, json=json)


def _with_reason(action: str, name: str, help_text: str, reason: str) -> None:
    """A verb that wants a reason."""

    @alerts.command(
        name,
        help=help_text,
        epilog=example(f"riskwarn alerts {name} 3f9c01ab --reason {reason} --role shift_leader --store city"),
    )
    def verb(
        *,
        item: ItemId,
        reason: Reason,
        role: Role = "",
        area: Area = "*",
        account: Account = "",
        version: Seen = None,
        at: At = None,
        store: StoreFolder = None,
        json: Json = False,
    ) -> None:
        _act(store, item, action, (role, area, account), reason=reason, version=version, at=at, json=json)


_with_reason("return", "return", "Return what is not yours, with a reason.", "not_our_area")
_with_reason("reject", "reject", "Send a result back that does not hold, with a reason.", "not_visited")
_with_reason("dismiss", "dismiss", "Dismiss, with a reason.", "duplicate")
_with_reason("escalate", "escalate", "Pass up a level, with a reason.", "several_bodies")
_with_reason("reopen", "reopen", "Reopen what had ended, with a reason.", "happened_again")


@alerts.command(
    epilog=example(
        "riskwarn alerts merge 3f9c01ab --into 77aa02cd --reason same_place --role shift_leader --store city"
    )
)
def merge(
    *,
    item: ItemId,
    into: Annotated[str, typer.Option(metavar="ITEM", help="The open alert it is worked with from now on.")],
    reason: Reason,
    role: Role = "",
    area: Area = "*",
    account: Account = "",
    version: Seen = None,
    at: At = None,
    store: StoreFolder = None,
    json: Json = False,
) -> None:
    """Merge an alert into another of the same matter."""
    _act(store, item, "merge", (role, area, account), into=into, reason=reason, version=version, at=at, json=json)


@alerts.command("import", epilog=example("riskwarn alerts import today.xlsx --role township_centre --store city"))
def import_(
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A list of `riskwarn alerts list`, filled in.")],
    role: Role = "",
    area: Area = "*",
    account: Account = "",
    at: At = None,
    out: Out = None,
    language: Language = None,
    store: StoreFolder = None,
    json: Json = False,
) -> None:
    """Bring a filled-in list back: each row with an action is one step; the report says what became of every row."""
    from riskwarn.ledger.sheet import read_sheet, take_rows

    check_out(out)
    with _opened(store) as opened:
        actor = opened.actor(_role(role), area=area, account=account or getpass.getuser())
        report = take_rows(opened, read_sheet(file), actor, at=at, language=str(language))
    done = int((report["result"] == "done").sum())
    show(report, out=out, as_json=json, said=f"{done:,} done, {len(report) - done:,} refused")
    if done < len(report):
        raise typer.Exit(DataError.exit_code)


# -- the ledger itself ---------------------------------------------------------------------------------------------------


@ledger.command("verify", epilog=example("riskwarn ledger verify --store city"))
def verify_ledger(
    *,
    head: Annotated[str, typer.Option(metavar="ROW:DIGEST", help="A head that was kept elsewhere.")] = "",
    store: StoreFolder = None,
    json: Json = False,
) -> None:
    """Prove that the ledger is as it was written; print its head, to be kept elsewhere."""
    with _opened(store) as opened:
        proof = opened.verify(head=head)
    if not proof.sound:
        raise TamperedError("; ".join(proof.faults))
    body = {"rows": proof.n_rows, "head": f"{proof.head.seq}:{proof.head.digest}", "sound": True}
    say(body, f"sound: {proof.n_rows:,} rows, head {body['head']}", as_json=json)


@ledger.command("watch", epilog=example("riskwarn ledger watch --store city"))
def watch_clocks(*, store: StoreFolder = None, json: Json = False) -> None:
    """Look at the clocks: raise a card for what is overdue. It acts on nobody."""
    from riskwarn.ledger import watch

    with _opened(store) as opened:
        running = watch(opened)
    counts = running["state"].value_counts()
    body = {state: int(counts.get(state, 0)) for state in ("green", "amber", "red")}
    say(body, ", ".join(f"{n:,} {state}" for state, n in body.items()), as_json=json)


@ledger.command("upgrade", epilog=example("riskwarn ledger upgrade --store city"))
def upgrade(
    *,
    to: Annotated[str, typer.Option(metavar="REVISION", help="Revision of the schema, up or down.")] = "head",
    store: StoreFolder = None,
    json: Json = False,
) -> None:
    """Bring the schema of the ledger to date, or to a revision."""
    from riskwarn.ledger import database

    if to == "base":
        raise DataError("base removes the ledger; take the database away yourself if that is what you want.")
    engine = database.open_engine(open_store(store).path, None)
    try:
        database.migrate(engine, to)
        with database.linked(engine) as link:
            there = database.revision_of(link)
    finally:
        engine.dispose()
    say({"revision": there}, f"schema {there}", as_json=json)


@ledger.command(
    "migrate", epilog=example("riskwarn ledger migrate postgresql+psycopg://riskwarn@db/ledger --store city")
)
def migrate(
    *,
    url: Annotated[str, typer.Argument(metavar="URL", help="A database that holds no ledger yet.")],
    store: StoreFolder = None,
    json: Json = False,
) -> None:
    """Copy the whole ledger to another database and verify it there; RISKWARN_LEDGER then names the new place."""
    from riskwarn.ledger.moving import move

    with _opened(store) as opened:
        moved = move(opened, url)
    body = {"rows": moved.n_rows, "head": f"{moved.head.seq}:{moved.head.digest}"}
    say(body, f"{moved.n_rows:,} rows moved and verified; set RISKWARN_LEDGER to the new place", as_json=json)
