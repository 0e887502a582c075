"""The scoring routes on the wire: what HTTP/1.1 promises holds, though no framework stands in between."""

from __future__ import annotations

import time
import uuid
from contextlib import closing
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from tests.live_stack import LiveStack, server_beside, wait_until
from tests.serve.prediction_log_rows import fetch
from tests.serve.wire import BATCH, BATCH_ROWS, KEY_LINE, LONG, SINGLE, Wire, gauge, post

MORE_THAN_THE_KERNEL_HOLDS = 256 * 1024 * 1024
KEYED = f"POST /predict HTTP/1.1\r\nHost: here\r\n{KEY_LINE}\r\n".encode()
PIPELINED = 2_000
"""More than Python would let calls nest."""


def is_zero(url: str, name: str) -> bool:
    return gauge(url, name) == 0


def test_requests_that_are_sent_at_once_are_answered_in_their_order(wire: Wire) -> None:
    """Slow ones, quick ones, refused ones and those of the framework, without waiting for an answer."""
    wire.send(
        post("/batch_predict", BATCH)
        + post("/predict", SINGLE)
        + b"GET /health/live HTTP/1.1\r\nHost: here\r\n\r\n"
        + post("/batch_predict", BATCH)
        + post("/predict", b"{}")
        + post("/predict?as=query", SINGLE)
        + post("/predict", SINGLE)
    )
    answers = [wire.answer() for _ in range(7)]
    assert [answer.status for answer in answers] == [200, 200, 200, 200, 422, 200, 200]
    assert len(answers[0].json()["probabilities"]) == len(answers[3].json()["probabilities"]) == BATCH_ROWS
    assert answers[2].json() == {"live": True}
    assert answers[1].json() == answers[5].json() == answers[6].json()


def test_thousands_behind_a_slow_one_are_answered(wire: Wire) -> None:
    wire.send(post("/batch_predict", BATCH) + post("/predict", SINGLE) * PIPELINED)
    assert [wire.answer().status for _ in range(1 + PIPELINED)] == [200] * (1 + PIPELINED)


def send_without_reading(wire: Wire, request: bytes) -> int:
    """Gives the bytes that were taken until, for some time, no more were."""
    wire.socket.settimeout(2)
    many, sent = request * 1_000, 0
    try:
        while sent < MORE_THAN_THE_KERNEL_HOLDS:
            sent += wire.socket.send(many[sent % len(request) :])
    except TimeoutError:
        wire.socket.settimeout(30)
        return sent
    pytest.fail("the server takes requests for ever whose answers nobody reads")


def test_a_client_that_reads_no_answers_is_read_no_further_and_loses_none(stack: LiveStack, tmp_path: Path) -> None:
    request = post("/predict", SINGLE)
    # On a slow machine so many requests at once are overload, which is not what this is about.
    with server_beside(stack, tmp_path, SERVE_WORKERS="1", MAX_WAIT_MS="60000") as url, closing(Wire(url)) as wire:
        for _ in range(send_without_reading(wire, request) // len(request)):
            assert wire.answer().status == 200


def test_a_body_may_come_byte_by_byte_or_in_chunks(wire: Wire) -> None:
    for byte in post("/predict", SINGLE):
        wire.send(bytes([byte]))
    first = wire.answer()
    half = len(SINGLE) // 2
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (SINGLE[:half], SINGLE[half:], b""))
    wire.send(KEYED + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)
    second = wire.answer()
    assert (first.status, second.status) == (200, 200)
    assert first.json() == second.json()


def test_an_expectation_is_answered_by_a_100(wire: Wire) -> None:
    wire.send(post("/predict", SINGLE, "Expect: 100-continue")[: -len(SINGLE)])
    assert wire.answer().status == 100
    wire.send(SINGLE)
    assert wire.answer().status == 200


def test_an_expectation_before_too_long_a_body_is_refused_at_once(wire: Wire) -> None:
    wire.send(KEYED + b"Content-Length: 999999999\r\nExpect: 100-continue\r\n\r\n")
    assert wire.answer().status == 413


@pytest.mark.parametrize(("version", "header"), [("1.1", "Connection: close"), ("1.0", "X-Nothing: here")])
@pytest.mark.parametrize("body", [SINGLE, b"[]"], ids=["answered", "refused"])
def test_the_connection_is_closed_where_the_client_asks_for_it(
    wire: Wire, version: str, header: str, body: bytes
) -> None:
    wire.send(post("/predict", body, header, version=version))
    answer = wire.answer()
    assert answer.headers["connection"] == "close"
    assert wire.is_closed()


def test_a_refused_request_leaves_the_connection_usable(wire: Wire) -> None:
    for refused in (post("/predict", b"no JSON"), post("/predict", SINGLE, "Content-Type: text/html")):
        wire.send(refused + post("/predict", SINGLE))
        assert wire.answer().status in {400, 415}
        assert wire.answer().status == 200


@pytest.mark.parametrize("beyond", [-1, 0, 1], ids=["before its end", "at its end", "after its end"])
def test_the_long_body_of_a_refused_request_is_read_to_its_end_and_no_further(wire: Wire, beyond: int) -> None:
    """Wherever the client cuts what it sends: in the header, in the body, about its end, and in what follows."""
    refused = post("/batch_predict", LONG, "Content-Type: text/html")
    sent = refused + post("/predict", SINGLE) + refused + post("/batch_predict", BATCH)
    cuts = [0, 20, 100_000, len(refused) + beyond, len(sent) - len(BATCH) + beyond, len(sent)]
    for start, end in pairwise(cuts):
        wire.send(sent[start:end])
        time.sleep(0.02)  # so that it comes in a read of its own
    assert [wire.answer().status for _ in range(4)] == [415, 200, 415, 200]


def test_a_refused_long_body_behind_a_slow_request_waits_for_its_turn(wire: Wire) -> None:
    refused = post("/batch_predict", LONG, "Content-Type: text/html")
    wire.send(post("/batch_predict", BATCH) + refused + post("/predict", SINGLE))
    assert [wire.answer().status for _ in range(3)] == [200, 415, 200]


def test_a_client_that_leaves_in_a_refused_body_is_forgotten(alone: str) -> None:
    others = gauge(alone, "scoring_connections_open")
    wire = Wire(alone)
    wire.send(post("/batch_predict", LONG, "Content-Type: text/html")[:-1])
    assert wire.answer().status == 415
    wait_until(lambda: gauge(alone, "scoring_connections_open") > others, 30, "it counts")
    wire.close()
    wait_until(lambda: gauge(alone, "scoring_connections_open") <= others, 30, "its connection is gone")


def test_every_answer_names_request_and_model(wire: Wire) -> None:
    name = uuid.uuid4().hex
    for body in (SINGLE, b"{}"):
        wire.send(post("/predict", body, f"X-Request-ID: {name}") + post("/predict", body))
        named, unnamed = wire.answer(), wire.answer()
        assert named.headers["x-request-id"] == name
        assert len(unnamed.headers["x-request-id"]) == 32
        assert named.headers["x-model-version"] == unnamed.headers["x-model-version"]
        assert named.headers["date"]


def test_a_request_id_that_could_break_a_log_or_a_header_is_refused(wire: Wire) -> None:
    wire.send(post("/predict", SINGLE, "X-Request-ID: a b"))
    answer = wire.answer()
    assert (answer.status, answer.json()["error"]["code"]) == (400, "malformed_header")
    assert answer.headers["x-request-id"] != "a b"


@pytest.mark.parametrize("path", ["/predict?x=1", "/%70redict", "/batch_predict?"])
def test_other_spellings_of_the_address_lead_there(wire: Wire, path: str) -> None:
    wire.send(post(path, BATCH if "batch" in path else SINGLE))
    assert wire.answer().status == 200


def test_another_method_is_refused_as_elsewhere(wire: Wire) -> None:
    wire.send(f"GET /predict HTTP/1.1\r\nHost: here\r\n{KEY_LINE}\r\n\r\n".encode())
    answer = wire.answer()
    assert (answer.status, answer.headers["allow"]) == (405, "POST")


def test_a_client_that_leaves_in_the_middle_of_its_body_frees_what_it_held(alone: str) -> None:
    wire = Wire(alone)
    wire.send(post("/batch_predict", BATCH)[:-1])
    wait_until(lambda: gauge(alone, "scoring_body_in_flight_bytes") > 0, 30, "the body is counted")
    wire.close()
    wait_until(lambda: gauge(alone, "scoring_body_in_flight_bytes") == 0, 30, "it counts no longer")


def test_a_client_that_leaves_before_all_its_answers_leaves_nothing_behind(alone: str, stack: LiveStack) -> None:
    name = uuid.uuid4().hex
    wire = Wire(alone)
    wire.send(b"".join(post("/batch_predict", BATCH, f"X-Request-ID: {name}-{number}") for number in range(20)))
    assert wire.answer().status == 200, "others wait, or are under way"
    wire.close()
    statement = "SELECT count(*) FROM prediction_requests WHERE request_id LIKE %s"
    wait_until(lambda: fetch(stack.owner_dsn, statement, f"{name}-%") != [(0,)], 30, "the first is on record")
    for what in ("scoring_body_in_flight_bytes", "scoring_rows_in_flight"):
        wait_until(partial(is_zero, alone, what), 30, f"{what} is 0")
