"""A batch of messages: each is answered or a dead letter, whatever it holds."""

from __future__ import annotations

import json

import numpy as np
import pytest

from serve.batch.worker import ModelChoice
from serve.scoring.asks import Asks
from serve.stream.decoding import BODY_MAX_BYTES
from serve.stream.messages import REASON_LETTERS, Message
from serve.stream.scoring import score_messages
from tests.serve.batch.scoring_files import VERSION
from tests.serve.stream.streams import FAULTY, NEGATIVE, assert_answered_once, bodies_of, expected_probabilities

COUNT = 60


def test_each_message_is_answered_or_a_dead_letter(model: ModelChoice) -> None:
    messages = [Message("lane", place, body) for place, body in enumerate(bodies_of(COUNT))]
    scored = score_messages(model.load(VERSION), messages, Asks(report=True))
    answers, dead = scored.answers, scored.dead
    answered = [(answer.message.number, json.loads(answer.body)) for answer in answers]
    assert_answered_once(model, COUNT, answered, [(letter.message.number, letter.reason) for letter in dead])
    assert {letter.message.number: letter.message.body for letter in dead} == {
        place: messages[place].body for place in (*FAULTY, NEGATIVE)
    }


def test_plain_messages_are_decoded_together_and_alike(model: ModelChoice) -> None:
    places = [place for place in range(COUNT) if place not in FAULTY and place != 6]
    bodies = bodies_of(COUNT)
    scored = score_messages(
        model.load(VERSION), [Message("lane", place, bodies[place]) for place in places], Asks(report=True)
    )
    answers, dead = scored.answers, scored.dead
    expected = expected_probabilities(model, COUNT)
    assert [letter.message.number for letter in dead] == [NEGATIVE]
    assert [answer.message.number for answer in answers] == [place for place in places if place != NEGATIVE]
    for answer in answers:
        assert np.float32(json.loads(answer.body)["probability"]) == expected[answer.message.number]


def test_a_message_that_is_two_applications_is_none(model: ModelChoice) -> None:
    one, two = bodies_of(COUNT)[:2]
    forged = [one + b"\n" + two, one + b"," + two, b"", b" " * (BODY_MAX_BYTES + 1)]
    messages = [Message("lane", place, body) for place, body in enumerate([*forged, one])]
    scored = score_messages(model.load(VERSION), messages, Asks(report=True))
    answers, dead = scored.answers, scored.dead
    assert [answer.message.number for answer in answers] == [4]
    assert [letter.message.number for letter in dead] == [0, 1, 2, 3]


def test_reasons_and_warnings_are_those_of_the_message(model: ModelChoice) -> None:
    bodies = bodies_of(COUNT)
    strange = json.loads(bodies[0]) | {"Age_Days": 95.0}
    messages = [
        Message("lane", 7, bodies[7]),
        Message("lane", 8, json.dumps(strange).encode()),
        Message("lane", 9, bodies[9]),
    ]
    asks = Asks(report=True, warnings=True, reasons=2)
    answers = score_messages(model.load(VERSION), messages, asks).answers
    first, second = (json.loads(answer.body) for answer in answers)
    warned = {warning["field"]: warning["message"] for warning in first["warnings"]}
    assert "95" in warned["Age_Days"]
    assert "instance" not in warned["Age_Days"]
    assert "Age_Days" not in {warning["field"] for warning in second["warnings"]}
    assert [len(told["reasons"]) for told in (first, second)] == [2, 2]
    assert first["base"] == second["base"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        pytest.param("a\0b\x1b[2J\u202e", r"a\x00b\x1b[2J\u202e", id="control characters"),
        pytest.param("a" * 5_000, "a" * 1_000, id="long"),
    ],
)
def test_what_a_reason_quotes_is_escaped_and_bounded(model: ModelChoice, name: str, shown: str) -> None:
    """Columns of text accept no NUL, and headers no line ends."""
    messages = [Message("lane", 0, json.dumps({name: 1}).encode())]
    (letter,) = score_messages(model.load(VERSION), messages, Asks(report=True)).dead
    assert shown in letter.reason
    assert letter.reason.isprintable()
    assert len(letter.reason) <= REASON_LETTERS + 4
