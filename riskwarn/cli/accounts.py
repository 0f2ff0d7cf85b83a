"""The verbs of who may come in: accounts of people, tokens of programs. A password is typed or read, never a word of the line."""

import getpass
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from riskwarn.cli.options import Json, StoreFolder, example, verbs
from riskwarn.cli.shared import listed, open_store, say
from riskwarn.errors import DataError, TamperedError

if TYPE_CHECKING:
    from riskwarn.access import Accounts

app = verbs()
user = verbs()
token = verbs()
audit_log = verbs()
app.add_typer(
    user,
    name="user",
    help="Make, list, change and close accounts.",
    epilog=example("riskwarn user add desk-3 --role shift_leader --store city"),
)
app.add_typer(
    token,
    name="token",
    help="Make, list and revoke tokens for programs.",
    epilog=example("riskwarn token make board --purpose display --days 30 --store city"),
)
app.add_typer(
    audit_log,
    name="audit-log",
    help="Show and prove the log of who asked for what.",
    epilog=example("riskwarn audit-log verify --store city"),
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the account: a post or a desk, not a person.")]
Role = Annotated[str, typer.Option(help="What it may do, such as township_centre; see docs/access.md.")]
Area = Annotated[str, typer.Option(metavar="CODE", help="Where; * is the whole city.")]
FromInput = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input, one line.")]


def _record(accounts: "Accounts", what: str, name: str) -> None:
    """A line in the audit log: the machine's own user did something with an account."""
    from riskwarn.access import Journal
    from riskwarn.ledger import account_digest

    folder = accounts.store.path
    who = account_digest(folder, getpass.getuser())
    facts = {
        "who": who,
        "way": "machine",
        "method": "CLI",
        "route": what,
        "object": account_digest(folder, name),
        "status": 200,
    }
    Journal(folder).record(facts, surely=True)


@contextmanager
def _opened(store: Path | None) -> "Iterator[Accounts]":
    from riskwarn.access import Accounts

    with Accounts(open_store(store)) as opened:
        yield opened


def _password(*, from_input: bool) -> str:
    """What was typed twice, or one line of standard input."""
    if from_input:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise DataError("no terminal to ask for the password: give --password-stdin and send it as one line.")
    typed = getpass.getpass("password: ")
    if getpass.getpass("once more: ") != typed:
        raise DataError("the two passwords differ; nothing was changed.")
    return typed


def _told(account: Any, done: str, *, as_json: bool) -> None:
    body = {name: getattr(account, name) for name in ("name", "role", "area", "disabled")}
    say(body, f"{account.name}: {done}; {account.role} of {account.area}", as_json=as_json)


@user.command(epilog=example("riskwarn user add desk-3 --role shift_leader --store city"))
def add(
    *,
    name: Name,
    role: Role,
    area: Area = "*",
    from_input: FromInput = False,
    no_password: Annotated[bool, typer.Option("--no-password", help="Only a trusted proxy signs it in.")] = False,
    store: StoreFolder = None,
    json: Json = False,
) -> None:
    """Make an account; the password is asked for."""
    with _opened(store) as accounts:
        secret = "" if no_password else _password(from_input=from_input)
        if not secret and not no_password:
            raise DataError("no password was given.")
        _told(accounts.add(name, secret, role=role, area=area), "made", as_json=json)
        _record(accounts, "user add", name)


@user.command("list", epilog=example("riskwarn user list --store city"))
def list_users(*, store: StoreFolder = None, json: Json = False) -> None:
    """List accounts with role, area and state; of passwords nothing."""
    with _opened(store) as accounts:
        there = accounts.listed() if accounts.there_are else []
    rows = [{n: getattr(a, n) for n in ("name", "role", "area", "disabled", "made_at", "changed_at")} for a in there]
    lines = [f"{a.name:<24}{a.role:<20}{a.area:<16}{'closed' if a.disabled else 'open'}" for a in there]
    say(
        rows, "\n".join(lines) or "no account; make the first with `riskwarn user add NAME --role admin`.", as_json=json
    )


@user.command(epilog=example("riskwarn user role desk-3 county_centre --area 320102 --store city"))
def role(
    *,
    name: Name,
    new: Annotated[str, typer.Argument(metavar="ROLE", help="What it may do from now on.")],
    area: Annotated[str | None, typer.Option(metavar="CODE", help="Where from now on.")] = None,
    store: StoreFolder = None,
    json: Json = False,
) -> None:
    """Give an account another role or area; its sessions and tokens end."""
    with _opened(store) as accounts:
        _told(accounts.change(name, role=new, area=area), "changed", as_json=json)
        _record(accounts, "user role", name)


@user.command(epilog=example("riskwarn user password desk-3 --store city"))
def password(*, name: Name, from_input: FromInput = False, store: StoreFolder = None, json: Json = False) -> None:
    """Give an account another password; its sessions and tokens end, and it is no longer locked."""
    with _opened(store) as accounts:
        accounts.account(name)
        _told(accounts.change(name, password=_password(from_input=from_input)), "has another password", as_json=json)
        _record(accounts, "user password", name)


@user.command(epilog=example("riskwarn user disable desk-3 --store city"))
def disable(*, name: Name, store: StoreFolder = None, json: Json = False) -> None:
    """Close an account; its sessions and tokens end."""
    with _opened(store) as accounts:
        _told(accounts.change(name, disabled=True), "closed", as_json=json)
        _record(accounts, "user disable", name)


@user.command(epilog=example("riskwarn user enable desk-3 --store city"))
def enable(*, name: Name, store: StoreFolder = None, json: Json = False) -> None:
    """Open a closed or locked account."""
    with _opened(store) as accounts:
        _told(accounts.change(name, disabled=False), "open", as_json=json)
        _record(accounts, "user enable", name)


# -- tokens --------------------------------------------------------------------------------------------------------------


@token.command(epilog=example("riskwarn token make board --purpose display --days 30 --store city"))
def make(
    *,
    name: Name,
    purpose: Annotated[str, typer.Option(help="handling, analysis, display, operations or audit.")],
    scopes: Annotated[
        str | None, typer.Option(metavar="A,B", help="Permissions; all that role and purpose have in common.")
    ] = None,
    area: Annotated[str, typer.Option(metavar="CODE", help="Where; that of the account by default.")] = "",
    days: Annotated[float, typer.Option(help="How long it holds.")] = 90,
    store: StoreFolder = None,
    json: Json = False,
) -> None:
    """Make a token of an account; it is shown once and kept nowhere."""
    from riskwarn.access import make_token

    with _opened(store) as accounts:
        secret, made = make_token(accounts, name, purpose=purpose, scopes=listed(scopes) or (), area=area, days=days)
        _record(accounts, "token make", name)
    lines = [secret, f"{made.token_id}: {made.scopes}; area {made.area}; until {made.expires_at:%Y-%m-%d}"]
    say({"token": secret, **vars(made)}, "\n".join(lines), as_json=json)


@token.command("list", epilog=example("riskwarn token list --store city"))
def list_tokens(*, store: StoreFolder = None, json: Json = False) -> None:
    """List tokens, those that have ended too; of their secrets nothing."""
    from riskwarn.access import listed_tokens

    with _opened(store) as accounts:
        there = listed_tokens(accounts) if accounts.there_are else []
        now = accounts.clock()
    states = [t.state_at(now) for t in there]
    rows = [{**vars(t), "state": state} for t, state in zip(there, states, strict=True)]
    lines = [
        f"{t.token_id}  {state:<8}{t.account:<24}{t.purpose:<12}{t.area:<16}{t.expires_at:%Y-%m-%d}  {t.scopes}"
        for t, state in zip(there, states, strict=True)
    ]
    say(rows, "\n".join(lines) or "no token; make one with `riskwarn token make NAME --purpose …`.", as_json=json)


@token.command(epilog=example("riskwarn token revoke 3f9c01ab --store city"))
def revoke(
    *,
    token_id: Annotated[str, typer.Argument(metavar="TOKEN", help="Its name in the list, not the token itself.")],
    store: StoreFolder = None,
    json: Json = False,
) -> None:
    """End a token at once."""
    from riskwarn.access import revoke_token

    with _opened(store) as accounts:
        revoke_token(accounts, token_id)
        _record(accounts, "token revoke", token_id)
    say({"token_id": token_id, "revoked": True}, f"{token_id}: revoked", as_json=json)


# -- the audit log -------------------------------------------------------------------------------------------------------


@audit_log.command("verify", epilog=example("riskwarn audit-log verify --store city"))
def verify_log(*, store: StoreFolder = None, json: Json = False) -> None:
    """Prove that no line was changed, dropped, swapped or cut off; print the last digest, to be kept elsewhere."""
    from riskwarn.access import Journal

    proof = Journal(open_store(store).path).verify()
    if not proof.sound:
        raise TamperedError("the audit log: " + "; ".join(proof.faults) + ".")
    body = {"rows": proof.n_rows, "digest": proof.digest, "sound": True}
    say(body, f"sound: {proof.n_rows:,} lines, last digest {proof.digest}", as_json=json)


@audit_log.command("list", epilog=example("riskwarn audit-log list --limit 50 --store city"))
def list_log(
    *,
    limit: Annotated[int, typer.Option(min=1, help="How many lines.")] = 50,
    store: StoreFolder = None,
    json: Json = False,
) -> None:
    """Show the last lines, the newest first."""
    from riskwarn.access import Journal

    rows = Journal(open_store(store).path).last(limit)
    lines = [
        f"{r['n']:>8}  {r['at']}  {r.get('who') or '-':<16}  {r.get('role', ''):<18}  {r.get('status', '')}  "
        f"{r.get('method', '')} {r.get('route', '')} {r.get('object', '')}"
        for r in rows
    ]
    say(rows, "\n".join(lines) or "no line yet.", as_json=json)
