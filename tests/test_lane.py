"""The list in lanes: identity lasts, an alert comes and goes by rule, no capacity is passed but by rules, and chance is fair."""

import itertools
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskwarn.gaps.calendar import workdays
from riskwarn.history import Stream
from riskwarn.label import Label
from riskwarn.lane import Memory, Night, alert_id, apportioned, bounds_of, drawn, list_night, slots_of
from riskwarn.lane.lasting import candidates
from riskwarn.plan import LANES, Calendar, Capacity, Clocks, Lanes, Mode, Plan, Question, Stay
from riskwarn.schema import conform
from riskwarn.working import Budget, WorkingTime, budget_of

ZONE = "Asia/Shanghai"
FIRST = pd.Timestamp("2025-03-03", tz=ZONE)
CALLS = (Stream("police_call"),)
LABELS = {
    "calls": Label("calls", CALLS, days=28),
    "soon": Label("soon", CALLS, days=7),
    "rise": Label("rise", CALLS, days=28, kind="emergence"),
}
PLAN = Plan(
    questions=(Question("calls"), Question("rise", "rising")),
    lanes=Lanes(0.3, 0, 0, 0.1, 0.1),
    stay=Stay(enter="blue", leave="blue"),
)
DAY = pd.Timedelta(days=1)


def grids(n):
    ids = [f"G{i:03d}" for i in range(n)]
    return pd.DataFrame(
        {
            "grid_id": ids,
            "county_id": [f"C{i % 3}" for i in range(n)],
            "population": [100.0 * (1 + i % 3) for i in range(n)],
        }
    )


def scores(target, expected, at, state="ok"):
    """Scores of one target, grids in order, ranked by `expected`."""
    frame = pd.DataFrame({"grid_id": [f"G{i:03d}" for i in range(len(expected))], "as_of": at, "target": target})
    frame["expected"] = np.asarray(expected, dtype=float)
    frame["probability"] = -np.expm1(-frame["expected"])
    frame["rank"] = (-frame["expected"]).rank(method="first").astype("Int64")
    return frame.assign(state=state, model_version="m")


def no_triggers():
    return pd.DataFrame({name: pd.Series(dtype="str") for name in ("grid_id", "rule", "level", "source", "event_id")})


def triggers(rows):
    return pd.DataFrame(rows, columns=["grid_id", "rule", "level", "source", "event_id"])


def listed(expected, at=FIRST, earlier=None, *, plan=PLAN, capacity=10, found=None, rising=None, shuffle=None):
    """The list of one night after those of the nights before it, by night."""
    told = [scores("calls", expected, at)] + ([scores("rise", rising, at)] if rising is not None else [])
    told = pd.concat(told, ignore_index=True)
    place = grids(len(expected))
    if shuffle is not None:
        told, place = (frame.sample(frac=1, random_state=shuffle) for frame in (told, place))
    labels = {name: LABELS[name] for name in told["target"].unique()}
    memory = Memory.of(earlier or {}, at)
    night = Night(at, place, told, labels, no_triggers() if found is None else found, memory)
    return list_night(night, plan, Mode(capacity=capacity), workdays(at.date(), (at + 400 * DAY).date(), basis="plain"))


def replayed(nights, **options):
    """The alerts of nights running, each knowing those before."""
    found = {}
    for n, expected in enumerate(nights):
        found[FIRST + n * DAY] = listed(expected, FIRST + n * DAY, found, **options).alerts
    return list(found.values())


expectations = st.lists(st.floats(0.01, 50), min_size=12, max_size=40)


# --- identity


def test_the_same_place_is_the_same_alert_tomorrow():
    """Its name, and since when, stay; its reading and trend are of the night."""
    first, second = replayed([[9.0] + [1.0] * 99, [19.0] + [1.0] * 99])
    one, two = (night[night["grid_ids"] == "G000"].iloc[0] for night in (first, second))

    assert one["alert_id"] == two["alert_id"] == alert_id("standing", "G000")
    assert (one["trend"], two["trend"]) == ("new", "worse")
    assert one["since"] == two["since"] == FIRST
    assert two["reading"] == 19.0


@settings(deadline=None, max_examples=8)
@given(st.lists(st.lists(st.floats(0.01, 50), min_size=20, max_size=20), min_size=3, max_size=5))
def test_an_identity_is_of_place_and_lane_alone(nights):
    """On every night an alert's name follows from its lane and lead; an alert that was there the night before keeps its `since`."""
    found = replayed(nights)
    for alerts in found:
        assert alerts["alert_id"].tolist() == [
            alert_id(lane, ids.split()[0]) for lane, ids in zip(alerts["lane"], alerts["grid_ids"], strict=True)
        ]
        assert alerts["alert_id"].is_unique
    for before, after in itertools.pairwise(found):
        both = before.merge(after, on="alert_id")
        assert (both["since_x"] == both["since_y"]).all()
        assert (both["trend_y"] != "new").all()
        fresh = after[~after["alert_id"].isin(before["alert_id"])]
        assert set(fresh["trend"]) <= {"new"}
        assert (fresh["since"] == fresh["as_of"]).all()


@settings(deadline=None, max_examples=20)
@given(expectations, st.integers(0, 5))
def test_the_order_of_grids_is_irrelevant(expected, seed):
    """Rows of scores and grids in another order give the same list."""
    pd.testing.assert_frame_equal(listed(expected).alerts, listed(expected, shuffle=seed).alerts)


@settings(deadline=None, max_examples=8)
@given(st.lists(st.lists(st.floats(0.01, 50), min_size=15, max_size=15), min_size=2, max_size=4))
def test_a_night_made_again_is_equal(nights):
    """Tonight follows from its scores and the nights before, so it can be made again, on its own."""
    found = replayed(nights)
    before = {FIRST + n * DAY: alerts for n, alerts in enumerate(found[:-1])}
    again = listed(nights[-1], FIRST + (len(nights) - 1) * DAY, before).alerts

    pd.testing.assert_frame_equal(again, found[-1])


def test_a_night_without_a_list_makes_nothing_new():
    """A degraded night lists nothing and says nothing of what stood before: afterwards a standing state is as old as it was."""
    rule = triggers([("G001", "ladder_overdue", "red", "dispute", "e1")])
    quiet = [1.0] * 12
    first = listed(quiet, found=rule)
    broken = {FIRST: first.alerts, FIRST + DAY: pd.DataFrame()}
    third = listed(quiet, FIRST + 2 * DAY, broken, found=rule)
    none_held = {FIRST: first.alerts, FIRST + DAY: first.alerts.iloc[:0]}
    again = listed(quiet, FIRST + 2 * DAY, none_held, found=rule)
    of_rule = [listed_.alerts.query("lane == 'triggered'").iloc[0] for listed_ in (first, third, again)]

    assert [row["trend"] for row in of_rule] == ["new", "same", "new"]
    assert third.facts["rules"] == {"ladder_overdue": {"places": 1, "new": 0, "oldest": FIRST.isoformat()}}


# --- coming and going


def lane(levels, reading=1.0):
    return pd.DataFrame(
        {"grid_id": [f"G{i:03d}" for i in range(len(levels))], "reading": reading, "state": "ok", "level": levels}
    )


def one_place(levels, stay, states=None):
    """Whether a place is listed on each night of its levels, and at which level, with no bound on the list."""
    lists, shown = {}, []
    for n, level in enumerate(levels):
        at = FIRST + n * DAY
        memory = Memory.of(lists, at)
        tonight = lane([level]).assign(state=states[n] if states else "ok")
        tonight["reading"] = tonight["reading"].where(tonight["state"] == "ok")
        found = candidates(tonight, memory.of_lane("standing"), stay, at)
        shown.append(found["level"].iloc[0] if len(found) else "")
        lists[at] = found.assign(lane="standing", as_of=at, grid_ids=found["grid_id"])
    return shown


def test_an_alert_enters_high_and_leaves_low():
    """It enters at yellow, and leaves only after three nights running below blue."""
    stay = Stay(enter="yellow", leave="blue", nights=3, dwell=1)

    assert one_place(["blue", "yellow", "", "", "", ""], stay) == ["", "yellow", "yellow", "yellow", "", ""]
    assert one_place(["yellow", "", "", "blue", "", "", ""], stay) == ["yellow"] * 3 + ["blue"] * 3 + [""]


def test_a_level_rises_at_once_and_falls_after_three_nights():
    """What got worse is told tonight; what got better must last."""
    assert one_place(["blue", "red", "blue", "blue", "blue"], Stay(enter="blue", dwell=1)) == [
        "blue",
        "red",
        "red",
        "red",
        "blue",
    ]


@settings(deadline=None, max_examples=30)
@given(st.lists(st.sampled_from(["red", "orange", "yellow", "blue", ""]), min_size=4, max_size=10), st.integers(1, 3))
def test_hysteresis_holds(levels, nights):
    """A listed place leaves on a night only if it was below the level of leaving on that night and the `nights` - 1 before, and stayed its dwell."""
    stay = Stay(enter="yellow", leave="blue", nights=nights, dwell=2, cool_down=0)
    shown = one_place(levels, stay)
    for n in range(1, len(levels)):
        if shown[n - 1] and not shown[n]:
            assert set(levels[max(n - nights + 1, 0) : n + 1]) == {""}
        if shown[n] and not shown[n - 1]:
            assert levels[n] in {"red", "orange", "yellow"}
    runs = "".join("x" if level else " " for level in shown[:-1]).split()
    inner = runs if not shown[-1] else runs[:-1]
    assert all(len(run) >= stay.dwell for run in inner)


def test_what_left_comes_back_only_graver():
    """During the cool-down a place that fell enters again at a graver level, and not at the same."""
    stay = Stay(enter="yellow", leave="blue", nights=1, dwell=1, cool_down=5)

    assert one_place(["yellow", "", "yellow", "yellow"], stay) == ["yellow", "", "", ""]
    assert one_place(["yellow", "", "orange"], stay) == ["yellow", "", "orange"]
    assert one_place(["yellow", *[""] * 6, "yellow"], stay)[-1] == "yellow"


def test_what_cannot_be_told_is_not_calm():
    """A place without a score keeps its level for three nights, then falls like any other: its row in the scores says why."""
    shown = one_place(["red"] + [""] * 6, Stay(dwell=1), ["ok"] + ["insufficient_data"] * 6)

    assert shown == ["red"] * 6 + [""]


def test_a_question_that_no_longer_arises_ends_its_alert():
    """The first event came: there is nothing left to warn of."""
    assert one_place(["red", "", "", ""], Stay(dwell=1), ["ok", *["not_asked"] * 3]) == ["red", "red", "red", ""]


# --- places


@settings(deadline=None, max_examples=40)
@given(expectations, st.integers(1, 12), st.integers(0, 6))
def test_only_rules_pass_the_capacity(expected, capacity, n_ruled):
    """The list holds at most `capacity` grids, and beyond them only what rules raised; by how many is told. Nothing a rule raised is cut."""
    ruled = [(f"G{i:03d}", "weapon_call", "red", "police_call", f"e{i}") for i in range(n_ruled)]
    night = listed(expected, capacity=capacity, found=triggers(ruled), rising=expected[::-1])
    named = {grid for ids in night.alerts["grid_ids"] for grid in ids.split()}
    over = night.facts["extended_by"]

    assert len(named) == night.facts["grids"] <= capacity + over
    assert over == max(n_ruled - slots_of(capacity, PLAN.lanes)["triggered"], 0)
    assert set(night.alerts.loc[night.alerts["lane"] == "triggered", "grid_ids"]) == {grid for grid, *_ in ruled}
    assert len(conform("alerts", night.alerts)) == len(night.alerts)


@settings(deadline=None, max_examples=30)
@given(expectations, st.integers(3, 12), st.integers(1, 3))
def test_no_county_has_more_than_its_quota(expected, capacity, most):
    """By population and by a bound, whatever the scores say; drawn grids are outside of quotas."""
    plan = Plan(PLAN.questions, Capacity(county=most, by_population=True), PLAN.lanes, PLAN.stay)
    night = listed(expected, capacity=capacity, plan=plan)
    bounds = bounds_of(plan.capacity, grids(len(expected)), capacity)["county_id"]
    chosen = night.alerts[night.alerts["lane"] != "explore"]
    county = grids(len(expected)).set_index("grid_id")["county_id"]
    counts = pd.Series(" ".join(chosen["grid_ids"]).split(), dtype="str").drop_duplicates().map(county).value_counts()

    assert all(n <= bounds[c] for c, n in counts.items())
    assert max(bounds.values()) <= most


def test_quotas_follow_the_population():
    """Ten places for counties of 700, 200 and 100 residents are seven, two and one, however many grids each has."""
    place = pd.DataFrame({"grid_id": list("abcdef"), "county_id": ["A", "A", "B", "B", "B", "C"]})
    place["population"] = [400, 300, 100, 50, 50, 100]
    bounds = bounds_of(Capacity(by_population=True, floor=0), place, 10)

    assert bounds == {"county_id": {"A": 7, "B": 2, "C": 1}}


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 60), st.lists(st.floats(0, 1e6), min_size=1, max_size=12), st.integers(0, 2))
def test_quotas_add_up(total, weights, floor):
    """Every place is given, and each has its floor where there is enough for all."""
    shares = apportioned(total, np.array(weights), floor=floor)

    assert shares.sum() == total
    assert shares.min() >= min(floor, total // len(weights))


def test_the_last_place_goes_to_the_riskier():
    """Within a lane the larger reading has the place, and a graver newcomer that of a listed place."""
    quiet = listed([5.0, 4.9] + [1.0] * 98, capacity=1)
    loud = listed([5.0, 90.0] + [1.0] * 98, FIRST + DAY, {FIRST: quiet.alerts}, capacity=1)

    assert quiet.alerts["grid_ids"].tolist() == ["G000"]
    assert loud.alerts["grid_ids"].tolist() == ["G001"]
    assert loud.facts["crowded_out"] == 1


def test_a_place_in_two_lanes_takes_one_place():
    """It is two alerts and one visit."""
    night = listed(
        [9.0] + [1.0] * 99,
        capacity=2,
        rising=[0.9] + [0.1] * 99,
        plan=Plan(PLAN.questions, lanes=Lanes(0.5, 0, 0, 0, 0), stay=PLAN.stay),
    )
    lanes = night.alerts.loc[night.alerts["grid_ids"] == "G000", "lane"]

    assert sorted(lanes) == ["rising", "standing"]
    assert night.facts["grids"] == 2


# --- what the list says


def test_parts_are_shown_and_add_up():
    """The reading of standing need is the weighed sum of its questions, told by target."""
    plan = Plan((Question("calls", weight=2), Question("soon", weight=3)), stay=PLAN.stay, lanes=Lanes(0, 0, 0, 0, 0))
    told = pd.concat([scores("calls", [4.0, 1.0], FIRST), scores("soon", [2.0, 1.0], FIRST)])
    labels = {name: LABELS[name] for name in ("calls", "soon")}
    night = Night(FIRST, grids(2), told, labels, no_triggers(), Memory.of({}, FIRST))
    lead = list_night(night, plan, Mode(capacity=1)).alerts.iloc[0]

    assert json.loads(lead["parts"]) == {"calls": 8.0, "soon": 24.0}
    assert (lead["reading"], lead["target"]) == (32.0, "soon")
    near = list_night(night, plan, Mode(capacity=1, horizon_days=7)).alerts.iloc[0]
    assert json.loads(near["parts"]) == {"soon": 6.0}


def test_a_lane_whose_question_failed_keeps_its_alerts():
    """A missing model is no calm: what it listed stays for three nights, without a reading."""
    first = listed([1.0] * 30, rising=[0.9] + [0.1] * 29).alerts
    second = listed([1.0] * 30, FIRST + DAY, {FIRST: first}).alerts
    kept = second[second["lane"] == "rising"]

    assert kept["grid_ids"].tolist() == first.loc[first["lane"] == "rising", "grid_ids"].tolist()
    assert kept["reading"].isna().all()


def test_clocks_run_while_the_centre_works():
    """Friday at half past five and two hours to go is Monday at half past nine; round the clock it is half past seven."""
    march = workdays(pd.Timestamp("2025-03-01").date(), pd.Timestamp("2025-04-30").date(), basis="plain")
    friday = pd.Timestamp("2025-03-07 17:30", tz=ZONE)

    wall = WorkingTime(march, Calendar(), ZONE)
    by_day, at_all_hours = (
        budget_of(Clocks(), "red", "acknowledge_hours", Mode(round_the_clock=r)) for r in (False, True)
    )

    assert wall.due(friday, by_day) == pd.Timestamp("2025-03-10 09:30", tz=ZONE)
    assert wall.due(friday, at_all_hours) == pd.Timestamp("2025-03-07 19:30", tz=ZONE)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 60), st.floats(0.1, 80), st.floats(0.1, 80))
def test_a_longer_clock_ends_no_earlier(day, hours, more):
    """And ends while the centre works."""
    calendar = workdays(FIRST.date(), (FIRST + 400 * DAY).date(), basis="plain")
    at = FIRST + day * DAY
    wall = WorkingTime(calendar, Calendar(), ZONE)
    first, second = (wall.due(at, Budget(h, "wh")) for h in (hours, hours + more))

    assert at < first <= second
    assert 8 <= first.hour + first.minute / 60 <= 18
    assert first.day_of_week < 5


# --- chance


def test_exploration_is_fair_and_logged():
    """Over many nights each unlisted grid is drawn as often as its propensity says (chi-square at 1 in 10,000)."""
    pool, nights = [f"G{i:02d}" for i in range(20)], 2000
    drawings = [drawn(pool, 3, FIRST + n * DAY) for n in range(nights)]
    counts = pd.Series([grid for found, _ in drawings for grid in found]).value_counts().reindex(pool, fill_value=0)
    propensity = drawings[0][1]
    spread = ((counts - nights * propensity) ** 2 / (nights * propensity * (1 - propensity))).sum() * (19 / 20)

    assert propensity == 3 / 20
    assert {p for _, p in drawings} == {propensity}
    assert spread < 50.8


def test_an_explored_grid_carries_its_propensity():
    """And is never one that is listed anyway."""
    night = listed(list(range(1, 41)), capacity=20)
    own = night.alerts[night.alerts["lane"] == "explore"]
    others = " ".join(night.alerts.loc[night.alerts["lane"] != "explore", "grid_ids"]).split()

    assert len(own) == slots_of(20, PLAN.lanes)["explore"] == 2
    assert own["propensity"].tolist() == [2 / (40 - len(others))] * 2
    assert set(own["grid_ids"]).isdisjoint(others)


@pytest.mark.parametrize("capacity", [1, 7, 40, 160])
def test_slots_add_up(capacity):
    """Every place of the capacity is some lane's."""
    slots = slots_of(capacity, Lanes())

    assert sum(slots.values()) == capacity
    assert tuple(slots) == LANES
