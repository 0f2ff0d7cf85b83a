"""How well a score orders the grids: precision, recall and lift of a list, NDCG, average precision, AUC.

`y` are the events that followed, `score` orders the grids; `share`, `k` and `ties` say which list is meant and are explained in
`listed`. A metric that is undefined (no event, one class) raises; `nan` is never returned.
"""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from riskwarn.calling import checked
from riskwarn.metrics.array import column, counts, flags, some_events
from riskwarn.metrics.hotspot import capture
from riskwarn.metrics.listing import Ties, group_means, listed, ranked, tie_groups


@checked
def precision_at(
    y: ArrayLike, score: ArrayLike, *, k: int | None = None, share: float = 0.05, ties: Ties = "worst"
) -> float:
    """Precision at k: share of the listed grids in which at least one event fell, (1/k) Σ 1[y > 0].

    Parameters
    ----------
    y
        (n,) Events per grid, or 0/1.
    score
        (n,) Higher is riskier.
    k, share, ties
        Which list; see `listed`. ``mean`` is the exact expectation under random tie-breaking.

    Returns
    -------
    precision
        In [0, 1]; 1 is best, the share of positive grids is chance.

    Raises
    ------
    ValueError
        An input is out of range. No positive grid is not an error: the precision is then 0.

    Examples
    --------
    >>> precision_at([2, 0, 1, 0], [0.9, 0.8, 0.7, 0.6], k=2)
    0.5
    """
    positive = (counts("y", y) > 0).astype(float)
    weight = listed(positive, score, k=k, share=share, ties=ties)
    return float(positive @ weight / weight.sum())


@checked
def recall_at(
    y: ArrayLike, score: ArrayLike, *, k: int | None = None, share: float = 0.05, ties: Ties = "worst"
) -> float:
    """Recall at k: share of the *grids* with an event that are listed. The share of *events* is `capture`.

    Parameters
    ----------
    y, score, k, share, ties
        As in `precision_at`.

    Returns
    -------
    recall
        In [0, 1]; 1 is best, k / n is chance.

    Raises
    ------
    ValueError
        No grid has an event, or an input is out of range.

    Examples
    --------
    >>> recall_at([2, 0, 1, 0], [0.9, 0.8, 0.7, 0.6], k=2)
    0.5
    """
    return capture((some_events(y) > 0).astype(float), score, k=k, share=share, ties=ties)


@checked
def lift(y: ArrayLike, score: ArrayLike, *, k: int | None = None, share: float = 0.05, ties: Ties = "worst") -> float:
    """Precision at k over the share of positive grids: how many times better than a list drawn blindly.

    Parameters
    ----------
    y, score, k, share, ties
        As in `precision_at`.

    Returns
    -------
    lift
        No unit, at least 0; 1 is chance.

    Raises
    ------
    ValueError
        No grid has an event, or an input is out of range.

    Examples
    --------
    >>> lift([2, 0, 1, 0], [0.9, 0.6, 0.7, 0.8], k=1)
    2.0
    """
    return precision_at(y, score, k=k, share=share, ties=ties) / float((some_events(y) > 0).mean())


@checked
def ndcg_at(
    y: ArrayLike,
    score: ArrayLike,
    *,
    k: int | None = None,
    share: float = 0.05,
    ties: Ties = "worst",
    gain: Literal["linear", "exponential"] = "linear",
) -> float:
    """Normalised discounted cumulative gain: Σ_{i ≤ k} gain_i / log2(i + 1), over that of the perfect order [1]_.

    Parameters
    ----------
    y, score, k, share, ties
        As in `precision_at`; y are counts or grades. ``mean`` is the exact expectation under random tie-breaking [2]_.
    gain
        ``linear``: y, right for counts. ``exponential``: 2^y - 1, meant for grades of a few steps.

    Returns
    -------
    ndcg
        In [0, 1]; 1 is best.

    Raises
    ------
    ValueError
        There was no event, a grade above 50 has an exponential gain, or an input is out of range.

    References
    ----------
    .. [1] Järvelin & Kekäläinen (2002), ACM Transactions on Information Systems 20, 422-446.
    .. [2] McSherry & Najork (2008), ECIR, LNCS 4956, 414-421.

    Examples
    --------
    >>> round(ndcg_at([3, 0, 1], [0.9, 0.8, 0.7], k=3), 4)
    0.9639
    """
    y, score = some_events(y), column("score", score)
    if gain == "exponential" and y.max() > 50:
        raise ValueError(f"gain='exponential' is for grades up to 50, got {y.max():g}; use gain='linear' for counts.")
    gains = y if gain == "linear" else 2.0**y - 1
    rows = ranked(y, score, ties=ties)
    listed_gains = gains[rows]
    if ties == "mean":
        listed_gains = group_means(listed_gains, tie_groups(score[rows]))
    top = int(listed(y, score, k=k, share=share, ties=ties).sum().round())
    discount = np.log2(np.arange(2, top + 2))
    return float((listed_gains[:top] / discount).sum() / (np.sort(gains)[::-1][:top] / discount).sum())


@checked
def average_precision(y: ArrayLike, score: ArrayLike, *, ties: Ties = "worst") -> float:
    """Mean, over the grids with an event, of the precision of the list that ends with that grid.

    Parameters
    ----------
    y
        (n,) Events per grid (positive if above 0), or 0/1.
    score
        (n,) Higher is riskier.
    ties
        See `ranked`. ``mean`` is the exact expectation under random tie-breaking [1]_; scikit-learn's value takes a whole group of
        ties at once and differs from all four where there are ties.

    Returns
    -------
    average_precision
        In (0, 1]; 1 is best, the share of positive grids is chance.

    Raises
    ------
    ValueError
        All grids are positive or none is, or an input is out of range.

    References
    ----------
    .. [1] McSherry & Najork (2008), ECIR, LNCS 4956, 414-421.

    Examples
    --------
    >>> average_precision([1, 0, 2, 0], [0.9, 0.8, 0.7, 0.6])
    0.8333333333333333
    >>> average_precision([1, 0], [0.5, 0.5], ties="mean")
    0.75
    """
    y = flags(counts("y", y) > 0)
    score = column("score", score)
    rows = ranked(y, score, ties=ties)
    hit, place = y[rows], np.arange(1, len(y) + 1)
    if ties != "mean":
        return float((hit * np.cumsum(hit) / place).sum() / hit.sum())
    groups = tie_groups(score[rows])
    size, hits = np.bincount(groups), np.bincount(groups, hit)
    first = (np.cumsum(size) - size)[groups]
    # a tied place is a hit with chance r/b, and then the i-1 tied places before it hold (i-1)(r-1)/(b-1) hits on average
    others = (place - first - 1) * ((hits - 1) / np.maximum(size - 1, 1))[groups]
    expected = (np.cumsum(hits) - hits)[groups] + 1 + others
    return float(((hits / size)[groups] * expected / place).sum() / hit.sum())


@checked
def roc_auc(y: ArrayLike, score: ArrayLike, *, ties: Ties = "mean") -> float:
    """Chance that a grid with an event scores above a grid without one (area under the ROC curve) [1]_.

    Parameters
    ----------
    y
        (n,) Events per grid (positive if above 0), or 0/1.
    score
        (n,) Higher is riskier.
    ties
        See `ranked`. Here ``mean`` is the default, as everywhere: a tied pair counts one half.

    Returns
    -------
    auc
        In [0, 1]; 1 is best, 0.5 is chance. It weighs the whole order, most of which nobody acts on: read `capture` first.

    Raises
    ------
    ValueError
        All grids are positive or none is, or an input is out of range.

    References
    ----------
    .. [1] Hanley & McNeil (1982), Radiology 143, 29-36.

    Examples
    --------
    >>> roc_auc([1, 0, 0, 1], [0.9, 0.8, 0.1, 0.8])
    0.875
    >>> roc_auc([1, 0, 0, 1], [0.9, 0.8, 0.1, 0.8], ties="worst")
    0.75
    """
    from sklearn.metrics import roc_auc_score  # noqa: PLC0415 sklearn is heavy

    y = flags(counts("y", y) > 0)
    score = column("score", score)
    rows = ranked(y, score, ties=ties)
    if ties == "mean":
        return float(roc_auc_score(y, score))
    return float(roc_auc_score(y[rows], -np.arange(len(y))))
