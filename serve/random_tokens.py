"""Random bytes for names and salts, asked of the operating system for many requests at a time."""

from __future__ import annotations

import os
from typing import Final

TOKENS_AT_ONCE: Final = 256


class RandomTokens:
    """Gives out tokens of `os.urandom`, each once; from any thread. A system call a token would take ten times as long.

    A process that was forked would give out those of its parent again: server processes are restarted.
    """

    def __init__(self, token_bytes: int) -> None:
        self._bytes = token_bytes
        self._left: list[bytes] = []

    def next(self) -> bytes:
        """A token that nobody else has."""
        try:
            return self._left.pop()
        except IndexError:
            fresh = os.urandom(self._bytes * TOKENS_AT_ONCE)
            first, *others = (fresh[start : start + self._bytes] for start in range(0, len(fresh), self._bytes))
            self._left += others
            return first
