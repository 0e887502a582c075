"""Finds the ends of CSV lines: a line break inside quotes does not end a line (RFC 4180)."""

from __future__ import annotations

import re
from typing import Final

_QUOTED: Final = re.compile(rb'(?<![^,\r\n])"(?:[^"]|"")*+(?:"|\Z)')
"""A quoted field, which may continue beyond the data. Only a quote at a field's beginning opens one."""


def last_line_end(data: bytes) -> int:
    """The end of the last whole line of `data`, which starts at a line's start; 0 if no line ends."""
    end = data.rfind(b"\n")
    if b'"' in data:
        broken = [field.span() for field in _QUOTED.finditer(data) if b"\n" in field.group()]
        for start, stop in reversed(broken):
            if start < end < stop:
                end = data.rfind(b"\n", 0, start)
    return end + 1
