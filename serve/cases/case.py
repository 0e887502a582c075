"""A case as it is, and the events that made it so."""

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
    """Nobody has it."""
    TAKEN = "taken"
    """An officer has it."""
    WAITING = "waiting"
    """For papers, a visit, or a second officer."""
    DECIDED = "decided"
    CLOSED = "closed"
    APPEALED = "appealed"
    """The couple objected: somebody else has to take it."""


class Decision(StrEnum):
    """What an officer concluded; it never trains a model."""

    NO_CONCERN = "no_concern"
    PAPERS = "papers"
    """Ask for papers."""
    VISIT = "visit"
    REFER = "refer"
    """Hand it to an investigator; it takes a second officer."""


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
    """What was waited for is there."""
    REFERRED = "referred"
    SIGNED = "signed"
    """By the second officer."""
    SENT_BACK = "sent_back"
    """The second officer does not sign."""
    CLOSED = "closed"
    REOPENED = "reopened"
    APPEALED = "appealed"
    ERASED = "erased"
    """A person's data went; what was done stays on record."""


class Ground(StrEnum):
    """What a decision rests on."""

    MODEL = "model"
    """The score or its reasons; never alone."""
    APPLICATION = "application"
    """What the couple declared."""
    PAPERS = "papers"
    CONVERSATION = "conversation"
    """What the couple said, or what a visit showed."""
    REGISTER = "register"
    """What other authorities have on record."""


class AnswerPlace(msgspec.Struct, frozen=True):
    """The answer on record that a case is about: a row, from 0, of a record of a chain."""

    chain_id: uuid.UUID
    sequence: int
    row: int
    recorded_at: dt.datetime


class CaseEvent(msgspec.Struct, frozen=True):
    """Something that happened to a case."""

    number: int
    at: dt.datetime
    person: str
    act: Act
    facts: Mapping[str, Any]
    """Nothing in them points at the couple."""
    content: Mapping[str, Any] | None = None
    """Words and ids; None where the event has none, or they were erased."""

    @property
    def is_erased(self) -> bool:
        """Whether it had a content that is gone."""
        return self.content is None and "content" in self.facts


class Case(msgspec.Struct, frozen=True):
    """A case after its last event."""

    number: int
    place: AnswerPlace
    application_id: str | None
    """None: the client gave none, or it was erased."""
    state: State
    opened_at: dt.datetime
    due_at: dt.datetime
    holder: str | None
    is_escalated: bool
    is_appeal: bool
    """Somebody else has to decide than those who did before."""
    decision: Decision | None
    """The last one, which may wait for papers, a visit or a second officer."""
    decided_by: str | None
    signed_by: str | None
    """The second officer."""
    last_event: int


class CaseHistory(msgspec.Struct, frozen=True):
    """A case with all that happened to it, the oldest first."""

    case: Case
    events: Sequence[CaseEvent]
