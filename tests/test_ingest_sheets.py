"""Cells of a sheet that look empty and are not: what belongs to several rows is not given to the first of them alone."""

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskwarn.ingest import ingest
from riskwarn.ingest.identity import read_ids
from riskwarn.ingest.mapping import mapping_of
from riskwarn.store import Store

HEADER = ["id", "at", "kind", "other"]
MAPPING = {
    "source": "hotline",
    "timezone": "Asia/Shanghai",
    "ignore": ["other"],
    "columns": {"event_id": "id", "occurred_at": "at", "category": "kind"},
    "category": {"unknown": "slug"},
}


def brought(folder, file):
    """The account of a delivery into a new store."""
    return ingest(Store(folder / "s", timezone="Asia/Shanghai"), file, mapping_of(MAPPING))


@given(
    n=st.integers(2, 12),
    column=st.integers(1, 4),
    span=st.tuples(st.integers(0, 10), st.integers(1, 5)),
    title=st.booleans(),
)
@settings(max_examples=12, deadline=None)
def test_a_row_whose_cell_is_merged_with_another_is_refused(tmp_path_factory, n, column, span, title):
    """A value merged over rows is one of each; read cell by cell it was one of the first, and the others had none."""
    folder = tmp_path_factory.mktemp("f")
    book = openpyxl.Workbook()
    rows = [[f"e{k}", f"2025-01-08 {k:02d}:00", "noise", "x"] for k in range(n)]
    for row in ([["a title"]] if title else []) + [HEADER] + rows:
        book.active.append(row)
    above = 2 + title
    first, last = span[0] % n, min(span[0] % n + span[1], n - 1)
    book.active.merge_cells(start_row=above + first, end_row=above + last, start_column=column, end_column=column)
    if title:
        book.active.merge_cells("A1:D1")
    book.save(folder / "f.xlsx")
    report = brought(folder, folder / "f.xlsx")
    lost = last - first if column < len(HEADER) else 0
    assert (report.received, report.quarantined) == (n, lost)
    assert report.reasons["reason"].str.endswith("merged with another cell").all()


def test_merged_cells_that_say_nothing_are_empty(tmp_path):
    """A merged area below the table, or one without a value, makes no rows."""
    book = openpyxl.Workbook()
    for row in (HEADER, ["a", "2025-01-08 10:00", "noise", "x"]):
        book.active.append(row)
    book.active.merge_cells("A5:D9")
    book.save(tmp_path / "f.xlsx")
    assert brought(tmp_path, tmp_path / "f.xlsx").received == 1


@given(st.lists(st.integers(1, 2**62), min_size=1, max_size=9))
def test_a_number_that_its_column_cannot_hold_is_damaged(numbers):
    """Of floating numbers beyond 2 to the 53rd several whole ones are one, so none of them names anything."""
    ids, damaged = read_ids(pd.Series(numbers, dtype="float64"))
    exact = np.array(numbers) < 2**53
    assert damaged[~exact].all()
    assert [int(i) for i in ids[exact]] == [n for n in numbers if n < 2**53]


@pytest.mark.parametrize("unit", ["ms", "us"])
@pytest.mark.parametrize("zone", [None, "UTC"])
def test_times_far_away_are_refused_not_turned_over(tmp_path, unit, zone):
    """What no clock can count is no time, whatever the column's unit; the other rows come in."""
    far = np.iinfo(np.int64).max // (1000 if unit == "us" else 1_000_000)
    at = pa.array([far, -far, 1_736_312_700 * {"ms": 10**3, "us": 10**6}[unit]], pa.timestamp(unit, zone))
    table = pa.table({"id": ["a", "b", "c"], "at": at, "kind": ["noise"] * 3, "other": ["x"] * 3})
    pq.write_table(table, tmp_path / "f.parquet")
    report = brought(tmp_path, tmp_path / "f.parquet")
    assert (report.accepted, report.quarantined) == (1, 2)
    assert report.reasons["reason"].tolist() == ["occurred_at: not a time"]


def test_a_category_that_is_not_there_is_said(tmp_path):
    """An empty category is counted as another one; a delivery of which most have none has failed."""
    frame = pd.DataFrame({"id": ["a", "b", "c"], "at": "2025-01-08 10:00", "kind": ["", None, "noise"], "grid": "G1"})
    frame.to_csv(tmp_path / "f.csv", index=False)
    store = Store(tmp_path / "s", timezone="Asia/Shanghai")
    start = pd.Timestamp("2020-01-01", tz="Asia/Shanghai")
    store.write("grids", pd.DataFrame({"grid_id": ["G1"], "valid_from": [start]}))
    mapping = mapping_of({**MAPPING, "columns": {**MAPPING["columns"], "grid_id": "grid"}})
    report = ingest(store, tmp_path / "f.csv", mapping)
    assert report.notes.set_index("note")["rows"].to_dict() == {"category is empty, kept as other": 2}
    assert report.fault().startswith("2 of 3 rows are without a category")
