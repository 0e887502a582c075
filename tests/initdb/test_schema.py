"""What the SQL files make: twice is harmless, the columns are the schema's, PostgreSQL's image can run roles too."""

from __future__ import annotations

import psycopg2
import pytest

from fraud.database import connect
from fraud.features import DATE, FEATURE_NAMES, FEATURES, LABEL
from initdb.errors import SchemaError
from initdb.schema import ROLES_FILE, apply_schema, set_passwords
from initdb.training_table import COLUMNS
from initdb.upgrade import migration_files


def contents(dsn: str) -> list[tuple[object, ...]]:
    """All columns, constraints, indices, grants, and roles of ours."""
    queries = (
        "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns"
        " WHERE table_schema = 'public' ORDER BY 1, ordinal_position",
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace"
        " ORDER BY 1, 2",
        "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
        "SELECT relname, relacl::text FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1",
        "SELECT rolname, rolcanlogin, rolsuper FROM pg_roles WHERE rolname LIKE 'scoring%' ORDER BY 1",
        "SELECT nspname, nspacl::text FROM pg_namespace WHERE nspname IN ('public', 'mlflow') ORDER BY 1",
    )
    rows: list[tuple[object, ...]] = []
    with connect(dsn) as connection, connection.cursor() as cursor:
        for query in queries:
            cursor.execute(query)
            rows += cursor.fetchall()
    return rows


def test_twice_changes_nothing(empty_database: str) -> None:
    apply_schema(empty_database)
    first = contents(empty_database)
    apply_schema(empty_database)
    assert contents(empty_database) == first
    assert ("scoring_server", True, False) in first


def test_rows_survive_the_second_time(database: str) -> None:
    with connect(database) as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO divorce_predictions VALUES ('R1', '2024-01-01', 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)")
    apply_schema(database)
    with connect(database) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM divorce_predictions")
        assert cursor.fetchone() == (1,)


def test_columns_are_the_feature_schema(database: str) -> None:
    with connect(database) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT column_name, data_type FROM information_schema.columns"
            " WHERE table_name = 'divorce_predictions' ORDER BY ordinal_position"
        )
        columns = cursor.fetchall()
    assert tuple(name for name, _ in columns) == COLUMNS
    assert COLUMNS[1:] == (DATE, *FEATURE_NAMES, LABEL)
    types = {True: "integer", False: "real"}
    assert [kind for _, kind in columns[2:-1]] == [types[feature.integral] for feature in FEATURES]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        pytest.param({"Age_Days": -1}, "check", id="negative"),
        pytest.param({"Divorce": 2}, "check", id="no label"),
        pytest.param({"Client_Income": None}, "null", id="blank"),
        pytest.param({"Date": None}, "null", id="no date"),
    ],
)
def test_impossible_rows_are_refused(database: str, change: dict[str, object], fault: str) -> None:
    row: dict[str, object] = {**dict.fromkeys(COLUMNS, 1), "application_id": "R1", "Date": "2024-01-01", **change}
    with (
        pytest.raises(psycopg2.IntegrityError, match=fault),
        connect(database) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("INSERT INTO divorce_predictions VALUES %s", (tuple(row.values()),))


def test_files_need_nothing_of_psql() -> None:
    text = "\n".join(path.read_text() for path in (ROLES_FILE, *migration_files()))
    assert not any(line.startswith("\\") for line in text.splitlines())
    assert "PASSWORD '" not in text.upper()


def test_passwords_are_stored_as_scram_verifiers(database: str) -> None:
    secret = 'it\'s "quoted"'
    set_passwords(database, {"scoring_server": secret})
    with connect(database) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'scoring_server'")
        row = cursor.fetchone()
    assert row is not None
    assert row[0].startswith("SCRAM-SHA-256$")


def test_an_unknown_role_is_an_error(database: str) -> None:
    with pytest.raises(SchemaError, match="scoring_nobody"):
        set_passwords(database, {"scoring_nobody": "x"})
