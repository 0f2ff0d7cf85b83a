"""Clocks on working calendars, and the cards that lateness raises."""

import datetime as dt
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_rows import a_city, alert, an_item, day, publish

from riskwarn import plan
from riskwarn.gaps.calendar import workdays
from riskwarn.ledger import Ledger, clocks, enter, watch, workflow
from riskwarn.ledger.clocks import Running, _begun
from riskwarn.mode import switch
from riskwarn.plan import Calendar, Plan
from riskwarn.working import Budget, WorkingTime, budget_of, declared_plan, plan_in_force

ZONE = "Asia/Shanghai"
WALL = WorkingTime(workdays(dt.date(2024, 1, 1), dt.date(2026, 12, 31)), Calendar(), ZONE)


def at(text):
    return pd.Timestamp(text, tz=ZONE)


@pytest.fixture
def ledger(tmp_path):
    """A red alert of G1 and a yellow one of G4, published on a Monday at half past seven."""
    store = a_city(tmp_path)
    publish(store, 0, alerts=[alert("G1"), alert("G4", "yellow")])
    with Ledger(store) as made:
        enter(made, at="2025-03-03 07:30")
        yield made


def read(ledger, now):
    """State, share and end of each clock, by grid and name."""
    lead = ledger.items().set_index("item_id")["grid_ids"]
    rows = clocks(ledger, at=now)
    return {
        (lead[r.item_id], r.clock): (r.state, round(r.used, 2), f"{r.due_at:%m-%d %H:%M}") for r in rows.itertuples()
    }


@pytest.mark.parametrize(
    ("start", "budget", "due"),
    [
        ("2025-03-03 07:30", "2 wh", "2025-03-03 10:00"),
        ("2025-03-03 17:00", "2 wh", "2025-03-04 09:00"),
        ("2025-03-07 17:00", "2 wh", "2025-03-10 09:00"),
        ("2025-03-03 08:00", "10 wh", "2025-03-03 18:00"),
        ("2025-03-08 12:00", "24 wh", "2025-03-12 12:00"),
        ("2025-03-03 10:00", "3 wd", "2025-03-07 00:00"),
        ("2025-03-07 10:00", "1 wd", "2025-03-11 00:00"),
        ("2025-01-24 10:00", "3 wd", "2025-02-06 00:00"),
        ("2025-03-07 22:00", "24 h", "2025-03-08 22:00"),
        ("2025-03-07 22:00", "2 d", "2025-03-09 22:00"),
    ],
)
def test_when_a_budget_is_used_up(start, budget, due):
    """Working hours from eight to six, nights, week-ends and Spring Festival left out and its make-up Sunday counted; whole working days after the first."""
    amount, unit = budget.split(" ")
    assert WALL.due(at(start), Budget(float(amount), unit)) == at(due)


MOMENTS = st.integers(0, 60 * 24 * 400).map(lambda n: at("2025-01-01") + pd.Timedelta(minutes=n))
BUDGETS = st.builds(Budget, st.integers(1, 60).map(lambda n: n / 2), st.sampled_from(["wh", "wd", "h", "d"]))


@given(MOMENTS, BUDGETS)
def test_at_the_end_of_a_budget_all_of_it_is_spent(start, budget):
    """What lies between the beginning and the end is the budget, and a minute before it is less."""
    due = WALL.due(start, budget)

    assert WALL.spent(start, due, budget.unit) == pytest.approx(budget.amount)
    assert WALL.spent(start, due - pd.Timedelta(minutes=1), budget.unit) < budget.amount


@given(MOMENTS, MOMENTS, MOMENTS)
def test_working_hours_add_up(a, b, c):
    """From a to c is from a to b and from b to c; time never runs backwards."""
    a, b, c = sorted([a, b, c])

    assert WALL.spent(a, c, "wh") == pytest.approx(WALL.spent(a, b, "wh") + WALL.spent(b, c, "wh"))
    assert WALL.spent(c, a, "wh") == 0


@given(MOMENTS, MOMENTS)
def test_working_hours_are_those_one_can_count(a, b):
    """The same as counting every quarter of an hour."""
    a, b = sorted([a, b])
    b = min(b, a + pd.Timedelta(days=20))
    minutes = pd.date_range(a, b, freq="5min", inclusive="left")
    day = (minutes.tz_localize(None).to_numpy().astype("datetime64[D]") - WALL.days.first).astype(int)
    open_ = (minutes.hour >= 8) & (minutes.hour < 18) & WALL.days.working[day]

    assert WALL.spent(a, b, "wh") == pytest.approx(np.sum(open_) / 12, abs=0.17)


def test_a_clock_turns_amber_at_four_fifths_and_red_past_its_end(ledger):
    """Of two working hours from eight: green at 9:30, amber at 9:36, red after ten."""
    assert read(ledger, "2025-03-03 09:30")["G1", "acknowledge"] == ("green", 0.75, "03-03 10:00")
    assert read(ledger, "2025-03-03 09:36")["G1", "acknowledge"] == ("amber", 0.8, "03-03 10:00")
    assert read(ledger, "2025-03-03 10:00")["G1", "acknowledge"][0] == "amber"
    assert read(ledger, "2025-03-03 10:30")["G1", "acknowledge"] == ("red", 1.25, "03-03 10:00")


@pytest.mark.parametrize(
    ("used", "state"), [(0.79, "green"), (0.8, "amber"), (1.0, "amber"), (1.01, "red"), (9.0, "red")]
)
def test_four_fifths_are_amber_and_the_whole_is_not_overdue(used, state):
    """From four fifths of the budget on a clock is amber, the last instant of it too; past it red."""
    assert Running(an_item(1), "acknowledge", "normal", day(0), day(1), used).state == state


def step(hour, action, before):
    return SimpleNamespace(at=day(0) + pd.Timedelta(hours=hour), action=action, from_state=before)


@pytest.mark.parametrize(
    ("trail", "begun"),
    [
        ([], None),
        ([step(1, "update", "published")], None),
        ([step(1, "publish", "draft")], 1),
        ([step(1, "publish", "draft"), step(2, "escalate", "published")], 2),
        ([step(1, "publish", "draft"), step(2, "acknowledge", "published")], None),
        ([step(1, "publish", "draft"), step(2, "acknowledge", "published"), step(3, "reopen", "closed")], 3),
        ([step(1, "publish", "draft"), step(2, "suppress", "published"), step(3, "publish", "suppressed")], 1),
        (
            [
                step(1, "publish", "draft"),
                step(2, "acknowledge", "published"),
                step(3, "suppress", "acknowledged"),
                step(4, "publish", "suppressed"),
            ],
            4,
        ),
    ],
)
def test_when_a_clock_began(trail, begun):
    """With the last of its first steps that none of its last ones followed; out of a hold it goes on, and begins only where none ran before."""
    flow = workflow()
    clock = next(c for c in flow.clocks if c.name == "acknowledge")

    assert _begun(clock, trail, flow) == (None if begun is None else day(0) + pd.Timedelta(hours=begun))


def test_one_clock_ends_and_the_next_begin(ledger):
    """Acknowledged, the first visit and the result are due; started, the result alone; reported, the verification."""
    item = ledger.items(level="red")["item_id"].iloc[0]
    leader, grid_head = ledger.actor("shift_leader"), ledger.actor("grid_head", area="T1")
    names = []
    for action, actor, said in (
        ("acknowledge", leader, {}),
        ("assign", leader, {"area": "T1"}),
        ("start", grid_head, {}),
        ("feedback", grid_head, {"outcome": "O1"}),
        ("reject", leader, {"reason": "not_visited"}),
    ):
        ledger.act(item, action, actor, at="2025-03-03 09:00", **said)
        names.append(sorted(clock for grid, clock in read(ledger, "2025-03-03 09:00") if grid == "G1"))

    assert names == [["feedback", "start"], ["feedback", "start"], ["feedback"], ["verify"], ["feedback"]]


def test_passing_back_stops_no_clock(ledger):
    """Who returns an item gains no time: the first visit is due when it was."""
    item = ledger.items(level="red")["item_id"].iloc[0]
    leader = ledger.actor("shift_leader")
    ledger.act(item, "acknowledge", leader, at="2025-03-03 09:00")
    before = read(ledger, "2025-03-04 08:00")
    ledger.act(item, "assign", leader, area="T1", at="2025-03-03 10:00")
    ledger.act(item, "return", ledger.actor("grid_head", area="T1"), reason="not_our_duty", at="2025-03-03 11:00")

    assert read(ledger, "2025-03-04 08:00") == before


def test_a_clock_stands_still_while_a_feed_does(ledger):
    """On hold from Tuesday to Wednesday morning, a yellow alert has what those hours were more; it does not begin anew."""
    publish(ledger.store, 1, unscored=["G4"])
    enter(ledger, at="2025-03-04 08:00")
    held = read(ledger, "2025-03-04 18:00")["G4", "acknowledge"]
    publish(ledger.store, 2)
    enter(ledger, at="2025-03-05 08:00")

    assert held[:2] == ("green", round(10 / 24, 2))
    assert read(ledger, "2025-03-05 12:00")["G4", "acknowledge"] == ("green", round(14 / 24, 2), "03-06 12:00")


def test_the_mode_in_which_a_clock_began_holds(ledger):
    """In war-time a quarter of the budget, round the clock; what began before the switch keeps its time."""
    switch(ledger.store, "war", by="shift_leader", why="flood warning", at="2025-03-03 08:00")
    publish(ledger.store, 1, alerts=[alert("G2")])
    enter(ledger, at="2025-03-04 01:00")

    found = read(ledger, "2025-03-04 01:15")
    assert found["G2", "acknowledge"] == ("green", 0.5, "03-04 01:30")
    assert found["G1", "acknowledge"][2] == "03-03 10:00"


def test_lateness_raises_one_card_and_acts_on_nobody(ledger):
    """Past its time a yellow card, at twice its time a red one, told once each; the item itself is as it was."""
    before = ledger.items(kind="alert")
    for now in ("2025-03-03 10:30", "2025-03-03 10:40", "2025-03-03 12:30", "2025-03-03 12:40"):
        watch(ledger, at=now)
    cards = ledger.items(kind="supervision")

    assert ledger.items(kind="alert").equals(before)
    assert cards[["level", "state", "topic", "version", "path"]].to_numpy().tolist() == [
        ["red", "published", "acknowledge", 2, "C1/T1/G1"]
    ]
    assert ledger.outbox()["topic"].tolist() == ["night", "overdue", "overdue"]
    assert ledger.verify().sound


def test_a_card_is_raised_past_the_end_and_graver_at_twice_the_time(ledger):
    """Of two working hours from eight: none at ten, a yellow one just after, a red one at noon and none before; its message names item, clock and level."""
    raised = {}
    for now in ("10:00", "10:01", "11:59", "12:00"):
        watch(ledger, at=f"2025-03-03 {now}")
        raised[now] = ledger.items(kind="supervision")["level"].tolist()
    red, card = ledger.items(level="red", kind="alert").iloc[0], ledger.items(kind="supervision").iloc[0]

    assert raised == {"10:00": [], "10:01": ["yellow"], "11:59": ["yellow"], "12:00": ["red"]}
    assert ledger.outbox()["body"].tolist()[1:] == [
        {"card": card["item_id"], "item": red["item_id"], "clock": "acknowledge", "level": level, "path": "C1/T1/G1"}
        for level in ("yellow", "red")
    ]


def test_a_step_told_late_counts_from_the_instant_the_clock_began(ledger):
    """Written down for the very instant of the publication, the step is the evidence of the card; what came before the clock is none."""
    watch(ledger, at="2025-03-03 10:30")
    red = ledger.items(level="red", kind="alert")["item_id"].iloc[0]
    ledger.act(red, "acknowledge", ledger.actor("shift_leader"), at="2025-03-03 07:30")
    watch(ledger, at="2025-03-03 11:00")
    card = ledger.items(kind="supervision").iloc[0]

    assert card["state"] == "verified"
    assert card["first_night"] == at("2025-03-03 07:30")


def test_clocks_are_told_as_they_stood_just_before(ledger):
    """Acknowledged at nine, the clock of the acknowledgement ran just before nine and not just after; of items asked by name no other is told."""
    red = ledger.items(level="red")["item_id"].iloc[0]
    ledger.act(red, "acknowledge", ledger.actor("shift_leader"), at="2025-03-03 09:00")
    told = [
        clocks(ledger, at=now, item_ids=[red], as_stood=True)["clock"].tolist()
        for now in ("2025-03-03 07:30", "2025-03-03 09:00", "2025-03-03 09:01")
    ]

    assert [sorted(names) for names in told] == [[], ["acknowledge"], ["feedback", "start"]]


def test_the_most_used_clock_comes_first(ledger):
    """The red alert with two hours before the yellow one with a day, each with its share."""
    rows = clocks(ledger, at="2025-03-03 10:00")

    assert rows["level"].tolist() == ["red", "yellow"]
    assert rows["used"].tolist() == [1.0, pytest.approx(2 / 24)]


def test_a_card_is_verified_by_the_step_it_asked_for(ledger):
    """Acknowledged late, the card has that step as its evidence; a supervisor closes it. No clock watches a card."""
    watch(ledger, at="2025-03-03 10:30")
    card = ledger.items(kind="supervision")["item_id"].iloc[0]
    ledger.act(
        ledger.items(level="red")["item_id"].iloc[0], "acknowledge", ledger.actor("shift_leader"), at="2025-03-03 10:45"
    )
    watch(ledger, at="2025-03-03 11:00")

    assert ledger.item(card).state == "verified"
    assert ledger.trail(card)["detail"].iloc[-1]["evidence"]["transitions"] == {
        "n": 1,
        "rows": ["4 acknowledge shift_leader"],
    }
    assert ledger.act(card, "close", ledger.actor("supervisor"), at="2025-03-03 11:30").state == "closed"
    assert set(clocks(ledger, at="2025-04-30")["kind"]) == {"alert"}


def test_a_calendar_of_the_city_holds(ledger):
    """A Monday that the city declares free does not count."""
    (ledger.store.path / "calendar.csv").write_text("date,workday\n2025-03-03,0\n", "utf-8")

    assert read(ledger, day(0) + pd.Timedelta(hours=12))["G1", "acknowledge"] == ("green", 0.0, "03-04 10:00")


def test_the_ledger_counts_by_the_plan_of_the_night(tmp_path):
    """What the plan says of hours, days and calendar holds for the alert's own due time and for the ledger's clock alike; 0 is no clock."""
    red = plan.Clock(5, 24, 3, 0)
    planned = Plan(
        (plan.Question("dispute_28d"),),
        clocks=plan.Clocks(red=red),
        calendar=Calendar("plain", dt.time(9), dt.time(12)),
    )
    store = a_city(tmp_path)
    publish(store, 0, alerts=[alert("G1")], facts={"plan": planned.to_dict()})
    wall = WorkingTime(workdays(dt.date(2025, 1, 1), dt.date(2025, 12, 31), basis="plain"), planned.calendar, ZONE)
    due = wall.due(at("2025-03-03"), budget_of(planned.clocks, "red", "acknowledge_hours", planned.modes.normal))
    with Ledger(store) as made:
        enter(made, at="2025-03-03 07:30")
        assert read(made, "2025-03-03 07:45") == {("G1", "acknowledge"): ("green", 0.0, f"{due:%m-%d %H:%M}")}
        item = made.items()["item_id"].iloc[0]
        leader, grid_head = made.actor("shift_leader"), made.actor("grid_head", area="T1")
        made.act(item, "acknowledge", leader, at="2025-03-03 10:00")
        made.act(item, "assign", leader, area="T1", at="2025-03-03 10:05")
        made.act(item, "feedback", grid_head, outcome="O3", at="2025-03-03 11:00")
        assert "verify" not in {clock for _, clock in read(made, "2025-03-03 11:30")}
    assert f"{due:%m-%d %H:%M}" == "03-04 11:00"


def test_a_plan_that_was_changed_is_declared_and_not_yet_in_force(tmp_path):
    """What a promotion is held to is the file of the store, or the plan of the newest night, to which the ledger keeps."""
    store, starter = a_city(tmp_path), Plan.load(plan.STARTER)
    without = (plan_in_force(store), declared_plan(store))
    nights = replace(starter, lanes=replace(starter.lanes, explore=0.0))
    publish(store, 0, alerts=[alert("G1")], facts={"plan": nights.to_dict()})
    without_file = (plan_in_force(store), declared_plan(store))
    changed = plan.STARTER.read_text("utf-8").replace("capacity = 40", "capacity = 7")
    (store.path / "plan.toml").write_text(changed, "utf-8")

    assert without == (starter, starter)
    assert without_file == (nights, nights)
    assert nights != starter
    assert plan_in_force(store) == nights
    assert declared_plan(store).modes.normal.capacity == 7
