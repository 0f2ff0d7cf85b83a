"""The grids of a night: their names, parents and polygons, shared by all nights that have the same."""

import re
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import shapely

from riskwarn.ledger.listing import Areas, areas_in

PARENTS = ("community_id", "township_id", "county_id")
"""Areas a grid lies in, the smallest first."""
SHOWN = ("name", *PARENTS, "area_km2", "households", "population")
"""What is said of a grid beside its score."""
_PARTS = {"county_id": "township_id", "township_id": "community_id"}
"""An area is named after what its grids' names begin with only where it has several parts: else that is a part's name."""
_CUT = re.compile(r"[\d\s·./-]*$")


def names_in(grids: pd.DataFrame) -> dict[str, str]:
    """Names of grids, and of the counties and townships whose grids' names begin alike and unlike those of any other."""
    own = grids["name"].fillna(grids["grid_id"]).astype("str") if "name" in grids else grids["grid_id"].astype("str")
    named: dict[str, str] = {}
    for column, parts in _PARTS.items():
        if column in grids and parts in grids:
            several = grids.groupby(column)[parts].agg(["min", "max"])
            parted = several["min"] != several["max"]
            shared = own.groupby(grids[column].astype("str")).agg(_shared)[list(parted.index[parted].astype("str"))]
            clear = shared[(shared != "") & ~shared.duplicated(keep=False)]
            named |= {str(code): name for code, name in clear.items()}
    return named | dict(zip(grids["grid_id"].astype("str"), own, strict=True))


def _shared(names: pd.Series) -> str:
    """What names have in common from the first letter on, without a number begun."""
    first, last = min(names), max(names)
    n = next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    return _CUT.sub("", first[:n])


def _polygons(texts: np.ndarray) -> np.ndarray:
    """Valid polygons from WKT, without the lines and points that a border leaves where it touches itself; none where nothing is left."""
    shapes = shapely.make_valid(shapely.from_wkt(texts), method="structure", keep_collapsed=False)
    shapes[shapely.is_empty(shapes)] = None
    return shapes


class Places:
    """The grids valid on a night, one row each.

    Parameters
    ----------
    grids
        Table `grids`, each `grid_id` once.
    """

    def __init__(self, grids: pd.DataFrame) -> None:
        drawn = grids["geometry"].astype(object) if "geometry" in grids else pd.Series(None, grids.index, dtype=object)
        self.grids = grids.drop(columns="geometry", errors="ignore")
        self.wkb = shapely.to_wkb(_polygons(drawn.where(drawn.notna(), None).to_numpy()))
        self.outlines: np.ndarray | None = None
        self.made: dict[Any, Any] = {}
        self.numbers = {str(grid_id): n for n, grid_id in enumerate(grids["grid_id"])}

    def same(self, other: "Places") -> bool:
        """Whether nothing differs.

        Parameters
        ----------
        other
            The grids of another night.

        Returns
        -------
        same
            In rows, values and polygons.
        """
        return self.grids.equals(other.grids) and bool((self.wkb == other.wkb).all())

    @cached_property
    def areas(self) -> Areas:
        """The areas of each grid and body, as the ledger knows them."""
        return areas_in(self.grids)

    @cached_property
    def names(self) -> dict[str, str]:
        """Name of each grid, its id where it has none."""
        ids = self.grids["grid_id"]
        named_grids = self.grids["name"].fillna(ids) if "name" in self.grids else ids
        return dict(zip(ids, named_grids, strict=True))

    @cached_property
    def called(self) -> dict[str, str]:
        """Name of each grid, township and county, where it has one."""
        return names_in(self.grids)

    @cached_property
    def drawn(self) -> np.ndarray:
        """(n_grids,) Which have a polygon."""
        return np.array([shape is not None for shape in self.wkb], dtype=bool)

    @cached_property
    def shapes(self) -> np.ndarray:
        """(n_grids,) Polygons in WGS 84; none where there is none."""
        return shapely.from_wkb(self.wkb)

    @cached_property
    def tree(self) -> shapely.STRtree:
        """Spatial index of `shapes`."""
        return shapely.STRtree(self.shapes)

    def beside(self, grid_id: str) -> list[str]:
        """The grids that touch one; none where its polygon is not known.

        Parameters
        ----------
        grid_id
            The grid.

        Returns
        -------
        grid_ids
            Without itself.
        """
        number = self.numbers.get(grid_id)
        shape = None if number is None else self.shapes[number]
        touching = [] if shape is None else self.tree.query(shape, predicate="intersects")
        return [g for g in self.grids["grid_id"].iloc[touching] if g != grid_id]
