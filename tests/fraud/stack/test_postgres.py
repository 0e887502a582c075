"""The embedded PostgreSQL lets in its owner, and everybody else by password only."""

from __future__ import annotations

import psycopg2
import pytest
from psycopg2.extensions import make_dsn

from fraud.database import connect
from fraud.errors import DatabaseError


def test_embedded_postgresql_listens_on_no_network(postgres: str) -> None:
    with connect(postgres) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('listen_addresses')")
        assert cursor.fetchone() == ("",)


def test_a_role_needs_its_password(empty_database: str) -> None:
    with connect(empty_database) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE ROLE visitor LOGIN PASSWORD 'right'")
    try:
        with connect(make_dsn(empty_database, user="visitor", password="right")):
            pass
        for dsn in (make_dsn(empty_database, user="visitor"), make_dsn(empty_database, user="visitor", password="no")):
            with pytest.raises(DatabaseError, match="can't be reached"), connect(dsn):
                pass
    finally:
        with connect(empty_database) as connection, connection.cursor() as cursor:
            cursor.execute("DROP ROLE visitor")


def test_a_failed_block_changes_nothing(empty_database: str) -> None:
    def fail() -> None:
        with connect(empty_database) as connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE half_done (x int)")
            cursor.execute("SELECT no_such_column")

    with pytest.raises(psycopg2.errors.UndefinedColumn):
        fail()
    with connect(empty_database) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('half_done')")
        assert cursor.fetchone() == (None,)
