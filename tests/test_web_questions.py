"""What programs can ask about a score: what if, the rows behind a number, and the look back; and what a page says of it."""

import dataclasses
import shutil
import subprocess
import sys

import pandas as pd
import pytest
from towns import reasons as town
from visiting import at_the_machine

from riskwarn import tracking
from riskwarn.explanation import CAVEAT, MOST_EVENTS, events_behind, review, rows, what_if, what_ifs
from riskwarn.history import History
from riskwarn.pipeline import night_panel, nightly
from riskwarn.plan import Plan, Question
from riskwarn.store import Store
from riskwarn.web import create_app, schemas
from riskwarn.web.words import PHRASES

SECRET = "<b>320102199001011234</b>"
TARGET = town.LABEL.name
NOW = pd.Timestamp("2025-05-10 07:30", tz=town.ZONE)


def client_of(store):
    return at_the_machine(create_app(store.path, clock=lambda: NOW), raise_server_exceptions=False)


def published(folder):
    """The town with a kept model and two nights."""
    store = town.store(folder)
    _, model = town.trained(History.load(store))
    tracking.keep(model, store.path, alias=tracking.CANDIDATE)
    for night in (town.YESTERDAY, town.NIGHT):
        nightly(store, TARGET, as_of=night, capacity=6, alias=tracking.CANDIDATE)
    return store


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    store = published(tmp_path_factory.mktemp("why") / "town")
    return store, tracking.kept(store.path, TARGET, alias=tracking.CANDIDATE)


@pytest.fixture(scope="module")
def client(made):
    return client_of(made[0])


@pytest.fixture(scope="module")
def panel(made):
    return night_panel(made[0], made[1], town.NIGHT)


@pytest.fixture(scope="module")
def busy(panel):
    """A grid with overdue cases."""
    return str(panel.sort_values("dispute_overdue_n", ascending=False)["grid_id"].iloc[0])


def get(client, path, **params):
    return client.get(f"/api/v1{path}", params=params)


def near(told):
    """An answer with its counts to nine digits: many grids at once and one alone differ in the last bits."""
    return told | {name: float(f"{told[name]:.9g}") for name in ("expected", "expected_before")}


def post(client, **body):
    return client.post("/api/v1/score", json=body)


# -- scores --------------------------------------------------------------------------------------------------------------


def test_posted_grids_give_the_published_scores(client):
    """A list of grids gives exactly their published scores, riskiest first, each once however often it was named."""
    published = {s["grid_id"]: s for s in get(client, "/scores").json()["items"]}
    found = post(client, as_of=town.NIGHT, grids=["G03", "G01", "G03"]).json()

    schemas.ScoreAnswer.model_validate(found)
    assert found["items"] == sorted((published[g] for g in ("G01", "G03")), key=lambda s: s["rank"])
    assert found["what_if"] is None
    assert post(client).json()["items"] == list(published.values())


def test_a_what_if_is_the_one_of_the_library(client, made, panel, busy):
    """A posted what-if gives rank, count, both sentences and both caveats of :func:`what_if`, to nine digits."""
    found = post(client, grid_id=busy, values={"dispute_overdue_n": 0}).json()
    wanted = what_if(made[1], panel, busy, {"dispute_overdue_n": 0})

    schemas.ScoreAnswer.model_validate(found)
    assert found["items"] is None
    assert near(found["what_if"]) == near(wanted.to_dict())
    assert found["what_if"]["caveat"] == {"zh": CAVEAT.zh, "en": CAVEAT.en}
    assert found["what_if"]["rank_before"] == get(client, f"/scores/{busy}").json()["score"]["rank"]


def test_all_that_can_be_done(client, made, panel, busy):
    """Every sensible change of a grid is answered, the greatest fall first, with the caveat."""
    found = get(client, f"/grids/{busy}/what-if").json()

    schemas.WhatIfs.model_validate(found)
    assert list(map(near, found["items"])) == [near(w.to_dict()) for w in what_ifs(made[1], panel, busy)]
    assert len(found["items"]) >= 2
    assert found["caveat"]["zh"] == CAVEAT.zh


def test_every_published_rank_is_the_rank_a_what_if_starts_from(client, panel):
    """What-ifs speak of the published list: their first rank is the published one in every grid."""
    ranks = {s["grid_id"]: s["rank"] for s in get(client, "/scores").json()["items"]}
    told = {g: get(client, f"/grids/{g}/what-if").json()["items"] for g in panel["grid_id"].astype(str)[:12]}

    assert sum(map(len, told.values())) >= 12
    assert all(w["rank_before"] == ranks[g] for g, items in told.items() for w in items)


@pytest.mark.parametrize("n_closed", [1, 2])
def test_fewer_cases_closed_can_be_asked_about(client, made, panel, n_closed):
    """A what-if may close some of the cases only, of the overdue ones or of all open ones, as the library answers it."""
    row = panel[panel["dispute_overdue_n"].between(3, 9)].iloc[0]
    left = float(row["dispute_overdue_n"]) - n_closed
    for values in ({"dispute_overdue_n": left}, {"dispute_overdue_n": 0, "dispute_open_n": 0}):
        found = post(client, grid_id=str(row["grid_id"]), values=values).json()["what_if"]
        assert near(found) == near(what_if(made[1], panel, str(row["grid_id"]), values).to_dict())


def test_questions_need_neither_model_nor_history(tmp_path):
    """What-ifs are those of the night: they stay when the model is gone and later records come in."""
    store = published(tmp_path / "town")
    client = client_of(store)
    before = get(client, "/grids/G01/what-if", as_of=town.YESTERDAY).json()
    shutil.rmtree(store.path / "models")
    late = town.events().iloc[:30].assign(event_id=[f"L{i}" for i in range(30)], grid_id="G39")
    store.write("events", late)

    assert get(client_of(Store(store.path)), "/grids/G01/what-if", as_of=town.YESTERDAY).json() == before


# -- refusals ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        {"dispute_n_28d": 0},
        {SECRET: 0},
        {"dispute_overdue_n": 1e6},
        {"dispute_overdue_n": 0.5},
        {"dispute_overdue_n": -1},
        {"dispute_open_n": 0},
    ],
)
def test_what_service_cannot_change_is_refused(client, panel, busy, values):
    """What happened, an unknown name, a value beyond training, half a case, and fewer open than overdue cases: 422 with what can be asked."""
    found = post(client, grid_id=busy, values=values)

    assert found.status_code == 422
    assert found.headers["content-type"] == "application/problem+json"
    assert found.json()["type"] == "urn:riskwarn:problem:not_changeable"
    assert SECRET not in found.text
    row = panel[panel["grid_id"].astype("str") == busy].iloc[0]
    changeable = found.json()["changeable"]
    assert min(changeable["dispute_overdue_n"]) == 0
    assert all(0 <= value < row[name] for name, values in changeable.items() for value in values)


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ({"grid_id": "G01"}, ["body"]),
        ({"values": {"dispute_overdue_n": 0}}, ["body"]),
        ({"grids": ["G01"], "grid_id": "G01", "values": {"dispute_overdue_n": 0}}, ["body"]),
        ({"grids": []}, ["body", "grids"]),
        ({"grid_id": "G01", "values": {}}, ["body", "values"]),
        ({"grid_id": "G01", "values": {f"f{i}": 0 for i in range(21)}}, ["body", "values"]),
        ({"grid_id": "G01", "values": {SECRET: "x"}}, ["body", "values"]),
        ({"grid_id": "G" * 201, "values": {"dispute_overdue_n": 0}}, ["body", "grid_id"]),
        ({SECRET: 1}, ["body"]),
        ({"as_of": SECRET}, ["body", "as_of"]),
        ({"as_of": "2025-02-31"}, ["body", "as_of"]),
    ],
)
def test_bodies_that_break_their_rule(client, body, loc):
    """A body that is no question, too long or unknown gives 422 with the place, never with what was sent."""
    found = client.post("/api/v1/score", json=body)

    assert found.status_code == 422
    assert [e["loc"] for e in found.json()["errors"]] == [loc]
    assert SECRET not in found.text
    assert "input" not in found.text


@pytest.mark.parametrize("text", ["{", '{"grid_id": "G01", "values": {"dispute_overdue_n": NaN}}', "[]", ""])
def test_bodies_that_are_no_question(client, text):
    """What is no JSON object of numbers gives 422."""
    found = client.post("/api/v1/score", content=text, headers={"content-type": "application/json"})

    assert (found.status_code, found.headers["content-type"]) == (422, "application/problem+json")


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_without_end_is_not_read(client, announced):
    """A body beyond the bound gives 413, whether it announces its length or comes in pieces."""
    body = b'{"grids": ["' + b"G" * (2 << 20) + b'"]}'
    pieces = body if announced else (body[i : i + 65536] for i in range(0, len(body), 65536))
    found = client.post("/api/v1/score", content=pieces, headers={"content-type": "application/json"})

    assert (found.status_code, found.json()["type"]) == (413, "urn:riskwarn:problem:too_large")


@pytest.mark.parametrize("path", ["/grids/{}/what-if", "/grids/{}/rows?feature=dispute_n_28d"])
def test_unknown_grid(client, path):
    """A grid the night does not know gives 404 without an echo."""
    found = client.get("/api/v1" + path.format("<b>none"))

    assert (found.status_code, found.json()["type"]) == (404, "urn:riskwarn:problem:unknown_grid")
    assert "none" not in found.text
    for body in ({"grids": ["G01", "none"]}, {"grid_id": "none", "values": {"dispute_overdue_n": 0}}):
        assert post(client, **body).status_code == 404


def test_only_this_one_thing_is_posted_and_nothing_is_written(client, made, busy):
    """A question leaves the store's files as they were; everything else refuses to be posted to."""
    before = {p: p.stat().st_mtime_ns for p in made[0].path.rglob("*")}
    post(client, grid_id=busy, values={"dispute_overdue_n": 0})
    get(client, "/review", since="2025-05-01", severity=0)

    assert {p: p.stat().st_mtime_ns for p in made[0].path.rglob("*")} == before
    assert client.post("/api/v1/review").status_code == 405
    assert client.post(f"/api/v1/grids/{busy}/what-if").status_code == 405


def test_a_night_that_published_no_details(tmp_path):
    """Where a night published no what-ifs and no events behind its reasons they are refused with 409, and the page says so."""
    store = published(tmp_path / "town")
    night = store.night(town.NIGHT)
    bare = {name: night.table(name) for name in ("scores", "reasons", "gaps", "alerts")}
    store.publish(town.NIGHT, bare, run="bare", facts=night.facts)
    client = client_of(store)
    feature = get(client, "/grids/G01/reasons").json()["items"][0]["feature"]
    page = client.get("/grids/G01")

    for found in (get(client, "/grids/G01/what-if"), get(client, "/grids/G01/rows", feature=feature)):
        assert (found.status_code, found.json()["type"]) == (409, "urn:riskwarn:problem:not_worked_out")
    assert page.status_code == 200
    assert PHRASES["no_what_if"]["zh"] in page.text


def test_a_grid_without_a_score(made, busy, tmp_path):
    """A what-if for a grid that the night could not score is refused with 409: nothing is known of its standing."""
    store = Store(shutil.copytree(made[0].path, tmp_path / "town"))
    night = store.night(town.NIGHT)
    scores = night.table("scores")
    unknown = {"rank": pd.NA, "state": "insufficient_data"} | dict.fromkeys(("probability", "expected"), float("nan"))
    scores.loc[scores["grid_id"] == busy, [*unknown]] = [*unknown.values()]
    store.publish(
        town.NIGHT, {"scores": scores, "what_ifs": night.table("what_ifs")}, run="unscored", facts=night.facts
    )
    found = client_of(store).get(f"/api/v1/grids/{busy}/what-if")

    assert (found.status_code, found.json()["type"]) == (409, "urn:riskwarn:problem:not_scored")


# -- rows and review -----------------------------------------------------------------------------------------------------


def test_rows_behind_a_number_are_those_of_the_library(client, made, busy):
    """For every reason of a grid the page gives the events that :func:`rows` finds, and what each adds; where they add up, to the value."""
    reasons = get(client, f"/grids/{busy}/reasons").json()["items"]
    history = History.load(made[0], as_of=town.NIGHT)
    n_counts = 0
    for reason in reasons:
        found = get(client, f"/grids/{busy}/rows", feature=reason["feature"], limit=1000).json()
        schemas.Rows.model_validate(found)
        wanted = rows(made[0], made[1], busy, town.NIGHT, features=[reason["feature"]], history=history)
        told = pd.DataFrame(found["items"], columns=["source", "event_id", "grid_id", "adds", "days_ago"])
        both = told.merge(wanted, on=["source", "event_id", "grid_id"], suffixes=("", "_wanted"))
        assert found["value"] == reason["value"]
        assert found["total"] == len(told) == len(wanted) == len(both)
        assert both["adds"].astype(float).tolist() == pytest.approx(both["adds_wanted"].tolist(), nan_ok=True)
        assert both["days_ago"].tolist() == pytest.approx(both["days_ago_wanted"].tolist())
        assert told["days_ago"].is_monotonic_increasing
        if len(told) and told["adds"].notna().all():
            n_counts += 1
            assert told["adds"].sum() == pytest.approx(reason["value"], rel=1e-5)
    assert n_counts


def test_rows_come_page_by_page(client, busy):
    """The pages of the rows together are the rows; they hold no place key, person or text."""
    reasons = get(client, f"/grids/{busy}/reasons").json()["items"]
    feature = max(
        (get(client, f"/grids/{busy}/rows", feature=r["feature"]).json()["total"], r["feature"]) for r in reasons
    )[1]
    whole = get(client, f"/grids/{busy}/rows", feature=feature, limit=1000).json()
    pages = [get(client, f"/grids/{busy}/rows", feature=feature, limit=7, offset=o).json() for o in range(0, 14, 7)]

    assert whole["complete"]
    assert [r for p in pages for r in p["items"]] == whole["items"][:14]
    assert not {"place_key", "case_id", "near_grid_id"} & set(whole["items"][0])


def test_events_behind_many_numbers_are_those_behind_each(made, panel):
    """For every feature of the model and several grids at once: the events that :func:`rows` finds one by one, adding up alike."""
    store, model = made
    history = History.load(store, as_of=town.NIGHT)
    some = panel.iloc[::7].assign(grid_id=lambda frame: frame["grid_id"].astype("str"))
    numbers = some.melt("grid_id", model.feature_names, "feature", "value").assign(target=TARGET)
    found = events_behind(history, [model], numbers, town.NIGHT)
    behind = found.groupby(["grid_id", "feature"])["adds"].agg(["size", "sum"])
    n_found = 0
    for grid_id in some["grid_id"]:
        wanted = rows(store, model, grid_id, town.NIGHT, features=model.feature_names, history=history)
        for feature, events in wanted.groupby("feature"):
            n_found += 1
            size, total = behind.loc[(grid_id, feature)]
            assert size == min(len(events), MOST_EVENTS)
            if len(events) < MOST_EVENTS:
                assert total == pytest.approx(events["adds"].sum())
    assert n_found == len(behind) > 60


def test_events_behind_two_models_are_those_behind_each(made, panel):
    """Models that share features have behind their numbers what each has alone, one after the other."""
    store, model = made
    history = History.load(store, as_of=town.NIGHT)
    other = dataclasses.replace(
        model, label=dataclasses.replace(model.label, name="other"), features=model.features[::-2]
    )
    some = panel.assign(grid_id=panel["grid_id"].astype("str"))
    numbers = [
        some.iloc[rows].melt("grid_id", one.feature_names, "feature", "value").assign(target=one.label.name)
        for one, rows in ((model, slice(0, None, 3)), (other, slice(1, None, 2)))
    ]
    together = events_behind(history, [model, other], pd.concat(numbers, ignore_index=True), town.NIGHT)
    alone = [events_behind(history, [m], n, town.NIGHT) for m, n in zip((model, other), numbers, strict=True)]

    pd.testing.assert_frame_equal(together, pd.concat(alone, ignore_index=True), check_exact=True)


def test_rows_of_what_is_no_reason(client, busy):
    """A feature that is no reason of the grid gives 422 with those that are; without one 422 too."""
    found = get(client, f"/grids/{busy}/rows", feature=SECRET)

    assert (found.status_code, found.json()["type"]) == (422, "urn:riskwarn:problem:unknown_feature")
    assert found.json()["features"] == [r["feature"] for r in get(client, f"/grids/{busy}/reasons").json()["items"]]
    assert SECRET not in found.text
    assert get(client, f"/grids/{busy}/rows").status_code == 422


def test_serving_needs_no_learning_library(made):
    """A server that has answered pages and questions has loaded neither LightGBM nor the pipeline."""
    code = (
        "import sys, warnings; warnings.simplefilter('ignore')\n"
        "from fastapi.testclient import TestClient\nfrom riskwarn.web import create_app\n"
        f"client = TestClient(create_app({str(made[0].path)!r}), base_url='http://127.0.0.1', client=('127.0.0.1', 1))\n"
        "feature = client.get('/api/v1/grids/G01/reasons').json()['items'][0]['feature']\n"
        "for path in ('/', '/grids/G01', '/feeds', '/api/v1/grids/G01/what-if', '/api/v1/grids/G01/rows?feature=' + feature):\n"
        "    assert client.get(path).status_code == 200, path\n"
        "print(*sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()

    assert not {"lightgbm", "mlflow", "shap", "sklearn", "riskwarn.pipeline"} & set(told)


def test_looking_back(client, made):
    """The look back is the library's: summary, sentences and rows, page by page."""
    found = get(client, "/review", since="2025-05-01", severity=1, limit=3, offset=2).json()
    wanted = review(made[0], since="2025-05-01", severity=1)

    schemas.Review.model_validate(found)
    assert found["total"] == len(wanted.frame) > 3
    assert found["summary"]["verdicts"] == wanted.summary["verdicts"]
    assert found["summary"]["caught"] == wanted.summary["caught"]
    assert [i["event_id"] for i in found["items"]] == wanted.frame["event_id"].tolist()[2:5]
    assert (found["zh"], found["en"]) == (wanted.sentence("zh"), wanted.sentence("en"))
    assert all(i["zh"] and i["en"].startswith("On the night before") for i in found["items"])


@pytest.mark.parametrize(
    ("params", "status", "kind"),
    [
        ({"since": "2025-05-10", "until": "2025-05-11", "source": "hotline"}, 404, "no_events"),
        ({"since": "2001-01-01"}, 422, "bad_parameter"),
        ({"since": "2025-05-10", "until": "2025-05-09"}, 422, "bad_parameter"),
        ({"since": "2025-02-31"}, 422, "bad_parameter"),
        ({}, 422, "bad_parameter"),
        ({"since": "2025-05-01", "severity": 4}, 422, "bad_parameter"),
        ({"since": "2025-05-01", "source": "../events"}, 422, "bad_parameter"),
    ],
)
def test_a_look_back_that_cannot_be(client, params, status, kind):
    """No such event is 404; a span that is too long, turned round or no date, a wrong severity or feed is 422."""
    found = get(client, "/review", **params)

    assert (found.status_code, found.json()["type"]) == (status, f"urn:riskwarn:problem:{kind}")


# -- the page ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_page_of_a_grid_says_what_could_be_done(client, made, panel, busy, language):
    """One plain line for each possible change, and the caveat, in the reader's language."""
    text = client.get(f"/grids/{busy}", params={"lang": language}).text
    said = [w.sentence(language) for w in what_ifs(made[1], panel, busy)]

    assert said
    assert [line for line in said if f"<li>{line}</li>" not in text] == []
    assert text.count(CAVEAT[language]) == 1


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_next_step_stands_beside_each_reason(client, busy, language):
    """The API gives each reason with a next step, and the page of the grid shows it below the reason."""
    items = get(client, f"/grids/{busy}/reasons").json()["items"]
    text = client.get(f"/grids/{busy}", params={"lang": language}).text

    assert items
    assert all(i[f"remedy_{language}"] for i in items)
    assert [i for i in items if f'{i[language]}<span class="sub">{i[f"remedy_{language}"]}' not in text] == []


def test_the_page_of_a_grid_with_nothing_open(client, panel):
    """Where nothing is open the page says so, and gives no caveat about nothing."""
    clear = panel[(panel[["dispute_open_n", "petition_open_n", "dispute_overdue_n"]] == 0).all(axis=1)]["grid_id"]
    text = client.get(f"/grids/{clear.iloc[0]}", params={"lang": "zh"}).text

    assert PHRASES["nothing_open"]["zh"] in text
    assert CAVEAT.zh not in text


def test_openapi_names_the_questions(client):
    """The OpenAPI document describes the four questions, with bounds on what is sent."""
    document = client.get("/openapi.json").json()
    asked = document["components"]["schemas"]["ScoreRequest"]["properties"]

    for path in ("/score", "/review", "/grids/{grid_id}/what-if", "/grids/{grid_id}/rows"):
        assert f"/api/v1{path}" in document["paths"]
    assert "maxItems" in str(asked["grids"])
    assert "maxProperties" in str(asked["values"])


# -- several questions in one night ---------------------------------------------------------------------------------------


def test_every_question_of_a_night_is_shown_on_demand(made, tmp_path):
    """The first question is shown by default, any other by its name; one that was not asked is told, with those that were."""
    store = Store(shutil.copytree(made[0].path, tmp_path / "town"))
    other = dataclasses.replace(made[1], label=dataclasses.replace(made[1].label, name="other"))
    tracking.keep(other, store.path, alias=tracking.CANDIDATE)
    questions = (Question(TARGET, alias=tracking.CANDIDATE), Question("other", "rising", alias=tracking.CANDIDATE))
    nightly(store, plan=Plan(questions), as_of=town.NIGHT)
    client = client_of(store)
    first, second = (get(client, "/scores", **asked).json() for asked in ({}, {"target": "other"}))
    unknown = get(client, "/scores", target="none")

    assert (first["model_version"], second["model_version"]) == (made[1].version, other.version)
    assert first["total"] == second["total"] == made[0].night(town.NIGHT).table("scores")["grid_id"].nunique()
    assert get(client, "/alerts").json()["items"] == get(client, "/alerts", target="other").json()["items"]
    assert client.get("/grids", params={"target": "other"}).status_code == 200
    assert (unknown.status_code, unknown.json()["type"]) == (404, "urn:riskwarn:problem:unknown_target")
    assert unknown.json()["known"] == [TARGET, "other"]
