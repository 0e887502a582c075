"""Batches are read into the same memory, one after the other: no record of a batch may lie on another's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from serve.prediction_log.frame import StoredRecord
from serve.prediction_log.read_buffer import CHUNK_BYTES, ReadBuffer
from serve.prediction_log.segment_reader import SegmentReader
from tests.serve.prediction_log_rows import record, running_spool

SIZES = (1, 20_000, 3, 60_000, 1, 40_000)
"""Rows of records: less than a chunk, about one, more than one."""


@pytest.fixture
def segment(tmp_path: Path) -> Path:
    with running_spool(tmp_path) as spool:
        for rows in SIZES:
            spool.append(record(rows))
    (path,) = tmp_path.glob("*.sealed")
    return path


@pytest.fixture
def reader(segment: Path) -> Iterator[SegmentReader]:
    with closing(SegmentReader(segment)) as reader:
        yield reader


def are_as_written(records: list[StoredRecord], sizes: tuple[int, ...]) -> bool:
    return len(records) == len(sizes) and all(
        np.array_equal(stored.features, record(rows).features)
        and np.array_equal(stored.probabilities, record(rows).probabilities)
        for stored, rows in zip(records, sizes, strict=True)
    )


@pytest.mark.parametrize("size", [0, CHUNK_BYTES, 64 * CHUNK_BYTES], ids=["no room", "room for some", "room for all"])
def test_all_records_of_a_batch_stand_side_by_side(reader: SegmentReader, size: int) -> None:
    assert are_as_written(list(reader.records(ReadBuffer(size))), SIZES)


def test_the_next_batch_is_read_over_the_one_before(segment: Path) -> None:
    buffer = ReadBuffer(64 * CHUNK_BYTES)
    for _ in range(2):
        buffer.reuse()
        with closing(SegmentReader(segment)) as reader:
            records = list(reader.records(buffer))
        assert are_as_written(records, SIZES)
    assert all(np.shares_memory(stored.features, np.frombuffer(buffer._memory, np.uint8)) for stored in records)
