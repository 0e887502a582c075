"""Slow, silent, endless and too many clients: each is closed in its time, and the others don't notice."""

from __future__ import annotations

import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, suppress

import httpx
import pytest

from fraud.features import EXAMPLE_INSTANCE
from tests.live_stack import LOGIN, LiveStack, server_beside, wait_until
from tests.serve.wire import BATCH, SINGLE, Wire, gauge, post

MAX_CONNECTIONS = 40
READ_TIMEOUT_S = 1.0
SWEEP_S = 5.0
"""Longer than a timeout and the wait for the next sweep take, whatever else the machine does."""


@pytest.fixture(scope="module")
def url(stack: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    limits = {"MAX_CONNECTIONS": str(MAX_CONNECTIONS), "READ_TIMEOUT_S": str(READ_TIMEOUT_S)}
    with server_beside(stack, tmp_path_factory.mktemp("bounded"), SERVE_WORKERS="1", **limits) as url:
        yield url


@pytest.fixture
def wire(url: str) -> Iterator[Wire]:
    with closing(Wire(url)) as wire:
        yield wire


def trickle(wire: Wire, data: bytes, pieces: int, pause_s: float) -> None:
    """Send in pieces, until all is sent or the server has closed."""
    size = -(-len(data) // pieces)
    with suppress(OSError):
        for start in range(0, len(data), size):
            wire.send(data[start : start + size])
            time.sleep(pause_s)


def test_a_silent_connection_is_closed(wire: Wire) -> None:
    begun = time.monotonic()
    assert wire.answer().status == 408
    assert wire.is_closed()
    assert READ_TIMEOUT_S <= time.monotonic() - begun < SWEEP_S


@pytest.mark.parametrize("path", ["/predict", "/update-model"])
def test_a_header_that_trickles_is_cut_off_and_nobody_else_waits(url: str, wire: Wire, path: str) -> None:
    slow = [Wire(url) for _ in range(10)]
    for client in (*slow, wire):
        client.send(f"POST {path} HTTP/1.1\r\nHost: he".encode())
    begun = time.monotonic()
    assert httpx.post(url + "/predict", json=EXAMPLE_INSTANCE, headers=LOGIN).status_code == 200
    assert time.monotonic() - begun < READ_TIMEOUT_S
    trickle(wire, b"re\r\nX-Slow: " + b"o" * 100, pieces=100, pause_s=READ_TIMEOUT_S / 20)
    for client in (*slow, wire):
        assert client.answer().status == 408
        client.close()


@pytest.mark.parametrize("path", ["/predict", "/predict?slowly"])
def test_a_body_that_trickles_is_cut_off_and_frees_what_it_held(url: str, wire: Wire, path: str) -> None:
    trickle(wire, post(path, BATCH)[:2_000], pieces=40, pause_s=READ_TIMEOUT_S / 10)
    answer = wire.answer()
    assert (answer.status, answer.json()["error"]["code"]) == (408, "request_timeout")
    assert answer.headers["connection"] == "close"
    wait_until(lambda: gauge(url, "scoring_body_in_flight_bytes") == 0, 30, "its bytes count no longer")


def test_a_refused_body_that_trickles_is_cut_off_too(wire: Wire) -> None:
    wire.send(post("/batch_predict", BATCH, "Content-Type: text/html")[:2_000])
    assert wire.answer().status == 415
    trickle(wire, BATCH[:40], pieces=40, pause_s=READ_TIMEOUT_S / 10)
    assert wire.answer().status == 408
    assert wire.is_closed()


def test_a_long_body_that_comes_steadily_may_take_its_time(wire: Wire) -> None:
    begun = time.monotonic()
    trickle(wire, post("/batch_predict", BATCH), pieces=20, pause_s=READ_TIMEOUT_S / 8)
    assert time.monotonic() - begun > 2 * READ_TIMEOUT_S
    assert wire.answer().status == 200


def test_a_header_that_stops_behind_a_request_in_work_is_cut_off(wire: Wire) -> None:
    """Its answer, which a thread gives, must not count as the end of what the client owes."""
    begun = time.monotonic()
    wire.send(post("/predict", SINGLE, f"Idempotency-Key: {uuid.uuid4()}") + b"POST /predict HTTP/1.1\r\nHost: he")
    assert [wire.answer().status, wire.answer().status] == [200, 408]
    assert time.monotonic() - begun < SWEEP_S


def test_a_header_without_an_end_is_cut_off(wire: Wire) -> None:
    with suppress(OSError):
        wire.send(b"POST /predict HTTP/1.1\r\nHost: here\r\n" + b"X-More: of the same\r\n" * 40_000)
    with suppress(ConnectionResetError):  # it was closed with most of the header unread
        assert wire.answer().status == 431


def test_an_idle_connection_between_requests_is_kept(wire: Wire) -> None:
    for _ in range(2):
        wire.send(post("/predict", SINGLE))
        assert wire.answer().status == 200
        time.sleep(2 * READ_TIMEOUT_S)


@pytest.mark.parametrize("path", ["/batch_predict", "/batch_predict?", "/predict"])
def test_a_client_that_has_closed_its_side_gets_its_answer(wire: Wire, path: str) -> None:
    wire.send(post(path, SINGLE if path == "/predict" else BATCH))
    wire.socket.shutdown(socket.SHUT_WR)
    assert wire.answer().status == 200
    assert wire.is_closed()


def test_one_connection_too_many_is_refused_until_others_have_gone(url: str) -> None:
    wait_until(lambda: gauge(url, "scoring_connections_open") <= 1, 30, "the others have gone")
    crowd = []
    for _ in range(MAX_CONNECTIONS):
        crowd.append(Wire(url))
        crowd[-1].send(post("/predict", SINGLE))
        assert crowd[-1].answer().status == 200
    with closing(Wire(url)) as late:
        answer = late.answer()
        assert (answer.status, answer.json()["error"]["code"]) == (503, "too_many_connections")
        assert answer.headers["retry-after"] == "1"
        assert late.is_closed()
    for wire in crowd:
        wire.close()
    wait_until(
        lambda: httpx.post(url + "/predict", json=EXAMPLE_INSTANCE, headers=LOGIN).status_code == 200,
        30,
        "there is room",
    )
