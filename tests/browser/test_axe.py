"""Accessibility of every page of a real night: axe-core finds nothing, in both languages, at all widths, on light and on dark ground."""

import hashlib
import itertools
import json
import sys
from pathlib import Path

import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

import towns
from argon2 import PasswordHasher
from browsing import GOOD, Desk, browser, on_loopback, opened  # noqa: F401 - fixture
from towns import real

from riskwarn.access import password
from riskwarn.access.role import ANYONE
from riskwarn.ledger import Actor, Ledger, account_digest, enter, keep_note, shift, watch
from riskwarn.web import create_app
from riskwarn.web.nights import Nights
from riskwarn.web.policy import policies

VENDOR = Path(__file__).parent / "vendor"
AXE = (VENDOR / "axe" / "axe.min.js").read_text("utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
ASK = """rules => axe.run(document, {runOnly: rules}).then(
  found => found.violations.map(v => v.id + ": " + v.nodes.slice(0, 3).map(n => n.html.slice(0, 120)).join(" | ")))"""
NO_PAGES = (
    "/api/",
    "/static",
    "/outlines",
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/v2",
    "/sign-in/sso",
    "/sign-out/sso",
)
"""What the route table holds besides pages; a file of a page has an ending."""
STATUS = {"/grids/nowhere": 404}
"""Of the pages that are not there."""
STAFF = {"lead": "shift_leader", "keeper": "admin", "reader": "auditor"}
WIDTHS, LANGUAGES, THEMES = (390, 1366, 1920), ("zh", "en"), ("light", "dark")


@pytest.fixture(scope="module")
def site(browser, tmp_path_factory):
    """A tab of each of the staff and of a guest, and the addresses of all pages with the tab that may open each."""
    store = towns.copy(real.store(), tmp_path_factory.mktemp("axe") / "town")
    morning = Nights(store).at().as_of + pd.Timedelta(hours=7, minutes=30)
    with pytest.MonkeyPatch.context() as patch, Ledger(store) as ledger:
        patch.setattr(password, "HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        enter(ledger, at=morning)
        watch(ledger, at=morning + pd.Timedelta(days=2))
        made = shift(ledger, morning - pd.Timedelta(hours=1), morning + pd.Timedelta(hours=1))
        note = keep_note(ledger, made, Actor("shift_leader"), remarks="quiet", language="en", body=[])
        app = create_app(store.path, clock=lambda: morning + pd.Timedelta(days=2))
        app.state.rates = None
        for name, role in STAFF.items():
            app.state.doorman.accounts.add(name, GOOD, role=role)
        with on_loopback(app) as address:
            tabs = {name: Desk(browser, address, name, [], bypass_csp=True).page for name in STAFF}
            tabs["guest"] = browser.new_context(base_url=address, bypass_csp=True).new_page()
            yield tabs, list(_pages(app, note))


def _pages(app, note):
    """Address of each page, and who opens it."""
    night, accounts = app.state.nights.newest(), app.state.doorman.accounts
    item = app.state.books.ledger().items(kind="alert", open_only=True)["item_id"].iloc[0]
    grid = night.alerts["grid_ids"].iloc[0].split()[0]
    kind, area = night.gaps["kind"].iloc[0], night.scores["township_id"].iloc[0]
    filled = {
        "/grids/{grid_id}": [f"/grids/{grid}"],
        "/grids/{grid_id}/events": [f"/grids/{grid}/events?feature={night.reasons_of([grid])['feature'].iloc[0]}"],
        "/desk/{item_id}": [f"/desk/{item}"],
        "/handover/{note_id}": [f"/handover/{note}"],
        "/admin/users/{user_id}": [f"/admin/users/{account_digest(accounts.store.path, 'lead')}"],
        "/alerts": ["/alerts", f"/alerts?gap={kind}"],
        "/gaps": ["/gaps", f"/gaps?kind={kind}"],
        "/search": ["/search?q=01"],
        "/centres": ["/centres", f"/centres?area={area}"],
    }
    for method, path, policy in policies(app):
        if method == "GET" and not path.startswith(NO_PAGES) and "{ending}" not in path:
            fits = (name for name in STAFF if policy.fits(accounts.visitor(accounts.account(name))))
            who = "guest" if policy.permission == ANYONE else next(fits)
            yield from ((each, who) for each in filled.get(path, [path]))
    yield from ((path, "lead") for path in STATUS)


def found_on(site, looks):
    """What is found on each page in the looks it is given."""
    tabs, pages = site
    found = {}
    for n, (path, who) in enumerate(pages):
        for width, language, theme in looks(n):
            page = tabs[who]
            page.set_viewport_size({"width": width, "height": 768})
            page.emulate_media(color_scheme=theme)
            opened(page, f"{path}{'&' if '?' in path else '?'}lang={language}", STATUS.get(path, 200))
            page.evaluate(AXE)
            if said := page.evaluate(ASK, RULES):
                found[path, width, language, theme] = said
    return found


def test_axe_is_what_its_manifest_says():
    """The checker is vendored for the tests alone, with its licence and checksums."""
    (library,) = json.loads((VENDOR / "manifest.json").read_text("utf-8"))
    there = {
        str(p.relative_to(VENDOR)): hashlib.sha256(p.read_bytes()).hexdigest() for p in VENDOR.rglob("*") if p.is_file()
    }

    assert there.pop("manifest.json")
    assert there == library["files"]
    assert library["licence_file"] in there


@pytest.mark.slow
def test_no_violation_on_any_page(site):
    """Not one violation of WCAG 2.2 AA or of best practice: every page on a telephone and in an office, in both languages and themes, each pair of these somewhere."""

    def looks(n):
        language, theme = n % 2, n // 2 % 2
        office = WIDTHS[1 + n // 4 % 2]
        return (WIDTHS[0], LANGUAGES[language], THEMES[theme]), (office, LANGUAGES[1 - language], THEMES[1 - theme])

    assert len(site[1]) > 25
    assert {pair for n in range(8) for look in looks(n) for pair in itertools.combinations(look, 2)} == {
        pair for look in itertools.product(WIDTHS, LANGUAGES, THEMES) for pair in itertools.combinations(look, 2)
    }
    assert found_on(site, looks) == {}


@pytest.mark.slow
def test_no_violation_in_any_look(site):
    """The same in every language, width and theme that a page can have."""
    assert found_on(site, lambda n: itertools.product(WIDTHS, LANGUAGES, THEMES)) == {}


def test_nothing_is_lost_at_twice_the_size(site):
    """At 200 %, which is half the width, no page scrolls sideways."""
    tabs, pages = site
    wide = []
    for path, who in pages:
        page = tabs[who]
        page.set_viewport_size({"width": 683, "height": 384})
        page.emulate_media(color_scheme="light")
        if opened(page, path, STATUS.get(path, 200)).evaluate("() => document.documentElement.scrollWidth") > 683:
            wide.append(path)

    assert wide == []
