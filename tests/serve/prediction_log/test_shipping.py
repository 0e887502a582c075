"""Every record of the spool reaches PostgreSQL once, whatever happens to the connection."""

from __future__ import annotations

import datetime as dt
import os
import resource
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psycopg2
import pytest

from fraud.database import connect
from fraud.features import FEATURE_NAMES
from fraud.stack.postgres import EmbeddedPostgres
from initdb.schema import apply_schema
from serve.prediction_log.segment import list_segments
from serve.prediction_log.shipper import Shipper
from serve.prediction_log.table import LogTable
from tests.live_stack import folder_for_postgres, wait_until
from tests.serve.prediction_log_rows import (
    RECEIVED_AT,
    anchor_files,
    execute,
    fetch,
    new_shipper,
    new_upkeep,
    record,
    running_spool,
    ship_all,
)

RACING_RECORDS = 10_000
SMALL_SEGMENTS = 1_000
COUNT = "SELECT count(*), count(DISTINCT (chain_id, sequence)) FROM prediction_requests"


def test_the_view_shows_one_row_a_prediction_with_all_that_was_said(database: str, tmp_path: Path) -> None:
    written = record(rows=3, application_ids=["A-1", None, "Ä-3"], load_test=True)
    with running_spool(tmp_path) as spool:
        spool.append(written)
    ship_all(tmp_path, database)
    rows = fetch(
        database,
        "SELECT request_id, timestamp, model_version, divorce_probability, features, endpoint, row_number,"
        " application_id, load_test, caller, model_sha256 FROM prediction_logs ORDER BY row_number",
    )
    assert [row[7] for row in rows] == ["A-1", None, "Ä-3"]
    for number, row in enumerate(rows):
        assert row[:3] == ("r-1", RECEIVED_AT, 3)
        assert np.float32(row[3]) == written.probabilities[number]
        assert list(np.array([row[4][name] for name in FEATURE_NAMES], np.float32)) == list(written.features[number])
        assert (row[5], row[6], row[8]) == ("/batch_predict", number, True)
        assert row[9:] == ("anonymous", bytes(range(32)).hex())


def test_segments_that_are_sealed_while_they_are_looked_for_are_not_passed_over(database: str, tmp_path: Path) -> None:
    written = record(rows=100)
    ended = threading.Event()

    def append() -> None:
        with running_spool(tmp_path, segment_bytes=64 * 1024) as spool:
            for _ in range(RACING_RECORDS):
                spool.append(written)
        ended.set()

    writer = threading.Thread(target=append)
    writer.start()
    shipper = new_shipper(tmp_path, database)
    while shipper.ship() or not ended.is_set():
        continue
    writer.join()
    ship_all(tmp_path, database)
    assert fetch(database, COUNT) == [(RACING_RECORDS, RACING_RECORDS)]
    assert fetch(database, "SELECT max(sequence) FROM prediction_requests") == [(RACING_RECORDS,)]


def test_the_view_begins_with_the_columns_of_the_contract(database: str) -> None:
    columns = fetch(
        database,
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'prediction_logs'"
        " ORDER BY ordinal_position",
    )
    contract = ["request_id", "timestamp", "model_version", "divorce_probability", "features", "endpoint"]
    assert [name for (name,) in columns][:6] == contract


def test_nothing_stays_in_the_spool_of_what_is_committed(database: str, tmp_path: Path) -> None:
    with running_spool(tmp_path, segment_bytes=4096) as spool:
        for _ in range(100):
            spool.append(record(rows=2))
    assert len(list_segments(tmp_path)) > 3
    ship_all(tmp_path, database)
    assert fetch(database, COUNT) == [(100, 100)]
    assert not list_segments(tmp_path)


def test_a_segment_is_shipped_while_its_server_still_writes_it(database: str, tmp_path: Path) -> None:
    with running_spool(tmp_path) as spool:
        spool.append(record())
        shipper = new_shipper(tmp_path, database)
        assert shipper.ship()
        spool.append(record())
        assert shipper.ship()
        assert fetch(database, COUNT) == [(2, 2)]
        assert [path.suffix for path in list_segments(tmp_path).values()] == [".open"]


def test_a_shipper_that_died_after_its_commit_is_followed_by_one_that_writes_nothing_twice(
    database: str, tmp_path: Path
) -> None:
    """The second shipper starts with the segment still there, as after a kill between commit and removal."""
    with running_spool(tmp_path) as spool:
        spool.append(record())
        assert new_shipper(tmp_path, database).ship()
        assert not new_shipper(tmp_path, database).ship()
        spool.append(record())
    ship_all(tmp_path, database)
    assert fetch(database, COUNT) == [(2, 2)]


def test_two_shippers_at_once_write_nothing_twice(database: str, tmp_path: Path) -> None:
    """The lock forbids it; the marks would hold even so."""
    stop = threading.Event()
    with running_spool(tmp_path, segment_bytes=20_000) as spool:
        shippers = [threading.Thread(target=new_shipper(tmp_path, database).run, args=(stop,)) for _ in range(2)]
        for shipper in shippers:
            shipper.start()
        for _ in range(400):
            spool.append(record(rows=5))
    stop.set()
    for shipper in shippers:
        shipper.join()
    ship_all(tmp_path, database)
    assert fetch(database, COUNT) == [(400, 400)]


def test_a_lost_connection_and_a_table_that_is_away_are_outlived(database: str, tmp_path: Path) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=new_shipper(tmp_path, database).run, args=(stop,))
    with running_spool(tmp_path) as spool:
        spool.append(record())
        thread.start()
        wait_until(lambda: fetch(database, COUNT) == [(1, 1)], 10, "the first record is written")
        execute(database, "ALTER TABLE prediction_requests RENAME TO away")
        fetch(
            database,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'prediction-log'",
        )
        spool.append(record())
        execute(database, "ALTER TABLE away RENAME TO prediction_requests")
        wait_until(lambda: fetch(database, COUNT) == [(2, 2)], 20, "the second record is written")
    stop.set()
    thread.join(20)
    assert fetch(database, COUNT) == [(2, 2)]


def waiting_records(shipper: Shipper) -> float:
    (family,) = shipper.metrics.waiting_records.collect()
    return float(family.samples[0].value)


def test_a_damaged_header_ends_no_shipper_while_the_database_is_away(database: str, tmp_path: Path) -> None:
    """Its records can't be counted for the gauges, and it is set aside only once the marks are known."""
    for _ in range(2):
        with running_spool(tmp_path) as spool:
            spool.append(record())
    damaged, sound = list_segments(tmp_path).values()
    damaged.write_bytes(b"?" + damaged.read_bytes()[1:])
    stop = threading.Event()
    shipper = new_shipper(tmp_path, database)
    thread = threading.Thread(target=shipper.run, args=(stop,))
    execute(database, "ALTER TABLE prediction_chains RENAME TO away")
    thread.start()
    wait_until(lambda: waiting_records(shipper) == 1, 10, "the gauges are told")
    execute(database, "ALTER TABLE away RENAME TO prediction_chains")
    wait_until(lambda: not sound.exists(), 10, "the sound segment is shipped")
    stop.set()
    thread.join(20)
    assert fetch(database, COUNT) == [(1, 1)]
    assert (tmp_path / "damaged" / damaged.name).exists()


def test_thousands_of_small_segments_are_shipped_with_few_files_open(database: str, tmp_path: Path) -> None:
    """As a long outage at little load leaves them: a segment is sealed every 30 seconds, however small."""
    with running_spool(tmp_path, segment_bytes=1) as spool:
        for _ in range(SMALL_SEGMENTS):
            spool.append(record())
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    already_open = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - of this very process
    resource.setrlimit(resource.RLIMIT_NOFILE, (already_open + SMALL_SEGMENTS // 2, before[1]))
    try:
        ship_all(tmp_path, database)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert fetch(database, COUNT) == [(SMALL_SEGMENTS, SMALL_SEGMENTS)]
    assert not list_segments(tmp_path)


@pytest.fixture
def own_postgres() -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL that a test may stop and start."""
    with folder_for_postgres() as folder:
        server = EmbeddedPostgres(folder / "data", "stopped_and_started")
        try:
            yield server
        finally:
            server.stop()


def test_a_database_that_stops_and_starts_misses_nothing(own_postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    stop = threading.Event()
    dsn = own_postgres.start()
    apply_schema(dsn)
    shipper = threading.Thread(target=new_shipper(tmp_path, dsn).run, args=(stop,))
    shipper.start()
    with running_spool(tmp_path) as spool:
        for _ in range(3):
            for _ in range(50):
                spool.append(record(rows=10))
            own_postgres.stop()
            for _ in range(50):
                spool.append(record(rows=10))
            own_postgres.start()
    wait_until(lambda: not list_segments(tmp_path), 30, "the spool is shipped")
    stop.set()
    shipper.join(30)
    assert fetch(dsn, COUNT) == [(300, 300)]


def test_a_commit_whose_confirmation_was_lost_is_not_repeated(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = LogTable.write

    def write_and_lose_the_answer(self: LogTable, *arguments: object) -> None:
        monkeypatch.setattr(LogTable, "write", write)
        write(self, *arguments)  # type: ignore[arg-type]
        raise psycopg2.OperationalError("server closed the connection unexpectedly")

    with running_spool(tmp_path) as spool:
        spool.append(record())
    monkeypatch.setattr(LogTable, "write", write_and_lose_the_answer)
    stop = threading.Event()
    thread = threading.Thread(target=new_shipper(tmp_path, database).run, args=(stop,))
    thread.start()
    wait_until(lambda: not list_segments(tmp_path), 20, "the spool is empty")
    stop.set()
    thread.join(20)
    assert fetch(database, COUNT) == [(1, 1)]
    assert len(anchor_files(tmp_path)) == 1


def test_a_month_without_a_partition_gets_one(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A spool may be shipped long after it was written, or have been written by a clock that is wrong."""
    then = dt.datetime(2001, 2, 28, 23, 59, 59, tzinfo=dt.UTC)
    monkeypatch.setattr("time.time_ns", lambda: int(then.timestamp() * 1e9))
    with running_spool(tmp_path) as spool:
        spool.append(record())
    monkeypatch.undo()
    ship_all(tmp_path, database)
    assert fetch(database, "SELECT tableoid::regclass::text, recorded_at FROM prediction_requests") == [
        ("prediction_requests_200102", then)
    ]


def test_a_clock_that_goes_back_keeps_the_order(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter((2_000_000_000, 1_000_000_000))
    monkeypatch.setattr("time.time_ns", lambda: next(seconds) * 10**9)
    with running_spool(tmp_path) as spool:
        spool.append(record())
        spool.append(record())
    monkeypatch.undo()
    ship_all(tmp_path, database)
    assert fetch(database, "SELECT count(*), count(DISTINCT recorded_at) FROM prediction_requests") == [(2, 1)]


def test_retention_drops_old_months_and_nothing_else(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time_ns", lambda: 10**18)  # September 2001
    with running_spool(tmp_path) as spool:
        spool.append(record())
        monkeypatch.undo()
        spool.append(record())
    ship_all(tmp_path, database)
    assert fetch(database, COUNT) == [(2, 2)]
    new_upkeep(tmp_path, database, retention_months=1).keep_up()
    assert fetch(database, "SELECT sequence FROM prediction_requests") == [(2,)]


def test_the_longest_request_fits(database: str, tmp_path: Path) -> None:
    rows = 100_000
    ids = ["Ä" * 64] * rows
    with running_spool(tmp_path, max_bytes=64 * 1024**2) as spool:
        spool.append(record(rows=rows, application_ids=ids, applicant_refs=[bytes(32)] * rows))
    ship_all(tmp_path, database)
    found = fetch(database, "SELECT cardinality(probabilities), application_ids[100000] FROM prediction_requests")
    assert found == [(rows, ids[0])]


def test_the_table_refuses_a_record_whose_arrays_do_not_fit(database: str, tmp_path: Path) -> None:
    with running_spool(tmp_path) as spool:
        spool.append(record(rows=2, application_ids=["A"]))
    with pytest.raises(psycopg2.IntegrityError):
        new_shipper(tmp_path, database).ship()
    with connect(database) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM prediction_chains")
        assert cursor.fetchone() == (0,), "the mark moves with its records or not at all"
