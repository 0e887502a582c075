"""A key can be replaced: persons are found under all that are known, and rekeyed where their reference is given."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fraud.counted import counted
from fraud.verdict import Verdict
from serve.prediction_log.pseudonym import KEY_ID_BYTES, Pseudonyms
from tests.live_stack import project_environment
from tests.serve.audit.log_audit import audit
from tests.serve.prediction_log_rows import execute, fetch, record, running_spool, ship_all, some_reasons

OLD, NEW = "old" * 10, "new" * 10
ROTATED = {"APPLICANT_REF_KEY": NEW, "APPLICANT_REF_OLD_KEYS": OLD}


def run(dsn: str, spool: Path, *command: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "serve.audit", *command],
        env=project_environment(RUN_DIR=str(spool), SPOOL_DIR=str(spool), DATABASE_URL=dsn, **{**ROTATED, **settings}),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def log(database: str, tmp_path: Path) -> str:
    """Anna under no key's id, under the old key and under the new one; Berta under the old key."""
    old, new = Pseudonyms(OLD), Pseudonyms(NEW)
    with running_spool(tmp_path) as spool:
        spool.append(record(request_id="bare", applicant_refs=[old.of("anna")[KEY_ID_BYTES:]]))
        refs = old.of_rows(["anna", "berta"])
        spool.append(record(rows=2, request_id="old", applicant_refs=refs, reasons=some_reasons(2)))
        spool.append(record(request_id="new", applicant_refs=new.of_rows(["anna"])))
    ship_all(tmp_path, database)
    return database


@pytest.mark.parametrize(
    ("settings", "rows"),
    [
        pytest.param({}, 3, id="all keys"),
        pytest.param({"APPLICANT_REF_OLD_KEYS": ""}, 1, id="the newest alone"),
        pytest.param({"APPLICANT_REF_KEY": OLD, "APPLICANT_REF_OLD_KEYS": f" other , {NEW}"}, 3, id="in any order"),
    ],
)
def test_a_person_is_found_under_every_known_key(log: str, tmp_path: Path, settings: dict[str, str], rows: int) -> None:
    told = run(log, tmp_path, "erase", "--applicant-ref", "anna", **settings)
    assert told.returncode == 0, told.stderr
    assert f"erased: {counted(rows, 'row')} in {counted(rows, 'record')}" in told.stdout
    assert audit(log, tmp_path).verdict is Verdict.PASS


def test_listed_persons_are_rekeyed_and_the_others_counted(log: str, tmp_path: Path) -> None:
    listed = tmp_path / "refs"
    listed.write_text("anna\n\nnobody\n")
    before = run(log, tmp_path, "rekey")
    assert before.returncode == 10
    old, new = Pseudonyms(OLD).key_ids()[0].hex(), Pseudonyms(NEW).key_ids()[0].hex()
    assert f"newest key ({new}): 1 row" in before.stdout
    assert "from before keys had ids: 1 row" in before.stdout
    done = run(log, tmp_path, "rekey", "--refs", str(listed))
    assert done.returncode == 10, done.stderr
    assert "rekeyed: 2 rows in 2 records" in done.stdout
    assert f"newest key ({new}): 3 rows" in done.stdout
    assert f"earlier key ({old}): 1 row" in done.stdout
    assert audit(log, tmp_path).verdict is Verdict.PASS
    listed.write_text("berta\n")
    assert run(log, tmp_path, "rekey", "--refs", str(listed)).returncode == 0, "all are"
    assert run(log, tmp_path, "access", "--applicant-ref", "berta", APPLICANT_REF_OLD_KEYS="").returncode == 0
    assert "rekeyed: 0 rows" in run(log, tmp_path, "rekey", "--refs", str(listed)).stdout
    assert audit(log, tmp_path).verdict is Verdict.PASS
    execute(log, "UPDATE prediction_requests SET applicant_refs[1] = applicant_refs[2] WHERE request_id = 'old'")
    assert audit(log, tmp_path).verdict is Verdict.FAIL


def test_a_row_says_under_which_key_it_is_and_nothing_of_the_key(log: str) -> None:
    ((ref,),) = fetch(log, "SELECT applicant_refs[1] FROM prediction_requests WHERE request_id = 'new'")
    assert len(ref) == 36
    assert bytes(ref)[:KEY_ID_BYTES] == Pseudonyms(NEW).key_ids()[0]
    assert Pseudonyms(NEW).key_ids()[0] not in NEW.encode()
