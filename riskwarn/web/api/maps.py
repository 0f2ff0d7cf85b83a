"""Maps: polygons of grids or larger areas, simplified without tearing shared borders."""

from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from riskwarn.access import Visitor
from riskwarn.web.api.scores import in_parent
from riskwarn.web.api.shared import nights_of, seen, tagged
from riskwarn.web.forms import MEDIA
from riskwarn.web.geojson import drawn_areas, drawn_scores, geojson
from riskwarn.web.policy import may
from riskwarn.web.schemas import MapQuery, NightQuery

router = APIRouter(prefix="/api/v1")
_GEO = MEDIA["geojson"]
_MAP: dict[int | str, dict[str, Any]] = {200: {"content": {_GEO: {}}}}


@router.get("/grids.geojson", response_class=Response, responses=_MAP)
def grids(
    request: Request,
    query: Annotated[NightQuery, Query()],
    visitor: Annotated[Visitor, may("scores:read", "own", "safe")],
) -> Response:
    """Polygons of the grids with score, band and level, for the map."""
    night = nights_of(request).at(query.as_of, target=query.target)
    mask = seen(night, visitor)
    if mask is not None:
        return tagged(request, drawn_scores(night, np.flatnonzero(mask)), _GEO)
    drawn = geojson(night)
    packed = "gzip" in request.headers.get("accept-encoding", "")
    body, coding = (drawn.compressed, "gzip") if packed else (drawn.text, "identity")
    return tagged(request, body, _GEO, etag=drawn.etag, headers={"Content-Encoding": coding})


@router.get("/map.geojson", response_class=Response, responses=_MAP)
def areas(
    request: Request,
    query: Annotated[MapQuery, Query()],
    visitor: Annotated[Visitor, may("scores:read", "own", "safe")],
) -> Response:
    """Grids or larger areas, of the whole city or within one area, in the detail asked for."""
    night = nights_of(request).at(query.as_of, target=query.target)
    masks = [seen(night, visitor), None if query.parent is None else in_parent(night, query.parent)]
    shown = np.ones(len(night.ranked.rows), dtype=bool)
    for mask in masks:
        shown = shown if mask is None else shown & mask
    rows = np.flatnonzero(shown)
    if query.by == "grid":
        return tagged(request, drawn_scores(night, rows, tolerance=query.tolerance), _GEO)
    return tagged(request, drawn_areas(night, rows, query.by, tolerance=query.tolerance), _GEO)
