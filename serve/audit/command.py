"""Shared code of the audit's commands: settings, exit statuses, and the person's reference."""

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
    "nothing is on record under that reference: check that it is spelled as clients send it, and that "
    "APPLICANT_REF_KEY is the server's (APPLICANT_REF_OLD_KEYS: its earlier keys)"
)

ApplicantRef = Annotated[
    str | None, typer.Option(help="The person, as clients name them. Prompted for if not given.", show_default=False)
]

CollectedAnchors = Annotated[
    list[Path] | None,
    typer.Option(help="Folder or file with anchors collected elsewhere (ANCHOR_URL); can be repeated."),
]


def audit_settings() -> Settings:
    """Read the settings, and configure logging."""
    settings = load_settings()
    configure_logging(PROCESS, LogFormat(settings.log_format))
    return settings


def pseudonyms_of(settings: Settings) -> Pseudonyms:
    """The pseudonyms under all keys of the server.

    Raises:
        SettingsError: no key is set.
    """
    if settings.applicant_ref_key is None:
        raise SettingsError("APPLICANT_REF_KEY is not set: people can only be found with the server's key")
    return Pseudonyms(*settings.ref_keys())


def anchors_of(settings: Settings) -> Anchors:
    """The anchors, with the server's key if they are signed.

    Raises:
        SpoolError: they are signed, and no key is set.
    """
    anchors = Anchors(settings.spool_folder(), anchor_key(settings))
    anchors.refuse_without_key()
    return anchors


def asked_for(applicant_ref: str | None) -> str:
    """The person's reference; prompted for on standard error, since standard output has the result.

    Raises:
        SettingsError: no reference was given.
    """
    if applicant_ref is None:
        typer.echo("Applicant ref: ", err=True, nl=False)  # click's prompt would still print a space on standard output
        applicant_ref = sys.stdin.readline().rstrip("\r\n")
    if not applicant_ref:
        raise SettingsError("no person was named: expected the person's reference, as clients send it")
    return applicant_ref


def find_person(settings: Settings, applicant_ref: str, timeout_s: float) -> list[Answered]:
    """Everything on record about one person, once the spool is shipped.

    Raises:
        ProjectError, psycopg2.Error: it can't be read.
    """
    pseudonyms = pseudonyms_of(settings).all_of(applicant_ref)
    refuse_newer(settings.dsn())
    wait_for_spool(settings.spool_folder(), timeout_s)
    with connect(settings.dsn(), APPLICATION_NAME) as connection:
        return applications_of(connection, pseudonyms)
