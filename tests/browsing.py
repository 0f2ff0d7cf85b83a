"""A town served on loopback, and a headless browser to look at it with."""

import socket
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pandas as pd
import pytest
from conftest import absent
from towns import web as web_town

from riskwarn.web import create_app

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
GOOD = "a sentence nobody guesses"
"""Password of every desk."""
LATER = pd.Timestamp("2025-01-09 16:00", tz=web_town.ZONE)
DESKS = (
    ("lead", "shift_leader", "*"),
    ("lead2", "shift_leader", "*"),
    ("county", "county_centre", "甲县"),
    ("town", "township_centre", "城关街道"),
    ("watcher", "supervisor", "*"),
)
PAGES = ("/", "/grids", "/grids/G0001", "/grids/G0012", "/gaps", "/alerts", "/model", "/feeds")


@contextmanager
def served(store):
    """The pages of a store, served on loopback at the address that is given."""
    with on_loopback(create_app(store.path, clock=lambda: web_town.NOW)) as address:
        yield address


@contextmanager
def staffed(store, *, called=()):
    """The pages of a store with a desk of each sort, and the application itself; the first grids are called as is said."""
    app = create_app(store.path, language="en", clock=lambda: LATER)
    app.state.rates = None
    for name, role, area in DESKS:
        app.state.doorman.accounts.add(name, GOOD, role=role, area=area)
    places = app.state.nights.newest().places
    names = dict(zip(list(places.names), called, strict=False))
    places.names.update(names)
    places.called.update(names)
    with on_loopback(app) as address:
        yield address, app


@contextmanager
def on_loopback(app):
    """An application served on loopback, at the address that is given."""
    import uvicorn

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
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


def opened(tab, path, status=200):
    """The page of a path, and no other: neither an error nor the sign-in that a page may lead to."""
    answer = tab.goto(path)
    assert (answer.status, urlsplit(tab.url).path) == (status, urlsplit(path).path), tab.url
    if tab.query_selector("#map"):
        tab.wait_for_selector("#map[data-drawn]")
    return tab


class Desk:
    """A person at a browser, who remembers what it asked for and complained of."""

    def __init__(self, chromium, address, name, faults, **options):
        self.context = chromium.new_context(base_url=address, **options)
        self.page = self.context.new_page()
        self.page.on("dialog", lambda dialog: (faults.append(dialog.message), dialog.dismiss()))
        self.page.on("pageerror", lambda error: faults.append(str(error)))
        self.page.on(
            "console",
            lambda said: faults.append(said.text) if said.type == "error" and "ERR_INTERNET" not in said.text else None,
        )
        self.page.on(
            "request", lambda asked: None if asked.url.startswith((address, "data:")) else faults.append(asked.url)
        )
        self.sign_in(name)

    def sign_in(self, name):
        """Sign in at the form."""
        self.page.goto("/sign-in")
        self.page.fill("input[name=name]", name)
        self.page.fill("input[name=password]", GOOD)
        self.page.click(".sign button")
        self.page.wait_for_load_state()

    def step(self, item, action, **given):
        """Take a step by its form."""
        self.page.goto(f"/desk/{item}")
        form = self.page.locator(f"form.take:has(input[name=action][value={action}])")
        for name, value in given.items():
            field = form.locator(f"[name={name}]")
            field.select_option(value) if field.evaluate("f => f.tagName") == "SELECT" else field.fill(value)
        form.locator("button").click()
        self.page.wait_for_load_state()
        return self.page
