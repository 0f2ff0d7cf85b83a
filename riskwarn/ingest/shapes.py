"""Shapefiles and GeoPackages: attributes as they are, polygons and points as WKT."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from riskwarn.errors import DataError
from riskwarn.ingest.delivery import Delivery, Stated, file_digest, folded_name, in_memory
from riskwarn.ingest.encoding import likely_encoding
from riskwarn.privacy import shown

if TYPE_CHECKING:
    import geopandas as gpd

WGS84 = 4326
_RECORDS_AT = slice(8, 10)
"""Bytes of a dBASE file that say where its records begin."""


def open_shapes(path: Path, known: Sequence[str], stated: Stated) -> Delivery:
    """Open ``.shp`` or ``.gpkg``; its polygons come in WGS 84, or in their own numbers where the mapping states the CRS.

    A Shapefile without ``.cpg`` does not say the encoding of its texts: they are read as :func:`likely_encoding` finds them.

    Raises
    ------
    DataError
        The file has no CRS and none is stated, or the encoding of the texts cannot be told.
    """
    import geopandas as gpd  # noqa: PLC0415

    encoding = stated.encoding or _table_encoding(path)
    layer, notes = _layer(path, known)
    areas = gpd.read_file(path, layer=layer, **({"encoding": encoding} if encoding else {}))
    if areas.crs is None and not stated.crs:
        raise DataError(
            f"{path}: the polygons have no CRS; write one into the file, or state `crs` under [area], for example 'EPSG:4326'."
        )
    rows = pd.DataFrame(areas.drop(columns=areas.geometry.name))
    delivery = in_memory(path.name, file_digest(path), rows.assign(geometry=_wkt(areas, stated)))
    return replace(delivery, notes=notes)


def _layer(path: Path, known: Sequence[str]) -> tuple[str | None, dict[str, int]]:
    """The layer with most known columns, the first of equal ones, and a note of every other one with its number of rows."""
    import pyogrio  # noqa: PLC0415

    kinds = {str(name): kind for name, kind in pyogrio.list_layers(path)}
    if len(kinds) < 2:
        return None, {}
    names = {folded_name(name) for name in known}
    layer_info = {layer: pyogrio.read_info(path, layer=layer, force_feature_count=True) for layer in kinds}
    drawn = [layer for layer, kind in kinds.items() if kind] or list(kinds)
    lead = max(drawn, key=lambda layer: len(names & {folded_name(column) for column in layer_info[layer]["fields"]}))
    return lead, {
        f"layer {shown(layer)} is not read; export it as a file of its own": int(layer_info[layer]["features"])
        for layer in kinds
        if layer != lead
    }


def _wkt(areas: "gpd.GeoDataFrame", stated: Stated) -> pd.Series:
    import shapely  # noqa: PLC0415

    if areas.crs is not None and not stated.crs:
        areas = areas.to_crs(WGS84)
    return pd.Series(shapely.to_wkt(areas.geometry.to_numpy(), rounding_precision=7), index=areas.index, dtype="str")


def _table_encoding(path: Path) -> str:
    """The encoding of the texts of a Shapefile that does not say it; empty where the file says it, or is none."""
    tables = [p for p in path.parent.glob(f"{path.stem}.*") if p.suffix.lower() == ".dbf"]
    says = any(p.suffix.lower() == ".cpg" for p in path.parent.glob(f"{path.stem}.*"))
    if path.suffix.lower() != ".shp" or says or not tables:
        return ""
    content = tables[0].read_bytes()
    start = int.from_bytes(content[_RECORDS_AT], "little")
    names = [content[at : at + 11].rstrip(b"\0") for at in range(32, start - 1, 32)]
    sample = b"\n".join(word for word in [*names, *content[start:].split()] if not word.isascii())[: 1 << 17]
    encoding = likely_encoding(sample)
    if not encoding:
        raise DataError(
            f"{path}: the encoding of its texts cannot be told; put a .cpg file beside it, or state `encoding` in the mapping."
        )
    return encoding
