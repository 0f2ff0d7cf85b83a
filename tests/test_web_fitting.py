"""Filters of the list and the map: what fits fits all of them, and both show the same."""

import html
import json
import re

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from towns import web as web_town
from visiting import at_the_machine

from riskwarn.access import at_the_machine as at_home
from riskwarn.access import roles, visitor_of
from riskwarn.example import boston_grids
from riskwarn.ledger import Actor
from riskwarn.store import Store
from riskwarn.web import create_app
from riskwarn.web.atlas import UNFIT, atlas
from riskwarn.web.books import Books
from riskwarn.web.fitting import FitQuery, fitting, grids_of_gaps, with_work
from riskwarn.web.geojson import TOLERANCE_DEGREES, simplified
from riskwarn.web.narrow import narrowed
from riskwarn.web.nights import Nights
from riskwarn.web.outlines import PER_DEGREE, drawn, units
from riskwarn.web.places import Places

HERE = at_home(roles())
TOWNSHIPS = ("城关街道", "河西镇")


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    return web_town.build(tmp_path_factory.mktemp("fitting") / "town", columns=30, rows=10)


@pytest.fixture(scope="module")
def night(town):
    return Nights(town).at()


@pytest.fixture(scope="module")
def alerts(night, town):
    return with_work(night, Books(Store(town.path), lambda: web_town.NOW), HERE)


@pytest.fixture(scope="module")
def client(town):
    return at_the_machine(create_app(town.path, language="en", clock=lambda: web_town.NOW))


def grids_of(alerts):
    return set(" ".join(alerts["grid_ids"]).split())


asked = st.builds(
    FitQuery,
    area=st.sampled_from(["", *TOWNSHIPS, "甲县", "nowhere"]),
    level=st.sampled_from(["", "red", "orange", "blue"]),
    gap=st.sampled_from(["", "G01", "G20", "G08"]),
    owner=st.sampled_from(["", "城关街道综治中心", "nobody"]),
    state=st.sampled_from(["", "published", "closed"]),
)


@settings(deadline=None, max_examples=60)
@given(asked)
def test_what_fits_fits_every_filter(night, alerts, query):
    """A place fits where each filter holds alone; one filter more never adds a place or an alert."""
    fit = fitting(night, query, alerts)
    alone = [fitting(night, FitQuery(**{name: value}), alerts) for name, value in query.asked.items()]

    assert all((fit.grids <= one.grids).all() for one in alone)
    assert all(set(fit.alerts["alert_id"]) <= set(one.alerts["alert_id"]) for one in alone)


@settings(deadline=None, max_examples=60)
@given(asked)
def test_list_and_map_show_the_same(night, alerts, query):
    """Every alert of the list has a grid that the map fills, and where an alert is asked for every filled grid is of one."""
    fit = fitting(night, query, alerts)
    filled = set(night.scores.loc[fit.grids, "grid_id"])
    drawn_map = atlas(night, HERE, alerts=fit.alerts, fits=fit.grids, gap=query.gap)
    shown = {grid for grid, sign in zip(units(night, "grid"), drawn_map.fills["grid"], strict=True) if sign != UNFIT}

    assert shown == filled
    assert all(filled & set(ids.split()) for ids in fit.alerts["grid_ids"])
    assert [pin["n"] for pin in drawn_map.pins] == list(range(1, len(fit.alerts) + 1))
    if query.level or query.owner or query.state:
        assert filled <= grids_of(fit.alerts)


def test_no_filter_shows_all(night, alerts):
    """Without a filter every alert and every grid fits."""
    fit = fitting(night, FitQuery(), alerts)

    assert len(fit.alerts) == len(night.alerts)
    assert fit.grids.all()
    assert fit.gaps is None


def test_the_classes_of_a_gap_are_those_of_its_gravest(night):
    """On the layer of a kind its grids are filled by severity, the others are told to have none."""
    (silent,) = grids_of_gaps(night, "G01")
    fills = dict(zip(units(night, "grid"), atlas(night, HERE, gap="G01").fills["grid"], strict=True))

    assert fills.pop(silent) == "2"  # severity 71.5
    assert set(fills.values()) == {"5"}


def test_a_gap_of_no_grid_fits_its_area_alone(night, alerts):
    """A feed's outage is in the list of its kind, and not where an alert is asked for."""
    assert len(fitting(night, FitQuery(gap="G08"), alerts).gaps) == 1
    assert fitting(night, FitQuery(gap="G08", level="red"), alerts).gaps.empty


def test_grids_without_a_score_are_not_filled_as_calm(night):
    """What is not scored has a sign of its own."""
    unscored = night.scores.loc[night.scores["rank"].isna(), "grid_id"]
    fills = dict(zip(units(night, "grid"), atlas(night, HERE).fills["grid"], strict=True))

    assert len(unscored)
    assert {fills[grid] for grid in unscored} == {"0"}


@pytest.mark.parametrize("by", ["grid", "township", "county"])
def test_outlines_are_the_polygons(night, by):
    """The outlines, read as the script reads them, cover what the grids cover, to 30 m of their borders."""
    told = json.loads(drawn(night, by).text)
    shapes = [shapely.union_all([_polygon(rings) for rings in polygons]) for polygons in told["shapes"]]
    whole = shapely.union_all(night.places.shapes)

    assert told["ids"] == units(night, by)
    assert len(told["names"]) == len(shapes)
    assert shapely.hausdorff_distance(shapely.union_all(shapes), whole) < 3e-4


@pytest.mark.parametrize(
    "border", ["0 0, 2 0, 2 2, 0 2, 0 3, 0 0", "0 0, 0 3, 0 2, 2 2, 2 0, 1 0, 3 0, 1 0, 0 0"], ids=["one", "both"]
)
def test_a_border_that_touches_itself_is_drawn_without_its_lines(border):
    """A polygon with a line of no width, as cutting cells leaves some, is drawn as the polygon."""
    (shape,) = Places(pd.DataFrame({"grid_id": ["A"], "geometry": [f"POLYGON (({border}))"]})).shapes

    assert shape.equals(shapely.box(0, 0, 2, 2))


def test_a_grid_of_lines_alone_has_no_outline():
    """What is left without an area is no polygon, so that the rest of the map is drawn."""
    flat = Places(pd.DataFrame({"grid_id": ["A"], "geometry": ["POLYGON ((0 0, 1 1, 0 0))"]}))

    assert flat.drawn.tolist() == [False]


def test_every_grid_of_the_example_city_has_an_outline():
    """Each cell that is cut to the city's outline can be drawn: the map places its pins by the middle of an outline."""
    shapes = simplified(Places(boston_grids()).shapes, TOLERANCE_DEGREES)

    assert {shape.geom_type for shape in shapes} <= {"Polygon", "MultiPolygon"}
    assert not shapely.is_empty(shapes).any()


def _polygon(rings):
    places = [np.cumsum(np.array(ring).reshape(-1, 2), axis=0) / PER_DEGREE for ring in rings]
    return shapely.Polygon(places[0], places[1:])


def test_an_area_is_drawn_its_own_grids_alone(night):
    """Who sees a township is given no outline, sign or pin of another."""
    seen = visitor_of(roles(), Actor("township_centre", TOWNSHIPS[0]), way="token")
    own = narrowed(night, seen)
    township_of = night.scores.set_index("grid_id")["township_id"]
    drawn_map = atlas(own, seen, alerts=own.alerts)

    assert {township_of[grid] for grid in json.loads(drawn(own, "grid").text)["ids"]} == {TOWNSHIPS[0]}
    assert json.loads(drawn(own, "township").text)["ids"] == [TOWNSHIPS[0]]
    assert len(drawn_map.fills["grid"]) == (township_of == TOWNSHIPS[0]).sum()
    assert {township_of[pin["grid"]] for pin in drawn_map.pins} == {TOWNSHIPS[0]}


def test_the_state_and_owner_are_those_of_the_work(night):
    """A filter by state or owner reads the ledger where it knows better than the night."""
    ids = night.alerts["alert_id"].tolist()
    items = pd.DataFrame({"owner": ["T9", ""], "state": ["assigned", "closed"]}, index=ids[:2])
    told = with_work(night, _Books(items), HERE).set_index("alert_id")

    assert told.loc[ids[0], ["state", "owner"]].tolist() == ["assigned", "T9"]
    assert told.loc[ids[1], ["state", "owner"]].tolist() == ["closed", "城关街道综治中心"]
    assert told.loc[ids[2], "state"] == "published"


class _Books:
    def __init__(self, items):
        self.items = items

    def last_items(self, *_):
        return self.items


def test_the_page_offers_what_the_night_has(client):
    """Each filter offers the values of the night, and the one that is asked for is chosen."""
    page = client.get("/alerts?level=red&gap=G20").text
    offered = {m[0]: re.findall(r'<option value="([^"]*)"( selected)?', m[1]) for m in _selects(page)}

    assert ("red", " selected") in offered["level"]
    assert ("G20", " selected") in offered["gap"]
    assert [value for value, _ in offered["area"]] == ["", "甲县", *TOWNSHIPS]
    assert "target" not in offered  # one question


def _selects(page):
    return re.findall(r'<select name="(\w+)"(.*?)</select>', page, re.DOTALL)


def test_the_page_tells_what_the_map_fills(client):
    """The data of the map stand in the page as JSON, escaped."""
    page = client.get("/alerts?level=red").text
    told = json.loads(html.unescape(re.search(r'id="results" data-atlas="([^"]*)"', page)[1]))

    assert told["layer"] == "risk"
    assert len(told["fills"]["grid"]) == 300
    assert [pin["n"] for pin in told["pins"]] == [1]


@pytest.mark.parametrize("query", ["level=violet", "gap=G1", "page=0", "who=me", "state=A;B"])
def test_what_is_no_filter_is_refused(client, query):
    """A value that no filter has is refused, and nothing is shown for it."""
    assert client.get(f"/alerts?{query}").status_code == 422


def test_a_kind_that_was_not_found_is_no_layer(client):
    """A kind without a gap that night leaves the map of risk."""
    told = json.loads(html.unescape(re.search(r'data-atlas="([^"]*)"', client.get("/alerts?gap=G02").text)[1]))

    assert told["layer"] == "risk"


def test_a_filter_that_is_left_out_is_told(client):
    """A kind of gap the night did not find is no filter: the page says that it shows the list without it; a kind it found is not told so."""
    left_out = "the list is shown without that filter"

    assert left_out in client.get("/alerts", params={"gap": "G04"}).text
    assert left_out not in client.get("/alerts", params={"gap": "G20"}).text
    assert left_out not in client.get("/alerts").text


def test_outlines_are_sent_once(client):
    """A browser that has the outlines already is sent none."""
    first = client.get("/outlines?by=grid")

    assert client.get("/outlines?by=grid", headers={"if-none-match": first.headers["etag"]}).status_code == 304
    assert client.get("/outlines?by=street").status_code == 422
