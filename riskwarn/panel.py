"""The panel: one row a grid and date, one float32 column a feature, the outcome where it is settled.

Training asks for many dates, the night for one: the same function.
"""

from collections.abc import Iterable
from typing import cast

import numpy as np
import pandas as pd

from riskwarn.errors import DataError
from riskwarn.experiment import Experiment
from riskwarn.history import History, Snapshot
from riskwarn.store import Store

NORMAL = "normal:{feature}"
"""Column of a night's panel: what a reason compares the feature with."""


def build_panel(
    store: Store | History, experiment: Experiment, *, as_of: object | Iterable[object] = None
) -> pd.DataFrame:
    """Features, prior counts and settled outcomes of every grid at every date.

    Parameters
    ----------
    store
        Where the events are, or their history.
    experiment
        What is asked: label, features, dates.
    as_of
        One night; the dates of the experiment by default.

    Returns
    -------
    panel
        Sorted by `grid_id`, `as_of`. One float32 column a feature, the prior counts ``prior_…w`` last; `y`, the outcome, NaN where it is not settled. A single night also has ``normal:…``, what each feature is compared with in a reason.

    Raises
    ------
    StaleDataError
        A date lies after the data.
    DataError
        A date lies before the data.
    DefinitionError
        A feature reads a feed or column that is not there.
    """
    history = store if isinstance(store, History) else History.load(store)
    dates = experiment.dates.index() if as_of is None else [as_of]
    snapshot = history.at(cast("Iterable[object]", dates))
    _check_start(snapshot)
    columns = [(f.name, f.compute(snapshot)) for f in experiment.features]
    columns += [("y", experiment.label.outcome(snapshot))]
    if as_of is not None:
        columns += [(NORMAL.format(feature=f.name), f.normal(snapshot)) for f in experiment.features]
    return _frame(snapshot, columns)


def _check_start(snapshot: Snapshot) -> None:
    first = int(snapshot.history.cases.start.min(initial=np.iinfo(np.int64).max))
    if snapshot.micros[0] <= first:
        known = pd.Timestamp(first, unit="us", tz="UTC").tz_convert(snapshot.history.timezone)
        raise DataError(
            f"nothing was known at {snapshot.local[0]:%Y-%m-%d}: the first event is known at {known}; choose later dates."
        )


def _frame(snapshot: Snapshot, columns: list[tuple[str, np.ndarray]]) -> pd.DataFrame:
    n_grids, n_dates = snapshot.shape
    matrix = np.empty((len(columns), n_grids * n_dates), dtype=np.float32)
    for row, (_, values) in zip(matrix, columns, strict=True):
        row[:] = values.ravel()
    panel = pd.DataFrame(matrix.T, columns=[name for name, _ in columns], copy=False)
    grid_ids = snapshot.history.grids["grid_id"].to_numpy(dtype=object)
    panel.insert(0, "grid_id", pd.Categorical.from_codes(np.repeat(np.arange(n_grids), n_dates), grid_ids))
    panel.insert(
        1,
        "as_of",
        pd.DatetimeIndex(np.tile(snapshot.local.tz_convert(None).to_numpy(), n_grids))
        .tz_localize("UTC")
        .tz_convert(snapshot.history.timezone),
    )
    return panel
