"""Weekly counts say what was known of each week when it ended."""

import pandas as pd
import pytest
from towns import reasons as town

from riskwarn.history import History
from riskwarn.taxonomy import CATEGORIES, NEVER_FEATURES
from riskwarn.weekly import N_PERIODS, N_WEEKS, category_counts, period_ends, week_ends, weekly_counts, weekly_readings

AT = pd.Timestamp(town.NIGHT, tz=town.ZONE)


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    return History.load(town.store(tmp_path_factory.mktemp("weekly") / "town"))


@pytest.mark.parametrize("back", [0, 1, 30])
def test_a_week_counts_what_was_known_when_it_ended(history, back):
    """An event counts in the week it happened if a revision that places it in the grid held at the week's end."""
    end = AT - pd.DateOffset(weeks=back)
    revisions = town.events()
    newest = (
        revisions[revisions["known_at"] < end]
        .sort_values("known_at", kind="stable")
        .drop_duplicates("event_id", keep="last")
    )
    here = newest[
        ~newest["retracted"] & (newest["occurred_at"] >= end - pd.Timedelta(days=7)) & (newest["occurred_at"] < end)
    ]
    weeks = weekly_counts(history, AT)
    counted = weeks[weeks["week_ends_at"] == end].set_index(["source", "grid_id"])["n"]

    assert counted.to_dict() == here.groupby(["source", "grid_id"]).size().to_dict()


def test_a_week_without_an_event_has_no_row(history):
    """The table holds what there was: no zeros, and no week beyond the year."""
    weeks = weekly_counts(history, AT)

    assert (weeks["n"] > 0).all()
    assert set(weeks["week_ends_at"]) <= set(week_ends(AT))
    assert len(week_ends(AT)) == N_WEEKS


def test_a_reading_is_of_the_whole_city(history):
    """Each feed has one reading, whose count is that of all grids; a feed without an event in the year has one too."""
    weeks = weekly_counts(history, AT)
    readings = weekly_readings(weeks, [*history.sources, "hotline"], AT).set_index("source")

    last = weeks[weeks["week_ends_at"] == AT].groupby("source")["n"].sum()
    assert readings["n"].drop("hotline").to_dict() == last.to_dict()
    assert readings.loc["hotline", ["n", "reading"]].tolist() == [0.0, "no_history"]


@pytest.mark.parametrize("back", [0, 3])
def test_a_period_counts_by_category_what_was_known_when_it_ended(history, back):
    """An event counts in its category and period of four weeks if a revision that says so held at the period's end; D98 and P09 never do."""
    end = period_ends(AT)[N_PERIODS - 1 - back]
    revisions = town.events()
    newest = (
        revisions[revisions["known_at"] < end]
        .sort_values("known_at", kind="stable")
        .drop_duplicates("event_id", keep="last")
    )
    near = (newest["occurred_at"] >= end - pd.Timedelta(days=28)) & (newest["occurred_at"] < end)
    here = newest[~newest["retracted"] & near & newest["category"].isin(set(CATEGORIES) - NEVER_FEATURES)]
    counts = category_counts(history, AT)
    by = ["source", "category", "grid_id"]
    counted = counts[counts["period_ends_at"] == end].set_index(by)["n"]

    assert counted.to_dict() == here.groupby(by).size().to_dict()
    assert not set(counts["category"]) & NEVER_FEATURES
