"""`verify` finds every way to change what is on record, and nothing where nothing was changed."""

from __future__ import annotations

import subprocess
import sys
import time
import uuid
from pathlib import Path

import numpy as np
import pytest
from psycopg2 import sql

from fraud.verdict import Verdict
from serve.audit.findings import Fault
from serve.audit.verification import Report
from serve.prediction_log.frame import Content, build_frame, read_frame
from serve.prediction_log.segment import list_segments
from serve.prediction_log.table import ChainPart, LogTable
from tests.live_stack import project_environment
from tests.serve.audit.log_audit import audit
from tests.serve.prediction_log_rows import (
    anchor_files,
    execute,
    fetch,
    new_shipper,
    new_upkeep,
    record,
    running_spool,
    ship_all,
)


def faults(report: Report) -> set[Fault]:
    return {finding.fault for finding in report.findings}


@pytest.fixture
def log(database: str, tmp_path: Path) -> str:
    """A log with two chains of five records in PostgreSQL, their spool in `tmp_path`."""
    for _ in range(2):
        with running_spool(tmp_path) as spool:
            for number in range(1, 6):
                spool.append(record(rows=number, request_id=f"r-{number}", application_ids=[f"A-{number}"] * number))
    ship_all(tmp_path, database)
    execute(
        database,
        # A constant: the chains that a test adds are not meant, whatever their random ids.
        "DO $do$ BEGIN EXECUTE format("
        "'CREATE FUNCTION victim() RETURNS uuid IMMUTABLE LANGUAGE sql AS $f$SELECT %%L::uuid$f$',"
        " (SELECT min(chain_id::text) FROM prediction_chains)); END $do$",
    )
    return database


def test_an_untouched_log_passes(log: str, tmp_path: Path) -> None:
    report = audit(log, tmp_path)
    assert (report.verdict, report.chains, report.records, report.findings) == (Verdict.PASS, 2, 10, ())


def test_missing_values_and_rows_that_were_left_out_verify(database: str, tmp_path: Path) -> None:
    """The record of `errors=report`: the good rows, and a call that names the others."""
    features = record(rows=2).features.copy()
    features[1, 8] = np.nan
    call = "/batch_predict?errors=report&rows=4&faulty=2&at=1,3"
    with running_spool(tmp_path) as spool:
        spool.append(record(rows=2, features=features, endpoint=call))
    ship_all(tmp_path, database)
    assert audit(database, tmp_path).verdict is Verdict.PASS
    execute(database, "UPDATE prediction_requests SET endpoint = '/batch_predict'")
    assert faults(audit(database, tmp_path)), "that rows were left out can't be unsaid"


def test_an_empty_log_passes(database: str, tmp_path: Path) -> None:
    assert audit(database, tmp_path).verdict is Verdict.PASS


@pytest.mark.parametrize(
    "change",
    [
        "probabilities[2] = probabilities[2] * 0.999999",
        "features[7] = 0",
        "features[7] = NULL",
        "application_ids[2] = 'B'",
        "application_ids = NULL",
        "applicant_refs = ARRAY['x', 'y', 'z']::bytea[]",
        "model_version = 4",
        "model_sha256 = decode(repeat('00', 32), 'hex')",
        "request_id = 'r-4'",
        "endpoint = '/predict'",
        "caller = 'somebody'",
        "load_test = true",
        "received_at = received_at - interval '1 microsecond'",
        "recorded_at = recorded_at + interval '1 microsecond'",
        "salt = decode(repeat('00', 16), 'hex')",
        "content_digest = decode(repeat('00', 32), 'hex')",
        "hash = decode(repeat('00', 32), 'hex')",
    ],
)
def test_no_column_of_a_record_can_change(log: str, tmp_path: Path, change: str) -> None:
    statement = sql.SQL("UPDATE prediction_requests SET {} WHERE chain_id = victim() AND sequence = 3")
    execute(log, statement.format(sql.SQL(change)))
    report = audit(log, tmp_path)
    assert report.verdict is Verdict.FAIL
    assert {finding.fault for finding in report.findings} == {Fault.CHANGED}
    assert {finding.sequence for finding in report.findings} <= {3, 4}


@pytest.mark.parametrize(
    ("fault", "statement"),
    [
        pytest.param(
            Fault.MISSING,
            "DELETE FROM prediction_requests WHERE chain_id = victim() AND sequence = 1",
            id="the first deleted",
        ),
        pytest.param(
            Fault.MISSING,
            "DELETE FROM prediction_requests WHERE chain_id = victim() AND sequence = 3",
            id="one deleted",
        ),
        pytest.param(
            Fault.MISSING,
            "DELETE FROM prediction_requests WHERE chain_id = victim() AND sequence = 5",
            id="the last deleted",
        ),
        pytest.param(
            Fault.MISSING,
            "DELETE FROM prediction_requests WHERE chain_id = victim() AND sequence > 3;"
            " UPDATE prediction_chains AS chain SET sequence = 3, hash = last.hash FROM prediction_requests AS last"
            " WHERE last.chain_id = victim() AND last.sequence = 3 AND chain.chain_id = victim()",
            id="the end deleted and the table of chains adapted",
        ),
        pytest.param(
            Fault.MISSING,
            "DELETE FROM prediction_requests WHERE chain_id = victim();"
            " DELETE FROM prediction_chains WHERE chain_id = victim()",
            id="a whole chain deleted",
        ),
        pytest.param(
            Fault.MISSING,
            "DO $$ BEGIN EXECUTE (SELECT 'DROP TABLE ' || tableoid::regclass FROM prediction_requests LIMIT 1); END $$",
            id="a month dropped",
        ),
        pytest.param(
            Fault.CHANGED,
            "UPDATE prediction_requests SET sequence = 99 WHERE chain_id = victim() AND sequence = 2;"
            "UPDATE prediction_requests SET sequence = 2 WHERE chain_id = victim() AND sequence = 3;"
            "UPDATE prediction_requests SET sequence = 3 WHERE chain_id = victim() AND sequence = 99",
            id="two exchanged",
        ),
        pytest.param(
            Fault.CHANGED,
            "UPDATE prediction_requests SET sequence = 6, chain_id ="
            " (SELECT chain_id FROM prediction_chains WHERE chain_id <> victim())"
            " WHERE chain_id = victim() AND sequence = 5",
            id="moved to another chain",
        ),
        pytest.param(
            Fault.CHANGED,
            "UPDATE prediction_chains SET sequence = 4 WHERE chain_id = victim()",
            id="the mark put back",
        ),
        pytest.param(
            Fault.CHANGED,
            "INSERT INTO prediction_erasures SELECT 1, now(), chain_id, 3, '{0}', content_digest, hash"
            " FROM prediction_requests WHERE chain_id = victim() AND sequence = 3",
            id="an erasure invented",
        ),
    ],
)
def test_removed_and_reordered_records_are_found(log: str, tmp_path: Path, fault: Fault, statement: str) -> None:
    execute(log, statement)
    report = audit(log, tmp_path)
    assert report.verdict is Verdict.FAIL
    assert fault in faults(report)


def test_a_chain_computed_anew_from_a_changed_record_is_found(
    log: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who may write to the database can make all hashes fit, but not the anchor, which is elsewhere."""
    ((victim,),) = fetch(log, "SELECT victim()::text")
    fetch(log, "DELETE FROM prediction_requests WHERE chain_id = victim() RETURNING 1")
    fetch(log, "DELETE FROM prediction_chains WHERE chain_id = victim() RETURNING 1")
    monkeypatch.setattr("uuid.uuid4", lambda: uuid.UUID(victim))
    with running_spool(tmp_path / "forger") as spool:
        for number in range(1, 6):
            spool.append(record(rows=number, model_version=99))
    ship_all(tmp_path / "forger", log)
    findings = audit(log, tmp_path).findings
    assert {(finding.fault, finding.sequence) for finding in findings} == {(Fault.CHANGED, 5)}
    assert "anchored" in findings[0].what


def test_records_added_to_a_chain_are_found(log: str, tmp_path: Path) -> None:
    """The forger goes on where a server ended, with hashes that follow from its last one."""
    ((chain, last),) = fetch(
        log, "SELECT chain_id::text, hash FROM prediction_requests WHERE chain_id = victim() AND sequence = 5"
    )
    frame = build_frame(Content.of(record()), 6, time.time_ns() // 1000, bytes(last))
    forged = read_frame(memoryview(b"".join(frame.buffers)), bytes(last))
    chain_id = uuid.UUID(chain)
    LogTable(log).write([ChainPart(chain_id, 5, 6, frame.hash, [forged])])
    findings = audit(log, tmp_path).findings
    assert [(finding.fault, finding.sequence) for finding in findings] == [(Fault.FORGED, 6)]


def test_a_log_of_another_machine_is_no_pass(log: str, tmp_path: Path) -> None:
    report = audit(log, tmp_path / "elsewhere")
    assert report.verdict is Verdict.INCONCLUSIVE
    assert faults(report) == {Fault.UNWITNESSED}


def test_records_on_their_way_are_no_fault(database: str, tmp_path: Path) -> None:
    with running_spool(tmp_path) as spool:
        spool.append(record())
        assert audit(database, tmp_path).verdict is Verdict.PASS
        shipper = new_shipper(tmp_path, database)
        assert shipper.ship()
        spool.append(record())
        assert audit(database, tmp_path).verdict is Verdict.PASS
        (anchor,) = anchor_files(tmp_path)
        anchor.unlink()  # as after a kill between the first commit and its anchor
        assert audit(database, tmp_path).verdict is Verdict.PASS


def test_a_damaged_file_of_the_spool_is_found_before_and_after_it_was_set_aside(database: str, tmp_path: Path) -> None:
    with running_spool(tmp_path) as spool:
        for _ in range(3):
            spool.append(record())
    (path,) = list_segments(tmp_path).values()
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert faults(audit(database, tmp_path)) == {Fault.DAMAGED}
    ship_all(tmp_path, database)
    assert faults(audit(database, tmp_path)) == {Fault.DAMAGED}


def test_records_past_retention_are_not_missing(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time_ns", lambda: 10**18)  # September 2001
    with running_spool(tmp_path) as spool:
        spool.append(record())
        spool.append(record())
        monkeypatch.undo()
        spool.append(record())
    ship_all(tmp_path, database)
    new_upkeep(tmp_path, database, retention_months=1).keep_up()
    report = audit(database, tmp_path)
    assert (report.verdict, report.records) == (Verdict.PASS, 1)
    execute(database, "DELETE FROM prediction_requests")
    assert audit(database, tmp_path).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("statement", "status", "said"),
    [
        pytest.param("SELECT 1", 0, "pass: 10 records in 2 chains", id="untouched"),
        pytest.param("UPDATE prediction_requests SET caller = 'me'", 10, "changed: chain", id="changed"),
        pytest.param("ALTER TABLE prediction_requests RENAME TO gone", 2, "error: ", id="can't be read"),
    ],
)
def test_the_command_tells_by_its_exit_status(log: str, tmp_path: Path, statement: str, status: int, said: str) -> None:
    execute(log, statement)
    run = subprocess.run(
        [sys.executable, "-m", "serve.audit", "verify"],
        env=project_environment(RUN_DIR=str(tmp_path), SPOOL_DIR=str(tmp_path), DATABASE_URL=log),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == status, run.stderr
    assert said in run.stdout + run.stderr


def test_a_database_that_does_not_answer_is_no_pass(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "serve.audit", "verify"],
        env=project_environment(RUN_DIR=str(tmp_path), DATABASE_URL="host=/nowhere"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stderr.count("\n")) == (2, 1)
