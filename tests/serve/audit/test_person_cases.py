"""`access` shows what officers wrote about a person, and `erase` takes it; what was done stays on record."""

from __future__ import annotations

from pathlib import Path

import pytest

from fraud.database import connect
from fraud.verdict import Verdict
from serve.audit.erasure import erase
from serve.audit.person import applications_of
from serve.audit.person_page import access_page
from serve.cases.case import Act, State
from serve.cases.table import case_history, find_case, histories
from serve.journal.ends import anchor_journals
from serve.prediction_log.anchor_book import AnchorBook
from serve.prediction_log.anchors import Anchors
from serve.prediction_log.pseudonym import Pseudonyms
from tests.serve.audit.log_audit import audit
from tests.serve.prediction_log_rows import execute, fetch
from tests.serve.review_policies import NOON
from tests.serve.some_cases import happen
from tests.serve.some_records import open_cases

PSEUDONYMS = Pseudonyms("k" * 32)


@pytest.fixture
def cases(database: str, tmp_path: Path) -> list[int]:
    """Anna's case and Berta's, both worked; the journal's end is anchored."""
    numbers = open_cases(database, tmp_path, [0.9, 0.8], applicant_refs=PSEUDONYMS.of_rows(["anna", "berta"]))
    for number in numbers:
        happen(database, number, "carla", Act.TAKEN)
        happen(database, number, "carla", Act.NOTED, f"words about case {number}")
        happen(database, number, "carla", Act.CLEARED, "in order", grounds=["papers"])
    anchor_journals(database, AnchorBook(tmp_path))
    return numbers


def erase_anna(dsn: str, spool: Path) -> None:
    with connect(dsn) as connection:
        assert erase(connection, Anchors(spool), PSEUDONYMS.all_of("anna")).cases == 1


def test_an_erasure_takes_words_and_ids_and_leaves_what_was_done(
    cases: list[int], database: str, tmp_path: Path
) -> None:
    erase_anna(database, tmp_path)
    with connect(database) as connection:
        assert case_history(connection, "A-0") == []
        gone, other = find_case(connection, cases[0]), find_case(connection, cases[1])
        assert gone is not None
        assert other is not None
        ((_, events), (_, others)) = ((one.case, one.events) for one in histories(connection, [gone, other]))
    assert (gone.state, gone.application_id, gone.decision) == (State.CLOSED, None, "no_concern")
    assert [event.act for event in events] == [Act.OPENED, Act.TAKEN, Act.NOTED, Act.CLEARED, Act.ERASED]
    assert [event.is_erased for event in events] == [True, False, True, True, False]
    assert all(event.content is None for event in events)
    assert [event.is_erased for event in others] == [False] * 4
    left = str(fetch(database, "SELECT * FROM case_events")) + str(fetch(database, "SELECT * FROM cases"))
    assert "A-0" not in left
    assert "A-1" in left
    assert audit(database, tmp_path).verdict is Verdict.PASS


def test_a_second_erasure_finds_nothing(cases: list[int], database: str, tmp_path: Path) -> None:
    erase_anna(database, tmp_path)
    with connect(database) as connection:
        assert erase(connection, Anchors(tmp_path), PSEUDONYMS.all_of("anna")).cases == 0
    assert fetch(database, "SELECT count(*) FROM case_events WHERE kind = 'erased'") == [(1,)]


def test_words_that_another_hand_took_are_missed(cases: list[int], database: str, tmp_path: Path) -> None:
    """After an erasure only those of the person may be gone."""
    erase_anna(database, tmp_path)
    execute(database, "DELETE FROM case_contents WHERE event IN (SELECT number FROM case_events WHERE kind = 'noted')")
    report = audit(database, tmp_path)
    assert [str(finding) for finding in report.findings] == [
        f"missing: the content of event {cases[1] + 5} of case_events is missing, and was not erased"
    ]


def test_access_shows_what_officers_wrote(cases: list[int], database: str) -> None:
    with connect(database) as connection:
        (answered,) = applications_of(connection, PSEUDONYMS.all_of("anna"))
    assert answered.case is not None
    assert answered.case.number == cases[0]
    page = access_page([answered], NOON).decode()
    assert f"words about case {cases[0]}" in page
    assert f"words about case {cases[1]}" not in page
    assert "no concern" in page
    assert "carla" not in page, "who works there is no fact about the person"
