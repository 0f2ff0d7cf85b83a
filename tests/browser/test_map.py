"""The list and the map as one view in a real browser: filters, keyboard, pins, and one's own area."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

from argon2 import PasswordHasher
from browsing import address, browser, opened, served, tab  # noqa: F401 - fixtures
from towns import web as web_town

from riskwarn.access import Accounts, password

GOOD = "a sentence nobody guesses"
FILTER = "#f-level"


@pytest.fixture(scope="module")
def crowded(tmp_path_factory):
    """Address of a town of 300 grids, 24 of them in the list."""
    store = web_town.build(tmp_path_factory.mktemp("crowded") / "town", columns=30, rows=10)
    with served(store) as where:
        yield where


def pins(tab):
    return tab.locator(".pin").all_inner_texts()


def test_a_filter_changes_list_map_and_address_without_a_reload(tab):
    """The page stays, the list and the pins are those of the level, and the address holds the filter."""
    opened(tab, "/alerts?lang=en")
    tab.evaluate("() => { window.stays = true; }")
    assert tab.locator("#results .line").count() == 4
    assert pins(tab) == ["1", "2", "3", "4"]

    tab.select_option(FILTER, "red")
    tab.wait_for_selector("#filters[data-shown*='level=red']")

    assert tab.evaluate("() => window.stays")
    assert "level=red" in tab.url
    assert tab.locator("#results .line").count() == 1
    assert pins(tab) == ["1"]
    assert tab.locator("#fit").inner_text().startswith("1 alert fits")


def test_the_back_button_leads_to_the_filter_before(tab):
    """Back, the list, the form and the map are as they were; forward, as they were then."""
    opened(tab, "/alerts?lang=en")
    tab.select_option(FILTER, "red")
    tab.wait_for_selector("#filters[data-shown*='level=red']")
    tab.go_back()
    tab.wait_for_function("() => document.querySelectorAll('#results .line').length === 4")

    assert tab.input_value(FILTER) == ""
    assert len(pins(tab)) == 4

    tab.go_forward()
    tab.wait_for_function("() => document.querySelectorAll('#results .line').length === 1")
    assert tab.input_value(FILTER) == "red"


def test_a_shared_address_shows_the_same(tab):
    """Whoever opens the address of a filtered view sees the filtered list, form and map."""
    opened(tab, "/alerts?lang=en&level=orange&gap=G20")

    assert tab.input_value(FILTER) == "orange"
    assert tab.input_value("#f-gap") == "G20"
    assert pins(tab) == ["1"]
    assert tab.locator(".gapkey:visible").count() == 1
    assert tab.locator(".riskkey:visible").count() == 0


def test_filters_hold_without_scripts(browser, address):
    """The form alone does the same: it is sent, and the list is that of the level."""
    context = browser.new_context(java_script_enabled=False, base_url=address)
    page = context.new_page()
    page.goto("/alerts?lang=en")
    page.select_option(FILTER, "red")
    page.click(".filter.go button")

    assert page.locator("#results .line").count() == 1
    assert page.input_value(FILTER) == "red"
    assert not page.locator("#map").is_visible()
    context.close()


def test_grids_are_reached_by_keyboard_with_one_stop(tab, address):
    """The map is one stop of the Tab key; arrows go to the grid beside, which is told in words, and Enter opens it."""
    opened(tab, "/alerts?lang=en")
    assert tab.locator("#map [tabindex='0']").count() == 0

    tab.focus("#map")
    tab.keyboard.press("ArrowRight")
    first = tab.locator("#map-said").inner_text()
    tab.keyboard.press("ArrowRight")
    second = tab.locator("#map-said").inner_text()

    assert first.startswith(tab.locator("#results .line a").first.inner_text())
    assert "in the list: no. 1" in first
    assert second != first

    tab.keyboard.press("Enter")
    tab.wait_for_url(f"{address}/grids/*")
    assert second.startswith(tab.locator("h1").inner_text())


def test_the_map_can_be_skipped(tab):
    """The link before the map leads past it."""
    opened(tab, "/alerts?lang=en")
    tab.locator(".skipmap a").focus()
    tab.keyboard.press("Enter")

    assert tab.evaluate("() => document.activeElement.id") == "aftermap"


@pytest.mark.parametrize("width", [1366, 390])
def test_no_two_pins_lie_on_each_other(browser, crowded, width):
    """Pins that would overlap are one, which says how many more; together they stand for every alert of the list."""
    context = browser.new_context(viewport={"width": width, "height": 800}, base_url=crowded)
    page = opened(context.new_page(), "/alerts?lang=en")
    boxes = page.evaluate(
        "() => Array.prototype.map.call(document.querySelectorAll('.pin'), p => { var b = p.getBoundingClientRect(); return [b.left, b.top, b.right, b.bottom]; })"
    )
    said = [text.split("+") for text in pins(page)]

    assert sum(1 + sum(map(int, more)) for _, *more in said) == 24
    overlap = [(a, b) for i, a in enumerate(boxes) for b in boxes[:i] if _both(a, b)]
    assert overlap == []
    context.close()


def _both(a, b):
    """Whether two boxes have more than a border in common."""
    return min(a[2], b[2]) - max(a[0], b[0]) > 1 and min(a[3], b[3]) - max(a[1], b[1]) > 1


def test_a_township_gets_the_map_of_its_area(browser, tmp_path, monkeypatch):
    """Who sees one township is drawn its grids and no other."""
    monkeypatch.setattr(password, "HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    store = web_town.build(tmp_path / "town")
    grids = store.read("grids")
    area = grids["township_id"].iloc[0]
    with served(store) as where:
        Accounts(store).add("town-1", GOOD, role="township_centre", area=area)
        context = browser.new_context(base_url=where)
        page = context.new_page()
        page.goto("/sign-in")
        page.fill("[name=name]", "town-1")
        page.fill("[name=password]", GOOD)
        page.click(".sign button")
        opened(page, "/alerts?lang=en")

        assert page.get_attribute("#map", "data-drawn") == str((grids["township_id"] == area).sum())
        context.close()


def test_a_line_under_the_pointer_lights_its_pin(tab):
    """Where an alert lies is seen by pointing at its line."""
    opened(tab, "/alerts?lang=en")
    tab.locator("#results .line").nth(1).hover()

    assert tab.locator(".lit .pin").all_inner_texts() == ["2"]


def test_keys_walk_the_lines_that_a_filter_left(tab):
    """After a filter, j chooses the first line that is there now, and a filter that takes the chosen line away begins anew."""
    opened(tab, "/alerts?lang=en")
    tab.keyboard.press("j")
    tab.keyboard.press("j")
    tab.select_option(FILTER, "orange")
    tab.wait_for_selector("#filters[data-shown*='level=orange']")
    tab.evaluate("() => document.activeElement.blur()")
    tab.keyboard.press("j")

    assert tab.locator("#results .line.chosen").count() == 1
    assert tab.evaluate("() => document.activeElement.matches('#results .line.orange')")


def test_a_jump_within_the_page_asks_for_nothing(tab):
    """Following a mark within the page, and going back from it, fetches no list and keeps the line that was chosen."""
    opened(tab, "/alerts?lang=en&level=red")
    tab.keyboard.press("j")
    before = len(tab.asked)
    tab.evaluate("() => { location.hash = 'aftermap'; }")
    tab.go_back()
    tab.wait_for_timeout(100)

    assert [url for url in tab.asked[before:] if "/alerts" in url] == []
    assert tab.locator("#results .line.chosen").count() == 1


def test_a_jump_within_the_page_leaves_a_filter_on_its_way(tab):
    """A filter whose answer is slow is still shown when a mark within the page was followed meanwhile."""
    held = []
    opened(tab, "/alerts?lang=en")
    tab.route(lambda url: "level=red" in url, lambda route: held.append(route))  # noqa: PLW0108 - a built-in is no handler
    with tab.expect_request(lambda asked: "level=red" in asked.url):
        tab.select_option(FILTER, "red")
    tab.evaluate(
        "() => new Promise(done => { window.addEventListener('popstate', () => setTimeout(done)); location.hash = 'aftermap'; })"
    )
    held[0].continue_()
    tab.wait_for_selector("#filters[data-shown*='level=red']", timeout=5000)

    assert tab.locator("#results .line").count() == 1
    assert "level=red" in tab.url


def test_outlines_that_fail_are_told_once(browser, address):
    """Where the outlines of the map cannot be had the map says so, once, and the list stays and can be filtered."""
    context = browser.new_context(viewport={"width": 1366, "height": 900}, base_url=address)
    page = context.new_page()
    faults = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.route("**/outlines*", lambda route: route.fulfill(status=200, body="<html>a proxy's page</html>"))
    page.goto("/alerts?lang=en")
    page.wait_for_selector("#map .mapnote")
    page.select_option(FILTER, "red")
    page.wait_for_selector("#filters[data-shown*='level=red']")

    assert page.locator("#map .mapnote").count() == 1
    assert page.locator("#results .line").count() == 1
    assert faults == []
    context.close()


COLOURS = """() => {
  var canvas = document.querySelector("#map canvas"), seen = {};
  var pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  for (var i = 0; i < pixels.length; i += 4) { if (pixels[i + 3] === 255) { seen[[pixels[i], pixels[i + 1], pixels[i + 2]].join()] = true; } }
  return Object.keys(seen);
}"""
LIGHT, DARK = "84,39,143", "226,209,255"
"""The highest risk on light paper and in a dark room."""


def test_a_dark_room_is_dark_and_paper_is_white(tab):
    """Where the device is dark the page and the fills of the map are, and what is printed is as ever; where the device turns light, so do they."""
    ground = "() => getComputedStyle(document.body).backgroundColor"
    tab.emulate_media(color_scheme="dark")
    opened(tab, "/alerts?lang=en")
    assert tab.evaluate(ground) == "rgb(19, 23, 29)"
    assert DARK in tab.evaluate(COLOURS)

    tab.evaluate("() => window.dispatchEvent(new Event('beforeprint'))")
    assert LIGHT in tab.evaluate(COLOURS)
    assert DARK not in tab.evaluate(COLOURS)
    tab.emulate_media(media="print", color_scheme="dark")
    assert tab.evaluate(ground) == "rgb(255, 255, 255)"

    tab.emulate_media(media="screen", color_scheme="dark")
    tab.evaluate("() => window.dispatchEvent(new Event('afterprint'))")
    assert DARK in tab.evaluate(COLOURS)
    tab.emulate_media(color_scheme="light")
    tab.wait_for_function(f"light => ({COLOURS})().includes(light)", arg=LIGHT)
    assert tab.evaluate(ground) == "rgb(246, 245, 241)"


def test_a_look_is_chosen_in_the_foot_and_remembered(tab):
    """Dark is chosen by a link of the foot, holds on the next page though the device is light, and is left by another, which keeps the filter."""
    opened(tab, "/gaps?lang=en&kind=G20")
    tab.click("#themes a[href*='theme=dark']")
    assert "kind=G20" in tab.url
    opened(tab, "/alerts")
    assert tab.locator("#themes b").inner_text() == "dark room"
    assert DARK in tab.evaluate(COLOURS)

    tab.select_option(FILTER, "red")
    tab.wait_for_selector("#filters[data-shown*='level=red']")
    tab.click("#themes a[href*='theme=light']")
    assert tab.input_value(FILTER) == "red"
    tab.emulate_media(color_scheme="dark")
    opened(tab, "/alerts")
    assert LIGHT in tab.evaluate(COLOURS)
    assert tab.locator("link[href*='dark.css']").count() == 0
