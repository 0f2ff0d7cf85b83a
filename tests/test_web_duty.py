"""The pages of the duty: who sees what, in which words, and what is written by whom."""

import html
import json
import re
import shutil
from dataclasses import replace

import pandas as pd
import pytest
from argon2 import PasswordHasher
from test_web_desk import GOOD, items_on, signed_in, take
from towns import web as web_town
from towns.web import Altered
from visiting import NAMED

from riskwarn.access import at_the_machine, password, roles
from riskwarn.cli import main
from riskwarn.errors import DataError
from riskwarn.ledger import Item, Ledger, enter, notes, watch
from riskwarn.store import Store
from riskwarn.web import create_app
from riskwarn.web.books import Books
from riskwarn.web.desk import title_of
from riskwarn.web.duty import bodies_of
from riskwarn.web.meeting import meeting_paper

MORNING, LATER = "2025-01-08 07:30", pd.Timestamp("2025-01-09 16:00", tz=web_town.ZONE)
DESKS = (
    ("desk-1", "shift_leader", "*"),
    ("desk-2", "shift_leader", "*"),
    ("town-1", "township_centre", "城关街道"),
    ("town-2", "township_centre", "河西镇"),
    ("county-1", "county_centre", "甲县"),
    ("watcher", "supervisor", "*"),
    ("analyst", "city_analyst", "*"),
)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return web_town.build(tmp_path_factory.mktemp("duty") / "town")


@pytest.fixture
def town(built, tmp_path):
    """A town of the test's own, its night entered in the morning and its clocks read on the next day."""
    town = Store(shutil.copytree(built.path, tmp_path / "town"))
    with Ledger(town) as ledger:
        enter(ledger, at=MORNING)
        watch(ledger, at=LATER - pd.Timedelta(hours=1))
    return town


@pytest.fixture
def site(town, monkeypatch):
    """The application on the next afternoon, with a desk of each sort."""
    monkeypatch.setattr(password, "HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    app = create_app(town.path, language="en", clock=lambda: LATER, serving=NAMED)
    for name, role, area in DESKS:
        app.state.doorman.accounts.add(name, GOOD, role=role, area=area)
    return app


def ids_of(site, area):
    """Open items that lie in an area."""
    items = site.state.books.ledger().items(open_only=True, area=area)
    return set(items["item_id"])


def test_the_board_tells_of_ones_own_area_alone_by_page_and_by_program(site):
    """A township's board names no item, and no organisation, that is not its own; the leader's names both townships."""
    office, leader = signed_in(site, "town-1"), signed_in(site, "desk-1")
    text = office.get("/supervision").text
    rows = office.get("/api/v1/supervision").json()["items"]

    assert set(items_on(office, "/supervision")) <= ids_of(site, "城关街道")
    assert "河西镇" not in text
    assert {row["body"] for row in rows} == {"城关街道"}
    assert {row["body"] for row in leader.get("/api/v1/supervision").json()["items"]} >= {"城关街道", "河西镇"}


def test_the_board_says_since_when_what_is_next_and_who(site):
    """A line of the board: how late, by when it was due, where it stands, the next step with the roles that take it, and the card."""
    text = signed_in(site, "watcher").get("/supervision").text

    assert "long overdue" in text
    assert "acknowledge: township centre, county centre" in text
    assert "due since 2025-01-08 10:00" in text
    assert "Supervision card: <a href=" in text
    assert "A lead to verify" in text


def test_a_settled_card_stays_on_the_board_for_a_week(site):
    """Once the step was taken the card is told as settled, with when it was raised and when it was settled."""
    leader = signed_in(site, "desk-1")
    ledger = site.state.books.ledger()
    cards = ledger.items(kind="supervision")
    take(leader, cards["parent"].iloc[0], "acknowledge")
    watch(ledger)
    text = leader.get("/supervision").text

    assert "No card was settled" not in text
    assert f'href="/desk/{cards["item_id"].iloc[0]}"' in text.partition("Cards settled")[2]


@pytest.mark.parametrize("path", ["/supervision", "/handover", "/meeting", "/summary"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_page_of_the_duty_is_for_those_on_duty_and_holds_the_caution(site, path, language):
    """An analyst is refused; who is on duty reads it in either language, with the sentence that it is a lead to verify, and takes no step by reading."""
    before = len(site.state.books.ledger().trail())
    answer = signed_in(site, "desk-1").get(path, params={"lang": language})

    assert signed_in(site, "analyst").get(path).status_code == 403
    assert answer.status_code == 200
    assert {"zh": "线索", "en": "A lead to verify"}[language] in answer.text
    assert len(site.state.books.ledger().trail()) == before


@pytest.mark.parametrize(
    "asked",
    ["/handover?hours=60", "/supervision?body=%2A&clock=acknowledge", "/summary?period=2025-01", "/worklist?hands=3"],
)
def test_another_language_shows_the_same(site, asked):
    """What was chosen on a page of the duty is still chosen when it is read in the other language."""
    (other,) = re.findall(r'class="tongue" href="([^"]+)"', signed_in(site, "desk-1").get(asked).text)

    assert html.unescape(other) == f"{asked}&lang=zh"


def test_what_lies_with_nobody_is_a_body_of_the_board(site):
    """`*` asks for what is of the whole city and lies with no organisation, at the page and by program, and for nothing else."""
    leader = signed_in(site, "desk-1")
    every = leader.get("/api/v1/supervision").json()["items"]
    nobodys = [row["item_id"] for row in every if not row["body"]]
    text = leader.get("/supervision", params={"body": "*"}).text

    assert nobodys
    assert leader.get("/api/v1/supervision", params={"body": "城关街道*"}).json()["items"] == []
    assert [r["item_id"] for r in leader.get("/api/v1/supervision", params={"body": "*"}).json()["items"]] == nobodys
    assert all(f'id="{item_id}"' in text for item_id in nobodys)
    assert "whole city, no one named <span" in text


def test_bodies_are_called_by_area_department_and_words(site):
    """A department is told as one of its area, the star is the whole city, and no code is that no one is named."""
    night = site.state.nights.newest()
    known = Altered(night, places=Altered(night.places, called={"990102009000": "Ninth Township"}))
    called = bodies_of(known, "en")

    assert called("*") == "whole city"
    assert called("") == "whole city, no one named"
    assert called("990102009000-D1") == "department D1 of Ninth Township"
    assert called("hotline") == "hotline requests"


def test_an_item_of_an_area_is_called_by_its_name(site):
    """What leads no grid has the name of the smallest area it lies in, not its code."""
    item = next(Item.of(row) for row in site.state.books.ledger().items().itertuples(index=False))
    item = replace(item, kind="alert", grid_ids="", path="C1/990102009000")

    assert title_of(item, {"990102009000": "Ninth Township"}, "en") == "Ninth Township"


def hand_over(client, remarks, hours="60"):
    """Keep a handover by its form."""
    csrf = re.search(r'name="csrf" value="([0-9a-f]+)"', client.get("/handover").text)[1]
    return client.post("/handover", data={"csrf": csrf, "hours": hours, "remarks": remarks}, follow_redirects=False)


@pytest.mark.parametrize("hours", ["0", "73", "", "x", "1.5", "0720", "1" * 5000])
def test_a_shift_of_no_length_there_is_cannot_be_handed_over(site, hours):
    """The form takes 1 to 72 hours as the page does, and refuses anything else in words; nothing is kept."""
    leader = signed_in(site, "desk-1")

    assert hand_over(leader, "", hours=hours).status_code == 422
    assert leader.get("/handover", params={"hours": hours}).status_code == 422
    assert notes(site.state.books.ledger()) == []


def test_remarks_keep_their_lines(site):
    """Lines end as a browser sends them, and no mark of it is kept."""
    leader = signed_in(site, "desk-1")
    kept = leader.get(hand_over(leader, "one\r\ntwo").headers["location"]).text

    assert "\r" not in kept
    assert kept.index("one</p>") < kept.index("two</p>")


def test_a_handover_says_what_came_what_was_done_what_is_due_and_which_feed_is_not_normal(site):
    """It is generated from the ledger and the night: counts, results, matters with whom they lie, and the hotline that stopped."""
    leader = signed_in(site, "desk-1")
    text = leader.get("/handover", params={"hours": 60}).text

    assert re.search(r"\d+ alerts? came: ", text)
    assert "supervision cards were opened" in text
    assert "(overdue)" in text
    assert "hotline" in text.partition("5. Feeds that are not normal")[2]
    assert "No step was taken." in text


def test_a_handover_is_kept_with_remarks_and_read_again_as_it_was(site):
    """Kept, it has an address of its own with the remarks and who wrote them; later steps do not change it."""
    leader = signed_in(site, "desk-1")
    where = hand_over(leader, "Watch the <b>hotline</b>").headers["location"]
    kept = leader.get(where).text
    take(leader, items_on(leader)[0], "acknowledge")

    assert where.endswith("?said=kept")
    assert "Watch the &lt;b&gt;hotline&lt;/b&gt;" in kept
    assert "shift leader, whole city" in kept
    assert (
        leader.get(where).text.partition("<main")[2].partition("<details")[0]
        == kept.partition("<main")[2].partition("<details")[0]
    )
    assert signed_in(site, "town-1").get(where).status_code == 404


def test_a_person_in_the_remarks_is_refused_in_words(site):
    """A telephone number keeps nothing and is not repeated."""
    leader = signed_in(site, "desk-1")
    where = hand_over(leader, "ring 13812345678").headers["location"]

    assert where == "/handover?said=person"
    text = leader.get(where).text
    assert "nothing was kept" in text
    assert "13812345678" not in text


def test_a_township_hands_over_its_own_matters(site):
    """What another township has is in neither its page nor its file."""
    office = signed_in(site, "town-1")
    for path in ("/handover?hours=60", "/handover.html?hours=60"):
        text = office.get(path).text
        assert "城关街道" in text
        assert "河西镇" not in text


@pytest.mark.parametrize("paper", ["handover", "meeting", "summary"])
@pytest.mark.parametrize("ending", ["docx", "xlsx", "html"])
def test_a_paper_is_taken_as_a_file_by_who_may_export(site, paper, ending):
    """The same paper as a document, a workbook or a page, with the caution in it; a grid head reads it on the screen alone."""
    site.state.doorman.accounts.add("grid-1", GOOD, role="grid_head", area="城关街道")
    answer = signed_in(site, "desk-1").get(f"/{paper}.{ending}")

    assert answer.status_code == 200
    assert answer.content[:2] == (b"<!" if ending == "html" else b"PK")
    assert "attachment" in answer.headers["content-disposition"]
    assert signed_in(site, "grid-1").get(f"/{paper}.{ending}").status_code == 403
    assert signed_in(site, "grid-1").get(f"/{paper}").status_code == (403 if paper == "summary" else 200)


def test_the_meeting_names_places_and_bodies_in_words(site):
    """A matter of several agencies: the place by its grid, the agencies by their words, what is to be decided; a seam by its two townships."""
    night = site.state.nights.newest()
    one, other = "G0001", "G0003"
    gaps = night.gaps.head(2).assign(
        kind=["G11", "G10"],
        scope=["place:0a1b", f"pair:{one}|{other}"],
        state="open",
        suppressed_by="",
        action=["A3", "A5"],
        evidence=[
            json.dumps(
                {
                    "events": 4,
                    "window_days": 28,
                    "separate_cases": 2,
                    "feeds": {"hotline": 2, "police_call": 2},
                    "grids": [one],
                }
            ),
            json.dumps({"near_border": 40, "expected": 9.0, "places": 6, "coded_to_both": 2, "window_days": 730}),
        ],
    )
    books = Books(site.state.nights.store, lambda: LATER)
    text = meeting_paper(Altered(night, gaps=gaps), books, at_the_machine(roles()), "en")
    cross, seam, bounce, _ = text.sections

    assert "0a1b" not in json.dumps([row.cells for s in text.sections for t in s.tables for row in t.rows])
    assert night.names[one] in cross.tables[0].rows[0].cells["place"]
    assert "城关街道" in cross.tables[0].rows[0].cells["who"]
    assert seam.tables[0].rows[0].cells["who"] == "城关街道, 河西镇"
    assert bounce.lines == ("None this week.",)


def test_the_summary_tells_of_organisations_with_too_few_as_too_few(site):
    """Of a month: the response by organisation, no share of few, the note that it is of no person; another month is as empty as it was."""
    leader = signed_in(site, "desk-1")
    text = leader.get("/summary", params={"period": "2025-01"}).text

    assert re.search(r"\d+ alerts? (was|were) published", text)
    assert "too few (" in text
    assert "Never of people" in text
    assert "Not for ranking" in text
    assert "No alert was published in this period." in leader.get("/summary", params={"period": "2024-Q2"}).text
    assert leader.get("/summary", params={"period": "2025-13"}).status_code == 422


def test_a_township_is_told_its_own_summary(site):
    """No other organisation's response stands in it, on the page or in the file."""
    office = signed_in(site, "town-1")
    for path in ("/summary", "/summary.html"):
        text = office.get(path, params={"period": "2025-01"}).text
        assert "城关街道" in text
        assert "河西镇" not in text


@pytest.mark.parametrize("ending", ["docx", "xlsx", "html", "json"])
def test_the_summary_is_written_at_the_command_line(town, tmp_path, capsys, ending):
    """The same summary as a file of each kind, in the language asked for; a period that is none writes nothing."""
    target = tmp_path / f"january.{ending}"
    asked = ["--out", str(target), "--language", "en", "--store", str(town.path)]

    assert main(["summary", "2025-01", *asked]) == 0
    assert target.stat().st_size > 1000
    if ending == "json":
        assert "Response by organisation" in target.read_text("utf-8")
    assert main(["summary", "January", *asked[:1], str(tmp_path / "no.json"), *asked[2:]]) == DataError.exit_code
    assert not (tmp_path / "no.json").exists()
    assert "a period is a month" in capsys.readouterr().err
