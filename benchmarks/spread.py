"""What trees grown on a Dask cluster are worth beside those of one machine, on later dates of the Boston example.

    python benchmarks/spread.py [RUNS]

The model learns from the first two thirds of the dates, in four blocks: once here, and RUNS times on a cluster of two workers of this machine; and RUNS
times here with other seeds, which says how much trees differ anyway. Printed is how much the mean log likelihood of a grid and date (Poisson, without
what no forecast moves) gains over one machine's on the dates after, with the 95 % interval of Student's t over dates, runs averaged.
"""

import dataclasses
import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from riskwarn.distributed import dask_engine, write_blocks
from riskwarn.distributed.dask_forest import grown_on
from riskwarn.example import boston
from riskwarn.experiment import Experiment
from riskwarn.model import RiskModel
from riskwarn.panel import read_panel, rows_on_disk

ROOT = Path(__file__).parent.parent


def main() -> None:
    runs, asked = int(sys.argv[1]) if len(sys.argv) > 1 else 3, Experiment.load(ROOT / "experiments" / "weekly.toml")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "panel"
        write_blocks(boston(Path(scratch) / "city"), asked, folder, n_blocks=4)
        panel = read_panel(folder).dropna(subset=["y"])
        dates = sorted(panel["as_of"].unique())
        cut = dates[len(dates) * 2 // 3]
        wait = pd.Timedelta(days=asked.label.wait_days)
        later = panel[panel["as_of"] >= cut + wait]
        model = RiskModel.of(asked)
        learnt = [at for at in dates if at < cut]
        with rows_on_disk(folder, model.feature_names, dates=learnt) as rows, dask_engine.connected("", 2) as client:
            here = by_date(model.fit(rows), later)
            grow = partial(grown_on, client, folder)
            there = [by_date(model.fit(rows, grow=grow), later) for _ in range(runs)]
            seeds = [dataclasses.replace(asked.model, seed=asked.model.seed + 1 + k) for k in range(runs)]
            other = [by_date(dataclasses.replace(model, settings=s).fit(rows), later) for s in seeds]
    print(
        f"{len(learnt)} dates learnt, {len(here)} later ones, {later['grid_id'].nunique()} grids; one machine {here.mean():.5f}"
    )
    print(
        "| trees | runs | gain over one machine | 95 % interval | largest of a run |\n| --- | --- | --- | --- | --- |"
    )
    for name, found in (("on two workers", there), ("here, other seeds", other)):
        gains = np.mean([run - here for run in found], axis=0)
        half = stats.sem(gains) * stats.t.ppf(0.975, len(gains) - 1)
        most = max((float((run - here).mean()) for run in found), key=abs)
        print(
            f"| {name} | {runs} | {gains.mean():+.6f} | {gains.mean() - half:+.6f} to {gains.mean() + half:+.6f} | {most:+.6f} |"
        )


def by_date(model: RiskModel, later: pd.DataFrame) -> np.ndarray:
    """Mean log likelihood of the grids of each later date."""
    rate = model.margin(later)
    told = later["y"].to_numpy(dtype=float) * rate - np.exp(rate)
    return pd.Series(told).groupby(later["as_of"].to_numpy()).mean().to_numpy()


if __name__ == "__main__":
    main()
