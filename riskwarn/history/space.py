"""What lies around, what is told of the grid itself, and what moves with the date alone."""

from functools import cached_property

import numpy as np
import pandas as pd
from scipy import sparse

from riskwarn.errors import DefinitionError
from riskwarn.history import kernel
from riskwarn.history.planes import Planes


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
        member, parent = self._parents(level)
        held = np.isfinite(values)
        total = member @ np.where(held, values, 0)
        number = np.maximum(member @ held.astype(np.float32), 1) if mean else np.ones_like(total)
        spread = np.where(member @ held.astype(np.float32) > 0, total / number, np.nan)
        return np.asarray(spread[parent], dtype=np.float32)

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

    def _parents(self, level: str) -> tuple[sparse.csr_matrix, np.ndarray]:
        return (
            self._by_parent[level]
            if level in self._by_parent
            else self._by_parent.setdefault(level, self._members(level))
        )

    @cached_property
    def _by_parent(self) -> dict[str, tuple[sparse.csr_matrix, np.ndarray]]:
        return {}

    def _members(self, level: str) -> tuple[sparse.csr_matrix, np.ndarray]:
        column = self.history.grids.get(level)
        if column is None or column.isna().all():
            raise DefinitionError(f"the grids have no {level!r}; leave the feature out, or give the parents.")
        alone = "\0" + self.history.grids["grid_id"].astype(str)
        parent = pd.factorize(column.where(column.notna(), alone))[0]
        member = sparse.csr_matrix((np.ones(len(parent), np.float32), (parent, np.arange(len(parent)))))
        return member, parent
