"""The body of a refused request, which has to be received all the same to keep the connection for the next request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

DISCARD_ABOVE_BYTES: Final = 32 * 1024
"""What is still to come of a body for which changing the reader pays: less has mostly come with the header."""
_NOWHERE: Final = memoryview(bytearray(256 * 1024))
"""All connections write here, and nobody reads. Small enough to stay in a core's cache."""


class BodyDiscard(asyncio.BufferedProtocol):
    """Takes the place of a connection's protocol for so many bytes.

    They are copied once, out of the kernel, where the protocol would copy them twice more and parse them: what refusing
    large requests takes is missing for answering others. Never a byte more than that is read.
    """

    def __init__(
        self, connection: asyncio.Protocol, size: int, come: Callable[[int], None], done: Callable[[], None]
    ) -> None:
        """`come` is told of each piece's length, `done` that it was the last one."""
        self._connection = connection
        self._left = size
        self._come = come
        self._done = done

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next piece goes."""
        return _NOWHERE[: self._left]

    def buffer_updated(self, nbytes: int) -> None:
        """A piece has come."""
        self._left -= nbytes
        self._come(nbytes)
        if not self._left:
            self._done()

    def eof_received(self) -> bool | None:
        """The client sends no more."""
        return self._connection.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._connection.connection_lost(exc)

    def pause_writing(self) -> None:
        """The client does not take what is written."""
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        """The client has taken what was written."""
        self._connection.resume_writing()
