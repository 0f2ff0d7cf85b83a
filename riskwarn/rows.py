"""The rows a model learns from, read a part at a time: of a panel at hand, or of one that lies on disk."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import pandas as pd

KEYS = ("grid_id", "as_of", "y")
"""What is at hand of every row, wherever the rest lies."""
PART_CELLS = 2**20
"""Values looked at together."""


class Source(Protocol):
    """Where the values of rows lie."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of what it holds."""
        ...

    @property
    def at_hand(self) -> bool:
        """Whether it lies in memory."""
        ...

    def take(self, places: np.ndarray | slice, names: Sequence[str]) -> pd.DataFrame:
        """Some columns of some rows.

        Parameters
        ----------
        places
            Numbers of the rows, or a stretch of them.
        names
            Of the columns.

        Returns
        -------
        rows
            In the order of the places.
        """
        ...


@dataclass(frozen=True, eq=False)
class Table:
    """Rows that lie in memory."""

    table: pd.DataFrame

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of its columns."""
        return tuple(map(str, self.table.columns))

    @property
    def at_hand(self) -> bool:
        """It does."""
        return True

    def take(self, places: np.ndarray | slice, names: Sequence[str]) -> pd.DataFrame:
        """As of :class:`Source`.

        Parameters
        ----------
        places, names
            As there.

        Returns
        -------
        rows
            As there.
        """
        return self.table.iloc[places][list(names)]


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of a panel in an order, of which no more than a part need be in memory.

    Parameters
    ----------
    keys
        (n,) `grid_id`, `as_of` and `y` of each, as far as they are known.
    source
        Where all else lies.
    places
        (n,) their numbers there; the same as here where none are given.

    Examples
    --------
    >>> rows = Rows.of(pd.DataFrame({"n": [3.0, 1.0, 2.0], "y": [1, 0, 1]}))
    >>> some = rows[rows.y > 0]
    >>> len(some), some.frame(["n"])["n"].tolist()
    (2, [3.0, 2.0])
    >>> some.each(lambda part: part["n"].to_numpy() * 2, ["n"]).tolist()
    [6.0, 4.0]
    """

    keys: pd.DataFrame
    source: Source
    places: np.ndarray | None = None

    @classmethod
    def of(cls, panel: "pd.DataFrame | Rows") -> "Rows":
        """The rows of a panel at hand; rows are their own.

        Parameters
        ----------
        panel
            A table, or rows.

        Returns
        -------
        rows
            All of them.
        """
        if isinstance(panel, Rows):
            return panel
        return cls(panel[[name for name in KEYS if name in panel]].reset_index(drop=True), Table(panel))

    def __len__(self) -> int:
        """How many."""
        return len(self.keys)

    def __getitem__(self, chosen: np.ndarray) -> "Rows":
        """Those that a mask or numbers choose, in that order."""
        at = np.flatnonzero(chosen) if chosen.dtype == bool else chosen
        if len(at) == len(self) and (at == np.arange(len(at))).all():
            return self
        places = at if self.places is None else self.places[at]
        return Rows(self.keys.iloc[at].reset_index(drop=True), self.source, places)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of what can be read of them."""
        return self.source.columns

    @property
    def at_hand(self) -> bool:
        """Whether all of them lie in memory."""
        return self.source.at_hand

    @cached_property
    def y(self) -> np.ndarray:
        """(n,) their outcomes."""
        return self.keys["y"].to_numpy(dtype=float)

    @property
    def as_of(self) -> pd.Series:
        """(n,) their dates."""
        return self.keys["as_of"]

    def frame(self, names: Sequence[str]) -> pd.DataFrame:
        """Some columns of all of them, at hand.

        Parameters
        ----------
        names
            Of the columns.

        Returns
        -------
        table
            In their order.
        """
        return self._part(0, len(self), names)

    def panel(self, names: Sequence[str] | None = None, first: int = 0, last: int | None = None) -> pd.DataFrame:
        """Some columns of some of them beside their keys, at hand: a panel.

        Parameters
        ----------
        names
            Of the columns; all by default.
        first, last
            A stretch of the rows; all by default.

        Returns
        -------
        panel
            In their order.
        """
        wanted = self.columns if names is None else names
        end = len(self) if last is None else last
        part = self._part(first, end, wanted)
        beside = self.keys[[name for name in self.keys if name not in wanted]].iloc[first:end]
        return pd.concat([beside.set_axis(part.index), part], axis=1)

    def panels(self, names: Sequence[str]) -> Iterator[pd.DataFrame]:
        """The same a part of the rows at a time.

        Parameters
        ----------
        names
            Of the columns.

        Yields
        ------
        part
            The next rows in their order.
        """
        size = max(PART_CELLS // max(len(names), 1), 1)
        for first in range(0, max(len(self), 1), size):
            yield self.panel(names, first, min(first + size, len(self)))

    def parts(self, names: Sequence[str]) -> Iterator[pd.DataFrame]:
        """Some columns, a part of the rows at a time.

        Parameters
        ----------
        names
            Of the columns.

        Yields
        ------
        part
            The next rows in their order; how many hangs on the number of columns alone, not on where they lie.
        """
        size = max(PART_CELLS // max(len(names), 1), 1)
        for first in range(0, max(len(self), 1), size):
            yield self._part(first, min(first + size, len(self)), names)

    def each(self, of: Callable[[pd.DataFrame], np.ndarray], names: Sequence[str]) -> np.ndarray:
        """What a function of each row makes of them, worked out a part at a time.

        Parameters
        ----------
        of
            From some rows to an array of as many.
        names
            Of the columns it reads.

        Returns
        -------
        values
            (n, …) in their order.
        """
        return np.concatenate([of(part) for part in self.parts(names)])

    def matrix(self, names: Sequence[str], first: int = 0, last: int | None = None) -> np.ndarray:
        """Some columns as one float32 matrix.

        Parameters
        ----------
        names
            Of the columns.
        first, last
            A stretch of the rows; all by default.

        Returns
        -------
        values
            (last - first, columns).
        """
        end = len(self) if last is None else last
        values = np.empty((end - first, len(names)), np.float32)
        size = max(PART_CELLS // max(len(names), 1), 1)
        for begin in range(first, end, size):
            until = min(begin + size, end)
            values[begin - first : until - first] = self._part(begin, until, names).to_numpy(dtype=np.float32)
        return values

    def _part(self, first: int, last: int, names: Sequence[str]) -> pd.DataFrame:
        return self.source.take(slice(first, last) if self.places is None else self.places[first:last], names)
