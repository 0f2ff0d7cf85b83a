"""Records from JSON, GeoJSON among it, and from databases."""

import json
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from riskwarn.errors import DataError, NotFoundError
from riskwarn.ingest.columnar import open_parquet
from riskwarn.ingest.delivery import (
    BATCH_ROWS,
    Delivery,
    Piece,
    Stated,
    cell_pieces,
    cell_text,
    file_digest,
    has_half_character,
)
from riskwarn.ingest.encoding import BAD, sniff_encoding, utf8_blocks
from riskwarn.privacy import shown

if TYPE_CHECKING:
    import sqlalchemy as sa

_LISTS = ("features", "data", "records", "rows", "items", "results", "result", "value", "list", "requests")
"""Keys under which services wrap the list of records, tried in order at each level."""
_DEEPEST = 3
"""Levels of wrapping that are looked through."""
WGS84 = 4326
GEOMETRY = "geometry"
_Checked = tuple[dict[str, object], str]
"""A record, and why it is broken, if it is."""


def open_records(path: Path, _known: Sequence[str], stated: Stated) -> Delivery:
    """Open JSON: a record a line, a list of records, or such a list wrapped as services do (``{"data": [...]}``).

    Features of GeoJSON and of ArcGIS become records with their properties and a `geometry` as WKT. A value that is itself an object or
    a list comes as JSON text, one that is a GeoJSON geometry as WKT.

    Raises
    ------
    DataError
        The file is no JSON, or holds no list of records, or several.
    """
    sniffed, digest = ("", file_digest(path)) if stated.encoding else sniff_encoding(path)
    encoding = stated.encoding or sniffed
    lined = _is_lined(path, encoding)
    listed, is_cut = ([], False) if lined else _listed(path, encoding, stated)

    def records() -> Iterator[_Checked]:
        return _lined(path, encoding) if lined else iter(listed)

    header = list(dict.fromkeys(key for record, _ in records() for key in record))
    if not header:
        raise DataError(f"{path}: no record in it; wanted one JSON object a line, or a list of them.")
    if any(has_half_character(name) for name in header):
        raise DataError(f"{path}: a key has half a character (a lone surrogate); export it again as UTF-8.")

    def read(columns: Sequence[str]) -> Iterator[Piece]:
        lines = (([record.get(name) for name in header], fault) for record, fault in records())
        return cell_pieces(header, columns, lines)

    notes = {"the service cut its answer (exceededTransferLimit): rows are missing": len(listed)} if is_cut else {}
    return Delivery(path.name, digest, tuple(header), read, encoding=encoding, notes=notes)


def _lines(path: Path, encoding: str) -> Iterator[str]:
    """The lines that are not blank, one after the other."""
    waiting = b""
    for block in utf8_blocks(path, encoding):
        *whole, waiting = (waiting + block).split(b"\n")
        yield from (line.decode() for line in whole if line.strip())
    if waiting.strip():
        yield waiting.decode()


def _is_lined(path: Path, encoding: str) -> bool:
    """Whether each line is a record: the first is one, and is not the whole answer of a service."""
    lines = _lines(path, encoding)
    try:
        first = json.loads(next(lines, ""))
    except (ValueError, RecursionError):
        return path.suffix.lower() in {".jsonl", ".ndjson"}
    return isinstance(first, dict) and (next(lines, None) is not None or not _lists(first))


def _lined(path: Path, encoding: str) -> Iterator[_Checked]:
    for line in _lines(path, encoding):
        try:
            yield ({}, "the line has bytes that are no character") if BAD in line else _record(json.loads(line), None)
        except (ValueError, RecursionError):
            yield {}, "the line is not JSON"


def _listed(path: Path, encoding: str, stated: Stated) -> tuple[list[_Checked], bool]:
    """The records of one JSON value, and whether the service says that it left some out."""
    text = b"".join(utf8_blocks(path, encoding)).decode()
    try:
        whole = json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(f"{path}: line {error.lineno} is not JSON; export it again, best as JSON lines.") from None
    except (ValueError, RecursionError):
        raise DataError(f"{path}: no JSON that can be a table; export it again, best as JSON lines.") from None
    crs = _crs(whole) if isinstance(whole, dict) and not stated.crs else None
    listed = [_record(record, crs) for record in (whole if isinstance(whole, list) else _wrapped(path, whole))]
    around = whole if isinstance(whole, dict) else {}
    cut = [said.get("exceededTransferLimit") for said in (around, around.get("properties")) if isinstance(said, dict)]
    return listed, any(flag is True for flag in cut)


# -- lists within services' answers -----------------------------------------------------------------------------------


def _wrapped(path: Path, whole: object) -> list[object]:
    lists = _lists(whole)
    if len(lists) != 1:
        names = ", ".join(shown(name) for name in lists) or "none"
        raise DataError(
            f"{path}: wanted one list of records in the JSON, found {len(lists)} ({names}); export the records alone."
        )
    return next(iter(lists.values()))


def _lists(whole: object, depth: int = 0) -> dict[str, list[object]]:
    """The lists of records within an object, by key; a key that services use for them goes before all other ones."""
    if not isinstance(whole, dict) or depth == _DEEPEST:
        return {}
    usual = [key for key in _LISTS if key in whole]
    for key in usual:
        if _are_records(whole[key]):
            return {key: whole[key]}
        if within := _lists(whole[key], depth + 1):
            return within
    return {key: value for key, value in whole.items() if value and _are_records(value)}


def _are_records(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(record, dict) for record in value)


# -- one record -------------------------------------------------------------------------------------------------------


def _record(record: object, crs: object) -> _Checked:
    if not isinstance(record, dict):
        return {}, "the record is not a JSON object"
    if not record:
        return {}, "the record is empty"
    fields = _feature(record)
    try:
        return {key: _plain(value, crs) for key, value in fields.items()}, ""
    except (ValueError, TypeError, KeyError, IndexError, RecursionError):
        return {}, "the record's geometry is damaged"


def _feature(record: dict[str, object]) -> dict[str, object]:
    """Properties and geometry of a feature side by side; any other record as it is."""
    properties = record.get("attributes", record.get("properties"))
    if not isinstance(properties, dict) or not ({GEOMETRY, "type"} & set(record) or len(record) == 1):
        return record
    outer_id = {"id": record["id"]} if "id" in record and "id" not in properties else {}
    return {**outer_id, **properties, **({GEOMETRY: record[GEOMETRY]} if GEOMETRY in record else {})}


def _plain(value: object, crs: object) -> object:
    if not isinstance(value, dict | list):
        return value
    if isinstance(value, dict):
        if {"type", "coordinates"} <= set(value) or "geometries" in value:
            return _wkt(value, crs)
        if {"x", "y"} <= set(value) <= {"x", "y", "z", "m", "spatialReference"}:
            return (
                _wkt({"type": "Point", "coordinates": [value["x"], value["y"]]}, crs)
                if value["x"] is not None
                else None
            )
        if "rings" in value:
            return _wkt(_from_rings(value["rings"]), crs)
    return json.dumps(value, ensure_ascii=False)


def _from_rings(rings: list[list[list[float]]]) -> dict[str, object]:
    """An ArcGIS polygon, whose outer rings run clockwise and whose holes follow theirs, as GeoJSON."""
    import shapely  # noqa: PLC0415

    whole = shapely.Polygon()
    for ring in rings:
        whole = whole.symmetric_difference(shapely.make_valid(shapely.Polygon([point[:2] for point in ring])))
    return json.loads(shapely.to_geojson(whole))


def _wkt(geometry: dict[str, object], crs: object) -> str:
    import shapely  # noqa: PLC0415
    from shapely.geometry import shape  # noqa: PLC0415

    drawn = shapely.force_2d(shape(geometry))
    if crs is not None:
        drawn = shapely.transform(drawn, lambda points: _to_wgs84(points, crs))
    return shapely.to_wkt(drawn, rounding_precision=7)


def _to_wgs84(points: np.ndarray, crs: object) -> np.ndarray:
    return np.column_stack(_way(crs).transform(points[:, 0], points[:, 1]))


@cache
def _way(crs: Any) -> Any:
    """The way of a reference system to WGS 84: made once, since making it takes longer than a thousand polygons."""
    import pyproj  # noqa: PLC0415

    return pyproj.Transformer.from_crs(crs, WGS84, always_xy=True)


def _crs(whole: dict[str, object]) -> object:
    """The CRS that a GeoJSON or an ArcGIS answer says, where it is not in degrees of WGS 84."""
    import pyproj  # noqa: PLC0415

    said = whole.get("crs") or {}
    name = said.get("properties", {}).get("name") if isinstance(said, dict) else None
    reference = whole.get("spatialReference") or {}
    name = name or (reference.get("latestWkid") or reference.get("wkid") if isinstance(reference, dict) else None)
    if not name:
        return None
    crs = pyproj.CRS(name)
    return None if crs.is_geographic and crs.to_epsg() in {WGS84, 4490, None} else crs


# -- databases --------------------------------------------------------------------------------------------------------


def open_query(url: str, query: str) -> Delivery:
    """The answer of a database, fetched in pieces in a read-only transaction and kept as a temporary file while it is read.

    Parameters
    ----------
    url
        As SQLAlchemy takes it, for example ``postgresql+psycopg://reader@host/centre``; a password is never repeated.
    query
        A SELECT, from the mapping.

    Raises
    ------
    DataError
        The mapping has no query, or the database refuses it.
    NotFoundError
        The database cannot be reached.
    """
    import sqlalchemy as sa  # noqa: PLC0415

    if not query.strip():
        raise DataError("the mapping has no `query`; say which rows to fetch, for example query = 'SELECT … FROM …'.")
    folder = tempfile.mkdtemp(prefix="riskwarn-")
    try:
        name = sa.make_url(url).render_as_string(hide_password=True)
        _fetch(sa.create_engine(url), query, Path(folder) / "answer.parquet")
    except (sa.exc.SQLAlchemyError, ModuleNotFoundError) as error:
        shutil.rmtree(folder)
        kind = NotFoundError if isinstance(error, sa.exc.OperationalError) else DataError
        said = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise kind(f"database {url.rpartition('@')[2]}: {said}.") from None
    delivery = open_parquet(Path(folder) / "answer.parquet", (), Stated())
    answered = replace(delivery, name=name)
    weakref.finalize(answered.read, shutil.rmtree, folder, ignore_errors=True)
    return answered


def _fetch(engine: "sa.Engine", query: str, target: Path) -> None:
    import sqlalchemy as sa  # noqa: PLC0415

    options = {"stream_results": True, "yield_per": BATCH_ROWS}
    if engine.dialect.name == "postgresql":
        options["postgresql_readonly"] = True
    try:
        with engine.connect() as link:
            connection = link.execution_options(**options)
            answer = connection.execute(sa.text(query))
            schema = pa.schema([(name, pa.string()) for name in answer.keys()])  # noqa: SIM118 a result is no dictionary
            with pq.ParquetWriter(target, schema, compression="zstd") as writer:
                for rows in answer.partitions():
                    columns = [[cell_text(cell) for cell in column] for column in zip(*rows, strict=True)]
                    writer.write_table(pa.table(dict(zip(schema.names, columns, strict=True)), schema=schema))
    finally:
        engine.dispose()
