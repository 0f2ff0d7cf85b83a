"""The ledger at the command line: the story of an alert by four roles, the list that comes back, and the proof."""

import json
from dataclasses import replace

import openpyxl
import pandas as pd
import pytest
import sqlalchemy as sa
from ledger_rows import a_city, alert, day, gap, publish

from riskwarn.cli import main
from riskwarn.ledger import Ledger, database, enter, workflow
from riskwarn.ledger.sheet import HEADERS, in_words, trail_in_words, write_sheet
from riskwarn.ledger.tables import REVISION
from riskwarn.ledger.words import code_of

STEPS = [
    ("ack", "township_centre", "T1", []),
    ("assign", "shift_leader", "*", ["--to", "T1"]),
    ("start", "grid_head", "T1", []),
    ("feedback", "township_centre", "T1", ["--outcome", "O3"]),
    ("verify", "county_centre", "C1", []),
    ("close", "township_centre", "T1", []),
]


@pytest.fixture
def city(tmp_path, monkeypatch):
    """A store of one night with two red alerts and a gap, entered; the folder of the store, which every verb uses."""
    store = a_city(tmp_path)
    publish(store, 0, alerts=[alert("G1"), alert("G4")], gaps=[gap("G03", "grid:G1")])
    with Ledger(store) as ledger:
        enter(ledger, at=day(0) + pd.Timedelta(hours=7.5))
    monkeypatch.setenv("RISKWARN_STORE", str(store.path))
    monkeypatch.setenv("RISKWARN_ACCOUNT", "desk-3")
    return store.path


def told(capsys, *words):
    """What a verb says as JSON, on standard output or error, with its exit code."""
    code = main([*words, "--json"])
    said = capsys.readouterr()
    return code, json.loads(said.out or said.err)


def items(capsys, kind="alert"):
    return told(capsys, "alerts", "list", "--kind", kind)[1]


def walk(capsys, item):
    """From published to closed, by four roles at the command line; the versions on the way."""
    versions = []
    for n, (verb, role, area, more) in enumerate(STEPS):
        who = ["--role", role, "--area", area, "--at", f"2025-03-03 09:{n:02}", "--version", str(n + 1)]
        code, body = told(capsys, "alerts", verb, item, *who, *more)
        assert code == 0, body
        versions.append((body["state"], body["version"]))
    return versions


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_the_story_of_one_alert(city, engine, capsys, monkeypatch, request):
    """From night to closed by four roles; the trail tells each step, names nobody, and is proved; on SQLite and on PostgreSQL."""
    if engine == "postgresql":
        url = request.getfixturevalue("postgres_database")
        assert told(capsys, "ledger", "migrate", url)[0] == 0
        monkeypatch.setenv("RISKWARN_LEDGER", url)
    item = items(capsys)[0]["item_id"]
    versions = walk(capsys, item)
    main(["alerts", "show", item, "--language", "en"])
    page = capsys.readouterr().out
    trail = told(capsys, "alerts", "show", item)[1]["trail"]

    assert versions == [
        ("acknowledged", 2),
        ("assigned", 3),
        ("in_progress", 4),
        ("feedback", 5),
        ("verified", 6),
        ("closed", 7),
    ]
    assert [row["role"] for row in trail] == ["night", *(role for _, role, *_ in STEPS)]
    assert "O3 settled" in page
    assert "desk-3" not in page + json.dumps(trail)
    assert len({row["account"] for row in trail}) == 2
    assert told(capsys, "ledger", "verify")[1]["rows"] == 9


def test_a_story_in_chinese(city, capsys):
    """States, roles and outcomes are said in the language asked for."""
    item = items(capsys)[0]["item_id"]
    walk(capsys, item)
    main(["alerts", "show", item, "--language", "zh"])

    assert "已销号" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "kind", "code"),
    [
        (["alerts", "ack", "ITEM", "--role", "grid_head"], "ForbiddenError", 20),
        (["alerts", "ack", "ITEM", "--role", "township_centre", "--area", "T9"], "ForbiddenError", 20),
        (["alerts", "ack", "ITEM", "--role", "shift_leader", "--version", "9"], "ConflictError", 19),
        (["alerts", "close", "ITEM", "--role", "shift_leader"], "StepError", 21),
        (["alerts", "dismiss", "ITEM", "--role", "shift_leader", "--reason", "boredom"], "StepError", 21),
        (["alerts", "ack", "ITEM"], "DataError", 11),
        (["alerts", "ack", "ITEM", "--role", "mayor"], "DataError", 11),
        (["alerts", "ack", "nosuch", "--role", "shift_leader"], "NotFoundError", 13),
        (["alerts", "import", "nosuch.xlsx", "--role", "shift_leader"], "NotFoundError", 13),
        (["ledger", "upgrade", "--to", "0042"], "NotFoundError", 13),
        (["ledger", "upgrade", "--to", "base"], "DataError", 11),
        (["ledger", "verify", "--head", "today"], "DataError", 11),
    ],
)
def test_each_refusal_has_its_exit_code(city, words, kind, code, capsys):
    """A wrong role, area, version, state, reason or name is one JSON object with its kind and code."""
    item = items(capsys)[0]["item_id"]

    ended, body = told(capsys, *(item if word == "ITEM" else word for word in words))
    assert (ended, body["error"], body["exit_code"]) == (code, kind, code)


def test_damage_ends_with_22(city, capsys):
    """A row flipped behind the ledger's back: verify names it and ends with the exit code of damage."""
    from riskwarn.store import Store

    with Ledger(Store(city)) as ledger, database.linked(ledger.engine, writes=True) as link:
        link.execute(sa.text("DROP TRIGGER transitions_no_update"))
        link.execute(sa.text("UPDATE transitions SET role = 'shift_leader' WHERE seq = 2"))

    code, body = told(capsys, "ledger", "verify")
    assert code == 22
    assert "row 2 was changed" in body["message"]


def filled(path, rows, language):
    """A list with some rows filled in by hand, as an office does it."""
    book = openpyxl.load_workbook(path)
    page = book["list"]
    header = [c.value for c in page[1]]
    from riskwarn.ledger.sheet import HEADERS

    for n, values in rows.items():
        for name, value in values.items():
            page.cell(n, header.index(HEADERS[name][language]) + 1, value)
    book.save(path)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_filled_in_list_comes_back(city, tmp_path, language, capsys):
    """Each row with an action is one step, in codes or words; an old version is refused by name; the rest stays; the report says all."""
    from riskwarn.ledger import word

    path = tmp_path / "today.xlsx"
    assert main(["alerts", "list", "--kind", "alert", "--out", str(path), "--language", language]) == 0
    capsys.readouterr()
    second = items(capsys)[1]["item_id"]
    assert told(capsys, "alerts", "ack", second, "--role", "township_centre", "--area", "T2")[0] == 0
    dismiss = word("action", "dismiss")[language]
    filled(
        path,
        {2: {"action": dismiss, "reason": word("reason", "duplicate")[language]}, 3: {"action": "acknowledge"}},
        language,
    )

    code, report = told(capsys, "alerts", "import", str(path), "--role", "shift_leader", "--language", language)
    assert code == 11
    assert [(r["row"], r["action"], r["result"]) for r in report] == [
        (2, "dismiss", "done"),
        (3, "acknowledge", "ConflictError"),
    ]
    assert "you saw 1" in report[1]["said"]
    assert [i["state"] for i in items(capsys)] == ["dismissed", "acknowledged"]


def test_what_a_cell_should_not_hold_is_not_repeated(city, tmp_path, capsys):
    """A name in the cell of a reason, an action, an item, a version or an area is refused; neither report nor trail repeats it."""
    path, name = tmp_path / "today.xlsx", "王小明13812345678"
    rows = (
        {"action": "dismiss", "reason": name},
        {"action": name},
        {"action": "acknowledge", "item_id": name},
        {"action": "acknowledge", "version": name},
        {"action": "acknowledge", "assign_to": name},
    )
    for row in rows:
        assert main(["alerts", "list", "--kind", "alert", "--out", str(path), "--language", "en"]) == 0
        filled(path, {2: row}, "en")
        assert main(["alerts", "import", str(path), "--role", "shift_leader"]) == 11
        said = capsys.readouterr()
        assert name not in said.out + said.err
    assert [i["version"] for i in items(capsys)] == [1, 1]


def test_a_list_brought_twice_does_nothing_twice(city, tmp_path, capsys):
    """The second time every row is a conflict, for its version was acted on."""
    path = tmp_path / "today.xlsx"
    main(["alerts", "list", "--kind", "alert", "--out", str(path), "--language", "en"])
    filled(path, {2: {"action": "acknowledge"}, 3: {"action": "acknowledge"}}, "en")
    capsys.readouterr()
    first = told(capsys, "alerts", "import", str(path), "--role", "shift_leader")
    again = told(capsys, "alerts", "import", str(path), "--role", "shift_leader")

    assert (first[0], again[0]) == (0, 11)
    assert {r["result"] for r in again[1]} == {"ConflictError"}
    assert [i["version"] for i in items(capsys)] == [2, 2]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no book", b"item,version\n1,2\n"])
def test_a_file_that_is_no_list_is_refused(city, tmp_path, content, capsys):
    """An empty file, a damaged book and a list without its columns are told by name, nothing is done."""
    for ending in (".xlsx", ".csv"):
        path = tmp_path / f"wrong{ending}"
        path.write_bytes(content)
        code, body = told(capsys, "alerts", "import", str(path), "--role", "shift_leader")
        assert (code, body["error"]) == (11, "DataError")
    assert [i["version"] for i in items(capsys)] == [1, 1]


def test_a_list_holds_no_formula(city, tmp_path, capsys):
    """A list written as .csv or .xlsx has the name and version of each item; a cell that a spreadsheet would run is text in both."""
    for ending in (".xlsx", ".csv", ".parquet"):
        assert main(["alerts", "list", "--out", str(tmp_path / f"l{ending}"), "--language", "en"]) == 0
    table = pd.read_csv(tmp_path / "l.csv", encoding="utf-8-sig", dtype=str)
    live = pd.DataFrame([["=1+1"] * len(HEADERS)], columns=list(HEADERS))
    for ending in (".xlsx", ".csv"):
        write_sheet(live, tmp_path / f"live{ending}", workflow=workflow(), language="en")
    cells = list(openpyxl.load_workbook(tmp_path / "live.xlsx")["list"].iter_rows(min_row=2))
    capsys.readouterr()

    assert table["item"].tolist() == [i["item_id"] for i in told(capsys, "alerts", "list")[1]]
    assert table["version"].tolist() == ["1", "1", "1"]
    assert [{(c.value, c.data_type) for c in row} for row in cells] == [{("=1+1", "s")}]
    assert set(pd.read_csv(tmp_path / "live.csv", encoding="utf-8-sig").iloc[0]) == {"'=1+1"}


def test_a_list_offers_what_may_be_picked(city, tmp_path):
    """Actions of people, outcomes with their words and reasons, each to be picked in every row of its own column and no other; one to fill in even where nothing is listed; the first row stays in sight."""
    flow = workflow()
    people = [s for s in flow.steps if s.by != ("night",)]
    wanted = {
        "action": list(dict.fromkeys(s.action for s in people)),
        "outcome": [o.code for o in flow.outcomes],
        "reason": list(dict.fromkeys(r for s in people for r in s.reasons)),
    }
    for n in (0, 3):
        sheet = pd.DataFrame([["x"] * len(HEADERS)] * n, columns=[h["en"] for h in HEADERS.values()])
        write_sheet(sheet, tmp_path / f"{n}.xlsx", workflow=flow, language="en")
        book = openpyxl.load_workbook(tmp_path / f"{n}.xlsx")
        page, choices = book["list"], book["choices"]
        places = {str(v.sqref): v.formula1 for v in page.data_validations.dataValidation}
        for column, (name, codes) in enumerate(wanted.items(), 1):
            letter = openpyxl.utils.get_column_letter(list(HEADERS).index(name) + 1)
            rows = f"{letter}2" if n == 0 else f"{letter}2:{letter}{max(n, 1) + 1}"
            said = [choices.cell(row, column).value for row in range(2, len(codes) + 2)]
            from_to = f"choices!${'ABC'[column - 1]}$2:${'ABC'[column - 1]}${len(codes) + 1}"
            assert places[rows] == from_to
            assert [code_of(name, text.split(" ")[0] if name == "outcome" else text) for text in said] == codes
            assert choices.cell(len(codes) + 2, column).value is None
        assert len(places) == 3
        assert page.freeze_panes == "A2"
        assert {page.column_dimensions[d].width > 12 for d in page.column_dimensions} == {True}
        assert sum(d.max - d.min + 1 for d in page.column_dimensions.values()) == len(HEADERS)


def test_a_trail_is_told_for_people():
    """Minute, words, an outcome by its code and words, another reason by its words, none by nothing, and the first twelve digits of the digest."""
    at = day(0) + pd.Timedelta(hours=9, seconds=59)
    row = {
        "at": at,
        "action": "feedback",
        "to_state": "feedback",
        "role": "grid_head",
        "area": "T1",
        "digest": "0123456789abcdef",
    }
    table = trail_in_words(pd.DataFrame([row | {"code": code} for code in ("O5", "duplicate", "")]), language="en")

    assert table.iloc[0].tolist() == [
        "2025-03-03 09:00",
        "report the result",
        "result reported",
        "grid head",
        "T1",
        "O5 nothing found",
        "0123456789ab",
    ]
    assert table["reason"].tolist()[1:] == ["a duplicate", ""]


def test_an_item_is_told_in_two_lines(city):
    """What and where it is, then how it stands; what is of the whole city and what lies with nobody are said so."""
    from riskwarn.store import Store

    with Ledger(Store(city)) as ledger:
        item = ledger.item(ledger.items(kind="alert")["item_id"].iloc[0])
    first, second = in_words(item, language="en").split("\n")

    assert first == f"alert {item.item_id} · red · dispute_28d · C1/T1/G1 · G1"
    assert second == "published · version 1 · assigned to —"
    assert " · * · " in in_words(replace(item, path="", owner="T9"), language="en")
    assert in_words(replace(item, owner="T9"), language="en").endswith("assigned to T9")


def test_clocks_are_watched(city, capsys):
    """What is overdue raises cards, once."""
    counts = told(capsys, "ledger", "watch")[1]
    told(capsys, "ledger", "watch")

    assert counts["red"] == 3
    assert len(items(capsys, "supervision")) == 3


def test_the_schema_is_brought_to_date(city, capsys):
    """Upgrading what is up to date changes nothing and says its revision."""
    assert told(capsys, "ledger", "upgrade") == (0, {"revision": REVISION})
    assert told(capsys, "ledger", "verify")[0] == 0
