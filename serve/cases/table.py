"""Cases in PostgreSQL: all SQL that reads and writes one case. Lists of cases are in other modules.

Lock order: first the case's row, then the journal, to avoid deadlocks.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import orjson
from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from serve.cases.case import Act, AnswerPlace, Case, CaseEvent, CaseHistory, Decision, State
from serve.cases.content import StoredContent, new_content
from serve.cases.lifecycle import after, opened
from serve.journal.table import CASE_EVENTS

COLUMNS: Final = sql.SQL("""
    number, chain_id::text, sequence, row_number, recorded_at, application_id, state, opened_at, due_at, holder,
    is_escalated, is_appeal, decision, decided_by, signed_by, last_event
""")
_ONE: Final = sql.SQL("SELECT {columns} FROM public.cases WHERE number = %s").format(columns=COLUMNS)
_TO_CHANGE: Final = sql.SQL("{one} FOR UPDATE").format(one=_ONE)
_OF_APPLICATION: Final = sql.SQL("SELECT {columns} FROM public.cases WHERE application_id = %s ORDER BY number").format(
    columns=COLUMNS
)
_ADD: Final = """
    INSERT INTO public.cases (
        number, chain_id, sequence, row_number, recorded_at, application_id, state, opened_at, due_at, last_event
    ) VALUES (%s, %s::uuid, %s, %s, %s, %s, %s, %s, %s, %s)
"""
_CHANGE: Final = """
    UPDATE public.cases SET state = %s, due_at = %s, holder = %s, is_escalated = %s, is_appeal = %s, decision = %s,
        decided_by = %s, signed_by = %s, last_event = %s
    WHERE number = %s
"""
_ADD_CONTENT: Final = "INSERT INTO public.case_contents (event, content, salt) VALUES (%s, %s, %s)"
_EVENTS: Final = """
    SELECT event.number, at, person, kind, facts, content.content, content.salt
    FROM public.case_events AS event LEFT JOIN public.case_contents AS content ON content.event = event.number
    WHERE case_number = ANY (%s) ORDER BY event.number
"""
MOST_NUMBER: Final = 2**63 - 1


def find_case(connection: Connection, number: int, *, is_to_change: bool = False) -> Case | None:
    """The case of that number; None if there is none. With `is_to_change` its row is locked until the transaction
    ends.
    """
    if number > MOST_NUMBER:
        return None
    with connection.cursor() as cursor:
        cursor.execute(_TO_CHANGE if is_to_change else _ONE, (number,))
        found = cursor.fetchone()
    return None if found is None else case_of(found)


def case_history(connection: Connection, application_id: str) -> list[CaseHistory]:
    """All cases of one application, each with its events, oldest first.

    A case whose application was erased is no longer found by the id.
    """
    with connection.cursor() as cursor:
        cursor.execute(_OF_APPLICATION, (application_id,))
        cases = [case_of(found) for found in cursor.fetchall()]
    return histories(connection, cases)


def histories(connection: Connection, cases: Sequence[Case]) -> list[CaseHistory]:
    """These cases with their events."""
    events: dict[int, list[CaseEvent]] = {case.number: [] for case in cases}
    with connection.cursor() as cursor:
        cursor.execute(_EVENTS, (list(events),))
        for found in cursor.fetchall():
            event = event_of(found)
            events[event.facts.get("case", event.number)].append(event)
    return [CaseHistory(case, events[case.number]) for case in cases]


def open_case(connection: Connection, person: str, facts: Mapping[str, Any], content: Mapping[str, Any] | None) -> Case:
    """Write a new case, opened by an event; effective once the transaction is committed."""
    case = opened(_append(connection, person, Act.OPENED, facts, content))
    place = case.place
    with connection.cursor() as cursor:
        values = (
            *(case.number, str(place.chain_id), place.sequence, place.row, place.recorded_at, case.application_id),
            *(case.state, case.opened_at, case.due_at, case.last_event),
        )
        cursor.execute(_ADD, values)
    return case


def add_event(
    connection: Connection,
    case: Case,
    person: str,
    act: Act,
    *,
    facts: Mapping[str, Any] | None = None,
    content: Mapping[str, Any] | None = None,
) -> Case:
    """Write an event of a case, which this transaction has locked; returns the case after it.

    Raises:
        CaseError: the case does not allow the act; roll the transaction back.
    """
    event = _append(connection, person, act, {"case": case.number, **(facts or {})}, content)
    changed = after(case, event)
    with connection.cursor() as cursor:
        values = (
            *(changed.state, changed.due_at, changed.holder, changed.is_escalated, changed.is_appeal),
            *(changed.decision, changed.decided_by, changed.signed_by, changed.last_event, changed.number),
        )
        cursor.execute(_CHANGE, values)
    return changed


def _append(
    connection: Connection, person: str, act: Act, facts: Mapping[str, Any], content: Mapping[str, Any] | None
) -> CaseEvent:
    stored = None if content is None else new_content(content)
    named = facts if stored is None else {**facts, "content": stored.digest}
    event = CASE_EVENTS.append(connection, person, act, named)
    if stored is not None:
        with connection.cursor() as cursor:
            cursor.execute(_ADD_CONTENT, (event.number, stored.text, stored.salt))
    return CaseEvent(event.number, event.at, person, act, orjson.loads(event.facts), content)


def event_of(found: tuple[Any, ...]) -> CaseEvent:
    """An event from a row, with its content."""
    number, at, person, kind, facts, text, salt = found
    content = None if text is None else StoredContent(text, bytes(salt)).said
    return CaseEvent(number, at, person, Act(kind), orjson.loads(facts), content)


def case_of(found: tuple[Any, ...]) -> Case:
    """A case from a row of `COLUMNS`."""
    number, chain_id, sequence, row, recorded_at, application_id, state, opened_at, due_at, holder, *more = found
    is_escalated, is_appeal, decision, decided_by, signed_by, last_event = more
    return Case(
        number=number,
        place=AnswerPlace(uuid.UUID(chain_id), sequence, row, recorded_at),
        application_id=application_id,
        state=State(state),
        opened_at=opened_at,
        due_at=due_at,
        holder=holder,
        is_escalated=is_escalated,
        is_appeal=is_appeal,
        decision=None if decision is None else Decision(decision),
        decided_by=decided_by,
        signed_by=signed_by,
        last_event=last_event,
    )


def read_cases(connection: Connection) -> Iterator[Case]:
    """All cases, by number, in constant memory. Requires a transaction."""
    with connection.cursor("cases") as cursor:
        cursor.execute(sql.SQL("SELECT {columns} FROM public.cases ORDER BY number").format(columns=COLUMNS))
        for found in cursor:
            yield case_of(found)
