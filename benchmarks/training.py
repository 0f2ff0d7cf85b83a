"""What training costs beside LightGBM alone on the same matrix: CPU seconds and peak memory, each in a process of its own.

    python benchmarks/training.py [EXPERIMENT.toml PANEL.pkl]

Without arguments on the shipped Boston example. One thread each. `raw` builds one dataset and grows the same number of trees with the same options;
`line` fits the line alone; `fit` is all of RiskModel.fit: rate, forest, lines, stack, calibration and the level of the city.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from riskwarn.baseline import Line, settled
from riskwarn.example import boston
from riskwarn.experiment import Experiment
from riskwarn.model import RiskModel
from riskwarn.model.forest import options_for
from riskwarn.panel import build_panel

ROOT = Path(__file__).parent.parent


def main() -> None:
    if len(sys.argv) == 4:
        print(json.dumps(measure(*sys.argv[1:])))
        return
    with tempfile.TemporaryDirectory() as folder:
        experiment, panel = sys.argv[1:] or example(Path(folder))
        one = {"OMP_NUM_THREADS": "1", "RISKWARN_THREADS": "1"}
        print("| what | CPU s | peak MiB above reading the panel |\n| --- | --- | --- |")
        for what in ("raw", "line", "fit"):
            call = [sys.executable, __file__, what, str(experiment), str(panel)]
            found = json.loads(subprocess.run(call, check=True, capture_output=True, env=os.environ | one).stdout)
            print(f"| {what} | {found['cpu_s']:.2f} | {found['mib']:.0f} |")


def example(folder: Path) -> tuple[Path, Path]:
    experiment = ROOT / "experiments" / "weekly.toml"
    build_panel(boston(folder / "city"), Experiment.load(experiment)).to_pickle(folder / "panel.pkl")
    return experiment, folder / "panel.pkl"


def measure(what: str, experiment: str, panel: str) -> dict[str, float]:
    asked = Experiment.load(experiment)
    rows = settled(pd.read_pickle(panel))
    model = RiskModel.of(asked)
    import lightgbm
    import sklearn.linear_model  # noqa: F401 - loaded before the clock starts, as is LightGBM

    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    if what == "raw":
        options = options_for(model.shape_features, model.settings, len(rows)) | {"objective": "poisson"}
        matrix = lightgbm.Dataset(
            rows[model.shape_names].to_numpy(dtype="float32"), rows["y"].to_numpy(), params=options
        )
        lightgbm.train(options, matrix, asked.model.n_trees)
    elif what == "line":
        Line.fit(rows, model.shape_names, l2=asked.model.line_l2)
    else:
        model.fit(rows)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"cpu_s": time.process_time() - started, "mib": (after - before) / 1024}


if __name__ == "__main__":
    main()
