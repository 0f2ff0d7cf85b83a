"""Small counts: how often something happened in an area, for those who are not to learn of one to four.

A count of one to four is hidden, and with it as much of what stands beside it as keeps it from being subtracted: a sum that is shown less
its shown parts is the sum of the hidden ones, so those are always two parts at least, five events at least, and of two branches at least.

::

    county 12 = A hidden (3) + B hidden (2) + C hidden (7)     C goes too: A + B alone would be told to be 5 of two, which is
                                                               enough; were it 4, C would follow
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from riskwarn.access.area import COLUMNS
from riskwarn.calling import checked
from riskwarn.errors import DataError

SMALLEST_SHOWN = 5
"""Counts from here on are shown, and 0."""
CITY_LEVEL = "city"


def is_small(counts: np.ndarray) -> np.ndarray:
    """Which counts are hidden by themselves.

    Parameters
    ----------
    counts
        (n,) How many.

    Returns
    -------
    mask
        (n,) True for 1 to 4.

    Examples
    --------
    >>> is_small(np.array([0, 1, 4, 5]))
    array([False,  True,  True, False])
    """
    return (counts > 0) & (counts < SMALLEST_SHOWN)


@dataclass
class _Level:
    """The areas of one level.

    Attributes
    ----------
    codes
        (n,) Name of each.
    parent
        (n,) Place of the area above it in its level.
    total
        (n,) Its count.
    hidden
        (n,) Whether it is hidden.
    open_sum
        (n,) Events in its hidden parts that no shown area below accounts for.
    """

    name: str
    codes: np.ndarray
    parent: np.ndarray
    total: np.ndarray
    hidden: np.ndarray = field(init=False)
    open_sum: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.hidden = is_small(self.total)
        self.open_sum = np.where(self.hidden, self.total, 0)


@checked
def roll_up(table: pd.DataFrame, counts: str, *, show_small: bool = False) -> pd.DataFrame:
    """Counts of areas on every level, adding up, without small ones and without a way to subtract them.

    Suppress first and filter afterwards: of a table that was filtered before, another sum could be subtracted. Ask for one measure at a
    time: a total over feeds beside the feeds would be one more sum. Of windows that overlap show one.

    Parameters
    ----------
    table
        One row a grid, with `grid_id`, what it lies in (``county_id``, ``township_id``, ``community_id``, as far as they are there), and
        the counts.
    counts
        Column of whole numbers, 0 or more.
    show_small
        Whether all are shown, for those on duty.

    Returns
    -------
    totals
        `level` (``city`` first, ``grid_id`` last), `code`, and `n`, missing where it is hidden. Areas in the order they come.

    Raises
    ------
    DataError
        A count is no whole number of 0 or more, or `grid_id` is missing.

    Examples
    --------
    >>> grids = pd.DataFrame({"township_id": ["T", "T", "T", "U"], "grid_id": list("abcd"), "n": [3, 9, 20, 8]})
    >>> roll_up(grids, "n")["n"].tolist()
    [40, 32, 8, <NA>, <NA>, 20, 8]
    """
    levels = _levels(table, counts)
    if not show_small:
        for above, below in zip(levels[-2::-1], levels[:0:-1], strict=True):
            _close(levels, above, below)
    parts = [
        pd.DataFrame({"level": x.name, "code": x.codes, "n": pd.array(x.total, dtype="Int64")}).assign(
            n=lambda frame, x=x: frame["n"].mask(x.hidden & (not show_small))
        )
        for x in levels
    ]
    return pd.concat(parts, ignore_index=True)


def _levels(table: pd.DataFrame, counts: str) -> list[_Level]:
    if "grid_id" not in table or counts not in table:
        raise DataError(f"wanted the columns grid_id and {counts}, got {', '.join(map(str, table.columns))}.")
    numbers = table[counts].to_numpy(dtype=float, na_value=np.nan)
    if not np.all(np.isfinite(numbers) & (numbers >= 0) & (numbers == np.floor(numbers))):
        raise DataError(f"{counts}: wanted whole numbers of 0 or more, without a missing one.")
    names = [name for name in COLUMNS if name in table]
    place = np.zeros(len(table), dtype=np.intp)
    levels = [
        _Level(CITY_LEVEL, np.array(["*"], dtype=object), np.zeros(1, np.intp), np.array([numbers.sum()], np.int64))
    ]
    for name in names:
        own, _ = pd.factorize(table[name])
        node, first, below = np.unique(np.stack([place, own]), axis=1, return_index=True, return_inverse=True)
        below = below.reshape(-1)
        total = np.bincount(below, weights=numbers, minlength=node.shape[1]).astype(np.int64)
        levels.append(_Level(name, table[name].to_numpy(dtype=object)[first], node[0], total))
        place = below
    return levels


def _close(levels: list[_Level], above: _Level, below: _Level) -> None:
    """Hide as much of a level that what is shown above it tells no small count; then carry on what is open."""
    n = len(above.codes)
    branches = np.bincount(below.parent[below.hidden], minlength=n)
    open_sum = np.bincount(below.parent, weights=np.where(below.hidden, below.open_sum, 0), minlength=n).astype(
        np.int64
    )
    short = ~above.hidden & (branches > 0) & ((branches < 2) | (open_sum < SMALLEST_SHOWN))
    order = np.argsort(below.parent, kind="stable")
    starts = np.searchsorted(below.parent[order], np.arange(n + 1))
    for area in np.flatnonzero(short):
        children = order[starts[area] : starts[area + 1]]
        for child in children[np.argsort(below.total[children], kind="stable")]:
            if branches[area] >= 2 and open_sum[area] >= SMALLEST_SHOWN:
                break
            if not below.hidden[child] and below.total[child] > 0:
                open_sum[area] += _hide(levels, levels.index(below), child)
                branches[area] += 1
    above.open_sum = open_sum


def _hide(levels: list[_Level], depth: int, area: int) -> int:
    """Hide an area that could be shown, with a part of it, since its parts would tell it; the events that are open by that."""
    level = levels[depth]
    level.hidden[area] = True
    if depth == len(levels) - 1:
        level.open_sum[area] = level.total[area]
    elif level.open_sum[area] == 0:
        below = levels[depth + 1]
        children = np.flatnonzero((below.parent == area) & (below.total > 0))
        level.open_sum[area] = _hide(levels, depth + 1, children[np.argmin(below.total[children])])
    return int(level.open_sum[area])
