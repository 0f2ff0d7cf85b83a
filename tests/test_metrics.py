"""Ranking metrics: ties, budgets, ceilings; each against its definition worked out by brute force."""

from itertools import combinations, permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from riskwarn import metrics
from riskwarn.metrics.listing import TIES, ranked


@st.composite
def nights(draw, max_size=6, min_events=1):
    """Counts and a score with ties, small enough to try every order."""
    n = draw(st.integers(2, max_size))
    y = draw(st.lists(st.integers(0, 3), min_size=n, max_size=n).filter(lambda v: sum(v) >= min_events))
    score = draw(st.lists(st.integers(0, 2), min_size=n, max_size=n))
    return np.array(y, float), np.array(score, float), draw(st.integers(1, n))


def each_order(y, score):
    """Every order of the rows that the score allows, as (y in that order, a strict score)."""
    n = len(y)
    for rows in map(list, permutations(range(n))):
        if (np.diff(score[rows]) <= 0).all():
            yield y[rows], np.arange(n, 0.0, -1)


TIED = {
    "capture": lambda y, s, k, **o: metrics.capture(y, s, k=k, **o),
    "pai": lambda y, s, k, **o: metrics.pai(y, s, k=k, **o),
    "pei": lambda y, s, k, **o: metrics.pei(y, s, k=k, **o),
    "precision_at": lambda y, s, k, **o: metrics.precision_at(y, s, k=k, **o),
    "recall_at": lambda y, s, k, **o: metrics.recall_at(y, s, k=k, **o),
    "lift": lambda y, s, k, **o: metrics.lift(y, s, k=k, **o),
    "ndcg_at": lambda y, s, k, **o: metrics.ndcg_at(y, s, k=k, **o),
    "ndcg_at_exponential": lambda y, s, k, **o: metrics.ndcg_at(y, s, k=k, gain="exponential", **o),
    "average_precision": lambda y, s, k, **o: metrics.average_precision(y, s, **o),
    "roc_auc": lambda y, s, k, **o: metrics.roc_auc(y, s, **o),
}
BINARY = ("average_precision", "roc_auc", "precision_at", "recall_at", "lift")


@pytest.mark.parametrize("name", TIED)
@given(case=nights())
@settings(max_examples=25, deadline=None)
def test_ties_against_every_order(name, case):
    """``mean`` is the average over all orders the score allows, ``worst`` and ``best`` their extremes, ``order`` one of them."""
    y, score, k = case
    if name in BINARY:
        y = (y > 0).astype(float)
    assume(name not in {"average_precision", "roc_auc"} or 0 < y.mean() < 1)
    metric = TIED[name]
    every = [metric(yy, ss, k) for yy, ss in each_order(y, score)]

    assert metric(y, score, k, ties="mean") == pytest.approx(np.mean(every))
    assert metric(y, score, k, ties="worst") == pytest.approx(min(every))
    assert metric(y, score, k, ties="best") == pytest.approx(max(every))
    assert metric(y, score, k, ties="order") == pytest.approx(every[0])


@pytest.mark.parametrize("ties", TIES)
@given(case=nights(max_size=30))
@settings(max_examples=40, deadline=None)
def test_only_the_order_of_the_score_counts(ties, case):
    """A rising transformation of the score changes no metric, and no metric leaves its range."""
    y, score, k = case
    for name, metric in TIED.items():
        if name in {"average_precision", "roc_auc"} and (y > 0).all():
            continue
        found = metric(y, score, k, ties=ties)

        assert found == metric(y, np.exp(3 * score) - 7, k, ties=ties)
        assert 0 <= found <= (len(y) if name in {"pai", "lift"} else 1 + 1e-12)


def test_without_ties_all_agree_with_scikit_learn():
    """Average precision, AUC and NDCG are scikit-learn's where there are no ties; tied AUC and NDCG too, under ``mean``."""
    from sklearn.metrics import average_precision_score, ndcg_score, roc_auc_score

    rng = np.random.default_rng(0)
    y, score = rng.poisson(0.5, 300).astype(float), rng.normal(size=300)
    tied = score.round()

    assert metrics.average_precision(y, score) == pytest.approx(average_precision_score(y > 0, score))
    assert metrics.roc_auc(y, tied) == pytest.approx(roc_auc_score(y > 0, tied))
    assert metrics.ndcg_at(y, tied, k=20, ties="mean") == pytest.approx(ndcg_score([y], [tied], k=20))


def test_a_share_of_grids_is_rounded_up():
    """5 % of 408 grids are 21, and a whole number is not rounded up by the machine's error."""
    sizes = {
        (n, share): int(metrics.listed(np.ones(n), np.arange(n), share=share).sum())
        for n, share in [(408, 0.05), (408, 0.1), (645, 0.1), (290, 0.1), (100, 0.07), (100, 0.29), (3, 0.01)]
    }

    assert list(sizes.values()) == [21, 41, 65, 29, 7, 29, 1]


@given(case=nights(max_size=40), share=st.floats(0.01, 1), seed=st.integers(0, 99))
@settings(max_examples=80, deadline=None)
def test_a_share_of_area_is_used_up_exactly(case, share, seed):
    """Whatever the areas and ties, the listed area is the share of the whole, and the weights stay in [0, 1]."""
    y, score, _ = case
    area = np.random.default_rng(seed).gamma(0.5, 3, len(y)) + 1e-3
    for ties in TIES:
        weight = metrics.listed(y, score, area, share=share, budget="area", ties=ties)

        assert weight @ area == pytest.approx(share * area.sum())
        assert weight.min() >= 0
        assert weight.max() <= 1 + 1e-12


@given(case=nights(max_size=8), share=st.floats(0.05, 1), seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_no_list_beats_the_best(case, share, seed):
    """No subset of grids within the area catches more than the density-greedy list, and ties lie between worst and best."""
    y, score, _ = case
    area = np.random.default_rng(seed).gamma(1, 3, len(y)) + 0.1
    best = metrics.best_capture(y, area, share=share, budget="area")
    subsets = [list(c) for k in range(len(y) + 1) for c in combinations(range(len(y)), k)]
    within = [y[c].sum() / y.sum() for c in subsets if area[c].sum() <= share * area.sum() + 1e-12]
    worst, mean, most = (
        metrics.capture(y, score, area, share=share, budget="area", ties=t) for t in ("worst", "mean", "best")
    )

    assert max(within) <= best + 1e-12
    assert worst - 1e-12 <= mean <= most + 1e-12
    assert most <= best + 1e-12


@given(case=nights(max_size=8))
@settings(max_examples=40, deadline=None)
def test_the_best_list_of_equal_cells_is_exact(case):
    """PAI* and PEI of equal cells are those of the best of all lists of k grids."""
    y, score, k = case
    best = max(y[list(c)].sum() for c in combinations(range(len(y)), k))

    assert metrics.best_capture(y, k=k) == pytest.approx(best / y.sum())
    assert metrics.best_pai(y, k=k) == pytest.approx(best / y.sum() / (k / len(y)))
    assert metrics.pei(y, score, k=k) == pytest.approx(metrics.pai(y, score, k=k) / metrics.best_pai(y, k=k))


def test_pai_of_chance_is_one():
    """Averaged over every order, and with all ties shared, the PAI of equal cells is 1."""
    y = np.array([3.0, 0, 1, 0, 0, 2])
    every = [metrics.pai(y, list(s), k=2) for s in permutations(range(6))]

    assert np.mean(every) == pytest.approx(1)
    assert metrics.pai(y, np.zeros(6), k=2, ties="mean") == pytest.approx(1)


def test_pai_by_households_and_a_city_larger_than_its_grids():
    """The denominator is the column given, and `total_area` replaces its sum."""
    y, score, households = [4, 1, 0], [3, 2, 1], [10, 50, 40]

    assert metrics.pai(y, score, households, k=1) == pytest.approx(0.8 / 0.1)
    assert metrics.pai(y, score, households, k=1, total_area=200) == pytest.approx(0.8 / 0.05)
    assert metrics.capture(y, score, households, share=0.35, budget="area") == pytest.approx((4 + 0.5) / 5)
    assert metrics.ppai(y, score, households, k=1, alpha=0) == pytest.approx(0.8)
    assert metrics.ppai(y, score, households, k=1, alpha=1) == pytest.approx(8)


def test_a_grid_without_households_uses_no_budget():
    """A grid of size 0 in front of the cut is listed whole; behind it, it is not."""
    weight = metrics.listed([1, 1, 1], [3, 2, 1], [0, 4, 0], share=0.5, budget="area")
    used_up = metrics.listed([1, 1, 1], [3, 2, 1], [1, 0, 1], share=0.5, budget="area")

    tied = metrics.listed([1, 1, 1], [2, 2, 1], [0, 0, 4], share=0.5, budget="area", ties="mean")

    assert weight.tolist() == [1, 0.5, 0]
    assert used_up.tolist() == [1, 0, 0]
    assert tied.tolist() == [1, 1, 0.5]


def test_the_worst_list_is_the_unlucky_one():
    """Among equal scores the emptiest grids come first under ``worst``, by events per size where size is spent."""
    assert ranked([2, 0, 1], [1, 1, 1], ties="worst").tolist() == [1, 2, 0]
    assert ranked([2, 3], [1, 1], ties="worst", size=[1, 3]).tolist() == [1, 0]
    assert ranked([2, 3], [1, 1], ties="best", size=[1, 3]).tolist() == [0, 1]
    assert ranked([0, 1], [1, 1], ties="best", size=[0, 1]).tolist() == [1, 0]


BAD = [
    (lambda: metrics.capture([1, np.nan], [1, 2]), "y has 1 missing or infinite values of 2"),
    (lambda: metrics.capture([1, 0], [1, np.nan]), "score has 1 missing"),
    (lambda: metrics.capture([1, -1], [1, 2]), r"y must be in \[0, inf\], got -1 in row 1"),
    (lambda: metrics.capture([1, 0, 0], [1, 2]), "same number of rows, got y 3, score 2"),
    (lambda: metrics.capture([], []), "at least one value"),
    (lambda: metrics.capture([0, 0], [1, 2]), "no event fell in any of 2 grids"),
    (lambda: metrics.capture([1, 0], [1, 2], share=0), r"share must be in \(0, 1\], got 0"),
    (lambda: metrics.capture([1, 0], [1, 2], k=3), "k must be 1 to 2 grids"),
    (lambda: metrics.capture([1, 0], [1, 2], ties="lucky"), "ties must be one of worst, mean, best, order"),
    (lambda: metrics.capture([1, 0], [1, 2], budget="area"), "budget='area' needs area"),
    (lambda: metrics.capture([1, 0], [1, 2], [0, 0], budget="area"), "area is 0 for every grid"),
    (lambda: metrics.capture([1, 0], [1, 2], budget="money"), "budget must be one of grids, area, got 'money'"),
    (lambda: metrics.pai([1, 0], [1, 2], [1, 1], k=2, total_area=1), "covers 2 of 1 area"),
    (lambda: metrics.ppai([1, 0], [1, 2], alpha=2), r"alpha must be in \[0, 1\]"),
    (lambda: metrics.ndcg_at([99, 0], [1, 2], gain="exponential"), "grades up to 50, got 99"),
    (lambda: metrics.average_precision([1, 1], [1, 2]), "one class only: all 2 rows are 1"),
    (lambda: metrics.roc_auc([0, 0], [1, 2]), "one class only: all 2 rows are 0"),
    (lambda: metrics.recall_at([0, 0], [1, 2]), "no event fell"),
    (lambda: metrics.attainable_capture([0, 0], rng=np.random.default_rng(0)), "must not be all 0"),
    (lambda: metrics.attainable_capture([1e-12, 0], rng=np.random.default_rng(0)), "none of 500 futures has an event"),
    (lambda: metrics.listing.ranked([1, 0], [1, 2], ties="lucky"), "ties must be one of worst, mean, best, order"),
    (lambda: metrics.reliability([1, 0], [0.5, 0.1], bands=0), "bands must be at least 1, got 0"),
    (lambda: metrics.share_interval([1.5], [3]), "share must lie in 0 to 1 and n above 0"),
    (
        lambda: metrics.population_stability([1, 2], [1, 2], bins=1),
        "bins must be at least 2 and smoothing above 0, got 1",
    ),
]


@pytest.mark.parametrize(("call", "message"), BAD, ids=[m[:30] for _, m in BAD])
def test_what_is_undefined_is_refused(call, message):
    """No metric returns nan: a missing, misshapen or undefined input is a ValueError that says what was found."""
    with pytest.raises(ValueError, match=message):
        call()


def test_no_positive_grid_has_precision_zero():
    """Precision is defined, and 0, on a calm night."""
    assert metrics.precision_at([0, 0, 0], [3, 2, 1], k=1) == 0


def test_the_ceiling_of_poisson_counts_is_the_share_of_the_rates():
    """Given the total, Poisson counts are multinomial: the mean attainable capture is the listed share of the expected events."""
    rate = np.array([8.0, 4, 2, 1, 1])
    ceiling = metrics.attainable_capture(rate, k=2, rng=np.random.default_rng(0), n_draws=20_000)

    assert ceiling.capture == pytest.approx(12 / 16, abs=0.005)
    assert ceiling.capture_low < 12 / 16 < ceiling.capture_high
    assert 0.9 < ceiling.pei < 1


def test_no_score_beats_the_ceiling_on_average():
    """Over simulated nights the true rates catch the attainable share, and any other score less."""
    rng = np.random.default_rng(1)
    rate = rng.gamma(0.3, 2, 400)
    ceiling = metrics.attainable_capture(rate, rng=rng, n_draws=2000)
    y = rng.poisson(rate, (400, 400))
    truth = np.mean([metrics.capture(night, rate) for night in y])
    blurred = np.mean([metrics.capture(night, rate * rng.lognormal(0, 1, 400)) for night in y])
    hindsight = np.mean([metrics.pei(night, rate) for night in y])

    assert truth == pytest.approx(ceiling.capture, abs=0.005)
    assert hindsight == pytest.approx(ceiling.pei, abs=0.005)
    assert blurred < ceiling.capture - 0.05


def test_clustered_events_lower_the_ceiling_of_pei():
    """With over-dispersion more of the best list is luck, and a budget of area is held in every future."""
    rate, area = np.linspace(0.2, 4, 50), np.linspace(3, 1, 50)
    calm, wild = (
        metrics.attainable_capture(rate, area, budget="area", share=0.1, rng=np.random.default_rng(2), dispersion=d)
        for d in (0.0, 2.0)
    )

    assert wild.pei < calm.pei < 1
    assert wild.capture_high - wild.capture_low > calm.capture_high - calm.capture_low


def test_the_ceiling_is_the_same_in_parts(monkeypatch):
    """Memory is bounded by simulating in parts, which changes nothing but the order of the draws."""
    from riskwarn.metrics import ceiling

    whole = metrics.attainable_capture(np.ones(40), rng=np.random.default_rng(3), n_draws=3000)
    monkeypatch.setattr(ceiling, "_CELLS_AT_ONCE", 7000)
    parts = metrics.attainable_capture(np.ones(40), rng=np.random.default_rng(3), n_draws=3000)

    assert parts.n_draws == whole.n_draws == 3000
    assert parts.capture == pytest.approx(whole.capture, abs=0.005)


def test_all_public_names_exist_and_are_defined():
    """`__all__` names each function once, and its docstring says what it returns, best and worst, and shows it."""
    functions = [getattr(metrics, n) for n in metrics.__all__ if callable(getattr(metrics, n)) and n[0].islower()]

    assert len(set(metrics.__all__)) == len(metrics.__all__)
    assert len(functions) > 40
    for function in functions:
        assert ">>>" in function.__doc__, function.__name__
        assert "Examples" in function.__doc__, function.__name__


ON_A_BOUND = [
    (lambda share: metrics.capture([3, 1], [2, 1], share=share), 1, [0, 1.01]),
    (lambda k: metrics.capture([3, 1], [2, 1], k=k), 1, [0, 3]),
    (lambda k: metrics.capture([3, 1], [2, 1], k=k), 2, [0, 3]),
    (lambda alpha: metrics.ppai([3, 1], [2, 1], k=1, alpha=alpha), 0, [-0.01]),
    (lambda alpha: metrics.ppai([3, 1], [2, 1], k=1, alpha=alpha), 1, [1.01]),
    (lambda total: metrics.pai([3, 1], [2, 1], [1, 1], k=2, total_area=total), 2, [1.99]),
    (lambda grade: metrics.ndcg_at([grade, 0], [2, 1], gain="exponential"), 50, [51]),
    (lambda p: metrics.brier([1], [p]), 0, [-0.01]),
    (lambda p: metrics.brier([1], [p]), 1, [1.01]),
    (lambda n: metrics.reliability([1, 0], [0.5, 0.1], bands=n)["low"][0], 1, [0]),
    (lambda share: metrics.share_interval(share, 3)[0], 0, [-0.01]),
    (lambda share: metrics.share_interval(share, 3)[1], 1, [1.01]),
    (lambda power: metrics.tweedie_deviance([1], [2], power=power), 1, [0.99, 2]),
    (lambda n: metrics.population_stability([1, 2, 3], [1, 2, 3], bins=n), 2, [1]),
    (lambda days: lead([("A", "2025-03-01", 1)], [("A", "2025-03-01")], within_days=days).share_warned, 0.1, [0]),
    (lambda alpha: metrics.attainable_capture([2, 1], rng=luck(), dispersion=alpha).capture, 0, [-0.01]),
    (lambda n: metrics.attainable_capture([9, 9], rng=luck(), n_draws=n).capture, 1, [0]),
]


def luck():
    return np.random.default_rng(0)


def lead(scores, events, *, within_days):
    scores = pd.DataFrame(scores, columns=["grid_id", "as_of", "score"]).astype({"as_of": "datetime64[us]"})
    events = pd.DataFrame(events, columns=["grid_id", "occurred_at"]).astype({"occurred_at": "datetime64[us]"})
    return metrics.lead_time(scores, events, budget=1, within_days=within_days)


@pytest.mark.parametrize(("call", "allowed", "beyond"), ON_A_BOUND)
def test_a_bound_that_is_promised_is_allowed_and_nothing_beyond(call, allowed, beyond):
    """An input on a bound that its docstring includes gives a finite figure; the next one outside is refused."""
    assert np.isfinite(call(allowed))
    for wrong in beyond:
        with pytest.raises(ValueError, match=r"must|up to 50"):
            call(wrong)


SPENT = {
    "capture": metrics.capture,
    "pai": metrics.pai,
    "pei": metrics.pei,
    "best_capture": lambda y, s, area, **o: metrics.best_capture(y, area, **o),
    "best_pai": lambda y, s, area, **o: metrics.best_pai(y, area, **o),
    "attainable": lambda y, s, area, **o: metrics.attainable_capture(y, area, rng=luck(), n_draws=20, **o).pei,
}


@pytest.mark.parametrize("name", SPENT)
@given(case=nights(max_size=8), share=st.floats(0.05, 1), seed=st.integers(0, 99))
@settings(max_examples=15, deadline=None)
def test_area_has_no_unit(name, case, share, seed):
    """In square metres, kilometres or thousands of them, an area makes the same list and the same figure."""
    y, score, _ = case
    area = np.random.default_rng(seed).gamma(1, 1, len(y)) + 0.1
    given_in = [SPENT[name](y, score, unit * area, share=share, budget="area") for unit in (1e-3, 1, 1e3)]

    assert given_in == pytest.approx([given_in[1]] * 3)


def test_in_hindsight_what_costs_nothing_comes_first():
    """A grid of size 0 with a single event is caught by the best list before any that spends area, and one without events is not."""
    assert metrics.best_capture([1, 9, 0], [0, 4, 0], share=0.5, budget="area") == pytest.approx((1 + 9 / 2) / 10)
    assert metrics.attainable_capture([50, 50], [0, 4], share=0.5, budget="area", rng=luck()).pei == pytest.approx(1)


@given(case=nights(max_size=8))
@settings(max_examples=40, deadline=None)
def test_precision_recall_and_lift_by_counting(case):
    """Of the k grids listed those with an event, over k, over all with an event, and over the share that a blind list would hold."""
    y, _, k = case
    score = np.arange(len(y), 0.0, -1)
    hits = int((y[:k] > 0).sum())

    assert metrics.precision_at(y, score, k=k) == pytest.approx(hits / k)
    assert metrics.recall_at(y, score, k=k) == pytest.approx(hits / (y > 0).sum())
    assert metrics.lift(y, score, k=k) == pytest.approx(hits / k / (y > 0).mean())


def test_grades_gain_exponentially_by_hand():
    """A grade of y gains 2^y - 1, so none gains nothing; at the second place it counts for log2(2) over log2(3)."""
    discount = 1 / np.log2(3)

    assert metrics.ndcg_at([2, 0, 1], [3, 2, 1], k=2, gain="exponential") == pytest.approx(3 / (3 + discount))
    assert metrics.ndcg_at([0, 2, 1], [3, 2, 1], k=2, gain="exponential") == pytest.approx(
        3 * discount / (3 + discount)
    )
