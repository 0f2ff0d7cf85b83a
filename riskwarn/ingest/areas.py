"""Files of areas become grids: measured, with the parents their code tells, or cut into regular cells."""

import numpy as np
import pandas as pd

from riskwarn.errors import DataError, DefinitionError, NotFoundError
from riskwarn.grid import WGS84, locate, measure, neighbors, regular
from riskwarn.ingest.coordinates import to_wgs84
from riskwarn.ingest.mapping import Mapping
from riskwarn.schema import GRIDS

VILLAGE_DIGITS = 12
"""Digits of the code of a village or community; a grid code begins with it."""
TOWNSHIP_DIGITS, COUNTY_DIGITS = 9, 6


OVERLAP = 0.01
"""Share of the smaller polygon up to which two of one grid count as parts of it, not as two drawings."""


def finish_grids(rows: pd.DataFrame, mapping: Mapping) -> pd.DataFrame:
    """Rows of the `grids` table with what follows from the rest: area and centre from polygons or points, parents from the code.

    Polygons come in WGS 84, set back or projected from `area.crs` where the mapping states one; parts of one grid become one polygon.

    Raises
    ------
    DataError
        Coordinates are no degrees and the mapping states no CRS, or two polygons of one grid overlap.
    """
    rows = parents_from_code(rows)
    if "lon" in rows and "lat" in rows and not {"x_km", "y_km"} <= set(rows):
        rows = _centred(rows)
    rows = rows[[c for c in GRIDS.column_names if c in rows]]
    if "geometry" in rows and rows["geometry"].notna().any():
        rows = _whole(_in_degrees(rows, mapping))
    if mapping.area.make:
        return cut(rows, mapping)
    return _measured(rows) if "geometry" in rows and "area_km2" not in rows else rows


def polygon_faults(texts: pd.Series) -> np.ndarray:
    """Why each geometry cannot be the area of a grid; empty where it can, or where no row has one.

    Parameters
    ----------
    texts
        (n,) WKT.

    Returns
    -------
    faults
        (n,) Reasons.

    Examples
    --------
    >>> polygon_faults(pd.Series(["POLYGON ((0 0, 1 0, 1 1, 0 0))", "POINT (1 1)", None])).tolist()
    ['', 'geometry: a Point, wanted a polygon', 'geometry is empty']
    """
    import shapely  # noqa: PLC0415

    there = texts.notna().to_numpy()
    if not there.any():
        return np.full(len(texts), "", dtype=object)
    shapes = shapely.from_wkt(texts.to_numpy(dtype=object, na_value=None), on_invalid="ignore")
    empty = ~there | (shapely.is_empty(shapes) & ~shapely.is_missing(shapes))
    kinds = [shape.geom_type if shape is not None else "" for shape in shapes]
    odd = np.array([kind not in {"Polygon", "MultiPolygon"} for kind in kinds])
    said = [f"geometry: a {kind}, wanted a polygon" if kind else "geometry: not WKT" for kind in kinds]
    return np.select([empty, odd], ["geometry is empty", np.array(said, dtype=object)], "").astype(object)


def _in_degrees(rows: pd.DataFrame, mapping: Mapping) -> pd.DataFrame:
    """The polygons in WGS 84."""
    import shapely  # noqa: PLC0415

    drawn = rows["geometry"].notna().to_numpy()
    shapes = shapely.from_wkt(rows.loc[drawn, "geometry"].to_numpy(dtype=object))
    if mapping.area.crs:
        shapes = shapely.transform(
            shapes, lambda points: np.column_stack(to_wgs84(points[:, 0], points[:, 1], mapping.area.crs))
        )
    points = shapely.get_coordinates(shapes)
    odd = ~((np.abs(points[:, 0]) <= 180) & (np.abs(points[:, 1]) <= 90))
    if odd.any():
        x, y = points[odd][0]
        swapped = abs(x) <= 90 and abs(y) <= 180
        remedy = (
            "the latitude seems to stand first; export longitude before latitude"
            if swapped
            else "state their CRS as `crs` under [area], for example 'EPSG:4547'"
        )
        raise DataError(
            f"geometry: the coordinates ({x:.10g}, {y:.10g}) are no longitude and latitude in degrees; {remedy}."
        )
    if not mapping.area.crs:
        return rows
    geometry = rows["geometry"].copy()
    geometry[drawn] = shapely.to_wkt(shapes, rounding_precision=7)
    return rows.assign(geometry=geometry)


def _whole(rows: pd.DataFrame) -> pd.DataFrame:
    """Parts of one grid, which stand in rows of their own, as one polygon."""
    import shapely  # noqa: PLC0415

    key = [name for name in ("grid_id", "valid_from") if name in rows]
    parted = rows.drop_duplicates([*key, "geometry"])
    parted = parted[parted.duplicated(key, keep=False) & parted["geometry"].notna()]
    if parted.empty:
        return rows
    geometry = rows["geometry"].copy()
    for (grid_id, *_), part in parted.groupby(key):
        shapes = shapely.make_valid(shapely.from_wkt(part["geometry"].to_numpy(dtype=object)))
        whole = shapely.union_all(shapes)
        if shapely.area(shapes).sum() - shapely.area(whole) > OVERLAP * shapely.area(shapes).min():
            raise DataError(
                f"grid {grid_id}: {len(part)} polygons that overlap; keep the one that holds, or give them valid_from and valid_to."
            )
        geometry[rows.index.isin(rows.index[(rows[key] == part[key].iloc[0]).all(axis=1)])] = shapely.to_wkt(
            whole, rounding_precision=7
        )
    return rows.assign(geometry=geometry).drop_duplicates(key)


def _measured(rows: pd.DataFrame) -> pd.DataFrame:
    """Area and centre of the grids that have a polygon; a centre given for another one stays."""
    drawn = rows["geometry"].notna()
    if not drawn.any():
        return rows
    measured = measure(rows[drawn])
    if drawn.all():
        return measured
    return measured.reindex(rows.index).combine_first(rows)[[*rows.columns, *measured.columns.difference(rows.columns)]]


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
    NotFoundError
        The library of H3 is not installed; the message names the extra.
    DataError
        No cell's centre lies inside: the resolution is too coarse.
    """
    import shapely  # noqa: PLC0415

    try:
        import h3  # noqa: PLC0415
    except ModuleNotFoundError:
        raise NotFoundError(
            "make = 'h3' under [area] needs the library h3; install it with `pip install 'riskwarn[hexagons]'`, or take make = 'square'."
        ) from None

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

    inside = shapely.point_on_surface(shapely.from_wkt(cells["geometry"].to_numpy(dtype=object)))
    return locate(shapely.get_x(inside), shapely.get_y(inside), areas)


def isolated(grids: pd.DataFrame) -> int:
    """How many of the drawn grids touch no other one, in the version that holds still.

    Examples
    --------
    >>> west, east = (f"POLYGON (({x} 30, {x}.01 30, {x}.01 30.01, {x} 30))" for x in (120, 121))
    >>> isolated(pd.DataFrame({"grid_id": ["A", "B"], "valid_from": 0, "geometry": [west, east]}))
    2
    """
    latest = grids.sort_values("valid_from", kind="stable").drop_duplicates("grid_id", keep="last")
    drawn = latest[latest["geometry"].notna()] if "geometry" in latest else latest.iloc[:0]
    drawn = drawn[drawn["valid_to"].isna()] if "valid_to" in drawn else drawn
    if len(drawn) < 2:
        return 0
    n_neighbors = np.asarray(neighbors(drawn, how="contiguity").sum(axis=1)).ravel()
    return int((n_neighbors == 0).sum())
