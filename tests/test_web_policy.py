"""Each route says what it wants; who does not hold it is refused before anything is read."""

from typing import Annotated

import pytest
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from towns import web as web_town
from visiting import NAMED, at_the_machine, from_elsewhere

from riskwarn.access import Visitor, roles, visitor_of
from riskwarn.access import at_the_machine as at_home
from riskwarn.access.role import ANYONE
from riskwarn.errors import DefinitionError
from riskwarn.ledger import Actor
from riskwarn.web import create_app
from riskwarn.web.doorman import is_loopback
from riskwarn.web.policy import Guarded, check_policies, may, policies
from riskwarn.web.problems import Problem
from riskwarn.web.serving import Serving

OPEN = {
    "/static",
    "/healthz",
    "/readyz",
    "/v2/health/live",
    "/v2/health/ready",
    "/sign-in",
    "/sign-out",
    "/sign-in/sso",
    "/sign-in/sso/back",
    "/sign-out/sso",
}


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    store = web_town.build(tmp_path_factory.mktemp("policy") / "town")
    return create_app(store.path, clock=lambda: web_town.NOW, serving=NAMED)


def nothing():
    return {}


class Known:
    """A doorman who knows one visitor."""

    def __init__(self, visitor):
        self.known = visitor

    async def visitor(self, _request):
        return self.known


def bare(visitor=None):
    made = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    made.state.doorman = Known(visitor or at_home(roles()))
    return made


def test_only_what_says_nothing_of_the_city_is_open_to_anyone(app):
    """Files of the pages and the signs of life are open; every other route wants a permission."""
    assert {path for _, path, policy in policies(app) if policy.permission == ANYONE} == OPEN


@pytest.mark.parametrize("kind", ["route", "mount", "plain", "two"])
def test_a_route_without_one_policy_keeps_the_application_from_starting(kind):
    """A route that declares none, or two, is named, whatever sort of route it is."""
    made = bare()
    if kind == "route":
        made.get("/bare")(nothing)
    if kind == "mount":
        made.mount("/bare", PlainTextResponse("x"))
    if kind == "plain":
        made.add_route("/bare", lambda request: PlainTextResponse("x"))
    if kind == "two":
        made.get("/bare", dependencies=[may("scores:read"), may("gaps:read")])(nothing)

    with pytest.raises(DefinitionError, match=r"no one policy is declared for .*/bare"):
        check_policies(made, roles())


def test_a_permission_nobody_knows_keeps_the_application_from_starting():
    """A slip in the name of a permission is told when the application is made, not when somebody is locked out."""
    made = bare()
    made.get("/x", dependencies=[may("score:read")])(nothing)

    with pytest.raises(DefinitionError, match="no permission score:read"):
        check_policies(made, roles())


def test_a_route_is_given_its_visitor():
    """As a parameter a policy is the visitor, with role, area and what is permitted."""
    made = bare()

    @made.get("/me")
    def me(visitor: Annotated[Visitor, may("scores:read")]) -> dict:
        return {"role": visitor.actor.role, "area": visitor.area, "act": visitor.may("alerts:act")}

    made.mount("/files", Guarded(PlainTextResponse("x"), "scores:read"))
    client = at_the_machine(made)

    assert client.get("/me").json() == {"role": "local", "area": "*", "act": False}
    assert client.get("/files/a").text == "x"


@pytest.mark.parametrize(("area", "seen"), [("city", False), ("own", True), ("any", True)])
def test_a_route_that_does_not_narrow_is_for_who_sees_all(area, seen):
    """Who sees one township is refused by a route that does not say that it narrows what it gives."""
    made = bare(visitor_of(roles(), Actor("township_centre", "T1"), way="token"))
    made.get("/x", dependencies=[may("scores:read", area)])(nothing)
    made.add_exception_handler(Problem, lambda request, problem: problem.response())

    assert (from_elsewhere(made).get("/x").status_code == 200) == seen


@pytest.mark.parametrize(("counts", "seen"), [("all", False), ("safe", True)])
def test_a_route_that_may_show_small_counts_is_for_those_on_duty(counts, seen):
    """Who may not know of one to four is refused by a route that does not say that it hides them."""
    made = bare(visitor_of(roles(), Actor("city_analyst"), way="token"))
    made.get("/x", dependencies=[may("scores:read", counts=counts)])(nothing)
    made.add_exception_handler(Problem, lambda request, problem: problem.response())

    assert (from_elsewhere(made).get("/x").status_code == 200) == seen


def test_what_the_role_lacks_is_forbidden(app):
    """A permission that is not held is 403, also for who is known."""
    made = bare()
    made.get("/act", dependencies=[may("alerts:act")])(nothing)

    with pytest.raises(Exception, match="does not permit"):
        at_the_machine(made).get("/act")


def test_nobody_from_elsewhere_is_let_in(app):
    """Without an account only who sits at the machine reads; any other address is 401 on every route that is not open."""
    client = from_elsewhere(app)
    asked = [(method, path) for method, path, policy in policies(app) if policy.permission != ANYONE]
    answers = {(m, p): client.request(m, p.replace("{grid_id}", "G0001").replace("{alert_id}", "A")) for m, p in asked}

    assert {answer.status_code for answer in answers.values()} == {401}
    assert client.get("/api/v1/scores").headers["www-authenticate"] == 'Bearer realm="riskwarn"'
    assert client.get("/api/v1/scores").json()["type"] == "urn:riskwarn:problem:not_signed_in"


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "risk.example"},
        {"host": "risk.example:8000"},
        {"host": ""},
        {"x-forwarded-for": "10.0.0.7"},
        {"forwarded": "for=10.0.0.7"},
        {"via": "1.1 proxy"},
        {"x-real-ip": "127.0.0.1"},
    ],
    ids=str,
)
def test_who_comes_through_a_proxy_or_by_another_name_is_not_at_the_machine(app, headers):
    """A proxy on the same machine, or a name that was made to point at it, opens nothing to the world."""
    status = at_the_machine(app).get("/api/v1/scores", headers=headers).status_code

    assert status == (421 if headers.get("host") == "" else 401)


@pytest.mark.parametrize(
    "options",
    [{"hosts": ("127.0.0.1", "risk.example")}, {"proxies": ("127.0.0.1",)}, {"root_path": "/risk"}],
    ids=str,
)
def test_where_others_can_ask_nobody_sits_at_the_machine(app, options):
    """A declared name, proxy or path says that requests of others come from loopback too: then nobody reads without an account."""
    served = create_app(app.state.nights.store.path, serving=Serving(**options))

    assert at_the_machine(served).get("/api/v1/feeds").status_code == 401
    assert at_the_machine(create_app(app.state.nights.store.path)).get("/api/v1/feeds").status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.7", "localhost.example", "", "127.0.0.1.example", "::"])
def test_what_is_not_loopback(host):
    """Only loopback addresses and the one name for them are this machine."""
    assert not is_loopback(host)
