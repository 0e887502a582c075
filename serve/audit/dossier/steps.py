"""People's acts on the cases about an application."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from serve.audit.dossier.document import Audience, Step
from serve.cases.case import Act, CaseEvent, CaseHistory

TOLD_TO_CITIZENS: Final = frozenset(
    {
        Act.OPENED,
        Act.TAKEN,
        Act.CLEARED,
        Act.PAPERS_ASKED,
        Act.VISIT_ASKED,
        Act.RESUMED,
        Act.REFERRED,
        Act.SIGNED,
        Act.SENT_BACK,
        Act.CLOSED,
        Act.REOPENED,
        Act.APPEALED,
    }
)
"""Acts that bear on the decision; how officers share their work does not."""
GROUNDS: Final = "grounds"
"""The listed grounds of a decision. Officers' own words may name others, so a citizen's dossier omits them."""


def steps_of(
    histories: Iterable[CaseHistory], places: Iterable[tuple[uuid.UUID, int, int]], audience: Audience
) -> list[Step]:
    """All acts, oldest first, on the cases of these answers (chain, record and row of each)."""
    wanted = set(places)
    return sorted(
        (
            _step(history.case.number, event, audience)
            for history in histories
            if (history.case.place.chain_id, history.case.place.sequence, history.case.place.row) in wanted
            for event in history.events
            if audience is Audience.COURT or event.act in TOLD_TO_CITIZENS
        ),
        key=lambda step: step.event,
    )


def _step(case: int, event: CaseEvent, audience: Audience) -> Step:
    for_court = audience is Audience.COURT
    content = event.content or {}
    told = content if for_court else {}
    facts = event.facts if for_court else _grounds(event.facts, content)
    return Step(
        case=case,
        event=event.number,
        at=event.at,
        act=event.act.value,
        person=event.person if for_court else None,
        facts=_as_texts(facts),
        content=_as_texts(told),
        is_erased=event.is_erased,
    )


def _grounds(*said: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: value for one in said for name, value in one.items() if name == GROUNDS and _is_listed(value)}


def _is_listed(value: Any) -> bool:
    """Whether a ground is a listed one, not an officer's own words."""
    return isinstance(value, Sequence) and not isinstance(value, str) and all(_is_word(one) for one in value)


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and value.isidentifier()


def _as_texts(said: Mapping[str, Any]) -> dict[str, str]:
    """Each value as text."""
    return {
        name: value if isinstance(value, str) else msgspec.json.encode(value).decode() for name, value in said.items()
    }
