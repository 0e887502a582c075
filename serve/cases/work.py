"""Officers' acts on cases: permissions and required data. Each act is one event."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Any, Final

import msgspec
from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from serve.cases.case import Act, Case, Ground
from serve.cases.errors import CaseError
from serve.cases.lifecycle import DECISIONS
from serve.cases.table import COLUMNS, add_event, case_of, find_case
from serve.people.account import PersonRole, may_be_same_person
from serve.people.accounts_table import find_account

OFFICERS: Final = frozenset({PersonRole.REVIEW, PersonRole.SUPERVISE})
MOST_LETTERS: Final = 4000
"""Maximum length of an act's text."""
LONGEST_WAIT: Final = dt.timedelta(days=365)
_NEED_WORDS: Final = frozenset({*DECISIONS, Act.NOTED, Act.SENT_BACK, Act.REOPENED, Act.APPEALED, Act.ESCALATED})
_NEED_DUE: Final = frozenset({Act.PAPERS_ASKED, Act.VISIT_ASKED, Act.REOPENED, Act.APPEALED})
_DECIDING: Final = tuple(str(act) for act in (*DECISIONS, Act.SIGNED))
_HOLDER_OR_SUPERVISOR: Final = frozenset({Act.RELEASED, Act.HANDED_OVER})

_DECIDED_BEFORE: Final = sql.SQL("""
    EXISTS (
        SELECT FROM public.case_events AS decision
        WHERE decision.case_number = cases.number AND decision.kind = ANY (%(deciding)s)
            AND split_part(decision.person, '@', 1) = split_part(%(name)s, '@', 1)
            AND decision.number < (
                SELECT max(appeal.number) FROM public.case_events AS appeal
                WHERE appeal.case_number = cases.number AND appeal.kind = 'appealed'
            )
    )
""")
"""Whether a person, by this account or one like it (`may_be_same_person`), decided or signed before the last appeal.
The case itself has only the last decision, and is no appeal any more once that is decided and the case reopened."""
_NEXT: Final = sql.SQL("""
    SELECT {columns} FROM public.cases
    WHERE state IN ('new', 'appealed') AND (NOT is_escalated OR %(supervises)s)
        AND NOT (is_appeal AND %(name)s IN (coalesce(decided_by, ''), coalesce(signed_by, '')))
        AND NOT {decided_before}
    ORDER BY due_at, number LIMIT 1 FOR UPDATE SKIP LOCKED
""").format(columns=COLUMNS, decided_before=_DECIDED_BEFORE)
_HAS_DECIDED_BEFORE: Final = sql.SQL("SELECT {decided_before} FROM public.cases WHERE number = %(number)s").format(
    decided_before=_DECIDED_BEFORE
)
_HAS_VIEWED: Final = """
    SELECT EXISTS (
        SELECT FROM public.case_events WHERE case_number = %s AND person = %s AND kind = %s
    )
"""


class Officer(msgspec.Struct, frozen=True):
    """The officer who acts."""

    name: str
    roles: frozenset[PersonRole]

    @property
    def supervises(self) -> bool:
        """Whether they may also act on others' cases."""
        return PersonRole.SUPERVISE in self.roles


class Said(msgspec.Struct, frozen=True):
    """The data of an act; fields that it does not need are ignored."""

    words: str = ""
    grounds: Collection[Ground] = ()
    """Ground of a decision."""
    is_concerned: bool | None = None
    """View noted before the score is shown."""
    to: str = ""
    """Receiver of a case that is handed over."""
    wait: dt.timedelta | None = None
    """Days until it is due again."""


def take_next(connection: Connection, officer: Officer) -> Case | None:
    """Take the free case that is due first; None if there is none. Two officers never get the same case."""
    with connection.cursor() as cursor:
        cursor.execute(_NEXT, {"name": officer.name, "supervises": officer.supervises, "deciding": list(_DECIDING)})
        found = cursor.fetchone()
    return None if found is None else add_event(connection, case_of(found), officer.name, Act.TAKEN)


def has_viewed_first(connection: Connection, number: int, person: str) -> bool:
    """Whether this person noted a first view of a case."""
    with connection.cursor() as cursor:
        cursor.execute(_HAS_VIEWED, (number, person, Act.VIEWED_FIRST))
        return cursor.fetchone() == (True,)


def do(connection: Connection, officer: Officer, number: int, act: Act, said: Said, *, blind_first: bool) -> Case:
    """Do an act on a case; returns the case after it.

    Raises:
        CaseError: unknown case, act not allowed by its state or to this officer, or missing data.
    """
    case = find_case(connection, number, is_to_change=True)
    if case is None:
        raise CaseError(f"there is no case {number}")
    if act in _HOLDER_OR_SUPERVISOR and officer.name != case.holder and not officer.supervises:
        raise CaseError(f"case {number} is with {case.holder or 'nobody'}: only they or a supervisor can do this")
    if act is Act.TAKEN and case.is_escalated and not officer.supervises:
        raise CaseError(f"case {number} was escalated: a supervisor takes it")
    takes_part = act is Act.TAKEN or act in _DECIDING
    if takes_part and _has_decided_before(connection, case, officer.name):
        raise CaseError(f"{officer.name} decided case {number} before the appeal: somebody else has to")
    if (
        act is Act.SIGNED
        and officer.name != case.decided_by
        and may_be_same_person(officer.name, case.decided_by or "")
    ):
        raise CaseError(
            f"{case.decided_by} decided case {number}, and looks like {officer.name}: somebody else has to sign"
        )
    if act in DECISIONS and blind_first and not has_viewed_first(connection, number, officer.name):
        raise CaseError("note your first view, and then decide")
    facts = _facts(connection, case, act, said)
    words = said.words.strip()
    if len(words) > MOST_LETTERS:
        raise CaseError(f"expected at most {MOST_LETTERS} letters")
    if act in _NEED_WORDS and not words:
        raise CaseError("say why, in words")
    return add_event(connection, case, officer.name, act, facts=facts, content={"words": words} if words else None)


def _has_decided_before(connection: Connection, case: Case, name: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_HAS_DECIDED_BEFORE, {"number": case.number, "name": name, "deciding": list(_DECIDING)})
        return cursor.fetchone() == (True,)


def _facts(connection: Connection, case: Case, act: Act, said: Said) -> Mapping[str, Any]:
    facts: dict[str, Any] = {}
    if act in DECISIONS:
        if not set(said.grounds) - {Ground.MODEL}:
            raise CaseError("name at least one ground that is not the model")
        facts["grounds"] = sorted(set(said.grounds))
    if act is Act.VIEWED_FIRST:
        if said.is_concerned is None:
            raise CaseError("say what your first view is")
        facts["is_concerned"] = said.is_concerned
    if act is Act.HANDED_OVER:
        facts["to"] = _colleague(connection, case, said.to)
    if act in _NEED_DUE:
        if said.wait is None or not dt.timedelta() < said.wait <= LONGEST_WAIT:
            raise CaseError(f"say in how many days it is due, from 1 to {LONGEST_WAIT.days}")
        facts["due_at"] = dt.datetime.now(dt.UTC) + said.wait
    return facts


def _colleague(connection: Connection, case: Case, name: str) -> str:
    account = find_account(connection, name)
    if account is None or account.is_disabled or not OFFICERS & account.roles:
        raise CaseError(f"{name!r} is nobody who works cases")
    if case.is_escalated and PersonRole.SUPERVISE not in account.roles:
        raise CaseError(f"case {case.number} was escalated, and {name} is no supervisor")
    decided_last = case.is_appeal and name in {case.decided_by, case.signed_by}
    if decided_last or _has_decided_before(connection, case, name):
        raise CaseError(f"{name} decided case {case.number} before: somebody else has to decide the appeal")
    return name
