"""The product's night: from a store of revisions to the panel of one date, with the features of ``experiments/weekly.toml``.

    python benchmarks/night.py STORE              # a store that is there
    python benchmarks/night.py STORE --simulate city   # simulate one first, if it is not

Prints CPU seconds of opening the history and of the panel, a line a repeat.
"""

import argparse
import itertools
import json
import os
import time
from pathlib import Path

import pandas as pd


def night(path):
    """CPU seconds of opening the history, and of the panel; rows and columns."""
    import riskwarn as rw
    from riskwarn.history import History
    from riskwarn.pipeline import starter

    store = rw.Store(path)
    experiment = rw.Experiment.load(starter("experiments") / "weekly.toml")
    as_of = pd.Timestamp(store.known_until().date())
    marks = [time.process_time()]
    history = History.load(store, as_of=as_of)
    marks.append(time.process_time())
    panel = rw.build_panel(history, experiment, as_of=as_of)
    marks.append(time.process_time())
    load, build = (round(b - a, 3) for a, b in itertools.pairwise(marks))
    return {
        "revisions": len(history.cases),
        "grids": len(panel),
        "columns": panel.shape[1],
        "load_s": load,
        "panel_s": build,
    }


def main():
    """Simulate where asked, then run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store")
    parser.add_argument("--simulate", metavar="PRESET")
    parser.add_argument("--repeat", type=int, default=3)
    asked = parser.parse_args()
    if asked.simulate and not Path(asked.store).exists():
        from riskwarn.simulation import city

        city(asked.simulate).write(asked.store, truth=False)
    for _ in range(asked.repeat):
        print(json.dumps(night(asked.store) | {"load1": os.getloadavg()[0]}), flush=True)


if __name__ == "__main__":
    main()
