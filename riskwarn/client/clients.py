"""The two clients: the same questions, one waits for the answer and one does not."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import pandas as pd

from riskwarn.client import calls
from riskwarn.client.calls import Call, Taken
from riskwarn.client.keeping import KeepersQuestions
from riskwarn.errors import BusyError, DataError, NotFoundError

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")
_PASSING = (429, 502, 503, 504)
_MOST_SECONDS = 30.0
_FIRST_SECONDS = 0.2


def _httpx() -> Any:
    try:
        import httpx  # noqa: PLC0415 - a guest of the client alone
    except ModuleNotFoundError:
        raise NotFoundError("the client needs httpx: pip install 'riskwarn[client]'.") from None
    return httpx


class _Asked:
    """How often a request is sent again, and how long is waited before."""

    def __init__(self, call: Call[Any], retries: int) -> None:
        self.call, self.left, self.n_sent = call, retries if call.repeatable else 0, 0

    def pause(self, response: "httpx.Response | None") -> float | None:
        """Seconds until it is sent again; None where the answer holds."""
        if (response is not None and response.status_code not in _PASSING) or self.left <= 0:
            return None
        self.left, self.n_sent = self.left - 1, self.n_sent + 1
        wait = _FIRST_SECONDS * 2 ** (self.n_sent - 1)
        with suppress(ValueError, AttributeError):
            wait = max(wait, float(response.headers.get("retry-after", 0)))  # type: ignore[union-attr]
        return min(wait, _MOST_SECONDS)


def _read(call: Call[T], response: "httpx.Response | None") -> T:
    if response is None:
        raise BusyError("the server does not answer; is `riskwarn serve` running, and the address right?")
    if not response.is_success:
        raise calls.error_of(response.status_code, response.content)
    try:
        return call.read(response.content, response.headers)
    except (ValueError, TypeError, KeyError):
        raise DataError(
            "what answers is no riskwarn server, or one of another version; is the address right?"
        ) from None


def _options(url: str, token: str, timeout: float, options: Mapping[str, Any]) -> dict[str, Any]:
    said = {"Accept": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    headers = said | dict(options.get("headers", {}))
    return {"base_url": url, "timeout": timeout, **options, "headers": headers}


class Client(KeepersQuestions[pd.DataFrame, dict[str, Any], Taken]):
    """A client that waits for each answer.

    Parameters
    ----------
    url
        Of the server, as ``http://127.0.0.1:8000``.
    token
        As ``riskwarn token`` gave it; without one only a server on this machine answers.
    timeout
        Seconds to wait for an answer.
    retries
        How often a request is sent again where the server is busy or does not answer. A step carries a key, so that it is taken once.
    options
        Further ones of ``httpx.Client``, such as ``verify``.

    Raises
    ------
    NotFoundError
        httpx is not installed.

    Examples
    --------
    ::

        with Client("http://127.0.0.1:8000") as city:
            scores = city.scores(level="red")
    """

    def __init__(self, url: str, *, token: str = "", timeout: float = 30.0, retries: int = 3, **options: Any) -> None:
        self.retries = retries
        self.http: httpx.Client = _httpx().Client(**_options(url, token, timeout, options))

    def __enter__(self) -> Self:
        """The client, closed when the block ends."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close its connections."""
        self.http.close()

    def ask(self, call: Call[T]) -> T:
        """See :class:`~riskwarn.client.questions.Questions`."""
        asked = _Asked(call, self.retries)
        while True:
            response: httpx.Response | None = None
            with suppress(_httpx().TransportError):
                response = self.http.request(**call.sent())
            pause = asked.pause(response)
            if pause is None:
                return _read(call, response)
            time.sleep(pause)

    def pages(self, path: str, **asked: Any) -> Iterator[dict[str, Any]]:
        """See :class:`~riskwarn.client.questions.Questions`."""
        leaf = calls.Leafing(path, asked)
        while (call := leaf.next()) is not None:
            yield leaf.turned(self.ask(call))

    def _listed(self, path: str, **asked: Any) -> pd.DataFrame:
        return calls.joined(list(self.pages(path, **asked)))


class AsyncClient(KeepersQuestions[Awaitable[pd.DataFrame], Awaitable[dict[str, Any]], Awaitable[Taken]]):
    """A client that does not wait: the questions of :class:`Client`, each to be awaited.

    Parameters
    ----------
    url, token, timeout, retries, options
        As for :class:`Client`; options are those of ``httpx.AsyncClient``.

    Examples
    --------
    ::

        async with AsyncClient("http://127.0.0.1:8000") as city:
            scores = await city.scores(level="red")
    """

    def __init__(self, url: str, *, token: str = "", timeout: float = 30.0, retries: int = 3, **options: Any) -> None:
        self.retries = retries
        self.http: httpx.AsyncClient = _httpx().AsyncClient(**_options(url, token, timeout, options))

    async def __aenter__(self) -> Self:
        """The client, closed when the block ends."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close its connections."""
        await self.http.aclose()

    async def ask(self, call: Call[T]) -> T:
        """See :class:`~riskwarn.client.questions.Questions`."""
        asked = _Asked(call, self.retries)
        while True:
            response: httpx.Response | None = None
            with suppress(_httpx().TransportError):
                response = await self.http.request(**call.sent())
            pause = asked.pause(response)
            if pause is None:
                return _read(call, response)
            await asyncio.sleep(pause)

    async def pages(self, path: str, **asked: Any) -> AsyncIterator[dict[str, Any]]:
        """See :class:`~riskwarn.client.questions.Questions`."""
        leaf = calls.Leafing(path, asked)
        while (call := leaf.next()) is not None:
            yield leaf.turned(await self.ask(call))

    async def _listed(self, path: str, **asked: Any) -> pd.DataFrame:
        return calls.joined([answer async for answer in self.pages(path, **asked)])
