"""A journal in PostgreSQL: all SQL about it. All journals have the same columns, and are append-only."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from serve.journal.event import Event, next_event

_EVENTS: Final = sql.SQL("""
    SELECT number, CASE WHEN at BETWEEN '0001-01-02' AND '9999-12-30' THEN at ELSE 'epoch' END,
        person, kind, facts, hash
    FROM {table} WHERE number >= %s ORDER BY number
""")
"""Times out of range, which the project never writes, are read as 1970, so their hash does not match."""
_LAST: Final = sql.SQL("SELECT number, at, person, kind, facts, hash FROM {table} ORDER BY number DESC LIMIT 1")
_APPEND: Final = sql.SQL("INSERT INTO {table} (number, at, person, kind, facts, hash) VALUES (%s, %s, %s, %s, %s, %s)")
_ONE_AT_A_TIME: Final = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
"""Advisory lock, since each event follows from the one before; a table lock would need further rights."""
_FETCHED: Final = 1000


@dataclass(frozen=True, slots=True)
class Journal:
    """One journal; `table` is its name in the schema `public`."""

    table: str
    since: int
    """First schema version with this table."""

    def append(self, connection: Connection, person: str, kind: str, facts: Mapping[str, Any]) -> Event:
        """Append an event; effective once the transaction is committed. Other appends wait until then."""
        with connection.cursor() as cursor:
            cursor.execute(_ONE_AT_A_TIME, (f"journal {self.table}",))
            cursor.execute(_LAST.format(table=self._name))
            found = cursor.fetchone()
            last = None if found is None else _event(found)
            event = next_event(last, dt.datetime.now(dt.UTC), person, kind, facts)
            cursor.execute(_APPEND.format(table=self._name), _values(event))
        return event

    def events(self, connection: Connection, first: int = 1) -> Iterator[Event]:
        """All events from a number on, oldest first, in constant memory. Requires a transaction."""
        with connection.cursor(f"events of {self.table}") as cursor:
            cursor.itersize = _FETCHED
            cursor.execute(_EVENTS.format(table=self._name), (first,))
            for found in cursor:
                yield _event(found)

    @property
    def _name(self) -> sql.Identifier:
        return sql.Identifier("public", self.table)


PERSON_EVENTS: Final = Journal("person_events", 13)
"""Logins, accounts, and operators' acts."""
CASE_EVENTS: Final = Journal("case_events", 21)
"""Events of cases (`serve/cases/`)."""
JOURNALS: Final = (PERSON_EVENTS, CASE_EVENTS)
"""All journals."""


def _values(event: Event) -> tuple[Any, ...]:
    return event.number, event.at, event.person, event.kind, event.facts, event.hash


def _event(found: tuple[Any, ...]) -> Event:
    number, at, person, kind, facts, end = found
    return Event(number, at, person, kind, facts, bytes(end))
