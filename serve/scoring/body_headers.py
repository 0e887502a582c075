"""What headers say of a body, and how long it may be."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Final

from serve.errors import BodyTooLarge, UnsupportedMediaType

_LENGTH: Final = re.compile("[0-9]{1,19}")
"""Other digits than these, such as a superscript two, are no numbers to `int`, and it refuses thousands of them."""


def content_type_of(headers: Mapping[str, str], expected: Collection[str]) -> str:
    """The content type that a request names, in lower case and without parameters; "" when it names none.

    Raises:
        UnsupportedMediaType: none of those `expected`.
    """
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type not in expected:
        names = ", ".join(name for name in expected if name)
        raise UnsupportedMediaType(f"content type {content_type!r}: expected {names}")
    return content_type


def announced_bytes(content_length: str) -> int:
    """The length of the body as that header says it; 0 when it doesn't."""
    return int(content_length) if _LENGTH.fullmatch(content_length) else 0


def too_large(max_bytes: int) -> BodyTooLarge:
    """The fault of a body that is longer than `max_bytes`, as sent or inflated."""
    return BodyTooLarge(f"the body is longer than {max_bytes} bytes: send fewer rows in each request")
