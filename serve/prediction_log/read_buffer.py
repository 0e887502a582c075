"""A reused read buffer: a fresh page of memory costs more than filling it."""

from __future__ import annotations

import os
from typing import Final

CHUNK_BYTES: Final = 1024 * 1024
"""Bytes of one read: few enough to be still in a core's own cache when hashed."""


class ReadBuffer:
    """Reads files into its own memory; returned data is valid until `reuse`."""

    def __init__(self, size: int = 0) -> None:
        """Allocate the buffer; data that does not fit gets separate memory."""
        self._memory = memoryview(bytearray(size))
        self._used = 0

    def reuse(self) -> None:
        """Start over; data read before is no longer used."""
        self._used = 0

    def read(self, descriptor: int, least: int, offset: int) -> memoryview:
        """Read a chunk of a file from `offset` on: at least `least` bytes, if the file has them."""
        wanted = max(least, CHUNK_BYTES)
        room = self._memory[self._used : self._used + wanted]
        if len(room) < least:
            return memoryview(os.pread(descriptor, wanted, offset))
        count = os.preadv(descriptor, (room,), offset)
        self._used += count
        return room[:count]
