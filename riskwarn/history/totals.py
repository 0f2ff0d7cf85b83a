"""Totals: what the grids of an area add up to, of a parent or of the whole city."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

CITY = "city"
"""The area that holds all grids, beside the levels of parents."""


@dataclass(frozen=True, eq=False)
class Totals:
    """Terms, added up over the grids of each area in double precision: of whole numbers the order of the grids changes nothing.

    Parameters
    ----------
    sums
        (n_terms, n_areas, n_dates) sum over the grids where the term is known.
    numbers
        (n_terms, n_areas, n_dates) how many grids those are.
    area
        (n_grids,) number of the area each grid lies in; none of the city, which is one area.

    Examples
    --------
    >>> totals = Totals(np.array([[[6.0], [0.0]]]), np.array([[[2], [0]]]), np.array([0, 0, 1]))
    >>> totals.spread(totals.means[0]).tolist()
    [[3.0], [3.0], [nan]]
    """

    sums: np.ndarray
    numbers: np.ndarray
    area: np.ndarray | None = None

    @property
    def means(self) -> np.ndarray:
        """(n_terms, n_areas, n_dates) mean over the grids where the term is known; NaN where it is known of none."""
        return np.where(self.numbers > 0, self.sums / np.maximum(self.numbers, 1), np.nan)

    @property
    def known(self) -> np.ndarray:
        """(n_terms, n_areas, n_dates) the sums; NaN where a term is known of no grid."""
        return np.where(self.numbers > 0, self.sums, np.nan)

    def spread(self, values: np.ndarray) -> np.ndarray:
        """One number an area, as each of its grids has it.

        Parameters
        ----------
        values
            (n_areas, n_dates).

        Returns
        -------
        values
            (n_grids, n_dates) float32; (1, n_dates) of the city.
        """
        single = np.asarray(values, dtype=np.float32)
        return single if self.area is None else single[self.area]


def added_up(terms: Sequence[np.ndarray], area: np.ndarray | None, n_areas: int) -> tuple[np.ndarray, np.ndarray]:
    """Sums of terms over the grids of each area, and in how many grids each is known.

    Parameters
    ----------
    terms
        (n_grids, n_dates) each, NaN where unknown.
    area
        (n_grids,) number of the area each grid lies in; none where all lie in one.
    n_areas
        How many there are.

    Returns
    -------
    sums, numbers
        (n_terms, n_areas, n_dates) float64.

    Examples
    --------
    >>> sums, numbers = added_up([np.array([[1.0], [np.nan], [4.0]])], np.array([0, 0, 1]), 2)
    >>> sums.tolist(), numbers.tolist()
    ([[[1.0], [4.0]]], [[[1.0], [1.0]]])
    """
    parts = [_added_up(np.asarray(values), area, n_areas) for values in terms]
    sums, numbers = (np.stack([part[i] for part in parts]) for i in (0, 1))
    return sums, numbers


def _added_up(values: np.ndarray, area: np.ndarray | None, n_areas: int) -> tuple[np.ndarray, np.ndarray]:
    held = np.isfinite(values)
    whole = bool(held.all())
    known = values if whole else np.where(held, values, 0)
    if area is None:
        return known.sum(axis=0, dtype=float, keepdims=True), held.sum(axis=0, dtype=float, keepdims=True)
    rows = np.arange(len(area))
    member = sparse.csr_matrix((np.ones(len(area)), (area, rows)), shape=(n_areas, len(area)))
    sums = np.asarray(member @ known.astype(float))
    if whole:
        return sums, np.broadcast_to(np.bincount(area, minlength=n_areas).astype(float)[:, None], sums.shape)
    return sums, np.asarray(member @ held.astype(float))
