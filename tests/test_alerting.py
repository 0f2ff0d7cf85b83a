"""Alerts: never more grids than can be attended to, neighbours together, each with a level, a step and a due time."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_grid import squares

from riskwarn.alerting import ACKNOWLEDGE_HOURS, raise_alerts
from riskwarn.errors import DataError
from riskwarn.level import level_of
from riskwarn.schema import conform

AT = pd.Timestamp("2025-03-03", tz="Asia/Shanghai")


def scores(expected, states=None):
    """Scores of one night, grids G00, G01 …, ranked by `expected`; a grid whose state is not ok has no score."""
    frame = pd.DataFrame(
        {
            "grid_id": [f"G{i:02d}" for i in range(len(expected))],
            "as_of": AT,
            "target": "t",
            "expected": np.array(expected, dtype=float),
        }
    )
    frame["state"] = states or "ok"
    known = frame["state"] == "ok"
    frame["expected"] = frame["expected"].where(known)
    frame["probability"] = -np.expm1(-frame["expected"])
    frame["rank"] = (-frame["expected"]).rank(method="first").astype("Int64")
    return frame.assign(model_version="m")


def reasons(grid_id="G00", code="RC01"):
    return pd.DataFrame(
        {
            "grid_id": [grid_id],
            "as_of": AT,
            "target": "t",
            "place": [1],
            "feature": "f",
            "value": 1.0,
            "normal": 0.0,
            "contribution": [0.5],
            "code": code,
        }
    )


def gaps(rows=()):
    return pd.DataFrame(rows, columns=["kind", "scope", "suppressed_by"]).astype({"suppressed_by": "str"})


@settings(deadline=None, max_examples=40)
@given(st.lists(st.floats(0.01, 50), min_size=1, max_size=60), st.integers(1, 12))
def test_the_capacity_is_never_passed(expected, capacity):
    """The listed grids are the riskiest that reach a level, at most `capacity`, each once, in the order of rank."""
    night = scores(expected)
    found = raise_alerts(night, reasons(), gaps(), capacity=capacity)
    listed = " ".join(found["grid_ids"]).split()
    levelled = night[level_of(night) != ""].sort_values("rank")["grid_id"].tolist()

    assert listed == levelled[:capacity]
    assert found["rank"].is_monotonic_increasing
    assert len(conform("alerts", found)) == len(found)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.floats(0.01, 50), min_size=1, max_size=60))
def test_levels_fall_with_the_rank(expected):
    """A riskier grid never has a lower level, and the first of the list always has one."""
    night = scores(expected).sort_values("rank")
    order = level_of(night).map({"red": 4, "orange": 3, "yellow": 2, "blue": 1, "": 0})

    assert order.is_monotonic_decreasing
    assert order.iloc[0] > 0


def test_a_level_needs_rank_and_size():
    """Red is for few grids and for several times the city's mean: in a city where all are alike nobody is red."""
    alike = level_of(scores([1.0] * 200))
    one = level_of(scores([50.0] + [1.0] * 199))

    assert set(alike) == {"blue", ""}
    assert one.tolist()[0] == "red"
    assert (alike == "blue").sum() == 30


def test_grids_without_a_score_are_not_listed_and_do_not_count():
    """A grid with insufficient data has no level, and shares are of the grids that have a score."""
    night = scores([9.0, 5.0, 1.0, 1.0], states=["insufficient_data", "ok", "ok", "ok"])
    found = raise_alerts(night, reasons(), gaps(), capacity=4)

    assert found["grid_ids"].tolist() == ["G01"]


def test_a_night_without_any_score_has_no_alert():
    """Nothing is known, nothing is raised, and the table keeps its shape."""
    found = raise_alerts(scores([1.0, 1.0], states=["insufficient_data"] * 2), reasons(), gaps(), capacity=4)

    assert found.empty
    assert len(conform("alerts", found)) == 0


def test_neighbours_become_one_alert():
    """On a board of 10 by 10 the busiest four corners of one crossing are one alert, led by the riskiest; a far one stands alone."""
    expected = np.full(100, 0.1)
    expected[[0, 1, 10, 11, 99]] = [9, 8, 7, 6, 5]
    night = scores(expected)
    found = raise_alerts(night, reasons(), gaps(), capacity=5, grids=squares(10, 10))

    assert found["grid_ids"].tolist() == ["G00 G01 G10 G11", "G99"]
    assert found["rank"].tolist() == [1, 5]
    assert found["probability"][0] == night["probability"][0]


def test_an_alert_holds_four_grids_at_most():
    """A block of six busy grids is two alerts, so that each can be walked in one visit."""
    expected = np.full(100, 0.1)
    expected[[0, 1, 2, 10, 11, 12]] = [9, 8, 7, 6, 5, 4]
    found = raise_alerts(scores(expected), reasons(), gaps(), capacity=6, grids=squares(10, 10))

    assert found["grid_ids"].str.split().str.len().max() == 4
    assert sorted(" ".join(found["grid_ids"]).split()) == ["G00", "G01", "G02", "G10", "G11", "G12"]


def test_the_step_follows_the_first_reason():
    """Open or overdue cases call for joint handling, anything else for a visit."""
    night = scores([9.0, 1.0])

    assert raise_alerts(night, reasons(code="RC03"), gaps(), capacity=1)["action"].tolist() == ["A3"]
    assert raise_alerts(night, reasons(code="RC01"), gaps(), capacity=1)["action"].tolist() == ["A1"]
    assert raise_alerts(night, reasons("G01", "RC03"), gaps(), capacity=1)["action"].tolist() == ["A1"]


def test_open_gaps_of_its_grids_stand_beside_an_alert():
    """Gaps of other grids, and gaps explained by an outage, do not."""
    rows = [
        ("G09", "grid:G00", None),
        ("G01", "grid:G00/petition", None),
        ("G02", "grid:G01", None),
        ("G03", "grid:G00", "x"),
    ]
    found = raise_alerts(scores([9.0, 1.0]), reasons(), gaps(rows), capacity=1)

    assert found["gap_kinds"].tolist() == ["G01 G09"]


def test_due_times_follow_the_level():
    """The clock starts at eight in the morning of the night."""
    found = raise_alerts(scores([50.0] + [1.0] * 199), reasons(), gaps(), capacity=9)
    wait = found["due_at"] - AT

    assert wait.tolist() == [pd.Timedelta(hours=8 + ACKNOWLEDGE_HOURS[level]) for level in found["level"]]


def test_the_same_night_gives_the_same_alerts():
    """Alert ids depend on night, target and leading grid alone."""
    night = scores([9.0, 1.0, 2.0])
    first = raise_alerts(night, reasons(), gaps(), capacity=3)

    pd.testing.assert_frame_equal(
        raise_alerts(night.sample(frac=1, random_state=1), reasons(), gaps(), capacity=3), first
    )
    assert set(raise_alerts(night.assign(target="u"), reasons(), gaps())["alert_id"]).isdisjoint(first["alert_id"])


@pytest.mark.parametrize("capacity", [0, -3])
def test_no_capacity_is_refused(capacity):
    """A list for nobody is a mistake, not an empty list."""
    with pytest.raises(DataError, match=f"capacity must be at least 1, got {capacity}"):
        raise_alerts(scores([1.0]), reasons(), gaps(), capacity=capacity)


def test_several_nights_are_refused():
    """Alerts are for one night."""
    two = pd.concat([scores([1.0]), scores([1.0]).assign(as_of=AT + pd.Timedelta(days=1))])
    with pytest.raises(DataError, match="the scores hold 2"):
        raise_alerts(two, reasons(), gaps())


def test_a_scored_grid_must_be_among_the_grids():
    """A grid that has no place cannot be grouped; it is named."""
    with pytest.raises(DataError, match="1 scored grids are not among `grids`, first: G00"):
        raise_alerts(scores([9.0, 1.0]), reasons(), gaps(), grids=squares(2, 2).iloc[1:])
