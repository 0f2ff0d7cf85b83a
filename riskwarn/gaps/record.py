"""What we would have said: the gaps of a grid on any past night, from what was known then."""

from collections.abc import Callable, Iterable

import pandas as pd

from riskwarn.errors import NotFoundError
from riskwarn.history import History
from riskwarn.store import Store


def gaps_of(gaps: pd.DataFrame, grid_id: str, bodies: Iterable[str] = ()) -> pd.DataFrame:
    """Of a night's gaps those that touch a grid: its own, its pairs', and those of the bodies it belongs to.

    Examples
    --------
    >>> night = pd.DataFrame({"scope": ["grid:G1/case:7", "pair:G0|G1", "org:T1", "grid:G11", "feed:hotline/C1"]})
    >>> gaps_of(night, "G1", ["T1", "C1"])["scope"].tolist()
    ['grid:G1/case:7', 'pair:G0|G1', 'org:T1', 'feed:hotline/C1']
    """
    body = set(bodies)

    def touches(scope: str) -> bool:
        kind, _, place = scope.partition(":")
        first, _, second = place.partition("/")
        if kind == "pair":
            return grid_id in place.split("|")
        if kind == "feed":
            return not second or second.split("@")[0] in body
        return first == grid_id if kind == "grid" else kind == "org" and first in body

    return gaps[[touches(s) for s in gaps["scope"]]].reset_index(drop=True)


def history(
    store: Store,
    grid_id: str,
    as_of: object | Iterable[object],
    *,
    find: Callable[..., pd.DataFrame],
    kinds: Iterable[str] | None = None,
) -> pd.DataFrame:
    """The gaps that would have been told of a grid on each night.

    Raises
    ------
    NotFoundError
        The grid is not valid on a night.
    """
    nights = [as_of] if isinstance(as_of, str | pd.Timestamp) or not isinstance(as_of, Iterable) else list(as_of)
    touching = []
    for night in nights:
        past = History.load(store, as_of=night)
        grids = past.grids.set_index("grid_id")
        if grid_id not in grids.index:
            raise NotFoundError(f"store {store.path}: no grid {grid_id!r} is valid on {night}.")
        bodies = [
            v
            for c in ("community_id", "township_id", "county_id")
            if c in grids and isinstance(v := grids.loc[grid_id, c], str)
        ]
        touching.append(gaps_of(find(past, as_of=night, kinds=kinds), grid_id, bodies))
    return pd.concat(touching, ignore_index=True)
