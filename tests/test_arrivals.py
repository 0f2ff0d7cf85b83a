"""One law for what a feed brings: it holds its level, remembers outages, accepts new levels, knows holidays, and uses nothing of later days."""

import datetime as dt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskwarn.arrivals import CHANGE_DAYS, FEW_P, TOLD_DAYS, WINDOWS, lower_tail, read, upper_tail
from riskwarn.holiday import holidays_of

WEEK = np.array([1.3, 1.2, 1.1, 1.0, 1.0, 0.7, 0.7])


def feeds(mean, days, n=1, seed=0, spread=1.3):
    """(n, days) records with a weekly rhythm and more scatter than Poisson's."""
    due = mean * WEEK[np.arange(days) % 7]
    rng = np.random.default_rng(seed)
    return rng.negative_binomial(np.broadcast_to(due / (spread - 1), (n, days)), 1 / spread).astype(float)


@pytest.mark.parametrize("mean", [1.5, 6.0, 40.0])
def test_feeds_in_order_are_told_as_seldom_as_promised(mean):
    """Of 100 feeds over two years of nights at most one night in a thousand windows is told, and a spell in four feed-years."""
    told = read(feeds(mean, 900, n=100, seed=1)).told[:, 170:]
    spells = (told[:, 1:] & ~told[:, :-1]).sum()

    assert told.mean() < len(WINDOWS) * FEW_P
    assert spells < told.size / 365 / 4


@pytest.mark.parametrize(("mean", "left", "within"), [(20.0, 0.2, 3), (20.0, 0.0, 1), (6.0, 0.2, 5), (100.0, 0.35, 1)])
def test_a_thinned_feed_is_told_within_days_and_no_longer_once_back(mean, left, within):
    """Twelve days at a part of the records are told soon, told on nearly every night, and not on the third night after."""
    rows = feeds(mean, 400, n=40, seed=2)
    rows[:, 300:312] = np.random.default_rng(3).binomial(rows[:, 300:312].astype(int), left)
    told = read(rows).told

    assert (told[:, 300 : 300 + within].any(axis=1)).mean() >= 0.9
    assert told[:, 306:312].mean() > 0.9
    assert told[:, 314:330].mean() < 0.01


@settings(max_examples=15, deadline=None)
@given(st.integers(90, 260), st.integers(0, 2**31))
def test_a_night_is_told_the_same_whatever_follows(cut, seed):
    """What is said of a night from the days before it is what is said of it when more days follow: outages, holidays and changes among them."""
    rng = np.random.default_rng(seed)
    rows = feeds(8.0, 300, n=3, seed=seed)
    begun = rng.integers(60, 220)
    rows[:2, begun : begun + 60] = rng.binomial(rows[:2, begun : begun + 60].astype(int), 0.2)
    holidays = np.where(rng.random(300) < 0.05, "on feast", "").astype(object)
    whole, night = (read(rows[:, :n], holidays=holidays[:n], together=True) for n in (300, cut))

    np.testing.assert_array_equal(night.told, whole.told[:, :cut])
    np.testing.assert_allclose(night.due, whole.due[:, :, :cut], rtol=1e-9)
    np.testing.assert_allclose(night.lower, whole.lower[:, :cut], rtol=1e-9)


@settings(max_examples=12, deadline=None)
@given(st.permutations(range(4)))
def test_the_order_of_streams_is_irrelevant(order):
    """Each stream reads the same wherever it stands."""
    rows = np.concatenate([feeds(m, 160, seed=4) for m in (2.0, 9.0, 30.0, 60.0)])
    rows[1, 150:] = 1
    few = read(rows, together=True).few

    np.testing.assert_allclose(read(rows[list(order)], together=True).few, few[list(order)], rtol=1e-9)


def test_twice_the_records_are_due_twice_and_a_lack_is_surer():
    """A feed of twice the size is due twice as much, and the same share of it is less by chance."""
    rows = np.tile(WEEK * 40, (1, 30))
    rows[:, -1] *= 0.2
    one, two = read(rows), read(2 * rows)

    np.testing.assert_allclose(two.due[:, 0, -1], 2 * one.due[:, 0, -1], rtol=1e-9)
    assert two.few[0, -1] < one.few[0, -1] < FEW_P


@pytest.mark.parametrize("left", [0.0, 0.2])
def test_a_told_outage_does_not_teach_the_norm(left):
    """After 26 days of an outage as much is due as before it, to a tenth; a law without memory would be due less than half."""
    rows = feeds(30.0, 420, seed=5)
    sound = read(rows).due[0, 0, 326:330]
    rows[:, 300:326] *= left
    reading = read(rows)

    np.testing.assert_allclose(reading.due[0, 0, 326:330], sound, rtol=0.1)
    assert not reading.told[0, 330:].any()


def test_a_feed_that_stopped_is_never_the_norm():
    """Nothing at all for a year is told on each of its nights; of a category, which may end, it is told for four weeks and then once as a change."""
    rows = feeds(12.0, 700, n=2, seed=6)
    rows[:, 330:] = 0
    reading = read(rows, whole=np.array([True, False]))

    assert reading.told[0, 331:].all()
    assert reading.told[1, 331:358].all()
    assert not reading.told[1, 360:].any()
    assert (~np.isnan(reading.lower)).sum(axis=1).tolist() == [0, 1]


def test_a_lasting_fall_is_told_once_as_a_change_of_level():
    """A fall to a third is an outage for four weeks, then a change of level with what is left, for a week of nights; then it is what is due."""
    rows = feeds(30.0, 600, seed=7)
    rows[:, 400:] = np.random.default_rng(8).binomial(rows[:, 400:].astype(int), 1 / 3)
    reading = read(rows)
    night = int(np.flatnonzero(~np.isnan(reading.lower[0])).item())

    assert CHANGE_DAYS * 0.7 <= night - 400 < CHANGE_DAYS + 3
    assert reading.lower[0, night] == pytest.approx(1 / 3, abs=0.05)
    assert not reading.told[0, night + 1 :].any()
    assert np.nanmean(reading.due[0, 0, night + 2 :]) == pytest.approx(rows[0, night + 2 :].mean(), rel=0.15)
    for nights, news in ((0, True), (TOLD_DAYS - 1, True), (TOLD_DAYS, False)):
        then = read(rows[:, : night + 1 + nights])
        assert (then.fallen(0) is not None) == news


def test_since_when_and_how_much_was_due():
    """The days since an outage began are counted from its first poor day, also where the first night to tell it came later."""
    rows = feeds(6.0, 300, n=30, seed=9)
    rows[:, -10:] = np.random.default_rng(10).binomial(rows[:, -10:].astype(int), 0.15)
    reading = read(rows)
    days = [reading.since(i) for i in np.flatnonzero(reading.told[:, -1])]

    assert len(days) > 20
    assert 9 <= np.median(days) <= 11
    assert np.quantile(days, 0.9) <= 14


def test_what_all_lack_is_not_missed_of_one():
    """A week in which every organisation brings four tenths is nobody's outage; one that brings nothing beside the others still is."""
    rows = feeds(30.0, 300, n=8, seed=11)
    rows[:, -7:] = np.round(rows[:, -7:] * 0.4)
    together, alone = read(rows, together=True), read(rows)
    rows[3, -7:] = 0

    assert not together.told[:, -7:].any()
    assert alone.told[:, -1].all()
    assert read(rows, together=True).told[:, -1].tolist() == [i == 3 for i in range(8)]


@pytest.mark.parametrize("mean", [2.0, 6.0, 25.0])
def test_holiday_weeks_are_no_outage(mean):
    """A thin feed that brings a third in the weeks of the Spring Festival is not told in the first of them, nor in later years."""
    first = dt.date(2022, 3, 1)
    days = [first + dt.timedelta(days=i) for i in range(1100)]
    holidays = holidays_of(days, "Asia/Shanghai")
    rows = feeds(mean, 1100, n=60, seed=12)
    feast = [i for i, name in enumerate(holidays) if name.startswith("on Chinese New Year")]
    rows[:, feast] = np.random.default_rng(13).binomial(rows[:, feast].astype(int), 1 / 3)
    blind, knowing = read(rows), read(rows, holidays=holidays)
    near = np.convolve(np.isin(np.arange(1100), feast), np.ones(3), "full")[:1100] > 0

    assert knowing.told[:, near].mean() < 1e-3
    assert knowing.told[:, near].sum() <= blind.told[:, near].sum()


def test_an_outage_on_a_holiday_is_still_told():
    """Nothing at all on the third Christmas of a feed of forty a day is told, although half is usual then."""
    days = [dt.date(2020, 1, 1) + dt.timedelta(days=i) for i in range(1100)]
    holidays = holidays_of(days, "America/New_York")
    rows = feeds(40.0, 1100, seed=14)
    christmas = [days.index(dt.date(year, 12, 25)) for year in (2020, 2021, 2022)]
    rows[:, christmas] = np.round(rows[:, christmas] * 0.5)
    assert not read(rows, holidays=holidays).told[0, christmas].any()

    rows[:, christmas[-1]] = 0
    assert read(rows, holidays=holidays).told[0, christmas[-1]]


@given(st.floats(0.1, 200), st.floats(1.0, 5.0), st.integers(0, 300))
def test_tails_meet(mean, spread, count):
    """At most so many and more than so many are all there is."""
    m, v = np.array([mean]), np.array([mean * spread])
    both = lower_tail(np.array([float(count)]), m, v) + upper_tail(np.array([count + 1.0]), m, v)

    assert both.item() == pytest.approx(1.0, abs=1e-9)


def test_a_zone_without_a_country_has_no_holidays():
    """UTC is nobody's calendar; a table of the operator marks days all the same, a weekend never."""
    days = [dt.date(2024, 12, 24) + dt.timedelta(days=i) for i in range(3)]

    assert set(holidays_of(days, "UTC")) == {""}


def test_the_operators_table_names_days_of_its_own(tmp_path):
    """A weekday that is not worked by the table is a holiday, the days beside it are beside one, and a Sunday is none."""
    (tmp_path / "calendar.csv").write_text("date,workday\n2025-03-05,0\n2025-03-09,0\n2025-03-11,1\n")
    days = [dt.date(2025, 3, 3) + dt.timedelta(days=i) for i in range(9)]

    assert holidays_of(days, "UTC", tmp_path / "calendar.csv").tolist() == [
        "",
        "before own",
        "on own",
        "after own",
        *[""] * 5,
    ]
