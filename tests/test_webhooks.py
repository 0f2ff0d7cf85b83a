"""Who is told by webhook: each message once at least, in the same bytes under the same id, until it is taken or given up."""

import dataclasses
import datetime as dt
import json
import os
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pytest
import sqlalchemy as sa
from ledger_rows import GRIDS, a_city, alert, day, publish
from receiver import OK, SECRET, receiving

from riskwarn.cli import main
from riskwarn.client import verify_webhook
from riskwarn.doctor import examine
from riskwarn.errors import DefinitionError, NotFoundError, SignatureError
from riskwarn.ledger import Ledger, database, enter, watch
from riskwarn.ledger.tables import DELIVERIES
from riskwarn.signed import signed
from riskwarn.webhooks import Sender, again, deliveries, load_webhooks, send, standings
from riskwarn.webhooks.deliveries import KEPT_DAYS, claim, hand_over
from riskwarn.webhooks.payload import night_rolled, of_night

START = dt.datetime(2025, 3, 3, 0, 0, tzinfo=dt.UTC)
"""Eight in the morning of the first night."""
REFUSED = b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"


class Clock:
    """A clock that is set by hand."""

    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now

    def on(self, **later):
        self.now += dt.timedelta(**later)
        return self


@pytest.fixture
def clock(monkeypatch):
    monkeypatch.setenv("BOARD_SECRET", SECRET)
    return Clock()


def declare(store, *ports, **of):
    """A webhook a port, each of board.lan; further keys of the webhooks by name."""
    more = "".join(f"{key} = {json.dumps(value)}\n" for key, value in of.items())
    hosts = f'[[hosts]]\nname = "localhost"\nports = {[*ports]}\nplain = true\nnetworks = ["127.0.0.0/8", "::1"]\n'
    hooks = "".join(
        f'[[webhooks]]\nname = "board-{n}"\nurl = "http://localhost:{port}/in"\nsecret_env = "BOARD_SECRET"\n{more}'
        for n, port in enumerate(ports)
    )
    (store.path / "webhooks.toml").write_text(f'link = "https://risk.example/r"\n{hosts}{hooks}', "utf-8")
    return load_webhooks(store.path)


def here(*_):
    return ["127.0.0.1"]


@pytest.fixture
def ledger(tmp_path):
    """A ledger into which one night was entered: a red alert and six blue ones."""
    store = a_city(tmp_path)
    publish(store, 0, alerts=[alert("G1"), *(alert(g, "blue", target=f"t{n}") for n, g in enumerate([*GRIDS, "G5"]))])
    with Ledger(store) as made:
        enter(made, at=pd.Timestamp(START))
        yield made


def test_a_published_night_is_told_once_and_signed(ledger, clock):
    """The receiver gets the night with its alerts by level; it proves id, time and body; the next pass sends nothing."""
    with receiving() as board:
        declared = declare(ledger.store, board.port)
        first = send(ledger, declared, clock=clock, resolver=here)
        second = send(ledger, declared, clock=clock, resolver=here)
    (line, headers, body), *more = board.got

    assert ([s.taken for s in first], [s.taken for s in second], more) == ([1], [0], [])
    assert (line, headers["content-type"]) == ("POST /in HTTP/1.1", "application/json")
    told = verify_webhook(headers, body, SECRET, now=START.timestamp())
    assert told["type"] == "night.published"
    assert told["data"] == {
        "as_of": "2025-03-03T00:00:00+08:00",
        "run": "a",
        "area": "*",
        "alerts": {"red": None, "orange": 0, "yellow": 0, "blue": 6},
        "link": "https://risk.example/r/?as_of=2025-03-03",
    }


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (lambda h, b: (h, b + b" "), "not of this message"),
        (lambda h, b: (h | {"webhook-id": "msg_x"}, b), "not of this message"),
        (lambda h, b: (h | {"webhook-timestamp": "1741000000"}, b), "not of this message"),
        (lambda h, b: (h | {"webhook-timestamp": "soon"}, b), "not of this message"),
        (lambda h, b: (h | {"webhook-timestamp": "１７"}, b), "not of this message"),
        (lambda h, b: (h | {"webhook-signature": "v1,AAAA v1a,BBBB \u00e9"}, b), "not of this message"),
        (lambda h, b: (h | {"webhook-signature": h["webhook-signature"][3:]}, b), "not of this message"),
        (lambda h, b: (h | {"webhook-signature": "v1," * 10_000}, b), "webhook-signature is missing"),
        (lambda h, b: ({k: v for k, v in h.items() if k != "webhook-id"}, b), "webhook-id is missing"),
        (lambda h, b: ({}, b), "is missing"),
    ],
    ids=range(10),
)
def test_what_was_changed_is_not_believed(changed, said):
    """A change of body, id, time or signature, or a header that is not there, is a SignatureError and nothing else."""
    body = b'{"type": "ping"}'
    headers, body = changed(signed(SECRET, "msg_1", body, at=1_741_000_600), body)
    with pytest.raises(SignatureError, match=said):
        verify_webhook(headers, body, SECRET, now=1_741_000_600)


def test_an_old_message_and_another_secret_are_not_believed():
    """Sent again by others after five minutes it is refused; while secrets change either of two will do, a third will not."""
    other, third = "whsec_" + "b" * 16 + "MfKQ9r8GKYqrTwjU", "whsec_" + "c" * 16 + "ILPZIo2LaLaSwQQQ"
    body = b'{"type": "ping"}'
    headers = signed(f"{SECRET} {other}", "msg_1", body, at=1000)

    assert verify_webhook(headers, body, other, now=1300)["id"] == "msg_1"
    assert verify_webhook(headers, body, f"{third} {SECRET}", now=700)["id"] == "msg_1"
    for secret, now in ((third, 1000), (SECRET, 1301), (SECRET, 600)):
        with pytest.raises(SignatureError):
            verify_webhook(headers, body, secret, now=now)


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "whsec_aGk=", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_" + "A" * 32, "whsec_\u00fc"]
)
def test_what_is_no_secret_is_refused_and_not_repeated(secret):
    """Too short, always the same, without its mark: refused, by sender and receiver alike."""
    with pytest.raises(DefinitionError) as refused:
        signed(secret, "msg_1", b"")

    assert not secret or secret not in str(refused.value).replace("wanted whsec_ ", "")


def test_a_receiver_that_is_down_gets_the_same_later(ledger, clock):
    """After 30 s, a minute, two: the same id and bytes, a new time and signature; before its time it is left alone."""
    with receiving(REFUSED, REFUSED, OK) as board:
        declared = declare(ledger.store, board.port)
        for later in ({}, {"seconds": 20}, {"seconds": 20}, {"seconds": 40}, {"seconds": 30}):
            send(ledger, declared, clock=clock.on(**later), resolver=here)
    headers = [h for _, h, _ in board.got]

    assert len(board.got) == 3
    assert len({(h["webhook-id"], body) for (_, h, body) in board.got}) == 1
    assert [int(h["webhook-timestamp"]) - int(START.timestamp()) for h in headers] == [0, 40, 110]
    assert len({h["webhook-signature"] for h in headers}) == 3
    assert standings(ledger, ["board-0"])[0].waiting == 0


def test_a_receiver_says_when(ledger, clock):
    """Retry-After puts the next try off, an hour at most."""
    with receiving(b"HTTP/1.1 503 Busy\r\nRetry-After: 600\r\n\r\n", OK) as board:
        declared = declare(ledger.store, board.port)
        for minutes in (0, 5, 6):
            send(ledger, declared, clock=clock.on(minutes=minutes), resolver=here)

    assert [int(h["webhook-timestamp"]) for _, h, _ in board.got] == [START.timestamp(), START.timestamp() + 660]


def test_what_is_never_taken_is_given_up_and_said(ledger, clock, capsys):
    """After its hours a message is dead, the doctor fails and says how to go on; taken up again it is told under its old id."""
    answers = [REFUSED]
    with receiving() as board:
        board.answers = answers
        declared = declare(ledger.store, board.port, give_up_hours=2)
        for minutes in (0, 1, 30, 60, 60, 60):
            done = send(ledger, declared, clock=clock.on(minutes=minutes), resolver=here)
            if minutes == 30:
                early = standings(ledger, ["board-0"])[0]
                warned = {f.name: f for f in examine(ledger.store, now=pd.Timestamp(clock.on(minutes=45)()))}
                clock.on(minutes=-45)
        dead = standings(ledger, ["board-0"])[0]
        found = {f.name: f for f in examine(ledger.store, now=pd.Timestamp(clock()))}["webhook board-0"]
        answers[:] = [OK]
        n = again(ledger, "board-0", now=pd.Timestamp(clock()))
        send(ledger, declared, clock=clock, resolver=here)

    assert (early.waiting, early.given_up) == (1, 0)
    assert (warned["webhook board-0"].state, "riskwarn webhooks test board-0" in warned["webhook board-0"].remedy) == (
        "warn",
        True,
    )
    assert (dead.waiting, dead.given_up, dead.fault) == (0, 1, "answered 500: it has a fault.")
    assert [s.given_up for s in done] == [0]
    assert (found.state, "--again board-0" in found.remedy) == ("fail", True)
    assert (n, standings(ledger, ["board-0"])[0].given_up) == (1, 0)
    assert len({h["webhook-id"] for _, h, _ in board.got}) == 1


def test_while_scores_are_stopped_no_night_is_told(ledger, clock):
    """A stop keeps the nights that wait, and nothing else: what is overdue is told; let go on, the night is told once."""
    ledger.store.stop(by="admin", why="scores of one county doubled overnight")
    watch(ledger, at=day(0) + pd.Timedelta(hours=16))
    types = []
    with receiving() as board:
        declared = declare(ledger.store, board.port)
        for _ in range(2):
            send(ledger, declared, clock=clock.on(hours=9), resolver=here)
            types.append(sorted({json.loads(body)["type"] for *_, body in board.got}))
            board.got.clear()
            if ledger.store.stopped:
                ledger.store.go_on(by="admin", why="the feed is mended")

    assert types == [["item.overdue"], ["night.published"]]


def test_a_stop_takes_nothing_of_the_time_a_night_is_tried(ledger, clock, monkeypatch):
    """Let go on after more days than messages are kept, a night is tried for as long as any, and only then given up."""
    with receiving(REFUSED) as board:
        declared = declare(ledger.store, board.port)
        hours = declared.webhooks[0].give_up_hours
        first = send(ledger, declared, clock=clock, resolver=here)[0]
        ledger.store.stop(by="admin", why="scores of one county doubled overnight")
        stopped = send(ledger, declared, clock=clock.on(days=KEPT_DAYS + 1), resolver=here)[0]
        go_on = dataclasses.replace(ledger.store.stops()[-1], stopped=False, since=clock.now.isoformat())
        monkeypatch.setattr(type(ledger.store), "stops", lambda _: [go_on])
        monkeypatch.setattr(type(ledger.store), "stopped", None)
        tried = [send(ledger, declared, clock=clock.on(hours=n), resolver=here)[0] for n in (2, hours)]

    assert [(s.later, s.given_up) for s in (first, stopped, *tried)] == [(1, 0), (0, 0), (1, 0), (0, 1)]


def test_a_receiver_that_is_gone_is_not_asked_again(ledger, clock):
    """410 gives a message up at once."""
    with receiving(b"HTTP/1.1 410 Gone\r\n\r\n") as board:
        done = send(ledger, declare(ledger.store, board.port), clock=clock, resolver=here)

    assert [(s.taken, s.later, s.given_up) for s in done] == [(0, 0, 1)]


def test_a_dead_receiver_keeps_no_other_waiting(ledger, clock):
    """A silent one costs its own second; the other has its message meanwhile."""
    with receiving(lambda link: time.sleep(5)) as silent, receiving() as board:
        declared = declare(ledger.store, silent.port, board.port, seconds=1)
        begin = time.monotonic()
        done = send(ledger, declared, clock=clock, resolver=here)
        took = time.monotonic() - begin

    assert [(s.taken, s.later) for s in done] == [(0, 1), (1, 0)]
    assert took < 3


def test_a_night_waits_for_nobody(tmp_path, clock, monkeypatch):
    """What brings a night in opens no connection, whatever is declared; a fault of the file keeps no night back either."""
    store = a_city(tmp_path)
    declare(store, 9)
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("a night speaks to nobody"))
    publish(store, 0, alerts=[alert("G1")])
    with Ledger(store) as ledger:
        enter(ledger, at=pd.Timestamp(START))
        (store.path / "webhooks.toml").write_text("broken", "utf-8")
        publish(store, 1, alerts=[alert("G2")])
        enter(ledger)

        assert ledger.outbox()["topic"].tolist() == ["night", "night"]


@pytest.mark.parametrize("url", ["sqlite", "postgresql"])
def test_a_killed_sender_loses_nothing(tmp_path, clock, url, request):
    """Killed after it claimed a message, or after the receiver took it: the next one sends it again under the same id; two at once send it once."""
    store = a_city(tmp_path)
    publish(store, 0, alerts=[alert("G1")])
    place = request.getfixturevalue("postgres_database") if url == "postgresql" else None
    with Ledger(store, url=place) as ledger, receiving() as board:
        enter(ledger, at=pd.Timestamp(START))
        declared = declare(store, board.port)
        hand_over(ledger, declared, clock())
        killed = claim(ledger, declared.webhooks[0], clock())  # and is heard of no more
        other = claim(ledger, declared.webhooks[0], clock())
        sent = [send(ledger, declared, clock=clock.on(seconds=s), resolver=here)[0].taken for s in (0, 149, 1, 1)]

    assert (killed is not None, other) == (True, None)
    assert sent == [0, 0, 1, 0]
    assert board.got[0][1]["webhook-id"] == killed.delivery_id


def test_a_process_killed_between_publication_and_delivery(tmp_path, clock):
    """A night is published, and the process is killed while it hands messages over; the next one tells it, once."""
    store = a_city(tmp_path)
    publish(store, 0, alerts=[alert("G1")])
    code = """
import os, sys
from pathlib import Path
from riskwarn.ledger import Ledger, enter
from riskwarn.store import Store
from riskwarn.webhooks import deliveries, load_webhooks, send
store = Store(sys.argv[1])
with Ledger(store) as ledger:
    enter(ledger)
    deliveries.sa.delete = lambda *_: os._exit(9)  # within the transaction, after the rows
    send(ledger, load_webhooks(store.path))
"""
    with receiving() as board:
        declared = declare(store, board.port)
        done = subprocess.run([sys.executable, "-c", code, str(store.path)], check=False, env=dict(os.environ))
        with Ledger(store) as ledger:
            left = len(ledger.outbox())
            sent = [send(ledger, declared, resolver=here)[0].taken for _ in range(2)]

    assert (done.returncode, left, sent, len(board.got)) == (9, 1, [1, 0], 1)


def test_what_is_overdue_is_told_by_ids_and_areas(ledger, clock):
    """Of an alert past its clock its id and areas are told, to those alone whose area it lies in; of people and counts nothing."""
    watch(ledger, at=day(0) + pd.Timedelta(hours=16))
    with receiving() as city, receiving() as elsewhere:
        declared = declare(ledger.store, city.port, events=["overdue"])
        send(ledger, declared, clock=clock.on(hours=9), resolver=here)
        watch(ledger, at=day(1) + pd.Timedelta(hours=16))
        send(
            ledger,
            declare(ledger.store, elsewhere.port, area="T2", events=["overdue"]),
            clock=clock.on(days=1),
            resolver=here,
        )
    item = ledger.items(kind="alert", level="red").iloc[0]["item_id"]
    told = [json.loads(body) for _, _, body in city.got]

    assert {
        "item_id": item,
        "areas": ["C1", "T1", "G1"],
        "link": f"https://risk.example/r/desk/{item}",
    } in [t["data"] for t in told]
    assert {t["type"] for t in told} == {"item.overdue"}
    assert all({*t["data"]} == {"item_id", "areas", "link"} for t in told)
    assert all("T2" in json.loads(body)["data"]["areas"] for _, _, body in elsewhere.got)


def test_no_small_count_is_told_or_can_be_subtracted(tmp_path, clock):
    """1 to 4 alerts of an area are null, and so is what would tell them by subtraction; none is 0; a run that is gone is null throughout."""
    store = a_city(tmp_path)
    rows = [alert("G1", target=f"t{n}") for n in range(7)] + [alert("G4", target=f"u{n}") for n in range(3)]
    publish(store, 0, alerts=rows)
    of = {}
    with receiving() as board:
        for area in ("*", "C1", "T1", "T2", "G1", "T9"):
            webhook = declare(store, board.port, area=area).webhooks[0]
            said = of_night(
                {"as_of": "2025-03-03", "run": "a"},
                night_rolled(store, {"as_of": "2025-03-03", "run": "a"}),
                webhook,
                "",
            )
            of[area] = (said["alerts"]["red"], said["alerts"]["blue"])
        lost = of_night(
            {"as_of": "2025-03-03", "run": "b"}, night_rolled(store, {"as_of": "2025-03-03", "run": "b"}), webhook, ""
        )

    assert of == {"*": (10, 0), "C1": (10, 0), "T1": (None, 0), "T2": (None, 0), "G1": (None, 0), "T9": (None, None)}
    assert set(lost["alerts"].values()) == {None}
    assert "link" not in lost


def test_who_is_declared_today_is_not_told_of_last_year(ledger, clock):
    """A message older than its receiver tries is handed to nobody."""
    with receiving() as board:
        done = send(ledger, declare(ledger.store, board.port), clock=clock.on(days=10), resolver=here)

    assert (done[0].taken, len(board.got), len(ledger.outbox())) == (0, 0, 0)


@pytest.mark.parametrize("answer", [OK, b"HTTP/1.1 410 Gone\r\n\r\n", REFUSED], ids=["taken", "given up", "waiting"])
def test_what_is_long_over_is_forgotten(ledger, clock, answer):
    """After ninety days the row of a message that was taken or given up goes, and one for a webhook that is declared no more; not before."""
    left = []
    with receiving(answer) as board, receiving(REFUSED) as other:
        send(ledger, declare(ledger.store, board.port), clock=clock, resolver=here)
        declared = declare(ledger.store, other.port, area="T9", events=["overdue"])
        for days in (89, 95):
            publish(ledger.store, days, alerts=[alert("G1")])
            enter(ledger, at=day(days))
            clock.now = (day(days) + pd.Timedelta(hours=1)).to_pydatetime()
            with database.linked(ledger.engine, writes=True) as link:
                link.execute(sa.update(DELIVERIES).values(webhook="another"))
            hand_over(ledger, declared, clock())
            with database.linked(ledger.engine) as link:
                left.append([row.topic for row in link.execute(sa.select(DELIVERIES)) if row.topic == "night"])

    assert left == [["night"], []]


@pytest.mark.parametrize("url", ["sqlite", "postgresql"])
def test_two_who_hand_over_at_once_do_it_once(tmp_path, clock, url, request, monkeypatch):
    """Two servers look at the same moment: each message is handed over by one of them, and neither fails."""
    store = a_city(tmp_path)
    publish(store, 0, alerts=[alert("G1")])
    place = request.getfixturevalue("postgres_database") if url == "postgresql" else None
    both = threading.Barrier(2)
    with Ledger(store, url=place) as ledger:
        enter(ledger, at=pd.Timestamp(START))
        declared = declare(store, 9)
        rolled = deliveries.night_rolled
        monkeypatch.setattr(deliveries, "night_rolled", lambda *of: (both.wait(20), rolled(*of))[1])
        with ThreadPoolExecutor(2) as pool:
            made = [pool.submit(hand_over, ledger, declared, clock()) for _ in range(2)]
            n = sorted(one.result() for one in made)

    assert n == [0, 1]


def test_the_secret_is_the_owners_alone(ledger, tmp_path):
    """A file that others can read, a folder, a lost one or a variable that is empty: the message waits and the reason is said, the secret never."""
    store = ledger.store
    place = store.path / "board.key"
    place.write_text(SECRET, "utf-8")
    place.chmod(0o644)
    said = []
    with receiving() as board:
        for secret_file in ("board.key", "tables", "lost.key"):
            declare(store, board.port)
            text = (
                (store.path / "webhooks.toml")
                .read_text()
                .replace('secret_env = "BOARD_SECRET"', f'secret_file = "{secret_file}"')
            )
            (store.path / "webhooks.toml").write_text(text)
            clock = Clock().on(hours=len(said))
            said.append(send(ledger, load_webhooks(store.path), clock=clock, resolver=here)[0].fault)
        said.append(send(ledger, declare(store, board.port), clock=clock.on(hours=1), resolver=here)[0].fault)
        place.chmod(0o600)
        (store.path / "webhooks.toml").write_text(text.replace("lost.key", "board.key"))
        taken = send(ledger, load_webhooks(store.path), clock=clock.on(hours=1), resolver=here)[0].taken

    assert [
        part in text
        for part, text in zip(("chmod 600", "no file of a secret", "cannot be read", "is empty"), said, strict=True)
    ] == [True] * 4
    assert (taken, len(board.got)) == (1, 1)
    assert SECRET not in "".join(said)


def test_the_verbs(ledger, clock, capsys):
    """`list` says what waits and whether the secret is there, `send` sends, `test` tries one and says no in one line with its code."""
    store = str(ledger.store.path)

    def told(*words):
        code = main(["webhooks", *words, "--store", store, "--json"])
        out = capsys.readouterr()
        return code, json.loads(out.out or out.err)

    assert told("list") == (0, [])
    assert told("send") == (0, [])
    with receiving() as board:
        declare(ledger.store, board.port, give_up_hours=720)
        ledger.delivered(ledger.outbox()["message_id"].tolist())
        publish(ledger.store, 1, alerts=[alert("G2")])
        sent, n, listed, tried = told("send"), len(board.got), told("list"), told("test", "board-0")
        board.answers = [REFUSED]
        refused, unknown = told("test", "board-0"), told("test", "bord-0")

    assert (sent[0], [row["taken"] for row in sent[1]], n > 1) == (0, [n], True)
    assert [(r["name"], r["waiting"], r["secret"], r["events"]) for r in listed[1]] == [
        ("board-0", 0, "there", ["night", "overdue"])
    ]
    assert SECRET not in json.dumps(listed)
    assert tried == (0, {"name": "board-0", "status": 204})
    assert (refused[0], refused[1]["error"]) == (27, "DeliveryError")
    assert (unknown[0], "did you mean 'board-0'" in unknown[1]["message"]) == (NotFoundError.exit_code, True)


def test_the_server_sends_beside(ledger, clock):
    """While the server serves, what waits is sent; a fault of one pass ends neither, and the end waits for nothing."""
    faults = iter([ValueError("once")])
    passes = []

    def sender(opened, declared, **of):
        passes.append(len(declared.webhooks))
        for fault in faults:
            raise fault
        send(opened, declared, clock=clock, resolver=here, **of)

    with receiving() as board:
        declare(ledger.store, board.port)
        with Sender(ledger.store, every_seconds=0.05, sender=sender):
            until = time.monotonic() + 10
            while not board.got and time.monotonic() < until:
                time.sleep(0.02)

    assert len(board.got) == 1
    assert passes[:2] == [1, 1]


@pytest.fixture
def three(ledger):
    """The ledger with three messages that are due in the afternoon of the second day."""
    for n in (1, 2):
        publish(ledger.store, n, alerts=[alert("G1"), alert("G2")])
    enter(ledger, at=day(2))
    return ledger


@pytest.mark.parametrize(("status", "asked"), [(429, 1), (500, 1), (503, 1), (401, 1), (302, 1), (400, 3), (422, 3)])
def test_who_refuses_whatever_comes_is_asked_once_a_pass(three, clock, status, asked):
    """An overloaded, broken or misdirected receiver gets no second message in the pass; who dislikes one message gets the others."""
    with receiving(b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % status) as board:
        declared = declare(three.store, board.port, events=["night"])
        clock.now = day(2).to_pydatetime()
        done = send(three, declared, clock=clock, resolver=here)[0]

    assert (len(board.got), done.later) == (asked, asked)


def test_a_slow_receiver_holds_no_pass(three, clock):
    """Who takes each message, but slowly, gets no further one when the time of a pass is over; the next pass goes on."""
    with receiving(lambda link: (time.sleep(0.3), link.sendall(OK))) as board:
        declared = declare(three.store, board.port, events=["night"])
        clock.now = day(2).to_pydatetime()
        taken = [send(three, declared, clock=clock, resolver=here, seconds=s)[0].taken for s in (0.2, 0.2, 60)]

    assert taken == [1, 1, 1]


def test_once_it_is_to_end_nobody_gets_a_further_message(three, clock):
    """A pass that is told to end while a message is sent sends that one alone."""
    ended = threading.Event()
    with receiving(lambda link: (ended.set(), link.sendall(OK))) as board:
        declared = declare(three.store, board.port, events=["night"])
        clock.now = day(2).to_pydatetime()
        done = send(three, declared, clock=clock, resolver=here, ended=ended)[0]

    assert (done.taken, len(board.got)) == (1, 1)


def test_a_silent_receiver_keeps_no_server_from_ending(ledger, clock):
    """A process whose sender waits for an answer ends at once, not after the minute that the receiver is given."""
    code = """
import sys, time
from riskwarn.store import Store
from riskwarn.webhooks import Sender
with Sender(Store(sys.argv[1]), every_seconds=0.01):
    sys.stdin.readline()
"""
    asked = threading.Event()
    with receiving(lambda link: (asked.set(), time.sleep(60))) as board:
        declare(ledger.store, board.port, seconds=60, give_up_hours=720)
        ledger.delivered(ledger.outbox()["message_id"].tolist())
        publish(ledger.store, 1, alerts=[alert("G2")])
        enter(ledger)
        with subprocess.Popen([sys.executable, "-c", code, str(ledger.store.path)], stdin=subprocess.PIPE) as process:
            began = asked.wait(60)
            process.stdin.close()
            ended = process.wait(20)

    assert (began, ended) == (True, 0)
