"""One scoring request on a connection and its answer, in the place of uvicorn's `RequestResponseCycle`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from serve.access.authentication import Caller
from serve.error_answers import as_serve_error
from serve.errors import ServeError
from serve.http.early_refusal import body_bytes_in, request_id_in
from serve.http.fast_lane import FastLane, ServerHeaders
from serve.idempotency.answers import Answer
from serve.overload.loop_queue import LOOP_STANDS
from serve.request_names import REQUEST_ID_HEADER, name_request
from serve.scoring.body_headers import announced_bytes
from serve.scoring.call import Headers, ScoringRoute
from serve.scoring.scoring import ScoringRequest

_REQUEST_ID: Final = REQUEST_ID_HEADER.lower()
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class Connection(Protocol):
    """What a cycle asks of its connection."""

    lane: FastLane
    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    headers: list[tuple[bytes, bytes]]
    expect_100_continue: bool

    @property
    def server_headers(self) -> ServerHeaders:
        """What uvicorn puts on every answer."""

    def caller(self, headers: Headers, request_id: str) -> Caller:
        """Who asks; raises ServeError where it is nobody who may."""

    def on_response_complete(self) -> None:
        """An answer is written."""

    def release_when_read(self, request: ScoringRequest) -> None:
        """Give back what the request holds, once the client has taken its answer."""

    def stop_reading_if_unread(self) -> None:
        """Take no more requests from a client that leaves its answers lying."""


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
        "_to_come",
        "_whole",
        "disconnected",
        "keep_alive",
        "response_complete",
        "response_started",
    )

    message_event: Final = _NobodyWaits()

    def __init__(self, protocol: Connection, route: ScoringRoute, *, keep_alive: bool, waits_for_loop: bool) -> None:
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
        self._to_come = 0
        """Of the body, as its header announced it, bytes; asked for now, since a trailer may name a length too."""
        if waits_for_loop and protocol.lane.queue.refuses():
            self._shed()
            return
        # Of a header that comes twice, the first one counts.
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(protocol.headers)}
        self._to_come = announced_bytes(headers.get("content-length", ""))
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
        """Refuse it, at the cost of finding its name and length."""
        headers = dict(reversed(self._protocol.headers))
        self._to_come = body_bytes_in(headers)
        self._request_id = request_id_in(headers)
        self._fault = LOOP_STANDS
        self._protocol.lane.scoring.metrics.refused(self._route.path, self._fault.status)

    @property
    def unwanted_bytes(self) -> int:
        """How much of a body is still to come that nobody will read: the request is refused already."""
        return 0 if self._fault is None or self._whole else self._to_come

    def start(self) -> None:
        """The request before this one is answered."""
        self._started = True
        if self._awaits_continue and self._fault is None and not self._protocol.transport.is_closing():
            self._protocol.transport.write(_CONTINUE)
        self._go_on()

    def take(self, piece: bytes) -> None:
        """A piece of the body."""
        self._to_come -= len(piece)
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
            # An answer that is given again names the request that it was given to first.
            headers = {REQUEST_ID_HEADER: self._request_id, **answer.headers, "content-type": answer.media_type}
            lane, server = self._protocol.lane, self._protocol.server_headers
            self._write(lane.answer(200, headers, answer.content, keep_alive=self.keep_alive, server=server))
            self._protocol.release_when_read(request)
            self._end()

    def _refuse(self, error: ServeError) -> None:
        lane, server = self._protocol.lane, self._protocol.server_headers
        self._write(lane.refusal(error, self._route, self._request_id, keep_alive=self.keep_alive, server=server))
        self._end()

    def _write(self, answer: bytes) -> None:
        if not self._protocol.transport.is_closing():
            self._protocol.transport.write(answer)

    def _end(self) -> None:
        self.response_started = self.response_complete = True
        if not self.keep_alive:
            self._protocol.transport.close()
        self._protocol.on_response_complete()
        self._protocol.stop_reading_if_unread()
