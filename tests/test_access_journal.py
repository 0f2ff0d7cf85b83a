"""The audit log: one line a request, and every damage shows."""

import datetime as dt
import json
import multiprocessing
import re
from concurrent.futures import ThreadPoolExecutor
from threading import Thread

import pytest
from argon2 import PasswordHasher
from ledger_rows import a_city, publish
from towns import web as web_town
from visiting import NAMED, at_the_machine, from_elsewhere

from riskwarn.access import Journal, make_token, password
from riskwarn.access.role import Roles, roles
from riskwarn.cli import main
from riskwarn.errors import DefinitionError
from riskwarn.web import create_app
from riskwarn.web.rates import Rates
from riskwarn.web.recorder import REQUESTS, log_requests

GOOD = "a sentence nobody guesses"
NOW = dt.datetime(2025, 3, 31, 23, 59, tzinfo=dt.UTC)


def written(folder, n=12):
    """A log of two months."""
    now = [NOW]
    journal = Journal(folder, clock=lambda: now[0])
    for k in range(n):
        journal.record({"route": "/x", "object": f"G{k}", "status": 200, "body": "never"}, surely=k % 5 == 0)
        now[0] += dt.timedelta(seconds=20)
    return journal


def test_a_line_says_what_is_said_of_a_request_and_no_more(tmp_path):
    """Fields that are none are left out; lines are in a file a month, readable to their owner alone."""
    journal = written(tmp_path)
    files = sorted((tmp_path / "audit").glob("*.jsonl"))

    assert [f.name for f in files] == ["2025-03.jsonl", "2025-04.jsonl"]
    assert {oct(f.stat().st_mode & 0o777) for f in files} == {"0o600"}
    assert "never" not in "".join(f.read_text() for f in files)
    assert [row["n"] for row in journal.rows()] == list(range(1, 13))
    assert [row["object"] for row in journal.last(3)] == ["G11", "G10", "G9"]
    assert journal.verify().sound


def lines_of(folder, month="2025-04"):
    return (folder / "audit" / f"{month}.jsonl").read_bytes().splitlines(keepends=True)


def put(folder, lines, month="2025-04"):
    (folder / "audit" / f"{month}.jsonl").write_bytes(b"".join(lines))


@pytest.mark.parametrize("n", [1, 4, 9, 20])
def test_the_last_lines_are_the_last_that_can_be_read(tmp_path, n):
    """Lines that cannot be read are passed over wherever they lie: what is shown are the newest of the others, and no older one in their place."""
    journal = written(tmp_path, 16)
    lines = lines_of(tmp_path)
    put(tmp_path, [*lines[:4], b"torn\n", *lines[4:6], b"{\n", b"\n", b"[]\n"])
    readable = [row["n"] for row in journal.rows()]

    assert [row["n"] for row in journal.last(n)] == readable[::-1][:n]


def dropped_file(folder):
    (folder / "audit" / "2025-03.jsonl").unlink()


def dropped_head(folder):
    (folder / "audit" / "head").unlink()


def appended(folder):
    row = json.loads(lines_of(folder)[-1])
    row |= {"n": row["n"] + 1, "before": row["digest"], "digest": "0" * 64}
    put(folder, [*lines_of(folder), json.dumps(row).encode() + b"\n"])


DAMAGE = {
    "flip": (
        lambda f: put(f, [lines_of(f)[0].replace(b'"status":200', b'"status":201'), *lines_of(f)[1:]]),
        "was changed",
    ),
    "add a member": (
        lambda f: put(f, [lines_of(f)[0].replace(b'"status"', b'"x":1,"status"'), *lines_of(f)[1:]]),
        "was changed",
    ),
    "drop the first": (lambda f: put(f, lines_of(f)[1:]), "is missing"),
    "drop one": (lambda f: put(f, lines_of(f)[:3] + lines_of(f)[4:]), "is missing"),
    "swap": (lambda f: put(f, [*lines_of(f)[:2], lines_of(f)[3], lines_of(f)[2], *lines_of(f)[4:]]), "is missing"),
    "cut the last": (lambda f: put(f, lines_of(f)[:-1]), "the log ends with line"),
    "cut many": (lambda f: put(f, lines_of(f)[:1]), "the log ends with line"),
    "repeat": (lambda f: put(f, [*lines_of(f), lines_of(f)[-1]]), "is missing|does not follow"),
    "garbage": (lambda f: put(f, [*lines_of(f)[:2], b"garbage\n", *lines_of(f)[2:]]), "is no line of a log"),
    "a line of one's own": (appended, "was changed"),
    "the first month": (dropped_file, "is missing"),
    "the head": (dropped_head, "the head of the log is missing"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_every_damage_shows(tmp_path, damage, record_property):
    """Flipped, dropped, swapped, cut, repeated, made up: verify says so."""
    journal = written(tmp_path)
    harm, said = DAMAGE[damage]
    harm(tmp_path)
    record_property("damages", 1)

    assert re.search(said, "; ".join(journal.verify().faults))


def test_an_older_log_put_back_shows(tmp_path):
    """Lines and head of yesterday, put back together, verify by themselves; the digest kept elsewhere is no longer the last."""
    journal = written(tmp_path, 5)
    kept = journal.verify().digest
    journal.record({"route": "/y"})

    assert journal.verify().digest != kept
    assert journal.verify().n_rows == 6


@pytest.mark.parametrize("torn", [b"", b'{"n": 13, "at"'])
def test_a_writer_that_died_loses_no_line(tmp_path, torn):
    """Killed between the line and the head, or within the line: the log goes on, and is sound."""
    journal = written(tmp_path)
    head = (tmp_path / "audit" / "head").read_bytes()
    journal.record({"route": "/last"})
    (tmp_path / "audit" / "head").write_bytes(head)
    path = max((tmp_path / "audit").glob("*.jsonl"))
    path.write_bytes(path.read_bytes() + torn)
    journal.record({"route": "/next"})

    assert [row["route"] for row in journal.last(2)] == ["/next", "/last"]
    assert journal.verify().sound


def test_a_clock_that_is_set_back_leaves_no_hole(tmp_path):
    """A second before midnight again, in the new month: the log goes on where it was, and is sound."""
    now = [NOW]
    journal = Journal(tmp_path, clock=lambda: now[0])
    for seconds in (50, 61, 55, 70):
        now[0] = NOW + dt.timedelta(seconds=seconds)
        journal.record({"route": f"/{seconds}"})

    assert [row["route"] for row in journal.rows()] == ["/50", "/61", "/55", "/70"]
    assert journal.verify().faults == ()


def test_who_writes_does_not_wait_for_who_proves(tmp_path, monkeypatch):
    """A line written while the log is read is no fault of it, and does not wait until it is read."""
    journal = written(tmp_path)
    digest = journal._digest
    other = Thread(
        target=Journal(tmp_path, clock=lambda: NOW + dt.timedelta(days=9)).record, args=({"route": "/late"},)
    )
    waited = []

    def slowly(row):
        if row["n"] == 12 and not waited:
            other.start()
            other.join(5)
            waited.append(other.is_alive())
        return digest(row)

    monkeypatch.setattr(journal, "_digest", slowly)
    proof = journal.verify()
    other.join()

    assert waited == [False]
    assert (proof.n_rows, proof.faults) == (12, ())
    assert (journal.verify().n_rows, journal.verify().faults) == (13, ())


def _write_many(folder):
    journal = Journal(folder)
    for _ in range(100):
        journal.record({"route": "/p"})


def test_threads_and_processes_write_one_log(tmp_path, record_property):
    """Two processes and four threads at once: every line once, in one chain."""
    others = [multiprocessing.get_context("spawn").Process(target=_write_many, args=(tmp_path,)) for _ in range(2)]
    for other in others:
        other.start()
    journal = Journal(tmp_path)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: journal.record({"route": "/t"}), range(100)))
    for other in others:
        other.join(60)
    record_property("lines by six writers", journal.verify().n_rows)

    assert journal.verify().faults == ()
    assert journal.verify().n_rows == 300


# -- what the application records ----------------------------------------------------------------------------------------


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.setattr(password, "HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    monkeypatch.setenv("RISKWARN_LEDGER", f"sqlite:///{tmp_path / 'ledger.db'}")
    store = web_town.build(tmp_path / "town")
    app = create_app(store.path, clock=lambda: web_town.NOW, serving=NAMED)
    app.state.doorman.accounts.add("desk-1", GOOD, role="shift_leader")
    app.state.doorman.accounts.add("eye", GOOD, role="auditor")
    return app


def bearer(app, name, purpose="handling"):
    return {"authorization": f"Bearer {make_token(app.state.doorman.accounts, name, purpose=purpose)[0]}"}


def test_each_request_of_an_account_is_one_line(site, record_property):
    """Readings, steps, refusals and tries; who asked stands as a digest, what was sent in no line, an unknown name in none."""
    client = from_elsewhere(site)
    head = bearer(site, "desk-1")
    client.get("/api/v1/scores/G0001?as_of=2025-01-08", headers=head)
    client.get("/api/v1/scores/13800138000", headers=head)
    client.get("/api/v1/audit", headers=head)
    client.post("/api/v1/score", json={"grids": ["G0001"]}, headers=head)
    client.get("/api/v1/scores", headers={"authorization": "Bearer rw_garbage"})
    client.post("/sign-in", data={"name": "desk-1", "password": "wrong-password"})
    client.get("/healthz")
    rows = list(site.state.journal.rows())
    record_property("requests logged", len(rows))

    assert [(r["method"], r["route"], r["object"], r["as_of"], r["status"]) for r in rows] == [
        ("GET", "/api/v1/scores/{grid_id}", "G0001", "2025-01-08", 200),
        ("GET", "/api/v1/scores/{grid_id}", "", "", 404),
        ("GET", "/api/v1/audit", "", "", 403),
        ("POST", "/api/v1/score", "", "", 200),
        ("GET", "/api/v1/scores", "", "", 401),
        ("POST", "/sign-in", "", "", 401),
    ]
    assert [len(r["who"]) for r in rows] == [16, 16, 16, 16, 0, 0]
    assert {r["role"] for r in rows[:4]} == {"shift_leader"}
    assert [s for s in ("desk-1", "wrong-password", "garbage", "138001") if s in json.dumps(rows)] == []
    assert site.state.journal.verify().sound


def test_auditors_read_the_log_and_nobody_else(site):
    """The page and the route are theirs; the lines carry their digests, so that a copy can be proved."""
    client = from_elsewhere(site)
    client.get("/api/v1/scores", headers=bearer(site, "desk-1"))
    found = client.get("/api/v1/audit?limit=5", headers=bearer(site, "eye", "audit"))
    client.post("/sign-in", data={"name": "eye", "password": GOOD})
    page = client.get("/audit?lang=zh")

    assert found.json()["items"][0]["route"] == "/api/v1/scores"
    assert (page.status_code, "<h1>审计日志</h1>" in page.text) == (200, True)
    assert client.get("/alerts").status_code == 403
    assert client.get("/api/v1/audit?limit=0").status_code == 422


def test_who_sits_at_the_machine_without_accounts_leaves_the_store_alone(tmp_path, monkeypatch):
    """There is no account to write down, and the page of a laptop writes nothing."""
    monkeypatch.setenv("RISKWARN_LEDGER", f"sqlite:///{tmp_path / 'ledger.db'}")
    store = web_town.build(tmp_path / "town")

    assert at_the_machine(create_app(store.path, clock=lambda: web_town.NOW)).get("/").status_code == 200
    assert not (store.path / "audit").exists()


def test_a_step_that_cannot_be_recorded_is_not_answered_as_done(site, monkeypatch, caplog):
    """With a full disk a step is 503; reading goes on, and the log of the server says why."""
    head = bearer(site, "desk-1")

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(site.state.journal, "record", full)
    client = from_elsewhere(site)
    step = client.post("/api/v1/score", json={"grids": ["G0001"]}, headers=head)

    assert (step.status_code, step.json()["type"]) == (503, "urn:riskwarn:problem:not_recorded")
    assert "probability" not in step.text
    assert client.get("/api/v1/scores", headers=head).status_code == 200
    assert "No space left" in caplog.text


def test_a_step_that_fails_is_recorded(site, monkeypatch):
    """What breaks behind a step may have been taken before it broke: the log has its line, with 500."""
    head = bearer(site, "desk-1")

    def broken(*_, **__):
        raise RuntimeError

    monkeypatch.setattr(site.state.nights, "at", broken)
    client = from_elsewhere(site, raise_server_exceptions=False)

    assert client.post("/api/v1/score", json={"grids": ["G0001"]}, headers=head).status_code == 500
    assert [(r["method"], r["route"], r["status"]) for r in site.state.journal.rows()] == [
        ("POST", "/api/v1/score", 500)
    ]


def test_the_request_log_is_lines_of_json(site, tmp_path):
    """Each request is a line that a program reads, without the query, the body, or what was asked for in vain."""
    log_requests(tmp_path / "requests.jsonl")
    try:
        from_elsewhere(site).get("/api/v1/scores/SECRET?as_of=SECRET", headers=bearer(site, "desk-1"))
        from_elsewhere(site).get("/SECRET")
    finally:
        for handler in REQUESTS.handlers[:]:
            REQUESTS.removeHandler(handler)
            handler.close()
    text = (tmp_path / "requests.jsonl").read_text()
    rows = [json.loads(line) for line in text.splitlines()]

    assert [(r["route"], r["status"]) for r in rows] == [("/api/v1/scores/{grid_id}", 422), ("", 404)]
    assert "SECRET" not in text
    assert all(r["ms"] >= 0 and dt.datetime.fromisoformat(r["at"]).tzinfo for r in rows)


def test_the_log_at_the_command_line(tmp_path, capsys, monkeypatch):
    """Accounts and tokens made there are lines too; verify proves them, and says 22 when one was changed."""
    import io

    store = a_city(tmp_path)
    publish(store, 0)
    monkeypatch.setenv("RISKWARN_STORE", str(store.path))
    monkeypatch.setattr("sys.stdin", io.StringIO(GOOD))
    codes = [
        main(["user", "add", "board", "--role", "city_analyst", "--password-stdin"]),
        main(["token", "make", "board", "--purpose", "display"]),
        main(["audit-log", "verify"]),
        main(["audit-log", "list"]),
    ]
    said = capsys.readouterr().out
    path = next((store.path / "audit").glob("*.jsonl"))
    path.write_bytes(path.read_bytes().replace(b"user add", b"user axx"))

    assert codes == [0, 0, 0, 0]
    assert "sound: 2 lines" in said
    assert "user add" in said
    assert main(["audit-log", "verify"]) == 22
    assert "line 1 was changed" in capsys.readouterr().err


# -- how often -----------------------------------------------------------------------------------------------------------


def test_who_asks_too_often_waits_and_others_do_not(site, record_property):
    """Ten times the limit in a minute: 99 in 100 of the excess is 429 and says how long; another token of the same account is not touched."""
    now = [0.0]
    site.state.rates = Rates({"*": 60, "failed": 60, "sign_in": 30}, ticking=lambda: now[0])
    one, two = bearer(site, "desk-1", "display"), bearer(site, "desk-1", "display")
    client = from_elsewhere(site)
    answers = []
    for _ in range(600):
        now[0] += 0.1
        answers.append(client.get("/api/v1/feeds", headers=one))
    refused = [a for a in answers if a.status_code == 429]
    record_property("requests", len(answers))
    record_property("of them 429", len(refused))

    assert 119 <= 600 - len(refused) <= 121
    assert all(1 <= int(a.headers["retry-after"]) <= 60 for a in refused)
    assert client.get("/api/v1/feeds", headers=two).status_code == 200
    now[0] += int(refused[-1].headers["retry-after"])
    assert client.get("/api/v1/feeds", headers=one).status_code == 200


def test_guessing_tokens_and_passwords_is_slow(site, record_property):
    """From one address: sixty tokens a minute, thirty passwords, whatever names they are for."""
    site.state.rates.ticking = lambda: 0.0
    client = from_elsewhere(site)
    tokens = [client.get("/api/v1/feeds", headers={"authorization": f"Bearer rw_{n}"}).status_code for n in range(70)]
    names = [client.post("/sign-in", data={"name": f"n{n}", "password": "x"}).status_code for n in range(35)]
    record_property("guesses", len(tokens) + len(names))
    record_property("guesses refused unread", tokens.count(429) + names.count(429))

    assert (tokens.count(401), tokens.count(429)) == (60, 10)
    assert names.count(429) == 5
    assert (
        from_elsewhere(site, "10.0.0.8").get("/api/v1/feeds", headers={"authorization": "Bearer rw_x"}).status_code
        == 401
    )


def test_limits_are_declared():
    """A limit for what is no permission, or a missing one, is told when the table is read."""
    values = {"permissions": ["a:b"], "anonymous": "x", "roles": ({"name": "x", "may": ()},)}

    assert roles().per_minute["score:run"] == 60
    with pytest.raises(DefinitionError, match="names no permission: 'a:c'"):
        Roles(**values, per_minute={"*": 1, "failed": 1, "sign_in": 1, "a:c": 1})
    with pytest.raises(DefinitionError, match="per_minute lacks failed, sign_in"):
        Roles(**values, per_minute={"*": 1})
