"""The list: which grids a score puts on it under a budget, with ties settled in a stated way.

Every ranking metric reads its list from here, so two metrics of one score judge the same list.
"""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from riskwarn.calling import checked
from riskwarn.metrics.array import WHOLE, aligned, column, counts

Ties = Literal["worst", "mean", "best", "order"]
Budget = Literal["grids", "area"]
TIES = ("worst", "mean", "best", "order")


def ranked(y: ArrayLike, score: ArrayLike, *, ties: Ties = "worst", size: ArrayLike | None = None) -> np.ndarray:
    """Rows from the riskiest to the safest.

    Parameters
    ----------
    y
        (n,) What the list hopes to hold (events, or 0/1), at least 0. Settles ties only.
    score
        (n,) Higher is riskier.
    ties
        Order among grids of equal score: ``worst`` puts the smallest `y` first (an unlucky night), ``best`` the largest,
        ``order`` keeps the given order (to reproduce tables with ties by id). ``mean`` also keeps the given order; metrics then
        average over each group of ties.
    size
        (n,) What a grid uses up of the budget. If given, ties go by `y` per `size`.

    Returns
    -------
    rows
        (n,) Row numbers.

    Raises
    ------
    ValueError
        `ties` is unknown, or a column is empty, not finite or not aligned.

    Examples
    --------
    >>> ranked([0, 3, 1], [0.5, 0.5, 0.9], ties="worst").tolist()
    [2, 0, 1]
    >>> ranked([0, 3, 1], [0.5, 0.5, 0.9], ties="best").tolist()
    [2, 1, 0]
    """
    y, score = counts("y", y), column("score", score)
    aligned(y=y, score=score)
    if ties not in TIES:
        raise ValueError(f"ties must be one of {', '.join(TIES)}, got {ties!r}.")
    if ties in {"order", "mean"}:
        return np.argsort(-score, kind="stable")
    size = np.ones_like(y) if size is None else column("size", size, low=0)
    aligned(y=y, size=size)
    gain = np.divide(y, size, out=np.where(y > 0, np.inf, 0.0), where=size > 0)
    # of equal gain the larger grid is the unlucky one: it leaves less room for the rest
    return np.lexsort((-size, gain, -score)) if ties == "worst" else np.lexsort((size, -gain, -score))


def tie_groups(score: np.ndarray) -> np.ndarray:
    """(n,) Number of the group of equal scores each row of a *sorted* score belongs to, from 0.

    Parameters
    ----------
    score
        (n,) sorted, rising or falling.

    Returns
    -------
    groups
        (n,) integers.

    Examples
    --------
    >>> tie_groups(np.array([0.9, 0.5, 0.5, 0.1])).tolist()
    [0, 1, 1, 2]
    """
    return np.concatenate([[0], np.cumsum(np.diff(score) != 0)])


def group_means(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """(n,) Each row's mean of `values` over its group: the expectation when ties are broken at random.

    Parameters
    ----------
    values
        (n,) numbers.
    groups
        (n,) number of each row's group, from 0.

    Returns
    -------
    means
        (n,) the same for all rows of a group.

    Examples
    --------
    >>> group_means(np.array([4.0, 1.0, 3.0]), np.array([0, 1, 1])).tolist()
    [4.0, 2.0, 2.0]
    """
    return (np.bincount(groups, values) / np.bincount(groups))[groups]


@checked
def listed(
    y: ArrayLike,
    score: ArrayLike,
    area: ArrayLike | None = None,
    *,
    share: float = 0.05,
    k: int | None = None,
    budget: Budget = "grids",
    ties: Ties = "worst",
) -> np.ndarray:
    """How far each grid is on the list: 1 on it, 0 off it, between for the grid or the ties that the budget cuts.

    Under ``budget="grids"`` the list is the first `k` grids, or the first ⌈`share` · n⌉.
    Under ``budget="area"`` grids are taken in order until `share` of the total area is used up, and the grid that no longer fits
    whole counts pro rata, so that all scores are compared at exactly the same area.

    Parameters
    ----------
    y
        (n,) Events, or 0/1; settles ties under ``worst`` and ``best``.
    score
        (n,) Higher is riskier.
    area
        (n,) What ``budget="area"`` is counted in: km², households, street km; at least 0. Not used by ``budget="grids"``.
    share
        Share of all grids or of all area, in (0, 1].
    k
        Number of grids, 1 to n; replaces `share`.
    budget
        ``grids`` or ``area``.
    ties
        As in `ranked`. With ``mean`` each group of ties shares its room evenly: under ``grids`` this is each grid's exact chance to
        be on the list when ties are broken at random; under ``area`` the tied *ground* is drawn at random, which is the same when
        tied grids are equally large.

    Returns
    -------
    weight
        (n,) In [0, 1], in the order of the rows.

    Raises
    ------
    ValueError
        A column or the budget is out of range, or ``budget="area"`` comes without `area`.

    Examples
    --------
    >>> listed([1, 0, 0, 2], [4, 3, 3, 1], k=2, ties="mean").tolist()
    [1.0, 0.5, 0.5, 0.0]
    >>> listed([1, 0, 0, 2], [4, 3, 2, 1], [2, 4, 1, 1], share=0.5, budget="area").tolist()
    [1.0, 0.5, 0.0, 0.0]
    """
    y, score = counts("y", y), column("score", score)
    size = _sizes(len(y), area, budget)
    rows = ranked(y, score, ties=ties, size=size)
    size = size[rows]
    room = _room(size, share, k, budget)
    before = np.cumsum(size) - size
    part = np.divide(room - before, size, out=(before < room).astype(float), where=size > 0).clip(0, 1)
    if ties == "mean":
        part = _shared(part, size, tie_groups(score[rows]))
    weight = np.empty_like(part)
    weight[rows] = part
    return weight


def _sizes(n: int, area: ArrayLike | None, budget: Budget) -> np.ndarray:
    """What each grid uses up of the budget."""
    if budget == "grids":
        return np.ones(n)
    if area is None:
        raise ValueError("budget='area' needs area: km2, households or street km, one value a grid.")
    size = column("area", area, low=0)
    if size.sum() == 0:
        raise ValueError("area is 0 for every grid: no share of it can be taken.")
    return size


def _room(size: np.ndarray, share: float, k: int | None, budget: Budget) -> float:
    """The budget in units of `size`."""
    if k is not None:
        if budget != "grids" or not 1 <= k <= len(size):
            raise ValueError(f"k must be 1 to {len(size)} grids with budget='grids', got {k} with budget={budget!r}.")
        return float(k)
    if not 0 < share <= 1:
        raise ValueError(f"share must be in (0, 1], got {share:g}.")
    return float(np.ceil(share * len(size) - WHOLE)) if budget == "grids" else float(share * size.sum())


def _shared(part: np.ndarray, size: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Each group's room spread over its grids by size; a group without size keeps its mean."""
    used, whole = np.bincount(groups, part * size), np.bincount(groups, size)
    plain = np.bincount(groups, part) / np.bincount(groups)
    return np.divide(used, whole, out=plain, where=whole > 0)[groups]
