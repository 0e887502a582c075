"""The scoring routes at the speed of the connection: requests to them are answered by uvicorn's protocol itself.

The way through ASGI and the framework (a task, events, request and response objects) takes longer than scoring a row.
What they do for these routes is done here: collect the body, score it, write the answer. All other requests go the
usual way, and so do these with another method than POST or with a query.

It builds on uvicorn's `HttpToolsProtocol`, bounded by `connections`. The parser, pipelining, timeouts and the graceful
stop of that class stay in charge: it sees a `ScoringCycle` where it would have made a cycle of its own. uvicorn's
version is pinned, and the tests hold every one of these behaviours.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from fraud.api_keys import Role
from serve.access.authentication import Caller, login_in
from serve.access.control import AccessControl
from serve.access.middleware import address_of
from serve.access.same_site import refuse_other_sites
from serve.connections import BoundedConnection, answer_bytes
from serve.errors import Overloaded, ServeError
from serve.idempotency.answers import Answer
from serve.load_shedding import LoopQueue
from serve.request_context import (
    MODEL_VERSION_HEADER,
    REQUEST_ID_HEADER,
    as_serve_error,
    name_request,
    version_text,
)
from serve.scoring import Scoring, ScoringRequest
from serve.scoring_call import Headers, ScoringRoute
from serve.security_headers import NO_STORE

_REQUEST_ID: Final = REQUEST_ID_HEADER.lower()
_REQUEST_ID_NAME: Final = _REQUEST_ID.encode()
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_JSON: Final = "application/json"


class FastLane:
    """What the protocol answers by itself, and with what; one for all connections."""

    def __init__(
        self,
        scoring: Scoring,
        routes: Iterable[ScoringRoute],
        access: AccessControl,
        model_version: Callable[[], int | None],
        queue: LoopQueue,
    ) -> None:
        self.scoring = scoring
        self.access = access
        self.routes = {route.path.encode(): route for route in routes}
        self.model_version = model_version
        self.queue = queue
        self._headers: list[tuple[bytes, bytes]] = []
        self._lines = b""

    def default_headers(self, headers: list[tuple[bytes, bytes]]) -> bytes:
        """The headers that every answer has, as they are sent; uvicorn makes a new list of its own each second."""
        if headers is not self._headers:
            self._headers = headers
            self._lines = b"".join(b"%b: %b\r\n" % header for header in (*headers, NO_STORE))
        return self._lines


class ScoringProtocol(BoundedConnection):
    """One connection."""

    pipeline: Any
    """Requests that wait for an earlier one, each with the application that is to answer it; the oldest is last."""

    def __init__(self, *, lane: FastLane, **of_uvicorn: Any) -> None:
        super().__init__(**of_uvicorn)
        self.lane = lane
        self._unread: list[ScoringRequest] = []
        self._known: tuple[bytes, Caller] | None = None
        """The last login on this connection and whose it is: most clients send the same one each time."""
        self._is_first_of_read = False

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        self._is_first_of_read = True
        super().data_received(data)

    def caller(self, headers: Headers, request_id: str) -> Caller:
        """Who asks for a score.

        Raises:
            ServeError: nobody who may.
        """
        if "origin" in headers or "sec-fetch-site" in headers:
            refuse_other_sites(headers)
        login = login_in(headers)
        # In constant time: a proxy may send requests of several clients over one connection.
        if self._known is not None and login is not None and hmac.compare_digest(login, self._known[0]):
            return self._known[1]
        caller = self.lane.access.admit(login, address_of(self.client), Role.SCORE, request_id)
        self._known = None if login is None else (login, caller)
        return caller

    def on_headers_complete(self) -> None:
        """Decide who answers."""
        route = self.lane.routes.get(self.url)
        if route is None or self.parser.get_method() != b"POST" or self.parser.should_upgrade():
            super().on_headers_complete()
            return
        self.header_has_come()
        before = self.cycle
        keep_alive = self.parser.get_http_version() != "1.0" and self.parser.should_keep_alive()
        is_next = before is None or before.response_complete
        # One behind another of its connection waits for that one, and not for the event loop.
        waits_for_loop = is_next and self._is_first_of_read
        self._is_first_of_read = False
        cycle = ScoringCycle(self, route, keep_alive=keep_alive, waits_for_loop=waits_for_loop)
        self.cycle = cycle
        if is_next:
            cycle.start()
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, self.app))

    def on_body(self, body: bytes) -> None:
        """A piece of a body."""
        if isinstance(self.cycle, ScoringCycle):
            self.cycle.take(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """A request has come as a whole."""
        if isinstance(self.cycle, ScoringCycle):
            self.body_has_come()
            self.cycle.end_of_body()
        else:
            super().on_message_complete()

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        """It is the turn of a request that had to wait for the one before it."""
        if isinstance(cycle, ScoringCycle):
            # Not at once: a client may have sent thousands, and each one's end would start the next a frame deeper.
            self.loop.call_soon(cycle.start)
        else:
            super()._start_asgi_task(cycle, app)

    def resume_writing(self) -> None:
        """The client has taken what was written."""
        super().resume_writing()
        self._release_unread()
        if not self.pipeline:
            self.flow.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        super().connection_lost(exc)
        if isinstance(self.cycle, ScoringCycle):
            self.cycle.abandon()
        for cycle, _ in self.pipeline:
            if isinstance(cycle, ScoringCycle):
                cycle.abandon()
        self._release_unread()

    def release_when_read(self, request: ScoringRequest) -> None:
        """The answer is written; the request is in flight until the client has taken it."""
        if self.flow.write_paused and not self.transport.is_closing():
            self._unread.append(request)
        else:
            request.ticket.release()

    def stop_reading_if_unread(self) -> None:
        """Take no more requests from a client that leaves its answers lying."""
        if self.flow.write_paused and not self.transport.is_closing():
            self.flow.pause_reading()

    def _release_unread(self) -> None:
        for request in self._unread:
            request.ticket.release()
        self._unread.clear()


class _NobodyWaits:
    """Stands for the event by which uvicorn wakes a cycle's task: there is none."""

    def set(self) -> None:
        """Wake nobody."""


class ScoringCycle:
    """One request and its answer, in the place of uvicorn's `RequestResponseCycle`."""

    __slots__ = (
        "_awaits_continue",
        "_computing",
        "_fault",
        "_protocol",
        "_request",
        "_request_id",
        "_route",
        "_started",
        "_whole",
        "disconnected",
        "keep_alive",
        "response_complete",
        "response_started",
    )

    message_event: Final = _NobodyWaits()

    def __init__(
        self, protocol: ScoringProtocol, route: ScoringRoute, *, keep_alive: bool, waits_for_loop: bool
    ) -> None:
        # These four are read and set by uvicorn.
        self.response_started = False
        self.response_complete = False
        self.disconnected = False
        self.keep_alive = keep_alive
        self._protocol = protocol
        self._route = route
        self._awaits_continue = protocol.expect_100_continue
        self._started = False
        self._whole = False
        self._computing = False
        self._request: ScoringRequest | None = None
        self._fault: ServeError | None = None
        if waits_for_loop and protocol.lane.queue.is_standing():
            self._shed()
            return
        # Of a header that comes twice, the first one counts.
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(protocol.headers)}
        self._request_id, self._fault = name_request(headers.get(_REQUEST_ID))
        if self._fault is None:
            try:
                caller = protocol.caller(headers, self._request_id)
            except ServeError as error:
                protocol.lane.scoring.metrics.refused(route.path, error.status)
                self._fault = error
                return
            try:
                self._request = protocol.lane.scoring.begin(
                    route.path, caller.name, self._request_id, headers, route.readers(headers)
                )
            except Exception as error:  # noqa: BLE001 - becomes an answer
                self._fault = as_serve_error(error, self._request_id)

    def _shed(self) -> None:
        """Refuse it, at the cost of finding its name."""
        given = next((value for name, value in self._protocol.headers if name == _REQUEST_ID_NAME), None)
        self._request_id, _ = name_request(None if given is None else given.decode("latin-1"))
        self._fault = Overloaded(
            "more requests come than can be answered: send this again after the time in Retry-After"
        )
        self._protocol.lane.scoring.metrics.refused(self._route.path, self._fault.status)

    def start(self) -> None:
        """The request before this one is answered."""
        self._started = True
        if self._awaits_continue and self._fault is None and not self._protocol.transport.is_closing():
            self._protocol.transport.write(_CONTINUE)
        self._go_on()

    def take(self, piece: bytes) -> None:
        """A piece of the body."""
        if self._request is None or self._fault is not None:
            return
        try:
            self._request.add(piece)
        except ServeError as error:
            self._fault = error
            self._request.fail(error)
            self._go_on()

    def end_of_body(self) -> None:
        """The body is whole."""
        self._whole = True
        self._go_on()

    def abandon(self) -> None:
        """The client is gone; a request that is being computed gives back what it holds at its end."""
        self.disconnected = True
        if self._request is not None and not self._computing and not self.response_complete:
            self._request.ticket.release()

    def _go_on(self) -> None:
        """Answer, if it is time to."""
        if not self._started or self._computing or self.response_complete or self.disconnected:
            return
        if self._fault is not None and self._fault.delay_s:
            self._computing = True
            self._protocol.loop.call_later(self._fault.delay_s, self._refuse, self._fault)
        elif self._fault is not None:
            self._refuse(self._fault)
        elif self._whole and self._request is not None:
            request, self._computing = self._request, True
            if request.is_quick:
                self._finish(request, request.answer)
                return
            try:
                future = self._protocol.lane.scoring.threads.submit(request.answer)
            except ServeError as error:
                request.fail(error)
                self._refuse(error)
            else:
                future.add_done_callback(lambda done: self._finish(request, done.result))

    def _finish(self, request: ScoringRequest, answer_of: Callable[[], Answer]) -> None:
        try:
            answer = answer_of()
        except asyncio.CancelledError as error:
            request.fail(error)
        except Exception as error:  # noqa: BLE001 - becomes an answer
            served = as_serve_error(error, self._request_id)
            request.fail(served)
            self._refuse(served)
        else:
            request.answered(answer)
            self._send(200, answer.content, answer.media_type, answer.headers)
            self._protocol.release_when_read(request)
            self._end()

    def _refuse(self, error: ServeError) -> None:
        content = self._route.write_error(error, self._request_id)
        version = version_text(self._protocol.lane.model_version())
        self._send(error.status, content, _JSON, {MODEL_VERSION_HEADER: version, **error.headers})
        self._end()

    def _send(self, status: int, content: bytes, media_type: str, headers: Mapping[str, str]) -> None:
        protocol = self._protocol
        if protocol.transport.is_closing():
            return
        # An answer that is given again names the request that it was given to first.
        headers = {REQUEST_ID_HEADER: self._request_id, **headers, "content-type": media_type}
        date = protocol.lane.default_headers(protocol.server_state.default_headers)
        protocol.transport.write(answer_bytes(status, headers, content, keep_alive=self.keep_alive, lines=date))

    def _end(self) -> None:
        self.response_started = self.response_complete = True
        if not self.keep_alive:
            self._protocol.transport.close()
        self._protocol.on_response_complete()
        self._protocol.stop_reading_if_unread()
