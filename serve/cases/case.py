"""A case's current state, and its events."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec


class State(StrEnum):
    """State of a case."""

    NEW = "new"
    """No officer has it."""
    TAKEN = "taken"
    """An officer has it."""
    WAITING = "waiting"
    """Waiting for papers, a visit, or a second officer."""
    DECIDED = "decided"
    CLOSED = "closed"
    APPEALED = "appealed"
    """The couple objected: another officer has to take it."""


class Decision(StrEnum):
    """What an officer concluded; it never trains a model."""

    NO_CONCERN = "no_concern"
    PAPERS = "papers"
    """Ask for papers."""
    VISIT = "visit"
    REFER = "refer"
    """Refer it to an investigator; requires a second officer's signature."""


class Act(StrEnum):
    """Kinds of events."""

    OPENED = "opened"
    TAKEN = "taken"
    RELEASED = "released"
    HANDED_OVER = "handed_over"
    ESCALATED = "escalated"
    VIEWED_FIRST = "viewed_first"
    """An officer noted a view before the score was shown."""
    NOTED = "noted"
    CLEARED = "cleared"
    """Decided: no concern."""
    PAPERS_ASKED = "papers_asked"
    VISIT_ASKED = "visit_asked"
    RESUMED = "resumed"
    """The papers or the visit's result have arrived."""
    REFERRED = "referred"
    SIGNED = "signed"
    """Signed by the second officer."""
    SENT_BACK = "sent_back"
    """The second officer refused to sign."""
    CLOSED = "closed"
    REOPENED = "reopened"
    APPEALED = "appealed"
    ERASED = "erased"
    """A person's data was erased; the events stay on record."""


class Ground(StrEnum):
    """Grounds of a decision."""

    MODEL = "model"
    """The score or its reasons; not sufficient alone."""
    APPLICATION = "application"
    """What the couple declared."""
    PAPERS = "papers"
    CONVERSATION = "conversation"
    """What the couple said, or what a visit showed."""
    REGISTER = "register"
    """What other authorities have on record."""


class AnswerPlace(msgspec.Struct, frozen=True):
    """Place of a case's answer on record: chain, record, and row (from 0)."""

    chain_id: uuid.UUID
    sequence: int
    row: int
    recorded_at: dt.datetime


class CaseEvent(msgspec.Struct, frozen=True):
    """An event of a case."""

    number: int
    at: dt.datetime
    person: str
    act: Act
    facts: Mapping[str, Any]
    """Facts that don't identify the couple."""
    content: Mapping[str, Any] | None = None
    """Texts and ids; None if the event has none, or they were erased."""

    @property
    def is_erased(self) -> bool:
        """Whether its content was erased."""
        return self.content is None and "content" in self.facts


class Case(msgspec.Struct, frozen=True):
    """A case after its last event."""

    number: int
    place: AnswerPlace
    application_id: str | None
    """None: the client sent none, or it was erased."""
    state: State
    opened_at: dt.datetime
    due_at: dt.datetime
    holder: str | None
    is_escalated: bool
    is_appeal: bool
    """Whether it is an appeal: an officer who has not decided it before must decide."""
    decision: Decision | None
    """The last decision; it may be waiting for papers, a visit or a second officer."""
    decided_by: str | None
    signed_by: str | None
    """The second officer."""
    last_event: int


class CaseHistory(msgspec.Struct, frozen=True):
    """A case with all its events, oldest first."""

    case: Case
    events: Sequence[CaseEvent]
