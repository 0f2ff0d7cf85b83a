"""A receiver of webhooks for tests: it keeps what comes, and answers as it is told."""

import socket
import threading
from contextlib import contextmanager

SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OK = b"HTTP/1.1 204 No Content\r\n\r\n"


class Receiver:
    """Listens on loopback; of each connection it reads the request whole and sends the next answer, the last one again and again.

    An answer is bytes, or a function of the connection.
    """

    def __init__(self, *answers, wrap=None):
        self.answers, self.got, self.wrap = list(answers) or [OK], [], wrap
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                link, _ = self.listening.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(link,), daemon=True).start()

    def _one(self, link):
        try:
            with self.wrap(link) if self.wrap else link as spoken:
                spoken.settimeout(20)
                self._answered(spoken)
        except OSError:
            pass

    def _answered(self, spoken):
        read = b""
        while b"\r\n\r\n" not in read:
            if not (part := spoken.recv(65536)):
                return
            read += part
        head, _, body = read.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}
        while len(body) < int(headers["content-length"]):
            body += spoken.recv(65536)
        answer = self.answers[min(len(self.got), len(self.answers) - 1)]
        self.got.append((lines[0], headers, body))
        spoken.sendall(answer) if isinstance(answer, bytes) else answer(spoken)

    def close(self):
        self.listening.shutdown(socket.SHUT_RDWR)  # or a thread that accepts keeps it open
        self.listening.close()


@contextmanager
def receiving(*answers, **options):
    receiver = Receiver(*answers, **options)
    try:
        yield receiver
    finally:
        receiver.close()
