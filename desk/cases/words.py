"""The texts about cases, in plain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import msgspec

from fraud.feature_file import Feature
from fraud.languages import ENGLISH
from fraud.shown_values import show_value
from serve.cases.case import Act, CaseEvent, Decision, Ground, State
from serve.cases.queue import Show

STATES: Final[Mapping[State, str]] = MappingProxyType(
    {
        State.NEW: "free",
        State.TAKEN: "taken",
        State.WAITING: "waiting",
        State.DECIDED: "decided",
        State.CLOSED: "closed",
        State.APPEALED: "appealed",
    }
)
DECISIONS: Final[Mapping[Decision, str]] = MappingProxyType(
    {
        Decision.NO_CONCERN: "no concern",
        Decision.PAPERS: "ask for papers",
        Decision.VISIT: "visit",
        Decision.REFER: "refer",
    }
)
ACTS: Final[Mapping[Act, str]] = MappingProxyType(
    {
        Act.OPENED: "opened",
        Act.TAKEN: "taken",
        Act.RELEASED: "put back",
        Act.HANDED_OVER: "handed over",
        Act.ESCALATED: "escalated to a supervisor",
        Act.VIEWED_FIRST: "first view noted",
        Act.NOTED: "note",
        Act.CLEARED: "decided: no concern",
        Act.PAPERS_ASKED: "decided: ask for papers",
        Act.VISIT_ASKED: "decided: visit",
        Act.RESUMED: "taken up again",
        Act.REFERRED: "decided: refer; waits for a second officer",
        Act.SIGNED: "signed by a second officer",
        Act.SENT_BACK: "sent back by a second officer",
        Act.CLOSED: "closed",
        Act.REOPENED: "reopened",
        Act.APPEALED: "the couple appealed",
        Act.ERASED: "personal data erased",
    }
)
GROUNDS: Final[Mapping[Ground, str]] = MappingProxyType(
    {
        Ground.APPLICATION: "what the couple declared",
        Ground.PAPERS: "papers",
        Ground.CONVERSATION: "a conversation or a visit",
        Ground.REGISTER: "what other authorities have on record",
        Ground.MODEL: "the model (never alone)",
    }
)
LISTS: Final[Mapping[Show, str]] = MappingProxyType(
    {
        Show.FREE: "Free",
        Show.MINE: "Mine",
        Show.WAITING: "Waiting",
        Show.OPEN: "All open",
        Show.DECIDED: "Decided",
        Show.ALL: "All",
    }
)
NO_CONCERN_FIRST: Final = "no concern"
CONCERN_FIRST: Final = "concern"


class ShownValue(msgspec.Struct, frozen=True):
    """A value of an application as officers read it."""

    called: str
    value: str
    usual: str
    """Between which values all but the lowest and the highest hundredth lie; empty where values are levels."""


def shown_values(features: Sequence[Feature], row: Sequence[float]) -> list[ShownValue]:
    """The values of a row, beside the usual range."""
    return [
        ShownValue(feature.words_in(ENGLISH).called, show_value(feature, value), usual_range(feature))
        for feature, value in zip(features, row, strict=False)
    ]


def usual_range(feature: Feature) -> str:
    """As people read it."""
    if feature.is_enumerated:
        return ""
    low, high = feature.typical
    return f"{show_value(feature, low)} to {show_value(feature, high)}"


def of_100(probability: float) -> str:
    """A probability as a number of couples: "44 of 100 couples like these divorced early"."""
    couples = round(100 * probability)
    if couples == 0:
        return "Fewer than 1 of 100 couples like these divorced early"
    if couples == 100:
        return "More than 99 of 100 couples like these divorced early"
    return f"{couples} of 100 couples like these divorced early"


def one_in(rate: float) -> str:
    """A rate as one of how many: "1 in 7"."""
    return f"1 in {max(1, round(1 / rate))}"


def details(event: CaseEvent) -> str:
    """What an event says beside its act and its words."""
    facts = event.facts
    told = []
    if "is_concerned" in facts:
        told.append(CONCERN_FIRST if facts["is_concerned"] else NO_CONCERN_FIRST)
    if "to" in facts:
        told.append(f"to {facts['to']}")
    if "grounds" in facts:
        told.append("grounds: " + ", ".join(GROUNDS[Ground(ground)] for ground in facts["grounds"]))
    return "; ".join(told)
