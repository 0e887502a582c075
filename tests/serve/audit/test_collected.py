"""What was collected elsewhere tells of an earlier state that was put back, in the database and among the anchors."""

from __future__ import annotations

import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from fraud.verdict import Verdict
from serve.audit.findings import Fault
from serve.audit.verification import Report
from serve.prediction_log.anchor import Anchor, Register, SentAnchor
from serve.prediction_log.anchor_book import AnchorBook
from serve.prediction_log.anchor_key import AnchorKey
from serve.prediction_log.anchor_place import FolderPlace, SentAnchors
from serve.prediction_log.anchor_sender import AnchorSender
from serve.prediction_log.anchors import Anchors
from tests.live_stack import project_environment
from tests.serve.audit.log_audit import audit
from tests.serve.prediction_log_rows import anchor_files, execute, new_shipper, record, running_spool

KEY = AnchorKey(b"a key of the length that it has to have")
PUT_BACK = (
    "DELETE FROM prediction_requests WHERE sequence > 1;"
    "UPDATE prediction_chains SET sequence = 1, hash = (SELECT hash FROM prediction_requests WHERE sequence = 1)"
)


@pytest.fixture
def log(database: str, tmp_path: Path) -> str:
    """A log of one chain, anchored and sent at its records 1, 2 and 3; `earlier` are the anchors of the first time."""
    spool_folder = tmp_path / "spool"
    (tmp_path / "elsewhere").mkdir()
    with running_spool(spool_folder) as spool:
        for _ in range(3):
            spool.append(record())
            shipper = new_shipper(spool_folder, database, signed_book(spool_folder))
            assert shipper.ship()
            AnchorSender(Anchors(spool_folder), FolderPlace(tmp_path / "elsewhere")).send()
            if not (tmp_path / "earlier").exists():
                shutil.copytree(spool_folder / "anchors", tmp_path / "earlier")
    new_shipper(spool_folder, database, signed_book(spool_folder)).ship()
    return database


def signed_book(spool_folder: Path) -> AnchorBook:
    return AnchorBook(spool_folder, KEY)


def told(report: Report) -> list[tuple[Fault, str]]:
    return [(finding.fault, finding.what.partition(":")[0]) for finding in report.findings]


@pytest.mark.parametrize("key", [KEY, None], ids=["with the key", "without"])
def test_collected_anchors_pass(log: str, tmp_path: Path, key: AnchorKey | None) -> None:
    assert audit(log, tmp_path / "spool", key, tmp_path / "elsewhere").findings == ()


def test_an_earlier_state_that_was_put_back_is_found(log: str, tmp_path: Path) -> None:
    """Each signature is right: only another place can tell."""
    execute(log, PUT_BACK)
    shutil.rmtree(tmp_path / "spool" / "anchors")
    shutil.copytree(tmp_path / "earlier", tmp_path / "spool" / "anchors")
    assert audit(log, tmp_path / "spool", KEY).findings == ()
    report = audit(log, tmp_path / "spool", KEY, tmp_path / "elsewhere")
    assert set(told(report)) == {
        (Fault.CHANGED, "its anchor is at record 1, but was at 3"),
        (Fault.MISSING, "records 2 to 3 are missing from its end"),
    }


def test_a_chain_that_is_gone_with_its_anchors_and_their_register_is_found(log: str, tmp_path: Path) -> None:
    execute(log, "DELETE FROM prediction_requests; DELETE FROM prediction_chains")
    shutil.rmtree(tmp_path / "spool" / "anchors")
    assert audit(log, tmp_path / "spool").findings == ()
    report = audit(log, tmp_path / "spool", None, tmp_path / "elsewhere")
    assert told(report) == [(Fault.MISSING, "all records up to 3 are missing")]


def test_a_record_whose_chain_was_computed_anew_is_found(log: str, tmp_path: Path) -> None:
    """Up to its end; the anchors here fit it."""
    collected = tmp_path / "elsewhere" / anchor_files(tmp_path / "spool")[0].name
    lines = [msgspec.json.decode(line, type=SentAnchor) for line in collected.read_bytes().splitlines()]
    forged = msgspec.structs.replace(lines[1], hash=bytes(32), signature=b"")
    collected.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in (lines[0], forged, lines[2])))
    report = audit(log, tmp_path / "spool", KEY, tmp_path / "elsewhere")
    assert [(finding.fault, finding.sequence) for finding in report.findings] == [(Fault.CHANGED, 2)]


def test_signing_that_was_begun_anew_is_found(log: str, tmp_path: Path) -> None:
    anchors = tmp_path / "spool" / "anchors"
    for path in anchors.iterdir():
        path.unlink()
    for path in (tmp_path / "earlier").iterdir():
        if path.name != "register":
            Anchors(tmp_path / "spool").write(uuid.UUID(path.name), msgspec.json.decode(path.read_bytes(), type=Anchor))
    execute(log, PUT_BACK)
    signed_book(tmp_path / "spool")
    assert audit(log, tmp_path / "spool", KEY).findings == ()
    report = audit(log, tmp_path / "spool", KEY, tmp_path / "elsewhere")
    assert any(what.startswith("anchors were signed since") for _, what in told(report))


def test_another_machine_s_chains_are_witnessed_by_what_it_sent(log: str, tmp_path: Path) -> None:
    assert audit(log, tmp_path / "here").verdict is Verdict.INCONCLUSIVE
    assert audit(log, tmp_path / "here", None, tmp_path / "elsewhere").verdict is Verdict.PASS


def test_servers_that_send_to_one_place_are_verified_on_any_of_them(log: str, tmp_path: Path) -> None:
    """Their anchors are signed since different times."""
    second = tmp_path / "second"
    with running_spool(second) as spool:
        spool.append(record())
        assert new_shipper(second, log, signed_book(second)).ship()
    AnchorSender(Anchors(second), FolderPlace(tmp_path / "elsewhere")).send()
    for folder in (tmp_path / "spool", second):
        assert audit(log, folder, KEY).verdict is Verdict.INCONCLUSIVE
        assert audit(log, folder, KEY, tmp_path / "elsewhere").findings == ()


def as_posted(folder: Path) -> None:
    """What an address has been sent, a body a line."""
    bodies = []
    for path in sorted(folder.iterdir()):
        for line in path.read_bytes().splitlines():
            if path.name != "register":
                register = msgspec.json.decode((folder / "register").read_bytes().splitlines()[-1], type=Register)
                bodies.append(SentAnchors([msgspec.json.decode(line, type=SentAnchor)], register))
    shutil.rmtree(folder)
    folder.write_bytes(b"".join(msgspec.json.encode(body) + b"\n" for body in bodies))


def as_copied(folder: Path) -> None:
    """A copy of the spool's own folder."""
    shutil.rmtree(folder)
    shutil.copytree(folder.parent / "spool" / "anchors", folder)


@pytest.mark.parametrize("store", [as_posted, as_copied], ids=["bodies in a file", "copies of the folder"])
def test_collected_anchors_may_have_several_forms(log: str, tmp_path: Path, store: Callable[[Path], None]) -> None:
    store(tmp_path / "elsewhere")
    report = audit(log, tmp_path / "here", KEY, tmp_path / "elsewhere")
    assert (report.verdict, report.findings) == (Verdict.PASS, ())


@pytest.mark.parametrize("line", [b"?", b"{}", b"[1]", b'{"chain": "x"}', b'{"anchors": 1}', b"\xff"])
def test_a_line_that_is_no_anchor_is_named(log: str, tmp_path: Path, line: bytes) -> None:
    (tmp_path / "elsewhere" / "notes").write_bytes(b"\n" + line + b"\n")
    report = audit(log, tmp_path / "spool", KEY, tmp_path / "elsewhere")
    assert told(report) == [(Fault.DAMAGED, f"{tmp_path / 'elsewhere' / 'notes'}, line 2, is not an anchor")]


def test_changed_collected_anchors_are_found(log: str, tmp_path: Path) -> None:
    chain = anchor_files(tmp_path / "spool")[0].name
    forged = SentAnchor(chain=chain, sequence=9, hash=bytes(32), signature=bytes(32))
    with (tmp_path / "elsewhere" / chain).open("ab") as file:
        file.write(msgspec.json.encode(forged) + b"\n")
    report = audit(log, tmp_path / "spool", KEY, tmp_path / "elsewhere")
    assert told(report) == [(Fault.CHANGED, f"{tmp_path / 'elsewhere' / chain}, line 4, was not signed with this key")]


def test_the_command_reads_several_places(log: str, tmp_path: Path) -> None:
    execute(log, PUT_BACK)
    places = [str(tmp_path / name) for name in ("earlier", "elsewhere")]
    run = subprocess.run(
        [sys.executable, "-m", "serve.audit", "verify", "--anchors", places[0], "--anchors", places[1]],
        env=project_environment(RUN_DIR=str(tmp_path), SPOOL_DIR=str(tmp_path / "none"), DATABASE_URL=log),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, "records 2 to 3 are missing" in run.stdout) == (10, True), run.stdout + run.stderr
    run = subprocess.run(
        [sys.executable, "-m", "serve.audit", "verify", "--anchors", str(tmp_path / "nowhere")],
        env=project_environment(RUN_DIR=str(tmp_path), SPOOL_DIR=str(tmp_path / "none"), DATABASE_URL=log),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, "nowhere" in run.stdout) == (10, True), run.stdout + run.stderr
