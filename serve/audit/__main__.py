"""`python -m serve.audit`: is the prediction log whole and unchanged; and a person's right to be forgotten."""

from __future__ import annotations

import datetime as dt
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import msgspec
import psycopg2
import typer

from fraud.command import print_error
from fraud.database import connect
from fraud.errors import ProjectError, SettingsError
from fraud.report.files import write_files
from fraud.schema_version import refuse_newer
from fraud.settings import DatabaseRole, Settings, load_settings
from fraud.verdict import Verdict
from serve.audit.backup.commands import backup, restore
from serve.audit.erasure import APPLICATION_NAME, Erased, remove_old_versions, wait_for_spool
from serve.audit.erasure import erase as erase_applicant
from serve.audit.person import Answered, applications_of, encode_receipt
from serve.audit.unchained import TABLE, count_unchained
from serve.audit.verification import Report
from serve.audit.verification import verify as verify_log
from serve.logs import LogFormat, configure_logging
from serve.prediction_log.anchors import Anchors
from serve.prediction_log.pseudonym import Pseudonyms

logger = logging.getLogger(__name__)

PROCESS: Final = "audit"
SHOWN_LINES: Final = 100
TIMEOUT_S: Final = 120.0

ApplicantRef = Annotated[
    str, typer.Option(prompt="applicant_ref", help="The person, as clients name them. Asked for when not given.")
]

app = typer.Typer(help="Audit the prediction log.", no_args_is_help=True, add_completion=False)
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


@app.command()
def access(applicant_ref: ApplicantRef) -> None:
    """Write everything that is on record about one person to standard output, as JSON (GDPR, Article 15).

    Run it as the owner of the database. What is still on its way from the spool is waited for as by `erase`. Exit
    status: 0 something is on record; 10 nothing is under that reference; 2 the command could not run.
    """
    try:
        found = _applications(_settings(), applicant_ref, TIMEOUT_S)
    except (ProjectError, psycopg2.Error) as error:
        sys.exit(_failed(error))
    logger.info("access: %d rows", len(found))
    typer.echo(msgspec.json.format(msgspec.json.encode({"applications": found}), indent=2).decode())
    sys.exit((Verdict.PASS if found else Verdict.FAIL).exit_status)


@app.command()
def erase(
    applicant_ref: ApplicantRef,
    timeout_s: Annotated[
        float, typer.Option(min=0, help="Longest wait for the spool to be shipped, seconds.")
    ] = TIMEOUT_S,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be erased, and erase nothing.")] = False,
    receipt: Annotated[Path | None, typer.Option(help="File for a receipt, as JSON.", dir_okay=False)] = None,
) -> None:
    """Erase one person's features, ids and pseudonym from every record; the chains still verify afterwards.

    Run it on the server's machine, as the owner of the database. Backups of the database are not reached. Exit status:
    0 erased, or to be erased; 10 nothing is on record under that reference; 2 the command could not run.
    """
    try:
        settings = _settings()
        found = _applications(settings, applicant_ref, timeout_s)
        if not found:
            typer.echo(
                "nothing is on record under that reference: see that it is spelled as clients send it, and that "
                "APPLICANT_REF_KEY is the server's"
            )
            sys.exit(Verdict.FAIL.exit_status)
        records = len({(row.chain_id, row.sequence) for row in found})
        if dry_run:
            typer.echo(f"would be erased: {len(found)} rows in {records} records")
            _list(found)
            return
        if receipt is not None:
            write_files(receipt.parent, {receipt.name: b""})  # while nothing is erased that it could not tell of
        erased = _erase(settings, applicant_ref)
        logger.info("erased %d rows in %d records", erased.rows, erased.records)
        typer.echo(f"erased: {erased.rows} rows in {erased.records} records")
        if receipt is not None:
            write_files(receipt.parent, {receipt.name: encode_receipt(erased, found, dt.datetime.now(dt.UTC))})
    except (ProjectError, psycopg2.Error, OSError) as error:
        sys.exit(_failed(error))


def _applications(settings: Settings, applicant_ref: str, timeout_s: float) -> list[Answered]:
    pseudonym = _pseudonyms(settings).of(applicant_ref)
    refuse_newer(settings.dsn())
    wait_for_spool(settings.spool_folder(), timeout_s)
    with connect(settings.dsn(), APPLICATION_NAME) as connection:
        return applications_of(connection, pseudonym)


def _erase(settings: Settings, applicant_ref: str) -> Erased:
    with connect(settings.dsn(), APPLICATION_NAME) as connection:
        erased = erase_applicant(connection, Anchors(settings.spool_folder()), _pseudonyms(settings).of(applicant_ref))
    remove_old_versions(settings.dsn())
    return erased


def _list(rows: Sequence[Answered]) -> None:
    """Where they are, and nothing of what they say."""
    for row in rows[:SHOWN_LINES]:
        typer.echo(f"request {row.request_id} row {row.row_number}, received {row.received_at:%Y-%m-%d %H:%M:%S} UTC")
    if len(rows) > SHOWN_LINES:
        typer.echo(f"... and {len(rows) - SHOWN_LINES} more")


def _settings() -> Settings:
    settings = load_settings()
    configure_logging(PROCESS, LogFormat(settings.log_format))
    return settings


def _pseudonyms(settings: Settings) -> Pseudonyms:
    if settings.applicant_ref_key is None:
        raise SettingsError("APPLICANT_REF_KEY is not set: without the server's key nobody can be found")
    return Pseudonyms(settings.applicant_ref_key.get_secret_value())


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
