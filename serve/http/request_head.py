"""The header of a request, as it came, and whether it is one that HTTP/1.1 permits."""

from __future__ import annotations

import re
from typing import Final

from serve.errors import (
    HeaderTooLarge,
    HttpVersionNotSupported,
    MalformedRequest,
    MethodNotAllowed,
    ServeError,
    UnsupportedTransferEncoding,
)
from serve.request_names import REQUEST_ID_HEADER

MAX_HEAD_BYTES: Final = 64 * 1024

_REQUEST_ID: Final = REQUEST_ID_HEADER.lower().encode()
_LENGTH: Final = re.compile(rb"[0-9]{1,19}")
_HOST: Final = re.compile(rb"[A-Za-z0-9._~!$&'()*+,;=%-]*(:[0-9]*)?|\[[0-9A-Fa-f:.]+\](:[0-9]*)?")


class RequestHead:
    """What comes before the body. Names of `fields` are in lower case; trailers are never among them."""

    __slots__ = ("fields", "keep_alive", "method", "target", "version")

    def __init__(
        self, method: bytes, target: bytes, version: str, fields: list[tuple[bytes, bytes]], *, keep_alive: bool
    ) -> None:
        self.method = method
        self.target = target
        self.version = version
        self.fields = fields
        self.keep_alive = keep_alive and version == "1.1"

    def first(self, name: bytes) -> bytes | None:
        """The value of a field; where it comes twice, the first one counts."""
        return next((value for known, value in self.fields if known == name), None)

    @property
    def request_id(self) -> str | None:
        """What the client calls the request, not checked yet."""
        given = self.first(_REQUEST_ID)
        return None if given is None else given.decode("latin-1")

    @property
    def expects_continue(self) -> bool:
        """Whether the client waits for a 100 before it sends the body (RFC 9110, 10.1.1)."""
        expectation = self.first(b"expect")
        return expectation is not None and self.version == "1.1" and expectation.lower() == b"100-continue"

    @property
    def announced_bytes(self) -> int:
        """The length of the body as the header says it; 0 when it doesn't."""
        length = self.first(b"content-length") or b""
        return int(length) if _LENGTH.fullmatch(length) else 0

    def fault(self) -> ServeError | None:
        """What HTTP forbids in it and the parser lets pass; after such a request the connection closes."""
        if self.version == "0.9":
            return MalformedRequest("expected a version of HTTP behind the address (RFC 9112, section 3)")
        if self.version not in {"1.1", "1.0"}:
            return HttpVersionNotSupported("this server speaks HTTP/1.1")
        if self.method == b"CONNECT":
            return MethodNotAllowed("CONNECT: this server is no proxy", {"Allow": "GET, HEAD, POST"})
        hosts = [value for name, value in self.fields if name == b"host"]
        if (len(hosts) != 1 and (hosts or self.version == "1.1")) or not all(map(_HOST.fullmatch, hosts)):
            return MalformedRequest("expected one Host header that names a host (RFC 9112, section 3.2)")
        return self._fault_of_coding()

    def _fault_of_coding(self) -> ServeError | None:
        coding = self.first(b"transfer-encoding")
        if coding is None:
            return None
        if self.version == "1.0":
            return MalformedRequest("HTTP/1.0 has no Transfer-Encoding: send a Content-Length")
        if [value.strip().lower() for name, value in self.fields if name == b"transfer-encoding"] != [b"chunked"]:
            return UnsupportedTransferEncoding("the only Transfer-Encoding here is `chunked`")
        return None


def too_large() -> HeaderTooLarge:
    """The fault of a header that goes on and on."""
    return HeaderTooLarge(f"expected at most {MAX_HEAD_BYTES} bytes beside the body")
