"""Outlines for the map: one a grid, township or county, written small, the same for every night that has the same grids."""

import gzip
import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

import numpy as np
import shapely
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from riskwarn.access import Visitor
from riskwarn.web.api.shared import JSON, nights_of, tagged
from riskwarn.web.geojson import TOLERANCE_DEGREES, MapDocument, simplified
from riskwarn.web.held import Night
from riskwarn.web.narrow import narrowed
from riskwarn.web.page import PageQuery
from riskwarn.web.policy import may

outlines = APIRouter(include_in_schema=False)
By = Literal["grid", "township", "county"]
"""What is drawn, the smallest first."""
PER_DEGREE = 100_000
"""Corners are whole numbers of this part of a degree, about a metre."""
_COARSER: Mapping[By, float] = {"grid": 1.0, "township": 3.0, "county": 10.0}


class OutlinesQuery(PageQuery):
    """Parameters of the outlines."""

    by: By = "grid"


@outlines.get("/outlines")
def shapes(
    request: Request,
    query: Annotated[OutlinesQuery, Query()],
    visitor: Annotated[Visitor, may("scores:read", "own", "safe")],
) -> Response:
    """Outlines of what the visitor sees, in the order in which pages fill them."""
    night = narrowed(nights_of(request).at(query.as_of, target=query.target), visitor)
    document = drawn(night, query.by)
    packed = "gzip" in request.headers.get("accept-encoding", "")
    body, coding = (document.compressed, "gzip") if packed else (document.text, "identity")
    return tagged(request, body, JSON, etag=document.etag, headers={"Content-Encoding": coding})


def bys(night: Night) -> list[By]:
    """What can be drawn of a night, the smallest first."""
    return [by for by in get_args(By) if f"{by}_id" in night.scores]


def units(night: Night, by: By) -> list[str]:
    """Codes of what is drawn, in the order of the outlines.

    Parameters
    ----------
    night
        As the reader sees it.
    by
        What is drawn.

    Returns
    -------
    codes
        Of grids with a polygon and a score, or of areas with such a grid.
    """
    if by == "grid":
        return night.places.grids["grid_id"].iloc[_rows(night)].tolist()
    areas = night.places.grids[f"{by}_id"].iloc[_rows(night)].dropna()
    return sorted(map(str, areas.unique()))


def drawn(night: Night, by: By) -> MapDocument:
    """The outlines of a night as a document, written once for those who see the same grids.

    Parameters
    ----------
    night
        As the reader sees it.
    by
        What is drawn.

    Returns
    -------
    document
        JSON with `ids`, `names` and `shapes`: a shape is a list of polygons, a polygon a list of rings, and a ring the longitude and
        latitude of a corner in 1e-5 degrees followed by the steps to the next ones.
    """
    rows = _rows(night)
    made, key = night.places.made, ("outlines", by, rows.tobytes())
    if key not in made:
        ids, called = units(night, by), night.places.called
        told = {"ids": ids, "names": [called.get(i, i) for i in ids], "shapes": _shapes(night, by, ids, rows)}
        raw = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
        made[key] = MapDocument(gzip.compress(raw, 6, mtime=0), f'"{hashlib.sha256(raw).hexdigest()[:32]}"')
    document: MapDocument = made[key]
    return document


def _rows(night: Night) -> np.ndarray:
    """Rows of the places that are drawn, in their order."""
    made = night.made
    if "drawn rows" not in made:
        seen = night.places.grids["grid_id"].isin(night.by_grid.index).to_numpy()
        made["drawn rows"] = np.flatnonzero(seen & night.places.drawn)
    rows: np.ndarray = made["drawn rows"]
    return rows


def _shapes(night: Night, by: By, ids: list[str], rows: np.ndarray) -> list[Any]:
    polygons = night.places.shapes[rows]
    if by != "grid":
        of = night.places.grids[f"{by}_id"].iloc[rows].astype("object").to_numpy()
        polygons = np.array([shapely.union_all(polygons[of == area]) for area in ids], dtype=object)
    return [_corners(shape) for shape in simplified(polygons, TOLERANCE_DEGREES * _COARSER[by])]


def _corners(shape: Any) -> list[list[list[int]]]:
    """The polygons of a shape, each a list of rings."""
    parts = [part for part in shapely.get_parts(shape) if part.geom_type == "Polygon"]
    return [[_ring(ring) for ring in (part.exterior, *part.interiors)] for part in parts]


def _ring(ring: Any) -> list[int]:
    """The first corner and the steps to the next ones; the last, which is the first again, is left out.

    Examples
    --------
    >>> _ring(shapely.box(1, 2, 1.00001, 2.00002).exterior)
    [100001, 200000, 0, 2, -1, 0, 0, -2]
    """
    corners = np.rint(shapely.get_coordinates(ring)[:-1] * PER_DEGREE).astype(np.int64)
    steps: list[int] = np.diff(corners, axis=0, prepend=np.zeros((1, 2), dtype=np.int64)).ravel().tolist()
    return steps
