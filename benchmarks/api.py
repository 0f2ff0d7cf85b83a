"""The API's speed beside `mlflow models serve` of the same model and a bare FastAPI route: one run, one machine.

    python benchmarks/api.py STORE                       # a store with nights and a kept model, as benchmarks/night.py makes it
    python benchmarks/api.py STORE --seconds 5 --clients 16
    python benchmarks/api.py STORE --swaps 100 --soak 600   # pointer swaps under load, and a long run with many clients

Each server is a process of its own, asked over a socket by a client that is a process of its own. A line a measurement: milliseconds at the
50th and 99th of a hundred, requests a second, processor milliseconds a request of the server (which a busy machine changes little), memory, load.
"""

import argparse
import contextlib
import http.client
import json
import multiprocessing
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.request import urlopen

import numpy as np

BARE = """
import uvicorn
from fastapi import FastAPI
app = FastAPI()
@app.get("/scores/{grid_id}")
async def score(grid_id: str):
    return {"grid_id": grid_id, "rank": 1, "probability": 0.71, "expected": 1.9, "lower": 0.0, "upper": 5.0, "state": "ok"}
uvicorn.run(app, host="127.0.0.1", port=%d, log_level="warning")
"""
_TICK = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """A server process, from its start until it answers."""

    def __init__(self, command, port, path, **env):
        self.port = port
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            command,
            env={**os.environ, **env},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.seconds = self.wait(path)

    def wait(self, path):
        while time.perf_counter() - self.started < 300:
            with contextlib.suppress(OSError, http.client.HTTPException):
                with urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                    answer.read()
                return time.perf_counter() - self.started
            time.sleep(0.02)
        raise SystemExit(f"{path} does not answer")

    def members(self):
        """The process and its children."""
        found = [self.process.pid]
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    stat = (entry / "stat").read_text().rpartition(")")[2].split()
                    if int(stat[2]) == os.getpgid(self.process.pid) and int(entry.name) not in found:
                        found.append(int(entry.name))
        return found

    def cpu(self):
        """Processor seconds spent so far."""
        spent = 0
        for pid in self.members():
            with contextlib.suppress(OSError):
                stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                spent += int(stat[11]) + int(stat[12])
        return spent / _TICK

    def memory_mb(self):
        """Memory in use now."""
        total = 0
        for pid in self.members():
            with contextlib.suppress(OSError):
                lines = Path(f"/proc/{pid}/status").read_text().splitlines()
                total += sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
        return round(total / 1024)

    def stop(self):
        with contextlib.suppress(OSError):
            os.killpg(os.getpgid(self.process.pid), signal.SIGTERM)
        self.process.wait(20)


def client(port, asked, seconds, out):
    """Ask over one kept connection until the time is up; send back the seconds of each answer and the failures."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    spent, failed, n = [], 0, 0
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        method, path, body, headers = asked[n % len(asked)]
        n += 1
        began = time.perf_counter()
        try:
            link.request(method, path, body=body, headers=headers)
            answer = link.getresponse()
            answer.read()
            failed += answer.status != 200
        except (OSError, http.client.HTTPException):
            failed += 1
            link.close()
        spent.append(time.perf_counter() - began)
    out.put((spent, failed))


def threads(port, asked, seconds, n, out):
    """Several clients in one process."""
    import queue

    box = queue.Queue()
    crew = [threading.Thread(target=client, args=(port, asked[i:] + asked[:i], seconds, box)) for i in range(n)]
    for one in crew:
        one.start()
    for one in crew:
        one.join()
    every = [box.get() for _ in crew]
    out.put(([s for spent, _ in every for s in spent], sum(failed for _, failed in every)))


def load(server, asked, *, seconds, clients):
    """What `clients` closed-loop clients meet."""
    out = multiprocessing.Queue()
    before = server.cpu()
    began = time.perf_counter()
    worker = multiprocessing.Process(target=threads, args=(server.port, asked, seconds, clients, out))
    worker.start()
    spent, failed = out.get()
    took = time.perf_counter() - began
    worker.join()
    ms = 1e3 * np.array(spent)
    return {
        "clients": clients,
        "p50_ms": round(float(np.percentile(ms, 50)), 2),
        "p99_ms": round(float(np.percentile(ms, 99)), 2),
        "per_s": round(len(ms) / took),
        "cpu_ms": round(1e3 * (server.cpu() - before) / max(len(ms), 1), 3),
        "failed": failed,
    }


def once(server, path, accept, n=7):
    """Median milliseconds of one whole answer, and its size."""
    link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    spent = []
    before = server.cpu()
    for _ in range(n):
        began = time.perf_counter()
        link.request("GET", path, headers={"Accept": accept})
        answer = link.getresponse()
        size = len(answer.read())
        assert answer.status == 200, answer.status
        spent.append(time.perf_counter() - began)
    return {
        "ms": round(1e3 * float(np.median(spent)), 1),
        "first_ms": round(1e3 * spent[0], 1),
        "cpu_ms": round(1e3 * (server.cpu() - before) / n, 1),
        "kb": size // 1024,
    }


def say(name, **told):
    print(json.dumps({"what": name, **told, "load1": round(os.getloadavg()[0], 1)}), flush=True)


def mlflow_model(store, target, folder):
    """The trees of the kept model as MLflow's own LightGBM flavour, and one row for it."""
    import lightgbm
    import mlflow.lightgbm

    trees = lightgbm.Booster(model_file=str(next(store.path.glob(f"models/{target}/*/trees.txt"))))
    mlflow.lightgbm.save_model(trees, str(folder / "model"))
    names = trees.feature_name()
    row = dict.fromkeys(names, 0.5)
    return folder / "model", json.dumps({"dataframe_split": {"columns": names, "data": [list(row.values())]}})


def riskwarn_server(store, *, ready="/api/v1/scores?limit=1"):
    port = free_port()
    command = [sys.executable, "-m", "riskwarn", "serve", "--store", str(store.path), "--port", str(port)]
    return Server(command, port, ready)


def measure_riskwarn(store, args):
    server = riskwarn_server(store)
    say("riskwarn start", seconds=round(server.seconds, 2), memory_mb=server.memory_mb())
    night = store.newest_night()
    grids = night.table("scores")["grid_id"].drop_duplicates().sample(200, random_state=1).tolist()
    one = [("GET", f"/api/v1/scores/{g}", None, {}) for g in grids]
    load(server, one, seconds=1, clients=1)
    for n in (1, args.clients):
        say("riskwarn one grid", **load(server, one, seconds=args.seconds, clients=n))
    say("riskwarn whole city JSON", **once(server, "/api/v1/scores?limit=10000", "application/json"))
    say("riskwarn whole city Arrow", **once(server, "/api/v1/scores", "application/vnd.apache.arrow.stream"))
    say("riskwarn whole city CSV", **once(server, "/api/v1/scores", "text/csv"))
    say("riskwarn whole city Parquet", **once(server, "/api/v1/scores", "application/vnd.apache.parquet"))
    for path in (
        f"/api/v1/grids/{grids[0]}",
        f"/api/v1/grids/{grids[0]}/what-if",
        "/api/v1/alerts",
        "/api/v1/areas?by=township",
        "/",
        f"/grids/{grids[0]}",
    ):
        say(f"riskwarn {path.split('?')[0].replace(grids[0], 'GRID')}", **once(server, path, "*/*"))
    for at in store.nights()[-3:]:
        for path in (
            "scores?limit=10000",
            f"grids/{grids[0]}/what-if",
            f"grids/{grids[0]}",
            "grids.geojson",
            "gaps",
            "alerts",
        ):
            once(
                server,
                f"/api/v1/{path}{'&' if '?' in path else '?'}as_of={at.date()}",
                "application/json, */*;q=0.5",
                n=1,
            )
        once(server, f"/grids/{grids[0]}?as_of={at.date()}", "text/html", n=1)
    say("riskwarn memory", nights=len(store.nights()[-3:]), memory_mb=server.memory_mb())
    if args.swaps:
        measure_swaps(server, store, one, args)
    if args.soak:
        before = server.memory_mb()
        found = load(server, one, seconds=args.soak, clients=200)
        say("riskwarn 200 clients", seconds=args.soak, **found, memory_before_mb=before, memory_mb=server.memory_mb())
    server.stop()


def measure_swaps(server, store, one, args):
    """The pointer of the newest night goes to and fro between two runs under load."""
    night = store.newest_night()
    other = night.path.with_name(night.run[:-1] + ("0" if night.run[-1] != "0" else "1"))
    if not other.exists():
        shutil.copytree(night.path, other)
    calm = load(server, one, seconds=args.seconds, clients=16)
    stop = threading.Event()

    def swap():
        for n in range(args.swaps):
            pointer = night.path.parent / ".current.swap"
            pointer.write_text((other, night.path)[n % 2].name)
            pointer.replace(night.path.parent / "current")
            if stop.wait(0.3):
                return

    thread = threading.Thread(target=swap)
    thread.start()
    under = load(server, one, seconds=0.3 * args.swaps, clients=16)
    stop.set()
    thread.join()
    (night.path.parent / "current").write_text(night.run)
    say("riskwarn swaps", n=args.swaps, calm_p99_ms=calm["p99_ms"], **under, memory_mb=server.memory_mb())


def measure_bare(args):
    port = free_port()
    server = Server([sys.executable, "-c", BARE % port], port, "/scores/a")
    say("bare FastAPI start", seconds=round(server.seconds, 2), memory_mb=server.memory_mb())
    one = [("GET", f"/scores/{n}", None, {}) for n in range(200)]
    load(server, one, seconds=1, clients=1)
    for n in (1, args.clients):
        say("bare FastAPI one grid", **load(server, one, seconds=args.seconds, clients=n))
    server.stop()


def measure_mlflow(store, args):
    with tempfile.TemporaryDirectory() as folder:
        model, body = mlflow_model(store, args.target, Path(folder))
        port = free_port()
        command = [
            sys.executable,
            "-m",
            "mlflow",
            "models",
            "serve",
            "-m",
            str(model),
            "-p",
            str(port),
            "--env-manager",
            "local",
        ]
        server = Server(command, port, "/ping")
        say("mlflow models serve start", seconds=round(server.seconds, 2), memory_mb=server.memory_mb())
        one = [("POST", "/invocations", body, {"Content-Type": "application/json"})]
        load(server, one, seconds=2, clients=1)
        for n in (1, args.clients):
            say("mlflow models serve one row", **load(server, one, seconds=args.seconds, clients=n))
        server.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store")
    parser.add_argument("--target", default="dispute_28d")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--swaps", type=int, default=0)
    parser.add_argument("--soak", type=float, default=0.0)
    parser.add_argument("--only", choices=("riskwarn", "bare", "mlflow"))
    args = parser.parse_args()
    from riskwarn.store import Store

    store = Store(args.store)
    if args.only in {None, "riskwarn"}:
        measure_riskwarn(store, args)
    if args.only in {None, "bare"}:
        measure_bare(args)
    if args.only in {None, "mlflow"}:
        measure_mlflow(store, args)


if __name__ == "__main__":
    main()
