"""`verify` finds what was changed in the journals of what people did."""

from __future__ import annotations

from pathlib import Path

import pytest

from fraud.database import connect
from fraud.verdict import Verdict
from serve.audit.findings import Fault
from serve.journal.ends import PERSON_EVENTS as EVENTS_END
from serve.journal.ends import REVIEW_POLICIES, AnchoredJournal, anchor_journals
from serve.journal.table import PERSON_EVENTS
from serve.prediction_log.anchor_book import AnchorBook
from serve.prediction_log.anchor_key import AnchorKey
from serve.prediction_log.anchor_place import FolderPlace
from serve.prediction_log.anchor_sender import AnchorSender
from serve.prediction_log.anchors import Anchors
from tests.serve.audit.log_audit import audit
from tests.serve.prediction_log_rows import execute
from tests.serve.review_policies import add_policy

NOW_AND_THEN = "ALTER TABLE {table} DISABLE TRIGGER ALL; {change}; ALTER TABLE {table} ENABLE TRIGGER ALL"


KEY = AnchorKey(b"0123456789abcdef0123456789abcdef")


@pytest.fixture
def journal(database: str, tmp_path: Path) -> str:
    """A database with four events and a policy, whose ends are anchored."""
    with connect(database) as connection:
        for kind in ("account_added", "login", "model_promoted", "logout"):
            PERSON_EVENTS.append(connection, "anna", kind, {"version": 7})
    add_policy(database)
    anchor_journals(database, AnchorBook(tmp_path))
    return database


def change(dsn: str, table: str, statement: str) -> None:
    """As the owner of the database can."""
    execute(dsn, NOW_AND_THEN.format(table=table, change=statement))


def test_an_untouched_journal_is_verified(journal: str, tmp_path: Path) -> None:
    assert audit(journal, tmp_path).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE person_events SET person = 'bert' WHERE number = 3", "event 3 of person_events: it was changed"),
        ("UPDATE person_events SET kind = 'login' WHERE number = 3", "event 3 of person_events"),
        ("UPDATE person_events SET facts = '{\"version\":8}' WHERE number = 3", "event 3 of person_events"),
        ("UPDATE person_events SET facts = '{\"version\": 7}' WHERE number = 3", "event 3 of person_events"),
        ("UPDATE person_events SET at = at + interval '1 hour' WHERE number = 3", "event 3 of person_events"),
        ("UPDATE person_events SET at = '-infinity' WHERE number = 3", "event 3 of person_events"),
        ("UPDATE person_events SET at = '0044-03-15 BC' WHERE number = 3", "event 3 of person_events"),
        ("DELETE FROM person_events WHERE number = 2", "event 2 of person_events: events 2 to 2 are missing"),
        ("DELETE FROM person_events WHERE number < 3", "event 1 of person_events: events 1 to 2 are missing"),
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


CUTS = [
    (EVENTS_END, "DELETE FROM person_events WHERE number > 2", "person_events ends at 2, but was at 4"),
    (EVENTS_END, "DELETE FROM person_events", "person_events ends at 0, but was at 4"),
    (REVIEW_POLICIES, "DELETE FROM review_policies WHERE number = 2", "review_policies ends at 1, but was at 2"),
    (REVIEW_POLICIES, "TRUNCATE review_policies", "review_policies ends at 0, but was at 2"),
]


@pytest.mark.parametrize(("cut", "statement", "told"), CUTS, ids=[statement for _, statement, _ in CUTS])
def test_an_end_that_was_cut_off_is_found(
    journal: str, tmp_path: Path, cut: AnchoredJournal, statement: str, told: str
) -> None:
    change(journal, cut.table, statement)
    report = audit(journal, tmp_path)
    assert report.verdict is Verdict.FAIL
    assert [finding.fault for finding in report.findings] == [Fault.MISSING]
    assert told in str(report.findings[0])


@pytest.mark.parametrize("written", [2, 5])
def test_an_end_that_was_written_anew_is_found(journal: str, tmp_path: Path, written: int) -> None:
    """Hashes that follow from each other can be computed by anybody; the anchor knows another one."""
    change(journal, "person_events", "DELETE FROM person_events WHERE number > 2")
    with connect(journal) as connection:
        for _ in range(written):
            PERSON_EVENTS.append(connection, "bert", "logout", {})
    report = audit(journal, tmp_path)
    assert report.verdict is Verdict.FAIL
    assert "event 4 of person_events is not the anchored one" in str(report.findings[0])


def test_events_behind_the_anchor_are_no_fault(journal: str, tmp_path: Path) -> None:
    with connect(journal) as connection:
        PERSON_EVENTS.append(connection, "bert", "logout", {})
    assert audit(journal, tmp_path).verdict is Verdict.PASS


def test_an_end_without_a_witness_can_not_be_told(journal: str, tmp_path: Path) -> None:
    for known in (EVENTS_END, REVIEW_POLICIES):
        (tmp_path / "anchors" / known.chain_id.hex).unlink()
    report = audit(journal, tmp_path)
    assert report.verdict is Verdict.INCONCLUSIVE
    assert {finding.fault for finding in report.findings} == {Fault.UNWITNESSED}


def test_an_anchor_that_was_put_back_is_known_elsewhere(journal: str, tmp_path: Path) -> None:
    """Its signature is right, and what was sent away is not to be taken back."""
    place = tmp_path / "elsewhere"
    place.mkdir()
    before = Anchors(tmp_path).of(EVENTS_END.chain_id)
    assert before is not None
    with connect(journal) as connection:
        PERSON_EVENTS.append(connection, "bert", "logout", {})
    book = AnchorBook(tmp_path, KEY)
    anchor_journals(journal, book)
    AnchorSender(Anchors(tmp_path), FolderPlace(place)).send()
    assert audit(journal, tmp_path, KEY).verdict is Verdict.PASS
    change(journal, "person_events", "DELETE FROM person_events WHERE number = 5")
    Anchors(tmp_path, KEY).write(EVENTS_END.chain_id, before, is_to_sign=True)
    assert audit(journal, tmp_path, KEY).verdict is Verdict.PASS, "nothing here knows better"
    report = audit(journal, tmp_path, KEY, place)
    assert "person_events ends at 4, but was at 5" in str(report.findings[0])


def test_servers_that_anchor_at_other_times_do_not_contradict_each_other(journal: str, tmp_path: Path) -> None:
    place = tmp_path / "elsewhere"
    place.mkdir()
    with connect(journal) as connection:
        PERSON_EVENTS.append(connection, "bert", "logout", {})
    anchor_journals(journal, AnchorBook(tmp_path / "other"))
    AnchorSender(Anchors(tmp_path / "other"), FolderPlace(place)).send()
    assert audit(journal, tmp_path, None, place).verdict is Verdict.PASS


def test_an_anchor_that_is_not_signed_is_found(journal: str, tmp_path: Path) -> None:
    AnchorBook(tmp_path, KEY)
    forged = Anchors(tmp_path).of(EVENTS_END.chain_id)
    assert forged is not None
    Anchors(tmp_path).write(EVENTS_END.chain_id, forged)
    report = audit(journal, tmp_path, KEY)
    assert report.verdict is Verdict.FAIL
    assert "its anchor is not signed" in str(report.findings[0])
