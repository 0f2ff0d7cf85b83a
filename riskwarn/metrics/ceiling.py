"""The ceiling: how much of the events a list could catch if the true rates were known, so that chance is not held against a model."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from riskwarn.calling import checked
from riskwarn.metrics.array import column, counts, inside
from riskwarn.metrics.listing import Budget, listed

_CELLS_AT_ONCE = 2_000_000


@dataclass(frozen=True)
class Ceiling:
    """What perfect knowledge of the rates would catch.

    Attributes
    ----------
    capture, capture_low, capture_high
        Mean capture over the simulated futures, and the bounds of the central `level` of them; in [0, 1].
    pei
        Mean share of the hindsight list's events; what is missing to 1 is pure chance.
    n_draws
        Futures with at least one event, on which the means rest.
    """

    capture: float
    capture_low: float
    capture_high: float
    pei: float
    n_draws: int


@checked
def attainable_capture(
    expected: ArrayLike,
    area: ArrayLike | None = None,
    *,
    rng: np.random.Generator,
    share: float = 0.05,
    k: int | None = None,
    budget: Budget = "grids",
    dispersion: float = 0.0,
    n_draws: int = 500,
    level: float = 0.9,
) -> Ceiling:
    """Capture of the list made from the rates themselves, by simulating the counts they lead to.

    Events per grid are drawn from a Poisson law with mean `expected`, or with `dispersion` from a negative binomial one. The list
    is that of the grids with the highest expected count (per area, if area is the budget). A model's capture over this mean is its
    share of the attainable. If `expected` are a model's own rates the ceiling is as good as the model: too low where it
    smooths too much, too high where it has learnt noise.

    Parameters
    ----------
    expected
        (n,) Expected events per grid within the horizon, at least 0, not all 0.
    area, share, k, budget
        As in `capture`.
    rng
        Source of the draws; the same generator state gives the same ceiling.
    dispersion
        alpha in Var = mu + alpha mu², at least 0.
    n_draws
        Simulated futures.
    level
        Share of the futures between the bounds, in (0, 1).

    Returns
    -------
    ceiling
        `Ceiling`. Futures without any event have no capture and are left out.

    Raises
    ------
    ValueError
        All rates are 0, no future has an event, or an input is out of range.

    Examples
    --------
    >>> ceiling = attainable_capture([6.0, 2, 1, 1], share=0.25, rng=np.random.default_rng(1), n_draws=4000)
    >>> round(ceiling.capture, 1), round(ceiling.pei, 2)
    (0.6, 0.98)
    """
    rate = counts("expected", expected)
    inside("level", level, 0, 1)
    if rate.sum() == 0 or dispersion < 0 or n_draws < 1:
        raise ValueError(
            f"expected must not be all 0, dispersion at least 0 and n_draws at least 1; "
            f"got sum {rate.sum():g}, {dispersion:g} and {n_draws}."
        )
    size = np.ones_like(rate) if budget == "grids" or area is None else column("area", area, low=0)
    density = np.divide(rate, size, out=np.where(rate > 0, np.finfo(float).max, 0.0), where=size > 0)
    weight = listed(rate, density, area, share=share, k=k, budget=budget, ties="mean")
    parts = np.diff(np.linspace(0, n_draws, -(-n_draws * len(rate) // _CELLS_AT_ONCE) + 1).astype(int))
    shares = np.concatenate([_futures(rate, size, weight, n=n, dispersion=dispersion, rng=rng) for n in parts], axis=1)
    if shares.size == 0:
        raise ValueError(f"none of {n_draws} futures has an event (expected {rate.sum():g} in all): raise n_draws.")
    low, high = np.quantile(shares[0], [(1 - level) / 2, (1 + level) / 2])
    return Ceiling(float(shares[0].mean()), float(low), float(high), float(shares[1].mean()), shares.shape[1])


def _futures(
    rate: np.ndarray, size: np.ndarray, weight: np.ndarray, *, n: int, dispersion: float, rng: np.random.Generator
) -> np.ndarray:
    """(2, futures) Capture and PEI of the list `weight` in `n` simulated futures, without those that have no event."""
    mean = np.broadcast_to(rate, (n, len(rate)))
    if dispersion > 0:
        mean = rng.gamma(1 / dispersion, dispersion * mean)
    y = rng.poisson(mean).astype(float)
    y = y[y.any(axis=1)]
    caught, best = y @ weight, _hindsight_events(y, size, float(size @ weight))
    return np.stack([caught / y.sum(axis=1), caught / best])


def _hindsight_events(y: np.ndarray, size: np.ndarray, room: float) -> np.ndarray:
    """(futures,) Most events that fit into `room`, the last grid pro rata."""
    density = np.divide(y, size, out=np.where(y > 0, np.inf, 0.0), where=size > 0)
    rows = np.argsort(-density, axis=1)
    sizes, listed_events = size[rows], np.take_along_axis(y, rows, axis=1)
    before = np.cumsum(sizes, axis=1) - sizes
    part = np.divide(room - before, sizes, out=(before < room).astype(float), where=sizes > 0).clip(0, 1)
    return (listed_events * part).sum(axis=1)
