"""A verification that goes on proves what one from the beginning does, whatever chains, keys and anchors there are.

`test_steps.py` has the rest of it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from fraud.database import connect
from serve.audit import stored_rows, verify_progress
from serve.audit.checkpoint import NAME, Checkpoint, CheckpointError, read_checkpoint, write_checkpoint
from serve.audit.collected import read_collected
from serve.audit.findings import Fault
from serve.audit.verification import Report, verify
from serve.audit.verify_progress import VerifyProgress
from serve.prediction_log.anchor import SentAnchor
from serve.prediction_log.anchor_key import AnchorKey
from serve.prediction_log.anchor_place import FolderPlace
from serve.prediction_log.anchor_sender import AnchorSender
from serve.prediction_log.anchors import Anchors
from tests.live_stack import project_environment
from tests.serve.audit.log_audit import audit
from tests.serve.audit.test_chain_ids import begun_before_or_after, fill_unwitnessed, without_ids
from tests.serve.prediction_log.landed_spools import WITHOUT_END_MARKS, unpack
from tests.serve.prediction_log_rows import anchor_files, execute, record, running_spool, ship_all

SECRET = "0123456789" * 4
KEY = AnchorKey(SECRET.encode())
OTHER_KEY = AnchorKey(b"another key, as long as it has to be")

__all__ = ["without_ids"]


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_rows, "PAGE_RECORDS", 1)


def fill(folder: Path, dsn: str, key: AnchorKey | None = None) -> None:
    with running_spool(folder) as spool:
        for _ in range(3):
            spool.append(record())
    ship_all(folder, dsn, key)


@pytest.fixture
def log(database: str, tmp_path: Path) -> str:
    """Two chains of three records, the anchors signed."""
    for _ in range(2):
        fill(tmp_path, database, KEY)
    return database


def checkpoints(dsn: str, spool: Path, places: Sequence[Path] = ()) -> list[Checkpoint]:
    """After each step of a verification."""
    found: list[Checkpoint] = []
    with connect(dsn) as connection:
        collected = read_collected(places, None)
        verify(connection, spool, None, collected, save=lambda checkpoint: found.append(checkpoint()))
    return found


def go_on(dsn: str, spool: Path, begun: Checkpoint, places: Sequence[Path] = ()) -> Report:
    with connect(dsn) as connection:
        return verify(connection, spool, None, read_collected(places, None), begun=begun)


def same(report: Report) -> tuple[object, ...]:
    return report.chains, report.records, report.erasures, report.findings, report.counts


def resume(dsn: str, spool: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "serve.audit", "verify", "--resume"],
        env=project_environment(RUN_DIR=str(spool), SPOOL_DIR=str(spool), DATABASE_URL=dsn, **settings),
        cwd=spool,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_checkpoint_that_skips_records_is_refused_with_the_key(log: str, tmp_path: Path) -> None:
    """It fits the log, and its digest is right: only the signature tells."""
    first, *_, last = checkpoints(log, tmp_path)
    execute(log, "UPDATE prediction_requests SET caller = 'me' WHERE sequence = 2")
    for signature in (None, OTHER_KEY):
        write_checkpoint(tmp_path, last, signature)
        run = resume(log, tmp_path, AUDIT_KEY=SECRET)
        assert run.returncode == 2, run.stdout + run.stderr
        assert run.stderr == (
            f"error: {tmp_path / NAME} is not signed with AUDIT_KEY: verify from the beginning, without --resume\n"
        )
        assert (tmp_path / NAME).exists()
    assert resume(log, tmp_path).returncode == 0, "without the key nobody can tell"
    write_checkpoint(tmp_path, first, KEY)
    run = resume(log, tmp_path, AUDIT_KEY=SECRET)
    assert (run.returncode, "6 records in 2 chains" in run.stdout) == (10, True), run.stdout + run.stderr
    began = f"resuming the verification begun at {first.began_at:%Y-%m-%d %H:%M:%S} UTC: 1 record verified"
    assert run.stderr.startswith(began)


def test_the_signature_is_of_this_checkpoint(log: str, tmp_path: Path) -> None:
    first, second, *_ = checkpoints(log, tmp_path)
    path = tmp_path / NAME
    write_checkpoint(tmp_path, first, KEY)
    signed = msgspec.json.decode(path.read_bytes())
    write_checkpoint(tmp_path, second)
    another = msgspec.json.decode(path.read_bytes())
    for change in ({"signature": signed["signature"]}, {"signature": ""}, {"signature": "AAAA"}):
        path.write_bytes(msgspec.json.encode(another | change))
        assert read_checkpoint(tmp_path) == second
        with pytest.raises(CheckpointError, match="not signed with AUDIT_KEY"):
            read_checkpoint(tmp_path, KEY)


def test_checkpoints_are_signed(log: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify_progress, "INTERVAL_S", 0.0)
    begun = checkpoints(log, tmp_path)[3]
    VerifyProgress(tmp_path, KEY).keep(lambda: begun)
    assert read_checkpoint(tmp_path, KEY) == begun
    with pytest.raises(CheckpointError, match="not signed with AUDIT_KEY"):
        read_checkpoint(tmp_path, OTHER_KEY)


def test_a_chain_of_before_is_gone_on_with(database: str, tmp_path: Path) -> None:
    unpack(WITHOUT_END_MARKS, tmp_path)
    ship_all(tmp_path, database)
    fill(tmp_path, database)
    whole = audit(database, tmp_path)
    assert (whole.records, whole.findings) == (8, ())
    begun = checkpoints(database, tmp_path)
    assert len(begun) == 8
    for checkpoint in begun:
        assert same(go_on(database, tmp_path, checkpoint)) == same(whole)


@pytest.mark.usefixtures("without_ids")
@begun_before_or_after
def test_a_chain_without_its_id_is_still_one_where_the_first_record_is_not_read_again(
    database: str, tmp_path: Path, began: str, fault: Fault
) -> None:
    here = fill_unwitnessed(database, tmp_path, began)
    for checkpoint in checkpoints(database, here):
        report = go_on(database, here, checkpoint)
        assert [finding.fault for finding in report.findings] == [fault]


@pytest.fixture
def elsewhere(log: str, tmp_path: Path) -> Path:
    """What the log's server has sent to another place."""
    assert log
    folder = tmp_path / "far" / "elsewhere"
    folder.mkdir(parents=True)
    AnchorSender(Anchors(tmp_path), FolderPlace(folder)).send()
    return folder


@pytest.mark.parametrize(
    ("before", "now"),
    [
        pytest.param([], ["far/elsewhere"], id="more"),
        pytest.param(["far/elsewhere"], [], id="none any more"),
        pytest.param(["far/elsewhere", "far/copy"], ["far/copy"], id="fewer"),
        pytest.param(["far/elsewhere"], ["far/copy"], id="others"),
    ],
)
def test_other_anchors_than_before_are_refused(
    log: str, tmp_path: Path, elsewhere: Path, before: list[str], now: list[str]
) -> None:
    shutil.copytree(elsewhere, elsewhere.with_name("copy"))
    begun = checkpoints(log, tmp_path, [tmp_path / place for place in before])[2]
    with pytest.raises(CheckpointError, match="had other collected anchors: use the same --anchors"):
        go_on(log, tmp_path, begun, [tmp_path / place for place in now])


def test_a_name_is_of_the_folder_in_which_it_was_given(
    log: str, tmp_path: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same words in another folder are other anchors, and other words for the same place are none."""
    monkeypatch.chdir(elsewhere.parent)
    begun = checkpoints(log, tmp_path, [Path("elsewhere")])[2]
    assert same(go_on(log, tmp_path, begun, [elsewhere])) == same(audit(log, tmp_path))
    (tmp_path / "near" / "elsewhere").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "near")
    with pytest.raises(CheckpointError, match="had other collected anchors"):
        go_on(log, tmp_path, begun, [Path("elsewhere")])


def test_anchors_that_were_collected_since_are_compared_with_what_is_verified(
    log: str, tmp_path: Path, elsewhere: Path
) -> None:
    """A place of anchors grows all the time, and is not refused for it."""
    arrives = tmp_path / "arrives"
    arrives.mkdir()
    begun = checkpoints(log, tmp_path, [arrives])
    shutil.copytree(elsewhere, arrives, dirs_exist_ok=True)
    for checkpoint in begun:
        assert go_on(log, tmp_path, checkpoint, [arrives]).findings == ()
    first, second = anchor_files(tmp_path)
    for path in (first, second):
        forged = SentAnchor(chain=path.name, sequence=2, hash=bytes(32))
        with (arrives / path.name).open("ab") as file:
            file.write(msgspec.json.encode(forged) + b"\n")
    whole = audit(log, tmp_path, None, arrives)
    assert [(finding.fault, finding.sequence) for finding in whole.findings] == [(Fault.CHANGED, 2)] * 2
    for checkpoint in begun:
        assert set(go_on(log, tmp_path, checkpoint, [arrives]).findings) == set(whole.findings)


def test_a_chain_that_only_anchors_collected_since_know_of_is_missed(log: str, tmp_path: Path, elsewhere: Path) -> None:
    gone = anchor_files(tmp_path)[0]
    arrives = tmp_path / "arrives"
    arrives.mkdir()
    execute(log, "DELETE FROM prediction_requests WHERE replace(chain_id::text, '-', '') = %s", gone.name)
    execute(log, "DELETE FROM prediction_chains WHERE replace(chain_id::text, '-', '') = %s", gone.name)
    gone.unlink()
    begun = checkpoints(log, tmp_path, [arrives])
    shutil.copytree(elsewhere, arrives, dirs_exist_ok=True)
    for checkpoint in begun:
        report = go_on(log, tmp_path, checkpoint, [arrives])
        assert [(finding.fault, finding.chain_id.hex) for finding in report.findings if finding.chain_id] == [
            (Fault.MISSING, gone.name)
        ]
