"""`python -m serve.audit rewrite`: the second step of an erasure, for a time of low load."""

from __future__ import annotations

import sys
from typing import Annotated, Final

import typer

from fraud.verdict import Verdict
from serve.audit.command import audit_settings
from serve.audit.receipt import remains_after
from serve.audit.rewriting import due_tables
from serve.audit.rewriting import rewrite as rewrite_tables

REWRITE_TIMEOUT_S: Final = 600.0


def rewrite(
    *,
    check: Annotated[bool, typer.Option("--check", help="Change nothing, only print what is due.")] = False,
    timeout_s: Annotated[
        float, typer.Option(min=0, help="Maximum wait for readers of a table, seconds.")
    ] = REWRITE_TIMEOUT_S,
) -> None:
    """Rewrite the log's months with erased data, and the WAL, so that no file contains erased data.

    Run it as the owner of the database, at a time of low load, e.g. nightly by cron; if nothing is due, it does
    nothing. A month can't be used while it is rewritten, about a minute for each 5 GB; predictions are still answered,
    and wait in the spool. The disk needs space for a second copy of the largest month.

    Exit status: 0 nothing is due, or all was done; 10 with --check: something is due; 2 it could not be done
    completely.
    """
    dsn = audit_settings().dsn()
    if check:
        tables = due_tables(dsn)
        for table in tables:
            typer.echo(f"due: {table.name}, {table.bytes / 1e6:.0f} MB")
        sys.exit((Verdict.FAIL if tables else Verdict.PASS).exit_status)
    rewritten = rewrite_tables(dsn, timeout_s, lambda told: typer.echo(told, err=True))
    typer.echo(f"rewritten: {', '.join(table.name for table in rewritten.tables) or 'nothing was due'}")
    for remains in remains_after(rewritten):
        typer.echo(f"remains: {remains}")
