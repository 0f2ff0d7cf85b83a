"""By when what a time tells was over: nothing is known before the day, month or year it is dated to has ended."""

from datetime import date

import openpyxl
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from riskwarn.ingest import ingest
from riskwarn.ingest.days import written_end
from riskwarn.ingest.mapping import mapping_of
from riskwarn.store import Store

ZONES = ["Asia/Shanghai", "America/New_York", "America/Sao_Paulo", "Asia/Beirut", "Australia/Lord_Howe"]
MAPPING = {
    "source": "hotline",
    "timezone": "Asia/Shanghai",
    "columns": {"event_id": "id", "occurred_at": "at", "closed_at": "closed", "category": "kind"},
    "category": {"unknown": "slug"},
}


def brought(folder, file, **said):
    """The store after a delivery, and its account."""
    store = Store(folder / "s", timezone="Asia/Shanghai")
    return store, ingest(store, file, mapping_of({**MAPPING, **said}))


def known(store):
    """When each opening was known, on the city's clock."""
    events = store.read("events").sort_values("known_at").drop_duplicates("event_id")
    return events["known_at"].dt.tz_convert("Asia/Shanghai").dt.strftime("%Y-%m-%d %H:%M:%S").tolist()


@settings(max_examples=60, deadline=None)
@given(
    day=st.dates(date(2000, 1, 1), date(2030, 12, 31)),
    zone=st.sampled_from(ZONES),
    form=st.sampled_from(["%Y-%m-%d", "%Y%m%d", "%Y-%m", "%Y年%m月", "%Y%m", "%Y", "%Y年"]),
)
def test_what_was_written_is_over_with_its_last_second(day, zone, form):
    """A day, a month or a year ends where the next begins on the clock of the city, whatever that clock does at night."""
    start = pd.Timestamp(day)
    start = start if "%d" in form else start.replace(day=1) if "%m" in form else start.replace(day=1, month=1)
    step = pd.DateOffset(days=1) if "%d" in form else pd.DateOffset(months=1 if "%m" in form else 12)

    def instant(wall):
        return wall.tz_localize(zone, nonexistent="shift_forward", ambiguous=True)

    texts = pd.Series([day.strftime(form)])
    end = written_end(texts, pd.Series([instant(start)]).dt.tz_convert("UTC").dt.as_unit("us"), zone)[0]
    assert pd.Timedelta(0) < instant(start + step) - end <= pd.Timedelta(hours=1, seconds=1)


@pytest.mark.parametrize(("text", "end"), [("2024-02", "2024-02-29 23:59:59"), ("2024", "2024-12-31 23:59:59")])
@pytest.mark.parametrize("delay", [0, 20])
def test_an_event_of_a_month_is_not_known_on_its_first_day(tmp_path, text, end, delay):
    """A delay counts from the first day, and does not make a month known before it is over; a closing is no earlier either."""
    pd.DataFrame({"id": ["a"], "at": text, "closed": text, "kind": "x"}).to_csv(tmp_path / "f.csv", index=False)
    store, _ = brought(tmp_path, tmp_path / "f.csv", known_delay_days=delay)
    assert known(store) == [end]
    assert store.read("events")["closed_at"].max() == pd.Timestamp(end, tz="Asia/Shanghai")


def test_a_month_that_is_not_over_is_known_when_its_delivery_arrives(tmp_path):
    """What a delivery tells was known by its arrival, though the month goes on."""
    pd.DataFrame({"id": ["a"], "at": "2024-02", "closed": "", "kind": "x"}).to_csv(tmp_path / "f.csv", index=False)
    store = Store(tmp_path / "s", timezone="Asia/Shanghai")
    ingest(store, tmp_path / "f.csv", mapping_of(MAPPING), arrived_at="2024-02-10 09:00")
    assert known(store) == ["2024-02-10 09:00:00"]


def written_as(kind, folder, days):
    """A file of dates that its format keeps as times."""
    rows = pd.DataFrame({"id": [f"e{k}" for k in range(len(days))], "at": days, "closed": None, "kind": "x"})
    file = folder / f"f.{kind}"
    if kind == "xlsx":
        book = openpyxl.Workbook()
        for row in [list(rows), *rows.assign(closed="").itertuples(index=False)]:
            book.active.append([cell.to_pydatetime() if isinstance(cell, pd.Timestamp) else cell for cell in row])
        book.save(file)
    elif kind == "parquet":
        rows.to_parquet(file)
    else:
        rows.assign(at=rows["at"].dt.strftime("%Y-%m-%d %H:%M:%S")).to_csv(file, index=False)
    return file


@pytest.mark.parametrize("kind", ["xlsx", "parquet", "csv"])
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(days=st.lists(st.dates(date(2024, 1, 1), date(2024, 12, 31)), min_size=5, max_size=9))
def test_dates_that_a_format_keeps_as_times_are_days(tmp_path_factory, kind, days):
    """A spreadsheet and a table have no date without a time of day: where all are midnights, all are days."""
    folder = tmp_path_factory.mktemp("f")
    store, _ = brought(folder, written_as(kind, folder, [pd.Timestamp(day) for day in days]))
    assert sorted(known(store)) == sorted(f"{day} 23:59:59" for day in days)


@pytest.mark.parametrize("kind", ["xlsx", "parquet", "csv"])
def test_a_midnight_among_times_of_day_is_a_midnight(tmp_path, kind):
    """Where others of the column have a time of day, midnight is one."""
    days = [pd.Timestamp("2024-01-08 00:00:00"), *pd.date_range("2024-01-09 10:00", periods=6, freq="37h")]
    store, _ = brought(tmp_path, written_as(kind, tmp_path, days))
    assert known(store)[0] == "2024-01-08 00:00:00"


@pytest.mark.parametrize("zero", ["1970-01-01 00:00:00", "1970-01-01 08:00:00", "1970-01-01T00:00:00Z", "1970-01-01"])
def test_the_zero_of_a_clock_is_no_time(tmp_path, zero):
    """A program that has no time writes its zero: an event of it is refused, a closing is not there, and both are said."""
    rows = pd.DataFrame({"id": ["a", "b"], "at": ["2024-02-08 10:00", zero], "closed": [zero, ""], "kind": "x"})
    rows.to_csv(tmp_path / "f.csv", index=False)
    store, report = brought(tmp_path, tmp_path / "f.csv")
    assert report.reasons["reason"].tolist() == ["occurred_at is empty"]
    assert store.read("events")["closed_at"].isna().all()
    assert report.notes["note"].str.contains("the zero of a clock").sum() == 2


def test_a_month_told_twice_was_known_when_it_was_told_first(tmp_path):
    """The second delivery finds the month over; the event of the first was known when that arrived."""
    file = tmp_path / "f.csv"
    store = Store(tmp_path / "s", timezone="Asia/Shanghai")
    for arrived, rows in (("2024-02-10 09:00", ["a"]), ("2024-03-05 09:00", ["a", "b"])):
        pd.DataFrame({"id": rows, "at": "2024-02", "closed": "", "kind": "x"}).to_csv(file, index=False)
        ingest(store, file, mapping_of(MAPPING), arrived_at=arrived)
    assert known(store) == ["2024-02-10 09:00:00", "2024-02-29 23:59:59"]
