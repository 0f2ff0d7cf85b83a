"""A day of the centre in a real browser: four roles, two people at once, a phone without a line, and texts that are no markup."""

import re
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

from argon2 import PasswordHasher
from browsing import CHROMIUM, FLAGS, LATER, Desk, staffed
from conftest import absent
from towns import web as web_town

from riskwarn.access import password
from riskwarn.ledger import Ledger, enter, notes, watch
from riskwarn.store import Store

MARKUP = [
    open_ + call + close
    for call in ("alert(1)", "confirm`1`", "top['al'+'ert'](1)", "fetch('//evil.example')")
    for open_, close in (
        ("<script>", "</script>"),
        ("<img src=x onerror=", ">"),
        ("<svg/onload=", ">"),
        ('"><a href=javascript:', ">x</a>"),
        ("'-", "-'"),
        ("{{", "}}"),
        ("</textarea><script>", "</script>"),
        ("<iframe srcdoc='<script>", "</script>'>"),
        ("javascript:", "//"),
        ('" autofocus onfocus=', ' x="'),
    )
]
"""Forty texts that run where a page does not escape."""


@pytest.fixture(params=["sqlite", "postgresql"])
def town(tmp_path, request, monkeypatch):
    """A town with its night in a ledger of either database."""
    if not CHROMIUM.exists():
        absent(f"no browser at {CHROMIUM}")
    monkeypatch.setattr(password, "HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    if request.param == "postgresql":
        monkeypatch.setenv("RISKWARN_LEDGER", request.getfixturevalue("postgres_database"))
    built = web_town.build(tmp_path / "built")
    store = Store(shutil.copytree(built.path, tmp_path / "town"))
    with Ledger(store) as ledger:
        enter(ledger, at="2025-01-08 07:30")
        watch(ledger, at=LATER - pd.Timedelta(hours=1))
    return store


@pytest.mark.slow
def test_a_day_of_the_centre(town):
    """Read, assign, two at once, report from a phone without a line, verify, supervise and hand over; nothing runs, nothing leaves, nothing is complained of."""
    from playwright.sync_api import sync_playwright

    faults = []
    with staffed(town, called=MARKUP) as (address, app), sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        lead, other = (Desk(chromium, address, name, faults) for name in ("lead", "lead2"))
        phone = Desk(chromium, address, "town", faults, viewport={"width": 390, "height": 844})
        ledger = app.state.books.ledger()
        item = next(i for i in ledger.items(kind="alert", area="城关街道")["item_id"])

        for language in ("zh", "en"):  # 07:30, 10:00
            for path in (
                "/",
                "/desk",
                "/worklist",
                "/supervision",
                "/handover?hours=60",
                "/meeting",
                "/visits",
                "/summary",
                "/centres",
            ):
                lead.page.goto(f"{path}{'&' if '?' in path else '?'}lang={language}")
                assert lead.page.evaluate("() => document.documentElement.scrollWidth") <= 1280
                phone.page.goto(f"{path}{'&' if '?' in path else '?'}lang={language}")
                assert phone.page.evaluate("() => document.documentElement.scrollWidth") <= 390, path

        other.page.goto(f"/desk/{item}")  # 08:15, two at once
        lead.step(item, "acknowledge")
        other.page.locator("form.take:has(input[value=acknowledge]) button").click()
        other.page.wait_for_load_state()
        assert "Somebody was faster: shift leader, acknowledge" in other.page.inner_text("main")
        lead.step(item, "assign", area="城关街道")

        phone.page.goto(f"/desk/{item}")  # 17:30, without a line
        phone.context.set_offline(True)
        form = phone.page.locator("form.take:has(input[value=feedback])")
        form.locator("select").select_option("O3")
        form.locator("button").click()
        phone.page.wait_for_selector("#queue:not([hidden])")
        assert "kept on this phone" in phone.page.inner_text("#queue")
        assert ledger.item(item).state == "assigned"
        phone.context.set_offline(False)
        phone.page.wait_for_function("() => document.getElementById('queue').textContent.indexOf('Sent') === 0")
        assert ledger.item(item).state == "feedback"
        assert phone.page.evaluate("() => localStorage.length") == 0

        county = Desk(chromium, address, "county", faults)
        county.step(item, "verify")
        assert county.step(item, "close").inner_text("[role=status]:not(#queue)") == "Done."

        for text in MARKUP:  # evening: 40 texts where users can set one
            lead.page.goto("/supervision?body=" + re.sub(r"[%&#+]", "", text)[:60])
        for text in MARKUP[::8]:
            lead.page.goto("/handover")
            lead.page.fill("#remarks", text)
            lead.page.click("form.take:has(#remarks) button")
            lead.page.wait_for_load_state()
            assert text in lead.page.inner_text(".paper")
        assert len(notes(ledger)) == len(MARKUP[::8])
        lead.page.locator("form[action*=sign-out] button").click()
        lead.page.wait_for_load_state()
        chromium.close()
        assert ledger.verify().sound
    assert faults == []
