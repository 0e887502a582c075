"""`restore`: a backup into an empty database and an empty spool, on this machine or another."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from fraud.database import connect
from fraud.schema_version import NEWEST_VERSION
from serve.audit.backup.manifest import DUMP, SPOOL, Manifest, copy_file, read_manifest
from serve.audit.backup.programs import find_program, read_program, run_program
from serve.audit.erasure import APPLICATION_NAME
from serve.audit.errors import AuditError
from serve.prediction_log.segment import make_folder

INITDB: Final = "initdb"
RESTORING: Final = ".restoring"

_TABLES: Final = """
    SELECT count(*) FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace AS schema ON schema.oid = relnamespace
    WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND schema.nspname !~ '^pg_'
        AND schema.nspname <> 'information_schema'
"""
_MLFLOWS: Final = """
    DO $$
    DECLARE
        own regclass;
    BEGIN
        FOR own IN
            SELECT oid FROM pg_catalog.pg_class
            WHERE relnamespace = 'mlflow'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
        LOOP
            EXECUTE pg_catalog.format('ALTER TABLE %s OWNER TO scoring_mlflow', own);
        END LOOP;
    END
    $$
"""
"""MLflow migrates its own tables; their sequences change owner with them."""
_MADE_ANEW: Final = (" SCHEMA - mlflow ", " ACL pg_catalog ")
"""Parts of a dump that `initdb` has created already, or that only a superuser may restore."""


def restore_backup(folder: Path, dsn: str, spool: Path, programs: Path | None) -> Manifest:
    """Restore a backup; roles, passwords and the database's own grants, which dumps don't contain, come from the
    settings. The database is restored in one transaction, and the spool appears last and atomically, so an unfinished
    restore is never served.

    Raises:
        AuditError: the target is not empty; the backup is damaged, or of a later version; or a program fails.
        DatabaseError, psycopg2.Error: PostgreSQL does not answer, or refuses.
        OSError: the spool can't be written.
    """
    manifest = read_manifest(folder)
    if manifest.schema_version > NEWEST_VERSION:
        raise AuditError(
            f"the backup's schema has version {manifest.schema_version}, but this program supports versions up to "
            f"{NEWEST_VERSION}: update the program, then restore"
        )
    if importlib.util.find_spec(INITDB) is None:
        raise AuditError(
            "`initdb`, which creates roles and grants, is not installed: restore on a machine where `make run` works"
        )
    pg_restore = find_program("pg_restore", _refuse_used(dsn, spool), programs)
    staging = spool.with_name(spool.name + RESTORING)
    try:
        _copy_spool(manifest, folder, staging)
        _run(INITDB, "roles", DATABASE_URL=dsn)
        _restore_database(pg_restore, folder / DUMP, dsn)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)  # only a copy; the database is still empty
        raise
    _run(INITDB, "--schema-only", DATABASE_URL=dsn)
    if spool.exists():
        spool.rmdir()
    staging.rename(spool)
    return manifest


def verify_restored(dsn: str, spool: Path) -> int:
    """Run `verify` on the restored record; returns its exit status."""
    return _status("serve.audit", "verify", DATABASE_URL=dsn, SPOOL_DIR=str(spool.resolve()))


def _refuse_used(dsn: str, spool: Path) -> int:
    """PostgreSQL's major version; raises AuditError if database or spool are not empty."""
    with connect(dsn, APPLICATION_NAME) as connection, connection.cursor() as cursor:
        cursor.execute(_TABLES)
        if cursor.fetchone() != (0,):
            raise AuditError(
                f"database {connection.info.dbname} is not empty: create another one (CREATE DATABASE), and set "
                "DATABASE_URL to it; nothing was changed"
            )
        major = connection.server_version // 10_000
    if spool.exists() and any(spool.iterdir()):
        raise AuditError(f"{spool} is not empty: set SPOOL_DIR to another folder; the records there must be shipped")
    staging = spool.with_name(spool.name + RESTORING)
    if staging.exists():
        raise AuditError(f"{staging} exists, from an interrupted restore: set SPOOL_DIR to another folder")
    return major


def _copy_spool(manifest: Manifest, folder: Path, staging: Path) -> None:
    make_folder(staging)
    for name, written in manifest.files.items():
        if not name.startswith(f"{SPOOL}/"):
            continue
        if copy_file(folder / name, staging / name.removeprefix(f"{SPOOL}/")) != written:
            raise AuditError(f"{folder / name} has changed just now: take another backup, this one is damaged")


def _restore_database(pg_restore: Path, dump: Path, dsn: str) -> None:
    listed = read_program(pg_restore, ["--list", str(dump)]).splitlines(keepends=True)
    with tempfile.NamedTemporaryFile("w", prefix="scoring-restore-") as wanted:
        wanted.writelines(line for line in listed if not any(made in line for made in _MADE_ANEW))
        wanted.flush()
        options = ["--single-transaction", "--exit-on-error", "--no-owner", f"--use-list={wanted.name}"]
        run_program(pg_restore, dsn, [*options, str(dump)])
    with connect(dsn, APPLICATION_NAME) as connection, connection.cursor() as cursor:
        cursor.execute(_MLFLOWS)


def _run(part: str, *arguments: str, **settings: str) -> None:
    if (status := _status(part, *arguments, **settings)) != 0:
        raise AuditError(f"`python -m {' '.join((part, *arguments))}` ended with status {status}; its message is above")


def _status(*command: str, **settings: str) -> int:
    """Run another command to its end; its output is shown here."""
    return subprocess.run([sys.executable, "-m", *command], env={**os.environ, **settings}, check=False).returncode
