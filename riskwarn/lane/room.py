"""How many places a list has: slots of the lanes, bounds of counties and townships, and who gets them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.plan import LANES, Capacity, Lanes


@checked
def apportioned(total: int, weights: np.ndarray, *, floor: int = 0) -> np.ndarray:
    """Whole shares of `total` in proportion to weights, by largest remainders, each at least `floor` where there is enough for all.

    Parameters
    ----------
    total
        What is shared out.
    weights
        (n,) at least 0; all 0 weigh alike.
    floor
        Least share of each; as much as goes round where it does not.

    Returns
    -------
    shares
        (n,) whole numbers that add up to `total`.

    Examples
    --------
    >>> apportioned(10, np.array([70.0, 29.0, 1.0]), floor=1).tolist()
    [7, 2, 1]
    >>> apportioned(2, np.array([70.0, 29.0, 1.0]), floor=1).tolist()
    [1, 1, 0]
    """
    n = len(weights)
    least = np.full(n, min(floor, total // n) if n else 0)
    weights = weights if weights.sum() > 0 else np.ones(n)
    exact = total * weights / weights.sum()
    shares = np.maximum(np.floor(exact).astype(int), least)
    while shares.sum() < total:
        shares[np.argmax(exact - shares)] += 1
    while shares.sum() > total:
        over = np.where(shares > least, shares - exact, -np.inf)
        shares[np.argmax(over)] -= 1
    return shares


@checked
def slots_of(capacity: int, lanes: Lanes) -> dict[str, int]:
    """Slots of each lane: its share of the capacity, standing the rest.

    Parameters
    ----------
    capacity
        Grids that can be attended to.
    lanes
        Shares.

    Returns
    -------
    slots
        They add up to `capacity`.

    Examples
    --------
    >>> slots_of(40, Lanes())
    {'triggered': 4, 'escalating': 6, 'first': 6, 'rising': 8, 'standing': 14, 'explore': 2}
    """
    named = {lane: float(getattr(lanes, lane)) for lane in LANES if lane != "standing"}
    shares = [named.get(lane, max(1 - sum(named.values()), 0.0)) for lane in LANES]
    return dict(zip(LANES, apportioned(capacity, np.array(shares)).tolist(), strict=True))


@checked
def bounds_of(capacity: Capacity, grids: pd.DataFrame, total: int) -> dict[str, dict[str, int]]:
    """Most grids of each county and township; no entry where there is no bound.

    Parameters
    ----------
    capacity
        What the plan says.
    grids
        Table `grids`, with `county_id`, `township_id` and `population` where they are known.
    total
        Grids that can be attended to.

    Returns
    -------
    bounds
        By column of the grids, by id.
    """
    bounds: dict[str, dict[str, int]] = {}
    county = grids["county_id"].dropna().astype("str") if "county_id" in grids else pd.Series(dtype="str")
    if len(county) and (capacity.by_population or capacity.county):
        ids = sorted(set(county))
        most = dict.fromkeys(ids, capacity.county or total)
        if capacity.by_population:
            people = _people(grids).groupby(county).sum().reindex(ids).fillna(0.0).to_numpy()
            quotas = apportioned(total, people, floor=capacity.floor)
            most = {c: min(most[c], int(q)) for c, q in zip(ids, quotas, strict=True)}
        bounds["county_id"] = most
    if capacity.township and "township_id" in grids:
        bounds["township_id"] = dict.fromkeys(grids["township_id"].dropna().astype("str"), capacity.township)
    return bounds


def _people(grids: pd.DataFrame) -> pd.Series:
    """Residents of each grid; one each where they are known of none."""
    known = grids["population"].astype(float) if "population" in grids else pd.Series(np.nan, index=grids.index)
    return known.fillna(known.median()) if known.notna().any() else pd.Series(1.0, index=grids.index)


@dataclass(eq=False)
class Room:
    """What is left of a list while it is filled. A grid takes one place, in however many lanes it stands.

    Parameters
    ----------
    bounds
        As :func:`bounds_of` gives them.
    areas
        Columns `county_id` and `township_id` by `grid_id`, those that are bound.
    """

    bounds: Mapping[str, Mapping[str, int]]
    areas: Mapping[str, Mapping[str, str]]
    taken: dict[str, None] = field(default_factory=dict)
    _counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    @checked
    def fill(self, grid_ids: Iterable[str], slots: int) -> list[str]:
        """List grids in their order until `slots` new ones are taken; those that stand on the list already cost nothing.

        Parameters
        ----------
        grid_ids
            In order.
        slots
            Most new grids.

        Returns
        -------
        listed
            In order; grids whose county or township is full are passed over.
        """
        listed: list[str] = []
        left = slots
        for grid in grid_ids:
            if grid in self.taken:
                listed.append(grid)
            elif left > 0 and self._has_place(grid):
                self.take(grid)
                listed.append(grid)
                left -= 1
            elif left <= 0:
                break
        return listed

    @checked
    def take(self, grid_id: str) -> None:
        """List a grid, whatever is full.

        Parameters
        ----------
        grid_id
            The grid.
        """
        if grid_id not in self.taken:
            self.taken[grid_id] = None
            self._counts.update((level, self.areas[level].get(grid_id, "")) for level in self.bounds)

    def _has_place(self, grid_id: str) -> bool:
        places = ((level, self.areas[level].get(grid_id, "")) for level in self.bounds)
        return all(
            self._counts[level, area] < self.bounds[level].get(area, len(self.taken) + 1) for level, area in places
        )
