"""Bodies of requests: how much of them is read, for how long, and what is taken for JSON.

JSON is read strictly: UTF-8 without a mark, numbers that are numbers, each key once, whole characters, nesting that a person could follow.
The framework's own reader takes ``NaN``, ``1e999``, half a character and two values for one key, and fails on some of them later.
"""

import asyncio
import json
import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from anyio import to_thread
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from riskwarn.web.problems import Problem, bad_json, not_plain, too_large, too_slow

LARGEST = 1 << 20
"""Bytes of a body; ten thousand grids fit."""
LONGEST_SECONDS = 20.0
DEEPEST = 16
_MOST_DIGITS = 20
_READ_AT_ONCE = 32 << 10
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_HALF = re.compile(r"\\u[dD][89abABcdefCDEF]|\\u0000")


class Body:
    """Reads the body of a request before anything else sees it, and hands it on whole.

    Parameters
    ----------
    app
        What is behind.
    seconds
        In which a body must have arrived.
    """

    def __init__(self, app: ASGIApp, seconds: float = LONGEST_SECONDS) -> None:
        self.app, self.seconds = app, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer what is wrong with its body."""
        if scope["type"] != "http" or scope["method"] in {"GET", "HEAD"}:
            await self.app(scope, receive, send)
            return
        try:
            body = await self._read(scope, receive)
            if _kind_of(scope) == "application/json":
                await _check(body)
        except Problem as problem:
            await problem.response()(scope, receive, send)
            return
        await self.app(scope, _once(body, receive), send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes:
        if _header(scope, b"content-encoding") not in {"", "identity"}:
            raise not_plain()
        announced = _header(scope, b"content-length")
        if announced.isdigit() and int(announced[:20]) > LARGEST:
            raise too_large()
        try:
            return await asyncio.wait_for(_whole(receive), self.seconds)
        except TimeoutError:
            raise too_slow() from None


async def _check(body: bytes) -> None:
    """Read JSON; a large one beside the others, so that they need not wait."""
    if len(body) > _READ_AT_ONCE:
        await to_thread.run_sync(check_json, body)
    else:
        check_json(body)


async def _whole(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise too_slow()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > LARGEST:
            raise too_large()
        if not message.get("more_body", False):
            return b"".join(parts)


def _once(body: bytes, receive: Receive) -> Receive:
    """`receive` that tells the body once, and then what the server tells."""
    given = False

    async def told() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return told


def _header(scope: Scope, name: bytes) -> str:
    return next((value.decode("latin-1").strip().lower() for key, value in scope["headers"] if key == name), "")


def _kind_of(scope: Scope) -> str:
    kind = _header(scope, b"content-type").partition(";")[0].strip()
    return "application/json" if kind.endswith("+json") else kind


# -- JSON ----------------------------------------------------------------------------------------------------------------


def check_json(body: bytes) -> Any:
    """The value that a body is.

    Parameters
    ----------
    body
        As it was sent.

    Returns
    -------
    value
        Of JSON.

    Raises
    ------
    Problem
        422, with the kind of fault and nothing of the body.

    Examples
    --------
    >>> check_json(b'{"a": [1, 2.5]}')
    {'a': [1, 2.5]}
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise bad_json("not_utf8") from None
    if depth_of(body) > DEEPEST:
        raise bad_json("too_deep")
    try:
        value = json.loads(
            text,
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_whole_number,
            object_pairs_hook=_each_once,
        )
    except ValueError as error:
        raise bad_json(_KINDS.get(str(error), "json_invalid")) from None
    if _HALF.search(text) and not _is_whole(value):
        raise bad_json("half_character")
    return value


def depth_of(body: bytes) -> int:
    """How deep lists and tables lie in each other, read without following them.

    Examples
    --------
    >>> depth_of(b'[{"[[[": [1]}]')
    3
    """
    signs = np.frombuffer(_STRING.sub(b"", body), np.uint8)
    step = np.isin(signs, [ord("["), ord("{")]).astype(np.int32) - np.isin(signs, [ord("]"), ord("}")])
    return int(step.cumsum().max(initial=0))


_KINDS = {"not a number": "not_finite", "key twice": "duplicate_key", "too many digits": "too_many_digits"}


def _no_constant(_: str) -> float:
    raise ValueError("not a number")


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError("not a number")
    return number


def _whole_number(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise ValueError("too many digits")
    return int(text)


def _each_once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        raise ValueError("key twice")
    return table


def _is_whole(value: Any) -> bool:
    """Whether text holds no half of a character, and none that ends text."""
    try:
        return b"\x00" not in json.dumps(value, ensure_ascii=False).encode() and "\\u0000" not in json.dumps(value)
    except UnicodeEncodeError:
        return False
