"""Tables of PostgreSQL as queues. One transaction takes applications and writes answers, so a kill undoes both."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from typing import Any, Final

import psycopg2
from psycopg2.extras import execute_values

from fraud.database import open_connection
from fraud.foreign_errors import postgres_words
from serve.stream.errors import StreamError
from serve.stream.messages import Answer, DeadLetter, Message

LANE: Final = "stream.applications"
POLL_S: Final = 0.2
FETCH_S: Final = 60
"""A statement takes milliseconds; one that waits for so long waits for a lock of somebody's."""

# Of several bridges, each takes others; those that wait longest come first.
_TAKE: Final = """
    DELETE FROM stream.applications WHERE id IN (
        SELECT id FROM stream.applications ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
    ) RETURNING id, body
"""
_ANSWER: Final = "INSERT INTO stream.answers (id, body) VALUES %s"
_REFUSE: Final = "INSERT INTO stream.dead_letters (id, body, reason) VALUES %s"
_NAME: Final = """
    SELECT 'postgres:' || system_identifier || ':' || current_database() || ':' || 'stream.applications'::regclass::oid
    FROM pg_control_system()
"""
_IS_EMPTY: Final = "SELECT NOT EXISTS (SELECT FROM stream.applications)"
_SETUP: Final = "the tables are made by serve/stream/postgres_queue.sql"


class PostgresBroker:
    """The tables of `postgres_queue.sql`."""

    def __init__(self, dsn: str) -> None:
        session = {"statement_timeout": f"{FETCH_S}s"}
        self._connection = open_connection(dsn, "marriage-loan-scoring stream", session)
        ((self.name,),) = self._fetch(_NAME)

    def take(self, count: int) -> Sequence[Message]:
        """Begin a transaction that takes up to `count` applications; see `Broker`."""
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(_TAKE, (count,))
                found = sorted(cursor.fetchall())
            if not found:
                self._connection.rollback()
                time.sleep(POLL_S)
        except psycopg2.Error as error:
            raise _fault(error) from error
        return [Message(LANE, key, body.encode()) for key, body in found]

    def settle(self, answers: Sequence[Answer], dead: Sequence[DeadLetter]) -> None:
        """Write what is said, and commit the transaction."""
        answered = [(answer.message.number, answer.body.decode()) for answer in answers]
        refused = [(letter.message.number, letter.message.body.decode(), letter.reason) for letter in dead]
        try:
            with self._connection.cursor() as cursor:
                execute_values(cursor, _ANSWER, answered)
                execute_values(cursor, _REFUSE, refused)
            self._connection.commit()
        except psycopg2.Error as error:
            raise _fault(error) from error

    def is_empty(self) -> bool:
        """Whether no application waits, or is taken and not settled."""
        ((empty,),) = self._fetch(_IS_EMPTY)
        return bool(empty)

    def close(self) -> None:
        """Roll back what is not settled, now rather than when the server notices."""
        with contextlib.suppress(psycopg2.Error):
            self._connection.rollback()
        self._connection.close()

    def _fetch(self, statement: str) -> list[Any]:
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(statement)
                found = cursor.fetchall()
            self._connection.rollback()
        except psycopg2.Error as error:
            raise _fault(error) from error
        return found


def _fault(error: psycopg2.Error) -> StreamError:
    setup = f" ({_SETUP})" if isinstance(error, psycopg2.ProgrammingError) else ""
    return StreamError(f"PostgreSQL does not take it: {postgres_words(error)}{setup}")
