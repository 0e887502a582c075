"""What goes on between the steps of a verification hides no fault and looks like none, and it can be broken off."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fraud.database import connect, open_connection
from fraud.verdict import Verdict
from serve.audit import stored_rows, verify_progress
from serve.audit.checkpoint import NAME, Checkpoint, CheckpointError, read_checkpoint, write_checkpoint
from serve.audit.erasure import erase
from serve.audit.findings import MOST_KEPT, Fault, Finding, Findings
from serve.audit.verification import Report, verify
from serve.audit.verify_progress import VerifyProgress, progress_line
from serve.prediction_log.anchors import Anchors
from serve.prediction_log.pseudonym import Pseudonyms
from serve.prediction_log.spool import Spool
from tests.live_stack import project_environment
from tests.serve.audit.log_audit import audit
from tests.serve.prediction_log_rows import execute, fetch, new_shipper, new_upkeep, record, running_spool, ship_all

PSEUDONYMS = Pseudonyms("k" * 32)
OLD_MONTH = "prediction_requests_200109"


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_rows, "PAGE_RECORDS", 2)


def append(spool: Spool, records: int, **changes: Any) -> None:
    for _ in range(records):
        spool.append(record(applicant_refs=[PSEUDONYMS.of("anna")], **changes))


@pytest.fixture
def log(database: str, tmp_path: Path) -> str:
    """Two chains of five records."""
    for _ in range(2):
        with running_spool(tmp_path) as spool:
            append(spool, 5)
    ship_all(tmp_path, database)
    return database


@pytest.fixture
def old_log(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A chain with five records of September 2001 and three of today, and one that ended then."""
    monkeypatch.setattr("time.time_ns", lambda: 10**18)
    with running_spool(tmp_path) as spool:
        append(spool, 5)
        monkeypatch.undo()
        append(spool, 3)
    monkeypatch.setattr("time.time_ns", lambda: 10**18)
    with running_spool(tmp_path) as spool:
        append(spool, 5)
    monkeypatch.undo()
    monkeypatch.setattr(stored_rows, "PAGE_RECORDS", 2)
    ship_all(tmp_path, database)
    return database


def verify_while(dsn: str, spool: Path, happen: Callable[[int], None]) -> Report:
    """Verify; `happen` is told how many records are verified, after each step."""
    with connect(dsn) as connection:
        return verify(connection, spool, show=lambda done, _whole: happen(done))


def at(moment: int, do: Callable[[], object]) -> Callable[[int], None]:
    """Do something once, when so many records are verified."""
    left = [do]

    def happen(done: int) -> None:
        if done >= moment and left:
            left.pop()()

    return happen


def retain(dsn: str, spool: Path) -> None:
    new_upkeep(spool, dsn, retention_months=1).keep_up()
    assert fetch(dsn, "SELECT to_regclass(%s)", OLD_MONTH) == [(None,)]


def test_a_step_holds_nothing_when_it_is_over(log: str, tmp_path: Path) -> None:
    """Neither a lock, nor a snapshot that keeps dead rows from going."""
    seen = []

    def look(_done: int) -> None:
        with open_connection(log, "eyewitness", {"lock_timeout": "1s"}) as connection, connection.cursor() as cursor:
            cursor.execute("LOCK TABLE prediction_requests IN ACCESS EXCLUSIVE MODE NOWAIT")
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND (backend_xmin IS NOT NULL OR state = 'idle in transaction')"
            )
            seen.append(cursor.fetchone())
            connection.rollback()

    assert verify_while(log, tmp_path, look).verdict is Verdict.PASS
    assert seen == [(0,)] * 5


@pytest.mark.parametrize("moment", range(2, 11, 2))
def test_shipping_between_steps_is_no_fault(log: str, tmp_path: Path, moment: int) -> None:
    def ship() -> None:
        with running_spool(tmp_path) as spool:
            append(spool, 3)
        ship_all(tmp_path, log)

    report = verify_while(log, tmp_path, at(moment, ship))
    assert (report.verdict, report.findings) == (Verdict.PASS, ())
    assert report.records in {10, 13}


def test_a_chain_that_grows_while_it_is_verified_is_verified_to_its_anchor(database: str, tmp_path: Path) -> None:
    with running_spool(tmp_path) as spool:
        append(spool, 5)
        shipper = new_shipper(tmp_path, database)
        shipper.ship()

        def grow(_done: int) -> None:
            if spool_left:
                append(spool, spool_left.pop())
                shipper.ship()

        spool_left = [1, 2, 3]
        report = verify_while(database, tmp_path, grow)
    assert (report.verdict, report.records, report.findings) == (Verdict.PASS, 11, ())


def test_records_that_are_forged_between_steps_are_found(log: str, tmp_path: Path) -> None:
    """Cut at the end: its anchor says that there was more, and reading on finds nothing."""
    cut = "DELETE FROM prediction_requests WHERE sequence = 5; UPDATE prediction_chains SET sequence = 4"
    report = verify_while(log, tmp_path, at(2, lambda: execute(log, cut)))
    assert Fault.MISSING in report.counts


@pytest.mark.parametrize("moment", range(2, 14, 2))
def test_a_month_that_goes_between_steps_is_no_fault(old_log: str, tmp_path: Path, moment: int) -> None:
    report = verify_while(old_log, tmp_path, at(moment, lambda: retain(old_log, tmp_path)))
    assert (report.verdict, report.findings) == (Verdict.PASS, ())


@pytest.mark.parametrize("moment", range(2, 14, 2))
def test_a_record_behind_a_month_that_goes_between_steps_must_follow_it(
    old_log: str, tmp_path: Path, moment: int
) -> None:
    """What retention took is no way to take more."""

    def take_more() -> None:
        execute(old_log, "DELETE FROM prediction_requests WHERE sequence = 6")
        retain(old_log, tmp_path)

    report = verify_while(old_log, tmp_path, at(moment, take_more))
    ahead = fetch(old_log, "SELECT min(chain_id::text) FROM prediction_chains WHERE sequence = 5")
    long_chain = fetch(old_log, "SELECT chain_id::text FROM prediction_chains WHERE sequence = 8")
    read_already = moment >= (6 if long_chain < ahead else 12)
    assert (report.verdict is Verdict.PASS) == read_already


def test_records_of_a_month_that_stays_do_not_go_with_retention(old_log: str, tmp_path: Path) -> None:
    """The month is anchored as expired and not gone: a gap inside of what was read in one step is a fault."""
    upkeep = new_upkeep(tmp_path, old_log, retention_months=1)
    with open_connection(old_log) as reader:
        reader.cursor().execute("SELECT count(*) FROM prediction_requests")
        upkeep.keep_up()
    assert fetch(old_log, "SELECT to_regclass(%s)::text", OLD_MONTH) == [(OLD_MONTH,)]
    assert audit(old_log, tmp_path).verdict is Verdict.PASS
    execute(old_log, "DELETE FROM prediction_requests WHERE sequence = 2")
    assert Fault.MISSING in audit(old_log, tmp_path).counts


@pytest.mark.parametrize("moment", range(2, 11, 2))
def test_an_erasure_between_steps_is_no_fault(log: str, tmp_path: Path, moment: int) -> None:
    def forget() -> None:
        with connect(log) as connection:
            assert erase(connection, Anchors(tmp_path), [PSEUDONYMS.of("anna")]).records == 10

    report = verify_while(log, tmp_path, at(moment, forget))
    assert (report.verdict, report.erasures, report.findings) == (Verdict.PASS, 10, ())


def test_a_ledger_that_is_changed_between_steps_is_found(log: str, tmp_path: Path) -> None:
    """An entry that excuses a change may not be gone again in the end."""
    invent = (
        "INSERT INTO prediction_erasures SELECT 1, now(), chain_id, 3, '{0}', content_digest, hash"
        " FROM prediction_requests WHERE sequence = 3 LIMIT 1"
    )
    steps = [lambda: execute(log, invent), lambda: None, lambda: execute(log, "DELETE FROM prediction_erasures")]
    report = verify_while(log, tmp_path, lambda _done: (steps.pop(0) if steps else lambda: None)())
    assert report.verdict is Verdict.FAIL
    assert any("the ledger of erasures was changed meanwhile" in finding.what for finding in report.findings)


def test_wide_requests_come_in_small_steps(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_rows, "PAGE_RECORDS", 1_000)
    monkeypatch.setattr(stored_rows, "PAGE_BYTES", 100_000)
    with running_spool(tmp_path) as spool:
        for _ in range(6):
            spool.append(record(rows=1_000))
    ship_all(tmp_path, database)
    seen: list[int] = []
    assert verify_while(database, tmp_path, seen.append).verdict is Verdict.PASS
    assert seen == [3, 6]


def checkpoints(dsn: str, spool: Path) -> list[Checkpoint]:
    """After each step of a verification."""
    found: list[Checkpoint] = []
    with connect(dsn) as connection:
        verify(connection, spool, save=lambda checkpoint: found.append(checkpoint()))
    return found


def go_on(dsn: str, spool: Path, begun: Checkpoint) -> Report:
    with connect(dsn) as connection:
        return verify(connection, spool, begun=begun)


def same(report: Report) -> tuple[object, ...]:
    return report.chains, report.records, report.erasures, report.findings, report.counts


def test_a_verification_that_was_broken_off_finds_what_a_whole_one_finds(log: str, tmp_path: Path) -> None:
    execute(log, "UPDATE prediction_requests SET caller = 'me' WHERE sequence = 3")
    with connect(log) as connection:
        erase(connection, Anchors(tmp_path), [PSEUDONYMS.of("berta")])
    whole = audit(log, tmp_path)
    assert len(whole.findings) == 2
    begun = checkpoints(log, tmp_path)
    assert len(begun) == 5
    for checkpoint in begun:
        write_checkpoint(tmp_path, checkpoint)
        assert read_checkpoint(tmp_path) == checkpoint
        assert same(go_on(log, tmp_path, checkpoint)) == same(whole)


@pytest.mark.parametrize("number", range(5))
def test_retention_while_a_verification_is_broken_off_is_no_fault(old_log: str, tmp_path: Path, number: int) -> None:
    begun = checkpoints(old_log, tmp_path)[number]
    retain(old_log, tmp_path)
    report = go_on(old_log, tmp_path, begun)
    assert (report.verdict, report.findings) == (Verdict.PASS, ())


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("UPDATE prediction_requests SET hash = '' WHERE sequence = 2", id="another hash"),
        pytest.param("DELETE FROM prediction_requests WHERE sequence = 2", id="gone"),
        pytest.param(
            "INSERT INTO prediction_erasures SELECT 0, now(), chain_id, 3, '{0}', hash, hash"
            " FROM prediction_requests LIMIT 1",
            id="another ledger",
        ),
    ],
)
def test_a_checkpoint_of_another_log_is_refused(log: str, tmp_path: Path, statement: str) -> None:
    begun = checkpoints(log, tmp_path)[0]
    execute(log, statement)
    with pytest.raises(CheckpointError, match="verify from the beginning"):
        go_on(log, tmp_path, begun)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda data: data[: len(data) // 2], id="cut"),
        pytest.param(lambda _data: b"", id="empty"),
        pytest.param(lambda data: data.replace(b'"records":', b'"records":1', 1), id="a count"),
        pytest.param(lambda data: data.replace(b'"sequence":2', b'"sequence":4', 1), id="further on"),
        pytest.param(lambda _data: msgspec.json.encode({"checkpoint": {}, "sha256": ""}), id="without content"),
        pytest.param(lambda _data: b"\xff", id="no JSON"),
    ],
)
def test_a_checkpoint_that_was_changed_is_refused(log: str, tmp_path: Path, change: Callable[[bytes], bytes]) -> None:
    write_checkpoint(tmp_path, checkpoints(log, tmp_path)[0])
    path = tmp_path / NAME
    data = path.read_bytes()
    path.write_bytes(change(data))
    assert path.read_bytes() != data
    with pytest.raises(CheckpointError):
        read_checkpoint(tmp_path)


def run_verify(dsn: str, spool: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "serve.audit", "verify", *options],
        env=project_environment(RUN_DIR=str(spool), SPOOL_DIR=str(spool), DATABASE_URL=dsn),
        cwd=spool,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_goes_on_only_when_it_is_asked_to(log: str, tmp_path: Path) -> None:
    assert run_verify(log, tmp_path, "--resume").returncode == 2
    write_checkpoint(tmp_path, checkpoints(log, tmp_path)[2])
    execute(log, "UPDATE prediction_requests SET caller = 'me' WHERE sequence = 1")
    assert run_verify(log, tmp_path).returncode == 10
    assert not (tmp_path / NAME).exists()
    write_checkpoint(tmp_path, checkpoints(log, tmp_path)[2])
    resumed = run_verify(log, tmp_path, "--resume")
    assert resumed.returncode == 10, resumed.stderr
    assert "10 records in 2 chains" in resumed.stdout


def test_progress_tells_rate_and_time_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert progress_line(500_000, 1_000_000, 500_000, 5.0) == (
        "verified 500,000 of about 1,000,000 records, 100,000/s, 0 min 05 s left"
    )
    assert progress_line(10, 5, 0, 0.0) == "verified 10 of about 10 records"
    moments = iter([0.0, 1.0, 7.0, 8.0])
    progress = VerifyProgress(tmp_path, clock=lambda: next(moments))
    for done in (100, 700, 800):
        progress.show(done, 1_000_000)
    assert capsys.readouterr().err == (
        "verified 700 of about 1,000,000 records, 100/s, 166 min 33 s left\n".replace("166 min 33 s", "2 h 46 min")
    )


def test_findings_take_no_more_memory_than_those_that_are_kept() -> None:
    findings = Findings()
    for number in range(MOST_KEPT + 5):
        findings.add(Finding(Fault.CHANGED, "", None, number))
    assert (len(findings.kept), findings.counts[Fault.CHANGED]) == (MOST_KEPT, MOST_KEPT + 5)


def test_a_server_at_work_is_no_fault(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spool, shipper and verification at once, each going on as fast as it can."""
    monkeypatch.setattr(verify_progress, "INTERVAL_S", 0.0)
    with running_spool(tmp_path, segment_bytes=20_000) as spool:
        append(spool, 1)
        stop = threading.Event()
        shipper = threading.Thread(target=new_shipper(tmp_path, database).run, args=(stop,))
        shipper.start()
        try:
            for _ in range(10):
                report = verify_while(database, tmp_path, lambda _done: append(spool, 1))
                assert (report.verdict, report.findings) == (Verdict.PASS, ())
        finally:
            stop.set()
            shipper.join()
