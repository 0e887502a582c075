"""Two officers never hold one case, and acts that are not theirs, or say too little, are refused."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from psycopg2.extensions import make_dsn

from fraud.database import connect
from serve.cases.case import Act, Case, Decision, Ground, State
from serve.cases.errors import CaseError
from serve.cases.table import find_case
from serve.cases.work import MOST_LETTERS, Officer, Said, do, take_next
from serve.people import administration
from serve.people.account import PersonRole
from tests.serve.prediction_log_rows import fetch
from tests.serve.some_cases import DUE_AT, add_case

ANNA = Officer("anna", frozenset({PersonRole.REVIEW}))
BERT = Officer("bert", frozenset({PersonRole.REVIEW}))
CARLA = Officer("carla", frozenset({PersonRole.SUPERVISE}))
DAY = dt.timedelta(days=1)
PAPERS = [Ground.PAPERS]


@pytest.fixture
def desk(database: str) -> str:
    """A database in which the three have accounts, for the role of the desk."""
    with connect(database) as connection:
        for officer in (ANNA, BERT, CARLA):
            administration.add(connection, "shell:tests", officer.name, officer.roles)
        administration.add(connection, "shell:tests", "olga", [PersonRole.OPERATE])
        administration.add(connection, "shell:tests", "doris", [PersonRole.REVIEW])
        administration.set_disabled(connection, "shell:tests", "doris", is_disabled=True)
    return make_dsn(database, options="-c role=scoring_desk")


def act(dsn: str, officer: Officer, number: int, kind: Act, *, blind_first: bool = False, **said: Any) -> Case:
    with connect(dsn) as connection:
        return do(connection, officer, number, kind, Said(**said), blind_first=blind_first)


def take(dsn: str, officer: Officer) -> int | None:
    with connect(dsn) as connection:
        case = take_next(connection, officer)
    return None if case is None else case.number


def test_a_hundred_takes_at_once_take_a_hundred_cases(database: str) -> None:
    """Of 120 cases, by more officers than there are connections; those due first are taken."""
    numbers = [add_case(database, f"A-{n}", sequence=n, due_at=DUE_AT + n * DAY).number for n in range(120)]
    dsn = make_dsn(database, options="-c role=scoring_desk")
    officers = [Officer(f"officer-{n}", ANNA.roles) for n in range(100)]
    with ThreadPoolExecutor(50) as threads:
        taken = list(threads.map(lambda officer: take(dsn, officer), officers))
    assert sorted(number for number in taken if number is not None) == numbers[:100]
    held = fetch(database, "SELECT number, holder FROM cases WHERE state = 'taken'")
    assert sorted(held) == sorted(zip(taken, (officer.name for officer in officers), strict=True))
    assert fetch(database, "SELECT count(*) FROM case_events WHERE kind = 'taken'") == [(100,)]


def test_the_case_that_is_due_first_is_taken_first(database: str, desk: str) -> None:
    later = add_case(database, sequence=1, due_at=DUE_AT + DAY).number
    sooner = add_case(database, sequence=2, due_at=DUE_AT).number
    assert [take(desk, ANNA), take(desk, BERT), take(desk, ANNA)] == [sooner, later, None]


def test_a_case_that_was_put_back_can_be_taken_by_another(database: str, desk: str) -> None:
    number = add_case(database).number
    take(desk, ANNA)
    with pytest.raises(CaseError, match="case 1 is taken"):
        act(desk, BERT, number, Act.TAKEN)
    with pytest.raises(CaseError, match="is with anna: only they or a supervisor"):
        act(desk, BERT, number, Act.RELEASED)
    act(desk, ANNA, number, Act.RELEASED)
    assert take(desk, BERT) == number
    assert act(desk, CARLA, number, Act.RELEASED).holder is None, "a supervisor may"


def test_a_case_is_handed_over_to_who_works_cases(database: str, desk: str) -> None:
    number = add_case(database).number
    take(desk, ANNA)
    for nobody in ("", "nobody", "olga", "doris"):
        with pytest.raises(CaseError, match="is nobody who works cases"):
            act(desk, ANNA, number, Act.HANDED_OVER, to=nobody)
    assert act(desk, ANNA, number, Act.HANDED_OVER, to="bert").holder == "bert"
    with pytest.raises(CaseError, match="is with bert"):
        act(desk, ANNA, number, Act.HANDED_OVER, to="anna")
    assert act(desk, CARLA, number, Act.HANDED_OVER, to="anna").holder == "anna"


def test_an_escalated_case_is_for_supervisors(database: str, desk: str) -> None:
    number = add_case(database).number
    take(desk, ANNA)
    act(desk, ANNA, number, Act.ESCALATED, words="I know the couple")
    assert take(desk, BERT) is None
    with pytest.raises(CaseError, match="was escalated: a supervisor takes it"):
        act(desk, BERT, number, Act.TAKEN)
    assert take(desk, CARLA) == number
    with pytest.raises(CaseError, match="bert is no supervisor"):
        act(desk, CARLA, number, Act.HANDED_OVER, to="bert")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({}, "at least one ground that is not the model"),
        ({"grounds": [Ground.MODEL], "words": "the score is high"}, "at least one ground that is not the model"),
        ({"grounds": PAPERS}, "say why, in words"),
        ({"grounds": PAPERS, "words": "  \n "}, "say why, in words"),
        ({"grounds": PAPERS, "words": "x" * (MOST_LETTERS + 1)}, f"at most {MOST_LETTERS} letters"),
    ],
)
def test_a_decision_says_why(database: str, desk: str, said: dict[str, Any], told: str) -> None:
    number = add_case(database).number
    take(desk, ANNA)
    for kind in (Act.CLEARED, Act.REFERRED):
        with pytest.raises(CaseError, match=told):
            act(desk, ANNA, number, kind, **said)
    assert act(desk, ANNA, number, Act.CLEARED, grounds=[*PAPERS, Ground.MODEL], words="fine").state is State.DECIDED


def test_a_decision_takes_a_first_view_of_the_same_officer(database: str, desk: str) -> None:
    number = add_case(database).number
    said: dict[str, Any] = {"grounds": PAPERS, "words": "fine", "blind_first": True}
    take(desk, ANNA)
    with pytest.raises(CaseError, match="note your first view"):
        act(desk, ANNA, number, Act.CLEARED, **said)
    with pytest.raises(CaseError, match="say what your first view is"):
        act(desk, ANNA, number, Act.VIEWED_FIRST)
    act(desk, ANNA, number, Act.VIEWED_FIRST, is_concerned=True)
    act(desk, ANNA, number, Act.HANDED_OVER, to="bert")
    with pytest.raises(CaseError, match="note your first view"):
        act(desk, BERT, number, Act.CLEARED, **said)
    act(desk, BERT, number, Act.VIEWED_FIRST, is_concerned=False)
    assert act(desk, BERT, number, Act.CLEARED, **said).decision is Decision.NO_CONCERN


@pytest.mark.parametrize("wait", [None, dt.timedelta(), dt.timedelta(days=366)])
def test_a_waiting_case_becomes_due_again(database: str, desk: str, wait: dt.timedelta | None) -> None:
    number = add_case(database).number
    take(desk, ANNA)
    said: dict[str, Any] = {"grounds": PAPERS, "words": "the contract is missing"}
    with pytest.raises(CaseError, match="say in how many days"):
        act(desk, ANNA, number, Act.PAPERS_ASKED, wait=wait, **said)
    before = dt.datetime.now(dt.UTC)
    waiting = act(desk, ANNA, number, Act.PAPERS_ASKED, wait=10 * DAY, **said)
    assert (waiting.state, waiting.holder) == (State.WAITING, "anna")
    assert before + 10 * DAY <= waiting.due_at <= dt.datetime.now(dt.UTC) + 10 * DAY
    assert act(desk, ANNA, number, Act.RESUMED).state is State.TAKEN


def test_an_appeal_goes_to_somebody_else(database: str, desk: str) -> None:
    number = add_case(database).number
    take(desk, ANNA)
    act(desk, ANNA, number, Act.REFERRED, grounds=PAPERS, words="contradictions")
    act(desk, CARLA, number, Act.SIGNED)
    act(desk, BERT, number, Act.CLOSED)
    act(desk, BERT, number, Act.APPEALED, words="they object", wait=DAY)
    assert take(desk, ANNA) is None
    assert take(desk, CARLA) is None
    assert take(desk, BERT) == number
    with pytest.raises(CaseError, match="somebody else has to decide the appeal"):
        act(desk, BERT, number, Act.HANDED_OVER, to="anna")


def test_an_earlier_decider_stays_out_of_the_appeal(database: str, desk: str) -> None:
    number = add_case(database).number
    take(desk, ANNA)
    act(desk, ANNA, number, Act.CLEARED, grounds=PAPERS, words="all there")
    act(desk, CARLA, number, Act.APPEALED, words="they object", wait=DAY)
    take(desk, BERT)
    act(desk, BERT, number, Act.PAPERS_ASKED, grounds=PAPERS, words="which register?", wait=DAY)
    with pytest.raises(CaseError, match="somebody else has to decide the appeal"):
        act(desk, CARLA, number, Act.HANDED_OVER, to="anna")
    act(desk, BERT, number, Act.RESUMED)
    act(desk, BERT, number, Act.REFERRED, grounds=PAPERS, words="contradictions")
    with pytest.raises(CaseError, match="anna decided case 1 before the appeal"):
        act(desk, ANNA, number, Act.SIGNED)
    act(desk, CARLA, number, Act.SENT_BACK, words="say more")
    act(desk, BERT, number, Act.RELEASED)
    assert take(desk, ANNA) is None
    with pytest.raises(CaseError, match="anna decided case 1 before the appeal"):
        act(desk, ANNA, number, Act.TAKEN)
    assert take(desk, BERT) == number


def test_an_earlier_decider_can_not_reopen_an_appeal_and_decide_it_again(database: str, desk: str) -> None:
    number = add_case(database).number
    take(desk, ANNA)
    act(desk, ANNA, number, Act.REFERRED, grounds=PAPERS, words="contradictions")
    act(desk, CARLA, number, Act.SIGNED)
    act(desk, BERT, number, Act.APPEALED, words="they object", wait=DAY)
    take(desk, BERT)
    act(desk, BERT, number, Act.CLEARED, grounds=PAPERS, words="explained")
    act(desk, ANNA, number, Act.REOPENED, words="I was right", wait=DAY)
    assert take(desk, ANNA) is None
    with pytest.raises(CaseError, match="anna decided case 1 before the appeal"):
        act(desk, ANNA, number, Act.TAKEN)
    assert take(desk, BERT) == number
    with pytest.raises(CaseError, match="anna decided case 1 before"):
        act(desk, BERT, number, Act.HANDED_OVER, to="anna")


def test_a_second_account_of_an_officer_is_no_second_officer(database: str, desk: str) -> None:
    """Who had a password here and logs in at a provider now has two accounts, alike up to the host."""
    with connect(database) as connection:
        administration.add(connection, "shell:tests", "anna@idp.example", ANNA.roles)
    again = Officer("anna@idp.example", ANNA.roles)
    number = add_case(database).number
    take(desk, ANNA)
    act(desk, ANNA, number, Act.REFERRED, grounds=PAPERS, words="contradictions")
    with pytest.raises(CaseError, match="anna decided case 1, and looks like anna@idp"):
        act(desk, again, number, Act.SIGNED)
    act(desk, BERT, number, Act.SIGNED)
    act(desk, BERT, number, Act.APPEALED, words="they object", wait=DAY)
    assert take(desk, again) is None
    with pytest.raises(CaseError, match="decided case 1 before the appeal"):
        act(desk, again, number, Act.TAKEN)
    assert take(desk, CARLA) == number


@pytest.mark.parametrize("number", [0, 2**63, 10**40])
def test_a_number_that_no_case_can_have_finds_none(desk: str, number: int) -> None:
    with connect(desk) as connection:
        assert find_case(connection, number) is None


def test_a_case_that_is_not_there_takes_nothing(desk: str) -> None:
    with pytest.raises(CaseError, match="there is no case 5"):
        act(desk, ANNA, 5, Act.NOTED, words="x")
