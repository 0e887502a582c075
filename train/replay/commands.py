"""The project's own commands as an operator would run them, each in a log of its own, ended with the replay."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fraud.stack.child import Child
from train.replay.errors import ReplayError

STOP_TIMEOUT_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Commands:
    """Runs `python -m ...` with settings of the replay's own."""

    environment: Mapping[str, str]
    log_dir: Path

    def run(self, log_name: str, *arguments: str, accepted: tuple[int, ...] = (0,)) -> int:
        """Run to the end; returns the exit status.

        Raises:
            ReplayError: the status is none of the accepted ones; the command's log says why.
        """
        with self._started(log_name, arguments) as child:
            status = child.wait()
        if status not in accepted:
            raise ReplayError(
                f"`python -m {' '.join(arguments)}` ended with status {status}: see the end of {child.log_path}"
            )
        return status

    @contextmanager
    def service(self, log_name: str, *arguments: str) -> Iterator[Child]:
        """Run beside the block, which waits itself until the service answers."""
        with self._started(log_name, arguments) as child:
            yield child

    @contextmanager
    def _started(self, log_name: str, arguments: tuple[str, ...]) -> Iterator[Child]:
        child = Child(
            f"`python -m {arguments[0]}`",
            (sys.executable, "-m", *arguments),
            self.environment,
            self.log_dir / f"{log_name}.log",
        )
        try:
            yield child
        finally:
            child.stop(STOP_TIMEOUT_S)
