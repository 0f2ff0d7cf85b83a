"""The page of one grid, search and the look back: what each shows, to whom, and how its numbers add up."""

import re

import pandas as pd
import pytest
from argon2 import PasswordHasher
from towns import reasons as seen
from towns import web as web_town
from visiting import NAMED, at_the_machine, from_elsewhere

from riskwarn.access import make_token, password
from riskwarn.explanation import LEAST_SEVERITY, serious_events
from riskwarn.history import History
from riskwarn.ledger import Ledger, enter
from riskwarn.store import Store
from riskwarn.web import create_app
from riskwarn.web.chart import course, small_bars
from riskwarn.web.grid_page import multiples
from riskwarn.web.nights import Nights


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    store = web_town.build(tmp_path_factory.mktemp("grid") / "town")
    with Ledger(store) as ledger:
        enter(ledger)
    return store


@pytest.fixture(scope="module")
def night(town):
    return Nights(town).at()


@pytest.fixture(scope="module")
def client(town):
    return at_the_machine(create_app(town.path, language="en", clock=lambda: web_town.NOW))


@pytest.fixture(scope="module")
def as_role(tmp_path_factory):
    """A client of any role, the whole city before it or one township, in a town of its own: where there are accounts, nobody else comes in."""
    town = web_town.build(tmp_path_factory.mktemp("roles") / "town")
    with Ledger(town) as ledger:
        enter(ledger)
    patch = pytest.MonkeyPatch()
    patch.setattr(password, "HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    app = create_app(town.path, language="en", clock=lambda: web_town.NOW, serving=NAMED)
    accounts = app.state.doorman.accounts

    def client_of(role, purpose, area="*"):
        name = f"{role.replace('_', '-')}-{'all' if area == '*' else 'one'}"
        if name not in known:
            accounts.add(name, "", role=role, area=area)
            known.add(name)
        client = from_elsewhere(app)
        client.headers["authorization"] = f"Bearer {make_token(accounts, name, purpose=purpose)[0]}"
        return client

    known = set()
    yield client_of
    patch.undo()


def riskiest(night):
    return night.scores["grid_id"].iloc[0]


def test_the_course_shows_each_night_with_its_interval_and_what_the_list_said(client, night):
    """Expected count and interval of every night, and a large dot where the list had the grid."""
    page = client.get(f"/grids/{riskiest(night)}").text

    assert len(re.findall(r'<circle class="mark (?:red|orange|yellow|blue|off)"[^>]*><title>', page)) == len(
        web_town.NIGHTS
    )
    assert len(re.findall(r'<polygon class="interval"', page)) == 1


def test_a_night_without_a_score_breaks_the_line():
    """Where a night has no score there is no point, and the line goes on after it."""
    nan = float("nan")
    drawn = course([0, 1, 2, 3], [1, nan, 2, 2], [0, nan, 1, 1], [2, nan, 4, 4])

    assert [y is None for y in drawn["y"]] == [False, True, False, False]
    assert len(drawn["line"]) == 2


def test_bars_are_of_one_scale():
    """A count as large as the top fills the box; none is drawn for zero."""
    assert [bar["height"] for bar in small_bars([4, 0, 1], 4)] == [30.0, 7.5]


def test_categories_add_up_to_the_feeds(night):
    """A grid's events by category are all of its events in the year, no matter how many charts are drawn."""
    for grid_id in night.scores["grid_id"].head(6):
        told = multiples(night, grid_id)
        rows = night.categories_of(grid_id)

        assert sum(sum(m.counts) for m in told["charts"]) + told["rest"] == rows["n"].sum()
        assert {len(m.counts) for m in told["charts"]} <= {13}


def test_who_may_not_know_small_counts_sees_the_score_and_no_count(as_role, night):
    """An analyst's page of a grid has score, rank and neighbours; no reason, gap, event, what-if or matter of the ledger."""
    page = as_role("city_analyst", "analysis").get(f"/grids/{riskiest(night)}")
    duty = as_role("shift_leader", "handling").get(f"/grids/{riskiest(night)}")

    assert page.status_code == duty.status_code == 200
    assert "hold small counts" in page.text
    assert "hold small counts" not in duty.text
    for heading in ("h-why", "h-if", "h-gaps", "h-record", "h-kinds", "h-weeks"):
        assert f'id="{heading}"' not in page.text
        assert f'id="{heading}"' in duty.text
    assert "h-score" in page.text


def test_gaps_say_who_can_close_them(client, night):
    """Each gap of a grid is a sentence with the step and who can take it."""
    silent = night.scores["grid_id"].iloc[-1]
    page = client.get(f"/grids/{silent}").text

    assert "can be closed by the grid worker, with the township centre" in page


def test_what_is_in_hand_is_told_with_its_clock(as_role, night):
    """The open alert of the ledger stands on the page of its grid with its state and the clock that runs."""
    page = as_role("shift_leader", "handling").get(f"/grids/{riskiest(night)}").text
    part = page[page.index('id="h-record"') : page.index('id="h-kinds"')]

    assert "published" in part
    assert re.search(r"acknowledgement (?:was )?due by", part)
    assert "Nothing that was listed here has ended yet." in part


def test_what_became_of_it_is_told_with_its_outcome(tmp_path):
    """An alert that was closed stands among those before, with what was found."""
    store = web_town.build(tmp_path / "town")
    with Ledger(store) as ledger:
        enter(ledger)
        item = ledger.items(kind="alert", level="orange").iloc[0]
        steps = (
            ("acknowledge", {}),
            ("assign", {"area": "城关街道"}),
            ("start", {}),
            ("feedback", {"outcome": "O3"}),
            ("verify", {}),
            ("close", {}),
        )
        for action, given in steps:
            flow, now = ledger.workflow, ledger.item(item["item_id"])
            role = next(
                r
                for r in ("shift_leader", "township_centre", "county_centre", "supervisor")
                if action in flow.next_actions(now.state, role=r, kind="alert", level="orange")
            )
            ledger.act(now.item_id, action, ledger.actor(role, account=f"desk-{role}"), version=now.version, **given)
    client = at_the_machine(create_app(store.path, language="en", clock=lambda: web_town.NOW))
    page = client.get(f"/grids/{item['grid_ids'].split()[0]}").text
    part = page[page.index('id="h-record"') : page.index('id="h-kinds"')]

    assert re.search(rf'href="/desk/{item["item_id"]}">.*?<td>closed</td><td>settled</td>', part)


def test_events_behind_are_for_who_may_read_cases(as_role, night):
    """The single events are refused to who only reads totals; a feature that is no reason is unknown."""
    path = f"/grids/{riskiest(night)}/events"

    assert as_role("city_analyst", "analysis").get(path, params={"feature": "overdue_open"}).status_code == 403
    assert as_role("shift_leader", "handling").get(path, params={"feature": "no_such"}).status_code == 422


# -- search ---------------------------------------------------------------------------------------------------------------


def test_a_code_leads_to_its_page(client):
    """Exactly the code of a grid is answered by its page."""
    answer = client.get("/search?q=G0003", follow_redirects=False)

    assert answer.status_code == 303
    assert answer.headers["location"] == "/grids/G0003"


@pytest.mark.parametrize(
    ("words", "path"),
    [
        ("东湖", "/grids/G0001"),
        ("g00", "/grids/G0001"),
        ("河西", "/alerts?area=%E6%B2%B3%E8%A5%BF%E9%95%87"),
        ("A-20250108-0", "/grids/"),
    ],
)
def test_places_areas_and_alerts_are_found(client, words, path):
    """Part of a name, the beginning of a code in any case, a township, an alert's number."""
    assert f'href="{path}' in client.get("/search", params={"q": words}).text


def test_search_stays_in_ones_own_area(as_role, night):
    """A grid or township of another area is found as little as one there is not."""
    township_of = night.scores.set_index("grid_id")["township_id"]
    other = township_of.index[township_of == "城关街道"][0]
    client = as_role("township_centre", "handling", area="河西镇")

    assert client.get("/search", params={"q": other}, follow_redirects=False).status_code == 200
    for words in (other, "城关", "G00", "社区"):
        page = client.get("/search", params={"q": words}).text
        found = set(re.findall(r"/grids/(G\d{4})", page))
        assert {township_of[grid] for grid in found} <= {"河西镇"}
        assert "area=%E5%9F%8E" not in page


def test_search_shows_what_was_asked_as_text(client):
    """Words with markup in them are words."""
    page = client.get("/search", params={"q": "<script>alert(1)</script>"}).text

    assert "<script>alert" not in page
    assert "Nothing of that name" in page


# -- the look back ----------------------------------------------------------------------------------------------------------


def test_the_look_back_says_why_not(tmp_path):
    """Each serious event has a line: whether its grid was listed before, and what kept it off."""
    store = Store(tmp_path / "town", timezone=web_town.ZONE)
    built = web_town.build(tmp_path / "built")
    store.write("grids", built.read("grids"))
    events = built.read("events").assign(severity=1)
    last = pd.DataFrame(
        {
            "source": "police_call",
            "event_id": [f"S{n}" for n in range(3)],
            "known_at": pd.Timestamp("2025-01-07 12:00", tz=web_town.ZONE),
            "occurred_at": pd.Timestamp("2025-01-07 10:00", tz=web_town.ZONE),
            "grid_id": ["G0001", "G0005", "G0011"],
            "category": "P04",
            "severity": 3,
        }
    )
    store.write("events", pd.concat([events, last], ignore_index=True))
    for place, at in enumerate(web_town.NIGHTS):
        web_town.publish(store, at, seed=place)
    client = at_the_machine(create_app(store.path, language="en", clock=lambda: web_town.NOW))
    page = client.get("/review").text

    assert page.count('<tr><th scope="row"') == 3
    assert "3 events" in page or "of 3 events" in page
    assert client.get("/review?severity=1").status_code == 422
    assert "No event of that severity" in client.get("/review?since=2025-01-08").text


def test_a_night_publishes_serious_events_once(tmp_path):
    """A night publishes the serious events before it, each once."""
    store = seen.store(tmp_path / "town")
    at = pd.Timestamp(seen.NIGHT, tz=seen.ZONE)
    found = serious_events(History.load(store), at)

    assert len(found)
    assert (found["severity"] >= LEAST_SEVERITY).all()
    assert not found.duplicated(["source", "event_id"]).any()
    assert (found["occurred_at"] < at).all()
