"""One gate, or one retraining, at a time: the lock lives as long as its session in the database, so a kill frees it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import psycopg2
from psycopg2.extensions import connection as Connection

from bench.gate.errors import AtWorkError, GateError
from fraud.database import open_connection
from fraud.foreign_errors import postgres_words

PROMOTION: Final = "gate or rollback"
RETRAINING: Final = "retraining"


@contextmanager
def alone(dsn: str, model_name: str, work: str = PROMOTION) -> Iterator[Callable[[], None]]:
    """Keep all other work of this kind with this model out for the block, on whatever machine it runs.

    Gives a function that raises unless the lock still holds: a database that restarts forgets it.

    Raises:
        AtWorkError: another one is at work.
        DatabaseError: PostgreSQL does not answer.
    """
    connection = open_connection(dsn)
    try:
        if not _query(connection, "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", f"{work} of {model_name}"):
            raise AtWorkError(f"another {work} of {model_name} is running: wait until it has ended")

        def check() -> None:
            try:
                _query(connection, "SELECT %s", "still there")
            except psycopg2.Error as error:
                raise GateError(
                    f"the database lost the lock of the {work} ({postgres_words(error)}): nothing was promoted"
                ) from error

        yield check
    finally:
        connection.close()


def _query(connection: Connection, statement: str, value: str) -> object:
    """The one value of the answer; no transaction stays open, since the session is what holds the lock."""
    with connection, connection.cursor() as cursor:
        cursor.execute(statement, (value,))
        row = cursor.fetchone()
    return row and row[0]
