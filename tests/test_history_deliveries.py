"""When a feed did not speak, outcomes are not known: by its deliveries, by its records, by area."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from towns.events import START, ZONE

from riskwarn.errors import StaleDataError
from riskwarn.history import DAY_US, History, Stream
from riskwarn.history.pauses import last_spoken, outages
from riskwarn.label import Label

GRIDS = pd.DataFrame(
    {
        "grid_id": ["G1", "G2"],
        "valid_from": START - pd.Timedelta(days=9),
        "township_id": ["T1", "T2"],
        "county_id": ["K1", "K2"],
    }
)
LABEL = Label("dispute_7d", (Stream("dispute"),), days=7, settle_days=3)
DATES = range(10, 190, 5)


def day(n):
    return START + pd.Timedelta(days=n)


def daily(source, days, *, grids=("G1", "G2")):
    """A record a day and grid, known an hour later."""
    return [(source, f"{source}-{g}-{d}", day(d) + pd.Timedelta(hours=9), g) for d in days for g in grids]


def events(*parts):
    frame = pd.DataFrame(
        [row for part in parts for row in part], columns=["source", "event_id", "occurred_at", "grid_id"]
    )
    return frame.assign(category="D02", known_at=frame["occurred_at"] + pd.Timedelta(hours=1))


def log(*covers, source="dispute", org="*", arrived=None):
    """Deliveries that each say which days they speak for."""
    return pd.DataFrame(
        [
            {
                "source": source,
                "org_code": org,
                "batch_id": f"{source}{org}{a}",
                "arrived_at": day(b if arrived is None else arrived),
                "received": 9,
                "accepted": 9,
                "quarantined": 0,
                "duplicate": 0,
                "covers_from": day(a),
                "covers_to": day(b),
            }
            for a, b in covers
        ]
    )


def known(frame, *logs, label=LABEL, until=None, dates=DATES):
    """For each grid the days whose outcome is known."""
    tables = {"feed_log": pd.concat(logs, ignore_index=True)} if logs else {}
    history = History.of(frame, GRIDS, timezone=ZONE, tables=tables, until=until)
    y = label.outcome(history.at([day(d) for d in dates]))
    return [{d for d, value in zip(dates, row, strict=True) if not np.isnan(value)} for row in y]


def whole(first, last, *silent):
    """Days whose ten days lie within `first` to `last` and touch no silent stretch."""
    return {d for d in DATES if first <= d and d + 10 <= last and not any(d < b and d + 10 > a for a, b in silent)}


def test_an_outcome_ends_with_its_own_feed():
    """Where disputes stopped, another feed that goes on settles nothing of them."""
    frame = events(daily("dispute", range(100)), daily("hotline", range(200)))

    assert known(frame) == [whole(0, 99.4)] * 2
    assert known(frame, label=Label("h", (Stream("hotline"),), days=7, settle_days=3)) == [whole(0, 199.4)] * 2


def test_an_outcome_of_two_feeds_needs_both():
    """A sum is known where each of its feeds is."""
    frame = events(daily("dispute", range(100)), daily("hotline", range(40, 200)))
    both = Label("b", (Stream("dispute"), Stream("hotline")), days=7, settle_days=3)

    assert known(frame, label=both) == [whole(40.4, 99.4)] * 2


def test_an_outage_without_a_log_is_seen_by_the_habit_of_the_feed():
    """Sixty days without a record of a daily feed are no calm: no outcome that touches them is known."""
    assert known(events(daily("dispute", [*range(80), *range(140, 200)]))) == [whole(0, 199.4, (80, 140.4))] * 2


def test_an_outage_is_told_by_the_log():
    """Days no delivery speaks for are not known, however few they are; days it speaks for are, however calm."""
    frame = events(daily("dispute", [*range(60), *range(120, 200)]))

    assert known(frame, log((0, 60), (60, 101), (103, 200))) == [whole(0, 200, (101, 103))] * 2


def test_each_organisation_has_its_own_clock():
    """Where the log tells deliveries by county, one county's silence leaves the other's outcomes known."""
    second = daily("dispute", [*range(50), *range(90, 130)], grids=["G2"])
    frame = events(daily("dispute", range(200), grids=["G1"]), second)
    logs = log((0, 200), org="K1"), log((0, 50), (90, 130), org="K2")

    assert known(frame, *logs) == [whole(0, 200), whole(0, 130, (50, 90))]


def test_a_county_that_falls_silent_without_a_log_is_not_calm():
    """By records too each county is looked at for itself."""
    frame = events(daily("dispute", range(200), grids=["G1"]), daily("dispute", range(100), grids=["G2"]))

    assert known(frame) == [whole(0, 199.4), whole(0, 99.4)]


@pytest.mark.parametrize("stray", [400, 10_000])
def test_a_date_typed_wrong_moves_nothing(stray):
    """One record of a far day settles no outcome, and a night after the true end is refused with the feeds' ends."""
    frame = events(daily("dispute", range(100)), daily("hotline", range(150)), daily("hotline", [stray], grids=["G1"]))
    history = History.of(frame, GRIDS, timezone=ZONE)

    assert known(frame, dates=[d for d in DATES if d < 150]) == [whole(0, 99.4)] * 2
    with pytest.raises(StaleDataError, match=r"dispute 2025-04-10, hotline 2025-05-30"):
        history.at([day(200)])


def test_a_delivery_cannot_speak_for_days_after_it_arrived():
    """A cover that ends after the arrival ends with it."""
    frame = events(daily("dispute", range(100)))

    assert known(frame, log((0, 5000), arrived=100), dates=[d for d in DATES if d < 100]) == [whole(0, 100)] * 2


def test_who_gives_the_end_is_believed():
    """With `until` a calm end is known to be calm; a sparse feed needs no record to be heard."""
    frame = events(daily("dispute", [0, 3, 30]))

    assert known(frame, until=day(200)) == [whole(0, 200)] * 2


def test_many_dates_or_one_settle_alike():
    """Whether an outcome is known does not hang on which other dates are asked for."""
    frame = events(daily("dispute", [*range(80), *range(140, 200)]))
    together = known(frame)[0]

    assert {d for d in DATES if known(frame, dates=[d])[0]} == together


@settings(max_examples=100, deadline=None)
@given(st.sets(st.integers(0, 400), min_size=40, max_size=400), st.randoms(use_true_random=False))
def test_outages_lie_where_nothing_is_known(days, random):
    """No record lies within an outage, whatever the order of records; an outage is longer than a fortnight and within the records."""
    instants = np.array(sorted(days), dtype=np.int64) * DAY_US + DAY_US // 3
    shuffled = instants[np.random.default_rng(random.randint(0, 99)).permutation(len(instants))]
    spans = outages(shuffled)

    np.testing.assert_array_equal(spans, outages(instants))
    for begin, end in spans:
        assert not ((instants >= begin) & (instants < end)).any()
        assert end - begin >= 14 * DAY_US
        assert instants.min() < begin < end <= instants.max()


def test_a_pause_a_feed_is_used_to_is_no_outage():
    """A monthly feed, a week of holidays and a few records of a young feed are silent for other reasons."""
    monthly = np.arange(60) * 30
    holidays = np.r_[0:100, 108:300]
    for days in (monthly, holidays, np.array([0, 1, 2, 90])):
        assert len(outages(days.astype(np.int64) * DAY_US)) == 0


def test_a_feed_that_is_back_has_spoken_again():
    """Three days of records after an outage are a feed that is back; fewer are dates typed wrong."""
    days = np.arange(60, dtype=np.int64)

    assert last_spoken(np.r_[days, 200, 201] * DAY_US) == 59 * DAY_US
    assert last_spoken(np.r_[days, 200, 201, 202] * DAY_US) == 202 * DAY_US


def test_an_area_that_joined_late_was_not_calm_before():
    """A county that began to deliver long after the city has no outcomes before its first record, as the features have none."""
    frame = events(daily("dispute", range(200), grids=["G1"]), daily("dispute", range(120, 200), grids=["G2"]))
    logs = log((0, 200), org="K1"), log((120, 200), org="K2")

    assert known(frame, *logs) == [whole(0, 200), whole(120, 200)]


def test_a_delivery_of_two_areas_settles_both_whatever_their_names():
    """A township within a county is heard by both, in whatever order their names stand."""
    frame = events(daily("dispute", range(200), grids=["G1"]), daily("dispute", range(100), grids=["G2"]))
    nested = GRIDS.assign(county_id="K1")
    for county, town in (("A1", "T1"), ("Z1", "T1")):
        frames = {"feed_log": pd.concat([log((0, 100), org=county), log((50, 200), org=town)], ignore_index=True)}
        history = History.of(frame, nested.assign(county_id=county), timezone=ZONE, tables=frames)
        settled = history.at([day(d) for d in DATES]).settled("dispute", days=7, settle_days=3)

        assert [{d for d, yes in zip(DATES, row, strict=True) if yes} for row in settled] == [
            whole(0, 200),
            whole(0, 100),
        ]


@pytest.mark.parametrize("logged", [True, False], ids=["logged", "without a log"])
def test_a_backfill_settles_nothing_that_was_not_known_in_time(logged):
    """Records brought in years after they occurred make the past complete, not what could be known of it in time, whatever their log claims."""
    late = events(daily("dispute", range(40))).assign(known_at=day(190))
    frame = pd.concat([late, events(daily("dispute", range(40, 200)))], ignore_index=True)
    logs = (log((0, 40), arrived=190), log((40, 200))) if logged else ()
    first = min(whole(0, 200, (0, 40)))

    assert all(min(dates) >= first - 40 for dates in known(frame, *logs))
    assert all(max(dates) == max(whole(0, 199.4)) for dates in known(frame, *logs))
    assert all(not {10, 15, 20} & dates for dates in known(frame, *logs))


def test_a_backfill_that_tells_when_each_record_was_known_is_believed():
    """Years brought in at once by a source that kept the time of recording are settled: the records were known in time."""
    assert known(events(daily("dispute", range(200))), log((0, 200))) == [whole(0, 200)] * 2


def test_waiting_longer_settles_what_comes_late():
    """Who waits half a year for records that come after four months has outcomes; who does not has none."""
    frame = events(daily("dispute", range(400)))
    frame["known_at"] = frame["occurred_at"] + pd.Timedelta(days=120)
    patient = Label("d", LABEL.streams, days=7, settle_days=180)

    assert known(frame, label=LABEL, dates=[150]) == [set()] * 2
    assert known(frame, label=patient, dates=[150]) == [{150}] * 2
