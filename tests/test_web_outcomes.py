"""The page of the model says what became of earlier nights, in both languages, and no figure of few events."""

import pandas as pd
import pytest
from test_maturity import drawn
from test_web import client_of
from towns import web as web_town

from riskwarn import maturity
from riskwarn.schema import table_of
from riskwarn.store.parquet import full
from riskwarn.web import chart, words


def matured(target=web_town.TARGET):
    """Three ages of a model whose lead goes, with a lane, a county of many events and one of few."""
    city = pd.concat([drawn(12, gain=gain, age=28.0 * i, seed=i) for i, gain in enumerate((0.2, 0.15, 0.0))])
    city["night_at"] = pd.date_range("2022-01-01", periods=36, freq="28D", tz=web_town.ZONE)
    lane = city.assign(part="lane", part_id="standing")
    county = city.assign(part="county_id", part_id="甲县")
    few = city.head(2).assign(part="county_id", part_id="乙县", n_events=3.0, caught=1.0, caught_prior=1.0)
    return pd.concat([city, lane, county, few], ignore_index=True).assign(target=target, run="r", model_version="m")


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """A town whose night tells of 36 matured ones."""
    store = web_town.build(tmp_path_factory.mktemp("outcomes"), nights=("2025-01-07",))
    table = matured()
    facts = {"maturity": {web_town.TARGET: maturity.summary(table, web_town.TARGET)}, "unsealed": ["one"]}
    as_of = pd.Timestamp("2025-01-08", tz=web_town.ZONE)
    tables = {n: store.read(n, as_of="2025-01-07").assign(as_of=as_of) for n in ("scores", "alerts", "gaps")}
    tables["gaps"] = tables["gaps"].head(0)
    tables["matured"] = full(table_of("matured"), table.assign(as_of=as_of))
    known = web_town._facts(as_of) | facts
    store.publish(as_of, tables, run="ripe", facts=known)
    return client_of(store)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_page_says_how_earlier_nights_came_out(client, language):
    """Sentences, the table of parts, the curve and the nights, in the language asked for."""
    page = client.get("/model", params={"lang": language}).text

    for key in ("outcomes", "outcomes_ratio", "outcomes_curve", "outcomes_by_night"):
        assert words.told(key, language) in page
    assert ("grown stale" if language == "en" else "模型已经变旧") in page
    assert page.count("<circle") == 3
    assert "甲县" in page
    assert words.told("outcomes_broken", language, n=1) in page


def test_few_events_show_no_figure(client):
    """A county of six events says that they are too few, and nothing from which they could be worked out."""
    page = client.get("/model", params={"lang": "en"}).text
    row = page[page.index("乙县") :].partition("</tr>")[0]

    assert "too few events to judge" in row
    assert "%" not in row


def test_a_night_that_tells_nothing_says_so(tmp_path):
    """Nights of an older version, and young stores: no table, and a sentence that nothing has matured."""
    page = client_of(web_town.build(tmp_path, nights=("2025-01-08",))).get("/model", params={"lang": "en"}).text

    assert "No night has matured yet" in page
    assert words.told("outcomes_ratio", "en") not in page


def test_a_chart_holds_its_intervals():
    """Zero is in the middle, every end lies within the drawing, and a point without an interval has none."""
    drawn_chart = chart.intervals([2, 6, 10], [8.0, -1.0, 0.0], [(5.0, 11.0), (-4.0, 2.0), None])
    inside = [end for p in drawn_chart["points"] for end in (p["y"], p["top"], p["bottom"]) if end is not None]

    assert [tick["y"] for tick in drawn_chart["ticks"]] == [0, chart.HEIGHT / 2, chart.HEIGHT]
    assert min(inside) >= 0
    assert max(inside) <= chart.HEIGHT
    assert (drawn_chart["points"][2]["top"], drawn_chart["points"][2]["y"]) == (None, chart.HEIGHT / 2)
