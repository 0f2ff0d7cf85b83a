"""What lies around, what is told of the grid itself, and what moves with the date alone."""

from collections.abc import Callable, Hashable, Sequence
from functools import cached_property

import numpy as np
import pandas as pd

from riskwarn.errors import DefinitionError
from riskwarn.history import kernel
from riskwarn.history.planes import Planes
from riskwarn.history.totals import CITY, Totals, added_up


class Space(Planes):
    """Neighbours, parents, attributes and calendar of a snapshot."""

    def nearby(self, values: np.ndarray, *, mean: bool = True, out: np.ndarray | None = None) -> np.ndarray:
        """Mean (or sum) of `values`, those of :attr:`around`, over the neighbours of each grid, into `out` if given; zero without any.

        Parameters
        ----------
        values
            (n_grids, n_dates).
        mean
            Mean, or sum.
        out
            (n_grids, n_dates) float32 to write into.

        Returns
        -------
        nearby
            (n_grids, n_dates).
        """
        out = np.empty(self.shape, np.float32) if out is None else out
        kernel.linked(self.history.neighbors(), values, out, mean=mean)
        return out

    def of_parent(self, values: np.ndarray, level: str, *, mean: bool = True) -> np.ndarray:
        """Mean (or sum) of `values` over the grids with the same parent at `level`; a grid without one stands alone.

        Parameters
        ----------
        values
            (n_grids, n_dates), NaN where unknown.
        level
            ``community_id``, ``township_id`` or ``county_id``.
        mean
            Mean, or sum.

        Returns
        -------
        values
            (n_grids, n_dates), the grid itself among the others; NaN where nothing is known of any.

        Raises
        ------
        DefinitionError
            The grids have no such parent.
        """
        totals = self._added_up([values], level)
        return totals.spread((totals.means if mean else totals.known)[0])

    def total(self, of: Hashable, area: str, terms: Callable[[], Sequence[np.ndarray]]) -> Totals:
        """What the grids of each area add up to: worked out once, and known beforehand where this is a part of a city.

        Parameters
        ----------
        of
            Names the terms: equal names, equal terms.
        area
            ``city``, or ``community_id``, ``township_id``, ``county_id``: a grid without such a parent stands alone.
        terms
            Gives them: (n_grids, n_dates) each, of these grids, NaN where unknown.

        Returns
        -------
        totals
            Sums in double precision.

        Raises
        ------
        DefinitionError
            The grids have no such parent.
        """
        key = ("total", of, area)
        if key not in self.kept:
            self.kept[key] = self._added_up(terms(), area)
        return self.kept[key]

    def median(self, of: Hashable, values: Callable[[], np.ndarray]) -> np.ndarray:
        """The median over all grids that have a value: known beforehand where this is a part of a city.

        Parameters
        ----------
        of
            Names the values: equal names, equal values.
        values
            Gives them: (n_grids, n_dates) of these grids, NaN where unknown.

        Returns
        -------
        median
            (1, n_dates) float32, NaN where no grid has a value.
        """
        del of
        return median_of(values())

    def _added_up(self, terms: Sequence[np.ndarray], area: str) -> Totals:
        number, n_areas = (None, 1) if area == CITY else self.areas(area)
        return Totals(*added_up(terms, number, n_areas), number)

    def attribute(self, column: str) -> np.ndarray:
        """A numeric fact of the grid itself, the same at every date.

        Parameters
        ----------
        column
            Column of table `grids`.

        Returns
        -------
        values
            (n_grids, n_dates), NaN where the grid has none.

        Raises
        ------
        DefinitionError
            No grid has it.
        """
        if not self.history.told(column):
            raise DefinitionError(f"the grids have no {column!r}; leave the feature out, or give the column.")
        values = pd.to_numeric(self.history.grids[column]).to_numpy(dtype=np.float32, na_value=np.nan)
        return self.fixed(values)

    def fixed(self, values: np.ndarray) -> np.ndarray:
        """One value a grid, the same at every date.

        Parameters
        ----------
        values
            (n_grids,).

        Returns
        -------
        values
            (n_grids, n_dates), read-only.
        """
        return np.broadcast_to(np.asarray(values, dtype=np.float32)[:, None], self.shape)

    def calendar(self, values: np.ndarray) -> np.ndarray:
        """One value a date, the same in every grid.

        Parameters
        ----------
        values
            (n_dates,).

        Returns
        -------
        values
            (n_grids, n_dates), read-only.
        """
        return np.broadcast_to(np.asarray(values, dtype=np.float32)[None, :], self.shape)

    def places(self, kind: str) -> np.ndarray:
        """(n_grids,) key places of a kind, 0 where a grid lists none, NaN where no grid of the city does.

        Parameters
        ----------
        kind
            As in table `places`.

        Returns
        -------
        n
            (n_grids,) at least 0.
        """
        table = self.history.read("places")
        if kind not in set(table["kind"]):
            return np.full(self.shape[0], np.nan)
        places_of_kind = table[table["kind"] == kind]
        at = pd.Index(self.history.grids["grid_id"]).get_indexer(places_of_kind["grid_id"])
        return np.bincount(at[at >= 0], places_of_kind["n"].to_numpy(dtype=float)[at >= 0], self.shape[0])

    def areas(self, level: str) -> tuple[np.ndarray, int]:
        """Number of the parent each grid lies in at a level, and how many there are; a grid without one stands alone.

        Parameters
        ----------
        level
            ``community_id``, ``township_id`` or ``county_id``.

        Returns
        -------
        area, n_areas
            (n_grids,) from 0 to below `n_areas`.

        Raises
        ------
        DefinitionError
            The grids have no such parent.
        """
        if level not in self._areas:
            self._areas[level] = areas_of(self.history.grids, level)
        return self._areas[level]

    @cached_property
    def _areas(self) -> dict[str, tuple[np.ndarray, int]]:
        return {}


def areas_of(grids: pd.DataFrame, level: str) -> tuple[np.ndarray, int]:
    """Number of the parent of each row of a table of grids at a level, and how many there are.

    Parameters
    ----------
    grids
        Table `grids`, one row a grid.
    level
        Column of it.

    Returns
    -------
    area, n_areas
        In the order in which they come; a grid without a parent stands alone.

    Raises
    ------
    DefinitionError
        No grid has such a parent.

    Examples
    --------
    >>> areas_of(pd.DataFrame({"grid_id": [*"ABC"], "county_id": ["K", None, "K"]}), "county_id")
    (array([0, 1, 0]), 2)
    """
    column = grids.get(level)
    if column is None or column.isna().all():
        raise DefinitionError(f"the grids have no {level!r}; leave the feature out, or give the parents.")
    alone = "\0" + grids["grid_id"].astype(str)
    area, kinds = pd.factorize(column.where(column.notna(), alone))
    return area, len(kinds)


def median_of(values: np.ndarray) -> np.ndarray:
    """(1, n_dates) float32 median over the grids that have a value, of (n_grids, n_dates)."""
    known = np.isfinite(values).any(axis=0)
    median = np.full((1, values.shape[1]), np.nan, np.float32)
    if known.any():
        median[0, known] = np.nanmedian(values[:, known], axis=0)
    return median
