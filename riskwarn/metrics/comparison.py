"""Is one model better than another, or was it luck: the mean of paired differences over dates, with an interval that holds its level at few overlapping dates.

Label windows of near dates overlap, so differences of near dates resemble each other, and a few dozen of them hold the news of a handful. Block
bootstraps and Newey-West tests are then far too sure: on null series of twelve to twenty-four weekly dates with horizons of 28 days they call one
difference in eight clear, with 91 days more than one in four, where one in forty is promised. The test here measures the long-run variance by a few cosines [1]_, [2]_,
and takes its critical value from the overlap that the windows have by construction, exactly, for any number of dates.

References
----------
.. [1] Müller (2007), Journal of Econometrics 141, 1331-1352; Lazarus, Lewis, Stock & Watson (2018), Journal of Business & Economic Statistics 36,
   541-559 (equal-weighted cosines, EWC).
.. [2] Diebold & Mariano (1995), Journal of Business & Economic Statistics 13, 253-263 (the test of equal skill by the mean of paired differences).
.. [3] Hansen & Hodrick (1980), Journal of Political Economy 88, 829-853 (forecasts over q steps made at every step err as a moving average of order q - 1).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from riskwarn.calling import checked
from riskwarn.metrics.array import aligned, column, counts, inside, kind_of

_MOST_TERMS = 30
"""Cosines beyond these narrow an interval by less than a twentieth and make it trust that nothing else than overlap ties dates together."""
_LEAST_DATES = 4
"""Fewest dates a cosine: the slower the cosines, the more of what carries over from date to date beyond the overlap they see, as the mean does."""
_NODES, _ROUNDING = 400, 1e-9


@dataclass(frozen=True)
class Interval:
    """A mean difference with its interval and the test of no difference.

    Attributes
    ----------
    estimate, low, high
        In the unit of the metric.
    p_value
        Two-sided, in [0, 1], of a mean of 0; it is below 1 - level exactly where 0 lies outside the interval.
    n_dates, n_terms
        Dates it rests on, and cosines its variance rests on.
    """

    estimate: float
    low: float
    high: float
    p_value: float
    n_dates: int
    n_terms: int

    @property
    def excludes_zero(self) -> bool:
        """Whether 0 lies outside the interval."""
        return self.low > 0 or self.high < 0


@checked
def shared_windows(days: ArrayLike, horizon_days: float) -> np.ndarray:
    """Share of its label window that each date has in common with each other.

    Parameters
    ----------
    days
        (dates,) When each date is: dates, by their own clock, or numbers of days from any origin.
    horizon_days
        Length of the windows, above 0.

    Returns
    -------
    shared
        (dates, dates) in [0, 1], 1 on the diagonal: the correlation of sums over the windows of what no earlier day foretold.

    Raises
    ------
    ValueError
        `horizon_days` is not above 0, or a day is missing.

    Examples
    --------
    >>> shared_windows([0, 7, 14, 28], 28)[0].tolist()
    [1.0, 0.75, 0.5, 0.0]
    >>> shared_windows(np.array(["2025-01-06", "2025-01-20"], "datetime64[D]"), 28)[0].tolist()
    [1.0, 0.5]
    """
    at = column("days", _in_days(days) if kind_of(days) == "M" else days)
    if not horizon_days > 0:
        raise ValueError(f"horizon_days must be above 0, got {horizon_days}.")
    return np.asarray(np.clip(1 - np.abs(at[:, None] - at) / horizon_days, 0, None))


@checked
def difference_interval(
    first: ArrayLike,
    second: ArrayLike,
    *,
    weight: ArrayLike | None = None,
    shared: ArrayLike | None = None,
    level: float = 0.95,
) -> Interval:
    r"""Mean of first - second over dates, with an interval that holds its level at few overlapping dates.

    With ``Λ_j = √(2/n) Σ_t d_t cos(π j (t - 1/2) / n)``, the interval is ``mean(d) ± c √(Σ_{j ≤ B} Λ_j² / (B n))``. The cosines see
    slow swings of the difference, as the mean does, and are blind to the mean itself. `c` solves
    ``P(|mean(d)| √n > c √(Σ Λ_j² / B)) = 1 - level`` for normal differences correlated as
    `shared`; B is n / (1 + q), q the mean number of dates that share a window with one, at least 2 and at most n / 4 or 30, so that what
    carries over from date to date beyond the windows, up to a third, makes the interval hardly too narrow.

    Parameters
    ----------
    first, second
        (dates,) A metric of two models, date by date in time order.
    weight
        (dates,) Weight of each date, at least 0; a date of weight 0 is as if it were not there. With all events of the date as weight the mean of captures is the pooled capture,
        events caught over events in all.
    shared
        (dates, dates) Share of the label window that two dates have in common (:func:`shared_windows`): symmetric, in [0, 1], 1 on the
        diagonal. None where not given.
    level
        Of the interval, in (0, 1).

    Returns
    -------
    interval
        `Interval`. Few independent windows make it wide: with eight weekly dates and a horizon of 91 days it is seven times the usual two errors.
        A single date of some weight, or dates that all share one window, tell one thing, from which nothing follows of another: bounds are infinite.

    Raises
    ------
    ValueError
        Fewer than two dates, all weights 0, or an input is out of range or not aligned.

    References
    ----------
    See the head of this module.

    Examples
    --------
    >>> better, worse = np.full(20, 0.25), np.tile([0.20, 0.22], 10)
    >>> told = difference_interval(better, worse)
    >>> round(told.estimate, 3), told.excludes_zero
    (0.04, True)
    """
    gap, mass = _differences(first, second, weight)
    inside("level", level, 0, 1)
    heavy = np.flatnonzero(mass)
    overlap = _overlap(shared, gap.size)[np.ix_(heavy, heavy)]
    gap, mass, n = gap[heavy], mass[heavy] / mass.max(), heavy.size
    estimate = float(np.average(gap, weights=mass))
    if n == 1:
        return Interval(estimate, -np.inf, np.inf, 1.0, 1, 0)
    unit = float(np.abs(gap).max()) or 1.0  # squares of the smallest and largest numbers are none
    basis = _cosines(n, _terms(overlap))
    # dates weigh as their share of all weight: the sum of these terms over n is how far the weighted mean lies from `estimate`
    spread = basis[:, 1:].T @ (mass * (gap / unit - estimate / unit) / mass.mean())
    error = unit * float(np.sqrt((spread**2).mean() / n))
    gram = basis.T @ overlap @ basis
    if error <= 1e-12 * (abs(estimate) + unit):
        return Interval(estimate, estimate, estimate, 1.0 if estimate == 0 else 0.0, n, len(spread))
    half = _critical(gram, 1 - level) * error
    return Interval(estimate, estimate - half, estimate + half, _beyond(abs(estimate) / error, gram), n, len(spread))


@checked
def statistic_interval(
    sums: ArrayLike,
    statistic: Callable[[np.ndarray], np.ndarray],
    *,
    shared: ArrayLike | None = None,
    level: float = 0.95,
) -> tuple[float, float, float]:
    """Lower bound, estimate and upper bound of a statistic of sums over dates, such as a ratio.

    Each date's pseudo-value [1]_ is what it adds to the statistic; their mean has the interval of a difference, label windows
    overlapping. A statistic that is undefined or infinite without one of the dates has no bounds.

    Parameters
    ----------
    sums
        (dates, k) Sums of each date, in the order of time; at least two dates.
    statistic
        From (..., k) sums to (...) values.
    shared
        (dates, dates) as in :func:`difference_interval`.
    level
        Of the interval, in (0, 1).

    Returns
    -------
    low, estimate, high
        Minus and plus infinity where there are no bounds.

    Raises
    ------
    ValueError
        Fewer than two dates, or an input is out of range.

    References
    ----------
    .. [1] Tukey (1958), Annals of Mathematical Statistics 29, 614; Quenouille (1956), Biometrika 43, 353-360 (the jackknife of a ratio).

    Examples
    --------
    >>> low, ratio, high = statistic_interval([[3, 2], [5, 4], [4, 3], [4, 3]], lambda sums: sums[..., 0] / sums[..., 1])
    >>> low < ratio < high, round(ratio, 2)
    (True, 1.33)
    """
    values = np.asarray(sums, dtype=float)
    with np.errstate(invalid="ignore", divide="ignore"):
        estimate, without = float(statistic(values.sum(axis=0))), statistic(values.sum(axis=0) - values)
    if not np.isfinite(without).all() or not np.isfinite(estimate):
        same = bool((without == estimate).all())
        return (estimate if same else -np.inf), estimate, (estimate if same else np.inf)
    pseudo = len(values) * estimate - (len(values) - 1) * without
    tested = difference_interval(pseudo, np.zeros(len(pseudo)), shared=shared, level=level)
    return estimate + tested.low - tested.estimate, estimate, estimate + tested.high - tested.estimate


def _in_days(dates: ArrayLike) -> np.ndarray:
    """Days from the first of some dates to each, by the clock they are told in; NaN for none."""
    import pandas as pd  # noqa: PLC0415 - for dates alone

    at = pd.DatetimeIndex(dates).tz_localize(None)
    return np.asarray((at - at.min()) / pd.Timedelta(days=1), dtype=float)


def _overlap(shared: ArrayLike | None, n: int) -> np.ndarray:
    """(n, n) what dates have in common."""
    if shared is None:
        return np.eye(n)
    overlap = np.asarray(shared, dtype=float)
    if overlap.shape != (n, n):
        raise ValueError(f"shared must be ({n}, {n}), a row and a column a date, got {overlap.shape}.")
    within = ((overlap >= -_ROUNDING) & (overlap <= 1 + _ROUNDING)).all()
    even = np.allclose(overlap, overlap.T, rtol=0, atol=_ROUNDING)
    if not (within and even and np.allclose(np.diag(overlap), 1, rtol=0, atol=_ROUNDING)):
        raise ValueError("shared must be symmetric, in [0, 1] and 1 on the diagonal, as shared_windows gives it.")
    return overlap


def _terms(shared: np.ndarray) -> int:
    """Cosines to use: about as many as there are windows that share nothing, halved, and slow ones only."""
    n = len(shared)
    return int(np.clip(round(n / max(1 + shared.sum() / n, _LEAST_DATES)), min(2, n - 1), _MOST_TERMS))


def _cosines(n: int, terms: int) -> np.ndarray:
    """(n, 1 + terms) orthonormal columns: the constant, then cosines of half a swing, a whole one, and so on."""
    at = np.pi * (np.arange(n) + 0.5) / n
    return np.column_stack([np.full(n, np.sqrt(1 / n)), np.sqrt(2 / n) * np.cos(np.outer(at, np.arange(1, terms + 1)))])


def _critical(gram: np.ndarray, alpha: float) -> float:
    """The quotient of mean and error that null series exceed with probability `alpha`, infinite where each is exceeded more often."""
    from scipy.optimize import brentq  # noqa: PLC0415 - scipy is heavy

    least, most = np.log(1e-9), np.log(1e6)
    if _beyond(np.exp(most), gram) >= alpha:
        return np.inf  # no part of the differences is free of what all dates share
    return float(np.exp(brentq(lambda log: _beyond(np.exp(log), gram) - alpha, least, most, xtol=1e-6)))


def _beyond(quotient: float, gram: np.ndarray) -> float:
    r"""Probability that normal coefficients z of covariance `gram` have :math:`|z_0| > quotient \sqrt{\sum_{j \ge 1} z_j^2 / B}`.

    The event is :math:`z' D z > 0` with D = diag(1, -quotient²/B, ...). In the eigenvalues of D gram, one of them positive, it is
    :math:`\chi^2_1 > \sum b_j \chi^2_1`, whose probability is :math:`\frac{2}{\pi} \int_0^{\pi/2} \prod_j (1 + b_j / \sin^2 \theta)^{-1/2} d\theta`
    (Craig 1991's form of the normal tail, averaged over the :math:`\chi^2`).
    """
    terms = len(gram) - 1
    signs = np.r_[1.0, np.full(terms, -(quotient**2) / terms)]
    values = np.sort(np.linalg.eigvals(signs[:, None] * gram).real)
    against = np.clip(-values[:-1] / values[-1], 0, None)
    sine = np.sin((np.arange(_NODES) + 0.5) / _NODES * np.pi / 2) ** 2
    return float(np.exp(-0.5 * np.log1p(against / sine[:, None]).sum(axis=1)).mean())


def _differences(first: ArrayLike, second: ArrayLike, weight: ArrayLike | None) -> tuple[np.ndarray, np.ndarray]:
    """Paired differences and the weight of each date."""
    a, b = column("first", first), column("second", second)
    w = np.ones_like(a) if weight is None else counts("weight", weight)
    aligned(first=a, second=b, weight=w)
    if a.size < 2 or w.sum() == 0:
        raise ValueError(f"at least 2 dates with some weight are needed, got {a.size} dates of weight {w.sum():g}.")
    return a - b, w
