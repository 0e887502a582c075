"""Recognizes a repeated header: most clients send the same one with each request, except for the body's length.

Equal bytes have equal meaning, so a header that was parsed once needs no parser the next time. Only the number in
`Content-Length` and the value of `traceparent` may differ.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

from serve.trace_context import TRACEPARENT, TRACEPARENT_BYTES, TraceContext, parse_traceparent

_END: Final = b"\r\n\r\n"
_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,9})\r\n", re.IGNORECASE)
_TRACE: Final = re.compile(rb"\r\n(?i:traceparent):[ \t]*(00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2})\r\n")
_DIGITS: Final = 9
MAX_REPEATED_BYTES: Final = 4096
"""Longer headers are always parsed."""


class Repeated(NamedTuple):
    """A complete request with a known header: start and end of its body, and its `traceparent`."""

    body: int
    end: int
    trace: TraceContext | None


@dataclass(frozen=True, slots=True)
class RepeatedHeader:
    """A header as it was sent, before and after the number of bytes in its body, without the value of `traceparent`."""

    before: bytes
    after: bytes
    trace_before: int | None = None
    """Position of the `traceparent` value in `before`."""
    trace_after: int | None = None
    """Position of the `traceparent` value in `after`."""

    @classmethod
    def of(cls, data: bytes, names: Collection[bytes]) -> Self | None:
        """The header of the request at the start of `data`; None if comparing bytes is not sufficient, or it is too
        long.

        `names` are its field names, in lower case, from the parser.
        """
        end = data.find(_END) + len(_END)
        header = data[:end]
        length = _LENGTH.search(header)
        lines = len(names) + 2
        # A parser may accept other line ends too; then the header's end is not the one found here.
        is_plain = header.count(b"\r\n") == header.count(b"\n") == lines
        if length is None or not is_plain or sum(name == b"content-length" for name in names) != 1:
            return None
        if not {b"transfer-encoding", b"upgrade", b"expect"}.isdisjoint(names):
            return None
        before, after = header[: length.start(1)], header[length.end(1) :]
        trace = _TRACE.search(header)
        if trace is None or sum(name == TRACEPARENT for name in names) != 1:
            return cls(before, after)
        if trace.start(1) < len(before):
            return cls(_without_trace(before, trace.start(1)), after, trace_before=trace.start(1))
        place = trace.start(1) - length.end(1)
        return cls(before, _without_trace(after, place), trace_after=place)

    def find(self, data: memoryview) -> Repeated | None:
        """The complete request with this header at the start of `data`; None if there is none."""
        start = len(self.before)
        traced = 0 if self.trace_before is None and self.trace_after is None else TRACEPARENT_BYTES
        header = bytes(data[: start + _DIGITS + 1 + len(self.after) + traced])
        given = b""
        if self.trace_before is not None:
            given = header[self.trace_before : self.trace_before + traced]
            header = _without_trace(header, self.trace_before)
        digits_end = header.find(b"\r", start)
        if self.trace_after is not None:
            place = digits_end + self.trace_after
            given = header[place : place + traced]
            header = _without_trace(header, place)
        trace = parse_traceparent(given) if traced else None
        digits = header[start:digits_end]
        body = digits_end + len(self.after)
        # Constant time: the header contains a key, and a proxy may send several clients' requests over one connection.
        if (
            digits_end < 0
            or (traced and trace is None)
            or not digits.isdigit()
            or not hmac.compare_digest(header[:start], self.before)
            or not hmac.compare_digest(header[digits_end:body], self.after)
        ):
            return None
        last = body + traced + int(digits)
        return Repeated(body + traced, last, trace) if last <= len(data) else None


def _without_trace(header: bytes, place: int) -> bytes:
    return header[:place] + header[place + TRACEPARENT_BYTES :]
