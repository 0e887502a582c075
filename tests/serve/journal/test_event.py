"""Events chain by hash, so that none can be changed, removed or moved unseen."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import msgspec
import pytest

from serve.journal.event import Event, faults_of, next_event

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


def events_of(count: int = 5) -> list[Event]:
    events: list[Event] = []
    for place in range(count):
        at = NOON + dt.timedelta(minutes=place)
        events.append(next_event(events[-1] if events else None, at, "anna", "login", {"b": place, "a": "Müller"}))
    return events


def test_an_untouched_journal_has_no_fault() -> None:
    assert list(faults_of(events_of())) == []
    assert list(faults_of([])) == []


def test_facts_are_written_in_one_form() -> None:
    (event,) = events_of(1)
    assert event.facts == '{"a":"Müller","b":0}'


@pytest.mark.parametrize(
    "changed",
    [
        lambda event: msgspec.structs.replace(event, person="bert"),
        lambda event: msgspec.structs.replace(event, kind="logout"),
        lambda event: msgspec.structs.replace(event, at=event.at + dt.timedelta(microseconds=1)),
        lambda event: msgspec.structs.replace(event, facts=event.facts.replace("2", "3")),
        lambda event: msgspec.structs.replace(event, facts=event.facts.replace(",", ", ")),
        lambda event: msgspec.structs.replace(event, hash=bytes(32)),
    ],
    ids=["person", "kind", "time", "facts", "form of the facts", "hash"],
)
def test_a_changed_event_is_found_by_its_number(changed: Callable[[Event], Event]) -> None:
    events = events_of()
    events[2] = changed(events[2])
    found = [number for number, _ in faults_of(events)]
    assert found[0] == 3
    assert set(found) <= {3, 4}, "what follows is as it was written"


def test_removed_events_are_told_as_a_range() -> None:
    events = events_of(6)
    assert list(faults_of(events[:1] + events[3:])) == [(2, "events 2 to 3 are missing")]
    assert list(faults_of(events[2:])) == [(1, "events 1 to 2 are missing")]


def test_exchanged_events_are_found() -> None:
    events = events_of()
    events[1], events[2] = events[2], events[1]
    assert next(faults_of(events))[0] == 2
