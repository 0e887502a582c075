"""Promotion and rollback: aliases of the registry and the running server, changed together or not at all.

The steps are in such an order that the registry names a working model after each: whoever is killed between two of
them leaves either the old or the new version in production, and the same command run again finishes the work.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from bench.gate.deployment import Deployment
from bench.gate.errors import MEASURE_AGAIN, DeploymentError, GateError
from fraud.registry import CANDIDATE, PREVIOUS, PRODUCTION, ModelVersion, Registry

logger = logging.getLogger(__name__)


def promote(
    registry: Registry,
    champion: ModelVersion | None,
    candidate: ModelVersion,
    deployment: Deployment | None,
    check_lock: Callable[[], None],
) -> None:
    """Make the candidate the production version, and have the server serve it.

    Args:
        registry: where the aliases are.
        champion: what the candidate was measured against; it must still be in production.
        candidate: the version to promote.
        deployment: the server; None when none is running, which then takes the version when it starts.
        check_lock: raises unless nobody else changes aliases.

    Raises:
        GateError: production is another version than the champion by now; nothing has changed.
        DeploymentError: the server does not serve the candidate; the aliases are as they were.
        RegistryError: the registry does not answer.
    """
    check_lock()
    production = registry.version_of(PRODUCTION)
    if _number(production) != _number(champion):
        raise GateError(
            f"production is version {_number(production)} by now, but the candidate was measured against "
            f"{_number(champion)}: {MEASURE_AGAIN}"
        )
    _move(registry, production, candidate, deployment)
    registry.delete_alias(CANDIDATE)


def finish(registry: Registry, version: ModelVersion, deployment: Deployment | None) -> None:
    """Finish the promotion of a candidate that is in production already: an earlier gate was killed on its way.

    Raises:
        DeploymentError: the server does not serve it.
    """
    _deploy(deployment, version)
    registry.delete_alias(CANDIDATE)


def rollback(registry: Registry, deployment: Deployment | None, check_lock: Callable[[], None]) -> ModelVersion:
    """Go back to the version that was in production before; gives it. A second rollback goes forth again.

    Raises:
        GateError: there is none.
        DeploymentError: the server does not serve it; the aliases are as they were.
    """
    check_lock()
    production, previous = registry.version_of(PRODUCTION), registry.version_of(PREVIOUS)
    if previous is None or _number(previous) == _number(production):
        raise GateError(f"there is no earlier version to go back to: production is version {_number(production)}")
    _move(registry, production, previous, deployment)
    return previous


def _move(
    registry: Registry, production: ModelVersion | None, following: ModelVersion, deployment: Deployment | None
) -> None:
    """Put `following` in the place of `production`, or leave all as it was."""
    previous = registry.version_of(PREVIOUS)
    if production is not None:
        registry.set_alias(PREVIOUS, production.version)
    registry.set_alias(PRODUCTION, following.version)
    try:
        _deploy(deployment, following)
    except DeploymentError:
        _restore(registry, PRODUCTION, production)
        _restore(registry, PREVIOUS, previous)
        if deployment is not None and production is not None:
            _return_to_old(deployment)
        raise


def _deploy(deployment: Deployment | None, version: ModelVersion) -> None:
    if deployment is not None:
        deployment.update()
        deployment.verify(version.version)


def _return_to_old(deployment: Deployment) -> None:
    """A server that took the new version after all is told to drop it; one that is away can't be told."""
    try:
        deployment.update()
    except DeploymentError as error:
        logger.error("the server can't be told to keep the old version: %s", error)


def _restore(registry: Registry, alias: str, version: ModelVersion | None) -> None:
    if version is None:
        registry.delete_alias(alias)
    else:
        registry.set_alias(alias, version.version)


def _number(version: ModelVersion | None) -> int | None:
    return None if version is None else version.version
