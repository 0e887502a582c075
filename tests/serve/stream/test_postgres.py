"""Tables as queues: bridges that are killed lose nothing, and answer nothing twice."""

from __future__ import annotations

import subprocess

import pytest

from serve.batch.worker import ModelChoice
from serve.stream.messages import Answer, DeadLetter
from serve.stream.postgres_broker import PostgresBroker
from tests.live_stack import wait_until
from tests.serve.prediction_log_rows import execute, fetch
from tests.serve.stream.postgres_queue import make_queue, read_queue
from tests.serve.stream.streams import assert_answered_once, bodies_of, bridge, drain, kill_while_scoring

COUNT = 3_000
BATCH = 20


@pytest.fixture
def queue(database: str) -> str:
    make_queue(database, bodies_of(COUNT))
    return database


def _start(model: ModelChoice, queue: str, *arguments: object) -> subprocess.Popen[str]:
    return bridge(model.run_dir, "--source", "postgres", "--batch", BATCH, *arguments, DATABASE_URL=queue)


def _answered(queue: str) -> int:
    return int(fetch(queue, "SELECT count(*) FROM stream.answers")[0][0])


def _assert_all_once(model: ModelChoice, queue: str) -> None:
    answers, dead = read_queue(queue)
    assert_answered_once(model, COUNT, answers, dead)
    assert fetch(queue, "SELECT id FROM stream.applications") == []


SLOW = """
    CREATE FUNCTION stream.rest() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.05); RETURN NULL; END';
    CREATE TRIGGER rest AFTER INSERT ON stream.answers FOR EACH STATEMENT EXECUTE FUNCTION stream.rest();
"""
"""A bridge would be through with all of them before anybody can end it."""


def test_bridges_that_are_killed_answer_each_application_once(model: ModelChoice, queue: str) -> None:
    execute(queue, SLOW)
    for more in (1, 200, 400):
        kill_while_scoring(lambda *arguments: _start(model, queue, *arguments), lambda: _answered(queue), more)
    assert _answered(queue) < COUNT - BATCH
    execute(queue, "DROP TRIGGER rest ON stream.answers")
    drain(lambda *arguments: _start(model, queue, *arguments))
    _assert_all_once(model, queue)


def test_brokers_side_by_side_take_others_and_give_back(queue: str) -> None:
    first, second, third = (PostgresBroker(queue) for _ in range(3))
    lost, taken = first.take(COUNT - BATCH), second.take(COUNT)
    assert (len(lost), len(taken)) == (COUNT - BATCH, BATCH)
    assert not {one.key for one in lost} & {one.key for one in taken}
    second.settle([Answer(one, b"{}") for one in taken], [])
    assert third.take(COUNT) == []
    assert not third.is_empty(), "what another has taken is not settled"
    first.close()
    again = third.take(COUNT)
    assert again == lost
    third.settle([], [DeadLetter(one, "of a test") for one in again])
    assert second.is_empty()
    second.close()
    third.close()


def test_a_bridge_that_is_told_to_end_does(model: ModelChoice, queue: str) -> None:
    process = _start(model, queue)
    wait_until(lambda: _answered(queue) > 0, 60, "it answers")
    process.terminate()
    told, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    answered, dead = (int(words.split()[0].replace(",", "")) for words in told.split(" answered, "))
    left = fetch(queue, "SELECT count(*) FROM stream.applications")[0][0]
    assert (answered, dead) == (_answered(queue), fetch(queue, "SELECT count(*) FROM stream.dead_letters")[0][0])
    assert answered + dead + left == COUNT


def test_a_database_without_the_tables_is_told(model: ModelChoice, database: str) -> None:
    process = _start(model, database)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "postgres_queue.sql" in errors


def test_a_name_that_no_text_can_hold_is_a_dead_letter(model: ModelChoice, database: str) -> None:
    make_queue(database, [rb'{"a\u0000b": 1}'])
    told = drain(lambda *arguments: _start(model, database, *arguments))
    assert told.startswith("0 applications were answered, 1 are dead letters")
    ((reason,),) = fetch(database, "SELECT reason FROM stream.dead_letters")
    assert r"a\x00b" in reason
