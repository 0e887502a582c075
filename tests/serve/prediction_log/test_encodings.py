"""The text that was sent is the text that is stored, whatever role, database and environment say of encodings."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from psycopg2.extensions import make_dsn

from fraud.stack.ports import hold_port
from initdb.schema import set_passwords
from serve.prediction_log.segment import list_segments
from tests.live_stack import project_environment
from tests.serve.conftest import StartServer
from tests.serve.prediction_log_rows import execute, fetch, record, running_spool

NAMES = ["Müller", "Łukasz", "Ελένη", "李", "e\u0301 \U0001f600"]
PASSWORD = "of-the-test"
ROLES = ("scoring_server", "scoring_auditor")


def run(command: str, *arguments: str, folder: Path, dsn: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", command, *arguments],
        env=project_environment(RUN_DIR=str(folder), SPOOL_DIR=str(folder), DATABASE_URL=dsn, **environment),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("statements", "environment"),
    [
        pytest.param(
            [f"ALTER ROLE {role} IN DATABASE {{}} SET client_encoding = 'LATIN1'" for role in ROLES], {}, id="roles"
        ),
        pytest.param(["ALTER DATABASE {} SET client_encoding = 'LATIN1'"], {}, id="database"),
        pytest.param([], {"PGCLIENTENCODING": "LATIN1", "PGTZ": "Asia/Tokyo", "PGDATESTYLE": "SQL, DMY"}, id="libpq"),
        pytest.param(["ALTER DATABASE {} SET search_path = nowhere"], {}, id="path"),
    ],
)
def test_names_are_stored_as_they_were_sent_and_verify(
    database: str, tmp_path: Path, statements: list[str], environment: dict[str, str]
) -> None:
    set_passwords(database, dict.fromkeys(ROLES, PASSWORD))
    ((name,),) = fetch(database, "SELECT current_database()")
    for statement in statements:
        execute(database, statement.format(name))
    with running_spool(tmp_path) as spool:
        for text in NAMES:
            spool.append(record(request_id=text, caller=text, application_ids=[text]))
    server, auditor = (make_dsn(database, user=role, password=PASSWORD) for role in ROLES)
    shipped = run("serve.prediction_log", "--drain", folder=tmp_path, dsn=server, **environment)
    assert shipped.returncode == 0, shipped.stderr
    stored = fetch(database, "SELECT request_id, caller, application_ids[1] FROM prediction_requests ORDER BY sequence")
    assert stored == [(text,) * 3 for text in NAMES]
    verified = run("serve.audit", "verify", folder=tmp_path, dsn=auditor, **environment)
    lines = [line[:16] for line in verified.stdout.splitlines()]
    assert (verified.returncode, "pass: 5 records " in lines) == (0, True), verified.stderr


def test_a_server_before_a_narrow_database_ends_at_its_start(
    narrow_database: str, tmp_path: Path, start_server: StartServer
) -> None:
    with running_spool(tmp_path / "spool") as spool:
        spool.append(record())
    ended = start_server(
        DATABASE_URL=narrow_database,
        MLFLOW_TRACKING_URI="http://127.0.0.1:1",
        ADMIN_PASSWORD="of-the-test",
        AUTHENTICATION="off",
        SERVE_PORT=str(hold_port()),
        SERVE_WORKERS="1",
    )
    assert ended.returncode == 2, ended.stderr
    assert ended.stderr.count("database narrow is in") == 1
    assert list_segments(tmp_path / "spool"), "nothing is removed that was not shipped"
