"""How much of what happened a list caught: capture, PAI and its kin.

`y` are the events that followed, `score` orders the grids, `area` is km², households or street km; `share`, `k`, `budget` and
`ties` say which list is meant and are explained in `listed`. ``ties="worst"`` is the default: a score that cannot tell grids apart
is not given the benefit of the doubt. A metric that is undefined (no event) raises; `nan` is never returned.
"""

import numpy as np
from numpy.typing import ArrayLike

from riskwarn.calling import checked
from riskwarn.metrics.array import aligned, column, counts, some_events
from riskwarn.metrics.listing import Budget, Ties, listed


@checked
def capture(
    y: ArrayLike,
    score: ArrayLike,
    area: ArrayLike | None = None,
    *,
    share: float = 0.05,
    k: int | None = None,
    budget: Budget = "grids",
    ties: Ties = "worst",
) -> float:
    """Hit rate: share of all events that fell in the listed grids, n / N [1]_.

    Parameters
    ----------
    y
        (n,) Events per grid within the horizon; counts.
    score
        (n,) Higher is riskier.
    area
        (n,) km², households or street km; needed by ``budget="area"`` only.
    share, k, budget, ties
        Which list; see `listed`. ``ties="mean"`` is the exact expectation under random tie-breaking.

    Returns
    -------
    capture
        In [0, 1]; 1 is best, `share` is chance.

    Raises
    ------
    ValueError
        There was no event, or an input is out of range.

    References
    ----------
    .. [1] Bowers, Johnson & Pease (2004), British Journal of Criminology 44, 641-658.

    Examples
    --------
    >>> capture([2, 0, 1, 1], [0.9, 0.1, 0.2, 0.3], share=0.25)
    0.5
    >>> capture([2, 0], [0.5, 0.5], share=0.5, ties="mean")
    0.5
    """
    y = some_events(y)
    return float(y @ listed(y, score, area, share=share, k=k, budget=budget, ties=ties) / y.sum())


@checked
def pai(
    y: ArrayLike,
    score: ArrayLike,
    area: ArrayLike | None = None,
    *,
    share: float = 0.05,
    k: int | None = None,
    budget: Budget = "grids",
    ties: Ties = "worst",
    total_area: float | None = None,
) -> float:
    """Predictive accuracy index: share of events caught per share of area watched, (n/N) / (a/A) [1]_.

    It grows as the list shrinks and swings with few hits: give the share and an interval beside it.

    Parameters
    ----------
    y
        (n,) Events per grid within the horizon; counts.
    score
        (n,) Higher is riskier.
    area
        (n,) km², households or street km; without it all grids are equal.
    share, k, budget, ties
        Which list; see `listed`. With ``ties="mean"`` and unequal areas it is the expected capture over the expected share of area.
    total_area
        A, in the unit of `area`, where the city is not the sum of its grids (a lattice over its bounding box).

    Returns
    -------
    pai
        No unit, at least 0; 1 is chance, the ceiling is the share's inverse.

    Raises
    ------
    ValueError
        There was no event, the listed area is 0, or an input is out of range.

    References
    ----------
    .. [1] Chainey, Tompson & Uhlig (2008), Security Journal 21, 4-28.

    Examples
    --------
    >>> pai([2, 0, 0, 0], [0.9, 0.1, 0.2, 0.3], share=0.25)
    4.0
    >>> pai([2, 0, 1, 1], [0.9, 0.1, 0.2, 0.3], [2, 1, 1, 1], share=0.25)
    1.25
    """
    y = some_events(y)
    listing = listed(y, score, area, share=share, k=k, budget=budget, ties=ties)
    caught, watched = _caught_and_watched(y, area, listing, total_area)
    return caught / watched


@checked
def ppai(
    y: ArrayLike,
    score: ArrayLike,
    area: ArrayLike | None = None,
    *,
    alpha: float,
    share: float = 0.05,
    k: int | None = None,
    budget: Budget = "grids",
    ties: Ties = "worst",
    total_area: float | None = None,
) -> float:
    """Penalised predictive accuracy index, (n/N) / (a/A)^alpha [1]_.

    Parameters
    ----------
    y, score, area, share, k, budget, ties, total_area
        As in `pai`.
    alpha
        In [0, 1]: 0 is the capture, 1 the PAI.

    Returns
    -------
    ppai
        No unit, at least 0; larger is better.

    Raises
    ------
    ValueError
        There was no event, the listed area is 0, or an input is out of range.

    References
    ----------
    .. [1] Joshi, D'Ath, Curtis-Ham & Searle (2021), ISPRS International Journal of Geo-Information 10, 597.

    Examples
    --------
    >>> ppai([2, 0, 0, 0], [0.9, 0.1, 0.2, 0.3], share=0.25, alpha=0.5)
    2.0
    """
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha must be in [0, 1], got {alpha:g}.")
    y = some_events(y)
    listing = listed(y, score, area, share=share, k=k, budget=budget, ties=ties)
    caught, watched = _caught_and_watched(y, area, listing, total_area)
    return float(caught / watched**alpha)


@checked
def best_capture(
    y: ArrayLike,
    area: ArrayLike | None = None,
    *,
    share: float = 0.05,
    k: int | None = None,
    budget: Budget = "grids",
) -> float:
    """Capture of the perfect list, n* / N: what no score could beat in hindsight.

    Under ``budget="grids"`` it takes the k grids with most events, which is exact, whatever their areas.
    Under ``budget="area"`` it takes grids by events per area: exact as the last grid counts pro rata, and exact for whole grids
    when all areas are equal; for whole grids of unequal area it is the usual upper bound (the exact one is a knapsack).

    Parameters
    ----------
    y, area, share, k, budget
        As in `capture`.

    Returns
    -------
    best_capture
        In (0, 1].

    Raises
    ------
    ValueError
        There was no event, or an input is out of range.

    Examples
    --------
    >>> best_capture([2, 0, 1, 1], share=0.5)
    0.75
    """
    return capture(y, _hindsight(y, area, budget), area, share=share, k=k, budget=budget, ties="best")


@checked
def best_pai(
    y: ArrayLike,
    area: ArrayLike | None = None,
    *,
    share: float = 0.05,
    k: int | None = None,
    budget: Budget = "grids",
    total_area: float | None = None,
) -> float:
    """PAI*: the PAI of the perfect list, (n*/N) / (a/A) [1]_.

    The perfect list is that of `best_capture`. Under ``budget="grids"`` with unequal areas it is the list with most events, which
    need not have the highest PAI; use ``budget="area"`` for that.

    Parameters
    ----------
    y, area, share, k, budget, total_area
        As in `pai`.

    Returns
    -------
    best_pai
        No unit.

    Raises
    ------
    ValueError
        There was no event, the listed area is 0, or an input is out of range.

    References
    ----------
    .. [1] Hunt (2016), Do crime hot spots move?, American University (thesis).

    Examples
    --------
    >>> best_pai([2, 0, 1, 1], share=0.25)
    2.0
    """
    score = _hindsight(y, area, budget)
    return pai(y, score, area, share=share, k=k, budget=budget, ties="best", total_area=total_area)


@checked
def pei(
    y: ArrayLike,
    score: ArrayLike,
    area: ArrayLike | None = None,
    *,
    share: float = 0.05,
    k: int | None = None,
    budget: Budget = "grids",
    ties: Ties = "worst",
) -> float:
    """Predictive efficiency index: share of the perfect list's events that this list caught, n / n* = PAI / PAI* [1]_.

    n* is that of `best_capture`: exact for equal cells and for a number of grids, density-greedy for a share of unequal areas.
    Much of what is missing to 1 is chance no score can foresee: see `attainable_capture`.

    Parameters
    ----------
    y, score, area, share, k, budget, ties
        As in `capture`.

    Returns
    -------
    pei
        In [0, 1]; 1 is best.

    Raises
    ------
    ValueError
        There was no event, or an input is out of range.

    References
    ----------
    .. [1] White, Hunt & Green (2023), articulating the index of the NIJ Real-Time Crime Forecasting Challenge (2017).

    Examples
    --------
    >>> pei([2, 0, 1, 1], [0.1, 0.2, 0.9, 0.3], share=0.25)
    0.5
    """
    hit_rate = capture(y, score, area, share=share, k=k, budget=budget, ties=ties)
    return hit_rate / best_capture(y, area, share=share, k=k, budget=budget)


def _hindsight(y: ArrayLike, area: ArrayLike | None, budget: Budget) -> np.ndarray:
    """The score of one who knew: events, or events per area where area is what is spent."""
    y = counts("y", y)
    if budget == "grids" or area is None:
        return y
    size = column("area", area, low=0)
    aligned(y=y, area=size)
    free = np.where(y > 0, np.finfo(float).max, 0.0)
    return np.divide(y, size, out=free, where=size > 0)


def _caught_and_watched(
    y: np.ndarray, area: ArrayLike | None, listing: np.ndarray, total_area: float | None
) -> tuple[float, float]:
    """Share of events caught and share of area watched."""
    size = np.ones_like(y) if area is None else column("area", area, low=0)
    aligned(y=y, area=size)
    whole = size.sum() if total_area is None else total_area
    watched = float(size @ listing)
    if watched <= 0 or whole < watched:
        raise ValueError(f"the list covers {watched:g} of {whole:g} area; it must cover some, and not more than all.")
    return float(y @ listing / y.sum()), watched / float(whole)
