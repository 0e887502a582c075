"""Verification of cases against their journal: the content of each event, and the current state of cases."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson
from psycopg2.extensions import connection as Connection

from fraud.schema_version import read_version
from serve.audit.findings import Fault, Finding
from serve.cases.case import Act, Case, CaseEvent
from serve.cases.content import StoredContent
from serve.cases.errors import CaseError
from serve.cases.lifecycle import replay
from serve.cases.table import event_of, read_cases
from serve.journal.table import CASE_EVENTS

_EVENTS: Final = """
    SELECT case_number, event.number, at, person, kind, facts, content.content, content.salt
    FROM public.case_events AS event LEFT JOIN public.case_contents AS content ON content.event = event.number
    ORDER BY case_number, event.number
"""
_ERASED: Final = """
    SELECT opening.number
    FROM (SELECT number, facts::json AS facts FROM public.case_events WHERE number = case_number) AS opening
    JOIN public.prediction_erasures AS entry
        ON entry.chain_id::text = opening.facts ->> 'chain_id' AND entry.sequence::text = opening.facts ->> 'sequence'
    WHERE entry.kind = 'person' AND opening.facts ->> 'row' = ANY (entry.row_numbers::text[])
"""
"""Compared as texts, since forged facts may contain anything."""
_ORPHANS: Final = """
    SELECT event FROM public.case_contents AS content
    WHERE NOT EXISTS (SELECT FROM public.case_events WHERE number = content.event) ORDER BY event
"""
_FETCHED: Final = 1000


def check_cases(connection: Connection) -> Iterator[Finding]:
    """Yield each changed content, and each case that does not follow from its events."""
    if read_version(connection) < CASE_EVENTS.since:
        return
    expected: dict[int, Case | None] = {}
    with connection.cursor() as cursor:
        cursor.execute(_ERASED)
        erased = {number for (number,) in cursor.fetchall()}
        cursor.execute(_ORPHANS)
        for (event,) in cursor.fetchall():
            yield Finding(Fault.CHANGED, f"case_contents has content of event {event}, which does not exist")
    with connection.cursor("case events") as cursor:
        cursor.itersize = _FETCHED
        cursor.execute(_EVENTS)
        for number, events in itertools.groupby(cursor, lambda found: int(found[0])):
            yield from _check_case(number, list(events), expected, was_erased=number in erased)
    for case in read_cases(connection):
        if case.number not in expected:
            yield Finding(Fault.CHANGED, f"case {case.number} was not opened by any event")
            continue
        following = expected.pop(case.number)
        if following is not None and case != following:
            yield Finding(
                Fault.CHANGED, f"case {case.number} does not follow from its events: {_told(case, following)}"
            )
    for number in (number for number, following in expected.items() if following is not None):
        yield Finding(Fault.MISSING, f"case {number} is missing, but its events exist")


def _check_case(
    number: int, found: list[tuple[Any, ...]], expected: dict[int, Case | None], *, was_erased: bool
) -> Iterator[Finding]:
    """`expected` receives the case that results from the events; None if they are impossible."""
    events: list[CaseEvent] = []
    expected[number] = None
    try:
        for _, *values in found:
            fault = _content_fault(tuple(values), was_erased=was_erased)
            if fault is not None:
                yield fault
            events.append(event_of(tuple(values)))
        erasures = [event.number for event in events if event.act is Act.ERASED]
        for event in events:
            if erasures and event.number < erasures[-1] and event.content is not None:
                yield Finding(
                    Fault.CHANGED, f"the content of event {event.number} of case_events was erased, but exists"
                )
        expected[number] = replay(events)
    except (CaseError, ValueError, KeyError, TypeError) as error:
        yield Finding(Fault.CHANGED, f"the events of case {number} are impossible: {error}")


def _content_fault(values: tuple[Any, ...], *, was_erased: bool) -> Finding | None:
    number, *_, facts, text, salt = values
    named = _facts(facts).get("content")
    if text is not None:
        if StoredContent(text, bytes(salt)).digest != named:
            return Finding(Fault.CHANGED, f"the content of event {number} of case_events was changed")
        return None
    if named is not None and not was_erased:
        return Finding(Fault.MISSING, f"the content of event {number} of case_events is missing, and was not erased")
    return None


def _facts(text: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = orjson.loads(text)
    return found


def _told(case: Case, following: Case) -> str:
    names = [name for name in Case.__struct_fields__ if getattr(case, name) != getattr(following, name)]
    return ", ".join(f"{name} is {getattr(case, name)}, but was {getattr(following, name)}" for name in names)
