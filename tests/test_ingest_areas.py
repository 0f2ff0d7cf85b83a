"""Files of areas and points: placed where they lie whatever CRS and form they come in, or refused with what is odd about them."""

import json
import sys

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from riskwarn.errors import DataError, DefinitionError, NotFoundError
from riskwarn.ingest import ingest
from riskwarn.ingest.coordinates import gcj02_shift, points_of, to_wgs84
from riskwarn.ingest.mapping import mapping_of
from riskwarn.store import Store

ZONE = "Asia/Shanghai"
WEST, SOUTH = 118.78, 32.04


def box(column=0, width=1.0):
    return shapely.box(WEST + 0.01 * column, SOUTH, WEST + 0.01 * (column + width), SOUTH + 0.01)


def grids_mapping(**said):
    columns = {"grid_id": "code", "geometry": "geometry"}
    return mapping_of(
        {"table": "grids", "timezone": ZONE, "columns": columns, "constants": {"valid_from": "2020-01-01"}, **said}
    )


def features(path, shapes, **whole):
    listed = [
        {"type": "Feature", "properties": {"code": code}, "geometry": shape and json.loads(shapely.to_geojson(shape))}
        for code, shape in shapes
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": listed, **whole}), "utf-8")
    return path


def brought(tmp_path, file, **said):
    store = Store(tmp_path / "s", timezone=ZONE)
    report = ingest(store, file, grids_mapping(**said))
    return report, store.read("grids").set_index("grid_id") if report.accepted else None


@pytest.mark.parametrize("stated", [False, True])
def test_projected_polygons_lie_where_they_are(tmp_path, stated):
    """Metres are set back to degrees by the CRS that the file says, or that the mapping states."""
    flat = gpd.GeoSeries([box()], crs=4326).to_crs(4549).iloc[0]
    crs = {} if stated else {"crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4549"}}}
    said = {"area": {"crs": "EPSG:4549"}} if stated else {}
    _, grids = brought(tmp_path, features(tmp_path / "a.geojson", [("a", flat)], **crs), **said)
    assert shapely.from_wkt(grids["geometry"].iloc[0]).equals_exact(box(), 1e-6)


@pytest.mark.parametrize("crs", ["GCJ-02", "BD-09"])
def test_shifted_polygons_are_set_back(tmp_path, crs):
    """Polygons of maps for the public move back by about 500 m, from every kind of file."""
    _, grids = brought(tmp_path, features(tmp_path / "a.geojson", [("a", box())]), area={"crs": crs})
    corner = shapely.get_coordinates(shapely.from_wkt(grids["geometry"].iloc[0]))[:1]
    lon, lat = to_wgs84(np.array([WEST + 0.01]), np.array([SOUTH]), crs)
    table = pd.DataFrame({"code": ["a"], "geometry": [box().wkt]})
    table.to_csv(tmp_path / "a.csv", index=False)
    _, from_table = brought(tmp_path / "t", tmp_path / "a.csv", area={"crs": crs})
    assert from_table["geometry"].iloc[0] == grids["geometry"].iloc[0]
    assert corner[0] == pytest.approx([lon[0], lat[0]], abs=2e-6)
    assert np.hypot(*gcj02_shift(lon, lat))[0] > 0.002


def test_coordinates_that_are_no_degrees_are_named(tmp_path):
    """Metres without a CRS, and latitude before longitude, are refused with the first point and the remedy."""
    with pytest.raises(DataError, match=r"\(501000, 4430000\).*`crs` under \[area\]"):
        brought(
            tmp_path, features(tmp_path / "a.geojson", [("a", shapely.box(500_000, 4_430_000, 501_000, 4_431_000))])
        )
    with pytest.raises(DataError, match="latitude seems to stand first"):
        brought(tmp_path, features(tmp_path / "b.geojson", [("a", shapely.box(32.04, 118.78, 32.05, 118.79))]))


def test_a_missing_polygon_costs_its_grid_and_no_other(tmp_path):
    """Null, empty and point geometries are refused with the reason; what is drawn is measured."""
    shapes = [
        ("a", box()),
        ("b", None),
        ("c", shapely.Point(WEST, SOUTH)),
        ("d", shapely.LineString([(118, 32), (119, 32)])),
    ]
    report, grids = brought(tmp_path, features(tmp_path / "a.geojson", shapes))
    assert sorted(report.reasons["reason"]) == [
        "geometry is empty",
        "geometry: a LineString, wanted a polygon",
        "geometry: a Point, wanted a polygon",
    ]
    assert grids.index.tolist() == ["a"]
    assert grids["area_km2"].iloc[0] == pytest.approx(1.046, abs=0.01)


def test_parts_of_one_grid_become_one_polygon(tmp_path):
    """Several polygons with one id are measured together; two that overlap are two drawings, and refused."""
    report, grids = brought(tmp_path, features(tmp_path / "a.geojson", [("a", box(0)), ("b", box(1)), ("a", box(2))]))
    assert (report.received, report.accepted) == (3, 3)
    assert grids.loc["a", "area_km2"] == pytest.approx(2 * grids.loc["b", "area_km2"], rel=1e-3)
    with pytest.raises(DataError, match="grid a: 2 polygons that overlap"):
        brought(tmp_path / "o", features(tmp_path / "o.geojson", [("a", box(0)), ("a", box(0.5))]))


@pytest.mark.parametrize("names", [["新街口网格", "夫子庙网格"], ["Zürich", "Köln"]])
def test_names_of_a_shapefile_that_does_not_say_its_encoding(tmp_path, names):
    """Without a .cpg the texts are read in the encoding they make sense in."""
    encoding = "gbk" if names[0] > "z" else "cp1252"
    areas = gpd.GeoDataFrame({"code": ["a", "b"], "NAME": names}, geometry=[box(0), box(1)], crs=4326)
    areas.to_file(tmp_path / "a.shp", encoding=encoding)
    (tmp_path / "a.cpg").unlink()
    columns = {"grid_id": "code", "geometry": "geometry", "name": "NAME"}
    _, grids = brought(tmp_path, tmp_path / "a.shp", columns=columns)
    assert [ascii(n) for n in grids["name"]] == [ascii(n) for n in names]


def test_an_answer_of_arcgis_gives_the_same_grids(tmp_path):
    """Rings with a hole, in web mercator as the answer says, become the polygon."""
    shape = box().difference(box().centroid.buffer(0.002, quad_segs=1))
    whole = gpd.GeoSeries([shape], crs=4326).to_crs(3857).iloc[0]
    rings = [[list(point) for point in ring.coords] for ring in [whole.exterior, *whole.interiors]]
    feature = {"attributes": {"code": "a"}, "geometry": {"rings": rings}}
    said = {"spatialReference": {"wkid": 102100, "latestWkid": 3857}, "features": [feature]}
    (tmp_path / "a.json").write_text(json.dumps(said), "utf-8")
    _, grids = brought(tmp_path, tmp_path / "a.json")
    assert shapely.symmetric_difference(shapely.from_wkt(grids["geometry"].iloc[0]), shape).area < 1e-8


SPELLINGS = {
    "pair": ("lonlat", "{x},{y}"),
    "brackets": ("lonlat", "({x}, {y})"),
    "list": ("lonlat", "[{x}, {y}]"),
    "wkt": ("lonlat", "POINT ({x} {y})"),
    "ewkt": ("lonlat", "SRID=4326;POINT Z({x} {y} 0)"),
    "geojson": ("lonlat", '{{"type": "Point", "coordinates": [{x}, {y}]}}'),
    "object": ("lonlat", '{{"latitude": "{y}", "longitude": "{x}", "human_address": ""}}'),
    "latitude first": ("latlon", "({y}, {x})"),
    "address": ("latlon", "12 MAIN ST\nTOWN\n({y}, {x})"),
    "wkt says it": ("latlon", "POINT({x} {y})"),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_points_in_one_cell_are_placed(tmp_path, spelling):
    """A pair, WKT, GeoJSON or an object: the event lies in its grid."""
    field, form = SPELLINGS[spelling]
    store = Store(tmp_path / "s", timezone=ZONE)
    ingest(store, features(tmp_path / "a.geojson", [("a", box(0)), ("b", box(1))]), grids_mapping())
    cells = [form.format(x=WEST + 0.01 * k + 0.005, y=SOUTH + 0.005) for k in (0, 1)]
    pd.DataFrame({"id": ["1", "2"], "at": "2025-01-08", "where": cells}).to_csv(tmp_path / "e.csv", index=False)
    said = {"event_id": "id", "occurred_at": "at", field: "where"}
    rest = {"timezone": ZONE, "source": "dispute", "constants": {"category": "D02"}, "place": {"crs": "EPSG:4326"}}
    ingest(store, tmp_path / "e.csv", mapping_of({"columns": said, **rest}))
    assert store.read("events")["grid_id"].tolist() == ["a", "b"]


def test_points_of_geojson_are_placed(tmp_path):
    """Features with a point are events with a place; properties stay the text they are."""
    store = Store(tmp_path / "s", timezone=ZONE)
    ingest(store, features(tmp_path / "a.geojson", [("a", box(0))]), grids_mapping())
    listed = [
        {
            "type": "Feature",
            "properties": {"id": "007", "at": "2025/1/8 13:05"},
            "geometry": {"type": "Point", "coordinates": [WEST + 0.005, SOUTH + 0.005]},
        },
        {"type": "Feature", "properties": {"id": "008", "at": "2025/1/8 13:05"}, "geometry": None},
    ]
    (tmp_path / "e.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": listed}), "utf-8")
    said = {"event_id": "id", "occurred_at": "at", "lonlat": "geometry"}
    rest = {"timezone": ZONE, "source": "dispute", "constants": {"category": "D02"}, "place": {"crs": "EPSG:4326"}}
    ingest(store, tmp_path / "e.geojson", mapping_of({"columns": said, **rest}))
    events = store.read("events").set_index("event_id")
    assert events["grid_id"].to_dict() == {"007": "a", "008": ""}


def test_what_is_no_point_is_missing():
    """Words, one number and empty points give no place."""
    x, y = points_of(pd.Series(["nowhere", "118.78", "POINT EMPTY", None, "1,2,3"]))
    assert x.isna().all()
    assert y.isna().all()


def test_every_layer_of_a_geopackage_is_read_or_named(tmp_path):
    """The layer with the known columns leads, wherever it stands; the others are in the notes with their rows."""
    for layer, column in (("roads", "road"), ("grids", "code"), ("张伟", "owner")):
        areas = gpd.GeoDataFrame({column: ["a", "b"]}, geometry=[box(0), box(1)], crs=4326)
        areas.to_file(tmp_path / "a.gpkg", layer=layer)
    report, grids = brought(tmp_path, tmp_path / "a.gpkg")
    notes = report.notes.set_index("note")["rows"]
    assert sorted(grids.index) == ["a", "b"]
    assert notes["layer 'roads' is not read; export it as a file of its own"] == 2
    assert notes["layer (not shown) is not read; export it as a file of its own"] == 2


def test_grids_without_a_neighbour_are_counted(tmp_path):
    """A grid that touches no other one gives no neighbour anything: the report says how many there are."""
    shapes = [("a", box(0)), ("b", box(1)), ("c", box(5)), ("d", box(9))]
    report, _ = brought(tmp_path, features(tmp_path / "a.geojson", shapes))
    notes = report.notes.set_index("note")["rows"]
    assert notes["grids without any neighbour: check gaps between polygons"] == 2
    joined, _ = brought(tmp_path / "t", features(tmp_path / "b.geojson", shapes[:2]))
    assert not joined.notes["note"].str.contains("neighbour").any()


def test_hexagons_without_their_library_name_the_extra(tmp_path, monkeypatch):
    """A plain install cuts squares; what it lacks for hexagons is told with the command that brings it, and nothing is stored."""
    monkeypatch.setitem(sys.modules, "h3", None)
    with pytest.raises(NotFoundError, match=r"pip install 'riskwarn\[hexagons\]'"):
        brought(tmp_path, features(tmp_path / "a.geojson", [("a", box(0))]), area={"make": "h3"})
    assert not (tmp_path / "s").exists()


def test_only_polygons_are_cut_into_cells(tmp_path):
    """Areas whose mapping names no outlines are refused with what to map; nothing is stored."""
    file, asked = features(tmp_path / "a.geojson", [("a", box(0))]), {"make": "square", "cell_m": 400}
    with pytest.raises(DefinitionError, match=r"area\.make needs polygons; map `geometry`"):
        brought(tmp_path, file, columns={"grid_id": "code"}, ignore=["geometry"], area=asked)
    assert not (tmp_path / "s").exists()
