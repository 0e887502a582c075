"""Tables, roles and grants: the folder's SQL files in the order of their names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import encrypt_password

from fraud.database import connect
from initdb.errors import SchemaError

SCHEMA_LOCK: Final = 7_211_973
"""Advisory lock: two starts at once wait for each other instead of both making the same role."""


def schema_files() -> list[Path]:
    """The SQL files, in the order in which PostgreSQL's image and we run them."""
    return sorted(Path(__file__).parent.glob("*.sql"))


def apply_schema(dsn: str) -> None:
    """Run all SQL files as one transaction; a second time changes nothing.

    Raises:
        SchemaError: PostgreSQL refused a statement; the database is as it was.
    """
    with connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", (SCHEMA_LOCK,))
        for path in schema_files():
            try:
                cursor.execute(path.read_text())
            except psycopg2.Error as error:
                raise SchemaError(
                    f"PostgreSQL refused {path.name}: {' '.join(str(error).split())}; run initdb as the owner of the "
                    "database, who may create roles"
                ) from error


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
                raise SchemaError(f"the password of {role} can't be set: {' '.join(str(error).split())}") from error
