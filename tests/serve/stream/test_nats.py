"""Subjects of NATS JetStream: bridges that are killed lose nothing, and answer nothing twice."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest
from nats.js import JetStreamContext

from serve.batch.worker import ModelChoice
from serve.stream.messages import REASON_HEADER
from tests.serve.stream.nats_subjects import Subjects, run_nats
from tests.serve.stream.streams import assert_answered_once, bodies_of, bridge, drain, kill_while_scoring

COUNT = 5_000
BATCH = 20


@pytest.fixture(scope="module")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with run_nats(tmp_path_factory.mktemp("nats")) as url:
        yield url


@pytest.fixture
def subjects(nats_server: str) -> Iterator[Subjects]:
    subjects = Subjects(nats_server)
    yield subjects
    subjects.remove()


def _start(model: ModelChoice, nats_server: str, *arguments: object) -> subprocess.Popen[str]:
    return bridge(model.run_dir, "--source", "nats", "--batch", BATCH, *arguments, NATS_URL=nats_server)


def test_bridges_that_are_killed_answer_each_application_once(
    model: ModelChoice, nats_server: str, subjects: Subjects
) -> None:
    subjects.make(bodies_of(COUNT))
    for more in (1, 100, 200):
        kill_while_scoring(lambda *more: _start(model, nats_server, *more), lambda: subjects.count("answers"), more)
    assert subjects.count("answers") < COUNT - BATCH
    drain(lambda *arguments: _start(model, nats_server, *arguments))
    answers = [(place, json.loads(body)) for place, body, _ in subjects.read("answers")]
    dead = [(place, headers[REASON_HEADER]) for place, _, headers in subjects.read("dead-letters")]
    assert_answered_once(model, COUNT, answers, dead)


def test_a_kill_between_answer_and_acknowledgement_answers_once(
    model: ModelChoice, nats_server: str, subjects: Subjects
) -> None:
    subjects.make(bodies_of(60))

    async def publish_as_a_bridge_that_was_killed(stream: JetStreamContext) -> None:
        await stream.publish("answers", b'{"mark": 1}', headers={"Nats-Msg-Id": "applications-1"})

    subjects.call(publish_as_a_bridge_that_was_killed)
    drain(lambda *arguments: _start(model, nats_server, *arguments))
    found = [body for place, body, _ in subjects.read("answers") if place == 0]
    assert found == [b'{"mark": 1}']


def test_a_stream_that_forgets_keys_too_soon_is_refused(
    model: ModelChoice, nats_server: str, subjects: Subjects
) -> None:
    subjects.make([], duplicate_window=20)
    process = _start(model, nats_server)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "knows keys for 20 s: expected a duplicate_window of 60 s or more" in errors


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        pytest.param({}, "set NATS_URL", id="no address"),
        pytest.param({"NATS_URL": "nats://secret@127.0.0.1:1"}, "NATS does not take it", id="nobody listens"),
    ],
)
def test_no_server_is_told(model: ModelChoice, settings: dict[str, str], told: str) -> None:
    process = bridge(model.run_dir, "--source", "nats", **settings)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert told in errors
    assert "secret" not in errors


def test_a_message_too_large_for_the_bridge_to_send_is_settled(
    model: ModelChoice, nats_server: str, subjects: Subjects
) -> None:
    """Headers count too, so a dead letter is larger than its application."""
    bodies = bodies_of(60)[:8]
    subjects.make([*bodies, b"x" * (1024**2 - 10)])
    told = drain(lambda *arguments: _start(model, nats_server, *arguments))
    assert told.startswith("6 applications were answered, 3 are dead letters")
    letters = {place: (body, headers[REASON_HEADER]) for place, body, headers in subjects.read("dead-letters")}
    body, reason = letters.pop(8)
    assert (body, "the body is left out, it has 1048566 bytes" in reason) == (b"", True)
    assert {place: body for place, (body, _) in letters.items()} == {place: bodies[place] for place in letters}
