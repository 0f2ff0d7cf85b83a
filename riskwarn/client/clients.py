"""The two clients: the same questions, one waits for the answer and one does not."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import pandas as pd

from riskwarn.client import calls
from riskwarn.client.calls import Call, Taken
from riskwarn.client.questions import Questions
from riskwarn.errors import BusyError, NotFoundError

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
    if response.status_code >= 400:
        raise calls.error_of(response.status_code, response.content)
    return call.read(response.content, response.headers)


def _options(url: str, token: str, timeout: float, options: Mapping[str, Any]) -> dict[str, Any]:
    headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    return {"base_url": url, "headers": headers, "timeout": timeout, **options}


class Client(Questions):
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
        """Send a request, again where that helps, and read its answer; what the server refuses is the library's error of that kind.

        Parameters
        ----------
        call
            What is asked.

        Returns
        -------
        answer
            As the call reads it.
        """
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
        """The answers of a list, page by page.

        Parameters
        ----------
        path
            Below ``/api/v1``.
        asked
            Parameters of the address.

        Yields
        ------
        answer
            A dictionary.
        """
        offset, total = 0, 1
        while offset < total:
            answer = self.ask(calls.found(path, **asked, limit=calls.PAGE, offset=offset))
            yield answer
            offset, total = offset + calls.PAGE, answer["total"]

    def _table(self, path: str, **asked: Any) -> pd.DataFrame:
        return calls.joined(list(self.pages(path, **asked)))

    # -- reading ------------------------------------------------------------------------------------------------------

    def scores(
        self,
        *,
        as_of: str | None = None,
        target: str | None = None,
        level: str | None = None,
        lane: str | None = None,
        parent: str | None = None,
        state: str | None = None,
        min_probability: float | None = None,
        sort: str = "rank",
        limit: int | None = None,
    ) -> pd.DataFrame:
        """See :class:`~riskwarn.client.questions.Questions`."""
        narrowed = {"level": level, "lane": lane, "parent": parent, "state": state, "min_probability": min_probability}
        return self.ask(calls.scores(as_of=as_of, target=target, **narrowed, sort=sort, limit=limit))

    def grid(self, grid_id: str, *, as_of: str | None = None, target: str | None = None) -> dict[str, Any]:
        """See :class:`~riskwarn.client.questions.Questions`."""
        return self.ask(calls.found("/grids/{}", grid_id, as_of=as_of, target=target))

    def areas(self, by: str = "county", *, parent: str | None = None, as_of: str | None = None) -> pd.DataFrame:
        """See :class:`~riskwarn.client.questions.Questions`."""
        return calls.table_of(self.ask(calls.found("/areas", by=by, parent=parent, as_of=as_of)))

    def alerts(self, *, level: str | None = None, lane: str | None = None, as_of: str | None = None) -> pd.DataFrame:
        """See :class:`~riskwarn.client.questions.Questions`."""
        return self._table("/alerts", level=level, lane=lane, as_of=as_of)

    def gaps(self, *, kind: str | None = None, as_of: str | None = None) -> pd.DataFrame:
        """See :class:`~riskwarn.client.questions.Questions`."""
        return self._table("/gaps", kind=kind, as_of=as_of)

    def items(self, *, kind: str | None = None, open: bool = False, area: str | None = None) -> pd.DataFrame:  # noqa: A002 - the API's word
        """See :class:`~riskwarn.client.questions.Questions`."""
        return self._table("/items", kind=kind, open=open, area=area)

    def item(self, item_id: str) -> dict[str, Any]:
        """See :class:`~riskwarn.client.questions.Questions`."""
        return self.ask(calls.found("/items/{}", item_id))

    def get(self, path: str, **asked: Any) -> dict[str, Any]:
        """Whatever else the API answers in JSON, as ``get("/feeds")``."""
        return self.ask(calls.found(path, **asked))

    # -- asking and acting ---------------------------------------------------------------------------------------------

    def what_if(self, grid_id: str, values: Mapping[str, float], *, as_of: str | None = None) -> dict[str, Any]:
        """See :class:`~riskwarn.client.questions.Questions`."""
        answer = self.ask(calls.posted("/score", grid_id=grid_id, values=dict(values), as_of=as_of))
        told: dict[str, Any] = answer["what_if"]
        return told

    def act(
        self,
        item_id: str,
        action: str,
        *,
        version: int,
        reason: str = "",
        outcome: str = "",
        area: str = "",
        key: str | None = None,
    ) -> Taken:
        """See :class:`~riskwarn.client.questions.Questions`."""
        return self.ask(calls.step(item_id, action, version, key=key, reason=reason, outcome=outcome, area=area))

    def switch_mode(self, mode: str, why: str) -> dict[str, Any]:
        """See :class:`~riskwarn.client.questions.Questions`."""
        return self.ask(calls.posted("/mode", mode=mode, why=why))


class AsyncClient(Questions):
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
        """Send a request, again where that helps, and read its answer.

        Parameters
        ----------
        call
            What is asked.

        Returns
        -------
        answer
            As the call reads it.
        """
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
        """The answers of a list, page by page.

        Parameters
        ----------
        path
            Below ``/api/v1``.
        asked
            Parameters of the address.

        Yields
        ------
        answer
            A dictionary.
        """
        offset, total = 0, 1
        while offset < total:
            answer = await self.ask(calls.found(path, **asked, limit=calls.PAGE, offset=offset))
            yield answer
            offset, total = offset + calls.PAGE, answer["total"]

    async def _table(self, path: str, **asked: Any) -> pd.DataFrame:
        return calls.joined([answer async for answer in self.pages(path, **asked)])

    async def scores(
        self,
        *,
        as_of: str | None = None,
        target: str | None = None,
        level: str | None = None,
        lane: str | None = None,
        parent: str | None = None,
        state: str | None = None,
        min_probability: float | None = None,
        sort: str = "rank",
        limit: int | None = None,
    ) -> pd.DataFrame:
        """See :class:`~riskwarn.client.questions.Questions`."""
        narrowed = {"level": level, "lane": lane, "parent": parent, "state": state, "min_probability": min_probability}
        return await self.ask(calls.scores(as_of=as_of, target=target, **narrowed, sort=sort, limit=limit))

    async def grid(self, grid_id: str, *, as_of: str | None = None, target: str | None = None) -> dict[str, Any]:
        """See :class:`~riskwarn.client.questions.Questions`."""
        return await self.ask(calls.found("/grids/{}", grid_id, as_of=as_of, target=target))

    async def areas(self, by: str = "county", *, parent: str | None = None, as_of: str | None = None) -> pd.DataFrame:
        """See :class:`~riskwarn.client.questions.Questions`."""
        return calls.table_of(await self.ask(calls.found("/areas", by=by, parent=parent, as_of=as_of)))

    async def alerts(
        self, *, level: str | None = None, lane: str | None = None, as_of: str | None = None
    ) -> pd.DataFrame:
        """See :class:`~riskwarn.client.questions.Questions`."""
        return await self._table("/alerts", level=level, lane=lane, as_of=as_of)

    async def gaps(self, *, kind: str | None = None, as_of: str | None = None) -> pd.DataFrame:
        """See :class:`~riskwarn.client.questions.Questions`."""
        return await self._table("/gaps", kind=kind, as_of=as_of)

    async def items(self, *, kind: str | None = None, open: bool = False, area: str | None = None) -> pd.DataFrame:  # noqa: A002 - the API's word
        """See :class:`~riskwarn.client.questions.Questions`."""
        return await self._table("/items", kind=kind, open=open, area=area)

    async def item(self, item_id: str) -> dict[str, Any]:
        """See :class:`~riskwarn.client.questions.Questions`."""
        return await self.ask(calls.found("/items/{}", item_id))

    async def get(self, path: str, **asked: Any) -> dict[str, Any]:
        """See :class:`~riskwarn.client.questions.Questions`."""
        return await self.ask(calls.found(path, **asked))

    async def what_if(self, grid_id: str, values: Mapping[str, float], *, as_of: str | None = None) -> dict[str, Any]:
        """See :class:`~riskwarn.client.questions.Questions`."""
        answer = await self.ask(calls.posted("/score", grid_id=grid_id, values=dict(values), as_of=as_of))
        told: dict[str, Any] = answer["what_if"]
        return told

    async def act(
        self,
        item_id: str,
        action: str,
        *,
        version: int,
        reason: str = "",
        outcome: str = "",
        area: str = "",
        key: str | None = None,
    ) -> Taken:
        """See :class:`~riskwarn.client.questions.Questions`."""
        return await self.ask(calls.step(item_id, action, version, key=key, reason=reason, outcome=outcome, area=area))

    async def switch_mode(self, mode: str, why: str) -> dict[str, Any]:
        """See :class:`~riskwarn.client.questions.Questions`."""
        return await self.ask(calls.posted("/mode", mode=mode, why=why))
