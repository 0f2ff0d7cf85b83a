"""Rule-based kinds on small worlds: limits, hand-overs, returns, callbacks, repeats and places of several agencies."""

import json

import pandas as pd
from towns import gaps as w

from riskwarn import gaps
from riskwarn.gaps.evidence import Evidence
from riskwarn.gaps.repeat import recurrences
from riskwarn.gaps.wording import sentence


def told(tmp_path, kind, events, *, name="town", **tables):
    seen = gaps.find_gaps(w.town(tmp_path / name, events, **tables), as_of=w.NIGHT, kinds=[kind])
    return {s: json.loads(e) for s, e in zip(seen["scope"], seen["evidence"], strict=True)}


def test_cases_past_their_limit(tmp_path):
    """Open cases past due count, in working days; those closed, or due tomorrow, do not."""
    events = [
        w.event("late", "dispute", 30, due_at=w.days_before(7)),
        w.event("closed", "dispute", 30, due_at=w.days_before(7), closed_at=w.days_before(8)),
        w.event("soon", "dispute", 9, due_at=w.days_before(-1), grid="G1"),
        w.event("amber", "dispute", 9, due_at=w.days_before(-1)),
    ]
    seen = told(tmp_path, "G06", events)

    assert set(seen) == {"grid:G0"}
    assert (seen["grid:G0"]["overdue_cases"], seen["grid:G0"]["amber_cases"]) == (1, 1)
    assert seen["grid:G0"]["working_days"] == 5
    assert seen["grid:G0"]["calendar"]["days"] == "china"


def silent_on_closings(county, *, closed=0, n=30):
    """Cases past their limit, the first `closed` of them closed."""
    return [
        w.event(
            f"{county}-{i}",
            "dispute",
            40 + i,
            due_at=w.days_before(20 + i),
            grid=f"G{county}",
            closed_at=w.days_before(30 + i) if i < closed else pd.NaT,
        )
        for i in range(n)
    ]


def test_a_feed_that_tells_no_closings_is_not_late(tmp_path):
    """Where nobody tells closings, no case is called overdue: the feed's row says what is missing, with severity 0."""
    seen = gaps.find_gaps(w.town(tmp_path / "t", silent_on_closings(0)), as_of=w.NIGHT, kinds=["G06"])

    assert seen["scope"].tolist() == ["feed:dispute"]
    assert seen["state"].tolist() == ["insufficient_data"]
    assert seen["severity"].tolist() == [0]
    assert json.loads(seen["evidence"][0])["reason"] == "no closings in this feed"


def test_a_county_that_tells_no_closings_is_not_late(tmp_path):
    """One county's missing closings leave the other's overdue cases on the list."""
    city = w.grids(2).assign(county_id=["C1", "C2"])
    store = w.Store(tmp_path / "t", timezone=w.ZONE)
    store.write("grids", city)
    store.write("events", w.frame(silent_on_closings(0, closed=10) + silent_on_closings(1)))
    seen = gaps.find_gaps(store, as_of=w.NIGHT, kinds=["G06"]).set_index("scope")

    assert seen["state"].to_dict() == {"grid:G0": "open", "feed:dispute/C2": "insufficient_data"}
    assert seen.loc["grid:G0", "observed"] == 20


def test_a_neglected_feed_is_late(tmp_path):
    """A feed that closes a few of its cases tells closings; its overdue ones are gaps."""
    seen = told(tmp_path, "G06", silent_on_closings(0, closed=1))

    assert seen["grid:G0"]["overdue_cases"] == 29


def test_a_case_without_a_limit_gets_that_of_its_scheme(tmp_path):
    """A ledger case without a due time is late nine working days after it was made."""
    events = [w.event("old", "dispute", 20), w.event("new", "dispute", 8, grid="G1")]
    assert set(told(tmp_path, "G06", events)) == {"grid:G0"}


def test_a_closing_in_the_workflow_closes_the_case(tmp_path):
    """A case whose closing revision was lost with its feed is not late when its workflow says closed."""
    events = [w.event("late", "dispute", 30, due_at=w.days_before(7), case_id="K1")]
    steps = [step("K1", 0, "report", 30), step("K1", 1, "close", 12)]
    assert "grid:G0" in told(tmp_path, "G06", events, name="open")
    assert told(tmp_path, "G06", events, name="closed", workflow=steps) == {}


def step(case, number, action, ago, *, of=None, to=None, level="L2", limit=None):
    return {
        "case_id": case,
        "step": number,
        "action": action,
        "at": w.days_before(ago),
        "from_org": of,
        "to_org": to,
        "level": level,
        "limit_at": pd.NaT if limit is None else w.days_before(limit),
        "grid_id": "G0",
        "known_at": w.days_before(ago),
    }


def steps_frame(rows):
    table = w.frame(rows)
    table["limit_at"] = table["limit_at"].astype("datetime64[us, Asia/Shanghai]")
    return table.assign(at=pd.to_datetime(table["at"], utc=True).dt.tz_convert(w.ZONE))


def test_the_body_that_holds_a_case_past_the_limit_of_its_level(tmp_path):
    """A level's own limit has a clock of its own: the body that holds the case now is named."""
    rows = [
        step("K1", 0, "report", 12, to="V1", level="L1", limit=11),
        step("K1", 1, "transfer", 10, of="V1", to="T1", limit=7),
        step("K1", 2, "sign", 9, of="V1", to="T1", limit=9),
    ]
    seen = told(tmp_path, "G06", [w.event("x", "dispute", 12, due_at=w.days_before(-5))], workflow=steps_frame(rows))
    assert set(seen) == {"org:T1"}
    assert (seen["org:T1"]["clock"], seen["org:T1"]["working_days"]) == ("level", 5)


def test_two_returns_make_a_bounce_and_passing_up_does_not(tmp_path):
    """A case sent back twice is named with the pair; one passed up through four levels, or closed since, is not."""
    bounced = [step("K1", 0, "report", 9, to="T1")]
    for i in range(2):
        bounced += [
            step("K1", 2 * i + 1, "assign", 8 - 2 * i, of="T1", to="D1"),
            step("K1", 2 * i + 2, "return", 7 - 2 * i, of="D1", to="T1"),
        ]
    raised = [step("K2", 0, "report", 9, to="V1", level="L1")] + [
        step("K2", i, "transfer", 9 - i, of="x", to=f"B{i}", level=f"L{i}") for i in range(1, 5)
    ]
    closed = [s | {"case_id": "K3"} for s in bounced] + [step("K3", 9, "close", 1)]
    seen = told(tmp_path, "G13", [w.event("x", "dispute", 9)], workflow=steps_frame(bounced + raised + closed))
    assert set(seen) == {"grid:G0/case:K1"}
    assert seen["grid:G0/case:K1"]["between"] == ["D1", "T1"]


def test_calls_handed_over_and_never_received(tmp_path):
    """A call without a receipt after 24 hours is lost; one sent this evening, and one received, are not."""
    rows = [
        {"call_id": "lost", "to_org": "T1", "sent_at": w.days_before(3), "received_at": pd.NaT},
        {"call_id": "fresh", "to_org": "T1", "sent_at": w.days_before(0.5), "received_at": pd.NaT},
        {"call_id": "kept", "to_org": "T1", "sent_at": w.days_before(3), "received_at": w.days_before(2.9)},
        {"call_id": "later", "to_org": "T2", "sent_at": w.days_before(2), "received_at": w.days_before(-1)},
    ]
    seen = told(tmp_path, "G12", [w.event("x", "police_call", 3)], diversions=rows)
    assert seen["org:T1"]["calls"] == ["lost"]
    assert seen["org:T1"]["landing_rate"] == 0.5
    assert seen["org:T2"]["calls"] == ["later"]


def test_grave_cases_nobody_called_back_about(tmp_path):
    """A serious case closed ten days ago without a call back is a gap; a minor one, and one called back, are not."""
    events = [
        w.event(k, "dispute", 30, case_id=k, severity=s, closed_at=w.days_before(10), known_at=w.days_before(9), grid=g)
        for k, s, g in (("A", 2, "G0"), ("B", 1, "G1"), ("C", 3, "G2"))
    ]
    rows = [step(k, 0, "close", 10) for k in "ABC"] + [step("C", 1, "callback", 6)]
    seen = told(tmp_path, "G14", events, workflow=steps_frame(rows))
    assert {s: t["cases"] for s, t in seen.items()} == {"grid:G0": ["A"]}


def test_a_place_of_several_agencies(tmp_path):
    """Three records of two feeds at one place without a common case are listed; the same under one case are not."""

    def place(key, case):
        return [
            w.event(f"{key}{i}", s, 5 + i, place_key=key, case_id=case)
            for i, s in enumerate(("hotline", "police_call", "hotline"))
        ]

    seen = told(tmp_path, "G11", place("apart", None) + place("joined", "K1"))
    assert set(seen) == {"place:apart"}
    assert seen["place:apart"]["feeds"] == {"hotline": 2, "police_call": 1}
    assert seen["place:apart"]["grids"] == ["G0"]


def test_cases_that_come_back(tmp_path):
    """Two returns of closed cases within 90 days make a grid a repeat; one does not."""

    def closed(name, grid, ago):
        return [
            w.event(
                name,
                "dispute",
                ago + 20,
                grid=grid,
                case_id=name,
                closed_at=w.days_before(ago),
                known_at=w.days_before(ago),
            ),
            w.event(name + "-again", "hotline", ago - 10, grid=grid, case_id=name),
        ]

    seen = told(tmp_path, "G07", closed("A", "G0", 70) + closed("B", "G0", 40) + closed("C", "G1", 40))
    assert set(seen) == {"grid:G0"}
    assert seen["grid:G0"]["returns"] == 2


def test_returns_by_place_count_by_how_often_they_were_the_same_matter(tmp_path):
    """Where records that name their case were another matter each time, two returns by place alone list no grid; where they were the same, they do."""

    def at(place, grid, ago, of):
        closed = w.event(
            f"{place}-{ago}",
            "dispute",
            ago + 20,
            grid=grid,
            place_key=place,
            case_id=f"K{place}{ago}",
            closed_at=w.days_before(ago),
            known_at=w.days_before(ago),
        )
        again = w.event(f"{place}-{ago}-again", "hotline", ago - 3, grid=grid, place_key=place, case_id=of)
        before = w.event(f"{place}-{ago}-before", "hotline", ago + 10, grid=grid, case_id=f"K{place}{ago}")
        return [closed, again, *([] if of is None else [before])]

    def town(name, same):
        told_of = [
            e for i in range(60) for e in at(f"q{i}", "G1", 100 + 3 * i, f"Kq{i}{100 + 3 * i}" if same else f"other{i}")
        ]
        return told(tmp_path, "G07", at("p", "G0", 70, None) + at("r", "G0", 40, None) + told_of, name=name)

    assert set(town("same", same=True)) == {"grid:G0"}
    assert town("other", same=False) == {}


def test_a_number_that_nobody_else_names_denies_no_return(tmp_path):
    """A request at the place of a closed case that names another number is another matter where the case was joined, and may be the same where it never was."""

    def closed(place, grid):
        case = w.event(
            place, "dispute", 60, grid=grid, place_key=place, case_id=f"K{place}", closed_at=w.days_before(40)
        )
        return [case, w.event(f"{place}-again", "hotline", 30, grid=grid, place_key=place, case_id=f"other-{place}")]

    joined = w.event("before", "hotline", 50, grid="G0", case_id="Kjoined")
    unnamed = [w.event(f"u{i}", "hotline", 20 + i, grid="G1", case_id=None) for i in range(3)]
    events = [*closed("joined", "G0"), joined, *closed("alone", "G1"), *unnamed]
    store = w.town(tmp_path / "numbers", events, n_grids=2)
    table = recurrences(Evidence(store, w.NIGHT)).set_index("grid")["chance"]
    assert table[0] == 0
    assert 0 < table[1] < 0.4


def test_a_ladder_climbed(tmp_path):
    """A matter that went from the ledger to the police in the last four weeks is listed until its case is closed with success."""
    climbed = [w.event("a", "dispute", 30, case_id="K"), w.event("b", "police_call", 10, case_id="K", category="P04")]
    other = [
        w.event(
            "c",
            "dispute",
            30,
            case_id="L",
            grid="G1",
            closed_at=w.days_before(5),
            outcome="success",
            known_at=w.days_before(5),
        ),
        w.event("d", "police_call", 10, case_id="L", grid="G1", category="P04"),
    ]
    seen = told(tmp_path, "G09", [e | {"outcome": e.get("outcome")} for e in climbed + other])
    assert set(seen) == {"grid:G0"}
    assert seen["grid:G0"]["highest_rung"] == 3


def test_a_seam_where_clerks_disagree(tmp_path):
    """Places coded now to one grid, now to its neighbour, make a seam of the two."""
    events = [
        w.event(f"s{i}", "hotline", 5 + i, grid=f"G{i % 2}", near_grid_id=f"G{1 - i % 2}", place_key=f"p{i // 2}")
        for i in range(24)
    ]
    events += [
        w.event(f"n{g}-{i}", "hotline", 3 + i, grid=f"G{g}", near_grid_id=f"G{g + 1}", place_key=f"q{g}-{i}")
        for g in range(2, 9)
        for i in range(3)
    ]
    events += [w.event(f"f{g}-{i}", "hotline", 3 + i, grid=f"G{g}") for g in range(10) for i in range(40)]
    seen = told(tmp_path, "G10", events, n_grids=10)
    assert list(seen) == ["pair:G0|G1"]
    assert seen["pair:G0|G1"]["coded_to_both"] == 12


def test_a_place_that_two_grids_have_again_and_again(tmp_path):
    """A place recorded twice or more on each side makes a seam by itself, without `near_grid_id`; one slip of a code does not."""
    events = [w.event(f"s{i}", "hotline", 5 + i, grid=f"G{i % 2}", place_key="gate") for i in range(4)]
    events += [w.event(f"n{i}", "hotline", 5 + i, grid="G2" if i else "G3", place_key="shop") for i in range(6)]
    seen = told(tmp_path, "G10", events)

    assert list(seen) == ["pair:G0|G1"]
    assert (seen["pair:G0|G1"]["coded_again"], seen["pair:G0|G1"]["near_border"]) == (1, 4)
    assert sentence("G10", seen["pair:G0|G1"])["en"].startswith("4 events of places that both grids have")


def test_an_old_code_that_lingers_after_a_split_is_no_seam(tmp_path):
    """Records under the code of a grid that was split take no side between its heirs; their own codes do."""
    split = w.days_before(400)
    old = w.grids(1).assign(grid_id="OLD", valid_to=split)
    city = pd.concat([old, w.grids(3).assign(valid_from=[split, split, old["valid_from"][0]])])
    walk = pd.DataFrame(
        {
            "from_grid_id": "OLD",
            "to_grid_id": ["G0", "G1"],
            "effective_at": split,
            "weight": [0.6, 0.4],
            "kind": "split",
        }
    )
    for name, codes, found in (
        ("lingers", ["OLD", "OLD", "G1", "OLD", "G1"], []),
        ("told", ["G0", "G0", "G1", "G0", "G1"], ["pair:G0|G1"]),
    ):
        store = w.Store(tmp_path / name, timezone=w.ZONE)
        events = [w.event(f"e{i}", "hotline", 9 - i, grid=code, place_key="gate") for i, code in enumerate(codes)]
        for table, rows in (("grids", city), ("crosswalk", walk), ("events", w.frame(events))):
            store.write(table, rows)
        assert list(gaps.find_gaps(store, as_of=w.NIGHT, kinds=["G10"])["scope"]) == found


def test_bodies_between_which_cases_go_to_and_fro(tmp_path):
    """Of six bodies with forty cases each, the pair that sent twelve back is named, not those that sent one."""
    rows = []
    for town in range(6):
        for i in range(40):
            case = f"K{town}-{i}"
            rows += [step(case, 0, "report", 100, to=f"T{town}"), step(case, 1, "assign", 90, of=f"T{town}", to="D")]
            if i < (12 if town == 2 else 1):
                rows.append(step(case, 2, "return", 80, of="D", to=f"T{town}"))
            rows.append(step(case, 3, "close", 70))
    seen = told(tmp_path, "G13", [w.event("x", "dispute", 9)], workflow=steps_frame(rows))

    assert set(seen) == {"org:T2/D"}
    assert (seen["org:T2/D"]["returned_cases"], seen["org:T2/D"]["handled_cases"]) == (12, 40)
    assert sentence("G13", seen["org:T2/D"])["en"].startswith(
        "12 cases of 40 cases sent back between T2, D in 365 days"
    )


def closings(town, hours_of, *, n=60):
    """Cases of one township, closed a week apart at so many hours before the night's midnight."""
    return [
        w.event(
            f"{town}-{i}",
            "dispute",
            330 - 4 * i,
            grid=f"G{town}",
            case_id=f"K{town}-{i}",
            known_at=w.days_before(300 - 4 * i - 0.01),
            closed_at=w.days_before(300 - 4 * i, hours=hours_of(town, i)),
        )
        for i in range(n)
    ]


def closing_towns(path, hours_of):
    store = w.Store(path, timezone=w.ZONE)
    store.write("grids", w.grids(5).assign(township_id=[f"T{i}" for i in range(5)]))
    store.write("events", w.frame([e for town in range(5) for e in closings(town, hours_of)]))
    seen = gaps.find_gaps(store, as_of=w.NIGHT, kinds=["G15"])
    return {
        s: (state, json.loads(e)) for s, state, e in zip(seen["scope"], seen["state"], seen["evidence"], strict=True)
    }


def test_cases_closed_in_one_quarter_hour_of_the_week(tmp_path):
    """A township that closes half its cases on one quarter-hour of the week is named; those that close at all hours are not."""

    def hours(town, i):
        # four days apart, so that every seventh case is of the same weekday: all of these at five to nine
        return (4 * i % 7) * 24 + 15.05 if town == 3 and i % 2 else 14 + (i * 37 % 97) / 12

    seen = closing_towns(tmp_path / "t", hours)

    assert set(seen) == {"org:T3"}
    state, told_of = seen["org:T3"]
    assert (state, told_of["closed_together"] >= 20, told_of["others_share"] < 0.05) == ("open", True, True)


def test_closings_without_a_time_say_nothing_of_their_timing(tmp_path):
    """Where closings are dates, no body is named by them, and a row says what is missing."""
    seen = closing_towns(tmp_path / "t", lambda town, i: 0.5)

    assert {s: state for s, (state, _) in seen.items()} == {"feed:dispute": "insufficient_data"}
    assert "at what time" in sentence("G15", seen["feed:dispute"][1])["en"]


def test_alerts_nobody_followed(tmp_path):
    """A grid named by a red alert and not visited in a day is a gap; a visit closes it."""
    rows = [
        {
            "visit_id": "v",
            "started_at": w.days_before(1),
            "known_at": w.days_before(0.9),
            "grid_id": "G1",
            "valid": True,
        }
    ]
    store = w.town(tmp_path / "alerts", [w.event("x", "dispute", 9)], visits=rows)
    alerts = pd.DataFrame(
        {
            "alert_id": ["a", "b"],
            "grid_ids": ["G0", "G1"],
            "level": "red",
            "as_of": w.days_before(2),
            "state": "published",
            "target": "y",
            "action": "A1",
            "model_version": "m",
        }
    )
    scores = pd.DataFrame(
        {
            "grid_id": ["G0"],
            "as_of": w.days_before(2),
            "target": "y",
            "state": "ok",
            "model_version": "m",
            "probability": 0.1,
        }
    )
    store.publish(w.days_before(2), {"alerts": alerts, "scores": scores}, run="r")
    seen = gaps.find_gaps(store, as_of=w.NIGHT, kinds=["G19"])
    assert seen["scope"].tolist() == ["grid:G0"]


def test_events_without_a_grid(tmp_path):
    """A body with one event in four of two weeks unplaced is named; one in fifty is not."""
    events = [w.event(f"a{i}", "hotline", 1 + i % 10, grid="" if i % 4 == 0 else "G0") for i in range(80)]
    events += [w.event(f"b{i}", "petition", 1 + i % 10, grid="" if i % 50 == 0 else "G0") for i in range(100)]
    seen = told(tmp_path, "G18", events)
    assert set(seen) == {"feed:hotline/C1"}
    assert (seen["feed:hotline/C1"]["unplaced"], seen["feed:hotline/C1"]["without_code_in_28_days"]) == (20, 20)


def test_a_category_the_ledger_never_holds(tmp_path):
    """Where residents ask about wages and the ledger of one community holds none of it, the community and category are named."""
    events = [w.event(f"h{g}-{i}", "hotline", 3 + i, grid=f"G{g}", category="D07") for g in range(4) for i in range(12)]
    events += [
        w.event(f"d{g}-{i}", "dispute", 3 + i, grid=f"G{g}", category="D07") for g in range(1, 4) for i in range(12)
    ]
    seen = told(tmp_path, "G17", events, communities=4)
    assert set(seen) == {"org:V0/D07"}
