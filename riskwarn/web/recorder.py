"""What each request was, said twice: to the audit log of the store where there are accounts, and as a line for operators."""

import datetime as dt
import json
import logging
import time
from pathlib import Path
from typing import Any

from anyio import to_thread
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from riskwarn.access.journal import Journal
from riskwarn.errors import NotFoundError
from riskwarn.web.doorman import READING
from riskwarn.web.problems import not_recorded

log = logging.getLogger(__name__)
REQUESTS = logging.getLogger("riskwarn.requests")
"""A JSON line a request, for whoever gives it a handler."""


def log_requests(place: Path) -> None:
    """Write a JSON line a request to a file, or to standard error where it is ``-``.

    Raises
    ------
    NotFoundError
        The file cannot be written.
    """
    try:
        handler = logging.StreamHandler() if str(place) == "-" else logging.FileHandler(place, encoding="utf-8")
    except OSError as error:
        raise NotFoundError(f"the request log {place} cannot be written: {error.strerror}.") from None
    handler.setFormatter(logging.Formatter("%(message)s"))
    REQUESTS.addHandler(handler)
    REQUESTS.setLevel(logging.INFO)
    REQUESTS.propagate = False


def note_object(request: Request, *words: object) -> None:
    """What the audit log names as the object of a step: digests, roles, codes and numbers alone."""
    request.state.object = " ".join(str(word) for word in words if word not in {None, ""})


class Recorder:
    """Records requests.

    A reading is recorded when it was answered. A step is recorded before its answer is sent, and answered 503 where it could not be:
    nobody is told that something was done of which no trace is kept. One that fails is recorded as well: it may have been taken.

    Parameters
    ----------
    app
        What is behind.
    journal
        The audit log.
    """

    def __init__(self, app: ASGIApp, journal: Journal) -> None:
        self.app, self.journal = app, journal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and record it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begin = time.perf_counter()
        status, done, lost = 500, False, False

        async def recorded(message: Message) -> None:
            nonlocal status, done, lost
            if message["type"] == "http.response.start":
                status = message["status"]
                if _is_step(scope) and _is_audited(scope):
                    done = True
                    lost = not await to_thread.run_sync(self._record, _facts(scope, status, begin), True)
                    if lost:
                        status = 503
                        await not_recorded().response()(scope, receive, send)
            if not lost:
                await send(message)

        try:
            await self.app(scope, receive, recorded)
        finally:
            facts = _facts(scope, status, begin)
            if not done and _is_audited(scope):
                self._record(facts, _is_step(scope))
            if REQUESTS.isEnabledFor(logging.INFO):
                REQUESTS.info(json.dumps({"at": dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"), **facts}))

    def _record(self, facts: dict[str, Any], surely: bool) -> bool:  # noqa: FBT001 - a thread passes no names
        """Whether it could be written."""
        try:
            self.journal.record(facts, surely=surely)
        except OSError as error:
            log.error("the audit log cannot be written: %s", error.strerror)  # noqa: TRY400 - no trace: it holds paths
            return False
        return True


def _is_step(scope: Scope) -> bool:
    """Whether a request may change something; a route that does so where browsers only read says it itself."""
    return scope["method"] not in READING or bool(scope.get("state", {}).get("is_step"))


def _is_audited(scope: Scope) -> bool:
    """Whether a request is of an account, or tries to be."""
    state = scope.get("state", {})
    visitor = state.get("visitor")
    return bool(state.get("audited")) and (visitor is None or visitor.way != "machine")


def _facts(scope: Scope, status: int, begin: float) -> dict[str, Any]:
    """What is said of a request. What was asked for is named only where it is there: anything may stand in an address."""
    state = scope.get("state", {})
    visitor = state.get("visitor")
    actor = visitor.actor if visitor else None
    there = status < 400
    return {
        "who": actor.account if actor else "",
        "role": actor.role if actor else "",
        "area": actor.area if actor else "",
        "way": visitor.way if visitor else "",
        "method": scope["method"] if scope["method"].isalpha() else "",
        "route": state.get("route", ""),
        "object": state.get("object") or " ".join(map(str, scope.get("path_params", {}).values())) if there else "",
        "as_of": state.get("as_of", "") if there else "",
        "status": status,
        "ms": round((time.perf_counter() - begin) * 1000, 1),
    }
