"""The table `operator_requests`, as the desk may use it: ask, and look. `jenkins/schedule/requests.py` does it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from psycopg2.extensions import connection as Connection

from desk.operate.acts import Act
from fraud.verdict import Verdict

_ASK: Final = """
    INSERT INTO public.operator_requests (act, person) VALUES (%s, %s)
    ON CONFLICT (act) WHERE ended_at IS NULL DO NOTHING RETURNING number
"""
_OPEN: Final = "SELECT number FROM public.operator_requests WHERE act = %s AND ended_at IS NULL"
_ONE: Final = """
    SELECT number, act, person, asked_at, begun_at, ended_at, exit_status, output
    FROM public.operator_requests WHERE number = %s
"""
_LIST: Final = """
    SELECT number, act, person, asked_at, begun_at, ended_at, exit_status, output
    FROM public.operator_requests ORDER BY number DESC LIMIT %s
"""
_REPORT: Final = """
    SELECT number FROM public.reports WHERE kind = %s AND made_at >= %s AND made_at <= %s ORDER BY number DESC LIMIT 1
"""


class OperatorRequest(msgspec.Struct, frozen=True):
    """What somebody asked for, and what came of it."""

    number: int
    act: Act
    person: str
    asked_at: dt.datetime
    begun_at: dt.datetime | None
    ended_at: dt.datetime | None
    exit_status: int | None
    output: str

    @property
    def is_open(self) -> bool:
        """Whether it waits or runs."""
        return self.ended_at is None

    @property
    def state(self) -> str:
        """In a word: of one that has run the verdict."""
        if self.is_open:
            return "waiting" if self.begun_at is None else "running"
        if self.exit_status is None:
            return "not done" if self.begun_at is None else "aborted"
        known = (verdict.value for verdict in Verdict if verdict.exit_status == self.exit_status)
        return next(known, Verdict.ERROR.value)


def ask(connection: Connection, act: Act, person: str) -> tuple[int, bool]:
    """Ask for an act; returns the request's number, and whether it is new: of each act one is open at a time."""
    with connection.cursor() as cursor:
        cursor.execute(_ASK, (act, person))
        found = cursor.fetchone()
        if found is not None:
            return int(found[0]), True
        cursor.execute(_OPEN, (act,))
        found = cursor.fetchone()
    if found is None:  # it has ended between the two
        return ask(connection, act, person)
    return int(found[0]), False


def find_request(connection: Connection, number: int) -> OperatorRequest | None:
    """One of them; None if there is none of that number."""
    with connection.cursor() as cursor:
        cursor.execute(_ONE, (number,))
        found = cursor.fetchone()
    return None if found is None else _request(found)


def list_requests(connection: Connection, most: int) -> Sequence[OperatorRequest]:
    """The newest first."""
    with connection.cursor() as cursor:
        cursor.execute(_LIST, (most,))
        return [_request(found) for found in cursor.fetchall()]


def report_of(connection: Connection, request: OperatorRequest) -> int | None:
    """Number of the report that its run has written; None where there is none."""
    kind = request.act.report_kind
    if kind is None or request.begun_at is None or request.ended_at is None:
        return None
    with connection.cursor() as cursor:
        cursor.execute(_REPORT, (kind, request.begun_at, request.ended_at))
        found = cursor.fetchone()
    return None if found is None else int(found[0])


def _request(found: tuple[Any, ...]) -> OperatorRequest:
    number, act, *rest = found
    return OperatorRequest(number, Act(act), *rest)
