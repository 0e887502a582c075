"""Refusing a request by the first bytes of it, before its connection's own parser has seen any.

Where more comes than can be answered, what a refusal takes is missing for answers. Most of that time goes to memory:
the objects of a thousand connections are in no cache. So what is refused here touches as few of them as can be: parser
and header are made anew, of memory that the core has at hand, and the answer is a form that is filled in. It is a
parser of the same kind as that of a connection, so that both see a request end at the same place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import httptools

from serve.request_names import REQUEST_ID_HEADER, name_request
from serve.scoring.body_headers import announced_bytes

_REQUEST_ID: Final = REQUEST_ID_HEADER.lower().encode()
_NOT_PLAIN: Final = frozenset({b"transfer-encoding", b"expect", b"upgrade"})
"""Headers that make more of a request than a header and a body of known length."""
_KEEP_ALIVE: Final = b"keep-alive"

RawHeaders = Mapping[bytes, bytes]
"""By name in lower case; of those that come twice, the first."""


class PlainRequest(NamedTuple):
    """A POST over HTTP/1.1 whose header has come, with a body of known length, on a connection that stays open. None of
    its headers comes twice.
    """

    target: bytes
    request_id: str
    to_come: int
    """Of its body, bytes."""


class _Listener:
    """What a parser tells."""

    __slots__ = ("body_bytes", "has_header", "header_lines", "headers", "is_whole", "requests", "target")

    def __init__(self) -> None:
        self.requests = 0
        """That have begun."""
        self.target = b""
        self.headers: dict[bytes, bytes] = {}
        self.header_lines = 0
        self.has_header = False
        self.is_whole = False
        self.body_bytes = 0

    def on_message_begin(self) -> None:
        """A request begins."""
        self.requests += 1

    def on_url(self, url: bytes) -> None:
        """What is asked for, or a piece of it."""
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self.headers[name.lower()] = value
        self.header_lines += 1

    def on_headers_complete(self) -> None:
        """The header is whole."""
        self.has_header = True

    def on_body(self, body: bytes) -> None:
        """A piece of a body."""
        self.body_bytes += len(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self.is_whole = True


def plain_request(data: memoryview) -> PlainRequest | None:
    """The one request that the bytes begin; None where they are anything else, or more than one."""
    heard = _Listener()
    parser = httptools.HttpRequestParser(heard)
    try:
        parser.feed_data(data)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        return None
    headers = heard.headers
    if heard.requests != 1 or not heard.has_header or heard.header_lines != len(headers):
        return None
    if not _NOT_PLAIN.isdisjoint(headers) or headers.get(b"connection", _KEEP_ALIVE).lower() != _KEEP_ALIVE:
        return None
    if parser.get_method() != b"POST" or parser.get_http_version() != "1.1":
        return None
    to_come = body_bytes_in(headers) - heard.body_bytes
    if (to_come > 0) is heard.is_whole:
        return None  # its length is written in a way that only the parser knows
    return PlainRequest(heard.target, request_id_in(headers), max(0, to_come))


def request_id_in(headers: RawHeaders) -> str:
    """The name of a request that is refused for other reasons than a name that can't be."""
    given = headers.get(_REQUEST_ID)
    return name_request(None if given is None else given.decode("latin-1"))[0]


def body_bytes_in(headers: RawHeaders) -> int:
    """The length of the body as its header says it; 0 when it doesn't."""
    return announced_bytes(headers.get(b"content-length", b"").decode("latin-1"))
