"""The bulletin: seven sections in order, in each language, of one's own area alone, the same bytes twice, and never a formula."""

import dataclasses
import json
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import conftest
import docx
import numpy as np
import openpyxl
import pandas as pd
import pytest
from towns import web as web_town

from riskwarn.bulletin import ENDINGS, Bulletin, Row, Section, Table, make_bulletin, make_bulletins, write_bulletin
from riskwarn.bulletin import area as areas
from riskwarn.bulletin.days import days_ahead
from riskwarn.bulletin.totals import totals
from riskwarn.bulletin.words import SECTIONS, clock
from riskwarn.cli import main
from riskwarn.errors import DataError, DefinitionError, NotFoundError, StaleDataError
from riskwarn.language import LANGUAGES
from riskwarn.ledger import Ledger, enter
from riskwarn.plan import LANES, STARTER, Plan
from riskwarn.store import Store
from riskwarn.taxonomy import words_of
from riskwarn.web.morning import feed_changes
from riskwarn.web.nights import Nights

CHROMIUM = shutil.which("chromium")
HAN = re.compile(r"[\u4e00-\u9fff]+")
LATIN = re.compile(r"[A-Za-z]{2,}")
LIVE = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "=HYPERLINK('x')",
    "{=1}",
    "<script>alert(1)</script>",
    "a\x00b\x0bc\ud800",
    "1e5",
]
NIGHT = "2025-01-08"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """The town, its last night with a list of 200 in lanes and a plan."""
    town = web_town.build(tmp_path_factory.mktemp("bulletin") / "city", columns=10, rows=20)
    tables = {name: town.night(NIGHT).table(name) for name in town.night(NIGHT).tables}
    town.publish(NIGHT, tables | {"alerts": in_lanes(tables)}, run="lanes", facts=facts(town))
    return town


def facts(town):
    stated = dict(town.night(NIGHT).facts)
    return stated | {"plan": dataclasses.asdict(Plan.load(STARTER)), "mode": {"mode": "normal"}, "gate": None}


def in_lanes(tables):
    """An alert for each grid but the last, of all lanes, levels and trends."""
    scores = tables["scores"].dropna(subset=["rank"]).sort_values("rank").reset_index(drop=True)
    rng = np.random.default_rng(5)
    n = len(scores)
    lanes = rng.choice(LANES, n)
    as_of = scores["as_of"].iloc[0]
    ruled = np.isin(lanes, ["triggered", "explore"])
    return pd.DataFrame(
        {
            "alert_id": [f"L{i:04}" for i in range(n)],
            "grid_ids": scores["grid_id"],
            "lane": lanes,
            "level": rng.choice(["red", "orange", "yellow", "blue"], n),
            "trend": rng.choice(["new", "worse", "same", "better"], n),
            "since": as_of - pd.Timedelta(days=1),
            "parts": np.where(lanes == "triggered", json.dumps({"calls_at_one_place": 3}), "{}"),
            "as_of": as_of,
            "state": "published",
            "target": np.where(ruled, "", web_town.TARGET),
            "action": "A1",
            "due_at": as_of + pd.Timedelta(hours=10),
            "model_version": "3f9c2a7d81b04e55",
        }
    )


def texts(bulletin):
    """Everything a bulletin says."""
    yield from (bulletin.title, bulletin.subtitle, bulletin.caution)
    for section in bulletin.sections:
        yield from (section.heading, *section.lines)
        for table in section.tables:
            yield from (table.heading, *table.columns.values())
            yield from (text for row in table.rows for text in (row.head, row.text, *row.cells.values()))


def paragraphs(path):
    return [p.text for p in docx.Document(path).paragraphs]


@pytest.mark.parametrize("language", LANGUAGES)
def test_sections_stand_in_order_in_every_kind_of_file(store, tmp_path, language):
    """Each file has the seven sections, one after another, whatever its kind."""
    bulletin = make_bulletin(store, NIGHT, language=language)
    headings = [words[language] for words in SECTIONS.values()]
    for ending in ENDINGS:
        write_bulletin(bulletin, tmp_path / f"b{ending}")
    page = (tmp_path / "b.html").read_text("utf-8")
    cells = [row[0].value for row in openpyxl.load_workbook(tmp_path / "b.xlsx").worksheets[0].iter_rows()]

    assert [s.heading for s in bulletin.sections] == headings
    assert [s["heading"] for s in json.loads((tmp_path / "b.json").read_text("utf-8"))["sections"]] == headings
    assert [text for text in paragraphs(tmp_path / "b.docx") if text in headings] == headings
    assert [text for text in cells if text in headings] == headings
    assert re.findall("<h2>(.*?)</h2>", page) == [h.replace("'", "&#39;") for h in headings]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_caution_stands_on_every_page(store, tmp_path, language):
    """It is the foot of the document and of each sheet, and the margin of the printed page."""
    bulletin = make_bulletin(store, NIGHT, language=language)
    for ending in (".docx", ".xlsx", ".html"):
        write_bulletin(bulletin, tmp_path / f"b{ending}")
    sheets = openpyxl.load_workbook(tmp_path / "b.xlsx").worksheets

    assert bulletin.caution in docx.Document(tmp_path / "b.docx").sections[0].footer.paragraphs[0].text
    assert [sheet.oddFooter.left.text for sheet in sheets] == [bulletin.caution] * len(sheets)
    assert f'@bottom-left {{ content: "{bulletin.caution}"' in (tmp_path / "b.html").read_text("utf-8")


def test_english_holds_no_chinese_and_chinese_no_english(store):
    """Apart from what a city calls its places, and codes, each sentence is in the reader's language."""
    grids = store.grids()
    own = {*HAN.findall(" ".join(grids["name"])), *HAN.findall(" ".join(grids["township_id"])), "甲县", "丙县"}
    english = " ".join(texts(make_bulletin(store, NIGHT, language="en")))
    chinese = " ".join(texts(make_bulletin(store, NIGHT, language="zh")))

    assert {word for word in HAN.findall(english) if not any(word in name or name in word for name in own)} == set()
    assert set(LATIN.findall(re.sub(r"[0-9a-f]{12,}|G\d+", "", chinese))) - {"MLflow", "fc"} == set()


def test_a_township_reads_of_its_own_grids_alone(store):
    """No grid of another township is named, in words or codes; counts are of its own, and those of all add up to the city's."""
    grids = store.grids()
    by_area = dict(make_bulletins(store, NIGHT, each="township", language="en"))
    n = {area: sum(int(row.cells["n_week"]) for row in rows_of(b, "totals")) for area, b in by_area.items()}

    assert sorted(by_area) == sorted(grids["township_id"].unique())
    for area, bulletin in by_area.items():
        others = grids.loc[grids["township_id"] != area]
        whole = json.dumps([*texts(bulletin), *(row.codes for row in rows_of(bulletin, "list"))])
        named = set(re.findall(r"G\d{4}", whole)) | set(texts(bulletin))
        assert area in bulletin.title
        assert rows_of(bulletin, "list") != []
        assert named & {*others["grid_id"], *others["name"]} == set()
    assert sum(n.values()) == sum(int(r.cells["n_week"]) for r in rows_of(make_bulletin(store, NIGHT), "totals"))


def rows_of(bulletin, name):
    section = next(s for s in bulletin.sections if s.name == name)
    return [row for table in section.tables for row in table.rows]


def test_each_bulletin_of_many_is_the_one_asked_for_alone(store):
    """Reading the night once for all townships gives each the bulletin it would have got by itself."""
    for township, bulletin in make_bulletins(store, NIGHT, each="township"):
        assert bulletin == make_bulletin(store, NIGHT, township=township)


def test_totals_are_those_of_the_morning_page(store):
    """Paper and page say the same of a feed: records, change against the week, the fifteen weeks and the year before, the word."""
    night = Nights(store).at(NIGHT)
    page = feed_changes(night)
    odd = [feed["source"] for feed in night.facts["feeds"] if feed["state"] != "ok"]
    paper = totals(night.published.table("weeks"), [f.source for f in page], night.as_of, odd=odd)

    assert [(t.source, t.n, t.word) for t in paper] == [(f.source, f.n, f.word) for f in page]
    for total, feed in zip(paper, page, strict=True):
        changes = [feed.against[name] for name in ("week", "usual", "year")]
        np.testing.assert_allclose([total.on_week, total.on_usual, total.on_year], changes)


def test_a_feed_that_is_not_normal_is_not_read_as_a_quiet_week(store):
    """Its total stands without a word for how unusual it is, for its count tells of the feed: in the bulletin as on the page."""
    odd = {feed["source"] for feed in Nights(store).at(NIGHT).facts["feeds"] if feed["state"] != "ok"}
    bulletin = make_bulletin(store, NIGHT, language="en")
    (table,) = [t for s in bulletin.sections for t in s.tables if t.name == "feeds"]
    readings = {row.cells["feed"]: row.cells["reading"] for row in table.rows}
    assert odd
    assert {name for name, reading in readings.items() if reading == "no reading: see state"} == {
        words_of(source)["en"] for source in odd
    }


def test_the_list_is_short_and_says_what_it_leaves_out(store):
    """At most eight of a county, in lanes, each with a place, a reason, a step, an owner and two times; the rest is counted."""
    bulletin = make_bulletin(store, NIGHT, language="en")
    section = bulletin.sections[2]
    rows = rows_of(bulletin, "list")
    alerts = store.night(NIGHT).table("alerts")
    names = ("place", "level", "reason_1", "do", "who", "sign_by", "report_by")

    assert len(rows) == 8
    assert section.lines == (f"{len(alerts) - 8} more alerts are not printed here; the page has them.",)
    assert [t.name for t in section.tables] == [lane for lane in LANES if lane in {r.codes["lane"] for r in rows}]
    assert [name for row in rows for name in names if not row.cells[name]] == []
    assert {row.codes["alert_id"] for row in rows} <= set(alerts["alert_id"])


def test_expected_stands_beside_the_mean_of_its_own_question(store):
    """What is expected of a place and of the city comes from the scores of the question that lists it; a rule expects nothing."""
    scores = store.night(NIGHT).table("scores").set_index("grid_id")
    for row in rows_of(make_bulletin(store, NIGHT, language="en"), "list"):
        if not row.codes["target"]:
            assert row.cells["expected"] == ""
            continue
        n, mean = re.findall(r"([\d.]+) expected in 28 days, city mean ([\d.]+)", row.cells["expected"])[0]
        assert float(n) == pytest.approx(scores.loc[row.codes["grid_id"], "expected"], abs=0.051)
        assert float(mean) == pytest.approx(scores["expected"].mean(), abs=0.0051)


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_same_night_gives_the_same_bytes(store, tmp_path, ending):
    """Nothing in the file tells when it was written: dates within are those of the night, or none."""
    for name in ("a", "b"):
        write_bulletin(make_bulletin(store, NIGHT, language="zh"), tmp_path / f"{name}{ending}")

    assert (tmp_path / f"a{ending}").read_bytes() == (tmp_path / f"b{ending}").read_bytes()
    if ending in {".docx", ".xlsx"}:
        with zipfile.ZipFile(tmp_path / f"a{ending}") as parts:
            dates = {part.date_time for part in parts.infolist()}
            made = set(re.findall(r"dcterms:W3CDTF\">([^<]*)<", parts.read("docProps/core.xml").decode()))
        assert dates == {(1980, 1, 1, 0, 0, 0)}
        assert made == {"2025-01-07T16:00:00Z"}


def nasty():
    """A bulletin whose every text comes from somebody who means harm."""
    rows = tuple(Row({"place": text, "level": text}, text, text, "red") for text in LIVE)
    table = Table("standing", LIVE[0], {"place": LIVE[1], "level": LIVE[2]}, rows)
    sections = (Section("data", "1. x", tuple(LIVE)), Section("list", "3. list", tuple(LIVE), (table,)))
    return Bulletin(LIVE[5], LIVE[3], "caution & <b>", sections, "en", {"as_of": "2025-01-08T00:00:00+08:00"})


def test_no_cell_is_a_formula_and_no_text_a_tag(tmp_path):
    """Whatever a city's names hold, a sheet takes them for text, a page for words, and a document can be opened."""
    for ending in ENDINGS:
        write_bulletin(nasty(), tmp_path / f"b{ending}")
    sheets = openpyxl.load_workbook(tmp_path / "b.xlsx").worksheets
    cells = [cell for sheet in sheets for row in sheet.iter_rows() for cell in row if cell.value is not None]
    page = (tmp_path / "b.html").read_text("utf-8")

    assert len(cells) > 2 * len(LIVE)
    assert {cell.data_type for cell in cells} == {"s"}
    assert not any(name.endswith("calcChain.xml") for name in zipfile.ZipFile(tmp_path / "b.xlsx").namelist())
    assert "<script" not in page
    assert "a b c " in paragraphs(tmp_path / "b.docx")
    assert json.loads((tmp_path / "b.json").read_text("utf-8"))["title"] == LIVE[5]


def test_a_file_appears_whole_or_not_at_all(store, tmp_path, monkeypatch):
    """Where writing fails the earlier file stays as it is, and nothing half-written lies about."""
    target = tmp_path / "b.html"
    target.write_text("yesterday")
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_bulletin(make_bulletin(store, NIGHT), target)

    assert [path.name for path in tmp_path.iterdir()] == ["b.html"]
    assert target.read_text() == "yesterday"


def test_yesterday_is_told_from_the_ledger_and_asking_makes_none(tmp_path):
    """Without a ledger the bulletin says so and leaves none behind; with one it counts states of the alerts of the night before."""
    town = web_town.build(tmp_path / "city")
    before = make_bulletin(town, NIGHT).sections[4]
    assert list(town.path.glob("ledger*")) == []
    n = len(town.night("2025-01-07").table("alerts"))
    with Ledger(town) as ledger:
        enter(ledger, at="2025-01-07 07:00")
        items = ledger.items(kind="alert")
        chosen = items[items["source_id"].isin(town.night("2025-01-07").table("alerts")["alert_id"])].iloc[0]
        who = ledger.actor("shift_leader")
        ledger.act(chosen["item_id"], "acknowledge", who, version=int(chosen["version"]))
    after = make_bulletin(town, NIGHT).sections[4]

    assert before.lines[-1] == "There is no ledger, so what became of them is not known."
    assert after.lines[0] == f"The night of 7 Jan listed {n} alerts."
    assert "acknowledged 1" in " ".join(after.lines)


def test_who_is_late_is_not_asked_to_sign_twice(tmp_path):
    """An alert somebody has signed for shows its state in place of the time to sign by."""
    town = web_town.build(tmp_path / "city")
    with Ledger(town) as ledger:
        enter(ledger, at="2025-01-08 07:00")
        items = ledger.items(kind="alert")
        ids = set(town.night(NIGHT).table("alerts")["alert_id"])
        for item in items[items["source_id"].isin(ids)].head(1).to_dict("records"):
            ledger.act(item["item_id"], "acknowledge", ledger.actor("shift_leader"), version=int(item["version"]))
    rows = {row.codes["alert_id"]: row for row in rows_of(make_bulletin(town, NIGHT), "list")}
    signed = rows.pop(item["source_id"])

    assert "state: acknowledged" in signed.text
    assert "sign by" not in signed.text
    assert all("sign by" in row.text for row in rows.values())


@pytest.mark.parametrize(
    ("night", "wanted"),
    [
        ("2025-01-22", ["26 Jan (Sunday)", "28 Jan (Tuesday, Chinese New Year's Eve)", "29 Jan, in 7 days"]),
        ("2025-01-30", ["29 Jan", "silence is not calm"]),
        ("2025-06-09", ["14 Jun (Saturday, weekend)"]),
        ("2025-12-01", ["6 Dec (Saturday, weekend)"]),
    ],
)
def test_the_week_ahead_knows_holidays_and_days_made_up(night, wanted):
    """Days off, weekends that are worked, and the festival within two months are named; no other is."""
    text = " ".join(days_ahead(pd.Timestamp(night, tz="Asia/Shanghai"), "Asia/Shanghai", "en"))

    assert [part for part in wanted if part not in text] == []
    assert ("Spring Festival" in text) == night.startswith("2025-01")
    assert ("Worked although" in text) == (night == "2025-01-22")


def test_a_city_of_another_country_is_told_no_chinese_holiday():
    """Where holidays are not known the bulletin says that, and which days are the weekend."""
    text = " ".join(days_ahead(pd.Timestamp("2025-01-29", tz="America/New_York"), "America/New_York", "en"))

    assert (
        text
        == "Public holidays of this city are not known to the program; weekends are 1 Feb (Saturday), 2 Feb (Sunday)."
    )


def test_an_area_is_called_by_what_its_grids_names_begin_with(tmp_path):
    """Codes read as names where the grids' names say them; where an area has one part, or two share a beginning, the code stays."""
    rows = [("C1", "T1", "V1", "East county Hill town Oak 01"), ("C1", "T1", "V2", "East county Hill town Elm 02")]
    rows += [("C1", "T2", "V3", "East county Lake town Ash 01"), ("C2", "T3", "V4", "West county Bay town Fir 01")]
    grids = pd.DataFrame(rows, columns=["county_id", "township_id", "community_id", "name"])
    city = Store(tmp_path / "city", timezone="Asia/Shanghai")
    city.write("grids", grids.assign(grid_id=list("abcd"), valid_from=pd.Timestamp("2024-01-01", tz="Asia/Shanghai")))
    area = areas.city_of(city, pd.Timestamp(NIGHT, tz="Asia/Shanghai"))

    assert {code: area.names.get(code) for code in ("C1", "T1", "T2", "C2")} == {
        "C1": "East county",
        "T1": "East county Hill town",
        "T2": None,
        "C2": None,
    }


def test_midnight_is_the_end_of_the_day_before():
    """A limit of whole working days ends with a day; nobody reads 00:00 of the next as that."""
    night = pd.Timestamp(NIGHT, tz="Asia/Shanghai")

    assert clock(night, night, "zh") == "1月7日24:00"
    assert clock(night + pd.Timedelta(hours=34), night, "en") == "9 Jan 10:00"


def test_what_is_asked_wrongly_is_told_in_a_sentence(store):
    """An unknown date, area or pair of areas is refused with what there is."""
    with pytest.raises(StaleDataError, match=r"no night is published for 2020-01-01; the newest is 2025-01-08"):
        make_bulletin(store, "2020-01-01")
    with pytest.raises(NotFoundError, match=r"no township '河东镇' that night .did you mean '河西镇'"):
        make_bulletin(store, township="河东镇")
    with pytest.raises(DataError, match="not both"):
        make_bulletin(store, township="河西镇", county="甲县")


def test_without_its_library_a_document_is_refused_before_anything_is_read(tmp_path, monkeypatch, capsys):
    """One line names what to install and what can be written without it; the other kinds are written all the same."""
    town = web_town.build(tmp_path / "city")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    refused = main(["bulletin", "--out", str(tmp_path / "b.docx"), "--store", str(town.path)])
    said = capsys.readouterr().err
    written = main(["bulletin", "--out", str(tmp_path / "b.html"), "--store", str(town.path)])

    assert (refused, written) == (DefinitionError.exit_code, 0)
    assert said.count("\n") == 1
    assert "pip install 'riskwarn[documents]'" in said
    assert not (tmp_path / "b.docx").exists()


def test_the_verb_writes_a_file_for_each_area(store, tmp_path, capsys):
    """The name of each file ends with the code of its area; what was written is listed."""
    code = main(
        [
            "bulletin",
            NIGHT,
            "--each",
            "township",
            "--out",
            str(tmp_path / "b.json"),
            "--store",
            str(store.path),
            "--json",
        ]
    )
    files = json.loads(capsys.readouterr().out)["files"]

    assert code == 0
    assert sorted(files) == sorted(str(path) for path in tmp_path.iterdir())
    assert {json.loads(Path(f).read_text("utf-8"))["area"] for f in files} == set(store.grids()["township_id"])


def test_the_nightly_job_writes_its_bulletin_and_no_fault_of_it_keeps_a_night_back(
    store, tmp_path, capsys, monkeypatch
):
    """Each kind of file lies in the folder; a folder that cannot be is told on the side, and the code is that of the night."""
    monkeypatch.setattr("riskwarn.pipeline.nightly", lambda opened, *_, **__: _night(opened))
    monkeypatch.setattr("riskwarn.cli.nights.only_target", lambda _: web_town.TARGET)
    night = ["nightly", "--as-of", NIGHT, "--store", str(shutil.copytree(store.path, tmp_path / "city"))]
    written = main([*night, "--bulletin", str(tmp_path / "papers"), "--json"])
    (tmp_path / "file").write_text("")
    refused = main([*night, "--bulletin", str(tmp_path / "file"), "--json"])

    assert sorted(path.suffix for path in (tmp_path / "papers").iterdir()) == sorted(ENDINGS)
    assert (written, refused) == (0, 0)
    assert "bulletin-2025-01-08.docx is not written" in capsys.readouterr().err


def _night(town):
    from types import SimpleNamespace

    night = town.night(NIGHT)
    tables = {name: night.table(name) for name in ("scores", "alerts", "gaps")}
    return SimpleNamespace(as_of=night.as_of, run=night.run, done_before=True, facts=night.facts, **tables)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_list_of_forty_prints_on_two_pages(store, tmp_path, language):
    """The city's bulletin is two sheets of A4, however long its reasons are."""
    if CHROMIUM is None:
        conftest.absent("chromium is not installed")
    bulletin = make_bulletin(store, NIGHT, language=language)
    listed = bulletin.sections[2]
    rows = [row for row in rows_of(bulletin, "list") if row.codes["lane"] not in {"triggered", "explore"}]
    forty = dataclasses.replace(listed.tables[0], rows=tuple((rows * 40)[:40]))
    sections = tuple(dataclasses.replace(s, tables=(forty,)) if s.name == "list" else s for s in bulletin.sections)
    write_bulletin(dataclasses.replace(bulletin, sections=sections), tmp_path / "b.html")
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-pdf-header-footer",
        f"--user-data-dir={tmp_path}/browser",
    ]
    printed = tmp_path / "b.pdf"
    command = [CHROMIUM, *options, f"--print-to-pdf={printed}", (tmp_path / "b.html").as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=120)

    assert int(re.search(rb"/Count (\d+)", printed.read_bytes())[1]) == 2
