"""Personal content of an event: stored outside the journal, which has only a salted digest of it.

Without the salt the digest does not reveal the content, so an erasure that removes both leaves nothing.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import orjson

SALT_BYTES: Final = 16


class StoredContent(msgspec.Struct, frozen=True):
    """Content as stored."""

    text: str
    """One JSON object."""
    salt: bytes

    @property
    def digest(self) -> str:
        """The digest in the event, hexadecimal."""
        return hashlib.sha256(self.salt + self.text.encode()).hexdigest()

    @property
    def said(self) -> dict[str, Any]:
        """The decoded content."""
        found: dict[str, Any] = orjson.loads(self.text)
        return found


def new_content(said: Mapping[str, Any]) -> StoredContent:
    """Content with a new salt."""
    return StoredContent(orjson.dumps(said, option=orjson.OPT_SORT_KEYS).decode(), secrets.token_bytes(SALT_BYTES))
