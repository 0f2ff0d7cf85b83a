"""Coverage, staff, hours, the quadrants and the redistribution; and how much is reported."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from towns import gaps as w

from riskwarn import gaps
from riskwarn.errors import DataError
from riskwarn.gaps.coverage import under_served
from riskwarn.gaps.evidence import Evidence
from riskwarn.gaps.reporting import capture, delay_curve, duplicate_rate, nowcast, product_limit


def visits(per_day, days=300, *, hour=0.5, seed=0):
    rng = np.random.default_rng(seed)
    return [
        {
            "visit_id": f"v{g}-{d}-{k}",
            "started_at": w.days_before(d + hour),
            "known_at": w.days_before(d + hour, hours=-1),
            "grid_id": f"G{g}",
            "valid": True,
        }
        for g, rate in enumerate(per_day)
        for d in range(days)
        for k in range(rng.poisson(rate if np.isscalar(rate) else rate[d]))
    ]


def test_a_risky_grid_that_is_seldom_visited(tmp_path):
    """The grid with most of the risk and a tenth of the visits is listed; a calm grid with few visits is not."""
    events = [
        w.event(f"e{g}-{i}", "hotline", 1 + i * 0.7, grid=f"G{g}")
        for g in range(10)
        for i in range(300 if g == 0 else 15)
    ]
    store = w.town(tmp_path / "town", events, n_grids=10, visits=visits([0.5] * 9 + [0.1]))
    seen = gaps.find_gaps(store, as_of=w.NIGHT, kinds=["G03"])
    assert seen["scope"].tolist() == ["grid:G0"]
    assert json.loads(seen["evidence"].iloc[0])["why"] == ["below_share"]


def test_scores_that_say_nothing_leave_the_risk_to_the_year(tmp_path):
    """Where a feed came so late that no grid has a number, coverage is judged by the year's events, as without scores."""
    events = [w.event(f"e{g}-{i}", "hotline", 1 + i * 0.7, grid=f"G{g}") for g in range(10) for i in range(30)]
    store = w.town(tmp_path / "town", events, n_grids=10, visits=visits([0.5] * 9 + [0.0] * 1))
    mute = pd.DataFrame({"grid_id": [f"G{g}" for g in range(10)], "expected": np.nan})
    told, without = (gaps.find_gaps(store, s, as_of=w.NIGHT, kinds=["G03"]) for s in (mute, None))

    assert len(told) > 0
    pd.testing.assert_frame_equal(told, without)


def test_the_false_discovery_control_decides():
    """Below half of its share by chance is no gap: one visit of two due is not listed, and the same share of twenty is."""
    risk = np.r_[np.full(10, 100.0), np.full(90, 1.0)]
    few, many = (under_served(risk, np.full(100, v), np.full(100, due)) for v, due in ((0.0, 2.0), (0.0, 20.0)))

    assert not few[1].any()
    assert many[1].tolist() == [True] * 10 + [False] * 90


def test_grids_that_get_their_half_are_seldom_listed():
    """Where every risky grid gets half of what it is due, some list a grid in a tenth of cities at most; a plain threshold lists 44 % of the grids."""
    rng = np.random.default_rng(3)
    risk = np.r_[np.full(30, 100.0), np.full(270, 1.0)]
    listed = [under_served(risk, rng.poisson(5.0, 300).astype(float), np.full(300, 10.0))[1].any() for _ in range(400)]

    assert np.mean(listed) <= 0.1


def test_a_grid_nobody_visits_any_more(tmp_path):
    """A month without a visit, where there was one every second day, is listed whatever the risk."""
    gone = np.full(300, 0.5)
    gone[:30] = 0
    store = w.town(
        tmp_path / "town",
        [w.event(f"e{g}", "hotline", 9, grid=f"G{g}") for g in range(4)],
        visits=visits([gone, 0.5, 0.5, 0.5]),
    )
    seen = gaps.find_gaps(store, as_of=w.NIGHT, kinds=["G03"])
    told = {s: json.loads(e)["why"] for s, e in zip(seen["scope"], seen["evidence"], strict=True)}
    assert told["grid:G0"] == ["unvisited"]
    assert set(told) == {"grid:G0"}


def test_a_blank_mark_voids_no_visit(tmp_path):
    """Visits without a mark of validity count beside those that have one, and in a table without marks all count; only a visit marked as not valid does not."""
    rows = visits([0.5, 0.5], 60)
    marked = [v | {"valid": {0: None, 1: True, 2: False}[i % 3]} for i, v in enumerate(rows)]
    store = w.town(
        tmp_path / "t", [w.event("x", "hotline", 3)], visits=pd.DataFrame(w.frame(marked)).astype({"valid": "boolean"})
    )
    held = Evidence(store, w.NIGHT).visits

    bare = w.town(tmp_path / "bare", [w.event("x", "hotline", 3)], visits=w.frame(rows).drop(columns="valid"))

    assert len(held.grid) == sum(v["valid"] is not False for v in marked)
    assert len(Evidence(bare, w.NIGHT).visits.grid) == len(rows)


def test_staff_by_the_newest_roster(tmp_path):
    """No worker, half a worker and a whole one: the first two are gaps, the first the graver; an old roster says nothing."""
    rows = [{"grid_id": f"G{g}", "day_at": w.days_before(3), "n_workers": n} for g, n in enumerate((0.0, 0.5, 1.0))]
    rows += [
        {"grid_id": "G3", "day_at": w.days_before(90), "n_workers": 0.0},
        {"grid_id": "G2", "day_at": w.days_before(10), "n_workers": 0.0},
    ]
    seen = gaps.find_gaps(
        w.town(tmp_path / "t", [w.event("x", "hotline", 3)], roster=rows), as_of=w.NIGHT, kinds=["G04"]
    )
    told = {s: json.loads(e)["why"] for s, e in zip(seen["scope"], seen["evidence"], strict=True)}
    assert told == {"grid:G0": ["no_worker"], "grid:G1": ["shared_worker", "many_households"]}


def test_visits_by_day_and_trouble_by_night(tmp_path):
    """The one grid whose events all fall at night, while others' fall by day, is listed."""
    events = [
        w.event(f"e{g}-{i}", "police_call", 1 + i + (0.05 if g == 0 else 0.5), grid=f"G{g}")
        for g in range(12)
        for i in range(40)
    ]
    store = w.town(tmp_path / "t", events, n_grids=12, visits=visits([0.5] * 12, 100))
    assert gaps.find_gaps(store, as_of=w.NIGHT, kinds=["G05"])["scope"].tolist() == ["grid:G0"]


def test_a_masked_grid_is_the_blindest(tmp_path):
    """Much risk, no reports, no visits: the planted blind spot comes first; a calm grid with many visits is over-served."""
    events = [
        w.event(f"h{g}-{i}", "hotline", 1 + i % 300, grid=f"G{g}")
        for g in range(10)
        for i in range({0: 200, 9: 5}.get(g, 40))
    ]
    events += [w.event(f"r{g}-{i}", "grid_report", 1 + i, grid=f"G{g}") for g in range(1, 10) for i in range(60)]
    store = w.town(tmp_path / "t", events, n_grids=10, visits=visits([0.05, *[0.5] * 8, 2.0], 91))
    table = gaps.quadrants(Evidence(store, w.NIGHT)).set_index("grid_id")
    assert table["blindness"].idxmax() == "G0"
    assert table.loc["G0", "quadrant"] == "blind_spot"
    assert table.loc["G9", "quadrant"] == "over_served"
    assert (table.loc["G1":"G8", "quadrant"] == "watched").all()


@given(st.integers(1, 500), st.integers(2, 30), st.floats(0, 0.3), st.integers(0, 9))
def test_a_redistribution_spends_the_budget_within_its_caps(budget, n, share, seed):
    """Every visit is given out, random ones as declared; no township's plan moves by more than its bound (and rounding)."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "grid_id": [f"G{i}" for i in range(n)],
            "risk": rng.gamma(1, 1, n) + 0.01,
            "visits": rng.integers(1, 9, n),
            "township_id": [f"T{i % 3}" for i in range(n)],
        }
    )
    spread = gaps.redistribute(table, budget=budget, random_share=share, seed=seed)
    assert spread["visits_suggested"].sum() == budget
    assert spread["of_them_random"].sum() == int(budget * share)
    planned = (spread["visits_suggested"] - spread["of_them_random"]).groupby(table["township_id"]).sum()
    now = spread["visits_now"].groupby(table["township_id"]).sum() / budget * planned.sum()
    assert ((planned <= 1.5 * now + n) & (planned >= 0.5 * now - n)).all()
    assert spread["propensity"].iloc[0] * n == pytest.approx(int(budget * share))


def test_more_risk_gets_no_fewer_visits():
    """Within a township the plan follows the risk."""
    table = pd.DataFrame(
        {"grid_id": list("ABCD"), "risk": [8.0, 4.0, 2.0, 1.0], "visits": [1, 1, 1, 1], "township_id": "T"}
    )
    assert gaps.redistribute(table, budget=30, random_share=0)["visits_suggested"].tolist() == [16, 8, 4, 2]
    with pytest.raises(DataError, match="budget"):
        gaps.redistribute(table, budget=0)


TWO = pd.DataFrame(
    {"grid_id": list("ABCD"), "risk": [6.0, 3, 2, 1], "visits": [2, 2, 4, 2], "township_id": list("TTUU")}
)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"budget": 0}, None),
        ({"budget": 1}, 1),
        ({"budget": 9, "random_share": -0.01}, None),
        ({"budget": 9, "random_share": 1.01}, None),
        ({"budget": 9, "random_share": 1.0}, 9),
        ({"budget": 9, "most_change": -0.01}, None),
        ({"budget": 9, "most_change": 0.0}, 9),
    ],
)
def test_what_may_be_asked_of_a_spread(asked, told):
    """A budget of one at least, a share of 0 to 1, a bound of 0 or more; all else is refused and nothing is spread."""
    if told is None:
        with pytest.raises(DataError, match="wanted a budget of 1 or more"):
            gaps.redistribute(TWO, **asked)
    else:
        assert gaps.redistribute(TWO, **asked)["visits_suggested"].sum() == told


@pytest.mark.parametrize(("most_change", "planned"), [(0.0, [6, 3, 10, 5]), (0.25, [8, 4, 8, 4]), (9.0, [12, 6, 4, 2])])
def test_a_township_moves_by_its_bound(most_change, planned):
    """By risk one of two townships should have three visits of four and has two of five: as many as the bound lets it have, and within it the risk decides."""
    spread = gaps.redistribute(TWO, budget=24, random_share=0.0, most_change=most_change)

    assert spread["visits_now"].tolist() == pytest.approx([4.8, 4.8, 9.6, 4.8])
    assert spread["visits_suggested"].tolist() == planned


def test_a_tenth_of_the_visits_is_drawn():
    """Rounded down, with the chance of each grid beside it; of grids nobody visits the spread of now is even."""
    spread = gaps.redistribute(TWO.assign(visits=0), budget=19, random_share=0.1, most_change=9.0)

    assert spread["of_them_random"].sum() == 1
    assert spread["propensity"].tolist() == [0.25] * 4
    assert spread["visits_now"].tolist() == [4.75] * 4
    assert (spread["visits_suggested"] - spread["of_them_random"]).tolist() == [9, 5, 3, 1]


@example(n=9, most=1, used=1.0, seed=2)
@given(st.integers(2, 30), st.integers(1, 8), st.floats(0.2, 1), st.integers(0, 9))
def test_no_grid_is_planned_more_visits_than_the_bound(n, most, used, seed):
    """Whatever the risk, the whole budget is spent and no grid's plan exceeds the bound; what cannot be spent is refused."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "grid_id": [f"G{i}" for i in range(n)],
            "risk": rng.pareto(0.7, n) + 0.01,
            "visits": rng.integers(0, 9, n) + (np.arange(n) == 0),
            "township_id": [f"T{i % 3}" for i in range(n)],
        }
    )
    budget = max(int(used * most * n), 1)
    spread = gaps.redistribute(table, budget=budget, random_share=0, most=most)["visits_suggested"]
    assert spread.sum() == budget
    assert spread.max() <= most
    with pytest.raises(DataError, match="cannot be spread"):
        gaps.redistribute(table, budget=most * n + 1, random_share=0, most=most)


def test_the_delay_curve_recovers_a_known_law():
    """With delays of 0 to 4 nights equally likely and the last days cut off, the curve is a fifth a night."""
    rng = np.random.default_rng(2)
    age, delay = rng.integers(0, 120, 60_000), rng.integers(0, 5, 60_000)
    seen = delay <= age
    assert product_limit(delay[seen], age[seen], days=6) == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 1.0], abs=0.01)


def test_a_nowcast_does_not_look_calm(tmp_path):
    """Counts of the last days, over the curve, are level where what happened was."""
    events = [
        e | {"known_at": e["occurred_at"] + pd.Timedelta(days=int(e["event_id"][-1] != "0") * 2)}
        for e in w.steady("hotline", 150, 5.0)
    ]
    events = [e for e in events if e["known_at"] < w.NIGHT]
    evidence = Evidence(w.town(tmp_path / "t", events), w.NIGHT)
    counts = np.bincount(evidence.days_ago(evidence.events.occurred), minlength=30)[:30].astype(float)
    now = nowcast(counts, delay_curve(evidence, "hotline"))
    assert counts[:2].mean() < 0.5 * counts[5:].mean()
    assert now[:2].mean() == pytest.approx(counts[5:].mean(), rel=0.35)


def test_capture_recapture_of_lists_that_are_complete():
    """Two lists that agree leave nobody unseen; two that share half leave some, and the estimate is unbiased."""
    assert capture(np.arange(50), np.arange(50)).unseen == 0
    rng = np.random.default_rng(1)
    totals = [capture(*(np.flatnonzero(rng.random(400) < p) for p in (0.5, 0.4))).total for _ in range(200)]
    assert np.mean(totals) == pytest.approx(400, rel=0.02)


def test_lists_of_matters_by_hand():
    """Chapman's count of two lists with one in common; of lists that share none more than stand on both; never less than none unseen."""
    apart, alike = capture(np.array([1, 2, 2]), np.array([3, 4, 5])), capture(np.array([1, 2]), np.array([1, 2]))

    assert (apart.first, apart.second, apart.both) == (2, 3, 0)
    assert (apart.total, apart.unseen) == (3 * 4 - 1, 11 - 5)
    assert (alike.total, alike.unseen) == (2, 0)
    assert np.isnan(duplicate_rate(np.array([1.0]), np.array([0.0])))


def test_duplicates_tell_the_rate_of_reporting():
    """Reports after the first, over the days the matter stayed open, are the rate at which people report."""
    rng = np.random.default_rng(0)
    days = rng.exponential(20, 5000)
    assert duplicate_rate(rng.poisson(0.15 * days), days) == pytest.approx(0.15, rel=0.05)


def test_a_township_that_does_not_write_down(tmp_path):
    """Of two townships whose residents bring as much, the one that keeps a third in its ledger is named."""
    store = w.Store(tmp_path / "t", timezone=w.ZONE)
    store.write("grids", w.grids(10).assign(township_id=[f"T{i}" for i in range(10)]))
    events = []
    for g in range(10):
        for i in range(80):
            events.append(w.event(f"h{g}-{i}", "hotline", 10 + i, grid=f"G{g}", case_id=f"K{g}-{i}"))
            if i % 5 < (1 if g == 0 else 4):
                events.append(
                    w.event(f"d{g}-{i}", "dispute", 8 + i, grid=f"G{g}", case_id=f"K{g}-{i}", origin="citizen")
                )
    store.write("events", w.frame(events))
    seen = gaps.find_gaps(store, as_of=w.NIGHT, kinds=["G02"])
    assert seen["scope"].tolist() == ["org:T0"]
    told = json.loads(seen["evidence"].iloc[0])
    assert (told["brought_by_residents"], told["of_them_in_ledger"]) == (80, 16)
