"""The additive rate: weights that made the draws are found, units and missing values do not matter, parts add up."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from riskwarn.baseline import Additive
from riskwarn.baseline.additive import bounded_step

NAMES = ["recent", "around", "idle"]
WEIGHTS = np.array([0.6, 1.2, 0.0])
BACKGROUND = 0.4


def drawn(n=8000, *, seed=3, threshold=None, dispersion=0.3):
    """Rows of a known rate: counts of it, or whether a negative binomial count exceeds the rows' threshold."""
    rng = np.random.default_rng(seed)
    values = rng.gamma(0.7, 1.5, (n, len(NAMES)))
    rate = BACKGROUND + values @ WEIGHTS
    panel = pd.DataFrame(values, columns=NAMES)
    if threshold is None:
        return panel.assign(y=rng.poisson(rate).astype(float))
    limits = rng.integers(*threshold, n).astype(float)
    count = rng.negative_binomial(1 / dispersion, 1 / (1 + dispersion * rate))
    return panel.assign(limit=limits, y=(count > limits).astype(float))


def test_the_weights_of_counts_are_found():
    """From 8,000 counts the weights that made them are found again, and the idle column adds next to nothing."""
    rate = Additive.fit(drawn(), NAMES)

    assert rate.background == pytest.approx(BACKGROUND, abs=0.08)
    assert list(rate.weights.values()) == pytest.approx(WEIGHTS.tolist(), abs=0.08)


def test_the_weights_of_outcomes_are_found():
    """From outcomes that are 1 or 0 alone, weights and dispersion of the count behind them are found again."""
    rate = Additive.fit(drawn(60_000, threshold=(1, 6)), NAMES, exceeds="limit")

    assert rate.background == pytest.approx(BACKGROUND, abs=0.15)
    assert list(rate.weights.values()) == pytest.approx(WEIGHTS.tolist(), abs=0.15)
    assert rate.dispersion == pytest.approx(0.3, abs=0.1)


def test_the_chance_is_the_negative_binomial_one():
    """The margin is the log of the chance of more events than the threshold, as SciPy has it; without one, of any event."""
    panel = drawn(500, threshold=(0, 5))
    rate = Additive(0.5, {"recent": 0.7}, {"recent": 1.0, "limit": 2.0}, "limit", 0.4)
    mean = 0.5 + 0.7 * panel["recent"]
    wanted = stats.nbinom.logsf(panel["limit"], 2.5, 2.5 / (2.5 + mean))
    any_event = Additive(0.5, {"recent": 0.7}, {"recent": 1.0}, "", 0.4)

    np.testing.assert_allclose(rate.margin(panel), wanted, rtol=1e-9)
    np.testing.assert_allclose(any_event.margin(panel), stats.nbinom.logsf(0, 2.5, 2.5 / (2.5 + mean)), rtol=1e-9)


def test_nothing_near_is_likelier():
    """No weights a little beside those found make the outcomes likelier: the search ended at a maximum within the bounds."""
    panel = drawn(2000)
    y, found = panel["y"].to_numpy(), Additive.fit(panel, NAMES)
    weights = np.r_[found.background, list(found.weights.values())]

    def likelihood(w):
        mean = w[0] + panel[NAMES].to_numpy() @ w[1:]
        return (y * np.log(mean) - mean).mean()

    rng = np.random.default_rng(5)
    beside = [np.maximum(weights + rng.normal(0, 0.02, 4), 1e-6) for _ in range(200)]
    assert max(map(likelihood, beside)) <= likelihood(weights) + 1e-7


@settings(deadline=None, max_examples=10)
@given(st.lists(st.floats(0.01, 100), min_size=3, max_size=3), st.sampled_from([None, "limit"]))
def test_units_do_not_matter(units, exceeds):
    """A column in other units gets its weight in the inverse; what is forecast stays."""
    panel = drawn(600, threshold=None if exceeds is None else (1, 4))
    scaled = panel.assign(**{n: panel[n] * u for n, u in zip(NAMES, units, strict=True)})
    plain, other = (Additive.fit(p, NAMES, exceeds=exceeds) for p in (panel, scaled))

    np.testing.assert_allclose(other.margin(scaled), plain.margin(panel), atol=2e-3)


@pytest.mark.parametrize("exceeds", [None, "", "limit"])
def test_parts_and_constant_make_the_margin(exceeds):
    """What the columns add and the constant sum to the margin, to a billionth, also where values are missing or as usual."""
    panel = drawn(400, threshold=(0, 4))
    panel.loc[:40, "recent"] = np.nan
    panel.loc[41:60, "limit"] = np.nan
    rate = Additive(
        0.2,
        {"recent": 0.5, "around": 0.0, "idle": 0.3},
        {"recent": 1.0, "around": 1.0, "idle": 0.5, "limit": 2.0},
        exceeds,
        0.4,
    )
    panel.loc[61:80, NAMES] = [1.0, 1.0, 0.5]
    # rises that cancel out: the rate is as usual though the columns are not
    panel.loc[81:90, NAMES] = [1.3, 1.0, 0.0]
    parts = rate.parts(panel)

    assert parts.shape == (400, len(rate.columns))
    np.testing.assert_allclose(parts.sum(axis=1) + rate.constant, rate.margin(panel), atol=1e-9)
    assert np.allclose(parts[:41, 0], 0)
    assert (parts[81:91, 0] > 0).all()
    assert (parts[81:91, 2] < 0).all()


def test_a_column_pulls_the_way_it_moves():
    """More events than usual raise, fewer lower, a column without weight does nothing; a higher threshold lowers the chance."""
    panel = drawn(400, threshold=(0, 4))
    rate = Additive(0.2, {"recent": 0.5, "around": 0.0}, {"recent": 1.0, "around": 1.0, "limit": 1.5}, "limit", 0.4)
    recent, around, limit = rate.parts(panel).T

    assert (np.sign(recent) == np.sign(panel["recent"] - 1)).all()
    assert not around.any()
    assert (np.sign(limit) == np.sign(1.5 - panel["limit"])).all()


def test_without_columns_the_rate_is_the_mean():
    """Where the model has no count to add up, the rate is the mean of the outcomes."""
    panel = drawn(300)
    assert Additive.fit(panel, []).margin(panel) == pytest.approx(np.log(panel["y"].mean()))


def bound_problem(seed):
    """A quadratic of some entries that pull at each other, with bounds on some of them, and what scipy's own search says."""
    rng = np.random.default_rng(seed)
    k = int(rng.integers(1, 40))
    mixed = rng.normal(size=(k + 5, k)) @ (np.eye(k) + 0.8 * rng.random((k, k)))
    low = np.where(rng.random(k) < 0.7, -rng.random(k) * rng.integers(0, 2, k), -np.inf)
    high = np.where(rng.random(k) < 0.3, rng.random(k), np.inf)
    return mixed.T @ mixed / k, 3 * rng.normal(size=k), low, high


def test_a_step_is_the_best_within_its_bounds():
    """However many bounds bind, an entry moves until it gains nothing more, or stands at the bound it is pulled to."""
    for seed in range(25):
        information, gradient, low, high = bound_problem(seed)
        step = bounded_step(information, gradient, low, high)
        pull = gradient - information @ step
        near = 1e-4 * (1 + np.abs(gradient))
        assert (step >= low).all()
        assert (step <= high).all()
        assert ((np.abs(pull) < near) | ((pull < 0) & (step == low)) | ((pull > 0) & (step == high))).all()


def test_a_step_is_found_where_guesses_fail(monkeypatch):
    """Without a guess which bounds bind the slower search gains as much."""
    problems = [bound_problem(seed) for seed in range(8)]

    def gains():
        steps = [(p, bounded_step(*p)) for p in problems]
        return [gradient @ step - step @ information @ step / 2 for (information, gradient, *_), step in steps]

    guessed = gains()
    monkeypatch.setattr("riskwarn.baseline.additive._GUESSES", 0)
    assert gains() == pytest.approx(guessed, rel=1e-5)


def test_a_sum_that_bends_downwards_by_rounding_gives_a_step(monkeypatch):
    """Sums in single precision may leave one way of a quadratic bent downwards by a trace; the slower search then still gains."""
    monkeypatch.setattr("riskwarn.baseline.additive._GUESSES", 0)
    mixed = np.random.default_rng(0).normal(size=(40, 4)) @ np.array(
        [[1, 0, 0, 1], [0, 1, 0, 1], [0, 0, 1, 0], [0, 0, 0, 0.0]]
    )
    information = mixed.T @ mixed - 1e-7 * np.eye(4) * np.trace(mixed.T @ mixed)
    gradient = mixed.sum(axis=0)
    step = bounded_step(information, gradient, np.zeros(4), np.full(4, np.inf))

    assert np.linalg.eigvalsh(information)[0] < 0
    assert (step >= -1e-6).all()
    assert gradient @ step - step @ information @ step / 2 > 0
