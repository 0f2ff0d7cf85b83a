"""Until when a store may publish and show scores: twelve months by itself, then what somebody has looked at."""

import datetime as dt
import json

import pandas as pd
import pytest
from towns import web as web_town
from visiting import as_visitor, at_the_machine

from riskwarn.cli import main
from riskwarn.doctor import examine
from riskwarn.errors import DataError, PrivacyError, StoppedError
from riskwarn.store import Store
from riskwarn.store.approval import LOG, SOON_DAYS
from riskwarn.web import create_app

DAY, WHY = "2025-03-03", "yearly review of the steering group"


@pytest.fixture
def store(tmp_path):
    """A store with a published night."""
    store = Store(tmp_path / "city", timezone="Asia/Shanghai")
    store.publish(DAY, {}, run="first")
    return store


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    """A town with a page."""
    return web_town.build(tmp_path_factory.mktemp("approval") / "town")


def today(store):
    return pd.Timestamp.now(store.timezone).date()


def written(store, days):
    """The log as it is when the last day of its approval is so many days from today."""
    until = (today(store) + dt.timedelta(days)).isoformat()
    line = {"until": until, "since": "2025-03-03T08:00:00+08:00", "by": "admin", "why": WHY}
    (store.path / LOG).write_text(json.dumps(line) + "\n", "utf-8")
    return until


def test_the_first_publication_approves_twelve_months(tmp_path):
    """What nobody looks at again ends by itself, a year after it began; a second publication changes nothing of it."""
    store = Store(tmp_path / "city", timezone="Asia/Shanghai")
    before = store.approval
    for run in ("first", "second"):
        store.publish(DAY, {}, run=run)

    assert before is None
    assert len(store.approvals()) == 1
    assert store.approval.by == "riskwarn"
    assert store.approval.days_left(today(store)) in {365, 366}


@pytest.mark.parametrize(("days", "stops"), [(0, False), (-1, True)])
def test_it_holds_through_its_last_day(store, days, stops):
    """On the last day it publishes still, the day after no more; the message says since when and what lets it go on."""
    until = written(store, days)

    if not stops:
        store.publish(DAY, {}, run="second")
        assert store.stopped is None
        return
    with pytest.raises(StoppedError, match=rf"approved until {until}.*riskwarn approve --until"):
        store.publish(DAY, {}, run="second")
    assert store.runs(DAY) == ["first"]


def test_an_approval_lets_it_go_on(store):
    """After the end, an approval of today publishes again."""
    written(store, -100)
    store.approve(until=today(store) + dt.timedelta(180), by="admin", why=WHY)
    store.publish(DAY, {}, run="second")

    assert store.stopped is None
    assert [made.by for made in store.approvals()] == ["admin", "admin"]


def test_a_stop_goes_before_an_approval(store):
    """What somebody has stopped is not let go on by an approval, but by a release."""
    store.stop(by="admin", why="scores of one county doubled overnight")
    store.approve(until=today(store), by="admin", why=WHY)

    with pytest.raises(StoppedError, match="riskwarn stop --release"):
        store.publish(DAY, {}, run="second")


@pytest.mark.parametrize(
    ("days", "by", "why", "kind"),
    [
        (-1, "admin", WHY, DataError),
        (732, "admin", WHY, DataError),
        (30, "", WHY, DataError),
        (30, "Zhang San", WHY, DataError),
        (30, "admin", " ", DataError),
        (30, "admin", "ask 13812345678", PrivacyError),
    ],
)
def test_an_approval_has_a_day_within_two_years_a_role_and_a_reason(store, days, by, why, kind):
    """What lacks one of them, or may tell a person, is not kept."""
    with pytest.raises(kind):
        store.approve(until=today(store) + dt.timedelta(days), by=by, why=why)
    with pytest.raises(DataError, match="until must be a date"):
        store.approve(until="", by="admin", why=WHY)

    assert len(store.approvals()) == 1


@pytest.mark.parametrize("torn", [b'{"until": "2099-0', b"\xff\xfe", b"{}", b'{"until": "soon"}'])
def test_a_log_that_cannot_be_read_approves_nothing(store, torn):
    """A damaged last line stops until somebody approves by a line that can be read; what was there stays."""
    with (store.path / LOG).open("ab") as file:
        file.write(torn)
    damaged = store.stopped
    store.approve(until=today(store), by="admin", why=WHY)

    assert "log of approvals is damaged" in damaged.said
    assert store.stopped is None
    assert len((store.path / LOG).read_bytes().splitlines()) == 3


def test_a_log_that_may_not_be_read_stops_and_is_not_written(store):
    """Rights that were lost, or a folder in its place, are no approval; whoever would write it is told in a line."""
    (store.path / LOG).unlink()
    (store.path / LOG).mkdir()

    with pytest.raises(StoppedError, match="log of approvals"):
        store.publish(DAY, {}, run="second")
    with pytest.raises(DataError, match=r"approvals.jsonl cannot be written .* nothing was changed"):
        store.approve(until=today(store), by="admin", why=WHY)


@pytest.mark.parametrize(("days", "told"), [(SOON_DAYS, ["approval"]), (SOON_DAYS + 1, []), (-1, ["stop"])])
def test_the_doctor_tells_the_end_before_it_comes(store, days, told):
    """Thirty days before it warns, before that it is silent, afterwards it says that it has stopped; each with its remedy."""
    written(store, days)
    found = [finding for finding in examine(store) if finding.name in {"approval", "stop"}]

    assert [finding.name for finding in found] == told
    assert all("riskwarn approve --until" in finding.remedy for finding in found)


def test_the_verb_approves_and_says_until_when(store, capsys):
    """`riskwarn approve` with a day writes a line, without one reads the last; a night refused for it ends with 32."""
    at = ["--store", str(store.path)]
    written(store, -1)
    refused = main(["nightly", "--as-of", DAY, "--target", "x", *at])
    line = capsys.readouterr().err
    until = (today(store) + dt.timedelta(90)).isoformat()
    code = main(["approve", "--until", until, "--by", "admin", "--why", WHY, *at])
    capsys.readouterr()
    main(["approve", *at, "--json"])

    assert (refused, code) == (StoppedError.exit_code, 0)
    assert line.count("\n") == 1
    assert json.loads(capsys.readouterr().out)["until"] == until


# -- the page and the API ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("language", "said"), [("en", "scores was approved until"), ("zh", "批准已于")])
def test_pages_say_that_the_approval_is_over(town, language, said):
    """In one sentence, where nothing is shown now and above what goes on; a server that runs sees the end and the new approval."""
    client = at_the_machine(create_app(town.path, clock=lambda: web_town.NOW))
    asked = {"params": {"lang": language}}
    written(town, 60)
    before = client.get("/", **asked)
    written(town, -1)
    pages = [client.get(path, **asked) for path in ("/", "/grids", "/feeds")]
    written(town, 60)

    assert (before.status_code, said in before.text) == (200, False)
    assert [page.status_code for page in pages] == [503, 503, 200]
    assert all(said in page.text for page in pages)
    assert client.get("/", **asked).status_code == 200


@pytest.mark.parametrize(("days", "warned"), [(SOON_DAYS, True), (SOON_DAYS + 1, False)])
def test_pages_warn_a_month_before(town, days, warned):
    """Within thirty days of the end every page says so, earlier none does."""
    client = at_the_machine(create_app(town.path, clock=lambda: web_town.NOW))
    written(town, days)

    assert ("after that it stops unless it is approved again" in client.get("/", params={"lang": "en"}).text) is warned


def test_programs_are_told_the_end(town, monkeypatch):
    """503 with the last day, and `GET stop` says until when it is approved."""
    client = at_the_machine(create_app(town.path, clock=lambda: web_town.NOW))
    until = written(town, -1)
    refused = client.get("/api/v1/scores")
    as_visitor(monkeypatch, "admin")
    facts = client.get("/api/v1/admin/stop").json()

    assert (refused.status_code, refused.json()["why"]) == (503, f"approved until {until}")
    assert (facts["stopped"], facts["approved_until"]) == (True, until)


def test_the_page_of_stops_offers_no_release_of_an_end(town, monkeypatch):
    """What nobody stopped cannot be released there: the page says until when it was approved and who approves again."""
    client = at_the_machine(create_app(town.path, clock=lambda: web_town.NOW))
    written(town, -1)
    as_visitor(monkeypatch, "admin")
    page = client.get("/admin/stop", params={"lang": "en"}).text

    assert "riskwarn approve" in page
    assert 'name="action"' not in page
