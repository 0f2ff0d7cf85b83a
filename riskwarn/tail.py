"""How often the small chances of a law came true, and what a chance of it is worth then.

A law that says one in a thousand may be right three times in a thousand where counts are wilder than it knows, or once in three thousand where
they are whole and few. Asked of weeks that are over, its chances say which: below :data:`LIMIT` so many of them came, and they
thinned out so fast. Both are sums, so a tail of two parts of a city is the sum of theirs.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

LIMIT, TOLD_TO = 0.02, 1e-4
"""Chances below the first make the tail; how fast they thin out is told down to the second, so that one wild record does not set it."""
PRIOR = 20.0
"""So many chances below the limit weigh as much as the word of the law itself."""
_MOST, _LEAST = 0.5, 1e-300


@dataclass(frozen=True)
class Tail:
    """Sums over chances that a law gave to what happened: how many there were, how many lay below :data:`LIMIT`, how many of these were told exactly, and how far down they lay.

    Parameters
    ----------
    n
        Chances in all.
    below
        Those below the limit, 0.02 of them by the law's word.
    exact
        Of these, those above :data:`TOLD_TO`.
    depth
        Sum of ``log(limit / p)`` over those below the limit, each cut off at :data:`TOLD_TO`.

    Examples
    --------
    Of a thousand chances five times as many lay below the limit as were due, so a chance of 0.01 is worth more:

    >>> tail = Tail.of(np.r_[np.full(100, 0.01), np.full(900, 0.5)])
    >>> tail.n, tail.below
    (1000, 100)
    >>> tail.worth(np.array([0.01])).round(3)
    array([0.024])

    Without a past the law's word stands:

    >>> Tail().worth(np.array([0.001, 0.3])).round(6)
    array([0.001, 0.3  ])
    """

    n: int = 0
    below: int = 0
    exact: int = 0
    depth: float = 0.0

    @classmethod
    def of(cls, p: ArrayLike) -> "Tail":
        """The tail of some chances.

        Parameters
        ----------
        p
            (n,) each in [0, 1]; missing ones say nothing.

        Returns
        -------
        tail
            Their sums.
        """
        chances = np.asarray(p, dtype=float)
        low = chances[chances < LIMIT]
        depth = np.log(LIMIT / np.maximum(low, TOLD_TO)).sum()
        return cls(int((~np.isnan(chances)).sum()), len(low), int((low > TOLD_TO).sum()), float(depth))

    def __add__(self, other: "Tail") -> "Tail":
        """The tail of both together."""
        return Tail(self.n + other.n, self.below + other.below, self.exact + other.exact, self.depth + other.depth)

    @property
    def share(self) -> float:
        """Share of chances below the limit, drawn towards the limit itself."""
        return min(LIMIT * (self.below + PRIOR) / (self.n * LIMIT + PRIOR), _MOST)

    @property
    def pace(self) -> float:
        """How fast they thin out below it, drawn towards 1, the law's own: ``share * (p / limit) ** pace`` lie below `p`."""
        return (self.exact + PRIOR) / (self.depth + PRIOR)

    def worth(self, p: np.ndarray) -> np.ndarray:
        """How often a chance so small comes: a power of it below the limit, another above, which meet at :attr:`share`.

        Parameters
        ----------
        p
            (n,) chances by the law, in [0, 1].

        Returns
        -------
        worth
            (n,) in [0, 1].
        """
        chances = np.maximum(p, _LEAST)
        above = np.log(self.share) / np.log(LIMIT)
        return np.asarray(np.where(chances < LIMIT, self.share * (chances / LIMIT) ** self.pace, chances**above))
