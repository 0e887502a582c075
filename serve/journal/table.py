"""A journal in PostgreSQL: all SQL about it. All journals have the same columns, and only grow."""

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
"""A moment that nothing here writes is read as another one, whose hash is not the one that is there."""
_LAST: Final = sql.SQL("SELECT number, at, person, kind, facts, hash FROM {table} ORDER BY number DESC LIMIT 1")
_APPEND: Final = sql.SQL("INSERT INTO {table} (number, at, person, kind, facts, hash) VALUES (%s, %s, %s, %s, %s, %s)")
_ONE_AT_A_TIME: Final = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
"""Each event follows from the one before; a lock of the table takes rights that nobody needs."""
_FETCHED: Final = 1000


@dataclass(frozen=True, slots=True)
class Journal:
    """One journal; `table` is its name in the schema `public`."""

    table: str
    since: int
    """Version of the schema that has it first."""

    def append(self, connection: Connection, person: str, kind: str, facts: Mapping[str, Any]) -> Event:
        """Write down that a person did something; it counts once the transaction is committed.

        Others who append wait until then.
        """
        with connection.cursor() as cursor:
            cursor.execute(_ONE_AT_A_TIME, (f"journal {self.table}",))
            cursor.execute(_LAST.format(table=self._name))
            found = cursor.fetchone()
            last = None if found is None else _event(found)
            event = next_event(last, dt.datetime.now(dt.UTC), person, kind, facts)
            cursor.execute(_APPEND.format(table=self._name), _values(event))
        return event

    def events(self, connection: Connection, first: int = 1) -> Iterator[Event]:
        """All events from a number on, the oldest first; memory stays flat. It takes a transaction."""
        with connection.cursor(f"events of {self.table}") as cursor:
            cursor.itersize = _FETCHED
            cursor.execute(_EVENTS.format(table=self._name), (first,))
            for found in cursor:
                yield _event(found)

    @property
    def _name(self) -> sql.Identifier:
        return sql.Identifier("public", self.table)


PERSON_EVENTS: Final = Journal("person_events", 13)
"""Logins, accounts, and what people did with what runs here."""
CASE_EVENTS: Final = Journal("case_events", 21)
"""What happened to cases (`serve/cases/`)."""
JOURNALS: Final = (PERSON_EVENTS, CASE_EVENTS)
"""All of them."""


def _values(event: Event) -> tuple[Any, ...]:
    return event.number, event.at, event.person, event.kind, event.facts, event.hash


def _event(found: tuple[Any, ...]) -> Event:
    number, at, person, kind, facts, end = found
    return Event(number, at, person, kind, facts, bytes(end))
