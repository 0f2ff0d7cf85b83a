"""Maps as GeoJSON: grids with their scores, or larger areas, simplified without tearing shared borders."""

import gzip
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely

from riskwarn.web.held import Night
from riskwarn.web.places import Places

TOLERANCE_DEGREES = 1e-4
"""Detail smaller than about 10 m is dropped."""
_DECIMALS = 5
_PROPERTIES = ("grid_id", "name", "rank", "probability", "expected", "state", "band", "level", "alert_id")


@dataclass(frozen=True)
class MapDocument:
    """A GeoJSON document: its text compressed with gzip, and its ETag."""

    compressed: bytes
    etag: str

    @property
    def text(self) -> bytes:
        """The document itself."""
        return gzip.decompress(self.compressed)


def geojson(night: Night) -> MapDocument:
    """One feature a grid with its score, level and band; grids without a polygon are left out. Drawn once a night and question."""
    made = night.ranked.made
    if "map" not in made:
        raw = drawn_scores(night, np.sort(night.ranked.row_of[night.ranked.row_of >= 0]))
        made["map"] = MapDocument(gzip.compress(raw, 6, mtime=0), f'"{hashlib.sha256(raw).hexdigest()[:32]}"')
    document: MapDocument = made["map"]
    return document


def drawn_scores(night: Night, rows: np.ndarray, *, tolerance: float = TOLERANCE_DEGREES) -> bytes:
    """Grids as a feature collection.

    Parameters
    ----------
    night
        Of one question.
    rows
        Numbers of its scores, in the order wanted.
    tolerance
        Detail smaller than this is dropped, degrees.

    Returns
    -------
    text
        One feature a grid with score, level and band; grids without a polygon are left out.
    """
    scores = night.scores.iloc[rows]
    numbers = night.places.numbers
    place = np.array([numbers.get(g, -1) for g in scores["grid_id"]], dtype=np.int64)
    shown = place >= 0
    shown[shown] &= night.places.drawn[place[shown]]
    shapes = outlines(night.places, tolerance)[place[shown]]
    return _collection(night, shapes, _properties(scores[shown]))


def drawn_areas(night: Night, rows: np.ndarray, by: str, *, tolerance: float) -> bytes:
    """Communities, townships or counties as a feature collection: their grids joined.

    Parameters
    ----------
    night
        Of one question.
    rows
        Numbers of its scores.
    by
        ``community``, ``township`` or ``county``.
    tolerance
        Detail smaller than this is dropped, degrees.

    Returns
    -------
    text
        One feature an area with what its scored grids add up to.
    """
    scores = night.scores.iloc[rows]
    column = f"{by}_id"
    if column not in scores:
        return _collection(night, [], [])
    places, grids = night.places, scores[scores[column].notna()]
    shapes, told = [], []
    for area_id, members in grids.groupby(column, sort=True):
        place = [places.numbers[g] for g in members["grid_id"] if g in places.numbers]
        polygons = [shape for shape in places.shapes[place] if shape is not None]
        if polygons:
            shapes.append(shapely.union_all(polygons))
            told.append(
                {"area_id": area_id, "n_grids": len(members), "expected": round(float(members["expected"].sum()), 3)}
            )
    drawn = _drawn(np.array(shapes, dtype=object), tolerance) if shapes else []
    return _collection(night, drawn, [json.dumps(properties, ensure_ascii=False) for properties in told])


def has_map(night: Night) -> bool:
    """Whether any grid has a polygon."""
    return bool(night.places.drawn.any())


def outlines(places: Places, tolerance: float) -> np.ndarray:
    """(n_grids,) Each polygon as GeoJSON text, simplified together; empty where there is none. Those of a map are kept.

    Parameters
    ----------
    places
        The grids.
    tolerance
        Detail smaller than this is dropped, degrees.

    Returns
    -------
    texts
        In the order of the grids.
    """
    if tolerance == TOLERANCE_DEGREES and places.outlines is not None:
        return places.outlines
    texts = np.full(len(places.drawn), "", dtype=object)
    texts[places.drawn] = _drawn(places.shapes[places.drawn], tolerance)
    if tolerance == TOLERANCE_DEGREES:
        places.outlines = texts
    return texts


def simplified(shapes: np.ndarray, tolerance: float) -> np.ndarray:
    """Shapes with fewer corners, simplified together so that no border tears.

    Parameters
    ----------
    shapes
        (n,) Polygons; what is none stays as it is.
    tolerance
        Detail smaller than this is dropped, degrees.

    Returns
    -------
    shapes
        In their order.
    """
    shapes = shapes.copy()
    areas = np.isin(shapely.get_type_id(shapes), (3, 6))
    shapes[areas] = shapely.coverage_simplify(shapes[areas], tolerance)
    return shapes


def _drawn(shapes: np.ndarray, tolerance: float = TOLERANCE_DEGREES) -> pd.Series:
    rounded = shapely.transform(simplified(shapes, tolerance), lambda corners: corners.round(_DECIMALS))
    return pd.Series(shapely.to_geojson(rounded), dtype="str")


def _collection(night: Night, shapes: Sequence[str] | np.ndarray | pd.Series, properties: Sequence[str]) -> bytes:
    features = [
        f'{{"type":"Feature","geometry":{shape},"properties":{told}}}'
        for shape, told in zip(shapes, properties, strict=True)
    ]
    head = f'{{"type":"FeatureCollection","as_of":"{night.date}","features":['
    return (head + ",\n".join(features) + "]}").encode()


def _properties(scores: pd.DataFrame) -> list[str]:
    present = scores[[c for c in _PROPERTIES if c in scores]]
    lines = present.round({"probability": 4, "expected": 3}).to_json(orient="records", lines=True, force_ascii=False)
    return lines.strip().split("\n") if len(present) else []
