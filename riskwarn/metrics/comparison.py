"""Is one model better than another, or was it luck: block bootstrap interval and Diebold-Mariano test of paired differences."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from riskwarn.metrics.array import aligned, column, counts, inside

_DRAWN_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class Interval:
    """A difference with its bootstrap interval.

    Attributes
    ----------
    estimate, low, high
        In the unit of the metric.
    n_dates, block_dates
        Dates it rests on and the length of the blocks they were drawn in.
    """

    estimate: float
    low: float
    high: float
    n_dates: int
    block_dates: int

    @property
    def excludes_zero(self) -> bool:
        """Whether 0 lies outside the interval."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class EqualSkill:
    """A test of equal mean loss.

    Attributes
    ----------
    difference
        Mean of first - second, in the unit of the metric.
    statistic
        Its Student t with `n_dates` - 1 degrees of freedom.
    p_value
        Two-sided, in [0, 1].
    n_dates
        Dates it rests on.
    """

    difference: float
    statistic: float
    p_value: float
    n_dates: int


def default_block(n_dates: int) -> int:
    """Length of a block, ⌈n^(1/3)⌉ dates: the rate that keeps dependence within blocks and still leaves many of them.

    Where label windows of neighbouring dates overlap, blocks should be at least as long as the overlap.

    Examples
    --------
    >>> default_block(51)
    4
    """
    return int(np.ceil(round(n_dates ** (1 / 3), 9)))


def block_draws(
    n_dates: int,
    *,
    rng: np.random.Generator,
    n_draws: int = 2000,
    block_dates: int | None = None,
    kind: Literal["circular", "moving"] = "circular",
) -> np.ndarray:
    """Resampled dates in blocks of consecutive ones, so that the dependence between near dates is kept [1]_, [2]_.

    Parameters
    ----------
    n_dates
        Dates there are, in order.
    rng
        Source of the draws.
    n_draws
        Resamples.
    block_dates
        Dates a block, 1 to `n_dates`; `default_block` if not given.
    kind
        ``circular``: the last date is followed by the first, so each date is drawn equally often. ``moving``: blocks lie within.

    Returns
    -------
    rows
        (n_draws, n_dates) Row numbers of the dates.

    Raises
    ------
    ValueError
        A number is out of range.

    References
    ----------
    .. [1] Politis & Romano (1992), in Exploring the Limits of Bootstrap, 263-270 (circular).
    .. [2] Künsch (1989), Annals of Statistics 17, 1217-1241 (moving).

    Examples
    --------
    >>> block_draws(6, rng=np.random.default_rng(0), n_draws=2, block_dates=3)
    array([[5, 0, 1, 3, 4, 5],
           [3, 4, 5, 1, 2, 3]])
    """
    length = default_block(n_dates) if block_dates is None else block_dates
    if not 1 <= length <= n_dates or n_draws < 1:
        raise ValueError(f"block_dates must be 1 to {n_dates} and n_draws positive, got {length} and {n_draws}.")
    if kind not in {"circular", "moving"}:
        raise ValueError(f"kind must be 'circular' or 'moving', got {kind!r}.")
    starts = rng.integers(0, n_dates if kind == "circular" else n_dates - length + 1, (n_draws, -(-n_dates // length)))
    rows = (starts[:, :, None] + np.arange(length)) % n_dates
    return rows.reshape(n_draws, -1)[:, :n_dates]


def difference_interval(
    first: ArrayLike,
    second: ArrayLike,
    *,
    rng: np.random.Generator,
    weight: ArrayLike | None = None,
    n_draws: int = 2000,
    block_dates: int | None = None,
    kind: Literal["circular", "moving"] = "circular",
    level: float = 0.95,
) -> Interval:
    """Mean of first - second over dates, with the percentile interval of a block bootstrap over time.

    Both are resampled on the same dates, so what makes a date hard for both does not widen the interval.

    Parameters
    ----------
    first, second
        (dates,) A metric of two models, date by date in time order.
    rng, n_draws, block_dates, kind
        As in `block_draws`.
    weight
        (dates,) Weight of each date, at least 0. With all events of the date as weight the mean of captures is the pooled capture,
        events caught over events in all.
    level
        Of the interval, in (0, 1).

    Returns
    -------
    interval
        `Interval`. With fewer than about ten blocks it is too narrow.

    Raises
    ------
    ValueError
        Fewer than two dates, all weights 0, or an input is out of range or not aligned.

    Examples
    --------
    >>> better, worse = np.full(20, 0.25), np.tile([0.20, 0.22], 10)
    >>> found = difference_interval(better, worse, rng=np.random.default_rng(0))
    >>> round(found.estimate, 3), found.excludes_zero
    (0.04, True)
    """
    gap, weight = _differences(first, second, weight)
    inside("level", level, 0, 1)
    length = default_block(gap.size) if block_dates is None else block_dates
    parts = np.diff(np.linspace(0, n_draws, -(-n_draws * gap.size // _DRAWN_AT_ONCE) + 1).astype(int))
    means = np.concatenate(
        [
            _weighted_means(gap, weight, block_draws(gap.size, rng=rng, n_draws=n, block_dates=length, kind=kind))
            for n in parts
        ]
    )
    if means.size == 0:
        raise ValueError(f"none of {n_draws} resamples has a date with weight: raise n_draws or check the weights.")
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(np.average(gap, weights=weight)), float(low), float(high), gap.size, length)


def diebold_mariano(first: ArrayLike, second: ArrayLike, *, overlap: int | None = None) -> EqualSkill:
    """Test of equal mean loss of two forecasts of the same dates [1]_, with the small-sample correction of [2]_.

    t = mean(d) / √(LRV / n) · √((n + 1 - 2h + h(h - 1)/n) / n) with d = first - second and LRV the Newey-West variance
    γ0 + 2 Σ_{j<h} (1 - j/h) γj, which is never negative.

    Parameters
    ----------
    first, second
        (dates,) Loss (or gain) of two models, date by date in time order.
    overlap
        h: the forecast horizon in steps between dates, 1 where label windows do not overlap. If not given, the truncation
        ⌊4 (n/100)^(2/9)⌋ + 1 of Newey and West.

    Returns
    -------
    test
        `EqualSkill`. Two equal series give difference 0, statistic 0 and p 1.

    Raises
    ------
    ValueError
        Fewer than three dates, `overlap` not in 1 to n - 1, a difference that is constant but not 0, or an input not finite.

    References
    ----------
    .. [1] Diebold & Mariano (1995), Journal of Business & Economic Statistics 13, 253-263.
    .. [2] Harvey, Leybourne & Newbold (1997), International Journal of Forecasting 13, 281-291.

    Examples
    --------
    >>> test = diebold_mariano([3, 1, 4, 2, 5, 3], [2, 1, 2, 2, 3, 2], overlap=1)
    >>> round(test.statistic, 3), round(test.p_value, 3)
    (2.739, 0.041)
    """
    from scipy.special import stdtr  # noqa: PLC0415 scipy is heavy

    gap, _ = _differences(first, second, None)
    n = gap.size
    h = int(4 * (n / 100) ** (2 / 9)) + 1 if overlap is None else overlap
    if n < 3 or not 1 <= h < n:
        raise ValueError(f"at least 3 dates and an overlap of 1 to n - 1 are needed, got {n} dates and {h}.")
    mean = float(gap.mean())
    if np.ptp(gap) == 0:
        if mean == 0:
            return EqualSkill(0.0, 0.0, 1.0, n)
        raise ValueError(f"the difference is {mean:g} on all {n} dates: without variance there is no test.")
    correction = (n + 1 - 2 * h + h * (h - 1) / n) / n
    statistic = mean / np.sqrt(newey_west(gap, h) / n) * np.sqrt(correction)
    return EqualSkill(mean, float(statistic), float(2 * stdtr(n - 1, -abs(statistic))), n)


def newey_west(series: ArrayLike, overlap: int) -> float:
    """Long-run variance γ0 + 2 Σ_{j<h} (1 - j/h) γj with Bartlett weights, at least 0 [1]_.

    References
    ----------
    .. [1] Newey & West (1987), Econometrica 55, 703-708.

    Examples
    --------
    >>> newey_west([1, -1, 1, -1], 1), newey_west([1, -1, 1, -1], 2)
    (1.0, 0.25)
    """
    centred = column("series", series)
    centred = centred - centred.mean()
    n = centred.size
    lags = [centred[j:] @ centred[: n - j] / n for j in range(overlap)]
    return float(lags[0] + 2 * sum((1 - j / overlap) * lags[j] for j in range(1, overlap)))


def _weighted_means(gap: np.ndarray, weight: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Weighted mean of each resample; resamples without weight have none and are left out."""
    total = weight[rows].sum(axis=1)
    some = total > 0
    return (weight * gap)[rows[some]].sum(axis=1) / total[some]


def _differences(first: ArrayLike, second: ArrayLike, weight: ArrayLike | None) -> tuple[np.ndarray, np.ndarray]:
    """Paired differences and the weight of each date."""
    a, b = column("first", first), column("second", second)
    w = np.ones_like(a) if weight is None else counts("weight", weight)
    aligned(first=a, second=b, weight=w)
    if a.size < 2 or w.sum() == 0:
        raise ValueError(f"at least 2 dates with some weight are needed, got {a.size} dates of weight {w.sum():g}.")
    return a - b, w
