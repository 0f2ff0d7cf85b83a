"""Space: areas, neighbours, regular grids for cities without any, and which grid a point lies in."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.errors import DataError

if TYPE_CHECKING:
    import geopandas as gpd
    from scipy import sparse

WGS84 = 4326
SHAPES = ("gauss", "bands")
"""How :func:`closeness` falls with distance."""
SNAP_M = 2.0
"""Metres up to which the gap between two polygons is a fault of drawing: coordinates of five decimals are off by one."""
_CELL_CODE_WIDTH = 3
_GAUSS_END = 3
_ROUND = 1e-9
"""Distances that equal a bound but for rounding lie within it."""


@checked
def polygons(grids: pd.DataFrame) -> "gpd.GeoDataFrame":
    """The grids with their `geometry` read from WKT, in WGS 84.

    Parameters
    ----------
    grids
        One row a grid, with `geometry`: WKT, degrees in WGS 84.

    Returns
    -------
    shapes
        The rows with `geometry` as valid shapes: a ring that crosses itself is mended.

    Raises
    ------
    DataError
        There is no `geometry` column, or a polygon is missing or not valid WKT.

    Examples
    --------
    >>> polygons(pd.DataFrame({"grid_id": ["A"], "geometry": ["POLYGON ((0 0, 1 0, 1 1, 0 0))"]})).total_bounds.tolist()
    [0.0, 0.0, 1.0, 1.0]
    """
    import geopandas as gpd  # noqa: PLC0415
    import shapely  # noqa: PLC0415

    if "geometry" not in grids or grids["geometry"].isna().any():
        missing = (
            grids["grid_id"].tolist()
            if "geometry" not in grids
            else grids.loc[grids["geometry"].isna(), "grid_id"].tolist()
        )
        raise DataError(
            f"{len(missing)} grids have no geometry, first: {', '.join(missing[:3])}; give polygons as WKT in WGS 84."
        )
    try:
        shapes = shapely.from_wkt(grids["geometry"].to_numpy(dtype=object))
    except shapely.errors.ShapelyError as error:
        raise DataError(f"a geometry is not WKT: {error}.") from None
    return gpd.GeoDataFrame(
        grids.drop(columns="geometry"),
        geometry=shapely.make_valid(shapes, method="structure", keep_collapsed=False),
        crs=WGS84,
    )


@checked
def neighbors(
    grids: pd.DataFrame,
    *,
    how: Literal["contiguity", "distance", "nearest", "auto"] = "auto",
    radius_km: float = 1.0,
    k: int = 6,
) -> "sparse.csr_matrix":
    """Which grids lie beside each other.

    Parameters
    ----------
    grids
        One row a grid. Contiguity needs `geometry`; distance and nearest need `x_km`, `y_km`.
    how
        ``contiguity``: polygons touch, at a corner or within :data:`SNAP_M`; ``distance``: centres within `radius_km`; ``nearest``: the `k`
        nearest centres, made symmetric; ``auto``: contiguity where all grids have a polygon, else nearest where they have
        centres, else none.
    radius_km
        For ``distance``, km.
    k
        For ``nearest``.

    Returns
    -------
    neighbors
        (n, n) symmetric 0/1 matrix with an empty diagonal, in the order of the rows of `grids`.

    Raises
    ------
    DataError
        The columns that `how` needs are missing.

    Examples
    --------
    >>> row = pd.DataFrame({"grid_id": ["A", "B", "C"], "x_km": [0.0, 1.0, 2.0], "y_km": 0.0})
    >>> neighbors(row, how="distance", radius_km=1.2).toarray().tolist()
    [[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    """
    from scipy import sparse  # noqa: PLC0415

    n = len(grids)
    if how == "auto":
        drawn = "geometry" in grids and grids["geometry"].notna().all()
        centred = {"x_km", "y_km"} <= set(grids) and bool(grids[["x_km", "y_km"]].notna().all().all())
        how = "contiguity" if drawn else "nearest" if centred else "auto"
    if how == "auto" or n < 2:
        return sparse.csr_matrix((n, n), dtype=np.float32)
    if how == "contiguity":
        links = _by_contact(grids)
    else:
        links = (
            _by_distance(_centres(grids), radius_km) if how == "distance" else _by_rank(_centres(grids), min(k, n - 1))
        )
    links = links.maximum(links.T).tocsr().astype(np.float32)
    links.setdiag(0)
    links.eliminate_zeros()
    links.data[:] = 1.0
    return links


@checked
def spacing(grids: pd.DataFrame) -> float:
    """Median distance from the centre of a grid to the next one, km; 1 where there is one grid, or all lie on one spot.

    Parameters
    ----------
    grids
        One row a grid, with `x_km`, `y_km`; grids without a centre are left out.

    Returns
    -------
    spacing
        km, above 0: the unit in which :func:`closeness` measures.

    Raises
    ------
    DataError
        The columns are missing.

    Examples
    --------
    >>> spacing(pd.DataFrame({"grid_id": ["A", "B", "C"], "x_km": [0.0, 0.4, 0.8], "y_km": 0.0}))
    0.4
    """
    from scipy.spatial import cKDTree  # noqa: PLC0415

    centres = _centres(grids.dropna(subset=["x_km", "y_km"]))
    if len(centres) < 2:
        return 1.0
    return float(np.median(cKDTree(centres).query(centres, k=2)[0][:, 1])) or 1.0


@checked
def closeness(grids: pd.DataFrame, *, reach: float = 1.0, shape: str = "gauss") -> "sparse.csr_matrix":
    """How much each grid counts for each, by the distance between centres in units of :func:`spacing`.

    Parameters
    ----------
    grids
        One row a grid, with `x_km`, `y_km`; one without a centre counts for itself alone.
    reach
        Bandwidth (``gauss``) or greatest distance (``bands``), in spacings.
    shape
        ``gauss``: ``exp(-d² / 2 reach²)`` up to ``3 reach``, columns summing to one: what a grid gives is spread, not multiplied.
        ``bands``: ``1 / (1 + b)`` where `b` whole half spacings lie between, up to `reach`.

    Returns
    -------
    closeness
        (n, n) weights of column for row, in the order of the rows of `grids`.

    Raises
    ------
    DataError
        No grid has a centre.

    Examples
    --------
    >>> street = pd.DataFrame({"x_km": [0.0, 2.0, 4.0], "y_km": 0.0})
    >>> closeness(street, reach=1, shape="bands").toarray().astype(float).round(2).tolist()
    [[1.0, 0.33, 0.0], [0.33, 1.0, 0.33], [0.0, 0.33, 1.0]]
    """
    from scipy import sparse  # noqa: PLC0415
    from scipy.spatial import cKDTree  # noqa: PLC0415

    if not {"x_km", "y_km"} <= set(grids) or not len(
        placed := np.flatnonzero(grids[["x_km", "y_km"]].notna().all(axis=1))
    ):
        raise DataError(
            "weights by distance need x_km and y_km; give them, or polygons, or leave out what looks around."
        )
    tree = cKDTree(_centres(grids.iloc[placed]) / spacing(grids))
    far = (_GAUSS_END if shape == "gauss" else 1) * reach
    pairs = tree.sparse_distance_matrix(tree, far * (1 + _ROUND), output_type="ndarray")
    if shape == "gauss":
        weights = np.exp(-0.5 * (pairs["v"] / reach) ** 2)
    else:
        weights = 1 / (1 + np.floor(2 * pairs["v"] * (1 + _ROUND)))
    alone = np.setdiff1d(np.arange(len(grids)), placed)
    row, column = (np.r_[placed[pairs[end]], alone] for end in ("i", "j"))
    matrix = sparse.csr_matrix((np.r_[weights, np.ones(len(alone))], (row, column)), shape=(len(grids), len(grids)))
    if shape == "gauss":
        matrix = matrix @ sparse.diags(1 / np.asarray(matrix.sum(axis=0)).ravel())
    return matrix.tocsr().astype(np.float32)


def _centres(grids: pd.DataFrame) -> np.ndarray:
    if not {"x_km", "y_km"} <= set(grids) or grids[["x_km", "y_km"]].isna().any().any():
        raise DataError(
            "neighbours by distance need x_km and y_km for every grid; give them, or polygons for contiguity."
        )
    return grids[["x_km", "y_km"]].to_numpy(dtype=np.float64)


def _by_contact(grids: pd.DataFrame) -> "sparse.csr_matrix":
    """Polygons that touch, or would but for a sliver: drawn by hand or rounded, neighbours rarely share their corners exactly."""
    import shapely  # noqa: PLC0415
    from scipy import sparse  # noqa: PLC0415

    shapes = polygons(grids)
    flat = shapes.to_crs(shapes.estimate_utm_crs()).geometry.to_numpy()
    row, column = shapely.STRtree(flat).query(flat, predicate="dwithin", distance=SNAP_M)
    return sparse.csr_matrix((np.ones(len(row), np.float32), (row, column)), shape=(len(grids), len(grids)))


def _by_distance(centres: np.ndarray, radius_km: float) -> "sparse.csr_matrix":
    from scipy import sparse  # noqa: PLC0415
    from scipy.spatial import cKDTree  # noqa: PLC0415

    pairs = cKDTree(centres).query_pairs(radius_km, output_type="ndarray")
    ones = np.ones(len(pairs), np.float32)
    return sparse.csr_matrix((ones, (pairs[:, 0], pairs[:, 1])), shape=(len(centres), len(centres)))


def _by_rank(centres: np.ndarray, k: int) -> "sparse.csr_matrix":
    from scipy import sparse  # noqa: PLC0415
    from scipy.spatial import cKDTree  # noqa: PLC0415

    nearest = cKDTree(centres).query(centres, k=k + 1)[1][:, 1:]
    rows = np.repeat(np.arange(len(centres)), k)
    return sparse.csr_matrix(
        (np.ones(rows.size, np.float32), (rows, nearest.ravel())), shape=(len(centres), len(centres))
    )


@checked
def measure(grids: pd.DataFrame, *, crs: int | str | None = None) -> pd.DataFrame:
    """`grids` with `area_km2`, `x_km` and `y_km` computed from the polygons.

    Parameters
    ----------
    grids
        One row a grid, with `geometry`.
    crs
        A flat projection in metres; the UTM zone of the city by default.

    Returns
    -------
    grids
        With `area_km2` (km²), and `x_km`, `y_km` of the centre of mass, km in the projection.

    Raises
    ------
    DataError
        A polygon is missing or not valid WKT.

    Examples
    --------
    >>> cell = pd.DataFrame({"grid_id": ["A"], "geometry": ["POLYGON ((120 30, 120.01 30, 120.01 30.01, 120 30.01, 120 30))"]})
    >>> measure(cell)["area_km2"].round(2).tolist()
    [1.07]
    """
    shapes = polygons(grids)
    flat = shapes.to_crs(crs or shapes.estimate_utm_crs())
    centre = flat.geometry.centroid
    return grids.assign(
        area_km2=flat.area.to_numpy() / 1e6, x_km=centre.x.to_numpy() / 1e3, y_km=centre.y.to_numpy() / 1e3
    )


@checked
def regular(
    outline: "gpd.GeoDataFrame", *, cell_m: float = 400.0, prefix: str = "G", least_share: float = 0.1
) -> pd.DataFrame:
    """A regular square grid cut to the outline of a city.

    Parameters
    ----------
    outline
        Polygons that together make up the city, with a CRS.
    cell_m
        Edge of a cell, m.
    prefix
        Grid ids are `prefix`, row from the south and column from the west, as ``G012034``.
    least_share
        Cells with less than this share of their area inside the outline join the neighbour they share the longest edge with.

    Returns
    -------
    grids
        Columns `grid_id`, `area_km2`, `x_km`, `y_km`, `geometry` (WKT, WGS 84).

    Raises
    ------
    DataError
        The outline has no CRS.

    Examples
    --------
    >>> import geopandas as gpd
    >>> import shapely
    >>> outline = gpd.GeoDataFrame(geometry=[shapely.box(120.0, 30.0, 120.008, 30.007)], crs=4326)
    >>> regular(outline, cell_m=400)[["grid_id", "area_km2"]].round(3).head(2).to_numpy().tolist()
    [['G000000', 0.047], ['G000001', 0.094]]
    """
    import geopandas as gpd  # noqa: PLC0415
    import shapely  # noqa: PLC0415

    if outline.crs is None:
        raise DataError("the outline has no CRS; set it, for example outline.set_crs(4326).")
    utm = outline.estimate_utm_crs()
    city = shapely.union_all(shapely.make_valid(outline.to_crs(utm).geometry.to_numpy()))
    west, south, east, north = city.bounds
    x0, y0 = np.floor(west / cell_m) * cell_m, np.floor(south / cell_m) * cell_m
    columns, rows = int(np.ceil((east - x0) / cell_m)), int(np.ceil((north - y0) / cell_m))
    column, row = (a.ravel() for a in np.meshgrid(np.arange(columns), np.arange(rows)))
    left, low = x0 + column * cell_m, y0 + row * cell_m
    cells = shapely.box(left, low, left + cell_m, low + cell_m)
    shapely.prepare(city)
    touching = shapely.intersects(city, cells)
    pieces = shapely.intersection(cells[touching], city)
    ids = np.array(
        [
            f"{prefix}{r:0{_CELL_CODE_WIDTH}d}{c:0{_CELL_CODE_WIDTH}d}"
            for r, c in zip(row[touching], column[touching], strict=True)
        ]
    )
    large, shapes = _join_slivers(pieces, least_share * cell_m**2)
    flat = gpd.GeoSeries(shapes, crs=utm)
    centre = flat.centroid
    grids = pd.DataFrame(
        {
            "grid_id": ids[large],
            "area_km2": flat.area.to_numpy() / 1e6,
            "x_km": centre.x.to_numpy() / 1e3,
            "y_km": centre.y.to_numpy() / 1e3,
            "geometry": shapely.to_wkt(flat.to_crs(WGS84).to_numpy(), rounding_precision=6),
        }
    )
    return grids.sort_values("grid_id", ignore_index=True)


def _join_slivers(pieces: np.ndarray, least_area: float) -> tuple[np.ndarray, np.ndarray]:
    """Merge pieces below `least_area` into the kept piece with the longest common edge; drop those that touch none."""
    import shapely  # noqa: PLC0415

    area = shapely.area(pieces)
    large = np.flatnonzero(area >= least_area)
    shapes = pieces[large].copy()
    tree = shapely.STRtree(shapes)
    for sliver in pieces[(area > 0) & (area < least_area)]:
        near = tree.query(sliver, predicate="intersects")
        if near.size:
            edge = shapely.length(shapely.intersection(shapely.boundary(pieces[large][near]), sliver))
            best = near[int(np.argmax(edge))]
            shapes[best] = shapely.union(shapes[best], sliver)
    return large, shapes


@checked
def locate(lon: Sequence[float] | np.ndarray, lat: Sequence[float] | np.ndarray, grids: pd.DataFrame) -> np.ndarray:
    """The grid each point lies in.

    Parameters
    ----------
    lon, lat
        (n,) degrees, WGS 84.
    grids
        One row a grid, with `geometry`.

    Returns
    -------
    grid_id
        (n,) text; empty where the point is missing or in no grid. A point on a border belongs to the first grid by id.

    Raises
    ------
    DataError
        A polygon is missing or not valid WKT.

    Examples
    --------
    >>> cell = pd.DataFrame({"grid_id": ["A"], "geometry": ["POLYGON ((120 30, 120.01 30, 120.01 30.01, 120 30.01, 120 30))"]})
    >>> locate([120.005, 121.0], [30.005, 30.0], cell).tolist()
    ['A', '']
    """
    import shapely  # noqa: PLC0415

    shapes = polygons(grids)
    ids = shapes["grid_id"].to_numpy(dtype=object)
    points = shapely.points(np.asarray(lon, dtype=float), np.asarray(lat, dtype=float))
    there = np.isfinite(np.asarray(lon, dtype=float)) & np.isfinite(np.asarray(lat, dtype=float))
    grid_of = np.full(len(points), "", dtype=object)
    at, in_grid = shapely.STRtree(shapes.geometry.to_numpy()).query(points[there], predicate="intersects")
    order = np.argsort(ids[in_grid], kind="stable")[::-1]
    grid_of[np.flatnonzero(there)[at[order]]] = ids[in_grid[order]]
    return grid_of


@checked
def carry(counts: pd.DataFrame, crosswalk: pd.DataFrame, *, until: object = None) -> pd.DataFrame:
    """Counts of grids that ended, carried over to the grids that took over; the total stays the same.

    Parameters
    ----------
    counts
        Numbers by `grid_id` (the index), any columns.
    crosswalk
        The `crosswalk` table: `from_grid_id`, `to_grid_id`, `effective_at`, `weight`.
    until
        Only changes effective at or before this instant; all by default. Changes follow one another in time.

    Returns
    -------
    carried
        Like `counts`, one row a grid, in the order of `grid_id`.

    Raises
    ------
    DataError
        The weights of a grid do not add up to 1, so counts would be lost or invented.

    Examples
    --------
    >>> change = {"from_grid_id": ["A", "A"], "to_grid_id": ["A1", "A2"], "weight": [0.25, 0.75]}
    >>> crosswalk = pd.DataFrame(change).assign(effective_at=pd.Timestamp("2025-01-01", tz="UTC"))
    >>> carry(pd.DataFrame({"n": [8.0, 1.0]}, index=pd.Index(["A", "B"], name="grid_id")), crosswalk)["n"].to_dict()
    {'A1': 2.0, 'A2': 6.0, 'B': 1.0}
    """
    held = crosswalk if until is None else crosswalk[crosswalk["effective_at"] <= until]
    check_weights(held)
    carried = counts
    for _, change in held.groupby("effective_at", sort=True):
        links = change.set_index("from_grid_id")
        moved = links[["to_grid_id", "weight"]].join(carried, how="inner")
        shares = moved[list(counts)].mul(moved["weight"], axis=0).assign(grid_id=moved["to_grid_id"].to_numpy())
        stayed = carried[~carried.index.isin(links.index)].rename_axis("grid_id").reset_index()
        carried = pd.concat([stayed, shares], ignore_index=True).groupby("grid_id")[list(counts)].sum()
    return carried.sort_index()


@checked
def check_weights(crosswalk: pd.DataFrame) -> None:
    """Refuse a crosswalk whose weights of one grid do not add up to 1.

    Parameters
    ----------
    crosswalk
        The `crosswalk` table: `from_grid_id`, `effective_at`, `weight`.

    Raises
    ------
    DataError
        Names the grids.

    Examples
    --------
    >>> check_weights(pd.DataFrame({"from_grid_id": ["A", "A"], "effective_at": 0, "weight": [0.5, 0.25]}))
    Traceback (most recent call last):
        ...
    riskwarn.errors.DataError: crosswalk: the weights of 1 grids do not add up to 1 (A 0.75); counts would be lost or invented.
    """
    total = crosswalk.groupby(["from_grid_id", "effective_at"])["weight"].sum()
    odd = total[~np.isclose(total, 1.0, atol=1e-6)]
    if len(odd):
        first = ", ".join(f"{grid} {share:g}" for (grid, _), share in odd.head(3).items())
        raise DataError(
            f"crosswalk: the weights of {len(odd)} grids do not add up to 1 ({first}); counts would be lost or invented."
        )
