"""Judge lists, not scores: replay a plan's nights and set its lanes beside plain lists of the same length.

    python benchmarks/lists.py [--shared DIR] [--stores DIR] [CITY …]

Writes experiments/results/lists.csv, of which benchmarks/results.py makes the part of docs/results.md on lists. Boston and the synthetic
town need no data beside the package; Philadelphia is left as it is where its data are absent. Rules raise no alert here, so all lists are of one length.
"""

import argparse
import dataclasses
import datetime as dt
import os
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
from results import ROOT, open_store

from riskwarn.experiment import Experiment
from riskwarn.plan import Plan, Question, Triggers
from riskwarn.replaying import backtest_plan

TARGET = ROOT / "experiments" / "results" / "lists.csv"


@dataclass(frozen=True)
class City:
    """Whose nights are replayed: place of the data, experiment of each lane, and from when the first question learns where not from its own first date."""

    place: str
    lanes: dict[str, str]
    first: dt.date | None = None


CITIES = {
    "Boston": City("boston", {"standing": "weekly", "rising": "boston_emergence"}),
    "Philadelphia": City(
        "philadelphia_cells",
        {
            "standing": "philadelphia_burglary",
            "rising": "philadelphia_burglary_emergence",
            "first": "philadelphia_first_burglary",
        },
        dt.date(2021, 1, 4),
    ),
    "synthetic town": City(
        "town",
        {
            "standing": "town_calls",
            "rising": "town_emergence",
            "first": "town_first",
            "escalating": "town_escalation",
        },
    ),
}


def main() -> None:
    """Replay the cities and keep what came out beside the others'."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("cities", nargs="*", default=list(CITIES))
    shared = Path(os.environ.get("RISKWARN_SHARED", ROOT.parent / "shared")) / "data"
    arguments.add_argument("--shared", type=Path, default=shared)
    arguments.add_argument("--stores", type=Path, help="where the cities lie, or are made; nowhere lasting by default")
    given = arguments.parse_args()
    tables = dict(iter(pd.read_csv(TARGET).groupby("city"))) if TARGET.exists() else {}
    with TemporaryDirectory() as folder:
        for name in given.cities:
            if (table := replayed(name, given.stores or Path(folder), given.shared)) is not None:
                tables[name] = table
    pd.concat([tables[name] for name in CITIES if name in tables]).to_csv(TARGET, index=False, float_format="%.4f")


def replayed(name: str, folder: Path, shared: Path) -> pd.DataFrame | None:
    """The table of a city's lists; none where its data are absent."""
    started = time.process_time()
    city = CITIES[name]
    store = open_store(city.place, folder, shared)
    if store is None:
        return None
    asked = {lane: replayable(file, city.first) for lane, file in city.lanes.items()}
    plan = Plan(tuple(Question(e.label.name, lane) for lane, e in asked.items()), triggers=Triggers(rules=()))
    report = backtest_plan(store, plan, list(asked.values()))
    print(name, report, f"{time.process_time() - started:.0f} CPU s", sep="\n", flush=True)
    return report.table.rename_axis("list").reset_index().assign(city=name)


def replayable(file: str, first: dt.date | None) -> Experiment:
    """The experiment of a file from a first date on, without the rules it names: no list follows them, and cells have no population for one."""
    asked = Experiment.load(ROOT / "experiments" / f"{file}.toml")
    dates = asked.dates if first is None else dataclasses.replace(asked.dates, first=first)
    baselines = dataclasses.replace(asked.baselines, rules=())
    return dataclasses.replace(asked, dates=dates, baselines=baselines)


if __name__ == "__main__":
    main()
