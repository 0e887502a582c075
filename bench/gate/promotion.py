"""Promotion and rollback: aliases of the registry and the running servers, changed together or not at all.

Every server first loads and checks the version beside the one that it serves; only when all have, aliases move, and all
switch. The steps are in such an order that the registry names a working model after each: whoever is killed between two
of them leaves either the old or the new version in production, and the same command run again finishes the work.
"""

from __future__ import annotations

from collections.abc import Callable

from bench.gate.deployment import Deployment
from bench.gate.errors import MEASURE_AGAIN, DeploymentError, GateError
from fraud.errors import ProjectError
from fraud.registry import CANDIDATE, PREVIOUS, PRODUCTION, ModelVersion, Registry


def promote(
    registry: Registry,
    champion: ModelVersion | None,
    candidate: ModelVersion,
    deployment: Deployment | None,
    check_lock: Callable[[], None],
) -> tuple[str, ...]:
    """Make the candidate the production version, and have the servers serve it.

    Args:
        registry: where the aliases are.
        champion: what the candidate was measured against; it must still be in production.
        candidate: the version to promote.
        deployment: the servers; None when none is running: they take the version when they start.
        check_lock: raises unless nobody else changes aliases.

    Returns:
        A line for each server that could not confirm it: it was prepared, and then away.

    Raises:
        GateError: production is another version than the champion by now; nothing has changed.
        DeploymentError: a server can't serve the candidate; the aliases are as they were.
        RegistryError: the registry does not answer.
    """
    check_lock()
    production = registry.version_of(PRODUCTION)
    if _number(production) != _number(champion):
        raise GateError(
            f"production is version {_number(production)} by now, but the candidate was measured against "
            f"{_number(champion)}: {MEASURE_AGAIN}"
        )
    if deployment is not None:
        deployment.prepare(candidate.version)
        _check_unchanged(registry, production, deployment, check_lock)
    missing = _move(registry, production, candidate, deployment)
    registry.delete_alias(CANDIDATE)
    return missing


def finish(registry: Registry, version: ModelVersion, deployment: Deployment | None) -> tuple[str, ...]:
    """Finish the promotion of a candidate that is in production already: an earlier gate was killed on its way.

    Returns:
        A line for each server that could not confirm it.

    Raises:
        DeploymentError: a server can't serve it, or none answers.
    """
    missing = _switch(deployment, version)
    registry.delete_alias(CANDIDATE)
    return missing


def rollback(
    registry: Registry, deployment: Deployment | None, check_lock: Callable[[], None]
) -> tuple[ModelVersion, tuple[str, ...]]:
    """Go back to the version that was in production before. A second rollback goes forth again.

    A server that is away does not hold it up, since the version that is withdrawn may do harm on all others.

    Returns:
        The version, and a line for each server that could not confirm it.

    Raises:
        GateError: there is none.
        DeploymentError: a server can't serve it, or none answers; the aliases are as they were.
    """
    check_lock()
    production, previous = registry.version_of(PRODUCTION), registry.version_of(PREVIOUS)
    if previous is None or _number(previous) == _number(production):
        raise GateError(f"there is no earlier version to go back to: production is version {_number(production)}")
    if deployment is not None:
        deployment.prepare(previous.version, without_missing=True)
        _check_unchanged(registry, production, deployment, check_lock)
    return previous, _move(registry, production, previous, deployment)


def _check_unchanged(
    registry: Registry, production: ModelVersion | None, deployment: Deployment, check_lock: Callable[[], None]
) -> None:
    """Make sure that nobody else has changed anything while servers prepared, which takes a while."""
    try:
        check_lock()
        found = _number(registry.version_of(PRODUCTION))
        if found != _number(production):
            raise GateError(f"production became version {found} while servers prepared: {MEASURE_AGAIN}")
    except ProjectError:
        deployment.return_to_production()
        raise


def _move(
    registry: Registry, production: ModelVersion | None, following: ModelVersion, deployment: Deployment | None
) -> tuple[str, ...]:
    """Make `following` the production version, or change nothing."""
    previous = registry.version_of(PREVIOUS)
    if production is not None:
        registry.set_alias(PREVIOUS, production.version)
    registry.set_alias(PRODUCTION, following.version)
    try:
        return _switch(deployment, following)
    except DeploymentError:
        _restore(registry, PRODUCTION, production)
        _restore(registry, PREVIOUS, previous)
        if deployment is not None and production is not None:
            deployment.return_to_production()
        raise


def _switch(deployment: Deployment | None, version: ModelVersion) -> tuple[str, ...]:
    return () if deployment is None else deployment.switch(version.version)


def _restore(registry: Registry, alias: str, version: ModelVersion | None) -> None:
    if version is None:
        registry.delete_alias(alias)
    else:
        registry.set_alias(alias, version.version)


def _number(version: ModelVersion | None) -> int | None:
    return None if version is None else version.version
