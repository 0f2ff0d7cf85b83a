"""Planted causes come out as the first reason."""

import pytest
from towns.planted import overdue, repeated, season

pytestmark = pytest.mark.filterwarnings("ignore:DatetimeIndex.dayofyear")


@pytest.mark.parametrize("world", [overdue, repeated, season], ids=lambda w: w.__name__)
def test_a_planted_cause_is_the_first_reason_where_it_drives(world):
    """In at least four of five grids where a planted cause is the true driver, its family is the first raising reason."""
    made = world()

    assert len(made.driven) >= 5
    assert made.share_first()[0] >= 0.8


@pytest.mark.parametrize(
    "world", [overdue, repeated, lambda: season(night="2024-10-07")], ids=["overdue", "repeated", "season"]
)
def test_a_planted_cause_is_seldom_named_where_it_is_absent(world):
    """Where there is no overdue case or repeat, and in the quiet half of the year, the cause is seldom the first reason."""
    made = world()
    elsewhere = made.share_first()[0 if made.family == "calendar" else 1]

    assert elsewhere <= 0.2
