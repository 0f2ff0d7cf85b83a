"""Places drawn at random from those not listed: what visits find there is not only what the model expected, and the data stay honest."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from riskwarn.calling import checked


@checked
def drawn(grid_ids: Iterable[str], n: int, as_of: pd.Timestamp) -> tuple[list[str], float]:
    """So many of the grids, each as likely as any other, and the propensity of each.

    Parameters
    ----------
    grid_ids
        Grids that are not listed; their order does not matter.
    n
        How many to draw.
    as_of
        The night: it is the seed, so a night made again draws the same.

    Returns
    -------
    drawn, propensity
        In the order of ids, and the chance, in [0, 1], that each grid had to be drawn.

    Examples
    --------
    >>> night = pd.Timestamp("2025-01-06", tz="UTC")
    >>> drawn(["c", "a", "b", "d"], 2, night) == drawn(["a", "b", "c", "d"], 2, night)
    True
    >>> drawn(["a", "b", "c", "d"], 2, night)[1]
    0.5
    """
    pool = sorted(set(grid_ids))
    n = min(n, len(pool))
    if n == 0:
        return [], 0.0
    chance = np.random.default_rng(int(as_of.timestamp()))
    chosen = np.sort(chance.choice(len(pool), size=n, replace=False))
    return [pool[i] for i in chosen], n / len(pool)
