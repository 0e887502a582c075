"""`--record`: each answer is on record once, before it is published, and is the one that is published."""

from __future__ import annotations

import functools
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fraud.database import connect
from fraud.verdict import Verdict
from serve.audit.verification import verify
from serve.batch.worker import ModelChoice
from serve.prediction_log.pseudonym import Pseudonyms
from serve.stream.messages import Message
from serve.stream.recording import NAME_LETTERS, request_id_of
from tests.live_stack import wait_until
from tests.serve.batch.scoring_files import VERSION, make_model
from tests.serve.prediction_log_rows import fetch, ship_all
from tests.serve.stream.kafka_cluster import KafkaServer, Topics
from tests.serve.stream.nats_subjects import Subjects, run_nats
from tests.serve.stream.postgres_queue import make_queue, read_queue
from tests.serve.stream.streams import bodies_of, bridge, drain, expected_probabilities, killed_at

KEY = "k" * 32
COUNT = 300
BATCH = 20
RECORDED = "SELECT application_id, divorce_probability, model_version FROM prediction_logs"
OTHER_VERSION = 5


@dataclass(frozen=True)
class Source:
    """A broker with applications."""

    name: str
    settings: Mapping[str, str]
    answers: Callable[[], list[tuple[int, dict[str, Any]]]]
    progress: Callable[[], int]
    settling: Sequence[str]
    """Where a bridge may be killed while its broker takes a batch."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelChoice:
    """Two versions, the first of which was served last."""
    run_dir = tmp_path_factory.mktemp("recording")
    make_model(run_dir, OTHER_VERSION, base_score=0.4)
    return make_model(run_dir)


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture(params=["postgres", "nats", "kafka"])
def source(request: pytest.FixtureRequest, database: str, spool: Path, tmp_path: Path) -> Iterator[Source]:
    settings = {"DATABASE_URL": database, "SPOOL_DIR": str(spool), "APPLICANT_REF_KEY": KEY}
    make = {"postgres": _postgres, "nats": _nats, "kafka": _kafka}[request.param]
    yield from make(database, tmp_path, settings)


def _postgres(database: str, _folder: Path, settings: Mapping[str, str]) -> Iterator[Source]:
    make_queue(database, bodies_of(COUNT))

    def progress() -> int:
        return int(fetch(database, "SELECT count(*) FROM stream.answers")[0][0])

    settle = "serve.stream.postgres_broker:PostgresBroker.settle"
    sites = (f"{settle}:2:before", f"{settle}:2:after")
    yield Source("postgres", settings, lambda: read_queue(database)[0], progress, sites)


def _nats(_database: str, folder: Path, settings: Mapping[str, str]) -> Iterator[Source]:
    with run_nats(folder / "nats") as url:
        subjects = Subjects(url)
        subjects.make(bodies_of(COUNT))
        settle = "serve.stream.nats_broker:NatsBroker.settle"
        yield Source(
            "nats",
            {**settings, "NATS_URL": url},
            lambda: [(place, json.loads(body)) for place, body, _ in subjects.read("answers")],
            lambda: subjects.count("answers"),
            (f"{settle}:2:before", "nats.js.client:JetStreamContext.publish:30:after", f"{settle}:2:after"),
        )


def _kafka(_database: str, folder: Path, settings: Mapping[str, str]) -> Iterator[Source]:
    server = KafkaServer(folder / "kafka")
    try:
        topics = Topics(server.address)
        topics.make(bodies_of(COUNT))
        commit = "serve.stream.kafka_broker:KafkaBroker._commit"
        yield Source(
            "kafka",
            {**settings, "KAFKA_CONFIG": topics.write_config(folder / "kafka.properties")},
            lambda: [(place, json.loads(body)) for place, body, _ in topics.read("answers")],
            topics.progress,
            (f"{commit}:2:before", f"{commit}:2:after"),
        )
    finally:
        server.stop()


def _arguments(source: Source, *arguments: object) -> tuple[object, ...]:
    return ("--source", source.name, "--batch", BATCH, "--record", *arguments)


def _drain(model: ModelChoice, source: Source, *more: object) -> None:
    drain(lambda *arguments: bridge(model.run_dir, *_arguments(source, *more, *arguments), **source.settings))


def _assert_recorded_once(source: Source, spool: Path, dsn: str, expected: set[str]) -> None:
    """Each answer is on record once, is the one that was published, and the record verifies."""
    ship_all(spool, dsn)  # what killed bridges left, as a server does
    rows = fetch(dsn, RECORDED)
    assert Counter(name for name, _, _ in rows) == Counter(expected)
    answers = {answer["application_id"]: answer for _, answer in source.answers()}
    assert len(source.answers()) == len(answers) == len(expected)
    for name, probability, version in rows:
        assert np.float32(answers[name]["probability"]) == np.float32(probability)
        assert answers[name]["model_version"] == version
    with connect(dsn) as connection:
        report = verify(connection, spool)
    assert (report.verdict, report.findings) == (Verdict.PASS, ())


def _names(model: ModelChoice) -> set[str]:
    return {f"a-{place}" for place in expected_probabilities(model, COUNT)}


STEPS = (
    "serve.stream.recorded_answers:RecordedAnswers.promise:2:after",
    "serve.prediction_log.spool:Spool._write:2:after",
)
"""Before the broker is told: promised and not recorded; recorded."""
FORGETTING = ("serve.stream.recorded_answers:RecordedAnswers.settle:2:after",)


def test_a_bridge_that_is_killed_at_any_step_records_each_answer_once(
    model: ModelChoice, source: Source, spool: Path, database: str
) -> None:
    sites = (*STEPS, *source.settling, *FORGETTING)
    killed_at(sites, model.run_dir, *_arguments(source), **source.settings)
    _drain(model, source)
    _assert_recorded_once(source, spool, database, _names(model))


def test_the_answer_on_record_is_published_whatever_model_comes_next(
    model: ModelChoice, source: Source, spool: Path, database: str
) -> None:
    site = "serve.prediction_log.spool:Spool.append:1:after"
    killed_at([site], model.run_dir, *_arguments(source), **source.settings)
    _drain(model, source, "--version", OTHER_VERSION)
    _assert_recorded_once(source, spool, database, _names(model))
    by_version = Counter(answer["model_version"] for _, answer in source.answers())
    assert 0 < by_version[VERSION] <= BATCH
    assert by_version.total() == by_version[VERSION] + by_version[OTHER_VERSION]


def test_bridges_that_are_killed_side_by_side_record_each_answer_once(
    model: ModelChoice, source: Source, spool: Path, database: str
) -> None:
    chance = random.Random(source.name)
    names = _names(model)
    for _ in range(2):
        # Where one of them has answered all before the other is ready, that one is killed while it waits for more.
        goal = min(source.progress() + chance.randrange(1, 20), len(names))
        both = [bridge(model.run_dir, *_arguments(source), **source.settings) for _ in range(2)]
        try:
            wait_until(functools.partial(_has_come, source, goal), 120, "they answer")
            assert [one.poll() for one in both] == [None, None]
        finally:
            for one in both:
                one.kill()
                one.communicate()
    # Two again: Kafka keeps the partitions of a killed bridge for the one that inherits its name.
    for one in [bridge(model.run_dir, *_arguments(source, "--until-empty"), **source.settings) for _ in range(2)]:
        _, errors = one.communicate(timeout=120)
        assert one.returncode == 0, errors
    _assert_recorded_once(source, spool, database, names)


def _has_come(source: Source, goal: int) -> bool:
    return source.progress() >= goal


def test_records_are_marked_and_say_what_was_faulty(
    model: ModelChoice, database: str, spool: Path, tmp_path: Path
) -> None:
    settings = {"DATABASE_URL": database, "SPOOL_DIR": str(spool), "APPLICANT_REF_KEY": KEY}
    (source,) = _postgres(database, tmp_path, settings)
    _drain(model, source, "--reasons", 2)
    rows = fetch(database, "SELECT request_id, endpoint, caller, reasons IS NOT NULL FROM prediction_requests")
    assert len(rows) == COUNT / BATCH
    first = min(rows, key=lambda row: int(row[0].rpartition("-")[2]))
    assert first[0].startswith("stream-stream.applications-")
    assert first[1] == "serve.stream?errors=report&rows=20&faulty=3&at=5,7,11"
    assert {row[2].partition(":")[0] for row in rows} == {"stream"}
    assert all(row[3] for row in rows)


def test_a_person_is_on_record_by_a_pseudonym(model: ModelChoice, database: str, spool: Path) -> None:
    body = json.dumps(json.loads(bodies_of(COUNT)[0]) | {"applicant_ref": "p-1"}).encode()
    make_queue(database, [body])
    arguments = ("--source", "postgres", "--record", "--until-empty")
    settings = {"DATABASE_URL": database, "SPOOL_DIR": str(spool)}
    process = bridge(model.run_dir, *arguments, **settings)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, "--record needs APPLICANT_REF_KEY" in errors) == (2, True)
    drain(lambda *_: bridge(model.run_dir, *arguments, **settings, APPLICANT_REF_KEY=KEY))
    ((refs,),) = fetch(database, "SELECT applicant_refs FROM prediction_requests")
    assert [bytes(ref) for ref in refs] == [Pseudonyms(KEY).of("p-1")]


def test_nothing_is_answered_while_the_record_can_not_be_kept(model: ModelChoice, database: str, spool: Path) -> None:
    make_queue(database, bodies_of(COUNT))
    arguments = ("--source", "postgres", "--record")
    settings = {"DATABASE_URL": database, "SPOOL_DIR": str(spool), "APPLICANT_REF_KEY": KEY}
    spool.parent.mkdir(exist_ok=True)
    spool.write_text("in the way")
    process = bridge(model.run_dir, *arguments, **settings)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2, errors
    assert fetch(database, "SELECT count(*) FROM stream.answers") == [(0,)]


def test_a_long_topic_does_not_cut_the_place_off_the_request_id() -> None:
    topic = "t" * 249
    ids = {request_id_of(Message(f"{topic}-{partition}", 4711, b"").key) for partition in (1, 2)}
    assert {len(name) for name in ids} == {NAME_LETTERS}
    assert {name[-8:] for name in ids} == {"t-1-4711", "t-2-4711"}
    assert all(name.startswith("stream-t") for name in ids)
