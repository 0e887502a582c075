"""The officers' list of cases, ordered by due date."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import msgspec
from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from serve.cases.case import Case, State
from serve.cases.table import COLUMNS, case_of


class Show(StrEnum):
    """Filters of the list."""

    FREE = "free"
    MINE = "mine"
    WAITING = "waiting"
    OPEN = "open"
    DECIDED = "decided"
    ALL = "all"


_OPEN: Final = (State.NEW, State.TAKEN, State.WAITING, State.APPEALED)
STATES: Final = MappingProxyType(
    {
        Show.FREE: (State.NEW, State.APPEALED),
        Show.MINE: _OPEN,
        Show.WAITING: (State.WAITING,),
        Show.OPEN: _OPEN,
        Show.DECIDED: (State.DECIDED, State.CLOSED),
        Show.ALL: tuple(State),
    }
)
_LIST: Final = sql.SQL("""
    SELECT {columns} FROM public.cases
    WHERE state = ANY (%(states)s) AND (%(holder)s::text IS NULL OR holder = %(holder)s)
        AND (NOT %(overdue)s OR due_at < now())
    ORDER BY due_at, number LIMIT %(most)s
""").format(columns=COLUMNS)
_COUNTS: Final = """
    SELECT count(*) FILTER (WHERE state IN ('new', 'appealed')), count(*) FILTER (WHERE due_at < now()),
        count(*) FILTER (WHERE holder = %s)
    FROM public.cases WHERE state IN ('new', 'taken', 'waiting', 'appealed')
"""


class QueueCounts(msgspec.Struct, frozen=True):
    """Numbers of open cases."""

    free: int
    overdue: int
    mine: int


def list_cases(connection: Connection, show: Show, person: str, most: int, *, only_overdue: bool) -> Sequence[Case]:
    """The cases of a list, ordered by due date."""
    values = {
        "states": [str(state) for state in STATES[show]],
        "holder": person if show is Show.MINE else None,
        "overdue": only_overdue,
        "most": most,
    }
    with connection.cursor() as cursor:
        cursor.execute(_LIST, values)
        return [case_of(found) for found in cursor.fetchall()]


def count_cases(connection: Connection, person: str) -> QueueCounts:
    """Count open cases, and those that this person holds."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, (person,))
        ((free, overdue, mine),) = cursor.fetchall()
    return QueueCounts(free, overdue, mine)
