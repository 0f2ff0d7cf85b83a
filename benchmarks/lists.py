"""Judge lists, not scores: replay a plan's nights and set its lanes beside plain lists of the same length.

    python benchmarks/lists.py

Writes experiments/results/lists.csv, of which benchmarks/results.py makes the part of docs/results.md on lists. Boston needs no data beside the package.
"""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

from riskwarn.example import boston
from riskwarn.experiment import Experiment
from riskwarn.plan import Plan, Question, Triggers
from riskwarn.replaying import backtest_plan

ROOT = Path(__file__).parent.parent
TARGET = ROOT / "experiments" / "results" / "lists.csv"
EXPERIMENTS = {"standing": "weekly", "rising": "boston_emergence"}


def main():
    """Replay Boston and write what came out."""
    started = time.process_time()
    asked = {lane: Experiment.load(ROOT / "experiments" / f"{name}.toml") for lane, name in EXPERIMENTS.items()}
    plan = Plan(tuple(Question(e.label.name, lane) for lane, e in asked.items()), triggers=Triggers(rules=()))
    with TemporaryDirectory() as folder:
        report = backtest_plan(boston(Path(folder) / "boston", progress=False), plan, list(asked.values()))
    print(report, f"\n{time.process_time() - started:.0f} CPU s")
    report.table.assign(city="Boston").to_csv(TARGET, index_label="list", float_format="%.4f")


if __name__ == "__main__":
    main()
