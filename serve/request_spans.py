"""Spans of scoring requests, by OpenTelemetry's SDK; imported only if a collector is configured (`fraud.tracing`)."""

from __future__ import annotations

import os
from typing import Final

from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    TraceState,
    set_span_in_context,
)

from fraud.tracing import SAMPLER, open_provider
from serve.trace_context import TraceContext

SERVICE: Final = "marriage-loan-scoring"
REQUEST_ID: Final = "scoring.request_id"
ROWS: Final = "scoring.rows"
ENGINE: Final = "scoring.engine"
MODEL_VERSION: Final = "scoring.model_version"
_METHOD: Final = "http.request.method"
_ROUTE: Final = "http.route"
_STATUS: Final = "http.response.status_code"
_ERROR: Final = "error.type"
"""Attributes without the prefix `scoring.` follow OpenTelemetry's semantic conventions for HTTP servers."""
_SERVER_ERROR: Final = 500
_OK: Final = 200


class SdkRequestSpan:
    """One span of the SDK; see `serve.scoring.span.RequestSpan`."""

    __slots__ = ("_span", "engine", "trace")

    def __init__(self, span: Span) -> None:
        context = span.get_span_context()
        self._span = span
        self.engine = ""
        self.trace = TraceContext(f"{context.trace_id:032x}", f"{context.span_id:016x}", context.trace_flags)

    def end_answered(self, rows: int, model_version: int) -> None:
        """The request was answered by this version."""
        self._span.set_attributes({_STATUS: _OK, ROWS: rows, MODEL_VERSION: model_version})
        if self.engine:  # else the answer was a saved one
            self._span.set_attribute(ENGINE, self.engine)
        self._span.end()

    def end_refused(self, status: int, code: str) -> None:
        """The request was answered with an error; only server errors are marked as errors in traces."""
        self._span.set_attributes({_STATUS: status, _ERROR: code})
        if status >= _SERVER_ERROR:
            self._span.set_status(StatusCode.ERROR)
        self._span.end()

    def end_unanswered(self) -> None:
        """The client disconnected before the answer."""
        self._span.set_attribute(_ERROR, "client_gone")
        self._span.end()


class SdkRequestSpans:
    """Makes spans of the sampled requests; see `serve.scoring.span.RequestSpans`."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer(__name__)
        self._asks_sampler = bool(os.environ.get(SAMPLER))
        """Whether a request may be sampled although its caller's span is not."""

    def begin(
        self, route: str, request_id: str, caller: TraceContext | None, trace_state: list[str]
    ) -> SdkRequestSpan | None:
        """The span of a request, a child of the caller's; None if it is not sampled."""
        if not self._asks_sampler and (caller is None or not caller.is_sampled):
            return None
        span = self._tracer.start_span(
            f"POST {route}",
            _context(caller, trace_state),
            SpanKind.SERVER,
            {_METHOD: "POST", _ROUTE: route, REQUEST_ID: request_id},
        )
        return SdkRequestSpan(span) if span.is_recording() else None

    def close(self) -> None:
        """Export ended spans that are still queued."""
        self._provider.shutdown()


def open_request_spans() -> SdkRequestSpans:
    """The spans of this process.

    Raises:
        SettingsError: the exporter is not installed.
    """
    return SdkRequestSpans(open_provider(SERVICE, only_callers_sample=True))


def _context(caller: TraceContext | None, trace_state: list[str]) -> Context:
    """The parent context: the caller's span, or none; never the thread's own context."""
    if caller is None:
        return Context()
    parent = SpanContext(
        int(caller.trace_id, 16),
        int(caller.span_id, 16),
        is_remote=True,
        trace_flags=TraceFlags(caller.flags),
        trace_state=TraceState.from_header(trace_state),
    )
    return set_span_in_context(NonRecordingSpan(parent), Context())
