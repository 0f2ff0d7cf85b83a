"""What the synthetic city costs, what its moments are, and how far simple counts are from its oracle.

python benchmarks/simulation.py cost            # CPU and memory of each preset, one process each
python benchmarks/simulation.py moments         # the moments of the whole city
python benchmarks/simulation.py rank [SEED]     # oracle and simple counts on the last 26 Mondays of the whole city
python benchmarks/simulation.py model [SEED]    # the product's own model beside counts and both oracles, same city, last 24 Mondays
python benchmarks/simulation.py twins           # what alerts are worth
"""

import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from riskwarn import simulation
from riskwarn.backtesting import backtest
from riskwarn.experiment import Experiment
from riskwarn.panel import build_panel
from riskwarn.simulation import PRESETS, TARGETS
from riskwarn.simulation.truth import recorded

QUESTIONS = {"viol28": "city_violence", "calls7": "city_calls", "newpet28": "city_petitions"}
WINDOWS = {"15-week mean": 105, "last 28 d": 28, "last 365 d": 365}


def cost(preset=None):
    if preset is None:
        print("preset  tables CPU s  truth CPU s  write CPU s  peak MB  events  visits")
        for name in PRESETS:
            subprocess.run([sys.executable, __file__, "cost", name], check=True)
        return
    start = time.process_time()
    city = simulation.city(preset)
    tables = time.process_time()
    city.truth  # noqa: B018
    told = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        city.write(f"{folder}/city")
    written = time.process_time()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sizes = [len(city.tables[n]) for n in ("events", "visits")]
    print(
        f"{preset:6}  {tables - start:12.1f}  {told - tables:11.1f}  {written - told:11.1f}  {peak:7.0f}  {sizes[0]:,}  {sizes[1]:,}"
    )


def moments():
    sys.path.insert(0, "tests")
    from test_simulation_oracle import BANDS
    from test_simulation_oracle import moments as measured

    city = simulation.city(replace(PRESETS["city"], first_as_of=900))
    for name, value in measured(city).items():
        print(f"| {name} | {value:.3g} | {BANDS[name][0]}–{BANDS[name][1]} |")


def counts(city, days):
    """Recorded events of each target in the window before each Monday, known by then, under the codes as written."""
    events = city.tables["events"]
    prob = city.truth["prob"]
    parts = []
    for as_of, rows in prob.groupby("as_of"):
        known = events[
            (events["known_at"] < as_of)
            & (events["occurred_at"] >= as_of - pd.Timedelta(days=days))
            & (events["occurred_at"] < as_of)
        ]
        n = recorded(known).groupby(["target", "grid_id"]).size()
        at = pd.MultiIndex.from_frame(rows[["target", "grid_id"]])
        parts.append(rows[["grid_id", "as_of", "target"]].assign(probability=n.reindex(at).fillna(0.0).to_numpy()))
    return pd.concat(parts)


def line(name, row):
    return (
        f"| {row['target']} ({row['prevalence']:.1%}) | {name} | {row['ap']:.3f} | {row['auc']:.3f} | {row['capture_0.05']:.1%} | "
        f"{row['pai_5']:.1f} | {row['of_oracle']:.0%} | {row['of_informed']:.0%} |"
    )


def model(seed=7, *targets):
    """Backtest each question of the city on its tables, then score every forecast against the truth."""
    city = simulation.city(replace(PRESETS["city"], first_as_of=900), seed=int(seed))
    with tempfile.TemporaryDirectory() as folder:
        store = city.write(folder + "/city")
        for target in targets or QUESTIONS:
            experiment = Experiment.load(Path("experiments") / f"{QUESTIONS[target]}.toml")
            report = backtest(experiment, build_panel(store, experiment), progress=False)
            told = {m: rows.assign(target=target) for m, rows in report.predictions.groupby("model", sort=False)}
            dates = report.predictions["as_of"].unique()
            prob = city.truth["prob"]
            prob = prob[(prob["target"] == target) & prob["as_of"].isin(dates)]
            keys = ["grid_id", "as_of", "target"]
            told["oracle of what left a record"] = prob[keys].assign(probability=prob["probability_known"])
            told["oracle of everything"] = prob[[*keys, "probability"]]
            for name, rows in told.items():
                ranked = rows if "score" not in rows else rows.assign(probability=rows["score"])
                print(line(name, one(simulation.score(city.truth, scores=ranked)["prediction"])))
            found = simulation.score(city.truth, scores=told["riskwarn"])
            print(
                one(found["prediction"])[["ece", "rmse_true", "bias_true", "brier", "brier_oracle"]].round(4).to_dict()
            )
            print(found["bands"].round(4).to_string(index=False))
            print(report.differences(["capture_5", "capture_10"]).round(4).to_string(index=False), flush=True)


def one(table):
    return table.iloc[0]


def rank(seed=7):
    city = simulation.city(replace(PRESETS["city"], first_as_of=1096 - 28 - 26 * 7), seed=int(seed))
    prob = city.truth["prob"]
    keys = ["grid_id", "as_of", "target"]
    people = city.tables["grids"].set_index("grid_id")["population"]
    rivals = {"population": prob[keys].assign(probability=people.reindex(prob["grid_id"]).to_numpy())}
    rivals |= {name: counts(city, days) for name, days in WINDOWS.items()}
    rivals["oracle of what left a record"] = prob[keys].assign(probability=prob["probability_known"])
    rivals["oracle of everything"] = prob[[*keys, "probability"]]
    for target in TARGETS:
        for name, scores in rivals.items():
            print(
                line(
                    name, simulation.score(city.truth, scores=scores[scores["target"] == target])["prediction"].iloc[0]
                )
            )
    one = simulation.score(city.truth, scores=rivals["oracle of everything"])
    print(one["bands"].query("target == 'viol28'").round(4).to_string(index=False))
    share = prob.groupby("target")[["n", "n_recorded"]].sum()
    print((share["n_recorded"] / share["n"]).round(3).to_string())


def twins():
    for alerting in (
        simulation.Alerting(50),
        simulation.Alerting(50, thorough=20),
        simulation.Alerting(360, thorough=20),
    ):
        made = simulation.twins(replace(PRESETS["city"], first_as_of=1090), alerting=alerting)
        print(alerting)
        print(made.value.round(3).to_string(index=False))


if __name__ == "__main__":
    np.seterr(all="raise", under="ignore")
    {"cost": cost, "moments": moments, "rank": rank, "model": model, "twins": twins}[sys.argv[1]](*sys.argv[2:])
