"""Where a message may go: an address has one spelling, and the machine behind its name is looked at before it is spoken to.

What is not plainly right is refused, rather than what is known to be wrong: no user, query, fragment, percent sign, empty or dotted
part, capital letter, or other spelling of an IP address is in the pattern.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_TARGET = re.compile(
    r"(?P<scheme>https?)://(?:(?P<name>[a-z0-9.-]{1,253})|\[(?P<six>[0-9a-f:]{2,39})\])(?::(?P<port>[1-9][0-9]{0,4}))?"
    r"(?P<path>(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/?)"
)
PORTS = {"https": 443, "http": 80}
INTERNAL: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "fc00::/7",
        "::1/128",
    )
)
"""Networks that a host of one's own may be declared to lie in (RFC 1918, 4193, 6598, loopback); link-local ones, where clouds keep their keys, are not among them."""


@dataclass(frozen=True)
class Target:
    """An address, read.

    Attributes
    ----------
    scheme, host, port, path
        Of the address; an IPv6 host without brackets, the path with a stroke at least.
    """

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Host and port as the header ``Host`` has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


def target_of(url: str) -> Target | None:
    """An address that is spelled in the one way; None for any other.

    Examples
    --------
    >>> target_of("https://hooks.example:8443/risk")
    Target(scheme='https', host='hooks.example', port=8443, path='/risk')
    >>> [target_of(f"https://{odd}") for odd in ("a@b", "a/%2e", "a//b", "a/#x", "a/?x", "A", "2130706433", "127.1", "[::ffff:7f00:1]")]
    [None, None, None, None, None, None, None, None, None]
    """
    read = _TARGET.fullmatch(url)
    host = (read["name"] or read["six"]) if read else ""
    if read is None or not is_host(host):
        return None
    port = int(read["port"] or PORTS[read["scheme"]])
    return Target(read["scheme"], host, port, read["path"] or "/") if port < 1 << 16 else None


def is_host(text: str) -> bool:
    """Whether a text is the name of a host in small letters, or an IP address as it is commonly written.

    Examples
    --------
    >>> [is_host(text) for text in ("hooks.example", "10.3.0.7", "fd00::7")], [is_host(text) for text in ("0x7f.1", "010.3.0.7", "a.", "::FFFF")]
    ([True, True, True], [False, False, False, False])
    """
    if (address := address_of(text)) is not None:
        return str(address) == text and not _hides_another(address)
    return bool(_NAME.fullmatch(text)) and not _NUMBER.fullmatch(text.rpartition(".")[2])


def address_of(text: str) -> Address | None:
    """The IP address that a text is; None where it is none."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def network_of(text: str) -> Network | None:
    """A network of one's own that a text names; None where it names none, or one that no host may be declared in."""
    try:
        network: Network = ipaddress.ip_network(text)
    except ValueError:
        return None
    inside = any(network.version == wide.version and network.subnet_of(wide) for wide in INTERNAL)  # type: ignore[arg-type]
    return network if inside else None


def fault_of(address: Address, networks: Iterable[Network] = ()) -> str:
    """Why an address may not be spoken to; empty where it may.

    Parameters
    ----------
    address
        Of the machine.
    networks
        Where it has to lie; anywhere in the public ones where none is named.

    Returns
    -------
    fault
        A clause.

    Examples
    --------
    >>> fault_of(ipaddress.ip_address("169.254.169.254"))
    'is not public'
    >>> fault_of(ipaddress.ip_address("10.3.0.7"), [ipaddress.ip_network("10.3.0.0/16")])
    ''
    """
    if _hides_another(address):
        return "hides another address"
    if networks := tuple(networks):
        return "" if any(address in network for network in networks) else "lies in none of the host's networks"
    odd = (
        address.is_multicast
        or address.is_reserved
        or address.is_loopback
        or address.is_link_local
        or address.is_unspecified
        or getattr(address, "is_site_local", False)
    )
    return "is not public" if odd or not address.is_global else ""


def _hides_another(address: Address) -> bool:
    """An IPv6 address by which a gateway reaches an IPv4 one (mapped, 6to4, Teredo, NAT64), or with a zone."""
    if isinstance(address, ipaddress.IPv4Address):
        return False
    through = address in ipaddress.ip_network("64:ff9b::/96") or address in ipaddress.ip_network("64:ff9b:1::/48")
    return bool(address.ipv4_mapped or address.sixtofour or address.teredo or address.scope_id or through)
