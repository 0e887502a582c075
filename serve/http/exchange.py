"""One request on a connection and its answer; the connection starts exchanges in order."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import Final, Protocol

from serve.error_answers import WriteError
from serve.errors import ServeError
from serve.http.request_head import RequestHead
from serve.http.responder import Responder
from serve.request_names import name_request
from serve.trace_context import TraceContext

MAX_DROPPED_BYTES: Final = 64 * 1024 * 1024
"""Maximum body bytes that are read and dropped after an early answer, to keep the connection open."""


class Channel(Protocol):
    """The connection, from an exchange's view."""

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop of the process."""

    @property
    def responder(self) -> Responder:
        """The writer of answers."""

    def write(self, data: bytes) -> None:
        """Write bytes, unless the client has disconnected."""

    async def drain(self) -> None:
        """Wait until the write buffer has drained, or the client has disconnected."""

    def finish(self, exchange: Exchange) -> None:
        """The answer is complete: start the next exchange, or close the connection."""

    def break_off(self) -> None:
        """The answer can't be completed: close, so that the client notices."""

    def heed_backlog(self) -> None:
        """Pause or resume reading, by the bytes received but unused, and written but not taken (backpressure)."""


class Exchange(ABC):
    """One request and its answer."""

    __slots__ = (
        "channel",
        "is_answered",
        "is_whole",
        "keep_alive",
        "may_be_followed",
        "path",
        "request_id",
        "trace",
        "unread_bytes",
        "without_body",
    )

    def __init__(self, channel: Channel, head: RequestHead, path: str, trace: TraceContext | None) -> None:
        """`path` is the request's decoded path; `trace` is the span named in the answer."""
        self.channel = channel
        self.path = path
        self.keep_alive = head.keep_alive
        """Whether the connection stays open after the answer."""
        self.without_body = head.method == b"HEAD"
        self.unread_bytes = head.announced_bytes
        """Announced bytes of the body that have not arrived yet."""
        self.is_whole = False
        """Whether the body is complete."""
        self.may_be_followed = False
        """Whether the client has not been told yet that the connection will close."""
        self.is_answered = False
        self.request_id = ""
        self.trace = trace

    @abstractmethod
    def start(self) -> None:
        """All earlier requests are answered: start."""

    @abstractmethod
    def take(self, piece: bytes) -> None:
        """A piece of the body has arrived."""

    @abstractmethod
    def end_of_body(self) -> None:
        """The body is complete."""

    @abstractmethod
    def fail(self, error: ServeError) -> None:
        """The rest of the request will not come, for this reason."""

    @abstractmethod
    def abandon(self) -> None:
        """The client has disconnected."""

    @property
    def has_enough(self) -> bool:
        """Whether reading must pause until the received part of the body is used."""
        return False

    def send_error(self, error: ServeError, write: WriteError) -> None:
        """Answer with an error."""
        self.give_up_what_is_too_long()
        answer = self.channel.responder.error(
            *(error, write, self.request_id, self.path),
            trace=self.trace,
            keep_alive=self.keep_alive,
            without_body=self.without_body,
        )
        self.channel.write(answer)
        self.channel.finish(self)

    def give_up_what_is_too_long(self) -> None:
        """Close after the answer if the unread body is too long to receive and drop."""
        if not self.is_whole and self.unread_bytes > MAX_DROPPED_BYTES:
            self.keep_alive = False


class Refusal(Exchange):
    """An error answer to an invalid or refused request, after which nothing more is read."""

    __slots__ = ("_error", "_write")

    def __init__(self, channel: Channel, head: RequestHead, path: str, error: ServeError, write: WriteError) -> None:
        super().__init__(channel, head, path, head.trace())
        self.request_id, _ = name_request(head.request_id)
        self.keep_alive = False
        self._error = error
        self._write = write

    def start(self) -> None:
        """Answer."""
        self.send_error(self._error, self._write)

    def take(self, piece: bytes) -> None:
        """Drop it."""

    def end_of_body(self) -> None:
        """Nothing to do: the body is not used."""

    def fail(self, error: ServeError) -> None:
        """Nothing to do: it has failed already."""

    def abandon(self) -> None:
        """Nothing to do: it holds no resources."""
