"""Single sign-on against an issuer that runs: in by the groups it names, and by nothing that is not its own answer to this sign-in."""

import json
import re
import tomllib
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pandas as pd
import pytest
from issuer import CLIENT, SECRET, Key, running
from towns import web as web_town
from visiting import NAMED, from_elsewhere

from riskwarn.access import Accounts, Journal, make_token, password, read_sign_on
from riskwarn.access.signon import FILE, SignOn, account_of, name_of, secret_of
from riskwarn.declaring import read
from riskwarn.errors import DataError, DefinitionError, NotFoundError
from riskwarn.privacy import findings
from riskwarn.store.key import signature
from riskwarn.web import create_app

GOOD = "a sentence nobody guesses"


class Watch:
    """A clock that stands until it is moved."""

    now = web_town.NOW

    def __call__(self):
        return self.now


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    return web_town.build(tmp_path_factory.mktemp("signon") / "town")


@pytest.fixture
def watch():
    return Watch()


@pytest.fixture
def issuer(watch):
    with running(watch) as made:
        yield made


def declaration(url, **more):
    """The file of a store that lets three groups in."""
    lines = [
        f'issuer = "{url}"',
        f'client_id = "{CLIENT}"',
        'address = "http://localhost"',
        *(f"{name} = {json.dumps(value)}" for name, value in more.items()),
        '[[groups]]\nname = "duty"\nrole = "shift_leader"',
        '[[groups]]\nname = "west"\nrole = "township_centre"\narea = "T1"',
        '[[groups]]\nname = "keepers"\nrole = "admin"',
    ]
    return "\n".join(lines)


@pytest.fixture
def make(town, tmp_path, watch, monkeypatch):
    """Makes the application of a town that declares a single sign-on."""
    monkeypatch.setenv("RISKWARN_LEDGER", f"sqlite:///{tmp_path / 'ledger.db'}")
    monkeypatch.setenv("RISKWARN_OIDC_SECRET", SECRET)
    monkeypatch.setattr(password, "fits", lambda kept, typed: bool(kept) and typed == GOOD)
    monkeypatch.setattr(password, "hashed", lambda typed: "kept")
    monkeypatch.setattr(password, "is_old", lambda kept: False)

    def made(text):
        (town.path / FILE).write_text(text)
        app = create_app(town.path, clock=watch, serving=NAMED)
        app.state.doorman.accounts.add("chief", GOOD, role="admin")
        return app

    yield made
    (town.path / FILE).unlink(missing_ok=True)


@pytest.fixture
def site(make, issuer):
    return make(declaration(issuer.url))


def sent(client, path="/sign-in/sso"):
    """Where the browser is sent to, as parts of an address."""
    answer = client.get(path, follow_redirects=False)
    assert answer.status_code == 303, answer.text
    return urlsplit(answer.headers["location"])


def came_back(client, issuer, path="/sign-in/sso"):
    """The answer of the way back, after somebody has signed in at the issuer."""
    return client.get(arriving(issuer.authorize(sent(client, path).query)), follow_redirects=False)


def arriving(address):
    """The address that the issuer leads back to, as the client of the test asks for it."""
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}"


# -- in and out ------------------------------------------------------------------------------------------------------------


def test_who_is_in_a_group_comes_in_with_its_role_and_area(site, issuer):
    """There, back and on to the page that was asked for; the account is that of the group, and its name tells nobody's."""
    issuer.person = {"sub": "u-17", "name": "张三", "groups": ["staff", "duty"]}
    client = from_elsewhere(site)
    answer = came_back(client, issuer, "/sign-in/sso?next=/gaps%3Fkind%3DG08")
    made = next(a for a in site.state.doorman.accounts.listed() if a.name != "chief")

    assert answer.status_code == 200
    assert 'content="0;url=/gaps?kind=G08"' in answer.text
    assert client.get("/gaps").status_code == 200
    assert (made.role, made.area, made.password) == ("shift_leader", "*", "")
    assert re.fullmatch(r"sso-[a-p]{16}", made.name)


def test_what_is_asked_of_the_issuer(site, issuer):
    """A code, with PKCE, a state and a nonce, each drawn anew; the browser comes back to the declared address."""
    one, two = (parse_qs(sent(from_elsewhere(site)).query) for _ in range(2))

    assert one["redirect_uri"] == ["http://localhost/sign-in/sso/back"]
    assert (one["response_type"], one["scope"], one["code_challenge_method"]) == (["code"], ["openid"], ["S256"])
    assert {name for name in one if one[name] != two[name]} == {"state", "nonce", "code_challenge"}


def test_the_cookie_of_a_sign_in_is_bound_to_it(site):
    """No script reads it, it goes to the way back alone, and behind TLS no plain connection carries it."""
    plain = from_elsewhere(site).get("/sign-in/sso", follow_redirects=False).headers["set-cookie"]
    secure = from_elsewhere(site).get("https://risk.example/sign-in/sso", follow_redirects=False).headers["set-cookie"]

    assert all(part in plain for part in ("HttpOnly", "SameSite=lax", "Path=/sign-in/sso", "Max-Age=600"))
    assert ("Secure" in plain, "Secure" in secure) == (False, True)


def test_the_same_person_has_one_account_whose_role_follows_the_group(site, issuer):
    """Another group another time: the account is brought to it, and what it had before ends."""
    accounts = site.state.doorman.accounts
    first, second = from_elsewhere(site), from_elsewhere(site)
    came_back(first, issuer)
    issuer.person = {"sub": "u-17", "groups": ["west"]}
    came_back(second, issuer)
    made = [a for a in accounts.listed() if a.name != "chief"]
    site.state.doorman.forget()

    assert [(a.role, a.area) for a in made] == [("township_centre", "T1")]
    assert first.get("/api/v1/feeds").status_code == 401
    assert second.get("/api/v1/feeds").status_code == 200


@pytest.mark.parametrize("groups", [[], ["staff"], ["Duty"], "staff", None, {"duty": True}, [["duty"]], [7]])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_who_is_in_no_known_group_is_told_so(site, issuer, groups, language):
    """No access and no account; the page says plainly why, and who can help."""
    issuer.person = {"sub": "u-18", "groups": groups}
    client = from_elsewhere(site)
    client.cookies.set("riskwarn_lang", language)
    answer = came_back(client, issuer)
    said = {"en": "none of your groups has access here", "zh": "您所在的用户组均未获授权"}[language]

    assert answer.status_code == 403
    assert said in answer.text
    assert [a.name for a in site.state.doorman.accounts.listed()] == ["chief"]
    assert client.get("/api/v1/feeds").status_code == 401


def test_who_has_left_the_group_loses_sessions_and_tokens(site, issuer):
    """The next sign-in without the group ends all that the account had."""
    client = from_elsewhere(site)
    came_back(client, issuer)
    accounts = site.state.doorman.accounts
    name = next(a.name for a in accounts.listed() if a.name != "chief")
    token, _ = make_token(accounts, name, purpose="display")
    issuer.person = {"sub": "u-17", "groups": []}
    refused = came_back(from_elsewhere(site), issuer)
    site.state.doorman.forget()

    assert refused.status_code == 403
    assert client.get("/api/v1/feeds").status_code == 401
    assert from_elsewhere(site).get("/api/v1/feeds", headers={"authorization": f"Bearer {token}"}).status_code == 401


def test_an_account_that_was_closed_here_stays_closed(site, issuer):
    """The issuer vouches for who somebody is, not for what may be done here."""
    came_back(from_elsewhere(site), issuer)
    accounts = site.state.doorman.accounts
    accounts.change(next(a.name for a in accounts.listed() if a.name != "chief"), disabled=True)

    assert came_back(from_elsewhere(site), issuer).status_code == 403


def test_nobody_is_kept_out_by_the_digest_of_the_own_name(site, town):
    """Digits of a digest may look like a telephone number, by which no account is named; so it is told in letters, and each comes in."""
    accounts = site.state.doorman.accounts
    sign_on = read_sign_on(accounts)
    digests = {f"u-{n}": signature(town.path, f"sso|{sign_on.issuer}|u-{n}".encode())[:16] for n in range(4000)}
    hits = pd.Series(findings(pd.Series([f"sso-{digest}" for digest in digests.values()])), index=[*digests])
    subject = hits[hits != ""].index[0]
    made = account_of(accounts, sign_on, {"sub": subject, "groups": ["duty"]})

    assert account_of(accounts, sign_on, {"sub": subject, "groups": ["duty"]}) == made
    assert not findings(pd.Series([name_of(town.path, sign_on, name) for name in digests])).any()


def test_only_an_account_that_is_there_was_made_by_another_sign_in(site, monkeypatch):
    """Two sign-ins at once come to one account; what else keeps an account from being made is said."""
    accounts = site.state.doorman.accounts
    sign_on, claims = read_sign_on(accounts), {"sub": "u-1", "groups": ["duty"]}
    add = type(accounts).add

    def refuse(*_, **__):
        raise DataError("the area is none.")

    def faster(self, name, word, **of):
        add(self, name, word, **of)
        return add(self, name, word, **of)

    monkeypatch.setattr(type(accounts), "add", refuse)
    with pytest.raises(DataError, match="the area is none"):
        account_of(accounts, sign_on, claims)
    monkeypatch.setattr(type(accounts), "add", faster)

    assert account_of(accounts, sign_on, claims).role == "shift_leader"


def test_nobody_takes_over_a_local_account_by_calling_oneself_so(site, issuer):
    """Whatever names the issuer sends, a local account is none of them."""
    issuer.person = {"sub": "chief", "preferred_username": "chief", "name": "chief", "groups": ["duty"]}
    came_back(from_elsewhere(site), issuer)
    chief = site.state.doorman.accounts.account("chief")

    assert (chief.role, chief.password, chief.epoch) == ("admin", "kept", 1)


def test_signing_out_ends_it_here_and_shows_the_way_out_there(site, issuer):
    """The session is over at once; the issuer's own is left by a link, which comes back to this sign-in."""
    client = from_elsewhere(site)
    came_back(client, issuer)
    csrf = re.search(r'name="csrf" value="([0-9a-f]{32})"', client.get("/feeds").text)[1]
    page = client.post("/sign-out", data={"csrf": csrf})
    there = sent(client, "/sign-out/sso")

    assert 'href="/sign-out/sso"' in page.text
    assert client.get("/api/v1/feeds").status_code == 401
    assert there.path == "/logout"
    assert parse_qs(there.query)["post_logout_redirect_uri"] == ["http://localhost/sign-in"]


def test_every_sign_in_is_in_the_audit_log(site, issuer, town):
    """Who came in and who was refused, by the way of the single sign-on; no code and no state."""
    came_back(from_elsewhere(site), issuer)
    issuer.person = {"sub": "u-18", "groups": []}
    came_back(from_elsewhere(site), issuer)
    rows = [r for r in Journal(town.path).last(10) if r["route"] == "/sign-in/sso/back"][:2]

    assert [(r["status"], r["role"]) for r in rows] == [(403, ""), (200, "shift_leader")]
    assert re.fullmatch("[0-9a-f]{16}", rows[1]["who"])
    assert Journal(town.path).verify().sound


# -- attacks -----------------------------------------------------------------------------------------------------------------

NOW = int(web_town.NOW.timestamp())
FORGED = {
    "another sign-in's nonce": {"claims": {"nonce": "x" * 43}},
    "no nonce": {"claims": {"nonce": None}},
    "another realm": {"claims": {"iss": "https://id.example/realms/other"}},
    "another service": {"claims": {"aud": "payroll"}},
    "several services, made for another": {"claims": {"aud": [CLIENT, "payroll"], "azp": "payroll"}},
    "several services, made for nobody said": {"claims": {"aud": [CLIENT, "payroll"]}},
    "expired": {"claims": {"exp": NOW - 61}},
    "no end": {"claims": {"exp": None}},
    "an end that is no number": {"claims": {"exp": "tomorrow"}},
    "of the future": {"claims": {"iat": NOW + 120}},
    "not yet": {"claims": {"nbf": NOW + 120}},
    "of long ago": {"claims": {"iat": NOW - 3600}},
    "nobody": {"claims": {"sub": None}},
    "an empty name": {"claims": {"sub": ""}},
    "a name that is a number": {"claims": {"sub": 17}},
    "a name beyond measure": {"claims": {"sub": "x" * 256}},
    "no algorithm": {"head": {"alg": "none"}},
    "the public key as a shared secret": {"head": {"alg": "HS256"}},
    "an algorithm that is not declared": {"head": {"alg": "RS512"}},
    "a name of a key that is not there": {"head": {"kid": "third"}},
    "not a token": {"token": "x.y.z"},
    "an empty token": {"token": "a"},
    "letters of another alphabet": {"token": "é.é.é"},
    "signed by somebody else": {"key": Key("first", "thief")},
}


@pytest.mark.parametrize("fault", FORGED, ids=str)
def test_a_token_that_is_not_the_issuers_answer_opens_nothing(site, issuer, fault):
    """401 with one sentence, no account and no session, whatever was sent."""
    for name, value in FORGED[fault].items():
        setattr(issuer, name, value)
    client = from_elsewhere(site)
    answer = came_back(client, issuer)

    assert answer.status_code == 401
    assert "riskwarn_session" not in client.cookies
    assert [a.name for a in site.state.doorman.accounts.listed()] == ["chief"]


def test_clocks_may_stand_a_minute_apart(site, issuer):
    """A token that ended fifty seconds ago, or will be issued in fifty, is taken."""
    for claims in ({"exp": NOW - 50}, {"iat": NOW + 50}):
        issuer.claims = claims
        assert came_back(from_elsewhere(site), issuer).status_code == 200


def test_a_state_that_came_back_is_not_taken_again(site, issuer):
    """The same address again, even with the cookie it had: refused, and the issuer is not asked."""
    client = from_elsewhere(site)
    back = arriving(issuer.authorize(sent(client).query))
    cookies = dict(client.cookies)
    first = client.get(back)
    n_asked = len(issuer.asked)
    thief = from_elsewhere(site)
    thief.cookies.update(cookies)

    assert first.status_code == 200
    assert thief.get(back).status_code == 401
    assert len(issuer.asked) == n_asked


def test_a_state_of_another_browser_is_refused(site, issuer):
    """Nobody is signed in as somebody else by an address that was sent to them, nor without the cookie of a sign-in of one's own."""
    mine, other, none = (from_elsewhere(site) for _ in range(3))
    back = arriving(issuer.authorize(sent(mine).query))
    sent(other)

    assert other.get(back).status_code == 401
    assert none.get(back).status_code == 401
    assert mine.get(back).status_code == 200


@pytest.mark.parametrize("change", ["cut", "flipped", "empty", "foreign", "long"])
def test_a_cookie_that_was_changed_is_none(site, issuer, change):
    """What a sign-in remembers is sealed with the key of the store."""
    client = from_elsewhere(site)
    back = arriving(issuer.authorize(sent(client).query))
    kept = client.cookies["riskwarn_sso"]
    forged = {
        "cut": kept[:-1],
        "flipped": ("A" if kept[0] != "A" else "B") + kept[1:],
        "empty": ".",
        "foreign": "e30=." + "0" * 64,
        "long": kept + "A" * 5000,
    }[change]
    client.cookies.clear()
    answer = client.get(back, headers={"cookie": f"riskwarn_sso={forged}"})

    assert answer.status_code == 401


def test_who_comes_back_after_ten_minutes_begins_again(site, issuer, monkeypatch):
    """A sign-in that lay about for long is over."""
    client = from_elsewhere(site)
    back = arriving(issuer.authorize(sent(client).query))
    later = site.state.vouching.ticking() + 601
    monkeypatch.setattr(site.state.vouching, "ticking", lambda: later)

    assert client.get(back).status_code == 401


@pytest.mark.parametrize(
    "more",
    ["&iss=https://id.example/other", "&error=access_denied", "&code="],
    ids=["other issuer", "error", "no code"],
)
def test_an_answer_of_another_issuer_or_of_a_refusal_is_none(site, issuer, more):
    """What names another issuer (RFC 9207), an error, or no code is refused before the issuer is asked for a token."""
    client = from_elsewhere(site)
    back = re.sub(
        r"(iss|code)=[^&]*&?" if more.startswith("&code") else r"iss=[^&]*",
        "",
        arriving(issuer.authorize(sent(client).query)),
    )
    answer = client.get(back.rstrip("&") + more)

    assert answer.status_code == 401
    assert "/token" not in issuer.asked


def test_a_verifier_of_another_sign_in_is_worth_nothing(site, issuer):
    """A code that was caught is not good without the verifier, which never left this server and this browser."""
    mine, thief = from_elsewhere(site), from_elsewhere(site)
    code = parse_qs(urlsplit(issuer.authorize(sent(mine).query)).query)["code"][0]
    state = parse_qs(sent(thief).query)["state"][0]

    assert thief.get(f"/sign-in/sso/back?code={code}&state={state}").status_code == 401


@pytest.mark.parametrize(
    "wanted", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_nobody_is_led_away(site, issuer, wanted):
    """An address of another server leads home."""
    answer = came_back(from_elsewhere(site), issuer, f"/sign-in/sso?next={wanted}")

    assert 'content="0;url=/"' in answer.text
    assert "evil" not in answer.text


def test_trying_often_is_bounded(site, issuer):
    """An address that begins again and again is told to wait, and the issuer is left alone."""
    client = from_elsewhere(site)
    statuses = [client.get("/sign-in/sso", follow_redirects=False).status_code for _ in range(35)]

    assert statuses == [303] * 30 + [429] * 5


# -- the issuer --------------------------------------------------------------------------------------------------------------


def test_keys_are_kept_and_looked_up_again_when_the_issuer_changes_them(site, issuer, monkeypatch):
    """Two sign-ins ask for the keys once; a new key is found at once, an old one that was withdrawn is no longer good."""
    seconds = [0.0]
    monkeypatch.setattr(site.state.vouching.issuer, "ticking", lambda: seconds[0])
    statuses = [came_back(from_elsewhere(site), issuer).status_code for _ in range(2)]
    n_first = issuer.asked.count("/jwks")
    old, seconds[0] = issuer.keys[0], 20.0
    issuer.keys = [Key("second")]
    statuses.append(came_back(from_elsewhere(site), issuer).status_code)
    issuer.key = old
    statuses.append(came_back(from_elsewhere(site), issuer).status_code)

    assert statuses == [200, 200, 200, 401]
    assert (n_first, issuer.asked.count("/jwks")) == (1, 2)
    assert issuer.asked.count("/.well-known/openid-configuration") == 1


def test_unknown_keys_do_not_make_it_ask_on_and_on(site, issuer):
    """However many tokens name a key that is not there, the keys are asked for again once in ten seconds."""
    issuer.head = {"kid": "third"}
    for _ in range(5):
        came_back(from_elsewhere(site), issuer)

    assert issuer.asked.count("/jwks") <= 2


@pytest.mark.parametrize("language", ["en", "zh"])
def test_an_issuer_that_is_down_is_said_and_local_accounts_come_in(site, issuer, language):
    """One clear page with the form for local accounts below it; asked again at once, it does not wait again."""
    issuer.status = 500
    client = from_elsewhere(site)
    answers = [client.get(f"/sign-in/sso?lang={language}&next=/feeds", follow_redirects=False) for _ in range(3)]
    local = client.post("/sign-in", data={"name": "chief", "password": GOOD}, follow_redirects=False)

    assert [a.status_code for a in answers] == [503] * 3
    assert {"en": "does not answer", "zh": "暂无响应"}[language] in answers[0].text
    assert 'type="password"' in answers[0].text
    assert 'name="next" value="/feeds"' in answers[0].text
    assert local.status_code == 303


def test_nothing_listening_is_down_too(make):
    """A port that nobody listens at, and none asked again within five seconds."""
    app = make(declaration("http://127.0.0.1:9"))

    assert [from_elsewhere(app).get("/sign-in/sso").status_code for _ in range(2)] == [503, 503]


@pytest.mark.parametrize(
    "facts",
    [
        {"issuer": "http://127.0.0.1/other"},
        {"token_endpoint": "http://169.254.169.254/latest"},
        {"token_endpoint": "file:///etc/passwd"},
        {"jwks_uri": "https://evil.example/jwks"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": None},
        {"jwks_uri": 7},
    ],
    ids=str,
)
def test_an_issuer_leads_nowhere_else(site, issuer, facts):
    """What answers must be the declared issuer, and its endpoints lie on declared hosts: nothing else is asked, nobody sent there."""
    issuer.facts = facts
    answer = from_elsewhere(site).get("/sign-in/sso", follow_redirects=False)

    assert (answer.status_code, "location" in answer.headers) == (503, False)


def test_without_a_declaration_there_is_no_such_way(town, tmp_path, monkeypatch, watch):
    """Off by default: no link on the page, and the addresses are not there."""
    monkeypatch.setenv("RISKWARN_LEDGER", f"sqlite:///{tmp_path / 'ledger.db'}")
    app = create_app(town.path, clock=watch, serving=NAMED)
    app.state.doorman.accounts.add("chief", "", role="admin")
    client = from_elsewhere(app)

    assert "/sign-in/sso" not in client.get("/sign-in").text
    assert {client.get(path).status_code for path in ("/sign-in/sso", "/sign-in/sso/back", "/sign-out/sso")} == {404}


# -- what is declared -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"issuer": "http://id.example"}, "issuer: wanted an https address"),
        ({"issuer": "https://id.example/?x=1"}, "issuer: wanted an https address"),
        ({"issuer": "https://a:b@id.example"}, "issuer: wanted an https address"),
        ({"address": "ftp://risk.example"}, "address: wanted an https address"),
        ({"algorithms": ["HS256"]}, "algorithms"),
        ({"algorithms": ["none"]}, "algorithms"),
        ({"algorithms": []}, "algorithms"),
        ({"groups": []}, "groups"),
        ({"groups": [{"name": "a", "role": "admin"}, {"name": "a", "role": "auditor"}]}, "a is declared twice"),
        ({"isuer": "x"}, "isuer"),
    ],
    ids=str,
)
def test_what_is_declared_wrongly_is_refused(more, said):
    """One line names the key and what is wanted; a symmetric or missing signature cannot be declared."""
    base = {
        "issuer": "https://id.example",
        "client_id": "r",
        "address": "https://risk.example",
        "groups": [{"name": "a", "role": "admin"}],
    }
    with pytest.raises(DefinitionError, match=re.escape(said)):
        SignOn(**{**base, **more})


@pytest.mark.parametrize(
    ("group", "said"),
    [
        ("role = 'local'", "has the role 'local'"),
        ("role = 'emperor'", "has the role 'emperor'"),
        ("role = 'admin'\narea = 'a b'", "area"),
    ],
)
def test_a_group_is_given_only_what_can_be_given(town, monkeypatch, tmp_path, group, said):
    """A role there is not, the role of nobody, or an area that is none keeps the server from starting."""
    monkeypatch.setenv("RISKWARN_LEDGER", f"sqlite:///{tmp_path / 'ledger.db'}")
    place = town.path / FILE
    place.write_text(
        f"issuer = 'https://i.example'\nclient_id = 'r'\naddress = 'https://r.example'\n[[groups]]\nname = 'g'\n{group}\n"
    )
    try:
        with Accounts(town) as accounts, pytest.raises(DefinitionError, match=re.escape(said)):
            read_sign_on(accounts)
    finally:
        place.unlink()


def test_a_secret_is_a_secret(tmp_path, monkeypatch):
    """From a file that its owner alone reads, or the environment; a short one, one of one letter or an open file is refused."""
    place = tmp_path / "secret"
    base = {
        "issuer": "https://id.example",
        "client_id": "r",
        "address": "https://risk.example",
        "groups": [{"name": "a", "role": "admin"}],
    }
    declared = SignOn(**base, secret_file=str(place))
    with pytest.raises(NotFoundError):
        secret_of(declared)
    place.write_text(SECRET + "\n")
    place.chmod(0o644)
    with pytest.raises(DefinitionError, match="chmod 600"):
        secret_of(declared)
    place.chmod(0o600)
    assert secret_of(declared) == SECRET
    for poor in ("", "changeme", "a" * 40):
        place.write_text(poor)
        with pytest.raises(DefinitionError, match="is no secret"):
            secret_of(declared)
    monkeypatch.setenv("RISKWARN_OIDC_SECRET", "changeme")
    with pytest.raises(DefinitionError, match="is no secret"):
        secret_of(SignOn(**base))
    monkeypatch.delenv("RISKWARN_OIDC_SECRET")
    assert secret_of(SignOn(**base)) == ""


def test_the_secret_stands_nowhere(site, issuer, town):
    """Neither in what is shown, nor in the log, nor in the declaration when it is printed."""
    client = from_elsewhere(site)
    came_back(client, issuer)
    shown = client.get("/feeds").text + client.get("/sign-in").text + json.dumps(Journal(town.path).last(50))

    assert SECRET not in shown + repr(site.state.vouching.issuer.sign_on)


def test_the_declaration_of_the_docs_is_one():
    """What docs/access.md shows can be copied."""
    page = (Path(__file__).parent.parent / "docs" / "access.md").read_text("utf-8")
    shown = tomllib.loads(re.search(r"```toml\n(issuer.*?)```", page, re.DOTALL)[1])

    assert [g.role for g in read(SignOn, shown, "docs").groups] == ["shift_leader", "township_centre"]
