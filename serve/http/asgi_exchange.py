"""An exchange answered by the framework's application (ASGI 3.0, HTTP connection scope, spec version 2.3)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

import httptools
from starlette.types import ASGIApp, Message, Scope

from serve.error_answers import WriteError, as_serve_error, log_fields
from serve.errors import ServeError
from serve.http.exchange import Channel, Exchange
from serve.http.request_head import RequestHead
from serve.http.responder import CONTINUE
from serve.request_names import name_request

logger = logging.getLogger(__name__)

ENOUGH_BYTES: Final = 64 * 1024
"""Buffer limit of a body: reading stops until the application has taken some of it (backpressure)."""
_LAST_CHUNK: Final = b"0\r\n\r\n"
_WITHOUT_BODY: Final = frozenset({204, 304})


class _Framing(Enum):
    """How the end of the answer is marked (RFC 9112, 6.3)."""

    NONE = auto()
    LENGTH = auto()
    CHUNKS = auto()
    CLOSE = auto()


@dataclass(frozen=True, slots=True)
class Application:
    """The application, from one connection's view."""

    app: ASGIApp
    tasks: set[asyncio.Task[None]]
    """Running tasks; the server waits for them on shutdown."""
    about: Mapping[str, Any]
    """The connection's part of the scope."""


class AsgiExchange(Exchange):
    """One request and the application's answer to it."""

    __slots__ = (
        "_application",
        "_awaits_continue",
        "_body",
        "_changed",
        "_end_is_told",
        "_fault",
        "_framing",
        "_gone",
        "_is_in_turn",
        "_is_started",
        "_to_send",
        "_write_error",
        "scope",
    )

    def __init__(
        self,
        channel: Channel,
        head: RequestHead,
        path: str,
        application: Application,
        write_error: WriteError,
    ) -> None:
        super().__init__(channel, head, path, head.trace())
        self.request_id, self._fault = name_request(head.request_id)
        self._application = application
        self._write_error = write_error
        self._awaits_continue = head.expects_continue
        self._body = bytearray()
        self._changed = asyncio.Event()
        """Set when there is something for the application: a piece of the body, its end, or a disconnect."""
        self._gone = False
        self._is_in_turn = False
        """Whether all earlier requests are answered."""
        self._is_started = False
        """Whether the answer's header is written."""
        self._end_is_told = False
        self._framing = _Framing.NONE
        self._to_send = 0
        """Bytes of the answer, as announced and not yet written."""
        self.scope: Scope = {
            **application.about,
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": head.version,
            # Routes that answer GET also answer HEAD; the body is dropped here (RFC 9110, 9.3.2).
            "method": "GET" if self.without_body else head.method.decode("ascii"),
            "path": path,
            **_parts_of(head.target),
            # Range requests are defined for GET only (RFC 9110, 14.2).
            "headers": [field for field in head.fields if field[0] != b"range"] if self.without_body else head.fields,
            "request_id": self.request_id,
            "trace": self.trace,
        }

    def start(self) -> None:
        """Start the application."""
        self._is_in_turn = True
        if self._fault is not None:
            self.send_error(self._fault, self._write_error)
            return
        task = self.channel.loop.create_task(self._run())
        self._application.tasks.add(task)
        task.add_done_callback(self._application.tasks.discard)

    def take(self, piece: bytes) -> None:
        """A piece of the body."""
        if not self.is_answered:
            self._body += piece
            self._changed.set()

    def end_of_body(self) -> None:
        """The body is whole."""
        self._changed.set()

    def fail(self, error: ServeError) -> None:
        """The rest of the body will not come: answer with an error, unless an answer has begun."""
        self._fault = error
        if self._is_in_turn:
            self._fail_by(error)
            self._leave()

    def abandon(self) -> None:
        """The client has disconnected."""
        self._leave()

    @property
    def has_enough(self) -> bool:
        """Whether the buffer is full, and the application has to take some of the body first."""
        return not self.is_answered and len(self._body) > ENOUGH_BYTES

    def _leave(self) -> None:
        self._gone = True
        self._changed.set()

    async def _run(self) -> None:
        try:
            await self._application.app(self.scope, self._receive, self._send)
        except Exception as error:  # noqa: BLE001 - becomes an answer
            if not self.is_answered:  # else the framework has answered it, and re-raises it
                self._fail_by(as_serve_error(error, self.request_id, self.trace))
        else:
            if not self.is_answered and not self._gone:
                logger.error(
                    "the application did not complete its answer", extra=log_fields(self.request_id, self.trace)
                )
                self.channel.break_off()

    def _fail_by(self, error: ServeError) -> None:
        if self._gone:
            return
        if self._is_started:
            self.channel.break_off()
        else:
            self._is_started = True
            self.send_error(error, self._write_error)

    async def _receive(self) -> Message:
        if self._awaits_continue and not self._is_started:
            self._awaits_continue = False
            self.channel.write(CONTINUE)
        while not (self._gone or self.is_answered or self._body or (self.is_whole and not self._end_is_told)):
            self._changed.clear()
            await self._changed.wait()
        if self._gone or self.is_answered:
            return {"type": "http.disconnect"}
        body, self._body = bytes(self._body), bytearray()
        self._end_is_told = self.is_whole
        self.channel.heed_backlog()
        return {"type": "http.request", "body": body, "more_body": not self.is_whole}

    async def _send(self, message: Message) -> None:
        await self.channel.drain()
        if self._gone or self.is_answered:
            return
        if message["type"] == "http.response.start" and not self._is_started:
            self._begin_answer(message["status"], message.get("headers", ()))
        elif message["type"] == "http.response.body" and self._is_started:
            self._go_on_answering(message.get("body", b""), more=message.get("more_body", False))
        else:
            raise RuntimeError(f"{message['type']} is not a message that the application may send now")

    def _begin_answer(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        own = []
        length = None
        for name, value in headers:
            lowered = name.lower()
            if lowered == b"content-length":
                length = int(value)
            elif lowered == b"connection":
                self.keep_alive = self.keep_alive and value.lower() != b"close"
                continue
            elif lowered == b"transfer-encoding":
                continue
            own.append((name, value))
        if self.without_body or status in _WITHOUT_BODY:
            self._framing = _Framing.NONE
        elif length is not None:
            self._framing, self._to_send = _Framing.LENGTH, length
        elif self.scope["http_version"] == "1.1":
            self._framing = _Framing.CHUNKS
            own.append((b"transfer-encoding", b"chunked"))
        else:
            self._framing, self.keep_alive = _Framing.CLOSE, False
        self.give_up_what_is_too_long()
        head = self.channel.responder.head(
            status, own, self.request_id, self.path, keep_alive=self.keep_alive, trace=self.trace
        )
        self._is_started = True
        self.channel.write(head)

    def _go_on_answering(self, body: bytes, *, more: bool) -> None:
        if self._framing is _Framing.LENGTH:
            self._to_send -= len(body)
            if self._to_send < 0 or (self._to_send and not more):
                raise RuntimeError("the answer's length does not match its Content-Length")
        if self._framing is _Framing.CHUNKS:
            end = b"" if more else _LAST_CHUNK
            body = b"%x\r\n%b\r\n%b" % (len(body), body, end) if body else end
        if body and self._framing is not _Framing.NONE:
            self.channel.write(body)
        if not more:
            self.channel.finish(self)
            self._changed.set()


def _parts_of(target: bytes) -> Mapping[str, bytes]:
    """The part of the scope with the raw address."""
    try:
        address = httptools.parse_url(target)
    except httptools.HttpParserInvalidURLError:
        return {"raw_path": target, "query_string": b""}
    return {"raw_path": address.path or b"/", "query_string": address.query or b""}
