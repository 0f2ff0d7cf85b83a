"""The list of one night, by a model and by the past year's count beside it: what is compared when records are altered."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from riskwarn.feature import Own
from riskwarn.history import History
from riskwarn.model import RiskModel
from riskwarn.panel import panel_of

WEEKS = 52
"""Of the count."""


def nights_of(model: RiskModel, history: History, as_of: object) -> Mapping[str, pd.Series]:
    """What the model and the count score each grid with at a night, in the order of the grids: ``model`` and ``count``."""
    count = Own(model.label.streams, WEEKS)
    features = list({feature.name: feature for feature in (*model.features, count)}.values())
    panel = panel_of(history, features, [as_of])
    return {"model": model.predict(panel)["score"], "count": panel[count.name]}


def first_places(share: float, n_grids: int) -> int:
    """Places of a list that holds a share of the grids, at least one."""
    return int(np.ceil(share * n_grids))


def grids_at(scores: pd.Series, n: int) -> np.ndarray:
    """Row numbers of the first `n` grids, the riskiest first, ties in the order of grids."""
    return np.argsort(-scores.to_numpy(dtype=float), kind="stable")[:n]


def ranks_of(scores: pd.Series) -> np.ndarray:
    """Rank of each grid, 1 the riskiest, ties in the order of grids."""
    order = grids_at(scores, len(scores))
    ranks = np.empty(len(order), dtype=np.int64)
    ranks[order] = np.arange(1, len(order) + 1)
    return ranks
