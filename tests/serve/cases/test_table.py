"""Cases are written with their events, and read with their whole history."""

from __future__ import annotations

import pytest

from fraud.database import connect
from serve.cases.case import Act, State
from serve.cases.errors import CaseError
from serve.cases.table import case_history, find_case
from tests.serve.prediction_log_rows import fetch
from tests.serve.some_cases import DUE_AT, OPENED_BY, add_case, happen


def test_the_history_of_an_application_has_all_that_happened(database: str) -> None:
    first, second = add_case(database, sequence=1), add_case(database, sequence=2)
    add_case(database, "B-1", sequence=3)
    happen(database, first.number, "anna", Act.TAKEN)
    happen(database, first.number, "anna", Act.NOTED, "Ünusual, but <b>plausible</b>")
    with connect(database) as connection:
        one, other = case_history(connection, "A-1")
    assert (one.case.number, other.case.number) == (first.number, second.number)
    assert (one.case.state, one.case.holder, other.case.state) == (State.TAKEN, "anna", State.NEW)
    assert [(event.person, event.act) for event in one.events] == [
        (OPENED_BY, Act.OPENED),
        ("anna", Act.TAKEN),
        ("anna", Act.NOTED),
    ]
    assert one.events[2].content == {"words": "Ünusual, but <b>plausible</b>"}
    assert one.case.due_at == DUE_AT


def test_no_event_says_whose_case_it_is(database: str) -> None:
    case = add_case(database, "Secret-17")
    happen(database, case.number, "anna", Act.NOTED, "Secret words")
    assert all("Secret" not in facts for (facts,) in fetch(database, "SELECT facts FROM case_events"))


def test_an_act_that_is_refused_leaves_nothing(database: str) -> None:
    case = add_case(database)
    with pytest.raises(CaseError, match=f"case {case.number} is new"):
        happen(database, case.number, "anna", Act.SIGNED)
    assert fetch(database, "SELECT count(*) FROM case_events") == [(1,)]


@pytest.mark.parametrize("number", [2, 2**63])
def test_a_case_that_is_not_there_is_not_found(database: str, number: int) -> None:
    add_case(database)
    with connect(database) as connection:
        assert find_case(connection, number) is None
