"""`python -m bench promote`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.gate.deployment import Deploy, Deployment, deployment_of
from bench.gate.errors import MEASURE_AGAIN, GateError
from bench.gate.lock import alone
from bench.gate.measured import measured_versions
from bench.gate.promotion import finish
from bench.gate.promotion import promote as promote_version
from fraud.acting_person import person_here
from fraud.model_changes import Act, note_change
from fraud.registry import CANDIDATE, GATE_VERDICT_TAG, PRODUCTION, ModelVersion, Registry
from fraud.settings import DatabaseRole, load_settings
from fraud.verdict import Verdict


def promote(
    *,
    folder: Annotated[
        Path | None, typer.Option("--report", help="Folder of the gate's report; default: <RUN_DIR>/gate/report.")
    ] = None,
    deploy: Deploy = True,
) -> None:
    """Promote the candidate that passed `bench gate --measure-only`, and make every server serve it.

    Nothing changes unless candidate and production are still the two versions that were measured, and every server of
    SERVER_URLS has loaded and checked the candidate. A server that is cut off after that is named; it switches by
    itself, and `bench verify` shows when. Exit status: 0 promoted, 2 error.
    """
    settings = load_settings()
    deployment = deployment_of(settings) if deploy else None
    registry = Registry(settings.tracking_uri(), settings.model_name, settings.registry_timeout_s)
    report = folder or settings.run_dir / "gate" / "report"
    with alone(settings.dsn(DatabaseRole.TRAINER), settings.model_name) as check_lock:
        candidate, champion = registry.version_of(CANDIDATE), registry.version_of(PRODUCTION)
        if candidate is None:
            raise GateError("the registry has no candidate: `python -m train` registers one")
        if champion is not None and champion.version == candidate.version:
            missing = finish(registry, candidate, deployment)
        else:
            measured = _measured_champion(registry, candidate, report)
            missing = promote_version(registry, measured, candidate, deployment, check_lock)
        note_promotion(settings.dsn(DatabaseRole.TRAINER), champion, candidate, settings.acting_person)
    typer.echo(f"Version {candidate.version} is in production{_served(deployment, missing)}.")
    tell_missing(missing)


def _measured_champion(registry: Registry, candidate: ModelVersion, folder: Path) -> ModelVersion | None:
    """What the candidate was measured against: production has to be this version still."""
    versions = measured_versions(folder, registry.model_name)
    if versions.candidate != candidate.version:
        raise GateError(
            f"the candidate is version {candidate.version} by now, but {versions.candidate} was measured: "
            f"{MEASURE_AGAIN}"
        )
    if candidate.tags.get(GATE_VERDICT_TAG) != Verdict.PASS:
        raise GateError(f"the registry does not say that version {candidate.version} passed: {MEASURE_AGAIN}")
    return None if versions.champion is None else registry.model_version(versions.champion)


def note_promotion(dsn: str, champion: ModelVersion | None, candidate: ModelVersion, acting_person: str | None) -> None:
    """Write down that a candidate came into production; a promotion that another command began is noted once."""
    before = None if champion is None or champion.version == candidate.version else champion.version
    person = person_here(acting_person)
    note_change(dsn, candidate.name, Act.PROMOTION, candidate.version, before=before, person=person)


def tell_missing(missing: tuple[str, ...]) -> None:
    """Name the servers that did not confirm a change, on standard error."""
    for line in missing:
        typer.echo(f"not confirmed: {line}; it takes the version by itself once it reaches the registry", err=True)


def _served(deployment: Deployment | None, missing: tuple[str, ...]) -> str:
    if deployment is None:
        return ""
    number = len(deployment.servers)
    return f", and every worker of {number - len(missing)} of {number} servers serves it"
