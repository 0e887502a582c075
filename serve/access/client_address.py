"""The client's address, which behind a proxy is not the peer of the connection.

`X-Forwarded-For` and `Forwarded` (RFC 7239) are lists to which each proxy appends its peer; the client may have written
anything left of that. So they count only from trusted proxies, and are read from the right up to the first address that
is not a trusted proxy's.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from fraud.networks import Network

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
RawHeaders = Iterable[tuple[bytes, bytes]]
"""All header lines as received, names in lower case: a proxy may append its own line to a client's."""

_FORWARDED_FOR: Final = b"x-forwarded-for"
_FORWARDED: Final = b"forwarded"
_FORWARDED_PROTO: Final = b"x-forwarded-proto"

# RFC 7239, section 4. More lenient than a token: many proxies send an address with its port unquoted.
_PAIR: Final = re.compile(r"\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)=(?:\"((?:[^\"\\]|\\.)*)\"|([^\s\",;]*))\s*([;,]|$)")
_ESCAPED: Final = re.compile(r"\\(.)")
_PORT: Final = r"(?::(?:[0-9]{1,5}|_[A-Za-z0-9._-]+))?"
_V6_WITH_PORT: Final = re.compile(r"\[([^\[\]]*)\]" + _PORT)
_V4_WITH_PORT: Final = re.compile(r"([0-9.]+)" + _PORT)


class TrustedProxies:
    """The proxies whose forwarding headers are trusted."""

    def __init__(self, networks: Sequence[Network] = ()) -> None:
        self._networks = networks

    def client_address(self, client: tuple[str, int] | None, headers: RawHeaders) -> str:
        """The client's address: the rightmost one that is not a trusted proxy's.

        `client` is the connection's peer. A forwarded value that is not an address ends the search, and the request
        counts as the last known proxy's. So does a request whose two headers name different addresses: most proxies
        write one of the headers and pass on the other as the client sent it.
        """
        peer = client[0] if client else ""
        if not self._networks or not self._trusts(_parse(peer)):
            return peer
        lines = [(name, value.decode("latin-1")) for name, value in headers if name in {_FORWARDED_FOR, _FORWARDED}]
        found = {self._nearest_stranger(_from_the_right(name, lines), peer) for name in {name for name, _ in lines}}
        return found.pop() if len(found) == 1 else peer

    def client_scheme(self, client: tuple[str, int] | None, headers: RawHeaders, scheme: str) -> str:
        """`http` or `https`, by the proxy's header; `scheme` if no trusted proxy says.

        The last of several values counts, since the nearest proxy wrote it.
        """
        peer = client[0] if client else ""
        if not self._networks or not self._trusts(_parse(peer)):
            return scheme
        told = b",".join(value for name, value in headers if name == _FORWARDED_PROTO)
        last = told.rpartition(b",")[2].strip().lower()
        return last.decode() if last in {b"http", b"https"} else scheme

    def _nearest_stranger(self, addresses: Iterator[Address | None], peer: str) -> str:
        last = peer
        for address in addresses:
            if address is None:
                return last
            last = str(address)
            if not self._trusts(address):
                return last
        return last

    def _trusts(self, address: Address | None) -> bool:
        return address is not None and any(address in network for network in self._networks)


NO_PROXIES: Final = TrustedProxies()


def _from_the_right(name: bytes, lines: Sequence[tuple[bytes, str]]) -> Iterator[Address | None]:
    """The addresses in all lines of a header, last first; None for a value that is not an address."""
    elements = _elements_of_forwarded if name == _FORWARDED else _elements
    for line_name, value in reversed(lines):
        if line_name == name:
            yield from map(_parse_node, reversed(elements(value)))


def _elements(value: str) -> list[str]:
    """Split a list; empty elements are ignored (RFC 9110, section 5.6.1)."""
    return [element for element in map(str.strip, value.split(",")) if element]


def _elements_of_forwarded(value: str) -> list[str]:
    """The parameter `for` of each element, empty if missing. A malformed value is ignored as a whole: a quotation mark
    in its left part, which the client may have written, changes the meaning of the rest.
    """
    found: list[str] = []
    named: dict[str, str] = {}
    position = 0
    while position < len(value):
        pair = _PAIR.match(value, position)
        if pair is None or pair[1].lower() in named:
            return [""]
        quoted, plain = pair[2], pair[3]
        named[pair[1].lower()] = plain if quoted is None else _ESCAPED.sub(r"\1", quoted)
        position = pair.end()
        if pair[4] != ";":
            found.append(named.get("for", ""))
            named = {}
    return [*found, ""] if named else found


def _parse_node(node: str) -> Address | None:
    """Parse an address, with or without its port; an IPv6 address with a port has brackets."""
    match = _V6_WITH_PORT.fullmatch(node)
    if match is not None:
        address = _parse(match[1])
        return address if ":" in match[1] else None
    match = _V4_WITH_PORT.fullmatch(node)
    return _parse(node if match is None else match[1])


def _parse(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if not isinstance(address, ipaddress.IPv6Address):
        return address
    # Without the interface name (zone), which does not distinguish clients.
    return address.ipv4_mapped or ipaddress.IPv6Address(int(address))
