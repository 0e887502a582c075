"""What bridges of a machine know of each other's answers: none is put on record twice, whoever is stopped for long."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from serve.prediction_log.place import is_recorded
from serve.prediction_log.record import RecordPlace
from serve.stream import recorded_answers
from serve.stream.errors import StreamError
from serve.stream.forgetting import forget
from serve.stream.messages import Answer, Message
from serve.stream.recorded_answers import DATABASE_FILE, ERASED, FOLDER, HOLD_S, RecordedAnswers, boot_time
from tests.serve.prediction_log_rows import record, running_spool

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


def test_what_another_bridge_promises_meanwhile_is_not_forgotten(
    tmp_path: Path, first: RecordedAnswers, second: RecordedAnswers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both find what a dead bridge has promised; one of them promises it before the other has forgotten it."""
    dead = RecordedAnswers(tmp_path, "broker")
    dead.promise(ANSWERS, NOWHERE, boot_time())
    dead.close()

    def promise_meanwhile(spool: Path, place: RecordPlace) -> bool:
        monkeypatch.setattr(recorded_answers, "is_recorded", is_recorded)
        assert first.recorded(MESSAGES) == {}
        first.promise(ANSWERS, RecordPlace(uuid.uuid4(), 1), boot_time())
        return is_recorded(spool, place)

    monkeypatch.setattr(recorded_answers, "is_recorded", promise_meanwhile)
    assert second.recorded(MESSAGES) == {}
    with pytest.raises(StreamError, match="another bridge of this machine holds lane-"):
        second.promise(ANSWERS, NOWHERE, boot_time())


def test_an_erased_answer_leaves_no_byte_and_its_application_is_known(tmp_path: Path, second: RecordedAnswers) -> None:
    text = b"answer to the application of anna"
    answers = RecordedAnswers(tmp_path, "broker")
    places: list[RecordPlace] = []

    def promise(place: RecordPlace) -> None:
        places.append(place)
        answers.promise([Answer(message, text) for message in MESSAGES], place, boot_time())

    with running_spool(tmp_path) as spool:
        spool.append(record(rows=len(MESSAGES)), promise)
    answers.settle(MESSAGES[:2])
    assert forget(tmp_path, places) == 3
    assert forget(tmp_path, places) == 0
    files = {path.name: path.read_bytes() for path in (tmp_path / FOLDER).glob(f"{DATABASE_FILE}*")}
    assert files.keys() >= {DATABASE_FILE, f"{DATABASE_FILE}-wal"}, "the file is in use"
    assert not [name for name, content in files.items() if text in content]
    answers.close()
    assert second.recorded(MESSAGES[2:]) == dict.fromkeys(MESSAGES[2:], ERASED)
