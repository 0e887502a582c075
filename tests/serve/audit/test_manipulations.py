"""Many ways to change what is on record, each of which `verify` finds: those below, and those of the tests beside."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from fraud.verdict import Verdict
from serve.audit.findings import Fault
from serve.prediction_log.anchor import Anchor
from serve.prediction_log.anchors import Anchors
from tests.serve.audit import test_definitions, test_erase, test_unreadable, test_verify
from tests.serve.audit.log_audit import audit
from tests.serve.prediction_log_rows import execute, record, running_spool, ship_all, some_reasons

EXPECTED: int = 66

BESIDE: tuple[Callable[..., None], ...] = (
    test_verify.test_no_column_of_a_record_can_change,
    test_verify.test_removed_and_reordered_records_are_found,
    test_unreadable.test_a_value_that_no_server_writes_is_found_and_the_rest_is_verified,
    test_erase.test_after_an_erasure_nothing_can_change_either,
    test_definitions.test_a_change_of_a_definition_is_found,
)

REASONS = "UPDATE prediction_requests SET reasons = {} WHERE sequence = 4"
TRACE = "UPDATE prediction_requests SET trace_id = {} WHERE sequence = 4"
RECORD = "UPDATE prediction_requests SET {} WHERE sequence = 3"
NEXT_MONTH = "recorded_at + interval '31 days'"
MAKE_NEXT_MONTH = f"SELECT make_prediction_partition({NEXT_MONTH}) FROM prediction_requests WHERE sequence = 3; "  # noqa: S608 - this test's own
COPIED = (
    "INSERT INTO prediction_requests SELECT chain_id, sequence, {}, received_at, request_id, endpoint, caller,"
    " model_version, model_sha256, load_test, application_ids, applicant_refs, features, probabilities, salt,"
    " content_digest, hash FROM prediction_requests WHERE sequence = 3"
)
WITHOUT_CHECKS = (
    "ALTER TABLE prediction_requests DROP CONSTRAINT as_many_features_a_row, DROP CONSTRAINT one_id_a_row,"
    " DROP CONSTRAINT one_ref_a_row; "
)

MANIPULATIONS: dict[str, tuple[Fault, str]] = {
    "a record moved to another month": (
        Fault.CHANGED,
        MAKE_NEXT_MONTH + RECORD.format(f"recorded_at = {NEXT_MONTH}"),
    ),
    "a record copied into another month": (Fault.FORGED, MAKE_NEXT_MONTH + COPIED.format(NEXT_MONTH)),
    "a record copied to a moment beside it": (
        Fault.FORGED,
        COPIED.format("recorded_at + interval '1 microsecond'"),
    ),
    "the answers of two rows exchanged": (
        Fault.CHANGED,
        RECORD.format("probabilities = ARRAY[probabilities[2], probabilities[1]]"),
    ),
    "the applicants of two rows exchanged": (
        Fault.CHANGED,
        RECORD.format("features = features[11:20] || features[1:10]"),
    ),
    "the ids of two rows exchanged": (
        Fault.CHANGED,
        RECORD.format("application_ids = ARRAY[application_ids[2], application_ids[1]]"),
    ),
    "a row taken out of a request": (
        Fault.CHANGED,
        RECORD.format(
            "features = features[1:10], probabilities = probabilities[1:1], application_ids = application_ids[1:1]"
        ),
    ),
    "a row added to a request": (
        Fault.CHANGED,
        RECORD.format(
            "features = features || features[1:10], probabilities = probabilities || probabilities[1],"
            " application_ids = application_ids || 'A'::text"
        ),
    ),
    "a value that is not known any more": (Fault.CHANGED, RECORD.format("features[7] = 'NaN'")),
    "an answer that is not known any more": (Fault.CHANGED, RECORD.format("probabilities[1] = NULL")),
    "a last digit": (Fault.CHANGED, RECORD.format("probabilities[1] = probabilities[1] * 1.0000001::real + 1e-8")),
    "an id in other letters": (Fault.CHANGED, RECORD.format("application_ids[1] = lower(application_ids[1])")),
    "an id that is empty": (Fault.CHANGED, RECORD.format("application_ids[1] = ''")),
    "another reason": (Fault.CHANGED, REASONS.format("reasons[:0] || 2::real || reasons[2:]")),
    "a reason that lowers the score": (Fault.CHANGED, REASONS.format("reasons[:1] || -reasons[2] || reasons[3:]")),
    "the reasons of two rows exchanged": (Fault.CHANGED, REASONS.format("reasons[5:8] || reasons[1:4]")),
    "fewer reasons": (Fault.CHANGED, REASONS.format("reasons[1:2] || reasons[5:6]")),
    "reasons that are gone": (Fault.CHANGED, REASONS.format("NULL")),
    "reasons that were not given": (Fault.CHANGED, RECORD.format("reasons = ARRAY[1, 0.5, 1, 0.5]")),
    "another trace": (Fault.CHANGED, TRACE.format("set_byte(trace_id, 0, 1)")),
    "a trace that is gone": (Fault.CHANGED, TRACE.format("NULL")),
    "a trace that was not there": (Fault.CHANGED, RECORD.format("trace_id = decode(repeat('ab', 16), 'hex')")),
    "a letter that nobody sees": (Fault.CHANGED, RECORD.format("request_id = request_id || U&'\\200B'")),
    "a day later": (Fault.CHANGED, RECORD.format("received_at = received_at + interval '1 day'")),
    "a salt that is NULL": (
        Fault.CHANGED,
        "ALTER TABLE prediction_requests ALTER COLUMN salt DROP NOT NULL; " + RECORD.format("salt = NULL"),
    ),
    "a hash that is NULL": (
        Fault.CHANGED,
        "ALTER TABLE prediction_requests ALTER COLUMN hash DROP NOT NULL; " + RECORD.format("hash = NULL"),
    ),
    "features that are NULL": (
        Fault.CHANGED,
        "ALTER TABLE prediction_requests ALTER COLUMN features DROP NOT NULL; " + RECORD.format("features = NULL"),
    ),
    "features that are empty": (Fault.CHANGED, WITHOUT_CHECKS + RECORD.format("features = '{}'")),
    "a chain under another name": (
        Fault.MISSING,
        "UPDATE prediction_requests SET chain_id = md5('x')::uuid;"
        "UPDATE prediction_chains SET chain_id = md5('x')::uuid",
    ),
    "the table of chains emptied": (Fault.CHANGED, "DELETE FROM prediction_chains"),
    "the mark put forward": (Fault.CHANGED, "UPDATE prediction_chains SET sequence = 6"),
    "the mark with another hash": (Fault.CHANGED, "UPDATE prediction_chains SET hash = ''"),
    "the mark's hash NULL": (
        Fault.CHANGED,
        "ALTER TABLE prediction_chains ALTER COLUMN hash DROP NOT NULL; UPDATE prediction_chains SET hash = NULL",
    ),
    "a month detached": (
        Fault.MISSING,
        "DO $$ BEGIN EXECUTE (SELECT 'ALTER TABLE prediction_requests DETACH PARTITION ' || tableoid::regclass"
        " FROM prediction_requests LIMIT 1); END $$",
    ),
    "a key dropped": (
        Fault.MISSING,
        "ALTER TABLE prediction_requests DROP CONSTRAINT prediction_requests_pkey",
    ),
    "an erasure before the first": (
        Fault.CHANGED,
        "INSERT INTO prediction_erasures SELECT 0, now(), chain_id, 3, '{0}', content_digest, hash"
        " FROM prediction_requests WHERE sequence = 3",
    ),
    "an erasure before Christ": (
        Fault.CHANGED,
        "INSERT INTO prediction_erasures SELECT 1, '0044-03-15 BC', chain_id, 3, '{0}', content_digest, hash"
        " FROM prediction_requests WHERE sequence = 3",
    ),
    "an erasure at no time": (
        Fault.CHANGED,
        "INSERT INTO prediction_erasures SELECT 1, 'infinity', chain_id, 3, '{0}', content_digest, hash"
        " FROM prediction_requests WHERE sequence = 3",
    ),
}


@pytest.fixture
def log(database: str, tmp_path: Path) -> str:
    """A chain of five records, the fourth with reasons and a trace."""
    with running_spool(tmp_path) as spool:
        for number in range(1, 6):
            more = {"reasons": some_reasons(2), "trace_id": bytes(range(16))} if number == 4 else {}
            spool.append(record(rows=2, request_id=f"r-{number}", application_ids=["A", "B"], **more))
    ship_all(tmp_path, database)
    return database


@pytest.mark.parametrize(("fault", "statement"), MANIPULATIONS.values(), ids=MANIPULATIONS)
def test_a_manipulation_is_found(log: str, tmp_path: Path, fault: Fault, statement: str) -> None:
    assert audit(log, tmp_path).verdict is Verdict.PASS
    execute(log, statement.replace("%", "%%"))
    report = audit(log, tmp_path)
    assert report.verdict is Verdict.FAIL
    assert fault in report.counts, report.findings


def test_an_anchor_that_was_put_back_is_found(log: str, tmp_path: Path) -> None:
    """Beside records that are no longer in the spool: nobody but a server writes behind an anchor."""
    anchors = Anchors(tmp_path)
    (chain_id,) = anchors.chains()
    anchor = anchors.of(chain_id)
    assert anchor is not None
    anchors.write(chain_id, msgspec.structs.replace(anchor, sequence=4))
    assert Fault.FORGED in audit(log, tmp_path).counts
    anchors.write(chain_id, Anchor(anchor.sequence, bytes(32)))
    assert Fault.CHANGED in audit(log, tmp_path).counts


def test_there_are_as_many_as_the_documents_say() -> None:
    beside = [
        argument
        for test in BESIDE
        for mark in vars(test)["pytestmark"]
        for argument in mark.args[1]
        if mark.name == "parametrize"
    ]
    assert len(beside) + len(MANIPULATIONS) >= EXPECTED
    assert len(MANIPULATIONS) == len({statement for _, statement in MANIPULATIONS.values()})
