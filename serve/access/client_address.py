"""The address of the client that a request is from, which is not the connection's other end behind a proxy.

`X-Forwarded-For` and `Forwarded` (RFC 7239) are a list to which each proxy appends whom it talks to; what stands left
of that, the client may have written. So they count from trusted proxies only, and are read from the right until an
address is none of theirs.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from fraud.networks import Network

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
RawHeaders = Iterable[tuple[bytes, bytes]]
"""All header lines as they came, names in lower case: a proxy may append a line of its own to a client's."""

_FORWARDED_FOR: Final = b"x-forwarded-for"
_FORWARDED: Final = b"forwarded"
_FORWARDED_PROTO: Final = b"x-forwarded-proto"

# RFC 7239, section 4. Values may be less than a token: many send an address with its port unquoted.
_PAIR: Final = re.compile(r"\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)=(?:\"((?:[^\"\\]|\\.)*)\"|([^\s\",;]*))\s*([;,]|$)")
_ESCAPED: Final = re.compile(r"\\(.)")
_PORT: Final = r"(?::(?:[0-9]{1,5}|_[A-Za-z0-9._-]+))?"
_V6_WITH_PORT: Final = re.compile(r"\[([^\[\]]*)\]" + _PORT)
_V4_WITH_PORT: Final = re.compile(r"([0-9.]+)" + _PORT)


class TrustedProxies:
    """Knows whose word on the client's address counts."""

    def __init__(self, networks: Sequence[Network] = ()) -> None:
        self._networks = networks

    def client_address(self, client: tuple[str, int] | None, headers: RawHeaders) -> str:
        """Where a request is from: the rightmost address that is no trusted proxy's.

        `client` is the connection's other end. A forwarded value that is no address ends the way to the left of it:
        then the request counts as that of the last proxy that is known. So does a request whose two headers name
        different addresses: most proxies write one of them and pass on the other as the client sent it.
        """
        peer = client[0] if client else ""
        if not self._networks or not self._trusts(_parse(peer)):
            return peer
        lines = [(name, value.decode("latin-1")) for name, value in headers if name in {_FORWARDED_FOR, _FORWARDED}]
        found = {self._nearest_stranger(_from_the_right(name, lines), peer) for name in {name for name, _ in lines}}
        return found.pop() if len(found) == 1 else peer

    def client_scheme(self, client: tuple[str, int] | None, headers: RawHeaders, scheme: str) -> str:
        """`http` or `https`, as the proxy says that we were reached by; `scheme` where nobody is known to know better.

        Of several values the last one counts, which the nearest proxy has written.
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
    """The addresses that all lines of a header name, the last first; None for what is no address."""
    elements = _elements_of_forwarded if name == _FORWARDED else _elements
    for line_name, value in reversed(lines):
        if line_name == name:
            yield from map(_parse_node, reversed(elements(value)))


def _elements(value: str) -> list[str]:
    """Of a list; empty ones are none (RFC 9110, section 5.6.1)."""
    return [element for element in map(str.strip, value.split(",")) if element]


def _elements_of_forwarded(value: str) -> list[str]:
    """The parameter `for` of each element, empty where there is none. A malformed value says nothing as a whole: a
    quotation mark in its left part, which the client may have written, changes how the rest reads.
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
    """An address, with or without its port; an IPv6 address with a port has brackets."""
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
    # Without the name of an interface, which distinguishes no clients.
    return address.ipv4_mapped or ipaddress.IPv6Address(int(address))
