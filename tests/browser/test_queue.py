"""Steps from a list in one click, and steps on a bad line: kept on the phone until the server has answered for good, and sent by nobody but who took them."""

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

from argon2 import PasswordHasher
from browsing import LATER, Desk, browser, staffed  # noqa: F401 - fixture
from towns import web as web_town

from riskwarn.access import password
from riskwarn.ledger import Ledger, enter
from riskwarn.store import Store

KEPT = "() => Object.keys(localStorage).filter(name => name.indexOf('riskwarn-queue') === 0).map(name => JSON.parse(localStorage[name]).length)"


@pytest.fixture
def centre(tmp_path, monkeypatch):
    """A town whose night is in the ledger, served with its desks: its address and its ledger."""
    monkeypatch.setattr(password, "HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    built = web_town.build(tmp_path / "built")
    store = Store(shutil.copytree(built.path, tmp_path / "town"))
    with Ledger(store) as ledger:
        enter(ledger, at=LATER)
    with staffed(store) as (address, app):
        yield address, app.state.books.ledger()


def kept_step(desk, ledger):
    """A step that the first open alert takes without a line: the alert."""
    item = ledger.items(kind="alert", open_only=True)["item_id"].iloc[0]
    desk.page.goto(f"/desk/{item}")
    desk.context.set_offline(True)
    desk.page.locator("form.take:has(input[value=acknowledge]) button").click()
    desk.page.wait_for_selector("#queue:not([hidden])")
    return item


def says(desk, words):
    """Wait until the page says what became of the step."""
    desk.page.wait_for_function("words => document.getElementById('queue').textContent.indexOf(words) === 0", arg=words)


@pytest.mark.parametrize("status", [500, 503, 429, 408, 403, 401])
def test_a_step_stays_until_it_is_answered_for_good(browser, centre, status):
    """A server that fails, is too busy or does not know the session has not taken the step: it stays, and goes with the next page."""
    address, ledger = centre
    lead = Desk(browser, address, "lead", [])
    item = kept_step(lead, ledger)
    lead.page.route("**/desk/*", lambda route: route.fulfill(status=status) if route.request.method == "POST" else None)
    lead.context.set_offline(False)

    says(lead, "Not taken yet")
    assert lead.page.evaluate(KEPT) == [1]
    assert ledger.item(item).state == "published"

    lead.page.unroute("**/desk/*")
    lead.page.goto("/desk")
    says(lead, "Sent")
    assert ledger.item(item).state == "acknowledged"
    assert lead.page.evaluate(KEPT) == []
    lead.context.close()


def test_nobody_sends_the_steps_of_another(browser, centre):
    """Who signs in next on the same phone sends nothing; who took the step sends it when she is back."""
    address, ledger = centre
    phone = Desk(browser, address, "lead", [])
    item = kept_step(phone, ledger)
    phone.context.clear_cookies()
    phone.context.set_offline(False)
    phone.page.close()
    phone.page = phone.context.new_page()
    for name, state in (("lead2", "published"), ("lead", "acknowledged")):
        phone.context.clear_cookies()
        phone.sign_in(name)
        phone.page.goto(f"/desk/{item}")
        phone.page.wait_for_load_state("networkidle")

        assert ledger.item(item).state == state
    phone.context.close()


def test_signing_out_on_any_page_clears_the_phone(browser, centre):
    """What was kept is gone with the session, on whatever page it ends."""
    address, ledger = centre
    lead = Desk(browser, address, "lead", [])
    kept_step(lead, ledger)
    lead.page.route("**/desk/*", lambda route: route.fulfill(status=503) if route.request.method == "POST" else None)
    lead.context.set_offline(False)
    says(lead, "Not taken yet")
    lead.page.goto("/alerts")
    assert lead.page.evaluate(KEPT) == [1]

    lead.page.locator("form[action*=sign-out] button").click()
    lead.page.wait_for_url("**/sign-in*")
    assert lead.page.evaluate(KEPT) == []
    lead.context.close()


def test_steps_of_nobody_known_are_dropped(browser, centre):
    """What an older page kept without saying whose it is leaves the phone unsent."""
    address, ledger = centre
    lead = Desk(browser, address, "lead", [])
    item = ledger.items(kind="alert", open_only=True)["item_id"].iloc[0]
    step = f"[{{id: '1', path: '/desk/{item}', body: 'action=acknowledge&version=1'}}]"
    lead.page.evaluate(f"() => localStorage.setItem('riskwarn-queue', JSON.stringify({step}))")
    assert lead.page.evaluate(KEPT) == [1]

    lead.page.goto("/desk")
    lead.page.wait_for_load_state("networkidle")
    assert lead.page.evaluate(KEPT) == []
    assert ledger.item(item).state == "published"
    lead.context.close()


# -- one click -----------------------------------------------------------------------------------------------------------


def test_one_key_acknowledges_where_one_is(browser, centre):
    """The line says so itself and stays chosen; the page around it is not read anew."""
    address, ledger = centre
    lead = Desk(browser, address, "lead", [])
    lead.page.goto("/")
    lead.page.evaluate("() => { window.stayed = true; }")
    lead.page.keyboard.press("j")
    while not lead.page.query_selector(".line.chosen [data-key=a]"):
        lead.page.keyboard.press("j")
    line = lead.page.get_attribute(".line.chosen", "id")
    lead.page.keyboard.press("a")
    lead.page.wait_for_selector(f".line.chosen[id='{line}']:not(:has([data-key=a]))")

    assert lead.page.evaluate("() => window.stayed && document.activeElement.classList.contains('chosen')")
    states = ledger.items(kind="alert", source_ids=[line])["state"].tolist()
    assert states == ["acknowledged"]
    lead.context.close()


def test_who_was_slower_is_told_by_a_page(browser, centre):
    """A step that another has taken meanwhile is not taken twice, and the page says who was faster."""
    address, ledger = centre
    lead, other = (Desk(browser, address, name, []) for name in ("lead", "lead2"))
    lead.page.goto("/")
    other.page.goto("/")
    line = lead.page.locator(".line:has([data-key=a])").first.get_attribute("id")
    before = ledger.items(kind="alert", source_ids=[line])["version"].item()
    for desk in (other, lead):
        desk.page.locator(f".line[id='{line}'] [data-key=a]").click()
        if desk is other:
            desk.page.wait_for_selector(f".line[id='{line}']:not(:has([data-key=a]))")
    lead.page.wait_for_url("**/desk/*said=conflict*")

    assert "Somebody was faster" in lead.page.inner_text("main")
    assert ledger.items(kind="alert", source_ids=[line])["version"].item() == before + 1
    lead.context.close()
    other.context.close()
