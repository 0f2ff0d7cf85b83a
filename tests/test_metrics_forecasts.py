"""Metrics of probabilities, counts and distributions, each against its definition; and those of the field."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from riskwarn import metrics

RNG = np.random.default_rng(0)
PROBABILITY = RNG.beta(0.5, 3, 4000)
HAPPENED = (RNG.random(4000) < PROBABILITY).astype(float)


# --- probability


def test_brier_and_its_skill():
    """The Brier score is the mean square error; the base rate has no skill; a better forecast has some."""
    base = np.full(4000, HAPPENED.mean())

    assert metrics.brier(HAPPENED, PROBABILITY) == pytest.approx(np.mean((HAPPENED - PROBABILITY) ** 2))
    assert metrics.brier_skill(HAPPENED, base) == pytest.approx(0)
    assert metrics.brier_skill(HAPPENED, PROBABILITY) > 0.05
    assert metrics.brier_skill(HAPPENED, PROBABILITY, PROBABILITY) == 0


@pytest.mark.parametrize("metric", [metrics.brier, metrics.log_loss])
def test_the_true_probability_scores_best(metric):
    """Both scores are proper: in expectation every distortion of the true probability is worse."""
    honest = metric(HAPPENED, PROBABILITY)

    assert metric(HAPPENED, PROBABILITY**0.7) > honest
    assert metric(HAPPENED, PROBABILITY**1.4) > honest
    assert metric(HAPPENED, np.clip(PROBABILITY * 1.5, 0, 1)) > honest


def test_log_loss_of_a_sure_mistake_is_finite():
    """A certain forecast that fails costs 36 nats."""
    assert metrics.log_loss([1, 0], [0, 0]) == pytest.approx(36.04 / 2, abs=0.01)
    assert metrics.log_loss([0, 0], [0.5, 0.5]) == pytest.approx(np.log(2))


def test_bands_hold_every_row_once():
    """Counts add up to the rows, the weighted means to the totals, edges are the given ones, and a band is [low, high)."""
    table = metrics.reliability(HAPPENED, PROBABILITY, bands=[0, 0.1, 0.3, 1])
    red = PROBABILITY >= 0.3

    assert table["n"].sum() == 4000
    assert np.average(table["observed"], weights=table["n"]) == pytest.approx(HAPPENED.mean())
    assert np.average(table["predicted"], weights=table["n"]) == pytest.approx(PROBABILITY.mean())
    assert table["low"].tolist() == [0, 0.1, 0.3]
    assert table["n"].iloc[2] == red.sum()
    assert table["observed"].iloc[2] == pytest.approx(HAPPENED[red].mean())
    assert metrics.reliability([0, 1], [0.1, 0.5], bands=[0, 0.5, 1])["n"].tolist() == [1, 1]


def test_calibration_error_tells_honest_from_bold():
    """An honest forecast is near 0 and a bold one is not; equal bands hold equally many rows."""
    bold = np.clip(PROBABILITY * 2, 0, 1)

    assert metrics.calibration_error(HAPPENED, PROBABILITY) < 0.02
    assert metrics.calibration_error(HAPPENED, bold) == pytest.approx(bold.mean() - HAPPENED.mean(), abs=0.01)
    assert metrics.reliability(HAPPENED, PROBABILITY, bands=8)["n"].between(499, 501).all()


def test_equal_probabilities_stay_in_one_band():
    """A forecast of two values has two bands, however many are asked; wilson's bounds enclose the frequency."""
    table = metrics.reliability([0, 0, 1, 1, 1, 0], [0.2] * 4 + [0.9] * 2)

    assert table["n"].tolist() == [4, 2]
    assert (table["observed_low"] <= table["observed"]).all()
    assert (table["observed"] <= table["observed_high"]).all()
    assert table["observed_low"].iloc[0] == pytest.approx(0.1500, abs=1e-4)  # Wilson's interval of 2 in 4


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=40), st.integers(1, 12))
@settings(max_examples=60, deadline=None)
def test_calibration_error_lies_in_zero_to_one(rows, bands):
    """Whatever the rows, no row is lost and the error is in [0, 1]."""
    y, p = np.array(rows, float).T

    assert metrics.reliability(y, p, bands=bands)["n"].sum() == len(y)
    assert 0 <= metrics.calibration_error(y, p, bands=bands) <= 1


# --- count

RATES = np.array([0.004, 0.3, 1, 4, 30])
COUNTS = np.array([1.0, 0, 3, 2, 41])


def test_the_deviance_is_twice_the_lost_likelihood():
    """It is 2 (log-likelihood of the count itself - that of the rate), with the rate lifted to the floor."""
    mu, saturated = np.maximum(RATES, 0.01), np.maximum(COUNTS, 1e-300)
    poisson = 2 * (stats.poisson.logpmf(COUNTS, saturated) - stats.poisson.logpmf(COUNTS, mu))

    assert metrics.poisson_deviance(COUNTS, RATES) == pytest.approx(poisson.mean())


def test_deviances_meet_at_their_limits():
    """Tweedie of power 1 is Poisson."""
    assert metrics.tweedie_deviance(COUNTS, RATES, power=1) == pytest.approx(metrics.poisson_deviance(COUNTS, RATES))


def test_the_floor_is_part_of_the_definition():
    """A higher floor lowers the price of an event where none was expected."""
    assert metrics.poisson_deviance([1], [0], floor=0.1) < metrics.poisson_deviance([1], [0])


def test_absolute_error_prefers_to_see_nothing():
    """On sparse counts "0 everywhere" has less absolute error than the truth; the deviance is not fooled."""
    rate = np.full(5000, 0.2)
    y = np.random.default_rng(1).poisson(rate)
    blind = np.zeros(5000)

    assert metrics.mean_absolute_error(y, blind) < metrics.mean_absolute_error(y, rate)
    assert metrics.poisson_deviance(y, blind) > metrics.poisson_deviance(y, rate)


def test_calibration_in_the_large_and_log_error():
    """The ratio compares totals; the log error is scikit-learn's."""
    from sklearn.metrics import mean_squared_log_error

    assert metrics.mean_ratio([1, 3], [4, 4]) == 2
    assert metrics.mean_squared_log_error(COUNTS, RATES) == pytest.approx(mean_squared_log_error(COUNTS, RATES))


# --- distribution


def summed_crps(law, y, most=6000):
    """CRPS of a law of counts by its definition, Σ (F(k) - 1[k >= y])²."""
    k = np.arange(most)
    return float(((law.cdf(k) - (k >= y)) ** 2).sum())


@pytest.mark.parametrize("y", [0, 1, 7, 60])
@pytest.mark.parametrize("mu", [1e-6, 0.3, 5, 300])
def test_closed_forms_equal_the_sum(mu, y):
    """The CRPS of Poisson and negative binomial laws equals the defining sum, from tiny to huge rates and any dispersion."""
    assert metrics.crps_poisson([y], [mu]) == pytest.approx(summed_crps(stats.poisson(mu), y), abs=1e-9)
    for alpha in (1e-6, 1e-3, 0.5, 3):
        law = stats.nbinom(1 / alpha, 1 / (1 + alpha * mu))

        assert metrics.crps_negative_binomial([y], [mu], dispersion=alpha) == pytest.approx(
            summed_crps(law, y, 60_000), rel=1e-8, abs=1e-8
        )


def test_scores_equal_those_of_scoringrules():
    """CRPS, its tail-weighted form and the interval score are scoringrules' own, where its closed forms do not overflow."""
    import scoringrules  # slow to import, and needed here alone

    rng = np.random.default_rng(4)
    mu = rng.gamma(1, 3, 500) + 1e-3
    y, draws = rng.poisson(mu), rng.poisson(mu[:, None], (500, 60)).astype(float)
    low, high = np.maximum(mu - 2, 0), mu + 3

    assert metrics.crps_poisson(y, mu) == pytest.approx(scoringrules.crps_poisson(y, mu).mean())
    assert metrics.crps_ensemble(y, draws) == pytest.approx(scoringrules.crps_ensemble(y, draws).mean())
    tail = scoringrules.twcrps_ensemble(y, draws, a=2).mean()
    assert metrics.crps_ensemble(y, draws, threshold=2) == pytest.approx(tail)
    assert metrics.interval_score(y, low, high, alpha=0.1) == pytest.approx(
        scoringrules.interval_score(y, low, high, 0.1).mean()
    )
    for alpha in (0.01, 0.5, 3):
        theirs = scoringrules.crps_negbinom(y, 1 / alpha, 1 / (1 + alpha * mu)).mean()
        assert metrics.crps_negative_binomial(y, mu, dispersion=alpha) == pytest.approx(theirs)


@given(
    st.lists(st.lists(st.integers(0, 9), min_size=4, max_size=4), min_size=1, max_size=6),
    st.integers(0, 9),
    st.integers(0, 9),
)
@settings(max_examples=80, deadline=None)
def test_fast_crps_equals_the_double_sum(draws, y, tau):
    """The sorted formula is the S² one, with and without a threshold."""
    x, n = np.array(draws, float), len(draws)

    def double_sum(a, b):
        return np.mean(np.abs(a - b[:, None]).mean(1) - np.abs(a[:, :, None] - a[:, None]).mean((1, 2)) / 2)

    assert metrics.crps_ensemble([y] * n, x) == pytest.approx(double_sum(x, np.full(n, float(y))))
    assert metrics.crps_ensemble([y] * n, x, threshold=tau) == pytest.approx(
        double_sum(np.maximum(x, tau), np.full(n, float(max(y, tau))))
    )


def test_crps_of_many_draws_is_the_closed_form():
    """Draws from a Poisson law score as the law itself."""
    rng = np.random.default_rng(2)
    mu = np.array([0.5, 3.0, 12.0])

    assert metrics.crps_ensemble([1, 5, 9], rng.poisson(mu[:, None], (3, 40_000))) == pytest.approx(
        metrics.crps_poisson([1, 5, 9], mu), abs=0.01
    )


def test_ignorance_is_a_distribution_over_the_bins():
    """The probabilities of the 11 bins add up to 1, and the bins are the competition's."""
    draws = [[0, 0, 1, 3, 700, 2000, 40, 40]]
    one_of_each = [0, 1, 3, 7, 20, 30, 70, 200, 400, 700, 5000]
    p = [2 ** -metrics.ignorance([y], draws) for y in one_of_each]

    assert sum(p) == pytest.approx(1)
    assert p[0] == pytest.approx(3 / 19)
    assert p[5] == pytest.approx(3 / 19)
    assert len(metrics.VIEWS_EDGES) == 11


def test_the_true_quantiles_score_best():
    """Both interval scores are least at the true quantiles, and the central one is the special case of the other."""
    rng = np.random.default_rng(3)
    y, n = rng.normal(50, 10, 40_000), 40_000

    def score(low, high):
        return metrics.interval_score(y, np.full(n, low), np.full(n, high), alpha=0.1)

    low, high = stats.norm(50, 10).ppf([0.05, 0.95])

    assert score(low, high) < min(
        score(low - 4, high), score(low + 4, high), score(low, high + 4), score(low, high - 4)
    )
    assert score(low, high) == metrics.quantile_interval_score(
        y, np.full(n, low), np.full(n, high), low=0.05, high=0.95
    )
    assert metrics.coverage(y, np.full(n, low), np.full(n, high)) == pytest.approx(0.9, abs=0.005)


def test_shortfall_averages_the_worst_draws():
    """The mean of the worst 5 % of 200 draws is that of ten; too few draws are refused with the number needed."""
    draws = np.random.default_rng(4).permutation(200)[None, :]

    assert metrics.expected_shortfall(draws).tolist() == [np.arange(190, 200).mean()]
    with pytest.raises(ValueError, match=r"the worst 0\.05 of 20 draws are 1, too few for a mean; draw at least 100"):
        metrics.expected_shortfall([range(20)])


# --- stability and field


def test_drift_is_seen_and_calm_is_not():
    """PSI and KS are near 0 for the same law and clear for a shifted one; KS is scipy's."""
    rng = np.random.default_rng(5)
    before, same, shifted = rng.gamma(2, 1, 3000), rng.gamma(2, 1, 3000), rng.gamma(2, 1, 3000) + 0.7

    assert metrics.population_stability(before, same) < 0.02
    assert metrics.population_stability(before, shifted) > 0.25
    assert metrics.population_stability(before, np.full(5, 99.0)) < np.inf
    assert metrics.kolmogorov_smirnov(before, shifted) == pytest.approx(stats.ks_2samp(before, shifted).statistic)


def test_lists_and_scores_are_compared():
    """Jaccard counts grids, Spearman ranks with ties."""
    a, b = np.array([1, 2, 2, 4, 5.0]), np.array([1, 3, 2, 5, 4.0])

    assert metrics.jaccard(list("abc"), list("bcd")) == 0.5
    assert metrics.rank_correlation(a, b) == pytest.approx(stats.spearmanr(a, b).statistic)


def lead(scores, events, **options):
    scores = pd.DataFrame(scores, columns=["grid_id", "as_of", "score"])
    events = pd.DataFrame(events, columns=["grid_id", "occurred_at"])
    return metrics.lead_time(
        scores.assign(as_of=pd.to_datetime(scores["as_of"])),
        events.assign(occurred_at=pd.to_datetime(events["occurred_at"])),
        **options,
    )


NIGHTS = [(g, f"2025-03-{d:02d}", s) for d in range(1, 11) for g, s in (("A", d % 2), ("B", 0.5), ("C", 0.1))]


def test_lead_time_counts_from_the_first_alert_within_the_days():
    """A is alerted on odd nights, B on even ones, C never; the first alert within the days before an event is its warning."""
    events = [("A", "2025-03-08"), ("B", "2025-03-08"), ("C", "2025-03-08")]

    assert lead(NIGHTS, events, budget=1, within_days=5) == metrics.LeadTime(4.5, 2 / 3, 3, 10)
    assert lead(NIGHTS, events, budget=1, within_days=3) == metrics.LeadTime(2.5, 2 / 3, 3, 10)
    assert lead(NIGHTS, events, budget=3, within_days=3).share_warned == 1


def test_an_alert_after_the_event_is_no_warning():
    """Only alerts made at or before the event count; where none was, there is no median."""
    assert lead(NIGHTS, [("B", "2025-03-01 12:00")], budget=1) == metrics.LeadTime(None, 0.0, 1, 10)
    assert lead(NIGHTS, [("A", "2025-03-01")], budget=1).median_days == 0


def test_four_ratios_have_four_names():
    """The four meanings of "RRI" give four different figures on one night, and there is no bare one."""
    y, mu, prior = [4, 0, 2, 1, 0], [6, 3, 1, 1, 1], [0, 0, 9, 0, 0]

    assert metrics.bias_ratio(y, mu, k=1) == 1.5
    assert metrics.skill_vs_prior(y, mu, prior, k=1) == 2
    assert metrics.recapture_rate(prior, y, k=1) == pytest.approx(2 / 7)
    assert metrics.lift(y, mu, k=1) == pytest.approx(1 / 0.6)
    assert not hasattr(metrics, "rri")


def test_silence_is_the_poisson_chance_of_nothing():
    """exp(-rate x days) is the probability of no event in that time."""
    assert metrics.silence_p([0.3], [7])[0] == pytest.approx(stats.poisson(2.1).pmf(0))


def test_displacement_by_hand():
    """(ΔT - ΔC) + (ΔTd - ΔCd), and the root of all eight counts."""
    moved = metrics.weighted_displacement((50, 30), (60, 55), treated_around=(20, 26), control_around=(22, 20))

    assert moved.estimate == -15 + 8
    assert moved.standard_error == pytest.approx(np.sqrt(283))
    assert moved.high - moved.estimate == pytest.approx(1.959964 * np.sqrt(283))


def test_parity_is_two_sided():
    """A group far better off than the reference fails as one far worse off does."""
    table = metrics.disparity(pd.Series({"urban": 0.4, "town": 0.45, "rural": 0.6, "fringe": 0.3}), reference="urban")

    assert table["passes"].tolist() == [True, True, False, False]
    assert table["ratio"].tolist() == pytest.approx([1, 1.125, 1.5, 0.75])


BAD = [
    (lambda: metrics.brier([0, 2], [0.1, 0.2]), "y must be 0 or 1, got 2 in row 1"),
    (lambda: metrics.brier([0, 1], [0.1, 1.2]), r"probability must be in \[0, 1\], got 1.2 in row 1"),
    (lambda: metrics.brier_skill([0, 0], [0.1, 0.2]), "one class only"),
    (lambda: metrics.brier_skill([0, 1], [0.1, 0.2], [0, 1]), "the reference is perfect"),
    (lambda: metrics.reliability([0, 1], [0, 1], bands=[0.2, 1]), "band edges must rise from 0 to 1"),
    (lambda: metrics.poisson_deviance([1], [1], floor=0), r"floor must be in \(0, inf\), got 0"),
    (lambda: metrics.poisson_deviance([1, 2], [1]), "y 2, expected 1"),
    (lambda: metrics.tweedie_deviance([1], [1], power=2), r"power must be in \[1, 2\), got 2"),
    (lambda: metrics.mean_ratio([0, 0], [1, 1]), "no event in 2 rows"),
    (lambda: metrics.crps_poisson([0.5], [1]), "y must be whole numbers of events, got 0.5"),
    (lambda: metrics.crps_ensemble([1], [1, 2]), "one row a grid and one column a draw"),
    (lambda: metrics.ignorance([-1], [[0]]), "start at or below every value"),
    (lambda: metrics.coverage([1], [2], [1]), "lower must not be above upper, got 2 and 1 in row 0"),
    (lambda: metrics.interval_score([1], [0], [1], alpha=1), r"alpha must be in \(0, 1\)"),
    (lambda: metrics.jaccard([], []), "both lists are empty"),
    (lambda: metrics.rank_correlation([1, 1], [1, 2]), "first is 1 in all 2 rows"),
    (lambda: metrics.population_stability([1, 1], [1, 2]), "no quantile bins"),
    (lambda: metrics.skill_vs_prior([1, 0], [1, 0], [0, 1], k=1), "the prior list caught no event"),
    (lambda: metrics.bias_ratio([0, 1], [2, 1], k=1), "no event fell in the listed grids"),
    (lambda: metrics.disparity(pd.Series({"a": 1.0}), reference="b"), "no group 'b'; groups are a"),
    (lambda: metrics.disparity(pd.Series({"a": 0.0}), reference="a"), "is 0: no ratio"),
    (lambda: lead(NIGHTS, [], budget=1), "got 30 scores .0 missing. and 0 events"),
    (lambda: lead([], [("A", "2025-03-08")], budget=1), "got 0 scores .0 missing. and 1 events"),
    (lambda: lead(NIGHTS, [("A", "2025-03-08")], budget=0), "must be positive, got 0"),
]


@pytest.mark.parametrize(("call", "message"), BAD, ids=[m[:30] for _, m in BAD])
def test_what_is_undefined_is_refused(call, message):
    """No metric returns nan: an input out of range or an undefined ratio is a ValueError that says what was found."""
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("n", [5e-324, 0.5, 20.0, 1e308, np.inf])
def test_the_interval_of_a_share_is_told_for_any_number_of_rows(n):
    """From next to no rows, which tell nothing, to more than can be counted, which leave no doubt, the interval holds the share."""
    low, high = metrics.share_interval(0.3, n)

    assert 0 <= low <= 0.3 <= high <= 1
    assert high - low == pytest.approx({5e-324: 1, 1e308: 0, np.inf: 0}.get(n, high - low), abs=1e-9)


def test_drift_by_hand():
    """Of four values two lie on each side of their median; of four newer ones one and three, half a row being added to each bin; bins of ties are unequal."""
    p, q = np.array([2.5, 2.5]) / 5, np.array([1.5, 3.5]) / 5

    assert metrics.population_stability([1, 2, 3, 4], [1, 3, 3, 3], bins=2) == pytest.approx(
        ((q - p) * np.log(q / p)).sum()
    )
    p, q = np.array([0.5, 4.5, 2.5]) / 7.5, np.array([1.5, 1.5, 2.5]) / 5.5  # below 1, 1 to 4/3, above
    assert metrics.population_stability([1, 1, 1, 1, 2, 3], [0, 1, 2, 2], bins=3) == pytest.approx(
        ((q - p) * np.log(q / p)).sum()
    )


@pytest.mark.parametrize("edges", [[0, 0.5, 0.5, 1], [0, 0.6, 0.5, 1]])
def test_edges_that_do_not_rise_are_refused(edges):
    """A band of no width would hold nothing: two equal edges are refused as falling ones are, of bands and of bins."""
    with pytest.raises(ValueError, match="must rise"):
        metrics.reliability([0, 1], [0.2, 0.7], bands=edges)
    with pytest.raises(ValueError, match="must rise"):
        metrics.ignorance([1], [[1, 2]], edges=edges)


def test_parity_holds_on_its_bounds():
    """A ratio of exactly tau, or of one over it, still passes."""
    table = metrics.disparity(pd.Series({"a": 1.0, "b": 0.5, "c": 2.0, "d": 0.49, "e": 2.01}), reference="a", tau=0.5)

    assert table["passes"].tolist() == [True, True, True, False, False]


def test_a_count_on_a_bound_is_held_in_part():
    """Where a bound's own probability lies half inside, a count on it counts by that share; a share is within 0 to 1."""
    assert metrics.coverage([0], [0], [2], lower_share=0.25) == 0.25
    assert metrics.coverage([2], [0], [2], upper_share=0.25) == 0.25
    assert metrics.coverage([0, 1, 2], [0, 0, 0], [2, 2, 2], lower_share=0, upper_share=1) == pytest.approx(2 / 3)
    for which in ("lower_share", "upper_share"):
        with pytest.raises(ValueError, match=rf"{which} must be in \[0, 1\]"):
            metrics.coverage([0], [0], [2], **{which: 1.01})
