"""`verify` finds what was changed in cases, in their events and in what these say."""

from __future__ import annotations

from pathlib import Path

import pytest

from fraud.verdict import Verdict
from serve.audit.findings import Fault
from serve.cases.case import Act
from serve.journal.ends import CASE_EVENTS, anchor_journals
from serve.prediction_log.anchor_book import AnchorBook
from tests.serve.audit.log_audit import audit
from tests.serve.prediction_log_rows import execute
from tests.serve.some_cases import add_case, happen

TABLES = ("cases", "case_events", "case_contents")


@pytest.fixture
def cases(database: str, tmp_path: Path) -> str:
    """A database with a case that was referred and signed, and one that is new; the journal's end is anchored."""
    number = add_case(database).number
    happen(database, number, "anna", Act.TAKEN)
    happen(database, number, "anna", Act.NOTED, "called them")
    happen(database, number, "anna", Act.REFERRED, "papers contradict", grounds=["papers"])
    happen(database, number, "bert", Act.SIGNED)
    add_case(database, None, sequence=2)
    anchor_journals(database, AnchorBook(tmp_path))
    return database


def change(dsn: str, statement: str) -> None:
    """As the owner of the database can."""
    switch = "; ".join(f"ALTER TABLE {table} {{0}} TRIGGER ALL" for table in TABLES)
    execute(dsn, f"{switch.format('DISABLE')}; {statement.replace('%', '%%')}; {switch.format('ENABLE')}")


def test_untouched_cases_are_verified(cases: str, tmp_path: Path) -> None:
    report = audit(cases, tmp_path)
    assert (report.verdict, report.findings) == (Verdict.PASS, ())


CHANGES = [
    ("UPDATE case_events SET person = 'dora' WHERE number = 4", Fault.CHANGED, "event 4 of case_events"),
    ("UPDATE case_events SET kind = 'cleared' WHERE number = 4", Fault.CHANGED, "event 4 of case_events"),
    ("UPDATE case_events SET facts = '{\"case\":1}' WHERE number = 4", Fault.CHANGED, "event 4 of case_events"),
    ("UPDATE case_events SET facts = '{\"case\":6}' WHERE number = 3", Fault.CHANGED, "event 3 of case_events"),
    ("UPDATE case_events SET kind = 'nonsense' WHERE number = 4", Fault.CHANGED, "event 4 of case_events"),
    ("UPDATE case_events SET facts = '{}' WHERE number = 1", Fault.CHANGED, "event 1 of case_events"),
    (
        "UPDATE case_events SET facts = replace(facts, '00004d', 'xxxxxx') WHERE number = 1",
        Fault.CHANGED,
        "event 1 of case_events",
    ),
    ("DELETE FROM case_contents; DELETE FROM case_events WHERE number = 3", Fault.CHANGED, "events 3 to 3 are missing"),
    ("DELETE FROM cases; DELETE FROM case_events WHERE number > 4", Fault.MISSING, "ends at 4, but was at 6"),
    (
        'UPDATE case_contents SET content = \'{"words":"nothing"}\' WHERE event = 3',
        Fault.CHANGED,
        "the content of event 3 of case_events was changed",
    ),
    (
        "UPDATE case_contents SET salt = decode(repeat('00', 16), 'hex') WHERE event = 3",
        Fault.CHANGED,
        "the content of event 3 of case_events was changed",
    ),
    ("DELETE FROM case_contents WHERE event = 4", Fault.MISSING, "the content of event 4 of case_events is missing"),
    (
        "INSERT INTO case_contents SELECT 5, content, salt FROM case_contents WHERE event = 3",
        Fault.CHANGED,
        "the content of event 5 of case_events was changed",
    ),
    (
        "INSERT INTO cases (number, chain_id, sequence, row_number, recorded_at, state, opened_at, due_at, last_event) "
        "SELECT 3, chain_id, 9, 0, recorded_at, 'new', now(), now(), 3 FROM cases WHERE number = 1",
        Fault.CHANGED,
        "case 3 was not opened by any event",
    ),
    (
        "INSERT INTO case_contents SELECT 99, content, salt FROM case_contents WHERE event = 3",
        Fault.CHANGED,
        "case_contents has content of event 99, which does not exist",
    ),
    ("UPDATE cases SET signed_by = 'dora' WHERE number = 1", Fault.CHANGED, "signed_by is dora, but was bert"),
    ("UPDATE cases SET state = 'closed' WHERE number = 6", Fault.CHANGED, "state is closed, but was new"),
    ("UPDATE cases SET application_id = 'B-1' WHERE number = 1", Fault.CHANGED, "application_id is B-1, but was A-1"),
    ("DELETE FROM cases WHERE number = 6", Fault.MISSING, "case 6 is missing, but its events exist"),
    ("TRUNCATE cases", Fault.MISSING, "case 1 is missing"),
]


@pytest.mark.parametrize(("statement", "fault", "told"), CHANGES, ids=[statement for statement, _, _ in CHANGES])
def test_a_change_is_found(cases: str, tmp_path: Path, statement: str, fault: Fault, told: str) -> None:
    change(cases, statement)
    report = audit(cases, tmp_path)
    assert report.verdict is Verdict.FAIL
    assert any(finding.fault is fault and told in str(finding) for finding in report.findings), report.findings


def test_words_that_an_erasure_took_and_somebody_put_back_are_found(cases: str, tmp_path: Path) -> None:
    execute(cases, "CREATE TABLE kept AS SELECT * FROM case_contents WHERE event = 3")
    execute(cases, "DELETE FROM case_contents; UPDATE cases SET application_id = NULL")
    happen(cases, 1, "auditor", Act.ERASED)
    happen(cases, 1, "anna", Act.NOTED, "they asked for an erasure")
    change(cases, "INSERT INTO case_contents SELECT * FROM kept")
    told = [str(finding) for finding in audit(cases, tmp_path).findings]
    assert any("the content of event 3 of case_events was erased, but exists" in one for one in told), told
    assert not any("event 8" in one for one in told), "what is written afterwards may be there"


def test_an_end_without_a_witness_can_not_be_told(cases: str, tmp_path: Path) -> None:
    (tmp_path / "anchors" / CASE_EVENTS.chain_id.hex).unlink()
    report = audit(cases, tmp_path)
    assert report.verdict is Verdict.INCONCLUSIVE
    assert {finding.fault for finding in report.findings} == {Fault.UNWITNESSED}
