"""The embedded server's ways back: another folder, another moment, another major version of PostgreSQL."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from psycopg2.extensions import parse_dsn

from fraud.database import open_connection
from fraud.stack import postgres as embedded
from fraud.stack.errors import StackError
from fraud.stack.postgres import OWNER, EmbeddedPostgres, program_folder
from fraud.stack.unprivileged import guise_for
from initdb.schema import apply_schema
from tests.live_stack import project_environment, wait_until
from tests.serve.audit.log_audit import audit
from tests.serve.prediction_log_rows import fetch, record, running_spool, ship_all

DATABASE = "marriage_loans"
IDS = "SELECT request_id FROM prediction_requests ORDER BY 1"


@contextmanager
def running(data_dir: Path) -> Iterator[str]:
    server = EmbeddedPostgres(data_dir, DATABASE)
    try:
        yield server.start()
    finally:
        server.stop()


def add(dsn: str, spool: Path, *request_ids: str) -> None:
    with running_spool(spool) as log:
        for request_id in request_ids:
            log.append(record(request_id=request_id))
    ship_all(spool, dsn)


def run_audit(*command: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "serve.audit", *command],
        env=project_environment(**settings),
        capture_output=True,
        text=True,
        check=False,
    )


def back_up(run_dir: Path, folder: Path, dsn: str) -> None:
    done = run_audit("backup", str(folder), RUN_DIR=str(run_dir), DATABASE_URL=dsn)
    assert done.returncode == 0, done.stderr


STREAMING = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"


def restore(run_dir: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return run_audit("restore", str(folder), RUN_DIR=str(run_dir))


def test_a_backup_is_restored_into_a_run_folder_that_is_new(postgres_folder: Path) -> None:
    old, new = postgres_folder / "old", postgres_folder / "new"
    with running(old / "postgres") as dsn:
        apply_schema(dsn)
        add(dsn, old / "spool", "a", "b")
        back_up(old, postgres_folder / "backup", dsn)
    done = restore(new, postgres_folder / "backup")
    assert done.returncode == 0, done.stdout + done.stderr
    with running(new / "postgres") as dsn:
        assert fetch(dsn, IDS) == [("a",), ("b",)]
    again = restore(old, postgres_folder / "backup")
    assert again.returncode == 2
    assert "set RUN_DIR to another folder" in again.stderr


def test_a_base_backup_and_wal_give_any_moment_after_it(postgres_folder: Path) -> None:
    """As docs/how-to/back-up-and-restore.md has it; `verify` names each record that came after the moment."""
    folder, spool = postgres_folder, postgres_folder / "spool"
    (folder / "wal").mkdir()
    with running(folder / "postgres") as dsn:
        login = ["--no-password", f"--host={parse_dsn(dsn)['host']}", f"--username={OWNER}"]
        receiver = subprocess.Popen(
            [program_folder() / "pg_receivewal", *login, f"--directory={folder / 'wal'}", "--no-loop"]
        )
        try:
            # Before it streams, the server may remove a segment that it is about to ask for.
            wait_until(lambda: fetch(dsn, STREAMING) == [(1,)], 60, "the receiver streams")
            apply_schema(dsn)
            add(dsn, spool, "before the base")
            subprocess.run(
                [program_folder() / "pg_basebackup", *login, f"--pgdata={folder / 'base'}", "--checkpoint=fast"],
                check=True,
            )
            add(dsn, spool, "before the moment")
            ((moment, _),) = fetch(dsn, "SELECT clock_timestamp()::text, pg_sleep(0.01)")
            add(dsn, spool, "after it")
            ((last,),) = fetch(dsn, "SELECT pg_walfile_name(pg_switch_wal())")
            wait_until((folder / "wal" / last).exists, 60, "the WAL has arrived")
        finally:
            receiver.terminate()
            receiver.wait()
    for file in (folder / "wal").iterdir():
        shutil.copy(file, folder / "base" / "pg_wal")
    (folder / "base" / "recovery.signal").touch()
    with (folder / "base" / "postgresql.auto.conf").open("a") as settings:
        settings.write("restore_command = 'false'\nrecovery_target_action = 'promote'\n")
        settings.write(f"recovery_target_time = '{moment}'\n")
    with running(folder / "base") as dsn:
        assert fetch(dsn, IDS) == [("before the base",), ("before the moment",)]
        (finding,) = audit(dsn, spool).findings
        assert "all records up to 1 are missing" in str(finding)


def make_cluster_of_16(data_dir: Path, programs: Path) -> None:
    data_dir.mkdir(mode=0o700, parents=True)
    package = programs.parents[1]
    libraries = package.with_name(f"{package.name}.libs")
    guise = guise_for({package: package.name, libraries: libraries.name, data_dir: "data"})
    guise.own(data_dir)
    command = [str(guise.seen(programs / "initdb")), "--username", OWNER, "--encoding", "UTF8", "--locale", "C"]
    subprocess.run(
        [*command, "-D", str(guise.seen(data_dir))], check=True, stdout=subprocess.DEVNULL, preexec_fn=guise.put_on
    )


def test_a_database_of_an_older_postgresql_comes_over_by_backup_and_restore(
    postgres_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = postgres_folder / "old", postgres_folder / "new"
    programs = program_folder().parents[1] / "pginstall" / "bin"
    if not os.access(programs / "postgres", os.X_OK):
        pytest.skip("the wheel brings no older PostgreSQL")
    make_cluster_of_16(old / "postgres", programs)
    with monkeypatch.context() as older:
        older.setattr(embedded, "VERSION", "16")
        older.setattr(embedded, "program_folder", lambda: programs)
        with running(old / "postgres") as dsn:
            apply_schema(dsn)
            add(dsn, old / "spool", "a", "b")
            with closing(open_connection(dsn)) as connection:
                assert connection.server_version // 10_000 == 16
            back_up(old, postgres_folder / "backup", dsn)
    with pytest.raises(StackError, match=r"was made by PostgreSQL 16.*serve\.audit restore"):
        EmbeddedPostgres(old / "postgres", DATABASE).start()
    done = restore(new, postgres_folder / "backup")
    assert done.returncode == 0, done.stdout + done.stderr
    with running(new / "postgres") as dsn:
        assert fetch(dsn, IDS) == [("a",), ("b",)]
