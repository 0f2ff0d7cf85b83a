"""The pages and the API say what a night published, and say aloud what is missing, old or unknown."""

import gzip
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from towns import web as web_town
from visiting import at_the_machine

from riskwarn import schema
from riskwarn.errors import NotFoundError
from riskwarn.experiment import Experiment
from riskwarn.gaps.gap import KINDS
from riskwarn.store import PublishedNight, Store
from riskwarn.unusual import WORDS as WEEK_WORDS
from riskwarn.web import codes, create_app, schemas, words
from riskwarn.web import format as write
from riskwarn.web.chart import nice, stacked
from riskwarn.web.nights import Nights
from riskwarn.web.problems import HEADERS

PAGES = ("/", "/grids", "/grids/G0001", "/gaps", "/alerts", "/model", "/feeds")
SHAPES = {
    "/scores": schemas.Scores,
    "/scores/G0001": schemas.OneScore,
    "/grids/G0001/reasons": schemas.Reasons,
    "/grids/G0001/history": schemas.GridHistory,
    "/changes": schemas.Changes,
    "/gaps": schemas.Gaps,
    "/alerts": schemas.Alerts,
    "/alerts/A-20250108-01": schemas.OneAlert,
    "/model": schemas.Model,
    "/feeds": schemas.Feeds,
}
PACKAGE = Path(write.__file__).parent


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    return web_town.build(tmp_path_factory.mktemp("web") / "town")


@pytest.fixture(scope="module")
def app(town):
    return create_app(town.path, clock=lambda: web_town.NOW)


@pytest.fixture
def client(app):
    return at_the_machine(app, raise_server_exceptions=False)


@pytest.fixture
def empty(tmp_path):
    return client_of(Store(tmp_path, timezone=web_town.ZONE))


def client_of(store, *, now=web_town.NOW, **options):
    return at_the_machine(create_app(store.path, clock=lambda: now, **options), raise_server_exceptions=False)


def api(client, path, **params):
    return client.get(f"/api/v1{path}", params=params)


# -- pages ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("path", PAGES)
def test_every_page_in_both_languages(client, path, language):
    """Each page says its language, its night, its model, its data cut-off and the note."""
    page = client.get(path, params={"lang": language})

    assert page.status_code == 200
    assert f'<html lang="{"zh-CN" if language == "zh" else "en"}">' in page.text
    assert words.PHRASES["note"][language] in page.text
    assert "2025-01-08 00:00" in page.text
    assert "3f9c2a7d81b04e55" in page.text


@pytest.mark.parametrize("path", PAGES)
def test_pages_need_nothing_from_outside_and_no_inline_code(client, path):
    """No page names another host, carries inline script or style, or an event handler."""
    text = client.get(path).text
    loaded = re.findall(r'(?:src|href|action)="([^"]*)"', text)

    assert loaded
    assert [a for a in loaded if not a.startswith(("/", "#"))] == []
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|javascript:", text) == []


class Landmarks(HTMLParser):
    """Names of the landmarks of a page: navigation by its label, a section by its heading."""

    def __init__(self):
        super().__init__()
        self.names, self.headings, self.here = [], {}, None

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "nav" or given.get("role") == "navigation":
            self.names.append(given["aria-label"])
        if tag == "section" and "aria-labelledby" in given:
            self.names.append(given["aria-labelledby"])
        self.here = given.get("id") if tag in {"h1", "h2"} else self.here

    def handle_endtag(self, tag):
        self.here = None if tag in {"h1", "h2"} else self.here

    def handle_data(self, text):
        if self.here:
            self.headings[self.here] = self.headings.get(self.here, "") + text


@pytest.fixture(scope="module")
def long_town(tmp_path_factory):
    """A client of a town whose lists have several pages."""
    return client_of(web_town.build(tmp_path_factory.mktemp("long"), columns=40, rows=3, nights=("2025-01-08",)))


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("path", PAGES)
def test_no_two_landmarks_have_one_name(long_town, path, language):
    """Whoever goes from landmark to landmark hears a name once, also where a list has several pages."""
    page = Landmarks()
    page.feed(long_town.get(path, params={"lang": language}).text)
    names = [page.headings.get(name, name) for name in page.names]

    assert len(names) > 1 or path in {"/gaps", "/alerts", "/feeds", "/grids"}
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("path", PAGES)
def test_the_caution_is_printed_on_each_page(client, path, language):
    """The sentence that this is a lead stands in the footer group that print repeats, in the reader's language."""
    text = client.get(path, params={"lang": language}).text

    assert f'<p class="caution" aria-hidden="true">{words.PHRASES["note"][language]}</p>' in text


def test_every_unit_has_a_word():
    """No unit of a feature of any shipped question stands on a page in English alone."""
    shipped = Path(web_town.__file__).parent.parent / "experiments"
    asked = [Experiment.load(path, features=shipped.parent / "features") for path in sorted(shipped.glob("*.toml"))]

    assert {feature.unit for experiment in asked for feature in experiment.features} - set(codes.UNITS) == set()


def test_evidence_names_levels_in_words():
    """A level in the evidence of a gap is a word of the reader's language."""
    alert = {"level": "red", "first_alert": "2025-03-04T08:00+08:00", "wanted_within_hours": 24}
    assert codes.LEVELS["red"].zh in write.proof("G19", alert, "zh")


def test_order_of_the_day(client):
    """Trust comes first, then what changed, the list, and where we may be blind."""
    text = client.get("/").text
    order = [text.index(mark) for mark in ('<details class="trust', '<ul class="strip"', 'id="h-list"', 'id="h-gaps"')]

    assert order == sorted(order)


def test_today_names_the_feed_that_stopped_and_gives_no_reading_of_it(client):
    """A feed that is not normal is said in the first section, and its counts are not called usual."""
    text = client.get("/").text

    assert "热线工单 · 丙县 断报" in text
    assert "来源异常，不研判" in text


def test_a_line_gives_level_reasons_step_and_clock(client):
    """The first line of the list: level in words, three reasons in sentences, the next step, and until when to acknowledge."""
    text = client.get("/", params={"lang": "en"}).text
    first = re.search(r'<ol class="lines">\s*(<li class="line red" id="A-.*?</li>)', text, re.DOTALL).group(1)
    why = re.findall(r'<b class="now">(.*?)</b>|<span>(.*?)</span>', first)

    assert '<span class="level red">red</span>' in first
    assert "4 dispute calls in the last 28 days; city median 0.9" in why[0][0]
    assert len([w for w in why if any(w)]) == 4  # three reasons and the owner
    assert '<b class="step">Raise the overdue cases to a higher level</b>' in first
    assert "acknowledge by 10:00" in first


def test_lowering_reasons_stay_out_of_the_list_and_stand_on_the_page_of_the_grid(client):
    """Reasons that lower a score are shown where there is room to say so."""
    assert "call-backs in the last 90 days" not in client.get("/", params={"lang": "en"}).text
    assert "6 call-backs in the last 90 days" in client.get("/grids/G0001", params={"lang": "en"}).text


def test_insufficient_data_is_never_calm(client):
    """A grid without a score has no rank and no probability, and the page says that this is not calm."""
    text = client.get("/grids/G0012").text

    assert words.PHRASES["not_scored"].zh in text
    assert words.PHRASES["no_record"].zh in text
    assert "不等于平安" in client.get("/").text
    assert api(client, "/scores/G0012").json()["score"]["probability"] is None


def test_language_is_remembered(client):
    """The language chosen in the address holds for later pages, until another is chosen."""
    assert "Can today’s numbers be trusted?" in client.get("/?lang=en").text
    assert '<html lang="en">' in client.get("/gaps").text
    assert '<html lang="zh-CN">' in client.get("/?lang=zh").text
    assert '<html lang="zh-CN">' in client.get("/gaps").text


def test_language_of_the_application(town):
    """Without a choice the application's own language holds."""
    assert '<html lang="en">' in client_of(town, language="en").get("/").text


def test_past_night_says_so_and_links_stay_in_it(client):
    """A page of a past night says that it is past, and its links lead to the same night."""
    text = client.get("/", params={"as_of": "2025-01-06"}).text

    assert "2025年1月6日" in text
    assert "不是最新一期" in text
    assert 'href="/gaps?as_of=2025-01-06"' in text


@pytest.mark.parametrize(("hours", "stale"), [(26.0, False), (26.1, True), (24 * 40, True)])
def test_stale_after_26_hours(town, hours, stale):
    """The newest night is stale when it is older than 26 hours; page and readiness agree."""
    client = client_of(town, now=pd.Timestamp("2025-01-08", tz=web_town.ZONE) + pd.Timedelta(hours=hours))

    assert ("数据已过期" in client.get("/").text) is stale
    assert client.get("/readyz").json()["stale"] is stale


def test_nothing_published(empty):
    """An empty store is said aloud on pages, in the API and in readiness; the process is healthy."""
    page = empty.get("/")

    assert page.status_code == 503
    assert "尚未发布任何一期结果" in page.text
    assert "不代表没有风险" in page.text
    assert api(empty, "/scores").status_code == 503
    assert api(empty, "/scores").json()["type"] == "urn:riskwarn:problem:nothing_published"
    assert empty.get("/readyz").status_code == 503
    assert empty.get("/healthz").json() == {"status": "ok"}


def test_work_of_a_store_without_a_ledger_says_what_makes_one(client):
    """Where no night was entered the page of work says so, and what enters one; it does not call the address wrong."""
    page = client.get("/desk?lang=en")

    assert page.status_code == 404
    assert "Nobody has been given work yet" in page.text
    assert "riskwarn nightly" in page.text


def test_what_cannot_be_told_is_no_gap(tmp_path, monkeypatch):
    """A kind the data cannot tell is not counted as a gap; it is named apart, and its rows are shown on request."""
    known = web_town._gaps

    def with_unknown(scores, as_of):
        row = {"gap_id": "gap-hours", "kind": "G05", "scope": "org:*", "state": "insufficient_data", "severity": 0.0}
        row |= {"evidence": json.dumps({"missing_table": "visits"})}
        return pd.concat([known(scores, as_of), known(scores, as_of).head(1).assign(**row)], ignore_index=True)

    monkeypatch.setattr(web_town, "_gaps", with_unknown)
    store = Store(tmp_path, timezone=web_town.ZONE)
    store.write("grids", web_town._grids(4, 3))
    web_town.publish(store, "2025-01-08")
    client = client_of(store)
    found = client.get("/gaps").text
    told, untold = KINDS["G08"].words.zh, KINDS["G05"].words.zh

    assert f">{told} <b>" in found
    assert f">{untold} <b>" not in found
    assert words.PHRASES["not_told"].zh in found
    assert f">{untold}</a>" in found
    assert codes.STATES["insufficient_data"].zh in client.get("/gaps?kind=G05").text


def test_tables_a_night_did_not_make_are_not_none_found(tmp_path):
    """A night without gaps and alerts says that they were not made; the riskiest grids stand in for the list."""
    store = web_town.build(tmp_path, nights=("2025-01-08",))
    as_of = pd.Timestamp("2025-01-09", tz=web_town.ZONE)
    scores = store.read("scores", as_of="2025-01-08").assign(as_of=as_of)
    store.publish(as_of, {"scores": scores}, run="bare")
    client = client_of(store)

    today = client.get("/")
    assert today.status_code == 200
    assert words.PHRASES["no_alerts_made"].zh in today.text
    assert words.PHRASES["no_gaps_made"].zh in today.text
    assert words.PHRASES["trust_unstated"].zh.partition("{until}")[2] in today.text
    assert words.PHRASES["gate_unknown"].zh in client.get("/").text
    assert words.PHRASES["gate_unknown"].zh in client.get("/model").text
    assert api(client, "/gaps").json()["made"] is False
    assert api(client, "/alerts").json()["made"] is False
    assert [client.get(p).status_code for p in PAGES] == [200] * len(PAGES)


def test_one_feed_is_not_called_all_feeds():
    """A city with one feed is told of it in the singular."""
    assert words.told("trust_ok", "en", until="today", n=1) == "Records complete to today; the one feed normal."
    assert "all 2 feeds normal" in words.told("trust_ok", "en", until="today", n=2)
    assert "the one feed is not normal: calls" in words.told("trust_bad", "en", until="x", n=1, bad=1, names="calls")


def test_model_that_has_not_passed_the_gate(tmp_path):
    """A model that is not shown to beat the prior count says so where today's numbers are judged, and why on its own page."""
    store = Store(tmp_path, timezone=web_town.ZONE)
    store.write("grids", web_town._grids(4, 3))
    web_town.publish(store, "2025-01-08", gate=False, gate_reason="capture_5 is worse")
    client = client_of(store)

    assert words.PHRASES["gate_failed"].zh in client.get("/").text
    assert "capture_5 is worse" in client.get("/model").text


def test_model_stands_beside_every_prior_count(client):
    """The model's page shows each prior count with its figures, the best of a column in bold."""
    text = client.get("/model", params={"lang": "en"}).text

    assert "The model has passed the gate" in text
    assert "prior count, 15 weeks" in text
    assert "prior count, 52 weeks" in text
    assert "<b>0.4120</b>" in text
    assert "<b>0.0810</b>" in text
    assert "<b>0.3610</b>" not in text


def test_the_level_of_the_city_is_said_on_the_page_of_its_model(client):
    """How far the night's totals move the level of the whole city, in one sentence of the reader's language; a night that says nothing of it has none."""
    assert "Level of the whole city tonight: 8 % above" in client.get("/model", params={"lang": "en"}).text
    assert "本期全市总体水平：比模型校准时期高8%" in client.get("/model", params={"lang": "zh"}).text
    before = client.get("/model", params={"lang": "en", "as_of": "2025-01-07"})
    assert before.status_code == 200
    assert "Level of the whole city" not in before.text
    assert api(client, "/model").json()["facts"]["city_level"]["factor"] == pytest.approx(1.08, abs=0.01)


def test_records_after_the_night_are_not_its_cut_off(tmp_path):
    """A store that holds later records does not move the cut-off of a night past its as_of."""
    store = Store(tmp_path, timezone=web_town.ZONE)
    store.write("grids", web_town._grids(4, 3))
    web_town.publish(store, "2025-01-08", data_until="2025-02-01T00:00:00+08:00")

    assert api(client_of(store), "/scores").json()["data_until"] == "2025-01-08T00:00:00+08:00"


def test_grids_without_polygons(tmp_path):
    """Without polygons there is no map; the page says so, and neighbours are not known rather than none."""
    store = Store(tmp_path, timezone=web_town.ZONE)
    store.write("grids", web_town._grids(4, 3).drop(columns=["geometry", "name", "township_id"]))
    web_town.publish(store, "2025-01-08")
    client = client_of(store)

    assert words.PHRASES["map_none"].zh in client.get("/").text
    assert 'id="map"' not in client.get("/").text
    assert words.PHRASES["no_neighbours"].zh in client.get("/grids/G0001").text
    assert api(client, "/grids.geojson").json()["features"] == []


def test_neighbours_of_a_grid(client):
    """The page of a corner grid lists the three grids that touch it."""
    table = client.get("/grids/G0001").text.split('id="h-near"')[1].split("</table>")[0]

    assert sorted(re.findall(r"/grids/(G\d+)", table)) == ["G0002", "G0005", "G0006"]


def test_names_are_escaped(tmp_path):
    """Text of a table never becomes markup, neither on a page nor in the GeoJSON."""
    store = Store(tmp_path, timezone=web_town.ZONE)
    bad = '<script>alert("1")</script>'
    store.write("grids", web_town._grids(4, 3).assign(name=bad, township_id=bad))
    web_town.publish(store, "2025-01-08", question={"zh": bad, "en": bad}, model_version=bad)
    client = client_of(store)

    for path in PAGES:
        text = client.get(path).text
        assert bad not in text, path
    assert "&lt;script&gt;" in client.get("/").text


def test_pages_of_a_long_list(tmp_path):
    """The ranking shows a hundred rows a page; a page past the end is the last."""
    client = client_of(web_town.build(tmp_path, columns=15, rows=15, nights=("2025-01-08",)))

    assert client.get("/grids").text.count('class="rank"') == 100
    assert client.get("/grids?page=3").text.count('class="rank"') == 25
    assert client.get("/grids?page=99").text.count('class="rank"') == 25
    assert client.get("/grids?page=0").status_code == 422


# -- API -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", SHAPES)
def test_answers_keep_their_shape(client, path):
    """Every answer has the shape the OpenAPI document declares, with nothing beside it, and names night and model."""
    found = api(client, path)
    body = found.json()

    assert found.status_code == 200
    SHAPES[path].model_validate(body)
    assert set(body) == set(SHAPES[path].model_fields)
    assert (body["as_of"], body["model_version"]) == ("2025-01-08", "3f9c2a7d81b04e55")


def test_scores_are_those_published(town, client):
    """The API gives back what the night published, riskiest first, unscored last."""
    published = town.read("scores", as_of="2025-01-08").sort_values(["rank"], na_position="last")
    items = api(client, "/scores").json()["items"]

    assert [i["grid_id"] for i in items] == published["grid_id"].tolist()
    assert [i["probability"] for i in items[:-1]] == published["probability"].tolist()[:-1]
    assert items[-1]["rank"] is None
    assert items[-1]["state"] == "insufficient_data"


def test_scores_are_filtered_and_paged(client):
    """Filters narrow the total, paging does not."""
    every = api(client, "/scores").json()
    bound = every["items"][4]["probability"]

    assert api(client, "/scores", min_probability=bound).json()["total"] == 5
    assert api(client, "/scores", state="insufficient_data").json()["total"] == 1
    page = api(client, "/scores", limit=2, offset=3).json()
    assert page["items"] == every["items"][3:5]
    assert page["total"] == 12


def test_changes_against_the_night_before(town, client):
    """Entered, left and stayed part the two lists; the first night has nothing to compare with."""

    def listed(night):
        return set(" ".join(town.read("alerts", as_of=night)["grid_ids"]).split())

    found = api(client, "/changes").json()
    now, then = listed("2025-01-08"), listed("2025-01-07")
    assert (set(found["entered"]), set(found["left"]), set(found["stayed"])) == (now - then, then - now, now & then)
    assert found["previous"] == "2025-01-07"
    assert api(client, "/changes", as_of="2025-01-06").json()["previous"] is None


def test_reasons_in_both_languages(client):
    """A reason is a sentence in each language, with value, normal and contribution beside it."""
    first = api(client, "/grids/G0001/reasons").json()["items"][0]

    assert first["zh"] == "近28天纠纷警情4起，全市中位数0.9起"
    assert first["en"] == "4 dispute calls in the last 28 days; city median 0.9"
    assert (first["value"], first["normal"], first["contribution"]) == (4.0, 0.9, 0.82)


def test_history_counts_what_was_known_when_each_week_ended(town, client):
    """Weeks of a grid count its events that occurred in the week and were known by its end; nights come oldest first."""
    found = api(client, "/grids/G0001/history").json()
    events = town.read("events")
    own = events[events["grid_id"] == "G0001"]
    end = pd.Timestamp("2025-01-08", tz=web_town.ZONE) - pd.DateOffset(weeks=10)
    inside = own[
        (own["occurred_at"] > end - pd.DateOffset(weeks=1)) & (own["occurred_at"] < end) & (own["known_at"] < end)
    ]

    week = found["weeks"][-11]
    assert week["until"] == "2024-10-30"
    assert sum(week["counts"].values()) == len(inside) > 0
    assert [n["as_of"] for n in found["nights"]] == list(web_town.NIGHTS)


def test_gaps_and_alerts_are_filtered(client):
    """Gaps by kind, alerts by level; evidence is read, lists are lists."""
    gap = api(client, "/gaps", kind="G08").json()["items"]
    alert = api(client, "/alerts", level="red").json()["items"]

    assert [g["kind"] for g in gap] == ["G08"]
    assert gap[0]["evidence"]["silent_days"] == 3.0
    assert (gap[0]["zh"], gap[0]["en"]) == ("断报缺口", "feed gap")
    assert len(alert) == 1
    assert len(alert[0]["grid_ids"]) == 2
    assert api(client, "/gaps", kind="G13").json()["total"] == 0


def test_geojson_draws_every_grid_once_and_is_cached(client):
    """One polygon a grid with its band; the same night answers 304; both encodings hold the same text."""
    found = api(client, "/grids.geojson")
    features = found.json()["features"]

    assert sorted(f["properties"]["grid_id"] for f in features) == [f"G{n + 1:04d}" for n in range(12)]
    assert {f["geometry"]["type"] for f in features} == {"Polygon"}
    assert [f["properties"]["band"] for f in features if f["properties"]["state"] != "ok"] == [0]
    assert found.headers["content-encoding"] == "gzip"
    again = client.get("/api/v1/grids.geojson", headers={"If-None-Match": found.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    plain = client.get("/api/v1/grids.geojson", headers={"Accept-Encoding": "identity"})
    assert json.loads(plain.content) == found.json()
    assert api(client, "/grids.geojson", as_of="2025-01-07").headers["etag"] != found.headers["etag"]


def test_simplified_borders_do_not_tear():
    """Neighbouring grids keep their common border when detail is dropped."""
    import shapely

    from riskwarn.web.geojson import _drawn

    jagged = shapely.LineString(
        [(0.01, 0.0)] + [(0.01 + 2e-6 * (i % 2), i / 1e4) for i in range(1, 100)] + [(0.01, 0.01)]
    )
    left, right = shapely.get_parts(shapely.ops.split(shapely.box(0, 0, 0.02, 0.01), jagged))
    drawn = shapely.from_geojson(_drawn(np.array([left, right])).to_numpy(dtype=object))

    assert shapely.get_num_coordinates(drawn).sum() < 30
    assert shapely.area(shapely.union_all(drawn)) == pytest.approx(0.02 * 0.01, rel=1e-6)
    assert shapely.area(shapely.intersection(*drawn)) == pytest.approx(0, abs=1e-12)


def test_a_night_is_one_run_whatever_is_published_meanwhile(tmp_path):
    """A new run of the same date is served from the next request on, whole."""
    store = web_town.build(tmp_path, nights=("2025-01-08",))
    client = client_of(store)
    before = api(client, "/scores").json()
    web_town.publish(store, "2025-01-08", seed=5, run="again", model_version="feedbeef")

    after = api(client, "/scores").json()
    assert after["model_version"] == "feedbeef"
    assert after["items"] != before["items"]


def test_what_is_kept_under_a_run_was_read_from_it(tmp_path, monkeypatch):
    """A publication between two reads of one night mixes no tables: the run that was begun is served whole, then the new one."""
    store = web_town.build(tmp_path, nights=("2025-01-08",))
    client = client_of(store)
    table, moved = PublishedNight.table, []

    def moving(self, name, **options):
        if name == "alerts" and not moved:
            moved.append(True)
            web_town.publish(store, "2025-01-08", seed=5, run="again", model_version="feedbeef")
        return table(self, name, **options)

    monkeypatch.setattr(PublishedNight, "table", moving)
    for run, version in (("run0", "3f9c2a7d81b04e55"), ("again", "feedbeef")):
        scores = api(client, "/scores").json()
        published = store.night("2025-01-08", run)
        assert scores["model_version"] == version
        wanted = published.table("scores").sort_values("rank", na_position="last")["grid_id"].tolist()
        assert [s["grid_id"] for s in scores["items"]] == wanted
        alerted = {s["grid_id"] for s in scores["items"] if s["level"]}
        assert alerted == set(" ".join(published.table("alerts")["grid_ids"]).split())
    assert moved


@pytest.mark.parametrize("damage", ["table", "facts", "cut", "pointer", "stray"])
def test_a_damaged_newest_night_is_passed_over_and_said(tmp_path, damage):
    """Where the newest night cannot be read every page shows the last one that can, and says so; no folder gives 500."""
    store = web_town.build(tmp_path)
    newest = tmp_path / "nights/2025-01-08"
    run = newest / store.run_of("2025-01-08")
    if damage == "table":
        (run / "scores.parquet").write_bytes(b"no parquet")
    if damage == "facts":
        (run / "facts.json").write_text("{", "utf-8")
    if damage == "cut":
        (run / "gaps.parquet").write_bytes((run / "gaps.parquet").read_bytes()[:-9])
    if damage == "pointer":
        (newest / "current").write_text("gone", "utf-8")
    if damage == "stray":
        (tmp_path / "nights/copy of 2025-01-08").mkdir()
        (tmp_path / "nights/copy of 2025-01-08/current").write_text("run2", "utf-8")
    client = client_of(store)
    shown = "2025-01-08" if damage == "stray" else "2025-01-07"

    for path in PAGES:
        page = client.get(path, params={"lang": "en"})
        assert page.status_code == 200
        assert (words.PHRASES["damaged"]["en"].split("(")[0] in page.text) == (damage in {"table", "facts", "cut"})
    assert api(client, "/scores").json()["as_of"] == client.get("/readyz").json()["as_of"] == shown
    assert client.get("/metrics").status_code == 200
    if damage in {"table", "facts"}:
        found = api(client, "/scores", as_of="2025-01-08")
        assert (found.status_code, found.json()["type"]) == (503, "urn:riskwarn:problem:damaged_night")
        assert str(tmp_path) not in found.text
        assert (
            words.PHRASES["damaged_night"]["zh"] in client.get("/", params={"as_of": "2025-01-08", "lang": "zh"}).text
        )


# -- refusals ------------------------------------------------------------------------------------------------------------

SECRET = "zhang-secret-4711"
BAD = [
    ("/api/v1/scores", {"limit": SECRET}, ["query", "limit"], "int_parsing"),
    ("/api/v1/scores", {"limit": "0"}, ["query", "limit"], "greater_than_equal"),
    ("/api/v1/scores", {"limit": "10001"}, ["query", "limit"], "less_than_equal"),
    ("/api/v1/scores", {"offset": "-1"}, ["query", "offset"], "greater_than_equal"),
    ("/api/v1/scores", {"min_probability": "nan"}, ["query", "min_probability"], "finite_number"),
    ("/api/v1/scores", {"min_probability": "1e999"}, ["query", "min_probability"], "finite_number"),
    ("/api/v1/scores", {"state": SECRET}, ["query", "state"], "literal_error"),
    ("/api/v1/scores", {"as_of": SECRET}, ["query", "as_of"], "string_pattern_mismatch"),
    ("/api/v1/scores", {"as_of": "2025-02-31"}, ["query", "as_of"], "date_invalid"),
    ("/api/v1/scores", {"as_of": "0000-00-00"}, ["query", "as_of"], "date_invalid"),
    ("/api/v1/scores", {SECRET: "1"}, ["query"], "extra_forbidden"),
    ("/api/v1/model", {SECRET: "1"}, ["query"], "extra_forbidden"),
    ("/api/v1/gaps", {"kind": SECRET}, ["query", "kind"], "string_pattern_mismatch"),
    ("/api/v1/alerts", {"level": SECRET}, ["query", "level"], "literal_error"),
    ("/healthz", {SECRET: "1"}, ["query"], "extra_forbidden"),
]


@pytest.mark.parametrize(("path", "params", "loc", "kind"), BAD)
def test_bad_parameters_are_refused_without_an_echo(client, path, params, loc, kind):
    """A parameter that is unknown or breaks its rule gives 422 with place and kind, never the value or the unknown name."""
    found = client.get(path, params=params)

    assert found.status_code == 422
    assert found.headers["content-type"] == "application/problem+json"
    assert {"loc": loc, "type": kind} in found.json()["errors"]
    assert SECRET not in found.text
    assert "input" not in found.text


@pytest.mark.parametrize(
    "path", ["/api/v1/scores/", "/api/v1/grids/{}/reasons", "/api/v1/grids/{}/history", "/grids/{}"]
)
def test_unknown_grid(client, path):
    """A grid the night does not know gives 404 without an echo: a problem document in the API, a page on pages."""
    found = client.get((path if "{}" in path else path + "{}").format(SECRET))

    assert found.status_code == 404
    assert SECRET not in found.text.split('class="tongue"')[0]
    assert found.headers["content-type"].startswith("application/problem+json" if "/api/" in path else "text/html")


def test_unknown_alert(client):
    """An alert the night does not hold gives 404."""
    assert api(client, "/alerts/none").json()["type"] == "urn:riskwarn:problem:unknown_alert"


def test_unknown_date_names_the_nearest_night(client):
    """A date without a night gives 404 and the nearest night, in the API and on pages."""
    found = api(client, "/scores", as_of="2024-06-01")

    assert found.status_code == 404
    assert found.json()["nearest"] == "2025-01-06"
    page = client.get("/", params={"as_of": "2026-01-01"})
    assert page.status_code == 404
    assert "2025-01-08" in page.text


def test_pages_refuse_bad_parameters_too(client):
    """A page with a bad parameter is a page that says so, in the language asked for, without an echo."""
    found = client.get("/", params={"lang": "en", SECRET: "1"})

    assert found.status_code == 422
    assert "bad parameter" in found.text
    assert SECRET not in found.text
    assert client.get("/", params={"lang": SECRET}).status_code == 422


def test_a_store_of_damaged_nights_does_not_tell_of_the_server(tmp_path):
    """Where no night can be read the answer is 503 without paths or a traceback, on pages and in the API."""
    store = web_town.build(tmp_path, nights=("2025-01-08",))
    (tmp_path / "nights/2025-01-08/run0/scores.parquet").write_bytes(b"no parquet")
    client = client_of(store)

    for path in ("/", "/api/v1/scores", "/readyz", "/metrics"):
        found = client.get(path)
        assert found.status_code == 503
        assert str(tmp_path) not in found.text
        assert "Traceback" not in found.text
        assert found.headers["x-content-type-options"] == "nosniff"


def test_a_fault_inside_does_not_tell_of_the_server(town, monkeypatch):
    """A fault of the program gives 500 without paths or a traceback, on pages and in the API."""
    client = client_of(town)
    monkeypatch.setattr(Nights, "at", lambda *_, **__: (_ for _ in ()).throw(KeyError(str(town.path))))

    for path in ("/", "/api/v1/scores"):
        found = client.get(path)
        assert found.status_code == 500
        assert str(town.path) not in found.text
        assert "Traceback" not in found.text
        assert found.headers["x-content-type-options"] == "nosniff"


def test_unknown_folder(tmp_path):
    """An application for a store that is not there is refused before it serves."""
    with pytest.raises(NotFoundError, match="there is no store"):
        create_app(tmp_path / "none")


# -- headers, documents, vendored files ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/", "/gaps", "/none", "/api/v1/scores", "/api/v1/none", "/static/riskwarn.css", "/healthz"]
)
def test_security_headers_everywhere(client, path):
    """Every answer, errors too, carries the security headers; scripts and styles come from this host alone."""
    headers = client.get(path).headers

    assert {name: headers.get(name) for name in HEADERS} == HEADERS
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]


def test_no_docs_page_but_the_document(client):
    """The framework's docs pages, which load from elsewhere, are off; the OpenAPI document names every answer."""
    assert [client.get(p).status_code for p in ("/docs", "/redoc")] == [404, 404]
    paths = client.get("/openapi.json").json()["paths"]
    assert {p.removeprefix("/api/v1") for p in paths if p.startswith("/api/v1")} == {
        "/admin/users",
        "/admin/users/{user_id}",
        "/admin/users/{user_id}/reset",
        "/admin/users/{user_id}/unlock",
        "/admin/tokens",
        "/admin/tokens/{token_id}",
        "/admin/stop",
        "/scores",
        "/scores/{grid_id}",
        "/grids/{grid_id}/reasons",
        "/grids/{grid_id}/history",
        "/grids.geojson",
        "/changes",
        "/gaps",
        "/alerts",
        "/alerts/{alert_id}",
        "/model",
        "/feeds",
        "/score",
        "/review",
        "/grids/{grid_id}",
        "/map.geojson",
        "/areas",
        "/gaps/{gap_id}",
        "/items",
        "/items/{item_id}",
        "/items/{item_id}/transitions",
        "/alerts/{item_id}/transitions",
        "/gaps/{item_id}/transitions",
        "/cards/{item_id}/transitions",
        "/outcomes",
        "/supervision",
        "/model/card",
        "/model/datasheet",
        "/plan",
        "/mode",
        "/grids/{grid_id}/what-if",
        "/grids/{grid_id}/rows",
        "/audit",
    }


def test_only_steps_are_written(client):
    """What a night published cannot be written to; only steps and switches are posted."""
    assert client.post("/api/v1/scores").status_code == 405
    assert client.post("/api/v1/scores").json()["type"] == "urn:riskwarn:problem:method_not_allowed"


def gauges(client):
    """By name and labels, the numbers of `/metrics`, as Prometheus reads them."""
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}


def test_metrics_count_what_was_published(client):
    """Gauges of the newest night, in Prometheus' text format."""
    told = gauges(client)

    assert client.get("/metrics").headers["content-type"].startswith("text/plain; version=0.0.4")
    assert told["riskwarn_grids", "insufficient_data"] == 1
    assert told["riskwarn_alerts", "red"] == 1
    assert told["riskwarn_gaps", "G08"] == 1
    assert told["riskwarn_feeds", "stopped"] == 1
    assert told["riskwarn_monitors", "alarm"] == 2
    assert told["riskwarn_night_age_seconds",] == 27000


def test_each_application_has_its_own_metrics(client, tmp_path):
    """Two applications in one process tell each of its own store, and a table that was not made has no gauge."""
    store = web_town.build(tmp_path, columns=2, rows=2, nights=())
    as_of = pd.Timestamp("2025-01-08", tz=web_town.ZONE)
    scores = web_town._scores(["G0001", "G0002", "G0003", "G0004"], as_of, np.random.default_rng(0))
    store.publish(as_of, {"scores": scores}, run="bare")
    told = gauges(client_of(store))

    assert told["riskwarn_grids", "ok"] == 3
    assert gauges(client)["riskwarn_grids", "ok"] == 11
    assert not {"riskwarn_alerts", "riskwarn_gaps", "riskwarn_feeds", "riskwarn_monitors"} & {name for name, *_ in told}


def test_vendored_files_are_those_of_the_manifest():
    """Every vendored file is named in the manifest with version, licence and its SHA-256, and is what it says."""
    vendor = PACKAGE / "static" / "vendor"
    manifest = json.loads((vendor / "manifest.json").read_text("utf-8"))
    named = {name: digest for library in manifest for name, digest in library["files"].items()}
    there = {
        str(p.relative_to(vendor)): hashlib.sha256(p.read_bytes()).hexdigest() for p in vendor.rglob("*") if p.is_file()
    }

    assert there.pop("manifest.json")
    assert there == named
    assert all(library["version"] and library["licence"] and library["licence_file"] in named for library in manifest)


def test_scripts_run_on_old_browsers():
    """Our scripts keep to what browsers of 2012 read: no arrows, templates, let, const, promises or fetch."""
    modern = re.compile(r"=>|`|\b(?:let|const|class|async|await|fetch|Promise)\b(?!\")")
    scripts = {path.name: path.read_text("utf-8") for path in (PACKAGE / "static").glob("*.js")}

    assert {"map.js", "filters.js", "lines.js"} <= set(scripts)
    assert {name: found for name, text in scripts.items() if (found := modern.findall(text))} == {}


# -- words and small parts -----------------------------------------------------------------------------------------------


def test_words_for_every_gap_kind_level_and_phrase():
    """All twenty gap kinds, the levels and every phrase have words in both languages, with the same blanks."""
    assert list(KINDS) == [f"G{n:02d}" for n in range(1, 21)]
    levels = next(c for c in schema.ALERTS.columns if c.name == "level")
    assert tuple(codes.LEVELS) == levels.values  # noqa: PD011 - a column of ours
    said = [w for kind in KINDS.values() for w in (kind.words, kind.meaning)] + list(words.PHRASES.values())
    assert all(w.zh and w.en for w in said)
    assert [w for w in said if set(re.findall(r"{\w+}", w.zh)) != set(re.findall(r"{\w+}", w.en))] == []


def test_every_phrase_is_used():
    """No phrase is left over from a page that has gone, and every word for an unusual week has one."""
    text = "".join(p.read_text("utf-8") for p in [*PACKAGE.rglob("*.html"), *PACKAGE.rglob("*.py")])

    unused = [key for key in words.PHRASES if text.count(f'"{key}"') < 2 and f"'{key}'" not in text]
    assert set(unused) <= set(WEEK_WORDS)
    assert set(WEEK_WORDS) <= set(words.PHRASES)


def test_weeks_are_not_known_where_events_are_not(tmp_path):
    """A store without events has no weeks: none, not zeros."""
    store = Store(tmp_path, timezone=web_town.ZONE)
    store.write("grids", web_town._grids(4, 3))
    web_town.publish(store, "2025-01-08")
    client = client_of(store)

    assert api(client, "/grids/G0001/history").json()["weeks"] is None
    assert words.PHRASES["no_events"].zh in client.get("/grids/G0001").text


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), min_size=1, max_size=60))
def test_bars_stand_on_each_other_within_the_chart(weeks):
    """Bars of a week stand on each other, none leaves the chart, and their heights are to one scale."""
    a, b = zip(*weeks, strict=True)
    chart = stacked({"a": a, "b": b})

    assert chart["top"] >= max(x + y for x, y in weeks)
    for bar in chart["bars"]:
        assert bar["y"] >= -0.1
        assert bar["height"] == pytest.approx((a, b)[bar["series"]][bar["week"]] / chart["top"] * 120, abs=0.06)


@given(st.floats(0, 1e9))
def test_upper_grid_line_is_not_below(most):
    """The upper grid line lies at or above the tallest bar, and below ten times it."""
    assert most <= nice(most)
    assert nice(most) < 10 * max(most, 0.2)


def test_compressed_document_is_the_same_each_time(town):
    """The same night gives the same bytes, so that caches between hold."""
    first, second = (client_of(town).get("/api/v1/grids.geojson") for _ in range(2))

    assert first.headers["etag"] == second.headers["etag"]
    assert gzip.compress(first.content, 6, mtime=0) == gzip.compress(second.content, 6, mtime=0)


def test_weeks_cover_all_feeds(town):
    """The city's weeks hold every feed with events."""
    assert set(Nights(town).at().weeks.of_city()) == set(web_town.SOURCES)
