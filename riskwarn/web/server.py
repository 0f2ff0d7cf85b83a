"""The server: it listens where it may, waits for nobody for long, and ends cleanly."""

import errno
import signal
import socket
from pathlib import Path
from typing import Any

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from riskwarn.errors import AddressError, DefinitionError
from riskwarn.store.key import KEY, read_private
from riskwarn.web.doorman import is_loopback

HEAD_SECONDS = 10.0
"""In which the head of a request must have arrived, counted from its first byte or from the connection."""
REFUSED_SECONDS = 2.0
"""How long a body that was refused is still taken and dropped, so that a client that sends it reads the answer."""
_LARGEST_HEAD = 16 << 10
_IDLE_SECONDS, _END_SECONDS, _MOST_AT_ONCE = 15, 10, 2048
_SHORTEST_KEY = 32
_SLOW = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Patient(H11Protocol):  # type: ignore[misc]
    """The protocol of the server, with an end to its patience: a head that does not arrive closes the connection."""

    _waiting: Any = None

    def connection_made(self, transport: Any) -> None:
        """Wait for the first request."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Wait on, or no longer."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Read no more of a body that was refused unread, but for the moment that the answer needs to arrive."""
        super().on_response_complete()
        if self.conn.their_state is h11.SEND_BODY:
            self.loop.call_later(REFUSED_SECONDS, self._cut, self.cycle)

    def _cut(self, cycle: Any) -> None:
        if self.cycle is cycle and self.conn.their_state is h11.SEND_BODY:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._stop()
        super().connection_lost(exc)

    def _watch(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._stop()
        elif self._waiting is None:
            self._waiting = self.loop.call_later(HEAD_SECONDS, self._too_slow)

    def _stop(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _too_slow(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(_SLOW)
            self.transport.close()


def check_open(app: FastAPI, host: str) -> None:
    """Refuse to listen for others while nobody could sign in, or with a key that others can read.

    Raises
    ------
    AddressError
        The message says what to do first.
    DefinitionError
        The key of the store is missing, short or open to others.
    """
    if is_loopback(host):
        return
    accounts = app.state.doorman.accounts
    if not accounts.there_are:
        raise AddressError(
            f"{host} would be open to whoever comes: make an account first with `riskwarn user add NAME --role admin`, or serve at 127.0.0.1."
        )
    check_key(accounts.store.path)


def check_key(folder: Path) -> None:
    """Refuse a key that is no secret.

    Raises
    ------
    DefinitionError
        It is missing, no plain file, short, of one letter, or others can read it.
    """
    place = folder / KEY
    try:
        text = read_private(place).strip()
    except OSError:
        raise DefinitionError(
            f"the key {place} is missing, or cannot be read: bring it back from the backup; sessions and digests are of it."
        ) from None
    if len(text) < _SHORTEST_KEY or len(set(text)) < 8:
        raise DefinitionError(
            f"the key {place} is no secret: wanted {_SHORTEST_KEY} letters at least, drawn at random."
        )


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises
    ------
    AddressError
        The port is in use, or the address is none of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # named, so that asyncio turns Nagle off
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        opened.bind((host, port))
        opened.listen(_MOST_AT_ONCE)
    except OSError as error:
        opened.close()
        why = {
            errno.EADDRINUSE: f"port {port} of {host} is in use; name another with --port",
            errno.EACCES: f"port {port} is for the administrator of the machine; name one above 1023 with --port",
        }.get(error.errno or 0, f"{host} is no address of this machine")
        raise AddressError(f"{why}.") from None
    return opened


def serve(app: FastAPI, opened: socket.socket) -> None:
    """Serve until the process is asked to end (SIGTERM, or Ctrl-C); what runs is finished within ten seconds or ended, and all ends well."""
    config = uvicorn.Config(
        app,
        http=Patient,
        ws="none",
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=True,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=_END_SECONDS,
        h11_max_incomplete_event_size=_LARGEST_HEAD,
        limit_concurrency=_MOST_AT_ONCE,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _ended)
    try:
        uvicorn.Server(config).run(sockets=[opened])
    finally:
        app.state.workbench.close()  # or a question that is worked on keeps the process


def _ended(*_: object) -> None:
    """The server has ended already when it hands a signal on."""
