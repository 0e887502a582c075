"""`python -m serve.audit decisions`: who was to be reviewed, and by which policy, computed again from the record."""

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
        str | None, typer.Option(help="Tell all decisions about this application, by its application_id.")
    ] = None,
) -> None:
    """Compute every decision on record again, by the policy that its record names; counts by policy, as JSON.

    Whoever reads about one application learns whether it is in the control sample: keep that from who reviews it. Exit
    status: 0 all follow from signed policies that were in force; 10 nothing was decided (about that application); 2 a
    record names a policy that was not, or the command could not run.
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
