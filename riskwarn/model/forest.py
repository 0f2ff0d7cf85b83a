"""The trees of a model: grown by LightGBM, kept as its text, asked for margins and contributions."""

import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from riskwarn.baseline import Additive
from riskwarn.calling import checked
from riskwarn.experiment import ModelSettings
from riskwarn.feature import Feature
from riskwarn.objective import gain_classes, nights_of, options_of, outcome_of, size_of, sizes
from riskwarn.rows import PART_CELLS, Rows

if TYPE_CHECKING:
    import lightgbm
    from lightgbm import Booster

_MANY_ROWS = 200_000
_AHEAD = 256
"""Rows of a panel on disk that are read together where one is asked for."""


def grown(features: Sequence[Feature], settings: ModelSettings, rows: Rows, rate: Additive) -> str:
    """LightGBM's text of the trees that tell the outcomes of `rows`, starting from a rate."""
    import lightgbm  # noqa: PLC0415

    objective, names = settings.objective, [f.name for f in features]
    if objective == "lambdarank":
        rows = rows[rows.keys.sort_values(["as_of", "grid_id"], kind="stable").index.to_numpy()]
    start, y = rows.each(rate.margin, rate.columns), rows.y
    options = options_for(features, settings, len(rows))
    target, aim = outcome_of(objective, y), options_of(objective, y, start)
    if settings.gain_per != "grid":
        size = size_of(features, settings.gain_per)
        target, aim["label_gain"] = gain_classes(y / sizes(rows.frame([size.name]), size))
    data = _data_set()(
        rows.matrix(names) if rows.at_hand else unread(rows, names),
        target,
        init_score=start,
        feature_name=names,
        params=options,
        group=nights_of(rows.as_of) if objective == "lambdarank" else None,
    )
    text = lightgbm.train(options | aim, data, settings.n_trees).model_to_string()
    # how many threads grew the trees is no part of the model
    return re.sub(r"\[num_threads: \d+\]", "[num_threads: 0]", text)


def unread(rows: Rows, names: list[str]) -> "lightgbm.Sequence":
    """Rows as LightGBM reads them where they lie, in two rounds.

    First those it makes its bins from, the very rows it would choose of a matrix at hand; then all, a part at a time, of which it keeps
    the bins alone, a byte a value. So the trees are those of the matrix.
    """
    import lightgbm  # noqa: PLC0415

    class Unread(lightgbm.Sequence):  # type: ignore[misc]  # LightGBM tells no types
        batch_size = max(PART_CELLS // max(len(names), 1), 1)
        ahead, begun = np.empty((0, len(names))), 0

        def __getitem__(self, at: int | slice | list[int]) -> np.ndarray:
            if isinstance(at, slice):
                first, last, _ = at.indices(len(rows))
                return rows.matrix(names, first, last)
            place = int(np.asarray(at))  # those of the first round rise, and some are read ahead
            if not self.begun <= place < self.begun + len(self.ahead):
                self.begun = place
                self.ahead = rows.matrix(names, place, min(place + _AHEAD, len(rows))).astype(float)
            return self.ahead[place - self.begun]

        def __len__(self) -> int:
            return len(rows)

    return Unread()


def _data_set() -> "type[lightgbm.Dataset]":
    """LightGBM's data set, which draws the rows its bins are made from by the seed that training is given, wherever the rows lie."""
    import lightgbm  # noqa: PLC0415

    class DataSet(lightgbm.Dataset):  # type: ignore[misc]  # LightGBM tells no types
        def get_params(self) -> dict[str, Any]:
            return dict(self.params)

    return DataSet


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
