"""A server that speaks the protocol of S3 over HTTP, as a process of its own, and a line to it that breaks when a test says so."""

import re
import socket
import socketserver
import subprocess
import sys
import threading
from contextlib import contextmanager
from urllib.parse import quote

KEY = "the-centre"
SECRET = "zwQ/9x+of/the-centre"
"""With what an address must write otherwise."""
_SAYS_WHERE = re.compile(r"http://127\.0\.0\.1:(\d+)")

_BEGINS = (b"GET ", b"PUT ", b"HEAD ", b"POST ", b"DELETE ")


@contextmanager
def serving():
    """The port of a new server without buckets, which ends with the block."""
    words = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as server:
        try:
            told = next(filter(None, map(_SAYS_WHERE.search, server.stderr)))
            rest = threading.Thread(target=lambda: [None for _ in server.stderr])
            rest.start()
            yield int(told[1])
        finally:
            server.kill()
            rest.join()


def address(port, place="bucket/panel"):
    """Of a place on the server behind a port, with key and secret."""
    signed = f"{KEY}:{quote(SECRET, safe='')}"
    return f"s3://{signed}@{place}?scheme=http&endpoint_override=127.0.0.1:{port}"


class Line(socketserver.ThreadingTCPServer):
    """A line to a server: it carries all, or breaks, or says nothing any more.

    Parameters
    ----------
    far
        Port of the server.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, far):
        super().__init__(("127.0.0.1", 0), _Carried)
        self.far, self.port = far, self.server_address[1]
        self.n_asked = self.n_broken = 0
        self.mend()

    def mend(self):
        """Carry all from now on."""
        self.left, self.is_silent, self.over = None, False, threading.Event()

    def cut(self, after=0, *, word=b"", silent=False):
        """Break, or fall silent, once so many requests that begin with a word were carried."""
        self.left, self.word, self.is_silent = after, word, silent

    def carries(self, chunk):
        """Whether what somebody sends is carried on."""
        if not chunk.startswith(_BEGINS):
            return True
        self.n_asked += 1
        if self.left is None:
            return True
        if self.left:
            self.left -= chunk.startswith(self.word)
            return True
        self.n_broken += 1
        if self.is_silent:
            self.over.wait()
        return False

    @contextmanager
    def held(self):
        """Within it the line is there."""
        answering = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        answering.start()
        try:
            yield self
        finally:
            self.over.set()
            self.shutdown()
            answering.join()
            self.server_close()


class _Carried(socketserver.BaseRequestHandler):
    """One connection."""

    def handle(self):
        with socket.create_connection(("127.0.0.1", self.server.far)) as far:
            back = threading.Thread(target=_carry, args=(far, self.request, lambda chunk: True))
            back.start()
            _carry(self.request, far, self.server.carries)
            far.shutdown(socket.SHUT_RDWR)
            back.join()


def _carry(source, target, carries):
    """All that comes from one side to the other, till either ends."""
    try:
        while (chunk := source.recv(1 << 16)) and carries(chunk):
            target.sendall(chunk)
    except OSError:
        return
