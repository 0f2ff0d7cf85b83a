"""Files of areas become grids: measured, with the parents their code tells, or cut into regular cells."""

import numpy as np
import pandas as pd

from riskwarn.errors import DataError, DefinitionError
from riskwarn.grid import WGS84, measure, regular
from riskwarn.ingest.mapping import Mapping
from riskwarn.schema import GRIDS

VILLAGE_DIGITS = 12
"""Digits of the code of a village or community; a grid code begins with it."""
TOWNSHIP_DIGITS, COUNTY_DIGITS = 9, 6


def finish_grids(rows: pd.DataFrame, mapping: Mapping) -> pd.DataFrame:
    """Rows of the `grids` table with what follows from the rest: area and centre from polygons or points, parents from the code."""
    rows = parents_from_code(rows)
    if "lon" in rows and "lat" in rows and not {"x_km", "y_km"} <= set(rows):
        rows = _centred(rows)
    rows = rows[[c for c in GRIDS.column_names if c in rows]]
    if mapping.area.make:
        return cut(rows, mapping)
    drawn = "geometry" in rows and rows["geometry"].notna().all() and "area_km2" not in rows
    return measure(rows) if drawn and len(rows) else rows


def parents_from_code(rows: pd.DataFrame) -> pd.DataFrame:
    """Fill community, township and county from 12-digit statistical codes that the grid codes begin with; other codes stay alone.

    Digits 1–6 name the county, 1–9 the township or street, 1–12 the village or community.

    Examples
    --------
    >>> rows = pd.DataFrame({"grid_id": ["320102001001007", "A-7"]})
    >>> parents_from_code(rows).iloc[0].tolist()
    ['320102001001007', '320102001001', '320102001', '320102']
    """
    ids = rows["grid_id"].astype("str")
    coded = ids.str.fullmatch(rf"[1-9]\d{{{VILLAGE_DIGITS - 1},}}").fillna(value=False).to_numpy(dtype=bool)
    if not coded.any():
        return rows
    filled = {}
    for name, digits in (
        ("community_id", VILLAGE_DIGITS),
        ("township_id", TOWNSHIP_DIGITS),
        ("county_id", COUNTY_DIGITS),
    ):
        known = rows[name] if name in rows else pd.Series(None, index=rows.index, dtype="str")
        filled[name] = known.where(known.notna() | ~coded, ids.str[:digits])
    return rows.assign(**filled)


def _centred(rows: pd.DataFrame) -> pd.DataFrame:
    import geopandas as gpd  # noqa: PLC0415

    lon, lat = (pd.to_numeric(rows[name], errors="coerce") for name in ("lon", "lat"))
    points = gpd.GeoSeries(gpd.points_from_xy(lon, lat), crs=WGS84)
    there = (lon.notna() & lat.notna()).to_numpy()
    flat = points.to_crs(points[there].estimate_utm_crs())
    return rows.assign(x_km=np.where(there, flat.x / 1e3, np.nan), y_km=np.where(there, flat.y / 1e3, np.nan))


def cut(areas: pd.DataFrame, mapping: Mapping) -> pd.DataFrame:
    """Regular cells over the areas: squares of `cell_m`, or H3 hexagons of a resolution; each in the area its inner point lies in.

    Raises
    ------
    DefinitionError
        The mapping names no polygons to cut.
    """
    import geopandas as gpd  # noqa: PLC0415

    if "geometry" not in areas or areas["geometry"].isna().any():
        raise DefinitionError(f"mapping {mapping.name!r}: area.make needs polygons; map `geometry`.")
    outline = gpd.GeoDataFrame(geometry=gpd.GeoSeries.from_wkt(areas["geometry"].to_numpy()), crs=WGS84)
    rule = mapping.area
    cells = regular(outline, cell_m=rule.cell_m) if rule.make == "square" else hexagons(outline, rule.resolution)
    parent = _parent_of(cells, areas)
    return cells.assign(valid_from=areas["valid_from"].iloc[0], community_id=parent)


def hexagons(outline: object, resolution: int) -> pd.DataFrame:
    """H3 cells whose centre lies inside the outline, as grids; the cell's own index is the grid id.

    Raises
    ------
    DataError
        No cell's centre lies inside: the resolution is too coarse.
    """
    import h3  # noqa: PLC0415
    import shapely  # noqa: PLC0415

    whole = shapely.union_all(shapely.make_valid(outline.to_crs(WGS84).geometry.to_numpy()))  # type: ignore[attr-defined]
    ids = sorted(h3.geo_to_cells(whole, resolution))
    if not ids:
        raise DataError(
            f"no H3 cell of resolution {resolution} has its centre inside the outline; take a higher resolution."
        )
    rings = [[(lon, lat) for lat, lon in h3.cell_to_boundary(cell)] for cell in ids]
    wkt = shapely.to_wkt([shapely.Polygon(ring) for ring in rings], rounding_precision=7)
    return measure(pd.DataFrame({"grid_id": ids, "geometry": pd.Series(wkt, dtype="str")}))


def _parent_of(cells: pd.DataFrame, areas: pd.DataFrame) -> np.ndarray:
    import shapely  # noqa: PLC0415

    from riskwarn.grid import locate  # noqa: PLC0415

    inside = shapely.point_on_surface(shapely.from_wkt(cells["geometry"].to_numpy(dtype=object)))
    return locate(shapely.get_x(inside), shapely.get_y(inside), areas)
