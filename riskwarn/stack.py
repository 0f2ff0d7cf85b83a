"""How to join several log rates into one: shares that are not negative, chosen on dates that trained none of them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.metrics.array import WHOLE

_SHARES = (0.05, 0.10)

STRENGTH = 10.0
"""How strongly shares are held to what they fall back to: their prior has a standard deviation of ``(2 * STRENGTH) ** -0.5``, 0.22."""


@checked
def stack(
    rates: np.ndarray, y: np.ndarray, dates: pd.Series | np.ndarray, *, rivals: Sequence[int] = (), overlap: float = 1.0
) -> np.ndarray:
    """Shares of `rates` in the joint log rate.

    Maximum likelihood of which grids the events of a date fell in, given their number: a multinomial within dates, so that how busy a
    date was tells nothing and events weigh alike, as in a capture. Weights are not negative and are held by a Gaussian prior to the
    rival that captured most alone, in the first 5 and 10 % of the grids; without rivals, to the mean of all. The prior fades as
    events come in: with few the joint rate is the rival, or the mean, with many what predicts best.

    It is stacking (Wolpert 1992, Neural Networks 5, 241–259) with weights that are not negative, which Breiman (1996, Machine Learning
    24, 49–64) showed to be what makes it work; he fits squares, here events are placed, since a list is judged by where they fall.

    Parameters
    ----------
    rates
        (n, m) log rates of rows that trained none of them.
    y
        (n,) counts.
    dates
        (n,) the date of each row.
    rivals
        Columns of `rates` to fall back to.
    overlap
        How many rows count the same event, at least 1.

    Returns
    -------
    shares
        (m,) not negative, sum 1; alike where nothing predicts.

    Examples
    --------
    >>> useless, useful = np.tile([0.0, 0.0, 1.0, 1.0], 50), np.tile([0.0, 3.0, 0.0, 3.0], 50)
    >>> y, dates = np.tile([2.0, 30.0, 1.0, 20.0], 50), np.repeat(np.arange(50), 4)
    >>> stack(np.column_stack([useless, useful]), y, dates).round(2).tolist()
    [0.0, 1.0]
    """
    codes, uniques = pd.factorize(dates)
    centred = rates - rates.mean(axis=0)
    task = (y, codes, len(uniques))
    if len(rivals):
        nights = [np.flatnonzero(codes == code) for code in np.unique(codes[y > 0])]
        best = max(rivals, key=lambda j: _captured(rates[:, j], y, nights))
        fallback = np.eye(rates.shape[1])[best]
    else:
        fallback = np.full(rates.shape[1], 1 / rates.shape[1])
    alone = _weights((centred @ fallback)[:, None], *task, centre=np.zeros(1), strength=0.0)
    weights = _weights(centred, *task, centre=alone * fallback, strength=STRENGTH * max(overlap, 1.0))
    total = weights.sum()
    return weights / total if total > 1e-9 else fallback


def _captured(rate: np.ndarray, y: np.ndarray, dates: Sequence[np.ndarray]) -> float:
    """Events in the first 5 and in the first 10 % of the grids of each date, together; grids that tie share their room.

    It is :func:`riskwarn.metrics.capture` with ``ties="mean"``, times the events, for many dates at once.
    """
    return sum(_caught(rate[at], y[at], share) for at in dates for share in _SHARES)


def _caught(rate: np.ndarray, y: np.ndarray, share: float) -> float:
    room = int(np.ceil(share * len(rate) - WHOLE))
    least = np.partition(rate, -room)[-room]
    above, alike = rate > least, rate == least
    return float(y[above].sum() + y[alike].mean() * (room - above.sum()))


def _weights(
    rates: np.ndarray, y: np.ndarray, codes: np.ndarray, n_dates: int, *, centre: np.ndarray, strength: float
) -> np.ndarray:
    from scipy.optimize import minimize  # noqa: PLC0415

    n_events = max(float(y.sum()), 1.0)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = _loss(weights, rates, y, codes, n_dates)
        away = weights - centre
        return (value + strength * away @ away) / n_events, (slope + 2 * strength * away) / n_events

    start = np.maximum(centre, 1 / len(centre))
    return np.asarray(minimize(loss, start, jac=True, bounds=[(0, None)] * len(start), method="L-BFGS-B").x)


def _loss(
    weights: np.ndarray, rates: np.ndarray, y: np.ndarray, codes: np.ndarray, n_dates: int
) -> tuple[float, np.ndarray]:
    """Negative log likelihood of the places of the events, given their number a date, and its slope.

    Poisson counts given their sum are multinomial with chances ``exp(joint) / sum exp(joint)``, so the level of a date falls out.
    """
    joint = rates @ weights
    highest = np.full(n_dates, -np.inf)
    np.maximum.at(highest, codes, joint)
    # the largest is taken out of each date's sum, or a rate of e^710 would be infinite
    raised = np.exp(joint - highest[codes])
    whole = np.bincount(codes, raised, n_dates)
    events = np.bincount(codes, y, n_dates)
    value = (events * (np.log(whole) + highest)).sum() - (y * joint).sum()
    return float(value), rates.T @ (events[codes] * raised / whole[codes] - y)
