"""Times as machines and people of many countries write them: read exactly, or refused, never guessed."""

import re
from datetime import date, datetime

import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from riskwarn.ingest import ingest
from riskwarn.ingest.clock import _REPUBLIC, join_times, read_times
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


@pytest.mark.parametrize(
    ("order", "text"),
    [
        ("month first", "1/8/25 1:05 p.m."),
        ("day first", "08.01.25 13:05"),
        ("month first", "01/08/2025 13:05"),
        ("", "08-JAN-25 01.05.00.000000 PM"),
        ("year first", "25/1/8 13:05"),
        ("year first", "25-01-08 01:05:00 PM"),
        ("year first", "25.1.8 下午1点5分"),
        ("", "25年1月8日 13时05分"),
    ],
)
def test_years_of_two_digits_are_read_where_the_mapping_says_so(order, text):
    """Beside years of four; the last century's begin at 69, and in digits alone the order must be stated too."""
    assert at(text, order=order, short_years=True) == "2025-01-08 13:05:00"
    assert at("8/1/69", order="day first", short_years=True) == "1969-01-08 00:00:00"
    assert at("25-01-08", short_years=True) is None
    assert at("8/1/25", order="day first") is None
    assert at("25-01-08", order="year first") is None


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
    """Seconds and milliseconds since 1970, as text and as numbers; where most could be dates of the Republic's calendar they are refused instead."""
    epochs = [int(pd.Timestamp(t, tz="UTC").timestamp()) * unit for t in times]
    assume(sum(re.match(_REPUBLIC, str(e)) is not None for e in epochs) * 2 <= len(epochs))
    for values in (pd.Series(epochs), pd.Series([str(e) for e in epochs])):
        instants, bad = read_times(values, "America/New_York")
        assert not bad.any()
        assert [t.tz_localize(None).to_pydatetime() for t in instants] == times


@pytest.mark.parametrize(("text", "read"), [("1330722000000", "2012-03-02 16:00"), ("1140108130500", None)])
def test_thirteen_digits_alone_are_milliseconds_unless_the_republic_may_have_written_them(text, read):
    """Year 133 is none it has reached, so these are milliseconds; what may be either, with nothing beside it to tell, is refused."""
    instants, bad = read_times(pd.Series([text]), "America/New_York")

    assert bad[0] == (read is None)
    assert read is None or instants.iloc[0] == pd.Timestamp(read, tz="America/New_York")


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


PART_HOURS = {
    "凌晨": {0, 1, 2, 3, 4, 5, 6}, "上午": set(range(12)), "中午": {11, 12, 13, 14}, "下午": set(range(12, 24)), "傍晚": {16, 17, 18, 19, 20},
    "晚上": {17, 18, 19, 20, 21, 22, 23}, "am": set(range(12)), "p.m.": set(range(12, 24)),
}  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(part=st.sampled_from(sorted(PART_HOURS)), hour=st.integers(1, 12), minute=st.integers(0, 59))
def test_a_part_of_the_day_has_its_hours_or_the_time_is_refused(part, hour, minute):
    """Twelve at night is one of two midnights, one o'clock in the evening and three at noon are none: asked for, not moved by twelve hours."""
    said = at(f"2025-01-08 {part} {hour}:{minute:02d}") or at(f"2025-01-08 {hour}:{minute:02d} {part}")
    meant = {hour % 12, hour % 12 + 12} & PART_HOURS[part]
    assert said == (f"2025-01-08 {min(meant):02d}:{minute:02d}:00" if meant else None)


@settings(max_examples=40, deadline=None)
@given(
    start=st.sampled_from(["0000", "0001", "1899", "1900", "9999"]), rest=st.text("0123456789", min_size=5, max_size=9)
)
def test_a_number_that_begins_like_an_empty_date_is_not_empty(start, rest):
    """0001-01-01 means nothing; a number of nine digits with the same beginning is a wrong value, or seconds since 1970."""
    instants, bad = read_times(pd.Series([start + rest]), ZONE)
    assert bad[0] or instants.notna().all() or len(rest) == len("01011305")


@settings(max_examples=40, deadline=None)
@given(
    days=st.lists(st.dates(date(2025, 1, 1), date(2025, 12, 31)), min_size=12, max_size=40),
    pair=st.sampled_from([("month first", "{d}/{m}/{y}"), ("day first", "{m}/{d}/{y}")]),
)
def test_an_order_that_the_dates_contradict_is_not_believed(days, pair):
    """Where more dates fit only the other order, those that fit both are refused too: 3/4 would be a day a month away."""
    order, form = pair
    instants, _ = read_times(pd.Series([form.format(d=t.day, m=t.month, y=t.year) for t in days]), ZONE, order=order)
    local = instants.dt.tz_convert(ZONE).dt.date
    assert all(pd.isna(read) or read == day for read, day in zip(local, days, strict=True)) or all(
        t.day <= 12 for t in days
    )


@settings(max_examples=40, deadline=None)
@given(st.lists(st.dates(date(2020, 1, 1), date(2020, 12, 31)), min_size=10, max_size=40))
def test_six_digits_are_months_only_where_all_can_be(days):
    """200112 is December 2001, unless 200131 stands beside it: then it is a day of January 2020 with a year of two digits, refused."""
    texts = pd.Series([f"{day:%y%m%d}" for day in days])
    _, bad = read_times(texts, ZONE)
    assert bad.all() or all(day.day <= 12 for day in days)
    months, bad = read_times(pd.Series([f"{day:%Y%m}" for day in days]), ZONE)
    assert not bad.any()
    assert months.dt.tz_convert(ZONE).dt.month.tolist() == [day.month for day in days]


@settings(max_examples=40, deadline=None)
@given(
    st.datetimes(datetime.fromisoformat("2011-01-01"), datetime.fromisoformat("2030-12-31")).filter(
        lambda t: t.second % 10
    )
)
def test_a_year_of_the_republic_is_not_a_number_of_milliseconds(when):
    """1140108130501 is a day of 2025 in Taipei, and a moment of 2006 to a clock: refused, with the remedy."""
    _, bad = read_times(pd.Series([f"{when.year - 1911}{when:%m%d%H%M%S}"]), "Asia/Taipei")
    assert bad[0]


@settings(max_examples=40, deadline=None)
@given(days=st.lists(st.dates(date(2025, 1, 1), date(2025, 12, 31)), min_size=20, max_size=40))
def test_days_that_a_spreadsheet_took_for_months_are_refused(days):
    """It turns 8/1/2025 into the 1st of August and leaves 13/1/2025 as text: what it turned cannot be told from what it did not."""
    turned = [f"{t:%Y}-{t.day:02d}-{t.month:02d}" if t.day <= 12 else f"{t.day}/{t.month}/{t.year}" for t in days]
    n_turned = sum(t.day <= 12 for t in days)
    instants, _ = read_times(pd.Series(turned), ZONE, order="day first")
    local = instants.dt.tz_convert(ZONE).dt.date
    right = all(pd.isna(read) or read == day for read, day in zip(local, days, strict=True))
    assert right or not 2 <= n_turned <= len(days) - 2 or any(t.day <= 12 < t.month for t in days)
