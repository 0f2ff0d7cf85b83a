"""The events that stand behind a number, and how it is told: by hand, without a history."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from towns.events import ZONE

from riskwarn.errors import DefinitionError
from riskwarn.feature import (
    Amber,
    Attribute,
    Closed,
    Count,
    Cusum,
    DaysSince,
    Delay,
    Density,
    Ewma,
    Faded,
    Feature,
    Handling,
    Harmonic,
    LastYear,
    Level,
    MostAtOnePlace,
    Nearby,
    NewKinds,
    Observed,
    OfCity,
    OfParent,
    Open,
    OpenAge,
    Overdue,
    OverdueDays,
    OverdueShare,
    Own,
    OwnNormal,
    Places,
    Product,
    Ratio,
    Recent,
    RepeatedPlaces,
    Rise,
    Share,
    Spread,
    Staff,
    Total,
    Trend,
    UnsettledPlaces,
    Window,
)
from riskwarn.feature.base import furthest, measured, step
from riskwarn.feature.clause import Noun, noun_of, window
from riskwarn.feature.group import check_streams
from riskwarn.feature.held import halved, matching, still_open, within
from riskwarn.feature.space import circular_parents
from riskwarn.feature.windowed import nearest
from riskwarn.history import History, Stream

AT = pd.Timestamp("2025-03-03", tz=ZONE)
INSTANT = pd.Timedelta(microseconds=1)


def ago(*days):
    return [AT - pd.Timedelta(days=d) for d in days]


def held(occurred, **columns):
    """Events of disputes in G1 that hold at AT, one for each time."""
    rows = {"source": "dispute", "category": "D02", "grid_id": "G1", "weight": 1.0, "occurred_at": occurred}
    return pd.DataFrame(rows | columns)


def numbers(rows):
    return sorted(rows.index)


# -- which events ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choice", "column", "values", "chosen"),
    [
        ({"categories": ("D07",)}, "category", ["D02", "D07", "D98"], [1]),
        ({}, "category", ["D02", "D07", "D98"], [0, 1]),
        ({"origin": "citizen"}, "origin", ["citizen", "proactive", None], [0]),
        ({"tag": "weapon"}, "tags", ["injury weapon", "injury", None], [0]),
        ({"without": "weapon"}, "tags", ["injury weapon", "injury", None], [1, 2]),
        ({"severity": 2}, "severity", [2, 1, np.nan], [0]),
        ({"outcome": "fail"}, "outcome", ["fail", "success", None], [0]),
        ({"border": True}, "near_grid_id", ["G2", "", None], [0]),
        ({"linked": True}, "case_id", ["k", "", None], [0]),
    ],
)
def test_each_choice_of_a_stream_picks_its_events(choice, column, values, chosen):
    """By category, origin, tag, severity from a least on, outcome, border and case; what is sensitive is in none. Without the column none has it."""
    events = held(ago(1, 1, 1), **{column: values})

    assert numbers(matching(events, Stream("dispute", **choice))) == chosen
    assert matching(events, Stream("hotline", **choice)).empty
    if column != "category":
        assert numbers(matching(events.drop(columns=column), Stream("dispute", **choice))) == (
            [0, 1, 2] if "without" in choice else []
        )


@pytest.mark.parametrize(
    ("hours", "chosen"),
    [((8, 18), [8, 17]), ((20, 6), [0, 5, 20, 23]), ((6, 6), []), ((0, 24), [0, 5, 6, 8, 17, 18, 19, 20, 23])],
)
def test_hours_begin_with_the_first_and_end_before_the_last(hours, chosen):
    """By day from the first hour to before the last; over midnight where the first is the later; none where they are one."""
    asked = [0, 5, 6, 8, 17, 18, 19, 20, 23]
    events = held([pd.Timestamp(f"2025-03-01 {h:02}:30", tz=ZONE) for h in asked])

    assert [asked[n] for n in numbers(matching(events, Stream("dispute", hours=hours)))] == chosen


def test_a_window_holds_its_first_instant_and_not_its_last():
    """Seven days back to before the date; the seven before those likewise."""
    times = [*ago(14, 7, 0), ago(14)[0] - INSTANT, ago(7)[0] - INSTANT, AT - INSTANT]

    assert numbers(within(held(times), AT, 7)) == [1, 5]
    assert numbers(within(held(times), AT, 7, ago=7)) == [0, 4]


def test_a_case_is_open_until_it_is_closed():
    """Not closed, or closed at the date or later: open; without the column every one is."""
    closed = held(ago(9, 9, 9, 9), closed_at=[pd.NaT, AT, AT - INSTANT, AT + INSTANT])

    assert still_open(closed, AT).tolist() == [True, True, False, True]
    assert still_open(closed.drop(columns="closed_at"), AT).tolist() == [True] * 4


def test_an_event_fades_by_half_in_a_half_life():
    """By its weight: whole now, half after one half-life, a quarter after two."""
    assert halved(held(ago(0, 5, 10), weight=[1, 1, 0.5]), AT, 5).tolist() == [1, 0.5, 0.125]


# -- behind each kind --------------------------------------------------------------------------------------------------

CASES = held(
    ago(10, 10, 10, 10),
    due_at=[AT - INSTANT, AT, AT + pd.Timedelta(days=2), pd.NaT],
    closed_at=[pd.NaT, pd.NaT, pd.NaT, AT - pd.Timedelta(days=1)],
    weight=[1, 0.5, 1, 1],
)


def test_what_is_open_overdue_and_close_to_its_time():
    """Overdue past its due time and not at it; amber from four fifths of its time on; open all that are not closed."""
    told = [feature.rows(CASES, AT) for feature in (Open("dispute"), Overdue("dispute"), Amber("dispute"))]

    assert [numbers(rows) for rows in told] == [[0, 1, 2], [0], [1, 2]]
    assert told[2]["adds"].tolist() == [0.5, 1]
    assert numbers(Amber("dispute").rows(CASES.assign(due_at=AT + pd.Timedelta(days=2.5)), AT)) == []
    assert numbers(Amber("dispute").rows(CASES.assign(due_at=AT + pd.Timedelta(days=2.4)), AT)) == [0, 1, 2]
    assert numbers(Open("dispute", days=9).rows(CASES, AT)) == []
    assert numbers(Open("dispute", days=10).rows(CASES, AT)) == [0, 1, 2]


def test_of_a_feed_that_tells_no_times_nothing_is_late_or_closed():
    """Without due times none is overdue or close to it, without closings none was closed and all are open."""
    plain = CASES.drop(columns=["due_at", "closed_at"])

    for feature in (Overdue("dispute"), Amber("dispute"), OverdueShare("dispute"), OverdueDays("dispute")):
        assert feature.rows(plain, AT).empty
    for feature in (Closed("dispute", days=28), Handling("dispute", days=28)):
        assert feature.rows(plain, AT).empty
    assert len(Open("dispute").rows(plain, AT)) == len(OpenAge("dispute").rows(plain, AT)) == 4


def test_closings_count_within_their_window():
    """From the first instant of the window to before the date, by the closing and not by the event."""
    closed = held(ago(400, 1, 1, 1, 1), closed_at=[*ago(28, 0, 1), ago(28)[0] - INSTANT, pd.NaT])

    assert numbers(Closed("dispute", days=28).rows(closed, AT)) == [0, 2]
    assert Closed("dispute", days=28).rows(closed, AT)["adds"].tolist() == [1, 1]
    assert Handling("dispute", days=28).rows(closed, AT)["adds"].isna().all()


def test_of_several_the_one_that_is_told():
    """The longest overdue case of each grid, and the last event within the cap."""
    late = held(ago(30, 30, 30), due_at=ago(5, 9, 2), grid_id=["G1", "G1", "G2"])
    last = held(ago(30, 8, 40), grid_id=["G1", "G1", "G2"])

    assert numbers(OverdueDays("dispute").rows(late, AT)) == [1, 2]
    assert numbers(DaysSince("dispute").rows(last, AT)) == [1, 2]
    assert numbers(DaysSince("dispute", cap=30).rows(last, AT)) == [1]
    assert numbers(DaysSince("dispute", cap=np.inf).rows(last, AT)) == [1, 2]


def test_an_event_weighs_by_the_number_of_its_week():
    """A week holds its first instant: seven days ago is still the latest week, an instant more the one before; the window ends with its weeks."""
    times = [*ago(1, 7), ago(7)[0] - INSTANT, *ago(14, 21), ago(21)[0] - INSTANT]
    rows = Harmonic((Stream("dispute"),), weeks=3).rows(held(times), AT)

    assert rows["adds"].tolist() == [1, 1, 0.5, 0.5, 1 / 3]


@pytest.mark.parametrize(
    ("feature", "first", "last"),
    [
        (Count("dispute", days=28), 28, 0),
        (Level("dispute"), 112, 7),
        (Rise("dispute", days=7), 112, 0),
        (Rise("dispute", days=28), 133, 0),
        (Own((Stream("dispute"),), 4), 28, 0),
        (Share(Stream("dispute", ("D02",)), "dispute", 28), 28, 0),
        (Cusum("dispute", weeks=4), 28, 0),
    ],
    ids=lambda value: value.name if isinstance(value, Feature) else None,
)
def test_how_far_back_the_events_behind_a_number_lie(feature, first, last):
    """From the first instant of what it looks at to before the last."""
    times = [ago(first)[0], ago(first)[0] - INSTANT, ago(last)[0], ago(last)[0] - INSTANT]

    assert numbers(feature.rows(held(times), AT)) == [0, 3]


PLACED = held(
    ago(9, 8, 7, 6, 5, 4, 3, 2, 2),
    place_key=["a", "a", "b", "b", "c", "", None, "d", "d"],
    weight=[1.0] * 7 + [0.5] * 2,
)


def test_the_place_with_most_is_told():
    """Of two with as many the one with the latest event; each event adds its weight; records without a place are none."""
    rows = MostAtOnePlace(("dispute",), days=28).rows(PLACED, AT)

    assert numbers(rows) == [2, 3]
    assert rows["adds"].tolist() == [1, 1]


def test_a_repeated_place_counts_once():
    """Two events, or a weight of two, are enough; each place adds up to one."""
    rows = RepeatedPlaces(("dispute",), days=28).rows(PLACED, AT)

    assert numbers(rows) == [0, 1, 2, 3]
    assert rows["adds"].tolist() == [0.5] * 4
    assert RepeatedPlaces(("dispute",), days=28, at_least=3).rows(PLACED, AT).empty
    assert numbers(RepeatedPlaces(("dispute",), days=8).rows(PLACED, AT)) == [2, 3]


def test_a_place_is_unsettled_since_its_last_closing():
    """What happened at the very closing or after it counts, what happened before does not; a closing at the date is not yet one."""
    calls = held(ago(9, 5, 5, 1), place_key=["a", "a", "b", "c"]).assign(source="police_call")
    cases = held(ago(20, 20, 20), place_key=["a", "b", "c"], closed_at=[*ago(5), ago(5)[0] + INSTANT, AT])
    events = pd.concat([calls, cases], ignore_index=True)

    assert numbers(UnsettledPlaces("police_call", days=28).rows(events, AT)) == [1, 3]
    assert UnsettledPlaces("police_call", days=28, at_least=2).rows(events, AT).empty
    untold = UnsettledPlaces("police_call", days=28).rows(events.drop(columns="closed_at"), AT)
    assert numbers(untold) == [0, 1, 2, 3]
    assert untold["adds"].tolist() == [0.5, 0.5, 1, 1]


# -- what it draws on --------------------------------------------------------------------------------------------------


def test_one_event_is_no_repetition():
    """From two on a place has its part of what happened in the grid, at most all; of nothing no part."""
    feature = MostAtOnePlace(("dispute",), days=28)

    assert feature.part_of(np.array([1.0, 2, 3, 9]), np.array([4.0, 4, 4, 4])).tolist() == [0, 0.5, 0.75, 1]
    assert feature.part_of(np.array([2.0, 2, np.nan]), np.array([0, np.nan, 4])).tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("other", "draws"),
    [
        (Count("dispute", days=28), True),
        (Count("dispute", days=30), True),
        (Count("dispute", days=31), False),
        (Count("hotline", days=28), False),
        (Recent("dispute", half_life=15), True),
        (Recent("dispute", half_life=16), False),
        (RepeatedPlaces(("dispute",), days=28), False),
        (Density(), False),
        (Open("dispute"), False),
    ],
    ids=lambda value: value.name if isinstance(value, Feature) else None,
)
def test_a_place_has_its_part_of_recent_numbers_of_its_feeds(other, draws):
    """Of what looks back hardly further than it does, on the same feeds, and is of another family; not of what knows no recent days."""
    feature = MostAtOnePlace(("dispute", "police_call"), days=28)

    assert feature.draws_on(other, np.ones(2)).tolist() == [draws] * 2


def test_a_place_wants_all_feeds_of_a_number():
    """Of a number of just its feeds it has its part, of one that also reads another feed it has none."""
    one, two = (MostAtOnePlace(of, days=28) for of in (("dispute",), ("dispute", "police_call")))
    both = Own(("dispute", "police_call"), 4)

    assert one.draws_on(Count("dispute", days=28), np.ones(1)).item()
    assert [f.draws_on(both, np.ones(1)).item() for f in (one, two)] == [False, True]


def test_overdue_cases_are_a_part_of_the_open_ones():
    """It draws on a count of all that are open, and not on one of the last days alone, of another feed or of events."""
    asked = (Open("dispute"), Open("dispute", days=28), Open("hotline"), Count("dispute", days=28))

    assert [Overdue("dispute").draws_on(other, np.ones(1)).item() for other in asked] == [True, False, False, False]
    assert not Open("dispute").draws_on(Overdue("dispute"), np.ones(1)).item()


@pytest.mark.parametrize(
    ("feature", "days"),
    [
        (Count("dispute", days=28), 28),
        (Recent("dispute", half_life=14), 28),
        (Ewma("dispute", half_life=14), 28),
        (Rise("dispute", days=7), 7),
        (Cusum("dispute", weeks=4), 28),
        (Level("dispute"), 112),
        (Own((Stream("dispute"),), 4), 28),
        (Faded(("dispute",), half_life=9), 18),
        (Harmonic(("dispute",), weeks=3), 21),
        (DaysSince("dispute", cap=30), 30),
        (Density(), 365),
        (Ratio(Count("dispute", days=7), Count("dispute", days=84)), 84),
        (Count("dispute", days=28).nearby(), 28),
    ],
    ids=lambda value: value.name if isinstance(value, Feature) else None,
)
def test_how_far_back_a_feature_looks(feature, days):
    """Its window, that of the longest of what it is made of, twice its half-life, or a year where it does not say."""
    assert feature.window == days


def test_how_recent_a_feature_tells_its_events_to_be():
    """Counts of a window by its length, days since the last by their own number, all others not at all."""
    values = np.array([3.0, 5.0])
    told = {f.name: f.recency(values).tolist() for f in (Count("dispute", 7), Rise("dispute"), DaysSince("dispute"))}

    assert list(told.values()) == [[7, 7], [7, 7], [3, 5]]
    assert np.isinf(Open("dispute").recency(values)).all()


def test_the_nearest_window_is_so_in_times():
    """A week is nearer to two weeks than a month is; of equally near ones the first is meant; of another kind none."""
    counts = [Count("dispute", days=d) for d in (364, 28, 7)]

    assert [nearest(counts, days, Count).days for days in (14, 13, 90, 101)] == [28, 7, 28, 364]
    assert nearest(counts, 14, Rise) is None
    assert nearest([], 14, Count) is None


def test_which_number_of_its_family_says_the_same_in_easier_words():
    """Of what fades the plain count of about twice the half-life, else the prior count, else what fades last; of a rise the count of its window, of the prior count the longest."""
    short, long = Count("dispute", days=28), Count("dispute", days=84)
    weeks = [Own(("dispute",), n) for n in (1, 9, 52)]
    faded = [Faded(("dispute",), half_life=d) for d in (7, 28, 14)]

    assert faded[1].easier([*faded, *weeks, short, long]) == long
    assert faded[1].easier([*faded, *weeks]) == weeks[1]
    assert faded[1].easier(faded) == faded[1]
    assert faded[0].easier(faded) == faded[1]
    assert Recent("dispute", half_life=14).easier([long, short]) == short
    assert Rise("dispute", days=28).easier([long, short]) == short
    assert weeks[0].easier([short, long, *weeks]) == long
    assert weeks[0].easier(weeks) is None
    assert short.easier([long]) is None


def test_how_far_a_feature_looks_is_that_of_its_farthest_part():
    """Own, neighbours, parent, city."""
    count = Count("dispute", days=7)
    asked = (count, count.nearby(), count.of_parent(), OfCity(count))

    assert [furthest(f) for f in asked] == ["own", "near", "parent", "city"]
    assert [furthest(Ratio(one, other)) for one, other in pairwise(asked)] == ["near", "parent", "city"]


# -- how it is told ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (1, "the last day"),
        (2, "the last 2 days"),
        (181, "the last 181 days"),
        (182, "the past half-year"),
        (361, "the last 361 days"),
        (362, "the past year"),
        (368, "the past year"),
        (369, "the last 369 days"),
        (724, "the past 2 years"),
        (723, "the last 723 days"),
        (3650, "the past 10 years"),
        (4015, "the past 11 years"),
    ],
)
def test_a_window_in_words(days, said):
    """A year is a year within three days of it, two within six; half a year is 182 days; all else is told in days."""
    assert window(days)["en"] == said


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        (Stream("dispute"), "disputes"),
        (Stream("police_call", ("P04",)), "dispute calls"),
        (Stream("dispute", severity=2), "serious disputes"),
        (Stream("dispute", tag="weapon"), "disputes with a weapon seen"),
        (Stream("dispute", without="weapon"), "disputes without a weapon"),
        (Stream("dispute", without="repeat"), "first disputes"),
        (Stream("dispute", origin="citizen"), "disputes reported by residents"),
        (Stream("dispute", outcome="fail"), "disputes that were not resolved"),
        (Stream("dispute", border=True), "disputes near a border"),
        (Stream("dispute", linked=True), "disputes linked across feeds"),
        (Stream("dispute", hours=(20, 6)), "disputes between 20:00 and 6:00"),
        (
            Stream("dispute", severity=1, tag="repeat", origin="citizen", without="injury"),
            "repeat serious disputes reported by residents with nobody hurt",
        ),
    ],
)
def test_what_a_stream_chooses_is_said(stream, said):
    """Each choice once, that next to the noun first; hours from the first to the last."""
    assert noun_of(stream).many["en"] == said


@pytest.mark.parametrize(
    ("feature", "said"),
    [
        (OpenAge("dispute", q=0.9), "dispute_open_age_p90"),
        (Handling("dispute", days=91, q=0.5), "dispute_handling_p50_91d"),
        (Delay("dispute", days=7, q=0.25), "dispute_delay_p25_7d"),
        (Faded(("dispute",), half_life=0.5), "prior_faded_0p5d"),
        (RepeatedPlaces("dispute", days=28), "dispute_repeated_places_28d"),
        (RepeatedPlaces("dispute", days=28, at_least=3), "dispute_repeated_places_3_times_28d"),
        (UnsettledPlaces("hotline", days=28), "hotline_unsettled_places_28d"),
        (UnsettledPlaces("hotline", 28, 2, Stream("petition")), "hotline_unsettled_places_2_times_28d_by_petition"),
        (Trend("dispute", days=7, level="county_id"), "dispute_trend_7d_in_84d_county"),
        (Open("dispute", days=7), "dispute_open_n_7d"),
        (Places("school", per_1000_households=True), "grid_school_n_per_1000_households"),
        (Spread(Count("dispute", days=7), reach=1.5), "dispute_n_7d_gauss_1p5"),
    ],
    ids=lambda value: value.name if isinstance(value, Feature) else None,
)
def test_a_name_tells_the_parameters(feature, said):
    """Quantiles in percent, windows in days, and what is not as usual."""
    assert feature.name == said


@pytest.mark.parametrize(
    ("feature", "words", "scale", "eases", "remedy"),
    [
        (Staff(days=28), ("worker", " workers"), "", "never", "grid_report"),
        (OverdueShare("dispute"), ("", " %"), "percent", "never", "overdue"),
        (OpenAge("dispute"), ("", " days"), "", "never", "open"),
        (Observed("hotline"), ("", " %"), "percent", "never", "hotline"),
        (Density(), ("", ""), "", "always", "grid"),
        (Total("visit", days=28), ("case", ""), "", "never", "grid_report"),
        (NewKinds("police_call", days=28), ("case", ""), "", "never", "police_call"),
        (Places("school"), ("", ""), "", "always", "grid"),
    ],
    ids=lambda value: value.name if isinstance(value, Feature) else None,
)
def test_a_measure_is_told_with_its_unit(feature, words, scale, eases, remedy):
    """A share in percent, days as days; what comes from records never eases; the next step is that of its action, else of its feed."""
    clause = measured(feature)

    assert (clause.kind, clause.scale, clause.eases, clause.remedy) == ("measure", scale, eases, remedy)
    assert clause.unit.counted(2)["en"] == words[1]
    assert (clause.noun.measure == Noun(clause.noun.words).measure) == (words[0] == "")
    assert step(feature) == remedy


@pytest.mark.parametrize(
    ("feature", "kind", "days", "per", "key"),
    [
        (Recent("dispute", half_life=89), "rate", 89 / np.log(2), 89 / np.log(2), "lately"),
        (Recent("dispute", half_life=90), "rate", 90 / np.log(2), 90 / np.log(2), "long"),
        (Ewma("dispute", half_life=14), "rate", 14 / np.log(2), 1, "lately"),
        (Level("dispute"), "rate", 105, 7, "before"),
        (Cusum("dispute", weeks=8), "rise", 56, 7, "kept"),
        (Rise("dispute", days=14), "rise", 14, 7, ""),
        (Own((Stream("dispute"),), 15), "lasting", 105, 7, ""),
        (DaysSince("dispute", cap=30), "since", 30, 7, ""),
        (OfCity(Faded(("dispute",), half_life=28)), "level", 56, 7, ""),
    ],
    ids=lambda value: value.name if isinstance(value, Feature) else None,
)
def test_over_which_days_a_number_is_told(feature, kind, days, per, key):
    """A faded count stands for the days in which a steady stream would bring it, from a half-life of ninety days as a lasting level."""
    clause = feature.clause

    assert (clause.kind, clause.key) == (kind, key)
    assert (clause.days, clause.per) == pytest.approx((days, per))


def test_the_middle_is_called_so():
    """The half of a quantile is the median, any other a percentile."""
    said = [Handling("dispute", days=28, q=q).words["en"] for q in (0.5, 0.9)]

    assert said == [
        "median days taken by disputes closed in the last 28 days",
        "90th percentile of days taken by disputes closed in the last 28 days",
    ]


def test_a_count_around_is_told_as_the_count_elsewhere():
    """The same clause with the grids it looks at; made of a product it keeps that of the product."""
    count = Count("dispute", days=28)
    told = [Nearby(count), OfParent(count, "county_id"), Spread(count)]

    assert [f.clause.around for f in told] == ["nearby", "county", "about"]
    assert {f.clause.kind for f in told} == {count.clause.kind}
    assert Product(Window("farm"), count).clause.during["en"] == "irrigation and harvest"
    assert Attribute("households", log=True).clause.scale == "log1p"
    assert Attribute("households").clause.scale == ""


# -- what is refused ---------------------------------------------------------------------------------------------------


def test_a_normal_wants_three_windows_of_past():
    """Three times the days are enough, less is refused; of last year no more than a year is asked."""
    assert OwnNormal(("dispute",), 28, past_days=84).past_days == 84
    with pytest.raises(DefinitionError, match="past_days must hold 3 times 28 days, got 83"):
        OwnNormal(("dispute",), 28, past_days=83)
    assert LastYear("dispute", days=364).days == 364
    with pytest.raises(DefinitionError, match="days: wanted a number above 0 and at most 364"):
        LastYear("dispute", days=365)


@pytest.mark.parametrize(("n", "said"), [(12, "c11."), (13, "c11 and others.")])
def test_a_dozen_categories_are_named(n, said):
    """Of a feed with twelve categories all are named, of one with more the first twelve and that there are others."""
    times = pd.Series(ago(*range(1, n + 1)))
    events = pd.DataFrame({"source": "dispute", "event_id": [str(i) for i in range(n)], "grid_id": "G1"})
    events = events.assign(category=[f"c{i:02}" for i in range(n)], occurred_at=times, known_at=times)
    history = History.of(events, pd.DataFrame({"grid_id": ["G1"], "valid_from": ago(99)}))

    with pytest.raises(DefinitionError) as refused:
        check_streams([Count(Stream("dispute", ("x",)), days=7)], history)
    assert said in str(refused.value)


def test_parents_are_a_tree():
    """An area above itself by way of others is told with the way; one that is its own parent is none, and so is a tree."""
    grids = pd.DataFrame({"grid_id": ["a", "b", "c"], "community_id": ["x", "x", "y"], "township_id": ["t", "t", "t"]})

    assert circular_parents(grids) == ""
    assert circular_parents(grids.assign(township_id=["a", "t", "t"])) == "a in x in a"
    assert circular_parents(grids.assign(community_id=["a", "x", "y"], township_id=["a", "t", "t"])) == ""
    assert circular_parents(grids.assign(county_id=["x", "k", "k"])) == "x in t in x"

    chain = pd.DataFrame(
        {"community_id": [f"a{i}" for i in range(1200)], "township_id": [f"a{i + 1}" for i in range(1200)]}
    )
    assert circular_parents(chain) == ""
