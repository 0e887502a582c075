"""From a connection's bytes to requests: the parser of httptools, and the checks that it leaves to its users.

The parser (llhttp) accepts duplicate Host headers, reports trailers as headers, stops at a protocol upgrade, and has no
size limits. Here upgrade requests are served over HTTP/1.1 (RFC 9110, 7.8), trailers are dropped (RFC 9110, 6.5.1), and
requests that break the rules of `request_head` are refused.
"""

from __future__ import annotations

import re
from typing import Final, Protocol

import httptools

from serve.errors import MalformedRequest, ServeError
from serve.http.repeated_header import MAX_REPEATED_BYTES, RepeatedHeader
from serve.http.request_head import MAX_HEAD_BYTES, RequestHead, too_large
from serve.trace_context import TraceContext

_REQUEST_LINE: Final = re.compile(rb"[\r\n]*([!#$%&'*+.^_`|~0-9A-Za-z-]{1,256})(?= \S+ HTTP/1\.[01]\r\n)")
_CHUNK_BYTES: Final = 24
"""Overhead of a chunk without extensions: at most 16 digits and two line ends."""
_LINE_BYTES: Final = 4
"""A colon, a space and a line end."""


class RequestListener(Protocol):
    """Receives the events of requests, in order."""

    def request_begins(self) -> None:
        """Its first byte has arrived."""

    def head_has_come(self, head: RequestHead, fault: ServeError | None) -> None:
        """Its header is complete. If it has a `fault`, nothing after it is read."""

    def header_comes_again(self, announced_bytes: int, trace: TraceContext | None) -> None:
        """The header is the one of `expect_again`, except for the body's length and the trace."""

    def body_goes_on(self, piece: bytes) -> None:
        """A piece of its body has arrived."""

    def body_has_come(self, *, is_last: bool) -> None:
        """The request is complete; `is_last` if the parser reads no further request, e.g. due to a trailer."""


class _Refused(Exception):
    """The listener has received a fault: ignore all bytes after it."""


class RequestReader:
    """The requests of one connection."""

    def __init__(self, listener: RequestListener) -> None:
        self._listener = listener
        self._target = b""
        self._fields: list[tuple[bytes, bytes]] = []
        self._head_bytes = 0
        """Lower bound of the current header's size."""
        self._in_head = False
        self._is_between = True
        """Whether the next bytes begin a request."""
        self._read_bytes = 0
        """Bytes passed in the last read."""
        self._begun = 0
        """Requests that began in the current read."""
        self._method: bytes | None = None
        """Method of the next request, if the parser does not know it."""
        self._framing: bytes | None = None
        """Framing header of a body that the parser skipped because of an upgrade request."""
        self._is_body_only = False
        """Whether the parser's next header is our own, written to make it read such a body."""
        self._extra_bytes = 0
        """Bytes of chunk framing received with the body."""
        self._trailer_bytes = 0
        self._repeated: RepeatedHeader | None = None
        self._is_expected_again = False
        """Whether to remember the newest header."""
        self._parser = httptools.HttpRequestParser(self)

    def read(self, data: memoryview) -> None:
        """Parse bytes and notify the listener.

        Raises:
            ServeError: they are not a valid request, or its header is too long. Read nothing after it.
        """
        if self._repeated is not None and self._is_between:
            data = self._without_repeated(data, self._repeated)
        if data:
            self._parse(data, begins=self._is_between)

    def _parse(self, data: memoryview, *, begins: bool) -> None:
        whole = data
        self._read_bytes = len(data)
        self._head_bytes += len(data)
        self._extra_bytes += len(data)
        self._begun = 0
        while data:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                data = data[upgrade.args[0] :]
                self._read_body_that_was_left_out()
                continue
            except httptools.HttpParserInvalidMethodError:
                data = self._with_known_method(data, begins=begins)
                continue
            except httptools.HttpParserCallbackError as error:
                if isinstance(error.__context__, _Refused):
                    return
                raise error.__context__ or error from None
            except httptools.HttpParserError:
                raise MalformedRequest("expected an HTTP/1.1 request (RFC 9112)") from None
            break
        if self._begun:
            self._head_bytes = len(data) if begins and self._begun == 1 else self._newest_head_bytes(data)
        is_too_large = self._head_bytes > MAX_HEAD_BYTES if self._in_head else self._extra_bytes > MAX_HEAD_BYTES
        if is_too_large and not self._is_between:
            raise too_large()
        if self._is_expected_again:
            self._know_again(whole, is_alone=begins and self._begun == 1)

    def expect_again(self) -> None:
        """Recognize the header that has just arrived by its bytes when it is repeated."""
        self._repeated, self._is_expected_again = None, True

    def _know_again(self, data: memoryview, *, is_alone: bool) -> None:
        """Remember the newest header, if it is the only one in `data`, at its start."""
        self._is_expected_again = False
        if is_alone:
            names = [name for name, _ in self._fields]
            self._repeated = RepeatedHeader.of(bytes(data[:MAX_REPEATED_BYTES]), names)

    def _without_repeated(self, data: memoryview, header: RepeatedHeader) -> memoryview:
        """Notify the listener of complete requests with the known header at the start; returns the rest."""
        listener = self._listener
        while data and (found := header.find(data)) is not None:
            start, end, trace = found
            listener.request_begins()
            listener.header_comes_again(end - start, trace)
            if end > start:
                listener.body_goes_on(bytes(data[start:end]))
            listener.body_has_come(is_last=False)
            data = data[end:]
        return data

    def _newest_head_bytes(self, data: memoryview) -> int:
        """Lower bound of the bytes of this read that belong to its last header; earlier requests come before it."""
        return len(data) - bytes(data).rfind(self._target) if self._in_head and len(data) > MAX_HEAD_BYTES else 0

    def _read_body_that_was_left_out(self) -> None:
        framing, self._framing = self._framing, None
        if framing is not None:
            self._is_body_only = True
            self._parser = httptools.HttpRequestParser(self)
            self._parser.feed_data(b"POST / HTTP/1.1\r\n" + framing + b"\r\n\r\n")

    def _with_known_method(self, data: memoryview, *, begins: bool) -> memoryview:
        """Replace a method that the parser does not know; raises if the bytes are not a request. `begins`: whether the
        bytes begin a request; otherwise they may be the rest of a body.
        """
        is_first = begins and self._begun == 1 and self._method is None
        line = _REQUEST_LINE.match(data) if is_first else None
        if line is None:
            raise MalformedRequest("expected an HTTP/1.1 request (RFC 9112)")
        self._parser = httptools.HttpRequestParser(self)
        self._method, self._begun = line[1], 0
        return memoryview(b"POST" + bytes(data[line.end(1) :]))

    def on_message_begin(self) -> None:
        """A request begins."""
        if self._is_body_only:
            return
        self._begun += 1
        self._in_head, self._is_between = True, False
        self._target, self._fields, self._head_bytes = b"", [], 0
        self._listener.request_begins()

    def on_url(self, url: bytes) -> None:
        """The request target, or a piece of it."""
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header field, or a trailer field."""
        if self._in_head:
            self._fields.append((name.lower(), value))
        else:
            self._trailer_bytes += len(name) + len(value) + _LINE_BYTES
            if self._trailer_bytes > MAX_HEAD_BYTES:
                raise too_large()

    def on_headers_complete(self) -> None:
        """The header is complete."""
        if not self._in_head:
            return
        self._in_head = False
        self._extra_bytes = self._trailer_bytes = 0
        parser, fields = self._parser, self._fields
        method, self._method = self._method or parser.get_method(), None
        head = RequestHead(
            method, self._target, parser.get_http_version(), fields, keep_alive=parser.should_keep_alive()
        )
        may_be_long = self._read_bytes > MAX_HEAD_BYTES or not self._begun
        fault = too_large() if may_be_long and self._is_long(fields) else head.fault()
        if fault is None and parser.should_upgrade():
            self._framing = _framing_of(fields)
        self._listener.head_has_come(head, fault)
        if fault is not None:
            raise _Refused

    def _is_long(self, fields: list[tuple[bytes, bytes]]) -> bool:
        """Whether the header itself is too long, excluding other bytes of the same read."""
        return (
            len(self._target) + sum([len(name) + len(value) + _LINE_BYTES for name, value in fields]) > MAX_HEAD_BYTES
        )

    def on_chunk_header(self) -> None:
        """A chunk begins; the last one is empty."""
        self._extra_bytes -= _CHUNK_BYTES

    def on_body(self, piece: bytes) -> None:
        """A piece of the body."""
        self._extra_bytes -= len(piece)
        self._listener.body_goes_on(piece)

    def on_message_complete(self) -> None:
        """The request is complete."""
        if self._framing is None:
            self._is_body_only, self._is_between = False, True
            self._listener.body_has_come(is_last=not self._parser.should_keep_alive())


def _framing_of(fields: list[tuple[bytes, bytes]]) -> bytes | None:
    """The header line that frames the body; None if there is no body."""
    for name, value in fields:
        if name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0")):
            return name + b": " + value
    return None
