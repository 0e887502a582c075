"""Memory that ends where reading is forbidden: compiled code that reads one byte too far ends the process."""

from __future__ import annotations

import ctypes
import mmap

PROT_NONE = 0


class GuardedBuffer:
    """Holds a body so that its last byte is the last one that may be read."""

    def __init__(self, max_bytes: int) -> None:
        pages = -(-max_bytes // mmap.PAGESIZE)
        self._size = pages * mmap.PAGESIZE
        self._memory = mmap.mmap(-1, self._size + mmap.PAGESIZE)
        address = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.mprotect(ctypes.c_void_p(address + self._size), mmap.PAGESIZE, PROT_NONE) != 0:
            raise OSError(ctypes.get_errno(), "mprotect")

    def hold(self, body: bytes) -> memoryview:
        """The body, read-only; good until the next one is held."""
        start = self._size - len(body)
        self._memory[start : self._size] = body
        return memoryview(self._memory)[start : self._size].toreadonly()
