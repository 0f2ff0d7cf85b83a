"""What a number is worth where the feed spoke for a part of its window, or for none."""

import numpy as np

from riskwarn.history import Snapshot


def silent(snapshot: Snapshot, source: str, days: float, *, ago: float = 0) -> np.ndarray:
    """Where and when the feed spoke for no moment of the window: nothing is known, which is not nothing.

    Parameters
    ----------
    snapshot, source, days, ago
        As for :meth:`riskwarn.history.Snapshot.exposure`.

    Returns
    -------
    silent
        (n_grids, n_dates) bool, or (1, n_dates) where it is the same in all grids.
    """
    return snapshot.exposure(source, days, ago=ago) <= 0


def unless_silent(snapshot: Snapshot, source: str, days: float, values: np.ndarray, *, ago: float = 0) -> np.ndarray:
    """`values`, NaN where the feed was silent for the whole window.

    Parameters
    ----------
    snapshot, source, days, ago
        As for :meth:`riskwarn.history.Snapshot.exposure`.
    values
        (n_grids, n_dates).

    Returns
    -------
    values
        The same where nothing was silent.
    """
    gone = silent(snapshot, source, days, ago=ago)
    return np.where(gone, np.float32(np.nan), np.asarray(values, dtype=np.float32)) if gone.any() else values


def divided(top: np.ndarray, bottom: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """``top / bottom``, NaN where `bottom` is 0; into `out` if given.

    Parameters
    ----------
    top, bottom
        Of one shape.
    out
        float32 to write into.

    Returns
    -------
    ratio
        Never infinite.

    Examples
    --------
    >>> divided(np.array([1.0, 1.0, 0.0]), np.array([2.0, 0.0, 0.0])).tolist()
    [0.5, nan, nan]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.divide(top, bottom, dtype=np.float32) if out is None else np.divide(top, bottom, out=out)
    endless = np.isinf(ratio)
    if endless.any():
        ratio[endless] = np.nan
    return ratio


def per_observed(values: np.ndarray, snapshot: Snapshot, source: str, days: float, *, ago: float = 0) -> np.ndarray:
    """Values per observed day of the window, NaN where there was none."""
    exposure = snapshot.exposure(source, days, ago=ago)
    return np.asarray(values / np.where(exposure > 0, exposure, np.nan), dtype=np.float32)
