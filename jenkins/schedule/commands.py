"""Runs the project's commands one at a time, each with a log of its own, and can be told to stop."""

from __future__ import annotations

import datetime as dt
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fraud.stack.child import Child

logger = logging.getLogger(__name__)


class Commands:
    """What runs now, if anything does. A stop waits for it; a second one ends it."""

    def __init__(self, log_dir: Path) -> None:
        self._log_dir = log_dir
        self._running: Child | None = None
        self._task: str | None = None
        self._stopping = False

    @contextmanager
    def task(self, name: str) -> Iterator[None]:
        """Everything that runs in the block belongs to one task, which a stop waits for."""
        self._task = name
        try:
            yield
        finally:
            self._task = None

    def run(self, *arguments: str) -> int:
        """Run `python -m ...` to its end; gives the exit status."""
        log = self._log_dir / f"{dt.datetime.now(dt.UTC):%Y%m%d-%H%M%S}-{'-'.join(arguments[:2])}.log"
        name = f"`python -m {' '.join(arguments)}`"
        logger.info("%s begins, log: %s", name, log)
        # In a session of its own: a Ctrl-C at the terminal reaches it through `stop` only.
        self._running = Child(name, (sys.executable, "-m", *arguments), {}, log)
        try:
            status = self._running.wait()
        finally:
            self._running = None
        logger.info("%s ended with status %d", name, status)
        return status

    def is_stopping(self) -> bool:
        """Whether nothing new may begin."""
        return self._stopping

    def stop(self) -> bool:
        """Ask for the end; False when there is no task that would have to end first."""
        if self._task is None:
            return False
        if not self._stopping:
            logger.warning("stopping once %s has ended; the same signal again ends its command now", self._task)
        elif self._running is not None:
            logger.warning("ending %s now", self._running.name)
            self._running.terminate()
        self._stopping = True
        return True
