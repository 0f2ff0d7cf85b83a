"""The stack: shares that are never negative, follow the evidence, and fall back to the best count where there is little."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskwarn.metrics import capture
from riskwarn.stack import _captured, stack


def world(n_dates, n_grids=60, *, seed=0, busy=1.0):
    """Three rates of the same truth, noisier from left to right; counts; dates, one busier than the other."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(rng.normal(0, 1, n_grids)[None], n_dates, axis=0)
    rates = np.stack([truth + rng.normal(0, s, truth.shape) for s in (0.2, 0.9, 1.2)], axis=-1)
    y = rng.poisson(busy * np.exp(truth + rng.normal(0, 1, (n_dates, 1))))
    return rates.reshape(-1, 3), y.ravel().astype(float), np.repeat(np.arange(n_dates), n_grids)


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 12), st.integers(0, 50), st.sampled_from([(), (2,), (1, 2)]), st.sampled_from([0.01, 1.0]))
def test_shares_are_shares(n_dates, seed, rivals, busy):
    """Shares are not negative and sum to one, whatever the evidence."""
    found = stack(*world(n_dates, seed=seed, busy=busy), rivals=rivals)

    assert (found >= 0).all()
    assert found.sum() == pytest.approx(1)


def test_how_busy_a_date_is_does_not_matter():
    """A rate shifted by any amount a date gets the same share: only which grids the events fell in is asked."""
    rates, y, dates = world(20)
    shift = np.random.default_rng(1).normal(0, 3, 20)[dates]

    assert stack(rates + shift[:, None], y, dates) == pytest.approx(stack(rates, y, dates), abs=2e-3)


def test_evidence_moves_the_shares():
    """With few events the rival holds the share, with many the rate that predicts better; rows that overlap are less evidence."""
    few, some, many = (stack(*world(n), rivals=(1,))[0] for n in (1, 4, 60))
    overlapping = stack(*world(4), rivals=(1,), overlap=4)[0]

    assert few < some < many
    assert overlapping < some
    assert many > 0.8
    assert stack(*world(2, busy=0.05), rivals=(1,))[1] > 0.5


def test_without_rivals_all_hold_alike():
    """Where nothing is there to fall back to and evidence is thin, every rate has an equal share; with much, the better one has more."""
    thin, much = stack(*world(4), overlap=1e6), stack(*world(60))

    assert thin == pytest.approx(np.full(3, 1 / 3), abs=0.02)
    assert much[0] > 0.7


def test_the_best_count_is_the_one_to_fall_back_to():
    """Of several rivals the one that places the events best holds the share where evidence is thin."""
    rates, y, dates = world(12)
    held = [stack(rates[:, order], y, dates, rivals=(0, 1), overlap=1e6) for order in ([0, 2, 1], [2, 0, 1])]

    assert [shares.argmax() for shares in held] == [0, 1]
    assert min(shares.max() for shares in held) > 0.95


def test_what_a_rival_captured_is_the_metric_itself():
    """Whom a stack falls back to is chosen by the captures that reports print, ties shared out, times the events."""
    rng = np.random.default_rng(4)
    y, rate, dates = rng.poisson(0.4, 600).astype(float), rng.integers(0, 6, 600).astype(float), np.arange(600) // 200
    nights = [np.flatnonzero(dates == date) for date in range(3)]
    wanted = sum(
        capture(y[at], rate[at], share=share, ties="mean") * y[at].sum() for at in nights for share in (0.05, 0.1)
    )
    assert _captured(rate, y, nights) == pytest.approx(wanted)
