"""Exports: whole files, live formulas nowhere, numbers still numbers."""

import zipfile

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskwarn import exporting
from riskwarn.errors import DataError
from riskwarn.exporting import defused, write_table

LIVE = [
    "=1+1",
    "+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "|cmd",
    "%0A",
    " =1",
    "　=1",
    "＝1+1",
    "＋1",
    "－1",
    "＠A1",
    "﹦1",
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("http://x","y")',
]
TABLE = pd.DataFrame(
    {
        "grid_id": [f"G{i}" for i in range(len(LIVE))],
        "note": LIVE,
        "score": [-1.5] * len(LIVE),
        "rank": pd.array([1] * len(LIVE), dtype="Int64"),
        "as_of": pd.Timestamp("2025-01-08", tz="Asia/Shanghai"),
        "level": pd.Categorical(["red"] * len(LIVE)),
    }
)


@pytest.mark.parametrize("ending", exporting.ENDINGS)
def test_a_table_is_read_back(tmp_path, ending):
    """Rows, numbers and instants survive in every format; nothing else is left in the folder."""
    target = tmp_path / "deep" / f"scores{ending}"
    write_table(TABLE, target)
    read = {".parquet": pd.read_parquet, ".csv": pd.read_csv, ".xlsx": pd.read_excel}[ending]
    found = read(target)

    assert found["score"].tolist() == TABLE["score"].tolist()
    assert found["rank"].tolist() == TABLE["rank"].tolist()
    assert pd.to_datetime(found["as_of"]).tolist() == TABLE["as_of"].tolist()
    assert [p.name for p in target.parent.iterdir()] == [target.name]


def test_no_cell_of_a_csv_starts_a_formula(tmp_path, record_property):
    """Every text that a spreadsheet would calculate has an apostrophe in front; the byte-order mark says UTF-8."""
    write_table(TABLE, tmp_path / "t.csv")
    found = pd.read_csv(tmp_path / "t.csv", keep_default_na=False)
    record_property("cells", found["note"].size)

    assert (tmp_path / "t.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    assert all(cell.startswith("'") for cell in found["note"])


def test_no_cell_of_a_sheet_is_a_formula_or_link(tmp_path):
    """The sheet holds texts as texts."""
    write_table(TABLE, tmp_path / "t.xlsx")
    with zipfile.ZipFile(tmp_path / "t.xlsx") as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()

    assert "<f>" not in sheet
    assert "hyperlink" not in sheet
    assert pd.read_excel(tmp_path / "t.xlsx")["note"].tolist()[0] == "=1+1"


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=8))
def test_defused_text_is_the_text_or_the_text_behind_an_apostrophe(text):
    """Nothing else is ever changed, and the first sign is never a live one."""
    found = defused(text)

    assert found in {text, f"'{text}"}
    assert found[:1] not in {"=", "+", "-", "@", "|", "%", "\t", "\r", "\n"}


@given(st.one_of(st.floats(), st.integers(), st.booleans(), st.none()))
def test_numbers_are_left_alone(value):
    """A negative score is a number, not a formula."""
    assert defused(value) is value


@pytest.mark.parametrize("name", ["scores", "scores.txt", "scores.XLS", "scores.parquet.gz"])
def test_another_ending_is_refused(tmp_path, name):
    """The message says which endings are known; no file appears."""
    with pytest.raises(DataError, match=r"wanted an ending of \.parquet, \.csv, \.xlsx"):
        write_table(TABLE, tmp_path / name)

    assert list(tmp_path.iterdir()) == []


def test_more_rows_than_a_sheet_holds_are_refused(tmp_path, monkeypatch):
    """A table is never cut to fit."""
    monkeypatch.setattr(exporting, "SHEET_ROWS", 5)
    with pytest.raises(DataError, match=r"a sheet holds 5 rows, got 18; use \.parquet or \.csv"):
        write_table(TABLE, tmp_path / "t.xlsx")


def test_a_failed_export_leaves_the_old_file(tmp_path, monkeypatch):
    """If writing fails half way the file that was there stays, and no scrap is left."""
    target = tmp_path / "t.csv"
    write_table(TABLE, target)
    before = target.read_bytes()

    def fail(table, partial):
        partial.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(exporting, "_write", fail)
    with pytest.raises(OSError, match="disk full"):
        write_table(TABLE, target)

    assert target.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["t.csv"]
