"""Rows worked out by hand: what is observed and expected, the score and the evidence of a kind, and where its windows end."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from test_gaps_handling import step, steps_frame
from towns import gaps as w

from riskwarn import gaps
from riskwarn.gaps import repeat, seam
from riskwarn.gaps.coverage import risk_of
from riskwarn.gaps.evidence import Evidence
from riskwarn.gaps.feed import intakes
from riskwarn.gaps.record import gaps_of
from riskwarn.unusual import weekly_reading, weekly_tail


def rows_of(store, kind):
    """Rows of a kind by scope, the evidence read."""
    seen = gaps.find_gaps(store, as_of=w.NIGHT, kinds=[kind])
    return {r.scope: r._replace(evidence=json.loads(r.evidence)) for r in seen.itertuples(index=False)}


def told(tmp_path, kind, events, **tables):
    return rows_of(w.town(tmp_path / "town", events, **tables), kind)


def figures(row):
    """Observed, expected, severity and confidence."""
    return row.observed, row.expected, row.severity, row.confidence


def wanted(observed, expected, score, confidence=1.0):
    """The same, the severity being 100 (1 - exp(-score / 4))."""
    return pytest.approx((observed, expected, 100 * (1 - np.exp(-score / 4)), confidence))


def townships(path, n, events, **tables):
    """A store of `n` grids, each a township of its own, in one county."""
    store = w.Store(path, timezone=w.ZONE)
    store.write("grids", w.grids(n).assign(township_id=[f"T{i}" for i in range(n)]))
    store.write("events", w.frame(events))
    for name, rows in tables.items():
        store.write(name, w.frame(rows))
    return store


def test_events_without_a_grid_by_their_window(tmp_path):
    """Fifteen of sixty unplaced in the last 7 days, none before: the window of 7 days tells most, p is three times its binomial tail."""
    events = [w.event(f"a{i}", "hotline", 0.5 + i % 7 * 0.99, grid="" if i < 15 else "G0") for i in range(60)]
    events += [w.event(f"b{i}", "hotline", 7.1 + i % 20, grid="G0") for i in range(60)]
    told_of = told(tmp_path, "G18", events)
    p = 3 * stats.binom.sf(14, 60, 0.05)

    assert list(told_of) == ["feed:hotline/C1"]
    assert figures(told_of["feed:hotline/C1"]) == wanted(15, 0.05 * 60, -np.log10(p), 1 - p)
    assert told_of["feed:hotline/C1"].evidence == {
        "source": "hotline",
        "unplaced": 15,
        "events": 60,
        "share": 0.25,
        "window_days": 7,
        "without_code_in_28_days": 15,
        "p": pytest.approx(p),
    }


def test_events_without_a_grid_want_ten_and_a_trouble_that_lasts(tmp_path):
    """Ten events are enough and nine are not; a body of which one in 31 lacks it in the last 7 days is in order again."""

    def body(org, days, n, grid):
        return [w.event(f"{org}{days}-{i}", "hotline", days, grid=grid, org_code=org) for i in range(n)]

    events = body("ten", 3, 10, "") + body("nine", 3, 9, "")
    events += body("mended", 10, 30, "") + body("mended", 3, 30, "G0") + body("mended", 2, 1, "")
    told_of = told(tmp_path, "G18", events)

    assert set(told_of) == {"feed:hotline/ten"}


def test_what_the_ledger_should_hold_of_a_category(tmp_path):
    """Twelve requests in each of four communities and three of four with as many ledger cases: nine were due in the fourth, p is exp(-9)."""
    asked = [(g, i) for g in range(4) for i in range(12)]
    events = [w.event(f"h{g}-{i}", "hotline", 181 - i, grid=f"G{g}", category="D07") for g, i in asked]
    events += [w.event(f"d{g}-{i}", "dispute", 181 - i, grid=f"G{g}", category="D07") for g, i in asked if g]
    older = [w.event(f"o{i}", "hotline", 183 + i, category="D07") for i in range(9)]
    other = [w.event(f"x{g}-{i}", "hotline", 9, grid=f"G{g}", category="D99") for g, i in asked]
    other += [w.event(f"y{g}-{i}", "dispute", 9, grid=f"G{g}", category="D99") for g, i in asked if g]
    told_of = told(tmp_path, "G17", events + older + other, communities=4)
    p = np.exp(-9)

    assert list(told_of) == ["org:V0/D07"]
    assert figures(told_of["org:V0/D07"]) == wanted(0, 9, -np.log10(p), 1 - p)
    assert told_of["org:V0/D07"].evidence == {
        "category": "D07",
        "asked_by_residents": 12,
        "in_ledger": 0,
        "expected": 9.0,
        "window_days": 182,
        "p": pytest.approx(p),
    }


def test_residents_who_have_to_come_first(tmp_path):
    """Of forty matters a township, residents came first with thirty in one of ten and with ten in the others; the ledger followed five days later."""
    events = []
    for g in range(10):
        for i in range(40):
            first = i < (30 if g == 4 else 10)
            case = {"grid": f"G{g}", "case_id": f"K{g}-{i}"}
            found = 100 + i if not first else 90 + i
            events.append(w.event(f"d{g}-{i}", "dispute", found, origin="proactive", **case))
            events.append(w.event(f"h{g}-{i}", "hotline", found + (5 if first else -5), **case))
    seen = rows_of(townships(tmp_path / "town", 10, events), "G16")
    base = (30 + 9 * 10) / 400
    z = (30 - 40 * base) / np.sqrt(40 * base * (1 - base))

    assert list(seen) == ["org:T4"]
    assert figures(seen["org:T4"]) == wanted(31 / 42, base, z, stats.norm.cdf(z))
    assert seen["org:T4"].evidence == {
        "matters": 40,
        "residents_first": 30,
        "share": round(31 / 42, 3),
        "city_share": base,
        "median_wait_days": 5.0,
    }


def test_what_a_township_does_not_write_down(tmp_path):
    """Its share against the county's, one in two added, by the normal tail; and Chapman's count of all matters, by hand."""
    events = []
    for g in range(10):
        for i in range(30):
            case = {"grid": f"G{g}", "case_id": f"K{g}-{i}"}
            events.append(w.event(f"h{g}-{i}", "hotline", 10 + i, **case))
            if i < (6 if g == 3 else 24):
                events.append(w.event(f"d{g}-{i}", "dispute", 8 + i, origin="citizen", **case))
    events += [w.event(f"l{i}", "dispute", 50 + i, grid="G3", case_id=f"L{i}", origin="citizen") for i in range(4)]
    events += [w.event(f"old{i}", "hotline", 366 + i, grid="G3", case_id=f"O{i}") for i in range(50)]
    seen = rows_of(townships(tmp_path / "town", 10, events), "G02")
    base = (9 * 24 + 6 + 1) / (300 + 2)
    spread = 30 * base * (1 - base)
    over = max((24 - 30 * base) ** 2 / spread / 0.455, 1)
    p = stats.norm.cdf((6 - 30 * base + 0.5) / np.sqrt(spread * over))
    in_all = (30 + 1) * (10 + 1) / (6 + 1) - 1

    assert list(seen) == ["org:T3"]
    assert figures(seen["org:T3"]) == wanted(6, 30 * base, -np.log10(p), 1 - p)
    assert seen["org:T3"].evidence == {
        "brought_by_residents": 30,
        "of_them_in_ledger": 6,
        "in_ledger": 10,
        "capture_ratio": round((6 + 10 * base) / 40, 3),
        "county_ratio": round(base, 3),
        "matters_at_least": round(in_all),
        "unseen_at_least": round(in_all - (30 + 10 - 6)),
        "p": pytest.approx(p),
    }


def test_a_place_of_several_agencies_to_the_day(tmp_path):
    """Four records of three feeds, the newest 28 days old and the oldest 28 days before it; an hour more on either side, and they are not one trouble."""

    def place(key, *records):
        return [
            w.event(f"{key}{i}", source, ago, grid=grid, place_key=key, case_id=case)
            for i, (source, ago, grid, case) in enumerate(records)
        ]

    events = place(
        "edge",
        ("hotline", 28, "G2", None),
        ("police_call", 56, "G1", None),
        ("dispute", 40, "G1", "K"),
        ("dispute", 41, "G0", "K"),
    )
    events += place("stale", *[(s, 28.1, "G0", None) for s in ("hotline", "police_call", "dispute")])
    events += place("long ago", ("hotline", 9, "G0", None), ("dispute", 8, "G0", None), ("dispute", 36.1, "G0", None))
    events += place("one feed", *[("hotline", d, "G0", None) for d in (3, 4, 5, 6)])
    events += place("two records", ("hotline", 3, "G0", None), ("dispute", 4, "G0", None))
    events += place("four grids", *[("hotline", 2 + d, f"G{d}", None) for d in range(4)], ("dispute", 2, "G3", None))
    seen = told(tmp_path, "G11", events)

    assert set(seen) == {"place:edge", "place:four grids"}
    assert figures(seen["place:edge"]) == wanted(3, 1, 3 + np.log2(4))
    assert seen["place:edge"].evidence == {
        "events": 4,
        "feeds": {"dispute": 2, "hotline": 1, "police_call": 1},
        "separate_cases": 3,
        "window_days": 28,
        "days_since_last": 28.0,
        "grids": ["G1", "G0", "G2"],
    }
    assert seen["place:four grids"].evidence["grids"] == ["G3", "G0", "G1"]


def test_calls_that_never_landed_to_the_hour(tmp_path):
    """A call is lost after 24 hours and told for 28 days from then; what landed is observed, what was handed over expected."""

    def call(name, hours, landed=None):
        received = pd.NaT if landed is None else w.days_before(0, hours=landed)
        return {"call_id": name, "to_org": "T1", "sent_at": w.days_before(0, hours=hours), "received_at": received}

    calls = [call("now", 24), call("due", 24.1), call("last", 24 * 29), call("over", 24 * 29.1), call("in", 48, 47)]
    seen = told(tmp_path, "G12", [w.event("x", "police_call", 3)], diversions=calls)

    assert figures(seen["org:T1"]) == wanted(1, 3, 2)
    assert seen["org:T1"].evidence == {
        "lost_calls": 2,
        "handed_over": 3,
        "landing_rate": round(1 / 3, 3),
        "calls": ["due", "last"],
        "window_days": 28,
        "after_hours": 24,
    }


def test_cases_sent_back_and_owned_by_many(tmp_path):
    """Two returns score two and the days since; three owners at one level are listed without a return, idle days counting up to 14."""

    def case(name, *steps):
        return [step(name, n, action, ago, of=of, to=to) for n, (action, ago, of, to) in enumerate(steps)]

    workflow = case("twice", ("report", 9, None, "A"), *[("return", d, "B", "A") for d in (5, 2.5)])
    workflow += case("once", ("report", 9, None, "A"), ("return", 5, "B", "A"))
    workflow += case("three", ("report", 50, None, "A"), *[("assign", 40, "A", o) for o in "BCD"])
    workflow += case("two", ("report", 50, None, "A"), *[("assign", 40, "A", o) for o in "BC"])
    seen = told(tmp_path, "G13", [w.event("x", "dispute", 9)], workflow=steps_frame(workflow))

    assert set(seen) == {"grid:G0/case:twice", "grid:G0/case:three"}
    assert figures(seen["grid:G0/case:twice"]) == wanted(2, 0, 2 + 2.5)
    assert figures(seen["grid:G0/case:three"]) == wanted(0, 0, 14)
    assert seen["grid:G0/case:twice"].evidence == {
        "case": "twice",
        "returns": 2,
        "owners": 0,
        "idle_days": 2.5,
        "between": ["B", "A"],
    }
    assert seen["grid:G0/case:three"].evidence["owners"] == 3


def test_calls_back_that_are_due(tmp_path):
    """Grave cases closed more than 7 and at most 60 days ago count, each for two; a call back before the closing clears nothing."""
    when = {"fresh": 7, "due": 7.25, "last": 60, "over": 60.25, "called early": 20, "called": 20}
    events = [
        w.event(k, "dispute", 70, case_id=k, severity=2, closed_at=w.days_before(d), known_at=w.days_before(d))
        for k, d in when.items()
    ]
    events += [w.event("minor", "dispute", 70, case_id="due", severity=0, grid="G0")]
    # a grave call makes no minor case a grave one
    events += [w.event("slight", "dispute", 70, case_id="slight", severity=1, grid="G1")]
    events += [w.event("shouted", "police_call", 70, case_id="slight", severity=3, grid="G1")]
    workflow = [step(k, 0, "close", d) for k, d in when.items()] + [step("slight", 0, "close", 20)]
    workflow += [step("called early", 1, "callback", 21), step("called", 1, "callback", 20)]
    seen = told(tmp_path, "G14", events, workflow=steps_frame(workflow))

    assert list(seen) == ["grid:G0"]
    assert figures(seen["grid:G0"]) == wanted(0, 3, 2 * 3)
    assert seen["grid:G0"].evidence == {
        "cases": ["called early", "due", "last"],
        "not_called_back": 3,
        "days_since_closing": 60.0,
        "wanted_within_days": 7,
    }


def test_how_late_a_grid_is_with_its_cases(tmp_path):
    """The weight of the category times log2(1 + working days overdue), summed over its cases; those due sooner count as open or amber."""
    friday = 3  # the night is a Monday
    events = [
        w.event("wages", "dispute", 40, due_at=w.days_before(friday + 7), category="D07"),
        w.event("noise", "petition", 40, due_at=w.days_before(friday), category="D02"),
        w.event("amber", "dispute", 8, due_at=w.days_before(-2)),
        w.event("not amber", "dispute", 7, due_at=w.days_before(-2)),
    ]
    seen = told(tmp_path, "G06", events)

    assert list(seen) == ["grid:G0"]
    assert figures(seen["grid:G0"]) == wanted(2, 0, 2 * np.log2(1 + 6) + np.log2(1 + 1))
    assert {k: v for k, v in seen["grid:G0"].evidence.items() if k != "calendar"} == {
        "clock": "total",
        "overdue_cases": 2,
        "working_days": 6,
        "open_cases": 4,
        "amber_cases": 1,
        "by_source": {"dispute": 1, "petition": 1},
    }


def test_a_body_late_at_its_own_level(tmp_path):
    """Each case it holds past the limit of its level adds log2(1 + working days); a case that was closed or called back about is held by nobody."""
    workflow = [step(k, 0, "report", 20, to="T1", limit=d) for k, d in (("a", 10), ("b", 3), ("c", 10), ("d", 10))]
    workflow += [step("c", 1, "close", 5, to="T1", limit=4), step("d", 1, "callback", 5, to="T1", limit=4)]
    workflow += [step("e", 0, "report", 5, to="T1", limit=-1)]
    seen = told(tmp_path, "G06", [w.event("x", "dispute", 9, due_at=w.days_before(-5))], workflow=steps_frame(workflow))

    assert list(seen) == ["org:T1"]
    assert figures(seen["org:T1"]) == wanted(2, 0, np.log2(1 + 6) + np.log2(1 + 1))
    assert (seen["org:T1"].evidence["overdue_cases"], seen["org:T1"].evidence["working_days"]) == (2, 6)
    assert seen["org:T1"].evidence["level"] == "L2"


def alerted(tmp_path, alerts, visits):
    """Rows of G19 of a city with these alerts (level, grids, days ago) and visits (grid, days ago)."""
    visited = [
        {
            "visit_id": f"v{n}",
            "started_at": w.days_before(d),
            "known_at": w.days_before(d - 0.1),
            "grid_id": g,
            "valid": True,
        }
        for n, (g, d) in enumerate(visits)
    ]
    store = w.town(tmp_path / "town", [w.event("x", "dispute", 9)], visits=visited, n_grids=12)
    for night in sorted({d for _, _, d in alerts}, reverse=True):
        of = {"as_of": w.days_before(night), "target": "y", "model_version": "m"}
        shown = [
            of | {"alert_id": f"{i}", "grid_ids": g, "level": level, "state": "published", "action": "A1"}
            for i, (level, g, d) in enumerate(alerts)
            if d == night
        ]
        scores = [of | {"grid_id": "G0", "state": "ok", "probability": 0.1}]
        store.publish(
            w.days_before(night), {"alerts": pd.DataFrame(shown), "scores": pd.DataFrame(scores)}, run=f"r{night}"
        )
    return rows_of(store, "G19")


def test_alerts_that_moved_nobody_by_their_level(tmp_path):
    """A red grid wants a visit in a day, an orange one in two, a yellow one in a week; the score is the days since the first alert of the fortnight."""
    late = [("red", "G0 G1", 2), ("orange", "G2", 3), ("yellow", "G3", 8), ("red", "G4", 14)]
    in_time = [("red", "G5", 1), ("orange", "G6", 2), ("yellow", "G7", 7), ("red", "G8", 15), ("blue", "G9", 9)]
    seen = alerted(tmp_path, late + in_time, [("G1", 1.5), ("G2", 3.5)])

    assert set(seen) == {"grid:G0", "grid:G2", "grid:G3", "grid:G4"}
    assert figures(seen["grid:G2"]) == wanted(0, 1, 3)
    assert figures(seen["grid:G4"]) == wanted(0, 1, 14)
    assert seen["grid:G2"].evidence == {
        "level": "orange",
        "first_alert": w.days_before(3).isoformat(timespec="minutes"),
        "red_nights": 0,
        "visits_since": 0,
        "wanted_within_hours": 48,
    }


def test_a_visit_in_between_starts_the_clock_anew(tmp_path):
    """A grid red on three nights and visited after the first is late only if the latest of them is a day old."""
    alerts = [("red", "G0", d) for d in (4, 3, 1)] + [("red", "G1", d) for d in (4, 3, 2)]
    seen = alerted(tmp_path, alerts, [("G0", 2.5), ("G1", 2.5)])

    assert set(seen) == {"grid:G1"}
    assert seen["grid:G1"].evidence["red_nights"] == 3


def test_three_alerts_of_one_night_are_one_red_night(tmp_path):
    """A grid that three questions name red on one night has a day for its visit, and afterwards one red night."""
    seen = alerted(tmp_path, [("red", "G0", 1)] * 3 + [("red", "G1", 2)] * 3, [("G5", 5)])

    assert list(seen) == ["grid:G1"]
    assert seen["grid:G1"].evidence["red_nights"] == 1


def test_the_rungs_of_a_ladder(tmp_path):
    """A matter that stepped up twice in a month counts once, at its highest rung; the chance of the next step is the year's, drawn to the mean by twenty steps."""
    events = []
    for i in range(40):  # a year's matters: half of those that came to rung 2 stepped on within 28 days
        case = {"grid": "G3", "case_id": f"K{i}"}
        events += [w.event(f"a{i}", "dispute", 300, **case), w.event(f"b{i}", "hotline", 200, **case)]
        if i % 2:
            events.append(w.event(f"c{i}", "police_call", 172, **case))
    events += [
        w.event("d", "dispute", 60, case_id="K", grid="G1"),
        w.event("e", "petition", 28, case_id="K", grid="G1"),
        w.event("f", "police_call", 6.5, case_id="K", grid="G1"),
        w.event("g", "police_call", 6.5, case_id="first seen by the police", grid="G1"),
        w.event("h", "hotline", 28.1, case_id="old", grid="G0"),
        w.event("i", "dispute", 90, case_id="old", grid="G0"),
    ]
    seen = told(tmp_path, "G09", events)
    # steps with 28 days of follow-up on rungs 1, 2 and 3, and those of them that stepped on within 28 days
    n, k = np.array([42, 41, 20]), np.array([0, 20, 0])
    mean = k.sum() / n.sum()
    chance = (k + 20 * mean) / (n + 20)

    assert list(seen) == ["grid:G1"]
    assert figures(seen["grid:G1"]) == wanted(1, chance[2], 3 * chance[2] / chance[0], 0.7)
    assert seen["grid:G1"].evidence == {
        "matters": 1,
        "highest_rung": 3,
        "chance_of_next_step": round(chance[2], 3),
        "days_since_step": 6.5,
        "skipped": 0.5,
    }


def test_pairs_of_bodies_against_all_others(tmp_path):
    """What a pair sent back stands against what the other pairs send back of as many cases, one case in twenty added; a year ago is the end."""
    workflow = []
    for town in range(6):
        for i in range(40):
            case = f"K{town}-{i}"
            workflow += [
                step(case, 0, "report", 100, to=f"T{town}"),
                step(case, 1, "assign", 90, of=f"T{town}", to="D"),
            ]
            if i < (12 if town == 2 else 1):
                workflow += [step(case, n, "return", 80 - n, of="D", to=f"T{town}") for n in (2, 3)]
            workflow.append(step(case, 9, "close", 70))
    for i in range(5):  # four returns are too few, however seldom others send back
        workflow += [step(f"F{i}", 0, "assign", 90, of="T6", to="D"), step(f"F{i}", 9, "close", 70)]
        workflow += [step(f"F{i}", 1, "return", 80, of="D", to="T6")] if i else []
    workflow += [step(f"old{i}", 0, "return", 366 + i, of="D", to="T1") for i in range(30)]
    seen = told(tmp_path, "G13", [w.event("x", "dispute", 9)], workflow=steps_frame(workflow))
    due = 40 * (5 + 4 + 1) / (5 * 40 + 5 + 20)
    p = stats.poisson.sf(11, due)

    assert list(seen) == ["org:T2/D"]
    assert figures(seen["org:T2/D"]) == wanted(12, due, -np.log10(p), 1 - p)
    assert seen["org:T2/D"].evidence == {
        "between": ["T2", "D"],
        "returned_cases": 12,
        "handled_cases": 40,
        "expected": round(due, 1),
        "window_days": 365,
        "p": pytest.approx(p),
    }


def made(grid, days):
    """A valid visit of a grid so many days before the night."""
    at = w.days_before(days)
    return {"visit_id": f"{grid}@{days}", "started_at": at, "known_at": at, "grid_id": grid, "valid": True}


def test_visits_against_the_share_of_risk(tmp_path):
    """Of ten grids one has 41 of 50 events to come and 4 of 184 visits: due by risk, bounded by habit, p by the Poisson law of half of what is due."""
    visits = [made("G0", d) for d in (2.5, 30, 60, 91)] + [made("G0", 91.1)]
    visits += [made(f"G{g}", 1.5 + 4.5 * d) for g in range(1, 10) for d in range(20)]
    store = w.town(tmp_path / "town", [w.event("x", "hotline", 3)], n_grids=10, visits=visits)
    scores = pd.DataFrame({"grid_id": [f"G{g}" for g in range(10)], "expected": [41.0] + [1.0] * 9, "as_of": w.NIGHT})
    seen = gaps.find_gaps(store, scores, kinds=["G03"])
    by_risk, due = 184 * 41 / 50, 20  # what the most visited hundredth of grids gets
    p = min(np.exp(-6 / 182 * 2.5), stats.poisson.cdf(4, by_risk / 2))
    row = seen.iloc[0]

    assert seen["scope"].tolist() == ["grid:G0"]
    assert figures(row) == wanted(4, due, np.log2(due / 4), 1 - p)
    assert (row.lower, row.upper) == (stats.poisson.ppf(0.05, due), stats.poisson.ppf(0.95, due))
    assert json.loads(row.evidence) == {
        "why": ["below_share"],
        "visits": 4.0,
        "visits_due_by_risk": 20.0,
        "window_days": 91,
        "days_since_visit": 2.5,
        "risk_share_over_visit_share": 5.0,
    }


def test_a_grid_that_lost_its_habit(tmp_path):
    """Ninety visits in half a year and none for three weeks: exp(-rate * days) with one visit added, and a grid seldom visited is given longer; numbers are told to one decimal."""
    visits = [made("G0", 21.5 + 1.7 * d) for d in range(90)] + [made("G1", 40 + 20 * d) for d in range(7)]
    store = w.town(tmp_path / "town", [w.event("x", "hotline", 3)], n_grids=3, visits=visits)
    scores = pd.DataFrame({"grid_id": ["G0", "G1", "G2"], "expected": [1.0, 1.0, 0.0], "as_of": w.NIGHT})
    row = gaps.find_gaps(store, scores, kinds=["G03"]).set_index("scope").loc["grid:G0"]
    p = np.exp(-(90 + 1) / 182 * 21.5)
    within = sum(21.5 + 1.7 * d <= 91 for d in range(90))
    due = (within + 3) / 2

    assert figures(row) == wanted(within, due, max(-np.log10(p) / 3, np.log2(due / within)), 1 - p)
    assert json.loads(row.evidence)["why"] == ["unvisited"]
    assert json.loads(row.evidence)["days_since_visit"] == 21.5
    assert json.loads(row.evidence)["risk_share_over_visit_share"] == round(due / within, 1) != round(due / within, 2)


def test_the_load_of_a_worker(tmp_path):
    """Without a worker six, a shared one two, and log2 of the households over five hundred; exactly five hundred are in order; a roster counts for 35 days."""
    roster = [
        {"grid_id": f"G{g}", "day_at": w.days_before(35), "n_workers": n} for g, n in enumerate((0, 0.5, 0.6, 1, 2))
    ]
    roster.append({"grid_id": "G5", "day_at": w.days_before(35.1), "n_workers": 0})
    store = w.Store(tmp_path / "town", timezone=w.ZONE)
    store.write("grids", w.grids(6).assign(households=[300.0, 300.0, 300.0, 500.0, 1002.0, 300.0]))
    store.write("events", w.frame([w.event("x", "hotline", 3)]))
    store.write("roster", w.frame(roster))
    seen = rows_of(store, "G04")

    assert set(seen) == {"grid:G0", "grid:G1", "grid:G2", "grid:G4"}
    assert figures(seen["grid:G0"]) == wanted(0, 1, 6)
    assert figures(seen["grid:G1"]) == wanted(0.5, 1, 2 + np.log2(600 / 500))
    assert figures(seen["grid:G2"]) == wanted(0.6, 1, 2)
    assert figures(seen["grid:G4"]) == wanted(2, 1, np.log2(501 / 500))
    assert seen["grid:G1"].evidence == {
        "why": ["shared_worker", "many_households"],
        "workers": 0.5,
        "households": 300,
    }


def test_hours_of_visits_and_of_trouble(tmp_path):
    """Half the distance between the two laws over six bins of four hours, both drawn to the township's by twelve records; eleven events are too few. Other feeds, events without a grid and those of more than a year ago are not read."""
    noon, night = 0.5, 0.9  # before midnight: twelve o'clock, and 24 minutes past two
    events = [
        w.event(f"e{g}-{i}", "police_call", i + (night if g < 2 else noon), grid=f"G{g}")
        for g in range(14)
        for i in range(11 if g == 1 else 12)
    ]
    events += [w.event(f"r{i}", "dispute", i + noon) for i in range(9)]
    events += [w.event(f"n{i}", "hotline", i + noon, grid="") for i in range(9)]
    events += [w.event(f"o{i}", "police_call", 366 + i + noon) for i in range(9)]
    visits = [made(f"G{g}", d + noon) for g in range(14) for d in range(1, 5)]
    seen = rows_of(w.town(tmp_path / "town", events, n_grids=14, visits=visits), "G05")
    n_events = np.array([12, 11] + [12] * 12)
    asked = np.zeros((14, 6))
    asked[:2, 0], asked[2:, 3] = n_events[:2], n_events[2:]
    visited = np.zeros((14, 6))
    visited[:, 3] = 4

    def drawn(counts):
        law = (counts.sum(axis=0) + 1) / (counts.sum() + 6)
        return (counts + 12 * law) / (counts.sum(axis=1, keepdims=True) + 12)

    distance = np.abs(drawn(asked) - drawn(visited)).sum(axis=1) / 2
    judged = np.delete(distance, 1)
    usual, spread = np.median(judged), np.std(judged)

    assert list(seen) == ["grid:G0"]
    assert figures(seen["grid:G0"]) == wanted(distance[0], usual, (distance[0] - usual) / spread, 0.5)
    assert seen["grid:G0"].evidence == {
        "distance": round(distance[0], 2),
        "city": round(usual, 2),
        "events_by_4_hours": [12, 0, 0, 0, 0, 0],
        "visits_by_4_hours": [0, 0, 0, 4, 0, 0],
    }


def test_risk_without_scores_is_the_year_drawn_to_the_people_there(tmp_path):
    """The more counts scatter beyond chance, the less a grid's own is drawn to what its people make likely."""
    n, people = np.array([60, 10, 2, 8]), np.array([1000.0, 500.0, 500.0, 2000.0])
    events = [w.event(f"e{g}-{i}", "hotline", 1 + i, grid=f"G{g}") for g in range(4) for i in range(n[g])]
    events += [w.event("edge", "dispute", 365, grid="G2"), w.event("old", "dispute", 365.1, grid="G2")]
    events += [w.event("report", "grid_report", 3, grid="G2")]
    store = w.Store(tmp_path / "town", timezone=w.ZONE)
    store.write("grids", w.grids(4).assign(population=people))
    store.write("events", w.frame(events))
    n[2] += 1
    mean = n.sum() * people / people.sum()
    size = np.clip((mean**2).sum() / ((n - mean) ** 2 - mean).sum(), 0.5, 50)

    assert risk_of(Evidence(store, w.NIGHT)) == pytest.approx((n + size) / (mean + size) * mean)


def test_quadrants_by_their_z(tmp_path):
    """Each of risk, reports and visits as its distance from the city's mean in standard deviations of the log of half a count more."""
    reports, visited = [0, 9, 9, 9, 3], [1, 1, 6, 6, 20]
    events = [w.event(f"r{g}-{i}", "grid_report", 1 + i, grid=f"G{g}") for g in range(5) for i in range(reports[g])]
    visits = [made(f"G{g}", 1 + d) for g in range(5) for d in range(visited[g])]
    store = w.town(tmp_path / "town", events, n_grids=5, visits=visits)
    risk = np.array([40.0, 40.0, 10.0, 5.0, 1.0])
    scores = pd.DataFrame({"grid_id": [f"G{g}" for g in range(5)], "expected": risk, "as_of": w.NIGHT})
    table = gaps.quadrants(Evidence(store, w.NIGHT, scores))

    def z(values):
        log = np.log(np.array(values) + 0.5)
        return (log - log.mean()) / log.std()

    assert table["quadrant"].tolist() == ["blind_spot", "under_served", "watched", "watched", "over_served"]
    assert table["blindness"].to_numpy() == pytest.approx(z(risk) - z(visited))
    assert table["silence"].to_numpy() == pytest.approx(z(risk) - z(reports))
    assert table["reports"].tolist() == reports
    assert table["visits"].tolist() == visited


def test_a_delivery_that_is_overdue(tmp_path):
    """A feed that comes every day, every tenth time a day late, is overdue after its usual pause, three times its spread and an hour."""
    rows = 7

    def log(last):
        days = [d for d in range(150) if d % 10 != 5]
        return [w.delivery("hotline", "C1", last + d, rows) | {"arrived_at": w.days_before(last + d)} for d in days]

    events = w.steady("hotline", 160, 1.0)
    late = told(tmp_path / "late", "G08", events, feed_log=log(4 + 2 / 24))
    in_time = told(tmp_path / "in time", "G08", events, feed_log=log(4 + 0.5 / 24))
    pauses = np.diff([d for d in range(150) if d % 10 != 5])
    allowed = np.median(pauses) + 3 * (np.quantile(pauses, 0.9) - np.quantile(pauses, 0.1)) + 1 / 24

    assert 4 + 0.5 / 24 < allowed < 4 + 2 / 24
    assert all("usual_pause_days" not in row.evidence for row in in_time.values())
    told_of = late["feed:hotline/C1"].evidence
    assert (told_of["fault"], told_of["silent_days"], told_of["usual_pause_days"]) == ("stopped", 4.08, 1.0)
    assert late["feed:hotline/C1"].observed == 0
    assert late["feed:hotline/C1"].expected == pytest.approx(told_of["records_a_day"] * 4.08, abs=0.2)


def delayed(source, before, now, *, n_before=10, n_now=10):
    """Records of a feed that came after so many days, over two months before and in the last week."""
    return [
        w.event(f"{source}-{name}{i}", source, known + delay, known_at=w.days_before(known))
        for name, delay, n, first, span in (("b", before, n_before, 7.5, 59), ("n", now, n_now, 0.5, 6))
        for i in range(n)
        for known in [first + span * i / n]
    ]


def test_what_late_means(tmp_path):
    """Above three times the usual delay and above a day, of ten records at least on either side; the row gives both medians."""
    events = delayed("hotline", 2, 6.5) + delayed("petition", 2, 6) + delayed("dispute", 0.2, 1)
    events += delayed("police_call", 2, 6.5, n_before=9) + delayed("grid_report", 2, 6.5, n_now=9)
    late = {s: row for s, row in told(tmp_path, "G08", events).items() if s.endswith("@late")}

    assert list(late) == ["feed:hotline/C1@late"]
    assert figures(late["feed:hotline/C1@late"]) == wanted(6.5, 2, 3, 1 - 1e-3)
    assert late["feed:hotline/C1@late"].evidence == {
        "fault": "late",
        "source": "hotline",
        "org": "C1",
        "median_delay_days": 6.5,
        "p": 1e-3,
    }


def coded(source, n_before, n_now, odd_now):
    """Records of a feed, six of the earlier ones and some of the last week's without a category."""
    earlier = [(8 + i * 58 / n_before, "D99" if i < 6 else "D02") for i in range(n_before)]
    lately = [(0.5 + i * 6 / n_now, "" if i < odd_now else "D02") for i in range(n_now)]
    return [w.event(f"{source}{n}", source, ago, category=c) for n, (ago, c) in enumerate(earlier + lately)]


def test_what_a_change_of_codes_means(tmp_path):
    """The share without a category against three times the usual one, (6 + 1) in (60 + 20), by the binomial tail; sixty earlier records and ten new ones are wanted."""
    events = coded("hotline", 60, 40, 30) + coded("petition", 59, 40, 30)
    events += coded("dispute", 60, 40, 20) + coded("police_call", 60, 9, 9)
    codes = {s: row for s, row in told(tmp_path, "G08", events).items() if s.endswith("@codes")}
    share = (6 + 1) / (60 + 20)
    p = stats.binom.sf(29, 40, 3 * share)

    assert list(codes) == ["feed:hotline/C1@codes"]
    assert figures(codes["feed:hotline/C1@codes"]) == wanted(30, round(share * 40, 1), -np.log10(p), 1 - p)
    assert codes["feed:hotline/C1@codes"].evidence["p"] == pytest.approx(p)


def came_back(name, grid, closed, again, **more):
    """A case closed so many days before the night, and a request of the same case later."""
    at = w.days_before(closed)
    return [
        w.event(name, "dispute", closed + 20, grid=grid, case_id=name, closed_at=at, known_at=at, **more),
        w.event(f"{name}-again", "hotline", again, grid=grid, case_id=name),
    ]


def test_two_returns_to_the_day(tmp_path):
    """A return comes up to 30 days after the closing, the second up to 90 days after the first and up to 60 before the night; nothing later."""
    events = came_back("a", "G0", 150, 149) + came_back("b", "G0", 89, 59)
    events += came_back("c", "G1", 101, 100) + came_back("d", "G1", 90, 60)
    events += came_back("e", "G2", 150, 149.1) + came_back("f", "G2", 89, 59)
    events += came_back("g", "G3", 101, 100) + came_back("h", "G3", 90, 60.1)
    events += came_back("i", "G4", 50, 40) + came_back("j", "G4", 50.1, 20)
    seen = told(tmp_path, "G07", events, n_grids=5)

    assert set(seen) == {"grid:G0", "grid:G1"}
    assert figures(seen["grid:G0"]) == wanted(2, 2 * 9 / 10, 2)
    assert seen["grid:G0"].evidence == {"returns": 2, "closed_cases": 2, "window_days": 150, "city_share": 0.9}


def test_closures_on_paper_against_the_middle_township(tmp_path):
    """Shares of returns and of closings on the last day, one in two added, in units of the spread that chance alone has where the middle half is alike."""
    events = []
    for g in range(6):
        for i in range(40):
            day = 31 + 8 * i + i % 24 / 24
            last_day = i < (19 if g == 3 else 2)
            case = came_back(
                f"{g}-{i}", f"G{g}", day, day - 10, due_at=w.days_before(day - (1 if last_day else 1.2), hours=0)
            )
            events += case if i < (30 if g == 3 else 4) else case[:1]
    for n, day in enumerate((30, 365.1)):
        events += came_back(f"out{n}", "G3", day, day - 10)
    seen = rows_of(townships(tmp_path / "town", 6, events), "G15")
    z = [((k + 1) / 42 - (m + 1) / 42) / np.sqrt((m + 1) / 42 * (1 - (m + 1) / 42) / 40) for k, m in ((30, 4), (19, 2))]

    assert list(seen) == ["org:T3"]
    assert figures(seen["org:T3"]) == wanted(19, 40 * 29 / 240, max(z), 1 - 2 * stats.norm.sf(max(z)))
    assert seen["org:T3"].evidence == {
        "returns": 30,
        "closed_cases": 40,
        "share": 0.75,
        "city_share": round(50 / 240, 3),
        "last_day_closings": 19,
        "last_day_city_share": round(29 / 240, 3),
        "z_returns": round(z[0], 1),
        "z_last_day": round(z[1], 1),
    }


def test_townships_are_compared_where_there_are_two():
    """Of two with twenty cases each stands beside the middle of both, in units of the larger of chance and the spread between them; one alone is compared with nobody, nor is one with fewer."""
    k, n = np.array([2.0, 12.0, 9.0]), np.array([20.0, 20.0, 19.0])
    share = np.array([3, 13]) / 22
    middle, between = share.mean(), (share[1] - share[0]) / 2 / 1.349
    spread = max(middle * (1 - middle) / 20, between**2) ** 0.5

    assert repeat._z(k, n) == pytest.approx([*((share - middle) / spread), 0])
    assert repeat._z(k[1:], n[1:]).tolist() == [0, 0]


def test_a_place_that_nobody_owns(tmp_path):
    """Two records on each side and two changes of side within two years stand by themselves; once for good, one slip, or longer ago do not."""
    days = {"to and fro": (5, 6, 7, 730), "for good": (5, 6, 7, 8), "a slip": (5, 6, 7), "long ago": (5, 6, 7, 730.1)}
    sides = {"to and fro": "0101", "for good": "2233", "a slip": "454", "long ago": "6767"}
    events = [
        w.event(f"{place}{n}", "hotline", day, grid=f"G{side}", place_key=place)
        for place in days
        for n, (day, side) in enumerate(zip(days[place], sides[place], strict=True))
    ]
    seen = told(tmp_path, "G10", events, n_grids=8)

    assert list(seen) == ["pair:G0|G1"]
    assert figures(seen["pair:G0|G1"]) == wanted(4, 0, 1 + 1)
    assert seen["pair:G0|G1"].evidence == {
        "near_border": 4,
        "coded_to_both": 1,
        "coded_again": 1,
        "window_days": 730,
    }


def test_a_surge_by_its_weeks(tmp_path):
    """The last seven days, to the second, beside the fifteen weeks before: the law of weekly counts, held by the year before those, and their mean."""
    n_weeks = 52 + 15 + 1
    weekly = np.full((6, n_weeks), 2.0)
    weekly[0, -1], weekly[0, -2], weekly[1, -1] = 14, 3, 2
    events = [
        w.event(f"e{g}-{week}-{i}", "hotline", 7 * week + (7 if i == 0 else 3), grid=f"G{g}")
        for g in range(6)
        for week in range(n_weeks)
        for i in range(int(weekly[g, n_weeks - 1 - week]))
    ]
    events.append(w.event("too old", "hotline", 7 * n_weeks + 0.1, grid="G0"))
    seen = told(tmp_path, "G20", events, n_grids=6)
    law = weekly_reading(weekly, weekly_tail(weekly)).iloc[0]

    assert list(seen) == ["grid:G0/hotline"]
    row = seen["grid:G0/hotline"]
    assert figures(row) == wanted(14, law["mean"], -np.log10(law["p_high"]), 1 - law["p_high"])
    assert (row.lower, row.upper) == (law["lower"], law["upper"])
    assert row.evidence == {
        "source": "hotline",
        "last_7_days": 14,
        "weekly_mean": round((14 * 2 + 3) / 15, 2),
        "expected": round(law["mean"], 2),
        "p": pytest.approx(law["p_high"]),
    }


def test_what_arrived_of_each_county_and_of_all(tmp_path):
    """By the local day on which records became known, oldest first; a record without a grid counts for the whole city alone."""
    events = [
        w.event(f"e{n}", "hotline", ago, grid=grid)
        for n, (grid, ago) in enumerate((("G0", 0.5), ("G0", 2.5), ("G1", 2.5), ("G3", 2.9), ("G2", 1.5), ("", 1.5)))
    ]
    store = w.town(tmp_path / "town", events, counties=2)
    (intake,) = intakes(Evidence(store, w.NIGHT))

    assert intake.orgs.tolist() == ["C1", "C2", "*"]
    assert intake.rows.tolist() == [[2, 0, 1], [1, 1, 0], [3, 2, 1]]
    assert intake.scopes.tolist() == ["feed:hotline/C1", "feed:hotline/C2", "feed:hotline"]


def test_whom_a_gap_touches():
    """A grid is touched by its own gaps, by pairs that name it, by those of its bodies, by faults of its county's part of a feed and of the whole of one."""
    scopes = {
        "grid:G1": True,
        "grid:G1/hotline": True,
        "grid:G10": False,
        "pair:G0|G1": True,
        "pair:G0|G10": False,
        "org:T1": True,
        "org:T1/D07": True,
        "org:T10": False,
        "feed:hotline": True,
        "feed:hotline/C1": True,
        "feed:hotline/C1@late": True,
        "feed:hotline/C2": False,
        "place:G1": False,
    }
    touched = gaps_of(pd.DataFrame({"scope": list(scopes)}), "G1", ["T1", "C1"])

    assert touched["scope"].tolist() == [s for s, wanted_of in scopes.items() if wanted_of]


def test_the_chance_of_a_border_by_hand():
    """Events under a negative binomial with the spread that all borders have, times the chance of as many places coded to both sides, joined by Fisher's law."""
    table = pd.DataFrame({"n": [5, 5, 20], "expected": 5.0, "conflicts": [0, 0, 3], "places": [4, 4, 10]})
    size = 1 / ((0 - 5 + 0 - 5 + 225 - 5) / 75)
    usual = (0 + 1) / (4 + 4 + 1000)
    joint = stats.nbinom.sf(table["n"] - 1, size, size / (size + 5)) * stats.binom.sf(
        table["conflicts"] - 1, table["places"], usual
    )

    assert seam._chances(table) == pytest.approx(joint * (1 - np.log(joint)))
