"""A header that comes again: most clients send the same one with each request, but for the length of the body.

Bytes that are equal mean the same, so a header that was read once needs no parser the next time. What may differ is
the number in `Content-Length`, and nothing else.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Self

_END: Final = b"\r\n\r\n"
_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,9})\r\n", re.IGNORECASE)
_DIGITS: Final = 9
MAX_REPEATED_BYTES: Final = 4096
"""A longer header is parsed each time."""


@dataclass(frozen=True, slots=True)
class RepeatedHeader:
    """A header as it was sent, before and after the number of bytes in its body."""

    before: bytes
    after: bytes

    @classmethod
    def of(cls, data: bytes, names: Collection[bytes]) -> Self | None:
        """That of the request with which `data` begins; None where equal bytes would not be enough, or it is too long.

        `names` are those of its fields, in lower case, as the parser found them.
        """
        end = data.find(_END) + len(_END)
        header = data[:end]
        length = _LENGTH.search(header)
        lines = len(names) + 2
        # A parser may take other ends of lines too: then the header ends elsewhere than it seems here.
        is_plain = header.count(b"\r\n") == header.count(b"\n") == lines
        if length is None or not is_plain or sum(name == b"content-length" for name in names) != 1:
            return None
        if not {b"transfer-encoding", b"upgrade", b"expect"}.isdisjoint(names):
            return None
        return cls(header[: length.start(1)], header[length.end(1) :])

    def body_in(self, data: memoryview) -> tuple[int, int] | None:
        """Where the body begins and ends of a request with this header at the start of `data`; None where there is no
        whole one.
        """
        start = len(self.before)
        end = start + _DIGITS + 1 + len(self.after)
        header = bytes(data[:end])
        digits_end = header.find(b"\r", start)
        digits = header[start:digits_end]
        body = digits_end + len(self.after)
        # In constant time: the header holds a key, and a proxy may send several clients' requests over one connection.
        if (
            digits_end < 0
            or not digits.isdigit()
            or not hmac.compare_digest(header[:start], self.before)
            or not hmac.compare_digest(header[digits_end:body], self.after)
        ):
            return None
        last = body + int(digits)
        return (body, last) if last <= len(data) else None
