"""The four levels of the morning list, red to blue: which a score reaches. Alerts carry them, calibration is judged by them."""

import pandas as pd

from riskwarn.calling import checked

LEVELS = (("red", 0.005, 6.0), ("orange", 0.02, 3.0), ("yellow", 0.07, 2.0), ("blue", 0.15, 0.0))
"""Level, largest rank as a share of the city's grids, and least expected count as a multiple of the city's mean: both parts hold."""


@checked
def level_of(scores: pd.DataFrame) -> pd.Series:
    """Level of each scored grid of one night, empty below blue and where there is no score.

    Parameters
    ----------
    scores
        Columns `rank`, `expected`, `state`; only rows in state ``ok`` reach a level.

    Returns
    -------
    level
        Text on the index of `scores`: ``red``, ``orange``, ``yellow``, ``blue`` or empty (:data:`LEVELS`). Each level has
        room for one grid at least, however small the city.

    Examples
    --------
    >>> night = pd.DataFrame({"rank": range(1, 201), "expected": [50.0] + [1.0] * 199, "state": "ok"})
    >>> level_of(night).value_counts()[["red", "blue"]].tolist()
    [1, 29]
    """
    known = scores["state"] == "ok"
    share = scores["rank"].astype("float64") / max(int(known.sum()), 1)
    ratio = scores["expected"] / scores.loc[known, "expected"].mean()
    level = pd.Series("", index=scores.index, dtype="str")
    for name, largest, least in reversed(LEVELS):
        level = level.mask(known & (share <= max(largest, 1 / max(int(known.sum()), 1))) & (ratio >= least), name)
    return level


@checked
def levels_of(predictions: pd.DataFrame) -> pd.Series:
    """Level of each forecast of several dates, every date a list of its own.

    Parameters
    ----------
    predictions
        Of one model: columns `as_of`, `score` (what it ranks by, ties in the order of rows) and `expected`.

    Returns
    -------
    level
        As :func:`level_of`, on the index of `predictions`, ordered by date.

    Examples
    --------
    >>> weeks = pd.DataFrame({"as_of": [1] * 20 + [2] * 20, "score": [*range(20)] * 2, "expected": [*[1.0] * 19, 9.0] * 2})
    >>> levels_of(weeks).loc[[17, 18, 19, 39]].tolist()
    ['blue', 'blue', 'red', 'red']
    """
    nights = predictions.assign(state="ok")
    nights["rank"] = nights.groupby("as_of")["score"].rank(method="first", ascending=False)
    return pd.concat([level_of(night) for _, night in nights.groupby("as_of", observed=True)])
