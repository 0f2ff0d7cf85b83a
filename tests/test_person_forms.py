"""Every form a person's data takes: written in 150 ways, none comes in and none is printed; what only looks like it does."""

import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from riskwarn.errors import RiskwarnError
from riskwarn.ingest import guess, ingest, load_mapping
from riskwarn.ingest.mapping import mapping_of, vocabulary
from riskwarn.privacy import findings, hong_kong_checks, luhn_checks, resident_checks, shown, shown_file
from riskwarn.store import Store

ZONE = "Asia/Shanghai"
RNG = np.random.default_rng(20)


def mobile():
    return f"1{RNG.integers(3, 10)}{RNG.integers(0, 10**9):09d}"


def resident():
    stem = f"3201{RNG.integers(1, 30):02d}19{RNG.integers(50, 99)}0{RNG.integers(1, 9)}1{RNG.integers(0, 9)}{RNG.integers(0, 999):03d}"
    return next(stem + c for c in "0123456789X" if resident_checks(stem + c))


def card(first="6222", n=19):
    stem = first + "".join(str(d) for d in RNG.integers(0, 10, n - len(first) - 1))
    return next(stem + c for c in "0123456789" if luhn_checks(stem + c))


def hong_kong():
    stem = f"K{RNG.integers(100000, 999999)}"
    return next(f"{stem}({c})" for c in "0123456789A" if hong_kong_checks(f"{stem}({c})"))


def spelt(digits, alphabet):
    return "".join(alphabet[int(d)] if d.isdigit() else d for d in digits)


def grouped(text, mark, sizes):
    parts, at = [], 0
    for size in sizes:
        parts.append(text[at : at + size])
        at += size
    return mark.join([*parts, text[at:]] if text[at:] else parts)


ALPHABETS = {
    "full width": "０１２３４５６７８９",
    "arabic": "٠١٢٣٤٥٦٧٨٩",
    "persian": "۰۱۲۳۴۵۶۷۸۹",
    "devanagari": "०१२३४५६७८९",
    "thai": "๐๑๒๓๔๕๖๗๘๙",
    "bengali": "০১২৩৪৫৬৭৮৯",
    "han": "〇一二三四五六七八九",
    "bank han": "零壹贰叁肆伍陆柒捌玖",
    "traditional": "零壹貳參肆伍陸柒捌玖",
    "mathematical": "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗",
    "circled": "⓪①②③④⑤⑥⑦⑧⑨",
    "superscript": "⁰¹²³⁴⁵⁶⁷⁸⁹",
}
MARKS = [" ", "-", ".", "·", "_", "/", "\u200b", "\u2060", "\ufeff", "\u00ad", "\u3000", "—", "–", ", "]
MOBILES = (
    [spelt(mobile(), alphabet) for alphabet in ALPHABETS.values()]
    + [grouped(mobile(), mark, (3, 4, 4)) for mark in MARKS]
    + [
        dress.format(mobile())
        for dress in (
            "{}",
            "+86{}",
            "+86 {}",
            "0086{}",
            "0086-{}",
            "86{}",
            "(+86){}",
            "0{}",
            "17951{}",
            "tel{}",
            "电话{}",
            "{}a",
            "{}张",
            "T:{}",
            "[{}]",
            "#{}#",
            "x{}y",
            "请回电{}谢谢",
            "联系{}/备用",
            "{},",
        )
    ]
    + [f"{mobile()[:3]}****{mobile()[-4:]}"]
)
LANDLINES = [
    "010-62345678",
    "01062345678",
    "010 62345678",
    "(010)62345678",
    "（010）62345678",
    "010-6234-5678",
    "0571-87654321",
    "0571 8765 4321",
    "057187654321",
    "+86-10-62345678",
    "+86 571 87654321",
    "0755.2345.6789",
    "０１０－６２３４５６７８",
    "025-2345678转801",
]
RESIDENTS = (
    [spelt(resident(), alphabet) for alphabet in ALPHABETS.values()]
    + [grouped(resident(), mark, (6, 8, 4)) for mark in MARKS[:11]]
    + [dress.format(resident()) for dress in ("{}", "身份证{}", "ID:{}", "{}号", "No{}")]
    + ["320102510812001", "320102 510812 001", "320102********1234", resident().lower()]
)
OTHERS = [
    "E12345678",
    "e12345678",
    "EA1234567",
    "G12345678",
    "E 12345678",
    "Ｅ１２３４５６７８",
    "D12345678",
    "H12345678",
    "m1234567801",
    "T12345678",
    "C12345678",
    hong_kong(),
    hong_kong().replace("(", "").replace(")", ""),
    "军字第1234567号",
    card(),
    grouped(card(), " ", (4, 4, 4, 4)),
    grouped(card("4", 16), "-", (4, 4, 4)),
    spelt(card("5", 16), ALPHABETS["full width"]),
    card("35", 16),
    "a.b@example.org",
    "a＠example.org",
    "zhang(at)example.com",
    "zhang [at] example [dot] com",
    "微信:zhangsan88",
    "QQ1234567",
    "wechat id: abc_123",
]
PLATES = [
    "苏A12345",
    "苏a12345",
    "苏A-12345",
    "苏A·12345",
    "苏 A 12345",
    "粤BD12345",
    "粤b·d12345",
    "京A1234警",
    "京ＡＦ1234",
    "川A•12345",
    "鲁B_12345",
    "沪A.D12345",
]
NAMES = [
    "张伟",
    "张 伟",
    "张·伟",
    "张\u200b伟",
    "李秀英",
    "欧阳静",
    "王先生",
    "李女士",
    "刘师傅",
    "李某",
    "李某某",
    "张**",
    "张伟与李娜纠纷",
    "张伟家",
    "张伟网格",
    "当事人张三",
    "报警人:李四",
    "张伟 李娜",
    "王建国,李秀英",
    "陳偉",
    "John Smith",
    "Smith, John",
    "Mr. Brown",
    "Mary K. Jones",
]
WORDS = [
    "3栋2单元501室",
    "人民路12号",
    "幸福小区3号楼2单元",
    "十二栋三单元",
    "建设村5组12号",
    "解放巷8号",
    "12 Main Street",
    "123 N Elm St",
    "楼上邻居半夜跳舞，多次沟通无效，要求处理",
    "我家楼上漏水没人管理处理",
    "来电人称被邻居殴打要求出警",
    "The caller says that her neighbour hit her husband and she wants the police to come",
]
FORMS = list(dict.fromkeys([*MOBILES, *LANDLINES, *RESIDENTS, *OTHERS, *PLATES, *NAMES, *WORDS]))


def test_there_are_enough_forms():
    """Many kinds, each in many spellings."""
    assert len(FORMS) >= 150


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_found(form):
    """Whatever hides it: foreign digits, marks, prefixes, letters beside it, characters nobody sees."""
    assert findings(pd.Series([form]))[0]


CLEAN = {"kind": "邻里", "org": "综治中心", "tag": "weapon", "state": "open", "end": "fail"}
COLUMNS = {
    "id": "event_id",
    "kind": "category",
    "case": "case_id",
    "org": "org_code",
    "tag": "tags",
    "state": "status",
    "end": "outcome",
}


def town(path):
    store = Store(path, timezone=ZONE)
    store.write("grids", pd.DataFrame({"grid_id": ["G1"], "valid_from": [pd.Timestamp("2020-01-01", tz=ZONE)]}))
    return store


def mapping(**said):
    columns = {field: column for column, field in COLUMNS.items()} | {"occurred_at": "at", "grid_id": "grid"}
    plain = {"timezone": ZONE, "source": "dispute", "category": {"vocabulary": "dispute"}, "columns": columns}
    return mapping_of({**plain, **said})


def ledger(**columns):
    n = len(next(iter(columns.values())))
    plain = {
        "id": [f"e{k}" for k in range(n)],
        "at": "2025-01-08 10:00",
        "grid": "G1",
        "kind": "邻里",
        "case": "c",
        "org": "综治中心",
    }
    return pd.DataFrame({**plain, "tag": "", "state": "", "end": "", **columns})


def on_disk(store):
    return b"".join(p.read_bytes() for p in store.path.rglob("*") if p.is_file())


@pytest.mark.parametrize("unknown", ["other", "slug", "quarantine"])
@pytest.mark.parametrize("column", [*COLUMNS, "grid"])
def test_no_form_comes_in_through_any_column(tmp_path, column, unknown):
    """Among clean rows none of the forms reaches events, quarantine or log, nor is any printed."""
    values = [
        value
        for form in FORMS
        for value in (
            form,
            *[
                "G1" if column == "grid" else f"JF{k}x" if column in {"id", "case"} else CLEAN.get(column, "")
                for k in range(2)
            ],
        )
    ]
    if column in {"id", "case"}:
        values = [f"{v}{k}" if v.startswith("JF") else v for k, v in enumerate(values)]
    store = town(tmp_path / "s")
    ledger(**{column: values}).to_csv(tmp_path / "f.csv", index=False)

    report = ingest(store, tmp_path / "f.csv", mapping(category={"vocabulary": "dispute", "unknown": unknown}))

    texts = [
        report.rows.to_string(),
        report.reasons.to_string(),
        report.notes.to_string(),
        store.read_quarantine("events").to_string(),
    ]
    texts += [store.read("events").to_string(), store.read("feed_log").to_string()]
    said, kept = "\n".join(texts), on_disk(store)
    long = [form for form in FORMS if len(form) > 4]
    assert [form for form in long if form in said] == []
    assert [form for form in long if form.encode() in kept] == []
    cells = {cell for name in store.read("events").columns for cell in store.read("events")[name].astype(str)}
    assert cells & set(FORMS) == set()


@pytest.mark.parametrize("form", FORMS[::5])
def test_no_form_is_printed_as_a_header_or_a_file(tmp_path, form):
    """A file without a header shows its first row to nobody; a file named after a person is called by a digest."""
    file = tmp_path / "f.csv"
    pd.DataFrame([["1", "2025-01-08", form, "G1"]] * 3).to_csv(file, index=False, header=False)
    for frame_mapping in (mapping(), mapping_of({"preset": "dispute", "timezone": ZONE})):
        with pytest.raises(RiskwarnError) as refused:
            ingest(town(tmp_path / "s"), file, frame_mapping)
        assert form not in str(refused.value)
    with pytest.raises(RiskwarnError, match="looks like a row, not a header") as refused:
        guess(file)
    assert form not in str(refused.value)
    assert form not in shown(form)


DECORATED = (
    "{}.csv",
    "{}",
    "2025-01_{}.csv",
    "台账 {} 终.xlsx",
    "export-{}.parquet",
    "{}-2025.csv",
    "{}（1）.csv",
    "【{}】.csv.gz",
    "{}信访台账.csv",
    "calls.{}.csv",
)


@pytest.mark.parametrize("number", range(len(DECORATED)))
def test_no_form_is_printed_as_part_of_a_file_name(number):
    """Alone, with a date, a mark or a word of the office beside it, with an ending and without."""
    printed = [form for form in FORMS if form in shown_file(DECORATED[number].format(form)) and "/" not in form]
    assert printed == []


def test_names_of_files_that_tell_nobody_are_shown():
    """Dates, feeds, places and numbers of parts stay: who brings in forty files must see which one is wrong."""
    names = (
        *("calls-2025-01.csv", "20250108130500.csv", "boston_311.csv", "12345热线2025.xlsx", "export (1).csv"),
        *(
            "110警情_20250108-20250115.csv",
            "信访台账-城关街道.xlsx",
            "和平街道台账.csv",
            "三里社区2025-03.csv",
            "2024_07",
        ),
    )
    assert [name for name in names if shown_file(name) != name] == []


def packed(content):
    """A zip with two files, of which no one is meant."""
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(f"{content.parent.name}.csv", "a")
        archive.writestr("b.csv", "b")


BROKEN = {
    "absent": (".csv", lambda path: None),
    "a folder": (".csv", lambda path: path.mkdir()),
    "another kind": ("", lambda path: path.write_bytes(b"x")),
    "empty": (".csv", lambda path: path.write_bytes(b"")),
    "no workbook": (".xlsx", lambda path: path.write_bytes(b"x")),
    "no old workbook": (".xls", lambda path: path.write_bytes(b"x")),
    "no Parquet": (".parquet", lambda path: path.write_bytes(b"PAR1 no")),
    "no JSON": (".json", lambda path: path.write_bytes(b"{")),
    "no records": (".json", lambda path: path.write_bytes(b"[]")),
    "no zip": (".zip", lambda path: path.write_bytes(b"PK\x03\x04")),
    "two files": (".zip", packed),
    "no gzip": (".gz", lambda path: path.write_bytes(b"\x1f\x8b")),
    "no shapes": (".gpkg", lambda path: path.write_bytes(b"x")),
    "no encoding": (".csv", lambda path: path.write_bytes("编号\n".encode("gb18030") + b"\xff\xff\xff\n")),
    "no column": (".csv", lambda path: path.write_text("id,at\n1,2025-01-08\n")),
    "a long line": (".csv", lambda path: path.write_text("x" * 5000)),
    "a manifest": (".csv", lambda path: (path.write_text("id"), Path(f"{path}.manifest.json").write_text("x"))),
    "a long name": ("x" * 255 + ".csv", lambda path: None),
}


READABLE = ("no column", "a manifest")
"""Faults of the mapping or beside the file: a proposal can be made."""


@pytest.mark.parametrize("fault", BROKEN)
def test_no_message_repeats_a_form_as_file_or_folder(tmp_path, fault):
    """Whatever is wrong with a file named after a person, in a folder named so: the error is ours, and says neither name."""
    ending, make = BROKEN[fault]
    forms = [form for form in FORMS[list(BROKEN).index(fault) :: len(BROKEN)] if "/" not in form and "\\" not in form]
    for form in forms[:4]:
        folder = tmp_path / form
        folder.mkdir(exist_ok=True)
        path = folder / f"{form}{ending}"
        make(path)
        with pytest.raises(RiskwarnError) as refused:
            ingest(town(tmp_path / "s"), path, mapping())
        assert form not in str(refused.value)
        if fault not in READABLE:
            with pytest.raises(RiskwarnError) as refused:
                guess(path)
            assert form not in str(refused.value)


def test_no_form_is_printed_as_a_sheet_or_a_mapping(tmp_path):
    """Notes of a workbook and errors of a mapping call neither by a name that tells a person."""
    form = "张伟"
    with pd.ExcelWriter(tmp_path / "f.xlsx") as book:
        ledger(id=["1"]).to_excel(book, sheet_name="data", index=False)
        pd.DataFrame({"other": [1]}).to_excel(book, sheet_name=form, index=False)
    (tmp_path / f"{form}.toml").write_text("timezon = 1")

    notes = ingest(town(tmp_path / "s"), tmp_path / "f.xlsx", mapping()).notes
    assert notes["note"].str.contains("is not read").any()
    assert not notes["note"].str.contains(form).any()
    with pytest.raises(RiskwarnError, match="did you mean 'timezone'") as refused:
        load_mapping(tmp_path / f"{form}.toml")
    assert form not in str(refused.value)


def test_a_grid_is_not_called_after_a_person(tmp_path):
    """The name of a grid that tells a person is left empty, the grid stays; names of places stay."""
    names = [*FORMS, "幸福社区第三网格", "和平街道", "金山区", "3号网格", "石景山区"]
    frame = pd.DataFrame(
        {"grid_id": [f"G{k:03d}" for k in range(len(names))], "name": names, "valid_from": "2020-01-01"}
    )
    frame.to_csv(tmp_path / "g.csv", index=False)
    store = Store(tmp_path / "s", timezone=ZONE)
    report = ingest(store, tmp_path / "g.csv", mapping_of({"preset": "grids", "timezone": ZONE}))
    assert report.accepted == len(names)
    assert set(store.read("grids")["name"].dropna()) == {
        "幸福社区第三网格",
        "和平街道",
        "金山区",
        "3号网格",
        "石景山区",
    }


def test_codes_of_other_countries_are_no_person_data(tmp_path):
    """British statistical areas and American tracts come in, as grids and in events, each in its own country's zone."""
    for zone, codes in (
        ("Europe/London", [f"E0100{k:04d}" for k in range(1, 31)]),
        ("America/Chicago", [f"1703101{k:02d}00" for k in range(10, 40)]),
    ):
        store = Store(tmp_path / zone.replace("/", ""), timezone=zone)
        pd.DataFrame({"grid_id": codes, "valid_from": "2020-01-01"}).to_csv(tmp_path / "g.csv", index=False)
        assert ingest(store, tmp_path / "g.csv", mapping_of({"preset": "grids", "timezone": zone})).accepted == 30
        ledger(grid=codes).to_csv(tmp_path / "f.csv", index=False)
        assert ingest(store, tmp_path / "f.csv", mapping(timezone=zone)).accepted == 30
    sick = ["AB 12 34 56 C", "+44 7911 123456", "020 7946 0018"]
    assert (findings(pd.Series(sick), countries=("any", "gb")) != "").all()
    assert (findings(pd.Series(["078-05-1120", "(312) 555-0147", "312-555-0147"]), countries=("any", "us")) != "").all()


def test_a_description_of_few_values_is_a_category(tmp_path):
    """A header that may be free text is judged by its values; sentences in it are refused."""
    frame = ledger(kind=["ARMED ROBBERY", "THEFT FROM AUTO", "John Smith"]).rename(
        columns={"kind": "OFFENSE_DESCRIPTION"}
    )
    frame.to_csv(tmp_path / "f.csv", index=False)
    columns = {**mapping().columns, "category": "OFFENSE_DESCRIPTION"}
    report = ingest(town(tmp_path / "s"), tmp_path / "f.csv", mapping(columns=columns, category={"unknown": "slug"}))
    assert (report.accepted, report.quarantined) == (2, 1)


def test_the_words_of_the_field_are_no_person_data():
    """Neither the names of categories nor places, codes and times."""
    clean = [name for kind in ("dispute", "petition", "hotline", "police") for name in vocabulary(kind)]
    clean += "王府井社区 街道综治中心 公安分局 金山区 江宁区 高新区 白云街道 黄河路 GRID-0012 JF00012345 L2 closed_fail 2025-01-08T13:05:00".split()
    clean += [
        "Noise Complaint",
        "Parking on Front/Back Yards (Illegal Parking)",
        "Larceny From Motor Vehicle",
        "2024/3/5 12:00",
        "116.3974,39.9087",
    ]
    found = findings(pd.Series(clean))
    assert [(c, f) for c, f in zip(clean, found, strict=True) if f] == []


def test_a_ledger_numbered_like_permits_comes_in(tmp_path):
    """Where a column is declared an id, one letter and eight digits are a number of the ledger; it is kept as a hash."""
    store = town(tmp_path / "s")
    ledger(id=[f"H{k:08d}" for k in range(40)]).to_csv(tmp_path / "f.csv", index=False)
    assert ingest(store, tmp_path / "f.csv", mapping()).accepted == 40
    assert b"H00000012" not in on_disk(store)


@pytest.mark.parametrize("value", [mobile(), resident(), "张伟明"])
def test_a_key_that_tells_a_person_is_not_repeated(tmp_path, value):
    """Not the keys around JSON lists, of a manifest, of a mapping's own columns, or of a header in a proposal."""
    said = []
    (tmp_path / "f.json").write_text(f'{{"{value}": [{{"id": 1}}], "b": [{{"id": 1}}]}}', "utf-8")
    (tmp_path / "f.csv").write_text("id,at\n1,2025-01-08\n", "utf-8")
    (tmp_path / "g.csv").write_text(f"id,at,{value}\n1,2025-01-08,x\n", "utf-8")
    (tmp_path / "h.csv").write_text("id,at\n1,2025-01-08\n", "utf-8")
    (tmp_path / "h.csv.manifest.json").write_text(f'{{"{value}": 1}}', "utf-8")
    for name, column in (("f.json", "at"), ("f.csv", value), ("h.csv", "at")):
        columns = {"event_id": "id", "occurred_at": column}
        mapping = mapping_of(
            {"source": "dispute", "timezone": ZONE, "constants": {"category": "D02"}, "columns": columns}
        )
        with pytest.raises(RiskwarnError) as refused:
            ingest(Store(tmp_path / "s", timezone=ZONE), tmp_path / name, mapping)
        said.append(str(refused.value))
    try:
        said.append(repr(guess(tmp_path / "g.csv")))
    except RiskwarnError as refused:
        said.append(str(refused))
    assert value not in "\n".join(said)
