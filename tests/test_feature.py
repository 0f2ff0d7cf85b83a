"""Features against the slow oracle, their declarations, and the catalogue."""

import json
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle import Oracle
from test_leakage import CALENDAR, FEATURES, PLACE, TABLED, tables
from towns.events import AS_OF, GRIDS, START, ZONE, crowd, logs, revision, table

from riskwarn import testing
from riskwarn.declaring import Quantile
from riskwarn.errors import DefinitionError
from riskwarn.explanation.rows import features_at, held_events
from riskwarn.feature import (
    Amber,
    Attribute,
    Clause,
    Closed,
    Count,
    Coverage,
    DatePart,
    DaysSince,
    Feature,
    Handling,
    LastYear,
    MeanSeverity,
    Nearby,
    Open,
    OpenAge,
    Overdue,
    OverdueDays,
    OverdueShare,
    Own,
    PerHousehold,
    Places,
    Product,
    Rate,
    Recurrence,
    RepeatedPlaces,
    Rise,
    SameSeason,
    Season,
    Share,
    SinceChange,
    SpringFestival,
    Staff,
    Unheralded,
    UnsettledPlaces,
    Unstaffed,
    Window,
    Windowed,
    Workdays,
    catalogue,
    check_names,
    check_streams,
    from_dict,
    load_group,
    page,
)
from riskwarn.feature.base import furthest
from riskwarn.history import History, Stream
from riskwarn.testing import measure_of

FOLDER = Path(__file__).parent.parent / "features"
EXACT = (
    "Count",
    "Open",
    "Overdue",
    "Amber",
    "Closed",
    "NewKinds",
    "MostAtOnePlace",
    "RepeatedPlaces",
    "Rung",
    "OpenMatters",
)
MANY = settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))


def name(feature):
    return feature.name


def check(feature, found, wanted):
    if type(feature).__name__ in EXACT:
        np.testing.assert_array_equal(found, np.float32(wanted), err_msg=feature.name)
    else:
        np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=2e-6, err_msg=feature.name)


def test_the_oracle_agrees_on_corners():
    """On small worlds of late, moved, closed and retracted records each feature is the oracle's: counts bit for bit, others to 1e-6."""

    @MANY
    @given(logs)
    def holds(events):
        snapshot = History.of(events, GRIDS, until=AS_OF).at([AS_OF - pd.Timedelta(days=20), AS_OF])
        oracle = Oracle(events, GRIDS)
        for feature in FEATURES:
            found = feature.compute(snapshot)
            for t, at in enumerate(snapshot.local):
                check(feature, found[:, t], oracle(feature, at))

    holds()


@cache
def world(log="no log"):
    """A crowd of four hundred revisions at irregular dates without a log of deliveries, or one of three hundred with one; its oracle and dates."""
    if log == "no log":
        events, dates = crowd(400, seed=5), [(20, 0), (60, 5), (61, 0), (110, 0)]
    else:
        events, dates = crowd(300), [(20, 0), (36, 0), (90, 0)]
    tables = {} if log == "no log" else {"feed_log": LOGS[log]()}
    at = [START + pd.Timedelta(days=d, hours=h) for d, h in dates]
    return History.of(events, GRIDS, tables=tables), Oracle(events, GRIDS, tables=tables), at


@pytest.mark.parametrize("feature", FEATURES, ids=name)
def test_the_oracle_agrees_on_a_crowd(feature):
    """On four hundred revisions and irregular dates each feature is the oracle's."""
    history, oracle, dates = world()
    found = feature.compute(history.at(dates))
    for t, at in enumerate(dates):
        check(feature, found[:, t], oracle(feature, at))


def deliveries(gaps=(), *, org="*"):
    """One delivery a day at six in the morning for the day before, save the days in `gaps`."""
    days = [d for d in range(120) if d not in gaps]
    first = [START + pd.Timedelta(days=d) for d in days]
    return pd.DataFrame(
        {
            "source": "dispute",
            "org_code": org,
            "batch_id": [f"{org}{d}" for d in days],
            "arrived_at": [d + pd.Timedelta(hours=30) for d in first],
            "received": 1,
            "accepted": 1,
            "quarantined": 0,
            "duplicate": 0,
            "covers_from": first,
            "covers_to": [d + pd.Timedelta(days=1) for d in first],
        }
    )


GAPS = {"none": (), "two days": (30, 31), "a month": range(10, 35), "all but one": range(119)}
"""Days without a delivery."""


@pytest.mark.parametrize("feature", FEATURES, ids=name)
def test_missing_days_are_exposure(feature):
    """With a log of deliveries rates are per observed day, by what had arrived; counts of an unobserved window are missing, not zero."""
    for gaps in GAPS:
        history, oracle, dates = world(gaps)
        found = feature.compute(history.at(dates))
        for t, at in enumerate(dates):
            check(feature, found[:, t], oracle(feature, at))


BY_AREA = {
    "two townships": (deliveries(range(20, 95), org="T1"), deliveries(range(50, 60), org="T2")),
    "one of two": (deliveries(range(20, 95), org="T1"),),
    "one joins late": (deliveries(range(70), org="T1"), deliveries(org="T2")),
    "one within another": (deliveries(range(40), org="K1"), deliveries(range(30, 120), org="C2")),
    "one that names no area": (deliveries(range(10, 95), org="T1"), deliveries(range(60), org="police")),
}
"""Logs of organisations that speak for a part of the city."""


LOGS = {
    **{told: partial(lambda gaps: deliveries(set(gaps)), gaps) for told, gaps in GAPS.items()},
    **{told: partial(pd.concat, logs_of, ignore_index=True) for told, logs_of in BY_AREA.items()},
}


@pytest.mark.parametrize("feature", FEATURES, ids=name)
def test_each_area_is_heard_by_its_own_organisations(feature):
    """A grid's missing days are those of the organisations whose area it lies in and of those that name none, as the oracle says."""
    for log in BY_AREA:
        history, oracle, dates = world(log)
        found = feature.compute(history.at(dates))
        for t, at in enumerate(dates):
            check(feature, found[:, t], oracle(feature, at))
            of_one = feature.compute(history.at([at]))[:, 0]
            np.testing.assert_allclose(of_one, found[:, t], rtol=1e-6, atol=2e-6, err_msg=feature.name)
        if furthest(feature) == "own":
            some = history.part(np.array([1, 2])).at(dates)
            np.testing.assert_array_equal(feature.compute(some), found[1:], err_msg=feature.name)


@pytest.mark.parametrize("logs_of", BY_AREA.values(), ids=BY_AREA)
def test_later_deliveries_of_an_area_change_nothing(logs_of):
    """What an organisation delivers later, and that it begins to, changes no feature of a date before; nor does the order of the log."""
    log = {"events": crowd(300), "feed_log": pd.concat(logs_of, ignore_index=True)}
    for relation in (testing.no_future, testing.as_it_stood, testing.any_order, testing.any_repeat):
        found, wanted = relation(measure_of(FEATURES, GRIDS), log, AS_OF)
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


def test_a_county_that_stopped_is_missing_and_its_neighbour_is_not():
    """Where one township's deliveries end, its counts are missing once the window holds none of them; the other's are counted."""
    events = table([revision(event_id=f"e{g}{d}", known=24 * d, grid=g) for d in range(60) for g in ("G1", "G2")])
    log = pd.concat([deliveries(range(60, 120), org="T1"), deliveries(org="T2")], ignore_index=True)
    at = [START + pd.Timedelta(days=100, hours=12)]
    snapshot = History.of(events, GRIDS, tables={"feed_log": log}, until=at[0]).at(at)

    assert Count("dispute", days=28).compute(snapshot)[:, 0].tolist() == pytest.approx([np.nan, np.nan, 0], nan_ok=True)
    assert Rate("dispute", days=56).compute(snapshot)[0, 0] == pytest.approx(7 * 15 / 15.5, rel=1e-6)


def test_silence_is_missing_and_never_zero():
    """A feed out for the whole window gives NaN where a calm feed gives 0, and half an outage doubles no rate to nothing."""
    events = table([revision(event_id=f"e{d}", known=24 * d) for d in range(86)])
    gone = range(86, 100)
    calm = deliveries().assign(received=0, accepted=0)
    at = [START + pd.Timedelta(days=100, hours=12)]

    quiet = History.of(events, GRIDS, tables={"feed_log": calm}, until=at[0]).at(at)
    out = History.of(events, GRIDS, tables={"feed_log": deliveries(set(gone))}, until=at[0]).at(at)

    assert Count("dispute", days=7).compute(quiet)[2, 0] == 0
    assert np.isnan(Count("dispute", days=7).compute(out)).all()
    assert np.isnan(Rate("dispute", days=7).compute(out)).all()
    assert Rate("dispute", days=28).compute(out)[0, 0] == pytest.approx(7 * 13 / 13.5)
    assert Own((Stream("dispute"),), 1).compute(out)[0, 0] > 5


HANDLED = (
    Open("dispute"),
    Overdue("dispute"),
    Amber("dispute"),
    OverdueShare("dispute"),
    OverdueDays("dispute"),
    OpenAge("dispute"),
    Closed("dispute", days=28),
    Handling("dispute", days=28),
    Recurrence("dispute", days=364, within=30),
)


def handled(n=60, *, closes=lambda i: False, due=14):
    """Disputes one a day, each with a limit, in the counties of two grids in turn; some told closed two days on, in a second revision."""
    day = START + pd.to_timedelta(np.arange(n), unit="D")
    events = pd.DataFrame(
        {"source": "dispute", "event_id": [f"e{i}" for i in range(n)], "occurred_at": day, "known_at": day}
    )
    events = events.assign(grid_id=np.array(["A", "B"])[np.arange(n) % 2], category="D02", place_key="x")
    events["due_at"] = day + pd.Timedelta(days=due)
    events["closed_at"] = (day + pd.Timedelta(days=2)).where(np.zeros(n, dtype=bool))
    done = events[[closes(i) for i in range(n)]]
    later = done["known_at"] + pd.Timedelta(days=2)
    events = pd.concat([events, done.assign(closed_at=later, known_at=later)], ignore_index=True)
    return events, pd.DataFrame({"grid_id": ["A", "B"], "valid_from": START, "county_id": ["east", "west"]})


def values_of(feature, told, *days):
    history = History.of(*told, until=START + pd.Timedelta(days=400))
    return feature.compute(history.at([START + pd.Timedelta(days=d) for d in days]))


@pytest.mark.parametrize("feature", HANDLED, ids=name)
def test_a_feed_that_tells_no_closings_has_no_open_cases(feature):
    """Once twenty cases are past their limit and none is told closed, what is open or late is missing, not every case; counts go on."""
    nothing, all_told = handled(), handled(closes=lambda i: True)

    assert np.isnan(values_of(feature, nothing, 45, 59)).all()
    assert np.isfinite(values_of(feature, all_told, 45)).all()
    assert (values_of(Count("dispute", days=28), nothing, 45) == 14).all()


def test_a_case_that_is_told_closed_is_open_no_more():
    """Of one case a day, each told closed two days on, the last of each county is open: the closing of the one before it is known."""
    assert values_of(Open("dispute"), handled(closes=lambda i: True), 45).tolist() == [[1], [1]]


def test_before_twenty_cases_are_late_open_is_believed():
    """Fewer than twenty cases past their limit say nothing about a feed: open ones are counted."""
    assert values_of(Open("dispute"), handled(), 30).tolist() == [[15], [15]]


def test_a_county_that_tells_no_closings_is_missing_alone():
    """One county's missing closings leave the other's open cases known."""
    told = values_of(Open("dispute"), handled(120, closes=lambda i: i % 2 == 0), 110)

    assert np.isfinite(told[0]).all()
    assert np.isnan(told[1]).all()


@given(st.integers(20, 110), st.sampled_from([0, 1, 3, 40]), st.sampled_from(HANDLED))
@MANY
def test_whether_closings_are_told_is_known_at_the_date(day, every, feature):
    """Closings and cases that become known later change nothing, of part of the city no more than of all."""
    events, grids = handled(120, closes=lambda i: bool(every) and i % every == 0)
    at = START + pd.Timedelta(days=day)
    full = History.of(events, grids, until=START + pd.Timedelta(days=400))
    then = full.known_before(at)
    whole = feature.compute(full.at([at]))

    assert np.array_equal(whole, feature.compute(then.at([at])), equal_nan=True)
    if feature.looks == "own":
        assert np.array_equal(whole[1:], feature.compute(full.part(np.array([1])).at([at])), equal_nan=True)


def test_a_delivery_counts_from_its_arrival():
    """A delivery that arrives later fills no gap before it does."""
    events = crowd(100)
    log = deliveries()
    log["arrived_at"] = log["arrived_at"].where(
        log["covers_from"] < START + pd.Timedelta(days=30), START + pd.Timedelta(days=80)
    )
    snapshot = History.of(events, GRIDS, tables={"feed_log": log}).at([START + pd.Timedelta(days=d) for d in (50, 81)])

    assert snapshot.exposure("dispute", 10).tolist() == [[0, 10]]


def test_years_brought_in_at_once_are_no_silence():
    """Records of the past, delivered in one piece long after, are counted at past dates as if there were no log: the feed was not silent."""
    events = crowd(100)
    log = (
        deliveries()
        .iloc[:1]
        .assign(covers_to=START + pd.Timedelta(days=120), arrived_at=START + pd.Timedelta(days=400))
    )
    dates = [START + pd.Timedelta(days=d) for d in (20, 60, 110)]
    logged, plain = (History.of(events, GRIDS, tables=t).at(dates) for t in ({"feed_log": log}, {}))

    assert logged.exposure("dispute", 14).tolist() == plain.exposure("dispute", 14).tolist()
    assert plain.exposure("dispute", 14).min() > 0
    own = Own((Stream("dispute"),), 2)
    np.testing.assert_array_equal(own.compute(logged), own.compute(plain))


@pytest.mark.parametrize("feature", [*FEATURES, *CALENDAR, *PLACE, *TABLED], ids=name)
def test_a_feature_survives_json(feature):
    """Written as JSON and read again a feature is equal, and its name, words and reason are said in both languages."""
    again = from_dict(json.loads(json.dumps(feature.to_dict())))

    assert again == feature
    assert feature.name == again.name
    assert feature.name.replace("_", "").isalnum()
    assert feature.name == feature.name.lower()
    assert feature.words.zh
    assert feature.words.en
    assert any("\u4e00" <= c <= "\u9fff" for c in feature.words.zh)
    assert not any("\u4e00" <= c <= "\u9fff" for c in feature.words.en)
    assert Clause.parse(json.loads(json.dumps(feature.clause.to_dict()))) == feature.clause
    assert feature.unit
    assert feature.owner.zh
    assert feature.owner.en


@cache
def whole():
    """A city with all its tables."""
    return History.of(crowd(200), GRIDS, tables=tables())


@pytest.mark.parametrize("feature", [*FEATURES, *CALENDAR, *PLACE, *TABLED], ids=name)
def test_values_are_float32_and_normal_has_their_shape(feature):
    """Every feature gives (n_grids, n_dates) float32 and something to compare it with."""
    snapshot = whole().at([AS_OF])
    found = feature.compute(snapshot)

    assert (found.shape, found.dtype) == ((3, 1), np.float32)
    assert feature.normal(snapshot).shape == (3, 1)


def test_tables_give_what_they_hold():
    """Visits, rosters, steps and diverted calls are counted as written by hand."""
    log = tables()
    snapshot = History.of(crowd(60), GRIDS, tables=log, until=AS_OF).at([AS_OF])

    def value(feature):
        return feature.compute(snapshot)[:, 0].tolist()

    assert value(Count(Stream("visit", tag="valid"), days=28)) == [0, 1, 0]
    assert value(Count("visit", days=28)) == [0, 1, 1]
    assert value(DaysSince("visit")) == [30, 10, 20]
    assert value(Staff(days=28))[:2] == [pytest.approx((2.0 + 0.5) / 2), pytest.approx(float("nan"), nan_ok=True)]
    assert value(Count(Stream("step", ("return",), tag="again"), days=60)) == [1, 0, 0]
    assert value(Places("school")) == [2, 0, 0]
    assert value(Places("school", per_1000_households=True)) == [20, 0, 0]
    # of the days since the roster's first one those without somebody on it
    assert value(Unstaffed("police_call", days=28)) == [28 - 2, 28, 28 - 1]
    assert value(Unstaffed("police_call", days=60)) == [50 - 3, 50, 50 - 1]
    assert value(Coverage("visit", days=28)) == pytest.approx([0, 4 / 300, 3 / 50])


def test_events_per_household_by_hand():
    """Three, two and four events of 100, 300 and 50 households: drawn by a hundred to the city's rate, or to the township's, itself drawn likewise, and scaled up to the whole window."""
    at = [START + pd.Timedelta(days=d) for d in range(10, 40)]
    rows = [("G1", 3), ("G10", 2), ("G2", 4)]
    events = table(
        [revision(event_id=f"{g}{i}", known=24 * (11 + i), grid=g) for g, n in rows for i in range(n)]
        + [revision(event_id="first", known=24 * 9, grid="")]
    )
    snapshot = History.of(events, GRIDS, until=at[-1]).at(at[-1:])
    homes, n, scale = np.array([100, 300, 50]), np.array([3, 2, 4]), 60 / snapshot.exposure("dispute", 60)[0, 0]
    city = 9 / 450
    towns = np.array([(5 + 100 * city) / (400 + 100)] * 2 + [(4 + 100 * city) / (50 + 100)])

    for level, rate in (("", city), ("township_id", towns)):
        found = PerHousehold("dispute", days=60, level=level).compute(snapshot)[:, 0]
        assert found == pytest.approx(1000 * scale * (n + 100 * rate) / (homes + 100), rel=1e-5)
    assert scale > 1


def test_where_no_other_feed_is_every_call_comes_unheralded():
    """In a city of police calls alone nothing could have come before; where the ledger had the place a day before, it did."""
    calls = [revision("police_call", f"p{i}", 24 * (9 + i), grid="G1", category="P04", place="p") for i in range(3)]
    entry = revision(event_id="entry", known=24 * 8, grid="G1", place="p")
    alone, heralded = (History.of(table(rows), GRIDS, until=AS_OF).at([AS_OF]) for rows in (calls, [*calls, entry]))

    assert Unheralded(days=84).compute(alone)[:, 0].tolist() == [1, 1, 1]
    assert Unheralded(days=84).compute(heralded)[:, 0].tolist() == [0, 0, 0]


def test_what_is_known_around_a_grid():
    """The mean is of the neighbours of which something is known, missing where that is none of them; the total is of those too. A grid without neighbours has 0 around it."""
    events = table([revision(event_id=f"e{g}", known=24, grid=g, severity=n) for g, n in (("G1", 2), ("G2", 3))])
    severity = MeanSeverity("dispute", days=84)

    def around(rows, grids, *, total=False):
        snapshot = History.of(rows, grids, until=AS_OF).at([AS_OF])
        return severity.nearby(total=total).compute(snapshot)[:, 0].tolist()

    assert around(events, GRIDS) == [3, 2.5, 2]
    assert around(events, GRIDS, total=True) == [3, 5, 2]
    assert around(events[:1], GRIDS) == pytest.approx([np.nan, 2, 2], nan_ok=True)
    assert around(events[:1], GRIDS, total=True) == [0, 2, 2]
    lonely = GRIDS.drop(columns=["x_km", "y_km"])
    assert around(events, lonely) == around(events, lonely, total=True) == [0, 0, 0]


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda: Count("dispute", days=0), "Count: days: wanted a number above 0 and at most 36525, got 0"),
        (lambda: Count("dispute", days=-7), "days: wanted a number above 0 and at most 36525, got -7"),
        (lambda: Count("dispute", days="7"), "days: wanted a number above 0 and at most 36525, got '7'"),
        (lambda: Rise("dispute", days=0), "Rise: days: wanted a number above 0"),
        (lambda: Own(("dispute",), 0), "Own: weeks: wanted a whole number of at least 1, got 0"),
        (lambda: Handling("dispute", q=2), "q: wanted a number of at least 0 and at most 1, got 2"),
        (lambda: Count("", days=7), "Count: .stream. source: wanted a name of letters"),
        (lambda: Count(Stream("dispute", ("D98",)), days=7), "sensitive and are never a feature"),
        (
            lambda: Stream("police_call", tag="wepon"),
            "tag: wanted one of weapon, .*, got 'wepon' .did you mean 'weapon'",
        ),
        (lambda: Stream("dispute", origin="police"), "origin: wanted one of citizen, proactive, got 'police'"),
        (lambda: Stream("dispute", severity=4), "severity: wanted a whole number of at least 0 and at most 3, got 4"),
        (lambda: Stream("dispute", hours=(20,)), "hours must be two of 0 to 24"),
        (lambda: Attribute("sex"), "tells of people, and people are no feature"),
        (lambda: Attribute("areakm2"), "did you mean 'area_km2'"),
        (
            lambda: Count("dispute", days=7).of_parent("town"),
            "level: wanted one of community_id, township_id, county_id, got 'town'",
        ),
        (lambda: Count("dispute", days=7).of_parent("township_id").of_parent("township_id"), "come back to itself"),
        (lambda: Count("dispute", days=7).nearby().nearby(), "neighbours of neighbours"),
        (
            lambda: RepeatedPlaces("dispute", days=28, at_least=1),
            "at_least: wanted a whole number of at least 2, got 1",
        ),
        (lambda: RepeatedPlaces("dispute", days=28, at_least=2.5), "a whole number of at least 2, got 2.5"),
        (lambda: RepeatedPlaces("dispute", days=0), "RepeatedPlaces: days: wanted a number above 0"),
        (lambda: Season("tan"), "wave: wanted one of sin, cos, got 'tan'"),
        (lambda: Window("harvest"), "of: wanted one of .*, got 'harvest'"),
        (lambda: DatePart("hour"), "part: wanted one of month, .*, got 'hour'"),
        (lambda: SinceChange("soon"), "date: wanted a date .*, got 'soon'"),
        (lambda: Places("prison"), "of: wanted one of .*, got 'prison'"),
        (lambda: Product(Season("sin"), "dispute"), "other: wanted a Feature, got 'dispute'"),
        (lambda: from_dict({"kind": "Cuont"}), "did you mean 'Count'"),
        (
            lambda: from_dict({"kind": "Count", "stream": "dispute", "day": 7}),
            "unknown parameter 'day' .did you mean 'days'",
        ),
    ],
)
def test_bad_declarations_are_refused(declare, message):
    """A feature that cannot be right is refused when it is declared, in words that say what to change."""
    with pytest.raises(DefinitionError, match=message):
        declare()


def test_all_faults_of_a_feature_are_told_at_once_with_what_was_meant():
    """One message names every wrong parameter, and the nearest word where one of a list is wanted."""
    with pytest.raises(DefinitionError) as refused:
        Share("dispute", "petition", days=0, weight=-1, level="townshipid")

    assert str(refused.value) == (
        "Share: days: wanted a number above 0 and at most 36525, got 0; weight: wanted a number of at least 0, got -1; "
        "level: wanted one of community_id, township_id, county_id, got 'townshipid' (did you mean 'township_id'?)."
    )


def test_a_feature_of_ones_own_is_checked_by_its_annotations():
    """A plain dataclass made from a feature has its parameters checked and its streams read like any of ours."""

    @dataclass(frozen=True)
    class Doubled(Windowed):
        share: Quantile = 0.5

    assert Doubled({"source": "dispute", "tag": "weapon"}, days=7).stream == Stream("dispute", tag="weapon")
    with pytest.raises(DefinitionError, match=r"Doubled: days: wanted a number .*; share: wanted a number"):
        Doubled("dispute", days="7", share=2)


@settings(max_examples=60, deadline=None)
@given(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2)
)
def test_no_window_is_made_of_nonsense(days):
    """A window is a number of days above 0 and at most a hundred years, or refused by an error of ours."""
    right = isinstance(days, int | float) and not isinstance(days, bool) and 0 < days <= 36_525
    if right:
        assert Count("dispute", days=days).days == days
    else:
        with pytest.raises(DefinitionError, match="days: wanted a number"):
            Count("dispute", days=days)


def test_a_file_of_features_is_refused_at_its_line(tmp_path):
    """The message of a wrong declaration names file and line; a missing group names those there are."""
    (tmp_path / "wrong.py").write_text(
        "from riskwarn.feature import Count\n\nFEATURES = [\n    Count('dispute', days=7),\n    Count('dispute', days=0),\n]\n"
    )
    (tmp_path / "typo.py").write_text("from riskwarn.feature import Cuont\n")
    (tmp_path / "none.py").write_text("FEATURES = 3\n")

    with pytest.raises(DefinitionError, match=r"wrong.py, line 5: Count: days: wanted a number above 0"):
        load_group(tmp_path, "wrong")
    with pytest.raises(DefinitionError, match=r"typo.py, line 1: cannot import name 'Cuont'"):
        load_group(tmp_path, "typo")
    with pytest.raises(DefinitionError, match="wanted FEATURES, a list of features, found int"):
        load_group(tmp_path, "none")
    with pytest.raises(DefinitionError, match=r"no feature group 'wrog' .did you mean 'wrong'"):
        load_group(tmp_path, "wrog")


def test_an_absent_feed_is_named_before_anything_is_computed():
    """A feature on a feed the store does not hold is refused, with all its companions, and the nearest known name."""
    history = History.of(crowd(30), GRIDS)

    with pytest.raises(DefinitionError) as error:
        check_streams([Count("polcie_call", days=7), Count("hotline", days=7), Count("dispute", days=7)], history)
    assert "no source 'polcie_call' (did you mean 'police_call'?), which 'polcie_call_n_7d' read" in str(error.value)
    assert "no source 'hotline', which 'hotline_n_7d' read" in str(error.value)
    assert "dispute_n_7d" not in str(error.value)


def test_a_category_the_feed_does_not_have_is_refused():
    """A feature on a code that no record of the feed carries is refused with the codes there are, never all zero."""
    own = History.of(crowd(30).assign(category=lambda rows: np.resize(["theft", "battery"], len(rows))), GRIDS)
    canonical = History.of(crowd(30).assign(category="D02"), GRIDS)

    with pytest.raises(DefinitionError) as error:
        check_streams([Count(Stream("dispute", ("BATTERY",)), days=7), Count("dispute", days=7).nearby()], own)
    assert "'dispute' has no category 'BATTERY' (did you mean 'battery'?), which 'dispute_battery_n_7d' read" in str(
        error.value
    )
    assert "it has: battery, theft" in str(error.value)
    for feature in (Share(Stream("dispute", ("D07",)), "dispute", 364), Count(Stream("dispute", ("D07",)), 7).nearby()):
        with pytest.raises(DefinitionError, match="'dispute' has no category 'D07'"):
            check_streams([feature], own)
        check_streams([feature], canonical)
    check_streams([Count(Stream("dispute", ("theft",)), days=7)], own)


@pytest.mark.parametrize("code", ["a,b", "theft {minor}", 'x"y', "a[0]", "a:b", "two words", "tab\there"])
def test_a_name_no_table_or_model_can_hold_is_refused(code):
    """A name with a comma, brace, quote or blank is refused where it is declared, with the letters that serve."""
    with pytest.raises(DefinitionError, match=r"feature name .* letters, digits, '_', '-' and '\.'"):
        check_names([Count(Stream("dispute", (code,)), days=7)])
    check_names([Count(Stream("dispute", ("噪音-a.1",)), days=7)])


def test_names_are_distinct_and_audit_stays_out():
    """Two features of one name are refused, and so is what staff did, which no model may read."""
    with pytest.raises(DefinitionError, match="two features are called 'dispute_n_7d'"):
        check_names([Count("dispute", days=7), Count("dispute", days=7.0)])
    with pytest.raises(DefinitionError, match="'visit_n_28d' is for audit only"):
        check_names([Count("dispute", days=7), Count("visit", days=28)])
    assert not Nearby(Count("visit", days=28)).for_model


def test_absent_tables_and_columns_are_refused():
    """A table or column that is not there is not one of zeros."""
    snapshot = History.of(crowd(30), GRIDS.drop(columns=["households", "county_id"])).at([AS_OF])
    for feature, message in (
        (Count("visit", days=7), "no table 'visits'"),
        (Places("school"), "no table 'places'"),
        (Attribute("households"), "no 'households'"),
        (Count("dispute", days=7).of_parent("county_id"), "no 'county_id'"),
        (Count("hotline", days=7), "no source 'hotline'"),
    ):
        with pytest.raises(DefinitionError, match=message):
            feature.compute(snapshot)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda p: p.stem)
def test_the_starter_declares_whole_features(path):
    """Each shipped group loads, each feature once, and whether a model may read it is one answer for the group."""
    features = load_group(FOLDER, path.stem)
    names = [f.name for f in features]

    assert len(set(names)) == len(names)
    assert len({f.for_model for f in features}) == 1


def test_the_starter_has_no_two_features_of_one_name():
    """All groups together can serve one model."""
    listed = catalogue(FOLDER)

    assert not listed["name"].duplicated().any()
    assert {"group", "name", "unit", "zh", "en", "owner_zh", "owner_en", "for_model"} <= set(listed)
    assert listed["for_model"].any()
    assert not listed["for_model"].all()


def test_the_page_lists_every_feature():
    """docs/features.md is what the catalogue says."""
    written = Path(__file__).parent.parent / "docs" / "features.md"

    assert written.read_text("utf-8") == page(FOLDER)


def test_repeated_places_are_counted_once_each():
    """A place counts once however often it repeats, together over the streams; single, old, unplaced and other grids' events make none."""
    placed = {
        "x": ("G1", "pa", 0),
        "y": ("G1", "pa", 1),
        "z": ("G1", "pa", 2),
        "u": ("G1", "pb", 3),
        "v": ("G1", "pb", 4),
        "single": ("G1", "pc", 5),
        "nowhere": ("G1", "", 6),
        "again": ("G1", "", 7),
        "left": ("G2", "pc", 8),
        "old": ("G1", "pc", -40),
    }
    events = table(
        [
            revision(
                event_id=i,
                source="police_call" if i == "v" else "dispute",
                known=24 * (40 + day),
                grid=grid,
                place=place,
            )
            for i, (grid, place, day) in placed.items()
        ]
    )
    dates = [START + pd.Timedelta(days=d) for d in (41, 42, 49, 70, 90)]
    snapshot = History.of(events, GRIDS, until=dates[-1]).at(dates)

    def found(of, **more):
        return RepeatedPlaces(of, days=28, **more).compute(snapshot)[0].tolist()

    assert found(("dispute", "police_call")) == [0, 1, 2, 1, 0]
    assert found("dispute") == [0, 1, 1, 0, 0]
    assert found(("dispute", "police_call"), at_least=3) == [0, 0, 1, 0, 0]


def test_what_was_settled_is_no_unsettled_place():
    """A place falls out when a case there was closed, from when that is known, and is back with the next event, or when the case is open again."""
    days = {"call": 40, "again": 41, "case": 42, "late": 50}
    at = {name: 24 * day for name, day in days.items()}
    events = table(
        [
            revision(source="police_call", event_id="call", known=at["call"], place="pa"),
            revision(source="police_call", event_id="again", known=at["again"], place="pa"),
            revision(source="police_call", event_id="late", known=at["late"], place="pa"),
            revision(source="police_call", event_id="other", known=at["call"], place="pb"),
            revision(source="police_call", event_id="nowhere", known=at["call"]),
            revision(event_id="case", known=at["case"], place="pa"),
            # closed on the 44th, known on the 46th, open again on the 48th
            revision(event_id="case", known=24 * 46, lag=24 * 4, place="pa", closed=48),
            revision(event_id="case", known=24 * 48, lag=24 * 6, place="pa"),
        ]
    )
    dates = [START + pd.Timedelta(days=day + 0.5) for day in (40, 41, 45, 46, 48, 50, 68)]
    snapshot = History.of(events, GRIDS, until=dates[-1]).at(dates)

    def found(of, at_least):
        return UnsettledPlaces(of, days=28, at_least=at_least).compute(snapshot)[0].tolist()

    assert found("police_call", 1) == [2, 2, 2, 1, 2, 2, 1]
    assert found("police_call", 2) == [0, 1, 1, 0, 1, 1, 1]
    assert found(("dispute", "police_call"), 3) == [0, 0, 1, 0, 1, 1, 1]


def test_asked_for_and_found_stay_apart():
    """What residents ask for and what staff find are different numbers of the same feed."""
    events = table(
        [
            revision(event_id=f"e{i}", known=24 * i, origin=o)
            for i, o in enumerate(["citizen", "proactive", "citizen", "unknown"])
        ]
    )
    snapshot = History.of(events, GRIDS, until=AS_OF).at([AS_OF])

    counts = [Count(Stream("dispute", origin=o), days=90).compute(snapshot)[0, 0] for o in ("citizen", "proactive", "")]

    assert counts == [2, 1, 4]


def test_spring_festival_and_workdays():
    """Days from the festival are signed, and a working Sunday is a working day."""
    events = crowd(30)
    snapshot = History.of(events, GRIDS, until="2025-03-01").at(
        ["2025-01-22", "2025-01-26", "2025-01-29", "2025-02-05"]
    )

    assert SpringFestival().compute(snapshot)[0].tolist() == [-7, -3, 0, 7]
    assert Workdays(1).compute(snapshot)[0].tolist() == [1, 1, 0, 1]
    assert Workdays(7).compute(snapshot)[0, 2] == 0 + 0 + 0 + 0 + 0 + 0 + 0 + 0


def snapshot_of(day):
    """The history of one event of `day`, on the day after."""
    known = pd.Timestamp(day, tz=ZONE)
    events = table([revision(known=0)]).assign(known_at=known, occurred_at=known)
    return History.of(events, GRIDS).at([known + pd.Timedelta(days=1)])


@pytest.mark.parametrize(("day", "away"), [("2049-02-01", 0), ("2060-02-10", 9), ("2099-01-20", 0), ("1999-02-15", 0)])
def test_festivals_are_known_for_this_century(day, away):
    """The lunar new year is right from 1950 to 2100, not only for the years of a table; working days are counted in any year."""
    snapshot = snapshot_of(day)

    assert SpringFestival().compute(snapshot)[0, 0] == away
    assert 0 <= Workdays(7).compute(snapshot)[0, 0] <= 7


def test_far_festivals_are_refused():
    """A year that the lunar calendar of the library does not hold is said, not guessed."""
    with pytest.raises(DefinitionError, match=r"no festival is known near 2149-01-02"):
        SpringFestival().compute(snapshot_of("2149-01-01"))


@pytest.mark.parametrize(
    ("first", "worked"),
    [
        ("2024-10-01", [0, 0, 0, 0, 0, 0, 0]),
        ("2022-10-08", [1, 1, 1, 1, 1, 1, 1]),
        ("2026-02-23", [0, 1, 1, 1, 1, 1, 0]),
    ],
)
def test_working_days_follow_the_announced_exchanges(first, worked):
    """Holidays of the law are free and exchanged weekend days are worked, as the State Council announced them."""
    days = pd.date_range(first, periods=7, tz=ZONE)
    events = table([revision(known=0)]).assign(known_at=days[0], occurred_at=days[0])
    snapshot = History.of(events, GRIDS, until=days[-1]).at(days)

    assert Workdays(1).compute(snapshot)[0].tolist() == worked


def test_shares_are_drawn_towards_parent_and_city():
    """A grid without events has its township's share, a township without any the city's."""
    rows = [revision(event_id=f"e{i}", known=24, grid="G1", tags="weapon" if i < 2 else "") for i in range(4)]
    snapshot = History.of(table(rows), GRIDS, until=AS_OF).at([AS_OF])
    plain, parent = (
        Share(Stream("dispute", tag="weapon"), "dispute", 90, level=level).compute(snapshot)[:, 0]
        for level in ("", "township_id")
    )

    assert plain.tolist() == pytest.approx([0.5, 0.5, 0.5])
    assert parent.tolist() == pytest.approx([0.5, 0.5, 0.5])


def test_what_a_feature_must_say():
    """A kind that does not say its name, words or formula is refused where it is used."""
    for use in (lambda: Feature().name, lambda: Feature().words, lambda: Feature().compute(None)):
        with pytest.raises(DefinitionError, match="does not say"):
            use()


ADDED_UP = {
    *("Count", "Own", "Level", "Recent", "Ewma", "Rate", "Open", "Overdue", "Amber", "Closed", "Faded", "Harmonic"),
    *("MostAtOnePlace", "RepeatedPlaces", "UnsettledPlaces", "SameSeason", "Nearby", "OfCity", "OfParent", "Spread"),
}
"""Kinds behind whose values stand events that add up to them."""


@cache
def behind():
    """A city, the values of all features at a date, and the events that hold then."""
    history = History.of(crowd(400, seed=5), GRIDS, until=AS_OF)
    held = held_events(history, FEATURES, AS_OF, set(GRIDS["grid_id"]))
    return history, features_at(history, FEATURES, AS_OF), held


@pytest.mark.parametrize("feature", FEATURES, ids=name)
def test_what_stands_behind_a_number_adds_up_to_it(feature):
    """The events behind a value add up to it in each grid; where it is a rate of them, to the same multiple in all grids."""
    history, values, held = behind()
    if not {type(feature).__name__, type(feature.core).__name__} <= ADDED_UP:
        assert feature.rows(held, AS_OF)["adds"].isna().all()
        return
    sums = np.zeros(len(values))
    for n in range(len(values)):
        near = feature.weights(history, n).tocsr()
        assert near.shape == (1, len(values))
        weight = pd.Series(near.data, index=GRIDS["grid_id"].to_numpy()[near.indices])
        rows = feature.rows(held[held["grid_id"].isin(weight.index)], AS_OF)
        sums[n] = (rows["adds"] * rows["grid_id"].map(weight).astype(float)).sum()
    value = values[feature.name].to_numpy()
    multiple = value.sum() / sums.sum() if feature.scaled else 1

    np.testing.assert_allclose(multiple * sums, value, rtol=1e-3, err_msg=feature.name)


def test_three_readers_of_what_is_missing_are_named():
    """Of an absent feed all of three readers are named, of four the first three and that there are others."""
    history = History.of(crowd(30), GRIDS)
    features = [Count("hotline", days=days) for days in (7, 14, 28, 56)]

    with pytest.raises(DefinitionError, match="which 'hotline_n_7d', 'hotline_n_14d', 'hotline_n_28d' read"):
        check_streams(features[:3], history)
    with pytest.raises(DefinitionError, match="which 'hotline_n_7d', 'hotline_n_14d', 'hotline_n_28d' and others read"):
        check_streams(features, history)


def test_a_long_count_is_told_as_a_level_and_a_short_one_as_a_habit():
    """More than half of the fifteen weeks that tell a grid's own usual are its level, which is compared with the city."""
    clauses = {days: Count("dispute", days=days).clause.kind for days in (28, 52, 53, 105)}

    assert clauses == {28: "habit", 52: "habit", 53: "lasting", 105: "lasting"}
    assert Count("dispute", days=53).medians
    assert not Count("dispute", days=52).medians


def test_only_a_product_with_the_date_is_told_as_during_it():
    """A count during a season is told as such; a count times another is a measure."""
    count = Count("dispute", days=28)

    assert Product(Window("farm"), count).clause.kind == "during"
    assert Product(count, Count("police_call", days=28)).clause.kind == "measure"


def test_the_same_season_holds_its_first_instant():
    """Behind the same four weeks of two years stand the events from 364 and 728 days ago on, up to and not with 336 and 700."""
    days = {364: True, 337: True, 336: False, 365: False, 728: True, 701: True, 700: False, 1: False}
    held = pd.DataFrame({"occurred_at": [AS_OF - pd.Timedelta(days=d) for d in days], "source": "dispute"})
    rows = SameSeason((Stream("dispute"),), days=28, years=2).rows(held.assign(category="D02", weight=0.5), AS_OF)

    assert sorted(rows.index) == [n for n, inside in enumerate(days.values()) if inside]
    assert rows["adds"].tolist() == [0.5] * 4


def test_the_same_season_by_hand():
    """Of four weeks of each of the last two years the first instant is in and what followed is not: three and one event are two a year; of a feed that spoke for the latter year alone three are three."""
    days = [364, 350, 336 + 1e-6, 336, 365, 728, 700, 729, 10]
    events = table([revision(event_id=f"e{n}", known=0, grid="G1") for n in range(len(days))])
    occurred = [AS_OF - pd.Timedelta(days=d) for d in days]
    events = events.assign(occurred_at=occurred, known_at=[t + pd.Timedelta(hours=1) for t in occurred])
    feature = SameSeason((Stream("dispute"),), days=28, years=2)
    grids = GRIDS.assign(valid_from=AS_OF - pd.Timedelta(days=999))

    def found(rows):
        return feature.compute(History.of(rows, grids, until=AS_OF).at([AS_OF]))[:, 0].tolist()

    older = events[:1].assign(event_id="first", occurred_at=AS_OF - pd.Timedelta(days=800), grid_id="")
    older = older.assign(known_at=older["occurred_at"])
    assert found(pd.concat([events, older])) == pytest.approx([2, 0, 0])
    assert found(events[events["occurred_at"] >= AS_OF - pd.Timedelta(days=365)]) == pytest.approx([3, 0, 0])
    assert np.isnan(found(events[-1:])).all()


def test_last_year_by_hand():
    """Three in the same four weeks of last year, thirteen in all of it: (3 + 1) over (13 / 13 + 1); the first instant is in, the next four weeks are not."""
    days = [364, 350, 337, 336, *range(10, 100, 10)]
    events = table([revision(event_id=f"e{d}", known=0, grid="G1") for d in days])
    occurred = [AS_OF - pd.Timedelta(days=d) for d in days]
    events = events.assign(occurred_at=occurred, known_at=[t + pd.Timedelta(hours=1) for t in occurred])
    snapshot = History.of(events, GRIDS, until=AS_OF).at([AS_OF])

    assert LastYear(Stream("dispute"), days=28).compute(snapshot)[0, 0] == pytest.approx((3 + 1) / (13 * 28 / 364 + 1))
