"""What programs do: steps with alerts and gaps, once each, by who may, with the trail to prove it."""

import concurrent.futures

import pandas as pd
import pytest
from ledger_rows import a_city, alert, day, gap, publish
from visiting import as_visitor, at_the_machine

from riskwarn.ledger import Ledger, enter
from riskwarn.web import create_app, schemas

NOW = day(0) + pd.Timedelta(hours=9)
STEPS = [
    ("acknowledge", "township_centre", "T1", {}),
    ("assign", "shift_leader", "*", {"area": "T1"}),
    ("start", "grid_head", "T1", {}),
    ("feedback", "township_centre", "T1", {"outcome": "O3"}),
    ("verify", "county_centre", "C1", {}),
    ("close", "township_centre", "T1", {}),
]


@pytest.fixture
def city(tmp_path):
    """A store of one night with two red alerts and two gaps, entered."""
    store = a_city(tmp_path)
    publish(store, 0, alerts=[alert("G1"), alert("G4")], gaps=[gap("G03", "grid:G1"), gap("G05", "org:T2")])
    with Ledger(store) as ledger:
        enter(ledger, at=day(0) + pd.Timedelta(hours=7.5))
    return store


@pytest.fixture
def client(city):
    return at_the_machine(create_app(city.path, clock=lambda: NOW), raise_server_exceptions=False)


def alert_of(client, grid="G1"):
    """The alert that a grid leads, as the list gives it."""
    return next(a for a in client.get("/api/v1/alerts").json()["items"] if a["grid_ids"][0] == grid)


def step(client, item_id, action, version, *, key=None, path="alerts", **given):
    headers = {} if key is None else {"Idempotency-Key": key}
    body = {"action": action, "version": version, **given}
    return client.post(f"/api/v1/{path}/{item_id}/transitions", json=body, headers=headers)


def problem(answer):
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


def test_the_story_of_one_alert(client, city, monkeypatch):
    """From night to closed by four roles: each sees its version, takes one step, and the trail tells it; the chain is sound."""
    item = alert_of(client)["item_id"]
    for n, (action, role, area, given) in enumerate(STEPS):
        as_visitor(monkeypatch, role, area=area, account=role)
        shown = client.get(f"/api/v1/items/{item}").json()
        assert action in shown["actions"]
        taken = step(client, item, action, shown["item"]["version"], **given)
        assert (taken.status_code, taken.json()["version"]) == (201, n + 2)
        schemas.Taken.model_validate(taken.json())

    as_visitor(monkeypatch, "shift_leader")
    told = client.get(f"/api/v1/alerts/{alert_of(client)['alert_id']}").json()
    schemas.OneAlert.model_validate(told)
    assert (told["alert"]["item_state"], told["work"]["item"]["state"]) == ("closed", "closed")
    assert [(r["action"], r["role"]) for r in told["work"]["trail"]] == [
        ("publish", "night"),
        *((a, r) for a, r, *_ in STEPS),
    ]
    assert told["work"]["clocks"] == []
    assert len({r["account"] for r in told["work"]["trail"]}) == 5
    with Ledger(city) as ledger:
        assert ledger.verify().sound
        assert ledger.trail(item)["digest"].tolist() == [r["digest"] for r in told["work"]["trail"]]
    outcomes = client.get("/api/v1/outcomes").json()
    schemas.Outcomes.model_validate(outcomes)
    assert [(row["n_confirmed"], row["precision"]) for row in outcomes["precision"]] == [(1, 1.0)]


def test_who_was_slower_is_told_who_was_faster(client, monkeypatch):
    """Two act on one version: one wins, the other gets 409 with who did what when, and how the item stands."""
    item = alert_of(client)["item_id"]
    as_visitor(monkeypatch, "township_centre", area="T1", account="a")
    assert step(client, item, "acknowledge", 1).status_code == 201
    as_visitor(monkeypatch, "shift_leader", account="b")
    slower = step(client, item, "dismiss", 1, reason="duplicate")

    assert problem(slower) == (409, "conflict")
    body = slower.json()
    assert (body["version"], body["state"]) == (2, "acknowledged")
    assert (body["last"]["role"], body["last"]["action"], body["last"]["area"]) == (
        "township_centre",
        "acknowledge",
        "T1",
    )
    assert "township_centre did acknowledge" in body["detail"]


def test_of_many_at_once_one_wins(client, city, monkeypatch):
    """Eight send the same step at the same version at once: one is taken, seven are told; one row is written."""
    item = alert_of(client)["item_id"]
    as_visitor(monkeypatch, "shift_leader")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: step(client, item, "acknowledge", 1).status_code, range(8)))

    assert sorted(answers) == [201] + [409] * 7
    with Ledger(city) as ledger:
        assert len(ledger.trail(item)) == 2
        assert ledger.verify().sound


def test_a_step_sent_twice_is_taken_once(client, city, monkeypatch):
    """Under one key the same step gives the same answer again, also when the item has moved on; nothing is written twice."""
    item = alert_of(client)["item_id"]
    as_visitor(monkeypatch, "shift_leader")
    first = step(client, item, "acknowledge", 1, key="key-00000001")
    again = step(client, item, "acknowledge", 1, key="key-00000001")
    step(client, item, "assign", 2, area="T1")
    later = step(client, item, "acknowledge", 1, key="key-00000001")

    assert (first.status_code, again.status_code, later.status_code) == (201, 200, 200)
    assert first.json() == again.json() == later.json()
    assert again.headers["idempotency-replayed"] == "true"
    with Ledger(city) as ledger:
        assert len(ledger.trail(item)) == 3
        assert ledger.verify().sound


def test_a_key_is_for_one_step_and_one_account(client, monkeypatch):
    """Another step under a used key is refused; another account's equal key is another key."""
    item = alert_of(client)["item_id"]
    as_visitor(monkeypatch, "shift_leader", account="a")
    step(client, item, "acknowledge", 1, key="key-00000001")
    other_step = step(client, item, "dismiss", 2, key="key-00000001", reason="duplicate")
    as_visitor(monkeypatch, "shift_leader", account="b")

    assert problem(other_step) == (422, "reused_key")
    assert step(client, item, "assign", 2, key="key-00000001", area="T1").status_code == 201


@pytest.mark.parametrize(
    ("role", "area", "asked", "found"),
    [
        ("auditor", "*", {"action": "acknowledge"}, (403, "forbidden")),
        ("grid_head", "T1", {"action": "acknowledge"}, (403, "forbidden_step")),
        ("township_centre", "T2", {"action": "acknowledge"}, (404, "unknown_item")),
        ("shift_leader", "*", {"action": "close"}, (422, "refused_step")),
        ("shift_leader", "*", {"action": "conjure"}, (422, "refused_step")),
        ("shift_leader", "*", {"action": "dismiss"}, (422, "refused_step")),
        ("shift_leader", "*", {"action": "dismiss", "reason": "boredom"}, (422, "refused_step")),
        ("shift_leader", "*", {"action": "acknowledge", "version": 9}, (409, "conflict")),
        ("shift_leader", "*", {"action": "acknowledge", "version": 0}, (422, "bad_parameter")),
        ("shift_leader", "*", {"action": "acknowledge", "by": "me"}, (422, "bad_parameter")),
        ("shift_leader", "*", {"action": "a<b>"}, (422, "bad_parameter")),
    ],
    ids=str,
)
def test_each_refusal_says_why_and_writes_nothing(client, city, monkeypatch, role, area, asked, found):
    """Role, area, state, missing code, version and shape each have their answer; what was sent is not repeated."""
    item = alert_of(client)["item_id"]
    as_visitor(monkeypatch, role, area=area)
    answer = client.post(f"/api/v1/items/{item}/transitions", json={"version": 1, **asked})

    assert problem(answer) == found
    assert "boredom" not in answer.text
    assert "conjure" not in answer.text
    with Ledger(city) as ledger:
        assert len(ledger.trail(item)) == 1


def test_a_refused_step_says_what_can_be_done(client, monkeypatch):
    """The actions there are, each with the codes it takes and what it wants."""
    item = alert_of(client)["item_id"]
    as_visitor(monkeypatch, "shift_leader")
    actions = step(client, item, "close", 1).json()["actions"]

    assert set(actions) == {"acknowledge", "dismiss", "escalate", "merge"}
    assert actions["dismiss"]["reasons"]


def test_whose_area_is_no_code_is_refused(client, monkeypatch):
    """What looks like a person is not kept and not repeated."""
    item = alert_of(client)["item_id"]
    as_visitor(monkeypatch, "shift_leader")
    step(client, item, "acknowledge", 1)
    name = "".join(map(chr, (24352, 19977)))
    answer = step(client, item, "assign", 2, area=name)

    assert problem(answer) == (422, "refused_step")
    assert name not in answer.text


@pytest.mark.parametrize(("path", "fits"), [("alerts", True), ("items", True), ("gaps", False), ("cards", False)])
def test_a_path_is_for_its_kind(client, monkeypatch, path, fits):
    """An alert is not stepped under the path of gaps."""
    item = alert_of(client)["item_id"]
    as_visitor(monkeypatch, "shift_leader")

    assert step(client, item, "acknowledge", 1, path=path).status_code == (201 if fits else 404)


def test_a_gap_is_handled_like_an_alert(client, monkeypatch):
    """A gap has a work item, is acknowledged and assigned, and only data verify it."""
    listed = client.get("/api/v1/gaps").json()["items"]
    row = next(g for g in listed if g["scope"] == "grid:G1")
    as_visitor(monkeypatch, "shift_leader")
    step(client, row["item_id"], "acknowledge", row["version"], path="gaps")
    told = client.get(f"/api/v1/gaps/{row['gap_id']}").json()

    schemas.OneGap.model_validate(told)
    assert told["work"]["item"]["state"] == "acknowledged"
    assert "verify" not in told["work"]["actions"]
    assert {clock["clock"] for clock in told["work"]["clocks"]} == {"start", "feedback"}


def test_items_of_the_own_area(client, monkeypatch):
    """A township lists the items of its grids and bodies; the county all; filters narrow."""

    def listed(**asked):
        found = client.get("/api/v1/items", params=asked).json()
        schemas.Items.model_validate(found)
        return {(i["kind"], i["path"]) for i in found["items"]}

    as_visitor(monkeypatch, "township_centre", area="T1")
    own = listed()
    as_visitor(monkeypatch, "county_centre", area="C1")

    assert {kind for kind, _ in own} == {"alert", "gap"}
    assert all("T1" in path for _, path in own)
    assert len(listed()) == 4
    assert listed(kind="gap", open=True) == {i for i in listed() if i[0] == "gap"}
    assert listed(area="T2") == {i for i in listed() if "T2" in i[1]}
    assert listed(state="closed") == set()


def test_a_look_makes_no_ledger(tmp_path):
    """Where no night was entered the answers say so, and no file appears."""
    store = a_city(tmp_path)
    publish(store, 0, alerts=[alert("G1")])
    client = at_the_machine(create_app(store.path, clock=lambda: NOW), raise_server_exceptions=False)
    before = sorted(store.path.rglob("*"))
    listed = client.get("/api/v1/alerts").json()["items"][0]

    assert (listed["item_id"], listed["item_state"]) == (None, None)
    assert client.get(f"/api/v1/alerts/{listed['alert_id']}").json()["work"] is None
    assert client.get("/api/v1/items").json()["kept"] is False
    assert client.get("/api/v1/outcomes").json()["kept"] is False
    assert problem(client.get("/api/v1/items/abcdef")) == (404, "no_ledger")
    assert sorted(store.path.rglob("*")) == before


def test_the_mode_is_switched_by_who_may(client, city, monkeypatch):
    """A shift leader switches and the log names the role; a reason that may name a person is refused without an echo."""
    as_visitor(monkeypatch, "shift_leader")
    made = client.post("/api/v1/mode", json={"mode": "urgent", "why": "flood warning"})
    number = "138" + "1234" + "5678"
    refused = client.post("/api/v1/mode", json={"mode": "war", "why": f"ask {number}"})

    assert (made.status_code, made.json()["mode"], made.json()["by"]) == (201, "urgent", "shift_leader")
    assert problem(refused) == (422, "bad_parameter")
    assert number not in refused.text
    assert len(client.get("/api/v1/mode").json()["switches"]) == 1


def test_outcomes_are_of_the_city_and_for_duty(client, monkeypatch):
    """A county is not told the city's precision, nor whoever may not know small counts."""
    answers = []
    for role, area in (("county_centre", "C1"), ("city_analyst", "*"), ("shift_leader", "*")):
        as_visitor(monkeypatch, role, area=area)
        answers.append(client.get("/api/v1/outcomes").status_code)

    assert answers == [403, 403, 200]
