"""Chances are worth what they were in weeks that are over."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from riskwarn.tail import LIMIT, Tail
from riskwarn.unusual import TAIL_WEEKS, weekly_reading, weekly_tail

CHANCES = arrays(float, st.integers(0, 60), elements=st.floats(0, 1))


@given(CHANCES, CHANCES)
def test_the_tail_of_two_parts_is_the_sum_of_theirs(one, other):
    """A city judged in parts gets the tail of the whole."""
    together, apart = Tail.of(np.r_[one, other]), Tail.of(one) + Tail.of(other)

    assert (together.n, together.below, together.exact) == (apart.n, apart.below, apart.exact)
    assert together.depth == pytest.approx(apart.depth)


@given(CHANCES, CHANCES)
def test_worth_keeps_the_order_of_chances(past, now):
    """A smaller chance is never worth more than a greater one, whatever came before, and each stays a chance."""
    worth = Tail.of(past).worth(np.sort(now))

    assert (np.diff(worth) >= 0).all()
    assert ((worth >= 0) & (worth <= 1)).all()


def test_a_law_that_keeps_its_word_is_left_alone():
    """Where chances came as often as they say, each is worth itself within a tenth."""
    p = np.random.default_rng(1).uniform(size=200_000)
    asked = np.array([1e-4, 1e-3, 0.01, 0.1])

    np.testing.assert_allclose(Tail.of(p).worth(asked), asked, rtol=0.1)


def test_one_wild_record_counts_as_one():
    """How far below a ten-thousandth a chance lies moves nothing."""
    p = np.random.default_rng(1).uniform(size=1000)

    assert Tail.of(np.r_[p, 1e-5]) == Tail.of(np.r_[p, 1e-300])


def test_a_chance_at_the_limit_is_worth_its_share():
    """Both powers meet there: nothing jumps."""
    tail = Tail.of(np.r_[np.full(100, 0.001), np.full(900, 0.5)])
    just = tail.worth(np.array([LIMIT * (1 - 1e-9), LIMIT]))

    assert just[0] == pytest.approx(just[1])
    assert just[1] == pytest.approx(tail.share)


def test_wild_weeks_are_listed_as_seldom_as_promised():
    """Of counts far wilder than negative binomial the law alone lists three times what it promises; held against its past at most half as many again."""
    rng = np.random.default_rng(5)
    wild = rng.poisson(4 * np.exp(rng.standard_t(3, (500, 90)) * 0.35)).astype(float)
    nights = [wild[:, :end] for end in range(70, 91, 2)]
    alone = np.mean([(weekly_reading(w)["p_high"] < 1e-3).mean() for w in nights])
    held = np.mean([(weekly_reading(w, weekly_tail(w))["p_high"] < 1e-3).mean() for w in nights])

    assert alone > 3e-3
    assert held < 1.5e-3


def test_the_last_week_teaches_nothing_of_itself():
    """The tail is the same whatever the week that is judged brings, and whatever came before the year that it looks at."""
    rng = np.random.default_rng(6)
    counts = rng.poisson(3.0, (40, TAIL_WEEKS + 30)).astype(float)
    other = counts.copy()
    other[:, -1] += 50
    other[:, :14] += 20

    assert weekly_tail(counts) == weekly_tail(other)


@pytest.mark.parametrize("weeks", [1, 5])
def test_a_young_feed_keeps_the_laws_word(weeks):
    """Without a week that has four weeks before it and lies before the last, nothing is corrected."""
    counts = np.random.default_rng(7).poisson(3.0, (40, weeks)).astype(float)

    assert weekly_tail(counts) == Tail()
