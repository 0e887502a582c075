"""`python -m bench.experiments.peers.unlogged`: `python -m serve` as it is, but with workers that record nothing.

For measuring what the prediction log costs; there is no setting for it, because no deployment may have it off.
"""

from __future__ import annotations

from typing import Any, Final

from fraud.command_line import CommandLine
from serve import __main__ as server
from serve.workers import supervisor

WORKER: Final = "serve.workers.worker"
UNLOGGED_WORKER: Final = "bench.experiments.peers.unlogged_worker"


def unlogged_command(*arguments: Any) -> tuple[str, ...]:
    """What starts a worker, with ours in its place."""
    return tuple(UNLOGGED_WORKER if part == WORKER else part for part in supervisor.worker_command(*arguments))


if __name__ == "__main__":
    server.worker_command = unlogged_command  # type: ignore[assignment, attr-defined]
    CommandLine(server.serve)()
