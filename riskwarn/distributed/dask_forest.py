"""Trees grown on the workers of a Dask cluster by LightGBM's own: each holds the rows of some blocks, and they tell each other histograms."""

import re
import sys
import warnings
from collections.abc import Sequence
from contextlib import redirect_stdout
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from riskwarn.baseline import Additive
from riskwarn.errors import DefinitionError, EngineError
from riskwarn.experiment import ModelSettings
from riskwarn.feature import Feature
from riskwarn.model import forest
from riskwarn.model.values import matrix
from riskwarn.objective import options_of, outcome_of
from riskwarn.panel import block_files
from riskwarn.panel.files import day_of
from riskwarn.rows import Rows
from riskwarn.store.remote import Folder

if TYPE_CHECKING:
    from distributed import Client

_GROWN = ("poisson", "tweedie", "binary")
"""Objectives that hang on each row alone."""
_OF_THE_CLUSTER = (
    r"\[(machines|num_machines|local_listen_port|num_threads|tree_learner|time_out|pre_partition): [^\]]*\]\n"
)


def grown_on(
    client: "Client",
    folder: Folder,
    features: Sequence[Feature],
    settings: ModelSettings,
    rows: Rows,
    rate: Additive,
) -> str:
    """LightGBM's text of the trees that tell the outcomes of `rows`, starting from a rate: as :func:`riskwarn.model.forest.grown`.

    Every worker reads the files of its blocks. What lies in how many blocks on how many workers moves the bins, which LightGBM makes from a
    sample of each worker's rows, and which rows a tree sees: the trees are others than those of one machine, and may be others in another run.

    Parameters
    ----------
    client
        Of the cluster, whose workers see the folder and open ports to each other.
    folder
        Of the panel.
    features, settings, rate
        As there.
    rows
        Of that panel, all settled ones of some dates; they are not read here.

    Returns
    -------
    trees
        Without a word of the cluster.

    Raises
    ------
    DefinitionError
        The objective looks at other rows, too, so that blocks cannot be told apart.
    EngineError
        A worker was lost.
    """
    if settings.objective not in _GROWN or settings.gain_per != "grid":
        raise DefinitionError(
            f"objective {settings.objective!r} with a gain per {settings.gain_per} looks at more than a row and is not grown on a "
            f"cluster; choose one of {', '.join(_GROWN)} with a gain per grid, or grow the trees on this machine."
        )
    from dask import array as arrays  # noqa: PLC0415
    from dask.delayed import delayed  # noqa: PLC0415
    from lightgbm import DaskLGBMRegressor  # noqa: PLC0415

    array: Any = arrays  # Dask tells no types of it
    names, days = [f.name for f in features], [day_of(at) for at in sorted(rows.as_of.unique())]
    workers = sorted(client.scheduler_info()["workers"])
    blocks = block_files(folder, days)
    parts = [
        client.submit(_rows_of, files, names, rate, workers=[workers[k % len(workers)]], pure=False)
        for k, files in enumerate(blocks)
    ]

    def gathered(column: int, shape: tuple[float, ...], kind: Any) -> Any:
        own = [array.from_delayed(delayed(itemgetter(column))(part), shape, kind) for part in parts]
        return array.concatenate(own)

    options = forest.options_for(features, settings, len(rows)) | options_of(
        settings.objective, np.ones(1), np.zeros(1)
    )
    options = {name: value for name, value in options.items() if name != "num_threads"}
    model = DaskLGBMRegressor(client=client, n_estimators=settings.n_trees, **options)
    values, start = gathered(0, (np.nan, len(names)), np.float32), gathered(2, (np.nan,), float)
    target = gathered(1, (np.nan,), float)
    if settings.objective == "binary":
        target = target.map_blocks(lambda y: outcome_of("binary", y))
    try:
        with warnings.catch_warnings(), client.as_current(), redirect_stdout(sys.stderr):
            warnings.simplefilter("ignore")  # LightGBM says which options Dask sets for it
            model.fit(values, target, init_score=start, feature_name=names)
    except Exception as error:
        raise EngineError(
            f"the trees were not grown, for the cluster failed ({type(error).__name__}: {str(error)[:200]}); run it again, nothing is registered."
        ) from error
    return re.sub(_OF_THE_CLUSTER, "", model.to_local().booster_.model_to_string())


def _rows_of(
    files: Sequence[Folder], names: Sequence[str], rate: Additive
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values, outcomes and starting points of the settled rows of a block."""
    read = list(dict.fromkeys([*names, *rate.columns, "y"]))
    parts = []
    for file in files:
        with file.open("rb") as handle:
            parts.append(pd.read_parquet(handle, columns=read))
    rows = pd.concat(parts, ignore_index=True)
    rows = rows[rows["y"].notna()]
    return matrix(rows, list(names)), rows["y"].to_numpy(dtype=float), rate.margin(rows)
