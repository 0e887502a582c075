"""Topics of Kafka: readers of what is committed see each application answered once, whatever ends a bridge."""

from __future__ import annotations

import contextlib
import functools
import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from serve.batch.worker import ModelChoice
from serve.stream.errors import NotSettled, StreamError
from serve.stream.kafka_broker import MESSAGE_MAX, MESSAGE_MAX_BYTES, KafkaBroker
from serve.stream.kafka_group import FETCH_S
from serve.stream.messages import REASON_HEADER, Answer, DeadLetter, Message
from tests.live_stack import wait_until
from tests.serve.stream.kafka_cluster import KafkaServer, Topics
from tests.serve.stream.streams import assert_answered_once, bodies_of, bridge, drain, kill_while_scoring, killed_at

COUNT = 3_000
BATCH = 20
NAMES = ("applications", "answers", "dead-letters")


@pytest.fixture(scope="module")
def kafka_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    server = KafkaServer(tmp_path_factory.mktemp("kafka"))
    yield server
    server.stop()


@pytest.fixture
def topics(kafka_server: KafkaServer) -> Iterator[Topics]:
    topics = Topics(kafka_server.address)
    yield topics
    topics.remove()


@pytest.fixture
def config(topics: Topics, tmp_path: Path) -> str:
    return topics.write_config(tmp_path / "kafka.properties")


def _start(model: ModelChoice, config: str, *arguments: object) -> subprocess.Popen[str]:
    return bridge(model.run_dir, "--source", "kafka", "--batch", BATCH, *arguments, KAFKA_CONFIG=config)


def _assert_all_once(model: ModelChoice, topics: Topics, count: int) -> None:
    answers = [(place, json.loads(body)) for place, body, _ in topics.read("answers")]
    dead = [(place, headers[REASON_HEADER]) for place, _, headers in topics.read("dead-letters")]
    assert_answered_once(model, count, answers, dead)


def test_bridges_that_are_killed_answer_each_application_once(model: ModelChoice, topics: Topics, config: str) -> None:
    topics.make(bodies_of(COUNT))
    for more in (1, 100, 200):
        kill_while_scoring(functools.partial(_start, model, config), topics.progress, more)
    drain(functools.partial(_start, model, config))
    _assert_all_once(model, topics, COUNT)


SITES = (
    "serve.stream.kafka_broker:KafkaBroker.take:3:after",
    "serve.stream.kafka_broker:KafkaBroker._offsets:2:before",
    "serve.stream.kafka_broker:KafkaBroker._commit:1:before",
    "serve.stream.kafka_broker:KafkaBroker._commit:2:before",
    "serve.stream.kafka_broker:KafkaBroker._commit:3:before",
    "serve.stream.kafka_broker:KafkaBroker._commit:2:after",
)
"""Before a transaction; in it, before the offsets; with them, before the commit; after the commit."""


def test_a_bridge_that_is_killed_at_any_step_answers_each_application_once(
    model: ModelChoice, topics: Topics, config: str
) -> None:
    topics.make(bodies_of(600))
    topics.properties["linger.ms"] = "0"  # a killed bridge has sent what it has produced
    config = topics.write_config(Path(config))
    killed_at(SITES, model.run_dir, "--source", "kafka", "--batch", BATCH, KAFKA_CONFIG=config)
    drain(functools.partial(_start, model, config))
    _assert_all_once(model, topics, 600)


def test_bridges_that_come_and_go_share_the_topic(model: ModelChoice, topics: Topics, config: str) -> None:
    topics.make(bodies_of(COUNT))
    first = _start(model, config)
    wait_until(lambda: topics.progress() > 0, 60, "the first answers")
    killed = _start(model, config)
    second = model.run_dir / "stream" / "bridge-1"
    wait_until(second.exists, 60, "the second is there")
    wait_until(lambda: topics.progress() > 300, 60, "they answer")
    killed.kill()
    killed.communicate()
    successor = _start(model, config, "--until-empty")
    _, errors = successor.communicate(timeout=120)
    assert successor.returncode == 0, errors
    first.send_signal(signal.SIGTERM)
    told, errors = first.communicate(timeout=60)
    assert (first.returncode, "answered" in told) == (0, True), errors
    _assert_all_once(model, topics, COUNT)


def _take(broker: KafkaBroker) -> list[Message]:
    """Some applications."""
    found: list[Message] = []

    def has_come() -> bool:
        found.extend(broker.take(100))
        return bool(found)

    wait_until(has_come, 60, "applications come")
    return found


def _settle_all(broker: KafkaBroker, body: bytes) -> list[Message]:
    """Answer all that is left; gives what that was."""
    found: list[Message] = []

    def is_done() -> bool:
        messages = broker.take(100)
        if messages:
            with contextlib.suppress(NotSettled):  # the client renews its producer id after a fault
                broker.settle([Answer(message, body) for message in messages], [])
                found.extend(messages)
        return not messages and broker.is_empty()

    wait_until(is_done, 60, "all are settled")
    return found


def test_a_bridge_whose_name_another_has_writes_nothing(topics: Topics) -> None:
    topics.make(bodies_of(60))
    zombie = KafkaBroker(topics.properties, "one", NAMES)
    taken = _take(zombie)
    successor = KafkaBroker(topics.properties, "one", NAMES)
    with pytest.raises(StreamError, match="fenced"):
        zombie.settle([Answer(message, b"zombie") for message in taken], [])
    zombie.close()
    _settle_all(successor, b"successor")
    successor.close()
    assert [body for _, body, _ in topics.read("answers")] == [b"successor"] * 60


def test_a_transaction_that_is_left_open_is_seen_by_nobody(topics: Topics, monkeypatch: pytest.MonkeyPatch) -> None:
    topics.make(bodies_of(60))
    stopped = KafkaBroker(topics.properties, "one", NAMES)
    taken = _take(stopped)
    with monkeypatch.context() as before_commit:
        before_commit.setattr(KafkaBroker, "_commit", lambda broker: broker._producer.flush(60))
        stopped.settle([Answer(message, b"stopped") for message in taken], [])
    assert topics.count("answers", "read_uncommitted") == len(taken)
    successor = KafkaBroker(topics.properties, "one", NAMES)
    _settle_all(successor, b"successor")
    successor.close()
    stopped.close()
    assert [body for _, body, _ in topics.read("answers")] == [b"successor"] * 60
    assert topics.count("answers", "read_uncommitted") == 60 + len(taken)


def test_a_batch_that_kafka_aborts_comes_again(topics: Topics) -> None:
    topics.make(bodies_of(60))
    broker = KafkaBroker({**topics.properties, "message.max.bytes": "5000000"}, "one", NAMES)
    taken = _take(broker)
    letters = [DeadLetter(message, "of a\ntest") for message in taken]
    with pytest.raises(NotSettled, match="come again"):
        broker.settle([Answer(taken[0], b" " * 3_000_000)], letters)
    again = _settle_all(broker, b"{}")
    broker.close()
    assert sorted(message.key for message in again) == sorted({message.key for message in again})
    assert {message.key for message in taken} <= {message.key for message in again}
    assert (topics.count("answers"), topics.count("dead-letters")) == (60, 0)


def test_a_broker_that_is_away_and_back_loses_nothing(
    model: ModelChoice, topics: Topics, kafka_server: KafkaServer, config: str
) -> None:
    bodies = bodies_of(COUNT)
    topics.make(bodies[:1_000])
    process = _start(model, config)
    wait_until(lambda: topics.progress() > 100, 60, "it answers")
    kafka_server.stop()
    kafka_server.start()
    topics.send(bodies[1_000:], begin=1_000)
    before = topics.progress()
    wait_until(lambda: process.poll() is not None or topics.progress() > before + 100, 120, "it goes on, or ends")
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=120)
    # 2 where the client did not come back from a call (`kafka_faults.py`): a service manager starts the bridge again.
    assert process.returncode in {0, 2}, errors
    drain(functools.partial(_start, model, config))
    _assert_all_once(model, topics, COUNT)


def test_marks_of_transactions_do_not_keep_a_topic_from_being_empty(
    model: ModelChoice, topics: Topics, config: str
) -> None:
    topics.make()
    topics.send(bodies_of(60), settings={"transactional.id": "of a test"})
    told = drain(functools.partial(_start, model, config))
    assert told.startswith("56 applications were answered, 4 are dead letters")


def test_a_message_too_large_for_the_bridge_to_send_is_settled(model: ModelChoice, topics: Topics, config: str) -> None:
    """Other producers may send larger messages than the client of a bridge does by default."""
    bodies = bodies_of(60)
    topics.make(bodies)
    larger = {MESSAGE_MAX: str(2 * MESSAGE_MAX_BYTES)}
    topics.send([b"x" * (MESSAGE_MAX_BYTES + 10_000)], begin=60, settings=larger)
    topics.send(bodies[:1], begin=61, settings=larger, key=b"k" * (MESSAGE_MAX_BYTES - 100))
    told = drain(functools.partial(_start, model, config))
    assert told.startswith("57 applications were answered, 5 are dead letters")
    letters = {place: (body, headers[REASON_HEADER]) for place, body, headers in topics.read("dead-letters")}
    body, reason = letters.pop(60)
    assert (body, "the body is left out, it has 1010000 bytes" in reason) == (b"", True)
    assert {place: body for place, (body, _) in letters.items()} == {place: bodies[place] for place in letters}
    assert 61 in {place for place, _, _ in topics.read("answers", keyless={61})}


def _settle_one(broker: KafkaBroker) -> Message:
    deadline = time.monotonic() + 60
    while not (taken := broker.take(1)):
        assert time.monotonic() < deadline, "no application comes"
    broker.settle([Answer(message, b"{}") for message in taken], [])
    return taken[0]


def _take_until_ends_are_reported(broker: KafkaBroker) -> None:
    """Kafka has reported the ends of partitions when a take has waited in vain for its whole time, twice."""
    waited = 0
    while waited < 2:
        begun = time.monotonic()
        assert broker.take(1) == []
        waited = waited + 1 if time.monotonic() - begun >= FETCH_S else 0


def test_an_end_that_more_messages_follow_is_not_committed(topics: Topics) -> None:
    topics.make(bodies_of(60)[:3])
    broker = KafkaBroker(topics.properties, "one", NAMES)
    for _ in range(3):
        _settle_one(broker)
    _take_until_ends_are_reported(broker)
    topics.send([b"{}"], begin=3)
    last = _settle_one(broker)
    broker.is_empty()
    assert last.key == "applications-0-1"
    assert topics.committed() == [2, 1, 1]
    broker.close()
