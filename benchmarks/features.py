"""The feature job through this package's engine: from a Parquet file of events to the finished float32 matrix.

24 streams (3 sources of 8 categories) of 9 features and 5 of the calendar make 221 columns for each grid and date. Of each stream, as
of midnight: events of the last 7, 28, 91 and 364 days; days since the last; the 28-day count over the 364-day one; the 28-day counts
of the neighbouring grids together; cases open; median whole days to closing of the cases closed in the last 91 days.

    python benchmarks/features.py EVENTS.parquet --n-grids 7181 --n-days 1456            # weekly dates
    python benchmarks/features.py … --freq N        # one night
    python benchmarks/features.py … --freq D        # daily dates, streamed
    python benchmarks/features.py … --blocks        # weekly, streamed
    python benchmarks/features.py … --out M.npy     # keep the matrix, to hold against another engine's
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

import numpy as np

FIRST = np.datetime64("2021-01-04")
SOURCES = ("dispute", "petition", "police")
N_CATEGORIES = 8
WINDOWS = (7, 28, 91, 364)


def declared():
    """The 221 features."""
    from riskwarn.feature import Count, DatePart, DaysSince, Handling, Open, Ratio
    from riskwarn.history import Stream

    features = []
    for source in SOURCES:
        for k in range(N_CATEGORIES):
            stream = Stream(source, (f"c{k}",))
            month, year = Count(stream, days=28), Count(stream, days=364)
            features += [Count(stream, days=d) for d in WINDOWS]
            features += [DaysSince(stream, cap=np.inf, whole=True), Ratio(month, year), month.nearby(total=True)]
            features += [Open(stream), Handling(stream, days=91)]
    return [*features, *(DatePart(p) for p in ("month", "week", "weekday", "day_of_year", "quarter"))]


def lattice(n):
    """Grids on a near-square lattice, and which lie beside each other (queen)."""
    import pandas as pd
    from scipy import sparse

    wide = int(np.ceil(np.sqrt(n)))
    x, y = np.arange(n) % wide, np.arange(n) // wide
    rows, columns = [], []
    for right in (-1, 0, 1):
        for up in (-1, 0, 1):
            beside = (y + up) * wide + x + right
            there = (x + right >= 0) & (x + right < wide) & (y + up >= 0) & (beside < n)
            if right or up:
                rows.append(np.flatnonzero(there))
                columns.append(beside[there])
    rows, columns = np.concatenate(rows), np.concatenate(columns)
    links = sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), (n, n))
    names = np.array([str(g) for g in range(n)])
    order = np.argsort(names)
    grids = pd.DataFrame({"grid_id": names[order], "valid_from": pd.Timestamp(FIRST, tz="UTC")})
    return grids, links[order][:, order].tocsr()


def history_of(path, grids, links):
    """The history of a file of punctual events, whose grids are numbers."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    from riskwarn.history import History

    table = pq.read_table(path, columns=["occurred_at", "grid_id", "source", "category", "closed_at"])
    for name in ("occurred_at", "closed_at"):
        table = table.set_column(table.column_names.index(name), name, table[name].cast(pa.timestamp("us", "UTC")))
    history = History.punctual(table, grids, timezone="UTC", until=pd.Timestamp("2040-01-01", tz="UTC"))
    history._links["auto"] = links  # noqa: SLF001 - the lattice is known
    return history


def dates_of(freq, n_days):
    """As-of dates: weekly, daily, or the last night."""
    days = {"W": np.arange(7, n_days + 1, 7), "D": np.arange(1, n_days + 1), "N": np.array([n_days])}[freq]
    return list((FIRST + days).astype("datetime64[us]").astype(object))


def run(path, n_grids, freq, n_days, streamed):
    """Seconds of each stage, and the matrix where it is not streamed."""
    from riskwarn.panel import blocks, fill

    features, dates = declared(), dates_of(freq, n_days)
    marks = [time.process_time()]
    matrix = None if streamed else np.full((len(features), n_grids, len(dates)), np.nan, np.float32)
    grids, links = lattice(n_grids)
    history = history_of(path, grids, links)
    marks.append(time.process_time())
    if streamed:
        for _ in blocks(history, features, dates):
            pass
    else:
        fill(history.at(dates), features, matrix)
    marks.append(time.process_time())
    return np.diff(marks), matrix


def peak_mb():
    """Largest resident size this process has had, MB."""
    status = Path("/proc/self/status")
    lines = status.read_text("utf-8").splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), float("nan"))


def main():
    """Run and print one JSON line a repeat."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("events")
    parser.add_argument("--n-grids", type=int, required=True)
    parser.add_argument("--n-days", type=int, required=True)
    parser.add_argument("--freq", choices="WDN", default="W")
    parser.add_argument("--blocks", action="store_true")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--out")
    asked = parser.parse_args()
    matrix = None
    for _ in range(asked.repeat):
        del matrix
        started, cpu = time.perf_counter(), time.process_time()
        stages, matrix = run(asked.events, asked.n_grids, asked.freq, asked.n_days, asked.blocks or asked.freq == "D")
        line = {
            "engine": "riskwarn " + os.environ.get("RISKWARN_KERNEL", "compiled"),
            "freq": asked.freq,
            "n_grids": asked.n_grids,
            "cpu_s": round(time.process_time() - cpu, 3),
            "wall_s": round(time.perf_counter() - started, 3),
            "load_s": round(stages[0], 3),
            "features_s": round(stages[1], 3),
            "peak_mb": round(peak_mb()),
            "load1": os.getloadavg()[0],
            "cold_cpu_s": round(time.process_time(), 3),
        }
        print(json.dumps(line), flush=True)
    if asked.out and matrix is not None:
        np.save(asked.out, matrix)


if __name__ == "__main__":
    sys.exit(main())
