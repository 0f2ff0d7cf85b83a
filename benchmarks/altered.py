"""What a list hangs on: places of those who report less, and what false reports can do: ``python benchmarks/altered.py``.

Two cities: Boston 2015, which the package brings, and the simulated town of 1,900 grids. Of each a question is trained on all that is settled, and a night asked: what half
of the grids keep of their places when they report half as much, and how far false reports in a grid, or true ones kept back, move it, by the model and by the count
of the past year.
"""

import argparse
import tempfile
import time
from pathlib import Path

import riskwarn as rw
from riskwarn import audit, simulation
from riskwarn.example import boston
from riskwarn.history import History

EXPERIMENTS = Path(__file__).parent.parent / "experiments"


def show(name: str, history: History, experiment: rw.Experiment, as_of: object, n_grids: int) -> None:
    """Print both tables, and what they cost."""
    model = rw.RiskModel.of(experiment).fit(rw.build_panel(history, experiment))
    print(f"\n{name}: {len(history.grids)} grids, {experiment.label.name}, night of {as_of}")
    for found in (
        lambda: audit.under_reporting(model, history, experiment, as_of=as_of),
        lambda: audit.false_reports(model, history, as_of=as_of, n_grids=n_grids),
    ):
        then = time.process_time()
        print(found().to_string(index=False, float_format="{:.2f}".format))
        print(f"{time.process_time() - then:.1f} s of processor", flush=True)


def main() -> int:
    """Ask both cities."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--grids", type=int, default=40, help="tried for each line")
    tried = parser.parse_args().grids
    with tempfile.TemporaryDirectory() as folder:
        store = boston(Path(folder) / "boston", progress=False)
        show("Boston 2015", History.load(store), rw.Experiment.load(EXPERIMENTS / "weekly.toml"), "2015-12-28", tried)
        town = simulation.city("small").write(Path(folder) / "town")
        asked = rw.Experiment.load(EXPERIMENTS / "town_calls.toml")
        show("a simulated town", History.load(town), asked, asked.dates.last, tried)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
