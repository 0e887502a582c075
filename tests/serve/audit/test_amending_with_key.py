"""`erase` and `rekey` where anchors are signed, and where the first record of a chain is what is erased of."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fraud.database import connect
from serve.audit import stored_rows
from serve.audit.amendment import Amendment
from serve.audit.checkpoint import Checkpoint
from serve.audit.ledger import LEDGER, LEDGER_PENDING
from serve.audit.request_ids import erase_request_ids
from serve.audit.stored_rows import records_of_request
from serve.audit.verification import verify
from serve.prediction_log.anchor_key import AnchorKey
from serve.prediction_log.anchors import Anchors
from serve.prediction_log.pseudonym import Pseudonyms
from tests.live_stack import project_environment
from tests.serve.audit.log_audit import audit
from tests.serve.prediction_log.landed_spools import WITHOUT_END_MARKS, unpack
from tests.serve.prediction_log_rows import execute, fetch, record, running_spool, ship_all

SECRET = "0123456789" * 4
KEY = AnchorKey(SECRET.encode())
OLD, NEW = "old" * 10, "new" * 10
KEYS = {"APPLICANT_REF_KEY": NEW, "APPLICANT_REF_OLD_KEYS": OLD}
ERASE = ("erase", "--applicant-ref", "anna", "--with-request-ids")
REKEY = ("rekey", "--refs", "refs")
ERASE_IDS = ("erase", "--request-id", "berta's")


@pytest.fixture
def log(database: str, tmp_path: Path) -> str:
    """Anna and Berta under the old key, the anchors signed."""
    old = Pseudonyms(OLD)
    with running_spool(tmp_path) as spool:
        for name in ("anna", "berta"):
            spool.append(record(request_id=f"{name}'s", applicant_refs=[old.of(name)]))
    ship_all(tmp_path, database, KEY)
    (tmp_path / "refs").write_text("anna\nberta\n")
    return database


def run(dsn: str, spool: Path, *command: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "serve.audit", *command],
        env=project_environment(RUN_DIR=str(spool), SPOOL_DIR=str(spool), DATABASE_URL=dsn, **KEYS, **settings),
        cwd=spool,
        capture_output=True,
        text=True,
        check=False,
    )


def test_amendments_under_the_key_are_signed(log: str, tmp_path: Path) -> None:
    for command, said in (
        (REKEY, "rekeyed: 2 rows in 2 records"),
        (ERASE, "erased: 1 row in 1 record"),
        (ERASE_IDS, "erased: the id of 1 record"),
    ):
        done = run(log, tmp_path, *command, AUDIT_KEY=SECRET)
        assert (done.returncode, said in done.stdout) == (0, True), done.stdout + done.stderr
        for chain_id in (LEDGER, LEDGER_PENDING):
            anchor = Anchors(tmp_path).of(chain_id)
            assert anchor is not None
            assert KEY.has_signed(chain_id, anchor)
    verified = run(log, tmp_path, "verify", AUDIT_KEY=SECRET)
    assert (verified.returncode, "2 records in 1 chain, 5 erasures, 0 findings" in verified.stdout) == (0, True), (
        verified.stdout + verified.stderr
    )
    assert fetch(log, "SELECT count(*) FROM prediction_requests WHERE request_id !~ '^erased-[0-9a-f]{16}$'") == [(0,)]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        pytest.param({}, "AUDIT_KEY is not set, but the anchors here are signed", id="no key"),
        pytest.param(
            {"AUDIT_KEY": "x" * 40},
            "is not signed with AUDIT_KEY: run this command with the server's key",
            id="another key",
        ),
    ],
)
def test_nothing_is_amended_without_the_key_that_signs(
    log: str, tmp_path: Path, settings: dict[str, str], said: str
) -> None:
    """Signed otherwise, the ledger's anchor would look like a forger's for ever."""
    for command in (REKEY, ERASE, ERASE_IDS):
        done = run(log, tmp_path, *command, **settings)
        assert (done.returncode, said in done.stderr) == (2, True), done.stdout + done.stderr
        assert "\n" not in done.stderr.strip()
    assert Anchors(tmp_path).of(LEDGER) is None
    assert fetch(log, "SELECT count(*) FROM prediction_erasures") == [(0,)]
    assert audit(log, tmp_path, KEY).findings == ()


def erase_ids(dsn: str, spool: Path, request_id: str) -> None:
    with connect(dsn) as connection:
        amendment = Amendment(connection, Anchors(spool))
        records = list(records_of_request(connection, request_id))
        assert [logged.record.facts.sequence for logged in records] == [1]
        erase_request_ids(connection, amendment, records)
        amendment.commit()


CHANGES = (
    "UPDATE prediction_requests SET caller = 'me' WHERE request_id LIKE 'erased-%%'",
    "UPDATE prediction_requests SET model_version = 9 WHERE request_id LIKE 'erased-%%'",
    "UPDATE prediction_requests SET request_id = 'erased-0' WHERE request_id LIKE 'erased-%%'",
)
RESTORE = """
    UPDATE prediction_requests AS now
    SET caller = kept.caller, model_version = kept.model_version, request_id = kept.request_id
    FROM kept WHERE now.hash = kept.hash
"""


@pytest.mark.parametrize("first", ["ours", "whole-1"], ids=["with its id in its hashes", "of before"])
def test_the_first_record_s_request_id_can_be_erased_and_nothing_else_of_it_changed(
    database: str, tmp_path: Path, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_rows, "PAGE_RECORDS", 1)
    unpack(WITHOUT_END_MARKS, tmp_path)
    with running_spool(tmp_path) as spool:
        for request_id in ("ours", "next"):
            spool.append(record(request_id=request_id))
    ship_all(tmp_path, database)
    erase_ids(database, tmp_path, first)
    ((left,),) = fetch(database, "SELECT request_id FROM prediction_requests WHERE request_id LIKE 'erased-%%'")
    erase_ids(database, tmp_path, left)
    begun: list[Checkpoint] = []
    with connect(database) as connection:
        whole = verify(connection, tmp_path, save=lambda checkpoint: begun.append(checkpoint()))
    assert (whole.records, whole.erasures, whole.findings) == (7, 2, ())
    for checkpoint in begun:
        with connect(database) as connection:
            assert verify(connection, tmp_path, begun=checkpoint).findings == ()
    execute(database, "CREATE TABLE kept AS SELECT * FROM prediction_requests WHERE request_id LIKE 'erased-%%'")
    for change in CHANGES:
        execute(database, change)
        found = [(finding.what, finding.sequence) for finding in audit(database, tmp_path).findings]
        assert found == [("it does not follow from the record before it", 1)], change
        execute(database, RESTORE)
    assert audit(database, tmp_path).findings == ()
