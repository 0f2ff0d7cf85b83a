"""The work list of gaps: one item for each kind and area, what saves most first, nothing that cannot be acted on."""

import json

import numpy as np
import pandas as pd
import pytest
from towns import web as web_town
from towns.web import Altered

from riskwarn.web import worklist
from riskwarn.web.nights import Nights


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    return Nights(web_town.build(tmp_path_factory.mktemp("worklist"))).at()


def with_gaps(night, n, seed):
    """The night with `n` gaps of some kinds, states and places."""
    rng = np.random.default_rng(seed)
    grids = night.places.grids["grid_id"].to_numpy()
    scopes = [f"grid:{g}" for g in rng.choice(grids, n)]
    gaps = pd.DataFrame(
        {
            "gap_id": [f"g{i:04}" for i in range(n)],
            "kind": rng.choice(["G01", "G06", "G14"], n),
            "scope": scopes,
            "as_of": night.as_of,
            "severity": rng.uniform(0, 100, n),
            "confidence": rng.uniform(0.5, 1, n),
            "state": rng.choice(["open", "insufficient_data"], n, p=[0.9, 0.1]),
            "action": rng.choice(["A1", "A2", "A4"], n),
            "evidence": "{}",
            "suppressed_by": rng.choice(["", "feed:x"], n, p=[0.9, 0.1]),
        }
    )
    return Altered(night, gaps=gaps)


@pytest.mark.parametrize("seed", range(5))
def test_an_item_stands_for_all_gaps_of_its_kind_and_area(night, seed):
    """Four hundred overdue cases of one body are one item; what an outage explains or the data cannot tell is no work."""
    night = with_gaps(night, 400, seed)
    grouped = worklist._grouped(night)
    work = night.gaps[(night.gaps["state"] == "open") & (night.gaps["suppressed_by"] == "")]

    assert not grouped.duplicated(["kind", "area"]).any()
    assert grouped["n"].sum() == len(work)
    assert set(grouped["gap_id"]) <= set(work["gap_id"])


@pytest.mark.parametrize("seed", range(5))
def test_what_saves_most_is_first_and_no_kind_fills_the_page(night, seed):
    """Items stand by gain, never more than the page holds, few of one kind, each with the gravest gap of its group."""
    night = with_gaps(night, 400, seed)
    items = worklist.work_items(night, "en", most=7)
    gains = [item.gain for item in items]

    assert gains == sorted(gains, reverse=True)
    assert len(items) <= 7
    assert pd.Series([item.kind for item in items]).value_counts().max() <= worklist.MOST_OF_KIND


def test_one_talk_is_about_all_of_an_item(night):
    """An item of places to visit is done place by place; one of cases to raise is one talk about all of them."""
    items = [item for seed in range(9) for item in worklist.day_items(with_gaps(night, 40, seed), "en", hands=500)]

    assert {(item.worst["action"], item.is_each) for item in items} == {("A1", True), ("A2", True), ("A4", False)}


def test_a_shared_place_is_named_by_its_grids(night):
    """A gap of a place that no table names is told by the grids in which its records lie, and leads to one of them."""
    grid = night.places.grids["grid_id"].iloc[0]
    gaps = with_gaps(night, 1, 0).gaps.assign(
        kind="G11",
        scope="place:0a1b2c",
        state="open",
        suppressed_by="",
        evidence=json.dumps(
            {"events": 4, "window_days": 28, "separate_cases": 2, "feeds": {"hotline": 4}, "grids": [grid]}
        ),
    )
    (item,) = worklist.work_items(Altered(night, gaps=gaps), "en")

    assert item.worst["place"] == {"text": f"one place in {night.names[grid]}", "grid_id": grid}
    assert "0a1b2c" not in item.worst["proof"]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("hands", [1, 3, 10])
def test_no_area_is_given_more_than_its_hands(night, seed, hands):
    """What is to be done today in an area, visits by place and talks by matter, takes no more than it can do; the best comes first."""
    items = worklist.day_items(with_gaps(night, 400, seed), "en", hands=hands, most=200)
    spent = {}
    for item in items:
        effort = worklist.EFFORT[item.worst["action"]]
        n = item.today if item.worst["action"] in worklist.EACH else 1
        spent[item.area] = spent.get(item.area, 0) + n * effort

    assert all(1 <= item.today <= item.n for item in items)
    assert max(spent.values(), default=0) <= hands
    assert [item.gain for item in items] == sorted((item.gain for item in items), reverse=True)


def test_a_talk_is_about_all_of_a_group_and_a_visit_is_to_one_place(night):
    """With hands for ten calls one body's overdue cases are done by one talk, and three places can be visited."""
    gaps = with_gaps(night, 60, 1).gaps.assign(state="open", suppressed_by="", scope="grid:G0001")
    gaps = gaps.assign(kind=["G06", "G01"] * 30, action=["A4", "A1"] * 30)
    items = {item.kind: item for item in worklist.day_items(Altered(night, gaps=gaps), "en", hands=10)}

    assert (items["G06"].today, items["G06"].n) == (30, 30)
    assert (items["G01"].today, items["G01"].n) == (3, 30)
