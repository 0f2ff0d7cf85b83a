"""Files nobody should send: each is read with every row accounted for, or refused with an error of ours, within seconds."""

import gzip
import io
import json
import time
import zipfile
from contextlib import suppress
from decimal import Decimal

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from riskwarn.errors import RiskwarnError
from riskwarn.ingest import guess, ingest
from riskwarn.ingest.mapping import mapping_of
from riskwarn.store import Store

ZONE = "Asia/Shanghai"
SECONDS = 20
"""No file may take longer, on a machine that is busy with other things."""
HEADER = "id,at,cat"
ROW = "{},2025-01-08 13:05:00,x"
ROWS = [ROW.format(k) for k in range(1, 11)]
REFUSED = None


def lines(*rows, end="\n"):
    return end.join([HEADER, *rows]).encode()


def put(rows, place, row):
    return [*rows[:place], row, *rows[place + 1 :]]


TEXTS = {
    # name: (content, records that must be received, or REFUSED)
    "empty": (b"", REFUSED),
    "only a mark": (b"\xef\xbb\xbf", REFUSED),
    "only line ends": (b"\r\n\n\r", REFUSED),
    "only blanks": (b"   \n  \t ", REFUSED),
    "only zero bytes": (b"\0" * 5000, REFUSED),
    "header without line end": (HEADER.encode(), 0),
    "header with line end": (HEADER.encode() + b"\r\n", 0),
    "header and blank lines": (HEADER.encode() + b"\n\n\n", 0),
    "header with mark": (b"\xef\xbb\xbf" + HEADER.encode(), 0),
    "header in utf-16": (HEADER.encode("utf-16"), 0),
    "plain": (lines(*ROWS), 10),
    "last line without end": (lines(*ROWS).rstrip(b"\n"), 10),
    "windows line ends": (lines(*ROWS, end="\r\n"), 10),
    "mac line ends": (lines(*ROWS, end="\r"), 10),
    "mixed line ends": (
        lines(*ROWS[:3]) + b"\r\n" + "\r".join(ROWS[3:6]).encode() + b"\n" + "\n".join(ROWS[6:]).encode(),
        10,
    ),
    "blank lines between": (lines(*ROWS, end="\n\n\r\n"), 10),
    "end of file mark": (lines(*ROWS) + b"\n\x1a", 11),
    "zero bytes at the end": (lines(*ROWS) + b"\n" + b"\0" * 100_000, 11),
    "zero byte in a cell": (lines(*put(ROWS, 4, "5,2025-01-08\0 13:05:00,x")), 10),
    "zero byte in the header": (lines(*ROWS).replace(b"cat", b"cat\0"), ...),
    "unclosed quote early": (lines(*put(ROWS, 1, '2,2025-01-08 13:05:00,"x')), 10),
    "unclosed quote late": (lines(*put(ROWS, 9, '10,2025-01-08 13:05:00,"x')), 10),
    "unclosed quotes twice": (lines(*put(put(ROWS, 1, '2,"2025,x'), 8, '9,"2025,x')), 10),
    "quotes everywhere": (lines(*('"' * 7 for _ in ROWS)), 10),
    "a quote alone": (lines(*put(ROWS, 3, '"')), 10),
    "quote after quote": (lines(*put(ROWS, 3, '4,"a"b,"c"d"')), 10),
    "quoted all": (lines(*('"' + row.replace(",", '","') + '"' for row in ROWS)), 10),
    "quoted line end": (lines(*put(ROWS, 3, '4,2025-01-08 13:05:00,"x\ny"')), 10),
    "quoted mark": (lines(*put(ROWS, 3, '4,2025-01-08 13:05:00,"x,y"')), 10),
    "escaped by backslash": (lines(*put(ROWS, 3, '4,2025-01-08 13:05:00,"x\\"y"')), 10),
    "inches": (lines(*put(ROWS, 3, '4,2025-01-08 13:05:00,5" pipe')), 10),
    "short row": (lines(*put(ROWS, 3, "4,2025-01-08")), 10),
    "long row": (lines(*put(ROWS, 3, "4,2025-01-08 13:05:00,x,y,z")), 10),
    "rows of one cell": (lines(*("x" for _ in ROWS)), 10),
    "trailing marks in rows": (lines(*(row + "," for row in ROWS)), 10),
    "trailing marks in header": (lines(*ROWS).replace(b"cat", b"cat,,"), 10),
    "ten thousand empty columns": (
        lines(*(row + "," * 10_000 for row in ROWS)).replace(b"cat", b"cat" + b"," * 10_000),
        10,
    ),
    "ten thousand named columns": ((HEADER + "," + ",".join(f"c{k}" for k in range(10_000))).encode() + b"\n", REFUSED),
    "a cell of 131,072 letters": (lines(*put(ROWS, 3, f"4,2025-01-08 13:05:00,{'x' * 131_072}")), 10),
    "a quoted cell of 131,073 letters": (lines(*put(ROWS, 3, f'4,2025-01-08 13:05:00,"{"x" * 131_073}"')), 10),
    "a row of 20 MB": (lines(*put(ROWS, 3, f"4,2025-01-08 13:05:00,{'x' * (20 << 20)}")), 10),
    "one line of 30 MB": (b"x" * (30 << 20), REFUSED),
    "one line of 30 MB of marks": (b"," * (3 << 20), REFUSED),
    "a header of 1 MB": (lines(*ROWS).replace(b"cat", b"cat," + b"n" * (1 << 20)), REFUSED),
    "the header again": (lines(*ROWS[:5], HEADER, *ROWS[5:]), 11),
    "no header": ("\n".join(ROWS).encode(), REFUSED),
    "header twice the same name": (lines(*ROWS).replace(b"at,cat", b"id,cat"), REFUSED),
    "binary": (bytes(range(256)) * 200, REFUSED),
    "random bytes": (np.random.default_rng(1).bytes(100_000), REFUSED),
    "half a character": (
        lines(*put(ROWS, 3, "4,2025-01-08 13:05:00,里里里里")).replace(
            "里".encode() * 2, "里".encode() + b"\xe9\x87", 1
        ),
        10,
    ),
    "a lone byte of another encoding": (
        lines(*put(ROWS, 3, "4,2025-01-08 13:05:00,邻里纠纷")) + b"\n11,2025-01-08,\xff",
        11,
    ),
    "cut utf-16": (lines(*ROWS).decode().encode("utf-16")[:-1], 10),
    "utf-16 without mark": (lines(*ROWS).decode().encode("utf-16-le"), 10),
    "utf-32": (lines(*ROWS).decode().encode("utf-32"), 10),
    "utf-7": (lines(*put(ROWS, 3, "4,2025-01-08 13:05:00,里")).decode().encode("utf-7"), 10),
    "surrogates written as utf-8": (
        lines(*put(ROWS, 3, "4,2025-01-08 13:05:00,\ud800")[:3])
        + b"\n4,2025-01-08 13:05:00,\xed\xa0\x80"
        + b"\n5,2025-01-08,\xe9\x87\x8c\xe9\x87\x8c",
        5,
    ),
    "marks without width": (lines(*(f"\u200b{row}\ufeff" for row in ROWS)), 10),
    "right to left": (lines(*(f"\u202e{row}\u202c" for row in ROWS)), 10),
    "formulas": (lines(*put(ROWS, 3, '4,2025-01-08 13:05:00,"=HYPERLINK(""http://x"",""y"")"')), 10),
    "control letters": (lines(*put(ROWS, 3, "4,2025-01-08 13:05:00,\x07\x1b[31m\x7f")), 10),
    "vertical tab and form feed": (lines(*put(ROWS, 3, "4,2025-01-08 13:05:00,\x0b\x0c")), 10),
    "unicode line ends": (lines(*put(ROWS, 3, "4,2025-01-08 13:05:00,a\u2028b\u0085c")), 10),
    "a web page": (b"<!DOCTYPE html><html><body><table><tr><td>id</td></tr></table></body></html>", REFUSED),
    "an error message": (b'{"error": "quota exceeded"}', REFUSED),
    "xml": (b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', REFUSED),
    "tabs for commas": (lines(*ROWS).replace(b",", b"\t"), 10),
    "bars": (lines(*ROWS).replace(b",", b"|"), 10),
    "semicolons": (lines(*ROWS).replace(b",", b";"), 10),
    "two marks mixed": (lines(*ROWS[:5], *(row.replace(",", ";") for row in ROWS[5:])), 10),
    "years beyond belief": (lines(*put(ROWS, 3, "4,99999-01-08,x")), 10),
    "huge numbers": (lines(*put(ROWS, 3, f"4,{'9' * 400},x")), 10),
    "an id of 10,000 letters": (lines(*put(ROWS, 3, f"{'9' * 10_000},2025-01-08,x")), 10),
    "nothing spelled in many ways": (
        lines(*(f"{word},{word},{word}" for word in ["NULL", "无", "-", "N/A", "''", '""', "#N/A"])),
        7,
    ),
}


def town(path):
    return Store(path / "store", timezone=ZONE)


def mapping(**said):
    columns = {"event_id": "id", "occurred_at": "at", "category": "cat"}
    return mapping_of(
        {
            "columns": columns,
            "source": "dispute",
            "timezone": ZONE,
            "constants": {"grid_id": ""},
            "category": {"unknown": "slug"},
            **said,
        }
    )


def survives(tmp_path, file, wanted=..., **said):
    """Bring a file in; the accounts add up, or an error of ours refuses it. Gives the report, or nothing."""
    began, report, refusal = time.perf_counter(), None, ""
    try:
        report = ingest(town(tmp_path), file, mapping(**said))
    except RiskwarnError as error:
        refusal = str(error)
    assert time.perf_counter() - began < SECONDS
    if report is None:
        assert 0 < len(refusal) < 5000
        assert wanted is REFUSED or wanted is ..., refusal
        return None
    assert report.accepted + report.quarantined + report.duplicate == report.received
    assert wanted is ... or report.received == wanted, report
    return report


@pytest.mark.parametrize("name", TEXTS)
def test_every_text_is_accounted_for_or_refused(tmp_path, name):
    """Each physical record is received, whatever stands in it."""
    content, wanted = TEXTS[name]
    (tmp_path / "f.csv").write_bytes(content)
    survives(tmp_path, tmp_path / "f.csv", wanted)


@pytest.mark.parametrize(
    "name", ["binary", "one line of 30 MB", "empty", "quotes everywhere", "a web page", "ten thousand empty columns"]
)
def test_a_proposal_for_a_nasty_file_is_an_error_of_ours_or_a_proposal(tmp_path, name):
    """Guessing is the first thing people do with a file they do not know."""
    (tmp_path / "f.csv").write_bytes(TEXTS[name][0])
    with suppress(RiskwarnError):
        assert guess(tmp_path / "f.csv").toml


@pytest.mark.parametrize(
    "ending", [".xlsx", ".xls", ".parquet", ".json", ".jsonl", ".geojson", ".gpkg", ".shp", ".zip", ".gz", ".txt"]
)
@pytest.mark.parametrize("name", ["plain", "binary", "only zero bytes", "a web page"])
def test_a_wrong_ending_is_an_error_of_ours(tmp_path, ending, name):
    """What a file is called does not decide what a library raises."""
    (tmp_path / f"f{ending}").write_bytes(TEXTS[name][0])
    survives(tmp_path, tmp_path / f"f{ending}")


# -- JSON -------------------------------------------------------------------------------------------------------------

RECORDS = [{"id": str(k), "at": "2025-01-08 13:05:00", "cat": "x"} for k in range(1, 11)]
JSONS = {
    "a list": (json.dumps(RECORDS), 10),
    "lines": ("\n".join(map(json.dumps, RECORDS)), 10),
    "data": (json.dumps({"code": 0, "data": RECORDS}), 10),
    "data within": (json.dumps({"result": {"total": 10, "list": RECORDS}}), 10),
    "ckan": (json.dumps({"help": "", "success": True, "result": {"fields": [{"id": "id"}], "records": RECORDS}}), 10),
    "arcgis": (
        json.dumps(
            {"fields": [{"name": "id"}], "features": [{"attributes": r, "geometry": {"x": 1, "y": 2}} for r in RECORDS]}
        ),
        ...,
    ),
    "indented": (json.dumps({"data": RECORDS}, indent=2), 10),
    "one record": (json.dumps(RECORDS[0]), 1),
    "two lists": (json.dumps({"a": RECORDS, "b": RECORDS}), REFUSED),
    "no list": (json.dumps({"a": 1}), REFUSED),
    "an empty list": ("[]", REFUSED),
    "a number": ("1", REFUSED),
    "nothing": ("null", REFUSED),
    "a text": ('"x"', REFUSED),
    "lists of lists": (json.dumps([["id"], ["1"]]), REFUSED),
    "empty objects": (json.dumps([*RECORDS, {}, {}]), 12),
    "other things among records": (json.dumps([*RECORDS, 1, None, "x", []]), 14),
    "a broken line": ("\n".join([*map(json.dumps, RECORDS), "{broken"]), 11),
    "a broken first line": ("\n".join(["{broken", *map(json.dumps, RECORDS)]), ...),
    "cut list": (json.dumps(RECORDS)[:-5], REFUSED),
    "cut wrapped": (json.dumps({"data": RECORDS}, indent=1)[:-20], REFUSED),
    "deep": ("[" * 100_000, REFUSED),
    "deep value": ('{"id": "1", "at": "2025-01-08", "cat": ' + "[" * 5000 + "]" * 5000 + "}", ...),
    "surrogate": (
        '[{"id": "1", "at": "2025-01-08", "cat": "\\ud800"}, {"id": "2", "at": "2025-01-08", "cat": "x"}]',
        2,
    ),
    "surrogate in a key": ('[{"id": "1", "at": "2025-01-08", "cat": "x", "\\ud800": 1}]', REFUSED),
    "a number of 5000 digits": (f'[{{"id": {"9" * 5000}, "at": "2025-01-08", "cat": "x"}}]', ...),
    "not a number": ('[{"id": NaN, "at": "2025-01-08", "cat": Infinity}]', 1),
    "zero letter": ('[{"id": "1\\u0000", "at": "2025-01-08", "cat": "x"}]', 1),
    "the same key twice": ('[{"id": "1", "id": "2", "at": "2025-01-08", "cat": "x"}]', 1),
    "a late key that is not mapped": (
        "\n".join([*map(json.dumps, RECORDS * 200), json.dumps({**RECORDS[0], "new": 1})]),
        REFUSED,
    ),
    "numbers for ids": (json.dumps([{**r, "id": float(r["id"])} for r in RECORDS]), 10),
    "geometry damaged": (
        json.dumps(
            [{"type": "Feature", "properties": RECORDS[0], "geometry": {"type": "Point", "coordinates": ["a"]}}]
        ),
        ...,
    ),
    "comments": ("// x\n[]", REFUSED),
    "bytes that are no text": ("x", REFUSED),
}


@pytest.mark.parametrize("name", JSONS)
def test_every_json_is_accounted_for_or_refused(tmp_path, name):
    """Each record is received, however it is wrapped and whatever it holds."""
    content, wanted = JSONS[name]
    (tmp_path / "f.json").write_text(content, "utf-8")
    survives(tmp_path, tmp_path / "f.json", wanted)


# -- workbooks --------------------------------------------------------------------------------------------------------


def book(*sheets, state=None, **parts):
    """Bytes of a workbook; `parts` replace what its files hold."""
    made = openpyxl.Workbook()
    made.remove(made.active)
    for k, rows in enumerate(sheets):
        sheet = made.create_sheet(f"s{k}")
        for row in rows:
            sheet.append(row)
        if state and k:
            sheet.sheet_state = state
    content = io.BytesIO()
    made.save(content)
    if not parts:
        return content.getvalue()
    changed = io.BytesIO()
    with zipfile.ZipFile(content) as old, zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            text = old.read(name)
            for ending, change in parts.items():
                if name.endswith(f"{ending}.xml"):
                    text = change(text)
            new.writestr(name, text)
    return changed.getvalue()


TABLE = [HEADER.split(","), *(row.split(",") for row in ROWS)]
WHOLE = book(TABLE)
BOOKS = {
    "plain": (WHOLE, 10),
    "too small a dimension": (book(TABLE, sheet1=lambda x: x.replace(b'ref="A1:C11"', b'ref="A1:C3"')), 10),
    "too large a dimension": (book(TABLE, sheet1=lambda x: x.replace(b'ref="A1:C11"', b'ref="A1:XFD1048576"')), 10),
    "no dimension": (book(TABLE, sheet1=lambda x: x.replace(b'<dimension ref="A1:C11"/>', b"")), 10),
    "hidden sheet": (book(TABLE, [TABLE[0], ["11", "2025-01-08", "x"]], state="hidden"), 11),
    "very hidden sheet": (book(TABLE, [TABLE[0], ["11", "2025-01-08", "x"]], state="veryHidden"), 11),
    "another order": (book(TABLE, [["cat", "at", "id"], ["x", "2025-01-08", "11"]]), 11),
    "more columns": (book(TABLE, [[*TABLE[0], "note"], ["11", "2025-01-08", "x", "y"]]), 11),
    "capitals": (book(TABLE, [["ID", "At", "CAT"], ["11", "2025-01-08", "x"]]), 11),
    "a cover": (book([["please read"]], TABLE), 10),
    "empty sheets": (book([], [[]], TABLE), 10),
    "no filled cell": (book([[]]), REFUSED),
    "blank rows between": (book([TABLE[0], *(r for row in TABLE[1:] for r in ([], row))]), 10),
    "a cell at the far end": (book([*TABLE, *[[]] * 2000, [None] * 2000 + ["x"]]), ...),
    "errors": (book([TABLE[0], ["#REF!", "#VALUE!", "#N/A"], *TABLE[1:]]), 11),
    "a formula without value": (book([TABLE[0], ['="1"', "2025-01-08", "x"]]), 1),
    "entities": (book(TABLE, sheet1=lambda x: b'<!DOCTYPE x [<!ENTITY a "aaaa">]>' + x), REFUSED),
    "many laughs": (
        book(
            TABLE,
            workbook=lambda x: b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>' + x,
        ),
        REFUSED,
    ),
    "damaged sheet": (book(TABLE, sheet1=lambda x: x[: len(x) // 2]), REFUSED),
    "no styles": (book(TABLE, styles=lambda _: b""), ...),
    "not xml": (book(TABLE, sheet1=lambda _: b"\0\1\2"), REFUSED),
    "an impossible date": (book(TABLE, sheet1=lambda x: x.replace(b"2025-01-08", b"9999999")), ...),
    **{
        f"cut at {share:.0%}": (WHOLE[: int(len(WHOLE) * share)], REFUSED)
        for share in (0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
    },
}


@pytest.mark.parametrize("name", BOOKS)
@pytest.mark.filterwarnings("ignore")
def test_every_workbook_is_accounted_for_or_refused(tmp_path, name):
    """Each filled row of each sheet that has the columns is received; a damaged book is refused whole."""
    content, wanted = BOOKS[name]
    (tmp_path / "f.xlsx").write_bytes(content)
    survives(tmp_path, tmp_path / "f.xlsx", wanted)


def test_hidden_sheets_and_sheets_left_out_are_said(tmp_path):
    """The notes name them, with the number of rows."""
    (tmp_path / "f.xlsx").write_bytes(
        book(TABLE, [TABLE[0], ["11", "2025-01-08", "x"]], [["id"], ["12"]], state="hidden")
    )
    notes = survives(tmp_path, tmp_path / "f.xlsx", 11).notes.set_index("note")["rows"]
    assert notes.drop("no grid, unplaced").to_dict() == {
        "sheet 's1' is hidden, and was read": 1,
        "sheet 's2' is not read: it lacks at, cat": 1,
    }


@pytest.mark.parametrize(("n", "full"), [(65_535, True), (65_534, False)])
def test_an_old_workbook_that_is_full_is_noted(tmp_path, n, full):
    """A sheet filled to its last row was probably cut."""
    xlwt = pytest.importorskip("xlwt", reason="xlwt writes the old format this test reads")
    old = xlwt.Workbook()
    sheet = old.add_sheet("s")
    for c, name in enumerate(TABLE[0]):
        sheet.write(0, c, name)
    for k in range(1, n + 1):
        for c, cell in enumerate((str(k), "2025-01-08", "x")):
            sheet.write(k, c, cell)
    old.save(str(tmp_path / "f.xls"))
    report = ingest(town(tmp_path), tmp_path / "f.xls", mapping())
    assert report.received == n
    assert any("full to its last row" in note for note in report.notes["note"]) == full


def test_an_old_workbook_with_impossible_dates_loses_their_rows_only(tmp_path):
    """A serial beyond all dates is no time; the other rows come in."""
    xlwt = pytest.importorskip("xlwt", reason="xlwt writes the old format this test reads")
    old = xlwt.Workbook()
    sheet = old.add_sheet("s")
    date = xlwt.easyxf(num_format_str="yyyy-mm-dd")
    for c, name in enumerate(TABLE[0]):
        sheet.write(0, c, name)
    for k, serial in enumerate((45_665.5, 99_999_999.0, -5.0), start=1):
        sheet.write(k, 0, str(k))
        sheet.write(k, 1, serial, date)
        sheet.write(k, 2, "x")
    old.save(str(tmp_path / "f.xls"))
    report = survives(tmp_path, tmp_path / "f.xls", 3)
    assert (report.accepted, report.quarantined) == (1, 2)


# -- Parquet ----------------------------------------------------------------------------------------------------------

PLAIN = pa.table({"id": ["1", "2"], "at": ["2025-01-08", "2025-01-09"], "cat": ["x", "y"]})
BROKEN_TEXT = pa.Array.from_buffers(
    pa.string(), 2, [None, pa.py_buffer(np.array([0, 1, 2], np.int32)), pa.py_buffer(b"\xff\xfe")]
)
PARQUETS = {
    "plain": (PLAIN, 2),
    "bytes": (PLAIN.set_column(2, "cat", pa.array([b"x", "里".encode()])), 2),
    "bytes in gbk": (PLAIN.set_column(2, "cat", pa.array(["邻里纠纷".encode("gbk"), "噪音扰民".encode("gbk")])), 2),
    "bytes in nothing": (PLAIN.set_column(2, "cat", pa.array([b"x", b"\xff\xfe\xfd"])), 2),
    "fixed bytes": (PLAIN.set_column(2, "cat", pa.array([b"xx", b"yy"], pa.binary(2))), 2),
    "text that is no utf-8": (PLAIN.set_column(2, "cat", BROKEN_TEXT), ...),
    "duplicate columns": (pa.Table.from_arrays([*PLAIN.columns, PLAIN["id"]], names=["id", "at", "cat", "id"]), ...),
    "no rows": (PLAIN.slice(0, 0), 0),
    "no columns": (pa.table({}), REFUSED),
    "lists": (PLAIN.set_column(2, "cat", pa.array([["x"], ["y", "z"]])), 2),
    "structs": (PLAIN.set_column(2, "cat", pa.array([{"a": 1}, {"a": 2}])), 2),
    "nulls": (PLAIN.set_column(2, "cat", pa.nulls(2)), 2),
    "dictionary": (PLAIN.set_column(2, "cat", PLAIN["cat"].dictionary_encode()), 2),
    "decimals": (PLAIN.set_column(0, "id", pa.array([Decimal("1.00"), Decimal("2.50")])), 2),
    "far dates": (
        PLAIN.set_column(1, "at", pa.array([253_402_300_799_000_000 * 30, 0], pa.int64()).cast(pa.timestamp("us"))),
        2,
    ),
    "nanoseconds": (
        PLAIN.set_column(1, "at", pa.array([1736312700 * 10**9] * 2, pa.int64()).cast(pa.timestamp("ns", "UTC"))),
        2,
    ),
    "days": (PLAIN.set_column(1, "at", pa.array([20_096, 20_097], pa.int32()).cast(pa.date32())), 2),
    "large text": (PLAIN.set_column(2, "cat", PLAIN["cat"].cast(pa.large_string())), 2),
    "text views": (PLAIN.set_column(2, "cat", PLAIN["cat"].combine_chunks().cast(pa.string_view())), ...),
    "names with guards": (PLAIN.rename_columns(["\ufeffid", " at ", "cat"]), 2),
}


@pytest.mark.parametrize("name", PARQUETS)
def test_every_parquet_is_accounted_for_or_refused(tmp_path, name):
    """Columns of any type and any name."""
    table, wanted = PARQUETS[name]
    pq.write_table(table, tmp_path / "f.parquet")
    survives(tmp_path, tmp_path / "f.parquet", wanted)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("how", ["cut", "flipped"])
def test_a_damaged_parquet_is_an_error_of_ours(tmp_path, share, how):
    """Cut anywhere, or with bytes changed."""
    pq.write_table(PLAIN, tmp_path / "f.parquet", compression="zstd")
    content = bytearray((tmp_path / "f.parquet").read_bytes())
    place = int(len(content) * share)
    content = (
        content[:place]
        if how == "cut"
        else content[:place] + bytes(255 - b for b in content[place : place + 8]) + content[place + 8 :]
    )
    (tmp_path / "f.parquet").write_bytes(content)
    survives(tmp_path, tmp_path / "f.parquet")


# -- packed files and folders -----------------------------------------------------------------------------------------


def packed(path, **files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in files.items():
            target.writestr(name.replace("_", "."), content)
    return path


def test_packed_files_are_read(tmp_path):
    """A zip with one file, a gz, a zip with notes beside it, a workbook and a zip within a zip."""
    plain = lines(*ROWS)
    (tmp_path / "f.csv.gz").write_bytes(gzip.compress(plain))
    (tmp_path / "g.gz").write_bytes(gzip.compress(plain))
    packed(tmp_path / "a.zip", f_csv=plain)
    packed(tmp_path / "b.zip", f_csv=plain, readme_md=b"x")
    packed(tmp_path / "c.zip", f_xlsx=WHOLE)
    packed(tmp_path / "d.zip", a_zip=(tmp_path / "a.zip").read_bytes())
    for name in ("f.csv.gz", "g.gz", "a.zip", "b.zip", "c.zip", "d.zip"):
        assert survives(tmp_path / name[:1], tmp_path / name, 10).accepted == 10


def test_packed_files_that_cannot_be_read_say_so(tmp_path):
    """Several files, none, a cut one, one locked away, and names that lead out of the folder."""
    plain = lines(*ROWS)
    whole = packed(tmp_path / "a.zip", f_csv=plain).read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "cut.gz").write_bytes(gzip.compress(plain)[:-12])
    (tmp_path / "flipped.zip").write_bytes(whole[:60] + bytes(255 - b for b in whole[60:70]) + whole[70:])
    packed(tmp_path / "two.zip", a_csv=plain, b_csv=plain)
    packed(tmp_path / "none.zip", a_doc=plain)
    packed(tmp_path / "empty.zip")
    for name in ("cut.zip", "cut.gz", "flipped.zip", "two.zip", "none.zip", "empty.zip"):
        survives(tmp_path, tmp_path / name, REFUSED)
    with zipfile.ZipFile(tmp_path / "out.zip", "w") as target:
        target.writestr("../../out.csv", plain)
    survives(tmp_path, tmp_path / "out.zip", 10)
    assert not list(tmp_path.parent.glob("out.csv"))


def test_folders_called_like_files_are_no_files(tmp_path):
    """A folder with an ending is a folder."""
    (tmp_path / "f.csv").mkdir()
    survives(tmp_path, tmp_path / "f.csv", REFUSED)
    (tmp_path / "f.csv" / "g.csv").mkdir()
    (tmp_path / "f.csv" / "h.csv").write_bytes(lines(*ROWS))
    survives(tmp_path, tmp_path / "f.csv", 10)


# -- manifests --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"x",
        b"[]",
        b"null",
        b"1",
        b'"x"',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"rows": "many"}',
        b'{"rows": 10.5}',
        b'{"rows": true}',
        b'{"rows": -1}',
        b'{"rows": [10]}',
        b'{"sha256": 5}',
        b'{"sha256": "x"}',
        b'{"covers_from": 5}',
        b'{"covers_from": "soon"}',
        b'{"covers_from": "11/12/2025"}',
        b'{"covers_to": "today"}',
        b'{"arrived_at": {}}',
        b'{"arrived_at": "soon"}',
        b'{"row": 10}',
        b'{"rows": 9}',
        b'{"rows": 1e400}',
    ],
)
def test_an_odd_manifest_is_an_error_of_ours(tmp_path, said):
    """Whatever stands beside the file, nothing of it is stored and the error names the manifest."""
    (tmp_path / "f.csv").write_bytes(lines(*ROWS))
    (tmp_path / "f.csv.manifest.json").write_bytes(said)
    assert survives(tmp_path, tmp_path / "f.csv", REFUSED) is None
    assert not town(tmp_path).has("events")


def test_a_manifest_may_leave_out_what_it_does_not_know(tmp_path):
    """Null says nothing."""
    (tmp_path / "f.csv").write_bytes(lines(*ROWS))
    (tmp_path / "f.csv.manifest.json").write_text('{"rows": null, "sha256": null}', "utf-8")
    assert survives(tmp_path, tmp_path / "f.csv", 10).accepted == 10


def test_a_manifest_that_is_a_folder_is_refused(tmp_path):
    """A folder in its place is no manifest, and is not passed over."""
    (tmp_path / "f.csv").write_bytes(lines(*ROWS))
    (tmp_path / "f.csv.manifest.json").mkdir()
    assert survives(tmp_path, tmp_path / "f.csv", REFUSED) is None


def test_there_are_enough_nasty_files():
    """The collection only grows."""
    assert len(TEXTS) + len(JSONS) + len(BOOKS) + len(PARQUETS) >= 150
    assert pd.Series([*TEXTS]).is_unique


def test_records_of_attributes_alone_are_records(tmp_path):
    """ArcGIS without geometry; what the service says it left out is said."""
    answer = {"exceededTransferLimit": True, "features": [{"attributes": {"id": "1", "at": "2025-01-08", "cat": "x"}}]}
    (tmp_path / "f.json").write_text(json.dumps(answer), "utf-8")
    report = survives(tmp_path, tmp_path / "f.json", 1)
    assert report.accepted == 1
    assert "the service cut its answer (exceededTransferLimit): rows are missing" in set(report.notes["note"])
