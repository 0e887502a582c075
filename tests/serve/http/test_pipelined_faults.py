"""Behind requests that are being answered comes what can't be read: their answers come first, then the refusal."""

from __future__ import annotations

import uuid

import pytest

from tests.live_stack import LiveStack, wait_until
from tests.serve.prediction_log_rows import fetch
from tests.serve.scoring_routes import OURS, check_error
from tests.serve.wire import BATCH, BATCH_ROWS, KEY_LINE, SINGLE, Wire, in_chunks, post, request

CHUNKED = "Transfer-Encoding: chunked"
FAULTS = {
    "garbage": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    "no request": (b"GARBAGE\r\n\r\n", 400),
    "a future HTTP": (request("GET", "/health/live", "Host: here", version="3.0"), 400),
    "no host": (request("GET", "/health/live"), 400),
    "two lengths": (post("/predict", SINGLE, "Content-Length: 3"), 400),
    "a malformed chunk": (request("POST", "/predict", "Host: here", KEY_LINE, CHUNKED, body=b"zz\r\n"), 400),
    "another coding": (
        request("POST", "/predict", "Host: here", KEY_LINE, "Transfer-Encoding: gzip, chunked", body=in_chunks(SINGLE)),
        501,
    ),
    "a header of 70 kB": (post("/predict", SINGLE, f"X-Long: {'x' * 70_000}"), 431),
    "a header of 200 kB without an end": (post("/predict", SINGLE, f"X-Long: {'x' * 200_000}")[:190_000], 431),
}
AHEAD = {
    "a batch": (post("/batch_predict", BATCH), 1),
    "a batch by another spelling": (post("/batch_predict?x=1", BATCH), 1),
    "three batches": (post("/batch_predict", BATCH) * 3, 3),
    "a batch and a row": (post("/batch_predict", BATCH) + post("/predict", SINGLE), 2),
    "the application's": (request("GET", "/model-info", "Host: here", KEY_LINE), 1),
    "a batch and the application's": (post("/batch_predict", BATCH) + request("GET", "/docs", "Host: here"), 2),
}
faulty = pytest.mark.parametrize(("fault", "status"), FAULTS.values(), ids=FAULTS)


@faulty
@pytest.mark.parametrize(("ahead", "count"), AHEAD.values(), ids=AHEAD)
def test_answers_come_before_the_refusal(wire: Wire, ahead: bytes, count: int, fault: bytes, status: int) -> None:
    wire.send(ahead + fault)
    answers = [wire.answer() for _ in range(count + 1)]
    assert [answer.status for answer in answers] == [200] * count + [status]
    assert [answer.headers.get("connection") for answer in answers] == [None] * count + ["close"]
    check_error(answers[-1], OURS)
    assert wire.is_closed()


@faulty
def test_recorded_requests_were_answered(stack: LiveStack, wire: Wire, fault: bytes, status: int) -> None:
    name = uuid.uuid4().hex
    wire.send(post("/batch_predict", BATCH, f"X-Request-ID: {name}") + fault)
    answer = wire.answer()
    assert (answer.status, answer.headers["x-request-id"]) == (200, name)
    assert len(answer.json()["probabilities"]) == BATCH_ROWS
    assert wire.answer().status == status
    statement = "SELECT count(*) FROM prediction_requests WHERE request_id = %s"
    wait_until(lambda: fetch(stack.owner_dsn, statement, name) == [(1,)], 30, "it is on record")
