"""How an application is served: under which names, behind which proxies, and what those may say of their visitors."""

import ipaddress
import re
from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import Request
from pydantic import Field, model_validator
from starlette.types import ASGIApp, Receive, Scope, Send

from riskwarn.declaring import Text, declared
from riskwarn.web.problems import two_lengths, wrong_host

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1")
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@declared
class Serving:
    """How an application is served.

    Parameters
    ----------
    hosts
        Names by which it may be asked for, as the header ``Host`` has them; ``*.example`` is every name below ``example``, ``*`` any name.
    proxies
        Addresses or networks of proxies whose ``X-Forwarded-For``, ``-Proto`` and ``-Host`` are believed. Nobody else's are.
    user_header
        Header in which such a proxy names the account it has signed in; empty for none.
    root_path
        Path under which a proxy offers it, such as ``/risk``.

    Raises
    ------
    DefinitionError
        A proxy is no address or network, or a user header is named and no proxy.
    """

    hosts: tuple[Text, ...] = LOOPBACK_NAMES
    proxies: tuple[Text, ...] = ()
    user_header: Annotated[Text, Field(pattern=r"^[A-Za-z0-9-]*$")] = ""
    root_path: Annotated[Text, Field(pattern=r"^(/[A-Za-z0-9._~-]+)*$")] = ""

    @model_validator(mode="after")
    def _sound(self) -> "Serving":
        for proxy in self.proxies:
            if _network(proxy) is None:
                raise ValueError(f"proxies: wanted an address or network such as 10.0.0.0/8, got {proxy!r}")
        if self.user_header and not self.proxies:
            raise ValueError("user_header: name the proxies that may send it; from anyone else it would be a free pass")
        return self

    @property
    def is_private(self) -> bool:
        """Whether nothing was declared by which others could ask for it: neither a name nor a proxy nor its path."""
        return set(self.hosts) <= set(LOOPBACK_NAMES) and not self.proxies and not self.root_path

    def trusts(self, address: str) -> bool:
        """Whether an address is that of a proxy that is believed."""
        return _within(address, [n for n in map(_network, self.proxies) if n is not None])

    def knows(self, host: str) -> bool:
        """Whether it may be asked for by a name, its port left out.

        Examples
        --------
        >>> Serving(hosts=("risk.example", "*.city.example")).knows("a.city.example"), Serving().knows("risk.example")
        (True, False)
        """
        return any(_fits(host, pattern.lower()) for pattern in self.hosts)


def _fits(host: str, pattern: str) -> bool:
    return pattern in {"*", host} or (pattern.startswith("*.") and host.endswith(pattern[1:]))


def _network(text: str) -> Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _within(address: str, networks: Iterable[Network]) -> bool:
    try:
        at = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(at in network for network in networks)


def host_of(header: str) -> str:
    """The name in a header ``Host``, its port left out; empty where it is none.

    Examples
    --------
    >>> host_of("Risk.Example:8000"), host_of("[::1]:8000"), host_of("a@b"), host_of("a b")
    ('risk.example', '::1', '', '')
    """
    read = re.fullmatch(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?", header.strip().lower())
    return (read[1] or read[2]) if read else ""


class Entrance:
    """The first that a request meets: what a trusted proxy says of it is believed, and the name it asks for must be known.

    Parameters
    ----------
    app
        What is behind.
    serving
        How it is served.
    """

    def __init__(self, app: ASGIApp, serving: Serving) -> None:
        self.app, self.serving = app, serving

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on as the proxy got it, or refuse a name that is not known."""
        if scope["type"] == "http":
            scope = self._as_sent(scope)
            scope["root_path"] = self.serving.root_path or scope.get("root_path", "")
            if {b"content-length", b"transfer-encoding"} <= {name for name, _ in scope["headers"]}:
                await two_lengths().response()(scope, receive, send)
                return
            hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
            if len(hosts) != 1 or not self.serving.knows(host_of(hosts[0])):
                await wrong_host().response()(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _as_sent(self, scope: Scope) -> Scope:
        """The request as the client sent it to the proxy; a user header of anyone else is dropped."""
        client = scope.get("client") or ("", 0)
        dropped = {self.serving.user_header.lower().encode()} - {b""}
        if not self.serving.trusts(client[0]):
            kept = [(name, value) for name, value in scope["headers"] if name.lower() not in dropped]
            return {**scope, "headers": kept, "riskwarn.proxied": False}
        said = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        changed: dict[str, Any] = {"riskwarn.proxied": True}
        if address := self._client(said.get(b"x-forwarded-for", "")):
            changed["client"] = (address, 0)
        if (scheme := said.get(b"x-forwarded-proto", "").strip().lower()) in {"http", "https"}:
            changed["scheme"] = scheme
        if host := said.get(b"x-forwarded-host", "").strip():
            changed["headers"] = [(n, v) for n, v in scope["headers"] if n != b"host"] + [
                (b"host", host.encode("latin-1"))
            ]
        return {**scope, **changed}

    def _client(self, forwarded: str) -> str:
        """The last address that no trusted proxy has: what stands before it anyone can write."""
        addresses = [part.strip() for part in forwarded.split(",") if part.strip()]
        outside = [a for a in addresses if not self.serving.trusts(a)]
        return outside[-1] if outside and _network(outside[-1]) is not None else ""


def is_proxied(request: Request) -> bool:
    """Whether a proxy that is believed passed the request on."""
    return bool(request.scope.get("riskwarn.proxied"))
