"""What training from a panel on disk costs beside one at hand: CPU seconds and peak memory, each in a process of its own.

    python benchmarks/beyond.py [GRIDS …]

Sixty four-weekly dates of made-up counts in the columns of experiments/weekly.toml, in eight blocks; twenty trees, one thread. `read` reads the
panel into memory and fits nothing; `at hand` reads it and fits; `on disk` fits from its files (:func:`riskwarn.panel.rows_on_disk`).
"""

import dataclasses
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from riskwarn.experiment import Experiment
from riskwarn.model import RiskModel
from riskwarn.panel import read_panel, rows_on_disk
from riskwarn.panel.layout import Layout

ROOT = Path(__file__).parent.parent
DATES = pd.date_range("2019-01-07", periods=60, freq="28D", tz="Asia/Shanghai").as_unit("us")
N_BLOCKS = 8


def main() -> None:
    if len(sys.argv) == 4 and sys.argv[1] == "child":
        print(json.dumps(measure(*sys.argv[2:])))
        return
    one = {"OMP_NUM_THREADS": "1", "RISKWARN_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    print("| grids | rows | panel, MB | how | CPU s | peak MB |\n| --- | --- | --- | --- | --- | --- |")
    for n_grids in map(int, sys.argv[1:] or ["2000", "8000", "32000"]):
        with tempfile.TemporaryDirectory() as folder:
            size = write(Path(folder), n_grids)
            for how in ("read", "at hand", "on disk"):
                call = [sys.executable, __file__, "child", how, folder]
                found = json.loads(subprocess.run(call, check=True, capture_output=True, env=os.environ | one).stdout)
                rows = f"{n_grids * len(DATES):,}"
                print(
                    f"| {n_grids:,} | {rows} | {size:.0f} | {how} | {found['cpu_s']:.1f} | {found['mb']:.0f} |",
                    flush=True,
                )


def asked() -> RiskModel:
    experiment = Experiment.load(ROOT / "experiments" / "weekly.toml")
    return RiskModel.of(dataclasses.replace(experiment, model=dataclasses.replace(experiment.model, n_trees=20)))


def write(folder: Path, n_grids: int) -> float:
    """A panel of counts that hang on what each grid is like; its size as float32 numbers, MB."""
    rng, names = np.random.default_rng(0), asked().feature_names
    layout, days = Layout(N_BLOCKS, "made up"), [at.strftime("%Y-%m-%d") for at in DATES]
    layout.begin(folder, days)
    ids = np.array([f"G{i:07d}" for i in range(n_grids)])
    level = rng.gamma(1.0, 1.0, n_grids)
    block_of = rng.integers(0, N_BLOCKS, n_grids)
    for at, day in zip(DATES, days, strict=True):
        for number in range(N_BLOCKS):
            here = block_of == number
            n = int(here.sum())
            columns = {name: rng.poisson(level[here] * (1 + k % 7)).astype(np.float32) for k, name in enumerate(names)}
            keys = {"grid_id": ids[here], "as_of": pa.array([at] * n, pa.timestamp("us", "Asia/Shanghai"))}
            y = rng.poisson(level[here]).astype(np.float32)
            target = layout.file(folder, day, number)
            target.parent.mkdir(exist_ok=True)
            pq.write_table(pa.table({**keys, **columns, "y": y}), target, compression="zstd")
    layout.end(folder, days)
    return 4 * n_grids * len(DATES) * len(names) / 1e6


def measure(how: str, folder: str) -> dict[str, float]:
    import lightgbm  # noqa: F401 - loaded before the clock starts

    model, started = asked(), time.process_time()
    if how == "on disk":
        with rows_on_disk(folder, model.feature_names) as rows:
            model.fit(rows)
    else:
        panel = read_panel(folder)
        if how == "at hand":
            model.fit(panel)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"cpu_s": time.process_time() - started, "mb": peak * 1024 / 1e6}


if __name__ == "__main__":
    main()
