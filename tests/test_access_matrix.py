"""Roles, routes, areas and methods, all with all: who is let in where, and that nothing else is.

What ought to be is worked out here from the table of roles and the policies that the routes declare; what is, is asked of the application.
"""

import re

import pytest
from towns import web as web_town
from visiting import NAMED, from_elsewhere

from riskwarn.access import listed_tokens, make_token
from riskwarn.access.role import ANYONE, roles
from riskwarn.ledger import Ledger, account_digest, enter
from riskwarn.web import create_app
from riskwarn.web.policy import policies

TABLE = roles()
HERE, ELSEWHERE = "河西镇", "320102"
"""A township of the town, and one of another."""
AREAS = ("*", HERE, ELSEWHERE)
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "FOO")
NOBODY = {
    "grid_id": "G9999",
    "alert_id": "A-1",
    "gap_id": "gap-none",
    "note_id": "0" * 16,
    "ending": "html",
    "item_id": "0" * 16,
    "user_id": "0" * 16,
    "token_id": "0" * 8,
}
STEP = {"action": "acknowledge", "version": 1}
READS_ALL = set(TABLE.role(TABLE.anonymous).may)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The application of a town whose nights are in the ledger, with an account of each role in each area, and what their tokens are."""
    town = web_town.build(tmp_path_factory.mktemp("matrix") / "town")
    with Ledger(town) as ledger:
        enter(ledger)
    app = create_app(town.path, clock=lambda: web_town.NOW, serving=NAMED)
    accounts = app.state.doorman.accounts
    tokens = {}
    for role in TABLE.of_accounts:
        for area in AREAS:
            name = f"{role.replace('_', '-')}-{AREAS.index(area)}"
            accounts.add(name, "", role=role, area=area)
            for purpose in TABLE.purposes:
                if set(purpose.may) & set(TABLE.role(role).may):
                    tokens[role, area, purpose.name] = make_token(accounts, name, purpose=purpose.name)[0]
    accounts.add("spare", "", role="grid_head", area=HERE)
    make_token(accounts, "spare", purpose="handling")
    app.state.rates = None
    return app, tokens


def names_of(app):
    """What the newest night has in the township, by the parameter that names it."""
    newest = app.state.nights.at()
    items = app.state.books.ledger().items(area=HERE)
    items = items[items["last_night"] == newest.as_of]
    alert, gap = (items[items["kind"] == kind].iloc[0] for kind in ("alert", "gap"))
    return {
        "grid_id": alert["grid_ids"].split()[0],
        "alert_id": alert["source_id"],
        "gap_id": gap["source_id"],
        "item_id": alert["item_id"],
        "note_id": "0" * 16,
        "ending": "html",
        "user_id": account_digest(app.state.nights.store.path, "spare"),
        "token_id": next(t.token_id for t in listed_tokens(app.state.doorman.accounts) if t.account == "spare"),
        "model": web_town.TARGET,
    }


def asked(path, names):
    return re.sub(r"\{(\w+)\}", lambda m: names[m[1]], path)


def open_to(policy, role, area, purpose):
    """Whether a route ought to be open, told from the table alone."""
    if policy.permission == ANYONE:
        return True
    held = policy.permission in TABLE.role(role).may and policy.permission in TABLE.purpose(purpose).may
    return (
        held and (policy.area != "city" or area == "*") and (policy.counts == "safe" or TABLE.role(role).small_counts)
    )


@pytest.mark.slow
def test_every_role_in_every_area_for_every_purpose_on_every_route(site, record_property):
    """Let in where role, purpose, area and counts permit it, 403 elsewhere; without a token 401, or to the sign-in where a page is read."""
    app, tokens = site
    client = from_elsewhere(app)
    wrong, n, names = [], 0, names_of(app)
    for method, path, policy in policies(app):
        if method == "*" or path in {"/sign-in", "/sign-out"}:
            continue
        stranger = client.request(method, asked(path, names), follow_redirects=False).status_code
        page = method in {"GET", "HEAD"} and not path.startswith(("/api/", "/v2", "/openapi", "/metrics"))
        if policy.permission != ANYONE and stranger != (303 if page else 401):
            wrong.append((method, path, "nobody", stranger))
        for (role, area, purpose), secret in tokens.items():
            head = {"authorization": f"Bearer {secret}"}
            body = {"json": {"grids": ["G0001"]}} if method == "POST" else {}
            status = client.request(
                method, asked(path, names), headers=head, follow_redirects=False, **body
            ).status_code
            n += 1
            if (status == 403) == open_to(policy, role, area, purpose) or status == 401 or status >= 500:
                wrong.append((method, path, role, area, purpose, status))

    record_property("cells of roles, routes, areas and purposes", n)
    record_property("wrong", len(wrong))
    assert wrong == []
    assert n > 2000


def test_what_lies_in_another_area_is_as_what_is_not_there(site, record_property):
    """A real name is there for who sees its area; for anyone else each word of the answer is as for a name nobody has."""
    app, tokens = site
    client, real, nobody = from_elsewhere(app), names_of(app), NOBODY
    wrong, n = [], 0
    for method, path, policy in policies(app):
        if policy.area != "own" or asked(path, real) == asked(path, nobody):  # it names nothing that one could look for
            continue
        let_in = {(r, a): secret for (r, a, p), secret in tokens.items() if open_to(policy, r, a, p)}
        for (role, area), secret in let_in.items():
            if method == "POST" and area != ELSEWHERE:
                continue
            ask = {"headers": {"authorization": f"Bearer {secret}"}, "follow_redirects": False}
            ask |= {"json": STEP} if "transitions" in path else {"data": STEP} if method == "POST" else {}
            ask |= {"json": {"version": 1}} if method == "PATCH" else {}
            ask |= {"params": {"feature": "overdue_open"}} if path.endswith(("/rows", "/events")) else {}
            one, other = (client.request(method, asked(path, names), **ask) for names in (real, nobody))
            n += 1
            same = (one.status_code, told(one, real)) == (other.status_code, told(other, nobody))
            if same != (area == ELSEWHERE):
                wrong.append((method, path, role, area, one.status_code, other.status_code))

    record_property("pairs of a real and an unknown name", n)
    assert wrong == []
    assert n > 150
    assert app.state.books.ledger().item(real["item_id"]).state == "published"


def told(answer, names):
    """What an answer says, and where it leads, without the names it was asked for."""
    text = answer.text + answer.headers.get("location", "")
    for name in names.values():
        text = text.replace(name, "")
    return text


@pytest.mark.parametrize("method", METHODS)
def test_no_method_opens_what_another_does_not(site, method, record_property):
    """A method that a route does not have is no way in: never 2xx for who has no token, never 5xx."""
    app, _ = site
    client, names = from_elsewhere(app), names_of(app)
    answers = {
        path: client.request(method, asked(path, names), follow_redirects=False)
        for _, path, policy in policies(app)
        if policy.permission != ANYONE
    }
    record_property("requests without a token", len(answers))

    assert {path: a.status_code for path, a in answers.items() if a.status_code < 300 or a.status_code >= 500} == {}


@pytest.mark.parametrize(
    "header",
    [
        "x-http-method-override",
        "x-method-override",
        "x-original-url",
        "x-rewrite-url",
        "x-forwarded-user",
        "x-remote-user",
        "remote-user",
        "x-forwarded-host",
        "x-forwarded-for",
    ],
)
def test_no_header_opens_a_door(site, header):
    """Headers that other servers believe do nothing here: neither for who has no token, nor beyond what a token may."""
    app, tokens = site
    secret = tokens["auditor", "*", "audit"]
    for value in ("127.0.0.1", "localhost", "/api/v1/feeds", "GET", "shift-leader-0"):
        client = from_elsewhere(app)

        assert client.get("/api/v1/scores", headers={header: value}).status_code == 401
        assert (
            client.get("/api/v1/scores", headers={header: value, "authorization": f"Bearer {secret}"}).status_code
            == 403
        )


def test_nothing_acts_by_itself_and_nothing_reaches_a_person(site):
    """No route that only reads has a method that changes; no route, parameter or permission names a person."""
    app, _ = site
    named = re.compile(
        r"person|people|name|phone|id_?card|household|caller|address|suspect|arrest|detain|intercept|watch_?list",
        re.IGNORECASE,
    )
    paths = app.openapi()["paths"]
    fields = {p["name"] for path in paths.values() for call in path.values() for p in call.get("parameters", [])}

    assert [p for p in TABLE.permissions if named.search(p)] == []
    assert [p for p in paths if named.search(p)] == []
    assert [f for f in fields if named.search(f)] == []
    assert {policy.permission for method, _, policy in policies(app) if method not in {"GET", "HEAD", "*"}} <= {
        ANYONE,
        "score:run",
        "export",  # a form with the numbers of a file
        "alerts:act",
        "plan:switch",
        "tokens:make",
        "webhooks:admin",
        "users:admin",
        "scores:stop",
    }


def test_the_description_of_the_api_says_how_to_come_in(site):
    """A program reads there that it sends a bearer token, and the description itself wants one."""
    app, tokens = site
    head = {"authorization": f"Bearer {tokens['city_analyst', '*', 'analysis']}"}
    document = from_elsewhere(app).get("/openapi.json", headers=head).json()

    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert document["security"] == [{"token": []}]
    assert from_elsewhere(app).get("/openapi.json", follow_redirects=False).status_code == 401


def test_reading_is_reading(site):
    """A permission that ends in `:read` is wanted by routes that only read."""
    app, _ = site

    assert [
        (m, p) for m, p, policy in policies(app) if policy.permission.endswith(":read") and m not in {"GET", "HEAD"}
    ] == []
    assert set(TABLE.permissions) >= READS_ALL
