"""A session is what the project says, whatever the environment, the role and the database say."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import psycopg2
import pytest
from psycopg2 import sql
from psycopg2.extensions import make_dsn

from fraud.database import SESSION, connect, open_connection
from fraud.errors import DatabaseError, EncodingError
from tests.live_stack import project_environment

ROOT = Path(__file__).parents[2]
PARTS = ("fraud", "initdb", "convert", "train", "serve", "bench", "jenkins")
CONNECTS = {
    "fraud/database.py",
    "bench/experiments/peers/services/original_service.py",  # the peer as it was
}
OTHERS = {
    "client_encoding": "LATIN1",
    "search_path": "elsewhere",
    "TimeZone": "Pacific/Auckland",
    "DateStyle": "SQL, DMY",
    "IntervalStyle": "iso_8601",
    "extra_float_digits": "-5",
    "standard_conforming_strings": "off",
    "default_transaction_isolation": "serializable",
    "statement_timeout": "1h",
    "lock_timeout": "1h",
}
MISLEADING = {
    "PGCLIENTENCODING": "LATIN1",
    "PGTZ": "Pacific/Auckland",
    "PGDATESTYLE": "SQL, DMY",
    "PGOPTIONS": "-c search_path=elsewhere -c TimeZone=Asia/Tokyo -c statement_timeout=1h -c lock_timeout=1h",
}


def test_every_setting_has_one_that_would_mislead() -> None:
    assert OTHERS.keys() == SESSION.keys()


def settings_of(dsn: str, **session: str) -> dict[str, str]:
    connection = open_connection(dsn, session=session)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT name, current_setting(name) FROM unnest(%s) AS name", (list(SESSION),))
            return dict(cursor.fetchall())
    finally:
        connection.close()


def configure(dsn: str, whose: str, name: str, value: str) -> None:
    target = {
        "database": sql.SQL("DATABASE {}").format(sql.Identifier(database_of(dsn))),
        "role": sql.SQL("ROLE CURRENT_USER IN DATABASE {}").format(sql.Identifier(database_of(dsn))),
    }[whose]
    # A list such as a search path is no single literal.
    values = sql.SQL(", ").join(sql.Literal(part.strip()) for part in value.split(","))
    with connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute(sql.SQL("ALTER {} SET {} = {}").format(target, sql.Identifier(name), values))


def database_of(dsn: str) -> str:
    with connect(dsn) as connection:
        return connection.info.dbname


@pytest.mark.parametrize("whose", ["database", "role"])
def test_settings_of_database_and_role_do_not_count(empty_database: str, whose: str) -> None:
    for name, value in OTHERS.items():
        configure(empty_database, whose, name, value)
    assert settings_of(empty_database) == SESSION


def test_the_environment_does_not_count(postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in MISLEADING.items():
        monkeypatch.setenv(name, value)
    assert settings_of(postgres) == SESSION


def test_options_of_the_address_do_not_count(postgres: str) -> None:
    dsn = make_dsn(postgres, client_encoding="LATIN1", options="-c TimeZone=Asia/Tokyo -c search_path=elsewhere")
    assert settings_of(dsn) == SESSION


def test_a_part_may_ask_for_a_limit_of_its_own(postgres: str) -> None:
    assert settings_of(postgres, statement_timeout="30s") == {**SESSION, "statement_timeout": "30s"}


def test_settings_outlive_a_rollback(postgres: str) -> None:
    connection = open_connection(postgres)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SHOW search_path")
            connection.rollback()
            cursor.execute("SHOW search_path")
            assert cursor.fetchone() == (SESSION["search_path"],)
            assert connection.info.transaction_status == psycopg2.extensions.TRANSACTION_STATUS_INTRANS
    finally:
        connection.close()


def test_a_table_earlier_in_the_path_is_not_ours(empty_database: str) -> None:
    with connect(empty_database) as connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE SCHEMA elsewhere; CREATE TABLE elsewhere.place (x int); CREATE TABLE public.place (y int)"
        )
        cursor.execute("CREATE TEMPORARY TABLE place (z int)")
        cursor.execute("SELECT * FROM place")
        assert [column.name for column in cursor.description or ()] == ["y"]


def test_hostile_functions_are_not_called_before_the_path_is_set(empty_database: str) -> None:
    with connect(empty_database) as connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION public.set_config(text, text, boolean) RETURNS text LANGUAGE sql AS $$ SELECT '' $$;"
            "CREATE FUNCTION public.json_each_text(json, OUT key text, OUT value text) RETURNS SETOF record"
            " LANGUAGE sql AS $$ SELECT 'lock_timeout', '1h' $$"
        )
    configure(empty_database, "database", "search_path", "public, pg_catalog")
    assert settings_of(empty_database) == SESSION


def test_a_database_that_can_not_hold_every_text_is_refused(narrow_database: str) -> None:
    with pytest.raises(EncodingError, match=r"database narrow is in .* ENCODING 'UTF8'.*pg_dump.*spool") as refusal:
        open_connection(narrow_database)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(("initdb", "--schema-only"), id="initdb"),
        pytest.param(("serve.audit", "verify"), id="audit"),
        pytest.param(("serve.prediction_log", "--drain"), id="shipper"),
        pytest.param(("train.data_check",), id="trainer"),
    ],
)
def test_commands_end_with_one_line_and_leave_everything(
    narrow_database: str, tmp_path: Path, command: tuple[str, ...]
) -> None:
    kept = tmp_path / "spool" / "kept"
    kept.parent.mkdir(mode=0o700)
    kept.write_text("kept")
    run = subprocess.run(
        [sys.executable, "-m", *command],
        env=project_environment(RUN_DIR=str(tmp_path), DATABASE_URL=narrow_database),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    said = [line for line in run.stderr.splitlines() if line]
    assert run.returncode == 2, run.stderr
    assert "database narrow is in" in said[-1]
    assert kept.exists()


def test_a_server_that_is_away_is_no_wrong_encoding() -> None:
    with pytest.raises(DatabaseError, match="can't be reached") as refusal:
        open_connection("host=/nowhere")
    assert not isinstance(refusal.value, EncodingError)


def test_connections_are_opened_in_one_place() -> None:
    found = {
        str(path.relative_to(ROOT))
        for part in PARTS
        for path in (ROOT / part).rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "psycopg2.connect"
    }
    assert found == CONNECTS
