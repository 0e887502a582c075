"""The trace of a request: echoed, on record, in logs, and as a span at a collector."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from fraud.errors import SettingsError
from fraud.features import EXAMPLE_INSTANCE
from fraud.tracing import is_tracing, open_provider
from tests.collector import Collector, ReceivedSpan, running_collector
from tests.live_stack import LOGIN, LiveStack, project_environment, server_beside, wait_until
from tests.serve.prediction_log_rows import fetch
from tests.serve.wire import KEY_LINE, SINGLE, Wire

OWN_SHARE = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "1"}
SERVER_KIND = 2


def new_trace(flags: str = "01") -> tuple[str, str, str]:
    """A trace id, the id of a span in it, and the header that names them."""
    trace_id, span_id = secrets.token_hex(16), secrets.token_hex(8)
    return trace_id, span_id, f"00-{trace_id}-{span_id}-{flags}"


@dataclass(frozen=True)
class Traced:
    """A server, and the collector that it knows."""

    url: str
    collector: Collector
    stack: LiveStack
    log: Path

    def post(self, path: str = "/predict", body: object = EXAMPLE_INSTANCE, **headers: str) -> httpx.Response:
        return httpx.post(self.url + path, json=body, headers={**LOGIN, **headers})

    def span_of(self, answer: httpx.Response) -> ReceivedSpan:
        (span,) = self.collector.arrived(1, scoring_request_id=answer.headers["x-request-id"])
        return span

    def recorded(self, answer: httpx.Response) -> str | None:
        """The trace id on record, in hexadecimal digits."""
        query = "SELECT encode(trace_id, 'hex') FROM prediction_requests WHERE request_id = %s"
        request_id = answer.headers["x-request-id"]
        wait_until(lambda: bool(fetch(self.stack.owner_dsn, query, request_id)), 20, "the record is there")
        ((trace_id,),) = fetch(self.stack.owner_dsn, query, request_id)
        return None if trace_id is None else str(trace_id)


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with running_collector() as collector:
        yield collector


@pytest.fixture(scope="module")
def traced(stack: LiveStack, collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    folder = tmp_path_factory.mktemp("traced")
    with server_beside(stack, folder, SERVE_WORKERS="1", **collector.settings) as url:
        yield Traced(url, collector, stack, folder / "server.log")


@pytest.fixture(scope="module")
def sampling(stack: LiveStack, collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    """A server that samples requests of its own accord."""
    folder = tmp_path_factory.mktemp("sampling")
    with server_beside(stack, folder, SERVE_WORKERS="1", **collector.settings, **OWN_SHARE) as url:
        yield Traced(url, collector, stack, folder / "server.log")


def test_a_sampled_request_is_a_span_below_its_callers(traced: Traced) -> None:
    trace_id, span_id, header = new_trace()
    body = {"instances": [EXAMPLE_INSTANCE] * 3}
    answer = traced.post("/batch_predict", body, traceparent=header, tracestate="vendor=a1,other=b2")
    span = traced.span_of(answer)
    assert (span.trace_id, span.parent_id, span.trace_state) == (trace_id, span_id, "vendor=a1,other=b2")
    assert (span.name, span.kind, span.is_error) == ("POST /batch_predict", SERVER_KIND, False)
    engine = span.attributes["scoring.engine"]
    assert engine in {"onnxruntime", "forest"}
    assert span.attributes == {
        "http.request.method": "POST",
        "http.route": "/batch_predict",
        "http.response.status_code": 200,
        "scoring.request_id": answer.headers["x-request-id"],
        "scoring.rows": 3,
        "scoring.model_version": int(answer.headers["x-model-version"]),
        "scoring.engine": engine,
    }
    assert span.resource["service.name"] == "marriage-loan-scoring"
    assert 0 < span.seconds < 60
    assert answer.headers["traceparent"] == f"00-{trace_id}-{span.span_id}-01"
    assert traced.recorded(answer) == trace_id


def test_a_request_that_is_not_sampled_is_echoed_and_recorded_without_a_span(traced: Traced) -> None:
    trace_id, _, header = new_trace("00")
    answer = traced.post(traceparent=header)
    assert answer.headers["traceparent"] == header
    assert traced.recorded(answer) == trace_id
    traced.span_of(traced.post(traceparent=new_trace()[2]))  # a later one has come
    assert not [span for span in traced.collector.spans if span.trace_id == trace_id]


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({}, id="no trace"),
        pytest.param({"traceparent": "00-XYZ"}, id="malformed"),
        pytest.param({"traceparent": f"00-{'0' * 32}-{'1' * 16}-01"}, id="trace id of zeros"),
        pytest.param({"tracestate": "vendor=a1"}, id="a state of no trace"),
    ],
)
def test_without_a_right_trace_there_is_none(traced: Traced, given: dict[str, str]) -> None:
    answer = traced.post(**given)
    assert answer.status_code == 200
    assert "traceparent" not in answer.headers
    assert traced.recorded(answer) is None


def test_a_server_that_samples_begins_a_new_trace_for_a_malformed_one(sampling: Traced) -> None:
    answer = sampling.post(traceparent="00-XYZ", tracestate="vendor=a1")
    span = sampling.span_of(answer)
    assert (span.parent_id, span.trace_state) == ("", "")
    assert answer.headers["traceparent"] == f"00-{span.trace_id}-{span.span_id}-03", "sampled, and of a random trace id"
    assert sampling.recorded(answer) == span.trace_id


def test_a_malformed_state_is_dropped_and_the_trace_kept(traced: Traced) -> None:
    trace_id, _, header = new_trace()
    span = traced.span_of(traced.post(traceparent=header, tracestate="no state at all"))
    assert (span.trace_id, span.trace_state) == (trace_id, "")


def test_an_error_is_a_span_with_its_status(traced: Traced) -> None:
    trace_id, _, header = new_trace()
    answer = traced.post(body=EXAMPLE_INSTANCE | {"Age_Days": "old"}, traceparent=header)
    span = traced.span_of(answer)
    assert (span.trace_id, span.is_error) == (trace_id, False)
    assert span.attributes["http.response.status_code"] == answer.status_code == 422
    assert span.attributes["error.type"] == answer.json()["error"]["code"]
    assert answer.headers["traceparent"] == f"00-{trace_id}-{span.span_id}-01"


def test_a_stranger_gets_an_echo_and_no_span(traced: Traced) -> None:
    trace_id, _, header = new_trace()
    answer = httpx.post(
        traced.url + "/predict", json=EXAMPLE_INSTANCE, headers={"X-API-Key": "wrong", "traceparent": header}
    )
    assert (answer.status_code, answer.headers["traceparent"]) == (401, header)
    traced.span_of(traced.post(traceparent=new_trace()[2]))  # a later one has come
    assert not [span for span in traced.collector.spans if span.trace_id == trace_id]


def test_requests_of_one_connection_have_a_trace_each(traced: Traced) -> None:
    """Their headers are known by their bytes, but for the trace."""
    traces = [new_trace() for _ in range(4)]
    with closing(Wire(traced.url)) as wire:
        for trace_id, _, header in traces:
            head = f"POST /predict HTTP/1.1\r\nHost: a\r\n{KEY_LINE}\r\nContent-Type: application/json\r\n"
            wire.send(f"{head}traceparent: {header}\r\nContent-Length: {len(SINGLE)}\r\n\r\n".encode() + SINGLE)
            answer = wire.answer()
            assert answer.status == 200
            assert answer.headers["traceparent"].split("-")[1] == trace_id
            (span,) = traced.collector.arrived(1, scoring_request_id=answer.headers["x-request-id"])
            assert span.trace_id == trace_id


def test_other_routes_echo_the_trace(traced: Traced) -> None:
    _, _, header = new_trace()
    for path in ("/health/live", "/no-such-page", "/model-info"):
        answer = httpx.get(traced.url + path, headers={**LOGIN, "traceparent": header})
        assert answer.headers["traceparent"] == header


def test_logs_name_the_trace(traced: Traced) -> None:
    trace_id, _, header = new_trace()
    httpx.post(traced.url + "/predict", json=EXAMPLE_INSTANCE, headers={"X-API-Key": "wrong", "traceparent": header})

    def lines() -> list[dict[str, object]]:
        found = [line for line in traced.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in map(json.loads, found) if line.get("trace_id") == trace_id]

    wait_until(lambda: bool(lines()), 10, "the failed login is logged")
    assert lines()[0]["event"].startswith("failed login")  # type: ignore[attr-defined]


def test_without_a_collector_nothing_of_opentelemetry_is_imported() -> None:
    told = (
        "import sys, serve.workers.worker, jenkins.retrain.__main__, jenkins.schedule.__main__\n"
        "ours = 'opentelemetry.exporter', 'serve.request_spans'\n"
        "print([name for name in sys.modules if name.startswith(ours)])"
    )
    command = [sys.executable, "-c", told]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, env=project_environment())
    assert ended.stdout.strip() == "[]"


def test_a_missing_exporter_is_told_of_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(SettingsError, match=r"install the extra `tracing`"):
        open_provider("test")


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        pytest.param({}, False, id="no collector"),
        pytest.param({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False, id="an empty variable, as compose passes it on"),
        pytest.param({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:4318"}, True, id="a collector"),
        pytest.param({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://a:4318/v1/traces"}, True, id="one for traces"),
        pytest.param({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a", "OTEL_SDK_DISABLED": "TRUE"}, False, id="disabled"),
        pytest.param({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a", "OTEL_TRACES_EXPORTER": "none"}, False, id="none"),
    ],
)
def test_traces_are_sent_where_the_standard_variables_say_so(environment: dict[str, str], *, expected: bool) -> None:
    assert is_tracing(environment) is expected
