"""The open loop counts latency from when a request was due, whatever the server does meanwhile."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bench.experiments.connection import content_length
from bench.experiments.peers.errors import PeersError
from bench.experiments.peers.open_loop import measure_latencies, schedule
from bench.experiments.peers.services import responder
from fraud.stack.ports import hold_port

REQUEST = b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"
STALL_S = 0.4


class StallsOnce(responder.Responder):
    """Holds up its whole event loop at the first request, as a server does that collects garbage."""

    stalled = False

    def data_received(self, data: bytes) -> None:
        if not StallsOnce.stalled:
            StallsOnce.stalled = True
            time.sleep(STALL_S)
        super().data_received(data)


class Refuses(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        assert isinstance(self.transport, asyncio.Transport)
        self.transport.write(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")


@contextmanager
def serving(protocol: type[asyncio.Protocol]) -> Iterator[int]:
    port, loop, ready = hold_port(), asyncio.new_event_loop(), threading.Event()

    async def serve() -> None:
        await loop.create_server(protocol, "127.0.0.1", port)
        ready.set()

    def run() -> None:
        loop.run_until_complete(serve())
        loop.run_forever()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield port
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


def test_a_stall_is_paid_by_all_who_were_due_meanwhile() -> None:
    due_s = [0.0, 0.1, 0.2, 0.3, 1.5]
    StallsOnce.stalled = False
    with serving(StallsOnce) as port:
        latencies = measure_latencies(port, [REQUEST], due_s)
    for due, latency in zip(due_s[:4], latencies[:4], strict=True):
        assert latency >= 1e3 * (STALL_S - due) - 5
    assert latencies[4] < latencies[0]


def test_an_answer_that_is_no_200_fails_the_run() -> None:
    with serving(Refuses) as port, pytest.raises(PeersError, match="503"):
        measure_latencies(port, [REQUEST], [0.0, 0.01])


def test_a_schedule_has_the_rate_and_comes_from_its_seed() -> None:
    due_s = schedule(500.0, 20.0, seed=1)
    assert due_s == schedule(500.0, 20.0, seed=1)
    assert due_s != schedule(500.0, 20.0, seed=2)
    assert len(due_s) / due_s[-1] == pytest.approx(500, rel=0.05)


def test_an_answer_of_unknown_length_is_refused() -> None:
    assert content_length(b"HTTP/1.1 200 OK\r\nContent-Length: 12") == 12
    with pytest.raises(ConnectionError, match="Content-Length"):
        content_length(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked")
