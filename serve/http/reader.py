"""How bytes come from a socket to their connection: with as few copies as can be.

A plain protocol is handed a new `bytes` for each read, copied out of the event loop's buffer; for a body of 200 kB that
takes a twentieth of the time of its whole request.
"""

from __future__ import annotations

import asyncio
import socket
from abc import abstractmethod
from typing import Final

DISCARD_ABOVE_BYTES: Final = 32 * 1024
"""What is still to come of a body that nobody wants, for which it pays to read it past the parser."""
_BUFFER: Final = memoryview(bytearray(256 * 1024))
"""Of all connections of the process: what was read is parsed, and copied where it is kept, before the next read. Small
enough to stay in a core's cache."""
_BEGINNING: Final = _BUFFER[: 4 * 1024]
"""Where a request goes that is to be refused: its header is enough, what follows the kernel drops without a copy."""


class ReadConnection(asyncio.Protocol):
    """A connection that a `ConnectionReader` reads for."""

    @abstractmethod
    def refuses_next(self) -> bool:
        """Whether what comes next begins a request, and it is to be refused. Called before each read."""

    @abstractmethod
    def refuse_early(self, data: memoryview) -> int | None:
        """Refuse the request that begins with this before the parser sees it, and tell how much of its body is still to
        come; None if it is one for the parser.
        """

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
        self._refuses = False
        """What is read just now."""
        self._plain_socket: int | None = None
        """Whose bytes are those of the requests; None where they are encrypted."""

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next piece goes."""
        if self._unwanted:
            return _BEGINNING[: self._unwanted]
        self._refuses = self._connection.refuses_next()
        return _BEGINNING if self._refuses else _BUFFER

    def buffer_updated(self, nbytes: int) -> None:
        """A piece has come."""
        connection, data = self._connection, _BUFFER[:nbytes]
        if self._unwanted:
            self._discarded(nbytes)
        elif self._refuses and (to_come := connection.refuse_early(data)) is not None:
            self._unwanted = to_come
        else:
            connection.data_received(data)  # type: ignore[arg-type]  # whose parser takes any buffer
            if connection.unwanted_bytes > DISCARD_ABOVE_BYTES:
                self._unwanted = connection.unwanted_bytes
                connection.begin_discard()
        if self._unwanted and self._plain_socket is not None:
            self._drop_what_has_come(self._plain_socket)

    def _drop_what_has_come(self, descriptor: int) -> None:
        client = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, fileno=descriptor)
        try:
            while self._unwanted:
                asked = min(self._unwanted, len(_BUFFER))
                size = client.recv_into(_BUFFER, asked, socket.MSG_TRUNC)
                self._discarded(size)
                if size < asked:
                    return
        except OSError:
            return  # nothing has come, or the transport will meet with the same
        finally:
            client.detach()

    def _discarded(self, size: int) -> None:
        self._unwanted -= size
        self._connection.has_received(size)
        if not self._unwanted:
            self._connection.on_message_complete()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        if transport.get_extra_info("sslcontext") is None:
            self._plain_socket = transport.get_extra_info("socket").fileno()
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
