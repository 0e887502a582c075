"""Journals in PostgreSQL: they only grow, one event at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg2
import pytest

from fraud.database import connect
from serve.journal.event import faults_of
from serve.journal.table import PERSON_EVENTS
from tests.serve.prediction_log_rows import execute


def append(dsn: str, person: str, place: int = 0) -> None:
    with connect(dsn) as connection:
        PERSON_EVENTS.append(connection, person, "login", {"place": place})


def test_events_that_many_append_at_once_are_one_chain(database: str) -> None:
    people = [f"officer-{place}" for place in range(6)]

    def append_five(person: str) -> None:
        for place in range(5):
            append(database, person, place)

    with ThreadPoolExecutor(len(people)) as threads:
        list(threads.map(append_five, people))
    with connect(database) as connection:
        events = list(PERSON_EVENTS.events(connection))
        assert [event.number for event in events] == list(range(1, 31))
        assert list(faults_of(events)) == []
        assert [event.number for event in PERSON_EVENTS.events(connection, 29)] == [29, 30]


def test_an_event_counts_only_with_its_transaction(database: str) -> None:
    def broken_off() -> None:
        with connect(database) as connection:
            PERSON_EVENTS.append(connection, "anna", "login", {})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken_off()
    with connect(database) as connection:
        assert list(PERSON_EVENTS.events(connection)) == []


@pytest.mark.parametrize(
    "statement",
    ["UPDATE person_events SET person = 'bert'", "DELETE FROM person_events", "TRUNCATE person_events"],
)
def test_a_journal_only_grows(database: str, statement: str) -> None:
    append(database, "anna")
    with pytest.raises(psycopg2.errors.RaiseException, match="person_events only grows"):
        execute(database, statement)
