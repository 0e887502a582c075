"""Officers' acts and texts about a person's applications, for access and erasure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final

import msgspec
from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from fraud.acting_person import person_here
from serve.cases.case import Act, Case, CaseHistory, Decision, State
from serve.cases.table import COLUMNS, add_event, case_of, histories

_OF_PLACES: Final = sql.SQL("""
    SELECT {columns} FROM public.cases
    WHERE (chain_id, sequence, row_number) IN (
        SELECT * FROM unnest(%s::uuid[], %s::bigint[], %s::integer[])
    )
    ORDER BY number
""").format(columns=COLUMNS)
_TO_CHANGE: Final = sql.SQL("{of_places} FOR UPDATE").format(of_places=_OF_PLACES)
_WAIT_FOR_OPENERS: Final = "LOCK TABLE public.case_marks IN SHARE ROW EXCLUSIVE MODE"
"""A concurrent opener of cases may have read an id that is being erased."""
_DELETE_CONTENTS: Final = """
    DELETE FROM public.case_contents
    WHERE event IN (SELECT number FROM public.case_events WHERE case_number = ANY (%s))
"""
_BLANK_IDS: Final = "UPDATE public.cases SET application_id = NULL WHERE number = ANY (%s)"

RowPlace = tuple[str, int, int]
"""Chain, sequence and row, from 0."""


class ToldEvent(msgspec.Struct, frozen=True):
    """An event of a case, without the officer, who is not a fact about the person."""

    at: dt.datetime
    act: Act
    grounds: Sequence[str]
    words: str | None


class ToldCase(msgspec.Struct, frozen=True):
    """A case about an application."""

    number: int
    state: State
    decision: Decision | None
    opened_at: dt.datetime
    events: Sequence[ToldEvent]


def cases_of(connection: Connection, places: Sequence[RowPlace]) -> dict[RowPlace, ToldCase]:
    """The cases about these rows of the log."""
    with connection.cursor() as cursor:
        cursor.execute(_OF_PLACES, _columns(places))
        cases = [case_of(found) for found in cursor.fetchall()]
    return {_place_of(one.case): _told(one) for one in histories(connection, cases)}


def erase_cases(connection: Connection, places: Sequence[RowPlace]) -> int:
    """Erase texts and ids from the cases about these rows, and close them; returns their number. Acts, times and
    grounds stay, and the journal still verifies.
    """
    person = person_here()
    with connection.cursor() as cursor:
        cursor.execute(_WAIT_FOR_OPENERS)
        cursor.execute(_TO_CHANGE, _columns(places))
        cases = [case_of(found) for found in cursor.fetchall()]
        numbers = [case.number for case in cases]
        cursor.execute(_DELETE_CONTENTS, (numbers,))
        cursor.execute(_BLANK_IDS, (numbers,))
    for case in cases:
        add_event(connection, case, person, Act.ERASED)
    return len(cases)


def _columns(places: Sequence[RowPlace]) -> tuple[list[str], list[int], list[int]]:
    return [chain for chain, _, _ in places], [sequence for _, sequence, _ in places], [row for _, _, row in places]


def _place_of(case: Case) -> RowPlace:
    return str(case.place.chain_id), case.place.sequence, case.place.row


def _told(history: CaseHistory) -> ToldCase:
    events = [
        ToldEvent(event.at, event.act, event.facts.get("grounds", ()), (event.content or {}).get("words"))
        for event in history.events
    ]
    case = history.case
    return ToldCase(case.number, case.state, case.decision, case.opened_at, events)
