"""`python -m serve.audit rekey`: move pseudonyms from an earlier APPLICANT_REF_KEY to the newest."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from fraud.counted import counted
from fraud.database import connect
from fraud.schema_version import refuse_newer
from fraud.verdict import Verdict
from serve.audit.command import TIMEOUT_S, anchors_of, audit_settings, pseudonyms_of
from serve.audit.erasure import APPLICATION_NAME, wait_for_spool
from serve.audit.rekeying import rekey as rekey_persons
from serve.audit.rekeying import rows_by_key


def rekey(
    refs: Annotated[
        Path | None,
        typer.Option(
            help="File of references, one on each line, UTF-8. Default: only count.", exists=True, dir_okay=False
        ),
    ] = None,
) -> None:
    """Move people's pseudonyms to the newest APPLICANT_REF_KEY, and count the rows of each key.

    A pseudonym can't be reversed to its reference: only people in the list are rekeyed, and all others are found as
    long as their key is in APPLICANT_REF_OLD_KEYS. Run it as the owner of the database, after restarting the server
    with the new key; run `rewrite` afterwards. Exit status: 0 all rows are under the newest key; 10 some are not; 2 the
    command could not run.
    """
    settings = audit_settings()
    pseudonyms = pseudonyms_of(settings)
    refuse_newer(settings.dsn())
    with connect(settings.dsn(), APPLICATION_NAME) as connection:
        if refs is not None:
            wait_for_spool(settings.spool_folder(), TIMEOUT_S)
            with refs.open(encoding="utf-8") as lines:
                listed = (reference for line in lines if (reference := line.rstrip("\r\n")))
                done = rekey_persons(connection, anchors_of(settings), pseudonyms, listed)
            typer.echo(f"rekeyed: {counted(done.rows, 'row')} in {counted(done.records, 'record')}")
        rows = rows_by_key(connection)
    newest, *older = pseudonyms.key_ids()
    at_newest = rows.pop(newest, 0)
    typer.echo(f"newest key ({newest.hex()}): {counted(at_newest, 'row')}")
    for key_id, count in rows.items():
        typer.echo(f"{_named(key_id, older)}: {counted(count, 'row')}")
    sys.exit((Verdict.FAIL if rows else Verdict.PASS).exit_status)


def _named(key_id: bytes, older: Sequence[bytes]) -> str:
    if not key_id:
        return "from before keys had ids"
    return f"{'earlier' if key_id in older else 'unknown'} key ({key_id.hex()})"
