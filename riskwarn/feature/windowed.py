"""Features of one stream, and of its last days."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from riskwarn.declaring import Days
from riskwarn.feature.base import Feature
from riskwarn.history import AnyStream, Stream

WEEK = 7
"""Days."""
NORMAL_WEEKS = 15
"""The habit of the field: what is normal is the mean of the fifteen weeks before."""


@dataclass(frozen=True)
class Streamed(Feature):
    """A feature of one stream."""

    stream: AnyStream

    @property
    def family(self) -> str:
        """The stream: its counts over short and long windows tell one thing."""
        return self.stream.name

    @property
    def reads(self) -> tuple[Stream, ...]:
        """The stream."""
        return (self.stream,)


@dataclass(frozen=True)
class Windowed(Streamed):
    """A feature of one stream over the last `days` days."""

    days: Days


def nearest(features: "Sequence[Feature]", days: float, kind: type[Feature]) -> "Feature | None":
    """The feature of a kind whose window is nearest to `days`, on a log scale; None where there is none.

    Parameters
    ----------
    features
        To choose from.
    days
        Wanted window.
    kind
        Class of the feature.

    Returns
    -------
    feature
        The first of equally near ones.

    Examples
    --------
    >>> from riskwarn.feature import Count
    >>> nearest([Count("dispute", days=7), Count("dispute", days=364)], 28, Count).days
    7
    """
    near = [f for f in features if isinstance(f, kind)]
    return min(near, key=lambda f: abs(np.log(f.window / days))) if near else None
