"""How often the totals of larger areas lay in their 90 % interval, beside what independent grids would have said.

python benchmarks/totals.py [--shared DIR] [NAME …]

Prints the table of docs/models.md.
"""

import argparse
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from results import QUESTIONS, ROOT, open_store

from riskwarn.backtesting import folds_of
from riskwarn.draws import totals
from riskwarn.experiment import Experiment
from riskwarn.metrics import coverage
from riskwarn.model import RiskModel
from riskwarn.panel import build_panel, grids_of

ENDS = ["lower", "upper", "lower_share", "upper_share"]
LEVELS = {"community": "community_id", "township": "township_id", "county": "county_id", "city": "city"}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("names", nargs="*", default=["town_calls"])
    arguments.add_argument(
        "--shared", type=Path, default=Path(os.environ.get("RISKWARN_SHARED", ROOT.parent / "shared")) / "data"
    )
    given = arguments.parse_args()
    print("| question | level | totals | coverage | as if grids were independent | width over expected |")
    print("| --- |" + " --- |" * 5)
    with tempfile.TemporaryDirectory() as folder:
        for name in given.names:
            store = open_store(QUESTIONS[name], Path(folder), given.shared)
            if store is not None:
                found = pd.concat(told(Experiment.load(ROOT / "experiments" / f"{name}.toml"), store))
                print(*table(name, found), sep="\n", flush=True)


def told(experiment: Experiment, store) -> Iterator[pd.DataFrame]:
    """Of each fold and level the totals told and those that came."""
    panel = build_panel(store, experiment)
    grids, rows = grids_of(panel), panel[panel["y"].notna()]
    levels = [level for level in LEVELS if level == "city" or grids[LEVELS[level]].notna().all()]
    for fold in folds_of(experiment, rows):
        test = rows[rows["as_of"].isin(fold.test_dates)]
        model = RiskModel.of(experiment).fit(rows[rows["as_of"].isin(fold.train_dates)], grids=grids)
        scores = test[["grid_id", "as_of", "y"]].join(model.predict(test)[["expected"]])
        for level in levels:
            yield _beside(model, scores, grids, level)


def _beside(model: RiskModel, scores: pd.DataFrame, grids: pd.DataFrame, level: str) -> pd.DataFrame:
    """A row a night and area: what was told with what grids share, what without, and what came."""
    by, seed = LEVELS[level], model.settings.seed
    area = scores["grid_id"].map(grids.set_index("grid_id")[by]) if by != "city" else "city"
    came = scores.assign(**{by: area}).groupby(["as_of", by], observed=True)["y"].sum().rename("came")
    shared = model.totals(scores, grids, by).assign(level=level)
    apart = totals(scores, grids, by, calibration=model.calibration, common={}, seed=seed)
    return shared.join(apart[ENDS].add_suffix("_apart")).merge(came, on=["as_of", by], validate="1:1")


def covered(rows: pd.DataFrame, of: str) -> float:
    lower, upper, lower_share, upper_share = (rows[end + of] for end in ENDS)
    return coverage(rows["came"], lower, upper, lower_share=lower_share, upper_share=upper_share)


def table(name: str, found: pd.DataFrame) -> Iterator[str]:
    for level, rows in found.groupby("level", sort=False):
        shared, apart = (covered(rows, of) for of in ("", "_apart"))
        width = ((rows["upper"] - rows["lower"]) / rows["expected"]).median()
        yield f"| {name} | {level} | {len(rows):,} | {shared:.3f} | {apart:.3f} | {width:.2f} |"


if __name__ == "__main__":
    main()
