"""At the bound: which records a finder reads, and from which number on it speaks; one below, the number itself, one above."""

import numpy as np
import pandas as pd
import pytest
from towns import gaps as w

from riskwarn.gaps import escalation, feed, handoff, quality, repeat, response, seam, silence, surge
from riskwarn.gaps.evidence import Evidence
from riskwarn.gaps.reporting import delay_curve
from riskwarn.history import DAY_US, NEVER, History

ALWAYS = w.event("always", "hotline", 1, grid="G3", category="D99")


def seen(events, *, n_grids=4, counties=1, **tables):
    """What is known at the night of a small city."""
    others = {name: w.frame(rows) for name, rows in tables.items()}
    city = w.grids(n_grids, counties=counties)
    return Evidence(History.of(w.frame(events), city, timezone=w.ZONE, until=w.NIGHT, tables=others), w.NIGHT)


def intake_of(arrivals, *, days=100):
    """A feed of one organisation, with the deliveries of so many days ago, the oldest first."""
    at = np.array([w.days_before(d).value // 1000 for d in arrivals], dtype=np.int64)
    return feed.Intake("hotline", np.array(["C1"], dtype=object), np.ones((1, days)), {"C1": at})


@pytest.mark.parametrize(("deliveries", "told"), [(9, False), (10, True), (11, True)])
def test_a_habit_wants_nine_pauses(deliveries, told):
    """Of ten deliveries, which is nine pauses, a feed's usual pause can be told; of nine it cannot."""
    faults = feed.standing(seen([ALWAYS]), intake_of(range(4 + deliveries, 4, -1)))

    assert bool(faults) == told


@pytest.mark.parametrize(("minutes", "told"), [(-1, False), (1, True)])
def test_an_hour_is_allowed_beyond_the_usual_pause(minutes, told):
    """Of a feed that comes every day at the same time the next delivery is overdue after 25 hours."""
    late = (25 * 60 + minutes) / 1440

    assert bool(feed.standing(seen([ALWAYS]), intake_of(np.arange(20, -1, -1) + late))) == told


@pytest.mark.parametrize(("n", "told"), [(19, True), (20, False), (21, False)])
def test_a_county_is_judged_by_itself_from_twenty_cases_on(n, told):
    """A county without a closing among fewer than twenty cases is judged with the others, who tell theirs; among twenty it is told to lack them."""
    past = {"due_at": w.days_before(5)}
    events = [w.event(f"a{i}", "dispute", 40, closed_at=w.days_before(9), **past) for i in range(20)]
    events += [w.event(f"b{i}", "dispute", 40, grid="G3", **past) for i in range(n)]
    lines = response.closings(seen(events, counties=2)).set_index("county")

    assert lines["cases"].to_dict() == {"C1": 20, "C2": n}
    assert lines["told"].to_dict() == {"C1": True, "C2": told}


def test_a_case_is_old_enough_when_its_limit_has_passed():
    """Due a minute before the night, it counts; due at the night, or lying in no grid, it does not; a closed one counts whenever it is due."""
    events = [w.event("past", "petition", 9, due_at=w.days_before(0, hours=1 / 60))]
    events += [w.event("at the night", "petition", 9, due_at=w.NIGHT)]
    events += [w.event("nowhere", "petition", 9, due_at=w.days_before(3), grid="")]
    events += [w.event("closed", "petition", 9, due_at=w.days_before(-9), closed_at=w.days_before(2))]
    lines = response.closings(seen(events))

    assert lines[["source", "cases", "closed"]].to_numpy().tolist() == [["petition", 2, 1]]


def returned(*, calls, named, category="P04", source="police_call"):
    """Whether a record at the place of a closed case is taken for its return, where `named` of so many calls name a case."""
    closed = {"place_key": "p", "case_id": "K", "closed_at": w.days_before(20), "known_at": w.days_before(20)}
    events = [
        w.event(f"c{i}", "police_call", 40 + i, category="P04", case_id=f"A{i}" if i < named else None)
        for i in range(calls - (source == "police_call"))
    ]
    events.append(w.event("case", "dispute", 30, **closed))
    events.append(w.event("again", source, 10, category=category, place_key="p"))
    return repeat.recurrences(seen(events))["again"].tolist() != [NEVER]


@pytest.mark.parametrize(("calls", "named", "counts"), [(11, 1, True), (10, 1, False), (9, 1, False), (10, 0, True)])
def test_a_call_of_a_police_category_counts_where_calls_name_no_cases(calls, named, counts):
    """Where one call in ten names its case or more do, a call of another category at the place is no return; where fewer do it is one."""
    assert returned(calls=calls, named=named) == counts


def test_records_of_the_same_category_count_always_and_of_another_never():
    """Where calls name their cases a call of the case's own category still returns; a request of another category never does."""
    assert returned(calls=10, named=5, category="D02")
    assert returned(calls=10, named=0, category="D02")
    assert not returned(calls=10, named=0, category="D07", source="hotline")
    assert not returned(calls=0, named=0, category="D07", source="hotline")
    assert returned(calls=0, named=0, category="P04", source="hotline")


def test_the_weekly_table_reads_one_feed_in_the_grids_within_its_weeks():
    """The last seven days, to the second, stand in the last column, what is 68 weeks old in the first; older records, other feeds and records without a grid stand in none."""
    ago = {"newest": 1 / 1440, "a week": 7, "eighth day": 7 + 1 / 1440, "oldest": 68 * 7, "too old": 68 * 7 + 1 / 1440}
    events = [w.event(name, "hotline", days, known_at=w.days_before(days, hours=-0.01)) for name, days in ago.items()]
    events += [w.event("nowhere", "hotline", 3, grid=""), w.event("call", "police_call", 3, grid="G0")]
    weekly = surge.weekly_counts(seen(events), "hotline")

    assert weekly.shape == (4, 68)
    assert {(int(g), int(week)): int(weekly[g, week]) for g, week in np.argwhere(weekly)} == {
        (0, 67): 2,
        (0, 66): 1,
        (0, 0): 1,
    }


def test_matters_are_of_residents_and_ledger_within_a_year():
    """Records of the four feeds in a grid, 365 days old at most; those of one case are one matter, those that name none are each their own."""
    read = [w.event(f"{s}", s, 365, place_key="p") for s in ("dispute", "hotline", "petition", "police_call")]
    joined = [w.event("h", "hotline", 9, case_id="K"), w.event("d", "dispute", 7, case_id="K")]
    left = [w.event("report", "grid_report", 9), w.event("old", "hotline", 365 + 1 / 1440)]
    left.append(w.event("nowhere", "hotline", 9, grid=""))
    evidence = seen(read + joined + left)
    table = quality.matters(evidence)
    days = ((evidence.at - table[["citizen_at", "ledger_at", "found_at"]]) / DAY_US).fillna(-1)

    assert days[table["linked"]].to_numpy().tolist() == [[9, 7, 7]]
    assert sorted(days[~table["linked"]].to_numpy().tolist()) == [[-1, 365, 365], *[[365, -1, -1]] * 3]


def test_found_by_workers_is_what_the_ledger_has_of_its_own():
    """Only a ledger entry that a worker wrote of their own accord was found; a resident's, and a resident's request marked so, was not."""
    events = [w.event(f"{s} {o}", s, 9, origin=o) for s in ("dispute", "hotline") for o in ("citizen", "proactive")]

    assert quality.matters(seen(events))["found_at"].notna().sum() == 1


@pytest.mark.parametrize(("every", "dead"), [(1, 400), (7, 300), (30, 120), (1, 1200)])
def test_a_dead_feed_is_told_as_long_as_it_is_dead(every, dead):
    """Its habit is that of the year before its last delivery; the silence takes nothing from the usual pause, nor from the records that lack."""
    days = min(dead + 12 * every, 1096)
    intake = intake_of(range(dead + 11 * every, dead - 1, -every), days=days)
    intake.rows[0, max(days - dead + 1, 0) :] = 0
    (fault,) = feed.standing(seen([ALWAYS]), intake)

    assert (fault["fault"], fault["silent_days"], fault["usual_pause_days"]) == ("stopped", dead, every)
    assert fault["records_a_day"] == (1 if dead < days else 0)


def test_usual_records_are_of_the_middle_week_from_half_a_year_on():
    """Of 182 days before the last delivery the middle week counts, of one day fewer the mean."""
    rows = np.ones(182)
    rows[-1] = 183

    assert feed._usual_rows(rows) == 1
    assert feed._usual_rows(rows[1:]) == pytest.approx((180 + 183) / 181)
    assert feed._usual_rows(np.r_[np.full(99, 50.0), rows]) == 1


def test_the_city_has_stopped_where_all_its_bodies_have():
    """Told of two and more, of all of them, and where the whole is no row of its own: with the shortest silence, and what all of them lack."""

    def stop(org, days):
        return {"org": org, "silent_days": days, "records_a_day": 2.5, "expected": 2.5 * days, "last_at": days}

    def whole(orgs, stops):
        return feed._everywhere(feed.Intake("s", np.array(orgs, dtype=object), np.ones((len(orgs), 9)), None), stops)

    both = [stop("A", 4), stop("B", 3)]
    assert whole(["A", "B"], both) == [
        {"scope": "feed:s", "org": "*", "silent_days": 3, "last_at": 3, "records_a_day": 5.0, "expected": 17.5}
    ]
    assert whole(["A", "B", "C"], both) == whole(["A"], both[:1]) == whole(["A", "*"], both) == []


@pytest.mark.parametrize(("deliveries", "logged"), [(9, False), (10, True), (11, True)])
def test_a_log_counts_from_ten_deliveries_on(deliveries, logged):
    """A feed of fewer deliveries is told by when its records became known; a body of fewer, beside others of ten, is left out."""
    rows = [w.delivery("hotline", "C1", d) for d in range(deliveries)]
    (alone,) = feed.intakes(seen([ALWAYS], feed_log=rows))
    others = [w.delivery("hotline", "C2", d) for d in range(12)]
    (beside,) = feed.intakes(seen([ALWAYS], feed_log=rows + others))

    assert (alone.arrivals is not None) == logged
    assert beside.orgs.tolist() == (["C1", "C2"] if logged else ["C2"])


def test_a_ladder_is_of_four_feeds_within_a_year():
    """Records of a case or a place, in a grid, 365 days old at most; a case comes before a place, and violence (severity 3) is the fourth rung."""
    case = {"case_id": "K", "place_key": "p"}
    events = [w.event("a", "dispute", 365, **case), w.event("b", "hotline", 300, **case)]
    events += [w.event("c", "petition", 200, severity=2, **case), w.event("d", "police_call", 100, severity=3, **case)]
    events += [w.event("e", "police_call", 50, place_key="p", severity=2)]
    left = [w.event("old", "dispute", 365 + 1 / 1440, **case), w.event("report", "grid_report", 9, **case)]
    left += [w.event("nowhere", "hotline", 9, grid="", **case), w.event("bare", "hotline", 9)]
    table = escalation.chains(seen(events + left))

    assert table[["rank", "before"]].to_numpy().tolist() == [[1, 0], [2, 1], [2, 2], [4, 2], [3, 0]]
    assert table["key"].nunique() == 2


@pytest.mark.parametrize(
    ("source", "closed", "outcome", "open_"),
    [
        ("dispute", 10, "success", False),
        ("dispute", 10 + 1 / 1440, "success", True),
        ("dispute", 10, "fail", True),
        ("petition", 10, "success", True),
    ],
)
def test_a_ladder_ends_with_a_success_since_the_last_step(source, closed, outcome, open_):
    """A ledger case of the matter that was closed at the step or after it, and not in vain, ends it; one closed a minute before, a failure or another feed's does not."""
    at = w.days_before(closed)
    events = [w.event("a", "dispute", 30, case_id="K", outcome=None), w.event("b", "police_call", 10, case_id="K")]
    events.append(w.event("c", source, 40, case_id="K", closed_at=at, known_at=at, outcome=outcome))
    found = escalation.escalation_gaps(seen([e | {"outcome": e.get("outcome")} for e in events]))

    assert (len(found) > 0) == open_


def test_a_border_is_listed_from_five_events_and_twice_the_expected(monkeypatch):
    """Five near it and twice what is expected, or a place coded to both; four are too few, whatever their chance, and less than twice is."""
    cases = {(4, 1.0, 1): False, (5, 2.5, 0): True, (5, 2.51, 0): False, (5, 2.51, 1): True, (6, 2.5, 0): True}
    rows = [{"one": 0, "other": i + 1, "n": n, "expected": e, "conflicts": c} for i, (n, e, c) in enumerate(cases)]
    monkeypatch.setattr(seam, "pairs", lambda _: pd.DataFrame(rows).assign(places=9))
    monkeypatch.setattr(seam, "_chances", lambda table: np.full(len(table), 1e-6))
    found = seam.seam_gaps(seen([ALWAYS], n_grids=6))["scope"].tolist()

    assert found == [f"pair:G0|G{i + 1}" for i, listed in enumerate(cases.values()) if listed]


def test_a_border_is_named_by_the_records_of_two_years_in_both_grids():
    """Records that name another grid near them, 730 days old at most; those that name their own, none, or lie nowhere are none."""
    near = {"near_grid_id": "G1"}
    events = [w.event("a", "hotline", 730, **near), w.event("b", "hotline", 3, grid="G1", near_grid_id="G0")]
    events += [w.event("old", "hotline", 730 + 1 / 1440, **near), w.event("own", "hotline", 3, grid="G1", **near)]
    events += [w.event("nowhere", "hotline", 3, grid="", **near), w.event("bare", "hotline", 3)]
    (pair,) = seam.pairs(seen(events)).itertuples()

    assert (pair.one, pair.other, pair.n, pair.places) == (0, 1, 2, 2)


@pytest.mark.parametrize(
    ("asked", "kept", "listed"), [(3, 6, True), (2, 8, False), (4, 6, True), (3, 5, False), (3, 7, True)]
)
def test_a_blind_category_wants_three_requests_and_three_due(asked, kept, listed):
    """Of a category a community with none in the ledger is named from three requests and three due cases on, at half of the cases another has a request."""
    events = [
        w.event(f"h{g}-{i}", "hotline", 3 + i, grid=f"G{g}", category="D07") for g in (0, 1) for i in range(asked)
    ]
    events += [w.event(f"d{i}", "dispute", 3 + i, grid="G1", category="D07") for i in range(kept)]
    evidence = Evidence(History.of(w.frame(events), w.grids(2, communities=2), timezone=w.ZONE, until=w.NIGHT), w.NIGHT)

    assert quality.category_gaps(evidence)["scope"].tolist() == (["org:V0/D07"] if listed else [])


@pytest.mark.parametrize(
    ("n", "lost", "named"), [(19, 1, True), (20, 1, False), (21, 1, False), (40, 2, False), (39, 2, True)]
)
def test_a_body_is_in_order_again_at_one_in_twenty(n, lost, named):
    """After a fortnight without grids, a last week in which one in twenty or fewer lack theirs ends it; more than that does not."""
    before = [w.event(f"b{i}", "hotline", 10, grid="") for i in range(60)]
    now = [w.event(f"n{i}", "hotline", 3, grid="" if i < lost else "G0") for i in range(n)]

    assert (len(quality.unplaced_gaps(seen(before + now))) > 0) == named


@pytest.mark.parametrize(("n", "together", "judged"), [(19, 9, False), (20, 9, True), (40, 10, True), (40, 9, False)])
def test_a_body_closes_together_from_twenty_cases_and_a_quarter_on(n, together, judged):
    """A quarter of twenty cases in one quarter-hour is told; of nineteen cases, or less than a quarter, none is, though chance is out of the question."""
    quarter = np.r_[np.full(together, 400), np.arange(n - together), np.arange(600)]
    unit = np.r_[np.zeros(n, dtype=int), np.ones(600, dtype=int)]
    p = repeat.timed(quarter, unit, 2)[2]

    assert (p[0] < 1) == judged


@pytest.mark.parametrize(("returned", "named"), [(4, False), (5, True), (6, True)])
def test_two_bodies_go_to_and_fro_from_five_returns_on(monkeypatch, returned, named):
    """Four cases sent back in a year are too few, however seldom others do it."""
    pairs = pd.DataFrame({"giver": ["A", "B"], "taker": "D", "returned": [returned, 1], "handled": [10, 2000]})
    monkeypatch.setattr(handoff, "sent_back", lambda _: pairs)

    assert handoff._pairs_that_bounce(seen([ALWAYS]))["scope"].tolist() == (["org:A/D"] if named else [])


@pytest.mark.parametrize(("handled", "named"), [(160, True), (161, False)])
def test_two_bodies_go_to_and_fro_at_three_times_the_usual(monkeypatch, handled, named):
    """Of 2,000 cases others send back 99 and one in twenty added: twenty-four of 160 are three times that, of one case more they are not."""
    pairs = pd.DataFrame({"giver": ["A", "B"], "taker": "D", "returned": [24, 100], "handled": [handled, 2000]})
    monkeypatch.setattr(handoff, "sent_back", lambda _: pairs)

    assert (len(handoff._pairs_that_bounce(seen([ALWAYS]))) > 0) == named


@pytest.mark.parametrize(("due", "alone"), [(4.999, False), (5.0, True), (5.001, True)])
def test_a_unit_is_judged_by_itself_from_five_reports_due_on(monkeypatch, due, alone):
    """Due five reports in half a year a grid is judged alone; due less, it is judged with its community."""
    by_itself, together = [], []
    monkeypatch.setattr(silence, "liveness", lambda _: "live")
    monkeypatch.setattr(silence, "due_in_half_a_year", lambda _: np.array([due, 9.0, 1.0, 1.0]))
    monkeypatch.setattr(silence, "_judge", lambda _, __, units, ___: by_itself.extend(units.tolist()))
    monkeypatch.setattr(silence, "_rolled_up", lambda _, __, few: together.extend(few.tolist()) or pd.DataFrame())
    silence.silent_grids(seen([ALWAYS]))

    assert (by_itself, together) == (([0, 1], [2, 3]) if alone else ([1], [0, 2, 3]))


@pytest.mark.parametrize(("age", "read"), [(181, True), (182, False)])
def test_delays_are_learnt_of_half_a_year(age, read):
    """A record of 182 days ago says nothing of how late records come, one of a day less does, whichever of its feed it is; other feeds do not."""
    late = w.event("late", "hotline", age + 0.5, known_at=w.days_before(age + 0.5 - 10))
    prompt = [w.event(f"p{i}", "hotline", 20 + i) for i in range(3)]
    other = w.event("other", "petition", 90, known_at=w.days_before(50))
    curve = delay_curve(seen([late, other, *prompt]), "hotline")

    assert curve[[0, 9, 10]].tolist() == ([0.75, 0.75, 1.0] if read else [1.0, 1.0, 1.0])


@pytest.mark.parametrize(("before", "told"), [(363.9, True), (364, False)])
def test_a_habit_is_of_the_year_before_the_last_delivery(before, told):
    """A tenth delivery less than 364 days before the last counts for the nine pauses that are wanted; one of 364 days before does not."""
    arrivals = [300 + before, *range(308, 299, -1)]

    assert bool(feed.standing(seen([ALWAYS]), intake_of(arrivals))) == told
