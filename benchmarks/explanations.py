"""How long a night's reasons take, for a city of 7,181 grids and for its 500 riskiest, with the default model; and how firm planted causes are.

Run with ``RISKWARN_THREADS=1 python benchmarks/explanations.py``. Figures are CPU seconds of one thread, the best of three.
"""

import os
import sys
import time
from pathlib import Path

os.environ.setdefault("RISKWARN_THREADS", "1")

import numpy as np
import pandas as pd

from riskwarn.experiment import ModelSettings
from riskwarn.explanation import explain
from riskwarn.feature import Own, load_group
from riskwarn.history import Stream
from riskwarn.label import Label
from riskwarn.model import RiskModel

ROOT = Path(__file__).parent.parent
GROUPS = ("police_calls", "disputes", "petitions", "handling", "neighbourhood", "calendar", "place")
N_GRIDS, N_TRAIN = 7181, 60_000


def panel(features, n_rows, n_dates, rng):
    """Counts around a level of each grid's own, as a city's panel has them."""
    level = rng.gamma(0.5, 2.0, n_rows)
    made = {f.name: rng.poisson(level * rng.uniform(0.2, 3)).astype("float32") for f in features}
    normals = {f"normal:{name}": np.full(n_rows, np.median(values), dtype="float32") for name, values in made.items()}
    dates = pd.date_range("2024-01-01", periods=n_dates, freq="7D", tz="Asia/Shanghai")
    return pd.DataFrame(
        {
            "grid_id": [f"G{i:06d}" for i in range(n_rows)],
            "as_of": dates[np.arange(n_rows) % n_dates],
            **made,
            **normals,
            "y": rng.poisson(0.3 * level).astype("float32"),
        }
    )


def cpu(run):
    best = np.inf
    for _ in range(3):
        start = time.process_time()
        run()
        best = min(best, time.process_time() - start)
    return best


def main():
    rng = np.random.default_rng(0)
    declared = [f for g in GROUPS for f in load_group(ROOT / "features", g)]
    label = Label("calls_28d", (Stream("police_call", categories=("P04",)),), days=28, settle_days=7)
    features = (*declared, *(Own(label.streams, w) for w in (4, 15, 52, 104)))
    model = RiskModel(features, label, ModelSettings()).fit(panel(features, N_TRAIN, 60, rng))
    night = panel(features, N_GRIDS, 1, rng)
    top = night["grid_id"].iloc[np.argsort(-model.margin(night))[:500]].tolist()
    print(f"{len(features)} features, {ModelSettings().n_trees} trees, one thread, {os.uname().machine}")
    print(f"contributions of {N_GRIDS} grids: {cpu(lambda: model.contributions(night)):.2f} s CPU")
    print(f"reasons of {N_GRIDS} grids, both languages: {cpu(lambda: explain(model, night)):.2f} s CPU (at most 6)")
    print(f"reasons of the top 500: {cpu(lambda: explain(model, night, grids=top)):.2f} s CPU (at most 1)")
    if "--planted" in sys.argv:
        planted()


def planted():
    sys.path.insert(0, str(ROOT / "tests"))
    from towns.planted import overdue, repeated, season

    for world in (overdue, repeated, season):
        for seed in range(3):
            made = world(seed)
            driven, others = made.share_first()
            print(
                f"{world.__name__} {seed}: first reason in {driven:.0%} of {len(made.driven)} driven grids, in {others:.0%} of the others"
            )


if __name__ == "__main__":
    main()
