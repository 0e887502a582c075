"""Headers of a body, and its maximum length."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Final

from serve.errors import BodyTooLarge, UnsupportedMediaType

_LENGTH: Final = re.compile("[0-9]{1,19}")
"""Only ASCII digits, and few of them: `int` fails on others, such as a superscript two, and on thousands of digits."""


def content_type_of(headers: Mapping[str, str], expected: Collection[str]) -> str:
    """The content type of a request, in lower case and without parameters; "" if it has none.

    Raises:
        UnsupportedMediaType: not one of `expected`.
    """
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type not in expected:
        names = ", ".join(name for name in expected if name)
        raise UnsupportedMediaType(f"content type {content_type!r}: expected {names}")
    return content_type


def announced_bytes(content_length: str) -> int:
    """The body's length from the header; 0 if it is not given."""
    return int(content_length) if _LENGTH.fullmatch(content_length) else 0


def too_large(max_bytes: int) -> BodyTooLarge:
    """The fault of a body longer than `max_bytes`, as sent or decompressed."""
    return BodyTooLarge(f"the body is longer than {max_bytes} bytes: send fewer rows in each request")
