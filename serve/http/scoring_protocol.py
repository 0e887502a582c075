"""The scoring routes at the speed of the connection: requests to them are answered by uvicorn's protocol itself.

The way through ASGI and the framework (a task, events, request and response objects) takes longer than scoring a row.
What they do for these routes is done here: collect the body, score it, write the answer. All other requests go the
usual way, and so do these with another method than POST or with a query.

It builds on uvicorn's `HttpToolsProtocol`, bounded by `connections`. The parser, pipelining, timeouts and the graceful
stop of that class stay in charge: it sees a `ScoringCycle` where it would have made a cycle of its own. uvicorn's
version is pinned, and the tests hold every one of these behaviours.
"""

from __future__ import annotations

import hmac
from typing import Any

from fraud.api_keys import Role
from serve.access.authentication import Caller, login_in
from serve.access.same_site import refuse_other_sites
from serve.http.connection import BoundedConnection
from serve.http.early_refusal import plain_request
from serve.http.fast_lane import FastLane, ServerHeaders
from serve.http.scoring_cycle import ScoringCycle
from serve.overload.loop_queue import LOOP_STANDS
from serve.scoring.call import Headers
from serve.scoring.scoring import ScoringRequest


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
        self._is_admitted = False
        """Whether what is read just now begins a request that was let in: it is not refused once its body is here."""

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        self._is_first_of_read = True
        super().data_received(data)

    @property
    def server_headers(self) -> ServerHeaders:
        """What uvicorn puts on every answer."""
        return self.server_state.default_headers

    def refuses_next(self) -> bool:
        """Whether the next request is to be refused; one behind another of its connection is not."""
        queue = self.lane.queue
        is_decided_now = queue.stands and self.is_between_requests
        refuses = is_decided_now and queue.refuses()
        self._is_admitted = is_decided_now and not refuses
        return refuses

    def refuse_early(self, data: memoryview) -> int | None:
        """Refuse the request that begins with this, and tell how much of its body is still to come; None if it is one
        for the parser, or for the framework.
        """
        request = plain_request(data)
        route = None if request is None else self.lane.routes.get(request.target)
        if request is None or route is None:
            return None
        self.lane.scoring.metrics.refused(route.path, LOOP_STANDS.status)
        self.transport.write(self.lane.overload_refusal(route, request.request_id, self.server_headers))
        self.passed_by(len(data), request.to_come)
        self.stop_reading_if_unread()
        return request.to_come

    @property
    def unwanted_bytes(self) -> int:
        """How much is still to come of the body of a request that is refused already."""
        return self.cycle.unwanted_bytes if isinstance(self.cycle, ScoringCycle) else 0

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
        access = self.lane.access
        caller = access.admit(login, access.address_of(self.client, self.headers), Role.SCORE, request_id)
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
        waits_for_loop = is_next and self._is_first_of_read and not self._is_admitted
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
