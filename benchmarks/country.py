"""What a whole morning costs as the city grows: panel, training, a night that is scored, explained, searched for gaps and published, and its monitors.

The city is that of ``scale.py``, as a store. Each step is a process of its own, and prints a row: CPU seconds of it and of all it starts,
wall seconds, and the peak of the largest process. Blocks are made anew by each step, as a batch job would.

    python benchmarks/country.py 7000
    python benchmarks/country.py 7000 --engine dask --jobs 2
    python benchmarks/country.py 70000 --kept /srv/country          # the city is made where it is not there, and kept

Linux alone.
"""

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from scale import asked, counted

NIGHT = "2024-12-30"
STEPS = ("panel", "train", "backtest", "night", "again", "monitor")


def step(name, options):
    """One step in this process."""
    from riskwarn import tracking
    from riskwarn.distributed import Engine, monitor_blocks, nightly_blocks, train_blocks, write_blocks
    from riskwarn.store import Store

    store, question, panel = Store(options.kept + "/city"), asked(options.dates), options.kept + "/panel"
    how = {"engine": Engine(options.engine, jobs=options.jobs), "n_blocks": options.blocks}
    if name == "panel":
        return {"files": write_blocks(store, question, panel, **how).written}
    if name in ("train", "backtest"):
        model, _ = train_blocks(store, question, panel, judged=name == "backtest", **how)
        return {"model": model.version}
    if name == "monitor":
        return {"alarms": len(monitor_blocks(store, None, NIGHT, **how))}
    night = nightly_blocks(store, question.label.name, as_of=NIGHT, alias=tracking.CANDIDATE, **how)
    return {"run": night.run, "done_before": night.done_before}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("n_grids", type=int)
    parser.add_argument("--engine", default="local", choices=("local", "dask", "spark"))
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--blocks", type=int)
    parser.add_argument("--dates", type=int, default=26)
    parser.add_argument(
        "--kept", help="a folder with a city that an earlier run made, or where it is to be made and kept"
    )
    parser.add_argument("--steps", default=",".join(STEPS), help="of " + ", ".join(STEPS))
    parser.add_argument("--inner", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inner:
        began = time.perf_counter()
        told = step(options.inner, options)
        print(json.dumps({"told": told, "wall_s": round(time.perf_counter() - began, 1)}))
        return
    with contextlib.ExitStack() as stack:
        folder = options.kept or stack.enter_context(tempfile.TemporaryDirectory(prefix="country-"))
        if not (Path(folder) / "city" / "tables" / "events").exists():
            made = [sys.executable, str(Path(__file__).with_name("scale.py")), str(options.n_grids), "--make", folder]
            subprocess.run(made, check=True)
        if "panel" in options.steps:
            shutil.rmtree(Path(folder) / "panel", ignore_errors=True)
        for name in options.steps.split(","):
            load = os.getloadavg()[0]
            found, cpu, peak = counted([sys.executable, *sys.argv, "--kept", folder, "--inner", name])
            row = {"grids": options.n_grids, "step": name, "engine": options.engine, "jobs": options.jobs}
            row |= {"blocks": options.blocks, "dates": options.dates, "cpu_s": round(cpu, 1), "peak_mb": round(peak)}
            print(json.dumps(row | found | {"load": [round(load, 1), round(os.getloadavg()[0], 1)]}), flush=True)


if __name__ == "__main__":
    main()
