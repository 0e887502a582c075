"""A connection to a Ray cluster, on which files are scored and models are trained; Ray is an optional extra."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from fraud.errors import ClusterError

CONNECT_TIMEOUT_S: Final = 5.0

LOCAL: Final = "local"
"""Ray's name for a cluster of this machine alone, which is there for the run."""


@contextmanager
def connected(address: str | None, extra: str) -> Iterator[Any]:
    """Ray, connected to a cluster for the block; errors of our own come out of it as they were raised there.

    Args:
        address: HOST:PORT of the cluster's head; None: RAY_ADDRESS, or else one of this machine alone, for the run.
        extra: of the project, which a node needs beside `ray`.

    Raises:
        ClusterError: Ray is not installed, there is no such cluster, or it lost more than Ray can make up for.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray  # noqa: PLC0415 - an optional extra
    except ImportError:
        raise ClusterError(f"Ray is not installed: expected `pip install '.[{extra},ray]'`") from None
    where = address or os.environ.get("RAY_ADDRESS") or LOCAL
    if address is not None:
        _refuse_unreachable(address)
    try:
        _begin(ray, where)
        yield ray
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, Exception):
            raise error.cause from None
        raise
    except ray.exceptions.RayError as error:
        raise ClusterError(f"the Ray cluster failed: {_first_line(error)}") from error
    finally:
        ray.shutdown()


def cores_of(ray: Any) -> int:
    """Of all nodes of the cluster.

    Raises:
        ClusterError: there are none.
    """
    cores = int(ray.cluster_resources().get("CPU", 0))
    if not cores:
        raise ClusterError("the Ray cluster has no core: start a node with `ray start --address HOST:PORT`")
    return cores


def _begin(ray: Any, where: str) -> None:
    """Connect, or start a cluster here."""
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if where == LOCAL:
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # each of its processes would compile all of Ray again
        options["include_dashboard"] = False  # nobody is there to look at it
    try:
        ray.init(where, **options)
    except Exception as error:  # Ray raises nothing narrower
        raise ClusterError(f"no Ray cluster can be used at {where}: {_first_line(error)}") from error


def _refuse_unreachable(address: str) -> None:
    """Raise ClusterError where nobody listens: Ray itself would ask for minutes."""
    host, _, port = address.rpartition(":")
    if not (host and port.isdigit()):
        raise ClusterError(f"--address {address}: expected HOST:PORT of the cluster's head")
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_TIMEOUT_S).close()
    except (OSError, OverflowError) as error:
        raise ClusterError(f"no Ray cluster can be used at {address}: {error}") from None


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
