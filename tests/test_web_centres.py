"""The centres: each with a morning page of its own, seen by whoever sees its area."""

import re
import shutil

import pytest
from argon2 import PasswordHasher
from test_web_desk import GOOD, items_on, signed_in
from towns import web as web_town
from visiting import NAMED

from riskwarn.access import password
from riskwarn.ledger import Ledger, enter
from riskwarn.store import Store
from riskwarn.web import create_app

HERE, THERE, COUNTY = "城关街道", "河西镇", "甲县"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return web_town.build(tmp_path_factory.mktemp("centres") / "town")


@pytest.fixture
def site(built, tmp_path, monkeypatch):
    monkeypatch.setattr(password, "HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    own = Store(shutil.copytree(built.path, tmp_path / "town"))
    with Ledger(own) as ledger:
        enter(ledger)
    app = create_app(own.path, language="en", clock=lambda: web_town.NOW, serving=NAMED)
    for name, role, area in (
        ("lead", "shift_leader", "*"),
        ("county", "county_centre", COUNTY),
        ("town", "township_centre", HERE),
    ):
        app.state.doorman.accounts.add(name, GOOD, role=role, area=area)
    return app


@pytest.mark.parametrize(
    ("name", "seen"), [("lead", {COUNTY, HERE, THERE}), ("county", {COUNTY, HERE, THERE}), ("town", {HERE})]
)
def test_who_sees_an_area_sees_its_centres(site, name, seen):
    """The list names the centres of the visitor's own area and below; each leads to its page, any other is as one there is not."""
    client = signed_in(site, name)
    for area in (COUNTY, HERE, THERE):
        answer = client.get("/centres", params={"area": area})
        assert answer.status_code == (200 if area in seen else 404)
        assert (area in client.get("/centres").text.partition("<main")[2]) == (area in seen)
    assert client.get("/centres", params={"area": "nowhere"}).status_code == 404


def test_the_page_of_a_township_holds_its_own_alerts_alone(site):
    """To whoever looks, leader or township, it lists what lies there and nothing of the other township."""
    ledger = site.state.books.ledger()
    for name in ("lead", "town"):
        client = signed_in(site, name)
        own = items_on(client, f"/centres?area={HERE}")
        assert own
        assert all(HERE in ledger.item(item_id).path.split("/") for item_id in own)


def test_the_levels_of_townships_add_up_to_their_county(site):
    """What stands in the line of a county is what stands in those of its townships together."""
    text = signed_in(site, "lead").get("/centres").text
    rows = re.findall(r'<th scope="row"( class="below")?>.*?</th>(.*?)</tr>', text)
    counts = [
        (bool(below), [int(n) for n in re.findall(r'<td class="num[^>]*>(?:<b[^>]*>)?(\d+)', cells)][:4])
        for below, cells in rows
    ]
    county = next(levels for below, levels in counts if not below)
    towns = [levels for below, levels in counts if below]

    assert county == [sum(n) for n in zip(*towns, strict=True)]
    assert sum(county) == len(site.state.nights.at().alerts)
