"""One gate at a time: a lock that the database holds for as long as its session lives, so a killed gate frees it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg2
from psycopg2.extensions import connection as Connection

from bench.gate.errors import GateError
from fraud.database import open_connection


@contextmanager
def alone(dsn: str, model_name: str) -> Iterator[Callable[[], None]]:
    """Keep every other gate and rollback of this model out for the block, on whatever machine they run.

    Gives a function that raises unless the lock still holds: a database that restarts forgets it.

    Raises:
        GateError: another one is at work, or the lock is lost.
    """
    connection = open_connection(dsn)
    try:
        if not _query(connection, "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", f"promotion of {model_name}"):
            raise GateError(f"another gate or rollback of {model_name} is at work: run this when it has ended")

        def check() -> None:
            try:
                _query(connection, "SELECT %s", "still there")
            except psycopg2.Error as error:
                raise GateError(f"the database lost the gate's lock ({error}): run the gate again") from error

        yield check
    finally:
        connection.close()


def _query(connection: Connection, statement: str, value: str) -> object:
    """The one value of the answer; no transaction stays open, since the session is what holds the lock."""
    with connection, connection.cursor() as cursor:
        cursor.execute(statement, (value,))
        row = cursor.fetchone()
    return row and row[0]
