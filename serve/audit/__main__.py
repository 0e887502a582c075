"""`python -m serve.audit`: is the prediction log whole and unchanged; and a person's right to be forgotten."""

from __future__ import annotations

import logging
import sys
from typing import Final

import psycopg2
import typer

from fraud.command import print_error
from fraud.database import connect
from fraud.errors import ProjectError
from fraud.schema_version import refuse_newer
from fraud.settings import DatabaseRole, Settings, load_settings
from fraud.verdict import Verdict
from serve.audit.access_command import access
from serve.audit.backup.commands import backup, restore
from serve.audit.erase_command import erase
from serve.audit.erasure import APPLICATION_NAME
from serve.audit.rekey_command import rekey
from serve.audit.rewrite_command import rewrite
from serve.audit.unchained import TABLE, count_unchained
from serve.audit.verification import Report
from serve.audit.verification import verify as verify_log
from serve.logs import LogFormat, configure_logging

logger = logging.getLogger(__name__)

PROCESS: Final = "audit"
SHOWN_LINES: Final = 100

app = typer.Typer(help="Audit the prediction log.", no_args_is_help=True, add_completion=False)
app.command()(access)
app.command()(erase)
app.command()(rewrite)
app.command()(rekey)
app.command()(backup)
app.command()(restore)


@app.command()
def verify() -> None:
    """Check every record against the chains of hashes, the anchors outside of the database, and the spool.

    Exit status: 0 nothing is changed, missing, moved or forged; 10 something is; 20 a chain was written on another
    machine, whose anchors are not here; 2 the check could not run.
    """
    try:
        settings = _settings()
        dsn = settings.dsn(DatabaseRole.AUDITOR)
        refuse_newer(dsn)
        with connect(dsn, APPLICATION_NAME) as connection:
            report = verify_log(connection, settings.spool_folder())
            unchained = count_unchained(connection)
    except (ProjectError, psycopg2.Error) as error:
        sys.exit(_failed(error))
    logger.info("verified: %s, %d records, %d findings", report.verdict, report.records, len(report.findings))
    _print(report)
    if unchained:
        typer.echo(f"{unchained} records of the time before records were chained are in {TABLE}: nothing verifies them")
    sys.exit(report.verdict.exit_status)


def _settings() -> Settings:
    settings = load_settings()
    configure_logging(PROCESS, LogFormat(settings.log_format))
    return settings


def _print(report: Report) -> None:
    for finding in report.findings[:SHOWN_LINES]:
        typer.echo(finding)
    if len(report.findings) > SHOWN_LINES:
        typer.echo(f"... and {len(report.findings) - SHOWN_LINES} more")
    typer.echo(
        f"{report.verdict}: {report.records} records in {report.chains} chains, {report.erasures} erasures, "
        f"{len(report.findings)} findings"
    )


def _failed(error: Exception) -> int:
    # PostgreSQL's further lines can quote the data.
    print_error(str(error).partition("\n")[0])
    return Verdict.ERROR.exit_status


if __name__ == "__main__":
    app()
