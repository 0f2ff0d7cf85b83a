"""The proposal for visits: the same budget, believable numbers, edits that go into the file alone, and no cell that is a formula."""

import io
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from argon2 import PasswordHasher
from openpyxl import load_workbook
from test_web_desk import GOOD, signed_in
from towns import web as web_town
from visiting import NAMED

from riskwarn.access import password
from riskwarn.ledger import Ledger, enter
from riskwarn.store import Store
from riskwarn.web import create_app, visits
from riskwarn.web.nights import Nights

NIGHT = pd.Timestamp("2025-01-08", tz=web_town.ZONE)


def some_visits(grids, rng, n=400):
    """Visits of the last months, most of them to few grids, some not valid and some not known yet."""
    started = NIGHT - pd.to_timedelta(rng.uniform(0, 60, n), unit="D")
    return pd.DataFrame(
        {
            "visit_id": [f"V{i}" for i in range(n)],
            "grid_id": rng.choice(grids, n, p=rng.dirichlet(np.full(len(grids), 0.4))),
            "started_at": started,
            "ended_at": started + pd.Timedelta(minutes=20),
            "known_at": started + pd.Timedelta(hours=1),
            "valid": rng.random(n) > 0.1,
        }
    )


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    store = web_town.build(tmp_path_factory.mktemp("visits") / "town")
    store.write("visits", some_visits(store.read("grids")["grid_id"].to_numpy(), np.random.default_rng(3)))
    return store


@pytest.fixture(scope="module")
def proposal(town):
    night = Nights(town).at()
    return visits.proposal_of(night, town, frozenset(night.scores["grid_id"]))


def test_the_budget_is_kept_and_no_number_is_beyond_belief(town, proposal):
    """As many visits as are made now, in whole numbers; none planned above what a week holds, and no grid left out where there are hands for all."""
    made = town.read("visits")
    known = made[(made["started_at"] >= NIGHT - pd.Timedelta(days=28)) & (made["known_at"] < NIGHT) & made["valid"]]

    assert proposal.budget == int(len(known) / 4)
    assert proposal.rows["proposed"].sum() == proposal.budget
    assert (proposal.rows["proposed"] - proposal.rows["drawn"]).max() <= proposal.most
    assert proposal.most == max(visits.MOST_A_WEEK, int(np.ceil(proposal.budget / len(proposal.rows))))
    assert proposal.rows["proposed"].min() >= (proposal.budget >= 2 * len(proposal.rows))
    assert proposal.rows["change"].is_monotonic_decreasing


def test_without_visits_there_is_no_proposal(tmp_path):
    """A store that knows none proposes none."""
    store = web_town.build(tmp_path / "town")
    night = Nights(store).at()

    assert visits.proposal_of(night, store, frozenset(night.scores["grid_id"])) is None


@pytest.mark.parametrize("value", ["=1+1", "-3", "100", "1e3", "", "٣", "2 "])
def test_only_a_whole_number_changes_the_proposal(proposal, value):
    """Anything but 0 to 99, and a grid that is not in it, changes nothing."""
    first = proposal.rows["grid_id"].iloc[0]
    same = visits.edited(proposal, {f"visits-{first}": value, "visits-G9999": "3"})
    pd.testing.assert_frame_equal(same, proposal.rows, check_dtype=False)
    changed = visits.edited(proposal, {f"visits-{first}": "7"})
    assert changed["proposed"].iloc[0] == 7


def test_only_the_months_of_the_window_are_opened(town, tmp_path, proposal):
    """Visits of months past are not read, so that the first page of a night does not wait for years of them: a damaged one of them changes nothing."""
    own = Store(shutil.copytree(town.path, tmp_path / "town"))
    months = sorted((own.path / "tables" / "visits").glob("*.parquet"))
    months[0].write_bytes(b"")
    night = Nights(own).at()

    assert len(months) == 3
    pd.testing.assert_frame_equal(
        visits.proposal_of(night, own, frozenset(night.scores["grid_id"])).rows, proposal.rows
    )


@pytest.fixture
def site(town, tmp_path, monkeypatch):
    monkeypatch.setattr(password, "HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    own = Store(shutil.copytree(town.path, tmp_path / "town"))
    with Ledger(own) as ledger:
        enter(ledger)
    app = create_app(own.path, language="en", clock=lambda: web_town.NOW, serving=NAMED)
    for name, role, area in (
        ("desk-1", "shift_leader", "*"),
        ("town-1", "township_centre", "城关街道"),
        ("grid-1", "grid_head", "城关街道"),
    ):
        app.state.doorman.accounts.add(name, GOOD, role=role, area=area)
    return app


def taken(client, ending, **numbers):
    csrf = re.search(r'name="csrf" value="([0-9a-f]+)"', client.get("/visits").text)[1]
    return client.post(f"/visits.{ending}", data={"csrf": csrf, **{f"visits-{g}": n for g, n in numbers.items()}})


def test_the_page_says_the_bound_that_holds(site, proposal):
    """The sentence above the proposal names the most that is planned for one grid, and the random ones beside it."""
    text = signed_in(site, "desk-1").get("/visits").text

    assert f"at most {proposal.most} planned for a grid, and a few more drawn at random" in text


def test_the_file_holds_the_edits_and_no_formula(site):
    """A name that begins like a formula is text in both files; the number changed on the page stands there, the page keeps the proposal."""
    site.state.nights.at().places.called["G0001"] = "=HYPERLINK(1)"
    client = signed_in(site, "desk-1")
    before = client.get("/visits").text
    text = taken(client, "csv", G0002="44").content.decode("utf-8-sig")
    sheet = load_workbook(io.BytesIO(taken(client, "xlsx", G0002="44").content)).active
    cells = {row[0].value: row for row in sheet.iter_rows()}

    assert re.search(r"^G0002,.*,44,", text, flags=re.MULTILINE)
    assert "'=HYPERLINK" in text
    assert cells["G0002"][4].value == 44
    assert {c.data_type for row in sheet.iter_rows() for c in row} <= {"s", "n"}
    assert "A lead to verify" in text
    assert re.sub(r"csrf\S+", "", client.get("/visits").text) == re.sub(r"csrf\S+", "", before)


def test_the_file_is_of_the_night_of_the_page(site):
    """The form of a past night, or of one that is past when it is sent, gives the file of that night; no date is refused."""
    leader = signed_in(site, "desk-1")
    before = "2025-01-07"
    text = leader.get("/visits", params={"as_of": before}).text
    fields = {name: re.search(rf'name="{name}" value="([^"]+)"', text)[1] for name in ("csrf", "as_of")}
    answer = leader.post("/visits.csv", data=fields)
    own = Nights(site.state.nights.store).at(before)
    made = visits.proposal_of(own, site.state.nights.store, frozenset(own.scores["grid_id"]))

    assert fields["as_of"] == before
    assert f"visits-{before}.csv" in answer.headers["content-disposition"]
    table = pd.read_csv(io.BytesIO(answer.content)).iloc[:-1]
    assert table["visits a week now"].tolist() == made.rows["now"].tolist()
    assert leader.post("/visits.csv", data=fields | {"as_of": "2025-01-04"}).status_code == 404
    assert leader.post("/visits.csv", data=fields | {"as_of": "yesterday"}).status_code == 422


def test_a_township_spreads_its_own_visits(site):
    """Its budget is its own, no grid elsewhere is named on the page or in the file, and who may not export is given no file."""
    office = signed_in(site, "town-1")
    elsewhere = set(site.state.nights.at().scores.query("township_id == '河西镇'")["grid_id"])

    assert not elsewhere & set(re.findall(r"G0\d{3}", office.get("/visits").text + taken(office, "csv").text))
    assert taken(signed_in(site, "grid-1"), "csv").status_code == 403
    assert signed_in(site, "desk-1").post("/visits.csv", data={}).status_code == 403


def test_the_work_list_says_where_each_gap_stands_and_takes_it_in_one_click(site):
    """A gap that became an item is acknowledged beside its line; then the line says so."""
    client = signed_in(site, "desk-1")
    text = client.get("/worklist").text
    form = re.search(r'action="/desk/([0-9a-f]{16})".*?name="version" value="(\d+)"', text)
    csrf = re.search(r'name="csrf" value="([0-9a-f]+)"', text)[1]
    data = {"csrf": csrf, "version": form[2], "action": "acknowledge", "next": "/worklist?hands=10"}
    answer = client.post(f"/desk/{form[1]}", data=data, follow_redirects=False)

    assert answer.headers["location"] == "/worklist?hands=10"
    assert f'href="/desk/{form[1]}">acknowledged' in client.get("/worklist").text
