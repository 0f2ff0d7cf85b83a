"""The verbs that prove: what was forecast before it could be known."""

from typing import Annotated

import typer

from riskwarn.cli.options import Json, Out, StoreFolder, example, verbs
from riskwarn.cli.shared import check_out, open_store, say, show
from riskwarn.errors import TamperedError

app = verbs()
register = verbs()
app.add_typer(register, name="register", help="The sealed register of what nights forecast.")


@register.command("verify", epilog=example("riskwarn register verify --store city"))
def verify_register(
    *,
    head: Annotated[str, typer.Option(metavar="LINE:HASH", help="A head that was kept elsewhere.")] = "",
    store: StoreFolder = None,
    json: Json = False,
) -> None:
    """Prove that what nights forecast is as it was sealed; print the head, to be kept elsewhere."""
    from riskwarn.register import verify

    proof = verify(open_store(store), head=head)
    if not proof.sound:
        raise TamperedError(" ".join(proof.faults))
    body = {"lines": proof.n, "head": proof.head, "sound": True}
    say(body, f"sound: {proof.n:,} seals, head {proof.head or 'none'}", as_json=json)


@register.command("show", epilog=example("riskwarn register show --store city"))
def show_register(*, out: Out = None, store: StoreFolder = None, json: Json = False) -> None:
    """Print the seals, the newest first: which night, when, how late, prospective or not."""
    from riskwarn.register import table_of_seals

    check_out(out)
    table = table_of_seals(open_store(store))
    shown = table.assign(digest=table["digest"].astype("str").str[:12])
    n = int(table["prospective"].sum())
    show(table, out=out, as_json=json, shown=shown, said=f"{len(table):,} seals, {n:,} of them prospective")
