"""The table of what a case allows, tested as a whole, and what follows from a case's events."""

from __future__ import annotations

import datetime as dt
import itertools

import msgspec
import pytest

from serve.cases.case import Act, Case, CaseEvent, Decision, State
from serve.cases.errors import CaseError
from serve.cases.lifecycle import DECISIONS, HOLDERS_ONLY, TRANSITIONS, after, is_allowed, opened, replay

NOON = dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC)
LATER = NOON + dt.timedelta(days=30)
FACTS = {
    "chain_id": "00000000-0000-0000-0000-000000000001",
    "sequence": 3,
    "row": 0,
    "recorded_at": NOON.isoformat(),
    "due_at": NOON.isoformat(),
}
OPENING = CaseEvent(7, NOON, "serve", Act.OPENED, FACTS, {"application_id": "A-1"})

EXPECTED = {
    Act.TAKEN: "new>taken appealed>taken",
    Act.RELEASED: "taken>new",
    Act.HANDED_OVER: "taken>taken waiting>waiting",
    Act.ESCALATED: "taken>new",
    Act.VIEWED_FIRST: "taken>taken",
    Act.NOTED: "new>new taken>taken waiting>waiting decided>decided closed>closed appealed>appealed",
    Act.CLEARED: "taken>decided",
    Act.PAPERS_ASKED: "taken>waiting",
    Act.VISIT_ASKED: "taken>waiting",
    Act.RESUMED: "waiting>taken",
    Act.REFERRED: "taken>waiting",
    Act.SIGNED: "waiting>decided",
    Act.SENT_BACK: "waiting>taken",
    Act.CLOSED: "decided>closed",
    Act.REOPENED: "decided>new closed>new",
    Act.APPEALED: "decided>appealed closed>appealed",
    Act.ERASED: "new>closed taken>closed waiting>closed decided>closed closed>closed appealed>closed",
}


def case_in(state: State, act: Act) -> Case:
    """One in which only the state can be in the way of an act."""
    decision = {Act.RESUMED: Decision.PAPERS, Act.SIGNED: Decision.REFER, Act.SENT_BACK: Decision.REFER}.get(act)
    decided_by = None if decision is None else "anna"
    return msgspec.structs.replace(
        opened(OPENING), state=state, holder="anna", decision=decision, decided_by=decided_by
    )


def event(number: int, person: str, act: Act, **facts: object) -> CaseEvent:
    return CaseEvent(number, NOON, person, act, {"to": "bert", "due_at": LATER.isoformat(), **facts})


@pytest.mark.parametrize(("state", "act"), list(itertools.product(State, Act)), ids=str)
def test_a_case_allows_what_the_table_says(state: State, act: Act) -> None:
    expected = dict(pair.split(">") for pair in EXPECTED.get(act, "").split())
    case = case_in(state, act)
    person = "bert" if act is Act.SIGNED else "anna"
    assert is_allowed(case, act) == (state in expected)
    if state in expected:
        assert after(case, event(8, person, act)).state == expected[state]
    else:
        with pytest.raises(CaseError, match=f"case 7 is {state}"):
            after(case, event(8, person, act))


def test_every_act_but_the_opening_is_in_the_table() -> None:
    assert TRANSITIONS.keys() == set(Act) - {Act.OPENED}


def test_every_decision_can_be_made() -> None:
    assert set(DECISIONS.values()) == set(Decision)


@pytest.mark.parametrize("act", sorted(HOLDERS_ONLY))
def test_only_who_has_a_case_works_it(act: Act) -> None:
    state = next(iter(TRANSITIONS[act]))
    with pytest.raises(CaseError, match="is with anna: take it first"):
        after(case_in(state, act), event(8, "bert", act))


def test_a_referral_takes_a_second_officer() -> None:
    taken = after(opened(OPENING), event(8, "anna", Act.TAKEN))
    referred = after(taken, event(9, "anna", Act.REFERRED))
    assert (referred.state, referred.decision, referred.signed_by) == (State.WAITING, Decision.REFER, None)
    with pytest.raises(CaseError, match="a second officer has to sign it"):
        after(referred, event(10, "anna", Act.SIGNED))
    with pytest.raises(CaseError, match="case 7 is waiting"):
        after(referred, event(10, "anna", Act.RESUMED))
    signed = after(referred, event(10, "bert", Act.SIGNED))
    assert (signed.state, signed.decided_by, signed.signed_by) == (State.DECIDED, "anna", "bert")
    sent_back = after(referred, event(10, "bert", Act.SENT_BACK))
    assert (sent_back.state, sent_back.holder, sent_back.decision) == (State.TAKEN, "anna", None)


def test_a_waiting_case_is_not_signed() -> None:
    waiting = msgspec.structs.replace(case_in(State.WAITING, Act.RESUMED))
    for act in (Act.SIGNED, Act.SENT_BACK):
        with pytest.raises(CaseError, match="case 7 is waiting"):
            after(waiting, event(8, "bert", act))


@pytest.mark.parametrize("signer", [None, "bert"])
def test_an_appeal_is_decided_by_somebody_else(signer: str | None) -> None:
    decided = msgspec.structs.replace(
        opened(OPENING), state=State.DECIDED, decision=Decision.REFER, decided_by="anna", signed_by=signer
    )
    appealed = after(decided, event(8, "carl", Act.APPEALED))
    assert (appealed.state, appealed.due_at) == (State.APPEALED, LATER)
    for person in filter(None, ("anna", signer)):
        with pytest.raises(CaseError, match="somebody else has to take the appeal"):
            after(appealed, event(9, person, Act.TAKEN))
    taken = after(appealed, event(9, "dora", Act.TAKEN))
    released = after(taken, event(10, "dora", Act.RELEASED))
    with pytest.raises(CaseError, match="somebody else has to take the appeal"):
        after(released, event(11, "anna", Act.TAKEN))
    cleared = after(taken, event(10, "dora", Act.CLEARED))
    assert (cleared.is_appeal, cleared.decided_by, cleared.signed_by) == (False, "dora", None)


def test_a_case_follows_from_its_events() -> None:
    events = [
        OPENING,
        event(8, "anna", Act.TAKEN),
        event(9, "anna", Act.ESCALATED),
        event(12, "bert", Act.TAKEN),
        event(13, "bert", Act.PAPERS_ASKED),
    ]
    case = replay(events)
    assert (case.number, case.application_id, case.state, case.holder) == (7, "A-1", State.WAITING, "bert")
    assert (case.is_escalated, case.due_at, case.last_event) == (True, LATER, 13)


@pytest.mark.parametrize("events", [[], [event(8, "anna", Act.TAKEN)], [OPENING, OPENING]], ids=["none", "late", "two"])
def test_a_case_is_opened_once_and_first(events: list[CaseEvent]) -> None:
    with pytest.raises(CaseError):
        replay(events)
