"""Times as machines and people of many countries write them: read exactly, or refused, never guessed."""

from datetime import datetime

import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from riskwarn.ingest import ingest
from riskwarn.ingest.clock import join_times, read_times
from riskwarn.ingest.mapping import mapping_of
from riskwarn.store import Store

ZONE = "Asia/Shanghai"
WHEN = datetime.fromisoformat("2025-01-08 13:05")


def at(text, zone=ZONE, **said):
    """The wall time a text is read as, in the zone, or nothing where it is refused."""
    instants, bad = read_times(pd.Series([text]), zone, **said)
    assert bad[0] == pd.isna(instants.iloc[0])
    return None if bad[0] else instants.dt.tz_convert(zone).dt.strftime("%Y-%m-%d %H:%M:%S").iloc[0]


@pytest.mark.parametrize(
    "text",
    [
        "2025-01-08 13:05:00+08",
        "2025-01-08 13:05:00+0800",
        "2025-01-08T13:05:00+08:00",
        "2025-01-08T05:05:00Z",
        "2025-01-08 05:05:00 UTC",
        "2025-01-08 05:05:00 GMT",
        "2025-01-08 13:05 GMT+8",
        "2025-01-08 00:05:00-05",
        "1736312700",
        "1736312700000",
        "1736312700.0",
        "/Date(1736312700000)/",
        "/Date(1736312700000+0800)/",
        "Wed Jan 08 13:05:00 CST 2025",
        "Wed Jan  8 13:05:00 2025".replace("2025", "CST 2025"),
        "Wed Jan 08 2025 13:05:00 GMT+0800 (China Standard Time)",
        "Wed, 08 Jan 2025 13:05:00 +0800",
        "Wed, 08 Jan 2025 05:05:00 GMT",
        "8 January 2025 1:05 PM",
        "8 Jan 2025, 13:05",
        "January 8, 2025 1:05 p.m.",
        "Jan 8, 2025 1:05:00 PM",
        "Jan. 8th, 2025 at 1:05pm".replace(" at", ""),
        "2025-Jan-08 13:05",
        "08-JAN-2025 13:05:00",
        "08-Jan-2025 01.05.00 PM",
        "2025-01-08 1:05:00 p.m.",
        "2025/1/8 1:05 P.M.",
        "2025-01-08 下午1:05",
        "2025年1月8日 下午1时05分",
        "2025-01-08 1:05 下午",
        "2025-01-08 中午1:05",
        "2025-01-08T13:05:00,000",
        "2025-01-08T13:05",
    ],
)
def test_one_instant_in_every_unambiguous_spelling(text):
    """Offsets, epochs, English, Java, JavaScript, mail and Chinese halves of the day."""
    assert at(text) == "2025-01-08 13:05:00"


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("12:05 AM", 0),
        ("12:05 a.m.", 0),
        ("12:05 PM", 12),
        ("12:05 p.m.", 12),
        ("11:05 pm", 23),
        ("上午12:05", 0),
        ("中午12:05", 12),
        ("中午11:05", 11),
        ("凌晨2:05", 2),
        ("晚上8:05", 20),
    ],
)
def test_noon_and_midnight_fall_where_they_are_written(text, hour):
    """Twelve before noon is midnight; eleven at midday is eleven."""
    assert at(f"2025-01-08 {text}") == f"2025-01-08 {hour:02d}:05:00"


@pytest.mark.parametrize(
    "text",
    [
        "Wed Jan 08 13:05:00 EST 2025",
        "2025-01-08 13:05 XYZ",
        "8 Janvember 2025",
        "30 February 2025",
        "01-02-03",
        "08-JAN-25",
        "Jan 2025 8 9",
        "2025-01-08 25:05 PM",
        "2025-01-08 13:61",
        "173631270",
        "17363127000",
        "Wednesday",
        "8/1/2025 1:05 p.m.",
    ],
)
def test_what_can_be_read_in_two_ways_or_none_is_refused(text):
    """Foreign clocks by abbreviation, years of two digits, days and months in digits without an order."""
    assert at(text) is None


def test_an_abbreviation_is_that_of_the_mapping_s_zone():
    """CST is one clock in China and another in Chicago, where summer has CDT; the text says which of the two it is."""
    assert at("Wed Jan 08 13:05:00 CST 2025", "America/Chicago") == "2025-01-08 13:05:00"
    assert at("Tue Jul 08 13:05:00 CDT 2025", "America/Chicago") == "2025-07-08 13:05:00"
    assert at("Tue Jul 08 13:05:00 CST 2025", "America/Chicago") == "2025-07-08 14:05:00"


@pytest.mark.parametrize(
    ("order", "text"),
    [("month first", "1/8/2025 1:05 p.m."), ("day first", "8.1.2025 13:05"), ("month first", "01/08/2025 01:05:00 PM")],
)
def test_an_order_that_is_stated_is_used(order, text):
    """Days and months in digits are read where the mapping says how."""
    assert at(text, order=order) == "2025-01-08 13:05:00"


whole_seconds = st.datetimes(datetime.fromisoformat("2002-01-01"), datetime.fromisoformat("2032-12-31")).map(
    lambda t: t.replace(microsecond=0)
)
FORMS = [
    "%d %B %Y %H:%M:%S",
    "%b %d, %Y %I:%M:%S %p",
    "%Y-%b-%d %H:%M:%S",
    "%a %b %d %H:%M:%S CST %Y",
    "%d-%b-%Y %I:%M:%S %p",
    "%Y-%m-%d %I:%M:%S %p",
]


@given(st.lists(whole_seconds, min_size=1, max_size=10), st.sampled_from(FORMS))
@settings(max_examples=60, deadline=None)
def test_any_time_survives_being_written_in_words(times, form):
    """What is spelled in words is read as the time it was."""
    instants, bad = read_times(pd.Series([t.strftime(form) for t in times]), ZONE)
    assert not bad.any()
    assert [t.tz_convert(ZONE).tz_localize(None).to_pydatetime() for t in instants] == times


@given(st.lists(whole_seconds, min_size=1, max_size=10), st.sampled_from([1, 1000]))
@settings(max_examples=40, deadline=None)
def test_epochs_are_instants_whatever_the_zone(times, unit):
    """Seconds and milliseconds since 1970, as text and as numbers."""
    epochs = [int(pd.Timestamp(t, tz="UTC").timestamp()) * unit for t in times]
    for values in (pd.Series(epochs), pd.Series([str(e) for e in epochs])):
        instants, bad = read_times(values, "America/New_York")
        assert not bad.any()
        assert [t.tz_localize(None).to_pydatetime() for t in instants] == times


# -- date and time in columns of their own ----------------------------------------------------------------------------

CLOCKS = [
    "13:05",
    "13:05:00",
    "1305",
    "130500",
    "1:05 PM",
    "1:05 p.m.",
    "下午1:05",
    "13时05分",
    "1899-12-30 13:05:00",
    "1305.0",
    str(47_100 / 86_400),
]


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize(
    "date", ["2025-01-08", "2025/1/8", "20250108", "2025年1月8日", "2025-01-08 00:00:00", "8 January 2025", "1/8/2025"]
)
def test_date_and_time_columns_make_one_time(date, clock):
    """Every spelling of a date with every spelling of a time of day."""
    texts = join_times(pd.DataFrame({"d": [date, date], "t": [clock, "23:59"]}))
    instants, bad = read_times(texts, ZONE, order="month first")
    assert not bad.any()
    assert instants.dt.tz_convert(ZONE).dt.strftime("%Y-%m-%d %H:%M").tolist() == [
        "2025-01-08 13:05",
        "2025-01-08 23:59",
    ]


def test_short_clocks_have_lost_their_zeros():
    """5 and 805 are 00:05 and 08:05 beside 1305; a column of hours alone is hours."""
    parts = pd.DataFrame({"d": "2025-01-08", "t": ["5", "805", "1305", "0"]})
    assert join_times(parts).str[-8:].tolist() == ["00:05:00", "08:05:00", "13:05:00", "00:00:00"]
    assert join_times(parts.assign(t=["5", "8", "13", "0"])).str[-8:].tolist() == [
        "05:00:00",
        "08:00:00",
        "13:00:00",
        "00:00:00",
    ]


def test_a_date_without_a_time_is_a_date_and_a_time_without_a_date_is_nothing():
    """What is missing is not made up; a clock nobody can read makes the row unreadable."""
    parts = pd.DataFrame({"d": ["2025-01-08", None, "2025-01-08"], "t": [None, "13:05", "later"]})
    texts = join_times(parts)
    instants, bad = read_times(texts, ZONE)
    assert texts.fillna("").tolist() == ["2025-01-08", "", "2025-01-08 later"]
    assert bad.tolist() == [False, False, True]
    assert instants.notna().tolist() == [True, False, False]


def test_year_month_and_day_in_columns_of_their_own():
    """Three columns are a date, a fourth and a fifth its hour and minute."""
    parts = pd.DataFrame({"y": ["2025"], "m": ["1"], "d": ["8"], "h": ["13"], "i": ["5"]})
    assert at(join_times(parts[["y", "m", "d"]]).iloc[0]) == "2025-01-08 00:00:00"
    assert at(join_times(parts).iloc[0]) == "2025-01-08 13:05:00"


def workbook(path, rows, *, mac=False):
    book = openpyxl.Workbook()
    if mac:
        book.epoch = CALENDAR_MAC_1904
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


def brought(tmp_path, file, **said):
    store = Store(tmp_path / "s", timezone=ZONE)
    plain = {"source": "dispute", "timezone": ZONE, "constants": {"category": "D02", "grid_id": ""}}
    ingest(store, file, mapping_of({**plain, **said}))
    return store.read("events")["occurred_at"].dt.strftime("%Y-%m-%d %H:%M").tolist()


def test_date_cells_and_time_cells_of_a_workbook_make_one_time(tmp_path):
    """Typed cells are joined like texts."""
    file = workbook(tmp_path / "f.xlsx", [["id", "d", "t"], ["1", WHEN.date(), WHEN.time()]])
    assert brought(tmp_path, file, columns={"event_id": "id"}, joins={"occurred_at": ["d", "t"]}) == [
        "2025-01-08 13:05"
    ]


@pytest.mark.parametrize("mac", [False, True])
def test_bare_serials_count_from_the_year_of_their_workbook(tmp_path, mac):
    """A time in a cell without a date format is the same instant in workbooks that count from 1900 and from 1904."""
    serial = (
        WHEN - datetime.fromisoformat("1904-01-01") if mac else WHEN - datetime.fromisoformat("1899-12-30")
    ) / np.timedelta64(1, "D").item()
    file = workbook(tmp_path / "f.xlsx", [["id", "at"], ["1", serial], ["2", WHEN]], mac=mac)
    assert brought(tmp_path, file, columns={"event_id": "id", "occurred_at": "at"}) == ["2025-01-08 13:05"] * 2


@pytest.mark.parametrize(
    "text",
    [
        "2023-02-28 13:00 AM", "2023-02-28 上午15:30", "2023年2月28日上午13时", "28 Feb 2023 13:00 am",
        "2023-02-28T10:11:12+25:00", "2023-02-28T10:11:12+0860", "2023-02-28 10:11 UTC+99", "2023-02-28T10:11:12-15:00",
    ],
)  # fmt: skip
def test_a_time_that_contradicts_itself_is_refused(text):
    """One o'clock in the afternoon is not before noon, and no clock is more than 14 hours from UTC."""
    at, bad = read_times(pd.Series([text]), ZONE)
    assert bad.tolist() == [True]
    assert at.isna().all()


def test_the_furthest_clocks_are_read():
    """Kiritimati is 14 hours ahead of UTC, Baker Island 12 behind; 13:00 PM says one thing twice."""
    texts = pd.Series(["2023-02-28T14:00:00+14:00", "2023-02-28T00:00:00-12:00", "2023-02-28 13:00 PM"])
    at, bad = read_times(texts, "UTC")
    assert not bad.any()
    assert at.dt.strftime("%d %H").tolist() == ["28 00", "28 12", "28 13"]
