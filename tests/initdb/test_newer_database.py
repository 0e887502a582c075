"""A database of a later version of this project: no program reads it or changes it, and all say what to do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fraud.errors import NewerDatabaseError
from fraud.schema_version import NEWEST_VERSION
from fraud.stack.ports import hold_port
from tests.initdb.schema_text import schema_text
from tests.live_stack import project_environment
from tests.serve.prediction_log_rows import execute, fetch, new_shipper, record, running_spool

SET_VERSION = "UPDATE schema_version SET version_num = %s"
REFUSAL = (
    f"the database's schema has version {NEWEST_VERSION + 4}, and this program knows those up to {NEWEST_VERSION}: "
    "update the program, or name another database, into which a backup from before was restored"
)


@pytest.fixture
def newer_database(database: str) -> str:
    execute(database, SET_VERSION, f"{NEWEST_VERSION + 4:04}")
    return database


@pytest.mark.parametrize(
    "command",
    [
        pytest.param("initdb", id="a start's first step"),
        pytest.param("initdb --schema-only", id="schema only"),
        pytest.param("initdb upgrade", id="upgrade"),
        pytest.param("initdb upgrade --check", id="upgrade --check"),
        pytest.param("serve", id="server"),
        pytest.param("train", id="trainer"),
        pytest.param("train.data_check", id="data check"),
        pytest.param("serve.audit verify", id="auditor"),
        pytest.param("serve.audit erase --applicant-ref anna", id="erasure"),
    ],
)
def test_start_is_refused_in_one_line(newer_database: str, tmp_path: Path, command: str) -> None:
    before = schema_text(newer_database)
    done = subprocess.run(
        [sys.executable, "-m", *command.split()],
        env=project_environment(
            DATABASE_URL=newer_database,
            RUN_DIR=str(tmp_path),
            MLFLOW_TRACKING_URI="http://127.0.0.1:9/mlflow",
            ADMIN_PASSWORD="x" * 8,
            APPLICANT_REF_KEY="k" * 32,
            AUTHENTICATION="off",
            SERVE_PORT=str(hold_port()),
        ),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert [line for line in done.stderr.splitlines() if REFUSAL in line], done.stderr
    assert "Traceback" not in done.stderr
    assert schema_text(newer_database) == before


def test_records_wait_in_the_spool_for_the_program_that_knows_the_database(newer_database: str, tmp_path: Path) -> None:
    with running_spool(tmp_path) as spool:
        spool.append(record())
    shipper = new_shipper(tmp_path, newer_database)
    for _ in range(2):
        with pytest.raises(NewerDatabaseError):
            shipper.ship()
    assert fetch(newer_database, "SELECT count(*) FROM prediction_requests") == [(0,)]
    execute(newer_database, SET_VERSION, f"{NEWEST_VERSION:04}")
    assert shipper.ship() > 0
    assert fetch(newer_database, "SELECT count(*) FROM prediction_requests") == [(1,)]
