"""Administration by page and by API: within one's own area, never one's own account, in two clicks, and each step in the audit log."""

import html
import re

import pytest
from towns import web as web_town
from visiting import NAMED, as_visitor, at_the_machine, from_elsewhere

from riskwarn.access import Journal, make_token, password
from riskwarn.access.keeping import Keeper, drawn_password
from riskwarn.access.password import check_password
from riskwarn.access.visitor import Visitor
from riskwarn.errors import ForbiddenError
from riskwarn.ledger.actor import Actor
from riskwarn.mode import switch
from riskwarn.plan import STARTER, Plan
from riskwarn.store.stop import LOG
from riskwarn.web import create_app
from riskwarn.web.planned import plan_lines

GOOD = "a sentence nobody guesses"
API = "/api/v1/admin"


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    return web_town.build(tmp_path_factory.mktemp("admin") / "town")


@pytest.fixture
def site(town, tmp_path, monkeypatch):
    """The application with two administrators of the city, one of a township, and a shift leader."""
    monkeypatch.setenv("RISKWARN_LEDGER", f"sqlite:///{tmp_path / 'ledger.db'}")
    monkeypatch.setattr(password, "fits", lambda kept, typed: bool(kept) and kept == f"kept {typed}")
    monkeypatch.setattr(password, "hashed", lambda typed: f"kept {typed}")
    monkeypatch.setattr(password, "is_old", lambda kept: False)
    app = create_app(town.path, clock=lambda: web_town.NOW, serving=NAMED)
    accounts = app.state.doorman.accounts
    for name, role, area in (
        ("chief", "admin", "*"),
        ("second", "admin", "*"),
        ("west", "admin", "T1"),
        ("desk-1", "shift_leader", "*"),
        ("desk-t1", "township_centre", "T1"),
    ):
        accounts.add(name, GOOD, role=role, area=area)
    yield app
    (town.path / LOG).unlink(missing_ok=True)


def signed_in(app, name="chief", word=GOOD):
    client = from_elsewhere(app)
    answer = client.post("/sign-in", data={"name": name, "password": word}, follow_redirects=False)
    client.headers["x-csrf-token"] = csrf(client) if answer.status_code == 303 else ""
    client.signed = answer.status_code == 303
    return client


def csrf(client, path="/feeds"):
    found = re.search(r'name="csrf" value="([0-9a-f]{32})"', client.get(path).text)
    return found[1] if found else ""


def users(client):
    return {user["name"]: user for user in client.get(f"{API}/users").json()["users"]}


def fields(page):
    """The hidden fields of the confirmation."""
    form = page.text.split('<form class="take"', 1)[1].split("</form>")[0]
    return dict(re.findall(r'name="([^"]+)" value="([^"]*)"', form))


def last(town, route):
    return next(row for row in Journal(town.path).last(20) if row["route"] == route)


# -- accounts by API -----------------------------------------------------------------------------------------------------


def test_an_account_is_made_and_its_password_shown_once(site, town):
    """It signs in with what was shown; the list and the log show neither password nor, in the log, its name."""
    client = signed_in(site)
    made = client.post(f"{API}/users", json={"name": "desk-2", "role": "township_centre", "area": "T1"})
    body = made.json()
    line = last(town, f"{API}/users")

    assert made.status_code == 201
    assert signed_in(site, "desk-2", body["password"]).signed
    assert body["password"] not in client.get(f"{API}/users").text
    assert line["object"] == f"{body['user']['user_id']} township_centre T1"
    assert "desk-2" not in str(line)
    assert made.headers["cache-control"] == "no-store"


def test_a_drawn_password_is_one_that_is_taken():
    """Two hundred of them: each different, each passes what a typed one must."""
    drawn = {drawn_password() for _ in range(200)}
    for one in drawn:
        check_password(one, "desk-1")

    assert len(drawn) == 200
    assert all(re.fullmatch(r"([a-hjkmnp-z2-9]{5}-){3}[a-hjkmnp-z2-9]{5}", one) for one in drawn)


def test_role_area_and_closing_are_changed(site):
    """What is left out stays; the sessions of the account end at once."""
    client, desk = signed_in(site), signed_in(site, "desk-1")
    before = users(client)["desk-1"]
    place = f"{API}/users/{before['user_id']}"
    changed = client.patch(place, json={"version": before["version"], "role": "county_centre", "area": "T2"}).json()
    shut = client.patch(place, json={"version": changed["version"], "disabled": True}).json()

    assert (changed["role"], changed["area"], changed["disabled"]) == ("county_centre", "T2", False)
    assert (shut["role"], shut["disabled"]) == ("county_centre", True)
    assert desk.get("/api/v1/feeds").status_code == 401
    assert not signed_in(site, "desk-1").signed


def test_of_two_who_change_at_once_one_is_told(site):
    """The slower one gets 409 and nothing of hers is done."""
    one, two = signed_in(site), signed_in(site, "second")
    desk = users(one)["desk-1"]
    answers = [
        client.patch(f"{API}/users/{desk['user_id']}", json={"version": desk["version"], "role": role})
        for client, role in ((one, "supervisor"), (two, "auditor"))
    ]

    assert [a.status_code for a in answers] == [200, 409]
    assert users(one)["desk-1"]["role"] == "supervisor"


def test_a_reset_gives_another_password_and_unlocks(site):
    """The old one is worth nothing, the new one signs in, a locked name is no longer locked."""
    client = signed_in(site)
    for _ in range(6):
        from_elsewhere(site, host="10.0.0.9").post("/sign-in", data={"name": "desk-1", "password": "x"})
    locked = users(client)["desk-1"]
    body = client.post(f"{API}/users/{locked['user_id']}/reset", json={"version": locked["version"]}).json()

    assert locked["locked_seconds"] > 0
    assert body["user"]["locked_seconds"] == 0
    assert not signed_in(site, "desk-1").signed
    assert signed_in(site, "desk-1", body["password"]).signed


def test_a_locked_account_is_let_try_again_and_keeps_its_sessions(site):
    """Only the tries are forgotten."""
    desk, client = signed_in(site, "desk-1"), signed_in(site)
    for _ in range(6):
        from_elsewhere(site, host="10.0.0.9").post("/sign-in", data={"name": "desk-1", "password": "x"})
    known = users(client)["desk-1"]
    after = client.post(f"{API}/users/{known['user_id']}/unlock").json()

    assert (known["locked_seconds"] > 0, after["locked_seconds"]) == (True, 0)
    assert after["version"] == known["version"]
    assert desk.get("/api/v1/feeds").status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "desk-1", "role": "auditor"}, 422),
        ({"name": "Somebody Else", "role": "auditor"}, 422),
        ({"name": "13812345678", "role": "auditor"}, 422),
        ({"name": "desk-new", "role": "emperor"}, 404),
        ({"name": "desk-new", "role": "local"}, 404),
        ({"name": "desk-new", "role": "auditor", "area": "no area"}, 422),
        ({"name": "desk-new", "role": "auditor", "password": GOOD}, 422),
        ({"name": "desk-new", "role": "auditor", "kept": True}, 422),
        ({"name": "desk-new"}, 422),
    ],
    ids=str,
)
def test_what_is_no_account_is_refused_and_not_repeated(site, body, status):
    """Problem details that hold nothing of what was sent."""
    client = signed_in(site)
    answer = client.post(f"{API}/users", json=body)

    assert answer.status_code == status
    assert [word for word in map(str, body.values()) if word in answer.text] == []
    assert len(users(client)) == 5


# -- who keeps whom ------------------------------------------------------------------------------------------------------


def test_who_keeps_one_area_keeps_no_other(site):
    """An administrator of a township sees and changes its accounts alone; any other is as unknown as one there is not."""
    chief, west = signed_in(site), signed_in(site, "west")
    desk = users(chief)["desk-1"]
    ask = {"version": desk["version"], "role": "auditor"}
    token, made = make_token(site.state.doorman.accounts, "desk-1", purpose="display")
    outside = [
        west.get(f"{API}/users/{desk['user_id']}"),
        west.patch(f"{API}/users/{desk['user_id']}", json=ask),
        west.post(f"{API}/users/{desk['user_id']}/reset", json={"version": 1}),
        west.post(f"{API}/users/{desk['user_id']}/unlock"),
        west.post(f"{API}/tokens", json={"user_id": desk["user_id"], "purpose": "display"}),
        west.delete(f"{API}/tokens/{made.token_id}"),
    ]
    nobody = west.get(f"{API}/users/{'0' * 16}")

    assert set(users(west)) == {"west", "desk-t1"}
    assert {a.status_code for a in outside} == {404}
    assert {a.text for a in outside} == {nobody.text}
    assert west.get(f"{API}/tokens").json()["tokens"] == []
    assert from_elsewhere(site).get("/api/v1/feeds", headers={"authorization": f"Bearer {token}"}).status_code == 200


@pytest.mark.parametrize("area", ["*", "T2", "320102"])
def test_nobody_gives_more_than_the_own_area(site, area):
    """Neither to a new account nor to one that is there; by default a new one is of the own area."""
    west = signed_in(site, "west")
    mine = users(west)["desk-t1"]
    made = west.post(f"{API}/users", json={"name": "new-1", "role": "grid_head", "area": area})
    moved = west.patch(f"{API}/users/{mine['user_id']}", json={"version": mine["version"], "area": area})
    own = west.post(f"{API}/users", json={"name": "new-2", "role": "grid_head"})

    assert (made.status_code, made.json()["kind"]) == (403, "outside_area")
    assert (moved.status_code, moved.json()["kind"]) == (403, "outside_area")
    assert (own.status_code, own.json()["user"]["area"]) == (201, "T1")


@pytest.mark.parametrize(
    "change", [{"role": "shift_leader"}, {"area": "*"}, {"disabled": True}, {"role": "admin"}], ids=str
)
def test_nobody_changes_the_own_account(site, change):
    """Not to raise it, not to move it, not to close it; nor is a password drawn for it."""
    west = signed_in(site, "west")
    own = users(west)["west"]
    answer = west.patch(f"{API}/users/{own['user_id']}", json={"version": own["version"], **change})
    reset = west.post(f"{API}/users/{own['user_id']}/reset", json={"version": own["version"]})

    assert (answer.status_code, answer.json()["kind"]) == (403, "own_account")
    assert (reset.status_code, reset.json()["kind"]) == (403, "own_account")


@pytest.mark.parametrize("change", [{"disabled": True}, {"role": "auditor"}, {"area": "T1"}], ids=str)
def test_somebody_is_left_who_keeps_accounts(site, change):
    """Nothing of the last open account of the whole city that does is changed, whoever asks; those of areas do not count."""
    accounts = site.state.doorman.accounts
    nobody = Keeper(accounts, Visitor(Actor("admin", "*", "0" * 16), frozenset({"users:admin"})))
    kept = {k.account.name: k for k in nobody.users()}
    nobody.change(kept["second"].user_id, version=1, disabled=True)
    with pytest.raises(ForbiddenError) as refused:
        nobody.change(kept["chief"].user_id, version=1, **change)

    assert refused.value.kind == "last_keeper"
    assert accounts.account("chief") == kept["chief"].account


def test_a_program_keeps_accounts_with_a_token_made_for_it_alone(site):
    """Purpose ``administration``; no token of another purpose does, and none makes another of its own account."""
    accounts = site.state.doorman.accounts
    program, _ = make_token(accounts, "chief", purpose="administration")
    other, _ = make_token(accounts, "chief", purpose="operations")
    client = from_elsewhere(site)
    head = {"authorization": f"Bearer {program}"}
    chief = users(signed_in(site))["chief"]
    itself = client.post(f"{API}/tokens", json={"user_id": chief["user_id"], "purpose": "operations"}, headers=head)

    assert client.get(f"{API}/users", headers=head).status_code == 200
    assert client.get(f"{API}/users", headers={"authorization": f"Bearer {other}"}).status_code == 403
    assert (itself.status_code, itself.json()["kind"]) == (403, "token_of_itself")


@pytest.mark.parametrize(
    "role", ["shift_leader", "auditor", "city_analyst", "supervisor", "batch_operator", "township_centre"]
)
def test_no_other_role_keeps_accounts(site, monkeypatch, role):
    """403 for every route of the accounts, whatever the area."""
    as_visitor(monkeypatch, role)
    client = at_the_machine(site)
    answers = [client.get(f"{API}/users"), client.post(f"{API}/users", json={"name": "aa", "role": "admin"})]

    assert [(a.status_code, a.json()["type"]) for a in answers] == [(403, "urn:riskwarn:problem:forbidden")] * 2
    assert client.get("/admin").status_code == 403


# -- tokens --------------------------------------------------------------------------------------------------------------


def test_a_token_is_shown_once_listed_and_revoked(site, town):
    """It works at once, is refused at once, and of it the list and the log hold its number alone."""
    client = signed_in(site)
    desk = users(client)["desk-1"]
    made = client.post(f"{API}/tokens", json={"user_id": desk["user_id"], "purpose": "display", "days": 30}).json()
    head = {"authorization": f"Bearer {made['token']}"}
    program = from_elsewhere(site)
    before = program.get("/api/v1/feeds", headers=head).status_code
    listed = client.get(f"{API}/tokens").json()["tokens"]
    ended = client.delete(f"{API}/tokens/{made['facts']['token_id']}")

    assert (before, ended.status_code, program.get("/api/v1/feeds", headers=head).status_code) == (200, 204, 401)
    assert [(t["account"], t["state"]) for t in listed] == [("desk-1", "holds")]
    assert made["token"] not in client.get(f"{API}/tokens").text
    assert last(town, f"{API}/tokens/{{token_id}}")["object"] == f"{made['facts']['token_id']} {desk['user_id']}"


# -- the pages -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("language", "title"), [("en", "Administration"), ("zh", "系统管理")])
def test_the_page_shows_accounts_tokens_mode_and_plan(site, town, language, title):
    """In both languages: who, what, where; in which mode since when and by whom; the plan in sentences, its questions as nights ask them."""
    _, token = make_token(site.state.doorman.accounts, "desk-1", purpose="display")
    page = signed_in(site).get("/admin", params={"lang": language}).text

    assert f"<h1>{title}</h1>" in page
    assert all(name in page for name in ("chief", "west", "desk-1", "desk-t1"))
    assert token.token_id in page
    section = page.split('<h2 id="plan">', 1)[1].split("</section>")[0]
    facts = town.newest_night().facts
    asked = {facts["target"]: facts["question"]} | {t: f["question"] for t, f in facts.get("questions", {}).items()}
    lines = [html.unescape(line) for line in re.findall("<li>(.*?)</li>", section)]
    assert lines == plan_lines(Plan.load(STARTER), language, asked)
    assert f"kept {GOOD}" not in page


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_plan_names_its_questions_as_they_are_asked(language):
    """A target is called by its question in the reader's language; one that no night has answered by its name."""
    plan = Plan.load(STARTER)
    first, *rest = dict.fromkeys(question.target for question in plan.questions)
    asked = {first: {"en": "How many calls?", "zh": "多少警情？"}}
    line = next(line for line in plan_lines(plan, language, asked) if asked[first][language] in line)
    assert first not in line
    assert all(target in line for target in rest)


def test_the_mode_is_told_with_who_switched_and_why(site, town):
    """The last switch above, all of them below."""
    switch(town, "urgent", by="shift_leader", why="flood warning", at="2025-01-07")
    page = signed_in(site).get("/admin", params={"lang": "en"}).text

    assert "urgent, since 2025-01-07 00:00: shift leader, flood warning" in page


def test_a_step_is_taken_with_the_second_click(site, town):
    """The first shows what will be done and does nothing; the second does it; sent again it does nothing more."""
    client = signed_in(site)
    desk = users(client)["desk-1"]
    place = f"/admin/users/{desk['user_id']}"
    sent = {"csrf": csrf(client), "action": "close", "version": str(desk["version"])}
    asked = client.post(place, data=sent)
    untouched = users(client)["desk-1"]["disabled"]
    done = client.post(place, data=fields(asked), follow_redirects=False)
    again = client.post(place, data=fields(asked), follow_redirects=False)

    assert (asked.status_code, untouched) == (200, False)
    assert "desk-1" in asked.text
    assert (done.headers["location"], again.headers["location"]) == ("/admin?said=done", "/admin?said=again")
    assert users(client)["desk-1"]["disabled"]
    assert [r["object"] for r in Journal(town.path).last(30) if r["route"] == "/admin/users/{user_id}"][:3] == [
        "refused again",
        f"{desk['user_id']} close",
        "asked",
    ]


def test_a_new_password_is_shown_by_the_first_answer_alone(site):
    """Loading the page anew neither shows it again nor draws another."""
    client = signed_in(site)
    asked = client.post(
        "/admin/users", data={"csrf": csrf(client), "name": "desk-9", "role": "grid_head", "area": "T1"}
    )
    sent = fields(asked)
    shown = client.post("/admin/users", data=sent)
    again = client.post("/admin/users", data=sent, follow_redirects=False)
    word = re.search(r'class="secret"><code>([^<]+)</code>', shown.text)[1]

    assert signed_in(site, "desk-9", word).signed
    assert shown.headers["cache-control"] == "no-store"
    assert again.headers["location"] == "/admin?said=again"


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("/admin/users", {"name": "desk-9", "role": "grid_head", "sure": "1", "once": "a"}),
        ("/admin/users/{desk}", {"action": "close", "version": "1", "sure": "1", "once": "b"}),
        ("/admin/tokens", {"user_id": "{desk}", "purpose": "display", "days": "9", "sure": "1", "once": "c"}),
        ("/admin/stop", {"action": "stop", "why": "x", "sure": "1"}),
    ],
    ids=str,
)
def test_another_site_takes_no_step(site, town, path, data):
    """Without the secret of the session, or from elsewhere, nothing is done."""
    client = signed_in(site)
    good, before = client.headers.pop("x-csrf-token"), users(client)
    desk = before["desk-1"]["user_id"]
    sent = {key: value.replace("{desk}", desk) for key, value in data.items()}
    place = path.replace("{desk}", desk)
    answers = [
        client.post(place, data=sent),
        client.post(place, data=sent | {"csrf": "0" * 32}),
        client.post(place, data=sent | {"csrf": good}, headers={"sec-fetch-site": "cross-site"}),
    ]

    assert {a.status_code for a in answers} == {403}
    assert users(client) == before
    assert client.get(f"{API}/tokens").json()["tokens"] == []
    assert town.stopped is None


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_refused_step_is_said_in_a_sentence(site, language):
    """What was wrong, in the reader's language, above the accounts as they stand."""
    said = {
        "own_account": ("nobody changes the own account", "任何人不得变更本人账号"),
        "bad_parameter": ("something is missing", "填写不完整"),
    }
    client = signed_in(site)
    own = users(client)["chief"]
    sent = {"csrf": csrf(client), "action": "close", "version": str(own["version"])}
    place = f"/admin/users/{own['user_id']}"
    refused = client.post(place, data=fields(client.post(place, data=sent)), follow_redirects=False)
    bad = client.post(place, data=sent | {"action": "delete"}, follow_redirects=False)
    for answer, word in ((refused, "own_account"), (bad, "bad_parameter")):
        page = client.get(answer.headers["location"], params={"said": word, "lang": language}).text
        assert answer.headers["location"] == f"/admin?said={word}"
        assert said[word][language == "zh"] in page


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "'><b>"])
def test_what_is_typed_is_shown_as_text(site, town, text):
    """In the confirmation and in the log of stops nothing becomes markup."""
    client = signed_in(site)
    asked = client.post("/admin/stop", data={"csrf": csrf(client), "action": "stop", "why": text})
    sent = {name: html.unescape(value) for name, value in fields(asked).items()}
    client.post("/admin/stop", data=sent)
    pages = [asked.text, client.get("/admin/stop").text]

    assert town.stopped.why == text
    assert [text in page for page in pages] == [False, False]
    assert [html.escape(text).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in page for page in pages] == [
        True
    ] * 2


# -- the stop ------------------------------------------------------------------------------------------------------------


def test_the_scores_are_stopped_and_released_at_the_page(site, town):
    """Two clicks, a reason, the role; a shift leader sees why nothing is shown, and can let it go on."""
    chief, desk = signed_in(site), signed_in(site, "desk-1")
    sent = {"csrf": csrf(chief), "action": "stop", "why": "half the calls are missing"}
    asked = chief.post("/admin/stop?lang=en", data=sent)
    before = town.stopped
    chief.post("/admin/stop", data=fields(asked))
    shut = desk.get("/", params={"lang": "en"})
    released = desk.post(
        "/admin/stop",
        data=fields(desk.post("/admin/stop", data={**sent, "csrf": csrf(desk), "action": "release"})),
        follow_redirects=False,
    )

    assert before is None
    assert (shut.status_code, "The administrator stopped" in shut.text, "half the calls are missing" in shut.text) == (
        503,
        True,
        True,
    )
    assert released.headers["location"] == "/admin/stop?said=done"
    assert [(s.stopped, s.by) for s in town.stops()] == [(True, "admin"), (False, "shift_leader")]
    assert desk.get("/").status_code == 200


def test_the_scores_are_stopped_and_released_by_api(site, town):
    """201, and 409 for who was slower; the log is read back; the audit log has both."""
    client = signed_in(site)
    codes = [
        client.post(f"{API}/stop", json={"stopped": s, "why": "test"}).status_code for s in (True, True, False, False)
    ]
    log = client.get(f"{API}/stop").json()
    lines = [
        row["object"] for row in Journal(town.path).last(10) if row["route"] == f"{API}/stop" and row["status"] == 201
    ]

    assert codes == [201, 409, 201, 409]
    assert (log["stopped"], [line["stopped"] for line in log["log"]]) == (False, [False, True])
    assert lines == ["released", "stopped"]


def test_a_reason_that_tells_a_person_is_not_kept(site, town):
    """422, and nothing is stopped."""
    answer = signed_in(site).post(f"{API}/stop", json={"stopped": True, "why": "call 13812345678"})

    assert (answer.status_code, "138" in answer.text, town.stops()) == (422, False, [])


def test_who_keeps_one_area_does_not_stop_the_city(site):
    """The stop is of the whole city, and so is who may do it."""
    west = signed_in(site, "west")

    assert west.post(f"{API}/stop", json={"stopped": True, "why": "x"}).status_code == 403
    assert west.get("/admin/stop").status_code == 403
    assert "/admin/stop" in signed_in(site).get("/admin").text
    assert "/admin/stop" not in west.get("/admin").text
