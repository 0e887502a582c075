"""Traces of pipelines: their stages are commands of their own, often in processes that know nothing of each other.

So a span is named at its beginning, handed on as text, and sent at its end. Without a collector (`fraud.tracing`) there
are no spans, and nothing of OpenTelemetry is imported.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec

from fraud.tracing import is_tracing, open_provider
from fraud.verdict import Verdict

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace.id_generator import IdGenerator

SERVICE: Final = "marriage-loan-pipelines"
TRACEPARENT: Final = "TRACEPARENT"
"""Environment variable by which a caller names its span, and by which we name ours to the commands that we run."""
VERDICT: Final = "scoring.verdict"
_HEADER: Final = "traceparent"


class NamedSpan(msgspec.Struct, frozen=True):
    """A span that has begun, as `traceparent` writes it."""

    span: str
    parent: str | None
    """The span that it is below; None: its trace begins with it."""
    started: dt.datetime


@dataclass(slots=True)
class StageSpan:
    """What a stage knows of its span, while it is at work."""

    environment: Mapping[str, str] = field(default_factory=dict)
    """For the commands that it runs: names the span."""
    verdict: Verdict | None = None
    """How the stage ended, once it has, if it ends with a verdict; ERROR where it raised."""


def caller_span() -> str | None:
    """The span in which this process was started, by its environment."""
    return os.environ.get(TRACEPARENT)


def begin_span(parent: str | None) -> NamedSpan | None:
    """Name a span below another, or of a new trace; None without a collector."""
    if not is_tracing():
        return None
    provider = open_provider(SERVICE)
    context = provider.get_tracer(__name__).start_span("named only", _context(parent)).get_span_context()
    provider.shutdown()
    text = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
    return NamedSpan(text, parent, dt.datetime.now(dt.UTC))


def end_span(named: NamedSpan | None, name: str, verdict: Verdict | None) -> None:
    """Send a span that `begin_span` named, in this process or an earlier one."""
    if named is None or not is_tracing():
        return
    from opentelemetry.trace import StatusCode  # noqa: PLC0415 - not imported without a collector

    provider = open_provider(SERVICE, ids=_ids_of(named.span))
    started = int(named.started.timestamp() * 1e9)
    span = provider.get_tracer(__name__).start_span(name, _context(named.parent), start_time=started)
    if verdict is not None:
        span.set_attribute(VERDICT, verdict.value)
    if verdict is Verdict.ERROR:
        span.set_status(StatusCode.ERROR)
    span.end()
    provider.shutdown()


@contextmanager
def stage_span(name: str, parent: str | None) -> Iterator[StageSpan]:
    """A span for the block, sent at its end. Meanwhile no thread runs for it, so that the block may fork."""
    named = begin_span(parent)
    stage = StageSpan({} if named is None else {TRACEPARENT: named.span})
    try:
        yield stage
    except BaseException:
        stage.verdict = Verdict.ERROR
        raise
    finally:
        end_span(named, name, stage.verdict)


def _context(traceparent: str | None) -> Context:
    """What a span begins in: the span that is named, or nothing where that is malformed."""
    from opentelemetry.context import Context  # noqa: PLC0415 - not imported without a collector
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

    carrier = {} if traceparent is None else {_HEADER: traceparent}
    return TraceContextTextMapPropagator().extract(carrier, Context())


def _ids_of(traceparent: str) -> IdGenerator:
    """Gives a new span the ids of the one that is named."""
    from opentelemetry.sdk.trace.id_generator import IdGenerator  # noqa: PLC0415 - not imported without a collector

    _, trace_id, span_id, _ = traceparent.split("-")

    class Named(IdGenerator):
        def generate_trace_id(self) -> int:
            return int(trace_id, 16)

        def generate_span_id(self) -> int:
            return int(span_id, 16)

    return Named()
