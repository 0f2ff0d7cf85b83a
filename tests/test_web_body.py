"""Bodies, byte by byte: what is no JSON as it is read here is refused with its kind, costs little, and is repeated nowhere."""

import asyncio
import contextlib
import gzip
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from towns import web as web_town
from visiting import at_the_machine

from riskwarn.web import create_app
from riskwarn.web.body import DEEPEST, LARGEST, Body, check_json, depth_of
from riskwarn.web.problems import Problem

SECRET = "".join(map(str, (3201021990, "01011234")))
"""What a caller might send and must never read again."""
CORPUS = {
    b'{"grids": [NaN]}': "not_finite",
    b'{"grids": [Infinity]}': "not_finite",
    b'{"grids": [-Infinity]}': "not_finite",
    b'{"values": {"a": 1e999}}': "not_finite",
    b'{"values": {"a": -1e999}}': "not_finite",
    b'{"grids": null, "grids": ["G0001"]}': "duplicate_key",
    b'{"values": {"a": 1, "\\u0061": 2}}': "duplicate_key",
    b'{"grid_id": "\\ud800"}': "half_character",
    b'{"grid_id": "\\udfff\\ud800"}': "half_character",
    b'{"\\ud800": 1}': "half_character",
    b'{"grid_id": "a\\u0000b"}': "half_character",
    b'{"grid_id": "\xff"}': "not_utf8",
    b'{"grid_id": "\xed\xa0\x80"}': "not_utf8",
    b'{"grid_id": "\xc0\xaf"}': "not_utf8",
    b'{"grid_id": "\xf4\x90\x80\x80"}': "not_utf8",
    '{"grid_id": "a"}'.encode("utf-16"): "not_utf8",
    '{"grid_id": "a"}'.encode("utf-32-le"): "json_invalid",
    b'\xef\xbb\xbf{"grid_id": "a"}': "json_invalid",
    b"": "json_invalid",
    b" ": "json_invalid",
    b"\x00": "json_invalid",
    b"{": "json_invalid",
    b"}": "json_invalid",
    b'{"grids": ["G0001"]': "json_invalid",
    b'{"grids": ["G0001"]}}': "json_invalid",
    b'{"grids": ["G0001"]} {}': "json_invalid",
    b'{"grids": ["G0001",]}': "json_invalid",
    b'{"grids": ["G0001"],}': "json_invalid",
    b"{'grids': []}": "json_invalid",
    b"{grids: []}": "json_invalid",
    b'{"grids": [01]}': "json_invalid",
    b'{"grids": [+1]}': "json_invalid",
    b'{"grids": [.5]}': "json_invalid",
    b'{"grids": [1.]}': "json_invalid",
    b'{"grids": [0x10]}': "json_invalid",
    b'{"grids": [True]}': "json_invalid",
    b'{"grids": [undefined]}': "json_invalid",
    b'{"grids": ["a\nb"]}': "json_invalid",
    b'{"grids": ["a\tb"]}': "json_invalid",
    b'{"grids": ["\\x41"]}': "json_invalid",
    b'{"grids": ["\\u12"]}': "json_invalid",
    b'{"grids": ["\\u00zz"]}': "json_invalid",
    b'{"grids": [1 2]}': "json_invalid",
    b'{"grids" ["a"]}': "json_invalid",
    b'/* c */ {"grids": []}': "json_invalid",
    b'{"grids": []} // c': "json_invalid",
    b'{"n": ' + b"9" * 21 + b"}": "too_many_digits",
    b'{"n": ' + b"9" * 100_000 + b"}": "too_many_digits",
    b'{"n": -' + b"1" * 5_000 + b"}": "too_many_digits",
    b"[" * 17 + b"]" * 17: "too_deep",
    b"[" * 100_000: "too_deep",
    b"[" * 100_000 + b"]" * 100_000: "too_deep",
    b'{"a":' * 50_000 + b"1" + b"}" * 50_000: "too_deep",
    b"grids=G0001": "json_invalid",
    b"<grids/>": "json_invalid",
    b"--x\r\nContent-Disposition: form-data\r\n\r\n": "json_invalid",
    gzip.compress(b'{"grids": []}'): "not_utf8",
    b"\x89PNG\r\n\x1a\n": "not_utf8",
    b"PK\x03\x04": "json_invalid",
    b"\x80\x04\x95": "not_utf8",
}
TAKEN = [
    b'"text"',
    b"1",
    b"null",
    b"[]",
    b'{"grids": 5}',
    b'{"grids": ["G0001"], "extra": 1}',
    b'{"as_of": {}}',
    b'{"grids": [[]]}',
    b'{"grids": [""]}',
    b'{"grids": ["\\ud83d\\ude00"]}',
    '{"grids": ["\u202e\u0007"]}'.encode(),
]
"""JSON all right, and nothing that the route takes."""


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    store = web_town.build(tmp_path_factory.mktemp("body") / "town")
    return at_the_machine(create_app(store.path, clock=lambda: web_town.NOW), raise_server_exceptions=False)


def sent(client, body, **headers):
    return client.post("/api/v1/score", content=body, headers={"content-type": "application/json"} | headers)


def test_the_corpus_is_refused_by_its_kinds(client, record_property):
    """Each broken body is 422 with its kind and nothing else of it; the whole corpus takes seconds."""
    begin = time.monotonic()
    answers = {body: sent(client, body) for body in CORPUS}
    record_property("bodies", len(answers))

    assert len(CORPUS) >= 60
    assert {body[:40]: a.status_code for body, a in answers.items() if a.status_code != 422} == {}
    assert {body: a.json()["errors"][0]["type"] for body, a in answers.items() if body} == {
        b: k for b, k in CORPUS.items() if b
    }
    assert max(len(a.content) for a in answers.values()) < 400
    assert time.monotonic() - begin < 20


def test_json_that_no_route_takes_is_refused_too(client, record_property):
    """Other kinds, unknown members, empty and odd names: 4xx, never 5xx."""
    record_property("bodies", len(TAKEN))
    assert {body: s for body in TAKEN if not 400 <= (s := sent(client, body).status_code) < 500} == {}


def test_nothing_sent_is_read_again(client):
    """Whatever a caller sends, in a value or as a name, stands in no answer."""
    bodies = [
        {"grid_id": SECRET},
        {SECRET: 1},
        {"values": {SECRET: 1}, "grid_id": SECRET},
        {"grids": [SECRET]},
        {"as_of": SECRET},
    ]

    assert [b for b in bodies if SECRET in sent(client, json.dumps(b)).text] == []
    assert SECRET not in sent(client, f'{{"a": "{SECRET}"').text
    assert SECRET not in client.get(f"/api/v1/scores?{SECRET}={SECRET}").text
    assert SECRET not in client.get(f"/api/v1/scores/{SECRET}").text


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"x" * (LARGEST + 1), {}, 413),
        (b"{}", {"content-length": str(10**30)}, 413),
        (gzip.compress(b"[" * 10_000_000), {"content-encoding": "gzip"}, 415),
        (b"{}", {"content-encoding": "br"}, 415),
        (b"{}", {"content-type": "text/plain"}, 422),
        (b"{}", {"content-type": "application/x-www-form-urlencoded"}, 422),
    ],
    ids=range(6),
)
def test_a_body_that_is_not_read(client, content, headers, status):
    """Too large, announced as too large, compressed (a bomb stays packed), or of another kind: refused unread."""
    assert sent(client, content, **headers).status_code == status


def test_a_large_body_is_refused_soon(client, record_property):
    """Ten times the limit costs no more than the limit."""
    begin = time.monotonic()
    answer = sent(client, b'{"grids": ["' + b"x" * (10 * LARGEST) + b'"]}')
    record_property("most seconds for ten times the limit", time.monotonic() - begin)

    assert (answer.status_code, len(answer.content) < 400) == (413, True)
    assert time.monotonic() - begin < 2


@pytest.mark.parametrize("ends", ["never", "disconnect"])
def test_a_body_that_does_not_arrive_is_not_waited_for(ends):
    """Chunks that trickle in beyond the time are answered 408, and so is one who goes away."""
    told = []

    async def app(scope, receive, send):
        raise AssertionError("a body that is not whole is handed to nobody")

    async def receive():
        if ends == "disconnect":
            return {"type": "http.disconnect"}
        await asyncio.sleep(0.05)
        return {"type": "http.request", "body": b"x", "more_body": True}

    async def send(message):
        told.append(message)

    scope = {"type": "http", "method": "POST", "headers": [], "path": "/x"}
    begin = time.monotonic()
    asyncio.run(Body(app, seconds=0.3)(scope, receive, send))

    assert told[0]["status"] == 408
    assert time.monotonic() - begin < 3


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8)
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**15), 10**15)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(PLAIN, st.booleans())
def test_what_is_json_is_read_as_it_is(value, ascii_only):
    """Every value that another program writes as JSON, not too deep, is read and is the same."""
    body = json.dumps(value, ensure_ascii=ascii_only).encode()

    if depth_of(body) <= DEEPEST:
        assert check_json(body) == value


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(body):
    """No bytes whatever make anything but a value or a problem."""
    with contextlib.suppress(Problem):
        check_json(body)
