"""An OpenTelemetry collector for tests: takes spans by OTLP over HTTP and keeps them."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.live_stack import wait_until
from tests.serving import serving

ARRIVAL_S = 20.0


@dataclass(frozen=True)
class ReceivedSpan:
    """A span as it came: ids in hexadecimal digits, "" for no parent."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    trace_state: str
    kind: int
    seconds: float
    is_error: bool
    attributes: Mapping[str, str | int]
    resource: Mapping[str, str | int]


class Collector(ThreadingHTTPServer):
    """Takes what is posted to `/v1/traces`."""

    def __init__(self) -> None:
        self.spans: list[ReceivedSpan] = []
        self.lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def settings(self) -> dict[str, str]:
        """What names it to a process under test, which is to send soon."""
        endpoint = f"http://127.0.0.1:{self.server_address[1]}"
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_BSP_SCHEDULE_DELAY": "100"}

    def arrived(self, count: int, **attributes: str | int) -> list[ReceivedSpan]:
        """The first spans with these attributes, once there are so many; `_` stands for a dot of a name."""

        def found() -> list[ReceivedSpan]:
            with self.lock:
                spans = list(self.spans)
            return [span for span in spans if attributes.items() <= _with_underscores(span.attributes).items()]

        wait_until(lambda: len(found()) >= count, ARRIVAL_S, f"{count} spans with {attributes}")
        return found()


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        assert (self.path, self.headers["Content-Type"]) == ("/v1/traces", "application/x-protobuf")
        spans = list(_spans(ExportTraceServiceRequest.FromString(body)))
        with self.server.lock:
            self.server.spans += spans
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "application/x-protobuf")
        self.end_headers()
        self.wfile.write(ExportTraceServiceResponse().SerializeToString())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the library
        """Say nothing."""


@contextmanager
def running_collector() -> Iterator[Collector]:
    """A collector on a free port, until the block ends."""
    with serving(Collector()) as collector:
        yield collector


def _spans(request: ExportTraceServiceRequest) -> Iterator[ReceivedSpan]:
    for of_resource in request.resource_spans:
        resource = _as_dict(of_resource.resource.attributes)
        for of_scope in of_resource.scope_spans:
            for span in of_scope.spans:
                yield _received(span, resource)


def _received(span: Span, resource: Mapping[str, str | int]) -> ReceivedSpan:
    return ReceivedSpan(
        name=span.name,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        trace_state=span.trace_state,
        kind=span.kind,
        seconds=(span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
        is_error=span.status.code == 2,
        attributes=_as_dict(span.attributes),
        resource=resource,
    )


def _as_dict(attributes: Iterable[KeyValue]) -> dict[str, str | int]:
    return {
        one.key: one.value.string_value if one.value.HasField("string_value") else one.value.int_value
        for one in attributes
    }


def _with_underscores(attributes: Mapping[str, str | int]) -> dict[str, str | int]:
    return {name.replace(".", "_"): value for name, value in attributes.items()}
