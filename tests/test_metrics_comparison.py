"""Differences: paired, resampled in blocks of dates, and tested with a variance that knows of dependence."""

import numpy as np
import pytest

from riskwarn import metrics


def dependent(rng, n_series, n_dates, phi):
    """(n_series, n_dates) First-order autoregressive series of unit variance."""
    noise = rng.normal(size=(n_series, n_dates)) * np.sqrt(1 - phi**2)
    noise[:, 0] = rng.normal(size=n_series)
    for t in range(1, n_dates):
        noise[:, t] += phi * noise[:, t - 1]
    return noise


def test_pairing_removes_what_is_hard_for_both():
    """A swing common to both models does not widen the interval of their difference."""
    rng = np.random.default_rng(0)
    swing = rng.normal(0, 1, 60)
    found = metrics.difference_interval(swing + 0.1 + rng.normal(0, 0.01, 60), swing, rng=rng)

    assert found.estimate == pytest.approx(0.1, abs=0.01)
    assert found.high - found.low < 0.02
    assert found.excludes_zero


def test_the_same_seed_gives_the_same_interval():
    """The interval is a function of the series and the generator's state; a swap of the models mirrors it."""
    a, b = np.random.default_rng(1).normal(size=(2, 40))
    first, again, mirrored = (
        metrics.difference_interval(*pair, rng=np.random.default_rng(2)) for pair in ((a, b), (a, b), (b, a))
    )

    assert first == again
    assert (mirrored.low, mirrored.high) == pytest.approx((-first.high, -first.low))


def test_weights_pool_the_captures():
    """With all events of a date as its weight, the mean of captures is events caught over events in all."""
    caught, events = np.array([[3, 10, 1], [2, 12, 1]]), np.array([10, 40, 0])
    shares = caught / np.maximum(events, 1)
    found = metrics.difference_interval(*shares, weight=events, rng=np.random.default_rng(0))

    assert found.estimate == pytest.approx((13 - 14) / 50)


@pytest.mark.parametrize("kind", ["circular", "moving"])
def test_blocks_are_consecutive_dates(kind):
    """A resample is made of runs of `block_dates` consecutive dates; moving blocks never wrap around."""
    rows = metrics.block_draws(10, rng=np.random.default_rng(0), n_draws=500, block_dates=5, kind=kind)
    steps = np.diff(rows.reshape(500, 2, 5), axis=2) % 10

    assert rows.shape == (500, 10)
    assert (steps == 1).all()
    assert (rows.reshape(500, 2, 5)[:, :, 0].max() > 5) == (kind == "circular")


def test_circular_blocks_draw_every_date_equally():
    """Each date is drawn equally often, so the resamples are centred on the estimate."""
    rows = metrics.block_draws(12, rng=np.random.default_rng(0), n_draws=20_000, block_dates=4)
    share = np.bincount(rows.ravel(), minlength=12) / rows.size

    assert share == pytest.approx(np.full(12, 1 / 12), abs=0.002)


def test_blocks_keep_the_cover_under_dependence():
    """On dependent dates the block interval covers near its level where the plain one is far too narrow."""
    series = dependent(np.random.default_rng(3), 200, 120, 0.6)
    cover = {
        length: np.mean([
            f.low <= 0 <= f.high
            for f in (
                metrics.difference_interval(
                    s, np.zeros(120), rng=np.random.default_rng(i), n_draws=400, block_dates=length, level=0.9
                )
                for i, s in enumerate(series)
            )
        ])
        for length in (1, 10)
    }  # fmt: skip

    assert cover[1] < 0.70
    assert cover[10] > 0.78


def test_the_test_holds_its_size_under_dependence():
    """Of equally good models with dependent losses few are told apart; without the lags far too many are."""
    series = dependent(np.random.default_rng(4), 400, 100, 0.5)
    zero = np.zeros(100)
    share = {
        overlap: np.mean([metrics.diebold_mariano(s, zero, overlap=overlap).p_value < 0.05 for s in series])
        for overlap in (1, 8)
    }

    assert share[1] > 0.18
    assert share[8] < 0.12


def test_the_statistic_is_the_published_one():
    """With h = 1 the statistic is Student's t of the differences; with more it is the formula worked out by hand."""
    from scipy import stats

    a, b = np.random.default_rng(5).normal(size=(2, 30))
    plain = metrics.diebold_mariano(a, b, overlap=1)
    student = stats.ttest_rel(a, b)
    d = (a - b) - (a - b).mean()
    variance = (d @ d + 2 * (2 / 3 * d[1:] @ d[:-1] + 1 / 3 * d[2:] @ d[:-2])) / 30
    corrected = np.sqrt((30 + 1 - 6 + 3 * 2 / 30) / 30)

    assert plain.statistic == pytest.approx(student.statistic)
    assert plain.p_value == pytest.approx(student.pvalue)
    assert metrics.diebold_mariano(a, b, overlap=3).statistic == pytest.approx(
        (a - b).mean() / np.sqrt(variance / 30) * corrected
    )


def test_equal_models_are_not_told_apart():
    """The same series twice gives p = 1, not a division by zero."""
    a = np.random.default_rng(6).normal(size=20)

    assert metrics.diebold_mariano(a, a) == metrics.EqualSkill(0.0, 0.0, 1.0, 20)
    assert not metrics.difference_interval(a, a, rng=np.random.default_rng(0)).excludes_zero


BAD = [
    (lambda: metrics.diebold_mariano([1, 2, 3], [0, 1, 2], overlap=1), "the difference is 1 on all 3 dates"),
    (
        lambda: metrics.diebold_mariano([1, 2, 4], [0, 1, 2], overlap=3),
        "overlap of 1 to n - 1 are needed, got 3 dates and 3",
    ),
    (lambda: metrics.diebold_mariano([1, np.nan, 4], [0, 1, 2]), "first has 1 missing"),
    (lambda: metrics.difference_interval([1], [0], rng=np.random.default_rng(0)), "at least 2 dates with some weight"),
    (
        lambda: metrics.difference_interval([1, 2], [0, 0], weight=[0, 0], rng=np.random.default_rng(0)),
        "2 dates of weight 0",
    ),
    (lambda: metrics.difference_interval([1, 2], [0], rng=np.random.default_rng(0)), "first 2, second 1"),
    (lambda: metrics.block_draws(5, rng=np.random.default_rng(0), block_dates=6), "block_dates must be 1 to 5"),
    (lambda: metrics.block_draws(5, rng=np.random.default_rng(0), kind="odd"), "kind must be 'circular' or 'moving'"),
]


@pytest.mark.parametrize(("call", "message"), BAD, ids=[m[:30] for _, m in BAD])
def test_what_cannot_be_compared_is_refused(call, message):
    """Too few dates, misaligned series and constant differences are said, not turned into numbers."""
    with pytest.raises(ValueError, match=message):
        call()
