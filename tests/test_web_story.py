"""The story of one alert, from night to closed, by four roles through three doors: the client, curl, and the command line."""

import json
import shutil
import subprocess

import pandas as pd
import pytest
from conftest import absent
from ledger_rows import a_city, alert, day, publish
from test_client import Live

from riskwarn.access import Accounts, Journal, make_token
from riskwarn.cli import main
from riskwarn.client import Client
from riskwarn.errors import ConflictError, ForbiddenError, NotFoundError
from riskwarn.ledger import Ledger, enter
from riskwarn.web import create_app

DESKS = {
    "t1-desk": ("township_centre", "T1"),
    "lead-desk": ("shift_leader", "*"),
    "north-desk": ("grid_head", "T1"),
    "c1-desk": ("county_centre", "C1"),
}


@pytest.fixture
def city(tmp_path, monkeypatch):
    """A store of one night with a red alert, entered."""
    store = a_city(tmp_path)
    publish(store, 0, alerts=[alert("G1")])
    with Ledger(store) as ledger:
        enter(ledger, at=day(0) + pd.Timedelta(hours=7.5))
    monkeypatch.setenv("RISKWARN_STORE", str(store.path))
    return store


@pytest.fixture
def tokens(city):
    """A token of each desk."""
    with Accounts(city) as accounts:
        for name, (role, area) in DESKS.items():
            accounts.add(name, "forty green kites above", role=role, area=area)
        return {name: make_token(accounts, name, purpose="handling", days=1)[0] for name in DESKS}


def curl(url, token, body):
    """A step with curl: status and answer."""
    if shutil.which("curl") is None:
        absent("curl is not installed")
    asked = [
        "-H",
        f"Authorization: Bearer {token}",
        "-H",
        "Content-Type: application/json",
        "-H",
        "Idempotency-Key: 0123456789ab",
    ]
    command = ["curl", "-s", "-w", "\n%{http_code}", *asked, "-d", json.dumps(body), url]
    text = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout
    answer, _, status = text.rpartition("\n")
    return int(status), json.loads(answer)


def test_the_story_of_one_alert(city, tokens, capsys):
    """Each role takes its step by its own door; the ledger is sound, its trail names roles and areas, and the audit log every request."""
    with Live(create_app(city.path)) as url:
        with Client(url, token=tokens["t1-desk"]) as township, Client(url, token=tokens["north-desk"]) as grid:
            listed = township.alerts().iloc[0]
            item, steps = listed["item_id"], f"{url}/api/v1/alerts/{listed['item_id']}/transitions"
            assert township.act(item, "acknowledge", version=1).state == "acknowledged"
            assigned = curl(steps, tokens["lead-desk"], {"action": "assign", "version": 2, "area": "T1"})
            with pytest.raises(ForbiddenError):
                grid.act(item, "escalate", version=3, reason="getting_worse")
            assert main(["alerts", "start", item, "--role", "grid_head", "--area", "T1", "--version", "3"]) == 0
            with pytest.raises(ConflictError, match="grid_head did start"):
                township.act(item, "feedback", version=3, outcome="O3")
            assert township.act(item, "feedback", version=4, outcome="O3").state == "feedback"
            verified = [curl(steps, tokens["c1-desk"], {"action": "verify", "version": 5}) for _ in range(2)]
            assert township.act(item, "close", version=6).state == "closed"
            work = township.item(item)
        with Client(url, token="rw_" + "0" * 43) as stranger, pytest.raises(ForbiddenError):
            stranger.alerts()
        with Client(url) as nobody, pytest.raises(ForbiddenError):
            nobody.alerts()
    assert main(["ledger", "verify"]) == 0
    assert main(["alerts", "show", item, "--language", "en"]) == 0
    page = capsys.readouterr().out

    assert (assigned[0], assigned[1]["state"]) == (201, "assigned")
    assert [status for status, _ in verified] == [201, 200]
    told = [(row["action"], row["role"], row["area"]) for row in work["trail"]]
    assert told == [
        ("publish", "night", "*"),
        ("acknowledge", "township_centre", "T1"),
        ("assign", "shift_leader", "*"),
        ("start", "grid_head", "T1"),
        ("feedback", "township_centre", "T1"),
        ("verify", "county_centre", "C1"),
        ("close", "township_centre", "T1"),
    ]
    assert "O3 settled" in page
    assert all(digest[:12] in page for digest in (row["digest"] for row in work["trail"]))
    assert not [name for name in DESKS if name in page or name in json.dumps(work)]
    journal = Journal(city.path)
    assert journal.verify().sound
    posted = [(row["role"], row["status"]) for row in journal.rows() if row.get("method") == "POST"]
    assert posted == [
        ("township_centre", 201),
        ("shift_leader", 201),
        ("grid_head", 403),
        ("township_centre", 409),
        ("township_centre", 201),
        ("county_centre", 201),
        ("county_centre", 200),
        ("township_centre", 201),
    ]


def test_another_township_is_told_of_nothing(city, tokens):
    """A desk of another township gets an empty list, and the very answer of an item there is not."""
    with Accounts(city) as accounts:
        accounts.add("t2-desk", "another long password", role="township_centre", area="T2")
        token = make_token(accounts, "t2-desk", purpose="handling", days=1)[0]
    with (
        Live(create_app(city.path)) as url,
        Client(url, token=tokens["t1-desk"]) as own,
        Client(url, token=token) as other,
    ):
        item = own.alerts()["item_id"].iloc[0]
        assert other.alerts().empty
        for name in (item, "0" * 16):
            with pytest.raises(NotFoundError, match="no such item"):
                other.act(name, "acknowledge", version=1)
        assert own.item(item)["item"]["version"] == 1
