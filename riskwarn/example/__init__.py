"""A real city in the package: Boston 2015, 89,712 public service requests on a grid of about 400 m.

The records go the way any user's would: a raw file, a mapping, :func:`riskwarn.ingest.ingest`.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.errors import DataError
from riskwarn.grid import locate, regular
from riskwarn.ingest import ingest
from riskwarn.ingest.folding import slug
from riskwarn.store import Store

FOLDER = Path(__file__).parent
CELL_M = 400.0
"""Edge of a cell, m."""


@checked
def boston(path: str | Path, *, progress: bool | None = None) -> Store:
    """A store with Boston's petitions and disputes of 2015.

    Parameters
    ----------
    path
        Folder of the store; made anew. One that already holds the example is left as it is.
    progress
        Show a bar; by default when a person watches.

    Returns
    -------
    store
        Grids with their neighbourhood as `community_id`; feeds ``petition`` and ``dispute``. Requests without a real point have no
        grid; those closed before they were opened are in quarantine.

    Raises
    ------
    DataError
        The store holds grids of another city.
    """
    store = Store(path, timezone="America/New_York")
    grids = boston_grids()
    if store.has("grids") and set(store.grids()["grid_id"]) != set(grids["grid_id"]):
        raise DataError(f"store {store.path} holds grids of another city; give the example a folder of its own.")
    store.write("grids", grids.assign(valid_from=store.instant("2015-01-01")))
    ingest(store, FOLDER / "boston_2015.parquet", FOLDER / "boston_2015.toml", progress=progress)
    return store


def boston_grids() -> pd.DataFrame:
    """Square cells of 400 m cut to the city's outline, each named after the neighbourhood most of it lies in.

    Returns
    -------
    grids
        Columns of :func:`riskwarn.grid.regular`, `community_id` and `name`.
    """
    import geopandas as gpd  # noqa: PLC0415

    outline = gpd.read_file(FOLDER / "boston_outline.geojson")
    grids = regular(outline, cell_m=CELL_M, prefix="B")
    area = _neighbourhoods(grids, outline)
    name = [f"{place} {code}" for place, code in zip(area, grids["grid_id"], strict=True)]
    return grids.assign(community_id=[slug(place) for place in area], name=name)


def _neighbourhoods(grids: pd.DataFrame, outline: object) -> np.ndarray:
    import geopandas as gpd  # noqa: PLC0415
    import shapely  # noqa: PLC0415

    cells = gpd.GeoSeries.from_wkt(grids["geometry"], crs=4326)
    inside = gpd.GeoSeries(shapely.point_on_surface(cells.to_numpy()), crs=4326)
    areas = pd.DataFrame({"grid_id": outline["area"], "geometry": outline.geometry.to_wkt()})  # type: ignore[index,attr-defined]
    return locate(inside.x.to_numpy(), inside.y.to_numpy(), areas)
