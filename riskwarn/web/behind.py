"""What lies behind a published night: its model, its panel and its history, made once a run and kept for the next question."""

import logging
import threading
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from riskwarn import tracking
from riskwarn.errors import DataError, RiskwarnError
from riskwarn.history import History
from riskwarn.model import RiskModel
from riskwarn.pipeline import night_panel
from riskwarn.store import Store
from riskwarn.web.nights import Night
from riskwarn.web.problems import model_gone, records_changed

log = logging.getLogger(__name__)
_NEAR = 1e-4
"""A score computed again differs by less than this share, or other records stand in the store now."""
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True, eq=False)
class Behind:
    """What a night was computed from.

    Parameters
    ----------
    model
        The model whose version the night names.
    panel
        One row a grid, as when the night was scored.
    history
        What was known then.
    margins
        (n_grids,) log of the expected counts, in the order of the panel.
    """

    model: RiskModel
    panel: pd.DataFrame
    history: History
    margins: np.ndarray


def behind(store: Store, night: Night) -> Behind:
    """What a night was computed from; the first question of a run waits for it, later ones find it made.

    Raises
    ------
    Problem
        409 where the night's model is not kept beside the store any more, or the store's records no longer give the night's scores.
    """
    with _ONE_AT_A_TIME:
        found = _behind(store, night, _model(store, night))
    if found is None:
        raise records_changed()
    return found


@lru_cache(maxsize=2)
def _behind(store: Store, night: Night, model: RiskModel) -> Behind | None:
    """None where the records do not give the night's scores: no answer speaks of other numbers than those published."""
    try:
        history = History.load(store, as_of=night.as_of)
        panel = night_panel(history, model, night.as_of)
        margins = model.margin(panel)
    except RiskwarnError:
        return None
    published = night.scores.dropna(subset=["rank"]).set_index("grid_id")["expected"].astype(float)
    again = pd.Series(np.exp(margins), index=panel["grid_id"].astype("str")).reindex(published.index)
    return Behind(model, panel, history, margins) if np.allclose(again, published, rtol=_NEAR) else None


@lru_cache(maxsize=2)
def _model(store: Store, night: Night) -> RiskModel:
    """The kept model of the night's version, whichever alias it has by now; one that cannot be read is as good as gone."""
    target, version = str(night.facts.get("target")), night.facts.get("model_version")
    for alias in (tracking.CHAMPION, tracking.CANDIDATE):
        try:
            found = tracking.kept(store.path, target, alias=alias)
        except DataError as error:
            log.warning("no what-if for the night of %s: %s", night.as_of, error)
            continue
        if found is not None and found.version == version:
            return found
    raise model_gone()
