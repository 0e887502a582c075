"""`python -m serve.audit close-chain`."""

from __future__ import annotations

import uuid
from typing import Annotated

import typer

from fraud.database import connect
from fraud.errors import SettingsError
from fraud.schema_version import refuse_newer
from fraud.settings import DatabaseRole
from serve.audit.closing import close_chain as close
from serve.audit.command import anchors_of, audit_settings
from serve.audit.erasure import APPLICATION_NAME


def close_chain(
    chains: Annotated[list[uuid.UUID], typer.Argument(help="Chains that `verify` calls unwitnessed.")],
    by: Annotated[str, typer.Option(help="Name of the person who closes them.")],
    why: Annotated[str, typer.Option(help="What happened to the server that wrote them.")],
) -> None:
    """Record that chains of a server that is gone for good end where they do.

    Each is verified first, record by record. From then on `verify` on this machine detects records removed from its end
    or added to it, and names who closed it, when and why; this can't be undone. Run it where `verify` runs, with the
    server's AUDIT_KEY. Exit status: 0 all are closed; 2 one is not: it is still in use, is incomplete, or was closed
    before.
    """
    if not by.strip() or not why.strip():
        raise SettingsError("--by and --why must not be empty: they stay on record")
    settings = audit_settings()
    dsn, spool, anchors = settings.dsn(DatabaseRole.AUDITOR), settings.spool_folder(), anchors_of(settings)
    refuse_newer(dsn)
    for chain_id in chains:
        with connect(dsn, APPLICATION_NAME) as connection:
            typer.echo(close(connection, spool, anchors, chain_id, by=by, why=why))
