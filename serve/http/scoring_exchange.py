"""The exchange of a scoring request: answered by the connection, without a task or the framework."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from serve.access.control import AccessControl
from serve.access.middleware import SAFE_METHODS
from serve.access.scoring_login import ScoringLogin
from serve.answer import Answer
from serve.api.scoring_routes import ScoringRoutes
from serve.error_answers import WriteError, as_serve_error, log_fields
from serve.errors import MethodNotAllowed, ServeError
from serve.http.exchange import Channel, Exchange
from serve.http.request_head import RequestHead
from serve.http.responder import CONTINUE
from serve.overload.in_flight import Ticket
from serve.overload.load_shedder import Decision, LoadShedder
from serve.request_names import name_request
from serve.scoring.call import ScoringRoute
from serve.scoring.options import ScoringOptions, options_of
from serve.scoring.request import ScoringRequest
from serve.scoring.scoring import Scoring
from serve.scoring.span import RequestSpan, RequestSpans
from serve.trace_context import TraceContext


@dataclass(frozen=True, slots=True)
class ScoringService:
    """The services for scoring requests, shared by all connections."""

    routes: ScoringRoutes
    scoring: Scoring
    access: AccessControl
    shedder: LoadShedder
    error_form: Callable[[str], WriteError]
    """The form of errors at a path."""
    spans: RequestSpans | None = None
    """Makes spans of requests; None if no collector is configured."""


class ScoringChannel(Channel, Protocol):
    """Additional methods of its connection."""

    def hold_until_taken(self, ticket: Ticket) -> None:
        """Count the request as in flight until the client has taken its answer."""


class ScoringExchange(Exchange):
    """One scoring request and its answer."""

    __slots__ = (
        "_awaits_continue",
        "_fault",
        "_is_computing",
        "_is_gone",
        "_is_started",
        "_request",
        "_route",
        "_scoring",
        "_span",
        "options",
    )

    channel: ScoringChannel

    def __init__(
        self,
        channel: ScoringChannel,
        head: RequestHead,
        route: ScoringRoute,
        service: ScoringService,
        login: ScoringLogin,
        *,
        announced_bytes: int,
        options: ScoringOptions | None = None,
        trace: TraceContext | None = None,
        waits_for_loop: bool,
    ) -> None:
        """`announced_bytes` is the body's length; `options` are the header's options, if already known; `trace` is the
        caller's span.

        `waits_for_loop`: only the event loop has delayed the reading of the request.
        """
        super().__init__(channel, head, route.path, trace)
        self.unread_bytes = announced_bytes
        self._route = route
        self._scoring = service.scoring
        self._awaits_continue = head.expects_continue
        self._is_started = self._is_computing = self._is_gone = False
        self._request: ScoringRequest | None = None
        self._span: RequestSpan | None = None
        self.options = options
        """None if the request is refused before they are read."""
        self._fault: ServeError | None
        self.request_id, self._fault = name_request(head.request_id)
        if waits_for_loop and service.shedder.admit_or_shed() is Decision.SHED:
            self._fault = service.shedder.OVERLOADED
        if self._fault is None:
            try:
                if options is None:
                    options = self.options = _options_of(head, route, login, log_fields(self.request_id, trace))
                self._request = service.scoring.begin(options, self.request_id, announced_bytes)
                if service.spans is not None:
                    self._begin_span(service.spans, head)
                if self.trace is not None:
                    self._request.trace_id = self.trace.trace_id_bytes
            except Exception as error:  # noqa: BLE001 - becomes an answer
                self._fault = as_serve_error(error, self.request_id, self.trace)

    def start(self) -> None:
        """All earlier requests are answered: start."""
        self._is_started = True
        if self._awaits_continue and self._fault is None and not self.is_whole:
            self.channel.write(CONTINUE)
        self._go_on()

    def take(self, piece: bytes) -> None:
        """A piece of the body has arrived."""
        if self._fault is None and self._request is not None:
            try:
                self._request.add(piece)
            except ServeError as error:
                self._fault = error
                self._go_on()

    def end_of_body(self) -> None:
        """The body is complete."""
        self._go_on()

    def fail(self, error: ServeError) -> None:
        """The rest of the body will not come."""
        self._fault = self._fault or error
        self._go_on()

    def abandon(self) -> None:
        """The client has disconnected; a request being computed releases its resources at its end."""
        self._is_gone = True
        if self._span is not None and not self._is_computing:
            self._span.end_unanswered()
        if self._request is not None and not self._is_computing:
            self._request.ticket.release()

    def _go_on(self) -> None:
        """Answer, if everything needed is there."""
        if not self._is_started or self._is_computing or self.is_answered or self._is_gone:
            return
        if self._fault is not None:
            if self._fault.delay_s:
                self._is_computing = True
                self.channel.loop.call_later(self._fault.delay_s, self._refuse, self._fault)
            else:
                self._refuse(self._fault)
        elif self.is_whole and self._request is not None:
            self._compute(self._request)

    def _compute(self, request: ScoringRequest) -> None:
        self._is_computing = True
        answer_of = functools.partial(self._scoring.answer, request)
        if self._scoring.is_quick(request):
            self._finish(request, answer_of)
            return
        try:
            future = self._scoring.threads.submit(answer_of)
        except ServeError as error:
            self._refuse(error)
        else:
            future.add_done_callback(lambda done: self._finish(request, done.result))

    def _finish(self, request: ScoringRequest, answer_of: Callable[[], Answer]) -> None:
        try:
            answer = answer_of()
        except asyncio.CancelledError:
            request.ticket.release()
        except Exception as error:  # noqa: BLE001 - becomes an answer
            self._refuse(as_serve_error(error, self.request_id, self.trace))
        else:
            self._scoring.metrics.answered(self.path, request.rows, request.seconds)
            responder = self.channel.responder
            self.channel.write(responder.score(answer, self.request_id, keep_alive=self.keep_alive, trace=self.trace))
            if self._span is not None:
                self._span.end_answered(request.rows, answer.model_version)
            self.channel.hold_until_taken(request.ticket)
            self.channel.finish(self)

    def _begin_span(self, spans: RequestSpans, head: RequestHead) -> None:
        """Begin our span; if the request is sampled, it becomes the trace of the request."""
        self._span = spans.begin(self.path, self.request_id, self.trace, head.trace_state())
        if self._span is not None and self._request is not None:
            self.trace = self._span.trace
            self._request.span = self._span

    def _refuse(self, error: ServeError) -> None:
        if self._request is not None:
            self._request.ticket.release()
        self._scoring.metrics.refused(self.path, error.status)
        if self._span is not None:
            self._span.end_refused(error.status, error.code)
        self.send_error(error, self._route.write_error)


def _options_of(
    head: RequestHead, route: ScoringRoute, login: ScoringLogin, about: Mapping[str, str]
) -> ScoringOptions:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.values.items()}
    method = head.method.decode()
    caller = login.caller(headers, head.fields, about, changes=method not in SAFE_METHODS)
    if method != "POST":
        raise MethodNotAllowed(f"{method} {route.path}: expected POST", {"Allow": "POST"})
    query = head.target.partition(b"?")[2].partition(b"#")[0].decode("latin-1")
    return options_of(route, headers, caller.name, query)
