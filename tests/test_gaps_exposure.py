"""What could have come, and since when it did not: the pieces of a silence, each on counts that are worked out by hand."""

import numpy as np
import pytest
from towns import gaps as w

from riskwarn.gaps import exposure, liveness, silence
from riskwarn.gaps.awake import Liveness
from riskwarn.gaps.evidence import Evidence


def test_the_last_seven_days_are_bins_and_weeks_lie_before_them():
    """Bins are counted from the oldest, which may be a part of a week."""
    bins, lengths = liveness._bins(23)

    assert lengths.tolist() == [2, 7, 7, 1, 1, 1, 1, 1, 1, 1]
    assert bins.tolist() == [9, 8, 7, 6, 5, 4, 3, *[2] * 7, *[1] * 7, 0, 0]


def test_a_grid_counts_from_its_first_day(tmp_path):
    """Of the bins before a grid was founded it has no share, of the week in which it was the days since."""
    store = w.Store(tmp_path / "town", timezone=w.ZONE)
    store.write("grids", w.grids(2).assign(valid_from=[w.days_before(10), w.days_before(999)]))
    store.write("events", w.frame([w.event("x", "grid_report", 3)]))
    there = liveness._existing(Evidence(store, w.NIGHT), np.array([7.0, 7.0, *[1.0] * 7]))

    assert there[0] == pytest.approx([0, 3 / 7, *[1] * 7])
    assert there[1].tolist() == [1] * 9


def test_the_size_of_a_law_by_its_moments():
    """One over the variance beyond chance, in units of the squared mean: at least 1, and at most 100 where there is none."""
    counts, mean = np.array([9.0, 1.0, 5.0, 5.0]), np.full(4, 4.0)

    assert liveness._size(counts, mean) == pytest.approx(4 * 16 / (25 + 9 + 1 + 1 - 16))
    assert liveness._size(mean, mean) == 100
    assert liveness._size(np.array([90.0, 1.0]), np.full(2, 4.0)) == 1


def test_a_stretch_that_came_thin_has_its_share():
    """Fifteen days at a fifth of ten a day are those days, at a fifth; empty days are 0, and what is over its due is no more than whole."""
    due, counts = np.full((3, 120), 10.0), np.full((3, 120), 10.0)
    counts[0, 30:45], counts[1, 30:45], counts[2] = 2, 0, 11
    wanted = np.ones((3, 120))
    wanted[0, 30:45], wanted[1, 30:45] = 0.2, 0

    assert exposure.health_of(counts, due) == pytest.approx(wanted)


def test_the_evidence_of_a_thin_day():
    """Its log likelihood at three tenths against that in order, over how much the area's days scatter beyond chance."""
    counts, due = np.array([[4.0, 16.0, 4.0, 16.0]]), np.full((1, 4), 10.0)

    assert exposure.thin_evidence(counts, due) == pytest.approx((counts * np.log(0.3) + 7) / (3.6 / 0.455))
    assert exposure.thin_evidence(due, due) == pytest.approx(due * np.log(0.3) + 7)


def test_stretches_begin_where_the_sum_leaves_zero():
    """A stretch ends at its peak; a sum that fell by five from there begins anew, and one that never passes five is none."""
    assert exposure._stretches(np.array([-1, 2, 2, 2, -3, -3, 1])) == [(1, 3)]
    assert exposure._stretches(np.array([3, 3, -1, 4])) == [(0, 3)]
    assert exposure._stretches(np.array([2, 3, -9, 9])) == [(3, 3)]
    assert exposure._stretches(np.array([6, -5.5, 6])) == [(0, 0), (2, 2)]
    assert exposure._stretches(np.array([5.0, -1, -1])) == []


def test_what_a_day_should_bring_by_hand():
    """The same every day is that; a flood of a fortnight moves nothing; where hardly anything comes the mean stands for the median."""
    curve, counts = np.ones(364), np.full((3, 364), 5.0)
    counts[1, 140:154] = 50
    counts[2] = 0
    counts[2, ::91] = 1
    due = exposure.normal_days(counts[:2] * [[1], [1]], curve, started=364)
    rare = exposure.normal_days(counts[2:], curve, started=364)

    assert due[0] == pytest.approx(np.full(364, 5.0), rel=0.02)
    assert np.median(due[1] / due[0]) == pytest.approx(1)
    assert due[1].max() < 6
    assert rare.sum() == pytest.approx(4, rel=0.05)
    assert rare.min() > 0


def test_weekdays_differ_by_what_they_bring():
    """The share of a mean day, drawn to 1 by seven days: of 70 days with ten on one weekday and two on the others."""
    day = np.where(np.arange(70) % 7 == 3, 10.0, 2.0)
    mean = 220 / 70
    wanted = np.where(np.arange(7) == 3, 100 + 7 * mean, 20 + 7 * mean) / (10 * mean + 7 * mean)

    assert exposure._weekday_factors(day[None, :], np.ones(70)) == pytest.approx(wanted)
    assert exposure._weekday_factors(np.zeros((1, 70)), np.ones(70)).tolist() == [1] * 7


def test_an_absence_wants_five_visits_that_did_not_come():
    """At a visit a bin on average five empty bins in a row are absence, four are not, wherever they lie; without any visit there is no habit."""
    visits = np.array([[0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 9, 0], [0] * 12], dtype=float)

    assert exposure.unvisited(visits).tolist() == [[True] * 5 + [False] * 7, [False] * 12]


def test_since_when_a_unit_is_silent_and_what_was_due():
    """Ten weeks of seven, then three of nothing: 21 days, none of the 21 that the rate before would have brought, drawn to its kind's by the law's size."""
    counts = np.array([[7.0] * 10 + [0.0] * 3])
    days = np.full(13, 7.0)
    live = Liveness(counts, np.broadcast_to(days, counts.shape), days, np.array([0.5]), 5.0)
    since, observed, expected, size = silence._since(live, np.array([0]))

    assert (since.tolist(), observed.tolist()) == ([21.0], [0.0])
    assert expected == pytest.approx([(70 + 5) / (70 + 5 / 0.5) * 21])
    assert size == pytest.approx([70 + 5])


def test_who_called_and_who_came_in_a_silence(tmp_path):
    """Requests and visits of the window of the unit's own silence count, on its first day too; those of the day before and of other grids do not."""
    events = [w.event(f"c{d}", "hotline", d) for d in (1, 20, 20.1)] + [w.event("r", "grid_report", 2)]
    events.append(w.event("other", "hotline", 3, grid="G1"))
    visits = [
        {
            "visit_id": f"v{d}",
            "started_at": w.days_before(d),
            "known_at": w.days_before(d),
            "grid_id": "G0",
            "valid": True,
        }
        for d in (3, 20, 21)
    ]
    evidence = Evidence(w.town(tmp_path / "town", events, visits=visits), w.NIGHT)
    calls, came = silence._asked(evidence, np.array(["grid:G0", "grid:G2", "org:V0"]), np.array([20.0, 20.0, 20.0]))

    assert calls.tolist() == [2, 0, 0]
    assert came.tolist() == [2, 0, 0]


def test_grids_judged_together_have_the_sum_of_what_was_due():
    """Counts add up, and so does what was due of each by its kind's rate."""
    days = np.array([7.0, 1.0])
    live = Liveness(
        np.array([[1.0, 0.0], [2.0, 1.0], [9.0, 9.0]]),
        np.array([[7.0, 1.0], [3.5, 1.0], [7.0, 1.0]]),
        days,
        np.array([0.1, 0.3, 0.9]),
        4.0,
    )
    both = silence._summed(live, np.array([0, 1]), np.array([0, 0]), 1)

    assert both.counts.tolist() == [[3, 1]]
    assert both.prior_mean == pytest.approx([0.4])
    assert both.exposure * both.prior_mean == pytest.approx(np.array([[0.7 + 0.3 * 3.5, 0.1 + 0.3]]))
    assert both.prior_size == 4 * 2


def test_how_far_the_events_reach_back(tmp_path):
    """Whole days from the oldest record to the night, and three years at most."""
    for ago, days in ((9.5, 10), (1200, 1096)):
        store = w.town(tmp_path / f"{ago}", [w.event("x", "hotline", ago), w.event("y", "hotline", 1)])
        assert exposure.span_days(Evidence(store, w.NIGHT)) == days


def test_weeks_without_anybody_are_no_silence(tmp_path):
    """Where nobody visited a grid for weeks in which five visits were due, its bins of that time have no share; the days before and after have."""
    visits = [
        {"visit_id": f"v{g}-{d}", "started_at": at, "known_at": at, "grid_id": f"G{g}", "valid": True}
        for g in range(2)
        for d in range(70)
        if g or not 14 <= d < 35
        for at in [w.days_before(d + 0.5)]
    ]
    evidence = Evidence(w.town(tmp_path / "town", [w.event("x", "grid_report", 69.5)], visits=visits), w.NIGHT)
    bins, lengths = liveness._bins(70)
    there = liveness._there(evidence, bins, lengths, by_workers=True)

    assert there[0].tolist() == [1] * 5 + [0] * 3 + [1] * 8
    assert there[1].tolist() == [1] * 16
    assert liveness._there(evidence, bins, lengths, by_workers=False)[0].tolist() == [1] * 16
