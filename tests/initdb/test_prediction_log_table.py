"""One row a request is stored; one row a prediction is read."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
from psycopg2.errors import CheckViolation, UniqueViolation

from fraud.database import connect
from fraud.features import FEATURE_NAMES

RECEIVED = dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC)


def record(dsn: str, features: list[float], probabilities: list[float], ids: list[str | None] | None, key: str) -> None:
    with connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO prediction_requests (record_id, request_id, received_at, endpoint, model_version,"
            " application_ids, features, probabilities) VALUES (%s, 'req', %s, '/batch_predict', 7, %s, %s, %s)",
            (key, RECEIVED, ids, features, probabilities),
        )


@pytest.mark.parametrize("ids", [None, ["A", None, "C"]], ids=["without application ids", "with some"])
def test_the_view_has_a_row_a_prediction(database: str, ids: list[str | None] | None) -> None:
    record(database, [float(i) for i in range(30)], [0.25, 0.5, 0.75], ids, str(uuid.uuid4()))
    with connect(database) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT * FROM prediction_logs ORDER BY row_number")
        rows = cursor.fetchall()
        assert cursor.description is not None
        names = [column.name for column in cursor.description]
    assert names == [
        "request_id",
        "timestamp",
        "model_version",
        "divorce_probability",
        "features",
        "endpoint",
        "row_number",
        "application_id",
        "load_test",
    ]
    expected_ids = ids or [None] * 3
    assert rows == [
        (
            "req",
            RECEIVED,
            7,
            (0.25, 0.5, 0.75)[i],
            {name: 10.0 * i + j for j, name in enumerate(FEATURE_NAMES)},
            "/batch_predict",
            i,
            expected_ids[i],
            False,
        )
        for i in range(3)
    ]


def test_large_requests_are_read_in_linear_time(database: str) -> None:
    rows = 20_000
    record(database, [float(i) for i in range(10 * rows)], [0.5] * rows, None, str(uuid.uuid4()))
    with connect(database) as connection, connection.cursor() as cursor:
        # Reading the whole array again for every element would take minutes.
        cursor.execute("SET statement_timeout = '20s'")
        cursor.execute("SELECT count(*), sum((features ->> 'Education_Days')::float8) FROM prediction_logs")
        assert cursor.fetchone() == (rows, float(sum(10 * i + 9 for i in range(rows))))


@pytest.mark.parametrize(
    ("features", "probabilities", "ids"),
    [
        pytest.param([1.0] * 19, [0.5, 0.5], None, id="a feature is missing"),
        pytest.param([1.0] * 20, [0.5], None, id="a probability is missing"),
        pytest.param([1.0] * 20, [0.5, 0.5], ["A"], id="an id is missing"),
    ],
)
def test_arrays_must_fit_together(
    database: str, features: list[float], probabilities: list[float], ids: list[str | None] | None
) -> None:
    with pytest.raises(CheckViolation):
        record(database, features, probabilities, ids, str(uuid.uuid4()))


def test_a_record_can_be_written_once_only(database: str) -> None:
    key = str(uuid.uuid4())
    record(database, [1.0] * 10, [0.5], None, key)
    with pytest.raises(UniqueViolation):
        record(database, [1.0] * 10, [0.5], None, key)


def test_windows_of_time_use_the_index(database: str) -> None:
    with connect(database) as connection, connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        cursor.execute("EXPLAIN SELECT * FROM prediction_logs WHERE \"timestamp\" >= '2026-01-01'")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "prediction_requests_received_at" in plan
