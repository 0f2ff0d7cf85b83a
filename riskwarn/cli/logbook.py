"""The log of jobs: a JSON line a step of a verb and one for how it ended, appended to the file that ``RISKWARN_LOG`` names."""

import json
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

PLACE = "RISKWARN_LOG"
"""The variable that names the file; ``-`` is standard error."""
_WARNING_CODES = (3, 4)
"""A night that lacks something, and what a doctor warns of."""


class Logbook:
    """The lines of one verb. A log that cannot be written is told once and keeps no job back.

    Parameters
    ----------
    verb
        What is run.
    place
        The file; nothing is written where it is empty.
    """

    def __init__(self, verb: str, place: str) -> None:
        self.verb, self.place, self.run = verb, place, uuid4().hex[:12]
        self._begun = self._last = time.perf_counter()

    def step(self, said: str) -> None:
        """A step was done; it took the time since the one before."""
        now = time.perf_counter()
        self._write("info", said, now - self._last)
        self._last = now

    def end(self, code: int, said: str) -> None:
        """The verb ended, with its exit code; the line has its whole time."""
        level = "info" if code == 0 else "warning" if code in _WARNING_CODES else "error"
        self._write(level, said or "done", time.perf_counter() - self._begun, exit_code=code)

    def _write(self, level: str, said: str, seconds: float, **more: int) -> None:
        if not self.place:
            return
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        body = {"time": at, "run": self.run, "verb": self.verb, "level": level, "step": said}
        line = json.dumps(body | {"seconds": round(seconds, 3)} | more, ensure_ascii=False) + "\n"
        if self.place == "-":
            sys.stderr.write(line)
            return
        try:
            file = os.open(self.place, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
            try:
                os.write(file, line.encode())
            finally:
                os.close(file)
        except OSError as error:
            print(f"riskwarn: the log {self.place} cannot be written: {error.strerror}.", file=sys.stderr)
            self.place = ""


_open = Logbook("", "")


def open_logbook(verb: str) -> Logbook:
    """The logbook of the verb that begins, which :func:`teller` writes in from now on."""
    global _open  # noqa: PLW0603 - a process runs one verb at a time
    _open = Logbook(verb, os.environ.get(PLACE, ""))
    return _open


def teller(*, silent: bool) -> Callable[[str], None]:
    """Who hears the steps of a job: the logbook, and the terminal unless that shall be silent."""

    def tell(said: str) -> None:
        _open.step(said)
        if not silent:
            print(said)

    return tell
