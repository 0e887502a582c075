"""What a connection waits for, on a clock of the test's own."""

from __future__ import annotations

import pytest

from serve.http.open_connections import LINGER_S, MIN_BYTES_PER_S, OpenConnections
from serve.http.waiting import Waiting, WaitsFor

READ_TIMEOUT_S = 10.0
KEEP_ALIVE_S = 75.0
LIMITS = OpenConnections(1, READ_TIMEOUT_S, KEEP_ALIVE_S)


@pytest.mark.parametrize(
    ("what", "most_s"),
    [(WaitsFor.REQUEST, READ_TIMEOUT_S), (WaitsFor.NEXT, KEEP_ALIVE_S), (WaitsFor.CLOSE, LINGER_S)],
)
def test_each_wait_has_its_time(what: WaitsFor, most_s: float) -> None:
    waiting = Waiting(LIMITS, now=0.0)
    waiting.begin(what, 100.0)
    assert not waiting.is_too_long(100.0 + most_s, is_reading=True)
    assert waiting.is_too_long(100.1 + most_s, is_reading=True)


def test_an_answer_may_take_any_time() -> None:
    waiting = Waiting(LIMITS, now=0.0)
    waiting.begin(WaitsFor.ANSWER, 0.0)
    assert not waiting.is_too_long(1e9, is_reading=True)


def test_a_new_connection_owes_a_request() -> None:
    assert Waiting(LIMITS, now=5.0).is_too_long(5.1 + READ_TIMEOUT_S, is_reading=True)


def test_a_client_owes_nothing_while_nothing_is_read() -> None:
    assert not Waiting(LIMITS, now=0.0).is_too_long(1e9, is_reading=False)


def test_a_long_body_has_more_time() -> None:
    waiting = Waiting(LIMITS, now=0.0)
    waiting.received_bytes = 5 * MIN_BYTES_PER_S
    assert not waiting.is_too_long(READ_TIMEOUT_S + 5.0, is_reading=True)
    assert waiting.is_too_long(READ_TIMEOUT_S + 5.1, is_reading=True)


def test_a_request_that_has_begun_is_owed_when_the_one_before_it_is_answered() -> None:
    waiting = Waiting(LIMITS, now=0.0)
    waiting.end_of_answers(1.0)
    assert waiting.what is WaitsFor.REQUEST
    waiting.begin(WaitsFor.ANSWER, 2.0)
    waiting.end_of_answers(3.0)
    assert (waiting.what, waiting.since) == (WaitsFor.NEXT, 3.0)
