"""The header of a request as received, and its validity under HTTP/1.1."""

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
from serve.trace_context import TRACEPARENT, TRACESTATE, TraceContext, parse_traceparent

MAX_HEAD_BYTES: Final = 64 * 1024

_REQUEST_ID: Final = REQUEST_ID_HEADER.lower().encode()
_HOST: Final = re.compile(rb"[A-Za-z0-9._~!$&'()*+,;=%-]*(:[0-9]*)?|\[[0-9A-Fa-f:.]+\](:[0-9]*)?")


class RequestHead:
    """The request line and header fields. Names of `fields` are in lower case; trailers are not included."""

    __slots__ = ("announced_bytes", "fields", "keep_alive", "method", "target", "values", "version")

    def __init__(
        self, method: bytes, target: bytes, version: str, fields: list[tuple[bytes, bytes]], *, keep_alive: bool
    ) -> None:
        self.method = method
        self.target = target
        self.version = version
        self.fields = fields
        self.values = dict(reversed(fields))
        """Values by name; of duplicate fields the first one."""
        self.announced_bytes = int(
            self.values.get(b"content-length", b"0")
        )  # the parser has checked that it is a number
        """The body's length from the header; 0 if it is not given."""
        self.keep_alive = keep_alive and version == "1.1"

    @property
    def request_id(self) -> str | None:
        """The client's request id, not validated yet."""
        given = self.values.get(_REQUEST_ID)
        return None if given is None else given.decode("latin-1")

    def trace(self) -> TraceContext | None:
        """The caller's span; None if the header has none, several, or a malformed one (W3C Trace Context, 3.2)."""
        given = self.values.get(TRACEPARENT)
        return parse_traceparent(given) if given is not None and self._comes_once(TRACEPARENT) else None

    def trace_state(self) -> list[str]:
        """The lines of `tracestate`, not validated yet."""
        return [value.decode("latin-1") for name, value in self.fields if name == TRACESTATE]

    @property
    def expects_continue(self) -> bool:
        """Whether the client expects 100 Continue before it sends the body (RFC 9110, 10.1.1)."""
        expectation = self.values.get(b"expect")
        return expectation is not None and self.version == "1.1" and expectation.lower() == b"100-continue"

    def fault(self) -> ServeError | None:
        """The fault that HTTP forbids but the parser accepts, if any; after it the connection closes."""
        if self.version == "0.9":
            return MalformedRequest("expected an HTTP version after the address (RFC 9112, section 3)")
        if self.version not in {"1.1", "1.0"}:
            return HttpVersionNotSupported("this server supports HTTP/1.1 and 1.0")
        if self.method == b"CONNECT":
            return MethodNotAllowed("CONNECT: this server is not a proxy", {"Allow": "GET, HEAD, POST"})
        host = self.values.get(b"host")
        if host is None:
            names_host = self.version == "1.0"
        else:
            names_host = _HOST.fullmatch(host) is not None and self._comes_once(b"host")
        if not names_host:
            return MalformedRequest("expected one Host header that names a host (RFC 9112, section 3.2)")
        return self._fault_of_coding()

    def _comes_once(self, name: bytes) -> bool:
        return len(self.values) == len(self.fields) or sum(known == name for known, _ in self.fields) == 1

    def _fault_of_coding(self) -> ServeError | None:
        coding = self.values.get(b"transfer-encoding")
        if coding is None:
            return None
        if self.version == "1.0":
            return MalformedRequest("HTTP/1.0 has no Transfer-Encoding: send a Content-Length")
        if coding.strip().lower() != b"chunked" or not self._comes_once(b"transfer-encoding"):
            return UnsupportedTransferEncoding("the only supported Transfer-Encoding is `chunked`")
        return None


def too_large() -> HeaderTooLarge:
    """The fault of an overlong header."""
    return HeaderTooLarge(f"expected at most {MAX_HEAD_BYTES} bytes beside the body")
