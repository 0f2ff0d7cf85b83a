"""Redraw the screenshots of the pages from a store with nights: ``python docs/screenshots.py STORE [FOLDER]``, or ``make screenshots``."""

import socket
import sys
import threading
import time
from pathlib import Path

import uvicorn
from playwright.sync_api import sync_playwright

from riskwarn.store import Store
from riskwarn.web import create_app
from riskwarn.web.nights import Nights

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu"]
WIDTHS = {"office": (1366, 768), "telephone": (390, 844)}


def main() -> None:
    """One picture a page, language and width."""
    store = Store(sys.argv[1])
    folder = Path(sys.argv[2] if len(sys.argv) > 2 else "docs/img/pages")
    folder.mkdir(parents=True, exist_ok=True)
    night = Nights(store).at()
    pages = {
        "today": "/",
        "map": "/alerts",
        "grid": f"/grids/{night.scores['grid_id'].iloc[0]}",
        "gaps": "/gaps",
        "review": "/review",
    }
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    app = create_app(store.path, clock=lambda: night.as_of)
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", ws="none"))
    threading.Thread(target=server.run, daemon=True).start()
    while not server.started:
        time.sleep(0.05)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for width, (across, down) in WIDTHS.items():
            tab = browser.new_page(viewport={"width": across, "height": down}, base_url=f"http://127.0.0.1:{port}")
            for language in ("zh", "en"):
                for name, path in pages.items():
                    tab.goto(f"{path}?lang={language}")
                    if tab.query_selector("#map"):
                        tab.wait_for_selector("#map[data-drawn]")
                    tab.screenshot(path=folder / f"{name}-{language}-{width}.png")
        browser.close()
    server.should_exit = True
    print(f"{len(list(folder.glob('*.png')))} pictures in {folder}")


if __name__ == "__main__":
    main()
