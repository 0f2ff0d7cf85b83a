"""How well an expected count is meant: deviances, absolute and logarithmic error, calibration in the large.

Select by deviance, not by absolute error: where most grids have no event, forecasting 0 everywhere has the least absolute error.
"""

import numpy as np
from numpy.typing import ArrayLike

from riskwarn.calling import checked
from riskwarn.metrics.array import aligned, counts, inside

FLOOR = 0.01
"""Events per grid and horizon below which a rate is lifted, so that one event where none was thought possible is not infinite."""


@checked
def mean_absolute_error(y: ArrayLike, expected: ArrayLike) -> float:
    """Mean ``|y - mu|``, in events per grid.

    Parameters
    ----------
    y
        (n,) Events per grid within the horizon.
    expected
        (n,) Expected events per grid within the horizon, at least 0.

    Returns
    -------
    mae
        At least 0; 0 is best. Its optimum is the median, which is 0 for most grids: do not select by it.

    Raises
    ------
    ValueError
        An input is out of range.

    Examples
    --------
    >>> mean_absolute_error([2, 0], [1.5, 0.5])
    0.5
    """
    y, mu = _pair(y, expected)
    return float(np.abs(y - mu).mean())


@checked
def poisson_deviance(y: ArrayLike, expected: ArrayLike, *, floor: float = FLOOR) -> float:
    """Mean Poisson deviance, mean 2[y ln(y/mu) - (y - mu)], 0 ln 0 being 0 [1]_.

    Parameters
    ----------
    y, expected
        As in `mean_absolute_error`.
    floor
        Rates below it are lifted to it, above 0. Part of the definition: compare only at equal floors.

    Returns
    -------
    deviance
        At least 0; 0 is best.

    Raises
    ------
    ValueError
        An input is out of range.

    References
    ----------
    .. [1] McCullagh & Nelder (1989), Generalized Linear Models, section 2.3.

    Examples
    --------
    >>> round(poisson_deviance([2, 0], [1, 1]), 4)
    1.3863
    """
    from sklearn.metrics import mean_poisson_deviance  # noqa: PLC0415 sklearn is heavy

    y, mu = _pair(y, expected)
    inside("floor", floor, 0, np.inf)
    return float(mean_poisson_deviance(y, np.maximum(mu, floor)))


@checked
def tweedie_deviance(y: ArrayLike, expected: ArrayLike, *, power: float = 1.5, floor: float = FLOOR) -> float:
    """Mean Tweedie deviance of variance mu^power: 1 is Poisson, 2 is gamma, between for sums of few large events [1]_.

    Parameters
    ----------
    y, expected, floor
        As in `poisson_deviance`; y need not be whole (losses, deaths).
    power
        In [1, 2): y may be 0.

    Returns
    -------
    deviance
        At least 0; 0 is best. Values of different `power` cannot be compared.

    Raises
    ------
    ValueError
        An input is out of range.

    References
    ----------
    .. [1] Jorgensen (1987), Journal of the Royal Statistical Society B 49, 127-162.

    Examples
    --------
    >>> round(tweedie_deviance([2, 0], [1, 1]), 4)
    2.3431
    """
    from sklearn.metrics import mean_tweedie_deviance  # noqa: PLC0415 sklearn is heavy

    y, mu = _pair(y, expected)
    inside("floor", floor, 0, np.inf)
    if not 1 <= power < 2:
        raise ValueError(f"power must be in [1, 2), got {power:g}.")
    return float(mean_tweedie_deviance(y, np.maximum(mu, floor), power=power))


@checked
def mean_ratio(y: ArrayLike, expected: ArrayLike) -> float:
    """Calibration in the large, mean(mu) / mean(y).

    Parameters
    ----------
    y, expected
        As in `mean_absolute_error`.

    Returns
    -------
    mcr
        No unit, at least 0; 1 is best, above 1 forecasts too much in all.

    Raises
    ------
    ValueError
        There was no event, or an input is out of range.

    Examples
    --------
    >>> mean_ratio([2, 0], [1.5, 1.5])
    1.5
    """
    y, mu = _pair(y, expected)
    if y.sum() == 0:
        raise ValueError(f"no event in {y.size} rows: the ratio to the observed mean is undefined.")
    return float(mu.mean() / y.mean())


@checked
def mean_squared_log_error(y: ArrayLike, expected: ArrayLike) -> float:
    """Mean (ln(1 + y) - ln(1 + mu))²; its root is the RMSLE.

    Parameters
    ----------
    y, expected
        As in `mean_absolute_error`.

    Returns
    -------
    msle
        At least 0; 0 is best. Low counts weigh as much as high ones.

    Raises
    ------
    ValueError
        An input is out of range.

    Examples
    --------
    >>> mean_squared_log_error([3, 0], [3, 0])
    0.0
    """
    y, mu = _pair(y, expected)
    return float(np.mean((np.log1p(y) - np.log1p(mu)) ** 2))


def _pair(y: ArrayLike, expected: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Counts and rates, checked and aligned."""
    y, mu = counts("y", y), counts("expected", expected)
    aligned(y=y, expected=mu)
    return y, mu
