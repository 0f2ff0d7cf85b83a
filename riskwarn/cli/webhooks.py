"""The verbs of what others are told by themselves."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from riskwarn.cli.options import Json, StoreFolder, example, verbs
from riskwarn.cli.shared import enter_nights, open_store, say
from riskwarn.errors import DeliveryError, RiskwarnError

if TYPE_CHECKING:
    from riskwarn.store import Store
    from riskwarn.webhooks import Standing, Webhooks

app = verbs()
webhooks = verbs()
app.add_typer(
    webhooks,
    name="webhooks",
    help="Say who is told of nights and of what is overdue, tell them, and try.",
    epilog=example("riskwarn webhooks test board --store city"),
)
Name = Annotated[str, typer.Argument(metavar="NAME", help="Of webhooks.toml of the store.")]


def _declared(store: Path | None) -> "tuple[Store, Webhooks]":
    from riskwarn.webhooks import load_webhooks

    opened = open_store(store)
    _ = opened.timezone  # there is a store
    return opened, load_webhooks(opened.path)


def _standings(store: "Store", declared: "Webhooks") -> "list[Standing]":
    from riskwarn.ledger import Ledger
    from riskwarn.webhooks import Standing, has_ledger, standings

    names = [webhook.name for webhook in declared.webhooks]
    if not has_ledger(store):
        return [Standing(name) for name in names]
    with Ledger(store) as ledger:
        return standings(ledger, names)


@webhooks.command("list", epilog=example("riskwarn webhooks list --store city"))
def list_webhooks(*, store: StoreFolder = None, json: Json = False) -> None:
    """List who is told what, what waits and what was given up; of secrets only whether they are there."""
    from riskwarn.webhooks.declaration import secret_of

    opened, declared = _declared(store)
    rows, lines = [], []
    by_name = {webhook.name: webhook for webhook in declared.webhooks}
    for stands in _standings(opened, declared):
        webhook, secret = by_name.get(stands.name), "there"
        try:
            _ = webhook and secret_of(opened.path, webhook)
        except RiskwarnError as error:
            secret = str(error)
        told = (
            {"url": "", "events": [], "area": ""}
            if webhook is None
            else {"url": webhook.url, "events": list(webhook.events), "area": webhook.area}
        )
        rows.append({"name": stands.name, **told, "secret": secret, **vars(stands)})
        where = f"{told['url']}  {' '.join(told['events'])}  area {told['area']}" if webhook else "declared no more"
        lines.append(f"{stands.name:<16}{stands.waiting:>5} wait {stands.given_up:>5} given up  {where}")
        faults = dict.fromkeys((stands.fault, "" if secret == "there" else secret))  # noqa: S105 - it is none
        lines += [f"{'':<16}{said}" for said in faults if said]
    say(rows, "\n".join(lines) or "nobody is told; see docs/webhooks.md.", as_json=json)


@webhooks.command(epilog=example("riskwarn webhooks send --store city"))
def send(
    *,
    again: Annotated[str, typer.Option(metavar="NAME", help="First take up what this one was given up on.")] = "",
    store: StoreFolder = None,
    json: Json = False,
) -> None:
    """Send what waits and is due; for cron, every few minutes. A receiver that is down is tried again later."""
    from riskwarn.ledger import Ledger
    from riskwarn.webhooks import again as take_up
    from riskwarn.webhooks import send

    opened, declared = _declared(store)
    if not declared.webhooks:
        say([], "nobody is told; see docs/webhooks.md.", as_json=json)
        return
    enter_nights(opened)
    with Ledger(opened) as ledger:
        if again:
            take_up(ledger, declared.webhook(again).name)
        done = send(ledger, declared)
    lines = [
        f"{s.name}: {s.taken} taken, {s.later} later, {s.given_up} given up{f' ({s.fault})' if s.fault else ''}"
        for s in done
    ]
    say([vars(sent) for sent in done], "\n".join(lines), as_json=json)
    if dead := [sent for sent in done if sent.given_up]:
        raise DeliveryError(f"{dead[0].name}: {dead[0].given_up} given up; {dead[0].fault} See `riskwarn doctor`.")


@webhooks.command("test", epilog=example("riskwarn webhooks test board --store city"))
def try_one(*, name: Name, store: StoreFolder = None, json: Json = False) -> None:
    """Send one a message of type ping, now and once, and say what it answers."""
    from riskwarn.webhooks import send_test

    opened, declared = _declared(store)
    answer = send_test(opened, declared, name)
    say({"name": name, "status": answer.status}, f"{name}: taken ({answer.status})", as_json=json)
