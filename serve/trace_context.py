"""The trace of a request, from the caller's `traceparent` (W3C Trace Context, section 3.2)."""

from __future__ import annotations

import re
from typing import Final

import msgspec

TRACEPARENT_HEADER: Final = "traceparent"
TRACEPARENT: Final = TRACEPARENT_HEADER.encode()
TRACESTATE: Final = b"tracestate"
TRACEPARENT_BYTES: Final = 55
"""Format of version 00, and of the part of later versions that is compatible with it."""

_FORM: Final = re.compile(
    rb"(?!ff)(?P<version>[0-9a-f]{2})"
    rb"-(?P<trace>(?!0{32})[0-9a-f]{32})-(?P<parent>(?!0{16})[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})(?P<more>-.*)?",
    re.DOTALL,
)
_FIRST_VERSION: Final = b"00"
_SAMPLED: Final = 0x01
_KNOWN_FLAGS: Final = 0x03
"""The flags "sampled" and "random trace id" (Level 2); a server passes on all others as zero."""


class TraceContext(msgspec.Struct, frozen=True, gc=False):
    """A span of a trace: the caller's, or the server's span of the request."""

    trace_id: str
    """32 hexadecimal digits, not all 0."""
    span_id: str
    """16 hexadecimal digits, not all 0."""
    flags: int = 0

    @property
    def is_sampled(self) -> bool:
        """Whether the maker of the span records it."""
        return bool(self.flags & _SAMPLED)

    @property
    def header(self) -> str:
        """The value of `traceparent`, in version 00."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags:02x}"

    @property
    def trace_id_bytes(self) -> bytes:
        """The 16 bytes of the trace id."""
        return bytes.fromhex(self.trace_id)


def parse_traceparent(value: bytes) -> TraceContext | None:
    """The caller's span; None for a malformed value, which the standard tells servers to ignore."""
    found = _FORM.fullmatch(value)
    if found is None:
        return None
    version, trace_id, parent_id, flags, more = found.groups()
    if more is not None and version == _FIRST_VERSION:
        return None
    return TraceContext(trace_id.decode(), parent_id.decode(), int(flags, 16) & _KNOWN_FLAGS)
