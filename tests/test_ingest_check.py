"""The data check says what is missing, late, unplaced, unknown and changed, in words and numbers."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskwarn.errors import NotFoundError
from riskwarn.ingest import check
from riskwarn.ingest.heaping import heaps
from riskwarn.store import Store

ZONE = "Asia/Shanghai"


def feed(store, *, days=420, per_day=10, skip=(), delay_days=0.0, late_share=0.0, unplaced=0.0, raw=0.0, newest="D02"):
    """`per_day` events on every day but those skipped; the newest four weeks of category `newest`."""
    rng = np.random.default_rng(5)
    day = np.repeat(np.setdiff1d(np.arange(days), skip), per_day)
    occurred = pd.Timestamp("2024-01-01", tz=ZONE) + pd.to_timedelta(day * 24 + rng.integers(0, 24, len(day)), unit="h")
    late = rng.random(len(day)) < late_share
    frame = pd.DataFrame(
        {
            "source": "dispute",
            "event_id": [f"e{k}" for k in range(len(day))],
            "occurred_at": occurred,
            "known_at": occurred + pd.to_timedelta(np.where(late, 40.0, delay_days), unit="D"),
            "grid_id": np.where(rng.random(len(day)) < unplaced, "", "G1"),
            "category": np.where(day >= days - 28, newest, "D02"),
            "category_raw": pd.Series("怪").where(pd.Series(rng.random(len(day)) < raw), None).reindex(range(len(day))),
        }
    )
    frame["category_raw"] = pd.Series(np.where(rng.random(len(day)) < raw, "怪", None), dtype="str")
    store.write("grids", pd.DataFrame({"grid_id": ["G1"], "valid_from": pd.Timestamp("2020-01-01", tz=ZONE)}))
    store.write("events", frame)
    return store


def kinds(report):
    return set(report.remarks["kind"])


def test_a_calm_feed_gives_no_remark(tmp_path):
    """Nothing is said where nothing is wrong; the numbers are right."""
    report = check(feed(Store(tmp_path, timezone=ZONE)))
    row = report.feeds.iloc[0]
    assert kinds(report) == set()
    assert (row.events, row.revisions, row.missing_days, row.sensitive) == (4200, 4200, 0, 0)
    assert row.per_day == pytest.approx(10)
    assert row["shift"] == 0
    assert row.volume_ratio == pytest.approx(1)


def test_missing_days_are_named(tmp_path):
    """Days without an event are counted, the first is named, in both languages."""
    report = check(feed(Store(tmp_path, timezone=ZONE), skip=(100, 101)))
    assert report.feeds["missing_days"].tolist() == [2]
    assert report.missing["day"].dt.strftime("%Y-%m-%d").tolist() == ["2024-04-10", "2024-04-11"]
    assert "2024-04-10" in report.words("zh")[0]
    assert "2 days without any record" in report.words("en")[0]


def test_a_feed_that_stopped_is_named(tmp_path):
    """A feed that brings nothing while another goes on is named with the days of its silence, before everything else."""
    store = feed(Store(tmp_path, timezone=ZONE), days=300)
    other = feed(Store(tmp_path / "other", timezone=ZONE), days=392).read("events")
    store.write("events", other.assign(source="hotline", event_id="h" + other["event_id"]))
    report = check(store)

    assert report.feeds.set_index("source")["silent_days"].isna().tolist() == [False, True]
    assert "has stopped: nothing new for 92 days" in report.words("en")[0]
    assert "已断报92天" in report.words("zh")[0]


def test_a_sparse_feed_is_not_accused(tmp_path):
    """With one event a day an empty day says nothing."""
    report = check(feed(Store(tmp_path, timezone=ZONE), per_day=1, skip=range(50, 60)))
    assert report.feeds["missing_days"].isna().all()
    assert "missing_days" not in kinds(report)


def test_late_unplaced_and_unknown_are_said(tmp_path):
    """Each fault has its share and its sentence."""
    report = check(feed(Store(tmp_path, timezone=ZONE), late_share=0.05, unplaced=0.2, raw=0.1))
    row = report.feeds.iloc[0]
    assert kinds(report) == {"late", "unplaced", "unknown_codes"}
    assert row.unplaced_share == pytest.approx(0.2, abs=0.02)
    assert row.unknown_share == pytest.approx(0.1, abs=0.02)
    assert row.delay_p99 == pytest.approx(40)
    assert report.delays.loc[report.delays["share"] == 0.5, "days"].tolist() == [0]


def test_a_changed_mix_is_said(tmp_path):
    """Four weeks of another category are a drift; sensitive ones are counted."""
    report = check(feed(Store(tmp_path, timezone=ZONE), newest="D98"))
    assert report.feeds["shift"].tolist() == [pytest.approx(1.0)]
    assert report.feeds["sensitive"].tolist() == [280]
    assert {"drift", "sensitive"} <= kinds(report)


def test_the_report_is_plain_numbers_and_a_page(tmp_path):
    """It survives JSON, and the page holds words and table in the language asked for, escaped."""
    report = check(feed(Store(tmp_path, timezone=ZONE), skip=(3,)))
    again = json.loads(json.dumps(report.to_dict()))
    assert again["feeds"][0]["missing_days"] == 1
    assert "矛盾纠纷" in report.to_html("zh")
    assert "disputes: 1 day without any record" in report.to_html("en")
    assert "<script" not in report.to_html()
    assert "disputes" in repr(report)


def scattered(n=600, *, grids=20, days=300):
    """`n` events of random days, minutes and grids, known a day later."""
    rng = np.random.default_rng(8)
    at = pd.Timestamp("2024-01-01", tz=ZONE) + pd.to_timedelta(rng.integers(0, days * 1440, n), unit="min")
    return pd.DataFrame(
        {
            "occurred_at": at,
            "known_at": at + pd.Timedelta(days=1),
            "grid_id": [f"G{k}" for k in rng.integers(0, grids, n)],
            "place_key": [f"p{k}" for k in rng.integers(0, n, n)],
        }
    )


def seen(events, log=None):
    return [remark.kind for remark in heaps(events, ZONE, log)]


def first_of_month(at):
    return (at.dt.tz_localize(None).dt.to_period("M").dt.to_timestamp()).dt.tz_localize(ZONE)


HEAPS = {
    "one_minute": lambda e, some: e.assign(occurred_at=e["occurred_at"].mask(some, e["occurred_at"].dt.normalize())),
    "first_of_month": lambda e, some: e.assign(
        occurred_at=e["occurred_at"].mask(some, first_of_month(e["occurred_at"]) + pd.to_timedelta(e.index, unit="min"))
    ),
    "one_place": lambda e, some: e.assign(grid_id=e["grid_id"].mask(some, "G3")),
    "one_address": lambda e, some: e.assign(place_key=e["place_key"].mask(some, "p0")),
}


@pytest.mark.parametrize("kind", HEAPS)
@settings(deadline=None, max_examples=15)
@given(share=st.floats(0.3, 1.0), seed=st.integers(0, 99))
def test_a_value_that_many_rows_share_is_a_heap(kind, share, seed):
    """From a quarter of the rows on, one minute, one day of the month, one grid or one address is seen; nothing else is accused."""
    events = scattered()
    some = np.random.default_rng(seed).random(len(events)) < share
    some[: len(events) // 3] = True
    some[::7] = False
    assert set(seen(HEAPS[kind](events, some))) in ({kind}, {kind, "capped"})


def test_scattered_events_are_no_heap():
    """Chance, hours rounded to the full hour, and places that follow Zipf's law are not accused."""
    events = scattered()
    zipf = np.random.default_rng(1).choice(30, len(events), p=(1 / np.arange(1, 31)) / (1 / np.arange(1, 31)).sum())
    assert seen(events) == []
    assert seen(events.assign(occurred_at=events["occurred_at"].dt.floor("h"))) == []
    assert seen(events.assign(grid_id=[f"G{k}" for k in zipf])) == []


def test_months_known_at_once_are_known_too_early():
    """Events dated to the month and known on its first day are known before they can have happened."""
    events = scattered()
    monthly = first_of_month(events["occurred_at"])
    assert seen(events.assign(occurred_at=monthly, known_at=monthly))[:2] == ["known_early", "first_of_month"]
    assert "known_early" not in seen(events.assign(occurred_at=monthly, known_at=monthly + pd.Timedelta(days=40)))


def test_a_largest_number_that_comes_again_is_a_limit():
    """Days that all end at 50 events, and a delivery of 65,535 rows, are cut off."""
    day = np.repeat(np.arange(200), np.where(np.arange(200) % 4 == 0, 50, 20 + np.arange(200) % 23))
    events = scattered(len(day)).assign(
        occurred_at=pd.Timestamp("2024-01-01 07:00", tz=ZONE)
        + pd.to_timedelta(day, unit="D")
        + pd.to_timedelta(np.arange(len(day)) % 700, unit="min")
    )
    log = pd.DataFrame({"batch_id": ["a", "a", "b"], "received": [65_000, 535, 40]})
    assert seen(events) == ["capped"]
    assert seen(scattered(), log) == ["full_export"]


def test_heaps_are_said_in_both_languages(tmp_path):
    """The check of a store names the share and the grid."""
    store = feed(Store(tmp_path, timezone=ZONE), days=200)
    events = store.read("events")
    grids = [f"G{k}" for k in range(2, 20)]
    store.write("grids", pd.DataFrame({"grid_id": grids, "valid_from": pd.Timestamp("2020-01-01", tz=ZONE)}))
    other = events.assign(
        source="hotline",
        event_id="h" + events["event_id"],
        grid_id=["G1" if k % 3 else grids[k % 18] for k in range(len(events))],
    )
    store.write("events", other)
    report = check(store)
    assert any("67% of the placed events lie in grid G1" in line for line in report.words("en"))
    assert any("67%的已落格事件集中在网格G1" in line for line in report.words("zh"))


def test_an_empty_store_is_said(tmp_path):
    """There is nothing to check."""
    with pytest.raises(NotFoundError, match="holds no events"):
        check(Store(tmp_path))


def test_what_is_learnt_later_of_old_records_is_no_news_of_a_feed(tmp_path):
    """An export that was cut at a day, and whose cases were closed weeks later, has not stopped."""
    store = feed(Store(tmp_path, timezone=ZONE))
    closed = store.read("events").tail(5)
    store.write("events", closed.assign(known_at=closed["known_at"] + pd.Timedelta(days=60), status="closed_success"))

    assert kinds(check(store)) == set()
