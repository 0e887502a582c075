"""A client's connection that sends prepared requests, one after the other, at little cost: the client must not be what
is measured.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Final, cast

_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length:"
_STATUS: Final = slice(len("HTTP/1.1 "), len("HTTP/1.1 200"))


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    finished_s: float
    """When its last byte came, of `time.perf_counter`."""
    head: bytes


class Connection(asyncio.Protocol):
    """Reads answers of known length."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._answered: asyncio.Future[Answer] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected."""
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """A server that closes while it owes an answer has failed it."""
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(ConnectionError(f"the server closed a connection: {exc}"))

    @property
    def is_open(self) -> bool:
        """Whether another request can be sent."""
        return not self._transport.is_closing()

    async def ask(self, *request: bytes) -> Answer:
        """Send a request, in pieces or as a whole, and wait for its answer.

        Raises:
            ConnectionError: the connection has ended, or an answer does not say how long it is.
        """
        self._received.clear()
        self._answered = asyncio.get_running_loop().create_future()
        if self._transport.is_closing():
            raise ConnectionError("the server has closed the connection")
        self._transport.writelines(request)
        return await self._answered

    def data_received(self, data: bytes) -> None:
        """Some bytes of an answer."""
        self._received += data
        end = self._received.find(_END)
        if end < 0 or self._answered is None or self._answered.done():
            return
        head = bytes(self._received[:end])
        try:
            if len(self._received) >= end + len(_END) + content_length(head):
                self._answered.set_result(Answer(int(head[_STATUS]), time.perf_counter(), head))
        except ConnectionError as error:
            self._answered.set_exception(error)

    def close(self) -> None:
        """Disconnect."""
        self._transport.close()


def content_length(head: bytes) -> int:
    """The length of the body that a head announces.

    Raises:
        ConnectionError: it does not say.
    """
    for line in head.split(b"\r\n"):
        if line.lower().startswith(_LENGTH):
            return int(line[len(_LENGTH) :])
    raise ConnectionError("an answer without Content-Length can't be timed")
