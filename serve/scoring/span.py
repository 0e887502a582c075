"""The interface between scoring and a tracer. Without a collector, OpenTelemetry is not imported."""

from __future__ import annotations

from typing import Protocol

from serve.trace_context import TraceContext


class RequestSpan(Protocol):
    """The span of one sampled request; it is exported after its end."""

    engine: str
    """The kernel that scored the rows; "" before scoring."""

    @property
    def trace(self) -> TraceContext:
        """The span, as named in the answer."""

    def end_answered(self, rows: int, model_version: int) -> None:
        """The request was answered by this version."""

    def end_refused(self, status: int, code: str) -> None:
        """The request was answered with an error."""

    def end_unanswered(self) -> None:
        """The client disconnected before the answer."""


class RequestSpans(Protocol):
    """Makes the spans of requests."""

    def begin(
        self, route: str, request_id: str, caller: TraceContext | None, trace_state: list[str]
    ) -> RequestSpan | None:
        """The span of a request, a child of the caller's; None if it is not sampled.

        Args:
            route: address of the scoring route.
            request_id: the request's id in the answer, the log and the record.
            caller: the caller's span, if given.
            trace_state: values of `tracestate`; malformed ones are dropped.
        """

    def close(self) -> None:
        """Export ended spans that are still queued; takes seconds if the collector does not answer."""
