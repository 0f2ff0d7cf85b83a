"""Golden rows: a few rows a model was fitted to, kept with what it said of them, by which one sees that it still says the same elsewhere."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.errors import DataError
from riskwarn.model.joint import Joint
from riskwarn.rows import Rows

FACT = "golden"
_N_ROWS = 10
_TOLERANCE = 1e-9
_SECONDS = 120
_CHILD = (
    "import sys; from riskwarn.model import RiskModel; from riskwarn.model.golden import difference\n"
    "for place in sys.argv[1:]: print(difference(RiskModel.load(place, trusted=True)), flush=True)"
)


def golden_of(model: Joint, rows: Rows) -> dict[str, Any]:
    """Some of `rows`, spread over them, and the log of what the model expects of each; plain values."""
    chosen = rows[np.unique(np.linspace(0, len(rows) - 1, _N_ROWS).astype(int))].frame(model.feature_names)
    values = chosen.astype(float).astype(object).where(chosen.notna(), None)
    return {"rows": values.to_numpy().tolist(), "scores": model.margin(chosen).tolist()}


def difference(model: Joint) -> float:
    """The greatest difference between what the model says of its golden rows and what it said; 0 where it has none."""
    golden = model.facts.get(FACT)
    if golden is None:
        return 0.0
    rows = pd.DataFrame(golden["rows"], columns=model.feature_names).astype("float32")
    return float(np.abs(model.margin(rows) - np.array(golden["scores"])).max())


@checked
def check_golden(*folders: Path) -> None:
    """Load bundles in a process of its own and let each score its golden rows.

    Parameters
    ----------
    folders
        Where the bundles are; all of them share one process.

    Raises
    ------
    DataError
        The process ended, took too long, or one gave other scores than when the model was trained.
    """
    command = [sys.executable, "-c", _CHILD, *map(str, folders)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired as slow:
        raise DataError(
            f"the model takes over {_SECONDS} s to score {_N_ROWS} rows in a process of its own; it is not swapped in."
        ) from slow
    if done.returncode:
        # a model that is damaged says anything, not always in UTF-8
        said = done.stderr.decode(errors="replace").strip()
        last = (said.splitlines() or [f"exit code {done.returncode}"])[-1]
        raise DataError(
            f"the model ends the process that tries it ({last[:200]}); it is not swapped in. Train it again."
        )
    # a score that is no number is as far off as can be, whichever bundle gives it
    differs = np.nan_to_num(np.array(done.stdout.split()[-len(folders) :], dtype=float), nan=np.inf).max()
    if differs > _TOLERANCE:
        raise DataError(
            f"the model scores its golden rows otherwise than when it was trained, by up to {differs:.3g} in the log; it is not swapped in. Train it again with these versions."
        )
