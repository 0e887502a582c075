"""Who only reads the record waits for what was answered before, and for nothing else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from serve.audit.errors import AuditError
from serve.audit.shipped import wait_until_anchored
from serve.prediction_log.segment import list_segments
from tests.serve.prediction_log_rows import fetch, new_shipper, record, running_spool


@contextmanager
def shipping(folder: Path, dsn: str) -> Iterator[None]:
    stop = threading.Event()
    shipper = threading.Thread(target=new_shipper(folder, dsn).run, args=(stop,))
    shipper.start()
    try:
        yield
    finally:
        stop.set()
        shipper.join()


def test_wait_ends_with_the_last_record_though_its_segment_is_written_on(database: str, tmp_path: Path) -> None:
    with running_spool(tmp_path) as spool:
        for number in range(3):
            spool.append(record(request_id=f"r-{number}"))
        with shipping(tmp_path, database):
            wait_until_anchored(tmp_path, timeout_s=30)
        assert fetch(database, "SELECT count(*) FROM prediction_requests") == [(3,)]
        assert [path.suffix for path in list_segments(tmp_path).values()] == [".open"]


def test_wait_ends_where_segments_are_removed(database: str, tmp_path: Path) -> None:
    with running_spool(tmp_path) as spool:
        spool.append(record())
    with shipping(tmp_path, database):
        wait_until_anchored(tmp_path, timeout_s=30)
    assert fetch(database, "SELECT count(*) FROM prediction_requests") == [(1,)]


def test_record_that_nobody_ships_is_told_of(tmp_path: Path) -> None:
    with running_spool(tmp_path) as spool:
        spool.append(record())
        with pytest.raises(AuditError, match=r"records of 1 server processes are not shipped after 0\.1 s: start"):
            wait_until_anchored(tmp_path, timeout_s=0.1)


def test_record_behind_a_shipped_one_is_waited_for(database: str, tmp_path: Path) -> None:
    with running_spool(tmp_path) as spool:
        spool.append(record(request_id="first"))
        with shipping(tmp_path, database):
            wait_until_anchored(tmp_path, timeout_s=30)
        spool.append(record(request_id="second"))
        with pytest.raises(AuditError):
            wait_until_anchored(tmp_path, timeout_s=0.1)


@pytest.mark.parametrize("name", [".", "nowhere"])
def test_empty_spool_is_not_waited_for(tmp_path: Path, name: str) -> None:
    wait_until_anchored(tmp_path / name, timeout_s=0)
