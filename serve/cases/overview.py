"""Overview of many cases, for supervisors: their states, judgements and outcomes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final

import msgspec
from psycopg2.extensions import connection as Connection

_CASES: Final = """
    SELECT number, state, holder, opened_at, due_at, decision, is_escalated, endpoint, probability, features
    FROM public.cases LEFT JOIN public.case_answers ON case_number = number
    WHERE opened_at >= %s ORDER BY number
"""
_JUDGEMENTS: Final = """
    SELECT case_number, person, kind, (facts::json ->> 'is_concerned')::boolean
    FROM public.case_events
    WHERE kind IN ('viewed_first', 'cleared', 'papers_asked', 'visit_asked', 'referred', 'signed', 'sent_back')
        AND case_number IN (SELECT number FROM public.cases WHERE opened_at >= %s)
    ORDER BY number
"""
_OUTCOMES: Final = "SELECT case_number, divorced FROM public.case_outcomes()"
_GROUPS: Final = "SELECT case_number, attribute, value FROM public.case_groups()"


class OverviewCase(msgspec.Struct, frozen=True):
    """A case with its answer; None if the record has expired."""

    number: int
    state: str
    holder: str | None
    opened_at: dt.datetime
    due_at: dt.datetime
    decision: str | None
    is_escalated: bool
    endpoint: str | None
    probability: float | None
    features: Sequence[float | None] | None


class Judgement(msgspec.Struct, frozen=True):
    """An officer's judgement of a case."""

    case_number: int
    person: str
    kind: str
    is_concerned: bool
    is_first_view: bool


def read_overview(connection: Connection, since: dt.datetime) -> list[OverviewCase]:
    """The cases opened since a time."""
    with connection.cursor() as cursor:
        cursor.execute(_CASES, (since,))
        return [OverviewCase(*found) for found in cursor.fetchall()]


def read_judgements(connection: Connection, since: dt.datetime) -> list[Judgement]:
    """First views and decisions about these cases, in order; a signature counts as agreement with the referral."""
    with connection.cursor() as cursor:
        cursor.execute(_JUDGEMENTS, (since,))
        return [
            Judgement(
                number,
                person,
                kind,
                concerned if kind == "viewed_first" else kind not in {"cleared", "sent_back"},
                kind == "viewed_first",
            )
            for number, person, kind, concerned in cursor.fetchall()
        ]


def read_case_outcomes(connection: Connection) -> dict[int, bool]:
    """Whether the couple divorced early, by case, if known."""
    with connection.cursor() as cursor:
        cursor.execute(_OUTCOMES)
        return dict(cursor.fetchall())


def read_case_groups(connection: Connection) -> dict[int, dict[str, str]]:
    """Attributes of applicants that are not features: case -> attribute -> value."""
    groups: dict[int, dict[str, str]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_GROUPS)
        for number, attribute, value in cursor.fetchall():
            groups.setdefault(number, {})[attribute] = value
    return groups
