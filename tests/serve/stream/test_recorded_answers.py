"""What bridges of a machine know of each other's answers: none is put on record twice, whoever is stopped for long."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from serve.prediction_log.record import RecordPlace
from serve.stream import recorded_answers
from serve.stream.errors import StreamError
from serve.stream.messages import Answer, Message
from serve.stream.recorded_answers import HOLD_S, RecordedAnswers, boot_time

MESSAGES = [Message("lane", number, b"body %d" % number) for number in range(5)]
ANSWERS = [Answer(message, b"answer") for message in MESSAGES]
NOWHERE = RecordPlace(uuid.uuid4(), 1)
"""No record was ever written there."""


@pytest.fixture
def first(tmp_path: Path) -> Iterator[RecordedAnswers]:
    answers = RecordedAnswers(tmp_path, "broker")
    yield answers
    answers.close()


@pytest.fixture
def second(tmp_path: Path) -> Iterator[RecordedAnswers]:
    answers = RecordedAnswers(tmp_path, "broker")
    yield answers
    answers.close()


def test_what_another_bridge_has_promised_is_not_promised_again(
    first: RecordedAnswers, second: RecordedAnswers, monkeypatch: pytest.MonkeyPatch
) -> None:
    first.promise(ANSWERS[:3], NOWHERE, boot_time())
    with pytest.raises(StreamError, match="holds lane-2"):
        second.promise(ANSWERS[2:], NOWHERE, boot_time())
    monkeypatch.setattr(recorded_answers, "WAIT_S", 0.2)
    with pytest.raises(StreamError, match="has held lane-2 for"):
        second.recorded(MESSAGES[2:])
    first.promise(ANSWERS[:3], NOWHERE, boot_time())


def test_what_a_dead_bridge_has_promised_and_not_recorded_is_free(tmp_path: Path, second: RecordedAnswers) -> None:
    dead = RecordedAnswers(tmp_path, "broker")
    dead.promise(ANSWERS, NOWHERE, boot_time())
    dead.close()
    assert second.recorded(MESSAGES) == {}
    second.promise(ANSWERS, NOWHERE, boot_time())


def test_what_was_settled_is_neither_taken_nor_promised(first: RecordedAnswers, second: RecordedAnswers) -> None:
    first.promise(ANSWERS[1:3], NOWHERE, boot_time())
    first.settle(MESSAGES[1:3])
    assert second.recorded([MESSAGES[0], *MESSAGES[3:]]) == {}
    with pytest.raises(StreamError, match="has answered some of broker/lane, 0 to 4"):
        second.recorded(MESSAGES)
    with pytest.raises(StreamError, match="has answered some of broker/lane, 2 to 2"):
        second.promise(ANSWERS[2:3], NOWHERE, boot_time())


def test_a_bridge_that_was_stopped_for_long_promises_nothing(first: RecordedAnswers) -> None:
    with pytest.raises(StreamError, match="held for more than"):
        first.promise(ANSWERS, NOWHERE, boot_time() - HOLD_S - 1)
    first.promise(ANSWERS, NOWHERE, boot_time() - HOLD_S + 10)


def test_the_number_of_another_application_is_no_answer_to_it(tmp_path: Path, second: RecordedAnswers) -> None:
    dead = RecordedAnswers(tmp_path, "broker")
    dead.promise(ANSWERS, NOWHERE, boot_time())
    dead.close()
    others = [Message("lane", message.number, b"another " + message.body) for message in MESSAGES]
    assert second.recorded(others) == {}
    second.promise([Answer(message, b"") for message in others], NOWHERE, boot_time())


def test_lanes_of_other_brokers_are_others(tmp_path: Path, first: RecordedAnswers) -> None:
    first.settle(MESSAGES)
    other = RecordedAnswers(tmp_path, "other broker")
    assert other.recorded(MESSAGES) == {}
    other.close()


def test_what_was_settled_is_forgotten_in_time(first: RecordedAnswers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorded_answers, "SWEEP_INTERVAL_S", 0.0)
    first.settle(MESSAGES)
    monkeypatch.setattr(recorded_answers, "KEEP_S", -1)
    first.settle([Message("lane", 100, b"")])
    assert first.recorded(MESSAGES) == {}
