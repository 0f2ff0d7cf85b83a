"""Tallies: all that the monitors of feeds need of the records, as counts, so that nobody holds the records of a city.

A record counts once, on the local day its event first became known, whatever it became later. The counts of grids that follow one another add
up to those of the city, so a feed is counted a share of the grids at a time (:meth:`riskwarn.history.History.first_told`); matters and copies
are of one grid, and never lie in two shares.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from riskwarn.clock import days_before
from riskwarn.history import DAY_US, Facts, History
from riskwarn.recording import BLOCK_DAYS

COPY_DAYS = 60
"""Days before the last one whose copies are counted."""
WEEKS, BLOCKS = 104, 26
"""Weeks by which grids are followed, and blocks of four weeks by which counties are."""
_SERIOUS = 2
"""Severity from which a record is serious."""
_HOUR_US = DAY_US // 24
_ROOM = 2**62
_WHOLE = np.iinfo(np.uint16).max
_BY_DAY = ("kinds", "kind_squares", "counties", "county_squares")
_SUMS = ("copies", "blocks", "serious", "citizen", "proactive")


@dataclass(frozen=True, eq=False)
class Tally:
    """Records of one source before a night; of days, weeks and blocks the last one ends with it.

    Parameters
    ----------
    source
        Name of the feed.
    kinds, kind_squares
        (n_categories, days) records by category of the history, since the first of the feed, and the sum of squares of their matters:
        of records of one grid, category and hour.
    counties, county_squares
        (n_counties, days) the same by county, matters being of one grid and hour; records without a county are in none.
    copies
        (61,) Of the last days records of a grid, category and instant that another record of these days has already.
    grids, weekly
        (k,) numbers of the grids with a record in the last 104 weeks, and (k, 104) their records by week.
    blocks
        (n_counties + 1, n_categories, 26) records by county, the last for those without one, and category.
    serious, citizen, proactive
        (n_counties + 1, 26) those that were serious, that workers found, and that they did not.
    """

    source: str
    kinds: np.ndarray
    kind_squares: np.ndarray
    counties: np.ndarray
    county_squares: np.ndarray
    copies: np.ndarray
    grids: np.ndarray
    weekly: np.ndarray
    blocks: np.ndarray
    serious: np.ndarray
    citizen: np.ndarray
    proactive: np.ndarray

    @property
    def days(self) -> int:
        """How many days lie between the first record and the night."""
        return self.kinds.shape[1]


def tallies(history: History, at: int) -> Iterator[Tally]:
    """What there is to count of every source that spoke before a night.

    Parameters
    ----------
    history
        The city's records.
    at
        The night, µs.

    Yields
    ------
    tally
        One a source, in the order in which the history numbers them.
    """
    county, names = counties_of(history)
    for source in map(str, history.words["source"]):
        shares = (
            _counted(history, rows, at, source, (county, len(names)))
            for rows in history.first_told(at, source)
            if len(rows)
        )
        if (first := next(shares, None)) is not None:
            yield together(first, shares)


def together(first: Tally, others: Iterable[Tally]) -> Tally:
    """What is counted of a source in all shares of the grids; never more than one of them is held beside the sum.

    Parameters
    ----------
    first, others
        Of the shares, in the order of the grids.

    Returns
    -------
    tally
        Over the days of the longest.
    """
    whole, grids, weekly = first, [first.grids], [first.weekly]
    for share in others:
        days = max(whole.days, share.days)
        sums = {name: _since(getattr(whole, name), days) + _since(getattr(share, name), days) for name in _BY_DAY}
        sums |= {name: getattr(whole, name) + getattr(share, name) for name in _SUMS}
        whole = replace(whole, **sums)
        grids.append(share.grids)
        weekly.append(share.weekly)
    return replace(whole, grids=np.concatenate(grids), weekly=np.concatenate(weekly))


def counties_of(history: History) -> tuple[np.ndarray, np.ndarray]:
    """(n_grids + 1,) number of each grid's county, -1 where none is known and, last, for records without a grid; and their codes."""
    column = history.grids["county_id"] if "county_id" in history.grids else pd.Series(dtype=object)
    known = column.notna() & (column.astype(str) != "")
    code, names = pd.factorize(column.astype(str).where(known), sort=True)
    numbers = np.full(len(history.grids) + 1, -1)
    numbers[: len(code)] = code
    return numbers, np.asarray(names, dtype=object)


def _counted(history: History, rows: Facts, at: int, source: str, counties: tuple[np.ndarray, int]) -> Tally:
    """The tally of some grids; `counties` are the number of each, and how many there are."""
    ago = days_before(rows.start, at, history.timezone)
    n_kinds, (county_of, n_counties) = len(history.words["category"]), counties
    county, days = county_of[rows.grid], int(ago.max()) + 1
    kinds, kind_squares = _daily(rows, rows.category, ago, (n_kinds, days))
    by_county, county_squares = _daily(rows, county, ago, (n_counties, days))
    grids, weekly = _weekly(rows, ago)
    late = np.flatnonzero(ago < BLOCKS * BLOCK_DAYS)
    block, weight = BLOCKS - 1 - ago[late] // BLOCK_DAYS, _weights(rows, late)
    area = np.where(county[late] >= 0, county[late], n_counties)

    def blocks(where: np.ndarray) -> np.ndarray:
        some = None if weight is None else weight[where]
        return _summed(area[where] * BLOCKS + block[where], some, (n_counties + 1, BLOCKS))

    found = np.isin(rows.origin, np.flatnonzero(history.words["origin"] == "proactive"))[late]
    cell = (area * n_kinds + rows.category[late]) * BLOCKS + block
    return Tally(
        source,
        kinds,
        kind_squares,
        by_county,
        county_squares,
        _copies(rows, ago),
        grids,
        weekly,
        _summed(cell, weight, (n_counties + 1, n_kinds, BLOCKS)),
        serious=blocks(rows.severity[late] >= _SERIOUS),
        citizen=blocks(~found),
        proactive=blocks(found),
    )


def _daily(rows: Facts, group: np.ndarray, ago: np.ndarray, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """(n_groups, days) records of each group and day, and the sum of squares of their matters; those of no group (-1) are left out."""
    days = shape[1]
    here = np.flatnonzero(group >= 0)
    cell = group[here].astype(np.int64) * days + (days - 1 - ago[here])
    return _summed(cell, _weights(rows, here), shape), _squares(rows, here, cell, shape)


def _squares(rows: Facts, here: np.ndarray, cell: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Of each cell the sum of squares of its matters: its records of one grid and hour."""
    if len(here) == 0:
        return np.zeros(shape)
    hour = rows.occurred[here] // _HOUR_US
    hour -= hour.min()
    wide, n_hours = int(rows.grid.max()) + 1, int(hour.max()) + 1
    group = cell * wide + rows.grid[here]
    groups = None
    if shape[0] * shape[1] * wide * n_hours > _ROOM:  # as many as there are, where they are counted off
        groups, group = np.unique(group, return_inverse=True)
    matter = group * n_hours
    matter += hour
    weight = _weights(rows, here)
    if weight is None:
        matter.sort()
    else:
        order = np.argsort(matter, kind="stable")
        matter, weight = matter[order], weight[order]
    first = np.flatnonzero(np.diff(matter, prepend=-1))
    size = np.diff(first, append=len(matter)) if weight is None else np.add.reduceat(weight, first)
    of = matter[first] // n_hours
    return _summed((of if groups is None else groups[of]) // wide, size**2, shape)


def _copies(rows: Facts, ago: np.ndarray) -> np.ndarray:
    """(days,) records of each of the last days whose grid, category and instant an earlier one of these days, or of its own, has already."""
    late = np.flatnonzero(ago <= COPY_DAYS)
    start, occurred, category, grid = (getattr(rows, name)[late] for name in ("start", "occurred", "category", "grid"))
    order = np.lexsort((start, occurred, category, grid))
    same = np.ones(len(order), dtype=bool)
    for column in (grid, category, occurred):
        same &= np.diff(column[order], prepend=-1) == 0
    copied = late[order[same]]
    return np.bincount(COPY_DAYS - ago[copied], weights=rows.weight[copied], minlength=COPY_DAYS + 1)


def _weekly(rows: Facts, ago: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Grids with a record in the last weeks, and their records by week: whole numbers in as few bytes as hold them."""
    late = np.flatnonzero(ago < 7 * WEEKS)
    there = np.flatnonzero(np.bincount(rows.grid[late]))
    number = np.zeros(int(there.max(initial=-1)) + 1, np.int64)
    number[there] = np.arange(len(there))
    cell = number[rows.grid[late]] * WEEKS + (WEEKS - 1 - ago[late] // 7)
    weight = _weights(rows, late)
    weekly = _summed(cell, weight, (len(there), WEEKS))
    return there, weekly.astype(np.uint16) if weight is None and weekly.max(initial=0) <= _WHOLE else weekly


def _weights(rows: Facts, here: np.ndarray) -> np.ndarray | None:
    """Shares of some rows; none where all rows are whole, for whole ones are counted."""
    return None if rows.whole else rows.weight[here]


def _summed(cell: np.ndarray, weight: np.ndarray | None, shape: tuple[int, ...]) -> np.ndarray:
    size = int(np.prod(shape))
    return np.bincount(cell, weights=weight, minlength=size).reshape(shape).astype(float)


def _since(counts: np.ndarray, days: int) -> np.ndarray:
    """(n, days) counts by day, with none before the first."""
    return np.pad(counts, ((0, 0), (days - counts.shape[1], 0)))
