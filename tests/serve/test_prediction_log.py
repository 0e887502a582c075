"""Every scored row reaches PostgreSQL once, whatever happens to the connection."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import psycopg2
import pytest

from fraud.database import connect
from fraud.features import FEATURE_COUNT, FEATURE_NAMES
from serve.errors import PredictionLogFull
from serve.prediction_log.record import PredictionRecord
from serve.prediction_log.writer import PredictionLog
from tests.live_stack import wait_until

RECEIVED_AT = dt.datetime(2026, 4, 30, 23, 59, 59, 123456, tzinfo=dt.UTC)


def record(rows: int = 1, **changes: Any) -> PredictionRecord:
    generator = np.random.default_rng(rows)
    defaults = {
        "record_id": uuid.uuid4(),
        "request_id": "r-1",
        "received_at": RECEIVED_AT,
        "endpoint": "/batch_predict",
        "model_version": 3,
        "load_test": False,
        "application_ids": None,
        "features": generator.lognormal(5, 3, (rows, FEATURE_COUNT)).astype(np.float32),
        "probabilities": generator.random(rows, dtype=np.float32),
    }
    return PredictionRecord(**(defaults | changes))


@contextmanager
def running_log(dsn: str, buffer_rows: int = 10_000) -> Iterator[PredictionLog]:
    log = PredictionLog(dsn, buffer_rows, flush_interval_s=0.01)
    log.start()
    try:
        yield log
    finally:
        assert log.stop(10) == 0


def fetch(dsn: str, query: str) -> list[tuple[Any, ...]]:
    with connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def test_the_view_shows_one_row_a_prediction_with_all_that_was_said(database: str) -> None:
    written = record(rows=3, application_ids=["A-1", None, "Ä-3"], load_test=True)
    with running_log(database) as log:
        log.append(written)
    rows = fetch(
        database,
        "SELECT request_id, timestamp, model_version, divorce_probability, features, endpoint, row_number,"
        " application_id, load_test FROM prediction_logs ORDER BY row_number",
    )
    assert [row[7] for row in rows] == ["A-1", None, "Ä-3"]
    for number, row in enumerate(rows):
        assert row[:3] == ("r-1", RECEIVED_AT, 3)
        assert np.float32(row[3]) == written.probabilities[number]
        assert list(np.float32([row[4][name] for name in FEATURE_NAMES])) == list(written.features[number])
        assert (row[5], row[6], row[8]) == ("/batch_predict", number, True)


def test_the_view_begins_with_the_columns_of_the_contract(database: str) -> None:
    columns = fetch(
        database,
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'prediction_logs'"
        " ORDER BY ordinal_position",
    )
    contract = ["request_id", "timestamp", "model_version", "divorce_probability", "features", "endpoint"]
    assert [name for (name,) in columns][:6] == contract


def test_a_stop_writes_what_waits(database: str) -> None:
    with running_log(database) as log:
        for _ in range(500):
            log.append(record(rows=2))
    assert fetch(database, "SELECT count(*), count(DISTINCT record_id) FROM prediction_requests") == [(500, 500)]


def test_records_wait_while_the_connection_is_lost_and_none_is_written_twice(database: str) -> None:
    with running_log(database) as log:
        log.append(record())
        wait_until(lambda: log.waiting_rows == 0, 10, "the first record is written")
        fetch(
            database,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'prediction-log'",
        )
        log.append(record())
        wait_until(lambda: log.waiting_rows == 0, 10, "the second record is written over a new connection")
    assert fetch(database, "SELECT count(*) FROM prediction_requests") == [(2,)]


def test_a_record_whose_confirmation_was_lost_does_not_hold_up_the_others(database: str) -> None:
    first, second = record(), record(rows=2)
    with running_log(database) as log:
        log.append(first)
        wait_until(lambda: log.waiting_rows == 0, 10, "the first record is written")
        log.append(first)
        log.append(second)
    written = fetch(database, "SELECT record_id::text FROM prediction_requests")
    assert {row[0] for row in written} == {str(first.record_id), str(second.record_id)}
    assert len(written) == 2


def test_a_full_buffer_refuses_and_a_database_that_comes_later_gets_the_rest(database: str) -> None:
    with connect(database) as connection, connection.cursor() as cursor:
        cursor.execute("ALTER TABLE prediction_requests RENAME TO away")
    with running_log(database, buffer_rows=5) as log:
        log.append(record(rows=4))
        with pytest.raises(PredictionLogFull):
            log.append(record(rows=2))
        log.append(record(rows=1))
        assert log.waiting_rows == 5
        with connect(database) as connection, connection.cursor() as cursor:
            cursor.execute("ALTER TABLE away RENAME TO prediction_requests")
        wait_until(lambda: log.waiting_rows == 0, 20, "the buffer is written")
    assert fetch(database, "SELECT count(*) FROM prediction_logs") == [(5,)]


def test_a_stop_without_a_database_says_what_is_lost() -> None:
    log = PredictionLog("host=/nowhere dbname=none connect_timeout=1", buffer_rows=10, flush_interval_s=0.01)
    log.start()
    log.append(record(rows=7))
    assert log.stop(0.3) == 7


def test_the_table_refuses_a_record_whose_arrays_do_not_fit(database: str) -> None:
    with pytest.raises(psycopg2.IntegrityError), connect(database) as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO prediction_requests (record_id, request_id, received_at, endpoint, model_version, features,"
            " probabilities) VALUES (gen_random_uuid(), 'r', now(), '/predict', 1, ARRAY[1, 2]::real[], ARRAY[0.5])"
        )
