"""More than can be answered: what is refused leaves its connection in step, and holds nothing."""

from __future__ import annotations

import asyncio
import re
import select
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass

import httpx
import pytest

from bench.experiments.connection import Connection
from tests.live_stack import LiveStack, server_beside, wait_until
from tests.serve.certificates import Certificate
from tests.serve.wire import BATCH, KEY_LINE, LONG, SINGLE, Answer, Wire, post, total

pytestmark = pytest.mark.alone  # beside other tests the crowd may not get the machine that it needs

MODEL = "divorce-model"
CROWD = 300
"""Clients that each send a further request as soon as they have an answer: a round of them takes far longer than it may
take.
"""
MAX_WAIT_MS = 100.0
READ_TIMEOUT_S = 1.0
DEADLINE_S = 60.0


@dataclass(frozen=True)
class Server:
    url: str
    trust: ssl.SSLContext | None

    def wire(self) -> Wire:
        return Wire(self.url, self.trust)


@pytest.fixture(scope="module", params=["plain", "encrypted"])
def server(
    request: pytest.FixtureRequest, stack: LiveStack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("overloaded")
    settings = {"SERVE_WORKERS": "1", "MAX_WAIT_MS": str(MAX_WAIT_MS), "READ_TIMEOUT_S": str(READ_TIMEOUT_S)}
    trust = None
    if request.param == "encrypted":
        certificate = Certificate.issue(folder)
        trust, settings = certificate.trust, settings | certificate.settings
    with server_beside(stack, folder, **settings) as url, crowd(url, trust):
        yield Server(url, trust)


@contextmanager
def crowd(url: str, trust: ssl.SSLContext | None) -> Iterator[None]:
    """Keep the queue standing."""
    is_over = threading.Event()
    port = httpx.URL(url).port or 443

    async def client() -> None:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(Connection, "127.0.0.1", port, ssl=trust)
        while not is_over.is_set():
            await connection.ask(post("/predict", SINGLE))
        connection.close()

    async def clients() -> None:
        await asyncio.gather(*(client() for _ in range(CROWD)))

    thread = threading.Thread(target=asyncio.run, args=[clients()])
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


@pytest.fixture
def wire(server: Server) -> Iterator[Wire]:
    """A connection on which a request was answered already."""
    with closing(server.wire()) as wire:
        wire.send(post("/predict", SINGLE))
        wire.answer()
        yield wire


def until(wire: Wire, status: int, request: bytes, otherwise: int) -> Answer:
    """Send it again and again until it is answered so, and no other way than these two."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        wire.send(request)
        answer = wire.answer()
        if answer.status == status:
            return answer
        assert answer.status == otherwise
    raise AssertionError(f"no {status} within {DEADLINE_S:g} s")


def refused(wire: Wire, request: bytes, otherwise: int = 200) -> Answer:
    return until(wire, 503, request, otherwise)


def is_answered(wire: Wire, within_s: float) -> bool:
    return bool(select.select([wire.socket], [], [], within_s)[0])


def metric(wire: Wire, name: str) -> float:
    wire.send(f"GET /metrics HTTP/1.1\r\nHost: here\r\n{KEY_LINE}\r\n\r\n".encode())
    return total(wire.answer().body.decode(), name)


@pytest.mark.parametrize("name", ["a", "order-17", "x" * 128])
def test_a_refusal_says_who_is_refused_why_and_when_to_come_again(wire: Wire, name: str) -> None:
    refusal = refused(wire, post("/predict", SINGLE, f"X-Request-ID: {name}"))
    assert refusal.json()["error"]["code"] == "overloaded"
    assert refusal.json()["request_id"] == refusal.headers["x-request-id"] == name
    assert re.fullmatch("[0-9]+", refusal.headers["retry-after"])
    assert re.fullmatch("[0-9]+", refusal.headers["x-model-version"])
    assert refusal.headers["cache-control"] == "no-store"
    assert refusal.headers["x-content-type-options"] == "nosniff"
    assert "date" in refusal.headers


def test_a_refusal_in_the_form_of_its_protocol(wire: Wire) -> None:
    refusal = refused(wire, post(f"/v2/models/{MODEL}/infer", b"{}"), otherwise=422)
    assert "the server is overloaded" in refusal.json()["error"]


@pytest.mark.parametrize(
    ("path", "body", "otherwise"),
    [("/predict", SINGLE, 200), ("/batch_predict", BATCH, 200), ("/batch_predict", LONG, 400)],
    ids=["a row", "a batch", "a body of many reads"],
)
def test_after_a_refusal_the_connection_is_in_step(wire: Wire, path: str, body: bytes, otherwise: int) -> None:
    for _ in range(3):
        refused(wire, post(path, body), otherwise)
        until(wire, 200, post("/predict", SINGLE), otherwise=503)


def test_the_next_request_may_follow_a_refused_one_at_once(wire: Wire) -> None:
    both = post("/batch_predict", LONG) + post("/predict", SINGLE, "X-Request-ID: next")
    refused = 0
    while refused < 3:
        wire.send(both)
        refused += wire.answer().status == 503
        assert wire.answer().headers["x-request-id"] == "next"


def test_a_refused_body_that_trickles_is_cut_off(wire: Wire) -> None:
    request = post("/batch_predict", BATCH)
    wire.send(request[:1_000])
    while not is_answered(wire, within_s=READ_TIMEOUT_S / 4):  # it is not refused, but waited for
        wire.send(request[1_000:])
        wire.answer()
        wire.send(request[:1_000])
    assert wire.answer().status == 503
    with suppress(OSError):
        for byte in request[1_000:1_040]:
            wire.send(bytes([byte]))
            time.sleep(READ_TIMEOUT_S / 10)
    assert wire.answer().status == 408
    assert wire.is_closed()


def test_a_client_that_leaves_in_a_refused_body_is_forgotten(server: Server, wire: Wire) -> None:
    leaving = [server.wire() for _ in range(10)]
    for client in leaving:
        client.send(post("/predict", SINGLE))
        client.answer()
        client.send(post("/batch_predict", LONG)[:-1])
    for client in leaving:
        client.close()
    wait_until(lambda: metric(wire, "scoring_connections_open") == CROWD + 1, DEADLINE_S, "their connections are gone")


def test_refusals_are_counted(wire: Wire) -> None:
    name = 'scoring_requests_total{endpoint="/predict",status="503"}'
    before = metric(wire, name)
    refused(wire, post("/predict", SINGLE))
    wait_until(lambda: metric(wire, name) > before, DEADLINE_S, "it is counted")
