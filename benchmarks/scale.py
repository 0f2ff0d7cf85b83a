"""What a panel costs as the city grows, and what each engine adds: CPU seconds, wall seconds and peak memory.

A made-up city on a lattice, its records seeded, written as a store: three feeds of eight categories, gamma rates that differ between grids,
565 records a grid over four years, one in twenty corrected a week later into another category; townships of 25 grids, counties of 2,500. Of
each of the 24 streams counts over 28 and 364 days, the 28-day count of the neighbours and of the township, and open cases; with prior counts
and city totals 134 columns of twelve four-weekly dates, written as Parquet. With ``--skew`` half of all records lie in a hundredth of the
grids; ``--years 1`` has a quarter of the time and of the records, ``--dates 3`` fewer dates; with ``--cases`` records name places and cases,
so that kinds of gap that join them have something to join.

    python benchmarks/scale.py 7000 --engine whole          # the history in memory, without blocks: write_panel
    python benchmarks/scale.py 7000 --engine local --jobs 2
    python benchmarks/scale.py 7000 --engine dask --jobs 2
    python benchmarks/scale.py 7000 --engine spark --jobs 2
    python benchmarks/scale.py 70000 --engine local --blocks 24
    python benchmarks/scale.py 7000 --engine local --skew
    python benchmarks/scale.py --plot rows.jsonl docs/img   # draws printed rows

CPU seconds are user and system of the process that writes the panel and of all it starts, from reading the store to the last file, imports
included; memory is the peak of the process that asks, and of the largest other. Linux alone.
"""

import argparse
import contextlib
import ctypes
import datetime as dt
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

FIRST = np.datetime64("2021-01-04")
DAYS, YEARS, PER_GRID = 1456, 4, 565
SOURCES = ("dispute", "petition", "police_call")
CATEGORIES = {"dispute": "D", "petition": "L", "police_call": "P"}
DAY_US = 86_400_000_000
_SUBREAPER = 36
"""Of ``prctl``: orphans below this process become its children (Linux)."""


def grids_of(n):
    """Grids on a lattice."""
    import pandas as pd

    wide = int(np.ceil(np.sqrt(n)))
    x, y = np.arange(n) % wide, np.arange(n) // wide
    return pd.DataFrame(
        {
            "grid_id": [f"G{i:06d}" for i in range(n)],
            "valid_from": pd.Timestamp(FIRST, tz="UTC"),
            "township_id": [f"T{a // 5}-{b // 5}" for a, b in zip(x, y, strict=True)],
            "county_id": [f"K{a // 50}-{b // 50}" for a, b in zip(x, y, strict=True)],
            "x_km": x * 0.5,
            "y_km": y * 0.5,
        }
    )


def make(folder, n, *, skew, years, cases=False):
    """The city as a store, written month by month."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from riskwarn.history.tables import arrow_of
    from riskwarn.store import Store

    grids = grids_of(n)
    Store(Path(folder) / "city", timezone="UTC").write("grids", grids)
    rng = np.random.default_rng(7)
    rate = rng.gamma(1.0, 1.0, n)
    if skew:
        busy = np.arange(n) < max(n // 100, 1)
        rate[busy] *= rate[~busy].sum() / rate[busy].sum()
    empty, made = arrow_of("events", grids.iloc[:0][[]]), 0
    first = FIRST if years == YEARS else FIRST + np.timedelta64(DAYS * (YEARS - years) // YEARS, "D")
    corrected = {}
    for month in np.arange(first.astype("datetime64[M]"), (FIRST + DAYS).astype("datetime64[M]") + 1):
        begin, end = max(month.astype("datetime64[D]"), first), min((month + 1).astype("datetime64[D]"), FIRST + DAYS)
        m = round(PER_GRID * n * (end - begin).astype(int) / DAYS)
        rows = {
            "grid": rng.choice(n, m, p=rate / rate.sum()).astype(np.int32),
            "kind": rng.integers(0, 24, m).astype(np.int8),
            "occurred": begin.astype("datetime64[us]").astype(np.int64)
            + rng.integers(0, (end - begin).astype(int) * DAY_US, m),
            "id": np.arange(made, made + m),
        }
        rows |= {
            "known": rows["occurred"],
            "closed": rows["occurred"] + (rng.gamma(1.2, 20.0, m) * DAY_US).astype(np.int64),
        }
        made += m
        again = {name: values[: m // 20] for name, values in rows.items()}
        again |= {"known": again["known"] + 7 * DAY_US, "kind": again["kind"] // 8 * 8 + (again["kind"] + 1) % 8}
        months = again["known"].astype("datetime64[us]").astype("datetime64[M]")
        for here in np.unique(months):
            some = {name: values[months == here] for name, values in again.items()}
            corrected.setdefault(here, []).append(some)
        every = [rows, *corrected.pop(month, [])]
        rows = {name: np.concatenate([part[name] for part in every]) for name in rows}
        for s, source in enumerate(SOURCES):
            of = {name: values[rows["kind"] // 8 == s] for name, values in rows.items()}
            words = pa.array([f"{CATEGORIES[source]}{c:02d}" for c in range(1, 9)])
            columns = {
                "source": pa.array(np.full(len(of["id"]), source)),
                "event_id": pa.array(of["id"]).cast(pa.string()),
                "grid_id": pa.array(grids["grid_id"].array).take(pa.array(of["grid"])).cast(pa.string()),
                "category": words.take(pa.array(of["kind"] % 8)),
                "retracted": pa.array(np.zeros(len(of["id"]), bool)),
            }
            if cases:
                columns |= keys_of(of["grid"], of["id"], source)
            times = {"known_at": "known", "occurred_at": "occurred", "closed_at": "closed"}
            columns |= {name: pa.array(of[c]).cast(pa.timestamp("us", "UTC")) for name, c in times.items()}
            table = pa.table(
                [columns.get(f.name, pa.nulls(len(of["id"]), f.type)) for f in empty.schema], names=empty.schema.names
            )
            place = Path(folder) / "city" / "tables" / "events" / source / f"{month}.parquet"
            place.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(table, place, compression="zstd")


def keys_of(grid, number, source):
    """Keys that records carry with ``--cases``: one of 64 places of a grid; a dispute its own case, one in four others that of a record shortly before."""
    import pyarrow as pa
    import pyarrow.compute as pc

    place = (grid.astype(np.uint64) * 64 + number % 61) * np.uint64(11_400_714_819_323_198_485)
    named = np.full(len(number), source == "dispute") | (number % 4 == 0)
    case = number if source == "dispute" else np.maximum(number - 500 - number % 4096, 0)
    words = pc.binary_join_element_wise("k", pa.array(case, mask=~named).cast(pa.string()), "")
    return {"place_key": pa.array(place).cast(pa.string()), "case_id": words}


def asked(n_dates):
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
    first = dt.date(2024, 11, 4) - dt.timedelta(days=28 * (n_dates - 1))
    dates = Dates(first, dt.date(2024, 11, 4), every_days=28)
    return Experiment("?", label, dates, tuple(features), baselines=Baselines((4, 15)))


def measured(options):
    """One run in this process: from the store to its panel."""
    from riskwarn.distributed import Engine, write_blocks
    from riskwarn.panel import write_panel
    from riskwarn.store import Store

    folder = Path(options.inner)
    store, question = Store(folder / "city"), asked(options.dates)
    began = time.perf_counter()
    if options.engine == "whole":
        done = write_panel(store, question, folder / "panel")
    else:
        engine = Engine(options.engine, jobs=options.jobs)
        done = write_blocks(store, question, folder / "panel", engine=engine, n_blocks=options.blocks)
    wall = time.perf_counter() - began
    size = sum(file.stat().st_size for file in (folder / "panel").rglob("*.parquet")) / 2**20
    here = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    facts = {
        "columns": len(question.columns),
        "files": done.written,
        "panel_mb": round(size),
        "peak_asks_mb": round(here),
    }
    print(json.dumps(facts | {"wall_s": round(wall, 1)}))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("n_grids", type=int, nargs="?")
    parser.add_argument("--engine", default="local", choices=("whole", "local", "dask", "spark"))
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--blocks", type=int)
    parser.add_argument("--skew", action="store_true")
    parser.add_argument("--cases", action="store_true")
    parser.add_argument("--years", type=int, default=YEARS)
    parser.add_argument("--dates", type=int, default=12)
    parser.add_argument(
        "--kept", help="a folder with a city that an earlier run made, or where it is to be made and kept"
    )
    parser.add_argument("--plot", nargs=2, metavar=("ROWS", "FOLDER"))
    parser.add_argument("--make", help=argparse.SUPPRESS)
    parser.add_argument("--inner", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.plot:
        plotted(*map(Path, options.plot))
    elif options.make:
        make(options.make, options.n_grids, skew=options.skew, years=options.years, cases=options.cases)
    elif options.inner:
        measured(options)
    else:
        with contextlib.ExitStack() as stack:
            folder = options.kept or stack.enter_context(tempfile.TemporaryDirectory(prefix="scale-"))
            print(json.dumps(run(options, folder)), flush=True)


def run(options, folder):
    """A row: the city is made where it is not there, and its panel is written."""
    import pyarrow.parquet as pq

    command = [sys.executable, *sys.argv]
    if not (Path(folder) / "city" / "tables" / "events").exists():
        subprocess.run([*command, "--make", folder], check=True)
    shutil.rmtree(Path(folder) / "panel", ignore_errors=True)
    places = (Path(folder) / "city" / "tables" / "events").rglob("*.parquet")
    n_events = sum(pq.read_metadata(place).num_rows for place in places)
    load = os.getloadavg()[0]
    found, cpu, peak = counted([*command, "--inner", folder])
    given = {"grids": options.n_grids, "records": n_events, "engine": options.engine, "jobs": options.jobs}
    given |= {"blocks": options.blocks, "skew": options.skew, "dates": options.dates}
    cost = {"cpu_s": round(cpu, 1), "peak_mb": round(peak), "load": [round(load, 1), round(os.getloadavg()[0], 1)]}
    return given | found | cost


def counted(command):
    """What a command prints, CPU seconds of it and of all it starts, and the peak of the largest of them, MB.

    What ends is asked of the system; but Spark's workers are waited for by nobody, so all are looked at while they run as well, twice a second.
    """
    # what is left behind by what we start is waited for by us, so that nothing goes uncounted
    ctypes.CDLL(None).prctl(_SUBREAPER, 1)
    run = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
    looked, ended = {}, threading.Event()
    looking = threading.Thread(target=looked_at, args=(run.pid, looked, ended))
    looking.start()
    told = run.stdout.read()
    cpu = peak = 0
    with contextlib.suppress(ChildProcessError):
        while True:
            usage = os.wait4(-1, 0)[2]
            cpu, peak = cpu + usage.ru_utime + usage.ru_stime, max(peak, usage.ru_maxrss / 1024)
    ended.set()
    looking.join()
    seconds, peaks = zip(*looked.values(), strict=True)
    return json.loads(told), max(cpu, sum(seconds)), max(peak, *peaks)


def looked_at(session, looked, ended):
    """Of each process of a session, by number, its own CPU seconds and its peak in MB when it was last seen."""
    tick = os.sysconf("SC_CLK_TCK")
    while True:
        for place in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it has ended
                facts = (place / "stat").read_text().rpartition(")")[2].split()
                if int(facts[3]) == session:
                    peak = (place / "status").read_text().partition("VmHWM:")[2].split()[:1]
                    looked[place.name] = (int(facts[11]) + int(facts[12])) / tick, int(*peak or [0]) / 1024
        if ended.wait(0.5):
            return


def plotted(rows, folder):
    """CPU and memory as the city grows, and what each engine makes of a CPU second, from rows that were printed."""
    read = [json.loads(line) for line in rows.read_text("utf-8").splitlines() if line.startswith("{")]
    even = [row for row in read if not row["skew"]]
    grown = [row for row in even if (row["engine"], row["jobs"]) == ("local", 1)]
    drawn_growth(folder / "scale_cpu.svg", grown, "records", "records, millions", "cpu_s", "CPU seconds")
    drawn_growth(
        folder / "scale_memory.svg", grown, "grids", "grids, thousands", "peak_mb", "peak of the largest process, GB"
    )
    drawn_engines(folder / "scale_engines.svg", even)


def drawn_growth(place, rows, size, told, column, unit):
    """A figure over the size of the city, one process, a line for each number of dates; grey is in proportion to the smallest."""
    import matplotlib.pyplot as plt
    from matplotlib.ticker import LogLocator, NullLocator

    figure, axes = plt.subplots(figsize=(5.2, 3.4), layout="constrained")
    by, unit_of = {"records": 1e6, "grids": 1e3}[size], {"cpu_s": 1, "peak_mb": 1024}[column]
    least = {}
    for row in sorted(rows, key=lambda row: -row[column]):  # of several runs of one kind the cheapest
        least[row["grids"], row["dates"]] = (row[size] / by, row[column] / unit_of, row["dates"], row["grids"])
    points = sorted(least.values())
    for dates, mark in zip(sorted({d for *_, d, _ in points}, reverse=True), "osD", strict=False):
        own = [(x, y) for x, y, d, _ in points if d == dates]
        axes.plot(*zip(*own, strict=True), marker=mark, color="#4b2e83", label=f"{dates} dates")
    for x, y, _, grids in points:
        axes.annotate(f"{grids // 1000}k", (x, y), (4, -11), textcoords="offset points", fontsize=8)
    if column == "cpu_s":
        (x, y, *_), (last, *_) = points[0], points[-1]
        axes.plot([x, last], [y, y * last / x], color="#bbb", linestyle="--", label="in proportion")
        axes.set_yscale("log")
    axes.set(xlabel=told, ylabel=unit, xscale="log")
    axes.margins(x=0.12, y=0.15)
    if column != "cpu_s":
        axes.set_ylim(0, 1.3 * max(y for _, y, *_ in points))
    for axis in [axes.xaxis, *([axes.yaxis] if column == "cpu_s" else [])]:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_locator(NullLocator())
    axes.legend(frameon=False)
    saved(figure, place)


def drawn_engines(place, rows):
    """Records of a CPU second by engine and workers, of the smallest city that all ran."""
    import matplotlib.pyplot as plt

    grids = min(row["grids"] for row in rows if row["engine"] == "spark")
    cheapest = sorted((r for r in rows if r["grids"] == grids), key=lambda r: -r["cpu_s"])
    by_how = {(r["engine"], r["jobs"]): r["records"] / r["cpu_s"] / 1000 for r in cheapest}
    order = ("whole", "local", "dask", "spark")
    named = dict(sorted(by_how.items(), key=lambda item: (order.index(item[0][0]), item[0][1])))
    best = named[("local", 1)]
    figure, axes = plt.subplots(figsize=(5.2, 3.4), layout="constrained")
    names = [f"{engine}, {jobs}" if engine != "whole" else "no blocks" for engine, jobs in named]
    bars = axes.barh(names, list(named.values()), color="#4b2e83")
    axes.bar_label(bars, [f"{value:.0f}  ({value / best - 1:+.0%})" for value in named.values()], padding=3, fontsize=8)
    axes.invert_yaxis()
    axes.set(xlabel=f"thousand records a CPU second, {grids:,} grids", xlim=(0, 1.3 * max(named.values())))
    saved(figure, place)


def saved(figure, place):
    """As text that a later run draws alike."""
    import matplotlib as mpl

    mpl.rcParams["svg.hashsalt"] = "riskwarn"
    figure.savefig(place, metadata={"Date": None})


if __name__ == "__main__":
    main()
