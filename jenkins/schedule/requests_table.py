"""The tables `operator_requests` and `schedule_times`, as the schedule's process uses them. All its SQL about them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from fraud.database import connect

APPLICATION_NAME: Final = "schedule"
LONGEST_WAIT: Final = dt.timedelta(hours=1)
"""Older requests expire: nobody who clicked yesterday expects a rollback now."""
SILENCE: Final = dt.timedelta(minutes=5)
"""A request whose process has not reported for this long was aborted."""
EXPIRED: Final = "no schedule took this request within an hour, and nothing was done: send it again"
BROKEN_OFF: Final = "aborted: the schedule's process died meanwhile"

_EXPIRE: Final = """
    UPDATE public.operator_requests SET ended_at = now(), output = %s
    WHERE ended_at IS NULL AND begun_at IS NULL AND asked_at < now() - %s
"""
_BREAK_OFF: Final = """
    UPDATE public.operator_requests SET ended_at = now(), output = ltrim(output || E'\\n' || %s, E'\\n')
    WHERE ended_at IS NULL AND begun_at IS NOT NULL AND seen_at < now() - %s
"""
_TAKE: Final = """
    UPDATE public.operator_requests SET begun_at = now(), seen_at = now()
    WHERE number = (
        SELECT number FROM public.operator_requests WHERE ended_at IS NULL AND begun_at IS NULL
        ORDER BY act <> 'rollback', number LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    RETURNING number, act, person
"""
"""A rollback first: the version that it withdraws may do harm."""
_TELL: Final = "UPDATE public.operator_requests SET seen_at = now(), output = %s WHERE number = %s AND ended_at IS NULL"
_END: Final = """
    UPDATE public.operator_requests SET ended_at = now(), exit_status = %s, output = %s
    WHERE number = %s AND ended_at IS NULL
"""
_TELL_TIMES: Final = """
    INSERT INTO public.schedule_times (task, begun_at, next_at, told_at) VALUES (%s, %s, %s, now())
    ON CONFLICT (task) DO UPDATE
    SET begun_at = excluded.begun_at, next_at = excluded.next_at, told_at = excluded.told_at
"""


@dataclass(frozen=True, slots=True)
class TakenRequest:
    """What an operator asked for, and we are to do."""

    number: int
    act: str
    person: str


@dataclass(frozen=True, slots=True)
class TaskTimes:
    """When a task was begun last, and when it comes next."""

    task: str
    begun_at: dt.datetime | None
    next_at: dt.datetime | None


class RequestsTable:
    """Each method is a transaction of its own, and may raise psycopg2.Error or DatabaseError."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    def take(self) -> TakenRequest | None:
        """Take the next one, which nobody else takes then; those that are too old, or whose process died, are ended."""
        with connect(self._dsn, APPLICATION_NAME) as connection, connection.cursor() as cursor:
            cursor.execute(_EXPIRE, (EXPIRED, LONGEST_WAIT))
            cursor.execute(_BREAK_OFF, (BROKEN_OFF, SILENCE))
            cursor.execute(_TAKE)
            found = cursor.fetchone()
        return None if found is None else TakenRequest(*found)

    def tell(self, number: int, output: str) -> None:
        """Say that it is at work, and what its command printed."""
        with connect(self._dsn, APPLICATION_NAME) as connection, connection.cursor() as cursor:
            cursor.execute(_TELL, (_storable(output), number))

    def end(self, number: int, exit_status: int, output: str) -> None:
        """Say how it ended."""
        with connect(self._dsn, APPLICATION_NAME) as connection, connection.cursor() as cursor:
            cursor.execute(_END, (exit_status, _storable(output), number))

    def tell_times(self, times: Iterable[TaskTimes]) -> None:
        """Say when tasks come, and that we are there."""
        with connect(self._dsn, APPLICATION_NAME) as connection, connection.cursor() as cursor:
            for one in times:
                cursor.execute(_TELL_TIMES, (one.task, one.begun_at, one.next_at))


def _storable(output: str) -> str:
    """PostgreSQL has no place for NUL."""
    return output.replace("\0", "\ufffd")
