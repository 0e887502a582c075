"""One connection: requests are read and answered in order, within limits of time and size.

It is passed to uvicorn as `Config(http=...)`, and uses only that interface of uvicorn: the constructor's arguments,
`ServerState`, and `shutdown`. Scoring requests are answered here (`ScoringExchange`); all others go to the application
(`AsgiExchange`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Any, Final, cast

from starlette.types import ASGIApp
from uvicorn.config import Config
from uvicorn.server import ServerState

from serve.access.scoring_login import ScoringLogin
from serve.error_answers import encode_error
from serve.errors import ServeError, TooManyConnections, TooSlow
from serve.http.asgi_exchange import Application, AsgiExchange
from serve.http.exchange import MAX_DROPPED_BYTES, Exchange, Refusal
from serve.http.open_connections import MAX_LINGERING, OpenConnections
from serve.http.request_head import RequestHead
from serve.http.request_reader import RequestReader
from serve.http.responder import Responder
from serve.http.scoring_exchange import ScoringExchange, ScoringService
from serve.http.waiting import Waiting, WaitsFor
from serve.overload.in_flight import Ticket
from serve.scoring.call import ScoringRoute
from serve.scoring.options import ScoringOptions
from serve.trace_context import TraceContext

_BUFFER: Final = memoryview(bytearray(256 * 1024))
"""Size of the read buffer shared by all connections of the process: each read is parsed, and copied if kept, before the
next. Small enough to stay in a core's cache.
"""
_NO_HEAD: Final = RequestHead(b"", b"", "1.1", [], keep_alive=False)
"""Path used for requests that are refused before a header has arrived."""


@dataclass(frozen=True, slots=True)
class HttpService:
    """State shared by all connections of a process."""

    scoring: ScoringService
    responder: Responder
    open: OpenConnections


class Connection(asyncio.BufferedProtocol):
    """One client's connection; it is the `RequestListener` of its reader and the `Channel` of its exchanges."""

    def __init__(
        self,
        service: HttpService,
        *,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.loop = _loop or asyncio.get_running_loop()
        self.responder = service.responder
        self._service = service
        self._app: ASGIApp = config.loaded_app
        self._state = server_state
        self._app_state = app_state
        self._reader = RequestReader(self)
        self._transport: asyncio.Transport
        self._login: ScoringLogin
        self._application: Application
        self._repeated: tuple[RequestHead, ScoringOptions, int] | None = None
        """The header of the last scoring request, which the reader recognizes by its bytes; its options; its login's
        term.
        """
        self._exchanges: deque[Exchange] = deque()
        """Unanswered requests, in order."""
        self._receiving: Exchange | None = None
        """The exchange whose body is being received."""
        self._is_final = False
        """Whether to read no further requests."""
        self._is_first_of_read = False
        self._waiting = Waiting(service.open, self.loop.time())
        self._is_reading = True
        self._can_write = asyncio.Event()
        self._can_write.set()
        self._untaken: list[Ticket] = []
        """Admitted bytes of answers that are written but not yet taken by the client."""

    # Called by the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transports are not subclasses
        peer = transport.get_extra_info("peername")
        client = None if not peer else (str(peer[0]), int(peer[1]))
        own = transport.get_extra_info("sockname")
        about = {
            "client": client,
            "server": None if not own else (str(own[0]), int(own[1])),
            "scheme": "http" if transport.get_extra_info("sslcontext") is None else "https",
            "root_path": "",
            "state": self._app_state,
        }
        self._application = Application(self._app, self._state.tasks, about)
        self._login = ScoringLogin(self._service.scoring.access, client)
        self._state.connections.add(self)  # type: ignore[arg-type]
        self._service.open.add(self)
        if self._service.open.are_too_many:
            self._fail(TooManyConnections("this process has its maximum number of connections: try again later"))

    def get_buffer(self, sizehint: int) -> memoryview:
        """The buffer for the next read."""
        return _BUFFER

    def buffer_updated(self, nbytes: int) -> None:
        """A read has completed."""
        self._waiting.received_bytes += nbytes
        if self._is_final and self._receiving is None:
            if self._waiting.received_bytes > MAX_DROPPED_BYTES:
                self._transport.close()
            return
        self._is_first_of_read = True
        try:
            self._reader.read(_BUFFER[:nbytes])
        except ServeError as error:
            self._fail(error)

    def eof_received(self) -> bool:
        """The client has finished sending, and may still wait for answers."""
        if self._lingers or self._receiving is not None or not self._exchanges:
            return False
        self._finish_after_newest()
        return True

    def pause_writing(self) -> None:
        """The client is slow to read: the write buffer is full."""
        self._can_write.clear()
        self.heed_backlog()

    def resume_writing(self) -> None:
        """The write buffer has drained."""
        self._can_write.set()
        self._release_taken()
        self.heed_backlog()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed."""
        self._state.connections.discard(self)
        self._service.open.remove(self)
        if self._lingers:
            self._service.open.lingering -= 1
        for exchange in self._exchanges:
            exchange.abandon()
        self._can_write.set()
        self._release_taken()

    # Called by the reader.

    def request_begins(self) -> None:
        """Its first byte has arrived."""
        self._waiting.begin(WaitsFor.REQUEST, self.loop.time())
        self._waiting.received_bytes = 0

    def head_has_come(self, head: RequestHead, fault: ServeError | None) -> None:
        """Its header is complete: choose the exchange that answers."""
        if self._is_final:
            return  # ignore everything after a request that closes the connection
        scoring = self._service.scoring
        path, route = scoring.routes.match(head.target)
        exchange: Exchange
        if fault is not None:
            exchange = Refusal(self, head, path, fault, scoring.error_form(path))
        elif route is not None:
            exchange = self._scoring_exchange(head, route, head.announced_bytes, None, head.trace())
            if exchange.options is not None and exchange.keep_alive:
                self._repeated = (head, exchange.options, scoring.access.term)
                self._reader.expect_again()
        else:
            exchange = AsgiExchange(self, head, path, self._application, scoring.error_form(path))
        self._receiving = None if fault is not None else exchange
        self._enqueue(exchange)

    def header_comes_again(self, announced_bytes: int, trace: TraceContext | None) -> None:
        """The header is that of the last scoring request, except for the body's length and the trace."""
        if self._is_final or self._repeated is None:
            return
        head, options, term = self._repeated
        now = self._service.scoring.access.term
        known = options if term == now else None
        exchange = self._scoring_exchange(head, options.route, announced_bytes, known, trace or head.trace())
        if term != now and exchange.options is not None:
            self._repeated = (head, exchange.options, now)
        self._receiving = exchange
        self._enqueue(exchange)

    def body_goes_on(self, piece: bytes) -> None:
        """A piece of its body has arrived."""
        exchange = self._receiving
        if exchange is None:
            return
        exchange.unread_bytes -= len(piece)
        exchange.take(piece)
        if exchange.is_answered and self._waiting.received_bytes > 2 * MAX_DROPPED_BYTES:
            self._transport.close()
        elif exchange.has_enough:
            self.heed_backlog()

    def body_has_come(self, *, is_last: bool) -> None:
        """The request is complete."""
        exchange, self._receiving = self._receiving, None
        if exchange is None:
            return
        if is_last:
            exchange.may_be_followed = exchange.keep_alive
            exchange.keep_alive, self._is_final = False, True
        self._waiting.begin(WaitsFor.ANSWER, 0.0)
        exchange.is_whole = True
        if not exchange.is_answered:
            exchange.end_of_body()
        elif is_last:
            self._close(exchange)
        elif not self._exchanges:
            self._waiting.end_of_answers(self.loop.time())

    # Called by exchanges.

    def write(self, data: bytes) -> None:
        """Write bytes, unless the client has disconnected."""
        if not self._transport.is_closing():
            self._transport.write(data)

    async def drain(self) -> None:
        """Wait until the write buffer has drained, or the client has disconnected."""
        await self._can_write.wait()

    def hold_until_taken(self, ticket: Ticket) -> None:
        """Count the request as in flight until the client has taken its answer."""
        if self._can_write.is_set() or self._transport.is_closing():
            ticket.release()
        else:
            self._untaken.append(ticket)

    def finish(self, exchange: Exchange) -> None:
        """The answer is complete: start the next exchange, or close the connection."""
        exchange.is_answered = True
        self._state.total_requests += 1
        if self._exchanges and self._exchanges[0] is exchange:
            self._exchanges.popleft()
        if self._transport.is_closing():
            return
        if not exchange.keep_alive:
            self._close(exchange)
        elif self._exchanges:
            # Not directly: with thousands of pipelined requests, each would start the next one a stack frame deeper.
            self.loop.call_soon(self._start_next)
        else:
            self._waiting.end_of_answers(self.loop.time())
            self.heed_backlog()

    def break_off(self) -> None:
        """The answer can't be completed: close, so that the client notices."""
        self._transport.close()

    def heed_backlog(self) -> None:
        """Pause or resume reading, by the bytes received but unused, and written but not taken (backpressure)."""
        receiving = self._receiving
        is_full = len(self._exchanges) > 1 or (receiving is not None and receiving.has_enough)
        reads = self._lingers or (self._can_write.is_set() and not is_full)
        if reads != self._is_reading and not self._transport.is_closing():
            self._is_reading = reads
            if reads:
                self._transport.resume_reading()
            else:
                self._transport.pause_reading()

    # Called by others.

    def keep_time(self, now: float) -> None:
        """Close if the client has been idle or too slow for too long."""
        if not self._waiting.is_too_long(now, is_reading=self._is_reading):
            return
        if self._waiting.what is WaitsFor.REQUEST:
            self._fail(TooSlow(f"the request did not arrive within {self._service.open.read_timeout_s:g} s"))
        else:
            self._transport.close()

    def shutdown(self) -> None:
        """Graceful shutdown: answer the requests received, then close."""
        if self._exchanges:
            self._finish_after_newest()
        elif not self._lingers:
            self._transport.close()

    def _scoring_exchange(
        self,
        head: RequestHead,
        route: ScoringRoute,
        announced_bytes: int,
        options: ScoringOptions | None,
        trace: TraceContext | None,
    ) -> ScoringExchange:
        # A request behind another of its connection waits for that one, not for the event loop.
        waits_for_loop = self._is_first_of_read and not self._exchanges
        return ScoringExchange(
            *(self, head, route, self._service.scoring, self._login),
            announced_bytes=announced_bytes,
            options=options,
            trace=trace,
            waits_for_loop=waits_for_loop,
        )

    def _enqueue(self, exchange: Exchange) -> None:
        self._is_first_of_read = False
        self._is_final = not exchange.keep_alive
        self._exchanges.append(exchange)
        if len(self._exchanges) == 1:
            exchange.start()
        else:
            self.heed_backlog()

    def _start_next(self) -> None:
        if self._exchanges and not self._transport.is_closing():
            self._exchanges[0].start()
            self.heed_backlog()

    def _finish_after_newest(self) -> None:
        self._exchanges[-1].keep_alive = False
        self._is_final = True

    def _fail(self, error: ServeError) -> None:
        """The input is not a valid request: answer with an error after the pending answers, and stop reading."""
        receiving, self._receiving = self._receiving, None
        was_final, self._is_final = self._is_final, True
        self._waiting.begin(WaitsFor.ANSWER, 0.0)
        if receiving is not None and not receiving.is_answered:
            receiving.keep_alive = False
            receiving.fail(error)
        elif not was_final:
            self._enqueue(Refusal(self, _NO_HEAD, "", error, encode_error))

    def _close(self, exchange: Exchange) -> None:
        """Close; if more input may come, only after the client had time to read the answer."""
        self._is_final = True
        times = self._service.open
        is_over = exchange.is_whole and not exchange.may_be_followed
        if is_over or times.lingering >= MAX_LINGERING:
            self._transport.close()
            return
        times.lingering += 1
        self._waiting.begin(WaitsFor.CLOSE, self.loop.time())
        self._receiving, self._waiting.received_bytes = None, 0
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self.heed_backlog()

    @property
    def _lingers(self) -> bool:
        return self._waiting.what is WaitsFor.CLOSE

    def _release_taken(self) -> None:
        for ticket in self._untaken:
            ticket.release()
        self._untaken.clear()
