"""How well a probability is meant: Brier, its skill, log loss, reliability per band."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from riskwarn.calling import checked
from riskwarn.metrics.array import NORMAL_95, aligned, column, flags


@checked
def brier(y: ArrayLike, probability: ArrayLike) -> float:
    """Mean squared distance of probability and outcome, mean (p - y)² [1]_.

    Parameters
    ----------
    y
        (n,) 0 or 1: did it happen.
    probability
        (n,) In [0, 1].

    Returns
    -------
    brier
        In [0, 1]; 0 is best; base rate times its complement is what the constant base rate gets.

    Raises
    ------
    ValueError
        An input is out of range. One class only is fine here.

    References
    ----------
    .. [1] Brier (1950), Monthly Weather Review 78, 1-3.

    Examples
    --------
    >>> brier([1, 0], [0.5, 0.5])
    0.25
    """
    y, p = _pair(y, probability)
    return float(np.mean((p - y) ** 2))


@checked
def brier_skill(y: ArrayLike, probability: ArrayLike, reference: ArrayLike | None = None) -> float:
    """Share of the reference's Brier score that is gone, 1 - BS / BS_ref.

    Parameters
    ----------
    y, probability
        As in `brier`.
    reference
        (n,) The rival's probability; without it the base rate of `y`.

    Returns
    -------
    skill
        At most 1, which is best; 0 is the reference, below 0 is worse than it.

    Raises
    ------
    ValueError
        `y` has one class only and no reference is given, the reference is perfect, or an input is out of range.

    Examples
    --------
    >>> brier_skill([1, 0, 0, 0], [1, 0, 0, 0])
    1.0
    """
    y = flags(y, both=reference is None)
    rival = brier(y, np.full_like(y, y.mean()) if reference is None else reference)
    if rival == 0:
        raise ValueError("the reference is perfect (Brier score 0): no skill over it is defined.")
    return 1 - brier(y, probability) / rival


@checked
def log_loss(y: ArrayLike, probability: ArrayLike) -> float:
    """Mean surprise in nats, -mean[y ln p + (1 - y) ln(1 - p)] [1]_.

    Parameters
    ----------
    y, probability
        As in `brier`. A probability of exactly 0 or 1 is moved by the machine's rounding error, as scikit-learn does: a sure
        forecast that fails costs 36 nats, not infinity.

    Returns
    -------
    log_loss
        At least 0; 0 is best, ln 2 is the coin.

    Raises
    ------
    ValueError
        An input is out of range. One class only is fine here.

    References
    ----------
    .. [1] Good (1952), Journal of the Royal Statistical Society B 14, 107-114.

    Examples
    --------
    >>> round(log_loss([1, 0], [0.8, 0.2]), 4)
    0.2231
    """
    from sklearn.metrics import log_loss as mean_log_loss  # noqa: PLC0415 sklearn is heavy

    y, p = _pair(y, probability)
    return float(mean_log_loss(y, p, labels=[0, 1]))


@checked
def reliability(y: ArrayLike, probability: ArrayLike, *, bands: int | ArrayLike = 10) -> pd.DataFrame:
    """Observed beside predicted frequency, band by band.

    Parameters
    ----------
    y, probability
        As in `brier`.
    bands
        Their number, for bands with equally many rows (equal probabilities stay in one band); or (m + 1,) edges that cover [0, 1],
        such as the alert levels, for bands [edge, next edge).

    Returns
    -------
    reliability
        One row a band that has rows: `low`, `high` (the band), `n`, `predicted` (mean probability), `observed` (frequency),
        `observed_low`, `observed_high` (Wilson's 95 % interval), `gap` = observed - predicted. Perfect is a gap of 0.

    Raises
    ------
    ValueError
        The edges do not rise or do not cover [0, 1], or an input is out of range.

    Examples
    --------
    >>> reliability([0, 0, 1, 1], [0.1, 0.1, 0.6, 0.8], bands=[0, 0.5, 1])[["n", "predicted", "observed"]]
       n  predicted  observed
    0  2        0.1       0.0
    1  2        0.7       1.0
    """
    y, p = _pair(y, probability)
    edges = _edges(p, bands)
    rows = pd.DataFrame({"y": y, "p": p, "band": np.searchsorted(edges[1:-1], p, side="right")})
    table = rows.groupby("band").agg(n=("y", "size"), predicted=("p", "mean"), observed=("y", "mean"))
    low, high = share_interval(table["observed"].to_numpy(), table["n"].to_numpy())
    table.insert(0, "low", edges[:-1][table.index])
    table.insert(1, "high", edges[1:][table.index])
    return table.assign(observed_low=low, observed_high=high, gap=table["observed"] - table["predicted"]).reset_index(
        drop=True
    )


@checked
def calibration_error(y: ArrayLike, probability: ArrayLike, *, bands: int | ArrayLike = 10) -> float:
    """Expected calibration error: mean of ``|observed - predicted|`` over the bands, weighted by their rows [1]_.

    Parameters
    ----------
    y, probability, bands
        As in `reliability`. Its value depends on the bands: compare only at equal ones.

    Returns
    -------
    ece
        In [0, 1]; 0 is best. A perfect forecast of few rows still gets a little above 0.

    Raises
    ------
    ValueError
        As in `reliability`.

    References
    ----------
    .. [1] Naeini, Cooper & Hauskrecht (2015), AAAI, 2901-2907.

    Examples
    --------
    >>> round(calibration_error([0, 0, 1, 1], [0.1, 0.1, 0.6, 0.8], bands=[0, 0.5, 1]), 3)
    0.2
    """
    table = reliability(y, probability, bands=bands)
    return float(np.average(table["gap"].abs(), weights=table["n"]))


def _pair(y: ArrayLike, probability: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Outcome and probability, checked and aligned."""
    y, p = flags(y, both=False), column("probability", probability, low=0, high=1)
    aligned(y=y, probability=p)
    return y, p


def _edges(p: np.ndarray, bands: int | ArrayLike) -> np.ndarray:
    """Edges of the bands, from 0 to 1."""
    if isinstance(bands, int | np.integer):
        if bands < 1:
            raise ValueError(f"bands must be at least 1, got {bands}.")
        cuts = np.unique(np.quantile(p, np.arange(1, bands) / bands, method="higher"))
        return np.concatenate([[0.0], cuts[(cuts > 0) & (cuts < 1)], [1.0]])
    edges = column("bands", bands)
    if edges[0] != 0 or edges[-1] != 1 or (np.diff(edges) <= 0).any():
        raise ValueError(f"band edges must rise from 0 to 1, got {edges.tolist()}.")
    return edges


@checked
def share_interval(share: ArrayLike, n: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of the 95 % interval of a share seen in `n` rows [1]_.

    Unlike share ± 1.96 standard errors it does not shrink to a point where nothing was seen, as in most bands of a rare outcome.

    Parameters
    ----------
    share
        (...) In [0, 1].
    n
        (...) Rows, above 0; need not be whole, where rows overlap and count in part.

    Returns
    -------
    low, high
        (...) each, in [0, 1].

    Raises
    ------
    ValueError
        A share outside 0 to 1, or no rows.

    References
    ----------
    .. [1] Wilson (1927), Journal of the American Statistical Association 22, 209-212.

    Examples
    --------
    >>> low, high = share_interval(0.0, 20)
    >>> float(low.round(3)), float(high.round(3))
    (0.0, 0.161)
    """
    z = NORMAL_95
    share, n = np.asarray(share, dtype=float), np.asarray(n, dtype=float)
    if (share < 0).any() or (share > 1).any() or (n <= 0).any():
        raise ValueError("share must lie in 0 to 1 and n above 0.")
    pull = z**2 / (n + z**2)  # towards a half
    centre = share * (1 - pull) + pull / 2
    half = np.sqrt(share * (1 - share) * pull * (1 - pull) + pull**2 / 4)
    return np.clip(centre - half, 0, 1), np.clip(centre + half, 0, 1)
