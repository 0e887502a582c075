"""A request that is refused while its body still comes, on a connection that closes: the answer arrives.

Were the socket closed with bytes unread, the kernel would reset the connection, and the client see a broken pipe in
place of the answer. So the server says that it sends no more, reads what comes, drops it, and closes within bounds.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import closing

import pytest

from tests.live_stack import LiveStack, server_beside, wait_until
from tests.serve.certificates import Certificate
from tests.serve.scoring_routes import TARGETS, check_error, route_of
from tests.serve.wire import KEY_LINE, SINGLE, Answer, Wire, gauge, is_welcome, post, request

MAX_BODY_BYTES = 4_000_000
TOO_MANY_BYTES = bytes(MAX_BODY_BYTES + 1_000_000)
"""More than the kernel's buffers hold together."""
ENOUGH_BYTES = TOO_MANY_BYTES[: MAX_BODY_BYTES - 100_000]
MAX_CONNECTIONS = 30
READ_TIMEOUT_S = 1.0
FOR_EVER_BYTES = 1 << 30
"""More than any server need read of a body that it has refused."""
DEADLINE_S = 60.0
CLOSING = {"HTTP/1.0": ("1.0", ()), "Connection: close": ("1.1", ("Connection: close",))}


LIMITS = {
    "MAX_BODY_BYTES": str(MAX_BODY_BYTES),
    "MAX_BYTES_IN_FLIGHT": str(MAX_BODY_BYTES),
    "MAX_CONNECTIONS": str(MAX_CONNECTIONS),
    "READ_TIMEOUT_S": str(READ_TIMEOUT_S),
    "SERVE_WORKERS": "1",
}


@pytest.fixture(scope="module")
def url(stack: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with server_beside(stack, tmp_path_factory.mktemp("lingering"), **LIMITS) as url:
        yield url


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return Certificate.issue(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def encrypted_url(
    stack: LiveStack, certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    with server_beside(stack, tmp_path_factory.mktemp("encrypted"), **LIMITS, **certificate.settings) as url:
        yield url


@pytest.fixture
def wire(url: str) -> Iterator[Wire]:
    with closing(Wire(url)) as wire:
        yield wire


def without_login(target: str, body: bytes, *lines: str, version: str) -> bytes:
    return post(target, body, *lines, version=version).replace(KEY_LINE.encode(), b"X-Nothing: here")


def check_last(wire: Wire, answer: Answer, status: int) -> None:
    assert answer.status == status
    assert answer.headers["connection"] == "close"
    assert wire.is_closed()


closes = pytest.mark.parametrize(("version", "lines"), CLOSING.values(), ids=CLOSING)
targeted = pytest.mark.parametrize("target", TARGETS)


@closes
@targeted
@pytest.mark.parametrize(
    ("status", "header"),
    [(401, "X-Nothing: here"), (403, "Origin: https://elsewhere.example"), (413, "X-Nothing: here")],
)
def test_a_refusal_arrives_though_all_of_the_body_is_sent_first(
    wire: Wire, target: str, version: str, lines: tuple[str, ...], status: int, header: str
) -> None:
    if status == 401:
        sent = without_login(target, ENOUGH_BYTES, *lines, version=version)
    else:
        sent = post(target, TOO_MANY_BYTES if status == 413 else ENOUGH_BYTES, header, *lines, version=version)
    wire.send(sent)
    answer = wire.answer()
    check_error(answer, route_of(target).form)
    check_last(wire, answer, status)


@closes
@pytest.mark.parametrize("status", [401, 413])
def test_a_refusal_arrives_over_tls(
    encrypted_url: str, certificate: Certificate, version: str, lines: tuple[str, ...], status: int
) -> None:
    body = TOO_MANY_BYTES if status == 413 else ENOUGH_BYTES
    ask = post if status == 413 else without_login
    with closing(Wire(encrypted_url, certificate.trust)) as wire:
        wire.send(ask("/predict", body, *lines, version=version))
        answer = wire.answer()
    assert (answer.status, answer.headers["connection"]) == (status, "close")


@closes
@targeted
def test_a_refusal_for_want_of_room_arrives(
    url: str, wire: Wire, target: str, version: str, lines: tuple[str, ...]
) -> None:
    with closing(Wire(url)) as first:
        first.send(post("/batch_predict", ENOUGH_BYTES)[:-100_000])
        wait_until(lambda: gauge(url, "scoring_body_in_flight_bytes") > MAX_BODY_BYTES / 2, DEADLINE_S, "a body comes")
        wire.send(post(target, ENOUGH_BYTES, *lines, version=version))
        answer = wire.answer()
    check_error(answer, route_of(target).form)
    check_last(wire, answer, 503)


def test_a_refusal_of_a_body_in_chunks_arrives(wire: Wire) -> None:
    header = ("Host: here", "Transfer-Encoding: chunked", "Connection: close")
    body = b"".join(b"%x\r\n%b\r\n" % (len(ENOUGH_BYTES), ENOUGH_BYTES) for _ in range(2)) + b"0\r\n\r\n"
    wire.send(request("POST", "/predict", *header, body=body))
    check_last(wire, wire.answer(), 401)


@pytest.mark.parametrize(
    ("header", "status"),
    [
        pytest.param(f"X-Long: {'x' * 200_000}", 431, id="a long header"),
        pytest.param(f"Content-Length: {MAX_BODY_BYTES}", 400, id="two lengths"),
    ],
)
def test_a_refusal_of_what_can_not_be_read_arrives(wire: Wire, header: str, status: int) -> None:
    """With a body behind it."""
    wire.send(post("/predict", ENOUGH_BYTES, header))
    check_last(wire, wire.answer(), status)


def test_one_connection_too_many_is_refused_though_it_sends_at_once(url: str) -> None:
    crowd = [Wire(url) for _ in range(MAX_CONNECTIONS)]
    try:
        for wire in crowd:
            wire.send(post("/predict", SINGLE))
        with closing(Wire(url)) as late:
            late.send(post("/predict", ENOUGH_BYTES))
            check_last(late, late.answer(), 503)
    finally:
        for wire in crowd:
            wire.close()
    wait_until(lambda: is_welcome(url), DEADLINE_S, "there is room again")


@closes
def test_the_answer_ends_the_stream_though_the_client_has_not_sent_all(
    url: str, wire: Wire, version: str, lines: tuple[str, ...]
) -> None:
    others = gauge(url, "scoring_connections_open")
    wire.send(without_login("/predict", ENOUGH_BYTES, *lines, version=version)[:100_000])
    check_last(wire, wire.answer(), 401)
    wait_until(lambda: gauge(url, "scoring_connections_open") <= others, DEADLINE_S, "it is not kept for ever")


def test_an_endless_body_is_cut_off(wire: Wire) -> None:
    """By a bound of bytes."""
    piece = b"%x\r\n%b\r\n" % (1 << 20, bytes(1 << 20))
    wire.send(request("POST", "/predict", "Host: here", "Transfer-Encoding: chunked", "Connection: close"))
    check_cut_off(wire, itertools.repeat(piece, FOR_EVER_BYTES // len(piece)))


def test_an_endless_slow_body_is_cut_off(wire: Wire) -> None:
    """By a bound of time."""
    wire.send(without_login("/predict", ENOUGH_BYTES, "Connection: close", version="1.1")[:10_000])
    assert wire.answer().status == 401
    check_cut_off(wire, bytes_slowly())


def bytes_slowly() -> Iterator[bytes]:
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        yield b"x"
        time.sleep(READ_TIMEOUT_S / 10)


def check_cut_off(wire: Wire, pieces: Iterable[bytes]) -> None:
    """Before all of that is sent the server has closed the connection."""
    try:
        for piece in pieces:
            wire.send(piece)
    except (ConnectionResetError, BrokenPipeError):
        return
    pytest.fail("the server reads for ever what it has refused")


def test_a_client_that_leaves_while_the_rest_is_read_is_forgotten(url: str) -> None:
    others = gauge(url, "scoring_connections_open")
    for ending in (socket.SHUT_WR, socket.SHUT_RDWR):
        with closing(Wire(url)) as wire:
            wire.send(without_login("/predict", ENOUGH_BYTES, "Connection: close", version="1.1")[:-1_000])
            assert wire.answer().status == 401
            with contextlib.suppress(OSError):
                wire.socket.shutdown(ending)
    wait_until(lambda: gauge(url, "scoring_connections_open") <= others, DEADLINE_S, "their connections are gone")
