"""Replay the volume monitor over Philadelphia's police feed: ``python benchmarks/monitoring.py [--shared DIR]``.

Prints alarms a year and every spell of alarm, and draws docs/img/monitoring_philadelphia.png.
"""

import argparse
import os
import tempfile
from pathlib import Path

import pandas as pd
from results import ROOT, open_store

from riskwarn import monitoring
from riskwarn.history import History

BREAKS = {"2020-05-30": "unrest", "2021-03-29": "recording changes"}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument(
        "--shared", type=Path, default=Path(os.environ.get("RISKWARN_SHARED", ROOT.parent / "shared")) / "data"
    )
    with tempfile.TemporaryDirectory() as folder:
        store = open_store("philadelphia", Path(folder), arguments.parse_args().shared)
        if store is None:
            return
        history = History.load(store)
        nights = monitoring.replay(history, until="2023-01-01")
        for day in BREAKS:
            told = [monitoring.check_feeds(history, pd.Timestamp(day) + pd.Timedelta(days=d)) for d in (0, 1)]
            print(
                day,
                *("; ".join(monitoring.in_words(t[t["state"] == "alarm"])) or "no alarm" for t in told),
                sep="\n   ",
            )
    print(a_year(nights).to_string(), spells(nights).to_string(index=False), sep="\n\n")
    draw(nights, ROOT / "docs" / "img" / "monitoring_philadelphia.png")


def a_year(nights: pd.DataFrame) -> pd.DataFrame:
    """Nights of warning and of alarm, and spells of alarm, in each year."""
    year = (nights.index - pd.Timedelta(days=1)).year
    counts = pd.crosstab(year, nights["state"]).reindex(columns=["warn", "alarm"], fill_value=0)
    first = spells(nights)["first"].dt.year.value_counts()
    return counts.assign(spells=first.reindex(counts.index, fill_value=0)).rename_axis(index="year", columns=None)


def spells(nights: pd.DataFrame) -> pd.DataFrame:
    """Runs of alarms; a week without one ends a run."""
    loud = nights[nights["state"] == "alarm"]
    number = (loud.index.to_series().diff() > pd.Timedelta(days=7.5)).cumsum().to_numpy()
    rows = [
        (
            part.index[0] - pd.Timedelta(days=1),
            len(part),
            *part.iloc[0][["scope", "fault", "observed", "expected", "days"]],
        )
        for _, part in loud.groupby(number)
    ]
    return pd.DataFrame(rows, columns=["first", "nights", "scope", "fault", "observed", "expected", "days"])


def draw(nights: pd.DataFrame, target: Path) -> None:
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(9, 2.8), layout="constrained")
    shown = nights["value"].clip(upper=20)
    axis.vlines(shown.index, 0, shown, colors="0.6", linewidth=0.6)
    alarms = nights["state"] == "alarm"
    axis.vlines(shown.index[alarms], 0, shown[alarms], colors="tab:red", linewidth=0.9)
    axis.axhline(nights["alarm"].iloc[0], color="black", linewidth=0.8, linestyle="--")
    axis.annotate(
        "by chance one night a year",
        (shown.index[20], nights["alarm"].iloc[0]),
        xytext=(0, 3),
        textcoords="offset points",
        fontsize=8,
    )
    for (day, name), (side, y) in zip(BREAKS.items(), (("right", 18), ("left", 9)), strict=True):
        at = pd.Timestamp(day, tz=nights.index.tz)
        axis.annotate(f" {name} ", (at, y), ha=side, va="top", fontsize=8)
    axis.set(
        ylabel="-log10 p of the night", ylim=(0, 21), title="Philadelphia: how odd was each night's volume (cut at 20)"
    )
    axis.spines[["top", "right"]].set_visible(False)
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, dpi=110, metadata={"Software": None})


if __name__ == "__main__":
    main()
