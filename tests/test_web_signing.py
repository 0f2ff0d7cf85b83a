"""Signing in at the page, tokens of programs, and the end of both."""

import datetime as dt
import re

import pandas as pd
import pytest
from argon2 import PasswordHasher
from towns import web as web_town
from visiting import NAMED, at_the_machine, from_elsewhere

from riskwarn.access import Accounts, make_token, password, revoke_token
from riskwarn.web import create_app

GOOD = "a sentence nobody guesses"


class Watch:
    """A clock that stands until it is moved."""

    now = web_town.NOW

    def __call__(self):
        return self.now


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    return web_town.build(tmp_path_factory.mktemp("signing") / "town")


@pytest.fixture(autouse=True)
def _cheap(monkeypatch):
    monkeypatch.setattr(password, "HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    password._of_nobody.cache_clear()
    yield
    password._of_nobody.cache_clear()


@pytest.fixture
def watch():
    return Watch()


@pytest.fixture
def site(town, tmp_path, watch, monkeypatch):
    """The application with a shift leader and an administrator; its ledger is the test's own."""
    monkeypatch.setenv("RISKWARN_LEDGER", f"sqlite:///{tmp_path / 'ledger.db'}")
    app = create_app(town.path, clock=watch, serving=NAMED)
    accounts = app.state.doorman.accounts
    accounts.add("desk-1", GOOD, role="shift_leader")
    accounts.add("chief", GOOD, role="admin")
    return app


def signed_in(app, name="desk-1", **options):
    """A client that has signed in at the page."""
    client = from_elsewhere(app, **options)
    answer = client.post("/sign-in", data={"name": name, "password": GOOD}, follow_redirects=False)
    assert answer.status_code == 303
    return client


def csrf(client, path="/feeds"):
    """What a form of a page sends along."""
    return re.search(r'name="csrf" value="([0-9a-f]{32})"', client.get(path).text)[1]


# -- the page ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("language", "title"), [("en", "Sign in"), ("zh", "登录")])
def test_the_form_is_in_the_readers_language(site, language, title):
    """It says what it wants in both languages, and may not be kept by a cache."""
    answer = from_elsewhere(site).get("/sign-in", params={"lang": language})

    assert answer.status_code == 200
    assert f"<h1>{title}</h1>" in answer.text
    assert 'type="password"' in answer.text
    assert answer.headers["cache-control"] == "no-store"


def test_who_is_not_signed_in_is_shown_the_form_and_brought_back(site):
    """A page asked for leads to the form, and from it to the page; a program is told 401."""
    client = from_elsewhere(site)
    sent = client.get("/gaps?kind=G08", follow_redirects=False)
    back = client.post(
        "/sign-in", data={"name": "desk-1", "password": GOOD, "next": "/gaps?kind=G08"}, follow_redirects=False
    )

    assert (sent.status_code, sent.headers["location"]) == (303, "/sign-in?next=/gaps%3Fkind%3DG08")
    assert (back.status_code, back.headers["location"]) == (303, "/gaps?kind=G08")
    assert client.get("/gaps").status_code == 200
    assert from_elsewhere(site).get("/api/v1/gaps", follow_redirects=False).status_code == 401


@pytest.mark.parametrize(
    "wanted", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/\tx", ""]
)
def test_nobody_is_led_away(site, wanted):
    """An address of another server in the form leads home."""
    answer = from_elsewhere(site).post(
        "/sign-in", data={"name": "desk-1", "password": GOOD, "next": wanted}, follow_redirects=False
    )

    assert answer.headers["location"] == "/"


def test_the_cookie_is_out_of_reach(site):
    """No script reads it, no other site sends it, and behind TLS no plain connection carries it."""
    form = {"name": "desk-1", "password": GOOD}
    plain = from_elsewhere(site).post("/sign-in", data=form, follow_redirects=False).headers["set-cookie"]
    secure = (
        from_elsewhere(site)
        .post("https://risk.example/sign-in", data=form, follow_redirects=False)
        .headers["set-cookie"]
    )

    assert all(part in plain for part in ("HttpOnly", "SameSite=strict", "Path=/", "Max-Age=43200"))
    assert ("Secure" in plain, "Secure" in secure) == (False, True)


def test_a_wrong_password_is_said_and_counted(site):
    """The page says so in one sentence that repeats nothing; after five tries it says how long to wait."""
    client = from_elsewhere(site)
    answers = [client.post("/sign-in?lang=en", data={"name": "desk-1", "password": "<b>wrong"}) for _ in range(6)]

    assert [a.status_code for a in answers] == [401] * 5 + [429]
    assert "The name or the password is wrong" in answers[0].text
    assert "Wait 60 seconds" in answers[5].text or "Wait 61 seconds" in answers[5].text
    assert int(answers[5].headers["retry-after"]) >= 60
    assert [a for a in answers if "wrong</b>" in a.text or "<b>wrong" in a.text] == []


def test_each_is_shown_the_pages_it_may_see(site):
    """Who keeps accounts comes to the feeds, has no list in the menu, and is refused it in words."""
    client = from_elsewhere(site)
    home = client.post("/sign-in", data={"name": "chief", "password": GOOD}, follow_redirects=False).headers["location"]
    page = client.get("/feeds?lang=en").text
    refused = client.get("/?lang=en")

    assert home == "/feeds"
    assert 'href="/alerts' not in page
    assert 'href="/model' in page
    assert (refused.status_code, "may not see or do this" in refused.text) == (403, True)


def test_with_an_account_nobody_reads_without_one(site):
    """Who sits at the machine signs in like anybody else, from the first account on."""
    assert at_the_machine(site).get("/api/v1/scores").status_code == 401


def test_the_first_account_closes_the_door_within_a_second(town, tmp_path, monkeypatch):
    """An application that runs learns of the first account without being started anew."""
    monkeypatch.setenv("RISKWARN_LEDGER", f"sqlite:///{tmp_path / 'ledger.db'}")
    app = create_app(town.path, clock=Watch())
    client = at_the_machine(app)
    before = client.get("/api/v1/feeds").status_code
    with Accounts(town) as accounts:
        accounts.add("desk-1", GOOD, role="admin")
    app.state.doorman._there_are = (0.0, False)  # the second is over

    assert (before, client.get("/api/v1/feeds").status_code) == (200, 401)


# -- the session ---------------------------------------------------------------------------------------------------------


def test_signing_out_ends_the_session(site):
    """The cookie is taken away, and a copy of it is worth nothing."""
    client = signed_in(site)
    copy = dict(client.cookies)
    answer = client.post("/sign-out", data={"csrf": csrf(client)}, follow_redirects=False)
    thief = from_elsewhere(site)
    thief.cookies.update(copy)

    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert thief.get("/api/v1/scores").status_code == 401


@pytest.mark.parametrize(
    ("data", "headers"),
    [
        ({}, {}),
        ({"csrf": "0" * 32}, {}),
        ({"csrf": ""}, {}),
        (None, {"sec-fetch-site": "cross-site"}),
        (None, {"origin": "https://evil.example"}),
        (None, {"origin": "null"}),
        ({}, {"x-csrf-token": "0" * 32}),
    ],
    ids=str,
)
def test_another_site_cannot_act_for_who_is_signed_in(site, data, headers):
    """A step without what only our own pages know, or that the browser says comes from elsewhere, is refused."""
    client = signed_in(site)
    sent = {"csrf": csrf(client)} if data is None else data
    answer = client.post("/sign-out", data=sent, headers=headers, follow_redirects=False)

    assert answer.status_code == 403
    assert client.get("/feeds").status_code == 200


def test_another_session_has_another_secret(site):
    """What one session's forms send is worth nothing in another."""
    one, two = signed_in(site), signed_in(site)

    assert one.post("/sign-out", data={"csrf": csrf(two)}, follow_redirects=False).status_code == 403


def test_signing_in_from_another_site_is_refused(site):
    """Nobody is signed in as somebody else by a page of another site."""
    form = {"name": "desk-1", "password": GOOD}
    answer = from_elsewhere(site).post(
        "/sign-in", data=form, headers={"origin": "https://evil.example"}, follow_redirects=False
    )

    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_a_program_in_the_page_sends_the_secret_as_a_header(site):
    """A session may ask the API to act, with the header in place of the field."""
    client = signed_in(site)
    secret = csrf(client)
    body = {"grids": ["G0001"]}

    assert client.post("/api/v1/score", json=body).status_code == 403
    assert client.post("/api/v1/score", json=body, headers={"x-csrf-token": secret}).status_code == 200


def test_a_session_ends_by_itself(site, watch):
    """After an hour in which nothing was done the page asks to sign in again."""
    client = signed_in(site)
    watch.now = web_town.NOW + pd.Timedelta(minutes=61)
    site.state.doorman.forget()  # the second in which one is known again is over

    assert client.get("/feeds", follow_redirects=False).status_code == 303


# -- tokens --------------------------------------------------------------------------------------------------------------


def bearer(secret):
    return {"authorization": f"Bearer {secret}"}


def test_a_token_reads_what_it_was_made_for(site):
    """Its scopes and no more; the scheme is written large or small."""
    secret, _ = make_token(site.state.doorman.accounts, "desk-1", purpose="display", scopes=["feeds:read"])
    client = from_elsewhere(site)

    assert client.get("/api/v1/feeds", headers=bearer(secret)).status_code == 200
    assert client.get("/api/v1/feeds", headers={"authorization": f"bearer  {secret}"}).status_code == 200
    assert client.get("/api/v1/scores", headers=bearer(secret)).status_code == 403


@pytest.mark.parametrize(
    "sent",
    [
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Basic ZGVzay0xOng=",
        "Bearer rw_" + "A" * 5000,
        "",
        "Bearer \x00",
        "Bearer eyJhbGciOiJub25lIn0.e30.",
    ],
)
def test_what_is_no_token_opens_nothing(site, sent):
    """Garbage is 401, also for who has a session: what was sent is looked at alone."""
    for client in (from_elsewhere(site), signed_in(site)):
        assert client.get("/api/v1/feeds", headers={"authorization": sent.encode()}).status_code == 401


def test_garbage_opens_nothing_at_the_machine_either(town, tmp_path, monkeypatch):
    """Without accounts too a token that is none is refused, not passed over."""
    monkeypatch.setenv("RISKWARN_LEDGER", f"sqlite:///{tmp_path / 'none.db'}")
    client = at_the_machine(create_app(town.path, clock=Watch()))

    assert client.get("/api/v1/feeds", headers=bearer("rw_x")).status_code == 401
    assert not (tmp_path / "none.db").exists()


def test_a_revoked_token_ends_within_a_second_for_reading_and_at_once_for_steps(site, monkeypatch):
    """Mid-flight: the next step is refused, and so is the next reading once the second is over."""
    now = [100.0]
    doorman = site.state.doorman
    monkeypatch.setattr(doorman, "ticking", lambda: now[0])
    secret, token = make_token(doorman.accounts, "desk-1", purpose="handling")
    client = from_elsewhere(site)
    ask = {"headers": bearer(secret)}
    assert client.get("/api/v1/scores", **ask).status_code == 200
    assert client.post("/api/v1/score", json={"grids": ["G0001"]}, **ask).status_code == 200
    revoke_token(doorman.accounts, token.token_id)
    step = client.post("/api/v1/score", json={"grids": ["G0001"]}, **ask).status_code
    now[0] += 1.01

    assert (step, client.get("/api/v1/scores", **ask).status_code) == (401, 401)


def test_an_expired_token_is_refused(site, watch):
    """From its instant on, not a second later."""
    secret, token = make_token(site.state.doorman.accounts, "desk-1", purpose="display", days=1)
    client = from_elsewhere(site)
    assert client.get("/api/v1/feeds", headers=bearer(secret)).status_code == 200
    watch.now = pd.Timestamp(token.made_at) + dt.timedelta(days=1)
    site.state.doorman.forget()

    assert client.get("/api/v1/feeds", headers=bearer(secret)).status_code == 401


def test_a_token_of_no_memory_is_kept_for_long(site):
    """However many secrets are sent, what is kept of them is bounded and holds none of them."""
    client = from_elsewhere(site)
    for n in range(50):
        client.get("/api/v1/feeds", headers=bearer(f"rw_{n}"))

    assert len(site.state.doorman._seen) == 0
