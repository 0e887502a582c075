"""The load process keeps its schedule, whatever the server does."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bench.gate.errors import GateError
from bench.gate.latency.judge import is_void
from bench.gate.latency.load_plan import RequestKind
from bench.gate.latency.load_process import load_process
from tests.serving import serving

pytestmark = pytest.mark.alone  # the load keeps its schedule on a machine that is not overloaded

STALL_S = 0.5
SINGLE = RequestKind("single", rows=1, requests_per_s=50.0, users=1)
BATCH = RequestKind("batch", rows=20, requests_per_s=10.0, users=2)


class Server(ThreadingHTTPServer):
    """Answers scoring requests, and remembers their bodies; may stall once, or fail."""

    stall_at: int | None = None
    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.bodies: list[bytes] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self.answer(200)

    def do_POST(self) -> None:
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        if len(self.server.bodies) == self.server.stall_at:
            time.sleep(STALL_S)
        self.answer(self.server.status)

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(Server()) as server:
        yield server


def test_every_request_is_sent_with_fresh_rows(server: Server) -> None:
    with load_process((SINGLE, BATCH), "a key", seed=1) as load:
        (samples,) = load.run([server.url], 1.0)
    assert not is_void(samples)
    assert samples.kinds["single"].planned == len(samples.kinds["single"].latencies_us) == 50
    assert samples.kinds["batch"].planned == len(samples.kinds["batch"].latencies_us) == 10
    assert len(set(server.bodies)) == len(server.bodies) == 60
    batches = [body for body in server.bodies if b"instances" in body]
    assert all(len(json.loads(body)["instances"]) == 20 for body in batches)


def test_a_stalled_server_is_charged_for_the_requests_that_had_to_wait(server: Server) -> None:
    """A closed loop would show one slow answer of fifty; the schedule shows all that waited."""
    server.stall_at = 10
    with load_process((SINGLE,), "a key", seed=1) as load:
        (samples,) = load.run([server.url], 1.5)
    waited = [latency for latency in samples.kinds["single"].latencies_us if latency > 50_000]
    assert len(waited) >= 0.8 * STALL_S * SINGLE.requests_per_s
    assert max(waited) >= STALL_S * 1e6
    assert len(samples.kinds["single"].latencies_us) == samples.kinds["single"].planned


def test_a_window_that_could_not_be_filled_is_void(server: Server) -> None:
    server.stall_at = 30
    with load_process((SINGLE,), "a key", seed=1) as load:
        (samples,) = load.run([server.url], 0.7)
    assert is_void(samples)


def test_errors_are_told(server: Server) -> None:
    server.status = 503
    with load_process((BATCH,), "a key", seed=1) as load:
        (samples,) = load.run([server.url], 0.5)
    assert samples.kinds["batch"].errors == ["/batch_predict answered 503: {}"] * 5


def test_windows_go_to_the_servers_in_the_order_asked_for(server: Server) -> None:
    with serving(Server()) as other, load_process((SINGLE,), "a key", seed=1) as load:
        first, second, third = load.run([server.url, other.url, server.url], 0.4)
        assert (len(server.bodies), len(other.bodies)) == (40, 20)
    assert [window.kinds["single"].planned for window in (first, second, third)] == [20, 20, 20]


def test_a_process_that_died_is_named(server: Server) -> None:
    with load_process((BATCH,), "a key", seed=1) as load:
        load._process.kill()
        load._process.wait()
        with pytest.raises(GateError, match="load process has ended"):
            load.run([server.url], 0.2)
