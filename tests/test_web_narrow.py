"""A township sees its own grids: on no page another, in no list, reason, change or gap."""

import re

import pytest
from argon2 import PasswordHasher
from towns import web as web_town
from visiting import NAMED, from_elsewhere

from riskwarn.access import make_token, password, roles, visitor_of
from riskwarn.ledger import Actor
from riskwarn.web import create_app
from riskwarn.web.narrow import narrowed

PAGES = ("/", "/alerts", "/gaps", "/gaps?kind=G08", "/grids", "/grids?page=2", "/feeds", "/model")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The application, its grids by township, and a token for each township."""
    folder = tmp_path_factory.mktemp("narrow")
    patch = pytest.MonkeyPatch()
    patch.setenv("RISKWARN_LEDGER", f"sqlite:///{folder / 'ledger.db'}")
    patch.setattr(password, "HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    app = create_app(web_town.build(folder / "town").path, clock=lambda: web_town.NOW, serving=NAMED)
    accounts = app.state.doorman.accounts
    township_of = app.state.nights.at().scores.set_index("grid_id")["township_id"]
    heads = {}
    for n, township in enumerate(sorted(township_of.unique())):
        accounts.add(f"t{n}", "", role="township_centre", area=township)
        heads[township] = {"authorization": f"Bearer {make_token(accounts, f't{n}', purpose='handling')[0]}"}
    patch.undo()
    return app, township_of, heads


def visitor(area):
    return visitor_of(roles(), Actor("township_centre", area), way="token")


@pytest.mark.parametrize("path", PAGES)
def test_no_page_names_a_grid_of_another_township(site, path):
    """Whatever a page of a township says of grids, it says of its own; together the townships see them all."""
    app, township_of, heads = site
    seen = {}
    for township, head in heads.items():
        page = from_elsewhere(app).get(path, headers=head)
        assert page.status_code in ({200, 403} if path == "/model" else {200})
        seen[township] = set(re.findall(r"G0\d{3}", page.text))

    assert {t: {township_of[g] for g in grids} - {t} for t, grids in seen.items()} == {t: set() for t in heads}
    if path == "/grids":
        assert all(len(grids) > 3 for grids in seen.values())


def test_a_grid_of_another_township_is_not_there(site):
    """Its page is 404, as one that does not exist; one's own is shown, with its rank in the city, and with no neighbour from outside."""
    app, township_of, heads = site
    night = app.state.nights.at()
    scored = night.scores.dropna(subset=["rank"])["grid_id"]
    for township, head in heads.items():
        client = from_elsewhere(app)
        own, other = (next(g for g in scored if (township_of[g] == township) == mine) for mine in (True, False))
        page = client.get(f"/grids/{own}?lang=en", headers=head)

        assert page.status_code == 200
        assert client.get(f"/grids/{other}", headers=head).status_code == 404
        assert client.get("/grids/G9999", headers=head).status_code == 404
        assert {township_of[g] for g in re.findall(r"G0\d{3}", page.text)} == {township}
        assert re.search(rf"\d+ of {night.n_scored}\b", page.text)


def test_alerts_and_gaps_are_cut_to_the_area(site):
    """An alert across a border is shown to both, each with its own grids; a gap is of one side, and a feed's of none."""
    app, _, heads = site
    night = app.state.nights.at()
    parts = {t: narrowed(night, visitor(t)) for t in heads}

    assert sorted(g for part in parts.values() for ids in part.alerts["grid_ids"] for g in ids.split()) == sorted(
        " ".join(night.alerts["grid_ids"]).split()
    )
    assert sum(len(part.gaps) for part in parts.values()) == night.gaps["scope"].str.startswith("grid:").sum()
    assert sum(len(part.scores) for part in parts.values()) == len(night.scores)
    assert {part.n_scored for part in parts.values()} == {night.n_scored}
    assert sum(part.n_scored_here for part in parts.values()) == night.n_scored


def test_who_sees_the_city_sees_the_night(site):
    """Nothing is copied or cut for who sees it all; who sees an area that is not there sees nothing."""
    night = site[0].state.nights.at()
    nothing = narrowed(night, visitor("T9"))

    assert narrowed(night, visitor("*")) is night
    assert (len(nothing.scores), len(nothing.alerts), len(nothing.gaps), nothing.grids_listed) == (0, 0, 0, [])
