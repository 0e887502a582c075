"""What scoring tells a tracer of a request. Where there is no collector, nothing of OpenTelemetry is imported."""

from __future__ import annotations

from typing import Protocol

from serve.trace_context import TraceContext


class RequestSpan(Protocol):
    """The span that stands for one sampled request; it is sent once it has ended."""

    engine: str
    """The kernel that scored the rows; "" before that."""

    @property
    def trace(self) -> TraceContext:
        """The span, as the answer names it."""

    def end_answered(self, rows: int, model_version: int) -> None:
        """The request was answered by this version."""

    def end_refused(self, status: int, code: str) -> None:
        """The request was answered by an error."""

    def end_unanswered(self) -> None:
        """The client was gone before the answer."""


class RequestSpans(Protocol):
    """Makes the spans of requests."""

    def begin(
        self, route: str, request_id: str, caller: TraceContext | None, trace_state: list[str]
    ) -> RequestSpan | None:
        """The span of a request below the caller's; None where it is not sampled.

        Args:
            route: address of the scoring route.
            request_id: what the request is called in the answer, the log and the record.
            caller: the caller's span, if it named one.
            trace_state: values of `tracestate`, which is dropped where it is malformed.
        """

    def close(self) -> None:
        """Send what has ended and was not sent yet; it takes seconds where the collector does not answer."""
