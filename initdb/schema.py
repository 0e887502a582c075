"""Tables, roles and grants: the roles at every start, and each version of the tables once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import encrypt_password

from fraud.database import connect
from fraud.foreign_errors import postgres_words
from fraud.schema_version import read_version
from initdb.errors import SchemaError
from initdb.feature_columns import declare_features
from initdb.upgrade import Tell, upgrade

SCHEMA_LOCK: Final = 7_211_973
"""Advisory lock: two starts at once wait for each other instead of both making the same role or table."""

ROLES_FILE: Final = Path(__file__).with_name("01_roles.sql")
"""Run at every start: roles belong to the cluster and the database's own grants to no dump, so no version says
whether they are there."""


def _silently(_: str) -> None:
    pass


def apply_schema(dsn: str, tell: Tell = _silently) -> list[Path]:
    """Make roles and tables what the newest version has; returns the files of the versions that were due.

    Raises:
        NewerDatabaseError: the database is of a later version of this project; it is as it was.
        TableInUseError: somebody has a table in use all the time.
        SchemaError: PostgreSQL refused a file, of which nothing is applied.
        OtherFeaturesError, FeatureColumnError: what is stored has other features than those that are declared.
    """
    with _only_one(dsn) as connection:
        _apply_roles(connection)
        applied = upgrade(connection, tell)
        declare_features(connection)
        return applied


def apply_roles(dsn: str) -> None:
    """Make the roles and what the database itself grants them.

    Raises:
        NewerDatabaseError: the database is of a later version of this project; it is as it was.
        SchemaError: PostgreSQL refused.
    """
    with _only_one(dsn) as connection:
        _apply_roles(connection)


@contextmanager
def _only_one(dsn: str) -> Iterator[Connection]:
    """A connection that alone makes roles and tables, to a database that is not newer than this program."""
    with connect(dsn) as connection:
        with connection.cursor() as cursor:
            # Of the session: it lasts over the transactions of all versions, and ends with the connection.
            cursor.execute("SELECT pg_advisory_lock(%s)", (SCHEMA_LOCK,))
        read_version(connection)
        yield connection


def _apply_roles(connection: Connection) -> None:
    with connection.cursor() as cursor:
        try:
            cursor.execute(ROLES_FILE.read_text(encoding="utf-8"))
        except psycopg2.Error as error:
            raise SchemaError.refused(ROLES_FILE.name, error) from error
    connection.commit()


def set_passwords(dsn: str, passwords: Mapping[str, str]) -> None:
    """Set roles' passwords (role -> password), of which only the SCRAM verifier leaves this process.

    Raises:
        SchemaError: PostgreSQL refused.
    """
    with connect(dsn) as connection, connection.cursor() as cursor:
        for role, password in passwords.items():
            verifier = encrypt_password(password, role, scope=connection, algorithm="scram-sha-256")
            try:
                cursor.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(verifier)))
            except psycopg2.Error as error:
                raise SchemaError(f"the password of {role} can't be set: {postgres_words(error)}") from error
