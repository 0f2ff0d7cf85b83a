"""The server as a process: where it listens, whom it believes, how long it waits, how it ends."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
from argon2 import PasswordHasher
from towns import web as web_town
from visiting import at_the_machine, from_elsewhere

from riskwarn.access import Accounts, make_token, password
from riskwarn.cli import main
from riskwarn.errors import DefinitionError
from riskwarn.web import create_app, server
from riskwarn.web.serving import Serving, host_of

GOOD = "a sentence nobody guesses"


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    return web_town.build(tmp_path_factory.mktemp("server") / "town")


@pytest.fixture(autouse=True)
def _ledger(monkeypatch, tmp_path):
    monkeypatch.setattr(password, "HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    monkeypatch.setenv("RISKWARN_LEDGER", f"sqlite:///{tmp_path / 'ledger.db'}")


def free_port():
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return made.getsockname()[1]


def begun(town, *options):
    """A server of its own, once it answers."""
    port = free_port()
    command = [sys.executable, "-m", "riskwarn", "serve", "--store", str(town.path), "--port", str(port), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)
    for _ in range(600):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return process, port
        except OSError:
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.1)
    raise AssertionError("it does not answer")


@pytest.fixture(scope="module")
def served(town, tmp_path_factory):
    """A server whose ledger is nowhere yet."""
    os.environ["RISKWARN_LEDGER"] = f"sqlite:///{tmp_path_factory.mktemp('ledger') / 'ledger.db'}"
    process, port = begun(town)
    del os.environ["RISKWARN_LEDGER"]
    yield port
    process.kill()
    process.communicate()


def status_of(asked_for):
    """The status of the answer to an address or request."""
    try:
        with urllib.request.urlopen(asked_for, timeout=20) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def raw(port, data, *, wait=5.0):
    """What a connection answers to bytes, until it is closed or the time is over."""
    with socket.create_connection(("127.0.0.1", port), timeout=wait) as link:
        answer = b""
        try:
            link.sendall(data)
            while part := link.recv(65536):
                answer += part
        except (TimeoutError, ConnectionError):
            pass
        return answer


# -- where it listens ----------------------------------------------------------------------------------------------------


def told(capsys, *words):
    code = main([*words, "--json"])
    return code, json.loads(capsys.readouterr().err)["message"]


def test_nothing_is_open_to_the_world_without_an_account(town, capsys):
    """Another address than this machine's own is refused in one line until somebody can sign in."""
    code, said = told(capsys, "serve", "--store", str(town.path), "--host", "192.0.2.1")

    assert code == 25
    assert "riskwarn user add" in said
    assert told(capsys, "serve", "--store", str(town.path), "--host", "0.0.0.0")[0] == 25
    assert "--allowed-host" in told(capsys, "serve", "--store", str(town.path), "--host", "::")[1]


def test_every_address_wants_a_name(town, capsys):
    """With an account too: who listens everywhere says by which name, and an address of another machine is told."""
    with Accounts(town) as accounts:
        accounts.add("chief", GOOD, role="admin")
    words = ("serve", "--store", str(town.path), "--host")

    assert told(capsys, *words, "0.0.0.0")[0] == 25
    assert "is no address of this machine" in told(capsys, *words, "192.0.2.1")[1]


def test_a_port_in_use_is_one_line(town, capsys):
    """It names the port and the remedy."""
    with server.listen("127.0.0.1", 0) as other:
        port = other.getsockname()[1]
        code, said = told(capsys, "serve", "--store", str(town.path), "--port", str(port))

    assert (code, said) == (25, f"port {port} of 127.0.0.1 is in use; name another with --port.")


@pytest.mark.parametrize(
    ("key", "mode", "said"),
    [
        (None, 0o600, "is missing"),
        (b"x" * 64, 0o600, "is no secret"),
        (b"short", 0o600, "is no secret"),
        (b"0123456789abcdef" * 4, 0o644, "can be read by others"),
    ],
)
def test_a_key_that_is_no_secret_is_refused(tmp_path, key, mode, said):
    """Missing, short, of one letter or open to others: nothing is served to others with it."""
    if key is not None:
        (tmp_path / ".key").write_bytes(key)
        (tmp_path / ".key").chmod(mode)

    with pytest.raises(DefinitionError, match=said) as told_of:
        server.check_key(tmp_path)
    assert key is None or key.decode() not in str(told_of.value)


def test_small_answers_are_not_held_back():
    """The socket says that it is TCP, by which the server knows to send small parts at once: 40 ms an answer otherwise."""
    with server.listen("127.0.0.1", 0) as opened:
        assert opened.proto == socket.IPPROTO_TCP


def test_sigterm_ends_well(town):
    """The process ends by itself with 0, and says nothing on the way."""
    process, _ = begun(town)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=30)

    assert (process.returncode, errors) == (0, "")


# -- names and proxies ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "127.0.0.1@evil.example",
        "",
        "a b",
        "[::1",
        "localhost:99999999",
    ],
)
def test_an_unknown_name_is_refused(town, host):
    """A name that was made to point here, or is none, is 421 on every path, before anything else is looked at."""
    client = at_the_machine(create_app(town.path))

    assert {client.get(path, headers={"host": host}).status_code for path in ("/", "/healthz", "/api/v1/scores")} == {
        421
    }


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("risk.example", True),
        ("RISK.example:8443", True),
        ("a.city.example", True),
        ("city.example", False),
        ("xcity.example", False),
    ],
)
def test_declared_names_are_known(town, host, known):
    """Names are declared, those below one with a star; the port and the size of letters do not matter."""
    client = at_the_machine(create_app(town.path, serving=Serving(hosts=("risk.example", "*.city.example"))))

    assert (client.get("/healthz", headers={"host": host}).status_code == 200) == known


def test_two_names_at_once_are_none(served):
    """A request with two names, or none, is refused."""
    two = raw(served, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
    none = raw(served, b"GET /healthz HTTP/1.0\r\n\r\n")

    assert two.split(b"\r\n")[0].split()[1] in {b"400", b"421"}
    assert none.split(b"\r\n")[0].split()[1] == b"421"


PROXIED = Serving(hosts=("risk.example",), proxies=("10.1.0.0/16",), user_header="X-Site-User", root_path="/risk")


@pytest.fixture
def site(town):
    app = create_app(town.path, clock=lambda: web_town.NOW, serving=PROXIED)
    accounts = app.state.doorman.accounts
    accounts.add("desk-1", "", role="shift_leader")
    accounts.add("gone", GOOD, role="shift_leader")
    accounts.change("gone", disabled=True)
    return app


def asked(app, host, headers, path="/api/v1/feeds"):
    return (
        from_elsewhere(app, host)
        .get(path, headers={"host": "risk.example"} | headers, follow_redirects=False)
        .status_code
    )


def test_a_trusted_proxy_names_the_account(site):
    """From its address the header signs in; from any other, or with another name, it does nothing."""
    user = {"x-site-user": "desk-1"}

    assert asked(site, "10.1.2.3", user) == 200
    assert asked(site, "10.2.0.1", user) == 401
    assert asked(site, "10.1.2.3", {"x-site-user": "nobody"}) == 401
    assert asked(site, "10.1.2.3", {"x-site-user": "gone"}) == 401
    assert asked(site, "10.1.2.3", {}) == 401
    assert asked(site, "127.0.0.1", user | {"x-forwarded-for": "10.1.2.3"}) == 401


def test_behind_a_proxy_steps_come_from_its_own_pages(site):
    """A browser says where a step comes from; one that another site began, or that says nothing, is refused."""
    client = from_elsewhere(site, "10.1.2.3")
    base = {"host": "risk.example", "x-site-user": "desk-1", "x-forwarded-proto": "https"}
    codes = [
        client.post("/api/v1/score", json={"grids": ["G0001"]}, headers=base | more).status_code
        for more in (
            {"origin": "https://risk.example"},
            {"sec-fetch-site": "same-origin"},
            {},
            {"origin": "https://evil.example"},
            {"sec-fetch-site": "cross-site"},
        )
    ]

    assert codes == [200, 200, 403, 403, 403]


def test_links_lead_through_the_proxy(site):
    """Under a path of a proxy every link, form, script and redirect begins with it, whether the proxy leaves its path or takes it away."""
    client = from_elsewhere(site, "10.1.2.3")
    head = {"host": "risk.example", "x-site-user": "desk-1", "x-forwarded-proto": "https"}
    for path in ("/", "/risk/", "/risk/grids/G0001", "/alerts"):
        page = client.get(path, headers=head)
        parts = [
            text.split('"')[0]
            for mark in ('href="', 'src="', 'action="', 'data-source="', 'data-grid="')
            for text in page.text.split(mark)[1:]
        ]

        assert page.status_code == 200
        assert [part for part in parts if part.startswith("/") and not part.startswith("/risk/")] == []
        assert len(parts) > 10
    assert (
        client.get("/gaps", headers={"host": "risk.example"}, follow_redirects=False).headers["location"]
        == "/risk/sign-in?next=/gaps"
    )
    assert page.headers["strict-transport-security"] == "max-age=31536000"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"user_header": "X-User"}, "name the proxies"),
        ({"proxies": ("everyone",)}, "wanted an address or network such as 10.0.0.0/8, got 'everyone'"),
        ({"root_path": "risk"}, "root_path"),
        ({"root_path": "/risk/../x y"}, "root_path"),
        ({"user_header": "X User", "proxies": ("10.0.0.1",)}, "user_header"),
    ],
)
def test_what_cannot_be_trusted_is_refused(options, said):
    """A header that anyone could send, or a proxy that is no address, is told before anything is served."""
    with pytest.raises(DefinitionError, match=said):
        Serving(**options)


def test_a_name_in_a_header_is_read_strictly():
    """What is no name and no address is empty, so that it is never known."""
    assert [host_of(h) for h in ("a:b", "a:80:90", "[::1]x", "a/b", "a#b", "\x00", "a,b")] == [""] * 7


# -- patience ------------------------------------------------------------------------------------------------------------


def test_a_head_that_does_not_arrive_is_not_waited_for(town, monkeypatch):
    """A client that sends its head letter by letter is answered 408 and cut off, whatever it sends in time."""
    import threading

    import uvicorn

    monkeypatch.setattr(server, "HEAD_SECONDS", 0.5)
    opened = server.listen("127.0.0.1", 0)
    made = uvicorn.Server(uvicorn.Config(create_app(town.path), http=server.Patient, ws="none", log_level="error"))
    thread = threading.Thread(target=made.run, kwargs={"sockets": [opened]}, daemon=True)
    thread.start()
    begin = time.monotonic()
    answer = b""
    with socket.create_connection(opened.getsockname(), timeout=10) as link:
        link.settimeout(0.1)
        for letter in b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: " + b"x" * 100:
            try:
                link.sendall(bytes([letter]))
                answer += link.recv(1000)
            except TimeoutError:
                continue
            except OSError:
                break
            if answer:
                break
    took = time.monotonic() - begin
    made.should_exit = True
    thread.join(timeout=20)

    assert answer.startswith(b"HTTP/1.1 408")
    assert took < 5


def test_a_head_as_long_as_a_book_is_refused(served):
    """Headers beyond 16 KiB are refused, and the server lives on."""
    answer = raw(served, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"x" * 200_000 + b"\r\n\r\n")

    assert answer[:12] in {b"HTTP/1.1 400", b"HTTP/1.1 431", b""}
    assert status_of(f"http://127.0.0.1:{served}/healthz") == 200


@pytest.mark.parametrize(
    "head",
    [
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /api/v1/score HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/v1/score HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        b"POST /api/v1/score HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nZZZZ\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nBad Header: x\r\n\r\n",
        b"GET /health\x00z HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /healthz\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\x00" * 1000,
        b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"TRACE / HTTP/1.1\r\nHost: localhost\r\nCookie: riskwarn_session=x\r\n\r\n",
    ],
    ids=range(12),
)
def test_broken_requests_are_refused(served, head):
    """Two lengths, two bodies, a request within a request, other protocols: 4xx or a closed door, never 5xx, and nothing is echoed."""
    answer = raw(served, head, wait=1.5)

    assert answer == b"" or answer.split(b" ")[1][:1] == b"4", answer[:200]
    assert b"riskwarn_session" not in answer
    assert b"evil" not in answer


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static/%2e%2e%2f%2e%2e%2fpyproject.toml",
        "/static//etc/passwd",
        "/static/%5c..%5capp.py",
        "/static/%00",
        "/static/" + "a" * 5000,
        "/%2e%2e/%2e%2e/etc/passwd",
        "//evil.example",
        "/grids/%00",
        "/grids/%ff",
        "/grids/..%2f..%2f.key",
        "/api/v1/scores/%F0%9F%98%80",
        "/api/v1/../../.key",
        "/api/v1/scores;x=1",
        "/api/v1/grids/G0001/..;/..;/reasons",
    ],
)
def test_no_path_leads_out(served, town, path):
    """Dots, slashes, nulls and half characters, written plainly or in percent signs, reach no file but those of the pages."""
    answer = raw(served, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    body = answer.partition(b"\r\n\r\n")[2]

    assert answer.split(b" ")[1][:1] in {b"3", b"4"}, answer[:200]
    assert b"def create_app" not in body
    assert b"root:" not in body
    assert str(town.path).encode() not in body


def test_idle_connections_cost_others_nothing(served, record_property):
    """With 300 connections that say nothing a sign of life takes no second."""
    idle = [socket.create_connection(("127.0.0.1", served), timeout=5) for _ in range(300)]
    begin = time.monotonic()
    status = status_of(f"http://127.0.0.1:{served}/healthz")
    took = time.monotonic() - begin
    for link in idle:
        link.close()
    record_property("idle connections", len(idle))
    record_property("most seconds beside them", took)

    assert status == 200
    assert took < 1.0


def test_a_token_works_over_the_wire(town, tmp_path, monkeypatch):
    """From `riskwarn user add` to an answer: the whole way, as a program goes it."""
    with Accounts(town) as accounts:
        accounts.add("desk-1", GOOD, role="shift_leader")
        secret, _ = make_token(accounts, "desk-1", purpose="display")
    process, port = begun(town)
    try:
        asked_for = urllib.request.Request(
            f"http://127.0.0.1:{port}/api/v1/feeds", headers={"Authorization": f"Bearer {secret}"}
        )
        let_in = status_of(asked_for)
        refused = status_of(f"http://127.0.0.1:{port}/api/v1/feeds")
    finally:
        process.terminate()
        process.communicate(timeout=30)

    assert (let_in, refused) == (200, 401)
