"""The supervision board: what is late, with whom it lies, and what the next step is."""

import pandas as pd
import pytest
from ledger_rows import a_city, alert, gap, publish

from riskwarn.ledger import Ledger, board, by_body, clocks, enter, next_step, settled_cards, watch, workflow
from riskwarn.ledger.board import body_of


@pytest.fixture
def ledger(tmp_path):
    """Two red alerts in two townships and a yellow one, published on a Monday at half past seven; red is to be acknowledged by ten."""
    store = a_city(tmp_path)
    publish(store, 0, alerts=[alert("G1"), alert("G4"), alert("G5", "yellow")], gaps=[gap("G11", "place:7f", 99)])
    with Ledger(store) as made:
        enter(made, at="2025-03-03 07:30")
        yield made


def test_overdue_goes_before_what_is_soon_due(ledger):
    """At ten minutes to ten both red alerts are amber; once past, they are red, and a green clock is never on the board."""
    soon = board(ledger, at="2025-03-03 09:50")
    late = board(ledger, at="2025-03-04 09:00")

    assert set(soon.loc[soon["kind"] == "alert", "light"]) == {"amber"}
    assert late["light"].tolist() == sorted(late["light"], reverse=True)
    assert set(late["item_id"]) <= set(clocks(ledger, at="2025-03-04 09:00").query("state != 'green'")["item_id"])
    assert board(ledger, at="2025-03-03 08:31").empty


def test_each_matter_lies_with_one_organisation_and_names_its_next_step(ledger):
    """A township answers for what lies in it until it is assigned elsewhere; then the other does. The step is the one that leads on."""
    leader = ledger.actor("shift_leader")
    first = board(ledger, at="2025-03-04 09:00").query("grid_ids == 'G1'").iloc[0]
    assert (first["body"], first["step"], first["roles"][0]) == ("T1", "acknowledge", "township_centre")

    ledger.act(first["item_id"], "acknowledge", leader, at="2025-03-04 09:10")
    ledger.act(first["item_id"], "assign", leader, area="housing", at="2025-03-04 09:20")
    then = board(ledger, at="2025-03-10 09:00").query("grid_ids == 'G1'").iloc[0]
    assert (then["body"], then["step"]) == ("housing", "start")


def test_who_sees_one_area_sees_its_rows_alone(ledger):
    """A township's board holds what lies in it or was assigned to it; the sums by organisation are of the same rows."""
    rows = board(ledger, at="2025-03-05 09:00", area="T2")

    assert set(rows["body"]) == {"T2"}
    assert by_body(rows)["n_red"].sum() == rows.query("light == 'red'")["item_id"].nunique()


def test_a_card_stands_beside_its_matter_until_the_step_is_taken(ledger):
    """The card of an overdue alert is named on the board; once somebody has acknowledged it is gone from there and told as settled."""
    watch(ledger, at="2025-03-03 10:30")
    row = board(ledger, at="2025-03-03 10:30").query("grid_ids == 'G1'").iloc[0]
    assert row["card_level"] == "yellow"
    assert ledger.item(row["card_id"]).parent == row["item_id"]

    ledger.act(row["item_id"], "acknowledge", ledger.actor("shift_leader"), at="2025-03-03 10:40")
    watch(ledger, at="2025-03-03 10:50")
    assert row["item_id"] not in set(board(ledger, at="2025-03-03 10:50")["item_id"])
    assert settled_cards(ledger, since="2025-03-03 10:00")["item_id"].tolist() == [row["card_id"]]
    assert len(settled_cards(ledger, since="2025-03-03 10:50")) == 1
    assert settled_cards(ledger, since="2025-03-03 10:50:01").empty
    assert settled_cards(ledger, since="2025-03-04 12:00").empty


def test_the_board_writes_nothing(ledger):
    """Looking at the board takes no step, with nobody."""
    before = len(ledger.trail())
    board(ledger, at="2025-03-20 09:00")

    assert len(ledger.trail()) == before


@pytest.mark.parametrize("state", [s.name for s in workflow().states])
def test_the_next_step_can_be_taken_and_leads_on(state):
    """Whatever is named as the next step is one that its roles may take, and wants no reason."""
    flow = workflow()
    action, roles = next_step(flow, state, kind="alert", level="red")
    for role in roles:
        step = flow.step(action, state, role=role, kind="alert", level="red")
        assert step is not None
        assert not step.reasons


def test_what_is_of_the_whole_city_lies_with_nobody():
    """A gap of no area has no organisation until it is assigned."""
    assert (body_of(""), body_of("C1/T1/G1"), body_of("C1", "X9")) == ("", "T1", "X9")
    assert by_body(pd.DataFrame({c: [] for c in ("item_id", "body", "light", "due_at")})).empty


def test_the_sums_by_hand():
    """Each item once, by its worst clock; whoever has most overdue first, of as many the one longest over; the earliest end of each."""
    rows = [
        ("a", "T1", "red", "10:00"),
        ("b", "T2", "red", "09:00"),
        ("a", "T1", "amber", "08:00"),
        ("c", "T2", "amber", "08:30"),
        ("d", "T3", "red", "07:00"),
        ("e", "T3", "red", "11:00"),
        ("f", "T4", "amber", "06:00"),
    ]
    table = pd.DataFrame(rows, columns=["item_id", "body", "light", "due_at"])

    assert by_body(table)[["body", "n_red", "n_amber", "due_at"]].to_numpy().tolist() == [
        ["T3", 2, 0, "07:00"],
        ["T2", 1, 1, "08:30"],
        ["T1", 1, 0, "10:00"],
        ["T4", 0, 1, "06:00"],
    ]
