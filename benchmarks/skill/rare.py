"""How much of what a list by the true rates would catch the model catches: serious calls, which are rare, and calls.

    python benchmarks/skill/rare.py small 201 202 203 [--cache DIR]
    python benchmarks/skill/rare.py city 201 202 203 [--cache DIR]

Simulated cities whose truth is known. One model a city and question, trained on what was settled by the first of the last 24 Mondays, lists
each of these Mondays; a list is worth the true expected events in its first 5 %, and is told as a share of the list by the true expected
events themselves. `read` is the list of one who knows the law of the city and the state of every matter that left a record.
"""

import argparse
import dataclasses
import datetime as dt
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from riskwarn import simulation
from riskwarn.experiment import Dates, Experiment
from riskwarn.history import History
from riskwarn.model import RiskModel
from riskwarn.panel import build_panel
from riskwarn.simulation import PRESETS
from riskwarn.simulation.setting import START
from riskwarn.store import Store

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
QUESTIONS = {"viol28": "city_violence", "calls7": "city_calls"}
FIRST = {"small": dt.date(2023, 7, 3), "city": dt.date(2024, 1, 1)}
MONDAYS, SETTLED, SHARE = 24, 35, 0.05


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("preset", choices=sorted(FIRST))
    arguments.add_argument("seeds", nargs="+", type=int)
    arguments.add_argument("--targets", nargs="+", default=list(QUESTIONS), choices=sorted(QUESTIONS))
    arguments.add_argument("--cache", type=Path, help="where cities are kept for the next run")
    given = arguments.parse_args()
    print("| target | city | model | trees | line | rate | best count | read | shares | CPU s of training |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        for seed in given.seeds:
            store, truth = city(given.preset, seed, given.cache or Path(folder))
            history = History.load(store)
            for target in given.targets:
                print(compared(given.preset, seed, target, history, truth[truth["target"] == target]), flush=True)


def last_monday(preset: str) -> pd.Timestamp:
    """The last whose longest horizon is settled before the city ends."""
    day = START.tz_localize(None).normalize() + pd.Timedelta(days=PRESETS[preset].days - SETTLED)
    return day - pd.Timedelta(days=day.weekday())


def city(preset: str, seed: int, folder: Path) -> tuple[Store, pd.DataFrame]:
    """Its store, and the truth of the Mondays that are listed; made where `folder` has none."""
    store, truth = folder / f"store_{preset}_{seed}", folder / f"{preset}_{seed}_prob.parquet"
    if not truth.exists():
        days = (last_monday(preset) - START.tz_localize(None).normalize()).days - 7 * (MONDAYS - 1)
        made = simulation.city(dataclasses.replace(PRESETS[preset], first_as_of=days - 1), seed=seed)
        made.write(store, truth=False)
        made.truth["prob"].to_parquet(truth)
    return Store(store), pd.read_parquet(truth)


def compared(preset: str, seed: int, target: str, history: History, truth: pd.DataFrame) -> str:
    """One line of the table."""
    asked = Experiment.load(EXPERIMENTS / f"{QUESTIONS[target]}.toml")
    asked = dataclasses.replace(asked, dates=Dates(FIRST[preset], last_monday(preset).date(), 7))
    panel = build_panel(history, asked)
    first = panel["as_of"].drop_duplicates().sort_values().iloc[-MONDAYS]
    rows = panel[panel["as_of"] >= first]
    started = time.process_time()
    model = RiskModel.of(asked).fit(panel[panel["as_of"] + pd.Timedelta(days=asked.label.wait_days) <= first])
    took = time.process_time() - started
    true = truth_of(rows, truth)
    best = listed(true["expected"], true["expected"], rows["as_of"])

    def share(score: np.ndarray | pd.Series) -> float:
        return listed(score, true["expected"], rows["as_of"]) / best

    parts = [model.margin(rows), model.tree_margin(rows), model.line.margin(rows), model.rate.margin(rows)]
    count = max(share(rows[prior.name]) for prior in asked.priors)
    told = [share(part) for part in parts] + [count, share(true["probability_known"])]
    shares = f"trees {model.tree_share:.2f}, line {model.line_share:.2f}, rate {model.rate_share:.2f}"
    return f"| {target} | {preset}, {seed} | {' | '.join(f'{one:.3f}' for one in told)} | {shares} | {took:.0f} |"


def truth_of(rows: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """What is true of each row; 0 where the city has no such grid on that date."""
    at = truth.assign(
        grid_id=truth["grid_id"].astype("str"), as_of=truth["as_of"].astype(rows["as_of"].dtype)
    ).set_index(["grid_id", "as_of"])
    keys = pd.MultiIndex.from_arrays([rows["grid_id"].astype("str"), rows["as_of"]])
    return at[["expected", "probability_known"]].reindex(keys).fillna(0.0).set_index(rows.index)


def listed(score: np.ndarray | pd.Series, expected: pd.Series, dates: pd.Series) -> float:
    """Expected events in the first grids of each date, all dates together."""
    night = pd.DataFrame({"score": np.nan_to_num(np.asarray(score, dtype=float), nan=-np.inf)}).assign(
        expected=expected.to_numpy(), date=dates.to_numpy()
    )
    place = night.groupby("date")["score"].rank(method="first", ascending=False)
    size = night.groupby("date")["score"].transform("size")
    return float(night.loc[place <= np.maximum((SHARE * size).round(), 1), "expected"].sum())


if __name__ == "__main__":
    main()
