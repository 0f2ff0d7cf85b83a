"""What a metric accepts: aligned, finite columns of numbers, one value a grid; anything else is refused by name."""

import datetime as dt

import numpy as np
from numpy.typing import ArrayLike

NORMAL_95 = 1.959963984540054
"""Standard errors on either side of a normal estimate that make a 95 % interval."""
WHOLE = 1e-9
"""Rounding error allowed before a share of grids is rounded up to one grid more."""

_NO_NUMBERS = {"M": "dates", "m": "durations", "c": "complex numbers"}
"""Kinds of numpy that would be read as numbers and are none, or lose a part."""


def column(name: str, values: ArrayLike, *, low: float = -np.inf, high: float = np.inf) -> np.ndarray:
    """`values` as a (n,) float64 column within [`low`, `high`].

    Parameters
    ----------
    name
        What the message calls it.
    values
        (n,) numbers.
    low, high
        Bounds, both allowed.

    Returns
    -------
    column
        (n,) float64, finite.

    Raises
    ------
    ValueError
        The column is empty, not one-dimensional, of dates, durations or complex numbers, or holds a missing, infinite or out-of-range value.

    Examples
    --------
    >>> column("y", [2, 0], low=0)
    array([2., 0.])
    """
    if kind := _NO_NUMBERS.get(kind_of(values)):
        raise ValueError(f"{name} must be numbers, got {kind}.")
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"{name} must be one column with at least one value, got shape {array.shape}.")
    if not np.isfinite(array).all():
        n = int((~np.isfinite(array)).sum())
        raise ValueError(
            f"{name} has {n} missing or infinite values of {array.size}; missing is not zero, drop or fill."
        )
    outside = (array < low) | (array > high)
    if outside.any():
        raise ValueError(
            f"{name} must be in [{low:g}, {high:g}], got {array[outside][0]:g} in row {int(outside.argmax())}."
        )
    return array


def kind_of(values: ArrayLike) -> str:
    """The letter numpy has for the kind of some values, ``M`` for dates of any make.

    Examples
    --------
    >>> kind_of([1, 2]), kind_of(np.array(["2025-01-06"], "datetime64[D]")), kind_of([dt.date(2025, 1, 6)])
    ('i', 'M', 'M')
    """
    kind = getattr(getattr(values, "dtype", None), "kind", None) or np.asarray(values).dtype.kind
    if kind != "O":
        return str(kind)
    return "M" if any(isinstance(value, dt.date) for value in np.asarray(values).ravel()[:1]) else "O"


def aligned(**columns: np.ndarray) -> None:
    """Refuse columns of different length.

    Parameters
    ----------
    columns
        By the names the message calls them.

    Raises
    ------
    ValueError
        The columns do not have the same number of rows.

    Examples
    --------
    >>> aligned(y=np.zeros(2), score=np.zeros(3))
    Traceback (most recent call last):
        ...
    ValueError: columns must have the same number of rows, got y 2, score 3.
    """
    sizes = {name: len(values) for name, values in columns.items()}
    if len(set(sizes.values())) > 1:
        lengths = ", ".join(f"{name} {n}" for name, n in sizes.items())
        raise ValueError(f"columns must have the same number of rows, got {lengths}.")


def counts(name: str, values: ArrayLike) -> np.ndarray:
    """`values` as a (n,) column of numbers of events, at least 0.

    Parameters
    ----------
    name
        What the message calls it.
    values
        (n,) numbers.

    Returns
    -------
    counts
        (n,) float64; whole or not, for a weighted count is one too.

    Raises
    ------
    ValueError
        As :func:`column`.

    Examples
    --------
    >>> counts("y", [2, 0.5])
    array([2. , 0.5])
    """
    return column(name, values, low=0)


def some_events(y: ArrayLike) -> np.ndarray:
    """`y` as counts of which at least one is above 0.

    Parameters
    ----------
    y
        (n,) counts.

    Returns
    -------
    y
        (n,) float64.

    Raises
    ------
    ValueError
        There was no event.

    Examples
    --------
    >>> some_events([0, 3])
    array([0., 3.])
    """
    array = counts("y", y)
    if array.sum() == 0:
        raise ValueError(f"no event fell in any of {array.size} grids: the metric is undefined; leave this date out.")
    return array


def flags(y: ArrayLike, *, both: bool = True) -> np.ndarray:
    """`y` as a (n,) column of 0 and 1; with `both`, each must occur.

    Parameters
    ----------
    y
        (n,) 0 or 1.
    both
        Whether a column of one class is refused.

    Returns
    -------
    y
        (n,) float64.

    Raises
    ------
    ValueError
        A value is neither 0 nor 1, or `both` is asked and only one class is there.

    Examples
    --------
    >>> flags([True, False])
    array([1., 0.])
    """
    array = column("y", y)
    wrong = ~np.isin(array, (0, 1))
    if wrong.any():
        raise ValueError(
            f"y must be 0 or 1, got {array[wrong][0]:g} in row {int(wrong.argmax())}; for counts use y > 0."
        )
    if both and array.min() == array.max():
        raise ValueError(f"y has one class only: all {array.size} rows are {array[0]:g}, the metric is undefined.")
    return array


def inside(name: str, value: float, low: float, high: float) -> float:
    """`value` if it lies in (`low`, `high`).

    Parameters
    ----------
    name
        What the message calls it.
    value, low, high
        A number and its bounds, neither allowed.

    Returns
    -------
    value
        As given.

    Raises
    ------
    ValueError
        It does not.

    Examples
    --------
    >>> inside("share", 0.05, 0, 1)
    0.05
    """
    if not low < value < high:
        raise ValueError(f"{name} must be in ({low:g}, {high:g}), got {value:g}.")
    return float(value)
