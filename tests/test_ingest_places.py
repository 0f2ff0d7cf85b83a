"""Grids and points: every event in the grid of its day, no coordinate in the store, no count lost when grids change."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from riskwarn.errors import DataError, DefinitionError
from riskwarn.grid import carry, neighbors
from riskwarn.ingest import ingest
from riskwarn.ingest.areas import hexagons
from riskwarn.ingest.coordinates import coordinate_of, gcj02_shift, points_of, to_wgs84
from riskwarn.ingest.mapping import mapping_of
from riskwarn.store import Store

ZONE = "Asia/Shanghai"


def box(column, width=1):
    return shapely.box(116.0 + 0.01 * column, 39.9, 116.0 + 0.01 * (column + width), 39.91)


def squares(path, *, names=("G1", "G2", "G3"), **columns):
    areas = gpd.GeoDataFrame({"code": list(names), **columns}, geometry=[box(k) for k in range(len(names))], crs=4326)
    areas.to_file(path)
    return path


def grids_mapping(**said):
    plain = {
        "table": "grids",
        "timezone": ZONE,
        "columns": {"grid_id": "code", "geometry": "geometry"},
        "constants": {"valid_from": "2020-01-01"},
    }
    return mapping_of({**plain, **said})


def points(path, lon, lat, at="2025-01-08"):
    frame = pd.DataFrame({"id": [f"e{k}" for k in range(len(lon))], "at": at, "经度": lon, "纬度": lat})
    frame.to_csv(path, index=False)
    return path


def points_mapping(crs="EPSG:4326", **place):
    return mapping_of(
        {
            "timezone": ZONE,
            "source": "dispute",
            "constants": {"category": "D02"},
            "place": {"crs": crs, **place} if crs else place,
            "columns": {"event_id": "id", "occurred_at": "at", "lon": "经度", "lat": "纬度"},
        }
    )


@pytest.mark.parametrize("ending", ["geojson", "gpkg", "shp"])
def test_polygons_come_in_from_every_format(tmp_path, ending):
    """GeoJSON, GeoPackage and Shapefile give the same measured grids, of which the middle one has two neighbours."""
    store = Store(tmp_path / "s", timezone=ZONE)
    report = ingest(store, squares(tmp_path / f"areas.{ending}"), grids_mapping())
    grids = store.grids()
    assert (report.received, report.accepted) == (3, 3)
    assert grids["area_km2"].to_numpy() == pytest.approx(0.949, abs=0.002)
    assert neighbors(grids).getnnz(axis=1).tolist() == [1, 2, 1]


def test_polygons_without_a_crs_are_refused(tmp_path):
    """Coordinates of an unknown kind are not guessed."""
    areas = gpd.GeoDataFrame({"code": ["G1"]}, geometry=[box(0)])
    with pytest.warns(UserWarning, match="'crs' was not provided"):
        areas.to_file(tmp_path / "areas.shp")
    with pytest.raises(DataError, match="have no CRS"):
        ingest(Store(tmp_path / "s", timezone=ZONE), tmp_path / "areas.shp", grids_mapping())


def test_a_flat_projection_is_turned_back(tmp_path):
    """Polygons in metres become WGS 84."""
    gpd.GeoDataFrame({"code": ["G1"]}, geometry=[box(0)], crs=4326).to_crs(4547).to_file(tmp_path / "areas.gpkg")
    store = Store(tmp_path / "s", timezone=ZONE)
    ingest(store, tmp_path / "areas.gpkg", grids_mapping())
    assert shapely.from_wkt(store.grids()["geometry"][0]).bounds == pytest.approx(
        (116.0, 39.9, 116.01, 39.91), abs=1e-4
    )


def test_twelve_digit_codes_tell_the_parents(tmp_path):
    """Village, township and county follow from the code; a column of the file goes before."""
    frame = pd.DataFrame(
        {
            "网格编码": ["320102001001007", "自编7"],
            "启用日期": "2024-01-01",
            "城乡分类代码": ["112", "220"],
            "户数": ["３００", "0"],
        }
    )
    frame.to_csv(tmp_path / "g.csv", index=False)
    store = Store(tmp_path / "s", timezone=ZONE)
    ingest(store, tmp_path / "g.csv", mapping_of({"preset": "grids", "timezone": ZONE}))
    grid = store.grids().set_index("grid_id")
    first = grid.loc["320102001001007"]
    assert (first.community_id, first.township_id, first.county_id, first.urban_class) == (
        "320102001001",
        "320102001",
        "320102",
        "112",
    )
    assert first.households == 300
    assert grid.loc["自编7"].isna()["community_id"]


def test_points_become_grids_and_are_gone(tmp_path):
    """Inside, outside, missing and impossible points: one grid, three unplaced, each noted; no coordinate reaches the disk."""
    store = Store(tmp_path / "s", timezone=ZONE)
    ingest(store, squares(tmp_path / "a.geojson"), grids_mapping())
    file = points(tmp_path / "f.csv", ["116.0151234", "117.5", "", "39.9"], ["39.9051234", "39.9", "", "116.0"])
    report = ingest(store, file, points_mapping())
    assert store.read("events")["grid_id"].tolist() == ["G2", "", "", ""]
    notes = report.notes.set_index("note")["rows"]
    assert notes["point outside all grids, unplaced"] == 1
    assert notes["point impossible in its CRS (longitude and latitude swapped?), unplaced"] == 1
    assert notes["no grid, unplaced"] == 3
    events = b"".join(p.read_bytes() for p in (store.path / "tables" / "events").rglob("*.parquet"))
    assert b"1234" not in events
    assert set(store.read("events").select_dtypes("float").columns) == set()


def test_points_need_a_stated_kind(tmp_path):
    """Without a CRS points are refused, with the choices; an unknown one too."""
    store = Store(tmp_path / "s", timezone=ZONE)
    ingest(store, squares(tmp_path / "a.geojson"), grids_mapping())
    file = points(tmp_path / "f.csv", [116.0], [39.9])
    with pytest.raises(DataError, match="GCJ-02"):
        ingest(store, file, points_mapping(crs=""))
    with pytest.raises(DefinitionError, match="unknown CRS 'EPSG:0'"):
        ingest(store, file, points_mapping(crs="EPSG:0"))


def test_points_need_polygons(tmp_path):
    """A store whose grids have no shape cannot place points, and says what to do."""
    store = Store(tmp_path / "s", timezone=ZONE)
    store.write("grids", pd.DataFrame({"grid_id": ["G1"], "valid_from": pd.Timestamp("2020-01-01", tz=ZONE)}))
    with pytest.raises(DataError, match="no grid has a polygon"):
        ingest(store, points(tmp_path / "f.csv", [116.0], [39.9]), points_mapping())


@given(st.floats(75, 130), st.floats(20, 50))
@settings(max_examples=60, deadline=None)
def test_shifted_points_are_set_back_within_a_metre(lon, lat):
    """A point shifted to GCJ-02 comes back to where it was, anywhere in China."""
    d_lon, d_lat = gcj02_shift(np.array([lon]), np.array([lat]))
    back_lon, back_lat = to_wgs84(lon + d_lon, lat + d_lat, "GCJ-02")
    metres = np.hypot((back_lon - lon) * 111_320 * np.cos(np.deg2rad(lat)), (back_lat - lat) * 111_320)
    assert metres[0] < 1.0
    assert 10 < np.hypot(d_lon * 111_320 * np.cos(np.deg2rad(lat)), d_lat * 111_320)[0] < 1500


def test_shifted_points_are_flagged(tmp_path):
    """The report says that points were set back."""
    store = Store(tmp_path / "s", timezone=ZONE)
    ingest(store, squares(tmp_path / "a.geojson"), grids_mapping())
    d_lon, d_lat = gcj02_shift(np.array([116.0001]), np.array([39.905]))
    file = points(tmp_path / "f.csv", 116.0001 + d_lon, 39.905 + d_lat)
    report = ingest(store, file, points_mapping(crs="GCJ-02"))
    assert store.read("events")["grid_id"].tolist() == ["G1"]
    assert "points set back from GCJ-02 to WGS 84" in report.notes["note"].tolist()


def test_an_event_lies_in_the_grid_of_its_day(tmp_path):
    """After a split points go to the parts, before it to the whole."""
    store = Store(tmp_path / "s", timezone=ZONE)
    at = {day: pd.Timestamp(day, tz=ZONE) for day in ("2020-01-01", "2025-01-01")}
    store.write(
        "grids",
        pd.DataFrame(
            {
                "grid_id": ["OLD", "NEW1", "NEW2"],
                "valid_from": [at["2020-01-01"], at["2025-01-01"], at["2025-01-01"]],
                "valid_to": pd.Series([at["2025-01-01"], pd.NaT, pd.NaT]).dt.tz_convert(ZONE),
                "geometry": [box(0, 2).wkt, box(0).wkt, box(1).wkt],
            }
        ),
    )
    file = points(
        tmp_path / "f.csv", [116.005, 116.005, 116.015], [39.905] * 3, at=["2024-12-31", "2025-01-01", "2025-06-01"]
    )
    ingest(store, file, points_mapping())
    assert store.read("events").sort_values("event_id")["grid_id"].tolist() == ["OLD", "NEW1", "NEW2"]


def test_a_point_near_a_foreign_border_names_the_neighbour(tmp_path):
    """Within reach of another county the nearest foreign grid is kept; further away none is."""
    store = Store(tmp_path / "s", timezone=ZONE)
    mapping = grids_mapping(columns={"grid_id": "code", "geometry": "geometry", "county_id": "county"})
    ingest(store, squares(tmp_path / "a.geojson", county=["A", "A", "B"]), mapping)
    file = points(tmp_path / "f.csv", [116.0199, 116.0150, 116.0099], [39.905] * 3)
    ingest(store, file, points_mapping(near_m=50.0))
    events = store.read("events").sort_values("event_id")
    assert events["grid_id"].tolist() == ["G2", "G2", "G1"]
    assert events["near_grid_id"].fillna("").tolist() == ["G3", "", ""]


@pytest.mark.parametrize(
    ("rule", "least"), [({"make": "square", "cell_m": 200.0}, 40), ({"make": "h3", "resolution": 9}, 20)]
)
def test_areas_are_cut_into_regular_cells(tmp_path, rule, least):
    """Squares and H3 cells cover the areas, each with its area as parent; every row of the file is accounted for."""
    store = Store(tmp_path / "s", timezone=ZONE)
    report = ingest(store, squares(tmp_path / "a.geojson"), grids_mapping(area=rule))
    grids = store.grids()
    assert (report.received, report.accepted) == (3, 3)
    assert len(grids) >= least
    assert grids["area_km2"].sum() == pytest.approx(3 * 0.949, rel=0.2)
    assert set(grids["community_id"]) <= {"G1", "G2", "G3"}


def test_hexagons_too_coarse_are_refused():
    """No cell is not a grid."""
    with pytest.raises(DataError, match="higher resolution"):
        hexagons(gpd.GeoSeries([box(0)], crs=4326), 1)


# -- crosswalk --------------------------------------------------------------------------------------------------------


@given(
    counts=st.lists(st.integers(0, 1000), min_size=3, max_size=3),
    split=st.floats(0.01, 0.99),
)
@settings(max_examples=30, deadline=None)
def test_no_count_is_lost_through_split_merge_and_rename(counts, split):
    """A is split into A1 and A2, then A1 and B merge into M, then C is renamed: the total stays."""
    first, then = (pd.Timestamp(day, tz=ZONE) for day in ("2024-01-01", "2025-01-01"))
    crosswalk = pd.DataFrame(
        {
            "from_grid_id": ["A", "A", "A1", "B", "C"],
            "to_grid_id": ["A1", "A2", "M", "M", "C2"],
            "weight": [split, 1 - split, 1.0, 1.0, 1.0],
            "effective_at": [first, first, then, then, then],
        }
    )
    before = pd.DataFrame({"n": np.array(counts, dtype=float)}, index=pd.Index(["A", "B", "C"], name="grid_id"))
    after = carry(before, crosswalk)
    assert after["n"].sum() == pytest.approx(sum(counts))
    assert set(after.index) == {"A2", "M", "C2"}
    halfway = carry(before, crosswalk, until=first)
    assert set(halfway.index) == {"A1", "A2", "B", "C"}
    assert halfway["n"].sum() == pytest.approx(sum(counts))


def test_weights_that_do_not_add_up_are_refused():
    """Counts may not be lost or invented."""
    at = pd.Timestamp("2025-01-01", tz=ZONE)
    crosswalk = pd.DataFrame(
        {"from_grid_id": ["A", "A"], "to_grid_id": ["B", "C"], "weight": [0.5, 0.4], "effective_at": at}
    )
    with pytest.raises(DataError, match=r"do not add up to 1 \(A 0\.9\)"):
        carry(pd.DataFrame({"n": [1.0]}, index=["A"]), crosswalk)


def test_a_crosswalk_comes_in_as_a_table(tmp_path):
    """A change list with Chinese headers becomes the crosswalk table."""
    frame = pd.DataFrame(
        {
            "原网格编码": ["A", "A"],
            "新网格编码": ["A1", "A2"],
            "变更日期": "2025年1月1日",
            "权重": ["0.25", "0.75"],
            "变更类型": "拆分",
        }
    )
    frame.to_csv(tmp_path / "x.csv", index=False)
    store = Store(tmp_path / "s", timezone=ZONE)
    ingest(store, tmp_path / "x.csv", mapping_of({"preset": "crosswalk", "timezone": ZONE}))
    crosswalk = store.read("crosswalk")
    assert crosswalk["weight"].tolist() == [0.25, 0.75]
    assert crosswalk["kind"].tolist() == ["split", "split"]


def sexagesimal(value, letters):
    """A coordinate in degrees, minutes and seconds, with its letter."""
    seconds = round(abs(value) * 3600)
    return f"{seconds // 3600}°{seconds // 60 % 60}'{seconds % 60}\"{letters[value < 0]}"


SPELT = {
    "letters behind": (lambda x, y: f"{abs(y):.4f}{'NS'[y < 0]} {abs(x):.4f}{'EW'[x < 0]}", 1e-4),
    "letters before": (lambda x, y: f"{'EW'[x < 0]}{abs(x):.4f}, {'NS'[y < 0]}{abs(y):.4f}", 1e-4),
    "letters apart": (lambda x, y: f"{'NS'[y < 0]} {abs(y):.4f} {'EW'[x < 0]} {abs(x):.4f}", 1e-4),
    "words": (lambda x, y: f"{'东西'[x < 0]}经{abs(x):.4f} {'北南'[y < 0]}纬{abs(y):.4f}", 1e-4),
    "minutes and seconds": (lambda x, y: f"{sexagesimal(y, 'NS')} {sexagesimal(x, 'EW')}", 1e-3),
    "words of degrees": (
        lambda x, y: f"{sexagesimal(x, 'EW')},{sexagesimal(y, 'NS')}".replace("°", "度").replace("'", "分"),
        1e-3,
    ),
    "decimal commas": (lambda x, y: f"{x:.4f}; {y:.4f}".replace(".", ","), 1e-4),
    "a pair": (lambda x, y: f"({x:.4f}, {y:.4f})", 1e-4),
}


@pytest.mark.parametrize("form", SPELT)
@settings(max_examples=25, deadline=None)
@given(x=st.floats(-179, 179), y=st.floats(-89, 89))
def test_a_point_is_where_its_spelling_says(form, x, y):
    """Degrees with letters, words, minutes or a decimal comma are read exactly, whichever of the two comes first."""
    write, close = SPELT[form]
    read_x, read_y = points_of(pd.Series([write(x, y)], dtype="str"))
    assert (read_x[0], read_y[0]) == (pytest.approx(x, abs=close), pytest.approx(y, abs=close))


@given(st.text("0123456789.,;°'\"NSEW -()", max_size=24))
@settings(max_examples=200, deadline=None)
def test_letters_of_one_axis_are_no_point(text):
    """Whatever is written, a point has both coordinates or none that can be placed; two latitudes are no point."""
    x, y = points_of(pd.Series([text], dtype="str"))
    if (set("NS") & set(text)) and not set("EW") & set(text):
        assert x.isna()[0] or y.isna()[0]


@pytest.mark.parametrize(
    ("written", "read"),
    [("118.78", 118.78), ("118,78", 118.78), ("118,780", None), ("E118.78", 118.78), ("118°30′W", -118.5), ("32.04N", None), ("118 78", None)],
)  # fmt: skip
def test_a_coordinate_in_a_column_of_its_own(written, read):
    """Three digits behind a comma may be thousands, and a latitude is no longitude: neither is guessed."""
    value = coordinate_of(pd.Series([written], dtype="str"), "x")[0]
    assert value == read if read is not None else np.isnan(value)


def test_a_point_that_cannot_be_read_is_not_one_that_is_not_there(tmp_path):
    """The notes tell the two apart."""
    store = Store(tmp_path / "s", timezone=ZONE)
    ingest(store, squares(tmp_path / "a.geojson"), grids_mapping())
    file = points(tmp_path / "f.csv", ["116.015", "far away 5", "", "116.015"], ["39.905", "39.9", "", ""])
    notes = ingest(store, file, points_mapping()).notes.set_index("note")["rows"]
    assert notes["a point that cannot be read, unplaced"] == 2
    assert notes["no grid, unplaced"] == 3
