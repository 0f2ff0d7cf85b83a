"""The pages of the duty: who sees what, in which words, and what is written by whom."""

import shutil

import pandas as pd
import pytest
from argon2 import PasswordHasher
from test_web_desk import GOOD, items_on, signed_in, take
from towns import web as web_town
from visiting import NAMED

from riskwarn.access import password
from riskwarn.ledger import Ledger, enter, watch
from riskwarn.store import Store
from riskwarn.web import create_app

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
        watch(ledger, at=LATER)
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


@pytest.mark.parametrize("path", ["/supervision"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_page_of_the_duty_is_for_those_on_duty_and_holds_the_caution(site, path, language):
    """An analyst is refused; who is on duty reads it in either language, with the sentence that it is a lead to verify, and takes no step by reading."""
    before = len(site.state.books.ledger().trail())
    answer = signed_in(site, "desk-1").get(path, params={"lang": language})

    assert signed_in(site, "analyst").get(path).status_code == 403
    assert answer.status_code == 200
    assert {"zh": "线索", "en": "A lead to verify"}[language] in answer.text
    assert len(site.state.books.ledger().trail()) == before
