"""Exports as centres have them: every encoding, spelling and layout gives the same rows, exactly."""

import json
import os
import re
import shutil
import subprocess
import zipfile
from datetime import datetime
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
from conftest import absent
from hypothesis import given, settings
from hypothesis import strategies as st

from riskwarn.errors import DataError, NotFoundError
from riskwarn.ingest import guess, ingest
from riskwarn.ingest.clock import read_times
from riskwarn.ingest.delivery import find_header
from riskwarn.ingest.folding import cleaned
from riskwarn.ingest.mapping import mapping_of
from riskwarn.ingest.ordering import meant
from riskwarn.ingest.reading import open_delivery
from riskwarn.store import Store

ZONE = "Asia/Shanghai"
CODES = ["320102001001001", "320102001001002", "320102001002001"]
TRUTH = pd.DataFrame(
    {
        "event_id": ["JF20250001", "JF20250002", "JF20250003", "JF20250004", "JF20250005", "JF20250006"],
        "occurred_at": [
            "2025-01-08 13:05:00",
            "2025-01-09 08:00:00",
            "2025-01-10 00:00:00",
            "2025-02-01 23:59:00",
            "2025-02-28 12:30:00",
            "2025-03-01 07:07:00",
        ],
        "grid_id": [CODES[0], CODES[1], CODES[2], "", CODES[0], CODES[1]],
        "category": ["D02", "D07", "D11", "D99", "D01", "D05"],
        "closed_at": ["2025-01-20 10:00:00", None, "2025-01-11 00:00:00", None, None, "2025-04-01 18:00:00"],
    }
)
HEADER = ["序号", "矛盾纠纷编号", "受理时间", "所属网格", "纠纷类型", "化解日期", "当事人姓名"]
KINDS = ["邻里纠纷", "拖欠农民工工资", "物业", "太空垃圾", "婚恋家庭", "征地拆迁"]


def cells(spell=str, *, kinds=KINDS, nothing="", grids=None):
    """Rows of cells under HEADER, times spelled by `spell`."""
    grids = TRUTH["grid_id"] if grids is None else grids
    rows = []
    for k, row in enumerate(TRUTH.itertuples(index=False)):
        closed = spell(row.closed_at) if isinstance(row.closed_at, str) else nothing
        rows.append([k + 1, row.event_id, spell(row.occurred_at), grids[k] or nothing, kinds[k], closed, "某某"])
    return rows


def town(path):
    store = Store(path, timezone=ZONE)
    store.write("grids", pd.DataFrame({"grid_id": CODES, "valid_from": pd.Timestamp("2020-01-01", tz=ZONE)}))
    return store


def brought(tmp_path, file, **said):
    """Bring a file in by the dispute preset; the newest revision of every event, as in TRUTH."""
    store = town(tmp_path / "store")
    report = ingest(store, file, mapping_of({"preset": "dispute", "timezone": ZONE, **said}))
    events = store.read("events").drop_duplicates("event_id", keep="last")
    for name in ("occurred_at", "closed_at"):
        events[name] = events[name].dt.strftime("%Y-%m-%d %H:%M:%S")
    found = events[list(TRUTH)].astype(object).reset_index(drop=True)
    return report, found.where(found.notna(), None)


def exact(tmp_path, file, **said):
    report, found = brought(tmp_path, file, **said)
    pd.testing.assert_frame_equal(found, TRUTH.astype(object).where(TRUTH.notna(), None), check_dtype=False)
    assert (report.received, report.accepted, report.quarantined, report.duplicate) == (6, 6, 0, 0)


def moment(text, form):
    return datetime.fromisoformat(text).strftime(form)


SPELLINGS = {
    "seconds": str,
    "T": lambda t: t.replace(" ", "T"),
    "slashes": lambda t: moment(t, "%Y/%-m/%-d %-H:%M"),
    "compact": lambda t: moment(t, "%Y%m%d%H%M%S"),
    "chinese": lambda t: moment(t, "%Y年%-m月%-d日%-H时%M分"),
    "chinese colon": lambda t: moment(t, "%Y年%m月%d日 %H:%M:%S"),
    "dots": lambda t: moment(t, "%Y.%m.%d %H:%M"),
    "full width": lambda t: "".join(chr(ord(c) + 0xFEE0) if c.isdigit() or c == ":" else c for c in t),
    "offset": lambda t: t.replace(" ", "T") + "+08:00",
    "utc": lambda t: (pd.Timestamp(t, tz=ZONE).tz_convert("UTC")).strftime("%Y-%m-%dT%H:%M:%SZ"),
    "milliseconds": lambda t: t + ".000",
    "noon": lambda t: moment(t, "%Y-%m-%d ") + ("下午" if int(t[11:13]) >= 12 else "上午") + moment(t, "%I:%M"),
    "serial": lambda t: str((pd.Timestamp(t) - pd.Timestamp("1899-12-30")) / pd.Timedelta(days=1)),
}


def write_csv(path, rows, *, header=HEADER, encoding="utf-8", delimiter=",", title=()):
    lines = [*title, delimiter.join(header), *(delimiter.join(map(str, row)) for row in rows)]
    path.write_bytes("\r\n".join([*lines, ""]).encode(encoding))
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16"])
def test_every_encoding_gives_the_same_rows(tmp_path, encoding):
    """UTF-8 with and without mark, GB18030, GBK and UTF-16."""
    exact(tmp_path, write_csv(tmp_path / "f.csv", cells(), encoding=encoding))


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_of_a_time_gives_the_same_instant(tmp_path, spelling):
    """All spellings of the field are read as local times, or by their offset."""
    exact(tmp_path, write_csv(tmp_path / "f.csv", cells(SPELLINGS[spelling])))


@pytest.mark.parametrize("nothing", ["", "无", "/", "-", "—", "NULL", "未知", "暂无", " ", "　"])
def test_every_spelling_of_nothing_is_missing(tmp_path, nothing):
    """An empty closing time and an empty grid, however spelled, are empty."""
    exact(tmp_path, write_csv(tmp_path / "f.csv", cells(nothing=nothing)))


@pytest.mark.parametrize(
    "sentinel", ["0001-01-01T00:00:00", "1900-01-01 00:00:00", "9999-12-31 23:59:59", "1899/12/30"]
)
def test_a_sentinel_time_is_missing(tmp_path, sentinel):
    """Programs write a far date for none."""
    rows = cells()
    for row in rows:
        row[5] = row[5] or sentinel
    exact(tmp_path, write_csv(tmp_path / "f.csv", rows))


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_every_delimiter_is_found(tmp_path, delimiter):
    """Comma, tab, semicolon and bar."""
    exact(tmp_path, write_csv(tmp_path / "f.txt", cells(), delimiter=delimiter))


def test_titles_spaces_and_traditional_headers_do_not_matter(tmp_path):
    """A title above, spaces within and Traditional characters in the header lead to the same columns."""
    header = ["序号", " 矛盾糾紛編號 ", "受理時間", "所屬網格", "糾紛類型", "化解日期", "當事人姓名"]
    exact(tmp_path, write_csv(tmp_path / "f.csv", cells(), header=header, title=["某区矛盾纠纷台账", "单位：综治中心"]))


def test_category_spellings_lead_to_one_code(tmp_path):
    """Numbers before, endings after, Traditional and full-width letters do not change a category."""
    kinds = [
        "02-鄰里糾紛",
        "拖欠農民工工資問題",
        "物業管理類",
        "太空垃圾",
        "婚戀家庭 纠纷".replace(" ", ""),
        "08、征地拆迁",
    ]
    exact(tmp_path, write_csv(tmp_path / "f.csv", cells(kinds=kinds)))


def test_damaged_codes_are_refused_and_lost_zeros_restored(tmp_path):
    """A code a spreadsheet wrote as 3.2E+14 cannot be trusted; one that lost its leading zeros can be completed on demand."""
    grids = TRUTH["grid_id"].tolist()
    grids[0], grids[1] = "3.20102E+14", f"{CODES[1]}、{CODES[2]}"
    report, _ = brought(tmp_path, write_csv(tmp_path / "f.csv", cells(grids=grids)))
    assert sorted(report.reasons["reason"]) == [
        "grid_id: damaged by a spreadsheet, digits are lost",
        "grid_id: several codes in one cell",
    ]
    store = Store(tmp_path / "zeros", timezone=ZONE)
    store.write("grids", pd.DataFrame({"grid_id": ["0042"], "valid_from": pd.Timestamp("2020-01-01", tz=ZONE)}))
    mapping = mapping_of({"preset": "dispute", "timezone": ZONE, "place": {"grid_width": 4}})
    ingest(store, write_csv(tmp_path / "g.csv", [[1, "a", "2025-01-08", 42, "邻里", "", ""]]), mapping)
    assert store.read("events")["grid_id"].tolist() == ["0042"]


@pytest.mark.parametrize("bad", ["2025-02-30", "8/1/25", "yesterday", "2025-13-01", "2025-01-08 25:00", "3019-01-01"])
def test_what_is_no_time_is_refused_not_guessed(tmp_path, bad):
    """An impossible or ambiguous time goes to quarantine with the column and the rule."""
    rows = cells()
    rows[0][2] = bad
    report, found = brought(tmp_path, write_csv(tmp_path / "f.csv", rows))
    assert report.reasons["reason"].tolist() == ["occurred_at: not a time"]
    assert "2025-01-08 13:05:00" in report.reasons["remedy"][0]
    assert len(found) == 5


def test_dates_that_begin_with_the_day_must_be_declared(tmp_path):
    """Day first is read only where the mapping says so."""
    file = write_csv(tmp_path / "f.csv", cells(lambda t: moment(t, "%d/%m/%Y %H:%M")))
    exact(tmp_path, file, dates="day first")


YEAR = pd.Series(pd.date_range("2025-01-01", "2025-12-26", freq="2D"))


@pytest.mark.parametrize(
    ("written", "stated"),
    [("%y/%m/%d", "day first"), ("%y/%m/%d", "month first"), ("%d/%m/%y", "year first"), ("%m/%d/%y", "year first")],
)
def test_an_order_that_spreads_a_year_over_thirty_is_refused(tmp_path, written, stated):
    """Where another order reads every date, over fewer years, no row is believed and the report names it; in it all are read."""
    right = {"%y": "year first", "%d": "day first", "%m": "month first"}[written[:2]]
    file = tmp_path / "f.csv"
    frame = {
        "矛盾纠纷编号": [f"A{k:03d}" for k in range(len(YEAR))],
        "受理时间": YEAR.dt.strftime(written),
        "所属网格": CODES[0],
    }
    pd.DataFrame(frame).assign(纠纷类型="邻里纠纷").to_csv(file, index=False)
    said = {"preset": "dispute", "timezone": ZONE, "dates": stated, "short_years": True}
    report = ingest(town(tmp_path / "store"), file, mapping_of(said))
    assert report.accepted == 0
    assert f"occurred_at: dates are written {right!r}, the mapping says {stated!r}" in report.fault()
    _, found = brought(tmp_path / "right", file, dates=right, short_years=True)
    assert found["occurred_at"].tolist() == YEAR.dt.strftime("%Y-%m-%d %H:%M:%S").tolist()


def test_a_slip_of_the_pen_turns_no_order():
    """A 32nd day can be a year; it is refused alone, as the other dates lie in one year only where the day stands first."""
    texts = pd.concat([YEAR.dt.strftime("%d/%m/%y"), pd.Series(["32/01/25"])], ignore_index=True)
    assert meant(texts, "day first", short_years=True) == ""
    assert read_times(texts, ZONE, order="day first", short_years=True)[1].sum() == 1


def workbook(path, rows, *, merged=False, native=False, notes=False):
    book = openpyxl.Workbook()
    sheet = book.active
    if notes:
        sheet.append(["填表说明", "请勿修改"])
        sheet = book.create_sheet("台账")
    sheet.append(["某区矛盾纠纷台账"])
    sheet.merge_cells("A1:G1")
    if merged:
        sheet.append(["序号", "矛盾纠纷编号", "基本情况", None, None, "化解日期", "当事人姓名"])
        sheet.append([None, None, "受理时间", "所属网格", "纠纷类型", None, None])
        for span in ("A2:A3", "B2:B3", "C2:E2", "F2:F3", "G2:G3"):
            sheet.merge_cells(span)
    else:
        sheet.append(HEADER)
    for row in rows:
        sheet.append(
            [datetime.fromisoformat(c) if native and isinstance(c, str) and c.startswith("2025-") else c for c in row]
        )
    book.save(path)
    return path


@pytest.mark.parametrize(
    "options", [{}, {"merged": True}, {"native": True}, {"notes": True}], ids=["title", "merged", "dates", "sheets"]
)
def test_workbooks_with_titles_and_merged_headers_give_the_same_rows(tmp_path, options):
    """A title, a header merged over two rows, real dates, a cover sheet."""
    exact(tmp_path, workbook(tmp_path / "f.xlsx", cells(), **options))


def test_two_sheets_of_one_header_are_one_delivery(tmp_path):
    """A sheet a month is read sheet after sheet, rows numbered through."""
    book = openpyxl.Workbook()
    for name, part in (("1月", cells()[:3]), ("2月", cells()[3:])):
        sheet = book.create_sheet(name)
        sheet.append(HEADER)
        for row in part:
            sheet.append(row)
    del book["Sheet"]
    book.save(tmp_path / "f.xlsx")
    exact(tmp_path, tmp_path / "f.xlsx")


def test_an_old_workbook_gives_the_same_rows(tmp_path):
    """``.xls`` with dates as date cells and codes as text."""
    xlwt = pytest.importorskip("xlwt", reason="xlwt writes the old format this test reads")
    book = xlwt.Workbook()
    sheet = book.add_sheet("台账")
    sheet.write_merge(0, 0, 0, 6, "某区矛盾纠纷台账")
    date = xlwt.easyxf(num_format_str="yyyy-mm-dd hh:mm:ss")
    for k, row in enumerate([HEADER, *cells()]):
        for c, cell in enumerate(row):
            is_time = k and c in {2, 5} and cell
            sheet.write(k + 1, c, datetime.fromisoformat(cell) if is_time else cell, *([date] if is_time else []))
    book.save(str(tmp_path / "f.xls"))
    exact(tmp_path, tmp_path / "f.xls")


@pytest.mark.parametrize("one_list", [False, True])
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_json_lines_give_the_same_rows(tmp_path, one_list, encoding):
    """One object a line, or one list."""
    records = [dict(zip(HEADER, [None if c == "" else c for c in row], strict=True)) for row in cells()]
    text = (
        json.dumps(records, ensure_ascii=False)
        if one_list
        else "\n".join(json.dumps(r, ensure_ascii=False) for r in records)
    )
    (tmp_path / "f.json").write_text(text, encoding)
    exact(tmp_path, tmp_path / "f.json")


def test_a_line_that_is_not_json_costs_one_row(tmp_path):
    """The line goes to quarantine with its number."""
    records = [json.dumps(dict(zip(HEADER, row, strict=True)), ensure_ascii=False) for row in cells()]
    (tmp_path / "f.jsonl").write_text("\n".join([records[0], "{broken", *records[1:]]), "utf-8")
    report, found = brought(tmp_path, tmp_path / "f.jsonl")
    assert (report.received, report.accepted, report.quarantined) == (7, 6, 1)
    assert Store(tmp_path / "store").read_quarantine("events")["row"].tolist() == [2]
    assert len(found) == 6


def test_a_folder_of_all_kinds_gives_the_same_rows(tmp_path):
    """The rows spread over a CSV, a workbook and JSON lines, with repeats, are the same rows."""
    folder = tmp_path / "inbox"
    folder.mkdir()
    write_csv(folder / "a.csv", cells()[:3], encoding="gb18030")
    workbook(folder / "b.xlsx", cells()[2:5])
    records = [json.dumps(dict(zip(HEADER, row, strict=True)), ensure_ascii=False) for row in cells()[4:]]
    (folder / "c.jsonl").write_text("\n".join(records), "utf-8")
    report, found = brought(tmp_path, folder)
    assert found["event_id"].tolist() == TRUTH["event_id"].tolist()
    assert (report.received, report.accepted, report.duplicate) == (8, 6, 2)


def test_damaged_workbooks_are_refused_with_the_remedy(tmp_path):
    """A workbook that is none is named, with what to do."""
    for name in ("f.xlsx", "f.xls"):
        (tmp_path / name).write_bytes(b"no workbook")
        with pytest.raises(DataError, match="save it again"):
            open_delivery(tmp_path / name)


def test_a_large_file_comes_in_pieces(tmp_path):
    """Rows keep their numbers across pieces, broken ones between them included."""
    n = 150_000
    lines = [f"e{k},2025-01-08 {k % 24:02d}:00:00,,邻里,," for k in range(n)]
    lines[70_000] += ",,x,y"
    (tmp_path / "f.csv").write_text("\n".join([",".join(HEADER[1:]), *lines]) + "\n", "utf-8")
    numbers = np.concatenate([piece.rows.index for piece in open_delivery(tmp_path / "f.csv").read(["矛盾纠纷编号"])])
    assert len(numbers) == n - 1
    assert 70_001 not in numbers
    assert numbers[-1] == n


# -- times ------------------------------------------------------------------------------------------------------------

moments = st.integers(800_000_000, 4_070_000_000).map(lambda s: pd.Timestamp(s, unit="s").to_pydatetime())


@given(
    st.lists(moments, min_size=1, max_size=20),
    st.sampled_from(sorted(set(SPELLINGS) - {"slashes", "chinese", "dots", "noon"})),
)
@settings(max_examples=40, deadline=None)
def test_any_time_survives_any_exact_spelling(times, spelling):
    """Reading what was spelled gives the time again, for any time and every spelling that holds seconds."""
    spelled = pd.Series([SPELLINGS[spelling](str(t)) for t in times])
    at, bad = read_times(spelled, ZONE)
    assert not bad.any()
    assert [t.tz_convert(ZONE).tz_localize(None).to_pydatetime() for t in at] == times


def test_hours_that_stand_twice_or_never_are_read_one_way():
    """When summer time ends the first of the two hours is meant; when it begins the missing hour becomes its end."""
    at, bad = read_times(pd.Series(["2015-11-01 01:30:00", "2015-03-08 02:30:00"]), "America/New_York")
    assert not bad.any()
    assert at.dt.strftime("%H:%M").tolist() == ["05:30", "07:00"]


def test_numbers_that_only_look_fractional_are_whole():
    """Codes that went through a float column lose the fraction, nothing else."""
    assert cleaned(pd.Series([320102001001.0, np.nan])).fillna("").tolist() == ["320102001001", ""]


def test_the_header_is_the_row_with_known_names():
    """Titles with several cells do not win over the header."""
    rows = [["单位", "综治中心", "日期", "2025-01"], ["编号", "时间", None, None], ["1", "2025-01-08", None, None]]
    assert find_header(rows, ["编号", "时间"])[1] == 1


# -- databases --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def postgres(tmp_path_factory):
    """A private server on a socket of its own; gone afterwards."""
    control = shutil.which("pg_ctl") or next(
        (str(p) for p in sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))), None
    )
    if control is None:
        absent("PostgreSQL (pg_ctl) is not installed")
    folder = Path(os.path.realpath(control)).parent
    home = Path("/tmp") / f"riskwarn-pg-{os.getpid()}"  # a socket path must be short
    home.mkdir()
    user = {}
    if os.geteuid() == 0:
        shutil.chown(home, "nobody")
        user = {"user": "nobody"}
    run = {"capture_output": True, "cwd": home, "env": {**os.environ, "LC_ALL": "C.UTF-8"}, **user}
    subprocess.run(
        [folder / "initdb", "-D", home / "data", "-A", "trust", "-U", "tester", "-E", "UTF8"], check=True, **run
    )
    subprocess.run(
        [folder / "pg_ctl", "-D", home / "data", "-w", "-o", f"-k {home} -h ''", "-l", home / "log", "start"],
        check=True,
        **run,
    )
    yield f"postgresql+psycopg://tester:pa55word@/postgres?host={home}"
    subprocess.run([folder / "pg_ctl", "-D", home / "data", "-m", "immediate", "stop"], check=True, **run)
    shutil.rmtree(home)


def test_a_database_gives_the_same_rows(tmp_path, postgres):
    """A query of PostgreSQL, with times of its own types, gives the rows of the truth; a password is never repeated."""
    import sqlalchemy as sa

    engine = sa.create_engine(postgres)
    with engine.begin() as link:
        link.execute(
            sa.text("CREATE TABLE ledger (no text, at timestamp, grid text, kind text, closed timestamptz, party text)")
        )
        for row in cells():
            values = {
                "a": row[1],
                "b": row[2],
                "c": row[3] or None,
                "d": row[4],
                "e": f"{row[5]}+08" if row[5] else None,
                "f": row[6],
            }
            link.execute(sa.text("INSERT INTO ledger VALUES (:a, :b, :c, :d, :e, :f)"), values)
    query = 'SELECT no AS "矛盾纠纷编号", at AS "受理时间", grid AS "所属网格", kind AS "纠纷类型", closed AS "化解日期" FROM ledger ORDER BY no'
    exact(tmp_path, postgres, query=query)
    with pytest.raises(DataError, match=r"syntax error|read-only"):
        brought(tmp_path / "x", postgres, query="INSERT INTO ledger (no) VALUES ('x') RETURNING no")
    with engine.connect() as link:
        assert link.execute(sa.text("SELECT count(*) FROM ledger")).scalar() == len(TRUTH)
    with pytest.raises(DataError) as refused:
        brought(tmp_path / "y", postgres, query="SELECT * FROM nothing_here")
    assert "pa55word" not in str(refused.value)
    engine.dispose()


def test_a_database_that_is_not_there_is_said_so(tmp_path):
    """No server, no query: two errors that say what to do."""
    address = f"postgresql+psycopg://u:pa55word@/x?host={tmp_path}"
    with pytest.raises(NotFoundError) as refused:
        brought(tmp_path, address, query="SELECT 1")
    assert "pa55word" not in str(refused.value)
    with pytest.raises(DataError, match="has no `query`"):
        brought(tmp_path / "b", address)


# -- a proposal -------------------------------------------------------------------------------------------------------


def test_a_proposed_mapping_brings_the_file_in(tmp_path):
    """For a ledger with usual headers the proposal is certain, leaves the person column unread, and brings in the exact rows."""
    file = write_csv(tmp_path / "f.csv", cells(SPELLINGS["chinese"]), encoding="gb18030")
    proposal = guess(file)
    assert (proposal.preset, proposal.confidence) == ("dispute", 1.0)
    fields = proposal.columns.set_index("column")["field"].to_dict()
    assert fields["当事人姓名"] == "person data"
    written = proposal.write(tmp_path / "proposed.toml")
    with pytest.raises(DataError, match="not overwritten"):
        proposal.write(written)
    store = town(tmp_path / "store")
    report = ingest(store, file, written)
    assert (report.received, report.accepted) == (6, 6)


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("信访件编号,信访日期,内容分类,办理状态,办结日期", "petition"),
        ("警情编号,报警时间,接警报警类别,反馈报警类别,反馈时间,管辖单位名", "police_call"),
        ("工单编号,来电时间,诉求类型,工单状态,区交办办结期限", "hotline"),
        ("巡查编号,签到时间,签退时间,所属网格,任务来源", "visits"),
        ("网格编码,网格名称,启用日期,户数,人口数", "grids"),
        ("事件编号,操作时间,步骤,流转动作,转出单位,接收单位", "workflow"),
    ],
)
def test_usual_headers_are_told_apart(tmp_path, header, wanted):
    """Every usual feed is recognised by its header alone."""
    (tmp_path / "f.csv").write_text(header + "\n", "utf-8")
    proposal = guess(tmp_path / "f.csv")
    assert proposal.preset == wanted
    assert proposal.mapping().table


def test_unknown_headers_are_guessed_from_values_with_less_confidence(tmp_path):
    """Where no header helps the values do, and the proposal says how sure it is."""
    frame = pd.DataFrame(
        {"甲": [f"JF{k:04d}" for k in range(30)], "乙": ["2025-01-08 13:05:00"] * 30, "丙": ["邻里纠纷"] * 30}
    )
    frame.to_csv(tmp_path / "f.csv", index=False)
    proposal = guess(tmp_path / "f.csv")
    fields = proposal.columns.set_index("column")["field"].to_dict()
    assert (fields["甲"], fields["乙"], fields["丙"]) == ("event_id", "occurred_at", "category")
    assert proposal.confidence == 0.5
    assert "its values" in repr(proposal)


def computed(path, values):
    """The workbook as a spreadsheet program saves it: each of its formulas with the value it has."""
    stored = path.with_name(f"stored-{path.name}")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(stored, "w") as new:
        for name in old.namelist():
            text = old.read(name)
            for formula, value in values.items():
                text = re.sub(
                    rb"<f>%b</f><v ?/?>(</v>)?" % re.escape(formula.encode()), rb"<f>x</f><v>%d</v>" % value, text
                )
            new.writestr(name, text)
    return stored


def test_a_formula_without_a_stored_value_is_not_empty(tmp_path):
    """Its value is unknown, which is not nothing: the row is refused with the column, unless the column is not read; stored, it is read."""
    rows = [["event_id", "at", "grid_id", "category", "severity"]]
    rows += [[f"e{k}", "2025-01-08 13:05", CODES[0], "邻里", 1] for k in range(4)]
    rows[2][4], rows[4][3] = "=1+1", "=2+2"
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(tmp_path / "f.xlsx")
    plain = {"timezone": ZONE, "source": "dispute", "category": {"vocabulary": "dispute"}}
    columns = {"event_id": "event_id", "occurred_at": "at", "grid_id": "grid_id", "category": "category"}
    graded = mapping_of({**plain, "columns": {**columns, "severity": "severity"}})

    store = town(tmp_path / "s")
    report = ingest(store, tmp_path / "f.xlsx", graded)
    assert dict(zip(report.reasons["reason"], report.reasons["rows"], strict=True)) == {
        "'severity': a formula without a stored value": 1,
        "'category': a formula without a stored value": 1,
    }
    assert set(report.reasons["remedy"]) == {"open the workbook in a spreadsheet program, save it, and send it again"}

    unread = ingest(
        town(tmp_path / "t"), tmp_path / "f.xlsx", mapping_of({**plain, "columns": columns, "ignore": ["severity"]})
    )
    assert (unread.accepted, unread.quarantined) == (3, 1)

    whole = town(tmp_path / "u")
    ingest(whole, computed(tmp_path / "f.xlsx", {"1+1": 2, "2+2": 4}), graded)
    assert whole.read("events")["severity"].tolist() == [1, 2, 1, 1]
