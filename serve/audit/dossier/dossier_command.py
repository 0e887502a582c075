"""`python -m serve.audit dossier`: write a dossier about one application, with its proof."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated, Final

import typer
from psycopg2.extensions import connection as Connection

from fraud.counted import counted
from fraud.database import connect
from fraud.languages import ENGLISH
from fraud.registry import Registry
from fraud.report.files import write_files
from fraud.review_policy import signed_policies
from fraud.review_policy_table import read_journal
from fraud.schema_version import refuse_newer
from fraud.settings import DatabaseRole, Settings
from fraud.verdict import Verdict
from serve.audit.answering_versions import AnsweringVersions
from serve.audit.collected import Collected, read_collected
from serve.audit.command import TIMEOUT_S, CollectedAnchors, audit_settings
from serve.audit.dossier.annex import ANNEX_FILE, annex_of
from serve.audit.dossier.document import Audience
from serve.audit.dossier.gathering import Row, Sources, Wish, gather, rows_of_application
from serve.audit.dossier.model_facts import ModelShelf
from serve.audit.dossier.page import LANGUAGES_OFFERED, dossier_page
from serve.audit.dossier.sealing import JSON_FILE, open_sealed, seal
from serve.audit.erasure import APPLICATION_NAME, refuse_damaged
from serve.audit.shipped import wait_until_anchored
from serve.audit.stored_rows import LoggedRecord, records_of_application, records_of_request
from serve.audit.witnesses import Outside
from serve.prediction_log.anchor_key import anchor_key

logger = logging.getLogger(__name__)

PAGE_FILE: Final = "dossier.html"
NOTHING: Final = (
    "nothing is on record under that id: it was never sent, or it was erased; --request finds erased applications"
)


def dossier(
    folder: Annotated[Path, typer.Argument(help=f"Folder for {JSON_FILE} and {PAGE_FILE}.", file_okay=False)],
    *,
    application: Annotated[str | None, typer.Option(help="The application's id, as clients send it.")] = None,
    request: Annotated[
        str | None,
        typer.Option(help="Instead of --application: the id of a request, such as one whose application was erased."),
    ] = None,
    row: Annotated[int, typer.Option(min=0, help="With --request: number of its application, from 0.")] = 0,
    audience: Annotated[Audience, typer.Option("--for", help="Audience of the dossier.")] = Audience.CITIZEN,
    language: Annotated[str, typer.Option(help=f"Language of the dossier: {', '.join(LANGUAGES_OFFERED)}.")] = ENGLISH,
    anchors: CollectedAnchors = None,
    annex: Annotated[
        bool,
        typer.Option(
            "--annex",
            help=f"{ANNEX_FILE} too: all rows of the records, also other people's. Only for an expert of a court.",
        ),
    ] = False,
) -> None:
    """Write a dossier about one application: what was sent and answered, why, by which model, people's acts, and the
    proof.

    Run it on the server's machine. Exit status: 0 it is written; 10 nothing is on record; 2 the command could not run.
    """
    if language not in LANGUAGES_OFFERED:
        raise typer.BadParameter(f"expected one of {', '.join(LANGUAGES_OFFERED)}", param_hint="--language")
    if (application is None) == (request is None):
        raise typer.BadParameter("expected either this option or --request", param_hint="--application")
    settings = audit_settings()
    dsn, key = settings.dsn(DatabaseRole.AUDITOR), anchor_key(settings)
    refuse_newer(dsn)
    wait_until_anchored(settings.spool_folder(), TIMEOUT_S)
    refuse_damaged(settings.spool_folder())  # also what was set aside meanwhile
    with connect(dsn, APPLICATION_NAME) as connection:
        rows = _rows(connection, application, request, row)
        if not rows:
            typer.echo(NOTHING, err=True)
            sys.exit(Verdict.FAIL.exit_status)
        sources = sources_of(settings, connection, read_collected(anchors or (), key))
        made = gather(sources, rows, Wish(application, audience, language))
    data = seal(made, key)
    contents = {JSON_FILE: data, PAGE_FILE: dossier_page(made, open_sealed(data).seal.sha256)}
    if annex:
        contents[ANNEX_FILE] = annex_of([one.logged for one in rows])
    for path in write_files(folder, contents):
        typer.echo(path)
    logger.info("dossier: %s, for %s", counted(len(made.answers), "answer"), audience)


def sources_of(settings: Settings, connection: Connection, collected: Collected | None = None) -> Sources:
    """The sources of a dossier, from the settings.

    Raises:
        SettingsError: a key can't be read, or no registry is configured.
        PolicyError: the journal of policies has an invalid signature.
    """
    registry = Registry(settings.tracking_uri(), settings.model_name, settings.registry_timeout_s)
    outside = Outside(settings.spool_folder(), anchor_key(settings), collected or Collected())
    policies = signed_policies(read_journal(connection))
    shelf = ModelShelf(registry, connection)
    return Sources(connection, outside, policies, settings.control_secret(), AnsweringVersions(registry), shelf)


def _rows(connection: Connection, application: str | None, request: str | None, row: int) -> list[Row]:
    if application is not None:
        return rows_of_application(list(records_of_application(connection, application)), application)
    records: list[LoggedRecord] = list(records_of_request(connection, request or ""))
    return [Row(one, row) for one in records if row < len(one.record.probabilities)]
