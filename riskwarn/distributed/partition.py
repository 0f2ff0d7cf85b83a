"""Which grids are worked on together: blocks that lie together on the map and are about as much work as each other."""

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse import csgraph

from riskwarn.calling import checked

BITS = 16
"""Of each coordinate, along the curve: a country of 4,000 km is told apart to 60 m."""


@checked
def hilbert(x: np.ndarray, y: np.ndarray, *, bits: int = BITS) -> np.ndarray:
    """How far along Hilbert's curve points lie: what is near on the curve is near on the map.

    Parameters
    ----------
    x, y
        (n,) coordinates of one unit; the curve fills the square around them.
    bits
        How finely it is drawn: the square is ``2 ** bits`` steps wide.

    Returns
    -------
    distance
        (n,) int64, from 0 to below ``4 ** bits``.

    References
    ----------
    Hilbert (1891), Mathematische Annalen 38, 459-460; the loop over bits is Hamilton's (2006), Dalhousie CS-2006-07.

    Examples
    --------
    >>> hilbert(np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.0, 1.0, 1.0, 0.0]), bits=1).tolist()
    [0, 1, 2, 3]
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    side = 1 << bits
    width = max(np.ptp(x), np.ptp(y)) if len(x) else 0.0
    scale = (side - 1) / width if width > 0 else 0.0
    right, up = (((v - v.min()) * scale).round().astype(np.int64) if len(v) else np.zeros(0, np.int64) for v in (x, y))
    distance = np.zeros(len(x), np.int64)
    step = side >> 1
    while step:
        in_right, in_up = (right & step) > 0, (up & step) > 0
        distance += step * step * ((3 * in_right) ^ in_up)
        turned = in_right & ~in_up
        right, up = np.where(turned, side - 1 - right, right), np.where(turned, side - 1 - up, up)
        right, up = np.where(in_up, right, up), np.where(in_up, up, right)
        step >>= 1
    return distance


@checked
def blocks_of(grids: pd.DataFrame, links: sparse.spmatrix, work: np.ndarray, n_blocks: int) -> list[np.ndarray]:
    """The grids in blocks, cut along Hilbert's curve where a block has had its share of the work.

    So a dense quarter is cut into more blocks than an empty county. Where grids have no centres, they are taken in an order in which
    neighbours come soon after each other (reverse Cuthill-McKee).

    Parameters
    ----------
    grids
        Table `grids`, one row a grid.
    links
        (n, n) which lie beside each other.
    work
        (n,) how much work each is, above 0.
    n_blocks
        Most blocks; fewer where one grid alone is the work of several.

    Returns
    -------
    blocks
        Of each the row numbers of its grids, rising; every grid is in one.

    Examples
    --------
    >>> row = pd.DataFrame({"grid_id": [*"ABCD"], "x_km": [0.0, 3.0, 1.0, 2.0], "y_km": 0.0})
    >>> [block.tolist() for block in blocks_of(row, sparse.csr_matrix((4, 4)), np.ones(4), 2)]
    [[0, 2], [1, 3]]
    """
    order = _order(grids, links)
    done = np.cumsum(work[order], dtype=float)
    middle = done - work[order] / 2
    number = np.minimum((middle / done[-1] * n_blocks).astype(np.int64), n_blocks - 1) if len(order) else order
    return [np.sort(order[number == b]) for b in np.unique(number)]


def _order(grids: pd.DataFrame, links: sparse.spmatrix) -> np.ndarray:
    if {"x_km", "y_km"} <= set(grids) and bool(grids[["x_km", "y_km"]].notna().all().all()):
        x, y = (grids[c].to_numpy(dtype=float) for c in ("x_km", "y_km"))
        return np.argsort(hilbert(x, y), kind="stable")
    if links.nnz:
        return np.asarray(csgraph.reverse_cuthill_mckee(sparse.csr_matrix(links), symmetric_mode=True), dtype=np.int64)
    return np.arange(len(grids))
