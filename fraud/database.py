"""Connections to PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg2
from psycopg2.extensions import connection as Connection

from fraud.errors import DatabaseError

CONNECT_TIMEOUT_S: Final = 10


def open_connection(
    dsn: str, application_name: str = "marriage-loan-scoring", timeout_s: int = CONNECT_TIMEOUT_S
) -> Connection:
    """Open a connection; whoever asks for it closes it.

    Raises:
        DatabaseError: the server can't be reached or refuses the login.
    """
    try:
        return psycopg2.connect(dsn, connect_timeout=timeout_s, application_name=application_name)
    except psycopg2.OperationalError as error:
        # libpq's message names host, port and user, never the password.
        raise DatabaseError(f"PostgreSQL can't be reached: {' '.join(str(error).split())}") from error


@contextmanager
def connect(
    dsn: str, application_name: str = "marriage-loan-scoring", timeout_s: int = CONNECT_TIMEOUT_S
) -> Iterator[Connection]:
    """Open a connection for the block: committed at its end, rolled back on an error, closed in any case.

    Raises:
        DatabaseError: the server can't be reached or refuses the login.
    """
    connection = open_connection(dsn, application_name, timeout_s)
    try:
        with connection:
            yield connection
    finally:
        connection.close()
