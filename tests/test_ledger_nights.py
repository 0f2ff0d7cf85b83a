"""How nights enter the ledger: once, whole, and what becomes of what is listed again or no more."""

import os
import shutil
import uuid

import pandas as pd
import pytest
import sqlalchemy as sa
from ledger_rows import a_city, alert, day, gap, publish, states

from riskwarn.ledger import Ledger, chain, enter, workflow
from riskwarn.ledger.listing import Areas, areas_of
from riskwarn.ledger.proof import Proof, grids_in
from riskwarn.ledger.tables import NIGHTS, OUTBOX
from riskwarn.store import Store

KILLED = 9


@pytest.fixture
def store(tmp_path):
    return a_city(tmp_path)


@pytest.fixture
def ledger(store):
    """A ledger whose first night lists G1 with G2 red, and G4 blue."""
    publish(store, 0, alerts=[alert("G1 G2"), alert("G4", "blue")])
    with Ledger(store) as made:
        entered(made, 0)
        yield made


def entered(ledger, n, hour=7.5):
    """What the n-th night did."""
    done = enter(ledger, at=day(n) + pd.Timedelta(hours=hour))
    return done[-1].counts if done else {}


def actions(ledger, grids):
    """Actions of the item of some grids, oldest first."""
    items = ledger.items(kind="alert")
    return ledger.trail(items.loc[items["grid_ids"] == grids, "item_id"].iloc[0])["action"].tolist()


def test_a_night_enters_once(ledger, store):
    """Each alert becomes one item with its areas; the second call finds nothing to do, and there is one message about the night."""
    again = enter(ledger)
    item = ledger.items(kind="alert").iloc[0]

    assert again == []
    assert states(ledger) == [("G1 G2", "published", 1), ("G4", "published", 1)]
    assert (item["path"], item["level"], item["topic"]) == ("C1/T1/G1", "red", "dispute_28d")
    assert ledger.outbox()["topic"].tolist() == ["night"]
    assert ledger.verify().sound


def test_a_message_is_told_until_it_is_delivered(ledger):
    """What was delivered is not told again; it was tried not at all before, and once then."""
    before = ledger.outbox()["attempts"].tolist()
    ledger.delivered(ledger.outbox()["message_id"].tolist())
    with ledger.engine.connect() as link:
        after = link.execute(sa.select(OUTBOX.c.attempts)).scalars().all()

    assert (before, after) == ([0], [1])
    assert len(ledger.outbox()) == 0


def test_a_new_ledger_begins_with_the_newest_night(store):
    """Nights before it are noted and passed over; a run that comes later for an older night changes nothing."""
    publish(store, 0, alerts=[alert("G1")])
    publish(store, 1, alerts=[alert("G4")])
    with Ledger(store) as ledger:
        entered(ledger, 1)
        publish(store, 0, alerts=[alert("G2")], run="b")
        entered(ledger, 1, hour=9)

        assert states(ledger) == [("G4", "published", 1)]


def test_each_run_is_noted_with_what_it_did(store):
    """How many items a run published, none too, and whether it was passed over; of what was passed over no message is told."""
    publish(store, 1, alerts=[alert("G1"), alert("G4")])
    with Ledger(store) as ledger:
        entered(ledger, 1)
        publish(store, 2, alerts=[alert("G1")])
        publish(store, 0, alerts=[alert("G2")], run="b")
        entered(ledger, 2)
        with ledger.engine.connect() as link:
            noted = link.execute(sa.select(NIGHTS).order_by(NIGHTS.c.as_of)).all()
        told = ledger.outbox()

    assert [(row.run, row.n_items, row.passed) for row in noted] == [("b", 0, True), ("a", 2, False), ("a", 0, False)]
    assert [body["counts"] for body in told["body"]] == [{"publish": 2}, {"new_reading": 1}]
    assert told["message_id"].str.fullmatch("[0-9a-f]{32}").all()


def test_an_alert_of_a_lane_is_known_by_its_name(store):
    """In lanes an alert keeps its name, whatever target says most tonight; the same grids in another lane are another alert; a draw keeps its chance."""
    publish(
        store,
        0,
        alerts=[
            alert("G1", alert_id="s1", lane="standing"),
            alert("G1", "blue", alert_id="e1", lane="explore", target="", propensity=0.25),
        ],
    )
    with Ledger(store) as ledger:
        entered(ledger, 0)
        publish(store, 1, alerts=[alert("G1 G2", alert_id="s1", lane="standing", target="calls7", trend="worse")])
        counts = entered(ledger, 1)
        items = ledger.items(kind="alert").set_index("source_id")

        assert counts == {"update": 1, "new_reading": 1}
        assert items["lane"].to_dict() == {"s1": "standing", "e1": "explore"}
        assert (items.loc["s1", "reading"]["trend"], items.loc["e1", "reading"]["propensity"]) == ("worse", 0.25)
        assert ledger.verify().sound


def test_no_night_between_is_lost(ledger, store):
    """A run that was published and whose job was killed before the ledger is entered by the next one, in its order."""
    publish(store, 1, alerts=[alert("G3")])
    publish(store, 2, alerts=[alert("G5")])
    done = enter(ledger, at=day(2) + pd.Timedelta(hours=7.5))

    assert [e.as_of for e in done] == [day(1), day(2)]
    assert [g for g, *_ in states(ledger)] == ["G1 G2", "G4", "G3", "G5"]


def test_the_same_place_again_is_the_same_item(ledger, store):
    """Listed again at the same level it has a new reading, no new state and no row."""
    publish(store, 1, alerts=[alert("G1 G2"), alert("G4", "blue")])
    counts = entered(ledger, 1)

    assert counts == {"new_reading": 2}
    assert states(ledger) == [("G1 G2", "published", 1), ("G4", "published", 1)]
    assert (ledger.items()["last_night"] == day(1)).all()


def test_another_run_of_the_same_night_doubles_nothing(ledger, store):
    """A night run again with other data publishes what is new and leaves what it does not list to people."""
    publish(store, 0, alerts=[alert("G1 G2"), alert("G3")], run="b")
    entered(ledger, 0, hour=9)

    assert states(ledger) == [("G1 G2", "published", 1), ("G3", "published", 1), ("G4", "published", 1)]


def test_a_graver_level_passes_up_and_a_lower_one_is_noted(ledger, store):
    """Blue to red must be acknowledged anew by whoever has it; red to orange changes the level alone."""
    publish(store, 1, alerts=[alert("G1 G2", "orange"), alert("G4", "red")])
    entered(ledger, 1)
    items = ledger.items(kind="alert").set_index("grid_ids")

    assert items[["level", "state"]].to_dict("index") == {
        "G4": {"level": "red", "state": "escalated"},
        "G1 G2": {"level": "orange", "state": "published"},
    }
    assert ledger.verify().sound


def test_a_blue_item_nobody_touched_expires_after_a_week(ledger, store):
    """Not listed for seven days it expires; a red one, and a blue one that somebody acknowledged, wait for people."""
    publish(store, 1, alerts=[alert("G5", "blue")])
    entered(ledger, 1)
    seen = ledger.items(level="blue").set_index("grid_ids").loc["G5", "item_id"]
    ledger.act(seen, "acknowledge", ledger.actor("township_centre", area="T2"), at=day(1) + pd.Timedelta(hours=9))
    for n in (6, 7, 8, 9):
        publish(store, n)
        entered(ledger, n)

    assert states(ledger) == [("G1 G2", "published", 1), ("G4", "expired", 2), ("G5", "acknowledged", 2)]


def test_a_week_is_seven_nights(ledger, store):
    """The sixth night without it an untouched blue item still stands; the seventh it expires."""
    seen = []
    for n in (6, 7):
        publish(store, n)
        entered(ledger, n)
        seen.append(states(ledger)[1])

    assert seen == [("G4", "published", 1), ("G4", "expired", 2)]


@pytest.mark.parametrize(
    ("level", "seconds", "state"),
    [
        ("red", 86_400 - 1, "dismissed"),
        ("red", 86_400, "reopened"),
        ("blue", 7 * 86_400 - 1, "dismissed"),
        ("blue", 7 * 86_400, "reopened"),
        ("red", 30 * 86_400, "reopened"),
        ("red", 30 * 86_400 + 1, "published"),
    ],
)
def test_how_long_an_end_lasts(store, level, seconds, state):
    """An ended matter may come back once the days of its level are over, to the second; as the same one up to the thirtieth day and no longer."""
    publish(store, 0, alerts=[alert("G1", level)])
    with Ledger(store) as ledger:
        entered(ledger, 0)
        ended = day(0) + pd.Timedelta(hours=9)
        item = ledger.items()["item_id"].iloc[0]
        ledger.act(item, "dismiss", ledger.actor("shift_leader"), reason="duplicate", at=ended)
        night = seconds // 86_400 + 1
        publish(store, night, alerts=[alert("G1", level)])
        counts = enter(ledger, at=ended + pd.Timedelta(seconds=seconds))[-1].counts

        assert ledger.items().sort_values("first_night")["state"].iloc[-1] == state
        assert counts.get("cooling_down", 0) == (state == "dismissed")
        assert len(ledger.items()) == 1 + (state == "published")


def test_what_ended_before_its_own_night_was_run_again_is_the_same(ledger, store):
    """A second run of the night lists what was dismissed long before it: the item of that night, for a night has no second one of the same place."""
    item = ledger.items(level="red")["item_id"].iloc[0]
    ledger.act(item, "dismiss", ledger.actor("shift_leader"), reason="known_cause", at=day(0) + pd.Timedelta(hours=9))
    publish(store, 0, alerts=[alert("G1 G2")], run="b")
    entered(ledger, 0, hour=24 * 40)

    assert ledger.items(level="red")[["item_id", "state"]].to_numpy().tolist() == [[item, "reopened"]]


@pytest.mark.parametrize(("after", "state"), [(1, "dismissed"), (2, "reopened"), (20, "reopened"), (40, "published")])
def test_what_ended_and_is_listed_again(ledger, store, after, state):
    """Within the cool-down nothing, until thirty days the same item reopened, later a new one."""
    item = ledger.items(level="red")["item_id"].iloc[0]
    ledger.act(item, "dismiss", ledger.actor("shift_leader"), reason="known_cause", at=day(0) + pd.Timedelta(hours=9))
    publish(store, after, alerts=[alert("G1 G2")])
    entered(ledger, after)

    newest = ledger.items(level="red").sort_values("first_night").iloc[-1]
    assert newest["state"] == state
    assert (newest["item_id"] == item) == (state != "published")


def test_a_graver_level_breaks_the_cool_down(store):
    """A yellow one that was dismissed comes back the next day if it is red."""
    publish(store, 0, alerts=[alert("G1", "yellow")])
    with Ledger(store) as ledger:
        entered(ledger, 0)
        ledger.act(
            ledger.items()["item_id"].iloc[0],
            "dismiss",
            ledger.actor("shift_leader"),
            reason="duplicate",
            at=day(0) + pd.Timedelta(hours=9),
        )
        publish(store, 1, alerts=[alert("G1", "red")])
        entered(ledger, 1)

        assert ledger.items()[["state", "level"]].to_numpy().tolist() == [["reopened", "red"]]


def test_two_items_of_one_place_become_one(ledger, store):
    """Led by its other grid the alert is a new item, and the old one, on which nobody acted, is merged into it."""
    publish(store, 1, alerts=[alert("G2 G1")])
    entered(ledger, 1)
    items = ledger.items(kind="alert").set_index("grid_ids")

    assert items.loc["G1 G2", "state"] == "merged"
    assert items.loc["G1 G2", "parent"] == items.loc["G2 G1", "item_id"]
    assert items.loc["G2 G1", "state"] == "published"


@pytest.mark.parametrize(
    ("grids", "more", "state"),
    [
        ("G2 G3", {}, "merged"),
        ("G5 G1", {}, "merged"),
        ("G3 G2", {}, "published"),
        ("G2 G1", {"target": "calls7"}, "published"),
        ("G2 G1", {"lane": "explore"}, "published"),
    ],
)
def test_one_place_is_where_either_leads(ledger, store, grids, more, state):
    """The place of G1 with G2 is that of an alert led by G2, or of one that holds G1; not of one that has a grid in common which leads neither, and not of another target or lane."""
    publish(store, 1, alerts=[alert(grids, **more)])
    entered(ledger, 1)

    assert ledger.items(kind="alert").set_index("grid_ids").loc["G1 G2", "state"] == state


def test_what_people_merged_is_read_into_one_while_both_are_listed(ledger, store):
    """The item they are worked as keeps its own grids and takes the gravest level of the two; from night to night it does not waver."""
    publish(store, 1, alerts=[alert("G1 G2", "orange"), alert("G4", "red")])
    entered(ledger, 1)
    one, other = (ledger.items(kind="alert").set_index("grid_ids").loc[g, "item_id"] for g in ("G4", "G1 G2"))
    when = day(1) + pd.Timedelta(hours=9)
    ledger.act(one, "merge", ledger.actor("shift_leader"), into=other, reason="same_place", at=when)
    versions = []
    for n in (2, 3):
        publish(store, n, alerts=[alert("G1 G2", "orange"), alert("G4", "red")])
        entered(ledger, n)
        versions.append((ledger.item(other).version, ledger.item(other).level, ledger.item(other).grid_ids))

    assert versions[0][1:] == versions[1][1:] == ("red", "G1 G2")
    assert versions[0] == versions[1]
    assert ledger.item(one).state == "merged"
    assert ledger.verify().sound


def test_work_in_hand_is_not_begun_anew(ledger, store):
    """Where somebody has acted the new one is merged into it, and later nights are read into the one in hand."""
    first = ledger.items(level="red")["item_id"].iloc[0]
    ledger.act(first, "acknowledge", ledger.actor("township_centre", area="T1"), at=day(0) + pd.Timedelta(hours=9))
    for n in (1, 2):
        publish(store, n, alerts=[alert("G2 G1", "orange")])
        entered(ledger, n)
    item = ledger.item(first)

    assert [(s, v) for _, s, v in states(ledger) if s != "published"] == [("acknowledged", 4), ("merged", 2)]
    assert (item.level, item.grid_ids, pd.Timestamp(item.last_night)) == ("orange", "G2 G1", day(2))


def test_a_place_without_a_score_is_on_hold_until_the_data_are_back(ledger, store):
    """A grid that could not be scored is not calm: its item is on hold, and published again when it can be."""
    publish(store, 1, unscored=["G1"])
    entered(ledger, 1)
    held = states(ledger)
    publish(store, 2)
    entered(ledger, 2)

    assert held[0] == ("G1 G2", "suppressed", 2)
    assert states(ledger)[0] == ("G1 G2", "published", 3)
    assert actions(ledger, "G1 G2") == ["publish", "suppress", "publish"]


# -- gaps -------------------------------------------------------------------------------------------------------------


def visit(store, grid, n):
    at = day(n) - pd.Timedelta(hours=8)
    row = {
        "visit_id": f"v{grid}{n}",
        "started_at": at,
        "ended_at": at + pd.Timedelta(minutes=20),
        "grid_id": grid,
        "known_at": at,
    }
    store.write("visits", pd.DataFrame([row]))


def test_a_gap_closes_by_evidence(store):
    """A coverage gap that the next night does not find, and a visit known since, is verified with that visit; people close it."""
    publish(store, 0, gaps=[gap("G03", "grid:G1"), gap("G03", "grid:G4")])
    with Ledger(store) as ledger:
        entered(ledger, 0)
        visit(store, "G1", 1)
        publish(store, 1)
        entered(ledger, 1)
        gaps = ledger.items(kind="gap").set_index("grid_ids")
        trail = ledger.trail(gaps.loc["G1", "item_id"])

        assert gaps["state"].to_dict() == {"G1": "verified", "G4": "published"}
        assert trail["detail"].iloc[-1] == {"evidence": {"visits": {"n": 1, "rows": ["vG11"]}}}
        closed = ledger.act(
            gaps.loc["G1", "item_id"],
            "close",
            ledger.actor("township_centre", area="T1"),
            at=day(1) + pd.Timedelta(hours=9),
        )
        assert closed.state == "closed"
        assert ledger.verify().sound


def test_evidence_that_did_not_last_reopens_the_gap(store):
    """Found again the next night, a gap that was verified is open again."""
    publish(store, 0, gaps=[gap("G03", "grid:G1")])
    with Ledger(store) as ledger:
        entered(ledger, 0)
        visit(store, "G1", 1)
        publish(store, 1)
        entered(ledger, 1)
        publish(store, 2, gaps=[gap("G03", "grid:G1")])
        entered(ledger, 2)

        assert states(ledger, kind="gap") == [("G03|grid:G1", "reopened", 3)]


def test_the_level_of_a_gap_only_rises(store):
    """Its severity wavers from night to night; the item keeps the gravest level it had, and is not passed up."""
    levels = []
    with Ledger(store) as ledger:
        for n, severity in enumerate((60, 94.9, 95, 40)):
            publish(store, n, gaps=[gap("G03", "grid:G1", severity)])
            entered(ledger, n)
            levels.append(ledger.items()[["level", "state"]].to_numpy().tolist())

    assert levels == [[[level, "published"]] for level in ("yellow", "orange", "red", "red")]


def test_evidence_is_what_came_in_from_the_listing_on(store):
    """A visit begun at the very listing is evidence, one begun before it or with the next night is not; of many five are named and all counted."""
    publish(store, 0, gaps=[gap("G03", "grid:G1")])
    begun = [day(0) - pd.Timedelta(seconds=1), *(day(0) + pd.Timedelta(hours=n) for n in range(7)), day(1)]
    rows = [row_of("visits", at, "G1", "T1", "", "") | {"visit_id": f"v{n}"} for n, at in enumerate(begun)]
    with Ledger(store) as ledger:
        entered(ledger, 0)
        store.write("visits", pd.DataFrame(rows))
        item = ledger.item(ledger.items()["item_id"].iloc[0])
        proof = Proof(store, day(0) - pd.Timedelta(days=9), day(1), grids_in({"G1": "C1/T1/G1"}))

        assert proof.of(item, ledger.workflow) == {"visits": {"n": 7, "rows": ["v1", "v2", "v3", "v4", "v5"]}}


def test_a_grid_is_in_each_body_above_it():
    """County, township and community each hold it; it is no body itself."""
    assert grids_in({"G1": "C1/T1/G1", "G2": "C1/G2", "G3": "G3"}) == {"C1": {"G1", "G2"}, "T1": {"G1"}}


def test_an_outage_puts_a_gap_on_hold(store):
    """A silence that a stopped feed explains is on hold, and no row is asked of it; one that was never open does not become an item."""
    publish(store, 0, gaps=[gap("G01", "grid:G1")])
    with Ledger(store) as ledger:
        entered(ledger, 0)
        outage = [
            gap("G08", "feed:grid_report/T1"),
            gap("G01", "grid:G1", suppressed_by="x"),
            gap("G01", "grid:G2", suppressed_by="x"),
        ]
        publish(store, 1, gaps=outage)
        entered(ledger, 1)

        assert states(ledger, kind="gap") == [
            ("G01|grid:G1", "suppressed", 2),
            ("G08|feed:grid_report/T1", "published", 1),
        ]
        assert set(ledger.items(kind="gap")["path"]) == {"C1/T1/G1", "C1/T1"}


SCOPES = {
    "G07": "grid:G1/case:K7",
    "G08": "feed:hotline/T1",
    "G10": "pair:G1|G2",
    "G11": "place:P1",
    "G12": "org:T1",
    "G13": "grid:G1/case:K7",
    "G18": "org:T1",
    "G20": "grid:G1/hotline",
}
"""What a kind is found in, where it is not a grid."""
PROOFS = {**workflow().nights.evidence, **dict.fromkeys(("G10", "G11", "G18", "G20"), ("events",))}
"""Tables that close a kind: those the workflow names, and for kinds it does not name, events."""


def row_of(table: str, at: pd.Timestamp, place: str, org: str, case: str, key: str) -> dict[str, object]:
    """A row of a table that came in at a time, of a grid, a body, a case and an address."""
    event = {"source": "hotline", "event_id": place, "known_at": at, "occurred_at": at, "category": "D01"}
    batch = {"source": "hotline", "batch_id": org, "arrived_at": at, "received": 1, "accepted": 1, "digest": "d"}
    return {
        "feed_log": {**batch, "org_code": org, "quarantined": 0, "duplicate": 0},
        "workflow": {"case_id": case, "step": 1, "action": "accept", "at": at, "grid_id": place, "known_at": at},
        "roster": {"grid_id": place, "day_at": at, "n_workers": 1},
        "events": {**event, "grid_id": place, "org_code": org, "case_id": case, "place_key": key},
        "diversions": {"call_id": place, "to_org": org, "sent_at": at, "received_at": at, "grid_id": place},
        "visits": {"visit_id": place, "started_at": at, "ended_at": at, "grid_id": place, "known_at": at},
    }[table]


@pytest.mark.parametrize("table", sorted({table for tables in PROOFS.values() for table in tables}))
def test_each_kind_of_gap_has_its_evidence(store, table):
    """A row of a table closes the kinds for which the workflow names it and no other, and those only where it is of the gap's own scope."""
    publish(store, 0, gaps=[gap(kind, SCOPES.get(kind, "grid:G1")) for kind in PROOFS])
    at = day(1) - pd.Timedelta(hours=8)
    with Ledger(store) as ledger:
        entered(ledger, 0)
        store.write(table, pd.DataFrame([row_of(table, at, "G5", "T2", "K8", "P2")]))
        publish(store, 1)
        entered(ledger, 1)
        elsewhere = ledger.items(kind="gap")
        store.write(table, pd.DataFrame([row_of(table, at, "G1", "T1", "K7", "P1")]))
        publish(store, 2)
        entered(ledger, 2)
        gaps = ledger.items(kind="gap").set_index("topic")
        closed = gaps.index[gaps["state"] == "verified"]
        proofs = [ledger.trail(item)["detail"].iloc[-1]["evidence"] for item in gaps.loc[closed, "item_id"]]

    assert set(elsewhere["state"]) == {"published"}
    assert set(closed) == {kind for kind, tables in PROOFS.items() if table in tables}
    assert [[*proof] for proof in proofs] == [[table]] * len(closed)


def test_areas_are_those_of_the_night(store):
    """A grid lies in its county and township; one that is not valid yet lies nowhere."""
    areas = areas_of(store, day(0))

    assert areas.of_grid["G4"] == "C1/T2/G4"
    assert areas.of_body == {"C1": "C1", "T1": "C1/T1", "T2": "C1/T2"}
    assert areas_of(store, pd.Timestamp("2023-01-01", tz="Asia/Shanghai")).of_grid == {}


def test_a_grid_is_valid_from_its_first_instant_to_before_its_last(store):
    """Of a grid that moved to another township at midnight the night takes the new one, and a second before it the old one."""
    old = {"grid_id": "G1", "valid_from": day(-9), "valid_to": day(0), "township_id": "T1", "county_id": "C1"}
    store.write("grids", pd.DataFrame([old, {**old, "valid_from": day(0), "valid_to": pd.NaT, "township_id": "T2"}]))

    told = [areas_of(store, at).of_grid["G1"] for at in (day(0) - pd.Timedelta(seconds=1), day(0))]
    assert told == ["C1/T1/G1", "C1/T2/G1"]


@pytest.mark.parametrize(
    ("scope", "path"),
    [("pair:G1|G2", "C1/T1"), ("pair:G1|G4", "C1"), ("pair:G1|G9", ""), ("place:p", "C1/T1"), ("org:T2", "C1/T2")],
)
def test_a_scope_lies_in_what_its_grids_share(scope, path):
    """Grids of one township lie there, of two in the county, with a grid nobody knows nowhere; a place lies where its grids do, a body in its county."""
    areas = Areas({"G1": "C1/T1/G1", "G2": "C1/T1/G2", "G4": "C1/T2/G4"}, {"C1": "C1", "T1": "C1/T1", "T2": "C1/T2"})

    assert areas.of_scope(scope, ["G1", "G2"])[0] == path


# -- killed -----------------------------------------------------------------------------------------------------------


def killed_at(n: int, folder, url) -> int:
    """Enter the waiting nights in a child that is killed at its n-th word with the database, or after the commit."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        ledger = Ledger(Store(folder), url=url)
        left = [n]

        def word(*_: object) -> None:
            left[0] -= 1
            if left[0] == 0:
                os._exit(KILLED)

        for name in ("before_cursor_execute", "after_cursor_execute", "commit", "begin"):
            sa.event.listen(ledger.engine, name, word)
        write, chain.write_anchor = chain.write_anchor, lambda *a: (word(), write(*a), word())
        enter(ledger, at=day(1) + pd.Timedelta(hours=7.5))
    except BaseException:  # noqa: BLE001 - the child must not run the tests of its parent
        os._exit(3)
    os._exit(0)


def content(ledger):
    """All that was written, without the digests, which carry the ledger's own name nowhere."""
    return ledger.trail().drop(columns=["before", "digest"]).to_csv(), ledger.items().to_csv(), len(ledger.outbox())


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_a_kill_at_any_moment_loses_and_doubles_nothing(tmp_path, engine, request):
    """Killed before or after a sample of the words with the database while a night enters, and run again, the ledger is as if undisturbed."""
    store = a_city(tmp_path)
    publish(store, 0, alerts=[alert("G1 G2"), alert("G4", "blue")], gaps=[gap("G03", "grid:G1")])
    with Ledger(store) as ledger:
        entered(ledger, 0)
    visit(store, "G1", 1)
    publish(store, 1, alerts=[alert("G1 G2", "orange"), alert("G3")], gaps=[gap("G03", "grid:G5")])
    server = request.getfixturevalue("postgres_server") if engine == "postgresql" else None
    wanted, n, kills = None, 0, 0
    while True:
        folder = tmp_path / f"copy-{n}"
        shutil.copytree(tmp_path / "city", folder)
        url = f"sqlite:///{folder / 'ledger.db'}" if server is None else _copied(server, folder)
        code = killed_at(n, folder, url)
        with Ledger(Store(folder), url=url) as again:
            assert again.verify().sound, n
            entered(again, 1)
            assert again.verify().sound, n
            wanted = wanted or content(again)
            assert content(again) == wanted, n
        if n and code == 0:
            break
        assert code == (KILLED if n else 0)
        kills, n = kills + (n > 0), n + (2 if n else 1) if engine == "sqlite" else n * 2 + 1
    assert kills >= (15 if engine == "sqlite" else 5)


def _copied(server, folder):
    """The ledger of a store's folder, moved into a new database of a server."""
    from riskwarn.ledger.moving import move

    name = f"killed_{uuid.uuid4().hex[:8]}"
    root = sa.create_engine(server.format("postgres"), isolation_level="AUTOCOMMIT")
    with root.connect() as link:
        link.execute(sa.text(f"CREATE DATABASE {name}"))
    root.dispose()
    with Ledger(Store(folder), url=f"sqlite:///{folder / 'ledger.db'}") as ledger:
        move(ledger, server.format(name))
    return server.format(name)
