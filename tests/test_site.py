"""The site: it is built without a warning, asks no other host, holds every public name, and its search answers what people ask."""

import re
import subprocess
import sys
import threading
import tomllib
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import riskwarn

ROOT = Path(__file__).parent.parent
QUESTIONS = tomllib.loads((Path(__file__).parent / "questions.toml").read_text("utf-8"))["questions"]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the site, built as `make site` does: every warning is an error."""
    folder = tmp_path_factory.mktemp("site")
    line = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", str(ROOT / "docs"), str(folder)]
    told = subprocess.run(line, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    return folder


def pages(site):
    return {path.relative_to(site).as_posix(): path.read_text("utf-8") for path in sorted(site.rglob("*.html"))}


def test_no_page_asks_another_host(site):
    """No page loads a script, style, picture or frame from elsewhere, and no style sheet does."""
    loads = re.compile(r"<(?:script|link|img|iframe|source|video)\b[^>]*?(?:src|href)=[\"']((?:https?:)?//[^\"']+)")
    outside = {page: found for page, text in pages(site).items() if (found := loads.findall(text))}
    styles = re.compile(r"(?:url\(|@import\s)[\"']?((?:https?:)?//[^\"')]+)")
    outside |= {p.name: found for p in site.rglob("*.css") if (found := styles.findall(p.read_text("utf-8")))}

    assert outside == {}


def test_every_public_name_is_in_the_reference(site):
    """Each of the twelve names, public modules, verbs, routes, exit codes and kinds of gap has its place in the reference."""
    from riskwarn import errors, gaps
    from riskwarn.cli import VERBS

    told = {path.removeprefix("reference/"): text for path, text in pages(site).items() if "reference/" in path}
    homes = {name: riskwarn._HOME[name] for name in riskwarn.__all__ if name in riskwarn._HOME}

    assert [n for n, m in homes.items() if f'id="riskwarn.{m}.{n}"' not in told[f"python/{m}.html"]] == []
    assert [m for m in riskwarn._MODULES if f"python/{m}.html" not in told] == []
    assert [v for v in VERBS if f">riskwarn {v}<" not in told["command-line.html"]] == []
    assert [k for k in gaps.KINDS if k not in told["gap-kinds.html"]] == []
    assert [n for n, e in vars(errors).items() if hasattr(e, "exit_code") and n not in told["exit-codes.html"]] == []
    assert ">GET /api/v1/scores<" in told["routes.html"]


@pytest.fixture(scope="module")
def address(site):
    """Where the site is served while its search is asked."""
    quiet = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def page(address):
    """A page of Chromium that notes whatever it asks of another host."""
    from browsing import CHROMIUM, FLAGS
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        page = browser.new_page()
        page.elsewhere = []
        page.on("request", lambda r: page.elsewhere.append(r.url) if not r.url.startswith(address) else None)
        yield page
        browser.close()


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: q["ask"])
def test_the_search_answers(question, page, address):
    """Asked as people ask it, a question is answered by one of the first three pages that the site's own search finds."""
    from urllib.parse import quote

    page.goto(f"{address}/search.html?q={quote(question['ask'])}")
    page.wait_for_selector("#search-results li a")
    found = [a.get_attribute("href") for a in page.query_selector_all("#search-results li a")][:3]
    places = [re.sub(r"\?[^#]*", "", href).replace(".html", ".md") for href in found]

    assert any(place.startswith(answer) for place in places for answer in question["answers"]), places
    assert page.elsewhere == []
