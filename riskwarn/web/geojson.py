"""The grids of a night as GeoJSON, simplified without tearing shared borders, compressed once."""

import gzip
import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
import shapely

from riskwarn.web.nights import Night

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


@lru_cache(maxsize=4)
def geojson(night: Night) -> MapDocument:
    """One feature a grid with its score, level and band; grids without a polygon are left out."""
    shown = night.grids["geometry"].notna() & night.grids["grid_id"].isin(night.by_grid.index)
    scored = night.by_grid.loc[night.grids.loc[shown, "grid_id"]].reset_index(drop=True)
    features = (
        '{"type":"Feature","geometry":'
        + _drawn(night.shapes[shown.to_numpy()])
        + ',"properties":'
        + _properties(scored)
        + "}"
    )
    text = '{"type":"FeatureCollection","as_of":"%s","features":[%s]}' % (night.date, ",\n".join(features))  # noqa: UP031 - braces
    raw = text.encode()
    return MapDocument(gzip.compress(raw, 6, mtime=0), f'"{hashlib.sha256(raw).hexdigest()[:32]}"')


def has_map(night: Night) -> bool:
    """Whether any grid has a polygon."""
    return bool("geometry" in night.grids and night.grids["geometry"].notna().any())


def _drawn(shapes: np.ndarray) -> pd.Series:
    shapes = shapes.copy()
    areas = np.isin(shapely.get_type_id(shapes), (3, 6))
    shapes[areas] = shapely.coverage_simplify(shapes[areas], TOLERANCE_DEGREES)
    rounded = shapely.transform(shapes, lambda corners: corners.round(_DECIMALS))
    return pd.Series(shapely.to_geojson(rounded), dtype="str")


def _properties(scores: pd.DataFrame) -> pd.Series:
    present = scores[[c for c in _PROPERTIES if c in scores]]
    lines = present.round({"probability": 4, "expected": 3}).to_json(orient="records", lines=True, force_ascii=False)
    return pd.Series(lines.strip().split("\n") if len(present) else [], index=scores.index, dtype="str")
