"""What programs read: scores in every form, page by page and within an area; maps, roll-ups that add up, and what each answer says of itself."""

import io
import itertools
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from towns import web as web_town
from visiting import as_visitor, at_the_machine

from riskwarn.ledger.words import word as ledger_word
from riskwarn.store import Store
from riskwarn.store.operations import note
from riskwarn.web import create_app, schemas
from riskwarn.web.cursor import Cursor
from riskwarn.web.forms import MEDIA
from riskwarn.web.problems import Problem
from riskwarn.web.rendered import lines_of
from riskwarn.web.words import PHRASES

WEST = "城关街道"
"""A township that holds half of the grids."""


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    return web_town.build(tmp_path_factory.mktemp("api") / "town", columns=6, rows=4)


@pytest.fixture
def client(town):
    return client_of(town)


def client_of(store, now=web_town.NOW):
    return at_the_machine(create_app(store.path, clock=lambda: now), raise_server_exceptions=False)


def get(client, path, headers=None, **params):
    return client.get(f"/api/v1{path}", params=params, headers=headers)


def grids_of(answer):
    return [item["grid_id"] for item in answer.json()["items"]]


# -- forms ---------------------------------------------------------------------------------------------------------------


def read_as(form, content):
    """A file of scores as a frame."""
    if form == "csv":
        return pd.read_csv(io.BytesIO(content), dtype={"level": "str", "lane": "str", "alert_id": "str"})
    if form == "parquet":
        return pq.read_table(io.BytesIO(content)).to_pandas()
    return pa.ipc.open_stream(content).read_all().to_pandas()


@pytest.mark.parametrize("by", ["address", "header"])
@pytest.mark.parametrize("form", ["csv", "parquet", "arrow"])
def test_every_form_holds_what_json_holds(client, form, by):
    """A file has one row a grid, in the order and with the numbers of the JSON, whether asked for in the address or by `Accept`."""
    asked = {"format": form} if by == "address" else {}
    found = get(client, "/scores", headers={"Accept": MEDIA[form]} if by == "header" else None, **asked)
    frame = read_as(form, found.content)
    items = get(client, "/scores", limit=100).json()["items"]

    assert found.headers["content-type"] == MEDIA[form]
    assert frame["grid_id"].tolist() == [item["grid_id"] for item in items]
    for name in ("rank", "probability", "expected", "lower", "upper", "p_in_top"):
        wanted = [float("nan") if item[name] is None else item[name] for item in items]
        np.testing.assert_array_equal(frame[name].to_numpy(dtype=float, na_value=np.nan), wanted)
    for name in ("state", "level", "alert_id", "target"):
        assert frame[name].astype(object).where(frame[name].notna(), None).tolist() == [item[name] for item in items]
    assert set(frame["as_of"]) == {"2025-01-08"}
    assert (found.headers["riskwarn-as-of"], found.headers["riskwarn-stale"]) == ("2025-01-08", "false")


def test_a_map_of_scores_draws_the_page(client):
    """As GeoJSON a page has one feature a grid, in its order."""
    found = get(client, "/scores", format="geojson", limit=5, offset=2)

    assert [f["properties"]["grid_id"] for f in found.json()["features"]] == grids_of(
        get(client, "/scores", limit=5, offset=2)
    )


def test_no_cell_of_a_csv_is_a_formula(tmp_path):
    """A name that begins like a formula is text in a spreadsheet; numbers stay numbers."""
    store = Store(tmp_path, timezone=web_town.ZONE)
    bad = ["=1+1", "+1", "-1", "@a", "\t=1", "＝1", "|x", "%a", "plain", "a,b", 'q"u', "l\nn"]
    store.write("grids", web_town._grids(4, 3).assign(name=bad))
    web_town.publish(store, "2025-01-08")
    frame = read_as("csv", get(client_of(store), "/scores", format="csv").content)
    names = frame.set_index("grid_id")["name"]

    assert sorted(names.str.removeprefix("'")) == sorted(bad)
    assert not [name for name in names if name.lstrip()[0] in "=+-@|%＝"]
    assert frame["expected"].dtype == np.float64


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("*/*", "json"),
        ("application/json", "json"),
        ("text/html, */*;q=0.1", "json"),
        ("text/csv", "csv"),
        ("text/csv;q=0.5, application/vnd.apache.parquet", "parquet"),
        ("application/json;q=0.2, text/*;q=0.9", "csv"),
        ("application/geo+json", "geojson"),
        ("text/csv;q=0, application/*", "json"),
        ("text/csv;q=x, application/json;q=0.1", "json"),
    ],
)
def test_the_form_best_liked_is_given(client, accept, form):
    """Weights of `Accept` are kept to, ranges are understood, a weight that is no number counts as nothing."""
    assert get(client, "/scores", headers={"Accept": accept}).headers["content-type"] == MEDIA[form]


def test_a_form_nobody_has_is_refused(client):
    """Where only unknown forms are accepted the answer is 406 and names those there are."""
    found = get(client, "/scores", headers={"Accept": "image/png"})

    assert (found.status_code, found.json()["type"]) == (406, "urn:riskwarn:problem:not_acceptable")
    assert "text/csv" in found.json()["forms"]


@given(
    st.lists(
        st.tuples(
            st.none() | st.text(), st.none() | st.floats(), st.none() | st.integers(-(2**60), 2**60), st.booleans()
        ),
        max_size=20,
    ),
    st.booleans(),
)
@settings(deadline=None, max_examples=60)
def test_written_rows_read_back(rows, coded):
    """Rows written once read back as what they are, one by one, in a run or in any choice; what is no number is null."""
    words, numbers, whole, flags = zip(*rows, strict=True) if rows else ((), (), (), ())
    text = pa.chunked_array([pa.array(words, pa.string())])
    columns = {"w": text.dictionary_encode() if coded else text, "x": pa.array(numbers, pa.float64())}
    table = pa.table({**columns, "n": pa.array(whole, pa.int64()), "f": pa.array(flags, pa.bool_())})
    lines = lines_of(table, ["w", "x", "n", "f", "none"])
    wanted = [
        {"w": w, "x": x if x is not None and np.isfinite(x) else None, "n": n, "f": f, "none": None}
        for w, x, n, f in rows
    ]

    assert json.loads(b"[" + lines.run(0, len(rows)) + b"]") == wanted
    assert json.loads(b"[" + lines.chosen(range(len(rows))[::-1]) + b"]") == wanted[::-1]
    assert [json.loads(lines.run(n, n + 1)) for n in range(len(rows))] == wanted


# -- narrowed, ordered, page by page -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "fits"),
    [
        ({"level": "red"}, lambda s: s["level"] == "red"),
        ({"state": "ok", "min_probability": 0.1}, lambda s: s["state"] == "ok" and s["probability"] >= 0.1),
        ({"parent": WEST}, lambda s: (int(s["grid_id"][1:]) - 1) % 6 < 3),
        ({"parent": "甲县", "state": "insufficient_data"}, lambda s: s["state"] == "insufficient_data"),
        ({"parent": "nowhere"}, lambda s: False),
        ({"lane": "rising"}, lambda s: s["lane"] == "rising"),
    ],
)
def test_filters_choose(client, asked, fits):
    """Each filter leaves exactly what fits, in order; the total counts it."""
    every = get(client, "/scores").json()["items"]
    found = get(client, "/scores", **asked).json()

    assert found["items"] == [score for score in every if fits(score)]
    assert found["total"] == len(found["items"])


@pytest.mark.parametrize("sort", ["expected", "-expected", "upper", "-p_in_top", "grid_id", "-grid_id", "-rank"])
def test_orders(client, sort):
    """Scores come in the order asked for, either way; unknown values stand last."""
    name = sort.removeprefix("-")
    values = [s[name] for s in get(client, "/scores", sort=sort).json()["items"]]
    known = [v for v in values if v is not None]

    assert len(values) == 24
    assert known == sorted(known, reverse=sort.startswith("-"))
    assert values[: len(known)] == known


def paged(client, **asked):
    """All pages of a list by their cursors, and the runs they are of."""
    grids, runs, cursor = [], set(), {}
    for _ in range(40):
        page = get(client, "/scores", limit=5, **asked, **cursor).json()
        grids += [item["grid_id"] for item in page["items"]]
        runs.add(page["run"])
        if page["next"] is None:
            return grids, runs
        cursor = {"cursor": page["next"]}
    raise AssertionError("the pages do not end")


@pytest.mark.parametrize("asked", [{}, {"sort": "-grid_id"}, {"parent": WEST, "sort": "expected"}], ids=str)
def test_pages_hold_each_grid_once(client, asked):
    """The pages of a list together are the list."""
    assert paged(client, **asked)[0] == grids_of(get(client, "/scores", **asked))


def test_pages_are_of_one_run_whatever_is_published(tmp_path):
    """A list that was begun goes on in its run when another holds; a list begun then is of the other."""
    store = web_town.build(tmp_path, nights=("2025-01-08",))
    client = client_of(store)
    whole = grids_of(get(client, "/scores"))
    first = get(client, "/scores", limit=7).json()
    web_town.publish(store, "2025-01-08", seed=5, run="again")
    second = get(client, "/scores", limit=7, cursor=first["next"]).json()

    assert [i["grid_id"] for i in first["items"] + second["items"]] == whole
    assert (first["run"], second["run"], get(client, "/scores").json()["run"]) == ("run0", "run0", "again")


def test_a_cursor_of_another_list_is_refused(client):
    """A cursor belongs to its filters and order; with others it is 422, and of a run that is gone 410."""
    cursor = get(client, "/scores", limit=5).json()["next"]
    gone = Cursor("2025-01-08", "gone", Cursor.read(cursor).question, 5).written()

    assert get(client, "/scores", limit=5, cursor=cursor, sort="grid_id").status_code == 422
    assert get(client, "/scores", limit=5, cursor=cursor, level="red").status_code == 422
    assert get(client, "/scores", limit=5, cursor=gone).status_code == 410
    assert get(client, "/scores", cursor="../../etc/passwd").status_code == 422


@given(st.text(max_size=80) | st.binary(max_size=60).map(lambda b: b.hex()))
@settings(deadline=None)
def test_what_is_no_cursor_is_told(text):
    """Whatever is sent as a cursor is read or refused as one."""
    try:
        assert Cursor.read(text).offset >= 0
    except Problem as problem:
        status = problem.status
    else:
        status = 422

    assert status == 422


# -- what an answer says of itself ---------------------------------------------------------------------------------------


def test_an_answer_that_did_not_change_is_not_sent_again(tmp_path):
    """With its ETag an answer is 304 until another run holds or the night grows stale."""
    store = web_town.build(tmp_path, nights=("2025-01-08",))
    later = [web_town.NOW]
    client = at_the_machine(create_app(store.path, clock=lambda: later[0]))
    for path in ("/scores", "/scores/G0001", "/gaps", "/model"):
        tag = {"If-None-Match": get(client, path).headers["etag"]}
        again = get(client, path, headers=tag)
        assert (again.status_code, again.content) == (304, b"")
    later[0] = web_town.NOW + pd.Timedelta(days=2)
    stale = get(client, "/model", headers=tag)
    web_town.publish(store, "2025-01-08", seed=5, run="again")

    assert (stale.status_code, stale.json()["stale"]) == (200, True)
    assert get(client, "/model", headers={"If-None-Match": stale.headers["etag"]}).status_code == 200


def test_a_night_says_how_it_stands(tmp_path):
    """A degraded night and one that a rollback holds say so in every answer."""
    store = web_town.build(tmp_path, nights=("2025-01-08",))
    client = client_of(store)
    why = {"feeds": ["hotline"], "scores_of": None}
    web_town.publish(store, "2025-01-08", seed=3, run="late", state="degraded", degraded=why)
    degraded = get(client, "/scores/G0001").json()["state"]
    store.roll_back("2025-01-08", "run0", why="the feed of calls was doubled")

    assert (degraded, get(client, "/scores/G0001").json()["state"]) == ("degraded", "held")


# -- within an area ------------------------------------------------------------------------------------------------------


@pytest.fixture
def west(client, monkeypatch):
    as_visitor(monkeypatch, "township_centre", area=WEST)
    return client


def outside(grid_id):
    return (int(grid_id[1:]) - 1) % 6 >= 3


@pytest.mark.parametrize("path", ["/scores", "/scores?sort=grid_id", "/scores?state=ok", "/scores?parent=河西镇"])
def test_a_list_holds_the_own_area_alone(west, path):
    """A township sees its own grids, whatever it filters by; the total counts no others."""
    found = west.get(f"/api/v1{path}").json()

    assert [i["grid_id"] for i in found["items"] if outside(i["grid_id"])] == []
    assert found["total"] == len(found["items"]) < 24
    assert found["total"] > 0 or "河西" in path


@pytest.mark.parametrize(
    "path", ["/scores/{}", "/grids/{}", "/grids/{}/reasons", "/grids/{}/history", "/grids/{}/rows?feature=a"]
)
def test_a_grid_elsewhere_is_as_unknown_as_one_there_is_not(west, path):
    """A grid of another township gives the very answer of one that does not exist."""
    elsewhere, none = (west.get("/api/v1" + path.format(g)) for g in ("G0006", "none"))

    assert elsewhere.status_code == 404
    assert elsewhere.json() == none.json()


def test_posts_maps_files_changes_and_gaps_keep_to_the_area(west):
    """No other route tells of a grid elsewhere."""
    drawn = get(west, "/grids.geojson").json()["features"] + get(west, "/map.geojson").json()["features"]
    file = read_as("arrow", get(west, "/scores", format="arrow").content)
    changes = get(west, "/changes", since="2025-01-06").json()
    told = [*changes["entered"], *changes["left"], *changes["stayed"], *(m["grid_id"] for m in changes["moved"])]
    posted = west.post("/api/v1/score", json={}).json()["items"]
    listed = itertools.chain(*(alert["grid_ids"][:1] for alert in get(west, "/alerts").json()["items"]))
    scopes = {gap["scope"] for gap in get(west, "/gaps").json()["items"]}
    shown = [
        *(f["properties"]["grid_id"] for f in drawn),
        *file["grid_id"],
        *told,
        *(i["grid_id"] for i in posted),
        *listed,
    ]

    assert len(shown) > 30
    assert [g for g in shown if outside(g)] == []
    assert "grid:G0024" not in scopes
    assert west.post("/api/v1/score", json={"grids": ["G0001", "G0006"]}).status_code == 404


def test_files_want_a_permission_of_their_own(client, monkeypatch):
    """Who may read scores and not export gets no file."""
    as_visitor(monkeypatch, "grid_head", area="G0001")

    assert get(client, "/scores").json()["total"] == 1
    assert get(client, "/scores", format="csv").status_code == 403


# -- roll-ups and maps ---------------------------------------------------------------------------------------------------


def test_areas_add_up(client):
    """Communities, townships and counties each add up to the city exactly: grids, expected events and alerts; each alert counts once."""
    answers = {by: get(client, "/areas", by=by).json() for by in ("city", "county", "township", "community")}
    alerts = get(client, "/alerts").json()["items"]
    scores = get(client, "/scores").json()["items"]

    for found in answers.values():
        schemas.Areas.model_validate(found)
        assert found["total"] == answers["city"]["total"]
        for name in ("n_grids", "n_scored", "n_unscored", "n_red", "n_orange", "n_yellow", "n_blue"):
            assert sum(area[name] for area in found["items"]) == found["total"][name]
        assert round(sum(round(a["expected"] * 1e6) for a in found["items"])) == round(found["total"]["expected"] * 1e6)
    total = answers["city"]["total"]
    assert (total["n_grids"], total["n_unscored"], total["best_rank"]) == (24, 1, 1)
    assert total["expected"] == pytest.approx(sum(s["expected"] or 0 for s in scores), abs=24e-6)
    assert sum(total[f"n_{level}"] for level in ("red", "orange", "yellow", "blue")) == len(alerts)
    assert get(client, "/areas", by="community", parent=WEST).json()["total"]["n_grids"] == 12


def test_areas_have_one_form(client):
    """A form that areas do not come in is refused, not passed over."""
    assert get(client, "/areas", format="csv").status_code == 422


def test_small_counts_are_for_who_goes_there(client, monkeypatch):
    """An analyst is not shown a count of 1 to 4; the shift leader is."""
    as_visitor(monkeypatch, "shift_leader")
    duty = get(client, "/areas", by="township").json()
    as_visitor(monkeypatch, "city_analyst")
    desk = get(client, "/areas", by="township").json()

    assert duty["total"]["n_red"] == 1
    assert desk["total"]["n_red"] is None
    assert [item["n_red"] for item in desk["items"] if item["n_red"]] == []
    assert desk["total"]["n_grids"] == 24


@pytest.fixture
def all_red(tmp_path):
    """A city of which every grid leads a red alert: many enough for anyone to be told how many."""
    store = web_town.build(tmp_path / "red", columns=6, rows=4, nights=("2025-01-08",))
    night = store.night("2025-01-08")
    scores, one = night.table("scores"), night.table("alerts").iloc[[0]]
    alerts = one.loc[one.index.repeat(len(scores))].assign(
        alert_id=[f"a{n:03d}" for n in range(len(scores))], grid_ids=scores["grid_id"].to_numpy(), level="red"
    )
    store.publish("2025-01-08", {"scores": scores, "alerts": alerts}, run="red", facts=night.facts)
    return client_of(store)


@pytest.mark.parametrize("by", ["city", "county"])
def test_a_part_of_an_area_has_not_the_count_of_the_whole(all_red, monkeypatch, by):
    """Where only half of an area is added up an analyst is not shown the alerts of all of it beside the grids of the half."""
    as_visitor(monkeypatch, "city_analyst")
    whole = get(all_red, "/areas", by=by).json()
    half = get(all_red, "/areas", by=by, parent=WEST).json()
    own = get(all_red, "/areas", by="township", parent=WEST).json()

    assert [(a["n_grids"], a["n_red"]) for a in (*whole["items"], whole["total"])] == [(24, 24)] * 2
    assert [(a["n_grids"], a["n_red"]) for a in (*half["items"], half["total"])] == [(12, None)] * 2
    assert [(a["n_grids"], a["n_red"]) for a in (*own["items"], own["total"])] == [(12, 12)] * 2


@pytest.mark.parametrize("by", ["community", "township", "county"])
def test_larger_areas_are_drawn_from_their_grids(client, by):
    """A township is the union of its grids, tells how many it has, and all together cover what the grids cover."""
    drawn = get(client, "/map.geojson", by=by, tolerance=0).json()["features"]
    grids = get(client, "/map.geojson", tolerance=0).json()["features"]
    shapes = [shapely.from_geojson(json.dumps(f["geometry"])) for f in drawn]

    assert sum(f["properties"]["n_grids"] for f in drawn) == len(grids) == 24
    assert sum(shape.area for shape in shapes) == pytest.approx(24 * 0.010 * 0.008, rel=1e-3)


def test_a_map_of_one_area(client):
    """Only what lies within the area is drawn."""
    drawn = get(client, "/map.geojson", parent=WEST).json()["features"]

    assert len(drawn) == 12
    assert [f for f in drawn if outside(f["properties"]["grid_id"])] == []


# -- one grid, changes, the rest -----------------------------------------------------------------------------------------


def test_one_grid_says_all(client):
    """Scores, reasons, past, gaps, alerts and neighbours of a grid are those the lists hold."""
    found = get(client, "/grids/G0001").json()
    gaps = get(client, "/gaps").json()["items"]

    schemas.OneGrid.model_validate(found)
    assert found["scores"] == [get(client, "/scores/G0001").json()["score"]]
    assert found["reasons"] == get(client, "/grids/G0001/reasons").json()["items"]
    assert found["nights"] == get(client, "/grids/G0001/history").json()["nights"]
    assert found["alerts"] == [a for a in get(client, "/alerts").json()["items"] if "G0001" in a["grid_ids"]]
    assert found["gaps"] == [g for g in gaps if "G0001" in g["scope"]]
    assert sorted(found["grid"]["neighbours"]) == ["G0002", "G0007", "G0008"]
    assert found["grid"]["households"] == 320.0


def test_changes_since_any_night(client):
    """Against a night of one's choice the moves are the differences of the two lists, the greatest first."""
    found = get(client, "/changes", since="2025-01-06").json()
    now, then = (
        {s["grid_id"]: s["rank"] for s in get(client, "/scores", as_of=d).json()["items"]}
        for d in ("2025-01-08", "2025-01-06")
    )
    rises = {g: then[g] - now[g] for g in now if now[g] and then[g] and now[g] != then[g]}

    schemas.Changes.model_validate(found)
    assert found["previous"] == "2025-01-06"
    assert {m["grid_id"]: m["rise"] for m in found["moved"]} == rises
    assert [abs(m["rise"]) for m in found["moved"]] == sorted(map(abs, rises.values()), reverse=True)
    assert get(client, "/changes", since="2025-01-08").status_code == 422
    assert get(client, "/changes", since="2024-01-08").status_code == 404


def test_the_card_says_what_a_model_is_for(client):
    """Question, judgement, features and limits, in both languages."""
    card = get(client, "/model/card").json()

    schemas.Card.model_validate(card)
    assert card["question"] == web_town.QUESTION
    assert card["purpose"] == "mediation"
    assert card["backtest"]["prior count 52 weeks"]["capture_5"] == 0.361
    assert {f["name"] for f in card["features"]} == set(web_town.FEATURES)
    assert all(card[name]["zh"] and card[name]["en"] for name in ("meant_for", "not_for", "gate_reason"))


def test_the_datasheet_says_what_a_model_learnt_from(client):
    """Values and text of the datasheet in both languages; a version that has none is told so with null, and its page with a sentence."""
    told, before = get(client, "/model/datasheet").json(), get(client, "/model/datasheet", as_of="2025-01-07").json()
    page = client.get("/model", params={"lang": "en"}).text
    earlier = client.get("/model", params={"lang": "zh", "as_of": "2025-01-07"}).text

    schemas.Datasheet.model_validate(told)
    assert told["datasheet"] == web_town.DATASHEET
    assert told["text"]["en"].startswith(f"# Datasheet: {web_town.TARGET}\n")
    assert "数据说明书" in told["text"]["zh"]
    assert "nothing was told from 2024-07-01 to 2024-07-04 of 12 grids" in page
    assert '<td class="num">1,210</td>' in page
    assert (before["datasheet"], before["text"]) == (None, None)
    assert PHRASES["learnt_none"].zh in earlier


@pytest.mark.parametrize(
    ("language", "shown", "none"),
    [
        (
            "en",
            [
                "slices not judged: capture",
                "not passed",
                "18%",
                "half of the grids, drawn",
                "mediation",
            ],
            "has no audit",
        ),
        ("zh", ["分组表现未作判断：", "不符合", "18%", "随机抽取的一半网格", "调解"], "没有审计"),
    ],
)
def test_the_audit_is_told_on_the_page_of_the_model(client, language, shown, none):
    """What is left to look at, who is served worse and what missing reports would do, and what the model is for; a version without says so."""
    page = client.get("/model", params={"lang": language}).text
    earlier = client.get("/model", params={"lang": language, "as_of": "2025-01-07"}).text
    audited = page.partition("h-audited")[2].partition("</section>")[0]

    assert [text for text in shown[:-1] if text not in audited] == []
    assert shown[-1] in page.partition("h-base")[0]
    assert none in earlier
    assert none not in page


RELEASE = {
    "at": "2024-12-20T09:30:00+08:00",
    "verb": "release hold",
    "hold": "audit",
    "target": web_town.TARGET,
    "by": "supervisor",
    "why": "areas that report less are visited in turn",
    "until": "2024-12-27T09:30:00+08:00",
}
OTHER_RELEASES = (
    {"target": "another_28d", "why": "of another question"},
    {"hold": "drift", "why": "of another hold"},
    {"at": "2024-11-30T09:30:00+08:00", "why": "of an earlier version"},
    {"at": "2025-02-01T09:30:00+08:00", "why": "of a later version"},
)


@pytest.mark.parametrize(
    ("language", "said"), [("en", "released by {} on 2024-12-20"), ("zh", "审计对启用的挂起已由{}于2024-12-20")]
)
def test_who_released_the_hold_of_an_audit_is_told_beside_it(tmp_path, language, said):
    """Role, day and reason stand beside the audit that somebody let pass; no other release does, nor any where there is no audit."""
    store = web_town.build(tmp_path / "town")
    for line in (RELEASE, *(RELEASE | other for other in OTHER_RELEASES)):
        note(store.path, line)
    client = client_of(store)
    page = client.get("/model", params={"lang": language}).text
    earlier = client.get("/model", params={"lang": language, "as_of": "2025-01-07"}).text

    assert said.format(ledger_word("role", RELEASE["by"])[language]) in page
    assert RELEASE["why"] in page
    assert [other["why"] for other in OTHER_RELEASES if other["why"] in page] == []
    assert RELEASE["why"] not in earlier


def test_the_plan_and_the_mode(client, town):
    """The plan in force and the mode are told; nobody switches without the permission."""
    plan, mode = get(client, "/plan").json(), get(client, "/mode").json()

    schemas.PlanInForce.model_validate(plan)
    assert plan["plan"]["questions"]
    assert mode == {"now": {"mode": "normal", "at": None, "by": "", "why": ""}, "switches": []}
    assert client.post("/api/v1/mode", json={"mode": "urgent", "why": "flood warning"}).status_code == 403


def test_the_open_inference_protocol(client, tmp_path):
    """Signs of life and a description of each question, as the protocol words them; an unknown name is 404."""
    version = get(client, "/scores").json()["model_version"]
    served = client.get(f"/v2/models/{web_town.TARGET}").json()
    empty = client_of(Store(tmp_path, timezone=web_town.ZONE))

    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}
    assert (served["name"], served["versions"]) == (web_town.TARGET, [version])
    assert client.get(f"/v2/models/{web_town.TARGET}/ready").json()["ready"] is True
    assert client.get("/v2/models/none").status_code == 404
    assert client.get("/v2").json()["name"] == "riskwarn"
    assert empty.get("/v2/health/live").status_code == 200
    assert empty.get("/v2/health/ready").status_code == 503
