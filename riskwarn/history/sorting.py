"""Rows brought into the order facts promise: by source, category and grid, those of one grid as they came.

First by source and category, then by grid within each: no pass jumps about in more memory than one source and category takes, so
the cost of a row stays the same however many there are.
"""

import ctypes

import numpy as np

from riskwarn.history import kernel
from riskwarn.history.facts import Facts

_DIGIT_BITS = 16


def in_order(facts: Facts, n_grids: int) -> Facts:
    """The rows in their order; rows that are in order already are left where they are.

    Parameters
    ----------
    facts
        Rows in any order.
    n_grids
        Of the history.

    Returns
    -------
    facts
        The same rows.
    """
    kind = facts.source * np.int32(len(facts.words["category"])) + facts.category
    library = kernel.compiled()
    if library is None:
        key = kind.astype(np.int64) * max(n_grids, 1) + facts.grid
        return facts if bool((key[1:] >= key[:-1]).all()) else facts[radix_order(key)]
    if library.rw_ordered(ctypes.c_int64(len(facts)), _address(kind), _address(_int32(facts.grid))):
        return facts
    return _moved(library, facts, kind, n_grids)


def _moved(library: ctypes.CDLL, facts: Facts, kind: np.ndarray, n_grids: int) -> Facts:
    n, n_kinds = len(facts), int(kind.max()) + 1
    everything, first = np.array([0, n]), np.empty(n_kinds + 1, np.int64)
    library.rw_starts(ctypes.c_int64(n), _address(kind), ctypes.c_int64(n_kinds), _address(first))

    def moved(column: np.ndarray, part: np.ndarray, key: np.ndarray, n_keys: int, out: np.ndarray) -> np.ndarray:
        kernel.check(
            library.rw_sorted(
                ctypes.c_int64(len(part) - 1),
                _address(part),
                _address(key),
                ctypes.c_int64(n_keys),
                ctypes.c_int64(column.itemsize),
                _address(column),
                _address(out),
            )
        )
        return out

    half_way = np.empty(n, np.int64)
    grid = moved(_int32(facts.grid), everything, kind, n_kinds, np.empty(n, np.int32))

    def both(column: np.ndarray) -> np.ndarray:
        contiguous = np.ascontiguousarray(column)
        by_kind = moved(contiguous, everything, kind, n_kinds, half_way.view(contiguous.dtype)[:n])
        return moved(by_kind, first, grid, n_grids, np.empty(n, contiguous.dtype))

    source, category = np.divmod(np.arange(n_kinds, dtype=np.int32), np.int32(len(facts.words["category"])))
    size = np.diff(first)
    return facts.each(
        both,
        n,
        grid=moved(grid, first, grid, n_grids, np.empty(n, np.int32)),
        source=np.repeat(source.astype(facts.source.dtype), size),
        category=np.repeat(category.astype(facts.category.dtype), size),
    )


def radix_order(key: np.ndarray) -> np.ndarray:
    """The stable order of non-negative integers: one pass of numpy's radix sort for each 16 bits.

    Parameters
    ----------
    key
        (n,) integers, at least 0.

    Returns
    -------
    order
        (n,) row numbers.

    Examples
    --------
    >>> radix_order(np.array([70000, 3, 70000, 1])).tolist()
    [3, 1, 0, 2]
    """
    # least digit first, each pass stable: after the last the order is that of the whole key (Knuth, TAOCP 3, 5.2.5)
    order = np.argsort((key & 0xFFFF).astype(np.uint16), kind="stable")
    shift, top = _DIGIT_BITS, int(key.max(initial=0))
    while top >> shift:
        digit = ((key >> shift) & 0xFFFF).astype(np.uint16)
        order = order[np.argsort(digit[order], kind="stable")]
        shift += _DIGIT_BITS
    return order


def _int32(column: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(column, dtype=np.int32)


def _address(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)
