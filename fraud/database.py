"""Connections to PostgreSQL: only this module opens them, and sets what every session relies on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Final

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extras import Json

from fraud.errors import DatabaseError, EncodingError
from fraud.foreign_errors import postgres_words

CONNECT_TIMEOUT_S: Final = 10
ENCODING: Final = "UTF8"

SESSION: Final = MappingProxyType(
    {
        "client_encoding": ENCODING,  # binary COPY sends our own bytes
        "search_path": "public, pg_temp",  # temporary tables are found last, or one could hide a table of ours
        "TimeZone": "UTC",
        "DateStyle": "ISO, YMD",
        "IntervalStyle": "postgres",
        "extra_float_digits": "1",  # a `real` is printed with enough digits to restore it
        "standard_conforming_strings": "on",
        "default_transaction_isolation": "read committed",
        "statement_timeout": "0",
        "lock_timeout": "0",
    }
)
"""Set in each session by a statement.

A statement overrides the environment (PGTZ, PGOPTIONS), the service file, the role (ALTER ROLE ... SET), the database
and the server's file.
"""

# Named with its schema: until this has run, the search path is somebody else's.
_SETTLE: Final = """
    SELECT pg_catalog.set_config(key, value, false) FROM pg_catalog.json_each_text(%s::pg_catalog.json)
"""


def open_connection(
    dsn: str,
    application_name: str = "marriage-loan-scoring",
    session: Mapping[str, str] = MappingProxyType({}),
    timeout_s: int = CONNECT_TIMEOUT_S,
) -> Connection:
    """Open a connection; whoever asks for it closes it.

    Args:
        session: settings of this session beside, or instead of, those of `SESSION`.

    Raises:
        EncodingError: the database is in an encoding that does not hold every text.
        DatabaseError: the server can't be reached or refuses the login.
    """
    try:
        # psycopg2 keeps the encoding that it finds as it connects, so it is named here already.
        connection = psycopg2.connect(
            dsn, connect_timeout=timeout_s, application_name=application_name, client_encoding=ENCODING
        )
    except psycopg2.OperationalError as error:
        raise _unreachable(error) from error
    try:
        _check_encoding(connection)
        _settle(connection, {**SESSION, **session})
    except psycopg2.OperationalError as error:
        connection.close()
        raise _unreachable(error) from error
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def connect(
    dsn: str, application_name: str = "marriage-loan-scoring", timeout_s: int = CONNECT_TIMEOUT_S
) -> Iterator[Connection]:
    """Open a connection for the block: committed at its end, rolled back on an error, closed in any case.

    Raises:
        EncodingError: the database is in an encoding that does not hold every text.
        DatabaseError: the server can't be reached or refuses the login.
    """
    connection = open_connection(dsn, application_name, timeout_s=timeout_s)
    try:
        with connection:
            yield connection
    finally:
        connection.close()


def _unreachable(error: psycopg2.OperationalError) -> DatabaseError:
    # libpq's message names host, port and user, never the password.
    return DatabaseError(f"PostgreSQL can't be reached: {postgres_words(error)}")


def _check_encoding(connection: Connection) -> None:
    encoding = connection.get_parameter_status("server_encoding")
    if encoding != ENCODING:
        raise EncodingError(
            f"database {connection.info.dbname} is in {encoding}, which can't hold every name that clients send: make "
            "one by CREATE DATABASE ... TEMPLATE template0 ENCODING 'UTF8', move what is in this one there (pg_dump, "
            "then psql), and name it in DATABASE_URL; what waits in the spool is shipped there: keep it"
        )


def _settle(connection: Connection, settings: Mapping[str, str]) -> None:
    # Outside of a transaction, since one that is rolled back would take the settings with it.
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(_SETTLE, (Json(dict(settings)),))
    connection.autocommit = False
