"""With the key, `verify` finds who changes anchors, whatever they do to the database at the same time."""

from __future__ import annotations

import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from fraud.verdict import Verdict
from serve.audit.findings import Fault, Finding
from serve.audit.ledger import LEDGER
from serve.prediction_log.anchor import Anchor, Register
from serve.prediction_log.anchor_book import AnchorBook
from serve.prediction_log.anchor_key import AnchorKey
from serve.prediction_log.anchors import Anchors
from serve.prediction_log.pseudonym import Pseudonyms
from serve.prediction_log.table import ChainEnd
from tests.live_stack import project_environment
from tests.serve.audit.log_audit import audit
from tests.serve.prediction_log_rows import anchor_files, execute, fetch, record, running_spool, ship_all

SECRET = "0123456789" * 4
REF_KEY = "k" * 32
KEY = AnchorKey(SECRET.encode())
OTHER_KEY = AnchorKey(b"another key, as long as it has to be")
END = (
    "DELETE FROM prediction_requests WHERE sequence = 3;"
    "UPDATE prediction_chains SET sequence = 2, hash = (SELECT hash FROM prediction_requests WHERE sequence = 2)"
)


def fill(spool_folder: Path, dsn: str, key: AnchorKey | None) -> None:
    with running_spool(spool_folder) as spool:
        for _ in range(3):
            spool.append(record())
    ship_all(spool_folder, dsn, key)


@pytest.fixture
def log(database: str, tmp_path: Path) -> str:
    """A log of one chain of three records, its anchor signed."""
    fill(tmp_path, database, KEY)
    return database


def only_anchor(spool: Path) -> tuple[uuid.UUID, Anchor]:
    (path,) = anchor_files(spool)
    chain_id = uuid.UUID(path.name)
    anchor = Anchors(spool).of(chain_id)
    assert anchor is not None
    return chain_id, anchor


def found(findings: tuple[Finding, ...]) -> set[tuple[Fault, str]]:
    return {(finding.fault, finding.what) for finding in findings}


def test_signed_anchors_pass_with_the_key_and_without(log: str, tmp_path: Path) -> None:
    assert audit(log, tmp_path, KEY).findings == ()
    assert audit(log, tmp_path).findings == ()


def fit_to_the_database(log: str, spool: Path, key: AnchorKey | None) -> None:
    """Have the anchor say what the database says now."""
    ((sequence, last),) = fetch(log, "SELECT sequence, hash FROM prediction_requests ORDER BY sequence DESC LIMIT 1")
    chain_id, anchor = only_anchor(spool)
    anchor = msgspec.structs.replace(anchor, sequence=sequence, hash=bytes(last))
    path = spool / "anchors" / chain_id.hex
    path.write_bytes(msgspec.json.encode(anchor if key is None else key.signed(chain_id, anchor)))


def change_it(log: str, spool: Path) -> None:
    fit_to_the_database(log, spool, None)


def sign_it_with_another_key(log: str, spool: Path) -> None:
    fit_to_the_database(log, spool, OTHER_KEY)


def strip_its_signature(log: str, spool: Path) -> None:
    fit_to_the_database(log, spool, None)
    chain_id, anchor = only_anchor(spool)
    Anchors(spool).write(chain_id, anchor)


def give_it_that_of_another_chain(log: str, spool: Path) -> None:
    chain_id, anchor = only_anchor(spool)
    other = KEY.signed(uuid.uuid4(), anchor)
    (spool / "anchors" / chain_id.hex).write_bytes(msgspec.json.encode(other))


def strip_it_and_write_to_the_chain(log: str, spool: Path) -> None:
    """As the server goes on with the chain, it signs no anchor that it finds unsigned."""
    strip_its_signature(log, spool)
    chain_id, anchor = only_anchor(spool)
    book = AnchorBook(spool, KEY)
    book.move(ChainEnd(chain_id, anchor.sequence, anchor.hash))


def strip_it_and_begin_anew(log: str, spool: Path) -> None:
    """The server that starts next begins to sign, as if it never had; that is one of several anchors here."""
    fill(spool, log, KEY)
    (spool / "anchors" / "register").unlink()
    path = next(path for path in anchor_files(spool))
    anchor = Anchors(spool).of(uuid.UUID(path.name))
    assert anchor is not None
    Anchors(spool).write(uuid.UUID(path.name), anchor)
    AnchorBook(spool, KEY)


@pytest.mark.parametrize(
    ("manipulate", "told"),
    [
        pytest.param(change_it, "its anchor does not match its signature under this key", id="changed"),
        pytest.param(
            sign_it_with_another_key, "its anchor does not match its signature under this key", id="signed again"
        ),
        pytest.param(strip_its_signature, "its anchor is not signed, as all are since", id="signature stripped"),
        pytest.param(
            give_it_that_of_another_chain,
            "its anchor does not match its signature under this key",
            id="of another chain",
        ),
        pytest.param(
            strip_it_and_write_to_the_chain, "its anchor is not signed, as all are since", id="stripped, then moved"
        ),
        pytest.param(
            strip_it_and_begin_anew, "its anchor is not signed, as all are since", id="stripped, register removed"
        ),
    ],
)
def test_an_anchor_that_fits_a_changed_database_is_found(
    log: str, tmp_path: Path, manipulate: Callable[[str, Path], None], told: str
) -> None:
    execute(log, END)
    manipulate(log, tmp_path)
    report = audit(log, tmp_path, KEY)
    assert report.verdict is Verdict.FAIL
    assert any(what.startswith(told) for fault, what in found(report.findings) if fault is Fault.CHANGED)


def test_a_chain_that_goes_with_its_anchor_is_found(log: str, tmp_path: Path) -> None:
    fill(tmp_path, log, KEY)
    gone, _ = anchor_files(tmp_path)
    execute(log, "DELETE FROM prediction_requests WHERE chain_id::text = %s", str(uuid.UUID(gone.name)))
    execute(log, "DELETE FROM prediction_chains WHERE chain_id::text = %s", str(uuid.UUID(gone.name)))
    gone.unlink()
    assert audit(log, tmp_path).findings == (), "without the key nobody can tell"
    (finding,) = audit(log, tmp_path, KEY).findings
    assert (finding.fault, finding.chain_id) == (Fault.MISSING, uuid.UUID(gone.name))


def remove(path: Path) -> None:
    path.unlink()


def date_later(path: Path) -> None:
    register = msgspec.json.decode(path.read_bytes(), type=Register)
    path.write_bytes(msgspec.json.encode(msgspec.structs.replace(register, signed_since=time.time_ns() // 1000)))


def forget_chains(path: Path) -> None:
    register = msgspec.json.decode(path.read_bytes(), type=Register)
    path.write_bytes(msgspec.json.encode(msgspec.structs.replace(register, chains=())))


def sign_with_another_key(path: Path) -> None:
    register = msgspec.json.decode(path.read_bytes(), type=Register)
    path.write_bytes(msgspec.json.encode(OTHER_KEY.signed_register(register)))


def spoil(path: Path) -> None:
    path.write_bytes(b"{")


@pytest.mark.parametrize(
    "change",
    [remove, date_later, forget_chains, sign_with_another_key, spoil],
    ids=lambda change: change.__name__.replace("_", " "),
)
def test_the_register_of_anchors_can_not_change(log: str, tmp_path: Path, change: Callable[[Path], None]) -> None:
    change(tmp_path / "anchors" / "register")
    assert audit(log, tmp_path, KEY).verdict is Verdict.FAIL


def test_signing_begins_with_all_that_is_there(database: str, tmp_path: Path) -> None:
    fill(tmp_path, database, None)
    assert audit(database, tmp_path, KEY).verdict is Verdict.FAIL, "nothing is signed yet"
    fill(tmp_path, database, KEY)
    assert audit(database, tmp_path, KEY).findings == ()


def test_a_beginning_that_was_cut_off_goes_on(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(2):
        fill(tmp_path, database, None)
    write = Anchors.write

    def write_one(self: Anchors, *arguments: object, **more: object) -> Anchor:
        monkeypatch.setattr(Anchors, "write", refuse)
        return write(self, *arguments, **more)  # type: ignore[arg-type]

    def refuse(*_arguments: object, **_more: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Anchors, "write", write_one)
    with pytest.raises(OSError, match="No space left"):
        AnchorBook(tmp_path, KEY)
    monkeypatch.undo()
    AnchorBook(tmp_path, KEY)
    assert audit(database, tmp_path, KEY).findings == ()


def test_a_server_without_the_key_ships_and_its_anchors_are_found(log: str, tmp_path: Path) -> None:
    fill(tmp_path, log, None)
    report = audit(log, tmp_path, KEY)
    assert report.records == 6
    assert [finding.what.partition(",")[0] for finding in report.findings] == ["its anchor is not signed"]
    fill(tmp_path, log, KEY)
    assert len(audit(log, tmp_path, KEY).findings) == 1


def run_audit(spool: Path, dsn: str, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "serve.audit", *arguments],
        env=project_environment(RUN_DIR=str(spool), SPOOL_DIR=str(spool), DATABASE_URL=dsn, **settings),
        cwd=spool,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_takes_the_key_from_a_variable_or_a_file(log: str, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(SECRET + "\n")
    for settings, told in (
        ({"AUDIT_KEY": SECRET}, "and were checked"),
        ({"AUDIT_KEY_FILE": str(file)}, "and were checked"),
        ({}, "their signatures were not checked"),
    ):
        run = run_audit(tmp_path, log, "verify", **settings)
        assert (run.returncode, told in run.stdout) == (0, True), run.stdout + run.stderr
    run = run_audit(tmp_path, log, "verify", AUDIT_KEY="x" * 40)
    assert run.returncode == 10
    assert SECRET not in run.stdout + run.stderr


def test_writers_of_anchors_need_the_key(log: str, tmp_path: Path) -> None:
    with running_spool(tmp_path) as spool:
        spool.append(record(applicant_refs=[Pseudonyms(REF_KEY).of("anna")]))
    ship_all(tmp_path, log, KEY)
    erase = ("erase", "--applicant-ref", "anna")
    for arguments in (erase, ("salvage",)):
        run = run_audit(tmp_path, log, *arguments, APPLICANT_REF_KEY=REF_KEY)
        assert (run.returncode, "AUDIT_KEY is not set" in run.stderr) == (2, True), run.stdout + run.stderr
    run = run_audit(tmp_path, log, *erase, APPLICANT_REF_KEY=REF_KEY, AUDIT_KEY=SECRET)
    assert run.returncode == 0, run.stderr
    ledger = Anchors(tmp_path).of(LEDGER)
    assert ledger is not None
    assert KEY.has_signed(LEDGER, ledger)
    assert audit(log, tmp_path, KEY).findings == ()
