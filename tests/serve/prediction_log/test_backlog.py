"""What waits in the spool is known at any time: before the database was ever reached, and between two batches."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from serve.prediction_log.backlog import Backlog, Waiting
from serve.prediction_log.batch import Batch
from serve.prediction_log.segment import list_segments
from serve.prediction_log.segment_reader import records_of
from tests.serve.prediction_log_rows import record, running_spool

RECORDS = 3
SEGMENT_BYTES = [1, 1024 * 1024]
"""A segment for each record; one for all."""
ONE_RECORD = 1


@pytest.fixture(params=SEGMENT_BYTES)
def spool(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    with running_spool(tmp_path, segment_bytes=request.param) as spool:
        for _ in range(RECORDS):
            spool.append(record())
    return tmp_path


@pytest.fixture
def backlog(spool: Path) -> Iterator[Backlog]:
    backlog = Backlog(spool)
    yield backlog
    backlog.forget()


def moments(spool: Path) -> list[int]:
    return [found.facts.recorded_at for path in list_segments(spool).values() for found in records_of(path)]


def take_one(backlog: Backlog, marks: dict[uuid.UUID, int]) -> Batch:
    return backlog.next_batch(backlog.look(), marks, max_bytes=ONE_RECORD)


def test_all_waits_while_no_mark_is_known(spool: Path, backlog: Backlog) -> None:
    assert backlog.waiting({}, Batch()) == Waiting(RECORDS, moments(spool)[0])


def test_a_batch_waits_until_it_is_committed(spool: Path, backlog: Backlog) -> None:
    batch = take_one(backlog, {})
    assert backlog.waiting({}, batch) == Waiting(RECORDS, moments(spool)[0])


def test_after_a_commit_the_next_record_is_the_oldest(spool: Path, backlog: Backlog) -> None:
    marks: dict[uuid.UUID, int] = {}
    for shipped, moment in enumerate(moments(spool)):
        assert backlog.waiting(marks, Batch()) == Waiting(RECORDS - shipped, moment)
        (part,) = take_one(backlog, marks).parts
        marks[part.chain_id] = part.sequence
    assert backlog.waiting(marks, Batch()) == Waiting(0, None)


def test_each_chain_is_asked_for_its_oldest(spool: Path, backlog: Backlog) -> None:
    """Although the batch was full before their turn came."""
    (first_at, *_), batch = moments(spool), take_one(backlog, {})
    with running_spool(spool) as later:
        later.append(record())
    with running_spool(spool) as latest:
        latest.append(record())
    assert backlog.waiting({}, batch) == Waiting(RECORDS + 2, first_at)
    (part,) = batch.parts
    *_, first_of_later, _ = sorted(moments(spool))
    committed = {part.chain_id: RECORDS}
    assert backlog.waiting(committed, Batch()) == Waiting(2, first_of_later)


def test_a_record_that_can_not_be_read_has_no_age(spool: Path, backlog: Backlog) -> None:
    segments = list_segments(spool).values()
    for path in segments:
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
    first_is_sound = len(segments) == 1
    waiting = backlog.waiting({}, Batch())
    assert waiting.records == RECORDS
    assert (waiting.oldest_at is not None) == first_is_sound
