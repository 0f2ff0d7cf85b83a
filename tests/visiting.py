"""Clients of the application: one who sits at the machine, and one who comes from elsewhere."""

import warnings

from riskwarn.access import roles, visitor_of
from riskwarn.ledger import Actor
from riskwarn.web import policy

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # starlette asks for the successor of httpx
    from fastapi.testclient import TestClient

from riskwarn.web.serving import LOOPBACK_NAMES, Serving

HERE = "http://127.0.0.1:8000"

NAMED = Serving(hosts=(*LOOPBACK_NAMES, "risk.example"))
"""For an application that others ask for by a name."""


def at_the_machine(app, **options):
    """A client on the machine's own address, as a browser beside the server is."""
    return TestClient(app, base_url=HERE, client=("127.0.0.1", 50_000), **options)


def from_elsewhere(app, host="10.0.0.7", **options):
    """A client on another machine."""
    return TestClient(app, base_url="http://risk.example", client=(host, 50_000), **options)


def as_visitor(monkeypatch, role, *, area="*", account="desk"):
    """Let every request come from a visitor with a role and an area."""

    async def identify(request):
        return visitor_of(roles(), Actor(role, area, f"{account:0<16}"[:16]), way="token")

    monkeypatch.setattr(policy, "identify", identify)
