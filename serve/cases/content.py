"""What an event says that points at a person: outside of the journal, which has a salted digest of it.

Without the salt nobody can find out from the digest what the words were, so an erasure that removes both leaves
nothing.
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
    """As it is stored."""

    text: str
    """One JSON object."""
    salt: bytes

    @property
    def digest(self) -> str:
        """As the event names it, hexadecimal."""
        return hashlib.sha256(self.salt + self.text.encode()).hexdigest()

    @property
    def said(self) -> dict[str, Any]:
        """What it says."""
        found: dict[str, Any] = orjson.loads(self.text)
        return found


def new_content(said: Mapping[str, Any]) -> StoredContent:
    """With a salt of its own."""
    return StoredContent(orjson.dumps(said, option=orjson.OPT_SORT_KEYS).decode(), secrets.token_bytes(SALT_BYTES))
