"""What a panel costs as the city grows, and what each engine adds: CPU seconds, wall seconds and peak memory.

A made-up city on a lattice, its records seeded: three feeds of eight categories, gamma rates that differ between grids, 565 records a grid
over four years; townships of 25 grids, counties of 2,500. Of each of the 24 streams counts over 28 and 364 days, the 28-day count of the
neighbours and of the township, and open cases; with prior counts and city totals 134 columns of twelve four-weekly dates, written as
Parquet. With ``--skew`` half of all records lie in a hundredth of the grids.

    python benchmarks/scale.py 7000 --engine whole          # without blocks: write_panel
    python benchmarks/scale.py 7000 --engine local --jobs 2
    python benchmarks/scale.py 7000 --engine dask --jobs 2
    python benchmarks/scale.py 7000 --engine spark --jobs 2
    python benchmarks/scale.py 70000 --engine local --blocks 24
    python benchmarks/scale.py 7000 --engine local --skew

CPU seconds are user and system of the process that writes the panel and of all it starts, after the city was read; memory is the peak of
the largest of them. Linux alone.
"""

import argparse
import contextlib
import ctypes
import datetime as dt
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

FIRST = np.datetime64("2021-01-04")
DAYS, PER_GRID = 1456, 565
SOURCES = ("dispute", "petition", "police_call")
CATEGORIES = {"dispute": "D", "petition": "L", "police_call": "P"}
DAY_US = 86_400_000_000
_SUBREAPER = 36
"""Of ``prctl``: orphans below this process become its children (Linux)."""


def city(n, *, skew):
    """Grids on a lattice, and their records as Arrow."""
    import pandas as pd
    import pyarrow as pa

    rng = np.random.default_rng(7)
    wide = int(np.ceil(np.sqrt(n)))
    x, y = np.arange(n) % wide, np.arange(n) // wide
    grids = pd.DataFrame(
        {
            "grid_id": [f"G{i:06d}" for i in range(n)],
            "valid_from": pd.Timestamp(FIRST, tz="UTC"),
            "township_id": [f"T{a // 5}-{b // 5}" for a, b in zip(x, y, strict=True)],
            "county_id": [f"K{a // 50}-{b // 50}" for a, b in zip(x, y, strict=True)],
            "x_km": x * 0.5,
            "y_km": y * 0.5,
        }
    )
    rate = rng.gamma(1.0, 1.0, n)
    if skew:
        busy = np.arange(n) < max(n // 100, 1)
        rate[busy] *= rate[~busy].sum() / rate[busy].sum()
    records = np.sort(rng.choice(n, PER_GRID * n, p=rate / rate.sum()).astype(np.int32))
    m = len(records)
    occurred = FIRST.astype("datetime64[us]").astype(np.int64) + rng.integers(0, DAYS * DAY_US, m)
    closed = occurred + (rng.gamma(1.2, 20.0, m) * DAY_US).astype(np.int64)
    kinds = rng.integers(0, 24, m).astype(np.int8)
    words = [f"{CATEGORIES[s]}{c:02d}" for s in SOURCES for c in range(1, 9)]

    def coded(codes, values):
        return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array(values))

    table = pa.table(
        {
            "source": coded(kinds // 8, list(SOURCES)),
            "category": coded(kinds, words),
            "grid_id": coded(records, grids["grid_id"].tolist()),
            "occurred_at": pa.array(occurred).cast(pa.timestamp("us", "UTC")),
            "closed_at": pa.array(closed).cast(pa.timestamp("us", "UTC")),
        }
    )
    return grids, table


def make(folder, n, skew):
    """The city as two files."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    grids, table = city(n, skew=skew)
    pq.write_table(table, Path(folder) / "events.parquet")
    pq.write_table(pa.table({name: pa.array(grids[name].array) for name in grids}), Path(folder) / "grids.parquet")


def asked():
    """The experiment."""
    from riskwarn.experiment import Baselines, Dates, Experiment
    from riskwarn.feature import Count, Open
    from riskwarn.history import Stream
    from riskwarn.label import Label

    features = []
    for source in SOURCES:
        for c in range(1, 9):
            stream = Stream(source, (f"{CATEGORIES[source]}{c:02d}",))
            month = Count(stream, days=28)
            features += [month, Count(stream, days=364), month.nearby(), month.of_parent(), Open(stream)]
    label = Label("dispute_28d", (Stream("dispute"),), days=28, settle_days=7)
    dates = Dates(dt.date(2024, 1, 1), dt.date(2024, 11, 4), every_days=28)
    return Experiment("?", label, dates, tuple(features), baselines=Baselines((4, 15)))


def measured(options):
    """One run in this process: the city is read, then its panel is written."""
    import pyarrow.parquet as pq

    from riskwarn.distributed import Engine, write_blocks
    from riskwarn.history import History
    from riskwarn.panel import write_panel

    folder = Path(options.inner)
    table = pq.read_table(folder / "events.parquet", read_dictionary=["source", "category", "grid_id"])
    holder = [
        History.punctual(table, pq.read_table(folder / "grids.parquet").to_pandas(), timezone="UTC", until="2025-01-20")
    ]
    n_events = len(table)
    del table
    holder[0].neighbors()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    loaded, began = usage.ru_utime + usage.ru_stime, time.perf_counter()
    if options.engine == "whole":
        done = write_panel(holder.pop(), asked(), folder / "panel")
    else:
        engine = Engine(options.engine, jobs=options.jobs)
        done = write_blocks(holder.pop(), asked(), folder / "panel", engine=engine, n_blocks=options.blocks)
    wall = time.perf_counter() - began
    size = sum(file.stat().st_size for file in (folder / "panel").rglob("*.parquet")) / 2**20
    facts = {"events": n_events, "columns": len(asked().columns), "files": done.written, "panel_mb": round(size)}
    print(json.dumps(facts | {"load_cpu_s": round(loaded, 1), "wall_s": round(wall, 1)}))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("n_grids", type=int)
    parser.add_argument("--engine", default="local", choices=("whole", "local", "dask", "spark"))
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--blocks", type=int)
    parser.add_argument("--skew", action="store_true")
    parser.add_argument("--make", help=argparse.SUPPRESS)
    parser.add_argument("--inner", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.make:
        make(options.make, options.n_grids, options.skew)
        return
    if options.inner:
        measured(options)
        return
    with tempfile.TemporaryDirectory(prefix="scale-") as folder:
        subprocess.run([sys.executable, *sys.argv, "--make", folder], check=True)
        found, cpu, peak = counted([sys.executable, *sys.argv, "--inner", folder])
    asked_for = {"grids": options.n_grids, "engine": options.engine, "jobs": options.jobs, "skew": options.skew}
    cost = {"cpu_s": round(cpu - found["load_cpu_s"], 1), "peak_mb": round(peak)}
    print(json.dumps(asked_for | found | cost))


def counted(command):
    """What a command prints, CPU seconds of it and of all it starts, and the peak of the largest of them, MB."""
    # what is left behind by what we start is waited for by us, so that nothing goes uncounted
    ctypes.CDLL(None).prctl(_SUBREAPER, 1)
    run = subprocess.Popen(command, stdout=subprocess.PIPE)
    told = run.stdout.read()
    cpu = peak = 0
    with contextlib.suppress(ChildProcessError):
        while True:
            usage = os.wait4(-1, 0)[2]
            cpu, peak = cpu + usage.ru_utime + usage.ru_stime, max(peak, usage.ru_maxrss / 1024)
    return json.loads(told), cpu, peak


if __name__ == "__main__":
    main()
