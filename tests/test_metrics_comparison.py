"""Differences: paired, over dates whose windows overlap, with an interval that holds its level however few the dates are."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.fft import dct

from riskwarn import metrics

GAPS = arrays(
    float, st.integers(4, 30), elements=st.floats(-100, 100, allow_subnormal=False).map(lambda x: round(x, 3))
)


def overlapping(rng, n_series, n_dates, weeks, *, carry=0.0):
    """(n_series, n_dates) sums over `weeks` weeks of weekly noise, a date a week; each week carries that share of the one before."""
    noise = rng.normal(size=(n_series, 30 + n_dates + weeks - 1))
    for week in range(1, noise.shape[1]):
        noise[:, week] += carry * noise[:, week - 1]
    total = np.cumsum(np.pad(noise[:, 30:], ((0, 0), (1, 0))), axis=1)
    return total[:, weeks:] - total[:, :-weeks]


def called_clear(series, shared):
    """Share of series whose interval lies above zero, and below it."""
    told = [metrics.difference_interval(s, np.zeros(len(s)), shared=shared) for s in series]
    return np.mean([t.low > 0 for t in told]), np.mean([t.high < 0 for t in told])


def test_pairing_removes_what_is_hard_for_both():
    """A swing common to both models does not widen the interval of their difference."""
    rng = np.random.default_rng(0)
    swing = rng.normal(0, 1, 60)
    told = metrics.difference_interval(swing + 0.1 + rng.normal(0, 0.01, 60), swing)

    assert told.estimate == pytest.approx(0.1, abs=0.01)
    assert told.high - told.low < 0.02
    assert told.excludes_zero


@pytest.mark.parametrize("carry", [0.0, 0.33])
@pytest.mark.parametrize("horizon", [7, 14, 28, 91])
@pytest.mark.parametrize("n_dates", [8, 12, 24, 60])
def test_null_series_are_called_clear_as_often_as_promised(horizon, n_dates, carry):
    """Of equally good models, windows overlapping, each side is called clear 2.5 % of the time, to a point, also where weeks carry a third of the one before."""
    shared = metrics.shared_windows(7 * np.arange(n_dates), horizon)
    series = overlapping(np.random.default_rng(4), 20_000, n_dates, horizon // 7, carry=carry)
    one = metrics.difference_interval(series[0], np.zeros(n_dates), shared=shared)
    # the half width is the length of the first cosines of a series times a number that only the dates tell
    length = np.linalg.norm(dct(series, norm="ortho")[:, 1 : 1 + one.n_terms], axis=1)
    clear = np.abs(series.mean(axis=1)) > (one.high - one.low) / 2 * length / length[0]

    assert clear.mean() / 2 == pytest.approx(0.025, abs=0.01)


@pytest.mark.parametrize(("horizon", "n_dates"), [(7, 24), (28, 12)])
def test_what_the_dates_tell_is_the_same_for_all_series(horizon, n_dates):
    """The half width of an interval is the length of the first cosines of a series, times a number of the dates alone."""
    shared = metrics.shared_windows(7 * np.arange(n_dates), horizon)
    series = overlapping(np.random.default_rng(5), 20, n_dates, horizon // 7)
    told = [metrics.difference_interval(s, np.zeros(n_dates), shared=shared) for s in series]
    length = np.linalg.norm(dct(series, norm="ortho")[:, 1 : 1 + told[0].n_terms], axis=1)

    assert np.ptp([t.high - t.low for t in told] / length) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("n_dates", [2, 8, 30])
def test_dates_that_share_all_say_nothing_of_another(n_dates):
    """Where all dates share one window nothing tells how far another would lie: bounds are infinite, and no gain is clear. The nearer to it, the wider."""
    gap, zero = np.arange(n_dates) + 1.0, np.zeros(n_dates)
    told = metrics.difference_interval(gap, zero, shared=np.ones((n_dates, n_dates)))
    nearer = [metrics.difference_interval(gap, zero, shared=1 - e + e * np.eye(n_dates)) for e in (1, 0.1, 1e-4, 1e-8)]

    assert (told.estimate, told.low, told.high) == (gap.mean(), -np.inf, np.inf)
    assert told.p_value == 1
    assert np.all(np.diff([t.high - t.low for t in nearer]) > 0)


@pytest.mark.parametrize("level", [1e-6, 1 - 1e-6])
def test_any_level_has_an_interval(level):
    """A level near 0 or 1 gives a narrow or a wide interval, which holds the estimate."""
    told = metrics.difference_interval([1.0, 2, 4, 3], np.zeros(4), level=level)
    usual = metrics.difference_interval([1.0, 2, 4, 3], np.zeros(4))

    assert told.low < told.estimate < told.high
    assert (told.high - told.low < usual.high - usual.low) == (level < 0.5)


@given(gap=GAPS, data=st.data())
def test_a_date_without_weight_is_as_if_it_were_not_there(gap, data):
    """What is told of weighted dates is what the others of them tell alone, overlaps and all; a single one tells nothing of another."""
    weight = np.array(data.draw(st.lists(st.sampled_from([0.0, 0.0, 1.0, 3.0]), min_size=len(gap), max_size=len(gap))))
    weight[0] = 1.0
    heavy, zero = np.flatnonzero(weight), np.zeros(len(gap))
    shared = metrics.shared_windows(7 * np.arange(len(gap)), 28)
    told = metrics.difference_interval(gap, zero, weight=weight, shared=shared)

    if len(heavy) == 1:
        assert (told.low, told.estimate, told.high, told.p_value) == (-np.inf, gap[0], np.inf, 1)
    else:
        alone = metrics.difference_interval(
            gap[heavy], zero[heavy], weight=weight[heavy], shared=shared[np.ix_(heavy, heavy)]
        )
        assert told == alone


@pytest.mark.parametrize("unit", [1e-200, 1e-3, 1e200])
def test_an_interval_is_told_in_the_unit_of_the_metric(unit):
    """In another unit it is the same interval, and as likely, however small or large the numbers."""
    a, b = np.random.default_rng(3).random((2, 12))
    told, other = metrics.difference_interval(a, b), metrics.difference_interval(a * unit, b * unit)

    assert np.array([other.estimate, other.low, other.high]) / unit == pytest.approx(
        [told.estimate, told.low, told.high]
    )
    assert other.p_value == pytest.approx(told.p_value)


MONDAYS = pd.date_range("2025-03-03", periods=8, freq="7D")


@pytest.mark.parametrize(
    "dates",
    [
        MONDAYS,
        MONDAYS.tz_localize("Europe/Paris"),
        pd.Series(MONDAYS),
        list(MONDAYS),
        [w.date() for w in MONDAYS],
        MONDAYS.to_numpy(),
    ],
)
def test_windows_overlap_by_days_whatever_a_date_is_made_of(dates):
    """Dates are read by their own clock, summer and winter, and as days from any origin: the overlap is the same."""
    wanted = metrics.shared_windows(np.arange(8) * 7, 28)

    assert metrics.shared_windows(dates, 28).tolist() == wanted.tolist()


@pytest.mark.parametrize(
    "days", [[MONDAYS[0], pd.NaT], pd.DatetimeIndex([MONDAYS[0], None]), [0, np.nan], MONDAYS - MONDAYS[0]]
)
def test_windows_are_of_days_that_are_known(days):
    """A missing date is refused, and so are durations, of which nobody says the unit."""
    with pytest.raises(ValueError, match=r"days (has 1 missing|must be numbers, got durations)"):
        metrics.shared_windows(days, 28)


@pytest.mark.parametrize(
    "shared",
    [np.zeros((4, 4)), np.full((4, 4), np.nan), -np.ones((4, 4)), np.triu(np.ones((4, 4))), 2 * np.eye(4), np.eye(3)],
)
def test_what_dates_share_is_a_share(shared):
    """Anything but a symmetric table of shares, 1 on the diagonal, a row a date, is refused, and no interval is made of it."""
    with pytest.raises(ValueError, match="shared must be"):
        metrics.difference_interval([1.0, 2, 4, 3], np.zeros(4), shared=shared)


def test_numbers_alone_are_compared():
    """What would lose a part when it is read as a number, or is none, is refused."""
    for odd, called in (
        (np.ones(4) * 1j, "complex numbers"),
        (MONDAYS[:4], "dates"),
        (MONDAYS[:4] - MONDAYS[0], "durations"),
    ):
        with pytest.raises(ValueError, match=f"first must be numbers, got {called}"):
            metrics.difference_interval(odd, np.zeros(4))


def test_a_real_gain_is_seen():
    """A gain of half the noise of a date, 24 dates that do not overlap: seen in more than half of the series."""
    rng = np.random.default_rng(5)

    assert called_clear(overlapping(rng, 500, 24, 1) + 0.5, np.eye(24))[0] > 0.5


def test_one_cosine_of_two_dates_is_students_t():
    """Two dates leave one degree of freedom: the interval and p are Student's."""
    from scipy import stats

    a, b = np.array([0.3, 0.9]), np.array([0.1, 0.2])
    told, student = metrics.difference_interval(a, b), stats.ttest_rel(a, b)

    assert told.p_value == pytest.approx(student.pvalue, rel=1e-3)
    assert (told.low, told.high) == pytest.approx(tuple(student.confidence_interval()), rel=1e-3)


@given(GAPS)
def test_swap_scale_and_reversal(gap):
    """A swap of the models mirrors the interval, a scale scales it, and time may run backwards."""
    zero = np.zeros(len(gap))
    told = metrics.difference_interval(gap, zero)
    mirrored, scaled, backwards = (
        metrics.difference_interval(*pair) for pair in ((zero, gap), (3 * gap, zero), (gap[::-1], zero))
    )
    near = {"rel": 1e-6, "abs": 1e-9}

    assert (mirrored.low, mirrored.high) == pytest.approx((-told.high, -told.low), **near)
    assert (scaled.low, scaled.high) == pytest.approx((3 * told.low, 3 * told.high), **near)
    assert (backwards.low, backwards.high) == pytest.approx((told.low, told.high), **near)


@given(GAPS, st.sampled_from([0.5, 0.9, 0.95]))
def test_the_interval_and_the_test_agree(gap, level):
    """0 lies outside the interval exactly where p is below 1 - level."""
    told = metrics.difference_interval(gap, np.zeros(len(gap)), level=level)
    if abs(told.p_value - (1 - level)) > 1e-4:
        assert told.excludes_zero == (told.p_value < 1 - level)


def test_weights_pool_the_captures():
    """With all events of a date as its weight, the mean of captures is events caught over events in all."""
    caught, events = np.array([[3, 10, 1], [2, 12, 1]]), np.array([10, 40, 0])
    shares = caught / np.maximum(events, 1)
    told = metrics.difference_interval(*shares, weight=events)

    assert told.estimate == pytest.approx((13 - 14) / 50)


def test_more_overlap_is_less_evidence():
    """The same differences have wider intervals, on average over 60 series, where their windows overlap more."""
    gaps, at = np.random.default_rng(6).normal(size=(60, 24)), 7 * np.arange(24)
    told = [
        [metrics.difference_interval(g, np.zeros(24), shared=metrics.shared_windows(at, h)) for g in gaps]
        for h in (7, 28, 91)
    ]
    width = [np.mean([t.high - t.low for t in of_horizon]) for of_horizon in told]

    assert width[0] < width[1] < width[2]


def test_equal_models_are_not_told_apart():
    """The same series twice gives p = 1, not a division by zero."""
    a = np.random.default_rng(6).normal(size=20)
    told = metrics.difference_interval(a, a)

    assert (told.estimate, told.p_value, told.excludes_zero) == (0.0, 1.0, False)


BAD = [
    (lambda: metrics.difference_interval([1], [0]), "at least 2 dates with some weight"),
    (lambda: metrics.difference_interval([1, 2], [0, 0], weight=[0, 0]), "2 dates of weight 0"),
    (lambda: metrics.difference_interval([1, 2], [0]), "first 2, second 1"),
    (lambda: metrics.difference_interval([1, np.nan, 4], [0, 1, 2]), "first has 1 missing"),
    (lambda: metrics.difference_interval([1, 2], [0, 0], shared=np.eye(3)), r"shared must be \(2, 2\)"),
    (lambda: metrics.difference_interval([1, 2], [0, 0], level=1), "level must"),
    (lambda: metrics.shared_windows([0, 7], 0), "horizon_days must be above 0, got 0"),
]


@pytest.mark.parametrize(("call", "message"), BAD, ids=[m[:30] for _, m in BAD])
def test_what_cannot_be_compared_is_refused(call, message):
    """Too few dates, misaligned series and values out of range are said, not turned into numbers."""
    with pytest.raises(ValueError, match=message):
        call()


def test_a_ratio_that_hangs_on_one_date_has_no_bounds():
    """Where one date left out leaves nothing to divide by, nothing is claimed; where it is the same without any, it is known."""
    over = lambda sums: sums[..., 0] / sums[..., 1]  # noqa: E731 a quotient

    assert metrics.statistic_interval([[3, 2], [1, 0], [1, 0]], over) == (-np.inf, 2.5, np.inf)
    assert metrics.statistic_interval([[3, 0], [1, 0]], over) == (np.inf, np.inf, np.inf)


@given(GAPS)
def test_a_statistic_that_is_a_mean_has_the_interval_of_the_mean(values):
    """Of events over dates each date adds itself, so the interval of the ratio is that of the differences to zero."""
    told = metrics.difference_interval(values, np.zeros(len(values)))
    low, estimate, high = metrics.statistic_interval(
        np.column_stack([values, np.ones(len(values))]), lambda sums: sums[..., 0] / sums[..., 1]
    )
    near = {"rel": 1e-6, "abs": 1e-9}

    assert estimate == pytest.approx(told.estimate, **near)
    assert (low, high) == pytest.approx((told.low, told.high), **near)


@pytest.mark.parametrize("n", [2, 3, 7, 12, 30])
@pytest.mark.parametrize("gain", [0.1, -0.3])
def test_a_gain_that_never_varies_is_a_point(n, gain):
    """The same gain on every date leaves no doubt, whatever the rounding of its mean: the interval is the gain and p is 0."""
    told = metrics.difference_interval(np.full(n, 0.7 + gain), np.full(n, 0.7))

    assert told.low == told.estimate == told.high
    assert told.estimate == pytest.approx(gain)
    assert told.p_value == 0


WEEKS = np.kron(np.eye(10), np.full((5, 5), 0.9)) + 0.1 * np.eye(50)
"""Ten groups of five dates, which share nine tenths of their window with each other: 1 + q is 5.6."""


@pytest.mark.parametrize(
    ("shared", "n_terms"),
    [(np.eye(24), 6), (np.eye(200), 30), (WEEKS, 9), (metrics.shared_windows(np.arange(10), 90), 2), (np.eye(2), 1)],
    ids=["a quarter", "at most", "by overlap", "at least", "two dates"],
)
def test_the_number_of_cosines(shared, n_terms):
    """B is n / (1 + q), rounded, q the mean number of dates that share a window with one: at least 2, at most n / 4 or 30, and one less than the dates."""
    gap = np.random.default_rng(0).normal(size=len(shared))

    assert metrics.difference_interval(gap, np.zeros(len(gap)), shared=shared).n_terms == n_terms
