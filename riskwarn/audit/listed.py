"""The list of one night, by a model and by the past year's count beside it: what is compared when records are altered."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
import pandas as pd

from riskwarn.feature import Feature, Own
from riskwarn.history import History
from riskwarn.model import RiskModel
from riskwarn.panel import panel_of

WEEKS = 52
"""Of the count."""


Places = Mapping[str, np.ndarray]
"""Row numbers of the grids listed, by ``model`` and by ``count``."""


@dataclass(frozen=True, eq=False)
class Lists(ABC):
    """The lists of a night, by model and by the past year's count, as they are and with fewer records.

    Parameters
    ----------
    grids
        Of the city.
    share
        Of them on a list.
    """

    grids: pd.DataFrame
    share: float

    @property
    def n(self) -> int:
        """Places of a list."""
        return first_places(self.share, len(self.grids))

    @abstractmethod
    def whole(self) -> Places:
        """By all records."""

    @abstractmethod
    def thinned(self, members: Sequence[np.ndarray], share: float) -> Sequence[Places]:
        """By fewer records, for each of some groups of grids.

        Parameters
        ----------
        members
            (n_grids,) bool, which grids are of the group; its number is the seed.
        share
            Of the group's records that are missing, as in :func:`riskwarn.history.altering.thinned`.

        Returns
        -------
        lists
            One a group.
        """


class Apart(ABC):
    """Records that lie elsewhere, and how lists are made of them."""

    @abstractmethod
    def lists(self, model: RiskModel, as_of: object, share: float) -> AbstractContextManager[Lists]:
        """The lists of a night, within a context that lets go of what they needed.

        Parameters
        ----------
        model
            Fitted.
        as_of
            The night.
        share
            Of the grids on a list.

        Returns
        -------
        lists
            To be asked within the context.
        """


def features_of(model: RiskModel) -> list[Feature]:
    """What a night's panel must hold for both lists: what the model reads, and the count, which comes last."""
    count = Own(model.label.streams, WEEKS)
    return [*(feature for feature in model.features if feature.name != count.name), count]


def nights_of(model: RiskModel, history: History, as_of: object) -> Mapping[str, pd.Series]:
    """What the model and the count score each grid with at a night, in the order of the grids: ``model`` and ``count``."""
    features = features_of(model)
    panel = panel_of(history, features, [as_of])
    return {"model": model.predict(panel)["score"], "count": panel[features[-1].name]}


def first_places(share: float, n_grids: int) -> int:
    """Places of a list that holds a share of the grids, at least one."""
    return int(np.ceil(share * n_grids))


def grids_at(scores: np.ndarray, n: int) -> np.ndarray:
    """Row numbers of the first `n` grids, the riskiest first, ties in the order of grids."""
    return np.argsort(-scores, kind="stable")[:n]


def ranks_of(scores: pd.Series) -> np.ndarray:
    """Rank of each grid, 1 the riskiest, ties in the order of grids."""
    order = grids_at(scores.to_numpy(dtype=float), len(scores))
    ranks = np.empty(len(order), dtype=np.int64)
    ranks[order] = np.arange(1, len(order) + 1)
    return ranks
