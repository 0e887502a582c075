"""`python -m serve.audit backup|restore`."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import psycopg2
import typer

from fraud.counted import counted
from fraud.errors import ProjectError
from fraud.foreign_errors import told
from fraud.report.stored import store_report
from fraud.run_lock import is_held
from fraud.settings import Settings, load_settings
from fraud.stack.postgres import EmbeddedPostgres
from serve.audit.backup.manifest import Manifest
from serve.audit.backup.report import failed_report, taken_report
from serve.audit.backup.restoring import restore_backup, verify_restored
from serve.audit.backup.taking import take_backup
from serve.audit.errors import AuditError

EMBEDDED: Final = "postgres"
"""The embedded server's folder in RUN_DIR."""

Programs = Annotated[
    Path | None,
    typer.Option(help="Folder of `pg_dump` and `pg_restore`. Default: the first ones found that are new enough."),
]


def backup(
    folder: Annotated[Path, typer.Argument(help="Folder for the backup; new or empty.", file_okay=False)],
    programs: Programs = None,
) -> None:
    """Back up the database, the spool and the anchors at one point in time; servers keep answering.

    Run it on the server's machine, as the owner of the database and the user of the spool. The backup has every answer
    given before it began. It does not include the settings (APPLICANT_REF_KEY, passwords) and the files of models. Exit
    status: 0 the backup is complete; 2 it is not, and has no manifest.
    """
    settings = load_settings()
    manifest = _take(settings, folder, programs)
    typer.echo(f"backed up: {_told(manifest)}")


def _take(settings: Settings, folder: Path, programs: Path | None) -> Manifest:
    """Take a backup, and store its result in the database, so that a failure is visible there."""
    dsn, where = settings.dsn(), folder.absolute()
    try:
        manifest = take_backup(dsn, settings.spool_folder(), folder, programs)
    except (ProjectError, psycopg2.Error, OSError) as error:
        store_report(dsn, failed_report(dt.datetime.now(dt.UTC), where, told(error)))
        raise
    store_report(dsn, taken_report(manifest, where))
    return manifest


def restore(
    folder: Annotated[Path, typer.Argument(help="Folder of the backup.", file_okay=False, exists=True)],
    programs: Programs = None,
) -> None:
    """Restore a backup into the empty database and spool of the settings, and verify it.

    If no database is configured, the embedded server of RUN_DIR is started in an empty folder, and stopped again. Run
    it as the owner of the database; roles, grants and passwords are created as by `initdb`. Exit status: that of
    `verify`, or 2 if the backup can't be restored.
    """
    settings = load_settings()
    with _database(settings) as dsn:
        manifest = restore_backup(folder, dsn, settings.spool_folder(), programs)
        typer.echo(f"restored: {_told(manifest)}")
        status = verify_restored(dsn, settings.spool_folder())
    sys.exit(status)


@contextmanager
def _database(settings: Settings) -> Iterator[str]:
    if settings.database_url is not None:
        yield settings.dsn()
        return
    data = settings.run_dir / EMBEDDED
    if is_held(settings.run_dir) or data.exists():
        raise AuditError(f"{settings.run_dir} has a database already: set RUN_DIR to another folder")
    server = EmbeddedPostgres(data)
    try:
        yield server.start()
    finally:
        server.stop()


def _told(manifest: Manifest) -> str:
    return (
        f"{counted(len(manifest.files), 'file')}, {manifest.size_bytes / 1e6:.1f} MB, "
        f"of {manifest.taken_at:%Y-%m-%d %H:%M:%S} UTC, schema version {manifest.schema_version}, "
        f"PostgreSQL {manifest.postgres}"
    )
