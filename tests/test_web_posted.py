"""Events that are posted to be tried: scored as the library scores them, kept nowhere, and told nobody who could count by them."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread, Timer

import pandas as pd
import pytest
import towns
from towns import real
from visiting import NAMED, as_visitor, at_the_machine, from_elsewhere

from riskwarn import tracking
from riskwarn.access import make_token
from riskwarn.client import calls
from riskwarn.pipeline import nightly
from riskwarn.sandbox import events_of, sandbox_scores
from riskwarn.web import create_app
from riskwarn.web.problems import Problem
from riskwarn.web.workbench import Workbench

NIGHT = towns.STREET_NIGHT
NOW = pd.Timestamp(NIGHT, tz=towns.ZONE) + pd.Timedelta(hours=7)
SECRET = "".join(map(str, (3201021990, "01011232")))
"""An identity number with a right check digit, of nobody."""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """The street with a champion and its night; only read."""
    made = towns.copy(towns.street(), tmp_path_factory.mktemp("posted") / "street")
    tracking.keep(tracking.kept(made.path, towns.TARGET, alias="candidate"), made.path, alias="champion")
    nightly(made, towns.TARGET, as_of=NIGHT, capacity=5)
    return made


@pytest.fixture(scope="module")
def app(store):
    made = create_app(store.path, clock=lambda: NOW)
    yield made
    made.state.workbench.close()


@pytest.fixture(scope="module")
def client(app):
    return at_the_machine(app, raise_server_exceptions=False)


def event(n, grid, **more):
    times = {
        "known_at": f"2025-12-{1 + n % 12:02}T09:30:00+08:00",
        "occurred_at": f"2025-12-{1 + n % 12:02}T09:10:00+08:00",
    }
    return {"source": "police_call", "event_id": f"try-{n}", "grid_id": grid, "category": "P04", **times, **more}


@pytest.fixture(scope="module")
def grids(store):
    return store.grids(NIGHT)["grid_id"].astype(str).tolist()


def posted(client, **body):
    return client.post("/api/v1/score", json=body)


@pytest.mark.parametrize("in_place_of", [None, "grids"])
def test_the_answer_is_that_of_the_library(client, store, grids, in_place_of):
    """Rank and numbers are in every bit those of the sandbox, which are those of a store that holds the events; nothing is stored."""
    events, before = [event(n, grids[n % 2]) for n in range(9)], store.fingerprint()
    body = {"grids": grids[:3], "events": events} | ({"in_place_of": in_place_of} if in_place_of else {})
    answer = posted(client, **body)
    wanted = sandbox_scores(
        store, towns.TARGET, events_of(events), as_of=NIGHT, capacity=5, in_place_of=in_place_of or "", grids=grids[:3]
    ).set_index("grid_id")
    found = answer.json()

    assert (answer.status_code, found["items"], found["what_if"]) == (200, None, None)
    assert (found["supposed"]["n_events"], found["supposed"]["n_known"], found["supposed"]["in_place_of"]) == (
        9,
        9,
        in_place_of,
    )
    assert sorted(row["grid_id"] for row in found["supposed"]["items"]) == sorted(grids[:3])
    for row in found["supposed"]["items"]:
        of = wanted.loc[row["grid_id"]]
        assert {c: row[c] for c in ("probability", "expected", "lower", "upper", "p_in_top", "rank")} == {
            c: of[c] for c in ("probability", "expected", "lower", "upper", "p_in_top", "rank")
        }
    assert store.fingerprint() == before
    assert {row["rank_published"] for row in found["supposed"]["items"]} <= set(range(1, len(grids) + 1))


def test_the_client_asks_with_a_table(app, grids):
    """A frame of events goes out with its zones, and comes back as a frame of scores."""
    rows = [event(n, grids[0], severity=2 if n else None) for n in range(3)]
    call = calls.supposed(grids[:2], events_of(rows).assign(origin=None), in_place_of="grids")
    answer = at_the_machine(app).request(**call.sent())
    table = call.read(answer.content, answer.headers)

    assert sorted(table["grid_id"]) == sorted(grids[:2])
    assert (table.attrs["n_known"], table.attrs["in_place_of"]) == (3, "grids")


def test_an_event_known_too_late_changes_nothing(client, grids):
    """What becomes known at the night or later is counted as not known, and the scores are the published ones."""
    late = event(0, grids[0], known_at=f"{NIGHT}T00:00:00+08:00")
    found = posted(client, grids=grids, events=[late]).json()["supposed"]

    assert (found["n_events"], found["n_known"]) == (1, 0)
    assert [(r["rank"], r["expected"]) for r in found["items"]] == [
        (r["rank_published"], r["expected_published"]) for r in found["items"]
    ]


@pytest.mark.parametrize(
    ("changed", "type_", "place"),
    [
        ({"event_id": SECRET}, "person_data", [0, "event_id"]),
        ({"event_id": "138-1234-5678"}, "person_data", [0, "event_id"]),
        ({"org_code": "张伟 13812345678"}, "person_data", [0, "org_code"]),
        ({"status": "一三八一二三四五六七八"}, "person_data", [0, "status"]),
        ({"outcome": "a" * 65}, "string_too_long", [0, "outcome"]),
        ({"tags": ""}, "string_too_short", [0, "tags"]),
        ({"name": SECRET}, "extra_forbidden", [0]),
        ({SECRET: 1}, "extra_forbidden", [0]),
        ({"known_at": "2025-12-01"}, "string_pattern_mismatch", [0, "known_at"]),
        ({"known_at": "2025-12-01T09:30:00"}, "string_pattern_mismatch", [0, "known_at"]),
        ({"known_at": "2025-02-30T09:30:00Z"}, "datetime_invalid", [0, "known_at"]),
        ({"known_at": "0001-01-01T00:00:00+23:59"}, "datetime_invalid", [0, "known_at"]),
        ({"known_at": "9999-12-31T23:59:59-23:59"}, "datetime_invalid", [0, "known_at"]),
        ({"known_at": 1_700_000_000}, "string_type", [0, "known_at"]),
        ({"closed_at": "2024-01-01T00:00:00Z"}, "closed_before", [0]),
        ({"severity": 4}, "less_than_equal", [0, "severity"]),
        ({"severity": 1.5}, "int_type", [0, "severity"]),
        ({"retracted": "yes"}, "bool_type", [0, "retracted"]),
        ({"origin": "anyone"}, "literal_error", [0, "origin"]),
        ({"source": "Police"}, "string_pattern_mismatch", [0, "source"]),
        ({"grid_id": "nowhere"}, "unknown_grid", [0, "grid_id"]),
        ({"grid_id": SECRET}, "unknown_grid", [0, "grid_id"]),
        ({"near_grid_id": "nowhere"}, "unknown_grid", [0, "near_grid_id"]),
        ({"near_grid_id": SECRET}, "unknown_grid", [0, "near_grid_id"]),
        ({"arrived_at": "2025-12-01T09:30:00Z"}, "extra_forbidden", [0]),
        ({"category_raw": "a"}, "extra_forbidden", [0]),
    ],
    ids=str,
)
def test_what_is_wrong_is_told_with_its_place_and_never_repeated(client, grids, changed, type_, place):
    """Number of the event, member and kind of fault; no value, and no name that is none of ours."""
    answer = posted(client, grids=grids[:1], events=[event(0, grids[0]) | changed])
    fault = answer.json()["errors"][0]

    assert (answer.status_code, fault["type"], fault["loc"]) == (422, type_, ["body", "events", *place])
    assert SECRET not in answer.text
    assert not any(str(value) in answer.text for value in changed.values() if len(str(value)) > 5)


@pytest.mark.parametrize(
    "body",
    [
        {"events": []},
        {"events": [{}]},
        {"grids": None},
        {"in_place_of": "some"},
        {"grid_id": "G1", "values": {"a": 1}},
        {"events": None, "in_place_of": "all"},
    ],
    ids=str,
)
def test_a_question_that_is_none_is_refused(client, grids, body):
    """Events want grids, a replacement wants events, and a what-if is another question."""
    assert posted(client, **{"grids": grids[:1], "events": [event(0, grids[0])]} | body).status_code == 422


def test_too_many_events_are_refused(client, grids):
    """Five hundred at most."""
    answer = posted(client, grids=grids[:1], events=[event(n, grids[0]) for n in range(501)])

    assert (answer.status_code, answer.json()["errors"][0]["type"]) == (422, "too_long")


def test_names_of_a_column_are_refused(client, grids):
    """Twenty names in a member that takes codes are names, whatever each would be by itself."""
    people = [a + b for a in "王李张刘陈" for b in ("伟", "芳", "娜", "秀英", "敏")]
    answer = posted(client, grids=grids[:1], events=[event(n, grids[0], case_id=name) for n, name in enumerate(people)])

    assert (answer.status_code, answer.json()["errors"][0]["type"]) == (422, "person_data")
    assert not any(name in answer.text for name in people)


def test_who_may_not_know_small_counts_cannot_find_them_by_trying(client, grids, monkeypatch):
    """A data scientist tries none: added to a grid's own, in their place or in place of all, none, one, two of them come out as published where there are as many."""
    as_visitor(monkeypatch, "data_scientist")
    events = [event(0, grids[0])]
    answers = [
        posted(client, grids=grids[:1], events=events, **of).status_code
        for of in ({}, {"in_place_of": "grids"}, {"in_place_of": "all"})
    ]

    assert answers == [403, 403, 403]
    assert posted(client, grid_id=grids[0], values={"overdue": 0}).status_code == 403
    assert posted(client, grids=grids[:1]).status_code == 200


def test_who_sees_one_area_tries_there_alone(client, store, grids, monkeypatch):
    """A grid of another area is as unknown in an event as one there is not, word by word."""
    rows = store.grids(NIGHT)
    column = next(
        c for c in ("community_id", "township_id", "county_id", "grid_id") if c in rows and len(rows[c].unique()) > 1
    )
    area = str(rows[column].iloc[0])
    own = rows.loc[rows[column] == area, "grid_id"].astype(str).iloc[0]
    other = rows.loc[rows[column] != area, "grid_id"].astype(str).iloc[0]
    as_visitor(monkeypatch, "township_centre", area=area)
    answers = [posted(client, grids=[own], events=[event(0, grid)]) for grid in (own, other, "nowhere")]
    near = [posted(client, grids=[own], events=[event(0, own, near_grid_id=g)]) for g in (own, other, "nowhere")]

    assert [a.status_code for a in answers] == [a.status_code for a in near] == [200, 422, 422]
    assert answers[1].text == answers[2].text
    assert near[1].text == near[2].text
    assert posted(client, grids=[other], events=[event(0, own)]).status_code == 404


def test_a_role_without_the_permission_is_refused_and_all_is_recorded(store, grids, tmp_path):
    """A supervisor may not; a shift leader may; the audit log says who, how it ended, how many events were tried for which grids and night, and nothing of the events."""
    held = towns.copy(store, tmp_path / "city")
    app = create_app(held.path, clock=lambda: NOW, serving=NAMED)
    accounts = app.state.doorman.accounts
    accounts.add("lead", "", role="shift_leader", area="*")
    accounts.add("eye", "", role="supervisor", area="*")
    secrets = [make_token(accounts, name, purpose="handling")[0] for name in ("lead", "eye")]
    client = from_elsewhere(app)
    try:
        statuses = [
            client.post(
                "/api/v1/score",
                json={"grids": grids[:1], "events": [event(0, grids[0], event_id="very-own-name")]},
                headers={"authorization": f"Bearer {secret}"},
            ).status_code
            for secret in secrets
        ]
    finally:
        app.state.workbench.close()
    log = "".join(path.read_text() for path in (held.path / "audit").glob("*.jsonl"))

    assert statuses == [200, 403]
    assert [
        (line["role"], line["status"], line["route"], line["object"], line["as_of"])
        for line in map(json.loads, log.splitlines())
        if line["method"] == "POST"
    ][-2:] == [
        ("shift_leader", 200, "/api/v1/score", f"supposed 1 {grids[0]}", NIGHT),
        ("supervisor", 403, "/api/v1/score", "", ""),
    ]
    assert "very-own-name" not in log


def test_the_audit_log_names_twenty_grids_and_how_many_more(tmp_path, monkeypatch):
    """Where more than twenty grids are asked for, the log names twenty of them and counts the rest."""
    held = towns.copy(real.store(), tmp_path / "town")
    app = create_app(held.path, serving=NAMED)
    grids = sorted(app.state.nights.newest().scores["grid_id"])[:21]
    accounts = app.state.doorman.accounts
    accounts.add("lead", "", role="shift_leader", area="*")
    secret, _ = make_token(accounts, "lead", purpose="handling")
    monkeypatch.setattr(app.state.workbench, "ask", lambda _: {"scores": []})
    from_elsewhere(app).post(
        "/api/v1/score",
        json={"grids": grids, "events": [event(0, grids[0])]},
        headers={"authorization": f"Bearer {secret}"},
    )
    (line,) = [
        line
        for path in (held.path / "audit").glob("*.jsonl")
        for line in map(json.loads, path.read_text().splitlines())
        if line["method"] == "POST"
    ]

    assert line["object"] == " ".join(["supposed 1", *grids[:20], "+1"])


def test_a_store_without_the_model_says_so(store, grids, tmp_path):
    """Where the model is not kept the answer is 409, not a fault."""
    held = towns.copy(store, tmp_path / "city")
    for place in (held.path / "models").rglob("champion"):
        place.unlink()
    for left in held.path.glob("mlflow*"):
        left.unlink()
    app = create_app(held.path, clock=lambda: NOW)
    try:
        answer = posted(at_the_machine(app), grids=grids[:1], events=[event(0, grids[0])])
    finally:
        app.state.workbench.close()

    assert (answer.status_code, answer.json()["type"]) == (409, "urn:riskwarn:problem:no_model")


def test_others_are_answered_meanwhile(monkeypatch, app, client, grids):
    """Events that are being scored keep no other question waiting: it is answered before they are."""
    bench, begun, goes_on = app.state.workbench, Event(), Event()
    asked = bench._asked

    def held(*question):
        begun.set()
        assert goes_on.wait(60)
        return asked(*question)

    monkeypatch.setattr(bench, "_asked", held)
    with ThreadPoolExecutor(1) as pool:
        busy = pool.submit(posted, client, grids=grids, events=[event(n, grids[0]) for n in range(9)])
        assert begun.wait(60)
        others = [client.get(f"/api/v1/scores/{grids[0]}").status_code for _ in range(3)]
        was_done = busy.done()
        goes_on.set()

    assert others == [200, 200, 200]
    assert not was_done
    assert busy.result().status_code == 200


# -- the process beside --------------------------------------------------------------------------------------------------


def test_who_takes_too_long_is_stopped(monkeypatch):
    """After its time the process is killed and the next question has a new one; more than may wait are refused at once."""
    bench = Workbench(seconds=0.5, most_waiting=1)
    monkeypatch.setattr("riskwarn.web.workbench._COMMAND", ("sleep", "60"))
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(bench.ask, {}) for _ in range(3)]
        codes = sorted(a.exception().code for a in asked)

    assert codes == ["too_many", "took_too_long", "took_too_long"]
    monkeypatch.setattr("riskwarn.web.workbench._COMMAND", ("false",))
    with pytest.raises(Problem) as broken:
        bench.ask({})
    assert (broken.value.status, broken.value.code) == (503, "broke_down")
    monkeypatch.setattr("riskwarn.web.workbench._COMMAND", ("cat",))
    assert bench.ask({"a": 1}) == {"a": 1}
    bench.close()


def test_waiting_and_work_have_one_end(monkeypatch):
    """Who waited for a turn has only the rest of the time: a question is answered or given up within it, not within twice as long."""
    left, clock = [], Hand()

    class Noted(Timer):
        def __init__(self, seconds, *of):
            left.append(seconds)
            super().__init__(seconds, *of)

    monkeypatch.setattr("riskwarn.web.workbench.Timer", Noted)
    monkeypatch.setattr("riskwarn.web.workbench.time", clock)
    monkeypatch.setattr("riskwarn.web.workbench._COMMAND", ("cat",))
    bench = Workbench(seconds=30, idle_seconds=3600)
    with ThreadPoolExecutor(1) as pool:
        with bench._turn:  # somebody else's
            asked = pool.submit(bench.ask, {})
            assert clock.read.wait(10)
            clock.now = 12.0
        answer = asked.result()
    bench.close()

    assert answer == {}
    assert left == [18.0, 3600]


class Hand:
    """A clock that is moved by hand, and tells when it was read."""

    def __init__(self):
        self.now, self.read = 0.0, Event()

    def monotonic(self):
        """Seconds, as the hand stands."""
        now = self.now
        self.read.set()
        return now


def test_as_many_wait_as_is_said(monkeypatch):
    """One is worked on and four wait; the sixth is refused at once."""
    monkeypatch.setattr("riskwarn.web.workbench._COMMAND", ("sleep", "60"))
    bench = Workbench(seconds=2)
    with ThreadPoolExecutor(6) as pool:
        asked = [pool.submit(bench.ask, {}) for _ in range(6)]
        codes = sorted(a.exception().code for a in asked)
    bench.close()

    assert codes == ["too_many", *["took_too_long"] * 5]


def test_a_server_that_ends_waits_for_no_question(monkeypatch):
    """What is worked on is ended, who waits is told so, and nobody begins another."""
    monkeypatch.setattr("riskwarn.web.workbench._COMMAND", ("sleep", "60"))
    bench = Workbench()
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(bench.ask, {}) for _ in range(3)]
        until = time.monotonic() + 10
        while bench._process is None and time.monotonic() < until:
            time.sleep(0.01)
        process = bench._process
        bench.close()
        codes = [a.exception().code for a in asked]
    with pytest.raises(Problem):
        bench.ask({})

    assert codes == ["broke_down"] * 3
    assert process.poll() is not None


def test_a_process_that_began_while_the_server_ended_is_ended_too(monkeypatch):
    """Who ends the server sees no process yet: the question whose process begins just then is given up, not waited for."""
    monkeypatch.setattr("riskwarn.web.workbench._COMMAND", ("sleep", "60"))
    bench, looked = Workbench(seconds=3), Event()
    running, sleep = bench._running, bench._sleep
    closing = Thread(target=bench.close)

    def begun():
        closing.start()
        assert looked.wait(10)
        return running()

    monkeypatch.setattr(bench, "_running", begun)
    monkeypatch.setattr(bench, "_sleep", lambda: (looked.set(), sleep()))
    with pytest.raises(Problem) as given_up:
        bench.ask({})
    closing.join()

    assert given_up.value.code == "broke_down"
    assert bench._process is None


@pytest.mark.parametrize(
    ("command", "said"), [("sleep 60", "not scored in time"), ("false", "the process beside broke down")]
)
def test_what_went_wrong_is_said_to_operators(monkeypatch, caplog, command, said):
    """The log of the server says why a question was not answered, and nothing of it."""
    monkeypatch.setattr("riskwarn.web.workbench._COMMAND", command.split())
    bench = Workbench(seconds=1)
    with pytest.raises(Problem):
        bench.ask({"events": [SECRET]})
    bench.close()

    assert said in caplog.text
    assert SECRET not in caplog.text


def test_a_fault_of_the_process_is_named_to_operators(app, grids, monkeypatch, caplog):
    """A kind that nobody thought of is answered with 500, and the log says which one it was."""
    monkeypatch.setattr(app.state.workbench, "ask", lambda _: {"error": "InternalError", "kind": "ZeroDivisionError"})
    client = at_the_machine(app, raise_server_exceptions=False)
    answer = posted(client, grids=grids[:1], events=[event(0, grids[0], event_id="very-own-name")])

    assert (answer.status_code, answer.json()["type"]) == (500, "urn:riskwarn:problem:internal")
    assert "InternalError ZeroDivisionError" in caplog.text
    assert "very-own-name" not in caplog.text


def test_the_process_ends_when_nobody_asks(monkeypatch):
    """It is kept for a while for the next question, and then gives its memory back."""
    monkeypatch.setattr("riskwarn.web.workbench._COMMAND", ("cat",))
    bench = Workbench(idle_seconds=0.3)
    bench.ask({})
    process = bench._process
    bench.ask({})
    kept = bench._process is process
    until = time.monotonic() + 10
    while process.poll() is None and time.monotonic() < until:
        time.sleep(0.05)

    assert kept
    assert process.poll() is not None
