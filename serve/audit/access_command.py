"""`python -m serve.audit access`: a person's right of access."""

from __future__ import annotations

import datetime as dt
import logging
import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from fraud.counted import counted
from fraud.report.files import write_files
from fraud.verdict import Verdict
from serve.audit.command import TIMEOUT_S, ApplicantRef, asked_for, audit_settings, find_person
from serve.audit.person_page import access_page

logger = logging.getLogger(__name__)


def access(
    applicant_ref: ApplicantRef = None,
    page: Annotated[
        Path | None, typer.Option(help="File for the same content as an HTML page.", dir_okay=False)
    ] = None,
) -> None:
    """Write everything on record about one person to standard output, as JSON (GDPR, Article 15).

    Run it as the owner of the database. It waits for records in the spool, as `erase` does. Exit status: 0 something is
    on record; 10 nothing is on record under that reference; 2 the command could not run.
    """
    settings = audit_settings()
    found = find_person(settings, asked_for(applicant_ref), TIMEOUT_S)
    if page is not None:
        write_files(page.parent, {page.name: access_page(found, dt.datetime.now(dt.UTC))})
    logger.info("access: %s", counted(len(found), "row"))
    typer.echo(msgspec.json.format(msgspec.json.encode({"applications": found}), indent=2).decode())
    sys.exit((Verdict.PASS if found else Verdict.FAIL).exit_status)
