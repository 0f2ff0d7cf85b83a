"""Rivals and calibration: counts stay counts, probabilities are probabilities, means come out right."""

import numpy as np
import pandas as pd
import pytest
import towns
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from riskwarn.baseline import Line, Linear, PriorCount, settled
from riskwarn.calibration import Calibration
from riskwarn.errors import DefinitionError, LabelError

FACES = [PriorCount(4), PriorCount(8), Linear(("prior_4w", "prior_8w"))]


def test_a_prior_count_ranks_by_the_count_itself():
    """Its score is the column of the panel, whatever the calibration."""
    panel = towns.drawn_panel()

    assert (PriorCount(8).fit(panel).predict(panel)["score"] == panel["prior_8w"]).all()


@pytest.mark.parametrize("face", FACES, ids=lambda f: f.name)
def test_means_come_out_right(face):
    """On what it trained on a rival expects as many events as there were; its probability of any event is as frequent as events are."""
    panel = towns.drawn_panel()
    found = face.fit(panel).predict(panel)

    assert found["expected"].mean() == pytest.approx(panel["y"].mean(), rel=1e-3)
    assert found["probability"].mean() == pytest.approx((panel["y"] > 0).mean(), abs=0.03)
    assert found["probability"].between(0, 1).all()
    assert found.index.equals(panel.index)


@pytest.mark.parametrize("face", FACES, ids=lambda f: f.name)
def test_fitting_leaves_the_rival_and_the_panel_alone(face):
    """Fitting returns a copy; asked before it, a rival says so."""
    panel = towns.drawn_panel()
    before = panel.copy()
    face.fit(panel)

    assert panel.equals(before)
    with pytest.raises(DefinitionError, match="not fitted"):
        face.predict(panel)


@settings(deadline=None)
@given(st.floats(0, 5), st.floats(0.01, 30))
def test_probability_is_that_of_the_distribution(dispersion, mean):
    """The probability of any event is one minus that of none in the negative binomial of this mean and dispersion (Poisson at 0)."""
    found = Calibration(dispersion=dispersion).probability(np.array([mean]))[0]
    none = (
        stats.poisson(mean).pmf(0)
        if dispersion < 1e-6
        else stats.nbinom(1 / dispersion, 1 / (1 + dispersion * mean)).pmf(0)
    )

    assert found == pytest.approx(1 - none, abs=1e-6)


@settings(deadline=None)
@given(st.floats(0, 5), st.floats(0.01, 30))
def test_an_interval_covers_what_it_says(dispersion, mean):
    """The interval is ordered, whole, and holds at least nine tenths of the distribution; a wider one holds it."""
    calibration = Calibration(dispersion=dispersion)
    lower, upper = (ends[0] for ends in calibration.interval(np.array([mean])))
    wide_lower, wide_upper = (ends[0] for ends in calibration.interval(np.array([mean]), cover=0.99))
    spread = stats.poisson(mean) if dispersion < 1e-6 else stats.nbinom(1 / dispersion, 1 / (1 + dispersion * mean))

    assert 0 <= wide_lower <= lower <= upper <= wide_upper
    assert lower == int(lower)
    assert spread.cdf(upper) - spread.cdf(lower - 1) >= 0.9 - 1e-9


def test_calibration_finds_what_was_drawn():
    """From 20,000 draws of a negative binomial with known level, slope and dispersion these are found again."""
    rng = np.random.default_rng(0)
    margin = rng.normal(size=20_000)
    mean, dispersion = np.exp(0.3 + 0.7 * margin), 0.5
    y = rng.negative_binomial(1 / dispersion, 1 / (1 + dispersion * mean))
    found = Calibration.fit(margin, y.astype(float))

    assert found.level == pytest.approx(0.3, abs=0.05)
    assert found.slope == pytest.approx(0.7, abs=0.05)
    assert found.dispersion == pytest.approx(0.5, abs=0.1)


def test_a_margin_that_misleads_is_not_turned_round():
    """Where events fall as the margin rises the slope stays positive, so the order of grids is never reversed by calibration."""
    margin = np.linspace(-1, 1, 200)
    found = Calibration.fit(margin, np.round(np.exp(-margin)))

    assert found.slope > 0
    assert np.exp(found.level + margin.mean()) == pytest.approx(np.round(np.exp(-margin)).mean())


def test_only_settled_rows_train():
    """Rows whose outcome is not settled are left out; none left, or one class, is an error that says what to do."""
    panel = towns.drawn_panel()
    half = panel.assign(y=panel["y"].where(panel["as_of"] < panel["as_of"].max()))

    assert settled(half)["y"].notna().all()
    assert len(settled(half)) == len(panel) - 30
    with pytest.raises(LabelError, match="no outcome is settled yet"):
        settled(panel.assign(y=np.nan))
    with pytest.raises(LabelError, match="all 1200 settled outcomes are 2: one class cannot train"):
        settled(panel.assign(y=2.0))


@pytest.mark.parametrize("face", FACES, ids=lambda f: f.name)
def test_unsettled_rows_do_not_change_a_rival(face):
    """Adding rows without an outcome changes nothing."""
    panel = towns.drawn_panel()
    last = panel["as_of"] > panel["as_of"].unique()[-6]
    known = face.fit(panel[~last]).predict(panel)

    assert face.fit(panel.assign(y=panel["y"].mask(last))).predict(panel).equals(known)


def test_a_missing_feature_value_is_no_error_in_the_line():
    """The linear model reads a missing value as the centre and stays finite; a feature that is always missing has no weight."""
    panel = towns.drawn_panel()
    panel["prior_4w"] = panel["prior_4w"].mask(panel.index % 3 == 0)
    found = Linear(("prior_4w", "prior_8w", "none")).fit(panel.assign(none=np.nan)).predict(panel.assign(none=np.nan))

    assert np.isfinite(found.to_numpy()).all()


@given(st.lists(st.sampled_from([-1, 0, 1]), min_size=4, max_size=4), st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_a_line_is_the_best_of_those_with_its_signs(signs, seed):
    """Bounded weights reach the likelihood that scipy's own search reaches within the same bounds; free ones stay scikit-learn's."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(400, 4)) + rng.normal(size=(400, 1))
    y = rng.poisson(np.exp(0.3 * values @ rng.normal(size=4)).clip(max=50)).astype(float)
    y[0] += 1
    panel, l2 = pd.DataFrame(values, columns=[*"abcd"]).assign(y=y), 1e-2
    line = Line.fit(panel, [*"abcd"], l2=l2, signs=signs)
    weights = np.array(list(line.weights.values()))
    logs = np.sign(values) * np.log1p(np.abs(values))
    spread = logs.std(axis=0)

    def loss(at):
        log_rate = at[0] + (logs - logs.mean(axis=0)) @ at[1:]
        return np.mean(np.exp(log_rate) - y * log_rate) + l2 / 2 * ((at[1:] * spread) ** 2).sum()

    bounds = [(None, None), *((0 if s > 0 else None, 0 if s < 0 else None) for s in signs)]
    best = optimize.minimize(loss, np.zeros(5), bounds=bounds, method="L-BFGS-B", options={"ftol": 1e-13})
    free = Line.fit(panel, [*"abcd"], l2=l2)

    assert (weights * signs >= 0).all()
    assert loss(np.r_[line.constant, weights]) <= best.fun + 1e-6
    assert line == free or (np.array(list(free.weights.values())) * signs < 0).any()
