"""What the synthetic city costs, what its moments are, and how far simple counts are from its oracle.

python benchmarks/simulation.py cost            # CPU and memory of each preset, one process each
python benchmarks/simulation.py moments         # the moments of the whole city
python benchmarks/simulation.py rank [SEED]     # oracle and simple counts on the last 26 Mondays of the whole city
python benchmarks/simulation.py twins           # what alerts are worth
"""

import resource
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pandas as pd

from riskwarn import simulation
from riskwarn.simulation import PRESETS, TARGETS
from riskwarn.simulation.truth import recorded

WINDOWS = {"15-week mean": 105, "last 28 d": 28, "last 365 d": 365}


def cost(preset=None):
    if preset is None:
        print("preset  tables CPU s  truth CPU s  write CPU s  peak MB  events  visits")
        for name in PRESETS:
            subprocess.run([sys.executable, __file__, "cost", name], check=True)
        return
    import tempfile

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
            row = simulation.score(city.truth, scores=scores[scores["target"] == target])["prediction"].iloc[0]
            print(
                f"| {target} ({row['prevalence']:.1%}) | {name} | {row['ap']:.3f} | {row['auc']:.3f} | {row['capture_0.05']:.1%} | "
                f"{row['pai_5']:.1f} | {row['of_oracle']:.0%} | {row['of_informed']:.0%} |"
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
    {"cost": cost, "moments": moments, "rank": rank, "twins": twins}[sys.argv[1]](*sys.argv[2:])
