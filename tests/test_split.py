"""Folds: the gap is computed, nothing of the future trains, dates and areas are kept apart."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskwarn.errors import DefinitionError, LabelError
from riskwarn.split import RollingOrigin, known_before, leave_area_out, rolling_origin, worst_season

WEEKS = pd.date_range("2024-01-01", periods=30, freq="7D")


def weekly(**changes):
    given_ = {"horizon_days": 28, "settle_days": 14, "n_folds": 3, "test_dates": 4, "min_train_dates": 5}
    return given_ | changes


@st.composite
def questions(draw):
    """Dates with holes and the settings of a split, not always answerable."""
    steps = draw(st.lists(st.integers(1, 20), min_size=15, max_size=60))
    dates = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.cumsum(steps), unit="D")
    return pd.DatetimeIndex(dates), {
        "horizon_days": draw(st.integers(1, 60)),
        "settle_days": draw(st.integers(0, 30)),
        "n_folds": draw(st.integers(1, 3)),
        "test_dates": draw(st.integers(1, 4)),
        "min_train_dates": draw(st.integers(1, 5)),
        "max_train_dates": draw(st.none() | st.integers(5, 20)),
    }


def folds_or_none(dates, question):
    try:
        return rolling_origin(dates, **question)
    except LabelError:
        return None


@given(questions())
@settings(max_examples=150, deadline=None)
def test_no_training_label_reaches_the_test(case):
    """The label's window and its settling time end at or before the first test date, for every training date."""
    dates, question = case
    for fold in folds_or_none(dates, question) or []:
        known_at = fold.train_dates + pd.Timedelta(days=question["horizon_days"] + question["settle_days"])

        assert known_at.max() <= fold.test_dates.min()
        assert fold.train_dates.max() < fold.test_dates.min()
        assert fold.gap_days == question["horizon_days"] + question["settle_days"]


@given(questions())
@settings(max_examples=150, deadline=None)
def test_every_known_date_trains(case):
    """No date whose label was known is left out, save for the oldest beyond `max_train_dates`."""
    dates, question = case
    for fold in folds_or_none(dates, question) or []:
        known = dates[
            known_before(
                dates,
                fold.test_dates[0],
                horizon_days=question["horizon_days"],
                settle_days=question["settle_days"],
            )
        ]
        newest = known if question["max_train_dates"] is None else known[-question["max_train_dates"] :]

        assert fold.train_dates.equals(newest)
        assert len(fold.train_dates) >= question["min_train_dates"]


@given(questions())
@settings(max_examples=150, deadline=None)
def test_test_dates_are_disjoint_and_rise(case):
    """Together the folds test on the last n_folds x test_dates dates, each once, in order."""
    dates, question = case
    folds = folds_or_none(dates, question)
    if folds is None:
        return
    tested = np.concatenate([f.test_dates for f in folds])

    assert (tested == dates[-question["n_folds"] * question["test_dates"] :].to_numpy()).all()


@given(questions(), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_order_and_repeats_do_not_matter(case, random):
    """A panel's rows in any order, many a date, give the same folds."""
    dates, question = case
    rows = list(dates) * 2
    random.shuffle(rows)
    straight, shuffled = folds_or_none(dates, question), folds_or_none(pd.DatetimeIndex(rows), question)
    if straight is None:
        assert shuffled is None
        return

    for a, b in zip(straight, shuffled, strict=True):
        assert a.train_dates.equals(b.train_dates)
        assert a.test_dates.equals(b.test_dates)


def test_a_fold_written_out_by_hand():
    """28 + 14 days leave out the six weeks before the test but keep the date exactly 42 days before it."""
    first, *_, last = rolling_origin(WEEKS, **weekly())

    assert first.test_dates.tolist() == WEEKS[18:22].tolist()
    assert first.train_dates.tolist() == WEEKS[:13].tolist()
    assert last.test_dates.tolist() == WEEKS[26:].tolist()
    assert last.train_dates.tolist() == WEEKS[:21].tolist()


def test_the_span_can_be_limited():
    """With `max_train_dates` the newest known dates train."""
    folds = rolling_origin(WEEKS, **weekly(max_train_dates=6))

    assert folds[0].train_dates.tolist() == WEEKS[7:13].tolist()


def test_zoned_dates_keep_their_zone():
    """Dates with a time zone are compared as instants and stay zoned."""
    folds = rolling_origin(WEEKS.tz_localize("Asia/Shanghai"), **weekly())

    assert str(folds[0].test_dates.tz) == "Asia/Shanghai"
    assert len(folds[0].train_dates) == 13


def test_too_few_dates_say_what_is_required_and_found():
    """A panel that is too short names both numbers, for testing and for training."""
    with pytest.raises(LabelError, match=r"need 12 dates beside the training ones, found 10 in all"):
        rolling_origin(WEEKS[:10], **weekly())
    with pytest.raises(
        LabelError, match=r"needs 14 training dates known by then .at least 42 days before., found 13 of 30"
    ):
        rolling_origin(WEEKS, **weekly(min_train_dates=14))


def test_wrong_settings_are_told_together():
    """All settings out of range are named in one refusal."""
    with pytest.raises(
        DefinitionError, match=r"horizon_days must be above 0, got 0; n_folds must be at least 1, got 0"
    ):
        rolling_origin(WEEKS, **weekly(horizon_days=0, n_folds=0))
    with pytest.raises(DefinitionError, match="max_train_dates must be at least min_train_dates"):
        rolling_origin(WEEKS, **weekly(max_train_dates=2))
    with pytest.raises(DefinitionError, match="as_of is missing in 1 of 2 rows"):
        rolling_origin(pd.DatetimeIndex(["2024-01-01", None]), **weekly())


def test_the_splitter_drives_scikit_learn():
    """cross_val_score takes the splitter, with dates as groups or from the table."""
    from sklearn.dummy import DummyRegressor
    from sklearn.model_selection import cross_val_score

    rows = pd.DataFrame({"as_of": WEEKS.repeat(3), "x": np.arange(90.0)})
    splitter = RollingOrigin(**weekly())
    scores = cross_val_score(
        DummyRegressor(), rows[["x"]], rows["x"], groups=rows["as_of"], cv=splitter, scoring="neg_mean_absolute_error"
    )

    assert splitter.get_n_splits() == 3
    # the training mean is row 19 (weeks 0..12), the test rows 54..65
    assert scores[0] == pytest.approx(-(np.arange(54, 66) - 19).mean())
    assert [test.tolist() for _, test in splitter.split(rows)] == [
        list(range(54, 66)),
        list(range(66, 78)),
        list(range(78, 90)),
    ]
    assert next(splitter.split(rows.set_index("as_of")))[0].tolist() == list(range(39))


def test_rows_without_dates_are_refused():
    """A splitter that is told no dates does not fall back to counting rows."""
    with pytest.raises(DefinitionError, match="the rows have no dates"):
        next(RollingOrigin(**weekly()).split(np.zeros((90, 1))))


@given(st.lists(st.integers(0, 8), min_size=4, max_size=60), st.integers(2, 4), st.integers(0, 99))
@settings(max_examples=100, deadline=None)
def test_areas_are_held_out_whole(parents, n_blocks, seed):
    """Each grid is tested once, never beside a sibling in training, and the order of grids is irrelevant."""
    grids = pd.Series([f"T{p}" for p in parents], index=[f"G{i:03d}" for i in range(len(parents))])
    if grids.nunique() < n_blocks:
        with pytest.raises(DefinitionError, match="n_blocks must be 2 to"):
            leave_area_out(grids, n_blocks, seed)
        return
    folds = leave_area_out(grids, n_blocks, seed)

    assert sorted(g for f in folds for g in f.test_grids) == grids.index.tolist()
    for fold, other in zip(folds, leave_area_out(grids[::-1], n_blocks, seed), strict=True):
        assert set(grids[fold.train_grids]).isdisjoint(grids[fold.test_grids])
        assert len(fold.train_grids) + len(fold.test_grids) == len(grids)
        assert fold.test_grids.equals(other.test_grids)


def test_area_blocks_are_about_equal():
    """Blocks of many small parents differ by at most the largest parent."""
    grids = pd.Series([f"T{i % 40:02d}" for i in range(1000)], index=range(1000))
    sizes = [len(f.test_grids) for f in leave_area_out(grids, 5, 1)]

    assert sizes == [200] * 5


def test_grids_without_parent_are_refused():
    """A grid that belongs to no area cannot be held out with it."""
    with pytest.raises(DefinitionError, match="1 have none, 0 come twice"):
        leave_area_out(pd.Series({"G1": "T1", "G2": None}), 2, 0)


@pytest.mark.parametrize("horizon_days", [1, 7, 28, 90, 200])
def test_an_unseen_season_is_unseen(horizon_days):
    """No training date, and no day of its label's window, lies in the tested season; and none is later than the test."""
    days = pd.date_range("2021-01-01", "2024-12-31", freq="5D")
    months = {"winter": {12, 1, 2}, "spring": {3, 4, 5}, "summer": {6, 7, 8}, "autumn": {9, 10, 11}}
    folds = worst_season(days, horizon_days=horizon_days, settle_days=3, min_train_dates=1)

    assert set(folds) == set(months)
    for season, fold in folds.items():
        assert set(fold.test_dates.month) <= months[season]
        for date in fold.train_dates:
            lived = pd.date_range(date, date + pd.Timedelta(days=horizon_days), freq="D", inclusive="left")
            assert months[season].isdisjoint(lived.month)
        assert fold.train_dates.max() + pd.Timedelta(days=horizon_days + 3) <= fold.test_dates.min()


def test_a_short_panel_has_no_unseen_season():
    """Half a year leaves nothing to learn from before another season, and that is said with numbers."""
    with pytest.raises(LabelError, match=r"needs 40 earlier dates to learn from, found at most 2\d"):
        worst_season(WEEKS, horizon_days=7, settle_days=0, min_train_dates=40)
    with pytest.raises(DefinitionError, match="at most 270"):
        worst_season(WEEKS, horizon_days=300, settle_days=0, min_train_dates=1)


def test_one_date_is_enough_to_learn_from():
    """A panel of just one date beside the tested ones has a fold; one of none says what it needs."""
    [fold] = rolling_origin(WEEKS[:3], horizon_days=7, settle_days=0, n_folds=1, test_dates=2, min_train_dates=1)

    assert fold.train_dates.tolist() == WEEKS[:1].tolist()
    with pytest.raises(
        LabelError, match="1 folds of 2 test dates need 2 dates beside the training ones, found 2 in all"
    ):
        rolling_origin(WEEKS[:2], horizon_days=7, settle_days=0, n_folds=1, test_dates=2, min_train_dates=1)


def test_a_refusal_names_the_first_dates():
    """Of too short a panel one learns where it begins and from when it would be tested."""
    with pytest.raises(LabelError, match=r"tests from 2024-05-06, needs 14 .* of 30 dates since 2024-01-01: use fewer"):
        rolling_origin(WEEKS, **weekly(min_train_dates=14))


@pytest.mark.parametrize(("horizon_days", "refused"), [(270, False), (271, True)])
def test_a_horizon_leaves_room_for_a_season(horizon_days, refused):
    """Nine months are the most that lie outside of a season."""
    days = pd.date_range("2019-01-01", "2024-12-31", freq="7D")
    if refused:
        with pytest.raises(DefinitionError, match="at most 270 to leave a season out, got 271"):
            worst_season(days, horizon_days=horizon_days, settle_days=0, min_train_dates=1)
        return

    assert worst_season(days, horizon_days=horizon_days, settle_days=0, min_train_dates=1)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"settle_days": -1}, "settle_days must be at least 0, got -1"),
        ({"test_dates": 0}, "test_dates must be at least 1, got 0"),
        ({"min_train_dates": 0}, "min_train_dates must be at least 1, got 0"),
    ],
)
def test_each_setting_has_its_bound(changed, said):
    """What is just out of range is refused by name, what is just within is not."""
    with pytest.raises(DefinitionError, match=said):
        rolling_origin(WEEKS, **weekly(**changed))
    least = {"settle_days": 0, "test_dates": 1, "n_folds": 1, "min_train_dates": 1, "max_train_dates": 1}
    assert len(rolling_origin(WEEKS, **weekly(**least))) == 1


def test_areas_fall_into_one_block_each_or_two_at_least():
    """As many blocks as areas hold out one each; more, or a single one, are refused with what was asked."""
    grids = {"G1": "T1", "G2": "T1", "G3": "T2", "G4": "T3"}

    assert sorted(f.test_grids.tolist() for f in leave_area_out(grids, 3, 0)) == [["G1", "G2"], ["G3"], ["G4"]]
    for n_blocks in (1, 4):
        with pytest.raises(DefinitionError, match=f"n_blocks must be 2 to the 3 parent areas, got {n_blocks}"):
            leave_area_out(grids, n_blocks, 0)


def test_a_window_that_ends_as_a_season_begins_has_seen_none_of_it():
    """The last date that trains for spring is the one whose seven days end at its first midnight."""
    spring = worst_season(pd.date_range("2023-01-01", "2024-05-31"), horizon_days=7, settle_days=0, min_train_dates=1)[
        "spring"
    ]

    assert spring.test_dates[0] == pd.Timestamp("2024-03-01")
    assert spring.train_dates[-1] == pd.Timestamp("2024-02-23")


def test_a_season_is_tested_by_its_latest_unbroken_run():
    """Of two winters the later one is tested, from its first date to its last; a year without autumn has no such fold."""
    days = pd.date_range("2023-01-02", "2025-02-24", freq="7D")
    folds = worst_season(days, horizon_days=7, settle_days=0, min_train_dates=10)

    assert folds["winter"].test_dates[[0, -1]].strftime("%Y-%m-%d").tolist() == ["2024-12-02", "2025-02-24"]
    assert folds["winter"].gap_days == 7
    n = len(folds["spring"].train_dates)
    for least, there in ((n, True), (n + 1, False)):
        assert ("spring" in worst_season(days, horizon_days=7, settle_days=0, min_train_dates=least)) is there
    half = worst_season(WEEKS, horizon_days=7, settle_days=0, min_train_dates=1)
    assert set(half) == {"spring", "summer"}
    with pytest.raises(LabelError, match="needs 1 earlier dates to learn from, found at most 0"):
        worst_season(WEEKS[:4], horizon_days=7, settle_days=0, min_train_dates=1)
