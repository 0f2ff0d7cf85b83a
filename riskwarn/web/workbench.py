"""A process beside the server that scores what is only supposed. The server itself computes no model, and waits for none.

One question is worked on at a time, a few wait, any more are refused; who takes too long is stopped, and the process ends when nobody has
asked for a while, so that its memory is the server's for that while alone. What is asked goes through a pipe and stands nowhere.
"""

import json
import logging
import os
import subprocess
import sys
import time
import weakref
from contextlib import suppress
from threading import BoundedSemaphore, Event, Lock, Timer
from typing import IO, Any, cast

from riskwarn.web.problems import broke_down, too_many, took_too_long

log = logging.getLogger(__name__)
SECONDS = 120.0
"""For one question, waiting for its turn included."""
IDLE_SECONDS = 120.0
MOST_WAITING = 4
"""Beside the one that is worked on."""
_COMMAND = (sys.executable, "-m", "riskwarn.sandbox")
_QUIET = {"RISKWARN_PROGRESS": "0", "OMP_NUM_THREADS": "1", "RISKWARN_THREADS": "1", "PYTHONWARNINGS": "ignore"}


class Workbench:
    """Asks the process beside, and begins and ends it.

    Parameters
    ----------
    seconds, idle_seconds
        How long one question may take, waiting for its turn included, and how long the process outlives the last one.
    most_waiting
        How many may wait while one is worked on.
    """

    def __init__(
        self, *, seconds: float = SECONDS, idle_seconds: float = IDLE_SECONDS, most_waiting: int = MOST_WAITING
    ) -> None:
        self.seconds, self.idle_seconds = seconds, idle_seconds
        self._places, self._turn = BoundedSemaphore(most_waiting + 1), Lock()
        self._process: subprocess.Popen[str] | None = None
        self._close: weakref.finalize[Any, Any] | None = None
        self._idle: Timer | None = None
        self._closed = False

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """The answer to a question of :mod:`riskwarn.sandbox`.

        Parameters
        ----------
        question
            As JSON knows it.

        Returns
        -------
        answer
            With `scores`, or `error`.

        Raises
        ------
        Problem
            429 where too many wait, 503 where it took too long or the process broke down.
        """
        until = time.monotonic() + self.seconds
        if not self._places.acquire(blocking=False):
            raise too_many(10)
        try:
            if not self._turn.acquire(timeout=self.seconds):
                raise took_too_long()
            try:
                return self._asked(question, until)
            finally:
                self._turn.release()
        finally:
            self._places.release()

    def close(self) -> None:
        """End the process, whatever it works on, and begin none any more."""
        self._closed = True
        if self._idle is not None:
            self._idle.cancel()
        if (process := self._process) is not None:
            process.kill()
        self._sleep()

    def _asked(self, question: dict[str, Any], until: float) -> dict[str, Any]:
        if self._idle is not None:
            self._idle.cancel()
        if self._closed:
            raise broke_down()
        process, late = self._running(), Event()
        if self._closed:  # while the process began, so that `close` did not see it
            self._end()
            raise broke_down()

        def stop() -> None:
            late.set()
            process.kill()

        watch = Timer(max(until - time.monotonic(), 0.0), stop)
        watch.daemon = True
        watch.start()
        try:
            answer = self._spoken(process, question)
        except (OSError, ValueError):
            self._end()
            log.warning(
                "supposed events: %s", "not scored in time" if late.is_set() else "the process beside broke down"
            )
            raise (took_too_long() if late.is_set() else broke_down()) from None
        finally:
            watch.cancel()
        self._rest()
        return answer

    @staticmethod
    def _spoken(process: "subprocess.Popen[str]", question: dict[str, Any]) -> dict[str, Any]:
        asked, told = cast("IO[str]", process.stdin), cast("IO[str]", process.stdout)
        asked.write(json.dumps(question) + "\n")
        asked.flush()
        answer: dict[str, Any] = json.loads(told.readline())  # an end is no JSON
        return answer

    def _running(self) -> "subprocess.Popen[str]":
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._process = subprocess.Popen(
                _COMMAND,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env={**os.environ, **_QUIET},
            )
            self._close = weakref.finalize(self, _ended, self._process)
        return self._process

    def _rest(self) -> None:
        """End it after a while, unless somebody asks before."""
        self._idle = Timer(self.idle_seconds, self._sleep)
        self._idle.daemon = True
        self._idle.start()

    def _sleep(self) -> None:
        """End the process when nothing is worked on."""
        with self._turn:
            self._end()

    def _end(self) -> None:
        if self._close is not None:
            self._close()
        self._process, self._close = None, None


def _ended(process: "subprocess.Popen[str]") -> None:
    process.kill()
    for pipe in (process.stdin, process.stdout):
        with suppress(OSError):  # what was not read any more
            cast("IO[str]", pipe).close()
    process.wait()
