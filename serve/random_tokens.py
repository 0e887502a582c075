"""Random bytes for ids and salts, fetched from the operating system in blocks."""

from __future__ import annotations

import os
from typing import Final

TOKENS_AT_ONCE: Final = 256


class RandomTokens:
    """Returns unique tokens from `os.urandom`; thread-safe. A system call for each token would take ten times as long.
    Don't fork a process that uses it, since the child would repeat its parent's tokens; server processes are never
    forked.
    """

    def __init__(self, token_bytes: int) -> None:
        self._bytes = token_bytes
        self._left: list[bytes] = []

    def next(self) -> bytes:
        """A new unique token."""
        try:
            return self._left.pop()
        except IndexError:
            fresh = os.urandom(self._bytes * TOKENS_AT_ONCE)
            first, *others = (fresh[start : start + self._bytes] for start in range(0, len(fresh), self._bytes))
            self._left += others
            return first
