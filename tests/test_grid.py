"""Space: who lies beside whom, where a point lies, and counts carried over when grids change."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from riskwarn import grid
from riskwarn.errors import DataError

SIDE = 0.01


def squares(columns, rows):
    """A chessboard of squares, by row from the south-west; ids are given as a text of two digits."""
    number = np.arange(columns * rows)
    west, south = 116.0 + SIDE * (number % columns), 40.0 + SIDE * (number // columns)
    shapes = shapely.box(west, south, west + SIDE, south + SIDE)
    return pd.DataFrame(
        {
            "grid_id": [f"G{n:02d}" for n in number],
            "geometry": shapely.to_wkt(shapes),
            "x_km": number % columns * 1.0,
            "y_km": number // columns * 1.0,
        }
    )


def test_squares_touch_by_edge_or_corner():
    """On a board of 3 by 3 the middle has 8 neighbours, an edge 5, a corner 3; the relation is symmetric and nobody neighbours oneself."""
    links = grid.neighbors(squares(3, 3), how="contiguity").toarray()

    assert links.sum(axis=1).tolist() == [3, 5, 3, 5, 8, 5, 3, 5, 3]
    assert (links == links.T).all()
    assert not links.diagonal().any()


def test_neighbours_follow_the_order_of_rows():
    """Shuffling the grids shuffles the matrix and changes nothing else."""
    board = squares(3, 3)
    order = np.random.default_rng(0).permutation(9)
    links = grid.neighbors(board, how="contiguity").toarray()

    assert (grid.neighbors(board.iloc[order], how="contiguity").toarray() == links[np.ix_(order, order)]).all()


def test_neighbours_within_a_distance():
    """Centres one kilometre apart are within 1 km, diagonal ones are not."""
    links = grid.neighbors(squares(3, 3), how="distance", radius_km=1.0).toarray()

    assert links.sum(axis=1).tolist() == [2, 3, 2, 3, 4, 3, 2, 3, 2]


def test_the_nearest_are_made_symmetric():
    """With k = 1 a grid may still have more neighbours than one: those whose nearest it is."""
    line = pd.DataFrame({"grid_id": list("ABCD"), "x_km": [0.0, 1.0, 3.0, 3.5], "y_km": 0.0})

    assert grid.neighbors(line, how="nearest", k=1).toarray().tolist() == [
        [0, 1, 0, 0],
        [1, 0, 0, 0],
        [0, 0, 0, 1],
        [0, 0, 1, 0],
    ]
    assert grid.neighbors(line, how="nearest", k=99).toarray().sum() == 12


def test_without_places_nobody_is_known_to_be_near():
    """Auto takes polygons where all grids have one, else centres, else says none; asking for what is missing is an error."""
    board = squares(2, 2)
    bare = board[["grid_id"]]

    assert grid.neighbors(board).sum() == 12
    assert grid.neighbors(board.drop(columns="geometry")).sum() == 12
    assert grid.neighbors(bare).sum() == 0
    with pytest.raises(DataError, match="4 grids have no geometry, first: G00, G01, G02"):
        grid.neighbors(bare, how="contiguity")
    with pytest.raises(DataError, match="need x_km and y_km"):
        grid.neighbors(bare, how="distance")


def test_what_is_no_polygon_is_told():
    """A geometry that is not WKT is an error of ours."""
    with pytest.raises(DataError, match="not WKT"):
        grid.polygons(squares(1, 1).assign(geometry="POLYGON ((oops"))


def test_points_lie_in_their_grid():
    """A point inside belongs to its grid, one on a border to the first by id, one outside or missing to none."""
    lon = [116.005, 116.015, 116.01, 116.01, 99.0, np.nan]
    lat = [40.005, 40.015, 40.005, 40.01, 40.0, 40.0]

    assert grid.locate(lon, lat, squares(2, 2)).tolist() == ["G00", "G03", "G00", "G00", "", ""]


def test_a_regular_grid_covers_the_outline():
    """Cells cut to an outline have its area in sum, overlap nowhere, and slivers have joined a neighbour."""
    import geopandas as gpd

    outline = gpd.GeoDataFrame(geometry=[shapely.Point(116.4, 39.9).buffer(0.02)], crs=grid.WGS84)
    cells = grid.regular(outline, cell_m=400.0)
    area = outline.to_crs(outline.estimate_utm_crs()).area.sum() / 1e6

    assert cells["area_km2"].sum() == pytest.approx(area, rel=1e-6)
    assert cells["area_km2"].between(0.1 * 0.16, 0.16 * 2).all()
    assert cells["grid_id"].is_unique
    assert cells["grid_id"].is_monotonic_increasing
    with pytest.raises(DataError, match="no CRS"):
        grid.regular(gpd.GeoDataFrame(geometry=list(outline.geometry)))


def test_an_outline_must_say_where_it_lies():
    """Without a CRS its numbers may be degrees or metres; none is guessed."""
    with pytest.raises(DataError, match="the outline has no CRS; set it"):
        grid.regular(gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 1, 1)]), cell_m=400)


def test_measured_area_is_the_area():
    """A square of 0.01 degrees near Beijing measures what a sphere says, within a third of a per cent."""
    found = grid.measure(squares(1, 1))
    expected = np.radians(SIDE) ** 2 * 6371.0**2 * np.cos(np.radians(40.005))

    assert found["area_km2"].iloc[0] == pytest.approx(expected, rel=3e-3)


def change(rows, at="2025-01-01"):
    return pd.DataFrame(rows, columns=["from_grid_id", "to_grid_id", "weight"]).assign(
        effective_at=pd.Timestamp(at, tz="UTC")
    )


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(0, 50), min_size=3, max_size=3), st.integers(0, 4))
def test_carried_counts_keep_their_total(counts, quarter):
    """Splitting, merging or renaming loses and invents nothing; grids that did not change keep their count."""
    before = pd.DataFrame({"n": counts}, index=pd.Index(list("ABC"), name="grid_id")).astype(float)
    split = change([("A", "A1", quarter / 4), ("A", "A2", 1 - quarter / 4)])
    merged = change([("A1", "A", 1.0), ("A2", "A", 1.0)], at="2025-06-01")
    carried = grid.carry(before, split)

    assert carried["n"].sum() == pytest.approx(sum(counts))
    assert carried.loc[["B", "C"], "n"].tolist() == before.loc[["B", "C"], "n"].tolist()
    pd.testing.assert_frame_equal(grid.carry(before, pd.concat([split, merged])), before)
    pd.testing.assert_frame_equal(
        grid.carry(before, pd.concat([split, merged]), until=pd.Timestamp("2025-03-01", tz="UTC")), carried
    )


def test_weights_that_do_not_add_up_are_refused():
    """A crosswalk that would lose a tenth of a grid is named."""
    with pytest.raises(DataError, match=r"weights of 1 grids do not add up to 1 \(A 0\.9\)"):
        grid.check_weights(change([("A", "A1", 0.4), ("A", "A2", 0.5)]))


@pytest.mark.parametrize(("gap_m", "links"), [(0.0, 2), (0.1, 2), (1.5, 2), (30.0, 0)])
def test_polygons_a_sliver_apart_are_neighbours(gap_m, links):
    """A gap of a metre is a fault of drawing, one of thirty a street; corners need not be shared."""
    west = 118.71 + gap_m / 94_500
    grids = pd.DataFrame(
        {
            "grid_id": ["a", "b"],
            "geometry": [
                "POLYGON ((118.7 32, 118.71 32, 118.71 32.01, 118.7 32.01, 118.7 32))",
                f"POLYGON (({west} 32.002, 118.72 32.002, 118.72 32.008, {west} 32.008, {west} 32.002))",
            ],
        }
    )
    assert grid.neighbors(grids, how="contiguity").nnz == links
