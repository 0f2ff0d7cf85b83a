"""The trees of a model: grown by LightGBM, kept as its text, asked for margins and contributions."""

import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from riskwarn.baseline import Additive
from riskwarn.calling import checked
from riskwarn.errors import DataError
from riskwarn.experiment import ModelSettings
from riskwarn.feature import Feature
from riskwarn.objective import gain_classes, nights_of, options_of, outcome_of, size_of, sizes

if TYPE_CHECKING:
    from lightgbm import Booster

_MANY_ROWS = 200_000


def grown(features: Sequence[Feature], settings: ModelSettings, rows: pd.DataFrame, rate: Additive) -> str:
    """LightGBM's text of the trees that tell the outcomes of `rows`, starting from a rate."""
    import lightgbm  # noqa: PLC0415

    objective, names = settings.objective, [f.name for f in features]
    if objective == "lambdarank":
        rows = rows.sort_values(["as_of", "grid_id"], kind="stable")
    start, y = rate.margin(rows), rows["y"].to_numpy(dtype=float)
    options = options_for(features, settings, len(rows))
    target, aim = outcome_of(objective, y), options_of(objective, y, start)
    if settings.gain_per != "grid":
        target, aim["label_gain"] = gain_classes(y / sizes(rows, size_of(features, settings.gain_per)))
    data = lightgbm.Dataset(
        matrix(rows, names),
        target,
        init_score=start,
        feature_name=names,
        params=options,
        group=nights_of(rows["as_of"]) if objective == "lambdarank" else None,
    )
    text = lightgbm.train(options | aim, data, settings.n_trees).model_to_string()
    # how many threads grew the trees is no part of the model
    return re.sub(r"\[num_threads: \d+\]", "[num_threads: 0]", text)


def options_for(features: Sequence[Feature], settings: ModelSettings, n_rows: int) -> dict[str, Any]:
    """LightGBM's options for so many rows, without its objective."""
    return {
        "learning_rate": settings.learning_rate,
        "num_leaves": settings.n_leaves,
        "max_depth": settings.max_depth,
        "min_data_in_leaf": min(settings.min_rows_in_leaf, max(n_rows // 20, 1)),
        "lambda_l2": settings.l2,
        "feature_fraction": settings.feature_share,
        "bagging_fraction": settings.row_share,
        "bagging_freq": 1,
        "seed": settings.seed,
        "deterministic": True,
        "force_col_wise": True,
        "num_threads": n_threads(n_rows),
        "verbose": -1,
        "boost_from_average": False,
        "monotone_constraints": [f.monotone for f in features],
    }


def parsed(trees: str) -> "Booster":
    """The trees of LightGBM's text, ready to be asked."""
    import lightgbm  # noqa: PLC0415

    return lightgbm.Booster(model_str=trees)


def margin(booster: "Booster", values: np.ndarray) -> np.ndarray:
    """(n,) What the trees add to the log rate of rows (n, n_features)."""
    raw = booster.predict(values, raw_score=True, num_threads=n_threads(len(values)))
    return np.asarray(raw, dtype=float)


def contributions(booster: "Booster", values: np.ndarray) -> np.ndarray:
    """(n, n_features + 1) What each feature adds to :func:`margin`, and in the last column what all rows share."""
    return np.asarray(booster.predict(values, pred_contrib=True, num_threads=n_threads(len(values))))


def matrix(panel: pd.DataFrame, names: list[str]) -> np.ndarray:
    """(n, n_features) Values of the columns the trees read.

    Raises
    ------
    DataError
        One is missing.
    """
    check_holds(panel, names)
    return panel[names].to_numpy(dtype=np.float32)


def check_holds(panel: pd.DataFrame, names: list[str]) -> None:
    """Refuse a panel that lacks a column the model reads.

    Raises
    ------
    DataError
        One is missing.
    """
    missing = [n for n in names if n not in panel]
    if missing:
        raise DataError(
            f"the panel lacks {len(missing)} features the model reads, first: {', '.join(missing[:3])}. Build it with the model's own features."
        )


@checked
def n_threads(n_rows: int = 0) -> int:
    """Threads for `n_rows` rows: ``RISKWARN_THREADS``; else one for a small job, where threads wait more than they work, or all cores.

    Parameters
    ----------
    n_rows
        Rows of the job.

    Returns
    -------
    n_threads
        At least 1.
    """
    return int(os.environ.get("RISKWARN_THREADS", "0")) or ((os.cpu_count() or 1) if n_rows >= _MANY_ROWS else 1)
