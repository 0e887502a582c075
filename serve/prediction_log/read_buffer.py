"""Memory that one batch after the other is read into: a fresh page of memory costs more than reading it full."""

from __future__ import annotations

import os
from typing import Final

CHUNK_BYTES: Final = 1024 * 1024
"""Read at once: little enough to be in a core's own cache still when it is hashed."""


class ReadBuffer:
    """Reads files into memory of its own; what it gives holds until `reuse`."""

    def __init__(self, size: int = 0) -> None:
        """Keep so many bytes; what does not fit gets memory of its own."""
        self._memory = memoryview(bytearray(size))
        self._used = 0

    def reuse(self) -> None:
        """Start over: nobody looks at what was read before."""
        self._used = 0

    def read(self, descriptor: int, least: int, offset: int) -> memoryview:
        """A chunk of a file from `offset` on: `least` bytes or more, where the file has them."""
        wanted = max(least, CHUNK_BYTES)
        room = self._memory[self._used : self._used + wanted]
        if len(room) < least:
            return memoryview(os.pread(descriptor, wanted, offset))
        count = os.preadv(descriptor, (room,), offset)
        self._used += count
        return room[:count]
