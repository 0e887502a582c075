"""One request on a connection and its answer, whoever gives it: the connection starts it when it is its turn."""

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
"""Of the body of a request that is answered already: what is received and dropped, to keep the connection."""


class Channel(Protocol):
    """What an exchange asks of its connection."""

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop of the process."""

    @property
    def responder(self) -> Responder:
        """The writer of answers."""

    def write(self, data: bytes) -> None:
        """Send it, unless the client is gone."""

    async def drain(self) -> None:
        """Wait until the client has taken most of what was written, or is gone."""

    def finish(self, exchange: Exchange) -> None:
        """The whole answer is written: the next exchange may start, or the connection closes."""

    def break_off(self) -> None:
        """The answer can't be finished: close, so that the client sees that."""

    def heed_backlog(self) -> None:
        """Stop or go on reading, as what was read and not used, or written and not taken, asks for."""


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
        """`path` is that of the request, decoded; `trace` the span that the answer names."""
        self.channel = channel
        self.path = path
        self.keep_alive = head.keep_alive
        """Whether the connection stays open after the answer."""
        self.without_body = head.method == b"HEAD"
        self.unread_bytes = head.announced_bytes
        """Of the body, as announced: what has not come yet."""
        self.is_whole = False
        """Whether the body has come."""
        self.may_be_followed = False
        """Whether the client does not know that no further request is read."""
        self.is_answered = False
        self.request_id = ""
        self.trace = trace

    @abstractmethod
    def start(self) -> None:
        """The requests before this one are answered."""

    @abstractmethod
    def take(self, piece: bytes) -> None:
        """A piece of the body."""

    @abstractmethod
    def end_of_body(self) -> None:
        """The body is whole."""

    @abstractmethod
    def fail(self, error: ServeError) -> None:
        """No more of the request will come, and this is why."""

    @abstractmethod
    def abandon(self) -> None:
        """The client is gone."""

    @property
    def has_enough(self) -> bool:
        """Whether more of the body has to wait until what has come of it is used."""
        return False

    def send_error(self, error: ServeError, write: WriteError) -> None:
        """Answer by an error."""
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
        """Close after the answer rather than receive all of a body that nobody reads."""
        if not self.is_whole and self.unread_bytes > MAX_DROPPED_BYTES:
            self.keep_alive = False


class Refusal(Exchange):
    """A request after which nothing is read, answered by an error; or what is no request at all."""

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
        """Nothing waits for it."""

    def fail(self, error: ServeError) -> None:
        """It has failed already."""

    def abandon(self) -> None:
        """It holds nothing."""
