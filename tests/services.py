"""Which tests need a service, told by the fixtures they use; all others are kept from starting one.

A service is a process that others call: PostgreSQL, MLflow, a scoring server, a whole stack.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.no_services.refusal import refuse_database

MARKER: Final = "service"
STARTERS: Final = frozenset(
    {
        "postgres",  # one a session, below every database and MLflow
        "own_postgres",  # that stops in the middle
        "postgres_folder",  # where a test starts its own
        "ray_cluster",  # nodes on ports of their own
        "nats_server",
        "kafka_server",
        "stack",  # one a session, below all servers beside it
        "used_run_dir",  # stacks of its own
        "acceptance_folder",  # of a stack of its own
        "experiment",  # `python -m bench chaos` and the like, each on a site of its own
        "client_core",  # of a client of several servers
        "start_server",  # `python -m serve` that is to fail
        "failing_stack",  # `python -m fraud.stack` that is to fail
    }
)
"""The fixtures that start a service. Whoever uses one of them, be it through other fixtures, needs a service."""
ALONE: Final = "alone"
MACHINES: Final = frozenset({"experiment", "client_core"})
"""The fixtures whose tests want the machine for themselves, since they load all of it."""
SIMULATION: Final = "simulation"
SIMULATED: Final = "world"
"""The fixture of simulated applicants, on which error rates are counted: a minute and more of one core."""

_GUARD_FOLDER: Final = Path(__file__).parent / "no_services"
_guarded = threading.Event()


def mark(item: pytest.Item) -> None:
    """Mark a test by the fixtures it uses."""
    used: list[str] = getattr(item, "fixturenames", [])
    if not STARTERS.isdisjoint(used):
        item.add_marker(MARKER)
    if not MACHINES.isdisjoint(used):
        item.add_marker(ALONE)
    if SIMULATED in used:
        item.add_marker(SIMULATION)


@contextmanager
def no_services() -> Iterator[None]:
    """Until the end of the block this process starts no PostgreSQL, and its children serve no port."""
    paths = filter(None, (str(_GUARD_FOLDER), os.environ.get("PYTHONPATH")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(paths))
        _guarded.set()
        try:
            yield
        finally:
            _guarded.clear()


def _refuse_while_guarded(event: str, arguments: tuple[object, ...]) -> None:
    if _guarded.is_set():
        refuse_database(event, arguments)


# A hook stays until the process ends.
sys.addaudithook(_refuse_while_guarded)
