"""Where lines of a CSV end: a line break inside of quotes ends none (RFC 4180)."""

from __future__ import annotations

import re
from typing import Final

_QUOTED: Final = re.compile(rb'(?<![^,\r\n])"(?:[^"]|"")*+(?:"|\Z)')
"""A field in quotes, at whose beginning alone a quote means something; it may not end here."""


def last_line_end(data: bytes) -> int:
    """Where the last whole line of `data` ends, which begins with a line; 0 where none ends."""
    end = data.rfind(b"\n")
    if b'"' in data:
        broken = [field.span() for field in _QUOTED.finditer(data) if b"\n" in field.group()]
        for start, stop in reversed(broken):
            if start < end < stop:
                end = data.rfind(b"\n", 0, start)
    return end + 1
