"""A backup has each record once, is restored elsewhere as it was, and is refused where it would do harm."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
from psycopg2.extensions import make_dsn

from fraud.schema_version import NEWEST_VERSION
from fraud.verdict import Verdict
from serve.audit.backup.manifest import DUMP, MANIFEST, SPOOL
from serve.audit.erasure import erase
from serve.prediction_log.anchors import Anchors
from serve.prediction_log.pseudonym import Pseudonyms
from tests.databases import new_database
from tests.live_stack import project_environment
from tests.serve.audit.log_audit import audit
from tests.serve.prediction_log_rows import execute, fetch, record, running_spool, ship_all, some_reasons

PSEUDONYMS = Pseudonyms("k" * 32)
SETTINGS = {
    "SERVER_DB_PASSWORD": "server",
    "TRAINER_DB_PASSWORD": "trainer",
    "AUDITOR_DB_PASSWORD": "auditor",
    "MLFLOW_DB_PASSWORD": "mlflow",
}
ROWS = "SELECT * FROM prediction_logs ORDER BY request_id, row_number"
REQUESTS = "SELECT request_id, count(*) FROM prediction_requests GROUP BY 1 ORDER BY 1"


def run(command: str, folder: Path, dsn: str, spool: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "serve.audit", command, str(folder), *options],
        env=project_environment(RUN_DIR=str(spool.parent), SPOOL_DIR=str(spool), DATABASE_URL=dsn, **SETTINGS),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def target(postgres: str) -> Iterator[str]:
    """Owner's connection string of an empty database beside the one that is backed up."""
    with new_database(postgres, "restored") as dsn:
        yield dsn


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "machine" / "spool"


@pytest.fixture
def log(database: str, spool: Path) -> str:
    """Records that are shipped, one person erased of them, and one record that is not shipped yet."""
    with running_spool(spool) as running:
        for number in range(3):
            refs = PSEUDONYMS.of_rows(["anna", "berta"])
            reasons = some_reasons(2) if number else None
            running.append(record(rows=2, request_id=f"shipped-{number}", applicant_refs=refs, reasons=reasons))
        ship_all(spool, database)
        connection = psycopg2.connect(database)
        erase(connection, Anchors(spool), PSEUDONYMS.all_of("anna"))
        connection.close()
        running.append(record(request_id="waiting"))
    execute(database, "CREATE TABLE mlflow.experiments (name text)")
    execute(database, "ALTER TABLE mlflow.experiments OWNER TO scoring_mlflow")
    return database


@pytest.fixture
def backup(log: str, spool: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "backup"
    done = run("backup", folder, log, spool)
    assert done.returncode == 0, done.stderr
    return folder


def test_a_restored_database_equals_the_original(log: str, backup: Path, target: str, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere" / "spool"
    done = run("restore", backup, target, elsewhere)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "pass: 3 records in 1 chain, 3 erasures, 0 findings" in done.stdout
    assert fetch(target, ROWS) == fetch(log, ROWS)
    ship_all(elsewhere, target)
    assert fetch(target, REQUESTS) == [*((f"shipped-{number}", 1) for number in range(3)), ("waiting", 1)]
    assert audit(target, elsewhere).verdict is Verdict.PASS


def test_a_restore_makes_the_rights_anew(backup: Path, target: str, tmp_path: Path) -> None:
    run("restore", backup, target, tmp_path / "elsewhere" / "spool")
    rights = "SELECT has_database_privilege('public', current_database(), 'CONNECT')"
    assert fetch(target, rights) == [(False,)], "a dump has no grants of the database itself"
    server = make_dsn(target, user="scoring_server", password=SETTINGS["SERVER_DB_PASSWORD"])
    assert fetch(target, "SELECT has_table_privilege('scoring_server', 'prediction_requests', 'INSERT')") == [(True,)]
    mlflow = make_dsn(target, user="scoring_mlflow", password=SETTINGS["MLFLOW_DB_PASSWORD"])
    execute(mlflow, "ALTER TABLE mlflow.experiments ADD COLUMN stage text")
    assert fetch(server, "SELECT count(*) FROM prediction_chains") == [(1,)]


def test_a_backup_is_its_owners_alone(backup: Path) -> None:
    assert all(not path.stat().st_mode & 0o077 for path in (backup, *backup.rglob("*")))


def test_a_backups_result_is_in_the_database(log: str, backup: Path, spool: Path) -> None:
    assert run("backup", backup, log, spool).returncode == 2, "the folder is not empty"
    taken, failed = fetch(log, "SELECT verdict, page, facts FROM reports WHERE kind = 'backup' ORDER BY number")
    assert taken[0] == "pass"
    assert json.loads(taken[2])["folder"] == str(backup)
    assert set(json.loads(taken[2])["files"]) == set(json.loads((backup / MANIFEST).read_text())["files"])
    assert failed[0] == "error"
    assert "a backup is there" in json.loads(failed[2])["fault"]
    assert "a backup is there" in failed[1]


def change_a_byte(backup: Path) -> None:
    path = backup / DUMP
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def lose_a_segment(backup: Path) -> None:
    next((backup / SPOOL).glob("*.sealed")).unlink()


def break_off(backup: Path) -> None:
    (backup / MANIFEST).unlink()


def come_from_the_future(backup: Path) -> None:
    path = backup / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema_version": NEWEST_VERSION + 1}))


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (change_a_byte, "database.dump was changed since it was written"),
        (lose_a_segment, "can't be read (No such file or directory)"),
        (break_off, "is not a backup, or it was interrupted"),
        (come_from_the_future, "update the program, then restore"),
    ],
)
def test_a_backup_that_is_no_good_is_refused(harm: object, said: str, backup: Path, target: str, spool: Path) -> None:
    assert callable(harm)
    harm(backup)
    elsewhere = spool.parent / "other"
    done = run("restore", backup, target, elsewhere)
    assert done.returncode == 2
    assert said in done.stderr
    assert fetch(target, "SELECT to_regclass('prediction_requests')") == [(None,)]
    assert not elsewhere.exists()


def test_a_used_database_is_left_as_it_is(log: str, backup: Path, tmp_path: Path) -> None:
    before = fetch(log, ROWS)
    done = run("restore", backup, log, tmp_path / "elsewhere" / "spool")
    assert done.returncode == 2
    assert "is not empty: create another one" in done.stderr
    assert fetch(log, ROWS) == before


def test_a_used_spool_is_left_as_it_is(backup: Path, target: str, spool: Path) -> None:
    before = sorted(spool.rglob("*"))
    done = run("restore", backup, target, spool)
    assert done.returncode == 2
    assert "set SPOOL_DIR to another folder" in done.stderr
    assert sorted(spool.rglob("*")) == before


def test_a_second_backup_does_not_replace_the_first(log: str, backup: Path, spool: Path) -> None:
    before = (backup / MANIFEST).read_bytes()
    done = run("backup", backup, log, spool)
    assert done.returncode == 2
    assert "name another folder" in done.stderr
    assert (backup / MANIFEST).read_bytes() == before


def test_a_restore_that_fails_leaves_nothing_half_done(backup: Path, target: str, tmp_path: Path) -> None:
    """The one for which the disk was full, for example: the database is as empty as before."""
    programs = tmp_path / "programs"
    programs.mkdir()
    script = "#!/bin/sh\ncase $1 in --version) echo 'pg_restore (PostgreSQL) 99.0';; --list) ;; *) exit 1;; esac\n"
    (programs / "pg_restore").write_text(script)
    (programs / "pg_restore").chmod(0o700)
    elsewhere = tmp_path / "elsewhere" / "spool"
    done = run("restore", backup, target, elsewhere, "--programs", str(programs))
    assert done.returncode == 2
    assert not elsewhere.exists()
    assert fetch(target, "SELECT to_regclass('prediction_requests')") == [(None,)]
    assert run("restore", backup, target, elsewhere).returncode == 0, "and then it works"
