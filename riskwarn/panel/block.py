"""The matrix of many dates in bounded memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.errors import DefinitionError
from riskwarn.feature import Feature
from riskwarn.feature.base import furthest
from riskwarn.history import History
from riskwarn.panel.build import fill

BLOCK_BYTES = 192 * 2**20
"""Values worked on together when dates are streamed."""


@dataclass(frozen=True, eq=False)
class Block:
    """A part of a panel as a matrix.

    Parameters
    ----------
    grids
        Row numbers of its grids among the history's, of `n_grids`.
    dates
        Its dates on the city's clock.
    matrix
        (n_features, n_grids, n_dates) float32, the same memory each time: copy what you keep.
    """

    grids: slice
    dates: pd.DatetimeIndex
    matrix: np.ndarray


@checked
def blocks(
    history: History,
    features: Sequence[Feature],
    dates: Sequence[object],
    *,
    n_grids: int | None = None,
    n_dates: int | None = None,
) -> Iterator[Block]:
    """The matrix of many dates in bounded memory, a block at a time.

    Some grids at all dates where no feature looks further than to the neighbours, so that each record is looked at once; all grids
    at some dates where one looks at a parent or the city.

    Parameters
    ----------
    history, features, dates
        What is computed; dates increasing.
    n_grids, n_dates
        Grids, or dates, at a time; as many as fit in 192 MB by default.

    Yields
    ------
    block
        :class:`Block`; its matrix is overwritten by the next.

    Raises
    ------
    DefinitionError
        Some grids were asked for, and a feature looks at a parent or the city.
    """
    wide = [f.name for f in features if furthest(f) not in {"own", "near"}]
    if n_grids and wide:
        raise DefinitionError(f"blocks of grids cannot hold {wide[0]!r}, which looks at all grids; ask for n_dates.")
    cell = 4 * max(len(features), 1)
    if wide or n_dates:
        size = n_dates or max(BLOCK_BYTES // (cell * max(len(history.grids), 1)), 1)
        parts = [(slice(0, len(history.grids)), dates[a : a + size]) for a in range(0, len(dates), size)]
    else:
        size = n_grids or max(BLOCK_BYTES // (cell * max(len(dates), 1)), 1)
        parts = [(slice(a, min(a + size, len(history.grids))), dates) for a in range(0, len(history.grids), size)]
    yield from _matrices(history, features, parts)


def _matrices(
    history: History, features: Sequence[Feature], parts: Sequence[tuple[slice, Sequence[object]]]
) -> Iterator[Block]:
    most = max(((p.stop - p.start) * len(dates) for p, dates in parts), default=0)
    room = np.empty(len(features) * most, np.float32)
    for grids, dates in parts:
        whole = grids == slice(0, len(history.grids))
        part_history = history if whole else history.part(np.arange(grids.start, grids.stop))
        snapshot = part_history.at(dates)
        shape = (len(features), *snapshot.shape)
        matrix = room[: int(np.prod(shape))].reshape(shape)
        yield Block(grids, snapshot.local, fill(snapshot, features, matrix))
