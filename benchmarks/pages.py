"""What the pages cost on a full city: thirty people who click for minutes, and the first views, the filters and the map in a browser.

    python benchmarks/pages.py STORE                              # a store with nights, as benchmarks/night.py makes it
    python benchmarks/pages.py STORE --only people --people 30 --minutes 5
    python benchmarks/pages.py STORE --only browser               # needs Chromium and Playwright

The server is a process of its own. A line a measurement, each with the load of the machine. The people sit at the machine, read, and wait two to
ten seconds between two clicks. Polygons are panned as they are drawn at that zoom, and all of them at once, which the roll-up spares a reader.
"""

import argparse
import contextlib
import http.client
import multiprocessing
import queue
import random
import re
import secrets
import shutil
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
from api import load, riskwarn_server, say

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu"]
OFFICE = {"width": 1366, "height": 768}
THINK_SECONDS = (2.0, 10.0)
PANS, STEPS = 12, 10
WATCH = """() => {
  window.frames_ms = []; window.long_ms = [];
  new PerformanceObserver(list => list.getEntries().forEach(e => window.long_ms.push(e.duration))).observe({ entryTypes: ["longtask"] });
  let last = 0;
  const step = at => { if (last) { window.frames_ms.push(at - last); } last = at; requestAnimationFrame(step); };
  requestAnimationFrame(step);
}"""
PAINT = """() => new Promise(done => {
  const told = () => {
    const first = performance.getEntriesByName("first-contentful-paint")[0];
    if (!first) { setTimeout(told, 20); return; }
    const all = performance.getEntriesByType("resource").concat(performance.getEntriesByType("navigation"));
    done([first.startTime, all.reduce((sum, e) => sum + (e.transferSize || 0), 0) / 1024]);
  };
  told();
})"""


def with_ledger(store):
    """The store with its nights in a ledger, as the nightly job enters them: pages of work want one."""
    from riskwarn.ledger import Ledger, enter

    ledger = Ledger(store)
    enter(ledger)
    ledger.close()
    return store


def pages_of(store):
    """Addresses with how often each is asked for in a hundred clicks."""
    night = store.newest_night()
    grids = night.table("alerts")["grid_ids"].str.split().str[0].tolist()
    any_grid = night.table("scores")["grid_id"].drop_duplicates().sample(300, random_state=1).tolist()
    counties = sorted(store.grids()["county_id"].dropna().unique())
    kinds = night.table("gaps")["kind"].drop_duplicates().tolist()
    of = {
        18: ["/"],
        10: ["/alerts", "/alerts?page=2", "/alerts?level=red", "/alerts?lane=triggered"],
        12: [f"/alerts?area={code}" for code in counties],
        11: [f"/alerts?gap={kind}" for kind in kinds],
        15: [f"/grids/{grid}" for grid in grids],
        9: [f"/grids/{grid}" for grid in any_grid],
        8: ["/desk", "/supervision"],
        7: ["/gaps", "/worklist", *(f"/gaps?kind={kind}" for kind in kinds)],
        4: ["/centres", *(f"/centres?area={code}" for code in counties)],
        3: ["/grids?page=1", "/grids?page=9", "/search?q=01"],
        2: ["/feeds", "/model"],
        1: ["/review", "/meeting", "/summary", "/visits"],
    }
    return list(of.values()), list(of)


def person(port, pages, until, seed, out):
    """Click, read, click again over one kept connection until the time is up."""
    pick = random.Random(seed)
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    time.sleep(pick.uniform(0, THINK_SECONDS[1]))
    while time.perf_counter() < until:
        path = pick.choice(pick.choices(*pages)[0])
        began, status = time.perf_counter(), 0
        try:
            link.request("GET", path, headers={"Accept": "text/html", "Accept-Encoding": "gzip"})
            answer = link.getresponse()
            answer.read()
            status = answer.status
        except (OSError, http.client.HTTPException):
            link.close()
        out.put((path.partition("?")[0], status, time.perf_counter() - began))
        time.sleep(pick.uniform(*THINK_SECONDS))


def crowd(port, pages, n, seconds, out):
    """Several people in one process; what each click met."""
    box, until = queue.Queue(), time.perf_counter() + seconds
    crew = [threading.Thread(target=person, args=(port, pages, until, seed, box)) for seed in range(n)]
    for one in crew:
        one.start()
    for one in crew:
        one.join()
    out.put([box.get() for _ in range(box.qsize())])


def measure_people(store, args):
    """Clicks, errors, what a click waits, and the memory before and after."""
    server = riskwarn_server(store)
    pages = pages_of(store)
    warm = [("GET", path, None, {"Accept": "text/html"}) for group in pages[0] for path in group[:2]]
    load(server, warm, seconds=15, clients=1)
    before, cpu, out = server.memory_mb(), server.cpu(), multiprocessing.Queue()
    worker = multiprocessing.Process(target=crowd, args=(server.port, pages, args.people, 60 * args.minutes, out))
    worker.start()
    met = out.get()
    worker.join()
    spent = 1e3 * np.array([seconds for _, _, seconds in met])
    say(
        "people",
        people=args.people,
        minutes=args.minutes,
        clicks=len(met),
        errors=sum(status != 200 for _, status, _ in met),
        statuses=dict(Counter(status for _, status, _ in met)),
        **{f"p{p}_ms": round(float(np.percentile(spent, p))) for p in (50, 95, 99)},
        cpu_ms=round(1e3 * (server.cpu() - cpu) / max(len(met), 1)),
        memory_before_mb=before,
        memory_mb=server.memory_mb(),
    )
    for path in ("/", "/alerts", "/gaps", "/desk", "/centres"):
        own = [1e3 * seconds for place, _, seconds in met if place == path]
        if own:
            say(f"people {path}", clicks=len(own), p50_ms=round(np.median(own)), most_ms=round(max(own)))
    server.stop()


def measure_browser(store):
    """First views, filters and the map, on an office screen."""
    from playwright.sync_api import sync_playwright

    server = riskwarn_server(store)
    address = f"http://127.0.0.1:{server.port}"
    grids = store.newest_night().table("scores")["grid_id"].drop_duplicates().sample(4, random_state=2).tolist()
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        views = [("grid, first of the server", f"/grids/{grids[0]}"), ("today, first of the server", "/")]
        views += [("today", "/")] * 3 + [("grid, first time", f"/grids/{grid}") for grid in grids[1:]]
        for name, path in views:
            page = browser.new_context(viewport=OFFICE, base_url=address).new_page()
            page.goto(path)
            first, kb = page.evaluate(PAINT)
            say(f"browser {name}", first_paint_ms=round(first), kb=round(kb))
            page.context.close()
        filters(browser, address)
        steps(browser, store)
        for every in (False, True):
            pan(browser, address, every=every)
        browser.close()
    server.stop()


def steps(browser, store):
    """From Enter on the button of a line until the line has none; on a copy of the store."""
    from riskwarn.access import Accounts
    from riskwarn.store import Store

    with tempfile.TemporaryDirectory() as folder:
        copy = Store(shutil.copytree(store.path, Path(folder) / "store"))
        word = secrets.token_urlsafe(12)
        with Accounts(copy) as accounts:
            accounts.add("benchmark", word, role="shift_leader")
        server = riskwarn_server(copy, ready="/healthz")
        page = browser.new_context(viewport=OFFICE, base_url=f"http://127.0.0.1:{server.port}").new_page()
        page.goto("/sign-in")
        page.fill("input[name=name]", "benchmark")
        page.fill("input[name=password]", word)
        page.click(".sign button")
        page.goto("/")
        spent = []
        for _ in range(STEPS):
            button = page.locator("[data-key=a]").first
            line = page.locator(".line:has([data-key=a])").first.get_attribute("id")
            began = time.perf_counter()
            button.press("Enter")
            page.wait_for_selector(f".line[id='{line}']:not(:has([data-key=a]))")
            spent.append(time.perf_counter() - began)
        say("browser acknowledge", n=len(spent), median_ms=round(1e3 * float(np.median(spent))))
        server.stop()


def filters(browser, address):
    """From the choice of a filter until list and map show it."""
    page = browser.new_context(viewport=OFFICE, base_url=address).new_page()
    page.goto("/alerts")
    page.wait_for_selector("#map[data-drawn]")
    for name in ("area", "gap", "level"):
        values = page.evaluate(
            f"() => [...document.querySelectorAll('#f-{name} option')].map(o => o.value).filter(v => v)"
        )
        spent = []
        for value in values[:8]:
            began = time.perf_counter()
            page.select_option(f"#f-{name}", value)
            page.wait_for_selector(f"#filters[data-shown*='{name}={value}']", state="attached")
            spent.append(time.perf_counter() - began)
        page.select_option(f"#f-{name}", "")
        page.wait_for_timeout(800)
        say(f"browser filter by {name}", n=len(spent), median_ms=round(1e3 * float(np.median(spent))))
    page.context.close()


def pan(browser, address, *, every):
    """The map dragged to and fro: milliseconds a frame, and tasks longer than 50 ms."""
    page = browser.new_context(viewport=OFFICE, base_url=address).new_page()
    if every:
        page.route(
            re.compile(r"/alerts$"),
            lambda route: route.fulfill(response=(got := route.fetch()), body=alone(got.text())),
        )
    page.goto("/alerts")
    page.wait_for_selector("#map[data-drawn]")
    while page.get_attribute("#map", "data-by") != "grid":
        page.locator(".leaflet-control-zoom-in").click()
        page.wait_for_timeout(300)
    box = page.locator("#map").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.evaluate(WATCH)
    page.wait_for_timeout(500)
    page.evaluate("() => { window.frames_ms.length = 0; window.long_ms.length = 0; }")
    for n in range(PANS):
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + (160 if n % 2 else -160), y + (90 if n % 4 < 2 else -90), steps=30)
        page.mouse.up()
    frames, tasks = page.evaluate("() => [window.frames_ms, window.long_ms]")
    say(
        "browser pan, all grids at once" if every else "browser pan",
        polygons=int(page.get_attribute("#map", "data-drawn")),
        frames=len(frames),
        frames_a_second=round(1e3 * len(frames) / sum(frames), 1),
        frame_p50_ms=round(float(np.median(frames)), 1),
        frame_p95_ms=round(float(np.percentile(frames, 95)), 1),
        long_tasks=len(tasks),
        longest_ms=round(max(tasks, default=0)),
    )
    page.context.close()


def alone(text):
    """The page with fills of grids alone, so that no township stands for them far out."""
    return re.sub(
        r"&#34;(township|county)&#34;:&#34;[-0-9]*&#34;,?|,&#34;(township|county)&#34;:&#34;[-0-9]*&#34;", "", text
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store")
    parser.add_argument("--only", choices=("people", "browser"))
    parser.add_argument("--people", type=int, default=30)
    parser.add_argument("--minutes", type=float, default=5.0)
    args = parser.parse_args()
    from riskwarn.store import Store

    store = with_ledger(Store(args.store))
    with contextlib.suppress(KeyboardInterrupt):
        if args.only in {None, "browser"}:
            measure_browser(store)
        if args.only in {None, "people"}:
            measure_people(store, args)


if __name__ == "__main__":
    main()
