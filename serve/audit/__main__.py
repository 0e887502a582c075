"""`python -m serve.audit`: is the prediction log whole and unchanged; and a person's right to be forgotten."""

from __future__ import annotations

import logging
import sys
from typing import Annotated, Final

import psycopg2
import typer

from fraud.command import print_error
from fraud.database import connect
from fraud.errors import ProjectError, SettingsError
from fraud.schema_version import refuse_newer
from fraud.settings import DatabaseRole, Settings, load_settings
from fraud.verdict import Verdict
from serve.audit.erasure import APPLICATION_NAME, remove_old_versions, wait_for_spool
from serve.audit.erasure import erase as erase_applicant
from serve.audit.unchained import TABLE, count_unchained
from serve.audit.verification import Report
from serve.audit.verification import verify as verify_log
from serve.logs import LogFormat, configure_logging
from serve.prediction_log.anchors import Anchors
from serve.prediction_log.pseudonym import Pseudonyms

logger = logging.getLogger(__name__)

PROCESS: Final = "audit"
SHOWN_FINDINGS: Final = 100

app = typer.Typer(help="Audit the prediction log.", no_args_is_help=True, add_completion=False)


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


@app.command()
def erase(
    applicant_ref: Annotated[
        str, typer.Option(prompt="applicant_ref", help="The person, as clients name them. Asked for when not given.")
    ],
    timeout_s: Annotated[float, typer.Option(min=0, help="Longest wait for the spool to be shipped, seconds.")] = 120.0,
) -> None:
    """Erase one person's features, ids and pseudonym from every record; the chains still verify afterwards.

    Run it on the server's machine, as the owner of the database. Backups of the database are not reached.
    """
    try:
        settings = _settings()
        pseudonym = _pseudonyms(settings).of(applicant_ref)
        refuse_newer(settings.dsn())
        spool = settings.spool_folder()
        wait_for_spool(spool, timeout_s)
        with connect(settings.dsn(), APPLICATION_NAME) as connection:
            erased = erase_applicant(connection, Anchors(spool), pseudonym)
        remove_old_versions(settings.dsn())
    except (ProjectError, psycopg2.Error) as error:
        sys.exit(_failed(error))
    logger.info("erased %d rows in %d records", erased.rows, erased.records)
    typer.echo(f"erased: {erased.rows} rows in {erased.records} records")


def _settings() -> Settings:
    settings = load_settings()
    configure_logging(PROCESS, LogFormat(settings.log_format))
    return settings


def _pseudonyms(settings: Settings) -> Pseudonyms:
    if settings.applicant_ref_key is None:
        raise SettingsError("APPLICANT_REF_KEY is not set: without the server's key nobody can be found")
    return Pseudonyms(settings.applicant_ref_key.get_secret_value())


def _print(report: Report) -> None:
    for finding in report.findings[:SHOWN_FINDINGS]:
        typer.echo(finding)
    if len(report.findings) > SHOWN_FINDINGS:
        typer.echo(f"... and {len(report.findings) - SHOWN_FINDINGS} more")
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
