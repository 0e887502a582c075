"""`backup`: database, spool and anchors at one point in time, while the server answers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ
from psycopg2.extensions import connection as Connection

from fraud.database import connect, open_connection
from fraud.schema_version import read_version
from serve.audit.amendment import LOCK
from serve.audit.backup.manifest import DUMP, FORMAT, MANIFEST, SPOOL, File, Manifest, measure, write_manifest
from serve.audit.backup.programs import find_program, run_program
from serve.audit.backup.spool_copy import SpoolCopy
from serve.audit.erasure import APPLICATION_NAME
from serve.audit.errors import AuditError
from serve.prediction_log.segment import make_folder

LOCK_TIMEOUT: Final = "30s"
"""Lock timeout: this lock waits for the shipper's current statement, and later statements wait for this lock."""

_HAS_CHAINS: Final = "SELECT to_regclass('public.prediction_chains') IS NOT NULL"
_KEEP_MONTHS: Final = "LOCK TABLE public.prediction_requests IN ACCESS SHARE MODE"
"""Held until the dump is complete: months are detached only while nobody uses the table."""
_STOP_SHIPPING: Final = "LOCK TABLE public.prediction_chains IN SHARE MODE"
_SNAPSHOT: Final = "SELECT pg_export_snapshot(), now(), current_setting('server_version')"
_MONTHS_TO_DROP: Final = "public.prediction_requests_*_expired"


def take_backup(dsn: str, spool: Path, folder: Path, programs: Path | None) -> Manifest:
    """Back up into a new or empty folder; the backup is complete once its manifest exists.

    Raises:
        AuditError: the folder has files; there is no `pg_dump`, or it fails; a file of the spool can't be read.
        DatabaseError, psycopg2.Error: PostgreSQL does not answer, or refuses.
        OSError: the folder can't be written.
    """
    _refuse_used(folder, spool)
    version, major = _versions(dsn)
    pg_dump = find_program("pg_dump", major, programs)
    make_folder(folder)
    copy = SpoolCopy(spool, folder / SPOOL)
    copy.copy_sealed()
    dump = folder / DUMP
    with closing(open_connection(dsn, APPLICATION_NAME)) as reader:
        reader.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ, readonly=True)
        with reader.cursor() as cursor:
            cursor.execute(_KEEP_MONTHS)
            with _nothing_shipped(dsn):
                files = copy.copy_rest()
                cursor.execute(_SNAPSHOT)
                row: tuple[str, dt.datetime, str] = cursor.fetchone() or ("", dt.datetime.now(dt.UTC), "")
        snapshot, taken_at, postgres = row
        dump.touch(mode=0o600)
        arguments = ["--format=custom", "--compress=1", f"--snapshot={snapshot}", f"--exclude-table={_MONTHS_TO_DROP}"]
        run_program(pg_dump, dsn, [*arguments, f"--file={dump}"])
    manifest = Manifest(FORMAT, taken_at, version, postgres, _named(folder, files | {dump: measure(dump)}))
    write_manifest(folder, manifest)
    return manifest


@contextmanager
def _nothing_shipped(dsn: str) -> Iterator[Connection]:
    """Stop shipping and erasure for the block; answers are recorded in the spool."""
    with closing(open_connection(dsn, APPLICATION_NAME, {"lock_timeout": LOCK_TIMEOUT})) as connection:
        with connection.cursor() as cursor:
            cursor.execute(LOCK)
            cursor.execute(_STOP_SHIPPING)
        yield connection


def _refuse_used(folder: Path, spool: Path) -> None:
    if folder.resolve().is_relative_to(spool.resolve()):
        raise AuditError(f"{folder} is in the spool: name a folder elsewhere, best on another disk")
    if folder.exists() and any(folder.iterdir()):
        what = "a backup is there" if (folder / MANIFEST).exists() else "it has files"
        raise AuditError(f"{folder} is not empty, {what}: name another folder")


def _versions(dsn: str) -> tuple[int, int]:
    """Versions of the schema and of PostgreSQL."""
    with connect(dsn, APPLICATION_NAME) as connection, connection.cursor() as cursor:
        version = read_version(connection)
        cursor.execute(_HAS_CHAINS)
        if cursor.fetchone() != (True,):
            raise AuditError("the database has no chained records: back it up by `pg_dump`")
        return version, connection.server_version // 10_000


def _named(folder: Path, files: dict[Path, File]) -> dict[str, File]:
    return {str(path.relative_to(folder)): file for path, file in sorted(files.items())}
