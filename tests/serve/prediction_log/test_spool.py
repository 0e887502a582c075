"""What is in the spool survives its process; what does not fit is refused, and never half kept."""

from __future__ import annotations

import itertools
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from serve.errors import PredictionLogFull
from serve.prediction_log.adoption import adopt
from serve.prediction_log.backlog import DAMAGED_FOLDER, Backlog
from serve.prediction_log.segment import list_segments
from serve.prediction_log.segment_header import HEADER_BYTES
from serve.prediction_log.segment_reader import Rest, SegmentReader, records_of
from serve.prediction_log.spool import Spool, Sync
from tests.live_stack import wait_until
from tests.serve.prediction_log_rows import fetch, left_open, record, running_spool, ship_all


def sequences(folder: Path) -> list[int]:
    return [stored.facts.sequence for path in list_segments(folder).values() for stored in records_of(path)]


def append_until_refused(spool: Spool, reason: str) -> int:
    """Gives how many records were taken."""
    taken = itertools.count()
    with pytest.raises(PredictionLogFull, match=reason):
        append_for_ever(spool, taken)
    return next(taken) - 1


def append_for_ever(spool: Spool, taken: Iterator[int]) -> None:
    while next(taken) < 10_000:
        spool.append(record(rows=100))


def only_segment(folder: Path) -> Path:
    (path,) = list_segments(folder).values()
    return path


WRITE_AND_DIE = """
import os, signal, sys
from pathlib import Path
from tests.serve.prediction_log_rows import PLENTY, record
from serve.prediction_log.spool import Spool, Sync
spool = Spool(Path(sys.argv[1]), PLENTY, Sync(sys.argv[2]))
spool.start()
for _ in range(50):
    spool.append(record(rows=20))
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("sync", Sync)
def test_records_of_a_killed_process_are_kept(tmp_path: Path, sync: Sync) -> None:
    run = subprocess.run([sys.executable, "-c", WRITE_AND_DIE, str(tmp_path), sync], check=False)
    assert run.returncode == -9
    assert only_segment(tmp_path).suffix == ".open"
    assert sequences(tmp_path) == list(range(1, 51))
    Backlog(tmp_path).look()
    assert only_segment(tmp_path).suffix == ".sealed"


def test_threads_append_to_one_chain(tmp_path: Path) -> None:
    with running_spool(tmp_path, segment_bytes=8192) as spool, ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: spool.append(record()), range(400)))
    assert sequences(tmp_path) == list(range(1, 401))


def test_a_segment_of_a_living_process_is_not_adopted(tmp_path: Path) -> None:
    with running_spool(tmp_path) as spool:
        spool.append(record())
        Backlog(tmp_path).look()
        assert only_segment(tmp_path).suffix == ".open"


def test_a_segment_is_sealed_when_it_is_old_even_if_nobody_asks_any_more(tmp_path: Path) -> None:
    with running_spool(tmp_path, segment_age_s=0.05) as spool:
        spool.append(record())
        wait_until(lambda: only_segment(tmp_path).suffix == ".sealed", 5, "the segment is sealed")


@pytest.mark.parametrize("lost_bytes", [1, 100, 400], ids=["the last byte", "in the features", "nearly all"])
def test_a_record_whose_writing_was_cut_off_is_cut_off(database: str, tmp_path: Path, lost_bytes: int) -> None:
    with running_spool(tmp_path) as spool:
        for _ in range(3):
            spool.append(record(rows=8))
    path = left_open(only_segment(tmp_path))
    os.truncate(path, path.stat().st_size - lost_bytes)
    reader = SegmentReader(adopt(path))
    assert [stored.facts.sequence for stored in reader.records()] == [1, 2]
    assert reader.rest() is Rest.TORN
    ship_all(tmp_path, database)
    assert fetch(database, "SELECT sequence FROM prediction_requests ORDER BY sequence") == [(1,), (2,)]
    assert not list_segments(tmp_path)
    assert not (tmp_path / DAMAGED_FOLDER).exists()


def test_a_file_that_grew_without_its_data_ends_before_the_zeros(tmp_path: Path) -> None:
    """A power failure can leave the new length of a file on the disk without what was written there."""
    with running_spool(tmp_path) as spool:
        spool.append(record())
    path = left_open(only_segment(tmp_path))
    os.truncate(path, path.stat().st_size + 5000)
    reader = SegmentReader(adopt(path))
    assert len(list(reader.records())) == 1
    assert reader.rest() is Rest.TORN


@pytest.mark.parametrize("place", [0.35, 0.5, 0.66], ids=["first third", "middle", "last third"])
def test_a_byte_that_changed_is_never_taken_for_a_torn_record(database: str, tmp_path: Path, place: float) -> None:
    """Wherever it is, in lengths, digests or rows: the file is kept aside for people to look at, not removed."""
    with running_spool(tmp_path) as spool:
        for _ in range(3):
            spool.append(record(rows=8))
    path = only_segment(tmp_path)
    data = bytearray(path.read_bytes())
    data[int(place * len(data))] ^= 1
    path.write_bytes(data)
    ship_all(tmp_path, database)
    assert fetch(database, "SELECT count(*) FROM prediction_requests") == [(2,)]
    assert [kept.name for kept in (tmp_path / DAMAGED_FOLDER).iterdir()] == [path.name]


def test_one_changed_bit_costs_one_record_wherever_it_is(database: str, tmp_path: Path) -> None:
    """In each part of a frame: its checksum, lengths, salt, digest, hash, facts, probabilities, ids and features."""
    with running_spool(tmp_path / "whole") as spool:
        for number in range(5):
            spool.append(record(rows=2, request_id=f"r-{number}", application_ids=["A", "B"]))
    path = only_segment(tmp_path / "whole")
    data = path.read_bytes()
    with closing(SegmentReader(path)) as reader:
        starts = [reader.offset for _ in reader.records()]  # where each ends
    assert len(starts) == 5
    first, last = starts[1], starts[2]
    folder = tmp_path / "damaged"
    folder.mkdir()
    for place in range(first, last, 7):
        changed = bytearray(data)
        changed[place] ^= 1 << place % 8
        (folder / path.name).write_bytes(changed)
        with closing(SegmentReader(folder / path.name)) as reader:
            found = [stored.facts.sequence for stored in reader.records(past_damage=True)]
            assert (found, reader.rest()) == ([1, 2, 4, 5], Rest.DAMAGED), place - first


def test_records_behind_a_damaged_one_are_shipped_and_the_file_is_kept(database: str, tmp_path: Path) -> None:
    with running_spool(tmp_path) as spool:
        for _ in range(5):
            spool.append(record(rows=8))
    path = only_segment(tmp_path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    ship_all(tmp_path, database)
    assert fetch(database, "SELECT sequence FROM prediction_requests ORDER BY 1") == [(1,), (2,), (4,), (5,)]
    assert [kept.name for kept in (tmp_path / DAMAGED_FOLDER).iterdir()] == [path.name]
    with running_spool(tmp_path) as spool:
        spool.append(record())
    ship_all(tmp_path, database)
    assert fetch(database, "SELECT count(*) FROM prediction_requests") == [(5,)]


def test_records_that_stand_in_a_damaged_file_twice_are_shipped_once(database: str, tmp_path: Path) -> None:
    """A disk may put bytes of before where others belong: each frame of them follows from the one before it."""
    with running_spool(tmp_path) as spool:
        for _ in range(5):
            spool.append(record(rows=8))
    path = only_segment(tmp_path)
    data = path.read_bytes()
    with closing(SegmentReader(path)) as reader:
        ends = [reader.offset for _ in reader.records()]
    path.write_bytes(data[: ends[2]] + b"?" * 50 + data[HEADER_BYTES : ends[2]] + data[ends[2] :])
    ship_all(tmp_path, database)
    assert fetch(database, "SELECT sequence FROM prediction_requests ORDER BY 1") == [(1,), (2,), (3,), (4,), (5,)]
    assert (tmp_path / DAMAGED_FOLDER / path.name).exists()


def test_changed_lengths_are_damage_not_an_unfinished_record(tmp_path: Path) -> None:
    with running_spool(tmp_path) as spool:
        spool.append(record(rows=8))
    path = only_segment(tmp_path)
    data = bytearray(path.read_bytes())
    data[SegmentReader(path).offset + 4 + 14] = 0xFF  # the number of rows, now far more than there are bytes
    path.write_bytes(data)
    reader = SegmentReader(path)
    assert list(reader.records()) == []
    assert reader.rest() is Rest.DAMAGED


def test_past_its_bound_the_spool_refuses_and_when_there_is_room_it_takes_again(database: str, tmp_path: Path) -> None:
    bound = 200_000
    with running_spool(tmp_path, max_bytes=bound, segment_bytes=40_000) as spool:
        taken = append_until_refused(spool, "too many predictions wait")
        assert bound / 2 < sum(path.stat().st_size for path in list_segments(tmp_path).values()) <= bound
        assert len(sequences(tmp_path)) == taken

        def takes() -> bool:
            ship_all(tmp_path, database)
            try:
                spool.append(record(rows=100))
            except PredictionLogFull:
                return False
            return True

        wait_until(takes, 5, "the spool takes records again")
    ship_all(tmp_path, database)
    assert fetch(database, "SELECT count(*), max(sequence) FROM prediction_requests") == [(taken + 1, taken + 1)]


def test_the_bound_is_one_for_all_processes(tmp_path: Path) -> None:
    with running_spool(tmp_path, max_bytes=100_000, segment_bytes=60_000) as first:
        first.append(record())
        with (
            running_spool(tmp_path, max_bytes=100_000, segment_bytes=60_000) as second,
            pytest.raises(PredictionLogFull),
        ):
            second.append(record())


@pytest.fixture
def small_files() -> Iterator[int]:
    """No file can grow past this size, as on a disk that is full."""
    size = 30_000
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    yield size
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_refuses_and_keeps_no_half_record(tmp_path: Path, small_files: int) -> None:
    with running_spool(tmp_path) as spool:
        taken = append_until_refused(spool, "the disk accepts no more records")
        assert taken > 3
        assert only_segment(tmp_path).stat().st_size <= small_files
        assert sequences(tmp_path) == list(range(1, taken + 1))
    reader = SegmentReader(only_segment(tmp_path))
    assert len(list(reader.records())) == taken
    assert reader.rest() is Rest.NOTHING


def test_a_disk_that_fails_to_keep_what_it_took_stops_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    with running_spool(tmp_path, sync=Sync.ALWAYS) as spool:
        spool.append(record())
        monkeypatch.setattr(os, "fdatasync", fail)
        with pytest.raises(PredictionLogFull, match="has failed"):
            spool.append(record())
        monkeypatch.undo()
        with pytest.raises(PredictionLogFull, match="has failed"):
            spool.append(record())


def test_always_returns_after_the_disk_has_the_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    synced = threading.Event()
    fdatasync = os.fdatasync

    def wait(descriptor: int) -> None:
        release.wait()
        fdatasync(descriptor)
        synced.set()

    monkeypatch.setattr(os, "fdatasync", wait)
    with running_spool(tmp_path, sync=Sync.ALWAYS) as spool, ThreadPoolExecutor(1) as thread:
        answer = thread.submit(spool.append, record())
        wait_until(lambda: len(list_segments(tmp_path)) == 1, 5, "the record is written")
        assert not answer.done()
        release.set()
        answer.result(5)
        assert synced.is_set()
