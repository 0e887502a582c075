"""How long a header may be (64 kB), however it arrives: in one write, in pieces, in many lines."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.serve.scoring_routes import OURS, check_error
from tests.serve.wire import KEY_LINE, SINGLE, Wire, in_chunks, post, request

BOUND = 64 * 1024
TARGETS = ["/predict", "/predict?x=1", "/model-info"]
AFTER = request("GET", "/health/live", "Host: here")


def one_line(size: int) -> tuple[str, ...]:
    return (f"X-Long: {'x' * (size - 10)}",)


def one_name(size: int) -> tuple[str, ...]:
    return (f"X-{'x' * (size - 10)}: long",)


def lines(size: int) -> tuple[str, ...]:
    return tuple(f"X-{number:05}: 1" for number in range(size // 12))


HEADERS = {
    "a line of 70 kB": one_line(70_000),
    "a line of 200 kB": one_line(200_000),
    "a name of 70 kB": one_name(70_000),
    "10,000 lines": lines(120_000),
    "short lines, 70 kB": lines(70_000),
}
ARRIVALS = {"at once": 1 << 20, "in pieces": 1_000, "in pieces about the bound": BOUND - 10, "in many pieces": 97}


def asking(target: str, header: tuple[str, ...]) -> bytes:
    if target == "/model-info":
        return request("GET", target, "Host: here", KEY_LINE, *header)
    return post(target, SINGLE, *header)


def check_refused(wire: Wire, sent: bytes, size: int, statuses: set[int]) -> None:
    wire.send_in_pieces(sent, size)
    answer = wire.answer()
    assert answer.status in statuses
    assert answer.headers["connection"] == "close"
    check_error(answer, OURS)
    assert wire.is_closed()


arriving = pytest.mark.parametrize("size", ARRIVALS.values(), ids=ARRIVALS)


@arriving
@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
@pytest.mark.parametrize("target", TARGETS)
def test_a_longer_header_is_refused(wire: Wire, target: str, header: tuple[str, ...], size: int) -> None:
    check_refused(wire, asking(target, header) + AFTER, size, {431})


@arriving
@pytest.mark.parametrize("filled", [one_line, one_name, lines])
@pytest.mark.parametrize("target", TARGETS)
def test_a_header_below_the_bound_is_read(
    wire: Wire, target: str, filled: Callable[[int], tuple[str, ...]], size: int
) -> None:
    wire.send_in_pieces(asking(target, filled(BOUND - 1_000)) + AFTER, size)
    assert [wire.answer().status for _ in range(2)] == [200, 200]


@arriving
def test_a_longer_target_is_refused(wire: Wire, size: int) -> None:
    check_refused(wire, post(f"/predict?{'x' * 70_000}", SINGLE), size, {414, 431})


@arriving
def test_a_header_that_never_ends_is_refused(wire: Wire, size: int) -> None:
    check_refused(wire, asking("/predict", one_line(70_000))[:69_000], size, {431})


@arriving
def test_longer_trailers_are_refused(wire: Wire, size: int) -> None:
    body = in_chunks(SINGLE, *lines(200_000))
    sent = request("POST", "/predict", "Host: here", KEY_LINE, "Transfer-Encoding: chunked", body=body)
    check_refused(wire, sent, size, {400, 413, 431})


@arriving
def test_a_longer_extension_of_a_chunk_is_refused(wire: Wire, size: int) -> None:
    # More than one read of the server takes.
    body = b"%x;%b\r\n%b\r\n0\r\n\r\n" % (len(SINGLE), b"x" * 600_000, SINGLE)
    sent = request("POST", "/predict", "Host: here", KEY_LINE, "Transfer-Encoding: chunked", body=body)
    check_refused(wire, sent, size, {400, 413, 431})


@arriving
def test_a_longer_header_behind_other_requests_is_refused_after_their_answers(wire: Wire, size: int) -> None:
    wire.send_in_pieces(asking("/predict", ()) * 3 + asking("/predict", one_line(70_000)), size)
    assert [wire.answer().status for _ in range(4)] == [200, 200, 200, 431]
    assert wire.is_closed()


def test_short_headers_of_many_requests_at_once_are_not_added_up(wire: Wire) -> None:
    count = 2 * BOUND // len(AFTER)
    wire.send(AFTER * count)
    assert [wire.answer().status for _ in range(count)] == [200] * count
