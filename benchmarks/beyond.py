"""What training from a panel on disk costs beside one at hand: CPU seconds and peak memory, each in a process of its own.

    python benchmarks/beyond.py [--judged] [GRIDS …]

Sixty four-weekly dates of made-up counts in the columns of experiments/weekly.toml, in eight blocks; twenty trees, one thread. `read` reads the
panel into memory and fits nothing; `at hand` reads it and fits; `on disk` fits from its files (:func:`riskwarn.panel.rows_on_disk`).
With ``--judged`` a backtest of two folds of four dates instead: the model, the line and the prior counts of the experiment.
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

from riskwarn.backtesting import backtest
from riskwarn.experiment import Experiment, Folds
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
    judged = "--judged" in sys.argv
    ways = [f"{how}, judged" for how in ("at hand", "on disk")] if judged else ["read", "at hand", "on disk"]
    print("| grids | rows | panel, MB | how | CPU s | peak MB |\n| --- | --- | --- | --- | --- | --- |")
    for n_grids in map(int, [word for word in sys.argv[1:] if word != "--judged"] or ["2000", "8000", "32000"]):
        with tempfile.TemporaryDirectory() as folder:
            size = write(Path(folder), n_grids)
            for how in ways:
                call = [sys.executable, __file__, "child", how, folder]
                found = json.loads(subprocess.run(call, check=True, capture_output=True, env=os.environ | one).stdout)
                rows = f"{n_grids * len(DATES):,}"
                print(
                    f"| {n_grids:,} | {rows} | {size:.0f} | {how} | {found['cpu_s']:.1f} | {found['mb']:.0f} |",
                    flush=True,
                )


def asked() -> Experiment:
    experiment = Experiment.load(ROOT / "experiments" / "weekly.toml")
    trees = dataclasses.replace(experiment.model, n_trees=20)
    return dataclasses.replace(experiment, model=trees, folds=Folds(2, 4, 30))


def write(folder: Path, n_grids: int) -> float:
    """A panel of counts that hang on what each grid is like; its size as float32 numbers, MB."""
    rng, names = np.random.default_rng(0), [f.name for f in asked().columns]
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

    experiment, judged = asked(), how.endswith("judged")
    model, started = RiskModel.of(experiment), time.process_time()
    if how.startswith("on disk"):
        with rows_on_disk(folder, [f.name for f in (experiment.columns if judged else experiment.features)]) as rows:
            backtest(experiment, rows, progress=False) if judged else model.fit(rows)
    else:
        panel = read_panel(folder)
        if judged:
            backtest(experiment, panel, progress=False)
        elif how == "at hand":
            model.fit(panel)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"cpu_s": time.process_time() - started, "mb": peak * 1024 / 1e6}


if __name__ == "__main__":
    main()
