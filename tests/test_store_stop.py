"""A stop: nothing is published and no score shown, at once and until it is released, and everybody is told by whom and why."""

import json
import re
from pathlib import Path

import pytest
from test_store import GRIDS, ZONE
from towns import web as web_town
from visiting import as_visitor, at_the_machine, from_elsewhere

from riskwarn.access.role import OF_NIGHTS, roles
from riskwarn.bulletin import make_bulletin
from riskwarn.cli import main
from riskwarn.errors import ConflictError, DataError, PrivacyError, StoppedError
from riskwarn.store import Store
from riskwarn.store.stop import LOG, UNREADABLE
from riskwarn.web import create_app
from riskwarn.web.policy import policies

WHY = "scores of one county doubled overnight"
DAY = "2025-01-08"


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "city", timezone=ZONE)
    made.write("grids", GRIDS)
    made.publish(DAY, {}, run="first")
    return made


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return web_town.build(tmp_path_factory.mktemp("stop") / "town")


@pytest.fixture
def town(built, tmp_path):
    """A town whose log of stops is the test's own."""
    yield built
    (built.path / LOG).unlink(missing_ok=True)


def test_a_stop_holds_until_it_is_released_and_both_stay_in_the_log(store):
    """Who, when and why, oldest first; the last line holds."""
    made = store.stop(by="admin", why=WHY)
    held = store.stopped
    store.go_on(by="shift_leader", why="the feed is mended")

    assert held == made
    assert store.stopped is None
    assert [(s.stopped, s.by) for s in store.stops()] == [(True, "admin"), (False, "shift_leader")]


def test_while_it_holds_nothing_is_published(store):
    """Neither a new run nor one that was there; the message says who stopped it, why, and how to let it go on."""
    store.stop(by="admin", why=WHY)
    for run in ("first", "second"):
        with pytest.raises(StoppedError, match=rf"admin has stopped .*{WHY}.*riskwarn stop --release"):
            store.publish(DAY, {}, run=run)

    assert store.runs(DAY) == ["first"]


def test_it_does_not_wait_for_the_job_that_holds_the_store(store):
    """The moment to stop is that in which a job goes wrong: it is stopped while the job runs, and the job publishes nothing."""
    with store.lock():
        Store(store.path).stop(by="admin", why=WHY)
        with pytest.raises(StoppedError):
            store.publish(DAY, {}, run="second")


@pytest.mark.parametrize("again", ["stop", "go_on"])
def test_of_two_the_second_is_told(store, again):
    """Stopping what is stopped, or releasing what is not, changes nothing and says so."""
    if again == "stop":
        store.stop(by="admin", why=WHY)
    with pytest.raises(ConflictError):
        getattr(store, again)(by="admin", why="again")

    assert len(store.stops()) == (1 if again == "stop" else 0)


@pytest.mark.parametrize(
    ("by", "why", "kind"),
    [
        ("", WHY, DataError),
        ("Zhang San", WHY, DataError),
        ("admin", " ", DataError),
        ("admin", "x" * 201, DataError),
        ("admin", "ask 13812345678", PrivacyError),
    ],
)
def test_a_stop_names_a_role_and_a_reason_and_no_person(store, by, why, kind):
    """What lacks one of them, or may tell a person, is not kept."""
    with pytest.raises(kind):
        store.stop(by=by, why=why)

    assert store.stops() == []


@pytest.mark.parametrize("torn", [b'{"since": "2025-0', b"\xff\xfe", b"{}"])
def test_a_log_that_cannot_be_read_stops(store, torn):
    """A damaged last line may have been a stop: it is taken for one, until somebody releases it by a line that can be read."""
    with (store.path / LOG).open("ab") as file:
        file.write(torn)
    damaged = store.stopped
    store.go_on(by="admin", why="looked into it")

    assert damaged is not None
    assert store.stopped is None


def test_a_log_that_may_not_be_read_stops_and_is_not_written(store):
    """Rights that were lost, or a folder in its place, are no release; whoever would write it is told in a line."""
    (store.path / LOG).mkdir()

    with pytest.raises(StoppedError, match="log of stops"):
        store.publish(DAY, {}, run="second")
    for switch in (store.stop, store.go_on):
        with pytest.raises(DataError, match=r"stops.jsonl cannot be written .* nothing was changed"):
            switch(by="admin", why=WHY)


def test_the_night_refuses_with_an_exit_code_of_its_own(store, capsys):
    """32, and one line; `riskwarn stop` says what holds, and lets it go on."""
    at = ["--store", str(store.path)]
    stopped = main(["stop", "--by", "shift_leader", "--why", WHY, *at])
    code = main(["nightly", "--as-of", DAY, "--target", "x", *at])
    line = capsys.readouterr().err
    main(["stop", *at, "--json"])
    said = json.loads(capsys.readouterr().out)
    released = main(["stop", "--release", "--by", "admin", "--why", "mended", *at])

    assert (stopped, code, released) == (0, StoppedError.exit_code, 0)
    assert line.count("\n") == 1
    assert WHY in line
    assert (said["stopped"], said["by"], said["why"]) == (True, "shift_leader", WHY)
    assert "not stopped" in capsys.readouterr().out


def test_no_bulletin_is_written(town):
    """What a stop forbids to show does not leave as a document either."""
    town.stop(by="admin", why=WHY)

    with pytest.raises(StoppedError):
        make_bulletin(town)


# -- the page and the API ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "zh"])
def test_pages_say_in_one_sentence_who_when_and_why(town, language):
    """On the pages that show nothing now, and above those that go on; both languages."""
    client = at_the_machine(create_app(town.path, clock=lambda: web_town.NOW))
    town.stop(by="shift_leader", why="<b>" + WHY)
    said = {"en": "The shift leader stopped publishing and showing scores at 20", "zh": "值班长已于20"}[language]
    for path, status in (
        ("/", 503),
        ("/alerts", 503),
        ("/gaps", 503),
        ("/grids", 503),
        ("/feeds", 200),
        ("/model", 200),
    ):
        answer = client.get(path, params={"lang": language})
        assert (answer.status_code, said in answer.text, "<b>" + WHY in answer.text) == (status, True, False), path
        assert "&lt;b&gt;" + WHY in answer.text
    town.go_on(by="admin", why="mended")

    assert client.get("/").status_code == 200
    assert said not in client.get("/feeds", params={"lang": language}).text


def test_every_route_that_shows_what_was_computed_is_503_for_programs(town):
    """With problem details that say who, since when and why; what shows nothing of it goes on."""
    app = create_app(town.path, clock=lambda: web_town.NOW)
    client = at_the_machine(app)
    town.stop(by="admin", why=WHY)
    digits = {"item_id": 16, "user_id": 16, "token_id": 8}
    wrong, n = [], 0
    for method, path, policy in policies(app):
        if method != "GET" or not path.startswith("/api/v1/"):
            continue
        answer = client.get(re.sub(r"\{(\w+)\}", lambda name: "0" * digits.get(name[1], 4), path))
        n += policy.permission in OF_NIGHTS
        shut = answer.status_code == 503 and answer.json().get("code", answer.json()["type"]).endswith("stopped")
        if shut != (policy.permission in OF_NIGHTS) and answer.status_code not in {401, 403}:
            wrong.append((path, answer.status_code))
    body = client.get("/api/v1/scores").json()

    assert wrong == []
    assert n > 15
    assert (body["by"], body["why"], body["status"]) == ("admin", WHY, 503)


def test_nothing_that_was_kept_by_the_caller_gets_by(town):
    """An answer with an ETag is not confirmed either while it holds."""
    client = at_the_machine(create_app(town.path, clock=lambda: web_town.NOW))
    tag = client.get("/api/v1/scores").headers["etag"]
    town.stop(by="admin", why=WHY)

    assert client.get("/api/v1/scores", headers={"if-none-match": tag}).status_code == 503


def test_who_is_refused_anyway_is_told_no_more(town, monkeypatch):
    """Without the permission it is 403 as ever, and who is not signed in sees neither role nor reason."""
    app = create_app(town.path, clock=lambda: web_town.NOW)
    town.stop(by="admin", why=WHY)
    as_visitor(monkeypatch, "auditor")
    refused = at_the_machine(app).get("/api/v1/scores")
    monkeypatch.undo()

    assert refused.status_code == 403
    assert WHY not in from_elsewhere(app).get("/sign-in", headers={"host": "localhost"}).text


def test_work_that_was_begun_can_be_fed_back(town, monkeypatch):
    """A step is no reading of scores: what was done is taken while a stop holds."""
    app = create_app(town.path, clock=lambda: web_town.NOW)
    town.stop(by="admin", why=WHY)
    as_visitor(monkeypatch, "shift_leader")
    answer = at_the_machine(app).post(
        f"/api/v1/items/{'0' * 16}/transitions",
        json={"action": "acknowledge", "version": 1},
        headers={"idempotency-key": "key-of-this-step"},
    )

    assert answer.status_code == 404


def test_a_log_that_cannot_be_read_stops_until_it_can(town, monkeypatch):
    """Neither a folder that refuses nor a file that does is read as no stop; and what was not read is not kept as read."""
    client = at_the_machine(create_app(town.path, clock=lambda: web_town.NOW))
    town.stop(by="admin", why=WHY)
    town.go_on(by="admin", why="mended")
    stat, refusing = Path.stat, [True]

    def refused(self, **of):
        if self.name == LOG and refusing[0]:
            raise PermissionError(13, "Permission denied")
        return stat(self, **of)

    monkeypatch.setattr(Path, "stat", refused)
    hidden = client.get("/api/v1/scores").status_code
    refusing[0] = False
    monkeypatch.setattr("riskwarn.web.policy.stop_in", lambda _: UNREADABLE)
    shut = client.get("/api/v1/scores").status_code
    monkeypatch.undo()

    assert (hidden, shut, client.get("/api/v1/scores").status_code) == (503, 503, 200)


def test_the_monitoring_sees_it(town):
    """A gauge is 1 while it holds."""
    client = at_the_machine(create_app(town.path, clock=lambda: web_town.NOW))
    before = client.get("/metrics").text
    town.stop(by="admin", why=WHY)

    assert ("riskwarn_stopped 0.0" in before, "riskwarn_stopped 1.0" in client.get("/metrics").text) == (True, True)


def test_who_may_stop_it():
    """Those who keep the service and those who lead the shift; nobody else."""
    assert {r.name for r in roles().roles if "scores:stop" in r.may} == {"admin", "shift_leader"}
