"""Work at a page: what lies before whom, one step at a time, and nobody's step lost or taken twice."""

import re
import shutil

import pytest
from argon2 import PasswordHasher
from towns import web as web_town
from visiting import NAMED, at_the_machine, from_elsewhere

from riskwarn.access import password
from riskwarn.ledger import Ledger, enter
from riskwarn.store import Store
from riskwarn.web import create_app, work

GOOD = "a sentence nobody guesses"
ITEM = re.compile(r'href="/desk/([0-9a-f]{16})')


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return web_town.build(tmp_path_factory.mktemp("desk") / "town")


@pytest.fixture
def town(built, tmp_path):
    """A town of the test's own: a ledger is anchored in its store."""
    return Store(shutil.copytree(built.path, tmp_path / "town"))


@pytest.fixture
def site(town, monkeypatch):
    """The application with the night in the ledger, two shift leaders, a township and an analyst."""
    monkeypatch.setattr(password, "HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    with Ledger(town) as ledger:
        enter(ledger)
    app = create_app(town.path, language="en", clock=lambda: web_town.NOW, serving=NAMED)
    accounts = app.state.doorman.accounts
    for name, role, area in (
        ("desk-1", "shift_leader", "*"),
        ("desk-2", "shift_leader", "*"),
        ("town-1", "township_centre", area_of_town(town)),
        ("analyst", "city_analyst", "*"),
    ):
        accounts.add(name, GOOD, role=role, area=area)
    return app


def area_of_town(town):
    """A township of the town."""
    return town.read("grids")["township_id"].iloc[0]


def signed_in(app, name):
    client = from_elsewhere(app)
    assert client.post("/sign-in", data={"name": name, "password": GOOD}, follow_redirects=False).status_code == 303
    return client


def items_on(client, path="/desk"):
    """Items on a page, and the version each form looks at."""
    return list(dict.fromkeys(ITEM.findall(client.get(path).text)))


def form_of(client, item_id):
    """What the forms of an item's page send along."""
    text = client.get(f"/desk/{item_id}").text
    return {
        "csrf": re.search(r'name="csrf" value="([0-9a-f]+)"', text)[1],
        "version": re.search(r'name="version" value="(\d+)"', text)[1],
    }


def take(client, item_id, action, form=None, **given):
    return client.post(
        f"/desk/{item_id}",
        data={**(form or form_of(client, item_id)), "action": action, **given},
        follow_redirects=False,
    )


def state(site, item_id):
    return site.state.books.ledger().item(item_id).state


def test_one_click_acknowledges_and_the_trail_says_by_which_role(site):
    """An alert is acknowledged from its page; who did what stands there by role, not by name."""
    client = signed_in(site, "desk-1")
    item_id = items_on(client)[0]
    answer = take(client, item_id, "acknowledge")

    assert answer.status_code == 303
    assert state(site, item_id) == "acknowledged"
    text = client.get(f"/desk/{item_id}").text
    assert "shift leader" in text
    assert text.count("desk-1") == 1  # the title of the button that signs out


def test_a_form_sent_twice_takes_one_step(site):
    """A double click is one step: the second answer is as good as the first, and the trail has one row more."""
    client = signed_in(site, "desk-1")
    item_id = items_on(client)[0]
    form = form_of(client, item_id)
    before = len(site.state.books.ledger().trail(item_id))
    answers = [take(client, item_id, "acknowledge", form) for _ in range(2)]

    assert [a.headers["location"] for a in answers] == [f"/desk/{item_id}?said=done"] * 2
    assert len(site.state.books.ledger().trail(item_id)) == before + 1


def test_of_two_people_one_wins_and_the_other_is_told(site):
    """Whoever looked at an older version is told that somebody was faster, and sees what was done."""
    first, second = signed_in(site, "desk-1"), signed_in(site, "desk-2")
    item_id = items_on(first)[0]
    form = form_of(second, item_id)
    take(first, item_id, "acknowledge")
    answer = take(second, item_id, "dismiss", form, reason="duplicate")

    assert answer.headers["location"] == f"/desk/{item_id}?said=conflict"
    assert state(site, item_id) == "acknowledged"
    assert "Somebody was faster: shift leader, acknowledge, " in second.get(answer.headers["location"]).text


def test_an_office_sees_and_acts_in_its_own_area_alone(site, town):
    """A township sees what lies in it; another's item is refused to its eyes and to its hand."""
    leader, office = signed_in(site, "desk-1"), signed_in(site, "town-1")
    everything, own = items_on(leader), items_on(office)
    path = {item_id: site.state.books.ledger().item(item_id).path for item_id in everything}
    area = area_of_town(town)

    assert set(own) == {item_id for item_id, p in path.items() if area in p.split("/")}
    other = next(item_id for item_id in everything if item_id not in own)
    form = form_of(leader, other) | {"csrf": form_of(office, own[0])["csrf"]}
    assert office.get(f"/desk/{other}").status_code == 404
    assert take(office, other, "acknowledge", form).status_code == 404
    assert state(site, other) == "published"


def test_an_item_across_a_border_is_shown_with_ones_own_grids(site, town):
    """Whose it is by its first grid is shown no grid from outside, by page and by program; whoever it is assigned to sees it all."""
    area = area_of_town(town)
    township_of = site.state.nights.at().scores.set_index("grid_id")["township_id"]
    ledger, accounts = site.state.books.ledger(), site.state.doorman.accounts
    item = next(
        item
        for item in map(ledger.item, items_on(signed_in(site, "town-1")))
        if {township_of[g] for g in item.grid_ids.split()} - {area}
    )
    outside = {g for g in item.grid_ids.split() if township_of[g] != area}
    paths = (
        f"/desk/{item.item_id}",
        f"/api/v1/items/{item.item_id}",
        "/api/v1/items",
        f"/api/v1/alerts/{item.source_id}",
    )
    leader = ledger.actor("shift_leader", account="desk-1")
    accounts.add("far", GOOD, role="grid_head", area="T9")

    def shown(name):
        return {g for path in paths for g in re.findall(r"G0\d{3}", signed_in(site, name).get(path).text)} & outside

    assert shown("town-1") == set()
    assert shown("desk-1") == outside
    assert shown("far") == set()
    ledger.act(item.item_id, "acknowledge", leader)
    ledger.act(item.item_id, "assign", leader, area="T9")
    assert shown("far") == outside


def test_who_only_reads_is_given_no_button(town):
    """Who sits at the machine while there is no account reads the list, is offered no step, and takes none that is sent by hand."""
    with Ledger(town) as ledger:
        enter(ledger)
        item_id = ledger.items(kind="alert")["item_id"].iloc[0]
    client = at_the_machine(create_app(town.path, language="en", clock=lambda: web_town.NOW))
    text = client.get("/").text

    assert 'class="line red"' in text
    assert 'class="quick"' not in text
    assert "There is no step for you to take now." in client.get(f"/desk/{item_id}").text
    assert client.post(f"/desk/{item_id}", data={"action": "acknowledge", "version": "1"}).status_code == 403


def test_an_analyst_sees_no_desk(site):
    """Who may not know small counts is shown neither the list nor the desk, and takes no step."""
    client = signed_in(site, "analyst")
    item_id = items_on(signed_in(site, "desk-1"))[0]

    assert [client.get(path).status_code for path in ("/", "/desk", f"/desk/{item_id}")] == [403] * 3
    assert client.post(f"/desk/{item_id}", data={"action": "acknowledge"}).status_code == 403
    assert state(site, item_id) == "published"


@pytest.mark.parametrize("csrf", ["", "0" * 32])
def test_a_step_from_another_page_is_refused(site, csrf):
    """Without what only our own pages know, nothing is done."""
    client = signed_in(site, "desk-1")
    item_id = items_on(client)[0]
    form = form_of(client, item_id) | {"csrf": csrf}

    assert take(client, item_id, "acknowledge", form).status_code == 403
    assert state(site, item_id) == "published"


def many(client, action, forms, **given):
    """One step with all that are ticked: the report."""
    ticked = {f"item-{item_id}": form["version"] for item_id, form in forms.items()}
    csrf = next(iter(forms.values()))["csrf"]
    return client.post("/desk", data={"csrf": csrf, "action": action, **ticked, **given})


def test_many_take_a_step_at_once_and_the_report_says_which_did_not_and_why(site):
    """All that are ticked take the step; of one that somebody else took meanwhile the report says who did what, and leaves it."""
    client, other = signed_in(site, "desk-1"), signed_in(site, "desk-2")
    chosen = items_on(client)[:3]
    forms = {item_id: form_of(client, item_id) for item_id in chosen}
    take(other, chosen[0], "dismiss", reason="duplicate")
    report = many(client, "acknowledge", forms).text

    assert "acknowledge: 2 of 3 done" in report
    not_taken, taken = report.split("Taken <")
    assert re.search(r"Somebody was faster: shift leader, dismiss, \d\d-\d\d", not_taken)
    assert set(ITEM.findall(not_taken)) == {chosen[0]}
    assert set(ITEM.findall(taken)) == set(chosen[1:])
    assert [state(site, item_id) for item_id in chosen] == ["dismissed", "acknowledged", "acknowledged"]


def test_enter_in_a_field_takes_no_step(site):
    """The first button of the list, which Enter would press, is dead."""
    text = signed_in(site, "desk-1").get("/desk").text
    form = text.partition('id="many"')[2].partition("</form>")[0]

    assert re.search(r"<button[^>]*>", form)[0] == '<button type="submit" disabled hidden>'


def test_many_sent_twice_take_one_step_each(site):
    """The same form again takes nothing again, and says so."""
    client = signed_in(site, "desk-1")
    forms = {item_id: form_of(client, item_id) for item_id in items_on(client)[:2]}
    before = len(site.state.books.ledger().trail())
    reports = [many(client, "acknowledge", forms).text for _ in range(2)]

    assert len(site.state.books.ledger().trail()) == before + 2
    assert [text.count("It had been taken before.") for text in reports] == [0, 2]
    assert "2 of 2 done" in reports[1]


def test_many_are_assigned_or_dismissed_with_one_code(site):
    """To whom, or why, is said once for all; without it none goes, and the report says what lacks."""
    client = signed_in(site, "desk-1")
    chosen = items_on(client)[:2]
    many(client, "acknowledge", {i: form_of(client, i) for i in chosen})
    forms = {i: form_of(client, i) for i in chosen}
    assert "assign: 0 of 2 done" in many(client, "assign", forms).text
    assert "assign: 2 of 2 done" in many(client, "assign", forms, **{"assign-area": "T9"}).text

    assert {site.state.books.ledger().item(i).owner for i in chosen} == {"T9"}
    rest = {i: form_of(client, i) for i in items_on(client)[2:4]}
    assert "dismiss: 2 of 2 done" in many(client, "dismiss", rest, **{"dismiss-reason": "known_cause"}).text


def test_what_lies_elsewhere_is_not_taken_with_many(site):
    """An office that ticks an item of another area by hand is told that there is none, and nothing is done."""
    leader, office = signed_in(site, "desk-1"), signed_in(site, "town-1")
    own = items_on(office)
    other = next(i for i in items_on(leader) if i not in own)
    forms = {own[0]: form_of(office, own[0]), other: {"version": "1"}}
    report = many(office, "acknowledge", forms).text

    assert "acknowledge: 1 of 2 done" in report
    assert "There is no such item before you." in report
    assert state(site, other) == "published"


def test_one_alert_is_merged_into_another_and_taken_out_again(site):
    """Merged, it ends and names the one it is worked with; reopened, it stands for itself again."""
    client, ledger = signed_in(site, "desk-1"), site.state.books.ledger()
    one, other = items_on(client)[:2]
    assert take(client, one, "merge", reason="same_place", into=other).headers["location"].endswith("done")
    assert (ledger.item(one).state, ledger.item(one).parent) == ("merged", other)
    assert one not in items_on(client)
    assert one in items_on(client, "/desk?state=merged")

    assert take(client, one, "merge", reason="same_place", into=one).headers["location"].endswith("refused")
    assert take(client, one, "reopen", reason="closed_in_error").headers["location"].endswith("done")
    assert (ledger.item(one).state, ledger.item(one).parent) == ("reopened", "")
    assert take(client, one, "merge", reason="same_place", into=one).headers["location"].endswith("refused")
    assert ledger.verify().sound


def test_what_has_ended_is_found_and_reopened(site):
    """A dismissed alert stands under what has ended, with the step that reopens it."""
    client = signed_in(site, "desk-1")
    item_id = items_on(client)[0]
    take(client, item_id, "dismiss", reason="duplicate")

    assert item_id in items_on(client, "/desk?state=dismissed")
    assert take(client, item_id, "reopen", reason="happened_again").headers["location"].endswith("said=done")
    assert item_id in items_on(client)


def test_a_step_that_is_none_is_refused_in_words(site):
    """An action that cannot be taken from here, a code that is none and a version that is no number change nothing and are told."""
    client = signed_in(site, "desk-1")
    item_id = items_on(client)[0]
    for action, given in (("close", {}), ("dismiss", {"reason": "boredom"}), ("dismiss", {}), ("<b>", {})):
        assert take(client, item_id, action, **given).headers["location"] == f"/desk/{item_id}?said=refused", action
    form = form_of(client, item_id) | {"version": "one"}
    assert take(client, item_id, "acknowledge", form).headers["location"] == f"/desk/{item_id}?said=refused"

    assert state(site, item_id) == "published"
    assert "That step cannot be taken from here" in client.get(f"/desk/{item_id}", params={"said": "refused"}).text


def test_one_goes_back_to_the_list_one_came_from(site):
    """Whoever acknowledges from a filtered list sees that list again, at the same line."""
    client = signed_in(site, "desk-1")
    text = client.get("/alerts", params={"level": "red", "lang": "en"}).text

    assert re.search(r'name="next" value="/alerts\?level=red&amp;lang=en#A-', text)


def test_what_can_take_no_step_is_not_ticked(site):
    """A reported result waits for who verifies it: a supervisor sees it on the desk without a box."""
    leader, office = signed_in(site, "desk-1"), signed_in(site, "town-1")
    site.state.doorman.accounts.add("watcher", GOOD, role="supervisor", area="*")
    item_id = items_on(office)[0]
    take(leader, item_id, "acknowledge")
    take(leader, item_id, "assign", area=area_of_town(site.state.books.store))
    take(office, item_id, "feedback", outcome="O3")
    text = signed_in(site, "watcher").get("/desk").text

    assert f'href="/desk/{item_id}"' in text
    assert f'name="item-{item_id}"' not in text
    assert f'name="item-{item_id}"' in leader.get("/desk").text


def test_more_items_than_can_be_ticked_stand_on_pages(monkeypatch, site):
    """A page of the desk holds no more than one form may send, so that nothing ticked is left out in silence."""
    monkeypatch.setattr(work, "MOST_AT_ONCE", 2)
    client = signed_in(site, "desk-1")
    shown = [client.get("/desk", params={"page": page}).text.count('type="checkbox"') for page in (1, 2)]

    assert shown == [2, 2]


def test_the_way_back_leads_to_our_own_pages_alone(site):
    """Where to go on is a path of this server; anything else is the item's own page."""
    client = signed_in(site, "desk-1")
    item_id = items_on(client)[0]

    assert take(client, item_id, "acknowledge", next="https://evil.example/").headers["location"].startswith("/desk/")


def test_the_story_of_an_alert_at_the_page(site):
    """Acknowledged and assigned by the leader, started and reported by the township, verified and closed: each step by its own form."""
    leader, office = signed_in(site, "desk-1"), signed_in(site, "town-1")
    item_id = items_on(office)[0]
    area = site.state.books.ledger().item(item_id).path.split("/")[1]
    steps = [
        (leader, "acknowledge", {}),
        (leader, "assign", {"area": area}),
        (office, "start", {}),
        (office, "feedback", {"outcome": "O3"}),
        (leader, "verify", {}),
        (leader, "close", {}),
    ]
    for client, action, given in steps:
        assert take(client, item_id, action, **given).headers["location"].endswith("said=done"), action

    assert state(site, item_id) == "closed"
    assert site.state.books.ledger().verify().sound


def test_today_offers_to_acknowledge_and_then_says_so(site):
    """The list of the morning has the button beside each alert that can be taken, and the state after it was."""
    client = signed_in(site, "desk-1")
    text = client.get("/").text
    n, item_id = text.count('class="quick"'), items_on(client, "/")[0]
    take(client, item_id, "acknowledge")
    after = client.get("/").text

    assert n > 0
    assert after.count('class="quick"') == n - 1
    assert f'href="/desk/{item_id}">acknowledged' in after
