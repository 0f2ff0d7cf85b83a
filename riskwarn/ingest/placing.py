"""Rows find their grid, by id or by point. Coordinates go no further than here."""

import os
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from riskwarn.errors import DataError, NotFoundError
from riskwarn.grid import locate, polygons
from riskwarn.ingest.coordinates import to_wgs84
from riskwarn.ingest.identity import DAMAGED, read_ids
from riskwarn.ingest.mapping import PlaceRule
from riskwarn.store import Store, Transaction

UNKNOWN_GRID = "grid_id: not in the store's grids"
NOT_VALID_GRID = "grid_id: the grid did not hold on the day"
DAMAGED_GRID = f"grid_id: {DAMAGED}"
SAME_POINT = 1e-6
"""Degrees within which a point is one that stands for a missing place."""
SEVERAL_GRIDS = "grid_id: several codes in one cell"

KEY_FILE = "place.key"


@dataclass(frozen=True)
class Atlas:
    """The store's grids, read once for a delivery, and the key of its hashes, made with the first delivery that needs it."""

    store: Transaction | Store

    @cached_property
    def secret(self) -> bytes:
        """The key of hashed places and identifiers: `RISKWARN_PLACE_KEY`, else a file of the store that only its owner can read."""
        if key := os.environ.get("RISKWARN_PLACE_KEY"):
            return key.encode()
        assert isinstance(self.store, Transaction)
        return self.store.key(KEY_FILE)

    @cached_property
    def versions(self) -> pd.DataFrame:
        """All versions of all grids; none when the store has no grids."""
        try:
            return self.store.read("grids")
        except NotFoundError:
            return pd.DataFrame({"grid_id": pd.Series(dtype="str")})

    @cached_property
    def drawn(self) -> pd.DataFrame:
        """The versions that have a polygon.

        Raises
        ------
        DataError
            None has.
        """
        grids = self.versions
        if "geometry" not in grids or grids["geometry"].isna().all():
            raise DataError(
                f"store {self.store.path}: rows have points, but no grid has a polygon; bring the grids in first, with their geometry."
            )
        return grids[grids["geometry"].notna()].reset_index(drop=True)

    @cached_property
    def epochs(self) -> list[pd.Timestamp]:
        """Instants at which the set of drawn grids changes, oldest first."""
        return sorted({*self.drawn["valid_from"], *self.drawn["valid_to"].dropna()})

    def has(self, ids: pd.Series) -> np.ndarray:
        """(n,) Whether there is a version of each grid, at whatever time."""
        return pc.is_in(pa.array(ids, pa.string(), from_pandas=True), self._ids).to_numpy(zero_copy_only=False)

    @cached_property
    def _ids(self) -> pa.Array:
        return pa.array(self.versions["grid_id"].unique(), pa.string())

    def holds(self, ids: pd.Series, at: pd.Series) -> np.ndarray:
        """(n,) Whether a version of each grid holds on the local day of each instant; true where the instant is missing."""
        spans = self.versions.reindex(columns=["grid_id", "valid_from", "valid_to"])
        first, last = (_local(spans[name], self.store.timezone).to_numpy() for name in ("valid_from", "valid_to"))
        day = pd.DatetimeIndex(at).tz_convert(self.store.timezone).tz_localize(None).floor("D").to_numpy()
        codes, names = pd.factorize(ids)
        held = np.isnat(day)
        for version in spans.groupby(spans.groupby("grid_id").cumcount().to_numpy()).indices.values():
            place = pd.Index(spans["grid_id"].iloc[version]).get_indexer(pd.Index(names))[codes]
            row = version[place]
            held |= (place >= 0) & (first[row] < day + np.timedelta64(1, "D")) & ~(last[row] <= day)
        return held

    def valid(self, at: pd.Timestamp) -> pd.DataFrame:
        """The drawn grids that hold at an instant."""
        grids = self.drawn
        return grids[(grids["valid_from"] <= at) & (grids["valid_to"].isna() | (grids["valid_to"] > at))]


def _local(at: pd.Series, zone: str) -> pd.Series:
    return pd.to_datetime(at, utc=True).dt.tz_convert(zone).dt.tz_localize(None).dt.as_unit("us")


def by_id(
    values: pd.Series, occurred: pd.Series, atlas: Atlas, rule: PlaceRule
) -> tuple[pd.Series, dict[str, np.ndarray]]:
    """Grid ids that held in the store on the day, empty where there is none; and for each fault the rows that have it.

    A code that lost its leading zeros is completed to `grid_width` digits.
    """
    ids, damaged = read_ids(values)
    ids = ids.fillna("")
    if rule.grid_width:
        ids = ids.where(ids == "", ids.str.zfill(rule.grid_width))
    known = atlas.has(ids)
    given = (ids != "").to_numpy()
    damaged &= ~known
    several = given & ~known & ~damaged
    several[several] = ids[several].str.contains(r"\w\s*[,;、|/]\s*\w").to_numpy(dtype=bool)
    late = known.copy()
    late[known] = ~atlas.holds(ids[known], occurred[known])
    unknown = given & ~known & ~damaged & ~several
    return ids, {DAMAGED_GRID: damaged, SEVERAL_GRIDS: several, UNKNOWN_GRID: unknown, NOT_VALID_GRID: late}


@dataclass(frozen=True)
class Placed:
    """Where points lie: their grid, a foreign grid within reach, and which points are impossible or in no grid."""

    grid_id: pd.Series
    near_grid_id: pd.Series
    impossible: np.ndarray
    outside: np.ndarray


def by_point(lon: pd.Series, lat: pd.Series, occurred: pd.Series, atlas: Atlas, rule: PlaceRule) -> Placed:
    """Place points in the grids that held when the events occurred."""
    x, y = (values.to_numpy(dtype=float, na_value=np.nan) for values in (lon, lat))
    for no_x, no_y in rule.no_place:
        nowhere = (np.abs(x - no_x) < SAME_POINT) & (np.abs(y - no_y) < SAME_POINT)
        x, y = np.where(nowhere, np.nan, x), np.where(nowhere, np.nan, y)
    given = np.isfinite(x) & np.isfinite(y)
    x, y = to_wgs84(x, y, rule.crs)
    there = np.isfinite(x) & np.isfinite(y)
    grid, near = np.full(len(x), "", dtype=object), np.full(len(x), None, dtype=object)
    for at, here in _by_epoch(occurred, there, atlas) if there.any() else []:
        grids = atlas.valid(at)
        grid[here] = locate(x[here], y[here], grids)
        if rule.near_m > 0:
            near[here] = nearest_foreign(x[here], y[here], grid[here], grids, rule)
    index = lon.index
    return Placed(
        pd.Series(grid, index=index, dtype="str"),
        pd.Series(near, index=index, dtype="str"),
        given & ~there,
        there & (grid == ""),
    )


def _by_epoch(occurred: pd.Series, there: np.ndarray, atlas: Atlas) -> list[tuple[pd.Timestamp, np.ndarray]]:
    """Points that occurred between two changes of the grids, together; those before the first grids lie in none."""
    starts = pd.DatetimeIndex(atlas.epochs).as_unit("us")
    at = pd.DatetimeIndex(occurred.fillna(starts[-1])).tz_convert(starts.tz).as_unit("us")
    epoch = starts.searchsorted(at, side="right") - 1
    return [(starts[e], np.flatnonzero(there & (epoch == e))) for e in np.unique(epoch[there]) if e >= 0]


def nearest_foreign(x: np.ndarray, y: np.ndarray, grid: np.ndarray, grids: pd.DataFrame, rule: PlaceRule) -> np.ndarray:
    """The nearest grid of another parent within `near_m` metres of each point; missing where there is none.

    Raises
    ------
    DataError
        The grids have no such parent.
    """
    import geopandas as gpd  # noqa: PLC0415
    import shapely  # noqa: PLC0415

    if rule.foreign not in grids or grids[rule.foreign].isna().all():
        raise DataError(
            f"place.near_m: no grid has a {rule.foreign}; fill it, or name another parent under place.foreign."
        )
    shapes = polygons(grids)
    utm = shapes.estimate_utm_crs()
    flat, points = (
        shapes.to_crs(utm).geometry.to_numpy(),
        gpd.GeoSeries(gpd.points_from_xy(x, y), crs=4326).to_crs(utm).to_numpy(),
    )
    point, area = shapely.STRtree(flat).query(points, predicate="dwithin", distance=rule.near_m)
    parent = grids.set_index("grid_id")[rule.foreign]
    ids = grids["grid_id"].to_numpy(dtype=object)
    pairs = pd.DataFrame({"point": point, "grid": ids[area], "metres": shapely.distance(points[point], flat[area])})
    home = parent.reindex(grid[point]).to_numpy(dtype=object)
    pairs = pairs[(parent.loc[pairs["grid"]].to_numpy(dtype=object) != home) & pd.notna(home)]
    best = pairs.sort_values(["metres", "grid"]).drop_duplicates("point").set_index("point")["grid"]
    return best.reindex(np.arange(len(x))).astype(object).where(lambda s: s.notna(), None).to_numpy()
