"""What bringing files in costs, and what became of every row of the public data sets.

python benchmarks/ingest.py speed --rows 4000000     rows/s and peak memory beside pandas.read_csv of the same file
python benchmarks/ingest.py files --rows 28000000    files of a million rows into one store, by --jobs workers of an --engine (Linux alone)
python benchmarks/ingest.py accounts --data DIR      row accounting of every public data set, as a table
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

MAPPINGS = Path(__file__).parent.parent / "examples" / "mappings"
KINDS = ["邻里纠纷", "拖欠农民工工资", "物业", "婚恋家庭", "征地拆迁", "太空垃圾"]
N_GRIDS, FILE_ROWS = 5000, 1_000_000


def made_up(path, n, *, n_grids=N_GRIDS, number=0, n_files=1):
    """A made-up ledger: six kinds, half closed, and of two years one part of `n_files`, the one of this `number`."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    import pyarrow.csv

    rng = np.random.default_rng(1 + number)
    writer, span = None, 730 * 86_400 // n_files
    for start in range(0, n, 250_000):
        m = min(250_000, n - start)
        at = np.datetime64("2023-01-01T00:00:00") + (np.sort(rng.integers(0, span, m)) + number * span).astype(
            "timedelta64[s]"
        )
        closed = at + rng.integers(3600, 60 * 86_400, m).astype("timedelta64[s]")
        text = pd.Series(at).dt.strftime("%Y-%m-%d %H:%M:%S")
        table = pa.table(
            {
                "矛盾纠纷编号": [f"JF{number:03d}-{k:09d}" for k in range(start, start + m)],
                "受理时间": text,
                "所属网格": [f"3201020{g:08d}" for g in rng.integers(0, n_grids, m)],
                "纠纷类型": np.array(KINDS)[rng.integers(0, 6, m)],
                "化解日期": pd.Series(closed).dt.strftime("%Y-%m-%d %H:%M:%S").where(rng.random(m) < 0.5, ""),
                "当事人姓名": ["某某"] * m,
            }
        )
        writer = writer or pyarrow.csv.CSVWriter(path, table.schema)
        writer.write_table(table)
    writer.close()


def run(code):
    """Run code in a process of its own: seconds, CPU seconds and peak memory in MB."""
    wrapped = (
        f"import resource, time, json\nt = time.perf_counter()\n{code}\nu = resource.getrusage(resource.RUSAGE_SELF)\n"
    )
    wrapped += 'print(json.dumps({"seconds": time.perf_counter() - t, "cpu": u.ru_utime + u.ru_stime, "peak_mb": u.ru_maxrss / 1024}))'
    done = subprocess.run(
        [sys.executable, "-c", wrapped],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "RISKWARN_PROGRESS": "0"},
    )
    return json.loads(done.stdout.splitlines()[-1])


def grids_of(store, n):
    """Code that makes a store of `n` grids."""
    return f"""
import pandas as pd
from riskwarn.store import Store
store = Store({str(store)!r}, timezone="Asia/Shanghai")
ids = [f"3201020{{g:08d}}" for g in range({n})]
store.write("grids", pd.DataFrame({{"grid_id": ids, "valid_from": pd.Timestamp("2020-01-01", tz="Asia/Shanghai")}}))
"""


def files(n, n_grids, engine, jobs):
    """CPU seconds of a country's files, a million rows each, of the job and all its workers, and the peak of the largest process."""
    from scale import counted

    with tempfile.TemporaryDirectory() as folder:
        exports, store = Path(folder) / "exports", Path(folder) / "store"
        exports.mkdir()
        starts = range(0, n, FILE_ROWS)
        for number, start in enumerate(starts):
            file = exports / f"ledger-{number:03d}.csv"
            made_up(file, min(FILE_ROWS, n - start), n_grids=n_grids, number=number, n_files=len(starts))
        run(grids_of(store, n_grids))
        code = f"""
import json, time
from pathlib import Path
from riskwarn.distributed import Engine, ingest_files
from riskwarn.ingest.mapping import mapping_of
from riskwarn.store import Store
if __name__ == "__main__":
    started, files = time.perf_counter(), sorted(Path({str(exports)!r}).iterdir())
    mapping = mapping_of({{"preset": "dispute", "timezone": "Asia/Shanghai"}})
    report = ingest_files(Store({str(store)!r}), files, mapping, engine=Engine({engine!r}, jobs={jobs}))
    assert report.accepted == report.received == {n}, report
    told = {{"revisions": int(report.rows["revisions"].sum())}}
    print(json.dumps(told | {{"wall_s": round(time.perf_counter() - started, 1)}}))
"""
        job = Path(folder) / "job.py"
        job.write_text(code, "utf-8")
        load = os.getloadavg()[0]
        told, cpu, peak = counted([sys.executable, str(job)])
        row = {"rows": n, "grids": n_grids, "engine": engine, "jobs": jobs, "cpu_s": round(cpu, 1)}
        print(
            json.dumps(row | {"peak_mb": round(peak)} | told | {"load": [round(load, 1), round(os.getloadavg()[0], 1)]})
        )


def speed(n):
    """Rows per second and peak memory of ingest and of a bare read."""
    with tempfile.TemporaryDirectory() as folder:
        file, store = Path(folder) / "ledger.csv", Path(folder) / "store"
        made_up(file, n)
        print(f"{n:,} rows, {file.stat().st_size / 1e6:,.0f} MB of CSV")
        ingest = f"""
from riskwarn.ingest import ingest
from riskwarn.ingest.mapping import mapping_of
from riskwarn.store import Store
report = ingest(Store({str(store)!r}), {str(file)!r}, mapping_of({{"preset": "dispute", "timezone": "Asia/Shanghai"}}))
assert report.accepted == report.received == {n}, report
"""
        run(grids_of(store, N_GRIDS))
        read = f"import pandas as pd\nframe = pd.read_csv({str(file)!r}, dtype=str)\nassert len(frame) == {n}"
        empty = run("import riskwarn.ingest")
        for name, code in (
            ("pandas.read_csv, text", read),
            ("riskwarn ingest", ingest),
            ("the same file again", ingest.replace("report.accepted", "report.duplicate")),
        ):
            cost = run(code)
            print(
                f"{name:24} {cost['seconds']:8.1f} s  {cost['cpu']:8.1f} CPU s  {n / cost['seconds']:12,.0f} rows/s  {cost['peak_mb']:7,.0f} MB"
            )
        print(
            f"{'(import alone)':24} {empty['seconds']:8.1f} s  {empty['cpu']:8.1f} CPU s  {'':12}         {empty['peak_mb']:7,.0f} MB"
        )


def accounts(folder):
    """Every public data set through its mapping: one line a file and feed."""
    import pandas as pd

    from riskwarn.ingest import ingest
    from riskwarn.store import Store

    lines = []
    for item in tomllib.loads((MAPPINGS / "accounts.toml").read_text("utf-8"))["set"]:
        with tempfile.TemporaryDirectory() as store_folder:
            store = Store(store_folder + "/s", timezone=item["timezone"])
            for file, mapping in item["files"]:
                started = time.process_time()
                report = ingest(store, folder / file, MAPPINGS / f"{mapping}.toml", progress=False)
                spent = time.process_time() - started
                rows = report.rows.assign(set=item["name"], mapping=mapping, cpu_s=round(spent, 1))
                lines.append(rows)
    table = pd.concat(lines)[
        ["set", "mapping", "source", "received", "accepted", "quarantined", "duplicate", "revisions", "cpu_s"]
    ]
    assert (table["accepted"] + table["quarantined"] + table["duplicate"] == table["received"]).all()
    print("| " + " | ".join(table.columns) + " |\n|" + " --- |" * len(table.columns))
    for row in table.itertuples(index=False):
        print("| " + " | ".join(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row) + " |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["speed", "files", "accounts"])
    parser.add_argument("--rows", type=int, default=4_000_000)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("RISKWARN_SHARED", "../shared")) / "data")
    parser.add_argument("--grids", type=int, default=70_000, help="of `files`")
    parser.add_argument("--engine", default="local", choices=("local", "dask", "spark"), help="of `files`")
    parser.add_argument("--jobs", type=int, default=1, help="of `files`")
    asked = parser.parse_args()
    if asked.what == "files":
        files(asked.rows, asked.grids, asked.engine, asked.jobs)
    elif asked.what == "speed":
        speed(asked.rows)
    else:
        accounts(asked.data)
