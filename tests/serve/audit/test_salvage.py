"""What can be proven of a damaged file gets into the log, once; the rest is told, and stays where it is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from fraud.verdict import Verdict
from serve.audit.salvage import Salvage, Salvaged
from serve.prediction_log.anchor_book import AnchorBook
from serve.prediction_log.anchors import Anchors
from serve.prediction_log.backlog import DAMAGED_FOLDER
from serve.prediction_log.segment import list_segments
from serve.prediction_log.segment_header import HEADER_BYTES
from serve.prediction_log.segment_reader import SegmentReader
from serve.prediction_log.table import ChainEnd, LogTable
from tests.live_stack import project_environment
from tests.serve.audit.log_audit import audit
from tests.serve.prediction_log.landed_spools import WITHOUT_END_MARKS, unpack
from tests.serve.prediction_log_rows import anchor_files, execute, fetch, record, running_spool, ship_all, some_reasons

SEQUENCES = "SELECT array_agg(sequence ORDER BY sequence) FROM prediction_requests"
EACH = 3
"""Records of a segment."""
COUNTED = "SELECT sum(applications) FROM drift_hours"


@pytest.fixture
def segments(tmp_path: Path) -> list[Path]:
    """Three sealed segments of one chain with three records each, all with reasons."""
    size = HEADER_BYTES + EACH * _frame_bytes(tmp_path / "measured")
    with running_spool(tmp_path, segment_bytes=size) as spool:
        for number in range(3 * EACH):
            spool.append(record(request_id=f"r-{number + 1}", reasons=some_reasons(1)))
    found = list(list_segments(tmp_path).values())
    assert len(found) == 3
    return found


def _frame_bytes(folder: Path) -> int:
    with running_spool(folder) as spool:
        spool.append(record(reasons=some_reasons(1)))
    (path,) = list_segments(folder).values()
    return path.stat().st_size - HEADER_BYTES


def salvage(dsn: str, spool: Path) -> list[Salvaged]:
    return Salvage(spool, LogTable(dsn), Anchors(spool)).run()


def flip(path: Path, *places: int) -> None:
    data = bytearray(path.read_bytes())
    for place in places:
        data[place] ^= 1
    path.write_bytes(data)


def in_record(path: Path, number: int) -> int:
    """A place in the features of the record of that number in its file, from 1."""
    with closing(SegmentReader(path)) as reader:
        return [reader.offset for _ in reader.records()][number - 1] - 1


@pytest.mark.parametrize("segment", range(3), ids=["the first", "the middle one", "the last"])
@pytest.mark.parametrize(
    ("place", "is_kept"),
    [
        pytest.param(0, False, id="magic"),
        pytest.param(10, False, id="chain id"),
        pytest.param(24, False, id="number"),
        pytest.param(30, False, id="number of the record before"),
        pytest.param(40, False, id="hash of the record before"),
        pytest.param(70, False, id="checksum"),
        pytest.param(80, True, id="end mark"),
    ],
)
def test_records_behind_a_damaged_header_are_proven_by_the_log(
    database: str, tmp_path: Path, segments: list[Path], segment: int, place: int, is_kept: bool
) -> None:
    flip(segments[segment], place)
    ship_all(tmp_path, database)
    ship_all(tmp_path, database)  # what comes behind a file that was set aside
    (done,) = salvage(database, tmp_path)
    assert fetch(database, SEQUENCES) == [(list(range(1, 3 * EACH + 1)),)]
    assert fetch(database, COUNTED) == [(3 * EACH,)]
    assert done.is_kept is is_kept
    if is_kept:
        (tmp_path / DAMAGED_FOLDER / done.file).unlink()
    assert audit(database, tmp_path).findings == ()
    assert salvage(database, tmp_path) == []


def test_a_better_copy_fills_the_gap_and_both_are_removed(database: str, tmp_path: Path, segments: list[Path]) -> None:
    copy = shutil.copy(segments[1], tmp_path / "copy")
    flip(segments[1], in_record(segments[1], 1), in_record(segments[1], 3))
    ship_all(tmp_path, database)
    (before,) = salvage(database, tmp_path)
    assert (before.missing, before.proven, before.shipped, before.is_kept) == ([4, 6], 1, 0, True)
    assert audit(database, tmp_path).verdict is Verdict.FAIL
    shutil.move(copy, tmp_path / DAMAGED_FOLDER / f"{segments[1].name}.1")
    after = salvage(database, tmp_path)
    assert [(one.shipped, one.missing, one.is_kept) for one in after] == [(0, [], False), (2, [], False)]
    assert fetch(database, SEQUENCES) == [(list(range(1, 3 * EACH + 1)),)]
    assert fetch(database, COUNTED) == [(3 * EACH,)]
    assert audit(database, tmp_path).findings == ()


def test_a_chain_whose_end_was_salvaged_is_anchored_there(database: str, tmp_path: Path, segments: list[Path]) -> None:
    flip(segments[2], 0)
    ship_all(tmp_path, database)
    (anchor,) = anchor_files(tmp_path)
    book = AnchorBook(tmp_path)  # of a shipper that runs on
    (done,) = salvage(database, tmp_path)
    assert done.shipped == EACH
    chain_id = uuid.UUID(anchor.name)
    assert Anchors(tmp_path).of(chain_id).sequence == 3 * EACH  # type: ignore[union-attr]
    book.expire(ChainEnd(chain_id, 1, bytes(32)))
    assert Anchors(tmp_path).of(chain_id).sequence == 3 * EACH  # type: ignore[union-attr]


def test_a_truncated_segment_is_named_and_kept(database: str, tmp_path: Path, segments: list[Path]) -> None:
    os.truncate(segments[2], in_record(segments[2], 1) + 1)
    ship_all(tmp_path, database)
    (done,) = salvage(database, tmp_path)
    assert (done.missing, done.is_kept) == ([8, 9], True)
    assert [path.name for path in (tmp_path / DAMAGED_FOLDER).iterdir()] == [segments[2].name]


def test_a_file_whose_chain_is_still_shipped_waits(database: str, tmp_path: Path, segments: list[Path]) -> None:
    (tmp_path / DAMAGED_FOLDER).mkdir()
    segments[0].rename(tmp_path / DAMAGED_FOLDER / segments[0].name)
    (done,) = salvage(database, tmp_path)
    assert (done.shipped, done.is_kept, "run this again" in done.why) == (0, True, True)
    ship_all(tmp_path, database)
    (done,) = salvage(database, tmp_path)
    assert (done.shipped, done.is_kept) == (EACH, False)
    assert audit(database, tmp_path).findings == ()


def test_a_record_that_contradicts_the_log_is_not_shipped(database: str, tmp_path: Path, segments: list[Path]) -> None:
    copy = shutil.copy(segments[1], tmp_path / "copy")
    ship_all(tmp_path, database)
    execute(database, "UPDATE prediction_requests SET hash = sha256('x') WHERE sequence = 4")
    execute(database, "DELETE FROM prediction_requests WHERE sequence = 5")
    (tmp_path / DAMAGED_FOLDER).mkdir()
    shutil.move(copy, tmp_path / DAMAGED_FOLDER / segments[1].name)
    (done,) = salvage(database, tmp_path)
    assert (done.shipped, done.is_kept) == (0, True)
    assert "another record in the place of number 4" in done.why


def test_records_of_another_chain_are_not_proven(database: str, tmp_path: Path, segments: list[Path]) -> None:
    other = tmp_path / DAMAGED_FOLDER / f"{uuid.uuid4().hex}-00000000.sealed"
    other.parent.mkdir()
    shutil.copy(segments[0], other)
    flip(other, 0)
    ship_all(tmp_path, database)
    (done,) = salvage(database, tmp_path)
    assert (done.proven, done.shipped, done.is_kept) == (0, 0, True)


def test_damage_of_the_version_before_is_salvaged(database: str, tmp_path: Path) -> None:
    unpack(WITHOUT_END_MARKS, tmp_path)
    flip(next(path for path in list_segments(tmp_path).values() if "00000001" in path.name), 0)
    ship_all(tmp_path, database)
    (done,) = salvage(database, tmp_path)
    assert (done.proven, done.shipped, done.is_kept) == (1, 1, True)
    (tmp_path / DAMAGED_FOLDER / done.file).unlink()
    assert audit(database, tmp_path).findings == ()


def as_text(path: Path) -> None:
    path.write_text("?" * 1000)


@pytest.mark.parametrize("make", [as_text, Path.mkdir, os.mkfifo, Path.touch], ids=["text", "folder", "pipe", "empty"])
def test_a_foreign_file_is_named_and_kept(database: str, tmp_path: Path, make: Callable[[Path], None]) -> None:
    (tmp_path / DAMAGED_FOLDER).mkdir()
    make(tmp_path / DAMAGED_FOLDER / "notes")
    (done,) = salvage(database, tmp_path)
    assert (done.file, done.proven, done.is_kept) == ("notes", 0, True)


def test_setting_aside_overwrites_nothing(database: str, tmp_path: Path, segments: list[Path]) -> None:
    (tmp_path / DAMAGED_FOLDER).mkdir()
    (tmp_path / DAMAGED_FOLDER / segments[2].name).write_bytes(b"of before")
    flip(segments[2], 0)
    ship_all(tmp_path, database)
    kept = {path.name: path.stat().st_size for path in (tmp_path / DAMAGED_FOLDER).iterdir()}
    assert set(kept) == {segments[2].name, f"{segments[2].name}.1"}
    assert kept[segments[2].name] == len(b"of before")


@pytest.mark.parametrize(
    ("damage", "status", "told"),
    [
        pytest.param(None, 0, "no damaged file", id="nothing to do"),
        pytest.param("number", 0, "3 shipped; removed", id="all is proven"),
        pytest.param("record", 10, "1 of its records can't be proven, from number 2 to 2", id="something is left"),
        pytest.param("database", 2, "error: ", id="no database"),
    ],
)
def test_the_command_tells_by_its_exit_status(
    database: str, tmp_path: Path, segments: list[Path], damage: str | None, status: int, told: str
) -> None:
    if damage is not None:
        flip(segments[0], in_record(segments[0], 2) if damage == "record" else 24)
    ship_all(tmp_path, database)
    ship_all(tmp_path, database)
    run = subprocess.run(
        [sys.executable, "-m", "serve.audit", "salvage"],
        env=project_environment(
            RUN_DIR=str(tmp_path),
            SPOOL_DIR=str(tmp_path),
            DATABASE_URL="host=/nowhere" if damage == "database" else database,
        ),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, told in run.stderr) == (status, True), run.stderr
    if status != 2:
        assert len(json.loads(run.stdout)["files"]) == (damage is not None)
