"""State machine of a case: the acts allowed in each state, and their results. Pure: a case follows from its events
alone.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from serve.cases.case import Act, AnswerPlace, Case, CaseEvent, Decision, State
from serve.cases.errors import CaseError

_ANY: Final = {state: state for state in State}
TRANSITIONS: Final[Mapping[Act, Mapping[State, State]]] = MappingProxyType(
    {
        Act.TAKEN: {State.NEW: State.TAKEN, State.APPEALED: State.TAKEN},
        Act.RELEASED: {State.TAKEN: State.NEW},
        Act.HANDED_OVER: {State.TAKEN: State.TAKEN, State.WAITING: State.WAITING},
        Act.ESCALATED: {State.TAKEN: State.NEW},
        Act.VIEWED_FIRST: {State.TAKEN: State.TAKEN},
        Act.NOTED: _ANY,
        Act.CLEARED: {State.TAKEN: State.DECIDED},
        Act.PAPERS_ASKED: {State.TAKEN: State.WAITING},
        Act.VISIT_ASKED: {State.TAKEN: State.WAITING},
        Act.RESUMED: {State.WAITING: State.TAKEN},
        Act.REFERRED: {State.TAKEN: State.WAITING},
        Act.SIGNED: {State.WAITING: State.DECIDED},
        Act.SENT_BACK: {State.WAITING: State.TAKEN},
        Act.CLOSED: {State.DECIDED: State.CLOSED},
        Act.REOPENED: {State.DECIDED: State.NEW, State.CLOSED: State.NEW},
        Act.APPEALED: {State.DECIDED: State.APPEALED, State.CLOSED: State.APPEALED},
        Act.ERASED: dict.fromkeys(State, State.CLOSED),
    }
)
"""All allowed transitions: act, state before, state after. `Act.OPENED` creates a case."""

DECISIONS: Final[Mapping[Act, Decision]] = MappingProxyType(
    {
        Act.CLEARED: Decision.NO_CONCERN,
        Act.PAPERS_ASKED: Decision.PAPERS,
        Act.VISIT_ASKED: Decision.VISIT,
        Act.REFERRED: Decision.REFER,
    }
)
"""Acts that decide."""
_WAITS_FOR: Final[Mapping[Act, frozenset[Decision]]] = MappingProxyType(
    {
        Act.RESUMED: frozenset({Decision.PAPERS, Decision.VISIT}),
        Act.SIGNED: frozenset({Decision.REFER}),
        Act.SENT_BACK: frozenset({Decision.REFER}),
    }
)
"""The decision that a waiting case must have, so that an act is allowed."""
HOLDERS_ONLY: Final = frozenset({*DECISIONS, Act.ESCALATED, Act.VIEWED_FIRST, Act.RESUMED})
"""Acts of the case's holder only."""


def is_allowed(case: Case, act: Act) -> bool:
    """Whether the case's state allows an act, regardless of the officer."""
    waits_for = _WAITS_FOR.get(act)
    return case.state in TRANSITIONS.get(act, {}) and (waits_for is None or case.decision in waits_for)


def refusal_of(case: Case, act: Act, person: str) -> str | None:
    """Why this person may not do an act, in a sentence; None if they may."""
    if act in HOLDERS_ONLY and person != case.holder:
        return f"case {case.number} is with {case.holder or 'nobody'}: take it first"
    if act is Act.SIGNED and person == case.decided_by:
        return f"{person} decided case {case.number}: a second officer has to sign it"
    if act is Act.TAKEN and case.is_appeal and person in {case.decided_by, case.signed_by}:
        return f"{person} decided case {case.number} before: somebody else has to take the appeal"
    return None


def opened(event: CaseEvent) -> Case:
    """The case that an event opens."""
    facts = event.facts
    place = AnswerPlace(
        uuid.UUID(facts["chain_id"]), facts["sequence"], facts["row"], dt.datetime.fromisoformat(facts["recorded_at"])
    )
    return Case(
        number=event.number,
        place=place,
        application_id=(event.content or {}).get("application_id"),
        state=State.NEW,
        opened_at=event.at,
        due_at=_due(facts),
        holder=None,
        is_escalated=False,
        is_appeal=False,
        decision=None,
        decided_by=None,
        signed_by=None,
        last_event=event.number,
    )


def after(case: Case, event: CaseEvent) -> Case:
    """The case after an event.

    Raises:
        CaseError: the case does not allow it.
    """
    if not is_allowed(case, event.act):
        raise CaseError(f"case {case.number} is {case.state}, and can't be {event.act.replace('_', ' ')}")
    refusal = refusal_of(case, event.act, event.person)
    if refusal is not None:
        raise CaseError(refusal)
    changes = _CHANGES.get(event.act, _none)(case, event)
    if event.act in DECISIONS:
        changes |= {"decision": DECISIONS[event.act], "decided_by": event.person, "signed_by": None}
    state = TRANSITIONS[event.act][case.state]
    return msgspec.structs.replace(case, state=state, last_event=event.number, **changes)


def replay(events: Iterable[CaseEvent]) -> Case:
    """The case that results from all its events, oldest first.

    Raises:
        CaseError: an event can't follow the ones before it.
    """
    case: Case | None = None
    for event in events:
        if (event.act is Act.OPENED) != (case is None):
            raise CaseError(f"event {event.number} is out of place: a case is opened once, by its first event")
        case = opened(event) if case is None else after(case, event)
    if case is None:
        raise CaseError("a case must have events")
    return case


def _due(facts: Mapping[str, Any]) -> dt.datetime:
    return dt.datetime.fromisoformat(facts["due_at"])


def _none(_case: Case, _event: CaseEvent) -> dict[str, Any]:
    return {}


_UNDECIDED: Final = {"decision": None, "decided_by": None, "signed_by": None}
_CHANGES: Final[Mapping[Act, Callable[[Case, CaseEvent], dict[str, Any]]]] = MappingProxyType(
    {
        Act.TAKEN: lambda _case, event: {"holder": event.person},
        Act.RELEASED: lambda _case, _event: {"holder": None},
        Act.HANDED_OVER: lambda _case, event: {"holder": event.facts["to"]},
        Act.ESCALATED: lambda _case, _event: {"holder": None, "is_escalated": True},
        Act.CLEARED: lambda _case, _event: {"holder": None, "is_escalated": False, "is_appeal": False},
        Act.PAPERS_ASKED: lambda _case, event: {"due_at": _due(event.facts)},
        Act.VISIT_ASKED: lambda _case, event: {"due_at": _due(event.facts)},
        Act.SIGNED: lambda _case, event: {
            "holder": None,
            "is_escalated": False,
            "is_appeal": False,
            "signed_by": event.person,
        },
        Act.SENT_BACK: lambda _case, _event: dict(_UNDECIDED),
        Act.REOPENED: lambda _case, event: {**_UNDECIDED, "holder": None, "due_at": _due(event.facts)},
        Act.APPEALED: lambda _case, event: {"holder": None, "is_appeal": True, "due_at": _due(event.facts)},
        Act.ERASED: lambda _case, _event: {"holder": None, "application_id": None},
    }
)
"""Fields that an act changes beside the state and the decision."""
