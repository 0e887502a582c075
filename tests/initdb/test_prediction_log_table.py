"""One row a request is stored; one row a prediction is read."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
from psycopg2.errors import CheckViolation, RaiseException, UniqueViolation

from fraud.database import connect
from fraud.features import FEATURE_NAMES
from initdb.schema import apply_schema
from tests.initdb.landed import CHAINED, make_schema

RECEIVED = dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC)


def record(dsn: str, features: list[float], probabilities: list[float], ids: list[str | None] | None, key: str) -> None:
    with connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT make_prediction_partition(%s); INSERT INTO prediction_requests (chain_id, sequence, recorded_at,"
            " received_at, request_id, endpoint, caller, model_version, model_sha256, load_test, application_ids,"
            " features, probabilities, salt, content_digest, hash) VALUES (%s, 1, %s, %s, 'req', '/batch_predict',"
            " 'anonymous', 7, '\\xab', false, %s, %s, %s, '', '', '')",
            (RECEIVED, key, RECEIVED, RECEIVED, ids, features, probabilities),
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
        "caller",
        "model_sha256",
        "reasons",
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
            "anonymous",
            "ab",
            None,
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
        pytest.param([], [0.5], None, id="all features are missing"),
        pytest.param([1.0] * 10, [], None, id="all probabilities are missing"),
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
        cursor.execute("SET enable_seqscan = off; SELECT make_prediction_partition(now())")
        cursor.execute("EXPLAIN SELECT * FROM prediction_logs WHERE \"timestamp\" >= '2026-01-01'")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "received_at_idx" in plan


def test_partitions_follow_the_calendar_in_utc_and_are_made_once(database: str) -> None:
    with connect(database) as connection, connection.cursor() as cursor:
        cursor.execute("SET TIME ZONE 'Pacific/Auckland'")
        for moment in ("2026-01-31 23:59:59.999999+00", "2026-02-01 00:00+00", "2026-01-01 00:00+00"):
            cursor.execute("SELECT make_prediction_partition(%s)", (moment,))
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits"
            " WHERE inhparent = 'prediction_requests'::regclass ORDER BY 1"
        )
        assert cursor.fetchall() == [("prediction_requests_202601",), ("prediction_requests_202602",)]


def test_a_month_is_as_one_that_postgresql_makes_itself(database: str) -> None:
    """It is made beside the table and attached, so nothing of the table may be missing from it."""
    columns = (
        "SELECT attname, atttypid, attnotnull, attstorage, attcompression, attidentity, attgenerated"
        " FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum"
    )
    constraints = (
        "SELECT conname, contype, pg_get_constraintdef(oid), conislocal, coninhcount > 0, convalidated"
        " FROM pg_constraint WHERE conrelid = %s::regclass AND contype <> 'p' ORDER BY conname"
    )
    indexes = (
        "SELECT regexp_replace(pg_get_indexdef(indexrelid), '_2[0-9]{5}', '', 'g'), inhparent::regclass, indisvalid"
        " FROM pg_index LEFT JOIN pg_inherits ON inhrelid = indexrelid WHERE indrelid = %s::regclass ORDER BY 1"
    )
    with connect(database) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT make_prediction_partition(%s); CREATE TABLE prediction_requests_202606"
            " PARTITION OF prediction_requests FOR VALUES FROM ('2026-06-01') TO ('2026-07-01')",
            (RECEIVED,),
        )
        for what in (columns, constraints, indexes):
            found = []
            for month in ("202605", "202606"):
                cursor.execute(what, (f"prediction_requests_{month}",))
                found.append(cursor.fetchall())
            assert found[0] == found[1]
            assert found[0]


def test_a_table_in_the_place_of_a_month_is_named(database: str) -> None:
    """Without a word, records of that month could not be shipped, and nobody would know why."""
    with connect(database) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE prediction_requests_202605 (x int)")
        with pytest.raises(RaiseException, match="prediction_requests_202605 is no partition of the log"):
            cursor.execute("SELECT make_prediction_partition(%s)", (RECEIVED,))


@pytest.mark.parametrize(("keep_months", "left"), [(1, 1), (2, 2), (3, 3)])
def test_retention_keeps_full_months(database: str, keep_months: int, left: int) -> None:
    """Of this month and the two before it, each is kept as long as a part of it is younger than asked for."""
    with connect(database) as connection, connection.cursor() as cursor:
        for back in (1, 2, 3):
            cursor.execute("SELECT make_prediction_partition(now() - make_interval(months => %s))", (back,))
        cursor.execute(
            "SELECT detach_expired_predictions(%s, month) FROM expired_prediction_partitions(%s) AS month",
            (keep_months, keep_months),
        )
        cursor.execute("SELECT drop_detached_predictions(month) FROM detached_prediction_months() AS month")
        cursor.execute("SELECT count(*) FROM pg_inherits WHERE inhparent = 'prediction_requests'::regclass")
        assert cursor.fetchone() == (left,)


def test_retention_never_drops_everything(database: str) -> None:
    with pytest.raises(RaiseException, match="expected 1 or more"), connect(database) as connection:
        connection.cursor().execute("SELECT expired_prediction_partitions(0)")


def test_autovacuum_does_not_read_the_arrays_of_a_month_nor_clean_what_only_grows(empty_database: str) -> None:
    """Neither of a new month nor of one that was there before."""
    make_schema(empty_database, CHAINED[0])
    with connect(empty_database) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT make_prediction_partition(%s)", (RECEIVED,))
    apply_schema(empty_database)
    for month in (RECEIVED, RECEIVED + dt.timedelta(days=31)):
        with connect(empty_database) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT make_prediction_partition(%s)", (month,))
            table = f"prediction_requests_{month:%Y%m}"
            cursor.execute(
                "SELECT attstattarget, array_agg(attname::text ORDER BY attname) FROM pg_attribute"
                " WHERE attrelid = %s::regclass AND attnum > 0 GROUP BY 1 ORDER BY 1",
                (table,),
            )
            (none, arrays), (few, _) = cursor.fetchall()
            assert (none, few) == (0, 10)
            assert arrays == ["applicant_refs", "application_ids", "features", "probabilities", "reasons"]
            cursor.execute(
                "SELECT main.reloptions || toast.reloptions FROM pg_class AS main"
                " JOIN pg_class AS toast ON toast.oid = main.reltoastrelid WHERE main.oid = %s::regclass",
                (table,),
            )
            assert cursor.fetchone() == (["autovacuum_vacuum_insert_threshold=-1"] * 2,)
