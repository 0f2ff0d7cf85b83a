"""One message to one machine. Its addresses are looked up once, each is looked at, and it is one of these that is spoken to: no name can
lead elsewhere between the look and the call. A redirect is an answer like any other, and of an answer only the head is read.
"""

import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import h11

from riskwarn.errors import DeliveryError
from riskwarn.webhooks.declaration import Host
from riskwarn.webhooks.target import Address, Target, fault_of

LARGEST_HEAD = 32 << 10
"""Bytes that are read of an answer."""
_CHUNK = 4096
_MOST_ADDRESSES = 8
Resolve = Callable[[str, int], Sequence[str]]


@dataclass(frozen=True)
class Answer:
    """What a receiver answered.

    Attributes
    ----------
    status
        Of HTTP.
    retry_after
        Seconds that it asks to wait; 0 where it asks for nothing.
    """

    status: int
    retry_after: int = 0

    @property
    def taken(self) -> bool:
        """Whether it has the message."""
        return 200 <= self.status < 300


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a name, as the system knows them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(at[0]) for *_, at in found))


def checked_addresses(host: Host, port: int, resolver: Resolve = resolve) -> list[Address]:
    """The addresses of a host, each of which may be spoken to.

    Raises
    ------
    DeliveryError
        Nobody knows the name, or one of its addresses may not be spoken to: then none is.
    """
    try:
        known = [ip_address(text.partition("%")[0]) for text in resolver(host.name, port)]
    except (OSError, UnicodeError):
        raise DeliveryError(
            f"the name {host.name} is not known; is it right, and does the name server answer?"
        ) from None
    for address in known:
        if fault := fault_of(address, host.own):
            raise DeliveryError(
                f"{host.name} is not spoken to: its address {address} {fault}; see [[hosts]] of the file."
            )
    if not known:
        raise DeliveryError(f"the name {host.name} has no address.")
    return known[:_MOST_ADDRESSES]


def post(
    target: Target,
    host: Host,
    body: bytes,
    headers: Mapping[str, str],
    *,
    seconds: float,
    folder: Path,
    resolver: Resolve = resolve,
) -> Answer:
    """Send a body to a checked address of a host.

    Parameters
    ----------
    target, host
        Where to, and what is declared of it.
    body, headers
        What is sent.
    seconds
        For all of it, from the call to the head of the answer; the look-up of the name has the time that the system gives it.
    folder
        Of the store, where own certificates lie.
    resolver
        Gives the addresses of a name.

    Returns
    -------
    answer
        Of any status.

    Raises
    ------
    DeliveryError
        It may not be spoken to, does not answer in time, or answers no HTTP.
    """
    addresses = checked_addresses(host, target.port, resolver)
    until = time.monotonic() + seconds
    try:
        with _connected(addresses, target.port, until) as plain, _secured(plain, target, host, folder, until) as link:
            return _exchange(link, target, body, headers, until)
    except TimeoutError:
        raise DeliveryError(f"{target.authority} does not answer within {seconds:g} s.") from None
    except ssl.SSLError as error:
        raise DeliveryError(f"{target.authority} cannot be trusted: {error.reason or 'TLS failed'}.") from None
    except OSError as error:
        raise DeliveryError(
            f"{target.authority} cannot be reached: {error.strerror or type(error).__name__}."
        ) from None
    except h11.RemoteProtocolError:
        raise DeliveryError(f"{target.authority} answers no HTTP that can be read.") from None


def _left(until: float) -> float:
    """Seconds that are left."""
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _connected(addresses: Sequence[Address], port: int, until: float) -> socket.socket:
    """A connection to the first address that takes one."""
    last: OSError = OSError("no address")
    for n, address in enumerate(addresses):
        try:
            return socket.create_connection((str(address), port), timeout=_left(until) / (len(addresses) - n))
        except OSError as error:
            last = error
    raise last


def _secured(plain: socket.socket, target: Target, host: Host, folder: Path, until: float) -> socket.socket:
    """The connection with TLS, where the scheme is https; the host has to prove its name."""
    if target.scheme == "http":
        return plain
    context = ssl.create_default_context(cafile=str(folder / host.authority) if host.authority else None)
    plain.settimeout(_left(until))
    return context.wrap_socket(plain, server_hostname=target.host)


def _exchange(link: socket.socket, target: Target, body: bytes, headers: Mapping[str, str], until: float) -> Answer:
    """Send, and read the head of the answer."""
    told = {"Host": target.authority, "Content-Length": str(len(body)), "Connection": "close", **headers}
    begun = h11.Request(method="POST", target=target.path, headers=list(told.items()))
    spoken, n_read = h11.Connection(h11.CLIENT, max_incomplete_event_size=LARGEST_HEAD), 0
    link.settimeout(_left(until))
    link.sendall(b"".join(spoken.send(part) or b"" for part in (begun, h11.Data(body), h11.EndOfMessage())))
    while True:
        event = spoken.next_event()
        if isinstance(event, h11.Response):
            return Answer(event.status_code, _seconds(dict(event.headers).get(b"retry-after", b"")))
        if event is h11.NEED_DATA:
            link.settimeout(_left(until))
            got = link.recv(_CHUNK)
            n_read += len(got)
            spoken.receive_data(got)
        elif not isinstance(event, h11.InformationalResponse):
            raise h11.RemoteProtocolError("no answer")
        if n_read > LARGEST_HEAD:
            raise h11.RemoteProtocolError("no end to its head")


def _seconds(header: bytes) -> int:
    return int(header) if header.isdigit() and len(header) <= 6 else 0
