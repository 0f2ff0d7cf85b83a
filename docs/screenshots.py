"""Redraw the screenshots of the pages from a store with nights: ``python docs/screenshots.py STORE [FOLDER]``, or ``make screenshots``."""

import io
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import uvicorn
from PIL import Image
from playwright.sync_api import sync_playwright

from riskwarn.store import Store
from riskwarn.web import create_app
from riskwarn.web.held import Night
from riskwarn.web.nights import Nights

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu"]
SIZES = {"office": (1366, 768), "telephone": (390, 844)}
PICTURES = (
    ("today", "en", "office", "light"),
    ("today", "zh", "office", "light"),
    ("today", "zh", "telephone", "light"),
    ("today", "en", "telephone", "dark"),
    ("map", "en", "office", "dark"),
    ("map", "zh", "office", "light"),
    ("grid", "en", "office", "light"),
    ("gaps", "zh", "office", "dark"),
    ("review", "en", "office", "light"),
)
"""Page, language, size and theme of each picture."""
COLOURS = 128
"""Of a picture, so that its file stays small."""


def main() -> None:
    """Draw each picture."""
    store = Store(sys.argv[1])
    folder = Path(sys.argv[2] if len(sys.argv) > 2 else "docs/screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    night = Nights(store).at()
    pages = {
        "today": "/",
        "map": "/alerts",
        "grid": f"/grids/{night.grids_listed[0]}",
        "gaps": "/gaps",
        "review": "/review",
    }
    drawn = []
    with served(store, night) as address, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for name, language, size, theme in PICTURES:
            across, down = SIZES[size]
            tab = browser.new_page(viewport={"width": across, "height": down}, base_url=address, color_scheme=theme)
            tab.goto(f"{pages[name]}?lang={language}")
            if tab.query_selector("#map"):
                tab.wait_for_selector("#map[data-drawn]")
            picture = Image.open(io.BytesIO(tab.screenshot())).convert("RGB").quantize(COLOURS)
            drawn.append(folder / f"{name}-{language}-{size}-{theme}.png")
            picture.save(drawn[-1], optimize=True)
            tab.close()
        browser.close()
    print(f"{len(drawn)} pictures in {folder}, {sum(p.stat().st_size for p in drawn) / 1e6:.2f} MB")


@contextmanager
def served(store: Store, night: Night) -> Iterator[str]:
    """The pages of a store on the morning of a night, at the address that is given."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    app = create_app(store.path, clock=lambda: night.as_of + pd.Timedelta(hours=7, minutes=30))
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


if __name__ == "__main__":
    main()
