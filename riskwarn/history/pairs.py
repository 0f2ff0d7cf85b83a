"""Pairs of events that follow one another, and intervals joined where they overlap."""

import numpy as np

from riskwarn.history.facts import Facts

_ROOM = 2**62


def _named(rows: Facts, by: tuple[str, ...]) -> np.ndarray:
    named = np.ones(len(rows), dtype=bool)
    for column in by:
        named &= getattr(rows, column) >= 0
    return named


def pairs_within(
    after: Facts, after_at: np.ndarray, before: Facts, before_at: np.ndarray, by: tuple[str, ...], reach: int
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of `after` and `before` of one grid and one `by`, the first at most `reach` µs later than the second and not together."""
    rows = [np.flatnonzero(_named(facts, by)) for facts in (after, before)]
    at_after, at_before = after_at[rows[0]], before_at[rows[1]]
    # instants as ranks make one number with the group: a range of it is a range of time within the group
    instant = np.sort(at_before)
    wide = len(instant) + 1
    key_after, key_before = _keys(after[rows[0]], before[rows[1]], by, wide)
    line = key_before * wide + np.searchsorted(instant, at_before)
    order = np.argsort(line, kind="stable")
    line = line[order]
    low = np.searchsorted(line, key_after * wide + np.searchsorted(instant, at_after - reach), "left")
    high = np.searchsorted(line, key_after * wide + np.searchsorted(instant, at_after), "left")
    size = np.maximum(high - low, 0)
    second = np.repeat(np.arange(len(at_after)), size)
    first = np.arange(len(second)) - np.repeat(np.cumsum(size) - size, size) + low[second]
    return rows[0][second], rows[1][order[first]]


def _keys(after: Facts, before: Facts, by: tuple[str, ...], times: int) -> tuple[np.ndarray, np.ndarray]:
    """One number for each grid and `by`, the same for rows of both; `times` as many have room in 64 bits."""
    key, most = np.zeros(len(after) + len(before), np.int64), 1
    for column in ("grid", *by):
        codes = np.concatenate([getattr(rows, column) for rows in (after, before)]).astype(np.int64)
        wide = int(codes.max(initial=0)) + 1
        if most * wide * times > _ROOM:  # as many as there are rows at most, where they are counted off
            distinct, key = np.unique(key, return_inverse=True)
            most = len(distinct)
        key, most = key * wide + codes, most * wide
    return key[: len(after)], key[len(after) :]


def union(
    of: np.ndarray, grid: np.ndarray, start: np.ndarray, end: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Intervals joined where those of one fact overlap, sorted by grid.

    Parameters
    ----------
    of
        (n,) number of the fact each interval belongs to.
    grid
        (n,) its grid.
    start, end
        (n,) the interval, µs; empty ones fall out.

    Returns
    -------
    grid, start, end
        (m,) each.

    Examples
    --------
    >>> union(np.array([0, 0, 1]), np.array([7, 7, 3]), np.array([0, 5, 2]), np.array([6, 9, 4]))
    (array([3, 7]), array([2, 0]), array([4, 9]))
    """
    live = np.flatnonzero(start < end)
    of, grid, start, end = of[live], grid[live], start[live], end[live]
    if len(of) == 0:
        return grid, start, end
    order = np.lexsort((start, of))
    of, grid, start, end = of[order], grid[order], start[order], end[order]
    # intervals of one fact in the order of their beginnings: a new one begins where the latest end so far lies before it
    latest = end.copy()
    first = np.r_[True, of[1:] != of[:-1]]
    block = np.cumsum(first)
    latest = _running_max(latest, block)
    fresh = first | np.r_[True, start[1:] > latest[:-1]]
    begins = np.flatnonzero(fresh)
    ends = np.r_[begins[1:] - 1, len(of) - 1]
    grid, start, end = grid[begins], start[begins], latest[ends]
    by_grid = np.argsort(grid, kind="stable")
    return grid[by_grid], start[by_grid], end[by_grid]


def _running_max(values: np.ndarray, block: np.ndarray) -> np.ndarray:
    """Largest value so far within each block."""
    # ranks stay below `wide`, so a block never reaches into the next and one accumulate serves them all
    rank = np.unique(values, return_inverse=True)[1]
    wide = len(values) + 1
    best = np.maximum.accumulate(block.astype(np.int64) * wide + rank) - block.astype(np.int64) * wide
    return np.sort(np.unique(values))[best]
