"""The pages in a real browser: drawn, in both languages, without a request to anywhere else."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

from browsing import PAGES, address, browser, opened, tab  # noqa: F401 - fixtures


@pytest.mark.parametrize("language", ["zh", "en"])
def test_nothing_leaves_the_host_and_nothing_is_complained_of(tab, address, language):
    """Every page in each language asks this host alone, and the console stays empty: no error, no refused style or script."""
    for path in PAGES:
        opened(tab, f"{path}?lang={language}")
        assert tab.get_attribute("html", "lang") == {"zh": "zh-CN", "en": "en"}[language]

    assert [url for url in tab.asked if not url.startswith(address)] == []
    assert len(tab.asked) > len(PAGES)
    assert tab.complaints == []


def test_list_and_map_are_drawn(tab):
    """The list shows four alerts; the map draws twelve grids in more than one colour, and a numbered pin an alert."""
    opened(tab, "/")
    colours = tab.evaluate(
        """() => {
          var canvas = document.querySelector("#map canvas"), seen = {};
          var pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
          for (var i = 0; i < pixels.length; i += 4) {
            if (pixels[i + 3] === 255) { seen[[pixels[i], pixels[i + 1], pixels[i + 2]].join()] = true; }
          }
          return Object.keys(seen);
        }"""
    )

    assert tab.locator("section.first .line").count() == 4
    assert tab.get_attribute("#map", "data-drawn") == "12"
    assert {"84,39,143", "247,246,250", "228,228,225"} <= set(colours)
    assert sorted(tab.locator(".pin").all_inner_texts()) == ["1", "2", "3", "4"]


def test_a_grid_of_the_map_leads_to_its_page(tab, address):
    """A click on a pin opens a card with the level in words, whose link leads to the grid."""
    opened(tab, "/?lang=en")
    tab.locator(".pin.red").click()

    card = tab.locator(".card")
    assert "red" in card.inner_text()
    assert "highest 1%" in card.inner_text()
    # the map slides to show the whole card; a click on what moves under the pointer is a drag
    tab.wait_for_function("() => !document.querySelector('.leaflet-pan-anim')")
    card.locator("a").click()
    tab.wait_for_url(f"{address}/grids/*")
    assert tab.locator("h1").inner_text() == "南桥社区第05网格"


def test_readable_without_scripts(browser, address):
    """Without scripts the list, the reasons and the gaps are there, and the place of the map says where to look."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/")

    assert page.locator("section.first .line").count() == 4
    assert [text != "" for text in page.locator("section.first .now").all_inner_texts()] == [True] * 4
    assert page.locator(".work .line").count() == 2  # the third is paused by an outage
    assert "地图需要浏览器脚本" in page.locator(".mapnote").inner_text()
    context.close()


def test_wide_enough_for_an_office_screen_and_a_telephone(browser, address):
    """No page scrolls sideways at 1366 or 390 pixels, whatever is opened on it."""
    for width in (1366, 390):
        context = browser.new_context(viewport={"width": width, "height": 800})
        page = context.new_page()
        for path in PAGES:
            page.goto(address + path)
            page.evaluate("() => document.querySelectorAll('details').forEach((part) => { part.open = true; })")
            assert page.evaluate("() => document.documentElement.scrollWidth") <= width, (path, width)
        context.close()


@pytest.mark.parametrize("language", ["zh", "en"])
def test_no_table_leaves_its_column(tab, language):
    """No table is wider than the section it stands in, so that no text lies on another."""
    wider = """() => Array.prototype.filter.call(document.querySelectorAll("table"), function (t) {
      return t.getBoundingClientRect().right > t.closest("section, main").getBoundingClientRect().right + 1;
    }).length"""

    assert {p: opened(tab, f"{p}?lang={language}").evaluate(wider) for p in PAGES} == dict.fromkeys(PAGES, 0)


def test_text_stands_out_from_its_ground(tab):
    """Text and ground differ by at least 4.5 to 1 (WCAG AA) on every page."""
    measure = """() => {
      function parts(colour) { return colour.match(/[\\d.]+/g).map(Number); }
      function light(c) {
        return [0.2126, 0.7152, 0.0722].reduce(function (sum, weight, i) {
          var v = c[i] / 255;
          return sum + weight * (v <= 0.03928 ? v / 12.92 : Math.pow((v + 0.055) / 1.055, 2.4));
        }, 0);
      }
      function ground(e) {
        for (; e; e = e.parentElement) {
          var c = parts(getComputedStyle(e).backgroundColor);
          if (c.length < 4 || c[3] === 1) { return c; }
        }
        return [255, 255, 255];
      }
      var poor = [];
      document.querySelectorAll("body *").forEach(function (e) {
        var own = Array.prototype.some.call(e.childNodes, function (n) { return n.nodeType === 3 && n.nodeValue.trim(); });
        if (!own || !e.offsetParent || e.closest("#map, svg, option")) { return; }
        var a = light(parts(getComputedStyle(e).color)), b = light(ground(e));
        var ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) { poor.push(e.className + " " + e.textContent.slice(0, 20) + " " + ratio.toFixed(2)); }
      });
      return poor;
    }"""

    assert {path: opened(tab, path).evaluate(measure) for path in PAGES} == {path: [] for path in PAGES}


def test_every_control_has_a_name_and_focus_shows(tab):
    """Links, buttons and choices have a name; the first stop of the keyboard leads past the navigation, and focus is seen."""
    opened(tab, "/")
    nameless = tab.evaluate(
        """() => Array.prototype.filter.call(document.querySelectorAll("a, button, select"), function (e) {
          return !(e.textContent.trim() || e.getAttribute("aria-label") || e.title || (e.labels && e.labels.length));
        }).length"""
    )
    tab.keyboard.press("Tab")

    assert nameless == 0
    assert tab.evaluate("() => document.activeElement.getAttribute('href')") == "#main"
    assert tab.evaluate("() => getComputedStyle(document.activeElement).outlineStyle") == "solid"


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("path", PAGES)
def test_nothing_of_a_list_lies_off_a_telephone(browser, address, path, language):
    """At 390 px no page is wider than the screen, and every cell of a list lies on it, reasons and actions too."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, base_url=address)
    page = context.new_page()
    page.goto(f"{path}?lang={language}")
    off = page.evaluate(
        "() => [...document.querySelectorAll('.brand, .list td, .list tbody th')]"
        ".filter(cell => cell.getBoundingClientRect().right > 391).length"
    )

    assert off == 0
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    context.close()


def test_without_scripts_there_is_no_empty_box(browser, address):
    """Where scripts are off the map takes no room: its place says that the list holds the same."""
    context = browser.new_context(java_script_enabled=False, base_url=address)
    page = context.new_page()
    page.goto("/?lang=en")

    assert not page.locator("#map").is_visible()
    assert page.locator(".mapnote").is_visible()
    context.close()


@pytest.mark.parametrize(("language", "title"), [("zh", "放大"), ("en", "Zoom in")])
def test_the_buttons_of_the_map_speak_the_readers_language(tab, language, title):
    """The map is magnified by a button whose title is in the language of the page."""
    tab.goto(f"/?lang={language}")
    tab.wait_for_selector("#map[data-drawn]")

    assert tab.locator(".leaflet-control-zoom-in").get_attribute("title") == title
