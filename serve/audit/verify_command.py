"""`python -m serve.audit verify`."""

from __future__ import annotations

import logging
import platform
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Final

import typer
from psycopg2.extensions import connection as Connection

from fraud.command import interrupt_once, print_error
from fraud.counted import counted
from fraud.database import connect
from fraud.report.files import write_files
from fraud.report.stored import store_report
from fraud.schema_version import read_version, refuse_newer
from fraud.settings import DatabaseRole, Settings, load_settings
from serve.audit.checkpoint import NAME, read_checkpoint, remove_checkpoint
from serve.audit.collected import read_collected
from serve.audit.command import CollectedAnchors
from serve.audit.erasure import APPLICATION_NAME
from serve.audit.signatures import told_signing
from serve.audit.unchained import TABLE, count_unchained
from serve.audit.verification import Report
from serve.audit.verification import verify as verify_log
from serve.audit.verify_progress import VerifyProgress, going_on_line
from serve.audit.verify_report import Place, Versions, told_of, write_report
from serve.logs import LogFormat, configure_logging
from serve.prediction_log.anchor_key import anchor_key
from serve.prediction_log.anchors import Anchors

logger = logging.getLogger(__name__)

PROCESS: Final = "audit"
SHOWN_LINES: Final = 100
INTERRUPTED: Final = 130
"""Exit status after Ctrl-C, as in shells."""


def verify(
    resume: Annotated[
        bool, typer.Option("--resume", help="Resume an interrupted verification, from SPOOL_DIR/" + NAME + ".")
    ] = False,
    anchors: CollectedAnchors = None,
    report: Annotated[
        Path | None, typer.Option(help="Folder for a dated report, as JSON and HTML.", file_okay=False)
    ] = None,
) -> None:
    """Check every record against the chains of hashes, the anchors outside of the database, and the spool.

    Exit status: 0 no record is changed, missing, moved or forged; 10 some are; 20 a chain was written on another
    machine, whose anchors are not here; 2 the check could not run.
    """
    try:
        interrupt_once()
        settings = load_settings()
        configure_logging(PROCESS, LogFormat(settings.log_format))
        found = _verify(settings, resume, anchors or (), report)
    except KeyboardInterrupt:
        print_error(
            "interrupted: `python -m serve.audit verify --resume` continues from the checkpoint of some seconds ago"
        )
        sys.exit(INTERRUPTED)
    sys.exit(found.verdict.exit_status)


def _verify(settings: Settings, resume: bool, places: Sequence[Path], folder: Path | None) -> Report:
    dsn, spool = settings.dsn(DatabaseRole.AUDITOR), settings.spool_folder()
    key = anchor_key(settings)
    begun = read_checkpoint(spool, key) if resume else None
    if folder is not None:
        write_files(folder, {})  # check the folder before hours are spent
    refuse_newer(dsn)
    progress = VerifyProgress(spool, key)
    if begun is not None:
        typer.echo(going_on_line(begun), err=True)
    with connect(dsn, APPLICATION_NAME) as connection:
        found = verify_log(
            *(connection, spool, key, read_collected(places, key)),
            begun=begun,
            show=progress.show,
            save=progress.keep,
        )
        unchained = count_unchained(connection)
        place, versions = Place(connection.info.dbname, str(spool)), _versions(connection)
    records, findings = counted(found.records, "record"), counted(found.found, "finding")
    logger.info("verified: %s, %s, %s", found.verdict, records, findings)
    signing = told_signing(Anchors(spool), has_key=key is not None)
    _print(found, unchained, signing)
    report = told_of(found, place, versions, unchained)
    store_report(dsn, report)
    if folder is not None:
        for path in write_report(folder, report):
            typer.echo(f"report: {path}")
    remove_checkpoint(spool)
    return found


def _versions(connection: Connection) -> Versions:
    postgres = connection.get_parameter_status("server_version") or ""
    return Versions(read_version(connection), postgres, platform.python_version(), version("psycopg2-binary"))


def _print(report: Report, unchained: int, signing: str) -> None:
    for finding in report.findings[:SHOWN_LINES]:
        typer.echo(finding)
    if report.found > SHOWN_LINES:
        typer.echo(f"... and {report.found - SHOWN_LINES} more")
    typer.echo(
        f"{report.verdict}: {counted(report.records, 'record')} in {counted(report.chains, 'chain')}, "
        f"{counted(report.erasures, 'erasure')}, {counted(report.found, 'finding')}"
    )
    for closure in report.closures:
        typer.echo(closure)
    typer.echo(signing)
    if unchained:
        typer.echo(f"not verified: {counted(unchained, 'record')} from before records were chained, in {TABLE}")
