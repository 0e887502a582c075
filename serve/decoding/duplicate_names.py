"""Refuses duplicate names in a JSON object, including names spelled with escapes.

RFC 8259, section 4, does not define which of them counts: a proxy's parser and ours could read different applications.
msgspec takes the last one. Each member has one colon, so if a text has no more colons than members decoded, no name is
duplicate. Only other texts are read again by a parser that returns every member.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from serve.errors import BodyTooLarge, DuplicateName, MalformedBody

EXACT_MAX_BYTES: Final = 16 * 1024 * 1024
"""Size limit for that parser, which takes about 50 ms a megabyte and twenty times the text's memory."""

_ESCAPED_COLON: Final = re.compile(rb"\\u003[aA]")

Texts = Sequence[str | None] | None


def refuse_duplicate_names(text: bytes, members: int, texts: Iterable[Texts] = (), *, lines: bool = False) -> None:
    """Refuse a decoded text with a duplicate name in an object.

    Args:
        text: the JSON as received, or, with `lines`, one JSON text for each line.
        members: number of members decoded, over all objects. A number too low is only slow, one too high is wrong.
        texts: decoded values that may contain colons.

    Raises:
        DuplicateName: naming the member.
        MalformedBody: a part that was not decoded is not JSON.
        BodyTooLarge: it is too long to check member by member.
    """
    colons = text.count(b":")
    if colons == members:
        return
    if _ESCAPED_COLON.search(text) is None and colons == members + sum(map(_colons_in, texts)):
        return
    if len(text) > EXACT_MAX_BYTES:
        raise BodyTooLarge(
            f"more than {EXACT_MAX_BYTES} bytes of JSON with members that the call does not need: leave them out, or "
            "send fewer rows in each request"
        )
    for document in text.split(b"\n") if lines else (text,):
        if document.strip():
            _read_every_member(document)


def colons_in(text: msgspec.Raw) -> int:
    """The number of colons in a part of a JSON text: an upper bound of its members."""
    return bytes(text).count(b":")


def _colons_in(texts: Texts) -> int:
    return sum(text.count(":") for text in texts if text) if texts else 0


def _read_every_member(document: bytes) -> None:
    try:
        # As float an integer may have any number of digits.
        json.loads(document.decode(), object_pairs_hook=_refuse_twice, parse_int=float)
    except (ValueError, RecursionError) as error:
        raise MalformedBody(f"the body is not valid JSON ({type(error).__name__})") from None


def _refuse_twice(members: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in members}) == len(members):
        return
    ((name, times),) = Counter(name for name, _ in members).most_common(1)
    raise DuplicateName(f"{name} appears {times} times in one object: expected it once", field=name)
