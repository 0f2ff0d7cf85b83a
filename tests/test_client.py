"""The client asks the live application, reads frames, and says what went wrong in the library's own errors."""

import asyncio
import socket
import threading
import time

import httpx
import numpy as np
import pandas as pd
import pytest
import uvicorn
from argon2 import PasswordHasher
from ledger_rows import a_city, alert, day, publish
from towns import web as web_town
from visiting import as_visitor

from riskwarn.access import password, visitor_of_token
from riskwarn.client import AsyncClient, Client
from riskwarn.client.calls import Call, members_of
from riskwarn.errors import (
    BusyError,
    ConflictError,
    DataError,
    ForbiddenError,
    NotFoundError,
    RiskwarnError,
    SignInError,
    StepError,
)
from riskwarn.ledger import Ledger, enter
from riskwarn.web import create_app


class Live:
    """An application behind a real socket."""

    def __init__(self, app):
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.socket]})

    def __enter__(self):
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)
        return self.url

    def __exit__(self, *_):
        self.server.should_exit = True
        self.thread.join(10)
        self.socket.close()


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    return web_town.build(tmp_path_factory.mktemp("client") / "town", columns=6, rows=4)


@pytest.fixture(scope="module")
def live(town):
    with Live(create_app(town.path, clock=lambda: web_town.NOW)) as url:
        yield url


def both(url, question):
    """The answers of the client that waits and of the one that does not."""

    async def asked():
        async with AsyncClient(url) as city:
            return await question(city)

    with Client(url) as city:
        return question(city), asyncio.run(asked())


QUESTIONS = {
    "scores": lambda city: city.scores(sort="-expected", state="ok"),
    "grid": lambda city: city.grid("G0001"),
    "areas": lambda city: city.areas("township"),
    "alerts": lambda city: city.alerts(),
    "gaps": lambda city: city.gaps(kind="G08"),
    "items": lambda city: city.items(kind="alert", open=True),
    "get": lambda city: city.get("/feeds"),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_both_clients_say_the_same(live, name):
    """Whatever is asked, waiting or not, the answer is one."""
    waited, awaited = both(live, QUESTIONS[name])

    if isinstance(waited, pd.DataFrame):
        pd.testing.assert_frame_equal(waited, awaited)
        assert waited.attrs == awaited.attrs
    else:
        assert waited == awaited
    assert len(waited) or name == "items"


def test_scores_are_those_published(live, town):
    """All grids come at once, with their numbers to the last bit, missing ones missing, and the night in `attrs`."""
    with Client(live) as city:
        scores = city.scores()
    wanted = town.night("2025-01-08").table("scores").set_index("grid_id").loc[scores["grid_id"]]

    np.testing.assert_array_equal(scores["expected"], wanted["expected"])
    assert scores["rank"].dtype == "Int64"
    assert scores["rank"].isna().sum() == 1
    assert (scores.attrs["as_of"], scores.attrs["stale"]) == ("2025-01-08", "false")


@pytest.mark.parametrize(
    ("question", "error"),
    [
        (lambda city: city.grid("none"), NotFoundError),
        (lambda city: city.scores(as_of="2001-01-01"), NotFoundError),
        (lambda city: city.scores(sort="colour"), DataError),
        (lambda city: city.act("abcdef", "acknowledge", version=1), ForbiddenError),
        (lambda city: city.switch_mode("war", "drill"), ForbiddenError),
        (lambda city: city.what_if("G0001", {"x": 0}), ConflictError),
    ],
)
def test_refusals_are_errors_of_the_library(live, question, error):
    """What the server refuses is an error of its kind, with the server's sentence."""
    with Client(live) as city, pytest.raises(error, match=r"\."):
        question(city)


def test_a_server_that_is_not_there():
    """After some tries a silent address is told in one sentence."""
    with (
        Client("http://127.0.0.1:9", retries=1, timeout=0.5) as city,
        pytest.raises(BusyError, match="does not answer"),
    ):
        city.get("/feeds")


def answering(*answers):
    """A transport that gives one answer after the other, and what it was sent."""
    left, sent = list(answers), []

    def handle(request):
        sent.append(request)
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return httpx.MockTransport(handle), sent


def test_a_busy_server_is_asked_again():
    """A 503 and a lost connection are tried again; the third answer holds."""
    transport, sent = answering(httpx.Response(503), httpx.ConnectError("gone"), httpx.Response(200, json={"a": 1}))
    with Client("http://city", transport=transport) as city:
        assert city.get("/feeds") == {"a": 1}
    assert len(sent) == 3


def test_a_step_is_sent_again_under_one_key():
    """A step whose answer was lost is sent again with the same key; something without a key is not sent twice."""
    taken = {"item_id": "a", "state": "acknowledged", "version": 2, "transition": {}}
    transport, sent = answering(httpx.ReadError("lost"), httpx.Response(201, json=taken))
    with Client("http://city", transport=transport) as city:
        assert city.act("a", "acknowledge", version=1).version == 2
    assert len({request.headers["idempotency-key"] for request in sent}) == 1

    transport, sent = answering(httpx.Response(503), httpx.Response(200, json={}))
    with Client("http://city", transport=transport) as city, pytest.raises(BusyError):
        city.ask(Call("POST", "/mode", members_of, body={}))
    assert len(sent) == 1


def test_how_long_is_waited_the_server_says(monkeypatch):
    """`Retry-After` is kept to, within half a minute."""
    waited = []
    monkeypatch.setattr(time, "sleep", waited.append)
    soon, late = httpx.Response(429, headers={"Retry-After": "7"}), httpx.Response(429, headers={"Retry-After": "9999"})
    transport, _ = answering(soon, late, httpx.Response(200, json={}))
    with Client("http://city", transport=transport) as city:
        city.get("/feeds")

    assert waited == [7.0, 30.0]


def test_lists_are_read_to_their_end():
    """A list of several pages is one frame."""
    pages = [
        httpx.Response(200, json={"total": 2500, "items": [{"n": n} for n in part]})
        for part in (range(1000), range(1000, 2000), range(2000, 2500))
    ]
    transport, sent = answering(*pages)
    with Client("http://city", transport=transport) as city:
        assert city.alerts()["n"].tolist() == list(range(2500))
    assert [request.url.params["offset"] for request in sent] == ["0", "1000", "2000"]


def test_pages_of_two_runs_are_not_one_list():
    """Where another night is published between two pages the list is refused, not patched together."""
    pages = [httpx.Response(200, json={"run": run, "total": 1500, "items": [{"n": 1}]}) for run in ("a", "b")]
    with (
        Client("http://city", transport=answering(*pages)[0]) as city,
        pytest.raises(ConflictError, match="another night was published"),
    ):
        city.gaps()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(200, text="<html>a portal</html>"), DataError),
        (httpx.Response(200, json=[1, 2]), DataError),
        (httpx.Response(301, headers={"Location": "https://city/"}, text="moved"), DataError),
        (httpx.Response(400, json=["no problem document"]), DataError),
        (httpx.Response(500, text="oops"), RiskwarnError),
    ],
    ids=str,
)
@pytest.mark.parametrize("question", ["scores", "areas", "what_if"])
def test_what_is_no_answer_of_the_api_is_told(question, answer, error):
    """A page of something else, a redirect or a problem without a document is an error of the library, whatever was asked."""
    ask = {
        "scores": lambda city: city.scores(),
        "areas": lambda city: city.areas(),
        "what_if": lambda city: city.what_if("G0001", {"x": 0}),
    }
    with (
        Client("http://city", transport=answering(answer)[0]) as city,
        pytest.raises(error, match=r"(is no riskwarn server|answered \d+)"),
    ):
        ask[question](city)


def test_further_headers_leave_the_token():
    """Headers of one's own stand beside the token."""
    transport, sent = answering(httpx.Response(200, json={}))
    with Client("http://city", token="rw_x", transport=transport, headers={"X-Trace": "1"}) as city:
        city.get("/feeds")

    assert (sent[0].headers["authorization"], sent[0].headers["x-trace"]) == ("Bearer rw_x", "1")


def test_a_step_and_a_conflict(tmp_path, monkeypatch):
    """A step is taken, sent again it is known, and who is slower reads who was faster."""
    store = a_city(tmp_path)
    publish(store, 0, alerts=[alert("G1")])
    with Ledger(store) as ledger:
        enter(ledger, at=day(0) + pd.Timedelta(hours=7.5))
    as_visitor(monkeypatch, "shift_leader")
    with Live(create_app(store.path, clock=lambda: day(0) + pd.Timedelta(hours=9))) as url, Client(url) as city:
        item = city.alerts()["item_id"].iloc[0]
        taken = [city.act(item, "acknowledge", version=1, key="key-00000001") for _ in range(2)]
        with pytest.raises(ConflictError, match="shift_leader did acknowledge"):
            city.act(item, "dismiss", version=1, reason="duplicate")
        with pytest.raises(StepError, match="cannot be taken"):
            city.act(item, "close", version=2)
        work = city.item(item)

    assert [(t.state, t.version, t.again) for t in taken] == [("acknowledged", 2, False), ("acknowledged", 2, True)]
    assert [row["action"] for row in work["trail"]] == ["publish", "acknowledge"]


@pytest.fixture
def keepers(tmp_path, monkeypatch):
    """Address of a city with an administrator who asks, a desk and a board, and its accounts."""
    monkeypatch.setattr(password, "HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    store = a_city(tmp_path)
    publish(store, 0, alerts=[alert("G1")])
    with Ledger(store) as ledger:
        enter(ledger, at=day(0) + pd.Timedelta(hours=7.5))
    app = create_app(store.path, clock=lambda: day(0) + pd.Timedelta(hours=21))
    accounts = app.state.doorman.accounts
    for name, role in (("chief", "admin"), ("desk-1", "township_centre"), ("board", "city_analyst")):
        accounts.add(name, "a sentence nobody guesses", role=role)
    as_visitor(monkeypatch, "admin")
    with Live(app) as url:
        yield url, accounts


def test_a_program_keeps_accounts(keepers):
    """Made, changed, reset, unlocked and closed as an administrator does; who looked at an older version is told so."""
    url, accounts = keepers
    with Client(url) as keeper:
        made = keeper.add_user("desk-2", role="grid_head", area="T1")
        user_id = made["user"]["user_id"]
        moved = keeper.change_user(user_id, version=1, area="T2")
        with pytest.raises(ConflictError, match="meanwhile"):
            keeper.change_user(user_id, version=1, role="auditor")
        anew = keeper.reset_user(user_id, version=moved["version"])
        open_again = keeper.unlock_user(user_id)
        shut = keeper.change_user(user_id, version=open_again["version"], disabled=True)
        users = keeper.users().set_index("name")

        assert keeper.user(user_id) == shut
    assert (moved["role"], moved["area"], shut["disabled"]) == ("grid_head", "T2", True)
    assert anew["password"] != made["password"]
    assert sorted(users.index) == ["board", "chief", "desk-1", "desk-2"]
    assert users.loc["desk-2", "user_id"] == user_id
    assert accounts.account("desk-2").disabled


def test_a_program_keeps_tokens(keepers):
    """A token is shown once and ends at once; ended again it stays so, and one that there is not is unknown."""
    url, accounts = keepers
    with Client(url) as keeper:
        users = keeper.users().set_index("name")["user_id"]
        made = keeper.make_token(users["board"], purpose="display", scopes=["scores:read"], area="T1", days=30)
        before = visitor_of_token(accounts, made["token"]).area
        nothing = [keeper.end_token(made["facts"]["token_id"]) for _ in range(2)]
        listed = keeper.tokens()
        with pytest.raises(NotFoundError):
            keeper.end_token("0" * 8)
    with pytest.raises(SignInError):
        visitor_of_token(accounts, made["token"])

    assert (before, nothing) == ("T1", [{}, {}])
    assert listed[["account", "scopes", "state"]].to_numpy().tolist() == [["board", "scores:read", "revoked"]]


def test_a_program_stops_the_scores_and_lets_them_go_on(keepers):
    """The log names the role and the reason; while it holds it is not stopped again."""
    url, _ = keepers
    with Client(url) as keeper:
        made = keeper.stop_scores("half the calls are missing")
        held = keeper.stops()["stopped"]
        with pytest.raises(ConflictError):
            keeper.stop_scores("once more")
        keeper.stop_scores("the feed is mended", stopped=False)
        log = keeper.stops()

    assert (made["by"], held, log["stopped"]) == ("admin", True, False)
    assert [line["why"] for line in log["log"]] == ["the feed is mended", "half the calls are missing"]


def test_the_board_comes_as_a_frame(keepers, monkeypatch):
    """What is overdue, with whom it lies and the next step; of another organisation nothing."""
    as_visitor(monkeypatch, "supervisor")
    waited, awaited = both(keepers[0], lambda city: city.supervision())
    with Client(keepers[0]) as city:
        of_one = city.supervision(body="T1")
        of_none = city.supervision(body="T9")

    pd.testing.assert_frame_equal(waited, awaited)
    assert (waited.attrs["total"], waited["light"].tolist()) == (len(waited), ["red"] * len(waited))
    assert "acknowledge" in waited["clock"].tolist()
    assert (len(of_one), len(of_none)) == (len(waited), 0)


def test_what_has_no_key_is_sent_once():
    """A step of a keeper is not sent again where the server is busy: it may have been taken. What reads or ends is."""
    busy = [httpx.Response(503) for _ in range(4)]
    transport, sent = answering(*busy)
    with Client("http://city", transport=transport) as keeper, pytest.raises(BusyError):
        keeper.add_user("desk-2", role="grid_head")
    again, sent_again = answering(httpx.Response(503), httpx.Response(204))
    with Client("http://city", transport=again) as keeper:
        keeper.end_token("00000000")

    assert (len(sent), len(sent_again)) == (1, 2)
