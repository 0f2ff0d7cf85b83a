"""Clients of the application: one who sits at the machine, and one who comes from elsewhere."""

import warnings

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
