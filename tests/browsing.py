"""A town served on loopback, and a headless browser to look at it with."""

import socket
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import absent
from towns import web as web_town

from riskwarn.web import create_app

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PAGES = ("/", "/grids", "/grids/G0001", "/grids/G0012", "/gaps", "/alerts", "/model", "/feeds")


@contextmanager
def served(store):
    """The pages of a store, served on loopback at the address that is given."""
    import uvicorn

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    app = create_app(store.path, clock=lambda: web_town.NOW)
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Address of the town's pages, served on loopback."""
    with served(web_town.build(tmp_path_factory.mktemp("browser") / "town")) as where:
        yield where


@pytest.fixture(scope="module")
def browser():
    """A headless browser."""
    if not CHROMIUM.exists():
        absent(f"no browser at {CHROMIUM}")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def tab(browser, address):
    """A tab that remembers what it asked for and what it complained of."""
    context = browser.new_context(viewport={"width": 1366, "height": 900}, base_url=address)
    page = context.new_page()
    page.asked, page.complaints = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on(
        "console",
        lambda message: page.complaints.append(message.text) if message.type in {"error", "warning"} else None,
    )
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    yield page
    context.close()


def opened(tab, path):
    tab.goto(path)
    if tab.query_selector("#map"):
        tab.wait_for_selector("#map[data-drawn]")
    return tab
