"""Connections: how many a process keeps open, and how long a client may take to send a request.

uvicorn itself waits for ever: for the first request of a connection, for the rest of a header, for a body that comes
a byte a minute ("slowloris"). Here a request has to arrive within a time that grows with what has arrived, and what is
too slow, too much or too long is answered and closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from serve.error_answers import encode_error
from serve.errors import HeaderTooLarge, ServeError, TooManyConnections, TooSlow
from serve.http.reader import ReadConnection
from serve.request_names import REQUEST_ID_HEADER, name_request

MIN_BYTES_PER_S: Final = 16 * 1024
"""A body that comes faster never is too slow, however long it is."""
MAX_HEADER_BYTES: Final = 64 * 1024
SWEEP_INTERVAL_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """What one server process grants its clients."""

    max_connections: int
    read_timeout_s: float


class Connections:
    """The open connections of this process."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self.limits = limits
        self.open: set[BoundedConnection] = set()

    async def close_slow_ones(self) -> None:
        """Look through all of them now and then, for ever."""
        while True:
            await asyncio.sleep(SWEEP_INTERVAL_S)
            now = asyncio.get_running_loop().time()
            for connection in tuple(self.open):
                if connection.is_idle(now):
                    connection.transport.close()
                elif connection.is_too_slow(now):
                    connection.refuse(TooSlow(f"the request did not arrive within {self.limits.read_timeout_s:g} s"))


class BoundedConnection(HttpToolsProtocol, ReadConnection):
    """uvicorn's protocol with bounds."""

    cycle: Any
    """The newest request: uvicorn's cycle, or what a subclass puts in its place."""

    def __init__(self, *, connections: Connections, **of_uvicorn: Any) -> None:
        super().__init__(**of_uvicorn)
        self._all = connections
        self._waiting_since: float | None = None
        """Since when the client owes us a whole request; None when it does not."""
        self._received_bytes = 0
        self._in_header = False
        self._idle_since: float | None = None
        """Since when the client has had all its answers; None while it owes us a request, or we an answer."""
        self._refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected."""
        super().connection_made(transport)
        self._all.open.add(self)
        self._waiting_since = self.loop.time()
        if len(self._all.open) > self._all.limits.max_connections:
            self.refuse(TooManyConnections("this process has as many connections as it takes: try again later"))

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._all.open.discard(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        if self._refused:
            return
        self.has_received(len(data))
        super().data_received(data)
        if self._in_header and self._received_bytes > MAX_HEADER_BYTES:
            self.refuse(HeaderTooLarge(f"the header is longer than {MAX_HEADER_BYTES} bytes"))

    def has_received(self, size: int) -> None:
        """So much of the request has come."""
        self._received_bytes += size

    @property
    def unwanted_bytes(self) -> int:
        """How much is still to come of a body that nobody will look at: the framework looks at all."""
        return 0

    @property
    def is_between_requests(self) -> bool:
        """Whether the client has had all its answers, and the parser waits for the beginning of a further request."""
        return self._waiting_since is None and self.cycle is not None and self.cycle.response_complete

    def passed_by(self, received_bytes: int, to_come: int) -> None:
        """The next request was answered without the parser; so much of its body is still to come."""
        self.server_state.total_requests += 1
        self._idle_since = self.loop.time()
        self._received_bytes = received_bytes
        self._waiting_since = self._idle_since if to_come else None

    def begin_discard(self) -> None:
        """To the parser the body ends here: what it gets next is the beginning of a request."""
        self.parser = httptools.HttpRequestParser(self)
        # As uvicorn does it: a client that sends more than it wants answered gets its answer.
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)

    def eof_received(self) -> bool:  # type: ignore[override]
        """The client sends no more, and may still want its answer."""
        if self._waiting_since is not None or self.cycle is None or self.cycle.response_complete:
            return False
        self.cycle.keep_alive = False
        return True

    def on_message_begin(self) -> None:
        """A request begins."""
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._idle_since = None
        self._waiting_since = self.loop.time()
        self._received_bytes = 0
        self._in_header = True

    def on_headers_complete(self) -> None:
        """Its header has come."""
        self.header_has_come()
        self._describe_for_asgi()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Its body has come."""
        self.body_has_come()
        super().on_message_complete()

    def _describe_for_asgi(self) -> None:
        """Let uvicorn describe the request, as it does at a message's begin: what is answered here does without."""
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.headers, self.expect_100_continue = url, headers, expects
        self.scope["headers"] = headers

    def header_has_come(self) -> None:
        """From here on a body may come, which has a limit of its own."""
        self._in_header = False

    def body_has_come(self) -> None:
        """The client owes us nothing."""
        self._waiting_since = None

    def on_response_complete(self) -> None:
        """An answer is written: it is the turn of the next request. The sweep takes the place of uvicorn's timer."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self._idle_since = self.loop.time()

    def is_idle(self, now: float) -> bool:
        """Whether the client has sent no further request for longer than connections are kept."""
        return self._idle_since is not None and now - self._idle_since > self.timeout_keep_alive

    def is_too_slow(self, now: float) -> bool:
        """Whether the client has had more than the time for what it has sent."""
        if self._waiting_since is None or self.flow.read_paused:
            return False
        granted_s = self._all.limits.read_timeout_s + self._received_bytes / MIN_BYTES_PER_S
        return now - self._waiting_since > granted_s

    def refuse(self, error: ServeError) -> None:
        """Close the connection; say why, unless an answer is on its way already."""
        self._refused = True
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            request_id, _ = name_request(None)
            headers = {REQUEST_ID_HEADER: request_id, **error.headers, "content-type": "application/json"}
            content = encode_error(error, request_id)
            self.transport.write(answer_bytes(error.status, headers, content, keep_alive=False))
        self.transport.close()


def answer_bytes(
    status: int, headers: Mapping[str, str], content: bytes, *, keep_alive: bool, lines: bytes = b""
) -> bytes:
    """A whole answer as HTTP/1.1 has it; `lines` are headers that are written out already."""
    named = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if not keep_alive:
        named += "connection: close\r\n"
    named += f"content-length: {len(content)}\r\n\r\n"
    return b"".join((STATUS_LINE[status], lines, named.encode("latin-1"), content))
