"""One law for an unusual week: it holds its level where counts scatter, follows the city, and says when it cannot know."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from riskwarn.unusual import STOPPED_P, WORDS, stop_chances, stopped, weekly_reading

TABLES = arrays(np.int64, st.tuples(st.integers(1, 6), st.integers(6, 20)), elements=st.integers(0, 50))


def clumped(rng, mean, spread, weeks):
    """(n, weeks) negative binomial counts whose variance is `spread` times their mean."""
    return rng.negative_binomial(mean[:, None] / (spread - 1), 1 / spread, (len(mean), weeks)).astype(float)


@pytest.mark.parametrize("spread", [1.001, 1.5, 2.5])
def test_the_level_is_held_where_counts_scatter(spread):
    """Of 60,000 usual weeks at most two in a thousand lie below p 0.001, from Poisson's scatter to two and a half times it."""
    rng = np.random.default_rng(1)
    mean = rng.gamma(2.0, 2.0, 3000)
    listed = [(weekly_reading(clumped(rng, mean, spread, 16))["p_high"] < 1e-3).mean() for _ in range(20)]

    assert np.mean(listed) < 2e-3


def test_a_planted_surge_is_found():
    """Four times the usual count of a grid that has ten a week is very high, and it alone."""
    rng = np.random.default_rng(2)
    counts = rng.poisson(10.0, (200, 16))
    counts[7, -1] = 40
    words = weekly_reading(counts)["word"]

    assert words[7] == "very_high"
    assert (words == "very_high").sum() == 1


def test_what_the_city_shares_is_nobodys_surge():
    """A week in which every grid brings twice as much lists hardly a grid; told alone each of them would be high."""
    rng = np.random.default_rng(3)
    counts = rng.poisson(8.0, (300, 16)).astype(float)
    counts[:, -1] = rng.poisson(16.0, 300)
    together = weekly_reading(counts)
    alone = weekly_reading(counts.sum(axis=0)[None])

    assert (together["word"] == "very_high").mean() < 0.01
    assert alone["word"].item() == "very_high"


def test_a_week_in_which_all_stray_is_nobodys_surge():
    """Where a storm leaves one grid with half of its usual count and the next with twice it, few are listed, and the one with seven times it is."""
    rng = np.random.default_rng(4)
    counts = rng.poisson(8.0, (400, 16)).astype(float)
    counts[:, -1] = rng.poisson(8 * rng.lognormal(-0.18, 0.6, 400))
    counts[7, -1] = 60
    p = weekly_reading(counts)["p_high"]

    assert p[7] < 1e-5
    assert (p < 1e-3).sum() <= 8


@given(TABLES)
def test_tails_and_words_agree(counts):
    """Both tails lie in [0, 1] and add up to at least 1, the word is one of the five, and more events are never less odd."""
    reading = weekly_reading(counts)
    if (reading["word"] == "no_history").all():
        assert reading[["mean", "p_high", "p_low"]].isna().all(axis=None)
        return
    assert reading[["p_high", "p_low"]].stack().between(0, 1).all()
    assert (reading["p_high"] + reading["p_low"] >= 1 - 1e-9).all()
    assert set(reading["word"]) <= set(WORDS)
    if len(counts) == 1:
        more = counts.copy()
        more[0, -1] += 5
        assert weekly_reading(more)["p_high"].item() <= reading["p_high"].item() + 1e-12


@given(TABLES, st.randoms())
def test_the_order_of_units_is_irrelevant(counts, random):
    """Each unit reads the same wherever it stands in the table."""
    order = list(range(len(counts)))
    random.shuffle(order)
    np.testing.assert_allclose(
        weekly_reading(counts)["p_high"].to_numpy()[order], weekly_reading(counts[order])["p_high"], rtol=1e-9
    )


@pytest.mark.parametrize("weeks", [1, 3, 4])
def test_a_young_feed_has_no_history(weeks):
    """Fewer than four weeks before the last, leading weeks before the first record left out, are no history."""
    counts = np.c_[np.zeros((2, 20)), np.full((2, weeks), 5)]

    assert set(weekly_reading(counts)["word"]) == {"no_history"}
    assert weekly_reading(np.c_[counts, [[5], [5]]])["word"].tolist() == ["usual" if weeks == 4 else "no_history"] * 2


@pytest.mark.parametrize("counts", [[1, 2, 3], [[1, -2]]])
def test_what_is_no_table_of_counts_is_refused(counts):
    """A single row or a negative count is an error that says what came."""
    with pytest.raises(ValueError, match="counts must be"):
        weekly_reading(counts)


def test_an_event_after_fifteen_empty_weeks_is_rare_not_impossible():
    """A feed that was empty for fifteen weeks has half an event to go by: one event is high, four are very high."""
    past = [1, 1, 1, *[0] * 15]

    assert weekly_reading([[*past, 1]])["word"].item() == "high"
    assert weekly_reading([[*past, 4]])["word"].item() == "very_high"


@given(st.lists(st.integers(0, 9), min_size=20, max_size=120), st.integers(1, 400))
def test_silence_never_becomes_the_habit(spoke, silent):
    """A feed that has stopped stays stopped however long the silence lasts, and ever less by chance."""
    daily = [*spoke, 3]
    first, later = stopped([*daily, *[0] * silent]), stopped([*daily, *[0] * (silent + 50)])
    if first is not None:
        assert later is not None
        assert (later.days, later.a_day) == (first.days + 50, first.a_day)
        assert later.p <= first.p


@given(st.lists(st.integers(0, 4), min_size=1, max_size=150))
def test_each_day_is_told_as_its_own_night_would(daily):
    """What the days of a feed are told at once is what each night tells by itself."""
    chances, a_day = stop_chances(daily)
    for day in range(0, len(daily), 7):
        stop = stopped(daily[: day + 1])
        assert (stop is not None) == (chances[day] <= STOPPED_P)
        if stop is not None:
            assert (stop.p, stop.a_day) == (chances[day], a_day[day])


def test_pauses_of_habit_are_no_stop():
    """A feed that rests at weekends has not stopped on a Sunday, and a monthly one not within its month; on the fifth missing day, and in the second month, they have."""
    week, month = [20] * 5 + [0] * 2, [300] + [0] * 29

    assert stopped(week * 10) is None
    assert stopped(week * 10 + [0] * 5) is not None
    assert stopped(month * 6) is None
    assert stopped(month * 6 + [0] * 300) is not None
