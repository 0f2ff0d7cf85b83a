"""The verbs that prove and stop: what was forecast before it could be known, what holds a publication or promotion, what the library is tested for."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from riskwarn.cli.options import Json, Out, StoreFolder, example, verbs
from riskwarn.cli.shared import check_out, open_store, say, show
from riskwarn.errors import TamperedError

if TYPE_CHECKING:
    from riskwarn.holds import Held
    from riskwarn.selfcheck import Check, Fault

app = verbs()
register = verbs()
app.add_typer(
    register,
    name="register",
    help="The sealed register of what nights forecast.",
    epilog=example("riskwarn register verify --store city"),
)


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


@app.command("holds", epilog=example("riskwarn holds --release unseen --by batch_operator --why mapped --store city"))
def holds(
    *,
    release: Annotated[str, typer.Option(metavar="HOLD", help="Release this hold.")] = "",
    target: Annotated[str, typer.Option(help="Of which question; every one by default.")] = "",
    by: Annotated[str, typer.Option(metavar="ROLE", help="Who releases: a role, never a person.")] = "",
    why: Annotated[str, typer.Option(help="The reason, in a few words.")] = "",
    days: Annotated[int, typer.Option(help="How long it is released, 30 at most.")] = 7,
    out: Out = None,
    store: StoreFolder = None,
    json: Json = False,
) -> None:
    """Say what stops a publication or promotion, why, and what lifts it; or release a hold for some days."""
    from riskwarn.holds import holds_of, standing, table_of_holds
    from riskwarn.releasing import release as release_hold
    from riskwarn.working import declared_plan

    check_out(out)
    opened = open_store(store)
    if release:
        line = release_hold(opened, release, by=by, why=why, target=target, days=days)
        of = f" of {target}" if target else ""
        say(line, f"{release}{of} is released by {line['by']} until {line['until'][:16]}", as_json=json)
        return
    held = [h for h in holds_of(opened, declared_plan(opened)) if not target or h.target in {"", target}]
    table = table_of_holds(held)
    if out or json:
        show(table, out=out, as_json=json)
        return
    lines = [line for h in held for line in _lines(h)]
    n = {what: len(standing(held, what)) for what in ("publication", "promotion")}
    print("\n".join([*lines, f"{n['publication']} stop a publication, {n['promotion']} a promotion"]))


@app.command("selfcheck", epilog=example("riskwarn selfcheck --faults"))
def selfcheck(
    *,
    faults: Annotated[bool, typer.Option("--faults", help="The list of faults R1 to R44 instead.")] = False,
    out: Out = None,
    json: Json = False,
) -> None:
    """Print the ML Test Score of riskwarn, 28 tests with their evidence and what is missing; or the faults it is held to, with figures."""
    from riskwarn.selfcheck import checks, points, table

    check_out(out)
    if faults:
        _say_faults(out=out, as_json=json)
        return
    made = checks()
    if out or json:
        show(table(made), out=out, as_json=json)
        return
    lines = [line for one in made for line in _of_check(one)]
    sums = points(made)
    told = ", ".join(f"{section} {n:g}" for section, n in sums.items())
    print("\n".join([*lines, f"of 7 each: {told}; the score is the least, {min(sums.values()):g}"]))


def _say_faults(*, out: Path | None, as_json: bool) -> None:
    from riskwarn.selfcheck import fault_table, faults, measured_on

    made = faults()
    if out or as_json:
        show(fault_table(made), out=out, as_json=as_json)
        return
    counts = ", ".join(f"{state} {sum(one.state == state for one in made)}" for state in ("met", "part", "not known"))
    print("\n".join([*(line for one in made for line in _of_fault(one)), f"of {len(made)}: {counts}"]))
    days = " and ".join(f"{command} of {measured_on(command)}" for command in ("make faults", "make security"))
    print(f"figures of {days}; all else is asserted by the tests on every change")


def _of_fault(fault: "Fault") -> list[str]:
    by = fault.command or "tests"
    return [
        f"{fault.id:<4} {fault.state:<10}{fault.fault}; wanted: {fault.target}",
        *([f"{'':<15}{by}: {fault.figure}"] if fault.figure else []),
        *([f"{'':<15}lacks: {fault.lacks}"] if fault.lacks else []),
    ]


def _of_check(check: "Check") -> list[str]:
    head = f"{check.id}  {check.points:<3g}  {check.test}: {check.evidence}"
    return [head, *([f"{'':<9}lacks: {check.lacks}"] if check.lacks else [])]


def _lines(hold: "Held") -> list[str]:
    head = f"{hold.name:<12}{', '.join(hold.stops) or 'stops nothing':<26}{hold.said}"
    return [
        head,
        f"{'':<12}to lift it: {hold.lift}",
        *([f"{'':<12}released by {hold.released}"] if hold.released else []),
    ]
