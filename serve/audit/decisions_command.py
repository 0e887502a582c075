"""`python -m serve.audit decisions`: recompute from the record which applications a policy selected for review."""

from __future__ import annotations

import sys
from typing import Annotated

import msgspec
import typer

from fraud.database import connect
from fraud.review_policy import signed_policies
from fraud.review_policy_table import read_journal
from fraud.schema_version import refuse_newer
from fraud.settings import DatabaseRole
from fraud.verdict import Verdict
from serve.audit.command import audit_settings
from serve.audit.decisions import count, decisions
from serve.audit.erasure import APPLICATION_NAME


def decisions_command(
    application: Annotated[
        str | None, typer.Option(help="Print all decisions about this application, by its application_id.")
    ] = None,
) -> None:
    """Recompute every recorded decision by the policy that its record names; prints counts by policy, as JSON.

    The decisions about one application reveal whether it is in the control sample: keep them from its reviewers. Exit
    status: 0 all follow from signed policies in force; 10 there are no decisions (about that application); 2 a record
    names a policy that was not signed or in force, or the command could not run.
    """
    settings = audit_settings()
    dsn = settings.dsn(DatabaseRole.AUDITOR)
    refuse_newer(dsn)
    with connect(dsn, APPLICATION_NAME) as connection:
        policies = signed_policies(read_journal(connection))
        found = decisions(connection, policies, settings.control_secret(), application)
        told = count(found) if application is None else list(found)
    typer.echo(msgspec.json.format(msgspec.json.encode({"decisions": told}), indent=2).decode())
    sys.exit((Verdict.PASS if told else Verdict.FAIL).exit_status)
