"""Rules that raise an alert by themselves: each holds where its records say so, and a day or a case less it does not."""

import pandas as pd
import pytest

from riskwarn.gaps import Evidence
from riskwarn.history import History
from riskwarn.lane import triggered
from riskwarn.plan import RULES, Triggers

ZONE = "Asia/Shanghai"
NIGHT = pd.Timestamp("2025-01-15", tz=ZONE)
"""A fortnight before Spring Festival (29 January 2025)."""


def event(name, *, days_ago, source="police_call", category="P04", grid="G1", **more):
    at = NIGHT - pd.Timedelta(days=days_ago)
    told = {
        "source": source,
        "event_id": name,
        "known_at": at,
        "occurred_at": at,
        "grid_id": grid,
        "category": category,
    }
    return told | more


def case(name, *, days_ago, category="D02", **more):
    return event(name, days_ago=days_ago, source="dispute", category=category, **more)


def found(events, *, workflow=None, night=NIGHT, triggers=None):
    """What the rules find: rule, level and records, by grid."""
    rows = pd.DataFrame([event("old", days_ago=80), *events])
    times = [c for c in ("closed_at", "due_at") if c in rows]
    rows[times] = rows[times].apply(lambda c: pd.to_datetime(c, utc=True))
    grids = pd.DataFrame({"grid_id": ["G1", "G2"], "valid_from": NIGHT - pd.Timedelta(days=800)})
    tables = {"workflow": pd.DataFrame(workflow)} if workflow else None
    history = History.of(rows, grids, until=night + pd.Timedelta(days=1), tables=tables)
    told = triggered(Evidence(history, night), triggers or Triggers())
    return {
        (grid, rule): (level, sorted(rows["event_id"]))
        for (grid, rule, level), rows in told.groupby(["grid_id", "rule", "level"])
    }


def due(days_ago):
    return NIGHT - pd.Timedelta(days=days_ago)


def test_a_weapon_at_an_open_dispute_call():
    """Red while the call is neither closed nor older than four weeks; a weapon elsewhere is another matter."""
    armed = {"tags": "weapon injury"}

    assert found([event("a", days_ago=3, **armed)]) == {("G1", "weapon_call"): ("red", ["a"])}
    assert found([event("a", days_ago=29, **armed)]) == {}
    assert found([event("a", days_ago=3, closed_at=due(1), **armed)]) == {}
    assert found([event("a", days_ago=3, category="P01", **armed)]) == {}
    assert found([event("a", days_ago=3, tags="injury")]) == {}


def test_calls_at_one_place():
    """Three in a fortnight at one place, not three in one grid."""
    calls = [event(n, days_ago=d, place_key="p") for n, d in (("a", 1), ("b", 5), ("c", 13))]

    assert found(calls) == {("G1", "calls_at_one_place"): ("red", ["a", "b", "c"])}
    assert found(calls[:2]) == {}
    assert found([*calls[:2], event("c", days_ago=15, place_key="p")]) == {}
    assert found([*calls[:2], event("c", days_ago=2, place_key="q")]) == {}


def test_a_place_with_an_open_case():
    """Two calls in a fortnight and a case that is open at the same place."""
    calls = [event(n, days_ago=d, place_key="p") for n, d in (("a", 1), ("b", 5))]

    assert found([*calls, case("k", days_ago=60, place_key="p")]) == {
        ("G1", "place_with_open_case"): ("orange", ["a", "b", "k"])
    }
    assert found([*calls, case("k", days_ago=60, place_key="p", closed_at=due(2))]) == {}
    assert found([*calls, case("k", days_ago=60, place_key="q")]) == {}


def test_a_matter_at_the_police_whose_case_is_late():
    """The case and the call are linked by their case or their place."""
    late = case("k", days_ago=60, case_id="m", due_at=due(5))
    call = event("a", days_ago=20, case_id="m")

    assert found([late, call]) == {("G1", "ladder_overdue"): ("red", ["a", "k"])}
    assert found([case("k", days_ago=60, case_id="m", due_at=due(-5)), call]) == {}
    assert found([late, event("a", days_ago=20, case_id="n")]) == {}
    assert found([late, event("a", days_ago=29, case_id="m")]) == {}


def test_wages_before_the_festival():
    """Open, of many people, and within thirty days of it."""
    wages = case("w", days_ago=40, category="D07", tags="many_people")

    assert found([wages]) == {("G1", "wages_before_festival"): ("orange", ["w"])}
    assert found([wages], triggers=Triggers(festival_days=10)) == {}
    assert found([case("w", days_ago=40, category="D07")]) == {}


@pytest.mark.parametrize(("days", "held"), [(8, True), (5, False)])
def test_a_case_of_the_county_is_late(days, held):
    """Five working days past its time; of a case that the township still has it is no trigger."""
    steps = [
        {"case_id": "m", "step": n, "action": "transfer", "at": due(30 - n), "level": level}
        for n, level in enumerate(("L2", "L3"))
    ]
    late = case("k", days_ago=60, case_id="m", due_at=due(days))

    assert (("G1", "county_overdue") in found([late], workflow=steps)) == held
    assert found([late], workflow=steps[:1]) == {}
    assert found([late]) == {}


def test_one_matter_across_a_border_is_one_alert():
    """Three calls at one place, two of them written to the next grid, and its case: all in the grid where most lie, under each rule."""
    calls = [
        event(n, days_ago=d, place_key="p", grid=g) for n, d, g in (("a", 9, "G1"), ("b", 5, "G2"), ("c", 3, "G2"))
    ]
    still_open = case("k", days_ago=30, place_key="p", grid="G1")
    told_closed = case("z", days_ago=60, closed_at=due(50))
    found_rules = found([*calls, still_open, told_closed])

    assert {grid for grid, _ in found_rules} == {"G2"}
    assert found_rules["G2", "calls_at_one_place"] == ("red", ["a", "b", "c"])
    assert found_rules["G2", "place_with_open_case"] == ("orange", ["a", "b", "c", "k"])


def test_two_matters_stay_two():
    """Places that share no record are listed each in its own grid."""
    armed = [event(n, days_ago=3, tags="weapon", grid=g, place_key=n) for n, g in (("a", "G1"), ("b", "G2"))]

    assert found(armed) == {(g, "weapon_call"): ("red", [n]) for n, g in (("a", "G1"), ("b", "G2"))}


def test_only_what_was_known_counts():
    """A record that became known at the night or after it raises nothing."""
    late = event("a", days_ago=3, tags="weapon") | {"known_at": NIGHT}

    assert found([late]) == {}
    assert found([event("b", days_ago=3), late], night=NIGHT + pd.Timedelta(seconds=1)) != {}


def test_rules_can_be_switched_off():
    """A plan that names no rule raises nothing by rule; each rule has a name of its own."""
    armed = [event("a", days_ago=3, tags="weapon")]

    assert found(armed, triggers=Triggers(rules=())) == {}
    assert len(set(RULES)) == len(RULES) == 6
