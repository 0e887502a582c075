"""`verify` finds what was changed in the journals of what people did."""

from __future__ import annotations

from pathlib import Path

import pytest

from fraud.database import connect
from fraud.verdict import Verdict
from serve.audit.findings import Fault
from serve.journal.table import PERSON_EVENTS
from tests.serve.audit.log_audit import audit
from tests.serve.prediction_log_rows import execute
from tests.serve.review_policies import add_policy

NOW_AND_THEN = "ALTER TABLE {table} DISABLE TRIGGER ALL; {change}; ALTER TABLE {table} ENABLE TRIGGER ALL"


@pytest.fixture
def journal(database: str, tmp_path: Path) -> str:
    """A database with four events and a policy."""
    with connect(database) as connection:
        for kind in ("account_added", "login", "model_promoted", "logout"):
            PERSON_EVENTS.append(connection, "anna", kind, {"version": 7})
    add_policy(database)
    return database


def change(dsn: str, table: str, statement: str) -> None:
    """As the owner of the database can."""
    execute(dsn, NOW_AND_THEN.format(table=table, change=statement))


def test_an_untouched_journal_is_verified(journal: str, tmp_path: Path) -> None:
    assert audit(journal, tmp_path).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE person_events SET person = 'bert' WHERE number = 3", "event 3 of person_events: it is not what was"),
        ("UPDATE person_events SET kind = 'login' WHERE number = 3", "event 3 of person_events"),
        ("UPDATE person_events SET facts = '{\"version\":8}' WHERE number = 3", "event 3 of person_events"),
        ("UPDATE person_events SET facts = '{\"version\": 7}' WHERE number = 3", "event 3 of person_events"),
        ("UPDATE person_events SET at = at + interval '1 hour' WHERE number = 3", "event 3 of person_events"),
        ("UPDATE person_events SET at = '-infinity' WHERE number = 3", "event 3 of person_events"),
        ("UPDATE person_events SET at = '0044-03-15 BC' WHERE number = 3", "event 3 of person_events"),
        ("DELETE FROM person_events WHERE number = 2", "event 2 of person_events: events 2 to 2 are gone"),
        ("DELETE FROM person_events WHERE number < 3", "event 1 of person_events: events 1 to 2 are gone"),
        (
            "INSERT INTO person_events SELECT 5, at, 'bert', kind, facts, hash FROM person_events WHERE number = 4",
            "event 5 of person_events",
        ),
    ],
)
def test_a_change_of_a_journal_is_found(journal: str, tmp_path: Path, statement: str, told: str) -> None:
    change(journal, "person_events", statement)
    report = audit(journal, tmp_path)
    assert report.verdict is Verdict.FAIL
    assert told in str(report.findings[0])
    assert {finding.fault for finding in report.findings} == {Fault.CHANGED}


def test_a_change_of_a_policy_is_found(journal: str, tmp_path: Path) -> None:
    change(journal, "review_policies", "UPDATE review_policies SET threshold = 0.9 WHERE number = 1")
    report = audit(journal, tmp_path)
    assert report.verdict is Verdict.FAIL
    assert "entry 1 of review_policies is not what was signed" in str(report.findings[0])
