"""G20: a week far above what its grid, feed and city lead one to expect."""

import numpy as np
import pytest
from towns import gaps as w

from riskwarn.gaps import find_gaps
from riskwarn.gaps.evidence import Evidence
from riskwarn.gaps.surge import weekly_counts
from riskwarn.history import History

DAYS, N = 7 * 40, 30


def found(*parts):
    rows = [row for part in parts for row in part]
    history = History.of(w.frame(rows), w.grids(N), timezone=w.ZONE, until=w.NIGHT)
    return find_gaps(history, as_of=w.NIGHT, kinds=["G20"]), Evidence(history, w.NIGHT)


def bursts(weeks_ago, n, seed=0):
    """`n` calls on the third day of so many weeks ago, each week in another grid."""
    grids = np.random.default_rng(seed).permutation(N)
    return [
        w.event(f"b{k}-{i}", "hotline", 7 * k + 3.5, grid=f"G{grids[k % N]}", category="D99")
        for k in weeks_ago
        for i in range(n)
    ]


@pytest.fixture(scope="module")
def usual():
    return w.steady("hotline", DAYS, 0.3, n_grids=N)


def test_a_week_of_many_calls_is_told_of_its_grid_alone(usual):
    """Fifteen calls more in one grid, where two a week are usual, are a surge there and nowhere else."""
    gaps, _ = found(usual, bursts([0], 15))

    assert gaps["scope"].tolist() == [f"grid:G{np.random.default_rng(0).permutation(N)[0]}/hotline"]


def test_where_every_week_has_its_burst_tonights_is_none(usual):
    """The same fifteen calls are told of nobody where each week of the year so far brought some grid as many."""
    gaps, _ = found(usual, bursts(range(38), 15))

    assert gaps.empty


def test_counts_are_of_weeks_that_end_at_the_night(usual):
    """The last column holds the last seven days, and before it stand a year and fifteen weeks."""
    _, evidence = found(usual, bursts([0], 15))
    weekly = weekly_counts(evidence, "hotline")

    assert weekly.shape == (N, 68)
    assert weekly[:, -1].sum() == sum(row["occurred_at"] >= w.days_before(7) for row in [*usual, *bursts([0], 15)])
