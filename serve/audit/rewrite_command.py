"""`python -m serve.audit rewrite`: the second half of an erasure, in a quiet hour."""

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
    check: Annotated[bool, typer.Option("--check", help="Change nothing, only say what is due.")] = False,
    timeout_s: Annotated[
        float, typer.Option(min=0, help="Longest wait for readers of a table, seconds.")
    ] = REWRITE_TIMEOUT_S,
) -> None:
    """Rewrite the months of the log of which something was erased, and the WAL: what was erased is in no file then.

    Run it as the owner of the database, in a quiet hour; by cron each night, for example, it does nothing where nothing
    is due. While a month is rewritten nobody can use it: about a minute for each 5 GB; predictions are answered
    meanwhile, and wait in the spool. The disk needs room for a second copy of the largest month.

    Exit status: 0 nothing is due (any more); 10 with --check: something is; 2 it could not be done, or not all of it.
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
