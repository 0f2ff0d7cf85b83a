"""The trials: each does one kind of fault so many times and gives a line of the table."""

import os
import random
import shutil
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import interrupted
import numpy as np
import pandas as pd
import towns

import riskwarn as rw
from faults import jobs
from riskwarn import monitoring, tracking
from riskwarn.errors import DataError, RiskwarnError
from riskwarn.gaps import find_gaps
from riskwarn.history import History
from riskwarn.pipeline import nightly
from riskwarn.store import NIGHT_TABLES, Store

NIGHT = towns.STREET_NIGHT


@dataclass(frozen=True)
class Line:
    """One fault: what was wanted and what was measured."""

    fault: str
    target: str
    measured: str
    passed: bool


def night_of(store: Store):
    """The street's night."""
    return nightly(store, towns.TARGET, as_of=NIGHT, alias="candidate")


def content(store: Store) -> dict[str, str]:
    """What a reader sees of a night."""
    return {name: store.read(name, as_of=NIGHT).to_csv() for name in NIGHT_TABLES if name in store.night(NIGHT).tables}


def scraps(store: Store) -> list[str]:
    """What a job left half done."""
    return [p.name for p in store.path.rglob(".*") if p.name.endswith(".partial") or p.name == ".staged"]


def killed(folder: Path, n: int) -> list[Line]:
    """Kill the night and the delivery at random moments; what is seen is whole, and a rerun is as if undisturbed."""
    luck = random.Random(3)
    file, mapping = jobs.write_delivery(folder)
    calm = towns.copy(towns.street(), folder / "calm")
    jobs.deliver(str(calm.path), str(file), str(mapping))
    before, after = towns.street().digest(), calm.digest()
    wanted = content_after(calm)
    torn = [0, 0]
    deliver = (jobs.deliver, str(file), str(mapping))
    for i, (job, *words) in enumerate((deliver, (jobs.night,))):
        store = towns.copy(calm if i else towns.street(), folder / f"killed{i}")
        length = timed(job, str(towns.copy(store, folder / f"warm{i}").path), *words)
        for _ in range(n // 2):
            kill_once(job, (str(store.path), *words), luck.uniform(0, length))
            if i == 0:
                torn[0] += Store(store.path).digest() not in (before, after)
            elif store.nights():
                torn[1] += content(store) != wanted
            if store.nights() or store.digest() == after:  # done: begin again, or every later kill meets nothing
                shutil.rmtree(store.path)
                store = towns.copy(calm if i else towns.street(), store.path)
        job(str(store.path), *words)
        same = store.digest() == after if i == 0 else content(store) == wanted
        torn[i] += 0 if same and not scraps(store) else 1
    return [
        Line("kill -9 in ingest", "torn 0, rerun equal", f"{n // 2} kills, torn {torn[0]}", torn[0] == 0),
        Line("kill -9 in nightly", "torn 0, rerun equal", f"{n // 2} kills, torn {torn[1]}", torn[1] == 0),
    ]


def content_after(calm: Store) -> dict[str, str]:
    """The undisturbed night of a copy."""
    copy = towns.copy(calm, calm.path.with_name("calm-night"))
    night_of(copy)
    return content(copy)


def timed(job: Callable, *words: str) -> float:
    """Seconds of an undisturbed job."""
    began = time.monotonic()
    towns.job(job, *words).join()
    return time.monotonic() - began


def kill_once(job: Callable, words: tuple, seconds: float) -> None:
    """Start a job and kill it after so long."""
    started = towns.job(job, *words)
    time.sleep(seconds)
    started.kill()
    started.join()


def raced(folder: Path, rounds: int) -> list[Line]:
    """Eight jobs of one night at once: exactly one makes it."""
    store = towns.copy(towns.street(), folder / "raced")
    winners, slowest = [], 0.0
    for _ in range(rounds):
        shutil.rmtree(store.path / "nights", ignore_errors=True)
        ready, told = towns.processes().Event(), towns.processes().Queue()
        started = [towns.job(jobs.race, str(store.path), ready, told) for _ in range(8)]
        ready.set()
        outcomes = [told.get(timeout=120) for _ in started]
        for job in started:
            job.join()
        winners.append(sum(outcome == "made" for outcome, _ in outcomes))
        slowest = max(slowest, *(s for outcome, s in outcomes if outcome == "BusyError"), 0.0)
    right = sum(n == 1 for n in winners)
    said = f"one winner in {right} of {rounds} rounds, slowest refusal {slowest:.2f} s"
    return [Line("8 jobs at once", "one winner each round", said, right == rounds)]


def full_disk(folder: Path, levels: int) -> list[Line]:
    """The disk is full from the n-th change on: the last good run is read, and the job ends with an error."""
    good = towns.copy(towns.street(), folder / "good")
    nightly(good, towns.TARGET, as_of="2025-12-14", alias="candidate")
    readable = failed = 0
    for level in range(1, levels + 1):
        store = towns.copy(good, folder / f"full{level}")
        code = interrupted.at_step(level, lambda store=store: night_of(store), store.path, kill=False)
        failed += code == interrupted.RAISED
        seen = Store(store.path)
        seen.newest_night().check()
        readable += [str(at.date()) for at in seen.nights()][:1] == ["2025-12-14"]
        shutil.rmtree(store.path)
    said = f"readable {readable}/{levels}, ended with an error {failed}/{levels}"
    return [Line("disk full", "last run readable, error told", said, readable == failed == levels)]


def damaged(folder: Path, n: int) -> list[Line]:
    """Bundles with a byte, bit, digit or line changed, cut, swapped or signed for another: refused before they are read."""
    store = towns.copy(towns.street(), folder / "bundle")
    place = store.path / "models" / towns.TARGET
    bundle = place / (place / "candidate").read_text()
    files = sorted(p for p in bundle.iterdir() if p.is_file())
    luck, refused, tried = random.Random(5), 0, 0
    while tried < n:
        file = luck.choice(files)
        whole = file.read_bytes()
        wrong = mutation(luck, whole, files)
        if wrong == whole:
            continue
        tried += 1
        file.write_bytes(wrong)
        try:
            tracking.kept(store.path, towns.TARGET, alias="candidate")
        except DataError:
            refused += 1
        file.write_bytes(whole)
    return [Line("damaged bundles", "refused before read, all", f"{refused} of {n} refused", refused == n)]


def mutation(luck: random.Random, whole: bytes, files: list[Path]) -> bytes:
    """A damaged copy."""
    at = luck.randrange(len(whole))
    kind = luck.choice(["byte", "bit", "cut", "digit", "line", "swap", "more"])
    if kind == "byte":
        return whole[:at] + bytes([luck.randrange(256)]) + whole[at + 1 :]
    if kind == "bit":
        return whole[:at] + bytes([whole[at] ^ (1 << luck.randrange(8))]) + whole[at + 1 :]
    if kind == "cut":
        return whole[:at]
    if kind == "digit":
        old, new = luck.sample(b"0123456789", 2)
        return whole.replace(bytes([old]), bytes([new]), 1)
    if kind == "line":
        lines = whole.splitlines(keepends=True)
        return b"".join(luck.sample(lines, len(lines)))
    return luck.choice(files).read_bytes() if kind == "swap" else whole + whole[:at]


class _Lies(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 500)
        self.end_headers()
        self.wfile.write(b'{"model": 1e999')

    do_POST = do_GET  # noqa: N815 - the name the base calls

    def log_message(self, *_: object) -> None:
        """Nothing."""


def registry(folder: Path, _: int) -> list[Line]:
    """A registry that refuses, hangs and lies: the night does not ask it, and whoever asks is told in time."""
    store = towns.copy(towns.street(), folder / "registry")
    silent = socket.create_server(("127.0.0.1", 0))
    liar = HTTPServer(("127.0.0.1", 0), _Lies)
    threading.Thread(target=liar.serve_forever, daemon=True).start()
    calm = clocked(lambda: night_of(store))[1]
    addresses = {"refuses": 9, "hangs": silent.getsockname()[1], "lies": liar.server_port}
    lines = []
    for kind, port in addresses.items():
        shutil.rmtree(store.path / "nights", ignore_errors=True)
        os.environ["MLFLOW_TRACKING_URI"] = f"http://127.0.0.1:{port}"
        try:
            ran = clocked(lambda: night_of(store))
            told = clocked(lambda: tracking.fetch(towns.TARGET, uri=os.environ["MLFLOW_TRACKING_URI"]))
        finally:
            del os.environ["MLFLOW_TRACKING_URI"]
        said = f"night published in {ran[1]:.1f} s ({calm:.1f} without), asking told in {told[1]:.1f} s as {told[0] or 'nothing'}"
        passed = not ran[0] and ran[1] <= calm + 5 and told[0] == "NotFoundError" and bool(store.nights())
        lines.append(Line(f"registry {kind}", "adds at most 5 s, typed error", said, passed))
    silent.close()
    liar.shutdown()
    liar.server_close()
    return lines


def clocked(job: Callable) -> tuple[str, float]:
    """Name of what a job raised, empty for nothing, and its seconds."""
    began = time.monotonic()
    try:
        job()
    except RiskwarnError as error:
        return type(error).__name__, time.monotonic() - began
    return "", time.monotonic() - began


def feeds(folder: Path, days: int) -> list[Line]:
    """One of three feeds of forty records a day is missing, halved or doubled for a day: the monitors of the next night see it."""
    del folder
    rng = np.random.default_rng(2)
    day = pd.date_range("2024-06-01", periods=430 + days, tz=towns.ZONE)
    n = rng.poisson(40, (3, len(day)))
    at = [np.repeat(day, counts) for counts in n]
    sound = pd.concat(
        [_records(source, times, rng) for source, times in zip("abc", at, strict=True)], ignore_index=True
    )
    grids = towns.street_grids()
    counted = {"none": 0, "missing": 0, "halved": 0, "doubled": 0}
    n_looks = 0
    for i in range(days):
        when = day[429 + i]
        here = (sound["source"] == "abc"[i % 3]) & (sound["occurred_at"].dt.normalize() == when)
        half = here & (rng.random(len(sound)) < 0.5)
        twice = sound[here].assign(event_id=lambda e: e["event_id"] + "x")
        cases = {"none": sound, "missing": sound[~here], "halved": sound[~half], "doubled": pd.concat([sound, twice])}
        for kind, events in cases.items():
            known = events[events["known_at"] < when + pd.Timedelta(days=1)]
            marks = monitoring.check(
                History.of(known, grids, until=when + pd.Timedelta(days=1)), None, when + pd.Timedelta(days=1)
            )
            loud = marks[(marks["monitor"] == "volume") & marks["state"].isin(["warn", "alarm"])]
            scopes = {scope.split(":")[1].split("/")[0] for scope in loud["scope"]}
            counted[kind] += len(scopes) if kind == "none" else "abc"[i % 3] in scopes
        n_looks += 3
    said = {kind: f"{n} of {days} days" for kind, n in counted.items()}
    return [
        Line("feed missing a day", "100 % told", said["missing"], counted["missing"] == days),
        Line("feed halved a day", "measured", said["halved"], counted["halved"] <= days),
        Line("feed doubled a day", "100 % told", said["doubled"], counted["doubled"] == days),
        Line(
            "feed sound",
            "false <= 1 % of feed-days",
            f"{counted['none']} of {n_looks} feed-days",
            counted["none"] <= max(0.01 * n_looks, 1),
        ),
    ]


def _records(source: str, times: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    at = pd.DatetimeIndex(times) + pd.to_timedelta(rng.integers(0, 20 * 60, len(times)), unit="min")
    return pd.DataFrame(
        {
            "source": source,
            "event_id": [f"{source}{i}" for i in range(len(times))],
            "known_at": at + pd.Timedelta(hours=1),
            "occurred_at": at,
            "grid_id": [f"G{i:02d}" for i in rng.integers(0, 12, len(times))],
            "category": "P04",
        }
    )


ZONES = ("UTC", "Asia/Kathmandu", "America/New_York", "Europe/Berlin", "Pacific/Kiritimati")
SUMMER = {
    "Europe/Berlin": ("2025-03-30", "2025-03-31", "2025-10-26", "2025-10-27"),
    "America/New_York": ("2025-03-09", "2025-11-02"),
}


def clocks(folder: Path, n: int) -> list[Line]:
    """Machines of other zones give the same night; a day of summer time is one night of the city."""
    runs = set()
    for zone in ZONES[:n]:
        told = towns.processes().Queue()
        store = towns.copy(towns.street(), folder / zone.replace("/", "-"))
        job = towns.job(jobs.night_in, zone, str(store.path), told)
        runs.add(told.get(timeout=120))
        job.join()
    right = wanted = 0
    for zone, days in SUMMER.items():
        store = Store(folder / f"summer-{zone.replace('/', '-')}", timezone=zone)
        for date in days:
            at = store.instant(date)
            store.publish(date, {}, run="a")
            wanted += 1
            right += at in store.nights() and at == pd.Timestamp(date, tz=zone) and store.run_of(date) == "a"
    return [
        Line(f"{n} time zones of the machine", "one and the same night", f"{len(runs)} different", len(runs) == 1),
        Line("days of summer time", "one night each", f"{right} of {wanted}", right == wanted),
    ]


def degenerate(folder: Path, n: int) -> list[Line]:
    """Cities with next to nothing in them: every step gives finite numbers or an error of ours, never one of a library."""
    wrong = []
    kinds = [(grids, kind) for kind in PATTERNS for grids in (1, 2, 5, 12, 40)][:: max(1, 30 // n)][:n]
    for number, (grids, kind) in enumerate(kinds):
        try:
            wrong += [f"{kind}/{grids}: {said}" for said in strange(folder / f"odd{number}", grids, kind)]
        except RiskwarnError:
            continue
        except Exception as error:  # noqa: BLE001 - what is looked for
            wrong.append(f"{kind}/{grids}: {type(error).__name__}")
    said = f"{len(wrong)} wrong in {len(kinds)} cities" + (f": {', '.join(wrong[:3])}" if wrong else "")
    return [Line("degenerate cities", "finite or an error of ours", said, not wrong)]


PATTERNS = ("no events", "one event", "one grid alone", "one day alone", "same every day", "no area")


def strange(path: Path, n_grids: int, kind: str) -> list[str]:
    """Fit, score and find gaps in a city with next to nothing; what was not finite."""
    store = Store(path, timezone=towns.ZONE)
    grids = towns.street_grids(n_grids)
    store.write("grids", grids.drop(columns=["x_km", "y_km", "area_km2"]) if kind == "no area" else grids)
    events = towns.street_events(n_grids)
    if kind in {"one grid alone", "same every day"}:
        events = events.assign(grid_id="G00")
    if kind == "same every day":
        events = events.assign(day=events["occurred_at"].dt.date).drop_duplicates("day").drop(columns="day")
    cut = {"no events": events.head(0), "one event": events.head(1), "one day alone": events.head(3 * n_grids)}
    events = cut.get(kind, events)
    if len(events):
        store.write("events", events)
    model = towns.street_model(store)
    night = rw.score(model, rw.build_panel(store, towns.street_experiment(), as_of=NIGHT))
    find_gaps(store, night)
    numbers = night.loc[night["state"] == "ok", ["probability", "expected", "lower", "upper"]].to_numpy(dtype=float)
    return [] if np.isfinite(numbers).all() else ["not finite"]


TRIALS: dict[str, tuple[Callable[[Path, int], list[Line]], int, int]] = {
    "killed": (killed, 6, 500),
    "raced": (raced, 1, 50),
    "full disk": (full_disk, 4, 20),
    "damaged": (damaged, 60, 2000),
    "registry": (registry, 1, 1),
    "feeds": (feeds, 3, 60),
    "clocks": (clocks, 2, 5),
    "degenerate": (degenerate, 6, 30),
}
"""Each trial, and how many times it is done in the short and in the long form."""
