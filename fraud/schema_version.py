"""Versions of the database's schema: which one this program is written for, and which one a database has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from fraud.database import CONNECT_TIMEOUT_S, connect
from fraud.errors import DatabaseError, NewerDatabaseError
from fraud.foreign_errors import postgres_words
from fraud.stored_features import refuse_other_features

NEWEST_VERSION: Final = 26
"""Number of the last file in `initdb/migrations/versions/`."""

NO_VERSION: Final = 0
"""Of a database without any table of ours, or with tables of the time before versions."""

VERSION_SCHEMA: Final = "public"
VERSION_TABLE: Final = "schema_version"

_TABLE: Final = sql.Identifier(VERSION_SCHEMA, VERSION_TABLE)
_EXISTS: Final = "SELECT to_regclass(%s) IS NOT NULL"
_READ: Final = sql.SQL("SELECT version_num::integer FROM {}").format(_TABLE)


def read_version(connection: Connection) -> int:
    """The version of a database's schema.

    Raises:
        NewerDatabaseError: this program does not know that version.
    """
    with connection.cursor() as cursor:
        cursor.execute(_EXISTS, (f"{VERSION_SCHEMA}.{VERSION_TABLE}",))
        if cursor.fetchone() != (True,):
            return NO_VERSION
        cursor.execute(_READ)
        row = cursor.fetchone()
    version = NO_VERSION if row is None else int(row[0])
    if version > NEWEST_VERSION:
        raise NewerDatabaseError(
            f"the database's schema has version {version}, and this program knows those up to {NEWEST_VERSION}: "
            "update the program, or name another database, into which a backup from before was restored"
        )
    return version


def refuse_newer(dsn: str, timeout_s: int = CONNECT_TIMEOUT_S) -> None:
    """Do nothing where this program knows the version of the database's schema, or an earlier one is there.

    Raises:
        NewerDatabaseError: this program does not know that version.
        DatabaseError: PostgreSQL can't be reached, or refuses.
    """
    _look(dsn, timeout_s, read_version)


def refuse_unfit(dsn: str, timeout_s: int = CONNECT_TIMEOUT_S) -> None:
    """Do as `refuse_newer`, and where the database has other features than those that are declared.

    Raises:
        OtherFeaturesError: it has.
        NewerDatabaseError, DatabaseError: as `refuse_newer`.
    """
    _look(dsn, timeout_s, read_version, refuse_other_features)


def _look(dsn: str, timeout_s: int, *looks: Callable[[Connection], object]) -> None:
    try:
        with connect(dsn, timeout_s=timeout_s) as connection:
            for look in looks:
                look(connection)
    except psycopg2.Error as error:
        raise DatabaseError(f"the version of the schema can't be read: {postgres_words(error)}") from error
