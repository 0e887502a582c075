"""A sealed segment says how much it holds, so that a cut is told from an end."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from serve.audit.findings import Fault
from serve.prediction_log.backlog import DAMAGED_FOLDER, Backlog
from serve.prediction_log.segment import list_segments
from serve.prediction_log.segment_header import HEADER_BYTES
from serve.prediction_log.segment_reader import Rest, SegmentReader
from tests.serve.audit.log_audit import audit
from tests.serve.prediction_log_rows import fetch, left_open, record, running_spool, ship_all

RECORDS = 5
SEQUENCES = "SELECT sequence FROM prediction_requests ORDER BY 1"


@pytest.fixture
def segment(tmp_path: Path) -> Path:
    """A sealed segment of five records."""
    with running_spool(tmp_path) as spool:
        for _ in range(RECORDS):
            spool.append(record(rows=2))
    (path,) = list_segments(tmp_path).values()
    return path


def borders(path: Path) -> list[int]:
    """Where each record begins, and where the last one ends."""
    with closing(SegmentReader(path)) as reader:
        return [reader.offset, *(reader.offset for _ in reader.records())]


@pytest.mark.parametrize("kept", range(RECORDS), ids=lambda kept: f"{kept} of {RECORDS} kept")
def test_a_sealed_segment_that_was_cut_at_a_border_is_found(
    database: str, tmp_path: Path, segment: Path, kept: int
) -> None:
    os.truncate(segment, borders(segment)[kept])
    told = f"{RECORDS - kept} of its records are missing"
    (finding,) = audit(database, tmp_path).findings
    assert (finding.fault, told in finding.what) == (Fault.DAMAGED, True)
    ship_all(tmp_path, database)
    assert fetch(database, SEQUENCES) == [(number,) for number in range(1, kept + 1)]
    (finding,) = audit(database, tmp_path).findings
    assert (finding.fault, told in finding.what) == (Fault.DAMAGED, True)


def cut_in_a_record(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 10)


def cut_in_the_header(path: Path) -> None:
    os.truncate(path, HEADER_BYTES - 1)


def erase_the_mark(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: HEADER_BYTES - 56] + bytes(56) + data[HEADER_BYTES:])


def change_the_mark(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[HEADER_BYTES - 1] ^= 1
    path.write_bytes(data)


def append_a_record(path: Path) -> None:
    first, second = borders(path)[:2]
    data = path.read_bytes()
    path.write_bytes(data + data[first:second])


def blank_the_last_record(path: Path) -> None:
    last, end = borders(path)[-2:]
    path.write_bytes(path.read_bytes()[:last] + bytes(end - last))


@pytest.mark.parametrize(
    "change",
    [
        cut_in_a_record,
        cut_in_the_header,
        erase_the_mark,
        change_the_mark,
        append_a_record,
        blank_the_last_record,
    ],
    ids=lambda change: change.__name__.replace("_", " "),
)
def test_a_sealed_segment_ends_where_it_was_sealed(
    database: str, tmp_path: Path, segment: Path, change: Callable[[Path], None]
) -> None:
    change(segment)
    assert [finding.fault for finding in audit(database, tmp_path).findings] == [Fault.DAMAGED]
    ship_all(tmp_path, database)
    assert [path.name for path in (tmp_path / DAMAGED_FOLDER).iterdir()] == [segment.name]


@pytest.mark.parametrize("place", ["border", "record", "end"])
def test_the_log_of_a_dead_process_ends_at_its_last_record(
    database: str, tmp_path: Path, segment: Path, place: str
) -> None:
    """It is a whole record there, or one that was never answered."""
    erase_the_mark(segment)
    border = borders(segment)
    whole, end = {"border": (3, border[3]), "record": (4, border[4] + 50), "end": (5, border[5])}[place]
    os.truncate(left_open(segment), end)
    assert audit(database, tmp_path).findings == ()
    Backlog(tmp_path).look()
    assert audit(database, tmp_path).findings == ()
    ship_all(tmp_path, database)
    assert fetch(database, "SELECT count(*) FROM prediction_requests") == [(whole,)]
    assert not (tmp_path / DAMAGED_FOLDER).exists()


def test_an_adopted_segment_that_was_cut_is_found(database: str, tmp_path: Path, segment: Path) -> None:
    erase_the_mark(segment)
    left_open(segment)
    Backlog(tmp_path).look()
    os.truncate(segment, borders(segment)[3])
    (finding,) = audit(database, tmp_path).findings
    assert "2 of its records are missing" in finding.what


def test_a_mark_without_its_records_on_the_disk_is_no_cut(tmp_path: Path, segment: Path) -> None:
    """A power failure may come while both are forced to the disk; what was forced before, it names."""
    os.truncate(left_open(segment), borders(segment.with_suffix(".open"))[3])
    Backlog(tmp_path).look()
    with closing(SegmentReader(segment)) as reader:
        assert len(list(reader.records())) == 3
        assert reader.rest() is Rest.NOTHING


def test_a_disk_that_takes_no_mark_leaves_the_segment_to_be_adopted(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object) -> int:
        raise OSError(28, "No space left on device")

    with running_spool(tmp_path, segment_bytes=1) as spool:
        spool.append(record())
        monkeypatch.setattr(os, "pwrite", refuse)
        spool.append(record())
    assert {path.suffix for path in list_segments(tmp_path).values()} == {".open"}
    ship_all(tmp_path, database)
    assert fetch(database, "SELECT count(*) FROM prediction_requests") == [(2,)]
    assert {path.suffix for path in list_segments(tmp_path).values()} == {".open"}
    monkeypatch.undo()
    ship_all(tmp_path, database)
    assert not list_segments(tmp_path)
