"""`python -m bench rollback`."""

from __future__ import annotations

import sys

import typer

from bench.gate import promotion
from bench.gate.deployment import Deploy, deployment_of
from bench.gate.lock import alone
from bench.gate.promote import tell_missing
from fraud.acting_person import person_here
from fraud.model_changes import Act, note_change
from fraud.registry import PRODUCTION, Registry
from fraud.settings import DatabaseRole, load_settings
from fraud.verdict import Verdict


def rollback(*, deploy: Deploy = True) -> None:
    """Put the previous version back into production, and make every server serve it.

    A server that does not answer delays nothing: it is named, and switches by itself. Exit status: 0 every
    server serves it; 20 the registry and all others have changed, but a server did not confirm it; 2 error, nothing has
    changed.
    """
    settings = load_settings()
    deployment = deployment_of(settings) if deploy else None
    registry = Registry(settings.tracking_uri(), settings.model_name, settings.registry_timeout_s)
    with alone(settings.dsn(DatabaseRole.TRAINER), settings.model_name) as check_lock:
        before = registry.number_of(PRODUCTION)
        version, missing = promotion.rollback(registry, deployment, check_lock)
        person = person_here(settings.acting_person)
        dsn = settings.dsn(DatabaseRole.TRAINER)
        note_change(dsn, settings.model_name, Act.ROLLBACK, version.version, before=before, person=person)
    typer.echo(f"Version {version.version} is in production again.")
    tell_missing(missing)
    sys.exit((Verdict.INCONCLUSIVE if missing else Verdict.PASS).exit_status)
