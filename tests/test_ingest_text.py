"""Text files: the account agrees with the physical records, and the encoding is found by evidence or refused."""

import csv
import io
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import riskwarn
from riskwarn.errors import DataError, DefinitionError
from riskwarn.ingest import ingest
from riskwarn.ingest.delivery import Stated
from riskwarn.ingest.encoding import likely_encoding, sniff_encoding
from riskwarn.ingest.folding import cleaned
from riskwarn.ingest.identity import read_ids
from riskwarn.ingest.mapping import mapping_of
from riskwarn.ingest.reading import open_delivery
from riskwarn.store import Store

HEADER = "id,at,note,kind"


def read(path, content, *, encoding="", name="f.csv"):
    """Header, rows by number, and broken rows by number."""
    file = path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    delivery = open_delivery(file, ["id", "at"], Stated(encoding=encoding))
    rows, broken = {}, {}
    for piece in delivery.read(delivery.header):
        rows |= dict(zip(piece.rows.index.tolist(), piece.rows.fillna("").to_numpy().tolist(), strict=True))
        broken |= piece.broken
    return delivery, rows, broken


def plain(n):
    return [f"{k},2025-01-08,text {k},x" for k in range(1, n + 1)]


@pytest.mark.parametrize("at", [[2], [2, 12], [2, 3], [1], [1000], [2, 500, 999]])
def test_a_stray_quote_costs_its_row_and_no_other(tmp_path, at):
    """However far apart stray quotes stand, all rows are received and only theirs are broken."""
    lines = plain(1000)
    for row in at:
        lines[row - 1] = f'{row},2025-01-08,"text {row},x'
    _, rows, broken = read(tmp_path, "\n".join([HEADER, *lines]))
    assert sorted(broken) == at
    assert len(rows) == 1000 - len(at)
    assert rows[5] == ["5", "2025-01-08", "text 5", "x"]


def test_two_stray_quotes_that_would_close_each_other_do_not_swallow_rows(tmp_path):
    """An opening and a closing quote ten rows apart make one whole record of eleven; each line is one by itself, so they are rows."""
    lines = plain(20)
    lines[4], lines[14] = '5,2025-01-08,"text,x', '15,2025-01-08,text",x'
    _, rows, broken = read(tmp_path, "\n".join([HEADER, *lines]))
    assert sorted(broken) == [5]
    assert len(rows) == 19


def test_a_quote_within_plain_text_is_a_letter(tmp_path):
    """Inches and feet are kept as they stand."""
    _, rows, broken = read(tmp_path, f'{HEADER}\n1,2025-01-08,5" pipe,x\n2,2025-01-08,6",x\n')
    assert not broken
    assert [row[2] for row in rows.values()] == ['5" pipe', '6"']


def test_a_cell_of_several_lines_is_one_cell(tmp_path):
    """Line ends, delimiters and doubled quotes within quotes belong to the cell."""
    text = 'one, "two"\r\n\r\nthree'
    buffer = io.StringIO()
    csv.writer(buffer).writerows([HEADER.split(","), ["1", "2025-01-08", text, "x"], ["2", "2025-01-08", "y", "x"]])
    _, rows, broken = read(tmp_path, buffer.getvalue())
    assert not broken
    assert rows[1][2] == text
    assert rows[2][2] == "y"


cells = st.text(st.sampled_from('ab,";é里 '), max_size=6) | st.text(st.sampled_from('ab"\n\r;é里 '), max_size=6)


@given(
    st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=30),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
)
@settings(max_examples=150, deadline=None)
def test_whatever_a_writer_quotes_is_read_back(tmp_path_factory, table, quoting):
    """Every table that a CSV writer wrote comes back whole, cell by cell; only a cell whose lines look like rows may be refused."""
    buffer = io.StringIO()
    records = [[f"n{k}", *row] for k, row in enumerate(table, start=1)]
    csv.writer(buffer, quoting=quoting).writerows([HEADER.split(","), *records])
    _, rows, broken = read(tmp_path_factory.mktemp("w"), buffer.getvalue())
    assert not broken
    assert list(rows.values()) == records


@given(
    st.lists(st.text(st.sampled_from('ab,"1 \0'), min_size=1, max_size=12), min_size=1, max_size=40),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
@settings(max_examples=150, deadline=None)
def test_without_line_ends_in_cells_every_line_is_accounted_for(tmp_path_factory, lines, end):
    """Rows and broken rows together never exceed the lines, and each number stands once."""
    _, rows, broken = read(tmp_path_factory.mktemp("l"), end.join([HEADER, *lines]))
    assert not set(rows) & set(broken)
    assert sorted([*rows, *broken]) == list(range(1, len(rows) + len(broken) + 1))
    if not any('"' in line for line in lines):
        assert len(rows) + len(broken) == len(lines)


def test_long_cells_are_cells_and_endless_ones_cost_their_row(tmp_path):
    """131,072 characters and 6 MB are cells like others; a row of 20 MB, longer than a block, is refused and the next one read."""
    sizes = {1: 131_072, 2: 6 << 20, 3: 20 << 20, 4: 1}
    lines = [f'{k},2025-01-08,"{"x" * n}",x' for k, n in sizes.items()]
    _, rows, broken = read(tmp_path, "\n".join([HEADER, *lines]))
    assert broken == {3: "the row is longer than 8 MB"}
    assert {k: len(row[2]) for k, row in rows.items()} == {k: n for k, n in sizes.items() if k != 3}


def test_an_unclosed_quote_in_a_large_file_costs_one_row(tmp_path):
    """The search for the end of a cell stops after a while; every later row is read."""
    lines = [f"{k},2025-01-08,{'text ' * 20}{k},x" for k in range(1, 200_001)]
    lines[1] = '2,2025-01-08,"open,x'
    _, rows, broken = read(tmp_path, "\n".join([HEADER, *lines]))
    assert sorted(broken) == [2]
    assert len(rows) == 199_999
    assert np.array_equal(sorted(rows), np.delete(np.arange(1, 200_001), 1))


@pytest.mark.parametrize(
    ("header", "tail"), [(HEADER, ","), (HEADER + ",", ""), (HEADER + ",,", ",,"), (HEADER, ",,,")]
)
def test_trailing_delimiters_are_no_columns(tmp_path, header, tail):
    """A header or rows with delimiters at the end that hold nothing fit each other."""
    delivery, rows, broken = read(tmp_path, "\n".join([header, *(line + tail for line in plain(5))]))
    assert not broken
    assert delivery.header[:4] == ("id", "at", "note", "kind")
    assert rows[3][:4] == ["3", "2025-01-08", "text 3", "x"]


def test_headers_lose_marks_and_guards(tmp_path):
    """A byte order mark, marks without width and spreadsheet guards around names do not hide a column."""
    delivery, rows, _ = read(tmp_path, '\ufeff\u200bid,="at",no\u200ete,kind\n1,2025-01-08,a,x\n')
    assert delivery.header == ("id", "at", "note", "kind")
    assert rows[1][0] == "1"


@pytest.mark.parametrize(
    "guarded", ['="0211"', '"=""0211"""', "'0211", "`0211", "0211\u200b", "\ufeff0211", "\u200e0211"]
)
def test_codes_lose_what_spreadsheets_put_around_them(tmp_path, guarded):
    """Every form of a guarded code is the code."""
    _, rows, _ = read(tmp_path, f"{HEADER}\n{guarded},2025-01-08,a,x\n")
    assert cleaned(pd.Series([rows[1][0]])).tolist() == ["0211"]


def test_an_apostrophe_that_belongs_to_a_word_stays(tmp_path):
    """Only codes, which have a digit, are taken out of their guards."""
    _, rows, _ = read(tmp_path, f"{HEADER}\n1,2025-01-08,'s-Gravenhage,x\n")
    assert cleaned(pd.Series([rows[1][2]])).tolist() == ["'s-Gravenhage"]


def test_rows_with_zero_bytes_or_broken_characters_are_broken(tmp_path):
    """What a cut or damaged transfer leaves is refused with its row, in UTF-8 as elsewhere."""
    content = (
        f"{HEADER}\n1,2025-01-08,邻里纠纷物业纠纷,x\n2,2025-01-08,".encode()
        + "邻".encode()[:2]
        + b",x\n3,2025-01-08,\0,x\n4,2025-01-08,a,x\n"
    )
    delivery, rows, broken = read(tmp_path, content)
    assert delivery.encoding == "utf-8"
    assert sorted(broken) == [2, 3]
    assert sorted(rows) == [1, 4]


WORDS = {
    "gb18030": ["邻里纠纷", "噪音扰民", "占道经营", "违规停车", "婚姻家庭"],
    "cp950": ["鄰里糾紛", "噪音擾民", "佔道經營", "違規停車", "婚姻家庭"],
    "cp1252": ["Café", "Größe", "Zürich", "Élan", "it’s", "5 £"],
    "utf-8": ["Café", "邻里纠纷", "違規停車", "Łódź"],
}


@pytest.mark.parametrize("name", WORDS)
@given(st.data())
@settings(max_examples=40, deadline=None)
def test_the_encoding_follows_from_what_the_text_would_say(name, data):
    """Some words of a language, between delimiters of any kind, are enough evidence."""
    words = data.draw(st.lists(st.sampled_from(WORDS[name]), min_size=1, max_size=20))
    mark = data.draw(st.sampled_from([",", "|", ";", "\t"]))
    sample = "\n".join(f"1{mark}{word}{mark}x" for word in words).encode(name)
    assert likely_encoding(sample) == name


@pytest.mark.parametrize(
    ("encoding", "words", "letters"),
    [
        ("cp1252", ["señor", "Café"], "ñ or ń"),
        ("cp1252", ["Skåne", "Zürich"], "å or ĺ"),
        ("cp1252", ["père", "Café"], "è or č"),
        ("cp1252", ["voilà", "Café"], "à or ŕ"),
        ("cp1250", ["Plzeň", "Brno"], "ò or ň"),
        ("cp1250", ["Łódź", "ulica"], "£ or Ł"),
    ],
)
def test_letters_of_two_readings_are_asked_for(tmp_path, encoding, words, letters):
    """What is one word in the West and another one in Central Europe is no guess; the mapping says which, and then it holds."""
    content = "\n".join([HEADER, *(f"{k},2025-01-08,{word},x" for k, word in enumerate(words))]).encode(encoding)
    with pytest.raises(DataError, match=f"{letters}.*state `encoding` in the mapping"):
        read(tmp_path, content)
    _, rows, _ = read(tmp_path, content, encoding=encoding)
    assert [row[2] for row in rows.values()] == words


@pytest.mark.parametrize("encoding", ["cp1251", "euc_kr", "cp932"])
def test_an_encoding_of_another_script_is_refused_not_taken_for_chinese(tmp_path, encoding):
    """Russian, Korean and Japanese texts give no common Chinese characters; the mapping can state what they are."""
    words = {
        "cp1251": "Кража Грабёж Хулиганство улица Ленина сегодня вечером нападение",
        "euc_kr": "무단주차 절도 폭행 사건 서울특별시 교통사고 신고 소음 민원 강도 주거침입 음주운전 분쟁 조정",
        "cp932": "駐車違反 窃盗 ひったくり 東京都 交通事故 騒音の苦情 けんかをしている",
    }[encoding]
    content = "\n".join([HEADER, *(f"{k},2025-01-08,{word},x" for k, word in enumerate(words.split()))]).encode(
        encoding
    )
    with pytest.raises(DataError, match="state `encoding` in the mapping"):
        read(tmp_path, content)
    _, rows, _ = read(tmp_path, content, encoding=encoding)
    assert [row[2] for row in rows.values()] == words.split()


FOREIGN = {
    "euc_kr": ["소음 민원", "쓰레기 투기", "가로등 고장", "도로 파손", "층간소음", "교통사고", "음주운전 신고"],
    "euc_jp": ["近隣トラブル", "賃金未払い", "ごみの不法投棄", "街灯の故障", "けんか"],
    "koi8-r": ["незаконная парковка", "спор соседей", "фонарь не горит", "яма на дороге"],
    "cp850": ["Lärm", "déchets", "éclairage", "différend", "c’est à côté".replace("’", "'")],
    "mac_roman": ["Lärm", "déchets", "éclairage", "störning"],
    "cp852": ["spor sousedů"],
    "cp1256": ["نزاع جيران"],
    "cp874": ["เสียงดัง", "จอดรถผิดที่"],
    "iso2022_jp": ["騒音苦情", "ごみの不法投棄"],
    "hz": ["邻里纠纷", "噪音扰民"],
    "iso8859-2": ["śmieci"],
}


@pytest.mark.parametrize(("encoding", "word"), [(name, word) for name, words in FOREIGN.items() for word in words])
def test_one_word_of_another_script_is_asked_for(tmp_path, encoding, word):
    """Few characters could be Chinese by chance, a sign within a word Western: neither is taken without a word, and what is stated holds."""
    content = f"{HEADER}\n1,2025-01-08,{word},x\n2,2025-01-08,plain,x\n".encode(encoding)
    with pytest.raises(DataError, match="state `encoding` in the mapping"):
        read(tmp_path, content)
    _, rows, _ = read(tmp_path, content, encoding=encoding)
    assert rows[1][2] == word


def field_words():
    """Chinese words as the pages have them."""
    return sorted(
        set(
            re.findall("[\u4e00-\u9fff]{2,6}", (Path(riskwarn.__file__).parent / "locale" / "zh.po").read_text("utf-8"))
        )
    )


@pytest.mark.parametrize("encoding", ["gbk", "utf-8"])
def test_one_chinese_word_is_read_as_it_is_or_asked_for(tmp_path, encoding):
    """A word such as \u5b66\u6821 in GBK is valid UTF-8 and says nothing in it; nor is any other one taken for what nobody wrote."""
    asked, file, words = 0, tmp_path / "f.csv", field_words()[::3]
    for word in words:
        file.write_bytes(f"{HEADER}\n1,2025-01-08,{word},x\n".encode(encoding))
        try:
            name, _ = sniff_encoding(file)
        except DataError:
            asked += 1
        else:
            said = file.read_bytes().decode(name, "replace")
            assert word in said or "\ufffd" in said
    assert asked <= 0.05 * len(words)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
def test_wide_encodings_are_told_by_mark_or_zero_bytes(tmp_path, encoding):
    """UTF-16 without a mark is told by where its zero bytes stand."""
    _, rows, broken = read(tmp_path, f"{HEADER}\n1,2025-01-08,邻里,x\n".encode(encoding))
    assert not broken
    assert rows[1] == ["1", "2025-01-08", "邻里", "x"]


def test_an_unknown_encoding_is_a_fault_of_the_mapping():
    """A misspelt name is refused before any file is opened."""
    with pytest.raises(DefinitionError, match="none that Python knows"):
        mapping_of({"preset": "dispute", "timezone": "Asia/Shanghai", "encoding": "utf8000"})
    with pytest.raises(DefinitionError, match="none that Python knows"):
        mapping_of({"preset": "dispute", "timezone": "Asia/Shanghai", "encoding": "zip"})


@pytest.mark.parametrize("n", [65_536, 1_048_576])
def test_a_text_as_long_as_a_full_sheet_is_noted(tmp_path, n):
    """An export that ends where a sheet ends was probably cut."""
    delivery, rows, _ = read(tmp_path, "id,at\n" + "1,2\n" * (n - 1))
    assert len(rows) == n - 1
    assert any("full sheet" in note for note in delivery.notes)
    delivery, _, _ = read(tmp_path, "id,at\n" + "1,2\n" * 70)
    assert not delivery.notes


@pytest.mark.parametrize("shown", ["#REF!", "#NAME?", "#VALUE!", "#DIV/0!", "#NUM!", "####", "##########"])
def test_what_a_spreadsheet_shows_in_place_of_an_id_is_no_id(shown):
    """Two rows of `####` are two things nobody can name, never one; a code that has a hash sign is one."""
    ids, damaged = read_ids(pd.Series([shown, shown, "#42", "A#1"]))
    assert damaged.tolist() == [True, True, False, False]
    assert ids.tolist()[2:] == ["#42", "A#1"]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1,234", 1234), ("10 234", 10234), ("12 件", 12), ("+4", 4), ("1，234起", 1234),
        ("1 2", None), ("1,2", None), ("12,34", None), ("1,2345", None), ("0,5", None), ("人3", None),
        ("100000", 100000), ("100001", None), ("999999999", None), ("1e9", None),
    ],
)  # fmt: skip
def test_a_count_is_a_plain_number_of_a_believable_size(tmp_path, text, number):
    """Marks stand between thousands or nowhere: `1,2` is not twelve. A row that stands for a billion is refused, not spread out."""
    mapping = mapping_of(
        {
            "timezone": "UTC",
            "source": "s",
            "columns": {"event_id": "id", "occurred_at": "at", "grid_id": "grid", "category": "kind", "count": "n"},
        }
    )
    path = tmp_path / "n.csv"
    pd.DataFrame({"id": ["a"], "at": ["2024-01-03 10:00"], "grid": [""], "kind": ["D02"], "n": [text]}).to_csv(
        path, index=False
    )
    report = ingest(Store(tmp_path / "s", timezone="UTC"), path, mapping)
    assert (report.revisions, report.quarantined) == ((number, 0) if number else (0, 1))
