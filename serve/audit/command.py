"""What the audit's commands share: their settings, their ends, and the person they are about."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from fraud.database import connect
from fraud.errors import SettingsError
from fraud.schema_version import refuse_newer
from fraud.settings import Settings, load_settings
from serve.audit.erasure import APPLICATION_NAME, wait_for_spool
from serve.audit.person import Answered, applications_of
from serve.logs import LogFormat, configure_logging
from serve.prediction_log.anchor_key import anchor_key
from serve.prediction_log.anchors import Anchors
from serve.prediction_log.pseudonym import Pseudonyms

PROCESS: Final = "audit"
TIMEOUT_S: Final = 120.0
NOBODY: Final = (
    "nothing is on record under that reference: see that it is spelled as clients send it, and that APPLICANT_REF_KEY "
    "is the server's (APPLICANT_REF_OLD_KEYS: those that it had before)"
)

ApplicantRef = Annotated[
    str | None, typer.Option(help="The person, as clients name them. Asked for when not given.", show_default=False)
]

CollectedAnchors = Annotated[
    list[Path] | None,
    typer.Option(help="Folder or file with anchors that were collected elsewhere (ANCHOR_URL); may be repeated."),
]


def audit_settings() -> Settings:
    """The settings, with log lines in their form."""
    settings = load_settings()
    configure_logging(PROCESS, LogFormat(settings.log_format))
    return settings


def pseudonyms_of(settings: Settings) -> Pseudonyms:
    """What makes pseudonyms under all keys of the server.

    Raises:
        SettingsError: no key is set.
    """
    if settings.applicant_ref_key is None:
        raise SettingsError("APPLICANT_REF_KEY is not set: without the server's key nobody can be found")
    return Pseudonyms(*settings.ref_keys())


def anchors_of(settings: Settings) -> Anchors:
    """The anchors, which are signed where the server signs them.

    Raises:
        SpoolError: they are signed, and no key is set.
    """
    anchors = Anchors(settings.spool_folder(), anchor_key(settings))
    anchors.refuse_without_key()
    return anchors


def asked_for(applicant_ref: str | None) -> str:
    """The person; asked for on standard error, since standard output is for what is found.

    Raises:
        SettingsError: nobody was named.
    """
    if applicant_ref is None:
        typer.echo("Applicant ref: ", err=True, nl=False)  # click's prompt has a space on standard output even so
        applicant_ref = sys.stdin.readline().rstrip("\r\n")
    if not applicant_ref:
        raise SettingsError("nobody was named: give the person's reference, as clients send it")
    return applicant_ref


def find_person(settings: Settings, applicant_ref: str, timeout_s: float) -> list[Answered]:
    """All that is on record about one person, once the spool is shipped.

    Raises:
        ProjectError, psycopg2.Error: it can't be read.
    """
    pseudonyms = pseudonyms_of(settings).all_of(applicant_ref)
    refuse_newer(settings.dsn())
    wait_for_spool(settings.spool_folder(), timeout_s)
    with connect(settings.dsn(), APPLICATION_NAME) as connection:
        return applications_of(connection, pseudonyms)
