"""How bytes come from a socket to their connection: with as few copies as can be.

A plain protocol is handed a new `bytes` for each read, copied out of the event loop's buffer; for a body of 200 kB that
takes a twentieth of the time of its whole request.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from typing import Final

DISCARD_ABOVE_BYTES: Final = 32 * 1024
"""What is still to come of a body that nobody wants, for which it pays to read it past the parser."""
_BUFFER: Final = memoryview(bytearray(256 * 1024))
"""Of all connections of the process: what was read is parsed, and copied where it is kept, before the next read. Small
enough to stay in a core's cache."""


class ReadConnection(asyncio.Protocol):
    """A connection that a `ConnectionReader` reads for."""

    @property
    @abstractmethod
    def unwanted_bytes(self) -> int:
        """How much is still to come of a body that nobody will look at."""

    @abstractmethod
    def begin_discard(self) -> None:
        """To the parser the body ends here."""

    @abstractmethod
    def has_received(self, size: int) -> None:
        """So much of a request has come."""

    @abstractmethod
    def on_message_complete(self) -> None:
        """A request has come as a whole."""


class ConnectionReader(asyncio.BufferedProtocol):
    """Stands between the transport and one connection.

    The body of a refused request has to be received, to keep the connection for the next request. Where more comes than
    can be answered, that is most of all that comes: it is read into nowhere, and never a byte more than it is read so.
    """

    def __init__(self, connection: ReadConnection) -> None:
        self._connection = connection
        self._unwanted = 0

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next piece goes."""
        return _BUFFER[: self._unwanted] if self._unwanted else _BUFFER

    def buffer_updated(self, nbytes: int) -> None:
        """A piece has come."""
        connection = self._connection
        if self._unwanted:
            self._unwanted -= nbytes
            connection.has_received(nbytes)
            if not self._unwanted:
                connection.on_message_complete()
            return
        connection.data_received(_BUFFER[:nbytes])  # type: ignore[arg-type]  # whose parser takes any buffer
        if connection.unwanted_bytes > DISCARD_ABOVE_BYTES:
            self._unwanted = connection.unwanted_bytes
            connection.begin_discard()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        self._connection.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._connection.connection_lost(exc)

    def eof_received(self) -> bool | None:
        """The client sends no more."""
        return self._connection.eof_received()

    def pause_writing(self) -> None:
        """The client does not take what is written."""
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        """The client has taken what was written."""
        self._connection.resume_writing()
