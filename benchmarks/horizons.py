"""How skill changes with the horizon: the same questions over 7, 28 and 91 days, the model beside the best prior count.

python benchmarks/horizons.py [--shared DIR] [NAME …]

Prints the table of docs/models.md.
"""

import argparse
import os
import tempfile
from pathlib import Path

from results import QUESTIONS, ROOT, open_store

from riskwarn.backtesting import backtest
from riskwarn.errors import LabelError
from riskwarn.experiment import Experiment
from riskwarn.panel import build_panel

DAYS = (7, 28, 91)
ASKED = ["weekly", "town_calls", "philadelphia_violence", "philadelphia_burglary", "sweden_assault"]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("names", nargs="*", default=ASKED)
    arguments.add_argument(
        "--shared", type=Path, default=Path(os.environ.get("RISKWARN_SHARED", ROOT.parent / "shared")) / "data"
    )
    given = arguments.parse_args()
    print(
        "| question | days | events a date | capture_5 | best baseline | difference | capture_10 | best baseline | difference |"
    )
    print("| --- |" + " --- |" * 8)
    with tempfile.TemporaryDirectory() as folder:
        for name in given.names:
            store = open_store(QUESTIONS[name], Path(folder), given.shared)
            for days in DAYS if store is not None else ():
                print(row(name, Experiment.load(ROOT / "experiments" / f"{name}.toml").over(days), store), flush=True)


def row(name: str, experiment: Experiment, store) -> str:
    try:
        report = backtest(experiment, build_panel(store, experiment), progress=False)
    except LabelError:
        return f"| {name} | {experiment.label.days:g} | the records are too short |" + " |" * 6
    cells = [f"{report.frame.drop_duplicates('as_of')['n_events'].mean():.0f}"]
    for metric in ("capture_5", "capture_10"):
        d = report.differences([metric]).query("model == 'riskwarn'").iloc[0]
        best = f"{report.table.loc[d['rival'], metric]:.4f} ({d['rival']})"
        told = f"{d['difference']:+z.4f} [{d['lower']:+z.4f}, {d['upper']:+z.4f}]"
        cells += [f"{report.table.loc['riskwarn', metric]:.4f}", best, told]
    return f"| {name} | {experiment.label.days:g} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
