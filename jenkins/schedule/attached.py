"""A command whose output is ours: where somebody else keeps the logs, as Kubernetes does."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence

from fraud.environment import without_libpq_variables
from fraud.stack.child import end_with_parent


class Attached:
    """One command that runs, in a session of its own: a signal reaches it through `terminate` only."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start it; `name` is what messages call it, `environment` are variables beside our own ones."""
        self.name = name
        self._process = subprocess.Popen(
            command,
            env={**without_libpq_variables(os.environ), **environment},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=end_with_parent,  # noqa: PLW1509 - no other thread runs
        )

    def wait(self) -> int:
        """Return the exit status, once it has ended by itself."""
        return self._process.wait()

    def terminate(self) -> None:
        """Ask it to end; return at once."""
        self._process.terminate()
