"""Draw docs/features_speed.svg from benchmarks/features_speed.csv: ``python benchmarks/features_plot.py``."""

from pathlib import Path

import matplotlib as mpl
import pandas as pd

mpl.use("svg")
import matplotlib.pyplot as plt

HERE = Path(__file__).parent
JOBS = {
    "weekly S": "weekly, 1,000 grids, 2 years",
    "weekly M": "weekly, 7,181 grids, 4 years",
    "night M": "one night, 7,181 grids",
    "weekly L": "weekly, 70,000 grids, 4 years",
    "daily M": "daily, 7,181 grids, 4 years",
}


def main():
    """One panel a job, CPU seconds on a logarithmic scale."""
    mpl.rcParams["svg.hashsalt"] = "riskwarn"
    rows = pd.read_csv(HERE / "features_speed.csv")
    heights = [(rows["job"] == job).sum() for job in JOBS]
    figure, axes = plt.subplots(
        len(JOBS), 1, figsize=(8, 7.5), sharex=True, layout="constrained", gridspec_kw={"height_ratios": heights}
    )
    for axis, (job, title) in zip(axes, JOBS.items(), strict=True):
        own = rows[rows["job"] == job].iloc[::-1]
        colours = ["#1f5f8b" if e.startswith("riskwarn") else "#b0b7bf" for e in own["engine"]]
        bars = axis.barh(own["engine"], own["cpu_s"], color=colours)
        axis.bar_label(bars, [f"{s:g} s" for s in own["cpu_s"]], padding=3, fontsize=8)
        axis.set_title(title, loc="left", fontsize=9)
        axis.set_xscale("log")
        axis.set_xlim(0.1, 100)
        axis.tick_params(labelsize=8)
        axis.spines[["top", "right"]].set_visible(False)
    axes[-1].set_xlabel("CPU seconds, from the Parquet file to the float32 matrix (less is better)", fontsize=8)
    figure.savefig(HERE.parent / "docs" / "features_speed.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
