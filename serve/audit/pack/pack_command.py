"""`python -m serve.audit pack`: write the documents required by law, with their evidence."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

from fraud.counted import counted
from fraud.database import connect
from fraud.registry import Registry
from fraud.schema_version import refuse_newer
from fraud.settings import DatabaseRole
from serve.audit.command import audit_settings
from serve.audit.erasure import APPLICATION_NAME
from serve.audit.pack.collecting import collect
from serve.audit.pack.documents import NAMES, declared, filled
from serve.audit.pack.writing import pack_files, write_pack


def pack(
    folder: Annotated[Path, typer.Argument(help="Folder for the pack; files of an earlier one are replaced.")],
) -> None:
    """Write technical documentation (AI Act, Annex IV), inputs of an impact assessment (GDPR, Article 35), an entry for
    a public register of algorithms, and a table of duties, each statement with its evidence.

    Facts that the product can't know are marked as questions. Exit status: 0 it is written; 2 the command could not
    run.
    """
    settings = audit_settings()
    dsn = settings.dsn(DatabaseRole.AUDITOR)
    refuse_newer(dsn)
    registry = Registry(settings.tracking_uri(), settings.model_name, settings.registry_timeout_s)
    with connect(dsn, APPLICATION_NAME) as connection:
        shelf = collect(connection, registry, settings.log_retention_months)
    files = write_pack(folder, pack_files(shelf, dt.datetime.now(dt.UTC)))
    for name in NAMES:
        questions = filled(declared(name), shelf).open_questions
        typer.echo(f"{folder / name}.html: {counted(questions, 'open question')}")
    typer.echo(f"{counted(len(files), 'file')} in {folder}")
