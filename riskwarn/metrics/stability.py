"""How much lists, scores and inputs move: overlap and rank agreement of two lists, drift of a distribution."""

from collections.abc import Hashable, Iterable

import numpy as np
from numpy.typing import ArrayLike

from riskwarn.calling import checked
from riskwarn.metrics.array import aligned, column


@checked
def jaccard(first: Iterable[Hashable], second: Iterable[Hashable]) -> float:
    """Overlap of two lists of grids, ``|A ∩ B| / |A ∪ B|``.

    Parameters
    ----------
    first, second
        Grids on each list, in any order.

    Returns
    -------
    jaccard
        In [0, 1]; 1 is the same list, 0 no common grid. Two lists of k of n grids drawn blindly share about k / (2n - k).

    Raises
    ------
    ValueError
        Both lists are empty.

    Examples
    --------
    >>> jaccard(["G1", "G2", "G3"], ["G2", "G3", "G4"])
    0.5
    """
    a, b = set(first), set(second)
    if not a | b:
        raise ValueError("both lists are empty: their overlap is undefined.")
    return len(a & b) / len(a | b)


@checked
def rank_correlation(first: ArrayLike, second: ArrayLike) -> float:
    """Spearman's rank correlation of two scores of the same grids, ties sharing their mean rank.

    Parameters
    ----------
    first, second
        (n,) Scores, row by row of the same grid.

    Returns
    -------
    rho
        In [-1, 1]; 1 is the same order, 0 none in common.

    Raises
    ------
    ValueError
        A score is the same everywhere (it ranks nothing), or an input is not finite or not aligned.

    Examples
    --------
    >>> rank_correlation([1, 2, 3], [10, 20, 90])
    1.0
    """
    from scipy import stats  # noqa: PLC0415 scipy.stats is heavy

    a, b = column("first", first), column("second", second)
    aligned(first=a, second=b)
    for name, score in (("first", a), ("second", b)):
        if score.min() == score.max():
            raise ValueError(f"{name} is {score[0]:g} in all {score.size} rows: it ranks nothing.")
    ranks = stats.rankdata(a), stats.rankdata(b)
    return float(np.clip(np.corrcoef(*ranks)[0, 1], -1, 1).round(15))


@checked
def population_stability(reference: ArrayLike, current: ArrayLike, *, bins: int = 10, smoothing: float = 0.5) -> float:
    """Population stability index, Σ (q_i - p_i) ln(q_i / p_i) over the reference's quantile bins [1]_.

    Parameters
    ----------
    reference, current
        (n,), (m,) The quantity before and now.
    bins
        Number of quantile bins of the reference; equal values stay in one bin, so there may be fewer.
    smoothing
        Pseudo-rows added to each bin of both, above 0, so that an empty bin is not infinite.

    Returns
    -------
    psi
        At least 0; 0 is no drift. 0.1 and 0.25 are the customary marks, but it grows with bins over rows without any drift.

    Raises
    ------
    ValueError
        The reference has one value only, or an input is out of range or not finite.

    References
    ----------
    .. [1] Yurdakul (2018), Statistical properties of population stability index, Western Michigan University.

    Examples
    --------
    >>> population_stability(range(100), range(100))
    0.0
    """
    before, now = column("reference", reference), column("current", current)
    if bins < 2 or smoothing <= 0:
        raise ValueError(f"bins must be at least 2 and smoothing above 0, got {bins} and {smoothing:g}.")
    if before.min() == before.max():
        raise ValueError(f"reference is {before[0]:g} in all {before.size} rows: it has no quantile bins.")
    cuts = np.unique(np.quantile(before, np.arange(1, bins) / bins))
    p, q = (_shares(values, cuts, smoothing) for values in (before, now))
    return float(((q - p) * np.log(q / p)).sum())


@checked
def kolmogorov_smirnov(reference: ArrayLike, current: ArrayLike) -> float:
    """Largest gap between the two empirical distribution functions.

    Parameters
    ----------
    reference, current
        (n,), (m,) The quantity before and now.

    Returns
    -------
    ks
        In [0, 1]; 0 is the same distribution. By chance it is about 0.87 √(1/n + 1/m).

    Raises
    ------
    ValueError
        An input is empty or not finite.

    Examples
    --------
    >>> kolmogorov_smirnov([0, 1, 2, 3], [2, 3, 4, 5])
    0.5
    """
    before, now = np.sort(column("reference", reference)), np.sort(column("current", current))
    at = np.concatenate([before, now])
    gap = np.searchsorted(before, at, side="right") / before.size - np.searchsorted(now, at, side="right") / now.size
    return float(np.abs(gap).max())


def _shares(values: np.ndarray, cuts: np.ndarray, smoothing: float) -> np.ndarray:
    """Smoothed share of the values in each bin."""
    n = np.bincount(np.searchsorted(cuts, values, side="right"), minlength=len(cuts) + 1) + smoothing
    return n / n.sum()
