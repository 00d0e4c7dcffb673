"""Where a webhook may go: to a public address by https, looked up once and then kept to.

A partner says where its messages go, so that without this our own machines could be asked to call
one another. The name is looked up by us, every address of it must be public, and the connection is
made to the address that was judged: a name that answers differently a moment later gains nothing.
Source: IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890); Standard Webhooks 1.0.0,
"Server side request forgery (SSRF)".
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

import httpx
import msgspec

LONGEST_URL: Final = 2000
_PORTS: Final = {"https": 443, "http": 80}
_LAST_PORT: Final = 65535
_NOT_PUBLIC: Final = tuple(
    IPv4Network(each)
    for each in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",  # a cloud's own services for its machines, at a public address
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
"""Everything else (loopback, mapped and translated IPv4, local, multicast) is refused unnamed."""
_NOT_PUBLIC_6: Final = tuple(
    IPv6Network(each)
    for each in (
        "2001::/23",  # protocols' own, among them Teredo, which carries IPv4 addresses
        "2001:db8::/32",
        "2002::/16",  # 6to4 carries IPv4 addresses
        "2620:4f:8000::/48",
        "3fff::/20",
    )
)
_OWN_NAMES: Final = ("localhost", "local", "internal", "home.arpa", "localdomain")
"""Last parts of names that no public machine bears."""

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Name and port -> its addresses as text. Raises OSError when there are none."""


class AddressFault(StrEnum):
    """Why nothing is sent to an address."""

    NOT_A_URL = "not-a-url"
    NOT_HTTPS = "not-https"
    NOT_A_NAME = "not-a-name"
    NOT_PUBLIC = "address-not-public"
    NOT_FOUND = "name-not-found"


class Place(msgspec.Struct, frozen=True):
    """Where a connection goes.

    Attributes:
        url: as it was registered.
        name: its host, in ASCII: for TLS and the Host header.
        port: of the connection.
        address: the one it is made to; empty until the name was looked up.
    """

    url: httpx.URL
    name: str
    port: int
    address: str = ""


def read_url(text: str, *, loopback: bool) -> Place | AddressFault:
    """Read an address that a partner registers; nothing is looked up.

    Args:
        text: as it was typed.
        loopback: whether this machine may be named, also by http: for tests and the demo.
    """
    place = _parsed(text)
    if place is None:
        return AddressFault.NOT_A_URL
    scheme, name = place.url.scheme, place.name
    if loopback and _is_this_machine(name) and scheme in _PORTS:
        return place
    if scheme != "https":
        return AddressFault.NOT_HTTPS
    if _is_literal(name) or "." not in name:
        return AddressFault.NOT_A_NAME
    if any(f".{name}".endswith(f".{each}") for each in _OWN_NAMES):
        return AddressFault.NOT_PUBLIC
    return place


async def look_up(place: Place, resolve: Resolve, *, loopback: bool) -> Place | AddressFault:
    """Find the address of a place and judge it. One address that is not public condemns them all.

    Args:
        place: of `read_url`.
        resolve: asks for addresses; the one time that anybody does.
        loopback: whether this machine will do.
    """
    try:
        found = await resolve(place.name, place.port)
    except (OSError, UnicodeError):
        return AddressFault.NOT_FOUND
    if not found:
        return AddressFault.NOT_FOUND
    if not all(_is_allowed(each, loopback=loopback) for each in found):
        return AddressFault.NOT_PUBLIC
    return msgspec.structs.replace(place, address=found[0])


async def ask_system(name: str, port: int) -> Sequence[str]:
    """The addresses that this machine's resolver knows, best first.

    Raises:
        OSError: there are none.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is some machine's on the internet, and not one of a network's own."""
    if isinstance(address, IPv4Address):
        return not any(address in each for each in _NOT_PUBLIC)
    return address in _GLOBAL_UNICAST and not any(address in each for each in _NOT_PUBLIC_6)


def _is_allowed(text: str, *, loopback: bool) -> bool:
    try:
        address = ip_address(text)
    except ValueError:
        return False
    return is_public(address) or (loopback and address.is_loopback)


def _parsed(text: str) -> Place | None:
    """As the client that connects reads it; None for what it would not read as it was written."""
    try:
        url = httpx.URL(text)
        name = url.raw_host.decode("ascii").rstrip(".").lower()
    except (httpx.InvalidURL, UnicodeError, ValueError):
        return None
    port = url.port or _PORTS.get(url.scheme, 0)
    if not (_is_plain(text) and name and port <= _LAST_PORT) or url.userinfo or url.fragment:
        return None
    return Place(url, name, port)


def _is_plain(text: str) -> bool:
    return len(text) <= LONGEST_URL and text.isascii() and text.isprintable() and " " not in text


def _is_literal(name: str) -> bool:
    """Whether a host is an address however written: `127.1` and `0x7f000001` are, to a resolver."""
    return ":" in name or name.rsplit(".", 1)[-1][:1].isdigit()


def _is_this_machine(name: str) -> bool:
    return name in {"localhost", "127.0.0.1", "::1"} or name.endswith(".localhost")
