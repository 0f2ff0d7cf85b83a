"""Rows find their grid, by id or by point. Coordinates go no further than here."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from riskwarn.errors import DataError, NotFoundError
from riskwarn.grid import locate
from riskwarn.ingest.folding import cleaned
from riskwarn.ingest.mapping import PlaceRule
from riskwarn.store import Store

UNKNOWN_GRID = "grid_id: not in the store's grids"
OUTSIDE = "point outside all grids"


@dataclass(frozen=True)
class Atlas:
    """The store's grids, read once for a delivery."""

    store: Store

    @cached_property
    def versions(self) -> pd.DataFrame:
        """All versions of all grids; none when the store has no grids."""
        try:
            return self.store.read("grids")
        except NotFoundError:
            return pd.DataFrame({"grid_id": pd.Series(dtype="str")})

    @cached_property
    def drawn(self) -> pd.DataFrame:
        """The newest version of each grid that has a polygon."""
        grids = self.store.grids() if len(self.versions) else self.versions
        if "geometry" not in grids or grids["geometry"].isna().all():
            raise DataError(
                f"store {self.store.path}: rows have points, but no grid has a polygon; bring the grids in first, with their geometry."
            )
        return grids[grids["geometry"].notna()].reset_index(drop=True)


def by_id(values: pd.Series, atlas: Atlas, rule: PlaceRule) -> tuple[pd.Series, np.ndarray]:
    """Grid ids that the store knows; empty where there is none, and which rows name an unknown one."""
    ids = cleaned(values).fillna("")
    if rule.grid_width:
        ids = ids.where(ids == "", ids.str.zfill(rule.grid_width))
    return ids, ~ids.isin(["", *atlas.versions["grid_id"]]).to_numpy()


def by_point(lon: pd.Series, lat: pd.Series, atlas: Atlas, rule: PlaceRule) -> tuple[pd.Series, np.ndarray]:
    """The grid each point lies in; empty where it is missing or in none, and which points are there but in no grid."""
    x, y = lon.to_numpy(dtype=float, na_value=np.nan), lat.to_numpy(dtype=float, na_value=np.nan)
    for no_x, no_y in rule.no_place:
        nowhere = np.isclose(x, no_x, atol=1e-6) & np.isclose(y, no_y, atol=1e-6)
        x, y = np.where(nowhere, np.nan, x), np.where(nowhere, np.nan, y)
    there = np.isfinite(x) & np.isfinite(y)
    if not there.any():
        return pd.Series("", index=lon.index, dtype="str"), there
    grids = locate(x, y, atlas.drawn)
    return pd.Series(grids, index=lon.index, dtype="str"), there & (grids == "")
