"""Outcomes: which events count, from when to when, and when they are settled."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from towns.events import GRIDS, START, crowd, revision, table

from riskwarn.errors import ArgumentError, DefinitionError
from riskwarn.experiment import Baselines, Dates, Experiment
from riskwarn.feature import Count
from riskwarn.feature.normal import _drawn, moments_of
from riskwarn.history import History, Stream
from riskwarn.label import Label
from riskwarn.panel import build_panel, panel_of, read_panel, write_panel


def day(n):
    return START + pd.Timedelta(days=n)


LABEL = Label("dispute_7d", (Stream("dispute"),), days=7, settle_days=3)


def outcome(rows, dates, label=LABEL, until=99):
    return label.outcome(History.of(table(rows), GRIDS, until=day(until)).at(dates))


def test_the_horizon_holds_its_first_instant_and_not_its_last():
    """An event at as_of is in the horizon, one at its end is in the next."""
    assert outcome([revision(known=24 * 10)], [day(3), day(10), day(11)])[0].tolist() == [0, 1, 0]


def test_records_count_if_known_before_they_settle():
    """A late record counts while the outcome waits, and never after: the number cannot change once it is settled."""
    in_time = revision(known=24 * 19, lag=24 * 8)
    late = revision(event_id="late", known=24 * 21, lag=24 * 10)

    assert outcome([in_time, late], [day(10)])[0, 0] == 1


def test_a_retraction_in_time_undoes_an_outcome():
    """An event withdrawn before the outcome settles did not happen."""
    rows = [
        revision(known=24 * 11),
        revision(known=24 * 15, lag=24 * 4, retracted=True),
        revision(event_id="b", known=1),
    ]

    assert outcome(rows, [day(10)])[0, 0] == 0


def test_an_outcome_is_missing_until_it_settles():
    """A row whose horizon or wait reaches beyond the data has no outcome."""
    found = outcome([revision(known=24)], [day(5), day(10), day(11)], until=20)[0]

    assert np.isnan(found).tolist() == [False, False, True]


@pytest.mark.parametrize("from_days", [-1, 7, 7.5, float("nan")])
def test_a_part_of_a_horizon_lies_within_it(from_days):
    """Where nothing of the horizon is left to count, or more than all of it, the question is refused, not answered below 0."""
    snapshot = History.of(table([revision(known=24)]), GRIDS, until=day(99)).at([day(0)])

    for count in (LABEL.outcome, LABEL.n_events):
        with pytest.raises(ArgumentError, match="from 0 to less than the horizon of 7 days"):
            count(snapshot, from_days=from_days)


def test_streams_add_up():
    """A label of two streams counts the events of both."""
    label = Label("any_7d", ("dispute", "police_call"), days=7)
    rows = [revision(known=24 * 11), revision(source="police_call", known=24 * 12)]

    assert outcome(rows, [day(10)], label)[0, 0] == 2
    assert label.wait_days == 7
    assert Label.from_dict(label.to_dict()) == label
    assert label.words.zh
    assert label.words.en


@pytest.mark.parametrize(
    "wrong", [{"streams": ()}, {"days": 0}, {"settle_days": -1}, {"streams": ({"source": "dispute", "tag": "x"},)}]
)
def test_labels_that_cannot_be_are_refused(wrong):
    """No stream, no horizon, a negative wait and an unknown tag are refused when declared."""
    with pytest.raises(DefinitionError):
        Label(**{"name": "x", "streams": ("dispute",), "days": 7, **wrong})


# --- what a count means for the grid


def weekly(counts, grid="G1", source="dispute"):
    """One event an hour from noon on, as many in each week as `counts` says, the last week ending at day 7 * len(counts)."""
    return [
        revision(source=source, event_id=f"{source}{grid}{week}-{i}", known=24 * 7 * week + 12 + i, grid=grid)
        for week, n in enumerate(counts)
        for i in range(n)
    ]


def history(rows, until=99):
    first = [revision(source=s, event_id="first", known=0, grid="G2") for s in ("dispute", "police_call")]
    return History.of(table([*first, *rows]), GRIDS, until=day(until))


EMERGENCE = Label("rise_7d", ("dispute",), days=7, kind="emergence", past_days=56)


def test_an_emergence_is_more_than_the_grids_own_normal():
    """The same count is a rise where a grid is used to less, and none where it is used to as many; the count itself is kept."""
    rows = weekly([1, 0, 1, 0, 1, 0, 1, 0, 8], "G1") + weekly([8] * 9, "G10")
    found = history(rows).at([day(56)])

    assert EMERGENCE.outcome(found)[:2, 0].tolist() == [1, 0]
    assert EMERGENCE.n_events(found)[:2, 0].tolist() == [8, 8]
    assert EMERGENCE.columns == ("y", "n_events")
    np.testing.assert_array_equal(EMERGENCE.outcomes(found)[0], EMERGENCE.outcome(found))


def test_one_event_alone_is_no_emergence():
    """In a grid that never had an event one is within its normal, and two are not; at_least says how many it takes."""
    for n, at_least, wanted in ((1, 2, 0), (2, 2, 1), (2, 3, 0), (1, 1, 1)):
        label = dataclasses.replace(EMERGENCE, at_least=at_least, quantile=0.5)
        assert label.outcome(history(weekly([0] * 8 + [n])).at([day(56)]))[0, 0] == wanted


def test_a_normal_needs_three_whole_blocks():
    """Until the feed has spoken for three horizons there is no normal, so nothing is judged."""
    found = EMERGENCE.outcome(history(weekly([1] * 9)).at([day(14), day(20), day(21), day(28)]))[0]

    assert np.isnan(found).tolist() == [True, True, False, False]


@settings(max_examples=8, deadline=None)
@given(st.lists(st.lists(st.integers(0, 9), min_size=9, max_size=9), min_size=2, max_size=2))
def test_a_normal_is_known_at_as_of(counts):
    """Threshold and chance of exceeding it are the same whatever follows; the outcome is the count against that threshold."""
    rows = weekly(counts[0]) + weekly(counts[1], "G10")
    at = day(56)
    whole, cut = (history(part).at([at]) for part in (rows, [r for r in rows if r["known_at"] < at]))
    threshold = EMERGENCE.normal.compute(whole)

    np.testing.assert_array_equal(threshold, EMERGENCE.normal.compute(cut))
    np.testing.assert_array_equal(EMERGENCE.outcome(whole), EMERGENCE.n_events(whole) > threshold)


def expected_of(n, counts):
    """Mean and dispersion of the next block of each of a city's grids, by the counts of the blocks before."""
    total, squares = counts.sum(axis=1)[:, None], (counts**2).sum(axis=1)[:, None]
    return _drawn(n, total, np.mean(moments_of(n, total, squares), axis=1, keepdims=True))


def test_a_normal_is_exceeded_as_often_as_it_says():
    """Where counts are Gamma–Poisson and nothing changes, grids exceed their normal as often as `tail` says, and no grid more than 5 %."""
    rng = np.random.default_rng(5)
    rate = rng.gamma(1.5, 2.0, 4000)
    past = rng.poisson(rate[:, None], (4000, 13)).astype(float)
    mean, dispersion = expected_of(np.array([13]), past)
    size = 1 / dispersion
    threshold = stats.nbinom.ppf(0.95, size, size / (size + mean))
    tail = stats.nbinom.sf(threshold, size, size / (size + mean))
    exceeded = np.mean([(rng.poisson(rate)[:, None] > threshold).mean() for _ in range(20)])

    assert exceeded == pytest.approx(tail.mean(), rel=0.1)
    assert tail.max() <= 0.05
    assert mean.mean() == pytest.approx(rate.mean(), rel=0.05)


def test_counts_that_swing_widen_the_normal():
    """Of two cities with the same means the one whose weeks differ more expects more at the top."""
    n = np.array([12])
    calm, wild = np.full((50, 12), 4.0), np.tile([0.0, 8.0], (50, 6))
    spread = [expected_of(n, counts)[1].mean() for counts in (calm, wild)]

    assert spread[1] > spread[0] + 0.5


FIRST = Label("first_7d", ("dispute",), days=7, kind="first", past_days=21)


def test_a_first_event_is_asked_for_only_where_there_was_none():
    """Rows with an event in the last past_days are not judged; of the others those with one in the horizon are first events."""
    found = FIRST.outcome(history(weekly([1, 0, 0, 0, 1]) + weekly([0] * 5, "G10")).at([day(21), day(28), day(35)]))

    np.testing.assert_array_equal(found[0], [np.nan, 1, np.nan])
    np.testing.assert_array_equal(found[1], [0, 0, 0])


def test_silence_of_the_feed_is_not_calm():
    """Before the feed has spoken for nine tenths of past_days nobody knows whether an event is the first."""
    found = FIRST.outcome(history([]).at([day(10), day(18), day(19)]))[0]

    assert np.isnan(found).tolist() == [True, True, False]


def test_nine_tenths_are_enough():
    """A feed that has spoken for just nine tenths of past_days is heard; one that has for an hour less is not."""
    twenty = dataclasses.replace(FIRST, past_days=20)
    found = twenty.outcome(history([]).at([day(18) - pd.Timedelta(hours=1), day(18)]))[0]

    assert np.isnan(found).tolist() == [True, False]


ESCALATION = Label("graver_7d", ("police_call",), days=7, kind="escalation", lower=("dispute",), past_days=14)


def test_an_escalation_is_asked_for_only_above_a_lower_rung():
    """Judged where the lower rung was known of late and the graver was not; 1 where the graver follows."""
    rows = [
        *weekly([0, 0, 1, 0], "G1"),
        *weekly([0, 0, 0, 1], "G1", "police_call"),  # lower, then graver
        *weekly([0, 0, 1, 0], "G10"),  # lower alone
        *weekly([0, 0, 0, 1], "G2", "police_call"),  # graver out of nothing
    ]
    found = ESCALATION.outcome(history(rows).at([day(21)]))[:, 0]

    np.testing.assert_array_equal(found, [1, 0, np.nan])


@pytest.mark.parametrize("label", [EMERGENCE, FIRST, ESCALATION], ids=lambda v: v.kind)
def test_every_kind_waits_until_it_is_settled_and_survives_json(label):
    """No outcome before horizon and waiting time have passed; plain values make an equal label; it has words in both languages."""
    late = dataclasses.replace(label, settle_days=5)
    found = late.outcomes(history(weekly([1] * 12)).at([day(80), day(87), day(88)]))

    assert np.isnan(found[:, :, 2]).all()
    assert (~np.isnan(found[1, :, :2])).all()
    assert Label.from_dict(json.loads(json.dumps(late.to_dict()))) == late
    assert late.words.zh != Label("x", ("dispute",), days=7).words.zh
    assert "{" not in late.words.en


@pytest.mark.parametrize("label", [EMERGENCE, FIRST, ESCALATION], ids=lambda v: v.kind)
def test_whether_a_row_is_judged_is_known_at_as_of(label):
    """What becomes known later decides 1 or 0, never whether the question arises."""
    events = crowd(300, n_days=60)
    at = START + pd.Timedelta(days=40)
    judged = [
        ~np.isnan(label.outcome(History.of(part, GRIDS, until=day(99)).at([at])))
        for part in (events, events[events["known_at"] < at])
    ]

    np.testing.assert_array_equal(*judged)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"kind": "emergent"}, r"kind: wanted one of .*, got 'emergent' \(did you mean 'emergence'\?\)"),
        ({"kind": "escalation"}, "needs the streams of the lower rungs"),
        ({"kind": "first", "lower": ("dispute",)}, "lower has no meaning for kind 'first'"),
        ({"past_days": 30}, "past_days has no meaning for kind 'count'"),
        ({"kind": "first", "quantile": 0.9}, "quantile has no meaning"),
        ({"kind": "first", "past_days": -1}, "past_days: wanted a number of at least 0"),
        ({"kind": "emergence", "quantile": 1.5}, "quantile: wanted a number above 0 and below 1"),
        (
            {"kind": "emergence", "past_days": 14},
            "a normal of 7 days needs past_days of at least 3 times the horizon, got 14",
        ),
        ({"kind": "emergence", "at_least": 0}, "at_least: wanted a whole number of at least 1"),
    ],
)
def test_kinds_that_cannot_be_are_refused(wrong, said):
    """An unknown kind, a parameter of another kind and a past too short are refused with what was wanted."""
    with pytest.raises(DefinitionError, match=said):
        Label(**{"name": "x", "streams": ("dispute",), "days": 7, **wrong})


def test_a_panel_holds_outcome_and_count():
    """The panel of such a label has `y` and `n_events`, and reads its signs as features; a night's and a written panel agree."""
    question = Experiment("?", FIRST, Dates(day(22).date(), day(36).date()), (), baselines=Baselines((4,)))
    past = history(weekly([1, 0, 0, 0, 1]))
    panel = build_panel(past, question)

    asked = [name for name in panel if not name.startswith("grid:")]

    assert asked[-2:] == ["y", "n_events"]
    assert {s.name for s in FIRST.signs} <= set(panel)
    assert panel["n_events"].notna().all()
    assert list(build_panel(past, question, as_of=day(22)).columns[: len(asked)]) == asked


def test_a_written_panel_holds_them_too(tmp_path):
    """Streamed to disk and read again the panel of such a label is the same."""
    question = Experiment("?", FIRST, Dates(day(22).date(), day(36).date()), (), baselines=Baselines((4,)))
    past = history(weekly([1, 0, 0, 0, 1]))
    write_panel(past, question, tmp_path, n_dates=1)
    wanted = build_panel(past, question)

    pd.testing.assert_frame_equal(read_panel(tmp_path)[wanted.columns], wanted, check_categorical=False)


@pytest.mark.parametrize(
    ("label", "words", "question"),
    [
        (dataclasses.replace(LABEL), "disputes in the next 7 days", "Which grids will see the most disputes in the next 7 days"),
        (EMERGENCE, "more disputes in the next 7 days than the grid's own normal", "Which grids will go furthest beyond their usual number of disputes in the next 7 days"),
        (FIRST, "first disputes in the next 7 days after 21 days without", "Which grids will see disputes again in the next 7 days after 21 days without"),
        (ESCALATION, "police calls in the next 7 days after 14 days of disputes alone", "In which grids will disputes of the last 14 days grow into police calls in the next 7 days"),
    ],
    ids=["count", "emergence", "first", "escalation"],
)  # fmt: skip
def test_each_kind_says_what_it_asks(label, words, question):
    """Words and question name the events, the horizon and, where the kind looks back, how far."""
    assert label.words["en"] == words
    assert label.question["en"] == question


def test_a_normal_may_rest_on_just_three_horizons():
    """Three times the horizon suffices, a day less does not; what is said of the past is what the normal looks at."""
    assert Label("x", ("dispute",), days=7, kind="emergence", past_days=21).normal.past_days == 21
    assert EMERGENCE.normal.past_days == 56
    assert Label("x", ("dispute",), days=7, kind="emergence").normal.past_days == 364
    with pytest.raises(DefinitionError, match="at least 3 times the horizon, got 20"):
        Label("x", ("dispute",), days=7, kind="emergence", past_days=20)


def test_a_later_part_of_a_horizon_counts_what_is_left():
    """From a day on, events of every stream before it are taken out, grid by grid and date by date."""
    label = Label("any_7d", ("dispute", "police_call"), days=7, settle_days=2)
    rows = [
        *(revision(event_id=f"d{n}", known=24 * n + 1) for n in (10, 12, 16)),
        *(revision(source="police_call", event_id=f"c{n}", known=24 * n + 1, grid="G10") for n in (11, 15)),
    ]
    found = History.of(table(rows), GRIDS, until=day(99)).at([day(10), day(11)])

    assert label.n_events(found)[:2].tolist() == [[3, 2], [2, 2]]
    assert label.n_events(found, from_days=2)[:2].tolist() == [[2, 1], [1, 1]]
    assert label.outcome(found, from_days=6)[:2].tolist() == [[1, 0], [0, 0]]


def test_a_record_that_came_too_late_takes_nothing_from_the_rest():
    """What is taken out of the beginning is what was counted in it: a record known only after the wait was not."""
    late = revision(event_id="late", known=24 * 20, lag=24 * 9)
    rows = [revision(event_id="in time", known=24 * 14), late]
    label = Label("any_7d", ("dispute",), days=7, settle_days=2)

    assert outcome(rows, [day(10)], label)[0, 0] == 1
    assert label.n_events(History.of(table(rows), GRIDS, until=day(99)).at([day(10)]), from_days=2)[0, 0] == 1


def test_the_signs_of_a_kind_are_those_written_here():
    """What announces a change: the own past, counts short and long, rises, sums, fading means, how lately, trends, last year and around."""
    spans = ("n_7d", "n_14d", "n_28d", "n_56d", "n_105d", "n_182d", "n_364d", "rise_7d", "rise_28d", "cusum_4w", "cusum_8w", "ewma_7d", "ewma_28d", "days_since",
             "trend_28d_in_105d", "trend_28d_in_364d", "trend_105d_in_728d", "last_year_7d", "trend_28d_in_364d_nearby", "rise_28d_nearby", "n_28d_nearby", "n_364d_nearby")  # fmt: skip
    own = ["prior_4w", "prior_15w", "prior_52w", "prior_104w"]
    normal = ["own_expected_7d", "own_threshold_7d", "own_tail_7d"]
    signs = {s.name: s for s in FIRST.signs}

    assert list(signs) == [*own, *(f"dispute_{span}" for span in spans)]
    assert [s.name for s in EMERGENCE.signs][:7] == [*normal, *own]
    assert [s.name for s in ESCALATION.signs][4:] == [
        f"{source}_{span}" for source in ("police_call", "dispute") for span in spans
    ]
    assert Label("dispute_7d", ("dispute",), days=7).signs == ()
    assert signs["dispute_days_since"].cap == 728


def test_an_origin_that_no_record_tells_is_refused_and_not_counted_as_zero():
    """Where no mapping says who brought records to light, none is a resident's: a panel of zeros is refused; one record that tells is enough."""
    asked = Label("asked", (Stream("dispute", origin="citizen"),), days=7)
    untold, told = (History.of(table([revision(known=1, origin=o)]), GRIDS, until=day(99)) for o in (None, "proactive"))

    with pytest.raises(
        DefinitionError, match=r"'asked' counts records of 'dispute' with origin 'citizen', and no record"
    ):
        panel_of(untold, [Count("dispute", days=7)], [day(10)], label=asked)
    assert panel_of(told, [Count("dispute", days=7)], [day(10)], label=asked)["y"].tolist() == [0.0] * len(GRIDS)
    assert len(panel_of(untold, [Count("dispute", days=7)], [day(10)], label=LABEL)) == len(GRIDS)
