"""Accounts, sessions and tokens, on SQLite and PostgreSQL: who is let in, what ends it, and what is never kept."""

import datetime as dt
import io
import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher
from ledger_rows import a_city, publish

from riskwarn.access import (
    Accounts,
    begin_session,
    csrf_of,
    end_session,
    listed_tokens,
    make_token,
    password,
    revoke_token,
    visitor_of_session,
    visitor_of_token,
)
from riskwarn.access.keeping import KEEPS
from riskwarn.cli import main
from riskwarn.errors import (
    DataError,
    DefinitionError,
    ForbiddenError,
    LockedError,
    NotFoundError,
    PrivacyError,
    SignInError,
)
from riskwarn.ledger import database
from riskwarn.ledger.tables import SESSIONS, TOKENS, TRIES

GOOD = "a sentence nobody guesses"
OTHER = "quite another sentence"
BEGIN = dt.datetime(2025, 3, 3, 1, tzinfo=dt.UTC)


APART = """
permissions = ["gaps:read", "audit:read"]
anonymous = "local"
roles = [{ name = "local", may = [] }, { name = "desk", may = ["gaps:read"] }]
purposes = [{ name = "audit", may = ["audit:read"] }]
"""


class Watch:
    """A clock that stands until it is moved."""

    def __init__(self):
        self.now = BEGIN

    def __call__(self):
        return self.now

    def wait(self, **units):
        self.now += dt.timedelta(**units)


@pytest.fixture(autouse=True)
def _cheap(monkeypatch):
    """Hashes that cost little; what they cost in earnest is a test of its own."""
    monkeypatch.setattr(password, "HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    password._of_nobody.cache_clear()
    yield
    password._of_nobody.cache_clear()


@pytest.fixture
def watch():
    return Watch()


@pytest.fixture(params=["sqlite", "postgresql"])
def accounts(request, tmp_path, watch):
    """Accounts of a small city: one shift leader, and the township centre of T1."""
    url = None if request.param == "sqlite" else request.getfixturevalue("postgres_database")
    store = a_city(tmp_path)
    publish(store, 0)
    made = Accounts(store, url=url, clock=watch)
    made.add("desk-1", GOOD, role="shift_leader")
    made.add("t1", OTHER, role="township_centre", area="T1")
    yield made
    made.close()


def test_who_knows_the_password_is_let_in(accounts):
    """Name and password give the account with its role and area; small and capital letters of a name are alike."""
    account = accounts.sign_in(" T1 ", OTHER)

    assert (account.name, account.role, account.area) == ("t1", "township_centre", "T1")
    assert accounts.visitor(account).may("alerts:act")
    assert not accounts.visitor(account).may("users:admin")


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("t1", GOOD),
        ("nobody", OTHER),
        ("t1", ""),
        ("", ""),
        ("t1", OTHER + "x"),
        ("t1\x00", OTHER),
        ("t1", "\ud800" * 12),
    ],
)
def test_anyone_else_is_told_the_same(accounts, name, typed):
    """A wrong password and an unknown name are one message, which repeats neither."""
    with pytest.raises(SignInError, match=r"^name or password is wrong, or the account is closed\.$"):
        accounts.sign_in(name, typed)


def test_nothing_kept_leads_back_to_a_secret(accounts):
    """The database holds no password, session or token: a hash of the first, digests of the others."""
    secret = begin_session(accounts, accounts.sign_in("t1", OTHER))
    token, _ = make_token(accounts, "t1", purpose="handling")
    with accounts.linked() as link:
        tables = [
            list(link.execute(sa.text(f"SELECT * FROM {t}"))) for t in ("accounts", "sessions", "tokens", "tries")
        ]

    assert [s for s in (OTHER, GOOD, secret, token, token.removeprefix("rw_")) if s in str(tables)] == []
    assert "$argon2id$" in str(tables)
    assert OTHER not in repr(accounts.sign_in("t1", OTHER))


def test_in_earnest_a_hash_costs_64_mebibytes():
    """The cost of a guess is that of RFC 9106."""
    made = PasswordHasher().hash("x")

    assert re.match(r"\$argon2id\$v=19\$m=65536,t=3,p=4\$", made)


def test_an_old_hash_is_made_anew(accounts, monkeypatch):
    """Who signs in after the costs were raised has a hash of the new costs."""
    monkeypatch.setattr(password, "HASHER", PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    accounts.sign_in("t1", OTHER)

    assert "m=16,t=2" in accounts.account("t1").password
    assert accounts.sign_in("t1", OTHER).name == "t1"


# -- guessing ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["t1", "nobody"])
def test_after_five_tries_a_name_is_locked(accounts, watch, name):
    """Whether there is such an account or not: the sixth try is not looked at, nor is the right password; the wait doubles."""
    for _ in range(5):
        with pytest.raises(SignInError, match="wrong"):
            accounts.sign_in(name, GOOD)
    with pytest.raises(LockedError) as locked:
        accounts.sign_in(name, OTHER)
    watch.wait(seconds=61)
    with pytest.raises(SignInError, match="wrong"):
        accounts.sign_in(name, GOOD)
    with pytest.raises(LockedError) as longer:
        accounts.sign_in(name, OTHER)

    assert (locked.value.seconds, longer.value.seconds) == (61, 121)


def test_who_waits_is_let_in_and_starts_afresh(accounts, watch):
    """After the wait the right password opens, and the tries are forgotten."""
    for _ in range(5):
        with pytest.raises(SignInError):
            accounts.sign_in("t1", GOOD)
    watch.wait(seconds=61)
    accounts.sign_in("t1", OTHER)
    with accounts.linked() as link:
        left = link.execute(sa.select(TRIES)).all()

    assert left == []


def test_many_tries_at_once_are_counted_one_by_one(accounts):
    """Sixteen hands guess at the same moment: five passwords are looked at."""

    def guess(_):
        try:
            accounts.sign_in("t1", GOOD)
        except SignInError as error:
            return type(error)
        return None

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(guess, range(16)))

    assert (answers.count(SignInError), answers.count(LockedError)) == (5, 11)


def test_tries_are_kept_for_a_day(accounts, watch):
    """Names that somebody guessed do not fill the database."""
    for n in range(20):
        with pytest.raises(SignInError):
            accounts.sign_in(f"name-{n}", GOOD)
    watch.wait(days=2)
    with pytest.raises(SignInError):
        accounts.sign_in("one-more", GOOD)
    with accounts.linked() as link:
        kept = link.execute(sa.select(sa.func.count()).select_from(TRIES)).scalar()

    assert kept == 1


# -- what is refused -----------------------------------------------------------------------------------------------------

MOBILE = "138" + "0013" + "8000"


@pytest.mark.parametrize(
    ("name", "secret", "role", "area", "error", "said"),
    [
        ("t1", GOOD, "auditor", "*", DataError, "there is an account of that name"),
        ("A", GOOD, "auditor", "*", DataError, "2 to 64 small letters"),
        ("x y", GOOD, "auditor", "*", DataError, "2 to 64 small letters"),
        (MOBILE, GOOD, "auditor", "*", PrivacyError, "looks like a person's"),
        ("x1", "short", "auditor", "*", DataError, "12 to 1024 letters, got 5"),
        ("x1", "x1 is my name here", "auditor", "*", DataError, "does not hold the name"),
        ("x1", "password1234", "auditor", "*", DataError, "tried first"),
        ("x1", "riskwarnadmin", "auditor", "*", DataError, "tried first"),
        ("x1", "123456789012", "auditor", "*", DataError, "tried first"),
        ("x1", "aaaaaaaaaaaaaa", "auditor", "*", DataError, "tried first"),
        ("x1", "abcdefghijklmnop", "auditor", "*", DataError, "tried first"),
        ("x1", GOOD, "auditr", "*", NotFoundError, "did you mean 'auditor'"),
        ("x1", GOOD, "local", "*", NotFoundError, "nobody is given the role 'local'"),
        ("x1", GOOD, "night", "*", NotFoundError, "no role 'night'"),
        ("x1", GOOD, "auditor", "a b", DataError, "an area is the code of a place"),
        ("x1", GOOD, "auditor", MOBILE, PrivacyError, "an area is the code of a place"),
    ],
)
def test_what_no_account_is(accounts, name, secret, role, area, error, said):
    """Weak passwords, names and numbers of persons, and unknown roles are refused, and nothing is kept."""
    with pytest.raises(error, match=said) as told:
        accounts.add(name, secret, role=role, area=area)

    assert secret not in str(told.value)
    assert MOBILE not in str(told.value)
    assert [a.name for a in accounts.listed()] == ["desk-1", "t1"]


def test_asking_whether_there_are_accounts_makes_nothing(tmp_path):
    """A store without a ledger has no accounts, and stays without a ledger."""
    store = a_city(tmp_path)
    with Accounts(store) as none:
        assert not none.there_are
    assert not (store.path / database.FILE).exists()


def test_a_ledger_of_before_is_refused_with_the_remedy(accounts):
    """Accounts are not looked for in a schema that has none."""
    database.migrate(accounts.engine, "0001")
    with (
        Accounts(accounts.store, url=accounts.engine.url.render_as_string(hide_password=False)) as again,
        pytest.raises(DefinitionError, match="riskwarn ledger upgrade"),
    ):
        _ = again.there_are


# -- sessions ------------------------------------------------------------------------------------------------------------


def test_a_session_lasts_a_shift_and_no_idle_hour(accounts, watch):
    """It holds while something is done, ends after an hour of nothing, and after twelve hours whatever is done."""
    idle, busy = (begin_session(accounts, accounts.sign_in("t1", OTHER)) for _ in range(2))
    hours = 0
    while hours < 11.5:
        watch.wait(minutes=30)
        hours += 0.5
        assert visitor_of_session(accounts, busy).area == "T1"
    with pytest.raises(SignInError, match="has ended"):
        visitor_of_session(accounts, idle)
    watch.wait(minutes=30)
    with pytest.raises(SignInError, match="has ended"):
        visitor_of_session(accounts, busy)


@pytest.mark.parametrize(
    "change", [{"disabled": True}, {"role": "grid_head"}, {"area": "T2"}, {"password": GOOD}], ids=str
)
def test_any_change_of_an_account_ends_its_sessions_and_tokens(accounts, change):
    """What was let in before is not let in after, with the rights of before or with any."""
    secret = begin_session(accounts, accounts.sign_in("t1", OTHER))
    token, _ = make_token(accounts, "t1", purpose="handling")
    accounts.change("t1", **change)

    with pytest.raises(SignInError):
        visitor_of_session(accounts, secret)
    with pytest.raises(SignInError):
        visitor_of_token(accounts, token)


def test_signing_out_ends_the_session_alone(accounts):
    """The cookie is worth nothing afterwards; another session of the account holds."""
    one, two = (begin_session(accounts, accounts.sign_in("t1", OTHER)) for _ in range(2))
    end_session(accounts, one)

    with pytest.raises(SignInError):
        visitor_of_session(accounts, one)
    assert visitor_of_session(accounts, two).account == "t1"
    assert csrf_of(accounts, one) != csrf_of(accounts, two)


# -- somebody is left ----------------------------------------------------------------------------------------------------


def test_only_who_is_the_last_keeper_is_kept(accounts):
    """Where no open account of the city keeps accounts, or another one does, others and closed ones are changed; the last one is not."""
    for name in ("chief", "second"):
        accounts.add(name, GOOD, role="admin")
    accounts.change("second", disabled=True)  # the command line asks for nobody to be left
    accounts.change("t1", area="T2", leaving=KEEPS)
    accounts.change("second", role="auditor", leaving=KEEPS)
    accounts.change("chief", password=OTHER, leaving=KEEPS)
    with pytest.raises(ForbiddenError):
        accounts.change("chief", disabled=True, leaving=KEEPS)
    accounts.change("chief", disabled=True)
    without = [
        accounts.change("t1", area="T1", leaving=KEEPS).area,
        accounts.change("chief", area="T1", leaving=KEEPS).area,
        accounts.change("chief", area="*", disabled=False, leaving=KEEPS).disabled,
    ]

    assert without == ["T1", "T1", False]


def test_two_keepers_do_not_leave_at_once(accounts):
    """Each closes the other at the same moment: one is closed, the other refused."""
    for n in range(4):
        pair = [f"a{n}", f"b{n}"]
        for name in pair:
            accounts.add(name, GOOD, role="admin")

        def close(name):
            try:
                accounts.change(name, disabled=True, leaving=KEEPS)
            except ForbiddenError as error:
                return error.kind
            return "closed"

        with ThreadPoolExecutor(2) as pool:
            said = sorted(pool.map(close, pair))
        for name in pair:
            accounts.change(name, disabled=True)

        assert said == ["closed", "last_keeper"]


# -- tokens --------------------------------------------------------------------------------------------------------------


def test_a_token_is_worth_its_scopes_area_and_purpose(accounts):
    """Role, scopes and purpose have in common what it may; the area is its own."""
    secret, token = make_token(
        accounts, "desk-1", purpose="display", scopes=["scores:read", "gaps:read"], area="T1", days=30
    )
    visitor = visitor_of_token(accounts, secret)

    assert (visitor.permissions, visitor.area, visitor.way) == ({"scores:read", "gaps:read"}, "T1", "token")
    assert token.expires_at - token.made_at == dt.timedelta(days=30)
    assert secret not in str(listed_tokens(accounts))


@pytest.mark.parametrize(
    ("name", "given", "error", "said"),
    [
        (
            "t1",
            {"purpose": "handling", "scopes": ["users:admin"]},
            DataError,
            "township_centre for handling cannot have users:admin",
        ),
        (
            "t1",
            {"purpose": "display", "scopes": ["alerts:act"]},
            DataError,
            "township_centre for display cannot have alerts:act",
        ),
        ("t1", {"purpose": "policing"}, NotFoundError, "no purpose 'policing'"),
        ("t1", {"purpose": "audit", "area": "T2"}, ForbiddenError, "T2 lies outside that of the account, T1"),
        ("t1", {"purpose": "audit", "area": "*"}, ForbiddenError, "lies outside"),
        ("t1", {"purpose": "audit", "days": 0}, DataError, "more than 0 and at most 366"),
        ("t1", {"purpose": "audit", "days": 367}, DataError, "more than 0 and at most 366"),
        ("t2", {"purpose": "audit"}, NotFoundError, "no account of that name"),
    ],
)
def test_no_token_is_worth_more_than_its_account(accounts, name, given, error, said):
    """Scopes beyond the role, an area beyond its own, or no end: refused when it is made."""
    with pytest.raises(error, match=said):
        make_token(accounts, name, **given)
    assert listed_tokens(accounts) == []


def test_a_closed_account_makes_no_token(accounts):
    """Who may not sign in may not leave a program behind that can."""
    accounts.change("t1", disabled=True)
    with pytest.raises(ForbiddenError, match="the account is closed; see `riskwarn user enable`"):
        make_token(accounts, "t1", purpose="audit")
    assert listed_tokens(accounts) == []


def test_a_token_that_could_do_nothing_is_not_made(tmp_path):
    """Where a city gave a role and a purpose no permission in common, that is said when the token is made, not by its first answer."""
    store = a_city(tmp_path)
    publish(store, 0)
    (store.path / "roles.toml").write_text(APART, "utf-8")
    with Accounts(store) as accounts:
        accounts.add("desk-1", GOOD, role="desk")
        with pytest.raises(DataError, match="desk and audit have no permission in common"):
            make_token(accounts, "desk-1", purpose="audit")

        assert listed_tokens(accounts) == []


def test_a_township_of_a_county_is_within_it(accounts):
    """A county's account makes a token for a township that the table of grids puts into it."""
    accounts.add("c1", GOOD, role="county_centre", area="C1")

    assert make_token(accounts, "c1", purpose="handling", area="T2")[1].area == "T2"


def test_a_token_ends(accounts, watch):
    """By its day, by being revoked, with its account; and what never was one is none."""
    expired, revoked = (make_token(accounts, "t1", purpose="handling", days=1) for _ in range(2))
    revoke_token(accounts, revoked[1].token_id)
    revoke_token(accounts, revoked[1].token_id)
    with pytest.raises(SignInError, match="not valid"):
        visitor_of_token(accounts, revoked[0])
    assert visitor_of_token(accounts, expired[0]).area == "T1"
    watch.wait(days=1)
    for secret in (expired[0], "rw_", "", expired[0] + "x", "rw_\ud800", expired[0].upper()):
        with pytest.raises(SignInError, match="not valid"):
            visitor_of_token(accounts, secret)
    with pytest.raises(NotFoundError, match="riskwarn token list"):
        revoke_token(accounts, "00000000")


# -- the command line ----------------------------------------------------------------------------------------------------


@pytest.fixture
def city(tmp_path, monkeypatch):
    store = a_city(tmp_path)
    publish(store, 0)
    monkeypatch.setenv("RISKWARN_STORE", str(store.path))
    return store


def run(capsys, monkeypatch, *words, typed=""):
    """Exit code and what a verb says as JSON, with a password on standard input."""
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    code = main([*words, "--json"])
    said = capsys.readouterr()
    return code, json.loads(said.out or said.err)


def test_accounts_at_the_command_line(city, capsys, monkeypatch):
    """The first is made there, its password from standard input; then it is listed, changed, closed and opened."""
    add = ("user", "add", "chief", "--role", "admin", "--password-stdin")
    assert run(capsys, monkeypatch, "user", "list") == (0, [])
    assert run(capsys, monkeypatch, *add, typed=GOOD + "\n") == (
        0,
        {"name": "chief", "role": "admin", "area": "*", "disabled": False},
    )
    assert run(capsys, monkeypatch, "user", "role", "chief", "auditor", "--area", "T1")[1]["role"] == "auditor"
    assert run(capsys, monkeypatch, "user", "password", "chief", "--password-stdin", typed=OTHER)[0] == 0
    assert run(capsys, monkeypatch, "user", "disable", "chief")[1]["disabled"] is True
    assert run(capsys, monkeypatch, "user", "enable", "chief")[1]["disabled"] is False
    listed = run(capsys, monkeypatch, "user", "list")[1]

    assert [(a["name"], a["role"], a["area"]) for a in listed] == [("chief", "auditor", "T1")]
    assert "argon2" not in json.dumps(listed)
    with Accounts(city) as accounts:
        assert accounts.sign_in("chief", OTHER).role == "auditor"


@pytest.mark.parametrize(
    ("words", "typed", "code", "said"),
    [
        (["add", "x1", "--role", "admin", "--password-stdin"], "", 11, "no password was given"),
        (["add", "x1", "--role", "admin", "--password-stdin"], "admin", 11, "12 to 1024"),
        (["add", "x1", "--role", "admin"], "", 11, "no terminal to ask"),
        (["add", "x1", "--role", "admin", "--password", GOOD], "", 2, "--password"),
        (["add", "x1", "--role", "boss", "--password-stdin"], GOOD, 13, "no role 'boss'"),
        (["password", "x1", "--password-stdin"], GOOD, 13, "no account of that name"),
        (["disable", "x1"], "", 13, "no account of that name"),
    ],
)
def test_what_the_command_line_refuses(city, capsys, monkeypatch, words, typed, code, said):
    """No password on the line, none that is missing or a default; each refusal is a line with its code."""
    found = run(capsys, monkeypatch, "user", *words, typed=typed)

    assert found[0] == code
    assert said in found[1]["message"]
    assert GOOD not in found[1]["message"]


def test_tokens_at_the_command_line(city, capsys, monkeypatch):
    """Made, shown once, listed without the secret, and revoked."""
    run(capsys, monkeypatch, "user", "add", "board", "--role", "city_analyst", "--password-stdin", typed=GOOD)
    code, made = run(
        capsys, monkeypatch, "token", "make", "board", "--purpose", "display", "--scopes", "scores:read,feeds:read"
    )
    listed = run(capsys, monkeypatch, "token", "list")[1]
    revoked = run(capsys, monkeypatch, "token", "revoke", made["token_id"])

    assert code == 0
    assert (made["scopes"], made["token"][:3]) == ("feeds:read scores:read", "rw_")
    assert [(t["token_id"], t["state"]) for t in listed] == [(made["token_id"], "holds")]
    assert made["token"] not in json.dumps(listed)
    assert revoked == (0, {"token_id": made["token_id"], "revoked": True})
    assert run(capsys, monkeypatch, "token", "list")[1][0]["state"] == "revoked"


def test_old_sessions_are_cleared_away(accounts, watch):
    """The table of sessions holds those of a day, not of a year; tokens stay, so that one can see what there was."""
    for _ in range(3):
        begin_session(accounts, accounts.sign_in("t1", OTHER))
    watch.wait(days=1)
    begin_session(accounts, accounts.sign_in("t1", OTHER))
    with accounts.linked() as link:
        kept = [link.execute(sa.select(sa.func.count()).select_from(t)).scalar() for t in (SESSIONS, TOKENS)]

    assert kept == [1, 0]
