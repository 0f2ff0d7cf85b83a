"""Tables: what conforms, what does not, and what is said of it."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskwarn.errors import DataError
from riskwarn.schema import EVENTS, TABLES, conform, sift, table_of

ROOT = Path(__file__).parents[1]
AT = pd.Timestamp("2025-01-08 09:30", tz="Asia/Shanghai")


def events(**changes):
    columns = {
        "source": "dispute",
        "event_id": ["a", "b"],
        "known_at": AT,
        "occurred_at": AT,
        "grid_id": "G1",
        "category": "D02",
    }
    return pd.DataFrame({**columns, **changes})


def test_conform_orders_columns_and_touches_nothing():
    """The canonical form has the columns of the table in order; the frame given stays as it was."""
    frame = events(severity=2)[["category", "severity", "grid_id", "occurred_at", "known_at", "event_id", "source"]]
    before = frame.copy()
    found = conform("events", frame)

    assert found.columns.tolist() == [c for c in EVENTS.column_names if c in frame]
    assert found["severity"].dtype == "Int64"
    pd.testing.assert_frame_equal(frame, before)


def test_conforming_twice_is_conforming_once():
    """A canonical table is its own canonical form."""
    once = conform("events", events(closed_at=[AT, pd.NaT], retracted=[True, False]))

    pd.testing.assert_frame_equal(conform("events", once), once)


@pytest.mark.parametrize("name", TABLES)
def test_an_empty_table_conforms(name):
    """No rows is no fault, whatever pandas makes of empty columns."""
    assert len(conform(name, pd.DataFrame(columns=table_of(name).column_names))) == 0


def test_all_faults_of_a_table_are_named_at_once():
    """Missing and unknown columns are told in one message, with the nearest known word."""
    with pytest.raises(DataError, match=r"'category' is missing.*unknown column 'occured'.*did you mean 'occurred_at'"):
        conform("events", events().drop(columns="category").assign(occured=AT))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"severity": 4}, r"severity: wanted at most 3 \(2 of 2 rows, first at row 0\)"),
        (
            {"origin": ["citizen", "robot"]},
            r"origin: wanted one of citizen, proactive, unknown \(1 of 2 rows, first at row 1\)",
        ),
        ({"source": "Hot Line"}, "source: wanted matches"),
        ({"event_id": ["a", "a"]}, "two rows with one key"),
        ({"grid_id": [None, "G1"]}, "grid_id is empty"),
        ({"closed_at": AT - pd.Timedelta(days=1)}, "closed_at before occurred_at"),
    ],
    ids=lambda v: next(iter(v)) if isinstance(v, dict) else "",
)
def test_a_broken_rule_is_told_with_column_and_rows(changes, said):
    """The message names the table, the rule, how many rows break it and the first of them."""
    with pytest.raises(DataError, match=f"table 'events'.*{said}"):
        conform("events", events(**changes))


@pytest.mark.parametrize("naive", [pd.Timestamp("2025-01-08"), "2025-01-08", np.datetime64("2025-01-08"), 20250108])
def test_times_without_a_zone_are_refused(naive):
    """A naive timestamp, a text or a number is no instant; the message says what to do."""
    with pytest.raises(DataError, match=r"column 'known_at'.*(time zone|timezone-aware)"):
        conform("events", events(known_at=naive))


@settings(deadline=None)
@given(st.sampled_from(["UTC", "Asia/Shanghai", "America/New_York", "Europe/Berlin", "Asia/Kathmandu"]))
def test_any_zone_is_the_same_instant(zone):
    """A table given in another zone conforms, and every instant stays what it was."""
    found = conform("events", events(known_at=AT.tz_convert(zone), occurred_at=AT.tz_convert(zone)))

    assert (found["known_at"] == AT).all()


@pytest.mark.parametrize("words", [["true", "false"], ["yes", "no"], [2, 3]])
def test_words_are_no_flags(words):
    """The text "false" is refused rather than read as true."""
    with pytest.raises(DataError, match="'retracted': wanted flag"):
        conform("events", events(retracted=words))


def test_flags_are_read_from_booleans_and_bits():
    """True, 1 and True-or-missing mean what they say; missing is false."""
    assert conform("events", events(retracted=[1, 0]))["retracted"].tolist() == [True, False]
    assert conform("events", events(retracted=[True, None]))["retracted"].tolist() == [True, False]


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_numbers_are_finite(value):
    """Infinity is no area."""
    grids = pd.DataFrame({"grid_id": ["G1"], "valid_from": [AT], "area_km2": [value]})
    with pytest.raises(DataError, match="area_km2"):
        conform("grids", grids)


def test_sift_parts_good_rows_from_bad_ones():
    """Every row is either good or bad with its reasons; together they are all rows."""
    frame = events(event_id=["a", "b"], severity=[9, 1], origin=["robot", "citizen"])
    good, bad = sift("events", frame)

    assert good["event_id"].tolist() == ["b"]
    assert bad["event_id"].tolist() == ["a"]
    assert "severity" in bad["reason"][0]
    assert "origin" in bad["reason"][0]


@settings(deadline=None, max_examples=20)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5)), max_size=20))
def test_sift_keeps_every_row_once(rows):
    """Good and bad rows add up, and only rows that keep the rules are good; rows that share a key are all bad."""
    frame = events().iloc[:0].astype({"event_id": object})
    frame = pd.DataFrame(
        {
            **{c: [events()[c][0]] * len(rows) for c in frame},
            "event_id": [str(i) for i, _ in rows],
            "severity": [s for _, s in rows],
        }
    ).astype({"known_at": "datetime64[us, Asia/Shanghai]", "occurred_at": "datetime64[us, Asia/Shanghai]"})
    good, bad = sift("events", frame)
    alone = ~frame["event_id"].duplicated(keep=False)

    assert len(good) + len(bad) == len(frame)
    assert sorted(good["event_id"]) == sorted(frame.loc[alone & (frame["severity"] <= 3), "event_id"])


def test_an_unknown_table_is_refused_with_advice():
    """A slip in a table's name is told with the nearest one."""
    with pytest.raises(DataError, match=r"unknown table 'event'.*did you mean 'events'"):
        table_of("event")


def test_every_column_says_what_it_means():
    """No column stands without words."""
    assert [f"{t.name}.{c.name}" for t in TABLES.values() for c in t.columns if len(c.meaning) < 5] == []


@pytest.mark.parametrize("name", ["tables.md", "metrics.md"])
def test_made_pages_are_up_to_date(name):
    """docs/tables.md and docs/metrics.md are what docs/make_tables.py writes from the code."""
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        import make_tables
    finally:
        sys.path.pop(0)

    assert (ROOT / "docs" / name).read_text("utf-8") == make_tables.PAGES[name]()
