"""The trials: each does one kind of fault so many times and gives a line of the table."""

import os
import random
import re
import shutil
import signal
import socket
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
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
from riskwarn.errors import DataError, NotFoundError, RiskwarnError
from riskwarn.gaps import find_gaps
from riskwarn.history import History
from riskwarn.pipeline import nightly
from riskwarn.store import NIGHT_TABLES, Store

NIGHT = towns.STREET_NIGHT


@dataclass(frozen=True)
class Line:
    """One fault: what was wanted and what was measured; `passed` is None where it is measured and nothing is wanted."""

    fault: str
    target: str
    measured: str
    passed: bool | None


def night_of(store: Store):
    """The street's night."""
    return nightly(store, towns.TARGET, as_of=NIGHT, alias="candidate")


def content(store: Store, night: str = NIGHT) -> dict[str, str]:
    """What a reader sees of a night."""
    return {name: store.read(name, as_of=night).to_csv() for name in NIGHT_TABLES if name in store.night(night).tables}


def scraps(store: Store) -> list[str]:
    """What a job left half done."""
    return [p.name for p in store.path.rglob(".*") if p.name.endswith(".partial") or p.name == ".staged"]


@dataclass(frozen=True)
class Killable:
    """A job that is killed: its words, the store it begins with, and how one sees that it is done or left something half done."""

    verb: str
    job: Callable
    words: tuple[str, ...]
    start: Store
    done: Callable[[Store], bool]
    torn: Callable[[Store], bool]


def killed(folder: Path, n: int) -> list[Line]:
    """Kill the delivery and the night at random moments; what is seen is whole, and a rerun is as if undisturbed."""
    luck = random.Random(3)
    file, mapping = jobs.write_delivery(folder)
    calm = towns.copy(towns.street(), folder / "calm")
    jobs.deliver(str(calm.path), str(file), str(mapping))
    before, after, wanted = towns.street().digest(), calm.digest(), content_after(calm)
    ingest = Killable(
        "ingest",
        jobs.deliver,
        (str(file), str(mapping)),
        towns.street(),
        done=lambda store: store.digest() == after,
        torn=lambda store: store.digest() not in (before, after),
    )
    night = Killable(
        "nightly",
        jobs.night,
        (),
        calm,
        done=lambda store: bool(store.nights()),
        torn=lambda store: bool(store.nights()) and content(store) != wanted,
    )
    return [kills(folder / one.verb, one, n // 2, luck) for one in (ingest, night)]


def kills(folder: Path, one: Killable, n: int, luck: random.Random) -> Line:
    """Kill a job so many times while it works; a job that ends before its kill is looked at and not counted."""
    folder.mkdir()
    for warm in ("cold", "warm"):  # the first job also waits for the server of processes to load the library
        length = timed(one.job, str(towns.copy(one.start, folder / warm).path), *one.words)
    path = towns.copy(one.start, folder / "store").path
    n_killed = n_tried = torn = n_done = 0
    while n_killed < n and n_tried < 4 * n:
        n_tried += 1
        hit = kill_once(one.job, (str(path), *one.words), luck.uniform(0, length))
        n_killed += hit
        seen = Store(path)
        done = one.done(seen)
        n_done += done
        torn += one.torn(seen) or (not hit and (not done or bool(scraps(seen))))
        if done:  # begin again, or every later kill meets nothing
            shutil.rmtree(path)
            towns.copy(one.start, path)
    one.job(str(path), *one.words)
    seen = Store(path)
    torn += one.torn(seen) or not one.done(seen) or bool(scraps(seen))
    said = f"{n_killed} kills, whole before {n_done} times, torn {torn}"
    return Line(f"kill -9 in {one.verb}", "torn 0, rerun equal", said, torn == 0 and n_killed == n)


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


def kill_once(job: Callable, words: tuple, seconds: float) -> bool:
    """Start a job and kill it after so long; whether it was still at work."""
    started = towns.job(job, *words)
    time.sleep(seconds)
    started.kill()
    started.join()
    return started.exitcode == -signal.SIGKILL


RACED = {"made", "done", "BusyError"}
"""How a job may end that runs beside others."""


def raced(folder: Path, rounds: int) -> list[Line]:
    """Eight jobs of one night at once: exactly one makes it, the others find it made or the store held, and nothing else is left."""
    store = towns.copy(towns.street(), folder / "raced")
    n_right, slowest, ends = 0, 0.0, Counter()
    for _ in range(rounds):
        shutil.rmtree(store.path / "nights", ignore_errors=True)
        ready, told = towns.processes().Event(), towns.processes().Queue()
        started = [towns.job(jobs.race, str(store.path), ready, told) for _ in range(8)]
        ready.set()
        outcomes = [told.get(timeout=120) for _ in started]
        for job in started:
            job.join()
        of_round = Counter(outcome for outcome, _ in outcomes)
        n_right += of_round["made"] == len(store.runs(NIGHT)) == 1 and of_round.keys() <= RACED and not scraps(store)
        ends += of_round
        slowest = max(slowest, *(s for outcome, s in outcomes if outcome == "BusyError"), 0.0)
    said = ", ".join(f"{n} {end}" for end, n in ends.most_common())
    measured = f"one winner in {n_right} of {rounds} rounds ({said}), slowest refusal {slowest:.2f} s"
    return [Line("8 jobs at once", "one winner each round, others told", measured, n_right == rounds)]


def full_disk(folder: Path, levels: int) -> list[Line]:
    """The disk is full from the n-th change on: the last good run is read, and the job ends with an error."""
    good = towns.copy(towns.street(), folder / "good")
    nightly(good, towns.TARGET, as_of="2025-12-14", alias="candidate")
    wanted = content(good, "2025-12-14")
    readable = failed = 0
    for level in range(1, levels + 1):
        store = towns.copy(good, folder / f"full{level}")
        code = interrupted.at_step(level, lambda store=store: night_of(store), store.path, kill=False)
        failed += code == interrupted.RAISED
        seen = Store(store.path)
        readable += seen.newest_night().as_of == seen.instant("2025-12-14") and content(seen, "2025-12-14") == wanted
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
        self.server.n_asked += 1
        self.send_response(200 if self.path == "/health" else 500)
        self.end_headers()
        self.wfile.write(b'{"model": 1e999')

    do_POST = do_GET  # noqa: N815 - the name the base calls

    def log_message(self, *_: object) -> None:
        """Nothing."""


REGISTRIES = {"refuses": "does not answer within", "hangs": "does not answer within", "lies": "refused: "}
"""Kinds of a broken registry, and what is said to who asks it."""


def registry(folder: Path, _: int) -> list[Line]:
    """A registry that refuses, hangs and lies: the night does not ask it and is the same, and whoever asks is told what is wrong."""
    store = towns.copy(towns.street(), folder / "registry")
    night_of(store)
    wanted = content(store)
    with socket.socket() as deaf, socket.create_server(("127.0.0.1", 0)) as silent, lying() as liar:
        deaf.bind(("127.0.0.1", 0))  # and does not listen
        silent.setblocking(False)
        ports = (deaf.getsockname()[1], silent.getsockname()[1], liar.server_port)
        lines = []
        for (kind, words), port in zip(REGISTRIES.items(), ports, strict=True):
            shutil.rmtree(store.path / "nights", ignore_errors=True)
            uri = f"http://127.0.0.1:{port}"
            connected(silent)  # who asked the one before is gone
            before = liar.n_asked
            night_error, seconds = clocked(lambda uri=uri: with_registry(uri, lambda: night_of(store)))
            asked = liar.n_asked - before + connected(silent)
            error, waited = clocked(lambda uri=uri: tracking.fetch(towns.TARGET, uri=uri))
            same = night_error is None and content(store) == wanted and asked == 0
            right = isinstance(error, NotFoundError) and words in str(error)
            said = f"night {'the same' if same else 'another'} in {seconds:.1f} s, asked {asked} times; told in {waited:.1f} s as {type(error).__name__}"
            lines.append(Line(f"registry {kind}", "not asked by the night, typed error", said, same and right))
    return lines


@contextmanager
def lying() -> Iterator[HTTPServer]:
    """A registry that says it is well and answers nonsense; it counts how often it was asked."""
    with HTTPServer(("127.0.0.1", 0), _Lies) as server:
        server.n_asked = 0
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def connected(server: socket.socket) -> int:
    """How many wait at a server that never speaks."""
    n = 0
    with suppress(BlockingIOError):
        while True:
            server.accept()[0].close()
            n += 1
    return n


def with_registry(uri: str, job: Callable) -> None:
    """Do a job while the environment names a registry."""
    os.environ["MLFLOW_TRACKING_URI"] = uri
    try:
        job()
    finally:
        del os.environ["MLFLOW_TRACKING_URI"]


def clocked(job: Callable) -> tuple[RiskwarnError | None, float]:
    """What a job raised, and its seconds."""
    began = time.monotonic()
    try:
        job()
    except RiskwarnError as error:
        return error, time.monotonic() - began
    return None, time.monotonic() - began


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
            scopes = {re.split(r"[/@]", scope.split(":")[1])[0] for scope in loud["scope"]}
            counted[kind] += len(scopes) if kind == "none" else "abc"[i % 3] in scopes
        n_looks += 3
    said = {kind: f"{n} of {days} days" for kind, n in counted.items()}
    return [
        Line("feed missing a day", "100 % told", said["missing"], counted["missing"] == days),
        Line("feed halved a day", "none: numbers alone cannot tell it", said["halved"], None),
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
    """Cities with next to nothing in them: every step gives finite numbers or an error of ours, never one of a library, nor a warning."""
    cells = [(grids, kind) for kind in PATTERNS for grids in (1, 2, 5, 12, 40)]
    wrong, n_scored = [], 0
    for i in range(n):
        grids, kind = cells[(7 * i) % len(cells)]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                scores = strange(folder / f"odd{i}", grids, kind)
        except RiskwarnError:
            continue
        except Exception as error:  # noqa: BLE001 - what is looked for
            wrong.append(f"{kind}/{grids}: {type(error).__name__}")
            continue
        n_scored += len(scores) > 0
        wrong += [] if np.isfinite(scores.to_numpy(dtype=float)).all() else [f"{kind}/{grids}: not finite"]
    said = f"{len(wrong)} wrong in {n} cities, {n_scored} scored" + (f": {', '.join(wrong[:3])}" if wrong else "")
    return [Line("degenerate cities", "finite or an error of ours", said, not wrong and n_scored > 0)]


PATTERNS = ("no events", "one event", "one grid alone", "one day alone", "same every day", "no area")


def strange(path: Path, n_grids: int, kind: str) -> pd.DataFrame:
    """Fit, score and find gaps in a city with next to nothing; the numbers of the grids that are said to be scored."""
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
    return night.loc[night["state"] == "ok", ["probability", "expected", "lower", "upper"]]


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
