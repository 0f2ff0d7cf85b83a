"""How well a whole distribution of a count is meant: CRPS, ignorance, intervals and their cover, tails."""

import numpy as np
from numpy.typing import ArrayLike

from riskwarn.calling import checked
from riskwarn.metrics.array import aligned, column, counts, inside

VIEWS_EDGES = (0, 0.5, 2.5, 5.5, 10.5, 25.5, 50.5, 100.5, 250.5, 500.5, 1000.5)
"""Lower edges of the VIEWS competition's 11 bins of deaths a month; the last bin is open."""
_ROWS_AT_ONCE = 4096
_STEPS = 500


@checked
def crps_ensemble(y: ArrayLike, draws: ArrayLike, *, threshold: float | None = None) -> float:
    """Mean continuous ranked probability score of draws, mean|x - y| - ½ mean|x - x'| [1]_.

    The second term is Σ_j (2j - S + 1) x_(j) / S², j from 0 over the sorted draws: S log S instead of S².

    Parameters
    ----------
    y
        (n,) Events per grid.
    draws
        (n, S) Draws from the forecast of each grid.
    threshold
        tau: if given, both are first lifted to it, max(·, tau), which scores the tail above tau alone (twCRPS [2]_).

    Returns
    -------
    crps
        At least 0, in events; 0 is best. For a single draw it is the absolute error.

    Raises
    ------
    ValueError
        An input is empty, not finite or not aligned.

    References
    ----------
    .. [1] Gneiting & Raftery (2007), Journal of the American Statistical Association 102, 359-378.
    .. [2] Allen, Ginsbourger & Ziegel (2023), SIAM/ASA Journal on Uncertainty Quantification 11, 906-940.

    Examples
    --------
    >>> crps_ensemble([1], [[0, 1, 2, 3]])
    0.375
    >>> crps_ensemble([1], [[0, 1, 2, 3]], threshold=2)
    0.0625
    """
    events, x = _ensemble(y, draws)
    if threshold is not None:
        events, x = np.maximum(events, threshold), np.maximum(x, threshold)
    n_draws = x.shape[1]
    place = (2 * np.arange(n_draws) - n_draws + 1) / n_draws**2
    return float((np.abs(x - events[:, None]).mean(axis=1) - np.sort(x, axis=1) @ place).mean())


@checked
def crps_poisson(y: ArrayLike, expected: ArrayLike) -> float:
    """Mean CRPS of a Poisson forecast, in closed form [1]_.

    (y - mu)(2F(y) - 1) + 2 mu f(y) - mu e^(-2mu) [I0(2mu) + I1(2mu)]. The Bessel functions are scaled, so it holds for any rate, where
    scoringrules' form overflows from a rate of some 350 on.

    Parameters
    ----------
    y
        (n,) Events per grid; whole numbers.
    expected
        (n,) Rates, at least 0.

    Returns
    -------
    crps
        At least 0, in events; 0 is best.

    Raises
    ------
    ValueError
        An input is out of range.

    References
    ----------
    .. [1] Wei & Held (2014), TEST 23, 787-805.

    Examples
    --------
    >>> round(crps_poisson([0, 3], [0, 1]), 4)
    0.7614
    """
    from scipy import special, stats  # noqa: PLC0415 scipy.stats is heavy

    y, mu = _whole(y), counts("expected", expected)
    aligned(y=y, expected=mu)
    law = stats.poisson(mu)
    bessel = special.ive(0, 2 * mu) + special.ive(1, 2 * mu)
    return float(((y - mu) * (2 * law.cdf(y) - 1) + 2 * mu * law.pmf(y) - mu * bessel).mean())


@checked
def crps_negative_binomial(y: ArrayLike, expected: ArrayLike, *, dispersion: float | ArrayLike) -> float:
    """Mean CRPS of a negative binomial forecast, E|X - y| - ½ E|X - X'| [1]_.

    With size r = 1/alpha and p = 1 / (1 + alpha mu), E|X - y| = y (2F(y; r) - 1) - mu (2F(y-1; r+1) - 1). The second term has a
    closed form by 2F1, which scoringrules takes and which overflows for large r, so it is integrated: see `_half_gap`.

    Parameters
    ----------
    y
        (n,) Events per grid; whole numbers.
    expected
        (n,) Expected counts, at least 0.
    dispersion
        alpha in Var = mu + alpha mu², above 0; one number or (n,).

    Returns
    -------
    crps
        At least 0, in events; 0 is best. Exact to about eight digits.

    Raises
    ------
    ValueError
        An input is out of range.

    References
    ----------
    .. [1] Wei & Held (2014), TEST 23, 787-805.

    Examples
    --------
    >>> round(crps_negative_binomial([0, 3], [0, 1], dispersion=0.5), 4)
    0.7694
    """
    from scipy import stats  # noqa: PLC0415 scipy.stats is heavy

    y, mu = _whole(y), counts("expected", expected)
    alpha = column("dispersion", np.broadcast_to(np.asarray(dispersion, float), y.shape), low=np.finfo(float).tiny)
    aligned(y=y, expected=mu)
    r, p = 1 / alpha, 1 / (1 + alpha * mu)
    distance = y * (2 * stats.nbinom.cdf(y, r, p) - 1) - mu * (2 * stats.nbinom.cdf(y - 1, r + 1, p) - 1)
    parts = np.array_split(np.arange(y.size), -(-y.size // _ROWS_AT_ONCE))
    return float((distance - np.concatenate([_half_gap(r[rows], p[rows]) for rows in parts])).mean())


def _half_gap(r: np.ndarray, p: np.ndarray) -> np.ndarray:
    """(n,) ½ E|X - X'| of two draws of a negative binomial law of size `r` and success chance `p`.

    For whole numbers |n| is the mean of (1 - cos nt) / (1 - cos t) over t, so E|X - X'| is that of (1 - |phi(t)|²) / (1 - cos t)
    with the characteristic function phi. With x = tan(t/2) = e^u the integrand is analytic in a strip around the line and falls off
    at both ends like e^(-|u|): equal steps in u converge exponentially.
    """
    spread = 4 * (1 - p) / p**2
    low = -30 - np.log1p(r * spread)
    u = low[:, None] + (30 - low)[:, None] * np.linspace(0, 1, _STEPS)
    x = np.exp(u)
    lost = -np.expm1(-r[:, None] * np.log1p(spread[:, None] / (1 + x**-2)))
    return (lost / x).sum(axis=1) * (u[:, 1] - u[:, 0]) / (2 * np.pi)


@checked
def ignorance(y: ArrayLike, draws: ArrayLike, *, edges: ArrayLike = VIEWS_EDGES) -> float:
    """Mean surprise in bits at the bin the count fell into, -log2 p, p = (draws in the bin + 1) / (S + bins) [1]_.

    The bins are [edge, next edge), the last one open, and the probabilities add up to 1.

    Parameters
    ----------
    y
        (n,) Events per grid.
    draws
        (n, S) Draws from the forecast of each grid.
    edges
        (b,) Lower edges of the bins, rising, the first not above any value.

    Returns
    -------
    ignorance
        At least 0, in bits; lower is better; log2(bins) is the uniform forecast. Only values of equal S compare.

    Raises
    ------
    ValueError
        The edges do not rise or do not cover the values, or an input is not finite or not aligned.

    References
    ----------
    .. [1] Hegre et al. (2025), The 2023/24 VIEWS Prediction Challenge, Journal of Peace Research.

    Examples
    --------
    >>> round(ignorance([0], [[0, 0, 0, 1]]), 4)
    1.9069
    """
    y, x = _ensemble(y, draws)
    bins = column("edges", edges)
    if (np.diff(bins) <= 0).any() or min(y.min(), x.min()) < bins[0]:
        raise ValueError(f"edges must rise and start at or below every value, got first edge {bins[0]:g}.")
    same = np.digitize(x, bins) == np.digitize(y, bins)[:, None]
    return float(-np.log2((same.sum(axis=1) + 1) / (x.shape[1] + len(bins))).mean())


@checked
def interval_score(y: ArrayLike, lower: ArrayLike, upper: ArrayLike, *, alpha: float = 0.1) -> float:
    """Mean width of the central (1 - alpha) interval plus 2/alpha times how far the count fell outside [1]_.

    Parameters
    ----------
    y
        (n,) Events per grid.
    lower, upper
        (n,) Bounds, the alpha/2 and 1 - alpha/2 quantiles.
    alpha
        Share meant to fall outside, in (0, 1).

    Returns
    -------
    score
        At least 0, in events; lower is better.

    Raises
    ------
    ValueError
        A lower bound is above its upper one, or an input is out of range.

    References
    ----------
    .. [1] Gneiting & Raftery (2007), Journal of the American Statistical Association 102, 359-378.

    Examples
    --------
    >>> interval_score([5, 1], [0, 0], [2, 2], alpha=0.5)
    8.0
    """
    inside("alpha", alpha, 0, 1)
    return quantile_interval_score(y, lower, upper, low=alpha / 2, high=1 - alpha / 2)


@checked
def quantile_interval_score(y: ArrayLike, lower: ArrayLike, upper: ArrayLike, *, low: float, high: float) -> float:
    """Interval score of any two quantiles, (u - l) + (1/low)(l - y)₊ + (1/(1 - high))(y - u)₊.

    It is the sum of the two quantiles' pinball losses, each divided by its tail, so the true quantiles are best. For the central
    interval (low = alpha/2) it equals `interval_score`.

    Parameters
    ----------
    y, lower, upper
        As in `interval_score`.
    low, high
        Levels of the two quantiles, 0 < low < high < 1.

    Returns
    -------
    score
        At least 0, in events; lower is better.

    Raises
    ------
    ValueError
        A lower bound is above its upper one, or an input is out of range.

    Examples
    --------
    >>> quantile_interval_score([5, 1], [0, 0], [2, 2], low=0.25, high=0.75)
    8.0
    """
    inside("low", low, 0, 1)
    inside("high", high, low, 1)
    y, lower, upper = _interval(y, lower, upper)
    below, above = np.maximum(lower - y, 0), np.maximum(y - upper, 0)
    return float((upper - lower + below / low + above / (1 - high)).mean())


@checked
def coverage(
    y: ArrayLike, lower: ArrayLike, upper: ArrayLike, *, lower_share: ArrayLike = 1.0, upper_share: ArrayLike = 1.0
) -> float:
    """Share of the counts within their interval, bounds included, or, with shares, with the right part of each bound.

    An interval of whole counts holds more than its level even at best: where the forecast gives 0 events 97 %, no set of counts has
    90 %. So coverage with whole bounds tells an honest forecast from a too wide one only where counts are large. With the part of
    each bound's own probability that lies within the level (what :meth:`riskwarn.calibration.Calibration.ends` gives), a count at a
    bound counts as that part, and an honest forecast of any counts has exactly its level on average: it is the share of randomised
    probability integral transforms within the level [1]_, without drawing them.

    Parameters
    ----------
    y, lower, upper
        As in `interval_score`.
    lower_share, upper_share
        (n,) or one number in [0, 1]: part of a count at that bound that lies within. Where the bounds are equal the part within is
        the sum of both less one.

    Returns
    -------
    coverage
        In [0, 1]; best is the interval's level, not 1.

    Raises
    ------
    ValueError
        A lower bound is above its upper one, or an input is out of range.

    References
    ----------
    .. [1] Czado, Gneiting & Held (2009), Biometrics 65, 1254-1261.

    Examples
    --------
    >>> coverage([5, 1, 0, 2], [0, 0, 0, 0], [2, 2, 2, 2])
    0.75
    >>> coverage([5, 1, 0, 2], [0, 0, 0, 0], [2, 2, 2, 2], lower_share=0.5, upper_share=0.5)
    0.5
    """
    y, low, high = _interval(y, lower, upper)
    at_low = np.where(y == low, 1 - column("lower_share", np.broadcast_to(lower_share, y.shape), low=0, high=1), 0.0)
    at_high = np.where(y == high, 1 - column("upper_share", np.broadcast_to(upper_share, y.shape), low=0, high=1), 0.0)
    return float((((low <= y) & (y <= high)) - at_low - at_high).mean())


@checked
def expected_shortfall(draws: ArrayLike, *, share: float = 0.05, min_worst: int = 5) -> np.ndarray:
    """Mean of the worst ⌈share · S⌉ draws of each grid: how bad it gets when it gets bad.

    Parameters
    ----------
    draws
        (n, S) Draws from the forecast of each grid.
    share
        Share of the draws that counts as the worst, in (0, 1).
    min_worst
        Fewest draws the mean may rest on; with one it is only the maximum.

    Returns
    -------
    shortfall
        (n,) In events.

    Raises
    ------
    ValueError
        Fewer than `min_worst` draws would be averaged, or an input is not finite.

    Examples
    --------
    >>> expected_shortfall([range(100)], share=0.05).tolist()
    [97.0]
    """
    x = _draws(draws)
    inside("share", share, 0, 1)
    worst = int(np.ceil(share * x.shape[1] - 1e-9))
    if worst < min_worst:
        needed = int(np.ceil(min_worst / share))
        raise ValueError(
            f"the worst {share:g} of {x.shape[1]} draws are {worst}, too few for a mean; draw at least {needed}."
        )
    return np.partition(x, x.shape[1] - worst, axis=1)[:, -worst:].mean(axis=1)


def _draws(draws: ArrayLike) -> np.ndarray:
    """`draws` as a finite (n, S) array."""
    x = np.asarray(draws, dtype=np.float64)
    if x.ndim != 2 or x.size == 0 or not np.isfinite(x).all():
        raise ValueError(f"draws must be finite with one row a grid and one column a draw, got shape {x.shape}.")
    return x


def _ensemble(y: ArrayLike, draws: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Counts and draws, checked and aligned."""
    y, x = column("y", y), _draws(draws)
    aligned(y=y, draws=x)
    return y, x


def _interval(y: ArrayLike, lower: ArrayLike, upper: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Counts and bounds, checked and aligned."""
    y, low, high = column("y", y), column("lower", lower), column("upper", upper)
    aligned(y=y, lower=low, upper=high)
    if (low > high).any():
        row = int((low > high).argmax())
        raise ValueError(f"lower must not be above upper, got {low[row]:g} and {high[row]:g} in row {row}.")
    return y, low, high


def _whole(y: ArrayLike) -> np.ndarray:
    """`y` as whole counts."""
    y = counts("y", y)
    if (y != np.floor(y)).any():
        raise ValueError(f"y must be whole numbers of events, got {y[y != np.floor(y)][0]:g}.")
    return y
