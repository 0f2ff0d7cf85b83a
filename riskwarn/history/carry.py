"""Where the records of each grid id go: splits and merges of grids, followed to today's."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import sparse

from riskwarn.history.facts import constant

_LEAST_SHARE = 1e-9


@dataclass(frozen=True, eq=False)
class Carry:
    """Where the records of each grid id go: the grid itself, or those that took over from it, with their shares."""

    first: np.ndarray
    grid: np.ndarray
    weight: np.ndarray

    @classmethod
    def of(cls, written: np.ndarray, grid_ids: np.ndarray, crosswalk: pd.DataFrame | None) -> "Carry":
        """The way of each id in `written` to `grid_ids`; what leads nowhere stays unplaced.

        Parameters
        ----------
        written
            Grid ids as records write them, each once.
        grid_ids
            (n_grids,) ids of the grids that hold.
        crosswalk
            Table `crosswalk`, where there is one.

        Returns
        -------
        carry
            By the number of each written id.
        """
        place = {str(g): i for i, g in enumerate(grid_ids)}
        heirs: dict[str, list[tuple[str, float]]] = {}
        if crosswalk is not None and len(crosswalk):
            for old, new, share in zip(
                crosswalk["from_grid_id"], crosswalk["to_grid_id"], crosswalk["weight"], strict=True
            ):
                heirs.setdefault(str(old), []).append((str(new), float(share)))
        ways = [_way(str(word), place, heirs) for word in written]
        count = np.array([len(way) for way in ways], dtype=np.int64)
        flat = [step for way in ways for step in way]
        return cls(
            np.r_[0, np.cumsum(count)],
            np.array([g for g, _ in flat], dtype=np.int32),
            np.array([w for _, w in flat], dtype=np.float32),
        )

    def rows(self, code: np.ndarray) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
        """For each record its row (repeated where its grid was split; None where every row is kept once), grid and share.

        Parameters
        ----------
        code
            (n,) number of the written id of each record.

        Returns
        -------
        row, grid, share
            (m,) each; shares in (0, 1].
        """
        count = np.diff(self.first)
        if len(count) and (count == 1).all():
            whole = bool((self.weight >= 1).all())
            return None, self.grid[code], constant(1, len(code), np.float32) if whole else self.weight[code]
        times = count[code] if len(count) else np.zeros(0, np.int64)
        row = np.repeat(np.arange(len(code)), times)
        at = np.arange(len(row)) - np.repeat(np.cumsum(times) - times, times) + self.first[:-1][code[row]]
        return row, self.grid[at], self.weight[at]

    def matrix(self, n_grids: int) -> sparse.csr_matrix:
        """(n_grids, n_codes) share of each written id that lies in each grid.

        Parameters
        ----------
        n_grids
            Of the city.

        Returns
        -------
        shares
            Sparse, in (0, 1].
        """
        return sparse.csr_matrix(
            (self.weight.astype(float), self.grid.astype(np.int64), self.first), shape=(len(self.first) - 1, n_grids)
        ).T.tocsr()

    @cached_property
    def largest(self) -> np.ndarray:
        """(n_codes,) grid with the largest share of each written id, the first of two as large; -1 for none."""
        code = np.repeat(np.arange(len(self.first) - 1), np.diff(self.first))
        order = np.lexsort((-self.grid, self.weight))
        best = np.full(len(self.first) - 1, -1, dtype=np.int64)
        best[code[order]] = self.grid[order]
        return best


def _way(word: str, place: Mapping[str, int], heirs: Mapping[str, list[tuple[str, float]]]) -> list[tuple[int, float]]:
    """Grids and shares a grid id leads to, following splits and merges; a circle ends where it closes."""
    shares: dict[int, float] = {}
    ahead = [(word, 1.0, frozenset([word]))]
    while ahead:
        here, share, seen = ahead.pop()
        if here in place:
            shares[place[here]] = shares.get(place[here], 0.0) + share
            continue
        ahead += [(new, share * part, seen | {new}) for new, part in heirs.get(here, []) if new not in seen]
    return [(g, w) for g, w in sorted(shares.items()) if w > _LEAST_SHARE]
