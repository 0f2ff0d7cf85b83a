"""Accessibility of every page of a real night: axe-core finds nothing, in both languages and widths; nothing is lost at 200 %."""

import hashlib
import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

from browsing import browser, opened, served  # noqa: F401 - fixtures
from towns import real

from riskwarn.web.nights import Nights

VENDOR = Path(__file__).parent / "vendor"
AXE = (VENDOR / "axe" / "axe.min.js").read_text("utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
ASK = """rules => axe.run(document, {runOnly: rules}).then(
  found => found.violations.map(v => v.id + ": " + v.nodes.slice(0, 3).map(n => n.html.slice(0, 120)).join(" | ")))"""


@pytest.fixture(scope="module")
def site():
    """Address of the pages of a real night, and the paths that are looked at."""
    store = real.store()
    night = Nights(store).at()
    grid = night.alerts["grid_ids"].iloc[0].split()[0]
    feature = night.reasons_of([grid])["feature"].iloc[0]
    kind = night.gaps["kind"].iloc[0]
    paths = (
        "/",
        "/alerts",
        f"/alerts?gap={kind}",
        "/gaps",
        f"/gaps?kind={kind}",
        "/grids",
        f"/grids/{grid}",
        f"/grids/{grid}/events?feature={feature}",
        "/review",
        "/search?q=01",
        "/feeds",
        "/model",
    )
    with served(store) as where:
        yield where, paths


def test_axe_is_what_its_manifest_says():
    """The checker is vendored for the tests alone, with its licence and checksums."""
    (library,) = json.loads((VENDOR / "manifest.json").read_text("utf-8"))
    there = {
        str(p.relative_to(VENDOR)): hashlib.sha256(p.read_bytes()).hexdigest() for p in VENDOR.rglob("*") if p.is_file()
    }

    assert there.pop("manifest.json")
    assert there == library["files"]
    assert library["licence_file"] in there


@pytest.mark.parametrize("width", [1366, 390])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_no_violation_on_any_page(browser, site, language, width):
    """Not one violation of WCAG 2.2 AA or of best practice on any page."""
    where, paths = site
    context = browser.new_context(viewport={"width": width, "height": 768}, base_url=where, bypass_csp=True)
    page = context.new_page()
    found = {}
    for path in paths:
        opened(page, f"{path}{'&' if '?' in path else '?'}lang={language}")
        page.evaluate(AXE)
        found[path] = page.evaluate(ASK, RULES)
    context.close()

    assert found == {path: [] for path in paths}


def test_nothing_is_lost_at_twice_the_size(browser, site):
    """At 200 %, which is half the width, no page scrolls sideways."""
    where, paths = site
    context = browser.new_context(viewport={"width": 683, "height": 384}, device_scale_factor=2, base_url=where)
    page = context.new_page()
    wide = [path for path in paths if opened(page, path).evaluate("() => document.documentElement.scrollWidth") > 683]
    context.close()

    assert wide == []
