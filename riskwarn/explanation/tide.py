"""The level of the city on a night, in one sentence: how far its own totals move it, how far that is commonly off, and its limits."""

from typing import Any

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.language import in_every_language, phrase
from riskwarn.model import RiskModel
from riskwarn.model.tide import LIMIT

_STILL = 0.005
_TOLD = {
    "above": phrase("{percent} % above that of the dates that calibrated the model"),
    "below": phrase("{percent} % below that of the dates that calibrated the model"),
    "like": phrase("as on the dates that calibrated the model"),
    "unknown": phrase("unknown, so that of the dates that calibrated the model stands"),
}


@checked
def tide_facts(model: RiskModel, night: pd.DataFrame) -> dict[str, Any] | None:
    """What a reader should know of the level of the city; None of a model whose level stays.

    Parameters
    ----------
    model
        A fitted model.
    night
        Panel of one night.

    Returns
    -------
    facts
        `factor` on every expected count of the night, `least` and `most` it can be, `off`, how far the plain forecast of
        the city's total is commonly off as a share, and the sentence in every language as `said`.

    Examples
    --------
    >>> from riskwarn.history import Stream
    >>> from riskwarn.label import Label
    >>> from riskwarn.model.tide import Tide
    >>> model = RiskModel((), Label("calls", (Stream("police_call"),), days=28), tide=Tide({"n_7d": 0.5}, {"n_7d": 7.0}, variance=0.01))
    >>> facts = tide_facts(model, pd.DataFrame({"n_7d": [12.0]}))
    >>> round(facts["factor"], 2), facts["most"], facts["said"]["en"]
    (1.1, 2.0, 'Level of the whole city tonight: 10 % above that of the dates that calibrated the model; it follows the city’s own totals every night without new training, at most to half or double, and is commonly off by 10 %')
    """
    if not model.tide.weights:
        return None
    moved = float(model.tide.margin(night.iloc[:1])[0])
    known = bool(night.iloc[0][list(model.tide.half_lives)].notna().all())
    case = "unknown" if not known else "like" if abs(moved) < _STILL else "above" if moved > 0 else "below"
    off = float(np.sqrt(model.tide.variance))
    said = phrase(
        "Level of the whole city tonight: {level}; it follows the city’s own totals every night without new training, at most to half or double, and is commonly off by {off} %",
        level=_TOLD[case].filled(percent=round(100 * abs(float(np.expm1(moved))))),
        off=round(100 * off),
    )
    limits = {"least": round(float(np.exp(-LIMIT)), 6), "most": round(float(np.exp(LIMIT)), 6)}
    return {"factor": float(np.exp(moved)), **limits, "off": off, "said": in_every_language(said)}
