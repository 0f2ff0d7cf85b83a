"""Calibration: the law of a count is whole, rises with its mean, and its honesty is measured as it should be."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import towns
from hypothesis import given, settings
from hypothesis import strategies as st

from riskwarn import metrics
from riskwarn.backtesting import backtest
from riskwarn.baseline import PriorCount
from riskwarn.calibration import Calibration, by_group, by_level
from riskwarn.errors import NotFoundError

LAWS = st.builds(
    Calibration,
    st.just(0.0),
    st.just(1.0),
    st.sampled_from([0.0, 1e-12, 0.05, 1.0, 8.0]),
    st.sampled_from([0.0, 0.3, 4.0]),
)
COVERS = st.sampled_from([0.5, 0.9, 0.99])
COUNTS = np.arange(4000)


def moments(law, mean):
    """Mean and variance by summing over the counts."""
    mass = np.diff(law.at_most(COUNTS, mean), prepend=0.0)
    centre = mass @ COUNTS
    return mass.sum(), centre, mass @ (COUNTS - centre) ** 2


@settings(max_examples=50, deadline=None)
@given(LAWS, st.sampled_from([0.01, 0.4, 3.0, 20.0]))
def test_mean_and_variance_are_what_the_numbers_say(law, mean):
    """The law of a count sums to one, and has the mean and the variance that clumping and dispersion declare."""
    whole, centre, variance = moments(law, mean)

    assert whole == pytest.approx(1, abs=1e-6)
    assert centre == pytest.approx(mean, rel=1e-4)
    assert variance == pytest.approx(mean * (1 + law.clumping) + law.dispersion * mean**2, rel=1e-3)


@settings(max_examples=50, deadline=None)
@given(LAWS, st.lists(st.floats(1e-6, 300), min_size=2, max_size=20, unique=True))
def test_a_larger_mean_is_a_larger_law(law, means):
    """Probability and both ends of the interval never fall where the mean rises, so ranks stay as they are."""
    means = np.sort(means)
    lower, upper = law.interval(means)

    assert (np.diff(law.probability(means)) >= -1e-12).all()
    assert (np.diff(lower) >= 0).all()
    assert (np.diff(upper) >= 0).all()
    assert np.allclose(law.probability(means), 1 - law.at_most(0, means), atol=1e-6)


@settings(max_examples=50, deadline=None)
@given(LAWS, st.floats(1e-3, 100), COVERS)
def test_ends_by_share_hold_exactly_the_level(law, mean, cover):
    """An interval with its ends by share holds exactly its level of the law it came from; with whole ends never less."""
    one = np.array([mean])
    lower, upper = law.interval(one, cover=cover)
    at_lower, at_upper = law.ends(one, lower, upper, cover=cover)

    def mass(count):
        return float((law.at_most(count, one) - law.at_most(count - 1, one))[0])

    whole = float((law.at_most(upper, one) - law.at_most(lower - 1, one))[0])
    held = whole - (1 - at_lower[0]) * mass(lower) - (1 - at_upper[0]) * mass(upper)

    assert held == pytest.approx(cover, abs=1e-9)
    assert whole >= cover - 1e-12


def drawn(law, means, seed=1):
    """Counts drawn from `law`."""
    excess = law.clumping + law.dispersion * means
    rng = np.random.default_rng(seed)
    return rng.negative_binomial(means / excess, 1 / (1 + excess)).astype(float)


def test_the_fit_finds_the_law_that_made_the_counts():
    """Level, slope, dispersion and clumping come back from counts drawn with them."""
    margin = np.random.default_rng(0).normal(0, 1.2, 60_000)
    truth = Calibration(-0.3, 0.8, 0.4, 0.6)
    found = Calibration.fit(margin, drawn(truth, truth.expected(margin)))

    assert found.level == pytest.approx(truth.level, abs=0.05)
    assert found.slope == pytest.approx(truth.slope, abs=0.03)
    assert found.dispersion == pytest.approx(truth.dispersion, abs=0.08)
    assert found.clumping == pytest.approx(truth.clumping, abs=0.08)


def test_few_rows_never_prove_a_rate_known_exactly():
    """Of Poisson counts some dispersion stays possible, the more the fewer independent rows there are, and little of many."""
    margin = np.random.default_rng(0).normal(0, 1.0, 20_000)
    y = np.random.default_rng(1).poisson(np.exp(margin)).astype(float)
    few, overlapping, many = (
        Calibration.fit(margin[:n], y[:n], overlap=o).dispersion for n, o in ((500, 1), (500, 5), (20_000, 1))
    )

    assert 0 < many < few < overlapping
    assert many < 0.03


def test_a_chance_is_found_and_held_where_dates_are_few():
    """Of many rows level and slope come back; few, or many that overlap, leave the slope near what it is held to, and none turns a rank round."""
    rng = np.random.default_rng(0)
    margin = rng.normal(-3.0, 1.0, 40_000)
    y = rng.random(40_000) < Calibration(0.4, 1.4, chance=True).expected(margin)
    many, few = Calibration.fit_chance(margin, y), Calibration.fit_chance(margin[:800], y[:800], overlap=20)
    turned = Calibration.fit_chance(-margin, y)

    assert (many.level, many.slope) == (pytest.approx(0.4, abs=0.1), pytest.approx(1.4, abs=0.05))
    assert abs(few.slope - 0.9) < abs(many.slope - 0.9) / 2
    assert turned.slope > 0


def test_a_chance_nears_one_and_never_passes_it():
    """However large the rate, the chance is below or at one, rises with the rate, and is the rate itself where that is small."""
    rate = np.linspace(-9, 3, 50)
    told = Calibration(chance=True).of_rate(rate)

    assert told.max() <= 1
    assert (np.diff(told) > 0).all()
    assert told[0] == pytest.approx(np.exp(rate[0]), rel=1e-3)


def honest(n=30_000):
    """Predictions that are right: counts drawn from the law they are forecast with."""
    rng = np.random.default_rng(3)
    law = Calibration(0, 1, 0.3, 0.4)
    expected = np.exp(rng.normal(-0.5, 1.2, n))
    lower, upper = law.interval(expected)
    at_lower, at_upper = law.ends(expected, lower, upper)
    return pd.DataFrame(
        {
            "as_of": pd.Timestamp("2025-01-06") + pd.to_timedelta(np.arange(n) % 20 * 7, unit="D"),
            "y": drawn(law, expected),
            "score": expected,
            "expected": expected,
            "probability": law.probability(expected),
            "lower": lower,
            "upper": upper,
            "lower_share": at_lower,
            "upper_share": at_upper,
        }
    )


def test_an_honest_forecast_is_found_honest_at_every_level():
    """Counts drawn from their forecasts show no gap and a coverage of 90 % at every level; with whole ends they show too much."""
    rows = honest()
    found = by_level(rows)
    few = 4 / np.sqrt(found["n"])

    assert found.index.tolist() == ["red", "orange", "yellow", "blue", "below", "all"]
    assert found["n"].iloc[:-1].sum() == found.loc["all", "n"] == len(rows)
    assert (found["gap"].abs() < few * 0.5).all()
    assert ((found["coverage"] - 0.9).abs() < few * 0.3).all()
    assert metrics.coverage(rows["y"], rows["lower"], rows["upper"]) > 0.93


@pytest.mark.parametrize(("column", "factor"), [("probability", 0.8), ("expected", 0.8)])
def test_a_dishonest_forecast_is_found_out(column, factor):
    """A forecast that is a fifth too low shows it in the gap, or in the mean count, of the level it is wrong at and of no other."""
    rows = honest()
    red = by_level(rows)
    top = rows["expected"] > rows["expected"].quantile(0.9)
    found = by_group(
        rows.assign(**{column: rows[column].mask(top, rows[column] * factor)}), top.map({True: "top", False: "rest"})
    )
    told = {
        "probability": found["frequency"] - found["probability"],
        "expected": found["observed"] / found["expected"] - 1,
    }[column]

    assert red.loc["all", "n"] == len(rows)
    assert told["top"] > 0.15
    assert abs(told["rest"]) < 0.02


def test_the_report_tells_levels_and_areas():
    """A backtest's bands are those of its predictions, for any of its models; without an interval there is no coverage."""
    panel = towns.drawn_panel()
    experiment = towns.experiment()
    plan = dataclasses.replace(experiment, label=towns.LABEL, folds=dataclasses.replace(experiment.folds, n_folds=2))
    report = backtest(plan, panel, models=[PriorCount(4), PriorCount(8)], progress=False)
    areas = pd.Series("town", index=[f"G{i:02d}" for i in range(30)]).where(lambda s: s.index < "G10", "village")
    found = report.bands("prior count 4 weeks", areas=areas)

    assert found.index.tolist() == ["town", "village", "all"]
    assert found.loc["town", "n"] * 2 == found.loc["village", "n"]
    assert "coverage" not in report.bands("prior count 8 weeks")
    with pytest.raises(NotFoundError, match="no model 'riskwarm'"):
        report.bands("riskwarm")


def test_rates_that_hardly_differ_are_not_drawn_out_without_end():
    """Where a tenth of the grids jumped and the rate hardly noticed, the mean is kept, ranks stay, and one that notices at last is no flood."""
    rng = np.random.default_rng(3)
    jumped = np.arange(2000) < 200
    margin = 1.35 + 0.02 * jumped + rng.normal(0, 1e-4, 2000)
    law = Calibration.fit(margin, rng.poisson(np.where(jumped, 16.0, 4.0)))

    assert law.slope == 5
    assert law.expected(margin).mean() == pytest.approx(np.where(jumped, 16.0, 4.0).mean(), rel=0.05)
    assert law.expected(np.array([1.35 + np.log(4)]))[0] < 1e5
    assert np.isfinite(law.interval(law.expected(np.array([3.0])))).all()


def test_a_slope_that_a_city_may_have_is_left_as_it_is():
    """Up to the steepest one the slope is the likeliest, as of few trees that learn slowly."""
    rng = np.random.default_rng(4)
    margin = rng.normal(0, 0.2, 20_000)

    assert Calibration.fit(margin, rng.poisson(np.exp(4.5 * margin))).slope == pytest.approx(4.5, abs=0.1)
